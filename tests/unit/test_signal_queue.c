/* SPDX-License-Identifier: Apache-2.0 */
/* Queues of pending signals: order, merging, limits. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "kernel/signal/signal.h"

static struct lx_siginfo info(int signo, uint64_t value)
{
    struct lx_siginfo i = {.signo = signo, .code = LX_SI_QUEUE};

    i.rt.value = value;
    return i;
}

static int add(struct sigqueue *q, int signo, uint64_t value, uint64_t limit)
{
    struct lx_siginfo i = info(signo, value);

    return sigqueue_add(q, &i, limit);
}

static void test_standard_merge(void **state)
{
    struct lx_siginfo out;
    struct sigqueue q;

    (void) state;
    sigqueue_init(&q);
    assert_int_equal(add(&q, LX_SIGUSR1, 1, 0), 0);
    assert_int_equal(add(&q, LX_SIGUSR1, 2, 0), 0);
    assert_int_equal(sigqueue_count(&q), 1);
    assert_true(sigqueue_take(&q, UINT64_MAX, &out));
    assert_int_equal(out.rt.value, 1);
    assert_int_equal(q.set, 0);
    assert_false(sigqueue_take(&q, UINT64_MAX, &out));
}

static void test_realtime_order(void **state)
{
    struct lx_siginfo out;
    struct sigqueue q;

    (void) state;
    sigqueue_init(&q);
    assert_int_equal(add(&q, 40, 1, 4), 0);
    assert_int_equal(add(&q, 35, 2, 4), 0);
    assert_int_equal(add(&q, 40, 3, 4), 0);
    assert_int_equal(add(&q, 35, 4, 4), 0);
    assert_int_equal(add(&q, 50, 5, 4), -EAGAIN);
    /* the lowest number first, each in order of arrival */
    static const uint64_t want[] = {2, 4, 1, 3};
    for (size_t i = 0; i < 4; i++) {
        assert_true(sigqueue_take(&q, UINT64_MAX, &out));
        assert_int_equal(out.rt.value, want[i]);
    }
    assert_int_equal(q.set, 0);
}

static void test_masks_and_faults(void **state)
{
    struct lx_siginfo out;
    struct sigqueue q;

    (void) state;
    sigqueue_init(&q);
    assert_int_equal(add(&q, LX_SIGHUP, 0, 9), 0);
    assert_int_equal(add(&q, LX_SIGSEGV, 0, 9), 0);
    assert_false(sigqueue_take(&q, SIGBIT(LX_SIGUSR2), &out));
    assert_true(sigqueue_take(&q, UINT64_MAX, &out));
    assert_int_equal(out.signo, LX_SIGSEGV); /* the fault's own signal comes first */
    sigqueue_flush(&q, SIGBIT(LX_SIGHUP));
    assert_int_equal(sigqueue_count(&q), 0);
    assert_int_equal(q.set, 0);
}

static void test_timer_overrun(void **state)
{
    struct lx_siginfo i = {.signo = LX_SIGALRM, .code = LX_SI_TIMER}, out;
    struct sigqueue q;

    (void) state;
    sigqueue_init(&q);
    i.timer.tid = 7;
    assert_false(sigqueue_timer_again(&q, 7, 1));
    assert_int_equal(sigqueue_add(&q, &i, 9), 0);
    assert_true(sigqueue_timer_again(&q, 7, 3));
    assert_false(sigqueue_timer_again(&q, 8, 1));
    assert_true(sigqueue_timer_again(&q, 7, INT32_MAX));
    assert_true(sigqueue_take(&q, UINT64_MAX, &out));
    assert_int_equal(out.timer.overrun, INT32_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_standard_merge),
        cmocka_unit_test(test_realtime_order),
        cmocka_unit_test(test_masks_and_faults),
        cmocka_unit_test(test_timer_overrun),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
