/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One walk in progress, for vfs/ alone: open(2) with O_CREAT and the calls that change names need
 * the parent and the last component, and go on from there when that is a symlink.
 *
 *     r = walk_begin(&s, w, at, name, flags);
 *     while (r == 0) {
 *         r = walk_parent(&s);           s.cur is the directory, s.last the name
 *         if (r == 0) r = walk_last(&s); 1: it was a symlink, now followed: again
 *         if (r == 1) { r = 0; continue; }
 *         break;
 *     }
 *     walk_end(&s);                      always
 */
#pragma once

#include "base/list.h"
#include "kernel/vfs/dentry.h"
#include "kernel/vfs/walk.h"

#define WALK_MAX_LINKS 40

/* What keeps s.cur alive. */
enum walk_hold {
    HOLD_STABLE, /* somebody outside, for the whole walk: root, cwd, a mount's root */
    HOLD_OWN,    /* a reference of ours */
    HOLD_LOCK,   /* the tree_lock we hold */
};

enum last_kind { LAST_NAME, LAST_DOT, LAST_DOTDOT, LAST_NONE /* "/" */, LAST_LONG /* rename */ };

/* A text being walked and what it is in. */
struct walk_text {
    const char *rest;
    struct node *held; /* the symlink whose cached text it is */
    char *heap;        /* or a copy of ours */
};

struct walk {
    const struct walkctx *w;
    uint32_t flags;   /* WALK_* */
    struct path root; /* where ".." and absolute links end; borrowed */
    struct path cur;
    enum walk_hold hold;
    bool own_mnt;         /* cur.mnt is a reference of ours, too: the walk has crossed to it */
    struct super *locked; /* whose tree_lock we hold */
    struct dentry *drop;  /* a reference to be dropped after unlocking */
    struct list dying;
    struct walk_text text;
    struct walk_text stack[WALK_MAX_LINKS];
    unsigned depth, n_links;
    bool must_be_dir; /* a slash follows the last component, or followed a link that it replaced */
    bool at_last;     /* s.cur is the directory of s.last */
    struct {
        char name[GUEST_NAME_CAP];
        size_t len;
        enum last_kind kind;
    } last;
};

int walk_begin(struct walk *s, const struct walkctx *w, const struct path *at, const char *name,
               uint32_t flags) must_check;
/* To the directory of the last component; search permission there is checked. No lock is held after
 * it. */
int walk_parent(struct walk *s) must_check;
/*
 * 0: s.cur is what the last component names, no lock held; 1: see above; -ENOENT: no such name,
 * s.cur is still the directory.
 */
int walk_last(struct walk *s) must_check;
/* 0 when s.cur may end the walk: WALK_DIRECTORY, trailing slashes. */
int walk_check_end(const struct walk *s) must_check;
/* Makes s.cur a path of the caller's. */
void walk_take(struct walk *s, struct path *ret);
void walk_end(struct walk *s);

/* Both steps for a call that changes names: *ret is the directory (referenced); s stays open for
 * s.last. */
int walk_to_parent(struct walk *s, const struct walkctx *w, const struct path *at, const char *name,
                   uint32_t flags) must_check;

/* perm.c: search permission without asking the file system, if that is enough to grant it. */
bool search_is_free(const struct walkctx *w, struct node *dir);
/*
 * path_permission() for what lies in `dir`, of which only the attributes are known, and perhaps the
 * node: without it (NULL) an access list is not looked at.
 */
int place_permission(const struct walkctx *w, const struct path *dir, struct node *n,
                     const struct attr *a, uint32_t may) must_check;
/* After a change of mode or owner. */
void node_search_changed(struct node *n);
