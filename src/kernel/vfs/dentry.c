/* SPDX-License-Identifier: Apache-2.0 */
/* The cache of names: see dentry.h. */
#include "kernel/vfs/dentry.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define EVICT_BATCH 32 /* entries looked at when the cache is over its limit */

static uint64_t name_hash(const struct super *sb, const struct dentry *parent, const char *name,
                          size_t len)
{
    return hash_bytes(name, len, sb->hash_seed ^ (uint64_t) (uintptr_t) parent);
}

static void set_name(struct dentry *d, const char *name, size_t len)
{
    memcpy(d->name, name, len);
    d->name[len] = 0;
    d->len = (uint32_t) len;
}

int dentry_name_alloc(size_t len, struct dentry_name *ret)
{
    ret->heap = NULL;
    if (len < DENTRY_INLINE)
        return 0;
    ret->heap = malloc(len + 1);
    return ret->heap ? 0 : -ENOMEM;
}

void dentry_name_free(struct dentry_name *n)
{
    free(n->heap);
    n->heap = NULL;
}

struct dentry *dentry_new(struct super *sb, struct dentry *parent, const char *name, size_t len,
                          struct node *node)
{
    struct dentry_name dn;
    struct dentry *d = calloc(1, sizeof(*d));
    if (!d)
        return NULL;
    if (dentry_name_alloc(len, &dn) < 0) {
        free(d);
        return NULL;
    }
    ref_init(&d->ref);
    list_init(&d->lru);
    d->sb = sb;
    d->parent = parent ? dentry_get(parent) : NULL;
    d->node = node ? node_get(node) : NULL;
    d->name = dn.heap ? dn.heap : d->inline_name;
    set_name(d, name, len);
    return d;
}

struct dentry *dentry_get(struct dentry *d)
{
    ref_get(&d->ref);
    return d;
}

/* The last reference is gone. Returns the parent, whose reference is now the caller's. */
static struct dentry *dentry_free(struct dentry *d)
{
    struct dentry *parent = d->parent;
    node_put(d->node);
    if (d->name != d->inline_name)
        free(d->name);
    free(d);
    return parent;
}

void dentry_put(struct dentry *d)
{
    while (d && ref_put(&d->ref))
        d = dentry_free(d);
}

void dentry_reap(struct list *dying)
{
    struct list *l;
    while ((l = list_pop(dying)))
        dentry_put(dentry_free(list_entry(l, struct dentry, lru)));
}

/* ---- the cache; tree_lock held ---- */

struct dentry *dcache_find(struct dentry *parent, const char *name, size_t len)
{
    struct super *sb = parent->node->sb;
    struct htab_node *n;
    htab_for_each_hash (n, &sb->dentries, name_hash(sb, parent, name, len)) {
        struct dentry *d = container_of(n, struct dentry, link);
        if (d->parent == parent && d->len == len && memcmp(d->name, name, len) == 0)
            return d;
    }
    return NULL;
}

/* In and out of the tables; the cache's reference is the caller's business. */
static void insert(struct dentry *d)
{
    htab_insert(&d->sb->dentries, &d->link, name_hash(d->sb, d->parent, d->name, d->len));
    list_add_tail(&d->lru, &d->sb->lru);
    d->parent->n_cached++;
    d->cached = true;
}

static void take_out(struct dentry *d)
{
    htab_remove(&d->sb->dentries, &d->link);
    list_del(&d->lru);
    d->parent->n_cached--;
    d->cached = false;
}

static void drop_one(struct dentry *d, struct list *dying)
{
    take_out(d);
    if (ref_put(&d->ref))
        list_add_tail(&d->lru, dying);
}

/*
 * Names known not to be in a removed directory would keep it, and its descriptor, until they are
 * the oldest. They are mostly young.
 */
static void forget_children(struct dentry *d, struct list *dying)
{
    struct super *sb = d->node->sb;
    for (struct list *l = sb->lru.prev; d->n_cached && l != &sb->lru;) {
        struct dentry *child = list_entry(l, struct dentry, lru);
        l = l->prev;
        if (child->parent == d && !child->ghost)
            drop_one(child, dying);
    }
}

void dcache_drop(struct dentry *d, bool gone, struct list *dying)
{
    if (gone)
        atomic_store_explicit(&d->gone, true, memory_order_relaxed);
    if (!d->cached)
        return;
    if (gone && d->n_cached)
        forget_children(d, dying);
    drop_one(d, dying);
}

/*
 * Only the cache's own reference left: nobody can take another one while the lock is held. The
 * others are moved to the young end, so a few busy entries do not stop the search every time.
 */
static void evict(struct super *sb, struct list *dying)
{
    for (int i = 0; i < EVICT_BATCH && htab_count(&sb->dentries) > sb->max_dentries; i++) {
        struct dentry *d = list_first_entry(&sb->lru, struct dentry, lru);
        if (ref_count(&d->ref) == 1)
            dcache_drop(d, false, dying);
        else
            list_move_tail(&d->lru, &sb->lru);
    }
}

void dcache_shrink(struct super *sb, struct list *dying)
{
    struct list *pos, *tmp;
    size_t left = htab_count(&sb->dentries) / 2 + 1;
    list_for_each_safe (pos, tmp, &sb->lru) {
        struct dentry *d = list_entry(pos, struct dentry, lru);
        if (left == 0)
            break;
        if (ref_count(&d->ref) == 1) {
            dcache_drop(d, false, dying);
            left--;
        }
    }
}

void super_shrink(struct super *sb)
{
    struct list dying = LIST_INIT(dying);
    mutex_lock(&sb->tree_lock);
    dcache_shrink(sb, &dying);
    mutex_unlock(&sb->tree_lock);
    dentry_reap(&dying);
}

void dcache_add(struct dentry *d, struct list *dying)
{
    evict(d->sb, dying);
    ref_get(&d->ref);
    insert(d);
}

void dcache_forget(struct dentry *parent, const char *name, size_t len, struct list *dying)
{
    struct dentry *d = dcache_find(parent, name, len);
    if (d)
        dcache_drop(d, d->node != NULL, dying);
}

/* [tree_lock] Moves the reference on the old parent into the dying list if it was the last. */
static void parent_put(struct dentry *old, struct list *dying)
{
    if (ref_put(&old->ref))
        list_add_tail(&old->lru, dying);
}

void dcache_move(struct dentry *d, struct dentry *parent, const char *name, size_t len,
                 struct dentry_name *take, struct list *dying)
{
    dcache_forget(parent, name, len, dying);
    bool was_cached = d->cached;
    if (was_cached)
        take_out(d);
    if (d->name != d->inline_name)
        free(d->name);
    d->name = take->heap ? take->heap : d->inline_name;
    take->heap = NULL;
    set_name(d, name, len);
    struct dentry *old = d->parent;
    d->parent = dentry_get(parent);
    if (was_cached)
        insert(d);
    if (old)
        parent_put(old, dying);
}

void dcache_exchange(struct dentry *a, struct dentry *b)
{
    struct dentry *d[2] = {a, b};
    const bool was_cached[2] = {a->cached, b->cached};
    for (int i = 0; i < 2; i++)
        if (was_cached[i])
            take_out(d[i]);
    char text[DENTRY_INLINE], *name_a = a->name != a->inline_name ? a->name : NULL;
    char *name_b = b->name != b->inline_name ? b->name : NULL;
    memcpy(text, a->inline_name, sizeof(text));
    memcpy(a->inline_name, b->inline_name, sizeof(text));
    memcpy(b->inline_name, text, sizeof(text));
    a->name = name_b ? name_b : a->inline_name;
    b->name = name_a ? name_a : b->inline_name;
    uint32_t len = a->len;
    a->len = b->len;
    b->len = len;
    struct dentry *parent = a->parent;
    a->parent = b->parent;
    b->parent = parent;
    for (int i = 0; i < 2; i++)
        if (was_cached[i])
            insert(d[i]);
}

/* May the cached answer be used? Mount points are: what they cover no longer matters. */
static bool trusted(struct dentry *dir, struct dentry *d)
{
    struct super *sb = dir->node->sb;
    if (sb->exclusive || d->ghost || atomic_load_explicit(&d->mounts, memory_order_relaxed))
        return true;
    if (!d->node)
        return false;
    if (!d->node->ops->revalidate || super_trusts(sb, d->asked_ns))
        return true;
    uint64_t now = sb->trust_ns ? coarse_now_ns() : 0;
    if (!d->node->ops->revalidate(d->node, dir->node, d->name))
        return false;
    d->asked_ns = now;
    return true;
}

int dcache_enter(struct dentry *dir, const char *name, size_t len, struct node *steal,
                 struct dentry **ret, struct list *dying)
{
    struct super *sb = dir->node->sb;
    dcache_forget(dir, name, len, dying);
    struct dentry *d = dentry_new(sb, dir, name, len, steal);
    node_put(steal); /* d has its own, or else the caller finds the name by looking again */
    if (!d)
        return -ENOMEM;
    dcache_add(d, dying);
    *ret = d;
    return 0;
}

int dcache_create(struct dentry *dir, const char *name, size_t len, const struct create_args *a,
                  struct dentry **ret, struct list *dying)
{
    struct node *n;
    if (atomic_load(&dir->gone))
        return -ENOENT;
    if (!dir->node->ops->create)
        return -EPERM;
    int r = dir->node->ops->create(dir->node, name, a, &n);
    if (r == -EEXIST)
        dcache_forget(dir, name, len, dying); /* a negative entry that no longer holds */
    return r < 0 ? r : dcache_enter(dir, name, len, n, ret, dying);
}

/* The file system's answer; a new name gets into the cache. */
static int lookup_slow(struct dentry *dir, const char *name, size_t len, bool peek,
                       struct dentry **ret, struct list *dying)
{
    struct super *sb = dir->node->sb;
    const struct node_ops *ops = dir->node->ops;
    char text[GUEST_NAME_CAP];
    struct node *n = NULL;
    if (!ops->lookup)
        return -ENOTDIR;
    memcpy(text, name, len);
    text[len] = 0;
    uint64_t now = sb->trust_ns ? coarse_now_ns() : 0;
    int r = (peek && ops->peek ? ops->peek : ops->lookup)(dir->node, text, len, &n);
    if (r < 0 && !(r == -ENOENT && sb->exclusive && !atomic_load(&dir->gone)))
        return r;
    struct dentry *d = dentry_new(sb, dir, name, len, r < 0 ? NULL : n);
    bool found = r == 0;
    node_put(n); /* d has its own; without memory for d this may be the last, and r says so */
    if (!d)
        return found ? -ENOMEM : -ENOENT;
    d->asked_ns = now;
    dcache_add(d, dying);
    (void) !ref_put(&d->ref); /* the cache's remains */
    if (!found)
        return -ENOENT;
    *ret = d;
    return 0;
}

static int find(struct dentry *dir, const char *name, size_t len, bool peek, struct dentry **ret,
                struct list *dying)
{
    struct dentry *d = dcache_find(dir, name, len);
    if (likely(d) && likely(trusted(dir, d))) {
        if (!d->node)
            return -ENOENT;
        *ret = d;
        return 0;
    }
    if (d)
        dcache_drop(d, d->node != NULL, dying);
    return lookup_slow(dir, name, len, peek, ret, dying);
}

int dcache_peek(struct dentry *dir, const char *name, size_t len, struct dentry **ret,
                struct list *dying)
{
    return find(dir, name, len, true, ret, dying);
}

int dcache_hold(struct dentry *d)
{
    struct node *n = d->node;
    if (likely(!atomic_load_explicit(&n->by_name, memory_order_acquire)))
        return 0;
    return n->ops->hold(n, d->parent->node, d->name);
}

int dcache_lookup(struct dentry *dir, const char *name, size_t len, struct dentry **ret,
                  struct list *dying)
{
    struct dentry *d;
    int r = find(dir, name, len, false, &d, dying);
    if (likely(r == 0)) {
        r = dcache_hold(d);
        if (unlikely(r == -ESTALE)) { /* a trusted name, or one that has just changed */
            dcache_drop(d, true, dying);
            r = lookup_slow(dir, name, len, false, &d, dying);
        }
    }
    if (r == 0)
        *ret = d;
    return r;
}

/* Whoever found d through an open file has a path in it that outlives the file, and perhaps the
 * name. */
void dentry_hold_opened(struct dentry *d)
{
    struct node *n = d->node;
    uint32_t idle = atomic_load(&d->gone) ? 1 : 2; /* the file that is closed, and the cache */
    if (n && atomic_load_explicit(&n->by_name, memory_order_acquire) && ref_count(&d->ref) > idle)
        (void) n->ops->hold(n, NULL, NULL);
}

void dcache_clear(struct super *sb)
{
    struct list dying = LIST_INIT(dying);
    mutex_lock(&sb->tree_lock);
    while (!list_empty(&sb->lru))
        dcache_drop(list_first_entry(&sb->lru, struct dentry, lru), false, &dying);
    mutex_unlock(&sb->tree_lock);
    dentry_reap(&dying);
}
