/* SPDX-License-Identifier: Apache-2.0 */
/* Interval timers and POSIX timers of a process: setitimer(2), timer_create(2). */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "abi/linux/time.h"
#include "base/util.h"

struct itimers;
struct task;
struct tgroup;

struct itimers *itimers_new(struct tgroup *tg); /* cheap: nothing is armed */
void itimers_free(struct itimers *it);
/* Everything off and gone: the group's exit. POSIX timers only: exec. No locks held. */
void itimers_stop(struct itimers *it, bool exec);

/* ns values; a zero value disarms. ret_ may be NULL. */
int itimer_set(struct tgroup *tg, int which, uint64_t value, uint64_t interval, uint64_t *ret_value,
               uint64_t *ret_interval) must_check;
int itimer_get(struct tgroup *tg, int which, uint64_t *ret_value, uint64_t *ret_interval)
    must_check;

struct lx_siginfo;
struct strbuf;

/* POSIX timers. -EINVAL for unknown ids and clocks, -EAGAIN without memory or too many. */
int posix_timer_create(struct task *t, int clock, const struct lx_sigevent *ev, int *ret_id)
    must_check;
int posix_timer_set(struct task *t, int id, bool absolute, uint64_t value, uint64_t interval,
                    uint64_t *ret_value, uint64_t *ret_interval) must_check;
int posix_timer_get(struct task *t, int id, uint64_t *ret_value, uint64_t *ret_interval) must_check;
int posix_timer_overrun(struct task *t, int id) must_check;
int posix_timer_delete(struct task *t, int id) must_check;
/* A timer's signal is taken from the queue; sighand.lock held. */
void posix_timer_delivered(struct tgroup *tg, const struct lx_siginfo *info);
/* The text of /proc/PID/timers. */
void posix_timers_format(struct tgroup *tg, struct strbuf *out);
