/* SPDX-License-Identifier: Apache-2.0 */
/* timerfd_create(2). */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/util.h"

struct file;
struct kernel;

/* A setting of the timer in ns; value 0: disarmed. */
struct timerfd_setting {
    uint64_t value, interval;
};

/* flags: LX_TFD_NONBLOCK. -EINVAL for a clock there are no timers of. */
int timerfd_new(struct kernel *k, int clock, uint32_t flags, struct file **ret) must_check;
bool file_is_timerfd(const struct file *f);
/* ret_old: what was left before, as timerfd_get() shows it. flags: LX_TFD_TIMER_*, checked.
 * -ECANCELED: set, but the clock had been set before, and nobody had been told. */
int timerfd_set(struct file *f, uint32_t flags, const struct timerfd_setting *s,
                struct timerfd_setting *ret_old) must_check;
void timerfd_get(struct file *f, struct timerfd_setting *ret);
