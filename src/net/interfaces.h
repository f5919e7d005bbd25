/* SPDX-License-Identifier: Apache-2.0 */
/* Questions about network interfaces that any socket answers: netdevice(7). */
#pragma once

#include <stdint.h>

#include "base/util.h"

struct task;

/* Reading requests only; -ENOTTY for all others. */
long interface_ioctl(struct task *t, uint32_t cmd, uint64_t arg) must_check;
