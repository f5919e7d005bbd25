/* SPDX-License-Identifier: Apache-2.0 */
/* signalfd(2). */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/util.h"

struct file;
struct kernel;

/* flags: LX_SFD_NONBLOCK. A new reference. */
int signalfd_new(struct kernel *k, uint64_t mask, uint32_t flags, struct file **ret) must_check;
bool file_is_signalfd(const struct file *f);
void signalfd_set_mask(struct file *f, uint64_t mask);
