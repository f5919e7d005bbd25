/* SPDX-License-Identifier: Apache-2.0 */
/*
 * LinuxResources of the OCI runtime specification: the limits a cgroup has a file for, in
 * config.json and in what `update` reads. Source: config-linux.md.
 */
#pragma once

#include <stdint.h>

#include "base/util.h"
#include "oci/json.h"

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

/* Reads an object into initialised limits. What it leaves out, and what is 0 or empty as runc's own
 * encoder writes it then, stays unset; what has no counterpart here is noted. */
int limits_from_json(struct json_reader *r, json_object *v, struct limits *l) must_check;
