/* SPDX-License-Identifier: Apache-2.0 */
/* The rooms of the direct plane in the stub: the table of what was given (direct.c), the post by
 * which it may come (direct_post.c), what is asked for (direct_heat.c), the calls
 * (direct_calls.c). */
#pragma once

#include "platform/stub/stub.h"

#define DIRECT_TABLE 4096 /* guest numbers beyond are never direct */

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

/* The post becomes `host`, the one before is closed. */
void post_become(long host);
/* In a new process: the post is the parent's. inherited: its descriptor came along. */
void post_left_behind(bool inherited);
/* The next gift: the descriptor that came with it, or a negative number. */
long post_next(struct stub_gift *ret);

/* fd < DIRECT_TABLE was used, or its number was given up. */
void heat_used(uint32_t fd);
void heat_closed(uint32_t fd);
/* Are files to be asked for as they are opened? */
bool heat_is_eager(void);
/* Of what is used by this call, which the sentry has to make, does something become busy by it? */
bool heat_makes_busy(uint64_t nr, const struct stub_regs *r);

/* The kinds with which this call can be made: bits 1 << enum stub_direct. */
unsigned direct_kinds(uint64_t nr);
/* Those with which a descriptor becomes busy, and after which the sentry looks whether it is. */
bool direct_is_busy_call(uint64_t nr);
/* fstat(2), under either of its names. */
bool direct_is_fstat(uint64_t nr, const struct stub_regs *r);
/* The kind is one of them. False: it is the sentry's, nothing has been done. */
bool direct_make(const struct direct_call *c, long *ret);
