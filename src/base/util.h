/* SPDX-License-Identifier: Apache-2.0 */
/* Small things every file may use: attributes, type-safe macros, compile-time checks. */
#pragma once

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define must_check             __attribute__((warn_unused_result))
#define noreturn_              __attribute__((noreturn))
#define unused_                __attribute__((unused))
#define printf_like(fmt, args) __attribute__((format(printf, fmt, args)))
/* Runs fn(&variable) when the variable's scope is left. */
#define _cleanup_(fn) __attribute__((cleanup(fn)))

#define likely(x)   __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)

/* An expression of value 0 that does not compile when `cond` holds. */
#define BUILD_BUG_ZERO(cond) ((size_t) sizeof(struct { int build_bug : (cond) ? -1 : 1; }) * 0)
#define IS_ARRAY_(a)         (!__builtin_types_compatible_p(__typeof__(a), __typeof__(&(a)[0])))
/* Number of elements; refuses a pointer. */
#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]) + BUILD_BUG_ZERO(!IS_ARRAY_(a)))

#define SAME_TYPE_(a, b) __builtin_types_compatible_p(__typeof__(a), __typeof__(b))
/* The struct that holds `member` at `ptr`. ptr must have the member's type. */
#define container_of(ptr, type, member)                                                           \
    (__extension__({                                                                              \
        static_assert(SAME_TYPE_(*(ptr), ((type *) 0)->member), "pointer is not of this member"); \
        (type *) (void *) ((char *) (uintptr_t) (ptr) -offsetof(type, member));                   \
    }))

#define CONCAT_(a, b)  a##b
#define CONCAT(a, b)   CONCAT_(a, b)
#define UNIQUE(prefix) CONCAT(prefix, __COUNTER__)

/* Both sides must have one type: mixing signed and unsigned does not compile. */
#define MIN_(a, b, x, y)                                     \
    (__extension__({                                         \
        __auto_type x = (a);                                 \
        __auto_type y = (b);                                 \
        static_assert(SAME_TYPE_(x, y), "MIN of two types"); \
        x < y ? x : y;                                       \
    }))
#define MAX_(a, b, x, y)                                     \
    (__extension__({                                         \
        __auto_type x = (a);                                 \
        __auto_type y = (b);                                 \
        static_assert(SAME_TYPE_(x, y), "MAX of two types"); \
        x > y ? x : y;                                       \
    }))
#define MIN(a, b) MIN_(a, b, UNIQUE(min_), UNIQUE(min_))
#define MAX(a, b) MAX_(a, b, UNIQUE(max_), UNIQUE(max_))

/* To a power of two. ALIGN_UP wraps to 0 near the end of the type: check_align_up() where that
 * matters. */
#define ALIGN_DOWN(x, a) ((x) & ~((__typeof__(x)) (a) -1))
#define ALIGN_UP(x, a)   ALIGN_DOWN((x) + ((__typeof__(x)) (a) -1), a)
#define IS_ALIGNED(x, a) (((x) & ((__typeof__(x)) (a) -1)) == 0)
