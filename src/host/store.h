/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The store of kept sandboxes: one directory NAME each, with meta.json, a lock, and per layer of
 * copy-on-write files a directory layers/N that the sandbox writes to. Everything below layers/N is
 * hostile; meta.json and the lock are out of the sandbox's reach.
 *
 * One process at a time works on a kept sandbox: it holds the lock while its struct is open. What
 * is made appears whole, under its name, by a rename; what is removed vanishes from it by one
 * first.
 */
#pragma once

#include <stdbool.h>

#include "base/util.h"
#include "host/store_meta.h"
#include "host/upper.h"
#include "rpc/fail.h"

struct kept {
    struct kept_meta meta;
    char *dir;   /* the sandbox's own directory, for messages and for opening by path */
    int top_fd;  /* the store */
    int dir_fd;  /* the sandbox's directory */
    int lock_fd; /* flock */
};

#define KEPT_NONE                                 \
    {                                             \
        .top_fd = -1, .dir_fd = -1, .lock_fd = -1 \
    }

/* Letters, digits, "_", "-", ".", "+", at most 64, none of the last three first. */
int kept_check_name(const char *name, struct fail *f) must_check;

/*
 * Opens and locks. `store` is the directory of --store or NULL for the caller's own. -ENOENT with a
 * text when there is none of this name, -EBUSY when someone else has it.
 */
int kept_open(const char *store, const char *name, struct kept *ret, struct fail *f) must_check;
/* The same; makes it first when there is none, for sandboxes whose root is `root`. One that is
 * there must have the same root. */
int kept_open_or_make(const char *store, const char *name, const char *root, struct kept *ret,
                      struct fail *f) must_check;
void kept_close(struct kept *k);

/* Writes meta.json: whole or not at all. */
int kept_save(struct kept *k, struct fail *f) must_check;

/* The absolute path of the layer for what is mounted at `dest`, made and noted when there is none.
 * Caller frees. */
int kept_layer_path(struct kept *k, const char *dest, char **ret, struct fail *f) must_check;

/* Opens a part ("root", "index") of a layer. -ENOENT without a text where the sandbox never wrote.
 */
int kept_open_layer(const struct kept *k, const struct kept_layer *l, const char *part,
                    struct upper_fd *ret) must_check;

/* Removes it. The struct is closed in any case. */
int kept_discard(struct kept *k, struct fail *f) must_check;

struct kept_info {
    const char *name;
    const struct kept_meta *meta; /* NULL: unreadable */
    bool busy;
};

/* Calls fn for each in the order of names; a store that is not there has none. */
int kept_each(const char *store, int (*fn)(const struct kept_info *i, void *arg), void *arg,
              struct fail *f) must_check;
