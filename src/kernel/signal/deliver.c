/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Delivery: on the way back to the guest a thread takes its pending signals one by one, acts on
 * default actions, and prepares the frame of a handler. How an interrupted call goes on depends on
 * the first handler that runs, and on nothing else (signal(7), "Interruption of system calls").
 */
#include <errno.h>
#include <string.h>

#include "abi/linux/wait.h"
#include "kernel/ptrace/ptrace.h"
#include "kernel/restart.h"
#include "kernel/task/pause.h"
#include "kernel/task/pid.h"
#include "kernel/task/task.h"

#define REDZONE            128u
#define NR_RESTART_SYSCALL 219

/* A restart code becomes EINTR or a second run of the call; anything else is left as it is. */
static void settle(const struct task *t, struct resume *how, const struct sigaction_entry *handler)
{
    bool again;

    if (how->kind != RESUME_RETURN)
        return;
    switch (-how->value) {
    case ERESTARTNOINTR:
        again = true;
        break;
    case ERESTARTSYS:
        again = !handler || (handler->flags & LX_SA_RESTART);
        break;
    case ERESTARTNOHAND:
        again = !handler;
        break;
    case ERESTART_RESTARTBLOCK:
        if (!handler) {
            how->kind = RESUME_RESTART;
            how->value = NR_RESTART_SYSCALL;
            return;
        }
        again = false;
        break;
    default:
        return;
    }
    if (again) {
        how->kind = RESUME_RESTART;
        how->value = (int64_t) t->trap.nr;
    } else {
        how->value = -EINTR;
    }
}

/* The same for a traced task, whose registers, perhaps the tracer's work, say it all. */
static void settle_traced(struct task *t, const struct sigaction_entry *handler)
{
    struct guest_regs *r = &t->resume_regs;
    struct resume how = {.kind = RESUME_RETURN, .value = (int64_t) r->rax};

    if (t->trace.call_nr < 0 || how.value > -ERESTARTSYS || how.value < -ERESTART_RESTARTBLOCK)
        return;
    t->trap.nr = (uint64_t) t->trace.call_nr;
    t->trace.call_nr = -1;
    settle(t, &how, handler);
    r->rax = (uint64_t) how.value;
    if (how.kind == RESUME_RESTART)
        r->rip -= 2;
}

static void settle_restart(struct task *t, struct resume *how,
                           const struct sigaction_entry *handler)
{
    if (t->trace.live)
        settle_traced(t, handler);
    else
        settle(t, how, handler);
}

static bool on_altstack(const struct task *t, uint64_t sp)
{
    return !(t->altstack.flags & (LX_SS_DISABLE | LX_SS_AUTODISARM)) && t->altstack.size &&
           sp > t->altstack.sp && sp - t->altstack.sp <= t->altstack.size;
}

/* The siginfo, stack and masks of a frame; sighand.lock held. */
static void fill_frame(struct task *t, const struct sigaction_entry *a,
                       const struct lx_siginfo *info, struct signal_delivery *d)
{
    uint64_t sp = t->trace.live ? t->resume_regs.rsp : t->trap.regs.rsp;
    uint32_t flags = t->altstack.flags;

    *d = (struct signal_delivery){
        .handler = a->handler,
        .restorer = a->restorer,
        .signo = info->signo,
        .stack = sp - REDZONE,
        .saved_mask = t->restore_mask ? t->saved_mask : t->blocked,
        .ss_sp = t->altstack.sp,
        .ss_size = t->altstack.size,
        .with_info = (a->flags & LX_SA_SIGINFO) != 0,
        .no_restart = !(a->flags & LX_SA_RESTART),
    };
    memcpy(d->info, info, sizeof(d->info));
    t->restore_mask = false;

    if (!t->altstack.size)
        flags |= LX_SS_DISABLE;
    d->ss_flags = flags;
    if (on_altstack(t, sp)) {
        d->stack_floor = t->altstack.sp;
    } else if ((a->flags & LX_SA_ONSTACK) && !(flags & LX_SS_DISABLE)) {
        d->stack = t->altstack.sp + t->altstack.size;
        d->stack_floor = t->altstack.sp;
    }
    if (t->altstack.flags & LX_SS_AUTODISARM) {
        t->altstack.sp = t->altstack.size = 0;
        t->altstack.flags = LX_SS_DISABLE;
    }
}

/* sighand.lock held: after the frame the handler runs with these blocked. */
static void block_for_handler(struct task *t, const struct sigaction_entry *a, int signo)
{
    t->blocked |= a->mask;
    if (!(a->flags & LX_SA_NODEFER))
        t->blocked |= SIGBIT(signo);
    t->blocked &= ~SIGSET_UNBLOCKABLE;
    signal_recalc_locked(t);
}

/* A terminal's stop signals do nothing to an orphaned group: nobody could continue it. */
static bool in_orphaned_pgrp(struct task *t)
{
    bool r;

    mutex_lock(&t->k->tasks_lock);
    r = pgrp_is_orphaned(t->k, t->tg->pgid, NULL);
    mutex_unlock(&t->k->tasks_lock);
    return r;
}

enum taken { TAKEN_NONE, TAKEN_HANDLER, TAKEN_AGAIN, TAKEN_EXIT };

/*
 * A traced task asks its tracer, without the lock, what is to become of the signal it has taken.
 * True: it is to be acted on now, and the lock is held again.
 */
static bool ask_tracer(struct task *t, struct resume *how, struct sighand **sh,
                       struct lx_siginfo *info)
{
    bool go_on;

    mutex_unlock(&(*sh)->lock);
    go_on = trace_signal(t, how, info);
    *sh = sighand_lock(t->tg);
    if (go_on && (t->blocked & SIGBIT(info->signo))) {
        /* The tracer has put another in its place, which waits until it is unblocked. */
        go_on = sigqueue_add(&t->pending, info, UINT64_MAX) != 0;
        signal_recalc_locked(t);
    }
    return go_on;
}

/* Takes one signal and acts on it. For a handler the frame is in *d and *ret_action its
 * disposition. */
static enum taken take_one(struct task *t, struct resume *how, struct signal_delivery *d,
                           struct sigaction_entry *ret_action)
{
    struct tgroup *tg = t->tg;
    struct sighand *sh = sighand_lock(tg);
    struct sigaction_entry *a;
    struct lx_siginfo info;
    enum taken r = TAKEN_AGAIN;

    if (tg->exiting || (atomic_load(&t->work) & WORK_EXIT)) {
        mutex_unlock(&sh->lock);
        return TAKEN_EXIT;
    }
    if (trace_job_due_locked(t)) {
        mutex_unlock(&sh->lock);
        trace_job_stop(t, how);
        return TAKEN_AGAIN;
    }
    if (tg->stopping && !is_traced(t)) {
        mutex_unlock(&sh->lock);
        stop_wait(t);
        return TAKEN_AGAIN;
    }
    if (!signal_take_locked(t, ~t->blocked, &info)) {
        signal_recalc_locked(t);
        atomic_fetch_and(&t->work, ~(uint32_t) (WORK_STOP | WORK_PTRACE));
        mutex_unlock(&sh->lock);
        return TAKEN_NONE;
    }
    if (is_traced(t) && info.signo != LX_SIGKILL && !ask_tracer(t, how, &sh, &info)) {
        mutex_unlock(&sh->lock);
        return TAKEN_AGAIN;
    }
    a = &sh->actions[info.signo - 1];
    if (a->handler == LX_SIG_IGN) {
        /* taken and dropped */
    } else if (a->handler != LX_SIG_DFL) {
        *ret_action = *a;
        fill_frame(t, a, &info, d);
        if (a->flags & LX_SA_RESETHAND)
            a->handler = LX_SIG_DFL;
        block_for_handler(t, ret_action, info.signo);
        r = TAKEN_HANDLER;
    } else if (SIGBIT(info.signo) & SIGSET_STOP) {
        if (info.signo != LX_SIGSTOP) {
            mutex_unlock(&sh->lock);
            if (in_orphaned_pgrp(t))
                return TAKEN_AGAIN;
            sh = sighand_lock(tg);
        }
        stop_begin_locked(t, info.signo);
    } else if (!(SIGBIT(info.signo) & SIGSET_IGNORED)) {
        tgroup_exit_locked(tg, LX_W_SIGNALED(info.signo));
        r = TAKEN_EXIT;
    }
    mutex_unlock(&sh->lock);
    return r;
}

bool signal_deliver(struct task *t, struct resume *how, struct signal_delivery *d)
{
    struct sigaction_entry a;

    for (;;) {
        if (atomic_load(&t->work) & WORK_PAUSE)
            pause_wait(t);
        switch (take_one(t, how, d, &a)) {
        case TAKEN_EXIT:
            return false;
        case TAKEN_AGAIN:
            continue;
        case TAKEN_NONE:
            settle_restart(t, how, NULL);
            if (t->restore_mask) {
                t->restore_mask = false;
                signal_set_mask(t, t->saved_mask);
                if (atomic_load(&t->work))
                    continue;
            }
            return true;
        case TAKEN_HANDLER:
            settle_restart(t, how, &a);
            /* Further signals are stacked on top, as Linux does: come back before the handler runs.
             */
            d->more = (atomic_load(&t->work) & WORK_SIGNAL) != 0;
            how->signal = d;
            return true;
        }
    }
}
