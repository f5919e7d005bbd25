/* SPDX-License-Identifier: Apache-2.0 */
/* The pipe object, shared by pipe.c and fifo.c. */
#pragma once

#include "base/htab.h"
#include "base/mutex.h"
#include "fdobj/pipe.h"
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
    uint32_t capacity;         /* [lock] power of two */
    uint64_t head, tail;       /* [lock] */
    bool reading, writing;     /* [lock] */
    bool reader_waits;         /* [lock] a reader was told -EAGAIN since the last wake-up */
    bool writer_waits;         /* [lock] */
    bool polled;               /* [lock] someone polls: edge-triggered watchers want every change */
    uint32_t readers, writers; /* [lock] open ends */
    uint32_t n_opens_r, n_opens_w; /* [lock] ends ever opened: wakes openers of the other side */
    struct packet {
        uint64_t start, end;
    } * packets;                                   /* [lock] O_DIRECT writes not yet read; ring */
    uint32_t packet_first, n_packets, max_packets; /* [lock] */
    struct ref ref;                                /* ends, and openers at work */
    struct pipes *pipes;                           /* immutable */
    uint64_t ino;                                  /* immutable: anonymous pipes */
    _Atomic uint32_t mode, uid, gid;               /* nobody asks for two at once */
    struct timespec birth;                         /* immutable */
    /* FIFOs: key in pipes.fifos */
    bool is_fifo;              /* immutable */
    struct htab_node link;     /* [pipes.lock] */
    uint64_t key_dev, key_ino; /* immutable */
};

struct pipes {
    struct mutex lock; /* RANK_LEAF */
    struct htab fifos; /* [lock] struct pipe by device and inode */
    _Atomic uint64_t last_ino;
    struct super sb; /* pipefs: behind the nodes of anonymous pipes */
};

struct pipe_end {
    struct file file; /* first */
    struct pipe *p;   /* holds a reference */
    uint32_t w_seen;  /* immutable: p->n_opens_w at open; no POLLHUP before a first writer */
};

int pipe_alloc(struct pipes *ps, struct pipe **ret) must_check;
void pipe_put(struct pipe *p);
/* Makes an end of p with the access mode in flags; counts it. */
int pipe_open_end(struct pipe *p, const struct file_ops *ops, uint32_t flags, struct file **ret)
    must_check;
extern const struct file_ops pipe_ops, fifo_ops;
