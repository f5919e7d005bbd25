/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The union's own structures; only fs/union includes this.
 *
 * Locks, outermost first:
 *
 *   union_node.copy_lock  RANK_COPY_UP   while an object that is not a directory is copied up: held
 *                                        during the copy, which may take long, and by nobody else
 *   sb.tree_lock          RANK_VFS_TREE  names: where nodes stand, which directories are copied up,
 *                                        and the moment at which a copy becomes the object
 *   table_lock            RANK_LEAF      the tables
 *
 * The copy of a file is made with copy_lock alone, so walks go on. It becomes the object under
 * tree_lock, at the place where the object stands at that moment.
 */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/htab.h"
#include "base/list.h"
#include "base/mutex.h"
#include "fs/union/facts.h"
#include "fs/union/quota.h"
#include "fs/union/union.h"
#include "kernel/kernel.h"
#include "kernel/vfs/node.h"

/* Numbers of the upper's own objects are moved out of the way of the lower's. Programs that keep
 * them in doubles still tell them apart. */
#define UNION_OWN_INO (UINT64_C(1) << 48)

struct union_super {
    struct super sb;             /* first */
    struct kernel *k;            /* immutable */
    struct super *lower, *upper; /* immutable; referenced */
    struct node *work, *index;   /* immutable; referenced */
    bool kept;                   /* immutable */
    struct union_quota *quota;   /* immutable; referenced; NULL: no limit */
    uint32_t own_gid;            /* immutable: of what the host makes for us, rootless */
    _Atomic uint64_t last_temp;  /* names in work */
    _Atomic uint64_t n_index;    /* copies in index: 0 saves looking there */
    struct mutex table_lock;     /* RANK_LEAF */
    struct htab nodes;           /* [table_lock] struct union_node by ino; no references */
    struct htab facts;           /* [table_lock] facts.c */
    struct htab lost;            /* [table_lock] links.c */
    struct list ended;           /* [table_lock] nodes that still hold their directories: node.c */
    bool ending;                 /* [table_lock] somebody empties it */
};

struct union_node {
    struct node node;             /* first; dev and ino are what guests see */
    struct htab_node link;        /* [table_lock] */
    struct node *lower;           /* immutable; referenced; NULL: none */
    _Atomic(struct node *) upper; /* referenced; set once, by copy-up */
    struct mutex copy_lock;       /* RANK_COPY_UP */
    struct union_node *parent;    /* [tree_lock] where it stands; referenced; NULL: the root, or
                                     removed */
    char *name;                   /* [tree_lock] there; NULL with parent */
    char *redirect;               /* [tree_lock] directories: path of `lower` from its top, if it
                                     is not the one of `parent` and `name` */
    _Atomic uint32_t links;       /* [tree_lock] for writes; 0: as the layer says, else how many
                                     names guests see, and one more */
    bool indexed;                 /* [tree_lock] the upper object is in index as well */
    _Atomic uint64_t owner;       /* has_owner: uid, and gid in the lower half, that guests see */
    _Atomic bool has_owner;       /* not the layer's */
    _Atomic uint32_t changes;     /* directories: of what is listed */
    uint64_t charged;             /* [copy_lock] size known to the quota */
    struct list ended;            /* [table_lock] in union_super.ended */
    _Atomic bool dead;            /* its last name is gone: what is known of it goes with it */
};

static inline struct union_super *union_super(struct super *sb)
{
    return (struct union_super *) sb;
}

static inline struct union_node *union_node(struct node *n)
{
    return (struct union_node *) n;
}

static inline struct union_super *super_of(const struct union_node *un)
{
    return union_super(un->node.sb);
}

static inline struct node *union_upper(struct union_node *un)
{
    return atomic_load_explicit(&un->upper, memory_order_acquire);
}

/* The object that is shown, borrowed. */
static inline struct node *union_real(struct union_node *un)
{
    struct node *up = union_upper(un);
    return up ? up : un->lower;
}

extern const struct node_ops union_node_ops; /* node.c */

/* ---- node.c ---- */

/* What the layers have for one name. References on both; both NULL: nothing. */
struct layers {
    struct node *upper, *lower;
    struct facts f; /* of upper */
};

void layers_clear(struct layers *l);
/*
 * The node of dir/name for what was found, consumed also on error: an old one if the object has
 * one. dir NULL: the root; name NULL: it has none yet.
 */
int union_node_get(struct union_super *us, struct union_node *dir, const char *name, size_t len,
                   struct layers *l, struct node **ret) must_check;
/* [tree_lock] un stands at dir/name from now on; nowhere. -ENOMEM: as before. The old directory is
 * held by whoever makes the change, too. */
int union_place(struct union_node *un, struct union_node *dir, const char *name) must_check;
void union_displace(struct union_node *un);
bool union_stands_at(const struct union_node *un, const struct union_node *dir, const char *name);
void union_changed(struct union_node *dir);
/* Number and device for guests of an object of the upper that was found in dir. */
uint64_t union_ino(const struct facts *f, uint64_t upper_ino);

/* ---- lookup.c ---- */
int union_lookup(struct node *dir, const char *name, size_t len, struct node **ret);
/* [tree_lock] -ENOENT: nothing that guests see. */
int layers_find(struct union_super *us, struct union_node *dir, const char *name,
                struct layers *ret) must_check;
bool union_revalidate(struct node *n, struct node *dir, const char *name);
/* One layer's answer; *ret NULL and 0 where it has nothing. */
int layer_find(struct node *dir, const char *name, struct node **ret) must_check;
/* [tree_lock] What the lower has at dir/name, whatever covers it. */
int lower_find(struct union_node *dir, const char *name, struct node **ret) must_check;
/* [tree_lock] Path of a directory's lower from the lower's top. The caller frees. */
int lower_path(struct union_node *dir, char **ret) must_check;

/* ---- work.c: objects that nobody sees yet, and those that nobody shall see any more ---- */
#define TEMP_NAME_CAP 24
void work_name(struct union_super *us, char dst[static TEMP_NAME_CAP]);
/* A new object in work. */
int work_create(struct union_super *us, const struct create_args *a,
                char name[static TEMP_NAME_CAP], struct node **ret) must_check;
/* What lies in work under this name goes, with what is in it. */
void work_remove(struct union_super *us, const char *name);
/* One that work_create() made is not needed after all; puts n. */
void work_discard(struct union_super *us, const char *name, struct node *n);
void work_empty(struct union_super *us);
/* work/name becomes dir/to, replacing what may be there; or both change sides. dir: of the upper.
 */
int work_place(struct union_super *us, const char *name, struct node *n, struct node *dir,
               const char *to, uint32_t flags) must_check;

/* ---- whiteout.c; tree_lock held ---- */
/* dir/name shows nothing from now on. `is_dir`: a directory of the upper is there. */
int whiteout_put(struct union_super *us, struct union_node *dir, const char *name,
                 struct node *lower, bool is_dir) must_check;
/* Is there nothing that a guest would see in this directory? 0 or -ENOTEMPTY. */
int union_is_empty(struct union_node *dir) must_check;

/* ---- copy_up.c; no lock held ---- */
/* Afterwards the object is in the upper. keep: how many bytes of a file are still wanted. */
int union_copy_up(struct union_node *un, uint64_t keep) must_check;
/* [tree_lock] The same for directories. */
int union_dir_up(struct union_node *dir) must_check;
/* [tree_lock] The times of a directory of the upper, over a change that guests do not see. */
void times_restore(struct node *dir, const struct attr *was);

/* ---- copy_data.c ---- */
int copy_data(struct node *from, struct node *to, uint64_t len) must_check;
int copy_xattrs(struct node *from, struct node *to) must_check;

/* ---- names.c, rename.c ---- */
int union_create(struct node *dir, const char *name, const struct create_args *a,
                 struct node **ret);
int union_link(struct node *dir, const char *name, struct node *target);
int union_unlink(struct node *dir, const char *name, struct node *target, bool is_rmdir);
int union_rename(const struct name_move *m);
int union_before_naming(struct node *n);

/* ---- links.c; tree_lock held ---- */
/* A name of the lower may be one of several of an object that was copied through another. */
int links_find(struct union_super *us, struct layers *l) must_check;
/* The copy of an object with `nlink` names is found by the others, too. */
int links_enter(struct union_node *un, struct node *copy, uint32_t nlink) must_check;
void links_leave(struct union_node *un, struct node *copy);
/* One name more or less, where names are counted by us. */
int links_change(struct union_node *un, int by) must_check;
/* un has lost the name dir/name. */
void union_unnamed(struct union_node *un, struct union_node *dir, const char *name);
/* union_node.links for an object of the lower that has no copy. */
uint32_t links_of_lower(struct union_super *us, const struct node *lower);
void links_free_all(struct union_super *us);

/* ---- attr.c ---- */
int union_getattr(struct node *n, struct attr *ret);
int union_setattr(struct node *n, const struct attr *a, uint32_t mask);
ssize_t union_getxattr(struct node *n, const char *name, void *dst, size_t cap);
ssize_t union_listxattr(struct node *n, char *dst, size_t cap);
int union_setxattr(struct node *n, const char *name, const void *v, size_t len, int flags);
int union_removexattr(struct node *n, const char *name);
/* Owner of an object of the upper; where the host refuses, as a fact. */
int upper_set_owner(struct union_super *us, struct node *upper, uint32_t uid, uint32_t gid,
                    bool *ret_fact) must_check;

/* ---- file.c, dir.c ---- */
int union_open(struct node *n, const struct open_args *a, struct file **ret);
int union_tmpfile(struct node *dir, const struct create_args *c, const struct open_args *a,
                  struct file **ret);
int union_dir_open(struct union_node *un, const struct open_args *a, struct file **ret);
