/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "net/host_socket.h"
#include "net/inet/inet.h"

struct cmsg;

/* transfer.c */
ssize_t inet_recv(struct socket *s, struct task *t, struct sock_msg *m);
ssize_t inet_send(struct socket *s, struct task *t, struct sock_msg *m, struct shared_waitq **wait);

/* options.c */
int inet_setsockopt(struct socket *s, struct task *t, int level, int name, const void *v,
                    size_t len);
int inet_getsockopt(struct socket *s, struct task *t, int level, int name, void *v, size_t *len);

/* privilege.c: 0, or what Linux says to those without CAP_NET_RAW. t NULL: nobody. */
int inet_may_set(const struct socket *s, const struct task *t, int level, int name, const void *v,
                 size_t len);
int inet_may_accompany(const struct task *t, const struct cmsg *c);

/* requests.c */
long inet_ioctl(struct file *f, struct task *t, uint32_t cmd, uint64_t arg);
