/* SPDX-License-Identifier: Apache-2.0 */
/* lseek(2), and advice about what will be read: posix_fadvise(2), readahead(2). */
#include <errno.h>

#include "abi/linux/fcntl.h"
#include "abi/linux/stat.h"
#include "kernel/syscall/syscall.h"
#include "kernel/task/task.h"
#include "kernel/vfs/attr.h"
#include "kernel/vfs/direct.h"
#include "kernel/vfs/fdtable.h"

long sys_lseek(struct task *t, const uint64_t a[static 6])
{
    uint32_t whence = (uint32_t) a[2];
    struct file *f;
    int r = fd_lookup(t->files, (int) a[0], &f);
    if (r < 0)
        return r;
    int64_t n = whence > LX_SEEK_HOLE ? -EINVAL : file_seek(f, (int64_t) a[1], (int) whence);
    if (n >= 0)
        direct_consider(t, (int) a[0], f);
    file_put(f);
    return n;
}

#define FADV_LAST 5u /* POSIX_FADV_NOREUSE */

/* Advice binds nobody: it is checked, and the host's own judgement serves all of them. */
long sys_fadvise64(struct task *t, const uint64_t a[static 6])
{
    struct attr at;
    struct file *f;
    int r = fd_lookup(t->files, (int) a[0], &f);
    if (r < 0)
        return r;
    r = file_getattr(f, &at);
    if (r == 0 && (at.mode & LX_S_IFMT) == LX_S_IFIFO)
        r = -ESPIPE;
    else if (r == 0 && ((int64_t) a[2] < 0 || (uint32_t) a[3] > FADV_LAST))
        r = -EINVAL;
    file_put(f);
    return r;
}

long sys_readahead(struct task *t, const uint64_t a[static 6])
{
    struct attr at;
    struct file *f;
    int r = fd_lookup(t->files, (int) a[0], &f);
    if (r < 0)
        return r;
    if ((atomic_load(&f->flags) & LX_O_ACCMODE) == LX_O_WRONLY)
        r = -EBADF;
    if (r == 0)
        r = file_getattr(f, &at);
    if (r == 0 && (at.mode & LX_S_IFMT) != LX_S_IFREG)
        r = -EINVAL;
    file_put(f);
    return r;
}
