/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Timers that are read: timerfd_create(2). A periodic timer is not armed again when it expires but
 * when somebody looks: the expirations in between are counted then, so that no period is so short
 * that it keeps the timer thread busy.
 *
 * Absolute times of CLOCK_REALTIME and all of CLOCK_BOOTTIME follow their clock; a relative time is
 * one of CLOCK_MONOTONIC. A timer that asked for it (TFD_TIMER_CANCEL_ON_SET) is cancelled when its
 * clock is set: whoever reads it is told so once, and a periodic one that had expired stays so.
 */
#include "fdobj/timerfd.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <time.h>

#include "abi/linux/fcntl.h"
#include "abi/linux/poll.h"
#include "abi/linux/time.h"
#include "abi/linux/timerfd.h"
#include "base/strbuf.h"
#include "fdobj/anon.h"
#include "kernel/time/ktimer.h"
#include "kernel/time/timeval.h"

struct timerfd {
    struct file file;  /* first */
    struct kernel *k;  /* immutable */
    int clock;         /* immutable: LX_CLOCK_* */
    struct mutex lock; /* RANK_PIPE */
    uint64_t ticks;    /* [lock] expirations not yet read */
    int on;            /* [lock] CLOCK_*: what the deadline is a time of */
    uint64_t deadline; /* [lock] ns of the expiration to come, or of the last; 0: disarmed */
    uint64_t interval; /* [lock] ns, 0: once */
    bool expired;      /* [lock] periodic: the deadline is over and counted, the timer not yet armed
                          again */
    uint32_t flags;    /* [lock] of the last setting, for fdinfo */
    bool cancels;      /* [lock] when the clock is set */
    bool cancelled;    /* [lock] and nobody has been told */
    uint32_t sets;     /* [lock] how often clocks had been set at the last look */
    atomic_bool minds; /* on_set is queued */
    struct waiter on_set;
    struct ktimer timer;
    struct waitq wq;
};

static struct timerfd *timerfd_of(struct file *f)
{
    return container_of(f, struct timerfd, file);
}

static void expire(struct ktimer *timer)
{
    struct timerfd *tf = container_of(timer, struct timerfd, timer);
    bool wake = false;
    mutex_lock(&tf->lock);
    /* A setting may have come between the timer's end and here, or the clock been set. */
    if (tf->deadline && !tf->expired) {
        wake = tf->deadline <= clock_now_ns(tf->on);
        if (wake)
            tf->ticks++;
        else
            ktimer_arm_on(tf->k, &tf->timer, tf->on, tf->deadline);
        tf->expired = wake;
    }
    mutex_unlock(&tf->lock);
    if (wake)
        waitq_wake(&tf->wq, LX_POLL_READABLE);
}

/* [lock] Counts the periods that are over since the last look and arms the timer for the next. */
static void catch_up(struct timerfd *tf)
{
    uint64_t now = clock_now_ns(tf->on);
    if (!tf->expired || !tf->interval)
        return;
    uint64_t missed = now > tf->deadline ? (now - tf->deadline) / tf->interval : 0;
    tf->ticks += missed;
    tf->deadline += (missed + 1) * tf->interval;
    tf->expired = false;
    ktimer_arm_on(tf->k, &tf->timer, tf->on, tf->deadline);
}

/* ---- clocks that are set ---- */

static bool on_set(struct waiter *w, uint32_t events unused_)
{
    return waitq_wake_nested(&container_of(w, struct timerfd, on_set)->wq, LX_POLL_READABLE);
}

/* [lock] Has the clock been set since the last look? */
static void note_sets(struct timerfd *tf)
{
    uint32_t now = ktimer_count_sets(tf->k);
    if (tf->cancels && now != tf->sets) {
        tf->cancelled = true;
        tf->ticks++;
    }
    tf->sets = now;
}

/* [lock] True once for each cancellation. */
static bool take_cancelled(struct timerfd *tf)
{
    if (!tf->cancels || !tf->cancelled)
        return false;
    tf->cancelled = false;
    return true;
}

/* ---- reading ---- */

static int take_ticks(struct timerfd *tf, uint64_t *ret)
{
    MUTEX_GUARD(&tf->lock);
    note_sets(tf);
    if (take_cancelled(tf)) {
        tf->ticks = 0;
        if (tf->expired)
            tf->deadline = 0;
        tf->expired = false;
        return -ECANCELED;
    }
    if (!tf->ticks)
        return -EAGAIN;
    catch_up(tf);
    *ret = tf->ticks;
    tf->ticks = 0;
    return 0;
}

static ssize_t timerfd_read(struct file *f, struct iobuf *io, int64_t pos unused_)
{
    uint64_t n;
    if (io->left < sizeof(n))
        return -EINVAL;
    int r = take_ticks(timerfd_of(f), &n);
    return r < 0 ? r : iobuf_put(io, &n, sizeof(n));
}

static uint32_t timerfd_poll(struct file *f)
{
    struct timerfd *tf = timerfd_of(f);
    MUTEX_GUARD(&tf->lock);
    note_sets(tf);
    return tf->ticks ? LX_POLLIN : 0;
}

/* ---- settings ---- */

/* [lock] */
static void current_setting(struct timerfd *tf, struct timerfd_setting *ret)
{
    uint64_t now = clock_now_ns(tf->on);
    catch_up(tf);
    *ret = (struct timerfd_setting){.interval = tf->interval};
    if (tf->deadline && !tf->expired)
        ret->value = tf->deadline > now ? tf->deadline - now : 1; /* due, but not disarmed */
}

void timerfd_get(struct file *f, struct timerfd_setting *ret)
{
    struct timerfd *tf = timerfd_of(f);
    MUTEX_GUARD(&tf->lock);
    current_setting(tf, ret);
}

/* Before the first time that can be moved: its clock is watched from then on. */
static void mind_sets(struct timerfd *tf)
{
    if (atomic_exchange(&tf->minds, true))
        return;
    ktimer_mind_sets(tf->k);
    waitq_add(ktimer_sets_wq(tf->k), &tf->on_set);
}

int timerfd_set(struct file *f, uint32_t flags, const struct timerfd_setting *s,
                struct timerfd_setting *ret_old)
{
    struct timerfd *tf = timerfd_of(f);
    const bool absolute = flags & LX_TFD_TIMER_ABSTIME;
    const int on = ktimer_clock_for(tf->clock, absolute);
    if (on != CLOCK_MONOTONIC)
        mind_sets(tf);
    MUTEX_GUARD(&tf->lock);
    current_setting(tf, ret_old);
    (void) ktimer_cancel(tf->k, &tf->timer); /* one that runs already finds the new setting */
    note_sets(tf);
    tf->cancels = on == CLOCK_REALTIME && (flags & LX_TFD_TIMER_CANCEL_ON_SET);
    tf->ticks = 0;
    tf->expired = false;
    tf->flags = flags;
    tf->interval = s->interval;
    tf->on = on;
    tf->deadline = 0;
    if (!s->value)
        return 0;
    tf->deadline = absolute ? s->value : clock_now_ns(on) + s->value;
    ktimer_arm_on(tf->k, &tf->timer, on, tf->deadline);
    return take_cancelled(tf) ? -ECANCELED : 0;
}

/* ---- the rest ---- */

static long timerfd_ioctl(struct file *f, struct task *t, uint32_t cmd, uint64_t arg)
{
    struct timerfd *tf = timerfd_of(f);
    uint64_t n;
    if (cmd != LX_TFD_IOC_SET_TICKS)
        return -ENOTTY;
    if (copy_in(t, &n, uaddr(arg), sizeof(n)) < 0)
        return -EFAULT;
    if (!n)
        return -EINVAL;
    mutex_lock(&tf->lock);
    tf->ticks = n;
    mutex_unlock(&tf->lock);
    waitq_wake(&tf->wq, LX_POLL_READABLE);
    return 0;
}

static int timerfd_fdinfo(struct file *f, struct strbuf *out)
{
    struct timerfd *tf = timerfd_of(f);
    struct timerfd_setting s;
    MUTEX_GUARD(&tf->lock);
    current_setting(tf, &s);
    const struct lx_timespec value = timespec_from_ns(s.value),
                             interval = timespec_from_ns(s.interval);
    sb_addf(out,
            "clockid: %d\nticks: %" PRIu64 "\nsettime flags: 0%o\nit_value: (%" PRId64 ", %" PRId64
            ")\n"
            "it_interval: (%" PRId64 ", %" PRId64 ")\n",
            tf->clock, tf->ticks, tf->flags, value.sec, value.nsec, interval.sec, interval.nsec);
    return sb_error(out);
}

static void timerfd_release(struct file *f)
{
    struct timerfd *tf = timerfd_of(f);
    if (atomic_load(&tf->minds))
        waitq_del(ktimer_sets_wq(tf->k), &tf->on_set);
    ktimer_cancel_sync(tf->k, &tf->timer);
    free(tf);
}

static const struct file_ops timerfd_ops = {
    .read = timerfd_read,
    .poll = timerfd_poll,
    .ioctl = timerfd_ioctl,
    .seek = anon_seek,
    .getattr = anon_getattr,
    .fdinfo = timerfd_fdinfo,
    .release = timerfd_release,
    .name = "anon_inode:[timerfd]",
};

bool file_is_timerfd(const struct file *f)
{
    return f->ops == &timerfd_ops;
}

static bool has_timers(int clock)
{
    return clock == LX_CLOCK_REALTIME || clock == LX_CLOCK_MONOTONIC ||
           clock == LX_CLOCK_BOOTTIME || clock == LX_CLOCK_REALTIME_ALARM ||
           clock == LX_CLOCK_BOOTTIME_ALARM;
}

int timerfd_new(struct kernel *k, int clock, uint32_t flags, struct file **ret)
{
    if (!has_timers(clock))
        return -EINVAL;
    struct timerfd *tf = calloc(1, sizeof(*tf));
    if (!tf)
        return -ENOMEM;
    file_init(&tf->file, &timerfd_ops, LX_O_RDWR | (flags & LX_TFD_NONBLOCK));
    mutex_init(&tf->lock, RANK_PIPE);
    waitq_init(&tf->wq);
    ktimer_init(&tf->timer, expire);
    tf->on_set = (struct waiter){.mask = LX_POLL_READABLE, .notify = on_set};
    list_init(&tf->on_set.link);
    tf->on = CLOCK_MONOTONIC;
    tf->sets = ktimer_count_sets(k);
    tf->file.wq = &tf->wq;
    tf->k = k;
    tf->clock = clock;
    *ret = &tf->file;
    return 0;
}
