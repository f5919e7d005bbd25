/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What this host allows, found out by trying wherever trying is harmless: processes in namespaces
 * of their own, which end before the answer is given. Nothing of the host is changed.
 */
#pragma once

#include <stddef.h>

#include "base/util.h"

enum probe_verdict {
    PROBE_OK,
    PROBE_WEAK,    /* works, with less than full strength or speed */
    PROBE_MISSING, /* containers cannot run */
};

struct probe {
    const char *name;
    enum probe_verdict verdict;
    char detail[200];   /* what was found */
    const char *advice; /* what to do about it; NULL when it is fine */
};

#define PROBE_MAX 16

/* Makes all probes. sentry: --sentry or NULL. Returns their number. */
size_t probe_host(const char *sentry, struct probe v[PROBE_MAX]);
