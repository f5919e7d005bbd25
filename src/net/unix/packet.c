/* SPDX-License-Identifier: Apache-2.0 */
/* Datagrams, and packets in sequence: whole messages or nothing. */
#include <errno.h>

#include "abi/linux/poll.h"
#include "kernel/task/task.h"
#include "net/unix/internal.h"

bool unix_queue_full(const struct unix_end *e)
{
    return e->n_queued > e->backlog;
}

/* ---- sending ---- */

static int take_error(struct unix_end *e)
{
    int r = -e->error;
    e->error = 0;
    return r;
}

/* [lock] */
static int check_connected(struct unix_end *e)
{
    if (e->type != LX_SOCK_SEQPACKET)
        return 0;
    if (e->error)
        return take_error(e);
    return e->state != UNIX_CONNECTED || !e->peer ? -ENOTCONN : 0;
}

int unix_seqpacket_check(struct socket *s)
{
    struct unix_end *e = unix_end_of(s);
    MUTEX_GUARD(&e->lock);
    return check_connected(e);
}

/* [lock] Before anything else: whether there is anybody to send to. */
static int check_peer(struct unix_end *e, const struct sock_msg *m)
{
    bool abstract;
    int r = check_connected(e);
    if (r < 0)
        return r;
    if (m->flags & LX_MSG_OOB)
        return -EOPNOTSUPP;
    if (e->type == LX_SOCK_DGRAM && m->name)
        return unix_name_check(m->name, &abstract);
    return 0;
}

/* [lock] What stands in the way at our own end. */
static int check_own(struct unix_end *e, size_t len)
{
    if (len + 32 > atomic_load(&e->sndbuf))
        return -EMSGSIZE;
    if (e->error)
        return take_error(e);
    if (e->shutdown & UNIX_SHUT_SND)
        return -EPIPE;
    return atomic_load(&e->used) >= atomic_load(&e->sndbuf) ? -EAGAIN : 0;
}

/* Whom to send to, a new reference. */
static int find_destination(struct unix_end *e, struct task *t, const struct sock_msg *m,
                            struct unix_end **ret)
{
    if (e->type == LX_SOCK_DGRAM && m->name)
        return unix_find(e, t, m->name, ret);
    MUTEX_GUARD(&e->lock);
    if (!e->peer)
        return -ENOTCONN;
    *ret = unix_end_get(e->peer);
    return 0;
}

/* [to->lock] And at the other one. */
static int check_other(const struct unix_end *e, struct unix_end *to, struct shared_waitq **wait)
{
    if (to->dead)
        return -ECONNREFUSED;
    if (e->type == LX_SOCK_DGRAM && to->peer && to->peer != e)
        return -EPERM;
    if (to->shutdown & UNIX_SHUT_RCV)
        return -EPIPE;
    if (to == e || to->peer == e || !unix_queue_full(to))
        return 0;
    ref_get(&to->room->ref);
    *wait = to->room;
    return -EAGAIN;
}

/* A connected datagram end finds out only now that nobody is there. */
static void peer_is_gone(struct unix_end *e, struct unix_end *to)
{
    struct unix_end *old = NULL;
    mutex_lock(&e->lock);
    if (e->peer == to && e->type == LX_SOCK_DGRAM) {
        old = unix_leave_peer(e);
        e->state = UNIX_UNCONNECTED;
    }
    mutex_unlock(&e->lock);
    unix_left(e, old);
}

/* The second look is not for room: those who have passed the first may all be served. */
static int deliver(struct unix_end *e, struct unix_end *to, struct unix_msg *msg)
{
    mutex_lock(&to->lock);
    int r = to->dead                                                ? -ECONNREFUSED
            : e->type == LX_SOCK_DGRAM && to->peer && to->peer != e ? -EPERM
            : to->shutdown & UNIX_SHUT_RCV                          ? -EPIPE
                                                                    : 0;
    if (r == 0)
        unix_msg_push(to, msg);
    mutex_unlock(&to->lock);
    if (r < 0)
        unix_msg_put(msg);
    else
        waitq_wake(&to->wq, LX_POLL_READABLE);
    return r;
}

ssize_t unix_packet_send(struct socket *s, struct task *t, struct sock_msg *m,
                         struct shared_waitq **wait)
{
    struct unix_end *e = unix_end_of(s), *to = NULL;
    size_t len = m->io->left;
    struct unix_msg *msg;
    mutex_lock(&e->lock);
    int r = check_peer(e, m);
    mutex_unlock(&e->lock);
    if (r == 0)
        r = unix_autobind_for_creds(e);
    if (r == 0) {
        mutex_lock(&e->lock);
        r = check_own(e, len);
        mutex_unlock(&e->lock);
    }
    if (r == 0)
        r = find_destination(e, t, m, &to);
    if (r == 0) {
        mutex_lock(&to->lock);
        r = check_other(e, to, wait);
        mutex_unlock(&to->lock);
    }
    if (r == 0)
        r = unix_msg_new(e, to, t, m, len, &msg);
    if (r == 0)
        r = deliver(e, to, msg);
    if (r == -ECONNREFUSED && to && !m->name)
        peer_is_gone(e, to);
    unix_end_put(to);
    return r < 0 ? r : (ssize_t) len;
}

/* ---- receiving ---- */

/* [lock] The message to give; *skip: bytes of it that are not to be shown, when peeking. */
static struct unix_msg *pick(struct unix_end *e, bool peek, size_t *skip)
{
    struct unix_msg *msg;
    *skip = peek && e->peek_off > 0 ? (size_t) e->peek_off : 0;
    list_for_each_entry (msg, &e->queue, link) {
        if (!*skip || *skip < msg->len)
            return msg;
        *skip -= msg->len;
    }
    return NULL;
}

/* [lock] */
static ssize_t nothing_there(struct unix_end *e, const struct sock_msg *m)
{
    if (!(e->shutdown & UNIX_SHUT_RCV))
        return -EAGAIN;
    return e->type == LX_SOCK_SEQPACKET || !m->nonblock ? 0 : -EAGAIN;
}

/* A reference to the message, which has left the queue unless it is only looked at. */
static ssize_t take_msg(struct unix_end *e, struct sock_msg *m, struct unix_msg **ret,
                        size_t *ret_skip)
{
    bool peek = m->flags & LX_MSG_PEEK;
    MUTEX_GUARD(&e->lock);
    if (e->type == LX_SOCK_SEQPACKET && e->state != UNIX_CONNECTED)
        return -ENOTCONN;
    if (m->flags & LX_MSG_OOB)
        return -EOPNOTSUPP;
    if (e->error)
        return take_error(e);
    struct unix_msg *msg = pick(e, peek, ret_skip);
    if (!msg)
        return nothing_there(e, m);
    if (peek) {
        ref_get(&msg->ref);
    } else {
        list_del(&msg->link);
        e->n_queued--;
        if (e->peek_off >= 0)
            e->peek_off = MAX(e->peek_off - (int32_t) msg->len, 0);
    }
    *ret = msg;
    return 1;
}

ssize_t unix_packet_recv(struct socket *s, struct task *t unused_, struct sock_msg *m)
{
    struct unix_end *e = unix_end_of(s);
    bool peek = m->flags & LX_MSG_PEEK;
    struct unix_msg *msg = NULL;
    size_t skip = 0;
    ssize_t r = take_msg(e, m, &msg, &skip);
    if (r <= 0)
        return r;
    if (!peek)
        waitq_wake(&e->room->q, LX_POLL_WRITABLE);
    size_t len = msg->len - skip, n = MIN(len, m->io->left);
    unix_msg_show(e, msg, m);
    r = n ? iobuf_put(m->io, msg->data + skip, n) : 0;
    if (r >= 0 && (size_t) r < n)
        r = -EFAULT;
    if (r >= 0) {
        int e2 = unix_msg_show_rights(e, msg, m, peek);
        r = e2 < 0 ? e2 : (ssize_t) (m->flags & LX_MSG_TRUNC ? len : n);
        m->out_flags |= n < len ? LX_MSG_TRUNC : 0;
    }
    if (peek && r >= 0) {
        mutex_lock(&e->lock);
        if (e->peek_off >= 0)
            e->peek_off += (int32_t) n;
        mutex_unlock(&e->lock);
    }
    unix_msg_put(msg);
    return r;
}
