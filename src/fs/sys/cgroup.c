/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The files of the container's cgroup: see cgroup.h. Where the host has version 2 its texts pass as
 * they are; of version 1 the same is said in version 2's words. Without a cgroup nothing is limited
 * and what is used is counted from the container's tasks.
 */
#include "fs/sys/cgroup.h"

#include <errno.h>

#include "abi/linux/stat.h"
#include "fs/sys/cpulist.h"
#include "kernel/group/group.h"
#include "kernel/kernel.h"
#include "kernel/task/snapshot.h"
#include "kernel/task/task.h"
#include "kernel/vfs/pseudo.h"

#define CGROUP2_MAGIC 0x63677270

static int show_limit(struct strbuf *out, uint64_t v)
{
    if (v == GROUP_NO_LIMIT)
        sb_add(out, "max\n");
    else
        sb_addf(out, "%llu\n", (unsigned long long) v);
    return 0;
}

#define SHOW_TEXT(fn, text)                                               \
    static int fn(const struct pseudo_ctx *c unused_, struct strbuf *out) \
    {                                                                     \
        sb_add(out, text);                                                \
        return 0;                                                         \
    }
SHOW_TEXT(show_nothing, "")
SHOW_TEXT(show_zero, "0\n")
SHOW_TEXT(show_max, "max\n")
SHOW_TEXT(show_controllers, "cpuset cpu memory pids\n")
SHOW_TEXT(show_type, "domain\n")
SHOW_TEXT(show_events, "populated 1\nfrozen 0\n")
SHOW_TEXT(show_stat, "nr_descendants 0\nnr_dying_descendants 0\n")

/* Nobody inside changes the container's own limits. */
static int refuse(const struct pseudo_ctx *c unused_, const char *text unused_, size_t n unused_)
{
    return -EACCES;
}

/* ---- tasks ---- */

static int show_procs(const struct pseudo_ctx *c, struct strbuf *out)
{
    for (pid_t pid = 1; (pid = task_next_pid(c->k, pid)) > 0; pid++)
        sb_addf(out, "%d\n", (int) pid);
    return 0;
}

static int show_threads(const struct pseudo_ctx *c, struct strbuf *out)
{
    for (pid_t pid = 1; (pid = task_next_pid(c->k, pid)) > 0; pid++)
        for (pid_t tid = 1; (tid = task_next_tid(c->k, pid, tid)) > 0; tid++)
            sb_addf(out, "%d\n", (int) tid);
    return 0;
}

static int show_pids_max(const struct pseudo_ctx *c, struct strbuf *out)
{
    mutex_lock(&c->k->tasks_lock);
    uint32_t max = c->k->max_tasks;
    mutex_unlock(&c->k->tasks_lock);
    return show_limit(out, max == KERNEL_MAX_TASKS ? GROUP_NO_LIMIT : max);
}

static int show_pids_current(const struct pseudo_ctx *c, struct strbuf *out)
{
    struct task_counts n;
    task_count(c->k, &n);
    sb_addf(out, "%u\n", n.threads);
    return 0;
}

SHOW_TEXT(show_pids_events, "max 0\n")

/* ---- memory ---- */

static int show_memory_max(const struct pseudo_ctx *c, struct strbuf *out)
{
    return show_limit(out, group_memory_max(c->k));
}

static int show_memory_current(const struct pseudo_ctx *c, struct strbuf *out)
{
    return show_limit(out, group_memory_used(c->k));
}

static int show_memory_peak(const struct pseudo_ctx *c, struct strbuf *out)
{
    uint64_t v;
    return show_limit(out, group_number(c->k, GROUP_MEMORY_PEAK, &v) ? v : group_memory_used(c->k));
}

static int show_swap_max(const struct pseudo_ctx *c, struct strbuf *out)
{
    return show_limit(out, group_swap_max(c->k));
}

static int show_swap_current(const struct pseudo_ctx *c, struct strbuf *out)
{
    return show_limit(out, group_swap_used(c->k));
}

static int show_memory_events(const struct pseudo_ctx *c, struct strbuf *out)
{
    uint64_t kills = 0;
    if (c->k->group.v2 && group_text(c->k, GROUP_MEMORY_EVENTS, out) == 0)
        return 0;
    (void) group_field(c->k, GROUP_MEMORY_EVENTS, "oom_kill", &kills);
    sb_addf(out, "low 0\nhigh 0\nmax 0\noom %llu\noom_kill %llu\noom_group_kill 0\n",
            (unsigned long long) kills, (unsigned long long) kills);
    return 0;
}

/* What version 1 calls the same. */
static const struct {
    const char *name, *v1;
} memory_stats[] = {
    {"anon", "total_rss"},
    {"file", "total_cache"},
    {"shmem", "total_shmem"},
    {"file_mapped", "total_mapped_file"},
    {"file_dirty", "total_dirty"},
    {"file_writeback", "total_writeback"},
    {"swapcached", "total_swapcached"},
    {"anon_thp", "total_rss_huge"},
    {"inactive_anon", "total_inactive_anon"},
    {"active_anon", "total_active_anon"},
    {"inactive_file", "total_inactive_file"},
    {"active_file", "total_active_file"},
    {"unevictable", "total_unevictable"},
    {"pgfault", "total_pgfault"},
    {"pgmajfault", "total_pgmajfault"},
};

static int show_memory_stat(const struct pseudo_ctx *c, struct strbuf *out)
{
    if (c->k->group.v2 && group_text(c->k, GROUP_MEMORY_STAT, out) == 0)
        return 0;
    for (size_t i = 0; i < ARRAY_LEN(memory_stats); i++) {
        uint64_t v = 0;
        if (!group_field(c->k, GROUP_MEMORY_STAT, memory_stats[i].v1, &v) && i == 0)
            v = group_memory_used(c->k);
        sb_addf(out, "%s %llu\n", memory_stats[i].name, (unsigned long long) v);
    }
    return 0;
}

/* ---- processors ---- */

static int show_cpu_max(const struct pseudo_ctx *c, struct strbuf *out)
{
    uint64_t quota, period;
    group_cpu_max(c->k, &quota, &period);
    if (quota == GROUP_NO_LIMIT)
        sb_addf(out, "max %llu\n", (unsigned long long) period);
    else
        sb_addf(out, "%llu %llu\n", (unsigned long long) quota, (unsigned long long) period);
    return 0;
}

static int show_cpu_weight(const struct pseudo_ctx *c, struct strbuf *out)
{
    return show_limit(out, group_cpu_weight(c->k));
}

static int show_cpu_stat(const struct pseudo_ctx *c, struct strbuf *out)
{
    struct cpu_time t;
    uint64_t periods = 0, throttled = 0, ns = 0;
    if (c->k->group.v2 && group_text(c->k, GROUP_CPU_STAT, out) == 0)
        return 0;
    group_cpu_time(c->k, &t);
    (void) group_field(c->k, GROUP_CPU_STAT, "nr_periods", &periods);
    (void) group_field(c->k, GROUP_CPU_STAT, "nr_throttled", &throttled);
    (void) group_field(c->k, GROUP_CPU_STAT, "throttled_time", &ns);
    sb_addf(out,
            "usage_usec %llu\nuser_usec %llu\nsystem_usec %llu\nnr_periods %llu\nnr_throttled "
            "%llu\nthrottled_usec %llu\n",
            (unsigned long long) (t.user_us + t.system_us), (unsigned long long) t.user_us,
            (unsigned long long) t.system_us, (unsigned long long) periods,
            (unsigned long long) throttled, (unsigned long long) (ns / 1000));
    return 0;
}

static int show_cpus(const struct pseudo_ctx *c, struct strbuf *out)
{
    cpu_set_t set;
    group_cpus(c->k, &set);
    cpu_list_text(&set, out);
    return 0;
}

static int show_mems(const struct pseudo_ctx *c, struct strbuf *out)
{
    if (group_text(c->k, GROUP_MEMS, out) < 0)
        sb_add(out, "0\n");
    return 0;
}

/* ---- the tree ---- */

/* What an administrator could change on a host: shown so, and refused. */
#define SETTING(name_, show_) PSEUDO_RW(name_, 0644, show_, refuse)
#define FACT(name_, show_)    PSEUDO_FILE(name_, 0444, show_)

static const struct pseudo_entry files[] = {
    FACT("cgroup.controllers", show_controllers),
    FACT("cgroup.events", show_events),
    SETTING("cgroup.freeze", show_zero),
    SETTING("cgroup.max.depth", show_max),
    SETTING("cgroup.max.descendants", show_max),
    SETTING("cgroup.procs", show_procs),
    FACT("cgroup.stat", show_stat),
    SETTING("cgroup.subtree_control", show_nothing),
    SETTING("cgroup.threads", show_threads),
    SETTING("cgroup.type", show_type),
    SETTING("cpu.idle", show_zero),
    SETTING("cpu.max", show_cpu_max),
    SETTING("cpu.max.burst", show_zero),
    FACT("cpu.stat", show_cpu_stat),
    SETTING("cpu.weight", show_cpu_weight),
    SETTING("cpu.weight.nice", show_zero),
    SETTING("cpuset.cpus", show_cpus),
    FACT("cpuset.cpus.effective", show_cpus),
    SETTING("cpuset.mems", show_mems),
    FACT("cpuset.mems.effective", show_mems),
    FACT("memory.current", show_memory_current),
    FACT("memory.events", show_memory_events),
    FACT("memory.events.local", show_memory_events),
    SETTING("memory.high", show_max),
    SETTING("memory.low", show_zero),
    SETTING("memory.max", show_memory_max),
    SETTING("memory.min", show_zero),
    SETTING("memory.oom.group", show_zero),
    FACT("memory.peak", show_memory_peak),
    FACT("memory.stat", show_memory_stat),
    FACT("memory.swap.current", show_swap_current),
    SETTING("memory.swap.high", show_max),
    SETTING("memory.swap.max", show_swap_max),
    FACT("pids.current", show_pids_current),
    FACT("pids.events", show_pids_events),
    SETTING("pids.max", show_pids_max),
    {.name = NULL},
};

static const struct pseudo_entry root = PSEUDO_DIR("", 0555, files);
static const struct pseudo_fs cgroup2 = {.type_name = "cgroup2",
                                         .magic = CGROUP2_MAGIC,
                                         .root = &root};

int cgroupfs_mount(struct kernel *k, struct super **ret)
{
    return pseudo_mount(k, &cgroup2, ret);
}
