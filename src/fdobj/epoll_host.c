/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A set's second half. Members whose readiness a descriptor of the host tells (file_ops.poll_fd)
 * can be members of a set of the host, which may be given to the guest's process: it then waits
 * without us (the direct plane). The others stay ours; while one of them may be ready a bell rings
 * in the host's set, an eventfd whose event has the mark as data.
 *
 * The guest's process may also change such members itself, and take out and put in again those that
 * came in here: so an item of ours stays until its file goes, and what the host says of it holds.
 *
 * A set gets its host half when it is busy, and keeps it. The bell is silenced before our members
 * are looked at, and rings again if some are left: so it may ring for nothing, and never fails to.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "abi/linux/epoll.h"
#include "abi/linux/poll.h"
#include "base/cleanup.h"
#include "fdobj/epoll_internal.h"

_Static_assert(sizeof(struct lx_epoll_event) == sizeof(struct epoll_event), "one layout");

static int fd_of(const struct epoll_item *it)
{
    return it->file->ops->poll_fd ? it->file->ops->poll_fd(it->file) : -1;
}

bool epoll_wants_host(const struct epoll_item *it)
{
    return atomic_load(&it->set->host) && fd_of(it) >= 0;
}

/* EPOLLWAKEUP is for who may block suspend, which we may not. */
static struct epoll_event event_of(const struct epoll_item *it)
{
    return (struct epoll_event){.events = it->events & ~LX_EPOLLWAKEUP, .data.u64 = it->data};
}

int epoll_host_add(struct epoll_item *it)
{
    struct epoll_host *h = atomic_load(&it->set->host);
    struct epoll_event ev = event_of(it);
    int fd = fd_of(it), own = -1;
    if (epoll_ctl(h->fd, EPOLL_CTL_ADD, fd, &ev) < 0) {
        if (errno != EEXIST)
            return -errno;
        own = fcntl(fd, F_DUPFD_CLOEXEC, 0); /* the same file by another of the guest's numbers */
        if (own < 0 || epoll_ctl(h->fd, EPOLL_CTL_ADD, own, &ev) < 0) {
            int r = -errno;
            close_fd(own);
            return r;
        }
    }
    MUTEX_GUARD(&it->set->lock);
    it->host_fd = own >= 0 ? own : fd;
    it->owns_fd = own >= 0;
    list_del(&it->ready_link); /* if it is ready, the host knows */
    return 0;
}

int epoll_host_change(struct epoll_item *it, int op, const struct lx_epoll_event *new)
{
    struct epoll_host *h = atomic_load(&it->set->host);
    struct epoll_event ev = {.events = new->events & ~LX_EPOLLWAKEUP, .data.u64 = new->data};
    return epoll_ctl(h->fd, op, it->host_fd, &ev) < 0 ? -errno : 0;
}

void epoll_host_remove(struct epoll_item *it)
{
    if (it->host_fd < 0)
        return;
    (void) epoll_ctl(atomic_load(&it->set->host)->fd, EPOLL_CTL_DEL, it->host_fd, NULL);
    if (it->owns_fd)
        close_fd(it->host_fd);
    it->host_fd = -1;
}

/* ---- the bell ---- */

void epoll_ring(struct epoll_set *s)
{
    struct epoll_host *h = atomic_load(&s->host);
    const uint64_t one = 1;
    if (!h || h->rung)
        return;
    h->rung = write(h->bell, &one, sizeof(one)) == sizeof(one);
}

void epoll_silence(struct epoll_set *s)
{
    struct epoll_host *h = atomic_load(&s->host);
    uint64_t count;
    if (h && h->rung)
        h->rung = read(h->bell, &count, sizeof(count)) != sizeof(count);
}

/* ---- events ---- */

size_t epoll_host_collect(struct epoll_set *s, struct lx_epoll_event *out, size_t max)
{
    struct epoll_host *h = atomic_load(&s->host);
    size_t kept = 0;
    if (!h || !max)
        return 0;
    int n = epoll_wait(h->fd, (struct epoll_event *) out, (int) MIN(max, (size_t) INT_MAX), 0);
    for (int i = 0; i < n; i++)
        if (out[i].data != h->mark)
            out[kept++] = out[i];
    return kept;
}

bool epoll_host_ready(struct epoll_set *s)
{
    struct epoll_host *h = atomic_load(&s->host);
    struct pollfd p = {.fd = h ? h->fd : -1, .events = POLLIN};
    return h && poll(&p, 1, 0) > 0;
}

int epoll_host_arm(struct epoll_set *s, uint32_t events)
{
    struct epoll_host *h = atomic_load(&s->host);
    return h ? poller_arm(&h->source, events) : 0;
}

/* ---- its life ---- */

void epoll_host_free(struct epoll_host *h)
{
    if (!h)
        return;
    poller_forget(&h->source);
    close_fd(h->fd);
    close_fd(h->bell);
    free(h);
}

static struct epoll_host *host_new(struct epoll_set *s)
{
    struct epoll_host *h = calloc(1, sizeof(*h));
    if (!h)
        return NULL;
    h->mark = platform_direct_mark(s->k->platform);
    h->fd = epoll_create1(EPOLL_CLOEXEC);
    h->bell = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    h->source = (struct poll_source){.p = s->k->poller, .fd = h->fd, .wq = &s->wq};
    struct epoll_event ev = {.events = EPOLLIN, .data.u64 = h->mark};
    if (h->fd >= 0 && h->bell >= 0 && epoll_ctl(h->fd, EPOLL_CTL_ADD, h->bell, &ev) == 0)
        return h;
    epoll_host_free(h);
    return NULL;
}

struct held {
    struct epoll_item *it;
    struct file *f;
};

/* A one-shot member that has had its shot: the host has no way to say so of a new one. */
static bool is_spent(const struct epoll_item *it)
{
    return (it->events & LX_EPOLLONESHOT) && !(it->events & ~EPOLL_HOW);
}

/* [control] Takes hold of all members that the host could have. false: not now. */
static bool hold_all(struct epoll_set *s, struct held **ret, size_t *ret_n)
{
    struct htab_node *node;
    size_t n = 0;
    MUTEX_GUARD(&s->lock);
    struct held *all = calloc(htab_count(&s->items) + 1, sizeof(*all));
    if (!all)
        return false;
    bool good = true;
    htab_for_each (node, &s->items) {
        struct epoll_item *it = container_of(node, struct epoll_item, node);
        struct file *f = fd_of(it) >= 0 ? epoll_item_hold(it) : NULL;
        if (!f)
            continue;
        ref_get(&it->ref);
        all[n++] = (struct held){it, f};
        good = good && !is_spent(it);
    }
    *ret = all;
    *ret_n = n;
    return good && n;
}

/* [control] */
static void move_in(struct epoll_item *it)
{
    if (epoll_host_add(it) == 0)
        waitq_del(it->file->wq, &it->waiter); /* else it stays one of ours */
}

int epoll_host_begin(struct epoll_set *s)
{
    struct held *all = NULL;
    size_t n = 0;
    mutex_lock(&s->k->epoll_nest);
    mutex_lock(&s->control);
    struct epoll_host *h = atomic_load(&s->host);
    /* A set in others would have to tell them of what it no longer sees. */
    if (!h && list_empty(&s->owners) && hold_all(s, &all, &n) && (h = host_new(s))) {
        atomic_store(&s->host, h);
        for (size_t i = 0; i < n; i++)
            move_in(all[i].it);
        MUTEX_GUARD(&s->lock);
        if (!list_empty(&s->ready))
            epoll_ring(s);
    }
    mutex_unlock(&s->control);
    mutex_unlock(&s->k->epoll_nest);
    for (size_t i = 0; i < n; i++) {
        file_put(all[i].f);
        epoll_item_put(all[i].it);
    }
    free(all);
    if (n)
        waitq_wake(&s->wq, LX_POLL_READABLE); /* who sleeps has to ask the host now */
    return h ? h->fd : -1;
}
