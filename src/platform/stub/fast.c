/* SPDX-License-Identifier: Apache-2.0 */
/* A call that came through a trampoline: patch.h. It runs on the high end of the slot's signal
 * stack with nothing masked, so that a kick finds it; handlers.c says what becomes of one. */
#include "platform/stub/patch.h"

bool may_be_fast(uint64_t nr)
{
    /* clang-format off */
    static const bool never[512] = {
        [9] = true, /* mmap */
        [10] = true, /* mprotect */
        [11] = true, /* munmap */
        [12] = true, /* brk */
        [15] = true, /* rt_sigreturn */
        [24] = true, /* sched_yield */
        [25] = true, /* mremap */
        [26] = true, /* msync */
        [27] = true, /* mincore */
        [28] = true, /* madvise */
        [56] = true, /* clone */
        [57] = true, /* fork */
        [58] = true, /* vfork */
        [59] = true, /* execve */
        [60] = true, /* exit */
        [149] = true, /* mlock */
        [150] = true, /* munlock */
        [158] = true, /* arch_prctl */
        [202] = true, /* futex */
        [216] = true, /* remap_file_pages */
        [228] = true, /* clock_gettime */
        [231] = true, /* exit_group */
        [317] = true, /* seccomp */
        [322] = true, /* execveat */
        [324] = true, /* membarrier */
        [325] = true, /* mlock2 */
        [435] = true, /* clone3 */
        [449] = true, /* futex_waitv */
        [STUB_NR_HELLO] = true,
        [STUB_NR_DONATE] = true,
    };
    /* clang-format on */
    return nr < sizeof(never) && !never[nr];
}

#define SYS_ARCH_PRCTL 158
#define ARCH_SET_GS    0x1001
#define ARCH_GET_GS    0x1004

/* By system call: the instructions are not everywhere. */
static uint64_t read_gs(void)
{
    uint64_t base = 0;
    stub_syscall(SYS_ARCH_PRCTL, ARCH_GET_GS, (long) &base, 0, 0, 0, 0);
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
    struct slot_local *local = slot_local(slot);
    uint64_t base = read_gs();
    if (base != 0 && !in_region(base))
        return;
    local->self = (uint64_t) local;
    stub_syscall(SYS_ARCH_PRCTL, ARCH_SET_GS, (long) local, 0, 0, 0, 0);
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
    if (!answer_identity(ch, nr, &ret) && !direct_call(ch, slot, nr, r, false, &ret)) {
        fill_syscall(ch, r, nr, 0);
        ask(ch, r, REQ_CALL);
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
