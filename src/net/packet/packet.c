/* SPDX-License-Identifier: Apache-2.0 */
/* Packet sockets: see packet.h. */
#include "net/packet/packet.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "abi/linux/packet.h"
#include "base/cleanup.h"
#include "kernel/kernel.h"
#include "kernel/task/task.h"
#include "net/filter.h"
#include "net/host_socket.h"
#include "net/interfaces.h"

#define PACKET_MAX 131072u /* a frame of what the greatest offload makes, and more */

enum { GET = HOST_OPTION_GET, SET = HOST_OPTION_SET, BOTH = HOST_OPTION_BOTH };

static const struct host_option options[] = {
    {LX_SOL_SOCKET, LX_SO_SNDBUF, BOTH, 4, 4},
    {LX_SOL_SOCKET, LX_SO_RCVBUF, BOTH, 4, 4},
    {LX_SOL_SOCKET, LX_SO_ERROR, GET, 4, 4},
    {LX_SOL_SOCKET, LX_SO_BROADCAST, BOTH, 4, 4},
    {LX_SOL_SOCKET, LX_SO_TIMESTAMP, BOTH, 4, 4},
    {LX_SOL_SOCKET, LX_SO_TIMESTAMPNS, BOTH, 4, 4},
    {LX_SOL_SOCKET, LX_SO_RXQ_OVFL, BOTH, 4, 4},
    {LX_SOL_PACKET, LX_PACKET_ADD_MEMBERSHIP, SET, 16, 40},
    {LX_SOL_PACKET, LX_PACKET_DROP_MEMBERSHIP, SET, 16, 40},
    {LX_SOL_PACKET, LX_PACKET_STATISTICS, GET, 0, 8},
    {LX_SOL_PACKET, LX_PACKET_AUXDATA, BOTH, 4, 4},
    {LX_SOL_PACKET, LX_PACKET_ORIGDEV, BOTH, 4, 4},
    {LX_SOL_PACKET, LX_PACKET_IGNORE_OUTGOING, BOTH, 4, 4},
};

static int packet_setsockopt(struct socket *s, struct task *t, int level, int name, const void *v,
                             size_t len)
{
    if (level == LX_SOL_SOCKET && (name == LX_SO_ATTACH_FILTER || name == LX_SO_DETACH_FILTER))
        return socket_filter_set(s, t, name, v, len);
    return host_option_set(s, options, ARRAY_LEN(options), level, name, v, len);
}

static int packet_getsockopt(struct socket *s, struct task *t unused_, int level, int name, void *v,
                             size_t *len)
{
    return host_option_get(s, options, ARRAY_LEN(options), level, name, v, len);
}

static int packet_bind(struct socket *s, struct task *t unused_, const struct sockname *n)
{
    return bind(host_socket_of(s)->fd, host_sockaddr(n), n->len) < 0 ? -errno : 0;
}

static ssize_t packet_send(struct socket *s, struct task *t unused_, struct sock_msg *m,
                           struct shared_waitq **wait unused_)
{
    size_t want = m->io->left;
    if (want > PACKET_MAX)
        return -EMSGSIZE;
    _cleanup_free_ uint8_t *buf = malloc(want ? want : 1);
    if (!buf)
        return -ENOBUFS;
    if (want && iobuf_take(m->io, buf, want) != (ssize_t) want)
        return -EFAULT;
    return host_socket_send(s, m, buf, want, 0);
}

static long packet_ioctl(struct file *f, struct task *t, uint32_t cmd, uint64_t arg)
{
    int32_t n = 0;
    if (cmd != LX_SIOCINQ && cmd != LX_SIOCOUTQ)
        return interface_ioctl(t, cmd, arg);
    if (ioctl(host_socket_of(socket_of(f))->fd, cmd, &n) < 0)
        return -errno;
    return copy_out(t, uaddr(arg), &n, sizeof(n));
}

static const struct socket_ops packet_ops = {
    .bind = packet_bind,
    .getname = host_socket_getname,
    .send = packet_send,
    .recv = host_socket_recv,
    .setsockopt = packet_setsockopt,
    .getsockopt = packet_getsockopt,
};

static const struct file_ops packet_file_ops = {
    HOST_SOCKET_FILE_OPS,
    .socket = &packet_ops,
    .ioctl = packet_ioctl,
};

int packet_socket_new(struct task *t, int type, int protocol, uint32_t flags, struct socket **ret)
{
    const struct host_socket_kind kind = {&packet_file_ops, LX_AF_PACKET, type, protocol};
    if (!cred_capable(t->cred, LX_CAP_NET_RAW) || !t->k->raw_sockets)
        return -EPERM;
    if (type != LX_SOCK_RAW && type != LX_SOCK_DGRAM)
        return -ESOCKTNOSUPPORT;
    int fd = socket(AF_PACKET, type | SOCK_NONBLOCK | SOCK_CLOEXEC, protocol);
    return fd < 0 ? -errno : host_socket_wrap(t->k, t->cred, fd, &kind, flags, ret);
}
