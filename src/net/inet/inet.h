/* SPDX-License-Identifier: Apache-2.0 */
/*
 * AF_INET, AF_INET6: sockets of the host, opened in the sandbox's own network namespace. Their
 * descriptors never wait; waiting is the poller's. What the guest asks of them goes through tables
 * of what is honoured: ip(7), tcp(7), udp(7), ipv6(7).
 */
#pragma once

#include <stdint.h>

#include "base/util.h"

struct socket;
struct task;

/* type: without flags, checked for range. flags: LX_O_NONBLOCK. -ESOCKTNOSUPPORT, -EPROTONOSUPPORT.
 */
int inet_socket_new(struct task *t, int family, int type, int protocol, uint32_t flags,
                    struct socket **ret) must_check;
/* SOCK_RAW, raw(7): -EPERM without CAP_NET_RAW, or where the sentry cannot have such sockets. */
int inet_raw_socket_new(struct task *t, int family, int protocol, uint32_t flags,
                        struct socket **ret) must_check;
