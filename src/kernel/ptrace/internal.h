/* SPDX-License-Identifier: Apache-2.0 */
/* Between the files of kernel/ptrace and sys_ptrace.c. */
#pragma once

#include "abi/linux/ptrace.h"
#include "kernel/ptrace/ptrace.h"

/* ---- stop.c, own thread ---- */

/* Makes t->resume_regs the truth; how NULL: in the middle of a call. */
void trace_live(struct task *t, struct resume *how);
#define TRACE_INJECT_UNSAID (-1)
/*
 * Stops for the tracer until it lets go. info NULL: a stop without one. Returns the signal to go on
 * with, 0: none, or TRACE_INJECT_UNSAID: there is no tracer (any more). message NULL: the old one
 * stays.
 */
int trace_stop(struct task *t, int code, const struct lx_siginfo *info, const uint64_t *message);
/* Before a stop: takes the trap flag of a step that has not been made out of the registers. */
void trace_hide_step(struct task *t);
/* A stop that the kernel itself makes: it puts the code into si_code. */
int trace_notify(struct task *t, int code, uint64_t message);
/* Any thread, sighand.lock held: the tracee leaves its stop. */
void trace_resume_locked(struct task *t, enum trace_mode mode, int inject);

/* ---- request.c ---- */

/* Something that only the tracee's own thread can do. The tracer may be killed while it waits, so
 * that both hold a reference. */
struct trace_request {
    struct ref ref;
    struct task *asker; /* holds a reference */
    _Atomic bool done;
    int (*fn)(struct task *t, struct trace_request *rq); /* on the tracee's thread */
    int result;                                          /* valid once done */
    uint64_t addr;
    uint32_t image; /* of trace_memory() */
    bool write;
    size_t n; /* bytes of data; fn may lessen it */
    uint8_t data[];
};

/* NULL without memory. One reference. */
struct trace_request *trace_request_new(size_t n);
void trace_request_put(struct trace_request *rq);
/*
 * Has it carried out by t, a tracee of `tracer` that is stopped; on the asker's own thread, who is
 * the tracer or another with a right to t's memory. The request's result, or -ESRCH: t is not
 * stopped (any more), -EINTR: the asker is being killed, -EIO: no answer.
 */
int trace_ask(struct task *tracer, struct task *asker, struct task *t, struct trace_request *rq)
    must_check;
/* The tracee's side: carries out and answers. No locks held. */
void trace_serve(struct task *t, struct trace_request *rq);
/* sighand.lock held, the stop is over: what was asked too late is answered with -ESRCH. */
struct trace_request *trace_take_request_locked(struct task *t);
void trace_refuse(struct trace_request *rq);

/* ---- registers.c ---- */

/* sighand.lock held, t stopped. */
void trace_get_regs(const struct task *t, struct lx_user_regs *ret);
int trace_set_reg(struct task *t, size_t offset, uint64_t value) must_check;
/* Requests for the tracee: vector state in and out of data[]. n: what is there afterwards. */
int trace_do_fpregs(struct task *t, struct trace_request *rq);
int trace_do_xstate(struct task *t, struct trace_request *rq);
#define TRACE_XSTATE_MAX 16384u
#define TRACE_FPREGS     512u

/* ---- link.c ---- */

/* ATTACH and SEIZE: 0 or errno of ptrace(2). Own thread of tracer. */
int trace_attach(struct task *tracer, struct task *t, bool seize, uint32_t options) must_check;
int trace_traceme(struct task *t) must_check;
int trace_detach(struct task *tracer, struct task *t, int signo) must_check;
