/* SPDX-License-Identifier: Apache-2.0 */
/* What a container uses: from its cgroup, else from its processes on the host. */
#pragma once

#include <stdint.h>

#include "base/strbuf.h"
#include "base/util.h"
#include "host/state.h"
#include "rpc/fail.h"

struct usage {
    uint64_t cpu_total, cpu_user, cpu_system; /* ns */
    uint64_t periods, throttled_periods, throttled_ns;
    uint64_t memory, memory_max, memory_limit, memory_failures, memory_cache;
    uint64_t swap, swap_limit;
    uint64_t pids, pids_limit; /* with a cgroup host tasks, else guest tasks; limit 0: none */
    uint64_t oom_kills;
};

int usage_read(const struct container *c, struct usage *ret, struct fail *f) must_check;
/* The "data" of a stats event, as runc's. */
void usage_format(const struct usage *u, struct strbuf *out);
