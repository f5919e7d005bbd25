/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the stub and the sentry agree on: where the stub lives in a guest address space, and the
 * channel, the memory one guest thread shares with its partner thread in the sentry.
 *
 * Everything here is writable by the guest. The sentry reads each field once into private memory
 * and believes nothing; the stub believes the sentry.
 *
 * The conversation alternates. `turn` says who may write the rest:
 *
 *     stub                                    sentry
 *     fill the request
 *     turn = TURN_SENTRY, wake                wait until turn == TURN_SENTRY
 *     wait until turn == TURN_STUB            copy the request, act
 *                                             fill the reply; turn = TURN_STUB, wake
 *     act on the reply; an order is answered with REQ_DONE, a resume leads back to guest code
 *
 * A side that goes to sleep sets its `asleep` word first and then looks at `turn` again; the other
 * side changes `turn` first and then looks at `asleep`: whatever the order, one of them sees the
 * other.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* The reserved region: text and data of the stub, then one slot per host thread. */
#define STUB_BASE      0x700000000000ull
#define STUB_TEXT_END  (STUB_BASE + 0x10000) /* calls from below this address are the stub's own */
#define STUB_DATA      STUB_TEXT_END
#define STUB_DATA_END  (STUB_BASE + 0x20000)
#define STUB_SLOTS     (STUB_BASE + 0x1000000)
#define STUB_SLOT_SIZE 0x40000ull
#define STUB_MAX_SLOTS 4096u
#define STUB_END       (STUB_SLOTS + STUB_MAX_SLOTS * STUB_SLOT_SIZE)

/* Inside a slot: the shared channel, a hole, and the thread's alternate signal stack. */
#define SLOT_CHANNEL    0x0
#define SLOT_STACK      0x20000
#define SLOT_STACK_SIZE 0x20000
#define CHANNEL_SIZE    0x10000
#define CHANNEL_BOUNCE  0x1000 /* offset of the bounce buffer in the channel */
#define BOUNCE_SIZE     (CHANNEL_SIZE - CHANNEL_BOUNCE)

/* Numbers that Linux does not use: answered by the sentry through seccomp's user notification. */
#define STUB_NR_HELLO  184 /* (cookie): returns the channel's descriptor */
#define STUB_NR_DONATE 185 /* (): returns the descriptor to map */

/* The host signal that asks a stub to look for work. Real-time, so that guests' faults never use
 * it. */
#define STUB_KICK_SIGNAL 40

/* Exact clone flag words; the filter admits no others. CLONE_PARENT: all stubs are the sentry's
 * children. */
#define STUB_CLONE_FORK   0x00008011u /* PARENT | SIGCHLD */
#define STUB_CLONE_VFORK  0x0000c111u /* VM | VFORK | PARENT | SIGCHLD */
#define STUB_CLONE_SHARED 0x00008111u /* VM | PARENT | SIGCHLD */
#define STUB_CLONE_THREAD 0x00050f00u /* VM | FS | FILES | SIGHAND | THREAD | SYSVSEM */

enum { TURN_SENTRY = 0, TURN_STUB = 1 };

enum stub_request {
    REQ_SYSCALL = 1,
    REQ_CALL, /* the same through a trampoline: of regs only rip and rsp are of interest now */
    REQ_FAULT,
    REQ_KICKED,
    REQ_BADFRAME,
    REQ_DONE,  /* an order was carried out: `result` and the calls' results */
    REQ_READY, /* a new host thread stands at the place of its parent's call */
};

enum stub_reply {
    REP_RETURN = 1, /* resume: these five mirror enum resume_kind */
    REP_RESTART,
    REP_AS_IS,
    REP_SIGRETURN,
    REP_REGS,
    REP_CALLS,  /* order: run the n_calls calls, answer REQ_DONE */
    REP_CLONE,  /* order: make a host thread or process, answer REQ_DONE */
    REP_VECTOR, /* order: make the frame's vector state a full one, answer REQ_DONE: its address */
    REP_EXIT,   /* leave: this thread, or with value != 0 the process */
};

/* In struct sigcontext's order. */
struct stub_regs {
    uint64_t r8, r9, r10, r11, r12, r13, r14, r15;
    uint64_t rdi, rsi, rbp, rbx, rdx, rax, rcx, rsp, rip, eflags;
};

struct stub_segment { /* a piece of guest memory that stands in the bounce buffer */
    uint64_t addr;
    uint32_t len, off;
};

/* No system call: struct stub_call.nr of an atomic exchange of the 32 bits at args[0], args[1]
 * expected, args[2] desired. The result is what was found, or -EFAULT. */
#define STUB_CALL_CMPXCHG 0x100000000ull
/* Another: every patched call site gets its own code back, and none is patched any more. */
#define STUB_CALL_UNPATCH 0x100000001ull

/* Likewise of the direct plane: the descriptor that comes by STUB_NR_DONATE is the host's side of
 * the guest's descriptor args[0] from now on, as of epoch args[1]; args[2]: enum stub_direct,
 * args[3]: the mark of epoll sets, args[4]: the number it will have. */
#define STUB_CALL_DIRECT 0x100000002ull
/* The descriptor that comes is the process's post: its end of a socket of sequenced packets, by
 * which from now on gifts come that may have any number. It replaces the one before. */
#define STUB_CALL_POST 0x100000003ull
enum stub_direct {                /* mirrors enum direct_kind */
                   DIRECT_FILE,   /* a regular file's data and offset */
                   DIRECT_STREAM, /* a connected stream socket that the guest has made O_NONBLOCK */
                   DIRECT_STREAM_WAITS, /* one that it has not; the host's never waits */
                   DIRECT_EPOLL, /* an epoll set; an event with the mark as data: the sentry has
                                    more */
};

/* A packet of the post; with it comes the descriptor. channel.gifts: how many came with a reply. */
struct stub_gift {
    uint32_t fd, epoch, kind;
    uint32_t quiet; /* its closing is nobody's concern: channel.closed */
    uint64_t mark;
};

/*
 * channel.closed: quiet descriptors that the stub has closed and not yet told of. They come with
 * the next request, or the sentry takes them when somebody looks. Bit 0: the sentry allows it,
 * until it says otherwise; then how many there are, then their numbers.
 */
#define CLOSED_MAY      1ull
#define CLOSED_COUNT(w) ((unsigned) ((w) >> 1) & 7)
#define CLOSED_MAX      5u
#define CLOSED_FD(w, i) ((uint32_t) ((w) >> (4 + 12 * (i))) & 0xfff)

/* What a stub may do natively to its streams besides moving data. */
#define STUB_FIONREAD     0x541bu
#define STUB_SOL_TCP      6u
#define STUB_TCP_NODELAY  1u
#define STUB_TCP_CORK     3u
#define STUB_TCP_QUICKACK 12u

/* channel.direct: written by the stub for the calls of stub/direct.c. */
#define DIRECT_WANT    (1ull << 32) /* this descriptor is busy, or what is opened now will be */
#define DIRECT_DROPPED (2ull << 32) /* | epoch: it was direct, and is no more */
/*
 * How many host descriptors a guest process may hold under numbers of its own, and those of passage
 * besides. From DIRECT_KEYS on a descriptor has the number that it has in the sentry, so that both
 * mean the same member of an epoll set.
 */
#define DIRECT_MAX       1024u
#define DIRECT_KEYS      2048u
#define STUB_DESCRIPTORS 4094u

#define STUB_SEGMENTS  3
#define STUB_MAX_CALLS 16

/* A native call made on the sentry's order; donate: the descriptor for args[4] comes by
 * STUB_NR_DONATE. brk is the stub's own. */
struct stub_call {
    uint64_t nr, args[6];
    uint32_t donate;       /* 1: under any number; more: under this one */
    uint32_t must_succeed; /* a failure skips the rest */
    uint32_t wait, pad;    /* enum stub_wait: futex(2), futex_waitv(2) */
    int64_t result;
};

enum stub_wait {
    WAIT_NOT,
    WAIT_UNTIMED, /* a kick ends the call with EINTR; args[3] is not looked at */
    WAIT_UNTIL,   /* the same, and so does the channel's deadline with ETIMEDOUT */
    WAIT_AS_IS,   /* a kick ends the call with EINTR; all arguments are the call's */
};

/* A second filter, put by the sentry where the stub can name it: struct sock_fprog and its program,
 * at CHANNEL_PROGRAM. */
#define STUB_PROGRAM_MAX 14
struct stub_program {
    uint64_t len, filter;
    uint64_t code[STUB_PROGRAM_MAX];
};

enum stub_patch {
    PATCH_LATER,   /* the call did not simply return: ask again */
    PATCH_GRANTED, /* private, read-only code of a file */
    PATCH_REFUSED,
};

struct stub_signal {
    uint8_t info[128];
    uint64_t handler, restorer, stack, stack_floor, saved_mask, ss_sp, ss_size;
    uint32_t ss_flags;
    int32_t signo;
    uint32_t more, no_restart;
};

enum {                        /* channel.facts_flags */
       FACTS_TRACE = 1u << 0, /* what traps goes to the sentry: --strace, seccomp, ptrace */
};

/*
 * The threads of a pair may run on two processors: what every call needs stands together, a cache
 * line for each who writes it.
 */
#define CHANNEL_LINE 64

struct channel {
    /* the hand-over */
    _Alignas(CHANNEL_LINE) uint32_t turn;
    uint32_t stub_asleep;
    uint32_t sentry_asleep;
    uint32_t
        spin; /* sentry: how long the stub may spin for the reply, in TSC ticks; 0: not at all */
    /* of the request; written last, because the sentry may be looking at the line */
    uint64_t patch;    /* address of the system call instruction that the stub would patch, or 0 */
    uint64_t direct;   /* DIRECT_*; taken back to 0 by the sentry */
    uint64_t rip, rsp; /* the same as in regs */
    uint32_t n_in, n_out;

    /* request: written by the stub */
    _Alignas(CHANNEL_LINE) uint32_t req;
    uint32_t cpu; /* where the stub runs */
    uint64_t nr, args[6];

    _Alignas(CHANNEL_LINE) struct stub_segment
        segments[2 * STUB_SEGMENTS]; /* n_in toward the sentry, then n_out */

    /* reply: written by the sentry */
    _Alignas(CHANNEL_LINE) uint32_t rep;
    uint32_t n_calls;
    int64_t value;
    uint32_t out_len[STUB_SEGMENTS];
    uint32_t has_signal, come_back; /* come_back: without a signal, REQ_KICKED at once */
    uint32_t patch_answer;          /* enum stub_patch, to `patch` */
    uint64_t new_chunk;             /* PATCH_GRANTED: a piece has been mapped there; or 0 */
    uint32_t gifts;                 /* that wait in the post; the stub takes it back to 0 */
    uint64_t closed;                /* CLOSED_*: written by both */

    /* the rest of both */
    _Alignas(CHANNEL_LINE) struct stub_regs regs;
    int64_t result;
    int32_t signo, code;
    uint64_t addr;
    struct stub_regs new_regs;
    struct stub_signal signal;
    struct stub_call calls[STUB_MAX_CALLS];
    struct {
        int64_t sec, nsec;
    } deadline; /* of a call that waits */
    struct stub_program program;
    struct {
        uint64_t cookie, stack, tls;
        uint32_t flags, set_tls, slot, pad;
    } clone;

    /* facts the stub may answer from; written by the sentry at any time */
    _Alignas(CHANNEL_LINE) uint32_t facts_flags;
    int32_t tid, pid;
    uint32_t uid, euid, gid, egid;
    /* What was made direct in an earlier epoch is so no more: stub/direct.c. */
    uint32_t direct_epoch;

    /* by the stub: bytes and calls of the direct plane, which nobody else sees */
    _Alignas(CHANNEL_LINE) uint64_t rchar, wchar, syscr, syscw;
};

_Static_assert(sizeof(struct channel) <= CHANNEL_BOUNCE, "the header fits its page");
_Static_assert(offsetof(struct channel, new_chunk) + 8 ==
                   offsetof(struct channel, rep) + CHANNEL_LINE - 16,
               "a reply that only returns is one line");

/* Where trampolines stand: pieces of this size, mapped by the sentry's order near guest code. */
#define STUB_CHUNK_SIZE 0x10000ull
#define STUB_MAX_CHUNKS 8

/* The stub's process-wide data, at STUB_DATA; copied by fork as the rest of the process is. */
struct stub_process {
    uint32_t brk_lock;
    uint32_t pad;
    uint64_t brk_start, brk_now;
    uint64_t vdso;
    struct {
        uint32_t on;      /* sites may be patched; never set again once it is cleared */
        uint32_t threads; /* others may run in this address space at the same time */
        uint32_t lock;
        uint32_t n_chunks;
        uint64_t changing; /* address of a jump that is being written or removed, or 0 */
        uint64_t chunks[STUB_MAX_CHUNKS];
    } patching;
};

/* The zygote's first words: what the kernel's exec left in its hands. */
#define ZYGOTE_CHANNEL_FD 3
