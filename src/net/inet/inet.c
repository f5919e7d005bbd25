/* SPDX-License-Identifier: Apache-2.0 */
/* Making, naming and connecting Internet sockets. Addresses are copies; the host checks them. */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "abi/linux/fcntl.h"
#include "base/cleanup.h"
#include "kernel/kernel.h"
#include "kernel/task/task.h"
#include "net/inet/internal.h"

enum { PROTO_ICMP = 1, PROTO_TCP = 6, PROTO_UDP = 17, PROTO_ICMPV6 = 58 };

#define PORT_AT           2 /* offset in both kinds of address */
#define UNPRIVILEGED_PORT 1024

static const struct sockaddr *host_name(const struct sockname *n)
{
    return (const struct sockaddr *) (const void *) n->bytes;
}

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
    return bind(inet_of(s)->fd, host_name(n), n->len) < 0 ? -errno : 0;
}

/* Called again until it is done: the host then says how it has ended. */
static int inet_connect(struct socket *s, struct task *t unused_, const struct sockname *n,
                        struct shared_waitq **wait unused_)
{
    return connect(inet_of(s)->fd, host_name(n), n->len) < 0 ? -errno : 0;
}

static int inet_listen(struct socket *s, struct task *t unused_, int backlog)
{
    return listen(inet_of(s)->fd, backlog) < 0 ? -errno : 0;
}

static int inet_shutdown(struct socket *s, int how)
{
    return shutdown(inet_of(s)->fd, how) < 0 ? -errno : 0;
}

static int inet_getname(struct socket *s, bool peer, struct sockname *ret)
{
    struct sockaddr_storage a;
    socklen_t n = sizeof(a);
    int fd = inet_of(s)->fd;
    int r = peer ? getpeername(fd, (struct sockaddr *) &a, &n)
                 : getsockname(fd, (struct sockaddr *) &a, &n);
    if (r < 0)
        return -errno;
    ret->len = (uint32_t) MIN((size_t) n, sizeof(ret->bytes));
    for (uint32_t i = 0; i < ret->len; i++)
        ret->bytes[i] = ((const uint8_t *) &a)[i];
    return 0;
}

static int wrap(struct kernel *k, const struct cred *cred, int fd, int family, int type,
                int protocol, uint32_t flags, struct socket **ret);

static int inet_accept(struct socket *s, struct task *t, struct socket **ret)
{
    int fd = accept4(inet_of(s)->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0)
        return -errno;
    return wrap(s->k, t->cred, fd, s->family, s->type, s->protocol, 0, ret);
}

/* ---- the file ---- */

static uint32_t inet_poll(struct file *f)
{
    struct pollfd p = {.fd = inet_of(socket_of(f))->fd,
                       .events = POLLIN | POLLOUT | POLLPRI | POLLRDHUP | POLLRDNORM | POLLRDBAND |
                                 POLLWRNORM | POLLWRBAND};
    return poll(&p, 1, 0) > 0 ? (uint32_t) (uint16_t) p.revents : 0;
}

static int inet_arm(struct file *f, uint32_t mask)
{
    return poller_arm(&inet_of(socket_of(f))->source, mask);
}

static void inet_release(struct file *f)
{
    struct inet_socket *is = inet_of(socket_of(f));
    poller_forget(&is->source);
    close_fd(is->fd);
    free(is);
}

static const struct socket_ops inet_ops = {
    .bind = inet_bind,
    .connect = inet_connect,
    .listen = inet_listen,
    .accept = inet_accept,
    .getname = inet_getname,
    .shutdown = inet_shutdown,
    .send = inet_send,
    .recv = inet_recv,
    .setsockopt = inet_setsockopt,
    .getsockopt = inet_getsockopt,
};

static const struct file_ops inet_file_ops = {
    SOCKET_FILE_OPS,      .socket = &inet_ops, .poll = inet_poll,
    .poll_arm = inet_arm, .ioctl = inet_ioctl, .release = inet_release,
};

static int wrap(struct kernel *k, const struct cred *cred, int fd, int family, int type,
                int protocol, uint32_t flags, struct socket **ret)
{
    _cleanup_close_ int own = fd;
    struct inet_socket *is = calloc(1, sizeof(*is));
    if (!is)
        return -ENOMEM;
    socket_init(&is->sock, k, &inet_file_ops, cred, family, type, protocol, flags);
    waitq_init(&is->wq);
    is->sock.file.wq = &is->wq;
    is->fd = take_fd(&own);
    is->source = (struct poll_source){.p = k->poller, .fd = is->fd, .wq = &is->wq};
    *ret = &is->sock;
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
    int fd = socket(family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, chosen);
    if (fd < 0)
        return -errno;
    return wrap(t->k, t->cred, fd, family, type, chosen, flags, ret);
}
