/* SPDX-License-Identifier: Apache-2.0 */
/* utimensat(2) and its elders utime(2), utimes(2), futimesat(2). */
#include <errno.h>

#include "abi/linux/fcntl.h"
#include "abi/linux/stat.h"
#include "abi/linux/time.h"
#include "kernel/syscall/at.h"
#include "kernel/syscall/syscall.h"
#include "kernel/task/task.h"
#include "kernel/vfs/node.h"

struct times {
    struct lx_timespec at[2]; /* access, modification */
};

static const struct times both_now = {{{0, LX_UTIME_NOW}, {0, LX_UTIME_NOW}}};

/* One of the two as an attribute: its bit of the mask, 0 to leave it, or -EINVAL. */
static int one_time(const struct lx_timespec *from, uint32_t set, uint32_t now, struct timespec *to)
{
    if (from->nsec == LX_UTIME_OMIT)
        return 0;
    if (from->nsec == LX_UTIME_NOW)
        return (int) now;
    if (from->nsec < 0 || from->nsec >= LX_NSEC_PER_SEC)
        return -EINVAL;
    *to = (struct timespec){.tv_sec = from->sec, .tv_nsec = from->nsec};
    return (int) set;
}

/* name 0: the descriptor itself, as futimens(3) asks for. */
static long set_times(struct task *t, int dirfd, uint64_t name, uint32_t flags,
                      const struct times *ts)
{
    struct attr a = {0};
    struct target g;
    if (flags & ~(uint32_t) (LX_AT_SYMLINK_NOFOLLOW | LX_AT_EMPTY_PATH))
        return -EINVAL;
    int atime = one_time(&ts->at[0], ATTR_ATIME, ATTR_ATIME_NOW, &a.atime);
    int mtime = one_time(&ts->at[1], ATTR_MTIME, ATTR_MTIME_NOW, &a.mtime);
    bool by_fd = !name && dirfd != LX_AT_FDCWD;
    if (by_fd && flags)
        return -EINVAL;
    int r = by_fd ? target_fd(t, dirfd, false, &g)
                  : target_at(t, NULL, dirfd, name, at_walk_flags(flags), &g);
    if (r < 0)
        return r;
    r = atime < 0 || mtime < 0 ? -EINVAL : target_setattr(&g, &a, (uint32_t) (atime | mtime));
    target_done(&g);
    return r;
}

long sys_utimensat(struct task *t, const uint64_t a[static 6])
{
    struct times ts = both_now;
    if (a[2] && copy_in(t, ts.at, uaddr(a[2]), sizeof(ts.at)) < 0)
        return -EFAULT;
    if (ts.at[0].nsec == LX_UTIME_OMIT && ts.at[1].nsec == LX_UTIME_OMIT)
        return 0; /* before anything is looked at: utimensat(2), NOTES */
    return set_times(t, (int) a[0], a[1], (uint32_t) a[3], &ts);
}

static int times_from_timeval(struct task *t, uint64_t from, struct times *ret)
{
    struct lx_timeval tv[2];
    *ret = both_now;
    if (!from)
        return 0;
    if (copy_in(t, tv, uaddr(from), sizeof(tv)) < 0)
        return -EFAULT;
    for (int i = 0; i < 2; i++) {
        if (tv[i].usec < 0 || tv[i].usec >= 1000000)
            return -EINVAL;
        ret->at[i] = (struct lx_timespec){tv[i].sec, tv[i].usec * 1000};
    }
    return 0;
}

long sys_utimes(struct task *t, const uint64_t a[static 6])
{
    struct times ts;
    int r = times_from_timeval(t, a[1], &ts);
    return r < 0 ? r : set_times(t, LX_AT_FDCWD, a[0], 0, &ts);
}

long sys_futimesat(struct task *t, const uint64_t a[static 6])
{
    struct times ts;
    int r = times_from_timeval(t, a[2], &ts);
    return r < 0 ? r : set_times(t, (int) a[0], a[1], 0, &ts);
}

long sys_utime(struct task *t, const uint64_t a[static 6])
{
    struct times ts = both_now;
    int64_t seconds[2];
    if (a[1]) {
        if (copy_in(t, seconds, uaddr(a[1]), sizeof(seconds)) < 0)
            return -EFAULT;
        for (int i = 0; i < 2; i++)
            ts.at[i] = (struct lx_timespec){seconds[i], 0};
    }
    return set_times(t, LX_AT_FDCWD, a[0], 0, &ts);
}
