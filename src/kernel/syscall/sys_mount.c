/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mount(2), umount2(2), pivot_root(2): for those with CAP_SYS_ADMIN, in the mount name space they
 * are in. Nothing of it reaches the host.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "abi/linux/fcntl.h"
#include "abi/linux/mount.h"
#include "base/cleanup.h"
#include "kernel/syscall/at.h"
#include "kernel/syscall/mounting.h"
#include "kernel/syscall/syscall.h"
#include "kernel/task/task.h"
#include "kernel/vfs/direct.h"
#include "kernel/vfs/mount.h"
#include "kernel/vfs/node.h"
#include "kernel/vfs/special.h"
#include "rpc/spec.h"

#define TYPE_OF_CHANGE ((uint32_t) (LX_MS_SHARED | LX_MS_PRIVATE | LX_MS_SLAVE | LX_MS_UNBINDABLE))
#define ATIME_FLAGS \
    ((uint32_t) (LX_MS_NOATIME | LX_MS_NODIRATIME | LX_MS_RELATIME | LX_MS_STRICTATIME))

bool may_mount(const struct task *t)
{
    return cred_capable(t->cred, LX_CAP_SYS_ADMIN);
}

int mount_string(struct task *t, uint64_t at, char **ret)
{
    *ret = NULL;
    if (!at)
        return 0;
    char *text = malloc(GUEST_PATH_MAX);
    if (!text)
        return -ENOMEM;
    ssize_t n = copy_in_str(t, text, uaddr(at), GUEST_PATH_MAX);
    if (n < 0) {
        free(text);
        return n == -ENAMETOOLONG ? -EINVAL : (int) n;
    }
    *ret = text;
    return 0;
}

int mount_find_type(const struct task *t, const char *type)
{
    for (const struct fs_type *f = t->k->specials->fs_types; f && f->name; f++)
        if (strcmp(f->name, type) == 0)
            return 0;
    return -ENODEV;
}

int mount_make_super(struct task *t, const char *type, const char *options, struct super **ret)
{
    for (const struct fs_type *f = t->k->specials->fs_types; f && f->name; f++)
        if (strcmp(f->name, type) == 0)
            return f->mount ? f->mount(t->k, options ? options : "", ret) : -EPERM;
    return -ENODEV;
}

static uint32_t mount_flags(uint32_t ms)
{
    uint32_t f = 0;
    f |= ms & LX_MS_RDONLY ? MOUNT_F_RDONLY : 0u;
    f |= ms & LX_MS_NOSUID ? MOUNT_F_NOSUID : 0u;
    f |= ms & LX_MS_NODEV ? MOUNT_F_NODEV : 0u;
    f |= ms & LX_MS_NOEXEC ? MOUNT_F_NOEXEC : 0u;
    f |= ms & LX_MS_NODIRATIME ? MOUNT_F_NODIRATIME : 0u;
    f |= ms & LX_MS_NOSYMFOLLOW ? MOUNT_F_NOSYMFOLLOW : 0u;
    if (ms & LX_MS_STRICTATIME)
        f |= MOUNT_F_STRICTATIME;
    else if (ms & LX_MS_NOATIME)
        f |= MOUNT_F_NOATIME;
    return f;
}

/* What a call of mount(2) says. */
struct mount_call {
    char *source, *type, *data;
    uint32_t flags; /* LX_MS_* */
};

static void mount_call_done(struct mount_call *c)
{
    free(c->source);
    free(c->type);
    free(c->data);
}

static int mount_call_get(struct task *t, const uint64_t a[static 6], struct mount_call *ret)
{
    *ret = (struct mount_call){.flags = (uint32_t) a[3]};
    int r = mount_string(t, a[2], &ret->type);
    if (r == 0)
        r = mount_string(t, a[0], &ret->source);
    if (r == 0)
        r = mount_string(t, a[4], &ret->data);
    if ((ret->flags & LX_MS_MGC_MASK) == LX_MS_MGC_VAL)
        ret->flags &= ~LX_MS_MGC_MASK;
    if (r < 0)
        mount_call_done(ret);
    return r;
}

static int remount(struct mount_ns *ns, const struct mount_call *c, const struct path *at)
{
    uint32_t clear = ~0u, set = mount_flags(c->flags);
    if (!(c->flags & ATIME_FLAGS))
        clear &= ~(uint32_t) (MOUNT_F_NOATIME | MOUNT_F_NODIRATIME | MOUNT_F_STRICTATIME);
    if (!(c->flags & LX_MS_BIND)) {
        int r = mount_reconfigure(ns, at, c->flags & LX_MS_RDONLY, c->data);
        if (r < 0)
            return r;
    }
    return mount_set_flags(ns, at, set, clear, false);
}

/* MS_BIND, MS_MOVE: the source is a name, too. */
static int from_source(struct target *g, struct mount_ns *ns, const struct mount_call *c)
{
    struct path from;
    if (!c->source || !*c->source)
        return -EINVAL;
    int r = path_walk(&g->w, NULL, c->source, 0, &from);
    if (r < 0)
        return r;
    r = c->flags & LX_MS_BIND ? mount_bind(ns, &from, &g->path, c->flags & LX_MS_REC)
                              : mount_move(ns, &from, &g->path);
    path_put(&from);
    return r;
}

static int change_type(struct mount_ns *ns, const struct mount_call *c, const struct path *at)
{
    uint32_t kind = c->flags & TYPE_OF_CHANGE;
    if ((c->flags & ~(TYPE_OF_CHANGE | LX_MS_REC | LX_MS_SILENT)) || (kind & (kind - 1)))
        return -EINVAL;
    return mount_set_propagation(ns, at, kind, c->flags & LX_MS_REC);
}

static int new_mount(struct task *t, struct mount_ns *ns, const struct mount_call *c,
                     const struct path *at)
{
    struct super *sb;
    if (!c->type)
        return -EINVAL;
    int r = mount_make_super(t, c->type, c->data, &sb);
    if (r < 0)
        return r;
    if (c->flags & LX_MS_RDONLY)
        atomic_store(&sb->rdonly, true);
    return mount_new(ns, sb, mount_flags(c->flags), c->source, at);
}

static int do_mount(struct task *t, struct target *g, struct mount_ns *ns,
                    const struct mount_call *c)
{
    uint32_t f = c->flags;
    if (f & LX_MS_NOUSER)
        return -EINVAL;
    if (!may_mount(t))
        return -EPERM;
    if (f & LX_MS_REMOUNT)
        return remount(ns, c, &g->path);
    if (f & LX_MS_BIND)
        return from_source(g, ns, c);
    if (f & TYPE_OF_CHANGE)
        return change_type(ns, c, &g->path);
    if (f & LX_MS_MOVE)
        return from_source(g, ns, c);
    return new_mount(t, ns, c, &g->path);
}

long sys_mount(struct task *t, const uint64_t a[static 6])
{
    struct mount_call c;
    struct target g;
    int r = mount_call_get(t, a, &c);
    if (r < 0)
        return r;
    r = target_at(t, NULL, LX_AT_FDCWD, a[1], 0, &g);
    if (r == 0) {
        struct mount_ns *ns = fsctx_ns(t->fs);
        r = do_mount(t, &g, ns, &c);
        mount_ns_put(ns);
        target_done(&g);
    }
    mount_call_done(&c);
    return r;
}

long sys_umount2(struct task *t, const uint64_t a[static 6])
{
    uint32_t flags = (uint32_t) a[1];
    struct target g;
    if (flags & ~(uint32_t) (LX_MNT_FORCE | LX_MNT_DETACH | LX_MNT_EXPIRE | LX_UMOUNT_NOFOLLOW))
        return -EINVAL;
    int r =
        target_at(t, NULL, LX_AT_FDCWD, a[0], flags & LX_UMOUNT_NOFOLLOW ? WALK_NOFOLLOW : 0, &g);
    if (r < 0)
        return r;
    r = -EPERM;
    if (may_mount(t)) {
        struct mount_ns *ns = fsctx_ns(t->fs);
        (void) direct_settle_all(t->k); /* what is closed keeps no mount busy */
        r = mount_umount(ns, &g.path, flags);
        g.own_path = false;
        mount_ns_put(ns);
    }
    target_done(&g);
    return r;
}

/* Roots and working directories that were the old root's are the new one's. */
static void move_roots(struct kernel *k, const struct path *old, const struct path *fresh)
{
    struct task *o;
    size_t n = 0;
    mutex_lock(&k->tasks_lock);
    list_for_each_entry (o, &k->tasks, all_link)
        if (o->fs)
            n += fsctx_replace(o->fs, old, fresh);
    mutex_unlock(&k->tasks_lock);
    for (; n > 0; n--) {
        struct path p = *old;
        path_put(&p);
    }
}

static int pivot(struct task *t, const struct target *g, const struct path *put)
{
    struct mount_ns *ns = fsctx_ns(t->fs);
    struct path root = g->w.root;
    path_get(&root);
    int r = mount_pivot(ns, &g->path, put, &root);
    if (r == 0)
        move_roots(t->k, &root, &g->path);
    path_put(&root);
    mount_ns_put(ns);
    return r;
}

long sys_pivot_root(struct task *t, const uint64_t a[static 6])
{
    struct target fresh, put;
    if (!may_mount(t))
        return -EPERM;
    int r = target_at(t, NULL, LX_AT_FDCWD, a[0], WALK_DIRECTORY, &fresh);
    if (r < 0)
        return r;
    r = target_at(t, NULL, LX_AT_FDCWD, a[1], WALK_DIRECTORY, &put);
    if (r == 0) {
        r = pivot(t, &fresh, &put.path);
        target_done(&put);
    }
    target_done(&fresh);
    return r;
}
