/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Futexes with priority inheritance: futex(2), "Priority-inheritance futexes".
 *
 * The word holds the owner's thread number, or 0. Guests lock and unlock by compare and exchange as
 * long as nobody waits; FUTEX_WAITERS brings both here. What the sentry knows of such a futex, it
 * knows only while somebody waits: struct pi_futex, made by the first waiter.
 *
 * No lock may be held while a guest's word is read or written, so an operation first claims the
 * object (busy), works on the word, and then changes the queue under the lock. Claims are short:
 * the word is exchanged by the caller's own stub. Who must die does not wait for a claim but takes
 * itself out of the queue; whoever was about to give it the word looks again and chooses another:
 *
 *     unlock, claimed                        first waiter
 *     next = first waiter
 *     word: tid -> WAITERS | next's tid
 *                                            is killed: leaves the queue
 *     next is not in the queue any more:
 *     word: next's tid -> WAITERS | tid of the one after, or 0
 *
 * When an owner ends, the first waiter inherits: it writes its own number, with FUTEX_OWNER_DIED,
 * in its own memory, since the owner's may be gone. Until it has done so others only queue. A
 * locker that finds an owner and an owner that ends meet at futex_wait.exited, which is set under
 * the lock before the objects of that owner are looked for.
 */
#include "kernel/futex/pi.h"

#include <errno.h>
#include <stdlib.h>

#include "abi/linux/futex.h"
#include "kernel/restart.h"
#include "kernel/task/task.h"
#include "kernel/wait/block.h"

#define IDLE_EVENT 1u
#define RETRIES    1000 /* a hostile thread may change the word for ever */

struct task *futex_wait_task(struct futex_wait *w)
{
    return container_of(w, struct task, futex);
}

/* futexes.lock held: drops a user; the object to free, if it was the last. */
static struct pi_futex *unuse_locked(struct pi_futex *pi)
{
    if (--pi->users)
        return NULL;
    list_del(&pi->link);
    return pi;
}

static struct pi_futex *find_locked(struct futexes *f, const struct futex_key *key)
{
    struct pi_futex *pi;

    list_for_each_entry (pi, &f->pi, link) {
        if (futex_key_equal(&pi->key, key))
            return pi;
    }
    return NULL;
}

/* With unuse_locked()'s result, after unlocking. */
static void pi_free(struct pi_futex *pi)
{
    if (pi)
        task_put(pi->owner); /* one that died before it could write its number */
    free(pi);
}

/* A user of the object; not claimed yet. */
static struct pi_futex *use(struct futexes *f, const struct futex_key *key)
{
    struct pi_futex *fresh = calloc(1, sizeof(*fresh)), *pi;

    if (!fresh)
        return NULL;
    mutex_lock(&f->lock);
    pi = find_locked(f, key);
    if (!pi) {
        pi = fresh;
        fresh = NULL;
        pi->key = *key;
        list_init(&pi->waiters);
        list_add(&pi->link, &f->pi);
    }
    pi->users++;
    mutex_unlock(&f->lock);
    free(fresh);
    return pi;
}

struct claim {
    struct futexes *f;
    struct pi_futex *pi;
};

static bool try_claim(const struct claim *c)
{
    bool got;

    mutex_lock(&c->f->lock);
    got = !c->pi->busy;
    if (got)
        c->pi->busy = true;
    mutex_unlock(&c->f->lock);
    return got;
}

/* Of an object t uses. -EINTR: t must exit. */
static int claim(struct task *t, struct pi_futex *pi)
{
    const struct claim c = {t->k->futexes, pi};
    struct task_waiter tw;
    int r = 0;

    if (try_claim(&c))
        return 0;
    task_wait_on(&tw, t, &c.f->idle, IDLE_EVENT);
    while (!try_claim(&c)) {
        if (task_block_killable(t, NULL)) {
            r = -EINTR;
            break;
        }
    }
    task_wait_end(&tw);
    return r;
}

static void unclaim(struct task *t, struct pi_futex *pi)
{
    struct futexes *f = t->k->futexes;

    mutex_lock(&f->lock);
    pi->busy = false;
    mutex_unlock(&f->lock);
    waitq_wake(&f->idle, IDLE_EVENT);
}

static void unuse(struct task *t, struct pi_futex *pi)
{
    struct futexes *f = t->k->futexes;
    struct pi_futex *gone;

    mutex_lock(&f->lock);
    gone = unuse_locked(pi);
    mutex_unlock(&f->lock);
    pi_free(gone);
}

int pi_enter(struct task *t, const struct futex_key *key, struct pi_futex **ret)
{
    struct pi_futex *pi = use(t->k->futexes, key);
    int r;

    if (!pi)
        return -ENOMEM;
    r = claim(t, pi);
    if (r < 0)
        unuse(t, pi);
    else
        *ret = pi;
    return r;
}

void pi_leave(struct task *t, struct pi_futex *pi)
{
    unclaim(t, pi);
    unuse(t, pi);
}

struct task *pi_set_owner_locked(struct pi_futex *pi, struct task *owner)
{
    struct task *old = pi->owner;

    pi->owner = owner ? task_get(owner) : NULL;
    return old;
}

void pi_enlist_locked(struct pi_futex *pi, struct task *who, enum futex_wait_state state)
{
    who->futex.state = state;
    who->futex.pi = pi;
    pi->users++;
    if (state == FUTEX_QUEUED)
        list_add_tail(&who->futex.link, &pi->waiters);
}

/* futexes.lock held: the first waiter leaves the queue; without others there is no owner to know.
 */
static struct task *dequeue_locked(struct pi_futex *pi, struct task *who)
{
    list_del(&who->futex.link);
    return list_empty(&pi->waiters) && !pi->inheriting ? pi_set_owner_locked(pi, NULL) : NULL;
}

static int load(struct task *t, uint64_t addr, uint32_t *ret)
{
    return platform_cmpxchg(t->st, addr, 0, 0, ret);
}

/* futexes.lock held. Somebody else's wait may have ended meanwhile, by its death alone. */
static bool still_waits_locked(const struct task *t, const struct task *who)
{
    return who == t || who->futex.state == FUTEX_REQUEUEABLE;
}

/* Behind an owner that is known already. */
static int queue_behind(struct task *t, struct pi_futex *pi, struct task *who, uint32_t v, bool try)
{
    struct futexes *f = t->k->futexes;
    uint32_t tid = v & LX_FUTEX_TID_MASK;

    MUTEX_GUARD(&f->lock);
    if (!pi->owner)
        return -EAGAIN; /* has just gone */
    /* A word that says something else was not written by our rules; 0 is a robust owner's end. */
    if (!pi->inheriting && tid != (uint32_t) pi->owner->tid && !(v & LX_FUTEX_OWNER_DIED && !tid))
        return -EINVAL;
    if (try)
        return -EWOULDBLOCK;
    if (!still_waits_locked(t, who))
        return -EINTR;
    list_del(&who->futex.link);
    pi_enlist_locked(pi, who, FUTEX_QUEUED);
    return PI_QUEUED;
}

/* Behind the thread whose number is in the word. -ESRCH: there is none that could unlock it. */
static int queue_first(struct task *t, struct pi_futex *pi, struct task *who, uint32_t v)
{
    struct futexes *f = t->k->futexes;
    struct task *owner = task_find_get(t->k, (pid_t) (v & LX_FUTEX_TID_MASK)), *old = NULL;
    int r = -ESRCH;

    if (!owner)
        return r;
    mutex_lock(&f->lock);
    if (!still_waits_locked(t, who)) {
        r = -EINTR;
    } else if (!owner->futex.exited) {
        old = pi_set_owner_locked(pi, owner);
        list_del(&who->futex.link);
        pi_enlist_locked(pi, who, FUTEX_QUEUED);
        r = PI_QUEUED;
    }
    mutex_unlock(&f->lock);
    task_put(old);
    task_put(owner);
    return r;
}

static bool has_owner(struct task *t, struct pi_futex *pi)
{
    MUTEX_GUARD(&t->k->futexes->lock);
    return pi->owner != NULL;
}

int pi_take(struct task *t, struct pi_futex *pi, uint64_t addr, struct task *who, bool try,
            bool mark)
{
    uint32_t v, found, want;
    int r = load(t, addr, &v);

    for (int i = 0; r == 0 && i < RETRIES; i++, v = found) {
        uint32_t tid = v & LX_FUTEX_TID_MASK;

        if (tid == (uint32_t) who->tid)
            return -EDEADLK;
        if (has_owner(t, pi)) {
            r = queue_behind(t, pi, who, v, try);
            if (r != -EAGAIN || try)
                return r;
            r = load(t, addr, &found);
            continue;
        }
        want =
            tid ? v | LX_FUTEX_WAITERS
                : (v & LX_FUTEX_OWNER_DIED) | (uint32_t) who->tid | (mark ? LX_FUTEX_WAITERS : 0);
        r = platform_cmpxchg(t->st, addr, v, want, &found);
        if (r || found != v)
            continue;
        if (!tid)
            return PI_TAKEN;
        if (try)
            return -EWOULDBLOCK;
        r = queue_first(t, pi, who, v);
        if (r != -ESRCH)
            return r;
        r = load(t, addr, &found); /* it may have ended properly since */
        if (r == 0 && found == want)
            return -ESRCH;
    }
    return r ? r : -EAGAIN;
}

/* INHERITS, claimed: the word becomes ours. The claim is given up. */
static long inherit(struct task *t, struct pi_futex *pi, uint64_t addr)
{
    struct futexes *f = t->k->futexes;
    uint32_t v, found, want = (uint32_t) t->tid | LX_FUTEX_WAITERS | LX_FUTEX_OWNER_DIED;
    struct task *old = NULL;
    int r = load(t, addr, &v);

    for (int i = 0; r == 0 && i < RETRIES; i++, v = found) {
        r = platform_cmpxchg(t->st, addr, v, want, &found);
        if (r || found == v)
            break;
    }
    mutex_lock(&f->lock);
    pi->inheriting = false;
    if (list_empty(&pi->waiters))
        old = pi_set_owner_locked(pi, NULL);
    t->futex.state = FUTEX_IDLE;
    t->futex.pi = NULL;
    mutex_unlock(&f->lock);
    task_put(old);
    unuse(t, pi);
    pi_leave(t, pi);
    return r;
}

static enum futex_wait_state state_of(struct task *t)
{
    MUTEX_GUARD(&t->k->futexes->lock);
    return t->futex.state;
}

/* Out of the queue if t is still in it; what it was before. INHERITS is left for who can write. */
static enum futex_wait_state stop_waiting(struct task *t)
{
    struct futexes *f = t->k->futexes;
    struct pi_futex *pi, *gone = NULL;
    struct task *old = NULL;
    enum futex_wait_state was;

    mutex_lock(&f->lock);
    was = t->futex.state;
    pi = t->futex.pi;
    if (was == FUTEX_QUEUED)
        old = dequeue_locked(pi, t);
    if (was != FUTEX_INHERITS) {
        t->futex.state = FUTEX_IDLE;
        t->futex.pi = NULL;
        gone = unuse_locked(pi);
    }
    mutex_unlock(&f->lock);
    task_put(old);
    pi_free(gone);
    return was;
}

/* t dies while the word is being handed on to it: futex_pi_exit() hands it further. */
static void give_up(struct task *t, struct pi_futex *pi)
{
    mutex_lock(&t->k->futexes->lock);
    t->futex.state = FUTEX_IDLE;
    t->futex.pi = NULL;
    mutex_unlock(&t->k->futexes->lock);
    unuse(t, pi);
}

long pi_wait(struct task *t, uint64_t addr, const struct timespec *deadline, long when_interrupted)
{
    struct pi_futex *pi = t->futex.pi; /* stays ours: we are a user */
    enum futex_wait_state was = state_of(t);
    int r = 0;

    while (was == FUTEX_QUEUED && r == 0) {
        r = task_block(t, deadline);
        was = state_of(t);
    }
    if (was == FUTEX_OWNS) {
        stop_waiting(t);
        return 0;
    }
    mutex_lock(&t->k->futexes->lock);
    pi->users++; /* for the claim */
    mutex_unlock(&t->k->futexes->lock);
    if (claim(t, pi) < 0) {
        if (stop_waiting(t) == FUTEX_INHERITS)
            give_up(t, pi);
        unuse(t, pi);
        return -EINTR;
    }
    was = stop_waiting(t);
    if (was == FUTEX_INHERITS)
        return inherit(t, pi, addr);
    pi_leave(t, pi);
    if (was == FUTEX_OWNS)
        return 0;
    return r == -ETIMEDOUT ? r : when_interrupted;
}

long futex_lock_pi(struct task *t, uint64_t addr, bool shared, bool try,
                   const struct timespec *deadline)
{
    struct futex_key key;
    struct pi_futex *pi;
    int r = futex_key(t, addr, shared, &key);

    if (r == 0)
        r = pi_enter(t, &key, &pi);
    if (r < 0)
        return r;
    r = pi_take(t, pi, addr, t, try, false);
    pi_leave(t, pi);
    return r == PI_QUEUED ? pi_wait(t, addr, deadline, -ERESTARTNOINTR) : r;
}

/* Who is to have the word next, referenced. NULL: nobody waits. -EINVAL: they wait for another. */
static int next_owner(struct task *t, struct pi_futex *pi, struct task *holder, struct task **ret)
{
    struct futex_wait *w;

    MUTEX_GUARD(&t->k->futexes->lock);
    w = list_first_or_null(&pi->waiters, struct futex_wait, link);
    if (w && pi->owner != holder)
        return -EINVAL;
    *ret = w ? task_get(futex_wait_task(w)) : NULL;
    return 0;
}

/* The word says so already. False if `next` has left meanwhile. */
static bool hand_over(struct task *t, struct pi_futex *pi, struct task *next)
{
    struct futexes *f = t->k->futexes;
    struct task *old = NULL;
    bool there;

    mutex_lock(&f->lock);
    there = next->futex.state == FUTEX_QUEUED && next->futex.pi == pi;
    if (there) {
        list_del(&next->futex.link);
        next->futex.state = FUTEX_OWNS;
        old = pi_set_owner_locked(pi, list_empty(&pi->waiters) ? NULL : next);
    }
    mutex_unlock(&f->lock);
    task_put(old);
    if (there)
        task_wake(next);
    return there;
}

int pi_release(struct task *t, struct pi_futex *pi, uint64_t addr, struct task *holder)
{
    uint32_t v, found, want, tid = (uint32_t) holder->tid;
    int r = load(t, addr, &v);

    for (int i = 0; r == 0 && i < RETRIES; i++, v = found) {
        struct task *next;
        bool done = false;

        if ((v & LX_FUTEX_TID_MASK) != tid)
            return -EPERM;
        r = next_owner(t, pi, holder, &next);
        if (r < 0)
            return r;
        want = next ? (uint32_t) next->tid | LX_FUTEX_WAITERS : 0;
        r = platform_cmpxchg(t->st, addr, v, want, &found);
        if (r == 0 && found == v) {
            done = !next || hand_over(t, pi, next);
            tid = want & LX_FUTEX_TID_MASK; /* of one that has left: taken from it again */
            found = want;
        }
        task_put(next);
        if (done)
            return 0;
    }
    return r ? r : -EAGAIN;
}

long futex_unlock_pi(struct task *t, uint64_t addr, bool shared)
{
    struct futex_key key;
    struct pi_futex *pi;
    int r = futex_key(t, addr, shared, &key);

    if (r == 0)
        r = pi_enter(t, &key, &pi);
    if (r < 0)
        return r;
    r = pi_release(t, pi, addr, t);
    pi_leave(t, pi);
    return r;
}

/* futexes.lock held; the owner can do no more. Its reference, to be dropped after unlocking. */
struct task *pi_bequeath_locked(struct pi_futex *pi)
{
    struct futex_wait *w = list_first_or_null(&pi->waiters, struct futex_wait, link);
    struct task *next = w ? futex_wait_task(w) : NULL;

    pi->inheriting = next != NULL;
    if (next) {
        list_del(&w->link);
        w->state = FUTEX_INHERITS;
        task_wake(next);
    }
    return pi_set_owner_locked(pi, next);
}

void futex_pi_exit(struct task *t)
{
    struct futexes *f = t->k->futexes;
    struct pi_futex *pi;

    MUTEX_GUARD(&f->lock);
    t->futex.exited = true;
    list_for_each_entry (pi, &f->pi, link) {
        if (pi->owner == t)
            task_put(pi_bequeath_locked(pi)); /* never the last: this is t's own thread */
    }
}

void futex_pi_start(struct task *t)
{
    MUTEX_GUARD(&t->k->futexes->lock);
    t->futex.exited = false;
}
