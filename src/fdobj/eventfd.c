/* SPDX-License-Identifier: Apache-2.0 */
/* A counter to wait for: eventfd(2). */
#include "fdobj/eventfd.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "abi/linux/eventfd.h"
#include "abi/linux/fcntl.h"
#include "abi/linux/poll.h"
#include "base/strbuf.h"
#include "fdobj/anon.h"

struct eventfd {
    struct file file;  /* first */
    struct mutex lock; /* RANK_PIPE */
    uint64_t count;    /* [lock] never UINT64_MAX */
    bool semaphore;    /* immutable */
    struct waitq wq;
};

static struct eventfd *eventfd_of(struct file *f)
{
    return container_of(f, struct eventfd, file);
}

/* False when there is nothing to take. */
static bool take(struct eventfd *e, uint64_t *ret)
{
    MUTEX_GUARD(&e->lock);
    if (!e->count)
        return false;
    *ret = e->semaphore ? 1 : e->count;
    e->count -= *ret;
    return true;
}

static bool give(struct eventfd *e, uint64_t n)
{
    MUTEX_GUARD(&e->lock);
    if (UINT64_MAX - e->count <= n)
        return false;
    e->count += n;
    return true;
}

static ssize_t eventfd_read(struct file *f, struct iobuf *io, int64_t pos unused_)
{
    struct eventfd *e = eventfd_of(f);
    uint64_t n;
    if (io->left < sizeof(n))
        return -EINVAL;
    if (!take(e, &n))
        return -EAGAIN;
    waitq_wake(&e->wq, LX_POLL_WRITABLE);
    return iobuf_put(io, &n, sizeof(n));
}

static ssize_t eventfd_write(struct file *f, struct iobuf *io, int64_t pos unused_)
{
    struct eventfd *e = eventfd_of(f);
    struct iobuf before = *io;
    uint64_t n;
    if (io->left != sizeof(n)) /* since Linux 6.8; before, what followed was left alone */
        return -EINVAL;
    if (iobuf_take(io, &n, sizeof(n)) != (ssize_t) sizeof(n))
        return -EFAULT;
    if (n == UINT64_MAX)
        return -EINVAL;
    if (!give(e, n)) {
        *io = before;
        return -EAGAIN;
    }
    waitq_wake(&e->wq, LX_POLL_READABLE);
    return (ssize_t) sizeof(n);
}

static uint32_t eventfd_poll(struct file *f)
{
    struct eventfd *e = eventfd_of(f);
    MUTEX_GUARD(&e->lock);
    return (e->count ? LX_POLLIN : 0u) | (e->count < UINT64_MAX - 1 ? LX_POLLOUT : 0u);
}

static int eventfd_fdinfo(struct file *f, struct strbuf *out)
{
    struct eventfd *e = eventfd_of(f);
    MUTEX_GUARD(&e->lock);
    sb_addf(out, "eventfd-count: %16" PRIx64 "\neventfd-semaphore: %d\n", e->count, e->semaphore);
    return sb_error(out);
}

static void eventfd_release(struct file *f)
{
    free(eventfd_of(f));
}

static const struct file_ops eventfd_ops = {
    .read = eventfd_read,
    .write = eventfd_write,
    .poll = eventfd_poll,
    .seek = anon_seek,
    .getattr = anon_getattr,
    .fdinfo = eventfd_fdinfo,
    .release = eventfd_release,
    .name = "anon_inode:[eventfd]",
};

int eventfd_new(uint32_t count, uint32_t flags, struct file **ret)
{
    struct eventfd *e = calloc(1, sizeof(*e));
    if (!e)
        return -ENOMEM;
    file_init(&e->file, &eventfd_ops, LX_O_RDWR | (flags & LX_EFD_NONBLOCK));
    mutex_init(&e->lock, RANK_PIPE);
    waitq_init(&e->wq);
    e->file.wq = &e->wq;
    e->count = count;
    e->semaphore = flags & LX_EFD_SEMAPHORE;
    *ret = &e->file;
    return 0;
}
