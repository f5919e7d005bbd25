/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Mutex on a private futex word, with a rank (base/lock_ranks.h). Builds with CLOISTER_DEBUG_LOCKS
 * keep the ranks each thread holds and abort, naming both, when they are taken out of order.
 */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/lock_ranks.h"
#include "base/util.h"

struct mutex {
    _Atomic uint32_t word; /* 0 free, 1 held, 2 held and somebody may sleep */
    uint32_t rank;
};

#define MUTEX_INIT(rank_)          \
    {                              \
        .word = 0, .rank = (rank_) \
    }

void mutex_lock_slow_(struct mutex *m);
void mutex_wake_(struct mutex *m);
#ifdef CLOISTER_DEBUG_LOCKS
void mutex_check_(const struct mutex *m, bool nested);
void mutex_note_held_(const struct mutex *m);
void mutex_note_released_(const struct mutex *m);
#else
static inline void mutex_check_(const struct mutex *m unused_, bool nested unused_) {}
static inline void mutex_note_held_(const struct mutex *m unused_) {}
static inline void mutex_note_released_(const struct mutex *m unused_) {}
#endif

static inline void mutex_init(struct mutex *m, enum lock_rank rank)
{
    atomic_store_explicit(&m->word, 0, memory_order_relaxed);
    m->rank = (uint32_t) rank;
}

static inline bool must_check mutex_trylock(struct mutex *m)
{
    uint32_t expected = 0;
    /* Trying cannot deadlock, so any order is allowed. */
    if (!atomic_compare_exchange_strong_explicit(&m->word, &expected, 1, memory_order_acquire,
                                                 memory_order_relaxed))
        return false;
    mutex_note_held_(m);
    return true;
}

static inline void mutex_lock_as_(struct mutex *m, bool nested)
{
    uint32_t expected = 0;
    mutex_check_(m, nested);
    if (unlikely(!atomic_compare_exchange_strong_explicit(&m->word, &expected, 1,
                                                          memory_order_acquire,
                                                          memory_order_relaxed)))
        mutex_lock_slow_(m);
    mutex_note_held_(m);
}

static inline void mutex_lock(struct mutex *m)
{
    mutex_lock_as_(m, false);
}

/* A second lock of the same rank; the caller orders the two, by address if nothing better. */
static inline void mutex_lock_nested(struct mutex *m)
{
    mutex_lock_as_(m, true);
}

static inline void mutex_unlock(struct mutex *m)
{
    mutex_note_released_(m);
    if (unlikely(atomic_exchange_explicit(&m->word, 0, memory_order_release) == 2))
        mutex_wake_(m);
}

/* Both, in address order; they may be the same. */
void mutex_lock_two(struct mutex *a, struct mutex *b);
void mutex_unlock_two(struct mutex *a, struct mutex *b);

/* For assertions: somebody holds it. Debug builds: this thread does. */
bool mutex_is_held(const struct mutex *m);

static inline struct mutex *mutex_guard_(struct mutex *m)
{
    mutex_lock(m);
    return m;
}

static inline void mutex_unlockp(struct mutex **m)
{
    if (*m)
        mutex_unlock(*m);
}

/* Holds m until the end of the enclosing block. */
#define MUTEX_GUARD(m) \
    _cleanup_(mutex_unlockp) unused_ struct mutex *UNIQUE(mutex_guard_) = mutex_guard_(m)
