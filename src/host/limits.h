/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Changing the limits of a running container: the resources of the OCI specification that a cgroup
 * has a file for. What cannot be honoured is an error that names it, never dropped.
 */
#pragma once

#include <stdint.h>

#include "base/util.h"
#include "host/state.h"
#include "rpc/fail.h"

enum limit {
    LIMIT_MEMORY,
    LIMIT_MEMORY_RESERVATION,
    LIMIT_MEMORY_SWAP, /* memory and swap together */
    LIMIT_CPU_SHARES,
    LIMIT_CPU_PERIOD,
    LIMIT_CPU_QUOTA,
    LIMIT_PIDS, /* guest tasks */
    N_LIMITS,
};

#define LIMIT_UNSET INT64_MIN /* -1 means: no limit */

struct limits {
    int64_t value[N_LIMITS];
    char *cpus, *mems; /* or NULL; owned */
};

void limits_init(struct limits *l);
void limits_free(struct limits *l);
/* Reads LinuxResources as JSON; path "-" is standard input. What it leaves out stays unset. */
int limits_read(const char *path, struct limits *l, struct fail *f) must_check;
/* c is locked for change, and not stopped. */
int limits_apply(const struct container *c, const struct limits *l, struct fail *f) must_check;
