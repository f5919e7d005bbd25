/* SPDX-License-Identifier: Apache-2.0 */
/* The timer thread. Deadlines are kept in a sorted list: a container arms few timers at once. */
#include "kernel/time/ktimer.h"

#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <stdlib.h>

#include "base/mutex.h"
#include "base/park.h"
#include "base/sys.h"
#include "kernel/kernel.h"
#include "kernel/time/timeval.h"

#define TIMER_STACK (128u * 1024)

struct timer_base {
    struct mutex lock;           /* RANK_LEAF */
    struct list armed;           /* [lock] by deadline */
    bool started;                /* [lock] */
    struct parker park;          /* the timer thread's */
    _Atomic uint32_t generation; /* futex word: changes when a callback has ended */
    _Atomic uint32_t sync_waiters;
};

int timer_base_new(struct timer_base **ret)
{
    struct timer_base *b = calloc(1, sizeof(*b));

    if (!b)
        return -ENOMEM;
    mutex_init(&b->lock, RANK_LEAF);
    list_init(&b->armed);
    parker_init(&b->park);
    *ret = b;
    return 0;
}

static uint64_t clock_ns(clockid_t id)
{
    struct timespec ts;

    clock_gettime(id, &ts);
    return (uint64_t) ts.tv_sec * NS_PER_SEC + (uint64_t) ts.tv_nsec;
}

uint64_t mono_now_ns(void)
{
    return clock_ns(CLOCK_MONOTONIC);
}

uint64_t real_now_ns(void)
{
    return clock_ns(CLOCK_REALTIME);
}

uint64_t real_to_mono_ns(uint64_t real_ns)
{
    uint64_t now = real_now_ns(), mono = mono_now_ns();

    return real_ns <= now ? mono : mono + (real_ns - now);
}

/* Runs one due timer. True if there was one; else *ret_next is the next deadline, 0: none. */
static bool run_one(struct timer_base *b, uint64_t *ret_next)
{
    struct ktimer *t;

    mutex_lock(&b->lock);
    t = list_first_or_null(&b->armed, struct ktimer, link);
    if (!t || t->deadline > mono_now_ns()) {
        *ret_next = t ? t->deadline : 0;
        mutex_unlock(&b->lock);
        return false;
    }
    list_del(&t->link);
    t->armed = false;
    t->running = true;
    mutex_unlock(&b->lock);

    t->fn(t);

    mutex_lock(&b->lock);
    t->running = false; /* the last touch: cancel_sync() may free it now */
    mutex_unlock(&b->lock);
    atomic_fetch_add(&b->generation, 1);
    if (atomic_load(&b->sync_waiters))
        host_futex_wake(&b->generation, INT_MAX, FUTEX_SCOPE_PRIVATE);
    return true;
}

static noreturn_ void *timer_main(void *arg)
{
    struct timer_base *b = arg;

    for (;;) {
        uint32_t ticket = parker_arm(&b->park);
        struct timespec ts;
        uint64_t next = 0;

        if (run_one(b, &next))
            continue;
        ts = host_timespec_from_ns(next);
        if (parker_wait(&b->park, ticket, next ? &ts : NULL)) {
            /* Due, or a host signal: look again. */
        }
    }
}

static void start_thread(struct timer_base *b)
{
    pthread_attr_t attr;
    pthread_t thread;

    if (pthread_attr_init(&attr))
        return;
    (void) pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
    (void) pthread_attr_setstacksize(&attr, TIMER_STACK);
    if (pthread_create(&thread, &attr, timer_main, b)) {
        mutex_lock(&b->lock);
        b->started = false; /* the next one that arms tries again */
        mutex_unlock(&b->lock);
    }
    (void) pthread_attr_destroy(&attr);
}

void ktimer_init(struct ktimer *t, void (*fn)(struct ktimer *t))
{
    *t = (struct ktimer){.fn = fn};
    list_init(&t->link);
}

void ktimer_arm(struct kernel *k, struct ktimer *t, uint64_t deadline)
{
    struct timer_base *b = k->timers;
    struct list *at;
    bool first, start;

    mutex_lock(&b->lock);
    list_del(&t->link);
    t->deadline = deadline;
    t->armed = true;
    list_for_each (at, &b->armed) {
        if (container_of(at, struct ktimer, link)->deadline > deadline)
            break;
    }
    list_add_tail(&t->link, at);
    first = b->armed.next == &t->link;
    start = !b->started;
    b->started = true;
    mutex_unlock(&b->lock);
    if (start)
        start_thread(b);
    else if (first)
        parker_wake(&b->park);
}

bool ktimer_cancel(struct kernel *k, struct ktimer *t)
{
    struct timer_base *b = k->timers;
    bool was;

    mutex_lock(&b->lock);
    was = t->armed;
    list_del(&t->link);
    t->armed = false;
    mutex_unlock(&b->lock);
    return was;
}

void ktimer_cancel_sync(struct kernel *k, struct ktimer *t)
{
    struct timer_base *b = k->timers;

    for (;;) {
        uint32_t gen;
        bool running;

        atomic_fetch_add(&b->sync_waiters, 1);
        gen = atomic_load(&b->generation);
        mutex_lock(&b->lock);
        list_del(&t->link);
        t->armed = false;
        running = t->running;
        mutex_unlock(&b->lock);
        if (running)
            (void) host_futex_wait(&b->generation, gen, FUTEX_SCOPE_PRIVATE, NULL);
        atomic_fetch_sub(&b->sync_waiters, 1);
        if (!running)
            return;
    }
}
