/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Changes of the mount table by those in the container: mount(2), umount2(2). Whether they may is
 * the caller's question; here stands what can be done, and the errno of what cannot.
 */
#include <errno.h>
#include <stdlib.h>

#include "abi/linux/mount.h"
#include "abi/linux/stat.h"
#include "kernel/vfs/mount_table.h"
#include "kernel/vfs/node.h"
#include "rpc/spec.h"

static bool is_here(const struct mount *m, const struct mount_ns *ns)
{
    return atomic_load(&m->ns) == ns;
}

static bool is_top(const struct path *p)
{
    return p->dentry == p->mnt->root;
}

static bool is_dir(const struct dentry *d)
{
    return d->node && d->node->type == LX_S_IFDIR;
}

/* [vfs.lock] m, which hangs nowhere, with all below. Not hung on error; *dead: what is to go then.
 */
static int hang(struct mount_ns *ns, struct mount *m, const struct path *at, struct mount **dead)
{
    if (!is_here(at->mnt, ns))
        return -EINVAL;
    if (is_dir(m->root) != is_dir(at->dentry))
        return -ENOTDIR;
    int r = mount_hook(m, at->mnt, at->dentry);
    if (r < 0)
        return r;
    mount_tree_join(m, ns);
    return mount_propagate(m, dead);
}

/* ---- new ones ---- */

int mount_detached(struct vfs *v, struct super *sb, uint32_t flags, const char *source,
                   struct path *ret)
{
    struct mount *m = NULL;
    mutex_lock(&v->lock);
    int r = mount_alloc(v, sb, NULL, flags, source, &m);
    if (r == 0)
        vfs_give_device(v, sb);
    mutex_unlock(&v->lock);
    if (r < 0)
        return r;
    *ret = (struct path){.mnt = m, .dentry = dentry_get(m->root)};
    return 0;
}

int mount_new(struct mount_ns *ns, struct super *sb, uint32_t flags, const char *source,
              const struct path *at)
{
    struct vfs *v = ns->vfs;
    struct mount *m = NULL, *dead = NULL;
    mutex_lock(&v->lock);
    int r = mount_alloc(v, sb, NULL, flags, source, &m);
    if (r == 0) {
        vfs_give_device(v, sb);
        r = at->mnt->sb == sb && is_top(at) ? -EBUSY : hang(ns, m, at, &dead);
    }
    if (r < 0 && m)
        mount_tree_leave(m, &dead);
    mutex_unlock(&v->lock);
    mount_bury(dead);
    if (r < 0 && !m)
        super_end(sb);
    return r;
}

/* [vfs.lock] A copy of what is at `from`; with what is mounted below when recursive. */
static int copy_tree(struct mount_ns *ns, const struct path *from, bool recursive,
                     struct mount **ret, struct mount **dead)
{
    if (!is_here(from->mnt, ns) || from->mnt->unbindable)
        return -EINVAL;
    return mount_tree_copy(from->mnt, from->dentry, recursive, false, ret, dead);
}

int mount_bind(struct mount_ns *ns, const struct path *from, const struct path *at, bool recursive)
{
    struct mount *m, *dead = NULL;
    mutex_lock(&ns->vfs->lock);
    int r = is_here(at->mnt, ns) ? copy_tree(ns, from, recursive, &m, &dead) : -EINVAL;
    if (r == 0) {
        r = hang(ns, m, at, &dead);
        if (r < 0)
            mount_tree_leave(m, &dead);
    }
    mutex_unlock(&ns->vfs->lock);
    mount_bury(dead);
    return r;
}

int mount_clone(struct mount_ns *ns, const struct path *from, bool recursive, struct path *ret)
{
    struct mount *m, *dead = NULL;
    mutex_lock(&ns->vfs->lock);
    int r = copy_tree(ns, from, recursive, &m, &dead);
    mutex_unlock(&ns->vfs->lock);
    mount_bury(dead);
    if (r == 0)
        *ret = (struct path){.mnt = m, .dentry = dentry_get(m->root)};
    return r;
}

/* ---- moving ---- */

/* [vfs.lock] */
static int check_move(const struct mount_ns *ns, const struct path *from, const struct path *at)
{
    if (!is_top(from) || !is_here(from->mnt, ns) || !is_here(at->mnt, ns) || !from->mnt->parent)
        return -EINVAL;
    if (is_dir(from->dentry) != is_dir(at->dentry))
        return -EINVAL;
    /* It would have to go from all who see it there, and may not come where others see it. */
    if (from->mnt->parent->group || (at->mnt->group && mount_tree_has_unbindable(from->mnt)))
        return -EINVAL;
    for (const struct mount *m = at->mnt; m; m = m->parent)
        if (m == from->mnt)
            return -ELOOP;
    return 0;
}

int mount_move(struct mount_ns *ns, const struct path *from, const struct path *at)
{
    struct mount *m = from->mnt, *dead = NULL;
    struct dentry *point = NULL, *second = NULL;
    mutex_lock(&ns->vfs->lock);
    int r = check_move(ns, from, at);
    if (r == 0) {
        struct mount *parent = m->parent;
        point = mount_unhook(m);
        r = mount_hook(m, at->mnt, at->dentry);
        if (r == 0 && (r = mount_propagate(m, &dead)) < 0)
            second = mount_unhook(m);
        if (r < 0 && mount_hook(m, parent, point) < 0)
            mount_tree_leave(m, &dead); /* both places have been removed meanwhile */
    }
    mutex_unlock(&ns->vfs->lock);
    dentry_put(point);
    dentry_put(second);
    mount_bury(dead);
    return r;
}

bool mount_is_attached(const struct path *p)
{
    return atomic_load(&p->mnt->ns) != NULL;
}

/* [vfs.lock] The hook gets a reference of its own: the caller's path stays one, too. */
static int hang_detached(struct mount_ns *ns, const struct path *from, const struct path *at,
                         struct mount **dead)
{
    struct mount *m = from->mnt;
    if (!is_top(from) || atomic_load(&m->ns) || m->parent || !m->counted)
        return -EINVAL;
    if (is_dir(from->dentry) != is_dir(at->dentry))
        return -EINVAL;
    ref_get(&m->ref);
    int r = hang(ns, m, at, dead);
    if (r < 0)
        mount_tree_leave(m, dead);
    return r;
}

int mount_hang_detached(struct mount_ns *ns, const struct path *from, const struct path *at)
{
    struct mount *dead = NULL;
    mutex_lock(&ns->vfs->lock);
    int r = hang_detached(ns, from, at, &dead);
    mutex_unlock(&ns->vfs->lock);
    mount_bury(dead);
    return r;
}

/* ---- going ---- */

/* [vfs.lock] Used by more than the hook and the caller's path. */
static bool in_use(struct mount *m)
{
    return !m->counted || ref_count(&m->ref) > 2 || !list_empty(&m->children) ||
           mount_copies_busy(m);
}

/* [vfs.lock] */
static int check_umount(const struct mount_ns *ns, const struct path *p, uint32_t flags)
{
    struct mount *m = p->mnt;
    if (!is_top(p) || !is_here(m, ns) || !m->parent)
        return -EINVAL;
    if (flags & LX_MNT_EXPIRE) {
        if (flags & (LX_MNT_FORCE | LX_MNT_DETACH))
            return -EINVAL;
        if (in_use(m))
            return -EBUSY;
        return atomic_exchange(&m->expiring, true) ? 0 : -EAGAIN;
    }
    return !(flags & LX_MNT_DETACH) && in_use(m) ? -EBUSY : 0;
}

int mount_umount(struct mount_ns *ns, struct path *p, uint32_t flags)
{
    struct mount *dead = NULL;
    mutex_lock(&ns->vfs->lock);
    int r = check_umount(ns, p, flags);
    if (r == 0)
        mount_leave_everywhere(p->mnt, &dead);
    struct path kept = *p;
    if (r == -EAGAIN) { /* this was no use of it; the hook's reference is still there */
        if (ref_put(&p->mnt->ref))
            abort();
        kept.mnt = NULL;
    }
    mutex_unlock(&ns->vfs->lock);
    *p = (struct path){0};
    path_put(&kept);
    mount_bury(dead);
    return r;
}

/* ---- flags ---- */

#define SETTABLE                                                                    \
    ((uint32_t) (MOUNT_F_RDONLY | MOUNT_F_NOSUID | MOUNT_F_NODEV | MOUNT_F_NOEXEC | \
                 MOUNT_F_NOATIME | MOUNT_F_NODIRATIME | MOUNT_F_STRICTATIME |       \
                 MOUNT_F_NOSYMFOLLOW))

/* [vfs.lock] */
static int check_flags(const struct mount *m, uint32_t now, uint32_t to)
{
    if (m->locked & now & ~to)
        return -EPERM;
    if ((to & ~now & MOUNT_F_RDONLY) && atomic_load(&m->writers))
        return -EBUSY;
    return 0;
}

int mount_set_flags(struct mount_ns *ns, const struct path *at, uint32_t set, uint32_t clear,
                    bool recursive)
{
    MUTEX_GUARD(&ns->vfs->lock);
    struct mount *top = at->mnt;
    if (!is_top(at) || (!is_here(top, ns) && (atomic_load(&top->ns) || top->parent)))
        return -EINVAL;
    for (int pass = 0; pass < 2; pass++) { /* all or nothing */
        for (struct mount *m = top; m; m = recursive ? mount_next(m, top) : NULL) {
            uint32_t now = atomic_load(&m->flags);
            uint32_t to = (now & ~(clear & SETTABLE)) | (set & SETTABLE);
            int r = pass ? 0 : check_flags(m, now, to);
            if (r < 0)
                return r;
            if (pass)
                atomic_store(&m->flags, to);
            if (atomic_load(&m->ns))
                mount_ns_touch(atomic_load(&m->ns));
        }
    }
    return 0;
}

/* [vfs.lock] */
static bool is_written(struct vfs *v, const struct super *sb)
{
    struct mount *m;
    list_for_each_entry (m, &v->mounts, all_link)
        if (m->sb == sb && atomic_load(&m->writers))
            return true;
    return false;
}

int mount_reconfigure(struct mount_ns *ns, const struct path *at, bool rdonly, const char *options)
{
    struct vfs *v = ns->vfs;
    struct super *sb = at->mnt->sb;
    mutex_lock(&v->lock);
    int r = is_top(at) && is_here(at->mnt, ns) ? 0 : -EINVAL;
    if (r == 0 && (at->mnt->locked & MOUNT_F_RDONLY) && !rdonly)
        r = -EPERM;
    if (r == 0 && rdonly && !atomic_load(&sb->rdonly) && is_written(v, sb))
        r = -EBUSY;
    mutex_unlock(&v->lock);
    if (r == 0 && options && *options)
        r = sb->ops->reconfigure ? sb->ops->reconfigure(sb, options) : 0;
    if (r == 0)
        atomic_store(&sb->rdonly, rdonly);
    return r;
}

int mount_set_propagation(struct mount_ns *ns, const struct path *at, uint32_t kind, bool recursive)
{
    MUTEX_GUARD(&ns->vfs->lock);
    struct mount *top = at->mnt;
    if (!is_top(at) || (!is_here(top, ns) && (atomic_load(&top->ns) || top->parent)))
        return -EINVAL;
    for (struct mount *m = top; m; m = recursive ? mount_next(m, top) : NULL)
        mount_change_group(m, kind);
    return 0;
}
