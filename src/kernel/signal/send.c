/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sending. A signal is queued under sighand.lock, and the threads that may act on it are told
 * there too.
 *
 * No wake-up is lost. The sender publishes first and looks second; the receiver announces first and
 * looks second:
 *
 *     sender (sighand.lock held)          receiver
 *     work |= WORK_x                      in_guest = 1
 *     park_wake(t)                        if (work) { in_guest = 0; handle it }
 *     if (in_guest) platform_kick(st)     platform_run(st)
 *
 * With sequentially consistent operations one of the two sees the other: either the receiver finds
 * work before it enters, or the sender finds in_guest and kicks; a kick that comes before the entry
 * makes that entry return at once. A receiver that sleeps in the sentry finds the parker's token.
 */
#include <errno.h>

#include "abi/linux/resource.h"
#include "abi/linux/wait.h"
#include "kernel/ptrace/ptrace.h"
#include "kernel/task/pid.h"
#include "kernel/task/task.h"
#include "kernel/time/itimer.h"
#include "kernel/wait/block.h"

#define POLLIN_BIT 1u

void signal_poke_locked(struct task *t)
{
    task_wake(t);
    if (!t->st)
        return;
    if (atomic_load(&t->work) & WORK_EXIT)
        platform_expel(t->st, atomic_load(&t->in_guest));
    else if (atomic_load(&t->in_guest))
        platform_kick(t->st);
}

void signal_recalc_locked(struct task *t)
{
    if ((t->pending.set | t->tg->pending.set) & ~t->blocked)
        atomic_fetch_or(&t->work, WORK_SIGNAL);
    else
        atomic_fetch_and(&t->work, ~(uint32_t) WORK_SIGNAL);
}

void tgroup_exit_locked(struct tgroup *tg, uint32_t status)
{
    struct task *t;

    if (status == LX_W_SIGNALED(LX_SIGKILL)) {
        tg->killed = true;
        list_for_each_entry (t, &tg->threads, tg_link)
            task_wake(t); /* also out of the stop that reports its exit */
    }
    if (tg->exiting)
        return;
    tg->exiting = true;
    tg->exit_status = status;
    list_for_each_entry (t, &tg->threads, tg_link) {
        atomic_fetch_or(&t->work, WORK_EXIT);
        signal_poke_locked(t);
    }
}

void tgroup_exit(struct tgroup *tg, uint32_t status)
{
    struct sighand *sh = sighand_lock(tg);

    tgroup_exit_locked(tg, status);
    mutex_unlock(&sh->lock);
}

/* A blocked signal is never dropped: its disposition may be another one when it is unblocked. */
static bool ignored_locked(const struct sighand *sh, const struct task *t, int signo)
{
    uint64_t h = sh->actions[signo - 1].handler;

    if (t && ((t->blocked & SIGBIT(signo)) || is_traced(t)))
        return false; /* a tracer sees also what is ignored */
    if (SIGBIT(signo) & SIGSET_UNBLOCKABLE)
        return false;
    return h == LX_SIG_IGN || (h == LX_SIG_DFL && (SIGBIT(signo) & SIGSET_IGNORED));
}

static void flush_everywhere(struct tgroup *tg, uint64_t set)
{
    struct task *t;

    sigqueue_flush(&tg->pending, set);
    list_for_each_entry (t, &tg->threads, tg_link) {
        sigqueue_flush(&t->pending, set);
        signal_recalc_locked(t);
    }
}

/* SIGCONT resumes whatever its disposition and mask are; a stop signal cancels a pending SIGCONT.
 */
static void stop_and_cont_locked(struct tgroup *tg, int signo)
{
    struct task *t;

    if (SIGBIT(signo) & SIGSET_STOP) {
        flush_everywhere(tg, SIGBIT(LX_SIGCONT));
        return;
    }
    if (signo != LX_SIGCONT)
        return;
    flush_everywhere(tg, SIGSET_STOP);
    if (!tg->stopping)
        return;
    if (tg->stopped) {
        tg->continued = true;
        tg->notify_cont = true;
    }
    tg->stopping = tg->stopped = tg->stop_reported = false;
    tg->notify_stop = false;
    tg->stop_left = 0;
    list_for_each_entry (t, &tg->threads, tg_link) {
        t->stop_joined = false;
        atomic_fetch_and(&t->work, ~(uint32_t) WORK_STOP);
        trace_notify_job_locked(t, true);
        signal_poke_locked(t);
    }
}

static bool wants(const struct task *t, int signo)
{
    return !(t->blocked & SIGBIT(signo)) && t->st && !(atomic_load(&t->work) & WORK_EXIT) &&
           atomic_load(&t->state) < TASK_ZOMBIE;
}

/* A thread to act on a signal of the group: the leader if it can, else the first that does not
 * block it. */
static struct task *choose_locked(struct tgroup *tg, int signo)
{
    struct task *t;

    if (tg->leader && tg->n_threads && wants(tg->leader, signo))
        return tg->leader;
    list_for_each_entry (t, &tg->threads, tg_link) {
        if (wants(t, signo))
            return t;
    }
    return NULL;
}

/* Threads in sigtimedwait for a blocked signal are woken to look; so are signalfd's readers. */
static void wake_waiters_locked(struct tgroup *tg, struct task *only, int signo)
{
    struct task *t;

    list_for_each_entry (t, &tg->threads, tg_link) {
        if ((!only || only == t) && (t->sigwait & SIGBIT(signo)))
            task_wake(t);
    }
    waitq_wake(&tg->signal_wq, POLLIN_BIT);
}

static bool is_fatal_locked(const struct sighand *sh, int signo)
{
    if (signo == LX_SIGKILL)
        return true;
    return sh->actions[signo - 1].handler == LX_SIG_DFL &&
           !(SIGBIT(signo) & (SIGSET_IGNORED | SIGSET_STOP));
}

/* How many entries the queue of t (NULL: the group's) may have: RLIMIT_SIGPENDING is for all of the
 * process together, where Linux counts all of the user's processes. */
static uint64_t room_locked(const struct tgroup *tg, const struct task *t)
{
    uint64_t limit = tg->rlimits[LX_RLIMIT_SIGPENDING].soft;
    uint64_t others = t ? sigqueue_count(&tg->pending) : 0;
    const struct task *o;

    list_for_each_entry (o, &tg->threads, tg_link) {
        if (o != t)
            others += sigqueue_count(&o->pending);
    }
    return limit > others ? limit - others : 0;
}

int signal_send_locked(struct tgroup *tg, struct task *t, const struct lx_siginfo *info)
{
    struct sighand *sh = tg->sighand;
    int signo = info->signo, r;
    struct task *target;

    if (signo == LX_SIGKILL && tg->exiting)
        tgroup_exit_locked(tg, LX_W_SIGNALED(LX_SIGKILL));
    if (signo < 1 || signo > LX_NSIG || tg->exiting || tg->n_threads == 0)
        return 0;
    stop_and_cont_locked(tg, signo);
    if (ignored_locked(sh, t ? t : tg->leader, signo))
        return 0;

    r = sigqueue_add(t ? &t->pending : &tg->pending, info, room_locked(tg, t));
    if (r)
        return r;
    wake_waiters_locked(tg, t, signo);

    target = t ? (wants(t, signo) ? t : NULL) : choose_locked(tg, signo);
    if (!target) {
        /* All are on their way out; one may stand in the stop that reports its exit. */
        if (signo == LX_SIGKILL && !t)
            tgroup_exit_locked(tg, LX_W_SIGNALED(LX_SIGKILL));
        return 0;
    }
    if (is_fatal_locked(sh, signo) && (signo == LX_SIGKILL || !is_traced(target))) {
        /* The whole group goes now; no thread runs on until it happens to look at its queue. */
        tgroup_exit_locked(tg, LX_W_SIGNALED(signo));
        return 0;
    }
    atomic_fetch_or(&target->work, WORK_SIGNAL);
    signal_poke_locked(target);
    return 0;
}

int signal_send_task(struct task *t, const struct lx_siginfo *info)
{
    struct sighand *sh = sighand_lock(t->tg);
    int r = signal_send_locked(t->tg, t, info);

    mutex_unlock(&sh->lock);
    return r;
}

int signal_send_group(struct tgroup *tg, const struct lx_siginfo *info)
{
    struct sighand *sh = sighand_lock(tg);
    int r = signal_send_locked(tg, NULL, info);

    mutex_unlock(&sh->lock);
    return r;
}

int signal_send_self(struct task *t, int signo)
{
    struct lx_siginfo info = {.signo = signo, .code = LX_SI_USER};

    info.rt.pid = t->tg->tgid;
    info.rt.uid = t->cred->uid;
    return signal_send_task(t, &info);
}

int signal_send_pgrp(struct kernel *k, int pgid, const struct lx_siginfo *info)
{
    struct pid_entry *e;
    struct tgroup *tg;
    int r = -ESRCH;

    mutex_lock(&k->tasks_lock);
    e = pid_find(k, pgid);
    if (e) {
        list_for_each_entry (tg, &e->pgrp, pgrp_link) {
            int one = signal_send_group(tg, info);

            if (r == -ESRCH || one)
                r = one;
        }
    }
    mutex_unlock(&k->tasks_lock);
    return r;
}

int signal_send_pgrp_kernel(struct kernel *k, int pgid, int signo)
{
    struct lx_siginfo info = {.signo = signo, .code = LX_SI_KERNEL};

    return signal_send_pgrp(k, pgid, &info);
}

void signal_force(struct task *t, const struct lx_siginfo *info)
{
    struct sighand *sh = sighand_lock(t->tg);
    struct sigaction_entry *a = &sh->actions[info->signo - 1];
    int r;

    if ((t->blocked & SIGBIT(info->signo)) || a->handler == LX_SIG_IGN) {
        a->handler = LX_SIG_DFL;
        t->blocked &= ~SIGBIT(info->signo);
    }
    if (a->handler == LX_SIG_DFL && !is_traced(t)) {
        tgroup_exit_locked(t->tg, LX_W_SIGNALED(info->signo));
    } else {
        sigqueue_flush(&t->pending, SIGBIT(info->signo));
        r = sigqueue_add(&t->pending, info, UINT64_MAX);
        if (r == 0)
            atomic_fetch_or(&t->work, WORK_SIGNAL);
    }
    mutex_unlock(&sh->lock);
}

void signal_force_segv(struct task *t)
{
    struct lx_siginfo info = {.signo = LX_SIGSEGV, .code = LX_SI_KERNEL};

    signal_force(t, &info);
}

void signal_set_mask(struct task *t, uint64_t mask)
{
    struct sighand *sh = sighand_lock(t->tg);
    struct task *o;
    uint64_t newly = (mask & ~SIGSET_UNBLOCKABLE) & ~t->blocked & t->tg->pending.set;

    t->blocked = mask & ~SIGSET_UNBLOCKABLE;
    signal_recalc_locked(t);
    /* What we now block may have been given to us: another thread must take it over. */
    if (newly) {
        list_for_each_entry (o, &t->tg->threads, tg_link) {
            if (o == t || !(t->tg->pending.set & newly & ~o->blocked))
                continue;
            signal_recalc_locked(o);
            signal_poke_locked(o);
        }
    }
    mutex_unlock(&sh->lock);
}

void signal_set_temp_mask(struct task *t, uint64_t mask)
{
    t->saved_mask = t->blocked;
    t->restore_mask = true;
    signal_set_mask(t, mask);
}

void signal_end_temp_mask(struct task *t, bool interrupted)
{
    if (interrupted || !t->restore_mask)
        return;
    t->restore_mask = false;
    signal_set_mask(t, t->saved_mask);
}

uint64_t signal_pending(struct task *t)
{
    struct sighand *sh = sighand_lock(t->tg);
    uint64_t s = t->pending.set | t->tg->pending.set;

    mutex_unlock(&sh->lock);
    return s;
}

bool signal_take_locked(struct task *t, uint64_t set, struct lx_siginfo *ret)
{
    if (!sigqueue_take(&t->pending, set, ret) && !sigqueue_take(&t->tg->pending, set, ret))
        return false;
    if (ret->code == LX_SI_TIMER)
        posix_timer_delivered(t->tg, ret);
    return true;
}

int signal_take(struct task *t, uint64_t set, struct lx_siginfo *ret)
{
    struct sighand *sh = sighand_lock(t->tg);
    bool ok;

    set &= ~SIGSET_UNBLOCKABLE;
    ok = signal_take_locked(t, set, ret);
    if (ok)
        signal_recalc_locked(t);
    mutex_unlock(&sh->lock);
    return ok ? 0 : -EAGAIN;
}

bool signal_is_ignored_or_blocked(struct task *t, int signo)
{
    struct sighand *sh = sighand_lock(t->tg);
    bool r = (t->blocked & SIGBIT(signo)) || sh->actions[signo - 1].handler == LX_SIG_IGN;

    mutex_unlock(&sh->lock);
    return r;
}

void signal_exec_reset(struct task *t)
{
    struct sighand *sh = sighand_lock(t->tg);

    for (int i = 0; i < LX_NSIG; i++) {
        struct sigaction_entry *a = &sh->actions[i];

        if (a->handler != LX_SIG_IGN)
            a->handler = LX_SIG_DFL;
        a->flags = a->mask = a->restorer = 0;
    }
    mutex_unlock(&sh->lock);
}
