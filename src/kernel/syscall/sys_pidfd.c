/* SPDX-License-Identifier: Apache-2.0 */
/* pidfd_open(2), pidfd_send_signal(2), pidfd_getfd(2). */
#include <errno.h>

#include "abi/linux/eventfd.h"
#include "fdobj/pidfd.h"
#include "kernel/syscall/kill.h"
#include "kernel/syscall/syscall.h"
#include "kernel/task/pid.h"
#include "kernel/task/snapshot.h"
#include "kernel/task/task.h"
#include "kernel/vfs/fdtable.h"
#include "kernel/vfs/file.h"
#include "kernel/vfs/pseudo.h"
#include "kernel/vfs/walk.h"

long sys_pidfd_open(struct task *t, const uint64_t a[static 6])
{
    pid_t pid = (pid_t) a[0];
    uint32_t flags = (uint32_t) a[1];
    struct tgroup *tg = NULL;
    struct file *f;
    if ((flags & ~(uint32_t) LX_PIDFD_NONBLOCK) || pid <= 0)
        return -EINVAL;
    mutex_lock(&t->k->tasks_lock);
    struct pid_entry *e = pid_find(t->k, pid);
    bool thread = e && e->task && !e->tg;
    if (e && e->tg)
        tg = tgroup_get(e->tg);
    mutex_unlock(&t->k->tasks_lock);
    if (!tg)
        return thread ? -ENOENT : -ESRCH;
    int r = pidfd_new(tg, flags, &f);
    tgroup_put(tg);
    return r < 0 ? r : task_fd_install(t, f, true);
}

static int lookup(struct task *t, uint64_t fd, struct file **ret, struct tgroup **ret_tg)
{
    struct file *f;
    int r = fd_lookup(t->files, (int) fd, &f);
    if (r < 0)
        return r;
    *ret_tg = pidfd_tgroup(f);
    if (!*ret_tg) {
        file_put(f);
        return -EBADF;
    }
    *ret = f;
    return 0;
}

/* A pidfd's process or, since before there were pidfds, that of a directory /proc/PID. *ret: a new
 * reference. */
static int process_of(struct task *t, struct file *f, struct tgroup **ret)
{
    struct tgroup *tg = pidfd_tgroup(f);
    if (tg) {
        *ret = tgroup_get(tg);
        return 0;
    }
    const struct node *n = path_node(&f->path);
    pid_t pid = n ? pseudo_process(n) : 0;
    if (!pid)
        return -EBADF;
    *ret = tgroup_find_get(t->k, pid);
    return *ret ? 0 : -ESRCH;
}

static long send_to(struct task *t, struct tgroup *tg, int signo, uint64_t info_at)
{
    struct lx_siginfo info = kill_info(t, signo);
    if (signo < 0 || signo > LX_NSIG)
        return -EINVAL;
    if (info_at) {
        int r = kill_info_from_guest(t, info_at, tg->tgid, signo, &info);
        if (r < 0)
            return r;
    }
    return kill_tgroup(t, tg, &info, signo);
}

long sys_pidfd_send_signal(struct task *t, const uint64_t a[static 6])
{
    struct lx_siginfo info;
    struct tgroup *tg;
    struct file *f;
    if (a[3])
        return -EINVAL;
    if (a[2]) {
        if (copy_in(t, &info, uaddr(a[2]), sizeof(info)) < 0)
            return -EFAULT;
        if (info.signo != (int) a[1])
            return -EINVAL;
    }
    int r = fd_lookup(t->files, (int) a[0], &f);
    if (r < 0)
        return r;
    r = process_of(t, f, &tg);
    file_put(f);
    if (r < 0)
        return r;
    long n = send_to(t, tg, (int) a[1], a[2]);
    tgroup_put(tg);
    return n;
}

static long get_from(struct task *t, struct tgroup *tg, int fd)
{
    struct fdtable *files;
    struct file *f;
    if (!task_may_inspect(t, tg->tgid))
        return -EPERM;
    int r = task_snapshot_files(t->k, tg->tgid, &files);
    if (r < 0)
        return r;
    r = fd_lookup_any(files, fd, &f);
    fdtable_put(files, t);
    return r < 0 ? r : task_fd_install(t, f, true);
}

long sys_pidfd_getfd(struct task *t, const uint64_t a[static 6])
{
    struct tgroup *tg;
    struct file *f;
    if (a[2])
        return -EINVAL;
    int r = lookup(t, a[0], &f, &tg);
    if (r < 0)
        return r;
    mutex_lock(&t->k->tasks_lock);
    bool gone = tg->zombie; /* its number may be another's already */
    mutex_unlock(&t->k->tasks_lock);
    long n = gone ? -ESRCH : get_from(t, tg, (int) a[1]);
    file_put(f);
    return n;
}
