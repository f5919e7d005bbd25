/* SPDX-License-Identifier: Apache-2.0 */
/* mount(2), umount2(2), and the calls that mount by descriptors. */
#pragma once

#include <stdint.h>

enum {
    LX_MS_RDONLY = 1u << 0,
    LX_MS_NOSUID = 1u << 1,
    LX_MS_NODEV = 1u << 2,
    LX_MS_NOEXEC = 1u << 3,
    LX_MS_SYNCHRONOUS = 1u << 4,
    LX_MS_REMOUNT = 1u << 5,
    LX_MS_MANDLOCK = 1u << 6,
    LX_MS_DIRSYNC = 1u << 7,
    LX_MS_NOSYMFOLLOW = 1u << 8,
    LX_MS_NOATIME = 1u << 10,
    LX_MS_NODIRATIME = 1u << 11,
    LX_MS_BIND = 1u << 12,
    LX_MS_MOVE = 1u << 13,
    LX_MS_REC = 1u << 14,
    LX_MS_SILENT = 1u << 15,
    LX_MS_UNBINDABLE = 1u << 17,
    LX_MS_PRIVATE = 1u << 18,
    LX_MS_SLAVE = 1u << 19,
    LX_MS_SHARED = 1u << 20,
    LX_MS_RELATIME = 1u << 21,
    LX_MS_STRICTATIME = 1u << 24,
    LX_MS_LAZYTIME = 1u << 25,
};
#define LX_MS_NOUSER   0x80000000u
#define LX_MS_MGC_VAL  0xc0ed0000u
#define LX_MS_MGC_MASK 0xffff0000u

enum {
    LX_MNT_FORCE = 1,
    LX_MNT_DETACH = 2,
    LX_MNT_EXPIRE = 4,
    LX_UMOUNT_NOFOLLOW = 8,
};

/* fsopen(2), fsmount(2), fspick(2) */
enum {
    LX_FSOPEN_CLOEXEC = 1,
    LX_FSMOUNT_CLOEXEC = 1,
    LX_FSPICK_CLOEXEC = 1,
    LX_FSPICK_SYMLINK_NOFOLLOW = 2,
    LX_FSPICK_NO_AUTOMOUNT = 4,
    LX_FSPICK_EMPTY_PATH = 8,
};

/* fsconfig(2) */
enum {
    LX_FSCONFIG_SET_FLAG = 0,
    LX_FSCONFIG_SET_STRING = 1,
    LX_FSCONFIG_SET_BINARY = 2,
    LX_FSCONFIG_SET_PATH = 3,
    LX_FSCONFIG_SET_PATH_EMPTY = 4,
    LX_FSCONFIG_SET_FD = 5,
    LX_FSCONFIG_CMD_CREATE = 6,
    LX_FSCONFIG_CMD_RECONFIGURE = 7,
    LX_FSCONFIG_CMD_CREATE_EXCL = 8,
};

/* open_tree(2), move_mount(2) */
enum {
    LX_AT_RECURSIVE = 0x8000,
    LX_OPEN_TREE_CLONE = 1,
    LX_OPEN_TREE_CLOEXEC = 02000000,
    LX_MOVE_MOUNT_F_SYMLINKS = 0x1,
    LX_MOVE_MOUNT_F_AUTOMOUNTS = 0x2,
    LX_MOVE_MOUNT_F_EMPTY_PATH = 0x4,
    LX_MOVE_MOUNT_T_SYMLINKS = 0x10,
    LX_MOVE_MOUNT_T_AUTOMOUNTS = 0x20,
    LX_MOVE_MOUNT_T_EMPTY_PATH = 0x40,
    LX_MOVE_MOUNT_SET_GROUP = 0x100,
    LX_MOVE_MOUNT_BENEATH = 0x200,
};

/* mount_setattr(2) */
enum {
    LX_MOUNT_ATTR_RDONLY = 0x1,
    LX_MOUNT_ATTR_NOSUID = 0x2,
    LX_MOUNT_ATTR_NODEV = 0x4,
    LX_MOUNT_ATTR_NOEXEC = 0x8,
    LX_MOUNT_ATTR_ATIME = 0x70, /* the field of the next three */
    LX_MOUNT_ATTR_RELATIME = 0x00,
    LX_MOUNT_ATTR_NOATIME = 0x10,
    LX_MOUNT_ATTR_STRICTATIME = 0x20,
    LX_MOUNT_ATTR_NODIRATIME = 0x80,
    LX_MOUNT_ATTR_IDMAP = 0x100000,
    LX_MOUNT_ATTR_NOSYMFOLLOW = 0x200000,
};

struct lx_mount_attr {
    uint64_t attr_set, attr_clr, propagation, userns_fd;
};
#define LX_MOUNT_ATTR_SIZE_VER0 32
