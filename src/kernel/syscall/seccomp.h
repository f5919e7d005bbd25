/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdint.h>

struct task;

/* prctl(2), PR_SET_SECCOMP. */
long prctl_set_seccomp(struct task *t, uint64_t mode, uint64_t at);
