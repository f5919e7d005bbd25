/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a guest may know about the machine. The sandbox's own /proc shows processes only, so numbers
 * come from sysinfo(2), the platform's processors and the texts that boot has read
 * (kernel/host_facts.h).
 */
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/sysinfo.h>
#include <sys/utsname.h>
#include <time.h>

#include "fs/proc/internal.h"
#include "kernel/group/group.h"
#include "kernel/host_facts.h"
#include "kernel/kernel.h"

static void mem_line(struct strbuf *out, const char *name, uint64_t kb)
{
    int pad = 16 - (int) strlen(name) - 1;
    sb_addf(out, "%s:%*s%8llu kB\n", name, pad > 0 ? pad : 0, "", (unsigned long long) kb);
}

int proc_show_meminfo(const struct pseudo_ctx *c, struct strbuf *out)
{
    struct memory_view m;
    group_memory_view(c->k, &m);
    uint64_t total = m.total / 1024, free_kb = m.free / 1024, cached = m.cached / 1024,
             buffers = m.buffers / 1024, swap = m.swap_total / 1024;
    mem_line(out, "MemTotal", total);
    mem_line(out, "MemFree", free_kb);
    mem_line(out, "MemAvailable", m.available / 1024);
    mem_line(out, "Buffers", buffers);
    mem_line(out, "Cached", cached);
    mem_line(out, "SwapCached", 0);
    mem_line(out, "Active", total - MIN(total, free_kb + cached));
    mem_line(out, "Inactive", cached);
    mem_line(out, "SwapTotal", swap);
    mem_line(out, "SwapFree", m.swap_free / 1024);
    mem_line(out, "Dirty", 0);
    mem_line(out, "Writeback", 0);
    mem_line(out, "AnonPages", total - MIN(total, free_kb + cached + buffers));
    mem_line(out, "Mapped", 0);
    mem_line(out, "Shmem", m.shared / 1024);
    mem_line(out, "Slab", 0);
    mem_line(out, "CommitLimit", total / 2 + swap);
    mem_line(out, "Committed_AS", total - MIN(total, free_kb));
    mem_line(out, "VmallocTotal", 34359738367ull);
    mem_line(out, "VmallocUsed", 0);
    sb_add(out, "HugePages_Total:       0\nHugePages_Free:        0\nHugePages_Rsvd:        0\n"
                "HugePages_Surp:        0\n");
    mem_line(out, "Hugepagesize", 2048);
    return 0;
}

/* A cpu that boot's text does not describe. */
static void plain_cpu(struct strbuf *out, int cpu)
{
    sb_addf(out,
            "processor\t: %d\nvendor_id\t: unknown\ncpu family\t: 6\nmodel\t\t: 0\nmodel name\t: "
            "unknown\n"
            "physical id\t: 0\nsiblings\t: 1\ncore id\t\t: %d\ncpu cores\t: 1\nfpu\t\t: yes\n"
            "flags\t\t: fpu cx8 cmov mmx fxsr sse sse2 syscall nx lm\naddress sizes\t: 46 bits "
            "physical, 48 bits virtual\n\n",
            cpu, cpu);
}

/* The block of one cpu in boot's text, or NULL; it ends at an empty line. */
static const char *cpu_block(const char *text, int cpu, size_t *ret_len)
{
    for (const char *p = text, *end; p && *p; p = end) {
        unsigned number;
        const char *gap = strstr(p, "\n\n");
        end = gap ? gap + 2 : p + strlen(p);
        if (sscanf(p, "processor : %u", &number) == 1 && (int) number == cpu) {
            *ret_len = (size_t) (end - p);
            return p;
        }
    }
    return NULL;
}

int proc_show_cpuinfo(const struct pseudo_ctx *c, struct strbuf *out)
{
    const char *text = c->k->host ? c->k->host->cpuinfo : NULL;
    cpu_set_t set;
    group_cpus(c->k, &set);
    for (int i = 0; i < CPU_SETSIZE; i++) {
        size_t n;
        if (!CPU_ISSET(i, &set))
            continue;
        const char *block = cpu_block(text, i, &n);
        if (block)
            sb_addn(out, block, n);
        else
            plain_cpu(out, i);
    }
    return 0;
}

struct cpu_use {
    uint64_t switches;
    uint64_t user, system; /* ticks, living processes and their children that were waited for */
};

static void count_use(struct kernel *k, struct cpu_use *u)
{
    struct usage own, children;
    uint64_t user = 0, system = 0;
    u->switches = 0;
    for (pid_t pid = 1; (pid = task_next_pid(k, pid)) > 0; pid++) {
        if (task_snapshot_usage(k, pid, false, &own, &children) < 0)
            continue;
        user += own.utime_ns + children.utime_ns;
        system += own.stime_ns + children.stime_ns;
        u->switches += (uint64_t) (own.nvcsw + own.nivcsw + children.nvcsw + children.nivcsw);
    }
    u->user = user / NSEC_PER_TICK;
    u->system = system / NSEC_PER_TICK;
}

static void cpu_line(struct strbuf *out, const char *name, uint64_t user, uint64_t system,
                     uint64_t total)
{
    uint64_t idle = total - MIN(total, user + system);
    sb_addf(out, "%s %llu 0 %llu %llu 0 0 0 0 0 0\n", name, (unsigned long long) user,
            (unsigned long long) system, (unsigned long long) idle);
}

int proc_show_machine_stat(const struct pseudo_ctx *c, struct strbuf *out)
{
    struct cpu_use u;
    struct task_counts n;
    struct timespec now;
    cpu_set_t set;
    group_cpus(c->k, &set);
    uint64_t cpus = (uint64_t) MAX(CPU_COUNT(&set), 1), ticks = proc_uptime_ns() / NSEC_PER_TICK;
    count_use(c->k, &u);
    cpu_line(out, "cpu ", u.user, u.system, ticks * cpus);
    for (int i = 0; i < CPU_SETSIZE; i++) {
        char name[16];
        if (!CPU_ISSET(i, &set))
            continue;
        (void) snprintf(name, sizeof(name), "cpu%d", i);
        cpu_line(out, name, u.user / cpus, u.system / cpus, ticks);
    }
    task_count(c->k, &n);
    (void) clock_gettime(CLOCK_REALTIME, &now);
    sb_addf(out,
            "intr 0\nctxt %llu\nbtime %lld\nprocesses %llu\nprocs_running %u\nprocs_blocked "
            "0\nsoftirq 0 0 0 0 0 0 0 0 0 0 0\n",
            (unsigned long long) u.switches,
            (long long) now.tv_sec - (long long) (proc_uptime_ns() / 1000000000ull),
            (unsigned long long) n.forks, n.running);
    return 0;
}

int proc_show_uptime(const struct pseudo_ctx *c, struct strbuf *out)
{
    struct cpu_use u;
    cpu_set_t set;
    group_cpus(c->k, &set);
    count_use(c->k, &u);
    uint64_t up = proc_uptime_ns() / NSEC_PER_TICK;
    uint64_t total = up * (uint64_t) MAX(CPU_COUNT(&set), 1),
             idle = total - MIN(total, u.user + u.system);
    sb_addf(out, "%llu.%02llu %llu.%02llu\n", (unsigned long long) (up / 100),
            (unsigned long long) (up % 100), (unsigned long long) (idle / 100),
            (unsigned long long) (idle % 100));
    return 0;
}

int proc_show_loadavg(const struct pseudo_ctx *c, struct strbuf *out)
{
    struct sysinfo si;
    struct task_counts n;
    if (sysinfo(&si) < 0)
        memset(&si, 0, sizeof(si));
    for (int i = 0; i < 3; i++) {
        unsigned long hundredths = si.loads[i] * 100 / 65536;
        sb_addf(out, "%lu.%02lu ", hundredths / 100, hundredths % 100);
    }
    task_count(c->k, &n);
    sb_addf(out, "%u/%u %d\n", n.running, n.threads, (int) n.last_pid);
    return 0;
}

int proc_show_version(const struct pseudo_ctx *c, struct strbuf *out)
{
    struct utsname u;
    if (c->k->host && c->k->host->version) {
        sb_add(out, c->k->host->version);
        return 0;
    }
    if (uname(&u) == 0)
        sb_addf(out, "Linux version %s (cloister) %s\n", u.release, u.version);
    return 0;
}

int proc_show_vmstat(const struct pseudo_ctx *c, struct strbuf *out)
{
    struct memory_view m;
    group_memory_view(c->k, &m);
    sb_addf(
        out,
        "nr_free_pages %llu\npgpgin 0\npgpgout 0\npswpin 0\npswpout 0\npgfault 0\npgmajfault 0\n",
        (unsigned long long) m.free / 4096);
    return 0;
}

int64_t proc_total_kib(struct kernel *k)
{
    struct memory_view m;
    group_memory_view(k, &m);
    return (int64_t) (m.total / 1024);
}

/* ---- memory by zones: one, which has all that sysinfo(2) knows of ---- */

#define ORDERS 11

int proc_show_buddyinfo(const struct pseudo_ctx *c, struct strbuf *out)
{
    struct memory_view m;
    group_memory_view(c->k, &m);
    uint64_t pages = m.free / 4096;
    sb_add(out, "Node 0, zone   Normal ");
    for (int order = 0; order < ORDERS; order++)
        sb_addf(out, "%6llu ",
                (unsigned long long) (order < ORDERS - 1 ? pages >> order & 1 : pages >> order));
    sb_add(out, "\n");
    return 0;
}

int proc_show_zoneinfo(const struct pseudo_ctx *c, struct strbuf *out)
{
    struct memory_view m;
    group_memory_view(c->k, &m);
    unsigned long long total = m.total / 4096, pages = m.free / 4096;
    sb_addf(out,
            "Node 0, zone   Normal\n  pages free     %llu\n        min      0\n"
            "        low      0\n        high     0\n        spanned  %llu\n"
            "        present  %llu\n        managed  %llu\n",
            pages, total, total, total);
    return 0;
}

/* ---- interrupts: the machine's, of which a container has none ---- */

static void cpu_heads(const struct pseudo_ctx *c, struct strbuf *out, int indent, cpu_set_t *ret)
{
    group_cpus(c->k, ret);
    sb_addf(out, "%*s", indent, "");
    for (int i = 0; i < CPU_SETSIZE; i++)
        if (CPU_ISSET(i, ret))
            sb_addf(out, "CPU%-8d", i);
    sb_add(out, "\n");
}

int proc_show_interrupts(const struct pseudo_ctx *c, struct strbuf *out)
{
    cpu_set_t set;
    cpu_heads(c, out, 11, &set);
    sb_add(out, "ERR:          0\nMIS:          0\n");
    return 0;
}

int proc_show_softirqs(const struct pseudo_ctx *c, struct strbuf *out)
{
    static const char *const names[] = {"HI",       "TIMER",   "NET_TX", "NET_RX",  "BLOCK",
                                        "IRQ_POLL", "TASKLET", "SCHED",  "HRTIMER", "RCU"};
    cpu_set_t set;
    cpu_heads(c, out, 20, &set);
    for (size_t n = 0; n < ARRAY_LEN(names); n++) {
        sb_addf(out, "%12s:", names[n]);
        for (int i = 0; i < CPU_COUNT(&set); i++)
            sb_addf(out, " %10d", 0);
        sb_add(out, "\n");
    }
    return 0;
}
