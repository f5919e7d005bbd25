/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The stub's signal handlers: a trapped system call, a hardware fault, a kick. Each runs on the
 * slot's alternate stack with everything masked but the faults of its own guest-memory copies.
 */
#include "platform/stub/handlers.h"
#include "platform/stub/patch.h"

#define ARCH_X86_64 0xc000003eu /* AUDIT_ARCH_X86_64 */

#define SIGILL     4
#define SIGTRAP    5
#define SIGBUS     7
#define SIGFPE     8
#define SIGSEGV    11
#define SIGPIPE    13
#define SIGSYS     31
#define BIT(signo) (1ul << ((signo) -1))

#define SIG_IGN     ((void *) 1)
#define SI_KERNEL   0x80 /* of int3, as opposed to a step */
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

void fill_syscall(struct channel *ch, const struct stub_regs *r, uint64_t nr, uint64_t patch)
{
    ch->nr = nr;
    ch->args[0] = r->rdi;
    ch->args[1] = r->rsi;
    ch->args[2] = r->rdx;
    ch->args[3] = r->r10;
    ch->args[4] = r->r8;
    ch->args[5] = r->r9;
    marshal(ch, nr, r);
    direct_note(ch, slot_of(r), nr, r);
    ch->patch = patch;
}

/*
 * The guest knows nothing of trampolines: while its registers are looked at, rip is the place in
 * its own code that stands for the one in t.
 */
static void leave_trampoline(struct stub_regs *r, const struct trampoline *t)
{
    const uint64_t tail = (uint64_t) t->tail;
    if (r->rip < (uint64_t) t->slow) {
        r->rip = t->patched_at; /* from the beginning */
    } else if (r->rip == (uint64_t) t->slow) {
        r->rip = t->after - 2;
    } else {
        r->rip = t->after + (r->rip - tail);
        if (r->rip == t->after)
            r->rcx = t->after; /* as the system call leaves it */
    }
}

/* And back, where what stands behind the call is not in its place. */
static void enter_tail(struct stub_regs *r, const struct trampoline *t)
{
    if (t && r->rip == t->after)
        r->rip = t->resume;
}

/* One that ended a sleep of which the guest has got something. */
static void take_kick(struct channel *ch, struct frame *f)
{
    struct slot_local *local = slot_local(slot_of(f));
    if (!local->kicked)
        return;
    local->kicked = 0;
    converse(ch, f, REQ_KICKED);
}

static void on_syscall(int signo, struct frame_info *info, struct frame_context *uc)
{
    struct frame *f = frame_of(uc);
    struct channel *ch = slot_channel(slot_of(f));
    struct stub_regs *r = &uc->regs;
    const struct trampoline *t = trampoline_at(r->rip);
    /* int80 and x32 come with other meanings of the number: no such call here. */
    uint64_t nr = info->sys.arch == ARCH_X86_64 ? r->rax : ~0ul, patch = 0;
    long ret;
    (void) signo;

    if (t) {
        gs_adopt(slot_of(f));
        leave_trampoline(r, t);
    } else {
        patch = patch_wanted(nr, r->rip);
    }
    /* The sentry has to be asked for the patch. */
    if (!patch && answer_locally(ch, f, nr, &ret)) {
        r->rax = (uint64_t) ret;
        take_kick(ch, f);
    } else {
        fill_syscall(ch, r, nr, patch);
        converse(ch, f, REQ_SYSCALL);
        if (patch)
            patch_answered(ch, patch, nr);
    }
    enter_tail(r, t);
}

static bool in_stub(uint64_t rip)
{
    return rip >= STUB_BASE && rip < STUB_TEXT_END;
}

/* A patched call of a thread whose GS base leads nowhere yet. */
static bool repair_entry(struct stub_regs *r)
{
    const struct trampoline *t = r->rip == (uint64_t) fast_entry ? trampoline_at(r->r11) : NULL;
    if (t)
        r->rip = (uint64_t) t->slow;
    return t != NULL;
}

/* A fault inside one of the copy routines is their answer; anywhere else in the stub it is the end.
 */
static bool repair_copy(struct frame_context *uc)
{
    static const struct {
        const char *begin, *end, *fixup;
    } copies[] = {
        {stub_copy_begin, stub_copy_end, stub_copy_fixup},
        {stub_string_begin, stub_string_end, stub_string_fixup},
        {stub_cmpxchg_begin, stub_cmpxchg_end, stub_cmpxchg_fixup},
        {stub_exchange_begin, stub_exchange_end, stub_exchange_fixup},
    };
    uint64_t rip = uc->regs.rip;
    if (!in_stub(rip))
        return false;
    for (size_t i = 0; i < sizeof(copies) / sizeof(copies[0]); i++)
        if (within(rip, copies[i].begin, copies[i].end)) {
            uc->regs.rip = (uint64_t) copies[i].fixup;
            return true;
        }
    stub_syscall(231 /* exit_group */, 128 + SIGSEGV, 0, 0, 0, 0, 0);
    return false;
}

/* A patched call whose end takes a whole frame: this is one. */
static void take_over(struct channel *ch, struct frame *f)
{
    struct slot_local *local = slot_local(slot_of(f));
    const struct trampoline *t = trampoline_at(local->resume);
    bool replied = local->reply_pending;

    f->uc.regs = *slot_saved(slot_of(f));
    local->kicked = local->reply_pending = 0;
    if (replied)
        converse_reply(ch, f);
    else
        converse(ch, f, REQ_KICKED);
    enter_tail(&f->uc.regs, t);
}

/*
 * What a patch does to code that it was not made for. Somebody steps through it: it goes. Somebody
 * arrives behind a displaced call: he is shown the way.
 */
static bool repair_patched(struct stub_regs *r, int signo, int code)
{
    const struct trampoline *t = trampoline_at(r->rip);
    if (t && signo == SIGTRAP) {
        patches_undo();
        leave_trampoline(r, t);
        return true;
    }
    if (signo == SIGTRAP && code == SI_KERNEL && patch_meets_change(r->rip - 1)) {
        r->rip -= 1;
        return true;
    }
    uint64_t tail = signo == SIGILL ? patch_tail_of(r->rip) : 0;
    if (!tail)
        return false;
    r->rip = tail;
    return true;
}

static void on_fault(int signo, struct frame_info *info, struct frame_context *uc)
{
    struct frame *f = frame_of(uc);
    struct channel *ch = slot_channel(slot_of(f));

    if (signo == SIGTRAP && uc->regs.rip == (uint64_t) fast_converted) {
        take_over(ch, f);
        return;
    }
    if (repair_entry(&uc->regs) || repair_copy(uc) ||
        (stub_process.patching.n_chunks && repair_patched(&uc->regs, signo, info->code)))
        return;
    ch->signo = signo;
    ch->code = info->code;
    ch->addr = info->addr;
    converse(ch, f, REQ_FAULT);
}

/*
 * A kick in the stub itself. Before a patched call's registers are saved nothing has happened yet,
 * once they are being restored all has: then the guest stands in its own code again, and the kick
 * can be taken at once. In between it is noted: the sentry, which is about to be asked, looks for
 * work before it answers, and the note is looked at behind the answer.
 */
static bool is_outside(struct frame *f)
{
    struct stub_regs *r = &f->uc.regs;
    struct slot_local *local = slot_local(slot_of(f));
    const struct trampoline *t;

    if (within(r->rip, fast_entry, fast_saved) && (t = trampoline_at(r->r11))) {
        r->rip = t->patched_at;
        return true;
    }
    if (within(r->rip, fast_finish, fast_resume)) {
        *r = *slot_saved(slot_of(f));
        return true;
    }
    if (r->rip == (uint64_t) fast_resume) {
        r->rip = local->shown;
        return true;
    }
    local->kicked = 1;
    if (within(r->rip, stub_wait_begin, stub_wait_end))
        r->rip = (uint64_t) stub_wait_abort;
    if (within(r->rip, stub_sleep_begin, stub_sleep_end))
        r->rip = (uint64_t) stub_sleep_abort;
    return false;
}

static void on_kick(int signo, struct frame_info *info, struct frame_context *uc)
{
    struct frame *f = frame_of(uc);
    struct stub_regs *r = &uc->regs;
    const struct trampoline *t = trampoline_at(r->rip);
    (void) signo;
    (void) info;

    if (in_stub(r->rip)) {
        t = trampoline_at(slot_local(slot_of(f))->resume);
        if (!is_outside(f))
            return;
    } else if (t) {
        leave_trampoline(r, t);
    }
    converse(slot_channel(slot_of(f)), f, REQ_KICKED);
    enter_tail(r, t);
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
        {SIGPIPE, SIG_IGN, 0}, /* the guest's comes from the sentry */
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
