/* SPDX-License-Identifier: Apache-2.0 */
/* The stub's side of the conversation that stub_abi.h describes. */
#include "platform/stub/patch.h"

#define SYS_MMAP        9
#define SYS_CLOSE       3
#define SYS_BRK         12
#define SYS_EXIT        60
#define SYS_ARCH_PRCTL  158
#define SYS_FUTEX       202
#define SYS_EXIT_GROUP  231
#define SYS_FUTEX_WAITV 449
#define FUTEX_WAIT      0
#define FUTEX_WAKE      1

static uint32_t current_cpu(void)
{
    /* The kernel keeps cpu | node << 12 as the limit of this descriptor (x86-64 __CPUNODE_SEG). */
    uint32_t limit = 0;
    __asm__ volatile("lsl %1, %0" : "=r"(limit) : "r"(0x7b) : "cc");
    return limit & 0xfff;
}

#define POLLS 64 /* between two looks at the clock, which is slower than a look at the word */

static bool spin_for_reply(struct channel *ch, uint32_t ticks)
{
    uint64_t start = 0;
    do {
        for (int i = 0; i < POLLS; i++) {
            if (__atomic_load_n(&ch->turn, __ATOMIC_ACQUIRE) == TURN_STUB)
                return true;
            __builtin_ia32_pause();
        }
        if (!start)
            start = __builtin_ia32_rdtsc();
    } while (__builtin_ia32_rdtsc() - start < ticks);
    return false;
}

static void hand_over(struct channel *ch)
{
    uint32_t spin = __atomic_load_n(&ch->spin, __ATOMIC_RELAXED);
    if (!spin) /* the sentry knows where a stub is that it spins for, and LSL takes its time */
        ch->cpu = current_cpu();
    __atomic_store_n(&ch->turn, TURN_SENTRY, __ATOMIC_SEQ_CST);
    if (__atomic_load_n(&ch->sentry_asleep, __ATOMIC_SEQ_CST))
        stub_syscall(SYS_FUTEX, (long) &ch->turn, FUTEX_WAKE, 1, 0, 0, 0);
    if (spin && spin_for_reply(ch, spin))
        return;
    while (__atomic_load_n(&ch->turn, __ATOMIC_ACQUIRE) != TURN_STUB) {
        __atomic_store_n(&ch->stub_asleep, 1, __ATOMIC_SEQ_CST);
        if (__atomic_load_n(&ch->turn, __ATOMIC_SEQ_CST) != TURN_STUB)
            stub_syscall(SYS_FUTEX, (long) &ch->turn, FUTEX_WAIT, TURN_SENTRY, 0, 0, 0);
        __atomic_store_n(&ch->stub_asleep, 0, __ATOMIC_RELAXED);
    }
}

/* A futex wait with the kick unmasked. */
static int64_t run_wait(struct channel *ch, const struct stub_call *c)
{
    struct slot_local *local = slot_local(slot_of(ch));
    const uint64_t deadline = c->wait == WAIT_UNTIL ? (uint64_t) &ch->deadline : 0;
    const long call[7] = {
        (long) c->nr,
        (long) c->args[0],
        (long) c->args[1],
        (long) c->args[2],
        (long) (c->wait == WAIT_AS_IS ? c->args[3] : deadline),
        (long) c->args[4],
        (long) c->args[5],
    };
    long r = stub_wait_interruptible(call);
    local->kicked = 0; /* the sentry knows better than the kick what there is to do */
    return r;
}

static int64_t run_call(struct channel *ch, const struct stub_call *c)
{
    if (c->wait)
        return run_wait(ch, c);
    if (c->nr == SYS_BRK)
        return set_brk(c->args[0]);
    if (c->nr == SYS_ARCH_PRCTL)
        return segment_base(c->args[0], c->args[1]);
    if (c->nr == STUB_CALL_UNPATCH)
        return patches_undo();
    if (c->nr == STUB_CALL_CMPXCHG)
        return stub_cmpxchg((uint32_t *) c->args[0], (uint32_t) c->args[1], (uint32_t) c->args[2]);
    if (c->nr == STUB_CALL_DIRECT)
        return direct_install(c->args);
    if (c->nr == STUB_CALL_POST)
        return direct_take_post();
    if (!c->donate)
        return stub_syscall((long) c->nr, (long) c->args[0], (long) c->args[1], (long) c->args[2],
                            (long) c->args[3], (long) c->args[4], (long) c->args[5]);
    long fd = stub_syscall(STUB_NR_DONATE, 0, 0, 0, 0, 0, 0);
    if (fd < 0)
        return fd;
    long r = stub_syscall(SYS_MMAP, (long) c->args[0], (long) c->args[1], (long) c->args[2],
                          (long) c->args[3], fd, (long) c->args[5]);
    stub_syscall(SYS_CLOSE, fd, 0, 0, 0, 0, 0);
    return r;
}

static bool is_error(int64_t r)
{
    return r < 0 && r >= -4095;
}

/* The number of calls made goes to ch->result. */
static void run_calls(struct channel *ch)
{
    uint32_t n = ch->n_calls, i;
    for (i = 0; i < n && i < STUB_MAX_CALLS; i++) {
        struct stub_call *c = &ch->calls[i];
        c->result = run_call(ch, c);
        if (c->must_succeed && is_error(c->result))
            break;
    }
    ch->result = i;
}

/*
 * An untimed futex wait, or one for many words, that the kick interrupted stands at its syscall
 * instruction again, because the kick restarts. When the guest's handler is without SA_RESTART,
 * Linux ends the wait with EINTR.
 */
static void interrupt_futex(struct frame *f)
{
    struct stub_regs *r = &f->uc.regs;
    uint8_t code[2];
    uint32_t op = (uint32_t) r->rsi & 0x7f;
    if (r->rax != SYS_FUTEX_WAITV && (r->rax != SYS_FUTEX || (op != 0 && op != 9)))
        return;
    if (!patch_stands_at(r->rip) &&
        (stub_copy(code, (const void *) r->rip, 2) || code[0] != 0x0f || code[1] != 0x05))
        return;
    r->rip += 2;
    r->rax = (uint64_t) -STUB_EINTR;
}

/* Applies a resume; 0 when the guest may run, else the request to make next. */
static uint32_t resume(struct channel *ch, struct frame *f, bool was_kick)
{
    long err;
    switch (ch->rep) {
    case REP_RETURN:
        err = unmarshal(ch);
        f->uc.regs.rax = err ? (uint64_t) err : (uint64_t) ch->value;
        break;
    case REP_RESTART:
        f->uc.regs.rax = (uint64_t) ch->value;
        f->uc.regs.rip -= 2;
        break;
    case REP_SIGRETURN:
        if (!frame_pop(f))
            return REQ_BADFRAME;
        break;
    case REP_REGS:
        f->uc.regs = ch->new_regs;
        break;
    default:
        break;
    }
    if (!ch->has_signal)
        return ch->come_back ? REQ_KICKED : 0;
    if (was_kick && ch->signal.no_restart)
        interrupt_futex(f);
    if (!frame_push(f, &ch->signal))
        return REQ_BADFRAME;
    return ch->signal.more ? REQ_KICKED : 0;
}

void ask(struct channel *ch, const struct stub_regs *r, uint32_t request)
{
    ch->req = request;
    ch->regs = *r;
    ch->rip = r->rip;
    ch->rsp = r->rsp;
    hand_over(ch);
    if (ch->gifts)
        direct_accept(ch);
}

/* 0 when the guest may run, else the request to make next. */
static uint32_t act_on_reply(struct channel *ch, struct frame *f, bool *was_kick)
{
    bool child = false;
    uint32_t request;
    switch (ch->rep) {
    case REP_CALLS:
        run_calls(ch);
        return REQ_DONE;
    case REP_CLONE:
        ch->result = order_clone(ch, f, &child);
        return child ? REQ_READY : REQ_DONE;
    case REP_VECTOR:
        ch->result = (int64_t) frame_vector(f);
        return REQ_DONE;
    case REP_EXIT:
        stub_syscall(ch->value ? SYS_EXIT_GROUP : SYS_EXIT, 0, 0, 0, 0, 0, 0);
        __builtin_trap();
    default:
        request = resume(ch, f, *was_kick);
        *was_kick = false;
        return request;
    }
}

void converse(struct channel *ch, struct frame *f, uint32_t request)
{
    bool was_kick = request == REQ_KICKED;
    while (request) {
        ask(ch, &f->uc.regs, request);
        request = act_on_reply(ch, f, &was_kick);
    }
}

void converse_reply(struct channel *ch, struct frame *f)
{
    bool was_kick = false;
    uint32_t request = act_on_reply(ch, f, &was_kick);
    if (request)
        converse(ch, f, request);
}
