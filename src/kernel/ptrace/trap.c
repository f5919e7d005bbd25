/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where a traced task's traps and its way back to guest code differ from others': calls with their
 * stops, single steps. The trap flag in the guest's registers makes the host stop it after one
 * instruction; over a call and into a handler the kernel has to say so itself, as Linux does.
 */
#include <errno.h>
#include <string.h>

#include "kernel/ptrace/internal.h"
#include "kernel/syscall/native.h"
#include "kernel/syscall/syscall.h"

#define EFLAGS_TF 0x100ull

/* syscall-enter-stop or -exit-stop. A signal that the tracer adds is sent as the kernel's. */
static void call_stop(struct task *t, uint64_t which)
{
    int code = LX_SIGTRAP | ((t->trace.options & LX_PTRACE_O_TRACESYSGOOD) ? 0x80 : 0);
    int signo = trace_notify(t, code, which);
    struct lx_siginfo info = {.signo = signo, .code = LX_SI_KERNEL};

    if (signo > 0)
        (void) signal_send_task(t, &info);
}

static bool stops_at_calls(const struct task *t)
{
    return is_traced(t) && t->trace.mode != TRACE_CONT && t->trace.mode != TRACE_STEP;
}

static bool steps(const struct task *t)
{
    return is_traced(t) && (t->trace.mode == TRACE_STEP || t->trace.mode == TRACE_SYSEMU_STEP);
}

/* The stop at the end of a call, or the trap of a single step over it. */
static void call_ends(struct task *t, bool skipped)
{
    if (is_traced(t) && t->trace.mode == TRACE_SYSCALL) {
        call_stop(t, LX_PTRACE_EVENTMSG_SYSCALL_EXIT);
    } else if (steps(t) && !skipped) {
        struct lx_siginfo info = {.signo = LX_SIGTRAP, .code = LX_TRAP_BRKPT};

        info.fault.addr = t->resume_regs.rip;
        signal_force(t, &info);
    }
}

/* The call as the tracer has left it: what the handlers look at. */
static void adopt_call(struct task *t)
{
    const struct guest_regs *r = &t->resume_regs;
    const uint64_t args[6] = {r->rdi, r->rsi, r->rdx, r->r10, r->r8, r->r9};

    t->trap.nr = (uint32_t) t->trace.call_nr;
    t->trap.regs = *r;
    t->trap.regs.rax = t->trap.nr;
    memcpy(t->trap.args, args, sizeof(args));
}

bool trace_seccomp(struct task *t, uint16_t data, long *ret)
{
    *ret = -ENOSYS;
    if (!is_traced(t) || !(t->trace.options & 1u << LX_PTRACE_EVENT_SECCOMP))
        return false;
    trace_live(t, NULL);
    trace_event(t, LX_PTRACE_EVENT_SECCOMP, data);
    if (atomic_load(&t->work) & (WORK_EXIT | WORK_DEAD))
        return false;
    *ret = (long) t->resume_regs.rax;
    if ((int32_t) t->trace.call_nr == -1)
        return false;
    adopt_call(t);
    return true;
}

/* From the handler's result to how the call goes on. True: it is over, its end may be reported. */
static bool take_result(struct task *t, struct resume *how, long result)
{
    if (t->resume_kind == RESUME_SIGRETURN) {
        how->kind = RESUME_SIGRETURN; /* the registers are still to be read */
        t->trace.live = false;
        t->trace.exit_due = true;
        return false;
    }
    if (t->resume_kind == RESUME_RETURN)
        t->resume_regs.rax = (uint64_t) result;
    how->kind = RESUME_REGS;
    how->regs = &t->resume_regs;
    return true;
}

void trace_syscall(struct task *t, struct resume *how)
{
    bool skip = false;
    long result = 0;

    trace_live(t, NULL);
    how->kind = RESUME_REGS;
    how->regs = &t->resume_regs;
    if (stops_at_calls(t)) {
        skip = t->trace.mode == TRACE_SYSEMU || t->trace.mode == TRACE_SYSEMU_STEP;
        call_stop(t, LX_PTRACE_EVENTMSG_SYSCALL_ENTRY);
        if (atomic_load(&t->work) & (WORK_EXIT | WORK_DEAD))
            return;
        adopt_call(t);
        skip |= (int32_t) t->trace.call_nr == -1;
    }
    t->resume_kind = RESUME_RETURN;
    if (!skip)
        result = syscall_dispatch(t, t->trap.nr, t->trap.args);
    else
        result = (long) t->resume_regs.rax;
    if (take_result(t, how, result))
        call_ends(t, skip);
}

void trace_syscall_over(struct task *t, struct resume *how)
{
    if (t->trace.live && take_result(t, how, how->value))
        call_ends(t, false);
}

bool trace_wants_back(struct task *t, const struct resume *how)
{
    return is_traced(t) && how->kind == RESUME_SIGRETURN;
}

/* The flag is ours: it is put on last and never seen. */
void trace_hide_step(struct task *t)
{
    if (t->trace.forced_tf && t->trace.live)
        t->resume_regs.eflags &= ~EFLAGS_TF;
    t->trace.forced_tf = false;
}

void trace_before_run(struct task *t, struct resume *how, struct signal_delivery *frame)
{
    bool traced = is_traced(t);

    trace_hide_step(t);
    if (traced && task_see_natives(t)) {
        /* It is being killed: platform_run() will say so. */
    } else if (!traced && t->trace.seen) {
        task_publish_facts(t); /* the stub may answer again */
    }
    t->trace.seen = traced;
    if (!traced)
        return;
    if (!steps(t))
        return;
    if (how->signal) {
        frame->more = true; /* its frame is saved without the flag; then stop at its beginning */
        t->trace.into_handler = true;
        return;
    }
    trace_live(t, how);
    t->trace.forced_tf = !(t->resume_regs.eflags & EFLAGS_TF);
    t->resume_regs.eflags |= EFLAGS_TF;
}

void trace_after_trap(struct task *t, enum trap trap, struct resume *how)
{
    struct tracee *tr = &t->trace;

    tr->live = false;
    if (tr->forced_tf)
        t->trap.regs.eflags &= ~EFLAGS_TF;
    tr->forced_tf = false;
    if (trap == TRAP_KICKED && tr->into_handler && steps(t)) {
        trace_live(t, how);
        (void) trace_notify(t, LX_SIGTRAP, tr->message);
    }
    tr->into_handler = false;
    if (trap == TRAP_KICKED && tr->exit_due) {
        trace_live(t, how);
        call_ends(t, false);
    }
    tr->exit_due = false;
}
