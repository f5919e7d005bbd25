/* SPDX-License-Identifier: Apache-2.0 */
/* ioctl(2) numbers that concern descriptors of any kind. Those of terminals: termios.h. */
#pragma once

#include <stdint.h>

#define LX_FIONREAD        0x541b
#define LX_FIONBIO         0x5421
#define LX_FIOCLEX         0x5451
#define LX_FIONCLEX        0x5450
#define LX_FIOASYNC        0x5452
#define LX_FIOQSIZE        0x5460
#define LX_FIBMAP          1
#define LX_FIGETBSZ        2
#define LX_FIDEDUPERANGE   0xc0189436
#define LX_FS_IOC_FIEMAP   0xc020660b
#define LX_FICLONE         0x40049409
#define LX_FICLONERANGE    0x4020940d
#define LX_FS_IOC_GETFLAGS 0x80086601
#define LX_FS_IOC_SETFLAGS 0x40086602
#define LX_RNDGETENTCNT    0x80045200

struct lx_file_clone_range {
    int64_t src_fd;
    uint64_t src_offset, src_length, dest_offset;
};

/* FS_IOC_SETFLAGS: what takes CAP_LINUX_IMMUTABLE */
#define LX_FS_IMMUTABLE_FL 0x10
#define LX_FS_APPEND_FL    0x20
