/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ioprio_get(2), ioprio_set(2). A guest's transfers are made by its sentry threads, so those carry
 * the value on the host. The real-time class is not a container's to take.
 */
#include <errno.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "kernel/syscall/syscall.h"
#include "kernel/task/pid.h"

enum { WHO_PROCESS = 1, WHO_PGRP, WHO_USER };
enum { CLASS_NONE, CLASS_RT, CLASS_BE, CLASS_IDLE };

#define CLASS_SHIFT 13
#define CLASS_OF(v) ((v) >> CLASS_SHIFT)
#define LEVEL_OF(v) ((v) &7)
#define BE_NORMAL   4 /* level of a process that never chose, by its nice value */

static int check_value(const struct task *t, uint32_t v)
{
    switch (CLASS_OF(v)) {
    case CLASS_RT:
        return cred_capable(t->cred, LX_CAP_SYS_ADMIN) ? -EACCES : -EPERM;
    case CLASS_BE:
    case CLASS_IDLE:
        return 0;
    case CLASS_NONE:
        return LEVEL_OF(v) ? -EINVAL : 0;
    default:
        return -EINVAL;
    }
}

/* tasks_lock held. */
static int set_one(struct task *t, struct task *o, int *value)
{
    int32_t sentry = atomic_load(&o->sentry_tid);
    if (o->cred->uid != t->cred->euid && o->cred->uid != t->cred->uid &&
        !cred_capable(t->cred, LX_CAP_SYS_NICE))
        return -EPERM;
    o->ioprio = (uint16_t) *value;
    if (sentry && syscall(SYS_ioprio_set, WHO_PROCESS, sentry, *value)) {
        /* It has ended, or the host has no such scheduling: the number stays what was asked. */
    }
    return 0;
}

/* tasks_lock held. Of many, the best: lowest class that is one, then lowest level. */
static int get_one(struct task *t unused_, struct task *o, int *value)
{
    int v = o->ioprio;
    if (CLASS_OF(v) == CLASS_NONE)
        v = (CLASS_BE << CLASS_SHIFT) | BE_NORMAL;
    *value = *value < 0 ? (int) o->ioprio : MIN(*value, v);
    return 0;
}

/* Calls fn for each thread that (which, who) names; -ESRCH when there is none. tasks_lock held. */
static int each(struct task *t, int which, int32_t who,
                int (*fn)(struct task *t, struct task *o, int *value), int *value)
{
    struct kernel *k = t->k;
    int r = -ESRCH;
    struct pid_entry *e;
    struct tgroup *tg;
    struct task *o;

    switch (which) {
    case WHO_PROCESS:
        e = who ? pid_find(k, who) : NULL;
        o = who ? (e ? e->task : NULL) : t;
        return o ? fn(t, o, value) : -ESRCH;
    case WHO_PGRP:
        e = pid_find(k, who ? who : t->tg->pgid);
        if (!e)
            return -ESRCH;
        list_for_each_entry (tg, &e->pgrp, pgrp_link)
            list_for_each_entry (o, &tg->threads, tg_link)
                if ((r = fn(t, o, value)) < 0)
                    return r;
        return r;
    case WHO_USER:
        list_for_each_entry (o, &k->tasks, all_link)
            if (o->cred->uid == (who ? (uint32_t) who : t->cred->uid) && (r = fn(t, o, value)) < 0)
                return r;
        return r;
    default:
        return -EINVAL;
    }
}

long sys_ioprio_set(struct task *t, const uint64_t a[static 6])
{
    int value = (int) a[2] & 0xffff;
    int r = (int) a[2] >> 16 ? -EINVAL : check_value(t, (uint32_t) value);

    if (r)
        return r;
    mutex_lock(&t->k->tasks_lock);
    r = each(t, (int) a[0], (int32_t) a[1], set_one, &value);
    mutex_unlock(&t->k->tasks_lock);
    return r;
}

long sys_ioprio_get(struct task *t, const uint64_t a[static 6])
{
    int value = -1, r;

    mutex_lock(&t->k->tasks_lock);
    r = each(t, (int) a[0], (int32_t) a[1], get_one, &value);
    mutex_unlock(&t->k->tasks_lock);
    return r ? r : value;
}
