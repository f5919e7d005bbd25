/* SPDX-License-Identifier: Apache-2.0 */
/* Signals that the hardware causes, with their codes and addresses, and recovery from them. */
#include "guest.h"
#include <ucontext.h>

static sigjmp_buf jump;
static siginfo_t info;
static uintptr_t fault_ip;
static volatile int hits;

static void leap(int sig, siginfo_t *si, void *p)
{
    ucontext_t *uc = p;
    info = *si;
    fault_ip = (uintptr_t) uc->uc_mcontext.gregs[REG_RIP];
    hits++;
    siglongjmp(jump, sig);
}

static void catch_with(int sig, void (*fn)(int, siginfo_t *, void *))
{
    struct sigaction sa = {.sa_sigaction = fn, .sa_flags = SA_SIGINFO};
    CHECK_EQ(sigaction(sig, &sa, NULL), 0);
}

#define FAULT(sig, stmt)                     \
    do {                                     \
        if (sigsetjmp(jump, 1) == 0) {       \
            stmt;                            \
            FAIL("%s did not fault", #stmt); \
        }                                    \
        CHECK_EQ(info.si_signo, sig);        \
    } while (0)

static volatile char *page(int prot)
{
    return CHECK_MAP(mmap(NULL, 4096, prot, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
}

CASE(segv_unmapped)
{
    volatile char *p = page(PROT_READ);
    CHECK_EQ(munmap((void *) p, 4096), 0);
    catch_with(SIGSEGV, leap);
    FAULT(SIGSEGV, (void) p[123]);
    CHECK_EQ(info.si_code, SEGV_MAPERR);
    CHECK((uintptr_t) info.si_addr == (uintptr_t) p + 123);
    FAULT(SIGSEGV, p[77] = 1);
    CHECK((uintptr_t) info.si_addr == (uintptr_t) p + 77);
}

CASE(segv_protection)
{
    volatile char *p = page(PROT_READ);
    catch_with(SIGSEGV, leap);
    FAULT(SIGSEGV, p[5] = 1);
    CHECK_EQ(info.si_code, SEGV_ACCERR);
    CHECK((uintptr_t) info.si_addr == (uintptr_t) p + 5);
    CHECK_EQ(mprotect((void *) p, 4096, PROT_NONE), 0);
    FAULT(SIGSEGV, (void) p[6]);
    CHECK_EQ(info.si_code, SEGV_ACCERR);
}

CASE(segv_null_call)
{
    void (*volatile fn)(void) = NULL;
    catch_with(SIGSEGV, leap);
    FAULT(SIGSEGV, fn());
    CHECK_EQ(info.si_code, SEGV_MAPERR);
    CHECK_EQ((uintptr_t) info.si_addr, 0);
    CHECK_EQ(fault_ip, 0);
}

CASE(segv_no_exec)
{
    volatile char *p = page(PROT_READ | PROT_WRITE);
    p[0] = (char) 0xc3;
    void (*volatile fn)(void) = (void (*)(void))(uintptr_t) p;
    catch_with(SIGSEGV, leap);
    FAULT(SIGSEGV, fn());
    CHECK_EQ(info.si_code, SEGV_ACCERR);
    CHECK((uintptr_t) info.si_addr == (uintptr_t) p);
    CHECK_EQ(mprotect((void *) p, 4096, PROT_READ | PROT_EXEC), 0);
    fn();
}

CASE(segv_non_canonical)
{
    volatile char *volatile p = (volatile char *) 0x1234567812345678;
    catch_with(SIGSEGV, leap);
    FAULT(SIGSEGV, (void) *p);
    CHECK_EQ(info.si_code, SI_KERNEL);
    p = (volatile char *) 0xffffffff80000000;
    FAULT(SIGSEGV, (void) *p);
}

static volatile char *repair_page;
static void repair(int sig, siginfo_t *si, void *uc)
{
    (void) sig, (void) uc;
    hits++;
    if (mprotect((void *) ((uintptr_t) si->si_addr & ~4095ul), 4096, PROT_READ | PROT_WRITE))
        _exit(3);
}

CASE(repair_by_mprotect)
{
    catch_with(SIGSEGV, repair);
    repair_page = CHECK_MAP(mmap(NULL, 4096 * 100, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    for (int i = 0; i < 100; i++)
        repair_page[i * 4096 + i] = (char) i;
    CHECK_EQ(hits, 100);
    for (int i = 0; i < 100; i++)
        CHECK_EQ(repair_page[i * 4096 + i], i);
}

CASE(segv_many)
{
    volatile char *p = page(PROT_NONE);
    catch_with(SIGSEGV, leap);
    for (int i = 0; i < 3000; i++)
        FAULT(SIGSEGV, (void) p[i]);
    CHECK_EQ(hits, 3000);
}

CASE(segv_default_kills)
{
    int st;
    pid_t pid = (pid_t) CHECK_OK(fork());
    if (pid == 0) {
        *(volatile int *) 24 = 1;
        _exit(0);
    }
    CHECK_EQ(waitpid(pid, &st, 0), pid);
    CHECK(WIFSIGNALED(st) && WTERMSIG(st) == SIGSEGV);
}

CASE(segv_blocked_or_ignored_kills)
{
    for (int i = 0; i < 2; i++) {
        int st;
        pid_t pid = (pid_t) CHECK_OK(fork());
        if (pid == 0) {
            sigset_t s;
            sigemptyset(&s);
            sigaddset(&s, SIGSEGV);
            catch_with(SIGSEGV, leap);
            if (i)
                signal(SIGSEGV, SIG_IGN);
            else
                sigprocmask(SIG_BLOCK, &s, NULL);
            *(volatile int *) 24 = 1;
            _exit(0);
        }
        CHECK_EQ(waitpid(pid, &st, 0), pid);
        CHECK(WIFSIGNALED(st) && WTERMSIG(st) == SIGSEGV);
    }
}

CASE(segv_handler_without_stack_kills)
{
    int st;
    pid_t pid = (pid_t) CHECK_OK(fork());
    if (pid == 0) {
        catch_with(SIGSEGV, leap);
        __asm__ volatile("movq $64, %rsp\n\tpushq $1");
        _exit(0);
    }
    CHECK_EQ(waitpid(pid, &st, 0), pid);
    CHECK(WIFSIGNALED(st) && WTERMSIG(st) == SIGSEGV);
}

static int NOINLINE recurse(volatile int n)
{
    volatile char pad[4096];
    pad[0] = (char) n;
    return n < 0 ? 0 : recurse(n + 1) + pad[0];
}

static void overflow_seen(int sig, siginfo_t *si, void *uc)
{
    (void) si, (void) uc;
    _exit(sig == SIGSEGV ? 42 : 1);
}

CASE(stack_overflow_on_the_altstack)
{
    pid_t pid = (pid_t) CHECK_OK(fork());
    if (pid == 0) {
        stack_t ss = {.ss_sp = malloc(65536), .ss_size = 65536};
        struct sigaction sa = {.sa_sigaction = overflow_seen, .sa_flags = SA_SIGINFO | SA_ONSTACK};
        sigaltstack(&ss, NULL);
        sigaction(SIGSEGV, &sa, NULL);
        _exit(recurse(0) & 1);
    }
    CHECK_EXIT(pid, 42);
}

CASE(fpe_integer)
{
    volatile int zero = 0, one = 1;
    catch_with(SIGFPE, leap);
    FAULT(SIGFPE, one = one / zero);
    CHECK_EQ(info.si_code, FPE_INTDIV);
    CHECK_EQ((uintptr_t) info.si_addr, fault_ip);
}

CASE(fpe_vector)
{
    unsigned int csr = 0x1f80 & ~0x200u; /* unmask division by zero */
    double a = 1.0, b = 0.0;
    catch_with(SIGFPE, leap);
    FAULT(SIGFPE, __asm__ volatile("ldmxcsr %0\n\tdivsd %2, %1" : : "m"(csr), "x"(a), "x"(b)));
    CHECK_EQ(info.si_code, FPE_FLTDIV);
}

CASE(ill)
{
    catch_with(SIGILL, leap);
    FAULT(SIGILL, __asm__ volatile("ud2"));
    CHECK_EQ(info.si_code, ILL_ILLOPN);
    CHECK_EQ((uintptr_t) info.si_addr, fault_ip);
    CHECK_MEM((void *) fault_ip, "\x0f\x0b", 2);
}

CASE(privileged_instruction)
{
    catch_with(SIGSEGV, leap);
    FAULT(SIGSEGV, __asm__ volatile("hlt"));
    CHECK_EQ(info.si_code, SI_KERNEL);
}

CASE(trap_breakpoint)
{
    catch_with(SIGTRAP, leap);
    FAULT(SIGTRAP, __asm__ volatile("int3"));
    CHECK_EQ(info.si_code, SI_KERNEL);
    CHECK_EQ(((unsigned char *) fault_ip)[-1], 0xcc); /* a trap: the address after it */
}

static volatile int steps;
static void step(int sig, siginfo_t *si, void *p)
{
    ucontext_t *uc = p;
    (void) sig;
    info = *si;
    if (++steps == 5)
        uc->uc_mcontext.gregs[REG_EFL] &= ~0x100;
}

CASE(trap_single_step)
{
    catch_with(SIGTRAP, step);
    __asm__ volatile("pushfq\n\torq $0x100, (%%rsp)\n\tpopfq\n\tnop\n\tnop\n\tnop\n\tnop\n\tnop\n\t"
                     "nop\n\tnop\n\tnop"
                     :
                     :
                     : "memory", "cc");
    CHECK_EQ(steps, 5);
    CHECK_EQ(info.si_code, TRAP_TRACE);
}

CASE(bus_past_the_end_of_file)
{
    put_file("f", "short", 0600);
    int fd = (int) CHECK_OK(open("f", O_RDWR));
    volatile char *p = CHECK_MAP(mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0));
    catch_with(SIGBUS, leap);
    CHECK_EQ(p[4], 't');
    CHECK_EQ(p[4095], 0);
    FAULT(SIGBUS, (void) p[4096 + 9]);
    CHECK_EQ(info.si_code, BUS_ADRERR);
    CHECK((uintptr_t) info.si_addr == (uintptr_t) p + 4096 + 9);
    CHECK_EQ(ftruncate(fd, 8192), 0);
    CHECK_EQ(p[4096 + 9], 0);
    CHECK_EQ(ftruncate(fd, 0), 0);
    FAULT(SIGBUS, (void) p[0]);
}

CASE(fault_in_a_system_call_is_an_error)
{
    volatile char *p = page(PROT_READ);
    int fd = (int) CHECK_OK(open("/dev/zero", O_RDONLY));
    catch_with(SIGSEGV, leap);
    CHECK_ERR(read(fd, (void *) p, 10), EFAULT);
    CHECK_EQ(hits, 0);
}

CASE(registers_of_the_fault)
{
    /* The frame shows what the instruction saw; the handler may change it and go on. */
    uint64_t got = 0;
    volatile char *p = page(PROT_NONE);
    catch_with(SIGSEGV, repair);
    __asm__ volatile("movq $0x5a5a, %%rbx\n\tmovq (%1), %%rcx\n\tmovq %%rbx, %0"
                     : "=r"(got)
                     : "r"(p)
                     : "rbx", "rcx", "memory");
    CHECK_EQ(got, 0x5a5a);
    CHECK_EQ(hits, 1);
}

GUEST_MAIN
