/* SPDX-License-Identifier: Apache-2.0 */
/* Names made, removed and moved: mkdir(2), mknod(2), rmdir(2), unlink(2), rename(2), link(2),
 * symlink(2), readlink(2). */
#include <errno.h>

#include "abi/linux/fcntl.h"
#include "abi/linux/stat.h"
#include "kernel/syscall/at.h"
#include "kernel/syscall/syscall.h"
#include "kernel/task/task.h"
#include "kernel/vfs/file.h"
#include "kernel/vfs/names.h"
#include "kernel/vfs/node.h"

/* ---- make ---- */

static long make_at(struct task *t, int dirfd, uint64_t name, uint32_t mode, uint64_t rdev)
{
    struct walkctx w;
    struct at_name n;
    int r = at_name_get(t, dirfd, name, &n);
    if (r < 0)
        return r;
    walkctx_init(&w, t);
    r = vfs_mknod(&w, at_name_start(&n), n.text, mode, rdev);
    walkctx_done(&w);
    at_name_done(&n);
    return r;
}

static long mkdir_at(struct task *t, int dirfd, uint64_t name, uint64_t mode)
{
    return make_at(t, dirfd, name, LX_S_IFDIR | ((uint32_t) mode & 01777), 0);
}

long sys_mkdir(struct task *t, const uint64_t a[static 6])
{
    return mkdir_at(t, LX_AT_FDCWD, a[0], a[1]);
}

long sys_mkdirat(struct task *t, const uint64_t a[static 6])
{
    return mkdir_at(t, (int) a[0], a[1], a[2]);
}

static long mknod_at(struct task *t, int dirfd, uint64_t name, uint64_t mode, uint64_t rdev)
{
    uint32_t type = (uint32_t) mode & LX_S_IFMT;
    switch (type) {
    case 0:
    case LX_S_IFREG:
    case LX_S_IFIFO:
    case LX_S_IFSOCK:
    case LX_S_IFCHR:
    case LX_S_IFBLK:
        return make_at(t, dirfd, name, type | ((uint32_t) mode & 07777), (uint32_t) rdev);
    case LX_S_IFDIR:
        return -EPERM;
    default:
        return -EINVAL;
    }
}

long sys_mknod(struct task *t, const uint64_t a[static 6])
{
    return mknod_at(t, LX_AT_FDCWD, a[0], a[1], a[2]);
}

long sys_mknodat(struct task *t, const uint64_t a[static 6])
{
    return mknod_at(t, (int) a[0], a[1], a[2], a[3]);
}

/* ---- remove ---- */

static long remove_at(struct task *t, int dirfd, uint64_t name, bool is_rmdir)
{
    struct walkctx w;
    struct at_name n;
    int r = at_name_get(t, dirfd, name, &n);
    if (r < 0)
        return r;
    walkctx_init(&w, t);
    r = vfs_unlink(&w, at_name_start(&n), n.text, is_rmdir);
    walkctx_done(&w);
    at_name_done(&n);
    return r;
}

long sys_unlink(struct task *t, const uint64_t a[static 6])
{
    return remove_at(t, LX_AT_FDCWD, a[0], false);
}

long sys_rmdir(struct task *t, const uint64_t a[static 6])
{
    return remove_at(t, LX_AT_FDCWD, a[0], true);
}

long sys_unlinkat(struct task *t, const uint64_t a[static 6])
{
    uint32_t flags = (uint32_t) a[2];
    if (flags & ~(uint32_t) LX_AT_REMOVEDIR)
        return -EINVAL;
    return remove_at(t, (int) a[0], a[1], flags & LX_AT_REMOVEDIR);
}

/* ---- rename ---- */

static long rename_at(struct task *t, int odirfd, uint64_t oname, int ndirfd, uint64_t nname,
                      uint32_t flags)
{
    struct walkctx w;
    struct at_name from, to;
    if ((flags & ~(uint32_t) (LX_RENAME_NOREPLACE | LX_RENAME_EXCHANGE | LX_RENAME_WHITEOUT)) ||
        ((flags & LX_RENAME_EXCHANGE) && flags != LX_RENAME_EXCHANGE))
        return -EINVAL;
    int r = at_name_get(t, odirfd, oname, &from);
    if (r < 0)
        return r;
    r = at_name_get(t, ndirfd, nname, &to);
    walkctx_init(&w, t);
    if (r == 0) {
        r = vfs_rename(&w, at_name_start(&from), from.text, at_name_start(&to), to.text, flags);
        at_name_done(&to);
    } else { /* found out after the walk to the old name */
        int first = vfs_check_parent(&w, at_name_start(&from), from.text);
        r = first < 0 ? first : r;
    }
    walkctx_done(&w);
    at_name_done(&from);
    return r;
}

long sys_rename(struct task *t, const uint64_t a[static 6])
{
    return rename_at(t, LX_AT_FDCWD, a[0], LX_AT_FDCWD, a[1], 0);
}

long sys_renameat(struct task *t, const uint64_t a[static 6])
{
    return rename_at(t, (int) a[0], a[1], (int) a[2], a[3], 0);
}

long sys_renameat2(struct task *t, const uint64_t a[static 6])
{
    return rename_at(t, (int) a[0], a[1], (int) a[2], a[3], (uint32_t) a[4]);
}

/* ---- link ---- */

static long link_at(struct task *t, int odirfd, uint64_t oname, int ndirfd, uint64_t nname,
                    uint32_t flags)
{
    struct target old;
    struct at_name to;
    uint32_t walk = flags & LX_AT_SYMLINK_FOLLOW ? 0 : WALK_NOFOLLOW;
    if (flags & ~(uint32_t) (LX_AT_SYMLINK_FOLLOW | LX_AT_EMPTY_PATH))
        return -EINVAL;
    /* A descriptor that was handed in must not become a name: only for those who could reach the
     * file anyway. */
    if ((flags & LX_AT_EMPTY_PATH) && !cred_capable(t->cred, LX_CAP_DAC_READ_SEARCH))
        return -ENOENT;
    if (flags & LX_AT_EMPTY_PATH)
        walk |= WALK_EMPTY;
    int r = target_at(t, NULL, odirfd, oname, walk, &old);
    if (r < 0)
        return r;
    r = at_name_get(t, ndirfd, nname, &to);
    if (r == 0) {
        r = old.path.dentry ? vfs_link(&old.w, &old.path, at_name_start(&to), to.text) : -EXDEV;
        at_name_done(&to);
    }
    target_done(&old);
    return r;
}

long sys_link(struct task *t, const uint64_t a[static 6])
{
    return link_at(t, LX_AT_FDCWD, a[0], LX_AT_FDCWD, a[1], 0);
}

long sys_linkat(struct task *t, const uint64_t a[static 6])
{
    return link_at(t, (int) a[0], a[1], (int) a[2], a[3], (uint32_t) a[4]);
}

/* ---- symbolic links ---- */

static long symlink_at(struct task *t, uint64_t text, int dirfd, uint64_t name)
{
    char target[GUEST_PATH_MAX];
    struct walkctx w;
    struct at_name n;
    ssize_t len = copy_in_str(t, target, uaddr(text), sizeof(target));
    if (len <= 0)
        return len < 0 ? len : -ENOENT;
    int r = at_name_get(t, dirfd, name, &n);
    if (r < 0)
        return r;
    walkctx_init(&w, t);
    r = vfs_symlink(&w, at_name_start(&n), n.text, target);
    walkctx_done(&w);
    at_name_done(&n);
    return r;
}

long sys_symlink(struct task *t, const uint64_t a[static 6])
{
    return symlink_at(t, a[0], LX_AT_FDCWD, a[1]);
}

long sys_symlinkat(struct task *t, const uint64_t a[static 6])
{
    return symlink_at(t, a[0], (int) a[1], a[2]);
}

/* A descriptor of a link itself (O_PATH | O_NOFOLLOW) is read with an empty name, without any flag.
 */
static long readlink_at(struct task *t, int dirfd, uint64_t name, uint64_t to, int32_t size)
{
    char text[GUEST_PATH_MAX];
    struct target g;
    if (size <= 0)
        return -EINVAL;
    int r = target_at(t, NULL, dirfd, name,
                      WALK_NOFOLLOW | (dirfd == LX_AT_FDCWD ? 0u : (uint32_t) WALK_EMPTY), &g);
    if (r < 0)
        return r;
    struct node *n = path_node(&g.path);
    ssize_t len = g.file ? -ENOENT : -EINVAL;
    if (n && n->type == LX_S_IFLNK && n->ops->readlink)
        len = n->ops->readlink(n, t, text, sizeof(text));
    target_done(&g);
    if (len < 0)
        return len;
    len = MIN(len, (ssize_t) size);
    return copy_out(t, uaddr(to), text, (size_t) len) < 0 ? -EFAULT : len;
}

long sys_readlink(struct task *t, const uint64_t a[static 6])
{
    return readlink_at(t, LX_AT_FDCWD, a[0], a[1], (int32_t) a[2]);
}

long sys_readlinkat(struct task *t, const uint64_t a[static 6])
{
    return readlink_at(t, (int) a[0], a[1], a[2], (int32_t) a[3]);
}
