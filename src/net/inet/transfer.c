/* SPDX-License-Identifier: Apache-2.0 */
/* Bytes between guests and host sockets: send(2), recv(2). They pass through a buffer of ours, as a
 * message must be whole and control messages are checked. */
#include <errno.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <linux/sockios.h>

#include "abi/linux/inet.h"
#include "base/cleanup.h"
#include "kernel/task/task.h"
#include "net/inet/egress.h"
#include "net/inet/internal.h"
#include "net/scm.h"

#define PIECE   65536u /* of a stream, at a time */
#define MSG_MAX 65536u /* the longest datagram there is, and more */

static bool is_stream(const struct socket *s)
{
    return s->type == LX_SOCK_STREAM;
}

/* What may be sent beside the data: addresses, times to live, segment sizes. What takes a
 * capability the host refuses. */
static const struct {
    int32_t level, type;
} sendable[] = {
    {LX_SOL_SOCKET, LX_SO_MARK},
    {LX_SOL_SOCKET, LX_SO_PRIORITY},
    {LX_SOL_SOCKET, LX_SO_TXTIME},
    {LX_SOL_SOCKET, LX_SO_TIMESTAMPING},
    {LX_SOL_IP, LX_IP_TOS},
    {LX_SOL_IP, LX_IP_TTL},
    {LX_SOL_IP, LX_IP_PKTINFO},
    {LX_SOL_IPV6, LX_IPV6_PKTINFO},
    {LX_SOL_IPV6, LX_IPV6_2292PKTINFO},
    {LX_SOL_IPV6, LX_IPV6_FLOWINFO},
    {LX_SOL_IPV6, LX_IPV6_HOPLIMIT},
    {LX_SOL_IPV6, LX_IPV6_2292HOPLIMIT},
    {LX_SOL_IPV6, LX_IPV6_TCLASS},
    {LX_SOL_IPV6, LX_IPV6_DONTFRAG},
    {LX_SOL_UDP, LX_UDP_SEGMENT},
};

/* Other levels mean nothing to the host, and it says nothing. */
static bool is_known_level(int32_t level)
{
    return level == LX_SOL_SOCKET || level == LX_SOL_IP || level == LX_SOL_IPV6 ||
           level == LX_SOL_UDP;
}

static bool may_send(const struct cmsg *c)
{
    for (size_t i = 0; i < ARRAY_LEN(sendable); i++)
        if (sendable[i].level == c->level && sendable[i].type == c->type)
            return true;
    return !is_known_level(c->level);
}

/* Descriptors and credentials mean nothing to these sockets; no number of ours is ever named. */
static bool means_nothing(const struct cmsg *c)
{
    return c->level == LX_SOL_SOCKET && (c->type == LX_SCM_RIGHTS || c->type == LX_SCM_CREDENTIALS);
}

/* How many bytes of it may go on: all, or none. */
static ssize_t check_control(const struct task *t, const struct sock_msg *m)
{
    struct cmsg c;
    size_t at = 0;
    bool drop = false;
    int r = 0;
    while (m->control && (r = cmsg_next(m->control, m->control_len, &at, &c)) == 1) {
        if (means_nothing(&c))
            drop = true;
        else if (!may_send(&c))
            return -EINVAL;
        else if ((r = inet_may_accompany(t, &c)) < 0)
            return r;
    }
    return r < 0 ? r : drop || !m->control ? 0 : (ssize_t) m->control_len;
}

ssize_t inet_send(struct socket *s, struct task *t, struct sock_msg *m,
                  struct shared_waitq **wait unused_)
{
    size_t want = is_stream(s) ? MIN(m->io->left, (size_t) PIECE) : m->io->left;
    struct iobuf before = *m->io;
    ssize_t control = check_control(t, m);
    if (control < 0)
        return control;
    if (want > MSG_MAX)
        return -EMSGSIZE;
    if (m->flags & LX_MSG_FASTOPEN)
        return -EOPNOTSUPP;
    _cleanup_free_ uint8_t *buf = malloc(want ? want : 1);
    if (!buf)
        return -ENOBUFS;
    if (want && iobuf_take(m->io, buf, want) != (ssize_t) want)
        return -EFAULT;
    struct host_socket *hs = host_socket_of(s);
    ssize_t n = hs->side && !is_stream(s) ? egress_send(hs, m, buf, want, (size_t) control)
                                          : host_socket_send(s, m, buf, want, (size_t) control);
    if (n == -EINPROGRESS && !m->nonblock) /* TCP_FASTOPEN_CONNECT: connected first, after all */
        n = -EAGAIN;
    if (n < (ssize_t) want) { /* not all of it: the rest is still to be taken */
        *m->io = before;
        if (n > 0)
            iobuf_skip(m->io, (size_t) n);
    }
    return n;
}

static bool has_more(const struct socket *s)
{
    int n = 0;
    return ioctl(host_socket_of((struct socket *) s)->fd, SIOCINQ, &n) == 0 && n > 0;
}

/* All that is there, as far as there is room for it; an error behind it stays for the next call. */
static ssize_t recv_pieces(struct socket *s, struct task *t, struct sock_msg *m)
{
    ssize_t n = host_socket_recv(s, t, m), sum = n;
    while (n >= (ssize_t) PIECE && m->io->left && !m->stop && has_more(s)) {
        n = host_socket_recv(s, t, m);
        sum += MAX(n, (ssize_t) 0);
    }
    return sum;
}

/* One that would wait for a datagram and never get it: recv(2) of a socket that is shut. */
static ssize_t recv_datagram(struct socket *s, struct task *t, struct sock_msg *m)
{
    ssize_t n = host_socket_recv(s, t, m);
    return n == -EAGAIN && !m->nonblock && atomic_load(&host_socket_of(s)->shut) ? 0 : n;
}

/* Who waits for more gets no byte from behind urgent data together with those before. */
ssize_t inet_recv(struct socket *s, struct task *t, struct sock_msg *m)
{
    ssize_t n = is_stream(s) ? recv_pieces(s, t, m) : recv_datagram(s, t, m);
    if (n > 0 && is_stream(s) && m->done + (size_t) n < m->target &&
        sockatmark(host_socket_of(s)->fd) == 1)
        m->stop = true;
    return n;
}
