/* SPDX-License-Identifier: Apache-2.0 */
/* Ends of connections, their sockets, and how they close. */
#include <errno.h>
#include <stdlib.h>

#include "abi/linux/poll.h"
#include "base/htab.h"
#include "kernel/kernel.h"
#include "kernel/task/task.h"
#include "kernel/vfs/special.h"
#include "net/unix/internal.h"

#define ALL_EVENTS (LX_POLL_READABLE | LX_POLL_WRITABLE | LX_POLLRDHUP | LX_POLLHUP | LX_POLLERR)

/* ---- who is on the other side ---- */

void unix_peercred_set(struct unix_peercred *p, struct task *t)
{
    p->u = (struct lx_ucred){t->tg->tgid, t->cred->euid, t->cred->egid};
    p->tg = tgroup_get(t->tg);
    p->cred = cred_get(t->cred);
}

void unix_peercred_copy(struct unix_peercred *to, const struct unix_peercred *from)
{
    *to = *from;
    if (from->tg)
        (void) tgroup_get(from->tg);
    if (from->cred)
        (void) cred_get(from->cred);
}

void unix_peercred_done(struct unix_peercred *p)
{
    if (p->tg)
        tgroup_put(p->tg);
    if (p->cred)
        cred_put(p->cred);
    *p = (struct unix_peercred){.u = {0, UINT32_MAX, UINT32_MAX}};
}

struct tgroup *unix_peer_process(struct socket *s)
{
    if (s->family != LX_AF_UNIX)
        return NULL;
    struct unix_end *e = unix_end_of(s);
    MUTEX_GUARD(&e->lock);
    return e->peercred.tg ? tgroup_get(e->peercred.tg) : NULL;
}

/* ---- life ---- */

static bool relay_room(struct waiter *w, uint32_t events)
{
    return waitq_wake_nested(&container_of(w, struct unix_end, relay)->wq, events);
}

int unix_end_new(struct unix_net *net, int type, struct unix_end **ret)
{
    struct unix_end *e = calloc(1, sizeof(*e));
    if (!e)
        return -ENOMEM;
    e->room = shared_waitq_new();
    if (!e->room) {
        free(e);
        return -ENOMEM;
    }
    ref_init(&e->ref);
    e->net = net;
    e->type = type;
    mutex_init(&e->lock, RANK_PIPE);
    waitq_init(&e->wq);
    list_init(&e->queue);
    list_init(&e->pending);
    list_init(&e->pending_link);
    list_init(&e->gc_link);
    list_init(&e->gc_work);
    list_init(&e->relay.link);
    e->relay.mask = LX_POLL_WRITABLE;
    e->relay.notify = relay_room;
    e->peercred.u = (struct lx_ucred){0, UINT32_MAX, UINT32_MAX};
    e->backlog = KERNEL_UNIX_DGRAM_BACKLOG;
    e->peek_off = -1;
    atomic_init(&e->sndbuf, UNIX_SNDBUF_DEFAULT);
    atomic_init(&e->rcvbuf, UNIX_SNDBUF_DEFAULT);
    mutex_lock(&net->names_lock);
    list_add_tail(&e->all, &net->ends);
    mutex_unlock(&net->names_lock);
    *ret = e;
    return 0;
}

struct unix_end *unix_end_get(struct unix_end *e)
{
    ref_get(&e->ref);
    return e;
}

void unix_end_put(struct unix_end *e)
{
    if (!e || !ref_put(&e->ref))
        return;
    mutex_lock(&e->net->names_lock);
    list_del(&e->all);
    mutex_unlock(&e->net->names_lock);
    unix_peercred_done(&e->peercred);
    unix_name_put(e->name);
    shared_waitq_put(e->room);
    free(e);
}

bool unix_writable(const struct unix_end *e)
{
    return (atomic_load(&e->used) + 1) * 4 <=
           atomic_load(&e->sndbuf); /* Linux counts from 1 here */
}

/* ---- closing ---- */

void unix_end_purge(struct unix_end *e)
{
    struct list gone = LIST_INIT(gone), *l;
    mutex_lock(&e->lock);
    list_splice_tail(&e->queue, &gone);
    e->n_queued = 0;
    e->oob = NULL;
    mutex_unlock(&e->lock);
    while ((l = list_pop(&gone)) != NULL)
        unix_msg_put(container_of(l, struct unix_msg, link));
}

struct unix_end *unix_leave_peer(struct unix_end *e)
{
    struct unix_end *peer = e->peer;
    e->peer = NULL;
    if (e->relay_to) {
        waitq_del(&e->relay_to->q, &e->relay);
        shared_waitq_put(e->relay_to);
        e->relay_to = NULL;
    }
    return peer;
}

/* The other side of a connection learns that this one is gone. */
static void hang_up(struct unix_end *peer, bool data_lost)
{
    mutex_lock(&peer->lock);
    peer->shutdown = UNIX_SHUT_BOTH;
    if (data_lost)
        peer->error = ECONNRESET;
    mutex_unlock(&peer->lock);
    waitq_wake(&peer->wq, ALL_EVENTS);
}

/* [lock] What is empty at the head of the queue is no data: the mark of a stream, and a packet. */
static bool something_left(const struct unix_end *e)
{
    const struct list *l = e->queue.next;
    if (l != &e->queue && !unix_msg_left(container_of(l, const struct unix_msg, link)))
        l = l->next;
    return l != &e->queue;
}

static void refuse_pending(struct list *pending)
{
    struct list *l;
    while ((l = list_pop(pending)) != NULL) {
        struct unix_end *e = container_of(l, struct unix_end, pending_link);
        unix_end_close(e);
        unix_end_put(e);
    }
}

void unix_end_close(struct unix_end *e)
{
    struct list pending = LIST_INIT(pending);
    mutex_lock(&e->lock);
    e->dead = true;
    e->shutdown = UNIX_SHUT_BOTH;
    struct unix_end *peer = unix_leave_peer(e);
    bool data_lost = something_left(e) || !atomic_load(&e->accepted);
    list_splice_tail(&e->pending, &pending);
    e->n_pending = 0;
    e->state = UNIX_UNCONNECTED;
    struct unix_name *name = e->name;
    mutex_unlock(&e->lock);
    if (name)
        unix_name_unbind(name, e);
    if (peer && e->type != LX_SOCK_DGRAM)
        hang_up(peer, data_lost);
    waitq_wake(&e->room->q, LX_POLL_WRITABLE);
    refuse_pending(&pending);
    unix_end_purge(e);
    unix_end_put(peer);
}

/* ---- sockets ---- */

static void unix_release(struct file *f)
{
    struct unix_socket *us = container_of(socket_of(f), struct unix_socket, sock);
    struct unix_end *e = us->e;
    struct unix_net *net = e->net;
    mutex_lock(&net->names_lock);
    e->ino = 0;
    mutex_unlock(&net->names_lock);
    unix_end_close(e);
    unix_end_put(e);
    free(us);
    if (atomic_load(&net->n_flying))
        unix_gc(net);
}

#define UNIX_OPS                                                                             \
    .bind = unix_bind, .connect = unix_connect, .getname = unix_getname,                     \
    .shutdown = unix_shutdown, .setsockopt = unix_setsockopt, .getsockopt = unix_getsockopt, \
    .listen = unix_listen, .accept = unix_accept

static const struct socket_ops stream_ops = {
    UNIX_OPS,
    .send = unix_stream_send,
    .recv = unix_stream_recv,
};

static const struct socket_ops packet_ops = {
    UNIX_OPS,
    .check_send = unix_seqpacket_check,
    .send = unix_packet_send,
    .recv = unix_packet_recv,
};

static const struct file_ops stream_file_ops = {
    SOCKET_FILE_OPS,     .socket = &stream_ops,   .poll = unix_stream_poll,
    .ioctl = unix_ioctl, .release = unix_release,
};

static const struct file_ops packet_file_ops = {
    SOCKET_FILE_OPS,     .socket = &packet_ops,   .poll = unix_packet_poll,
    .ioctl = unix_ioctl, .release = unix_release,
};

struct unix_end *unix_end_of_file(struct file *f)
{
    return f->ops == &stream_file_ops || f->ops == &packet_file_ops ? unix_end_of(socket_of(f))
                                                                    : NULL;
}

int unix_socket_wrap(struct kernel *k, const struct cred *cred, struct unix_end *steal,
                     uint32_t flags, struct socket **ret)
{
    struct unix_socket *us = calloc(1, sizeof(*us));
    if (!us) {
        unix_end_close(steal);
        unix_end_put(steal);
        return -ENOMEM;
    }
    socket_init(&us->sock, k, unix_is_packets(steal) ? &packet_file_ops : &stream_file_ops, cred,
                LX_AF_UNIX, steal->type, 0, flags);
    us->sock.file.wq = &steal->wq;
    us->e = steal;
    atomic_store(&steal->accepted, true);
    mutex_lock(&steal->net->names_lock);
    steal->ino = us->sock.file.anon_ino;
    mutex_unlock(&steal->net->names_lock);
    *ret = &us->sock;
    return 0;
}

int unix_socket_new(struct task *t, int type, uint32_t flags, struct socket **ret)
{
    struct unix_end *e;
    int r = unix_end_new(t->k->specials->unix_net, type, &e);
    return r < 0 ? r : unix_socket_wrap(t->k, t->cred, e, flags, ret);
}

void unix_marry(struct unix_end *a, struct unix_end *b)
{
    a->peer = unix_end_get(b);
    b->peer = unix_end_get(a);
    a->state = b->state = UNIX_CONNECTED;
}

int unix_socket_pair(struct task *t, int type, uint32_t flags, struct socket **ret_a,
                     struct socket **ret_b)
{
    struct socket *a, *b;
    int r = unix_socket_new(t, type, flags, &a);
    if (r < 0)
        return r;
    r = unix_socket_new(t, type, flags, &b);
    if (r < 0) {
        file_put(&a->file);
        return r;
    }
    struct unix_end *ea = unix_end_of(a), *eb = unix_end_of(b); /* nobody else knows them yet */
    unix_marry(ea, eb);
    unix_peercred_set(&ea->peercred, t);
    unix_peercred_set(&eb->peercred, t);
    *ret_a = a;
    *ret_b = b;
    return 0;
}
