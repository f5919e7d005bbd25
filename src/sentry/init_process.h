/* SPDX-License-Identifier: Apache-2.0 */
/* The container's first process, from the spec to a loaded image. */
#pragma once

#include "base/util.h"
#include "boot/boot.h"
#include "kernel/task/task.h"
#include "rpc/fail.h"

/*
 * Makes the task, with its descriptors 0, 1, 2, directory, credentials, limits and image; it is not
 * started. Errors about the program itself set f->status to 126 or 127.
 */
int init_process_make(struct confinement *c, struct kernel *k, struct task **ret, struct fail *f)
    must_check;
