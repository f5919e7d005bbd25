/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rename(2) in the union; tree_lock is held and both objects have been brought up.
 *
 * The upper's own rename moves the object. What else a move needs comes before it where nobody can
 * see it, and else after it:
 *
 *   before   a directory that keeps its lower says where that is (redirect); one without says so
 *            (opaque), if the lower has something at its new place; a directory in the way, in
 * which only whiteouts are left, gives way to an empty one after    a whiteout at the old place, if
 * the lower has something there. If the new name is free, the whiteout stands there first and the
 * two change sides: one step, whatever ends us. If it is taken, being ended between the two steps
 * leaves the old name showing the lower's object again, as a copy of it would
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "abi/linux/fcntl.h"
#include "abi/linux/stat.h"
#include "base/cleanup.h"
#include "fs/union/internal.h"

struct move {
    struct union_super *us;
    const struct name_move *m;
    struct union_node *from, *to;       /* directories */
    struct union_node *src, *dst;       /* dst NULL: nothing */
    struct node *from_lower, *to_lower; /* what the lower has at the two names; references */
};

static int find_lowers(struct move *x)
{
    int r = lower_find(x->from, x->m->from, &x->from_lower);
    return r < 0 ? r : lower_find(x->to, x->m->to, &x->to_lower);
}

/* Its lower is found by its name no longer. */
static int keep_lower(struct union_node *dir)
{
    _cleanup_free_ char *path = NULL;
    if (dir->node.type != LX_S_IFDIR || !dir->lower || dir->redirect)
        return 0;
    int r = lower_path(dir, &path);
    if (r == 0)
        r = facts_set_redirect(super_of(dir), union_upper(dir), path);
    if (r == 0)
        dir->redirect = take_ptr(&path);
    return r;
}

/* un gets a name under which the lower has `below`. */
static int prepare_for(struct move *x, struct union_node *un, struct node *below)
{
    struct node *upper = union_upper(un);
    int r = keep_lower(un);
    if (r == 0 && un->node.type == LX_S_IFDIR && !un->lower && below)
        r = facts_set_opaque(x->us, upper);
    return r;
}

/* What is written for those who compare the layers. */
static int note_origins(struct move *x)
{
    int r = facts_set_origin(x->us, union_upper(x->src), x->to_lower, true);
    if (r == 0 && x->dst && (x->m->flags & LX_RENAME_EXCHANGE))
        r = facts_set_origin(x->us, union_upper(x->dst), x->from_lower, true);
    return r;
}

static int upper_rename(struct move *x, uint32_t flags)
{
    const struct name_move m = {.from_dir = union_upper(x->from),
                                .to_dir = union_upper(x->to),
                                .from = x->m->from,
                                .to = x->m->to,
                                .moved = union_upper(x->src),
                                .replaced = x->dst ? union_upper(x->dst) : NULL,
                                .flags = flags};
    return m.from_dir->ops->rename(&m);
}

/* ---- the target ---- */

/* An empty directory of the upper with the attributes of the one it replaces, which may hold
 * whiteouts. */
static int clear_target(struct move *x)
{
    struct node *dir = union_upper(x->to), *old = union_upper(x->dst), *fresh;
    const struct create_args a = {.mode = LX_S_IFDIR | 0700};
    char temp[TEMP_NAME_CAP];
    struct attr was;
    bool fact;
    int r = old->ops->getattr(old, &was);
    if (r == 0)
        r = work_create(x->us, &a, temp, &fresh);
    if (r < 0)
        return r;
    r = upper_set_owner(x->us, fresh, was.uid, was.gid, &fact);
    if (r == 0)
        r = copy_xattrs(old, fresh);
    if (r == 0)
        r = facts_set_opaque(x->us, fresh);
    if (r == 0)
        r = fresh->ops->setattr(fresh, &was, ATTR_MODE | ATTR_ATIME | ATTR_MTIME);
    if (r == 0)
        r = work_place(x->us, temp, fresh, dir, x->m->to, LX_RENAME_EXCHANGE);
    work_discard(x->us, temp, fresh); /* if it has its place it is replaced there at once */
    return r;
}

static int make_way(struct move *x)
{
    if (!x->dst || (x->m->flags & LX_RENAME_EXCHANGE) || x->dst->node.type != LX_S_IFDIR)
        return 0;
    int r = union_is_empty(x->dst);
    return r < 0 || !union_upper(x->dst) ? r : clear_target(x);
}

/* A whiteout in the upper at the new name, when the vfs says that it is free. */
static int forget_whiteout(struct move *x, struct node **ret)
{
    int r = layer_find(union_upper(x->to), x->m->to, ret);
    if (r < 0 || !*ret)
        return r;
    if (!facts_is_whiteout(x->us, *ret)) {
        node_put(*ret);
        *ret = NULL;
        return x->dst ? 0 : -EEXIST;
    }
    return 0;
}

/* ---- the kinds of moves ---- */

static int exchange(struct move *x)
{
    int r = prepare_for(x, x->src, x->to_lower);
    if (r == 0)
        r = prepare_for(x, x->dst, x->from_lower);
    if (r == 0)
        r = upper_rename(x, LX_RENAME_EXCHANGE);
    return r;
}

/* The new name is free, also in the upper or but for a whiteout there. */
static int move_with_whiteout(struct move *x, struct node *standing)
{
    int r = standing ? 0 : whiteout_put(x->us, x->to, x->m->to, x->from_lower, false);
    if (r == 0) {
        r = upper_rename(x, LX_RENAME_EXCHANGE);
        if (r < 0 && !standing) { /* it covers nothing there */
            struct node *dir = union_upper(x->to);
            (void) dir->ops->unlink(dir, x->m->to, NULL, false);
        }
    }
    return r == 0 && standing ? facts_set_whiteout(x->us, standing, x->from_lower) : r;
}

/* Nothing is left behind: the lower has nothing at the old name. A directory does not replace a
 * whiteout, which is a file, but changes sides with it. */
static int move_alone(struct move *x, struct node *standing)
{
    struct node *dir = union_upper(x->from);
    bool is_dir = x->src->node.type == LX_S_IFDIR;
    int r = upper_rename(x, standing && is_dir ? LX_RENAME_EXCHANGE : 0);
    if (r == 0 && standing && is_dir)
        (void) dir->ops->unlink(dir, x->m->from, standing, false);
    if (r == 0 && standing) {
        facts_forget(x->us, standing->ino);
        quota_give(x->us, QUOTA_BLOCK);
    }
    return r;
}

static int replace(struct move *x)
{
    int r = upper_rename(x, 0);
    if (r == 0 && x->from_lower)
        r = whiteout_put(x->us, x->from, x->m->from, x->from_lower, false);
    return r;
}

/* An object found through index has no name of its own in the upper: it gets one. */
static int give_name(struct union_node *un, struct union_node *in, const char *name)
{
    struct node *dir = union_upper(in), *n;
    if (!un->indexed)
        return 0;
    int r = layer_find(dir, name, &n);
    if (r == 0 && !n)
        r = dir->ops->link(dir, name, union_upper(un));
    node_put(n);
    return r;
}

static int move(struct move *x)
{
    struct node *standing = NULL;
    int r = prepare_for(x, x->src, x->to_lower);
    if (r == 0)
        r = make_way(x);
    if (r == 0)
        r = forget_whiteout(x, &standing);
    if (r < 0)
        return r;
    if (x->dst)
        r = replace(x);
    else if (x->from_lower)
        r = move_with_whiteout(x, standing);
    else
        r = move_alone(x, standing);
    node_put(standing);
    return r;
}

/* ---- afterwards ---- */

static int set_places(struct move *x)
{
    const struct name_move *m = x->m;
    bool exchange = m->flags & LX_RENAME_EXCHANGE;
    union_changed(x->from);
    union_changed(x->to);
    if (x->dst && !exchange)
        union_unnamed(x->dst, x->to, m->to);
    int r = union_place(x->src, x->to, m->to);
    if (r == 0 && exchange)
        r = union_place(x->dst, x->from, m->from);
    return r;
}

static int same_device(const struct union_node *a, const struct union_node *b)
{
    return a->node.dev == b->node.dev ? 0 : -EXDEV;
}

int union_rename(const struct name_move *m)
{
    struct move x = {.us = union_super(m->from_dir->sb),
                     .m = m,
                     .from = union_node(m->from_dir),
                     .to = union_node(m->to_dir),
                     .src = union_node(m->moved),
                     .dst = m->replaced ? union_node(m->replaced) : NULL};
    bool exchanges = m->flags & LX_RENAME_EXCHANGE;
    /* Where the lower spans file systems their borders stay. */
    if (m->flags & ~(uint32_t) (LX_RENAME_NOREPLACE | LX_RENAME_EXCHANGE))
        return -EINVAL; /* whiteouts are not what Linux takes for them */
    int r = same_device(x.from, x.to);
    if (r == 0 && x.src == x.dst) /* two names of one object: rename(2) */
        return 0;
    if (r == 0 && (!union_upper(x.src) || (exchanges && !union_upper(x.dst))))
        r = -EBUSY; /* before_naming has brought them up */
    if (r == 0)
        r = union_dir_up(x.from);
    if (r == 0)
        r = union_dir_up(x.to);
    if (r == 0)
        r = find_lowers(&x);
    if (r == 0)
        r = give_name(x.src, x.from, m->from);
    if (r == 0 && exchanges)
        r = give_name(x.dst, x.to, m->to);
    if (r == 0)
        r = note_origins(&x);
    if (r == 0)
        r = exchanges ? exchange(&x) : move(&x);
    node_put(x.from_lower);
    node_put(x.to_lower);
    return r < 0 ? r : set_places(&x);
}
