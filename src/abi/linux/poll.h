/* SPDX-License-Identifier: Apache-2.0 */
/* poll(2), select(2) as the x86-64 guest sees them. */
#pragma once

#include <stdint.h>

#define LX_POLLIN     0x0001u
#define LX_POLLPRI    0x0002u
#define LX_POLLOUT    0x0004u
#define LX_POLLERR    0x0008u
#define LX_POLLHUP    0x0010u
#define LX_POLLNVAL   0x0020u
#define LX_POLLRDNORM 0x0040u
#define LX_POLLRDBAND 0x0080u
#define LX_POLLWRNORM 0x0100u
#define LX_POLLWRBAND 0x0200u
#define LX_POLLMSG    0x0400u
#define LX_POLLREMOVE 0x1000u
#define LX_POLLRDHUP  0x2000u

/* What readable and writable objects report. */
#define LX_POLL_READABLE (LX_POLLIN | LX_POLLRDNORM)
#define LX_POLL_WRITABLE (LX_POLLOUT | LX_POLLWRNORM)

struct lx_pollfd {
    int32_t fd;
    int16_t events, revents;
};
_Static_assert(sizeof(struct lx_pollfd) == 8, "struct pollfd");

/* The sixth argument of pselect6(2). */
struct lx_sigset_arg {
    uint64_t set, size;
};
