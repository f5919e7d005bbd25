/* SPDX-License-Identifier: Apache-2.0 */
/* The timer thread. Deadlines are kept in a sorted list: a container arms few timers at once. */
#include "kernel/time/ktimer.h"

#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <stdlib.h>

#include "abi/linux/poll.h"
#include "base/mutex.h"
#include "base/park.h"
#include "base/sys.h"
#include "kernel/kernel.h"
#include "kernel/time/clock_sets.h"
#include "kernel/time/timeval.h"
#include "kernel/wait/waitq.h"

#define TIMER_STACK (128u * 1024)

struct timer_base {
    struct mutex lock;           /* RANK_LEAF */
    struct list armed;           /* [lock] by deadline */
    bool started;                /* [lock] */
    struct parker park;          /* the timer thread's */
    _Atomic uint32_t generation; /* futex word: changes when a callback has ended */
    _Atomic uint32_t sync_waiters;
    struct clock_sets *sets; /* immutable */
    _Atomic bool set_told;   /* a clock has been set, and the timers not yet reckoned again */
    _Atomic uint32_t n_sets;
    struct waitq sets_wq;
};

/* On the poller's thread. */
static void on_set(void *arg)
{
    struct timer_base *b = arg;
    atomic_store(&b->set_told, true);
    parker_wake(&b->park);
}

int timer_base_new(struct timer_base **ret)
{
    struct timer_base *b = calloc(1, sizeof(*b));

    if (!b)
        return -ENOMEM;
    mutex_init(&b->lock, RANK_LEAF);
    list_init(&b->armed);
    parker_init(&b->park);
    waitq_init(&b->sets_wq);
    int r = clock_sets_new(on_set, b, &b->sets);
    if (r < 0) {
        free(b);
        return r;
    }
    *ret = b;
    return 0;
}

uint64_t clock_now_ns(int clock)
{
    struct timespec ts;

    clock_gettime(clock, &ts);
    return (uint64_t) ts.tv_sec * NS_PER_SEC + (uint64_t) ts.tv_nsec;
}

uint64_t mono_now_ns(void)
{
    return clock_now_ns(CLOCK_MONOTONIC);
}

uint64_t real_now_ns(void)
{
    return clock_now_ns(CLOCK_REALTIME);
}

int ktimer_clock_for(int clock, bool absolute)
{
    switch (clock) {
    case LX_CLOCK_REALTIME:
    case LX_CLOCK_REALTIME_ALARM:
        return absolute ? CLOCK_REALTIME : CLOCK_MONOTONIC;
    case LX_CLOCK_TAI:
        return absolute ? CLOCK_TAI : CLOCK_MONOTONIC;
    case LX_CLOCK_BOOTTIME:
    case LX_CLOCK_BOOTTIME_ALARM:
        return CLOCK_BOOTTIME;
    default:
        return CLOCK_MONOTONIC;
    }
}

uint64_t clock_to_mono_ns(int clock, uint64_t at)
{
    if (clock == CLOCK_MONOTONIC)
        return at;
    uint64_t now = clock_now_ns(clock), mono = mono_now_ns();
    return at <= now ? mono : mono + (at - now);
}

/* [lock] At its place among the armed ones, by what its clock says now. */
static void insert(struct timer_base *b, struct ktimer *t)
{
    struct list *at;

    t->deadline = clock_to_mono_ns(t->clock, t->at);
    list_for_each (at, &b->armed) {
        if (container_of(at, struct ktimer, link)->deadline > t->deadline)
            break;
    }
    list_add_tail(&t->link, at);
}

/* ---- clocks that are set ---- */

static void reckon_again(struct timer_base *b)
{
    struct list moved = LIST_INIT(moved), *l, *next;

    mutex_lock(&b->lock);
    list_for_each_safe (l, next, &b->armed) {
        if (container_of(l, struct ktimer, link)->clock != CLOCK_MONOTONIC)
            list_move_tail(l, &moved);
    }
    while ((l = list_pop(&moved)))
        insert(b, container_of(l, struct ktimer, link));
    mutex_unlock(&b->lock);
    atomic_fetch_add(&b->n_sets, 1);
    waitq_wake(&b->sets_wq, LX_POLLIN);
}

uint32_t ktimer_count_sets(struct kernel *k)
{
    return atomic_load(&k->timers->n_sets);
}

struct waitq *ktimer_sets_wq(struct kernel *k)
{
    return &k->timers->sets_wq;
}

/* ---- the thread ---- */

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

        if (atomic_exchange(&b->set_told, false) && clock_sets_take(b->sets))
            reckon_again(b);
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

    mutex_lock(&b->lock);
    bool was = b->started;
    b->started = true;
    mutex_unlock(&b->lock);
    if (was || pthread_attr_init(&attr))
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

void ktimer_mind_sets(struct kernel *k)
{
    start_thread(k->timers);
    clock_sets_watch(k->timers->sets, k->poller);
}

void ktimer_init(struct ktimer *t, void (*fn)(struct ktimer *t))
{
    *t = (struct ktimer){.fn = fn};
    list_init(&t->link);
}

void ktimer_arm_on(struct kernel *k, struct ktimer *t, int clock, uint64_t at)
{
    struct timer_base *b = k->timers;
    bool first, started;

    mutex_lock(&b->lock);
    list_del(&t->link);
    t->clock = clock;
    t->at = at;
    t->armed = true;
    insert(b, t);
    first = b->armed.next == &t->link;
    started = b->started;
    mutex_unlock(&b->lock);
    if (!started)
        start_thread(b);
    else if (first)
        parker_wake(&b->park);
}

void ktimer_arm(struct kernel *k, struct ktimer *t, uint64_t deadline)
{
    ktimer_arm_on(k, t, CLOCK_MONOTONIC, deadline);
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
