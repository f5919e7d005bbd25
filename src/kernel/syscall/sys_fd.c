/* SPDX-License-Identifier: Apache-2.0 */
/* Descriptors: close(2), close_range(2), dup(2), dup2(2), dup3(2). */
#include <errno.h>
#include <limits.h>

#include "abi/linux/fcntl.h"
#include "kernel/kernel.h"
#include "kernel/syscall/fd_limit.h"
#include "kernel/syscall/syscall.h"
#include "kernel/task/task.h"
#include "kernel/vfs/direct.h"
#include "kernel/vfs/fdtable.h"
#include "kernel/vfs/file.h"

long sys_close(struct task *t, const uint64_t a[static 6])
{
    return fd_close_announced(t->files, (int) a[0], t);
}

/* A table of its own, with what is in the shared one. */
static int unshare_table(struct task *t)
{
    struct fdtable *own = fdtable_copy(t->files), *old = t->files;
    if (!own)
        return -ENOMEM;
    direct_part(t, own);
    mutex_lock(&t->k->tasks_lock);
    t->files = own;
    mutex_unlock(&t->k->tasks_lock);
    t->files_shared = false;
    fdtable_put(old, t);
    return 0;
}

long sys_close_range(struct task *t, const uint64_t a[static 6])
{
    uint32_t first = (uint32_t) a[0], last = (uint32_t) a[1], flags = (uint32_t) a[2];
    if ((flags & ~(uint32_t) (LX_CLOSE_RANGE_UNSHARE | LX_CLOSE_RANGE_CLOEXEC)) || first > last)
        return -EINVAL;
    if (flags & LX_CLOSE_RANGE_UNSHARE) {
        int r = unshare_table(t);
        if (r < 0)
            return r;
    }
    if (first > INT_MAX)
        return 0;
    int end = (int) MIN(last, (uint32_t) INT_MAX);
    for (int fd = fd_next(t->files, (int) first); fd >= 0 && fd <= end;
         fd = fd_next(t->files, fd + 1)) {
        /* Another thread may have been faster: then it is closed already. */
        if (flags & LX_CLOSE_RANGE_CLOEXEC)
            (void) !fd_set_cloexec(t->files, fd, true);
        else
            (void) !fd_close(t->files, fd, t);
    }
    return 0;
}

long sys_dup(struct task *t, const uint64_t a[static 6])
{
    struct file *f;
    int r = fd_lookup_any(t->files, (int) a[0], &f);
    return r < 0 ? r : task_fd_install(t, f, false);
}

static long dup_to(struct task *t, int from, int to, bool cloexec)
{
    struct file *f;
    int limit = fd_limit(t);
    if (to < 0 || to >= limit)
        return -EBADF;
    int r = fd_lookup_any(t->files, from, &f);
    return r < 0 ? r : fd_install_at_announced(t->files, f, to, limit, cloexec, t);
}

long sys_dup2(struct task *t, const uint64_t a[static 6])
{
    int from = (int) a[0], to = (int) a[1];
    if (from != to)
        return dup_to(t, from, to, false);
    int r = fd_get_cloexec(t->files, from);
    return r < 0 ? r : to;
}

long sys_dup3(struct task *t, const uint64_t a[static 6])
{
    uint32_t flags = (uint32_t) a[2];
    if ((flags & ~(uint32_t) LX_O_CLOEXEC) || (int) a[0] == (int) a[1])
        return -EINVAL;
    return dup_to(t, (int) a[0], (int) a[1], flags & LX_O_CLOEXEC);
}
