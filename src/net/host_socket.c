/* SPDX-License-Identifier: Apache-2.0 */
/* Host sockets behind guests': see host_socket.h. */
#include "net/host_socket.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#include "abi/linux/fcntl.h"
#include "base/cleanup.h"
#include "kernel/kernel.h"
#include "kernel/task/task.h"
#include "net/inet/egress.h"

#define PIECE   65536u /* of a stream, at a time */
#define MSG_MAX 65536u /* the longest datagram there is, and more */

#define MAX_DROPPED 64 /* datagrams, by one receive */

#define SEND_FLAGS  (LX_MSG_OOB | LX_MSG_DONTROUTE | LX_MSG_EOR | LX_MSG_CONFIRM | LX_MSG_MORE)
#define RECV_FLAGS  (LX_MSG_OOB | LX_MSG_PEEK | LX_MSG_TRUNC | LX_MSG_ERRQUEUE)
#define SHOWN_FLAGS (LX_MSG_OOB | LX_MSG_TRUNC | LX_MSG_CTRUNC | LX_MSG_EOR | LX_MSG_ERRQUEUE)

static bool is_stream(const struct socket *s)
{
    return s->type == LX_SOCK_STREAM;
}

int host_socket_wrap(struct kernel *k, const struct cred *cred, int fd,
                     const struct host_socket_kind *kind, uint32_t flags, struct socket **ret)
{
    _cleanup_close_ int own = fd;
    struct stat st;
    if (fstat(own, &st) < 0)
        return -errno;
    struct host_socket *hs = calloc(1, sizeof(*hs));
    if (!hs)
        return -ENOMEM;
    socket_init(&hs->sock, k, kind->ops, cred, kind->family, kind->type, kind->protocol, flags);
    waitq_init(&hs->wq);
    hs->sock.file.wq = &hs->wq;
    hs->sock.file.anon_ino = st.st_ino;
    hs->fd = take_fd(&own);
    hs->source = (struct poll_source){.p = k->poller, .fd = hs->fd, .wq = &hs->wq};
    *ret = &hs->sock;
    return 0;
}

int host_socket_getname(struct socket *s, bool peer, struct sockname *ret)
{
    struct sockaddr_storage a;
    socklen_t n = sizeof(a);
    int fd = host_socket_of(s)->fd;
    int r = peer ? getpeername(fd, (struct sockaddr *) &a, &n)
                 : getsockname(fd, (struct sockaddr *) &a, &n);
    if (r < 0)
        return -errno;
    ret->len = (uint32_t) MIN((size_t) n, sizeof(ret->bytes));
    for (uint32_t i = 0; i < ret->len; i++)
        ret->bytes[i] = ((const uint8_t *) &a)[i];
    return 0;
}

/* ---- the file ---- */

/* An address behind which nobody but the sandbox can be. */
static bool is_inside(const struct kernel *k, const struct sockname *n)
{
    static const uint8_t six[16] = {[15] = 1}, mapped[13] = {[10] = 0xff, 0xff, 127};
    if (!k->own_network)
        return false;
    if (sockname_family(n) == LX_AF_INET)
        return n->bytes[4] == 127;
    const uint8_t *a = n->bytes + 8;
    return sockname_family(n) == LX_AF_INET6 &&
           (memcmp(a, six, sizeof(six)) == 0 || memcmp(a, mapped, sizeof(mapped)) == 0);
}

int host_socket_poll_fd(struct file *f)
{
    struct host_socket *hs = host_socket_of(socket_of(f));
    if (hs->side) /* another socket may come to stand behind it */
        return -1;
    int key = atomic_load(&hs->key);
    if (key == 0) {
        int new = fcntl(hs->fd, F_DUPFD_CLOEXEC, PLATFORM_KEYS);
        if (new >= PLATFORM_KEYS_END || new < 0)
            new = close_fd(new);
        if (atomic_compare_exchange_strong(&hs->key, &key, new))
            key = new;
        else
            close_fd(new); /* who came first has it */
    }
    return key > 0 ? key : hs->fd;
}

int host_socket_direct(struct file *f, enum direct_kind *ret_kind)
{
    struct socket *s = socket_of(f);
    struct sockname peer;
    if (s->type != LX_SOCK_STREAM || host_socket_of(s)->side ||
        host_socket_getname(s, true, &peer) < 0)
        return -1;
    atomic_store(&s->given, true); /* then look at what is revoked by it */
    *ret_kind =
        atomic_load(&f->flags) & LX_O_NONBLOCK ? DIRECT_KIND_STREAM : DIRECT_KIND_STREAM_WAITS;
    if (atomic_load(&s->timeout[SOCK_RCV]) >= 0 || atomic_load(&s->timeout[SOCK_SND]) >= 0 ||
        atomic_load(&s->rcvlowat) != 1)
        return -1;
    if (!is_inside(s->k, &peer))
        kernel_hears(s->k);
    return host_socket_poll_fd(f);
}

uint32_t host_socket_poll(struct file *f)
{
    struct pollfd p = {.fd = host_socket_of(socket_of(f))->fd,
                       .events = POLLIN | POLLOUT | POLLPRI | POLLRDHUP | POLLRDNORM | POLLRDBAND |
                                 POLLWRNORM | POLLWRBAND};
    return poll(&p, 1, 0) > 0 ? (uint32_t) (uint16_t) p.revents : 0;
}

int host_socket_arm(struct file *f, uint32_t mask)
{
    return poller_arm(&host_socket_of(socket_of(f))->source, mask);
}

/* A close that waits for the peer would hold up whoever dropped the last reference, and Linux does
 * not wait either when that is the end of a process: what is left goes out by itself. */
static void do_not_linger(const struct host_socket *hs)
{
    const struct linger off = {0};
    if (atomic_load(&hs->sock.linger_on))
        (void) setsockopt(hs->fd, SOL_SOCKET, SO_LINGER, &off, sizeof(off));
}

void host_socket_release(struct file *f)
{
    struct host_socket *hs = host_socket_of(socket_of(f));
    poller_forget(&hs->source);
    do_not_linger(hs);
    if (atomic_load(&hs->key) > 0)
        close_fd(atomic_load(&hs->key));
    close_fd(hs->fd);
    egress_side_free(hs->side);
    free(hs);
}

/* ---- bytes ---- */

ssize_t host_socket_send(struct socket *s, const struct sock_msg *m, const void *data, size_t len,
                         size_t control)
{
    struct iovec iov = {(void *) (uintptr_t) data, len};
    struct msghdr h = {.msg_iov = &iov, .msg_iovlen = 1};
    if (m->name) {
        h.msg_name = m->name->bytes;
        h.msg_namelen = m->name->len;
    }
    if (control) {
        h.msg_control = m->control;
        h.msg_controllen = control;
    }
    ssize_t n = sendmsg(host_socket_of(s)->fd, &h,
                        (int) (m->flags & SEND_FLAGS) | MSG_DONTWAIT | MSG_NOSIGNAL);
    return n < 0 ? -errno : n;
}

ssize_t host_socket_send_file(struct file *f, int from, int64_t pos, size_t n)
{
    off_t at = pos;
    if (host_socket_of(socket_of(f))->side && !is_stream(socket_of(f))) /* each is looked at */
        return -EINVAL;
    ssize_t r = sendfile(host_socket_of(socket_of(f))->fd, from, &at, n);
    return r < 0 ? -errno : r;
}

static void show(struct sock_msg *m, const struct msghdr *h)
{
    m->out_flags |= (uint32_t) h->msg_flags & SHOWN_FLAGS;
    m->control_len = h->msg_controllen;
    if (m->name)
        m->name->len = (uint32_t) MIN((size_t) h->msg_namelen, sizeof(m->name->bytes));
}

/* Where the egress policy listens: it must know who has sent it, and what comes from where nobody
 * is allowed to be is dropped. */
static ssize_t receive_watched(struct host_socket *hs, struct msghdr *h, size_t room, int flags)
{
    for (unsigned i = 0; i < MAX_DROPPED; i++) {
        uint64_t to = egress_receiver(hs);
        struct sockname from;
        struct msghdr g = *h;
        g.msg_name = from.bytes;
        g.msg_namelen = sizeof(from.bytes);
        ssize_t n = recvmsg(hs->fd, &g, flags);
        if (n < 0)
            return -errno;
        from.len = (uint32_t) MIN((size_t) g.msg_namelen, sizeof(from.bytes));
        if ((flags & MSG_ERRQUEUE) || egress_received(hs, to, &from, h->msg_iov->iov_base,
                                                      MIN((size_t) n, room), flags & MSG_PEEK)) {
            if (h->msg_name)
                memcpy(h->msg_name, from.bytes, from.len);
            g.msg_name = h->msg_name;
            *h = g;
            return n;
        }
        if (flags & MSG_PEEK)
            (void) !recv(hs->fd, NULL, 0, MSG_DONTWAIT);
    }
    return -EAGAIN;
}

static ssize_t receive(struct socket *s, struct msghdr *h, size_t room, int flags)
{
    struct host_socket *hs = host_socket_of(s);
    if (hs->side && !is_stream(s))
        return receive_watched(hs, h, room, flags);
    ssize_t n = recvmsg(hs->fd, h, flags);
    return n < 0 ? -errno : n;
}

ssize_t host_socket_recv(struct socket *s, struct task *t unused_, struct sock_msg *m)
{
    size_t room = MIN(m->io->left, (size_t) (is_stream(s) ? PIECE : MSG_MAX));
    _cleanup_free_ uint8_t *buf = malloc(room ? room : 1);
    if (!buf)
        return -ENOBUFS;
    struct iovec iov = {buf, room};
    struct msghdr h = {.msg_iov = &iov, .msg_iovlen = 1};
    if (m->name) {
        h.msg_name = m->name->bytes;
        h.msg_namelen = sizeof(m->name->bytes);
    }
    if (m->control) {
        h.msg_control = m->control;
        h.msg_controllen = m->control_cap;
    }
    ssize_t n = receive(s, &h, room, (int) (m->flags & RECV_FLAGS) | MSG_DONTWAIT);
    if (n < 0)
        return n;
    kernel_heard(s->k);
    show(m, &h);
    if (m->flags & (LX_MSG_PEEK | LX_MSG_OOB))
        m->stop = true;
    size_t data = MIN((size_t) n, room);
    if (is_stream(s) && (m->flags & LX_MSG_TRUNC)) /* tcp(7): thrown away */
        iobuf_skip(m->io, data);
    else if (data && iobuf_put(m->io, buf, data) != (ssize_t) data)
        return -EFAULT;
    return n;
}

/* ---- options ---- */

static const struct host_option *find(const struct host_option *table, size_t n, int level,
                                      int name, unsigned how)
{
    for (size_t i = 0; i < n; i++)
        if (table[i].level == level && table[i].name == name)
            return table[i].how & how ? &table[i] : NULL;
    return NULL;
}

int host_option_set(struct socket *s, const struct host_option *table, size_t n, int level,
                    int name, const void *v, size_t len)
{
    const struct host_option *o = find(table, n, level, name, HOST_OPTION_SET);
    if (!o)
        return level == LX_SOL_SOCKET ? 1 : -ENOPROTOOPT;
    if (len < o->min)
        return -EINVAL;
    len = MIN(len, (size_t) o->max);
    if (host_socket_of(s)->side)
        return egress_setsockopt(host_socket_of(s), level, name, v, len);
    return setsockopt(host_socket_of(s)->fd, level, name, v, (socklen_t) len) < 0 ? -errno : 0;
}

int host_option_get(struct socket *s, const struct host_option *table, size_t n, int level,
                    int name, void *v, size_t *len)
{
    const struct host_option *o = find(table, n, level, name, HOST_OPTION_GET);
    if (!o)
        return level == LX_SOL_SOCKET ? 1 : -ENOPROTOOPT;
    socklen_t room = (socklen_t) MIN(*len, (size_t) o->max);
    if (getsockopt(host_socket_of(s)->fd, level, name, v, &room) < 0)
        return -errno;
    *len = room;
    return 0;
}
