/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reference count. An object starts with one reference. A count that reaches the ceiling stays
 * there: the object leaks, which is safe; a count that drops below zero means a use after free is
 * about to happen, so the process stops.
 */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>

#include "base/util.h"

struct ref {
    _Atomic uint32_t n;
};

#define REF_SATURATED 0x80000000u

static inline void ref_init(struct ref *r)
{
    atomic_store_explicit(&r->n, 1, memory_order_relaxed);
}

/* The caller must hold a reference already. */
static inline void ref_get(struct ref *r)
{
    uint32_t old = atomic_fetch_add_explicit(&r->n, 1, memory_order_relaxed);
    if (unlikely(old == 0))
        abort();
    if (unlikely(old >= REF_SATURATED))
        atomic_store_explicit(&r->n, REF_SATURATED, memory_order_relaxed);
}

/* For lookups that hold no reference: false when the object is already going away. */
static inline bool must_check ref_tryget(struct ref *r)
{
    uint32_t n = atomic_load_explicit(&r->n, memory_order_relaxed);
    do {
        if (n == 0)
            return false;
        if (unlikely(n >= REF_SATURATED))
            return true;
    } while (!atomic_compare_exchange_weak_explicit(&r->n, &n, n + 1, memory_order_acquire,
                                                    memory_order_relaxed));
    return true;
}

/* True for the last one: the caller now owns the object alone and frees it. */
static inline bool must_check ref_put(struct ref *r)
{
    uint32_t old = atomic_fetch_sub_explicit(&r->n, 1, memory_order_acq_rel);
    if (unlikely(old == 0))
        abort();
    if (unlikely(old >= REF_SATURATED)) {
        atomic_store_explicit(&r->n, REF_SATURATED, memory_order_relaxed);
        return false;
    }
    return old == 1;
}

static inline uint32_t ref_count(const struct ref *r)
{
    return atomic_load_explicit(&r->n, memory_order_relaxed);
}
