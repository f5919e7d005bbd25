/* SPDX-License-Identifier: Apache-2.0 */
/* What mount(2) and the calls that mount by descriptors have in common. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/util.h"

struct super;
struct task;

/* CAP_SYS_ADMIN. */
bool may_mount(const struct task *t);
/* A string of the guest's, or NULL for address 0; the caller frees it. -EFAULT, -EINVAL: too long.
 */
int mount_string(struct task *t, uint64_t at, char **ret) must_check;
/* -ENODEV: none that could be mounted here. */
int mount_find_type(const struct task *t, const char *type) must_check;
/* -ENODEV: no such type; -EPERM; -EINVAL: its options. */
int mount_make_super(struct task *t, const char *type, const char *options, struct super **ret)
    must_check;
