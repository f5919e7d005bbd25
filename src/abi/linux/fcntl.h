/* SPDX-License-Identifier: Apache-2.0 */
/* open(2), fcntl(2), the *at calls and lseek(2) as the x86-64 guest sees them. */
#pragma once

#include <stdint.h>

#define LX_O_ACCMODE   00000003
#define LX_O_RDONLY    00000000
#define LX_O_WRONLY    00000001
#define LX_O_RDWR      00000002
#define LX_O_CREAT     00000100
#define LX_O_EXCL      00000200
#define LX_O_NOCTTY    00000400
#define LX_O_TRUNC     00001000
#define LX_O_APPEND    00002000
#define LX_O_NONBLOCK  00004000
#define LX_O_DSYNC     00010000
#define LX_O_ASYNC     00020000
#define LX_O_DIRECT    00040000
#define LX_O_LARGEFILE 00100000
#define LX_O_DIRECTORY 00200000
#define LX_O_NOFOLLOW  00400000
#define LX_O_NOATIME   01000000
#define LX_O_CLOEXEC   02000000
#define LX_O_SYNC      04010000
#define LX_O_PATH      010000000
#define LX_O_TMPFILE   (020000000 | LX_O_DIRECTORY)

/* What fcntl(F_SETFL) may change. */
#define LX_O_SETTABLE (LX_O_APPEND | LX_O_NONBLOCK | LX_O_ASYNC | LX_O_DIRECT | LX_O_NOATIME)

#define LX_AT_FDCWD                (-100)
#define LX_AT_SYMLINK_NOFOLLOW     0x100
#define LX_AT_EACCESS              0x200
#define LX_AT_REMOVEDIR            0x200
#define LX_AT_SYMLINK_FOLLOW       0x400
#define LX_AT_NO_AUTOMOUNT         0x800
#define LX_AT_EMPTY_PATH           0x1000
#define LX_AT_HANDLE_MNT_ID_UNIQUE 0x001
#define LX_AT_HANDLE_FID           0x200
#define LX_AT_STATX_FORCE_SYNC     0x2000
#define LX_AT_STATX_DONT_SYNC      0x4000

#define LX_RENAME_NOREPLACE 1
#define LX_RENAME_EXCHANGE  2
#define LX_RENAME_WHITEOUT  4

#define LX_SEEK_SET  0
#define LX_SEEK_CUR  1
#define LX_SEEK_END  2
#define LX_SEEK_DATA 3
#define LX_SEEK_HOLE 4

enum {
    LX_F_DUPFD = 0,
    LX_F_GETFD = 1,
    LX_F_SETFD = 2,
    LX_F_GETFL = 3,
    LX_F_SETFL = 4,
    LX_F_GETLK = 5,
    LX_F_SETLK = 6,
    LX_F_SETLKW = 7,
    LX_F_SETOWN = 8,
    LX_F_GETOWN = 9,
    LX_F_SETSIG = 10,
    LX_F_GETSIG = 11,
    LX_F_SETOWN_EX = 15,
    LX_F_GETOWN_EX = 16,
    LX_F_OFD_GETLK = 36,
    LX_F_OFD_SETLK = 37,
    LX_F_OFD_SETLKW = 38,
    LX_F_SETLEASE = 1024,
    LX_F_GETLEASE = 1025,
    LX_F_NOTIFY = 1026,
    LX_F_DUPFD_QUERY = 1027,
    LX_F_CREATED_QUERY = 1028,
    LX_F_DUPFD_CLOEXEC = 1030,
    LX_F_SETPIPE_SZ = 1031,
    LX_F_GETPIPE_SZ = 1032,
    LX_F_ADD_SEALS = 1033,
    LX_F_GET_SEALS = 1034,
    LX_F_GET_RW_HINT = 1035,
    LX_F_SET_RW_HINT = 1036,
};
#define LX_FD_CLOEXEC 1

enum { LX_F_OWNER_TID = 0, LX_F_OWNER_PID = 1, LX_F_OWNER_PGRP = 2 };
struct lx_f_owner_ex {
    int32_t type, pid;
};

enum { LX_F_RDLCK = 0, LX_F_WRLCK = 1, LX_F_UNLCK = 2 };
enum { LX_LOCK_SH = 1, LX_LOCK_EX = 2, LX_LOCK_NB = 4, LX_LOCK_UN = 8 };

struct lx_flock {
    int16_t type, whence;
    uint32_t pad;
    int64_t start, len;
    int32_t pid;
    uint32_t pad2;
};
_Static_assert(sizeof(struct lx_flock) == 32, "struct flock");

/* openat2(2) */
struct lx_open_how {
    uint64_t flags, mode, resolve;
};
enum {
    LX_RESOLVE_NO_XDEV = 0x01,
    LX_RESOLVE_NO_MAGICLINKS = 0x02,
    LX_RESOLVE_NO_SYMLINKS = 0x04,
    LX_RESOLVE_BENEATH = 0x08,
    LX_RESOLVE_IN_ROOT = 0x10,
    LX_RESOLVE_CACHED = 0x20,
};

/* close_range(2) */
#define LX_CLOSE_RANGE_UNSHARE 2
#define LX_CLOSE_RANGE_CLOEXEC 4

enum { LX_R_OK = 4, LX_W_OK = 2, LX_X_OK = 1, LX_F_OK = 0 };

/* fallocate(2) */
#define LX_FALLOC_FL_KEEP_SIZE      0x01
#define LX_FALLOC_FL_PUNCH_HOLE     0x02
#define LX_FALLOC_FL_COLLAPSE_RANGE 0x08
#define LX_FALLOC_FL_ZERO_RANGE     0x10
#define LX_FALLOC_FL_INSERT_RANGE   0x20
#define LX_FALLOC_FL_UNSHARE_RANGE  0x40

/* xattr(7) */
#define LX_XATTR_CREATE   1
#define LX_XATTR_REPLACE  2
#define LX_XATTR_NAME_MAX 255
#define LX_XATTR_SIZE_MAX 65536
#define LX_XATTR_LIST_MAX 65536
