/* SPDX-License-Identifier: Apache-2.0 */
/* flock(2). Record locks are fcntl(2)'s. */
#include <errno.h>

#include "abi/linux/fcntl.h"
#include "kernel/syscall/syscall.h"
#include "kernel/task/task.h"
#include "kernel/vfs/fdtable.h"
#include "kernel/vfs/file.h"
#include "kernel/vfs/locks.h"

long sys_flock(struct task *t, const uint64_t a[static 6])
{
    uint32_t op = (uint32_t) a[1] & ~(uint32_t) LX_LOCK_NB;
    struct file *f;
    if (op != LX_LOCK_SH && op != LX_LOCK_EX && op != LX_LOCK_UN)
        return -EINVAL; /* before the descriptor is looked at */
    int r = fd_lookup(t->files, (int) a[0], &f);
    if (r < 0)
        return r;
    long n = vfs_lock_flock(t, f, (int) a[1]);
    file_put(f);
    return n;
}
