/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The egress policy at work: on which side of the sandbox's wall a socket is, and where it may go.
 *
 * With two network namespaces a socket begins inside. When it is told to go to an address that is
 * not one of the inside, the policy is asked, and if a rule allows it, the socket moves: a new host
 * socket from the thread outside (base/outer.h) gets the options set so far, and takes the old
 * one's descriptor number. Listening, and names given by bind(2), are always inside. With one
 * namespace (the host's, or one that was joined) nothing moves, and the same is asked.
 *
 * Everything is decided on our own copy of an address, and that copy, cleaned of what no plain
 * address has, is what the host gets. A lock per socket makes the decision and the act one.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/types.h>

#include "base/util.h"

struct egress;
struct host_socket;
struct kernel;
struct outer;
struct socket;
struct sock_msg;
struct sockname;

struct egress_config {
    const char *const *rules, *const *servers; /* see policy_new() */
    struct outer *outer;                       /* borrowed for good */
    bool own_loopback; /* the namespace is the container's own: its loopback needs no rule */
};

/* For good. -EINVAL, -ENOMEM */
int egress_new(const struct egress_config *c, struct egress **ret) must_check;

/* What a socket of the host has more where there is a policy. */
struct egress_side;

/* Gives the socket its side: inside. 0 without a policy. -EACCES: there is one, and sockets of this
 * kind could not be watched. */
int egress_adopt(struct host_socket *hs) must_check;
void egress_side_free(struct egress_side *side); /* NULL is fine */

/* The calls, for sockets with a side. All as struct socket_ops has them. */
int egress_connect(struct host_socket *hs, const struct sockname *n);
int egress_bind(struct host_socket *hs, const struct sockname *n);
int egress_listen(struct host_socket *hs, int backlog);
/* A datagram, which may be changed. */
ssize_t egress_send(struct host_socket *hs, const struct sock_msg *m, uint8_t *data, size_t len,
                    size_t control);
int egress_setsockopt(struct host_socket *hs, int level, int name, const void *v, size_t len);

/*
 * A datagram has been received from `from` (len 0: the connected peer): false: nobody may send
 * here, it is to be dropped. Begins before the receive: `to` of egress_receiver() says which socket
 * it was.
 */
uint64_t egress_receiver(struct host_socket *hs);
bool egress_received(struct host_socket *hs, uint64_t to, const struct sockname *from,
                     uint8_t *data, size_t len, bool peek);
