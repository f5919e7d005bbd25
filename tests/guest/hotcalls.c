/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Call sites that are used so often that a runtime may be tempted to change them: whatever it does,
 * registers, flags, red zone and code stay what syscall(2) and the x86-64 ABI promise, and signals
 * see the program's own addresses.
 */
#include "guest.h"
#include <asm/prctl.h>
#include <linux/filter.h>
#include <linux/futex.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <spawn.h>
#include <stddef.h>
#include <sys/auxv.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/time.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <ucontext.h>

#define HOT     400
#define NR(nr)  "$" #nr
#define RED     128
#define FLAG_CF 0x1u
#define FLAG_ZF 0x40u
#define FLAG_DF 0x400u
#define FLAG_TF 0x100u
/* CF PF AF ZF SF DF OF */
#define FLAGS 0xcd5u

/* ---- sites of every shape: what stands before and behind the instruction ---- */

extern char site_mov32[], site_mov64[], site_cmp64[], site_cmp32[], site_copy[], site_test[],
    site_bare[], site_both[], site_r8[], site_rex[];
extern char call_mov32[], call_mov64[], call_cmp64[], call_copy[], call_bare[];

__asm__(".text\n"
        ".balign 64\n"
        "site_mov32: mov $110, %eax\n call_mov32: syscall\n ret\n"
        ".balign 64\n"
        "site_mov64: mov $110, %rax\n call_mov64: syscall\n ret\n"
        ".balign 64\n nop\n"
        "site_cmp64: xchg %rax, %rax\n call_cmp64: syscall\n cmp $-4095, %rax\n ret\n"
        ".balign 64\n nop\n nop\n"
        "site_cmp32: xchg %rax, %rax\n syscall\n cmp $-4096, %eax\n ret\n"
        ".balign 64\n nop\n nop\n nop\n"
        "site_copy: xchg %rax, %rax\n call_copy: syscall\n mov %rax, %r12\n ret\n"
        ".balign 64\n"
        "site_test: xchg %rax, %rax\n syscall\n test %rax, %rax\n ret\n"
        ".balign 64\n"
        "site_bare: xchg %rax, %rax\n call_bare: syscall\n nop\n ret\n"
        ".balign 64\n"
        "site_both: mov $110, %eax\n syscall\n cmp $-4095, %rax\n ret\n"
        ".balign 64\n nop\n nop\n nop\n nop\n"
        "site_rex: xchg %rax, %rax\n syscall\n mov %eax, %r12d\n ret\n"
        ".balign 64\n" /* looks like the first one and is not: rax comes from the caller */
        "site_r8: mov $110, %r8d\n syscall\n nop\n ret\n");

struct state {
    uint64_t rax, rbx, rcx, rdx, rsi, rdi, rbp, r8, r9, r10, r11, r12, r13, r14, r15, flags;
    uint8_t red[RED], xmm[16][16];
};

struct state state;
uint64_t run_target, run_sp;

#define XMM(op_a, op_b)                                                                           \
    op_a(0) op_b(0) op_a(1) op_b(1) op_a(2) op_b(2) op_a(3) op_b(3) op_a(4) op_b(4) op_a(5)       \
        op_b(5) op_a(6) op_b(6) op_a(7) op_b(7) op_a(8) op_b(8) op_a(9) op_b(9) op_a(10) op_b(10) \
            op_a(11) op_b(11) op_a(12) op_b(12) op_a(13) op_b(13) op_a(14) op_b(14) op_a(15)      \
                op_b(15)
#define NOTHING(n)
#define LOAD(n)  "movups state+256+16*" #n "(%rip), %xmm" #n "\n"
#define STORE(n) "movups %xmm" #n ", state+256+16*" #n "(%rip)\n"

/* Loads everything from `state`, calls run_target, stores everything there. */
void run_state(void);
__asm__(
    ".globl run_state\n"
    "run_state:\n"
    "push %rbx\n push %rbp\n push %r12\n push %r13\n push %r14\n push %r15\n"
    "sub $264, %rsp\n"
    "mov %rsp, run_sp(%rip)\n"
    "lea state+128(%rip), %rsi\n lea -136(%rsp), %rdi\n mov $16, %ecx\n cld\n rep movsq\n" XMM(
        LOAD,
        NOTHING) "mov state+0(%rip), %rax\n mov state+8(%rip), %rbx\n mov state+16(%rip), %rcx\n"
                 "mov state+24(%rip), %rdx\n mov state+32(%rip), %rsi\n mov state+40(%rip), %rdi\n"
                 "mov state+48(%rip), %rbp\n mov state+56(%rip), %r8\n mov state+64(%rip), %r9\n"
                 "mov state+72(%rip), %r10\n mov state+80(%rip), %r11\n mov state+88(%rip), %r12\n"
                 "mov state+96(%rip), %r13\n mov state+104(%rip), %r14\n mov state+112(%rip), "
                 "%r15\n"
                 "lea state+120(%rip), %rsp\n popfq\n"
                 "mov run_sp(%rip), %rsp\n"
                 "call *run_target(%rip)\n"
                 "mov %rax, state+0(%rip)\n mov %rbx, state+8(%rip)\n mov %rcx, state+16(%rip)\n"
                 "mov %rdx, state+24(%rip)\n mov %rsi, state+32(%rip)\n mov %rdi, state+40(%rip)\n"
                 "mov %rbp, state+48(%rip)\n mov %r8, state+56(%rip)\n mov %r9, state+64(%rip)\n"
                 "mov %r10, state+72(%rip)\n mov %r11, state+80(%rip)\n mov %r12, state+88(%rip)\n"
                 "mov %r13, state+96(%rip)\n mov %r14, state+104(%rip)\n mov %r15, "
                 "state+112(%rip)\n"
                 "lea state+128(%rip), %rsp\n pushfq\n" XMM(
                     STORE, NOTHING) "cld\n mov run_sp(%rip), %rsp\n"
                                     "lea state+128(%rip), %rdi\n lea -136(%rsp), %rsi\n mov $16, "
                                     "%ecx\n rep movsq\n"
                                     "add $264, %rsp\n"
                                     "pop %r15\n pop %r14\n pop %r13\n pop %r12\n pop %rbp\n pop "
                                     "%rbx\n ret\n");

_Static_assert(offsetof(struct state, flags) == 120 && offsetof(struct state, red) == 128 &&
                   offsetof(struct state, xmm) == 256,
               "the assembly's offsets");

static void fill(struct state *s, unsigned seed, uint64_t nr)
{
    uint8_t *p = (uint8_t *) s;
    for (size_t i = 0; i < sizeof(*s); i++)
        p[i] = (uint8_t) (i * 7 + seed * 13 + 1);
    s->rax = nr;
    s->rdi = (uint64_t) -1; /* no descriptor, for those that take one */
    s->flags = 0x202 | (seed & 1 ? FLAG_CF : 0) | (seed & 2 ? FLAG_ZF : 0) |
               (seed & 4 ? FLAG_DF : 0) | (seed & 8 ? 0x890u : 0);
}

/* From what was to what must be; `compares`: the site looks at its result. */
static void check_run(const struct state *was, long result, uint64_t after, bool compares,
                      bool copies)
{
    struct state want = *was;
    want.rax = (uint64_t) result;
    want.rcx = after;
    want.r11 = was->flags;
    want.flags = was->flags;
    if (copies)
        want.r12 = (uint64_t) result;
    if (compares)
        want.flags = state.flags;
    if (after == 0)
        want.rcx = state.rcx;
    CHECK_EQ(state.rax, want.rax);
    CHECK_EQ(state.rcx, want.rcx);
    CHECK_EQ(state.r11 & FLAGS, want.r11 & FLAGS);
    CHECK_EQ(state.flags & FLAGS, want.flags & FLAGS);
    want.r11 = state.r11;
    want.flags = state.flags;
    CHECK_MEM(&state, &want, sizeof(want));
}

static void hot(const char *site, const char *call, uint64_t nr, long result, bool compares,
                bool copies)
{
    struct state was;
    run_target = (uint64_t) site;
    for (unsigned i = 0; i < HOT; i++) {
        fill(&state, i, nr);
        was = state;
        run_state();
        check_run(&was, result, call ? (uint64_t) call + 2 : 0, compares, copies);
        if (compares)
            CHECK_EQ((state.flags & FLAG_CF) != 0, result >= 0);
    }
}

CASE(number_in_eax_before)
{
    hot(site_mov32, call_mov32, 7, getppid(), false, false);
}

CASE(number_in_rax_before)
{
    hot(site_mov64, call_mov64, 7, getppid(), false, false);
}

CASE(compare_behind)
{
    hot(site_cmp64, call_cmp64, SYS_getppid, getppid(), true, false);
    hot(site_cmp64, call_cmp64, SYS_close, -EBADF, true, false);
    hot(site_cmp64, call_cmp64, SYS_fsync, -EBADF, true, false);
}

CASE(short_compare_behind)
{
    hot(site_cmp32, NULL, SYS_getppid, getppid(), true, false);
    hot(site_cmp32, NULL, SYS_close, -EBADF, true, false);
}

CASE(copy_behind)
{
    hot(site_copy, call_copy, SYS_getppid, getppid(), false, true);
    hot(site_copy, call_copy, SYS_fsync, -EBADF, false, true);
}

CASE(short_copy_behind)
{
    hot(site_rex, NULL, SYS_getppid, getppid(), false, true);
}

CASE(test_behind)
{
    struct state was;
    run_target = (uint64_t) site_test;
    for (unsigned i = 0; i < HOT; i++) {
        fill(&state, i, SYS_umask);
        state.rdi = 0;
        was = state;
        run_state();
        check_run(&was, i ? 0 : (long) state.rax, 0, true, false);
        if (i)
            CHECK(state.flags & FLAG_ZF);
    }
}

CASE(nothing_to_replace)
{
    hot(site_bare, call_bare, SYS_getppid, getppid(), false, false);
}

CASE(both_sides)
{
    hot(site_both, NULL, 7, getppid(), true, false);
}

CASE(another_register_before)
{
    struct state was;
    run_target = (uint64_t) site_r8;
    for (unsigned i = 0; i < HOT; i++) {
        fill(&state, i, SYS_getppid);
        was = state;
        was.r8 = 110;
        run_state();
        check_run(&was, getppid(), 0, false, false);
    }
}

CASE(answered_without_waiting)
{
    hot(site_cmp64, call_cmp64, SYS_getpid, getpid(), true, false);
    hot(site_cmp64, call_cmp64, SYS_gettid, syscall(SYS_gettid), true, false);
    hot(site_cmp64, call_cmp64, SYS_getuid, getuid(), true, false);
}

CASE(calls_of_the_host)
{
    /* One site for everything, as syscall(3) is: also calls that no runtime needs to see. */
    uint32_t word = 1;
    for (int i = 0; i < HOT; i++) {
        CHECK_EQ(syscall(SYS_getppid), getppid());
        CHECK_EQ(syscall(SYS_sched_yield), 0);
        CHECK_ERR(syscall(SYS_futex, &word, FUTEX_WAIT_PRIVATE, 0, NULL, NULL, 0), EAGAIN);
        CHECK_EQ(syscall(SYS_futex, &word, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0), 0);
        CHECK_ERR(syscall(SYS_close, -1), EBADF);
    }
}

CASE(no_such_number)
{
    hot(site_cmp64, call_cmp64, 4000, -ENOSYS, true, false);
    hot(site_cmp64, call_cmp64, (uint64_t) -1, -ENOSYS, true, false);
}

/* ---- arriving where nobody falls through to ---- */

CASE(straight_to_the_instruction)
{
    hot(site_mov32, call_mov32, 7, getppid(), false, false);
    hot(call_mov32, call_mov32, SYS_getppid, getppid(), false, false);
    hot(call_mov32, call_mov32, SYS_fsync, -EBADF, false, false);
    hot(call_mov64, call_mov64, SYS_getppid, getppid(), false, false);
}

CASE(behind_the_instruction)
{
    struct state was;
    hot(site_cmp64, call_cmp64, SYS_getppid, getppid(), true, false);
    hot(site_copy, call_copy, SYS_getppid, getppid(), false, true);
    for (unsigned i = 0; i < HOT; i++) {
        fill(&state, i, i & 1 ? (uint64_t) -5 : 5);
        was = state;
        run_target = (uint64_t) call_cmp64 + 2;
        run_state();
        CHECK_EQ(state.rax, was.rax);
        CHECK_EQ(state.rcx, was.rcx);
        CHECK_EQ(state.r11, was.r11);
        CHECK_EQ((state.flags & FLAG_CF) != 0, !(i & 1));
        state = was;
        run_target = (uint64_t) call_copy + 2;
        run_state();
        was.r12 = was.rax;
        CHECK_EQ(state.flags & FLAGS, was.flags & FLAGS);
        state.flags = was.flags;
        CHECK_MEM(&state, &was, sizeof(was));
    }
}

/* ---- signals ---- */

static volatile unsigned handled, astray, in_sites, odd_regs;
static volatile uint64_t astray_at;
static uint64_t own_start, own_end, libs_start, libs_end;
static sigjmp_buf jump_out;
static volatile bool may_jump;

/* Where code of the program and its libraries may be: the bounds of what the maps show. */
static void find_code(void)
{
    static char text[1 << 16];
    get_file("/proc/self/maps", text, sizeof(text));
    own_start = libs_start = UINT64_MAX;
    for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n")) {
        unsigned long a, b;
        char mode[5];
        if (sscanf(line, "%lx-%lx %4s", &a, &b, mode) != 3 || mode[2] != 'x' || !strchr(line, '/'))
            continue;
        bool own = (uint64_t) find_code >= a && (uint64_t) find_code < b;
        uint64_t *start = own ? &own_start : &libs_start, *end = own ? &own_end : &libs_end;
        if (a < *start)
            *start = a;
        if (b > *end)
            *end = b;
    }
}

static bool is_code(uint64_t rip)
{
    return (rip >= own_start && rip < own_end) || (rip >= libs_start && rip < libs_end) ||
           rip - getauxval(AT_SYSINFO_EHDR) < 0x4000; /* the vDSO */
}

static void on_signal(int signo, siginfo_t *info, void *context)
{
    const greg_t *g = ((ucontext_t *) context)->uc_mcontext.gregs;
    uint64_t rip = (uint64_t) g[REG_RIP];
    (void) signo;
    (void) info;
    handled++;
    if (!is_code(rip)) {
        astray++;
        astray_at = rip;
    }
    if (rip >= (uint64_t) site_mov32 && rip < (uint64_t) site_r8) {
        in_sites++;
        if (g[REG_R14] != (greg_t) (0x1414141414141414u) ||
            g[REG_R15] != (greg_t) (0x1515151515151515u) || g[REG_RBX] != (greg_t) (0xb0b0b0b0u))
            odd_regs++;
    }
    if (may_jump)
        siglongjmp(jump_out, 1);
}

static void storm(int flags)
{
    struct sigaction sa = {.sa_sigaction = on_signal, .sa_flags = SA_SIGINFO | flags};
    struct itimerval it = {{0, 300}, {0, 300}};
    find_code();
    CHECK_EQ(sigaction(SIGALRM, &sa, NULL), 0);
    CHECK_EQ(setitimer(ITIMER_REAL, &it, NULL), 0);
}

static void calm(void)
{
    struct itimerval it = {{0, 0}, {0, 0}};
    CHECK_EQ(setitimer(ITIMER_REAL, &it, NULL), 0);
}

static void seen_in_order(void)
{
    calm();
    if (astray)
        FAIL("%u signals in no code of the program, the last at 0x%lx", astray,
             (unsigned long) astray_at);
    CHECK_EQ(odd_regs, 0);
    CHECK(handled > 3);
}

static long marked_call(const char *site, long nr, long a)
{
    long r;
    __asm__ volatile("mov $0x1414141414141414, %%r14\n"
                     "mov $0x1515151515151515, %%r15\n"
                     "mov $0xb0b0b0b0, %%ebx\n"
                     "sub $128, %%rsp\n"
                     "call *%1\n"
                     "add $128, %%rsp\n"
                     : "=a"(r)
                     : "r"(site), "a"(nr), "D"(a)
                     : "rcx", "r11", "r12", "r14", "r15", "rbx", "memory", "cc");
    return r;
}

static void calls_in_a_storm(int flags)
{
    const long parent = getppid();
    storm(flags);
    for (uint64_t end = now_ns() + 400000000; now_ns() < end;) {
        for (int i = 0; i < 50; i++) {
            CHECK_EQ(marked_call(site_mov32, 0, 0), parent);
            CHECK_EQ(marked_call(site_cmp64, SYS_getppid, 0), parent);
            CHECK_EQ(marked_call(site_copy, SYS_fsync, -1), -EBADF);
            CHECK_EQ(marked_call(site_bare, SYS_getppid, 0), parent);
            CHECK_EQ(marked_call(site_cmp64, SYS_getpid, 0), getpid());
        }
    }
    seen_in_order();
}

CASE(storm_with_restart)
{
    calls_in_a_storm(SA_RESTART);
}

CASE(storm_without_restart)
{
    calls_in_a_storm(0);
}

CASE(storm_on_another_stack)
{
    static char stack[65536];
    stack_t ss = {.ss_sp = stack, .ss_size = sizeof(stack)};
    CHECK_EQ(sigaltstack(&ss, NULL), 0);
    calls_in_a_storm(SA_RESTART | SA_ONSTACK);
}

CASE(storm_with_jumps_out)
{
    const long parent = getppid();
    storm(0);
    for (uint64_t end = now_ns() + 400000000; now_ns() < end;) {
        if (sigsetjmp(jump_out, 1) == 0) {
            may_jump = true;
            for (;;) {
                CHECK_EQ(marked_call(site_cmp64, SYS_getppid, 0), parent);
                CHECK_EQ(marked_call(site_mov32, 0, 0), parent);
            }
        }
        may_jump = false;
    }
    seen_in_order();
}

CASE(storm_of_files)
{
    struct stat st;
    char b;
    put_file("f", "x", 0644);
    int fd = (int) CHECK_OK(open("f", O_RDONLY));
    storm(SA_RESTART);
    for (uint64_t end = now_ns() + 400000000; now_ns() < end;) {
        CHECK_EQ(stat("f", &st), 0);
        CHECK_EQ(st.st_size, 1);
        CHECK_EQ(pread(fd, &b, 1, 0), 1);
        CHECK_EQ(b, 'x');
        CHECK_EQ(close((int) CHECK_OK(open("f", O_RDONLY))), 0);
        CHECK_ERR(access("g", F_OK), ENOENT);
    }
    seen_in_order();
}

static void heat_pipe(int p[2])
{
    char b;
    for (int i = 0; i < HOT; i++) {
        CHECK_EQ(write(p[1], "a", 1), 1);
        CHECK_EQ(read(p[0], &b, 1), 1);
    }
}

static pid_t write_later(int fd)
{
    pid_t pid = (pid_t) CHECK_OK(fork());
    if (pid == 0) {
        calm();
        sleep_ms(60);
        _exit(write(fd, "b", 1) == 1 ? 0 : 1);
    }
    return pid;
}

CASE(hot_read_sleeps_and_restarts)
{
    int p[2];
    char b = 0;
    CHECK_EQ(pipe(p), 0);
    heat_pipe(p);
    pid_t pid = write_later(p[1]);
    storm(SA_RESTART);
    CHECK_EQ(read(p[0], &b, 1), 1);
    CHECK_EQ(b, 'b');
    seen_in_order();
    CHECK_EXIT(pid, 0);
}

CASE(hot_read_is_interrupted)
{
    int p[2];
    char b;
    CHECK_EQ(pipe(p), 0);
    heat_pipe(p);
    storm(0);
    for (int i = 0; i < 20; i++)
        CHECK_ERR(read(p[0], &b, 1), EINTR);
    seen_in_order();
}

/* A cancellation point as musl makes it: the handler compares rip. */
static volatile uint64_t stopped_at;

static void note_rip(int signo, siginfo_t *info, void *context)
{
    (void) signo;
    (void) info;
    stopped_at = (uint64_t) ((ucontext_t *) context)->uc_mcontext.gregs[REG_RIP];
    handled++;
}

static long read_at(const char *site, int fd, char *b)
{
    register long r12 __asm__("r12") = 0;
    long r;
    __asm__ volatile("sub $128, %%rsp\n call *%2\n add $128, %%rsp\n"
                     : "=a"(r), "+r"(r12)
                     : "r"(site), "a"(SYS_read), "D"(fd), "S"(b), "d"(1)
                     : "rcx", "r11", "memory", "cc");
    return r;
}

static void interrupted_at(const char *site, const char *call, int flags, uint64_t where)
{
    struct sigaction sa = {.sa_sigaction = note_rip, .sa_flags = SA_SIGINFO | flags};
    int p[2];
    char b;
    CHECK_EQ(pipe(p), 0);
    for (int i = 0; i < HOT; i++) {
        CHECK_EQ(write(p[1], "a", 1), 1);
        CHECK_EQ(read_at(site, p[0], &b), 1);
    }
    CHECK_EQ(sigaction(SIGUSR1, &sa, NULL), 0);
    pid_t me = getpid(), pid = (pid_t) CHECK_OK(fork());
    if (pid == 0) {
        sleep_ms(50);
        kill(me, SIGUSR1);
        sleep_ms(30);
        _exit(write(p[1], "b", 1) == 1 ? 0 : 1);
    }
    handled = 0;
    CHECK_EQ(read_at(site, p[0], &b), flags & SA_RESTART ? 1 : -EINTR);
    CHECK_EQ(handled, 1);
    CHECK_EQ(stopped_at - (uint64_t) call, where);
    CHECK_EXIT(pid, 0);
}

CASE(rip_of_an_interrupted_call)
{
    interrupted_at(site_cmp64, call_cmp64, 0, 2);
    interrupted_at(site_copy, call_copy, 0, 2);
    interrupted_at(site_bare, call_bare, 0, 2);
}

CASE(rip_of_a_call_that_restarts)
{
    interrupted_at(site_cmp64, call_cmp64, SA_RESTART, 0);
    interrupted_at(site_copy, call_copy, SA_RESTART, 0);
    interrupted_at(site_bare, call_bare, SA_RESTART, 0);
}

static void on_step(int signo, siginfo_t *info, void *context)
{
    uint64_t rip = (uint64_t) ((ucontext_t *) context)->uc_mcontext.gregs[REG_RIP];
    (void) signo;
    (void) info;
    handled++;
    if (!is_code(rip))
        astray++;
}

CASE(stepping_through)
{
    struct sigaction sa = {.sa_sigaction = on_step, .sa_flags = SA_SIGINFO};
    long parent = getppid();
    for (int i = 0; i < HOT; i++) {
        CHECK_EQ(marked_call(site_mov32, 0, 0), parent);
        CHECK_EQ(marked_call(site_cmp64, SYS_getppid, 0), parent);
    }
    find_code();
    CHECK_EQ(sigaction(SIGTRAP, &sa, NULL), 0);
    for (int i = 0; i < 3; i++) {
        __asm__ volatile("sub $128, %%rsp\n pushfq\n orl $0x100, (%%rsp)\n popfq\n"
                         "add $128, %%rsp" ::
                             : "memory", "cc");
        long a = marked_call(site_mov32, 0, 0), b = marked_call(site_cmp64, SYS_getppid, 0);
        __asm__ volatile("sub $128, %%rsp\n pushfq\n andl $~0x100, (%%rsp)\n popfq\n"
                         "add $128, %%rsp" ::
                             : "memory", "cc");
        CHECK_EQ(a, parent);
        CHECK_EQ(b, parent);
    }
    CHECK_EQ(astray, 0);
    CHECK(handled > 20);
}

/* ---- threads, forks, programs ---- */

static _Atomic unsigned failures;

static void *call_a_lot(void *arg)
{
    struct stat st;
    const long parent = getppid(), tid = syscall(SYS_gettid);
    for (int i = 0; i < 1500; i++) {
        failures += marked_call(site_cmp64, SYS_getppid, 0) != parent;
        failures += marked_call(site_both, 0, 0) != parent;
        failures += marked_call(site_cmp64, SYS_gettid, 0) != tid;
        failures += stat("/", &st) != 0;
        failures += marked_call(site_test, SYS_fsync, -1) != -EBADF;
        failures += marked_call(site_copy, SYS_fsync, -1) != -EBADF;
        failures += marked_call(site_cmp32, SYS_getppid, 0) != parent;
    }
    return arg;
}

CASE(threads_heat_together)
{
    pthread_t t[4];
    for (int i = 0; i < 4; i++)
        CHECK_EQ(pthread_create(&t[i], NULL, call_a_lot, NULL), 0);
    for (int i = 0; i < 4; i++)
        CHECK_EQ(pthread_join(t[i], NULL), 0);
    CHECK_EQ(failures, 0);
}

CASE(threads_come_after)
{
    pthread_t t[4];
    (void) call_a_lot(NULL);
    for (int round = 0; round < 8; round++) {
        for (int i = 0; i < 4; i++)
            CHECK_EQ(pthread_create(&t[i], NULL, call_a_lot, NULL), 0);
        for (int i = 0; i < 4; i++)
            CHECK_EQ(pthread_join(t[i], NULL), 0);
    }
    CHECK_EQ(failures, 0);
}

/* Whoever wants to see each call finds it, and the code, as they are. */
CASE(filter_while_threads_call)
{
    struct sock_filter code[] = {BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)};
    struct sock_fprog prog = {.len = 1, .filter = code};
    unsigned char now[8];
    pthread_t t[3];
    for (int i = 0; i < 3; i++)
        CHECK_EQ(pthread_create(&t[i], NULL, call_a_lot, NULL), 0);
    sleep_ms(30);
    CHECK_EQ(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
    CHECK_EQ(syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, &prog), 0);
    memcpy(now, call_cmp64, sizeof(now));
    CHECK_MEM(now, "\x0f\x05\x48\x3d\x01\xf0\xff\xff", 8);
    (void) call_a_lot(NULL);
    for (int i = 0; i < 3; i++)
        CHECK_EQ(pthread_join(t[i], NULL), 0);
    CHECK_EQ(failures, 0);
    CHECK_EQ(memcmp((void *) call_cmp64, now, sizeof(now)), 0);
}

static void *call_for_ever(void *arg)
{
    for (;;)
        (void) call_a_lot(arg);
    return NULL;
}

static uint64_t peek(pid_t pid, const void *addr)
{
    errno = 0;
    uint64_t v = (uint64_t) ptrace(PTRACE_PEEKTEXT, pid, addr, NULL);
    CHECK_EQ(errno, 0);
    return v;
}

CASE(traced_while_hot)
{
    struct user_regs_struct r;
    int st;
    for (int round = 0; round < 6; round++) {
        pid_t pid = (pid_t) CHECK_OK(fork());
        if (pid == 0) {
            pthread_t t;
            if (round & 1)
                pthread_create(&t, NULL, call_for_ever, NULL);
            call_for_ever(NULL);
        }
        sleep_ms(20 + round * 7);
        CHECK_EQ(ptrace(PTRACE_ATTACH, pid, NULL, NULL), 0);
        CHECK_EQ(waitpid(pid, &st, 0), pid);
        CHECK(WIFSTOPPED(st));
        CHECK_EQ(peek(pid, call_cmp64), 0xfffff0013d48050f);
        CHECK_EQ(peek(pid, site_both), 0x48050f0000006eb8);
        find_code();
        for (int i = 0; i < 60; i++) {
            CHECK_EQ(ptrace(PTRACE_GETREGS, pid, NULL, &r), 0);
            CHECK(is_code(r.rip));
            CHECK_EQ(r.gs_base, 0);
            CHECK_EQ(ptrace(i & 1 ? PTRACE_SINGLESTEP : PTRACE_SYSCALL, pid, NULL, NULL), 0);
            CHECK_EQ(waitpid(pid, &st, 0), pid);
            CHECK(WIFSTOPPED(st));
        }
        CHECK_EQ(ptrace(PTRACE_DETACH, pid, NULL, NULL), 0);
        sleep_ms(10);
        CHECK_EQ(kill(pid, SIGKILL), 0);
        CHECK_KILLED(pid, SIGKILL);
    }
}

CASE(forks_in_between)
{
    (void) call_a_lot(NULL);
    for (int i = 0; i < 60; i++) {
        pid_t me = getpid(), pid = i & 1 ? fork() : (pid_t) syscall(SYS_fork);
        if (pid == 0)
            _exit(marked_call(site_cmp64, SYS_getppid, 0) == me &&
                          marked_call(site_mov32, 0, 0) == me && getppid() == me
                      ? 0
                      : 1);
        CHECK(pid > 0);
        CHECK_EXIT(pid, 0);
        CHECK_EQ(marked_call(site_cmp64, SYS_getpid, 0), me);
    }
    CHECK_EQ(failures, 0);
}

CASE(threads_fork)
{
    pthread_t t[2];
    for (int i = 0; i < 2; i++)
        CHECK_EQ(pthread_create(&t[i], NULL, call_a_lot, NULL), 0);
    for (int i = 0; i < 40; i++) {
        pid_t me = getpid(), pid = fork();
        if (pid == 0)
            _exit(marked_call(site_cmp64, SYS_getppid, 0) == me &&
                          marked_call(site_both, 0, 0) == me
                      ? 0
                      : 1);
        CHECK_EXIT(pid, 0);
    }
    for (int i = 0; i < 2; i++)
        CHECK_EQ(pthread_join(t[i], NULL), 0);
    CHECK_EQ(failures, 0);
}

int guest_mode(const char *mode, int argc, char **argv)
{
    (void) argc;
    (void) argv;
    if (strcmp(mode, "heat") != 0)
        return 2;
    (void) call_a_lot(NULL);
    return failures ? 1 : 0;
}

CASE(spawned)
{
    char *argv[] = {(char *) guest_self, (char *) "--mode", (char *) "heat", NULL};
    pid_t pid;
    (void) call_a_lot(NULL);
    for (int i = 0; i < 5; i++) {
        CHECK_EQ(posix_spawn(&pid, guest_self, NULL, NULL, argv, guest_envp), 0);
        CHECK_EXIT(pid, 0);
        CHECK_EQ(marked_call(site_cmp64, SYS_getpid, 0), getpid());
    }
}

/* ---- GS base is the program's ---- */

CASE(gs_reads_as_zero)
{
    unsigned long gs = 1;
    (void) call_a_lot(NULL);
    CHECK_EQ(syscall(SYS_arch_prctl, ARCH_GET_GS, &gs), 0);
    CHECK_EQ(gs, 0);
    CHECK_ERR(syscall(SYS_arch_prctl, ARCH_GET_GS, 8), EFAULT);
}

static uint64_t area[512];

static void *with_own_gs(void *arg)
{
    unsigned long gs = 1;
    uint64_t v;
    for (int i = 0; i < 512; i++)
        area[i] = (uint64_t) i * 3;
    if (!arg)
        (void) call_a_lot(NULL);
    CHECK_EQ(syscall(SYS_arch_prctl, ARCH_SET_GS, area), 0);
    (void) call_a_lot(NULL);
    CHECK_EQ(syscall(SYS_arch_prctl, ARCH_GET_GS, &gs), 0);
    CHECK_EQ(gs, (unsigned long) area);
    __asm__ volatile("mov %%gs:80, %0" : "=r"(v));
    CHECK_EQ(v, 30);
    for (int i = 0; i < 512; i++)
        CHECK_EQ(area[i], (uint64_t) i * 3);
    CHECK_EQ(failures, 0);
    return NULL;
}

CASE(gs_is_set_before)
{
    with_own_gs((void *) 1);
}

CASE(gs_is_set_later)
{
    with_own_gs(NULL);
}

CASE(gs_of_one_thread)
{
    pthread_t t, u;
    (void) call_a_lot(NULL);
    CHECK_EQ(pthread_create(&t, NULL, with_own_gs, NULL), 0);
    CHECK_EQ(pthread_create(&u, NULL, call_a_lot, NULL), 0);
    CHECK_EQ(pthread_join(t, NULL), 0);
    CHECK_EQ(pthread_join(u, NULL), 0);
    CHECK_EQ(failures, 0);
}

/* ---- code that changes ---- */

#define CODE_A "\xb8\x6e\x00\x00\x00\x0f\x05\xc3"         /* mov $110,%eax; syscall; ret */
#define CODE_B "\xb8\x66\x00\x00\x00\x0f\x05\xc3"         /* mov $102,%eax; ... */
#define CODE_C "\x0f\x05\x48\x3d\x01\xf0\xff\xff\xc3"     /* syscall; cmp $-4095,%rax; ret */
#define CODE_D "\x90\x90\x0f\x05\x48\xc1\xe0\x01\x90\xc3" /* nops; syscall; shl $1,%rax; ... */

static long call_code(const char *code, long nr)
{
    long r;
    __asm__ volatile("sub $128, %%rsp\n call *%1\n add $128, %%rsp\n"
                     : "=a"(r)
                     : "r"(code), "a"(nr)
                     : "rcx", "r11", "memory", "cc");
    return r;
}

static void rewrite(char *code)
{
    const long parent = getppid(), uid = getuid();
    for (int round = 0; round < 3; round++) {
        CHECK_EQ(mprotect(code, 4096, PROT_READ | PROT_WRITE), 0);
        memcpy(code, CODE_A, sizeof(CODE_A));
        memcpy(code + 64, CODE_C, sizeof(CODE_C));
        CHECK_EQ(mprotect(code, 4096, PROT_READ | PROT_EXEC), 0);
        for (int i = 0; i < HOT; i++) {
            CHECK_EQ(call_code(code, 0), parent);
            CHECK_EQ(call_code(code + 64, SYS_getppid), parent);
        }
        CHECK_EQ(mprotect(code, 4096, PROT_READ | PROT_WRITE), 0);
        memcpy(code, CODE_B, sizeof(CODE_B));
        memcpy(code + 62, CODE_D, sizeof(CODE_D));
        CHECK_EQ(mprotect(code, 4096, PROT_READ | PROT_EXEC), 0);
        for (int i = 0; i < HOT; i++) {
            CHECK_EQ(call_code(code, 0), uid);
            CHECK_EQ(call_code(code + 62, SYS_getppid), parent * 2);
        }
    }
}

CASE(code_made_at_run_time)
{
    rewrite(CHECK_MAP(mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)));
}

static int code_file(void)
{
    static char page[4096];
    memcpy(page, CODE_A, sizeof(CODE_A));
    memcpy(page + 64, CODE_C, sizeof(CODE_C));
    int fd = (int) CHECK_OK(open("code", O_RDWR | O_CREAT | O_TRUNC, 0755));
    CHECK_EQ(write(fd, page, sizeof(page)), sizeof(page));
    return fd;
}

CASE(code_of_a_file_is_rewritten)
{
    int fd = code_file();
    char *code = CHECK_MAP(mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE, fd, 0));
    const long parent = getppid();
    for (int i = 0; i < HOT; i++) {
        CHECK_EQ(call_code(code, 0), parent);
        CHECK_EQ(call_code(code + 64, SYS_getppid), parent);
    }
    rewrite(code);
}

static void file_is_unchanged(int fd)
{
    char page[4096];
    CHECK_EQ(pread(fd, page, sizeof(page), 0), sizeof(page));
    CHECK_MEM(page, CODE_A, sizeof(CODE_A) - 1);
    CHECK_MEM(page + 64, CODE_C, sizeof(CODE_C) - 1);
}

CASE(shared_code_stays_in_the_file)
{
    int fd = code_file();
    char *code = CHECK_MAP(mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_SHARED, fd, 0));
    const long parent = getppid();
    for (int i = 0; i < HOT; i++) {
        CHECK_EQ(call_code(code, 0), parent);
        CHECK_EQ(call_code(code + 64, SYS_getppid), parent);
    }
    file_is_unchanged(fd);
    CHECK_MEM(code, CODE_A, sizeof(CODE_A) - 1);
}

CASE(private_code_stays_in_the_file)
{
    int fd = code_file();
    char *code = CHECK_MAP(mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE, fd, 0));
    const long parent = getppid();
    for (int i = 0; i < HOT; i++) {
        CHECK_EQ(call_code(code, 0), parent);
        CHECK_EQ(call_code(code + 64, SYS_getppid), parent);
    }
    file_is_unchanged(fd);
}

CASE(code_is_mapped_anew)
{
    const long parent = getppid();
    for (int round = 0; round < 10; round++) {
        int fd = code_file();
        char *code = CHECK_MAP(mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE, fd, 0));
        CHECK_EQ(close(fd), 0);
        for (int i = 0; i < HOT; i++) {
            CHECK_EQ(call_code(code, 0), parent);
            CHECK_EQ(call_code(code + 64, SYS_getppid), parent);
        }
        CHECK_EQ(munmap(code, 4096), 0);
    }
}

CASE(writable_code)
{
    int fd = code_file();
    char *code =
        CHECK_MAP(mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE, fd, 0));
    for (int i = 0; i < HOT; i++)
        CHECK_EQ(call_code(code, 0), getppid());
    CHECK_MEM(code, CODE_A, sizeof(CODE_A) - 1);
    code[1] = SYS_getuid;
    for (int i = 0; i < HOT; i++)
        CHECK_EQ(call_code(code, 0), getuid());
}

CASE(protections_stay)
{
    static char before[1 << 16], after[1 << 16];
    int fd = code_file();
    char *code = CHECK_MAP(mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE, fd, 0));
    get_file("/proc/self/maps", before, sizeof(before));
    for (int i = 0; i < HOT; i++)
        CHECK_EQ(call_code(code, 0), getppid());
    get_file("/proc/self/maps", after, sizeof(after));
    CHECK_STR(after, before);
}

GUEST_MAIN
