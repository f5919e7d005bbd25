/* SPDX-License-Identifier: Apache-2.0 */
/* Seccomp filters of a program's own: seccomp(2), prctl(2), the kernel's seccomp_filter.rst. */
#include "guest.h"

#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/futex.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/time.h>
#include <ucontext.h>

#ifndef SECCOMP_FILTER_FLAG_TSYNC_ESRCH
#define SECCOMP_FILTER_FLAG_TSYNC_ESRCH 16
#endif

#define DATA(field)   ((uint32_t) offsetof(struct seccomp_data, field))
#define LOAD(field)   BPF_STMT(BPF_LD | BPF_W | BPF_ABS, DATA(field))
#define RET(action)   BPF_STMT(BPF_RET | BPF_K, (action))
#define IF_NR(n, yes) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (n), 0, 1), RET(yes)
#define N_ELEMS(a)    (sizeof(a) / sizeof((a)[0]))
#define INSTALL(code) install(code, N_ELEMS(code), 0)

static long seccomp(unsigned op, unsigned flags, const void *args)
{
    return syscall(SYS_seccomp, op, flags, args);
}

static long load(const struct sock_filter *code, size_t n, unsigned flags)
{
    struct sock_fprog prog = {(unsigned short) n, (struct sock_filter *) code};
    return seccomp(SECCOMP_SET_MODE_FILTER, flags, &prog);
}

static void no_new_privs(void)
{
    CHECK_EQ(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
}

static void install(const struct sock_filter *code, size_t n, unsigned flags)
{
    no_new_privs();
    CHECK_EQ(load(code, n, flags), 0);
}

/* One call answered so, all others allowed. */
static void answer(long nr, uint32_t action)
{
    struct sock_filter code[] = {LOAD(nr), IF_NR((uint32_t) nr, action), RET(SECCOMP_RET_ALLOW)};
    INSTALL(code);
}

/* Runs fn in a child; its wait status. */
static int in_child(void (*fn)(void))
{
    int st;
    pid_t pid = fork();
    CHECK(pid >= 0);
    if (pid == 0) {
        fn();
        _exit(0);
    }
    CHECK_EQ(waitpid(pid, &st, 0), pid);
    return st;
}

static void drop_to_nobody(void)
{
    if (geteuid() == 0)
        CHECK_EQ(setresuid(65534, 65534, 65534), 0);
}

/* ---- what is accepted ---- */

CASE(wrong_arguments)
{
    struct sock_filter allow[] = {RET(SECCOMP_RET_ALLOW)};
    struct sock_fprog prog = {1, allow};
    uint32_t word = 0;
    CHECK_ERR(seccomp(99, 0, NULL), EINVAL);
    CHECK_ERR(seccomp(SECCOMP_SET_MODE_STRICT, 1, NULL), EINVAL);
    CHECK_ERR(seccomp(SECCOMP_SET_MODE_STRICT, 0, &word), EINVAL);
    no_new_privs();
    CHECK_ERR(seccomp(SECCOMP_SET_MODE_FILTER, 0x8000, &prog), EINVAL);
    CHECK_ERR(seccomp(SECCOMP_SET_MODE_FILTER, 0, NULL), EFAULT);
    CHECK_ERR(seccomp(SECCOMP_SET_MODE_FILTER, 0, (void *) 8), EFAULT);
    prog.len = 0;
    CHECK_ERR(seccomp(SECCOMP_SET_MODE_FILTER, 0, &prog), EINVAL);
    prog.len = 4097;
    CHECK_ERR(seccomp(SECCOMP_SET_MODE_FILTER, 0, &prog), EINVAL);
    prog.len = 1, prog.filter = (void *) 8;
    CHECK_ERR(seccomp(SECCOMP_SET_MODE_FILTER, 0, &prog), EFAULT);
    CHECK_ERR(prctl(PR_SET_SECCOMP, 0, 0, 0, 0), EINVAL);
    CHECK_ERR(prctl(PR_SET_SECCOMP, 7, 0, 0, 0), EINVAL);
    CHECK_ERR(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, NULL, 0, 0), EFAULT);
    CHECK_EQ(prctl(PR_GET_SECCOMP, 0, 0, 0, 0), 0);
}

CASE(action_avail)
{
    static const uint32_t there[] = {SECCOMP_RET_KILL_PROCESS, SECCOMP_RET_KILL_THREAD,
                                     SECCOMP_RET_TRAP,         SECCOMP_RET_ERRNO,
                                     SECCOMP_RET_TRACE,        SECCOMP_RET_LOG,
                                     SECCOMP_RET_ALLOW};
    uint32_t odd = SECCOMP_RET_ERRNO | 1;
    for (size_t i = 0; i < N_ELEMS(there); i++)
        CHECK_EQ(seccomp(SECCOMP_GET_ACTION_AVAIL, 0, &there[i]), 0);
    CHECK_ERR(seccomp(SECCOMP_GET_ACTION_AVAIL, 0, &odd), EOPNOTSUPP);
    CHECK_ERR(seccomp(SECCOMP_GET_ACTION_AVAIL, 1, &odd), EINVAL);
    CHECK_ERR(seccomp(SECCOMP_GET_ACTION_AVAIL, 0, (void *) 8), EFAULT);
}

/* Without privilege a filter needs no_new_privs, or a set-uid program could be led astray. */
CASE(privilege)
{
    struct sock_filter allow[] = {RET(SECCOMP_RET_ALLOW)};
    drop_to_nobody();
    CHECK_ERR(load(allow, 1, 0), EACCES);
    CHECK_ERR(load(allow, 0, 0), EINVAL); /* looked at first */
    no_new_privs();
    CHECK_EQ(load(allow, 1, 0), 0);
    CHECK_EQ(prctl(PR_GET_SECCOMP, 0, 0, 0, 0), 2);
    struct sock_fprog prog = {1, allow};
    CHECK_EQ(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &prog, 0, 0), 0);
    CHECK_ERR(prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT, 0, 0, 0), EINVAL);
    CHECK_ERR(seccomp(SECCOMP_SET_MODE_STRICT, 0, NULL), EINVAL);
}

struct program {
    const char *what;
    bool good;
    size_t n;
    struct sock_filter code[6];
};

#define END RET(SECCOMP_RET_ALLOW)

CASE(programs_checked)
{
    static const struct program table[] = {
        {"a return", true, 1, {END}},
        {"a return of the accumulator",
         true,
         2,
         {BPF_STMT(BPF_LD | BPF_IMM, SECCOMP_RET_ALLOW), BPF_STMT(BPF_RET | BPF_A, 0)}},
        {"no return", false, 1, {LOAD(nr)}},
        {"no return at the end", false, 2, {END, LOAD(nr)}},
        {"a return of the index", false, 1, {BPF_STMT(BPF_RET | BPF_X, 0)}},
        {"the last word", true, 2, {BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 60), END}},
        {"behind the last word", false, 2, {BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 64), END}},
        {"an odd word", false, 2, {BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 2), END}},
        {"a negative word", false, 2, {BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 0xfffffffc), END}},
        {"a half word", false, 2, {BPF_STMT(BPF_LD | BPF_H | BPF_ABS, 0), END}},
        {"a byte", false, 2, {BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 0), END}},
        {"an indirect word", false, 2, {BPF_STMT(BPF_LD | BPF_W | BPF_IND, 0), END}},
        {"the packet's header length", false, 2, {BPF_STMT(BPF_LDX | BPF_B | BPF_MSH, 0), END}},
        {"the length", true, 2, {BPF_STMT(BPF_LD | BPF_W | BPF_LEN, 0), END}},
        {"the length to x", true, 2, {BPF_STMT(BPF_LDX | BPF_W | BPF_LEN, 0), END}},
        {"modulo", false, 2, {BPF_STMT(BPF_ALU | BPF_MOD | BPF_K, 2), END}},
        {"division by zero", false, 2, {BPF_STMT(BPF_ALU | BPF_DIV | BPF_K, 0), END}},
        {"division by x",
         true,
         3,
         {BPF_STMT(BPF_LDX | BPF_IMM, 1), BPF_STMT(BPF_ALU | BPF_DIV | BPF_X, 0), END}},
        {"a shift by 31", true, 2, {BPF_STMT(BPF_ALU | BPF_LSH | BPF_K, 31), END}},
        {"a shift by 32", false, 2, {BPF_STMT(BPF_ALU | BPF_RSH | BPF_K, 32), END}},
        {"negation", true, 2, {BPF_STMT(BPF_ALU | BPF_NEG, 0), END}},
        {"tax, txa",
         true,
         3,
         {BPF_STMT(BPF_MISC | BPF_TAX, 0), BPF_STMT(BPF_MISC | BPF_TXA, 0), END}},
        {"an unknown code", false, 2, {BPF_STMT(0xff, 0), END}},
        {"a code of 16 bits", false, 2, {BPF_STMT(0x0120, 0), END}},
        {"scratch written and read",
         true,
         3,
         {BPF_STMT(BPF_ST, 15), BPF_STMT(BPF_LD | BPF_MEM, 15), END}},
        {"scratch read unwritten", false, 2, {BPF_STMT(BPF_LD | BPF_MEM, 0), END}},
        {"scratch word 16", false, 2, {BPF_STMT(BPF_STX, 16), END}},
        {"scratch written on one way alone",
         false,
         5,
         {LOAD(nr), BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 1, 0, 1), BPF_STMT(BPF_ST, 3),
          BPF_STMT(BPF_LDX | BPF_MEM, 3), END}},
        {"a jump to the end", true, 3, {BPF_STMT(BPF_JMP | BPF_JA, 1), END, END}},
        {"a jump behind the end", false, 3, {BPF_STMT(BPF_JMP | BPF_JA, 2), END, END}},
        {"a jump far behind the end", false, 2, {BPF_STMT(BPF_JMP | BPF_JA, 0xffffffff), END}},
        {"a branch behind the end", false, 2, {BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0, 0, 1), END}},
        {"a branch the other way", false, 2, {BPF_JUMP(BPF_JMP | BPF_JGT | BPF_X, 0, 1, 0), END}},
        {"a test of bits", true, 2, {BPF_JUMP(BPF_JMP | BPF_JSET | BPF_X, 0, 0, 0), END}},
    };
    no_new_privs();
    for (size_t i = 0; i < N_ELEMS(table); i++) {
        errno = 0;
        long r = load(table[i].code, table[i].n, 0);
        if (r != (table[i].good ? 0 : -1) || (r < 0 && errno != EINVAL))
            FAIL("%s: %ld errno %d", table[i].what, r, errno);
    }
}

CASE(the_longest)
{
    static struct sock_filter code[4097];
    for (size_t i = 0; i < N_ELEMS(code); i++)
        code[i] = (struct sock_filter) END;
    no_new_privs();
    CHECK_ERR(load(code, 4097, 0), EINVAL);
    CHECK_EQ(load(code, 4096, 0), 0);
    int n = 1;
    while (n < 100 && load(code, 4096, 0) == 0)
        n++;
    CHECK_EQ(errno, ENOMEM);
    CHECK(n >= 3 && n <= 8);
    CHECK_EQ(load(code, 1, 0), 0); /* the limit is of all together */
}

/* ---- what the actions do ---- */

CASE(errno_action)
{
    answer(SYS_getppid, SECCOMP_RET_ERRNO | 99);
    CHECK_ERR(syscall(SYS_getppid), 99);
    answer(SYS_getpgid, SECCOMP_RET_ERRNO | 0);
    CHECK_EQ(syscall(SYS_getpgid, 123456), 0);
    answer(SYS_getsid, SECCOMP_RET_ERRNO | 0xffff);
    CHECK_ERR(syscall(SYS_getsid, 0), 4095);
    CHECK(getpid() > 0);
}

/* Calls that Cloister answers without its kernel are seen all the same. */
CASE(errno_for_every_kind_of_call)
{
    static const long nrs[] = {
        SYS_mmap,
        SYS_munmap,
        SYS_mprotect,
        SYS_mremap,
        SYS_madvise,
        SYS_mincore,
        SYS_msync,
        SYS_mlock,
        SYS_munlock,
        SYS_mlock2,
        SYS_membarrier,
        SYS_sched_yield,
        SYS_futex,
        SYS_brk,
        SYS_arch_prctl,
        SYS_clock_gettime,
        SYS_getpid,
        SYS_gettid,
        SYS_getuid,
        SYS_geteuid,
        SYS_getgid,
        SYS_getegid,
        SYS_read,
        SYS_clone,
        SYS_clone3,
        SYS_vfork,
        SYS_execve,
        SYS_kill,
        SYS_seccomp,
        SYS_rt_sigaction,
        184,
        185,
        317,
        450,
        1000,
        0x7fffffff,
    };
    for (size_t i = 0; i < N_ELEMS(nrs); i++) {
        pid_t pid = fork();
        CHECK(pid >= 0);
        if (pid == 0) {
            answer(nrs[i], SECCOMP_RET_ERRNO | 77);
            errno = 0;
            long r = syscall(nrs[i], 2, 0, 0, 0, 0, 0);
            if (r != -1 || errno != 77)
                FAIL("call %ld gave %ld errno %d", nrs[i], r, errno);
            _exit(0);
        }
        CHECK_EXIT(pid, 0);
    }
}

static void do_getppid(void)
{
    syscall(SYS_getppid);
}

static void killed_process(void)
{
    answer(SYS_getppid, SECCOMP_RET_KILL_PROCESS);
    do_getppid();
}

static void killed_thread(void)
{
    answer(SYS_getppid, SECCOMP_RET_KILL_THREAD);
    do_getppid();
}

static void unknown_action(void)
{
    answer(SYS_getppid, 0x00010000);
    do_getppid();
}

CASE(kill_actions)
{
    CHECK_EQ(in_child(killed_process) & ~0x80, SIGSYS);
    CHECK_EQ(in_child(killed_thread) & ~0x80, SIGSYS);
    CHECK_EQ(in_child(unknown_action) & ~0x80, SIGSYS);
}

static void *call_getppid(void *arg)
{
    do_getppid();
    return arg;
}

static void kill_one_thread(void)
{
    pthread_t th;
    answer(SYS_getppid, SECCOMP_RET_KILL_THREAD);
    CHECK_EQ(pthread_create(&th, NULL, call_getppid, NULL), 0);
    void *r = (void *) 1;
    /* The kernel clears the word that pthread_join waits for. */
    CHECK_EQ(pthread_join(th, &r), 0);
    _exit(9);
}

static void kill_process_by_thread(void)
{
    pthread_t th;
    answer(SYS_getppid, SECCOMP_RET_KILL_PROCESS);
    CHECK_EQ(pthread_create(&th, NULL, call_getppid, NULL), 0);
    pthread_join(th, NULL);
    _exit(9);
}

CASE(kill_in_threads)
{
    CHECK_EQ(in_child(kill_one_thread), 9 << 8);
    CHECK_EQ(in_child(kill_process_by_thread) & ~0x80, SIGSYS);
}

static volatile siginfo_t got_info;
static volatile uint64_t got_rax, got_rip, got_rdi;
static volatile int got_n;

static void on_sigsys(int signo, siginfo_t *info, void *context)
{
    ucontext_t *uc = context;
    (void) signo;
    got_n++;
    got_info = *info;
    got_rax = (uint64_t) uc->uc_mcontext.gregs[REG_RAX];
    got_rip = (uint64_t) uc->uc_mcontext.gregs[REG_RIP];
    got_rdi = (uint64_t) uc->uc_mcontext.gregs[REG_RDI];
    uc->uc_mcontext.gregs[REG_RAX] = 1234;
}

static void catch_sigsys(void)
{
    struct sigaction sa = {.sa_sigaction = on_sigsys, .sa_flags = SA_SIGINFO};
    CHECK_EQ(sigaction(SIGSYS, &sa, NULL), 0);
}

static NOINLINE long call_at(long nr, long arg, uint64_t *ret_after)
{
    long r = nr;
    uint64_t after;
    __asm__ volatile("lea 1f(%%rip), %1\n\tsyscall\n1:"
                     : "+a"(r), "=&r"(after)
                     : "D"(arg)
                     : "rcx", "r11", "memory");
    *ret_after = after;
    return r;
}

CASE(trap_action)
{
    static const long nrs[] = {SYS_getppid, SYS_getpid, SYS_sched_yield, SYS_munmap, 999};
    catch_sigsys();
    for (size_t i = 0; i < N_ELEMS(nrs); i++) {
        uint64_t after;
        got_n = 0;
        answer(nrs[i], SECCOMP_RET_TRAP | (0x55 + (uint32_t) i));
        CHECK_EQ(call_at(nrs[i], 42, &after), 1234); /* what the handler left in rax */
        CHECK_EQ(got_n, 1);
        CHECK_EQ(got_info.si_signo, SIGSYS);
        CHECK_EQ(got_info.si_code, 1); /* SYS_SECCOMP */
        CHECK_EQ(got_info.si_errno, 0x55 + i);
        CHECK_EQ(got_info.si_syscall, nrs[i]);
        CHECK_EQ(got_info.si_arch, AUDIT_ARCH_X86_64);
        CHECK_EQ((uint64_t) got_info.si_call_addr, after);
        CHECK_EQ(got_rip, after);
        CHECK_EQ(got_rax, nrs[i]);
        CHECK_EQ(got_rdi, 42);
    }
}

static void trap_while_blocked(void)
{
    sigset_t s;
    catch_sigsys();
    sigemptyset(&s);
    sigaddset(&s, SIGSYS);
    sigprocmask(SIG_BLOCK, &s, NULL);
    answer(SYS_getppid, SECCOMP_RET_TRAP);
    do_getppid();
}

static void trap_while_ignored(void)
{
    signal(SIGSYS, SIG_IGN);
    answer(SYS_getppid, SECCOMP_RET_TRAP);
    do_getppid();
}

CASE(trap_cannot_be_blocked)
{
    CHECK_EQ(in_child(trap_while_blocked) & ~0x80, SIGSYS);
    CHECK_EQ(in_child(trap_while_ignored) & ~0x80, SIGSYS);
}

CASE(trace_and_log_actions)
{
    answer(SYS_getppid, SECCOMP_RET_TRACE | 5);
    CHECK_ERR(syscall(SYS_getppid), ENOSYS); /* nobody traces */
    answer(SYS_getpgrp, SECCOMP_RET_LOG);
    CHECK(syscall(SYS_getpgrp) > 0);
    answer(SYS_getuid, 0x7fc00000); /* USER_NOTIF: nobody listens */
    CHECK_ERR(syscall(SYS_getuid), ENOSYS);
}

/* Every filter is asked; the sternest answer counts, and of two alike the newer one's data. */
CASE(several_filters)
{
    answer(SYS_getppid, SECCOMP_RET_ERRNO | 11);
    answer(SYS_getppid, SECCOMP_RET_ALLOW);
    CHECK_ERR(syscall(SYS_getppid), 11);
    answer(SYS_getppid, SECCOMP_RET_ERRNO | 12);
    CHECK_ERR(syscall(SYS_getppid), 12);
    answer(SYS_getppid, SECCOMP_RET_TRACE);
    CHECK_ERR(syscall(SYS_getppid), 12);
    catch_sigsys();
    answer(SYS_getppid, SECCOMP_RET_TRAP | 3);
    uint64_t after;
    CHECK_EQ(call_at(SYS_getppid, 0, &after), 1234);
    CHECK_EQ(got_info.si_errno, 3);
}

/* ---- what programs see and compute ---- */

CASE(arguments)
{
    struct sock_filter code[] = {
        LOAD(nr),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_lseek, 0, 6),
        LOAD(args[0]),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0x12345678, 0, 4),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, DATA(args[1]) + 4),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0x7abcdef0, 0, 2),
        LOAD(args[2]),
        BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, 0xfffffff0, 1, 0),
        END,
        RET(SECCOMP_RET_ERRNO | 66),
    };
    INSTALL(code);
    CHECK_ERR(syscall(SYS_lseek, 0x12345678l, 0x7abcdef000000000l, -1l), 66);
    CHECK_ERR(syscall(SYS_lseek, 0x12345678l, 0x7abcdef100000000l, -1l), EBADF);
    CHECK_ERR(syscall(SYS_lseek, 0x12345678l, 0x7abcdef000000000l, 0l), EBADF);
    CHECK_ERR(syscall(SYS_lseek, 0x12345679l, 0x7abcdef000000000l, -1l), EBADF);
}

CASE(arch_and_instruction_pointer)
{
    uint64_t after = 0;
    call_at(SYS_getppid, 0, &after);
    struct sock_filter code[] = {
        LOAD(arch),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AUDIT_ARCH_X86_64, 1, 0),
        RET(SECCOMP_RET_KILL_PROCESS),
        LOAD(nr),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_getppid, 0, 5),
        LOAD(instruction_pointer),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t) after, 0, 3),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, DATA(instruction_pointer) + 4),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t) (after >> 32), 0, 1),
        RET(SECCOMP_RET_ERRNO | 44),
        END,
    };
    INSTALL(code);
    CHECK_EQ(call_at(SYS_getppid, 0, &after), -44);
    CHECK(syscall(SYS_getppid) > 0); /* from elsewhere */
}

/* All arithmetic: the result must be what ALU code says it is. */
CASE(arithmetic)
{
    struct sock_filter code[] = {
        LOAD(nr),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_lseek, 1, 0),
        END,
        LOAD(args[0]),
        BPF_STMT(BPF_ALU | BPF_ADD | BPF_K, 10),    /* x + 10 */
        BPF_STMT(BPF_MISC | BPF_TAX, 0),            /* X = x + 10 */
        BPF_STMT(BPF_ALU | BPF_MUL | BPF_X, 0),     /* (x+10)^2 */
        BPF_STMT(BPF_ST, 7),                        /* kept */
        BPF_STMT(BPF_ALU | BPF_SUB | BPF_K, 4),     /* -4 */
        BPF_STMT(BPF_ALU | BPF_DIV | BPF_K, 3),     /* /3 */
        BPF_STMT(BPF_ALU | BPF_LSH | BPF_K, 4),     /* <<4 */
        BPF_STMT(BPF_ALU | BPF_OR | BPF_K, 5),      /* |5 */
        BPF_STMT(BPF_ALU | BPF_XOR | BPF_K, 0xff),  /* ^255 */
        BPF_STMT(BPF_ALU | BPF_AND | BPF_K, 0xfff), /* &4095 */
        BPF_STMT(BPF_ALU | BPF_RSH | BPF_K, 1),     /* >>1 */
        BPF_STMT(BPF_MISC | BPF_TAX, 0),
        BPF_STMT(BPF_LD | BPF_MEM, 7),
        BPF_STMT(BPF_ALU | BPF_NEG, 0),
        BPF_STMT(BPF_ALU | BPF_NEG, 0),
        BPF_STMT(BPF_ALU | BPF_SUB | BPF_X, 0),
        BPF_STMT(BPF_ALU | BPF_AND | BPF_K, 0xfff),
        BPF_STMT(BPF_ALU | BPF_OR | BPF_K, SECCOMP_RET_ERRNO),
        BPF_STMT(BPF_RET | BPF_A, 0),
    };
    INSTALL(code);
    for (uint32_t x = 1; x < 40; x++) {
        uint32_t sq = (x + 10) * (x + 10), v = sq;
        v = (v - 4) / 3;
        v = ((((v << 4) | 5) ^ 0xff) & 0xfff) >> 1;
        uint32_t want = (sq - v) & 0xfff;
        long r = syscall(SYS_lseek, x, 0, 0);
        CHECK(want == 0 ? r == 0 : r == -1 && errno == (int) want);
    }
}

static void divide_by_zero(void)
{
    struct sock_filter code[] = {
        LOAD(nr),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_getppid, 1, 0),
        END,
        BPF_STMT(BPF_LDX | BPF_IMM, 0),
        BPF_STMT(BPF_ALU | BPF_DIV | BPF_X, 0),
        END,
    };
    INSTALL(code);
    do_getppid();
}

CASE(division_by_zero_kills)
{
    CHECK_EQ(in_child(divide_by_zero) & ~0x80, SIGSYS);
}

CASE(x32_numbers)
{
    struct sock_filter code[] = {
        LOAD(nr),
        BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, 0x40000000, 0, 1),
        RET(SECCOMP_RET_ERRNO | 32),
        END,
    };
    INSTALL(code);
    CHECK_ERR(syscall(0x40000000 | SYS_getppid), 32);
}

/* ---- life with a filter ---- */

CASE(inherited_by_fork_and_vfork)
{
    answer(SYS_getppid, SECCOMP_RET_ERRNO | 21);
    for (int how = 0; how < 3; how++) {
        pid_t pid = how == 0   ? fork()
                    : how == 1 ? vfork()
                               : (pid_t) syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);
        CHECK(pid >= 0);
        if (pid == 0)
            _exit(syscall(SYS_getppid) == -1 && errno == 21 ? 5 : 6);
        CHECK_EXIT(pid, 5);
    }
}

int guest_mode(const char *mode, int argc, char **argv)
{
    if (strcmp(mode, "after-exec") == 0) {
        /* argv[0]: what getppid must answer, argv[1]: what munmap */
        errno = 0;
        bool one = syscall(SYS_getppid) == -1 && errno == atoi(argv[0]);
        errno = 0;
        bool two = argc < 2 || (syscall(SYS_madvise, 0, 0, 4) == -1 && errno == atoi(argv[1]));
        char text[2048], *at;
        get_file("/proc/self/status", text, sizeof(text));
        at = strstr(text, "\nSeccomp:\t2\n");
        return one && two && at && prctl(PR_GET_SECCOMP) == 2 ? 17 : 18;
    }
    return 99;
}

CASE(survives_exec)
{
    answer(SYS_getppid, SECCOMP_RET_ERRNO | 23);
    answer(SYS_madvise, SECCOMP_RET_ERRNO | 24); /* a native call */
    pid_t pid = fork();
    CHECK(pid >= 0);
    if (pid == 0) {
        execl(guest_self, guest_self, "--mode", "after-exec", "23", "24", NULL);
        _exit(1);
    }
    CHECK_EXIT(pid, 17);
}

CASE(status_lines)
{
    char text[4096];
    get_file("/proc/self/status", text, sizeof(text));
    CHECK(strstr(text, "\nSeccomp:\t0\n"));
    CHECK(strstr(text, "\nNoNewPrivs:\t0\n"));
    answer(SYS_getppid, SECCOMP_RET_ALLOW);
    answer(SYS_getppid, SECCOMP_RET_ALLOW);
    get_file("/proc/self/status", text, sizeof(text));
    CHECK(strstr(text, "\nSeccomp:\t2\n"));
    CHECK(strstr(text, "\nNoNewPrivs:\t1\n"));
    if (strstr(text, "\nSeccomp_filters:"))
        CHECK(strstr(text, "\nSeccomp_filters:\t2\n"));
}

static void strict_reads(void)
{
    int p[2];
    char c = 0;
    CHECK_EQ(pipe(p), 0);
    CHECK_EQ(seccomp(SECCOMP_SET_MODE_STRICT, 0, NULL), 0);
    if (write(p[1], "x", 1) == 1 && read(p[0], &c, 1) == 1 && c == 'x')
        syscall(SYS_exit, 12);
    syscall(SYS_exit, 13);
}

static void strict_kills(void)
{
    CHECK_EQ(prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT, 0, 0, 0), 0);
    syscall(SYS_getpid);
    syscall(SYS_exit, 14);
}

static void strict_kills_native(void)
{
    CHECK_EQ(prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT, 0, 0, 0), 0);
    syscall(SYS_sched_yield);
    syscall(SYS_exit, 14);
}

CASE(strict_mode)
{
    CHECK_EQ(in_child(strict_reads), 12 << 8);
    CHECK_EQ(in_child(strict_kills), SIGKILL);
    CHECK_EQ(in_child(strict_kills_native), SIGKILL);
}

/* ---- threads ---- */

struct helper {
    pthread_t th;
    int go[2], done[2];
    volatile long result;
    volatile int error;
};

static void *helper_main(void *arg)
{
    struct helper *h = arg;
    char c;
    while (read(h->go[0], &c, 1) == 1 && c != 'q') {
        if (c == 'o') { /* one of its own */
            struct sock_filter code[] = {RET(SECCOMP_RET_ALLOW)};
            h->result = load(code, 1, 0);
        } else if (c == 'n') {
            h->result = prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0);
        } else if (c == 'y') { /* runs natively */
            h->result = syscall(SYS_sched_yield);
        } else {
            h->result = syscall(SYS_getppid);
        }
        h->error = errno;
        if (write(h->done[1], &c, 1) != 1)
            break;
    }
    return NULL;
}

static void helper_start(struct helper *h)
{
    CHECK_EQ(pipe(h->go), 0);
    CHECK_EQ(pipe(h->done), 0);
    CHECK_EQ(pthread_create(&h->th, NULL, helper_main, h), 0);
}

static long helper_ask(struct helper *h, char c)
{
    CHECK_EQ(write(h->go[1], &c, 1), 1);
    CHECK_EQ(read(h->done[0], &c, 1), 1);
    return h->result;
}

CASE(a_threads_own_filter)
{
    struct helper h;
    helper_start(&h);
    answer(SYS_getppid, SECCOMP_RET_ERRNO | 31);
    CHECK_ERR(syscall(SYS_getppid), 31);
    CHECK(helper_ask(&h, 'p') > 0); /* the other goes on without */
    CHECK_EQ(helper_ask(&h, 'n'), 0);
    CHECK_EQ(helper_ask(&h, 'y'), 0);
    struct helper late;
    helper_start(&late); /* a new thread has its maker's */
    CHECK_EQ(helper_ask(&late, 'p'), -1);
    CHECK_EQ(late.error, 31);
    CHECK_EQ(helper_ask(&late, 'n'), 1);
}

CASE(tsync)
{
    struct helper h;
    struct sock_filter code[] = {LOAD(nr), IF_NR(SYS_getppid, SECCOMP_RET_ERRNO | 33),
                                 IF_NR(SYS_sched_yield, SECCOMP_RET_ERRNO | 34), END};
    helper_start(&h);
    CHECK(helper_ask(&h, 'p') > 0);
    install(code, N_ELEMS(code), SECCOMP_FILTER_FLAG_TSYNC);
    CHECK_EQ(helper_ask(&h, 'p'), -1);
    CHECK_EQ(h.error, 33);
    CHECK_EQ(helper_ask(&h, 'y'), -1);
    CHECK_EQ(h.error, 34);
    CHECK_EQ(helper_ask(&h, 'n'), 1); /* goes with it */
    struct sock_filter more[] = {LOAD(nr), IF_NR(SYS_getppid, SECCOMP_RET_ERRNO | 35), END};
    install(more, N_ELEMS(more), SECCOMP_FILTER_FLAG_TSYNC);
    CHECK_EQ(helper_ask(&h, 'p'), -1);
    CHECK_EQ(h.error, 35);
}

CASE(tsync_with_a_stranger)
{
    struct helper h;
    struct sock_filter code[] = {END};
    helper_start(&h);
    no_new_privs();
    answer(SYS_getpgrp, SECCOMP_RET_ALLOW);
    struct helper other; /* has ours */
    helper_start(&other);
    CHECK_EQ(helper_ask(&other, 'o'), 0); /* and one more */
    long r = load(code, 1, SECCOMP_FILTER_FLAG_TSYNC);
    CHECK(r > 0 && r != getpid()); /* the number of the thread in the way */
    CHECK_ERR(load(code, 1, SECCOMP_FILTER_FLAG_TSYNC | SECCOMP_FILTER_FLAG_TSYNC_ESRCH), ESRCH);
    CHECK_EQ(load(code, 1, 0), 0);
}

/* A thread that waits natively when its process gets a filter: it waits on, and is seen later. */
static uint32_t gate;

static void *waits_natively(void *arg)
{
    volatile long *ret = arg;
    while (__atomic_load_n(&gate, __ATOMIC_ACQUIRE) == 0)
        syscall(SYS_futex, &gate, FUTEX_WAIT_PRIVATE, 0, NULL, NULL, 0);
    errno = 0;
    *ret = syscall(SYS_getppid);
    if (*ret < 0)
        *ret = -errno;
    return NULL;
}

CASE(tsync_reaches_a_native_wait)
{
    static volatile long ret;
    pthread_t th;
    struct sock_filter code[] = {LOAD(nr), IF_NR(SYS_getppid, SECCOMP_RET_ERRNO | 36), END};
    CHECK_EQ(pthread_create(&th, NULL, waits_natively, (void *) &ret), 0);
    sleep_ms(50);
    install(code, N_ELEMS(code), SECCOMP_FILTER_FLAG_TSYNC);
    __atomic_store_n(&gate, 1, __ATOMIC_RELEASE);
    syscall(SYS_futex, &gate, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
    CHECK_EQ(pthread_join(th, NULL), 0);
    CHECK_EQ(ret, -36);
}

/* ---- calls that the host carries out work on as before ---- */

CASE(memory_with_a_filter)
{
    answer(SYS_getppid, SECCOMP_RET_ERRNO | 1);
    char *m =
        CHECK_MAP(mmap(NULL, 65536, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    memset(m, 7, 65536);
    CHECK_EQ(mprotect(m, 4096, PROT_READ), 0);
    CHECK_EQ(madvise(m + 4096, 4096, MADV_DONTNEED), 0);
    CHECK_EQ(m[4096], 0);
    unsigned char v[16];
    CHECK_EQ(mincore(m, 65536, v), 0);
    CHECK_EQ(msync(m, 65536, MS_ASYNC), 0);
    char *n = CHECK_MAP(mremap(m + 32768, 32768, 65536, MREMAP_MAYMOVE));
    CHECK_EQ(n[100], 7);
    CHECK_EQ(munmap(n, 65536), 0);
    CHECK_EQ(munmap(m, 32768), 0);
    CHECK_ERR(mprotect((void *) 1, 4096, PROT_READ), EINVAL);
    CHECK_ERR(munmap(m, 0), EINVAL);
    CHECK_ERR(madvise(m, 4096, 12345), EINVAL);
    char *top = sbrk(0);
    CHECK(sbrk(100000) == top);
    top[99999] = 1;
    CHECK_EQ(brk(top), 0);
    struct timespec ts;
    CHECK_EQ(syscall(SYS_clock_gettime, CLOCK_THREAD_CPUTIME_ID, &ts), 0);
    CHECK_EQ(syscall(SYS_clock_gettime, CLOCK_MONOTONIC, &ts), 0);
    CHECK_ERR(syscall(SYS_clock_gettime, CLOCK_PROCESS_CPUTIME_ID, (void *) 8), EFAULT);
}

static volatile int alarms;

static void on_alarm(int signo)
{
    (void) signo;
    alarms++;
}

static void alarm_in(int ms, bool restart)
{
    struct sigaction sa = {.sa_handler = on_alarm, .sa_flags = restart ? SA_RESTART : 0};
    struct itimerval soon = {.it_value = {.tv_usec = ms * 1000}};
    CHECK_EQ(sigaction(SIGALRM, &sa, NULL), 0);
    CHECK_EQ(setitimer(ITIMER_REAL, &soon, NULL), 0);
}

static void *wakes_soon(void *arg)
{
    sleep_ms(100);
    __atomic_store_n((uint32_t *) arg, 1, __ATOMIC_RELEASE);
    syscall(SYS_futex, arg, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
    return NULL;
}

CASE(futex_with_a_filter)
{
    static uint32_t word;
    const struct timespec short_time = {0, 60000000}, wrong = {0, -1};
    pthread_t th;
    answer(SYS_getppid, SECCOMP_RET_ERRNO | 1);
    CHECK_ERR(syscall(SYS_futex, &word, FUTEX_WAIT_PRIVATE, 1, NULL), EAGAIN);
    CHECK_ERR(syscall(SYS_futex, &word, FUTEX_WAIT_PRIVATE, 0, &wrong), EINVAL);
    uint64_t from = now_ns();
    CHECK_ERR(syscall(SYS_futex, &word, FUTEX_WAIT_PRIVATE, 0, &short_time), ETIMEDOUT);
    CHECK(now_ns() - from >= 59000000);
    CHECK_EQ(syscall(SYS_futex, &word, FUTEX_WAKE_PRIVATE, 1), 0);

    alarm_in(30, false);
    CHECK_ERR(syscall(SYS_futex, &word, FUTEX_WAIT_PRIVATE, 0, NULL), EINTR);
    CHECK_EQ(alarms, 1);
    alarm_in(30, true);
    CHECK_EQ(pthread_create(&th, NULL, wakes_soon, &word), 0);
    CHECK_EQ(syscall(SYS_futex, &word, FUTEX_WAIT_PRIVATE, 0, NULL), 0);
    CHECK_EQ(alarms, 2);
    CHECK_EQ(pthread_join(th, NULL), 0);
    word = 0;
    alarm_in(30, true); /* a timed one ends with EINTR whatever the handler's flags */
    const struct timespec long_time = {5, 0};
    CHECK_ERR(syscall(SYS_futex, &word, FUTEX_WAIT_PRIVATE, 0, &long_time), EINTR);
    struct timespec at;
    clock_gettime(CLOCK_MONOTONIC, &at);
    at.tv_nsec += 50000000;
    if (at.tv_nsec >= 1000000000)
        at.tv_sec++, at.tv_nsec -= 1000000000;
    CHECK_ERR(syscall(SYS_futex, &word, FUTEX_WAIT_BITSET_PRIVATE, 0, &at, NULL, -1), ETIMEDOUT);
}

/* A stop and continue in the middle: the wait is taken up again, with its deadline. */
CASE(futex_stopped_and_continued)
{
    static uint32_t word;
    pid_t pid = fork();
    CHECK(pid >= 0);
    if (pid == 0) {
        const struct timespec t = {0, 300000000};
        answer(SYS_getppid, SECCOMP_RET_ERRNO | 1);
        uint64_t from = now_ns();
        CHECK_ERR(syscall(SYS_futex, &word, FUTEX_WAIT_PRIVATE, 0, &t), ETIMEDOUT);
        uint64_t took = now_ns() - from;
        _exit(took >= 299000000 && took < 2000000000 ? 3 : 4);
    }
    sleep_ms(50);
    CHECK_EQ(kill(pid, SIGSTOP), 0);
    int st;
    CHECK_EQ(waitpid(pid, &st, WUNTRACED), pid);
    CHECK(WIFSTOPPED(st));
    sleep_ms(50);
    CHECK_EQ(kill(pid, SIGCONT), 0);
    CHECK_EXIT(pid, 3);
}

CASE(threads_with_a_filter)
{
    static uint32_t words[8];
    pthread_t th[8];
    answer(SYS_getppid, SECCOMP_RET_ERRNO | 1);
    for (int i = 0; i < 8; i++)
        CHECK_EQ(pthread_create(&th[i], NULL, wakes_soon, &words[i]), 0);
    for (int i = 0; i < 8; i++) {
        while (__atomic_load_n(&words[i], __ATOMIC_ACQUIRE) == 0)
            syscall(SYS_futex, &words[i], FUTEX_WAIT_PRIVATE, 0, NULL);
        CHECK_EQ(pthread_join(th[i], NULL), 0);
    }
}

/* With a filter a set-uid program runs without its rights. */
CASE(no_new_privs_goes_with_exec)
{
    answer(SYS_getppid, SECCOMP_RET_ALLOW);
    CHECK_EQ(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0), 1);
    pid_t pid = fork();
    CHECK(pid >= 0);
    if (pid == 0)
        _exit(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1 ? 3 : 4);
    CHECK_EXIT(pid, 3);
}

GUEST_MAIN
