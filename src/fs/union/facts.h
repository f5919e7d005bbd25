/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Facts: what must be known of objects of the upper beyond what they are. They are in memory, and,
 * where the upper is kept, in extended attributes of regular files and directories too:
 *
 *   user.cloister.whiteout   an empty file: the lower's object of this name is gone.
 *                            The value describes that object, as origin does
 *   user.cloister.opaque     "y": a directory that has nothing of the lower in it
 *   user.cloister.redirect   a directory's lower is not at its own path but at this one
 *   user.cloister.origin     DEV:INO:MODE:SIZE:MTIME:CTIME of the object that the lower has at this
 *                            path, when it was copied or replaced; MODE octal, times SEC.NSEC
 *   user.cloister.replaced   "y": it is another object than origin's, not its copy
 *   user.cloister.owner      UID:GID:MODE that guests see where the host would not have them
 *   user.cloister.nlink      of a copy in index: how many names guests see
 *
 * Without an entry an object is what it looks like. Objects are known by their inode number in the
 * upper; whoever makes one there forgets what was known of an earlier one with that number.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/util.h"

#define FACT_PREFIX "user.cloister."
/* Who keeps it must be able to read the attribute. */
#define FACT_WHITEOUT_MODE 0600u

struct node;
struct union_super;

struct facts {
    uint64_t dev, ino; /* who it is for guests, if it was copied; ino 0: itself */
    bool confirmed;    /* dev and ino are this session's: of a directory, what is below was seen */
    bool whiteout, opaque, has_owner;
    uint32_t uid, gid; /* has_owner */
    uint32_t nlink;    /* 0: as the upper says */
    char *redirect;    /* NULL: none; the holder frees it, facts_clear() */
};

void facts_clear(struct facts *f);

/* What is known of upper; all zero for nothing. */
int facts_get(struct union_super *us, struct node *upper, struct facts *ret) must_check;
bool facts_is_whiteout(struct union_super *us, struct node *upper);
/* The same without a node, as far as it is known: for listings. type: LX_DT_*. */
bool facts_of_entry(struct union_super *us, uint64_t upper_ino, struct facts *ret);

/* Changes; one at a time (tree_lock, or an object nobody else knows yet). */
int facts_set_identity(struct union_super *us, struct node *upper, uint64_t dev, uint64_t ino)
    must_check;
int facts_set_whiteout(struct union_super *us, struct node *upper, struct node *lower) must_check;
int facts_set_opaque(struct union_super *us, struct node *upper) must_check;
int facts_set_redirect(struct union_super *us, struct node *upper, const char *path) must_check;
/* lower: what is at the same path there, NULL: nothing. */
int facts_set_origin(struct union_super *us, struct node *upper, struct node *lower, bool replaced)
    must_check;
int facts_set_owner(struct union_super *us, struct node *upper, uint32_t uid, uint32_t gid)
    must_check;
int facts_set_nlink(struct union_super *us, struct node *upper, uint32_t nlink) must_check;
void facts_forget(struct union_super *us, uint64_t upper_ino);
void facts_free_all(struct union_super *us);
