/* SPDX-License-Identifier: Apache-2.0 */
/* rename(2), renameat2(2). */
#include <errno.h>

#include "abi/linux/fcntl.h"
#include "abi/linux/stat.h"
#include "kernel/vfs/direct.h"
#include "kernel/vfs/names.h"
#include "kernel/vfs/names_check.h"
#include "kernel/vfs/node.h"
#include "kernel/vfs/watch.h"

struct rename {
    struct walk *from, *to;
    struct dentry *src, *dst; /* referenced; dst NULL: not there */
    uint32_t flags;
};

static bool is_dir(const struct dentry *d)
{
    return d->node->type == LX_S_IFDIR;
}

/* A directory that gets another parent changes itself: its "..". */
static int may_move_dir(const struct walk *from, const struct walk *to, struct dentry *d)
{
    struct path p = {.mnt = from->cur.mnt, .dentry = d};
    if (!is_dir(d) || from->cur.dentry == to->cur.dentry)
        return 0;
    mutex_lock(&d->sb->tree_lock);
    int r = dcache_hold(d);
    mutex_unlock(&d->sb->tree_lock);
    if (r < 0)
        return r == -ESTALE ? -ENOENT : r;
    return path_permission(from->w, &p, MAY_WRITE);
}

static int check_target(struct rename *x)
{
    if (!x->dst)
        return name_may_create(x->to);
    bool as_dir = x->flags & LX_RENAME_EXCHANGE ? is_dir(x->dst) : is_dir(x->src);
    int r = name_may_remove(x->to, x->dst, as_dir);
    if (r == 0 && (x->flags & LX_RENAME_EXCHANGE))
        r = may_move_dir(x->to, x->from, x->dst);
    return r;
}

/* What holds also when both names are the same file. */
static int check_names(struct rename *x)
{
    bool exchange = x->flags & LX_RENAME_EXCHANGE;
    if (x->dst && (x->flags & LX_RENAME_NOREPLACE))
        return -EEXIST;
    if (!x->dst && exchange)
        return -ENOENT;
    bool to_slash = x->to->must_be_dir && !exchange;
    if (!is_dir(x->src) && (x->from->must_be_dir || to_slash))
        return -ENOTDIR;
    if (exchange && x->to->must_be_dir && !is_dir(x->dst))
        return -ENOTDIR;
    return 0;
}

static int check(struct rename *x)
{
    int r = name_may_remove(x->from, x->src, is_dir(x->src));
    if (r == 0)
        r = check_target(x);
    return r == 0 ? may_move_dir(x->from, x->to, x->src) : r;
}

/* [tree_lock] Is `d` the directory `below` or above it? */
static bool is_above(const struct dentry *d, const struct dentry *below)
{
    for (; below; below = below->parent)
        if (below == d)
            return true;
    return false;
}

/* [tree_lock] A directory cannot be moved into itself, nor replaced by what is in it. */
static int check_loops(const struct rename *x)
{
    if (is_above(x->src, x->to->cur.dentry))
        return -EINVAL;
    if (x->dst && is_above(x->dst, x->from->cur.dentry))
        return x->flags & LX_RENAME_EXCHANGE ? -EINVAL : -ENOTEMPTY;
    return 0;
}

/* [tree_lock] Do the names still mean what was checked? 1: no. */
static int check_same(struct rename *x, struct list *dying)
{
    struct dentry *d;
    int r = dcache_peek(x->from->cur.dentry, x->from->last.name, x->from->last.len, &d, dying);
    if (r < 0)
        return r;
    if (d != x->src)
        return 1;
    r = dcache_peek(x->to->cur.dentry, x->to->last.name, x->to->last.len, &d, dying);
    if (r == -ENOENT)
        return x->dst ? 1 : 0;
    return r < 0 ? r : d != x->dst;
}

static int rename_locked(struct rename *x, struct dentry_name *name, struct list *dying)
{
    struct walk *from = x->from, *to = x->to;
    const struct name_move m = {.from_dir = from->cur.dentry->node,
                                .to_dir = to->cur.dentry->node,
                                .from = from->last.name,
                                .to = to->last.name,
                                .moved = x->src->node,
                                .replaced = x->dst ? x->dst->node : NULL,
                                .flags = x->flags};
    int r = check_same(x, dying);
    if (r == 0)
        r = check_loops(x);
    if (r)
        return r;
    if (x->src == x->dst)
        return 0;
    if (!m.from_dir->ops->rename)
        return -EPERM;
    if (atomic_load(&to->cur.dentry->gone))
        return -ENOENT;
    r = m.from_dir->ops->rename(&m);
    if (r < 0)
        return r;
    if (x->flags & LX_RENAME_EXCHANGE)
        dcache_exchange(x->src, x->dst);
    else
        dcache_move(x->src, to->cur.dentry, to->last.name, to->last.len, name, dying);
    return 0;
}

static void tell(const struct rename *x)
{
    const struct walk *from = x->from, *to = x->to;
    bool exchange = x->flags & LX_RENAME_EXCHANGE;
    struct watch_move m = {.from_dir = from->cur.dentry->node,
                           .to_dir = to->cur.dentry->node,
                           .moved = x->src->node,
                           .replaced = x->dst && !exchange ? x->dst->node : NULL,
                           .from = from->last.name,
                           .from_len = from->last.len,
                           .to = to->last.name,
                           .to_len = to->last.len};
    vfs_saw_move(&m);
    direct_names_changed(from->w->task, m.from_dir->sb);
    if (!exchange)
        return;
    m = (struct watch_move){.from_dir = m.to_dir,
                            .to_dir = m.from_dir,
                            .moved = x->dst->node,
                            .from = m.to,
                            .from_len = m.to_len,
                            .to = m.from,
                            .to_len = m.from_len};
    vfs_saw_move(&m);
}

/* 1: the names changed their meaning meanwhile. */
static int try_rename(struct walk *from, struct walk *to, uint32_t flags)
{
    struct rename x = {.from = from, .to = to, .flags = flags};
    struct super *sb = from->cur.dentry->node->sb;
    struct list dying = LIST_INIT(dying);
    struct dentry_name name = {0};
    int r = name_find(from, &x.src);
    if (r < 0)
        return r == -ENOENT ? name_missing(from) : r;
    r = name_find(to, &x.dst);
    if (r == -ENOENT)
        r = 0;
    if (r == 0)
        r = check_names(&x);
    if (r < 0 || x.src == x.dst)
        goto out; /* nothing to do, whatever the permissions */
    mutex_lock(&sb->tree_lock);
    r = check_loops(&x);
    mutex_unlock(&sb->tree_lock);
    if (r == 0)
        r = check(&x);
    if (r == 0)
        r = node_before_naming(x.src->node);
    if (r == 0 && x.dst && (flags & LX_RENAME_EXCHANGE))
        r = node_before_naming(x.dst->node);
    if (r == 0)
        r = dentry_name_alloc(to->last.len, &name);
    if (r == 0) {
        mutex_lock(&sb->tree_lock);
        r = rename_locked(&x, &name, &dying);
        mutex_unlock(&sb->tree_lock);
        dentry_reap(&dying);
        if (r == 0)
            tell(&x);
    }
out:
    dentry_name_free(&name);
    dentry_put(x.src);
    dentry_put(x.dst);
    return r;
}

/* The new name is: but what is not there, or may not be looked at, comes first. */
static int too_long_for(struct walk *from)
{
    struct dentry *d;
    int r = name_find(from, &d);
    if (r < 0)
        return r;
    dentry_put(d);
    return -ENAMETOOLONG;
}

static int rename_walked(struct walk *from, struct walk *to, uint32_t flags)
{
    if (from->cur.mnt != to->cur.mnt || from->cur.dentry->node->sb != to->cur.dentry->node->sb)
        return -EXDEV;
    bool long_from = from->last.kind == LAST_LONG, long_to = to->last.kind == LAST_LONG;
    if (from->last.kind != LAST_NAME && !long_from)
        return -EBUSY;
    if (to->last.kind != LAST_NAME && !long_to)
        return flags & LX_RENAME_NOREPLACE ? -EEXIST : -EBUSY;
    if (long_from || long_to)
        return long_from ? -ENAMETOOLONG : too_long_for(from);
    int r = 1;
    for (int i = 0; i < NAME_RACES && r == 1; i++)
        r = try_rename(from, to, flags);
    return r == 1 ? -EBUSY : r;
}

int vfs_rename(const struct walkctx *w, const struct path *oat, const char *oname,
               const struct path *nat, const char *nname, uint32_t flags)
{
    struct walk from, to;
    if ((flags & ~(uint32_t) (LX_RENAME_NOREPLACE | LX_RENAME_EXCHANGE | LX_RENAME_WHITEOUT)) ||
        ((flags & LX_RENAME_EXCHANGE) && flags != LX_RENAME_EXCHANGE))
        return -EINVAL;
    int r = walk_to_parent(&from, w, oat, oname, WALK_NOFOLLOW | WALK_LONG_LAST);
    if (r == 0) {
        r = walk_to_parent(&to, w, nat, nname, WALK_NOFOLLOW | WALK_LONG_LAST);
        if (r == 0)
            r = rename_walked(&from, &to, flags);
        walk_end(&to);
    }
    walk_end(&from);
    return r;
}
