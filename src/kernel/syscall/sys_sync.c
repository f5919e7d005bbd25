/* SPDX-License-Identifier: Apache-2.0 */
/* fsync(2), fdatasync(2), sync_file_range(2), syncfs(2), sync(2). */
#include <errno.h>

#include "abi/linux/stat.h"
#include "kernel/kernel.h"
#include "kernel/syscall/syscall.h"
#include "kernel/task/task.h"
#include "kernel/vfs/attr.h"
#include "kernel/vfs/fdtable.h"
#include "kernel/vfs/file.h"
#include "kernel/vfs/mount.h"
#include "kernel/vfs/node.h"

static long sync_file(struct task *t, int fd, bool data_only)
{
    struct file *f;
    int r = fd_lookup(t->files, fd, &f);
    if (r < 0)
        return r;
    r = f->ops->fsync ? f->ops->fsync(f, data_only) : -EINVAL;
    file_put(f);
    return r;
}

long sys_fsync(struct task *t, const uint64_t a[static 6])
{
    return sync_file(t, (int) a[0], false);
}

long sys_fdatasync(struct task *t, const uint64_t a[static 6])
{
    return sync_file(t, (int) a[0], true);
}

#define SYNC_FILE_RANGE_KNOWN 7u

/* More than was asked for: all data of the file is written, and waited for. */
static int sync_range(struct file *f)
{
    struct attr a;
    int r = file_getattr(f, &a);
    if (r < 0)
        return r;
    switch (a.mode & LX_S_IFMT) {
    case LX_S_IFREG:
    case LX_S_IFDIR:
        return f->ops->fsync ? f->ops->fsync(f, true) : 0;
    case LX_S_IFLNK:
    case LX_S_IFBLK:
        return 0;
    default:
        return -ESPIPE;
    }
}

long sys_sync_file_range(struct task *t, const uint64_t a[static 6])
{
    int64_t off = (int64_t) a[1], len = (int64_t) a[2], end;
    uint32_t flags = (uint32_t) a[3];
    struct file *f;
    int r = fd_lookup(t->files, (int) a[0], &f);
    if (r < 0)
        return r;
    if ((flags & ~SYNC_FILE_RANGE_KNOWN) || off < 0 || len < 0 ||
        __builtin_add_overflow(off, len, &end))
        r = -EINVAL;
    else
        r = sync_range(f);
    file_put(f);
    return r;
}

/* A file system that has nothing to write back, or a nameless object: done already. */
long sys_syncfs(struct task *t, const uint64_t a[static 6])
{
    struct file *f;
    int r = fd_lookup(t->files, (int) a[0], &f);
    if (r < 0)
        return r;
    const struct node *n = path_node(&f->path);
    if (n && n->sb->ops->sync)
        r = n->sb->ops->sync(n->sb);
    file_put(f);
    return r;
}

long sys_sync(struct task *t, const uint64_t a[static 6] unused_)
{
    vfs_sync(t->k->vfs);
    return 0;
}
