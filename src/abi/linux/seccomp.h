/* SPDX-License-Identifier: Apache-2.0 */
/* seccomp(2) as the guest sees it: linux/seccomp.h, linux/filter.h, linux/audit.h. */
#pragma once

#include <stdint.h>

enum { LX_SECCOMP_MODE_DISABLED = 0, LX_SECCOMP_MODE_STRICT = 1, LX_SECCOMP_MODE_FILTER = 2 };

enum {
    LX_SECCOMP_SET_MODE_STRICT = 0,
    LX_SECCOMP_SET_MODE_FILTER = 1,
    LX_SECCOMP_GET_ACTION_AVAIL = 2,
    LX_SECCOMP_GET_NOTIF_SIZES = 3,
};

enum {
    LX_SECCOMP_FILTER_FLAG_TSYNC = 1u << 0,
    LX_SECCOMP_FILTER_FLAG_LOG = 1u << 1,
    LX_SECCOMP_FILTER_FLAG_SPEC_ALLOW = 1u << 2,
    LX_SECCOMP_FILTER_FLAG_NEW_LISTENER = 1u << 3,
    LX_SECCOMP_FILTER_FLAG_TSYNC_ESRCH = 1u << 4,
};

/* What a program answers: an action, and 16 bits of data. */
#define LX_SECCOMP_RET_KILL_PROCESS 0x80000000u
#define LX_SECCOMP_RET_KILL_THREAD  0x00000000u
#define LX_SECCOMP_RET_TRAP         0x00030000u
#define LX_SECCOMP_RET_ERRNO        0x00050000u
#define LX_SECCOMP_RET_USER_NOTIF   0x7fc00000u
#define LX_SECCOMP_RET_TRACE        0x7ff00000u
#define LX_SECCOMP_RET_LOG          0x7ffc0000u
#define LX_SECCOMP_RET_ALLOW        0x7fff0000u
#define LX_SECCOMP_RET_ACTION_FULL  0xffff0000u
#define LX_SECCOMP_RET_DATA         0x0000ffffu

#define LX_SYS_SECCOMP 1 /* si_code of SIGSYS */

#define LX_AUDIT_ARCH_I386   0x40000003u
#define LX_AUDIT_ARCH_X86_64 0xc000003eu

/* struct sock_fprog of a 64-bit program; `filter` points to len instructions of 8 bytes. */
struct lx_sock_fprog {
    uint16_t len;
    uint16_t pad[3];
    uint64_t filter;
};
_Static_assert(sizeof(struct lx_sock_fprog) == 16, "struct sock_fprog");

struct lx_seccomp_notif_sizes {
    uint16_t notif, notif_resp, data;
};
