/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Open files of a tmpfs. A regular one passes on what it is asked to an opening of its memfd, which
 * has the offset; writes are counted before, so that the limit holds, and corrected afterwards.
 * What programs store through mappings is only counted at the next write, or when a file is closed.
 */
#include <errno.h>
#include <stdlib.h>

#include "abi/linux/fcntl.h"
#include "abi/linux/stat.h"
#include "fs/tmp/internal.h"
#include "kernel/task/task.h"
#include "kernel/vfs/special.h"

#define SECTORS_PER_PAGE (TMP_PAGE / 512)

struct tmp_file {
    struct file file;    /* first */
    struct node *node;   /* referenced */
    struct file *memory; /* referenced; NULL: a directory */
};

static struct tmp_file *tmp_file(struct file *f)
{
    return (struct tmp_file *) f;
}

static struct tmp_node *node_of(struct file *f)
{
    return tmp_node(tmp_file(f)->node);
}

/* ---- counting ---- */

void tmp_recount(struct tmp_node *tn, uint64_t promised)
{
    struct tmp_super *ts = tmp_super(tn->node.sb);
    struct attr a;
    bool known = tn->content->ops->getattr(tn->content, &a) == 0;
    MUTEX_GUARD(&ts->lock);
    ts->pages -= promised;
    if (known) {
        uint64_t pages = (a.blocks + SECTORS_PER_PAGE - 1) / SECTORS_PER_PAGE;
        ts->pages += pages - tn->pages;
        tn->pages = pages;
    }
}

static uint64_t pages_to(uint64_t size)
{
    return size / TMP_PAGE + (size % TMP_PAGE != 0);
}

/*
 * Promises the pages that [pos, pos + *len) may need, or shortens it to what there is room for.
 * -ENOSPC: none.
 */
static int promise(struct tmp_node *tn, uint64_t pos, uint64_t *len, uint64_t *ret)
{
    struct tmp_super *ts = tmp_super(tn->node.sb);
    struct attr a;
    uint64_t end, need;
    *ret = 0;
    if (__builtin_add_overflow(pos, *len, &end))
        return -EFBIG;
    int r = tn->content->ops->getattr(tn->content, &a);
    if (r < 0)
        return r;
    MUTEX_GUARD(&ts->lock);
    if (!ts->max_pages || !*len)
        return 0;
    uint64_t has = pages_to(a.size), first = pos / TMP_PAGE;
    bool whole = (a.blocks + SECTORS_PER_PAGE - 1) / SECTORS_PER_PAGE >= has; /* no holes */
    if (whole && first < has)
        first = has;
    need = pages_to(end) > first ? pages_to(end) - first : 0;
    uint64_t room = ts->max_pages - MIN(ts->pages, ts->max_pages);
    if (need > room) {
        uint64_t to = (first + room) * TMP_PAGE;
        if (to <= pos)
            return -ENOSPC;
        *len = to - pos;
        need = room;
    }
    ts->pages += need;
    *ret = need;
    return 0;
}

/* A write by others than the privileged takes set-id bits away: inode(7). */
static void drop_setid(struct tmp_node *tn, const struct task *t)
{
    if (t && cred_capable(t->cred, LX_CAP_FSETID))
        return;
    MUTEX_GUARD(&tn->lock);
    uint32_t mode = tn->attr.mode;
    if (mode & LX_S_IXGRP)
        mode &= ~(uint32_t) LX_S_ISGID;
    tn->attr.mode = mode & ~(uint32_t) LX_S_ISUID;
}

/* ---- regular files ---- */

static ssize_t tmp_read(struct file *f, struct iobuf *io, int64_t pos)
{
    struct file *m = tmp_file(f)->memory;
    return m->ops->read(m, io, pos);
}

static ssize_t tmp_write(struct file *f, struct iobuf *io, int64_t pos)
{
    struct file *m = tmp_file(f)->memory;
    struct tmp_node *tn = node_of(f);
    uint64_t len = io->left, want = len, promised;
    int64_t at = pos >= 0 ? pos : m->ops->seek(m, 0, LX_SEEK_CUR);
    struct attr a;
    if ((atomic_load(&f->flags) & LX_O_APPEND) && tn->content->ops->getattr(tn->content, &a) == 0)
        at = (int64_t) a.size;
    if (at < 0)
        return at;
    int r = promise(tn, (uint64_t) at, &len, &promised);
    if (r < 0)
        return r;
    drop_setid(tn, io->t);
    io->left = len;
    ssize_t done = m->ops->write(m, io, pos);
    io->left += want - len;
    tmp_recount(tn, promised);
    return done;
}

static int64_t tmp_seek(struct file *f, int64_t off, int whence)
{
    struct file *m = tmp_file(f)->memory;
    return m->ops->seek(m, off, whence);
}

static int tmp_donate(struct file *f, int prot, bool shared, int *ret_fd)
{
    struct file *m = tmp_file(f)->memory;
    tmp_content_keep(node_of(f));
    return m->ops->donate(m, prot, shared, ret_fd);
}

static int tmp_fsync(struct file *f unused_, bool data_only unused_)
{
    return 0;
}

static int tmp_fallocate(struct file *f, int mode, int64_t off, int64_t len)
{
    struct file *m = tmp_file(f)->memory;
    struct tmp_node *tn = node_of(f);
    uint64_t n = (uint64_t) len, promised = 0;
    bool frees = mode & LX_FALLOC_FL_PUNCH_HOLE;
    int r = off < 0 || len <= 0 ? -EINVAL : 0;
    if (r == 0 && !frees)
        r = promise(tn, (uint64_t) off, &n, &promised);
    if (r == 0)
        r = n < (uint64_t) len ? -ENOSPC : m->ops->fallocate(m, mode, off, len);
    tmp_recount(tn, promised);
    return r;
}

static void tmp_flags_changed(struct file *f, uint32_t old)
{
    struct file *m = tmp_file(f)->memory;
    atomic_store(&m->flags, atomic_load(&f->flags));
    if (m->ops->flags_changed)
        m->ops->flags_changed(m, old);
}

static int tmp_anon_node(struct file *f, struct node **ret)
{
    *ret = node_get(tmp_file(f)->node);
    return 0;
}

static void tmp_file_release(struct file *f)
{
    struct tmp_file *tf = tmp_file(f);
    if (tf->memory) {
        if ((atomic_load(&f->flags) & LX_O_ACCMODE) != LX_O_RDONLY)
            tmp_recount(tmp_node(tf->node), 0);
        file_put(tf->memory);
        tmp_content_done(tmp_node(tf->node));
    }
    node_put(tf->node);
    free(tf);
}

static const struct file_ops file_ops = {
    .read = tmp_read,
    .write = tmp_write,
    .seek = tmp_seek,
    .donate = tmp_donate,
    .fsync = tmp_fsync,
    .fallocate = tmp_fallocate,
    .flags_changed = tmp_flags_changed,
    .anon_node = tmp_anon_node,
    .release = tmp_file_release,
};

/* ---- directories ---- */

static int64_t dir_seek(struct file *f, int64_t off, int whence)
{
    MUTEX_GUARD(&f->dir_lock);
    int64_t base = whence == LX_SEEK_CUR ? f->pos : 0, to;
    if ((whence != LX_SEEK_SET && whence != LX_SEEK_CUR) ||
        __builtin_add_overflow(base, off, &to) || to < 0)
        return -EINVAL;
    f->pos = to;
    return to;
}

static const struct file_ops dir_ops = {
    .readdir = tmp_readdir,
    .seek = dir_seek,
    .fsync = tmp_fsync,
    .release = tmp_file_release,
};

/* ---- opening ---- */

static int open_memory(struct tmp_node *tn, const struct open_args *a, struct file **ret)
{
    int r = tmp_content_use(tn);
    if (r < 0)
        return r;
    r = tn->content->ops->open(tn->content, a, ret);
    if (r < 0)
        tmp_content_done(tn);
    return r;
}

static int wrap(struct node *n, const struct file_ops *ops, const struct open_args *a,
                struct file **ret)
{
    struct tmp_file *tf = calloc(1, sizeof(*tf));
    if (!tf)
        return -ENOMEM;
    int r = n->type == LX_S_IFREG ? open_memory(tmp_node(n), a, &tf->memory) : 0;
    if (r < 0) {
        free(tf);
        return r;
    }
    file_init(&tf->file, ops, a->flags);
    tf->node = node_get(n);
    *ret = &tf->file;
    return 0;
}

int tmp_open(struct node *n, const struct open_args *a, struct file **ret)
{
    struct kernel *k = tmp_super(n->sb)->k;
    switch (n->type) {
    case LX_S_IFREG:
        return wrap(n, &file_ops, a, ret);
    case LX_S_IFDIR:
        return wrap(n, &dir_ops, a, ret);
    case LX_S_IFIFO:
        return a->task ? k->specials->fifo_open(k, n, a, ret) : -ENXIO;
    default:
        return -ENXIO;
    }
}

int tmp_tmpfile(struct node *dir, const struct create_args *c, const struct open_args *a,
                struct file **ret)
{
    struct node *n;
    int r = tmp_node_new(tmp_super(dir->sb), c, 0, &n);
    if (r < 0)
        return r;
    r = wrap(n, &file_ops, a, ret);
    node_put(n);
    return r;
}
