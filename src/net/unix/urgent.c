/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Urgent data of streams: unix(7), "UNIX domain sockets support out-of-band data". The byte is a
 * message of its own in the receiver's queue, and the newest of them is the one that is urgent.
 * Once it was read by MSG_OOB its message stays there empty: it is where the mark was.
 */
#include <errno.h>

#include "abi/linux/poll.h"
#include "net/unix/internal.h"

static struct unix_msg *after(struct unix_end *e, struct unix_msg *msg)
{
    return msg->link.next == &e->queue ? NULL : container_of(msg->link.next, struct unix_msg, link);
}

static struct unix_msg *first(struct unix_end *e)
{
    return list_empty(&e->queue) ? NULL : container_of(e->queue.next, struct unix_msg, link);
}

static void take_out(struct unix_end *e, struct unix_msg *msg, struct list *gone)
{
    list_move_tail(&msg->link, gone);
    e->n_queued--;
}

struct unix_msg *unix_urgent_pass(struct unix_end *e, struct unix_msg *msg, uint32_t how,
                                  struct list *gone)
{
    bool peek = how & UNIX_PEEK, in_line = how & UNIX_INLINE;
    if (!unix_msg_left(msg)) {
        if ((how & UNIX_COPIED) && !e->oob)
            return NULL;
        struct unix_msg *next = after(e, msg);
        if (!peek)
            take_out(e, msg, gone);
        msg = next;
    }
    if (!msg || msg != e->oob)
        return msg;
    if (how & UNIX_COPIED)
        return NULL; /* what is read at once ends before the mark */
    if (peek)
        return in_line ? msg : after(e, msg);
    e->oob = NULL;
    if (in_line)
        return msg;
    take_out(e, msg, gone); /* who reads on has missed it */
    return first(e);
}

/* [lock] The message before it may be an older mark that nobody needs any more. */
static struct unix_msg *older_mark(struct unix_end *e, struct unix_msg *msg)
{
    if (msg->link.prev == &e->queue)
        return NULL;
    struct unix_msg *before = container_of(msg->link.prev, struct unix_msg, link);
    if (unix_msg_left(before))
        return NULL;
    list_del(&before->link);
    e->n_queued--;
    return before;
}

ssize_t unix_urgent_recv(struct unix_end *e, struct sock_msg *m, bool in_line)
{
    struct unix_msg *msg, *old = NULL;
    mutex_lock(&e->lock);
    int r = e->state != UNIX_CONNECTED || in_line || !e->oob ? -EINVAL : e->reading ? -EAGAIN : 0;
    e->reader_waits |= r == -EAGAIN;
    msg = e->oob;
    if (r == 0) {
        ref_get(&msg->ref);
        if (!(m->flags & LX_MSG_PEEK)) {
            e->oob = NULL;
            old = older_mark(e, msg);
            msg->off = msg->len;
        }
    }
    mutex_unlock(&e->lock);
    if (r < 0)
        return r;
    ssize_t n = m->io->left ? iobuf_put(m->io, msg->data, 1) : -EFAULT;
    if (old)
        unix_msg_put(old);
    unix_msg_put(msg);
    m->stop = true;
    m->out_flags |= n == 1 ? LX_MSG_OOB : 0;
    return n < 0 ? -EFAULT : n;
}

bool unix_at_mark(struct unix_end *e)
{
    MUTEX_GUARD(&e->lock);
    struct unix_msg *msg = first(e);
    if (!msg)
        return !list_empty(&e->pending); /* Linux: who waits to be accepted looks like a mark */
    return msg == e->oob || (!unix_msg_left(msg) && (!e->oob || after(e, msg) == e->oob));
}
