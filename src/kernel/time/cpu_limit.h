/* SPDX-License-Identifier: Apache-2.0 */
/*
 * RLIMIT_CPU: SIGXCPU when a process has used its soft limit of processor time and each second
 * from there on, SIGKILL at the hard one: getrlimit(2).
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "kernel/time/ktimer.h"

struct tgroup;

struct cpu_limit {
    struct ktimer kt;
    struct tgroup *tg;            /* the owner, not referenced */
    _Atomic bool used;            /* kt has been armed */
    _Atomic uint64_t next_xcpu_s; /* seconds of processor time at which SIGXCPU is next due */
};

void cpu_limit_init(struct cpu_limit *c, struct tgroup *tg);
/* The limit may have changed, or the process is new. tasks_lock may be held. */
void cpu_limit_update(struct cpu_limit *c);
/* The end of the group. No locks held. */
void cpu_limit_stop(struct cpu_limit *c);
