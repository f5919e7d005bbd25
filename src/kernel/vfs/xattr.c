/* SPDX-License-Identifier: Apache-2.0 */
/* Extended attributes: the name spaces' rules of xattr(7). */
#include <errno.h>
#include <string.h>

#include "abi/linux/fcntl.h"
#include "abi/linux/inotify.h"
#include "abi/linux/stat.h"
#include "kernel/task/cred.h"
#include "kernel/vfs/acl.h"
#include "kernel/vfs/attr.h"
#include "kernel/vfs/watch.h"
#include "rpc/spec.h"

static bool has_prefix(const char *name, const char *prefix)
{
    return strncmp(name, prefix, strlen(prefix)) == 0;
}

/* Everybody may write to a sticky directory; its attributes are its owner's. */
static int check_sticky(const struct walkctx *w, const struct path *p)
{
    struct attr a;
    int r = path_getattr(p, &a);
    if (r < 0 || !(a.mode & LX_S_ISVTX) || a.uid == w->cred->fsuid)
        return r;
    return cred_capable(w->cred, LX_CAP_FOWNER) ? 0 : -EPERM;
}

/* May the name be read or written at all? */
static int check_name(const struct walkctx *w, const struct path *p, const char *name, uint32_t may)
{
    const struct node *n = path_node(p);
    size_t len = strlen(name);
    bool write = may & MAY_WRITE;
    if (len == 0 || len > LX_XATTR_NAME_MAX)
        return -ERANGE;
    if (write && (path_mount_flags(p) & MOUNT_F_RDONLY))
        return -EROFS;
    if (has_prefix(name, "user.")) {
        if (n->type != LX_S_IFREG && n->type != LX_S_IFDIR)
            return write ? -EPERM : -ENODATA;
        int r = write && n->type == LX_S_IFDIR ? check_sticky(w, p) : 0;
        if (r < 0)
            return r;
        return path_permission(w, p, may);
    }
    if (has_prefix(name, "trusted."))
        return cred_capable(w->cred, LX_CAP_SYS_ADMIN) ? 0 : write ? -EPERM : -ENODATA;
    if (has_prefix(name, "security.")) {
        int cap = strcmp(name, "security.capability") == 0 ? LX_CAP_SETFCAP : LX_CAP_SYS_ADMIN;
        return !write || cred_capable(w->cred, cap) ? 0 : -EPERM;
    }
    if (has_prefix(name, "system.")) {
        struct attr a;
        if (!acl_is_name(name) || n->type == LX_S_IFLNK)
            return -EOPNOTSUPP;
        int r = write ? path_getattr(p, &a) : 0;
        if (r == 0 && write && a.uid != w->cred->fsuid && !cred_capable(w->cred, LX_CAP_FOWNER))
            r = -EPERM;
        return r;
    }
    int r = path_permission(w, p, may);
    return r < 0 ? r : -EOPNOTSUPP;
}

ssize_t vfs_getxattr(const struct walkctx *w, const struct path *p, const char *name, void *dst,
                     size_t cap)
{
    struct node *n = path_node(p);
    int r = n ? check_name(w, p, name, MAY_READ) : -ENOENT;
    if (r < 0)
        return r;
    return n->ops->getxattr ? n->ops->getxattr(n, name, dst, cap) : -EOPNOTSUPP;
}

ssize_t vfs_listxattr(const struct walkctx *w unused_, const struct path *p, char *dst, size_t cap)
{
    struct node *n = path_node(p);
    if (!n)
        return -ENOENT;
    return n->ops->listxattr ? n->ops->listxattr(n, dst, cap) : -EOPNOTSUPP;
}

/*
 * An access ACL sets permissions like chmod(2): the set-group-ID bit of a group that is not the
 * caller's goes. The host does not know the caller, and keeps what we have allowed.
 */
static int drop_set_group(const struct walkctx *w, struct node *n, const char *name)
{
    struct attr a;
    if (strcmp(name, "system.posix_acl_access") != 0)
        return 0;
    int r = n->ops->getattr(n, &a);
    if (r < 0 || !(a.mode & LX_S_ISGID) || cred_may_set_group(w->cred, a.gid))
        return r;
    a.mode &= ~(uint32_t) LX_S_ISGID;
    return n->ops->setattr ? n->ops->setattr(n, &a, ATTR_MODE) : -EPERM;
}

int vfs_setxattr(const struct walkctx *w, const struct path *p, const char *name, const void *v,
                 size_t len, int flags)
{
    struct node *n = path_node(p);
    if (flags & ~(LX_XATTR_CREATE | LX_XATTR_REPLACE))
        return -EINVAL;
    if (len > LX_XATTR_SIZE_MAX)
        return -E2BIG;
    int r = n ? check_name(w, p, name, MAY_WRITE) : -ENOENT;
    if (r < 0)
        return r;
    r = n->ops->setxattr ? n->ops->setxattr(n, name, v, len, flags) : -EOPNOTSUPP;
    if (r == 0 && acl_is_name(name))
        acl_changed(n);
    if (r == 0)
        r = drop_set_group(w, n, name);
    if (r == 0)
        vfs_saw_at(p, LX_IN_ATTRIB);
    return r;
}

int vfs_removexattr(const struct walkctx *w, const struct path *p, const char *name)
{
    struct node *n = path_node(p);
    int r = n ? check_name(w, p, name, MAY_WRITE) : -ENOENT;
    if (r < 0)
        return r;
    r = n->ops->removexattr ? n->ops->removexattr(n, name) : -EOPNOTSUPP;
    if (r == 0 && acl_is_name(name))
        acl_changed(n);
    if (r == 0)
        vfs_saw_at(p, LX_IN_ATTRIB);
    return r;
}
