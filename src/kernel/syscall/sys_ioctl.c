/* SPDX-License-Identifier: Apache-2.0 */
/* ioctl(2): what holds for every descriptor; the rest is the object's own. */
#include <errno.h>

#include "abi/linux/fcntl.h"
#include "abi/linux/ioctl.h"
#include "abi/linux/stat.h"
#include "kernel/syscall/syscall.h"
#include "kernel/task/task.h"
#include "kernel/vfs/async.h"
#include "kernel/vfs/attr.h"
#include "kernel/vfs/fdtable.h"
#include "kernel/vfs/file.h"
#include "kernel/vfs/node.h"
#include "kernel/vfs/walk.h"

static long set_flag(struct file *f, bool on, uint32_t flag)
{
    uint32_t old = on ? atomic_fetch_or(&f->flags, flag) : atomic_fetch_and(&f->flags, ~flag);
    if (f->ops->flags_changed)
        f->ops->flags_changed(f, old);
    return 0;
}

/* FIONBIO, FIOASYNC: on or off by an int. */
static long set_mode(struct task *t, int fd, struct file *f, uint32_t cmd, uaddr_t arg)
{
    int32_t on;
    if (copy_in(t, &on, arg, sizeof(on)) < 0)
        return -EFAULT;
    if (cmd == LX_FIONBIO)
        return set_flag(f, on, LX_O_NONBLOCK);
    int r = async_switch(t, f, fd, on);
    return r < 0 ? r : set_flag(f, on, LX_O_ASYNC);
}

/* FIONREAD of a regular file: what is left of it. */
static long bytes_left(struct task *t, struct file *f, uaddr_t to)
{
    struct attr a;
    int64_t pos = file_seek(f, 0, LX_SEEK_CUR);
    if (pos < 0)
        return pos;
    int r = file_getattr(f, &a);
    if (r < 0)
        return r;
    int32_t left = (int32_t) ((int64_t) a.size - pos);
    return copy_out(t, to, &left, sizeof(left));
}

static bool is_plain_file(const struct file *f)
{
    const struct node *n = path_node(&f->path);
    return n && n->type == LX_S_IFREG && f->ops->seek;
}

static long do_ioctl(struct task *t, int fd, struct file *f, uint32_t cmd, uint64_t arg)
{
    switch (cmd) {
    case LX_FIOCLEX:
        return fd_set_cloexec(t->files, fd, true);
    case LX_FIONCLEX:
        return fd_set_cloexec(t->files, fd, false);
    case LX_FIONBIO:
    case LX_FIOASYNC:
        return set_mode(t, fd, f, cmd, uaddr(arg));
    }
    if (f->ops->ioctl)
        return f->ops->ioctl(f, t, cmd, arg);
    return cmd == LX_FIONREAD && is_plain_file(f) ? bytes_left(t, f, uaddr(arg)) : -ENOTTY;
}

long sys_ioctl(struct task *t, const uint64_t a[static 6])
{
    struct file *f;
    int r = fd_lookup(t->files, (int) a[0], &f);
    if (r < 0)
        return r;
    long n = do_ioctl(t, (int) a[0], f, (uint32_t) a[1], a[2]);
    file_put(f);
    return n;
}
