/* SPDX-License-Identifier: Apache-2.0 */
#include "kernel/vfs/direct.h"

#include "abi/linux/fcntl.h"
#include "abi/linux/resource.h"
#include "abi/linux/stat.h"
#include "kernel/syscall/native.h"
#include "kernel/task/task.h"
#include "kernel/vfs/fdtable.h"
#include "kernel/vfs/walk.h"
#include "kernel/vfs/watch.h"

/* RLIMIT_FSIZE is ours to enforce, with its signal; and where a super keeps accounts it must see
 * each write. */
static bool may_write(struct task *t, const struct super *sb)
{
    return !sb->mediate_writes && platform_direct_may_write(t->k->platform) &&
           tgroup_rlimit(t->tg, LX_RLIMIT_FSIZE) >= (uint64_t) INT64_MAX;
}

/* The host descriptor to be given, or -1. */
static int candidate(struct task *t, struct file *f)
{
    const struct node *n = path_node(&f->path);
    bool writable = (atomic_load(&f->flags) & LX_O_ACCMODE) != LX_O_RDONLY;
    if (t->k->mediate_data || !f->ops->direct || !n || n->type != LX_S_IFREG)
        return -1;
    if (task_wants_natives(t) || platform_natives_trapped(t->st))
        return -1;
    if ((writable && !may_write(t, n->sb)) || file_is_watched(f))
        return -1;
    return f->ops->direct(f);
}

void direct_consider(struct task *t, int fd, struct file *f)
{
    if (likely(!platform_direct_wanted(t->st)))
        return;
    uint32_t epoch = platform_direct_epoch(t->st);
    int host_fd = candidate(t, f);
    if (host_fd < 0)
        return;
    atomic_store(&path_node(&f->path)->is_direct, true);
    if (fd_mark_direct(t->files, fd, f, epoch))
        platform_direct_give(t->st, fd, host_fd, epoch);
}

void direct_revoke_all(struct kernel *k)
{
    platform_direct_revoke_all(k->platform);
}

void direct_names_changed(struct task *t, const struct super *sb)
{
    if (t && super_is_watched(sb))
        direct_revoke_all(t->k);
}

void direct_part(struct task *t, struct fdtable *own)
{
    if (atomic_load(&t->tg->living) < 2)
        return;
    fdtable_bar_direct(t->files);
    fdtable_bar_direct(own);
    platform_direct_revoke(t->st);
}
