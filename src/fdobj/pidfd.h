/* SPDX-License-Identifier: Apache-2.0 */
/* pidfd_open(2). */
#pragma once

#include <stdint.h>

#include "base/util.h"

struct file;
struct tgroup;

/* flags: LX_PIDFD_NONBLOCK. tg is borrowed. A new reference. */
int pidfd_new(struct tgroup *tg, uint32_t flags, struct file **ret) must_check;
/* The process f stands for, valid while f is; NULL when f is no pidfd. */
struct tgroup *pidfd_tgroup(struct file *f);
