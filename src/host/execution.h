/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A further process in a running container, as the host side sees it: a connection to the sentry
 * over which it was asked for (CONTROL_EXEC), which carries signals to it, tells its end, and takes
 * it along when it breaks.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/util.h"
#include "host/state.h"
#include "rpc/fail.h"
#include "rpc/spec.h"

struct execution {
    int control_fd; /* -1: none */
    int signal_fd;  /* signals to pass on */
    bool detached;
    char *buf;  /* for frames */
    int master; /* of the process's terminal, to be joined to ours by execution_wait(); or -1 */
};

#define EXECUTION_NONE                                  \
    {                                                   \
        .control_fd = -1, .signal_fd = -1, .master = -1 \
    }

struct execution_request {
    const struct process_spec *spec;
    int stdio[3];         /* become 0, 1, 2 of the process; -1: none */
    uint32_t n_preserved; /* our descriptors 3 ... become its own */
};

/*
 * From now on the signals that can be passed on are blocked and kept for execution_wait(). Job
 * control signals stay with a foreground command, and go to the process of a detached one.
 */
int execution_prepare(struct execution *e, bool detached, struct fail *f) must_check;
/*
 * Starts the process. Errors about the program itself set f->status to 126 or 127. From here on the
 * process dies when the execution is closed, in every process that holds it.
 */
int execution_start(const struct container *c, const struct execution_request *q,
                    struct execution *e, struct fail *f) must_check;
/* Passes signals and the terminal on until the process ends; *ret_status is what to exit with. */
int execution_wait(struct execution *e, int *ret_status, struct fail *f) must_check;
/*
 * Leaves a process of our own behind that does execution_wait() and exits with the status: for
 * whoever called us, it stands for the one inside. Returns its pid; the execution is closed here.
 */
int execution_detach(struct execution *e, pid_t *ret_pid, struct fail *f) must_check;
void execution_close(struct execution *e);
