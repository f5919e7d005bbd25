/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sched(7). The scheduler is the host's: affinity goes through to the host threads, policies are
 * kept as numbers, because real-time classes are not a container's to take.
 */
#include <errno.h>
#include <sched.h>
#include <string.h>

#include "abi/linux/resource.h"
#include "abi/linux/sched.h"
#include "kernel/syscall/native.h"
#include "kernel/syscall/sched.h"
#include "kernel/syscall/syscall.h"
#include "kernel/task/task.h"
#include "kernel/time/timeval.h"

#define CPU_BYTES_MAX 128 /* 1,024 processors, as glibc's cpu_set_t */

struct task *sched_target(struct task *t, uint64_t pid)
{
    return (pid_t) pid ? task_find_get(t->k, (pid_t) pid) : task_get(t);
}

bool sched_permitted(const struct task *t, const struct task *o)
{
    return t->cred->euid == o->cred->uid || t->cred->euid == o->cred->euid ||
           cred_capable(t->cred, LX_CAP_SYS_NICE);
}

long sys_sched_yield(struct task *t, const uint64_t a[static 6])
{
    return native_call(t, t->trap.nr, a);
}

long sys_sched_getaffinity(struct task *t, const uint64_t a[static 6])
{
    struct task *o = sched_target(t, a[0]);
    cpu_set_t set;
    size_t bytes = sizeof(unsigned long);
    int r;

    if (!o)
        return -ESRCH;
    mutex_lock(&o->k->tasks_lock);
    r = o->st ? platform_get_affinity(o->st, &set) : -ESRCH;
    mutex_unlock(&o->k->tasks_lock);
    task_put(o);
    if (r)
        return r;
    group_clamp_cpus(t->k, &set);
    for (int i = (int) sizeof(set) - 1; i >= 0; i--) {
        if (((const uint8_t *) &set)[i]) {
            bytes = ((size_t) i / sizeof(unsigned long) + 1) * sizeof(unsigned long);
            break;
        }
    }
    if ((uint32_t) a[1] < bytes || (a[1] & (sizeof(unsigned long) - 1)))
        return -EINVAL;
    r = copy_out(t, uaddr(a[2]), &set, bytes);
    return r ? r : (long) bytes;
}

long sys_sched_setaffinity(struct task *t, const uint64_t a[static 6])
{
    size_t n = MIN((size_t) (uint32_t) a[1], (size_t) CPU_BYTES_MAX);
    pid_t sentry;
    struct task *o;
    cpu_set_t set;
    int r;

    memset(&set, 0, sizeof(set));
    r = copy_in(t, &set, uaddr(a[2]), n);
    if (r)
        return r;
    o = sched_target(t, a[0]);
    if (!o)
        return -ESRCH;
    r = sched_permitted(t, o) ? 0 : -EPERM;
    mutex_lock(&o->k->tasks_lock);
    if (r == 0)
        r = o->st ? platform_set_affinity(o->st, &set) : -ESRCH;
    sentry = atomic_load(&o->sentry_tid);
    mutex_unlock(&o->k->tasks_lock);
    task_put(o);
    if (r)
        return r;
    /* The sentry's half works for it, and so on the same processors. */
    if (sentry && sched_setaffinity(sentry, sizeof(set), &set)) {
        /* It has ended meanwhile. */
    }
    return 0;
}

long sched_policy_check(int policy, int prio)
{
    switch (policy & ~LX_SCHED_RESET_ON_FORK) {
    case LX_SCHED_OTHER:
    case LX_SCHED_BATCH:
    case LX_SCHED_IDLE:
        return prio == 0 ? 0 : -EINVAL;
    case LX_SCHED_FIFO:
    case LX_SCHED_RR:
        return prio >= 1 && prio <= 99 ? -EPERM : -EINVAL;
    default:
        return -EINVAL;
    }
}

long sys_sched_setscheduler(struct task *t, const uint64_t a[static 6])
{
    int policy = (int) a[1];
    struct task *o;
    int32_t prio;
    long r;

    if ((pid_t) a[0] < 0 || policy < 0 || !a[2])
        return -EINVAL;
    r = copy_in(t, &prio, uaddr(a[2]), sizeof(prio));
    if (r)
        return r;
    o = sched_target(t, a[0]);
    if (!o)
        return -ESRCH;
    r = sched_policy_check(policy, prio);
    if (r == 0 && !sched_permitted(t, o))
        r = -EPERM;
    if (r == 0) {
        mutex_lock(&t->k->tasks_lock);
        o->sched_policy = policy;
        mutex_unlock(&t->k->tasks_lock);
    }
    task_put(o);
    return r;
}

long sys_sched_getscheduler(struct task *t, const uint64_t a[static 6])
{
    struct task *o;
    long r;

    if ((pid_t) a[0] < 0)
        return -EINVAL;
    o = sched_target(t, a[0]);
    if (!o)
        return -ESRCH;
    r = o->sched_policy;
    task_put(o);
    return r;
}

long sys_sched_getparam(struct task *t, const uint64_t a[static 6])
{
    struct task *o;
    int32_t prio = 0;

    if ((pid_t) a[0] < 0 || !a[1])
        return -EINVAL;
    o = sched_target(t, a[0]);
    if (!o)
        return -ESRCH;
    task_put(o);
    return copy_out(t, uaddr(a[1]), &prio, sizeof(prio));
}

long sys_sched_setparam(struct task *t, const uint64_t a[static 6])
{
    struct task *o;
    int32_t prio;
    long r;

    if ((pid_t) a[0] < 0 || !a[1])
        return -EINVAL;
    r = copy_in(t, &prio, uaddr(a[1]), sizeof(prio));
    if (r)
        return r;
    o = sched_target(t, a[0]);
    if (!o)
        return -ESRCH;
    r = sched_policy_check(o->sched_policy, prio);
    task_put(o);
    return r;
}

long sys_sched_get_priority_max(struct task *t unused_, const uint64_t a[static 6])
{
    switch ((int) a[0]) {
    case LX_SCHED_FIFO:
    case LX_SCHED_RR:
        return 99;
    case LX_SCHED_OTHER:
    case LX_SCHED_BATCH:
    case LX_SCHED_IDLE:
    case LX_SCHED_DEADLINE:
        return 0;
    default:
        return -EINVAL;
    }
}

long sys_sched_get_priority_min(struct task *t, const uint64_t a[static 6])
{
    long max = sys_sched_get_priority_max(t, a);

    return max > 0 ? 1 : max;
}

long sys_sched_rr_get_interval(struct task *t, const uint64_t a[static 6])
{
    const struct lx_timespec ts = {0, 0};
    struct task *o;

    if ((pid_t) a[0] < 0)
        return -EINVAL;
    o = sched_target(t, a[0]);
    if (!o)
        return -ESRCH;
    task_put(o);
    return copy_out(t, uaddr(a[1]), &ts, sizeof(ts));
}

/* The stub's thread and its sentry thread share a processor where they can: this one's is the
 * answer. */
long sys_getcpu(struct task *t, const uint64_t a[static 6])
{
    unsigned cpu = 0, node = 0;
    int r = 0;

    if (getcpu(&cpu, &node))
        return -EINVAL;
    if (a[0])
        r = copy_out(t, uaddr(a[0]), &cpu, sizeof(cpu));
    if (r == 0 && a[1])
        r = copy_out(t, uaddr(a[1]), &node, sizeof(node));
    return r;
}
