/* SPDX-License-Identifier: Apache-2.0 */
/* The PATH arguments of diff and commit: places inside a sandbox. */
#pragma once

#include <stddef.h>

#include "base/util.h"
#include "rpc/fail.h"

struct kept_paths {
    char **v; /* normalised */
    size_t n;
};

/* A NULL-terminated vector; a relative path starts at the caller's directory. */
int kept_paths_read(char *const *argv, struct kept_paths *ret, struct fail *f) must_check;
void kept_paths_free(struct kept_paths *p);
