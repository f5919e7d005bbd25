/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Waiting for host descriptors: one thread, made when the first is waited for, that sleeps in epoll
 * and wakes the wait queues of those that have become ready. Each request is for one event.
 */
#pragma once

#include <stdint.h>

#include "base/util.h"
#include "kernel/wait/waitq.h"

struct poller;

struct poll_source {
    struct poller *p; /* immutable once armed */
    int fd;           /* immutable; not owned */
    struct waitq *wq; /* immutable */
    uint64_t id;      /* [poller.lock] 0: unknown to the poller */
    uint32_t armed;   /* [poller.lock] events asked for and not yet seen */
    uint32_t edges;   /* [poller.lock] events of which each edge is told */
};

int poller_new(struct poller **ret) must_check;
/*
 * Wakes source->wq once `events` (poll(2) bits) hold, at once if they do already. With LX_EPOLLET
 * among them: whenever they begin to hold, from now on, as long as the queue is not found empty: so
 * whoever wants edges queues first. What holds already has been told on return.
 */
int poller_arm(struct poll_source *s, uint32_t events) must_check;
/*
 * Another open file takes the source's descriptor number, and what was asked for goes on with it;
 * fd is the caller's to close. Whoever waits should be woken to look anew.
 */
int poller_replace(struct poll_source *s, int fd) must_check;
/* The poller forgets the source: after return it wakes it no more. Before its descriptor is closed.
 */
void poller_forget(struct poll_source *s);
