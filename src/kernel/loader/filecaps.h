/* SPDX-License-Identifier: Apache-2.0 */
/* Capabilities of program files: capabilities(7), "File capabilities". */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/util.h"
#include "kernel/vfs/walk.h"

struct file_caps {
    uint64_t permitted, inheritable;
    bool effective; /* the new permitted set is effective at once */
};

/* Those of the file at p. 1; 0: it has none that count here; -EINVAL: what it has is malformed. */
int file_caps_get(const struct path *p, struct file_caps *ret) must_check;
/* An attribute's value, taken apart; the same results. */
int file_caps_parse(const void *value, size_t n, struct file_caps *ret) must_check;
