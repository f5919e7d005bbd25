/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Calls that need no sentry: identity numbers from the facts, the heap, segment bases, and futex
 * waits with a time limit, which trap only because a native one would lose its remaining time to a
 * kick.
 */
#include "platform/stub/patch.h"

#define SYS_MMAP          9
#define SYS_MUNMAP        11
#define SYS_BRK           12
#define SYS_SCHED_YIELD   24
#define SYS_GETPID        39
#define SYS_GETUID        102
#define SYS_GETGID        104
#define SYS_GETEUID       107
#define SYS_GETEGID       108
#define SYS_ARCH_PRCTL    158
#define SYS_GETTID        186
#define SYS_FUTEX         202
#define SYS_CLOCK_GETTIME 228
#define SYS_FUTEX_WAITV   449

#define ARCH_SET_GS       0x1001
#define ARCH_GET_GS       0x1004
#define FUTEX_WAIT        0
#define FUTEX_WAIT_BITSET 9
#define FUTEX_PRIVATE     128
#define FUTEX_REALTIME    256
#define PAGE              4096ul
#define PAGE_UP(x)        (((x) + PAGE - 1) & ~(PAGE - 1))

__attribute__((section(".process"))) struct stub_process stub_process = {0};

void spin_lock(uint32_t *lock)
{
    while (__atomic_exchange_n(lock, 1, __ATOMIC_ACQUIRE))
        stub_syscall(SYS_SCHED_YIELD, 0, 0, 0, 0, 0, 0);
}

void spin_unlock(uint32_t *lock)
{
    __atomic_store_n(lock, 0, __ATOMIC_RELEASE);
}

long set_brk(uint64_t want)
{
    struct stub_process *p = &stub_process;
    spin_lock(&p->brk_lock);
    uint64_t have = p->brk_now;
    if (want >= p->brk_start && want < STUB_BASE) {
        uint64_t from = PAGE_UP(have), to = PAGE_UP(want);
        long r = 0;
        if (to > from) {
            /* PRIVATE | ANONYMOUS | FIXED_NOREPLACE */
            r = stub_syscall(SYS_MMAP, (long) from, (long) (to - from), 3, 0x100022, -1, 0);
            if (r > 0 && (uint64_t) r != from) {
                stub_syscall(SYS_MUNMAP, r, (long) (to - from), 0, 0, 0, 0);
                r = -1;
            }
        } else if (to < from) {
            r = stub_syscall(SYS_MUNMAP, (long) to, (long) (from - to), 0, 0, 0, 0);
        }
        if (r >= 0)
            p->brk_now = have = want;
    }
    spin_unlock(&p->brk_lock);
    return (long) have;
}

struct timespec64 {
    int64_t sec, nsec;
};

static void add_now(struct timespec64 *ts)
{
    struct timespec64 now;
    stub_syscall(SYS_CLOCK_GETTIME, 1 /* CLOCK_MONOTONIC */, (long) &now, 0, 0, 0, 0);
    ts->nsec += now.nsec;
    if (ts->nsec >= 1000000000) {
        ts->nsec -= 1000000000;
        ts->sec += 1;
    }
    if (__builtin_add_overflow(ts->sec, now.sec, &ts->sec))
        ts->sec = INT64_MAX;
}

/*
 * A timed wait: an absolute deadline, so that it can be taken up again after a kick that brought no
 * handler (futex(2): only a handler makes it fail with EINTR).
 */
static bool timed_futex(struct channel *ch, struct frame *f, long *ret)
{
    const struct stub_regs *r = &f->uc.regs;
    uint32_t op = (uint32_t) r->rsi, cmd = op & ~(uint32_t) (FUTEX_PRIVATE | FUTEX_REALTIME);
    struct timespec64 ts;

    if ((cmd != FUTEX_WAIT && cmd != FUTEX_WAIT_BITSET) || !r->r10)
        return false;
    if (cmd == FUTEX_WAIT && (op & FUTEX_REALTIME))
        return false;
    if (stub_copy(&ts, (const void *) r->r10, sizeof(ts))) {
        *ret = -STUB_EFAULT;
        return true;
    }
    if (ts.sec < 0 || ts.nsec < 0 || ts.nsec >= 1000000000) {
        *ret = -22;
        return true;
    }
    if (cmd == FUTEX_WAIT)
        add_now(&ts);

    uint32_t native = FUTEX_WAIT_BITSET | (op & (FUTEX_PRIVATE | FUTEX_REALTIME));
    uint32_t bits = cmd == FUTEX_WAIT ? ~0u : (uint32_t) r->r9;
    struct slot_local *local = slot_local(slot_of(f));
    for (;;) {
        struct stub_regs before = *r;
        const long call[7] = {SYS_FUTEX,         (long) before.rdi, (long) native,
                              (long) before.rdx, (long) &ts,        0,
                              (long) bits};
        *ret = stub_wait_interruptible(call);
        if (!local->kicked)
            return true;
        local->kicked = 0;
        f->uc.regs.rax = (uint64_t) *ret;
        converse(ch, f, REQ_KICKED);
        /* converse() may have built a frame: its registers are the guest's now, rax included. */
        if (r->rip != before.rip || r->rsp != before.rsp || *ret != -STUB_EINTR) {
            *ret = (long) r->rax;
            return true;
        }
        if (ch->facts_flags & FACTS_TRACE) {
            /* Somebody has come who wants to see calls, or to step: it is made once more, for him.
             */
            f->uc.regs.rip = before.rip - 2;
            *ret = SYS_FUTEX;
            return true;
        }
        f->uc.regs = before;
    }
}

/*
 * futex_waitv(2): its deadline is absolute, so a wait that a kick ended is simply made again. Linux
 * ends it with EINTR only for a handler without SA_RESTART: converse() does so for a thread that
 * stands at the call's instruction.
 */
static long wait_for_many(struct channel *ch, struct frame *f)
{
    struct stub_regs *r = &f->uc.regs;
    struct slot_local *local = slot_local(slot_of(f));
    const long call[7] = {SYS_FUTEX_WAITV, (long) r->rdi, (long) r->rsi, (long) r->rdx,
                          (long) r->r10,   (long) r->r8,  (long) r->r9};
    long ret = stub_wait_interruptible(call);

    if (!local->kicked)
        return ret;
    local->kicked = 0;
    if (ret == -STUB_EINTR) {
        r->rip -= 2;
        r->rax = SYS_FUTEX_WAITV;
    } else {
        r->rax = (uint64_t) ret;
    }
    converse(ch, f, REQ_KICKED);
    return (long) r->rax;
}

long segment_base(uint64_t code, uint64_t addr)
{
    long r = stub_syscall(SYS_ARCH_PRCTL, (long) code, (long) addr, 0, 0, 0, 0);
    const uint64_t none = 0;
    if (r == 0 && code == ARCH_GET_GS && gs_is_ours() &&
        stub_copy((void *) addr, &none, sizeof(none)))
        r = -STUB_EFAULT;
    return r;
}

bool answer_identity(const struct channel *ch, uint64_t nr, long *ret)
{
    switch (nr) {
    case SYS_GETPID:
        *ret = ch->pid;
        return true;
    case SYS_GETTID:
        *ret = ch->tid;
        return true;
    case SYS_GETUID:
        *ret = ch->uid;
        return true;
    case SYS_GETEUID:
        *ret = ch->euid;
        return true;
    case SYS_GETGID:
        *ret = ch->gid;
        return true;
    case SYS_GETEGID:
        *ret = ch->egid;
        return true;
    default:
        return false;
    }
}

bool answer_locally(struct channel *ch, struct frame *f, uint64_t nr, long *ret)
{
    const struct stub_regs *r = &f->uc.regs;
    if (ch->facts_flags & FACTS_TRACE)
        return false;
    switch (nr) {
    case SYS_FUTEX:
        return timed_futex(ch, f, ret);
    case SYS_FUTEX_WAITV:
        *ret = wait_for_many(ch, f);
        return true;
    case SYS_BRK:
        *ret = set_brk(r->rdi);
        return true;
    case SYS_ARCH_PRCTL:
        if (r->rdi < ARCH_SET_GS || r->rdi > ARCH_GET_GS)
            return false;
        *ret = segment_base(r->rdi, r->rsi);
        return true;
    default:
        return answer_identity(ch, nr, ret) || direct_call(ch, slot_of(f), nr, r, true, ret);
    }
}
