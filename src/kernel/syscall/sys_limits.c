/* SPDX-License-Identifier: Apache-2.0 */
/* getrlimit(2), setrlimit(2), prlimit(2), getrusage(2), times(2), getpriority(2), setpriority(2).
 */
#include <errno.h>
#include <sys/resource.h> /* the host's call */

#include "abi/linux/resource.h"
#include "abi/linux/sched.h"
#include "kernel/syscall/sched.h"
#include "kernel/syscall/syscall.h"
#include "kernel/syscall/usage.h"
#include "kernel/task/limits.h"
#include "kernel/task/pid.h"
#include "kernel/time/ktimer.h"
#include "kernel/time/timeval.h"
#include "kernel/vfs/direct.h"

#define NOFILE_MAX (1u << 20) /* fs.nr_open */

static int change_limit(struct task *t, struct tgroup *tg, int res, const struct lx_rlimit *n)
{
    struct guest_rlimit *old = &tg->rlimits[res];

    if (n->cur > n->max)
        return -EINVAL;
    if (n->max > old->hard && !cred_capable(t->cred, LX_CAP_SYS_RESOURCE))
        return -EPERM;
    if (res == LX_RLIMIT_NOFILE && n->max > NOFILE_MAX)
        return -EPERM;
    __atomic_store_n(&old->soft, n->cur, __ATOMIC_RELAXED);
    __atomic_store_n(&old->hard, n->max, __ATOMIC_RELAXED);
    return 0;
}

static int may_change(struct task *t, struct tgroup *tg)
{
    const struct cred *c = t->cred, *o;

    if (tg == t->tg || cred_capable(c, LX_CAP_SYS_RESOURCE))
        return 0;
    o = tg->leader ? tg->leader->cred : NULL;
    return o && c->uid == o->euid && c->uid == o->suid && c->uid == o->uid && c->gid == o->egid &&
                   c->gid == o->sgid && c->gid == o->gid
               ? 0
               : -EPERM;
}

static long limit(struct task *t, pid_t pid, uint64_t res, const struct lx_rlimit *set,
                  struct lx_rlimit *get)
{
    struct tgroup *tg;
    int r;

    if (res >= LX_RLIM_NLIMITS)
        return -EINVAL;
    tg = pid ? tgroup_find_get(t->k, pid) : tgroup_get(t->tg);
    if (!tg)
        return -ESRCH;
    mutex_lock(&t->k->tasks_lock);
    r = may_change(t, tg);
    if (r == 0 && get)
        *get = (struct lx_rlimit){tg->rlimits[res].soft, tg->rlimits[res].hard};
    if (r == 0 && set) {
        r = change_limit(t, tg, (int) res, set);
        if (r == 0)
            tgroup_limit_host(tg, (int) res);
        if (r == 0 && res == LX_RLIMIT_CPU)
            cpu_limit_update(&tg->cpu_limit);
        if (r == 0 && res == LX_RLIMIT_FSIZE && set->cur < (uint64_t) INT64_MAX)
            direct_revoke_all(t->k);
    }
    mutex_unlock(&t->k->tasks_lock);
    tgroup_put(tg);
    return r;
}

long sys_getrlimit(struct task *t, const uint64_t a[static 6])
{
    struct lx_rlimit l;
    long r = limit(t, 0, (uint32_t) a[0], NULL, &l);

    return r ? r : copy_out(t, uaddr(a[1]), &l, sizeof(l));
}

long sys_setrlimit(struct task *t, const uint64_t a[static 6])
{
    struct lx_rlimit l;
    int r = copy_in(t, &l, uaddr(a[1]), sizeof(l));

    return r ? r : limit(t, 0, (uint32_t) a[0], &l, NULL);
}

long sys_prlimit64(struct task *t, const uint64_t a[static 6])
{
    struct lx_rlimit set, get;
    long r = 0;

    if (a[2])
        r = copy_in(t, &set, uaddr(a[2]), sizeof(set));
    if (r == 0)
        r = limit(t, (pid_t) a[0], (uint32_t) a[1], a[2] ? &set : NULL, &get);
    if (r == 0 && a[3])
        r = copy_out(t, uaddr(a[3]), &get, sizeof(get));
    return r;
}

void usage_to_guest(const struct usage *u, struct lx_rusage *ret)
{
    *ret = (struct lx_rusage){
        .utime = timeval_from_ns(u->utime_ns),
        .stime = timeval_from_ns(u->stime_ns),
        .maxrss = u->maxrss,
        .minflt = u->minflt,
        .majflt = u->majflt,
        .nvcsw = u->nvcsw,
        .nivcsw = u->nivcsw,
    };
}

long sys_getrusage(struct task *t, const uint64_t a[static 6])
{
    int who = (int) a[0];
    struct usage u = {.utime_ns = 0};
    struct lx_rusage ru;

    mutex_lock(&t->k->tasks_lock);
    switch (who) {
    case LX_RUSAGE_SELF:
        tgroup_usage(t->tg, &u);
        break;
    case LX_RUSAGE_THREAD:
        task_usage(t, &u);
        break;
    case LX_RUSAGE_CHILDREN:
        u = t->tg->child_usage;
        break;
    default:
        mutex_unlock(&t->k->tasks_lock);
        return -EINVAL;
    }
    mutex_unlock(&t->k->tasks_lock);
    usage_to_guest(&u, &ru);
    return copy_out(t, uaddr(a[1]), &ru, sizeof(ru));
}

#define NS_PER_TICK (NS_PER_SEC / LX_USER_HZ)

long sys_times(struct task *t, const uint64_t a[static 6])
{
    uint64_t u, s;
    struct lx_tms tms;
    int r = 0;

    mutex_lock(&t->k->tasks_lock);
    tgroup_cpu_time(t->tg, &u, &s);
    tms = (struct lx_tms){
        (int64_t) (u / NS_PER_TICK),
        (int64_t) (s / NS_PER_TICK),
        (int64_t) (t->tg->child_usage.utime_ns / NS_PER_TICK),
        (int64_t) (t->tg->child_usage.stime_ns / NS_PER_TICK),
    };
    mutex_unlock(&t->k->tasks_lock);
    if (a[0])
        r = copy_out(t, uaddr(a[0]), &tms, sizeof(tms));
    return r ? r : (long) (mono_now_ns() / NS_PER_TICK);
}

/* Calls fn for each process that (which, who) names; -ESRCH when there is none. tasks_lock held. */
static int each_process(struct task *t, int which, uint32_t who,
                        int (*fn)(struct task *t, struct tgroup *tg, int *value), int *value)
{
    struct kernel *k = t->k;
    struct pid_entry *e;
    struct tgroup *tg;
    struct task *o;
    int r = -ESRCH;

    switch (which) {
    case LX_PRIO_PROCESS:
        e = who ? pid_find(k, (pid_t) who) : NULL;
        if (!who)
            return fn(t, t->tg, value);
        return e && e->task ? fn(t, e->task->tg, value) : -ESRCH;
    case LX_PRIO_PGRP:
        e = pid_find(k, who ? (pid_t) who : t->tg->pgid);
        if (!e)
            return -ESRCH;
        list_for_each_entry (tg, &e->pgrp, pgrp_link)
            r = fn(t, tg, value);
        return r;
    case LX_PRIO_USER:
        list_for_each_entry (o, &k->tasks, all_link) {
            if (o == o->tg->leader && o->cred->uid == (who ? who : t->cred->uid))
                r = fn(t, o->tg, value);
        }
        return r;
    default:
        return -EINVAL;
    }
}

static int nice_get(struct task *t unused_, struct tgroup *tg, int *value)
{
    if (20 - tg->nice > *value)
        *value = 20 - tg->nice;
    return 0;
}

void sched_set_nice(struct tgroup *tg, int nice)
{
    if (tg->leader && tg->leader->st &&
        setpriority(PRIO_PROCESS, (id_t) platform_host_pid(tg->leader->st), nice)) {
        /* The host allows no more: the guest's own number still reads as it was set. */
    }
    tg->nice = nice;
}

static int nice_set(struct task *t, struct tgroup *tg, int *value)
{
    const struct cred *o = tg->leader ? tg->leader->cred : t->cred;

    if (o->uid != t->cred->euid && o->euid != t->cred->euid &&
        !cred_capable(t->cred, LX_CAP_SYS_NICE))
        return -EPERM;
    if (*value < tg->nice && !cred_capable(t->cred, LX_CAP_SYS_NICE) &&
        (uint64_t) (20 - *value) > tg->rlimits[LX_RLIMIT_NICE].soft)
        return -EACCES;
    sched_set_nice(tg, *value);
    return 0;
}

long sys_getpriority(struct task *t, const uint64_t a[static 6])
{
    int value = 0, r;

    mutex_lock(&t->k->tasks_lock);
    r = each_process(t, (int) a[0], (uint32_t) a[1], nice_get, &value);
    mutex_unlock(&t->k->tasks_lock);
    return r ? r : value;
}

long sys_setpriority(struct task *t, const uint64_t a[static 6])
{
    int value = (int) a[2], r;

    value = value < -20 ? -20 : value > 19 ? 19 : value;
    mutex_lock(&t->k->tasks_lock);
    r = each_process(t, (int) a[0], (uint32_t) a[1], nice_set, &value);
    mutex_unlock(&t->k->tasks_lock);
    return r;
}
