/* SPDX-License-Identifier: Apache-2.0 */
/* /proc/PID/{status,stat,statm,limits}: a snapshot in proc(5)'s forms; sizes are the host
 * process's. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "abi/linux/resource.h"
#include "base/cleanup.h"
#include "base/sys.h"
#include "fs/proc/internal.h"
#include "kernel/vfs/fdtable.h"
#include "kernel/vfs/walk.h"

#define MAX_GROUPS_SHOWN 256
#define PAGE             ((uint64_t) 4096)

static const char *state_text(char state)
{
    switch (state) {
    case 'R':
        return "R (running)";
    case 'D':
        return "D (disk sleep)";
    case 'T':
        return "T (stopped)";
    case 't':
        return "t (tracing stop)";
    case 'Z':
        return "Z (zombie)";
    case 'X':
        return "X (dead)";
    default:
        return "S (sleeping)";
    }
}

static void show_groups(const struct pseudo_ctx *c, struct strbuf *out)
{
    uint32_t groups[MAX_GROUPS_SHOWN];
    ssize_t n = task_snapshot_groups(c->k, c->tid, groups, MAX_GROUPS_SHOWN);
    sb_add(out, "Groups:\t");
    for (ssize_t i = 0; i < n && i < MAX_GROUPS_SHOWN; i++)
        sb_addf(out, i + 1 < n ? "%u " : "%u", groups[i]);
    sb_add(out, " \n");
}

/* A running thread may sleep in the host without our help: in a futex, or for a page of a file. */
static char state_of(const struct task_snapshot *s)
{
    _cleanup_free_ char *text = NULL;
    char file[48];
    const char *p;
    if (s->state != 'R' || !s->in_guest || s->host_pid <= 0)
        return s->state;
    (void) snprintf(file, sizeof(file), "task/%d/stat",
                    (int) host_proc_tid(s->host_pid, s->host_tid));
    if (proc_host_text(s->host_pid, file, &text) < 0 || !(p = strrchr(text, ')')))
        return s->state;
    return p[1] == ' ' && (p[2] == 'S' || p[2] == 'D') ? p[2] : s->state;
}

static uint64_t kib_line(const char *text, const char *key)
{
    char line[128];
    uint64_t kb = 0;
    if (proc_line(text, key, line, sizeof(line)))
        (void) sscanf(line, "%*s %" SCNu64, &kb);
    return kb;
}

/* In KiB; the resident size is the sum of its parts. */
struct sizes {
    uint64_t peak, size, hwm, rss, anon, file, shmem;
};

/* The host's figures without what the stub itself takes. */
static void take_sizes(const struct task_snapshot *s, const char *text, struct sizes *ret)
{
    struct proc_hidden h;
    struct sizes z = {kib_line(text, "VmPeak"),  kib_line(text, "VmSize"),
                      kib_line(text, "VmHWM"),   kib_line(text, "VmRSS"),
                      kib_line(text, "RssAnon"), kib_line(text, "RssFile"),
                      kib_line(text, "RssShmem")};
    proc_hidden(s, &h);
    const uint64_t host_rss = z.rss;
    z.peak -= MIN(z.peak, h.bytes / 1024);
    z.size -= MIN(z.size, h.bytes / 1024);
    z.anon -= MIN(z.anon, h.anon / 1024);
    z.file -= MIN(z.file, h.file / 1024);
    z.shmem -= MIN(z.shmem, h.shmem / 1024);
    z.rss = z.anon + z.file + z.shmem;
    z.hwm = MAX(z.hwm - MIN(z.hwm, host_rss - MIN(host_rss, z.rss)), z.rss);
    *ret = z;
}

static void kib_out(struct strbuf *out, const char *key, uint64_t kb)
{
    sb_addf(out, "%s:\t%8" PRIu64 " kB\n", key, kb);
}

static void host_lines(const char *text, const char *const *keys, struct strbuf *out)
{
    char line[128];
    for (; *keys; keys++)
        if (proc_line(text, *keys, line, sizeof(line)))
            sb_addf(out, "%s\n", line);
}

static void show_memory(const struct task_snapshot *s, const char *text, struct strbuf *out)
{
    static const char *const locked[] = {"VmLck", "VmPin", NULL};
    static const char *const rest[] = {"VmData",       "VmStk",       "VmExe",
                                       "VmLib",        "VmPTE",       "VmSwap",
                                       "HugetlbPages", "CoreDumping", "THP_enabled",
                                       "untag_mask",   NULL};
    struct sizes z;
    take_sizes(s, text, &z);
    kib_out(out, "VmPeak", z.peak);
    kib_out(out, "VmSize", z.size);
    host_lines(text, locked, out);
    kib_out(out, "VmHWM", z.hwm);
    kib_out(out, "VmRSS", z.rss);
    kib_out(out, "RssAnon", z.anon);
    kib_out(out, "RssFile", z.file);
    kib_out(out, "RssShmem", z.shmem);
    host_lines(text, rest, out);
}

/* Tables begin with room for 64 and grow by powers of two. */
static unsigned fd_slots(const struct pseudo_ctx *c)
{
    struct fdtable *ft;
    unsigned slots = 64;
    if (task_snapshot_files(c->k, c->tid, &ft) < 0)
        return 0;
    for (int fd = 0; (fd = fd_next(ft, fd)) >= 0; fd++)
        while ((unsigned) fd >= slots)
            slots *= 2;
    fdtable_put(ft, NULL);
    return slots;
}

/* As a mask of 32-bit groups, and as a list of ranges: proc_pid_status(5). */
static void show_cpus(const cpu_set_t *set, struct strbuf *out)
{
    const char *comma = "";
    int last = CPU_SETSIZE - 1;
    while (last > 0 && !CPU_ISSET(last, set))
        last--;
    sb_add(out, "Cpus_allowed:\t");
    for (int group = last / 32; group >= 0; group--) {
        uint32_t bits = 0;
        for (int i = 0; i < 32; i++)
            bits |= CPU_ISSET(group * 32 + i, set) ? 1u << i : 0;
        sb_addf(out, last < 32 ? "%x%s" : "%08x%s", bits, group ? "," : "");
    }
    sb_add(out, "\nCpus_allowed_list:\t");
    for (int cpu = 0; cpu <= last; cpu++) {
        if (!CPU_ISSET(cpu, set))
            continue;
        int end = cpu;
        while (end < last && CPU_ISSET(end + 1, set))
            end++;
        sb_addf(out, end > cpu ? "%s%d-%d" : "%s%d", comma, cpu, end);
        comma = ",";
        cpu = end;
    }
    sb_add(out, "\nMems_allowed:\t1\nMems_allowed_list:\t0\n");
}

static void show_umask(const struct pseudo_ctx *c, struct strbuf *out)
{
    struct fsctx *fs;
    if (task_snapshot_fs(c->k, c->tid, &fs) < 0)
        return;
    sb_addf(out, "Umask:\t%04o\n", fsctx_umask(fs));
    fsctx_put(fs);
}

static void show_ids(const struct pseudo_ctx *c, const struct task_snapshot *s, struct strbuf *out)
{
    sb_addf(out, "Uid:\t%u\t%u\t%u\t%u\nGid:\t%u\t%u\t%u\t%u\nFDSize:\t%u\n", s->uid, s->euid,
            s->suid, s->fsuid, s->gid, s->egid, s->sgid, s->fsgid, fd_slots(c));
    show_groups(c, out);
    sb_addf(out, "NStgid:\t%d\nNSpid:\t%d\nNSpgid:\t%d\nNSsid:\t%d\nKthread:\t0\n", s->pid, s->tid,
            s->pgid, s->sid);
}

static void show_signals(const struct task_snapshot *s, struct strbuf *out)
{
    sb_addf(out, "Threads:\t%u\nSigQ:\t%u/%" PRIu64 "\n", s->n_threads, s->sig_queued,
            s->rlimits[LX_RLIMIT_SIGPENDING].soft);
    sb_addf(out, "SigPnd:\t%016" PRIx64 "\nShdPnd:\t%016" PRIx64 "\nSigBlk:\t%016" PRIx64 "\n",
            s->sig_pending, s->sig_group_pending, s->sig_blocked);
    sb_addf(out, "SigIgn:\t%016" PRIx64 "\nSigCgt:\t%016" PRIx64 "\n", s->sig_ignored,
            s->sig_caught);
}

static void show_privileges(const struct task_snapshot *s, const char *host, struct strbuf *out)
{
    static const char *const keys[] = {"Speculation_Store_Bypass", "SpeculationIndirectBranch",
                                       NULL};
    sb_addf(out, "CapInh:\t%016" PRIx64 "\nCapPrm:\t%016" PRIx64 "\nCapEff:\t%016" PRIx64 "\n",
            s->cap_inheritable, s->cap_permitted, s->cap_effective);
    sb_addf(out, "CapBnd:\t%016" PRIx64 "\nCapAmb:\t%016" PRIx64 "\n", s->cap_bounding,
            s->cap_ambient);
    sb_addf(out, "NoNewPrivs:\t%d\nSeccomp:\t%u\nSeccomp_filters:\t%u\n", s->no_new_privs,
            s->seccomp_mode, s->seccomp_filters);
    host_lines(host, keys, out);
}

int proc_show_status(const struct pseudo_ctx *c, struct strbuf *out)
{
    _cleanup_free_ char *host = NULL;
    struct task_snapshot s;
    struct usage u, children;
    int r = task_snapshot(c->k, c->tid, &s);
    if (r == 0)
        r = task_snapshot_usage(c->k, c->tid, true, &u, &children);
    if (r < 0)
        return r;
    if (s.state == 'Z' || proc_host_text(s.host_pid, "status", &host) < 0)
        host = NULL;
    sb_addf(out, "Name:\t%.15s\n", s.comm);
    show_umask(c, out);
    sb_addf(out, "State:\t%s\nTgid:\t%d\nNgid:\t0\nPid:\t%d\nPPid:\t%d\nTracerPid:\t%d\n",
            state_text(state_of(&s)), s.pid, s.tid, s.ppid, s.tracer_pid);
    show_ids(c, &s, out);
    if (host)
        show_memory(&s, host, out);
    show_signals(&s, out);
    show_privileges(&s, host ? host : "", out);
    show_cpus(&s.cpus, out);
    sb_addf(out, "voluntary_ctxt_switches:\t%ld\nnonvoluntary_ctxt_switches:\t%ld\n", u.nvcsw,
            u.nivcsw);
    return 0;
}

/* Virtual size in bytes and resident pages of the host process, without the stub. */
static void host_size(const struct task_snapshot *s, uint64_t *ret_vsize, uint64_t *ret_rss)
{
    _cleanup_free_ char *text = NULL;
    struct proc_hidden h;
    *ret_vsize = *ret_rss = 0;
    if (s->state == 'Z' || proc_host_text(s->host_pid, "statm", &text) < 0 ||
        sscanf(text, "%" SCNu64 " %" SCNu64, ret_vsize, ret_rss) != 2)
        return;
    proc_hidden(s, &h);
    *ret_vsize *= PAGE;
    *ret_vsize -= MIN(*ret_vsize, h.bytes);
    *ret_rss -= MIN(*ret_rss, (h.anon + h.file + h.shmem) / PAGE);
}

bool proc_resident(const struct task_snapshot *s, long *ret_kib)
{
    uint64_t vsize, rss;
    host_size(s, &vsize, &rss);
    *ret_kib = (long) (rss * (PAGE / 1024));
    return vsize != 0;
}

/* Fields 10 to 23: what was used, of children too, and the size. */
static void show_counts(const struct pseudo_ctx *c, const struct task_snapshot *s,
                        struct strbuf *out)
{
    struct usage u = {0}, children = {0};
    /* "start time after boot" counts from the machine's boot, and so does /proc/uptime. */
    struct timespec b = c->k->boot_mono;
    uint64_t start = (uint64_t) b.tv_sec * 1000000000ull + (uint64_t) b.tv_nsec + s->start_ns;
    if (task_snapshot_usage(c->k, c->tid, proc_is_thread(c), &u, &children) < 0)
        return;
    sb_addf(out, "%ld %ld %ld %ld ", u.minflt, children.minflt, u.majflt, children.majflt);
    sb_addf(out, "%" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 " ", u.utime_ns / NSEC_PER_TICK,
            u.stime_ns / NSEC_PER_TICK, children.utime_ns / NSEC_PER_TICK,
            children.stime_ns / NSEC_PER_TICK);
    sb_addf(out, "%d %d %u 0 %" PRIu64 " ", 20 + s->nice, s->nice, s->n_threads,
            start / NSEC_PER_TICK);
}

/* Addresses are for those who may look inside: proc_pid_stat(5), "PT". */
static void show_places(const struct task_snapshot *s, bool may, struct strbuf *out)
{
    sb_addf(out, "%" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 " ",
            may ? s->code_start : s->code_start != 0, may ? s->code_end : s->code_start != 0,
            may ? s->stack_start : 0, may && s->state == 'S' ? s->sp : 0,
            may && s->state == 'S' ? s->ip : 0);
}

int proc_show_stat(const struct pseudo_ctx *c, struct strbuf *out)
{
    struct task_snapshot s;
    uint64_t vsize, rss;
    int r = task_snapshot(c->k, c->tid, &s);
    if (r < 0)
        return r;
    bool may = !c->opener || task_may_inspect(c->opener, c->tid);
    host_size(&s, &vsize, &rss);
    sb_addf(out, "%d (%.15s) %c %d %d %d %" PRId64 " %d %u ", s.tid, s.comm, state_of(&s), s.ppid,
            s.pgid, s.sid, (int64_t) s.tty_dev, s.tty_pgrp, 0x400000u);
    show_counts(c, &s, out);
    sb_addf(out, "%" PRIu64 " %" PRIu64 " %" PRIu64 " ", vsize, rss, s.rlimits[LX_RLIMIT_RSS].soft);
    show_places(&s, may, out);
    sb_addf(out, "%" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 " %d 0 0 ",
            s.sig_pending & 0x7fffffff, s.sig_blocked & 0x7fffffff, s.sig_ignored & 0x7fffffff,
            s.sig_caught & 0x7fffffff, s.state == 'S' && may);
    sb_addf(out, "%d 0 %u %u 0 0 0 0 0 ", s.exit_signal, s.rt_priority, s.policy);
    if (may)
        sb_addf(out, "%" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 " %u\n",
                s.brk_start, s.arg_start, s.arg_end, s.env_start, s.env_end, s.exit_status);
    else
        sb_add(out, "0 0 0 0 0 0\n");
    return 0;
}

int proc_show_statm(const struct pseudo_ctx *c, struct strbuf *out)
{
    _cleanup_free_ char *text = NULL;
    struct task_snapshot s;
    struct proc_hidden h;
    uint64_t size, resident, shared, rest[4];
    int r = task_snapshot(c->k, c->tid, &s);
    if (r < 0)
        return r;
    if (s.state == 'Z' || proc_host_text(s.host_pid, "statm", &text) < 0 ||
        sscanf(text,
               "%" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64,
               &size, &resident, &shared, &rest[0], &rest[1], &rest[2], &rest[3]) != 7) {
        sb_add(out, "0 0 0 0 0 0 0\n");
        return 0;
    }
    proc_hidden(&s, &h);
    size -= MIN(size, h.bytes / PAGE);
    resident -= MIN(resident, (h.anon + h.file + h.shmem) / PAGE);
    shared -= MIN(shared, (h.file + h.shmem) / PAGE);
    sb_addf(out,
            "%" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 "\n",
            size, resident, shared, rest[0], rest[1], rest[2], rest[3]);
    return 0;
}

/* ---- limits ---- */

static const struct {
    const char *name, *unit;
} limits[GUEST_N_RLIMITS] = {
    [LX_RLIMIT_CPU] = {"Max cpu time", "seconds"},
    [LX_RLIMIT_FSIZE] = {"Max file size", "bytes"},
    [LX_RLIMIT_DATA] = {"Max data size", "bytes"},
    [LX_RLIMIT_STACK] = {"Max stack size", "bytes"},
    [LX_RLIMIT_CORE] = {"Max core file size", "bytes"},
    [LX_RLIMIT_RSS] = {"Max resident set", "bytes"},
    [LX_RLIMIT_NPROC] = {"Max processes", "processes"},
    [LX_RLIMIT_NOFILE] = {"Max open files", "files"},
    [LX_RLIMIT_MEMLOCK] = {"Max locked memory", "bytes"},
    [LX_RLIMIT_AS] = {"Max address space", "bytes"},
    [LX_RLIMIT_LOCKS] = {"Max file locks", "locks"},
    [LX_RLIMIT_SIGPENDING] = {"Max pending signals", "signals"},
    [LX_RLIMIT_MSGQUEUE] = {"Max msgqueue size", "bytes"},
    [LX_RLIMIT_NICE] = {"Max nice priority", ""},
    [LX_RLIMIT_RTPRIO] = {"Max realtime priority", ""},
    [LX_RLIMIT_RTTIME] = {"Max realtime timeout", "us"},
};

static void show_limit(struct strbuf *out, uint64_t v)
{
    if (v == UINT64_MAX)
        sb_addf(out, "%-20s ", "unlimited");
    else
        sb_addf(out, "%-20" PRIu64 " ", v);
}

int proc_show_limits(const struct pseudo_ctx *c, struct strbuf *out)
{
    struct task_snapshot s;
    int r = task_snapshot(c->k, c->tid, &s);
    if (r < 0)
        return r;
    sb_addf(out, "%-25s %-20s %-20s %-10s\n", "Limit", "Soft Limit", "Hard Limit", "Units");
    for (int i = 0; i < GUEST_N_RLIMITS; i++) {
        sb_addf(out, "%-25s ", limits[i].name);
        show_limit(out, s.rlimits[i].soft);
        show_limit(out, s.rlimits[i].hard);
        sb_addf(out, "%-10s\n", limits[i].unit);
    }
    return 0;
}
