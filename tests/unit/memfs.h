/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A small file system in memory, for tests of the vfs: a program includes it once. Directories hold
 * references on what is in them, so dropping the root drops the tree.
 */
#pragma once

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "abi/linux/stat.h"
#include "base/list.h"
#include "kernel/task/cred.h"
#include "kernel/vfs/node.h"
#include "kernel/vfs/walk.h"

struct mem_node {
    struct node node;    /* first */
    struct list entries; /* [tree_lock] struct mem_entry */
    struct attr attr;
    char *target;
    struct path magic; /* borrowed: where a magic link leads */
};

struct mem_entry {
    struct list link;
    struct node *node; /* referenced */
    char name[256];
};

struct mem_super {
    struct super sb; /* first */
    uint64_t last_ino;
    unsigned lookups; /* how often the cache did not know */
    unsigned starved; /* so many lookups find no descriptor left */
};

struct mem_file {
    struct file file;  /* first */
    struct node *node; /* referenced */
};

static const struct node_ops mem_ops, mem_magic_ops;

static struct mem_node *mem(struct node *n)
{
    return container_of(n, struct mem_node, node);
}

static struct mem_node *mem_new(struct super *sb, const struct node_ops *ops, uint32_t mode)
{
    struct mem_super *ms = container_of(sb, struct mem_super, sb);
    struct mem_node *m = calloc(1, sizeof(*m));
    if (!m)
        abort();
    node_init(&m->node, sb, ops, mode & LX_S_IFMT, ++ms->last_ino);
    list_init(&m->entries);
    m->attr = (struct attr){.ino = m->node.ino, .mode = mode, .nlink = 1};
    return m;
}

static struct mem_entry *mem_find(struct node *dir, const char *name)
{
    struct mem_entry *e;
    list_for_each_entry (e, &mem(dir)->entries, link)
        if (strcmp(e->name, name) == 0)
            return e;
    return NULL;
}

static void mem_enter(struct node *dir, const char *name, struct node *n)
{
    struct mem_entry *e = calloc(1, sizeof(*e));
    if (!e)
        abort();
    e->node = node_get(n);
    strncpy(e->name, name, sizeof(e->name) - 1);
    list_add_tail(&e->link, &mem(dir)->entries);
}

static void mem_remove(struct mem_entry *e)
{
    list_del(&e->link);
    node_put(e->node);
    free(e);
}

static int mem_lookup(struct node *dir, const char *name, size_t len, struct node **ret)
{
    struct mem_super *ms = container_of(dir->sb, struct mem_super, sb);
    ms->lookups++;
    if (ms->starved) {
        ms->starved--;
        return -EMFILE;
    }
    if (dir->type != LX_S_IFDIR)
        return -ENOTDIR;
    struct mem_entry *e = mem_find(dir, name);
    if (!e || strlen(name) != len)
        return -ENOENT;
    *ret = node_get(e->node);
    return 0;
}

static bool mem_revalidate(struct node *n, struct node *dir, const char *name)
{
    struct mem_entry *e = mem_find(dir, name);
    return e && e->node == n;
}

static int mem_create(struct node *dir, const char *name, const struct create_args *a,
                      struct node **ret)
{
    if (mem_find(dir, name))
        return -EEXIST;
    struct mem_node *m = mem_new(dir->sb, &mem_ops, a->mode);
    m->attr.uid = a->cred ? a->cred->fsuid : 0;
    m->attr.gid = a->cred ? a->cred->fsgid : 0;
    if (a->target)
        m->target = strdup(a->target);
    mem_enter(dir, name, &m->node);
    *ret = &m->node;
    return 0;
}

static int mem_link(struct node *dir, const char *name, struct node *target)
{
    mem_enter(dir, name, target);
    mem(target)->attr.nlink++;
    return 0;
}

static int mem_unlink(struct node *dir, const char *name, struct node *target, bool is_rmdir)
{
    struct mem_entry *e = mem_find(dir, name);
    if (!e || e->node != target)
        return -ENOENT;
    if (is_rmdir && !list_empty(&mem(target)->entries))
        return -ENOTEMPTY;
    mem_remove(e);
    return 0;
}

static int mem_rename(const struct name_move *m)
{
    struct mem_entry *from = mem_find(m->from_dir, m->from), *to = mem_find(m->to_dir, m->to);
    if (!from)
        return -ENOENT;
    if (m->flags & 2) { /* RENAME_EXCHANGE */
        struct node *n = from->node;
        from->node = to->node;
        to->node = n;
        return 0;
    }
    if (to && !list_empty(&mem(to->node)->entries))
        return -ENOTEMPTY;
    if (to)
        mem_remove(to);
    mem_enter(m->to_dir, m->to, from->node);
    mem_remove(from);
    return 0;
}

static ssize_t mem_readlink(struct node *n, struct task *t unused_, char *dst, size_t cap)
{
    if (!mem(n)->target)
        return -EINVAL;
    size_t len = MIN(strlen(mem(n)->target), cap);
    memcpy(dst, mem(n)->target, len);
    return (ssize_t) len;
}

static int mem_follow(struct node *n, struct task *t unused_, struct path *ret)
{
    *ret = mem(n)->magic;
    path_get(ret);
    return 0;
}

static int mem_getattr(struct node *n, struct attr *ret)
{
    *ret = mem(n)->attr;
    return 0;
}

static int mem_setattr(struct node *n, const struct attr *a, uint32_t mask)
{
    struct attr *to = &mem(n)->attr;
    if (mask & ATTR_MODE)
        to->mode = n->type | (a->mode & 07777);
    if (mask & ATTR_UID)
        to->uid = a->uid;
    if (mask & ATTR_GID)
        to->gid = a->gid;
    if (mask & ATTR_SIZE)
        to->size = a->size;
    return 0;
}

static int mem_readdir(struct file *f, struct dirsink *out)
{
    struct mem_file *mf = container_of(f, struct mem_file, file);
    struct mem_entry *e;
    int64_t i = 0;
    list_for_each_entry (e, &mem(mf->node)->entries, link) {
        if (i++ < f->pos)
            continue;
        if (!out->emit(out, e->name, strlen(e->name), e->node->ino, e->node->type >> 12, i))
            return 0;
        f->pos = i;
    }
    return 0;
}

static int64_t mem_seek(struct file *f, int64_t off, int whence)
{
    if (whence == 0)
        f->pos = off;
    return f->pos;
}

static void mem_file_release(struct file *f)
{
    struct mem_file *mf = container_of(f, struct mem_file, file);
    node_put(mf->node);
    free(mf);
}

static const struct file_ops mem_dir_ops = {.readdir = mem_readdir,
                                            .seek = mem_seek,
                                            .release = mem_file_release};
static const struct file_ops mem_file_ops = {.seek = mem_seek, .release = mem_file_release};

static int mem_open(struct node *n, const struct open_args *a, struct file **ret)
{
    struct mem_file *mf = calloc(1, sizeof(*mf));
    if (!mf)
        abort();
    file_init(&mf->file, n->type == LX_S_IFDIR ? &mem_dir_ops : &mem_file_ops, a->flags);
    mf->node = node_get(n);
    *ret = &mf->file;
    return 0;
}

static void mem_release(struct node *n)
{
    struct mem_node *m = mem(n);
    while (!list_empty(&m->entries))
        mem_remove(list_first_entry(&m->entries, struct mem_entry, link));
    free(m->target);
    free(m);
}

#define MEM_OPS                                                                                   \
    .lookup = mem_lookup, .revalidate = mem_revalidate, .create = mem_create, .link = mem_link,   \
    .unlink = mem_unlink, .rename = mem_rename, .readlink = mem_readlink, .getattr = mem_getattr, \
    .setattr = mem_setattr, .open = mem_open, .release = mem_release

static const struct node_ops mem_ops = {MEM_OPS};
static const struct node_ops mem_magic_ops = {MEM_OPS, .follow = mem_follow};

static void mem_super_release(struct super *sb)
{
    free(container_of(sb, struct mem_super, sb));
}

static const struct super_ops mem_super_ops = {.release = mem_super_release};

static struct super *memfs_new(bool exclusive)
{
    struct mem_super *ms = calloc(1, sizeof(*ms));
    if (!ms)
        abort();
    super_init(&ms->sb, &mem_super_ops, "memfs");
    ms->sb.exclusive = exclusive;
    ms->sb.root = &mem_new(&ms->sb, &mem_ops, LX_S_IFDIR | 0755)->node;
    return &ms->sb;
}
