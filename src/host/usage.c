/* SPDX-License-Identifier: Apache-2.0 */
/* What a container uses: see usage.h. Sources: cgroup-v2.rst, memory.rst and cpuacct.rst of version
 * 1, proc_pid_stat(5), proc_pid_smaps(5). */
#include "host/usage.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/parse.h"
#include "base/textio.h"
#include "host/cgroup.h"
#include "host/lifecycle.h"
#include "rpc/control.h"

#define MAX_STAT_BYTES (64u << 10)
#define MAX_PROCESSES  65536
#define NS_PER_USEC    1000u

/* ---- cgroups ---- */

static char *read_text(const struct container *c, const char *controller, const char *name)
{
    char file[4096], *text = NULL;

    cgroup_file(c->cgroup, controller, name, file, sizeof(file));
    return read_file_at(AT_FDCWD, file, MAX_STAT_BYTES, &text, NULL) == 0 ? text : NULL;
}

/* 0 for "max", what is not there, and what version 1 shows for no limit. */
static uint64_t read_number(const struct container *c, const char *controller, const char *name)
{
    _cleanup_free_ char *text = read_text(c, controller, name);
    uint64_t v = 0;

    if (text)
        text[strcspn(text, "\n")] = '\0';
    return text && parse_u64(text, &v) == 0 && v < (uint64_t) INT64_MAX - 4095 ? v : 0;
}

/* The number behind a word at a line's beginning. */
static uint64_t field(const char *text, const char *name)
{
    size_t n = strlen(name);

    for (const char *line = text; line && *line;) {
        if (strncmp(line, name, n) == 0 && (line[n] == ' ' || line[n] == ':'))
            return strtoull(line + n + 1, NULL, 10);
        line = strchr(line, '\n');
        if (line)
            line++;
    }
    return 0;
}

static void read_v2(const struct container *c, struct usage *u)
{
    _cleanup_free_ char *cpu = read_text(c, "", "cpu.stat"),
                        *stat = read_text(c, "", "memory.stat");
    _cleanup_free_ char *events = read_text(c, "", "memory.events");

    u->cpu_total = field(cpu, "usage_usec") * NS_PER_USEC;
    u->cpu_user = field(cpu, "user_usec") * NS_PER_USEC;
    u->cpu_system = field(cpu, "system_usec") * NS_PER_USEC;
    u->periods = field(cpu, "nr_periods");
    u->throttled_periods = field(cpu, "nr_throttled");
    u->throttled_ns = field(cpu, "throttled_usec") * NS_PER_USEC;
    u->memory = read_number(c, "", "memory.current");
    u->memory_max = read_number(c, "", "memory.peak");
    u->memory_limit = read_number(c, "", "memory.max");
    u->memory_failures = field(events, "max");
    u->memory_cache = field(stat, "file");
    u->swap = read_number(c, "", "memory.swap.current");
    u->swap_limit = read_number(c, "", "memory.swap.max");
    u->pids = read_number(c, "", "pids.current");
    u->pids_limit = read_number(c, "", "pids.max");
    u->oom_kills = field(events, "oom_kill");
}

static void read_v1(const struct container *c, struct usage *u)
{
    _cleanup_free_ char *cpu = read_text(c, "cpu", "cpu.stat");
    _cleanup_free_ char *acct = read_text(c, "cpuacct", "cpuacct.stat");
    _cleanup_free_ char *stat = read_text(c, "memory", "memory.stat");
    _cleanup_free_ char *oom = read_text(c, "memory", "memory.oom_control");
    uint64_t tick_ns = 1000000000u / (uint64_t) sysconf(_SC_CLK_TCK);

    u->cpu_total = read_number(c, "cpuacct", "cpuacct.usage");
    u->cpu_user = field(acct, "user") * tick_ns;
    u->cpu_system = field(acct, "system") * tick_ns;
    u->periods = field(cpu, "nr_periods");
    u->throttled_periods = field(cpu, "nr_throttled");
    u->throttled_ns = field(cpu, "throttled_time");
    u->memory = read_number(c, "memory", "memory.usage_in_bytes");
    u->memory_max = read_number(c, "memory", "memory.max_usage_in_bytes");
    u->memory_limit = read_number(c, "memory", "memory.limit_in_bytes");
    u->memory_failures = read_number(c, "memory", "memory.failcnt");
    u->memory_cache = field(stat, "cache");
    u->swap = field(stat, "swap");
    u->swap_limit = read_number(c, "memory", "memory.memsw.limit_in_bytes");
    u->pids = read_number(c, "pids", "pids.current");
    u->pids_limit = read_number(c, "pids", "pids.max");
    u->oom_kills = field(oom, "oom_kill");
}

/* ---- processes ---- */

/* utime, stime, cutime and cstime: what has ended counts for who waited for it. */
static void add_cpu(pid_t pid, uint64_t tick_ns, struct usage *u)
{
    _cleanup_free_ char *text = NULL;
    unsigned long long utime, stime, cutime, cstime;
    char path[48], *p;

    snprintf(path, sizeof(path), "/proc/%d/stat", (int) pid);
    if (read_file_at(AT_FDCWD, path, 4096, &text, NULL) < 0 || !(p = strrchr(text, ')')))
        return;
    if (sscanf(p + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %llu %llu %llu %llu", &utime,
               &stime, &cutime, &cstime) != 4)
        return;
    u->cpu_user += (utime + cutime) * tick_ns;
    u->cpu_system += (stime + cstime) * tick_ns;
}

static void add_memory(pid_t pid, struct usage *u)
{
    _cleanup_free_ char *text = NULL;
    unsigned long long size, resident;
    char path[48];

    snprintf(path, sizeof(path), "/proc/%d/smaps_rollup", (int) pid);
    if (read_file_at(AT_FDCWD, path, 8192, &text, NULL) == 0) {
        u->memory += field(text, "Pss") * 1024;
        u->swap += field(text, "SwapPss") * 1024;
        return;
    }
    snprintf(path, sizeof(path), "/proc/%d/statm", (int) pid);
    if (read_file_at(AT_FDCWD, path, 256, &text, NULL) == 0 &&
        sscanf(text, "%llu %llu", &size, &resident) == 2)
        u->memory += resident * (uint64_t) sysconf(_SC_PAGESIZE);
}

/* Calls itself for each child: a sandbox's stubs are its own children, so this is not deep. */
static void add_process(pid_t pid, uint64_t tick_ns, unsigned *left, struct usage *u)
{
    char path[64];
    DIR *d;
    struct dirent *e;

    if ((*left)-- == 0)
        return;
    add_cpu(pid, tick_ns, u);
    add_memory(pid, u);
    snprintf(path, sizeof(path), "/proc/%d/task", (int) pid);
    d = opendir(path);
    while (d && (e = readdir(d))) {
        _cleanup_free_ char *children = NULL;
        char file[128], *save = NULL;

        if (e->d_name[0] == '.')
            continue;
        snprintf(file, sizeof(file), "%s/%.20s/children", path, e->d_name);
        if (read_file_at(AT_FDCWD, file, MAX_STAT_BYTES, &children, NULL) < 0)
            continue;
        for (char *w = strtok_r(children, " \n", &save); w && *left;
             w = strtok_r(NULL, " \n", &save))
            add_process(atoi(w), tick_ns, left, u);
    }
    if (d)
        closedir(d);
}

static int count_tasks(const struct container *c, struct usage *u, struct fail *f)
{
    _cleanup_free_ char *text = NULL;
    json_object *doc, *v;
    int r = lifecycle_call(c, CONTROL_STATE, NULL, 0, &text, f);

    if (r < 0)
        return r;
    doc = text ? json_tokener_parse(text) : NULL;
    if (json_object_object_get_ex(doc, "tasks", &v))
        u->pids = json_object_get_uint64(v);
    if (json_object_object_get_ex(doc, "maxTasks", &v))
        u->pids_limit = json_object_get_uint64(v);
    json_object_put(doc);
    return 0;
}

static int read_processes(const struct container *c, struct usage *u, struct fail *f)
{
    uint64_t tick_ns = 1000000000u / (uint64_t) sysconf(_SC_CLK_TCK);
    unsigned left = MAX_PROCESSES;

    add_process(c->pid, tick_ns, &left, u);
    u->cpu_total = u->cpu_user + u->cpu_system;
    return count_tasks(c, u, f);
}

int usage_read(const struct container *c, struct usage *ret, struct fail *f)
{
    struct usage u = {0};
    int r = 0;

    if (!c->cgroup)
        r = read_processes(c, &u, f);
    else if (cgroup_version() == 2)
        read_v2(c, &u);
    else
        read_v1(c, &u);
    if (r == 0)
        *ret = u;
    return r;
}

/* ---- JSON ---- */

static void add(struct strbuf *out, const char *before, const char *name, uint64_t v)
{
    sb_addf(out, "%s\"%s\":%llu", before, name, (unsigned long long) v);
}

void usage_format(const struct usage *u, struct strbuf *out)
{
    sb_add(out, "{\"cpu\":{\"usage\":{");
    add(out, "", "total", u->cpu_total);
    add(out, ",", "kernel", u->cpu_system);
    add(out, ",", "user", u->cpu_user);
    sb_add(out, "},\"throttling\":{");
    add(out, "", "periods", u->periods);
    add(out, ",", "throttledPeriods", u->throttled_periods);
    add(out, ",", "throttledTime", u->throttled_ns);
    sb_add(out, "}},\"memory\":{");
    add(out, "", "cache", u->memory_cache);
    sb_add(out, ",\"usage\":{");
    add(out, "", "limit", u->memory_limit);
    add(out, ",", "usage", u->memory);
    add(out, ",", "max", u->memory_max);
    add(out, ",", "failcnt", u->memory_failures);
    sb_add(out, "},\"swap\":{");
    add(out, "", "limit", u->swap_limit);
    add(out, ",", "usage", u->swap);
    sb_add(out, "}},\"pids\":{");
    add(out, "", "current", u->pids);
    add(out, ",", "limit", u->pids_limit);
    sb_add(out, "}}");
}
