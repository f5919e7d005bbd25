/* SPDX-License-Identifier: Apache-2.0 */
/* Putting a guest kernel together from the confined sentry's parts: nothing of the guest runs yet.
 */
#pragma once

#include "base/util.h"
#include "boot/boot.h"
#include "kernel/kernel.h"
#include "rpc/fail.h"

/*
 * A kernel with its mounts. Lives as long as the process. Takes over the texts of the hand-over and
 * the descriptors of the trees.
 */
int kernel_setup(struct confinement *c, struct kernel **ret, struct fail *f) must_check;
