/* SPDX-License-Identifier: Apache-2.0 */
/* POSIX message queues: mq_overview(7); the queues are kernel/ipc's. */
#include <errno.h>

#include "abi/linux/fcntl.h"
#include "abi/linux/signal.h"
#include "kernel/ipc/mqueue.h"
#include "kernel/syscall/syscall.h"
#include "kernel/task/task.h"
#include "kernel/time/ktimer.h"
#include "kernel/time/timeval.h"
#include "kernel/vfs/fdtable.h"
#include "kernel/vfs/file.h"
#include "kernel/vfs/walk.h"

#define NAME_CAP      512 /* a longer one is too long for any message queue */
#define SIGEV_SIGNAL_ 0
#define SIGEV_NONE_   1
#define SIGEV_THREAD_ 2

static int get_name(struct task *t, uint64_t addr, char name[NAME_CAP])
{
    ssize_t n = copy_in_str(t, name, uaddr(addr), NAME_CAP);

    return n < 0 ? (int) n : 0;
}

long sys_mq_open(struct task *t, const uint64_t a[static 6])
{
    uint32_t flags = (uint32_t) a[1], mode = (uint32_t) a[2] & ~fsctx_umask(t->fs);
    struct lx_mq_attr attr;
    char name[NAME_CAP];
    struct file *f = NULL;
    int r = a[3] ? copy_in(t, &attr, uaddr(a[3]), sizeof(attr)) : 0;

    if (r == 0)
        r = get_name(t, a[0], name);
    if (r == 0)
        r = mq_open(t, name, flags, mode, a[3] ? &attr : NULL, &f);
    return r < 0 ? r : task_fd_install(t, f, true); /* always close-on-exec: mq_open(3) */
}

long sys_mq_unlink(struct task *t, const uint64_t a[static 6])
{
    char name[NAME_CAP];
    int r = get_name(t, a[0], name);

    return r < 0 ? r : mq_unlink(t, name);
}

/* Absolute, of the real clock. */
static int get_deadline(struct task *t, uint64_t addr, struct timespec *ts, struct timespec **ret)
{
    struct lx_timespec given;
    uint64_t ns;
    int r;

    *ret = NULL;
    if (!addr)
        return 0;
    r = copy_in(t, &given, uaddr(addr), sizeof(given));
    if (r == 0)
        r = ns_from_timespec(&given, &ns);
    if (r == 0) {
        *ts = host_timespec_from_ns(clock_to_mono_ns(CLOCK_REALTIME, ns));
        *ret = ts;
    }
    return r;
}

long sys_mq_timedsend(struct task *t, const uint64_t a[static 6])
{
    struct timespec ts, *deadline;
    struct file *f;
    long r = get_deadline(t, a[4], &ts, &deadline);

    if (r == 0 && (uint32_t) a[3] >= LX_MQ_PRIO_MAX)
        r = -EINVAL;
    if (r == 0)
        r = fd_lookup(t->files, (int) a[0], &f);
    if (r < 0)
        return r;
    r = mq_send(t, f, a[1], a[2], (uint32_t) a[3], deadline);
    file_put(f);
    return r;
}

long sys_mq_timedreceive(struct task *t, const uint64_t a[static 6])
{
    struct timespec ts, *deadline;
    struct file *f;
    long r = get_deadline(t, a[4], &ts, &deadline);

    if (r == 0)
        r = fd_lookup(t->files, (int) a[0], &f);
    if (r < 0)
        return r;
    r = mq_receive(t, f, a[1], a[2], a[3], deadline);
    file_put(f);
    return r;
}

long sys_mq_notify(struct task *t, const uint64_t a[static 6])
{
    struct lx_sigevent ev;
    struct file *f;
    int r = a[1] ? copy_in(t, &ev, uaddr(a[1]), sizeof(ev)) : 0;

    if (r == 0 && a[1]) {
        if (ev.notify == SIGEV_THREAD_)
            r = -ENOSYS; /* its message comes by a netlink socket */
        else if (ev.notify != SIGEV_NONE_ &&
                 (ev.notify != SIGEV_SIGNAL_ || ev.signo < 0 || ev.signo > LX_NSIG))
            r = -EINVAL;
    }
    if (r == 0)
        r = fd_lookup(t->files, (int) a[0], &f);
    if (r < 0)
        return r;
    r = mq_notify(t, f, a[1] ? &ev : NULL);
    file_put(f);
    return r;
}

long sys_mq_getsetattr(struct task *t, const uint64_t a[static 6])
{
    struct lx_mq_attr set, old;
    struct file *f;
    int r = a[1] ? copy_in(t, &set, uaddr(a[1]), sizeof(set)) : 0;

    if (r == 0 && a[1] && (set.flags & ~(int64_t) LX_O_NONBLOCK))
        r = -EINVAL;
    if (r == 0)
        r = fd_lookup(t->files, (int) a[0], &f);
    if (r < 0)
        return r;
    r = mq_attributes(f, a[1] ? &set : NULL, &old);
    file_put(f);
    return r == 0 && a[2] ? copy_out(t, uaddr(a[2]), &old, sizeof(old)) : r;
}
