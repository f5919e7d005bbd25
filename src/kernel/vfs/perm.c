/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Permission checks with the guest's credentials: path_resolution(7), "Permissions", and
 * capabilities(7). The host would let the sentry do everything, so nothing else stands in between.
 *
 * A directory that everybody may search is remembered as such in its node: for good where nobody
 * outside can change it, else for super.trust_ns. The remembered bit comes with a change count, so
 * that a check that has read the old mode cannot write it down after a chmod:
 *
 *     checker                            chmod
 *     seen = node.search
 *     getattr: rwxr-xr-x
 *                                        setattr: rwx------
 *                                        node.search = count + 1, bit clear
 *     compare-and-swap seen -> fails
 */
#include <errno.h>

#include "abi/linux/stat.h"
#include "kernel/task/cred.h"
#include "kernel/vfs/acl.h"
#include "kernel/vfs/mount_table.h"
#include "kernel/vfs/node.h"
#include "kernel/vfs/walk_state.h"
#include "rpc/spec.h"

#define SEARCH_ALL 0111u

bool search_is_free(const struct walkctx *w, struct node *dir)
{
    if (dir->ops->permission)
        return false;
    if ((atomic_load_explicit(&dir->search, memory_order_relaxed) & 1) &&
        (dir->sb->exclusive || super_trusts(dir->sb, atomic_load(&dir->searched_ns))))
        return true;
    return cred_capable(w->cred, LX_CAP_DAC_OVERRIDE) ||
           cred_capable(w->cred, LX_CAP_DAC_READ_SEARCH);
}

void node_search_changed(struct node *n)
{
    uint32_t old = atomic_load(&n->search);
    while (!atomic_compare_exchange_weak(&n->search, &old, (old | 1) + 1))
        ;
}

/* The time first: a bit that is younger than its time is only asked for too early again. */
static void remember_search(struct node *n, bool all, uint32_t seen, uint64_t now)
{
    if (!all && !(seen & 1))
        return;
    if (all)
        atomic_store(&n->searched_ns, now);
    (void) atomic_compare_exchange_strong(&n->search, &seen, all ? seen | 1 : seen & ~(uint32_t) 1);
}

static bool caps_allow(const struct cred *c, const struct attr *a, uint32_t may)
{
    bool dir = (a->mode & LX_S_IFMT) == LX_S_IFDIR;
    if (cred_capable(c, LX_CAP_DAC_OVERRIDE) && (dir || !(may & MAY_EXEC) || (a->mode & 0111)))
        return true;
    return cred_capable(c, LX_CAP_DAC_READ_SEARCH) &&
           !(may & (dir ? (uint32_t) MAY_WRITE : (uint32_t) (MAY_WRITE | MAY_EXEC)));
}

static int mode_permission(struct node *n, const struct cred *c, const struct attr *a, uint32_t may)
{
    uint32_t bits = a->mode;
    bool owner = c->fsuid == a->uid;
    int r = n && !owner && (bits & 0070u) ? acl_permission(n, c, a, may) : 1;
    if (r <= 0)
        return r == 0 || caps_allow(c, a, may) ? 0 : r;
    if (owner)
        bits >>= 6;
    else if (cred_in_group(c, a->gid))
        bits >>= 3;
    if ((bits & may) == may || caps_allow(c, a, may))
        return 0;
    return -EACCES;
}

static int mount_permission(uint32_t flags, uint32_t type, uint32_t may)
{
    bool file = type == LX_S_IFREG, named = file || type == LX_S_IFDIR || type == LX_S_IFLNK;
    if ((may & MAY_WRITE) && (flags & MOUNT_F_RDONLY) && named)
        return -EROFS;
    return (may & MAY_EXEC) && (flags & MOUNT_F_NOEXEC) && file ? -EACCES : 0;
}

int path_permission(const struct walkctx *w, const struct path *p, uint32_t may)
{
    struct node *n = path_node(p);
    struct attr a;
    if (!n)
        return -ENOENT;
    int r = mount_permission(path_mount_flags(p), n->type, may);
    if (r < 0)
        return r;
    if (n->ops->permission)
        return n->ops->permission(n, w->task, may);
    /* Reading and writing anything: no need to ask for the mode. */
    if (cred_capable(w->cred, LX_CAP_DAC_OVERRIDE) && (!(may & MAY_EXEC) || n->type == LX_S_IFDIR))
        return 0;
    if (n->ops->grants && w->task && n->ops->grants(n, w->task))
        return 0;
    uint32_t seen = atomic_load(&n->search);
    uint64_t now = n->sb->trust_ns ? coarse_now_ns() : 0;
    r = n->ops->getattr(n, &a);
    if (r < 0)
        return r;
    if (n->type == LX_S_IFDIR && (n->sb->exclusive || n->sb->trust_ns))
        remember_search(n, (a.mode & SEARCH_ALL) == SEARCH_ALL && !acl_is_extended(n), seen, now);
    return mode_permission(n, w->cred, &a, may);
}

int place_permission(const struct walkctx *w, const struct path *dir, struct node *n,
                     const struct attr *a, uint32_t may)
{
    int r = mount_permission(path_mount_flags(dir), a->mode & LX_S_IFMT, may);
    return r < 0 ? r : mode_permission(n, w->cred, a, may);
}
