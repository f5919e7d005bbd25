/* SPDX-License-Identifier: Apache-2.0 */
/* futex(2): linux/futex.h. */
#pragma once

#define LX_FUTEX_WAIT           0u
#define LX_FUTEX_WAKE           1u
#define LX_FUTEX_REQUEUE        3u
#define LX_FUTEX_CMP_REQUEUE    4u
#define LX_FUTEX_WAKE_OP        5u
#define LX_FUTEX_WAIT_BITSET    9u
#define LX_FUTEX_WAKE_BITSET    10u
#define LX_FUTEX_PRIVATE_FLAG   128u
#define LX_FUTEX_CLOCK_REALTIME 256u
#define LX_FUTEX_CMD_MASK       (~(LX_FUTEX_PRIVATE_FLAG | LX_FUTEX_CLOCK_REALTIME))
