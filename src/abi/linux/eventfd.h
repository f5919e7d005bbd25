/* SPDX-License-Identifier: Apache-2.0 */
/* eventfd(2), signalfd(2), memfd_create(2), pidfd_open(2) as the x86-64 guest sees them. */
#pragma once

#include <stdint.h>

#define LX_EFD_SEMAPHORE 1
#define LX_EFD_CLOEXEC   02000000
#define LX_EFD_NONBLOCK  04000

#define LX_SFD_CLOEXEC  02000000
#define LX_SFD_NONBLOCK 04000

struct lx_signalfd_siginfo {
    uint32_t signo;
    int32_t err, code;
    uint32_t pid, uid;
    int32_t fd;
    uint32_t tid, band, overrun, trapno;
    int32_t status, value_int;
    uint64_t value_ptr, utime, stime, addr;
    uint16_t addr_lsb, pad2;
    int32_t syscall;
    uint64_t call_addr;
    uint32_t arch;
    uint8_t pad[28];
};
_Static_assert(sizeof(struct lx_signalfd_siginfo) == 128, "struct signalfd_siginfo");

#define LX_MFD_CLOEXEC       1u
#define LX_MFD_ALLOW_SEALING 2u
#define LX_MFD_HUGETLB       4u
#define LX_MFD_NOEXEC_SEAL   8u
#define LX_MFD_EXEC          16u

#define LX_PIDFD_NONBLOCK 04000
