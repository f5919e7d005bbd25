/* SPDX-License-Identifier: Apache-2.0 */
/* Objects of a tmpfs and their attributes. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "abi/linux/stat.h"
#include "fs/tmp/internal.h"
#include "kernel/task/cred.h"

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
    tmp_content_end(tn);
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

/* Mappings change them, too. */
int tmp_add_content(struct tmp_node *tn, struct node *memfd, struct attr *io)
{
    struct attr c;
    int r = memfd->ops->getattr(memfd, &c);
    if (r < 0)
        return r;
    io->size = c.size;
    io->blocks = c.blocks;
    io->atime = c.atime;
    io->mtime = c.mtime;
    if (is_later(&c.ctime, &tn->memfd_ctime) && is_later(&c.ctime, &io->ctime))
        io->ctime = c.ctime;
    return 0;
}

int tmp_getattr(struct node *n, struct attr *ret)
{
    struct tmp_node *tn = tmp_node(n);
    MUTEX_GUARD(&tn->lock);
    *ret = tn->attr;
    ret->dev = n->sb->dev;
    return tn->content ? tmp_add_content(tn, tn->content, ret) : 0;
}

#define TIMES ((uint32_t) (ATTR_ATIME | ATTR_MTIME | ATTR_ATIME_NOW | ATTR_MTIME_NOW))

/* Size and times of a file that is in use are the memfd's. */
static int set_content(struct tmp_node *tn, const struct attr *a, uint32_t mask)
{
    int r = tmp_content_use(tn);
    if (r < 0)
        return r;
    r = tn->content->ops->setattr(tn->content, a, mask);
    if (r == 0 && (mask & ATTR_SIZE))
        tmp_recount(tn, 0);
    tmp_content_done(tn);
    return r;
}

static bool has_memfd(struct tmp_node *tn)
{
    MUTEX_GUARD(&tn->lock);
    return tn->content;
}

static int tmp_setattr(struct node *n, const struct attr *a, uint32_t mask)
{
    struct tmp_node *tn = tmp_node(n);
    uint32_t of_content = mask & (TIMES | ATTR_SIZE);
    if ((mask & ATTR_SIZE) && n->type != LX_S_IFREG)
        return -EINVAL;
    if ((mask & ATTR_SIZE) || (of_content && has_memfd(tn))) {
        int r = set_content(tn, a, of_content);
        if (r < 0)
            return r;
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

/* Extended attributes: files have those of their memfd; without one there are none. */
static ssize_t tmp_getxattr(struct node *n, const char *name, void *dst, size_t cap)
{
    struct tmp_node *tn = tmp_node(n);
    if (n->type != LX_S_IFREG)
        return -EOPNOTSUPP;
    if (!has_memfd(tn))
        return -ENODATA;
    ssize_t r = tmp_content_use(tn);
    if (r < 0)
        return r;
    r = tn->content->ops->getxattr(tn->content, name, dst, cap);
    tmp_content_done(tn);
    return r;
}

static ssize_t tmp_listxattr(struct node *n, char *dst, size_t cap)
{
    struct tmp_node *tn = tmp_node(n);
    if (n->type != LX_S_IFREG || !has_memfd(tn))
        return 0;
    ssize_t r = tmp_content_use(tn);
    if (r < 0)
        return r;
    r = tn->content->ops->listxattr(tn->content, dst, cap);
    tmp_content_done(tn);
    return r;
}

static int tmp_setxattr(struct node *n, const char *name, const void *v, size_t len, int flags)
{
    struct tmp_node *tn = tmp_node(n);
    if (n->type != LX_S_IFREG)
        return -EOPNOTSUPP;
    int r = tmp_content_use(tn);
    if (r < 0)
        return r;
    r = tn->content->ops->setxattr(tn->content, name, v, len, flags);
    if (r == 0)
        tmp_content_keep(tn);
    tmp_content_done(tn);
    return r;
}

static int tmp_removexattr(struct node *n, const char *name)
{
    struct tmp_node *tn = tmp_node(n);
    if (n->type != LX_S_IFREG)
        return -EOPNOTSUPP;
    int r = tmp_content_use(tn);
    if (r < 0)
        return r;
    r = tn->content->ops->removexattr(tn->content, name);
    tmp_content_done(tn);
    return r;
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
