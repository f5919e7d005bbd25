/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The patched fast path. A call site that has trapped often gets a jump to a trampoline of its own,
 * which makes the call in the channel without a signal:
 *
 *     site            trampoline                 stub text
 *     jmp  ---------> head: r11 = trampoline --> fast_entry: registers saved on the slot's stack
 *                                                fast_syscall(): the conversation
 *     after <----------------------------------- fast_resume: registers restored
 *                     slow: syscall          <-- what cannot be done so: it traps as ever
 *                     tail: what the jump has displaced behind the call, and back
 *
 * Two windows, and an address is looked at only if 0f 05 lies before the trapped rip:
 *
 *   before the call   mov $nr,%eax (or %rax): the five bytes of the jump lie in it, 0f 05 stays
 *                     where it is, and whoever jumps to it traps.
 *   behind the call   0f 05 and one instruction of three bytes or more that reads no rip. Who
 * arrives behind 0f 05 (a call that was under way, a signal's return) finds the second byte of the
 * jump's displacement, which is chosen to be no instruction: the handler of SIGILL takes him to the
 * tail.
 *
 * The thread is found by GS base: its struct slot_local. A trampoline believes any GS base in the
 * stub's region; with another, a guest's own, it takes the slow way, where a thread that has none
 * gets it.
 *
 * Code is changed by one exchange: within a cache line while the process has one thread, or within
 * an aligned quadword, which processors that run it meanwhile see as a whole (AMD64 APM 2, 7.6.1);
 * else in three steps, the first and the last of which exchange a breakpoint.
 * What is patched is for the sentry to grant: private, read-only code of a file. Where a debugger,
 * a filter or --strace must see each call nothing is patched: STUB_CALL_UNPATCH.
 */
#pragma once

#include "platform/stub/stub.h"

#define JUMP_SIZE 5
#define LINE      64ul /* of the cache */
#define TAIL_MAX  6

struct trampoline {
    uint8_t head[32];
    uint8_t slow[2];
    uint8_t tail[14];
    uint64_t entry;      /* fast_entry */
    uint64_t after;      /* behind the site's 0f 05 */
    uint64_t resume;     /* where a call that was made goes on: `after`, or `tail` */
    uint64_t patched_at; /* where the jump stands */
    uint8_t original[8]; /* what stood there */
    uint8_t jump[8];
    uint64_t unused[4];
};
_Static_assert(sizeof(struct trampoline) == 128, "trampoline.S knows the offsets");
_Static_assert(offsetof(struct trampoline, slow) == 32, "trampoline.S");
_Static_assert(offsetof(struct trampoline, after) == 56, "trampoline.S");

/* window.c: what of a site can be replaced. */
struct window {
    uint64_t at;              /* where the jump goes */
    uint8_t original[8];      /* the JUMP_SIZE bytes there */
    uint8_t before[8];        /* the instruction that the trampoline begins with */
    uint8_t tail[TAIL_MAX];   /* the one it ends with */
    uint8_t n_before, n_tail; /* one of them is 0 */
};
bool window_find(uint64_t site, uint64_t nr, struct window *ret);
/* A jump there can be written in one step, if only one thread runs. */
static inline bool is_in_line(uint64_t at)
{
    return at % LINE <= LINE - JUMP_SIZE;
}
/* A byte that begins no instruction in 64-bit mode. */
bool is_no_opcode(uint8_t byte);

/* patch.c */
/* Counts a trap; the site's address when it should be patched now, else 0. */
uint64_t patch_wanted(uint64_t nr, uint64_t rip);
/* Acts on what the sentry says to that. */
void patch_answered(const struct channel *ch, uint64_t site, uint64_t nr);
/* 0: all sites have their own code again. */
long patches_undo(void);
/* The trampoline around this address, or NULL. */
struct trampoline *trampoline_at(uint64_t addr);
/* Whether there is a jump of ours at the address of a system call instruction. */
bool patch_stands_at(uint64_t site);
/* Whether a breakpoint met at this address is, or was, one that keeps threads off a change. */
bool patch_meets_change(uint64_t rip);
/* Where the code goes on that stands behind a displaced call; 0: none was displaced there. */
uint64_t patch_tail_of(uint64_t after);

/* fast.c */
/* Calls that a trampoline may make: none that the host admits from guest text, and none that needs
 * a whole frame. */
bool may_be_fast(uint64_t nr);
bool gs_is_ours(void);
/* Makes GS base this slot's, unless the guest uses it. */
void gs_adopt(uint32_t slot);

enum fast_end { FAST_DONE, FAST_SLOW, FAST_CONVERT };
enum fast_end fast_syscall(struct stub_regs *r, const struct trampoline *t);

/* trampoline.S: fast_entry up to fast_saved has the guest's stack pointer and r11 = trampoline;
 * from fast_finish to fast_resume the call has been made; fast_converted is behind the trap that
 * asks for a frame. */
extern const char fast_entry[], fast_saved[], fast_finish[], fast_resume[], fast_converted[];
