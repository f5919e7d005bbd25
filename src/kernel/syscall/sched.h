/* SPDX-License-Identifier: Apache-2.0 */
/* What the calls of sched(7) share. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/util.h"

struct task;
struct tgroup;

/* The thread a pid argument means, referenced; NULL for none. */
struct task *sched_target(struct task *t, uint64_t pid) must_check;
bool sched_permitted(const struct task *t, const struct task *o);
/* 0, -EINVAL, or -EPERM for the real-time classes, which are not a container's. */
long sched_policy_check(int policy, int prio) must_check;
/* tasks_lock held: setpriority(2) without its checks of the caller. */
void sched_set_nice(struct tgroup *tg, int nice);
