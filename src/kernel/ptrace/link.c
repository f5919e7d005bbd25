/* SPDX-License-Identifier: Apache-2.0 */
/* Who traces whom: attaching, letting go, and what exit and clone make of it. ptrace(2). */
#include <errno.h>

#include "abi/linux/sched.h"
#include "abi/linux/wait.h"
#include "kernel/ptrace/internal.h"
#include "kernel/task/pid.h"
#include "kernel/wait/block.h"

#define POLLIN_BIT 1u

/* tasks_lock and the sighand.lock of t held. */
static void link_locked(struct task *t, struct task *tracer, bool seized, uint32_t options)
{
    struct tracee *tr = &t->trace;

    atomic_store(&tr->tracer, tracer);
    tr->options = options;
    tr->seized = seized;
    tr->trap_due = tr->notify_due = tr->stopped = tr->listening = false;
    tr->mode = TRACE_CONT;
    tr->message = 0;
    list_add_tail(&tr->link, &tracer->tracees);
    task_get(t);
}

/* tasks_lock held. inject: what it goes on with, if it was stopped. */
static struct task *unlink_with(struct task *t, int inject)
{
    struct tracee *tr = &t->trace;
    struct sighand *sh;

    if (!is_traced(t))
        return NULL;
    sh = sighand_lock(t->tg);
    atomic_store(&tr->tracer, NULL);
    list_del(&tr->link);
    tr->options = 0;
    tr->seized = tr->trap_due = tr->notify_due = false;
    trace_resume_locked(t, TRACE_CONT, inject);
    if (t->tg->stopping && !t->tg->exiting)
        atomic_fetch_or(&t->work, WORK_STOP); /* it has to stand still with the others */
    mutex_unlock(&sh->lock);
    return t;
}

struct task *trace_unlink(struct task *t)
{
    return unlink_with(t, TRACE_INJECT_UNSAID);
}

/* tasks_lock held. ptrace(2), "Ptrace access mode checking": PTRACE_MODE_ATTACH_REALCREDS. */
static bool may_attach(const struct task *tracer, const struct task *t)
{
    const struct cred *c = tracer->cred, *o = t->cred;

    if (cred_capable(c, LX_CAP_SYS_PTRACE))
        return true;
    if (t->tg->setid_execs)
        return false;
    return c->uid == o->uid && c->uid == o->euid && c->uid == o->suid && c->gid == o->gid &&
           c->gid == o->egid && c->gid == o->sgid && t->tg->dumpable &&
           !(o->cap_permitted & ~c->cap_permitted);
}

int trace_attach(struct task *tracer, struct task *t, bool seize, uint32_t options)
{
    struct kernel *k = t->k;
    struct lx_siginfo stop = {.signo = LX_SIGSTOP, .code = LX_SI_KERNEL};
    struct sighand *sh;
    int r = -EPERM;

    MUTEX_GUARD(&k->tasks_lock);
    if (t->tg == tracer->tg || !may_attach(tracer, t))
        return -EPERM;
    sh = sighand_lock(t->tg);
    if (!is_traced(t) && atomic_load(&t->state) < TASK_ZOMBIE) {
        link_locked(t, tracer, seize, options);
        r = 0;
        if (!seize)
            (void) signal_send_locked(t->tg, t, &stop);
        /* One that stands still with its group becomes stopped for its tracer. */
        if (t->tg->stopping) {
            t->trace.trap_due = true;
            atomic_fetch_or(&t->work, WORK_PTRACE);
            signal_poke_locked(t);
        }
    }
    mutex_unlock(&sh->lock);
    return r;
}

/* tasks_lock held: the thread that made t's process, or what stands for it. */
static struct task *real_parent(const struct task *t)
{
    struct tgroup *p = t->tg->parent;
    struct task *o;

    if (!p)
        return NULL;
    list_for_each_entry (o, &p->threads, tg_link) {
        if (o->tid == t->tg->maker)
            return o;
    }
    return p->n_threads ? list_first_entry(&p->threads, struct task, tg_link) : NULL;
}

int trace_traceme(struct task *t)
{
    struct task *tracer;
    struct sighand *sh;
    int r = -EPERM;

    MUTEX_GUARD(&t->k->tasks_lock);
    tracer = real_parent(t);
    if (!tracer)
        return -EPERM;
    sh = sighand_lock(t->tg);
    if (!is_traced(t)) {
        link_locked(t, tracer, false, 0);
        r = 0;
    }
    mutex_unlock(&sh->lock);
    return r;
}

int trace_detach(struct task *tracer, struct task *t, int signo)
{
    struct task *drop = NULL;
    struct sighand *sh;
    bool ok;

    mutex_lock(&t->k->tasks_lock);
    sh = sighand_lock(t->tg);
    ok = atomic_load(&t->trace.tracer) == tracer && t->trace.stopped && !t->trace.listening;
    mutex_unlock(&sh->lock);
    if (ok)
        drop = unlink_with(t, signo);
    mutex_unlock(&t->k->tasks_lock);
    task_put(drop);
    return ok ? 0 : -ESRCH;
}

void trace_clone_child(struct task *t, struct task *child)
{
    struct task *tracer = atomic_load(&t->trace.tracer);
    struct lx_siginfo stop = {.signo = LX_SIGSTOP, .code = LX_SI_USER};
    struct sighand *sh;

    if (!tracer)
        return;
    sh = sighand_lock(child->tg);
    link_locked(child, tracer, t->trace.seized, t->trace.options);
    if (t->trace.seized) {
        child->trace.trap_due = true;
        atomic_fetch_or(&child->work, WORK_PTRACE);
    } else if (sigqueue_add(&child->pending, &stop, UINT64_MAX) == 0) {
        signal_recalc_locked(child);
    }
    mutex_unlock(&sh->lock);
}

bool trace_admits_setid(struct task *t)
{
    const struct task *tracer;

    MUTEX_GUARD(&t->k->tasks_lock);
    tracer = atomic_load(&t->trace.tracer);
    if (tracer && !cred_capable(tracer->cred, LX_CAP_SYS_PTRACE))
        return false;
    t->tg->setid_execs++;
    return true;
}

void trace_setid_over(struct task *t)
{
    MUTEX_GUARD(&t->k->tasks_lock);
    t->tg->setid_execs--;
}

/* ---- the end ---- */

bool trace_hides_zombie(const struct tgroup *tg)
{
    const struct task *tracer = tg->leader ? atomic_load(&tg->leader->trace.tracer) : NULL;

    return tracer && tracer->tg != tg->parent;
}

bool trace_keep_zombie(struct task *t)
{
    return is_traced(t) && t != t->tg->leader;
}

void trace_free_zombie(struct task *t)
{
    struct pid_entry *e = pid_find(t->k, t->tid);

    if (e && e->task == t) {
        e->task = NULL;
        pid_check(t->k, e);
    }
    atomic_store(&t->state, TASK_DEAD);
}

bool trace_notify_exit(struct task *t, uint32_t status)
{
    struct task *tracer = atomic_load(&t->trace.tracer);
    struct lx_siginfo info = {.signo = LX_SIGCHLD};
    const struct sigaction_entry *a;
    struct sighand *sh;
    bool ignored;

    info.code = (status & 0x7f) ? LX_CLD_KILLED : LX_CLD_EXITED;
    info.chld.pid = t->tid;
    info.chld.uid = t->cred->uid;
    info.chld.status = (int32_t) ((status & 0x7f) ? status & 0x7f : status >> 8 & 0xff);
    sh = sighand_lock(tracer->tg);
    a = &sh->actions[LX_SIGCHLD - 1];
    ignored = a->handler == LX_SIG_IGN || (a->flags & LX_SA_NOCLDWAIT);
    if (a->handler != LX_SIG_IGN)
        (void) signal_send_locked(tracer->tg, NULL, &info);
    mutex_unlock(&sh->lock);
    waitq_wake(&tracer->tg->wait_children, POLLIN_BIT);
    return ignored;
}

void trace_release_all(struct task *t, void (*notify)(struct tgroup *tg, struct list *dead),
                       struct list *dead, struct list *zombies)
{
    struct task *c, *next;

    list_for_each_entry_safe (c, next, &t->tracees, trace.link) {
        bool kill = c->trace.options & LX_PTRACE_O_EXITKILL;
        bool hidden = c == c->tg->leader && trace_hides_zombie(c->tg);
        struct task *drop = trace_unlink(c);

        if (atomic_load(&c->state) >= TASK_ZOMBIE) {
            list_add_tail(&c->trace.link, zombies); /* nobody can trace it any more */
            if (c != c->tg->leader)
                trace_free_zombie(c);
            else if (hidden && c->tg->zombie)
                notify(c->tg, dead);
            continue;
        }
        if (kill)
            tgroup_exit(c->tg, LX_W_SIGNALED(LX_SIGKILL));
        task_put(drop); /* not the last one: its thread holds another */
    }
}
