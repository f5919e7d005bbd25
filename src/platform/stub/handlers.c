/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The stub's signal handlers: a trapped system call, a hardware fault, a kick. Each runs on the
 * slot's alternate stack with everything masked but the faults of its own guest-memory copies.
 */
#include "platform/stub/handlers.h"

#define ARCH_X86_64 0xc000003eu /* AUDIT_ARCH_X86_64 */

#define SIGILL     4
#define SIGTRAP    5
#define SIGBUS     7
#define SIGFPE     8
#define SIGSEGV    11
#define SIGSYS     31
#define BIT(signo) (1ul << ((signo) -1))

#define SA_SIGINFO  0x4ul
#define SA_RESTORER 0x04000000ul
#define SA_ONSTACK  0x08000000ul
#define SA_RESTART  0x10000000ul
#define SA_NODEFER  0x40000000ul

static struct frame *frame_of(struct frame_context *uc)
{
    return (struct frame *) ((uint8_t *) uc - offsetof(struct frame, uc));
}

static bool within(uint64_t rip, const char *begin, const char *end)
{
    return rip >= (uint64_t) begin && rip < (uint64_t) end;
}

static void on_syscall(int signo, struct frame_info *info, struct frame_context *uc)
{
    struct frame *f = frame_of(uc);
    struct channel *ch = slot_channel(slot_of(f));
    const struct stub_regs *r = &uc->regs;
    /* int80 and x32 come with other meanings of the number: no such call here. */
    uint64_t nr = info->sys.arch == ARCH_X86_64 ? r->rax : ~0ul;
    long ret;
    (void) signo;

    if (answer_locally(ch, f, nr, &ret)) {
        uc->regs.rax = (uint64_t) ret;
        return;
    }
    ch->nr = nr;
    ch->args[0] = r->rdi;
    ch->args[1] = r->rsi;
    ch->args[2] = r->rdx;
    ch->args[3] = r->r10;
    ch->args[4] = r->r8;
    ch->args[5] = r->r9;
    marshal(ch, nr, r);
    converse(ch, f, REQ_SYSCALL);
}

/* A fault inside one of the copy routines is their answer; anywhere else in the stub it is the end.
 */
static bool repair_copy(struct frame_context *uc)
{
    uint64_t rip = uc->regs.rip;
    if (within(rip, stub_copy_begin, stub_copy_end)) {
        uc->regs.rip = (uint64_t) stub_copy_fixup;
        return true;
    }
    if (within(rip, stub_string_begin, stub_string_end)) {
        uc->regs.rip = (uint64_t) stub_string_fixup;
        return true;
    }
    if (within(rip, stub_cmpxchg_begin, stub_cmpxchg_end)) {
        uc->regs.rip = (uint64_t) stub_cmpxchg_fixup;
        return true;
    }
    if (rip >= STUB_BASE && rip < STUB_TEXT_END)
        stub_syscall(231 /* exit_group */, 128 + SIGSEGV, 0, 0, 0, 0, 0);
    return false;
}

static void on_fault(int signo, struct frame_info *info, struct frame_context *uc)
{
    struct frame *f = frame_of(uc);
    struct channel *ch = slot_channel(slot_of(f));

    if (repair_copy(uc))
        return;
    ch->signo = signo;
    ch->code = info->code;
    ch->addr = info->addr;
    converse(ch, f, REQ_FAULT);
}

static void on_kick(int signo, struct frame_info *info, struct frame_context *uc)
{
    struct frame *f = frame_of(uc);
    uint64_t rip = uc->regs.rip;
    (void) signo;
    (void) info;

    if (rip >= STUB_BASE && rip < STUB_TEXT_END) {
        /* Only the interruptible wait runs unmasked; it asks the sentry when it is done. */
        slot_local(slot_of(f))->kicked = 1;
        if (within(rip, stub_wait_begin, stub_wait_end))
            uc->regs.rip = (uint64_t) stub_wait_abort;
        return;
    }
    converse(slot_channel(slot_of(f)), f, REQ_KICKED);
}

struct kernel_sigaction {
    void *handler;
    uint64_t flags;
    void (*restorer)(void);
    uint64_t mask;
};

void handlers_install(void (*trap)(int, struct frame_info *, struct frame_context *))
{
    const uint64_t mask = ~(BIT(SIGSEGV) | BIT(SIGBUS));
    const struct {
        int signo;
        void *handler;
        uint64_t flags;
    } table[] = {
        {SIGSYS, (void *) on_syscall, 0},
        {SIGSEGV, (void *) on_fault, SA_NODEFER},
        {SIGBUS, (void *) on_fault, SA_NODEFER},
        {SIGFPE, (void *) on_fault, 0},
        {SIGILL, (void *) on_fault, 0},
        {SIGTRAP, (void *) (trap ? trap : on_fault), 0},
        {STUB_KICK_SIGNAL, (void *) on_kick, SA_RESTART},
    };
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        struct kernel_sigaction sa = {
            .handler = table[i].handler,
            .flags = SA_SIGINFO | SA_ONSTACK | SA_RESTORER | table[i].flags,
            .restorer = stub_restorer,
            .mask = mask,
        };
        stub_syscall(13 /* rt_sigaction */, table[i].signo, (long) &sa, 0, 8, 0, 0);
    }
}
