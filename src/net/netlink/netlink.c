/* SPDX-License-Identifier: Apache-2.0 */
/* Netlink sockets: see netlink.h. */
#include "net/netlink/netlink.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "abi/linux/netlink.h"
#include "base/cleanup.h"
#include "kernel/kernel.h"
#include "kernel/task/task.h"
#include "net/host_socket.h"

#define REQUEST_MAX 16384u /* bytes of one send; what asks is much shorter */
#define FAMILY_ONLY 4u     /* of a message that must not reach the host: what its kind is told by */

/* ---- names ---- */

static int bind_host(struct socket *s, const struct lx_sockaddr_nl *a)
{
    return bind(host_socket_of(s)->fd, (const struct sockaddr *) (const void *) a, sizeof(*a)) < 0
               ? -errno
               : 0;
}

static bool is_bound(struct socket *s)
{
    struct lx_sockaddr_nl a = {0};
    socklen_t len = sizeof(a);
    return getsockname(host_socket_of(s)->fd, (struct sockaddr *) (void *) &a, &len) == 0 && a.pid;
}

/*
 * Without a number of the program's own it gets its process's, or, when that is taken, any. The
 * host would take the sentry's process for all guests', and so a number that is a guest's own.
 */
static int bind_any(struct socket *s, const struct task *t, struct lx_sockaddr_nl a)
{
    a.pid = (uint32_t) t->tg->tgid;
    int r = bind_host(s, &a);
    if (r != -EADDRINUSE)
        return r;
    a.pid = 0;
    return bind_host(s, &a);
}

/* A program's own address; groups tell it of changes. The kernel's is 0. */
static int netlink_bind(struct socket *s, struct task *t, const struct sockname *n)
{
    struct lx_sockaddr_nl a;
    if (n->len < sizeof(a) || sockname_family(n) != LX_AF_NETLINK)
        return -EINVAL;
    memcpy(&a, n->bytes, sizeof(a));
    return a.pid || is_bound(s) ? bind_host(s, &a) : bind_any(s, t, a);
}

/* What connects or sends is bound by that. */
static int bind_by_use(struct socket *s, const struct task *t)
{
    return t && !is_bound(s) ? bind_any(s, t, (struct lx_sockaddr_nl){.family = LX_AF_NETLINK}) : 0;
}

/* Only the kernel is spoken to, and it need not be named. */
static int check_peer(const struct sockname *n)
{
    struct lx_sockaddr_nl a;
    if (n->len < sizeof(a) || sockname_family(n) != LX_AF_NETLINK)
        return -EINVAL;
    memcpy(&a, n->bytes, sizeof(a));
    return a.pid ? -ECONNREFUSED : a.groups ? -EPERM : 0;
}

static int netlink_connect(struct socket *s, struct task *t, const struct sockname *n,
                           struct shared_waitq **wait unused_)
{
    int r = sockname_family(n) == LX_AF_UNSPEC ? 0 : check_peer(n);
    if (r == 0 && sockname_family(n) != LX_AF_UNSPEC)
        r = bind_by_use(s, t);
    if (r < 0)
        return r;
    return connect(host_socket_of(s)->fd, host_sockaddr(n), sizeof(struct lx_sockaddr_nl)) < 0
               ? -errno
               : 0;
}

/* ---- what may be asked ---- */

static const uint16_t route_questions[] = {
    LX_RTM_GETLINK,    LX_RTM_GETADDR,     LX_RTM_GETROUTE,     LX_RTM_GETNEIGH,
    LX_RTM_GETRULE,    LX_RTM_GETQDISC,    LX_RTM_GETNSID,      LX_RTM_GETMULTICAST,
    LX_RTM_GETANYCAST, LX_RTM_GETNEIGHTBL, LX_RTM_GETADDRLABEL, LX_RTM_GETSTATS,
    LX_RTM_GETNETCONF, LX_RTM_GETNEXTHOP,
};

static bool is_question(const struct socket *s, const struct lx_nlmsghdr *h, const uint8_t *body)
{
    size_t n = h->len - sizeof(*h);
    if (s->protocol == LX_NETLINK_SOCK_DIAG) /* our own unix sockets are nobody's business */
        return h->type == LX_SOCK_DIAG_BY_FAMILY && n > 0 &&
               (body[0] == LX_AF_INET || body[0] == LX_AF_INET6);
    for (size_t i = 0; s->protocol == LX_NETLINK_ROUTE && i < ARRAY_LEN(route_questions); i++)
        if (route_questions[i] == h->type)
            return true;
    return false;
}

/*
 * Messages as they may go on, into `to`, which has room for all of `from`. What is no question
 * keeps its header and the family: enough for the host to refuse it, and to tell its sequence
 * number. A tail that is no message is left out, as the host does. Returns the length.
 */
static size_t sift(const struct socket *s, const uint8_t *from, size_t len, uint8_t *to)
{
    size_t at = 0, out = 0;
    struct lx_nlmsghdr h;
    while (len - at >= sizeof(h)) {
        memcpy(&h, from + at, sizeof(h));
        if (h.len < sizeof(h) || h.len > len - at)
            break;
        size_t next = MIN((size_t) LX_NLMSG_ALIGN(h.len), len - at);
        const bool asks = is_question(s, &h, from + at + sizeof(h));
        if (!asks)
            h.len = MIN(h.len, (uint32_t) sizeof(h) + FAMILY_ONLY);
        memcpy(to + out, &h, sizeof(h));
        memcpy(to + out + sizeof(h), from + at + sizeof(h), h.len - sizeof(h));
        if (!asks && s->protocol == LX_NETLINK_SOCK_DIAG) /* ENOENT: a kernel without that module */
            memset(to + out + sizeof(h), LX_AF_UNSPEC, h.len - sizeof(h));
        out += LX_NLMSG_ALIGN(h.len);
        at += next;
    }
    return out;
}

static ssize_t netlink_send(struct socket *s, struct task *t, struct sock_msg *m,
                            struct shared_waitq **wait unused_)
{
    size_t len = m->io->left;
    int r = m->name ? check_peer(m->name) : 0;
    if (r < 0)
        return r;
    if (m->flags & LX_MSG_OOB)
        return -EOPNOTSUPP;
    r = bind_by_use(s, t);
    if (r < 0)
        return r;
    if (len > REQUEST_MAX)
        return -EMSGSIZE;
    _cleanup_free_ uint8_t *from = calloc(2, len + sizeof(struct lx_nlmsghdr));
    if (!from)
        return -ENOBUFS;
    uint8_t *to = from + len + sizeof(struct lx_nlmsghdr);
    if (len && iobuf_take(m->io, from, len) != (ssize_t) len)
        return -EFAULT;
    size_t kept = sift(s, from, len, to);
    ssize_t n = kept || !len ? host_socket_send(s, m, to, kept, 0) : 0;
    return n < 0 ? n : (ssize_t) len;
}

/* ---- options ---- */

enum { GET = HOST_OPTION_GET, SET = HOST_OPTION_SET, BOTH = HOST_OPTION_BOTH };

static const struct host_option options[] = {
    {LX_SOL_SOCKET, LX_SO_SNDBUF, BOTH, 4, 4},
    {LX_SOL_SOCKET, LX_SO_RCVBUF, BOTH, 4, 4},
    {LX_SOL_SOCKET, LX_SO_ERROR, GET, 4, 4},
    {LX_SOL_SOCKET, LX_SO_PASSCRED, BOTH, 4, 4},
    {LX_SOL_NETLINK, LX_NETLINK_ADD_MEMBERSHIP, SET, 4, 4},
    {LX_SOL_NETLINK, LX_NETLINK_DROP_MEMBERSHIP, SET, 4, 4},
    {LX_SOL_NETLINK, LX_NETLINK_PKTINFO, BOTH, 4, 4},
    {LX_SOL_NETLINK, LX_NETLINK_BROADCAST_ERROR, BOTH, 4, 4},
    {LX_SOL_NETLINK, LX_NETLINK_NO_ENOBUFS, BOTH, 4, 4},
    {LX_SOL_NETLINK, LX_NETLINK_LIST_MEMBERSHIPS, GET, 0, 64},
    {LX_SOL_NETLINK, LX_NETLINK_CAP_ACK, BOTH, 4, 4},
    {LX_SOL_NETLINK, LX_NETLINK_EXT_ACK, BOTH, 4, 4},
    {LX_SOL_NETLINK, LX_NETLINK_GET_STRICT_CHK, BOTH, 4, 4},
};

static int netlink_setsockopt(struct socket *s, struct task *t unused_, int level, int name,
                              const void *v, size_t len)
{
    return host_option_set(s, options, ARRAY_LEN(options), level, name, v, len);
}

static int netlink_getsockopt(struct socket *s, struct task *t unused_, int level, int name,
                              void *v, size_t *len)
{
    return host_option_get(s, options, ARRAY_LEN(options), level, name, v, len);
}

static const struct socket_ops netlink_ops = {
    .bind = netlink_bind,
    .connect = netlink_connect,
    .getname = host_socket_getname,
    .send = netlink_send,
    .recv = host_socket_recv,
    .setsockopt = netlink_setsockopt,
    .getsockopt = netlink_getsockopt,
};

static const struct file_ops netlink_file_ops = {
    HOST_SOCKET_FILE_OPS,
    .socket = &netlink_ops,
};

int netlink_socket_new(struct task *t, int type, int protocol, uint32_t flags, struct socket **ret)
{
    const struct host_socket_kind kind = {&netlink_file_ops, LX_AF_NETLINK, type, protocol};
    if (type != LX_SOCK_RAW && type != LX_SOCK_DGRAM)
        return -ESOCKTNOSUPPORT;
    switch (protocol) {
    case LX_NETLINK_ROUTE:
    case LX_NETLINK_SOCK_DIAG:
    case LX_NETLINK_AUDIT: /* refuses everybody in a user namespace, as containers know it */
    case LX_NETLINK_KOBJECT_UEVENT:
        break;
    default:
        return -EPROTONOSUPPORT;
    }
    int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, protocol);
    return fd < 0 ? -errno : host_socket_wrap(t->k, t->cred, fd, &kind, flags, ret);
}
