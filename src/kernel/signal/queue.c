/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Queues of pending signals. A standard signal is queued at most once; real-time signals queue each
 * time, up to RLIMIT_SIGPENDING (signal(7), "Queueing and delivery semantics").
 */
#include <errno.h>
#include <stdlib.h>

#include "kernel/signal/signal.h"

struct sigentry {
    struct list link;
    struct lx_siginfo info;
};

/* The hardware's signals are taken first: their handlers must see the registers of the fault. */
#define SYNCHRONOUS                                                                    \
    (SIGBIT(LX_SIGSEGV) | SIGBIT(LX_SIGBUS) | SIGBIT(LX_SIGILL) | SIGBIT(LX_SIGTRAP) | \
     SIGBIT(LX_SIGFPE) | SIGBIT(LX_SIGSYS))

void sigqueue_init(struct sigqueue *q)
{
    q->set = 0;
    q->count = 0;
    list_init(&q->entries);
}

unsigned sigqueue_count(const struct sigqueue *q)
{
    return q->count;
}

/* Is it queued although the limit is reached? Of these a queue has few: one per timer or number. */
static bool is_exempt(const struct lx_siginfo *info)
{
    return info->code == LX_SI_TIMER || info->signo < LX_SIGRTMIN;
}

int sigqueue_add(struct sigqueue *q, const struct lx_siginfo *info, uint64_t limit)
{
    struct sigentry *e = NULL;
    bool rt = info->signo >= LX_SIGRTMIN;

    if (!rt && (q->set & SIGBIT(info->signo)))
        return 0;
    if (q->count < limit || is_exempt(info))
        e = malloc(sizeof(*e));
    if (!e && rt && info->code < 0)
        return -EAGAIN;
    q->set |= SIGBIT(info->signo);
    if (!e)
        return 0; /* the signal itself must not be lost: it is delivered without its details */
    e->info = *info;
    list_add_tail(&e->link, &q->entries);
    q->count++;
    return 0;
}

static void drop(struct sigqueue *q, struct sigentry *e)
{
    list_del(&e->link);
    free(e);
    q->count--;
}

bool sigqueue_timer_again(struct sigqueue *q, int timer_id, int n)
{
    struct sigentry *e;

    list_for_each_entry (e, &q->entries, link) {
        if (e->info.code == LX_SI_TIMER && e->info.timer.tid == timer_id) {
            if (__builtin_add_overflow(e->info.timer.overrun, n, &e->info.timer.overrun))
                e->info.timer.overrun = INT32_MAX;
            return true;
        }
    }
    return false;
}

bool sigqueue_take(struct sigqueue *q, uint64_t set, struct lx_siginfo *ret)
{
    struct sigentry *found = NULL;
    uint64_t s = q->set & set;
    bool more = false;
    int signo;

    if (!s)
        return false;
    if (s & SYNCHRONOUS)
        s &= SYNCHRONOUS;
    signo = __builtin_ctzll(s) + 1;

    for (struct list *l = q->entries.next; l != &q->entries; l = l->next) {
        struct sigentry *e = container_of(l, struct sigentry, link);

        if (e->info.signo != signo)
            continue;
        if (found) {
            more = true;
            break;
        }
        found = e;
    }
    if (!more)
        q->set &= ~SIGBIT(signo);
    if (found) {
        *ret = found->info;
        drop(q, found);
    } else {
        *ret = (struct lx_siginfo){.signo = signo, .code = LX_SI_USER};
    }
    return true;
}

void sigqueue_flush(struct sigqueue *q, uint64_t set)
{
    struct list *l, *next;

    if (!(q->set & set))
        return;
    for (l = q->entries.next; l != &q->entries; l = next) {
        struct sigentry *e = container_of(l, struct sigentry, link);

        next = l->next;
        if (set & SIGBIT(e->info.signo))
            drop(q, e);
    }
    q->set &= ~set;
}

bool sigqueue_peek(const struct sigqueue *q, uint64_t n, struct lx_siginfo *ret)
{
    const struct list *l;

    for (l = q->entries.next; l != &q->entries; l = l->next) {
        if (n-- == 0) {
            *ret = container_of(l, const struct sigentry, link)->info;
            return true;
        }
    }
    return false;
}
