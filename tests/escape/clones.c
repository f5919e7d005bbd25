/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Processes the sentry does not know, bombs, and what is said about the alternate signal stack: no
 * guest may make a host process or thread by itself, and none may make so many that others suffer.
 */
#include "attack.h"

#include <pthread.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/resource.h>

static const unsigned long words[] = {STUB_CLONE_FORK, STUB_CLONE_VFORK, STUB_CLONE_SHARED,
                                      STUB_CLONE_THREAD};

static char ghost_stack[65536] __attribute__((aligned(16)));
static volatile int ghosts;

/* clone(2) at some instruction; a child that lives counts itself and stays. */
static long make_ghost(const void *site, unsigned long flags)
{
    long ret;
    char *top = ghost_stack + sizeof(ghost_stack) - 64;
    /* The child returns from the stub's instruction through this word of its own stack. */
    register long r10 __asm__("r10") = 0, r8 __asm__("r8") = 0;
    __asm__ volatile("lea 2f(%%rip), %%rcx\n\t"
                     "mov %%rcx, (%%rsi)\n\t"
                     "mov %[site], %%r9\n\t"
                     "lea 1f(%%rip), %%rcx\n\t"
                     "push %%rcx\n\t"
                     "jmp *%%r9\n"
                     "2:\n\t" /* the child */
                     "lock incl %[n]\n"
                     "3:\n\t"
                     "pause\n\t"
                     "jmp 3b\n"
                     "1:\n"
                     : "=a"(ret), [n] "+m"(ghosts)
                     : "a"(SYS_clone), "D"(flags), "S"(top), "d"(0L), "r"(r10),
                       "r"(r8), [site] "r"(site)
                     : "rcx", "r9", "r11", "memory", "cc");
    return ret;
}

static void ghost_attack(void)
{
    static const unsigned char own_site[]
        __attribute__((section(".text#"), aligned(16))) = {0x0f, 0x05, 0xc3};
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (words[i] == STUB_CLONE_FORK)
            continue; /* without a stack switch: in calls.c */
        long r = make_ghost(stub_site, words[i]);
        if (r >= 0)
            FAIL("clone %#lx by the stub's instruction gave %ld", words[i], r);
        r = make_ghost(own_site, words[i]);
        if (r >= 0)
            FAIL("clone %#lx from guest text gave %ld", words[i], r);
    }
    sleep_ms(50);
    CHECK_EQ(ghosts, 0);
}

CASE(no_process_unknown_to_the_sentry)
{
    need_stub();
    pid_t pid = fork();
    CHECK(pid >= 0);
    if (pid == 0) {
        ghost_attack();
        for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
            if (words[i] == STUB_CLONE_VFORK)
                continue;
            CHECK(raw_stub(CALL(SYS_clone, {(long) words[i]})) < 0);
            CHECK(raw_guest(CALL(SYS_clone, {(long) words[i]})) < 0);
        }
        _exit(12);
    }
    CHECK_EQ(end_within(pid, 20000), 12 << 8);
    still_sane();
}

static void hand_over(volatile struct channel *ch)
{
    __atomic_store_n(&ch->turn, TURN_SENTRY, __ATOMIC_SEQ_CST);
    raw_guest(CALL(SYS_futex, {(long) &ch->turn, 1 /* FUTEX_WAKE */, 1}));
    while (__atomic_load_n(&ch->turn, __ATOMIC_SEQ_CST) != TURN_STUB)
        ;
}

/* A clone that the sentry did order, made by hand: the child hides, the parent says that it failed.
 */
static void hide_a_child(volatile uint64_t *heartbeat, unsigned long flags)
{
    volatile struct channel *ch = own_channel();
    ch->req = REQ_SYSCALL;
    ch->nr = SYS_clone;
    memset((void *) ch->args, 0, sizeof(ch->args));
    ch->args[0] = flags;
    ch->args[1] = flags & CLONE_VM ? (uint64_t) ghost_stack + sizeof(ghost_stack) - 64 : 0;
    ch->n_in = ch->n_out = 0;
    hand_over(ch);
    if (ch->rep != REP_CLONE)
        return;
    long r;
    register long r10 __asm__("r10") = 0, r8 __asm__("r8") = 0;
    __asm__ volatile("syscall\n\t"
                     "test %%rax, %%rax\n\t"
                     "jnz 1f\n"
                     "2:\n\t"
                     "lock incq (%[beat])\n\t"
                     "jmp 2b\n"
                     "1:"
                     : "=a"(r)
                     : "a"(SYS_clone), "D"((long) ch->clone.flags), "S"(ch->args[1]), "d"(0L),
                       "r"(r10), "r"(r8), [beat] "b"(heartbeat)
                     : "rcx", "r11", "memory", "cc");
    ch->result = -EAGAIN;
    ch->req = REQ_DONE;
    hand_over(ch);
}

static volatile uint64_t *new_heartbeat(void)
{
    return CHECK_MAP(mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
}

static void check_still(const volatile uint64_t *heartbeat)
{
    sleep_ms(300);
    uint64_t before = *heartbeat;
    sleep_ms(300);
    CHECK_EQ(*heartbeat, before);
}

/* After the end of the process that the sentry knows, nothing of it may go on. */
CASE(no_hidden_child)
{
    need_stub();
    volatile uint64_t *heartbeat = new_heartbeat();
    pid_t pid = fork();
    CHECK(pid >= 0);
    if (pid == 0) {
        hide_a_child(heartbeat, SIGCHLD);
        raw_guest(CALL(SYS_exit_group, {0}));
    }
    end_within(pid, 30000);
    check_still(heartbeat);
    still_sane();
}

/* A process with a thread that the sentry does not know is ended, though it does nothing else. */
CASE(no_hidden_thread)
{
    need_stub();
    volatile uint64_t *heartbeat = new_heartbeat();
    pid_t pid = fork();
    CHECK(pid >= 0);
    if (pid == 0) {
        hide_a_child(heartbeat, 0x3d0f00 /* as pthread_create asks for */);
        for (;;)
            __asm__ volatile("pause");
    }
    CHECK_EQ(end_within(pid, 30000), SIGKILL);
    CHECK(*heartbeat > 0);
    check_still(heartbeat);
    still_sane();
}

static void *forker(void *arg)
{
    volatile bool *stop = arg;
    while (!*stop) {
        pid_t pid = fork();
        if (pid == 0)
            _exit(0);
        if (pid > 0)
            waitpid(pid, NULL, 0);
    }
    return NULL;
}

/* While the sentry has ordered a clone of one thread, another tries to be continued in its place.
 */
CASE(no_clone_in_another_threads_place)
{
    need_stub();
    volatile bool stop = false;
    pthread_t t;
    CHECK_EQ(pthread_create(&t, NULL, forker, (void *) &stop), 0);
    for (uint64_t until = now_ns() + 500000000; now_ns() < until;)
        for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
            if (words[i] == STUB_CLONE_FORK) {
                CHECK(raw_stub(CALL(SYS_clone, {(long) words[i]})) < 0);
            } else {
                CHECK(make_ghost(stub_site, words[i]) < 0);
            }
        }
    stop = true;
    pthread_join(t, NULL);
    CHECK_EQ(ghosts, 0);
    still_sane();
}

/* Hello from threads that are known already, with all small cookies and some of the channel's own.
 */
CASE(no_second_hello)
{
    need_stub();
    pid_t pid = fork();
    CHECK(pid >= 0);
    if (pid == 0) {
        still_sane(); /* a clone of its own, so that there is a cookie to try again */
        const uint64_t stale = own_channel()->clone.cookie;
        CHECK(raw_stub(CALL(STUB_NR_HELLO, {(long) stale})) < 0);
        for (long cookie = 0; cookie < 8; cookie++) {
            CHECK(raw_stub(CALL(STUB_NR_HELLO, {cookie})) < 0);
            CHECK(raw_guest(CALL(STUB_NR_HELLO, {-cookie})) < 0);
        }
        _exit(13);
    }
    CHECK_EQ(end_within(pid, 20000), 13 << 8);
    still_sane();
}

struct bomb {
    volatile int made, error;
};

static struct bomb *new_bomb(void)
{
    return CHECK_MAP(
        mmap(NULL, sizeof(struct bomb), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
}

static void *sleeper(void *arg)
{
    (void) arg;
    for (;;)
        pause();
    return NULL;
}

/* Threads until it fails; all end with their process. */
CASE(thread_bomb)
{
    need_stub();
    struct bomb *b = new_bomb();
    pid_t pid = fork();
    CHECK(pid >= 0);
    if (pid == 0) {
        pthread_attr_t a;
        pthread_attr_init(&a);
        pthread_attr_setstacksize(&a, 32768);
        pthread_t t;
        while (b->made < 20000) {
            int r = pthread_create(&t, &a, sleeper, NULL);
            if (r) {
                b->error = r;
                break;
            }
            b->made++;
        }
        _exit(0);
    }
    CHECK_EQ(end_within(pid, 60000), 0);
    if (b->error != EAGAIN)
        FAIL("after %d threads: error %d instead of EAGAIN", b->made, b->error);
    CHECK(b->made >= 100);
    still_sane();
}

/* Processes until it fails; then they are killed as a group, and all is as before. */
CASE(fork_bomb)
{
    need_stub();
    struct bomb *b = new_bomb();
    CHECK_EQ(prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0), 0);
    pid_t pid = fork();
    CHECK(pid >= 0);
    if (pid == 0) {
        CHECK_EQ(setpgid(0, 0), 0);
        while (b->made < 30000) {
            pid_t p = fork();
            if (p == 0)
                sleeper(NULL);
            if (p < 0) {
                b->error = errno;
                break;
            }
            b->made++;
        }
        sleeper(NULL);
    }
    for (uint64_t until = now_ns() + 90000000000ull; !b->error && now_ns() < until;)
        sleep_ms(10);
    CHECK_EQ(kill(-pid, SIGKILL), 0);
    CHECK_KILLED(pid, SIGKILL);
    if (b->error != EAGAIN)
        FAIL("after %d processes: error %d instead of EAGAIN", b->made, b->error);
    CHECK(b->made >= 100);
    /* The rest of the group dies in its own time; orphans come to this process. */
    int reaped = 0;
    while (waitpid(-1, NULL, 0) > 0)
        reaped++;
    CHECK_EQ(reaped, b->made);
    CHECK_ERR(kill(-pid, 0), ESRCH);
    still_sane();
}

/* Many processes that all fork without pause. */
CASE(fork_storm)
{
    pid_t pid[64];
    struct bomb *b = new_bomb();
    for (int i = 0; i < 64; i++) {
        pid[i] = fork();
        CHECK(pid[i] >= 0);
        while (pid[i] == 0) {
            pid_t p = fork();
            if (p == 0)
                _exit(5);
            int st = 0;
            if (p < 0 || waitpid(p, &st, 0) != p || st != 5 << 8)
                b->error = errno ?: -1;
            __atomic_add_fetch(&b->made, 1, __ATOMIC_RELAXED);
        }
    }
    sleep_ms(3000);
    for (int i = 0; i < 64; i++) {
        CHECK_EQ(kill(pid[i], SIGKILL), 0);
        CHECK_KILLED(pid[i], SIGKILL);
    }
    CHECK_EQ(b->error, 0);
    CHECK(b->made >= 100);
    still_sane();
}

/* The limit a guest sets itself holds for a user who is not root. */
CASE(nproc_limit)
{
    if (getuid() != 0)
        SKIP("needs another user");
    pid_t pid = fork();
    CHECK(pid >= 0);
    if (pid == 0) {
        struct rlimit r = {10, 10};
        CHECK_EQ(setrlimit(RLIMIT_NPROC, &r), 0);
        CHECK_EQ(setgid(65534), 0);
        CHECK_EQ(setuid(65534), 0);
        int n = 0;
        while (n < 50) {
            pid_t p = fork();
            if (p == 0) {
                pause();
                _exit(0);
            }
            if (p < 0)
                break;
            n++;
        }
        CHECK_EQ(errno, EAGAIN);
        CHECK(n >= 5 && n <= 10);
        signal(SIGTERM, SIG_IGN);
        kill(0, SIGTERM);
        _exit(3);
    }
    CHECK_EQ(setpgid(pid, pid) == 0 || errno == EACCES, 1);
    CHECK_EXIT(pid, 3);
}

/* A vfork child makes many calls, each a trap, while its parent's frame lies on the same kind of
 * stack. */
CASE(vfork_child_traps)
{
    for (int i = 0; i < 300; i++) {
        volatile long before = 0x1234567 + i, sum = 0;
        pid_t pid = vfork();
        CHECK(pid >= 0);
        if (pid == 0) {
            for (int k = 0; k < 20; k++)
                sum += syscall(SYS_getppid) > 0;
            syscall(SYS_write, -1, "x", 1);
            _exit(sum == 20 ? 21 : 1);
        }
        CHECK_EQ(before, 0x1234567 + i);
        CHECK_EQ(sum, 20);
        CHECK_EXIT(pid, 21);
    }
}

static void on_usr1(int signo)
{
    (void) signo;
    syscall(SYS_getppid);
}

/* The same with signals for the parent that waits in vfork, which Linux delivers afterwards. */
CASE(vfork_parent_is_signalled)
{
    struct sigaction sa = {.sa_handler = on_usr1};
    CHECK_EQ(sigaction(SIGUSR1, &sa, NULL), 0);
    pid_t parent = getpid();
    for (int i = 0; i < 100; i++) {
        pid_t pid = vfork();
        CHECK(pid >= 0);
        if (pid == 0) {
            for (int k = 0; k < 5; k++)
                syscall(SYS_kill, parent, SIGUSR1);
            _exit(4);
        }
        CHECK_EXIT(pid, 4);
    }
}

/* A killed vfork child lets its parent go on. */
CASE(vfork_child_is_killed)
{
    for (int i = 0; i < 20; i++) {
        pid_t pid = vfork();
        CHECK(pid >= 0);
        if (pid == 0) {
            syscall(SYS_kill, syscall(SYS_getpid), SIGKILL);
            _exit(1);
        }
        CHECK_KILLED(pid, SIGKILL);
    }
}

static void *first_act(void *arg)
{
    /* Straight into a trap, a fault handled by signal, and more traps. */
    long *out = arg;
    *out = syscall(SYS_getppid);
    stack_t ss;
    if (sigaltstack(NULL, &ss) != 0 || !(ss.ss_flags & SS_DISABLE))
        *out = -1; /* a new thread has none, as far as it can see */
    return NULL;
}

CASE(stack_of_new_threads)
{
    for (int round = 0; round < 50; round++) {
        pthread_t t[8];
        long out[8] = {0};
        for (int i = 0; i < 8; i++)
            CHECK_EQ(pthread_create(&t[i], NULL, first_act, &out[i]), 0);
        for (int i = 0; i < 8; i++) {
            CHECK_EQ(pthread_join(t[i], NULL), 0);
            CHECK_EQ(out[i], getppid());
        }
    }
}

/* A thread killed by taking away its alternate stack, from inside: its process alone suffers. */
CASE(altstack_taken_away)
{
    need_stub();
    for (int way = 0; way < 3; way++) {
        pid_t pid = fork();
        CHECK(pid >= 0);
        if (pid == 0) {
            stack_t ss = stub_stack(), off = {.ss_flags = SS_DISABLE};
            if (way == 0)
                raw_stub(CALL(SYS_sigaltstack, {(long) &off}));
            else if (way == 1)
                raw_guest(CALL(SYS_munmap, {(long) ss.ss_sp, (long) ss.ss_size}));
            else
                raw_guest(CALL(SYS_mprotect, {(long) ss.ss_sp, (long) ss.ss_size, PROT_READ}));
            syscall(SYS_getppid);
            _exit(5);
        }
        end_within(pid, 1000); /* hanging for ever is its own affair, too */
        still_sane();
    }
}

static void *vanish(void *arg)
{
    (void) arg;
    raw_stub(CALL(SYS_exit, {0}));
    return NULL;
}

/* Host threads that end without a word: their process can still exit, be killed and exec. */
CASE(threads_that_vanish)
{
    need_stub();
    for (int way = 0; way < 3; way++) {
        pid_t pid = fork();
        CHECK(pid >= 0);
        if (pid == 0) {
            pthread_t t;
            for (int i = 0; i < 4; i++)
                pthread_create(&t, NULL, vanish, NULL);
            sleep_ms(20);
            if (way == 0)
                _exit(3);
            if (way == 1)
                execl("/bin/sh", "sh", "-c", "exit 3", (char *) NULL);
            pause();
        }
        if (way == 2) {
            sleep_ms(50);
            CHECK_EQ(kill(pid, SIGKILL), 0);
        }
        int st = end_within(pid, 10000);
        if (st != 3 << 8 && st != SIGKILL)
            FAIL("way %d: status %#x", way, st);
        still_sane();
    }
}

GUEST_MAIN
