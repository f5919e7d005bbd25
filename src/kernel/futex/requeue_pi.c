/* SPDX-License-Identifier: Apache-2.0 */
/*
 * FUTEX_WAIT_REQUEUE_PI and FUTEX_CMP_REQUEUE_PI: a condition variable whose mutex has priority
 * inheritance. A waiter names the mutex it wants to be moved to; nothing but the requeue moves or
 * wakes it, so it never is in the host's queues. It gives up its wait only while it holds the claim
 * of that mutex, unless it dies: so a requeue, which holds it too, moves none that is about to
 * return.
 */
#include <errno.h>

#include "abi/linux/futex.h"
#include "kernel/futex/pi.h"
#include "kernel/restart.h"
#include "kernel/task/task.h"
#include "kernel/wait/block.h"

static int two_keys(struct task *t, uint64_t addr, uint64_t target, bool shared,
                    struct futex_key *ret_key, struct futex_key *ret_target)
{
    int r = futex_key(t, addr, shared, ret_key);

    if (r == 0)
        r = futex_key(t, target, shared, ret_target);
    if (r == 0 && futex_key_equal(ret_key, ret_target))
        r = -EINVAL;
    return r;
}

static bool is_requeueable(struct task *t)
{
    MUTEX_GUARD(&t->k->futexes->lock);
    return t->futex.state == FUTEX_REQUEUEABLE;
}

/* True if t has still waited to be moved and does no longer. */
static bool stop(struct task *t)
{
    MUTEX_GUARD(&t->k->futexes->lock);
    if (t->futex.state != FUTEX_REQUEUEABLE)
        return false;
    list_del(&t->futex.link);
    t->futex.state = FUTEX_IDLE;
    return true;
}

/* With the target's claim, if t need not die. */
static bool stop_claimed(struct task *t)
{
    struct pi_futex *pi;
    bool was;

    if (pi_enter(t, &t->futex.target, &pi) < 0)
        return stop(t);
    was = stop(t);
    pi_leave(t, pi);
    return was;
}

long futex_wait_requeue_pi(struct task *t, uint64_t addr, uint64_t target, bool shared,
                           uint32_t val, const struct timespec *deadline)
{
    struct futexes *f = t->k->futexes;
    uint32_t v;
    int r = two_keys(t, addr, target, shared, &t->futex.key, &t->futex.target);

    if (r < 0)
        return r;
    mutex_lock(&f->lock);
    t->futex.state = FUTEX_REQUEUEABLE;
    list_add_tail(&t->futex.link, &f->requeueable);
    mutex_unlock(&f->lock);

    /* Queued first: whoever changes the word and then requeues finds us, or we see the change. */
    r = copy_in(t, &v, uaddr(addr), sizeof(v));
    if (r == 0 && v != val)
        r = -EAGAIN;
    if (r < 0 && stop_claimed(t))
        return r;
    for (r = 0; r == 0 && is_requeueable(t);)
        r = task_block(t, deadline);
    if (r < 0 && stop_claimed(t))
        return r == -ETIMEDOUT ? r : -ERESTARTNOINTR;
    /* Moved: a signal now ends it without a restart, for the word has changed. */
    return pi_wait(t, target, deadline, -EAGAIN);
}

/* The first that waits at this key, referenced; NULL for none. */
static struct task *first_at(struct task *t, const struct futex_key *key)
{
    struct futex_wait *w;

    MUTEX_GUARD(&t->k->futexes->lock);
    list_for_each_entry (w, &t->k->futexes->requeueable, link) {
        if (futex_key_equal(&w->key, key))
            return task_get(futex_wait_task(w));
    }
    return NULL;
}

/* The word is `who`'s. False if it has died meanwhile. */
static bool give(struct task *t, struct pi_futex *pi, struct task *who)
{
    MUTEX_GUARD(&t->k->futexes->lock);
    if (who->futex.state != FUTEX_REQUEUEABLE)
        return false;
    list_del(&who->futex.link);
    pi_enlist_locked(pi, who, FUTEX_OWNS);
    task_wake(who);
    return true;
}

/* Claimed. The first waiter takes the word or is queued for it: it, referenced, *ret says which. */
static int move_first(struct task *t, struct pi_futex *pi, const struct futex_key *key,
                      uint64_t target, bool more, struct task **ret, bool *ret_owns)
{
    for (;;) {
        struct task *who = first_at(t, key);
        int r = 0;

        if (who && !futex_key_equal(&who->futex.target, &pi->key))
            r = -EINVAL;
        else if (who)
            r = pi_take(t, pi, target, who, false, more);
        if (r == PI_TAKEN && who && !give(t, pi, who)) {
            r = pi_release(t, pi, target, who);
            r = r < 0 ? r : -EINTR;
        }
        if (r >= 0) {
            *ret = who;
            *ret_owns = r == PI_TAKEN;
            return 0;
        }
        task_put(who);
        if (r != -EINTR)
            return r;
    }
}

/* Claimed. The others follow; with `owner`, they wait for it. */
static int move_rest(struct task *t, struct pi_futex *pi, const struct futex_key *key, int n,
                     struct task *owner)
{
    struct futexes *f = t->k->futexes;
    struct futex_wait *w, *next;
    struct task *old = NULL;
    int moved = 0;

    mutex_lock(&f->lock);
    list_for_each_entry_safe (w, next, &f->requeueable, link) {
        if (moved == n)
            break;
        if (!futex_key_equal(&w->key, key) || !futex_key_equal(&w->target, &pi->key))
            continue;
        list_del(&w->link);
        pi_enlist_locked(pi, futex_wait_task(w), FUTEX_QUEUED);
        moved++;
    }
    if (moved && owner && !pi->owner) {
        old = pi_set_owner_locked(pi, owner);
        if (owner->futex.exited) /* since it was given the word */
            old = pi_bequeath_locked(pi);
    }
    mutex_unlock(&f->lock);
    task_put(old);
    return moved;
}

long futex_cmp_requeue_pi(struct task *t, uint64_t addr, uint64_t target, bool shared,
                          int nr_requeue, uint32_t val)
{
    struct futex_key key, to;
    struct task *first = NULL;
    struct pi_futex *pi;
    uint32_t v;
    bool owns;
    int n = 0, r = two_keys(t, addr, target, shared, &key, &to);

    if (r == 0)
        r = copy_in(t, &v, uaddr(addr), sizeof(v));
    if (r == 0 && v != val)
        r = -EAGAIN;
    if (r == 0)
        r = pi_enter(t, &to, &pi);
    if (r < 0)
        return r;
    r = move_first(t, pi, &key, target, nr_requeue > 0, &first, &owns);
    if (r == 0 && first)
        n = 1 + move_rest(t, pi, &key, nr_requeue, owns ? first : NULL);
    pi_leave(t, pi);
    task_put(first);
    return r < 0 ? r : n;
}
