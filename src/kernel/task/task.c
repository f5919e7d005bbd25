/* SPDX-License-Identifier: Apache-2.0 */
/* Tasks and thread groups: making, finding, linking and freeing them. exit.c ends them, run.c runs
 * them. */
#include "kernel/task/task.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "abi/linux/prctl.h"
#include "abi/linux/resource.h"
#include "kernel/ipc/ipc.h"
#include "kernel/seccomp/seccomp.h"
#include "kernel/syscall/native.h"
#include "kernel/task/image.h"
#include "kernel/task/pause.h"
#include "kernel/task/pid.h"
#include "kernel/time/itimer.h"
#include "kernel/time/ktimer.h"
#include "kernel/vfs/fdtable.h"
#include "kernel/vfs/walk.h"

#define COREDUMP_DEFAULT 0x33 /* core(5) */
#define SENTRY_STACK     (256u * 1024)

int kernel_tasks_init(struct kernel *k)
{
    mutex_init(&k->tasks_lock, RANK_KERNEL_TASKS);
    mutex_init(&k->epoll_nest, RANK_EPOLL_NEST);
    mutex_init(&k->inotify_lock, RANK_LEAF);
    list_init(&k->inotify_users);
    htab_init(&k->pids);
    list_init(&k->tasks);
    kernel_limit_tasks(k, k->max_tasks);
    clock_gettime(CLOCK_MONOTONIC, &k->boot_mono);
    clock_gettime(CLOCK_REALTIME, &k->boot_real);
    int r = futexes_new(&k->futexes);
    if (r == 0)
        r = ipc_new(&k->ipc);
    return r ? r : timer_base_new(&k->timers);
}

void kernel_limit_tasks(struct kernel *k, uint32_t max)
{
    MUTEX_GUARD(&k->tasks_lock);
    k->max_tasks = max ? max : KERNEL_MAX_TASKS;
}

struct task *task_get(struct task *t)
{
    ref_get(&t->ref);
    return t;
}

struct tgroup *tgroup_get(struct tgroup *tg)
{
    ref_get(&tg->ref);
    return tg;
}

void tgroup_put(struct tgroup *tg)
{
    struct list *l;

    if (!tg || !ref_put(&tg->ref))
        return;
    sigqueue_flush(&tg->pending, UINT64_MAX);
    itimers_free(tg->itimers);
    cpu_limit_stop(&tg->cpu_limit);
    image_put(tg->image);
    sighand_put(tg->sighand);
    while ((l = list_pop(&tg->old_sighands))) {
        struct sighand_left *left = list_entry(l, struct sighand_left, link);

        sighand_put(left->sh);
        free(left);
    }
    free(tg);
}

void task_put(struct task *t)
{
    if (!t || !ref_put(&t->ref))
        return;
    sigqueue_flush(&t->pending, UINT64_MAX);
    seccomp_release(t);
    cred_put(t->cred);
    tgroup_put(t->tg);
    free(t);
}

struct task *task_find_get(struct kernel *k, pid_t tid)
{
    struct pid_entry *e;
    struct task *t = NULL;

    mutex_lock(&k->tasks_lock);
    e = pid_find(k, tid);
    if (e && e->task)
        t = task_get(e->task);
    mutex_unlock(&k->tasks_lock);
    return t;
}

/* Rare enough to look at all: signalfd asks. */
struct task *task_current_get(struct kernel *k)
{
    int32_t me = (int32_t) syscall(SYS_gettid);
    struct task *t;

    MUTEX_GUARD(&k->tasks_lock);
    list_for_each_entry (t, &k->tasks, all_link) {
        if (atomic_load(&t->sentry_tid) == me)
            return task_get(t);
    }
    return NULL;
}

struct tgroup *tgroup_find_get(struct kernel *k, pid_t tgid)
{
    struct pid_entry *e;
    struct tgroup *tg = NULL;

    mutex_lock(&k->tasks_lock);
    e = pid_find(k, tgid);
    if (e && e->tg)
        tg = tgroup_get(e->tg);
    mutex_unlock(&k->tasks_lock);
    return tg;
}

/* One reference, the process tree's. `like`: the parent whose limits are inherited; its locks are
 * not needed for stale reads. */
struct tgroup *tgroup_alloc(struct kernel *k, const struct tgroup *like)
{
    struct tgroup *tg = calloc(1, sizeof(*tg));

    if (!tg)
        return NULL;
    tg->itimers = itimers_new(tg);
    if (!tg->itimers) {
        free(tg);
        return NULL;
    }
    ref_init(&tg->ref);
    tg->k = k;
    list_init(&tg->threads);
    list_init(&tg->children);
    list_init(&tg->sibling);
    list_init(&tg->pgrp_link);
    list_init(&tg->old_sighands);
    list_init(&tg->sem_undos);
    waitq_init(&tg->wait_children);
    waitq_init(&tg->signal_wq);
    waitq_init(&tg->exit_wq);
    sigqueue_init(&tg->pending);
    clock_gettime(CLOCK_MONOTONIC, &tg->start);
    tg->dumpable = true;
    tg->mce_kill = LX_PR_MCE_KILL_DEFAULT;
    if (like) {
        memcpy(tg->rlimits, like->rlimits, sizeof(tg->rlimits));
        tg->dumpable = like->dumpable;
        tg->thp_disable = like->thp_disable;
        tg->mce_kill = like->mce_kill;
        tg->nice = like->nice;
        tg->oom_score_adj = like->oom_score_adj;
        tg->coredump_filter = like->coredump_filter;
        tg->login_set = like->login_set;
        tg->loginuid = like->loginuid;
        tg->login_session = like->login_session;
    } else {
        tg->coredump_filter = COREDUMP_DEFAULT;
        for (int i = 0; i < GUEST_N_RLIMITS; i++)
            tg->rlimits[i] = (struct guest_rlimit){LX_RLIM_INFINITY, LX_RLIM_INFINITY};
    }
    cpu_limit_init(&tg->cpu_limit, tg);
    return tg;
}

/* One reference, its thread's; takes one on tg. */
struct task *task_alloc(struct tgroup *tg)
{
    struct task *t = calloc(1, sizeof(*t));

    if (!t)
        return NULL;
    ref_init(&t->ref);
    t->k = tg->k;
    t->tg = tgroup_get(tg);
    list_init(&t->tg_link);
    list_init(&t->all_link);
    list_init(&t->futex.link);
    sigqueue_init(&t->pending);
    list_init(&t->tracees);
    list_init(&t->trace.link);
    t->trace.call_nr = -1;
    parker_init(&t->park);
    t->ticket = parker_arm(&t->park);
    t->altstack.flags = LX_SS_DISABLE;
    t->timerslack = 50000;
    clock_gettime(CLOCK_MONOTONIC, &t->start);
    return t;
}

int task_link(struct task *t, struct tgroup *parent)
{
    struct kernel *k = t->k;
    struct tgroup *tg = t->tg;
    bool first = tg->n_threads == 0 && !tg->leader;
    struct sighand *sh;
    struct pid_entry *e;
    int r;

    if (k->n_tasks >= k->max_tasks)
        return -EAGAIN;
    r = pid_alloc(k, &e);
    if (r)
        return r;
    e->task = t;
    sh = sighand_lock(tg);
    t->tid = e->nr;
    list_add_tail(&t->tg_link, &tg->threads);
    tg->n_threads++;
    atomic_fetch_add(&tg->living, 1);
    if (!first && tg->stopping) {
        tg->stop_left++;
        atomic_fetch_or(&t->work, WORK_STOP);
    }
    if (first) {
        tg->tgid = e->nr;
        tg->leader = task_get(t);
    }
    mutex_unlock(&sh->lock);
    if (first) {
        cpu_limit_update(&tg->cpu_limit);
        e->tg = tg;
        tg->parent = parent;
        if (parent)
            list_add_tail(&tg->sibling, &parent->children);
    }
    list_add_tail(&t->all_link, &k->tasks);
    if (kernel_is_paused(k))
        atomic_fetch_or(&t->work, WORK_PAUSE);
    k->n_tasks++;
    return 0;
}

void task_discard(struct task *t)
{
    if (t->files)
        fdtable_put(t->files, NULL);
    if (t->fs)
        fsctx_put(t->fs);
    t->files = NULL;
    t->fs = NULL;
    task_put(t);
}

int task_create(struct kernel *k, bool is_init, struct task **ret)
{
    struct tgroup *tg = tgroup_alloc(k, NULL);
    struct cred *c = cred_alloc(0);
    struct task *t = NULL;
    int r = -ENOMEM;

    if (!tg || !c)
        goto fail;
    tg->sighand = sighand_new();
    if (!tg->sighand)
        goto fail;
    tg->exit_signal = LX_SIGCHLD;
    t = task_alloc(tg);
    if (!t)
        goto fail;
    c->cap_bounding = c->cap_permitted = c->cap_effective = (1ull << (LX_CAP_LAST + 1)) - 1;
    t->cred = c;
    t->resume_kind = RESUME_REGS;
    t->host_fsuid = t->host_fsgid = UINT32_MAX; /* whatever this thread's are */

    mutex_lock(&k->tasks_lock);
    r = task_link(t, NULL);
    if (r == 0) {
        if (is_init)
            k->init = tg;
        tgroup_join(tg, tg->tgid, tg->tgid);
    }
    mutex_unlock(&k->tasks_lock);
    if (r) {
        task_discard(t);
        tgroup_put(tg);
        return r;
    }
    *ret = t;
    return 0;
fail:
    cred_put(c);
    tgroup_put(tg);
    return r;
}

int task_start(struct task *t)
{
    pthread_attr_t attr;
    pthread_t thread;
    int r;

    r = pthread_attr_init(&attr);
    if (r)
        return -r;
    (void) pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
    (void) pthread_attr_setstacksize(&attr, SENTRY_STACK);
    r = pthread_create(&thread, &attr, task_main, t);
    (void) pthread_attr_destroy(&attr);
    return r ? -EAGAIN : 0;
}

uint64_t tgroup_rlimit(struct tgroup *tg, int resource)
{
    uint64_t v;

    if (resource < 0 || resource >= GUEST_N_RLIMITS)
        return 0;
    v = __atomic_load_n(&tg->rlimits[resource].soft, __ATOMIC_RELAXED);
    return v;
}

void task_publish_facts(struct task *t)
{
    const struct tgroup *tg = t->tg;
    struct stub_facts f = {
        .tid = t->tid,
        .pid = tg->tgid,
        .uid = t->cred->uid,
        .euid = t->cred->euid,
        .gid = t->cred->gid,
        .egid = t->cred->egid,
        .trace = task_wants_natives(t),
    };

    if (t->st)
        platform_set_facts(t->st, &f);
}

/* Linux's encoding of another process's or thread's cpu clock: clock_getcpuclockid(3). */
#define CPU_CLOCK(id, bits) ((clockid_t) ((~(uint32_t) (id) << 3) | (bits)))
#define CPUCLOCK_SCHED      2u
#define CPUCLOCK_PERTHREAD  4u

static uint64_t cpu_clock_ns(clockid_t id)
{
    struct timespec ts;

    if (clock_gettime(id, &ts))
        return 0;
    return (uint64_t) ts.tv_sec * 1000000000u + (uint64_t) ts.tv_nsec;
}

uint64_t host_process_cpu_ns(pid_t host_pid)
{
    return host_pid > 0 ? cpu_clock_ns(CPU_CLOCK(host_pid, CPUCLOCK_SCHED)) : 0;
}

uint64_t sentry_thread_cpu_ns(int32_t sentry_tid)
{
    return sentry_tid > 0 ? cpu_clock_ns(CPU_CLOCK(sentry_tid, CPUCLOCK_SCHED | CPUCLOCK_PERTHREAD))
                          : 0;
}
