/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Timers of the kernel: one thread runs their callbacks. It is started with the first timer that is
 * armed, and sleeps for ever while none is.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#include "base/list.h"
#include "base/util.h"

struct kernel;
struct timer_base;
struct waitq;

struct ktimer {
    struct list link;    /* [timer_base lock] */
    int clock;           /* [timer_base lock] of the host: CLOCK_* */
    uint64_t at;         /* [timer_base lock] ns on that clock */
    uint64_t deadline;   /* [timer_base lock] the same on CLOCK_MONOTONIC, as it is set now */
    bool armed, running; /* [timer_base lock] */
    /*
     * Runs on the timer thread, with no lock held; the timer is not armed any more and may be armed
     * again from here.
     */
    void (*fn)(struct ktimer *t);
};

int timer_base_new(struct timer_base **ret) must_check;

void ktimer_init(struct ktimer *t, void (*fn)(struct ktimer *t));
/* Any thread. Arms or re-arms. deadline is CLOCK_MONOTONIC in ns; a past one fires at once. */
void ktimer_arm(struct kernel *k, struct ktimer *t, uint64_t deadline);
/* The same on another clock of the host, whose being set is followed once it is minded. */
void ktimer_arm_on(struct kernel *k, struct ktimer *t, int clock, uint64_t at);
/* Any thread. True if it was armed and will not run. It may still be running: see
 * ktimer_cancel_sync(). */
bool ktimer_cancel(struct kernel *k, struct ktimer *t);
/* As above, and waits for a running callback to end. No lock that fn takes may be held. Not from
 * fn. */
void ktimer_cancel_sync(struct kernel *k, struct ktimer *t);

/*
 * Clocks that are set. Whoever arms a timer for a time of CLOCK_REALTIME or its like, or sleeps for
 * one, says so first; locks above RANK_CLOCK_SETS may be held.
 */
void ktimer_mind_sets(struct kernel *k);
/* How often that has been since somebody minds; and a queue that is woken each time, when the
 * timers have been reckoned again. */
uint32_t ktimer_count_sets(struct kernel *k);
struct waitq *ktimer_sets_wq(struct kernel *k);

/* The host's clock by which a time of a guest's (LX_CLOCK_*, none of processor time) is waited for:
 * a relative one is not moved when the real clock is set, timer_settime(2). */
int ktimer_clock_for(int clock, bool absolute);

/* A clock of the host: CLOCK_*. */
uint64_t clock_now_ns(int clock);
uint64_t mono_now_ns(void);
uint64_t real_now_ns(void);
/* What a time of a host's clock is on CLOCK_MONOTONIC, as both are set now. */
uint64_t clock_to_mono_ns(int clock, uint64_t at);
