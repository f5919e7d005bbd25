/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a task carries for ptrace(2). kernel/ptrace/ptrace.h has the functions.
 *
 * A stop belongs to the tracee's own thread: it publishes the stop under sighand.lock, sleeps, and
 * carries out what the tracer asks of it. While `stopped` is set, the tracer may look at and change
 * the fields marked "stop" under sighand.lock; else they are the tracee's own.
 */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "abi/linux/signal.h"
#include "base/list.h"

struct task;
struct trace_request;

enum trace_mode { /* how the tracer lets go on */
                  TRACE_CONT,
                  TRACE_SYSCALL,
                  TRACE_STEP,
                  TRACE_SYSEMU,
                  TRACE_SYSEMU_STEP,
};

struct tracee {
    struct task *_Atomic tracer; /* [tasks_lock+sighand.lock] borrowed, NULL: none. A tracer lets go
                                    before it ends. Own thread: a hint without locks */
    struct list link;            /* [tasks_lock] in tracer->tracees, which holds a reference */
    uint32_t options;            /* [sighand.lock] LX_PTRACE_O_* */
    bool seized;                 /* [sighand.lock] */
    bool stopped;                /* [sighand.lock] */
    bool listening;              /* [sighand.lock] PTRACE_LISTEN: stopped, but serves nothing */
    bool reported;               /* [sighand.lock] wait(2) has consumed this stop */
    bool notify_due;             /* [sighand.lock] the same, for SIGCONT: other stops do not do */
    bool trap_due;          /* [sighand.lock] a stop is wanted: PTRACE_INTERRUPT and its like */
    int code;               /* [sighand.lock] of the stop: signal | event << 8 */
    uint64_t message;       /* [sighand.lock] for PTRACE_GETEVENTMSG */
    enum trace_mode mode;   /* [sighand.lock] */
    int inject;             /* [sighand.lock] signal to go on with */
    bool has_info;          /* stop */
    struct lx_siginfo info; /* stop */
    struct trace_request *request; /* [sighand.lock] to be carried out in the stop; referenced */

    /* Registers: task.resume_regs, valid while `live` is set, and these. */
    bool live;                 /* own: resume_regs are the truth, not what the stub has */
    int64_t call_nr;           /* stop: orig_rax; -1 outside of calls */
    uint64_t fs_base, gs_base; /* stop */
    bool bases_changed;        /* stop */
    bool forced_tf;            /* own: the trap flag in the stub's registers is ours */
    bool into_handler;         /* own: stepping has built a handler's frame */
    bool seen;                 /* own: the stub has been told to answer nothing */
    bool exit_due;             /* own: the end of rt_sigreturn(2) is still to be reported */
    uint64_t debug_regs[4];    /* stop: addresses; nothing is ever armed */
};
