/* SPDX-License-Identifier: Apache-2.0 */
/* sched_setattr(2), sched_getattr(2). */
#include <errno.h>
#include <string.h>

#include "abi/linux/resource.h"
#include "abi/linux/sched.h"
#include "kernel/syscall/sched.h"
#include "kernel/syscall/syscall.h"
#include "kernel/task/task.h"

#define PAGE             4096u
#define FLAG_RESET       0x01u
#define FLAG_KEEP_POLICY 0x08u
#define FLAG_KEEP_PARAMS 0x10u
#define FLAGS_KNOWN      0x7fu
#define FLAGS_UTIL_CLAMP 0x60u

/* The size of the guest's structure; a kernel that knows less tells its own: sched_setattr(2). */
static int get_attr(struct task *t, uint64_t at, struct lx_sched_attr *ret)
{
    const uint32_t own = sizeof(*ret);
    uint32_t size;
    int r = copy_in(t, &size, uaddr(at), sizeof(size));

    if (r < 0)
        return r;
    if (!size)
        size = LX_SCHED_ATTR_SIZE_VER0;
    memset(ret, 0, sizeof(*ret));
    r = size < LX_SCHED_ATTR_SIZE_VER0 || size > PAGE ? -E2BIG
                                                      : copy_in(t, ret, uaddr(at), MIN(size, own));
    for (uint32_t off = own; r == 0 && off < size; off++) {
        uint8_t byte;

        r = copy_in(t, &byte, uaddr(at + off), 1);
        if (r == 0 && byte)
            r = -E2BIG;
    }
    if (r == -E2BIG && copy_out(t, uaddr(at), &own, sizeof(own)))
        return -EFAULT;
    return r;
}

/* tasks_lock held. As setpriority(2) decides. */
static int set_nice(struct task *t, struct tgroup *tg, int nice)
{
    nice = nice < -20 ? -20 : nice > 19 ? 19 : nice;
    if (nice < tg->nice && !cred_capable(t->cred, LX_CAP_SYS_NICE) &&
        (uint64_t) (20 - nice) > tg->rlimits[LX_RLIMIT_NICE].soft)
        return -EPERM;
    sched_set_nice(tg, nice);
    return 0;
}

long sys_sched_setattr(struct task *t, const uint64_t a[static 6])
{
    struct lx_sched_attr at;
    struct task *o;
    int policy;
    long r;

    if ((pid_t) a[0] < 0 || !a[1] || (uint32_t) a[2])
        return -EINVAL;
    r = get_attr(t, a[1], &at);
    if (r < 0)
        return r;
    if ((int32_t) at.policy < 0 || (at.flags & ~(uint64_t) FLAGS_KNOWN))
        return -EINVAL;
    if (at.flags & FLAGS_UTIL_CLAMP)
        return -EOPNOTSUPP;
    o = sched_target(t, a[0]);
    if (!o)
        return -ESRCH;
    policy =
        at.flags & FLAG_KEEP_POLICY ? o->sched_policy & ~LX_SCHED_RESET_ON_FORK : (int) at.policy;
    r = sched_policy_check(policy, (int) at.priority);
    if (r == 0 && !sched_permitted(t, o))
        r = -EPERM;
    mutex_lock(&t->k->tasks_lock);
    if (r == 0 && !(at.flags & FLAG_KEEP_PARAMS) &&
        (policy == LX_SCHED_OTHER || policy == LX_SCHED_BATCH))
        r = set_nice(t, o->tg, at.nice);
    if (r == 0)
        o->sched_policy = policy | (at.flags & FLAG_RESET ? LX_SCHED_RESET_ON_FORK : 0);
    mutex_unlock(&t->k->tasks_lock);
    task_put(o);
    return r;
}

long sys_sched_getattr(struct task *t, const uint64_t a[static 6])
{
    struct lx_sched_attr at = {.size = 0};
    uint32_t size = (uint32_t) a[2];
    struct task *o;

    if ((pid_t) a[0] < 0 || !a[1] || (uint32_t) a[3] || size < LX_SCHED_ATTR_SIZE_VER0 ||
        size > PAGE)
        return -EINVAL;
    o = sched_target(t, a[0]);
    if (!o)
        return -ESRCH;
    mutex_lock(&t->k->tasks_lock);
    at.policy = (uint32_t) o->sched_policy & ~(uint32_t) LX_SCHED_RESET_ON_FORK;
    at.flags = o->sched_policy & LX_SCHED_RESET_ON_FORK ? FLAG_RESET : 0;
    at.nice = o->tg->nice;
    mutex_unlock(&t->k->tasks_lock);
    task_put(o);
    size = MIN(size, (uint32_t) sizeof(at));
    at.size = size;
    return copy_out(t, uaddr(a[1]), &at, size);
}
