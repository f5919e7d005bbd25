/* SPDX-License-Identifier: Apache-2.0 */
/* The C library's locks between processes: shared, robust, with priority inheritance. */
#include "guest.h"
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <sys/time.h>

/* In shared memory, so that all cases see one layout. */
struct area {
    pthread_mutex_t m;
    pthread_cond_t c, c2;
    pthread_rwlock_t rw;
    pthread_barrier_t b;
    pthread_spinlock_t spin;
    sem_t sem;
    volatile int n, state, done[8];
};

static struct area *area(void)
{
    return CHECK_MAP(
        mmap(NULL, sizeof(struct area), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
}

enum { ROBUST = 1, PI = 2, CHECKED = 4, RECURSIVE = 8 };

static void mutex(struct area *a, int kind)
{
    pthread_mutexattr_t at;
    CHECK_EQ(pthread_mutexattr_init(&at), 0);
    CHECK_EQ(pthread_mutexattr_setpshared(&at, PTHREAD_PROCESS_SHARED), 0);
    if (kind & ROBUST)
        CHECK_EQ(pthread_mutexattr_setrobust(&at, PTHREAD_MUTEX_ROBUST), 0);
    if (kind & PI)
        CHECK_EQ(pthread_mutexattr_setprotocol(&at, PTHREAD_PRIO_INHERIT), 0);
    if (kind & CHECKED)
        CHECK_EQ(pthread_mutexattr_settype(&at, PTHREAD_MUTEX_ERRORCHECK), 0);
    if (kind & RECURSIVE)
        CHECK_EQ(pthread_mutexattr_settype(&at, PTHREAD_MUTEX_RECURSIVE), 0);
    CHECK_EQ(pthread_mutex_init(&a->m, &at), 0);
}

static void cond(pthread_cond_t *c, clockid_t clock)
{
    pthread_condattr_t at;
    CHECK_EQ(pthread_condattr_init(&at), 0);
    CHECK_EQ(pthread_condattr_setpshared(&at, PTHREAD_PROCESS_SHARED), 0);
    CHECK_EQ(pthread_condattr_setclock(&at, clock), 0);
    CHECK_EQ(pthread_cond_init(c, &at), 0);
}

static struct timespec in_ms(clockid_t clock, long ms)
{
    struct timespec ts;
    clock_gettime(clock, &ts);
    ts.tv_nsec += ms * 1000000;
    ts.tv_sec += ts.tv_nsec / 1000000000;
    ts.tv_nsec %= 1000000000;
    return ts;
}

static pid_t child(void)
{
    pid_t pid = fork();
    CHECK(pid >= 0);
    return pid;
}

/* Four processes count to 4,000 together. */
static void count_with(int kind)
{
    struct area *a = area();
    pid_t pid[4];
    mutex(a, kind);
    for (int i = 0; i < 4; i++) {
        pid[i] = child();
        if (pid[i] == 0) {
            for (int k = 0; k < 1000; k++) {
                CHECK_EQ(pthread_mutex_lock(&a->m), 0);
                int v = a->n;
                if (k % 100 == 0)
                    sched_yield();
                a->n = v + 1;
                CHECK_EQ(pthread_mutex_unlock(&a->m), 0);
            }
            _exit(0);
        }
    }
    for (int i = 0; i < 4; i++)
        CHECK_EXIT(pid[i], 0);
    CHECK_EQ(a->n, 4000);
}

CASE(mutex_plain)
{
    count_with(0);
}

CASE(mutex_robust)
{
    count_with(ROBUST);
}

CASE(mutex_pi)
{
    count_with(PI);
}

CASE(mutex_robust_pi)
{
    count_with(ROBUST | PI);
}

CASE(mutex_errorcheck)
{
    count_with(CHECKED);
}

CASE(mutex_recursive_pi)
{
    count_with(RECURSIVE | PI);
}

CASE(errorcheck_says_so)
{
    struct area *a = area();
    static const int kinds[] = {CHECKED, CHECKED | ROBUST, CHECKED | PI, CHECKED | ROBUST | PI};
    for (int i = 0; i < 4; i++) {
        mutex(a, kinds[i]);
        CHECK_EQ(pthread_mutex_unlock(&a->m), EPERM);
        CHECK_EQ(pthread_mutex_lock(&a->m), 0);
        CHECK_EQ(pthread_mutex_lock(&a->m), EDEADLK);
        int r = pthread_mutex_trylock(&a->m); /* libraries differ */
        CHECK(r == EBUSY || r == EDEADLK);
        pid_t pid = child();
        if (pid == 0) {
            struct timespec ts = in_ms(CLOCK_REALTIME, 30);
            CHECK_EQ(pthread_mutex_unlock(&a->m), EPERM);
            CHECK_EQ(pthread_mutex_trylock(&a->m), EBUSY);
            CHECK_EQ(pthread_mutex_timedlock(&a->m, &ts), ETIMEDOUT);
            _exit(0);
        }
        CHECK_EXIT(pid, 0);
        CHECK_EQ(pthread_mutex_unlock(&a->m), 0);
    }
}

CASE(recursion_counts)
{
    struct area *a = area();
    mutex(a, RECURSIVE | ROBUST);
    for (int i = 0; i < 3; i++)
        CHECK_EQ(pthread_mutex_lock(&a->m), 0);
    for (int i = 0; i < 3; i++)
        CHECK_EQ(pthread_mutex_unlock(&a->m), 0);
    pid_t pid = child();
    if (pid == 0)
        _exit(pthread_mutex_trylock(&a->m) || pthread_mutex_unlock(&a->m));
    CHECK_EXIT(pid, 0);
}

/* The owner ends (0: exit, 1: SIGKILL, 2: a thread of it ends, 3: exec) while others wait. */
static void *lock_and_end(void *arg)
{
    struct area *a = arg;
    CHECK_EQ(pthread_mutex_lock(&a->m), 0);
    a->state = 1;
    sleep_ms(30);
    return NULL;
}

static void own_and_end(struct area *a, int how)
{
    pthread_t th;
    if (how == 2) {
        CHECK_EQ(pthread_create(&th, NULL, lock_and_end, a), 0);
        pthread_join(th, NULL);
        for (;;)
            pause();
    }
    CHECK_EQ(pthread_mutex_lock(&a->m), 0);
    a->state = 1;
    sleep_ms(30);
    if (how == 3) {
        char *argv[] = {"sleep", "1", NULL};
        execv("/bin/sleep", argv);
    }
    if (how == 0)
        _exit(0);
    for (;;)
        pause();
}

static void owner_dies(int kind, int how, bool waiters)
{
    struct area *a = area();
    mutex(a, kind | ROBUST);
    pid_t owner = child(), w[2] = {0};
    if (owner == 0)
        own_and_end(a, how);
    while (!a->state)
        sleep_ms(1);
    for (int i = 0; waiters && i < 2; i++) {
        w[i] = child();
        if (w[i] == 0) {
            int r = pthread_mutex_lock(&a->m);
            if (r == EOWNERDEAD) {
                a->n++;
                CHECK_EQ(pthread_mutex_consistent(&a->m), 0);
            } else {
                CHECK_EQ(r, 0);
            }
            CHECK_EQ(pthread_mutex_unlock(&a->m), 0);
            _exit(0);
        }
    }
    if (how == 1) {
        sleep_ms(60);
        CHECK_EQ(kill(owner, SIGKILL), 0);
    }
    if (waiters) {
        CHECK_EXIT(w[0], 0);
        CHECK_EXIT(w[1], 0);
        CHECK_EQ(a->n, 1);
    } else {
        struct timespec ts = in_ms(CLOCK_REALTIME, 900);
        CHECK_EQ(pthread_mutex_timedlock(&a->m, &ts), EOWNERDEAD);
        CHECK_EQ(pthread_mutex_consistent(&a->m), 0);
        CHECK_EQ(pthread_mutex_unlock(&a->m), 0);
    }
    CHECK_EQ(pthread_mutex_lock(&a->m), 0);
    CHECK_EQ(pthread_mutex_unlock(&a->m), 0);
    kill(owner, SIGKILL);
    CHECK_EQ(waitpid(owner, NULL, 0), owner);
}

CASE(robust_owner_exits)
{
    owner_dies(0, 0, false);
    owner_dies(0, 0, true);
}

CASE(robust_owner_killed)
{
    owner_dies(0, 1, false);
    owner_dies(0, 1, true);
}

CASE(robust_owner_thread_ends)
{
    owner_dies(0, 2, false);
    owner_dies(0, 2, true);
}

CASE(robust_owner_execs)
{
    owner_dies(0, 3, false);
    owner_dies(0, 3, true);
}

CASE(robust_pi_owner_exits)
{
    owner_dies(PI, 0, false);
    owner_dies(PI, 0, true);
}

CASE(robust_pi_owner_killed)
{
    owner_dies(PI, 1, false);
    owner_dies(PI, 1, true);
}

CASE(robust_pi_owner_thread_ends)
{
    owner_dies(PI, 2, false);
    owner_dies(PI, 2, true);
}

CASE(robust_pi_owner_execs)
{
    owner_dies(PI, 3, false);
    owner_dies(PI, 3, true);
}

CASE(not_made_consistent)
{
    struct area *a = area();
    mutex(a, ROBUST);
    pid_t pid = child();
    if (pid == 0) {
        pthread_mutex_lock(&a->m);
        _exit(0);
    }
    CHECK_EXIT(pid, 0);
    CHECK_EQ(pthread_mutex_lock(&a->m), EOWNERDEAD);
    CHECK_EQ(pthread_mutex_unlock(&a->m), 0);
    CHECK_EQ(pthread_mutex_lock(&a->m), ENOTRECOVERABLE);
}

/* Owners are killed at any moment; the count of steps must stay whole. */
static void storm(int kind)
{
    struct area *a = area();
    mutex(a, kind);
    for (int round = 0; round < 20; round++) {
        pid_t pid[3];
        for (int i = 0; i < 3; i++) {
            pid[i] = child();
            if (pid[i] == 0)
                for (;;) {
                    int r = pthread_mutex_lock(&a->m);
                    if (r == EOWNERDEAD) {
                        a->state = a->n;
                        pthread_mutex_consistent(&a->m);
                    } else if (r || a->state != a->n) {
                        _exit(3);
                    }
                    a->n++;
                    a->state++;
                    pthread_mutex_unlock(&a->m);
                }
        }
        sleep_ms(5 + round);
        for (int i = 0; i < 3; i++)
            kill(pid[i], SIGKILL);
        for (int i = 0; i < 3; i++)
            CHECK_KILLED(pid[i], SIGKILL);
        struct timespec ts = in_ms(CLOCK_REALTIME, 900);
        int r = pthread_mutex_timedlock(&a->m, &ts);
        if (r == EOWNERDEAD) {
            a->state = a->n;
            CHECK_EQ(pthread_mutex_consistent(&a->m), 0);
        } else {
            CHECK_EQ(r, 0);
        }
        CHECK_EQ(pthread_mutex_unlock(&a->m), 0);
    }
    CHECK(a->n > 0);
}

CASE(robust_storm)
{
    storm(ROBUST);
}

CASE(robust_pi_storm)
{
    storm(ROBUST | PI);
}

static void ping_pong(int kind)
{
    struct area *a = area();
    mutex(a, kind);
    cond(&a->c, CLOCK_MONOTONIC);
    cond(&a->c2, CLOCK_MONOTONIC);
    pid_t pid = child();
    pthread_cond_t *mine = pid ? &a->c : &a->c2, *other = pid ? &a->c2 : &a->c;
    int me = pid ? 0 : 1;
    for (int i = 0; i < 200; i++) {
        CHECK_EQ(pthread_mutex_lock(&a->m), 0);
        while (a->n % 2 != me)
            CHECK_EQ(pthread_cond_wait(mine, &a->m), 0);
        a->n++;
        CHECK_EQ(pthread_cond_signal(other), 0);
        CHECK_EQ(pthread_mutex_unlock(&a->m), 0);
    }
    if (pid == 0)
        _exit(0);
    CHECK_EXIT(pid, 0);
    CHECK_EQ(a->n, 400);
}

CASE(cond_ping_pong)
{
    ping_pong(0);
}

CASE(cond_ping_pong_pi)
{
    ping_pong(PI);
}

CASE(cond_ping_pong_robust)
{
    ping_pong(ROBUST);
}

static void broadcast(int kind)
{
    struct area *a = area();
    pid_t pid[5];
    mutex(a, kind);
    cond(&a->c, CLOCK_REALTIME);
    for (int i = 0; i < 5; i++) {
        pid[i] = child();
        if (pid[i] == 0) {
            CHECK_EQ(pthread_mutex_lock(&a->m), 0);
            a->n++;
            while (!a->state)
                CHECK_EQ(pthread_cond_wait(&a->c, &a->m), 0);
            CHECK_EQ(pthread_mutex_unlock(&a->m), 0);
            _exit(0);
        }
    }
    while (a->n < 5)
        sleep_ms(1);
    CHECK_EQ(pthread_mutex_lock(&a->m), 0);
    a->state = 1;
    CHECK_EQ(pthread_cond_broadcast(&a->c), 0);
    CHECK_EQ(pthread_mutex_unlock(&a->m), 0);
    for (int i = 0; i < 5; i++)
        CHECK_EXIT(pid[i], 0);
}

CASE(cond_broadcast)
{
    broadcast(0);
}

CASE(cond_broadcast_pi)
{
    broadcast(PI);
}

CASE(cond_timed_wait)
{
    static const clockid_t clocks[] = {CLOCK_REALTIME, CLOCK_MONOTONIC};
    struct area *a = area();
    mutex(a, ROBUST);
    for (int i = 0; i < 2; i++) {
        cond(&a->c, clocks[i]);
        struct timespec ts = in_ms(clocks[i], 50);
        uint64_t start = now_ns();
        CHECK_EQ(pthread_mutex_lock(&a->m), 0);
        CHECK_EQ(pthread_cond_timedwait(&a->c, &a->m, &ts), ETIMEDOUT);
        CHECK(now_ns() - start >= 49000000);
        CHECK_EQ(pthread_mutex_unlock(&a->m), 0);
    }
}

CASE(waiter_of_a_condition_is_killed)
{
    struct area *a = area();
    mutex(a, 0);
    cond(&a->c, CLOCK_REALTIME);
    pid_t pid = child();
    if (pid == 0) {
        pthread_mutex_lock(&a->m);
        a->n = 1;
        pthread_cond_wait(&a->c, &a->m);
        _exit(1);
    }
    while (!a->n)
        sleep_ms(1);
    CHECK_EQ(pthread_mutex_lock(&a->m), 0);
    CHECK_EQ(pthread_mutex_unlock(&a->m), 0);
    kill(pid, SIGKILL);
    CHECK_KILLED(pid, SIGKILL);
    CHECK_EQ(pthread_cond_broadcast(&a->c), 0);
}

CASE(barrier)
{
    struct area *a = area();
    pthread_barrierattr_t at;
    pid_t pid[3];
    CHECK_EQ(pthread_barrierattr_init(&at), 0);
    CHECK_EQ(pthread_barrierattr_setpshared(&at, PTHREAD_PROCESS_SHARED), 0);
    CHECK_EQ(pthread_barrier_init(&a->b, &at, 4), 0);
    for (int i = 0; i < 3; i++) {
        pid[i] = child();
        if (pid[i] == 0) {
            for (int k = 0; k < 50; k++) {
                __atomic_fetch_add(&a->n, 1, __ATOMIC_SEQ_CST);
                int r = pthread_barrier_wait(&a->b);
                CHECK(r == 0 || r == PTHREAD_BARRIER_SERIAL_THREAD);
                CHECK(a->n >= 4 * (k + 1));
            }
            _exit(0);
        }
    }
    for (int k = 0; k < 50; k++) {
        __atomic_fetch_add(&a->n, 1, __ATOMIC_SEQ_CST);
        pthread_barrier_wait(&a->b);
        CHECK(a->n >= 4 * (k + 1));
    }
    for (int i = 0; i < 3; i++)
        CHECK_EXIT(pid[i], 0);
}

CASE(rwlock)
{
    struct area *a = area();
    pthread_rwlockattr_t at;
    pid_t pid[4];
    CHECK_EQ(pthread_rwlockattr_init(&at), 0);
    CHECK_EQ(pthread_rwlockattr_setpshared(&at, PTHREAD_PROCESS_SHARED), 0);
    CHECK_EQ(pthread_rwlock_init(&a->rw, &at), 0);
    for (int i = 0; i < 4; i++) {
        pid[i] = child();
        if (pid[i] == 0) {
            for (int k = 0; k < 300; k++) {
                if (i < 2) {
                    CHECK_EQ(pthread_rwlock_wrlock(&a->rw), 0);
                    a->n++;
                    a->state++;
                } else {
                    CHECK_EQ(pthread_rwlock_rdlock(&a->rw), 0);
                    CHECK_EQ(a->n, a->state);
                }
                CHECK_EQ(pthread_rwlock_unlock(&a->rw), 0);
            }
            _exit(0);
        }
    }
    for (int i = 0; i < 4; i++)
        CHECK_EXIT(pid[i], 0);
    CHECK_EQ(a->n, 600);
    CHECK_EQ(pthread_rwlock_rdlock(&a->rw), 0);
    struct timespec ts = in_ms(CLOCK_REALTIME, 30);
    pid_t w = child();
    if (w == 0)
        _exit(pthread_rwlock_timedwrlock(&a->rw, &ts) != ETIMEDOUT);
    CHECK_EXIT(w, 0);
}

CASE(spinlock)
{
    struct area *a = area();
    CHECK_EQ(pthread_spin_init(&a->spin, PTHREAD_PROCESS_SHARED), 0);
    pid_t pid = child();
    for (int i = 0; i < 300; i++) {
        pthread_spin_lock(&a->spin);
        a->n++;
        pthread_spin_unlock(&a->spin);
    }
    if (pid == 0)
        _exit(0);
    CHECK_EXIT(pid, 0);
    CHECK_EQ(a->n, 600);
}

CASE(semaphore)
{
    struct area *a = area();
    CHECK_EQ(sem_init(&a->sem, 1, 0), 0);
    pid_t pid = child();
    if (pid == 0) {
        for (int i = 0; i < 100; i++)
            while (sem_wait(&a->sem) < 0)
                ;
        struct timespec ts = in_ms(CLOCK_REALTIME, 40);
        CHECK_ERR(sem_timedwait(&a->sem, &ts), ETIMEDOUT);
        CHECK_ERR(sem_trywait(&a->sem), EAGAIN);
        _exit(0);
    }
    for (int i = 0; i < 100; i++)
        CHECK_EQ(sem_post(&a->sem), 0);
    CHECK_EXIT(pid, 0);
}

static void on_alarm(int signo)
{
    (void) signo;
}

CASE(semaphore_and_signals)
{
    struct area *a = area();
    struct sigaction sa = {.sa_handler = on_alarm};
    struct itimerval it = {{0, 50000}, {0, 50000}};
    CHECK_EQ(sem_init(&a->sem, 1, 0), 0);
    CHECK_EQ(sigaction(SIGALRM, &sa, NULL), 0);
    setitimer(ITIMER_REAL, &it, NULL);
    CHECK_ERR(sem_wait(&a->sem), EINTR);
    setitimer(ITIMER_REAL, &it, NULL);
    struct timespec ts = in_ms(CLOCK_REALTIME, 900);
    CHECK_ERR(sem_timedwait(&a->sem, &ts), EINTR);
}

CASE(named_semaphore_by_another_program)
{
    char name[64];
    snprintf(name, sizeof(name), "/cloister-%d", getpid());
    sem_t *s = sem_open(name, O_CREAT | O_EXCL, 0600, 0);
    if (s == SEM_FAILED &&
        (errno == ENOENT || errno == ENOSYS || errno == EACCES || errno == EROFS))
        SKIP("no /dev/shm");
    CHECK(s != SEM_FAILED);
    pid_t pid = child();
    if (pid == 0) {
        char *argv[] = {(char *) guest_self, "--mode", "post", name, NULL};
        execv(guest_self, argv);
        _exit(9);
    }
    for (int i = 0; i < 3; i++)
        while (sem_wait(s) < 0)
            ;
    CHECK_EXIT(pid, 0);
    CHECK_EQ(sem_unlink(name), 0);
    CHECK_ERR((long) sem_open(name, 0) - (long) SEM_FAILED - 1, ENOENT);
}

CASE(robust_mutex_by_another_program)
{
    char name[64];
    snprintf(name, sizeof(name), "/cloister-m-%d", getpid());
    int fd = shm_open(name, O_RDWR | O_CREAT | O_EXCL, 0600);
    if (fd < 0 && (errno == ENOENT || errno == ENOSYS || errno == EACCES || errno == EROFS))
        SKIP("no /dev/shm");
    CHECK(fd >= 0);
    CHECK_EQ(ftruncate(fd, sizeof(struct area)), 0);
    struct area *a = CHECK_MAP(mmap(NULL, sizeof(*a), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0));
    mutex(a, ROBUST | PI);
    pid_t pid = child();
    if (pid == 0) {
        char *argv[] = {(char *) guest_self, "--mode", "own", name, NULL};
        execv(guest_self, argv);
        _exit(9);
    }
    while (!a->state)
        sleep_ms(1);
    kill(pid, SIGKILL);
    CHECK_EQ(pthread_mutex_lock(&a->m), EOWNERDEAD);
    CHECK_KILLED(pid, SIGKILL);
    CHECK_EQ(pthread_mutex_consistent(&a->m), 0);
    CHECK_EQ(pthread_mutex_unlock(&a->m), 0);
    CHECK_EQ(shm_unlink(name), 0);
}

int guest_mode(const char *mode, int argc, char **argv)
{
    if (argc < 1)
        return 8;
    if (strcmp(mode, "post") == 0) {
        sem_t *s = sem_open(argv[0], 0);
        if (s == SEM_FAILED)
            return 1;
        for (int i = 0; i < 3; i++)
            sem_post(s);
        return 0;
    }
    int fd = shm_open(argv[0], O_RDWR, 0);
    struct area *a = mmap(NULL, sizeof(*a), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (a == MAP_FAILED || pthread_mutex_lock(&a->m))
        return 2;
    a->state = 1;
    for (;;)
        pause();
}

GUEST_MAIN
