/* SPDX-License-Identifier: Apache-2.0 */
/* The side of a terminal that programs use: tty(4), termios(3). */
#include <errno.h>
#include <stdlib.h>

#include "abi/linux/fcntl.h"
#include "abi/linux/poll.h"
#include "abi/linux/signal.h"
#include "kernel/task/task.h"
#include "kernel/time/ktimer.h"
#include "kernel/vfs/walk.h"
#include "tty/terminal.h"

#define WRITE_CHUNK   2048
#define VTIME_NS      100000000ull /* its unit: a tenth of a second */
#define TIMES_GRAIN_S 8            /* as Linux: when keys were struck is nobody's business */

bool slave_is_dead(struct terminal_file *tf)
{
    return tf->hangups != tf->t->hangups;
}

/* [lock] */
static void touch(struct timespec *ts)
{
    struct timespec now;
    if (clock_gettime(CLOCK_REALTIME_COARSE, &now) == 0 &&
        (now.tv_sec / TIMES_GRAIN_S) != (ts->tv_sec / TIMES_GRAIN_S))
        *ts = (struct timespec){.tv_sec = now.tv_sec};
}

/* Only the first attempt of a call asks: a process does not become a background one while it
 * waits. */
static int check_foreground(struct iobuf *io, struct terminal *t, int signo)
{
    return io->t && !io->again ? ctty_check(io->t, &t->tty, signo) : 0;
}

static ssize_t slave_read(struct file *f, struct iobuf *io, int64_t pos unused_)
{
    struct terminal_file *tf = terminal_file(f);
    struct terminal *t = tf->t;
    uint8_t buf[LDISC_SIZE];
    bool nonblock = atomic_load(&f->flags) & LX_O_NONBLOCK;
    enum ldisc_patience how = io->late ? LDISC_LATE : nonblock ? LDISC_SOME : LDISC_WAIT;
    uint64_t signals = 0;
    ssize_t n = 0;

    if (!io->left)
        return 0;
    mutex_lock(&t->lock);
    bool dead = slave_is_dead(tf);
    mutex_unlock(&t->lock);
    int r = dead ? 0 : check_foreground(io, t, LX_SIGTTIN);
    if (r < 0)
        return r;
    mutex_lock(&t->lock);
    if (!slave_is_dead(tf))
        n = ldisc_read(&t->ld, buf, MIN(io->left, sizeof(buf)), io->left, how);
    else if (io->again && atomic_load(&t->master_gone))
        n = -EIO; /* only who comes later finds an end of file */
    if (n > 0) {
        touch(&t->atime);
        signals = terminal_settle(t);
    }
    mutex_unlock(&t->lock);
    terminal_signal(t, signals);
    return n > 0 ? iobuf_put(io, buf, (size_t) n) : n;
}

/* Until when a read waits that began at `since`; 0: for ever. */
static uint64_t slave_read_until(struct file *f, uint64_t since)
{
    struct terminal *t = terminal_file(f)->t;
    MUTEX_GUARD(&t->lock);
    uint64_t vtime = t->ld.tio.cc[LX_VTIME] * VTIME_NS;
    if (ldisc_is_canonical(&t->ld) || !vtime)
        return 0;
    if (!t->ld.tio.cc[LX_VMIN])
        return since + vtime;
    return ldisc_has_input(&t->ld) ? MAX(since, t->last_input) + vtime : 0;
}

/* [lock] 0, or why nothing can be written now. */
static int may_write(struct terminal_file *tf)
{
    if (slave_is_dead(tf))
        return -EIO;
    return ldisc_writable(&tf->t->ld) ? 0 : -EAGAIN;
}

static bool stops_background(struct terminal *t)
{
    MUTEX_GUARD(&t->lock);
    return t->ld.tio.lflag & LX_TOSTOP;
}

static ssize_t slave_write(struct file *f, struct iobuf *io, int64_t pos unused_)
{
    struct terminal_file *tf = terminal_file(f);
    struct terminal *t = tf->t;
    uint8_t buf[WRITE_CHUNK];
    struct iobuf before = *io;
    size_t done = 0;

    mutex_lock(&t->lock);
    int r = may_write(tf);
    mutex_unlock(&t->lock);
    if (r != -EIO && stops_background(t)) {
        int e = check_foreground(io, t, LX_SIGTTOU);
        if (e < 0)
            return e;
    }
    if (r < 0 || !io->left)
        return r;
    ssize_t n = iobuf_take(io, buf, MIN(io->left, sizeof(buf)));
    if (n < 0)
        return n;
    mutex_lock(&t->lock);
    r = may_write(tf);
    if (r == 0) {
        done = ldisc_write(&t->ld, buf, (size_t) n);
        touch(&t->mtime);
    }
    uint64_t signals = terminal_settle(t);
    mutex_unlock(&t->lock);
    terminal_signal(t, signals);
    if (done < (size_t) n) { /* the rest is the next attempt's */
        *io = before;
        iobuf_skip(io, done);
    }
    return done ? (ssize_t) done : r < 0 ? r : -EAGAIN;
}

static uint32_t slave_poll(struct file *f)
{
    struct terminal_file *tf = terminal_file(f);
    struct terminal *t = tf->t;
    MUTEX_GUARD(&t->lock);
    if (slave_is_dead(tf))
        return LX_POLL_READABLE | LX_POLL_WRITABLE | LX_POLLERR | LX_POLLHUP;
    return (ldisc_readable(&t->ld) ? LX_POLL_READABLE : 0) |
           (ldisc_writable(&t->ld) ? LX_POLL_WRITABLE : 0);
}

int terminal_getattr(struct file *f, struct attr *ret)
{
    struct terminal_file *tf = terminal_file(f);
    struct terminal *t = tf->t;
    if (f->path.dentry)
        return path_getattr(&f->path, ret);
    MUTEX_GUARD(&t->lock);
    *ret = (struct attr){.rdev = t->tty.dev,
                         .ino = t->index + 3,
                         .mode = t->mode,
                         .nlink = 1,
                         .uid = t->uid,
                         .gid = t->gid,
                         .blksize = 1024,
                         .atime = t->atime,
                         .mtime = t->mtime,
                         .ctime = t->ctime,
                         .btime = {0, -1}};
    return 0;
}

static void slave_release(struct file *f)
{
    struct terminal_file *tf = terminal_file(f);
    struct terminal *t = tf->t;
    mutex_lock(&t->lock);
    bool last = --t->n_slaves == 0;
    if (last)
        t->slave_gone = true;
    if (last && t->console)
        console_poke(t->console);
    mutex_unlock(&t->lock);
    if (last)
        waitq_wake(&t->master_wq, LX_POLL_READABLE | LX_POLL_WRITABLE | LX_POLLHUP);
    terminal_put(t);
    free(tf);
}

static const struct file_ops slave_ops = {
    .read = slave_read,
    .read_until = slave_read_until,
    .write = slave_write,
    .poll = slave_poll,
    .ioctl = terminal_ioctl,
    .getattr = terminal_getattr,
    .release = slave_release,
    .write_all = true,
    .name = "tty",
};

/* [lock] 0, or why it cannot be opened. */
static int admit(struct terminal *t, const struct open_args *a)
{
    if (atomic_load(&t->master_gone) || t->locked)
        return -EIO;
    return t->exclusive && a->task && !cred_capable(a->cred, LX_CAP_SYS_ADMIN) ? -EBUSY : 0;
}

int slave_open(struct terminal *t, const struct open_args *a, struct file **ret)
{
    struct terminal_file *tf = calloc(1, sizeof(*tf));
    if (!tf)
        return -ENOMEM;
    file_init(&tf->file, &slave_ops, a->flags);
    tf->file.wq = &t->slave_wq;
    mutex_lock(&t->lock);
    int r = admit(t, a);
    if (r == 0) {
        tf->t = terminal_get(t);
        tf->hangups = t->hangups;
        t->n_slaves++;
        t->slave_gone = false;
    }
    mutex_unlock(&t->lock);
    if (r < 0) {
        free(tf);
        return r;
    }
    if (a->task && !(a->flags & LX_O_NOCTTY) && (a->flags & LX_O_ACCMODE) != LX_O_WRONLY)
        ctty_on_open(a->task, &t->tty);
    *ret = &tf->file;
    return 0;
}
