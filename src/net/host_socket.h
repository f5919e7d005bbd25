/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A socket of the host, opened in the sandbox's own network namespace, behind a guest's socket. Its
 * descriptor never waits; waiting is the poller's. What a family lets through is the family's.
 */
#pragma once

#include <sys/socket.h>

#include "kernel/wait/poller.h"
#include "net/socket.h"

struct host_socket {
    struct socket sock; /* first */
    int fd;             /* immutable: the number, not what it stands for */
    _Atomic bool shut;  /* for reading, by shutdown(2) */
    /* The same under a number that stubs can have, too: platform.h. 0: not yet asked for, -1: none
     * to be had. Never changed once it is neither 0. */
    _Atomic int key;
    struct waitq wq;
    struct poll_source source;
    /*
     * Immutable once it is in a table; NULL: it goes where it likes. Else net/inet/egress.h: what
     * stands behind fd may be exchanged while the socket is not connected (and a duplicate would
     * have to be, too), and datagrams go out by egress_send() alone, which looks at them.
     */
    struct egress_side *side;
};

static inline struct host_socket *host_socket_of(struct socket *s)
{
    return container_of(s, struct host_socket, sock);
}

struct host_socket_kind {
    const struct file_ops *ops; /* with HOST_SOCKET_FILE_OPS and the family's .socket */
    int family, type, protocol;
};

/* Consumes fd, also on error. One reference. flags: LX_O_NONBLOCK. Its inode number is the host's,
 * so that the tables of /proc/net name it. -ENOMEM */
int host_socket_wrap(struct kernel *k, const struct cred *cred, int fd,
                     const struct host_socket_kind *kind, uint32_t flags, struct socket **ret)
    must_check;

/* ---- for struct socket_ops ---- */

int host_socket_getname(struct socket *s, bool peer, struct sockname *ret);
ssize_t host_socket_recv(struct socket *s, struct task *t, struct sock_msg *m);
/* Sends as it is what was checked; control bytes of m->control go along. */
ssize_t host_socket_send(struct socket *s, const struct sock_msg *m, const void *data, size_t len,
                         size_t control);

/* ---- for struct file_ops ---- */

uint32_t host_socket_poll(struct file *f);
int host_socket_arm(struct file *f, uint32_t mask);
int host_socket_poll_fd(struct file *f);
void host_socket_release(struct file *f);
/* For families that send as it is what was written: file_ops.send_file. */
ssize_t host_socket_send_file(struct file *f, int from, int64_t pos, size_t n);
/* For families whose connected streams need none of our checks: file_ops.direct. */
int host_socket_direct(struct file *f, enum direct_kind *ret_kind);

/* clang-format off */
#define HOST_SOCKET_FILE_OPS \
    SOCKET_FILE_OPS, .poll = host_socket_poll, .poll_arm = host_socket_arm, .poll_fd = host_socket_poll_fd, .release = host_socket_release
/* clang-format on */

static inline const struct sockaddr *host_sockaddr(const struct sockname *n)
{
    return (const struct sockaddr *) (const void *) n->bytes;
}

/* An option that passes to the host: what setsockopt must give at least, and what passes at most,
 * in either direction. */
struct host_option {
    int level, name;
    uint8_t how; /* HOST_OPTION_* */
    uint16_t min, max;
};
enum {
    HOST_OPTION_GET = 1,
    HOST_OPTION_SET = 2,
    HOST_OPTION_BOTH = 3,
    HOST_OPTION_CHAR = 4, /* one byte is enough, too */
};

/* -ENOPROTOOPT when it is not in the table; 1 for those of SOL_SOCKET: look at the generic ones. */
int host_option_set(struct socket *s, const struct host_option *table, size_t n, int level,
                    int name, const void *v, size_t len);
int host_option_get(struct socket *s, const struct host_option *table, size_t n, int level,
                    int name, void *v, size_t *len);
