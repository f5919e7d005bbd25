/* SPDX-License-Identifier: Apache-2.0 */
#include "kernel/seccomp/seccomp.h"

#include <errno.h>
#include <inttypes.h>
#include <linux/seccomp.h>
#include <stdlib.h>

#include "abi/linux/seccomp.h"
#include "abi/linux/wait.h"
#include "base/bpf.h"
#include "base/log.h"
#include "kernel/ptrace/ptrace.h"
#include "kernel/syscall/syscall.h"
#include "kernel/task/task.h"

#define COST_MAX    32768u /* instructions a thread may have, as Linux counts them */
#define COST_FILTER 4u     /* each filter costs so many more */
#define ERRNO_MAX   4095u

#define NR_READ         0
#define NR_WRITE        1
#define NR_RT_SIGRETURN 15
#define NR_EXIT         60

struct seccomp_filter *seccomp_filter_new(uint16_t len)
{
    struct seccomp_filter *f = calloc(1, sizeof(*f) + len * sizeof(f->code[0]));

    if (!f)
        return NULL;
    ref_init(&f->ref);
    f->len = len;
    return f;
}

/* Not by recursion: a list may be thousands long. */
void seccomp_filter_put(struct seccomp_filter *f)
{
    while (f && ref_put(&f->ref)) {
        struct seccomp_filter *older = f->older;

        free(f);
        f = older;
    }
}

static struct seccomp_filter *filter_get(struct seccomp_filter *f)
{
    if (f)
        ref_get(&f->ref);
    return f;
}

/* Is `list` a tail of `of`? */
static bool is_tail(const struct seccomp_filter *list, const struct seccomp_filter *of)
{
    if (!list)
        return true;
    while (of && of != list)
        of = of->older;
    return of == list;
}

/* sighand.lock held. The first other thread that could not take over our list; 0: there is none. */
static pid_t find_stranger_locked(struct task *t)
{
    struct task *o;

    list_for_each_entry (o, &t->tg->threads, tg_link) {
        if (o == t || (atomic_load(&o->work) & WORK_EXIT))
            continue;
        if (o->seccomp.mode == LX_SECCOMP_MODE_STRICT ||
            !is_tail(o->seccomp.filter, t->seccomp.filter))
            return o->tid;
    }
    return 0;
}

/* tasks_lock and sighand.lock held. What the others had is part of the new list: nothing is freed.
 */
static void sync_threads_locked(struct task *t)
{
    struct task *o;

    list_for_each_entry (o, &t->tg->threads, tg_link) {
        if (o == t)
            continue;
        seccomp_filter_put(o->seccomp.filter);
        o->seccomp.filter = filter_get(t->seccomp.filter);
        o->no_new_privs |= t->no_new_privs;
        atomic_store(&o->seccomp.mode, LX_SECCOMP_MODE_FILTER);
        task_publish_facts(o);
    }
}

static long install_locked(struct task *t, struct seccomp_filter *f, bool tsync)
{
    struct seccomp_filter *old = t->seccomp.filter;
    pid_t stranger;

    if (t->seccomp.mode == LX_SECCOMP_MODE_STRICT)
        return -EINVAL;
    stranger = tsync ? find_stranger_locked(t) : 0;
    if (stranger)
        return stranger;
    f->cost = f->len + (old ? old->cost + COST_FILTER : 0);
    if (f->cost > COST_MAX)
        return -ENOMEM;
    f->count = 1 + (old ? old->count : 0);
    f->older = old; /* with its reference */
    t->seccomp.filter = filter_get(f);
    atomic_store(&t->seccomp.mode, LX_SECCOMP_MODE_FILTER);
    if (tsync)
        sync_threads_locked(t);
    return 0;
}

long seccomp_install(struct task *t, struct seccomp_filter *f, bool tsync)
{
    struct sighand *sh;
    long r;

    mutex_lock(&t->k->tasks_lock);
    sh = sighand_lock(t->tg);
    r = install_locked(t, f, tsync);
    mutex_unlock(&sh->lock);
    task_publish_facts(t);
    mutex_unlock(&t->k->tasks_lock);
    seccomp_filter_put(f);
    return r;
}

int seccomp_set_strict(struct task *t)
{
    struct sighand *sh = sighand_lock(t->tg);
    int r = t->seccomp.mode == LX_SECCOMP_MODE_FILTER ? -EINVAL : 0;

    if (r == 0)
        atomic_store(&t->seccomp.mode, LX_SECCOMP_MODE_STRICT);
    mutex_unlock(&sh->lock);
    return r;
}

void seccomp_inherit(struct task *t, struct task *child)
{
    struct sighand *sh = sighand_lock(t->tg);

    seccomp_filter_put(child->seccomp.filter);
    child->seccomp.filter = filter_get(t->seccomp.filter);
    child->no_new_privs = t->no_new_privs;
    atomic_store(&child->seccomp.mode, atomic_load(&t->seccomp.mode));
    mutex_unlock(&sh->lock);
}

void seccomp_release(struct task *t)
{
    seccomp_filter_put(t->seccomp.filter);
    t->seccomp.filter = NULL;
}

/* A call as a program sees it. What came by the 32-bit gate has lost its number on the way here. */
static struct seccomp_data data_of(const struct task *t, uint64_t nr, const uint64_t a[static 6])
{
    const struct guest_regs *r = &t->trap.regs;
    struct seccomp_data d = {.nr = (int) nr,
                             .arch = LX_AUDIT_ARCH_X86_64,
                             .instruction_pointer = r->rip,
                             .args = {a[0], a[1], a[2], a[3], a[4], a[5]}};

    if (nr == UINT64_MAX)
        d = (struct seccomp_data){.nr = (int) r->rax,
                                  .arch = LX_AUDIT_ARCH_I386,
                                  .instruction_pointer = r->rip,
                                  .args = {(uint32_t) r->rbx, (uint32_t) r->rcx, (uint32_t) r->rdx,
                                           (uint32_t) r->rsi, (uint32_t) r->rdi,
                                           (uint32_t) r->rbp}};
    return d;
}

/* All filters see each call; the most restrictive answer counts, and of equals the newest one's. */
static uint32_t evaluate(struct task *t, const struct seccomp_data *d)
{
    struct sighand *sh = sighand_lock(t->tg);
    struct seccomp_filter *list = filter_get(t->seccomp.filter);
    uint32_t verdict = LX_SECCOMP_RET_ALLOW;

    mutex_unlock(&sh->lock);
    for (const struct seccomp_filter *f = list; f; f = f->older) {
        uint32_t v = bpf_run(f->code, f->len, d);

        /* By their values as signed numbers: KILL_PROCESS is the least. */
        if ((int32_t) (v & LX_SECCOMP_RET_ACTION_FULL) <
            (int32_t) (verdict & LX_SECCOMP_RET_ACTION_FULL))
            verdict = v;
    }
    seccomp_filter_put(list);
    return verdict;
}

/* The thread alone ends, as by exit(2); the last one of its process with the signal's status. */
static void end_thread(struct task *t, int signo)
{
    t->exit_code = LX_W_SIGNALED(signo);
    atomic_fetch_or(&t->work, WORK_EXIT);
}

static void send_sigsys(struct task *t, const struct seccomp_data *d, uint16_t data)
{
    struct lx_siginfo info = {.signo = LX_SIGSYS, .code = LX_SYS_SECCOMP, .err = data};

    info.sys.call_addr = d->instruction_pointer;
    info.sys.nr = d->nr;
    info.sys.arch = d->arch;
    t->resume_kind = RESUME_AS_IS; /* with the number still in rax */
    signal_force(t, &info);
}

static void kill(struct task *t, const struct seccomp_data *d, bool whole_process)
{
    struct sighand *sh = sighand_lock(t->tg);
    bool last = t->tg->n_threads == 1;

    mutex_unlock(&sh->lock);
    log_debug("task %d called %d, which its seccomp filter answers with its end", t->tid, d->nr);
    if (whole_process || last)
        tgroup_exit(t->tg, LX_W_SIGNALED(LX_SIGSYS));
    else
        end_thread(t, LX_SIGSYS);
}

static bool strict_admits(struct task *t, uint64_t nr, long *ret)
{
    if (nr == NR_READ || nr == NR_WRITE || nr == NR_EXIT || nr == NR_RT_SIGRETURN)
        return true;
    end_thread(t, LX_SIGKILL);
    *ret = -ENOSYS;
    return false;
}

static bool filters_admit(struct task *t, const struct seccomp_data d, bool again, long *ret);

/* The tracer has its say, and may change the call, which the filters then look at once more. */
static bool tracer_admits(struct task *t, uint16_t data, long *ret)
{
    return trace_seccomp(t, data, ret) &&
           filters_admit(t, data_of(t, t->trap.nr, t->trap.args), true, ret);
}

static bool filters_admit(struct task *t, const struct seccomp_data d, bool again, long *ret)
{
    uint32_t verdict, data;

    verdict = evaluate(t, &d);
    data = verdict & LX_SECCOMP_RET_DATA;
    *ret = -ENOSYS;
    switch (verdict & LX_SECCOMP_RET_ACTION_FULL) {
    case LX_SECCOMP_RET_ALLOW:
        return true;
    case LX_SECCOMP_RET_LOG:
        log_debug("task %d called %d: logged by its seccomp filter", t->tid, d.nr);
        return true;
    case LX_SECCOMP_RET_ERRNO:
        *ret = -(long) MIN(data, ERRNO_MAX);
        return false;
    case LX_SECCOMP_RET_TRAP:
        send_sigsys(t, &d, (uint16_t) data);
        return false;
    case LX_SECCOMP_RET_TRACE:
        return again || tracer_admits(t, (uint16_t) data, ret);
    case LX_SECCOMP_RET_USER_NOTIF: /* nobody listens */
        return false;
    case LX_SECCOMP_RET_KILL_THREAD:
        kill(t, &d, false);
        return false;
    default: /* KILL_PROCESS, and actions that do not exist */
        kill(t, &d, true);
        return false;
    }
}

bool seccomp_admits(struct task *t, uint64_t nr, const uint64_t a[static 6], long *ret)
{
    if (atomic_load(&t->seccomp.mode) == LX_SECCOMP_MODE_STRICT)
        return strict_admits(t, nr, ret);
    return filters_admit(t, data_of(t, nr, a), false, ret);
}
