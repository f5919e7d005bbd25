/* SPDX-License-Identifier: Apache-2.0 */
/* kill(2), tkill(2), rt_sigqueueinfo(2). */
#include <errno.h>

#include "kernel/syscall/kill.h"
#include "kernel/syscall/syscall.h"
#include "kernel/task/pid.h"
#include "kernel/task/task.h"

static struct lx_siginfo from_sender(const struct task *t, int signo, int code)
{
    struct lx_siginfo info = {.signo = signo, .code = code};

    info.rt.pid = t->tg->tgid;
    info.rt.uid = t->cred->uid;
    return info;
}

/* tasks_lock held. SIGCONT may be sent within the session: kill(2). */
static int may_signal(struct task *t, struct tgroup *tg, int signo)
{
    const struct cred *c = tg->leader ? tg->leader->cred : NULL;

    if (tg == t->tg || !c || cred_may_signal(t->cred, c))
        return 0;
    return signo == LX_SIGCONT && tg->sid == t->tg->sid ? 0 : -EPERM;
}

/* tasks_lock held. */
static int send(struct task *t, struct tgroup *tg, const struct lx_siginfo *info, int signo)
{
    int r = may_signal(t, tg, signo);

    return r || signo == 0 ? r : signal_send_group(tg, info);
}

static int kill_one(struct task *t, pid_t pid, const struct lx_siginfo *info, int signo)
{
    struct pid_entry *e = pid_find(t->k, pid);
    struct tgroup *tg = !e ? NULL : e->tg ? e->tg : e->task ? e->task->tg : NULL;

    return tg ? send(t, tg, info, signo) : -ESRCH;
}

static int kill_pgrp(struct task *t, pid_t pgid, const struct lx_siginfo *info, int signo)
{
    struct pid_entry *e = pid_find(t->k, pgid);
    struct tgroup *tg;
    int r = -ESRCH;

    if (!e)
        return -ESRCH;
    list_for_each_entry (tg, &e->pgrp, pgrp_link) {
        int one = send(t, tg, info, signo);

        if (r != 0)
            r = one; /* success if at least one could be signalled */
    }
    return r;
}

static int kill_everybody(struct task *t, const struct lx_siginfo *info, int signo)
{
    struct task *o;
    int r = -ESRCH;

    list_for_each_entry (o, &t->k->tasks, all_link) {
        struct tgroup *tg = o->tg;

        if (o != list_first_entry(&tg->threads, struct task, tg_link) || tg == t->tg ||
            tg == t->k->init)
            continue;
        (void) send(t, tg, info, signo);
        r = 0; /* also when it was not allowed: Linux tells only that there was somebody */
    }
    return r;
}

static int do_kill(struct task *t, pid_t pid, const struct lx_siginfo *info, int signo)
{
    int r;

    if (signo < 0 || signo > LX_NSIG)
        return -EINVAL;
    if (pid == INT32_MIN)
        return -ESRCH;
    mutex_lock(&t->k->tasks_lock);
    if (pid > 0)
        r = kill_one(t, pid, info, signo);
    else if (pid == -1)
        r = kill_everybody(t, info, signo);
    else
        r = kill_pgrp(t, pid ? -pid : t->tg->pgid, info, signo);
    mutex_unlock(&t->k->tasks_lock);
    return r;
}

struct lx_siginfo kill_info(const struct task *t, int signo)
{
    return from_sender(t, signo, LX_SI_USER);
}

int kill_tgroup(struct task *t, struct tgroup *tg, const struct lx_siginfo *info, int signo)
{
    MUTEX_GUARD(&t->k->tasks_lock);
    return tg->leader ? send(t, tg, info, signo) : -ESRCH;
}

long sys_kill(struct task *t, const uint64_t a[static 6])
{
    int signo = (int) a[1];
    struct lx_siginfo info = from_sender(t, signo, LX_SI_USER);

    return do_kill(t, (pid_t) a[0], &info, signo);
}

/* tgid -1: whatever group the thread is in. */
static int send_thread(struct task *t, pid_t tgid, pid_t tid, const struct lx_siginfo *info,
                       int signo)
{
    struct pid_entry *e;
    struct task *o;
    int r = -ESRCH;

    if (tid <= 0 || (tgid != -1 && tgid <= 0) || signo < 0 || signo > LX_NSIG)
        return -EINVAL;
    mutex_lock(&t->k->tasks_lock);
    e = pid_find(t->k, tid);
    o = e ? e->task : NULL;
    if (o && (tgid == -1 || o->tg->tgid == tgid)) {
        r = may_signal(t, o->tg, signo);
        if (r == 0 && signo && atomic_load(&o->state) < TASK_ZOMBIE)
            r = signal_send_task(o, info);
    }
    mutex_unlock(&t->k->tasks_lock);
    return r;
}

long sys_tkill(struct task *t, const uint64_t a[static 6])
{
    struct lx_siginfo info = from_sender(t, (int) a[1], LX_SI_TKILL);

    return send_thread(t, -1, (pid_t) a[0], &info, (int) a[1]);
}

long sys_tgkill(struct task *t, const uint64_t a[static 6])
{
    struct lx_siginfo info = from_sender(t, (int) a[2], LX_SI_TKILL);
    pid_t tgid = (pid_t) a[0];

    return send_thread(t, tgid == -1 ? -2 : tgid, (pid_t) a[1], &info, (int) a[2]);
}

/* A thread may not pass itself off as the kernel or as kill(2) towards others, not even of its own
 * process: sigqueue(3), rt_sigqueueinfo(2). */
static int get_info(struct task *t, uint64_t addr, pid_t to, int signo, struct lx_siginfo *info)
{
    int r = copy_in(t, info, uaddr(addr), sizeof(*info));

    if (r)
        return r;
    if ((info->code >= 0 || info->code == LX_SI_TKILL) && to != t->tid)
        return -EPERM;
    info->signo = signo;
    return 0;
}

int kill_info_from_guest(struct task *t, uint64_t addr, pid_t to, int signo, struct lx_siginfo *ret)
{
    return get_info(t, addr, to, signo, ret);
}

long sys_rt_sigqueueinfo(struct task *t, const uint64_t a[static 6])
{
    struct lx_siginfo info;
    int r = get_info(t, a[2], (pid_t) a[0], (int) a[1], &info);

    if (r)
        return r;
    return (pid_t) a[0] <= 0 ? -ESRCH : do_kill(t, (pid_t) a[0], &info, (int) a[1]);
}

long sys_rt_tgsigqueueinfo(struct task *t, const uint64_t a[static 6])
{
    struct lx_siginfo info;
    pid_t tgid = (pid_t) a[0];
    int r;

    if (tgid <= 0 || (pid_t) a[1] <= 0)
        return -EINVAL;
    r = get_info(t, a[3], (pid_t) a[1], (int) a[2], &info);
    return r ? r : send_thread(t, tgid, (pid_t) a[1], &info, (int) a[2]);
}
