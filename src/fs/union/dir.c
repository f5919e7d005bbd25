/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Opened directories. One that is in a single layer is listed by that layer, with the layer's own
 * positions; one of both is listed as a whole when it is read from the beginning, and keeps that
 * state until it is rewound. Which of the two holds is looked at again at each beginning.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "abi/linux/fcntl.h"
#include "fs/union/listing.h"

struct union_dir {
    struct file file;        /* first */
    struct union_node *un;   /* immutable; referenced */
    struct file *layer;      /* [file.dir_lock] the one layer's own; referenced */
    struct node *of;         /* [file.dir_lock] whose it is; referenced */
    struct listing *listing; /* [file.dir_lock] or that of both */
};

static struct union_dir *union_dir(struct file *f)
{
    return container_of(f, struct union_dir, file);
}

static void let_go(struct union_dir *ud)
{
    file_put(ud->layer);
    node_put(ud->of);
    listing_free(ud->listing);
    ud->layer = NULL;
    ud->of = NULL;
    ud->listing = NULL;
}

static int open_one(struct union_dir *ud, struct node *n)
{
    struct open_args a = {.flags = atomic_load(&ud->file.flags)};
    if (ud->of == n)
        return 0;
    let_go(ud);
    int r = n->ops->open(n, &a, &ud->layer);
    if (r == 0)
        ud->of = node_get(n);
    return r;
}

static int choose(struct union_dir *ud)
{
    struct node *upper = union_upper(ud->un), *lower = ud->un->lower;
    if (!upper || !lower)
        return open_one(ud, upper ? upper : lower);
    let_go(ud);
    return listing_new(ud->un, &ud->listing);
}

/* ---- one layer ---- */

struct shown_sink {
    struct dirsink sink; /* first */
    struct dirsink *out;
    struct union_dir *ud;
};

static bool emit_shown(struct dirsink *s, const char *name, size_t len, uint64_t ino, uint32_t type,
                       int64_t next)
{
    struct shown_sink *ss = container_of(s, struct shown_sink, sink);
    struct union_node *un = ss->ud->un;
    if (name[0] == '.' && len == 1)
        ino = un->node.ino;
    else if (name[0] == '.' && len == 2 && name[1] == '.')
        ino = parent_ino(un);
    else if (!entry_shown(un, name, &ino, type))
        return true;
    return ss->out->emit(ss->out, name, len, ino, type, next);
}

static int list_one(struct union_dir *ud, struct dirsink *out)
{
    struct shown_sink ss = {.sink = {.emit = emit_shown}, .out = out, .ud = ud};
    struct file *layer = ud->layer;
    layer->pos = ud->file.pos;
    int r = layer->ops->readdir(layer, ud->of == ud->un->lower ? out : &ss.sink);
    ud->file.pos = layer->pos;
    return r;
}

/* ---- file_ops ---- */

static int dir_readdir(struct file *f, struct dirsink *out)
{
    struct union_dir *ud = union_dir(f);
    int r = 0;
    if (f->pos == 0 || (!ud->layer && !ud->listing))
        r = choose(ud);
    if (r < 0)
        return r;
    if (ud->layer)
        return list_one(ud, out);
    listing_emit(ud->listing, &f->pos, out);
    return 0;
}

static int64_t dir_seek(struct file *f, int64_t off, int whence)
{
    MUTEX_GUARD(&f->dir_lock);
    if (whence == LX_SEEK_CUR) {
        if (__builtin_add_overflow(off, f->pos, &off))
            return -EOVERFLOW;
    } else if (whence != LX_SEEK_SET) {
        return -EINVAL;
    }
    if (off < 0)
        return -EINVAL;
    return f->pos = off;
}

static int dir_fsync(struct file *f, bool data_only)
{
    struct node *n = union_real(union_dir(f)->un);
    struct open_args a = {.flags = LX_O_RDONLY | LX_O_DIRECTORY};
    struct file *layer;
    int r = n->ops->open(n, &a, &layer);
    if (r < 0)
        return r;
    r = layer->ops->fsync ? layer->ops->fsync(layer, data_only) : -EINVAL;
    file_put(layer);
    return r;
}

static void dir_release(struct file *f)
{
    struct union_dir *ud = union_dir(f);
    let_go(ud);
    node_put(&ud->un->node);
    free(ud);
}

static const struct file_ops dir_ops = {
    .readdir = dir_readdir,
    .seek = dir_seek,
    .fsync = dir_fsync,
    .release = dir_release,
};

int union_dir_open(struct union_node *un, const struct open_args *a, struct file **ret)
{
    struct union_dir *ud = calloc(1, sizeof(*ud));
    if (!ud)
        return -ENOMEM;
    file_init(&ud->file, &dir_ops, a->flags);
    ud->un = union_node(node_get(&un->node));
    *ret = &ud->file;
    return 0;
}
