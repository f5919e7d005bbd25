/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Job control stops. A stop belongs to the group: the thread that takes the stop signal begins it,
 * every thread joins when it next looks at its work, and the last one to join makes the group
 * stopped and tells the parent. SIGCONT ends it from the sender's side (signal/send.c); the first
 * thread to leave tells the parent, because the sender may hold locks that this needs.
 */
#include "abi/linux/wait.h"
#include "kernel/ptrace/ptrace.h"
#include "kernel/task/task.h"
#include "kernel/wait/block.h"

#define NS_PER_TICK 10000000u /* USER_HZ is 100 */

void stop_begin_locked(struct task *t, int signo)
{
    struct tgroup *tg = t->tg;
    struct task *o;

    if (tg->exiting)
        return;
    if (tg->stopping) { /* only a traced thread runs in a stopped group: it reports once more */
        trace_notify_job_locked(t, false);
        return;
    }
    tg->stopping = true;
    tg->stopped = tg->stop_reported = tg->continued = false;
    tg->stop_signal = signo;
    tg->stop_left = tg->n_threads;
    list_for_each_entry (o, &tg->threads, tg_link) {
        o->stop_joined = false;
        atomic_fetch_or(&o->work, WORK_STOP);
        if (o != t)
            signal_poke_locked(o);
    }
}

static void joined_locked(struct tgroup *tg)
{
    if (tg->stop_left && --tg->stop_left == 0) {
        tg->stopped = true;
        tg->stop_reported = false;
        tg->notify_stop = true;
    }
}

void stop_join_locked(struct task *t)
{
    if (t->tg->stopping && !t->stop_joined) {
        t->stop_joined = true;
        joined_locked(t->tg);
    }
}

void stop_leave_locked(struct task *t)
{
    if (t->tg->stopping && !t->stop_joined)
        joined_locked(t->tg);
}

void stop_notify_parent(struct tgroup *tg, int code)
{
    struct kernel *k = tg->k;
    struct lx_siginfo info = {.signo = LX_SIGCHLD, .code = code};
    struct tgroup *parent;
    struct sighand *sh;
    uint64_t utime_ns, stime_ns;
    bool quiet;

    mutex_lock(&k->tasks_lock);
    parent = tg->parent;
    if (parent) {
        info.chld.pid = tg->tgid;
        info.chld.uid = tg->leader ? tg->leader->cred->uid : 0;
        tgroup_cpu_time(tg, &utime_ns, &stime_ns);
        info.chld.utime = (int64_t) (utime_ns / NS_PER_TICK);
        info.chld.stime = (int64_t) (stime_ns / NS_PER_TICK);
        info.chld.status = code == LX_CLD_CONTINUED ? LX_SIGCONT : tg->stop_signal;
        sh = sighand_lock(parent);
        quiet = sh->actions[LX_SIGCHLD - 1].handler == LX_SIG_IGN ||
                (sh->actions[LX_SIGCHLD - 1].flags & LX_SA_NOCLDSTOP);
        if (!quiet)
            (void) signal_send_locked(parent, NULL, &info);
        mutex_unlock(&sh->lock);
        waitq_wake(&parent->wait_children, 1);
    }
    mutex_unlock(&k->tasks_lock);
}

void stop_wait(struct task *t)
{
    struct tgroup *tg = t->tg;
    struct sighand *sh = sighand_lock(tg);

    stop_join_locked(t);
    atomic_store(&t->state, TASK_STOPPED);
    while (tg->stopping && !tg->exiting && !(atomic_load(&t->work) & (WORK_EXIT | WORK_DEAD)) &&
           !trace_job_due_locked(t)) {
        bool tell = tg->notify_stop;

        tg->notify_stop = false;
        mutex_unlock(&sh->lock);
        if (tell)
            stop_notify_parent(tg, LX_CLD_STOPPED);
        else if (parker_wait(&t->park, t->ticket, NULL) != 0) {
            /* a host signal came: look again */
        }
        t->ticket = parker_arm(&t->park);
        sh = sighand_lock(tg);
    }
    atomic_fetch_and(&t->work, ~(uint32_t) WORK_STOP);
    atomic_store(&t->state, TASK_RUNNING);
    t->stop_joined = tg->stopping; /* still: it goes on to stop for a tracer */
    if (tg->notify_cont) {
        tg->notify_cont = false;
        mutex_unlock(&sh->lock);
        stop_notify_parent(tg, LX_CLD_CONTINUED);
        return;
    }
    mutex_unlock(&sh->lock);
}
