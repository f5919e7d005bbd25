/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sleeping. No wake-up is lost because the parker is armed before the condition is tested:
 *
 *     sleeper                                 waker
 *     ticket = parker_arm()                   make it ready
 *     queue on q; try(): not ready            waitq_wake -> notify -> parker_wake: count + 1
 *     parker_wait(ticket)
 *
 * If the wake comes before parker_wait() the count no longer equals the ticket and the wait returns
 * at once. task_block() arms again before it returns, and its caller tries again after that, so the
 * next sleep is covered too. t->work is set by senders before they wake, and tested here after
 * arming: same argument.
 */
#include "kernel/wait/block.h"

#include <errno.h>

#include "kernel/restart.h"
#include "kernel/task/task.h"

static bool notify_task(struct waiter *w, uint32_t events unused_)
{
    struct task_waiter *tw = container_of(w, struct task_waiter, w);

    parker_wake(&tw->t->park);
    return true;
}

void task_wait_on(struct task_waiter *tw, struct task *t, struct waitq *q, uint32_t mask)
{
    tw->t = t;
    tw->q = q;
    tw->w.mask = mask;
    tw->w.exclusive = false;
    tw->w.notify = notify_task;
    list_init(&tw->w.link);
    if (q)
        waitq_add(q, &tw->w);
}

void task_wait_end(struct task_waiter *tw)
{
    if (tw->q)
        waitq_del(tw->q, &tw->w);
    tw->q = NULL;
}

/* work_mask: which reasons to leave the sleep count. */
static int block(struct task *t, const struct timespec *deadline, uint32_t work_mask)
{
    int r;

    if (atomic_load(&t->work) & work_mask)
        return -ERESTARTSYS;
    atomic_fetch_add_explicit(&t->sleeps, 1, memory_order_relaxed);
    atomic_store(&t->state, TASK_SLEEPING);
    platform_sleeping(t->st, true);
    r = parker_wait(&t->park, t->ticket, deadline);
    platform_sleeping(t->st, false);
    atomic_store(&t->state, TASK_RUNNING);
    t->ticket = parker_arm(&t->park);
    if (atomic_load(&t->work) & work_mask)
        return -ERESTARTSYS;
    return r == -ETIMEDOUT ? -ETIMEDOUT : 0;
}

int task_block(struct task *t, const struct timespec *deadline)
{
    return block(t, deadline, ~(uint32_t) WORK_PAUSE);
}

int task_block_killable(struct task *t, const struct timespec *deadline)
{
    return block(t, deadline, WORK_EXIT | WORK_DEAD);
}

void task_wake(struct task *t)
{
    parker_wake(&t->park);
}

long task_wait_for(struct task *t, struct waitq *q, uint32_t mask, const struct timespec *deadline,
                   long (*try)(void *arg), void *arg)
{
    struct task_waiter tw;
    long r = try(arg);
    int b = 0;

    if (r != -EAGAIN)
        return r;
    task_wait_on(&tw, t, q, mask);
    while ((r = try(arg)) == -EAGAIN) {
        b = task_block(t, deadline);
        if (b) {
            r = b;
            break;
        }
    }
    task_wait_end(&tw);
    return r;
}

struct completion *completion_new(struct task *waiter)
{
    struct completion *c = calloc(1, sizeof(*c));

    if (!c)
        return NULL;
    ref_init(&c->ref);
    ref_get(&c->ref); /* one for each side */
    c->waiter = task_get(waiter);
    return c;
}

static void completion_put(struct completion *c)
{
    if (ref_put(&c->ref)) {
        task_put(c->waiter);
        free(c);
    }
}

void completion_done(struct completion *c)
{
    atomic_store(&c->done, 1);
    task_wake(c->waiter);
    completion_put(c);
}

void completion_wait(struct completion *c, struct task *t)
{
    while (!atomic_load(&c->done)) {
        if (task_block_killable(t, NULL))
            break;
    }
    completion_put(c);
}
