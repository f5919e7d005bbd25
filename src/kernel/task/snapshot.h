/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A consistent look at a task or process from outside, for /proc and its like. Everything is copied
 * under the locks it needs; nothing in a snapshot points into live objects except where a comment
 * says that a reference is handed over.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "kernel/task/task.h"
#include "kernel/vfs/file.h"

struct task_snapshot {
    pid_t pid;             /* thread group id */
    pid_t tid;             /* the thread asked for */
    pid_t ppid, pgid, sid; /* 0: none inside the container */
    pid_t tracer_pid;      /* 0: nobody traces it */
    pid_t tty_pgrp;        /* foreground group of the controlling terminal, -1: no terminal */
    uint64_t tty_dev;      /* device number of the controlling terminal, 0: none */
    char state;            /* R S D T Z X as /proc/PID/stat shows */
    char comm[16];
    unsigned n_threads;
    uint64_t start_ns;   /* after the container's start */
    bool in_guest;       /* runs guest code, or waits there for a native futex */
    uint64_t syscall[7]; /* while it sleeps: number and arguments of its call */
    uint64_t sp, ip;     /* registers at the time */
    int exit_signal;
    uint32_t exit_status; /* wait(2) status of a zombie */
    bool dumpable, no_new_privs, leader;
    uint32_t uid, euid, suid, fsuid, gid, egid, sgid, fsgid;
    uint64_t cap_inheritable, cap_permitted, cap_effective, cap_bounding, cap_ambient;
    uint64_t sig_pending, sig_group_pending, sig_blocked, sig_ignored, sig_caught;
    unsigned sig_queued;
    unsigned seccomp_mode, seccomp_filters;
    uint64_t arg_start, arg_end, env_start,
        env_end; /* guest ranges; 0 for kernel-made or dead tasks */
    uint64_t stack_start, brk_start, code_start, code_end, entry;
    pid_t host_pid; /* stub process for /proc/<host pid>/maps; 0 when it is gone */
    pid_t host_tid;
    uint64_t gap_start, gap_end; /* see platform_gap() */
    struct platform_piece pieces[PLATFORM_MAX_PIECES];
    size_t n_pieces;
    cpu_set_t cpus; /* it may run on */
    struct guest_rlimit rlimits[GUEST_N_RLIMITS];
    int nice;
    int oom_score_adj;
    unsigned policy, rt_priority; /* SCHED_* and the priority of the real-time ones */
};

/* 0 or -ESRCH. `tid` is a thread or a process; a process whose leader has exited is found by its
 * pid. */
int task_snapshot(struct kernel *k, pid_t tid, struct task_snapshot *ret) must_check;

/* What a process (or with `thread`, the thread tid alone) has used, and its children: 0 or -ESRCH.
 */
int task_snapshot_usage(struct kernel *k, pid_t tid, bool thread, struct usage *ret,
                        struct usage *ret_children) must_check;

/* What was read and written, as above. */
int task_snapshot_io(struct kernel *k, pid_t tid, bool thread, struct io_count *ret) must_check;

/* Supplementary groups: copies at most cap of them, returns how many there are, or -ESRCH. */
ssize_t task_snapshot_groups(struct kernel *k, pid_t tid, uint32_t *dst, size_t cap);

/* New references on what a task holds, or -ESRCH (also for zombies). */
int task_snapshot_files(struct kernel *k, pid_t tid, struct fdtable **ret) must_check;
int task_snapshot_fs(struct kernel *k, pid_t tid, struct fsctx **ret) must_check;
/* The executable's path (new references) or -ENOENT. */
int task_snapshot_exe(struct kernel *k, pid_t tid, struct path *ret) must_check;

/*
 * Reads guest memory of another process (cmdline, environ, mem): bytes read up to n, 0 at an
 * unreadable place, -ESRCH. No locks may be held.
 */
ssize_t task_snapshot_read(struct kernel *k, pid_t tid, void *dst, uint64_t src, size_t n)
    must_check;
/* The auxiliary vector handed to the image: bytes copied, at most cap; 0 for none. */
ssize_t task_snapshot_auxv(struct kernel *k, pid_t tid, void *dst, size_t cap);
/* A number that is another one when tid is another process, or has executed another program. */
uint64_t task_snapshot_image(struct kernel *k, pid_t tid);
/* The process personality (personality(2)). */
uint64_t task_snapshot_personality(struct kernel *k, pid_t tid);

/* Process numbers in ascending order: the first pid >= from, or -1. */
pid_t task_next_pid(struct kernel *k, pid_t from);
/* Threads of a process in ascending order: the first tid >= from, or -1. */
pid_t task_next_tid(struct kernel *k, pid_t tgid, pid_t from);

/* Numbers for /proc/stat and /proc/loadavg. */
struct task_counts {
    unsigned threads, running;
    pid_t last_pid;
    uint64_t forks;
};
void task_count(struct kernel *k, struct task_counts *ret);

/* Whether `opener` may inspect the task (ptrace_may_access of Linux, by ids and capabilities). */
bool task_may_inspect(struct task *opener, pid_t tid);
