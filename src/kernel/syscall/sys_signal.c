/* SPDX-License-Identifier: Apache-2.0 */
/* Dispositions, masks, waiting for signals, alternate stacks: sigaction(2) and its family. */
#include <errno.h>
#include <string.h>

#include "kernel/restart.h"
#include "kernel/syscall/syscall.h"
#include "kernel/task/task.h"
#include "kernel/time/ktimer.h"
#include "kernel/time/timeval.h"
#include "kernel/wait/block.h"

#define SIGSET_SIZE 8
#define KNOWN_SA_FLAGS                                                                    \
    (LX_SA_NOCLDSTOP | LX_SA_NOCLDWAIT | LX_SA_SIGINFO | LX_SA_RESTORER | LX_SA_ONSTACK | \
     LX_SA_RESTART | LX_SA_NODEFER | LX_SA_RESETHAND | LX_SA_EXPOSE_TAGBITS)

static void set_action(struct task *t, int signo, const struct lx_sigaction *act,
                       struct lx_sigaction *old)
{
    struct tgroup *tg = t->tg;
    struct sighand *sh = sighand_lock(tg);
    struct sigaction_entry *a = &sh->actions[signo - 1];
    struct task *o;

    *old = (struct lx_sigaction){.handler = a->handler,
                                 .flags = a->flags,
                                 .restorer = a->restorer,
                                 .mask = a->mask};
    if (act) {
        *a = (struct sigaction_entry){.handler = act->handler,
                                      .flags = act->flags & KNOWN_SA_FLAGS,
                                      .restorer = act->restorer,
                                      .mask = act->mask & ~SIGSET_UNBLOCKABLE};
        /* What is ignored from now on is also dropped from the queues: POSIX, 2.4.3 Signal Actions.
         */
        if (a->handler == LX_SIG_IGN ||
            (a->handler == LX_SIG_DFL && (SIGBIT(signo) & SIGSET_IGNORED))) {
            sigqueue_flush(&tg->pending, SIGBIT(signo));
            list_for_each_entry (o, &tg->threads, tg_link) {
                sigqueue_flush(&o->pending, SIGBIT(signo));
                signal_recalc_locked(o);
            }
        }
    }
    mutex_unlock(&sh->lock);
}

long sys_rt_sigaction(struct task *t, const uint64_t a[static 6])
{
    int signo = (int) a[0], r = 0;
    struct lx_sigaction act, old;

    if (a[3] != SIGSET_SIZE)
        return -EINVAL;
    if (a[1])
        r = copy_in(t, &act, uaddr(a[1]), sizeof(act));
    if (r)
        return r;
    if (signo < 1 || signo > LX_NSIG || (a[1] && (signo == LX_SIGKILL || signo == LX_SIGSTOP)))
        return -EINVAL;
    set_action(t, signo, a[1] ? &act : NULL, &old);
    return a[2] ? copy_out(t, uaddr(a[2]), &old, sizeof(old)) : 0;
}

long sys_rt_sigprocmask(struct task *t, const uint64_t a[static 6])
{
    uint64_t old = t->blocked, set, mask;
    int r;

    if (a[3] != SIGSET_SIZE)
        return -EINVAL;
    if (a[1]) {
        r = copy_in(t, &set, uaddr(a[1]), sizeof(set));
        if (r)
            return r;
        switch ((int) a[0]) {
        case LX_SIG_BLOCK:
            mask = old | set;
            break;
        case LX_SIG_UNBLOCK:
            mask = old & ~set;
            break;
        case LX_SIG_SETMASK:
            mask = set;
            break;
        default:
            return -EINVAL;
        }
        signal_set_mask(t, mask);
    }
    return a[2] ? copy_out(t, uaddr(a[2]), &old, sizeof(old)) : 0;
}

long sys_rt_sigpending(struct task *t, const uint64_t a[static 6])
{
    uint64_t set = signal_pending(t) & t->blocked;

    if (a[1] > SIGSET_SIZE)
        return -EINVAL;
    return copy_out(t, uaddr(a[0]), &set, a[1]);
}

long sys_pause(struct task *t, const uint64_t a[static 6] unused_)
{
    int r;

    do {
        r = task_block(t, NULL);
    } while (r == 0);
    return -ERESTARTNOHAND;
}

long sys_rt_sigsuspend(struct task *t, const uint64_t a[static 6])
{
    uint64_t mask;
    int r;

    if (a[1] != SIGSET_SIZE)
        return -EINVAL;
    r = copy_in(t, &mask, uaddr(a[0]), sizeof(mask));
    if (r)
        return r;
    signal_set_temp_mask(t, mask);
    do {
        r = task_block(t, NULL);
    } while (r == 0);
    signal_end_temp_mask(t, true);
    return -ERESTARTNOHAND;
}

static int try_take(struct task *t, uint64_t set, bool announce, struct lx_siginfo *ret)
{
    struct sighand *sh = sighand_lock(t->tg);
    bool ok = signal_take_locked(t, set, ret);

    /* Announced under the lock that senders hold: a signal comes before and is taken, or after and
     * wakes us. */
    t->sigwait = announce && !ok ? set : 0;
    if (ok)
        signal_recalc_locked(t);
    mutex_unlock(&sh->lock);
    return ok ? 0 : -EAGAIN;
}

long sys_rt_sigtimedwait(struct task *t, const uint64_t a[static 6])
{
    struct lx_timespec ts;
    struct lx_siginfo info;
    struct timespec deadline;
    uint64_t set, ns = 0;
    int r;

    if (a[3] != SIGSET_SIZE)
        return -EINVAL;
    r = copy_in(t, &set, uaddr(a[0]), sizeof(set));
    if (r == 0 && a[2]) {
        r = copy_in(t, &ts, uaddr(a[2]), sizeof(ts));
        if (r == 0)
            r = ns_from_timespec(&ts, &ns);
    }
    if (r)
        return r;
    set &= ~SIGSET_UNBLOCKABLE;
    deadline = host_timespec_from_ns(mono_now_ns() + ns);

    while ((r = try_take(t, set, !a[2] || ns, &info)) == -EAGAIN) {
        if (a[2] && !ns)
            return -EAGAIN;
        r = task_block(t, a[2] ? &deadline : NULL);
        if (r) {
            int last = try_take(t, set, false, &info);

            if (last == 0)
                break;
            return r == -ETIMEDOUT ? -EAGAIN : -EINTR;
        }
    }
    if (a[1]) {
        r = copy_out(t, uaddr(a[1]), &info, sizeof(info));
        if (r)
            return r;
    }
    return info.signo;
}

static bool on_altstack(const struct task *t, uint64_t sp)
{
    return !(t->altstack.flags & (LX_SS_DISABLE | LX_SS_AUTODISARM)) && t->altstack.size &&
           sp > t->altstack.sp && sp - t->altstack.sp <= t->altstack.size;
}

static int set_altstack(struct task *t, const struct lx_stack *ss, uint64_t sp, uint64_t min_size)
{
    uint32_t mode = (uint32_t) ss->flags & ~LX_SS_AUTODISARM;

    if (on_altstack(t, sp))
        return -EPERM;
    if (mode != LX_SS_DISABLE && mode != LX_SS_ONSTACK && mode != 0)
        return -EINVAL;
    if (mode == LX_SS_DISABLE) {
        t->altstack.sp = t->altstack.size = 0;
        t->altstack.flags = LX_SS_DISABLE;
        return 0;
    }
    if (ss->size < min_size)
        return -ENOMEM;
    t->altstack.sp = ss->sp;
    t->altstack.size = ss->size;
    t->altstack.flags = (uint32_t) ss->flags & LX_SS_AUTODISARM;
    return 0;
}

long sys_sigaltstack(struct task *t, const uint64_t a[static 6])
{
    uint64_t sp = t->trap.regs.rsp;
    struct lx_stack ss, old = {
                            .sp = t->altstack.sp,
                            .size = t->altstack.size,
                            .flags = (int32_t) t->altstack.flags,
                        };
    int r = 0;

    if (on_altstack(t, sp))
        old.flags |= LX_SS_ONSTACK;
    else if (!t->altstack.size)
        old.flags = LX_SS_DISABLE;
    if (a[0]) {
        r = copy_in(t, &ss, uaddr(a[0]), sizeof(ss));
        if (r == 0)
            r = set_altstack(t, &ss, sp, LX_MINSIGSTKSZ);
    }
    if (r == 0 && a[1])
        r = copy_out(t, uaddr(a[1]), &old, sizeof(old));
    return r;
}

/* The parts of the kernel's struct ucontext (x86-64) that are not registers, which the platform
 * restores. */
struct frame_context {
    uint64_t flags, link;
    struct lx_stack stack;
    uint64_t gregs[32]; /* struct sigcontext: 256 bytes */
    uint64_t mask;
};
#define GREG_RSP 15

long sys_rt_sigreturn(struct task *t, const uint64_t a[static 6] unused_)
{
    struct frame_context uc;

    /* The handler's `ret` has popped the return address: the context starts at rsp. */
    if (copy_in(t, &uc, uaddr(t->trap.regs.rsp), sizeof(uc))) {
        signal_force_segv(t);
        return 0;
    }
    signal_set_mask(t, uc.mask);
    t->trap.regs.rsp = uc.gregs[GREG_RSP];
    if (set_altstack(t, &uc.stack, uc.gregs[GREG_RSP], 0)) {
        /* As Linux: a frame with a bad stack keeps the old one. */
    }
    t->resume_kind = RESUME_SIGRETURN;
    return 0;
}
