/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The foreground life of `do` and `run`: wait until the sandbox is ready, pass on signals, end with
 * its status. Signals go to the container's init as CONTROL_KILL over the control socket: either
 * the connected one of `do`, or one connection per signal to the socket in the state directory. If
 * that fails, or before the sandbox is ready, a signal that asks for an end kills the sandbox.
 */
#pragma once

#include <signal.h>

#include "base/util.h"
#include "host/sandbox.h"
#include "rpc/fail.h"

struct foreground {
    int control_fd;           /* connected socket, or -1 */
    const char *control_path; /* used when control_fd is -1; may be NULL */
    int signal_fd;
    int master;          /* of the program's terminal, to be joined to ours; -1: none */
    sigset_t saved_mask; /* what the caller had: the sandbox starts with it */
};

#define FOREGROUND_NONE                                 \
    {                                                   \
        .control_fd = -1, .signal_fd = -1, .master = -1 \
    }

/* Blocks the forwarded signals; they arrive on signal_fd from now on. */
int foreground_begin(struct foreground *fg, struct fail *f) must_check;
/* Waits for READY. -EINTR after a signal that asked for the end, with its exit status in f->status.
 */
int foreground_wait_ready(struct foreground *fg, struct sandbox *s, struct fail *f) must_check;
/* Passes signals and the terminal on and waits for the sandbox's end; *ret_status is what we should
 * exit with. */
int foreground_wait_exit(struct foreground *fg, struct sandbox *s, int *ret_status, struct fail *f)
    must_check;
void foreground_end(struct foreground *fg);
