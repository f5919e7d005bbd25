/* SPDX-License-Identifier: Apache-2.0 */
/* Life of nodes and of the file systems they belong to. */
#include "kernel/vfs/node.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/random.h>

#include "abi/linux/stat.h"

/* Some 300 bytes each, and a descriptor for what is in use. What is only asked about (stat.c) needs
 * none. */
#define DEFAULT_MAX_DENTRIES 4096u

void node_init(struct node *n, struct super *sb, const struct node_ops *ops, uint32_t type,
               uint64_t ino)
{
    n->ops = ops;
    ref_init(&n->ref);
    n->sb = super_get(sb);
    n->type = type & LX_S_IFMT;
    n->ino = ino;
    n->dev = sb->dev;
    atomic_init(&n->by_name, false);
    atomic_init(&n->search, 0);
    atomic_init(&n->searched_ns, 0);
    atomic_init(&n->link_text, NULL);
    atomic_init(&n->writers, 0);
    atomic_init(&n->openings, 0);
    atomic_init(&n->no_acl, 0);
}

struct node *node_get(struct node *n)
{
    ref_get(&n->ref);
    return n;
}

void node_put(struct node *n)
{
    if (!n || !ref_put(&n->ref))
        return;
    struct super *sb = n->sb;
    free(atomic_load(&n->link_text));
    n->ops->release(n);
    super_put(sb);
}

/* One more on the side of `step`, 1 or -1, unless somebody is on the other. */
static int take_side(struct node *n, int step)
{
    int32_t now = atomic_load(&n->writers);
    do
        if (now * step < 0)
            return -ETXTBSY;
    while (!atomic_compare_exchange_weak(&n->writers, &now, now + step));
    return 0;
}

int node_begin_write(struct node *n)
{
    return n->type == LX_S_IFREG ? take_side(n, 1) : 0;
}

void node_end_write(struct node *n)
{
    if (n->type == LX_S_IFREG)
        atomic_fetch_sub(&n->writers, 1);
}

int node_begin_run(struct node *n)
{
    return n->type == LX_S_IFREG ? take_side(n, -1) : 0;
}

void node_end_run(struct node *n)
{
    if (n->type == LX_S_IFREG)
        atomic_fetch_add(&n->writers, 1);
}

void super_init(struct super *sb, const struct super_ops *ops, const char *type_name)
{
    sb->ops = ops;
    ref_init(&sb->ref);
    sb->type_name = type_name;
    mutex_init(&sb->tree_lock, RANK_VFS_TREE);
    sb->root = NULL;
    sb->dev = 0;
    sb->exclusive = false;
    sb->trust_ns = 0;
    sb->heard_ns = NULL;
    sb->max_dentries = DEFAULT_MAX_DENTRIES;
    sb->hash_seed = 0;
    /* Without randomness the seed is still different in every process by the address. */
    if (getrandom(&sb->hash_seed, sizeof(sb->hash_seed), GRND_NONBLOCK) !=
        (ssize_t) sizeof(sb->hash_seed))
        sb->hash_seed = hash_u64((uint64_t) (uintptr_t) sb);
    sb->top = NULL;
    atomic_init(&sb->n_mounts, 0);
    atomic_init(&sb->rdonly, false);
    htab_init(&sb->dentries);
    list_init(&sb->lru);
    atomic_init(&sb->acl_changes, 0);
    atomic_init(&sb->n_watched, 0);
    atomic_init(&sb->moves, 0);
    mutex_init(&sb->watch_lock, RANK_NODE);
    htab_init(&sb->watched);
}

struct super *super_get(struct super *sb)
{
    ref_get(&sb->ref);
    return sb;
}

void super_put(struct super *sb)
{
    if (!sb || !ref_put(&sb->ref))
        return;
    htab_free(&sb->dentries);
    htab_free(&sb->watched);
    free(sb->options);
    sb->ops->release(sb);
}
