/* SPDX-License-Identifier: Apache-2.0 */
/* /sys: what programs ask about the processors, and the directories they expect to find. */
#pragma once

#include "base/util.h"

struct kernel;
struct super;

int sysfs_mount(struct kernel *k, struct super **ret) must_check;
