/* SPDX-License-Identifier: Apache-2.0 */
/* Clocks and sleeping: clock_gettime(2), nanosleep(2), time(2). The vDSO answers most readers
 * without us. */
#include <errno.h>

#include "abi/linux/poll.h"
#include "kernel/restart.h"
#include "kernel/syscall/native.h"
#include "kernel/syscall/syscall.h"
#include "kernel/task/task.h"
#include "kernel/time/cpuclock.h"
#include "kernel/time/ktimer.h"
#include "kernel/time/timeval.h"
#include "kernel/wait/block.h"

#define CPU_POLL_NS 1000000u

static int cpu_clock(struct task *t, int id, uint64_t *ret)
{
    struct cpu_clock c;
    int r = cpu_clock_find(t, id, &c);

    if (r)
        return r;
    *ret = cpu_clock_read(&c);
    cpu_clock_put(&c);
    return 0;
}

static int read_clock(struct task *t, int id, uint64_t *ret)
{
    struct timespec ts;

    if (is_cpu_clock(id))
        return cpu_clock(t, id, ret);
    switch (id) {
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
        return native_call(t, t->trap.nr, a); /* seen by a filter or a tracer */
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

/*
 * Processor time cannot be waited for: it is looked at when it could have been reached at the
 * earliest. A relative sleep that a signal ends tells the rest, and goes on if no handler runs.
 */
static long sleep_until_cpu_time(struct task *t)
{
    uint64_t until = t->restart.args[0], rem = t->restart.args[1], now;
    int id = (int) t->restart.args[2], r;

    for (;;) {
        struct timespec deadline;
        unsigned n = __atomic_load_n(&t->tg->n_threads, __ATOMIC_RELAXED);
        uint64_t left;

        r = cpu_clock(t, id, &now);
        if (r || now >= until)
            return r;
        left = (until - now) / (n ? n : 1);
        deadline = host_timespec_from_ns(mono_now_ns() + (left > CPU_POLL_NS ? left : CPU_POLL_NS));
        r = task_block(t, &deadline);
        if (r == -ERESTARTSYS)
            break;
    }
    if (rem) {
        struct lx_timespec left = timespec_from_ns(until - now);

        r = copy_out(t, uaddr(rem), &left, sizeof(left));
        if (r)
            return r;
    }
    t->restart.fn = sleep_until_cpu_time;
    return -ERESTART_RESTARTBLOCK;
}

static long sleep_on_cpu_time(struct task *t, int id, uint64_t ns, bool absolute, uint64_t rem)
{
    uint64_t now;
    int r = cpu_clock(t, id, &now);

    if (r)
        return r;
    t->restart.args[0] = absolute ? ns : now + ns;
    t->restart.args[1] = absolute ? 0 : rem;
    t->restart.args[2] = (uint64_t) (int64_t) id;
    return sleep_until_cpu_time(t);
}

/* An absolute time of a clock that may be set meanwhile. */
static long sleep_until_time(struct task *t, int guest_clock, uint64_t at)
{
    const int clock = ktimer_clock_for(guest_clock, true);
    struct task_waiter tw;
    long r = 0;

    if (clock != CLOCK_MONOTONIC)
        ktimer_mind_sets(t->k);
    task_wait_on(&tw, t, clock != CLOCK_MONOTONIC ? ktimer_sets_wq(t->k) : NULL, LX_POLLIN);
    while (r != -ERESTARTSYS && at > clock_now_ns(clock)) {
        struct timespec deadline = host_timespec_from_ns(clock_to_mono_ns(clock, at));
        r = task_block(t, &deadline);
    }
    task_wait_end(&tw);
    /* An absolute time needs no rest: the call is simply made again. */
    return r == -ERESTARTSYS ? -ERESTARTNOHAND : 0;
}

long sys_clock_nanosleep(struct task *t, const uint64_t a[static 6])
{
    struct lx_timespec ts;
    int id = (int) a[0], r;
    uint64_t ns;

    switch (id) {
    case LX_CLOCK_REALTIME:
    case LX_CLOCK_MONOTONIC:
    case LX_CLOCK_BOOTTIME:
    case LX_CLOCK_TAI:
    case LX_CLOCK_PROCESS_CPUTIME_ID:
        break;
    case LX_CLOCK_THREAD_CPUTIME_ID:
        return -EINVAL; /* it would not go on */
    case LX_CLOCK_REALTIME_ALARM:
    case LX_CLOCK_BOOTTIME_ALARM:
        return -EPERM;
    case LX_CLOCK_MONOTONIC_RAW:
    case LX_CLOCK_REALTIME_COARSE:
    case LX_CLOCK_MONOTONIC_COARSE:
        return -EOPNOTSUPP;
    default:
        if (id >= 0)
            return -EINVAL;
        break;
    }
    r = copy_in(t, &ts, uaddr(a[2]), sizeof(ts));
    if (r == 0)
        r = ns_from_timespec(&ts, &ns);
    if (r)
        return r;
    if (is_cpu_clock(id))
        return sleep_on_cpu_time(t, id, ns, a[1] & LX_TIMER_ABSTIME, a[3]);
    if (!(a[1] & LX_TIMER_ABSTIME))
        return sleep_for(t, ns, a[3]);

    return sleep_until_time(t, id, ns);
}

long sys_restart_syscall(struct task *t, const uint64_t a[static 6] unused_)
{
    long (*fn)(struct task *) = t->restart.fn;

    t->restart.fn = NULL;
    return fn ? fn(t) : -EINTR;
}
