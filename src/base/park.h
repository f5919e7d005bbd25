/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One thread sleeps, anybody wakes it, no wake-up is lost:
 *
 *     uint32_t ticket = parker_arm(p);
 *     if (nothing to do)
 *         r = parker_wait(p, ticket, deadline);
 *
 * Every parker_wake() after parker_arm() makes parker_wait() with its ticket return 0 at once.
 */
#pragma once

#include <stdatomic.h>
#include <stdint.h>
#include <time.h>

#include "base/util.h"

struct parker {
    _Atomic uint32_t word; /* wake count in the upper 31 bits; bit 0: the owner sleeps */
};

static inline void parker_init(struct parker *p)
{
    atomic_store_explicit(&p->word, 0, memory_order_relaxed);
}

/* Owner only. What is tested after this cannot be missed. */
static inline uint32_t must_check parker_arm(struct parker *p)
{
    /* A full barrier: the caller's tests must not move above it, nor its earlier stores below. */
    return atomic_fetch_and_explicit(&p->word, ~1u, memory_order_seq_cst) & ~1u;
}

/* Owner only. deadline: absolute CLOCK_MONOTONIC or NULL. 0, -ETIMEDOUT or -EINTR (a host signal
 * came). */
int parker_wait(struct parker *p, uint32_t ticket, const struct timespec *deadline) must_check;

/* Any thread. Costs a system call only when the owner sleeps. The parker must outlive the call. */
void parker_wake(struct parker *p);
