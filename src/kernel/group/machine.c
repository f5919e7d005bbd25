/* SPDX-License-Identifier: Apache-2.0 */
/* The machine as its limits leave it, and what the container's tasks use of it: see group.h. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysinfo.h> /* the host's call */
#include <unistd.h>

#include "base/cleanup.h"
#include "kernel/group/group.h"
#include "kernel/host_facts.h"
#include "kernel/kernel.h"
#include "kernel/task/snapshot.h"
#include "kernel/task/task.h"
#include "platform/platform.h"

#define PAGE        4096u
#define NS_PER_US   1000u
#define US_PER_TICK 10000u

/* ---- memory ---- */

/* Resident pages of a stub: statm's second number. */
static uint64_t resident(pid_t host_pid)
{
    char path[40], text[128];
    unsigned long long size, pages;

    (void) snprintf(path, sizeof(path), "/proc/%d/statm", (int) host_pid);
    _cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
    if (n <= 0)
        return 0;
    text[n] = '\0';
    return sscanf(text, "%llu %llu", &size, &pages) == 2 ? pages * PAGE : 0;
}

static uint64_t resident_of_all(struct kernel *k)
{
    struct task_snapshot s;
    uint64_t sum = 0;

    for (pid_t pid = 1; (pid = task_next_pid(k, pid)) > 0; pid++)
        if (task_snapshot(k, pid, &s) == 0 && s.host_pid > 0)
            sum += resident(s.host_pid);
    return sum;
}

uint64_t group_memory_used(struct kernel *k)
{
    uint64_t v;

    return group_number(k, GROUP_MEMORY_CURRENT, &v) ? v : resident_of_all(k);
}

/* The cached part is not known to sysinfo(2): boot's text gives its share. */
static uint64_t host_cached(const struct kernel *k)
{
    const char *line = k->host && k->host->meminfo ? strstr(k->host->meminfo, "\nCached:") : NULL;

    return line ? strtoull(line + 8, NULL, 10) * 1024 : 0;
}

static void host_view(const struct kernel *k, struct memory_view *m)
{
    struct sysinfo si;
    uint64_t unit;

    if (sysinfo(&si) < 0)
        memset(&si, 0, sizeof(si));
    unit = si.mem_unit ? si.mem_unit : 1;
    *m = (struct memory_view){
        .total = si.totalram * unit,
        .free = si.freeram * unit,
        .buffers = si.bufferram * unit,
        .shared = si.sharedram * unit,
        .swap_total = si.totalswap * unit,
        .swap_free = si.freeswap * unit,
    };
    m->cached = MIN(host_cached(k), m->total - MIN(m->total, m->free + m->buffers));
    m->available = MIN(m->total, m->free + m->buffers + m->cached);
}

void group_memory_view(struct kernel *k, struct memory_view *ret)
{
    uint64_t limit = group_memory_max(k), swap = group_swap_max(k), used;
    struct memory_view m;

    host_view(k, &m);
    if (limit < m.total) {
        used = MIN(group_memory_used(k), limit);
        m.total = limit;
        m.free = MIN(m.free, limit - used);
        if (!group_field(k, GROUP_MEMORY_STAT, k->group.v2 ? "file" : "total_cache", &m.cached))
            m.cached = 0;
        m.cached = MIN(m.cached, used);
        m.buffers = 0;
        if (!group_field(k, GROUP_MEMORY_STAT, k->group.v2 ? "shmem" : "total_shmem", &m.shared))
            m.shared = 0;
        m.available = MIN(m.available, m.free + m.cached - MIN(m.cached, m.shared));
    }
    if (swap < m.swap_total) {
        m.swap_total = swap;
        m.swap_free = MIN(m.swap_free, swap - MIN(swap, group_swap_used(k)));
    }
    *ret = m;
}

/* ---- processors ---- */

void group_cpu_time(struct kernel *k, struct cpu_time *ret)
{
    const enum group_file file = k->group.v2 ? GROUP_CPU_STAT : GROUP_CPU_USAGE;
    struct cpu_time t = {0};
    struct usage own, children;

    if (group_field(k, file, k->group.v2 ? "user_usec" : "user", &t.user_us) &&
        group_field(k, file, k->group.v2 ? "system_usec" : "system", &t.system_us)) {
        if (!k->group.v2) {
            t.user_us *= US_PER_TICK;
            t.system_us *= US_PER_TICK;
        }
        *ret = t;
        return;
    }
    t = (struct cpu_time){0};
    for (pid_t pid = 1; (pid = task_next_pid(k, pid)) > 0; pid++) {
        if (task_snapshot_usage(k, pid, false, &own, &children) < 0)
            continue;
        t.user_us += (own.utime_ns + children.utime_ns) / NS_PER_US;
        t.system_us += (own.stime_ns + children.stime_ns) / NS_PER_US;
    }
    *ret = t;
}

/* "0-3,6" as a set; false when it is no such list. */
static bool parse_list(const char *text, cpu_set_t *ret)
{
    CPU_ZERO(ret);
    for (const char *p = text; *p >= '0' && *p <= '9';) {
        char *end;
        unsigned long first = strtoul(p, &end, 10), last = first;

        if (*end == '-')
            last = strtoul(end + 1, &end, 10);
        if (last < first || last >= CPU_SETSIZE)
            return false;
        for (; first <= last; first++)
            CPU_SET(first, ret);
        p = *end == ',' ? end + 1 : end;
    }
    return CPU_COUNT(ret) > 0;
}

/* Without a common one the host has moved the tasks to those of the cpuset altogether. */
void group_clamp_cpus(const struct kernel *k, cpu_set_t *io)
{
    _cleanup_sb_ struct strbuf sb = STRBUF_INIT;
    cpu_set_t allowed, both;

    if (group_text(k, GROUP_CPUS, &sb) < 0 || !parse_list(sb_text(&sb), &allowed))
        return;
    CPU_AND(&both, io, &allowed);
    *io = CPU_COUNT(&both) > 0 ? both : allowed;
}

void group_cpus(const struct kernel *k, cpu_set_t *ret)
{
    platform_cpus(k->platform, ret);
    group_clamp_cpus(k, ret);
}
