/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Clocks of processor time: clock_getcpuclockid(3). What a program reads natively as
 * CLOCK_PROCESS_CPUTIME_ID and CLOCK_THREAD_CPUTIME_ID is the time of its host process and thread;
 * the same is meant here. The time that the sentry spends for it counts as system time elsewhere.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/util.h"

struct task;

struct cpu_clock {
    struct task *task; /* referenced; of a process its leader */
    bool thread;
    uint8_t kind; /* CPU_CLOCK_* */
};

enum { CPU_CLOCK_PROF = 0, CPU_CLOCK_VIRT = 1, CPU_CLOCK_SCHED = 2 };

/* Is this clock id one of processor time? */
bool is_cpu_clock(int id);
/* The clock that t means by id. -EINVAL: none such, or a thread of another process. */
int cpu_clock_find(struct task *t, int id, struct cpu_clock *ret) must_check;
void cpu_clock_put(struct cpu_clock *c);
/* ns so far; 0 when the thread is gone. No locks held. */
uint64_t cpu_clock_read(const struct cpu_clock *c);
