/* SPDX-License-Identifier: Apache-2.0 */
/* wait(2) as the guest sees it. */
#pragma once

#include <stdint.h>

enum {
    LX_WNOHANG = 1,
    LX_WUNTRACED = 2,
    LX_WSTOPPED = 2,
    LX_WEXITED = 4,
    LX_WCONTINUED = 8,
    LX_WNOWAIT = 0x01000000,
    LX___WNOTHREAD = 0x20000000,
    LX___WALL = 0x40000000,
};
#define LX___WCLONE 0x80000000u

enum { LX_P_ALL = 0, LX_P_PID = 1, LX_P_PGID = 2, LX_P_PIDFD = 3 };

#define LX_W_EXITED(code)    (((uint32_t) (code) &0xffu) << 8)
#define LX_W_SIGNALED(signo) ((uint32_t) (signo) &0x7fu)
#define LX_W_STOPPED(signo)  ((((uint32_t) (signo) &0xffu) << 8) | 0x7fu)
#define LX_W_CONTINUED       0xffffu
