/* SPDX-License-Identifier: Apache-2.0 */
/* futex(2), set_robust_list(2), futex_waitv(2). */
#pragma once

#include <stdint.h>

#define LX_FUTEX_WAIT            0
#define LX_FUTEX_WAKE            1
#define LX_FUTEX_REQUEUE         3
#define LX_FUTEX_CMP_REQUEUE     4
#define LX_FUTEX_WAKE_OP         5
#define LX_FUTEX_LOCK_PI         6
#define LX_FUTEX_UNLOCK_PI       7
#define LX_FUTEX_TRYLOCK_PI      8
#define LX_FUTEX_WAIT_BITSET     9
#define LX_FUTEX_WAKE_BITSET     10
#define LX_FUTEX_WAIT_REQUEUE_PI 11
#define LX_FUTEX_CMP_REQUEUE_PI  12
#define LX_FUTEX_LOCK_PI2        13

#define LX_FUTEX_PRIVATE_FLAG   128u
#define LX_FUTEX_CLOCK_REALTIME 256u
#define LX_FUTEX_CMD_MASK       (~(LX_FUTEX_PRIVATE_FLAG | LX_FUTEX_CLOCK_REALTIME))

#define LX_FUTEX_WAITERS    0x80000000u
#define LX_FUTEX_OWNER_DIED 0x40000000u
#define LX_FUTEX_TID_MASK   0x3fffffffu

#define LX_ROBUST_LIST_LIMIT 2048
#define LX_ROBUST_PI         1ull /* in a link: the futex it leads to is one with priority inheritance */

struct lx_robust_list_head {
    uint64_t next;
    int64_t futex_offset;
    uint64_t pending;
};
