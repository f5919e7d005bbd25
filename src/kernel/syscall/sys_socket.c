/* SPDX-License-Identifier: Apache-2.0 */
/* socket(2), socketpair(2), and the calls that bind and connect sockets. */
#include <errno.h>

#include "abi/linux/fcntl.h"
#include "kernel/syscall/fd_limit.h"
#include "kernel/syscall/sock.h"
#include "kernel/syscall/syscall.h"
#include "kernel/task/task.h"
#include "kernel/vfs/fdtable.h"
#include "net/inet/inet.h"
#include "net/netlink/netlink.h"
#include "net/packet/packet.h"
#include "net/unix/unix.h"

#define TYPE_FLAGS (LX_SOCK_NONBLOCK | LX_SOCK_CLOEXEC)

/* ---- making ---- */

/* Family and type as socket(2) checks them for all. */
static int check_kind(int family, uint32_t type)
{
    if (type & ~(LX_SOCK_TYPE_MASK | TYPE_FLAGS))
        return -EINVAL;
    if (family < 0 || family >= LX_AF_MAX)
        return -EAFNOSUPPORT;
    return (type & LX_SOCK_TYPE_MASK) >= LX_SOCK_MAX ? -EINVAL : 0;
}

/* What an AF_UNIX socket of this type is: *ret. */
static int unix_kind(int type, int protocol, int *ret)
{
    if (protocol && protocol != LX_AF_UNIX)
        return -EPROTONOSUPPORT;
    if (type == LX_SOCK_RAW) /* as BSD had it */
        type = LX_SOCK_DGRAM;
    if (type != LX_SOCK_STREAM && type != LX_SOCK_DGRAM && type != LX_SOCK_SEQPACKET)
        return -ESOCKTNOSUPPORT;
    *ret = type;
    return 0;
}

long sys_socket(struct task *t, const uint64_t a[static 6])
{
    int family = (int) a[0], protocol = (int) a[2], type;
    uint32_t kind = (uint32_t) a[1];
    struct socket *s;
    int r = check_kind(family, kind);
    if (r < 0)
        return r;
    type = (int) (kind & LX_SOCK_TYPE_MASK);
    switch (family) {
    case LX_AF_UNIX:
        r = unix_kind(type, protocol, &type);
        if (r == 0)
            r = unix_socket_new(t, type, kind & LX_SOCK_NONBLOCK, &s);
        break;
    case LX_AF_INET:
    case LX_AF_INET6:
        r = type == LX_SOCK_RAW
                ? inet_raw_socket_new(t, family, protocol, kind & LX_SOCK_NONBLOCK, &s)
                : inet_socket_new(t, family, type, protocol, kind & LX_SOCK_NONBLOCK, &s);
        break;
    case LX_AF_NETLINK:
        r = netlink_socket_new(t, type, protocol, kind & LX_SOCK_NONBLOCK, &s);
        break;
    case LX_AF_PACKET:
        r = packet_socket_new(t, type, protocol, kind & LX_SOCK_NONBLOCK, &s);
        break;
    default:
        r = -EAFNOSUPPORT;
        break;
    }
    return r < 0 ? r : task_fd_install(t, &s->file, kind & LX_SOCK_CLOEXEC);
}

/* Both descriptors, or none. */
static long install_pair(struct task *t, struct socket *x, struct socket *y, bool cloexec,
                         uaddr_t to)
{
    int32_t fds[2];
    fds[0] = task_fd_install(t, &x->file, cloexec);
    if (fds[0] < 0) {
        sock_put(y);
        return fds[0];
    }
    fds[1] = task_fd_install(t, &y->file, cloexec);
    if (fds[1] < 0) {
        (void) !fd_close(t->files, fds[0], t);
        return fds[1];
    }
    if (copy_out(t, to, fds, sizeof(fds)) == 0)
        return 0;
    (void) !fd_close(t->files, fds[0], t);
    (void) !fd_close(t->files, fds[1], t);
    return -EFAULT;
}

long sys_socketpair(struct task *t, const uint64_t a[static 6])
{
    int family = (int) a[0], protocol = (int) a[2], type;
    uint32_t kind = (uint32_t) a[1];
    struct socket *x = NULL, *y = NULL;
    int r = check_kind(family, kind);
    if (r == 0 && family != LX_AF_UNIX)
        r = family == LX_AF_INET || family == LX_AF_INET6 || family == LX_AF_NETLINK
                ? -EOPNOTSUPP
                : -EAFNOSUPPORT;
    if (r == 0)
        r = unix_kind((int) (kind & LX_SOCK_TYPE_MASK), protocol, &type);
    if (r == 0)
        r = unix_socket_pair(t, type, kind & LX_SOCK_NONBLOCK, &x, &y);
    return r < 0 ? r : install_pair(t, x, y, kind & LX_SOCK_CLOEXEC, uaddr(a[3]));
}

/* ---- binding and connecting ---- */

long sys_bind(struct task *t, const uint64_t a[static 6])
{
    struct sockname n;
    struct socket *s;
    int r = sock_lookup(t, a[0], &s);
    if (r < 0)
        return r;
    r = sockname_in(t, a[1], a[2], &n);
    if (r == 0)
        r = socket_ops_of(s)->bind ? socket_ops_of(s)->bind(s, t, &n) : -EOPNOTSUPP;
    sock_put(s);
    return r;
}

long sys_connect(struct task *t, const uint64_t a[static 6])
{
    struct sockname n;
    struct socket *s;
    int r = sock_lookup(t, a[0], &s);
    if (r < 0)
        return r;
    r = sockname_in(t, a[1], a[2], &n);
    if (r == 0)
        r = socket_connect(t, s, &n);
    sock_put(s);
    return r;
}

long sys_listen(struct task *t, const uint64_t a[static 6])
{
    struct socket *s;
    int r = sock_lookup(t, a[0], &s);
    if (r < 0)
        return r;
    r = socket_ops_of(s)->listen ? socket_ops_of(s)->listen(s, t, (int) a[1]) : -EOPNOTSUPP;
    sock_put(s);
    return r;
}

/* The connection's address, before it has a descriptor: a bad pointer costs the connection only. */
static int tell_peer(struct task *t, struct socket *s, uint64_t to, uint64_t lenp)
{
    struct sockname n;
    if (!to)
        return 0;
    if (socket_ops_of(s)->getname(s, true, &n) < 0)
        return -ECONNABORTED;
    return sockname_out(t, &n, to, lenp);
}

static long do_accept(struct task *t, const uint64_t a[static 6], uint32_t flags)
{
    struct socket *s, *got;
    if (flags & ~TYPE_FLAGS)
        return -EINVAL;
    int r = sock_lookup(t, a[0], &s);
    if (r < 0)
        return r;
    r = fd_has_room(t->files, fd_limit(t)) ? socket_accept(t, s, &got) : -EMFILE;
    sock_put(s);
    if (r < 0)
        return r;
    r = tell_peer(t, got, a[1], a[2]);
    if (r < 0) {
        sock_put(got);
        return r;
    }
    atomic_fetch_or(&got->file.flags, flags & LX_SOCK_NONBLOCK);
    return task_fd_install(t, &got->file, flags & LX_SOCK_CLOEXEC);
}

long sys_accept(struct task *t, const uint64_t a[static 6])
{
    return do_accept(t, a, 0);
}

long sys_accept4(struct task *t, const uint64_t a[static 6])
{
    return do_accept(t, a, (uint32_t) a[3]);
}

static long get_name(struct task *t, const uint64_t a[static 6], bool peer)
{
    struct sockname n;
    struct socket *s;
    int r = sock_lookup(t, a[0], &s);
    if (r < 0)
        return r;
    r = socket_ops_of(s)->getname(s, peer, &n);
    sock_put(s);
    return r < 0 ? r : sockname_out(t, &n, a[1], a[2]);
}

long sys_getsockname(struct task *t, const uint64_t a[static 6])
{
    return get_name(t, a, false);
}

long sys_getpeername(struct task *t, const uint64_t a[static 6])
{
    return get_name(t, a, true);
}

long sys_shutdown(struct task *t, const uint64_t a[static 6])
{
    int how = (int) a[1];
    struct socket *s;
    int r = sock_lookup(t, a[0], &s);
    if (r < 0)
        return r;
    r = how < LX_SHUT_RD || how > LX_SHUT_RDWR ? -EINVAL
        : socket_ops_of(s)->shutdown           ? socket_ops_of(s)->shutdown(s, how)
                                               : -EOPNOTSUPP;
    sock_put(s);
    return r;
}
