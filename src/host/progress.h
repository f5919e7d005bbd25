/* SPDX-License-Identifier: Apache-2.0 */
/* One line on a terminal's stderr that says how far a long command is; nothing elsewhere. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#include "base/util.h"

struct progress {
    const char *verb;  /* "compared" */
    uint64_t n, total; /* total 0: unknown */
    uint64_t bytes;
    struct timespec shown;
    bool tty, any;
};

void progress_begin(struct progress *p, const char *verb, uint64_t total);
/* One more, or more bytes of it. */
void progress_add(struct progress *p, unsigned n, uint64_t bytes);
/* Wipes the line. */
void progress_end(struct progress *p);
