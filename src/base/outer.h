/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The way out of the sandbox's network namespace: a namespace is per thread, and one thread of the
 * sentry has stayed in the outer one. All it does is to make sockets there, one at a time; whoever
 * gets one has decided by a policy that it may be used.
 */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>

#include "base/mutex.h"
#include "base/util.h"

struct outer {
    bool split;          /* immutable: there are two namespaces, and such a thread */
    int routes_fd;       /* immutable: routing netlink socket of the namespace that leads outside */
    struct mutex lock;   /* RANK_LEAF: one request at a time */
    struct mutex routes; /* RANK_LEAF: one question at a time */
    _Atomic uint32_t turn;              /* futex word: OUTER_* */
    int family, type, protocol, answer; /* whose turn it is */
};

enum { OUTER_IDLE, OUTER_REQUEST, OUTER_ANSWER };

void outer_init(struct outer *o);
/* A new socket there; type with SOCK_NONBLOCK and SOCK_CLOEXEC. Negative errno. */
int outer_socket(struct outer *o, int family, int type, int protocol) must_check;
/* The thread's life: host calls are futex(2) and socket(2), no others. */
noreturn_ void outer_serve(struct outer *o);
