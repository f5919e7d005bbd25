/* SPDX-License-Identifier: Apache-2.0 */
/* The other side of a terminal, held by a program of the guest: /dev/ptmx of ptmx(4), pty(7). */
#include <errno.h>
#include <stdlib.h>

#include "abi/linux/fcntl.h"
#include "abi/linux/poll.h"
#include "kernel/task/task.h"
#include "tty/terminal.h"

#define READ_CHUNK  4096
#define WRITE_CHUNK 2048

/* [lock] What the next read gets: bytes in dst, or -EAGAIN, -EIO. */
static ssize_t take(struct terminal *t, uint8_t *dst, size_t cap)
{
    size_t n = 0;
    if (t->packet && t->packet_status) {
        dst[0] = (uint8_t) t->packet_status;
        t->packet_status = 0;
        return 1;
    }
    if (!byteq_used(&t->ld.out))
        return t->slave_gone ? -EIO : -EAGAIN;
    if (t->packet)
        dst[n++] = LX_TIOCPKT_DATA;
    n += byteq_pop(&t->ld.out, dst + n, cap - n);
    waitq_wake(&t->slave_wq, LX_POLL_WRITABLE);
    return (ssize_t) n;
}

static ssize_t master_read(struct file *f, struct iobuf *io, int64_t pos unused_)
{
    struct terminal *t = terminal_file(f)->t;
    uint8_t buf[READ_CHUNK];

    if (!io->left)
        return 0;
    mutex_lock(&t->lock);
    ssize_t n = take(t, buf, MIN(io->left, sizeof(buf)));
    mutex_unlock(&t->lock);
    return n > 0 ? iobuf_put(io, buf, (size_t) n) : n;
}

/* [lock] Whether a slave is open does not matter: what is typed ahead is for the next one. */
static int may_write(const struct terminal *t)
{
    return terminal_in_room(t) ? 0 : -EAGAIN;
}

static ssize_t master_write(struct file *f, struct iobuf *io, int64_t pos unused_)
{
    struct terminal *t = terminal_file(f)->t;
    uint8_t buf[WRITE_CHUNK];
    struct iobuf before = *io;
    size_t done = 0;

    mutex_lock(&t->lock);
    int r = may_write(t);
    mutex_unlock(&t->lock);
    if (r < 0 || !io->left)
        return r;
    ssize_t n = iobuf_take(io, buf, MIN(io->left, sizeof(buf)));
    if (n < 0)
        return n;
    mutex_lock(&t->lock);
    r = may_write(t);
    if (r == 0)
        done = terminal_input(t, buf, (size_t) n);
    uint64_t signals = terminal_settle(t);
    mutex_unlock(&t->lock);
    terminal_signal(t, signals);
    if (done < (size_t) n) { /* the rest is the next attempt's */
        *io = before;
        iobuf_skip(io, done);
    }
    return done ? (ssize_t) done : r < 0 ? r : -EAGAIN;
}

static uint32_t master_poll(struct file *f)
{
    struct terminal *t = terminal_file(f)->t;
    uint32_t ev = 0;
    MUTEX_GUARD(&t->lock);
    if (byteq_used(&t->ld.out))
        ev |= LX_POLL_READABLE;
    if (t->packet && t->packet_status)
        ev |= LX_POLL_READABLE | LX_POLLPRI;
    if (t->slave_gone)
        ev |= LX_POLLHUP;
    if (terminal_in_room(t))
        ev |= LX_POLL_WRITABLE;
    return ev;
}

static void master_release(struct file *f)
{
    struct terminal_file *tf = terminal_file(f);
    terminal_lose_master(tf->t);
    terminal_put(tf->t);
    free(tf);
}

static const struct file_ops master_ops = {
    .read = master_read,
    .write = master_write,
    .poll = master_poll,
    .ioctl = terminal_ioctl,
    .getattr = terminal_getattr,
    .release = master_release,
    .write_all = true,
    .name = "ptmx",
};

int master_open(struct kernel *k, const struct open_args *a, struct file **ret)
{
    struct terminal_file *tf = calloc(1, sizeof(*tf));
    if (!tf)
        return -ENOMEM;
    int r = terminal_new(terminals_of(k), a->cred, NULL, &tf->t);
    if (r < 0) {
        free(tf);
        return r;
    }
    file_init(&tf->file, &master_ops, a->flags);
    tf->file.wq = &tf->t->master_wq;
    tf->master = true;
    *ret = &tf->file;
    return 0;
}
