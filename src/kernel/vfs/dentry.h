/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Dentries: names and what stands behind them. vfs/ alone sees them.
 *
 * A dentry without a node is negative: the name is known not to exist. The cache of a super holds
 * one reference on each of its dentries, and each dentry one on its parent. As long as tree_lock is
 * held, a cached dentry stays; so a walk takes no reference before it lets go of the lock. A dentry
 * that left the cache is never found again: it lives on for those who hold it.
 */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>

#include "base/htab.h"
#include "base/list.h"
#include "base/ref.h"
#include "kernel/vfs/node.h"

struct mount;

#define DENTRY_INLINE  32
#define GUEST_NAME_CAP 256 /* the longest name and its NUL */

struct dentry {
    struct ref ref;
    uint32_t n_cached;     /* [tree_lock] cached dentries of which this is the parent */
    struct htab_node link; /* [tree_lock] in sb->dentries */
    struct list lru;       /* [tree_lock] in sb->lru; in a list of the dying afterwards */
    struct super *sb; /* immutable: whose tree_lock guards it; NULL for roots and anonymous ones */
    struct dentry *parent;          /* [tree_lock] referenced; NULL for roots */
    struct node *node;              /* immutable; referenced; NULL: negative */
    _Atomic(struct mount *) mounts; /* what is mounted here, newest first; grows only */
    _Atomic bool gone;              /* unlinked or replaced */
    _Atomic bool has_ghosts;        /* mount points below it that only exist here */
    bool cached;                    /* [tree_lock] */
    bool ghost;                     /* immutable after it is hashed: such a mount point */
    uint32_t len;                   /* [tree_lock] */
    uint64_t asked_ns; /* [tree_lock] supers with trust_ns: when the name was last asked for */
    char *name;        /* [tree_lock] NUL-terminated */
    char inline_name[DENTRY_INLINE];
};

/* One reference. Takes a reference on node (NULL: negative) and on parent (NULL: a root). NULL
 * without memory. */
struct dentry *dentry_new(struct super *sb, struct dentry *parent, const char *name, size_t len,
                          struct node *node);
struct dentry *dentry_get(struct dentry *d);
/* No locks held: may release the node. */
void dentry_put(struct dentry *d);

/*
 * The functions below want the tree_lock of the directory's super (parent->node->sb) held. Dentries
 * that lost their last reference are collected in `dying` and freed by dentry_reap() after
 * unlocking.
 */

/* Borrowed: valid while the lock is held. NULL: not cached. May be negative. */
struct dentry *dcache_find(struct dentry *parent, const char *name, size_t len);
/* Puts a fresh dentry into the cache, which takes a reference of its own; drops old ones over the
 * limit. */
void dcache_add(struct dentry *d, struct list *dying);
/* Takes d out; `gone` marks it deleted. */
void dcache_drop(struct dentry *d, bool gone, struct list *dying);
/* Forgets whatever is cached for a name. */
void dcache_forget(struct dentry *parent, const char *name, size_t len, struct list *dying);
/*
 * d gets another name and parent, replacing whatever was cached there. Prepare the name before,
 * with dentry_name_alloc(), because nothing may fail once the file system has renamed.
 */
struct dentry_name {
    char *heap; /* NULL: fits inline */
};
int dentry_name_alloc(size_t len, struct dentry_name *ret) must_check;
void dentry_name_free(struct dentry_name *n);
void dcache_move(struct dentry *d, struct dentry *parent, const char *name, size_t len,
                 struct dentry_name *take, struct list *dying);
/* The names and places of two dentries change sides (RENAME_EXCHANGE). */
void dcache_exchange(struct dentry *a, struct dentry *b);

/*
 * What stands behind a name, from the cache if it may be trusted, else from the file system.
 * Borrowed (cached) dentry; -ENOENT also for negative ones. The directory must be one.
 */
int dcache_lookup(struct dentry *dir, const char *name, size_t len, struct dentry **ret,
                  struct list *dying) must_check;
/* The same for those who want the name only: the node may be by_name (node.h). */
int dcache_peek(struct dentry *dir, const char *name, size_t len, struct dentry **ret,
                struct list *dying) must_check;
/* Ends that for d, which has a parent. -ESTALE */
int dcache_hold(struct dentry *d) must_check;
/*
 * For an object that was made or opened as dir/name under this lock: *ret is cached and a new
 * reference. Consumes `steal`. -ENOMEM.
 */
int dcache_enter(struct dentry *dir, const char *name, size_t len, struct node *steal,
                 struct dentry **ret, struct list *dying) must_check;
/*
 * Makes a name that dcache_lookup() has just not found: *ret is cached and a new reference. -ENOENT
 * in a removed directory; -EEXIST when somebody outside was faster.
 */
int dcache_create(struct dentry *dir, const char *name, size_t len, const struct create_args *a,
                  struct dentry **ret, struct list *dying) must_check;

/* Drops half of what nobody holds: the host has run out of descriptors, and nodes have some. */
void dcache_shrink(struct super *sb, struct list *dying);

/* The same for a whole super, no locks held. */
void super_shrink(struct super *sb);
/* An open file of d is about to be closed: what others reach through d must stay within reach. No
 * locks held. */
void dentry_hold_opened(struct dentry *d);

/* No locks held. */
void dentry_reap(struct list *dying);
/* Empties a super's cache; at the end of the name space. */
void dcache_clear(struct super *sb);
