/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Calls that guests make without us until somebody has to see them: a seccomp filter of their own,
 * a tracer. They trap then, and are made by the stub on our order. All on the task's own thread.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/util.h"

struct task;

/*
 * From now on every call of t's process comes to the sentry, for as long as its image lives; t
 * itself answers none in the stub either. 0, or -ESRCH: the process is being killed.
 */
int task_see_natives(struct task *t) must_check;
/* Is there anybody who must see each call of this thread? */
bool task_wants_natives(const struct task *t);
/* For a new thread or image, before its guest code runs: does so if a reason is there already. */
void task_see_natives_if_wanted(struct task *t);

/* The host kernel's answer to one such call. -EINTR when the process dies. */
long native_call(struct task *t, uint64_t nr, const uint64_t a[static 6]);
/* futex(2) as far as it is the host's: waits, wakes, requeues. -ENOSYS for the rest; the restart
 * codes of an interrupted wait. */
long native_futex(struct task *t, const uint64_t a[static 6]);
long native_futex_waitv(struct task *t, const uint64_t a[static 6]);
