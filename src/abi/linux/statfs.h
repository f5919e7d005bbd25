/* SPDX-License-Identifier: Apache-2.0 */
/* statfs(2) as the x86-64 guest sees it. */
#pragma once

#include <stdint.h>

struct lx_statfs {
    int64_t type, bsize;
    uint64_t blocks, bfree, bavail, files, ffree;
    int32_t fsid[2];
    int64_t namelen, frsize, flags;
    int64_t spare[4];
};
_Static_assert(sizeof(struct lx_statfs) == 120, "struct statfs");

#define LX_PIPEFS_MAGIC          0x50495045
#define LX_TMPFS_MAGIC           0x01021994
#define LX_PROC_SUPER_MAGIC      0x9fa0
#define LX_SYSFS_MAGIC           0x62656572
#define LX_DEVPTS_SUPER_MAGIC    0x1cd1
#define LX_OVERLAYFS_SUPER_MAGIC 0x794c7630

enum {
    LX_ST_RDONLY = 0x0001,
    LX_ST_NOSUID = 0x0002,
    LX_ST_NODEV = 0x0004,
    LX_ST_NOEXEC = 0x0008,
    LX_ST_VALID = 0x0020,
    LX_ST_NOATIME = 0x0400,
    LX_ST_NODIRATIME = 0x0800,
    LX_ST_RELATIME = 0x1000,
    LX_ST_NOSYMFOLLOW = 0x2000,
};
