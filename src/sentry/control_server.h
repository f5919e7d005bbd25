/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The sandbox's end of the control socket (rpc/control.h), on one thread of its own that waits for
 * all clients at once (control_loop.c). Requests come from whoever may write to the container's
 * state directory; they are checked all the same.
 */
#pragma once

#include <stdatomic.h>

#include "base/util.h"
#include "boot/boot.h"
#include "kernel/task/task.h"
#include "rpc/control.h"

struct exec_session;

struct control_server {
    const struct confinement *c; /* immutable */
    struct kernel *k;            /* immutable */
    struct task *init;           /* immutable; not started before `started` is 1 */
    _Atomic uint32_t started;    /* futex word: 1 once the program may run */
    int news_fd;                 /* eventfd: a process of some exec_session has ended */
};

/* cs must live as long as the process. With no control descriptor: nothing to do, 0. */
int control_server_start(struct control_server *cs) must_check;
/* Blocks until START has come. */
void control_server_wait_start(struct control_server *cs);

/*
 * Answers one request of the client on fd, whose session is x. Descriptors in fds that it takes
 * over become -1; the caller closes the rest. A negative errno ends the connection. Server thread.
 */
int control_answer(struct control_server *cs, int fd, const struct control_frame *frame,
                   struct control_fds *fds, struct exec_session *x) must_check;
