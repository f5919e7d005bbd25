/* SPDX-License-Identifier: Apache-2.0 */
/* Open files: their life, and the one place where reading and writing sleeps. */
#include "kernel/vfs/file.h"

#include <errno.h>
#include <stdlib.h>

#include "abi/linux/fcntl.h"
#include "abi/linux/inotify.h"
#include "abi/linux/poll.h"
#include "abi/linux/signal.h"
#include "kernel/signal/signal.h"
#include "kernel/task/task.h"
#include "kernel/time/ktimer.h"
#include "kernel/vfs/async.h"
#include "kernel/vfs/locks.h"
#include "kernel/vfs/mount_table.h"
#include "kernel/vfs/watch.h"
#include "kernel/wait/block.h"

#define NSEC 1000000000ull

/* Positions at which listing goes on with the entries that only exist in our name space. */
#define POS_GHOSTS (INT64_MAX - (1 << 16))

void file_init(struct file *f, const struct file_ops *ops, uint32_t flags)
{
    f->ops = ops;
    ref_init(&f->ref);
    f->path = (struct path){0};
    atomic_init(&f->flags, flags);
    f->wq = NULL;
    mutex_init(&f->dir_lock, RANK_READDIR);
    mutex_init(&f->pos_lock, RANK_FILE);
    f->pos = 0;
    mutex_init(&f->watch_lock, RANK_FILE_WATCH);
    list_init(&f->watches);
    atomic_init(&f->async, NULL);
    f->anon_ino = 0;
    atomic_init(&f->locked, NULL);
    f->is_writer = false;
    f->is_opened = false;
    f->is_creator = false;
}

void file_set_path(struct file *f, const struct path *p)
{
    f->path = *p;
    path_get(&f->path);
}

void file_opened(struct file *f)
{
    struct node *n = path_node(&f->path);
    if (!n)
        return;
    f->is_opened = true;
    node_opened(n);
    vfs_saw_file(f, LX_IN_OPEN);
}

struct file *file_get(struct file *f)
{
    ref_get(&f->ref);
    return f;
}

void file_watch_add(struct file *f, struct file_watch *w)
{
    MUTEX_GUARD(&f->watch_lock);
    list_add_tail(&w->link, &f->watches);
}

void file_watch_del(struct file *f, struct file_watch *w)
{
    MUTEX_GUARD(&f->watch_lock);
    list_del(&w->link);
}

/* Without a reference left nobody can add or take out a watch. */
static void tell_watches(struct file *f)
{
    struct list *l;
    while ((l = list_pop(&f->watches)) != NULL) {
        struct file_watch *w = container_of(l, struct file_watch, link);
        w->gone(w);
    }
}

void file_put(struct file *f)
{
    if (!f || !ref_put(&f->ref))
        return;
    struct path p = f->path;
    async_release(f);
    tell_watches(f);
    vfs_locks_released(f);
    bool is_writer = f->is_writer, is_opened = f->is_opened;
    if (is_opened)
        vfs_saw_file(f, (atomic_load(&f->flags) & LX_O_ACCMODE) != LX_O_RDONLY
                            ? LX_IN_CLOSE_WRITE
                            : LX_IN_CLOSE_NOWRITE);
    if (p.dentry)
        dentry_hold_opened(p.dentry);
    f->ops->release(f);
    if (is_opened)
        node_closed(path_node(&p));
    if (is_writer) {
        node_end_write(path_node(&p));
        atomic_fetch_sub(&p.mnt->writers, 1);
    }
    path_put(&p);
}

uint32_t file_poll(struct file *f)
{
    return f->ops->poll ? f->ops->poll(f) : LX_POLL_READABLE | LX_POLL_WRITABLE;
}

int64_t file_seek(struct file *f, int64_t off, int whence)
{
    if (f->flags & LX_O_PATH)
        return -EBADF;
    return f->ops->seek ? f->ops->seek(f, off, whence) : -ESPIPE;
}

int64_t file_seek_pos(struct file *f, int64_t off, int whence)
{
    MUTEX_GUARD(&f->pos_lock);
    int64_t base = whence == LX_SEEK_CUR ? f->pos : 0, to;
    if ((whence != LX_SEEK_SET && whence != LX_SEEK_CUR) ||
        __builtin_add_overflow(base, off, &to) || to < 0)
        return -EINVAL;
    f->pos = to;
    return to;
}

/* ---- transfers ---- */

struct transfer {
    struct file *f;
    struct iobuf *io;
    int64_t pos;
    bool write;
    ssize_t done;
};

/*
 * One attempt, a whole one for streams: a blocking write goes on until all is written, whatever the
 * driver takes at a time (pipe(7)).
 */
static ssize_t attempt(struct transfer *x)
{
    const struct file_ops *ops = x->f->ops;
    if (!x->write)
        return ops->read(x->f, x->io, x->pos);
    for (;;) {
        ssize_t r = ops->write(x->f, x->io, x->pos);
        if (r <= 0)
            return r;
        x->done += r;
        x->io->again = true;
        if (!ops->write_all || !x->io->left)
            return 0;
    }
}

static int arm(struct file *f, uint32_t events)
{
    return f->ops->poll_arm ? f->ops->poll_arm(f, events) : 0;
}

/* Sleeps until the file is woken: 0, -ERESTARTSYS, or -ETIMEDOUT for a driver's own deadline. */
static int sleep_once(struct task *t, struct transfer *x, uint64_t since)
{
    const struct file_ops *ops = x->f->ops;
    uint64_t until = !x->write && ops->read_until ? ops->read_until(x->f, since) : 0;
    struct timespec ts = {.tv_sec = (time_t) (until / NSEC), .tv_nsec = (long) (until % NSEC)};
    return task_block(t, until ? &ts : NULL);
}

/* The wait is over: what a driver has for those who cannot wait any longer; -EAGAIN: go on waiting.
 */
static ssize_t last_attempt(struct transfer *x, int why)
{
    if (x->write || !x->f->ops->read_until)
        return why;
    x->io->late = true;
    ssize_t r = attempt(x);
    x->io->late = false;
    return r > 0 || why == -ETIMEDOUT ? r : why;
}

/* Sleeps and tries again until the answer is no longer -EAGAIN. */
static ssize_t wait_and_retry(struct task *t, struct transfer *x)
{
    uint32_t events = x->write ? LX_POLL_WRITABLE : LX_POLL_READABLE;
    uint64_t since = !x->write && x->f->ops->read_until ? mono_now_ns() : 0;
    struct task_waiter tw;
    ssize_t r;
    task_wait_on(&tw, t, x->f->wq, events);
    x->io->again = true;
    for (;;) {
        r = arm(x->f, events);
        if (r == 0)
            r = attempt(x);
        if (r != -EAGAIN)
            break;
        r = sleep_once(t, x, since);
        if (r < 0 && (r = last_attempt(x, (int) r)) != -EAGAIN)
            break;
    }
    task_wait_end(&tw);
    return r;
}

/* The own thread is the only writer. */
static void count_io(struct io_count *n, bool write, ssize_t r)
{
    uint64_t *bytes = write ? &n->wchar : &n->rchar, *calls = write ? &n->syscw : &n->syscr;
    if (r > 0)
        __atomic_store_n(bytes, *bytes + (uint64_t) r, __ATOMIC_RELAXED);
    __atomic_store_n(calls, *calls + 1, __ATOMIC_RELAXED);
}

static ssize_t transfer(struct task *t, struct transfer *x)
{
    ssize_t r = attempt(x);
    if (r == -EAGAIN && t && x->f->wq && !(atomic_load(&x->f->flags) & LX_O_NONBLOCK))
        r = wait_and_retry(t, x);
    if (t)
        count_io(&t->io, x->write, x->done ? x->done : r);
    if ((x->done ? x->done : r) > 0)
        vfs_saw_file(x->f, x->write ? LX_IN_MODIFY : LX_IN_ACCESS);
    if (r == -EPIPE && x->write && t)
        signal_send_self(t, LX_SIGPIPE);
    if (unlikely(atomic_load_explicit(&x->f->async, memory_order_acquire)))
        async_again(x->f);
    return x->done ? x->done : r;
}

/* pread(2) and pwrite(2) of what has no offset. */
static int check_pos(const struct file *f, int64_t pos)
{
    return pos >= 0 && !f->ops->seek ? -ESPIPE : 0;
}

ssize_t file_read(struct task *t, struct file *f, struct iobuf *io, int64_t pos)
{
    uint32_t flags = atomic_load(&f->flags), mode = flags & LX_O_ACCMODE;
    struct transfer x = {.f = f, .io = io, .pos = pos};
    if (flags & LX_O_PATH)
        return -EBADF;
    int r = check_pos(f, pos);
    if (r < 0)
        return r;
    if (mode == LX_O_WRONLY || mode == LX_O_ACCMODE)
        return -EBADF;
    if (!f->ops->read)
        return f->ops->readdir ? -EISDIR : -EINVAL;
    return f->ops->transfer ? f->ops->transfer(t, f, io, false) : transfer(t, &x);
}

ssize_t file_write(struct task *t, struct file *f, struct iobuf *io, int64_t pos)
{
    uint32_t flags = atomic_load(&f->flags), mode = flags & LX_O_ACCMODE;
    struct transfer x = {.f = f, .io = io, .pos = pos, .write = true};
    if (flags & LX_O_PATH)
        return -EBADF;
    int r = check_pos(f, pos);
    if (r < 0)
        return r;
    if (mode == LX_O_RDONLY || mode == LX_O_ACCMODE)
        return -EBADF;
    if (!f->ops->write)
        return -EINVAL;
    return f->ops->transfer ? f->ops->transfer(t, f, io, true) : transfer(t, &x);
}

/* ---- directories ---- */

struct counting_sink {
    struct dirsink sink; /* first */
    struct dirsink *out;
    bool any; /* given or refused */
};

static bool count_emit(struct dirsink *s, const char *name, size_t len, uint64_t ino, uint32_t type,
                       int64_t next)
{
    struct counting_sink *c = container_of(s, struct counting_sink, sink);
    c->any = true;
    return c->out->emit(c->out, name, len, ino, type, MIN(next, POS_GHOSTS));
}

static void read_ghosts(struct file *f, struct dirsink *out)
{
    char name[GUEST_NAME_CAP];
    size_t len;
    uint64_t ino;
    uint32_t type;
    if (f->pos < POS_GHOSTS)
        f->pos = POS_GHOSTS;
    while (ghost_nth(f->path.mnt->vfs, f->path.dentry, (size_t) (f->pos - POS_GHOSTS), name, &len,
                     &ino, &type) &&
           out->emit(out, name, len, ino, type, f->pos + 1))
        f->pos++;
}

int file_readdir(struct file *f, struct dirsink *out)
{
    struct counting_sink c = {.sink = {.emit = count_emit}, .out = out};
    if (f->flags & LX_O_PATH)
        return -EBADF;
    if (!f->ops->readdir)
        return -ENOTDIR;
    int r = 0;
    mutex_lock(&f->dir_lock);
    if (f->pos < POS_GHOSTS)
        r = f->ops->readdir(f, &c.sink);
    /* ext4 and btrfs end at the largest of all positions. */
    if (c.any)
        f->pos = MIN(f->pos, POS_GHOSTS);
    if (r == 0 && !c.any && f->path.dentry && atomic_load(&f->path.dentry->has_ghosts))
        read_ghosts(f, out);
    mutex_unlock(&f->dir_lock);
    if (r == 0)
        vfs_saw_file(f, LX_IN_ACCESS);
    return r;
}
