/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Signal frames: the guest's, on its own stacks, in the layout that Linux gives them on x86-64
 * (arch/x86 struct rt_sigframe: restorer, ucontext, siginfo, and the XSAVE area above, aligned to
 * 64).
 */
#include "platform/stub/stub.h"

#define FP_MAGIC1      0x46505853u
#define FP_SW_RESERVED 464 /* offset of struct _fpx_sw_bytes in the legacy area */
#define FP_LEGACY_SIZE 512
#define FP_MAX_SIZE    16384
#define EFLAGS_TF      0x100ul
#define EFLAGS_DF      0x400ul
#define EFLAGS_RF      0x10000ul

size_t frame_fpstate_size(const void *fpstate)
{
    struct {
        uint32_t magic1, extended_size;
    } sw;
    if (stub_copy(&sw, (const uint8_t *) fpstate + FP_SW_RESERVED, sizeof(sw)))
        return 0;
    if (sw.magic1 != FP_MAGIC1 || sw.extended_size < FP_LEGACY_SIZE ||
        sw.extended_size > FP_MAX_SIZE)
        return FP_LEGACY_SIZE;
    return sw.extended_size;
}

bool frame_push(struct frame *f, const struct stub_signal *s)
{
    struct stub_regs *r = &f->uc.regs;
    uint64_t sp = s->stack, fp = 0;
    size_t size = 0;

    if (f->uc.fpstate) {
        size = frame_fpstate_size((void *) f->uc.fpstate);
        fp = sp = (sp - size) & ~63ul;
    }
    sp = ((sp - sizeof(struct frame)) & ~15ul) - 8;
    if (sp <= s->stack_floor) /* not into what lies below the alternate stack */
        return false;
    if (fp && stub_copy((void *) fp, (const void *) f->uc.fpstate, size))
        return false;

    struct frame g;
    g.restorer = s->restorer;
    g.uc = f->uc;
    g.uc.link = 0;
    g.uc.ss_sp = s->ss_sp;
    g.uc.ss_flags = s->ss_flags;
    g.uc.ss_size = s->ss_size;
    g.uc.fpstate = fp;
    g.uc.sigmask = s->saved_mask;
    for (size_t i = 0; i < sizeof(s->info); i++)
        ((uint8_t *) &g.info)[i] = s->info[i];
    if (stub_copy((void *) sp, &g, sizeof(g)))
        return false;

    r->rdi = (uint64_t) s->signo;
    r->rsi = sp + offsetof(struct frame, info);
    r->rdx = sp + offsetof(struct frame, uc);
    r->rax = 0;
    r->rsp = sp;
    r->rip = s->handler;
    r->eflags &= ~(EFLAGS_DF | EFLAGS_RF | EFLAGS_TF);
    f->uc.fpstate = 0; /* handlers start with the initial vector state */
    return true;
}

bool frame_pop(struct frame *f)
{
    /* The handler's return took the restorer word; the context follows it. */
    const struct frame *guest = (const struct frame *) (f->uc.regs.rsp - 8);
    struct frame_context g;
    if (stub_copy(&g, &guest->uc, sizeof(g)))
        return false;

    if (g.fpstate) {
        /* Our own frame's area is as large as this machine ever makes it; the guest's must fit in.
         */
        if (!f->uc.fpstate)
            return false;
        size_t have = frame_fpstate_size((void *) f->uc.fpstate);
        size_t want = frame_fpstate_size((const void *) g.fpstate);
        if (want == 0 || want > have)
            return false;
        if (stub_copy((void *) f->uc.fpstate, (const void *) g.fpstate, want))
            return false;
    } else {
        f->uc.fpstate = 0;
    }
    f->uc.flags = g.flags;
    f->uc.regs = g.regs;
    return true;
}

/* What FNINIT and a reset MXCSR make; XSTATE_BV 0 says the same of all other components. */
static void initial_vector(uint8_t *fp, size_t size)
{
    uint32_t mxcsr_mask = *(uint32_t *) (fp + 28);
    for (size_t i = 0; i < FP_SW_RESERVED; i++)
        fp[i] = 0;
    for (size_t i = FP_LEGACY_SIZE; i + 4 < size; i++)
        fp[i] = 0;
    *(uint16_t *) fp = 0x37f;
    *(uint32_t *) (fp + 24) = 0x1f80;
    *(uint32_t *) (fp + 28) = mxcsr_mask;
}

uint64_t frame_vector(struct frame *f)
{
    if (!f->uc.fpstate) {
        /* The host has put one above every frame that it made; it is only not referred to. */
        uint64_t fp = ((uint64_t) (f + 1) + 8 + 63) & ~63ul;
        size_t size = frame_fpstate_size((void *) fp);
        if (size <= FP_LEGACY_SIZE)
            return 0;
        initial_vector((uint8_t *) fp, size);
        f->uc.fpstate = fp;
    }
    return f->uc.fpstate;
}

struct frame *frame_clone(const struct frame *f, uint64_t stack_top)
{
    uint64_t sp = stack_top, fp = 0;
    if (f->uc.fpstate) {
        size_t size = frame_fpstate_size((void *) f->uc.fpstate);
        sp = (sp - size) & ~63ul;
        fp = sp;
        stub_copy((void *) fp, (const void *) f->uc.fpstate, size);
    }
    sp = ((sp - sizeof(struct frame)) & ~15ul) - 8;
    struct frame *copy = (struct frame *) sp;
    *copy = *f;
    copy->uc.fpstate = fp;
    /* Our own alternate stack: rt_sigreturn sets it from here. */
    copy->uc.ss_sp = (stack_top - STUB_SLOT_SIZE) + SLOT_STACK;
    copy->uc.ss_flags = 0;
    copy->uc.ss_size = SLOT_STACK_SIZE;
    return copy;
}
