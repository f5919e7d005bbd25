/* SPDX-License-Identifier: Apache-2.0 */
/* Guest memory, on top of the platform's doors. */
#include "kernel/mem/uaccess.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/task/task.h"

#define STRING_STEP \
    256u /* most names are shorter, and a step never crosses a page it need not touch */

static bool range_ok(uint64_t base, uint64_t len)
{
    return len <= GUEST_TASK_SIZE && base <= GUEST_TASK_SIZE - len;
}

int copy_in(struct task *t, void *dst, uaddr_t src, size_t n)
{
    if (!range_ok(src.v, n))
        return -EFAULT;
    return n ? platform_read(t->st, dst, src.v, n) : 0;
}

int copy_out(struct task *t, uaddr_t dst, const void *src, size_t n)
{
    if (!range_ok(dst.v, n))
        return -EFAULT;
    return n ? platform_write(t->st, dst.v, src, n) : 0;
}

int clear_out(struct task *t, uaddr_t dst, size_t n)
{
    static const uint8_t zeros[1024];
    int r = 0;
    while (n && r == 0) {
        size_t step = MIN(n, sizeof(zeros));
        r = copy_out(t, dst, zeros, step);
        dst = uaddr_add(dst, step);
        n -= step;
    }
    return r;
}

ssize_t copy_in_str(struct task *t, char *dst, uaddr_t src, size_t cap)
{
    size_t have = 0;
    while (have < cap) {
        size_t step = MIN((size_t) STRING_STEP - (src.v + have) % STRING_STEP, cap - have);
        if (!range_ok(src.v, have + step))
            return -EFAULT;
        ssize_t got = platform_read_some(t->st, dst + have, src.v + have, step);
        if (got <= 0)
            return -EFAULT;
        const char *nul = memchr(dst + have, '\0', (size_t) got);
        if (nul)
            return nul - dst;
        have += (size_t) got;
    }
    return -ENAMETOOLONG;
}

int iobuf_guest(struct iobuf *io, struct task *t, uaddr_t base, uint64_t len)
{
    if (!range_ok(base.v, len))
        return -EFAULT;
    len = MIN(len, GUEST_RW_MAX);
    *io = (struct iobuf){.t = t, .one = {base.v, len}, .n_iov = 1, .left = len};
    return 0;
}

int iobuf_guest_iov(struct iobuf *io, struct task *t, uaddr_t iov, uint64_t n,
                    struct guest_iov **ret_iov)
{
    if (n > GUEST_IOV_MAX)
        return -EINVAL;
    struct guest_iov *v = calloc(n ? n : 1, sizeof(*v));
    if (!v)
        return -ENOMEM;
    int r = copy_in(t, v, iov, n * sizeof(*v));
    uint64_t total = 0;
    for (uint64_t i = 0; r == 0 && i < n; i++) {
        if ((int64_t) v[i].len < 0)
            r = -EINVAL;
        else if (!range_ok(v[i].base, v[i].len))
            r = -EFAULT;
        else {
            v[i].len = MIN(v[i].len, GUEST_RW_MAX - total);
            total += v[i].len;
        }
    }
    if (r < 0) {
        free(v);
        return r;
    }
    *io = (struct iobuf){.t = t, .iov = v, .n_iov = n, .left = total};
    *ret_iov = v;
    return 0;
}

void iobuf_kernel(struct iobuf *io, void *buf, size_t n)
{
    *io = (struct iobuf){.kbuf = buf, .left = n};
}

/* The rest of the segment the transfer stands in; skips empty ones. */
static uint64_t current(const struct iobuf *io, size_t *ret_n)
{
    const struct guest_iov *s = io->iov ? &io->iov[io->seg] : &io->one;
    *ret_n = s->len - io->seg_off;
    return s->base + io->seg_off;
}

static void step(struct iobuf *io, size_t n)
{
    io->left -= n;
    if (!io->t) {
        io->kbuf += n;
        return;
    }
    io->seg_off += n;
    while (io->left && io->iov && io->seg_off == io->iov[io->seg].len) {
        io->seg++;
        io->seg_off = 0;
    }
}

static void skip_empty(struct iobuf *io)
{
    if (io->t && io->left)
        step(io, 0);
}

static ssize_t move(struct iobuf *io, void *to, const void *from, size_t n)
{
    size_t done = 0;
    skip_empty(io);
    while (done < n && io->left) {
        size_t part, want = MIN(n - done, io->left);
        ssize_t got;
        if (!io->t) {
            memcpy(to ? (uint8_t *) to + done : io->kbuf,
                   to ? io->kbuf : (const uint8_t *) from + done, want);
            got = (ssize_t) want;
        } else {
            uint64_t at = current(io, &part);
            want = MIN(want, part);
            got = to ? platform_read_some(io->t->st, (uint8_t *) to + done, at, want)
                     : platform_write_some(io->t->st, at, (const uint8_t *) from + done, want);
        }
        if (got <= 0)
            return done ? (ssize_t) done : -EFAULT;
        step(io, (size_t) got);
        done += (size_t) got;
    }
    return (ssize_t) done;
}

ssize_t iobuf_put(struct iobuf *io, const void *src, size_t n)
{
    return move(io, NULL, src, n);
}

ssize_t iobuf_take(struct iobuf *io, void *dst, size_t n)
{
    return move(io, dst, NULL, n);
}

void *iobuf_window(struct iobuf *io, bool toward_guest, size_t *ret_n)
{
    if (!io->left)
        return NULL;
    io->window_out = toward_guest;
    if (!io->t) {
        *ret_n = io->left;
        return io->kbuf;
    }
    skip_empty(io);
    size_t part, have;
    uint64_t at = current(io, &part);
    void *w = platform_window(io->t->st, at, toward_guest, &have);
    if (w)
        *ret_n = MIN(MIN(have, part), io->left);
    return w;
}

void iobuf_advance(struct iobuf *io, size_t n)
{
    size_t part;
    if (io->t && io->window_out)
        platform_window_written(io->t->st, current(io, &part), n);
    step(io, n);
}

void iobuf_skip(struct iobuf *io, size_t n)
{
    while (n) {
        size_t part = n;
        if (io->t) {
            skip_empty(io);
            (void) current(io, &part);
        }
        part = MIN(part, n);
        step(io, part);
        n -= part;
    }
}
