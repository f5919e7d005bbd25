/* SPDX-License-Identifier: Apache-2.0 */
/* signal(7): sending, queueing, masks, handlers, frames, alternate stacks, restart. */
#include "guest.h"
#include <pthread.h>
#include <sys/time.h>
#include <ucontext.h>

static volatile sig_atomic_t hits, last_sig, order[16], n_order;
static siginfo_t last_info;

static void count(int sig)
{
    hits++;
    last_sig = sig;
    if (n_order < 16)
        order[n_order++] = sig;
}

static void inform(int sig, siginfo_t *si, void *uc)
{
    (void) uc;
    last_info = *si;
    count(sig);
}

static void on(int sig, void (*fn)(int), int flags)
{
    struct sigaction sa = {.sa_handler = fn, .sa_flags = flags};
    CHECK_EQ(sigaction(sig, &sa, NULL), 0);
}

static void on_info(int sig, int flags)
{
    struct sigaction sa = {.sa_sigaction = inform, .sa_flags = flags | SA_SIGINFO};
    CHECK_EQ(sigaction(sig, &sa, NULL), 0);
}

static sigset_t set_of(int a, int b)
{
    sigset_t s;
    sigemptyset(&s);
    if (a)
        sigaddset(&s, a);
    if (b)
        sigaddset(&s, b);
    return s;
}

static void mask(int how, int a, int b)
{
    sigset_t s = set_of(a, b);
    CHECK_EQ(sigprocmask(how, &s, NULL), 0);
}

/* A child that sends sig to the case after a while. */
static pid_t poke_later(int sig, int ms)
{
    pid_t parent = getpid(), pid = (pid_t) CHECK_OK(fork());
    if (pid == 0) {
        sleep_ms(ms);
        kill(parent, sig);
        _exit(0);
    }
    return pid;
}

CASE(handler)
{
    on(SIGUSR1, count, 0);
    CHECK_EQ(raise(SIGUSR1), 0);
    CHECK(hits == 1 && last_sig == SIGUSR1);
    CHECK_EQ(kill(getpid(), SIGUSR1), 0);
    CHECK_EQ(hits, 2);
}

CASE(handler_many)
{
    on(SIGUSR1, count, 0);
    for (int i = 0; i < 5000; i++)
        kill(getpid(), SIGUSR1);
    CHECK_EQ(hits, 5000);
}

CASE(action_round_trip)
{
    struct sigaction sa = {.sa_handler = count, .sa_flags = SA_RESTART | SA_NODEFER}, old;
    sa.sa_mask = set_of(SIGUSR2, SIGTERM);
    CHECK_EQ(sigaction(SIGUSR1, NULL, &old), 0);
    CHECK(old.sa_handler == SIG_DFL);
    CHECK_EQ(sigaction(SIGUSR1, &sa, &old), 0);
    CHECK_EQ(sigaction(SIGUSR1, NULL, &old), 0);
    CHECK(old.sa_handler == count);
    CHECK_EQ(old.sa_flags & (SA_RESTART | SA_NODEFER), SA_RESTART | SA_NODEFER);
    CHECK(sigismember(&old.sa_mask, SIGUSR2) && sigismember(&old.sa_mask, SIGTERM));
    CHECK(!sigismember(&old.sa_mask, SIGINT));
}

CASE(action_errors)
{
    struct sigaction sa = {.sa_handler = count};
    CHECK_ERR(sigaction(SIGKILL, &sa, NULL), EINVAL);
    CHECK_ERR(sigaction(SIGSTOP, &sa, NULL), EINVAL);
    CHECK_ERR(sigaction(0, &sa, NULL), EINVAL);
    CHECK_ERR(sigaction(65, &sa, NULL), EINVAL);
    CHECK_ERR(syscall(SYS_rt_sigaction, SIGUSR1, 1, NULL, 8), EFAULT);
    CHECK_ERR(syscall(SYS_rt_sigaction, SIGUSR1, NULL, NULL, 16), EINVAL);
    CHECK_EQ(sigaction(SIGKILL, NULL, &sa), 0);
}

CASE(info_of_kill)
{
    on_info(SIGUSR1, 0);
    kill(getpid(), SIGUSR1);
    CHECK_EQ(last_info.si_signo, SIGUSR1);
    CHECK_EQ(last_info.si_code, SI_USER);
    CHECK_EQ(last_info.si_pid, getpid());
    CHECK_EQ(last_info.si_uid, getuid());
}

CASE(info_of_tgkill)
{
    on_info(SIGUSR1, 0);
    CHECK_EQ(syscall(SYS_tgkill, getpid(), gettid(), SIGUSR1), 0);
    CHECK_EQ(last_info.si_code, SI_TKILL);
    CHECK_EQ(last_info.si_pid, getpid());
    CHECK_EQ(syscall(SYS_tkill, gettid(), SIGUSR1), 0);
    CHECK_EQ(hits, 2);
}

CASE(info_of_sigqueue)
{
    on_info(SIGRTMIN + 2, 0);
    CHECK_EQ(sigqueue(getpid(), SIGRTMIN + 2, (union sigval){.sival_int = 4711}), 0);
    CHECK_EQ(last_info.si_code, SI_QUEUE);
    CHECK_EQ(last_info.si_value.sival_int, 4711);
    CHECK_EQ(last_info.si_pid, getpid());
}

CASE(sigchld)
{
    on_info(SIGCHLD, 0);
    mask(SIG_BLOCK, SIGCHLD, 0);
    pid_t pid = (pid_t) CHECK_OK(fork());
    if (pid == 0)
        _exit(17);
    sigset_t none = set_of(0, 0);
    while (!hits)
        sigsuspend(&none);
    CHECK_EQ(last_info.si_code, CLD_EXITED);
    CHECK_EQ(last_info.si_pid, pid);
    CHECK_EQ(last_info.si_status, 17);
    CHECK_EXIT(pid, 17);
}

CASE(sigchld_of_stop)
{
    int st;
    on_info(SIGCHLD, 0);
    pid_t pid = (pid_t) CHECK_OK(fork());
    if (pid == 0) {
        raise(SIGSTOP);
        _exit(0);
    }
    while (waitpid(pid, &st, WUNTRACED) < 0)
        CHECK_EQ(errno, EINTR);
    CHECK_EQ(hits, 1);
    CHECK_EQ(last_info.si_code, CLD_STOPPED);
    CHECK_EQ(last_info.si_status, SIGSTOP);
    on_info(SIGCHLD, SA_NOCLDSTOP);
    kill(pid, SIGCONT);
    CHECK_EXIT(pid, 0);
    CHECK_EQ(last_info.si_code, CLD_EXITED);
    CHECK_EQ(hits, 2);
}

CASE(kill_errors)
{
    CHECK_ERR(kill(getpid(), -1), EINVAL);
    CHECK_ERR(kill(getpid(), 65), EINVAL);
    CHECK_ERR(kill(0x7ffffff0, 0), ESRCH);
    CHECK_ERR(kill(-0x7ffffff0, 0), ESRCH);
    CHECK_ERR(syscall(SYS_tgkill, getpid(), 0x7ffffff0, 0), ESRCH);
    CHECK_ERR(syscall(SYS_tgkill, 0, gettid(), 0), EINVAL);
    CHECK_ERR(syscall(SYS_tkill, -1, 0), EINVAL);
    CHECK_EQ(kill(getpid(), 0), 0);
    CHECK_EQ(kill(0, 0), 0);
}

CASE(mask_holds_and_releases)
{
    sigset_t s;
    on(SIGUSR1, count, 0);
    mask(SIG_BLOCK, SIGUSR1, 0);
    for (int i = 0; i < 5; i++)
        kill(getpid(), SIGUSR1);
    CHECK_EQ(hits, 0);
    CHECK_EQ(sigpending(&s), 0);
    CHECK(sigismember(&s, SIGUSR1) && !sigismember(&s, SIGUSR2));
    mask(SIG_UNBLOCK, SIGUSR1, 0);
    CHECK_EQ(hits, 1); /* a standard signal is pending once */
    CHECK_EQ(sigpending(&s), 0);
    CHECK(!sigismember(&s, SIGUSR1));
}

CASE(mask_operations)
{
    sigset_t s = set_of(SIGUSR1, SIGKILL), old;
    sigaddset(&s, SIGSTOP);
    CHECK_EQ(sigprocmask(SIG_SETMASK, &s, NULL), 0);
    s = set_of(SIGUSR2, 0);
    CHECK_EQ(sigprocmask(SIG_BLOCK, &s, &old), 0);
    CHECK(sigismember(&old, SIGUSR1) && !sigismember(&old, SIGUSR2));
    CHECK(!sigismember(&old, SIGKILL) && !sigismember(&old, SIGSTOP));
    s = set_of(SIGUSR1, 0);
    CHECK_EQ(sigprocmask(SIG_UNBLOCK, &s, NULL), 0);
    CHECK_EQ(sigprocmask(SIG_BLOCK, NULL, &old), 0);
    CHECK(!sigismember(&old, SIGUSR1) && sigismember(&old, SIGUSR2));
    CHECK_ERR(sigprocmask(77, &s, NULL), EINVAL);
    CHECK_EQ(sigprocmask(77, NULL, NULL), 0);
    CHECK_ERR(syscall(SYS_rt_sigprocmask, SIG_BLOCK, 1, NULL, 8), EFAULT);
}

CASE(realtime_queue_in_order)
{
    on_info(SIGRTMIN, 0);
    on_info(SIGRTMIN + 1, 0);
    mask(SIG_BLOCK, SIGRTMIN, SIGRTMIN + 1);
    sigqueue(getpid(), SIGRTMIN + 1, (union sigval){.sival_int = 1});
    for (int i = 0; i < 3; i++)
        sigqueue(getpid(), SIGRTMIN, (union sigval){.sival_int = i});
    sigset_t s = set_of(SIGRTMIN, SIGRTMIN + 1);
    siginfo_t si;
    for (int i = 0; i < 3; i++) {
        CHECK_EQ(sigwaitinfo(&s, &si), SIGRTMIN);
        CHECK_EQ(si.si_value.sival_int, i);
    }
    mask(SIG_UNBLOCK, SIGRTMIN, SIGRTMIN + 1);
    CHECK_EQ(hits, 1);
    CHECK_EQ(last_sig, SIGRTMIN + 1);
}

CASE(delivery_order)
{
    on(SIGUSR1, count, 0);
    on(SIGUSR2, count, 0);
    mask(SIG_BLOCK, SIGUSR1, SIGUSR2);
    kill(getpid(), SIGUSR2);
    kill(getpid(), SIGUSR1);
    mask(SIG_UNBLOCK, SIGUSR1, SIGUSR2);
    CHECK_EQ(hits, 2);
    /* Frames are pushed lowest number first, so the higher one's handler is the first to run. */
    CHECK(order[0] == SIGUSR2 && order[1] == SIGUSR1);
}

static volatile sig_atomic_t depth, max_depth;
static void nest(int sig)
{
    depth++;
    if (depth > max_depth)
        max_depth = depth;
    if (++hits < 5)
        raise(sig);
    depth--;
}

CASE(nodefer)
{
    on(SIGUSR1, nest, SA_NODEFER);
    raise(SIGUSR1);
    CHECK_EQ(max_depth, 5);
    CHECK_EQ(depth, 0);
}

CASE(deferred_by_default)
{
    on(SIGUSR1, nest, 0);
    raise(SIGUSR1);
    CHECK_EQ(max_depth, 1);
}

static void raise_other(int sig)
{
    (void) sig;
    hits = 0;
    raise(SIGUSR2);
    order[0] = hits; /* 0 if the mask of the action held it back */
}

CASE(action_mask)
{
    struct sigaction sa = {.sa_handler = raise_other};
    sa.sa_mask = set_of(SIGUSR2, 0);
    on(SIGUSR2, count, 0);
    CHECK_EQ(sigaction(SIGUSR1, &sa, NULL), 0);
    raise(SIGUSR1);
    CHECK_EQ(hits, 1);
    sigemptyset(&sa.sa_mask);
    CHECK_EQ(sigaction(SIGUSR1, &sa, NULL), 0);
    raise(SIGUSR1);
    CHECK_EQ(hits, 1);
    CHECK_EQ(order[0], 1);
}

CASE(resethand)
{
    struct sigaction sa;
    on(SIGUSR1, count, SA_RESETHAND);
    raise(SIGUSR1);
    CHECK_EQ(hits, 1);
    CHECK_EQ(sigaction(SIGUSR1, NULL, &sa), 0);
    CHECK(sa.sa_handler == SIG_DFL);
}

CASE(ignored_while_pending)
{
    sigset_t s;
    on(SIGUSR1, count, 0);
    mask(SIG_BLOCK, SIGUSR1, 0);
    raise(SIGUSR1);
    signal(SIGUSR1, SIG_IGN); /* throws the pending one away */
    CHECK_EQ(sigpending(&s), 0);
    CHECK(!sigismember(&s, SIGUSR1));
    on(SIGUSR1, count, 0);
    mask(SIG_UNBLOCK, SIGUSR1, 0);
    CHECK_EQ(hits, 0);
}

static char *alt_base;
static volatile uintptr_t handler_sp, handler_flags;
static void where(int sig)
{
    stack_t ss;
    char here;
    handler_sp = (uintptr_t) &here;
    sigaltstack(NULL, &ss);
    handler_flags = (uintptr_t) ss.ss_flags;
    count(sig);
}

CASE(altstack)
{
    alt_base = malloc(65536);
    stack_t ss = {.ss_sp = alt_base, .ss_size = 65536}, old;
    CHECK_EQ(sigaltstack(NULL, &old), 0);
    CHECK_EQ(old.ss_flags, SS_DISABLE);
    CHECK_EQ(sigaltstack(&ss, NULL), 0);
    CHECK_EQ(sigaltstack(NULL, &old), 0);
    CHECK(old.ss_sp == alt_base && old.ss_size == 65536 && old.ss_flags == 0);
    on(SIGUSR1, where, SA_ONSTACK);
    raise(SIGUSR1);
    CHECK(handler_sp > (uintptr_t) alt_base && handler_sp < (uintptr_t) alt_base + 65536);
    CHECK_EQ(handler_flags, SS_ONSTACK);
    on(SIGUSR1, where, 0);
    raise(SIGUSR1);
    CHECK(handler_sp < (uintptr_t) alt_base || handler_sp > (uintptr_t) alt_base + 65536);
    ss.ss_flags = SS_DISABLE;
    CHECK_EQ(sigaltstack(&ss, NULL), 0);
    CHECK_EQ(sigaltstack(NULL, &old), 0);
    CHECK_EQ(old.ss_flags, SS_DISABLE);
}

CASE(altstack_errors)
{
    stack_t ss = {.ss_sp = malloc(65536), .ss_size = 100};
    CHECK_ERR(sigaltstack(&ss, NULL), ENOMEM);
    ss.ss_size = 65536, ss.ss_flags = 0x10;
    CHECK_ERR(sigaltstack(&ss, NULL), EINVAL);
    CHECK_ERR(sigaltstack((stack_t *) 1, NULL), EFAULT);
}

CASE(frame_respects_the_red_zone)
{
    /* A leaf's data below rsp survives a handler. */
    on(SIGUSR1, count, 0);
    long pid = getpid(), out;
    __asm__ volatile("movq $0x1234567, -120(%%rsp)\n\tmovl $62, %%eax\n\tmovq %1, %%rdi\n\t"
                     "movl $10, %%esi\n\tsyscall\n\tmovq -120(%%rsp), %0"
                     : "=r"(out)
                     : "r"(pid)
                     : "rax", "rdi", "rsi", "rcx", "r11", "memory");
    CHECK_EQ(hits, 1);
    CHECK_EQ(out, 0x1234567);
}

static void clobber(int sig)
{
    __asm__ volatile("pcmpeqd %%xmm0,%%xmm0\n\tpcmpeqd %%xmm7,%%xmm7\n\tpcmpeqd %%xmm15,%%xmm15\n\t"
                     "fninit\n\tfldpi\n\tfldpi"
                     :
                     :
                     : "xmm0", "xmm7", "xmm15");
    count(sig);
}

uint64_t regs_out[12];
double regs_fp;
int regs_pid;

CASE(registers_survive_a_handler)
{
    static const uint64_t want[12] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 1, 5, 8};
    on(SIGUSR1, clobber, 0);
    regs_pid = getpid();
    __asm__ volatile("movq $1, %%rbx\n\tmovq $2, %%r8\n\tmovq $3, %%r9\n\tmovq $4, %%r10\n\t"
                     "movq $5, %%r12\n\tmovq $6, %%r13\n\tmovq $7, %%r14\n\tmovq $8, %%r15\n\t"
                     "movq %%rbx, %%xmm0\n\tmovq %%r12, %%xmm7\n\tmovq %%r15, %%xmm15\n\t"
                     "fninit\n\tfld1\n\t"
                     "movl $62, %%eax\n\tmovl regs_pid(%%rip), %%edi\n\tmovl $10, %%esi\n\t"
                     "syscall\n\t"
                     "leaq regs_out(%%rip), %%rdi\n\t"
                     "movq %%rax, 0(%%rdi)\n\tmovq %%rbx, 8(%%rdi)\n\tmovq %%r8, 16(%%rdi)\n\t"
                     "movq %%r9, 24(%%rdi)\n\tmovq %%r10, 32(%%rdi)\n\tmovq %%r12, 40(%%rdi)\n\t"
                     "movq %%r13, 48(%%rdi)\n\tmovq %%r14, 56(%%rdi)\n\tmovq %%r15, 64(%%rdi)\n\t"
                     "movq %%xmm0, 72(%%rdi)\n\tmovq %%xmm7, 80(%%rdi)\n\t"
                     "movq %%xmm15, 88(%%rdi)\n\t"
                     "fstpl regs_fp(%%rip)"
                     :
                     :
                     : "rax", "rbx", "rcx", "rsi", "rdi", "r8", "r9", "r10", "r11", "r12", "r13",
                       "r14", "r15", "xmm0", "xmm7", "xmm15", "memory");
    CHECK_EQ(hits, 1);
    for (int i = 0; i < 12; i++)
        if (regs_out[i] != want[i])
            FAIL("register %d: expected %lu, got %lu", i, (unsigned long) want[i],
                 (unsigned long) regs_out[i]);
    CHECK(regs_fp == 1.0);
}

static void NOINLINE mix(uint64_t *ints, double *floats, int rounds)
{
    uint64_t a = 1, b = 2, c = 3, d = 4;
    double x = 1.5, y = 0.25;
    for (int i = 0; i < rounds; i++) {
        a = a * 6364136223846793005u + b;
        b ^= a >> 17;
        c += b * 3;
        d = (d << 7 | d >> 57) ^ c;
        x = x * 1.0000001 + y;
        y = y * 0.9999999 + 1e-9;
    }
    ints[0] = a ^ b ^ c ^ d;
    floats[0] = x + y;
}

CASE(registers_survive_ticks)
{
    /* Handlers at arbitrary instructions, not only at system calls. */
    uint64_t want_i, got_i;
    double want_f, got_f;
    struct itimerval it = {{0, 1000}, {0, 1000}};
    mix(&want_i, &want_f, 2000000);
    on(SIGALRM, clobber, SA_RESTART);
    CHECK_EQ(setitimer(ITIMER_REAL, &it, NULL), 0);
    for (uint64_t t = now_ns(); now_ns() - t < 400000000;) {
        mix(&got_i, &got_f, 2000000);
        CHECK(got_i == want_i);
        CHECK(got_f == want_f);
    }
    CHECK(hits > 10);
}

CASE(direction_flag_is_clear_in_a_handler)
{
    on(SIGUSR1, count, 0);
    regs_pid = getpid();
    __asm__ volatile("std\n\tmovl $62, %%eax\n\tmovl regs_pid(%%rip), %%edi\n\tmovl $10, %%esi\n\t"
                     "syscall\n\tcld"
                     :
                     :
                     : "rax", "rcx", "rsi", "rdi", "r11", "memory");
    CHECK_EQ(hits, 1);
}

static sigjmp_buf jump;
static void jumper(int sig)
{
    siglongjmp(jump, sig);
}

CASE(longjmp_out_of_a_handler)
{
    sigset_t s;
    on(SIGUSR1, jumper, 0);
    for (volatile int i = 0; i < 100; i++) {
        if (sigsetjmp(jump, 1) == 0) {
            raise(SIGUSR1);
            FAIL("came back");
        }
        CHECK_EQ(sigprocmask(SIG_BLOCK, NULL, &s), 0);
        CHECK(!sigismember(&s, SIGUSR1));
    }
}

static void edit(int sig, siginfo_t *si, void *p)
{
    ucontext_t *uc = p;
    (void) si;
    uc->uc_mcontext.gregs[REG_RBX] = 0x77;
    sigaddset(&uc->uc_sigmask, SIGUSR2);
    count(sig);
}

CASE(context_can_be_edited)
{
    struct sigaction sa = {.sa_sigaction = edit, .sa_flags = SA_SIGINFO};
    sigset_t s;
    uint64_t rbx;
    CHECK_EQ(sigaction(SIGUSR1, &sa, NULL), 0);
    regs_pid = getpid();
    __asm__ volatile("movl $62, %%eax\n\tmovl regs_pid(%%rip), %%edi\n\tmovl $10, %%esi\n\t"
                     "syscall\n\tmovq %%rbx, %0"
                     : "=r"(rbx)
                     :
                     : "rax", "rbx", "rcx", "rsi", "rdi", "r11", "memory");
    CHECK_EQ(rbx, 0x77);
    CHECK_EQ(sigprocmask(SIG_BLOCK, NULL, &s), 0);
    CHECK(sigismember(&s, SIGUSR2));
}

static ucontext_t seen_uc;
static void look(int sig, siginfo_t *si, void *p)
{
    (void) si;
    memcpy(&seen_uc, p, sizeof(seen_uc));
    count(sig);
}

CASE(context_shows_mask_and_stack)
{
    struct sigaction sa = {.sa_sigaction = look, .sa_flags = SA_SIGINFO};
    char here;
    CHECK_EQ(sigaction(SIGUSR1, &sa, NULL), 0);
    mask(SIG_BLOCK, SIGTERM, 0);
    raise(SIGUSR1);
    CHECK(sigismember(&seen_uc.uc_sigmask, SIGTERM) && !sigismember(&seen_uc.uc_sigmask, SIGUSR1));
    uintptr_t sp = (uintptr_t) seen_uc.uc_mcontext.gregs[REG_RSP];
    CHECK(sp <= (uintptr_t) &here + 4096 && sp > (uintptr_t) &here - 4096);
    CHECK_EQ(seen_uc.uc_stack.ss_size, 0);
}

CASE(sigsuspend)
{
    sigset_t s;
    on(SIGUSR1, count, 0);
    on(SIGUSR2, count, 0);
    mask(SIG_BLOCK, SIGUSR1, SIGUSR2);
    raise(SIGUSR2);
    raise(SIGUSR1);
    s = set_of(SIGUSR2, 0);
    CHECK_ERR(sigsuspend(&s), EINTR);
    CHECK(hits == 1 && last_sig == SIGUSR1);
    CHECK_EQ(sigprocmask(SIG_BLOCK, NULL, &s), 0);
    CHECK(sigismember(&s, SIGUSR1) && sigismember(&s, SIGUSR2)); /* the old mask is back */
    pid_t pid = poke_later(SIGUSR1, 30);
    s = set_of(SIGUSR2, 0);
    CHECK_ERR(sigsuspend(&s), EINTR);
    CHECK_EQ(hits, 2);
    CHECK_EXIT(pid, 0);
}

CASE(pause)
{
    on(SIGUSR1, count, SA_RESTART);
    pid_t pid = poke_later(SIGUSR1, 30);
    CHECK_ERR(pause(), EINTR);
    CHECK_EQ(hits, 1);
    CHECK_EXIT(pid, 0);
}

CASE(sigtimedwait)
{
    sigset_t s = set_of(SIGUSR1, SIGUSR2);
    siginfo_t si;
    struct timespec ts = {0, 20000000}, zero = {0, 0}, bad = {0, 1000000000};
    on(SIGUSR1, count, 0);
    CHECK_EQ(sigprocmask(SIG_BLOCK, &s, NULL), 0);
    CHECK_ERR(sigtimedwait(&s, &si, &zero), EAGAIN);
    uint64_t t = now_ns();
    CHECK_ERR(sigtimedwait(&s, &si, &ts), EAGAIN);
    CHECK(now_ns() - t >= 20000000);
    CHECK_ERR(sigtimedwait(&s, &si, &bad), EINVAL);
    raise(SIGUSR2);
    CHECK_EQ(sigtimedwait(&s, &si, &ts), SIGUSR2);
    CHECK_EQ(si.si_signo, SIGUSR2);
    pid_t pid = poke_later(SIGUSR1, 20);
    CHECK_EQ(sigwaitinfo(&s, &si), SIGUSR1);
    CHECK_EQ(si.si_pid, pid);
    CHECK_EQ(hits, 0);
    CHECK_EXIT(pid, 0);
}

CASE(sigtimedwait_interrupted)
{
    sigset_t s = set_of(SIGUSR1, 0);
    struct timespec ts = {10, 0};
    mask(SIG_BLOCK, SIGUSR1, 0);
    on(SIGUSR2, count, SA_RESTART);
    pid_t pid = poke_later(SIGUSR2, 20);
    CHECK_ERR(sigtimedwait(&s, NULL, &ts), EINTR);
    CHECK_EXIT(pid, 0);
}

CASE(read_is_interrupted)
{
    int p[2];
    char c;
    CHECK_EQ(pipe(p), 0);
    on(SIGUSR1, count, 0);
    pid_t pid = poke_later(SIGUSR1, 30);
    CHECK_ERR(read(p[0], &c, 1), EINTR);
    CHECK_EQ(hits, 1);
    CHECK_EXIT(pid, 0);
}

CASE(read_is_restarted)
{
    int p[2];
    char c = 0;
    pid_t parent = getpid();
    CHECK_EQ(pipe(p), 0);
    on(SIGUSR1, count, SA_RESTART);
    pid_t pid = (pid_t) CHECK_OK(fork());
    if (pid == 0) {
        for (int i = 0; i < 5; i++) {
            sleep_ms(10);
            kill(parent, SIGUSR1);
        }
        sleep_ms(10);
        _exit(write(p[1], "x", 1) != 1);
    }
    CHECK_EQ(read(p[0], &c, 1), 1);
    CHECK_EQ(c, 'x');
    CHECK(hits >= 1);
    CHECK_EXIT(pid, 0);
}

CASE(wait_is_interrupted_and_restarted)
{
    on(SIGUSR1, count, 0);
    pid_t parent = getpid(), pid = (pid_t) CHECK_OK(fork());
    if (pid == 0) {
        sleep_ms(30);
        kill(parent, SIGUSR1);
        sleep_ms(30);
        kill(parent, SIGUSR1);
        sleep_ms(30);
        _exit(3);
    }
    CHECK_ERR(waitpid(pid, NULL, 0), EINTR);
    on(SIGUSR1, count, SA_RESTART);
    int st = 0;
    CHECK_EQ(waitpid(pid, &st, 0), pid);
    CHECK_EQ(st, 3 << 8);
    CHECK_EQ(hits, 2);
}

CASE(ignored_signal_does_not_interrupt)
{
    struct timespec ts = {0, 80000000}, left;
    signal(SIGUSR1, SIG_IGN);
    pid_t pid = poke_later(SIGUSR1, 20);
    CHECK_EQ(nanosleep(&ts, &left), 0);
    CHECK_EXIT(pid, 0);
}

CASE(nanosleep_interrupted)
{
    struct timespec ts = {5, 0}, left = {0, 0};
    on(SIGUSR1, count, SA_RESTART);
    pid_t pid = poke_later(SIGUSR1, 30);
    CHECK_ERR(nanosleep(&ts, &left), EINTR);
    CHECK(left.tv_sec >= 3 && left.tv_sec < 5);
    CHECK_EXIT(pid, 0);
}

CASE(sleep_goes_on_after_stop)
{
    /* restart_syscall(2): a stop and a continue do not shorten or repeat the sleep. */
    struct timespec ts = {0, 300000000};
    pid_t pid = (pid_t) CHECK_OK(fork());
    if (pid == 0) {
        uint64_t t = now_ns();
        int r = nanosleep(&ts, NULL);
        _exit(!(r == 0 && now_ns() - t >= 300000000 && now_ns() - t < 2000000000));
    }
    sleep_ms(50);
    kill(pid, SIGSTOP);
    sleep_ms(50);
    kill(pid, SIGCONT);
    CHECK_EXIT(pid, 0);
}

CASE(sigpipe)
{
    int p[2];
    CHECK_EQ(pipe(p), 0);
    close(p[0]);
    on(SIGPIPE, count, 0);
    CHECK_ERR(write(p[1], "x", 1), EPIPE);
    CHECK_EQ(hits, 1);
    signal(SIGPIPE, SIG_IGN);
    CHECK_ERR(write(p[1], "x", 1), EPIPE);
}

CASE(fork_keeps_handlers_drops_pending)
{
    sigset_t s;
    on(SIGUSR1, count, 0);
    mask(SIG_BLOCK, SIGUSR1, SIGUSR2);
    raise(SIGUSR1);
    pid_t pid = (pid_t) CHECK_OK(fork());
    if (pid == 0) {
        CHECK_EQ(sigpending(&s), 0);
        CHECK(!sigismember(&s, SIGUSR1));
        CHECK_EQ(sigprocmask(SIG_BLOCK, NULL, &s), 0);
        CHECK(sigismember(&s, SIGUSR1) && sigismember(&s, SIGUSR2));
        mask(SIG_UNBLOCK, SIGUSR1, 0);
        CHECK_EQ(hits, 0);
        raise(SIGUSR1);
        CHECK_EQ(hits, 1);
        _exit(0);
    }
    CHECK_EXIT(pid, 0);
}

static volatile pid_t handled_by;
static void who(int sig)
{
    handled_by = gettid();
    count(sig);
}

static volatile int stop_spinning;
static volatile pid_t spinner_tid;
static void *spinner(void *arg)
{
    (void) arg;
    spinner_tid = gettid();
    while (!stop_spinning)
        ;
    return NULL;
}

CASE(to_a_spinning_thread)
{
    pthread_t th;
    on(SIGUSR1, who, 0);
    CHECK_EQ(pthread_create(&th, NULL, spinner, NULL), 0);
    while (!spinner_tid)
        sched_yield();
    for (int i = 1; i <= 20; i++) {
        CHECK_EQ(pthread_kill(th, SIGUSR1), 0);
        for (int k = 0; k < 5000 && hits < i; k++)
            sleep_ms(1);
        CHECK_EQ(hits, i);
        CHECK_EQ(handled_by, spinner_tid);
    }
    stop_spinning = 1;
    CHECK_EQ(pthread_join(th, NULL), 0);
}

CASE(to_the_process_finds_an_open_thread)
{
    pthread_t th;
    on(SIGUSR1, who, 0);
    CHECK_EQ(pthread_create(&th, NULL, spinner, NULL), 0);
    while (!spinner_tid)
        sched_yield();
    mask(SIG_BLOCK, SIGUSR1, 0);
    CHECK_EQ(kill(getpid(), SIGUSR1), 0);
    for (int k = 0; k < 5000 && !hits; k++)
        sleep_ms(1);
    CHECK_EQ(hits, 1);
    CHECK_EQ(handled_by, spinner_tid);
    stop_spinning = 1;
    CHECK_EQ(pthread_join(th, NULL), 0);
}

CASE(to_a_spinning_process)
{
    pid_t pid = (pid_t) CHECK_OK(fork());
    if (pid == 0)
        for (;;)
            __asm__ volatile("");
    sleep_ms(20);
    kill(pid, SIGTERM);
    CHECK_KILLED(pid, SIGTERM);
}

CASE(handlers_nest)
{
    struct sigaction sa = {.sa_handler = raise_other};
    on(SIGUSR2, count, 0);
    CHECK_EQ(sigaction(SIGUSR1, &sa, NULL), 0);
    for (int i = 0; i < 100; i++) {
        raise(SIGUSR1);
        CHECK_EQ(order[0], 1);
    }
}

CASE(stop_of_all_threads)
{
    int st, p[2];
    CHECK_EQ(pipe2(p, O_NONBLOCK), 0);
    pid_t pid = (pid_t) CHECK_OK(fork());
    if (pid == 0) {
        pthread_t th;
        pthread_create(&th, NULL, spinner, NULL);
        for (;;) {
            if (write(p[1], "x", 1) < 0 && errno != EAGAIN)
                _exit(1);
            sleep_ms(1);
        }
    }
    sleep_ms(30);
    kill(pid, SIGTSTP);
    CHECK_EQ(waitpid(pid, &st, WUNTRACED), pid);
    CHECK(WIFSTOPPED(st) && WSTOPSIG(st) == SIGTSTP);
    char buf[4096];
    while (read(p[0], buf, sizeof(buf)) > 0)
        ;
    sleep_ms(30);
    CHECK_ERR(read(p[0], buf, 1), EAGAIN);
    kill(pid, SIGCONT);
    for (int i = 0; i < 5000 && read(p[0], buf, 1) != 1; i++)
        sleep_ms(1);
    kill(pid, SIGKILL);
    CHECK_KILLED(pid, SIGKILL);
}

GUEST_MAIN
