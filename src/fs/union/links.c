/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Objects with several names. The copy of one that had several in the lower is a link in index too,
 * as DEV-INO: names that only the lower has find it there. How many names guests see is counted by
 * us from the moment at which the lower no longer knows: with the copy, as a fact of it; before
 * there is one, in a table, for this session.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "abi/linux/stat.h"
#include "base/log.h"
#include "fs/union/internal.h"

/* ---- objects of the lower that have lost names ---- */

struct lost {
    struct htab_node link; /* [table_lock] by ino */
    uint64_t dev, ino;     /* immutable */
    uint32_t links;        /* [table_lock] as in union_node */
};

/* [table_lock] */
static struct lost *find_lost(struct union_super *us, const struct node *lower)
{
    struct htab_node *n;
    htab_for_each_hash (n, &us->lost, hash_u64(lower->ino)) {
        struct lost *l = container_of(n, struct lost, link);
        if (l->ino == lower->ino && l->dev == lower->dev)
            return l;
    }
    return NULL;
}

uint32_t links_of_lower(struct union_super *us, const struct node *lower)
{
    MUTEX_GUARD(&us->table_lock);
    struct lost *l = htab_count(&us->lost) ? find_lost(us, lower) : NULL;
    return l ? l->links : 0;
}

/* Without memory the lower's own count is shown again once the node is gone. */
static void remember_lost(struct union_super *us, const struct node *lower, uint32_t links)
{
    struct lost *fresh = calloc(1, sizeof(*fresh)), *l;
    mutex_lock(&us->table_lock);
    l = find_lost(us, lower);
    if (!l && fresh) {
        l = fresh;
        fresh = NULL;
        l->dev = lower->dev;
        l->ino = lower->ino;
        htab_insert(&us->lost, &l->link, hash_u64(l->ino));
    }
    if (l)
        l->links = links;
    mutex_unlock(&us->table_lock);
    free(fresh);
}

void links_free_all(struct union_super *us)
{
    struct htab_node *n, *tmp;
    htab_for_each_safe (n, tmp, &us->lost)
        free(container_of(n, struct lost, link));
    htab_free(&us->lost);
}

/* ---- index ---- */

#define INDEX_NAME_CAP 48

static void index_name(const struct node *lower, char dst[static INDEX_NAME_CAP])
{
    snprintf(dst, INDEX_NAME_CAP, "%" PRIu64 "-%" PRIu64, lower->dev, lower->ino);
}

/* A name of the lower may be one of several of an object that was copied through another. */
int links_find(struct union_super *us, struct layers *l)
{
    char name[INDEX_NAME_CAP];
    if (l->upper || !l->lower || l->lower->type == LX_S_IFDIR || !atomic_load(&us->n_index))
        return 0;
    index_name(l->lower, name);
    int r = layer_find(us->index, name, &l->upper);
    if (r < 0 || !l->upper)
        return r;
    r = facts_get(us, l->upper, &l->f);
    if (r == 0) {
        l->f.dev = l->lower->dev;
        l->f.ino = l->lower->ino;
    }
    return r;
}

int links_enter(struct union_node *un, struct node *copy, uint32_t nlink)
{
    struct union_super *us = super_of(un);
    uint32_t links = atomic_load(&un->links), now = links ? links - 1 : nlink;
    char name[INDEX_NAME_CAP];
    if (nlink < 2 || now == 0 || !us->index->ops->link)
        return 0;
    index_name(un->lower, name);
    int r = facts_set_nlink(us, copy, now);
    if (r == 0)
        r = us->index->ops->link(us->index, name, copy);
    if (r < 0)
        return r;
    atomic_store(&un->links, now + 1);
    un->indexed = true;
    atomic_fetch_add(&us->n_index, 1);
    return 0;
}

void links_leave(struct union_node *un, struct node *copy)
{
    struct union_super *us = super_of(un);
    char name[INDEX_NAME_CAP];
    index_name(un->lower, name);
    if (us->index->ops->unlink(us->index, name, copy, false) == 0)
        atomic_fetch_sub(&us->n_index, 1);
    un->indexed = false;
}

/* ---- counting ---- */

int links_change(struct union_node *un, int by)
{
    uint32_t links = atomic_load(&un->links);
    if (links == 0 || (links == 1 && by < 0))
        return 0;
    links = (uint32_t) ((int64_t) links + by);
    atomic_store(&un->links, links);
    if (!un->indexed || links == 1)
        return 0;
    return facts_set_nlink(super_of(un), union_upper(un), links - 1);
}

void union_unnamed(struct union_node *un, struct union_node *dir, const char *name)
{
    struct node *real = union_real(un);
    struct attr a = {0};
    if (un->node.type == LX_S_IFDIR)
        atomic_store(&un->links, 2);
    else if (!union_upper(un) && !atomic_load(&un->links) && real->ops->getattr(real, &a) == 0)
        atomic_store(&un->links, a.nlink + 1); /* the lower's count stays: ours goes on */
    if (links_change(un, -1) < 0)
        log_debug("union: the number of names of %s is wrong from now on", name);
    if (!union_upper(un) && atomic_load(&un->links) > 1)
        remember_lost(super_of(un), un->lower, atomic_load(&un->links));
    if (atomic_load(&un->links) == 1 && un->indexed)
        links_leave(un, real);
    if (union_stands_at(un, dir, name))
        union_displace(un);
    if (un->node.type == LX_S_IFDIR || real->ops->getattr(real, &a) < 0 || a.nlink == 0)
        atomic_store(&un->dead, true);
}
