/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Making and removing names. tree_lock is held, and the vfs has just looked the name up: where
 * something is to be made, nothing shows, but a whiteout may stand in the upper.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "abi/linux/fcntl.h"
#include "abi/linux/stat.h"
#include "fs/union/internal.h"
#include "kernel/task/cred.h"

/* ---- create ---- */

/*
 * What an object gets from the directory it is made in, if it was made elsewhere: the group of a
 * set-group-ID directory, and a default access control list, which directories hand on.
 */
static int inherit(struct union_super *us, struct node *n, struct node *dir)
{
    static const char acl[] = "system.posix_acl_default";
    char value[4096];
    struct attr d, own;
    bool fact;
    int r = dir->ops->getattr(dir, &d);
    if (r == 0 && (d.mode & LX_S_ISGID)) {
        r = n->ops->getattr(n, &own);
        if (r == 0)
            r = upper_set_owner(us, n, own.uid, d.gid, &fact);
        if (r == 0 && n->type != LX_S_IFLNK) {
            own.mode |= n->type == LX_S_IFDIR ? (uint32_t) LX_S_ISGID : 0;
            r = n->ops->setattr(n, &own, ATTR_MODE);
        }
    }
    if (r == 0 && n->type == LX_S_IFDIR && dir->ops->getxattr) {
        ssize_t len = dir->ops->getxattr(dir, acl, value, sizeof(value));
        if (len > 0)
            r = n->ops->setxattr(n, acl, value, (size_t) len, 0);
    }
    return r;
}

/* Is there a whiteout of ours? Which? */
static int check_whiteout(struct union_super *us, struct node *upper, const char *name,
                          uint64_t *ret_ino)
{
    struct node *n;
    int r = layer_find(upper, name, &n);
    if (r < 0 || !n)
        return r < 0 ? r : -ENOENT;
    *ret_ino = n->ino;
    if (!facts_is_whiteout(us, n))
        r = -EEXIST;
    node_put(n);
    return r;
}

/* It was replaced. */
static void whiteout_gone(struct union_super *us, uint64_t ino)
{
    facts_forget(us, ino);
    quota_give(us, QUOTA_BLOCK);
}

/* Where a whiteout stands: made in work, then in its place by one rename. */
static int create_over(struct union_super *us, struct union_node *dir, const char *name,
                       const struct create_args *a, struct node **ret)
{
    struct node *upper = union_upper(dir), *lower = NULL, *n;
    char temp[TEMP_NAME_CAP];
    uint64_t whiteout;
    int r = check_whiteout(us, upper, name, &whiteout);
    if (r == 0)
        r = work_create(us, a, temp, &n);
    if (r < 0)
        return r;
    bool is_dir = n->type == LX_S_IFDIR;
    r = inherit(us, n, upper);
    if (r == 0)
        r = lower_find(dir, name, &lower);
    if (r == 0 && is_dir)
        r = facts_set_opaque(us, n);
    if (r == 0 && lower)
        r = facts_set_origin(us, n, lower, true);
    if (r == 0)
        r = work_place(us, temp, n, upper, name, is_dir ? LX_RENAME_EXCHANGE : 0);
    node_put(lower);
    if (r < 0) {
        work_discard(us, temp, n);
        return r;
    }
    if (is_dir)
        work_remove(us, temp); /* they have changed sides */
    else
        whiteout_gone(us, whiteout);
    *ret = n;
    return 0;
}

/* In a plain user's sandbox all that is made belongs to the one id that is mapped. */
static int set_maker(struct union_super *us, struct node *n, const struct cred *c, struct facts *f)
{
    struct attr a;
    bool fact;
    if (!us->k->one_id || !c)
        return 0;
    int r = n->ops->getattr(n, &a);
    uint32_t gid =
        a.gid == us->own_gid ? c->fsgid : a.gid; /* or that of a set-group-ID directory */
    if (r < 0 || (a.uid == c->fsuid && a.gid == gid))
        return r;
    r = upper_set_owner(us, n, c->fsuid, gid, &fact);
    if (r == 0 && fact)
        *f = (struct facts){.has_owner = true, .uid = c->fsuid, .gid = gid};
    return r;
}

int union_create(struct node *dn, const char *name, const struct create_args *a, struct node **ret)
{
    struct union_node *dir = union_node(dn);
    struct union_super *us = super_of(dir);
    struct layers l = {0};
    int r = union_dir_up(dir);
    if (r < 0)
        return r;
    struct node *upper = union_upper(dir);
    if (!upper->ops->create)
        return -EPERM;
    r = quota_take(us, QUOTA_BLOCK);
    if (r < 0)
        return r;
    r = upper->ops->create(upper, name, a, &l.upper);
    if (r < 0)
        quota_give(us, QUOTA_BLOCK);
    if (r == -EEXIST) {
        r = create_over(us, dir, name, a, &l.upper);
    } else if (r == 0) {
        facts_forget(us, l.upper->ino);
    }
    if (r < 0)
        return r;
    union_changed(dir);
    r = set_maker(us, l.upper, a->cred, &l.f);
    if (r < 0) {
        layers_clear(&l);
        return r;
    }
    return union_node_get(us, dir, name, strlen(name), &l, ret);
}

/* ---- link ---- */

int union_before_naming(struct node *n)
{
    return union_copy_up(union_node(n), UINT64_MAX);
}

static int link_over(struct union_super *us, struct node *dir, const char *name,
                     struct node *target)
{
    char temp[TEMP_NAME_CAP];
    uint64_t whiteout;
    int r = check_whiteout(us, dir, name, &whiteout);
    if (r < 0)
        return r;
    work_name(us, temp);
    r = us->work->ops->link(us->work, temp, target);
    if (r < 0)
        return r;
    r = work_place(us, temp, target, dir, name, 0);
    if (r < 0)
        work_remove(us, temp);
    else
        whiteout_gone(us, whiteout);
    return r;
}

int union_link(struct node *dn, const char *name, struct node *target)
{
    struct union_node *dir = union_node(dn), *un = union_node(target);
    struct union_super *us = super_of(dir);
    struct node *real = union_upper(un);
    int r = union_dir_up(dir);
    if (r < 0)
        return r;
    struct node *upper = union_upper(dir);
    if (!real || !upper->ops->link)
        return -EPERM; /* before_naming has brought it up */
    r = upper->ops->link(upper, name, real);
    if (r == -EEXIST) {
        r = link_over(us, upper, name, real);
    }
    if (r < 0)
        return r;
    union_changed(dir);
    atomic_store(&un->dead, false); /* a file of O_TMPFILE has a name now */
    if (!un->parent)
        r = union_place(un, dir, name);
    return r < 0 ? r : links_change(un, 1);
}

/* ---- unlink, rmdir ---- */

/* A directory of the upper in which only whiteouts are left. */
static int remove_upper_dir(struct union_super *us, struct node *dir, const char *name,
                            struct node *n)
{
    char temp[TEMP_NAME_CAP];
    int r = dir->ops->unlink(dir, name, n, true);
    if (r != -ENOTEMPTY && r != -EEXIST)
        return r;
    work_name(us, temp);
    const struct name_move m = {
        .from_dir = dir, .to_dir = us->work, .from = name, .to = temp, .moved = n};
    r = dir->ops->rename(&m);
    if (r == 0)
        work_remove(us, temp);
    return r;
}

int union_unlink(struct node *dn, const char *name, struct node *target, bool is_rmdir)
{
    struct union_node *dir = union_node(dn), *un = union_node(target);
    struct union_super *us = super_of(dir);
    struct node *lower = NULL, *upper;
    int r = is_rmdir ? union_is_empty(un) : 0;
    if (r == 0)
        r = lower_find(dir, name, &lower);
    if (r < 0)
        return r;
    if (lower) {
        r = whiteout_put(us, dir, name, lower, is_rmdir && union_upper(un));
    } else if (!(upper = union_upper(dir))) {
        r = -ENOENT; /* the lower's name went by itself */
    } else if (is_rmdir) {
        r = remove_upper_dir(us, upper, name, union_upper(un));
    } else {
        r = upper->ops->unlink(upper, name, union_upper(un), false);
    }
    node_put(lower);
    if (r < 0)
        return r;
    union_changed(dir);
    union_unnamed(un, dir, name);
    return 0;
}
