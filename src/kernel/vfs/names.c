/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Making and removing names. Permissions need attributes, which are asked for without a lock; the
 * change itself looks the name up again under tree_lock, and starts over if it now means something
 * else. rename.c has the case of two names.
 */
#include "kernel/vfs/names.h"

#include <errno.h>

#include "abi/linux/inotify.h"
#include "abi/linux/stat.h"
#include "kernel/task/cred.h"
#include "kernel/vfs/acl.h"
#include "kernel/vfs/mount_table.h"
#include "kernel/vfs/names_check.h"
#include "kernel/vfs/node.h"
#include "kernel/vfs/watch.h"
#include "rpc/spec.h"

int name_find(struct walk *s, struct dentry **ret)
{
    struct dentry *dir = s->cur.dentry, *d;
    struct super *sb = dir->node->sb;
    struct list dying = LIST_INIT(dying);
    /* Those who watch want to know of the object when the name is gone. */
    int (*look)(struct dentry *, const char *, size_t, struct dentry **, struct list *) =
        super_is_watched(sb) ? dcache_lookup : dcache_peek;
    mutex_lock(&sb->tree_lock);
    int r = look(dir, s->last.name, s->last.len, &d, &dying);
    if (r == 0)
        *ret = dentry_get(d);
    mutex_unlock(&sb->tree_lock);
    dentry_reap(&dying);
    return r;
}

/* Of what s.last means, or of another thing that got the name meanwhile: then nothing is removed.
 */
static int victim_attr(const struct walk *s, const struct dentry *victim, struct attr *ret)
{
    struct node *dir = s->cur.dentry->node;
    return dir->ops->getattr_at ? dir->ops->getattr_at(dir, s->last.name, ret)
                                : victim->node->ops->getattr(victim->node, ret);
}

/* In a sticky directory only the owner of the file or of the directory, or CAP_FOWNER, removes it.
 */
static int check_sticky(const struct walk *s, const struct dentry *victim)
{
    const struct cred *c = s->w->cred;
    struct attr dir, a;
    if (cred_capable(c, LX_CAP_FOWNER))
        return 0;
    int r = path_getattr(&s->cur, &dir);
    if (r < 0 || !(dir.mode & LX_S_ISVTX) || dir.uid == c->fsuid)
        return r;
    r = victim_attr(s, victim, &a);
    if (r < 0)
        return r;
    return a.uid == c->fsuid ? 0 : -EPERM;
}

int name_missing(const struct walk *s)
{
    return path_mount_flags(&s->cur) & MOUNT_F_RDONLY ? -EROFS : -ENOENT;
}

int name_may_create(const struct walk *s)
{
    int r = path_permission(s->w, &s->cur, MAY_WRITE | MAY_EXEC);
    if (r == 0 && atomic_load(&s->cur.dentry->gone))
        r = -ENOENT;
    return r;
}

int name_may_remove(const struct walk *s, struct dentry *victim, bool as_dir)
{
    bool is_dir = victim->node->type == LX_S_IFDIR;
    int r = path_permission(s->w, &s->cur, MAY_WRITE | MAY_EXEC);
    if (r == 0)
        r = check_sticky(s, victim);
    if (r == 0 && as_dir != is_dir)
        r = is_dir ? -EISDIR : -ENOTDIR;
    /* A mount point is busy, also where all is read-only: most of ours are. */
    if ((r == 0 || r == -EROFS) && dentry_is_busy(victim))
        r = -EBUSY;
    return r;
}

/* ---- creation ---- */

/* The last component of s, unless it is there already. ret: where to put its path; may be NULL. */
static int create_last(struct walk *s, struct create_args *a, struct path *ret)
{
    struct dentry *dir = s->cur.dentry, *d;
    struct super *sb = dir->node->sb;
    struct list dying = LIST_INIT(dying);
    if (s->last.kind != LAST_NAME)
        return -EEXIST;
    int allowed = name_may_create(s);
    if (allowed == 0)
        a->mode = acl_creation_mode(s->w, dir->node, a->mode);
    mutex_lock(&sb->tree_lock);
    int r = dcache_peek(dir, s->last.name, s->last.len, &d, &dying);
    if (r == 0)
        r = -EEXIST;
    else if (r == -ENOENT && (!s->must_be_dir || (a->mode & LX_S_IFMT) == LX_S_IFDIR))
        r = allowed;
    if (r == 0)
        r = dcache_create(dir, s->last.name, s->last.len, a, &d, &dying);
    mutex_unlock(&sb->tree_lock);
    dentry_reap(&dying);
    if (r < 0)
        return r;
    vfs_saw_name(dir->node, s->last.name, s->last.len, LX_IN_CREATE, a->mode & LX_S_IFMT);
    if (ret) {
        *ret = (struct path){.mnt = s->cur.mnt, .dentry = d};
        path_get(ret);
    }
    dentry_put(d);
    return 0;
}

static int create_name(const struct walkctx *w, const struct path *at, const char *name,
                       struct create_args *a, struct path *ret)
{
    struct walk s;
    int r = walk_to_parent(&s, w, at, name, WALK_NOFOLLOW);
    if (r == 0)
        r = create_last(&s, a, ret);
    walk_end(&s);
    return r;
}

int vfs_mknod(const struct walkctx *w, const struct path *at, const char *name, uint32_t mode,
              uint64_t rdev)
{
    struct create_args a = {.mode = mode, .rdev = rdev, .cred = w->cred};
    switch (mode & LX_S_IFMT) {
    case 0:
        a.mode |= LX_S_IFREG;
        break;
    case LX_S_IFCHR:
    case LX_S_IFBLK:
        if (!cred_capable(w->cred, LX_CAP_MKNOD))
            return -EPERM;
        break;
    case LX_S_IFREG:
    case LX_S_IFDIR:
    case LX_S_IFIFO:
    case LX_S_IFSOCK:
        break;
    default:
        return -EINVAL;
    }
    return create_name(w, at, name, &a, NULL);
}

int vfs_mknod_path(const struct walkctx *w, const struct path *at, const char *name, uint32_t mode,
                   struct path *ret)
{
    struct create_args a = {.mode = mode, .cred = w->cred};
    return create_name(w, at, name, &a, ret);
}

int vfs_symlink(const struct walkctx *w, const struct path *at, const char *name,
                const char *target)
{
    struct create_args a = {.mode = LX_S_IFLNK | 0777, .target = target, .cred = w->cred};
    return *target ? create_name(w, at, name, &a, NULL) : -ENOENT;
}

/* ---- link ---- */

static int link_last(struct walk *s, const struct path *old)
{
    struct dentry *dir = s->cur.dentry, *d;
    struct super *sb = dir->node->sb;
    struct node *target = path_node(old);
    struct list dying = LIST_INIT(dying);
    if (s->last.kind != LAST_NAME)
        return -EEXIST;
    int allowed = name_may_create(s);
    bool elsewhere = old->mnt != s->cur.mnt || target->sb != sb;
    if (allowed == 0 && !elsewhere && target->type != LX_S_IFDIR && !s->must_be_dir)
        allowed = node_before_naming(target);
    mutex_lock(&sb->tree_lock);
    int r = dcache_peek(dir, s->last.name, s->last.len, &d, &dying);
    if (r == 0)
        r = -EEXIST;
    else if (r == -ENOENT && !s->must_be_dir)
        r = elsewhere ? -EXDEV : allowed;
    if (r == 0 && atomic_load(&dir->gone))
        r = -ENOENT;
    if (r == 0)
        r = target->type == LX_S_IFDIR || !dir->node->ops->link ? -EPERM : 0;
    if (r == 0)
        r = dir->node->ops->link(dir->node, s->last.name, target);
    if (r == 0)
        dcache_forget(dir, s->last.name, s->last.len, &dying); /* the next lookup finds it */
    mutex_unlock(&sb->tree_lock);
    dentry_reap(&dying);
    if (r == 0)
        vfs_saw_link(dir->node, s->last.name, s->last.len, target);
    return r;
}

int vfs_link(const struct walkctx *w, const struct path *old, const struct path *at,
             const char *name)
{
    struct walk s;
    if (!path_node(old))
        return -ENOENT;
    int r = walk_to_parent(&s, w, at, name, WALK_NOFOLLOW);
    if (r == 0)
        r = link_last(&s, old);
    walk_end(&s);
    return r;
}

int vfs_check_parent(const struct walkctx *w, const struct path *at, const char *name)
{
    struct walk s;
    int r = walk_to_parent(&s, w, at, name, WALK_NOFOLLOW);
    walk_end(&s);
    return r;
}

/* ---- unlink, rmdir ---- */

/* 1: the name means something else by now. */
static int remove_locked(struct walk *s, struct dentry *victim, bool is_rmdir, struct list *dying)
{
    struct dentry *dir = s->cur.dentry, *d;
    int r = dcache_peek(dir, s->last.name, s->last.len, &d, dying);
    if (r < 0)
        return r;
    if (d != victim)
        return 1;
    if (!dir->node->ops->unlink)
        return -EPERM;
    r = dir->node->ops->unlink(dir->node, s->last.name, victim->node, is_rmdir);
    if (r == 0 || r == -ENOENT)
        dcache_drop(victim, true, dying);
    return r;
}

static int remove_last(struct walk *s, bool is_rmdir)
{
    struct super *sb = s->cur.dentry->node->sb;
    struct list dying = LIST_INIT(dying);
    struct dentry *victim;
    int r = name_find(s, &victim);
    if (r < 0)
        return r == -ENOENT ? name_missing(s) : r;
    r = name_may_remove(s, victim, is_rmdir);
    if (r == 0 && s->must_be_dir && !is_rmdir)
        r = -ENOTDIR;
    if (r == 0) {
        mutex_lock(&sb->tree_lock);
        r = remove_locked(s, victim, is_rmdir, &dying);
        mutex_unlock(&sb->tree_lock);
        dentry_reap(&dying);
        if (r == 0)
            vfs_saw_unlink(s->cur.dentry->node, s->last.name, s->last.len, victim->node);
    }
    dentry_put(victim);
    return r;
}

static int check_removable(enum last_kind kind, bool is_rmdir)
{
    if (kind == LAST_NAME)
        return 0;
    if (!is_rmdir)
        return -EISDIR;
    return kind == LAST_DOT ? -EINVAL : kind == LAST_DOTDOT ? -ENOTEMPTY : -EBUSY;
}

int vfs_unlink(const struct walkctx *w, const struct path *at, const char *name, bool is_rmdir)
{
    struct walk s;
    int r = walk_to_parent(&s, w, at, name, WALK_NOFOLLOW);
    if (r == 0)
        r = check_removable(s.last.kind, is_rmdir);
    if (r == 0)
        for (int i = 0; i < NAME_RACES && (r = remove_last(&s, is_rmdir)) == 1; i++)
            ;
    walk_end(&s);
    return r == 1 ? -EBUSY : r;
}
