/* SPDX-License-Identifier: Apache-2.0 */
/* fcntl(2): descriptors, status flags, record locks; the rest is the object's own. */
#include <errno.h>

#include "abi/linux/fcntl.h"
#include "abi/linux/stat.h"
#include "kernel/syscall/fd_limit.h"
#include "kernel/syscall/syscall.h"
#include "kernel/task/task.h"
#include "kernel/vfs/async.h"
#include "kernel/vfs/attr.h"
#include "kernel/vfs/fdtable.h"
#include "kernel/vfs/file.h"
#include "kernel/vfs/locks.h"

/* What was for the opening alone is gone already. */
static long get_flags(const struct file *f)
{
    return (long) (atomic_load(&f->flags) & ~(uint32_t) LX_O_CLOEXEC);
}

/* O_NOATIME is for the owner. */
static int check_flags(struct task *t, struct file *f, uint32_t added)
{
    struct attr a;
    if ((added & LX_O_DIRECT) && f->ops->socket)
        return -EINVAL; /* Linux: of anything that has no pages */
    if (!(added & LX_O_NOATIME) || cred_capable(t->cred, LX_CAP_FOWNER))
        return 0;
    int r = file_getattr(f, &a);
    if (r < 0)
        return r;
    return a.uid == t->cred->fsuid ? 0 : -EPERM;
}

/* O_ASYNC is ignored where there is nothing to wait for. */
static int change_async(struct task *t, int fd, struct file *f, uint32_t *want)
{
    if (((*want ^ atomic_load(&f->flags)) & LX_O_ASYNC) == 0)
        return 0;
    int r = async_switch(t, f, fd, *want & LX_O_ASYNC);
    if (r == -ENOTTY)
        *want &= ~(uint32_t) LX_O_ASYNC;
    return r == -ENOTTY ? 0 : r;
}

static long set_flags(struct task *t, int fd, struct file *f, uint32_t want)
{
    uint32_t old = atomic_load(&f->flags), fresh;
    want &= LX_O_SETTABLE;
    int r = check_flags(t, f, want & ~old);
    if (r == 0)
        r = change_async(t, fd, f, &want);
    if (r < 0)
        return r;
    do
        fresh = (old & ~(uint32_t) LX_O_SETTABLE) | want;
    while (!atomic_compare_exchange_weak(&f->flags, &old, fresh));
    if (f->ops->flags_changed)
        f->ops->flags_changed(f, old);
    return 0;
}

static long do_lock(struct task *t, struct file *f, int cmd, uaddr_t arg)
{
    struct lx_flock fl;
    int r = copy_in(t, &fl, arg, sizeof(fl));
    if (r < 0)
        return r;
    long n = vfs_lock_posix(t, f, cmd, &fl);
    if (n == 0 && (cmd == LX_F_GETLK || cmd == LX_F_OFD_GETLK))
        n = copy_out(t, arg, &fl, sizeof(fl));
    return n;
}

static long duplicate(struct task *t, struct file *f, uint64_t min, bool cloexec)
{
    int limit = fd_limit(t);
    if (min >= (uint64_t) limit)
        return -EINVAL;
    return fd_install(t->files, file_get(f), (int) min, limit, cloexec);
}

/* The commands a place (O_PATH) knows, too. */
static bool for_places(int cmd)
{
    return cmd == LX_F_DUPFD || cmd == LX_F_DUPFD_CLOEXEC || cmd == LX_F_GETFD ||
           cmd == LX_F_SETFD || cmd == LX_F_GETFL || cmd == LX_F_DUPFD_QUERY;
}

/* Do both descriptors refer to one opening? */
static long is_same(struct task *t, const struct file *f, int other)
{
    struct file *g;
    int r = fd_lookup_any(t->files, other, &g);
    if (r < 0)
        return r;
    file_put(g);
    return f == g;
}

/* F_GET_RW_HINT, F_SET_RW_HINT: the host's, for files that have any data there. */
static long do_hint(struct task *t, struct file *f, int cmd, uaddr_t arg)
{
    bool theirs = f->ops->host_fd && f->ops->fcntl;
    const uint64_t none = 0;
    struct attr at;
    if (cmd == LX_F_GET_RW_HINT)
        return theirs ? f->ops->fcntl(f, t, cmd, arg.v) : copy_out(t, arg, &none, sizeof(none));
    int r = file_getattr(f, &at);
    if (r < 0)
        return r;
    if (at.uid != t->cred->fsuid && !cred_capable(t->cred, LX_CAP_FOWNER))
        return -EPERM;
    return theirs ? f->ops->fcntl(f, t, cmd, arg.v) : -EINVAL;
}

static long do_fcntl(struct task *t, int fd, struct file *f, int cmd, uint64_t arg)
{
    switch (cmd) {
    case LX_F_DUPFD:
    case LX_F_DUPFD_CLOEXEC:
        return duplicate(t, f, (uint32_t) arg, cmd == LX_F_DUPFD_CLOEXEC);
    case LX_F_GETFD:
        return fd_get_cloexec(t->files, fd);
    case LX_F_SETFD:
        return fd_set_cloexec(t->files, fd, arg & LX_FD_CLOEXEC);
    case LX_F_GETFL:
        return get_flags(f);
    case LX_F_SETFL:
        return set_flags(t, fd, f, (uint32_t) arg);
    case LX_F_GETLK:
    case LX_F_SETLK:
    case LX_F_SETLKW:
    case LX_F_OFD_GETLK:
    case LX_F_OFD_SETLK:
    case LX_F_OFD_SETLKW:
        return do_lock(t, f, cmd, uaddr(arg));
    case LX_F_SETOWN:
    case LX_F_GETOWN:
    case LX_F_SETOWN_EX:
    case LX_F_GETOWN_EX:
    case LX_F_SETSIG:
    case LX_F_GETSIG:
        return async_fcntl(t, f, cmd, arg);
    case LX_F_DUPFD_QUERY:
        return is_same(t, f, (int) arg);
    case LX_F_CREATED_QUERY:
        return f->is_creator;
    case LX_F_GET_RW_HINT:
    case LX_F_SET_RW_HINT:
        return do_hint(t, f, cmd, uaddr(arg));
    case LX_F_GETLEASE:
        return LX_F_UNLCK; /* nobody can have one */
    }
    if (cmd == LX_F_ADD_SEALS && (atomic_load(&f->flags) & LX_O_ACCMODE) == LX_O_RDONLY)
        return -EPERM;
    if (f->ops->fcntl)
        return f->ops->fcntl(f, t, cmd, arg);
    return cmd == LX_F_GETPIPE_SZ || cmd == LX_F_SETPIPE_SZ ? -EBADF : -EINVAL;
}

long sys_fcntl(struct task *t, const uint64_t a[static 6])
{
    int cmd = (int) a[1];
    struct file *f;
    int r = for_places(cmd) ? fd_lookup_any(t->files, (int) a[0], &f)
                            : fd_lookup(t->files, (int) a[0], &f);
    if (r < 0)
        return r;
    long n = do_fcntl(t, (int) a[0], f, cmd, a[2]);
    file_put(f);
    return n;
}
