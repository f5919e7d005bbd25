/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How much of a kept upper may be used: the sizes of its files, and a block for each object,
 * whiteouts included. One quota may serve several unions. Sizes are looked at after each change of
 * one; what a change may add is taken before it, so the limit holds whatever happens in between.
 *
 * Without a quota nothing here costs anything.
 */
#pragma once

#include <stdatomic.h>
#include <stdint.h>

#include "base/ref.h"
#include "base/util.h"

struct lx_statfs;
struct node;
struct union_node;
struct union_super;

struct union_quota {
    struct ref ref;
    uint64_t limit;        /* immutable: bytes */
    _Atomic uint64_t used; /* bytes */
};

#define QUOTA_BLOCK 4096u

/* 0 or -ENOSPC. */
int quota_take(struct union_super *us, uint64_t bytes) must_check;
void quota_give(struct union_super *us, uint64_t bytes);
/* What is in the upper already. */
int quota_count(struct union_super *us, struct node *root) must_check;

/* A regular file of the upper, known to the quota from now on with the size it has. */
void quota_know(struct union_node *un);
/* It may grow to `size`: *ret is for quota_settle(), after the change. */
int quota_grow(struct union_node *un, uint64_t size, uint64_t *ret) must_check;
void quota_settle(struct union_node *un, uint64_t taken);
/* The object is gone for good. */
void quota_leave(struct union_node *un);
/* What the limit leaves of what the host has. */
void quota_statfs(const struct union_super *us, struct lx_statfs *io);
