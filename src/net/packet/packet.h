/* SPDX-License-Identifier: Apache-2.0 */
/*
 * AF_PACKET: packets as interfaces have them, packet(7). Sockets of the host, where the sentry may
 * have them at all (docs/SECURITY.md). No rings: what the host's kernel shares with a guest is as
 * little as can be.
 */
#pragma once

#include "net/socket.h"

/* -EPERM, -ESOCKTNOSUPPORT. One reference. */
int packet_socket_new(struct task *t, int type, int protocol, uint32_t flags, struct socket **ret)
    must_check;
