/* SPDX-License-Identifier: Apache-2.0 */
/* AF_UNIX: unix(7). All of it is the sentry's own; the host sees no more than the names in its
 * directories. */
#pragma once

#include <stdint.h>

#include "base/util.h"

struct kernel;
struct socket;
struct strbuf;
struct task;
struct tgroup;
struct unix_net;

/* What the unix sockets of a kernel share: names, and rights in flight. As long as the kernel. */
int unix_net_new(struct unix_net **ret) must_check;

/* type: LX_SOCK_STREAM, DGRAM, SEQPACKET, checked. flags: LX_O_NONBLOCK. New references. */
int unix_socket_new(struct task *t, int type, uint32_t flags, struct socket **ret) must_check;
int unix_socket_pair(struct task *t, int type, uint32_t flags, struct socket **ret_a,
                     struct socket **ret_b) must_check;

/* For SO_PEERPIDFD: the process behind SO_PEERCRED, a new reference; NULL: none. */
struct tgroup *unix_peer_process(struct socket *s);

/* For struct specials: /proc/net/unix. */
int unix_show(struct kernel *k, struct strbuf *out);
