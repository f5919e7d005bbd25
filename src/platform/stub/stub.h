/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inside the stub: freestanding code in a guest's own process. It uses no libc, no vector registers
 * and no memory but its slot and its data page. It is a convenience, not a boundary: a guest that
 * corrupts it hurts itself.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "platform/stub_abi.h"

/* The frame the host kernel builds for a signal handler: struct rt_sigframe of x86-64. */
struct frame_context {
    uint64_t flags, link;
    uint64_t ss_sp;
    uint32_t ss_flags, ss_pad;
    uint64_t ss_size;
    struct stub_regs regs;
    uint16_t cs, gs, fs, ss;
    uint64_t err, trapno, oldmask, cr2;
    uint64_t fpstate; /* address of the XSAVE area, 0: initial state */
    uint64_t reserved[8];
    uint64_t sigmask;
};

struct frame_info {
    int32_t signo, err, code, pad;
    union {
        uint64_t addr; /* faults */
        struct {
            uint64_t call_addr;
            int32_t nr;
            uint32_t arch;
        } sys; /* SIGSYS */
        uint8_t bytes[112];
    };
};

struct frame {
    uint64_t restorer;
    struct frame_context uc;
    struct frame_info info;
};

extern struct stub_process stub_process;

/* entry.S */
long stub_syscall(long nr, long a, long b, long c, long d, long e, long f);
/* Bytes NOT copied: 0, or what was left when either side faulted. */
size_t stub_copy(void *dst, const void *src, size_t n);
/* Copies up to and with the NUL: its length with the NUL, or -1 (fault, or no NUL in cap). */
long stub_copy_string(char *dst, const char *src, size_t cap);
/* *addr = desired if it was expected, atomically: the value found, or -EFAULT. */
long stub_cmpxchg(uint32_t *addr, uint32_t expected, uint32_t desired);
/* A call that sleeps (number, six arguments), returning -EINTR also when a kick came just before it
 * would have slept. */
long stub_wait_interruptible(const long call[7]);
/* The same where the kick is not masked; *kicked: one has come before. */
long stub_sleep(const long call[7], const uint32_t *kicked);
/* clone(2) onto a stack; the child calls fn(arg), which does not return. */
long stub_clone_onto(unsigned long flags, void *stack, void (*fn)(void *), void *arg);
/* Leaves the stub: rt_sigreturn from this frame. */
_Noreturn void stub_leave(struct frame *f);
void stub_restorer(void);
extern const char stub_copy_begin[], stub_copy_end[], stub_copy_fixup[];
extern const char stub_string_begin[], stub_string_end[], stub_string_fixup[];
/* *addr = desired if it was expected: 1 or 0, or -EFAULT. Atomic also where addr is not aligned, as
 * long as the 8 bytes lie in one cache line. */
long stub_exchange(uint64_t *addr, uint64_t expected, uint64_t desired);
extern const char stub_cmpxchg_begin[], stub_cmpxchg_end[], stub_cmpxchg_fixup[];
extern const char stub_exchange_begin[], stub_exchange_end[], stub_exchange_fixup[];
extern const char stub_wait_begin[], stub_wait_end[], stub_wait_abort[];
extern const char stub_sleep_begin[], stub_sleep_end[], stub_sleep_abort[];

static inline struct channel *slot_channel(uint32_t slot)
{
    return (struct channel *) (STUB_SLOTS + slot * STUB_SLOT_SIZE + SLOT_CHANNEL);
}

/* A thread's private words, at the low end of its signal stack. */
struct slot_local {
    uint32_t kicked; /* a kick came while the stub itself was running */
    uint32_t
        reply_pending;  /* of a patched call: the reply in the channel is still to be acted on */
    uint64_t resume;    /* of a patched call: where its code goes on */
    uint64_t shown;     /* the same place as the guest knows it */
    uint32_t no_direct; /* lives in the memory of another process: direct.c */
    uint32_t left_ms;   /* 1 + what is left of the epoll timeout of the call that goes to the sentry
                           now; 0: all of it */
    uint64_t self;      /* its own address, once GS base is that, too: trampoline.S */
};
_Static_assert(offsetof(struct slot_local, self) == 32, "trampoline.S knows the offset");

static inline struct slot_local *slot_local(uint32_t slot)
{
    return (struct slot_local *) (STUB_SLOTS + slot * STUB_SLOT_SIZE + SLOT_STACK);
}

/* The slot whose stack holds this address. */
static inline uint32_t slot_of(const void *addr)
{
    return (uint32_t) (((uint64_t) addr - STUB_SLOTS) / STUB_SLOT_SIZE);
}

/* The registers of a patched call: at the high end of the signal stack, so that signals that come
 * meanwhile find their room below. */
static inline struct stub_regs *slot_saved(uint32_t slot)
{
    return (struct stub_regs *) (STUB_SLOTS + (slot + 1) * STUB_SLOT_SIZE) - 1;
}

static inline uint8_t *channel_bounce(struct channel *ch)
{
    return (uint8_t *) ch + CHANNEL_BOUNCE;
}

/* converse.c: makes the request and talks to the sentry until it lets the guest go on. */
void converse(struct channel *ch, struct frame *f, uint32_t request);
/* The same from a reply on that is in the channel already, to a REQ_SYSCALL. */
void converse_reply(struct channel *ch, struct frame *f);
/* One request and its reply; nothing is done about it. */
void ask(struct channel *ch, const struct stub_regs *r, uint32_t request);
/* The request of a system call, up to its marshalled arguments. patch: for ch->patch. */
void fill_syscall(struct channel *ch, const struct stub_regs *r, uint64_t nr, uint64_t patch);

/* clone.c: carries out REP_CLONE. A forked child returns here too, with *ret_child set. */
int64_t order_clone(struct channel *ch, struct frame *f, bool *ret_child);
/* Makes a slot's private memory. 0 or a negative errno. */
long slot_prepare(uint32_t slot);
void slot_use_stack(uint32_t slot);

/* marshal.c: copies what the call's arguments point to into the bounce buffer. */
void marshal(struct channel *ch, uint64_t nr, const struct stub_regs *r);
/* Copies results out. 0 or -EFAULT. */
long unmarshal(struct channel *ch);

/* frames.c: guest signal frames. False when guest memory refuses. */
bool frame_push(struct frame *f, const struct stub_signal *s);
bool frame_pop(struct frame *f);
/* Size of the XSAVE area with its trailing magic, by its own software-reserved bytes. */
size_t frame_fpstate_size(const void *fpstate);
/* The address of f's XSAVE area; where there is none, because the state is the initial one, it is
 * written out. 0: no room for it. */
uint64_t frame_vector(struct frame *f);
/* A copy of f high on another thread's stack, ready for stub_leave(). */
struct frame *frame_clone(const struct frame *f, uint64_t stack_top);

/* local.c: calls answered without the sentry. True: *ret is the result. */
bool answer_locally(struct channel *ch, struct frame *f, uint64_t nr, long *ret);
/* The ones that take nothing but the channel. */
bool answer_identity(const struct channel *ch, uint64_t nr, long *ret);
/* arch_prctl(2) for FS and GS; a GS base that is the stub's own is not shown. */
long segment_base(uint64_t code, uint64_t addr);
void spin_lock(uint32_t *lock);
void spin_unlock(uint32_t *lock);
/*
 * direct.c: calls on what the sentry has given us a descriptor of. True: the call was made, *ret is
 * its result. masked: the kick is.
 */
bool direct_call(struct channel *ch, uint32_t slot, uint64_t nr, const struct stub_regs *r,
                 bool masked, long *ret);
/* For every call that goes to the sentry, before it does: descriptors that close are dropped, and
 * ch->direct says what the sentry should know. */
void direct_note(struct channel *ch, uint32_t slot, uint64_t nr, const struct stub_regs *r);
/* STUB_CALL_DIRECT, STUB_CALL_POST: 0 or a negative errno. */
long direct_install(const uint64_t args[6]);
long direct_take_post(void);
/* Takes the gifts that came with the reply. */
void direct_accept(struct channel *ch);
/* Around a fork, so that the child's descriptors and table fit each other. */
void direct_before_fork(uint32_t slot);
void direct_after_fork(uint32_t slot);
void direct_in_child(uint32_t slot);
/* A newcomer in another process's memory: the descriptors it got with it are of no use to it. */
void direct_disown(uint32_t slot);

/* brk(2): the new end on success, the old one on any failure. */
long set_brk(uint64_t want);

#define STUB_EFAULT 14
#define STUB_EINTR  4
