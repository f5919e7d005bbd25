/* SPDX-License-Identifier: Apache-2.0 */
/* /proc/PID/{status,stat,statm,limits}: a snapshot in proc(5)'s forms; sizes are the host
 * process's. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "abi/linux/resource.h"
#include "base/cleanup.h"
#include "fs/proc/internal.h"
#include "kernel/vfs/walk.h"

#define MAX_GROUPS_SHOWN 256

static const char *state_text(char state)
{
    switch (state) {
    case 'R':
        return "R (running)";
    case 'T':
        return "T (stopped)";
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
        sb_addf(out, "%u ", groups[i]);
    sb_add(out, "\n");
}

/* The memory lines are the host's own, but for what the stub itself takes, which is little. */
static void show_memory(const struct task_snapshot *s, struct strbuf *out)
{
    static const char *const keys[] = {"VmPeak", "VmSize",  "VmLck",   "VmPin",    "VmHWM",
                                       "VmRSS",  "RssAnon", "RssFile", "RssShmem", "VmData",
                                       "VmStk",  "VmExe",   "VmLib",   "VmPTE",    "VmSwap"};
    _cleanup_free_ char *text = NULL;
    char line[128];
    if (proc_host_text(s->host_pid, "status", &text) < 0)
        return;
    const uint64_t hidden = proc_hidden_bytes(s) / 1024;
    for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
        uint64_t kb;
        if (!proc_line(text, keys[i], line, sizeof(line)))
            continue;
        if (i < 2 && sscanf(line, "%*s %" SCNu64, &kb) == 1) /* VmPeak, VmSize */
            sb_addf(out, "%s:\t%8" PRIu64 " kB\n", keys[i], kb - MIN(kb, hidden));
        else
            sb_addf(out, "%s\n", line);
    }
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

int proc_show_status(const struct pseudo_ctx *c, struct strbuf *out)
{
    struct task_snapshot s;
    int r = task_snapshot(c->k, c->tid, &s);
    if (r < 0)
        return r;
    sb_addf(out, "Name:\t%.15s\n", s.comm);
    show_umask(c, out);
    sb_addf(out, "State:\t%s\nTgid:\t%d\nNgid:\t0\nPid:\t%d\nPPid:\t%d\nTracerPid:\t0\n",
            state_text(s.state), s.pid, s.tid, s.ppid);
    sb_addf(out, "Uid:\t%u\t%u\t%u\t%u\nGid:\t%u\t%u\t%u\t%u\nFDSize:\t64\n", s.uid, s.euid, s.suid,
            s.fsuid, s.gid, s.egid, s.sgid, s.fsgid);
    show_groups(c, out);
    sb_addf(out, "NStgid:\t%d\nNSpid:\t%d\nNSpgid:\t%d\nNSsid:\t%d\n", s.pid, s.tid, s.pgid, s.sid);
    show_memory(&s, out);
    sb_addf(out, "Threads:\t%u\nSigQ:\t%u/%" PRIu64 "\n", s.n_threads, s.sig_queued,
            s.rlimits[LX_RLIMIT_SIGPENDING].soft);
    sb_addf(out, "SigPnd:\t%016" PRIx64 "\nShdPnd:\t%016" PRIx64 "\nSigBlk:\t%016" PRIx64 "\n",
            s.sig_pending, s.sig_group_pending, s.sig_blocked);
    sb_addf(out, "SigIgn:\t%016" PRIx64 "\nSigCgt:\t%016" PRIx64 "\n", s.sig_ignored, s.sig_caught);
    sb_addf(out, "CapInh:\t%016" PRIx64 "\nCapPrm:\t%016" PRIx64 "\nCapEff:\t%016" PRIx64 "\n",
            s.cap_inheritable, s.cap_permitted, s.cap_effective);
    sb_addf(out, "CapBnd:\t%016" PRIx64 "\nCapAmb:\t%016" PRIx64 "\n", s.cap_bounding,
            s.cap_ambient);
    sb_addf(out, "NoNewPrivs:\t%d\nSeccomp:\t%u\nSeccomp_filters:\t%u\n", s.no_new_privs,
            s.seccomp_mode, s.seccomp_filters);
    show_cpus(&s.cpus, out);
    sb_add(out, "voluntary_ctxt_switches:\t0\nnonvoluntary_ctxt_switches:\t0\n");
    return 0;
}

/* Virtual size in bytes and resident pages of the host process. */
static void host_size(const struct task_snapshot *s, uint64_t *ret_vsize, uint64_t *ret_rss)
{
    _cleanup_free_ char *text = NULL;
    *ret_vsize = *ret_rss = 0;
    if (proc_host_text(s->host_pid, "statm", &text) == 0 &&
        sscanf(text, "%" SCNu64 " %" SCNu64, ret_vsize, ret_rss) == 2) {
        *ret_vsize *= 4096;
        *ret_vsize -= MIN(*ret_vsize, proc_hidden_bytes(s));
    }
}

int proc_show_stat(const struct pseudo_ctx *c, struct strbuf *out)
{
    struct task_snapshot s;
    uint64_t vsize, rss;
    int r = task_snapshot(c->k, c->tid, &s);
    if (r < 0)
        return r;
    host_size(&s, &vsize, &rss);
    /* "start time after boot" counts from the machine's boot, and so does /proc/uptime. */
    struct timespec b = c->k->boot_mono;
    uint64_t start = (uint64_t) b.tv_sec * 1000000000ull + (uint64_t) b.tv_nsec + s.start_ns;
    sb_addf(out, "%d (%.15s) %c %d %d %d %" PRId64 " %d %u ", s.tid, s.comm, s.state, s.ppid,
            s.pgid, s.sid, (int64_t) s.tty_dev, s.tty_pgrp, 0x400000u);
    sb_addf(out, "0 0 0 0 %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 " ",
            s.utime_ns / NSEC_PER_TICK, s.stime_ns / NSEC_PER_TICK, s.cutime_ns / NSEC_PER_TICK,
            s.cstime_ns / NSEC_PER_TICK);
    sb_addf(out, "%d %d %u 0 %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 " ", 20 + s.nice, s.nice,
            s.n_threads, start / NSEC_PER_TICK, vsize, rss, s.rlimits[LX_RLIMIT_RSS].soft);
    sb_addf(out, "%" PRIu64 " %" PRIu64 " %" PRIu64 " 0 0 ", s.code_start, s.code_end,
            s.stack_start);
    sb_addf(out, "%" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 " 0 0 0 ",
            s.sig_pending & 0x7fffffff, s.sig_blocked & 0x7fffffff, s.sig_ignored & 0x7fffffff,
            s.sig_caught & 0x7fffffff);
    sb_addf(out,
            "%d 0 0 0 0 0 0 0 0 %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 " %u\n",
            s.exit_signal, s.brk_start, s.arg_start, s.arg_end, s.env_start, s.env_end,
            s.exit_status);
    return 0;
}

int proc_show_statm(const struct pseudo_ctx *c, struct strbuf *out)
{
    _cleanup_free_ char *text = NULL;
    struct task_snapshot s;
    uint64_t pages;
    int used = 0;
    int r = task_snapshot(c->k, c->tid, &s);
    if (r < 0)
        return r;
    if (proc_host_text(s.host_pid, "statm", &text) < 0 ||
        sscanf(text, "%" SCNu64 "%n", &pages, &used) < 1) {
        sb_add(out, "0 0 0 0 0 0 0\n");
        return 0;
    }
    pages -= MIN(pages, proc_hidden_bytes(&s) / 4096);
    sb_addf(out, "%" PRIu64 "%s", pages, text + used);
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
