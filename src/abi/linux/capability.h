/* SPDX-License-Identifier: Apache-2.0 */
/* capget(2), securebits of capabilities(7) as the guest sees them. */
#pragma once

#include <stdint.h>

#define LX_CAP_VERSION_1 0x19980330u
#define LX_CAP_VERSION_2 0x20071026u
#define LX_CAP_VERSION_3 0x20080522u

struct lx_cap_header {
    uint32_t version;
    int32_t pid;
};
struct lx_cap_data {
    uint32_t effective, permitted, inheritable;
};

enum {
    LX_SECBIT_NOROOT = 1 << 0,
    LX_SECBIT_NOROOT_LOCKED = 1 << 1,
    LX_SECBIT_NO_SETUID_FIXUP = 1 << 2,
    LX_SECBIT_NO_SETUID_FIXUP_LOCKED = 1 << 3,
    LX_SECBIT_KEEP_CAPS = 1 << 4,
    LX_SECBIT_KEEP_CAPS_LOCKED = 1 << 5,
    LX_SECBIT_NO_CAP_AMBIENT_RAISE = 1 << 6,
    LX_SECBIT_NO_CAP_AMBIENT_RAISE_LOCKED = 1 << 7,
    LX_SECURE_ALL_BITS = 0x55,
    LX_SECURE_ALL_LOCKS = 0xaa,
};
