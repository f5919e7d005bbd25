/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tasks and thread groups. A task is a guest thread and owns one sentry thread that runs
 * task_main(); a thread group is a guest process.
 *
 * Fields without a tag are private to the thread that runs the task. "[tasks_lock+sighand.lock]"
 * means: written with both held, so that either one is enough to read.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <time.h>

#include "base/htab.h"
#include "base/list.h"
#include "base/mutex.h"
#include "base/park.h"
#include "base/ref.h"
#include "kernel/futex/futex.h"
#include "kernel/kernel.h"
#include "kernel/mem/uaccess.h"
#include "kernel/ptrace/tracee.h"
#include "kernel/signal/signal.h"
#include "kernel/task/cred.h"
#include "kernel/time/cpu_limit.h"
#include "kernel/wait/waitq.h"
#include "platform/platform.h"

struct completion;
struct fdtable;
struct fsctx;
struct image;
struct itimers;
struct pid_entry;
struct seccomp_filter;

enum { /* task.work: tested before return to the guest and in task_block() */
       WORK_SIGNAL = 1u << 0,
       WORK_STOP = 1u << 1,
       WORK_EXIT = 1u << 2, /* the group is dying or execs: leave now */
       WORK_PTRACE = 1u << 3,
       WORK_DEAD = 1u << 4,  /* the host process is gone: platform_run() will say how */
       WORK_PAUSE = 1u << 5, /* the container is paused: pause.h. Does not end a sleep */
};

#define GUEST_N_RLIMITS 16

struct guest_rlimit {
    uint64_t soft, hard;
};

struct usage {
    uint64_t utime_ns, stime_ns;
    long maxrss, minflt, majflt, nvcsw, nivcsw;
};

/* Bytes moved and calls made by read(2), write(2) and their kin: /proc/PID/io. */
struct io_count {
    uint64_t rchar, wchar, syscr, syscw;
};

/* A guest process. */
struct tgroup {
    struct ref ref;
    struct kernel *k;           /* immutable */
    pid_t tgid;                 /* immutable: guest number */
    struct task *leader;        /* [tasks_lock] holds a reference until the group is reaped */
    struct list threads;        /* [tasks_lock+sighand.lock] task.tg_link */
    uint32_t n_threads;         /* [tasks_lock+sighand.lock] */
    _Atomic uint32_t living;    /* threads that have not begun to exit */
    struct list sem_undos;      /* [ipc.lock] struct sem_undo.group_link: kernel/ipc/sem.c */
    struct tgroup *parent;      /* [tasks_lock] NULL for init */
    struct list children;       /* [tasks_lock] tgroup.sibling */
    struct list sibling;        /* [tasks_lock] */
    struct list pgrp_link;      /* [tasks_lock] in the pid_entry of pgid */
    pid_t pgid, sid;            /* [tasks_lock] */
    struct waitq wait_children; /* woken when a child changes state */
    struct waitq
        signal_wq; /* woken (POLLIN) when a signal is queued to the group or one of its threads */
    struct waitq exit_wq; /* woken (POLLIN) when the group becomes a zombie: pidfd */
    uint32_t exit_status; /* [sighand.lock] wait(2) status once `exiting`; stable once `zombie` */
    int exit_signal;      /* [tasks_lock] to the parent; 0 for none */
    bool zombie;          /* [tasks_lock] */
    uint32_t n_execs;     /* [tasks_lock] images so far */
    uint32_t setid_execs; /* [tasks_lock] threads that are about to exec a set-id program */
    bool execed;          /* [tasks_lock] has called exec since fork: setpgid of the parent fails */
    bool exiting;         /* [sighand.lock] */
    bool killed; /* [sighand.lock] by SIGKILL, perhaps while it was exiting: no stop holds it */
    pid_t maker; /* [tasks_lock] whose child it is: the thread that made it, or got it from a dead
                    one */
    struct task *exec_task;        /* [sighand.lock] waits for the other threads to go */
    bool stopping;                 /* [sighand.lock] a group stop is on: begun and not continued */
    bool stopped;                  /* [sighand.lock] all threads have joined it */
    bool stop_reported;            /* [sighand.lock] wait() has consumed it */
    bool continued;                /* [sighand.lock] for WCONTINUED, not yet consumed */
    bool notify_stop, notify_cont; /* [sighand.lock] the parent is still to be told */
    uint32_t stop_left;            /* [sighand.lock] threads that have not joined */
    int stop_signal;               /* [sighand.lock] */
    struct sighand *sighand;       /* see signal.h */
    struct list
        old_sighands; /* [tasks_lock] sighand_left.link: a late locker may still look at them */
    struct sigqueue pending;                      /* [sighand.lock] signals to the group */
    struct guest_rlimit rlimits[GUEST_N_RLIMITS]; /* [tasks_lock] */
    struct timespec start;                        /* immutable, CLOCK_MONOTONIC */
    struct image
        *image; /* [tasks_lock] what was exec'ed: path, argv, envp, brk, stack: for /proc */
    struct usage child_usage, own_usage;   /* [tasks_lock] own_usage: of threads that have ended */
    struct io_count own_io;                /* [tasks_lock] of threads that have ended */
    uint64_t host_utime_ns, host_stime_ns; /* [tasks_lock] of the present stub, as told last */
    bool dumpable, child_subreaper;        /* [tasks_lock] */
    bool thp_disable;                      /* [tasks_lock] as asked for */
    uint8_t mce_kill;                      /* [tasks_lock] LX_PR_MCE_KILL_* */
    int nice;                              /* [tasks_lock] */
    int pdeath_signal;                     /* [tasks_lock] */
    uint32_t oom_score_adj;                /* [tasks_lock] as written to /proc, int stored as is */
    uint32_t coredump_filter;              /* [tasks_lock] as written to /proc */
    bool login_set;                        /* [tasks_lock] the two below have been given */
    uint32_t loginuid, login_session;      /* [tasks_lock] */
    struct tty *tty;                       /* [tasks_lock] controlling terminal, borrowed: ctty.h */
    pid_t tty_old_pgrp; /* [tasks_lock] of a leader: foreground group of a tty that hung up, or 0 */
    struct itimers *itimers;    /* immutable; setitimer, POSIX timers */
    struct cpu_limit cpu_limit; /* RLIMIT_CPU */
};

struct task {
    struct ref ref;
    struct kernel *k;  /* immutable; no globals: everything is reached from here */
    struct tgroup *tg; /* immutable, holds a reference */
    pid_t tid; /* guest's number; changes only at exec of a non-leader, [tasks_lock+sighand.lock] */
    struct list tg_link;  /* [tasks_lock+sighand.lock] */
    struct list all_link; /* [tasks_lock] */
    struct stub_thread
        *st; /* [tasks_lock+sighand.lock] platform half; replaced by exec, NULL once exited */
    struct fdtable *files;   /* [tasks_lock] for writes; own thread reads freely; others under
                                tasks_lock take a reference */
    struct fsctx *fs;        /* same */
    bool files_shared;       /* with another process (CLONE_FILES): exec makes a copy */
    const struct cred *cred; /* same; copy on write, immutable once published */
    uint64_t blocked;        /* [sighand.lock] for writes; own thread reads freely */
    uint64_t sigwait;        /* [sighand.lock] set a sigtimedwait is waiting for */
    uint64_t saved_mask;     /* restored after sigsuspend, ppoll... */
    bool restore_mask;
    struct sigqueue pending; /* [sighand.lock] */
    struct {
        uint64_t sp, size;
        uint32_t flags;
    } altstack;
    struct parker park;        /* events, signals, stops and timeouts all wake it */
    uint32_t ticket;           /* of the last parker_arm(): wake-ups since then count */
    _Atomic uint32_t work;     /* WORK_* */
    _Atomic uint32_t in_guest; /* 1 around platform_run(); see signal_poke_locked() */
    bool stop_joined;          /* [sighand.lock] counted in the group stop */
    struct {
        long (*fn)(struct task *t);
        uint64_t args[6];
    } restart;                     /* set by a call that returns -ERESTART_RESTARTBLOCK */
    enum resume_kind resume_kind;  /* how the call being handled ends: RETURN unless sigreturn or
                                      exec said otherwise */
    struct guest_regs resume_regs; /* for RESUME_REGS */
    uint64_t clear_child_tid, set_child_tid, robust_list; /* guest addresses */
    struct futex_wait futex;                              /* see futex.h */
    char comm[16];                                        /* [tasks_lock] */
    struct trap_info trap;                                /* the trap being handled */
    struct completion
        *vfork_done;         /* [own thread] what our parent's vfork waits on until exec or exit */
    _Atomic uint32_t state;  /* enum task_state, for /proc */
    _Atomic uint64_t sleeps; /* how often it has slept in the kernel: voluntary switches */
    uint32_t exit_code;      /* wait(2) status of this thread's own exit */
    struct {
        _Atomic uint8_t mode;          /* [sighand.lock] for writes; LX_SECCOMP_MODE_* */
        struct seccomp_filter *filter; /* [sighand.lock] referenced */
    } seccomp;
    bool no_new_privs; /* [sighand.lock] for writes; own thread reads freely */
    uint64_t personality;
    uint64_t timerslack;             /* read and written as one word by any thread */
    struct io_count io;              /* own thread writes; others read each as one word */
    struct tracee trace;             /* ptrace(2): as one who is traced */
    struct list tracees;             /* [tasks_lock] tracee.link: whom it traces */
    uint16_t ioprio;                 /* [tasks_lock] class and level, 0: never chosen */
    uint32_t mempolicy;              /* mode and flags: set_mempolicy(2) */
    bool mempolicy_nodes;            /* it names the one node there is */
    int sched_policy;                /* [tasks_lock] as the guest set it */
    uint32_t host_fsuid, host_fsgid; /* what this sentry thread has set on the host */
    _Atomic int32_t
        sentry_tid;        /* host id of this sentry thread, for its cpu clock; 0 before it runs */
    struct timespec start; /* immutable */
};

enum task_state {
    TASK_RUNNING,
    TASK_SLEEPING,
    TASK_STOPPED,
    TASK_TRACED,
    TASK_ZOMBIE,
    TASK_DEAD,
};

/*
 * Prepares everything of `k` that belongs to the tasks: locks, tables, timers. Once, before
 * task_create(); the rest of *k is zero or set by the caller.
 */
int kernel_tasks_init(struct kernel *k) must_check;
/* How many tasks are admitted from now on; 0: the default. */
void kernel_limit_tasks(struct kernel *k, uint32_t max);

/* New references. NULL when there is none. The kernel's tasks_lock is taken inside. */
struct task *task_find_get(struct kernel *k, pid_t tid);
struct tgroup *tgroup_find_get(struct kernel *k, pid_t tgid);
/* The task whose sentry thread calls this; NULL on the kernel's other threads. */
struct task *task_current_get(struct kernel *k);
struct task *task_get(struct task *t);
struct tgroup *tgroup_get(struct tgroup *tg);
void task_put(struct task *t);
void tgroup_put(struct tgroup *tg);

/* Body of a task's sentry thread: runs guest code until the task dies. */
void *task_main(void *task);

/*
 * Makes a process without parent, in a session of its own: pid 1 (is_init), or one that comes in
 * from outside. The task has no image, empty rlimits (infinity), cred of root without groups; files
 * and fs are NULL: the caller sets files, fs, cred before exec_image() gives it an image.
 */
int task_create(struct kernel *k, bool is_init, struct task **ret) must_check;
/* Reaps a zombie without parent, and drops the tree's reference. */
void tgroup_release(struct tgroup *tg);
/* Starts the task's sentry thread. */
int task_start(struct task *t) must_check;
/* Ends the whole group with a wait(2) status; any thread. */
void tgroup_exit(struct tgroup *tg, uint32_t status);
/* SIGKILL to every group but `but`; any thread. */
void kernel_kill_all(struct kernel *k, struct tgroup *but);
uint64_t tgroup_rlimit(struct tgroup *tg, int resource); /* soft limit; any thread */
/* Publishes new credentials (consumed) of the own thread and takes them over on the host. */
void task_set_cred(struct task *t, const struct cred *steal);
/* Makes this sentry thread's host fsuid and fsgid those of t->cred. Own thread. */
void task_apply_fsids(struct task *t);
/* Gives a thread that is no task's its own host ids back, after it has prepared a task. */
void task_own_fsids(const struct kernel *k);
/* Tells the stub the numbers it may answer by itself. Own thread, or tasks_lock held. */
void task_publish_facts(struct task *t);

/* ---- the task part's own ---- */
struct tgroup *tgroup_alloc(struct kernel *k, const struct tgroup *like) must_check;
struct task *task_alloc(struct tgroup *tg) must_check;
/* tasks_lock held: gives t (and, if it is the first of its group, the group) its number and place.
 */
int task_link(struct task *t, struct tgroup *parent) must_check;
/* Undoes task_alloc() for a task that was never linked. */
void task_discard(struct task *t);
/* The end of a task, on its own thread; guest_gone: its memory cannot be touched any more. Drops
 * the thread's reference. */
void task_exit(struct task *t, bool guest_gone);
/* Robust futexes and clear_child_tid when a thread leaves its memory: exit and exec. Own thread. */
void task_leave_memory(struct task *t);
/* tasks_lock held: a zombie goes for good. The tree's reference is the caller's to drop, after
 * unlocking. Its tracer, if any, forgets it. */
void tgroup_reap(struct tgroup *tg);
/* tasks_lock held: the end of a process whose tracer has let go is its parent's to know. What is to
 * be freed after unlocking is added to `dead` by tgroup.sibling. */
void tgroup_tell_parent(struct tgroup *tg, struct list *dead);
/* tasks_lock held: who reaps the children of tg when it is gone. */
struct tgroup *tgroup_reaper(struct tgroup *tg);
/* Processor time so far of all threads, ended ones included. tasks_lock held. */
void tgroup_cpu_time(struct tgroup *tg, uint64_t *ret_utime_ns, uint64_t *ret_stime_ns);
uint64_t host_process_cpu_ns(pid_t host_pid);
uint64_t sentry_thread_cpu_ns(int32_t sentry_tid);
/* Whether sender may signal a process of credentials c: kill(2), "Permissions". */
bool cred_may_signal(const struct cred *sender, const struct cred *c);
