/* SPDX-License-Identifier: Apache-2.0 */
/* alarm(2), setitimer(2), timer_create(2) and their kin. */
#include <errno.h>

#include "kernel/syscall/syscall.h"
#include "kernel/task/task.h"
#include "kernel/time/itimer.h"
#include "kernel/time/timeval.h"

long sys_alarm(struct task *t, const uint64_t a[static 6])
{
    uint64_t old, rounded;
    int r =
        itimer_set(t->tg, LX_ITIMER_REAL, (uint64_t) (uint32_t) a[0] * NS_PER_SEC, 0, &old, NULL);

    if (r)
        return r;
    /* Rounded to seconds, but a pending alarm never reads as none. */
    rounded = (old + NS_PER_SEC / 2) / NS_PER_SEC;
    return (long) (old && !rounded ? 1 : rounded);
}

long sys_getitimer(struct task *t, const uint64_t a[static 6])
{
    struct lx_itimerval v;
    uint64_t value, interval;
    int r = itimer_get(t->tg, (int) a[0], &value, &interval);

    if (r)
        return r;
    v.value = timeval_from_ns(value && value < NS_PER_USEC ? NS_PER_USEC : value);
    v.interval = timeval_from_ns(interval);
    return copy_out(t, uaddr(a[1]), &v, sizeof(v));
}

long sys_setitimer(struct task *t, const uint64_t a[static 6])
{
    struct lx_itimerval v = {.value = {0, 0}};
    uint64_t value, interval, old_value, old_interval;
    int r = 0;

    if (a[1]) /* NULL disarms, as it always has on Linux */
        r = copy_in(t, &v, uaddr(a[1]), sizeof(v));
    if (r == 0)
        r = ns_from_timeval(&v.value, &value);
    if (r == 0)
        r = ns_from_timeval(&v.interval, &interval);
    if (r == 0)
        r = itimer_set(t->tg, (int) a[0], value, interval, &old_value, &old_interval);
    if (r || !a[2])
        return r;
    v.value = timeval_from_ns(old_value && old_value < NS_PER_USEC ? NS_PER_USEC : old_value);
    v.interval = timeval_from_ns(old_interval);
    return copy_out(t, uaddr(a[2]), &v, sizeof(v));
}

long sys_timer_create(struct task *t, const uint64_t a[static 6])
{
    struct lx_sigevent ev;
    int id, r = 0;
    int32_t out;

    if (a[1])
        r = copy_in(t, &ev, uaddr(a[1]), sizeof(ev));
    if (r == 0)
        r = posix_timer_create(t, (int) a[0], a[1] ? &ev : NULL, &id);
    if (r)
        return r;
    out = id;
    r = copy_out(t, uaddr(a[2]), &out, sizeof(out));
    if (r && posix_timer_delete(t, id)) {
        /* Gone already: another thread guessed the number. */
    }
    return r;
}

long sys_timer_settime(struct task *t, const uint64_t a[static 6])
{
    struct lx_itimerspec v;
    uint64_t value, interval, old_value, old_interval;
    int r;

    if (!a[2])
        return -EINVAL;
    r = copy_in(t, &v, uaddr(a[2]), sizeof(v));
    if (r == 0)
        r = ns_from_timespec(&v.value, &value);
    if (r == 0)
        r = ns_from_timespec(&v.interval, &interval);
    if (r == 0)
        r = posix_timer_set(t, (int) a[0], a[1] & LX_TIMER_ABSTIME, value, interval, &old_value,
                            &old_interval);
    if (r || !a[3])
        return r;
    v.value = timespec_from_ns(old_value);
    v.interval = timespec_from_ns(old_interval);
    return copy_out(t, uaddr(a[3]), &v, sizeof(v));
}

long sys_timer_gettime(struct task *t, const uint64_t a[static 6])
{
    struct lx_itimerspec v;
    uint64_t value, interval;
    int r = posix_timer_get(t, (int) a[0], &value, &interval);

    if (r)
        return r;
    v.value = timespec_from_ns(value);
    v.interval = timespec_from_ns(interval);
    return copy_out(t, uaddr(a[1]), &v, sizeof(v));
}

long sys_timer_getoverrun(struct task *t, const uint64_t a[static 6])
{
    return posix_timer_overrun(t, (int) a[0]);
}

long sys_timer_delete(struct task *t, const uint64_t a[static 6])
{
    return posix_timer_delete(t, (int) a[0]);
}
