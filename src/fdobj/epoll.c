/* SPDX-License-Identifier: Apache-2.0 */
/* Epoll sets: their members and what is ready of them. epoll_internal.h has the rules. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "abi/linux/epoll.h"
#include "abi/linux/fcntl.h"
#include "abi/linux/poll.h"
#include "base/strbuf.h"
#include "fdobj/anon.h"
#include "fdobj/epoll_internal.h"
#include "fdobj/pipe.h"

#define MAX_ITEMS (1u << 20) /* of one set */
#define BATCH     32         /* members looked at with one grip on the lock */

#define HOW    EPOLL_HOW
#define ALWAYS (LX_POLLERR | LX_POLLHUP)
#define EXCLUSIVE_ALLOWS \
    (LX_POLLIN | LX_POLLOUT | ALWAYS | LX_EPOLLWAKEUP | LX_EPOLLET | LX_EPOLLEXCLUSIVE)

struct epoll {
    struct file file; /* first */
    struct epoll_set *set;
};

static struct epoll_set *set_of(struct file *f)
{
    return container_of(f, struct epoll, file)->set;
}

static void set_put(struct epoll_set *s)
{
    if (!ref_put(&s->ref))
        return;
    htab_free(&s->items);
    epoll_host_free(s->host);
    free(s);
}

void epoll_item_put(struct epoll_item *it)
{
    if (!ref_put(&it->ref))
        return;
    set_put(it->set);
    free(it);
}

/* [lock] A reference of the item's file; NULL when it is going away. */
struct file *epoll_item_hold(struct epoll_item *it)
{
    return !it->gone && ref_tryget(&it->file->ref) ? it->file : NULL;
}

static uint64_t key(const struct file *f, int fd)
{
    return hash_u64((uint64_t) (uintptr_t) f ^ (uint64_t) (uint32_t) fd << 47);
}

/* [lock] */
static struct epoll_item *find(struct epoll_set *s, const struct file *f, int fd)
{
    struct htab_node *n;
    htab_for_each_hash (n, &s->items, key(f, fd)) {
        struct epoll_item *it = container_of(n, struct epoll_item, node);
        if (it->file == f && it->fd == fd)
            return it;
    }
    return NULL;
}

/* [lock] True if it was a member: the set's reference is the caller's now. */
static bool take_out(struct epoll_item *it)
{
    list_del(&it->ready_link);
    if (!it->in_set)
        return false;
    it->in_set = false;
    htab_remove(&it->set->items, &it->node);
    return true;
}

/* ---- readiness ---- */

/* [lock] */
void epoll_queue(struct epoll_item *it)
{
    if (list_empty(&it->ready_link))
        list_add_tail(&it->ready_link, &it->set->ready);
    epoll_ring(it->set);
}

/* The file's queue is held: see waitq.h. */
static bool notify(struct waiter *w, uint32_t events)
{
    struct epoll_item *it = container_of(w, struct epoll_item, waiter);
    mutex_lock(&it->set->lock);
    bool hit = it->in_set && it->host_fd < 0 && (events & it->events & ~HOW);
    if (hit) {
        it->seq++;
        epoll_queue(it);
    }
    mutex_unlock(&it->set->lock);
    return hit && waitq_wake_nested(&it->set->wq, LX_POLL_READABLE);
}

/* Those that share events among sets have to hear of each, whoever has taken the one before. */
static bool wants_edges(uint32_t events)
{
    return events & (LX_EPOLLET | LX_EPOLLEXCLUSIVE);
}

/* Files of the host forget after each event, unless they were asked for edges: ask again, then look
 * again. */
static uint32_t look(struct file *f, uint32_t events)
{
    uint32_t now = file_poll(f) & events & ~HOW;
    if (now || !f->ops->poll_arm || wants_edges(events) || !(events & ~HOW))
        return now;
    if (f->ops->poll_arm(f, events & ~HOW) < 0)
        return LX_POLLERR & events; /* no memory to be told later: better a false event than none */
    return file_poll(f) & events & ~HOW;
}

/* A member is new or changed: what is ready already is an event. The caller holds the file. */
static int look_first(struct epoll_item *it, uint32_t events)
{
    struct epoll_set *s = it->set;
    if (wants_edges(events) && it->file->ops->poll_arm) {
        int r = it->file->ops->poll_arm(it->file, (events & ~HOW) | LX_EPOLLET);
        if (r < 0)
            return r;
    }
    if (!look(it->file, events))
        return 0;
    mutex_lock(&s->lock);
    bool news = it->in_set && list_empty(&it->ready_link); /* else whoever waits knows */
    if (it->in_set) {
        it->seq++;
        epoll_queue(it);
    }
    mutex_unlock(&s->lock);
    if (news)
        waitq_wake(&s->wq, LX_POLL_READABLE);
    return 0;
}

struct sight {
    struct epoll_item *it;
    struct file *f;
    uint64_t seq;
    uint32_t events, now;
};

/* Takes hold of up to n members that may be ready, from the head of the list; they stay there. */
static size_t grip(struct epoll_set *s, struct sight *sights, size_t n)
{
    struct list *l, *next;
    size_t got = 0;
    MUTEX_GUARD(&s->lock);
    list_for_each_safe (l, next, &s->ready) {
        struct epoll_item *it = container_of(l, struct epoll_item, ready_link);
        struct file *f = got < n ? epoll_item_hold(it) : NULL;
        if (got == n)
            break;
        if (!f) {
            list_del(&it->ready_link);
            continue;
        }
        ref_get(&it->ref);
        sights[got++] = (struct sight){.it = it, .f = f, .seq = it->seq, .events = it->events};
    }
    return got;
}

static void let_go(struct sight *sights, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        file_put(sights[i].f);
        epoll_item_put(sights[i].it);
    }
}

/*
 * [lock] Decides about a member that was looked at. What came in between (seq) keeps it on the
 * list. An edge, and a one-shot event, is told to one waiter only: to the one that takes it off the
 * list.
 */
static bool judge(const struct sight *v, struct lx_epoll_event *out)
{
    struct epoll_item *it = v->it;
    bool listed = !list_empty(&it->ready_link), same = it->seq == v->seq,
         once = it->events & (LX_EPOLLET | LX_EPOLLONESHOT);
    uint32_t now = v->now & it->events;
    if (!it->in_set)
        return false;
    if (!now) {
        if (same)
            list_del(&it->ready_link);
        return false;
    }
    if (once && !(listed && same))
        return false;
    *out = (struct lx_epoll_event){.events = now, .data = it->data};
    if (once)
        list_del(&it->ready_link);
    else if (listed)
        list_move_tail(&it->ready_link, &it->set->ready); /* the others' turn next time */
    if (it->events & LX_EPOLLONESHOT)
        it->events &= HOW;
    return true;
}

static size_t count_ready(struct epoll_set *s)
{
    MUTEX_GUARD(&s->lock);
    return list_empty(&s->ready) ? 0 : list_count(&s->ready);
}

size_t epoll_count(struct file *ep)
{
    struct epoll_set *s = set_of(ep);
    MUTEX_GUARD(&s->lock);
    return htab_count(&s->items);
}

/* Of our members. */
static size_t collect_own(struct epoll_set *s, struct lx_epoll_event *out, size_t max)
{
    struct sight sights[BATCH];
    size_t n = 0;
    for (size_t left = count_ready(s); left && n < max;) {
        size_t got = grip(s, sights, MIN(MIN((size_t) BATCH, left), max - n));
        if (!got)
            break;
        left -= got;
        for (size_t i = 0; i < got; i++)
            sights[i].now = look(sights[i].f, sights[i].events);
        mutex_lock(&s->lock);
        for (size_t i = 0; i < got; i++)
            if (judge(&sights[i], &out[n]))
                n++;
        mutex_unlock(&s->lock);
        let_go(sights, got);
    }
    return n;
}

size_t epoll_collect(struct file *ep, struct lx_epoll_event *out, size_t max)
{
    struct epoll_set *s = set_of(ep);
    if (!atomic_load(&s->host))
        return collect_own(s, out, max);
    mutex_lock(&s->lock);
    epoll_silence(s);
    mutex_unlock(&s->lock);
    bool host_first = atomic_exchange(&s->host_first, !atomic_load(&s->host_first));
    size_t n = host_first ? epoll_host_collect(s, out, max) : 0;
    n += collect_own(s, out + n, max - n);
    if (!host_first)
        n += epoll_host_collect(s, out + n, max - n);
    mutex_lock(&s->lock);
    if (!list_empty(&s->ready))
        epoll_ring(s);
    mutex_unlock(&s->lock);
    return n;
}

/* A set is readable when one of its members is ready; those that are not leave the list. */
static uint32_t epoll_poll(struct file *f)
{
    struct epoll_set *s = set_of(f);
    struct sight v;
    for (size_t left = count_ready(s); left; left--) {
        if (!grip(s, &v, 1))
            break;
        v.now = look(v.f, v.events);
        mutex_lock(&s->lock);
        uint32_t now = v.it->in_set ? v.now & v.it->events : 0;
        if (!now && v.it->seq == v.seq)
            list_del(&v.it->ready_link);
        else if (!now && !list_empty(&v.it->ready_link))
            list_move_tail(&v.it->ready_link, &s->ready);
        mutex_unlock(&s->lock);
        let_go(&v, 1);
        if (now)
            return LX_POLL_READABLE;
    }
    mutex_lock(&s->lock);
    if (list_empty(&s->ready))
        epoll_silence(s);
    mutex_unlock(&s->lock);
    return epoll_host_ready(s) ? LX_POLL_READABLE : 0;
}

static int epoll_poll_arm(struct file *f, uint32_t events)
{
    return epoll_host_arm(set_of(f), events);
}

static int epoll_direct(struct file *f, enum direct_kind *ret_kind)
{
    *ret_kind = DIRECT_KIND_EPOLL;
    return epoll_host_begin(set_of(f));
}

/* ---- members come and go ---- */

/* The caller holds the file, and has taken the item out of its set. */
static void detach(struct epoll_item *it)
{
    epoll_host_remove(it);
    if (it->file->wq)
        waitq_del(it->file->wq, &it->waiter);
    file_watch_del(it->file, &it->watch);
    epoll_item_put(it); /* the file's */
}

static void file_gone(struct file_watch *w)
{
    struct epoll_item *it = container_of(w, struct epoll_item, watch);
    if (it->file->wq)
        waitq_del(it->file->wq, &it->waiter);
    epoll_nest_unlink(it);
    epoll_host_remove(it);
    mutex_lock(&it->set->lock);
    it->gone = true;
    bool was = take_out(it);
    mutex_unlock(&it->set->lock);
    if (was)
        epoll_item_put(it); /* the set's */
    epoll_item_put(it);     /* the file's */
}

/* Both ends of a pipe wake one queue: an end hears of its own side. */
static uint32_t heard_by(const struct file *f)
{
    uint32_t mode = f->flags & LX_O_ACCMODE;
    if (!file_is_pipe(f) || mode == LX_O_RDWR)
        return UINT32_MAX;
    return ~(uint32_t) (mode == LX_O_RDONLY ? LX_POLL_WRITABLE : LX_POLL_READABLE);
}

static struct epoll_item *item_new(struct epoll_set *s, int fd, struct file *f,
                                   const struct lx_epoll_event *ev)
{
    struct epoll_item *it = calloc(1, sizeof(*it));
    if (!it)
        return NULL;
    ref_init(&it->ref);
    ref_get(&s->ref);
    it->set = s;
    it->file = f;
    it->fd = fd;
    it->events = ev->events | ALWAYS;
    it->data = ev->data;
    it->host_fd = -1;
    it->nested = file_is_epoll(f) ? set_of(f) : NULL;
    it->waiter = (struct waiter){.mask = heard_by(f),
                                 .exclusive = ev->events & LX_EPOLLEXCLUSIVE,
                                 .notify = notify};
    it->watch.gone = file_gone;
    list_init(&it->waiter.link);
    list_init(&it->watch.link);
    list_init(&it->ready_link);
    list_init(&it->member_link);
    list_init(&it->owner_link);
    return it;
}

/* [control] The caller holds the file and the item. */
static void leave(struct epoll_item *it)
{
    mutex_lock(&it->set->lock);
    bool was = take_out(it);
    mutex_unlock(&it->set->lock);
    detach(it);
    if (was)
        epoll_item_put(it); /* the set's */
}

/* control held; epoll_nest too when a set is added. */
static int enter(struct epoll_item *it)
{
    struct epoll_set *s = it->set;
    mutex_lock(&s->lock);
    int r = find(s, it->file, it->fd) ? -EEXIST : htab_count(&s->items) >= MAX_ITEMS ? -ENOSPC : 0;
    if (r == 0) {
        it->in_set = true;
        htab_insert(&s->items, &it->node, key(it->file, it->fd));
    }
    mutex_unlock(&s->lock);
    if (r < 0)
        return r;
    ref_get(&it->ref); /* the file's; the first is the set's */
    if (it->nested)
        epoll_nest_link(it);
    file_watch_add(it->file, &it->watch);
    if (epoll_wants_host(it)) {
        r = epoll_host_add(it);
        if (r < 0)
            leave(it);
    } else if (it->file->wq && it->waiter.exclusive) {
        waitq_add(it->file->wq, &it->waiter);
    } else if (it->file->wq) {
        waitq_add_first(it->file->wq, &it->waiter);
    }
    return r;
}

static int remove_item(struct epoll_set *s, int fd, struct file *f)
{
    mutex_lock(&s->control);
    mutex_lock(&s->lock);
    struct epoll_item *it = find(s, f, fd);
    if (it)
        ref_get(&it->ref);
    mutex_unlock(&s->lock);
    int r = it ? 0 : -ENOENT;
    bool hosted = it && it->host_fd >= 0;
    if (hosted) /* stays known until its file goes: the guest may put it in again */
        r = epoll_host_change(it, LX_EPOLL_CTL_DEL, &(struct lx_epoll_event){0});
    else if (it)
        leave(it);
    mutex_unlock(&s->control);
    if (it) {
        if (!hosted)
            epoll_nest_unlink(it);
        epoll_item_put(it);
    }
    return r;
}

/* [control] It is a member, unless it is known only because it was one. */
static int reenter(struct epoll_set *s, int fd, struct file *f, const struct lx_epoll_event *ev,
                   bool *ret_again)
{
    MUTEX_GUARD(&s->lock);
    struct epoll_item *it = find(s, f, fd);
    if (!it || it->host_fd < 0)
        return -EEXIST;
    int r = epoll_host_change(it, LX_EPOLL_CTL_ADD, ev);
    if (r == 0) {
        it->events = ev->events | ALWAYS;
        it->data = ev->data;
        *ret_again = true;
    }
    return r;
}

static int add_item(struct epoll_set *s, int fd, struct file *f, const struct lx_epoll_event *ev)
{
    struct epoll_item *it = item_new(s, fd, f, ev);
    bool again = false;
    int r = 0;
    if (!it)
        return -ENOMEM;
    if (it->nested) {
        mutex_lock(&s->k->epoll_nest);
        r = epoll_nest_check(s, it->nested);
    }
    if (r == 0) {
        MUTEX_GUARD(&s->control);
        r = enter(it);
        if (r == -EEXIST)
            r = reenter(s, fd, f, ev, &again);
        else if (r == 0)
            ref_get(&it->ref); /* ours */
    }
    if (it->nested)
        mutex_unlock(&s->k->epoll_nest);
    if (r == 0 && !again && it->host_fd < 0) {
        r = look_first(it, ev->events | ALWAYS);
        if (r < 0)
            (void) !remove_item(s, fd, f);
    }
    epoll_item_put(it);
    return r;
}

static int modify_item(struct epoll_set *s, int fd, struct file *f, const struct lx_epoll_event *ev)
{
    int r = 0;
    mutex_lock(&s->control);
    mutex_lock(&s->lock);
    struct epoll_item *it = find(s, f, fd);
    if (!it) {
        r = -ENOENT;
    } else if (it->host_fd < 0 && (it->events & LX_EPOLLEXCLUSIVE)) {
        r = -EINVAL;
    } else {
        ref_get(&it->ref);
        it->events = ev->events | ALWAYS;
        it->data = ev->data;
    }
    mutex_unlock(&s->lock);
    bool hosted = r == 0 && it->host_fd >= 0;
    if (hosted)
        r = epoll_host_change(it, LX_EPOLL_CTL_MOD, ev);
    mutex_unlock(&s->control);
    if (r == 0 && !hosted)
        r = look_first(it, ev->events | ALWAYS);
    if (it && (r == 0 || hosted))
        epoll_item_put(it);
    return r;
}

static int check_exclusive(int op, struct file *target, uint32_t events)
{
    if (op == LX_EPOLL_CTL_DEL || !(events & LX_EPOLLEXCLUSIVE))
        return 0;
    if (op != LX_EPOLL_CTL_ADD || file_is_epoll(target) || (events & ~EXCLUSIVE_ALLOWS))
        return -EINVAL;
    return 0;
}

int epoll_control(struct file *ep, int op, int fd, struct file *target,
                  const struct lx_epoll_event *ev)
{
    if (!target->ops->poll)
        return -EPERM;
    if (!file_is_epoll(ep) || ep == target)
        return -EINVAL;
    int r = check_exclusive(op, target, ev->events);
    if (r < 0)
        return r;
    switch (op) {
    case LX_EPOLL_CTL_ADD:
        return add_item(set_of(ep), fd, target, ev);
    case LX_EPOLL_CTL_MOD:
        return modify_item(set_of(ep), fd, target, ev);
    case LX_EPOLL_CTL_DEL:
        return remove_item(set_of(ep), fd, target);
    }
    return -EINVAL;
}

/* ---- the set as a file ---- */

/* One member leaves; false when there is none. Those whose file is going right now are its watch's
 * to end. */
static bool drop_one(struct epoll_set *s)
{
    mutex_lock(&s->lock);
    struct htab_node *n = htab_first(&s->items);
    struct epoll_item *it = n ? container_of(n, struct epoll_item, node) : NULL;
    struct file *f = NULL;
    if (it) {
        f = epoll_item_hold(it);
        (void) !take_out(it);
    }
    mutex_unlock(&s->lock);
    if (!it)
        return false;
    if (f) {
        epoll_nest_unlink(it);
        detach(it);
        file_put(f);
    }
    epoll_item_put(it); /* the set's */
    return true;
}

/* proc_pid_fdinfo(5); what follows the data says nothing about our files. */
static int epoll_fdinfo(struct file *f, struct strbuf *out)
{
    struct epoll_set *s = set_of(f);
    struct htab_node *n;
    MUTEX_GUARD(&s->lock);
    htab_for_each (n, &s->items) {
        const struct epoll_item *it = container_of(n, struct epoll_item, node);
        sb_addf(out, "tfd: %8d events: %8" PRIx32 " data: %16" PRIx64 "  pos:0 ino:0 sdev:0\n",
                it->fd, it->events, it->data);
    }
    return sb_error(out);
}

static void epoll_release(struct file *f)
{
    struct epoll_set *s = set_of(f);
    while (drop_one(s))
        ;
    set_put(s);
    free(container_of(f, struct epoll, file));
}

static const struct file_ops epoll_ops = {
    .poll = epoll_poll,
    .poll_arm = epoll_poll_arm,
    .direct = epoll_direct,
    .seek = anon_seek,
    .getattr = anon_getattr,
    .fdinfo = epoll_fdinfo,
    .release = epoll_release,
    .name = "anon_inode:[eventpoll]",
};

bool file_is_epoll(const struct file *f)
{
    return f->ops == &epoll_ops;
}

int epoll_new(struct kernel *k, struct file **ret)
{
    struct epoll_set *s = calloc(1, sizeof(*s));
    struct epoll *e = calloc(1, sizeof(*e));
    if (!s || !e) {
        free(s);
        free(e);
        return -ENOMEM;
    }
    ref_init(&s->ref);
    s->k = k;
    mutex_init(&s->control, RANK_EPOLL);
    mutex_init(&s->lock, RANK_LEAF);
    htab_init(&s->items);
    list_init(&s->ready);
    list_init(&s->members);
    list_init(&s->owners);
    waitq_init(&s->wq);
    file_init(&e->file, &epoll_ops, LX_O_RDWR);
    e->file.wq = &s->wq;
    e->set = s;
    *ret = &e->file;
    return 0;
}
