/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Descriptor tables. Slots and the close-on-exec bits grow together, by doubling. Files are dropped
 * after the table's lock: the last reference may run a driver's release.
 */
#include "kernel/vfs/fdtable.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "abi/linux/fcntl.h"
#include "abi/linux/resource.h"
#include "base/mutex.h"
#include "base/ref.h"
#include "kernel/task/task.h"
#include "kernel/vfs/direct.h"
#include "kernel/vfs/file.h"
#include "kernel/vfs/locks.h"

#define FIRST_SLOTS 64
#define MAX_SLOTS   (1 << 20) /* Linux's fs.nr_open */

struct slot {
    struct file *f;  /* NULL: free */
    uint32_t direct; /* epoch in which it was given to the stub */
    bool cloexec, is_direct;
};

struct fdtable {
    struct ref ref;
    struct mutex lock;  /* RANK_FDTABLE */
    struct slot *slots; /* [lock] */
    int n;              /* [lock] size of slots */
    int first_free;     /* [lock] nothing below is free */
    int holds;          /* [lock] of fdtable_hold_direct() */
    bool barred;        /* [lock] fdtable_bar_direct() */
};

struct fdtable *fdtable_new(void)
{
    struct fdtable *ft = calloc(1, sizeof(*ft));
    if (!ft)
        return NULL;
    ft->slots = calloc(FIRST_SLOTS, sizeof(*ft->slots));
    if (!ft->slots) {
        free(ft);
        return NULL;
    }
    ft->n = FIRST_SLOTS;
    ref_init(&ft->ref);
    mutex_init(&ft->lock, RANK_FDTABLE);
    return ft;
}

struct fdtable *fdtable_get(struct fdtable *ft)
{
    ref_get(&ft->ref);
    return ft;
}

void fdtable_closed(struct fdtable *ft, struct file *f, struct task *t)
{
    vfs_locks_closed(ft, f);
    if (f->ops->close)
        f->ops->close(f, t);
    file_put(f);
}

void fdtable_put(struct fdtable *ft, struct task *t)
{
    if (!ft || !ref_put(&ft->ref))
        return;
    for (int i = 0; i < ft->n; i++)
        if (ft->slots[i].f)
            fdtable_closed(ft, ft->slots[i].f, t);
    free(ft->slots);
    free(ft);
}

struct fdtable *fdtable_copy(struct fdtable *ft)
{
    struct fdtable *c = fdtable_new();
    if (!c)
        return NULL;
    MUTEX_GUARD(&ft->lock);
    if (ft->n > c->n) {
        struct slot *s = calloc((size_t) ft->n, sizeof(*s));
        if (!s) {
            free(c->slots);
            free(c);
            return NULL;
        }
        free(c->slots);
        c->slots = s;
        c->n = ft->n;
    }
    for (int i = 0; i < ft->n; i++)
        if (ft->slots[i].f) {
            c->slots[i] = ft->slots[i];
            file_get(c->slots[i].f);
        }
    c->first_free = ft->first_free;
    return c;
}

/* [lock] At least `want` slots. */
static int grow(struct fdtable *ft, int want)
{
    int n = ft->n;
    while (n < want)
        n *= 2;
    if (n == ft->n)
        return 0;
    struct slot *s = realloc(ft->slots, (size_t) n * sizeof(*s));
    if (!s)
        return -ENOMEM;
    memset(s + ft->n, 0, (size_t) (n - ft->n) * sizeof(*s));
    ft->slots = s;
    ft->n = n;
    return 0;
}

int fdtable_size(struct fdtable *ft)
{
    MUTEX_GUARD(&ft->lock);
    return ft->n;
}

/* [lock] NULL: no such descriptor. */
static struct slot *slot_of(struct fdtable *ft, int fd)
{
    return fd >= 0 && fd < ft->n && ft->slots[fd].f ? &ft->slots[fd] : NULL;
}

int fd_lookup_any(struct fdtable *ft, int fd, struct file **ret)
{
    MUTEX_GUARD(&ft->lock);
    struct slot *s = slot_of(ft, fd);
    if (!s)
        return -EBADF;
    *ret = file_get(s->f);
    return 0;
}

int64_t fd_file_flags(struct fdtable *ft, int fd)
{
    MUTEX_GUARD(&ft->lock);
    struct slot *s = slot_of(ft, fd);
    return s ? (int64_t) atomic_load_explicit(&s->f->flags, memory_order_relaxed) : -EBADF;
}

int fd_lookup(struct fdtable *ft, int fd, struct file **ret)
{
    MUTEX_GUARD(&ft->lock);
    struct slot *s = slot_of(ft, fd);
    if (!s || (atomic_load_explicit(&s->f->flags, memory_order_relaxed) & LX_O_PATH))
        return -EBADF;
    *ret = file_get(s->f);
    return 0;
}

/* [lock] */
static int install_locked(struct fdtable *ft, struct file *f, int min, int limit, bool cloexec)
{
    int fd = min > ft->first_free ? min : ft->first_free;
    while (fd < ft->n && ft->slots[fd].f)
        fd++;
    if (fd >= limit || fd >= MAX_SLOTS)
        return -EMFILE;
    int r = grow(ft, fd + 1);
    if (r < 0)
        return r;
    ft->slots[fd] = (struct slot){.f = f, .cloexec = cloexec};
    if (min <= ft->first_free)
        ft->first_free = fd + 1;
    return fd;
}

int fd_install(struct fdtable *ft, struct file *steal, int min, int limit, bool cloexec)
{
    int r = -EINVAL;
    if (min >= 0 && min < limit) {
        mutex_lock(&ft->lock);
        r = install_locked(ft, steal, min, limit, cloexec);
        mutex_unlock(&ft->lock);
    } else if (min == 0) {
        r = -EMFILE;
    }
    if (r < 0)
        file_put(steal);
    return r;
}

/*
 * [lock] s is about to be emptied. If the stub may be given it only now, or has it and does not
 * know that it goes, it must not use it for what comes next under this number: a new epoch.
 */
static void leave_direct(const struct slot *s, struct task *t, bool announced)
{
    uint32_t dropped;
    if (!s->f || !s->is_direct || !t || !t->st || s->direct != platform_direct_epoch(t->st))
        return;
    if (!announced || !platform_direct_dropped(t->st, &dropped) || dropped != s->direct)
        platform_direct_revoke(t->st);
}

static int install_at(struct fdtable *ft, struct file *steal, int fd, int limit, bool cloexec,
                      struct task *t, bool announced)
{
    struct file *old = NULL;
    int r = -EBADF;
    if (fd >= 0 && fd < limit && fd < MAX_SLOTS) {
        mutex_lock(&ft->lock);
        r = grow(ft, fd + 1);
        if (r == 0) {
            leave_direct(&ft->slots[fd], t, announced);
            old = ft->slots[fd].f;
            ft->slots[fd] = (struct slot){.f = steal, .cloexec = cloexec};
            r = fd;
        }
        mutex_unlock(&ft->lock);
    }
    if (r < 0)
        file_put(steal);
    if (old)
        fdtable_closed(ft, old, t);
    return r;
}

int fd_install_at(struct fdtable *ft, struct file *steal, int fd, int limit, bool cloexec,
                  struct task *t)
{
    return install_at(ft, steal, fd, limit, cloexec, t, false);
}

int fd_install_at_announced(struct fdtable *ft, struct file *steal, int fd, int limit, bool cloexec,
                            struct task *t)
{
    return install_at(ft, steal, fd, limit, cloexec, t, true);
}

static int close_one(struct fdtable *ft, int fd, struct task *t, bool announced)
{
    mutex_lock(&ft->lock);
    struct slot *s = slot_of(ft, fd);
    struct file *f = s ? s->f : NULL;
    if (s) {
        leave_direct(s, t, announced);
        *s = (struct slot){0};
        ft->first_free = MIN(ft->first_free, fd);
    }
    mutex_unlock(&ft->lock);
    if (!f)
        return -EBADF;
    fdtable_closed(ft, f, t);
    return 0;
}

int fd_close(struct fdtable *ft, int fd, struct task *t)
{
    return close_one(ft, fd, t, false);
}

int fd_close_announced(struct fdtable *ft, int fd, struct task *t)
{
    return close_one(ft, fd, t, true);
}

unsigned fdtable_take_closed(struct fdtable *ft, struct stub_thread *st, struct file *ret[])
{
    int fds[PLATFORM_CLOSED_MAX];
    unsigned kept = 0;
    MUTEX_GUARD(&ft->lock);
    const unsigned n = platform_take_closed(st, fds);
    for (unsigned i = 0; i < n; i++) {
        struct slot *s = slot_of(ft, fds[i]);
        if (!s || !s->is_direct || !direct_is_quiet(s->f))
            continue; /* the stub lies */
        ret[kept++] = s->f;
        *s = (struct slot){0};
        ft->first_free = MIN(ft->first_free, fds[i]);
    }
    return kept;
}

bool fd_mark_direct(struct fdtable *ft, int fd, const struct file *f, uint32_t epoch)
{
    MUTEX_GUARD(&ft->lock);
    struct slot *s = slot_of(ft, fd);
    if (!s || s->f != f || ft->barred || ft->holds || (s->is_direct && s->direct == epoch))
        return false;
    s->is_direct = true;
    s->direct = epoch;
    return true;
}

void fdtable_bar_direct(struct fdtable *ft)
{
    MUTEX_GUARD(&ft->lock);
    ft->barred = true;
}

void fdtable_hold_direct(struct fdtable *ft)
{
    MUTEX_GUARD(&ft->lock);
    ft->holds++;
}

void fdtable_release_direct(struct fdtable *ft)
{
    MUTEX_GUARD(&ft->lock);
    ft->holds--;
}

void fdtable_close_on_exec(struct fdtable *ft, struct task *t)
{
    for (int fd = fd_next(ft, 0); fd >= 0; fd = fd_next(ft, fd + 1))
        if (fd_get_cloexec(ft, fd) == 1)
            (void) !fd_close(ft, fd, t);
}

int fd_get_cloexec(struct fdtable *ft, int fd)
{
    MUTEX_GUARD(&ft->lock);
    struct slot *s = slot_of(ft, fd);
    return s ? s->cloexec : -EBADF;
}

int fd_set_cloexec(struct fdtable *ft, int fd, bool on)
{
    MUTEX_GUARD(&ft->lock);
    struct slot *s = slot_of(ft, fd);
    if (!s)
        return -EBADF;
    s->cloexec = on;
    return 0;
}

int fd_next(struct fdtable *ft, int from)
{
    MUTEX_GUARD(&ft->lock);
    for (int i = from < 0 ? 0 : from; i < ft->n; i++)
        if (ft->slots[i].f)
            return i;
    return -1;
}

bool fd_has_room(struct fdtable *ft, int limit)
{
    MUTEX_GUARD(&ft->lock);
    int fd = ft->first_free;
    while (fd < ft->n && ft->slots[fd].f)
        fd++;
    return fd < limit;
}

bool fdtable_has(struct fdtable *ft, const struct file *f)
{
    MUTEX_GUARD(&ft->lock);
    for (int i = 0; i < ft->n; i++)
        if (ft->slots[i].f == f)
            return true;
    return false;
}

int task_fd_install(struct task *t, struct file *steal, bool cloexec)
{
    uint64_t limit = tgroup_rlimit(t->tg, LX_RLIMIT_NOFILE);
    return fd_install(t->files, steal, 0, (int) MIN(limit, (uint64_t) MAX_SLOTS), cloexec);
}
