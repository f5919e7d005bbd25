/* SPDX-License-Identifier: Apache-2.0 */
/* Sets of processors as sysfs and cgroups write them, with a newline. */
#pragma once

#include <sched.h>

#include "base/strbuf.h"

/* As a list of ranges: "0-3,6". */
void cpu_list_text(const cpu_set_t *set, struct strbuf *out);
/* As a mask of 32-bit groups, the highest first: "3" or "1,00000000". */
void cpu_mask_text(const cpu_set_t *set, struct strbuf *out);
