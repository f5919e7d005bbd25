/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Intrusive hash table. The table knows hashes, the caller knows keys:
 *
 *     struct htab_node *n;
 *     htab_for_each_hash (n, &table, hash_u64(pid))
 *         if (container_of(n, struct thing, link)->pid == pid)
 *             ...
 *
 * No call allocates but htab_insert(), which grows the table when it can and works on, slower, when
 * it cannot: nothing here fails. Locking is the caller's.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/util.h"

struct htab_node {
    struct htab_node *next;
    uint64_t hash;
};

struct htab {
    struct htab_node **buckets; /* NULL until the first growth: all nodes hang off `single` */
    struct htab_node *single;
    unsigned bits; /* log2 of the number of buckets */
    size_t count;
};

void htab_init(struct htab *h);
/* Frees the table's own memory; the nodes are the caller's. The table is empty afterwards. */
void htab_free(struct htab *h);
/* Duplicates are allowed; the newest is found first. */
void htab_insert(struct htab *h, struct htab_node *n, uint64_t hash);
/* The node must be in the table. */
void htab_remove(struct htab *h, struct htab_node *n);
/* Nodes with exactly this hash; NULL at the end. */
struct htab_node *htab_find_first(const struct htab *h, uint64_t hash);
struct htab_node *htab_find_next(const struct htab_node *n);
/* All nodes, in no order; NULL at the end. No insertions in between. */
struct htab_node *htab_first(const struct htab *h);
struct htab_node *htab_next(const struct htab *h, const struct htab_node *n);

static inline size_t htab_count(const struct htab *h)
{
    return h->count;
}

#define htab_for_each_hash(pos, h, hash) \
    for (pos = htab_find_first(h, hash); pos; pos = htab_find_next(pos))
#define htab_for_each(pos, h) for (pos = htab_first(h); pos; pos = htab_next(h, pos))
/* The loop may remove (and free) pos. */
#define htab_for_each_safe(pos, tmp, h) \
    for (pos = htab_first(h); pos && ((tmp = htab_next(h, pos)), true); pos = tmp)

/* Keyed hash (SipHash-1-3): with a secret seed, hostile names cannot be made to collide. */
uint64_t hash_bytes(const void *bytes, size_t n, uint64_t seed);
/* A bijection that mixes all bits. */
uint64_t hash_u64(uint64_t v);
