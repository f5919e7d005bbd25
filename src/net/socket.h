/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sockets of any family: the open file, the calls on it, and the one place where they sleep. The
 * family's own object embeds struct socket first; its struct file_ops name struct socket_ops, by
 * which a descriptor is known to be a socket.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "abi/linux/socket.h"
#include "base/mutex.h"
#include "base/ref.h"
#include "kernel/vfs/file.h"

struct cred;
struct kernel;
struct scm;
struct socket;
struct task;

/* An address as the guest gives or gets it. */
struct sockname {
    uint32_t len; /* 0: none */
    uint8_t bytes[LX_SOCKADDR_MAX];
};

static inline uint16_t sockname_family(const struct sockname *n)
{
    return (uint16_t) (n->bytes[0] | n->bytes[1] << 8);
}

/* A wait queue that outlives its object while somebody sleeps on it: another socket's. */
struct shared_waitq {
    struct ref ref;
    struct waitq q;
};

struct shared_waitq *shared_waitq_new(void); /* NULL without memory */
void shared_waitq_put(struct shared_waitq *q);

/* One message on its way, or the room for one. */
struct sock_msg {
    struct iobuf *io;
    uint32_t flags;        /* LX_MSG_*, of the call */
    struct sockname *name; /* send: the destination, NULL: the peer; receive: the sender, or NULL */
    struct scm *scm;       /* rights and credentials, net/scm.h; NULL: none, or not wanted */
    uint8_t *control;      /* other control messages, in and out; NULL: none */
    size_t control_len, control_cap;
    uint32_t out_flags; /* LX_MSG_TRUNC...: for msg_flags */
    size_t done;        /* streams: bytes moved by attempts before this one */
    size_t target;      /* streams: what a receive waits for */
    bool nonblock;      /* the caller will not wait: say what there is */
    bool stop;          /* streams, receive: nothing may follow what this attempt has given */
    bool one_writer;    /* streams, receive: nothing but bytes of `writer` may follow */
    struct lx_ucred writer;
};

/*
 * None is called with a lock held, none waits: -EAGAIN. Where something else than the socket's own
 * queue must be waited for, *wait is set to a new reference of it. NULL members: -EOPNOTSUPP.
 */
struct socket_ops {
    int (*bind)(struct socket *s, struct task *t, const struct sockname *name);
    /* -EINPROGRESS, -EALREADY: begun; called again once the socket is writable, it tells the end.
     */
    int (*connect)(struct socket *s, struct task *t, const struct sockname *name,
                   struct shared_waitq **wait);
    int (*listen)(struct socket *s, struct task *t, int backlog);
    int (*accept)(struct socket *s, struct task *t, struct socket **ret);
    int (*getname)(struct socket *s, bool peer, struct sockname *ret);
    int (*shutdown)(struct socket *s, int how);
    /* Before a message's control data is looked at. NULL: nothing to check. */
    int (*check_send)(struct socket *s);
    /* Bytes of this attempt. t: the sender; NULL: unknown. */
    ssize_t (*send)(struct socket *s, struct task *t, struct sock_msg *m,
                    struct shared_waitq **wait);
    /* Bytes of this attempt; 0: the end, or an empty message. */
    ssize_t (*recv)(struct socket *s, struct task *t, struct sock_msg *m);
    /* Before the generic options; 1: look there. len is the guest's, at most SOCKOPT_MAX. */
    int (*setsockopt)(struct socket *s, struct task *t, int level, int name, const void *v,
                      size_t len);
    /* *len: room in and length out. */
    int (*getsockopt)(struct socket *s, struct task *t, int level, int name, void *v, size_t *len);
};

#define SOCKOPT_MAX 16384u

struct socket {
    struct file file;           /* first */
    struct kernel *k;           /* immutable */
    int family, type, protocol; /* immutable: LX_AF_, LX_SOCK_ */
    struct timespec birth;      /* immutable */
    _Atomic int64_t timeout[2]; /* [SOCK_RCV], [SOCK_SND]: ns, -1: none */
    _Atomic uint32_t mode;      /* permission bits fchmod(2) sets; bind(2) of a name uses them */
    _Atomic uint32_t uid, gid;  /* fstat(2) */
    _Atomic uint64_t options;   /* boolean options, bit SO_x, kept but of no effect */
    _Atomic int32_t priority, mark, rcvlowat;
    _Atomic int32_t linger_on, linger; /* of host sockets the first alone: close(2) would wait */
    _Atomic bool given;                /* some stub may have its host descriptor */
};

enum { SOCK_RCV = 0, SOCK_SND = 1 };

/* Fills in the generic part; ops->socket must be set. One reference. flags: LX_O_NONBLOCK. */
void socket_init(struct socket *s, struct kernel *k, const struct file_ops *ops,
                 const struct cred *cred, int family, int type, int protocol, uint32_t flags);
/* Borrowed; NULL: no socket. */
struct socket *socket_of(struct file *f);
const struct socket_ops *socket_ops_of(const struct socket *s);

/* Something is otherwise than stubs were told with the descriptor (file_ops.direct). */
void socket_take_back(struct socket *s);

/* ---- the calls: they sleep unless the file is O_NONBLOCK or the flags say MSG_DONTWAIT ---- */

int socket_connect(struct task *t, struct socket *s, const struct sockname *name) must_check;
int socket_accept(struct task *t, struct socket *s, struct socket **ret) must_check;
/* t NULL: never waits. -EPIPE has sent SIGPIPE where it should. */
ssize_t socket_send(struct task *t, struct socket *s, struct sock_msg *m) must_check;
ssize_t socket_recv(struct task *t, struct socket *s, struct sock_msg *m) must_check;
int socket_setsockopt(struct task *t, struct socket *s, int level, int name, const void *v,
                      size_t len) must_check;
int socket_getsockopt(struct task *t, struct socket *s, int level, int name, void *v, size_t *len)
    must_check;
/* A boolean option, SO_x. */
bool socket_switch(const struct socket *s, int name);
/* Puts an int into an option's room, shortened to it. */
int sockopt_put_int(int32_t value, void *v, size_t *len);
int sockopt_get_int(const void *v, size_t len, int32_t *ret) must_check;

/* ---- for struct file_ops of the families ---- */

ssize_t socket_transfer(struct task *t, struct file *f, struct iobuf *io, bool write);
ssize_t socket_read(struct file *f, struct iobuf *io, int64_t pos);  /* never waits */
ssize_t socket_write(struct file *f, struct iobuf *io, int64_t pos); /* never waits */
int socket_getattr(struct file *f, struct attr *ret);
int socket_setattr(struct file *f, const struct attr *a, uint32_t mask);
void socket_flags_changed(struct file *f, uint32_t old_flags);

/* clang-format off */
#define SOCKET_FILE_OPS \
    .read = socket_read, .write = socket_write, .transfer = socket_transfer, .getattr = socket_getattr, .setattr = socket_setattr, .flags_changed = socket_flags_changed, .name = "socket"
/* clang-format on */
