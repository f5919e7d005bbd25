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
    if (e->error && m->io->left) {
        int r = -e->error;
        e->error = 0;
        return r;
    }
    *ret = unix_end_get(e->peer);
    return 0;
}

static int deliver(struct unix_end *to, struct unix_msg *msg, bool urgent)
{
    mutex_lock(&to->lock);
    bool open = !to->dead && !(to->shutdown & UNIX_SHUT_RCV);
    if (open)
        unix_msg_push(to, msg);
    if (open && urgent)
        to->oob = msg;
    mutex_unlock(&to->lock);
    if (!open) {
        unix_msg_put(msg);
        return -EPIPE;
    }
    waitq_wake(&to->wq, LX_POLL_READABLE | (urgent ? LX_POLLPRI : 0u));
    return 0;
}

ssize_t unix_stream_send(struct socket *s, struct task *t, struct sock_msg *m,
                         struct shared_waitq **wait unused_)
{
    struct unix_end *e = unix_end_of(s), *peer = NULL;
    struct unix_msg *msg;
    bool urgent = m->flags & LX_MSG_OOB;
    if (urgent && !m->io->left)
        return -EOPNOTSUPP;
    int r = find_peer(e, m, &peer);
    if (r < 0)
        return r;
    size_t most = MIN((size_t) UNIX_CHUNK, (size_t) atomic_load(&e->sndbuf) / 2 - 64);
    size_t n = MIN(m->io->left, most);
    if (urgent && m->io->left > 1)
        n = MIN(n, m->io->left - 1); /* the last byte goes alone */
    urgent = urgent && m->io->left == 1;
    if (n) {
        r = unix_msg_new(e, peer, t, m, n, &msg);
        if (r == 0)
            r = deliver(peer, msg, urgent);
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
    struct list gone;    /* messages that nobody will read */
    bool in_line;        /* SO_OOBINLINE */
};

static bool is_peek(const struct reading *rd)
{
    return rd->m->flags & LX_MSG_PEEK;
}

/* [lock] The next message with something to show; NULL: none. */
static struct unix_msg *next_msg(struct reading *rd)
{
    struct unix_end *e = rd->e;
    struct list *l = is_peek(rd) && rd->at ? rd->at->link.next : e->queue.next;
    if (l == &e->queue)
        return NULL;
    struct unix_msg *msg = container_of(l, struct unix_msg, link);
    if (msg == e->oob || !unix_msg_left(msg)) {
        bool copied = rd->done || rd->m->done;
        msg = unix_urgent_pass(e, msg,
                               (is_peek(rd) ? UNIX_PEEK : 0u) | (rd->in_line ? UNIX_INLINE : 0u) |
                                   (copied ? UNIX_COPIED : 0u),
                               &rd->gone);
        rd->m->stop |= !msg && copied;
    }
    while (msg && rd->skip >= unix_msg_left(msg)) {
        rd->skip -= unix_msg_left(msg);
        msg = msg->link.next == &e->queue ? NULL
                                          : container_of(msg->link.next, struct unix_msg, link);
    }
    return msg;
}

/* Bytes of different writers are not joined where readers are told who wrote them. */
static bool same_writer(const struct reading *rd, const struct unix_msg *msg)
{
    struct sock_msg *m = rd->m;
    if (!atomic_load(&rd->e->pass_creds))
        return true;
    struct lx_ucred u = unix_msg_creds(msg);
    if (!m->one_writer) {
        m->one_writer = true;
        m->writer = u;
    }
    return m->writer.pid == u.pid && m->writer.uid == u.uid && m->writer.gid == u.gid;
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
        *ret = rd->done || rd->at ? 0 : nothing_left(e);
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
        /* Only readers take them, and we are the one. Who peeks sees those behind what it asked
         * for. */
        rights = msg->rights != NULL;
        if (rights)
            got = unix_msg_show_rights(e, msg, rd->m, is_peek(rd)) < 0 ? -ENOMEM : got;
    }

    mutex_lock(&e->lock);
    bool used_up = (got > 0 || (got == 0 && is_peek(rd))) && advance(rd, msg, (size_t) got);
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
    return !rights && (size_t) got == n && (rd->m->io->left || is_peek(rd));
}

ssize_t unix_stream_recv(struct socket *s, struct task *t unused_, struct sock_msg *m)
{
    struct unix_end *e = unix_end_of(s);
    struct reading rd = {.e = e,
                         .m = m,
                         .gone = LIST_INIT(rd.gone),
                         .in_line = socket_switch(s, LX_SO_OOBINLINE)};
    struct list *l;
    ssize_t r = 0;
    if (m->flags & LX_MSG_OOB)
        return unix_urgent_recv(e, m, rd.in_line);
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
    while ((l = list_pop(&rd.gone)) != NULL)
        unix_msg_put(container_of(l, struct unix_msg, link));
    if (others)
        waitq_wake(&e->wq, LX_POLL_READABLE);
    if (!rd.done && !m->done && r == 0 && m->scm && atomic_load(&e->pass_creds)) {
        m->scm->has_creds = true; /* the end has a sender, too: nobody */
        m->scm->creds = (struct lx_ucred){.pid = 0};
    }
    return rd.done ? (ssize_t) rd.done : r;
}
