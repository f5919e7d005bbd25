/* SPDX-License-Identifier: Apache-2.0 */
/* --strace: every call of the guest as a line of the log, decoded by the table's argument kinds. */
#pragma once

#include <stdint.h>

struct task;

/* Own thread, before and after the call; a is what the guest passed. */
void strace_enter(struct task *t, uint64_t nr, const uint64_t a[static 6]);
void strace_exit(struct task *t, uint64_t nr, const uint64_t a[static 6], long r);
