/* SPDX-License-Identifier: Apache-2.0 */
/* Credentials: objects, and what follows from them. */
#include "kernel/task/cred.h"

#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "kernel/task/task.h"

struct cred *cred_alloc(size_t n_groups)
{
    struct cred *c = calloc(1, sizeof(*c) + n_groups * sizeof(c->groups[0]));

    if (!c)
        return NULL;
    ref_init(&c->ref);
    c->n_groups = n_groups;
    return c;
}

struct cred *cred_copy(const struct cred *c)
{
    struct cred *n = cred_alloc(c->n_groups);

    if (!n)
        return NULL;
    memcpy(n, c, sizeof(*c) + c->n_groups * sizeof(c->groups[0]));
    ref_init(&n->ref);
    return n;
}

const struct cred *cred_get(const struct cred *c)
{
    ref_get(&((struct cred *) (uintptr_t) c)->ref);
    return c;
}

void cred_put(const struct cred *c)
{
    struct cred *w = (struct cred *) (uintptr_t) c;

    if (w && ref_put(&w->ref))
        free(w);
}

bool cred_capable(const struct cred *c, int cap)
{
    return cap >= 0 && cap <= LX_CAP_LAST && (c->cap_effective >> cap) & 1;
}

bool cred_in_group(const struct cred *c, uint32_t gid)
{
    if (c->fsgid == gid)
        return true;
    for (size_t i = 0; i < c->n_groups; i++) {
        if (c->groups[i] == gid)
            return true;
    }
    return false;
}

bool cred_may_set_group(const struct cred *c, uint32_t gid)
{
    return cred_in_group(c, gid) || cred_capable(c, LX_CAP_FSETID);
}

bool cred_may_signal(const struct cred *sender, const struct cred *c)
{
    return sender->euid == c->suid || sender->euid == c->uid || sender->uid == c->suid ||
           sender->uid == c->uid || cred_capable(sender, LX_CAP_KILL);
}

/*
 * Files made for the guest must belong to the guest's ids, so the sentry thread takes over the
 * file-system ids (per thread: raw calls). Rights never come from these: the vfs checks with the
 * guest's credentials. With only one id mapped nothing can be changed.
 */
void task_apply_fsids(struct task *t)
{
    const struct cred *c = t->cred;

    if (t->k->one_id)
        return;
    if (t->host_fsgid != c->fsgid) {
        (void) syscall(SYS_setfsgid, c->fsgid);
        t->host_fsgid = c->fsgid;
    }
    if (t->host_fsuid != c->fsuid) {
        (void) syscall(SYS_setfsuid, c->fsuid);
        t->host_fsuid = c->fsuid;
    }
}

void task_own_fsids(const struct kernel *k)
{
    if (k->one_id)
        return;
    (void) syscall(SYS_setfsgid, getegid());
    (void) syscall(SYS_setfsuid, geteuid());
}

void task_set_cred(struct task *t, const struct cred *steal)
{
    const struct cred *old;

    mutex_lock(&t->k->tasks_lock);
    old = t->cred;
    t->cred = steal;
    task_publish_facts(t);
    mutex_unlock(&t->k->tasks_lock);
    cred_put(old);
    task_apply_fsids(t);
}
