/* SPDX-License-Identifier: Apache-2.0 */
/* Who may change which attribute: chmod(2), chown(2), utimensat(2), truncate(2). */
#include "kernel/vfs/attr.h"

#include <errno.h>

#include "abi/linux/fcntl.h"
#include "abi/linux/stat.h"
#include "abi/linux/statfs.h"
#include "kernel/kernel.h"
#include "kernel/task/cred.h"
#include "kernel/task/task.h"
#include "kernel/vfs/mount_table.h"
#include "kernel/vfs/walk_state.h"
#include "kernel/vfs/watch.h"
#include "rpc/spec.h"

#define ATTR_TIMES (ATTR_ATIME | ATTR_MTIME | ATTR_ATIME_NOW | ATTR_MTIME_NOW)

int path_getattr(const struct path *p, struct attr *ret)
{
    struct node *n = path_node(p);
    return n ? n->ops->getattr(n, ret) : -ENOENT;
}

int file_getattr(struct file *f, struct attr *ret)
{
    if (f->ops->getattr)
        return f->ops->getattr(f, ret);
    return f->path.dentry ? path_getattr(&f->path, ret) : -EBADF;
}

/* A change as it goes through the checks. */
struct change {
    const struct walkctx *w;
    struct attr now; /* what is there */
    struct attr to;  /* what is wanted */
    uint32_t mask;
};

static bool is_owner(const struct change *c)
{
    return c->w->cred->fsuid == c->now.uid || cred_capable(c->w->cred, LX_CAP_FOWNER);
}

static int check_mode(struct change *c)
{
    if ((c->now.mode & LX_S_IFMT) == LX_S_IFLNK)
        return -EOPNOTSUPP;
    if (!is_owner(c))
        return -EPERM;
    uint32_t gid = c->mask & ATTR_GID ? c->to.gid : c->now.gid;
    c->to.mode = (c->now.mode & LX_S_IFMT) | (c->to.mode & 07777);
    if (!cred_may_set_group(c->w->cred, gid))
        c->to.mode &= ~(uint32_t) LX_S_ISGID;
    return 0;
}

static int check_owner(struct change *c)
{
    const struct cred *cred = c->w->cred;
    bool mine = cred->fsuid == c->now.uid;
    if (c->w->task) {
        const struct id_maps *ids = &c->w->task->k->ids;
        if (((c->mask & ATTR_UID) && !id_is_mapped(&ids->uid, c->to.uid)) ||
            ((c->mask & ATTR_GID) && !id_is_mapped(&ids->gid, c->to.gid)))
            return -EINVAL;
    }
    if (!cred_capable(cred, LX_CAP_CHOWN)) {
        if ((c->mask & ATTR_UID) && !(mine && c->to.uid == c->now.uid))
            return -EPERM;
        if ((c->mask & ATTR_GID) &&
            !(mine && (cred_in_group(cred, c->to.gid) || c->to.gid == c->now.gid)))
            return -EPERM;
    }
    /* Another owner's program must not run as the new one: whoever asks, the bits go. */
    uint32_t mode = c->now.mode;
    if ((mode & LX_S_IFMT) != LX_S_IFDIR && (mode & LX_S_IFMT) != LX_S_IFLNK &&
        !(c->mask & ATTR_MODE)) {
        mode &= ~(uint32_t) LX_S_ISUID;
        if ((mode & LX_S_IXGRP) ||
            (!cred_in_group(cred, c->now.gid) && !cred_capable(cred, LX_CAP_FSETID)))
            mode &= ~(uint32_t) LX_S_ISGID;
        if (mode != c->now.mode && !is_owner(c))
            return -EPERM;
        /* What stays is set again: a file system that has fewer rights than the caller takes it. */
        if (mode != c->now.mode || (mode & LX_S_ISGID)) {
            c->to.mode = mode;
            c->mask |= ATTR_MODE;
        }
    }
    return 0;
}

static int check_times(struct change *c, const struct path *p)
{
    bool explicit_time = c->mask & (ATTR_ATIME | ATTR_MTIME);
    bool both_now = (c->mask & ATTR_TIMES) == (ATTR_ATIME_NOW | ATTR_MTIME_NOW);
    if (is_owner(c))
        return 0;
    if (explicit_time || !both_now)
        return -EPERM;
    return p->dentry ? path_permission(c->w, p, MAY_WRITE) : -EACCES;
}

static int check_type_of_size(const struct change *c)
{
    switch (c->now.mode & LX_S_IFMT) {
    case LX_S_IFREG:
        return 0;
    case LX_S_IFDIR:
        return -EISDIR;
    default:
        return -EINVAL;
    }
}

static int check_change(struct change *c, const struct path *p)
{
    int r = 0;
    if (path_mount_flags(p) & MOUNT_F_RDONLY)
        return -EROFS;
    if (c->mask & ATTR_MODE)
        r = check_mode(c);
    if (r == 0 && (c->mask & (ATTR_UID | ATTR_GID | ATTR_CHOWN)))
        r = check_owner(c);
    if (r == 0 && (c->mask & ATTR_TIMES))
        r = check_times(c, p);
    return r;
}

static int node_setattr(const struct path *p, const struct change *c)
{
    struct node *n = path_node(p);
    if (!n || !n->ops->setattr)
        return -EPERM;
    int r = n->ops->setattr(n, &c->to, c->mask);
    node_search_changed(n);
    if (r == 0)
        vfs_saw_change(p, c->mask);
    return r;
}

int vfs_setattr(const struct walkctx *w, const struct path *p, const struct attr *a, uint32_t mask)
{
    struct change c = {.w = w, .to = *a, .mask = mask};
    int r = path_getattr(p, &c.now);
    if (r == 0 && (mask & ATTR_SIZE))
        r = check_type_of_size(&c);
    if (r == 0)
        r = check_change(&c, p);
    if (r == 0 && (mask & ATTR_SIZE))
        r = path_permission(w, p, MAY_WRITE);
    if (r < 0)
        return r;
    if (!(mask & ATTR_SIZE))
        return node_setattr(p, &c);
    r = node_begin_write(path_node(p));
    if (r < 0)
        return r;
    r = node_setattr(p, &c);
    node_end_write(path_node(p));
    return r;
}

int file_setattr(const struct walkctx *w, struct file *f, const struct attr *a, uint32_t mask)
{
    struct change c = {.w = w, .to = *a, .mask = mask};
    uint32_t flags = atomic_load(&f->flags);
    if (flags & LX_O_PATH)
        return -EBADF;
    int r = file_getattr(f, &c.now);
    if (r == 0 && (mask & ATTR_SIZE)) {
        if ((flags & LX_O_ACCMODE) == LX_O_RDONLY || (c.now.mode & LX_S_IFMT) != LX_S_IFREG)
            return -EINVAL;
    }
    if (r == 0 && (mask & ~(uint32_t) ATTR_SIZE))
        r = check_change(&c, &f->path);
    if (r < 0)
        return r;
    if (!f->ops->setattr)
        return node_setattr(&f->path, &c);
    r = f->ops->setattr(f, &c.to, c.mask);
    if (path_node(&f->path))
        node_search_changed(path_node(&f->path));
    if (r == 0)
        vfs_saw_change(&f->path, c.mask);
    return r;
}

int vfs_statfs(const struct path *p, struct lx_statfs *ret)
{
    struct node *n = path_node(p);
    struct lx_statfs s = {0};
    uint32_t flags = path_mount_flags(p);
    if (!n)
        return -ENOENT;
    int r = n->sb->ops->statfs ? n->sb->ops->statfs(n->sb, &s) : -ENOSYS;
    if (r < 0)
        return r;
    s.flags = LX_ST_VALID;
    s.flags |= flags & MOUNT_F_RDONLY ? LX_ST_RDONLY : 0;
    s.flags |= flags & MOUNT_F_NOSUID ? LX_ST_NOSUID : 0;
    s.flags |= flags & MOUNT_F_NODEV ? LX_ST_NODEV : 0;
    s.flags |= flags & MOUNT_F_NOEXEC ? LX_ST_NOEXEC : 0;
    s.flags |= flags & MOUNT_F_NOATIME ? LX_ST_NOATIME : 0;
    s.flags |= flags & MOUNT_F_NODIRATIME ? LX_ST_NODIRATIME : 0;
    s.flags |= flags & (MOUNT_F_NOATIME | MOUNT_F_STRICTATIME) ? 0 : LX_ST_RELATIME;
    s.flags |= flags & MOUNT_F_NOSYMFOLLOW ? LX_ST_NOSYMFOLLOW : 0;
    *ret = s;
    return 0;
}
