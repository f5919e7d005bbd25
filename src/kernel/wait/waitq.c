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

/* lock held */
static void notify_all(struct waitq *q, uint32_t events)
{
    struct list *l, *next;

    list_for_each_safe (l, next, &q->waiters) {
        struct waiter *w = container_of(l, struct waiter, link);

        if (events & (w->mask | ALWAYS))
            w->notify(w, events);
    }
}

void waitq_wake(struct waitq *q, uint32_t events)
{
    mutex_lock(&q->lock);
    notify_all(q, events);
    mutex_unlock(&q->lock);
}

void waitq_wake_nested(struct waitq *q, uint32_t events)
{
    mutex_lock_nested(&q->lock);
    notify_all(q, events);
    mutex_unlock(&q->lock);
}
