/* SPDX-License-Identifier: Apache-2.0 */
/* Making, naming and connecting Internet sockets. Addresses are copies; the host checks them. */
#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include "abi/linux/poll.h"
#include "kernel/kernel.h"
#include "kernel/task/task.h"
#include "net/inet/egress.h"
#include "net/inet/internal.h"

enum { PROTO_ICMP = 1, PROTO_TCP = 6, PROTO_UDP = 17, PROTO_ICMPV6 = 58, PROTO_UDPLITE = 136 };

#define PORT_AT           2 /* offset in both kinds of address */
#define UNPRIVILEGED_PORT 1024

/* Ports below 1024 are for the guest's privileged; the host knows only us. */
static int may_bind(const struct task *t, const struct sockname *n)
{
    if (n->len < PORT_AT + 2 || sockname_family(n) == LX_AF_UNSPEC)
        return 0;
    unsigned port = (unsigned) n->bytes[PORT_AT] << 8 | n->bytes[PORT_AT + 1];
    return port && port < UNPRIVILEGED_PORT && !cred_capable(t->cred, LX_CAP_NET_BIND_SERVICE)
               ? -EACCES
               : 0;
}

static int inet_bind(struct socket *s, struct task *t, const struct sockname *n)
{
    int r = may_bind(t, n);
    if (r < 0)
        return r;
    if (host_socket_of(s)->side)
        return egress_bind(host_socket_of(s), n);
    return bind(host_socket_of(s)->fd, host_sockaddr(n), n->len) < 0 ? -errno : 0;
}

/* Called again until it is done: the host then says how it has ended. */
static int inet_connect(struct socket *s, struct task *t unused_, const struct sockname *n,
                        struct shared_waitq **wait unused_)
{
    if (host_socket_of(s)->side)
        return egress_connect(host_socket_of(s), n);
    return connect(host_socket_of(s)->fd, host_sockaddr(n), n->len) < 0 ? -errno : 0;
}

static int inet_listen(struct socket *s, struct task *t unused_, int backlog)
{
    if (host_socket_of(s)->side)
        return egress_listen(host_socket_of(s), backlog);
    return listen(host_socket_of(s)->fd, backlog) < 0 ? -errno : 0;
}

static int inet_shutdown(struct socket *s, int how)
{
    struct host_socket *is = host_socket_of(s);
    if (how != LX_SHUT_WR) /* even if the host says ENOTCONN: that shuts, too */
        atomic_store(&is->shut, true);
    return shutdown(is->fd, how) < 0 ? -errno : 0;
}

static int wrap(struct task *t, int fd, int family, int type, int protocol, uint32_t flags,
                struct socket **ret);

/* What we keep ourselves; the rest the host has passed on. */
static void inherit(struct socket *to, struct socket *from)
{
    for (int dir = SOCK_RCV; dir <= SOCK_SND; dir++)
        atomic_store(&to->timeout[dir], atomic_load(&from->timeout[dir]));
    atomic_store(&to->options, atomic_load(&from->options));
    atomic_store(&to->mark, atomic_load(&from->mark));
    atomic_store(&to->rcvlowat, atomic_load(&from->rcvlowat));
    atomic_store(&to->linger_on, atomic_load(&from->linger_on));
}

/* Connections that came together were one event, of which one set was told. */
static void tell_of_more(struct host_socket *hs)
{
    if (waitq_has_exclusive(&hs->wq) && (file_poll(&hs->sock.file) & LX_POLLIN))
        waitq_wake(&hs->wq, LX_POLL_READABLE);
}

static int inet_accept(struct socket *s, struct task *t, struct socket **ret)
{
    int fd = accept4(host_socket_of(s)->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0)
        return -errno;
    tell_of_more(host_socket_of(s));
    int r = wrap(t, fd, s->family, s->type, s->protocol, 0, ret);
    if (r == 0)
        inherit(*ret, s);
    return r;
}

static const struct socket_ops inet_ops = {
    .bind = inet_bind,
    .connect = inet_connect,
    .listen = inet_listen,
    .accept = inet_accept,
    .getname = host_socket_getname,
    .shutdown = inet_shutdown,
    .send = inet_send,
    .recv = inet_recv,
    .setsockopt = inet_setsockopt,
    .getsockopt = inet_getsockopt,
};

static const struct file_ops inet_file_ops = {
    HOST_SOCKET_FILE_OPS,
    .socket = &inet_ops,
    .ioctl = inet_ioctl,
    .direct = host_socket_direct,
    .send_file = host_socket_send_file,
};

static int wrap(struct task *t, int fd, int family, int type, int protocol, uint32_t flags,
                struct socket **ret)
{
    const struct host_socket_kind kind = {&inet_file_ops, family, type, protocol};
    struct socket *s;
    int r = host_socket_wrap(t->k, t->cred, fd, &kind, flags, &s);
    if (r < 0)
        return r;
    r = egress_adopt(host_socket_of(s));
    if (r < 0) {
        file_put(&s->file);
        return r;
    }
    *ret = s;
    return 0;
}

/* The one protocol behind a request; negative errno. */
static int choose_protocol(int family, int type, int protocol)
{
    int icmp = family == LX_AF_INET ? PROTO_ICMP : PROTO_ICMPV6;
    switch (type) {
    case LX_SOCK_STREAM:
        return protocol == 0 || protocol == PROTO_TCP ? PROTO_TCP : -EPROTONOSUPPORT;
    case LX_SOCK_DGRAM:
        if (protocol == 0 || protocol == PROTO_UDP)
            return PROTO_UDP;
        if (protocol == PROTO_UDPLITE)
            return PROTO_UDPLITE;
        return protocol == icmp ? icmp : -EPROTONOSUPPORT;
    default:
        return -ESOCKTNOSUPPORT;
    }
}

int inet_socket_new(struct task *t, int family, int type, int protocol, uint32_t flags,
                    struct socket **ret)
{
    int chosen = choose_protocol(family, type, protocol);
    if (chosen < 0)
        return chosen;
    if (chosen == PROTO_UDPLITE && t->k->egress) /* no rule of a policy speaks of it */
        return -EPROTONOSUPPORT;
    int fd = socket(family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, chosen);
    if (fd < 0)
        return -errno;
    return wrap(t, fd, family, type, chosen, flags, ret);
}
