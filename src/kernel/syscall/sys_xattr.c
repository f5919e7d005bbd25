/* SPDX-License-Identifier: Apache-2.0 */
/* setxattr(2), getxattr(2), listxattr(2), removexattr(2), each by path, by link and by descriptor.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "abi/linux/fcntl.h"
#include "base/cleanup.h"
#include "kernel/syscall/at.h"
#include "kernel/syscall/syscall.h"
#include "kernel/task/task.h"
#include "kernel/vfs/attr.h"

enum way { BY_PATH, BY_LINK, BY_FD };

static int find(struct task *t, enum way way, uint64_t where, struct target *ret)
{
    if (way == BY_FD)
        return target_fd(t, (int) where, false, ret);
    return target_at(t, NULL, LX_AT_FDCWD, where, way == BY_LINK ? WALK_NOFOLLOW : 0, ret);
}

/* Nameless objects have no attributes, and a user's are for files and directories. */
static int check_named(const struct target *g, const char *name, bool write)
{
    if (g->path.dentry)
        return 0;
    if (!name || strncmp(name, "user.", 5) != 0)
        return -EOPNOTSUPP;
    return write ? -EPERM : -ENODATA;
}

static int copy_name(struct task *t, uint64_t from, char name[static LX_XATTR_NAME_MAX + 1])
{
    ssize_t n = copy_in_str(t, name, uaddr(from), LX_XATTR_NAME_MAX + 1);
    if (n == -ENAMETOOLONG || n == 0)
        return -ERANGE;
    return n < 0 ? (int) n : 0;
}

/* ---- set ---- */

static long set(struct task *t, enum way way, const uint64_t a[static 6])
{
    char name[LX_XATTR_NAME_MAX + 1];
    _cleanup_free_ void *value = NULL;
    size_t size = a[3];
    int flags = (int) a[4];
    struct target g;
    if (flags & ~(LX_XATTR_CREATE | LX_XATTR_REPLACE))
        return -EINVAL;
    int r = copy_name(t, a[1], name);
    if (r < 0)
        return r;
    if (size > LX_XATTR_SIZE_MAX)
        return -E2BIG;
    value = malloc(size ? size : 1);
    if (!value)
        return -ENOMEM;
    r = copy_in(t, value, uaddr(a[2]), size);
    if (r == 0)
        r = find(t, way, a[0], &g);
    if (r < 0)
        return r;
    r = check_named(&g, name, true);
    if (r == 0)
        r = vfs_setxattr(&g.w, &g.path, name, value, size, flags);
    target_done(&g);
    return r;
}

long sys_setxattr(struct task *t, const uint64_t a[static 6])
{
    return set(t, BY_PATH, a);
}

long sys_lsetxattr(struct task *t, const uint64_t a[static 6])
{
    return set(t, BY_LINK, a);
}

long sys_fsetxattr(struct task *t, const uint64_t a[static 6])
{
    return set(t, BY_FD, a);
}

/* ---- get, list ---- */

/* name NULL: the list of names. Size 0 asks for the length alone. */
static long read_out(struct task *t, enum way way, uint64_t where, const char *name, uaddr_t to,
                     uint64_t size)
{
    size_t cap = MIN(size, (uint64_t) (name ? LX_XATTR_SIZE_MAX : LX_XATTR_LIST_MAX));
    _cleanup_free_ char *buf = malloc(cap ? cap : 1);
    struct target g;
    if (!buf)
        return -ENOMEM;
    int r = find(t, way, where, &g);
    if (r < 0)
        return r;
    ssize_t n = check_named(&g, name, false);
    if (n < 0 && !name)
        n = 0; /* an empty list is what they have */
    else if (n == 0)
        n = name ? vfs_getxattr(&g.w, &g.path, name, buf, cap)
                 : vfs_listxattr(&g.w, &g.path, buf, cap);
    target_done(&g);
    if (n <= 0 || cap == 0)
        return n;
    return copy_out(t, to, buf, (size_t) n) < 0 ? -EFAULT : n;
}

static long get(struct task *t, enum way way, const uint64_t a[static 6])
{
    char name[LX_XATTR_NAME_MAX + 1];
    int r = copy_name(t, a[1], name);
    return r < 0 ? r : read_out(t, way, a[0], name, uaddr(a[2]), a[3]);
}

long sys_getxattr(struct task *t, const uint64_t a[static 6])
{
    return get(t, BY_PATH, a);
}

long sys_lgetxattr(struct task *t, const uint64_t a[static 6])
{
    return get(t, BY_LINK, a);
}

long sys_fgetxattr(struct task *t, const uint64_t a[static 6])
{
    return get(t, BY_FD, a);
}

long sys_listxattr(struct task *t, const uint64_t a[static 6])
{
    return read_out(t, BY_PATH, a[0], NULL, uaddr(a[1]), a[2]);
}

long sys_llistxattr(struct task *t, const uint64_t a[static 6])
{
    return read_out(t, BY_LINK, a[0], NULL, uaddr(a[1]), a[2]);
}

long sys_flistxattr(struct task *t, const uint64_t a[static 6])
{
    return read_out(t, BY_FD, a[0], NULL, uaddr(a[1]), a[2]);
}

/* ---- remove ---- */

static long take_away(struct task *t, enum way way, const uint64_t a[static 6])
{
    char name[LX_XATTR_NAME_MAX + 1];
    struct target g;
    int r = copy_name(t, a[1], name);
    if (r == 0)
        r = find(t, way, a[0], &g);
    if (r < 0)
        return r;
    r = check_named(&g, name, true);
    if (r == 0)
        r = vfs_removexattr(&g.w, &g.path, name);
    target_done(&g);
    return r;
}

long sys_removexattr(struct task *t, const uint64_t a[static 6])
{
    return take_away(t, BY_PATH, a);
}

long sys_lremovexattr(struct task *t, const uint64_t a[static 6])
{
    return take_away(t, BY_LINK, a);
}

long sys_fremovexattr(struct task *t, const uint64_t a[static 6])
{
    return take_away(t, BY_FD, a);
}
