/* SPDX-License-Identifier: Apache-2.0 */
#include "base/mutex.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/sys.h"

#define SPINS 100

/*
 * Word 2 means "wake somebody at unlock". A thread that slept must take the lock as 2: it cannot
 * know whether others still sleep, and one needless wake is cheaper than a lost one.
 */
void mutex_lock_slow_(struct mutex *m)
{
    for (int i = 0; i < SPINS; i++) {
        uint32_t expected = 0;
        if (atomic_load_explicit(&m->word, memory_order_relaxed) == 0 &&
            atomic_compare_exchange_weak_explicit(&m->word, &expected, 1, memory_order_acquire,
                                                  memory_order_relaxed))
            return;
        __builtin_ia32_pause();
    }
    while (atomic_exchange_explicit(&m->word, 2, memory_order_acquire) != 0)
        (void) host_futex_wait(&m->word, 2, FUTEX_SCOPE_PRIVATE, NULL);
}

void mutex_wake_(struct mutex *m)
{
    (void) host_futex_wake(&m->word, 1, FUTEX_SCOPE_PRIVATE);
}

void mutex_lock_two(struct mutex *a, struct mutex *b)
{
    if (a == b) {
        mutex_lock(a);
        return;
    }
    if ((uintptr_t) a > (uintptr_t) b) {
        struct mutex *t = a;
        a = b;
        b = t;
    }
    if (a->rank > b->rank) { /* two ranks: theirs is the order */
        struct mutex *t = a;
        a = b;
        b = t;
    }
    mutex_lock(a);
    mutex_lock_nested(b);
}

void mutex_unlock_two(struct mutex *a, struct mutex *b)
{
    mutex_unlock(a);
    if (a != b)
        mutex_unlock(b);
}

#ifdef CLOISTER_DEBUG_LOCKS

#define MAX_HELD 32

static _Thread_local const struct mutex *held[MAX_HELD];
static _Thread_local unsigned n_held;

static noreturn_ void die(const char *what, const struct mutex *m, uint32_t outer)
{
    char line[160];
    int n =
        snprintf(line, sizeof(line), "cloister: %s: lock %p of rank %u, while rank %u is held\n",
                 what, (const void *) m, m->rank, outer);
    if (n > 0)
        (void) !write(STDERR_FILENO, line, strlen(line));
    abort();
}

void mutex_check_(const struct mutex *m, bool nested)
{
    if (m->rank == RANK_NONE)
        return;
    for (unsigned i = 0; i < n_held; i++) {
        if (held[i] == m)
            die("lock taken twice", m, m->rank);
        if (held[i]->rank > m->rank || (held[i]->rank == m->rank && !nested))
            die("lock order inversion", m, held[i]->rank);
    }
}

void mutex_note_held_(const struct mutex *m)
{
    if (n_held == MAX_HELD)
        die("too many locks", m, held[MAX_HELD - 1]->rank);
    held[n_held++] = m;
}

void mutex_note_released_(const struct mutex *m)
{
    for (unsigned i = n_held; i > 0; i--) {
        if (held[i - 1] != m)
            continue;
        memmove(&held[i - 1], &held[i], (n_held - i) * sizeof(held[0]));
        n_held--;
        return;
    }
    die("unlock of a lock this thread does not hold", m, 0);
}

bool mutex_is_held(const struct mutex *m)
{
    for (unsigned i = 0; i < n_held; i++)
        if (held[i] == m)
            return true;
    return false;
}

#else

bool mutex_is_held(const struct mutex *m)
{
    return atomic_load_explicit(&m->word, memory_order_relaxed) != 0;
}

#endif
