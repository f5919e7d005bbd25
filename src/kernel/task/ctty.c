/* SPDX-License-Identifier: Apache-2.0 */
/* Controlling terminals and job control: see ctty.h. */
#include "kernel/task/ctty.h"

#include <errno.h>

#include "kernel/restart.h"
#include "kernel/task/pid.h"
#include "kernel/task/task.h"

void tty_init(struct tty *tty, const struct tty_ops *ops)
{
    ref_init(&tty->ref);
    tty->dev = 0;
    tty->sid = tty->pgid = 0;
    tty->ops = ops;
}

struct tty *tty_get(struct tty *tty)
{
    ref_get(&tty->ref);
    return tty;
}

void tty_put(struct kernel *k, struct tty *tty)
{
    if (!ref_put(&tty->ref))
        return;
    tty_session_clear(k, tty); /* who looks at tgroup.tty meanwhile gets no reference any more */
    tty->ops->release(tty);
}

struct tty *ctty_get(struct task *t)
{
    MUTEX_GUARD(&t->k->tasks_lock);
    struct tty *tty = t->tg->tty;
    return tty && ref_tryget(&tty->ref) ? tty : NULL;
}

/* tasks_lock held, as in all that follows without saying so. */
static bool leads_session(const struct tgroup *tg)
{
    return tg->sid == tg->tgid;
}

static void session_clear(struct kernel *k, struct tty *tty)
{
    struct htab_node *n;

    htab_for_each (n, &k->pids) {
        struct tgroup *tg = container_of(n, struct pid_entry, node)->tg;

        if (tg && tg->tty == tty)
            tg->tty = NULL;
    }
    tty->sid = tty->pgid = 0;
}

/* The number may name another session's group by now: those are left alone. */
static void signal_group(struct kernel *k, pid_t pgid, pid_t sid, int signo)
{
    struct lx_siginfo info = {.signo = signo, .code = LX_SI_KERNEL};
    struct pid_entry *e = pgid ? pid_find(k, pgid) : NULL;
    struct tgroup *tg;

    if (!e)
        return;
    list_for_each_entry (tg, &e->pgrp, pgrp_link) {
        if (tg->sid == sid)
            (void) signal_send_group(tg, &info);
    }
}

static void bind_session(struct tgroup *tg, struct tty *tty)
{
    tg->tty = tty;
    tg->tty_old_pgrp = 0;
    tty->sid = tg->sid;
    tty->pgid = tg->pgid;
}

void ctty_on_open(struct task *t, struct tty *tty)
{
    MUTEX_GUARD(&t->k->tasks_lock);
    if (leads_session(t->tg) && !t->tg->tty && !tty->sid)
        bind_session(t->tg, tty);
}

int ctty_take(struct task *t, struct tty *tty, bool steal, bool readable)
{
    bool admin = cred_capable(t->cred, LX_CAP_SYS_ADMIN);

    MUTEX_GUARD(&t->k->tasks_lock);
    if (leads_session(t->tg) && tty->sid == t->tg->sid)
        return 0;
    if (!leads_session(t->tg) || t->tg->tty)
        return -EPERM;
    if (tty->sid && !(steal && admin))
        return -EPERM;
    if (!readable && !admin)
        return -EPERM;
    if (tty->sid)
        session_clear(t->k, tty);
    bind_session(t->tg, tty);
    return 0;
}

int ctty_give_up(struct task *t, struct tty *tty)
{
    struct tgroup *tg = t->tg;

    MUTEX_GUARD(&t->k->tasks_lock);
    if (tg->tty != tty)
        return -ENOTTY;
    if (leads_session(tg)) {
        signal_group(t->k, tty->pgid, tg->sid, LX_SIGHUP);
        signal_group(t->k, tty->pgid, tg->sid, LX_SIGCONT);
        session_clear(t->k, tty);
    }
    tg->tty = NULL;
    return 0;
}

int ctty_check(struct task *t, struct tty *tty, int signo)
{
    struct tgroup *tg = t->tg;
    bool deaf = signal_is_ignored_or_blocked(t, signo);

    MUTEX_GUARD(&t->k->tasks_lock);
    if (tg->tty != tty || !tty->pgid || tty->pgid == tg->pgid)
        return 0;
    if (deaf)
        return signo == LX_SIGTTIN ? -EIO : 0;
    if (pgrp_is_orphaned(t->k, tg->pgid, NULL))
        return -EIO;
    signal_group(t->k, tg->pgid, tg->sid, signo);
    return -ERESTARTSYS;
}

int ctty_get_pgrp(struct task *t, struct tty *tty, bool master, pid_t *ret)
{
    MUTEX_GUARD(&t->k->tasks_lock);
    if (!master && t->tg->tty != tty)
        return -ENOTTY;
    *ret = tty->pgid;
    return 0;
}

int ctty_get_sid(struct task *t, struct tty *tty, bool master, pid_t *ret)
{
    MUTEX_GUARD(&t->k->tasks_lock);
    if ((!master && t->tg->tty != tty) || !tty->sid)
        return -ENOTTY;
    *ret = tty->sid;
    return 0;
}

int ctty_set_pgrp(struct task *t, struct tty *tty, pid_t pgid)
{
    struct tgroup *first;

    if (pgid < 0)
        return -EINVAL;
    MUTEX_GUARD(&t->k->tasks_lock);
    if (t->tg->tty != tty || tty->sid != t->tg->sid)
        return -ENOTTY;
    struct pid_entry *e = pid_find(t->k, pgid);
    if (!e)
        return -ESRCH;
    first = list_first_or_null(&e->pgrp, struct tgroup, pgrp_link);
    if (!first || first->sid != tty->sid)
        return -EPERM;
    tty->pgid = pgid;
    return 0;
}

void tty_signal(struct kernel *k, struct tty *tty, int signo)
{
    MUTEX_GUARD(&k->tasks_lock);
    signal_group(k, tty->pgid, tty->sid, signo);
}

void tty_session_clear(struct kernel *k, struct tty *tty)
{
    MUTEX_GUARD(&k->tasks_lock);
    session_clear(k, tty);
}

void tty_hang_up(struct kernel *k, struct tty *tty)
{
    static const int signos[] = {LX_SIGHUP, LX_SIGCONT};

    MUTEX_GUARD(&k->tasks_lock);
    struct pid_entry *e = tty->sid ? pid_find(k, tty->sid) : NULL;
    struct tgroup *leader = e ? e->tg : NULL;
    if (leader) {
        for (size_t i = 0; i < ARRAY_LEN(signos); i++) {
            struct lx_siginfo info = {.signo = signos[i], .code = LX_SI_KERNEL};

            (void) signal_send_group(leader, &info);
        }
        leader->tty_old_pgrp = tty->pgid; /* told when the leader ends */
    }
    session_clear(k, tty);
}

void ctty_leader_ends(struct tgroup *tg)
{
    struct kernel *k = tg->k;
    struct tty *tty = tg->tty;

    if (!leads_session(tg))
        return;
    if (tty) {
        signal_group(k, tty->pgid, tg->sid, LX_SIGHUP);
        session_clear(k, tty);
    } else if (tg->tty_old_pgrp) {
        signal_group(k, tg->tty_old_pgrp, tg->sid, LX_SIGHUP);
        signal_group(k, tg->tty_old_pgrp, tg->sid, LX_SIGCONT);
        tg->tty_old_pgrp = 0;
    }
}
