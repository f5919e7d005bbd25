/* SPDX-License-Identifier: Apache-2.0 */
/* base: mutex and parker, with threads. */
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/mutex.h"
#include "base/park.h"
#include "base/util.h"

#define THREADS 4
#define ROUNDS  20000

struct shared {
    struct mutex lock;
    unsigned long count; /* [lock] */
};

static void *count_up(void *arg)
{
    struct shared *s = arg;
    for (int i = 0; i < ROUNDS; i++) {
        MUTEX_GUARD(&s->lock);
        s->count++;
    }
    return NULL;
}

static void mutex_excludes(void **state)
{
    struct shared s = {.lock = MUTEX_INIT(RANK_LEAF)};
    pthread_t threads[THREADS];

    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, count_up, &s), 0);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(s.count, (unsigned long) THREADS * ROUNDS);
    assert_false(mutex_is_held(&s.lock));
}

static void *try_lock(void *arg)
{
    struct mutex *m = arg;
    if (!mutex_trylock(m))
        return NULL;
    mutex_unlock(m);
    return m;
}

static void trylock_fails_when_held(void **state)
{
    struct mutex m = MUTEX_INIT(RANK_LEAF);
    pthread_t thread;
    void *got;

    mutex_lock(&m);
    assert_int_equal(pthread_create(&thread, NULL, try_lock, &m), 0);
    pthread_join(thread, &got);
    assert_null(got);
    mutex_unlock(&m);
    assert_ptr_equal(try_lock(&m), &m);
}

static void two_locks_in_any_order(void **state)
{
    struct mutex a = MUTEX_INIT(RANK_NODE), b = MUTEX_INIT(RANK_NODE),
                 outer = MUTEX_INIT(RANK_RENAME);

    mutex_lock_two(&a, &b);
    assert_true(mutex_is_held(&a) && mutex_is_held(&b));
    mutex_unlock_two(&a, &b);
    mutex_lock_two(&b, &a);
    mutex_unlock_two(&b, &a);
    mutex_lock_two(&a, &a);
    mutex_unlock_two(&a, &a);
    mutex_lock_two(&a, &outer);
    mutex_unlock_two(&a, &outer);
    assert_false(mutex_is_held(&a) || mutex_is_held(&b) || mutex_is_held(&outer));
}

#ifdef CLOISTER_DEBUG_LOCKS
static int in_child(void (*fn)(void))
{
    int status = -1;
    pid_t pid = fork();
    if (pid == 0) {
        struct rlimit none = {0, 0};
        setrlimit(RLIMIT_CORE, &none);
        signal(SIGABRT, SIG_DFL);
        fn();
        _exit(0);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

static struct mutex outer_lock = MUTEX_INIT(RANK_KERNEL_TASKS), inner_lock = MUTEX_INIT(RANK_FILE),
                    inner_twin = MUTEX_INIT(RANK_FILE);

static void in_order(void)
{
    mutex_lock(&outer_lock);
    mutex_lock(&inner_lock);
    mutex_lock_nested(&inner_twin);
    mutex_unlock(&outer_lock);
    mutex_unlock(&inner_twin);
    mutex_unlock(&inner_lock);
}

static void inverted(void)
{
    mutex_lock(&inner_lock);
    mutex_lock(&outer_lock);
}

static void same_rank(void)
{
    mutex_lock(&inner_lock);
    mutex_lock(&inner_twin);
}

static void unlock_unheld(void)
{
    mutex_unlock(&inner_lock);
}

static void ranks_are_checked(void **state)
{
    assert_int_equal(in_child(in_order), 0);
    assert_int_equal(in_child(inverted), SIGABRT);
    assert_int_equal(in_child(same_rank), SIGABRT);
    assert_int_equal(in_child(unlock_unheld), SIGABRT);
}
#endif

static struct timespec in_ms(long ms)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    t.tv_nsec += ms % 1000 * 1000000;
    t.tv_sec += ms / 1000 + t.tv_nsec / 1000000000;
    t.tv_nsec %= 1000000000;
    return t;
}

static void wake_after_arm_is_kept(void **state)
{
    struct parker p;
    parker_init(&p);
    uint32_t ticket = parker_arm(&p);
    parker_wake(&p);
    assert_int_equal(parker_wait(&p, ticket, NULL), 0);
    ticket = parker_arm(&p);
    struct timespec soon = in_ms(20), past = {0};
    assert_int_equal(parker_wait(&p, ticket, &soon), -ETIMEDOUT);
    assert_int_equal(parker_wait(&p, ticket, &past), -ETIMEDOUT);
    parker_wake(&p);
    assert_int_equal(parker_wait(&p, ticket, &past), 0);
}

struct pong {
    struct parker a, b;
    _Atomic uint32_t a_turns, b_turns;
};

/* Waits until *turns reaches n, as every sleeper does: arm, test, wait. */
static void wait_turn(struct parker *p, _Atomic uint32_t *turns, uint32_t n)
{
    for (;;) {
        uint32_t ticket = parker_arm(p);
        if (*turns >= n)
            return;
        (void) !parker_wait(p, ticket, NULL);
    }
}

static void *answer(void *arg)
{
    struct pong *p = arg;
    for (uint32_t i = 1; i <= ROUNDS; i++) {
        wait_turn(&p->b, &p->b_turns, i);
        p->a_turns++;
        parker_wake(&p->a);
    }
    return NULL;
}

static void no_wakeup_is_lost(void **state)
{
    struct pong p = {0};
    pthread_t thread;

    assert_int_equal(pthread_create(&thread, NULL, answer, &p), 0);
    for (uint32_t i = 1; i <= ROUNDS; i++) {
        p.b_turns++;
        parker_wake(&p.b);
        wait_turn(&p.a, &p.a_turns, i);
    }
    pthread_join(thread, NULL);
    assert_int_equal(p.a_turns, ROUNDS);
}

static void on_signal(int signo)
{
    (void) signo;
}

static void *signal_soon(void *arg)
{
    usleep(30000);
    pthread_kill(*(pthread_t *) arg, SIGUSR1);
    return NULL;
}

static void signals_interrupt_the_wait(void **state)
{
    struct sigaction sa = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
    struct parker p;
    pthread_t self = pthread_self(), thread;
    struct timespec late = in_ms(5000);

    parker_init(&p);
    sigaction(SIGUSR1, &sa, NULL);
    assert_int_equal(pthread_create(&thread, NULL, signal_soon, &self), 0);
    assert_int_equal(parker_wait(&p, parker_arm(&p), &late), -EINTR);
    pthread_join(thread, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(mutex_excludes),
        cmocka_unit_test(trylock_fails_when_held),
        cmocka_unit_test(two_locks_in_any_order),
#ifdef CLOISTER_DEBUG_LOCKS
        cmocka_unit_test(ranks_are_checked),
#endif
        cmocka_unit_test(wake_after_arm_is_kept),
        cmocka_unit_test(no_wakeup_is_lost),
        cmocka_unit_test(signals_interrupt_the_wait),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
