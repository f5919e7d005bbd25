/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Attacks on the sentry through the channel, the memory a guest thread shares with it: forged
 * requests, words that change while they are read, wake-ups stolen and flooded, the memory taken
 * away. Whoever does that may die of it; the sandbox and everybody else in it must not.
 */
#include "attack.h"

#include <linux/futex.h>
#include <pthread.h>

/* No libc, no stack protector, no locks between forgery and end: a generator of its own. */
static uint64_t next(uint64_t *s)
{
    *s ^= *s << 13;
    *s ^= *s >> 7;
    *s ^= *s << 17;
    return *s;
}

/* Numbers that stand at edges more often than not. */
static uint64_t nasty(uint64_t *s)
{
    static const uint64_t edges[] = {0,          1,
                                     2,          3,
                                     4,          8,
                                     15,         16,
                                     17,         63,
                                     64,         255,
                                     4095,       4096,
                                     4097,       0xf000,
                                     0xffff,     0x10000,
                                     0x7fffffff, 0x80000000,
                                     0xffffffff, 1ull << 32,
                                     1ull << 47, ~0ull,
                                     1ull << 63, 0x7fffffffffffull,
                                     STUB_BASE,  STUB_SLOTS,
                                     STUB_DATA,  ~4095ull};
    uint64_t r = next(s);
    if (r % 4 == 0)
        return next(s);
    if (r % 4 == 1)
        return (uint64_t) &edges + r / 4 % 100000;
    return edges[r / 4 % (sizeof(edges) / sizeof(edges[0]))] + (r % 4 == 3 ? r / 1024 % 3 - 1 : 0);
}

static void scribble(volatile struct channel *ch, uint64_t *s)
{
    volatile uint32_t *words = (volatile uint32_t *) ch;
    const size_t n = sizeof(*ch) / 4;
    for (int i = 0; i < 30; i++)
        words[next(s) % n] = (uint32_t) nasty(s);
}

static void forge(volatile struct channel *ch, uint64_t *s)
{
    ch->req = (uint32_t) (next(s) % 9);
    ch->nr = next(s) % 3 ? next(s) % 460 : nasty(s);
    for (int i = 0; i < 6; i++)
        ch->args[i] = nasty(s);
    /* Not what would end or stop the attacker before the next round, nor send signals to others. */
    if (ch->nr == SYS_exit_group || ch->nr == SYS_exit || ch->nr == SYS_kill ||
        ch->nr == SYS_tkill || ch->nr == SYS_tgkill || ch->nr == SYS_rt_sigqueueinfo ||
        ch->nr == SYS_fchmod || ch->nr == SYS_fchown)
        ch->nr = SYS_getppid;
    ch->result = (int64_t) nasty(s);
    ch->signo = (int32_t) nasty(s);
    ch->code = (int32_t) nasty(s);
    ch->addr = nasty(s);
    ch->patch = nasty(s);
    ch->n_in = (uint32_t) nasty(s);
    ch->n_out = (uint32_t) nasty(s);
    for (int i = 0; i < 2 * STUB_SEGMENTS; i++) {
        ch->segments[i].addr = next(s) % 2 ? ch->args[i % 4] : nasty(s);
        ch->segments[i].len = (uint32_t) nasty(s);
        ch->segments[i].off = (uint32_t) nasty(s);
    }
    volatile uint64_t *regs = (volatile uint64_t *) &ch->regs;
    for (size_t i = 0; i < sizeof(ch->regs) / 8; i++)
        if (next(s) % 4 == 0)
            regs[i] = nasty(s);
    ch->cpu = (uint32_t) nasty(s);
    if (next(s) % 4 == 0)
        scribble(ch, s);
}

/* Plays the stub with forged requests; the sentry's replies are not obeyed. */
static void play(volatile struct channel *ch, uint64_t seed, int rounds)
{
    uint64_t s = seed * 0x9e3779b97f4a7c15u + 1;
    for (int i = 0; i < rounds; i++) {
        forge(ch, &s);
        __atomic_store_n(&ch->turn, next(&s) % 16 ? TURN_SENTRY : (uint32_t) nasty(&s),
                         __ATOMIC_SEQ_CST);
        raw_guest(CALL(SYS_futex, {(long) &ch->turn, FUTEX_WAKE, 1}));
        for (int k = 0; k < 2000 && __atomic_load_n(&ch->turn, __ATOMIC_ACQUIRE) == TURN_SENTRY;
             k++)
            if (k > 100)
                raw_guest(CALL(SYS_sched_yield, {0}));
    }
}

static void fuzz(int first, int last, int rounds)
{
    for (int seed = first; seed < last; seed++) {
        int p[2];
        CHECK_EQ(pipe(p), 0);
        pid_t pid = fork();
        CHECK(pid >= 0);
        if (pid == 0) {
            /* Small descriptors are no files of the caller's; forged calls may do what they like.
             */
            dup2(p[0], 0), dup2(p[1], 1), dup2(p[1], 2);
            play(own_channel(), (uint64_t) seed + 1, rounds);
            raw_guest(CALL(SYS_exit_group, {0}));
            for (;;)
                pause();
        }
        close(p[0]);
        close(p[1]);
        end_within(pid, 2000); /* how it ends is its own affair */
        if (seed % 8 == 0)
            still_sane();
    }
    still_sane();
}

CASE(forged_requests)
{
    need_stub();
    fuzz(0, 60, 60);
}

CASE(one_forged_request_each)
{
    need_stub();
    fuzz(1000, 1100, 1);
}

static void *scribbler(void *arg)
{
    uint64_t s = 88172645463325252u;
    struct channel *ch = arg;
    for (;;)
        scribble(ch, &s);
    return NULL;
}

/* The words change under the sentry's eyes while real calls go through. */
CASE(another_thread_scribbles)
{
    need_stub();
    for (int round = 0; round < 5; round++) {
        pid_t pid = fork();
        CHECK(pid >= 0);
        if (pid == 0) {
            pthread_t t;
            char buf[256];
            int fd = open("/proc/self/status", O_RDONLY);
            if (pthread_create(&t, NULL, scribbler, own_channel()))
                _exit(1);
            for (int i = 0; i < 2000; i++) {
                pread(fd, buf, sizeof(buf), 0);
                syscall(SYS_getppid);
                open("/tmp", O_DIRECTORY);
            }
            _exit(0);
        }
        end_within(pid, 1000);
        still_sane();
    }
}

static void *flooder(void *arg)
{
    struct channel *ch = arg;
    for (;;) {
        raw_guest(CALL(SYS_futex, {(long) &ch->turn, FUTEX_WAKE, 0x7fffffff}));
        raw_guest(CALL(SYS_futex, {(long) &ch->stub_asleep, FUTEX_WAKE, 0x7fffffff}));
    }
    return NULL;
}

/* Wake-ups nobody asked for: the calls themselves must stay right. */
CASE(flood_of_wakeups)
{
    need_stub();
    pid_t pid = fork();
    CHECK(pid >= 0);
    if (pid == 0) {
        pthread_t t;
        CHECK_EQ(pthread_create(&t, NULL, flooder, own_channel()), 0);
        pid_t parent = getppid();
        for (int i = 0; i < 5000; i++)
            if (syscall(SYS_getppid) != parent)
                _exit(1);
        _exit(0);
    }
    CHECK_EQ(end_within(pid, 20000), 0);
}

static void *thief(void *arg)
{
    struct channel *ch = arg;
    for (;;)
        raw_guest(CALL(SYS_futex, {(long) &ch->turn, FUTEX_WAIT, TURN_SENTRY, 0}));
    return NULL;
}

/* Threads that wait on another's word and so may take its wake-up, and requeue of the sentry's
 * wait. */
CASE(stolen_wakeups)
{
    need_stub();
    static uint32_t elsewhere;
    pid_t pid = fork();
    CHECK(pid >= 0);
    if (pid == 0) {
        struct channel *ch = own_channel();
        pthread_t t;
        for (int i = 0; i < 4; i++)
            CHECK_EQ(pthread_create(&t, NULL, thief, ch), 0);
        for (int i = 0; i < 300; i++) {
            raw_guest(CALL(SYS_futex,
                           {(long) &ch->turn, FUTEX_REQUEUE_PRIVATE, 0, 100, (long) &elsewhere}));
            raw_guest(
                CALL(SYS_futex, {(long) &ch->turn, FUTEX_REQUEUE, 0, 100, (long) &elsewhere}));
            syscall(SYS_getppid);
        }
        _exit(0);
    }
    end_within(pid, 20000);
    still_sane();
}

/* The channel and the stub unmapped, write-protected, replaced, emptied. */
static void take_away(int way)
{
    struct channel *ch = own_channel();
    const long at = (long) ch;
    switch (way) {
    case 0:
        raw_guest(CALL(SYS_munmap, {at, CHANNEL_SIZE}));
        break;
    case 1:
        raw_guest(CALL(SYS_mprotect, {at, CHANNEL_SIZE, PROT_READ}));
        break;
    case 2:
        raw_guest(CALL(SYS_mprotect, {at, CHANNEL_SIZE, PROT_NONE}));
        break;
    case 3:
        raw_guest(
            CALL(SYS_mmap, {at, CHANNEL_SIZE, 3, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0}));
        break;
    case 4:
        raw_guest(CALL(SYS_madvise, {at, CHANNEL_SIZE, MADV_DONTNEED}));
        break;
    case 5:
        raw_guest(CALL(SYS_madvise, {at, CHANNEL_SIZE, MADV_REMOVE}));
        break;
    case 6:
        raw_guest(CALL(SYS_munmap, {(long) STUB_BASE, (long) (STUB_END - STUB_BASE)}));
        break;
    case 7:
        raw_guest(CALL(SYS_munmap, {(long) STUB_DATA, 0x10000}));
        break;
    case 8:
        raw_guest(CALL(SYS_mprotect, {(long) STUB_BASE, 0x10000, 0}));
        break;
    case 9:
        raw_guest(CALL(SYS_mprotect, {(long) STUB_BASE, 0x1000, 7}));
        memset((void *) STUB_BASE, 0xcc, 0x1000);
        break;
    case 10:
        raw_guest(CALL(SYS_mremap, {at, CHANNEL_SIZE, CHANNEL_SIZE, 3, 0x600000000000}));
        break;
    case 11:
        raw_guest(CALL(SYS_munmap, {0, 0x7ffffffff000}));
        break;
    default:
        memset(ch, way, CHANNEL_SIZE);
        break;
    }
}

CASE(channel_taken_away)
{
    need_stub();
    for (int way = 0; way < 14; way++) {
        pid_t pid = fork();
        CHECK(pid >= 0);
        if (pid == 0) {
            take_away(way);
            for (int i = 0; i < 10; i++)
                raw_guest(CALL(SYS_getppid, {0}));
            raw_guest(CALL(SYS_exit_group, {0}));
            for (;;)
                ;
        }
        end_within(pid, 2000);
        still_sane();
    }
}

/* The memory behind it is sealed and has no name: nothing a guest can open leads to it. */
CASE(channel_has_no_name)
{
    need_stub();
    char line[512];
    FILE *f = fopen("/proc/self/maps", "re");
    CHECK(f != NULL);
    while (fgets(line, sizeof(line), f)) {
        uint64_t from = strtoull(line, NULL, 16);
        if (from >= STUB_BASE && from < STUB_END)
            FAIL("the stub's region is shown: %s", line);
    }
    fclose(f);
    snprintf(line, sizeof(line), "/proc/self/map_files/%llx-%llx",
             (unsigned long long) (uint64_t) own_channel(),
             (unsigned long long) (uint64_t) own_channel() + CHANNEL_SIZE);
    CHECK(open(line, O_RDWR) < 0);
}

/* The process's last word goes to the sentry: a killed hostile process is gone for its parent. */
CASE(hostile_process_dies_by_kill)
{
    need_stub();
    for (int i = 0; i < 10; i++) {
        pid_t pid = fork();
        CHECK(pid >= 0);
        if (pid == 0) {
            /* Never answers a kick, never hands over. */
            own_channel()->turn = (uint32_t) i;
            for (;;)
                __asm__ volatile("pause");
        }
        sleep_ms(5);
        CHECK_EQ(kill(pid, i % 2 ? SIGKILL : SIGTERM), 0);
        int st = end_within(pid, 5000);
        CHECK(st == SIGKILL || st == SIGTERM);
    }
}

struct overwriter {
    volatile struct channel *ch;
    volatile bool stop;
    uint64_t len, code;
};

static void *overwrite(void *arg)
{
    struct overwriter *o = arg;
    while (!o->stop) {
        o->ch->program.len = o->len;
        o->ch->program.code[0] = o->code;
    }
    return NULL;
}

/*
 * When a guest puts a filter on itself, the host's own filter for it stands in the channel for a
 * moment: another thread exchanges it. Whatever it becomes hurts the process alone.
 */
CASE(another_filter_on_the_host)
{
    static const uint64_t codes[] = {
        0x7fff000000000006, /* return ALLOW */
        0x0000000000000006, /* KILL_THREAD */
        0x8000000000000006, /* KILL_PROCESS */
        0x0005002600000006, /* ERRNO */
        0x0003000000000006, /* TRAP: the stub's own calls, too */
        0x7fc0000000000006, /* USER_NOTIF: nobody listens to this one */
        0xffffffffffffffff, /* no instruction */
    };
    struct {
        uint16_t len;
        const uint64_t *code;
    } prog = {1, &codes[0]};
    need_stub();
    for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++)
        for (int k = 0; k < 4; k++) {
            pid_t pid = fork();
            CHECK(pid >= 0);
            if (pid == 0) {
                struct overwriter o = {.ch = own_channel(), .len = 1, .code = codes[i]};
                pthread_t th;
                CHECK_EQ(pthread_create(&th, NULL, overwrite, &o), 0);
                /* 38: PR_SET_NO_NEW_PRIVS */
                syscall(SYS_prctl, 38, 1, 0, 0, 0);
                syscall(SYS_seccomp, 1, 0, &prog);
                o.stop = true;
                for (int n = 0; n < 100; n++) {
                    syscall(SYS_getppid);
                    syscall(SYS_sched_yield);
                }
                _exit(0);
            }
            end_within(pid, 1500);
        }
    still_sane();
}

GUEST_MAIN
