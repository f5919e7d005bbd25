/* SPDX-License-Identifier: Apache-2.0 */
/* /sys/devices/system/node: the memory nodes, as the host describes them. */
#pragma once

#include "kernel/vfs/pseudo.h"

extern const struct pseudo_entry sys_node_table[];
extern const struct pseudo_dynamic sys_node_dynamic;
