/* SPDX-License-Identifier: Apache-2.0 */
/* Resource usage for wait4, getrusage and times. */
#pragma once

#include "abi/linux/resource.h"
#include "kernel/task/usage.h"

void usage_to_guest(const struct usage *u, struct lx_rusage *ret);
