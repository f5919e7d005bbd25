/* SPDX-License-Identifier: Apache-2.0 */
/* ptrace(2): attaching and letting go, memory, registers, calls. */
#include "ptrace.h"
#include <elf.h>
#include <linux/capability.h>
#include <linux/ptrace.h>
#include <sys/prctl.h>

static volatile long shared_word = 0x1122334455667788;

/* ---- attaching ---- */

static int drop_capabilities(void)
{
    struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct none[2] = {{0}};
    return (int) syscall(SYS_capset, &head, none);
}

/* The same user with less rights: nothing that would give it those of the other. */
CASE(rights_of_the_other_are_needed)
{
    if (getuid() != 0)
        SKIP("not root");
    pid_t pid = free_child(pause_for_ever), other = (pid_t) CHECK_OK(fork());
    if (other == 0) {
        char name[32], byte;
        struct iovec local = {&byte, 1}, remote = {(void *) (uintptr_t) &shared_word, 1};
        CHECK_EQ(drop_capabilities(), 0);
        CHECK_ERR(request(PTRACE_ATTACH, pid, 0, 0), EPERM);
        CHECK_ERR(process_vm_readv(pid, &local, 1, &remote, 1, 0), EPERM);
        CHECK_ERR(process_vm_writev(pid, &local, 1, &remote, 1, 0), EPERM);
        snprintf(name, sizeof(name), "/proc/%d/mem", pid);
        CHECK_ERR(open(name, O_RDWR), EACCES);
        snprintf(name, sizeof(name), "/proc/%d/maps", pid);
        CHECK_ERR(open(name, O_RDONLY), EACCES);
        _exit(0);
    }
    CHECK_EXIT(other, 0);
    end_child(pid);
}

CASE(traceme_stops_at_signal)
{
    pid_t pid = traced_child(give_7);
    let_go(pid, PTRACE_CONT, 0);
    CHECK_EXIT(pid, 7);
}

CASE(traceme_twice)
{
    pid_t pid = (pid_t) CHECK_OK(fork());
    if (pid == 0) {
        CHECK_EQ(ptrace(PTRACE_TRACEME, 0, 0, 0), 0);
        CHECK_ERR(ptrace(PTRACE_TRACEME, 0, 0, 0), EPERM);
        _exit(0);
    }
    CHECK_EXIT(pid, 0);
}

CASE(attach_stops_with_sigstop)
{
    pid_t pid = free_child(pause_for_ever);
    CHECK_EQ(request(PTRACE_ATTACH, pid, 0, 0), 0);
    CHECK_EQ(next_stop(pid), SIGSTOP);
    CHECK_EQ(request(PTRACE_DETACH, pid, 0, 0), 0);
    end_child(pid);
}

CASE(attach_refusals)
{
    pid_t pid = free_child(pause_for_ever);
    CHECK_ERR(request(PTRACE_ATTACH, getpid(), 0, 0), EPERM);
    CHECK_ERR(request(PTRACE_ATTACH, 0x7ffffff, 0, 0), ESRCH);
    CHECK_EQ(request(PTRACE_ATTACH, pid, 0, 0), 0);
    CHECK_ERR(request(PTRACE_ATTACH, pid, 0, 0), EPERM);
    CHECK_EQ(next_stop(pid), SIGSTOP);
    end_child(pid);
}

CASE(attach_needs_rights)
{
    if (getuid() != 0)
        SKIP("not root");
    pid_t pid = free_child(pause_for_ever), other = (pid_t) CHECK_OK(fork());
    if (other == 0) {
        CHECK_EQ(setresgid(5000, 5000, 5000), 0);
        CHECK_EQ(setresuid(5000, 5000, 5000), 0);
        CHECK_ERR(request(PTRACE_ATTACH, pid, 0, 0), EPERM);
        CHECK_ERR(request(PTRACE_SEIZE, pid, 0, 0), EPERM);
        _exit(0);
    }
    CHECK_EXIT(other, 0);
    end_child(pid);
}

static int undumpable(void)
{
    if (prctl(PR_SET_DUMPABLE, 0))
        return 1;
    return pause_for_ever();
}

CASE(attach_needs_dumpable)
{
    if (getuid() == 0) {
        CHECK_EQ(setresgid(5000, 5000, 5000), 0);
        CHECK_EQ(setresuid(5000, 5000, 5000), 0);
    }
    prctl(PR_SET_DUMPABLE, 1);
    pid_t pid = free_child(undumpable);
    sleep_ms(50);
    CHECK_ERR(request(PTRACE_ATTACH, pid, 0, 0), EPERM);
    end_child(pid);
}

CASE(not_a_tracee)
{
    pid_t pid = free_child(pause_for_ever);
    long word;
    CHECK_ERR(request(PTRACE_CONT, pid, 0, 0), ESRCH);
    CHECK_ERR(request(PTRACE_PEEKDATA, pid, (unsigned long) &shared_word, (unsigned long) &word),
              ESRCH);
    CHECK_ERR(request(PTRACE_KILL, pid, 0, 0), ESRCH);
    CHECK_ERR(request(0x9999, pid, 0, 0), ESRCH);
    end_child(pid);
}

CASE(running_tracee_serves_nothing)
{
    pid_t pid = traced_child(pause_for_ever);
    long word;
    let_go(pid, PTRACE_CONT, 0);
    CHECK_ERR(request(PTRACE_PEEKDATA, pid, (unsigned long) &shared_word, (unsigned long) &word),
              ESRCH);
    CHECK_ERR(request(PTRACE_CONT, pid, 0, 0), ESRCH);
    CHECK_ERR(request(PTRACE_DETACH, pid, 0, 0), ESRCH);
    end_child(pid);
}

CASE(unknown_request)
{
    pid_t pid = traced_child(give_7);
    CHECK_ERR(request(0x9999, pid, 0, 0), EIO);
    let_go(pid, PTRACE_CONT, 0);
    CHECK_EXIT(pid, 7);
}

CASE(seize_does_not_stop)
{
    pid_t pid = free_child(pause_for_ever);
    int status;
    CHECK_EQ(request(PTRACE_SEIZE, pid, 0, 0), 0);
    sleep_ms(30);
    CHECK_EQ(waitpid(pid, &status, __WALL | WNOHANG), 0);
    end_child(pid);
}

CASE(seize_bad_arguments)
{
    pid_t pid = free_child(pause_for_ever);
    CHECK_ERR(request(PTRACE_SEIZE, pid, 1, 0), EIO);
    CHECK_ERR(request(PTRACE_SEIZE, pid, 0, 1 << 30), EIO);
    end_child(pid);
}

CASE(interrupt_stops_seized)
{
    pid_t pid = free_child(pause_for_ever);
    siginfo_t si;
    CHECK_EQ(request(PTRACE_SEIZE, pid, 0, 0), 0);
    CHECK_EQ(request(PTRACE_INTERRUPT, pid, 0, 0), 0);
    CHECK_EQ(next_stop(pid), TRAP_OF(PTRACE_EVENT_STOP));
    CHECK_EQ(request(PTRACE_GETSIGINFO, pid, 0, (unsigned long) &si), 0);
    CHECK_EQ(si.si_code, TRAP_OF(PTRACE_EVENT_STOP));
    let_go(pid, PTRACE_CONT, 0);
    end_child(pid);
}

CASE(interrupt_not_seized)
{
    pid_t pid = traced_child(give_7);
    CHECK_ERR(request(PTRACE_INTERRUPT, pid, 0, 0), EIO);
    let_go(pid, PTRACE_CONT, 0);
    CHECK_EXIT(pid, 7);
}

static int spin(void)
{
    for (;;)
        shared_word++;
    return 0;
}

CASE(interrupt_busy)
{
    pid_t pid = free_child(spin);
    CHECK_EQ(request(PTRACE_SEIZE, pid, 0, 0), 0);
    for (int i = 0; i < 20; i++) {
        CHECK_EQ(request(PTRACE_INTERRUPT, pid, 0, 0), 0);
        CHECK_EQ(next_stop(pid), TRAP_OF(PTRACE_EVENT_STOP));
        let_go(pid, PTRACE_CONT, 0);
    }
    end_child(pid);
}

CASE(detach_with_signal)
{
    pid_t pid = traced_child(pause_for_ever);
    CHECK_EQ(request(PTRACE_DETACH, pid, 0, SIGTERM), 0);
    CHECK_KILLED(pid, SIGTERM);
}

CASE(detach_suppresses_signal)
{
    pid_t pid = traced_child(give_7);
    CHECK_EQ(request(PTRACE_DETACH, pid, 0, 0), 0);
    CHECK_EXIT(pid, 7);
}

CASE(kill_request)
{
    pid_t pid = traced_child(pause_for_ever);
    CHECK_EQ(request(PTRACE_KILL, pid, 0, 0), 0);
    CHECK_KILLED(pid, SIGKILL);
}

CASE(sigkill_ends_a_stop)
{
    pid_t pid = traced_child(give_7);
    end_child(pid);
}

CASE(bad_signal_number)
{
    pid_t pid = traced_child(give_7);
    CHECK_ERR(request(PTRACE_CONT, pid, 0, 65), EIO);
    CHECK_ERR(request(PTRACE_DETACH, pid, 0, 200), EIO);
    let_go(pid, PTRACE_CONT, 0);
    CHECK_EXIT(pid, 7);
}

CASE(tracer_death_frees_tracee)
{
    pid_t pid = free_child(pause_for_ever), tracer = (pid_t) CHECK_OK(fork());
    char buf[4096], *p;
    if (tracer == 0) {
        CHECK_EQ(request(PTRACE_ATTACH, pid, 0, 0), 0);
        CHECK_EQ(next_stop(pid), SIGSTOP);
        _exit(0);
    }
    CHECK_EXIT(tracer, 0);
    sleep_ms(30);
    snprintf(buf, sizeof(buf), "/proc/%d/status", pid);
    get_file(strdup(buf), buf, sizeof(buf));
    p = strstr(buf, "TracerPid:");
    CHECK(p && atoi(p + 10) == 0);
    end_child(pid);
}

CASE(exitkill)
{
    pid_t pid = free_child(pause_for_ever), tracer = (pid_t) CHECK_OK(fork());
    if (tracer == 0) {
        CHECK_EQ(request(PTRACE_SEIZE, pid, 0, PTRACE_O_EXITKILL), 0);
        _exit(0);
    }
    CHECK_EXIT(tracer, 0);
    CHECK_KILLED(pid, SIGKILL);
}

CASE(status_shows_tracer)
{
    pid_t pid = traced_child(give_7);
    char name[64], buf[4096], *p;
    snprintf(name, sizeof(name), "/proc/%d/status", pid);
    get_file(name, buf, sizeof(buf));
    CHECK(strstr(buf, "State:\tt (tracing stop)") != NULL);
    p = strstr(buf, "TracerPid:");
    CHECK(p && atoi(p + 10) == getpid());
    let_go(pid, PTRACE_CONT, 0);
    CHECK_EXIT(pid, 7);
}

/* ---- memory ---- */

static int word_is_changed(void)
{
    return shared_word == 0x42 ? 0 : 1;
}

CASE(peek_and_poke)
{
    pid_t pid = traced_child(word_is_changed);
    long word = 0;
    CHECK_EQ(request(PTRACE_PEEKDATA, pid, (unsigned long) &shared_word, (unsigned long) &word), 0);
    CHECK_EQ(word, 0x1122334455667788);
    CHECK_EQ(request(PTRACE_POKEDATA, pid, (unsigned long) &shared_word, 0x42), 0);
    CHECK_EQ(shared_word, 0x1122334455667788);
    let_go(pid, PTRACE_CONT, 0);
    CHECK_EXIT(pid, 0);
}

CASE(peek_unmapped)
{
    pid_t pid = traced_child(give_7);
    long word;
    CHECK_ERR(request(PTRACE_PEEKDATA, pid, 16, (unsigned long) &word), EIO);
    CHECK_ERR(request(PTRACE_PEEKTEXT, pid, (unsigned long) -8, (unsigned long) &word), EIO);
    CHECK_ERR(request(PTRACE_POKEDATA, pid, 16, 1), EIO);
    let_go(pid, PTRACE_CONT, 0);
    CHECK_EXIT(pid, 7);
}

static __attribute__((noinline, aligned(64))) int patched(void)
{
    __asm__ volatile("nop");
    return 3;
}

CASE(poke_text)
{
    pid_t pid = traced_child(patched);
    long old = 0;
    /* mov $9, %eax; ret */
    CHECK_EQ(request(PTRACE_PEEKTEXT, pid, (unsigned long) patched, (unsigned long) &old), 0);
    CHECK_EQ(request(PTRACE_POKETEXT, pid, (unsigned long) patched, 0x0000c300000009b8), 0);
    let_go(pid, PTRACE_CONT, 0);
    CHECK_EXIT(pid, 9);
    CHECK_EQ(patched(), 3);
}

CASE(poke_across_pages)
{
    char *m = CHECK_MAP(mmap(NULL, 8192, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    pid_t pid = traced_child(give_7);
    unsigned long at = (unsigned long) m + 4092;
    long word = 0;
    CHECK_EQ(request(PTRACE_POKEDATA, pid, at, 0x123456789abcdef0), 0);
    CHECK_EQ(request(PTRACE_PEEKDATA, pid, at, (unsigned long) &word), 0);
    CHECK_EQ(word, 0x123456789abcdef0);
    let_go(pid, PTRACE_CONT, 0);
    CHECK_EXIT(pid, 7);
}

CASE(peek_inaccessible)
{
    long *m =
        CHECK_MAP(mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    *m = 77;
    CHECK_EQ(mprotect(m, 4096, PROT_NONE), 0);
    pid_t pid = traced_child(give_7);
    long word = 0;
    CHECK_EQ(request(PTRACE_PEEKDATA, pid, (unsigned long) m, (unsigned long) &word), 0);
    CHECK_EQ(word, 77);
    let_go(pid, PTRACE_CONT, 0);
    CHECK_EXIT(pid, 7);
}

CASE(poke_shared_read_only)
{
    put_file("f", "0123456789abcdef", 0600);
    int fd = (int) CHECK_OK(open("f", O_RDONLY));
    char *m = CHECK_MAP(mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0));
    pid_t pid = traced_child(give_7);
    CHECK_ERR(request(PTRACE_POKEDATA, pid, (unsigned long) m, 1), EIO);
    let_go(pid, PTRACE_CONT, 0);
    CHECK_EXIT(pid, 7);
}

CASE(proc_mem)
{
    pid_t pid = traced_child(patched);
    char name[64];
    uint8_t code[6] = {0xb8, 11, 0, 0, 0, 0xc3};
    long word = 0;
    snprintf(name, sizeof(name), "/proc/%d/mem", pid);
    int fd = (int) CHECK_OK(open(name, O_RDWR));
    CHECK_EQ(pread(fd, &word, 8, (off_t) &shared_word), 8);
    CHECK_EQ(word, 0x1122334455667788);
    CHECK_EQ(pwrite(fd, code, sizeof(code), (off_t) patched), (ssize_t) sizeof(code));
    CHECK_ERR(pread(fd, &word, 8, 16), EIO);
    CHECK_EQ(lseek(fd, (off_t) &shared_word, SEEK_SET), (off_t) &shared_word);
    CHECK_EQ(read(fd, &word, 8), 8);
    CHECK_ERR(lseek(fd, 0, SEEK_END), EINVAL);
    let_go(pid, PTRACE_CONT, 0);
    CHECK_EXIT(pid, 11);
    CHECK_EQ(pread(fd, &word, 8, (off_t) &shared_word), 0);
}

/* ---- registers ---- */

CASE(regs_get_and_set)
{
    pid_t pid = traced_child(pause_for_ever);
    struct user_regs_struct r = regs_of(pid), s;
    CHECK_EQ(r.cs, 0x33);
    CHECK_EQ(r.ss, 0x2b);
    CHECK(r.fs_base != 0);
    CHECK((r.rip >> 40) != 0);
    s = r;
    s.rbx = 0x1234;
    s.r15 = 0x5678;
    CHECK_EQ(request(PTRACE_SETREGS, pid, 0, (unsigned long) &s), 0);
    s = regs_of(pid);
    CHECK_EQ(s.rbx, 0x1234);
    CHECK_EQ(s.r15, 0x5678);
    CHECK_EQ(s.rip, r.rip);
    end_child(pid);
}

static int by_register(void)
{
    int r;
    __asm__ volatile("mov $1, %%ebx; int3; mov %%ebx, %0" : "=r"(r) : : "rbx", "memory");
    return r;
}

CASE(int3_and_changed_register)
{
    pid_t pid = traced_child(by_register);
    struct user_regs_struct r;
    siginfo_t si;
    uint8_t *code;
    long word;
    let_go(pid, PTRACE_CONT, 0);
    CHECK_EQ(next_stop(pid), SIGTRAP);
    CHECK_EQ(request(PTRACE_GETSIGINFO, pid, 0, (unsigned long) &si), 0);
    CHECK_EQ(si.si_code, SI_KERNEL);
    r = regs_of(pid);
    CHECK_EQ(r.rbx, 1);
    CHECK_EQ(request(PTRACE_PEEKTEXT, pid, r.rip - 1, (unsigned long) &word), 0);
    code = (uint8_t *) &word;
    CHECK_EQ(code[0], 0xcc);
    r.rbx = 23;
    CHECK_EQ(request(PTRACE_SETREGS, pid, 0, (unsigned long) &r), 0);
    let_go(pid, PTRACE_CONT, 0);
    CHECK_EXIT(pid, 23);
}

CASE(peekuser)
{
    pid_t pid = traced_child(give_7);
    struct user_regs_struct r = regs_of(pid);
    unsigned long word = 1;
    CHECK_EQ(request(PTRACE_PEEKUSER, pid, offsetof(struct user, regs.rip), (unsigned long) &word),
             0);
    CHECK_EQ(word, r.rip);
    CHECK_EQ(request(PTRACE_PEEKUSER, pid, offsetof(struct user, u_debugreg[7]),
                     (unsigned long) &word),
             0);
    CHECK_ERR(request(PTRACE_PEEKUSER, pid, 3, (unsigned long) &word), EIO);
    CHECK_ERR(request(PTRACE_PEEKUSER, pid, sizeof(struct user) + 64, (unsigned long) &word), EIO);
    CHECK_EQ(request(PTRACE_POKEUSER, pid, offsetof(struct user, regs.rbx), 99), 0);
    CHECK_EQ(regs_of(pid).rbx, 99);
    CHECK_ERR(request(PTRACE_POKEUSER, pid, sizeof(struct user) + 64, 0), EIO);
    CHECK_ERR(request(PTRACE_POKEUSER, pid, offsetof(struct user, regs.fs_base), 1ul << 63), EIO);
    CHECK_ERR(request(PTRACE_POKEUSER, pid, offsetof(struct user, regs.cs), 1), EIO);
    CHECK_EQ(request(PTRACE_POKEUSER, pid, offsetof(struct user, u_debugreg[7]), 0), 0);
    end_child(pid);
}

CASE(regset_prstatus)
{
    pid_t pid = traced_child(give_7);
    struct user_regs_struct r = regs_of(pid), s;
    struct iovec iov = {&s, sizeof(s) + 64};
    memset(&s, 0, sizeof(s));
    CHECK_EQ(request(PTRACE_GETREGSET, pid, NT_PRSTATUS, (unsigned long) &iov), 0);
    CHECK_EQ(iov.iov_len, sizeof(s));
    CHECK_MEM(&s, &r, sizeof(r));
    iov.iov_len = 16;
    CHECK_EQ(request(PTRACE_GETREGSET, pid, NT_PRSTATUS, (unsigned long) &iov), 0);
    CHECK_EQ(iov.iov_len, 16);
    iov.iov_len = 12;
    CHECK_ERR(request(PTRACE_GETREGSET, pid, NT_PRSTATUS, (unsigned long) &iov), EINVAL);
    iov.iov_len = 64;
    CHECK_ERR(request(PTRACE_GETREGSET, pid, 0x7777, (unsigned long) &iov), EINVAL);
    s.r15 = 4242;
    iov.iov_len = 8;
    CHECK_EQ(request(PTRACE_SETREGSET, pid, NT_PRSTATUS, (unsigned long) &iov), 0);
    CHECK_EQ(regs_of(pid).r15, 4242);
    end_child(pid);
}

static int by_xmm(void)
{
    long r;
    __asm__ volatile("mov $5, %%rax; movq %%rax, %%xmm5; int3; movq %%xmm5, %0"
                     : "=r"(r)
                     :
                     : "rax", "xmm5");
    return (int) r;
}

CASE(fpregs)
{
    pid_t pid = traced_child(by_xmm);
    struct user_fpregs_struct f;
    let_go(pid, PTRACE_CONT, 0);
    CHECK_EQ(next_stop(pid), SIGTRAP);
    CHECK_EQ(request(PTRACE_GETFPREGS, pid, 0, (unsigned long) &f), 0);
    CHECK_EQ(f.mxcsr, 0x1f80);
    CHECK_EQ(f.cwd, 0x37f);
    CHECK_EQ(f.xmm_space[20], 5);
    f.xmm_space[20] = 31;
    CHECK_EQ(request(PTRACE_SETFPREGS, pid, 0, (unsigned long) &f), 0);
    f.xmm_space[20] = 0;
    CHECK_EQ(request(PTRACE_GETFPREGS, pid, 0, (unsigned long) &f), 0);
    CHECK_EQ(f.xmm_space[20], 31);
    f.mxcsr = 0xffffffff;
    CHECK_ERR(request(PTRACE_SETFPREGS, pid, 0, (unsigned long) &f), EINVAL);
    let_go(pid, PTRACE_CONT, 0);
    CHECK_EXIT(pid, 31);
}

CASE(xstate)
{
    static uint8_t area[16384] __attribute__((aligned(64)));
    pid_t pid = traced_child(by_xmm);
    struct iovec iov = {area, sizeof(area)};
    uint64_t features;
    let_go(pid, PTRACE_CONT, 0);
    CHECK_EQ(next_stop(pid), SIGTRAP);
    CHECK_EQ(request(PTRACE_GETREGSET, pid, NT_X86_XSTATE, (unsigned long) &iov), 0);
    CHECK(iov.iov_len >= 576 && iov.iov_len < sizeof(area));
    memcpy(&features, area + 464, 8);
    CHECK_EQ(features & 3, 3);
    CHECK_EQ(area[160 + 5 * 16], 5);
    area[160 + 5 * 16] = 44;
    CHECK_EQ(request(PTRACE_SETREGSET, pid, NT_X86_XSTATE, (unsigned long) &iov), 0);
    area[512 + 7] |= 0x40; /* a feature that no machine has */
    CHECK_ERR(request(PTRACE_SETREGSET, pid, NT_X86_XSTATE, (unsigned long) &iov), EINVAL);
    let_go(pid, PTRACE_CONT, 0);
    CHECK_EXIT(pid, 44);
}

static int getppid_works(void)
{
    return (int) syscall(SYS_getppid) > 0 ? 0 : 1;
}

CASE(orig_rax_outside_of_calls)
{
    pid_t pid = traced_child(by_register);
    let_go(pid, PTRACE_CONT, 0);
    CHECK_EQ(next_stop(pid), SIGTRAP);
    CHECK_EQ(regs_of(pid).orig_rax, (unsigned long long) -1);
    let_go(pid, PTRACE_CONT, 0);
    CHECK_EXIT(pid, 1);
}

/* ---- calls ---- */

CASE(syscall_stops)
{
    pid_t pid = traced_child(getppid_works);
    struct user_regs_struct r;
    CHECK_EQ(request(PTRACE_SETOPTIONS, pid, 0, PTRACE_O_TRACESYSGOOD), 0);
    do {
        let_go(pid, PTRACE_SYSCALL, 0);
        CHECK_EQ(next_stop(pid), SIGTRAP | 0x80);
        r = regs_of(pid);
    } while (r.orig_rax != SYS_getppid);
    CHECK_EQ((long) r.rax, -ENOSYS);
    let_go(pid, PTRACE_SYSCALL, 0);
    CHECK_EQ(next_stop(pid), SIGTRAP | 0x80);
    r = regs_of(pid);
    CHECK_EQ(r.orig_rax, SYS_getppid);
    CHECK_EQ(r.rax, (unsigned long long) getpid());
    let_go(pid, PTRACE_CONT, 0);
    CHECK_EXIT(pid, 0);
}

CASE(syscall_stop_without_option)
{
    pid_t pid = traced_child(getppid_works);
    siginfo_t si;
    let_go(pid, PTRACE_SYSCALL, 0);
    CHECK_EQ(next_stop(pid), SIGTRAP);
    CHECK_EQ(request(PTRACE_GETSIGINFO, pid, 0, (unsigned long) &si), 0);
    CHECK_EQ(si.si_code, SIGTRAP);
    let_go(pid, PTRACE_CONT, 0);
    CHECK_EXIT(pid, 0);
}

static int asks_getppid(void)
{
    return (int) syscall(SYS_getppid);
}

static pid_t at_entry(int (*fn)(void), unsigned long long nr)
{
    pid_t pid = traced_child(fn);
    CHECK_EQ(request(PTRACE_SETOPTIONS, pid, 0, PTRACE_O_TRACESYSGOOD), 0);
    do {
        let_go(pid, PTRACE_SYSCALL, 0);
        CHECK_EQ(next_stop(pid), SIGTRAP | 0x80);
    } while (regs_of(pid).orig_rax != nr);
    return pid;
}

CASE(change_result)
{
    pid_t pid = at_entry(asks_getppid, SYS_getppid);
    let_go(pid, PTRACE_SYSCALL, 0);
    CHECK_EQ(next_stop(pid), SIGTRAP | 0x80);
    CHECK_EQ(request(PTRACE_POKEUSER, pid, offsetof(struct user, regs.rax), 55), 0);
    let_go(pid, PTRACE_CONT, 0);
    CHECK_EXIT(pid, 55);
}

CASE(skip_call)
{
    pid_t pid = at_entry(asks_getppid, SYS_getppid);
    CHECK_EQ(request(PTRACE_POKEUSER, pid, offsetof(struct user, regs.orig_rax),
                     (unsigned long) -1),
             0);
    CHECK_EQ(request(PTRACE_POKEUSER, pid, offsetof(struct user, regs.rax), 66), 0);
    let_go(pid, PTRACE_CONT, 0);
    CHECK_EXIT(pid, 66);
}

CASE(change_number)
{
    umask(0135);
    pid_t pid = at_entry(asks_getppid, SYS_getppid);
    CHECK_EQ(request(PTRACE_POKEUSER, pid, offsetof(struct user, regs.orig_rax), SYS_umask), 0);
    CHECK_EQ(request(PTRACE_POKEUSER, pid, offsetof(struct user, regs.rdi), 017), 0);
    let_go(pid, PTRACE_CONT, 0);
    CHECK_EXIT(pid, 0135);
}

static char out_text[] = "AAAA";

static int writes(void)
{
    int fds[2];
    char got[5] = "";
    if (pipe(fds) || write(fds[1], out_text, 4) != 4 || read(fds[0], got, 4) != 4)
        return 1;
    return got[0] == 'B' && got[3] == 'A' ? 0 : 2;
}

CASE(change_buffer_at_entry)
{
    pid_t pid = at_entry(writes, SYS_write);
    long word;
    CHECK_EQ(request(PTRACE_PEEKDATA, pid, (unsigned long) out_text, (unsigned long) &word), 0);
    word = (word & ~0xffl) | 'B';
    CHECK_EQ(request(PTRACE_POKEDATA, pid, (unsigned long) out_text, (unsigned long) word), 0);
    let_go(pid, PTRACE_CONT, 0);
    CHECK_EXIT(pid, 0);
}

CASE(result_buffer_at_exit)
{
    pid_t pid = at_entry(writes, SYS_read);
    unsigned long at = regs_of(pid).rsi;
    long word = 0;
    let_go(pid, PTRACE_SYSCALL, 0);
    CHECK_EQ(next_stop(pid), SIGTRAP | 0x80);
    CHECK_EQ(request(PTRACE_PEEKDATA, pid, at, (unsigned long) &word), 0);
    CHECK_MEM(&word, "AAAA", 4);
    end_child(pid);
}

CASE(syscall_info)
{
    pid_t pid = at_entry(asks_getppid, SYS_getppid);
    struct __ptrace_syscall_info i;
    memset(&i, 0, sizeof(i));
    CHECK_EQ(request(PTRACE_GET_SYSCALL_INFO, pid, sizeof(i), (unsigned long) &i), 80);
    CHECK_EQ(i.op, PTRACE_SYSCALL_INFO_ENTRY);
    CHECK_EQ(i.arch, 0xc000003e);
    CHECK_EQ(i.entry.nr, SYS_getppid);
    CHECK_EQ(i.instruction_pointer, regs_of(pid).rip);
    let_go(pid, PTRACE_SYSCALL, 0);
    CHECK_EQ(next_stop(pid), SIGTRAP | 0x80);
    CHECK_EQ(request(PTRACE_GET_SYSCALL_INFO, pid, sizeof(i), (unsigned long) &i), 33);
    CHECK_EQ(i.op, PTRACE_SYSCALL_INFO_EXIT);
    CHECK_EQ(i.exit.rval, getpid());
    CHECK_EQ(i.exit.is_error, 0);
    kill(pid, SIGUSR1);
    let_go(pid, PTRACE_CONT, 0);
    CHECK_EQ(next_stop(pid), SIGUSR1);
    CHECK_EQ(request(PTRACE_GET_SYSCALL_INFO, pid, sizeof(i), (unsigned long) &i), 24);
    CHECK_EQ(i.op, PTRACE_SYSCALL_INFO_NONE);
    end_child(pid);
}

/* Calls that run without the kernel's attention elsewhere must be seen, too. */
static int natives(void)
{
    static int word;
    char *m = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    m[0] = 1;
    mprotect(m, 4096, PROT_READ);
    madvise(m, 4096, MADV_DONTNEED);
    munmap(m, 8192);
    syscall(SYS_brk, 0);
    syscall(SYS_futex, &word, 129, 1, NULL, NULL, 0);
    syscall(SYS_sched_yield);
    syscall(SYS_getuid);
    return syscall(SYS_futex, &word, 128, 1, NULL, NULL, 0) == -1 && errno == EAGAIN ? 0 : 1;
}

CASE(native_calls_are_seen)
{
    const unsigned long long want[] = {SYS_mmap,  SYS_mprotect,  SYS_madvise,     SYS_munmap,
                                       SYS_brk,   SYS_futex,     SYS_sched_yield, SYS_getuid,
                                       SYS_futex, SYS_exit_group};
    pid_t pid = traced_child(natives);
    size_t n = 0;
    CHECK_EQ(request(PTRACE_SETOPTIONS, pid, 0, PTRACE_O_TRACESYSGOOD), 0);
    while (n < sizeof(want) / sizeof(want[0])) {
        let_go(pid, PTRACE_SYSCALL, 0);
        CHECK_EQ(next_stop(pid), SIGTRAP | 0x80);
        if (n || regs_of(pid).orig_rax == SYS_mmap)
            CHECK_EQ(regs_of(pid).orig_rax, want[n++]);
        if (regs_of(pid).orig_rax == SYS_exit_group)
            break;
        let_go(pid, PTRACE_SYSCALL, 0);
        CHECK_EQ(next_stop(pid), SIGTRAP | 0x80);
    }
    let_go(pid, PTRACE_CONT, 0);
    CHECK_EXIT(pid, 0);
}

CASE(sysemu)
{
    pid_t pid = traced_child(asks_getppid);
    do {
        let_go(pid, PTRACE_SYSEMU, 0);
        CHECK_EQ(next_stop(pid), SIGTRAP);
    } while (regs_of(pid).orig_rax != SYS_getppid);
    CHECK_EQ(request(PTRACE_POKEUSER, pid, offsetof(struct user, regs.rax), 77), 0);
    let_go(pid, PTRACE_SYSEMU, 0);
    CHECK_EQ(next_stop(pid), SIGTRAP);
    CHECK_EQ(regs_of(pid).orig_rax, SYS_exit_group);
    CHECK_EQ(regs_of(pid).rdi, 77);
    let_go(pid, PTRACE_CONT, 0); /* exit_group did nothing, and glibc makes it again */
    CHECK_EXIT(pid, 77);
}

GUEST_MAIN
