/* SPDX-License-Identifier: Apache-2.0 */
/* getrlimit(2), getrusage(2), sysinfo(2) as the x86-64 guest sees them. */
#pragma once

#include <stdint.h>

#include "abi/linux/time.h"

enum {
    LX_RLIMIT_CPU,
    LX_RLIMIT_FSIZE,
    LX_RLIMIT_DATA,
    LX_RLIMIT_STACK,
    LX_RLIMIT_CORE,
    LX_RLIMIT_RSS,
    LX_RLIMIT_NPROC,
    LX_RLIMIT_NOFILE,
    LX_RLIMIT_MEMLOCK,
    LX_RLIMIT_AS,
    LX_RLIMIT_LOCKS,
    LX_RLIMIT_SIGPENDING,
    LX_RLIMIT_MSGQUEUE,
    LX_RLIMIT_NICE,
    LX_RLIMIT_RTPRIO,
    LX_RLIMIT_RTTIME,
    LX_RLIM_NLIMITS,
};
#define LX_RLIM_INFINITY (~0ull)

struct lx_rlimit {
    uint64_t cur, max;
};

enum { LX_RUSAGE_SELF = 0, LX_RUSAGE_CHILDREN = -1, LX_RUSAGE_BOTH = -2, LX_RUSAGE_THREAD = 1 };

struct lx_rusage {
    struct lx_timeval utime, stime;
    int64_t maxrss, ixrss, idrss, isrss, minflt, majflt, nswap, inblock, oublock, msgsnd, msgrcv,
        nsignals, nvcsw, nivcsw;
};
_Static_assert(sizeof(struct lx_rusage) == 144, "struct rusage");

struct lx_sysinfo {
    int64_t uptime;
    uint64_t loads[3];
    uint64_t totalram, freeram, sharedram, bufferram, totalswap, freeswap;
    uint16_t procs, pad;
    uint64_t totalhigh, freehigh;
    uint32_t mem_unit, pad2;
};
_Static_assert(sizeof(struct lx_sysinfo) == 112, "struct sysinfo");
