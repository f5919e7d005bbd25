/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The stub's seccomp filter: all that a guest process can ever ask of the host kernel. Every call
 * admitted here must be harmless with any arguments that pass, made by hostile code from anywhere:
 * the instruction pointer only routes, because a guest may jump into the stub's text.
 *
 * futex and mmap stand first, they are hot; the rest is found by halves.
 */
#include <errno.h>
#include <linux/audit.h>
#include <linux/futex.h>
#include <linux/seccomp.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include "base/bpf.h"
#include "platform/internal.h"

#define MMAP_FLAGS                                                                                \
    (MAP_PRIVATE | MAP_SHARED | MAP_ANONYMOUS | MAP_FIXED | MAP_FIXED_NOREPLACE | MAP_NORESERVE | \
     MAP_STACK | MAP_GROWSDOWN | MAP_POPULATE | MAP_32BIT)

struct labels {
    int allow, trap, notify, only_stub, madvise, membarrier, clock, arch_prctl, clone, seccomp,
        mmap, futex, send, ioctl, setsockopt;
};

/* On to `then` for calls made by the stub's own text, to TRAP for others. */
static void only_stub(struct bpf *b, const struct labels *l, int then)
{
    bpf_load_ip(b, 1);
    bpf_if(b, BPF_IF_EQ, (uint32_t) (STUB_BASE >> 32), BPF_NEXT, l->trap);
    bpf_load_ip(b, 0);
    /* STUB_BASE's low half is 0, so one comparison is the whole range. */
    bpf_if(b, BPF_IF_GE, (uint32_t) STUB_TEXT_END, l->trap, then);
}

/* Anonymous memory from anywhere; a descriptor only from the stub, which has one for a moment. */
static void on_mmap(struct bpf *b, const struct labels *l)
{
    bpf_load_arg(b, 3, 0);
    bpf_if(b, BPF_IF_SET, ~(uint32_t) MMAP_FLAGS, l->trap, BPF_NEXT);
    bpf_if(b, BPF_IF_SET, MAP_ANONYMOUS, l->allow, l->only_stub);
}

/*
 * Untimed waits, wakes, requeue and wake-op from anywhere, waits with a deadline and those for many
 * words from the stub. Waiters sleep in the host's queues, so only the host can move them, also
 * between processes. Shared requeue is the same code as the private one, on keys that shared wakes
 * look up already; since 5.7 a key holds no reference on a file or address space that a requeue
 * would have to hand over. A guest can so move the sentry's own wait on its channel word, and hurts
 * itself: the sentry's other word is private. What has to do with priority inheritance is never
 * native: there the host would read thread numbers from guest memory that mean others.
 */
static void on_futex(struct bpf *b, const struct labels *l)
{
    static const uint32_t free_ops[] = {
        FUTEX_WAKE | FUTEX_PRIVATE_FLAG,
        FUTEX_WAKE,
        FUTEX_WAKE_BITSET | FUTEX_PRIVATE_FLAG,
        FUTEX_WAKE_BITSET,
        FUTEX_REQUEUE | FUTEX_PRIVATE_FLAG,
        FUTEX_CMP_REQUEUE | FUTEX_PRIVATE_FLAG,
        FUTEX_WAKE_OP | FUTEX_PRIVATE_FLAG,
        FUTEX_REQUEUE,
        FUTEX_CMP_REQUEUE,
        FUTEX_WAKE_OP,
    };
    static const uint32_t wait_ops[] = {
        FUTEX_WAIT | FUTEX_PRIVATE_FLAG,
        FUTEX_WAIT_BITSET | FUTEX_PRIVATE_FLAG,
        FUTEX_WAIT_BITSET | FUTEX_PRIVATE_FLAG | FUTEX_CLOCK_REALTIME,
        FUTEX_WAIT,
        FUTEX_WAIT_BITSET,
        FUTEX_WAIT_BITSET | FUTEX_CLOCK_REALTIME,
    };
    int wait = bpf_label(b);
    bpf_load_arg(b, 1, 0);
    bpf_if(b, BPF_IF_EQ, free_ops[0], l->allow, BPF_NEXT);
    for (size_t i = 0; i < ARRAY_LEN(wait_ops); i++)
        bpf_if(b, BPF_IF_EQ, wait_ops[i], wait, BPF_NEXT);
    for (size_t i = 1; i < ARRAY_LEN(free_ops); i++)
        bpf_if(b, BPF_IF_EQ, free_ops[i], l->allow, BPF_NEXT);
    bpf_goto(b, l->trap);
    bpf_place(b, wait);
    bpf_load_arg(b, 3, 0);
    bpf_if(b, BPF_IF_EQ, 0, BPF_NEXT, l->only_stub);
    bpf_load_arg(b, 3, 1);
    bpf_if(b, BPF_IF_EQ, 0, l->allow, l->only_stub);
}

/* Advice that only changes how this process's own memory is kept (DESIGN 4.1). */
static void on_madvise(struct bpf *b, const struct labels *l)
{
    bpf_load_arg(b, 2, 0);
    for (uint32_t advice = 0; advice <= 25; advice++) {
        if (advice <= 4 || advice == 8 || advice == 10 || advice == 11 ||
            (advice >= 14 && advice <= 23) || advice == 25)
            bpf_if(b, BPF_IF_EQ, advice, l->allow, BPF_NEXT);
    }
    bpf_goto(b, l->trap);
}

/* The sentry continues a clone only right after ordering it; other flag words never get that far.
 */
static void on_clone(struct bpf *b, const struct labels *l)
{
    static const uint32_t words[] = {STUB_CLONE_FORK, STUB_CLONE_THREAD, STUB_CLONE_VFORK,
                                     STUB_CLONE_SHARED};
    bpf_load_arg(b, 0, 1);
    bpf_if(b, BPF_IF_EQ, 0, BPF_NEXT, l->trap);
    bpf_load_arg(b, 0, 0);
    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        bpf_if(b, BPF_IF_EQ, words[i], l->notify, BPF_NEXT);
    bpf_goto(b, l->trap);
}

/* One more filter, all threads alike, if the sentry has ordered it. Never a new listener: it would
 * take the notifications away from the sentry's. */
static void on_seccomp(struct bpf *b, const struct labels *l)
{
    bpf_load_arg(b, 0, 0);
    bpf_if(b, BPF_IF_EQ, SECCOMP_SET_MODE_FILTER, BPF_NEXT, l->trap);
    bpf_load_arg(b, 1, 0);
    bpf_if(b, BPF_IF_EQ, SECCOMP_FILTER_FLAG_TSYNC, BPF_NEXT, l->trap);
    only_stub(b, l, l->notify);
}

static void small_checks(struct bpf *b, const struct labels *l)
{
    bpf_place(b, l->membarrier);
    bpf_load_arg(b, 1, 0);
    bpf_if(b, BPF_IF_EQ, 0, l->allow, l->trap);

    /* From anywhere the own cpu-time clocks; the stub also reads CLOCK_MONOTONIC for timed waits.
     */
    bpf_place(b, l->clock);
    bpf_load_arg(b, 0, 0);
    bpf_if(b, BPF_IF_EQ, 2, l->allow, BPF_NEXT);
    bpf_if(b, BPF_IF_EQ, 3, l->allow, BPF_NEXT);
    bpf_if(b, BPF_IF_EQ, 1, l->only_stub, l->trap);

    /* On the connected streams that a stub is given, which take no other address, and without the
     * flag with which one that was disconnected would. */
    bpf_place(b, l->send);
    bpf_load_arg(b, 2, 0);
    bpf_if(b, BPF_IF_SET, ~(uint32_t) (MSG_DONTWAIT | MSG_NOSIGNAL | MSG_MORE), l->trap,
           l->only_stub);

    /* How much there is to read; of any descriptor, it is a number. */
    bpf_place(b, l->ioctl);
    bpf_load_arg(b, 1, 0);
    bpf_if(b, BPF_IF_EQ, STUB_FIONREAD, l->only_stub, l->trap);

    /* When a stream's segments leave. */
    bpf_place(b, l->setsockopt);
    bpf_load_arg(b, 1, 0);
    bpf_if(b, BPF_IF_EQ, STUB_SOL_TCP, BPF_NEXT, l->trap);
    bpf_load_arg(b, 2, 0);
    bpf_if(b, BPF_IF_EQ, STUB_TCP_NODELAY, l->only_stub, BPF_NEXT);
    bpf_if(b, BPF_IF_EQ, STUB_TCP_CORK, l->only_stub, BPF_NEXT);
    bpf_if(b, BPF_IF_EQ, STUB_TCP_QUICKACK, l->only_stub, l->trap);

    bpf_place(b, l->arch_prctl); /* ARCH_SET_GS .. ARCH_GET_GS */
    bpf_load_arg(b, 0, 0);
    bpf_if(b, BPF_IF_GE, 0x1001, BPF_NEXT, l->trap);
    bpf_if(b, BPF_IF_GE, 0x1005, l->trap, l->only_stub);
}

int stub_filter_build(struct sock_filter *out, size_t cap)
{
    struct bpf b;
    bpf_init(&b, out, cap);
    struct labels l;
    for (int *label = (int *) &l; label < (int *) (&l + 1); label++)
        *label = bpf_label(&b);

    /*
     * Sorted by number. Data moves by the stub's instructions alone, so that other reads and writes
     * trap; a guest that jumps there reaches what descriptors its process holds. All of them were
     * given by the sentry, opened with what the guest's own opening was allowed: a file of which it
     * has a descriptor (stub/direct.c), one to be mapped, a channel of its own that it has mapped,
     * a connected stream socket or an epoll set of its own, and its post, into which nothing can be
     * written (post.c). Nobody else waits for what it does with them. fstat: what the guest may ask
     * of a file, and of the others numbers that mean nothing. sendfile: reads one and writes
     * another, both as they were opened. rt_sigprocmask: a guest that masks its own SIGSYS or kick
     * only kills itself. */
    const struct bpf_case cases[] = {
        {SYS_read, l.only_stub},
        {SYS_write, l.only_stub},
        {SYS_close, l.only_stub},
        {SYS_fstat, l.only_stub},
        {SYS_lseek, l.only_stub},
        {SYS_mprotect, l.allow},
        {SYS_munmap, l.allow},
        {SYS_rt_sigprocmask, l.only_stub},
        {SYS_rt_sigreturn, l.only_stub},
        {SYS_ioctl, l.ioctl},
        {SYS_pread64, l.only_stub},
        {SYS_pwrite64, l.only_stub},
        {SYS_readv, l.only_stub},
        {SYS_writev, l.only_stub},
        {SYS_sched_yield, l.allow},
        {SYS_mremap, l.allow},
        {SYS_msync, l.allow},
        {SYS_mincore, l.allow},
        {SYS_madvise, l.madvise},
        {SYS_sendfile, l.only_stub},
        {SYS_recvfrom, l.only_stub},
        {SYS_sendmsg, l.send},
        {SYS_recvmsg, l.only_stub},
        {SYS_setsockopt, l.setsockopt},
        {SYS_clone, l.clone},
        {SYS_exit, l.only_stub},
        {SYS_sigaltstack, l.only_stub},
        {SYS_mlock, l.allow},
        {SYS_munlock, l.allow},
        {SYS_arch_prctl, l.arch_prctl},
        {STUB_NR_HELLO, l.notify},
        {STUB_NR_DONATE, l.notify},
        /* Maps again, elsewhere in the same range, a file that is mapped there: the same rights. */
        {SYS_remap_file_pages, l.allow},
        {SYS_clock_gettime, l.clock},
        {SYS_exit_group, l.only_stub},
        {SYS_epoll_wait, l.only_stub},
        {SYS_epoll_ctl, l.only_stub},
        {SYS_ppoll, l.only_stub},
        {SYS_preadv, l.only_stub},
        {SYS_pwritev, l.only_stub},
        {SYS_seccomp, l.seccomp},
        {SYS_membarrier, l.membarrier},
        {SYS_mlock2, l.allow},
        {SYS_close_range, l.only_stub},
        {SYS_futex_waitv, l.only_stub},
    };
    bpf_load_arch(&b);
    bpf_if(&b, BPF_IF_EQ, AUDIT_ARCH_X86_64, BPF_NEXT, l.trap);
    bpf_load_nr(&b);
    bpf_if(&b, BPF_IF_EQ, SYS_futex, l.futex, BPF_NEXT);
    bpf_if(&b, BPF_IF_EQ, SYS_mmap, l.mmap, BPF_NEXT);
    bpf_switch(&b, cases, ARRAY_LEN(cases), l.trap);

    bpf_place(&b, l.futex);
    on_futex(&b, &l);
    bpf_place(&b, l.mmap);
    on_mmap(&b, &l);
    bpf_place(&b, l.madvise);
    on_madvise(&b, &l);
    bpf_place(&b, l.clone);
    on_clone(&b, &l);
    bpf_place(&b, l.seccomp);
    on_seccomp(&b, &l);
    small_checks(&b, &l);
    bpf_place(&b, l.only_stub);
    only_stub(&b, &l, l.allow);
    bpf_place(&b, l.allow);
    bpf_ret(&b, SECCOMP_RET_ALLOW);
    bpf_place(&b, l.notify);
    bpf_ret(&b, SECCOMP_RET_USER_NOTIF);
    bpf_place(&b, l.trap);
    bpf_ret(&b, SECCOMP_RET_TRAP);
    return bpf_finish(&b);
}

int native_filter_build(struct sock_filter *out, size_t cap)
{
    struct bpf b;
    bpf_init(&b, out, cap);
    struct labels l = {.allow = bpf_label(&b), .trap = bpf_label(&b)};
    only_stub(&b, &l, l.allow);
    bpf_place(&b, l.allow);
    bpf_ret(&b, SECCOMP_RET_ALLOW); /* then the first filter decides */
    bpf_place(&b, l.trap);
    bpf_ret(&b, SECCOMP_RET_TRAP);
    return bpf_finish(&b);
}
