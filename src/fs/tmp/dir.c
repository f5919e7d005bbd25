/* SPDX-License-Identifier: Apache-2.0 */
/* Names of a tmpfs. The tree_lock of the super is held in all but tmp_readdir() and the end. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "abi/linux/dirent.h"
#include "abi/linux/fcntl.h"
#include "abi/linux/stat.h"
#include "fs/tmp/internal.h"
#include "kernel/task/cred.h"
#include "kernel/vfs/walk.h"

static uint64_t hash_of(const struct tmp_node *dir, const char *name, size_t len)
{
    return hash_bytes(name, len, dir->node.sb->hash_seed);
}

static struct tmp_entry *find(struct tmp_node *dir, const char *name, size_t len)
{
    struct htab_node *n;
    htab_for_each_hash (n, &dir->names, hash_of(dir, name, len)) {
        struct tmp_entry *e = container_of(n, struct tmp_entry, link);
        if (e->len == len && memcmp(e->name, name, len) == 0)
            return e;
    }
    return NULL;
}

static struct tmp_entry *entry_new(const char *name, size_t len)
{
    struct tmp_entry *e = calloc(1, sizeof(*e) + len + 1);
    if (!e)
        return NULL;
    list_init(&e->order);
    e->len = len;
    memcpy(e->name, name, len);
    return e;
}

static bool is_dir(const struct node *n)
{
    return n->type == LX_S_IFDIR;
}

/* The reference on n is the entry's now. */
static void put_in(struct tmp_node *dir, struct tmp_entry *e, struct node *n)
{
    e->node = n;
    e->pos = ++dir->last_pos;
    htab_insert(&dir->names, &e->link, hash_of(dir, e->name, e->len));
    list_add_tail(&e->order, &dir->entries);
    if (is_dir(n)) {
        atomic_store(&tmp_node(n)->up, dir->node.ino);
        tmp_links(&dir->node, 1);
    }
    tmp_touch(&dir->node, true);
}

/* The node's reference is the caller's. */
static struct node *take_out(struct tmp_node *dir, struct tmp_entry *e)
{
    struct node *n = e->node;
    htab_remove(&dir->names, &e->link);
    list_del(&e->order);
    free(e);
    if (is_dir(n))
        tmp_links(&dir->node, -1);
    tmp_touch(&dir->node, true);
    return n;
}

int tmp_lookup(struct node *dir, const char *name, size_t len, struct node **ret)
{
    if (!is_dir(dir))
        return -ENOTDIR;
    struct tmp_entry *e = find(tmp_node(dir), name, len);
    if (!e)
        return -ENOENT;
    *ret = node_get(e->node);
    return 0;
}

/* The group of a set-group-ID directory is that of what is made in it: inode(7). */
static struct cred owner_of(struct tmp_node *dir, const struct create_args *a, uint32_t *mode)
{
    struct cred c = {.fsuid = a->cred->fsuid, .fsgid = a->cred->fsgid};
    MUTEX_GUARD(&dir->lock);
    if (dir->attr.mode & LX_S_ISGID) {
        c.fsgid = dir->attr.gid;
        if ((*mode & LX_S_IFMT) == LX_S_IFDIR)
            *mode |= LX_S_ISGID;
    }
    return c;
}

int tmp_create(struct node *dir, const char *name, const struct create_args *a, struct node **ret)
{
    struct tmp_node *td = tmp_node(dir);
    struct create_args args = *a;
    size_t len = strlen(name);
    uint32_t type = a->mode & LX_S_IFMT;
    if (type == LX_S_IFCHR || type == LX_S_IFBLK)
        return -EPERM; /* as in any user namespace, mknod(2) */
    if (type == LX_S_IFLNK)
        args.mode |= 0777;
    if (find(td, name, len))
        return -EEXIST;
    struct cred owner = owner_of(td, a, &args.mode);
    args.cred = &owner;
    struct tmp_entry *e = entry_new(name, len);
    if (!e)
        return -ENOMEM;
    int r = tmp_node_new(tmp_super(dir->sb), &args, type == LX_S_IFDIR ? 2 : 1, ret);
    if (r < 0) {
        free(e);
        return r;
    }
    put_in(td, e, node_get(*ret));
    return 0;
}

int tmp_link(struct node *dir, const char *name, struct node *target)
{
    size_t len = strlen(name);
    if (find(tmp_node(dir), name, len))
        return -EEXIST;
    struct tmp_entry *e = entry_new(name, len);
    if (!e)
        return -ENOMEM;
    tmp_links(target, 1);
    put_in(tmp_node(dir), e, node_get(target));
    return 0;
}

/* A directory goes with its own ".". */
static void unlinked(struct node *n)
{
    tmp_links(n, is_dir(n) ? -2 : -1);
    node_put(n); /* not the last: the vfs has the dentry */
}

int tmp_unlink(struct node *dir, const char *name, struct node *target, bool is_rmdir)
{
    struct tmp_entry *e = find(tmp_node(dir), name, strlen(name));
    if (!e)
        return -ENOENT;
    if (e->node != target)
        return -ESTALE;
    if (is_rmdir && !list_empty(&tmp_node(target)->entries))
        return -ENOTEMPTY;
    unlinked(take_out(tmp_node(dir), e));
    return 0;
}

/* Two entries change their nodes. */
static void exchange(struct tmp_node *od, struct tmp_entry *a, struct tmp_node *nd,
                     struct tmp_entry *b)
{
    struct node *n = a->node;
    a->node = b->node;
    b->node = n;
    int by = (int) is_dir(a->node) - (int) is_dir(b->node);
    if (od != nd) {
        tmp_links(&od->node, by);
        tmp_links(&nd->node, -by);
        if (is_dir(a->node))
            atomic_store(&tmp_node(a->node)->up, od->node.ino);
        if (is_dir(b->node))
            atomic_store(&tmp_node(b->node)->up, nd->node.ino);
    }
    tmp_touch(a->node, false);
    tmp_touch(b->node, false);
    tmp_touch(&od->node, true);
    tmp_touch(&nd->node, true);
}

int tmp_rename(const struct name_move *m)
{
    struct node *od = m->from_dir, *nd = m->to_dir;
    const char *on = m->from, *nn = m->to;
    const uint32_t flags = m->flags;
    struct tmp_node *from = tmp_node(od), *to = tmp_node(nd);
    size_t len = strlen(nn);
    struct tmp_entry *e = find(from, on, strlen(on)), *old = find(to, nn, len);
    if (!e || ((flags & LX_RENAME_EXCHANGE) && !old))
        return -ENOENT;
    if (old && (flags & LX_RENAME_NOREPLACE))
        return -EEXIST;
    if (flags & LX_RENAME_EXCHANGE) {
        exchange(from, e, to, old);
        return 0;
    }
    if (old && old->node == e->node)
        return 0; /* two names of one object: rename(2) leaves both */
    if (old && is_dir(old->node) && !list_empty(&tmp_node(old->node)->entries))
        return -ENOTEMPTY;
    struct tmp_entry *fresh = entry_new(nn, len);
    if (!fresh)
        return -ENOMEM;
    if (old)
        unlinked(take_out(to, old));
    struct node *n = take_out(from, e);
    tmp_touch(n, false);
    put_in(to, fresh, n);
    return 0;
}

int tmp_readdir(struct file *f, struct dirsink *out)
{
    struct node *n = f->path.dentry ? path_node(&f->path) : NULL;
    struct tmp_node *tn = n ? tmp_node(n) : NULL;
    struct tmp_entry *e;
    if (!tn)
        return -EBADF;
    MUTEX_GUARD(&n->sb->tree_lock);
    if (f->pos == 0 && out->emit(out, ".", 1, n->ino, LX_DT_DIR, 1))
        f->pos = 1;
    if (f->pos == 1 && out->emit(out, "..", 2, atomic_load(&tn->up), LX_DT_DIR, 2))
        f->pos = 2;
    if (f->pos < 2)
        return 0;
    list_for_each_entry (e, &tn->entries, order) {
        if (e->pos < f->pos)
            continue;
        if (!out->emit(out, e->name, e->len, e->node->ino, e->node->type >> 12, e->pos + 1))
            break;
        f->pos = e->pos + 1;
    }
    return 0;
}

/* A list in place of recursion: the tree may be deep. */
void tmp_dir_end(struct tmp_node *tn)
{
    struct list todo = LIST_INIT(todo), *l;
    list_splice_tail(&tn->entries, &todo);
    while ((l = list_pop(&todo))) {
        struct tmp_entry *e = list_entry(l, struct tmp_entry, order);
        if (is_dir(e->node))
            list_splice_tail(&tmp_node(e->node)->entries, &todo);
        node_put(e->node);
        free(e);
    }
}
