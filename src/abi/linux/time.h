/* SPDX-License-Identifier: Apache-2.0 */
/* Clocks and timers as the x86-64 guest sees them. */
#pragma once

#include <stdint.h>

struct lx_timespec {
    int64_t sec, nsec;
};
struct lx_timeval {
    int64_t sec, usec;
};
struct lx_itimerspec {
    struct lx_timespec interval, value;
};
struct lx_itimerval {
    struct lx_timeval interval, value;
};
struct lx_timezone {
    int32_t minuteswest, dsttime;
};
struct lx_tms {
    int64_t utime, stime, cutime, cstime;
};

#define LX_USER_HZ      100
#define LX_NSEC_PER_SEC 1000000000ll

enum {
    LX_CLOCK_REALTIME = 0,
    LX_CLOCK_MONOTONIC = 1,
    LX_CLOCK_PROCESS_CPUTIME_ID = 2,
    LX_CLOCK_THREAD_CPUTIME_ID = 3,
    LX_CLOCK_MONOTONIC_RAW = 4,
    LX_CLOCK_REALTIME_COARSE = 5,
    LX_CLOCK_MONOTONIC_COARSE = 6,
    LX_CLOCK_BOOTTIME = 7,
    LX_CLOCK_REALTIME_ALARM = 8,
    LX_CLOCK_BOOTTIME_ALARM = 9,
    LX_CLOCK_TAI = 11,
};
enum { LX_TIMER_ABSTIME = 1 };
enum { LX_ITIMER_REAL = 0, LX_ITIMER_VIRTUAL = 1, LX_ITIMER_PROF = 2 };

enum { LX_SIGEV_SIGNAL = 0, LX_SIGEV_NONE = 1, LX_SIGEV_THREAD = 2, LX_SIGEV_THREAD_ID = 4 };

struct lx_sigevent {
    uint64_t value;
    int32_t signo, notify, tid;
    int32_t pad[11];
};
_Static_assert(sizeof(struct lx_sigevent) == 64, "struct sigevent");
