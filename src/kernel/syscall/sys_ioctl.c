/* SPDX-License-Identifier: Apache-2.0 */
/* ioctl(2): what holds for every descriptor; the rest is the object's own. */
#include <errno.h>

#include "abi/linux/fcntl.h"
#include "abi/linux/ioctl.h"
#include "kernel/syscall/ioctl.h"
#include "kernel/syscall/syscall.h"
#include "kernel/task/task.h"
#include "kernel/vfs/async.h"
#include "kernel/vfs/fdtable.h"
#include "kernel/vfs/file.h"

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
    if (!on == !(atomic_load(&f->flags) & LX_O_ASYNC))
        return 0;
    int r = async_switch(t, f, fd, on);
    return r < 0 ? r : set_flag(f, on, LX_O_ASYNC);
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
    long r = file_request(t, f, cmd, arg);
    if (r != NOT_OF_FILES)
        return r;
    return f->ops->ioctl ? f->ops->ioctl(f, t, cmd, arg) : -ENOTTY;
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
