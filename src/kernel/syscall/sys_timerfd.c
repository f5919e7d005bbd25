/* SPDX-License-Identifier: Apache-2.0 */
/* timerfd_create(2), timerfd_settime(2), timerfd_gettime(2). */
#include <errno.h>

#include "abi/linux/time.h"
#include "abi/linux/timerfd.h"
#include "fdobj/timerfd.h"
#include "kernel/syscall/syscall.h"
#include "kernel/task/task.h"
#include "kernel/time/timeval.h"
#include "kernel/vfs/fdtable.h"
#include "kernel/vfs/file.h"

#define CAP_WAKE_ALARM 35

long sys_timerfd_create(struct task *t, const uint64_t a[static 6])
{
    int clock = (int) a[0];
    uint32_t flags = (uint32_t) a[1];
    struct file *f;
    if (flags & ~(uint32_t) (LX_TFD_CLOEXEC | LX_TFD_NONBLOCK))
        return -EINVAL;
    if ((clock == LX_CLOCK_REALTIME_ALARM || clock == LX_CLOCK_BOOTTIME_ALARM) &&
        !cred_capable(t->cred, CAP_WAKE_ALARM))
        return -EPERM;
    int r = timerfd_new(t->k, clock, flags, &f);
    return r < 0 ? r : task_fd_install(t, f, flags & LX_TFD_CLOEXEC);
}

static int lookup(struct task *t, uint64_t fd, struct file **ret)
{
    struct file *f;
    int r = fd_lookup(t->files, (int) fd, &f);
    if (r < 0)
        return r;
    if (!file_is_timerfd(f)) {
        file_put(f);
        return -EINVAL;
    }
    *ret = f;
    return 0;
}

static int put_setting(struct task *t, uint64_t at, const struct timerfd_setting *s)
{
    struct lx_itimerspec its = {timespec_from_ns(s->interval), timespec_from_ns(s->value)};
    return copy_out(t, uaddr(at), &its, sizeof(its));
}

long sys_timerfd_settime(struct task *t, const uint64_t a[static 6])
{
    uint32_t flags = (uint32_t) a[1];
    struct lx_itimerspec its;
    struct timerfd_setting s, old;
    struct file *f;
    if (copy_in(t, &its, uaddr(a[2]), sizeof(its)) < 0)
        return -EFAULT;
    if (flags & ~(uint32_t) (LX_TFD_TIMER_ABSTIME | LX_TFD_TIMER_CANCEL_ON_SET))
        return -EINVAL;
    if (ns_from_timespec(&its.value, &s.value) < 0 ||
        ns_from_timespec(&its.interval, &s.interval) < 0)
        return -EINVAL;
    int r = lookup(t, a[0], &f);
    if (r < 0)
        return r;
    r = timerfd_set(f, flags, &s, &old);
    file_put(f);
    return r < 0 ? r : a[3] ? put_setting(t, a[3], &old) : 0;
}

long sys_timerfd_gettime(struct task *t, const uint64_t a[static 6])
{
    struct timerfd_setting s;
    struct file *f;
    int r = lookup(t, a[0], &f);
    if (r < 0)
        return r;
    timerfd_get(f, &s);
    file_put(f);
    return put_setting(t, a[1], &s);
}
