/* SPDX-License-Identifier: Apache-2.0 */
/* wait4(2), waitid(2). */
#include <errno.h>
#include <string.h>

#include "abi/linux/eventfd.h"
#include "abi/linux/resource.h"
#include "abi/linux/wait.h"
#include "fdobj/pidfd.h"
#include "kernel/ptrace/ptrace.h"
#include "kernel/restart.h"
#include "kernel/syscall/syscall.h"
#include "kernel/syscall/usage.h"
#include "kernel/task/pid.h"
#include "kernel/vfs/fdtable.h"
#include "kernel/vfs/file.h"
#include "kernel/wait/block.h"

struct wait_request {
    int which; /* LX_P_* */
    pid_t id;
    uint32_t options;
};

struct wait_result {
    pid_t pid; /* 0: nothing was ready */
    uint32_t uid, status;
    int code; /* CLD_* */
    struct usage usage;
};

static bool eligible(const struct tgroup *c, const struct wait_request *q)
{
    bool clone_child = c->exit_signal != LX_SIGCHLD;

    if (q->which == LX_P_PID && c->tgid != q->id)
        return false;
    if (q->which == LX_P_PGID && c->pgid != q->id)
        return false;
    if (q->options & (uint32_t) LX___WALL)
        return true;
    return clone_child == ((q->options & LX___WCLONE) != 0);
}

static void add_usage(struct usage *to, const struct usage *u)
{
    to->utime_ns += u->utime_ns;
    to->stime_ns += u->stime_ns;
    to->minflt += u->minflt;
    to->majflt += u->majflt;
    to->nvcsw += u->nvcsw;
    to->nivcsw += u->nivcsw;
    if (u->maxrss > to->maxrss)
        to->maxrss = u->maxrss;
}

/* tasks_lock held. True: *ret filled; *ret_reaped is the group whose tree reference the caller now
 * owns. */
static bool take_state(struct tgroup *parent, struct tgroup *c, const struct wait_request *q,
                       struct wait_result *ret, struct tgroup **ret_reaped)
{
    bool keep = q->options & LX_WNOWAIT, got = false;
    struct sighand *sh;

    ret->uid = c->leader ? c->leader->cred->uid : 0;
    if (c->zombie) {
        if (!(q->options & LX_WEXITED) || trace_hides_zombie(c))
            return false;
        ret->pid = c->tgid;
        ret->status = c->exit_status;
        ret->code = (c->exit_status & 0x7f) ? LX_CLD_KILLED : LX_CLD_EXITED;
        ret->usage = c->own_usage;
        add_usage(&ret->usage, &c->child_usage);
        if (!keep) {
            add_usage(&parent->child_usage, &ret->usage);
            tgroup_reap(c);
            *ret_reaped = c;
        }
        return true;
    }
    if (c->leader && is_traced(c->leader) && !trace_hides_zombie(c))
        return false; /* its stops are reported as those of a tracee */
    sh = sighand_lock(c);
    if (c->stopped && !c->stop_reported && (q->options & LX_WSTOPPED)) {
        ret->status = LX_W_STOPPED(c->stop_signal);
        ret->code = LX_CLD_STOPPED;
        c->stop_reported = !keep;
        got = true;
    } else if (c->continued && (q->options & LX_WCONTINUED)) {
        ret->status = LX_W_CONTINUED;
        ret->code = LX_CLD_CONTINUED;
        c->continued = keep;
        got = true;
    }
    mutex_unlock(&sh->lock);
    if (got) {
        ret->pid = c->tgid;
        tgroup_usage(c, &ret->usage);
    }
    return got;
}

/* tasks_lock held: __WNOTHREAD, whether c is a child of this very thread. Those of a thread that
 * has ended are the first one's. */
static bool is_own_child(const struct task *t, const struct tgroup *c)
{
    const struct task *o;

    list_for_each_entry (o, &t->tg->threads, tg_link) {
        if (o->tid == c->maker)
            return o == t;
    }
    return t == list_first_entry(&t->tg->threads, struct task, tg_link);
}

static bool is_asked_for(const struct task *p, const struct wait_request *q)
{
    if (q->which == LX_P_PID && p->tid != q->id)
        return false;
    return q->which != LX_P_PGID || p->tg->pgid == q->id;
}

/* What a wait has taken away; dropped after unlocking. */
struct gone {
    struct tgroup *reaped; /* the tree's reference */
    struct task *tracee;   /* its tracer's reference */
    struct list dead;      /* of tgroup.sibling: parents that want no zombies */
};

/* tasks_lock held: the end of a tracee that its tracer alone may see now. */
static bool take_end(struct task *p, const struct wait_request *q, struct wait_result *ret,
                     struct gone *gone)
{
    struct tgroup *tg = p->tg;
    bool leader = p == tg->leader;

    if (!(q->options & LX_WEXITED) || atomic_load(&p->state) != TASK_ZOMBIE)
        return false;
    if (leader && (!tg->zombie || !trace_hides_zombie(tg)))
        return false;
    ret->pid = p->tid;
    ret->uid = p->cred->uid;
    ret->status = leader ? tg->exit_status : p->exit_code;
    ret->code = (ret->status & 0x7f) ? LX_CLD_KILLED : LX_CLD_EXITED;
    if (leader)
        ret->usage = tg->own_usage;
    if (q->options & LX_WNOWAIT)
        return true;
    gone->tracee = trace_unlink(p);
    if (leader)
        tgroup_tell_parent(tg, &gone->dead);
    else
        trace_free_zombie(p);
    return true;
}

/* tasks_lock held: a ptrace-stop, which is reported whatever the options are. */
static bool take_stop(struct task *p, const struct wait_request *q, struct wait_result *ret)
{
    struct sighand *sh = sighand_lock(p->tg);
    bool got = p->trace.stopped && !p->trace.reported;

    if (got) {
        ret->pid = p->tid;
        ret->uid = p->cred->uid;
        ret->status = (uint32_t) p->trace.code << 8 | 0x7f;
        ret->code = LX_CLD_TRAPPED;
        p->trace.reported = !(q->options & LX_WNOWAIT);
    }
    mutex_unlock(&sh->lock);
    if (got)
        tgroup_cpu_time(p->tg, &ret->usage.utime_ns, &ret->usage.stime_ns);
    return got;
}

/* tasks_lock held: as scan(), for those whom `tracer` traces. */
static int scan_tracees(struct task *tracer, const struct wait_request *q, struct wait_result *ret,
                        struct gone *gone)
{
    struct task *p;
    int r = -ECHILD;

    list_for_each_entry (p, &tracer->tracees, trace.link) {
        if (!is_asked_for(p, q))
            continue;
        r = -EAGAIN;
        if (take_end(p, q, ret, gone) || take_stop(p, q, ret))
            return 0;
    }
    return r;
}

static void drop_gone(struct gone *gone)
{
    struct list *l;

    tgroup_put(gone->reaped);
    task_put(gone->tracee);
    while ((l = list_pop(&gone->dead)))
        tgroup_put(container_of(l, struct tgroup, sibling));
}

/* 0 with ret->pid set, -EAGAIN: there are children but none is ready, -ECHILD. */
static int scan(struct task *t, const struct wait_request *q, struct wait_result *ret)
{
    struct tgroup *tg = t->tg, *c;
    struct gone gone = {.reaped = NULL};
    struct task *o;
    int r = -ECHILD;

    list_init(&gone.dead);
    mutex_lock(&t->k->tasks_lock);
    list_for_each_entry (c, &tg->children, sibling) {
        if (!eligible(c, q) || ((q->options & LX___WNOTHREAD) && !is_own_child(t, c)))
            continue;
        r = -EAGAIN;
        if (take_state(tg, c, q, ret, &gone.reaped)) {
            r = 0;
            break;
        }
    }
    list_for_each_entry (o, &tg->threads, tg_link) {
        int one;

        if (r == 0 || ((q->options & LX___WNOTHREAD) && o != t))
            continue;
        one = scan_tracees(o, q, ret, &gone);
        if (one != -ECHILD)
            r = one;
    }
    mutex_unlock(&t->k->tasks_lock);
    drop_gone(&gone);
    if (gone.reaped)
        kernel_trim(t->k);
    return r;
}

static int do_wait(struct task *t, const struct wait_request *q, struct wait_result *ret)
{
    struct task_waiter tw;
    int r;

    memset(ret, 0, sizeof(*ret));
    r = scan(t, q, ret);
    if (r != -EAGAIN)
        return r;
    if (q->options & LX_WNOHANG)
        return 0;
    task_wait_on(&tw, t, &t->tg->wait_children, 1);
    while ((r = scan(t, q, ret)) == -EAGAIN) {
        r = task_block(t, NULL);
        if (r)
            break;
    }
    task_wait_end(&tw);
    return r;
}

static int put_usage(struct task *t, uint64_t addr, const struct usage *u)
{
    struct lx_rusage ru;

    if (!addr)
        return 0;
    usage_to_guest(u, &ru);
    return copy_out(t, uaddr(addr), &ru, sizeof(ru));
}

#define WAIT4_OPTIONS                                                                      \
    ((uint32_t) (LX_WNOHANG | LX_WUNTRACED | LX_WCONTINUED | LX___WNOTHREAD | LX___WALL) | \
     LX___WCLONE)

long sys_wait4(struct task *t, const uint64_t a[static 6])
{
    pid_t pid = (pid_t) a[0];
    struct wait_request q = {.which = LX_P_ALL, .options = (uint32_t) a[2]};
    struct wait_result res;
    int r;

    if (q.options & ~WAIT4_OPTIONS)
        return -EINVAL;
    q.options |= LX_WEXITED;
    if (pid == INT32_MIN)
        return -ESRCH;
    if (pid > 0) {
        q.which = LX_P_PID;
        q.id = pid;
    } else if (pid != -1) {
        q.which = LX_P_PGID;
        mutex_lock(&t->k->tasks_lock);
        q.id = pid ? -pid : t->tg->pgid;
        mutex_unlock(&t->k->tasks_lock);
    }
    r = do_wait(t, &q, &res);
    if (r || !res.pid)
        return r;
    if (a[1]) {
        int32_t status = (int32_t) res.status;

        r = copy_out(t, uaddr(a[1]), &status, sizeof(status));
        if (r)
            return r;
    }
    r = put_usage(t, a[3], &res.usage);
    return r ? r : res.pid;
}

#define WAITID_OPTIONS                                                                \
    ((uint32_t) (LX_WNOHANG | LX_WNOWAIT | LX_WEXITED | LX_WSTOPPED | LX_WCONTINUED | \
                 LX___WNOTHREAD | LX___WALL) |                                        \
     LX___WCLONE)

/* waitid(2): a pidfd that is O_NONBLOCK waits no more than WNOHANG does, but says so with an error.
 */
static int by_pidfd(struct task *t, int fd, struct wait_request *q, bool *ret_nonblock)
{
    struct tgroup *tg;
    struct file *f;
    int r;

    if (fd < 0)
        return -EINVAL;
    r = fd_lookup(t->files, fd, &f);
    if (r)
        return r;
    tg = pidfd_tgroup(f);
    if (!tg) {
        file_put(f);
        return -EBADF;
    }
    /* Only a child that has not been waited for keeps its number. */
    mutex_lock(&t->k->tasks_lock);
    q->which = LX_P_PID;
    q->id = tg->leader ? tg->tgid : 0;
    mutex_unlock(&t->k->tasks_lock);
    *ret_nonblock = !(q->options & LX_WNOHANG) && (atomic_load(&f->flags) & LX_PIDFD_NONBLOCK);
    if (*ret_nonblock)
        q->options |= LX_WNOHANG;
    file_put(f);
    return 0;
}

long sys_waitid(struct task *t, const uint64_t a[static 6])
{
    struct wait_request q = {.which = (int) a[0], .id = (pid_t) a[1], .options = (uint32_t) a[3]};
    struct lx_siginfo info;
    struct wait_result res;
    bool nonblock = false;
    int r;

    if ((q.options & ~WAITID_OPTIONS) || !(q.options & (LX_WEXITED | LX_WSTOPPED | LX_WCONTINUED)))
        return -EINVAL;
    switch (q.which) {
    case LX_P_ALL:
        break;
    case LX_P_PID:
        if (q.id <= 0)
            return -EINVAL;
        break;
    case LX_P_PGID:
        if (q.id < 0)
            return -EINVAL;
        if (q.id == 0) {
            mutex_lock(&t->k->tasks_lock);
            q.id = t->tg->pgid;
            mutex_unlock(&t->k->tasks_lock);
        }
        break;
    case LX_P_PIDFD:
        r = by_pidfd(t, (int) a[1], &q, &nonblock);
        if (r)
            return r;
        break;
    default:
        return -EINVAL;
    }
    r = do_wait(t, &q, &res);
    if (r)
        return r;
    if (nonblock && !res.pid)
        return -EAGAIN;
    memset(&info, 0, sizeof(info));
    if (res.pid) {
        info.signo = LX_SIGCHLD;
        info.code = res.code;
        info.chld.pid = res.pid;
        info.chld.uid = res.uid;
        switch (res.code) {
        case LX_CLD_EXITED:
            info.chld.status = (int32_t) (res.status >> 8 & 0xff);
            break;
        case LX_CLD_KILLED:
            info.chld.status = (int32_t) (res.status & 0x7f);
            break;
        case LX_CLD_TRAPPED:
            info.chld.status = (int32_t) (res.status >> 8);
            break;
        case LX_CLD_STOPPED:
            info.chld.status = (int32_t) (res.status >> 8 & 0xff);
            break;
        default:
            info.chld.status = LX_SIGCONT;
        }
        r = put_usage(t, a[4], &res.usage);
        if (r)
            return r;
    }
    /* Only the members waitid(2) promises; the rest of the guest's buffer stays as it is. */
    return a[2] ? copy_out(t, uaddr(a[2]), &info, 28) : 0;
}
