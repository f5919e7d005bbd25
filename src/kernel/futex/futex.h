/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The part of futex(2) that the host cannot do for a guest.
 *
 * Who owns which waiters. All waits but those below sleep in the host's queues: a guest thread
 * waits natively, or its stub does when there is a deadline (platform/stub/local.c) or many words
 * (futex_waitv), and wakes, requeues and wake-ops find them there, private or shared, from whatever
 * process. The sentry never has to move such a waiter: it has none to add either, for its own wakes
 * (robust lists, clear_child_tid) are calls it orders from the stub.
 *
 * Futexes with priority inheritance are the sentry's alone, waiters and all. Their words hold
 * thread numbers, which the host would take for its own. They cannot meet the others: Linux refuses
 * to mix the two kinds on one word (EINVAL); here a plain wake just does not find the sentry's
 * waiters, nor FUTEX_CMP_REQUEUE_PI the host's. The order of waiters is that of their arrival and
 * nobody's priority is raised: all threads of a container run in the host's fair class.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#include "base/list.h"
#include "base/mutex.h"
#include "base/util.h"
#include "kernel/wait/waitq.h"

struct kernel;
struct pi_futex;
struct task;

/* Every PI futex somebody waits for or is busy with; they are few. */
struct futexes {
    struct mutex lock; /* RANK_LEAF */
    struct list pi;    /* [lock] struct pi_futex.link */
    struct list
        requeueable;   /* [lock] futex_wait.link: FUTEX_WAIT_REQUEUE_PI, in order of arrival */
    struct waitq idle; /* woken when a pi_futex is no longer busy */
};

/* Equal keys are the same futex: futex(2), "Futex key". */
struct futex_key {
    uint64_t space;  /* an address space, or a device */
    uint64_t object; /* 0, or an inode */
    uint64_t offset; /* address, or place in the object */
    bool shared;
};

enum futex_wait_state {
    FUTEX_IDLE,
    FUTEX_REQUEUEABLE, /* in futexes.requeueable */
    FUTEX_QUEUED,      /* in pi_futex.waiters */
    FUTEX_OWNS,        /* the word holds our number */
    FUTEX_INHERITS,    /* the owner has died: we must write our number ourselves */
};

/* A task's place in one of these queues; inside struct task. */
struct futex_wait {
    struct list link;            /* [futexes.lock] */
    enum futex_wait_state state; /* [futexes.lock] */
    struct pi_futex *pi;         /* [futexes.lock] holds a reference while QUEUED, OWNS, INHERITS */
    struct futex_key key, target; /* REQUEUEABLE: where it waits, where it wants to go */
    bool exited;                  /* [futexes.lock] can own nothing any more */
};

int futexes_new(struct futexes **ret) must_check;

/* -EINVAL (alignment), -EFAULT. Own thread. */
int futex_key(struct task *t, uint64_t addr, bool shared, struct futex_key *ret) must_check;
bool futex_key_equal(const struct futex_key *a, const struct futex_key *b);

/* The operations of futex(2) by these names. deadline: CLOCK_MONOTONIC, NULL for none. Own thread.
 */
long futex_lock_pi(struct task *t, uint64_t addr, bool shared, bool try,
                   const struct timespec *deadline) must_check;
long futex_unlock_pi(struct task *t, uint64_t addr, bool shared) must_check;
long futex_wait_requeue_pi(struct task *t, uint64_t addr, uint64_t target, bool shared,
                           uint32_t val, const struct timespec *deadline) must_check;
/* nr_requeue: besides the first waiter. */
long futex_cmp_requeue_pi(struct task *t, uint64_t addr, uint64_t target, bool shared,
                          int nr_requeue, uint32_t val) must_check;

/* Marks and releases the futexes on t's robust list: set_robust_list(2). Own thread, guest alive.
 */
void futex_robust_exit(struct task *t);
/* PI futexes that t holds go to those who wait for them. After futex_robust_exit(). Own thread. */
void futex_pi_exit(struct task *t);
/* Undoes the "can own nothing" of futex_pi_exit(): after exec. */
void futex_pi_start(struct task *t);
