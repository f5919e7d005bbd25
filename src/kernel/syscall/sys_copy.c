/* SPDX-License-Identifier: Apache-2.0 */
/* sendfile(2), copy_file_range(2): data from file to file that the guest never sees. */
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "abi/linux/fcntl.h"
#include "abi/linux/poll.h"
#include "abi/linux/resource.h"
#include "abi/linux/signal.h"
#include "abi/linux/stat.h"
#include "base/cleanup.h"
#include "fdobj/pipe.h"
#include "kernel/signal/signal.h"
#include "kernel/syscall/fsize.h"
#include "kernel/syscall/syscall.h"
#include "kernel/task/task.h"
#include "kernel/vfs/attr.h"
#include "kernel/vfs/direct.h"
#include "kernel/vfs/fdtable.h"
#include "kernel/vfs/file.h"

#define CHUNK (128u << 10)

/* One side: a file, and where in it. */
struct side {
    struct file *f;
    uaddr_t off; /* guest's variable; null: the file's own offset */
    int64_t pos;
};

struct copy {
    struct side in, out;
    uint64_t left;
    int64_t done;
};

static int get_files(struct task *t, int in, int out, struct copy *c)
{
    int r = fd_lookup(t->files, in, &c->in.f);
    if (r < 0)
        return r;
    r = fd_lookup(t->files, out, &c->out.f);
    if (r < 0)
        file_put(c->in.f);
    return r;
}

static void put_files(struct copy *c)
{
    file_put(c->in.f);
    file_put(c->out.f);
}

static uint32_t access_mode(const struct file *f)
{
    return atomic_load(&f->flags) & LX_O_ACCMODE;
}

static int check_access(const struct copy *c)
{
    return access_mode(c->in.f) == LX_O_WRONLY || access_mode(c->out.f) == LX_O_RDONLY ? -EBADF : 0;
}

/* Where a side starts. */
static int begin(struct task *t, struct side *s)
{
    if (uaddr_is_null(s->off)) {
        s->pos = file_seek(s->f, 0, LX_SEEK_CUR);
        return s->pos < 0 ? (int) s->pos : 0;
    }
    return copy_in(t, &s->pos, s->off, sizeof(s->pos));
}

/* Where it ended: told where it was asked for. */
static int finish(struct task *t, const struct side *s)
{
    if (uaddr_is_null(s->off)) {
        int64_t r = file_seek(s->f, s->pos, LX_SEEK_SET);
        return r < 0 ? (int) r : 0;
    }
    return copy_out(t, s->off, &s->pos, sizeof(s->pos));
}

/* From the host's file to the host's socket. Not positive: not this way. */
static ssize_t send_piece(struct copy *c)
{
    const struct file_ops *in = c->in.f->ops, *out = c->out.f->ops;
    int from = in->host_fd && out->send_file ? in->host_fd(c->in.f) : -1;
    if (from < 0)
        return -1;
    ssize_t n = out->send_file(c->out.f, from, c->in.pos, (size_t) c->left);
    if (n > 0) {
        c->in.pos += n;
        c->left -= (uint64_t) n;
        c->done += n;
    }
    return n;
}

/* One piece through `buf`; 0 at the end of the file. What was not taken is read again. */
static ssize_t copy_piece(struct task *t, struct copy *c, uint8_t *buf, bool positioned)
{
    struct iobuf io;
    if (!positioned && send_piece(c) > 0)
        return 1;
    iobuf_kernel(&io, buf, (size_t) MIN(c->left, (uint64_t) CHUNK));
    ssize_t got = file_read(t, c->in.f, &io, c->in.pos);
    if (got <= 0)
        return got;
    iobuf_kernel(&io, buf, (size_t) got);
    int64_t to = positioned ? c->out.pos : -1;
    int r = fsize_clamp(t, c->out.f, to, &io);
    if (r < 0)
        return r;
    ssize_t put = file_write(t, c->out.f, &io, to);
    if (put <= 0)
        return put;
    c->in.pos += put;
    c->out.pos += put;
    c->left -= (uint64_t) put;
    c->done += put;
    return put < got ? 0 : put;
}

static ssize_t copy_through(struct task *t, struct copy *c, bool positioned)
{
    _cleanup_free_ uint8_t *buf = malloc((size_t) MIN(c->left, (uint64_t) CHUNK));
    ssize_t r = buf ? 1 : -ENOMEM;
    while (c->left && r > 0) {
        r = copy_piece(t, c, buf, positioned);
        if (atomic_load(&t->work))
            break;
    }
    return c->done ? c->done : r < 0 ? r : 0;
}

/* ---- sendfile(2) ---- */

static int check_source(struct copy *c)
{
    if (access_mode(c->in.f) == LX_O_WRONLY || access_mode(c->in.f) == LX_O_ACCMODE)
        return -EBADF;
    if (!uaddr_is_null(c->in.off) && !c->in.f->ops->seek)
        return -ESPIPE;
    return c->in.pos < 0 ? -EINVAL : 0;
}

static ssize_t send_file(struct task *t, struct copy *c)
{
    uint32_t mode = access_mode(c->out.f);
    if (mode == LX_O_RDONLY || mode == LX_O_ACCMODE)
        return -EBADF;
    if (file_is_pipe(c->out.f)) {
        if (file_poll(c->out.f) & LX_POLLERR) { /* whether or not there is something to write */
            signal_send_self(t, LX_SIGPIPE);
            return -EPIPE;
        }
    } else if (!c->in.f->ops->seek || (atomic_load(&c->out.f->flags) & LX_O_APPEND)) {
        return -EINVAL;
    }
    if (c->left == 0)
        return 0;
    if (!c->in.f->ops->seek || c->in.f->ops->readdir || !c->in.f->ops->read)
        return -EINVAL;
    ssize_t n = copy_through(t, c, false);
    int r = c->done ? finish(t, &c->in) : 0;
    return r < 0 ? r : n;
}

static bool goes_to_pipe(struct task *t, int fd)
{
    struct file *f;
    if (fd_lookup(t->files, fd, &f) < 0)
        return false;
    bool pipe = file_is_pipe(f);
    file_put(f);
    return pipe;
}

/* From a socket into a pipe it is a splice. The two files one after the other: which error comes
 * first depends on it. */
long sys_sendfile(struct task *t, const uint64_t a[static 6])
{
    struct copy c = {.in.off = uaddr(a[2]), .left = MIN(a[3], GUEST_RW_MAX)};
    int r = uaddr_is_null(c.in.off) ? 0 : copy_in(t, &c.in.pos, c.in.off, sizeof(c.in.pos));
    if (r == 0)
        r = fd_lookup(t->files, (int) a[1], &c.in.f);
    if (r < 0)
        return r;
    if (c.in.f->ops->socket && uaddr_is_null(c.in.off) && goes_to_pipe(t, (int) a[0])) {
        file_put(c.in.f);
        return sys_splice(t, (uint64_t[6]){a[1], 0, a[0], 0, a[3], 0});
    }
    if (uaddr_is_null(c.in.off) && c.in.f->ops->seek)
        c.in.pos = file_seek(c.in.f, 0, LX_SEEK_CUR);
    r = check_source(&c);
    if (r == 0)
        r = fd_lookup(t->files, (int) a[0], &c.out.f);
    ssize_t n = r < 0 ? r : send_file(t, &c);
    if (n >= 0) {
        direct_consider(t, (int) a[0], c.out.f);
        direct_consider(t, (int) a[1], c.in.f);
    }
    file_put(c.in.f);
    file_put(c.out.f);
    return n;
}

/* ---- copy_file_range(2) ---- */

static int check_regular(const struct copy *c, struct attr *in, struct attr *out)
{
    int r = file_getattr(c->in.f, in);
    if (r == 0)
        r = file_getattr(c->out.f, out);
    if (r < 0)
        return r;
    if ((in->mode & LX_S_IFMT) == LX_S_IFDIR || (out->mode & LX_S_IFMT) == LX_S_IFDIR)
        return -EISDIR;
    if ((in->mode & LX_S_IFMT) != LX_S_IFREG || (out->mode & LX_S_IFMT) != LX_S_IFREG)
        return -EINVAL;
    return 0;
}

/* Shortens the copy to what the source has; the ranges of one file must not meet. */
static int check_ranges(struct task *t, struct copy *c, const struct attr *in,
                        const struct attr *out)
{
    uint64_t end;
    if (__builtin_add_overflow((uint64_t) c->in.pos, c->left, &end) ||
        __builtin_add_overflow((uint64_t) c->out.pos, c->left, &end))
        return -EOVERFLOW;
    if (c->in.pos < 0 || c->out.pos < 0)
        return -EINVAL;
    if (c->out.pos == INT64_MAX && c->left)
        return -EFBIG;
    uint64_t there = (uint64_t) c->in.pos >= in->size ? 0 : in->size - (uint64_t) c->in.pos;
    c->left = MIN(MIN(c->left, there), GUEST_RW_MAX);
    uint64_t from = (uint64_t) c->in.pos, to = (uint64_t) c->out.pos;
    if (in->dev == out->dev && in->ino == out->ino && from + c->left > to && to + c->left > from)
        return -EINVAL;
    return c->left && to + c->left > out->size ? fsize_allows(t, to + 1) : 0;
}

/* The host shares extents where it can. False: the copy goes through us. */
static bool copy_by_host(struct task *t, struct copy *c)
{
    const struct file_ops *in = c->in.f->ops, *out = c->out.f->ops;
    int from = in->host_fd ? in->host_fd(c->in.f) : -1,
        to = out->host_fd ? out->host_fd(c->out.f) : -1;
    if (from < 0 || to < 0)
        return false;
    while (c->left) {
        off_t in_pos = c->in.pos, out_pos = c->out.pos;
        ssize_t n =
            copy_file_range(from, &in_pos, to, &out_pos, MIN(c->left, (uint64_t) 64 << 20), 0);
        if (n <= 0)
            break;
        c->in.pos = in_pos;
        c->out.pos = out_pos;
        c->left -= (uint64_t) n;
        c->done += n;
        if (atomic_load(&t->work))
            break;
    }
    return c->done > 0;
}

static ssize_t copy_range(struct task *t, struct copy *c)
{
    struct attr in, out;
    int r = check_regular(c, &in, &out);
    if (r == 0)
        r = begin(t, &c->out);
    if (r == 0)
        r = begin(t, &c->in);
    if (r == 0)
        r = check_access(c);
    if (r == 0 && (atomic_load(&c->out.f->flags) & LX_O_APPEND))
        r = -EBADF;
    if (r == 0)
        r = check_ranges(t, c, &in, &out);
    if (r < 0 || c->left == 0)
        return r;
    uint64_t limit = tgroup_rlimit(t->tg, LX_RLIMIT_FSIZE);
    bool limited = limit < (uint64_t) c->out.pos + c->left;
    ssize_t n = !limited && copy_by_host(t, c) ? c->done : copy_through(t, c, true);
    if (n > 0) {
        r = finish(t, &c->in);
        if (r == 0)
            r = finish(t, &c->out);
    }
    return r < 0 ? r : n;
}

long sys_copy_file_range(struct task *t, const uint64_t a[static 6])
{
    struct copy c = {.in.off = uaddr(a[1]), .out.off = uaddr(a[3]), .left = a[4]};
    int r = get_files(t, (int) a[0], (int) a[2], &c);
    if (r < 0)
        return r;
    ssize_t n = (uint32_t) a[5] ? -EINVAL : copy_range(t, &c);
    put_files(&c);
    return n;
}
