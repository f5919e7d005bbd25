/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Asking about a name: stat(2), access(2). Where the file system can say it by name, the last
 * component leaves neither dentry nor node behind: whoever goes through a big tree asks for each
 * name once. Nothing is remembered, so nothing can be out of date.
 */
#include <errno.h>

#include "abi/linux/stat.h"
#include "kernel/vfs/acl.h"
#include "kernel/vfs/mount_table.h"
#include "kernel/vfs/walk_state.h"

static bool follows(const struct walk *s)
{
    return s->must_be_dir || !(s->flags & WALK_NOFOLLOW);
}

/* What the cache knows of the last component: 0: nothing that matters, 1: it must be walked to. */
static int look_in_cache(struct walk *s)
{
    struct dentry *dir = s->cur.dentry;
    struct super *sb = dir->node->sb;
    MUTEX_GUARD(&sb->tree_lock);
    struct dentry *d = dcache_find(dir, s->last.name, s->last.len);
    if (!d)
        return 0;
    if (d->ghost || dentry_has_mounts(d))
        return 1;
    if (!d->node)
        return sb->exclusive ? -ENOENT : 0;
    return d->node->type == LX_S_IFLNK && follows(s);
}

/* 0: *ret is it, and s.cur its directory; 1: it must be walked to. */
static int ask_by_name(struct walk *s, struct attr *ret)
{
    struct node *dir = s->cur.dentry->node;
    if (s->last.kind != LAST_NAME || !dir->ops->getattr_at)
        return 1;
    int r = look_in_cache(s);
    if (r)
        return r;
    r = dir->ops->getattr_at(dir, s->last.name, ret);
    if (r == -ENOENT && dir->sb->exclusive)
        return 1; /* to be remembered */
    if (r < 0)
        return r;
    uint32_t type = ret->mode & LX_S_IFMT;
    if (type == LX_S_IFLNK && follows(s))
        return 1;
    if (type != LX_S_IFDIR && (s->must_be_dir || (s->flags & WALK_DIRECTORY)))
        return -ENOTDIR;
    return 0;
}

/* 0: *ret is it, and s.cur its directory; 1: s.cur itself is what the name means. */
static int ask(struct walk *s, struct attr *ret)
{
    for (;;) {
        int r = walk_parent(s);
        if (r < 0)
            return r;
        r = ask_by_name(s, ret);
        if (r <= 0)
            return r;
        r = walk_last(s);
        if (r < 0)
            return r;
        if (r == 0)
            break;
    }
    int r = walk_check_end(s);
    return r < 0 ? r : 1;
}

static int describe(const struct path *p, struct place *ret)
{
    ret->mount_id = path_mount_id(p);
    ret->is_mount_root = path_is_mount_root(p);
    return path_getattr(p, &ret->attr);
}

int path_stat(const struct walkctx *w, const struct path *at, const char *name, uint32_t flags,
              struct place *ret)
{
    struct walk s;
    if (!*name && (flags & WALK_EMPTY))
        return describe(at ? at : &w->cwd, ret);
    int r = walk_begin(&s, w, at, name, flags);
    if (r == 0)
        r = ask(&s, &ret->attr);
    if (r == 1)
        r = describe(&s.cur, ret);
    else if (r == 0) {
        ret->mount_id = path_mount_id(&s.cur);
        ret->is_mount_root = false;
    }
    walk_end(&s);
    return r;
}

/* With the node, which has the access list. */
static int access_walked(const struct walkctx *w, const struct path *at, const char *name,
                         uint32_t flags, uint32_t may)
{
    struct path p;
    int r = path_walk(w, at, name, flags, &p);
    if (r < 0)
        return r;
    r = path_permission(w, &p, may);
    path_put(&p);
    return r;
}

int path_access(const struct walkctx *w, const struct path *at, const char *name, uint32_t flags,
                uint32_t may)
{
    struct walk s;
    struct attr a;
    int r = walk_begin(&s, w, at, name, flags);
    if (r == 0)
        r = ask(&s, &a);
    if (r == 1)
        r = may ? path_permission(w, &s.cur, may) : 0;
    else if (r == 0 && may) /* 1: it takes the node */
        r = acl_may_matter(w->cred, &a) ? 1 : place_permission(w, &s.cur, NULL, &a, may);
    walk_end(&s);
    return r == 1 ? access_walked(w, at, name, flags, may) : r;
}
