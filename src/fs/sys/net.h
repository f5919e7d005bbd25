/* SPDX-License-Identifier: Apache-2.0 */
/* Network interfaces in /sys: links by name in class/net, what they lead to in devices/virtual/net.
 */
#pragma once

#include "kernel/vfs/pseudo.h"

extern const struct pseudo_dynamic sys_net_links, sys_net_devices;
