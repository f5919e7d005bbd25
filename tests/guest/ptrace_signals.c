/* SPDX-License-Identifier: Apache-2.0 */
/* Steps and signals of a tracee, and the calls that a stop interrupts: ptrace(2). */
#include "ptrace.h"

/* ---- steps ---- */

static int steps(void)
{
    __asm__ volatile("int3; nop; nop; nop" ::: "memory");
    return 7;
}

CASE(single_step)
{
    pid_t pid = traced_child(steps);
    siginfo_t si;
    let_go(pid, PTRACE_CONT, 0);
    CHECK_EQ(next_stop(pid), SIGTRAP);
    unsigned long long at = regs_of(pid).rip;
    for (int i = 1; i <= 3; i++) {
        let_go(pid, PTRACE_SINGLESTEP, 0);
        CHECK_EQ(next_stop(pid), SIGTRAP);
        CHECK_EQ(regs_of(pid).rip, at + (unsigned) i);
        CHECK_EQ(regs_of(pid).eflags & 0x100, 0);
        CHECK_EQ(request(PTRACE_GETSIGINFO, pid, 0, (unsigned long) &si), 0);
        CHECK_EQ(si.si_code, TRAP_TRACE);
    }
    let_go(pid, PTRACE_CONT, 0);
    CHECK_EXIT(pid, 7);
}

static int step_call(void)
{
    long r;
    __asm__ volatile("mov $110, %%eax; int3; syscall; nop" : "=a"(r) : : "rcx", "r11", "memory");
    return r > 0 ? 0 : 1;
}

CASE(single_step_over_call)
{
    pid_t pid = traced_child(step_call);
    siginfo_t si;
    let_go(pid, PTRACE_CONT, 0);
    CHECK_EQ(next_stop(pid), SIGTRAP);
    unsigned long long at = regs_of(pid).rip;
    let_go(pid, PTRACE_SINGLESTEP, 0);
    CHECK_EQ(next_stop(pid), SIGTRAP);
    CHECK_EQ(regs_of(pid).rip, at + 2);
    CHECK_EQ(regs_of(pid).rax, (unsigned long long) getpid());
    CHECK_EQ(request(PTRACE_GETSIGINFO, pid, 0, (unsigned long) &si), 0);
    CHECK_EQ(si.si_signo, SIGTRAP);
    let_go(pid, PTRACE_SINGLESTEP, 0);
    CHECK_EQ(next_stop(pid), SIGTRAP);
    CHECK_EQ(regs_of(pid).rip, at + 3);
    let_go(pid, PTRACE_CONT, 0);
    CHECK_EXIT(pid, 0);
}

static volatile int handled;

static void handler(int sig)
{
    (void) sig;
    handled = 1;
}

static int with_handler(void)
{
    signal(SIGUSR1, handler);
    raise(SIGUSR1);
    return handled ? 0 : 1;
}

CASE(single_step_into_handler)
{
    pid_t pid = traced_child(with_handler);
    let_go(pid, PTRACE_CONT, 0);
    CHECK_EQ(next_stop(pid), SIGUSR1);
    let_go(pid, PTRACE_SINGLESTEP, SIGUSR1);
    CHECK_EQ(next_stop(pid), SIGTRAP);
    CHECK_EQ(regs_of(pid).rip, (unsigned long) handler);
    CHECK_EQ(regs_of(pid).rdi, SIGUSR1);
    let_go(pid, PTRACE_CONT, 0);
    CHECK_EXIT(pid, 0);
}

CASE(sigreturn_stops)
{
    pid_t pid = traced_child(with_handler);
    CHECK_EQ(request(PTRACE_SETOPTIONS, pid, 0, PTRACE_O_TRACESYSGOOD), 0);
    let_go(pid, PTRACE_CONT, 0);
    CHECK_EQ(next_stop(pid), SIGUSR1);
    struct user_regs_struct before = regs_of(pid), r;
    let_go(pid, PTRACE_SYSCALL, SIGUSR1);
    CHECK_EQ(next_stop(pid), SIGTRAP | 0x80);
    CHECK_EQ(regs_of(pid).orig_rax, SYS_rt_sigreturn);
    let_go(pid, PTRACE_SYSCALL, 0);
    CHECK_EQ(next_stop(pid), SIGTRAP | 0x80);
    r = regs_of(pid);
    CHECK_EQ(r.rip, before.rip);
    CHECK_EQ(r.rsp, before.rsp);
    CHECK_EQ(r.rax, before.rax);
    let_go(pid, PTRACE_CONT, 0);
    CHECK_EXIT(pid, 0);
}

CASE(jump_elsewhere)
{
    pid_t pid = traced_child(steps);
    let_go(pid, PTRACE_CONT, 0);
    CHECK_EQ(next_stop(pid), SIGTRAP);
    struct user_regs_struct r = regs_of(pid);
    r.rip = (unsigned long) give_7;
    r.rsp = ((r.rsp - 512) & ~15ul) - 8;
    CHECK_EQ(request(PTRACE_POKEDATA, pid, r.rsp, 0), 0); /* give_7 returns to 0 */
    CHECK_EQ(request(PTRACE_SETREGS, pid, 0, (unsigned long) &r), 0);
    let_go(pid, PTRACE_CONT, 0);
    CHECK_EQ(next_stop(pid), SIGSEGV);
    CHECK_EQ(regs_of(pid).rip, 0);
    CHECK_EQ(regs_of(pid).rax, 7);
    end_child(pid);
}

/* ---- signals ---- */

CASE(suppress_signal)
{
    pid_t pid = traced_child(with_handler);
    let_go(pid, PTRACE_CONT, 0);
    CHECK_EQ(next_stop(pid), SIGUSR1);
    let_go(pid, PTRACE_CONT, 0);
    CHECK_EXIT(pid, 1);
}

CASE(replace_signal)
{
    pid_t pid = traced_child(with_handler);
    let_go(pid, PTRACE_CONT, 0);
    CHECK_EQ(next_stop(pid), SIGUSR1);
    let_go(pid, PTRACE_CONT, SIGTERM);
    CHECK_KILLED(pid, SIGTERM);
}

static int ignores(void)
{
    signal(SIGUSR2, SIG_IGN);
    raise(SIGUSR2);
    return 7;
}

CASE(ignored_signal_is_seen)
{
    pid_t pid = traced_child(ignores);
    let_go(pid, PTRACE_CONT, 0);
    CHECK_EQ(next_stop(pid), SIGUSR2);
    let_go(pid, PTRACE_CONT, SIGUSR2);
    CHECK_EXIT(pid, 7);
}

static volatile int got_value;

static void value_handler(int sig, siginfo_t *si, void *uc)
{
    (void) sig;
    (void) uc;
    got_value = si->si_value.sival_int;
}

static int queues(void)
{
    struct sigaction sa = {.sa_sigaction = value_handler, .sa_flags = SA_SIGINFO};
    sigaction(SIGUSR1, &sa, NULL);
    sigqueue(getpid(), SIGUSR1, (union sigval){.sival_int = 3});
    return got_value;
}

CASE(change_siginfo)
{
    pid_t pid = traced_child(queues);
    siginfo_t si;
    let_go(pid, PTRACE_CONT, 0);
    CHECK_EQ(next_stop(pid), SIGUSR1);
    CHECK_EQ(request(PTRACE_GETSIGINFO, pid, 0, (unsigned long) &si), 0);
    CHECK_EQ(si.si_code, SI_QUEUE);
    CHECK_EQ(si.si_pid, pid);
    CHECK_EQ(si.si_value.sival_int, 3);
    si.si_value.sival_int = 12;
    CHECK_EQ(request(PTRACE_SETSIGINFO, pid, 0, (unsigned long) &si), 0);
    let_go(pid, PTRACE_CONT, SIGUSR1);
    CHECK_EXIT(pid, 12);
}

CASE(fault_is_seen)
{
    pid_t pid = traced_child(steps);
    siginfo_t si;
    CHECK_EQ(request(PTRACE_POKEUSER, pid, offsetof(struct user, regs.rip), 0x1000), 0);
    let_go(pid, PTRACE_CONT, 0);
    CHECK_EQ(next_stop(pid), SIGSEGV);
    CHECK_EQ(request(PTRACE_GETSIGINFO, pid, 0, (unsigned long) &si), 0);
    CHECK_EQ(si.si_code, SEGV_MAPERR);
    CHECK_EQ((unsigned long) si.si_addr, 0x1000);
    let_go(pid, PTRACE_CONT, SIGSEGV);
    int status;
    CHECK_EQ(waitpid(pid, &status, 0), pid);
    CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV);
}

CASE(sigmask)
{
    pid_t pid = traced_child(with_handler);
    uint64_t mask = 1;
    CHECK_EQ(request(PTRACE_GETSIGMASK, pid, 8, (unsigned long) &mask), 0);
    CHECK_EQ(mask, 0);
    CHECK_ERR(request(PTRACE_GETSIGMASK, pid, 4, (unsigned long) &mask), EINVAL);
    mask = 1ull << (SIGUSR1 - 1) | 1ull << (SIGKILL - 1);
    CHECK_EQ(request(PTRACE_SETSIGMASK, pid, 8, (unsigned long) &mask), 0);
    mask = 0;
    CHECK_EQ(request(PTRACE_GETSIGMASK, pid, 8, (unsigned long) &mask), 0);
    CHECK_EQ(mask, 1ull << (SIGUSR1 - 1));
    let_go(pid, PTRACE_CONT, 0);
    CHECK_EXIT(pid, 1);
}

static int blocks(void)
{
    sigset_t s;
    sigemptyset(&s);
    sigaddset(&s, SIGRTMIN + 1);
    sigprocmask(SIG_BLOCK, &s, NULL);
    for (int i = 0; i < 3; i++)
        sigqueue(getpid(), SIGRTMIN + 1, (union sigval){.sival_int = 40 + i});
    raise(SIGSTOP);
    return 7;
}

CASE(peek_siginfo)
{
    pid_t pid = traced_child(blocks);
    struct __ptrace_peeksiginfo_args a = {.off = 1, .flags = PTRACE_PEEKSIGINFO_SHARED, .nr = 10};
    siginfo_t si[10];
    let_go(pid, PTRACE_CONT, 0);
    CHECK_EQ(next_stop(pid), SIGSTOP);
    CHECK_EQ(request(PTRACE_PEEKSIGINFO, pid, (unsigned long) &a, (unsigned long) si), 2);
    CHECK_EQ(si[0].si_value.sival_int, 41);
    CHECK_EQ(si[1].si_value.sival_int, 42);
    a.flags = 0;
    CHECK_EQ(request(PTRACE_PEEKSIGINFO, pid, (unsigned long) &a, (unsigned long) si), 0);
    a.nr = -1;
    CHECK_ERR(request(PTRACE_PEEKSIGINFO, pid, (unsigned long) &a, (unsigned long) si), EINVAL);
    a.nr = 1;
    a.flags = 8;
    CHECK_ERR(request(PTRACE_PEEKSIGINFO, pid, (unsigned long) &a, (unsigned long) si), EINVAL);
    let_go(pid, PTRACE_CONT, 0);
    CHECK_EXIT(pid, 7);
}

static int sleeps(void)
{
    struct timespec ts = {.tv_nsec = 300000000};
    return nanosleep(&ts, NULL) ? 1 : 0;
}

CASE(interrupted_sleep_goes_on)
{
    pid_t pid = free_child(sleeps);
    CHECK_EQ(request(PTRACE_SEIZE, pid, 0, PTRACE_O_TRACESYSGOOD), 0);
    sleep_ms(50);
    CHECK_EQ(request(PTRACE_INTERRUPT, pid, 0, 0), 0);
    CHECK_EQ(next_stop(pid), TRAP_OF(PTRACE_EVENT_STOP));
    CHECK_EQ((long) regs_of(pid).rax, -516); /* ERESTART_RESTARTBLOCK */
    let_go(pid, PTRACE_SYSCALL, 0);
    CHECK_EQ(next_stop(pid), SIGTRAP | 0x80);
    CHECK_EQ(regs_of(pid).orig_rax, SYS_restart_syscall);
    let_go(pid, PTRACE_CONT, 0);
    CHECK_EXIT(pid, 0);
}

static int reads_for_ever(void)
{
    int fds[2];
    char c;
    return pipe(fds) || read(fds[0], &c, 1) < 0;
}

CASE(interrupted_read_restarts)
{
    pid_t pid = free_child(reads_for_ever);
    CHECK_EQ(request(PTRACE_SEIZE, pid, 0, PTRACE_O_TRACESYSGOOD), 0);
    sleep_ms(50);
    CHECK_EQ(request(PTRACE_INTERRUPT, pid, 0, 0), 0);
    CHECK_EQ(next_stop(pid), TRAP_OF(PTRACE_EVENT_STOP));
    struct user_regs_struct r = regs_of(pid);
    CHECK_EQ(r.orig_rax, SYS_read);
    CHECK_EQ((long) r.rax, -512); /* ERESTARTSYS */
    let_go(pid, PTRACE_SYSCALL, 0);
    CHECK_EQ(next_stop(pid), SIGTRAP | 0x80);
    CHECK_EQ(regs_of(pid).orig_rax, SYS_read);
    CHECK_EQ(regs_of(pid).rip, r.rip);
    end_child(pid);
}

static int futex_for_ever(void)
{
    static int word;
    return (int) syscall(SYS_futex, &word, 128, 0, NULL, NULL, 0);
}

CASE(interrupted_futex_restarts)
{
    pid_t pid = free_child(futex_for_ever);
    CHECK_EQ(request(PTRACE_SEIZE, pid, 0, PTRACE_O_TRACESYSGOOD), 0);
    sleep_ms(50);
    for (int i = 0; i < 3; i++) {
        CHECK_EQ(request(PTRACE_INTERRUPT, pid, 0, 0), 0);
        CHECK_EQ(next_stop(pid), TRAP_OF(PTRACE_EVENT_STOP));
        let_go(pid, PTRACE_SYSCALL, 0);
        CHECK_EQ(next_stop(pid), SIGTRAP | 0x80);
        CHECK_EQ(regs_of(pid).orig_rax, SYS_futex);
        let_go(pid, PTRACE_CONT, 0);
    }
    end_child(pid);
}

static int times_out(void)
{
    static int word;
    struct timespec ts = {.tv_nsec = 200000000};
    return syscall(SYS_futex, &word, 128, 0, &ts, NULL, 0) == -1 && errno == ETIMEDOUT ? 0 : 1;
}

CASE(interrupted_timed_futex)
{
    pid_t pid = free_child(times_out);
    sleep_ms(50);
    CHECK_EQ(request(PTRACE_ATTACH, pid, 0, 0), 0);
    CHECK_EQ(next_stop(pid), SIGSTOP);
    let_go(pid, PTRACE_CONT, 0);
    CHECK_EXIT(pid, 0);
}

CASE(step_out_of_timed_futex)
{
    pid_t pid = free_child(times_out);
    sleep_ms(50);
    CHECK_EQ(request(PTRACE_ATTACH, pid, 0, 0), 0);
    CHECK_EQ(next_stop(pid), SIGSTOP);
    unsigned long long at = regs_of(pid).rip;
    let_go(pid, PTRACE_SINGLESTEP, 0);
    CHECK_EQ(next_stop(pid), SIGTRAP);
    CHECK_EQ(regs_of(pid).rip, at);
    let_go(pid, PTRACE_SINGLESTEP, 0);
    CHECK_EQ(next_stop(pid), SIGTRAP);
    CHECK(regs_of(pid).rip > at && regs_of(pid).rip < at + 16);
    let_go(pid, PTRACE_CONT, 0);
    CHECK_EXIT(pid, 0);
}

GUEST_MAIN
