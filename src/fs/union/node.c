/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Objects of the union: one node for each, by what it is for guests. All names of a lower file with
 * several links are one node, so a copy-up through one of them shows through all.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "abi/linux/stat.h"
#include "fs/union/internal.h"

void layers_clear(struct layers *l)
{
    node_put(l->upper);
    node_put(l->lower);
    facts_clear(&l->f);
    *l = (struct layers){0};
}

uint64_t union_ino(const struct facts *f, uint64_t upper_ino)
{
    return f->ino ? f->ino : upper_ino | UNION_OWN_INO;
}

/* ---- the table of nodes ---- */

struct identity {
    uint64_t dev, ino;
    uint32_t type;
};

/* A directory of both layers is the lower's; a copy is what it was; the rest is itself. */
static struct identity identify(const struct union_super *us, const struct union_node *dir,
                                const struct layers *l)
{
    struct identity id = {.dev = dir ? dir->node.dev : us->lower->root->dev};
    if (l->lower && (!l->upper || l->upper->type == LX_S_IFDIR)) {
        id.dev = l->lower->dev;
        id.ino = l->lower->ino;
        id.type = l->lower->type;
        return id;
    }
    if (l->f.dev)
        id.dev = l->f.dev;
    id.ino = union_ino(&l->f, l->upper->ino);
    id.type = l->upper->type;
    return id;
}

static bool same_object(const struct node *a, const struct node *b)
{
    return a && b && a->ino == b->ino && a->dev == b->dev;
}

/* Is un what the layers have? A name that only the lower has may stand for a copy in the index. */
static bool fits(struct union_node *un, const struct identity *id, const struct layers *l)
{
    struct node *up = union_upper(un);
    if (un->node.ino != id->ino || un->node.dev != id->dev || un->node.type != id->type)
        return false;
    if (l->lower && id->type == LX_S_IFDIR && !same_object(un->lower, l->lower))
        return false;
    return l->upper ? same_object(up, l->upper) : same_object(un->lower, l->lower);
}

static struct union_node *find(struct union_super *us, const struct identity *id,
                               const struct layers *l)
{
    struct htab_node *n;
    MUTEX_GUARD(&us->table_lock);
    htab_for_each_hash (n, &us->nodes, hash_u64(id->ino)) {
        struct union_node *un = container_of(n, struct union_node, link);
        if (fits(un, id, l) && ref_tryget(&un->node.ref))
            return un;
    }
    return NULL;
}

static int make(struct union_super *us, const struct identity *id, struct layers *l,
                struct union_node **ret)
{
    struct union_node *un = calloc(1, sizeof(*un));
    if (!un)
        return -ENOMEM;
    node_init(&un->node, &us->sb, &union_node_ops, id->type, id->ino);
    un->node.dev = id->dev;
    mutex_init(&un->copy_lock, RANK_COPY_UP);
    un->lower = l->lower;
    atomic_init(&un->upper, l->upper);
    un->redirect = l->f.redirect;
    atomic_init(&un->links, l->f.nlink ? l->f.nlink + 1
                            : l->upper ? 0
                                       : links_of_lower(us, l->lower));
    un->indexed = l->f.nlink != 0;
    atomic_init(&un->owner, (uint64_t) l->f.uid << 32 | l->f.gid);
    atomic_init(&un->has_owner, l->f.has_owner);
    atomic_init(&un->changes, 0);
    atomic_init(&un->dead, false);
    l->upper = l->lower = NULL;
    l->f.redirect = NULL;
    quota_know(un);
    mutex_lock(&us->table_lock);
    htab_insert(&us->nodes, &un->link, hash_u64(id->ino));
    mutex_unlock(&us->table_lock);
    *ret = un;
    return 0;
}

int union_node_get(struct union_super *us, struct union_node *dir, const char *name, size_t len,
                   struct layers *l, struct node **ret)
{
    char text[256];
    struct identity id = identify(us, dir, l);
    struct union_node *un = find(us, &id, l);
    int r = 0;
    if (!un)
        r = make(us, &id, l, &un);
    layers_clear(l);
    if (r == 0 && dir && name && !un->parent) {
        memcpy(text, name, len);
        text[len] = '\0';
        r = union_place(un, dir, text);
        if (r < 0)
            node_put(&un->node);
    }
    if (r == 0)
        *ret = &un->node;
    return r;
}

/* ---- places ---- */

int union_place(struct union_node *un, struct union_node *dir, const char *name)
{
    char *text = strdup(name);
    if (!text)
        return -ENOMEM;
    (void) node_get(&dir->node);
    union_displace(un);
    un->parent = dir;
    un->name = text;
    return 0;
}

void union_displace(struct union_node *un)
{
    struct union_node *old = un->parent;
    free(un->name);
    un->name = NULL;
    un->parent = NULL;
    if (old)
        node_put(&old->node);
}

bool union_stands_at(const struct union_node *un, const struct union_node *dir, const char *name)
{
    return un->parent == dir && un->name && strcmp(un->name, name) == 0;
}

void union_changed(struct union_node *dir)
{
    atomic_fetch_add(&dir->changes, 1);
}

/* ---- the end ---- */

/*
 * The directory an ended node stood in is let go, which may end it, and so on up to the top: one
 * after the other, for a tree may be deeper than a stack. Whoever comes while somebody is at it
 * leaves the rest to him.
 */
static void let_parent_go(struct union_super *us, struct union_node *un)
{
    struct list *l;
    mutex_lock(&us->table_lock);
    list_add_tail(&un->ended, &us->ended);
    bool mine = !us->ending;
    us->ending = true;
    while (mine && (l = list_pop(&us->ended))) {
        struct union_node *gone = list_entry(l, struct union_node, ended);
        mutex_unlock(&us->table_lock);
        node_put(&gone->parent->node);
        free(gone);
        mutex_lock(&us->table_lock);
    }
    if (mine)
        us->ending = false;
    mutex_unlock(&us->table_lock);
}

static void union_release(struct node *n)
{
    struct union_node *un = union_node(n);
    struct union_super *us = super_of(un);
    mutex_lock(&us->table_lock);
    htab_remove(&us->nodes, &un->link);
    mutex_unlock(&us->table_lock);
    struct node *upper = atomic_load(&un->upper);
    if (upper && atomic_load(&un->dead)) {
        facts_forget(us, upper->ino);
        quota_leave(un);
    }
    node_put(un->lower);
    node_put(upper);
    free(un->name);
    free(un->redirect);
    if (un->parent)
        let_parent_go(us, un);
    else
        free(un);
}

static ssize_t union_readlink(struct node *n, struct task *t, char *dst, size_t cap)
{
    struct node *real = union_real(union_node(n));
    return real->ops->readlink ? real->ops->readlink(real, t, dst, cap) : -EINVAL;
}

const struct node_ops union_node_ops = {
    .lookup = union_lookup,
    .revalidate = union_revalidate,
    .create = union_create,
    .link = union_link,
    .unlink = union_unlink,
    .rename = union_rename,
    .before_naming = union_before_naming,
    .readlink = union_readlink,
    .getattr = union_getattr,
    .setattr = union_setattr,
    .open = union_open,
    .tmpfile = union_tmpfile,
    .getxattr = union_getxattr,
    .listxattr = union_listxattr,
    .setxattr = union_setxattr,
    .removexattr = union_removexattr,
    .release = union_release,
};
