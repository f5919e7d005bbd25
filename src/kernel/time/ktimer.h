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

struct ktimer {
    struct list link;    /* [timer_base lock] */
    uint64_t deadline;   /* [timer_base lock] CLOCK_MONOTONIC in ns */
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
/* Any thread. True if it was armed and will not run. It may still be running: see
 * ktimer_cancel_sync(). */
bool ktimer_cancel(struct kernel *k, struct ktimer *t);
/* As above, and waits for a running callback to end. No lock that fn takes may be held. Not from
 * fn. */
void ktimer_cancel_sync(struct kernel *k, struct ktimer *t);

uint64_t mono_now_ns(void);
uint64_t real_now_ns(void);
/* Deadline in CLOCK_MONOTONIC ns for an absolute time of CLOCK_REALTIME. */
uint64_t real_to_mono_ns(uint64_t real_ns);
