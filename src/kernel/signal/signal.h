/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Signals live in the sentry: masks, queues, dispositions (signal(7)). Signal sets are 64 bits,
 * bit signo-1.
 *
 * Locks: tasks_lock > sighand.lock > waitq.lock. A group's sighand is replaced only by exec, and
 * then under both tasks_lock and the old one's lock: sighand_lock() returns the current one, held.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "abi/linux/signal.h"
#include "base/list.h"
#include "base/mutex.h"
#include "base/ref.h"
#include "base/util.h"

struct task;
struct tgroup;
struct kernel;
struct resume;
struct signal_delivery;

#define SIGBIT(signo)      (1ull << ((signo) -1))
#define SIGSET_UNBLOCKABLE (SIGBIT(LX_SIGKILL) | SIGBIT(LX_SIGSTOP))
/* Default actions: signal(7). What is in neither set ends the process. */
#define SIGSET_STOP \
    (SIGBIT(LX_SIGSTOP) | SIGBIT(LX_SIGTSTP) | SIGBIT(LX_SIGTTIN) | SIGBIT(LX_SIGTTOU))
#define SIGSET_IGNORED \
    (SIGBIT(LX_SIGCONT) | SIGBIT(LX_SIGCHLD) | SIGBIT(LX_SIGWINCH) | SIGBIT(LX_SIGURG))

struct sigqueue {
    uint64_t set;        /* [sighand.lock] signals with at least one entry */
    struct list entries; /* [sighand.lock] struct sigentry, in order of arrival */
    unsigned count;      /* [sighand.lock] entries */
};

struct sigaction_entry {
    uint64_t handler; /* LX_SIG_DFL, LX_SIG_IGN or a guest address */
    uint64_t flags, restorer, mask;
};

struct sighand {
    struct ref ref;
    struct mutex lock;                       /* RANK_SIGHAND */
    struct sigaction_entry actions[LX_NSIG]; /* [lock] */
};

/* One that a group shared and has left by exec, as perhaps others have. */
struct sighand_left {
    struct list link;   /* [tasks_lock] in tgroup.old_sighands */
    struct sighand *sh; /* immutable, holds a reference */
};

/*
 * Sends to a task or a group; any thread, takes sighand.lock (and so nothing ranked below may be
 * held). `info` says signo, code and the rest. 0 or -EAGAIN when the queue limit is reached for a
 * real-time signal. Permission checks are the caller's.
 */
int signal_send_task(struct task *t, const struct lx_siginfo *info);
int signal_send_group(struct tgroup *tg, const struct lx_siginfo *info);
/* Kernel-made, SI_KERNEL or si_code 0 forms. */
int signal_send_self(struct task *t, int signo); /* SIGPIPE, SIGXFSZ: to the thread itself */
/* To each member of a process group; -ESRCH when there is none. tasks_lock is taken inside. */
int signal_send_pgrp(struct kernel *k, int pgid, const struct lx_siginfo *info);
/* SI_KERNEL to a group: terminals, container-wide kill. */
int signal_send_pgrp_kernel(struct kernel *k, int pgid, int signo);

/* The thread's own mask, for the time of one call (ppoll, pselect6, epoll_pwait, sigsuspend). */
void signal_set_temp_mask(struct task *t, uint64_t mask);
/*
 * Ends it. interrupted: the call returns a restart code or -EINTR because of a signal: the old mask
 * is then restored after the handler's frame has been built, else at once.
 */
void signal_end_temp_mask(struct task *t, bool interrupted);
/* Replaces the thread's mask; SIGKILL and SIGSTOP stay unblocked. Own thread. */
void signal_set_mask(struct task *t, uint64_t mask);

/* For signalfd: takes one pending signal of `set`; 0 or -EAGAIN. Readiness: tgroup.signal_wq is
 * woken. */
int signal_take(struct task *t, uint64_t set, struct lx_siginfo *ret) must_check;
/* The same with sighand.lock held; set may be anything. */
bool signal_take_locked(struct task *t, uint64_t set, struct lx_siginfo *ret);
uint64_t signal_pending(struct task *t); /* thread's and group's, whether blocked or not */

/* For terminals: whether t ignores or blocks signo (SIGTTIN, SIGTTOU). */
bool signal_is_ignored_or_blocked(struct task *t, int signo);

/* ---- the task part's own ---- */
struct sighand *sighand_new(void);
struct sighand *sighand_copy(struct tgroup *tg);
struct sighand *sighand_lock(struct tgroup *tg);
void sighand_put(struct sighand *sh);
void sigqueue_init(struct sigqueue *q);
/* sighand.lock held. With `limit` entries in the queue already, or without memory, sigqueue(3) and
 * tkill(2) of a real-time signal are refused with -EAGAIN; others are noted without details. */
int sigqueue_add(struct sigqueue *q, const struct lx_siginfo *info, uint64_t limit) must_check;
/* Adds n overruns to the queued signal of this POSIX timer; false when there is none. */
bool sigqueue_timer_again(struct sigqueue *q, int timer_id, int n);
bool sigqueue_take(struct sigqueue *q, uint64_t set, struct lx_siginfo *ret);
/* The n-th signal in order of arrival; false: there are fewer. */
bool sigqueue_peek(const struct sigqueue *q, uint64_t n, struct lx_siginfo *ret);
void sigqueue_flush(struct sigqueue *q, uint64_t set);
unsigned sigqueue_count(const struct sigqueue *q);

/* With the group's sighand lock held. t NULL: to the group. */
int signal_send_locked(struct tgroup *tg, struct task *t, const struct lx_siginfo *info);
void signal_recalc_locked(struct task *t); /* sets or clears WORK_SIGNAL */
void signal_poke_locked(struct task *t);   /* wakes t wherever it is */
void tgroup_exit_locked(struct tgroup *tg, uint32_t status);
/* A fault of the thread itself: cannot be blocked or ignored. */
void signal_force(struct task *t, const struct lx_siginfo *info);
void signal_force_segv(struct task *t);
/* Dispositions for a fresh image: handlers become default, ignored stay. Own thread, group
 * single-threaded. */
void signal_exec_reset(struct task *t);

/*
 * Before going back to the guest: acts on pending work, decides how the interrupted call goes on,
 * and prepares at most one frame in *d (how->signal is set then). False: the task must exit.
 */
bool signal_deliver(struct task *t, struct resume *how, struct signal_delivery *d) must_check;

/* job control, signal/stop.c */
void stop_leave_locked(
    struct task *t); /* an exiting thread no longer counts; may leave `notify_stop` set */
void stop_notify_parent(struct tgroup *tg,
                        int code); /* CLD_STOPPED, CLD_CONTINUED; takes tasks_lock */
void stop_begin_locked(struct task *t, int signo);
void stop_join_locked(struct task *t); /* counts t in the stop; may leave `notify_stop` set */
void stop_wait(struct task *t); /* joins the stop and sleeps until it is over; no locks held */
