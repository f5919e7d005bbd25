/* SPDX-License-Identifier: Apache-2.0 */
/* Questions about an interface's driver: ioctl SIOCETHTOOL, linux/ethtool.h. */
#pragma once

#include <stdint.h>

#include "base/util.h"

struct task;

/* arg: the guest's struct ifreq. Questions of fixed size are the host's to answer, those of others
 * -EOPNOTSUPP, as of a driver that cannot tell; what would change something -EPERM. */
long ethtool_ioctl(struct task *t, uint64_t arg) must_check;
