/* SPDX-License-Identifier: Apache-2.0 */
/* POSIX message queues as the x86-64 guest sees them: mq_overview(7). */
#pragma once

#include <stdint.h>

#define LX_MQ_PRIO_MAX 32768u

struct lx_mq_attr {
    int64_t flags, maxmsg, msgsize, curmsgs;
    int64_t reserved[4];
};

#define LX_SI_MESGQ (-3)

_Static_assert(sizeof(struct lx_mq_attr) == 64, "struct mq_attr");
