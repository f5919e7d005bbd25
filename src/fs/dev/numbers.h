/* SPDX-License-Identifier: Apache-2.0 */
/* Device numbers of Linux, in the 64-bit encoding of st_rdev: devices.txt of the kernel. */
#pragma once

#include <stdint.h>

#define DEV_NUMBER(major, minor) (((uint64_t) (major) << 8) | (minor)) /* small ones */

#define DEV_NULL    DEV_NUMBER(1, 3)
#define DEV_ZERO    DEV_NUMBER(1, 5)
#define DEV_FULL    DEV_NUMBER(1, 7)
#define DEV_RANDOM  DEV_NUMBER(1, 8)
#define DEV_URANDOM DEV_NUMBER(1, 9)
#define DEV_TTY     DEV_NUMBER(5, 0)
#define DEV_CONSOLE DEV_NUMBER(5, 1)
#define DEV_PTMX    DEV_NUMBER(5, 2)
