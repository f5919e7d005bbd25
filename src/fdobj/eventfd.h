/* SPDX-License-Identifier: Apache-2.0 */
/* eventfd(2). */
#pragma once

#include <stdint.h>

#include "base/util.h"

struct file;

/* flags: LX_EFD_SEMAPHORE and LX_EFD_NONBLOCK. A new reference. */
int eventfd_new(uint32_t count, uint32_t flags, struct file **ret) must_check;
