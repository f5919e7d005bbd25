/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Copy-up: an object of the lower gets a copy in the upper before it is changed.
 *
 * The copy is made whole in work: contents, owner, extended attributes, mode, times. One rename
 * puts it at its path. Whatever ends us in between leaves the path as it was. Directories come
 * first, from the top, and are copied without what is in them.
 *
 * An object with several names gets a link in index before it gets its place, so the other names
 * find it:
 *
 *     one who copies up a                    one who looks up b, another name of it
 *     index/DEV-INO -> the copy
 *                                            b is the lower's; index has it: the copy
 *     a -> the copy
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "abi/linux/stat.h"
#include "base/cleanup.h"
#include "fs/union/internal.h"

#define COPY_TRIES 3 /* somebody outside writes to the file while it is copied */

void times_restore(struct node *dir, const struct attr *was)
{
    if (dir->ops->setattr)
        (void) dir->ops->setattr(dir, was, ATTR_ATIME | ATTR_MTIME);
}

static bool same_time(const struct timespec *a, const struct timespec *b)
{
    return a->tv_sec == b->tv_sec && a->tv_nsec == b->tv_nsec;
}

/* Contents as they are at one moment, unless they never stand still. */
static int copy_contents(struct node *from, struct node *to, struct attr *at, uint64_t keep)
{
    for (int i = 0;; i++) {
        struct attr after = {0};
        int r = copy_data(from, to, MIN(keep, at->size));
        if (r == 0)
            r = from->ops->getattr(from, &after);
        if (r < 0 || i == COPY_TRIES - 1 ||
            (same_time(&after.mtime, &at->mtime) && after.size == at->size))
            return r;
        *at = after;
        r = to->ops->setattr(to, &(struct attr){.size = 0}, ATTR_SIZE);
        if (r < 0)
            return r;
    }
}

/* All but the contents. The mode after the owner, which clears bits of it; the times last. */
static int dress(struct union_super *us, struct union_node *un, struct node *to,
                 const struct attr *at, bool whole)
{
    uint32_t last = ATTR_ATIME | (to->type == LX_S_IFLNK ? 0 : ATTR_MODE);
    bool fact = false;
    /* What is cut off has changed it, which cutting the copy once more would not show. */
    last |= whole ? ATTR_MTIME : ATTR_MTIME_NOW;
    int r = upper_set_owner(us, to, at->uid, at->gid, &fact);
    if (r == 0)
        r = copy_xattrs(un->lower, to);
    if (r == 0)
        r = to->ops->setattr(to, at, last);
    if (r == 0 && fact) /* it tells the mode, too */
        r = facts_set_owner(us, to, at->uid, at->gid);
    if (r == 0)
        r = facts_set_origin(us, to, un->lower, false);
    if (r == 0)
        r = facts_set_identity(us, to, un->node.dev, un->node.ino);
    if (r == 0 && fact) {
        atomic_store(&un->owner, (uint64_t) at->uid << 32 | at->gid);
        atomic_store(&un->has_owner, true);
    }
    return r;
}

/* A whole copy in work. */
static int make_copy(struct union_node *un, uint64_t keep, struct attr *ret_attr,
                     char temp[static TEMP_NAME_CAP], struct node **ret)
{
    struct union_super *us = super_of(un);
    struct node *lower = un->lower, *to;
    char target[4096];
    struct create_args a = {0};
    int r = lower->ops->getattr(lower, ret_attr);
    if (r < 0)
        return r;
    a.mode = lower->type | (lower->type == LX_S_IFDIR ? 0700 : 0600);
    a.rdev = ret_attr->rdev;
    if (lower->type == LX_S_IFLNK) {
        ssize_t n = lower->ops->readlink(lower, NULL, target, sizeof(target) - 1);
        if (n < 0)
            return (int) n;
        target[n] = '\0';
        a.target = target;
    }
    uint64_t bytes = lower->type == LX_S_IFREG ? MIN(keep, ret_attr->size) : 0;
    r = quota_take(us, bytes);
    if (r < 0)
        return r;
    r = work_create(us, &a, temp, &to);
    if (r < 0) {
        quota_give(us, bytes);
        return r;
    }
    if (lower->type == LX_S_IFREG)
        r = copy_contents(lower, to, ret_attr, keep);
    if (r == 0)
        r = dress(us, un, to, ret_attr, lower->type != LX_S_IFREG || keep >= ret_attr->size);
    if (r < 0) {
        work_discard(us, temp, to);
        quota_give(us, bytes);
        return r;
    }
    *ret = to;
    return 0;
}

/* [tree_lock] work/temp becomes what un is. */
static int settle(struct union_node *un, const char *temp, struct node *copy)
{
    struct union_super *us = super_of(un);
    struct node *dir;
    struct attr was;
    if (!un->parent) { /* it has lost its last name: it needs none */
        work_remove(us, temp);
        atomic_store(&un->dead, true);
        atomic_store_explicit(&un->upper, copy, memory_order_release);
        return 0;
    }
    int r = union_dir_up(un->parent);
    if (r < 0)
        return r;
    dir = union_upper(un->parent);
    r = dir->ops->getattr(dir, &was);
    if (r == 0)
        r = work_place(us, temp, copy, dir, un->name, 0);
    if (r < 0)
        return r;
    times_restore(dir, &was);
    atomic_store_explicit(&un->upper, copy, memory_order_release);
    return 0;
}

/* ---- directories ---- */

static int one_dir_up(struct union_node *un)
{
    char temp[TEMP_NAME_CAP];
    struct node *copy;
    struct attr a;
    int r = make_copy(un, 0, &a, temp, &copy);
    if (r < 0)
        return r;
    r = settle(un, temp, copy);
    if (r < 0)
        work_discard(super_of(un), temp, copy);
    return r;
}

int union_dir_up(struct union_node *dir)
{
    int r = 0;
    while (!union_upper(dir) && r == 0) {
        struct union_node *top = dir;
        while (top->parent && !union_upper(top->parent))
            top = top->parent;
        r = one_dir_up(top);
    }
    return r;
}

/* ---- the rest ---- */

static int object_up(struct union_node *un, uint64_t keep)
{
    struct union_super *us = super_of(un);
    char temp[TEMP_NAME_CAP];
    struct node *copy;
    struct attr a;
    int r = make_copy(un, keep, &a, temp, &copy);
    if (r < 0)
        return r;
    mutex_lock(&us->sb.tree_lock);
    r = links_enter(un, copy, a.nlink);
    if (r == 0) {
        r = settle(un, temp, copy);
        if (r < 0 && un->indexed)
            links_leave(un, copy);
    }
    mutex_unlock(&us->sb.tree_lock);
    uint64_t bytes = copy->type == LX_S_IFREG ? MIN(keep, a.size) : 0;
    if (r < 0) {
        work_discard(us, temp, copy);
        quota_give(us, bytes);
    } else {
        un->charged = bytes;
    }
    return r;
}

int union_copy_up(struct union_node *un, uint64_t keep)
{
    int r = 0;
    if (union_upper(un))
        return 0;
    if (un->node.type == LX_S_IFDIR) {
        MUTEX_GUARD(&un->node.sb->tree_lock);
        return union_dir_up(un);
    }
    mutex_lock(&un->copy_lock);
    if (!union_upper(un))
        r = object_up(un, keep);
    mutex_unlock(&un->copy_lock);
    return r;
}
