/* SPDX-License-Identifier: Apache-2.0 */
/* Classic BPF programs that choose what a socket of the host receives: socket(7), bpf of packet(7).
 */
#pragma once

#include "net/host_socket.h"

/* LX_SO_ATTACH_FILTER, LX_SO_DETACH_FILTER. v is the guest's struct sock_fprog. The program is
 * copied and judged by the host's kernel. -EFAULT, -EINVAL, -ENOENT. */
int socket_filter_set(struct socket *s, struct task *t, int name, const void *v, size_t len)
    must_check;
