/* SPDX-License-Identifier: Apache-2.0 */
/* ptrace(2): the requests. What they do to a task is kernel/ptrace. */
#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "kernel/ptrace/internal.h"
#include "kernel/syscall/syscall.h"
#include "kernel/wait/block.h"

#define ERRNO_LAST 4095

/* One request on a tracee: data and addr as the caller gave them. */
struct call {
    struct task *t;      /* the caller */
    struct task *tracee; /* referenced */
    uint64_t addr, data;
};

/* With the tracee's sighand.lock held when it is stopped for the caller, else NULL. */
static struct sighand *hold_stopped(const struct call *c)
{
    struct sighand *sh = sighand_lock(c->tracee->tg);
    const struct tracee *tr = &c->tracee->trace;

    if (atomic_load(&tr->tracer) == c->t && tr->stopped && !tr->listening)
        return sh;
    mutex_unlock(&sh->lock);
    return NULL;
}

/* ---- memory ---- */

static long peek(const struct call *c)
{
    uint64_t word;
    ssize_t n = trace_memory(c->t, c->tracee, TRACE_ANY_IMAGE, c->addr, &word, sizeof(word), false);

    if (n != (ssize_t) sizeof(word))
        return n == -EINTR ? -EINTR : -EIO;
    return copy_out(c->t, uaddr(c->data), &word, sizeof(word));
}

static long poke(const struct call *c)
{
    uint64_t word = c->data;
    ssize_t n = trace_memory(c->t, c->tracee, TRACE_ANY_IMAGE, c->addr, &word, sizeof(word), true);

    if (n != (ssize_t) sizeof(word))
        return n == -EINTR ? -EINTR : -EIO;
    return 0;
}

/* ---- struct user ---- */

static bool is_debug_reg(uint64_t addr)
{
    return addr >= LX_USER_DEBUGREG && addr < LX_USER_DEBUGREG_END;
}

/* No debug register is ever armed: addresses are kept, and reading says that nothing has hit. */
static uint64_t peek_debug(const struct tracee *tr, size_t n)
{
    return n < ARRAY_LEN(tr->debug_regs) ? tr->debug_regs[n] : 0;
}

static int poke_debug(struct tracee *tr, size_t n, uint64_t value)
{
    if (n == 4 || n == 5)
        return -EIO;
    if (n == 7 && (value & 0xff))
        return -ENOSPC; /* as a machine that has none to give */
    if (n < ARRAY_LEN(tr->debug_regs)) {
        if (value >= GUEST_TASK_SIZE)
            return -EINVAL;
        tr->debug_regs[n] = value;
    }
    return 0;
}

static long peek_user(const struct call *c)
{
    struct lx_user_regs regs;
    uint64_t word = 0;
    struct sighand *sh;

    if ((c->addr & 7) || c->addr >= LX_USER_SIZE)
        return -EIO;
    sh = hold_stopped(c);
    if (!sh)
        return -ESRCH;
    if (c->addr < sizeof(regs)) {
        trace_get_regs(c->tracee, &regs);
        memcpy(&word, (uint8_t *) &regs + c->addr, sizeof(word));
    } else if (is_debug_reg(c->addr)) {
        word = peek_debug(&c->tracee->trace, (c->addr - LX_USER_DEBUGREG) / 8);
    }
    mutex_unlock(&sh->lock);
    return copy_out(c->t, uaddr(c->data), &word, sizeof(word));
}

static long poke_user(const struct call *c)
{
    struct sighand *sh;
    int r = 0;

    if ((c->addr & 7) || c->addr >= LX_USER_SIZE)
        return -EIO;
    sh = hold_stopped(c);
    if (!sh)
        return -ESRCH;
    if (c->addr < sizeof(struct lx_user_regs))
        r = trace_set_reg(c->tracee, c->addr, c->data);
    else if (is_debug_reg(c->addr))
        r = poke_debug(&c->tracee->trace, (c->addr - LX_USER_DEBUGREG) / 8, c->data);
    else
        r = -EIO;
    mutex_unlock(&sh->lock);
    return r;
}

/* ---- register sets ---- */

static int get_regs(const struct call *c, uint64_t to, size_t n)
{
    struct lx_user_regs regs;
    struct sighand *sh = hold_stopped(c);

    if (!sh)
        return -ESRCH;
    trace_get_regs(c->tracee, &regs);
    mutex_unlock(&sh->lock);
    return copy_out(c->t, uaddr(to), &regs, n);
}

static int set_regs(const struct call *c, uint64_t from, size_t n)
{
    uint64_t words[sizeof(struct lx_user_regs) / 8];
    struct sighand *sh;
    int r = copy_in(c->t, words, uaddr(from), n);

    if (r)
        return r;
    sh = hold_stopped(c);
    if (!sh)
        return -ESRCH;
    for (size_t i = 0; i < n / 8 && r == 0; i++)
        r = trace_set_reg(c->tracee, i * 8, words[i]);
    mutex_unlock(&sh->lock);
    return r;
}

/* Vector state of *n bytes at `at` of the caller; *n becomes what was moved. */
static int vector(const struct call *c, int (*fn)(struct task *t, struct trace_request *rq),
                  uint64_t at, size_t *n, bool write)
{
    struct trace_request *rq = trace_request_new(*n);
    int r = rq ? 0 : -ENOMEM;

    if (r == 0 && write)
        r = copy_in(c->t, rq->data, uaddr(at), *n);
    if (r == 0) {
        rq->fn = fn;
        rq->write = write;
        r = trace_ask(c->t, c->t, c->tracee, rq);
    }
    if (r == 0)
        *n = rq->n;
    if (r == 0 && !write)
        r = copy_out(c->t, uaddr(at), rq->data, *n);
    trace_request_put(rq);
    return r;
}

static long fpregs(const struct call *c, bool write)
{
    size_t n = TRACE_FPREGS;

    return vector(c, trace_do_fpregs, c->data, &n, write);
}

/* addr: the set's number; data: a struct iovec of the caller, whose length tells what was moved. */
static long regset(const struct call *c, bool write)
{
    struct {
        uint64_t base, len;
    } iov;
    uint32_t type = (uint32_t) c->addr;
    size_t n;
    int r;

    if (type != LX_NT_PRSTATUS && type != LX_NT_PRFPREG && type != LX_NT_X86_XSTATE)
        return -EINVAL;
    r = copy_in(c->t, &iov, uaddr(c->data), sizeof(iov));
    if (r)
        return r;
    if (iov.len % 8)
        return -EINVAL;
    if (type == LX_NT_PRSTATUS) {
        n = MIN(iov.len, sizeof(struct lx_user_regs));
        r = write ? set_regs(c, iov.base, n) : get_regs(c, iov.base, n);
    } else if (type == LX_NT_PRFPREG) {
        n = MIN(iov.len, (uint64_t) TRACE_FPREGS);
        r = vector(c, trace_do_fpregs, iov.base, &n, write);
    } else {
        n = MIN(iov.len, (uint64_t) TRACE_XSTATE_MAX);
        r = vector(c, trace_do_xstate, iov.base, &n, write);
    }
    if (r)
        return r;
    iov.len = n;
    return copy_out(c->t, uaddr(c->data), &iov, sizeof(iov));
}

/* ---- what the stop is about ---- */

static long get_siginfo(const struct call *c)
{
    struct sighand *sh = hold_stopped(c);
    struct lx_siginfo info;
    bool has;

    if (!sh)
        return -ESRCH;
    has = c->tracee->trace.has_info;
    info = c->tracee->trace.info;
    mutex_unlock(&sh->lock);
    return has ? copy_out(c->t, uaddr(c->data), &info, sizeof(info)) : -EINVAL;
}

static long set_siginfo(const struct call *c)
{
    struct lx_siginfo info;
    struct sighand *sh;
    int r = copy_in(c->t, &info, uaddr(c->data), sizeof(info));

    if (r)
        return r;
    sh = hold_stopped(c);
    if (!sh)
        return -ESRCH;
    if (c->tracee->trace.has_info)
        c->tracee->trace.info = info;
    else
        r = -EINVAL;
    mutex_unlock(&sh->lock);
    return r;
}

static long event_message(const struct call *c)
{
    struct sighand *sh = hold_stopped(c);
    uint64_t message;

    if (!sh)
        return -ESRCH;
    message = c->tracee->trace.message;
    mutex_unlock(&sh->lock);
    return copy_out(c->t, uaddr(c->data), &message, sizeof(message));
}

#define UP_TO(member)                                  \
    (offsetof(struct lx_ptrace_syscall_info, member) + \
     sizeof(((struct lx_ptrace_syscall_info *) 0)->member))

/* What kind of stop it is, and the parts of *i that go with it. How much of *i is meaningful. */
static size_t fill_syscall_info(const struct tracee *tr, const struct lx_user_regs *r,
                                struct lx_ptrace_syscall_info *i)
{
    const uint64_t args[6] = {r->rdi, r->rsi, r->rdx, r->r10, r->r8, r->r9};
    int code = tr->has_info ? tr->info.code : 0;
    bool call = code == (LX_SIGTRAP | 0x80);

    if (call && tr->message == LX_PTRACE_EVENTMSG_SYSCALL_ENTRY) {
        i->op = LX_PTRACE_SYSCALL_INFO_ENTRY;
        i->entry.nr = r->orig_rax;
        memcpy(i->entry.args, args, sizeof(args));
        return UP_TO(entry.args);
    }
    if (call && tr->message == LX_PTRACE_EVENTMSG_SYSCALL_EXIT) {
        i->op = LX_PTRACE_SYSCALL_INFO_EXIT;
        i->exit.rval = (int64_t) r->rax;
        i->exit.is_error = i->exit.rval < 0 && i->exit.rval >= -ERRNO_LAST;
        return UP_TO(exit.is_error);
    }
    if (code == (LX_SIGTRAP | LX_PTRACE_EVENT_SECCOMP << 8)) {
        i->op = LX_PTRACE_SYSCALL_INFO_SECCOMP;
        i->seccomp.nr = r->orig_rax;
        memcpy(i->seccomp.args, args, sizeof(args));
        i->seccomp.ret_data = (uint32_t) tr->message;
        return UP_TO(seccomp.ret_data);
    }
    return offsetof(struct lx_ptrace_syscall_info, entry);
}

static long syscall_info(const struct call *c)
{
    struct lx_ptrace_syscall_info i = {.arch = LX_AUDIT_ARCH_X86_64};
    struct sighand *sh = hold_stopped(c);
    struct lx_user_regs r;
    size_t n;
    int copied;

    if (!sh)
        return -ESRCH;
    trace_get_regs(c->tracee, &r);
    i.ip = r.rip;
    i.sp = r.rsp;
    n = fill_syscall_info(&c->tracee->trace, &r, &i);
    mutex_unlock(&sh->lock);
    copied = copy_out(c->t, uaddr(c->data), &i, MIN(c->addr, (uint64_t) n));
    return copied ? copied : (long) n;
}

/* ---- signals ---- */

static long get_sigmask(const struct call *c)
{
    struct task *o = c->tracee;
    struct sighand *sh;
    uint64_t mask;

    if (c->addr != sizeof(mask))
        return -EINVAL;
    sh = hold_stopped(c);
    if (!sh)
        return -ESRCH;
    mask = o->restore_mask ? o->saved_mask : o->blocked;
    mutex_unlock(&sh->lock);
    return copy_out(c->t, uaddr(c->data), &mask, sizeof(mask));
}

static long set_sigmask(const struct call *c)
{
    struct task *o = c->tracee;
    struct sighand *sh;
    uint64_t mask;
    int r;

    if (c->addr != sizeof(mask))
        return -EINVAL;
    r = copy_in(c->t, &mask, uaddr(c->data), sizeof(mask));
    if (r)
        return r;
    sh = hold_stopped(c);
    if (!sh)
        return -ESRCH;
    o->restore_mask = false;
    o->blocked = mask & ~SIGSET_UNBLOCKABLE;
    signal_recalc_locked(o);
    mutex_unlock(&sh->lock);
    return 0;
}

static long peek_siginfo(const struct call *c)
{
    struct lx_ptrace_peeksiginfo_args q;
    struct lx_siginfo info;
    long n = 0;
    int r = copy_in(c->t, &q, uaddr(c->addr), sizeof(q));

    if (r)
        return r;
    if ((q.flags & ~LX_PTRACE_PEEKSIGINFO_SHARED) || q.nr < 0)
        return -EINVAL;
    /* Each look counts from the head of the queue, and queues may be long: not for who has to go.
     */
    for (; n < q.nr && !(atomic_load(&c->t->work) & (WORK_EXIT | WORK_DEAD)); n++) {
        struct task *o = c->tracee;
        struct sighand *sh = hold_stopped(c);
        bool found;

        if (!sh)
            return n ? n : -ESRCH;
        found =
            sigqueue_peek((q.flags & LX_PTRACE_PEEKSIGINFO_SHARED) ? &o->tg->pending : &o->pending,
                          q.off + (uint64_t) n, &info);
        mutex_unlock(&sh->lock);
        if (!found)
            break;
        r = copy_out(c->t, uaddr(c->data + (uint64_t) n * sizeof(info)), &info, sizeof(info));
        if (r)
            return n ? n : r;
    }
    return n;
}

/* ---- going on ---- */

static long set_options(const struct call *c)
{
    struct sighand *sh;

    if (c->data & ~(uint64_t) LX_PTRACE_O_MASK)
        return -EINVAL;
    sh = hold_stopped(c);
    if (!sh)
        return -ESRCH;
    c->tracee->trace.options = (uint32_t) c->data;
    mutex_unlock(&sh->lock);
    return 0;
}

static long resume(const struct call *c, enum trace_mode mode)
{
    struct sighand *sh;

    if (c->data > LX_NSIG)
        return -EIO;
    sh = hold_stopped(c);
    if (!sh)
        return -ESRCH;
    trace_resume_locked(c->tracee, mode, (int) c->data);
    mutex_unlock(&sh->lock);
    return 0;
}

static long detach(const struct call *c)
{
    return c->data > LX_NSIG ? -EIO : trace_detach(c->t, c->tracee, (int) c->data);
}

/* PTRACE_KILL: a stopped one goes on with SIGKILL; others are left alone. */
static long kill_stopped(const struct call *c)
{
    struct sighand *sh = hold_stopped(c);

    if (sh) {
        tgroup_exit_locked(c->tracee->tg, LX_SIGKILL);
        mutex_unlock(&sh->lock);
    }
    return 0;
}

static long interrupt(const struct call *c)
{
    struct sighand *sh = sighand_lock(c->tracee->tg);
    int r = -EIO;

    if (atomic_load(&c->tracee->trace.tracer) != c->t) {
        r = -ESRCH;
    } else if (c->tracee->trace.seized) {
        r = 0;
        trace_notify_job_locked(c->tracee, false);
    }
    mutex_unlock(&sh->lock);
    return r;
}

static long listen(const struct call *c)
{
    struct sighand *sh = hold_stopped(c);
    struct tracee *tr = &c->tracee->trace;
    int r = -EIO;

    if (!sh)
        return -ESRCH;
    if (tr->seized && tr->code >> 8 == LX_PTRACE_EVENT_STOP) {
        tr->listening = true;
        task_wake(c->tracee); /* what has happened since the stop is reported at once */
        r = 0;
    }
    mutex_unlock(&sh->lock);
    return r;
}

static long request(const struct call *c, uint64_t what)
{
    switch (what) {
    case LX_PTRACE_PEEKTEXT:
    case LX_PTRACE_PEEKDATA:
        return peek(c);
    case LX_PTRACE_POKETEXT:
    case LX_PTRACE_POKEDATA:
        return poke(c);
    case LX_PTRACE_PEEKUSER:
        return peek_user(c);
    case LX_PTRACE_POKEUSER:
        return poke_user(c);
    case LX_PTRACE_CONT:
        return resume(c, TRACE_CONT);
    case LX_PTRACE_SYSCALL:
        return resume(c, TRACE_SYSCALL);
    case LX_PTRACE_SINGLESTEP:
        return resume(c, TRACE_STEP);
    case LX_PTRACE_SYSEMU:
        return resume(c, TRACE_SYSEMU);
    case LX_PTRACE_SYSEMU_SINGLESTEP:
        return resume(c, TRACE_SYSEMU_STEP);
    case LX_PTRACE_DETACH:
        return detach(c);
    case LX_PTRACE_LISTEN:
        return listen(c);
    case LX_PTRACE_GETREGS:
        return get_regs(c, c->data, sizeof(struct lx_user_regs));
    case LX_PTRACE_SETREGS:
        return set_regs(c, c->data, sizeof(struct lx_user_regs));
    case LX_PTRACE_GETFPREGS:
        return fpregs(c, false);
    case LX_PTRACE_SETFPREGS:
        return fpregs(c, true);
    case LX_PTRACE_GETREGSET:
        return regset(c, false);
    case LX_PTRACE_SETREGSET:
        return regset(c, true);
    case LX_PTRACE_SETOPTIONS:
        return set_options(c);
    case LX_PTRACE_GETEVENTMSG:
        return event_message(c);
    case LX_PTRACE_GETSIGINFO:
        return get_siginfo(c);
    case LX_PTRACE_SETSIGINFO:
        return set_siginfo(c);
    case LX_PTRACE_PEEKSIGINFO:
        return peek_siginfo(c);
    case LX_PTRACE_GETSIGMASK:
        return get_sigmask(c);
    case LX_PTRACE_SETSIGMASK:
        return set_sigmask(c);
    case LX_PTRACE_GET_SYSCALL_INFO:
        return syscall_info(c);
    default:
        return -EIO;
    }
}

static long seize(const struct call *c)
{
    if (c->addr)
        return -EIO;
    if (c->data & ~(uint64_t) LX_PTRACE_O_MASK)
        return -EIO;
    return trace_attach(c->t, c->tracee, true, (uint32_t) c->data);
}

static long dispatch(const struct call *c, uint64_t what)
{
    struct sighand *sh;

    switch (what) {
    case LX_PTRACE_ATTACH:
        return trace_attach(c->t, c->tracee, false, 0);
    case LX_PTRACE_SEIZE:
        return seize(c);
    case LX_PTRACE_INTERRUPT:
        return interrupt(c);
    case LX_PTRACE_KILL:
        return atomic_load(&c->tracee->trace.tracer) == c->t ? kill_stopped(c) : -ESRCH;
    default:
        break;
    }
    sh = hold_stopped(c); /* nothing else is looked at before */
    if (!sh)
        return -ESRCH;
    mutex_unlock(&sh->lock);
    return request(c, what);
}

long sys_ptrace(struct task *t, const uint64_t a[static 6])
{
    struct call c = {.t = t, .addr = a[2], .data = a[3]};
    long r;

    if (a[0] == LX_PTRACE_TRACEME)
        return trace_traceme(t);
    c.tracee = task_find_get(t->k, (pid_t) a[1]);
    if (!c.tracee)
        return -ESRCH;
    r = dispatch(&c, a[0]);
    task_put(c.tracee);
    return r;
}
