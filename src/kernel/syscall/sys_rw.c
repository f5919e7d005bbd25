/* SPDX-License-Identifier: Apache-2.0 */
/* read(2), write(2), pread(2), pwrite(2), readv(2) and their families. */
#include <errno.h>
#include <stdlib.h>

#include "abi/linux/fcntl.h"
#include "abi/linux/uio.h"
#include "base/cleanup.h"
#include "kernel/syscall/fsize.h"
#include "kernel/syscall/syscall.h"
#include "kernel/task/task.h"
#include "kernel/vfs/direct.h"
#include "kernel/vfs/fdtable.h"
#include "kernel/vfs/file.h"

#define AT_OFFSET (-1) /* the file's own offset */

struct move {
    int64_t pos;
    bool write;
    uint32_t flags; /* LX_RWF_* */
    bool direct;    /* the call is one of the direct plane's, too */
};

static ssize_t move(struct task *t, struct file *f, struct iobuf *io, const struct move *m)
{
    struct task *sleeper = m->flags & LX_RWF_NOWAIT ? NULL : t;
    if (!m->write)
        return file_read(sleeper, f, io, m->pos);
    int r = fsize_clamp(t, f, m->pos, io);
    return r < 0 ? r : file_write(sleeper, f, io, m->pos);
}

/* One range of guest memory. */
static long plain(struct task *t, const uint64_t a[static 6], int64_t pos, bool write)
{
    struct iobuf io;
    struct file *f;
    int r = fd_lookup(t->files, (int) a[0], &f);
    if (r < 0)
        return r;
    r = iobuf_guest(&io, t, uaddr(a[1]), a[2]);
    ssize_t n = r < 0 ? r : move(t, f, &io, &(struct move){.pos = pos, .write = write});
    if (n >= 0)
        direct_consider(t, (int) a[0], f);
    file_put(f);
    return n;
}

long sys_read(struct task *t, const uint64_t a[static 6])
{
    return plain(t, a, AT_OFFSET, false);
}

long sys_write(struct task *t, const uint64_t a[static 6])
{
    return plain(t, a, AT_OFFSET, true);
}

long sys_pread64(struct task *t, const uint64_t a[static 6])
{
    return (int64_t) a[3] < 0 ? -EINVAL : plain(t, a, (int64_t) a[3], false);
}

long sys_pwrite64(struct task *t, const uint64_t a[static 6])
{
    return (int64_t) a[3] < 0 ? -EINVAL : plain(t, a, (int64_t) a[3], true);
}

/* ---- vectors ---- */

/*
 * preadv2(2)'s flags: the host's business where the data is the host's. Elsewhere there is nothing
 * to append to, and RWF_NOWAIT is for what has a queue to wait in.
 */
static int check_flags(struct file *f, struct iobuf *io, uint32_t flags)
{
    if (flags & ~(uint32_t) LX_RWF_SUPPORTED)
        return -EOPNOTSUPP;
    if ((flags & LX_RWF_APPEND) && (flags & LX_RWF_NOAPPEND))
        return -EINVAL;
    if (f->ops->host_fd && f->ops->host_fd(f) >= 0)
        io->rwf = flags;
    else if ((flags & LX_RWF_NOWAIT) && !f->wq)
        return -EOPNOTSUPP;
    return 0;
}

static ssize_t move_flagged(struct task *t, struct file *f, struct iobuf *io, const struct move *m)
{
    int r = check_flags(f, io, m->flags);
    if (r < 0)
        return r;
    ssize_t n = move(t, f, io, m);
    if (n > 0 && m->write && !io->rwf && (m->flags & (LX_RWF_SYNC | LX_RWF_DSYNC)) &&
        f->ops->fsync) {
        r = f->ops->fsync(f, !(m->flags & LX_RWF_SYNC));
        if (r < 0)
            return r;
    }
    return n;
}

static long vector(struct task *t, const uint64_t a[static 6], const struct move *m)
{
    _cleanup_free_ struct guest_iov *iov = NULL;
    struct iobuf io;
    struct file *f;
    int r = fd_lookup(t->files, (int) a[0], &f);
    if (r < 0)
        return r;
    r = iobuf_guest_iov(&io, t, uaddr(a[1]), a[2], &iov);
    bool nothing = r == 0 && !io.left && f->ops->socket; /* never gets to a socket */
    ssize_t n = r < 0 ? r : nothing ? 0 : move_flagged(t, f, &io, m);
    if (n >= 0 && m->direct)
        direct_consider(t, (int) a[0], f);
    file_put(f);
    return n;
}

long sys_readv(struct task *t, const uint64_t a[static 6])
{
    return vector(t, a, &(struct move){.pos = AT_OFFSET, .direct = true});
}

long sys_writev(struct task *t, const uint64_t a[static 6])
{
    return vector(t, a, &(struct move){.pos = AT_OFFSET, .write = true, .direct = true});
}

/* On 64-bit machines the position is whole in its lower argument. */
long sys_preadv(struct task *t, const uint64_t a[static 6])
{
    return (int64_t) a[3] < 0 ? -EINVAL
                              : vector(t, a, &(struct move){.pos = (int64_t) a[3], .direct = true});
}

long sys_pwritev(struct task *t, const uint64_t a[static 6])
{
    return (int64_t) a[3] < 0
               ? -EINVAL
               : vector(t, a, &(struct move){.pos = (int64_t) a[3], .write = true, .direct = true});
}

static long vector2(struct task *t, const uint64_t a[static 6], bool write)
{
    struct move m = {.pos = (int64_t) a[3], .write = write, .flags = (uint32_t) a[5]};
    return m.pos < AT_OFFSET ? -EINVAL : vector(t, a, &m);
}

long sys_preadv2(struct task *t, const uint64_t a[static 6])
{
    return vector2(t, a, false);
}

long sys_pwritev2(struct task *t, const uint64_t a[static 6])
{
    return vector2(t, a, true);
}
