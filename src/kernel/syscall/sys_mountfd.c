/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Mounting by descriptors: fsopen(2), fsconfig(2), fsmount(2), fspick(2), open_tree(2),
 * move_mount(2), mount_setattr(2). The same as mount(2) in smaller steps.
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
#include "kernel/vfs/fdtable.h"
#include "kernel/vfs/fscontext.h"
#include "kernel/vfs/mount.h"
#include "rpc/spec.h"

#define NAME_CAP    256 /* of a parameter, and of its value */
#define STRUCT_MAX  4096u
#define PROPAGATION ((uint64_t) (LX_MS_SHARED | LX_MS_PRIVATE | LX_MS_SLAVE | LX_MS_UNBINDABLE))

#define PLAIN_ATTRS                                                                  \
    ((uint64_t) (LX_MOUNT_ATTR_RDONLY | LX_MOUNT_ATTR_NOSUID | LX_MOUNT_ATTR_NODEV | \
                 LX_MOUNT_ATTR_NOEXEC | LX_MOUNT_ATTR_NODIRATIME | LX_MOUNT_ATTR_NOSYMFOLLOW))
#define KNOWN_ATTRS (PLAIN_ATTRS | LX_MOUNT_ATTR_ATIME)

/* MOUNT_ATTR_* as MOUNT_F_*; of the times what is set. */
static uint32_t flags_of(uint64_t attr)
{
    uint32_t f = 0;
    f |= attr & LX_MOUNT_ATTR_RDONLY ? MOUNT_F_RDONLY : 0u;
    f |= attr & LX_MOUNT_ATTR_NOSUID ? MOUNT_F_NOSUID : 0u;
    f |= attr & LX_MOUNT_ATTR_NODEV ? MOUNT_F_NODEV : 0u;
    f |= attr & LX_MOUNT_ATTR_NOEXEC ? MOUNT_F_NOEXEC : 0u;
    f |= attr & LX_MOUNT_ATTR_NODIRATIME ? MOUNT_F_NODIRATIME : 0u;
    f |= attr & LX_MOUNT_ATTR_NOSYMFOLLOW ? MOUNT_F_NOSYMFOLLOW : 0u;
    return f;
}

/* The one of the three that is set. */
static int atime_of(uint64_t attr, uint32_t *ret)
{
    switch (attr & LX_MOUNT_ATTR_ATIME) {
    case LX_MOUNT_ATTR_RELATIME:
        *ret = 0;
        return 0;
    case LX_MOUNT_ATTR_NOATIME:
        *ret = MOUNT_F_NOATIME;
        return 0;
    case LX_MOUNT_ATTR_STRICTATIME:
        *ret = MOUNT_F_STRICTATIME;
        return 0;
    default:
        return -EINVAL;
    }
}

/* A string that may be NULL, of NAME_CAP bytes. */
static int short_string(struct task *t, uint64_t at, char dst[static NAME_CAP], const char **ret)
{
    *ret = NULL;
    if (!at)
        return 0;
    ssize_t n = copy_in_str(t, dst, uaddr(at), NAME_CAP);
    if (n < 0)
        return n == -ENAMETOOLONG ? -EINVAL : (int) n;
    *ret = dst;
    return 0;
}

/* ---- contexts ---- */

long sys_fsopen(struct task *t, const uint64_t a[static 6])
{
    char text[NAME_CAP];
    const char *type;
    struct file *f;
    if (!may_mount(t))
        return -EPERM;
    if ((uint32_t) a[1] & ~(uint32_t) LX_FSOPEN_CLOEXEC)
        return -EINVAL;
    int r = a[0] ? short_string(t, a[0], text, &type) : -EFAULT;
    if (r == 0)
        r = mount_find_type(t, type);
    if (r < 0)
        return r;
    char *copy = strdup(type);
    if (!copy)
        return -ENOMEM;
    r = fscontext_new(copy, NULL, &f);
    return r < 0 ? r : task_fd_install(t, f, a[1] & LX_FSOPEN_CLOEXEC);
}

long sys_fspick(struct task *t, const uint64_t a[static 6])
{
    uint32_t flags = (uint32_t) a[2], walk = 0;
    struct target g;
    struct file *f;
    if (!may_mount(t))
        return -EPERM;
    if (flags & ~(uint32_t) (LX_FSPICK_CLOEXEC | LX_FSPICK_SYMLINK_NOFOLLOW |
                             LX_FSPICK_NO_AUTOMOUNT | LX_FSPICK_EMPTY_PATH))
        return -EINVAL;
    walk |= flags & LX_FSPICK_SYMLINK_NOFOLLOW ? WALK_NOFOLLOW : 0u;
    walk |= flags & LX_FSPICK_EMPTY_PATH ? WALK_EMPTY : 0u;
    int r = target_at(t, NULL, (int) a[0], a[1], walk, &g);
    if (r < 0)
        return r;
    r = path_is_mount_root(&g.path) ? fscontext_new(NULL, &g.path, &f) : -EINVAL;
    target_done(&g);
    return r < 0 ? r : task_fd_install(t, f, flags & LX_FSPICK_CLOEXEC);
}

static int create(struct task *t, struct fscontext *c)
{
    _cleanup_free_ char *options = NULL;
    struct super *sb;
    int r = fscontext_take(c, FSCONTEXT_PARAMETERS, &options);
    if (r == 0)
        r = mount_make_super(t, c->type, options, &sb);
    if (r == 0)
        fscontext_created(c, sb);
    return r;
}

static int change(struct task *t, struct fscontext *c)
{
    _cleanup_free_ char *options = NULL;
    int r = fscontext_take(c, FSCONTEXT_CHANGE, &options);
    if (r < 0)
        return r;
    struct mount_ns *ns = fsctx_ns(t->fs);
    r = mount_reconfigure(ns, &c->file.path, c->rdonly, options);
    mount_ns_put(ns);
    fscontext_changed(c);
    return r;
}

/* Which of key, value and aux a command takes: fsconfig(2). */
static int check_config(uint32_t cmd, const uint64_t a[static 6])
{
    bool key = a[2], value = a[3], aux = (int) a[4];
    switch (cmd) {
    case LX_FSCONFIG_SET_FLAG:
        return key && !value && !aux ? 0 : -EINVAL;
    case LX_FSCONFIG_SET_STRING:
        return key && value && !aux ? 0 : -EINVAL;
    case LX_FSCONFIG_CMD_CREATE:
    case LX_FSCONFIG_CMD_CREATE_EXCL:
    case LX_FSCONFIG_CMD_RECONFIGURE:
        return !key && !value && !aux ? 0 : -EINVAL;
    case LX_FSCONFIG_SET_BINARY:
    case LX_FSCONFIG_SET_PATH:
    case LX_FSCONFIG_SET_PATH_EMPTY:
    case LX_FSCONFIG_SET_FD:
        return key ? 0 : -EINVAL;
    default:
        return -EOPNOTSUPP;
    }
}

static int config(struct task *t, struct fscontext *c, uint32_t cmd, const uint64_t a[static 6])
{
    char key_text[NAME_CAP], value_text[NAME_CAP];
    const char *key, *value;
    int r = short_string(t, a[2], key_text, &key);
    if (r < 0)
        return r;
    switch (cmd) {
    case LX_FSCONFIG_CMD_CREATE:
    case LX_FSCONFIG_CMD_CREATE_EXCL: /* each is a new one */
        return create(t, c);
    case LX_FSCONFIG_CMD_RECONFIGURE:
        return change(t, c);
    case LX_FSCONFIG_SET_FLAG:
    case LX_FSCONFIG_SET_STRING:
        r = short_string(t, a[3], value_text, &value);
        return r < 0 ? r : fscontext_add(c, key, value);
    default:
        return -EINVAL; /* none of our file systems has such parameters */
    }
}

long sys_fsconfig(struct task *t, const uint64_t a[static 6])
{
    uint32_t cmd = (uint32_t) a[1];
    struct file *f;
    if ((int) a[0] < 0)
        return -EINVAL;
    int r = check_config(cmd, a);
    if (r == 0)
        r = fd_lookup(t->files, (int) a[0], &f);
    if (r < 0)
        return r;
    struct fscontext *c = fscontext_of(f);
    r = c ? config(t, c, cmd, a) : -EINVAL;
    file_put(f);
    return r;
}

/* A descriptor of a place; consumes p. */
static long place_fd(struct task *t, const struct walkctx *w, struct path *p, bool cloexec)
{
    struct file *f;
    int r = path_open_at(w, p, LX_O_PATH, &f);
    path_put(p);
    return r < 0 ? r : task_fd_install(t, f, cloexec);
}

long sys_fsmount(struct task *t, const uint64_t a[static 6])
{
    uint32_t atime;
    struct file *f;
    struct path p;
    if (!may_mount(t))
        return -EPERM;
    if (((uint32_t) a[1] & ~(uint32_t) LX_FSMOUNT_CLOEXEC) || ((uint32_t) a[2] & ~KNOWN_ATTRS))
        return -EINVAL;
    int r = atime_of((uint32_t) a[2], &atime);
    if (r == 0)
        r = fd_lookup(t->files, (int) a[0], &f);
    if (r < 0)
        return r;
    struct fscontext *c = fscontext_of(f);
    r = c ? fscontext_mount(c, t->k->vfs, flags_of((uint32_t) a[2]) | atime, &p) : -EINVAL;
    file_put(f);
    if (r < 0)
        return r;
    struct walkctx w = {.cred = t->cred, .task = t};
    return place_fd(t, &w, &p, a[1] & LX_FSMOUNT_CLOEXEC);
}

/* ---- trees ---- */

static long clone_tree(struct task *t, const struct target *g, uint32_t flags)
{
    struct mount_ns *ns = fsctx_ns(t->fs);
    struct path p;
    int r = mount_clone(ns, &g->path, flags & LX_AT_RECURSIVE, &p);
    mount_ns_put(ns);
    return r < 0 ? r : place_fd(t, &g->w, &p, flags & LX_OPEN_TREE_CLOEXEC);
}

long sys_open_tree(struct task *t, const uint64_t a[static 6])
{
    uint32_t flags = (uint32_t) a[2];
    struct target g;
    long r;
    if (flags & ~(uint32_t) (LX_AT_EMPTY_PATH | LX_AT_NO_AUTOMOUNT | LX_AT_RECURSIVE |
                             LX_AT_SYMLINK_NOFOLLOW | LX_OPEN_TREE_CLONE | LX_OPEN_TREE_CLOEXEC))
        return -EINVAL;
    if ((flags & (LX_AT_RECURSIVE | LX_OPEN_TREE_CLONE)) == LX_AT_RECURSIVE)
        return -EINVAL;
    if ((flags & LX_OPEN_TREE_CLONE) && !may_mount(t))
        return -EPERM;
    r = target_at(t, NULL, (int) a[0], a[1], at_walk_flags(flags), &g);
    if (r < 0)
        return r;
    if (flags & LX_OPEN_TREE_CLONE) {
        r = g.path.mnt ? clone_tree(t, &g, flags) : -EINVAL;
    } else {
        struct path p = g.path;
        path_get(&p);
        r = place_fd(t, &g.w, &p, flags & LX_OPEN_TREE_CLOEXEC);
    }
    target_done(&g);
    return r;
}

static uint32_t move_walk(uint32_t flags, uint32_t symlinks, uint32_t empty)
{
    return (flags & symlinks ? 0u : (uint32_t) WALK_NOFOLLOW) |
           (flags & empty ? (uint32_t) WALK_EMPTY : 0u);
}

static int move(struct task *t, const struct path *from, const struct path *to)
{
    struct mount_ns *ns = fsctx_ns(t->fs);
    int r = -EINVAL;
    if (from->mnt && to->mnt)
        r = mount_is_attached(from) ? mount_move(ns, from, to) : mount_hang_detached(ns, from, to);
    mount_ns_put(ns);
    return r;
}

long sys_move_mount(struct task *t, const uint64_t a[static 6])
{
    uint32_t flags = (uint32_t) a[4];
    struct target from, to;
    if (!may_mount(t))
        return -EPERM;
    if (flags & ~(uint32_t) (LX_MOVE_MOUNT_F_SYMLINKS | LX_MOVE_MOUNT_F_AUTOMOUNTS |
                             LX_MOVE_MOUNT_F_EMPTY_PATH | LX_MOVE_MOUNT_T_SYMLINKS |
                             LX_MOVE_MOUNT_T_AUTOMOUNTS | LX_MOVE_MOUNT_T_EMPTY_PATH))
        return -EINVAL; /* also of groups and places below others: there are none */
    int r = target_at(t, NULL, (int) a[2], a[3],
                      move_walk(flags, LX_MOVE_MOUNT_T_SYMLINKS, LX_MOVE_MOUNT_T_EMPTY_PATH), &to);
    if (r < 0)
        return r;
    r = target_at(t, NULL, (int) a[0], a[1],
                  move_walk(flags, LX_MOVE_MOUNT_F_SYMLINKS, LX_MOVE_MOUNT_F_EMPTY_PATH), &from);
    if (r == 0) {
        r = move(t, &from.path, &to.path);
        target_done(&from);
    }
    target_done(&to);
    return r;
}

/* ---- attributes ---- */

/* What lies behind the part we know must be zero. */
static int copy_attr(struct task *t, uint64_t at, uint64_t size, struct lx_mount_attr *ret)
{
    uint8_t rest[64];
    if (size > STRUCT_MAX)
        return -E2BIG;
    if (size < LX_MOUNT_ATTR_SIZE_VER0)
        return -EINVAL;
    int r = copy_in(t, ret, uaddr(at), sizeof(*ret));
    for (uint64_t off = sizeof(*ret); r == 0 && off < size;) {
        size_t n = MIN(size - off, sizeof(rest));
        r = copy_in(t, rest, uaddr(at + off), n);
        for (size_t i = 0; r == 0 && i < n; i++)
            r = rest[i] ? -E2BIG : 0;
        off += n;
    }
    return r;
}

/* The same in MOUNT_F_* and LX_MS_*. */
struct attr_change {
    uint32_t set, clear, propagation;
};

static int check_attr(const struct lx_mount_attr *m, struct attr_change *ret)
{
    uint32_t atime = 0;
    if ((m->propagation & ~PROPAGATION) || (m->propagation & (m->propagation - 1)))
        return -EINVAL;
    if ((m->attr_set | m->attr_clr) & ~KNOWN_ATTRS)
        return -EINVAL; /* no id-mapped mounts either */
    *ret = (struct attr_change){.set = flags_of(m->attr_set),
                                .clear = flags_of(m->attr_clr),
                                .propagation = (uint32_t) m->propagation};
    if (m->attr_clr & LX_MOUNT_ATTR_ATIME) {
        if ((m->attr_clr & LX_MOUNT_ATTR_ATIME) != LX_MOUNT_ATTR_ATIME ||
            atime_of(m->attr_set, &atime) < 0)
            return -EINVAL;
        ret->set |= atime;
        ret->clear |= MOUNT_F_NOATIME | MOUNT_F_STRICTATIME;
    } else if (m->attr_set & LX_MOUNT_ATTR_ATIME) {
        return -EINVAL;
    }
    return 0;
}

static int set_attr(struct task *t, const struct path *at, const struct attr_change *c,
                    bool recursive)
{
    if (!at->mnt)
        return -EINVAL;
    struct mount_ns *ns = fsctx_ns(t->fs);
    int r = mount_set_flags(ns, at, c->set, c->clear, recursive);
    if (r == 0 && c->propagation)
        r = mount_set_propagation(ns, at, c->propagation, recursive);
    mount_ns_put(ns);
    return r;
}

long sys_mount_setattr(struct task *t, const uint64_t a[static 6])
{
    uint32_t flags = (uint32_t) a[2];
    struct lx_mount_attr m;
    struct target g;
    if (flags & ~(uint32_t) (LX_AT_EMPTY_PATH | LX_AT_RECURSIVE | LX_AT_SYMLINK_NOFOLLOW |
                             LX_AT_NO_AUTOMOUNT))
        return -EINVAL;
    if (a[4] > STRUCT_MAX)
        return -E2BIG;
    if (a[4] < LX_MOUNT_ATTR_SIZE_VER0)
        return -EINVAL;
    if (!may_mount(t))
        return -EPERM;
    int r = copy_attr(t, a[3], a[4], &m);
    if (r < 0 || (!m.attr_set && !m.attr_clr && !m.propagation))
        return r;
    struct attr_change c;
    r = check_attr(&m, &c);
    if (r == 0)
        r = target_at(t, NULL, (int) a[0], a[1], at_walk_flags(flags), &g);
    if (r < 0)
        return r;
    r = set_attr(t, &g.path, &c, flags & LX_AT_RECURSIVE);
    target_done(&g);
    return r;
}
