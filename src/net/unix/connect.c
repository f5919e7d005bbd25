/* SPDX-License-Identifier: Apache-2.0 */
/* listen(2), connect(2), accept(2), shutdown(2) of unix sockets. */
#include <errno.h>
#include <stdlib.h>

#include "abi/linux/fcntl.h"
#include "abi/linux/poll.h"
#include "kernel/task/task.h"
#include "net/unix/internal.h"

int unix_listen(struct socket *s, struct task *t, int backlog)
{
    struct unix_end *e = unix_end_of(s);
    struct unix_peercred old = {.tg = NULL};
    if (e->type == LX_SOCK_DGRAM)
        return -EOPNOTSUPP;
    mutex_lock(&e->lock);
    int r = e->name && (e->state == UNIX_UNCONNECTED || e->state == UNIX_LISTENING) ? 0 : -EINVAL;
    if (r == 0) {
        e->state = UNIX_LISTENING;
        e->backlog = MIN((uint32_t) backlog, LX_SOMAXCONN);
        old = e->peercred;
        unix_peercred_set(&e->peercred, t); /* what those who connect will see */
    }
    mutex_unlock(&e->lock);
    unix_peercred_done(&old);
    if (r == 0)
        waitq_wake(&e->room->q, LX_POLL_WRITABLE);
    return r;
}

/* ---- connect: datagrams ---- */

void unix_left(struct unix_end *e, struct unix_end *peer)
{
    if (!peer)
        return;
    mutex_lock(&e->lock);
    bool data = !list_empty(&e->queue);
    mutex_unlock(&e->lock);
    if (data) {
        unix_end_purge(e);
        waitq_wake(&e->room->q, LX_POLL_WRITABLE);
        mutex_lock(&peer->lock);
        bool mutual = !peer->dead && peer->peer == e;
        if (mutual)
            peer->error = ECONNRESET;
        mutex_unlock(&peer->lock);
        if (mutual)
            waitq_wake(&peer->wq, LX_POLLERR | LX_POLL_READABLE | LX_POLL_WRITABLE);
    }
    unix_end_put(peer);
}

static int connect_dgram(struct unix_end *e, struct task *t, const struct sockname *n)
{
    struct unix_end *other = NULL, *old;
    if (n->len >= sizeof(uint16_t) && sockname_family(n) == LX_AF_UNSPEC) {
        mutex_lock(&e->lock);
        old = unix_leave_peer(e);
        e->state = UNIX_UNCONNECTED;
        mutex_unlock(&e->lock);
        unix_left(e, old);
        return 0;
    }
    bool abstract;
    int r = unix_name_check(n, &abstract);
    if (r == 0)
        r = unix_autobind_for_creds(e);
    if (r == 0)
        r = unix_find(e, t, n, &other);
    if (r < 0)
        return r;
    mutex_lock_two(&e->lock, &other->lock);
    old = NULL;
    if (other->dead)
        r = -ECONNREFUSED;
    else if (other->peer && other->peer != e)
        r = -EPERM;
    else {
        old = unix_leave_peer(e);
        e->peer = unix_end_get(other);
        e->state = UNIX_CONNECTED;
    }
    mutex_unlock_two(&e->lock, &other->lock);
    if (old == other) { /* the same one again: nothing is lost */
        unix_end_put(old);
        old = NULL;
    }
    unix_left(e, old);
    unix_end_put(other);
    return r;
}

/* ---- connect: streams ---- */

/* [both locks] */
static int may_connect(const struct unix_end *e, const struct unix_end *other)
{
    if (other->dead || other->state != UNIX_LISTENING || (other->shutdown & UNIX_SHUT_RCV))
        return -ECONNREFUSED;
    if (other->n_pending > other->backlog)
        return -EAGAIN;
    if (e->state == UNIX_CONNECTED)
        return -EISCONN;
    return e->state != UNIX_UNCONNECTED || e->dead ? -EINVAL : 0;
}

/* [both locks] The fresh end stands in the listener's queue, which takes its first reference. */
static void join(struct unix_end *e, struct unix_end *other, struct unix_end *fresh)
{
    unix_marry(e, fresh);
    fresh->name = unix_name_get(other->name);
    unix_peercred_copy(&e->peercred, &other->peercred);
    list_add_tail(&fresh->pending_link, &other->pending);
    other->n_pending++;
}

static int connect_stream(struct unix_end *e, struct task *t, const struct sockname *n,
                          struct shared_waitq **wait)
{
    struct unix_end *other, *fresh;
    struct unix_peercred old = {.tg = NULL};
    bool abstract;
    int r = unix_name_check(n, &abstract);
    if (r == 0)
        r = unix_autobind_for_creds(e);
    if (r == 0)
        r = unix_find(e, t, n, &other);
    if (r < 0)
        return r;
    r = unix_end_new(e->net, e->type, &fresh);
    if (r < 0) {
        unix_end_put(other);
        return r;
    }
    unix_peercred_set(&fresh->peercred, t);
    mutex_lock_two(&e->lock, &other->lock);
    r = may_connect(e, other);
    if (r == 0) {
        old = e->peercred;
        join(e, other, fresh);
    }
    if (r == -EAGAIN) {
        ref_get(&other->room->ref);
        *wait = other->room;
    }
    mutex_unlock_two(&e->lock, &other->lock);
    unix_peercred_done(&old);
    if (r == 0)
        waitq_wake(&other->wq, LX_POLL_READABLE);
    else
        unix_end_put(fresh);
    unix_end_put(other);
    return r;
}

int unix_connect(struct socket *s, struct task *t, const struct sockname *n,
                 struct shared_waitq **wait)
{
    struct unix_end *e = unix_end_of(s);
    return e->type == LX_SOCK_DGRAM ? connect_dgram(e, t, n) : connect_stream(e, t, n, wait);
}

/* ---- accept ---- */

int unix_accept(struct socket *s, struct task *t, struct socket **ret)
{
    struct unix_end *e = unix_end_of(s);
    if (e->type == LX_SOCK_DGRAM)
        return -EOPNOTSUPP;
    bool nonblock = atomic_load(&s->file.flags) & LX_O_NONBLOCK;
    mutex_lock(&e->lock);
    struct list *l = e->state == UNIX_LISTENING ? list_pop(&e->pending) : NULL;
    int r = e->state != UNIX_LISTENING                   ? -EINVAL
            : l                                          ? 0
            : (e->shutdown & UNIX_SHUT_RCV) && !nonblock ? -EINVAL
                                                         : -EAGAIN;
    bool was_full = e->n_pending > e->backlog;
    if (l)
        e->n_pending--;
    mutex_unlock(&e->lock);
    if (r < 0)
        return r;
    if (was_full)
        waitq_wake(&e->room->q, LX_POLL_WRITABLE);
    struct unix_end *fresh = container_of(l, struct unix_end, pending_link);
    atomic_store(&fresh->pass_creds, atomic_load(&e->pass_creds));
    return unix_socket_wrap(s->k, t->cred, fresh, 0, ret);
}

/* ---- shutdown ---- */

int unix_shutdown(struct socket *s, int how)
{
    static const uint8_t halves[] = {UNIX_SHUT_RCV, UNIX_SHUT_SND, UNIX_SHUT_BOTH};
    struct unix_end *e = unix_end_of(s), *peer = NULL;
    uint32_t half = halves[how];
    mutex_lock(&e->lock);
    e->shutdown |= half;
    if (e->peer && e->type != LX_SOCK_DGRAM)
        peer = unix_end_get(e->peer);
    mutex_unlock(&e->lock);
    waitq_wake(&e->wq, LX_POLL_READABLE | LX_POLL_WRITABLE | LX_POLLRDHUP | LX_POLLHUP);
    waitq_wake(&e->room->q, LX_POLL_WRITABLE); /* who wants to send to us or connect */
    if (!peer)
        return 0;
    mutex_lock(&peer->lock);
    peer->shutdown |=
        (half & UNIX_SHUT_RCV ? UNIX_SHUT_SND : 0u) | (half & UNIX_SHUT_SND ? UNIX_SHUT_RCV : 0u);
    mutex_unlock(&peer->lock);
    waitq_wake(&peer->wq, LX_POLL_READABLE | LX_POLL_WRITABLE | LX_POLLRDHUP | LX_POLLHUP);
    unix_end_put(peer);
    return 0;
}
