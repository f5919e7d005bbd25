/* SPDX-License-Identifier: Apache-2.0 */
/* truncate(2), ftruncate(2), fallocate(2): the size of a file and what of it takes room. */
#include <errno.h>

#include "abi/linux/fcntl.h"
#include "abi/linux/inotify.h"
#include "abi/linux/stat.h"
#include "kernel/syscall/at.h"
#include "kernel/syscall/fsize.h"
#include "kernel/syscall/syscall.h"
#include "kernel/task/task.h"
#include "kernel/vfs/attr.h"
#include "kernel/vfs/file.h"
#include "kernel/vfs/watch.h"

/* Only growing meets the limit. */
static int check_growth(struct task *t, const struct target *g, uint64_t size)
{
    struct attr now;
    int r = target_getattr(g, &now);
    if (r < 0 || (now.mode & LX_S_IFMT) != LX_S_IFREG || size <= now.size)
        return r;
    return fsize_allows(t, size);
}

long sys_truncate(struct task *t, const uint64_t a[static 6])
{
    struct attr to = {.size = a[1]};
    struct target g;
    if ((int64_t) a[1] < 0)
        return -EINVAL;
    int r = target_at(t, NULL, LX_AT_FDCWD, a[0], 0, &g);
    if (r < 0)
        return r;
    r = check_growth(t, &g, to.size);
    if (r == 0)
        r = vfs_setattr(&g.w, &g.path, &to, ATTR_SIZE);
    target_done(&g);
    return r;
}

long sys_ftruncate(struct task *t, const uint64_t a[static 6])
{
    struct attr to = {.size = a[1]};
    struct target g;
    if ((int64_t) a[1] < 0)
        return -EINVAL;
    int r = target_fd(t, (int) a[0], false, &g);
    if (r < 0)
        return r;
    r = check_growth(t, &g, to.size);
    if (r == 0)
        r = file_setattr(&g.w, g.file, &to, ATTR_SIZE);
    target_done(&g);
    return r;
}

/* ---- fallocate(2) ---- */

#define FALLOC_KNOWN                                                                  \
    (LX_FALLOC_FL_KEEP_SIZE | LX_FALLOC_FL_PUNCH_HOLE | LX_FALLOC_FL_COLLAPSE_RANGE | \
     LX_FALLOC_FL_ZERO_RANGE | LX_FALLOC_FL_INSERT_RANGE | LX_FALLOC_FL_UNSHARE_RANGE)

/* Which flags go together: since Linux 6.12 what may not be is not supported. */
static int check_falloc_mode(uint32_t mode)
{
    uint32_t what = mode & ~(uint32_t) LX_FALLOC_FL_KEEP_SIZE;
    if (mode & ~(uint32_t) FALLOC_KNOWN)
        return -EOPNOTSUPP;
    if (what & (what - 1))
        return -EOPNOTSUPP;
    if (what == LX_FALLOC_FL_PUNCH_HOLE && !(mode & LX_FALLOC_FL_KEEP_SIZE))
        return -EOPNOTSUPP;
    if ((what == LX_FALLOC_FL_COLLAPSE_RANGE || what == LX_FALLOC_FL_INSERT_RANGE) && mode != what)
        return -EOPNOTSUPP;
    return 0;
}

static int check_falloc_file(const struct target *g)
{
    uint32_t flags = atomic_load(&g->file->flags);
    struct attr a;
    if ((flags & LX_O_ACCMODE) == LX_O_RDONLY)
        return -EBADF;
    int r = target_getattr(g, &a);
    if (r < 0)
        return r;
    switch (a.mode & LX_S_IFMT) {
    case LX_S_IFREG:
        return 0;
    case LX_S_IFDIR:
        return -EISDIR;
    case LX_S_IFIFO:
        return -ESPIPE;
    default:
        return -ENODEV;
    }
}

long sys_fallocate(struct task *t, const uint64_t a[static 6])
{
    uint32_t mode = (uint32_t) a[1];
    int64_t off = (int64_t) a[2], len = (int64_t) a[3], end;
    struct target g;
    int r = target_fd(t, (int) a[0], false, &g);
    if (r < 0)
        return r;
    r = off < 0 || len <= 0 ? -EINVAL : check_falloc_mode(mode);
    if (r == 0)
        r = check_falloc_file(&g);
    if (r == 0 && __builtin_add_overflow(off, len, &end))
        r = -EFBIG;
    if (r == 0 && !(mode & LX_FALLOC_FL_KEEP_SIZE))
        r = check_growth(t, &g, (uint64_t) end);
    if (r == 0)
        r = g.file->ops->fallocate ? g.file->ops->fallocate(g.file, (int) mode, off, len)
                                   : -EOPNOTSUPP;
    if (r == 0)
        vfs_saw_file(g.file, LX_IN_MODIFY);
    target_done(&g);
    return r;
}
