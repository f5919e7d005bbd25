/* SPDX-License-Identifier: Apache-2.0 */
/* ioctl(2) of Internet sockets: tcp(7), udp(7), socket(7). */
#include <errno.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/time.h>

#include "abi/linux/fcntl.h"
#include "abi/linux/ioctl.h"
#include "kernel/task/task.h"
#include "kernel/vfs/async.h"
#include "net/inet/internal.h"
#include "net/interfaces.h"

static long ask_number(struct host_socket *is, struct task *t, uint32_t cmd, uint64_t arg)
{
    int32_t n = 0;
    if (ioctl(is->fd, cmd, &n) < 0)
        return -errno;
    return copy_out(t, uaddr(arg), &n, sizeof(n));
}

/* When the last packet came. */
static long ask_stamp(struct host_socket *is, struct task *t, uint32_t cmd, uint64_t arg)
{
    struct timespec at; /* or a timeval, of the same size */
    if (ioctl(is->fd, cmd, &at) < 0)
        return -errno;
    return copy_out(t, uaddr(arg), &at, sizeof(at));
}

/* The old names of F_SETOWN and F_GETOWN. */
static long owner(struct file *f, struct task *t, bool set, uint64_t arg)
{
    int32_t who;
    if (set) {
        if (copy_in(t, &who, uaddr(arg), sizeof(who)) < 0)
            return -EFAULT;
        return async_fcntl(t, f, LX_F_SETOWN, (uint64_t) (int64_t) who);
    }
    who = (int32_t) async_fcntl(t, f, LX_F_GETOWN, 0);
    return copy_out(t, uaddr(arg), &who, sizeof(who));
}

long inet_ioctl(struct file *f, struct task *t, uint32_t cmd, uint64_t arg)
{
    struct host_socket *is = host_socket_of(socket_of(f));
    switch (cmd) {
    case LX_SIOCINQ:
    case LX_SIOCOUTQ:
    case LX_SIOCOUTQNSD:
    case LX_SIOCATMARK:
        return ask_number(is, t, cmd, arg);
    case LX_SIOCGSTAMP:
    case LX_SIOCGSTAMPNS:
        return ask_stamp(is, t, cmd, arg);
    case LX_FIOSETOWN:
    case LX_SIOCSPGRP:
    case LX_FIOGETOWN:
    case LX_SIOCGPGRP:
        return owner(f, t, cmd == LX_FIOSETOWN || cmd == LX_SIOCSPGRP, arg);
    default:
        return interface_ioctl(t, cmd, arg);
    }
}
