/* SPDX-License-Identifier: Apache-2.0 */
/* Trees of mounts: their making, how they hang in each other, and their end. See mount_table.h. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/vfs/mount_table.h"
#include "rpc/spec.h"

/* ---- life ---- */

void mount_discard(struct mount *m)
{
    struct vfs *v = m->vfs;
    struct super *sb = m->sb;
    mutex_lock(&v->lock);
    list_del(&m->all_link);
    v->n_mounts--;
    mount_leave_group(m);
    mutex_unlock(&v->lock);
    dentry_put(m->root);
    free(m->source);
    free(m);
    if (sb && atomic_fetch_sub(&sb->n_mounts, 1) == 1)
        super_end(sb);
}

/* A file system's first mount gives it the dentry that all of its mounts are below. */
static int root_of(struct super *sb, struct dentry *root, struct dentry **ret)
{
    if (!root && !sb->top && sb->root)
        sb->top = dentry_new(NULL, NULL, "/", 1, sb->root);
    if (!root)
        root = sb->top;
    if (!root && sb->root)
        return -ENOMEM;
    *ret = root ? dentry_get(root) : NULL;
    return 0;
}

int mount_alloc(struct vfs *v, struct super *sb, struct dentry *root, uint32_t flags,
                const char *source, struct mount **ret)
{
    if (v->n_mounts >= MOUNTS_MAX)
        return -ENOSPC;
    struct mount *m = calloc(1, sizeof(*m));
    if (!m)
        return -ENOMEM;
    m->source = strdup(source ? source : "none");
    int r = m->source ? root_of(sb, root, &m->root) : -ENOMEM;
    if (r < 0) {
        free(m->source);
        free(m);
        return r;
    }
    ref_init(&m->ref);
    m->vfs = v;
    m->counted = true;
    m->sb = sb;
    atomic_fetch_add(&sb->n_mounts, 1);
    atomic_init(&m->flags, flags);
    list_init(&m->children);
    list_init(&m->sibling);
    list_add_tail(&m->all_link, &v->mounts);
    v->n_mounts++;
    m->id = ++v->last_id;
    *ret = m;
    return 0;
}

/* Its last reference is gone. What is still mounted below it goes, too: in a list, for the tree may
 * be deep. */
static void mount_free(struct mount *m)
{
    struct vfs *v = m->vfs;
    m->next_dead = NULL;
    for (struct mount *dead = m; (m = dead);) {
        dead = m->next_dead;
        struct dentry *point = m->mountpoint;
        mutex_lock(&v->lock);
        while (!list_empty(&m->children)) {
            struct mount *c = list_first_entry(&m->children, struct mount, sibling);
            c->mountpoint = mount_unhook(c);
            if (c->counted && ref_put(&c->ref)) {
                c->next_dead = dead;
                dead = c;
            } else {
                struct dentry *d = c->mountpoint;
                c->mountpoint = NULL;
                mutex_unlock(&v->lock);
                dentry_put(d);
                mutex_lock(&v->lock);
            }
        }
        mutex_unlock(&v->lock);
        mount_discard(m);
        dentry_put(point);
    }
}

void mount_put_counted(struct mount *m)
{
    if (unlikely(atomic_load_explicit(&m->expiring, memory_order_relaxed)))
        atomic_store(&m->expiring, false);
    if (ref_put(&m->ref))
        mount_free(m);
}

void mount_bury(struct mount *dead)
{
    while (dead) {
        struct mount *m = dead;
        struct dentry *point = m->mountpoint;
        dead = m->next_dead;
        m->next_dead = NULL;
        m->mountpoint = NULL;
        mount_put(m);
        dentry_put(point);
    }
}

/* ---- hooks ---- */

static int hook(struct mount *m, struct mount *parent, struct dentry *d, bool even_gone)
{
    for (struct mount *over; (over = mount_at(parent, d));) {
        parent = over;
        d = over->root;
    }
    struct super *sb = dentry_super(d);
    mutex_lock(&sb->tree_lock);
    if (!even_gone && atomic_load(&d->gone)) {
        mutex_unlock(&sb->tree_lock);
        return -ENOENT;
    }
    m->parent = parent;
    m->mountpoint = dentry_get(d);
    m->next_here = atomic_load(&d->mounts);
    atomic_store_explicit(&d->mounts, m, memory_order_release);
    mutex_unlock(&sb->tree_lock);
    list_add_tail(&m->sibling, &parent->children);
    return 0;
}

int mount_hook(struct mount *m, struct mount *parent, struct dentry *d)
{
    return hook(m, parent, d, false);
}

struct dentry *mount_unhook(struct mount *m)
{
    struct dentry *d = m->mountpoint;
    struct super *sb = dentry_super(d);
    mutex_lock(&sb->tree_lock);
    struct mount *at = atomic_load(&d->mounts);
    if (at == m) {
        atomic_store_explicit(&d->mounts, m->next_here, memory_order_release);
    } else {
        while (at->next_here != m)
            at = at->next_here;
        at->next_here = m->next_here;
    }
    m->next_here = NULL;
    m->parent = NULL;
    mutex_unlock(&sb->tree_lock);
    m->mountpoint = NULL;
    list_del(&m->sibling);
    list_init(&m->sibling);
    return d;
}

bool mount_up(struct mount *m, struct path *ret)
{
    MUTEX_GUARD(&m->vfs->lock);
    struct mount *parent = m->parent;
    if (!parent || (parent->counted && !ref_tryget(&parent->ref)))
        return false;
    *ret = (struct path){.mnt = parent, .dentry = dentry_get(m->mountpoint)};
    return true;
}

bool dentry_is_busy(struct dentry *d)
{
    if (!dentry_has_mounts(d))
        return false;
    struct super *sb = dentry_super(d);
    MUTEX_GUARD(&sb->tree_lock);
    for (struct mount *m = atomic_load(&d->mounts); m; m = m->next_here)
        if (atomic_load(&m->ns))
            return true;
    return false;
}

/* A chain of dentries goes from one super into another at ghosts alone, and those stay. */
bool dentry_is_below(struct dentry *d, const struct dentry *top)
{
    struct super *sb = NULL;
    while (d && d != top && d->sb) {
        if (d->sb != sb) {
            if (sb)
                mutex_unlock(&sb->tree_lock);
            sb = d->sb;
            mutex_lock(&sb->tree_lock);
        }
        d = d->parent;
    }
    if (sb)
        mutex_unlock(&sb->tree_lock);
    return d == top;
}

/* ---- trees ---- */

/* What comes after m when its children are left out. */
static struct mount *skip(struct mount *m, const struct mount *top)
{
    for (; m != top; m = m->parent)
        if (m->sibling.next != &m->parent->children)
            return list_entry(m->sibling.next, struct mount, sibling);
    return NULL;
}

struct mount *mount_next(struct mount *m, const struct mount *top)
{
    return list_empty(&m->children) ? skip(m, top)
                                    : list_first_entry(&m->children, struct mount, sibling);
}

void mount_tree_join(struct mount *top, struct mount_ns *ns)
{
    struct mount_ns *before = atomic_load(&top->ns);
    for (struct mount *m = top; m; m = mount_next(m, top))
        atomic_store(&m->ns, ns);
    if (before)
        mount_ns_touch(before);
    if (ns)
        mount_ns_touch(ns);
}

void mount_tree_leave(struct mount *top, struct mount **dead)
{
    struct mount *first = *dead, *m;
    mount_tree_join(top, NULL);
    for (m = top; m; m = mount_next(m, top)) {
        mount_leave_group(m);
        m->master = 0;
        m->next_dead = *dead;
        *dead = m;
    }
    for (m = *dead; m != first; m = m->next_dead) /* children before their parents */
        if (m->parent)
            m->mountpoint = mount_unhook(m);
}

static int copy_one(struct mount *m, struct dentry *root, struct mount **ret)
{
    int r = mount_alloc(m->vfs, m->sb, root, atomic_load(&m->flags), m->source, ret);
    if (r < 0)
        return r;
    (*ret)->locked = m->locked;
    (*ret)->group = m->group;
    (*ret)->master = m->master;
    m->copy = *ret;
    return 0;
}

/* m's copy hangs below its parent's at the same place. */
static int copy_below(struct mount *m, bool all, struct mount **dead)
{
    struct mount *c;
    int r = copy_one(m, m->root, &c);
    if (r < 0)
        return r;
    c->unbindable = all && m->unbindable;
    r = hook(c, m->parent->copy, m->mountpoint, true);
    if (r < 0) {
        c->next_dead = *dead;
        *dead = c;
    }
    return r;
}

int mount_tree_copy(struct mount *top, struct dentry *root, bool recursive, bool all,
                    struct mount **ret, struct mount **dead)
{
    int r = copy_one(top, root, ret);
    if (r < 0)
        return r;
    (*ret)->unbindable = all && top->unbindable;
    if (!recursive)
        return 0;
    struct mount *m = mount_next(top, top);
    while (m) {
        bool outside = !all && m->parent == top && !dentry_is_below(m->mountpoint, root);
        if (outside || (m->unbindable && !all)) {
            m = skip(m, top);
            continue;
        }
        r = copy_below(m, all, dead);
        if (r < 0) {
            mount_tree_leave(*ret, dead);
            return r;
        }
        m = mount_next(m, top);
    }
    return 0;
}
