/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sockets that only hold each other. A socket sent through a socket lives in that one's queue; two
 * that lie in each other's queues, and are closed everywhere else, would live for ever.
 *
 * A socket in flight all of whose references are in flight may be garbage. It is not, if one of
 * these references lies in the queue of a socket that is reachable; what lies in its own queue is
 * reachable then, too. So: count for each candidate the references that come from queues of
 * candidates; who has others is reachable, and takes along what it holds; the rest is garbage, and
 * its queues are emptied.
 *
 * gc_lock keeps counts in flight as they are, and new references from being taken out of a queue
 * (unix_rights_copy) or landing. A message that has just left a queue, or is about to enter one, is
 * in flight without being in any queue: its sockets seem to be reachable, which errs on the safe
 * side.
 */
#include "net/unix/internal.h"

typedef void visit_fn(struct unix_end *child, struct list *work);

/* [gc_lock, queue's lock] */
static void visit_queue(struct unix_end *e, visit_fn *visit, struct list *work)
{
    struct unix_msg *msg;
    list_for_each_entry (msg, &e->queue, link) {
        for (size_t i = 0; msg->rights && i < msg->rights->n; i++) {
            struct unix_end *child = unix_end_of_file(msg->rights->files[i]);
            if (child && child->gc_candidate)
                visit(child, work);
        }
    }
}

/* [gc_lock] All that e holds, also in connections that nobody has accepted from it. */
static void visit_held(struct unix_end *e, visit_fn *visit, struct list *work)
{
    struct unix_end *p;
    MUTEX_GUARD(&e->lock);
    visit_queue(e, visit, work);
    list_for_each_entry (p, &e->pending, pending_link) {
        mutex_lock_nested(&p->lock); /* a listener before what it has not accepted */
        visit_queue(p, visit, work);
        mutex_unlock(&p->lock);
    }
}

static void held_by_candidate(struct unix_end *child, struct list *work unused_)
{
    child->gc_left--;
}

static void is_reachable(struct unix_end *child, struct list *work)
{
    child->gc_candidate = false;
    list_add_tail(&child->gc_work, work);
}

/* [gc_lock] Leaves the mark on those that nobody can reach. */
static void mark(struct unix_net *net)
{
    struct list work = LIST_INIT(work), *l;
    struct unix_end *e;
    list_for_each_entry (e, &net->flying, gc_link) {
        e->gc_left = e->in_flight;
        e->gc_candidate = ref_count(&e->file->ref) == e->in_flight;
    }
    list_for_each_entry (e, &net->flying, gc_link)
        if (e->gc_candidate)
            visit_held(e, held_by_candidate, NULL);
    list_for_each_entry (e, &net->flying, gc_link)
        if (e->gc_candidate && e->gc_left)
            is_reachable(e, &work);
    while ((l = list_pop(&work)) != NULL)
        visit_held(container_of(l, struct unix_end, gc_work), is_reachable, &work);
}

/* [lock] */
static void empty(struct unix_end *e, struct list *garbage)
{
    list_splice_tail(&e->queue, garbage);
    e->n_queued = 0;
    e->oob = NULL;
}

/* [gc_lock] */
static void sweep(struct unix_net *net, struct list *garbage)
{
    struct unix_end *e, *p;
    list_for_each_entry (e, &net->flying, gc_link) {
        if (!e->gc_candidate)
            continue;
        MUTEX_GUARD(&e->lock);
        empty(e, garbage);
        list_for_each_entry (p, &e->pending, pending_link) {
            mutex_lock_nested(&p->lock);
            empty(p, garbage);
            mutex_unlock(&p->lock);
        }
    }
}

void unix_gc(struct unix_net *net)
{
    struct list garbage = LIST_INIT(garbage), *l;
    mutex_lock(&net->gc_lock);
    mark(net);
    sweep(net, &garbage);
    mutex_unlock(&net->gc_lock);
    while ((l = list_pop(&garbage)) != NULL)
        unix_msg_put(container_of(l, struct unix_msg, link));
}

#define MANY 1024u

void unix_gc_if_many(struct unix_net *net)
{
    if (atomic_load(&net->n_flying) < MAX(atomic_load(&net->gc_at), MANY))
        return;
    unix_gc(net);
    atomic_store(&net->gc_at, 2 * atomic_load(&net->n_flying)); /* so that it costs little each */
}
