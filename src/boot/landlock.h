/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Landlock: a second lock behind the mount namespace. Files of the donated trees may be used as
 * their mounts allow, /proc may be read, and nothing may be executed, bound or connected. Source:
 * landlock(7), userspace-api/landlock.rst of the kernel.
 */
#pragma once

#include "base/util.h"
#include "rpc/fail.h"
#include "rpc/spec.h"

/*
 * *ret_abi: the version in force, 0 when this kernel has none (named in the posture, not an error).
 * Needs no_new_privs. The zygote must be made afterwards: an older one would be out of reach.
 */
int landlock_confine(const struct sandbox_spec *s, int *ret_abi, struct fail *f) must_check;
