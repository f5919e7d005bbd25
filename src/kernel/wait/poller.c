/* SPDX-License-Identifier: Apache-2.0 */
/* See poller.h. An event names its source by a number, so that a late one finds nobody. */
#include "kernel/wait/poller.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/htab.h"
#include "base/log.h"
#include "base/mutex.h"

#define BATCH       32
#define STACK_BYTES (64u << 10)

struct poller {
    struct mutex lock; /* RANK_FILE: wait queues are woken below it */
    struct htab known; /* [lock] struct entry by id */
    uint64_t last_id;  /* [lock] */
    int epoll_fd;      /* immutable once the thread runs */
    bool running;      /* [lock] */
};

struct entry {
    struct htab_node link;
    uint64_t id;
    struct poll_source *s;
};

static struct entry *find(struct poller *p, uint64_t id)
{
    struct htab_node *n = htab_find_first(&p->known, hash_u64(id));
    for (; n; n = htab_find_next(n)) {
        struct entry *e = container_of(n, struct entry, link);
        if (e->id == id)
            return e;
    }
    return NULL;
}

/* lock held. Edges go on by themselves: until one comes that nobody is there for. */
static void end_edges(struct poll_source *s)
{
    struct epoll_event none = {.events = EPOLLONESHOT, .data.u64 = s->id};
    s->edges = 0;
    (void) epoll_ctl(s->p->epoll_fd, EPOLL_CTL_MOD, s->fd, &none);
}

/* lock held */
static void deliver(struct poller *p, const struct epoll_event *ev)
{
    struct entry *e = find(p, ev->data.u64);
    if (!e)
        return;
    e->s->armed = 0;
    waitq_wake(e->s->wq, ev->events);
    if (e->s->edges && waitq_is_empty(e->s->wq))
        end_edges(e->s);
}

/* lock held, so that whoever makes a request can have what it finds ready told at once: that is no
 * edge, and would look like one later. */
static void deliver_all(struct poller *p)
{
    struct epoll_event ev[BATCH];
    int n = epoll_wait(p->epoll_fd, ev, BATCH, 0);
    for (int i = 0; i < n; i++)
        deliver(p, &ev[i]);
}

static void *poller_main(void *arg)
{
    struct poller *p = arg;
    struct pollfd any = {.fd = p->epoll_fd, .events = POLLIN};
    for (;;) {
        if (poll(&any, 1, -1) < 0 && errno != EINTR)
            log_error("the poller cannot wait: error %d", errno);
        MUTEX_GUARD(&p->lock);
        deliver_all(p);
    }
    return NULL;
}

int poller_new(struct poller **ret)
{
    struct poller *p = calloc(1, sizeof(*p));
    if (!p)
        return -ENOMEM;
    mutex_init(&p->lock, RANK_FILE);
    htab_init(&p->known);
    p->epoll_fd = -1;
    *ret = p;
    return 0;
}

/* lock held */
static int start(struct poller *p)
{
    pthread_attr_t attr;
    pthread_t thread;
    if (p->running)
        return 0;
    if (p->epoll_fd < 0)
        p->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (p->epoll_fd < 0)
        return -errno;
    pthread_attr_init(&attr);
    pthread_attr_setstacksize(&attr, STACK_BYTES);
    pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
    int r = pthread_create(&thread, &attr, poller_main, p);
    pthread_attr_destroy(&attr);
    p->running = r == 0;
    return -r;
}

/* lock held */
static int introduce(struct poll_source *s)
{
    struct poller *p = s->p;
    struct entry *e = calloc(1, sizeof(*e));
    if (!e)
        return -ENOMEM;
    e->id = ++p->last_id;
    e->s = s;
    struct epoll_event ev = {.events = EPOLLONESHOT, .data.u64 = e->id};
    if (epoll_ctl(p->epoll_fd, EPOLL_CTL_ADD, s->fd, &ev) < 0) {
        free(e);
        return -errno;
    }
    htab_insert(&p->known, &e->link, hash_u64(e->id));
    s->id = e->id;
    return 0;
}

int poller_arm(struct poll_source *s, uint32_t events)
{
    struct poller *p = s->p;
    MUTEX_GUARD(&p->lock);
    bool known = s->id;
    int r = start(p);
    if (r == 0 && !known)
        r = introduce(s);
    if (r < 0 || (known && (events & EPOLLET) && (s->edges & events) == events))
        return r;
    if (events & EPOLLET)
        s->edges |= events;
    s->armed |= events;
    uint32_t how = s->edges ? EPOLLET : EPOLLONESHOT;
    struct epoll_event ev = {.events = s->armed | s->edges | how, .data.u64 = s->id};
    if (epoll_ctl(p->epoll_fd, EPOLL_CTL_MOD, s->fd, &ev) < 0)
        return -errno;
    if (events & EPOLLET)
        deliver_all(p);
    return 0;
}

/* lock held */
static void drop(struct poll_source *s)
{
    struct poller *p = s->p;
    struct entry *e = find(p, s->id);

    if (e) {
        htab_remove(&p->known, &e->link);
        free(e);
    }
    s->id = 0;
}

int poller_replace(struct poll_source *s, int fd)
{
    struct poller *p = s->p;
    MUTEX_GUARD(&p->lock);
    uint32_t how = s->edges ? EPOLLET : EPOLLONESHOT;
    struct epoll_event ev = {.events = s->armed | s->edges | how, .data.u64 = s->id};
    if (s->id)
        (void) epoll_ctl(p->epoll_fd, EPOLL_CTL_DEL, s->fd, NULL);
    int r = dup3(fd, s->fd, O_CLOEXEC) < 0 ? -errno : 0;
    /* Not known any more: introduced again when it is next waited for. */
    if (s->id && epoll_ctl(p->epoll_fd, EPOLL_CTL_ADD, s->fd, &ev) < 0)
        drop(s);
    return r;
}

void poller_forget(struct poll_source *s)
{
    struct poller *p = s->p;
    if (!p)
        return;
    MUTEX_GUARD(&p->lock);
    if (!s->id)
        return;
    (void) epoll_ctl(p->epoll_fd, EPOLL_CTL_DEL, s->fd, NULL);
    drop(s);
}
