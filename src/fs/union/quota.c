/* SPDX-License-Identifier: Apache-2.0 */
/* Counting what an upper holds: see quota.h. */
#include "fs/union/quota.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "abi/linux/stat.h"
#include "abi/linux/statfs.h"
#include "base/strbuf.h"
#include "fs/union/listing.h"

int union_quota_new(uint64_t limit, struct union_quota **ret)
{
    struct union_quota *q = calloc(1, sizeof(*q));
    if (!q)
        return -ENOMEM;
    ref_init(&q->ref);
    q->limit = limit;
    atomic_init(&q->used, 0);
    *ret = q;
    return 0;
}

struct union_quota *union_quota_get(struct union_quota *q)
{
    if (q)
        ref_get(&q->ref);
    return q;
}

void union_quota_put(struct union_quota *q)
{
    if (q && ref_put(&q->ref))
        free(q);
}

int quota_take(struct union_super *us, uint64_t bytes)
{
    struct union_quota *q = us->quota;
    if (!q || bytes == 0)
        return 0;
    uint64_t used = atomic_load(&q->used);
    do
        if (used >= q->limit || bytes > q->limit - used)
            return -ENOSPC;
    while (!atomic_compare_exchange_weak(&q->used, &used, used + bytes));
    return 0;
}

/* Never below nothing: others may have been at the upper between our looks. */
void quota_give(struct union_super *us, uint64_t bytes)
{
    struct union_quota *q = us->quota;
    if (!q)
        return;
    uint64_t used = atomic_load(&q->used);
    while (!atomic_compare_exchange_weak(&q->used, &used, used - MIN(used, bytes)))
        ;
}

static void add(struct union_super *us, uint64_t bytes)
{
    atomic_fetch_add(&us->quota->used, bytes);
}

/* ---- files ---- */

static uint64_t size_of(struct union_node *un)
{
    struct node *upper = union_upper(un);
    struct attr a;
    bool counts = upper && un->node.type == LX_S_IFREG;
    return counts && upper->ops->getattr(upper, &a) == 0 ? a.size : 0;
}

void quota_know(struct union_node *un)
{
    if (super_of(un)->quota)
        un->charged = size_of(un);
}

int quota_grow(struct union_node *un, uint64_t size, uint64_t *ret)
{
    struct union_super *us = super_of(un);
    *ret = 0;
    if (!us->quota)
        return 0;
    mutex_lock(&un->copy_lock);
    uint64_t more = size > un->charged ? size - un->charged : 0;
    mutex_unlock(&un->copy_lock);
    int r = quota_take(us, more);
    if (r == 0)
        *ret = more;
    return r;
}

/* Others may change the size at the same time: whoever comes last leaves it right. */
void quota_settle(struct union_node *un, uint64_t taken)
{
    struct union_super *us = super_of(un);
    if (!us->quota)
        return;
    MUTEX_GUARD(&un->copy_lock);
    uint64_t now = size_of(un);
    if (now > un->charged)
        add(us, now - un->charged);
    else
        quota_give(us, un->charged - now);
    un->charged = now;
    quota_give(us, taken);
}

void quota_leave(struct union_node *un)
{
    quota_give(super_of(un), un->charged + QUOTA_BLOCK);
}

void quota_statfs(const struct union_super *us, struct lx_statfs *io)
{
    const struct union_quota *q = us->quota;
    if (!q || io->bsize <= 0)
        return;
    uint64_t size = (uint64_t) (io->frsize > 0 ? io->frsize : io->bsize);
    uint64_t used = atomic_load(&q->used), left = used < q->limit ? (q->limit - used) / size : 0;
    io->bfree = MIN(io->bfree, left);
    io->bavail = MIN(io->bavail, left);
    io->blocks = MIN(io->blocks, MAX(q->limit / size, io->bfree));
}

/* ---- what is there at mount ---- */

/* Objects with several names count once. */
struct counted {
    struct htab_node link;
    uint64_t ino;
};

struct count {
    struct union_super *us;
    struct htab seen;
};

static bool seen_before(struct count *c, uint64_t ino)
{
    struct htab_node *n;
    htab_for_each_hash (n, &c->seen, hash_u64(ino))
        if (container_of(n, struct counted, link)->ino == ino)
            return true;
    struct counted *fresh = calloc(1, sizeof(*fresh));
    if (fresh) {
        fresh->ino = ino;
        htab_insert(&c->seen, &fresh->link, hash_u64(ino));
    }
    return false;
}

#define MAX_DEPTH 512

static int count_dir(struct count *c, struct node *dir, int depth)
{
    _cleanup_sb_ struct strbuf names = STRBUF_INIT;
    int r = layer_names(dir, &names);
    for (size_t at = 0; at < names.len && r == 0; at += strlen(names.data + at) + 1) {
        struct node *n;
        struct attr a;
        r = layer_find(dir, names.data + at, &n);
        if (r < 0 || !n)
            continue;
        r = n->ops->getattr(n, &a);
        if (r == 0 && (n->type == LX_S_IFDIR || a.nlink < 2 || !seen_before(c, n->ino)))
            add(c->us, QUOTA_BLOCK + (n->type == LX_S_IFREG ? a.size : 0));
        if (r == 0 && n->type == LX_S_IFDIR && depth > 0)
            r = count_dir(c, n, depth - 1);
        node_put(n);
    }
    return r;
}

int quota_count(struct union_super *us, struct node *root)
{
    struct count c = {.us = us};
    struct htab_node *n, *tmp;
    if (!us->quota)
        return 0;
    htab_init(&c.seen);
    int r = count_dir(&c, root, MAX_DEPTH);
    htab_for_each_safe (n, tmp, &c.seen)
        free(container_of(n, struct counted, link));
    htab_free(&c.seen);
    return r;
}
