/* SPDX-License-Identifier: Apache-2.0 */
/* The two halves of the direct plane in the stub: the table of what was given (direct.c), and the
 * calls (direct_calls.c). */
#pragma once

#include "platform/stub/stub.h"

#define MSG_CMSG_CLOEXEC 0x40000000ul

struct stub_iovec {
    uint64_t base, len;
};

struct stub_msghdr {
    uint64_t name;
    uint32_t namelen, pad;
    uint64_t iov, iovlen, control, controllen;
    uint32_t flags, pad2;
};

/* One call on a host descriptor. */
struct direct_call {
    struct slot_local *local;
    const struct stub_regs *r;
    uint64_t nr;
    long host;
    enum stub_direct kind;
    bool masked;          /* the kick is */
    uint64_t mark;        /* of epoll sets: what stands for the sentry's members */
    uint8_t *sentry_next; /* epoll sets: the next call is the sentry's */
};

/* A guest's descriptor that means the same member of an epoll set here and in the sentry. */
struct direct_member {
    uint32_t fd;
    long host;
    uint16_t *gone_from; /* 1 + the guest's number of the set it was taken out of here; 0: none */
};
/* Held, it keeps its number. False: it is none. */
bool direct_member_hold(uint32_t fd, struct direct_member *ret);
void direct_member_drop(const struct direct_member *m);

/* The host's descriptor of a regular file; held, it keeps its number. Negative: there is none. */
long direct_file_hold(uint32_t fd);
void direct_file_drop(uint32_t fd);

/* The kinds with which this call can be made: bits 1 << enum stub_direct. */
unsigned direct_kinds(uint64_t nr);
/* Those with which a descriptor becomes busy, and after which the sentry looks whether it is. */
bool direct_is_busy_call(uint64_t nr);
/* fstat(2), under either of its names. */
bool direct_is_fstat(uint64_t nr, const struct stub_regs *r);
/* The kind is one of them. False: it is the sentry's, nothing has been done. */
bool direct_make(const struct direct_call *c, long *ret);
