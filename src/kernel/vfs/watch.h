/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who wants to know what happens to files: marks on objects, and the places where things happen.
 * Objects are told apart by super and inode number, so that hard links are one. Only what guests do
 * is seen; others may change shared volumes unnoticed.
 *
 * The vfs_saw_...() functions are called after the fact, with no locks held, and cost a test of one
 * word where nobody watches the file system. Masks are LX_IN_* events.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "kernel/vfs/node.h"

struct dentry;
struct watched;

struct watch_event {
    uint32_t mask, cookie;
    const char *name; /* what it happened to in the watched directory; NULL: to the object itself */
    size_t len;
    bool unlinked; /* the file it happened to has no name any more */
};

struct mark;

struct mark_ops {
    /*
     * super.watch_lock is held: takes only what ranks below RANK_NODE, and wakes. e->mask is one
     * event that m->mask has, with LX_IN_ISDIR, or LX_IN_IGNORED. False: take the mark out now.
     */
    bool (*event)(struct mark *m, const struct watch_event *e);
    /* The mark was taken out, by its event() or because the object is gone. No locks held. */
    void (*gone)(struct mark *m);
};

struct mark {
    struct list link;   /* [super.watch_lock] in watched.marks; afterwards in a list of the gone */
    struct watched *at; /* [super.watch_lock] NULL: taken out */
    struct super *sb;   /* immutable */
    const struct mark_ops *ops; /* immutable */
    uint32_t mask;              /* [super.watch_lock] */
};

/*
 * Puts m (sb unset) on n; its owner keeps n, and the name it was found by, alive until the mark is
 * out. -ENOMEM.
 */
int mark_add(struct mark *m, struct node *n, const struct mark_ops *ops, uint32_t mask) must_check;
/* False: it was out already, or is being taken out, and gone() is called. */
bool mark_remove(struct mark *m);
/* Whether anybody watches this object; watch_lock not held. */
bool node_is_watched(struct node *n);
/* Or the directory that the file was opened in, as far as that is known. */
bool file_is_watched(const struct file *f);
/* Whether m is on this object; watch_lock not held. */
bool mark_is_on(struct mark *m, const struct node *n);
/* Another mask, or more of it. The new one. */
uint32_t mark_change(struct mark *m, uint32_t mask, bool add);

static inline bool super_is_watched(const struct super *sb)
{
    return unlikely(atomic_load_explicit(&sb->n_watched, memory_order_relaxed) != 0);
}

/* To a file or directory, through this path: itself and the directory it is in are told. */
void vfs_saw_at(const struct path *p, uint32_t mask);
void vfs_saw_change(const struct path *p, uint32_t attr_mask); /* ATTR_*, of setattr */
/* Through an open file. */
void vfs_saw_file(const struct file *f, uint32_t mask);
/* A name in a directory, of a thing of this type: LX_IN_CREATE... */
void vfs_saw_name(struct node *dir, const char *name, size_t len, uint32_t mask, uint32_t type);
/* dir/name, which was n, is removed. */
void vfs_saw_unlink(struct node *dir, const char *name, size_t len, struct node *n);
/* n became dir/name by link(2). */
void vfs_saw_link(struct node *dir, const char *name, size_t len, struct node *n);
/* One name moved; replaced: what it replaced, or NULL. */
struct watch_move {
    struct node *from_dir, *to_dir, *moved, *replaced;
    const char *from, *to;
    size_t from_len, to_len;
};
void vfs_saw_move(const struct watch_move *m);
/* The whole file system is mounted nowhere any more: it goes, and all marks on it. */
void vfs_saw_unmount(struct super *sb);

/* The openings of a node; a removed object is gone when the last one is. */
static inline void node_opened(struct node *n)
{
    atomic_fetch_add_explicit(&n->openings, 1, memory_order_relaxed);
}
void node_closed(struct node *n);
