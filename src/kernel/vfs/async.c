/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Signal-driven I/O. The news come to a waiter, under the wait queue's lock, where no signal can be
 * sent; a timer that is due at once sends it from the kernel's timer thread.
 */
#include "kernel/vfs/async.h"

#include <errno.h>
#include <stdlib.h>

#include "abi/linux/epoll.h"
#include "abi/linux/fcntl.h"
#include "abi/linux/poll.h"
#include "kernel/task/pid.h"
#include "kernel/task/task.h"
#include "kernel/time/ktimer.h"
#include "kernel/vfs/direct.h"
#include "kernel/vfs/file.h"

#define NEWS    (LX_POLL_READABLE | LX_POLL_WRITABLE)
#define AT_ONCE 1 /* a deadline that has passed */

struct owner {
    int type;  /* LX_F_OWNER_* */
    pid_t pid; /* 0: nobody */
    int signo; /* 0: SIGIO, without details */
    int fd;
    const struct cred *cred; /* of who set it; NULL with pid 0 */
};

struct async {
    struct file *f;     /* immutable; its last reference frees us */
    struct kernel *k;   /* immutable */
    struct mutex lock;  /* RANK_FILE */
    struct owner owner; /* [lock] */
    bool on;            /* [lock] w is queued */
    bool minds_urgent;  /* [lock] urgent is queued */
    struct waiter w, urgent;
    struct ktimer timer;
    _Atomic uint32_t events;    /* seen and not yet told */
    _Atomic bool urgent_is_old; /* the urgent data that are there were told of */
};

/* ---- telling ---- */

static struct lx_siginfo describe(const struct owner *o, uint32_t events)
{
    static const struct {
        uint32_t events;
        int code;
    } kinds[] = {{LX_POLLERR, 4},
                 {LX_POLLHUP, 6},
                 {LX_POLL_READABLE, 1},
                 {LX_POLL_WRITABLE, 2}}; /* POLL_ERR... */
    struct lx_siginfo info = {.signo = LX_SIGIO, .code = LX_SI_KERNEL};
    if (!o->signo)
        return info;
    info.signo = o->signo;
    info.code = 1;
    info.poll.band = events;
    info.poll.fd = o->fd;
    for (size_t i = ARRAY_LEN(kinds); i-- > 0;)
        if (events & kinds[i].events)
            info.code = kinds[i].code;
    return info;
}

/* tasks_lock held. */
static void tell_group(const struct owner *o, struct tgroup *tg, const struct lx_siginfo *info)
{
    if (tg->leader && cred_may_signal(o->cred, tg->leader->cred))
        signal_send_group(tg, info);
}

static void tell(struct kernel *k, const struct owner *o, const struct lx_siginfo *info)
{
    struct tgroup *tg;
    MUTEX_GUARD(&k->tasks_lock);
    struct pid_entry *e = pid_find(k, o->pid);
    if (!e)
        return;
    if (o->type == LX_F_OWNER_PGRP) {
        list_for_each_entry (tg, &e->pgrp, pgrp_link)
            tell_group(o, tg, info);
    } else if (o->type == LX_F_OWNER_PID && (e->tg || e->task)) {
        tell_group(o, e->tg ? e->tg : e->task->tg, info);
    } else if (e->task && atomic_load(&e->task->state) < TASK_ZOMBIE &&
               cred_may_signal(o->cred, e->task->cred)) {
        signal_send_task(e->task, info);
    }
}

/* Of urgent data the owner hears whether or not it wants to hear of others: socket(7). */
static void tell_urgent(struct kernel *k, const struct owner *o, bool chosen)
{
    struct lx_siginfo info = {.signo = LX_SIGURG, .code = LX_SI_KERNEL};
    tell(k, o, &info);
    if (!chosen || !o->signo)
        return;
    info = (struct lx_siginfo){.signo = o->signo, .code = 5 /* POLL_PRI */};
    info.poll.band = LX_POLLPRI | LX_POLLRDBAND;
    info.poll.fd = o->fd;
    tell(k, o, &info);
}

static void on_timer(struct ktimer *timer)
{
    struct async *a = container_of(timer, struct async, timer);
    uint32_t events = atomic_exchange(&a->events, 0);
    mutex_lock(&a->lock);
    struct owner o = a->owner;
    if (o.cred)
        cred_get(o.cred);
    bool on = a->on;
    mutex_unlock(&a->lock);
    if (o.pid && (events & LX_POLLPRI))
        tell_urgent(a->k, &o, on);
    events &= ~LX_POLLPRI;
    if (o.pid && on && events) {
        struct lx_siginfo info = describe(&o, events);
        tell(a->k, &o, &info);
    }
    if (o.cred)
        cred_put(o.cred);
}

static bool on_event(struct waiter *w, uint32_t events)
{
    struct async *a = container_of(w, struct async, w);
    atomic_fetch_or(&a->events, events & (w->mask | LX_POLLERR | LX_POLLHUP));
    ktimer_arm(a->k, &a->timer, AT_ONCE);
    return true;
}

static bool on_urgent(struct waiter *w, uint32_t events)
{
    struct async *a = container_of(w, struct async, urgent);
    if (!(events & LX_POLLPRI) || atomic_exchange(&a->urgent_is_old, true))
        return false;
    atomic_fetch_or(&a->events, LX_POLLPRI);
    ktimer_arm(a->k, &a->timer, AT_ONCE);
    return true;
}

/* ---- the object of a file, made when it is first asked for ---- */

/* Both ends of a pipe wake one queue: an end hears of what it can do itself. */
static uint32_t news_of(const struct file *f)
{
    switch (atomic_load(&f->flags) & LX_O_ACCMODE) {
    case LX_O_RDONLY:
        return NEWS & ~LX_POLL_WRITABLE;
    case LX_O_WRONLY:
        return NEWS & ~LX_POLL_READABLE;
    default:
        return NEWS;
    }
}

static struct async *async_of(struct task *t, struct file *f)
{
    struct async *a = atomic_load(&f->async), *other = NULL;
    if (a)
        return a;
    a = calloc(1, sizeof(*a));
    if (!a)
        return NULL;
    a->f = f;
    a->k = t->k;
    mutex_init(&a->lock, RANK_FILE);
    a->w.mask = news_of(f);
    a->w.notify = on_event;
    list_init(&a->w.link);
    a->urgent.mask = LX_POLLPRI;
    a->urgent.notify = on_urgent;
    list_init(&a->urgent.link);
    ktimer_init(&a->timer, on_timer);
    if (atomic_compare_exchange_strong(&f->async, &other, a))
        return a;
    free(a);
    return other;
}

void async_release(struct file *f)
{
    struct async *a = atomic_load(&f->async);
    if (!a)
        return;
    if (a->on)
        waitq_del(f->wq, &a->w);
    if (a->minds_urgent)
        waitq_del(f->wq, &a->urgent);
    ktimer_cancel_sync(a->k, &a->timer);
    if (a->owner.cred)
        cred_put(a->owner.cred);
    free(a);
}

void async_again(struct file *f)
{
    struct async *a = atomic_load(&f->async);
    uint32_t ready = file_poll(f); /* drivers make a note that somebody watches */
    if (a && !(ready & LX_POLLPRI))
        atomic_store(&a->urgent_is_old, false);
    if (f->ops->poll_arm && (NEWS & ~ready))
        (void) !f->ops->poll_arm(f, NEWS & ~ready);
}

int async_switch(struct task *t, struct file *f, int fd, bool on)
{
    if (!f->wq)
        return -ENOTTY;
    struct async *a = async_of(t, f);
    if (!a)
        return -ENOMEM;
    mutex_lock(&a->lock);
    bool change = a->on != on;
    a->on = on;
    a->owner.fd = fd;
    if (change && on)
        waitq_add(f->wq, &a->w);
    else if (change)
        waitq_del(f->wq, &a->w);
    mutex_unlock(&a->lock);
    if (change && on)
        direct_revoke_all(t->k); /* from now on we must see what happens to it */
    if (on)
        async_again(f);
    return 0;
}

/* ---- fcntl(2) ---- */

/* From the first owner on; data that came before are no news. */
static void mind_urgent(struct async *a)
{
    struct file *f = a->f;
    if (!f->ops->socket || !f->wq)
        return;
    bool old = file_poll(f) & LX_POLLPRI;
    mutex_lock(&a->lock);
    bool first = !a->minds_urgent;
    a->minds_urgent = true;
    if (first) {
        atomic_store(&a->urgent_is_old, old);
        waitq_add(f->wq, &a->urgent);
    }
    mutex_unlock(&a->lock);
    if (first && f->ops->poll_arm)
        (void) !f->ops->poll_arm(f, LX_POLLPRI | LX_EPOLLET);
}

static int set_owner(struct task *t, struct file *f, int type, pid_t pid)
{
    const struct cred *old;
    struct async *a = async_of(t, f);
    if (!a)
        return -ENOMEM;
    if (pid) {
        MUTEX_GUARD(&t->k->tasks_lock);
        if (!pid_find(t->k, pid))
            return -ESRCH;
    }
    mutex_lock(&a->lock);
    old = a->owner.cred;
    a->owner.type = type;
    a->owner.pid = pid;
    a->owner.cred = pid ? cred_get(t->cred) : NULL;
    mutex_unlock(&a->lock);
    if (old)
        cred_put(old);
    if (pid)
        mind_urgent(a);
    return 0;
}

static struct owner get_owner(struct file *f)
{
    struct async *a = atomic_load(&f->async);
    if (!a)
        return (struct owner){.type = LX_F_OWNER_PID};
    MUTEX_GUARD(&a->lock);
    return a->owner; /* its cred is not looked at */
}

static long set_owner_ex(struct task *t, struct file *f, uaddr_t from)
{
    struct lx_f_owner_ex ex;
    if (copy_in(t, &ex, from, sizeof(ex)) < 0)
        return -EFAULT;
    if (ex.type < LX_F_OWNER_TID || ex.type > LX_F_OWNER_PGRP || ex.pid < 0)
        return -EINVAL;
    return set_owner(t, f, ex.type, ex.pid);
}

static long set_signal(struct task *t, struct file *f, uint64_t signo)
{
    if (signo > LX_NSIG)
        return -EINVAL;
    struct async *a = async_of(t, f);
    if (!a)
        return -ENOMEM;
    MUTEX_GUARD(&a->lock);
    a->owner.signo = (int) signo;
    return 0;
}

long async_fcntl(struct task *t, struct file *f, int cmd, uint64_t arg)
{
    struct owner o = get_owner(f);
    int32_t who = (int32_t) arg;
    switch (cmd) {
    case LX_F_SETOWN:
        if (who == INT32_MIN)
            return -EINVAL;
        return who < 0 ? set_owner(t, f, LX_F_OWNER_PGRP, -who)
                       : set_owner(t, f, LX_F_OWNER_PID, who);
    case LX_F_GETOWN:
        return o.type == LX_F_OWNER_PGRP ? -o.pid : o.pid;
    case LX_F_SETOWN_EX:
        return set_owner_ex(t, f, uaddr(arg));
    case LX_F_GETOWN_EX:
        return copy_out(t, uaddr(arg), &(struct lx_f_owner_ex){o.type, o.pid},
                        sizeof(struct lx_f_owner_ex));
    case LX_F_SETSIG:
        return set_signal(t, f, arg);
    case LX_F_GETSIG:
        return o.signo;
    default:
        return -EINVAL;
    }
}
