/* SPDX-License-Identifier: Apache-2.0 */
/* Mount name spaces: mount_namespaces(7); and pivot_root(2), which turns one around. */
#include <errno.h>
#include <stdlib.h>

#include "abi/linux/poll.h"
#include "abi/linux/stat.h"
#include "kernel/vfs/mount_table.h"
#include "kernel/vfs/node.h"

int mount_ns_alloc(struct vfs *v, struct mount_ns **ret)
{
    struct mount_ns *ns = calloc(1, sizeof(*ns));
    if (!ns)
        return -ENOMEM;
    ref_init(&ns->ref);
    ns->vfs = v;
    waitq_init(&ns->changed);
    mutex_lock(&v->lock);
    ns->ino = v->last_ns++;
    mutex_unlock(&v->lock);
    *ret = ns;
    return 0;
}

void mount_ns_touch(struct mount_ns *ns)
{
    atomic_fetch_add(&ns->changes, 1);
    waitq_wake(&ns->changed, LX_POLLERR | LX_POLLPRI);
}

uint64_t mount_ns_changes(struct mount_ns *ns)
{
    return atomic_load(&ns->changes);
}

struct waitq *mount_ns_queue(struct mount_ns *ns)
{
    return &ns->changed;
}

struct mount_ns *mount_ns_get(struct mount_ns *ns)
{
    ref_get(&ns->ref);
    return ns;
}

void mount_ns_put(struct mount_ns *ns)
{
    struct mount *dead = NULL;
    if (!ns || !ref_put(&ns->ref))
        return;
    mutex_lock(&ns->vfs->lock);
    if (ns->root)
        mount_tree_leave(ns->root, &dead);
    mutex_unlock(&ns->vfs->lock);
    mount_bury(dead);
    free(ns);
}

uint64_t mount_ns_ino(const struct mount_ns *ns)
{
    return ns->ino;
}

struct mount_ns *vfs_first_ns(struct vfs *v)
{
    return v->first;
}

/* [vfs.lock] The same place in the copied tree. The old references are kept in *old. */
static void go_over(struct path *p, const struct mount_ns *from, struct path *old)
{
    *old = *p;
    if (p->mnt && atomic_load(&p->mnt->ns) == from)
        p->mnt = p->mnt->copy;
    path_get(p);
}

int mount_ns_copy(struct mount_ns *from, struct path *root, struct path *cwd, struct mount_ns **ret)
{
    struct vfs *v = from->vfs;
    struct mount *dead = NULL;
    struct mount_ns *ns;
    struct path old[2] = {{0}, {0}};
    int r = mount_ns_alloc(v, &ns);
    if (r < 0)
        return r;
    mutex_lock(&v->lock);
    r = from->root ? mount_tree_copy(from->root, from->root->root, true, true, &ns->root, &dead)
                   : -EINVAL;
    if (r == 0) {
        mount_tree_join(ns->root, ns);
        go_over(root, from, &old[0]);
        go_over(cwd, from, &old[1]);
    } else {
        ns->root = NULL;
    }
    mutex_unlock(&v->lock);
    mount_bury(dead);
    path_put(&old[0]);
    path_put(&old[1]);
    if (r == 0)
        *ret = ns;
    else
        mount_ns_put(ns);
    return r;
}

int mount_ns_root(struct mount_ns *ns, struct path *ret)
{
    MUTEX_GUARD(&ns->vfs->lock);
    struct mount *m = ns->root;
    if (!m)
        return -ENOENT;
    /* What is mounted over "/" is the root. */
    for (struct mount *over = m; over; over = mount_at(m, m->root))
        m = over;
    *ret = (struct path){.mnt = m, .dentry = m->root};
    path_get(ret);
    return 0;
}

/* ---- pivot_root ---- */

/* [vfs.lock] Does the way up from (m, d) meet `top`? */
static bool is_reachable(struct mount *m, struct dentry *d, const struct path *top)
{
    while (m != top->mnt && m->parent) {
        d = m->mountpoint;
        m = m->parent;
    }
    return m == top->mnt && dentry_is_below(d, top->dentry);
}

static int check_pivot(const struct mount_ns *ns, const struct path *fresh, const struct path *put,
                       const struct path *root)
{
    struct mount *new = fresh->mnt;
    if (atomic_load(&root->mnt->ns) != ns || atomic_load(&new->ns) != ns ||
        atomic_load(&put->mnt->ns) != ns)
        return -EINVAL;
    if (atomic_load(&fresh->dentry->gone))
        return -ENOENT;
    if (new == root->mnt || put->mnt == root->mnt)
        return -EBUSY;
    if (root->dentry != root->mnt->root || fresh->dentry != new->root || !new->parent)
        return -EINVAL;
    if (put->mnt->group || new->parent->group || (root->mnt->parent && root->mnt->parent->group))
        return -EINVAL; /* others would have to see it */
    if (!is_reachable(put->mnt, put->dentry, fresh) || !is_reachable(new, fresh->dentry, root))
        return -EINVAL;
    return 0;
}

/* [vfs.lock] `was` and `points`: the dentries that are no mount points any more. */
static int turn_around(struct mount_ns *ns, const struct path *fresh, const struct path *put,
                       const struct path *root, struct dentry *points[2])
{
    struct mount *new = fresh->mnt, *old = root->mnt, *above = old->parent;
    struct mount *new_above = new->parent;
    points[0] = mount_unhook(new);
    points[1] = above ? mount_unhook(old) : NULL;
    int r = mount_hook(old, put->mnt, put->dentry);
    if (r == 0 && above)
        r = mount_hook(new, above, points[1]);
    if (r == 0) {
        if (!above)
            ns->root = new;
        return 0;
    }
    /* A directory that was removed meanwhile: all back, if it has not hit these places, too. */
    if (old->parent)
        dentry_put(mount_unhook(old));
    if (above && mount_hook(old, above, points[1]) < 0)
        return r;
    return mount_hook(new, new_above, points[0]) < 0 ? -ENOENT : r;
}

int mount_pivot(struct mount_ns *ns, const struct path *fresh, const struct path *put,
                const struct path *root)
{
    struct dentry *points[2] = {NULL, NULL};
    mutex_lock(&ns->vfs->lock);
    int r = check_pivot(ns, fresh, put, root);
    if (r == 0 && atomic_load(&put->dentry->gone))
        r = -ENOENT;
    if (r == 0)
        r = turn_around(ns, fresh, put, root, points);
    mutex_unlock(&ns->vfs->lock);
    dentry_put(points[0]);
    dentry_put(points[1]);
    return r;
}
