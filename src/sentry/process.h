/* SPDX-License-Identifier: Apache-2.0 */
/* Guest processes that have no parent inside: the container's first, and those of `exec`. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/util.h"
#include "boot/boot.h"
#include "kernel/task/task.h"
#include "rpc/fail.h"

struct process_request {
    const struct process_spec *spec;
    int *fds; /* fds[i] becomes descriptor i; -1: none. What is used becomes -1 */
    size_t n_fds;
    bool is_init; /* its end is the container's */
};

/*
 * Makes a task from a spec: descriptors, directory, credentials, limits and a loaded image; it is
 * not started. It has a session of its own and parent 0; whoever made it reaps it with
 * tgroup_release() (init is never reaped). Errors about the program itself set f->status to 126 or
 * 127; nothing is left of the process then, unless it was init. Any thread that is no task's.
 */
int process_make(const struct confinement *c, struct kernel *k, const struct process_request *q,
                 struct task **ret, struct fail *f) must_check;
