/* SPDX-License-Identifier: Apache-2.0 */
#include "kernel/syscall/sock.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>

#include "abi/linux/stat.h"
#include "kernel/task/task.h"
#include "kernel/vfs/attr.h"
#include "kernel/vfs/fdtable.h"

int sock_lookup(struct task *t, uint64_t fd, struct socket **ret)
{
    struct file *f;
    struct attr a;
    int r = fd_lookup(t->files, (int) fd, &f);
    if (r < 0)
        return r;
    *ret = socket_of(f);
    if (*ret)
        return 0;
    r = file_getattr(f, &a) == 0 && (a.mode & LX_S_IFMT) == LX_S_IFSOCK ? -EOPNOTSUPP : -ENOTSOCK;
    file_put(f);
    return r;
}

void sock_put(struct socket *s)
{
    file_put(&s->file);
}

int sockname_in(struct task *t, uint64_t from, uint64_t len, struct sockname *ret)
{
    int32_t n = (int32_t) len;
    if (n < 0 || n > LX_SOCKADDR_MAX)
        return -EINVAL;
    ret->len = (uint32_t) n;
    ret->bytes[0] = ret->bytes[1] = 0;
    return copy_in(t, ret->bytes, uaddr(from), (size_t) n);
}

int sockname_out(struct task *t, const struct sockname *n, uint64_t to, uint64_t lenp)
{
    int32_t room;
    if (copy_in(t, &room, uaddr(lenp), sizeof(room)) < 0)
        return -EFAULT;
    if (room < 0)
        return -EINVAL;
    if (copy_out(t, uaddr(to), n->bytes, MIN((size_t) room, (size_t) n->len)) < 0)
        return -EFAULT;
    return copy_out(t, uaddr(lenp), &n->len, sizeof(n->len));
}

int user_msg_in(struct task *t, uint64_t from, struct user_msg *ret)
{
    *ret = (struct user_msg){.iov = NULL};
    if (copy_in(t, &ret->h, uaddr(from), sizeof(ret->h)) < 0)
        return -EFAULT;
    if (!ret->h.name)
        ret->h.namelen = 0;
    if (ret->h.namelen < 0)
        return -EINVAL;
    ret->h.namelen = MIN(ret->h.namelen, (int32_t) LX_SOCKADDR_MAX);
    if (ret->h.iovlen > GUEST_IOV_MAX)
        return -EMSGSIZE;
    return iobuf_guest_iov(&ret->io, t, uaddr(ret->h.iov), ret->h.iovlen, &ret->iov);
}

void user_msg_done(struct user_msg *u)
{
    free(u->iov);
    u->iov = NULL;
}
