/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Raw Internet sockets: raw(7), icmp(7), ipv6(7). They are the host's, where the sentry may have
 * them at all (docs/SECURITY.md): in a network namespace that was made for the sandbox.
 */
#include <errno.h>
#include <sys/socket.h>

#include "abi/linux/packet.h"
#include "kernel/kernel.h"
#include "kernel/task/task.h"
#include "net/filter.h"
#include "net/inet/inet.h"
#include "net/inet/internal.h"

#define PROTOCOL_MAX 263 /* one above the greatest, which is MPTCP's */

/* Raw options beside those of all Internet sockets. */
static const struct host_option options[] = {
    {LX_SOL_SOCKET, LX_SO_BINDTODEVICE, HOST_OPTION_BOTH, 0, 16},
    {LX_SOL_IP, LX_IP_HDRINCL, HOST_OPTION_BOTH | HOST_OPTION_CHAR, 1, 4},
    {LX_SOL_RAW, LX_ICMP_FILTER, HOST_OPTION_BOTH, 0, 4},
    {LX_SOL_RAW, LX_IPV6_CHECKSUM, HOST_OPTION_BOTH, 4, 4},
    {LX_SOL_IPV6, LX_IPV6_CHECKSUM, HOST_OPTION_BOTH, 4, 4},
    {LX_SOL_IPV6, LX_IPV6_HDRINCL, HOST_OPTION_BOTH, 4, 4},
    {LX_SOL_ICMPV6, LX_ICMP6_FILTER, HOST_OPTION_BOTH, 0, 32},
};

static bool is_raw_option(const struct socket *s, int level, int name)
{
    if ((level == LX_SOL_IPV6 || level == LX_SOL_ICMPV6) && s->family != LX_AF_INET6)
        return false;
    for (size_t i = 0; i < ARRAY_LEN(options); i++)
        if (options[i].level == level && options[i].name == name)
            return true;
    return false;
}

static int raw_setsockopt(struct socket *s, struct task *t, int level, int name, const void *v,
                          size_t len)
{
    if (level == LX_SOL_SOCKET && (name == LX_SO_ATTACH_FILTER || name == LX_SO_DETACH_FILTER))
        return socket_filter_set(s, t, name, v, len);
    if (is_raw_option(s, level, name))
        return host_option_set(s, options, ARRAY_LEN(options), level, name, v, len);
    if (level == LX_SOL_RAW || level == LX_SOL_ICMPV6)
        return -ENOPROTOOPT;
    return inet_setsockopt(s, t, level, name, v, len);
}

static int raw_getsockopt(struct socket *s, struct task *t, int level, int name, void *v,
                          size_t *len)
{
    if (is_raw_option(s, level, name))
        return host_option_get(s, options, ARRAY_LEN(options), level, name, v, len);
    if (level == LX_SOL_RAW || level == LX_SOL_ICMPV6)
        return -ENOPROTOOPT;
    return inet_getsockopt(s, t, level, name, v, len);
}

static int raw_bind(struct socket *s, struct task *t unused_, const struct sockname *n)
{
    return bind(host_socket_of(s)->fd, host_sockaddr(n), n->len) < 0 ? -errno : 0;
}

static int raw_connect(struct socket *s, struct task *t unused_, const struct sockname *n,
                       struct shared_waitq **wait unused_)
{
    return connect(host_socket_of(s)->fd, host_sockaddr(n), n->len) < 0 ? -errno : 0;
}

static int raw_shutdown(struct socket *s, int how)
{
    return shutdown(host_socket_of(s)->fd, how) < 0 ? -errno : 0;
}

static const struct socket_ops raw_ops = {
    .bind = raw_bind,
    .connect = raw_connect,
    .getname = host_socket_getname,
    .shutdown = raw_shutdown,
    .send = inet_send,
    .recv = host_socket_recv,
    .setsockopt = raw_setsockopt,
    .getsockopt = raw_getsockopt,
};

static const struct file_ops raw_file_ops = {
    HOST_SOCKET_FILE_OPS,
    .socket = &raw_ops,
    .ioctl = inet_ioctl,
};

int inet_raw_socket_new(struct task *t, int family, int protocol, uint32_t flags,
                        struct socket **ret)
{
    const struct host_socket_kind kind = {&raw_file_ops, family, LX_SOCK_RAW, protocol};
    if (protocol < 0 || protocol >= PROTOCOL_MAX)
        return -EINVAL;
    if (protocol == 0)
        return -EPROTONOSUPPORT;
    if (!cred_capable(t->cred, LX_CAP_NET_RAW) || !t->k->raw_sockets)
        return -EPERM;
    int fd = socket(family, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, protocol);
    return fd < 0 ? -errno : host_socket_wrap(t->k, t->cred, fd, &kind, flags, ret);
}
