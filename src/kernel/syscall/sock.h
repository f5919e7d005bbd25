/* SPDX-License-Identifier: Apache-2.0 */
/* What the calls on sockets share: finding the socket, addresses and message headers. */
#pragma once

#include <stdint.h>

#include "abi/linux/socket.h"
#include "base/util.h"
#include "kernel/mem/uaccess.h"
#include "net/socket.h"

struct task;

/* *ret: the file's reference is the caller's. -EBADF, -ENOTSOCK; -EOPNOTSUPP for an inherited
 * socket of the host's, which is read and written only. */
int sock_lookup(struct task *t, uint64_t fd, struct socket **ret) must_check;
void sock_put(struct socket *s);

/* An address of the guest's: -EINVAL by length, -EFAULT. */
int sockname_in(struct task *t, uint64_t from, uint64_t len, struct sockname *ret) must_check;
/* To the guest, cut to the room *lenp (an int there) says; the whole length goes to *lenp. */
int sockname_out(struct task *t, const struct sockname *n, uint64_t to, uint64_t lenp) must_check;

/* A message header and its vector, copied. To be ended with user_msg_done(), also on error. */
struct user_msg {
    struct lx_msghdr h;
    struct guest_iov *iov;
    struct iobuf io;
};
int user_msg_in(struct task *t, uint64_t from, struct user_msg *ret) must_check;
void user_msg_done(struct user_msg *u);
