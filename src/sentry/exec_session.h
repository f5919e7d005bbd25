/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One client's EXEC: from the request to the end of the process it made. A client has at most one
 * at a time. All functions but the wait queue's callback run on the control server's thread.
 */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>

#include "base/util.h"
#include "kernel/wait/waitq.h"
#include "rpc/control.h"

struct control_server;
struct tgroup;

struct exec_session {
    struct tgroup *tg;      /* NULL: none. Holds a reference, and the tree's: we are its parent */
    struct waiter waiter;   /* on tg->exit_wq */
    _Atomic uint32_t ended; /* set by the waiter */
    int news_fd;            /* the server's; written by the waiter */
};

void exec_session_init(struct exec_session *x);
static inline bool exec_session_is_on(const struct exec_session *x)
{
    return x->tg != NULL;
}

/* EXEC: answers on fd with STARTED, FAILED or ERROR. Negative errno: the connection must end. */
int exec_session_begin(struct exec_session *x, struct control_server *cs, int fd,
                       const struct control_frame *frame, struct control_fds *fds) must_check;
/* SIGNAL. */
int exec_session_signal(struct exec_session *x, int fd, const struct control_frame *frame)
    must_check;
/* If the process has ended: reaps it and says so on fd (< 0: nobody listens). */
int exec_session_news(struct exec_session *x, int fd) must_check;
/* The client has gone: kills the process; exec_session_news() reaps it later. */
void exec_session_abandon(struct exec_session *x);
