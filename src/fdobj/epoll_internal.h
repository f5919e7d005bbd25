/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The parts of an epoll set; only fdobj/epoll*.c include this.
 *
 * A member holds no reference of its file: a file that is closed everywhere leaves its sets
 * (epoll(7), question 6). It is told by the file's watch, before the driver's object goes; until
 * then `file` may be looked at under the set's lock, and item_hold() gets a reference if there is
 * one to get.
 *
 * Locks: kernel.epoll_nest > set.control > file.watch_lock > waitq.lock > set.lock. Members are
 * notified with the lock of their file's wait queue held, and wake the set's own queue below it.
 */
#pragma once

#include "fdobj/epoll.h"
#include "kernel/kernel.h"
#include "kernel/vfs/file.h"
#include "kernel/wait/poller.h"

/* Bits of `events` that are no events. */
#define EPOLL_HOW (LX_EPOLLEXCLUSIVE | LX_EPOLLWAKEUP | LX_EPOLLONESHOT | LX_EPOLLET)

/* Members that the host watches: epoll_host.c. */
struct epoll_host {
    int fd, bell;  /* immutable: a set, and what rings in it */
    uint64_t mark; /* immutable: platform_direct_mark() */
    bool rung;     /* [set.lock] */
    struct poll_source source;
};

struct epoll_set {
    struct ref ref;       /* the file's, and one of each item */
    struct kernel *k;     /* immutable */
    struct mutex control; /* RANK_EPOLL: one epoll_ctl(2) at a time */
    struct mutex lock;    /* RANK_LEAF */
    struct htab items;    /* [lock] by file and descriptor */
    struct list ready;    /* [lock] item.ready_link: those that may be ready */
    struct waitq wq;
    _Atomic(struct epoll_host *) host; /* set once, control held; NULL: all members are ours */
    _Atomic bool host_first;           /* whose members are asked first the next time */
    struct list members, owners; /* [kernel.epoll_nest] sets in this one; sets this one is in */
    uint64_t mark;               /* [kernel.epoll_nest] of the walk that has been here */
    unsigned height;             /* [kernel.epoll_nest] found by that walk */
};

struct epoll_item {
    struct ref ref;         /* the set's, the file's, and whoever is at work on it */
    struct epoll_set *set;  /* immutable, holds a reference */
    struct file *file;      /* immutable, see above */
    int fd;                 /* immutable */
    struct htab_node node;  /* [set.lock] */
    struct list ready_link; /* [set.lock] */
    bool in_set, gone;      /* [set.lock] gone: `file` must not be touched any more */
    uint64_t seq;           /* [set.lock] counts the notifications */
    uint32_t events;        /* [set.lock] LX_EPOLL* */
    uint64_t data;          /* [set.lock] */
    int host_fd;            /* [set.control and set.lock to change] in set.host; -1: one of ours */
    bool owns_fd;           /* as host_fd: it is a copy for this item */
    struct waiter waiter;   /* on the file's queue */
    struct file_watch watch;
    struct epoll_set
        *nested; /* immutable: the set `file` is, or NULL; lives as long as the links below */
    struct list member_link, owner_link; /* [kernel.epoll_nest] in set.members, nested.owners */
};

/* epoll.c */
struct file *epoll_item_hold(struct epoll_item *it); /* [set.lock] NULL when it is going away */
void epoll_item_put(struct epoll_item *it);
void epoll_queue(struct epoll_item *it); /* [set.lock] it may be ready */

/* epoll_host.c. Of one item: [set.control], or its file is going. */
bool epoll_wants_host(const struct epoll_item *it);
int epoll_host_add(struct epoll_item *it) must_check;
/* LX_EPOLL_CTL_ADD of one that was taken out, _MOD, _DEL. */
int epoll_host_change(struct epoll_item *it, int op, const struct lx_epoll_event *ev) must_check;
/* For good. */
void epoll_host_remove(struct epoll_item *it);
/* The set's host half, made if the set is fit for it: its descriptor, or -1. No lock held. */
int epoll_host_begin(struct epoll_set *s);
void epoll_host_free(struct epoll_host *h);
/* Of what the host watches: as epoll_collect(), poll and poll_arm; of sets without: none. */
size_t epoll_host_collect(struct epoll_set *s, struct lx_epoll_event *out, size_t max);
bool epoll_host_ready(struct epoll_set *s);
int epoll_host_arm(struct epoll_set *s, uint32_t events) must_check;
/* [set.lock] One of ours may be ready; we are about to look. */
void epoll_ring(struct epoll_set *s);
void epoll_silence(struct epoll_set *s);

/* epoll_nest.c. kernel.epoll_nest held: may `inner` become a member of `outer`? -ELOOP. */
int epoll_nest_check(struct epoll_set *outer, struct epoll_set *inner) must_check;
void epoll_nest_link(struct epoll_item *it);
/* Takes kernel.epoll_nest itself; nothing to do for ordinary files. */
void epoll_nest_unlink(struct epoll_item *it);
