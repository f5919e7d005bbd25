/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Calls on sockets. There is no address family yet, so none can be made, and a descriptor given to
 * these is no socket, with one exception: an inherited stdin, which may be read and written, but
 * not be asked or changed. Programs do ask: a shell looks whether its stdin is a network
 * connection.
 */
#include <errno.h>

#include "abi/linux/stat.h"
#include "kernel/syscall/syscall.h"
#include "kernel/task/task.h"
#include "kernel/vfs/attr.h"
#include "kernel/vfs/fdtable.h"
#include "kernel/vfs/node.h"

static long no_socket(struct task *t, uint64_t fd)
{
    struct file *f;
    struct attr a;
    int r = fd_lookup(t->files, (int) fd, &f);
    if (r < 0)
        return r;
    r = file_getattr(f, &a) == 0 && (a.mode & LX_S_IFMT) == LX_S_IFSOCK ? -EOPNOTSUPP : -ENOTSOCK;
    file_put(f);
    return r;
}

#define CALL(name)                                              \
    long sys_##name(struct task *t, const uint64_t a[static 6]) \
    {                                                           \
        return no_socket(t, a[0]);                              \
    }

CALL(accept)
CALL(accept4)
CALL(bind)
CALL(connect)
CALL(getpeername)
CALL(getsockname)
CALL(getsockopt)
CALL(listen)
CALL(recvfrom)
CALL(recvmsg)
CALL(sendmsg)
CALL(sendto)
CALL(setsockopt)
CALL(shutdown)

/* socket(2): "The implementation does not support the specified address family". */
long sys_socket(struct task *t, const uint64_t a[static 6])
{
    return (a[1] & 15) > 10 ? -EINVAL : -EAFNOSUPPORT;
}

long sys_socketpair(struct task *t, const uint64_t a[static 6])
{
    return sys_socket(t, a);
}
