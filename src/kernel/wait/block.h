/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The only sleep of a guest thread inside the sentry. Drivers never wait: they return -EAGAIN and
 * own a wait queue; the generic loops here register, retry and sleep.
 *
 *     task_wait_on(&tw, t, q, mask);     queues; as often as there are queues
 *     for (;;) {
 *         r = try();                     looks again after queueing, so no wake-up is lost
 *         if (r != -EAGAIN) break;
 *         r = task_block(t, deadline);   -ERESTARTSYS, -ETIMEDOUT or 0: look again
 *         if (r) break;
 *     }
 *     task_wait_end(&tw);
 */
#pragma once

#include <time.h>

#include "base/ref.h"
#include "kernel/wait/waitq.h"

struct task;

struct task_waiter {
    struct waiter w;
    struct waitq *q;
    struct task *t;
};

/* Queues `tw` on q so that events in mask wake t. No locks needed. */
void task_wait_on(struct task_waiter *tw, struct task *t, struct waitq *q, uint32_t mask);
void task_wait_end(struct task_waiter *tw);

/*
 * Sleeps until something wakes t since the last task_block()/task_rearm(): 0; the absolute
 * CLOCK_MONOTONIC deadline passed: -ETIMEDOUT; t->work is set (signal, stop, exit): -ERESTARTSYS.
 * A wake-up that came before the call counts. deadline NULL: none. No locks may be held.
 */
int task_block(struct task *t, const struct timespec *deadline) must_check;

/* The same, but only the task's own death (WORK_EXIT, WORK_DEAD) interrupts it. */
int task_block_killable(struct task *t, const struct timespec *deadline) must_check;

/* Wakes a sleeping task whatever it waits for; any thread. */
void task_wake(struct task *t);

/* Runs try(arg) until it no longer returns -EAGAIN, sleeping on q between attempts. */
long task_wait_for(struct task *t, struct waitq *q, uint32_t mask, const struct timespec *deadline,
                   long (*try)(void *arg), void *arg) must_check;

/* A one-time event one task waits for and another announces (vfork). */
struct completion {
    struct ref ref;
    _Atomic uint32_t done;
    struct task *waiter; /* holds a reference */
};

/* Two references: one is consumed by completion_done(), one by completion_wait(). NULL without
 * memory. */
struct completion *completion_new(struct task *waiter);
void completion_done(struct completion *c);
/* By the waiter. Returns also, without the event, when t must exit. */
void completion_wait(struct completion *c, struct task *t);
