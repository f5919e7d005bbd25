/* SPDX-License-Identifier: Apache-2.0 */
/* futex(2) between processes, with priority inheritance, for many words, and robust ones. */
#include "guest.h"
#include <limits.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <stddef.h>

#ifndef FUTEX_LOCK_PI2
#define FUTEX_LOCK_PI2 13
#endif

static long futex(volatile uint32_t *word, int op, uint32_t val, const void *ts,
                  volatile void *word2, uint32_t val3)
{
    return syscall(SYS_futex, word, op, val, ts, word2, val3);
}

static long lock_pi(volatile uint32_t *w)
{
    return futex(w, FUTEX_LOCK_PI, 0, NULL, NULL, 0);
}

static long unlock_pi(volatile uint32_t *w)
{
    return futex(w, FUTEX_UNLOCK_PI, 0, NULL, NULL, 0);
}

/* Words that children share. */
static volatile uint32_t *shared_words(void)
{
    return CHECK_MAP(mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
}

static struct timespec in_ms(clockid_t clock, long ms)
{
    struct timespec ts;
    clock_gettime(clock, &ts);
    ts.tv_sec += ms / 1000;
    ts.tv_nsec += ms % 1000 * 1000000;
    if (ts.tv_nsec >= 1000000000) {
        ts.tv_nsec -= 1000000000;
        ts.tv_sec++;
    }
    return ts;
}

/* Until the wakes tell that all sleep: a wait in a child. */
static pid_t wait_in_child(volatile uint32_t *w, int op, uint32_t val)
{
    pid_t pid = fork();
    CHECK(pid >= 0);
    if (pid == 0) {
        long r;
        do
            r = futex(w, op, val, NULL, NULL, FUTEX_BITSET_MATCH_ANY);
        while (r < 0 && errno == EINTR);
        _exit(r == 0 ? 0 : 1);
    }
    return pid;
}

/* Natively sleeping waiters cannot be seen from outside: repeated tries find out. */
static long until(long want, volatile uint32_t *w, int op, uint32_t val, const void *ts,
                  volatile void *w2, uint32_t val3)
{
    long sum = 0;
    for (int i = 0; i < 500 && sum < want; i++) {
        long r = futex(w, op, val, ts, w2, val3);
        CHECK(r >= 0);
        sum += r;
        if (sum < want)
            sleep_ms(10);
    }
    return sum;
}

CASE(shared_wait_and_wake)
{
    volatile uint32_t *w = shared_words();
    pid_t a = wait_in_child(w, FUTEX_WAIT, 0), b = wait_in_child(w, FUTEX_WAIT_BITSET, 0);
    CHECK_EQ(until(2, w, FUTEX_WAKE, 1, NULL, NULL, 0), 2);
    CHECK_EXIT(a, 0);
    CHECK_EXIT(b, 0);
}

CASE(shared_requeue_moves_and_keeps_asleep)
{
    volatile uint32_t *w = shared_words();
    pid_t pid[3];
    for (int i = 0; i < 3; i++)
        pid[i] = wait_in_child(&w[0], FUTEX_WAIT, 0);
    /* None is woken, all are moved. */
    CHECK_EQ(until(3, &w[0], FUTEX_REQUEUE, 0, (void *) 10l, &w[64], 0), 3);
    CHECK_EQ(futex(&w[0], FUTEX_WAKE, INT_MAX, NULL, NULL, 0), 0);
    for (int i = 0; i < 3; i++)
        CHECK_EQ(waitpid(pid[i], NULL, WNOHANG), 0);
    CHECK_EQ(futex(&w[64], FUTEX_WAKE, 1, NULL, NULL, 0), 1);
    CHECK_EQ(futex(&w[64], FUTEX_WAKE, INT_MAX, NULL, NULL, 0), 2);
    for (int i = 0; i < 3; i++)
        CHECK_EXIT(pid[i], 0);
}

CASE(shared_cmp_requeue)
{
    volatile uint32_t *w = shared_words();
    pid_t pid[3];
    for (int i = 0; i < 3; i++)
        pid[i] = wait_in_child(&w[0], FUTEX_WAIT, 0);
    CHECK_ERR(futex(&w[0], FUTEX_CMP_REQUEUE, 1, (void *) 10l, &w[1], 5), EAGAIN);
    CHECK_EQ(until(3, &w[0], FUTEX_CMP_REQUEUE, 0, (void *) 10l, &w[1], 0), 3);
    CHECK_EQ(until(3, &w[1], FUTEX_CMP_REQUEUE, 1, (void *) 10l, &w[2], 0), 3);
    CHECK_EQ(futex(&w[2], FUTEX_WAKE, INT_MAX, NULL, NULL, 0), 2);
    for (int i = 0; i < 3; i++)
        CHECK_EXIT(pid[i], 0);
}

CASE(shared_wake_op)
{
    volatile uint32_t *w = shared_words();
    pid_t a = wait_in_child(&w[0], FUTEX_WAIT, 0), b = wait_in_child(&w[1], FUTEX_WAIT, 0);
    w[2] = 7;
    for (int i = 0; i < 2; i++) /* both asleep, then both back */
        CHECK_EQ(until(1, &w[i], FUTEX_REQUEUE, 0, (void *) 10l, &w[8 + i], 0), 1);
    w[9] = 7;
    CHECK_EQ(futex(&w[8], FUTEX_WAKE_OP, 1, (void *) 1l, &w[9],
                   FUTEX_OP(FUTEX_OP_ADD, 5, FUTEX_OP_CMP_EQ, 7)),
             2);
    CHECK_EQ(w[9], 12);
    CHECK_EXIT(a, 0);
    CHECK_EXIT(b, 0);
}

CASE(wake_op_comparison_fails)
{
    volatile uint32_t *w = shared_words();
    w[1] = 3;
    CHECK_EQ(futex(&w[0], FUTEX_WAKE_OP, 1, (void *) 1l, &w[1],
                   FUTEX_OP(FUTEX_OP_SET, 9, FUTEX_OP_CMP_GT, 7)),
             0);
    CHECK_EQ(w[1], 9);
    CHECK_ERR(futex(&w[0], FUTEX_WAKE_OP, 1, (void *) 1l, &w[1], 0x7f000000), ENOSYS);
}

CASE(file_and_memfd_are_one_futex_for_two_mappings)
{
    int fd[2] = {open("f", O_RDWR | O_CREAT, 0600), memfd_create("m", 0)};
    for (int i = 0; i < 2; i++) {
        CHECK(fd[i] >= 0);
        CHECK_EQ(ftruncate(fd[i], 8192), 0);
        volatile uint32_t *a =
            CHECK_MAP(mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, fd[i], 0));
        volatile uint32_t *b =
            CHECK_MAP(mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd[i], 4096));
        pid_t pid = wait_in_child(a + 1024 + 5, FUTEX_WAIT, 0);
        CHECK_EQ(until(1, b + 5, FUTEX_WAKE, 1, NULL, NULL, 0), 1);
        CHECK_EXIT(pid, 0);
    }
}

CASE(private_and_shared_memory_are_different)
{
    static volatile uint32_t word;
    pid_t pid = wait_in_child(&word, FUTEX_WAIT, 0); /* its copy */
    sleep_ms(50);
    CHECK_EQ(futex(&word, FUTEX_WAKE, INT_MAX, NULL, NULL, 0), 0);
    kill(pid, SIGKILL);
    CHECK_KILLED(pid, SIGKILL);
}

CASE(timed_shared_wait)
{
    volatile uint32_t *w = shared_words();
    struct timespec ts = {0, 50000000}, mono, real;
    uint64_t start = now_ns();
    CHECK_ERR(futex(w, FUTEX_WAIT, 0, &ts, NULL, 0), ETIMEDOUT);
    CHECK(now_ns() - start >= 50000000);
    mono = in_ms(CLOCK_MONOTONIC, 50);
    start = now_ns();
    CHECK_ERR(futex(w, FUTEX_WAIT_BITSET, 0, &mono, NULL, 1), ETIMEDOUT);
    CHECK(now_ns() - start >= 49000000);
    real = in_ms(CLOCK_REALTIME, 50);
    start = now_ns();
    CHECK_ERR(futex(w, FUTEX_WAIT_BITSET | FUTEX_CLOCK_REALTIME, 0, &real, NULL, 1), ETIMEDOUT);
    CHECK(now_ns() - start >= 49000000 && now_ns() - start < 5000000000u);
    CHECK_ERR(futex(w, FUTEX_WAIT_BITSET, 0, &ts, NULL, 0), EINVAL);
    CHECK_ERR(futex(w, FUTEX_WAIT, 1, &ts, NULL, 0), EAGAIN);
}

CASE(operations_that_do_not_exist)
{
    static volatile uint32_t w;
    CHECK_ERR(futex(&w, 2 /* FUTEX_FD */, 0, NULL, NULL, 0), ENOSYS);
    CHECK_ERR(futex(&w, 77, 0, NULL, NULL, 0), ENOSYS);
    CHECK_ERR(futex(&w, FUTEX_WAKE | FUTEX_CLOCK_REALTIME, 0, NULL, NULL, 0), ENOSYS);
    CHECK_ERR(futex(&w, FUTEX_WAIT | FUTEX_CLOCK_REALTIME, 0, NULL, NULL, 0), ENOSYS);
    CHECK_ERR(futex(&w, FUTEX_LOCK_PI | FUTEX_CLOCK_REALTIME, 0, NULL, NULL, 0), ENOSYS);
}

static volatile int handled;
static void on_signal(int signo)
{
    handled = signo;
}

static void handle(int signo, int flags)
{
    struct sigaction sa = {.sa_handler = on_signal, .sa_flags = flags};
    CHECK_EQ(sigaction(signo, &sa, NULL), 0);
}

/* Again and again: on a busy machine the first may come before the wait. */
static timer_t alarms;
static void alarm_ms(long ms)
{
    struct itimerspec its = {{0, ms * 1000000}, {0, ms * 1000000}};
    struct sigevent ev = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGALRM};
    CHECK_EQ(timer_create(CLOCK_MONOTONIC, &ev, &alarms), 0);
    CHECK_EQ(timer_settime(alarms, 0, &its, NULL), 0);
}

static void no_alarm(void)
{
    CHECK_EQ(timer_delete(alarms), 0);
}

CASE(handler_ends_a_wait)
{
    static volatile uint32_t w;
    struct timespec ts = {5, 0};
    handle(SIGALRM, 0);
    alarm_ms(50);
    CHECK_ERR(futex(&w, FUTEX_WAIT, 0, NULL, NULL, 0), EINTR);
    CHECK_EQ(handled, SIGALRM);
    no_alarm();
    /* With a time limit even SA_RESTART does not restart. */
    handle(SIGALRM, SA_RESTART);
    alarm_ms(50);
    CHECK_ERR(futex(&w, FUTEX_WAIT, 0, &ts, NULL, 0), EINTR);
}

static void *wake_later(void *arg)
{
    sleep_ms(200);
    *(volatile uint32_t *) arg = 1;
    futex(arg, FUTEX_WAKE, INT_MAX, NULL, NULL, 0);
    return NULL;
}

CASE(restarting_handler_does_not_end_an_untimed_wait)
{
    static volatile uint32_t w;
    pthread_t th;
    sigset_t set, old;
    sigemptyset(&set);
    sigaddset(&set, SIGALRM);
    pthread_sigmask(SIG_BLOCK, &set, &old);
    CHECK_EQ(pthread_create(&th, NULL, wake_later, (void *) &w), 0);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    handle(SIGALRM, SA_RESTART);
    alarm_ms(50);
    long r = futex(&w, FUTEX_WAIT, 0, NULL, NULL, 0);
    /* Restarted after the handler, it may also find the word changed. */
    CHECK(r == 0 || errno == EAGAIN);
    CHECK_EQ(handled, SIGALRM);
    CHECK_EQ(w, 1);
    pthread_join(th, NULL);
}

CASE(ignored_signal_keeps_the_time_limit)
{
    static volatile uint32_t w;
    struct timespec ts = {0, 200000000};
    uint64_t start = now_ns();
    pid_t pid = fork(), parent = getppid();
    CHECK(pid >= 0);
    (void) parent;
    if (pid == 0) {
        for (int i = 0; i < 8; i++) {
            sleep_ms(20);
            kill(guest_pid, SIGCONT);
        }
        _exit(0);
    }
    CHECK_ERR(futex(&w, FUTEX_WAIT, 0, &ts, NULL, 0), ETIMEDOUT);
    CHECK(now_ns() - start >= 200000000 && now_ns() - start < 3000000000u);
    CHECK_EXIT(pid, 0);
}

/* ---- priority inheritance ---- */

CASE(pi_uncontended)
{
    static volatile uint32_t w;
    CHECK_EQ(lock_pi(&w), 0);
    CHECK_EQ(w, (uint32_t) gettid());
    CHECK_ERR(lock_pi(&w), EDEADLK);
    CHECK_ERR(futex(&w, FUTEX_TRYLOCK_PI, 0, NULL, NULL, 0), EDEADLK);
    CHECK_EQ(unlock_pi(&w), 0);
    CHECK_EQ(w, 0);
    CHECK_ERR(unlock_pi(&w), EPERM);
    CHECK_EQ(futex(&w, FUTEX_TRYLOCK_PI_PRIVATE, 0, NULL, NULL, 0), 0);
    CHECK_EQ(w, (uint32_t) gettid());
    CHECK_EQ(futex(&w, FUTEX_UNLOCK_PI_PRIVATE, 0, NULL, NULL, 0), 0);
}

CASE(pi_bad_arguments)
{
    static volatile uint32_t w[2];
    struct timespec bad = {0, 1000000000};
    CHECK_ERR(futex((uint32_t *) ((char *) w + 1), FUTEX_LOCK_PI, 0, NULL, NULL, 0), EINVAL);
    CHECK_ERR(futex((uint32_t *) 8, FUTEX_LOCK_PI, 0, NULL, NULL, 0), EFAULT);
    CHECK_ERR(futex((uint32_t *) 8, FUTEX_UNLOCK_PI_PRIVATE, 0, NULL, NULL, 0), EFAULT);
    CHECK_ERR(futex(w, FUTEX_LOCK_PI, 0, &bad, NULL, 0), EINVAL);
    CHECK_ERR(futex(w, FUTEX_LOCK_PI, 0, (void *) 8, NULL, 0), EFAULT);
    volatile uint32_t *ro =
        CHECK_MAP(mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    CHECK_ERR(lock_pi(ro), EFAULT);
}

CASE(pi_owner_that_does_not_exist)
{
    static volatile uint32_t w;
    w = 0x3ffffffe;
    CHECK_ERR(lock_pi(&w), ESRCH);
    pid_t pid = fork();
    CHECK(pid >= 0);
    if (pid == 0)
        _exit(0);
    CHECK_EXIT(pid, 0);
    w = (uint32_t) pid;
    CHECK_ERR(lock_pi(&w), ESRCH);
}

struct pi_shared {
    volatile uint32_t w, go, order, n;
};

static pid_t locker(struct pi_shared *s, int op)
{
    pid_t pid = fork();
    CHECK(pid >= 0);
    if (pid == 0) {
        if (futex(&s->w, op, 0, NULL, NULL, 0) != 0 ||
            (s->w & FUTEX_TID_MASK) != (uint32_t) gettid())
            _exit(1);
        s->order = s->order * 10 + ++s->n;
        if (unlock_pi(&s->w))
            _exit(2);
        _exit(0);
    }
    for (int i = 0; i < 1000 && !((s->w & FUTEX_WAITERS) && is_asleep(pid, pid)); i++)
        sleep_ms(5);
    return pid;
}

CASE(pi_between_processes)
{
    struct pi_shared *s = (void *) shared_words();
    pid_t pid[3];
    CHECK_EQ(lock_pi(&s->w), 0);
    for (int i = 0; i < 3; i++)
        pid[i] = locker(s, i == 1 ? FUTEX_LOCK_PI2 : FUTEX_LOCK_PI);
    CHECK_EQ(s->w, (uint32_t) gettid() | FUTEX_WAITERS);
    CHECK_ERR(futex(&s->w, FUTEX_TRYLOCK_PI, 0, NULL, NULL, 0), EDEADLK);
    CHECK_EQ(unlock_pi(&s->w), 0);
    for (int i = 0; i < 3; i++)
        CHECK_EXIT(pid[i], 0);
    CHECK_EQ(s->n, 3);
    CHECK_EQ(s->w & FUTEX_TID_MASK, 0);
}

CASE(pi_trylock_of_a_held_one)
{
    struct pi_shared *s = (void *) shared_words();
    CHECK_EQ(lock_pi(&s->w), 0);
    pid_t pid = fork();
    if (pid == 0) {
        CHECK_ERR(futex(&s->w, FUTEX_TRYLOCK_PI, 0, NULL, NULL, 0), EAGAIN);
        CHECK_ERR(unlock_pi(&s->w), EPERM);
        _exit(0);
    }
    CHECK_EXIT(pid, 0);
    CHECK_EQ(unlock_pi(&s->w), 0);
    CHECK_EQ(s->w, 0);
}

CASE(pi_timeouts)
{
    struct pi_shared *s = (void *) shared_words();
    CHECK_EQ(lock_pi(&s->w), 0);
    pid_t pid = fork();
    if (pid == 0) {
        struct timespec real = in_ms(CLOCK_REALTIME, 60), mono, past = {1, 0};
        uint64_t start = now_ns();
        CHECK_ERR(futex(&s->w, FUTEX_LOCK_PI, 0, &real, NULL, 0), ETIMEDOUT);
        CHECK(now_ns() - start >= 50000000);
        mono = in_ms(CLOCK_MONOTONIC, 60);
        start = now_ns();
        CHECK_ERR(futex(&s->w, FUTEX_LOCK_PI2, 0, &mono, NULL, 0), ETIMEDOUT);
        CHECK(now_ns() - start >= 50000000);
        real = in_ms(CLOCK_REALTIME, 60);
        CHECK_ERR(futex(&s->w, FUTEX_LOCK_PI2 | FUTEX_CLOCK_REALTIME, 0, &real, NULL, 0),
                  ETIMEDOUT);
        CHECK_ERR(futex(&s->w, FUTEX_LOCK_PI, 0, &past, NULL, 0), ETIMEDOUT);
        _exit(0);
    }
    CHECK_EXIT(pid, 0);
    CHECK_EQ(unlock_pi(&s->w), 0);
    CHECK_EQ(s->w, 0);
}

CASE(pi_lock_restarts_after_any_handler)
{
    struct pi_shared *s = (void *) shared_words();
    pid_t pid = fork();
    CHECK(pid >= 0);
    if (pid == 0) {
        CHECK_EQ(lock_pi(&s->w), 0);
        s->go = 1;
        sleep_ms(250);
        CHECK_EQ(unlock_pi(&s->w), 0);
        _exit(0);
    }
    while (!s->go)
        sleep_ms(1);
    handle(SIGALRM, 0);
    alarm_ms(50);
    CHECK_EQ(lock_pi(&s->w), 0);
    CHECK_EQ(handled, SIGALRM);
    CHECK_EQ(s->w & FUTEX_TID_MASK, (uint32_t) gettid());
    CHECK_EXIT(pid, 0);
}

CASE(pi_killed_waiter_is_passed_over)
{
    struct pi_shared *s = (void *) shared_words();
    CHECK_EQ(lock_pi(&s->w), 0);
    pid_t a = locker(s, FUTEX_LOCK_PI), b = locker(s, FUTEX_LOCK_PI);
    kill(a, SIGKILL);
    CHECK_KILLED(a, SIGKILL);
    CHECK_EQ(unlock_pi(&s->w), 0);
    CHECK_EXIT(b, 0);
    CHECK_EQ(s->n, 1);
}

CASE(pi_owner_dies_with_waiters)
{
    struct pi_shared *s = (void *) shared_words();
    pid_t owner = fork();
    if (owner == 0) {
        CHECK_EQ(lock_pi(&s->w), 0);
        s->go = 1;
        for (;;)
            pause();
    }
    while (!s->go)
        sleep_ms(1);
    pid_t heir = fork();
    if (heir == 0) {
        CHECK_EQ(lock_pi(&s->w), 0);
        CHECK_EQ(s->w & (FUTEX_TID_MASK | FUTEX_OWNER_DIED),
                 (uint32_t) gettid() | FUTEX_OWNER_DIED);
        s->w &= ~FUTEX_OWNER_DIED;
        CHECK_EQ(unlock_pi(&s->w), 0);
        _exit(0);
    }
    for (int i = 0; i < 1000 && !((s->w & FUTEX_WAITERS) && is_asleep(heir, heir)); i++)
        sleep_ms(5);
    kill(owner, SIGKILL);
    CHECK_KILLED(owner, SIGKILL);
    CHECK_EXIT(heir, 0);
    CHECK_EQ(s->w & FUTEX_TID_MASK, 0);
}

static volatile uint32_t counter_lock, counter;
static void *count_pi(void *arg)
{
    (void) arg;
    for (int i = 0; i < 2000; i++) {
        uint32_t zero = 0, me = (uint32_t) gettid();
        if (!__atomic_compare_exchange_n(&counter_lock, &zero, me, false, __ATOMIC_SEQ_CST,
                                         __ATOMIC_SEQ_CST))
            CHECK_EQ(futex(&counter_lock, FUTEX_LOCK_PI_PRIVATE, 0, NULL, NULL, 0), 0);
        counter++;
        if (!__atomic_compare_exchange_n(&counter_lock, &me, 0, false, __ATOMIC_SEQ_CST,
                                         __ATOMIC_SEQ_CST))
            CHECK_EQ(futex(&counter_lock, FUTEX_UNLOCK_PI_PRIVATE, 0, NULL, NULL, 0), 0);
    }
    return NULL;
}

CASE(pi_excludes)
{
    pthread_t th[4];
    for (int i = 0; i < 4; i++)
        CHECK_EQ(pthread_create(&th[i], NULL, count_pi, NULL), 0);
    for (int i = 0; i < 4; i++)
        pthread_join(th[i], NULL);
    CHECK_EQ(counter, 8000);
    CHECK_EQ(counter_lock & FUTEX_TID_MASK, 0);
}

/* ---- requeue to a PI futex ---- */

struct cond {
    volatile uint32_t cond, lock, woken, asleep;
};

static pid_t cond_waiter(struct cond *c)
{
    pid_t pid = fork();
    CHECK(pid >= 0);
    if (pid == 0) {
        if (futex(&c->cond, FUTEX_WAIT_REQUEUE_PI, 0, NULL, &c->lock, 0) != 0)
            _exit(1);
        if ((c->lock & FUTEX_TID_MASK) != (uint32_t) gettid())
            _exit(2);
        c->woken++;
        if (unlock_pi(&c->lock))
            _exit(3);
        _exit(0);
    }
    for (int i = 0; i < 1000 && !is_asleep(pid, pid); i++)
        sleep_ms(5);
    sleep_ms(20);
    return pid;
}

CASE(requeue_pi_free_lock)
{
    struct cond *c = (void *) shared_words();
    pid_t a = cond_waiter(c), b = cond_waiter(c);
    c->cond = 1;
    CHECK_ERR(futex(&c->cond, FUTEX_CMP_REQUEUE_PI, 1, (void *) 10l, &c->lock, 0), EAGAIN);
    CHECK_ERR(futex(&c->cond, FUTEX_CMP_REQUEUE_PI, 2, (void *) 10l, &c->lock, 1), EINVAL);
    CHECK_EQ(futex(&c->cond, FUTEX_CMP_REQUEUE_PI, 1, (void *) 10l, &c->lock, 1), 2);
    CHECK_EXIT(a, 0);
    CHECK_EXIT(b, 0);
    CHECK_EQ(c->woken, 2);
    CHECK_EQ(c->lock & FUTEX_TID_MASK, 0);
}

CASE(requeue_pi_held_lock)
{
    struct cond *c = (void *) shared_words();
    pid_t pid[3];
    for (int i = 0; i < 3; i++)
        pid[i] = cond_waiter(c);
    CHECK_EQ(lock_pi(&c->lock), 0);
    CHECK_EQ(futex(&c->cond, FUTEX_CMP_REQUEUE_PI, 1, (void *) 1l, &c->lock, 0), 2);
    sleep_ms(30);
    CHECK_EQ(c->woken, 0);
    CHECK_EQ(futex(&c->cond, FUTEX_CMP_REQUEUE_PI, 1, (void *) 10l, &c->lock, 0), 1);
    CHECK_EQ(unlock_pi(&c->lock), 0);
    for (int i = 0; i < 3; i++)
        CHECK_EXIT(pid[i], 0);
    CHECK_EQ(c->woken, 3);
}

CASE(requeue_pi_waits_end)
{
    struct cond *c = (void *) shared_words();
    struct timespec mono = in_ms(CLOCK_MONOTONIC, 50), real = in_ms(CLOCK_REALTIME, 50);
    CHECK_ERR(futex(&c->cond, FUTEX_WAIT_REQUEUE_PI, 1, NULL, &c->lock, 0), EAGAIN);
    CHECK_ERR(futex(&c->cond, FUTEX_WAIT_REQUEUE_PI, 0, NULL, &c->cond, 0), EINVAL);
    CHECK_ERR(futex(&c->cond, FUTEX_WAIT_REQUEUE_PI, 0, &mono, &c->lock, 0), ETIMEDOUT);
    CHECK_ERR(futex(&c->cond, FUTEX_WAIT_REQUEUE_PI | FUTEX_CLOCK_REALTIME, 0, &real, &c->lock, 0),
              ETIMEDOUT);
    CHECK_EQ(futex(&c->cond, FUTEX_CMP_REQUEUE_PI, 1, (void *) 10l, &c->lock, 0), 0);
    CHECK_EQ(c->lock, 0);
}

CASE(requeue_pi_killed_waiter)
{
    struct cond *c = (void *) shared_words();
    pid_t a = cond_waiter(c), b = cond_waiter(c);
    kill(a, SIGKILL);
    CHECK_KILLED(a, SIGKILL);
    CHECK_EQ(futex(&c->cond, FUTEX_CMP_REQUEUE_PI, 1, (void *) 10l, &c->lock, 0), 1);
    CHECK_EXIT(b, 0);
}

/* ---- many words ---- */

#ifndef SYS_futex_waitv
#define SYS_futex_waitv 449
#endif
struct waitv {
    uint64_t val, uaddr;
    uint32_t flags, reserved;
};
#define SIZE_U32 2u

static struct waitv vec(volatile uint32_t *w, uint32_t val, uint32_t flags)
{
    return (struct waitv){val, (uint64_t) (uintptr_t) w, SIZE_U32 | flags, 0};
}

static long waitv(struct waitv *v, unsigned n, unsigned flags, const struct timespec *ts, int clock)
{
    return syscall(SYS_futex_waitv, v, n, flags, ts, clock);
}

static void need_waitv(void)
{
    if (waitv(NULL, 0, 0, NULL, 0) < 0 && errno == ENOSYS)
        SKIP("no futex_waitv");
}

CASE(waitv_arguments)
{
    static volatile uint32_t w;
    struct waitv v[2] = {vec(&w, 0, FUTEX_PRIVATE_FLAG), vec(&w, 0, FUTEX_PRIVATE_FLAG)};
    need_waitv();
    CHECK_ERR(waitv(v, 0, 0, NULL, 0), EINVAL);
    CHECK_ERR(waitv(v, 129, 0, NULL, 0), EINVAL);
    CHECK_ERR(waitv(v, 2, 1, NULL, 0), EINVAL);
    CHECK_ERR(waitv(NULL, 2, 0, NULL, 0), EINVAL);
    CHECK_ERR(waitv((void *) 8, 2, 0, NULL, 0), EFAULT);
    v[1].reserved = 1;
    CHECK_ERR(waitv(v, 2, 0, NULL, 0), EINVAL);
    v[1] = vec(&w, 1, FUTEX_PRIVATE_FLAG);
    CHECK_ERR(waitv(v, 2, 0, NULL, 0), EAGAIN);
}

CASE(waitv_timeout)
{
    static volatile uint32_t w;
    struct waitv v[1] = {vec(&w, 0, 0)};
    struct timespec ts = in_ms(CLOCK_MONOTONIC, 50);
    uint64_t start = now_ns();
    need_waitv();
    CHECK_ERR(waitv(v, 1, 0, &ts, CLOCK_MONOTONIC), ETIMEDOUT);
    CHECK(now_ns() - start >= 49000000);
    ts = in_ms(CLOCK_REALTIME, 50);
    CHECK_ERR(waitv(v, 1, 0, &ts, CLOCK_REALTIME), ETIMEDOUT);
    CHECK_ERR(waitv(v, 1, 0, &ts, CLOCK_BOOTTIME), EINVAL);
}

CASE(waitv_says_which)
{
    volatile uint32_t *w = shared_words();
    need_waitv();
    pid_t pid = fork();
    CHECK(pid >= 0);
    if (pid == 0) {
        struct waitv v[3] = {vec(&w[0], 0, 0), vec(&w[1], 0, 0), vec(&w[2], 0, 0)};
        _exit((int) waitv(v, 3, 0, NULL, 0) + 10);
    }
    CHECK_EQ(until(1, &w[2], FUTEX_WAKE, 1, NULL, NULL, 0), 1);
    CHECK_EXIT(pid, 12);
}

CASE(waitv_and_handlers)
{
    static volatile uint32_t w;
    struct waitv v[1] = {vec(&w, 0, FUTEX_PRIVATE_FLAG)};
    need_waitv();
    handle(SIGALRM, 0);
    alarm_ms(50);
    CHECK_ERR(waitv(v, 1, 0, NULL, 0), EINTR);
    no_alarm();
    handle(SIGALRM, SA_RESTART);
    handled = 0;
    alarm_ms(50);
    struct timespec ts = in_ms(CLOCK_MONOTONIC, 200);
    CHECK_ERR(waitv(v, 1, 0, &ts, CLOCK_MONOTONIC), ETIMEDOUT);
    CHECK_EQ(handled, SIGALRM);
}

/* ---- robust lists ---- */

struct robust_word {
    struct robust_list list;
    volatile uint32_t word;
};

struct robust_area {
    struct robust_list_head head;
    struct robust_word w[8];
    volatile uint32_t go;
};

static struct robust_area *robust_area(void)
{
    struct robust_area *a = (void *) shared_words();
    a->head.list.next = &a->head.list;
    a->head.futex_offset =
        (long) offsetof(struct robust_word, word) - (long) offsetof(struct robust_word, list);
    return a;
}

static void robust_push(struct robust_area *a, int i, uint32_t word)
{
    a->w[i].word = word;
    a->w[i].list.next = a->head.list.next;
    a->head.list.next = &a->w[i].list;
}

static void use_list(struct robust_area *a)
{
    CHECK_EQ(syscall(SYS_set_robust_list, &a->head, sizeof(a->head)), 0);
}

CASE(robust_list_set_and_get)
{
    struct robust_area *a = robust_area();
    struct robust_list_head *head;
    size_t len;
    CHECK_ERR(syscall(SYS_set_robust_list, &a->head, 23), EINVAL);
    use_list(a);
    CHECK_EQ(syscall(SYS_get_robust_list, 0, &head, &len), 0);
    CHECK(head == &a->head);
    CHECK_EQ(len, sizeof(*head));
    CHECK_ERR(syscall(SYS_get_robust_list, 0x3ffffff0, &head, &len), ESRCH);
    CHECK_ERR(syscall(SYS_get_robust_list, 0, (void *) 8, &len), EFAULT);
    pid_t pid = fork();
    if (pid == 0) {
        CHECK_EQ(syscall(SYS_get_robust_list, 0, &head, &len), 0);
        _exit(head == &a->head); /* glibc's fork sets its own, or none is inherited */
    }
    CHECK_EXIT(pid, 0);
    struct robust_list_head none = {.list.next = &none.list};
    syscall(SYS_set_robust_list, &none, sizeof(none));
}

/* How the words look after a child that owned 0 to 2 has ended as `how` says. */
static void robust_end(int how)
{
    struct robust_area *a = robust_area();
    pid_t pid = fork();
    CHECK(pid >= 0);
    if (pid == 0) {
        uint32_t me = (uint32_t) gettid();
        robust_push(a, 0, me);
        robust_push(a, 1, me | FUTEX_WAITERS);
        robust_push(a, 2, me + 1); /* another's */
        use_list(a);
        a->go = 1;
        if (how == 0)
            _exit(0);
        if (how == 1)
            for (;;)
                pause();
        char *argv[] = {"true", NULL};
        execve("/bin/true", argv, NULL);
        _exit(9);
    }
    pid_t sleeper = wait_in_child(&a->w[1].word, FUTEX_WAIT, (uint32_t) pid | FUTEX_WAITERS);
    (void) sleeper;
    while (!a->go)
        sleep_ms(1);
    if (how == 1) {
        kill(pid, SIGKILL);
        CHECK_KILLED(pid, SIGKILL);
    } else {
        CHECK_EXIT(pid, 0);
    }
    CHECK_EQ(a->w[0].word, FUTEX_OWNER_DIED);
    CHECK_EQ(a->w[1].word, FUTEX_OWNER_DIED | FUTEX_WAITERS);
    CHECK_EQ(a->w[2].word, (uint32_t) pid + 1);
}

CASE(robust_exit)
{
    robust_end(0);
}

CASE(robust_sigkill)
{
    robust_end(1);
}

CASE(robust_exec)
{
    robust_end(2);
}

CASE(robust_wakes_one)
{
    struct robust_area *a = robust_area();
    pid_t owner = fork();
    if (owner == 0) {
        robust_push(a, 0, (uint32_t) gettid() | FUTEX_WAITERS);
        use_list(a);
        a->go = 1;
        for (;;)
            pause();
    }
    while (!a->go)
        sleep_ms(1);
    pid_t w[2];
    for (int i = 0; i < 2; i++)
        w[i] = wait_in_child(&a->w[0].word, FUTEX_WAIT, (uint32_t) owner | FUTEX_WAITERS);
    for (int i = 0; i < 2; i++)
        for (int n = 0; n < 200 && !is_asleep(w[i], w[i]); n++)
            sleep_ms(5);
    sleep_ms(100);
    kill(owner, SIGKILL);
    CHECK_KILLED(owner, SIGKILL);
    int st;
    CHECK(wait(&st) > 0 && st == 0);
    CHECK_EQ(futex(&a->w[0].word, FUTEX_WAKE, INT_MAX, NULL, NULL, 0), 1);
    CHECK(wait(&st) > 0 && st == 0);
}

CASE(robust_pending_operation)
{
    struct robust_area *a = robust_area();
    pid_t pid = fork();
    if (pid == 0) {
        a->w[3].word = (uint32_t) gettid();
        a->head.list_op_pending = &a->w[3].list; /* not linked yet */
        use_list(a);
        _exit(0);
    }
    CHECK_EXIT(pid, 0);
    CHECK_EQ(a->w[3].word, FUTEX_OWNER_DIED);
}

CASE(robust_pi_bit)
{
    struct robust_area *a = robust_area();
    pid_t pid = fork();
    if (pid == 0) {
        robust_push(a, 0, (uint32_t) gettid());
        a->head.list.next = (void *) ((uintptr_t) a->head.list.next | 1);
        use_list(a);
        _exit(0);
    }
    CHECK_EXIT(pid, 0);
    CHECK_EQ(a->w[0].word, FUTEX_OWNER_DIED);
}

CASE(robust_hostile_lists)
{
    struct robust_area *a = robust_area();
    for (int how = 0; how < 5; how++) {
        a->head.list.next = &a->head.list;
        a->head.list_op_pending = NULL;
        a->head.futex_offset = (long) offsetof(struct robust_word, word);
        pid_t pid = fork();
        if (pid == 0) {
            robust_push(a, 0, (uint32_t) gettid());
            if (how == 0)
                a->w[0].list.next = &a->w[0].list; /* a ring without the head */
            if (how == 1)
                a->w[0].list.next = (void *) 8;
            if (how == 2)
                a->head.futex_offset++;
            if (how == 3)
                a->head.list.next = (void *) -8l;
            use_list(a);
            if (how == 4)
                syscall(SYS_set_robust_list, (void *) 16, sizeof(a->head));
            _exit(0);
        }
        CHECK_EXIT(pid, 0);
        if (how < 2)
            CHECK_EQ(a->w[0].word, FUTEX_OWNER_DIED);
        else
            CHECK_EQ(a->w[0].word, (uint32_t) pid);
    }
}

static struct robust_area *thread_area;
static void *robust_thread(void *arg)
{
    (void) arg;
    robust_push(thread_area, 0, (uint32_t) gettid());
    use_list(thread_area);
    return NULL;
}

CASE(robust_thread_exit)
{
    pthread_t th;
    thread_area = robust_area();
    CHECK_EQ(pthread_create(&th, NULL, robust_thread, NULL), 0);
    CHECK_EQ(pthread_join(th, NULL), 0);
    CHECK_EQ(thread_area->w[0].word, FUTEX_OWNER_DIED);
}

/* The waiter announces itself while the owner dies: it must not sleep on. */
CASE(robust_race_with_waiters)
{
    struct robust_area *a = robust_area();
    for (int i = 0; i < 60; i++) {
        a->go = 0;
        a->head.list.next = &a->head.list;
        pid_t owner = fork();
        if (owner == 0) {
            robust_push(a, 0, (uint32_t) gettid());
            use_list(a);
            a->go = 1;
            _exit(0);
        }
        while (!a->go)
            ;
        uint32_t v = (uint32_t) owner;
        if (__atomic_compare_exchange_n(&a->w[0].word, &v, v | FUTEX_WAITERS, false,
                                        __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST)) {
            struct timespec ts = {5, 0};
            long r =
                futex(&a->w[0].word, FUTEX_WAIT, (uint32_t) owner | FUTEX_WAITERS, &ts, NULL, 0);
            CHECK(r == 0 || errno == EAGAIN || errno == EINTR);
            CHECK_EQ(a->w[0].word, FUTEX_OWNER_DIED | FUTEX_WAITERS);
        } else {
            CHECK_EQ(v, FUTEX_OWNER_DIED);
        }
        CHECK_EXIT(owner, 0);
    }
}

/* ---- clear_child_tid ---- */

static int tid_word_child(void *arg)
{
    (void) arg;
    sleep_ms(50);
    return 0;
}

CASE(clear_child_tid_of_a_process_in_our_memory)
{
    static volatile uint32_t word = 1;
    static char stack[65536] __attribute__((aligned(16)));
    pid_t pid = clone(tid_word_child, stack + sizeof(stack),
                      CLONE_VM | CLONE_CHILD_CLEARTID | CLONE_CHILD_SETTID | SIGCHLD, NULL, NULL,
                      NULL, (void *) &word);
    CHECK(pid > 0);
    while (word == 1)
        sleep_ms(1);
    struct timespec ts = {5, 0};
    long r = futex(&word, FUTEX_WAIT, (uint32_t) pid, &ts, NULL, 0);
    CHECK(r == 0 || errno == EAGAIN || errno == EINTR);
    for (int i = 0; i < 1000 && word; i++)
        sleep_ms(1);
    CHECK_EQ(word, 0);
    CHECK_EXIT(pid, 0);
}

GUEST_MAIN
