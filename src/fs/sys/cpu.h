/* SPDX-License-Identifier: Apache-2.0 */
/* /sys/devices/system/cpu: the processors of the container, described as the host describes them.
 */
#pragma once

#include "kernel/vfs/pseudo.h"

extern const struct pseudo_entry sys_cpu_table[];
extern const struct pseudo_dynamic sys_cpu_dynamic;
