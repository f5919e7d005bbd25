/* SPDX-License-Identifier: Apache-2.0 */
/* The pipe object, shared by pipe.c and fifo.c. */
#pragma once

#include "base/htab.h"
#include "base/mutex.h"
#include "fdobj/pipe.h"
#include "fdobj/pipe_slots.h"
#include "kernel/vfs/node.h"

/*
 * A ring of bytes. Positions only grow; the byte at position p is data[p & (size - 1)].
 *
 * Guest memory is never touched under the lock: a writer reserves room (`writing`), copies straight
 * into the ring without the lock, and then moves `tail`; a reader does the same with `reading` and
 * `head`. Only one of each kind is at work at a time; a second one is told -EAGAIN and woken when
 * the first is done. The buffer is re-allocated only when nobody else is at work on it.
 */
struct pipe {
    struct mutex lock; /* RANK_PIPE */
    struct waitq wq;
    uint8_t *data;             /* [lock], and by `reading`/`writing` in their reserved parts */
    uint32_t size;             /* [lock] allocated: 0 or a power of two <= capacity */
    uint32_t capacity;         /* [lock] power of two; slots.max pages */
    uint64_t head, tail;       /* [lock] */
    bool reading, writing;     /* [lock] */
    bool reader_waits;         /* [lock] a reader was told -EAGAIN since the last wake-up */
    bool writer_waits;         /* [lock] because it was full */
    bool writer_behind;        /* [lock] because of another one at work */
    bool polled;               /* [lock] someone polls: edge-triggered watchers want every change */
    uint32_t readers, writers; /* [lock] open ends */
    uint32_t n_opens_r, n_opens_w;   /* [lock] ends ever opened: wakes openers of the other side */
    struct pipe_slots slots;         /* [lock] */
    struct ref ref;                  /* ends, and openers at work */
    struct pipes *pipes;             /* immutable */
    uint64_t ino;                    /* immutable: anonymous pipes */
    _Atomic uint32_t mode, uid, gid; /* nobody asks for two at once */
    struct timespec birth;           /* immutable */
    uint32_t user;                   /* immutable: who made it, in whose count its pages are */
    /* FIFOs: key in pipes.fifos */
    bool is_fifo;              /* immutable */
    struct htab_node link;     /* [pipes.lock] */
    uint64_t key_dev, key_ino; /* immutable */
};

struct pipes {
    struct mutex lock; /* RANK_LEAF */
    struct htab fifos; /* [lock] struct pipe by device and inode */
    struct htab users; /* [lock] pages of each user's pipes: pipe_limits.c */
    _Atomic uint64_t last_ino;
    struct super sb; /* pipefs: behind the nodes of anonymous pipes */
};

struct pipe_end {
    struct file file; /* first */
    struct pipe *p;   /* holds a reference */
    uint32_t w_seen;  /* immutable: p->n_opens_w at open; no POLLHUP before a first writer */
};

/* cred: who makes it. -ENOMEM, -ENFILE. */
int pipe_alloc(struct pipes *ps, const struct cred *cred, struct pipe **ret) must_check;
void pipe_put(struct pipe *p);
/* Makes an end of p with the access mode in flags; counts it. */
int pipe_open_end(struct pipe *p, const struct file_ops *ops, uint32_t flags, struct file **ret)
    must_check;
extern const struct file_ops pipe_ops, fifo_ops;

static inline uint32_t pipe_used(const struct pipe *p)
{
    return (uint32_t) (p->tail - p->head);
}
static inline struct pipe *pipe_of(const struct file *f)
{
    return container_of(f, struct pipe_end, file)->p;
}

/* [lock] Makes the ring big enough for n more bytes, as far as the capacity and a reader at work
 * allow. */
int pipe_ring_grow(struct pipe *p, size_t n) must_check;
/*
 * [lock] Reserves what a read of `want` bytes gets, until pipe_read_end(); packets: it ends with
 * one. False: *ret is what to say at once.
 */
bool pipe_read_begin(struct pipe *p, size_t want, bool packets, size_t *ret_n, ssize_t *ret);
/* Gives it back; n bytes of it are read, packets: with the rest of their packet. No lock held. */
void pipe_read_end(struct pipe *p, size_t n, bool packets);
/* [lock] The events to wake after the lock is dropped. */
uint32_t pipe_events_for_readers(struct pipe *p);
uint32_t pipe_events_for_writers(struct pipe *p, bool was_full);
void pipe_wake(struct pipe *p, uint32_t events);

/*
 * pipe_limits.c: /proc/sys/fs/pipe-user-pages-soft. The capacity a new pipe of this user gets,
 * which is counted.
 */
int pipe_user_begin(struct pipes *ps, const struct cred *cred, uint32_t *ret_capacity) must_check;
/* A pipe of `user` has `from` bytes and is to have `to`; cred asks, NULL: no limit. -EPERM: too
 * many; then nothing has changed. */
int pipe_user_change(struct pipes *ps, uint32_t user, const struct cred *cred, uint32_t from,
                     uint32_t to) must_check;
void pipe_user_end(struct pipes *ps, uint32_t user, uint32_t capacity);
