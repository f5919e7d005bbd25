/* SPDX-License-Identifier: Apache-2.0 */
/* Arithmetic on numbers others chose: true and *ret set, or false when the result does not fit. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/util.h"

/* For any integer types; the result must fit the type of *ret. */
#define check_add(a, b, ret) check_ok_(!__builtin_add_overflow(a, b, ret))
#define check_sub(a, b, ret) check_ok_(!__builtin_sub_overflow(a, b, ret))
#define check_mul(a, b, ret) check_ok_(!__builtin_mul_overflow(a, b, ret))

/* Makes the result one that must be used. */
static inline bool must_check check_ok_(bool ok)
{
    return ok;
}

/* align: a power of two. */
static inline bool must_check check_align_up(uint64_t v, uint64_t align, uint64_t *ret)
{
    uint64_t sum;
    if (__builtin_add_overflow(v, align - 1, &sum))
        return false;
    *ret = sum & ~(align - 1);
    return true;
}

/* start + len <= limit without overflow: the range is inside [0, limit). */
static inline bool must_check check_range(uint64_t start, uint64_t len, uint64_t limit)
{
    return len <= limit && start <= limit - len;
}
