/* SPDX-License-Identifier: Apache-2.0 */
/* Is a process still the one we knew? A pid alone may have been given to another. Source:
 * proc_pid_stat(5). */
#pragma once

#include <stdint.h>
#include <sys/types.h>

#include "base/util.h"

/* Start time in clock ticks after boot. -ESRCH when it is gone or a zombie. */
int procstat_start_time(pid_t pid, uint64_t *ret) must_check;
/* Whether pid runs and started then. */
bool procstat_is_same(pid_t pid, uint64_t start_time);
