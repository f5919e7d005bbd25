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

/* Is there a reason of the vfs against it? */
static bool is_minded(struct task *t, struct file *f)
{
    const struct node *n = path_node(&f->path);
    bool writable = (atomic_load(&f->flags) & LX_O_ACCMODE) != LX_O_RDONLY;
    if (!n)
        return atomic_load(&f->async) != NULL; /* a signal is wanted for what happens to it */
    return n->type != LX_S_IFREG || (writable && !may_write(t, n->sb)) || file_is_watched(f);
}

/* The host descriptor to be given, or -1. */
static int candidate(struct task *t, struct file *f, enum direct_kind *ret_kind)
{
    if (t->k->mediate_data || !f->ops->direct)
        return -1;
    if (task_wants_natives(t) || platform_natives_trapped(t->st) || is_minded(t, f))
        return -1;
    return f->ops->direct(f, ret_kind);
}

void direct_consider(struct task *t, int fd, struct file *f)
{
    enum direct_kind kind = DIRECT_KIND_FILE;
    if (likely(!platform_direct_wanted(t->st)))
        return;
    uint32_t epoch = platform_direct_epoch(t->st);
    int host_fd = candidate(t, f, &kind);
    if (host_fd < 0)
        return;
    if (path_node(&f->path))
        atomic_store(&path_node(&f->path)->is_direct, true);
    bool quiet = direct_is_quiet(f);
    if (quiet && !atomic_load(&t->k->closes_wait))
        atomic_store(&t->k->closes_wait, true);
    if (fd_mark_direct(t->files, fd, f, epoch))
        platform_direct_give(t->st, fd, host_fd, kind, epoch, quiet);
}

bool direct_is_quiet(const struct file *f)
{
    const struct node *n = path_node(&f->path);
    return n && n->type == LX_S_IFREG && !f->ops->close &&
           (atomic_load(&f->flags) & LX_O_ACCMODE) == LX_O_RDONLY;
}

void direct_settle(struct fdtable *ft, struct stub_thread *st)
{
    struct file *closed[PLATFORM_CLOSED_MAX];
    unsigned n = fdtable_take_closed(ft, st, closed);
    for (unsigned i = 0; i < n; i++)
        fdtable_closed(ft, closed[i], NULL);
}

/* A task for whom something waits: its table and its stub, referenced. */
static bool find_unsettled(struct kernel *k, struct fdtable **ret_files, struct stub_thread **ret)
{
    struct task *t;
    MUTEX_GUARD(&k->tasks_lock);
    list_for_each_entry (t, &k->tasks, all_link) {
        if (!t->st || !t->files || !platform_has_closed(t->st))
            continue;
        *ret_files = fdtable_get(t->files);
        *ret = t->st;
        platform_get(t->st);
        return true;
    }
    return false;
}

#define ROUNDS 1000 /* a stub that goes on closing must not keep others here */

bool direct_settle_all(struct kernel *k)
{
    struct fdtable *files;
    struct stub_thread *st;
    bool any = false;
    if (!atomic_load(&k->closes_wait))
        return false;
    for (unsigned i = 0; i < ROUNDS && find_unsettled(k, &files, &st); i++) {
        direct_settle(files, st);
        platform_put(st);
        fdtable_put(files, NULL);
        any = true;
    }
    return any;
}

int direct_install(struct task *t, struct file *steal, bool cloexec)
{
    if (likely(!platform_direct_wanted(t->st)))
        return task_fd_install(t, steal, cloexec);
    struct file *f = file_get(steal); /* another thread may close it at once */
    int fd = task_fd_install(t, steal, cloexec);
    if (fd >= 0)
        direct_consider(t, fd, f);
    file_put(f);
    return fd;
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
