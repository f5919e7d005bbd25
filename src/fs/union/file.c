/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Opened files: each is the layer's own file behind a thin one that knows whose it is. One opened
 * for reading while there was nothing in the upper begins on the lower and goes over to the copy as
 * soon as there is one, at the offset where it stands, so that it sees what others write from then
 * on.
 *
 * The offset is the layer's file's. Whoever takes the file over must not do it under a transfer
 * that moves the offset, so these are counted, and wait for a moment when a change is due:
 *
 *     reader                                 taker
 *     moving + 1
 *     no copy: reads from the lower          moving != 0: comes again
 *     moving - 1
 *                                            moving 0 -> TAKEN; offset carried over; 0
 */
#include <errno.h>
#include <stdlib.h>
#include <time.h>

#include "abi/linux/fcntl.h"
#include "abi/linux/stat.h"
#include "fs/union/internal.h"
#include "kernel/vfs/special.h"

#define TAKEN    UINT32_MAX
#define PATIENCE 1000 /* times WAIT_NS: then this transfer still is the lower's */
#define WAIT_NS  20000

struct union_file {
    struct file file;           /* first */
    struct union_node *un;      /* immutable; referenced */
    _Atomic(struct file *) now; /* the layer's file in use; referenced by `first` or `second` */
    struct file *first;         /* immutable; referenced */
    struct file *second;        /* the copy's; set once by the taker; referenced */
    _Atomic uint32_t moving;    /* transfers at the offset, or TAKEN; only before the change */
    bool settled;               /* immutable: opened on the upper */
};

static struct union_file *union_file(struct file *f)
{
    return container_of(f, struct union_file, file);
}

/* ---- from the lower to the copy ---- */

static int open_copy(struct union_file *uf, struct file **ret)
{
    struct node *upper = union_upper(uf->un);
    struct open_args a = {.flags = atomic_load(&uf->file.flags)};
    return upper->ops->open(upper, &a, ret);
}

/* Alone with the file. On failure it stays where it is. */
static void go_over(struct union_file *uf)
{
    struct file *copy;
    if (open_copy(uf, &copy) < 0)
        return;
    int64_t at = uf->first->ops->seek ? uf->first->ops->seek(uf->first, 0, LX_SEEK_CUR) : 0;
    if (at > 0 && copy->ops->seek)
        (void) copy->ops->seek(copy, at, LX_SEEK_SET);
    uf->second = copy;
    atomic_store(&uf->now, copy);
}

static bool is_due(struct union_file *uf)
{
    return !uf->settled && atomic_load(&uf->now) == uf->first && union_upper(uf->un);
}

static void change_if_due(struct union_file *uf)
{
    const struct timespec pause = {.tv_nsec = WAIT_NS};
    for (int i = 0; i < PATIENCE && is_due(uf); i++) {
        uint32_t none = 0;
        if (atomic_compare_exchange_strong(&uf->moving, &none, TAKEN)) {
            if (is_due(uf))
                go_over(uf);
            atomic_store(&uf->moving, 0);
            return;
        }
        (void) nanosleep(&pause, NULL);
    }
}

/* The layer's file for something that leaves the offset alone. */
static struct file *layer_file(struct union_file *uf)
{
    if (unlikely(is_due(uf)))
        change_if_due(uf);
    return atomic_load_explicit(&uf->now, memory_order_acquire);
}

/* The same for what moves it; offset_end() follows. */
static struct file *offset_begin(struct union_file *uf)
{
    const struct timespec pause = {.tv_nsec = WAIT_NS};
    if (uf->settled)
        return uf->first;
    if (unlikely(is_due(uf)))
        change_if_due(uf);
    uint32_t n = atomic_load(&uf->moving);
    for (;;) {
        if (n == TAKEN) {
            (void) nanosleep(&pause, NULL);
            n = atomic_load(&uf->moving);
        } else if (atomic_compare_exchange_weak(&uf->moving, &n, n + 1)) {
            return atomic_load(&uf->now);
        }
    }
}

static void offset_end(struct union_file *uf)
{
    if (!uf->settled)
        atomic_fetch_sub(&uf->moving, 1);
}

/* ---- file_ops ---- */

static ssize_t file_read_op(struct file *f, struct iobuf *io, int64_t pos)
{
    struct union_file *uf = union_file(f);
    struct file *real = pos < 0 ? offset_begin(uf) : layer_file(uf);
    ssize_t r = real->ops->read(real, io, pos);
    if (pos < 0)
        offset_end(uf);
    return r;
}

/* Where a write would end at most. */
static uint64_t end_of_write(struct union_file *uf, struct file *real, const struct iobuf *io,
                             int64_t pos)
{
    struct attr a;
    if (atomic_load(&uf->file.flags) & LX_O_APPEND)
        pos = union_getattr(&uf->un->node, &a) == 0 ? (int64_t) a.size : 0;
    else if (pos < 0)
        pos = real->ops->seek(real, 0, LX_SEEK_CUR);
    return (uint64_t) MAX(pos, (int64_t) 0) + io->left;
}

/* Who may write was opened on the upper. */
static ssize_t file_write_op(struct file *f, struct iobuf *io, int64_t pos)
{
    struct union_file *uf = union_file(f);
    struct file *real = layer_file(uf);
    uint64_t taken;
    if (likely(!super_of(uf->un)->quota))
        return real->ops->write(real, io, pos);
    ssize_t r = quota_grow(uf->un, end_of_write(uf, real, io, pos), &taken);
    if (r < 0)
        return r;
    r = real->ops->write(real, io, pos);
    quota_settle(uf->un, taken);
    return r;
}

static int64_t file_seek_op(struct file *f, int64_t off, int whence)
{
    struct union_file *uf = union_file(f);
    struct file *real = offset_begin(uf);
    int64_t r = real->ops->seek(real, off, whence);
    offset_end(uf);
    return r;
}

static int file_donate(struct file *f, int prot, bool shared, int *ret_fd)
{
    struct file *real = layer_file(union_file(f));
    return real->ops->donate ? real->ops->donate(real, prot, shared, ret_fd) : -ENODEV;
}

static int file_fsync(struct file *f, bool data_only)
{
    struct file *real = layer_file(union_file(f));
    return real->ops->fsync ? real->ops->fsync(real, data_only) : -EINVAL;
}

/* The size through the file, which may have been opened by one who no longer may. */
static int file_setattr_op(struct file *f, const struct attr *a, uint32_t mask)
{
    struct union_file *uf = union_file(f);
    bool direct = mask == ATTR_SIZE && uf->settled && uf->first->ops->setattr;
    if (direct && !super_of(uf->un)->quota)
        return uf->first->ops->setattr(uf->first, a, mask);
    return union_setattr(&uf->un->node, a, mask);
}

static int file_getattr_op(struct file *f, struct attr *ret)
{
    return union_getattr(&union_file(f)->un->node, ret);
}

static int file_fallocate(struct file *f, int mode, int64_t off, int64_t len)
{
    struct union_file *uf = union_file(f);
    struct file *real = layer_file(uf);
    bool grows = !(mode & LX_FALLOC_FL_KEEP_SIZE);
    uint64_t taken;
    if (!real->ops->fallocate)
        return -EOPNOTSUPP;
    int r = quota_grow(uf->un, grows ? (uint64_t) off + (uint64_t) len : 0, &taken);
    if (r < 0)
        return r;
    r = real->ops->fallocate(real, mode, off, len);
    quota_settle(uf->un, taken);
    return r;
}

static long file_fcntl(struct file *f, struct task *t, int cmd, uint64_t arg)
{
    struct file *real = layer_file(union_file(f));
    return real->ops->fcntl ? real->ops->fcntl(real, t, cmd, arg) : -EINVAL;
}

static int file_host_fd(struct file *f)
{
    struct union_file *uf = union_file(f);
    struct file *real = layer_file(uf);
    bool writes = (atomic_load(&f->flags) & LX_O_ACCMODE) != LX_O_RDONLY;
    if (!real->ops->host_fd || (writes && super_of(uf->un)->quota))
        return -EINVAL; /* what is written past us would not be counted */
    return real->ops->host_fd(real);
}

static void file_flags_changed(struct file *f, uint32_t old)
{
    struct file *real = layer_file(union_file(f));
    atomic_store(&real->flags, atomic_load(&f->flags));
    if (real->ops->flags_changed)
        real->ops->flags_changed(real, old);
}

/* O_TMPFILE: the object gets its node for linkat(2). */
static int file_anon_node(struct file *f, struct node **ret)
{
    *ret = node_get(&union_file(f)->un->node);
    return 0;
}

static void file_release(struct file *f)
{
    struct union_file *uf = union_file(f);
    file_put(uf->first);
    file_put(uf->second);
    node_put(&uf->un->node);
    free(uf);
}

static const struct file_ops file_ops = {
    .read = file_read_op,
    .write = file_write_op,
    .seek = file_seek_op,
    .donate = file_donate,
    .fsync = file_fsync,
    .getattr = file_getattr_op,
    .setattr = file_setattr_op,
    .fallocate = file_fallocate,
    .fcntl = file_fcntl,
    .anon_node = file_anon_node,
    .host_fd = file_host_fd,
    .flags_changed = file_flags_changed,
    .release = file_release,
};

/* Takes the references on real and un. */
static int wrap(struct union_node *un, struct file *real, bool settled, uint32_t flags,
                struct file **ret)
{
    struct union_file *uf = calloc(1, sizeof(*uf));
    if (!uf) {
        file_put(real);
        node_put(&un->node);
        return -ENOMEM;
    }
    file_init(&uf->file, &file_ops, flags);
    uf->un = un;
    uf->first = real;
    atomic_init(&uf->now, real);
    atomic_init(&uf->moving, 0);
    uf->settled = settled;
    *ret = &uf->file;
    return 0;
}

/* ---- opening ---- */

static int open_regular(struct union_node *un, const struct open_args *a, struct file **ret)
{
    struct file *real;
    int r = 0;
    if ((a->flags & LX_O_ACCMODE) != LX_O_RDONLY)
        r = union_copy_up(un, a->truncates ? 0 : UINT64_MAX);
    if (r < 0)
        return r;
    struct node *upper = union_upper(un), *n = upper ? upper : un->lower;
    r = n->ops->open(n, a, &real);
    return r < 0 ? r : wrap(union_node(node_get(&un->node)), real, upper != NULL, a->flags, ret);
}

int union_open(struct node *n, const struct open_args *a, struct file **ret)
{
    struct union_node *un = union_node(n);
    struct kernel *k = super_of(un)->k;
    struct attr at;
    int r;
    switch (n->type) {
    case LX_S_IFREG:
        return open_regular(un, a, ret);
    case LX_S_IFDIR:
        return union_dir_open(un, a, ret);
    case LX_S_IFIFO:
        return a->task ? k->specials->fifo_open(k, n, a, ret) : -ENXIO;
    case LX_S_IFCHR:
        r = union_getattr(n, &at);
        return r < 0 ? r : k->specials->device_open(k, at.rdev, a, ret);
    default:
        return -ENXIO;
    }
}

int union_tmpfile(struct node *dn, const struct create_args *c, const struct open_args *a,
                  struct file **ret)
{
    struct union_node *dir = union_node(dn);
    struct union_super *us = super_of(dir);
    struct layers l = {0};
    struct node *n;
    struct file *real;
    int r = union_copy_up(dir, UINT64_MAX);
    if (r < 0)
        return r;
    struct node *upper = union_upper(dir);
    if (!upper->ops->tmpfile)
        return -EOPNOTSUPP;
    r = quota_take(us, QUOTA_BLOCK);
    if (r < 0)
        return r;
    r = upper->ops->tmpfile(upper, c, a, &real);
    if (r < 0) {
        quota_give(us, QUOTA_BLOCK);
        return r;
    }
    r = real->ops->anon_node ? real->ops->anon_node(real, &l.upper) : -EOPNOTSUPP;
    if (r == 0) {
        facts_forget(us, l.upper->ino);
        r = union_node_get(us, dir, NULL, 0, &l, &n);
    }
    if (r < 0) {
        layers_clear(&l);
        file_put(real);
        quota_give(us, QUOTA_BLOCK);
        return r;
    }
    atomic_store(&union_node(n)->dead, true); /* until it is given a name */
    return wrap(union_node(n), real, true, a->flags, ret);
}
