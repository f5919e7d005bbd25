/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The sandbox's end of the control socket (rpc/control.h), on a thread of its own. Requests come
 * from whoever may write to the container's state directory; they are checked all the same.
 */
#pragma once

#include <stdatomic.h>

#include "base/util.h"
#include "boot/boot.h"
#include "kernel/task/task.h"

struct control_server {
    const struct confinement *c; /* immutable */
    struct kernel *k;            /* immutable */
    struct task *init;           /* immutable; not started before `started` is 1 */
    _Atomic uint32_t started;    /* futex word: 1 once the program may run */
};

/* cs must live as long as the process. With no control descriptor: nothing to do, 0. */
int control_server_start(struct control_server *cs) must_check;
/* Blocks until START has come. */
void control_server_wait_start(struct control_server *cs);
