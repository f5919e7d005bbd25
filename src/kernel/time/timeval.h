/* SPDX-License-Identifier: Apache-2.0 */
/* Guest time values to nanoseconds and back: checked, saturating. */
#pragma once

#include <errno.h>
#include <stdint.h>
#include <time.h>

#include "abi/linux/time.h"
#include "base/util.h"

#define NS_PER_SEC  1000000000ull
#define NS_PER_USEC 1000ull
#define NS_MAX      (1ull << 62) /* far enough for "for ever", safe to add two of */

static inline int must_check ns_from_timespec(const struct lx_timespec *ts, uint64_t *ret)
{
    if (ts->sec < 0 || ts->nsec < 0 || ts->nsec >= LX_NSEC_PER_SEC)
        return -EINVAL;
    if ((uint64_t) ts->sec >= NS_MAX / NS_PER_SEC)
        *ret = NS_MAX;
    else
        *ret = (uint64_t) ts->sec * NS_PER_SEC + (uint64_t) ts->nsec;
    return 0;
}

static inline int must_check ns_from_timeval(const struct lx_timeval *tv, uint64_t *ret)
{
    struct lx_timespec ts = {.sec = tv->sec};

    if (tv->usec < 0 || tv->usec >= 1000000)
        return -EINVAL;
    ts.nsec = tv->usec * 1000;
    return ns_from_timespec(&ts, ret);
}

static inline struct lx_timespec timespec_from_ns(uint64_t ns)
{
    return (struct lx_timespec){(int64_t) (ns / NS_PER_SEC), (int64_t) (ns % NS_PER_SEC)};
}

static inline struct lx_timeval timeval_from_ns(uint64_t ns)
{
    return (struct lx_timeval){(int64_t) (ns / NS_PER_SEC),
                               (int64_t) (ns % NS_PER_SEC / NS_PER_USEC)};
}

static inline struct timespec host_timespec_from_ns(uint64_t ns)
{
    return (struct timespec){.tv_sec = (time_t) (ns / NS_PER_SEC),
                             .tv_nsec = (long) (ns % NS_PER_SEC)};
}
