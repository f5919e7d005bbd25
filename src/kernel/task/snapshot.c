/* SPDX-License-Identifier: Apache-2.0 */
/* Looking at tasks from outside: everything is copied under the locks it needs. */
#include "kernel/task/snapshot.h"

#include <errno.h>
#include <string.h>

#include "abi/linux/sched.h"
#include "kernel/ptrace/ptrace.h"
#include "kernel/seccomp/seccomp.h"
#include "kernel/task/ctty.h"
#include "kernel/task/image.h"
#include "kernel/task/pid.h"
#include "kernel/task/usage.h"
#include "kernel/vfs/direct.h"
#include "kernel/vfs/fdtable.h"
#include "kernel/vfs/walk.h"

/* tasks_lock held. The thread of that number, or any other of the process while its leader is a
 * zombie. */
static struct task *live_task(struct kernel *k, pid_t tid, bool need_guest)
{
    struct pid_entry *e = pid_find(k, tid);
    struct task *t = e ? e->task : NULL;

    if (!t || !need_guest || t->st)
        return t;
    if (e->tg) {
        list_for_each_entry (t, &e->tg->threads, tg_link) {
            if (t->st)
                return t;
        }
    }
    return NULL;
}

static char state_letter(const struct task *t, const struct tgroup *tg)
{
    if (tg->zombie)
        return 'Z';
    switch (atomic_load(&t->state)) {
    case TASK_SLEEPING:
        return 'S';
    case TASK_STOPPED:
        return 'T';
    case TASK_TRACED:
        return 't';
    case TASK_ZOMBIE:
        return 'Z';
    case TASK_DEAD:
        return 'X';
    default:
        return 'R';
    }
}

static void take_signals(struct task *t, struct task_snapshot *s)
{
    struct sighand *sh = sighand_lock(t->tg);

    s->sig_pending = t->pending.set;
    s->sig_group_pending = t->tg->pending.set;
    s->sig_blocked = t->blocked;
    s->sig_queued = sigqueue_count(&t->pending) + sigqueue_count(&t->tg->pending);
    for (int i = 0; i < LX_NSIG; i++) {
        if (sh->actions[i].handler == LX_SIG_IGN)
            s->sig_ignored |= 1ull << i;
        else if (sh->actions[i].handler != LX_SIG_DFL)
            s->sig_caught |= 1ull << i;
    }
    s->seccomp_mode = atomic_load(&t->seccomp.mode);
    s->seccomp_filters = t->seccomp.filter ? t->seccomp.filter->count : 0;
    mutex_unlock(&sh->lock);
}

static void take_cred(const struct cred *c, struct task_snapshot *s)
{
    s->uid = c->uid;
    s->euid = c->euid;
    s->suid = c->suid;
    s->fsuid = c->fsuid;
    s->gid = c->gid;
    s->egid = c->egid;
    s->sgid = c->sgid;
    s->fsgid = c->fsgid;
    s->cap_inheritable = c->cap_inheritable;
    s->cap_permitted = c->cap_permitted;
    s->cap_effective = c->cap_effective;
    s->cap_bounding = c->cap_bounding;
    s->cap_ambient = c->cap_ambient;
}

static void take_image(const struct image *im, struct task_snapshot *s)
{
    s->arg_start = im->arg_start;
    s->arg_end = im->arg_end;
    s->env_start = im->env_start;
    s->env_end = im->env_end;
    s->stack_start = im->stack_start;
    s->brk_start = im->brk_start;
    s->code_start = im->code_start;
    s->code_end = im->code_end;
    s->entry = im->entry;
}

/* The thread's own words, which stand still only while it sleeps: at worst they are of two calls.
 */
static void take_call(struct task *t, struct task_snapshot *s)
{
    s->in_guest = atomic_load(&t->in_guest) != 0;
    s->syscall[0] = __atomic_load_n(&t->trap.nr, __ATOMIC_RELAXED);
    for (int i = 0; i < 6; i++)
        s->syscall[i + 1] = __atomic_load_n(&t->trap.args[i], __ATOMIC_RELAXED);
    s->sp = __atomic_load_n(&t->trap.regs.rsp, __ATOMIC_RELAXED);
    s->ip = __atomic_load_n(&t->trap.regs.rip, __ATOMIC_RELAXED);
}

static uint64_t ns_between(const struct timespec *from, const struct timespec *to)
{
    int64_t ns = (int64_t) (to->tv_sec - from->tv_sec) * 1000000000 + (to->tv_nsec - from->tv_nsec);

    return ns > 0 ? (uint64_t) ns : 0;
}

int task_snapshot(struct kernel *k, pid_t tid, struct task_snapshot *ret)
{
    struct task_snapshot s = {.tid = tid, .tty_pgrp = -1};
    struct task *t, *host;
    struct tgroup *tg;

    mutex_lock(&k->tasks_lock);
    t = live_task(k, tid, false);
    if (!t) {
        mutex_unlock(&k->tasks_lock);
        return -ESRCH;
    }
    tg = t->tg;
    s.pid = tg->tgid;
    s.ppid = tg->parent ? tg->parent->tgid : 0;
    s.tracer_pid = is_traced(t) ? atomic_load(&t->trace.tracer)->tid : 0;
    s.pgid = tg->pgid;
    s.sid = tg->sid;
    if (tg->tty) {
        s.tty_dev = tg->tty->dev;
        s.tty_pgrp = tg->tty->pgid ? tg->tty->pgid : -1;
    }
    s.state = state_letter(t, tg);
    memcpy(s.comm, t->comm, sizeof(s.comm));
    s.n_threads = tg->n_threads ? tg->n_threads : 1;
    s.start_ns = ns_between(&k->boot_mono, tid == tg->tgid ? &tg->start : &t->start);
    take_call(t, &s);
    s.exit_signal = tg->exit_signal;
    s.exit_status = tg->zombie ? tg->exit_status : 0;
    s.dumpable = tg->dumpable;
    s.no_new_privs = t->no_new_privs;
    s.leader = t == tg->leader;
    s.nice = tg->nice;
    s.oom_score_adj = (int) tg->oom_score_adj;
    s.policy = (unsigned) t->sched_policy & ~(unsigned) LX_SCHED_RESET_ON_FORK;
    memcpy(s.rlimits, tg->rlimits, sizeof(s.rlimits));
    take_cred(t->cred, &s);
    take_signals(t, &s);
    if (tg->image && !tg->zombie)
        take_image(tg->image, &s);
    host = live_task(k, tid, true);
    if (host) {
        s.host_pid = platform_host_pid(host->st);
        s.host_tid = platform_host_tid(host->st);
        platform_gap(host->st, &s.gap_start, &s.gap_end);
        s.n_pieces = platform_pieces(host->st, s.pieces);
        if (platform_get_affinity(host->st, &s.cpus) < 0)
            CPU_ZERO(&s.cpus);
    }
    mutex_unlock(&k->tasks_lock);
    *ret = s;
    return 0;
}

int task_snapshot_usage(struct kernel *k, pid_t tid, bool thread, struct usage *ret,
                        struct usage *ret_children)
{
    struct task *t;

    mutex_lock(&k->tasks_lock);
    t = live_task(k, tid, false);
    if (t && thread && t->tg->n_threads)
        task_usage(t, ret);
    else if (t)
        tgroup_usage(t->tg, ret);
    if (t)
        *ret_children = t->tg->child_usage;
    mutex_unlock(&k->tasks_lock);
    return t ? 0 : -ESRCH;
}

int task_snapshot_io(struct kernel *k, pid_t tid, bool thread, struct io_count *ret)
{
    struct task *t, *o;

    mutex_lock(&k->tasks_lock);
    t = live_task(k, tid, false);
    if (t && thread) {
        *ret = (struct io_count){0};
        task_io(t, ret);
    } else if (t) {
        *ret = t->tg->own_io;
        list_for_each_entry (o, &t->tg->threads, tg_link)
            task_io(o, ret);
    }
    mutex_unlock(&k->tasks_lock);
    return t ? 0 : -ESRCH;
}

ssize_t task_snapshot_groups(struct kernel *k, pid_t tid, uint32_t *dst, size_t cap)
{
    struct task *t;
    ssize_t n = -ESRCH;

    mutex_lock(&k->tasks_lock);
    t = live_task(k, tid, false);
    if (t) {
        n = (ssize_t) t->cred->n_groups;
        if (cap && n)
            memcpy(dst, t->cred->groups, MIN((size_t) n, cap) * sizeof(*dst));
    }
    mutex_unlock(&k->tasks_lock);
    return n;
}

int task_snapshot_files(struct kernel *k, pid_t tid, struct fdtable **ret)
{
    struct task *t;
    int r = -ESRCH;

    (void) direct_settle_all(k);
    mutex_lock(&k->tasks_lock);
    t = live_task(k, tid, true);
    if (t && t->files) {
        *ret = fdtable_get(t->files);
        r = 0;
    }
    mutex_unlock(&k->tasks_lock);
    return r;
}

int task_snapshot_fs(struct kernel *k, pid_t tid, struct fsctx **ret)
{
    struct task *t;
    int r = -ESRCH;

    mutex_lock(&k->tasks_lock);
    t = live_task(k, tid, true);
    if (t && t->fs) {
        *ret = fsctx_get(t->fs);
        r = 0;
    }
    mutex_unlock(&k->tasks_lock);
    return r;
}

static struct image *image_of(struct kernel *k, pid_t tid)
{
    struct image *im = NULL;
    struct task *t;

    mutex_lock(&k->tasks_lock);
    t = live_task(k, tid, false);
    if (t && !t->tg->zombie)
        im = image_get(t->tg->image);
    mutex_unlock(&k->tasks_lock);
    return im;
}

int task_snapshot_exe(struct kernel *k, pid_t tid, struct path *ret)
{
    struct image *im = image_of(k, tid);
    int r = -ENOENT;

    if (im && im->exe.mnt) {
        *ret = im->exe;
        path_get(ret);
        r = 0;
    }
    image_put(im);
    return r;
}

ssize_t task_snapshot_auxv(struct kernel *k, pid_t tid, void *dst, size_t cap)
{
    struct image *im = image_of(k, tid);
    size_t n = 0;

    if (im) {
        n = MIN(im->n_auxv * sizeof(im->auxv[0]), cap);
        memcpy(dst, im->auxv, n);
    }
    image_put(im);
    return (ssize_t) n;
}

uint64_t task_snapshot_personality(struct kernel *k, pid_t tid)
{
    uint64_t r = 0;
    struct task *t;

    mutex_lock(&k->tasks_lock);
    t = live_task(k, tid, false);
    if (t)
        r = t->personality;
    mutex_unlock(&k->tasks_lock);
    return r;
}

ssize_t task_snapshot_read(struct kernel *k, pid_t tid, void *dst, uint64_t src, size_t n)
{
    struct stub_thread *st = NULL;
    struct task *t;
    ssize_t r;

    mutex_lock(&k->tasks_lock);
    t = live_task(k, tid, true);
    if (t) {
        st = t->st;
        platform_get(st);
    }
    mutex_unlock(&k->tasks_lock);
    if (!st)
        return -ESRCH;
    r = platform_read_remote(st, dst, src, n);
    platform_put(st);
    return r < 0 ? 0 : r;
}

pid_t task_next_pid(struct kernel *k, pid_t from)
{
    struct htab_node *n;
    pid_t best = -1;

    mutex_lock(&k->tasks_lock);
    htab_for_each (n, &k->pids) {
        struct pid_entry *e = container_of(n, struct pid_entry, node);

        if (e->tg && e->nr >= from && (best < 0 || e->nr < best))
            best = e->nr;
    }
    mutex_unlock(&k->tasks_lock);
    return best;
}

pid_t task_next_tid(struct kernel *k, pid_t tgid, pid_t from)
{
    struct pid_entry *e;
    struct task *t;
    pid_t best = -1;

    mutex_lock(&k->tasks_lock);
    e = pid_find(k, tgid);
    if (e && e->tg) {
        /* A dead leader is in the list of nobody, but it is still there. */
        if (e->tg->leader && e->tg->tgid >= from)
            best = e->tg->tgid;
        list_for_each_entry (t, &e->tg->threads, tg_link) {
            if (t->tid >= from && (best < 0 || t->tid < best))
                best = t->tid;
        }
    }
    mutex_unlock(&k->tasks_lock);
    return best;
}

void task_count(struct kernel *k, struct task_counts *ret)
{
    struct task *t;

    *ret = (struct task_counts){.forks = atomic_load(&k->forks)};
    mutex_lock(&k->tasks_lock);
    ret->last_pid = (pid_t) k->last_pid;
    list_for_each_entry (t, &k->tasks, all_link) {
        ret->threads++;
        if (atomic_load(&t->state) == TASK_RUNNING)
            ret->running++;
    }
    mutex_unlock(&k->tasks_lock);
}

uint64_t task_snapshot_image(struct kernel *k, pid_t tid)
{
    const struct task *t;

    MUTEX_GUARD(&k->tasks_lock);
    t = live_task(k, tid, false);
    if (!t)
        return 0;
    return hash_u64((uint64_t) t->tg->start.tv_sec * 1000000000u +
                    (uint64_t) t->tg->start.tv_nsec) +
           t->tg->n_execs;
}

bool task_may_inspect(struct task *opener, pid_t tid)
{
    struct kernel *k = opener->k;
    const struct cred *c = opener->cred, *o;
    struct task *t;
    bool ok = false;

    mutex_lock(&k->tasks_lock);
    t = live_task(k, tid, false);
    if (t) {
        o = t->cred;
        ok = t->tg == opener->tg || cred_capable(c, LX_CAP_SYS_PTRACE) ||
             (c->fsuid == o->uid && c->fsuid == o->euid && c->fsuid == o->suid &&
              c->fsgid == o->gid && c->fsgid == o->egid && c->fsgid == o->sgid && t->tg->dumpable &&
              !(o->cap_permitted & ~c->cap_effective));
    }
    mutex_unlock(&k->tasks_lock);
    return ok;
}
