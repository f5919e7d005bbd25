/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A file system as hostfs is one: its objects are those of a memfs that others may change, too, and
 * its nodes know them by name (node.h, by_name) until they are held. What the vfs may not do with
 * such a node is counted in `broken`.
 */
#pragma once

#include <pthread.h>

#include "memfs.h"

struct named_super {
    struct super sb;        /* first */
    struct super *store;    /* referenced; its tree is the "host's" */
    pthread_mutex_t lock;   /* of the store */
    _Atomic uint64_t heard; /* super.heard_ns */
    _Atomic unsigned asked; /* calls that found something out by a name */
    _Atomic unsigned broken;
};

struct named_node {
    struct node node;    /* first */
    struct node *object; /* referenced */
    _Atomic unsigned n_opened;
};

struct named_file {
    struct file file;  /* first */
    struct node *node; /* referenced */
};

static const struct node_ops named_ops;

static struct named_super *named_super(struct super *sb)
{
    return container_of(sb, struct named_super, sb);
}

static struct named_node *named(struct node *n)
{
    return container_of(n, struct named_node, node);
}

/* The object of a node that is used for itself. */
static struct node *object(struct node *n)
{
    if (atomic_load(&n->by_name) && !atomic_load(&named(n)->n_opened))
        atomic_fetch_add(&named_super(n->sb)->broken, 1);
    return named(n)->object;
}

static struct node *named_new(struct super *sb, struct node *obj, bool by_name)
{
    struct named_node *nn = calloc(1, sizeof(*nn));
    if (!nn)
        abort();
    node_init(&nn->node, sb, &named_ops, obj->type, obj->ino);
    atomic_store(&nn->node.by_name, by_name);
    nn->object = node_get(obj);
    return &nn->node;
}

/* [lock] */
static struct node *named_find(struct node *dir, const char *name)
{
    struct mem_entry *e = mem_find(object(dir), name);
    atomic_fetch_add(&named_super(dir->sb)->asked, 1);
    return e ? e->node : NULL;
}

static int named_look(struct node *dir, const char *name, bool by_name, struct node **ret)
{
    pthread_mutex_lock(&named_super(dir->sb)->lock);
    struct node *obj = dir->type == LX_S_IFDIR ? named_find(dir, name) : NULL;
    if (obj)
        *ret = named_new(dir->sb, obj, by_name);
    pthread_mutex_unlock(&named_super(dir->sb)->lock);
    return obj ? 0 : dir->type == LX_S_IFDIR ? -ENOENT : -ENOTDIR;
}

static int named_lookup(struct node *dir, const char *name, size_t len unused_, struct node **ret)
{
    return named_look(dir, name, false, ret);
}

static int named_peek(struct node *dir, const char *name, size_t len unused_, struct node **ret)
{
    return named_look(dir, name, true, ret);
}

static bool named_revalidate(struct node *n, struct node *dir, const char *name)
{
    pthread_mutex_lock(&named_super(dir->sb)->lock);
    bool same = named_find(dir, name) == named(n)->object;
    pthread_mutex_unlock(&named_super(dir->sb)->lock);
    return same;
}

static bool named_leads_to(struct node *dir, const char *path, struct node *n)
{
    char text[512];
    char *rest = text;
    struct named_super *ns = named_super(dir->sb);
    snprintf(text, sizeof(text), "%s", path);
    pthread_mutex_lock(&ns->lock);
    struct node *at = object(dir);
    atomic_fetch_add(&ns->asked, 1);
    for (char *name; at && (name = strsep(&rest, "/"));) {
        struct mem_entry *e = mem_find(at, name);
        at = e ? e->node : NULL;
    }
    bool same = at == named(n)->object;
    pthread_mutex_unlock(&ns->lock);
    return same;
}

static int named_hold(struct node *n, struct node *dir, const char *name)
{
    if (!atomic_load(&n->by_name) || atomic_load(&named(n)->n_opened) ||
        (dir && named_revalidate(n, dir, name))) {
        atomic_store(&n->by_name, false);
        return 0;
    }
    return -ESTALE;
}

static void named_file_release(struct file *f)
{
    struct named_file *nf = container_of(f, struct named_file, file);
    if (nf->node) {
        atomic_fetch_sub(&named(nf->node)->n_opened, 1);
        node_put(nf->node);
    }
    free(nf);
}

static const struct file_ops named_file_ops = {.release = named_file_release};

static struct file *named_file(struct node *n, const struct open_args *a)
{
    struct named_file *nf = calloc(1, sizeof(*nf));
    if (!nf)
        abort();
    file_init(&nf->file, &named_file_ops, a->flags);
    atomic_fetch_add(&named(n)->n_opened, 1);
    nf->node = node_get(n);
    return &nf->file;
}

static int named_open(struct node *n, const struct open_args *a, struct file **ret)
{
    (void) object(n);
    *ret = named_file(n, a);
    return 0;
}

static int named_open_at(struct node *dir, const char *name, struct node *known,
                         const struct open_args *a, struct attr *ret_attr, struct node **ret,
                         struct file **ret_file)
{
    struct named_super *ns = named_super(dir->sb);
    int r = 0;
    pthread_mutex_lock(&ns->lock);
    struct node *obj = named_find(dir, name);
    if (!obj)
        r = -ENOENT;
    else if ((known && named(known)->object != obj) ||
             (obj->type != LX_S_IFREG && (obj->type != LX_S_IFDIR || (a->flags & LX_O_ACCMODE))))
        r = 1;
    if (r == 0) {
        *ret_attr = mem(obj)->attr;
        *ret = known ? node_get(known) : named_new(dir->sb, obj, true);
        *ret_file = named_file(*ret, a);
    }
    pthread_mutex_unlock(&ns->lock);
    return r;
}

static int named_create(struct node *dir, const char *name, const struct create_args *c,
                        struct node **ret)
{
    struct named_super *ns = named_super(dir->sb);
    struct node *obj;
    pthread_mutex_lock(&ns->lock);
    int r = mem_create(object(dir), name, c, &obj);
    if (r == 0) {
        *ret = named_new(dir->sb, obj, false);
        node_put(obj); /* the directory and our node have it */
    }
    pthread_mutex_unlock(&ns->lock);
    return r;
}

static int named_create_open(struct node *dir, const char *name, const struct create_args *c,
                             const struct open_args *a, struct node **ret, struct file **ret_file)
{
    int r = named_create(dir, name, c, ret);
    if (r < 0)
        return r;
    atomic_store(&(*ret)->by_name, true);
    *ret_file = named_file(*ret, a);
    return 0;
}

static int named_unlink(struct node *dir, const char *name, struct node *target unused_,
                        bool is_rmdir)
{
    struct named_super *ns = named_super(dir->sb);
    pthread_mutex_lock(&ns->lock);
    struct node *obj = named_find(dir, name);
    int r = obj ? mem_unlink(object(dir), name, obj, is_rmdir) : -ENOENT;
    pthread_mutex_unlock(&ns->lock);
    return r;
}

static int named_rename(const struct name_move *m)
{
    struct named_super *ns = named_super(m->from_dir->sb);
    struct name_move below = *m;
    below.from_dir = object(m->from_dir);
    below.to_dir = object(m->to_dir);
    pthread_mutex_lock(&ns->lock);
    bool there = !(m->flags & 2) || named_find(m->to_dir, m->to);
    int r = there ? mem_rename(&below) : -ENOENT;
    pthread_mutex_unlock(&ns->lock);
    return r;
}

static ssize_t named_readlink(struct node *n, struct task *t, char *dst, size_t cap)
{
    return mem_readlink(object(n), t, dst, cap);
}

static int named_getattr(struct node *n, struct attr *ret)
{
    return mem_getattr(object(n), ret);
}

static int named_getattr_at(struct node *dir, const char *name, struct attr *ret)
{
    pthread_mutex_lock(&named_super(dir->sb)->lock);
    struct node *obj = named_find(dir, name);
    if (obj)
        *ret = mem(obj)->attr;
    pthread_mutex_unlock(&named_super(dir->sb)->lock);
    return obj ? 0 : -ENOENT;
}

static void named_release(struct node *n)
{
    struct named_super *ns = named_super(n->sb);
    pthread_mutex_lock(&ns->lock);
    node_put(named(n)->object);
    pthread_mutex_unlock(&ns->lock);
    free(named(n));
}

static const struct node_ops named_ops = {
    .lookup = named_lookup,
    .peek = named_peek,
    .hold = named_hold,
    .revalidate = named_revalidate,
    .leads_to = named_leads_to,
    .create = named_create,
    .create_open = named_create_open,
    .unlink = named_unlink,
    .rename = named_rename,
    .readlink = named_readlink,
    .getattr = named_getattr,
    .getattr_at = named_getattr_at,
    .open = named_open,
    .open_at = named_open_at,
    .release = named_release,
};

static void named_super_release(struct super *sb)
{
    struct named_super *ns = named_super(sb);
    super_put(ns->store);
    pthread_mutex_destroy(&ns->lock);
    free(ns);
}

static const struct super_ops named_super_ops = {.release = named_super_release};

static struct super *namedfs_new(bool exclusive, uint64_t trust_ns)
{
    struct named_super *ns = calloc(1, sizeof(*ns));
    if (!ns)
        abort();
    super_init(&ns->sb, &named_super_ops, "namedfs");
    pthread_mutex_init(&ns->lock, NULL);
    ns->store = memfs_new(true);
    ns->sb.exclusive = exclusive;
    ns->sb.trust_ns = trust_ns;
    ns->sb.heard_ns = &ns->heard;
    ns->sb.root = named_new(&ns->sb, ns->store->root, false);
    node_put(ns->store->root); /* our root has it now */
    return &ns->sb;
}

/* What somebody outside does: dir/name of the store. The lock is taken. */
static void outside_move(struct named_super *ns, struct node *dir, const char *from, const char *to)
{
    pthread_mutex_lock(&ns->lock);
    if (strcmp(from, to) != 0 && mem_find(dir, from))
        (void) mem_rename(
            &(struct name_move){.from_dir = dir, .to_dir = dir, .from = from, .to = to});
    pthread_mutex_unlock(&ns->lock);
}
