/* SPDX-License-Identifier: Apache-2.0 */
/*
 * AF_UNIX's own structures.
 *
 * A connection is two ends that know each other. What is sent stands in the receiver's queue, and
 * counts against the sender's buffer until it has been read. An end outlives its socket: messages
 * name who sent them.
 *
 * Locks: gc_lock > end.lock (two of them in the order of their addresses) > wait queues and the
 * leaf locks of the name table. References are dropped without a lock.
 */
#pragma once

#include "base/htab.h"
#include "base/list.h"
#include "base/mutex.h"
#include "net/scm.h"
#include "net/socket.h"
#include "net/unix/unix.h"

struct cred;

#define UNIX_SNDBUF_DEFAULT 212992u /* net.core.wmem_default, and _max */
#define UNIX_SNDBUF_MIN     4608u
#define UNIX_RCVBUF_MIN     2304u
#define UNIX_CHUNK          36544u /* 32 KiB of pages, and what fits into the first one */

/* The name an end is bound to; immutable but for the links. */
struct unix_name {
    struct ref ref;
    struct unix_net *net;
    struct htab_node link; /* [net.names_lock] */
    struct unix_end *end;  /* [net.names_lock] who has bound it, borrowed; NULL: gone */
    struct path path;      /* references; no dentry: an abstract name */
    uint64_t dev, ino;     /* of path */
    int type;              /* LX_SOCK_ */
    struct sockname text;
};

/* Descriptors on their way. */
struct unix_rights {
    struct list link;    /* [net.fly_lock] in net.dying */
    struct file **files; /* references */
    size_t n;
    uint32_t uid; /* whose count they are in */
};

struct unix_msg {
    struct ref ref;             /* a queue, and readers at work */
    struct list link;           /* [receiver.lock] */
    struct unix_end *from;      /* reference */
    struct unix_rights *rights; /* [receiver.lock] NULL: none */
    bool has_creds;
    struct lx_ucred creds;
    size_t charge; /* immutable: in from->used */
    size_t len;    /* immutable */
    size_t off;    /* [receiver.lock] streams: read so far */
    uint8_t data[];
};

/* Who is on the other side: SO_PEERCRED. */
struct unix_peercred {
    struct lx_ucred u;       /* pid 0: nobody */
    struct tgroup *tg;       /* reference */
    const struct cred *cred; /* reference */
};

enum unix_state { UNIX_UNCONNECTED, UNIX_LISTENING, UNIX_CONNECTED };

struct unix_end {
    struct ref ref; /* the socket, its peer, messages it has sent, lookups */
    struct unix_net *net;
    int type;                  /* immutable */
    uint64_t ino;              /* [net.names_lock] of the socket; 0: not accepted yet, or closed */
    struct list all;           /* [net.names_lock] in net.ends */
    struct mutex lock;         /* RANK_PIPE */
    struct waitq wq;           /* the socket's */
    struct shared_waitq *room; /* immutable: who waits for room in `queue` or `pending` */
    enum unix_state state;     /* [lock] */
    struct unix_end *peer;     /* [lock] reference */
    struct unix_name *name;    /* [lock] reference; set once */
    bool binding;              /* [lock] bind(2) is making the name */
    bool dead;                 /* [lock] its socket is closed */
    bool reading;              /* [lock] streams: one reader copies */
    bool reader_waits;         /* [lock] another one was told -EAGAIN meanwhile */
    uint32_t shutdown;         /* [lock] UNIX_SHUT_* */
    int error;                 /* [lock] SO_ERROR, positive */
    struct list queue;         /* [lock] unix_msg.link */
    struct unix_msg *oob;      /* [lock] streams: the one in the queue that is urgent; borrowed */
    uint32_t n_queued;         /* [lock] */
    struct list pending;       /* [lock] listeners: ends not accepted yet, unix_end.pending_link */
    struct list pending_link;  /* [the listener's lock] */
    uint32_t n_pending, backlog;   /* [lock] */
    int32_t peek_off;              /* [lock] SO_PEEK_OFF; -1: off */
    struct unix_peercred peercred; /* [lock] */
    struct waiter relay;           /* [lock] in relay_to->q: wakes wq when the peer has room */
    struct shared_waitq *relay_to; /* [lock] reference */
    _Atomic size_t used;           /* bytes of messages sent and not read */
    _Atomic uint32_t sndbuf, rcvbuf;
    _Atomic bool pass_creds;
    _Atomic bool accepted; /* has a socket, or had one */
    /* rights in flight, gc.c: all [net.gc_lock] */
    struct file *file;  /* borrowed: the socket's, as long as it is in flight */
    uint32_t in_flight; /* how many references of it are in queues */
    uint32_t gc_left;
    bool gc_candidate;
    struct list gc_link; /* in net.flying */
    struct list gc_work;
};

enum { UNIX_SHUT_RCV = 1, UNIX_SHUT_SND = 2, UNIX_SHUT_BOTH = 3 };

struct unix_socket {
    struct socket sock; /* first */
    struct unix_end *e; /* immutable, reference */
};

struct unix_net {
    struct mutex names_lock; /* RANK_LEAF */
    struct htab names;       /* [names_lock] unix_name.link, by text or by dev and ino */
    struct list ends;        /* [names_lock] unix_end.all */
    uint64_t seed;           /* immutable */
    uint32_t next_auto;      /* [names_lock] */
    struct mutex gc_lock;    /* RANK_UNIX_GC */
    struct list flying;      /* [gc_lock] ends in flight */
    _Atomic uint32_t n_flying;
    _Atomic uint32_t gc_at; /* as many in flight are looked through before another takes off */
    struct mutex fly_lock;  /* RANK_LEAF */
    struct htab users;      /* [fly_lock] struct flyer: descriptors in flight of each user */
    struct list dying;      /* [fly_lock] unix_rights.link: files to be let go */
    bool reaping;           /* [fly_lock] */
};

static inline struct unix_end *unix_end_of(struct socket *s)
{
    return container_of(s, struct unix_socket, sock)->e;
}

static inline bool unix_is_packets(const struct unix_end *e)
{
    return e->type != LX_SOCK_STREAM;
}

/* The end of a file that is a unix socket; borrowed, NULL: none. */
struct unix_end *unix_end_of_file(struct file *f);

/* end.c */
int unix_end_new(struct unix_net *net, int type, struct unix_end **ret) must_check;
struct unix_end *unix_end_get(struct unix_end *e);
void unix_end_put(struct unix_end *e);
/* A new open file for e, whose reference is consumed, also on error. */
int unix_socket_wrap(struct kernel *k, const struct cred *cred, struct unix_end *steal,
                     uint32_t flags, struct socket **ret) must_check;
/* The socket is gone, or the end was never accepted. */
void unix_end_close(struct unix_end *e);
/* Drops what is in its queue. */
void unix_end_purge(struct unix_end *e);
/* Writable as poll(2) means it: three quarters of the buffer are free. */
bool unix_writable(const struct unix_end *e);
void unix_peercred_set(struct unix_peercred *p, struct task *t);
void unix_peercred_copy(struct unix_peercred *to, const struct unix_peercred *from);
void unix_peercred_done(struct unix_peercred *p);

/* name.c */
int unix_name_check(const struct sockname *n, bool *ret_abstract) must_check;
int unix_bind(struct socket *s, struct task *t, const struct sockname *n);
int unix_autobind(struct unix_end *e) must_check;
/* Autobind for who wants credentials and has no name. */
int unix_autobind_for_creds(struct unix_end *e) must_check;
/* Who is bound to it; a new reference. -ECONNREFUSED, -EPROTOTYPE, errors of the walk. */
int unix_find(struct unix_end *e, struct task *t, const struct sockname *n, struct unix_end **ret)
    must_check;
struct unix_name *unix_name_get(struct unix_name *n);
void unix_name_put(struct unix_name *n);
/* If e is who has bound it: nobody finds it any more. */
void unix_name_unbind(struct unix_name *n, struct unix_end *e);
int unix_getname(struct socket *s, bool peer, struct sockname *ret);

/* connect.c */
int unix_listen(struct socket *s, struct task *t, int backlog);
int unix_connect(struct socket *s, struct task *t, const struct sockname *n,
                 struct shared_waitq **wait);
int unix_accept(struct socket *s, struct task *t, struct socket **ret);
int unix_shutdown(struct socket *s, int how);
/* A datagram end has left `peer`, whose reference is consumed: what it had sent us is gone. */
void unix_left(struct unix_end *e, struct unix_end *peer);
/* [both locks] */
void unix_marry(struct unix_end *a, struct unix_end *b);

/* msg.c */
/* Takes len bytes of the call, and its rights, into a message that counts in from->used. `to`: who
 * will get it. -EAGAIN: no room. */
int unix_msg_new(struct unix_end *from, const struct unix_end *to, struct task *t,
                 struct sock_msg *m, size_t len, struct unix_msg **ret) must_check;
void unix_msg_put(struct unix_msg *m);
/* [lock] of the receiver; takes the reference. */
void unix_msg_push(struct unix_end *to, struct unix_msg *msg);
/* Who a message is from, for those who want to know. */
struct lx_ucred unix_msg_creds(const struct unix_msg *msg);
/* What the receiver e is told of the sender. No lock held. */
void unix_msg_show(struct unix_end *e, struct unix_msg *msg, struct sock_msg *m);
/* The message's descriptors go to the receiver, or are lost with who does not ask for them; peek:
 * copies. -ENOMEM. */
int unix_msg_show_rights(struct unix_end *e, struct unix_msg *msg, struct sock_msg *m, bool peek)
    must_check;

/* stream.c, packet.c */
ssize_t unix_stream_send(struct socket *s, struct task *t, struct sock_msg *m,
                         struct shared_waitq **wait);
ssize_t unix_stream_recv(struct socket *s, struct task *t, struct sock_msg *m);
ssize_t unix_packet_send(struct socket *s, struct task *t, struct sock_msg *m,
                         struct shared_waitq **wait);
ssize_t unix_packet_recv(struct socket *s, struct task *t, struct sock_msg *m);
/* -ENOTCONN, or a pending error, before control messages are looked at. */
int unix_seqpacket_check(struct socket *s);
/* [lock] datagrams: more than its backlog waits already */
bool unix_queue_full(const struct unix_end *e);
/* [lock] A datagram end leaves its peer: the reference is the caller's. */
struct unix_end *unix_leave_peer(struct unix_end *e);

static inline size_t unix_msg_left(const struct unix_msg *m)
{
    return m->len - m->off;
}

/* urgent.c */
enum { UNIX_PEEK = 1, UNIX_INLINE = 2, UNIX_COPIED = 4 };
/*
 * [lock] What a reader that has come to msg, which is urgent or was, may have instead; NULL:
 * nothing. how: UNIX_PEEK, UNIX_INLINE (SO_OOBINLINE), UNIX_COPIED (it has something already).
 * What leaves the queue is in `gone`.
 */
struct unix_msg *unix_urgent_pass(struct unix_end *e, struct unix_msg *msg, uint32_t how,
                                  struct list *gone);
/* MSG_OOB. */
ssize_t unix_urgent_recv(struct unix_end *e, struct sock_msg *m, bool in_line);
/* SIOCATMARK. */
bool unix_at_mark(struct unix_end *e);

/* options.c */
int unix_setsockopt(struct socket *s, struct task *t, int level, int name, const void *v,
                    size_t len);
int unix_getsockopt(struct socket *s, struct task *t, int level, int name, void *v, size_t *len);
long unix_ioctl(struct file *f, struct task *t, uint32_t cmd, uint64_t arg);
uint32_t unix_stream_poll(struct file *f);
uint32_t unix_packet_poll(struct file *f);

/* rights.c */
/* The files of scm, which is emptied on success; counted in flight. -ETOOMANYREFS, -ENOMEM. */
int unix_rights_send(struct unix_net *net, struct task *t, struct scm *scm,
                     struct unix_rights **ret) must_check;
/* They land in scm; r is consumed. */
void unix_rights_receive(struct unix_net *net, struct unix_rights *r, struct scm *scm);
/* New references of what msg, in e's queue or just out of it, carries. */
int unix_rights_copy(struct unix_net *net, struct unix_end *e, struct unix_msg *msg,
                     struct scm *scm) must_check;
/* Lets go of the files, never from within the release of another one: chains of sockets in each
 * other's queues may be long. */
void unix_rights_drop(struct unix_net *net, struct unix_rights *r);

/* gc.c */
/* Looks for sockets that nobody can reach but themselves, in each other's queues, and ends them. */
void unix_gc(struct unix_net *net);
/* The same when many are in flight: one that is closed while it flies calls nobody. */
void unix_gc_if_many(struct unix_net *net);
