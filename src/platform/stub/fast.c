/* SPDX-License-Identifier: Apache-2.0 */
/* A call that came through a trampoline: patch.h. It runs on the high end of the slot's signal
 * stack with nothing masked, so that a kick finds it; handlers.c says what becomes of one. */
#include "platform/stub/patch.h"

#define WORD_BITS 64

bool may_be_fast(uint64_t nr)
{
    static const uint16_t never[] = {
        9,   10,  11,  12,  15,  24,  25,  26,  27,  28,  56,  57,  58,  59,  60,
        149, 150, 158, 184, 185, 202, 216, 228, 231, 317, 322, 324, 325, 435, 449,
    };
    if (nr >= 512)
        return false;
    for (size_t i = 0; i < sizeof(never) / sizeof(never[0]); i++)
        if (never[i] == nr)
            return false;
    return true;
}

static uint64_t read_gs(void)
{
    uint64_t base;
    __asm__ volatile("rdgsbase %0" : "=r"(base));
    return base;
}

static bool in_region(uint64_t base)
{
    return base >= STUB_BASE && base < STUB_END;
}

bool gs_is_ours(void)
{
    return stub_process.patching.n_chunks && in_region(read_gs());
}

void gs_adopt(uint32_t slot)
{
    uint64_t base = read_gs();
    if (base == 0 || in_region(base))
        __asm__ volatile("wrgsbase %0" ::"r"(slot_local(slot)));
}

enum fast_end fast_syscall(struct stub_regs *r, const struct trampoline *t)
{
    const uint32_t slot = slot_of(r);
    struct channel *ch = slot_channel(slot);
    struct slot_local *local = slot_local(slot);
    const uint64_t nr = r->rax;
    long ret;

    if (!may_be_fast(nr) || !stub_process.patching.on || (ch->facts_flags & FACTS_TRACE)) {
        r->rip -= 2;
        local->resume = (uint64_t) t->slow;
        local->shown = r->rip;
        return FAST_SLOW;
    }
    local->resume = t->resume;
    local->shown = t->after;
    if (!answer_identity(ch, nr, &ret)) {
        fill_syscall(ch, r, nr, 0);
        ask(ch, r, REQ_SYSCALL);
        if (ch->rep != REP_RETURN || ch->has_signal || ch->come_back) {
            local->reply_pending = 1;
            return FAST_CONVERT;
        }
        ret = unmarshal(ch);
        if (ret == 0)
            ret = (long) ch->value;
    }
    r->rax = (uint64_t) ret;
    return FAST_DONE;
}
