/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Wait queues. An object that can become ready has one; whoever sleeps for it queues a waiter.
 * Events are level hints in poll(2)'s bits: a woken sleeper always looks again.
 */
#pragma once

#include <stdint.h>

#include "base/list.h"
#include "base/mutex.h"

struct waiter {       /* on the sleeper's stack, or inside an epoll item */
    struct list link; /* [waitq.lock] */
    uint32_t mask;    /* events of interest; immutable while queued */
    bool exclusive; /* not told once another such one has woken somebody; immutable while queued */
    /* waitq.lock held: never sleeps, takes no file lock. Has somebody been woken? */
    bool (*notify)(struct waiter *w, uint32_t events);
};

struct waitq {
    struct mutex lock; /* RANK_WAITQ */
    struct list waiters;
};

void waitq_init(struct waitq *q);
void waitq_add(struct waitq *q, struct waiter *w);
/* Told before all that are there: Linux puts who shares an event in front. */
void waitq_add_first(struct waitq *q, struct waiter *w);
/* After return no notify() of w is running, and none will run. */
void waitq_del(struct waitq *q, struct waiter *w);
/* Notifies every waiter whose mask meets `events` (LX_POLLERR and LX_POLLHUP always do, and are for
 * all exclusive ones, too). */
void waitq_wake(struct waitq *q, uint32_t events);
bool waitq_is_empty(struct waitq *q);
bool waitq_has_exclusive(struct waitq *q);
/* From within a notify(): the queue of a set that holds the one being woken. Sets never form a
 * ring. Has somebody been woken? */
bool waitq_wake_nested(struct waitq *q, uint32_t events);
