/* SPDX-License-Identifier: Apache-2.0 */
/* The life of a task's sentry thread: run guest code, answer its traps, act on pending work, end.
 */
#include <sys/syscall.h>
#include <unistd.h>

#include "abi/linux/wait.h"
#include "kernel/ptrace/ptrace.h"
#include "kernel/restart.h"
#include "kernel/syscall/native.h"
#include "kernel/syscall/syscall.h"
#include "kernel/task/task.h"
#include "kernel/vfs/direct.h"

/* What a new task owes before it first runs: clone(2), CLONE_CHILD_SETTID. */
static void begin(struct task *t)
{
    int32_t tid = t->tid;

    atomic_store(&t->sentry_tid, (int32_t) syscall(SYS_gettid));
    /* Host ids are inherited from the thread that made this one; which may have changed its own
     * since. */
    t->host_fsuid = t->host_fsgid = UINT32_MAX;
    task_apply_fsids(t);
    if (t->st) {
        platform_watch_death(t->st, &t->work, WORK_DEAD, &t->park);
        task_see_natives_if_wanted(t);
    }
    if (t->set_child_tid && copy_out(t, uaddr(t->set_child_tid), &tid, sizeof(tid))) {
        /* Linux ignores an unwritable address, too. */
    }
}

static void fault(struct task *t)
{
    struct lx_siginfo info = {.signo = t->trap.signo, .code = t->trap.code};

    if (info.signo < 1 || info.signo > 31) /* the stub lies */
        info.signo = LX_SIGSEGV;
    info.fault.addr = t->trap.addr;
    signal_force(t, &info);
}

/* The frame of a handler could not be written, or one to return from not read. */
static void bad_frame(struct task *t, int signo)
{
    if (signo == LX_SIGSEGV) {
        struct sighand *sh = sighand_lock(t->tg);

        sh->actions[LX_SIGSEGV - 1].handler = LX_SIG_DFL;
        mutex_unlock(&sh->lock);
    }
    signal_force_segv(t);
}

static bool is_restart(const struct task *t, const struct resume *how)
{
    if (t->trace.live) /* rare enough to look whether there is anything to do */
        return true;
    return how->kind == RESUME_RETURN && how->value <= -ERESTARTSYS &&
           how->value >= -ERESTART_RESTARTBLOCK;
}

static void syscall_trap(struct task *t, struct resume *how)
{
    if (is_traced(t)) {
        trace_syscall(t, how);
        return;
    }
    t->resume_kind = RESUME_RETURN;
    how->value = syscall_dispatch(t, t->trap.nr, t->trap.args);
    how->kind = t->resume_kind;
    how->regs = &t->resume_regs;
    trace_syscall_over(t, how);
}

/* Until the next trap. What the guest has closed quietly is closed before anything else is done. */
static enum trap run_guest(struct task *t, struct resume *how)
{
    how->may_close = !t->files_shared && atomic_load(&t->tg->living) < 2;
    enum trap trap = platform_run(t->st, how, &t->trap);
    for (;;) {
        if (platform_has_closed(t->st))
            direct_settle(t->files, t->st);
        if (trap != TRAP_QUIET)
            return trap;
        trap = platform_go_on(t->st, &t->trap);
    }
}

void *task_main(void *arg)
{
    struct task *t = arg;
    struct resume how = {.kind = t->resume_kind, .value = 0, .regs = &t->resume_regs};
    struct signal_delivery frame = {.signo = 0};
    bool gone = false;

    begin(t);
    for (;;) {
        enum trap trap;
        bool dead = (atomic_load(&t->work) & WORK_DEAD) != 0;

        how.signal = NULL;
        how.come_back = trace_wants_back(t, &how);
        if (dead || how.come_back) {
            /* no guest to deliver anything to, or not yet */
        } else if (atomic_load(&t->work) || is_restart(t, &how) || t->restore_mask) {
            if (!signal_deliver(t, &how, &frame))
                break;
        }
        if (!dead && !how.come_back)
            trace_before_run(t, &how, &frame);
        atomic_store(&t->in_guest, 1); /* then look at work: signal/send.c has the argument */
        if (atomic_load(&t->work) && !dead) {
            if (!how.signal && !how.come_back) {
                atomic_store(&t->in_guest, 0);
                continue;
            }
            frame.more = true; /* the frame must be built first; come back at once */
        }
        trap = run_guest(t, &how);
        atomic_store(&t->in_guest, 0);

        how = (struct resume){.kind = RESUME_AS_IS};
        trace_after_trap(t, trap, &how);
        switch (trap) {
        case TRAP_SYSCALL:
            syscall_trap(t, &how);
            break;
        case TRAP_FAULT:
            fault(t);
            break;
        case TRAP_KICKED:
            break;
        case TRAP_BADFRAME:
            bad_frame(t, frame.signo);
            break;
        case TRAP_QUIET: /* run_guest() went on */
            break;
        case TRAP_DEAD:
            gone = true;
            tgroup_exit(t->tg,
                        t->trap.signo ? LX_W_SIGNALED(t->trap.signo) : LX_W_EXITED(t->trap.code));
            break;
        }
        if (gone)
            break;
    }
    task_exit(t, gone);
    return NULL;
}
