/* SPDX-License-Identifier: Apache-2.0 */
/* Threads and futex(2). */
#include "guest.h"
#include <limits.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sys/auxv.h>

static long futex(volatile int *word, int op, int val, const struct timespec *ts, void *word2,
                  int val3)
{
    return syscall(SYS_futex, word, op, val, ts, word2, val3);
}

static void *give_back(void *arg)
{
    return arg;
}

CASE(create_and_join)
{
    for (intptr_t i = 0; i < 200; i++) {
        pthread_t th;
        void *ret;
        CHECK_EQ(pthread_create(&th, NULL, give_back, (void *) i), 0);
        CHECK_EQ(pthread_join(th, &ret), 0);
        CHECK_EQ((intptr_t) ret, i);
    }
}

static pthread_barrier_t barrier;
static pid_t tids[64];
static __thread int tls = 5;
static void *meet(void *arg)
{
    intptr_t i = (intptr_t) arg;
    tids[i] = gettid();
    tls += (int) i;
    pthread_barrier_wait(&barrier);
    return (void *) (intptr_t) (tls == 5 + i && getpid() == guest_pid ? 1 : 0);
}

CASE(many_at_once)
{
    enum { N = 40 };
    pthread_t th[N];
    void *ret;
    CHECK_EQ(pthread_barrier_init(&barrier, NULL, N), 0);
    for (intptr_t i = 0; i < N; i++)
        CHECK_EQ(pthread_create(&th[i], NULL, meet, (void *) i), 0);
    for (int i = 0; i < N; i++) {
        CHECK_EQ(pthread_join(th[i], &ret), 0);
        CHECK_EQ((intptr_t) ret, 1);
        for (int k = 0; k < i; k++)
            CHECK(tids[k] != tids[i] && tids[i] != guest_pid);
    }
    CHECK_EQ(tls, 5);
    CHECK_EQ(gettid(), guest_pid);
}

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static long counter;
static void *add(void *arg)
{
    for (int i = 0; i < 100000; i++) {
        pthread_mutex_lock(&lock);
        counter++;
        pthread_mutex_unlock(&lock);
    }
    return arg;
}

CASE(mutex)
{
    pthread_t th[4];
    for (int i = 0; i < 4; i++)
        CHECK_EQ(pthread_create(&th[i], NULL, add, NULL), 0);
    for (int i = 0; i < 4; i++)
        CHECK_EQ(pthread_join(th[i], NULL), 0);
    CHECK_EQ(counter, 400000);
}

static pthread_cond_t cond = PTHREAD_COND_INITIALIZER;
static int turn;
static void *alternate(void *arg)
{
    int me = (int) (intptr_t) arg;
    for (int i = 0; i < 2000; i++) {
        pthread_mutex_lock(&lock);
        while (turn != me)
            pthread_cond_wait(&cond, &lock);
        turn = !me;
        pthread_cond_broadcast(&cond);
        pthread_mutex_unlock(&lock);
    }
    return NULL;
}

CASE(condition_ping_pong)
{
    pthread_t a, b;
    CHECK_EQ(pthread_create(&a, NULL, alternate, (void *) 0), 0);
    CHECK_EQ(pthread_create(&b, NULL, alternate, (void *) 1), 0);
    CHECK_EQ(pthread_join(a, NULL), 0);
    CHECK_EQ(pthread_join(b, NULL), 0);
}

CASE(timed_condition)
{
    struct timespec ts;
    clock_gettime(CLOCK_REALTIME, &ts);
    ts.tv_nsec += 30000000;
    if (ts.tv_nsec >= 1000000000)
        ts.tv_sec++, ts.tv_nsec -= 1000000000;
    uint64_t t = now_ns();
    pthread_mutex_lock(&lock);
    CHECK_EQ(pthread_cond_timedwait(&cond, &lock, &ts), ETIMEDOUT);
    CHECK(now_ns() - t >= 25000000);
}

static void *block_in_read(void *arg)
{
    char c;
    intptr_t n = read(*(int *) arg, &c, 1);
    return (void *) n;
}

CASE(one_blocks_the_others_go_on)
{
    int p[2];
    pthread_t th;
    void *ret;
    CHECK_EQ(pipe(p), 0);
    CHECK_EQ(pthread_create(&th, NULL, block_in_read, &p[0]), 0);
    for (int i = 0; i < 1000; i++)
        CHECK_EQ(getppid() > 0 || getppid() == 0, 1);
    sleep_ms(10);
    CHECK_EQ(write(p[1], "x", 1), 1);
    CHECK_EQ(pthread_join(th, &ret), 0);
    CHECK_EQ((intptr_t) ret, 1);
}

static void *cancel_me(void *arg)
{
    for (;;)
        pause();
    return arg;
}

CASE(cancel)
{
    pthread_t th;
    void *ret;
    CHECK_EQ(pthread_create(&th, NULL, cancel_me, NULL), 0);
    sleep_ms(10);
    CHECK_EQ(pthread_cancel(th), 0);
    CHECK_EQ(pthread_join(th, &ret), 0);
    CHECK(ret == PTHREAD_CANCELED);
}

CASE(detached)
{
    pthread_attr_t at;
    pthread_t th;
    pthread_attr_init(&at);
    pthread_attr_setdetachstate(&at, PTHREAD_CREATE_DETACHED);
    for (int i = 0; i < 300; i++)
        CHECK_EQ(pthread_create(&th, &at, give_back, NULL), 0);
}

static void *fork_here(void *arg)
{
    (void) arg;
    for (int i = 0; i < 20; i++) {
        pid_t pid = fork();
        if (pid == 0)
            _exit(i);
        int st = -1;
        if (waitpid(pid, &st, 0) != pid || st != i << 8)
            return (void *) 1;
    }
    return NULL;
}

CASE(fork_from_threads)
{
    pthread_t th[3];
    void *ret;
    for (int i = 0; i < 3; i++)
        CHECK_EQ(pthread_create(&th[i], NULL, fork_here, NULL), 0);
    for (int i = 0; i < 3; i++) {
        CHECK_EQ(pthread_join(th[i], &ret), 0);
        CHECK(ret == NULL);
    }
}

static volatile int altstack_ok;
static void on_own_stack(int sig)
{
    stack_t ss;
    char here;
    (void) sig;
    sigaltstack(NULL, &ss);
    if ((ss.ss_flags & SS_ONSTACK) && &here >= (char *) ss.ss_sp &&
        &here < (char *) ss.ss_sp + ss.ss_size)
        __sync_fetch_and_add(&altstack_ok, 1);
}

static void *own_stack(void *arg)
{
    stack_t ss, old;
    if (sigaltstack(NULL, &old) || !(old.ss_flags & SS_DISABLE))
        return (void *) 1; /* a new thread has none */
    ss.ss_sp = malloc(32768), ss.ss_size = 32768, ss.ss_flags = 0;
    sigaltstack(&ss, NULL);
    for (int i = 0; i < 50; i++)
        pthread_kill(pthread_self(), SIGUSR1);
    return arg;
}

CASE(altstack_per_thread)
{
    struct sigaction sa = {.sa_handler = on_own_stack, .sa_flags = SA_ONSTACK};
    stack_t ss = {.ss_sp = malloc(32768), .ss_size = 32768};
    pthread_t th[4];
    void *ret;
    CHECK_EQ(sigaltstack(&ss, NULL), 0);
    CHECK_EQ(sigaction(SIGUSR1, &sa, NULL), 0);
    for (int i = 0; i < 4; i++)
        CHECK_EQ(pthread_create(&th[i], NULL, own_stack, NULL), 0);
    for (int i = 0; i < 4; i++) {
        CHECK_EQ(pthread_join(th[i], &ret), 0);
        CHECK(ret == NULL);
    }
    CHECK_EQ(altstack_ok, 200);
}

enum { MAP_ROUNDS = 2000 };
static volatile int map_bad;
static void *map_own_file(void *arg)
{
    const char *name = arg;
    for (int i = 0; i < MAP_ROUNDS && !map_bad; i++) {
        int fd = open(name, O_RDONLY);
        char *p = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, fd, 0);
        close(fd);
        if (p == MAP_FAILED || p[0] != name[0])
            map_bad = 1;
        else
            munmap(p, 4096);
    }
    return NULL;
}

CASE(two_map_their_own_files)
{
    pthread_t a, b;
    char buf[4097];
    buf[4096] = 0;
    memset(buf, 'a', 4096);
    put_file("a", buf, 0600);
    memset(buf, 'b', 4096);
    put_file("b", buf, 0600);
    CHECK_EQ(pthread_create(&a, NULL, map_own_file, "a"), 0);
    CHECK_EQ(pthread_create(&b, NULL, map_own_file, "b"), 0);
    CHECK_EQ(pthread_join(a, NULL), 0);
    CHECK_EQ(pthread_join(b, NULL), 0);
    CHECK_EQ(map_bad, 0);
}

static volatile int word;

CASE(futex_simple_results)
{
    struct timespec ts = {0, 10000000}, bad = {0, 1000000000};
    CHECK_ERR(futex(&word, FUTEX_WAIT, 1, NULL, NULL, 0), EAGAIN);
    CHECK_ERR(futex(&word, FUTEX_WAIT_PRIVATE, 1, NULL, NULL, 0), EAGAIN);
    CHECK_EQ(futex(&word, FUTEX_WAKE, 1, NULL, NULL, 0), 0);
    CHECK_EQ(futex(&word, FUTEX_WAKE_PRIVATE, INT_MAX, NULL, NULL, 0), 0);
    uint64_t t = now_ns();
    CHECK_ERR(futex(&word, FUTEX_WAIT_PRIVATE, 0, &ts, NULL, 0), ETIMEDOUT);
    CHECK(now_ns() - t >= 10000000);
    CHECK_ERR(futex(&word, FUTEX_WAIT, 0, &bad, NULL, 0), EINVAL);
    CHECK_ERR(futex((int *) ((char *) &word + 1), FUTEX_WAKE, 1, NULL, NULL, 0), EINVAL);
    CHECK_ERR(futex((int *) 8, FUTEX_WAIT, 0, NULL, NULL, 0), EFAULT);
    CHECK_ERR(futex(&word, FUTEX_WAIT, 0, (void *) 8, NULL, 0), EFAULT);
    CHECK_ERR(futex(&word, FUTEX_WAIT_BITSET, 0, NULL, NULL, 0), EINVAL);
    CHECK_ERR(futex(&word, 99, 0, NULL, NULL, 0), ENOSYS);
}

CASE(futex_absolute_times)
{
    struct timespec ts;
    uint64_t t = now_ns();
    clock_gettime(CLOCK_MONOTONIC, &ts);
    ts.tv_nsec += 20000000;
    if (ts.tv_nsec >= 1000000000)
        ts.tv_sec++, ts.tv_nsec -= 1000000000;
    CHECK_ERR(futex(&word, FUTEX_WAIT_BITSET_PRIVATE, 0, &ts, NULL, -1), ETIMEDOUT);
    CHECK(now_ns() - t >= 19000000);
    clock_gettime(CLOCK_REALTIME, &ts);
    ts.tv_sec -= 1; /* long ago */
    CHECK_ERR(futex(&word, FUTEX_WAIT_BITSET_PRIVATE | FUTEX_CLOCK_REALTIME, 0, &ts, NULL, -1),
              ETIMEDOUT);
}

static volatile int woken, waiting;
static void *wait_on_word(void *arg)
{
    __sync_fetch_and_add(&waiting, 1);
    while (futex(&word, FUTEX_WAIT_BITSET_PRIVATE, 0, NULL, NULL, (int) (intptr_t) arg) < 0 &&
           errno == EINTR)
        ;
    __sync_fetch_and_add(&woken, 1);
    return NULL;
}

static void start_waiters(pthread_t *th, int n, const int *bits)
{
    for (int i = 0; i < n; i++)
        CHECK_EQ(pthread_create(&th[i], NULL, wait_on_word,
                                (void *) (intptr_t) (bits ? bits[i] : -1)),
                 0);
    while (waiting < n)
        sched_yield();
    sleep_ms(30);
}

static void expect_woken(int n)
{
    for (int i = 0; i < 3000 && woken < n; i++)
        sleep_ms(1);
    sleep_ms(10);
    CHECK_EQ(woken, n);
}

CASE(futex_wakes_as_many_as_asked)
{
    pthread_t th[5];
    start_waiters(th, 5, NULL);
    CHECK_EQ(futex(&word, FUTEX_WAKE_PRIVATE, 2, NULL, NULL, 0), 2);
    expect_woken(2);
    CHECK_EQ(futex(&word, FUTEX_WAKE_PRIVATE, INT_MAX, NULL, NULL, 0), 3);
    expect_woken(5);
}

CASE(futex_bitset)
{
    static const int bits[3] = {1, 2, 3};
    pthread_t th[3];
    start_waiters(th, 3, bits);
    CHECK_EQ(futex(&word, FUTEX_WAKE_BITSET_PRIVATE, INT_MAX, NULL, NULL, 4), 0);
    CHECK_EQ(futex(&word, FUTEX_WAKE_BITSET_PRIVATE, INT_MAX, NULL, NULL, 2), 2);
    expect_woken(2);
    CHECK_EQ(futex(&word, FUTEX_WAKE_BITSET_PRIVATE, INT_MAX, NULL, NULL, 1), 1);
    expect_woken(3);
}

CASE(futex_requeue)
{
    static volatile int other;
    pthread_t th[4];
    start_waiters(th, 4, NULL);
    CHECK_ERR(futex(&word, FUTEX_CMP_REQUEUE_PRIVATE, 1, (void *) 10, (void *) &other, 77), EAGAIN);
    CHECK_EQ(futex(&word, FUTEX_CMP_REQUEUE_PRIVATE, 1, (void *) 10, (void *) &other, 0), 4);
    expect_woken(1);
    CHECK_EQ(futex(&word, FUTEX_WAKE_PRIVATE, INT_MAX, NULL, NULL, 0), 0);
    CHECK_EQ(futex(&other, FUTEX_WAKE_PRIVATE, INT_MAX, NULL, NULL, 0), 3);
    expect_woken(4);
}

CASE(futex_wake_op)
{
    static volatile int other = 5;
    pthread_t th[2];
    start_waiters(th, 2, NULL);
    /* other += 3; wake the second word's waiters if it was 5 */
    CHECK_EQ(futex(&word, FUTEX_WAKE_OP_PRIVATE, 2, NULL, (void *) &other,
                   (int) FUTEX_OP(FUTEX_OP_ADD, 3, FUTEX_OP_CMP_EQ, 5)),
             2);
    CHECK_EQ(other, 8);
    expect_woken(2);
}

CASE(futex_between_processes)
{
    volatile int *shared =
        CHECK_MAP(mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
    pid_t pid = (pid_t) CHECK_OK(fork());
    if (pid == 0) {
        for (int i = 0; i < 500; i++) {
            while (shared[0] != 1)
                futex(&shared[0], FUTEX_WAIT, 0, NULL, NULL, 0);
            shared[0] = 0;
            shared[1] = 1;
            futex(&shared[1], FUTEX_WAKE, 1, NULL, NULL, 0);
        }
        _exit(0);
    }
    for (int i = 0; i < 500; i++) {
        shared[0] = 1;
        futex(&shared[0], FUTEX_WAKE, 1, NULL, NULL, 0);
        while (shared[1] != 1)
            futex(&shared[1], FUTEX_WAIT, 0, NULL, NULL, 0);
        shared[1] = 0;
    }
    CHECK_EXIT(pid, 0);
}

static void nothing(int sig)
{
    (void) sig;
}

CASE(futex_wait_and_signals)
{
    struct sigaction sa = {.sa_handler = nothing, .sa_flags = 0};
    pid_t parent = getpid();
    for (int restart = 0; restart < 2; restart++) {
        struct timespec ts = {0, 200000000};
        sa.sa_flags = restart ? SA_RESTART : 0;
        sigaction(SIGUSR1, &sa, NULL);
        pid_t pid = (pid_t) CHECK_OK(fork());
        if (pid == 0) {
            sleep_ms(30);
            kill(parent, SIGUSR1);
            _exit(0);
        }
        uint64_t t = now_ns();
        /* A timed wait ends with EINTR after a handler, whatever SA_RESTART says (signal(7)). */
        CHECK_ERR(futex(&word, FUTEX_WAIT_PRIVATE, 0, &ts, NULL, 0), EINTR);
        CHECK(now_ns() - t < 190000000);
        CHECK_EXIT(pid, 0);
    }
}

CASE(thread_exit_clears_its_word)
{
    /* CLONE_CHILD_CLEARTID is what pthread_join waits on; a stack may be freed right after. */
    for (int i = 0; i < 100; i++) {
        pthread_attr_t at;
        pthread_t th;
        void *stack = CHECK_MAP(
            mmap(NULL, 65536, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
        pthread_attr_init(&at);
        CHECK_EQ(pthread_attr_setstack(&at, stack, 65536), 0);
        CHECK_EQ(pthread_create(&th, &at, give_back, NULL), 0);
        CHECK_EQ(pthread_join(th, NULL), 0);
        CHECK_EQ(munmap(stack, 65536), 0);
    }
}

static pthread_mutex_t robust;
static void *die_with_lock(void *arg)
{
    pthread_mutex_lock(&robust);
    return arg;
}

CASE(robust_mutex)
{
    pthread_mutexattr_t at;
    pthread_t th;
    pthread_mutexattr_init(&at);
    pthread_mutexattr_setrobust(&at, PTHREAD_MUTEX_ROBUST);
    CHECK_EQ(pthread_mutex_init(&robust, &at), 0);
    CHECK_EQ(pthread_create(&th, NULL, die_with_lock, NULL), 0);
    CHECK_EQ(pthread_join(th, NULL), 0);
    CHECK_EQ(pthread_mutex_lock(&robust), EOWNERDEAD);
}

static void *set_fs(void *arg)
{
    unsigned long base = 0;
    syscall(SYS_arch_prctl, 0x1003, &base);
    return (void *) (base == (unsigned long) pthread_self() ? arg : NULL);
}

CASE(fs_base)
{
    pthread_t th;
    void *ret;
    CHECK_EQ(pthread_create(&th, NULL, set_fs, (void *) tids), 0);
    CHECK_EQ(pthread_join(th, &ret), 0);
    CHECK(ret == (void *) tids);
    unsigned long gs = 1;
    CHECK_EQ(syscall(SYS_arch_prctl, 0x1004, &gs), 0);
    CHECK_EQ(syscall(SYS_arch_prctl, 0x1001, 0x123000), 0);
    CHECK_EQ(syscall(SYS_arch_prctl, 0x1004, &gs), 0);
    CHECK_EQ(gs, 0x123000);
    for (int i = 0; i < 100; i++)
        getppid();
    CHECK_EQ(syscall(SYS_arch_prctl, 0x1004, &gs), 0);
    CHECK_EQ(gs, 0x123000);
    CHECK_ERR(syscall(SYS_arch_prctl, 0x1001, 0x8000000000000000), EPERM);
}

GUEST_MAIN
