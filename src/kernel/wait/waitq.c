/* SPDX-License-Identifier: Apache-2.0 */
/* Wait queues. */
#include "kernel/wait/waitq.h"

#define ALWAYS                                                                        \
    (0x008u | 0x010u) /* POLLERR, POLLHUP: reported whether asked for or not, poll(2) \
                       */

void waitq_init(struct waitq *q)
{
    mutex_init(&q->lock, RANK_WAITQ);
    list_init(&q->waiters);
}

void waitq_add(struct waitq *q, struct waiter *w)
{
    mutex_lock(&q->lock);
    list_add_tail(&w->link, &q->waiters);
    mutex_unlock(&q->lock);
}

void waitq_add_first(struct waitq *q, struct waiter *w)
{
    mutex_lock(&q->lock);
    list_add(&w->link, &q->waiters);
    mutex_unlock(&q->lock);
}

void waitq_del(struct waitq *q, struct waiter *w)
{
    mutex_lock(&q->lock);
    list_del(&w->link);
    mutex_unlock(&q->lock);
}

bool waitq_is_empty(struct waitq *q)
{
    MUTEX_GUARD(&q->lock);
    return list_empty(&q->waiters);
}

bool waitq_has_exclusive(struct waitq *q)
{
    const struct waiter *w;
    MUTEX_GUARD(&q->lock);
    list_for_each_entry (w, &q->waiters, link) {
        if (w->exclusive)
            return true;
    }
    return false;
}

/* lock held */
static bool notify_all(struct waitq *q, uint32_t events)
{
    struct list *l, *next;
    bool woken = false, taken = false;

    list_for_each_safe (l, next, &q->waiters) {
        struct waiter *w = container_of(l, struct waiter, link);

        if (!(events & (w->mask | ALWAYS)) || (w->exclusive && taken && !(events & ALWAYS)))
            continue;
        bool by_it = w->notify(w, events);
        taken = taken || (w->exclusive && by_it);
        woken = woken || by_it;
    }
    return woken;
}

void waitq_wake(struct waitq *q, uint32_t events)
{
    mutex_lock(&q->lock);
    (void) notify_all(q, events);
    mutex_unlock(&q->lock);
}

bool waitq_wake_nested(struct waitq *q, uint32_t events)
{
    mutex_lock_nested(&q->lock);
    bool woken = notify_all(q, events);
    mutex_unlock(&q->lock);
    return woken;
}
