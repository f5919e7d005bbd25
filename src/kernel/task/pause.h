/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pausing a whole container: no guest code runs until it is resumed. A task that sleeps in a call
 * sleeps on, and one that finishes its call is held before it goes back to its code; only death
 * lets it go. Nothing of it can be seen inside but that time has passed.
 */
#pragma once

#include <stdbool.h>

#include "base/util.h"

struct kernel;
struct task;

/* 0 once no guest code runs any more; -ETIMEDOUT: some would not stop, and all goes on as before.
 * -EALREADY. One caller at a time, no task's thread. */
int kernel_pause(struct kernel *k) must_check;
/* -EALREADY when it is not paused. */
int kernel_resume(struct kernel *k) must_check;
bool kernel_is_paused(const struct kernel *k);

/* Own thread, no locks held: clears WORK_PAUSE, and stays while the kernel is paused. */
void pause_wait(struct task *t);
