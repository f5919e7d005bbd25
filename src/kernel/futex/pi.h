/* SPDX-License-Identifier: Apache-2.0 */
/* Between pi.c and requeue_pi.c; see pi.c. */
#pragma once

#include "kernel/futex/futex.h"

struct pi_futex {
    struct list link;     /* [futexes.lock] */
    struct futex_key key; /* immutable */
    unsigned users;       /* [futexes.lock] claims, claimants and waiters */
    bool busy;            /* [futexes.lock] claimed */
    bool inheriting;      /* [futexes.lock] the owner has not written its number yet */
    struct task *owner;   /* [futexes.lock] referenced; NULL unless waited for or inheriting */
    struct list waiters;  /* [futexes.lock] futex_wait.link, in order of arrival */
};

/* Finds or makes the object and claims it; may sleep. -ENOMEM, or -EINTR when t must exit. */
int pi_enter(struct task *t, const struct futex_key *key, struct pi_futex **ret) must_check;
void pi_leave(struct task *t, struct pi_futex *pi);

enum { PI_TAKEN = 0, PI_QUEUED = 1 };
/*
 * Claimed. The word at addr (in t's memory) becomes `who`'s, or who is queued: PI_TAKEN, PI_QUEUED,
 * or an error. With `mark` it shows FUTEX_WAITERS also when it is free.
 */
int pi_take(struct task *t, struct pi_futex *pi, uint64_t addr, struct task *who, bool try,
            bool mark) must_check;
/* Claimed. `holder` gives the word to the first waiter, or to nobody. -EPERM: it is not holder's.
 */
int pi_release(struct task *t, struct pi_futex *pi, uint64_t addr, struct task *holder) must_check;
/* futexes.lock held: who waits, or has just been given the word. It counts as a user from now on.
 */
void pi_enlist_locked(struct pi_futex *pi, struct task *who, enum futex_wait_state state);
/* futexes.lock held. Returns the reference to be dropped after unlocking. */
struct task *pi_set_owner_locked(struct pi_futex *pi, struct task *owner) must_check;
/* futexes.lock held: the first waiter inherits from an owner that can do no more. Returns the
 * reference to be dropped after unlocking. */
struct task *pi_bequeath_locked(struct pi_futex *pi) must_check;
/* Sleeps in the queue that t is in until the word is t's: 0, -ETIMEDOUT, -EFAULT; when_interrupted.
 */
long pi_wait(struct task *t, uint64_t addr, const struct timespec *deadline, long when_interrupted)
    must_check;
/* The task this is the place of. */
struct task *futex_wait_task(struct futex_wait *w);
