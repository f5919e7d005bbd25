/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Streams. Guest memory is never touched under the lock: a reader marks the queue as being read,
 * copies from the message at its head, and then moves on; another reader is told -EAGAIN meanwhile
 * and woken afterwards. Senders only add at the tail.
 */
#include <errno.h>

#include "abi/linux/poll.h"
#include "kernel/task/task.h"
#include "net/unix/internal.h"

/* ---- sending ---- */

/* The peer, a new reference; or why nothing can be sent. */
static int find_peer(struct unix_end *e, const struct sock_msg *m, struct unix_end **ret)
{
    MUTEX_GUARD(&e->lock);
    if (m->name)
        return e->state == UNIX_CONNECTED ? -EISCONN : -EOPNOTSUPP;
    if (!e->peer)
        return -ENOTCONN;
    if (e->shutdown & UNIX_SHUT_SND)
        return -EPIPE;
    if (e->error) {
        int r = -e->error;
        e->error = 0;
        return r;
    }
    *ret = unix_end_get(e->peer);
    return 0;
}

static int deliver(struct unix_end *to, struct unix_msg *msg)
{
    mutex_lock(&to->lock);
    bool open = !to->dead && !(to->shutdown & UNIX_SHUT_RCV);
    if (open)
        unix_msg_push(to, msg);
    mutex_unlock(&to->lock);
    if (!open) {
        unix_msg_put(msg);
        return -EPIPE;
    }
    waitq_wake(&to->wq, LX_POLL_READABLE);
    return 0;
}

ssize_t unix_stream_send(struct socket *s, struct task *t, struct sock_msg *m,
                         struct shared_waitq **wait unused_)
{
    struct unix_end *e = unix_end_of(s), *peer = NULL;
    struct unix_msg *msg;
    if (m->flags & LX_MSG_OOB)
        return -EOPNOTSUPP;
    int r = find_peer(e, m, &peer);
    if (r < 0)
        return r;
    size_t most = MIN((size_t) UNIX_CHUNK, (size_t) atomic_load(&e->sndbuf) / 2 - 64);
    size_t n = MIN(m->io->left, most);
    if (n) {
        r = unix_msg_new(e, peer, t, m, n, &msg);
        if (r == 0)
            r = deliver(peer, msg);
    }
    unix_end_put(peer);
    return r < 0 ? r : (ssize_t) n;
}

/* ---- receiving ---- */

struct reading {
    struct unix_end *e;
    struct sock_msg *m;
    size_t done, skip;   /* skip: bytes that are not to be shown, when peeking */
    struct unix_msg *at; /* peeking: the last one looked at */
};

static bool is_peek(const struct reading *rd)
{
    return rd->m->flags & LX_MSG_PEEK;
}

/* [lock] The next message with something to show; NULL: none. */
static struct unix_msg *next_msg(struct reading *rd)
{
    struct list *head = &rd->e->queue;
    struct list *l = is_peek(rd) && rd->at ? rd->at->link.next : head->next;
    for (; l != head; l = l->next) {
        struct unix_msg *msg = container_of(l, struct unix_msg, link);
        if (!is_peek(rd) || rd->skip < msg->len - msg->off)
            return msg;
        rd->skip -= msg->len - msg->off;
    }
    return NULL;
}

/* Bytes of different writers are not joined where the reader is told who wrote them. */
static bool same_writer(const struct reading *rd, const struct unix_msg *msg)
{
    const struct scm *scm = rd->m->scm;
    if (!scm || !scm->has_creds || !(rd->done || rd->m->done))
        return true;
    struct lx_ucred u = unix_msg_creds(msg);
    return scm->creds.pid == u.pid && scm->creds.uid == u.uid && scm->creds.gid == u.gid;
}

/* [lock] What an empty queue means. */
static ssize_t nothing_left(struct unix_end *e)
{
    if (e->error) {
        int r = -e->error;
        e->error = 0;
        return r;
    }
    return e->shutdown & UNIX_SHUT_RCV ? 0 : -EAGAIN;
}

/* [lock] n bytes of msg have been copied; true: it is used up and the caller's to drop. */
static bool advance(struct reading *rd, struct unix_msg *msg, size_t n)
{
    struct unix_end *e = rd->e;
    if (is_peek(rd)) {
        rd->skip = 0;
        rd->at = msg;
        if (e->peek_off >= 0)
            e->peek_off += (int32_t) n;
        return false;
    }
    msg->off += n;
    if (e->peek_off >= 0)
        e->peek_off = MAX(e->peek_off - (int32_t) n, 0);
    if (msg->off < msg->len)
        return false;
    list_del(&msg->link);
    e->n_queued--;
    return true;
}

/*
 * [lock, dropped and taken again] Some of one message. False: it ends here; *ret then is what to
 * say if nothing has been read.
 */
static bool read_some(struct reading *rd, ssize_t *ret)
{
    struct unix_end *e = rd->e;
    struct unix_msg *msg = next_msg(rd);
    if (!msg) {
        *ret = rd->done ? 0 : nothing_left(e);
        return false;
    }
    if (!same_writer(rd, msg)) {
        rd->m->stop = true;
        return false;
    }
    size_t n = MIN(msg->len - msg->off - rd->skip, rd->m->io->left);
    const uint8_t *from = msg->data + msg->off + rd->skip;
    ref_get(&msg->ref);
    mutex_unlock(&e->lock);

    ssize_t got = n ? iobuf_put(rd->m->io, from, n) : 0;
    bool rights = false;
    if (got >= 0) {
        if (!rd->done && !rd->m->done)
            unix_msg_show(e, msg, rd->m);
        rights = msg->rights && n; /* only readers take them, and we are the one */
        if (rights)
            got = unix_msg_show_rights(e, msg, rd->m, is_peek(rd)) < 0 ? -ENOMEM : got;
    }

    mutex_lock(&e->lock);
    bool used_up = got > 0 && advance(rd, msg, (size_t) got);
    mutex_unlock(&e->lock);
    if (used_up)
        unix_msg_put(msg); /* the queue's */
    unix_msg_put(msg);
    mutex_lock(&e->lock);
    if (got < 0) {
        *ret = got;
        return false;
    }
    rd->done += (size_t) got;
    if (rights)
        rd->m->stop = true;
    return !rights && (size_t) got == n && rd->m->io->left;
}

ssize_t unix_stream_recv(struct socket *s, struct task *t unused_, struct sock_msg *m)
{
    struct unix_end *e = unix_end_of(s);
    struct reading rd = {.e = e, .m = m};
    ssize_t r = 0;
    if (m->flags & LX_MSG_OOB)
        return -EOPNOTSUPP;
    mutex_lock(&e->lock);
    if (e->state != UNIX_CONNECTED || e->reading) {
        r = e->reading ? -EAGAIN : -EINVAL;
        e->reader_waits |= e->reading;
        mutex_unlock(&e->lock);
        return r;
    }
    e->reading = true;
    if (m->flags & LX_MSG_PEEK) {
        rd.skip = e->peek_off > 0 ? (size_t) e->peek_off : 0;
        m->stop = true;
    }
    while (read_some(&rd, &r))
        ;
    e->reading = false;
    bool others = e->reader_waits;
    e->reader_waits = false;
    mutex_unlock(&e->lock);
    if (others)
        waitq_wake(&e->wq, LX_POLL_READABLE);
    return rd.done ? (ssize_t) rd.done : r;
}
