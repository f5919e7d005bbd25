/* SPDX-License-Identifier: Apache-2.0 */
/*
 * AF_NETLINK: questions about the sandbox's network namespace, answered by the host's kernel for
 * that namespace. What asks passes; what would change something reaches the host without its
 * contents, so that the answer is the host's own refusal. netlink(7), rtnetlink(7), sock_diag(7).
 */
#pragma once

#include <stdint.h>

#include "base/util.h"

struct socket;
struct task;

/* type: without flags, checked for range. flags: LX_O_NONBLOCK. -ESOCKTNOSUPPORT, -EPROTONOSUPPORT.
 */
int netlink_socket_new(struct task *t, int type, int protocol, uint32_t flags, struct socket **ret)
    must_check;
