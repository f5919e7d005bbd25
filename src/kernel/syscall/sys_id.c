/* SPDX-License-Identifier: Apache-2.0 */
/* Who am I: process numbers, process groups, sessions. credentials(7), setpgid(2), setsid(2). */
#include <errno.h>

#include "kernel/syscall/syscall.h"
#include "kernel/task/ctty.h"
#include "kernel/task/pid.h"
#include "kernel/task/task.h"

long sys_getpid(struct task *t, const uint64_t a[static 6] unused_)
{
    return t->tg->tgid;
}

long sys_gettid(struct task *t, const uint64_t a[static 6] unused_)
{
    return t->tid;
}

long sys_getppid(struct task *t, const uint64_t a[static 6] unused_)
{
    long r;

    mutex_lock(&t->k->tasks_lock);
    r = t->tg->parent ? t->tg->parent->tgid : 0;
    mutex_unlock(&t->k->tasks_lock);
    return r;
}

/* tasks_lock held. 0: the caller's own. */
static struct tgroup *group_of(struct task *t, pid_t pid)
{
    struct pid_entry *e;

    if (pid == 0)
        return t->tg;
    e = pid_find(t->k, pid);
    return e && e->task ? e->task->tg : e ? e->tg : NULL;
}

static int do_setpgid(struct task *t, pid_t pid, pid_t pgid)
{
    struct kernel *k = t->k;
    struct tgroup *tg = pid && pid != t->tg->tgid ? NULL : t->tg;
    struct pid_entry *e;

    if (!tg) {
        e = pid_find(k, pid);
        tg = e ? e->tg : NULL;
        if (!tg || tg->parent != t->tg || tg->zombie)
            return -ESRCH;
        if (tg->sid != t->tg->sid)
            return -EPERM;
        if (tg->execed)
            return -EACCES;
    }
    if (tg->sid == tg->tgid)
        return -EPERM; /* a session leader */
    if (!pgid)
        pgid = tg->tgid;
    if (pgid != tg->tgid) {
        struct tgroup *member;

        e = pid_find(k, pgid);
        member = e ? list_first_or_null(&e->pgrp, struct tgroup, pgrp_link) : NULL;
        if (!member || member->sid != t->tg->sid)
            return -EPERM;
    }
    if (tg->pgid != pgid)
        tgroup_join(tg, pgid, tg->sid);
    return 0;
}

long sys_setpgid(struct task *t, const uint64_t a[static 6])
{
    int r;

    if ((pid_t) a[0] < 0)
        return -ESRCH;
    if ((pid_t) a[1] < 0)
        return -EINVAL;
    mutex_lock(&t->k->tasks_lock);
    r = do_setpgid(t, (pid_t) a[0], (pid_t) a[1]);
    mutex_unlock(&t->k->tasks_lock);
    return r;
}

long sys_getpgid(struct task *t, const uint64_t a[static 6])
{
    struct tgroup *tg;
    long r;

    mutex_lock(&t->k->tasks_lock);
    tg = group_of(t, (pid_t) a[0]);
    r = tg ? tg->pgid : -ESRCH;
    mutex_unlock(&t->k->tasks_lock);
    return r;
}

long sys_getpgrp(struct task *t, const uint64_t a[static 6] unused_)
{
    static const uint64_t self[6];

    return sys_getpgid(t, self);
}

long sys_getsid(struct task *t, const uint64_t a[static 6])
{
    struct tgroup *tg;
    long r;

    mutex_lock(&t->k->tasks_lock);
    tg = group_of(t, (pid_t) a[0]);
    r = tg ? tg->sid : -ESRCH;
    mutex_unlock(&t->k->tasks_lock);
    return r;
}

long sys_setsid(struct task *t, const uint64_t a[static 6] unused_)
{
    struct tgroup *tg = t->tg;
    struct pid_entry *e;
    long r = -EPERM;

    mutex_lock(&t->k->tasks_lock);
    e = pid_find(t->k, tg->tgid);
    if (tg->sid != tg->tgid && e && list_empty(&e->pgrp)) {
        tgroup_join(tg, tg->tgid, tg->tgid);
        tg->tty = NULL;
        tg->tty_old_pgrp = 0;
        r = tg->tgid;
    }
    mutex_unlock(&t->k->tasks_lock);
    return r;
}

/* The caller's terminal, as if the line had gone: vhangup(2). Without one there is nothing to do.
 */
long sys_vhangup(struct task *t, const uint64_t a[static 6] unused_)
{
    struct tty *tty;

    if (!cred_capable(t->cred, LX_CAP_SYS_TTY_CONFIG))
        return -EPERM;
    tty = ctty_get(t);
    if (tty) {
        tty->ops->hang_up(tty);
        tty_put(t->k, tty);
    }
    return 0;
}
