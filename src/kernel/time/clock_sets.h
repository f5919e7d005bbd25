/* SPDX-License-Identifier: Apache-2.0 */
/*
 * When a clock is set: CLOCK_REALTIME by its keeper, CLOCK_BOOTTIME against CLOCK_MONOTONIC by a
 * suspend. The host tells by a timer of ours that is cancelled then (TFD_TIMER_CANCEL_ON_SET,
 * timerfd_create(2)); it is made when somebody first minds.
 */
#pragma once

#include <stdbool.h>

#include "base/util.h"

struct clock_sets;
struct poller;

/* told(arg) runs on the poller's thread: no waiting, no locks. It asks for clock_sets_take(). */
int clock_sets_new(void (*told)(void *arg), void *arg, struct clock_sets **ret) must_check;
/*
 * From now on sets are told. Any thread, as often as it likes; locks above RANK_CLOCK_SETS may be
 * held. Without descriptors or memory it is warned of, and tried again by the next one that minds.
 */
void clock_sets_watch(struct clock_sets *cs, struct poller *p);
/* Has a clock been set since the last look? The next set is told again. One thread only. */
bool clock_sets_take(struct clock_sets *cs);
