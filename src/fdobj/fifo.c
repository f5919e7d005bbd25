/* SPDX-License-Identifier: Apache-2.0 */
/*
 * FIFOs: a pipe per inode while anybody has it open. The opening semantics are fifo(7)'s: a reader
 * waits for a writer and a writer for a reader, unless O_NONBLOCK or O_RDWR.
 */
#include <errno.h>

#include "abi/linux/fcntl.h"
#include "abi/linux/poll.h"
#include "fdobj/pipe_internal.h"
#include "kernel/kernel.h"
#include "kernel/restart.h"
#include "kernel/task/task.h"
#include "kernel/vfs/special.h"
#include "kernel/wait/block.h"

/* [lock] A new reference; NULL: nobody has it open. */
static struct pipe *find(struct pipes *ps, uint64_t dev, uint64_t ino, uint64_t hash)
{
    struct htab_node *hn;
    htab_for_each_hash (hn, &ps->fifos, hash) {
        struct pipe *p = container_of(hn, struct pipe, link);
        if (p->key_dev == dev && p->key_ino == ino) {
            ref_get(&p->ref);
            return p;
        }
    }
    return NULL;
}

/* A reference on the pipe of this inode, made if need be. */
static int fifo_get(struct pipes *ps, const struct cred *cred, uint64_t dev, uint64_t ino,
                    struct pipe **ret)
{
    uint64_t hash = hash_u64(ino ^ hash_u64(dev));
    struct pipe *fresh;
    mutex_lock(&ps->lock);
    struct pipe *p = find(ps, dev, ino, hash);
    mutex_unlock(&ps->lock);
    if (p) {
        *ret = p;
        return 0;
    }
    int r = pipe_alloc(ps, cred, &fresh);
    if (r < 0)
        return r;
    mutex_lock(&ps->lock);
    p = find(ps, dev, ino, hash); /* another opener may have been quicker */
    if (!p) {
        fresh->is_fifo = true;
        fresh->key_dev = dev;
        fresh->key_ino = ino;
        htab_insert(&ps->fifos, &fresh->link, hash);
    }
    mutex_unlock(&ps->lock);
    if (p)
        pipe_put(fresh);
    *ret = p ? p : fresh;
    return 0;
}

struct opening {
    struct pipe *p;
    bool for_writer; /* waits for a writer */
    uint32_t seen;   /* the other side's count of openings when the wait began */
};

/* An end that came and went again while we slept has been there: counts, not presence, decide. */
static long try_partner(void *arg)
{
    struct opening *o = arg;
    MUTEX_GUARD(&o->p->lock);
    uint32_t present = o->for_writer ? o->p->writers : o->p->readers;
    uint32_t count = o->for_writer ? o->p->n_opens_w : o->p->n_opens_r;
    return present || count != o->seen ? 0 : -EAGAIN;
}

static int wait_for_partner(struct pipe *p, struct file *f, const struct open_args *a,
                            uint32_t seen)
{
    struct opening o = {.p = p,
                        .for_writer = (f->flags & LX_O_ACCMODE) == LX_O_RDONLY,
                        .seen = seen};
    return (int) task_wait_for(a->task, &p->wq, LX_POLL_READABLE | LX_POLL_WRITABLE, NULL,
                               try_partner, &o);
}

int fifo_open(struct kernel *k, struct node *n, const struct open_args *a, struct file **ret)
{
    struct attr at;
    struct pipe *p = NULL;
    struct file *f = NULL;
    uint32_t mode = a->flags & LX_O_ACCMODE;
    if (mode == LX_O_ACCMODE || !a->task)
        return -EINVAL;
    int r = n->ops->getattr(n, &at);
    if (r == 0)
        r = fifo_get(k->specials->pipes, a->task->cred, at.dev, at.ino, &p);
    if (r < 0)
        return r;

    bool nonblock = a->flags & LX_O_NONBLOCK;
    mutex_lock(&p->lock);
    uint32_t readers = p->readers, writers = p->writers;
    uint32_t seen = mode == LX_O_RDONLY ? p->n_opens_w : p->n_opens_r;
    mutex_unlock(&p->lock);
    if (mode == LX_O_WRONLY && nonblock && !readers)
        r = -ENXIO;
    if (r == 0)
        r = pipe_open_end(p, &fifo_ops, a->flags, &f);
    if (r == 0) {
        if ((mode != LX_O_WRONLY && !readers) || (mode != LX_O_RDONLY && !writers))
            waitq_wake(&p->wq, LX_POLL_READABLE | LX_POLL_WRITABLE); /* the first of its kind */
        bool alone = mode == LX_O_RDONLY ? !writers : !readers;
        if (mode != LX_O_RDWR && alone && !nonblock) {
            r = wait_for_partner(p, f, a, seen);
            if (r < 0)
                file_put(f);
        }
    }
    pipe_put(p);
    if (r == 0)
        *ret = f;
    return r;
}
