/* SPDX-License-Identifier: Apache-2.0 */
/* getdents(2), getdents64(2) */
#pragma once

#include <stdint.h>

enum {
    LX_DT_UNKNOWN = 0,
    LX_DT_FIFO = 1,
    LX_DT_CHR = 2,
    LX_DT_DIR = 4,
    LX_DT_BLK = 6,
    LX_DT_REG = 8,
    LX_DT_LNK = 10,
    LX_DT_SOCK = 12,
};

/* The type byte of a directory entry from the S_IFMT bits of a mode. */
static inline uint8_t lx_dirent_type(uint32_t mode)
{
    return (uint8_t) ((mode >> 12) & 15);
}

struct lx_dirent64 {
    uint64_t ino;
    int64_t off;
    uint16_t reclen;
    uint8_t type;
    char name[];
} __attribute__((packed));
#define LX_DIRENT64_HEAD 19

/* The old form: the type is the last byte of the record. */
struct lx_dirent {
    uint64_t ino;
    uint64_t off;
    uint16_t reclen;
    char name[];
} __attribute__((packed));
#define LX_DIRENT_HEAD 18
