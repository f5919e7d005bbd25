/* SPDX-License-Identifier: Apache-2.0 */
/* Keys, identifiers and permissions: what the three kinds of System V IPC share. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "kernel/ipc/ipc.h"
#include "kernel/task/task.h"

#define CAP_IPC_OWNER 15
#define SEQ_MAX       (INT32_MAX / IPC_MAX_IDS)
#define MODE_BITS     0777u

int ipc_new(struct ipc **ret)
{
    struct ipc *i = calloc(1, sizeof(*i));

    if (!i)
        return -ENOMEM;
    mutex_init(&i->lock, RANK_IPC);
    list_init(&i->mqueues);
    i->sem.limit = SEM_MNI;
    i->shm.limit = SHM_MNI;
    i->msg.limit = MSG_MNI;
    *ret = i;
    return 0;
}

static struct ipc_object *by_key(const struct ipc_table *tb, int32_t key)
{
    for (unsigned i = 0; i < tb->n_slots; i++) {
        if (tb->slot[i] && tb->slot[i]->key == key)
            return tb->slot[i];
    }
    return NULL;
}

int ipc_lookup(struct ipc_table *tb, int32_t key, int flags, struct ipc_object **ret)
{
    struct ipc_object *o = key == LX_IPC_PRIVATE ? NULL : by_key(tb, key);

    if (o) {
        if ((flags & (LX_IPC_CREAT | LX_IPC_EXCL)) == (LX_IPC_CREAT | LX_IPC_EXCL))
            return -EEXIST;
        *ret = o;
        return 0;
    }
    if (key != LX_IPC_PRIVATE && !(flags & LX_IPC_CREAT))
        return -ENOENT;
    return tb->used >= tb->limit ? -ENOSPC : 1;
}

/* A free index, or -ENOMEM. */
static int free_index(struct ipc_table *tb)
{
    struct ipc_object **grown;
    unsigned old = tb->n_slots, n = old ? MIN(old * 2, (unsigned) IPC_MAX_IDS) : 16;

    for (unsigned i = 0; i < old; i++) {
        if (!tb->slot[i])
            return (int) i;
    }
    grown = n > old ? reallocarray(tb->slot, n, sizeof(struct ipc_object *)) : NULL;
    if (!grown)
        return -ENOMEM;
    memset(grown + old, 0, (n - old) * sizeof(struct ipc_object *));
    tb->slot = grown;
    tb->n_slots = n;
    return (int) old;
}

int ipc_enter(struct task *t, struct ipc_table *tb, struct ipc_object *o, int32_t key, int flags)
{
    int i = free_index(tb);

    if (i < 0)
        return i;
    ref_init(&o->ref);
    o->id = (int32_t) tb->seq * IPC_MAX_IDS + i;
    tb->seq = tb->seq == SEQ_MAX ? 0 : tb->seq + 1;
    o->key = key;
    o->uid = o->cuid = t->cred->euid;
    o->gid = o->cgid = t->cred->egid;
    o->mode = (uint32_t) flags & MODE_BITS;
    tb->slot[i] = o;
    tb->used++;
    return 0;
}

int ipc_find_at(struct ipc_table *tb, int index, struct ipc_object **ret)
{
    if (index < 0 || (unsigned) index >= tb->n_slots || !tb->slot[index])
        return -EINVAL;
    *ret = tb->slot[index];
    return 0;
}

int ipc_find(struct ipc_table *tb, int id, struct ipc_object **ret)
{
    int r = id < 0 ? -EINVAL : ipc_find_at(tb, id % IPC_MAX_IDS, ret);

    return r == 0 && (*ret)->id != id ? -EINVAL : r;
}

int ipc_last(const struct ipc_table *tb)
{
    for (unsigned i = tb->n_slots; i > 0; i--) {
        if (tb->slot[i - 1])
            return (int) i - 1;
    }
    return 0;
}

void ipc_remove(struct ipc_table *tb, struct ipc_object *o)
{
    tb->slot[o->id % IPC_MAX_IDS] = NULL;
    tb->used--;
    o->removed = true;
}

void ipc_put(struct ipc_object *o)
{
    if (o && ref_put(&o->ref))
        o->free(o);
}

int ipc_may(struct task *t, const struct ipc_object *o, int want)
{
    const struct cred *c = t->cred;
    uint32_t asked = (uint32_t) ((want >> 6) | (want >> 3) | want) & 7, granted = o->mode;

    if (c->euid == o->cuid || c->euid == o->uid)
        granted >>= 6;
    else if (cred_in_group(c, o->cgid) || cred_in_group(c, o->gid))
        granted >>= 3;
    return (asked & ~granted) && !cred_capable(c, CAP_IPC_OWNER) ? -EACCES : 0;
}

int ipc_may_control(struct task *t, const struct ipc_object *o)
{
    const struct cred *c = t->cred;

    return c->euid == o->cuid || c->euid == o->uid || cred_capable(c, LX_CAP_SYS_ADMIN) ? 0
                                                                                        : -EPERM;
}

void ipc_fill_perm(const struct ipc_object *o, struct lx_ipc_perm *ret)
{
    *ret = (struct lx_ipc_perm){
        .key = o->key,
        .uid = o->uid,
        .gid = o->gid,
        .cuid = o->cuid,
        .cgid = o->cgid,
        .mode = o->mode,
        .seq = (uint16_t) (o->id / IPC_MAX_IDS),
    };
}

int ipc_set_perm(struct ipc_object *o, const struct lx_ipc_perm *p)
{
    if (p->uid == UINT32_MAX || p->gid == UINT32_MAX)
        return -EINVAL;
    o->uid = p->uid;
    o->gid = p->gid;
    o->mode = (o->mode & ~MODE_BITS) | (p->mode & MODE_BITS);
    return 0;
}

int64_t ipc_now(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_REALTIME, &ts);
    return ts.tv_sec;
}

pid_t ipc_pid(struct task *t)
{
    return t->tg->tgid;
}

void ipc_exit(struct task *t)
{
    sem_exit(t->tg);
    if (t->st && !platform_mm_is_shared(t->st))
        shm_leave_memory(t);
}
