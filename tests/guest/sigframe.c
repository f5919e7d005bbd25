/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Signal frames as programs read and edit them: alternate stacks, machine contexts, vector state,
 * signals at awkward places. sigaltstack(2), sigaction(2), sigreturn(2); the layouts are the
 * x86-64 kernel's.
 */
#include "guest.h"
#include <cpuid.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sys/time.h>
#include <ucontext.h>

#ifndef SS_AUTODISARM
#define SS_AUTODISARM (1u << 31)
#endif
#define ALT 65536

static volatile int hits;
static ucontext_t last_uc;
static siginfo_t last_si;
static stack_t inner;
static volatile uintptr_t inner_sp;

static void action(int sig, void (*fn)(int, siginfo_t *, void *), int flags)
{
    struct sigaction sa = {.sa_sigaction = fn, .sa_flags = flags | SA_SIGINFO};
    CHECK_EQ(sigaction(sig, &sa, NULL), 0);
}

static char *alt_stack(unsigned flags, size_t size)
{
    char *m =
        CHECK_MAP(mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    stack_t ss = {.ss_sp = m, .ss_size = size, .ss_flags = (int) flags};
    CHECK_EQ(sigaltstack(&ss, NULL), 0);
    return m;
}

static void look(int sig, siginfo_t *si, void *uc)
{
    (void) sig;
    last_uc = *(ucontext_t *) uc;
    last_si = *si;
    inner_sp = (uintptr_t) __builtin_frame_address(0);
    sigaltstack(NULL, &inner);
    hits++;
}

static bool within(uintptr_t sp, const char *m, size_t size)
{
    return sp > (uintptr_t) m && sp <= (uintptr_t) m + size;
}

/* ---- alternate stacks ---- */

CASE(altstack_flags_in_a_handler)
{
    char *m = alt_stack(0, ALT);
    stack_t now;
    action(SIGUSR1, look, SA_ONSTACK);
    CHECK_EQ(raise(SIGUSR1), 0);
    CHECK(within(inner_sp, m, ALT));
    CHECK_EQ(inner.ss_flags, SS_ONSTACK);
    CHECK(inner.ss_sp == m && inner.ss_size == ALT);
    CHECK(last_uc.uc_stack.ss_sp == m && last_uc.uc_stack.ss_size == ALT);
    CHECK_EQ(last_uc.uc_stack.ss_flags, 0);
    CHECK_EQ(sigaltstack(NULL, &now), 0);
    CHECK_EQ(now.ss_flags, 0);
    action(SIGUSR1, look, 0); /* without SA_ONSTACK it stays on the ordinary one */
    CHECK_EQ(raise(SIGUSR1), 0);
    CHECK(!within(inner_sp, m, ALT));
    CHECK_EQ(inner.ss_flags, 0);
}

CASE(no_altstack)
{
    stack_t off = {.ss_flags = SS_DISABLE};
    CHECK_EQ(sigaltstack(&off, NULL), 0);
    action(SIGUSR1, look, SA_ONSTACK);
    CHECK_EQ(raise(SIGUSR1), 0);
    CHECK_EQ(inner.ss_flags, SS_DISABLE);
    CHECK_EQ(last_uc.uc_stack.ss_flags, SS_DISABLE);
}

static volatile uintptr_t outer_sp;

static void raise_another(int sig, siginfo_t *si, void *uc)
{
    (void) sig, (void) si, (void) uc;
    outer_sp = (uintptr_t) __builtin_frame_address(0);
    raise(SIGUSR2);
    stack_t s = {.ss_flags = SS_DISABLE};
    CHECK_ERR(sigaltstack(&s, NULL), EPERM);
}

CASE(nested_on_the_same_altstack)
{
    char *m = alt_stack(0, ALT);
    action(SIGUSR1, raise_another, SA_ONSTACK);
    action(SIGUSR2, look, SA_ONSTACK);
    CHECK_EQ(raise(SIGUSR1), 0);
    CHECK(within(inner_sp, m, ALT) && within(outer_sp, m, ALT));
    CHECK(inner_sp < outer_sp); /* further down, not again from the top */
    CHECK_EQ(last_uc.uc_stack.ss_flags, 0);
}

CASE(autodisarm)
{
    char *m = alt_stack(SS_AUTODISARM, ALT);
    stack_t now;
    action(SIGUSR1, look, SA_ONSTACK);
    CHECK_EQ(raise(SIGUSR1), 0);
    CHECK(within(inner_sp, m, ALT));
    CHECK_EQ(inner.ss_flags, SS_DISABLE); /* none while the handler runs */
    CHECK_EQ((unsigned) last_uc.uc_stack.ss_flags, SS_AUTODISARM);
    CHECK(last_uc.uc_stack.ss_sp == m && last_uc.uc_stack.ss_size == ALT);
    CHECK_EQ(sigaltstack(NULL, &now), 0); /* and there again afterwards */
    CHECK_EQ((unsigned) now.ss_flags, SS_AUTODISARM);
    CHECK(now.ss_sp == m && now.ss_size == ALT);
}

static void recurse(int sig, siginfo_t *si, void *uc)
{
    (void) si, (void) uc;
    hits++;
    raise(sig);
}

/* Frames must not run out of the alternate stack into what lies below it. */
CASE(altstack_overflow_kills)
{
    pid_t pid = (pid_t) CHECK_OK(fork());
    if (pid == 0) {
        char *m = CHECK_MAP(
            mmap(NULL, 4 * ALT, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
        stack_t ss = {.ss_sp = m + 3 * ALT, .ss_size = ALT};
        CHECK_EQ(sigaltstack(&ss, NULL), 0);
        action(SIGUSR1, recurse, SA_ONSTACK | SA_NODEFER);
        raise(SIGUSR1);
        _exit(1);
    }
    CHECK_KILLED(pid, SIGSEGV);
}

CASE(altstack_sizes)
{
    char m[8192];
    stack_t small = {.ss_sp = m, .ss_size = 2047},
            odd = {.ss_sp = m, .ss_size = 8192, .ss_flags = 4};
    CHECK_ERR(sigaltstack(&small, NULL), ENOMEM);
    CHECK_ERR(sigaltstack(&odd, NULL), EINVAL);
    CHECK_ERR(syscall(SYS_sigaltstack, 8, NULL), EFAULT);
    small.ss_size = 0, small.ss_flags = SS_DISABLE;
    CHECK_EQ(sigaltstack(&small, NULL), 0);
    odd.ss_flags = SS_ONSTACK; /* taken as no flag at all */
    CHECK_EQ(sigaltstack(&odd, NULL), 0);
    stack_t now;
    CHECK_EQ(sigaltstack(NULL, &now), 0);
    CHECK(now.ss_sp == m);
}

static sigjmp_buf back;

static void leap(int sig, siginfo_t *si, void *uc)
{
    (void) sig, (void) si, (void) uc;
    hits++;
    siglongjmp(back, 1);
}

CASE(longjmp_from_the_altstack)
{
    char *m = alt_stack(0, ALT);
    action(SIGUSR1, leap, SA_ONSTACK);
    for (volatile int i = 0; i < 200; i++)
        if (sigsetjmp(back, 1) == 0)
            raise(SIGUSR1);
    CHECK_EQ(hits, 200);
    action(SIGUSR1, look, SA_ONSTACK); /* the stack is free again */
    raise(SIGUSR1);
    CHECK(within(inner_sp, m, ALT));
    CHECK(inner_sp > (uintptr_t) m + ALT - 32768);
}

CASE(swapped_on_the_altstack)
{
    /* A handler may install another alternate stack when it runs elsewhere. */
    alt_stack(0, ALT);
    char *second = alt_stack(0, 2 * ALT);
    action(SIGUSR1, look, SA_ONSTACK);
    raise(SIGUSR1);
    CHECK(within(inner_sp, second, 2 * ALT));
}

/* ---- machine contexts ---- */

static volatile char *bad;

static void skip_and_look(int sig, siginfo_t *si, void *p)
{
    ucontext_t *uc = p;
    look(sig, si, p);
    uc->uc_mcontext.gregs[REG_RIP] += 2; /* the instructions below are two bytes long */
}

static NOINLINE void load_from(volatile char *at)
{
    __asm__ volatile("mov (%%rax), %%ecx" : : "a"(at) : "rcx", "memory");
}

static NOINLINE void store_to(volatile char *at)
{
    __asm__ volatile("mov %%ecx, (%%rax)" : : "a"(at), "c"(1) : "memory");
}

/* What collectors, sanitizers and virtual machines read to tell a load from a store. */
CASE(page_fault_details)
{
    bad = CHECK_MAP(mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    action(SIGSEGV, skip_and_look, 0);
    load_from(bad + 8);
    volatile greg_t *g = last_uc.uc_mcontext.gregs;
    CHECK_EQ(g[REG_TRAPNO], 14);
    CHECK_EQ(g[REG_ERR] & 0x17, 4); /* a user's load of a page that is not there */
    CHECK_EQ(g[REG_CR2], (uintptr_t) bad + 8);
    CHECK_EQ(last_si.si_addr - (void *) bad, 8);
    CHECK_EQ(last_si.si_code, SEGV_ACCERR);
    store_to(bad + 16);
    CHECK_EQ(g[REG_TRAPNO], 14);
    CHECK_EQ(g[REG_ERR] & 0x17, 6);
    CHECK_EQ(g[REG_CR2], (uintptr_t) bad + 16);
    CHECK_EQ(mprotect((void *) bad, 4096, PROT_READ), 0);
    load_from(bad);
    store_to(bad + 24);
    CHECK_EQ(g[REG_ERR] & 0x17, 7); /* there, but not to be written */
    CHECK_EQ(hits, 3);
}

static void fix_divisor(int sig, siginfo_t *si, void *p)
{
    ucontext_t *uc = p;
    look(sig, si, p);
    uc->uc_mcontext.gregs[REG_RCX] = 5;
}

CASE(division_repaired)
{
    long q = 100, d = 0, rest = 0;
    action(SIGFPE, fix_divisor, 0);
    __asm__ volatile("idiv %%rcx" : "+a"(q), "+c"(d), "+d"(rest) : : "cc");
    CHECK_EQ(q, 20);
    CHECK_EQ(last_si.si_code, FPE_INTDIV);
    CHECK_EQ(last_uc.uc_mcontext.gregs[REG_TRAPNO], 0);
    CHECK((uintptr_t) last_si.si_addr == (uintptr_t) last_uc.uc_mcontext.gregs[REG_RIP]);
}

CASE(other_faults_details)
{
    action(SIGILL, skip_and_look, 0);
    __asm__ volatile("ud2");
    CHECK_EQ(last_si.si_code, ILL_ILLOPN);
    CHECK_EQ(last_uc.uc_mcontext.gregs[REG_TRAPNO], 6);
    CHECK((uintptr_t) last_si.si_addr == (uintptr_t) last_uc.uc_mcontext.gregs[REG_RIP]);
    action(SIGTRAP, look, 0);
    __asm__ volatile("int3");
    CHECK_EQ(last_si.si_code, SI_KERNEL);
    CHECK_EQ(last_uc.uc_mcontext.gregs[REG_TRAPNO], 3);
    CHECK_EQ(hits, 2);
}

static void edit_everything(int sig, siginfo_t *si, void *p)
{
    ucontext_t *uc = p;
    greg_t *g = uc->uc_mcontext.gregs;
    (void) sig, (void) si;
    g[REG_RBX] = 0x1111;
    g[REG_R12] = 0x2222;
    g[REG_R15] = 0x3333;
    g[REG_RAX] = 0x4444;
    g[REG_EFL] |= 1; /* carry */
    sigaddset(&uc->uc_sigmask, SIGUSR2);
    hits++;
}

CASE(edited_registers_and_mask)
{
    unsigned long rax = SYS_tgkill, rbx = 0, r12 = 0, r15 = 0, carry = 0;
    action(SIGUSR1, edit_everything, 0);
    __asm__ volatile("mov $0, %%ebx\n\tmov $0, %%r12d\n\tmov $0, %%r15d\n\tclc\n\tsyscall\n\t"
                     "mov %%rbx, %1\n\tmov %%r12, %2\n\tmov %%r15, %3\n\tsetc %b4"
                     : "+a"(rax), "=&r"(rbx), "=&r"(r12), "=&r"(r15), "+r"(carry)
                     : "D"((long) getpid()), "S"((long) gettid()), "d"((long) SIGUSR1)
                     : "rbx", "r12", "r15", "rcx", "r11", "memory", "cc");
    CHECK_EQ(hits, 1);
    CHECK_EQ(rax, 0x4444);
    CHECK_EQ(rbx, 0x1111);
    CHECK_EQ(r12, 0x2222);
    CHECK_EQ(r15, 0x3333);
    CHECK_EQ(carry, 1);
    sigset_t now;
    CHECK_EQ(sigprocmask(SIG_SETMASK, NULL, &now), 0);
    CHECK(sigismember(&now, SIGUSR2));
}

/* SIGKILL and SIGSTOP in an edited mask are ignored. */
static void block_all(int sig, siginfo_t *si, void *p)
{
    (void) sig, (void) si;
    memset(&((ucontext_t *) p)->uc_sigmask, 0xff, 8);
}

CASE(edited_mask_of_all)
{
    uint64_t now;
    action(SIGUSR1, block_all, 0);
    raise(SIGUSR1);
    CHECK_EQ(syscall(SYS_rt_sigprocmask, 0, NULL, &now, 8), 0);
    CHECK(now == (~0ull & ~(1ull << (SIGKILL - 1)) & ~(1ull << (SIGSTOP - 1))));
}

/* A frame that leads nowhere ends the process. */
static void bad_stack(int sig, siginfo_t *si, void *p)
{
    (void) sig, (void) si, (void) p;
    __asm__ volatile("mov $8, %rsp\n\tmov $15, %eax\n\tsyscall");
}

CASE(sigreturn_without_a_frame_kills)
{
    pid_t pid = (pid_t) CHECK_OK(fork());
    if (pid == 0) {
        action(SIGUSR1, bad_stack, 0);
        raise(SIGUSR1);
        _exit(1);
    }
    CHECK_KILLED(pid, SIGSEGV);
}

static void wild_rip(int sig, siginfo_t *si, void *p)
{
    (void) sig, (void) si;
    ((ucontext_t *) p)->uc_mcontext.gregs[REG_RIP] = 0x10;
}

CASE(edited_rip_of_nowhere_faults)
{
    pid_t pid = (pid_t) CHECK_OK(fork());
    if (pid == 0) {
        action(SIGUSR1, wild_rip, 0);
        if (sigsetjmp(back, 1) == 0) {
            action(SIGSEGV, leap, 0);
            raise(SIGUSR1);
            _exit(1);
        }
        _exit(hits == 1 ? 3 : 4);
    }
    CHECK_EXIT(pid, 3);
}

/* ---- vector state ---- */

static bool has_avx(void)
{
    unsigned a, b, c, d;
    return __get_cpuid(1, &a, &b, &c, &d) && (c & bit_AVX) && (c & bit_OSXSAVE);
}

static bool has_avx512(void)
{
    unsigned a, b, c, d;
    return __get_cpuid_count(7, 0, &a, &b, &c, &d) && (b & bit_AVX512F);
}

static void spoil_vectors(int sig, siginfo_t *si, void *p)
{
    (void) sig, (void) si, (void) p;
    hits++;
    __asm__ volatile("pxor %%xmm0, %%xmm0\n\tpcmpeqd %%xmm9, %%xmm9" ::: "xmm0", "xmm9");
    if (has_avx())
        __asm__ volatile("vzeroall" :::);
    unsigned csr = 0x1f80 | 0x6000;
    __asm__ volatile("ldmxcsr %0" : : "m"(csr));
    unsigned short cw = 0x0f7f;
    __asm__ volatile("fninit\n\tfldcw %0" : : "m"(cw));
}

CASE(sse_and_x87_survive)
{
    static const uint32_t in[4] = {1, 2, 3, 0xdeadbeef};
    uint32_t out[4], out9[4];
    unsigned csr, want_csr = 0x1f80 | 0x2000;
    unsigned short cw, want_cw = 0x037f | 0x0400;
    double st = 1.5, got;
    action(SIGUSR1, spoil_vectors, 0);
    long nr = SYS_tgkill;
    __asm__ volatile("ldmxcsr %[wc]\n\tfldcw %[ww]\n\tfldl %[st]\n\t"
                     "movdqu %[in], %%xmm0\n\tmovdqu %[in], %%xmm9\n\tsyscall\n\t"
                     "movdqu %%xmm0, %[o]\n\tmovdqu %%xmm9, %[o9]\n\t"
                     "stmxcsr %[c]\n\tfnstcw %[w]\n\tfstpl %[got]"
                     : [o] "=m"(out), [o9] "=m"(out9), [c] "=m"(csr), [w] "=m"(cw), [got] "=m"(got),
                       "+a"(nr)
                     : [in] "m"(in), [wc] "m"(want_csr), [ww] "m"(want_cw), [st] "m"(st),
                       "D"((long) getpid()), "S"((long) gettid()), "d"((long) SIGUSR1)
                     : "xmm0", "xmm9", "rcx", "r11", "memory");
    unsigned csr0 = 0x1f80;
    unsigned short cw0 = 0x037f;
    __asm__ volatile("ldmxcsr %0\n\tfldcw %1" : : "m"(csr0), "m"(cw0));
    CHECK_EQ(hits, 1);
    CHECK_MEM(out, in, 16);
    CHECK_MEM(out9, in, 16);
    CHECK_EQ(csr, want_csr);
    CHECK_EQ(cw, want_cw);
    CHECK(got == 1.5);
}

CASE(avx_survives)
{
    if (!has_avx())
        SKIP("no AVX");
    uint8_t in[32], out[32];
    for (int i = 0; i < 32; i++)
        in[i] = (uint8_t) (i * 7 + 1);
    action(SIGUSR1, spoil_vectors, 0);
    long nr = SYS_tgkill;
    __asm__ volatile("vmovdqu %[in], %%ymm5\n\tsyscall\n\tvmovdqu %%ymm5, %[o]\n\tvzeroupper"
                     : [o] "=m"(out), "+a"(nr)
                     : [in] "m"(in), "D"((long) getpid()), "S"((long) gettid()), "d"((long) SIGUSR1)
                     : "xmm5", "rcx", "r11", "memory");
    CHECK_EQ(hits, 1);
    CHECK_MEM(out, in, 32);
}

__attribute__((target("avx512f"))) static void avx512_round(void)
{
    uint8_t in[64], out[64], out31[64];
    uint16_t k = 0;
    for (int i = 0; i < 64; i++)
        in[i] = (uint8_t) (i * 5 + 3);
    long nr = SYS_tgkill;
    __asm__ volatile("vmovdqu64 %[in], %%zmm5\n\tvmovdqu64 %[in], %%zmm31\n\t"
                     "mov $0xa5a5, %%ecx\n\tkmovw %%ecx, %%k3\n\tsyscall\n\t"
                     "vmovdqu64 %%zmm5, %[o]\n\tvmovdqu64 %%zmm31, %[o31]\n\t"
                     "kmovw %%k3, %%ecx\n\tmov %%cx, %[k]\n\tvzeroupper"
                     : [o] "=m"(out), [o31] "=m"(out31), [k] "=m"(k), "+a"(nr)
                     : [in] "m"(in), "D"((long) getpid()), "S"((long) gettid()), "d"((long) SIGUSR1)
                     : "xmm5", "rcx", "r11", "memory");
    CHECK_MEM(out, in, 64);
    CHECK_MEM(out31, in, 64);
    CHECK_EQ(k, 0xa5a5);
}

CASE(avx512_survives)
{
    if (!has_avx512())
        SKIP("no AVX-512");
    action(SIGUSR1, spoil_vectors, 0);
    avx512_round();
    CHECK_EQ(hits, 1);
}

/* The handler begins with the initial state. */
static volatile unsigned handler_csr;
static volatile unsigned short handler_cw;

static void read_control(int sig, siginfo_t *si, void *p)
{
    unsigned csr;
    unsigned short cw;
    (void) sig, (void) si, (void) p;
    __asm__ volatile("stmxcsr %0\n\tfnstcw %1" : "=m"(csr), "=m"(cw));
    handler_csr = csr;
    handler_cw = cw;
    hits++;
}

CASE(handlers_begin_with_initial_control_words)
{
    unsigned csr = 0x1f80 | 0x6000;
    unsigned short cw = 0x0f7f;
    action(SIGUSR1, read_control, 0);
    __asm__ volatile("ldmxcsr %0\n\tfldcw %1" : : "m"(csr), "m"(cw));
    raise(SIGUSR1);
    unsigned csr0 = 0x1f80, seen;
    unsigned short cw0 = 0x037f, seen_cw;
    __asm__ volatile("stmxcsr %0\n\tfnstcw %1" : "=m"(seen), "=m"(seen_cw));
    __asm__ volatile("ldmxcsr %0\n\tfldcw %1" : : "m"(csr0), "m"(cw0));
    CHECK_EQ(handler_csr, 0x1f80);
    CHECK_EQ(handler_cw, 0x037f);
    CHECK_EQ(seen & ~0x3fu, csr & ~0x3fu);
    CHECK_EQ(seen_cw, cw);
}

static void edit_vectors(int sig, siginfo_t *si, void *p)
{
    ucontext_t *uc = p;
    (void) sig, (void) si;
    hits++;
    uc->uc_mcontext.fpregs->_xmm[3].element[0] = 0x12345678;
    uc->uc_mcontext.fpregs->mxcsr |= 0x2000;
}

CASE(edited_vector_registers)
{
    uint32_t out[4], zero[4] = {0};
    unsigned csr, csr0 = 0x1f80;
    action(SIGUSR1, edit_vectors, 0);
    long nr = SYS_tgkill;
    __asm__ volatile("movdqu %[z], %%xmm3\n\tsyscall\n\tmovdqu %%xmm3, %[o]\n\tstmxcsr %[c]\n\t"
                     "ldmxcsr %[c0]"
                     : [o] "=m"(out), [c] "=m"(csr), "+a"(nr)
                     : [z] "m"(zero), [c0] "m"(csr0), "D"((long) getpid()), "S"((long) gettid()),
                       "d"((long) SIGUSR1)
                     : "xmm3", "rcx", "r11", "memory");
    CHECK_EQ(hits, 1);
    CHECK_EQ(out[0], 0x12345678);
    CHECK_EQ(csr & 0x2000, 0x2000);
}

/* Many ticks while vectors are in use: nothing is mixed up. */
CASE(vectors_under_ticks)
{
    struct itimerval v = {{0, 500}, {0, 500}}, off = {0};
    action(SIGALRM, spoil_vectors, 0);
    CHECK_EQ(setitimer(ITIMER_REAL, &v, NULL), 0);
    volatile double sum = 0, want = 0;
    for (int i = 1; hits < 100; i = i % 1000 + 1) {
        double a = i, b = 0;
        for (int k = 0; k < 200; k++)
            b += a * 0.5;
        sum = b;
        want = a * 100;
        CHECK(sum == want);
    }
    setitimer(ITIMER_REAL, &off, NULL);
}

/* ---- awkward places ---- */

static void tick(int sig, siginfo_t *si, void *p)
{
    (void) sig, (void) si, (void) p;
    hits++;
}

/* In the vDSO, which has no frame of ours. */
CASE(signals_in_the_clock)
{
    struct itimerval v = {{0, 300}, {0, 300}}, off = {0};
    struct timespec a, b = {0};
    action(SIGALRM, tick, SA_RESTART);
    CHECK_EQ(setitimer(ITIMER_REAL, &v, NULL), 0);
    while (hits < 200) {
        CHECK_EQ(clock_gettime(CLOCK_MONOTONIC, &a), 0);
        CHECK(a.tv_sec > b.tv_sec || (a.tv_sec == b.tv_sec && a.tv_nsec >= b.tv_nsec));
        b = a;
    }
    setitimer(ITIMER_REAL, &off, NULL);
}

/* In the midst of calls that go to the kernel and of such that do not. */
CASE(signals_among_calls)
{
    struct itimerval v = {{0, 300}, {0, 300}}, off = {0};
    int p[2];
    char c;
    CHECK_EQ(pipe(p), 0);
    action(SIGALRM, tick, SA_RESTART);
    CHECK_EQ(setitimer(ITIMER_REAL, &v, NULL), 0);
    while (hits < 200) {
        CHECK_EQ(write(p[1], "x", 1), 1);
        CHECK_EQ(read(p[0], &c, 1), 1);
        CHECK_EQ(syscall(SYS_getppid), getppid());
        CHECK_EQ(syscall(SYS_sched_yield), 0);
        char *m =
            CHECK_MAP(mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
        *m = 1;
        CHECK_EQ(munmap(m, 4096), 0);
    }
    setitimer(ITIMER_REAL, &off, NULL);
}

static volatile bool stop_it;

static void *ping(void *arg)
{
    uint32_t *w = arg;
    while (!stop_it) {
        __atomic_fetch_add(w, 1, __ATOMIC_SEQ_CST);
        syscall(SYS_futex, w, FUTEX_WAKE_PRIVATE, 1);
        for (volatile int i = 0; i < 2000; i++)
            ;
    }
    return NULL;
}

CASE(signals_among_futex_waits)
{
    static uint32_t w;
    struct itimerval v = {{0, 300}, {0, 300}}, off = {0};
    struct timespec ts = {0, 2000000};
    pthread_t th;
    action(SIGALRM, tick, SA_RESTART);
    CHECK_EQ(pthread_create(&th, NULL, ping, &w), 0);
    CHECK_EQ(setitimer(ITIMER_REAL, &v, NULL), 0);
    for (int i = 0; hits < 300 && i < 1000000; i++) {
        uint32_t seen = __atomic_load_n(&w, __ATOMIC_SEQ_CST);
        long r = syscall(SYS_futex, &w, FUTEX_WAIT_PRIVATE, seen, i % 2 ? &ts : NULL);
        CHECK(r == 0 || errno == EAGAIN || errno == EINTR || errno == ETIMEDOUT);
    }
    setitimer(ITIMER_REAL, &off, NULL);
    stop_it = true;
    CHECK_EQ(pthread_join(th, NULL), 0);
    CHECK(hits >= 300);
}

GUEST_MAIN
