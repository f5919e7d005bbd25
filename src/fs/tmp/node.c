/* SPDX-License-Identifier: Apache-2.0 */
/* Objects of a tmpfs and their attributes. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "abi/linux/stat.h"
#include "fs/tmp/internal.h"
#include "kernel/task/cred.h"
#include "kernel/vfs/special.h"
#include "kernel/vfs/walk.h"

static const struct node_ops tmp_ops;

static struct timespec now(void)
{
    struct timespec ts;
    (void) clock_gettime(CLOCK_REALTIME_COARSE, &ts);
    return ts;
}

static int take_number(struct tmp_super *ts, uint64_t *ret)
{
    MUTEX_GUARD(&ts->lock);
    if (ts->max_nodes && ts->nodes >= ts->max_nodes)
        return -ENOSPC;
    ts->nodes++;
    *ret = ++ts->last_ino;
    return 0;
}

/* The node of a new memfd: one descriptor. */
static int make_content(struct kernel *k, struct node **ret)
{
    struct file *f;
    int r = k->specials->memfd_new(k, "tmpfs", 0, &f);
    if (r < 0)
        return r == -EMFILE || r == -ENFILE ? -ENOSPC : r;
    *ret = node_get(path_node(&f->path));
    file_put(f);
    return 0;
}

int tmp_node_new(struct tmp_super *ts, const struct create_args *a, uint32_t links,
                 struct node **ret)
{
    uint64_t ino;
    struct timespec t = now();
    struct tmp_node *tn = calloc(1, sizeof(*tn));
    if (!tn)
        return -ENOMEM;
    int r = take_number(ts, &ino);
    if (r < 0) {
        free(tn);
        return r;
    }
    node_init(&tn->node, &ts->sb, &tmp_ops, a->mode & LX_S_IFMT, ino);
    mutex_init(&tn->lock, RANK_NODE);
    htab_init(&tn->names);
    list_init(&tn->entries);
    tn->last_pos = 1; /* "." and ".." come before */
    atomic_init(&tn->up, ino);
    tn->attr = (struct attr){.ino = ino,
                             .mode = a->mode,
                             .rdev = a->rdev,
                             .nlink = links,
                             .uid = a->cred->fsuid,
                             .gid = a->cred->fsgid,
                             .blksize = TMP_PAGE,
                             .atime = t,
                             .mtime = t,
                             .ctime = t,
                             .btime = t};
    if (tn->node.type == LX_S_IFREG)
        r = make_content(ts->k, &tn->content);
    if (tn->node.type == LX_S_IFLNK) {
        tn->target = strdup(a->target);
        r = tn->target ? 0 : -ENOMEM;
        tn->attr.size = strlen(a->target);
    }
    if (r < 0) {
        node_put(&tn->node);
        return r;
    }
    *ret = &tn->node;
    return 0;
}

static void tmp_release(struct node *n)
{
    struct tmp_node *tn = tmp_node(n);
    struct tmp_super *ts = tmp_super(n->sb);
    if (n->type == LX_S_IFDIR)
        tmp_dir_end(tn);
    node_put(tn->content);
    mutex_lock(&ts->lock);
    ts->nodes--;
    ts->pages -= tn->pages;
    mutex_unlock(&ts->lock);
    htab_free(&tn->names);
    free(tn->target);
    free(tn);
}

void tmp_touch(struct node *n, bool contents)
{
    struct tmp_node *tn = tmp_node(n);
    MUTEX_GUARD(&tn->lock);
    tn->attr.ctime = now();
    if (contents)
        tn->attr.mtime = tn->attr.ctime;
}

void tmp_links(struct node *n, int by)
{
    struct tmp_node *tn = tmp_node(n);
    MUTEX_GUARD(&tn->lock);
    tn->attr.nlink = (uint32_t) ((int) tn->attr.nlink + by);
    tn->attr.ctime = now();
}

static bool is_later(const struct timespec *a, const struct timespec *b)
{
    return a->tv_sec != b->tv_sec ? a->tv_sec > b->tv_sec : a->tv_nsec > b->tv_nsec;
}

/* Size and times of a file are its memory's: mappings change them, too. */
static int add_content(struct tmp_node *tn, struct attr *io)
{
    struct attr c;
    int r = tn->content->ops->getattr(tn->content, &c);
    if (r < 0)
        return r;
    io->size = c.size;
    io->blocks = c.blocks;
    io->atime = c.atime;
    io->mtime = c.mtime;
    if (is_later(&c.ctime, &io->ctime))
        io->ctime = c.ctime;
    return 0;
}

int tmp_getattr(struct node *n, struct attr *ret)
{
    struct tmp_node *tn = tmp_node(n);
    mutex_lock(&tn->lock);
    *ret = tn->attr;
    mutex_unlock(&tn->lock);
    ret->dev = n->sb->dev;
    return tn->content ? add_content(tn, ret) : 0;
}

#define TIMES ((uint32_t) (ATTR_ATIME | ATTR_MTIME | ATTR_ATIME_NOW | ATTR_MTIME_NOW))

static int tmp_setattr(struct node *n, const struct attr *a, uint32_t mask)
{
    struct tmp_node *tn = tmp_node(n);
    uint32_t of_content = mask & (TIMES | ATTR_SIZE);
    if (mask & ATTR_SIZE && !tn->content)
        return -EINVAL;
    if (of_content && tn->content) {
        int r = tn->content->ops->setattr(tn->content, a, of_content);
        if (r < 0)
            return r;
        if (mask & ATTR_SIZE)
            tmp_recount(tn, 0);
    }
    MUTEX_GUARD(&tn->lock);
    if (mask & ATTR_MODE)
        tn->attr.mode = (tn->attr.mode & LX_S_IFMT) | (a->mode & 07777);
    if (mask & ATTR_UID)
        tn->attr.uid = a->uid;
    if (mask & ATTR_GID)
        tn->attr.gid = a->gid;
    tn->attr.ctime = now();
    if (mask & (ATTR_ATIME | ATTR_ATIME_NOW))
        tn->attr.atime = mask & ATTR_ATIME ? a->atime : tn->attr.ctime;
    if (mask & (ATTR_MTIME | ATTR_MTIME_NOW))
        tn->attr.mtime = mask & ATTR_MTIME ? a->mtime : tn->attr.ctime;
    return 0;
}

static ssize_t tmp_readlink(struct node *n, struct task *t unused_, char *dst, size_t cap)
{
    const char *target = tmp_node(n)->target;
    if (!target)
        return -EINVAL;
    size_t len = MIN(strlen(target), cap);
    memcpy(dst, target, len);
    return (ssize_t) len;
}

/* Extended attributes: files have those of their memory. */
static ssize_t tmp_getxattr(struct node *n, const char *name, void *dst, size_t cap)
{
    struct node *c = tmp_node(n)->content;
    return c ? c->ops->getxattr(c, name, dst, cap) : -EOPNOTSUPP;
}

static ssize_t tmp_listxattr(struct node *n, char *dst, size_t cap)
{
    struct node *c = tmp_node(n)->content;
    return c ? c->ops->listxattr(c, dst, cap) : 0;
}

static int tmp_setxattr(struct node *n, const char *name, const void *v, size_t len, int flags)
{
    struct node *c = tmp_node(n)->content;
    return c ? c->ops->setxattr(c, name, v, len, flags) : -EOPNOTSUPP;
}

static int tmp_removexattr(struct node *n, const char *name)
{
    struct node *c = tmp_node(n)->content;
    return c ? c->ops->removexattr(c, name) : -EOPNOTSUPP;
}

static const struct node_ops tmp_ops = {
    .lookup = tmp_lookup,
    .create = tmp_create,
    .link = tmp_link,
    .unlink = tmp_unlink,
    .rename = tmp_rename,
    .readlink = tmp_readlink,
    .getattr = tmp_getattr,
    .setattr = tmp_setattr,
    .open = tmp_open,
    .tmpfile = tmp_tmpfile,
    .getxattr = tmp_getxattr,
    .listxattr = tmp_listxattr,
    .setxattr = tmp_setxattr,
    .removexattr = tmp_removexattr,
    .release = tmp_release,
};
