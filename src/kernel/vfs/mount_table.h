/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The mount table's inside, for vfs/ alone.
 *
 * A mount that hangs in its parent has one reference for that (the hook's); paths have one each. It
 * leaves the table by being unhooked, and lives on for those who hold paths in it. Parents are not
 * referenced by their children: a mount that is freed unhooks those first (a tree that was never in
 * the table, or it would have none). The first mount of all and the internal one are never freed,
 * and so not counted: most paths are there.
 *
 * Chains of mounts at a dentry change under vfs.lock and the tree_lock of the dentry, so either is
 * enough to read them. A walk crosses downwards under the tree_lock it holds anyway.
 */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>

#include "base/list.h"
#include "base/mutex.h"
#include "base/ref.h"
#include "kernel/vfs/dentry.h"
#include "kernel/vfs/mount.h"
#include "kernel/wait/waitq.h"

struct locks;

struct mount {
    struct vfs *vfs;
    struct ref ref;
    bool counted;                  /* immutable: false: never freed before the name space */
    struct super *sb;              /* immutable; counted in sb->n_mounts */
    struct dentry *root;           /* immutable; referenced */
    _Atomic(struct mount_ns *) ns; /* [vfs.lock] for writes; NULL: not in the table */
    struct mount *parent;          /* [vfs.lock] NULL: a name space's root, or not hooked */
    struct dentry *mountpoint;     /* [vfs.lock] in parent; referenced */
    struct mount *next_here;       /* [vfs.lock+tree_lock] older mounts on the same dentry */
    struct list children, sibling; /* [vfs.lock] */
    struct list all_link;          /* [vfs.lock] */
    struct mount *next_dead;       /* of the thread that buries it */
    struct mount *copy;            /* [vfs.lock] while a tree is being copied */
    _Atomic uint32_t flags;        /* MOUNT_F_*; [vfs.lock] for writes */
    uint32_t locked;               /* immutable: flags nobody inside takes away */
    bool unbindable;               /* [vfs.lock] */
    int group, master;             /* [vfs.lock] mount_peers.c; 0: none */
    uint64_t mark;                 /* [vfs.lock] the last search that has found it */
    _Atomic bool expiring;         /* MNT_EXPIRE was here before, and nobody since */
    _Atomic uint32_t writers;      /* files open for writing */
    int id;                        /* immutable */
    char *source;                  /* immutable */
};

struct mount_ns {
    struct ref ref;
    struct vfs *vfs;
    uint64_t ino;             /* immutable: what /proc/PID/ns/mnt shows */
    struct mount *root;       /* [vfs.lock] */
    _Atomic uint64_t changes; /* of its table, for who polls /proc/mounts */
    struct waitq changed;
};

struct vfs {
    struct mutex lock;      /* RANK_MOUNTS */
    struct list mounts;     /* [lock] all there are, hooked or not, in the order of their making */
    size_t n_mounts;        /* [lock] */
    struct mount_ns *first; /* immutable: the container's own name space */
    struct mount *internal; /* immutable: where anonymous dentries are */
    struct super *ghosts;   /* immutable: file system of mount points that exist only here */
    struct list ghost_list; /* [lock] struct ghost */
    struct locks *locks;    /* immutable: locks.c */
    int last_id;            /* [lock] */
    uint32_t last_dev;      /* [lock] */
    int last_group;         /* [lock] */
    uint64_t last_mark;     /* [lock] */
    uint64_t last_ns;       /* [lock] */
};

/* Guests cannot make more: sysctl fs.mount-max, smaller. */
#define MOUNTS_MAX 16384

/* The mount on top of (mnt, d), or NULL. See above for the locks. */
static inline struct mount *mount_at(const struct mount *mnt, struct dentry *d)
{
    struct mount *m = atomic_load_explicit(&d->mounts, memory_order_acquire);
    while (m && m->parent != mnt)
        m = m->next_here;
    return m;
}

/* Whether it is worth looking; no lock. */
static inline bool dentry_has_mounts(struct dentry *d)
{
    return atomic_load_explicit(&d->mounts, memory_order_relaxed) != NULL;
}

/* Whose tree_lock guards d. */
static inline struct super *dentry_super(const struct dentry *d)
{
    return d->sb ? d->sb : d->node->sb;
}

/* NULL: nothing. The caller has a reference, or the lock that keeps one. */
static inline void mount_get(struct mount *m)
{
    if (m && m->counted)
        ref_get(&m->ref);
}

void mount_put_counted(struct mount *m);

/* No locks held: may free the mount and end its file system. */
static inline void mount_put(struct mount *m)
{
    if (m && m->counted)
        mount_put_counted(m);
}

/* Where m hangs: new references. False: nowhere. Takes vfs.lock. */
bool mount_up(struct mount *m, struct path *ret);
/* Is something of a name space mounted on d? No locks held. */
bool dentry_is_busy(struct dentry *d);
/* Is d the directory `top` or below it? Takes tree_locks; d must be referenced. */
bool dentry_is_below(struct dentry *d, const struct dentry *top);

/* ---- trees of mounts: mount_tree.c. vfs.lock is held where nothing else is said. ---- */
/*
 * One reference, not hooked. root NULL: the super's own. Consumes sb (one count of it) when it
 * succeeds. -ENOSPC: too many.
 */
int mount_alloc(struct vfs *v, struct super *sb, struct dentry *root, uint32_t flags,
                const char *source, struct mount **ret) must_check;
/* Hooks m (its caller's reference is the hook's now) on top of what is at (parent, d). -ENOENT. */
int mount_hook(struct mount *m, struct mount *parent, struct dentry *d) must_check;
/* The dentry that was its mount point: the reference is the caller's. */
struct dentry *mount_unhook(struct mount *m);
/* The next one of the tree below `top`, parents first; NULL: no more. */
struct mount *mount_next(struct mount *m, const struct mount *top);
/* What is mounted there, or how, is another than before. */
void mount_ns_touch(struct mount_ns *ns);
void mount_tree_join(struct mount *top, struct mount_ns *ns);
/* Out of the table with all below, each for itself; what is to be buried is added to *dead. */
void mount_tree_leave(struct mount *top, struct mount **dead);
/* A copy of the tree at top, whose own copy has `root`; without what is not below that, and without
 * unbindable ones unless `all`. */
int mount_tree_copy(struct mount *top, struct dentry *root, bool recursive, bool all,
                    struct mount **ret, struct mount **dead) must_check;

/* ---- shared mounts: mount_peers.c. [vfs.lock] ---- */
/* After top was hooked: the same on all that receive from its parent. On error nothing of that
 * stays, and top is the caller's to take down. */
int mount_propagate(struct mount *top, struct mount **dead) must_check;
/* Does somebody use what would go with m? */
bool mount_copies_busy(struct mount *m);
/* mount_tree_leave() there and on all that receive from it. */
void mount_leave_everywhere(struct mount *top, struct mount **dead);
/* Its group no longer has it; slaves of a group without peers are their master's. */
void mount_leave_group(struct mount *m);
/* kind: LX_MS_SHARED... */
void mount_change_group(struct mount *m, uint32_t kind);
bool mount_tree_has_unbindable(struct mount *top);

/* No locks held: drops the hooks' references. */
void mount_bury(struct mount *dead);
/* No locks held: frees a mount that nobody else knows and that was never hooked. */
void mount_discard(struct mount *m);

int mount_ns_alloc(struct vfs *v, struct mount_ns **ret) must_check;
/* [vfs.lock] */
void vfs_give_device(struct vfs *v, struct super *sb);
/* A reference on each mount there is, in their order. The caller frees the array. */
int mounts_all(struct vfs *v, struct mount ***ret, size_t *ret_n) must_check;
/* Where d is in its file system, whatever is mounted. Length or -ENAMETOOLONG. */
ssize_t dentry_text(struct dentry *d, char *dst, size_t cap) must_check;

/* ---- ghosts: ghost.c ---- */
/* The super of ghost directories: empty, read-only. */
int ghosts_new(struct super **ret) must_check;
/* Makes dir/name one; *ret is referenced, cached and stays. */
int ghost_make(struct vfs *v, struct dentry *dir, const char *name, size_t len, bool is_dir,
               struct dentry **ret) must_check;
/* The i-th ghost below dir, from 0; false: no more. name: GUEST_NAME_CAP bytes. */
bool ghost_nth(struct vfs *v, struct dentry *dir, size_t i, char *name, size_t *ret_len,
               uint64_t *ret_ino, uint32_t *ret_type);
void ghosts_free(struct vfs *v);
