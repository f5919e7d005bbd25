/* SPDX-License-Identifier: Apache-2.0 */
/* RLIMIT_NOFILE as a descriptor number: nothing at or above it can be made. */
#pragma once

#include "abi/linux/resource.h"
#include "base/util.h"
#include "kernel/task/task.h"

#define NR_OPEN_MAX (1u << 20) /* fs.nr_open */

static inline int fd_limit(struct task *t)
{
    return (int) MIN(tgroup_rlimit(t->tg, LX_RLIMIT_NOFILE), (uint64_t) NR_OPEN_MAX);
}
