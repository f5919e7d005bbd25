/* SPDX-License-Identifier: Apache-2.0 */
/* What was exec'ed: kept for /proc. Immutable once published, except the ranges prctl may move. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/ref.h"
#include "base/util.h"
#include "kernel/vfs/file.h"

#define IMAGE_AUXV_MAX 24

struct image {
    struct ref ref;
    struct path exe; /* referenced; NULLs when unknown */
    uint64_t arg_start, arg_end, env_start, env_end;
    uint64_t stack_start; /* first stack pointer */
    uint64_t brk_start;
    uint64_t code_start, code_end;
    uint64_t entry;
    uint64_t auxv[IMAGE_AUXV_MAX][2];
    unsigned n_auxv; /* with the terminating AT_NULL */
};

struct image *image_new(void);
struct image *image_get(struct image *im);
void image_put(struct image *im);
/* Once: the image runs the program at p, which nobody writes to meanwhile. -ETXTBSY. */
int image_set_exe(struct image *im, const struct path *p) must_check;
