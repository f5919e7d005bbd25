/* SPDX-License-Identifier: Apache-2.0 */
/* stat(2), fstat(2), lstat(2), fstatat(2), statx(2). */
#include <errno.h>

#include "abi/linux/fcntl.h"
#include "abi/linux/stat.h"
#include "kernel/syscall/at.h"
#include "kernel/syscall/syscall.h"
#include "kernel/task/task.h"
#include "kernel/vfs/attr.h"
#include "kernel/vfs/fdtable.h"

static struct lx_timespec to_lx(const struct timespec *t)
{
    return (struct lx_timespec){t->tv_sec, t->tv_nsec};
}

static long put_stat(struct task *t, uint64_t to, const struct attr *a)
{
    struct lx_stat s = {
        .dev = a->dev,
        .ino = a->ino,
        .nlink = a->nlink,
        .mode = a->mode,
        .uid = a->uid,
        .gid = a->gid,
        .rdev = a->rdev,
        .size = (int64_t) a->size,
        .blksize = a->blksize,
        .blocks = (int64_t) a->blocks,
        .atime = to_lx(&a->atime),
        .mtime = to_lx(&a->mtime),
        .ctime = to_lx(&a->ctime),
    };
    return copy_out(t, uaddr(to), &s, sizeof(s));
}

/* Since Linux 6.11 a null name will do for a descriptor, too. */
static uint32_t stat_walk_flags(uint32_t at_flags)
{
    return at_walk_flags(at_flags) | (at_flags & LX_AT_EMPTY_PATH ? (uint32_t) WALK_NULL : 0);
}

static long stat_at(struct task *t, int dirfd, uint64_t name, uint32_t walk_flags, uint64_t to)
{
    struct place p;
    int r = target_stat(t, dirfd, name, walk_flags, &p);
    return r < 0 ? r : put_stat(t, to, &p.attr);
}

long sys_stat(struct task *t, const uint64_t a[static 6])
{
    return stat_at(t, LX_AT_FDCWD, a[0], 0, a[1]);
}

long sys_lstat(struct task *t, const uint64_t a[static 6])
{
    return stat_at(t, LX_AT_FDCWD, a[0], WALK_NOFOLLOW, a[1]);
}

long sys_newfstatat(struct task *t, const uint64_t a[static 6])
{
    uint32_t flags = (uint32_t) a[3];
    if (flags & ~(uint32_t) (LX_AT_SYMLINK_NOFOLLOW | LX_AT_NO_AUTOMOUNT | LX_AT_EMPTY_PATH))
        return -EINVAL;
    return stat_at(t, (int) a[0], a[1], stat_walk_flags(flags), a[2]);
}

long sys_fstat(struct task *t, const uint64_t a[static 6])
{
    struct attr at;
    struct file *f;
    int r = fd_lookup_any(t->files, (int) a[0], &f);
    if (r < 0)
        return r;
    r = file_getattr(f, &at);
    file_put(f);
    return r < 0 ? r : put_stat(t, a[1], &at);
}

/* ---- statx(2) ---- */

static struct lx_statx_timestamp to_statx(const struct timespec *t)
{
    return (struct lx_statx_timestamp){.sec = t->tv_sec, .nsec = (uint32_t) t->tv_nsec};
}

static struct lx_statx fill_statx(const struct place *p)
{
    const struct attr *a = &p->attr;
    struct lx_statx s = {
        .mask = LX_STATX_BASIC_STATS,
        .blksize = a->blksize,
        .nlink = a->nlink,
        .uid = a->uid,
        .gid = a->gid,
        .mode = (uint16_t) a->mode,
        .ino = a->ino,
        .size = a->size,
        .blocks = a->blocks,
        .atime = to_statx(&a->atime),
        .ctime = to_statx(&a->ctime),
        .mtime = to_statx(&a->mtime),
        .rdev_major = lx_major(a->rdev),
        .rdev_minor = lx_minor(a->rdev),
        .dev_major = lx_major(a->dev),
        .dev_minor = lx_minor(a->dev),
    };
    if (p->mount_id) {
        s.mask |= LX_STATX_MNT_ID;
        s.mnt_id = (uint64_t) p->mount_id;
        s.attributes_mask |= LX_STATX_ATTR_MOUNT_ROOT;
        s.attributes |= p->is_mount_root ? LX_STATX_ATTR_MOUNT_ROOT : 0;
    }
    if (a->btime.tv_nsec >= 0) {
        s.mask |= LX_STATX_BTIME;
        s.btime = to_statx(&a->btime);
    }
    return s;
}

#define STATX_SYNC  (LX_AT_STATX_FORCE_SYNC | LX_AT_STATX_DONT_SYNC)
#define STATX_FLAGS (LX_AT_SYMLINK_NOFOLLOW | LX_AT_NO_AUTOMOUNT | LX_AT_EMPTY_PATH | STATX_SYNC)

long sys_statx(struct task *t, const uint64_t a[static 6])
{
    uint32_t flags = (uint32_t) a[2], mask = (uint32_t) a[3];
    struct lx_statx s;
    struct place p;
    if ((mask & LX_STATX_RESERVED) || (flags & ~(uint32_t) STATX_FLAGS) ||
        (flags & STATX_SYNC) == STATX_SYNC)
        return -EINVAL;
    int r = target_stat(t, (int) a[0], a[1], stat_walk_flags(flags), &p);
    if (r < 0)
        return r;
    s = fill_statx(&p);
    return copy_out(t, uaddr(a[4]), &s, sizeof(s));
}
