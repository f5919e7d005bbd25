/* SPDX-License-Identifier: Apache-2.0 */
/* Kernel settings by name, as sysctl(8) spells them: "net.ipv4.ip_forward", and, for names with
 * dots in them, "net/ipv4/conf/eth0.5/forwarding". */
#pragma once

#include <stdbool.h>

#include "base/util.h"

/* Whether it belongs to a network namespace, and is a name at all. */
bool sysctl_is_net(const char *name);
/* Of this process's own namespaces. -EINVAL for what is no name, or the file's own errors. */
int sysctl_set(const char *name, const char *value) must_check;
/* Each of "NAME=VALUE", up to NULL (a list of NULL: none). On error *ret_failed is the one. */
int sysctl_set_all(char *const *assignments, const char **ret_failed) must_check;
