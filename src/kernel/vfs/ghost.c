/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ghosts: mount points that could not be made in a read-only tree and so exist in our own name
 * space only. They are dentries that stay in the cache for good, over nodes of a tiny file system
 * of empty directories; listing a directory adds its ghosts.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "abi/linux/dirent.h"
#include "abi/linux/fcntl.h"
#include "abi/linux/stat.h"
#include "abi/linux/statfs.h"
#include "kernel/vfs/mount_table.h"

struct ghost {
    struct list link;      /* [vfs.lock] */
    struct dentry *dentry; /* referenced */
};

struct ghost_super {
    struct super sb; /* first */
    _Atomic uint64_t last_ino;
};

struct ghost_dir {
    struct file file;  /* first */
    struct node *node; /* referenced */
};

static int ghost_lookup(struct node *dir, const char *name unused_, size_t len unused_,
                        struct node **ret unused_)
{
    return dir->type == LX_S_IFDIR ? -ENOENT : -ENOTDIR;
}

static int ghost_getattr(struct node *n, struct attr *ret)
{
    bool dir = n->type == LX_S_IFDIR;
    *ret = (struct attr){.dev = n->sb->dev,
                         .ino = n->ino,
                         .mode = n->type | (dir ? 0755 : 0644),
                         .nlink = dir ? 2 : 1,
                         .blksize = 4096,
                         .btime = {0, -1}};
    return 0;
}

static int ghost_permission(struct node *n unused_, struct task *t unused_, uint32_t may)
{
    return may & MAY_WRITE ? -EROFS : 0;
}

static int ghost_readdir(struct file *f, struct dirsink *out)
{
    struct ghost_dir *g = container_of(f, struct ghost_dir, file);
    for (; f->pos < 2; f->pos++)
        if (!out->emit(out, "..", (size_t) f->pos + 1, g->node->ino, LX_DT_DIR, f->pos + 1))
            break;
    return 0;
}

static int64_t ghost_seek(struct file *f, int64_t off, int whence)
{
    if (whence != LX_SEEK_SET || off < 0)
        return -EINVAL;
    f->pos = off;
    return off;
}

static void ghost_dir_release(struct file *f)
{
    struct ghost_dir *g = container_of(f, struct ghost_dir, file);
    node_put(g->node);
    free(g);
}

static const struct file_ops ghost_dir_ops = {
    .readdir = ghost_readdir,
    .seek = ghost_seek,
    .release = ghost_dir_release,
};

static int ghost_open(struct node *n, const struct open_args *a, struct file **ret)
{
    if (n->type != LX_S_IFDIR)
        return -ENXIO; /* always covered by what is mounted on it */
    struct ghost_dir *g = calloc(1, sizeof(*g));
    if (!g)
        return -ENOMEM;
    file_init(&g->file, &ghost_dir_ops, a->flags);
    g->node = node_get(n);
    *ret = &g->file;
    return 0;
}

static void ghost_node_release(struct node *n)
{
    free(n);
}

static const struct node_ops ghost_node_ops = {
    .lookup = ghost_lookup,
    .getattr = ghost_getattr,
    .permission = ghost_permission,
    .open = ghost_open,
    .release = ghost_node_release,
};

static int ghost_statfs(struct super *sb unused_, struct lx_statfs *ret)
{
    *ret =
        (struct lx_statfs){.type = LX_TMPFS_MAGIC, .bsize = 4096, .frsize = 4096, .namelen = 255};
    return 0;
}

static void ghost_super_release(struct super *sb)
{
    free(container_of(sb, struct ghost_super, sb));
}

static const struct super_ops ghost_super_ops = {.statfs = ghost_statfs,
                                                 .release = ghost_super_release};

int ghosts_new(struct super **ret)
{
    struct ghost_super *gs = calloc(1, sizeof(*gs));
    if (!gs)
        return -ENOMEM;
    super_init(&gs->sb, &ghost_super_ops, "none");
    gs->sb.exclusive = true;
    *ret = &gs->sb;
    return 0;
}

static struct node *ghost_node(struct super *sb, bool is_dir)
{
    struct ghost_super *gs = container_of(sb, struct ghost_super, sb);
    struct node *n = calloc(1, sizeof(*n));
    if (n)
        node_init(n, sb, &ghost_node_ops, is_dir ? LX_S_IFDIR : LX_S_IFREG, ++gs->last_ino);
    return n;
}

int ghost_make(struct vfs *v, struct dentry *dir, const char *name, size_t len, bool is_dir,
               struct dentry **ret)
{
    struct super *sb = dir->node->sb;
    struct list dying = LIST_INIT(dying);
    struct ghost *g = calloc(1, sizeof(*g));
    struct node *n = g ? ghost_node(v->ghosts, is_dir) : NULL;
    struct dentry *d = n ? dentry_new(sb, dir, name, len, n) : NULL;
    node_put(n);
    if (!d) {
        free(g);
        return -ENOMEM;
    }
    d->ghost = true;
    mutex_lock(&sb->tree_lock);
    dcache_forget(dir, name, len, &dying);
    dcache_add(d, &dying);
    mutex_unlock(&sb->tree_lock);
    dentry_reap(&dying);
    g->dentry = dentry_get(d); /* stays: never evicted */
    mutex_lock(&v->lock);
    list_add_tail(&g->link, &v->ghost_list);
    mutex_unlock(&v->lock);
    atomic_store(&dir->has_ghosts, true);
    *ret = d;
    return 0;
}

bool ghost_nth(struct vfs *v, struct dentry *dir, size_t i, char *name, size_t *ret_len,
               uint64_t *ret_ino, uint32_t *ret_type)
{
    struct ghost *g;
    MUTEX_GUARD(&v->lock);
    list_for_each_entry (g, &v->ghost_list, link) {
        struct dentry *d =
            g->dentry; /* its name and place never change: mount points cannot be renamed */
        if (d->parent != dir || i-- > 0)
            continue;
        memcpy(name, d->name, d->len + 1);
        *ret_len = d->len;
        *ret_ino = d->node->ino;
        *ret_type = d->node->type >> 12;
        return true;
    }
    return false;
}

void ghosts_free(struct vfs *v)
{
    struct list *l;
    while ((l = list_pop(&v->ghost_list))) {
        struct ghost *g = list_entry(l, struct ghost, link);
        dentry_put(g->dentry);
        free(g);
    }
}
