/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The zygote's start: the kernel has just executed the stub with its channel at descriptor 3. It
 * clears the address space of all but itself and the vDSO, and then waits for orders inside a
 * signal frame that the kernel made: every guest image begins as a copy of that frame.
 */
#include "platform/stub/handlers.h"

#define SYS_CLOSE       3
#define SYS_MMAP        9
#define SYS_MUNMAP      11
#define SYS_MADVISE     28
#define SYS_EXIT_GROUP  231
#define AT_EXECFN       31
#define AT_SYSINFO_EHDR 33
#define PAGE            4096ul
#define STACK_BELOW     0x40000ul /* the kernel maps some 132 KiB of first stack */

static uint64_t first_stack, first_stack_end;

static void on_first_trap(int signo, struct frame_info *info, struct frame_context *uc)
{
    struct frame *f = (struct frame *) ((uint8_t *) uc - offsetof(struct frame, uc));
    (void) signo;
    (void) info;
    stub_syscall(SYS_MUNMAP, (long) first_stack, (long) (first_stack_end - first_stack), 0, 0, 0,
                 0);
    handlers_install((void *) 0);
    f->uc.fpstate = 0; /* images start with the initial vector state */
    converse(slot_channel(0), f, REQ_READY);
}

static long map_fixed(uint64_t addr, uint64_t len, int prot, int flags, int fd)
{
    return stub_syscall(SYS_MMAP, (long) addr, (long) len, prot, flags, fd, 0);
}

void zygote_main(uint64_t *sp);
void zygote_main(uint64_t *sp)
{
    uint64_t *p = sp + 1 + sp[0] + 1;
    while (*p)
        p++;
    const char *last = (const char *) sp;
    for (p++; *p; p += 2) {
        if (*p == AT_EXECFN)
            last = (const char *) p[1];
        else if (*p == AT_SYSINFO_EHDR)
            stub_process.vdso = p[1];
    }
    while (*last)
        last++;
    first_stack = ((uint64_t) sp & ~(PAGE - 1)) - STACK_BELOW;
    first_stack_end = ((uint64_t) last + 1 + 8 + PAGE - 1) & ~(PAGE - 1);

    /* PROT_NONE reservation: PRIVATE | FIXED | ANONYMOUS | NORESERVE */
    long r = map_fixed(STUB_SLOTS, STUB_END - STUB_SLOTS, 0, 0x4032, -1);
    if (r >= 0)
        r = map_fixed(STUB_SLOTS + SLOT_CHANNEL, CHANNEL_SIZE, 3, 0x11, ZYGOTE_CHANNEL_FD);
    if (r >= 0)
        r = slot_prepare(0);
    if (r < 0)
        stub_syscall(SYS_EXIT_GROUP, 124, 0, 0, 0, 0, 0);
    stub_syscall(SYS_CLOSE, ZYGOTE_CHANNEL_FD, 0, 0, 0, 0, 0);
    stub_syscall(SYS_MADVISE, (long) slot_channel(0), CHANNEL_SIZE, 10 /* DONTFORK */, 0, 0, 0);
    slot_use_stack(0);
    handlers_install(on_first_trap);
    __asm__ volatile("int3");
    __builtin_trap();
}
