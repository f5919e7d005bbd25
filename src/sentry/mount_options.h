/* SPDX-License-Identifier: Apache-2.0 */
/* The options of a file system as /proc/mounts shows them. Source: shmem_show_options() and its
 * kin, as seen in /proc/self/mountinfo. */
#pragma once

#include "base/util.h"
#include "rpc/spec.h"

/* A new string without a comma at its ends, or NULL where there is nothing to show. -ENOMEM. */
int mount_options_text(const struct mount_spec *m, char **ret) must_check;
