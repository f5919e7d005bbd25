/* SPDX-License-Identifier: Apache-2.0 */
/* signalfd(2), signalfd4(2). */
#include <errno.h>

#include "abi/linux/eventfd.h"
#include "fdobj/signalfd.h"
#include "kernel/syscall/syscall.h"
#include "kernel/task/task.h"
#include "kernel/vfs/fdtable.h"
#include "kernel/vfs/file.h"

static long change(struct task *t, int fd, uint64_t mask)
{
    struct file *f;
    int r = fd_lookup(t->files, fd, &f);
    if (r < 0)
        return r;
    bool ok = file_is_signalfd(f);
    if (ok)
        signalfd_set_mask(f, mask);
    file_put(f);
    return ok ? fd : -EINVAL;
}

static long do_signalfd(struct task *t, const uint64_t a[static 6], uint32_t flags)
{
    int fd = (int) a[0];
    uint64_t mask;
    struct file *f;
    if (a[2] != sizeof(mask))
        return -EINVAL;
    if (copy_in(t, &mask, uaddr(a[1]), sizeof(mask)) < 0)
        return -EFAULT;
    if (flags & ~(uint32_t) (LX_SFD_CLOEXEC | LX_SFD_NONBLOCK))
        return -EINVAL;
    if (fd != -1)
        return change(t, fd, mask);
    int r = signalfd_new(t->k, mask, flags, &f);
    return r < 0 ? r : task_fd_install(t, f, flags & LX_SFD_CLOEXEC);
}

long sys_signalfd(struct task *t, const uint64_t a[static 6])
{
    return do_signalfd(t, a, 0);
}

long sys_signalfd4(struct task *t, const uint64_t a[static 6])
{
    return do_signalfd(t, a, (uint32_t) a[3]);
}
