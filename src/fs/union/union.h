/* SPDX-License-Identifier: Apache-2.0 */
/*
 * union: a tree that can be changed without changing it. What is in the lower file system shows
 * until it is changed; changes go to the upper one. Both are other supers of the vfs, which belong
 * to the union alone from then on: its own tree_lock stands for theirs.
 *
 * The upper's root holds three directories: root (changed objects, each at its path), work (what is
 * being made, or waits to be removed; emptied at mount) and index (copies of objects that had
 * several names). Their format is documented in facts.h: other programs read a kept one.
 *
 * What a guest sees of an object never tells which side it is on: device, inode number, owner and
 * times stay when it is copied up. The lower may change under us as any shared tree may.
 *
 * Falls short: a mapping made before a copy-up goes on showing the lower file's pages.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/util.h"

struct kernel;
struct super;
struct union_quota;

struct union_config {
    struct super *lower; /* consumed, also on error */
    struct super *upper; /* consumed, also on error */
    bool kept;           /* the upper outlives us: what is known of its objects is written to it */
    struct union_quota
        *quota; /* how much it may hold; the union takes a reference; NULL: no limit */
};

/* A limit for all unions it is given to. */
int union_quota_new(uint64_t bytes, struct union_quota **ret) must_check;
struct union_quota *union_quota_get(struct union_quota *q);
void union_quota_put(struct union_quota *q); /* NULL does nothing */

/* -EOPNOTSUPP: the upper is to be kept but has no user extended attributes. */
int union_mount(struct kernel *k, const struct union_config *c, struct super **ret) must_check;
