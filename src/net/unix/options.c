/* SPDX-License-Identifier: Apache-2.0 */
/* Options, ioctls and readiness of unix sockets: unix(7), socket(7). */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "abi/linux/fcntl.h"
#include "abi/linux/poll.h"
#include "kernel/task/task.h"
#include "kernel/vfs/fdtable.h"
#include "kernel/vfs/walk.h"
#include "net/interfaces.h"
#include "net/unix/internal.h"

#define BUF_MAX       (4u << 20)  /* net.core.rmem_max, wmem_max */
#define BUF_FORCE_MAX (16u << 20) /* a datagram is one piece of our memory */

/* ---- set ---- */

static int set_buffer(struct unix_end *e, struct task *t, bool send, bool force, int32_t want)
{
    uint32_t most = force ? BUF_FORCE_MAX : BUF_MAX;
    if (force && !cred_capable(t->cred, LX_CAP_NET_ADMIN))
        return -EPERM;
    uint32_t n = force && want < 0 ? 0 : MIN((uint32_t) want, most);
    n = MAX(2 * n, send ? UNIX_SNDBUF_MIN : UNIX_RCVBUF_MIN);
    atomic_store(send ? &e->sndbuf : &e->rcvbuf, n);
    if (send)
        waitq_wake(&e->wq, LX_POLL_WRITABLE);
    return 0;
}

int unix_setsockopt(struct socket *s, struct task *t, int level, int name, const void *v,
                    size_t len)
{
    struct unix_end *e = unix_end_of(s);
    int32_t n = 0;
    if (level != LX_SOL_SOCKET)
        return -EOPNOTSUPP;
    int r = sockopt_get_int(v, len, &n);
    if (r < 0)
        return r;
    switch (name) {
    case LX_SO_SNDBUF:
    case LX_SO_SNDBUFFORCE:
        return set_buffer(e, t, true, name == LX_SO_SNDBUFFORCE, n);
    case LX_SO_RCVBUF:
    case LX_SO_RCVBUFFORCE:
        return set_buffer(e, t, false, name == LX_SO_RCVBUFFORCE, n);
    case LX_SO_PASSCRED:
        atomic_store(&e->pass_creds, n != 0);
        return 0;
    case LX_SO_PEEK_OFF:
        mutex_lock(&e->lock);
        e->peek_off = n;
        mutex_unlock(&e->lock);
        return 0;
    case LX_SO_REUSEPORT: /* for Internet sockets only */
        return n ? -EOPNOTSUPP : 1;
    default:
        return 1;
    }
}

/* ---- get ---- */

static int get_peercred(struct unix_end *e, void *v, size_t *len)
{
    mutex_lock(&e->lock);
    struct lx_ucred u = e->peercred.u;
    mutex_unlock(&e->lock);
    *len = MIN(*len, sizeof(u));
    memcpy(v, &u, *len);
    return 0;
}

static int get_peergroups(struct unix_end *e, void *v, size_t *len)
{
    mutex_lock(&e->lock);
    const struct cred *c = e->peercred.cred ? cred_get(e->peercred.cred) : NULL;
    mutex_unlock(&e->lock);
    if (!c)
        return -ENODATA;
    size_t n = c->n_groups * sizeof(c->groups[0]);
    int r = *len < n ? -ERANGE : 0;
    if (r == 0)
        memcpy(v, c->groups, n);
    *len = n;
    cred_put(c);
    return r;
}

static int get_peername(struct socket *s, void *v, size_t *len)
{
    struct sockname n;
    int r = unix_getname(s, true, &n);
    if (r < 0)
        return r;
    if (n.len < *len)
        *len = n.len;
    memcpy(v, n.bytes, *len);
    return 0;
}

static int get_error(struct unix_end *e, void *v, size_t *len)
{
    mutex_lock(&e->lock);
    int error = e->error;
    e->error = 0;
    mutex_unlock(&e->lock);
    return sockopt_put_int(error, v, len);
}

static int get_state(struct unix_end *e, int name, void *v, size_t *len)
{
    mutex_lock(&e->lock);
    int32_t n = name == LX_SO_ACCEPTCONN ? e->state == UNIX_LISTENING : e->peek_off;
    mutex_unlock(&e->lock);
    return sockopt_put_int(n, v, len);
}

int unix_getsockopt(struct socket *s, struct task *t unused_, int level, int name, void *v,
                    size_t *len)
{
    struct unix_end *e = unix_end_of(s);
    if (level != LX_SOL_SOCKET)
        return -EOPNOTSUPP;
    switch (name) {
    case LX_SO_SNDBUF:
        return sockopt_put_int((int32_t) atomic_load(&e->sndbuf), v, len);
    case LX_SO_RCVBUF:
        return sockopt_put_int((int32_t) atomic_load(&e->rcvbuf), v, len);
    case LX_SO_PASSCRED:
        return sockopt_put_int(atomic_load(&e->pass_creds), v, len);
    case LX_SO_ACCEPTCONN:
    case LX_SO_PEEK_OFF:
        return get_state(e, name, v, len);
    case LX_SO_ERROR:
        return get_error(e, v, len);
    case LX_SO_PEERCRED:
        return get_peercred(e, v, len);
    case LX_SO_PEERGROUPS:
        return get_peergroups(e, v, len);
    case LX_SO_PEERNAME:
        return get_peername(s, v, len);
    default:
        return 1;
    }
}

/* ---- ioctl ---- */

static int bytes_in(struct unix_end *e, int32_t *ret)
{
    struct unix_msg *msg;
    size_t n = 0;
    MUTEX_GUARD(&e->lock);
    if (e->state == UNIX_LISTENING)
        return -EINVAL;
    list_for_each_entry (msg, &e->queue, link) {
        n += msg->len - msg->off;
        if (e->type == LX_SOCK_DGRAM)
            break;
    }
    *ret = (int32_t) MIN(n, (size_t) INT32_MAX);
    return 0;
}

/* SIOCUNIXFILE: a descriptor of the place that the socket is bound to. */
static long open_name(struct task *t, struct unix_end *e)
{
    struct path p = {.dentry = NULL};
    struct walkctx w;
    struct file *f;
    if (!cred_capable(t->cred, LX_CAP_NET_ADMIN))
        return -EPERM;
    mutex_lock(&e->lock);
    if (e->name && e->name->path.dentry) {
        p = e->name->path;
        path_get(&p);
    }
    mutex_unlock(&e->lock);
    if (!p.dentry)
        return -ENOENT;
    walkctx_init(&w, t);
    int r = path_open_at(&w, &p, LX_O_PATH, &f);
    walkctx_done(&w);
    path_put(&p);
    return r < 0 ? r : task_fd_install(t, f, true);
}

long unix_ioctl(struct file *f, struct task *t, uint32_t cmd, uint64_t arg)
{
    struct unix_end *e = unix_end_of(socket_of(f));
    int32_t n = 0;
    int r = 0;
    if (cmd == LX_SIOCINQ)
        r = bytes_in(e, &n);
    else if (cmd == LX_SIOCOUTQ)
        n = (int32_t) MIN(atomic_load(&e->used), (size_t) INT32_MAX);
    else if (cmd == LX_SIOCATMARK)
        r = e->type == LX_SOCK_STREAM ? (n = unix_at_mark(e), 0) : -EOPNOTSUPP;
    else if (cmd == LX_SIOCUNIXFILE)
        return open_name(t, e);
    else
        return interface_ioctl(t, cmd, arg);
    return r < 0 ? r : copy_out(t, uaddr(arg), &n, sizeof(n));
}

/* ---- poll ---- */

#define WRITABLE (LX_POLL_WRITABLE | LX_POLLWRBAND)

/* [lock] What all kinds have in common. */
static uint32_t common_events(const struct unix_end *e)
{
    uint32_t ev = 0;
    if (e->error)
        ev |= LX_POLLERR;
    if (e->shutdown == UNIX_SHUT_BOTH)
        ev |= LX_POLLHUP;
    if (e->shutdown & UNIX_SHUT_RCV)
        ev |= LX_POLLRDHUP | LX_POLL_READABLE;
    if (!list_empty(&e->queue) || !list_empty(&e->pending))
        ev |= LX_POLL_READABLE;
    if (e->type != LX_SOCK_DGRAM && e->state == UNIX_UNCONNECTED)
        ev |= LX_POLLHUP;
    if (e->oob)
        ev |= LX_POLLPRI;
    return ev;
}

uint32_t unix_stream_poll(struct file *f)
{
    struct unix_end *e = unix_end_of(socket_of(f));
    MUTEX_GUARD(&e->lock);
    uint32_t ev = common_events(e);
    if (e->state != UNIX_LISTENING && unix_writable(e))
        ev |= WRITABLE;
    return ev;
}

/* Has the peer no room for us? Then its room is watched from now on. */
static bool peer_is_full(struct unix_end *e)
{
    if (e->type != LX_SOCK_DGRAM)
        return false;
    mutex_lock(&e->lock);
    struct unix_end *peer = e->peer ? unix_end_get(e->peer) : NULL;
    mutex_unlock(&e->lock);
    if (!peer)
        return false;
    mutex_lock_two(&e->lock, &peer->lock);
    bool full =
        e->peer == peer && peer != e && !peer->dead && peer->peer != e && unix_queue_full(peer);
    if (full && !e->relay_to) {
        ref_get(&peer->room->ref);
        e->relay_to = peer->room;
        waitq_add(&peer->room->q, &e->relay);
    }
    mutex_unlock_two(&e->lock, &peer->lock);
    unix_end_put(peer);
    return full;
}

uint32_t unix_packet_poll(struct file *f)
{
    struct unix_end *e = unix_end_of(socket_of(f));
    mutex_lock(&e->lock);
    uint32_t ev = common_events(e);
    bool writable = e->state != UNIX_LISTENING && unix_writable(e);
    mutex_unlock(&e->lock);
    return writable && !peer_is_full(e) ? ev | WRITABLE : ev;
}
