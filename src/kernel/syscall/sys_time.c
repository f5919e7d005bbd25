/* SPDX-License-Identifier: Apache-2.0 */
/* Clocks and sleeping: clock_gettime(2), nanosleep(2), time(2). The vDSO answers most readers
 * without us. */
#include <errno.h>

#include "kernel/restart.h"
#include "kernel/syscall/native.h"
#include "kernel/syscall/syscall.h"
#include "kernel/task/usage.h"
#include "kernel/time/ktimer.h"
#include "kernel/time/timeval.h"
#include "kernel/wait/block.h"

#define CPUCLOCK_VIRT      1u /* user time alone */
#define CPUCLOCK_BAD       3u
#define CPUCLOCK_PERTHREAD 4u

/*
 * clock_getcpuclockid(3): another process's or thread's clock, encoded in a negative id. A thread's
 * is for its own process, and a process has one by its leader's number only.
 */
static int cpu_clock(struct task *t, int id, uint64_t *ret)
{
    pid_t pid = (pid_t) ~((unsigned) id >> 3 | 0xe0000000u);
    bool thread = (unsigned) id & CPUCLOCK_PERTHREAD;
    unsigned which = (unsigned) id & 3;
    struct task *o = pid ? task_find_get(t->k, pid) : task_get(t);
    struct usage u = {0};
    int r = !o || which == CPUCLOCK_BAD ? -EINVAL : 0;

    if (r == 0 && pid && (thread ? o->tg != t->tg : o->tg->tgid != pid))
        r = -EINVAL;
    if (r == 0) {
        mutex_lock(&t->k->tasks_lock);
        if (thread)
            task_usage(o, &u);
        else
            tgroup_cpu_time(o->tg, &u.utime_ns, &u.stime_ns);
        mutex_unlock(&t->k->tasks_lock);
    }
    task_put(o);
    *ret = which == CPUCLOCK_VIRT ? u.utime_ns : u.utime_ns + u.stime_ns;
    return r;
}

static int read_clock(struct task *t, int id, uint64_t *ret)
{
    struct timespec ts;

    if (id < 0)
        return cpu_clock(t, id, ret);
    switch (id) {
    /* Number 0 in that encoding is the caller. */
    case LX_CLOCK_PROCESS_CPUTIME_ID:
        return cpu_clock(t, -6, ret);
    case LX_CLOCK_THREAD_CPUTIME_ID:
        return cpu_clock(t, -2, ret);
    case LX_CLOCK_REALTIME:
    case LX_CLOCK_MONOTONIC:
    case LX_CLOCK_MONOTONIC_RAW:
    case LX_CLOCK_REALTIME_COARSE:
    case LX_CLOCK_MONOTONIC_COARSE:
    case LX_CLOCK_BOOTTIME:
    case LX_CLOCK_TAI:
        break;
    case LX_CLOCK_REALTIME_ALARM:
        id = LX_CLOCK_REALTIME;
        break;
    case LX_CLOCK_BOOTTIME_ALARM:
        id = LX_CLOCK_BOOTTIME;
        break;
    default:
        return -EINVAL;
    }
    if (clock_gettime(id, &ts))
        return -EINVAL;
    *ret = (uint64_t) ts.tv_sec * NS_PER_SEC + (uint64_t) ts.tv_nsec;
    return 0;
}

long sys_clock_gettime(struct task *t, const uint64_t a[static 6])
{
    struct lx_timespec ts;
    uint64_t ns;
    int r;

    if ((int) a[0] == LX_CLOCK_PROCESS_CPUTIME_ID || (int) a[0] == LX_CLOCK_THREAD_CPUTIME_ID)
        return native_call(t, t->trap.nr, a);
    r = read_clock(t, (int) a[0], &ns);
    if (r)
        return r;
    ts = timespec_from_ns(ns);
    return copy_out(t, uaddr(a[1]), &ts, sizeof(ts));
}

long sys_clock_getres(struct task *t, const uint64_t a[static 6])
{
    struct lx_timespec ts = {0, 1};
    int id = (int) a[0];
    uint64_t ns;
    int r = read_clock(t, id, &ns);

    if (r)
        return r;
    if (id == LX_CLOCK_REALTIME_COARSE || id == LX_CLOCK_MONOTONIC_COARSE) {
        struct timespec host;

        if (clock_getres(id, &host) == 0)
            ts.nsec = host.tv_nsec;
    }
    return a[1] ? copy_out(t, uaddr(a[1]), &ts, sizeof(ts)) : 0;
}

/* The clock is the host's: no container sets it. */
long sys_clock_settime(struct task *t, const uint64_t a[static 6])
{
    uint64_t ns;
    int r = read_clock(t, (int) a[0], &ns);

    return r ? r : -EPERM;
}

long sys_settimeofday(struct task *t unused_, const uint64_t a[static 6] unused_)
{
    return -EPERM;
}

long sys_gettimeofday(struct task *t, const uint64_t a[static 6])
{
    struct lx_timeval tv = timeval_from_ns(real_now_ns());
    struct lx_timezone tz = {0, 0};
    int r = 0;

    if (a[0])
        r = copy_out(t, uaddr(a[0]), &tv, sizeof(tv));
    if (r == 0 && a[1])
        r = copy_out(t, uaddr(a[1]), &tz, sizeof(tz));
    return r;
}

long sys_time(struct task *t, const uint64_t a[static 6])
{
    int64_t now = (int64_t) (real_now_ns() / NS_PER_SEC);
    int r = a[0] ? copy_out(t, uaddr(a[0]), &now, sizeof(now)) : 0;

    return r ? r : now;
}

/* restart.args: deadline (CLOCK_MONOTONIC ns), guest address for the rest. */
static long sleep_until(struct task *t)
{
    uint64_t deadline = t->restart.args[0], rem = t->restart.args[1];
    struct timespec ts = host_timespec_from_ns(deadline);
    int r;

    do {
        r = task_block(t, &ts);
    } while (r == 0);
    if (r == -ETIMEDOUT)
        return 0;
    if (rem) {
        uint64_t now = mono_now_ns();
        struct lx_timespec left = timespec_from_ns(deadline > now ? deadline - now : 0);

        r = copy_out(t, uaddr(rem), &left, sizeof(left));
        if (r)
            return r;
    }
    t->restart.fn = sleep_until;
    return -ERESTART_RESTARTBLOCK;
}

static long sleep_for(struct task *t, uint64_t ns, uint64_t rem)
{
    t->restart.args[0] = mono_now_ns() + ns;
    t->restart.args[1] = rem;
    return sleep_until(t);
}

long sys_nanosleep(struct task *t, const uint64_t a[static 6])
{
    struct lx_timespec ts;
    uint64_t ns;
    int r = copy_in(t, &ts, uaddr(a[0]), sizeof(ts));

    if (r == 0)
        r = ns_from_timespec(&ts, &ns);
    return r ? r : sleep_for(t, ns, a[1]);
}

long sys_clock_nanosleep(struct task *t, const uint64_t a[static 6])
{
    struct lx_timespec ts;
    int id = (int) a[0], r;
    uint64_t ns, now;

    switch (id) {
    case LX_CLOCK_REALTIME:
    case LX_CLOCK_MONOTONIC:
    case LX_CLOCK_BOOTTIME:
    case LX_CLOCK_TAI:
    case LX_CLOCK_PROCESS_CPUTIME_ID:
        break;
    case LX_CLOCK_REALTIME_ALARM:
    case LX_CLOCK_BOOTTIME_ALARM:
        return -EPERM;
    case LX_CLOCK_MONOTONIC_RAW:
    case LX_CLOCK_REALTIME_COARSE:
    case LX_CLOCK_MONOTONIC_COARSE:
        return -EOPNOTSUPP;
    default:
        return -EINVAL;
    }
    r = copy_in(t, &ts, uaddr(a[2]), sizeof(ts));
    if (r == 0)
        r = ns_from_timespec(&ts, &ns);
    if (r)
        return r;
    if (id == LX_CLOCK_PROCESS_CPUTIME_ID)
        return -EOPNOTSUPP; /* rare: nobody sleeps on processor time */
    if (!(a[1] & LX_TIMER_ABSTIME))
        return sleep_for(t, ns, a[3]);

    r = read_clock(t, id, &now);
    if (r)
        return r;
    for (;;) {
        struct timespec deadline;

        if (ns <= now)
            return 0;
        deadline = host_timespec_from_ns(mono_now_ns() + (ns - now));
        r = task_block(t, &deadline);
        if (r == -ERESTARTSYS)
            return -ERESTARTNOHAND; /* an absolute time needs no rest: the call is simply made again
                                     */
        r = read_clock(t, id, &now); /* the clock may have been set meanwhile */
        if (r)
            return r;
    }
}

long sys_restart_syscall(struct task *t, const uint64_t a[static 6] unused_)
{
    long (*fn)(struct task *) = t->restart.fn;

    t->restart.fn = NULL;
    return fn ? fn(t) : -EINTR;
}
