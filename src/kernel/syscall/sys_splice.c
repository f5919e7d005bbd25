/* SPDX-License-Identifier: Apache-2.0 */
/*
 * splice(2), vmsplice(2). Pages are not moved but copied, which no guest can tell; tee(2) is
 * sys_pipe.c's.
 */
#include <errno.h>
#include <stdlib.h>

#include "abi/linux/fcntl.h"
#include "abi/linux/poll.h"
#include "abi/linux/uio.h"
#include "base/cleanup.h"
#include "fdobj/pipe.h"
#include "kernel/syscall/fsize.h"
#include "kernel/syscall/syscall.h"
#include "kernel/task/task.h"
#include "kernel/vfs/fdtable.h"
#include "kernel/vfs/file.h"
#include "kernel/wait/block.h"

#define CHUNK       (64u << 10)
#define KNOWN_FLAGS (LX_SPLICE_F_MOVE | LX_SPLICE_F_NONBLOCK | LX_SPLICE_F_MORE | LX_SPLICE_F_GIFT)
#define PIPE_ROOM   4096u /* there is at least so much when poll(2) says "writable" */

struct splice {
    struct task *t;
    struct file *in, *out;
    uaddr_t in_off, out_off; /* guest's variables; null: the file's own offset */
    int64_t in_pos, out_pos; /* -1: likewise */
    size_t n;
    bool nonblock; /* where it is a pipe that we would wait for */
};

/* ---- waiting ---- */

static bool never_waits(const struct file *f)
{
    return !f->wq || (atomic_load(&f->flags) & LX_O_NONBLOCK);
}

/* Until f may be ready for `events`. 0, -EAGAIN or -ERESTARTSYS. */
static int await(struct splice *s, struct file *f, uint32_t events)
{
    struct task_waiter tw;
    int r = 0;
    if (never_waits(f) || (s->nonblock && file_is_pipe(f)))
        return -EAGAIN;
    task_wait_on(&tw, s->t, f->wq, events);
    while (r == 0 && !(file_poll(f) & (events | LX_POLLHUP | LX_POLLERR))) {
        r = f->ops->poll_arm ? f->ops->poll_arm(f, events) : 0;
        if (r == 0)
            r = task_block(s->t, NULL);
    }
    task_wait_end(&tw);
    return r;
}

/* ---- from a pipe ---- */

/* As much as goes without waiting: the pipe belongs to us alone meanwhile. */
static ssize_t give(void *arg, const uint8_t *data, size_t n)
{
    struct splice *s = arg;
    struct iobuf io;
    iobuf_kernel(&io, (uint8_t *) (uintptr_t) data, n);
    int r = fsize_clamp(s->t, s->out, s->out_pos, &io);
    ssize_t put = r < 0 ? r : file_write(NULL, s->out, &io, s->out_pos);
    if (put > 0 && s->out_pos >= 0)
        s->out_pos += put;
    return put;
}

static ssize_t from_pipe(struct splice *s)
{
    for (;;) {
        ssize_t r = file_is_pipe(s->out) ? pipe_move(s->in, s->out, s->n, true)
                                         : pipe_drain(s->in, s->n, give, s);
        if (r != -EAGAIN)
            return r;
        bool empty = !(file_poll(s->in) & (LX_POLL_READABLE | LX_POLLHUP));
        r = empty ? await(s, s->in, LX_POLL_READABLE) : await(s, s->out, LX_POLL_WRITABLE);
        if (r < 0)
            return r;
    }
}

/* ---- into a pipe ---- */

/* What a source without positions has given must go in: it cannot be read again. */
static ssize_t put_all(struct splice *s, uint8_t *buf, size_t n)
{
    struct iobuf io;
    iobuf_kernel(&io, buf, n);
    bool again = s->in_pos >= 0;
    return file_write(again ? NULL : s->t, s->out, &io, -1);
}

static ssize_t to_pipe(struct splice *s)
{
    size_t most = MIN(s->n, s->in_pos >= 0 ? (size_t) CHUNK : (size_t) PIPE_ROOM);
    _cleanup_free_ uint8_t *buf = malloc(most);
    struct iobuf io;
    if (!buf)
        return -ENOMEM;
    ssize_t r;
    if (!(file_poll(s->out) & (LX_POLL_WRITABLE | LX_POLLERR)) &&
        (r = await(s, s->out, LX_POLL_WRITABLE)) < 0)
        return r;
    if (file_poll(s->out) & LX_POLLERR) /* whether or not there is something to write */
        return -EPIPE;
    iobuf_kernel(&io, buf, most);
    r = file_read(s->t, s->in, &io, s->in_pos);
    if (r > 0)
        r = put_all(s, buf, (size_t) r);
    if (r > 0 && s->in_pos >= 0)
        s->in_pos += r;
    return r;
}

/* ---- splice(2) ---- */

static int get_offset(struct task *t, struct file *f, uaddr_t from, int64_t *ret)
{
    *ret = -1;
    if (uaddr_is_null(from))
        return 0;
    if (file_is_pipe(f))
        return -ESPIPE;
    if (!f->ops->seek)
        return -EINVAL;
    if (copy_in(t, ret, from, sizeof(*ret)) < 0)
        return -EFAULT;
    return *ret < 0 ? -EINVAL : 0;
}

static int check(const struct splice *s)
{
    uint32_t in = atomic_load(&s->in->flags), out = atomic_load(&s->out->flags);
    if ((in & LX_O_ACCMODE) == LX_O_WRONLY || (out & LX_O_ACCMODE) == LX_O_RDONLY)
        return -EBADF;
    if (!file_is_pipe(s->in) && !file_is_pipe(s->out))
        return -EINVAL;
    if (pipes_are_one(s->in, s->out) || !s->in->ops->read || !s->out->ops->write)
        return -EINVAL;
    if ((out & LX_O_APPEND) && !file_is_pipe(s->out))
        return -EINVAL;
    return 0;
}

/* A seekable source is read at its position, and the position moved by what the pipe took. */
static ssize_t transfer(struct splice *s)
{
    bool own = s->in_pos < 0 && s->in->ops->seek && !file_is_pipe(s->in);
    if (file_is_pipe(s->in))
        return from_pipe(s);
    if (own)
        s->in_pos = file_seek(s->in, 0, LX_SEEK_CUR);
    ssize_t r = to_pipe(s);
    if (own && r > 0 && file_seek(s->in, s->in_pos, LX_SEEK_SET) < 0)
        return -ESPIPE;
    return r;
}

static ssize_t do_splice(struct splice *s)
{
    int r = check(s);
    if (r == 0)
        r = get_offset(s->t, s->in, s->in_off, &s->in_pos);
    if (r == 0)
        r = get_offset(s->t, s->out, s->out_off, &s->out_pos);
    if (r < 0)
        return r;
    ssize_t n = transfer(s);
    if (n == -EPIPE)
        signal_send_self(s->t, LX_SIGPIPE);
    if (n > 0 && !uaddr_is_null(s->in_off))
        r = copy_out(s->t, s->in_off, &s->in_pos, sizeof(s->in_pos));
    if (n > 0 && r == 0 && !uaddr_is_null(s->out_off))
        r = copy_out(s->t, s->out_off, &s->out_pos, sizeof(s->out_pos));
    return r < 0 ? r : n;
}

long sys_splice(struct task *t, const uint64_t a[static 6])
{
    uint32_t flags = (uint32_t) a[5];
    struct splice s = {.t = t,
                       .in_off = uaddr(a[1]),
                       .out_off = uaddr(a[3]),
                       .n = MIN(a[4], GUEST_RW_MAX),
                       .nonblock = flags & LX_SPLICE_F_NONBLOCK};
    if (s.n == 0)
        return 0;
    if (flags & ~(uint32_t) KNOWN_FLAGS)
        return -EINVAL;
    int r = fd_lookup(t->files, (int) a[0], &s.in);
    if (r < 0)
        return r;
    r = fd_lookup(t->files, (int) a[2], &s.out);
    if (r < 0) {
        file_put(s.in);
        return r;
    }
    ssize_t n = do_splice(&s);
    file_put(s.in);
    file_put(s.out);
    return n;
}

/* ---- vmsplice(2) ---- */

static ssize_t put(void *arg, const uint8_t *data, size_t n)
{
    return iobuf_put(arg, data, n);
}

/* Unlike read(2) it knows of no packets. */
static ssize_t to_memory(struct splice *s, struct iobuf *io)
{
    for (;;) {
        ssize_t r = pipe_drain(s->in, io->left, put, io);
        int e = r == -EAGAIN ? await(s, s->in, LX_POLL_READABLE) : 0;
        if (r != -EAGAIN || e < 0)
            return r != -EAGAIN ? r : e;
    }
}

long sys_vmsplice(struct task *t, const uint64_t a[static 6])
{
    _cleanup_free_ struct guest_iov *iov = NULL;
    uint32_t flags = (uint32_t) a[3];
    struct splice s = {.t = t, .nonblock = flags & LX_SPLICE_F_NONBLOCK};
    struct iobuf io;
    if (flags & ~(uint32_t) KNOWN_FLAGS)
        return -EINVAL;
    int r = fd_lookup(t->files, (int) a[0], &s.in);
    if (r < 0)
        return r;
    ssize_t n = file_is_pipe(s.in) ? iobuf_guest_iov(&io, t, uaddr(a[1]), a[2], &iov) : -EBADF;
    if (n == 0 && io.left)
        n = (atomic_load(&s.in->flags) & LX_O_ACCMODE) == LX_O_RDONLY
                ? to_memory(&s, &io)
                : file_write(s.nonblock ? NULL : t, s.in, &io, -1);
    file_put(s.in);
    return n;
}
