/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Shared mounts: mount_namespaces(7), "Shared subtrees". A mount with a group is one of its peers;
 * one with a master receives what happens in that group, and gives nothing back. What is mounted
 * on, or unmounted from one of them is so on all that receive from it, where they show the place.
 * Sources: Linux's Documentation/filesystems/sharedsubtree.rst. vfs.lock is held in all of these.
 */
#include <errno.h>
#include <stdlib.h>

#include "abi/linux/mount.h"
#include "kernel/vfs/mount_table.h"

/* Somebody who receives, and the tree that is to be copied for its like. */
struct receiver {
    struct mount *mnt;
    int from; /* the group it hears of it by */
};

struct receivers {
    struct receiver *list;
    size_t n, cap;
};

static int add(struct receivers *r, struct mount *m, int from)
{
    if (r->n == r->cap) {
        size_t cap = r->cap ? r->cap * 2 : 8;
        struct receiver *more = realloc(r->list, cap * sizeof(*more));
        if (!more)
            return -ENOMEM;
        r->list = more;
        r->cap = cap;
    }
    r->list[r->n++] = (struct receiver){.mnt = m, .from = from};
    return 0;
}

/*
 * Who receives from `m`, itself first, the nearer before those who receive from them. Only mounts
 * that show d, and none of the tree `but`. The caller frees the list.
 */
static int find(struct mount *m, struct dentry *d, struct mount *but, struct receivers *ret)
{
    struct mount *q;
    uint64_t mark = ++m->vfs->last_mark;
    int r = add(ret, m, 0);
    m->mark = mark;
    for (q = but; q; q = mount_next(q, but))
        q->mark = mark;
    for (size_t i = 0; r == 0 && i < ret->n; i++) {
        int group = ret->list[i].mnt->group;
        if (!group)
            continue;
        list_for_each_entry (q, &m->vfs->mounts, all_link) {
            if ((q->group != group && q->master != group) || !atomic_load(&q->ns) ||
                q->mark == mark || !dentry_is_below(d, q->root))
                continue;
            q->mark = mark;
            r = add(ret, q, group);
            if (r < 0)
                break;
        }
    }
    return r;
}

static int new_group(struct vfs *v)
{
    return ++v->last_group;
}

/* What is mounted on a shared mount is shared itself. */
static void share_tree(struct mount *top)
{
    for (struct mount *m = top; m; m = mount_next(m, top))
        if (!m->group)
            m->group = new_group(m->vfs);
}

/* A copy of `of` for a receiver that is a slave: perhaps with peers of its own. */
static void make_slaves(struct mount *top, bool shared)
{
    for (struct mount *m = top; m; m = mount_next(m, top)) {
        m->master = m->group;
        m->group = shared ? new_group(m->vfs) : 0;
    }
}

/* The tree that was hung for the group a receiver hears from, or for one of its own peers. */
static struct mount *model_for(const struct receivers *r, struct mount **trees, size_t i,
                               bool *ret_slave)
{
    const struct receiver *x = &r->list[i];
    for (size_t k = 0; k < i; k++)
        if (trees[k] && x->mnt->group && r->list[k].mnt->group == x->mnt->group) {
            *ret_slave = false;
            return trees[k];
        }
    for (size_t k = 0; k < i; k++)
        if (trees[k] && r->list[k].mnt->group == x->from) {
            *ret_slave = true;
            return trees[k];
        }
    return NULL;
}

static int hang_copies(struct receivers *r, struct mount **trees, struct dentry *d,
                       struct mount **dead)
{
    for (size_t i = 1; i < r->n; i++) {
        bool slave;
        struct mount *q = r->list[i].mnt, *model = model_for(r, trees, i, &slave), *copy;
        if (!model)
            continue;
        int e = mount_tree_copy(model, model->root, true, false, &copy, dead);
        if (e < 0)
            return e;
        if (slave)
            make_slaves(copy, q->group);
        e = mount_hook(copy, q, d);
        if (e < 0) {
            mount_tree_leave(copy, dead);
            return e;
        }
        mount_tree_join(copy, atomic_load(&q->ns));
        trees[i] = copy;
    }
    return 0;
}

int mount_propagate(struct mount *top, struct mount **dead)
{
    struct receivers r = {NULL, 0, 0};
    if (!top->parent->group)
        return 0;
    share_tree(top);
    int e = find(top->parent, top->mountpoint, top, &r);
    struct mount **trees = e == 0 ? calloc(r.n, sizeof(struct mount *)) : NULL;
    if (trees) {
        trees[0] = top;
        e = hang_copies(&r, trees, top->mountpoint, dead);
        for (size_t i = 1; e < 0 && i < r.n; i++)
            if (trees[i])
                mount_tree_leave(trees[i], dead);
    } else if (e == 0) {
        e = -ENOMEM;
    }
    free(trees);
    free(r.list);
    return e;
}

/* The copies of m on those that receive from its parent, but those with something mounted on. */
static int find_copies(struct mount *m, struct receivers *ret)
{
    struct receivers r = {NULL, 0, 0};
    int e = m->parent->group ? find(m->parent, m->mountpoint, NULL, &r) : 0;
    for (size_t i = 1; e == 0 && i < r.n; i++) {
        struct mount *c = mount_at(r.list[i].mnt, m->mountpoint);
        if (c && list_empty(&c->children))
            e = add(ret, c, 0);
    }
    free(r.list);
    return e;
}

bool mount_copies_busy(struct mount *m)
{
    struct receivers r = {NULL, 0, 0};
    bool busy = find_copies(m, &r) < 0;
    for (size_t i = 0; i < r.n; i++)
        busy |= !r.list[i].mnt->counted || ref_count(&r.list[i].mnt->ref) > 1;
    free(r.list);
    return busy;
}

static struct mount *deepest(struct mount *m)
{
    while (!list_empty(&m->children))
        m = list_first_entry(&m->children, struct mount, sibling);
    return m;
}

/* From the leaves up: those above are free to go when what was on them has. */
void mount_leave_everywhere(struct mount *top, struct mount **dead)
{
    while (top->parent) { /* it may go as the copy of one below it */
        struct mount *m = deepest(top);
        struct receivers r = {NULL, 0, 0};
        if (find_copies(m, &r) < 0)
            r.n = 0; /* without memory they stay: a copy too many harms nobody */
        mount_tree_leave(m, dead);
        for (size_t i = 0; i < r.n; i++)
            if (atomic_load(&r.list[i].mnt->ns))
                mount_tree_leave(r.list[i].mnt, dead);
        free(r.list);
    }
}

/* ---- groups ---- */

static bool has_peer(const struct mount *m)
{
    struct mount *q;
    list_for_each_entry (q, &m->vfs->mounts, all_link)
        if (q != m && q->group == m->group)
            return true;
    return false;
}

void mount_leave_group(struct mount *m)
{
    struct mount *q;
    if (m->group && !has_peer(m))
        list_for_each_entry (q, &m->vfs->mounts, all_link)
            if (q->master == m->group)
                q->master = m->master;
    m->group = 0;
}

void mount_change_group(struct mount *m, uint32_t kind)
{
    int group = m->group;
    m->unbindable = kind == LX_MS_UNBINDABLE;
    if (kind == LX_MS_SHARED) {
        if (!group)
            m->group = new_group(m->vfs);
        return;
    }
    bool peers = group && has_peer(m);
    mount_leave_group(m);
    if (kind != LX_MS_SLAVE)
        m->master = 0;
    else if (peers)
        m->master = group;
}

bool mount_tree_has_unbindable(struct mount *top)
{
    for (struct mount *m = top; m; m = mount_next(m, top))
        if (m->unbindable)
            return true;
    return false;
}
