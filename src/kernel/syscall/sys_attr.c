/* SPDX-License-Identifier: Apache-2.0 */
/* chmod(2), chown(2) and their families. Who may do what is attr.c's. */
#include <errno.h>

#include "abi/linux/fcntl.h"
#include "kernel/syscall/at.h"
#include "kernel/syscall/syscall.h"
#include "kernel/task/task.h"
#include "kernel/vfs/node.h"

static long change_at(struct task *t, int dirfd, uint64_t name, uint32_t walk, const struct attr *a,
                      uint32_t mask)
{
    struct target g;
    int r = target_at(t, NULL, dirfd, name, walk, &g);
    if (r < 0)
        return r;
    r = target_setattr(&g, a, mask);
    target_done(&g);
    return r;
}

static long change_fd(struct task *t, int fd, const struct attr *a, uint32_t mask)
{
    struct target g;
    int r = target_fd(t, fd, false, &g);
    if (r < 0)
        return r;
    r = target_setattr(&g, a, mask);
    target_done(&g);
    return r;
}

/* ---- mode ---- */

static struct attr mode_attr(uint64_t mode)
{
    return (struct attr){.mode = (uint32_t) mode & 07777};
}

long sys_chmod(struct task *t, const uint64_t a[static 6])
{
    struct attr m = mode_attr(a[1]);
    return change_at(t, LX_AT_FDCWD, a[0], 0, &m, ATTR_MODE);
}

long sys_fchmod(struct task *t, const uint64_t a[static 6])
{
    struct attr m = mode_attr(a[1]);
    return change_fd(t, (int) a[0], &m, ATTR_MODE);
}

long sys_fchmodat(struct task *t, const uint64_t a[static 6])
{
    struct attr m = mode_attr(a[2]);
    return change_at(t, (int) a[0], a[1], 0, &m, ATTR_MODE);
}

long sys_fchmodat2(struct task *t, const uint64_t a[static 6])
{
    struct attr m = mode_attr(a[2]);
    uint32_t flags = (uint32_t) a[3];
    if (flags & ~(uint32_t) (LX_AT_SYMLINK_NOFOLLOW | LX_AT_EMPTY_PATH))
        return -EINVAL;
    return change_at(t, (int) a[0], a[1], at_walk_flags(flags), &m, ATTR_MODE);
}

/* ---- owner ---- */

/* -1 leaves an id as it is. */
static uint32_t owner_attr(uint64_t uid, uint64_t gid, struct attr *ret)
{
    *ret = (struct attr){.uid = (uint32_t) uid, .gid = (uint32_t) gid};
    return ATTR_CHOWN | (ret->uid != UINT32_MAX ? (uint32_t) ATTR_UID : 0) |
           (ret->gid != UINT32_MAX ? (uint32_t) ATTR_GID : 0);
}

long sys_chown(struct task *t, const uint64_t a[static 6])
{
    struct attr o;
    uint32_t mask = owner_attr(a[1], a[2], &o);
    return change_at(t, LX_AT_FDCWD, a[0], 0, &o, mask);
}

long sys_lchown(struct task *t, const uint64_t a[static 6])
{
    struct attr o;
    uint32_t mask = owner_attr(a[1], a[2], &o);
    return change_at(t, LX_AT_FDCWD, a[0], WALK_NOFOLLOW, &o, mask);
}

long sys_fchown(struct task *t, const uint64_t a[static 6])
{
    struct attr o;
    uint32_t mask = owner_attr(a[1], a[2], &o);
    return change_fd(t, (int) a[0], &o, mask);
}

long sys_fchownat(struct task *t, const uint64_t a[static 6])
{
    struct attr o;
    uint32_t mask = owner_attr(a[2], a[3], &o), flags = (uint32_t) a[4];
    if (flags & ~(uint32_t) (LX_AT_SYMLINK_NOFOLLOW | LX_AT_EMPTY_PATH))
        return -EINVAL;
    return change_at(t, (int) a[0], a[1], at_walk_flags(flags), &o, mask);
}
