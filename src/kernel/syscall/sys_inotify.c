/* SPDX-License-Identifier: Apache-2.0 */
/* inotify_init(2), inotify_add_watch(2), inotify_rm_watch(2). */
#include <errno.h>

#include "abi/linux/fcntl.h"
#include "abi/linux/inotify.h"
#include "fdobj/inotify.h"
#include "kernel/syscall/at.h"
#include "kernel/syscall/syscall.h"
#include "kernel/task/task.h"
#include "kernel/vfs/direct.h"
#include "kernel/vfs/fdtable.h"
#include "kernel/vfs/file.h"

#define KNOWN_BITS                                                                              \
    (LX_IN_ALL_EVENTS | LX_IN_UNMOUNT | LX_IN_Q_OVERFLOW | LX_IN_IGNORED | LX_IN_ONLYDIR |      \
     LX_IN_DONT_FOLLOW | LX_IN_EXCL_UNLINK | LX_IN_MASK_CREATE | LX_IN_MASK_ADD | LX_IN_ISDIR | \
     LX_IN_ONESHOT)

static long do_init(struct task *t, uint32_t flags)
{
    struct file *f;
    if (flags & ~(uint32_t) (LX_IN_CLOEXEC | LX_IN_NONBLOCK))
        return -EINVAL;
    int r = inotify_new(t->k, t->cred->uid, flags, &f);
    return r < 0 ? r : task_fd_install(t, f, flags & LX_IN_CLOEXEC);
}

long sys_inotify_init(struct task *t, const uint64_t a[static 6] unused_)
{
    return do_init(t, 0);
}

long sys_inotify_init1(struct task *t, const uint64_t a[static 6])
{
    return do_init(t, (uint32_t) a[0]);
}

/* A new reference on the instance. */
static int instance(struct task *t, int fd, struct file **ret)
{
    struct file *f;
    int r = fd_lookup(t->files, fd, &f);
    if (r < 0)
        return r;
    if (!file_is_inotify(f)) {
        file_put(f);
        return -EINVAL;
    }
    *ret = f;
    return 0;
}

static int watch(struct task *t, struct file *f, uint64_t name, uint32_t mask)
{
    struct target g;
    uint32_t walk = (mask & LX_IN_DONT_FOLLOW ? WALK_NOFOLLOW : 0) |
                    (mask & LX_IN_ONLYDIR ? WALK_DIRECTORY : 0);
    int r = target_at(t, NULL, LX_AT_FDCWD, name, walk, &g);
    if (r < 0)
        return r;
    r = path_permission(&g.w, &g.path, MAY_READ);
    (void) direct_settle_all(t->k); /* what was closed before is not seen */
    if (r == 0)
        r = inotify_watch(f, &g.path, mask);
    if (r >= 0)
        direct_revoke_all(t->k); /* from now on each read and write is seen */
    target_done(&g);
    return r;
}

long sys_inotify_add_watch(struct task *t, const uint64_t a[static 6])
{
    uint32_t mask = (uint32_t) a[2];
    struct file *f;
    if (!(mask & KNOWN_BITS))
        return -EINVAL;
    int r = fd_lookup(t->files, (int) a[0], &f);
    if (r < 0)
        return r;
    file_put(f);
    if ((mask & LX_IN_MASK_ADD) && (mask & LX_IN_MASK_CREATE))
        return -EINVAL;
    r = instance(t, (int) a[0], &f);
    if (r < 0)
        return r;
    r = watch(t, f, a[1], mask);
    file_put(f);
    return r;
}

long sys_inotify_rm_watch(struct task *t, const uint64_t a[static 6])
{
    struct file *f;
    int r = instance(t, (int) a[0], &f);
    if (r < 0)
        return r;
    r = inotify_unwatch(f, (int) a[1]);
    file_put(f);
    return r;
}
