/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "kernel/wait/poller.h"
#include "net/inet/inet.h"
#include "net/socket.h"

struct inet_socket {
    struct socket sock; /* first */
    int fd;             /* immutable */
    struct waitq wq;
    struct poll_source source;
};

static inline struct inet_socket *inet_of(struct socket *s)
{
    return container_of(s, struct inet_socket, sock);
}

/* transfer.c */
ssize_t inet_send(struct socket *s, struct task *t, struct sock_msg *m, struct shared_waitq **wait);
ssize_t inet_recv(struct socket *s, struct task *t, struct sock_msg *m);

/* options.c */
int inet_setsockopt(struct socket *s, struct task *t, int level, int name, const void *v,
                    size_t len);
int inet_getsockopt(struct socket *s, struct task *t, int level, int name, void *v, size_t *len);
long inet_ioctl(struct file *f, struct task *t, uint32_t cmd, uint64_t arg);
