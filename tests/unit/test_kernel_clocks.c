/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kernel/time: what happens when a clock is set. The machine's own is left alone: its real clock,
 * and the timer by which the host tells, are played here.
 */
#include <errno.h>
#include <semaphore.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "abi/linux/poll.h"
#include "abi/linux/time.h"
#include "abi/linux/timerfd.h"
#include "fdobj/timerfd.h"
#include "kernel/kernel.h"
#include "kernel/time/ktimer.h"
#include "kernel/time/timeval.h"
#include "kernel/vfs/file.h"
#include "kernel/wait/poller.h"

#define HOUR (3600 * (int64_t) NS_PER_SEC)

/* ---- the host ---- */

static _Atomic int64_t moved; /* ns that the real clock has been set forward */
static _Atomic int telling = -1;

int clock_gettime(clockid_t id, struct timespec *ts)
{
    long r = syscall(SYS_clock_gettime, id, ts);
    if (r == 0 && id == CLOCK_REALTIME)
        *ts = host_timespec_from_ns((uint64_t) ts->tv_sec * NS_PER_SEC + (uint64_t) ts->tv_nsec +
                                    (uint64_t) atomic_load(&moved));
    return (int) r;
}

int timerfd_create(clockid_t clock, int flags unused_)
{
    assert_int_equal(clock, CLOCK_REALTIME);
    atomic_store(&telling, eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    return atomic_load(&telling);
}

int timerfd_settime(int fd, int flags, const struct itimerspec *new unused_,
                    struct itimerspec *old unused_)
{
    assert_int_equal(fd, atomic_load(&telling));
    assert_int_equal(flags, TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET);
    return 0;
}

ssize_t read(int fd, void *dst, size_t n)
{
    ssize_t r = syscall(SYS_read, fd, dst, n);
    if (r < 0 || fd != atomic_load(&telling))
        return r;
    errno = ECANCELED;
    return -1;
}

static void move_clock(int64_t ns)
{
    const uint64_t one = 1;
    atomic_fetch_add(&moved, ns);
    assert_int_equal(write(atomic_load(&telling), &one, sizeof(one)), sizeof(one));
}

/* ---- the kernel ---- */

static struct kernel *kernel;

static int make_kernel(void **state unused_)
{
    static struct kernel k;
    kernel = &k;
    return poller_new(&k.poller) || timer_base_new(&k.timers);
}

static void move_clock_and_wait(int64_t ns)
{
    uint32_t before = ktimer_count_sets(kernel);
    move_clock(ns);
    while (ktimer_count_sets(kernel) == before)
        usleep(1000);
}

struct alarm {
    struct ktimer timer;
    sem_t rung;
};

static void ring(struct ktimer *t)
{
    sem_post(&container_of(t, struct alarm, timer)->rung);
}

static void alarm_init(struct alarm *a)
{
    ktimer_init(&a->timer, ring);
    sem_init(&a->rung, 0, 0);
}

static void wait_for(sem_t *s)
{
    while (sem_wait(s) < 0)
        assert_int_equal(errno, EINTR);
}

/* ---- cases ---- */

static void times_of_day_come_sooner(void **state)
{
    struct alarm day, other;
    alarm_init(&day);
    alarm_init(&other);
    ktimer_mind_sets(kernel);
    ktimer_arm_on(kernel, &day.timer, CLOCK_REALTIME, real_now_ns() + HOUR);
    ktimer_arm(kernel, &other.timer, mono_now_ns() + HOUR);
    move_clock(2 * HOUR);
    wait_for(&day.rung);
    assert_true(ktimer_cancel(kernel, &other.timer)); /* that much time has not passed */
}

static void times_of_day_come_later(void **state)
{
    struct alarm day;
    alarm_init(&day);
    ktimer_mind_sets(kernel);
    ktimer_arm_on(kernel, &day.timer, CLOCK_REALTIME, real_now_ns() + HOUR);
    move_clock_and_wait(-HOUR);
    assert_true(ktimer_cancel(kernel, &day.timer));
    assert_true(day.timer.deadline > mono_now_ns() + HOUR);
}

struct sleeper {
    struct waiter waiter;
    sem_t woken;
};

static bool wake(struct waiter *w, uint32_t events unused_)
{
    sem_post(&container_of(w, struct sleeper, waiter)->woken);
    return true;
}

static void who_sleeps_is_woken(void **state)
{
    struct sleeper s = {.waiter = {.mask = LX_POLLIN, .notify = wake}};
    sem_init(&s.woken, 0, 0);
    ktimer_mind_sets(kernel);
    waitq_add(ktimer_sets_wq(kernel), &s.waiter);
    for (int i = 0; i < 3; i++) {
        move_clock(HOUR);
        wait_for(&s.woken);
    }
    waitq_del(ktimer_sets_wq(kernel), &s.waiter);
}

static const struct timerfd_setting far = {.value = NS_MAX}, never;

static int set(struct file *f, uint32_t flags, const struct timerfd_setting *s)
{
    struct timerfd_setting old;
    return timerfd_set(f, LX_TFD_TIMER_ABSTIME | flags, s, &old);
}

static void timerfds_are_cancelled(void **state)
{
    struct file *f;
    assert_int_equal(timerfd_new(kernel, LX_CLOCK_REALTIME, LX_TFD_NONBLOCK, &f), 0);
    assert_int_equal(set(f, LX_TFD_TIMER_CANCEL_ON_SET, &far), 0);
    assert_int_equal(file_poll(f), 0);
    move_clock_and_wait(1);
    assert_int_equal(file_poll(f), LX_POLLIN);
    assert_int_equal(set(f, LX_TFD_TIMER_CANCEL_ON_SET, &far), -ECANCELED);
    assert_int_equal(file_poll(f), 0);
    assert_int_equal(set(f, LX_TFD_TIMER_CANCEL_ON_SET, &far), 0); /* once for each time */

    move_clock_and_wait(1); /* kept for the next who asks */
    assert_int_equal(set(f, LX_TFD_TIMER_CANCEL_ON_SET, &never), 0);
    assert_int_equal(set(f, 0, &far), 0);
    assert_int_equal(set(f, LX_TFD_TIMER_CANCEL_ON_SET, &far), -ECANCELED);

    assert_int_equal(set(f, 0, &far), 0);
    move_clock_and_wait(1); /* nobody asked */
    assert_int_equal(file_poll(f), 0);
    assert_int_equal(set(f, LX_TFD_TIMER_CANCEL_ON_SET, &far), 0);
    file_put(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(times_of_day_come_sooner),
        cmocka_unit_test(times_of_day_come_later),
        cmocka_unit_test(who_sleeps_is_woken),
        cmocka_unit_test(timerfds_are_cancelled),
    };
    return cmocka_run_group_tests(tests, make_kernel, NULL);
}
