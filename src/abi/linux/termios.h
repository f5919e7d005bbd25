/* SPDX-License-Identifier: Apache-2.0 */
/* Terminal structures as the x86-64 guest sees them: termios(3), ioctl_tty(2). */
#pragma once

#include <stdint.h>

#define LX_NCCS 19

struct lx_termios {
    uint32_t iflag, oflag, cflag, lflag;
    uint8_t line;
    uint8_t cc[LX_NCCS];
};
_Static_assert(sizeof(struct lx_termios) == 36, "struct termios");

struct lx_winsize {
    uint16_t row, col, xpixel, ypixel;
};
