/* SPDX-License-Identifier: Apache-2.0 */
/* The end of tasks and processes: what they leave behind, who is told, who inherits their children.
 */
#include <errno.h>
#include <limits.h>

#include "abi/linux/ptrace.h"
#include "abi/linux/wait.h"
#include "base/cleanup.h"
#include "base/sys.h"
#include "kernel/ipc/ipc.h"
#include "kernel/ptrace/ptrace.h"
#include "kernel/task/ctty.h"
#include "kernel/task/image.h"
#include "kernel/task/pid.h"
#include "kernel/task/usage.h"
#include "kernel/time/itimer.h"
#include "kernel/vfs/fdtable.h"
#include "kernel/vfs/walk.h"
#include "kernel/wait/block.h"

#define POLLIN_BIT 1u
static void wake_one(struct task *t, uint64_t addr)
{
    if (platform_futex_wake(t->st, addr, 1)) {
        /* Unmapped by now: there is nobody to wake. */
    }
}

void task_leave_memory(struct task *t)
{
    static const uint32_t zero;

    futex_robust_exit(t);
    futex_pi_exit(t);
    /* Nobody can look at the word when the last user of the memory goes; pthread_join and vfork'ed
     * memory can. */
    if (t->clear_child_tid && (t->tg->n_threads > 1 || platform_mm_is_shared(t->st))) {
        if (copy_out(t, uaddr(t->clear_child_tid), &zero, sizeof(zero)) == 0)
            wake_one(t, t->clear_child_tid);
    }
    t->clear_child_tid = 0;
}

/* tasks_lock held. */
struct tgroup *tgroup_reaper(struct tgroup *tg)
{
    for (struct tgroup *p = tg->parent; p; p = p->parent) {
        if (p->child_subreaper && !p->zombie && p != tg)
            return p;
    }
    return tg->k->init != tg ? tg->k->init : NULL;
}

void tgroup_reap(struct tgroup *tg)
{
    struct kernel *k = tg->k;
    struct pid_entry *e = pid_find(k, tg->tgid);

    list_del(&tg->sibling);
    tg->parent = NULL;
    if (e) {
        e->tg = NULL;
        if (e->task && e->task->tg == tg)
            e->task = NULL;
    }
    tgroup_join(tg, 0, 0);
    pid_check(k, pid_find(k, tg->tgid));
    if (tg->leader) {
        atomic_store(&tg->leader->state, TASK_DEAD);
        task_put(trace_unlink(tg->leader));
        task_put(tg->leader);
        tg->leader = NULL;
    }
}

void tgroup_release(struct tgroup *tg)
{
    mutex_lock(&tg->k->tasks_lock);
    tgroup_reap(tg);
    mutex_unlock(&tg->k->tasks_lock);
    tgroup_put(tg);
}

/*
 * tasks_lock held. Tells the parent of a zombie; true when the parent wants no zombies and it was
 * reaped at once: the caller drops the tree's reference after unlocking.
 */
static bool notify_parent(struct tgroup *tg)
{
    struct tgroup *p = tg->parent;
    struct lx_siginfo info = {.signo = tg->exit_signal};
    struct sighand *sh;
    bool autoreap = false;
    uint32_t st = tg->exit_status;

    if (!p) {
        return false;
    }
    info.code = (st & 0x7f) ? LX_CLD_KILLED : LX_CLD_EXITED;
    info.chld.pid = tg->tgid;
    info.chld.uid = tg->leader ? tg->leader->cred->uid : 0;
    info.chld.status = (st & 0x7f) ? (int32_t) (st & 0x7f) : (int32_t) ((st >> 8) & 0xff);
    info.chld.utime = (int64_t) (tg->own_usage.utime_ns / 10000000u);
    info.chld.stime = (int64_t) (tg->own_usage.stime_ns / 10000000u);

    sh = sighand_lock(p);
    if (tg->exit_signal == LX_SIGCHLD) {
        const struct sigaction_entry *a = &sh->actions[LX_SIGCHLD - 1];

        autoreap = a->handler == LX_SIG_IGN || (a->flags & LX_SA_NOCLDWAIT);
        if (a->handler != LX_SIG_IGN)
            (void) signal_send_locked(p, NULL, &info);
    } else if (tg->exit_signal) {
        (void) signal_send_locked(p, NULL, &info);
    }
    mutex_unlock(&sh->lock);
    if (autoreap)
        tgroup_reap(tg);
    waitq_wake(&p->wait_children, POLLIN_BIT);
    return autoreap;
}

static void hup_and_cont(struct kernel *k, pid_t pgid)
{
    static const int signos[] = {LX_SIGHUP, LX_SIGCONT};
    struct pid_entry *e = pid_find(k, pgid);
    struct tgroup *tg;

    if (!e)
        return;
    for (size_t i = 0; i < ARRAY_LEN(signos); i++) {
        struct lx_siginfo info = {.signo = signos[i], .code = LX_SI_KERNEL};

        list_for_each_entry (tg, &e->pgrp, pgrp_link)
            (void) signal_send_group(tg, &info);
    }
}

void tgroup_tell_parent(struct tgroup *tg, struct list *dead)
{
    if (notify_parent(tg))
        list_add_tail(&tg->sibling, dead);
}

/* tasks_lock held. Children go to the nearest living subreaper, or to init. Zombies to drop are
 * collected in `dead`. */
static void give_children_away(struct tgroup *tg, struct list *dead)
{
    struct tgroup *heir = tgroup_reaper(tg), *c, *next;

    list_for_each_entry_safe (c, next, &tg->children, sibling) {
        pid_t pgid = c->pgid;

        list_del(&c->sibling);
        c->parent = heir;
        c->maker = heir ? heir->tgid : 0;
        if (heir)
            list_add_tail(&c->sibling, &heir->children);
        if (c->pdeath_signal) {
            struct lx_siginfo info = {.signo = c->pdeath_signal, .code = LX_SI_USER};

            info.rt.pid = tg->tgid;
            (void) signal_send_group(c, &info);
        }
        if (c->zombie) {
            c->exit_signal = LX_SIGCHLD;
            if (!trace_hides_zombie(c))
                tgroup_tell_parent(c, dead);
        } else {
            c->exit_signal = c->exit_signal ? LX_SIGCHLD : 0;
            if (pgrp_is_orphaned(tg->k, pgid, NULL) && pgrp_has_stopped(tg->k, pgid))
                hup_and_cont(tg->k, pgid);
        }
    }
}

void kernel_kill_all(struct kernel *k, struct tgroup *but)
{
    struct task *t;

    mutex_lock(&k->tasks_lock);
    list_for_each_entry (t, &k->tasks, all_link) {
        if (t->tg != but)
            tgroup_exit(t->tg, LX_W_SIGNALED(LX_SIGKILL));
    }
    mutex_unlock(&k->tasks_lock);
}

/* tasks_lock held; the last thread is gone. Collects what is to be freed. */
static void group_ends(struct tgroup *tg, struct list *dead)
{
    struct kernel *k = tg->k;
    pid_t pgid = tg->pgid;
    bool was_orphaned = pgrp_is_orphaned(k, pgid, NULL);

    ctty_leader_ends(tg);
    give_children_away(tg, dead);
    tg->zombie = true;
    if (!was_orphaned && pgrp_is_orphaned(k, pgid, tg) && pgrp_has_stopped(k, pgid))
        hup_and_cont(k, pgid);
    waitq_wake(&tg->exit_wq, POLLIN_BIT);
    if (trace_hides_zombie(tg)) {
        if (!trace_notify_exit(tg->leader, tg->exit_status))
            return;
        task_put(trace_unlink(tg->leader)); /* the tree's reference remains */
    }
    tgroup_tell_parent(tg, dead);
}

/* tasks_lock held: the end of t as seen by those whom it traces and by its own tracer. */
static void end_tracing(struct task *t, struct list *dead, struct list *zombies)
{
    trace_release_all(t, tgroup_tell_parent, dead, zombies);
    if (trace_keep_zombie(t) && trace_notify_exit(t, t->exit_code)) {
        trace_free_zombie(t);
        task_put(trace_unlink(t)); /* the thread's own reference remains */
    }
}

/* Takes t out of its group. True when it was the last thread. */
static bool thread_leaves(struct task *t, bool *ret_tell_stop)
{
    struct kernel *k = t->k;
    struct tgroup *tg = t->tg;
    struct sighand *sh = sighand_lock(tg);
    bool last;

    stop_leave_locked(t);
    list_del(&t->tg_link);
    last = --tg->n_threads == 0;
    *ret_tell_stop = !last && tg->notify_stop;
    if (*ret_tell_stop)
        tg->notify_stop = false;
    sigqueue_flush(&t->pending, UINT64_MAX);
    if (tg->exec_task && tg->n_threads == 1)
        task_wake(tg->exec_task);
    if (tg->exiting)
        t->exit_code = tg->exit_status;
    if (last) {
        if (!tg->exiting) {
            tg->exiting = true;
            tg->exit_status = tg->leader ? tg->leader->exit_code : t->exit_code;
        }
        sigqueue_flush(&tg->pending, UINT64_MAX);
    }
    mutex_unlock(&sh->lock);

    list_del(&t->all_link);
    k->n_tasks--;
    atomic_store(&t->state, TASK_ZOMBIE);
    if (t != tg->leader && !trace_keep_zombie(t)) {
        struct pid_entry *e = pid_find(k, t->tid);

        if (e && e->task == t) {
            e->task = NULL;
            pid_check(k, e);
        }
    }
    return last;
}

/* tasks_lock held. Does another thread live in the same host process? */
static bool shares_stub(const struct task *t)
{
    const struct task *o;

    list_for_each_entry (o, &t->tg->threads, tg_link) {
        if (o != t && o->st)
            return true;
    }
    return false;
}

/* Gives up descriptors, directories and the host thread. */
static void release_resources(struct task *t)
{
    struct kernel *k = t->k;
    struct stub_thread *st;
    struct fdtable *files;
    struct fsctx *fs;
    struct sighand *sh;

    mutex_lock(&k->tasks_lock);
    files = t->files;
    fs = t->fs;
    t->files = NULL;
    t->fs = NULL;
    mutex_unlock(&k->tasks_lock);
    if (files)
        fdtable_put(files, t);
    if (fs)
        fsctx_put(fs);

    mutex_lock(&k->tasks_lock);
    if (t->st && !shares_stub(t))
        usage_collect(t);
    task_io(t, &t->tg->own_io);
    t->io = (struct io_count){0};
    t->tg->own_usage.nvcsw += (long) atomic_exchange(&t->sleeps, 0);
    t->tg->own_usage.stime_ns += sentry_thread_cpu_ns(atomic_exchange(&t->sentry_tid, 0));
    sh = sighand_lock(t->tg);
    st = t->st;
    t->st = NULL;
    mutex_unlock(&sh->lock);
    mutex_unlock(&k->tasks_lock);
    if (st)
        platform_exit_thread(st);
}

/* A program that has ended may be written to as soon as its parent knows. */
static void leave_image(struct tgroup *tg)
{
    struct image *im;

    mutex_lock(&tg->k->tasks_lock);
    im = take_ptr(&tg->image);
    mutex_unlock(&tg->k->tasks_lock);
    image_put(im);
}

static void end_kernel(struct kernel *k, struct tgroup *init)
{
    kernel_kill_all(k, init);
    atomic_store(&k->exit_status, init->exit_status);
    atomic_store(&k->ended, 1);
    host_futex_wake(&k->ended, INT_MAX, FUTEX_SCOPE_PRIVATE);
}

void task_exit(struct task *t, bool guest_gone)
{
    struct kernel *k = t->k;
    struct tgroup *tg = t->tg;
    struct list dead = LIST_INIT(dead), zombies = LIST_INIT(zombies), *l;
    bool last, tell_stop, is_init;

    if (!guest_gone)
        trace_event(t, LX_PTRACE_EVENT_EXIT, tg->exiting ? tg->exit_status : t->exit_code);
    if (atomic_fetch_sub(&tg->living, 1) == 1) {
        itimers_stop(tg->itimers, false); /* their references on threads go with them */
        cpu_limit_stop(&tg->cpu_limit);
        ipc_exit(t);
        leave_image(tg);
    }
    if (!guest_gone)
        task_leave_memory(t);
    else
        futex_pi_exit(t);
    release_resources(t);
    if (t->vfork_done)
        completion_done(take_ptr(&t->vfork_done));

    mutex_lock(&k->tasks_lock);
    last = thread_leaves(t, &tell_stop);
    is_init = tg == k->init;
    end_tracing(t, &dead, &zombies);
    if (last)
        group_ends(tg, &dead);
    mutex_unlock(&k->tasks_lock);

    if (tell_stop)
        stop_notify_parent(tg, LX_CLD_STOPPED);
    if (last && is_init)
        end_kernel(k, tg);
    while ((l = list_pop(&dead)))
        tgroup_put(container_of(l, struct tgroup, sibling));
    while ((l = list_pop(&zombies)))
        task_put(list_entry(l, struct task, trace.link));
    task_put(t);
    if (last)
        kernel_trim(k);
}
