/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the hostile programs share: raw system calls from guest text and from the stub's own text,
 * and a way to tell who answered one.
 *
 * The oracle: a call that the filter traps makes the kernel build a signal frame at the top of the
 * thread's alternate stack; a call that the host carries out, or that waits for the sentry as a
 * user notification, leaves that memory alone. The stack lies in guest memory, so a guest can paint
 * it before and look at the paint after. No other signal may arrive in between.
 */
#pragma once
#include "../../src/platform/stub_abi.h"
#include "../guest/guest.h"

#define PAGE        4096ul
#define PAINT_BYTES 2048 /* less than any frame with its floating-point state */

struct call {
    long nr;
    long a[6];
};

/* From this program's own text. A new process (fork and its like) ends at once, touching nothing.
 */
static UNUSED NOINLINE long raw_guest(const struct call *c)
{
    long ret = c->nr;
    register long r10 __asm__("r10") = c->a[3], r8 __asm__("r8") = c->a[4],
                      r9 __asm__("r9") = c->a[5];
    register long child __asm__("r12") = c->nr >= 56 && c->nr <= 58;
    __asm__ volatile("syscall\n\t"
                     "test %%rax, %%rax\n\t"
                     "jnz 1f\n\t"
                     "test %%r12, %%r12\n\t"
                     "jz 1f\n\t"
                     "mov $231, %%eax\n\t"
                     "xor %%edi, %%edi\n\t"
                     "syscall\n\t"
                     "1:"
                     : "+a"(ret), "+r"(r10), "+r"(r8), "+r"(r9)
                     : "D"(c->a[0]), "S"(c->a[1]), "d"(c->a[2]), "r"(child)
                     : "rcx", "r11", "memory", "cc");
    return ret;
}

static const unsigned char *stub_site; /* of `syscall; ret` in the stub's text */

/* The same by a jump to the stub's own instruction. Built without a red zone: it calls. */
static UNUSED NOINLINE long raw_stub(const struct call *c)
{
    long ret = c->nr;
    register long r10 __asm__("r10") = c->a[3], r8 __asm__("r8") = c->a[4],
                      r9 __asm__("r9") = c->a[5];
    register long child __asm__("r12") = c->nr >= 56 && c->nr <= 58;
    register const void *site __asm__("r13") = stub_site;
    __asm__ volatile("call *%%r13\n\t"
                     "test %%rax, %%rax\n\t"
                     "jnz 1f\n\t"
                     "test %%r12, %%r12\n\t"
                     "jz 1f\n\t"
                     "mov $231, %%eax\n\t"
                     "xor %%edi, %%edi\n\t"
                     "syscall\n\t"
                     "1:"
                     : "+a"(ret), "+r"(r10), "+r"(r8), "+r"(r9)
                     : "D"(c->a[0]), "S"(c->a[1]), "d"(c->a[2]), "r"(child), "r"(site)
                     : "rcx", "r11", "memory", "cc");
    return ret;
}

#pragma GCC diagnostic ignored "-Wmissing-field-initializers"
#define CALL(...) (&(struct call){__VA_ARGS__})

static UNUSED long raw(bool from_stub, const struct call *c)
{
    return from_stub ? raw_stub(c) : raw_guest(c);
}

/* mincore(2) runs natively in the sandbox and exists everywhere: is a page mapped? */
static UNUSED bool is_mapped(uint64_t addr)
{
    unsigned char v;
    return syscall(SYS_mincore, addr, PAGE, &v) == 0;
}

/* Skips natively: these cases are about the stub. */
static UNUSED void need_stub(void)
{
    if (!is_mapped(STUB_BASE))
        SKIP("no stub in this process: not in the sandbox");
    const unsigned char *text = (const unsigned char *) STUB_BASE;
    for (size_t i = 0; i < STUB_TEXT_END - STUB_BASE - 3 && !stub_site; i++) {
        if (i % PAGE == 0 && !is_mapped(STUB_BASE + i))
            break;
        if (text[i] == 0x0f && text[i + 1] == 0x05 && text[i + 2] == 0xc3)
            stub_site = text + i;
    }
    if (!stub_site)
        FAIL("no `syscall; ret` in the stub's text");
}

/* The calling thread's alternate stack, which the host kernel tells whoever stands in the stub. */
static UNUSED stack_t stub_stack(void)
{
    stack_t ss = {0};
    long r = raw_stub(CALL(SYS_sigaltstack, {0, (long) &ss}));
    if (r != 0 || (uint64_t) ss.ss_sp < STUB_SLOTS || (uint64_t) ss.ss_sp >= STUB_END)
        FAIL("sigaltstack by the stub's instruction: %ld, stack %p", r, ss.ss_sp);
    return ss;
}

static UNUSED struct channel *own_channel(void)
{
    return (struct channel *) ((uint64_t) stub_stack().ss_sp & ~(STUB_SLOT_SIZE - 1));
}

/* Makes the call; *ret_trapped tells whether the filter sent it to the sentry. */
static UNUSED long watched(bool from_stub, const struct call *c, volatile bool *ret_trapped)
{
    stack_t ss = stub_stack();
    volatile uint64_t *paint = (volatile uint64_t *) ((char *) ss.ss_sp + ss.ss_size - PAINT_BYTES);
    size_t n = PAINT_BYTES / sizeof(*paint);
    for (size_t i = 0; i < n; i++)
        paint[i] = 0xa5a5a5a5a5a5a5a5u;
    long ret = raw(from_stub, c);
    *ret_trapped = false;
    for (size_t i = 0; i < n; i++)
        if (paint[i] != 0xa5a5a5a5a5a5a5a5u)
            *ret_trapped = true;
    return ret;
}

/*
 * Waits at most ms; the wait status, or -1 after killing what did not end. Forks now and then: the
 * sentry looks at notifications when it makes processes, and a call that waits as one for no reason
 * stays waiting until then.
 */
static UNUSED int end_within(pid_t pid, int ms)
{
    int st, turns = 0;
    for (uint64_t until = now_ns() + (uint64_t) ms * 1000000; now_ns() < until; sleep_ms(1)) {
        pid_t r = waitpid(pid, &st, WNOHANG);
        if (r == pid)
            return st;
        if (r < 0)
            FAIL("waitpid %d: errno %d", (int) pid, errno);
        if (++turns % 20 == 0) {
            pid_t other = fork();
            if (other == 0)
                _exit(0);
            if (other > 0)
                waitpid(other, NULL, 0);
        }
    }
    kill(pid, SIGKILL);
    while (waitpid(pid, &st, 0) < 0 && errno == EINTR)
        ;
    return -1;
}

/* After an attack in another process: this one still computes, forks, opens, maps and reads. */
static UNUSED void still_sane(void)
{
    char buf[64];
    int fd = (int) CHECK_OK(open("/proc/self/stat", O_RDONLY | O_CLOEXEC));
    CHECK(read(fd, buf, sizeof(buf)) > 0);
    CHECK_EQ(atoi(buf), getpid());
    CHECK_EQ(close(fd), 0);
    char *m =
        CHECK_MAP(mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    m[0] = 1;
    CHECK_EQ(munmap(m, PAGE), 0);
    pid_t pid = fork();
    CHECK(pid >= 0);
    if (pid == 0)
        _exit(getppid() > 0 ? 7 : 1);
    CHECK_EXIT(pid, 7);
}
