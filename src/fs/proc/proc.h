/* SPDX-License-Identifier: Apache-2.0 */
/* /proc: the guest's own processes and what it may know about the machine. */
#pragma once

#include "base/util.h"

struct kernel;
struct super;

int proc_mount(struct kernel *k, struct super **ret) must_check;
