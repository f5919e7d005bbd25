/* SPDX-License-Identifier: Apache-2.0 */
/* clone(2), sched(7) as the guest sees them. */
#pragma once

#include <stdint.h>

#define LX_CSIGNAL              0x000000fful
#define LX_CLONE_NEWTIME        0x00000080ul /* clone3 and unshare only */
#define LX_CLONE_VM             0x00000100ul
#define LX_CLONE_FS             0x00000200ul
#define LX_CLONE_FILES          0x00000400ul
#define LX_CLONE_SIGHAND        0x00000800ul
#define LX_CLONE_PIDFD          0x00001000ul
#define LX_CLONE_PTRACE         0x00002000ul
#define LX_CLONE_VFORK          0x00004000ul
#define LX_CLONE_PARENT         0x00008000ul
#define LX_CLONE_THREAD         0x00010000ul
#define LX_CLONE_NEWNS          0x00020000ul
#define LX_CLONE_SYSVSEM        0x00040000ul
#define LX_CLONE_SETTLS         0x00080000ul
#define LX_CLONE_PARENT_SETTID  0x00100000ul
#define LX_CLONE_CHILD_CLEARTID 0x00200000ul
#define LX_CLONE_DETACHED       0x00400000ul
#define LX_CLONE_UNTRACED       0x00800000ul
#define LX_CLONE_CHILD_SETTID   0x01000000ul
#define LX_CLONE_NEWCGROUP      0x02000000ul
#define LX_CLONE_NEWUTS         0x04000000ul
#define LX_CLONE_NEWIPC         0x08000000ul
#define LX_CLONE_NEWUSER        0x10000000ul
#define LX_CLONE_NEWPID         0x20000000ul
#define LX_CLONE_NEWNET         0x40000000ul
#define LX_CLONE_IO             0x80000000ul
#define LX_CLONE_CLEAR_SIGHAND  0x100000000ull
#define LX_CLONE_INTO_CGROUP    0x200000000ull
#define LX_CLONE_NAMESPACES                                                                       \
    (LX_CLONE_NEWNS | LX_CLONE_NEWCGROUP | LX_CLONE_NEWUTS | LX_CLONE_NEWIPC | LX_CLONE_NEWUSER | \
     LX_CLONE_NEWPID | LX_CLONE_NEWNET)

struct lx_clone_args {
    uint64_t flags, pidfd, child_tid, parent_tid, exit_signal, stack, stack_size, tls;
    uint64_t set_tid, set_tid_size, cgroup;
};
#define LX_CLONE_ARGS_SIZE_VER0 64

enum {
    LX_SCHED_OTHER = 0,
    LX_SCHED_FIFO = 1,
    LX_SCHED_RR = 2,
    LX_SCHED_BATCH = 3,
    LX_SCHED_IDLE = 5,
    LX_SCHED_DEADLINE = 6,
};
#define LX_SCHED_RESET_ON_FORK 0x40000000

enum { LX_PRIO_PROCESS = 0, LX_PRIO_PGRP = 1, LX_PRIO_USER = 2 };

/* personality(2) */
#define LX_PER_LINUX32        0x0008ul
#define LX_ADDR_NO_RANDOMIZE  0x0040000ul
#define LX_PER_CLEAR_ON_SETID 0x1d80000ul

#define LX_SCHED_ATTR_SIZE_VER0 48

struct lx_sched_attr {
    uint32_t size, policy;
    uint64_t flags;
    int32_t nice;
    uint32_t priority;
    uint64_t runtime, deadline, period;
    uint32_t util_min, util_max;
};
