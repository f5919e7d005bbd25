/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ptrace-stops. The tracee publishes the stop, tells its tracer, and sleeps; it carries out
 * requests meanwhile (request.c), and goes on when its tracer resumes it, lets it go or dies, or
 * when it is killed. ptrace(2), "Stopped states".
 */
#include <errno.h>
#include <string.h>

#include "abi/linux/sched.h"
#include "kernel/ptrace/internal.h"
#include "kernel/wait/block.h"

#define POLLIN_BIT 1u

void trace_live(struct task *t, struct resume *how)
{
    struct tracee *tr = &t->trace;

    if (!tr->live) {
        bool in_call = !how || how->kind == RESUME_RETURN;

        tr->live = true;
        platform_take_regs(t->st, &t->trap);
        if (platform_unpatch(t->st)) {
            /* It is dead, or held in a vfork: then what the tracer reads may have jumps in it. */
        }
        tr->call_nr = in_call ? (int64_t) t->trap.nr : -1;
        if (!how || how->kind != RESUME_REGS)
            t->resume_regs = t->trap.regs;
        if (!how)
            t->resume_regs.rax = (uint64_t) -ENOSYS;
        else if (how->kind == RESUME_RETURN || how->kind == RESUME_RESTART)
            t->resume_regs.rax = (uint64_t) how->value;
        if (how && how->kind == RESUME_RESTART)
            t->resume_regs.rip -= 2;
        /* The tracer looks at memory, not at what was marshalled for the call. */
        if (platform_flush(t->st) && how && how->kind == RESUME_RETURN)
            t->resume_regs.rax = (uint64_t) -EFAULT;
    }
    if (how) {
        how->kind = RESUME_REGS;
        how->regs = &t->resume_regs;
    }
}

/* sighand.lock held. Whoever dies stops no more, but to report its exit. */
static bool must_go_locked(const struct task *t, int code)
{
    uint32_t work = atomic_load(&t->work);

    if (!is_traced(t) || t->tg->killed || (work & WORK_DEAD))
        return true;
    return (work & WORK_EXIT) && code >> 8 != LX_PTRACE_EVENT_EXIT;
}

/* tasks_lock held, sighand.lock not. */
static void tell_tracer(struct task *t, int why, int status)
{
    struct task *tracer = atomic_load(&t->trace.tracer);
    struct lx_siginfo info = {.signo = LX_SIGCHLD, .code = why};
    const struct sigaction_entry *a;
    struct sighand *sh;

    info.chld.pid = t->tid;
    info.chld.uid = t->cred->uid;
    info.chld.status = status;
    sh = sighand_lock(tracer->tg);
    a = &sh->actions[LX_SIGCHLD - 1];
    if (a->handler != LX_SIG_IGN && !(a->flags & LX_SA_NOCLDSTOP))
        (void) signal_send_locked(tracer->tg, NULL, &info);
    mutex_unlock(&sh->lock);
    waitq_wake(&tracer->tg->wait_children, POLLIN_BIT);
}

void trace_resume_locked(struct task *t, enum trace_mode mode, int inject)
{
    t->trace.stopped = t->trace.listening = false;
    t->trace.mode = mode;
    t->trace.inject = inject;
    task_wake(t);
}

static bool is_due(const struct tracee *tr)
{
    return tr->trap_due || tr->notify_due;
}

/* The stop itself. sighand.lock is held on entry and at the end. */
static struct sighand *sleep_stopped(struct task *t, struct sighand *sh, int code)
{
    struct tracee *tr = &t->trace;

    while (tr->stopped && !must_go_locked(t, code)) {
        struct trace_request *rq;

        if (tr->listening && is_due(tr))
            break; /* what has been asked for is refused by trace_stop() */
        rq = trace_take_request_locked(t);
        mutex_unlock(&sh->lock);
        if (rq) {
            trace_serve(t, rq);
        } else {
            platform_sleeping(t->st, true);
            if (parker_wait(&t->park, t->ticket, NULL) != 0) {
                /* a host signal came: look again */
            }
            platform_sleeping(t->st, false);
        }
        t->ticket = parker_arm(&t->park);
        sh = sighand_lock(t->tg);
    }
    return sh;
}

int trace_stop(struct task *t, int code, const struct lx_siginfo *info, const uint64_t *message)
{
    struct kernel *k = t->k;
    struct tracee *tr = &t->trace;
    struct trace_request *late;
    struct sighand *sh;
    int inject = TRACE_INJECT_UNSAID;

    trace_hide_step(t);
    if (platform_get_bases(t->st, &tr->fs_base, &tr->gs_base)) {
        /* It dies; the stop is over at once. */
    }
    t->ticket = parker_arm(&t->park);
    mutex_lock(&k->tasks_lock);
    sh = sighand_lock(t->tg);
    if (must_go_locked(t, code)) {
        mutex_unlock(&sh->lock);
        mutex_unlock(&k->tasks_lock);
        return TRACE_INJECT_UNSAID;
    }
    tr->code = code;
    tr->has_info = info != NULL;
    if (info)
        tr->info = *info;
    if (message)
        tr->message = *message;
    tr->reported = tr->listening = false;
    tr->inject = 0;
    tr->stopped = true;
    atomic_store(&t->state, TASK_TRACED);
    mutex_unlock(&sh->lock);
    tell_tracer(t, info ? LX_CLD_TRAPPED : LX_CLD_STOPPED, code & 0x7f);
    mutex_unlock(&k->tasks_lock);

    sh = sighand_lock(t->tg);
    sh = sleep_stopped(t, sh, code);
    if (!tr->stopped)
        inject = tr->inject;
    tr->stopped = tr->listening = false;
    tr->inject = 0;
    late = trace_take_request_locked(t);
    atomic_store(&t->state, TASK_RUNNING);
    mutex_unlock(&sh->lock);
    if (late)
        trace_refuse(late);
    if (tr->bases_changed) {
        tr->bases_changed = false;
        if (platform_set_bases(t->st, tr->fs_base, tr->gs_base)) {
            /* It dies. */
        }
    }
    return inject;
}

bool trace_signal(struct task *t, struct resume *how, struct lx_siginfo *info)
{
    int signo;

    trace_live(t, how);
    signo = trace_stop(t, info->signo, info, NULL);
    if (signo == TRACE_INJECT_UNSAID)
        return true; /* the signal takes its course */
    if (signo == 0)
        return false;
    if (signo == info->signo) {
        *info = t->trace.info;
        info->signo = signo;
        return true;
    }
    *info = (struct lx_siginfo){.signo = signo, .code = LX_SI_USER};
    mutex_lock(&t->k->tasks_lock);
    if (is_traced(t)) {
        struct task *tracer = atomic_load(&t->trace.tracer);

        info->rt.pid = tracer->tg->tgid;
        info->rt.uid = tracer->cred->uid;
    }
    mutex_unlock(&t->k->tasks_lock);
    return true;
}

bool trace_job_due_locked(const struct task *t)
{
    return is_traced(t) && (is_due(&t->trace) || (t->tg->stopping && !t->stop_joined));
}

void trace_notify_job_locked(struct task *t, bool cont)
{
    if (!is_traced(t) || (cont && !t->trace.seized))
        return;
    if (cont)
        t->trace.notify_due = true;
    else
        t->trace.trap_due = true;
    atomic_fetch_or(&t->work, WORK_PTRACE);
    signal_poke_locked(t);
}

void trace_job_stop(struct task *t, struct resume *how)
{
    struct tgroup *tg = t->tg;
    struct lx_siginfo info = {.signo = LX_SIGTRAP};
    bool tell, seized;
    struct sighand *sh;
    int signo;

    trace_live(t, how);
    sh = sighand_lock(tg);
    t->trace.trap_due = t->trace.notify_due = false;
    seized = t->trace.seized;
    signo = tg->stopping ? tg->stop_signal : LX_SIGTRAP;
    stop_join_locked(t);
    tell = tg->notify_stop;
    tg->notify_stop = false;
    mutex_unlock(&sh->lock);
    if (tell)
        stop_notify_parent(tg, LX_CLD_STOPPED);
    if (!seized && !tg->stopping)
        return; /* continued meanwhile */
    if (!seized) {
        (void) trace_stop(t, signo, NULL, NULL);
        return;
    }
    info.signo = signo;
    info.code = signo | LX_PTRACE_EVENT_STOP << 8;
    info.rt.pid = t->tid;
    info.rt.uid = t->cred->uid;
    (void) trace_stop(t, info.code, &info, NULL);
}

int trace_notify(struct task *t, int code, uint64_t message)
{
    struct lx_siginfo info = {.signo = LX_SIGTRAP, .code = code};
    struct sighand *sh;

    info.rt.pid = t->tid;
    info.rt.uid = t->cred->uid;
    /* Such a stop will do for a PTRACE_INTERRUPT. Before a signal is taken none is due, and what
     * comes later is another stop. */
    sh = sighand_lock(t->tg);
    t->trace.trap_due = false;
    mutex_unlock(&sh->lock);
    return trace_stop(t, code, &info, &message);
}

static bool wants_event(const struct task *t, int event)
{
    return is_traced(t) && (t->trace.options & 1u << event);
}

void trace_event(struct task *t, int event, uint64_t message)
{
    if (!wants_event(t, event))
        return;
    trace_live(t, NULL);
    (void) trace_notify(t, LX_SIGTRAP | event << 8, message);
}

void trace_execed(struct task *t, pid_t old_tid)
{
    struct lx_siginfo info = {.signo = LX_SIGTRAP, .code = LX_SI_USER};

    if (!is_traced(t))
        return;
    t->trace.live = true; /* the loader has made resume_regs */
    t->trace.call_nr = (int64_t) t->trap.nr;
    if (wants_event(t, LX_PTRACE_EVENT_EXEC)) {
        (void) trace_notify(t, LX_SIGTRAP | LX_PTRACE_EVENT_EXEC << 8, (uint64_t) old_tid);
    } else if (!t->trace.seized) {
        info.rt.pid = t->tg->tgid;
        info.rt.uid = t->cred->uid;
        (void) signal_send_task(t, &info);
    }
}

int trace_clone_event(struct task *t, uint64_t flags, int exit_signal)
{
    int event = LX_PTRACE_EVENT_FORK;

    if (flags & LX_CLONE_UNTRACED)
        return 0;
    if (flags & LX_CLONE_VFORK)
        event = LX_PTRACE_EVENT_VFORK;
    else if (exit_signal != LX_SIGCHLD)
        event = LX_PTRACE_EVENT_CLONE;
    return wants_event(t, event) ? event : 0;
}
