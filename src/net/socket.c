/* SPDX-License-Identifier: Apache-2.0 */
/* The open file of a socket, and the one loop in which calls on sockets sleep. */
#include "net/socket.h"

#include <errno.h>
#include <stdlib.h>

#include "abi/linux/fcntl.h"
#include "abi/linux/poll.h"
#include "abi/linux/signal.h"
#include "abi/linux/stat.h"
#include "kernel/restart.h"
#include "kernel/signal/signal.h"
#include "kernel/task/task.h"
#include "kernel/time/timeval.h"
#include "kernel/vfs/async.h"
#include "kernel/vfs/direct.h"
#include "kernel/vfs/node.h"
#include "kernel/wait/block.h"

#define SOCKFS_DEV 0x08 /* 0:8; any number no other file system has */

struct shared_waitq *shared_waitq_new(void)
{
    struct shared_waitq *q = calloc(1, sizeof(*q));
    if (!q)
        return NULL;
    ref_init(&q->ref);
    waitq_init(&q->q);
    return q;
}

void shared_waitq_put(struct shared_waitq *q)
{
    if (q && ref_put(&q->ref))
        free(q);
}

/* ---- the file ---- */

void socket_init(struct socket *s, struct kernel *k, const struct file_ops *ops,
                 const struct cred *cred, int family, int type, int protocol, uint32_t flags)
{
    file_init(&s->file, ops, LX_O_RDWR | (flags & LX_O_NONBLOCK));
    s->file.anon_ino = atomic_fetch_add_explicit(&k->last_socket, 1, memory_order_relaxed) + 1;
    s->k = k;
    s->family = family;
    s->type = type;
    s->protocol = protocol;
    (void) clock_gettime(CLOCK_REALTIME_COARSE, &s->birth);
    atomic_init(&s->timeout[SOCK_RCV], -1);
    atomic_init(&s->timeout[SOCK_SND], -1);
    atomic_init(&s->mode, 0777);
    atomic_init(&s->uid, cred ? cred->fsuid : 0);
    atomic_init(&s->gid, cred ? cred->fsgid : 0);
    atomic_init(&s->rcvlowat, 1);
}

struct socket *socket_of(struct file *f)
{
    return f->ops->socket ? container_of(f, struct socket, file) : NULL;
}

const struct socket_ops *socket_ops_of(const struct socket *s)
{
    return s->file.ops->socket;
}

int socket_getattr(struct file *f, struct attr *ret)
{
    struct socket *s = socket_of(f);
    *ret = (struct attr){.dev = SOCKFS_DEV,
                         .ino = f->anon_ino,
                         .mode = LX_S_IFSOCK | atomic_load(&s->mode),
                         .nlink = 1,
                         .uid = atomic_load(&s->uid),
                         .gid = atomic_load(&s->gid),
                         .blksize = 4096,
                         .atime = s->birth,
                         .mtime = s->birth,
                         .ctime = s->birth,
                         .btime = {0, -1}};
    return 0;
}

/* Times are taken and forgotten: nothing reads them but fstat(2). */
int socket_setattr(struct file *f, const struct attr *a, uint32_t mask)
{
    struct socket *s = socket_of(f);
    if (mask & ATTR_SIZE)
        return -EINVAL;
    if (mask & ATTR_MODE)
        atomic_store(&s->mode, a->mode & 07777);
    if (mask & ATTR_UID)
        atomic_store(&s->uid, a->uid);
    if (mask & ATTR_GID)
        atomic_store(&s->gid, a->gid);
    return 0;
}

void socket_take_back(struct socket *s)
{
    if (atomic_exchange(&s->given, false))
        direct_revoke_all(s->k);
}

void socket_flags_changed(struct file *f, uint32_t old_flags)
{
    if ((atomic_load(&f->flags) ^ old_flags) & LX_O_NONBLOCK)
        socket_take_back(socket_of(f));
}

/* ---- sleeping ---- */

/* A call under way. */
struct sock_call {
    struct socket *s;
    struct task *t;
    struct sock_msg *m;
    const struct sockname *name;
    struct socket *accepted;
    struct shared_waitq *wait; /* where the last attempt wants to be woken from, too */
    ssize_t (*attempt)(struct sock_call *c);
    int dir; /* whose timeout counts */
    uint32_t events;
};

/* The end of the caller's patience; false: none. */
static bool find_deadline(const struct sock_call *c, struct timespec *ret)
{
    int64_t ns = atomic_load(&c->s->timeout[c->dir]);
    if (ns < 0)
        return false;
    (void) clock_gettime(CLOCK_MONOTONIC, ret);
    uint64_t sum = (uint64_t) ret->tv_sec * NS_PER_SEC + (uint64_t) ret->tv_nsec + (uint64_t) ns;
    *ret = host_timespec_from_ns(MIN(sum, (uint64_t) NS_MAX));
    return true;
}

/* What a sleep that did not end with an event means to the caller: signal(7). */
static ssize_t not_woken(int r, bool timed)
{
    if (r == -ETIMEDOUT)
        return -EAGAIN;
    return r == -ERESTARTSYS && timed ? -EINTR : r;
}

static ssize_t sleep_and_retry(struct sock_call *c)
{
    struct task_waiter own, other = {0};
    struct shared_waitq *at = NULL;
    struct timespec until;
    bool timed = find_deadline(c, &until);
    ssize_t r = 0;
    task_wait_on(&own, c->t, c->s->file.wq, c->events);
    for (;;) {
        if (c->wait != at) { /* another socket is in our way now: queue there, then look again */
            task_wait_end(&other);
            shared_waitq_put(at);
            at = c->wait;
            c->wait = NULL;
            if (at)
                task_wait_on(&other, c->t, &at->q, c->events);
        } else {
            shared_waitq_put(c->wait);
            c->wait = NULL;
            if (r < 0) {
                r = task_block(c->t, timed ? &until : NULL);
                if (r < 0) {
                    r = not_woken((int) r, timed);
                    break;
                }
            }
        }
        if (c->s->file.ops->poll_arm) {
            r = c->s->file.ops->poll_arm(&c->s->file, c->events);
            if (r < 0)
                break;
        }
        r = c->attempt(c);
        if (r != -EAGAIN)
            break;
    }
    task_wait_end(&own);
    task_wait_end(&other);
    shared_waitq_put(at);
    return r;
}

static ssize_t run_call(struct sock_call *c, bool nonblock)
{
    ssize_t r = c->attempt(c);
    if (r == -EAGAIN && c->t && !nonblock && atomic_load(&c->s->timeout[c->dir]) != 0)
        r = sleep_and_retry(c);
    shared_waitq_put(c->wait);
    c->wait = NULL;
    if (unlikely(atomic_load_explicit(&c->s->file.async, memory_order_acquire)))
        async_again(&c->s->file);
    return r;
}

static bool is_nonblock(const struct socket *s)
{
    return atomic_load(&s->file.flags) & LX_O_NONBLOCK;
}

/* ---- connect, accept ---- */

static ssize_t try_connect(struct sock_call *c)
{
    return socket_ops_of(c->s)->connect(c->s, c->t, c->name, &c->wait);
}

/* One that has begun: how it has ended. */
static ssize_t try_connected(struct sock_call *c)
{
    ssize_t r = try_connect(c);
    return r == -EALREADY || r == -EINPROGRESS ? -EAGAIN : r;
}

int socket_connect(struct task *t, struct socket *s, const struct sockname *name)
{
    struct sock_call c = {.s = s,
                          .t = t,
                          .name = name,
                          .attempt = try_connect,
                          .dir = SOCK_SND,
                          .events = LX_POLL_WRITABLE};
    if (!socket_ops_of(s)->connect)
        return -EOPNOTSUPP;
    socket_take_back(s);
    ssize_t r = run_call(&c, is_nonblock(s));
    if ((r != -EINPROGRESS && r != -EALREADY) || is_nonblock(s))
        return (int) r;
    c.attempt = try_connected;
    ssize_t end = run_call(&c, false);
    return (int) (end == -EAGAIN ? r : end);
}

static ssize_t try_accept(struct sock_call *c)
{
    return socket_ops_of(c->s)->accept(c->s, c->t, &c->accepted);
}

int socket_accept(struct task *t, struct socket *s, struct socket **ret)
{
    struct sock_call c = {
        .s = s, .t = t, .attempt = try_accept, .dir = SOCK_RCV, .events = LX_POLL_READABLE};
    if (!socket_ops_of(s)->accept)
        return -EOPNOTSUPP;
    ssize_t r = run_call(&c, is_nonblock(s));
    if (r == 0)
        *ret = c.accepted;
    return (int) r;
}

/* ---- send, receive ---- */

static bool is_stream(const struct socket *s)
{
    return s->type == LX_SOCK_STREAM;
}

/* All of it for streams: pipe(7)'s rule holds for them, too. */
static ssize_t try_send(struct sock_call *c)
{
    struct sock_msg *m = c->m;
    for (;;) {
        ssize_t r = socket_ops_of(c->s)->send(c->s, c->t, m, &c->wait);
        if (r < 0)
            return r;
        m->done += (size_t) r;
        if (r == 0 || !m->io->left || !is_stream(c->s))
            return 0;
    }
}

ssize_t socket_send(struct task *t, struct socket *s, struct sock_msg *m)
{
    struct sock_call c = {
        .s = s, .t = t, .m = m, .attempt = try_send, .dir = SOCK_SND, .events = LX_POLL_WRITABLE};
    if (!socket_ops_of(s)->send)
        return -EOPNOTSUPP;
    m->nonblock = !t || (m->flags & LX_MSG_DONTWAIT) || is_nonblock(s);
    ssize_t r = run_call(&c, m->nonblock);
    if (r < 0 && !m->done) {
        if (r == -EPIPE && t && is_stream(s) && !(m->flags & LX_MSG_NOSIGNAL))
            signal_send_self(t, LX_SIGPIPE);
        return r;
    }
    return (ssize_t) m->done;
}

static ssize_t try_recv(struct sock_call *c)
{
    struct sock_msg *m = c->m;
    ssize_t r = socket_ops_of(c->s)->recv(c->s, c->t, m);
    if (r < 0)
        return r;
    m->done += (size_t) r;
    return r == 0 || !is_stream(c->s) || m->stop || m->done >= m->target ? 0 : -EAGAIN;
}

ssize_t socket_recv(struct task *t, struct socket *s, struct sock_msg *m)
{
    struct sock_call c = {
        .s = s, .t = t, .m = m, .attempt = try_recv, .dir = SOCK_RCV, .events = LX_POLL_READABLE};
    if (!socket_ops_of(s)->recv)
        return -EOPNOTSUPP;
    m->nonblock = !t || (m->flags & LX_MSG_DONTWAIT) || is_nonblock(s) ||
                  (s->family != LX_AF_UNIX && (m->flags & LX_MSG_ERRQUEUE));
    m->target = m->flags & LX_MSG_WAITALL ? m->io->left
                                          : MIN((size_t) atomic_load(&s->rcvlowat), m->io->left);
    ssize_t r = run_call(&c, m->nonblock);
    return r < 0 && !m->done ? r : (ssize_t) m->done;
}

/* ---- read(2) and write(2) ---- */

ssize_t socket_transfer(struct task *t, struct file *f, struct iobuf *io, bool write)
{
    struct socket *s = socket_of(f);
    struct sock_msg m = {.io = io};
    if (write)
        return socket_send(t, s, &m);
    return io->left ? socket_recv(t, s, &m) : 0;
}

ssize_t socket_read(struct file *f, struct iobuf *io, int64_t pos unused_)
{
    return socket_transfer(NULL, f, io, false);
}

ssize_t socket_write(struct file *f, struct iobuf *io, int64_t pos unused_)
{
    return socket_transfer(NULL, f, io, true);
}
