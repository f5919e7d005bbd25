/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The mount table's inside, for vfs/ alone. A mount is immutable once it is published and lives as
 * long as the name space, so paths hold no reference on it, and walks cross mounts without a lock.
 */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>

#include "base/list.h"
#include "base/mutex.h"
#include "kernel/vfs/dentry.h"
#include "kernel/vfs/mount.h"

struct locks;

struct mount {
    struct vfs *vfs;
    struct super *sb;          /* referenced */
    struct dentry *root;       /* referenced */
    struct mount *parent;      /* NULL: the root, and the internal mount */
    struct dentry *mountpoint; /* in parent; referenced */
    struct mount *next_here;   /* older mounts on the same dentry */
    struct list all_link;      /* [vfs.lock] */
    uint32_t flags;            /* MOUNT_F_* */
    int id;
    char *source;
};

struct vfs {
    struct mutex lock;      /* RANK_MOUNTS */
    struct list mounts;     /* [lock] in mount order */
    struct mount *root;     /* set once */
    struct mount *internal; /* immutable: where anonymous dentries are */
    struct super *ghosts;   /* immutable: file system of mount points that exist only here */
    struct list ghost_list; /* [lock] struct ghost */
    struct locks *locks;    /* immutable: locks.c */
    int last_id;            /* [lock] */
};

/* The mount on top of (mnt, d), or NULL. */
static inline struct mount *mount_at(const struct mount *mnt, struct dentry *d)
{
    struct mount *m = atomic_load_explicit(&d->mounts, memory_order_acquire);
    while (m && m->parent != mnt)
        m = m->next_here;
    return m;
}

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
