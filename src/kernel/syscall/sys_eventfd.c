/* SPDX-License-Identifier: Apache-2.0 */
/* eventfd(2), eventfd2(2). */
#include <errno.h>

#include "abi/linux/eventfd.h"
#include "fdobj/eventfd.h"
#include "kernel/syscall/syscall.h"
#include "kernel/task/task.h"
#include "kernel/vfs/fdtable.h"

static long do_eventfd(struct task *t, uint32_t count, uint32_t flags)
{
    struct file *f;
    if (flags & ~(uint32_t) (LX_EFD_SEMAPHORE | LX_EFD_CLOEXEC | LX_EFD_NONBLOCK))
        return -EINVAL;
    int r = eventfd_new(count, flags, &f);
    return r < 0 ? r : task_fd_install(t, f, flags & LX_EFD_CLOEXEC);
}

long sys_eventfd(struct task *t, const uint64_t a[static 6])
{
    return do_eventfd(t, (uint32_t) a[0], 0);
}

long sys_eventfd2(struct task *t, const uint64_t a[static 6])
{
    return do_eventfd(t, (uint32_t) a[0], (uint32_t) a[1]);
}
