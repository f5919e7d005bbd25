/* SPDX-License-Identifier: Apache-2.0 */
/* clone(2), clone3(2), fork(2), vfork(2). */
#include <errno.h>
#include <string.h>

#include "abi/linux/ptrace.h"
#include "abi/linux/resource.h"
#include "abi/linux/sched.h"
#include "base/cleanup.h"
#include "fdobj/pidfd.h"
#include "kernel/ptrace/ptrace.h"
#include "kernel/restart.h"
#include "kernel/seccomp/seccomp.h"
#include "kernel/syscall/syscall.h"
#include "kernel/task/image.h"
#include "kernel/task/pid.h"
#include "kernel/task/snapshot.h"
#include "kernel/vfs/direct.h"
#include "kernel/vfs/fdtable.h"
#include "kernel/vfs/mount.h"
#include "kernel/vfs/walk.h"
#include "kernel/wait/block.h"

struct clone_request {
    uint64_t flags; /* without the signal */
    int exit_signal;
    uint64_t stack, tls, parent_tid, child_tid, pidfd;
};

#define UNSUPPORTED LX_CLONE_INTO_CGROUP

/* Of the name spaces there is one each, but for those of mounts. */
#define ONE_EACH ((LX_CLONE_NAMESPACES | LX_CLONE_NEWTIME) & ~LX_CLONE_NEWNS)

static int check_namespaces(const struct task *t, uint64_t flags)
{
    if (!(flags & (LX_CLONE_NAMESPACES | LX_CLONE_NEWTIME)))
        return 0;
    if (!cred_capable(t->cred, LX_CAP_SYS_ADMIN))
        return -EPERM;
    return flags & ONE_EACH ? -EINVAL : 0;
}

static int check(const struct task *t, const struct clone_request *q)
{
    uint64_t f = q->flags;

    int r = (f & LX_CLONE_NEWNS) && (f & LX_CLONE_FS) ? -EINVAL : check_namespaces(t, f);

    if (r < 0)
        return r;
    if ((f & LX_CLONE_SIGHAND) && !(f & LX_CLONE_VM))
        return -EINVAL;
    if ((f & LX_CLONE_THREAD) && !(f & LX_CLONE_SIGHAND))
        return -EINVAL;
    if ((f & LX_CLONE_CLEAR_SIGHAND) && (f & LX_CLONE_SIGHAND))
        return -EINVAL;
    if ((f & LX_CLONE_PARENT) && t->k->init == t->tg)
        return -EINVAL;
    if (f & UNSUPPORTED)
        return -EINVAL;
    if ((f & LX_CLONE_PIDFD) && (f & (LX_CLONE_THREAD | LX_CLONE_DETACHED)))
        return -EINVAL;
    if (q->exit_signal < 0 || q->exit_signal > LX_NSIG)
        return -EINVAL;
    if ((f & LX_CLONE_THREAD) && !q->stack)
        return -EINVAL; /* two threads on one stack: nobody means that */
    return 0;
}

/* What a child takes from its parent whatever the flags are. */
static int inherit(struct task *t, struct task *c, const struct clone_request *q)
{
    uint64_t f = q->flags;

    c->files = (f & LX_CLONE_FILES) ? fdtable_get(t->files) : fdtable_copy(t->files);
    if (!c->files)
        return -ENOMEM;
    if (!(f & LX_CLONE_FILES) != !(f & LX_CLONE_THREAD)) {
        /* One stub with two tables, or two with one. */
        fdtable_bar_direct(t->files);
        fdtable_bar_direct(c->files);
        platform_direct_revoke(t->st);
    }
    if ((f & LX_CLONE_FILES) && !(f & LX_CLONE_THREAD))
        t->files_shared = c->files_shared = true;
    else if (f & LX_CLONE_THREAD)
        c->files_shared = t->files_shared;
    c->fs = (f & LX_CLONE_FS) ? fsctx_get(t->fs) : fsctx_copy(t->fs);
    if (!c->fs)
        return -ENOMEM;
    if (f & LX_CLONE_NEWNS) {
        int r = fsctx_unshare_mounts(c->fs);

        if (r < 0)
            return r;
    }
    c->cred = cred_get(t->cred);
    c->blocked = t->blocked;
    if (t->restore_mask)
        c->blocked = t->saved_mask;
    memcpy(c->comm, t->comm, sizeof(c->comm));
    c->personality = t->personality;
    c->timerslack = t->timerslack;
    c->sched_policy = t->sched_policy;
    c->ioprio = t->ioprio;
    c->mempolicy = t->mempolicy;
    c->mempolicy_nodes = t->mempolicy_nodes;
    /* A child on the same memory starts without an alternate stack, unless its parent stands still.
     */
    if (!(f & LX_CLONE_VM) || (f & LX_CLONE_VFORK))
        c->altstack = t->altstack;
    if (f & LX_CLONE_CHILD_SETTID)
        c->set_child_tid = q->child_tid;
    if (f & LX_CLONE_CHILD_CLEARTID)
        c->clear_child_tid = q->child_tid;
    c->trap = t->trap;
    if (q->stack)
        c->trap.regs.rsp = q->stack;
    c->resume_kind = RESUME_RETURN;
    return 0;
}

static struct tgroup *new_group(struct task *t, const struct clone_request *q)
{
    struct tgroup *tg = tgroup_alloc(t->k, t->tg);

    if (!tg)
        return NULL;
    if (q->flags & LX_CLONE_SIGHAND) {
        ref_get(&t->tg->sighand->ref);
        tg->sighand = t->tg->sighand;
    } else if (q->flags & LX_CLONE_CLEAR_SIGHAND) {
        tg->sighand = sighand_copy(t->tg);
        for (int i = 0; tg->sighand && i < LX_NSIG; i++) {
            struct sigaction_entry *a = &tg->sighand->actions[i];

            if (a->handler != LX_SIG_IGN)
                *a = (struct sigaction_entry){0};
        }
    } else {
        tg->sighand = sighand_copy(t->tg);
    }
    if (!tg->sighand) {
        tgroup_put(tg);
        return NULL;
    }
    tg->exit_signal = q->exit_signal;
    tg->maker = (q->flags & LX_CLONE_PARENT) ? t->tg->maker : t->tid;
    tg->image = image_get(t->tg->image);
    return tg;
}

/* tasks_lock held. RLIMIT_NPROC counts the threads of the real user; the privileged are free of it.
 */
static bool over_nproc(const struct task *t)
{
    uint64_t limit = t->tg->rlimits[LX_RLIMIT_NPROC].soft, n = 0;
    struct task *o;

    if (limit == LX_RLIM_INFINITY || t->cred->uid == 0 ||
        cred_capable(t->cred, LX_CAP_SYS_RESOURCE) || cred_capable(t->cred, LX_CAP_SYS_ADMIN))
        return false;
    list_for_each_entry (o, &t->k->tasks, all_link)
        n += o->cred->uid == t->cred->uid;
    return n >= limit;
}

/* Numbers and places in the tree; the child cannot run yet. traced: like its parent. */
static int publish(struct task *t, struct task *c, const struct clone_request *q, bool traced)
{
    struct kernel *k = t->k;
    struct sighand *sh;
    int r;

    mutex_lock(&k->tasks_lock);
    if (q->flags & LX_CLONE_THREAD) {
        r = task_link(c, NULL);
    } else {
        struct tgroup *parent = (q->flags & LX_CLONE_PARENT) ? t->tg->parent : t->tg;

        if (!parent) /* of one that came in from outside: somebody has to reap the child */
            parent = tgroup_reaper(t->tg);
        if (q->flags & LX_CLONE_PARENT)
            c->tg->exit_signal = t->tg->exit_signal;
        r = task_link(c, parent);
        if (r == 0) {
            tgroup_join(c->tg, t->tg->pgid, t->tg->sid);
            c->tg->tty = t->tg->tty;
        }
    }
    if (r == 0) {
        /* A group that dies or execs meanwhile has not seen the new thread in its list: pass the
         * word on. */
        sh = sighand_lock(c->tg);
        if (c->tg->exiting || c->tg->exec_task)
            atomic_fetch_or(&c->work, WORK_EXIT);
        signal_recalc_locked(c);
        mutex_unlock(&sh->lock);
        seccomp_inherit(t, c);
        task_publish_facts(c);
        if (traced)
            trace_clone_child(t, c);
    }
    mutex_unlock(&k->tasks_lock);
    atomic_fetch_add(&k->forks, 1);
    return r;
}

/* The host holds the parent of a vfork, which then could not serve a tracer; it waits here anyway.
 */
static enum stub_clone_kind kind_of(const struct task *t, uint64_t flags)
{
    if (flags & LX_CLONE_THREAD)
        return STUB_THREAD;
    if (!(flags & LX_CLONE_VM))
        return STUB_FORK;
    return (flags & LX_CLONE_VFORK) && !is_traced(t) ? STUB_VFORK : STUB_SHARED_VM;
}

/* CLONE_PIDFD: a descriptor of the child to be, for the parent alone. Its number, or -errno. */
static int make_pidfd(struct task *t, struct tgroup *tg, uint64_t at)
{
    struct file *f;
    int32_t fd;
    int r = pidfd_new(tg, 0, &f);

    if (r)
        return r;
    fd = task_fd_install(t, f, true);
    if (fd < 0 || copy_out(t, uaddr(at), &fd, sizeof(fd)) == 0)
        return fd;
    (void) !fd_close(t->files, fd, t);
    return -EFAULT;
}

static long do_clone(struct task *t, const struct clone_request *q)
{
    struct stub_clone_args sa = {.kind = kind_of(t, q->flags), .stack = q->stack};
    struct completion *vfork = NULL;
    struct task *c = NULL;
    struct tgroup *tg = NULL;
    bool thread = q->flags & LX_CLONE_THREAD, held = true;
    int32_t tid;
    int r, pidfd = -1, event;

    r = check(t, q);
    if (r)
        return r;
    mutex_lock(&t->k->tasks_lock);
    r = over_nproc(t) ? -EAGAIN : 0;
    mutex_unlock(&t->k->tasks_lock);
    if (r)
        return r;
    /* A signal that came before the fork is handled once, by the parent, before there are two. */
    if (!thread && (atomic_load(&t->work) & (WORK_SIGNAL | WORK_EXIT | WORK_STOP)))
        return -ERESTARTNOINTR;
    sa.set_tls = (q->flags & LX_CLONE_SETTLS) != 0;
    sa.tls = q->tls;
    if (sa.set_tls && sa.tls >= GUEST_TASK_SIZE)
        return -EPERM;

    fdtable_hold_direct(t->files);
    tg = thread ? tgroup_get(t->tg) : new_group(t, q);
    c = tg ? task_alloc(tg) : NULL;
    r = c ? inherit(t, c, q) : -ENOMEM;
    if (r == 0 && (q->flags & LX_CLONE_VFORK)) {
        vfork = completion_new(t);
        r = vfork ? 0 : -ENOMEM;
    }
    if (r == 0 && (q->flags & LX_CLONE_PIDFD)) {
        pidfd = make_pidfd(t, tg, q->pidfd);
        r = pidfd < 0 ? pidfd : 0;
    }
    if (r)
        goto fail;
    r = platform_clone(t->st, &sa, &c->st);
    if (r)
        goto fail;
    fdtable_release_direct(t->files);
    held = false;
    event = trace_clone_event(t, q->flags, q->exit_signal);
    r = publish(t, c, q, event || (q->flags & LX_CLONE_PTRACE));
    if (r) {
        platform_exit_thread(take_ptr(&c->st));
        goto fail;
    }
    tid = c->tid;
    c->vfork_done = vfork;
    if ((q->flags & LX_CLONE_PARENT_SETTID) &&
        copy_out(t, uaddr(q->parent_tid), &tid, sizeof(tid))) {
        /* Linux does not undo the clone for this either. */
    }
    if (thread)
        tgroup_put(tg); /* the task holds its own; a group's first reference is the tree's */
    r = task_start(c);
    if (r) {
        /* No thread to run it: it ends as if killed, on this thread. */
        c->exit_code = LX_SIGKILL;
        task_exit(c, true);
        if (vfork)
            completion_wait(vfork, t);
        return r;
    }
    if (event)
        trace_event(t, event, (uint64_t) tid);
    if (vfork) {
        completion_wait(vfork, t);
        trace_event(t, LX_PTRACE_EVENT_VFORK_DONE, (uint64_t) tid);
    }
    return tid;
fail:
    if (held)
        fdtable_release_direct(t->files);
    if (pidfd >= 0 && fd_close(t->files, pidfd, t)) {
        /* Another thread has closed it. */
    }
    if (vfork) {
        completion_done(vfork);
        completion_wait(vfork, t);
    }
    if (c)
        task_discard(c);
    tgroup_put(tg);
    return r;
}

long sys_fork(struct task *t, const uint64_t a[static 6] unused_)
{
    const struct clone_request q = {.exit_signal = LX_SIGCHLD};

    return do_clone(t, &q);
}

long sys_vfork(struct task *t, const uint64_t a[static 6] unused_)
{
    const struct clone_request q = {.flags = LX_CLONE_VM | LX_CLONE_VFORK,
                                    .exit_signal = LX_SIGCHLD};

    return do_clone(t, &q);
}

long sys_clone(struct task *t, const uint64_t a[static 6])
{
    const struct clone_request q = {
        .flags = a[0] & 0xffffffffull & ~LX_CSIGNAL,
        .exit_signal = (int) (a[0] & LX_CSIGNAL),
        .stack = a[1],
        .parent_tid = a[2],
        .child_tid = a[3],
        .tls = a[4],
        .pidfd = a[2],
    };

    /* Both would be stored at the same place. */
    if ((q.flags & LX_CLONE_PIDFD) && (q.flags & LX_CLONE_PARENT_SETTID))
        return -EINVAL;
    return do_clone(t, &q);
}

long sys_clone3(struct task *t, const uint64_t a[static 6])
{
    struct lx_clone_args ca = {.flags = 0};
    struct clone_request q;
    uint64_t size = a[1];
    int r;

    if (size > 4096)
        return -E2BIG;
    if (size < LX_CLONE_ARGS_SIZE_VER0)
        return -EINVAL;
    r = copy_in(t, &ca, uaddr(a[0]), size < sizeof(ca) ? size : sizeof(ca));
    if (r)
        return r;
    for (uint64_t off = sizeof(ca); off < size; off++) {
        uint8_t byte;

        r = copy_in(t, &byte, uaddr(a[0] + off), 1);
        if (r)
            return r;
        if (byte)
            return -E2BIG;
    }
    if ((ca.flags & (LX_CSIGNAL & ~LX_CLONE_NEWTIME)) || (ca.flags & LX_CLONE_DETACHED) ||
        ca.flags >> 34)
        return -EINVAL;
    if (ca.exit_signal > LX_NSIG || ca.set_tid_size)
        return ca.set_tid_size ? -EPERM : -EINVAL;
    if ((ca.flags & (LX_CLONE_THREAD | LX_CLONE_PARENT)) && ca.exit_signal)
        return -EINVAL;
    if ((ca.stack == 0) != (ca.stack_size == 0) || ca.stack + ca.stack_size < ca.stack)
        return -EINVAL;
    q = (struct clone_request){
        .flags = ca.flags,
        .exit_signal = (int) ca.exit_signal,
        .stack = ca.stack ? ca.stack + ca.stack_size : 0,
        .tls = ca.tls,
        .parent_tid = ca.parent_tid,
        .child_tid = ca.child_tid,
        .pidfd = ca.pidfd,
    };
    return do_clone(t, &q);
}

/* A context of its own, in the same name space or in a copy of it. */
static int unshare_fs(struct task *t, bool mounts)
{
    struct fsctx *n = fsctx_copy(t->fs), *old = t->fs;
    int r = n ? 0 : -ENOMEM;

    if (r == 0 && mounts)
        r = fsctx_unshare_mounts(n);
    if (r < 0) {
        fsctx_put(n);
        return r;
    }
    mutex_lock(&t->k->tasks_lock);
    t->fs = n;
    mutex_unlock(&t->k->tasks_lock);
    fsctx_put(old);
    return 0;
}

long sys_unshare(struct task *t, const uint64_t a[static 6])
{
    uint64_t f = a[0];
    int r;

    if (f & ~(LX_CLONE_NAMESPACES | LX_CLONE_NEWTIME | LX_CLONE_FS | LX_CLONE_FILES |
              LX_CLONE_SYSVSEM | LX_CLONE_VM | LX_CLONE_SIGHAND | LX_CLONE_THREAD))
        return -EINVAL;
    r = check_namespaces(t, f);
    if (r < 0)
        return r;
    if ((f & (LX_CLONE_VM | LX_CLONE_SIGHAND | LX_CLONE_THREAD)) && t->tg->n_threads > 1)
        return -EINVAL;
    if (f & (LX_CLONE_FS | LX_CLONE_NEWNS)) {
        r = unshare_fs(t, f & LX_CLONE_NEWNS);
        if (r < 0)
            return r;
    }
    if (f & LX_CLONE_FILES) {
        struct fdtable *n = fdtable_copy(t->files), *old = t->files;

        if (!n)
            return -ENOMEM;
        direct_part(t, n);
        mutex_lock(&t->k->tasks_lock);
        t->files = n;
        mutex_unlock(&t->k->tasks_lock);
        t->files_shared = false;
        fdtable_put(old, t);
    }
    return 0;
}

static int enter_mounts(struct task *t, struct mount_ns *ns)
{
    if (!cred_capable(t->cred, LX_CAP_SYS_ADMIN) || !cred_capable(t->cred, LX_CAP_SYS_CHROOT))
        return -EPERM;
    if (ref_count(&t->fs->ref) > 1) /* shared: the others have not asked for it */
        return -EINVAL;
    return fsctx_enter_mounts(t->fs, ns);
}

/* The mounts of the process behind a pidfd. */
static int enter_mounts_of(struct task *t, struct tgroup *tg)
{
    struct fsctx *fs;
    int r = task_snapshot_fs(t->k, tg->tgid, &fs);

    if (r < 0)
        return r;
    struct mount_ns *ns = fsctx_ns(fs);

    r = enter_mounts(t, ns);
    mount_ns_put(ns);
    fsctx_put(fs);
    return r;
}

/* Of all other kinds there is one name space, and nobody in a container may enter another. */
long sys_setns(struct task *t, const uint64_t a[static 6])
{
    const uint64_t kinds = LX_CLONE_NAMESPACES | LX_CLONE_NEWTIME;
    struct tgroup *tg;
    struct mount_ns *ns;
    struct file *f;
    int r = fd_lookup(t->files, (int) a[0], &f);

    if (r)
        return r;
    tg = pidfd_tgroup(f);
    ns = mount_ns_of_file(f);
    if (ns)
        r = !a[1] || a[1] == LX_CLONE_NEWNS ? enter_mounts(t, ns) : -EINVAL;
    else if (!tg || !a[1] || (a[1] & ~kinds))
        r = -EINVAL;
    else if (a[1] == LX_CLONE_NEWNS)
        r = enter_mounts_of(t, tg);
    else
        r = -EPERM;
    file_put(f);
    return r;
}
