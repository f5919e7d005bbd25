/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inotify: a queue of events that marks on files fill (kernel/vfs/watch.h), read as a stream.
 *
 * A watch lives until its mark is out and it has left the instance's list, whoever does that: the
 * owner takes the mark out, or the vfs does, because the file is gone or the watch was for one
 * event only; mark_remove() tells which. The instance lives as long as its file or a watch.
 */
#include "fdobj/inotify.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "abi/linux/fcntl.h"
#include "abi/linux/inotify.h"
#include "abi/linux/ioctl.h"
#include "abi/linux/poll.h"
#include "base/strbuf.h"
#include "fdobj/anon.h"
#include "kernel/kernel.h"
#include "kernel/vfs/walk.h"
#include "kernel/vfs/watch.h"

/* What one user has; made at the first instance and kept. */
struct inotify_user {
    struct list link; /* [kernel.inotify_lock] */
    uint32_t uid;     /* immutable */
    _Atomic uint32_t instances, watches;
};

struct inotify_event {
    struct list link;
    struct lx_inotify_event head; /* len is the padded length of name */
    char name[];
};

struct inotify {
    struct file file; /* first; gone when the file is, the rest may stay */
    struct ref ref;
    struct inotify_user *user;  /* immutable; the kernel's */
    struct mutex watches_lock;  /* RANK_INOTIFY */
    struct list watches;        /* [watches_lock] struct watch */
    int last_wd;                /* [watches_lock] */
    struct mutex lock;          /* RANK_PIPE */
    struct list events;         /* [lock] */
    uint32_t n_events, n_bytes; /* [lock] */
    struct waitq wq;
};

struct watch {
    struct mark mark;   /* first */
    struct inotify *in; /* immutable, referenced */
    struct path place;  /* immutable, referenced: keeps the node */
    int wd;             /* immutable */
    struct list link;   /* [in.watches_lock] */
};

static struct inotify *inotify_of(struct file *f)
{
    return container_of(f, struct inotify, file);
}

static struct watch *watch_of(struct mark *m)
{
    return container_of(m, struct watch, mark);
}

static void inotify_put(struct inotify *in)
{
    if (ref_put(&in->ref))
        free(in);
}

/* ---- the queue ---- */

static uint32_t event_size(const struct inotify_event *e)
{
    return (uint32_t) sizeof(e->head) + e->head.len;
}

/* Padded so that the next event is aligned. */
static uint32_t padded(size_t name_len)
{
    const uint32_t unit = sizeof(struct lx_inotify_event);
    return name_len ? ((uint32_t) name_len + unit) / unit * unit : 0;
}

static struct inotify_event *event_new(int wd, const struct watch_event *w)
{
    uint32_t len = padded(w->len);
    struct inotify_event *e = calloc(1, sizeof(*e) + len);
    if (!e)
        return NULL;
    e->head = (struct lx_inotify_event){.wd = wd, .mask = w->mask, .cookie = w->cookie, .len = len};
    if (w->len)
        memcpy(e->name, w->name, w->len);
    return e;
}

/* [lock] Two alike in a row are one: inotify(7). */
static bool same_as_last(const struct inotify *in, const struct inotify_event *e)
{
    if (list_empty(&in->events))
        return false;
    const struct inotify_event *last = list_last_entry(&in->events, struct inotify_event, link);
    return last->head.mask == e->head.mask && last->head.wd == e->head.wd &&
           last->head.len == e->head.len && memcmp(last->name, e->name, e->head.len) == 0 &&
           !(last->head.mask & LX_IN_IGNORED);
}

/* [lock] Consumes e. */
static void append(struct inotify *in, struct inotify_event *e)
{
    if (!e || same_as_last(in, e)) {
        free(e);
        return;
    }
    if (in->n_events >= KERNEL_INOTIFY_EVENTS) {
        e->head = (struct lx_inotify_event){.wd = -1, .mask = LX_IN_Q_OVERFLOW};
        if (in->n_events > KERNEL_INOTIFY_EVENTS) {
            free(e);
            return;
        }
    }
    list_add_tail(&e->link, &in->events);
    in->n_events++;
    in->n_bytes += event_size(e);
}

static void queue(struct inotify *in, int wd, const struct watch_event *w)
{
    struct inotify_event *e = event_new(wd, w);
    mutex_lock(&in->lock);
    append(in, e);
    mutex_unlock(&in->lock);
    waitq_wake(&in->wq, LX_POLL_READABLE);
}

static const struct watch_event ignored = {.mask = LX_IN_IGNORED};

static bool watch_event(struct mark *m, const struct watch_event *e)
{
    struct watch *w = watch_of(m);
    queue(w->in, w->wd, e);
    if (!(m->mask & LX_IN_ONESHOT) || (e->mask & LX_IN_IGNORED))
        return true;
    queue(w->in, w->wd, &ignored);
    return false;
}

/* ---- watches ---- */

static void watch_free(struct watch *w)
{
    struct inotify *in = w->in;
    mutex_lock(&in->watches_lock);
    list_del(&w->link);
    mutex_unlock(&in->watches_lock);
    path_put(&w->place);
    atomic_fetch_sub(&in->user->watches, 1);
    free(w);
    inotify_put(in);
}

static void watch_gone(struct mark *m)
{
    watch_free(watch_of(m));
}

static const struct mark_ops mark_ops = {.event = watch_event, .gone = watch_gone};

/* [watches_lock] */
static struct watch *find_watch(struct inotify *in, struct node *n)
{
    struct watch *w;
    if (!node_is_watched(n))
        return NULL;
    list_for_each_entry (w, &in->watches, link)
        if (mark_is_on(&w->mark, n))
            return w;
    return NULL;
}

#define KEPT_BITS (LX_IN_ALL_EVENTS | LX_IN_EXCL_UNLINK | LX_IN_ONESHOT)

static int change_watch(struct watch *w, uint32_t mask)
{
    if (mask & LX_IN_MASK_CREATE)
        return -EEXIST;
    (void) mark_change(&w->mark, mask & KEPT_BITS, mask & LX_IN_MASK_ADD);
    return w->wd;
}

/* [watches_lock] */
static int new_watch(struct inotify *in, const struct path *p, uint32_t mask)
{
    struct watch *w = calloc(1, sizeof(*w));
    if (!w)
        return -ENOMEM;
    w->in = in;
    w->place = (struct path){.dentry = p->dentry}; /* a watch keeps nothing mounted */
    w->wd = in->last_wd + 1;
    int r = mark_add(&w->mark, path_node(p), &mark_ops, mask & KEPT_BITS);
    if (r < 0) {
        free(w);
        return r;
    }
    path_get(&w->place);
    ref_get(&in->ref);
    list_add_tail(&w->link, &in->watches);
    in->last_wd = w->wd;
    return w->wd;
}

int inotify_watch(struct file *f, const struct path *p, uint32_t mask)
{
    struct inotify *in = inotify_of(f);
    MUTEX_GUARD(&in->watches_lock);
    struct watch *w = find_watch(in, path_node(p));
    if (w)
        return change_watch(w, mask);
    if (in->last_wd == INT_MAX ||
        atomic_fetch_add(&in->user->watches, 1) >= KERNEL_INOTIFY_WATCHES) {
        atomic_fetch_sub(&in->user->watches, in->last_wd != INT_MAX);
        return -ENOSPC;
    }
    int r = new_watch(in, p, mask);
    if (r < 0)
        atomic_fetch_sub(&in->user->watches, 1);
    return r;
}

int inotify_unwatch(struct file *f, int wd)
{
    struct inotify *in = inotify_of(f);
    struct watch *w, *found = NULL;
    mutex_lock(&in->watches_lock);
    list_for_each_entry (w, &in->watches, link)
        if (w->wd == wd && mark_remove(&w->mark))
            found = w;
    mutex_unlock(&in->watches_lock);
    if (!found)
        return -EINVAL;
    queue(in, wd, &ignored);
    watch_free(found);
    return 0;
}

/* ---- the file ---- */

/* The first event, if it fits: NULL with *ret_r 0 or -EINVAL. */
static struct inotify_event *take_event(struct inotify *in, size_t room, ssize_t *ret_r)
{
    MUTEX_GUARD(&in->lock);
    *ret_r = 0;
    if (list_empty(&in->events))
        return NULL;
    struct inotify_event *e = list_first_entry(&in->events, struct inotify_event, link);
    if (event_size(e) > room) {
        *ret_r = -EINVAL;
        return NULL;
    }
    list_del(&e->link);
    in->n_events--;
    in->n_bytes -= event_size(e);
    return e;
}

static ssize_t inotify_read(struct file *f, struct iobuf *io, int64_t pos unused_)
{
    struct inotify *in = inotify_of(f);
    struct inotify_event *e;
    ssize_t done = 0, r;
    while ((e = take_event(in, io->left, &r))) {
        uint32_t size = event_size(e);
        e->head.mask &= ~(LX_IN_EXCL_UNLINK | LX_IN_ONESHOT);
        r = iobuf_put(io, &e->head, sizeof(e->head));
        if (r == (ssize_t) sizeof(e->head) && e->head.len)
            r = iobuf_put(io, e->name, e->head.len);
        free(e);
        if (r <= 0)
            return done ? done : r;
        done += size;
    }
    if (done)
        return done;
    return r < 0 ? r : -EAGAIN;
}

static uint32_t inotify_poll(struct file *f)
{
    struct inotify *in = inotify_of(f);
    MUTEX_GUARD(&in->lock);
    return in->n_events ? LX_POLL_READABLE : 0;
}

static long inotify_ioctl(struct file *f, struct task *t, uint32_t cmd, uint64_t arg)
{
    struct inotify *in = inotify_of(f);
    if (cmd != LX_FIONREAD)
        return -ENOTTY;
    mutex_lock(&in->lock);
    int32_t n = (int32_t) in->n_bytes;
    mutex_unlock(&in->lock);
    return copy_out(t, uaddr(arg), &n, sizeof(n));
}

static int inotify_fdinfo(struct file *f, struct strbuf *out)
{
    struct inotify *in = inotify_of(f);
    struct watch *w;
    MUTEX_GUARD(&in->watches_lock);
    list_for_each_entry (w, &in->watches, link) {
        const struct node *n = path_node(&w->place);
        sb_addf(out, "inotify wd:%x ino:%llx sdev:%llx mask:%x ignored_mask:0 \n", (unsigned) w->wd,
                (unsigned long long) n->ino, (unsigned long long) n->sb->dev,
                mark_change(&w->mark, 0, true));
    }
    return sb_error(out);
}

static void inotify_release(struct file *f)
{
    struct inotify *in = inotify_of(f);
    struct inotify_event *e, *next_e;
    struct watch *w;
    for (;;) {
        struct watch *mine = NULL;
        mutex_lock(&in->watches_lock);
        list_for_each_entry (w, &in->watches, link)
            if (mark_remove(&w->mark)) {
                mine = w;
                break;
            }
        mutex_unlock(&in->watches_lock);
        if (!mine)
            break; /* those that are left are being taken out by the vfs */
        watch_free(mine);
    }
    mutex_lock(&in->lock);
    list_for_each_entry_safe (e, next_e, &in->events, link)
        free(e);
    list_init(&in->events);
    in->n_events = KERNEL_INOTIFY_EVENTS + 1; /* nothing more is queued */
    mutex_unlock(&in->lock);
    atomic_fetch_sub(&in->user->instances, 1);
    inotify_put(in);
}

static const struct file_ops inotify_ops = {
    .read = inotify_read,
    .poll = inotify_poll,
    .ioctl = inotify_ioctl,
    .seek = anon_seek,
    .getattr = anon_getattr,
    .fdinfo = inotify_fdinfo,
    .release = inotify_release,
    .name = "anon_inode:inotify",
};

bool file_is_inotify(const struct file *f)
{
    return f->ops == &inotify_ops;
}

static struct inotify_user *user_get(struct kernel *k, uint32_t uid)
{
    struct inotify_user *u;
    MUTEX_GUARD(&k->inotify_lock);
    list_for_each_entry (u, &k->inotify_users, link)
        if (u->uid == uid)
            return u;
    u = calloc(1, sizeof(*u));
    if (u) {
        u->uid = uid;
        list_add_tail(&u->link, &k->inotify_users);
    }
    return u;
}

int inotify_new(struct kernel *k, uint32_t uid, uint32_t flags, struct file **ret)
{
    struct inotify_user *u = user_get(k, uid);
    struct inotify *in = u ? calloc(1, sizeof(*in)) : NULL;
    if (!in)
        return -ENOMEM;
    if (atomic_fetch_add(&u->instances, 1) >= KERNEL_INOTIFY_INSTANCES) {
        atomic_fetch_sub(&u->instances, 1);
        free(in);
        return -EMFILE;
    }
    file_init(&in->file, &inotify_ops, LX_O_RDONLY | (flags & LX_IN_NONBLOCK));
    ref_init(&in->ref);
    mutex_init(&in->watches_lock, RANK_INOTIFY);
    mutex_init(&in->lock, RANK_PIPE);
    list_init(&in->watches);
    list_init(&in->events);
    waitq_init(&in->wq);
    in->user = u;
    in->file.wq = &in->wq;
    *ret = &in->file;
    return 0;
}
