/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "base/mutex.h"
#include "net/host_socket.h"
#include "net/inet/egress.h"
#include "net/policy/policy.h"

struct egress {
    struct policy *policy; /* immutable, as all but last_id */
    struct outer *outer;
    bool own_loopback;
    _Atomic uint64_t last_id;
};

/* An option that the guest has set. */
struct option_kept {
    int level, name;
    uint32_t len;
    uint8_t value[16];
};

#define MAX_KEPT 96u /* more than there are */

enum bound {
    BOUND_NOT,
    BOUND_ANY,     /* to no address and port in particular */
    BOUND_PORT,    /* a port of the guest's choice */
    BOUND_ADDRESS, /* an address */
};

struct egress_side {
    struct mutex lock;        /* RANK_PIPE */
    _Atomic uint64_t id;      /* [lock] of this host socket: another after each move */
    _Atomic bool outside;     /* [lock] */
    bool connected;           /* [lock] datagrams: to `peer` */
    bool may_send;            /* [lock] datagrams, connected: not only to be looked at one by one */
    bool asks;                /* [lock] datagrams, connected: to a server of names */
    enum bound bound;         /* [lock] */
    struct sockname peer;     /* [lock] of the last connect that was allowed; len 0: none */
    struct destination to;    /* [lock] the same */
    struct option_kept *kept; /* [lock] in order of their last setting */
    size_t n_kept;
};

enum where {
    WHERE_INSIDE,  /* an address of the inside: no question */
    WHERE_OUTSIDE, /* what the policy is about */
};

/* egress.c: addresses */

/*
 * n as a destination of s, and in clean the address to give to the host. connect: what connect(2)
 * takes, else what sendto(2) does. 1: none is named (AF_UNSPEC). -EINVAL, -EAFNOSUPPORT
 */
int egress_parse(const struct socket *s, const struct sockname *n, bool connect,
                 struct destination *ret, struct sockname *clean) must_check;
enum where egress_where(const struct egress *e, struct destination *d);
uint64_t egress_now(void);

/* egress_options.c: whether control messages may go along to the outside. */
bool egress_may_accompany(const struct sock_msg *m, size_t control);

/* side.c: moving. lock held. */
int egress_move(struct host_socket *hs, bool outside) must_check;
void egress_keep_option(struct egress_side *side, int level, int name, const void *v, size_t len);
