/* SPDX-License-Identifier: Apache-2.0 */
/* stat(2), statx(2), inode(7) and device numbers as the x86-64 guest sees them. */
#pragma once

#include <stdint.h>

#include "abi/linux/time.h"

#define LX_S_IFMT   0170000
#define LX_S_IFSOCK 0140000
#define LX_S_IFLNK  0120000
#define LX_S_IFREG  0100000
#define LX_S_IFBLK  0060000
#define LX_S_IFDIR  0040000
#define LX_S_IFCHR  0020000
#define LX_S_IFIFO  0010000
#define LX_S_ISUID  04000
#define LX_S_ISGID  02000
#define LX_S_ISVTX  01000
#define LX_S_IXGRP  00010

struct lx_stat {
    uint64_t dev, ino, nlink;
    uint32_t mode, uid, gid, pad0;
    uint64_t rdev;
    int64_t size, blksize, blocks;
    struct lx_timespec atime, mtime, ctime;
    int64_t unused[3];
};
_Static_assert(sizeof(struct lx_stat) == 144, "struct stat");

struct lx_statx_timestamp {
    int64_t sec;
    uint32_t nsec;
    int32_t pad;
};

struct lx_statx {
    uint32_t mask, blksize;
    uint64_t attributes;
    uint32_t nlink, uid, gid;
    uint16_t mode, pad1;
    uint64_t ino, size, blocks, attributes_mask;
    struct lx_statx_timestamp atime, btime, ctime, mtime;
    uint32_t rdev_major, rdev_minor, dev_major, dev_minor;
    uint64_t mnt_id;
    uint32_t dio_mem_align, dio_offset_align;
    uint64_t spare[12];
};
_Static_assert(sizeof(struct lx_statx) == 256, "struct statx");

#define LX_STATX_BASIC_STATS     0x7ffu
#define LX_STATX_BTIME           0x800u
#define LX_STATX_MNT_ID          0x1000u
#define LX_STATX_RESERVED        0x80000000u
#define LX_STATX_ATTR_MOUNT_ROOT 0x2000u

#define LX_UTIME_NOW  0x3fffffff
#define LX_UTIME_OMIT 0x3ffffffe

/* Device numbers in st_dev's 64-bit form, makedev(3). */
static inline uint64_t lx_makedev(uint32_t major, uint32_t minor)
{
    return (uint64_t) (minor & 0xff) | (uint64_t) (major & 0xfff) << 8 |
           (uint64_t) (minor & ~0xffu) << 12 | (uint64_t) (major & ~0xfffu) << 32;
}
static inline uint32_t lx_major(uint64_t dev)
{
    return (uint32_t) ((dev >> 8 & 0xfff) | (dev >> 32 & ~0xfffull));
}
static inline uint32_t lx_minor(uint64_t dev)
{
    return (uint32_t) ((dev & 0xff) | (dev >> 12 & ~0xffull));
}
