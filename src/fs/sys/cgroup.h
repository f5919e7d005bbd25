/* SPDX-License-Identifier: Apache-2.0 */
/* The container's own cgroup, as the root of a version 2 hierarchy shows it inside a cgroup
 * namespace: limits and use, read-only, without groups below. Source: cgroup-v2.rst. */
#pragma once

#include "base/util.h"

struct kernel;
struct super;

int cgroupfs_mount(struct kernel *k, struct super **ret) must_check;
