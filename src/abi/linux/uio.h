/* SPDX-License-Identifier: Apache-2.0 */
/* preadv2(2) and splice(2) flags */
#pragma once

enum {
    LX_RWF_HIPRI = 0x01,
    LX_RWF_DSYNC = 0x02,
    LX_RWF_SYNC = 0x04,
    LX_RWF_NOWAIT = 0x08,
    LX_RWF_APPEND = 0x10,
    LX_RWF_NOAPPEND = 0x20,
    LX_RWF_SUPPORTED = 0x3f,
};

enum { LX_SPLICE_F_MOVE = 1, LX_SPLICE_F_NONBLOCK = 2, LX_SPLICE_F_MORE = 4, LX_SPLICE_F_GIFT = 8 };
