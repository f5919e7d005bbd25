/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Attacks by way of patched call sites: trampolines filled with other code, a GS base that names
 * another thread or nobody, the stub's own lists and locks. The attacker may die of it or get
 * nonsense; nobody else notices.
 */
#include "attack.h"

#include <asm/prctl.h>
#include <pthread.h>

static struct stub_process *process(void)
{
    return (struct stub_process *) STUB_DATA;
}

static void heat(void)
{
    struct stat st;
    for (int i = 0; i < 300; i++) {
        (void) getppid();
        (void) stat("/", &st);
        (void) raw_guest(CALL(SYS_getppid));
        (void) raw_guest(CALL(SYS_close, {-1}));
    }
}

static void need_patches(void)
{
    need_stub();
    heat();
    if (!process()->patching.n_chunks)
        SKIP("nothing is patched on this machine");
}

/* The attack runs in a process of its own; then this one and a third must be as they were. */
static void others_are_well(void (*attack)(uint64_t seed), unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        pid_t me = getpid(), pid = (pid_t) CHECK_OK(fork());
        if (pid == 0) {
            attack(i);
            _exit(0);
        }
        (void) end_within(pid, 1500);
        pid = (pid_t) CHECK_OK(fork());
        if (pid == 0) {
            heat();
            _exit(getppid() == me ? 0 : 1);
        }
        CHECK_EXIT(pid, 0);
        heat();
        CHECK_EQ(getpid(), me);
    }
}

static void fill_trampolines(uint64_t seed)
{
    static const unsigned char bytes[] = {0x00, 0xcc, 0x90, 0xf4, 0xc3, 0xeb};
    for (uint32_t i = 0; i < process()->patching.n_chunks; i++) {
        void *chunk = (void *) process()->patching.chunks[i];
        if (mprotect(chunk, STUB_CHUNK_SIZE, PROT_READ | PROT_WRITE | PROT_EXEC) == 0)
            memset(chunk, bytes[seed % sizeof(bytes)], STUB_CHUNK_SIZE);
    }
    heat();
}

CASE(trampolines_overwritten)
{
    need_patches();
    others_are_well(fill_trampolines, 6);
}

static void unmap_trampolines(uint64_t seed)
{
    for (uint32_t i = 0; i < process()->patching.n_chunks; i++) {
        void *chunk = (void *) process()->patching.chunks[i];
        if (seed & 1)
            munmap(chunk, STUB_CHUNK_SIZE);
        else
            mmap(chunk, STUB_CHUNK_SIZE, PROT_READ | PROT_WRITE,
                 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    }
    heat();
}

CASE(trampolines_taken_away)
{
    need_patches();
    others_are_well(unmap_trampolines, 2);
}

static void set_gs(uint64_t base)
{
    __asm__ volatile("wrgsbase %0" ::"r"(base));
}

static void lie_with_gs(uint64_t seed)
{
    const uint64_t bases[] = {
        STUB_BASE,
        STUB_DATA,
        STUB_SLOTS,
        STUB_SLOTS + SLOT_STACK + STUB_SLOT_SIZE,
        STUB_SLOTS + SLOT_STACK + 8,
        STUB_SLOTS + SLOT_STACK - 0x1000,
        STUB_END - 8,
        STUB_END + 0x20000000,
        0x700080000000,
        1,
        (uint64_t) &bases,
        0x7fffffffe000,
    };
    set_gs(bases[seed % (sizeof(bases) / sizeof(bases[0]))]);
    heat();
}

CASE(gs_names_anything)
{
    need_patches();
    others_are_well(lie_with_gs, 12);
}

static uint64_t gs_of_the_other;
static _Atomic bool told;

static void *share_gs(void *arg)
{
    heat();
    if (arg) {
        __asm__ volatile("rdgsbase %0" : "=r"(gs_of_the_other));
        told = true;
    } else {
        while (!told)
            (void) raw_guest(CALL(SYS_sched_yield));
        set_gs(gs_of_the_other);
    }
    for (int i = 0; i < 20; i++)
        heat();
    return NULL;
}

static void two_threads_in_one_slot(uint64_t seed)
{
    pthread_t t[2];
    (void) seed;
    alarm(1);
    for (int i = 0; i < 2; i++)
        if (pthread_create(&t[i], NULL, share_gs, i ? &t[0] : NULL) != 0)
            _exit(1);
    for (int i = 0; i < 2; i++)
        pthread_join(t[i], NULL);
}

CASE(gs_names_another_thread)
{
    need_patches();
    others_are_well(two_threads_in_one_slot, 4);
}

static void hold_the_lock(uint64_t seed)
{
    process()->patching.lock = 1;
    if (seed & 1)
        (void) fork();
    for (int i = 0; i < 300; i++) /* a site that is not patched yet */
        (void) raw_stub(CALL(SYS_getppid));
    (void) getsid(0);
    for (int i = 0; i < 300; i++)
        (void) getsid(0);
}

CASE(lock_is_held_for_ever)
{
    need_patches();
    others_are_well(hold_the_lock, 2);
}

static void lie_about_chunks(uint64_t seed)
{
    struct stub_process *p = process();
    const uint64_t chunks[] = {0, STUB_BASE, (uint64_t) heat & ~(PAGE - 1), 0x7ffffffff000, ~0ul};
    if (seed % 3 == 0)
        p->patching.n_chunks = 0;
    else if (seed % 3 == 1)
        p->patching.n_chunks = UINT32_MAX;
    for (int i = 0; i < STUB_MAX_CHUNKS; i++)
        p->patching.chunks[i] = chunks[seed % 5];
    p->patching.on = 1;
    heat();
    for (int i = 0; i < 300; i++)
        (void) getsid(0);
    __builtin_trap();
}

CASE(lists_lie)
{
    need_patches();
    others_are_well(lie_about_chunks, 15);
}

/* A partner that spins for the next word gets nonsense, or none. */
static void cheat_a_spinner(uint64_t seed)
{
    volatile struct channel *ch = own_channel();
    for (int i = 0; i < 2000; i++)
        (void) getppid();
    ch->cpu = (uint32_t) seed * 77;
    ch->spin = UINT32_MAX;
    switch (seed % 3) {
    case 0:
        for (uint64_t until = now_ns() + 200000000; now_ns() < until;)
            ;
        break;
    case 1:
        ch->turn = 77;
        break;
    case 2:
        for (int i = 0; i < 100000; i++) {
            ch->req = 99;
            ch->patch = (uint64_t) i * PAGE;
            ch->turn = TURN_SENTRY;
        }
        break;
    }
    heat();
}

CASE(spinner_is_cheated)
{
    need_patches();
    others_are_well(cheat_a_spinner, 6);
}

/* Each is an address for which the sentry reads the host's mappings. */
static void ask_for_patches(uint64_t seed)
{
    volatile struct channel *ch = own_channel();
    const uint64_t odd[] = {0, 1, STUB_BASE, STUB_SLOTS, 1ull << 63, ~0ull, 0x7fffffffffff, PAGE};
    for (int i = 0; i < 200; i++) {
        ch->req = REQ_SYSCALL;
        ch->nr = SYS_getppid;
        ch->n_in = ch->n_out = 0;
        ch->patch = i % 3 ? odd[(unsigned) i % 8] : (uint64_t) heat + seed;
        __atomic_store_n(&ch->turn, TURN_SENTRY, __ATOMIC_SEQ_CST);
        raw_guest(CALL(SYS_futex, {(long) &ch->turn, 1, 1}));
        for (int k = 0; k < 2000 && ch->turn == TURN_SENTRY; k++)
            raw_guest(CALL(SYS_sched_yield));
        if (ch->rep == REP_CALLS) { /* answered as the stub would, with an address of our own */
            ch->calls[0].result = (int64_t) odd[(unsigned) i % 8];
            ch->req = REQ_DONE;
            ch->result = 1;
        }
    }
}

CASE(patches_for_anything)
{
    need_patches();
    others_are_well(ask_for_patches, 4);
}

/* What a guest may read of the sentry's record is its own maps. */
CASE(trampolines_are_not_in_the_maps)
{
    static char text[1 << 16];
    char line[40];
    need_patches();
    get_file("/proc/self/maps", text, sizeof(text));
    snprintf(line, sizeof(line), "%lx-", (unsigned long) process()->patching.chunks[0]);
    CHECK(!strstr(text, line));
}

GUEST_MAIN
