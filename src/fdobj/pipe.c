/* SPDX-License-Identifier: Apache-2.0 */
/* The ring of bytes behind pipes and FIFOs, and the ends that read and write it: pipe(7). */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "abi/linux/fcntl.h"
#include "abi/linux/ioctl.h"
#include "abi/linux/poll.h"
#include "abi/linux/stat.h"
#include "abi/linux/statfs.h"
#include "base/checked.h"
#include "fdobj/pipe_internal.h"
#include "kernel/task/task.h"

#define PIPEFS_DEV 0x0c /* 0:12; any number no other file system has */

static struct pipe_end *end_of(struct file *f)
{
    return container_of(f, struct pipe_end, file);
}

static bool can_read(const struct file *f)
{
    return (f->flags & LX_O_ACCMODE) != LX_O_WRONLY;
}

static bool can_write(const struct file *f)
{
    return (f->flags & LX_O_ACCMODE) != LX_O_RDONLY;
}

/* ---- the buffer ---- */

/* [lock] Moves the contents into a buffer of `size`; nobody may be at work on the old one. */
static int ring_resize(struct pipe *p, uint32_t size)
{
    uint8_t *fresh = malloc(size);
    if (!fresh)
        return -ENOMEM;
    for (uint64_t pos = p->head; pos < p->tail;) {
        uint32_t from = (uint32_t) pos & (p->size - 1), to = (uint32_t) pos & (size - 1);
        uint64_t n = MIN(p->tail - pos, (uint64_t) MIN(p->size - from, size - to));
        memcpy(fresh + to, p->data + from, n);
        pos += n;
    }
    free(p->data);
    p->data = fresh;
    p->size = size;
    return 0;
}

/* [lock] Makes the ring big enough for n more bytes, as far as the capacity and a reader at work
 * allow. */
int pipe_ring_grow(struct pipe *p, size_t n)
{
    uint64_t want = MIN((uint64_t) pipe_used(p) + n, (uint64_t) p->capacity);
    uint32_t size = p->size ? p->size : PIPE_ATOMIC;
    while (size < want)
        size *= 2;
    if (size == p->size || (p->reading && p->size))
        return 0;
    return ring_resize(p, size);
}

/* [lock] An empty ring starts over at its first byte, which is the one in the cache. */
static void ring_rewind(struct pipe *p)
{
    if (p->head == p->tail && !p->reading && !p->writing)
        p->head = p->tail = 0;
}

/* ---- wake-ups: only when somebody was turned away, or polls ---- */

uint32_t pipe_events_for_readers(struct pipe *p)
{
    if (!p->reader_waits && !p->polled)
        return 0;
    p->reader_waits = false;
    return LX_POLL_READABLE;
}

/* Who polls is told when a full pipe is no longer full. */
uint32_t pipe_events_for_writers(struct pipe *p, bool was_full)
{
    bool room = !slots_full(&p->slots) && (p->writer_waits || (p->polled && was_full));
    if (!room && !p->writer_behind)
        return 0;
    p->writer_waits = p->writer_behind = false;
    return LX_POLL_WRITABLE;
}

void pipe_wake(struct pipe *p, uint32_t events)
{
    if (events)
        waitq_wake(&p->wq, events);
}

/* ---- reading ---- */

bool pipe_read_begin(struct pipe *p, size_t want, bool packets, size_t *ret_n, ssize_t *ret)
{
    if (p->reading || (p->head == p->tail && p->writers)) {
        p->reader_waits = true;
        *ret = -EAGAIN;
        return false;
    }
    if (p->head == p->tail) {
        *ret = 0;
        return false;
    }
    *ret_n = packets ? slots_readable(&p->slots, want) : MIN((size_t) pipe_used(p), want);
    p->reading = true;
    return true;
}

/* Ring to guest without the lock; the reserved bytes cannot change. */
static ssize_t ring_put(struct pipe *p, const uint8_t *data, uint32_t size, size_t n,
                        struct iobuf *io)
{
    uint32_t at = (uint32_t) p->head & (size - 1);
    size_t first = MIN(n, (size_t) (size - at));
    ssize_t r = iobuf_put(io, data + at, first);
    if (r < 0 || (size_t) r < first || first == n)
        return r;
    ssize_t more = iobuf_put(io, data, n - first);
    return more < 0 ? r : r + more;
}

void pipe_read_end(struct pipe *p, size_t n, bool packets)
{
    mutex_lock(&p->lock);
    p->reading = false;
    bool was_full = slots_full(&p->slots);
    if (n)
        p->head += n + slots_read(&p->slots, n, packets);
    ring_rewind(p);
    uint32_t events = pipe_events_for_writers(p, was_full);
    if (p->head != p->tail && p->reader_waits)
        events |= pipe_events_for_readers(p);
    mutex_unlock(&p->lock);
    pipe_wake(p, events);
}

/* [lock taken] A page that cannot be copied whole stays where it is. */
static ssize_t only_whole(struct pipe *p, size_t got)
{
    MUTEX_GUARD(&p->lock);
    size_t whole = slots_whole(&p->slots, got);
    return whole ? (ssize_t) whole : -EFAULT;
}

static ssize_t pipe_read(struct file *f, struct iobuf *io, int64_t pos unused_)
{
    struct pipe *p = pipe_of(f);
    size_t n = 0;
    ssize_t r = 0;
    if (io->left == 0)
        return 0;
    mutex_lock(&p->lock);
    bool begun = pipe_read_begin(p, io->left, true, &n, &r);
    const uint8_t *data = p->data;
    uint32_t size = p->size;
    mutex_unlock(&p->lock);
    if (!begun)
        return r;

    r = ring_put(p, data, size, n, io);
    if (r > 0 && (size_t) r < n)
        r = only_whole(p, (size_t) r);

    pipe_read_end(p, r > 0 ? (size_t) r : 0, true);
    return r;
}

/* ---- writing ---- */

/* Guest to ring without the lock. */
static ssize_t ring_take(uint8_t *data, uint32_t size, uint64_t tail, size_t n, struct iobuf *io)
{
    uint32_t at = (uint32_t) tail & (size - 1);
    size_t first = MIN(n, (size_t) (size - at));
    ssize_t r = iobuf_take(io, data + at, first);
    if (r < 0 || (size_t) r < first || first == n)
        return r;
    ssize_t more = iobuf_take(io, data, n - first);
    return more < 0 ? r : r + more;
}

/* [lock] Room for a write, or a part of a big one: bytes reserved, of which *ret_merge go to the
 * last page, or a negative errno. */
static ssize_t write_begin(struct pipe *p, size_t want, size_t *ret_merge)
{
    if (p->readers == 0)
        return -EPIPE;
    size_t n = slots_room(&p->slots, want, ret_merge);
    if (n == 0) {
        p->writer_waits = true;
        return -EAGAIN;
    }
    if (p->writing)
        goto behind;
    int r = pipe_ring_grow(p, n);
    if (r == 0 && !p->slots.at)
        r = slots_resize(&p->slots, p->slots.max);
    if (r < 0 && (!p->size || !p->slots.at || want <= PIPE_ATOMIC))
        return r;
    size_t there = p->size - pipe_used(p);
    if (n > there) { /* a reader at work keeps the ring from growing, and wakes us: whole pages */
        if (there < *ret_merge)
            goto behind;
        n = *ret_merge + (there - *ret_merge) / PIPE_PAGE * PIPE_PAGE;
        if (n == 0)
            goto behind;
    }
    p->writing = true;
    return (ssize_t) n;
behind:
    p->writer_behind = true;
    return -EAGAIN;
}

/* Of r bytes copied for a reservation of n those that fill pages: the rest was not there. */
static ssize_t whole_pages(ssize_t r, size_t n, size_t merge)
{
    if (r <= 0 || (size_t) r == n)
        return r;
    if ((size_t) r < merge)
        return -EFAULT;
    size_t whole = merge + ((size_t) r - merge) / PIPE_PAGE * PIPE_PAGE;
    return whole ? (ssize_t) whole : -EFAULT;
}

static ssize_t pipe_write(struct file *f, struct iobuf *io, int64_t pos unused_)
{
    struct pipe *p = pipe_of(f);
    uint8_t flags = f->flags & LX_O_DIRECT ? SLOT_PACKET : SLOT_MERGE;
    size_t merge = 0;
    if (io->left == 0)
        return 0;
    mutex_lock(&p->lock);
    ssize_t n = write_begin(p, io->left, &merge);
    uint8_t *data = p->data;
    uint32_t size = p->size;
    uint64_t tail = p->tail;
    /* Who polls hears of each attempt, pipe_write() in Linux: an edge of its own. */
    uint32_t events = n == -EAGAIN && p->polled ? LX_POLL_READABLE : 0;
    mutex_unlock(&p->lock);
    if (n < 0) {
        pipe_wake(p, events);
        return n;
    }

    ssize_t r = ring_take(data, size, tail, (size_t) n, io);

    mutex_lock(&p->lock);
    p->writing = false;
    r = whole_pages(r, (size_t) n, merge);
    if (r > 0) {
        slots_write(&p->slots, (size_t) r, merge, flags);
        p->tail += (uint64_t) r;
        events = pipe_events_for_readers(p);
    }
    if (p->writer_behind)
        events |= pipe_events_for_writers(p, false);
    mutex_unlock(&p->lock);
    pipe_wake(p, events);
    return r;
}

/* ---- the rest of the operations ---- */

static uint32_t pipe_poll(struct file *f)
{
    struct pipe_end *e = end_of(f);
    struct pipe *p = e->p;
    uint32_t ev = 0;
    MUTEX_GUARD(&p->lock);
    p->polled = true;
    if (can_read(f)) {
        if (p->head != p->tail)
            ev |= LX_POLL_READABLE;
        if (!p->writers && e->w_seen != p->n_opens_w)
            ev |= LX_POLLHUP;
    }
    if (can_write(f)) {
        if (!slots_full(&p->slots))
            ev |= LX_POLL_WRITABLE;
        if (!p->readers)
            ev |= LX_POLLERR;
    }
    return ev;
}

static long pipe_ioctl(struct file *f, struct task *t, uint32_t cmd, uint64_t arg)
{
    struct pipe *p = pipe_of(f);
    if (cmd != LX_FIONREAD)
        return -ENOTTY;
    mutex_lock(&p->lock);
    int32_t n = (int32_t) pipe_used(p);
    mutex_unlock(&p->lock);
    return copy_out(t, uaddr(arg), &n, sizeof(n));
}

/* [lock] As many pages; what is in the pipe stays. */
static int resize(struct pipe *p, uint32_t capacity)
{
    if (p->reading || p->writing)
        return -EBUSY;
    int r = slots_resize(&p->slots, capacity / PIPE_PAGE);
    if (r == 0 && p->size > capacity)
        r = ring_resize(p, capacity);
    if (r == 0)
        p->capacity = capacity;
    return r;
}

/* F_SETPIPE_SZ: to a power of two of pages, never below what is in it. */
static long set_capacity(struct pipe *p, struct task *t, uint32_t want)
{
    if (want > 1u << 31)
        return -EINVAL;
    uint32_t cap = PIPE_PAGE;
    while (cap < want)
        cap *= 2;
    mutex_lock(&p->lock);
    uint32_t old = p->capacity;
    mutex_unlock(&p->lock);
    if (cap > PIPE_MAX_SIZE && !cred_capable(t->cred, LX_CAP_SYS_RESOURCE))
        return -EPERM;
    if (cap > PIPE_FORCED_SIZE)
        return -ENOMEM;
    int r = pipe_user_change(p->pipes, p->user, t->cred, old, cap);
    if (r < 0)
        return r;
    mutex_lock(&p->lock);
    bool was_full = slots_full(&p->slots);
    r = p->capacity == old ? resize(p, cap) : -EBUSY; /* another one was quicker */
    uint32_t events = r < 0 ? 0 : pipe_events_for_writers(p, was_full);
    mutex_unlock(&p->lock);
    if (r < 0) {
        (void) !pipe_user_change(p->pipes, p->user, NULL, cap, old);
        return r;
    }
    pipe_wake(p, events);
    return (long) cap;
}

static long pipe_fcntl(struct file *f, struct task *t, int cmd, uint64_t arg)
{
    struct pipe *p = pipe_of(f);
    if (cmd == LX_F_SETPIPE_SZ)
        return set_capacity(p, t, (uint32_t) arg);
    if (cmd != LX_F_GETPIPE_SZ)
        return -EINVAL;
    MUTEX_GUARD(&p->lock);
    return (long) p->capacity;
}

static void fill_attr(const struct pipe *p, struct attr *ret)
{
    *ret = (struct attr){.dev = PIPEFS_DEV,
                         .ino = p->ino,
                         .mode = LX_S_IFIFO | atomic_load(&p->mode),
                         .nlink = 1,
                         .uid = atomic_load(&p->uid),
                         .gid = atomic_load(&p->gid),
                         .blksize = 4096,
                         .atime = p->birth,
                         .mtime = p->birth,
                         .ctime = p->birth,
                         .btime = {0, -1}};
}

static int pipe_getattr(struct file *f, struct attr *ret)
{
    fill_attr(pipe_of(f), ret);
    return 0;
}

/* Times are taken and forgotten: nothing reads them but fstat(2). */
static int set_attr(struct pipe *p, const struct attr *a, uint32_t mask)
{
    if (mask & ATTR_SIZE)
        return -EINVAL;
    if (mask & ATTR_MODE)
        atomic_store(&p->mode, a->mode & 07777);
    if (mask & ATTR_UID)
        atomic_store(&p->uid, a->uid);
    if (mask & ATTR_GID)
        atomic_store(&p->gid, a->gid);
    return 0;
}

static int pipe_setattr(struct file *f, const struct attr *a, uint32_t mask)
{
    return set_attr(pipe_of(f), a, mask);
}

static void pipe_release(struct file *f)
{
    struct pipe_end *e = end_of(f);
    struct pipe *p = e->p;
    mutex_lock(&p->lock);
    if (can_read(f))
        p->readers--;
    if (can_write(f))
        p->writers--;
    bool one_sided = !p->readers != !p->writers;
    if (!p->readers && !p->writers && !p->reading &&
        !p->writing) { /* a FIFO forgets what nobody read */
        p->head = p->tail = 0;
        p->slots.first = p->slots.n = 0;
    }
    mutex_unlock(&p->lock);
    if (one_sided)
        waitq_wake(&p->wq, LX_POLL_READABLE | LX_POLL_WRITABLE | LX_POLLHUP | LX_POLLERR);
    pipe_put(p);
    free(e);
}

/* ---- a pipe's node, for open("/proc/self/fd/N") and stat of it ---- */

struct pipe_node {
    struct node node; /* first */
    struct pipe *p;   /* holds a reference */
};

static int pipe_node_getattr(struct node *n, struct attr *ret)
{
    fill_attr(container_of(n, struct pipe_node, node)->p, ret);
    return 0;
}

static int pipe_node_setattr(struct node *n, const struct attr *a, uint32_t mask)
{
    return set_attr(container_of(n, struct pipe_node, node)->p, a, mask);
}

static int pipe_node_open(struct node *n, const struct open_args *a, struct file **ret)
{
    struct pipe *p = container_of(n, struct pipe_node, node)->p;
    uint32_t keep = LX_O_ACCMODE | LX_O_NONBLOCK | LX_O_DIRECT | LX_O_LARGEFILE;
    return pipe_open_end(p, &pipe_ops, a->flags & keep, ret);
}

static void pipe_node_release(struct node *n)
{
    struct pipe_node *pn = container_of(n, struct pipe_node, node);
    pipe_put(pn->p);
    free(pn);
}

static const struct node_ops pipe_node_ops = {
    .getattr = pipe_node_getattr,
    .setattr = pipe_node_setattr,
    .open = pipe_node_open,
    .release = pipe_node_release,
};

static int pipe_anon_node(struct file *f, struct node **ret)
{
    struct pipe *p = pipe_of(f);
    struct pipe_node *pn = calloc(1, sizeof(*pn));
    if (!pn)
        return -ENOMEM;
    ref_get(&p->ref);
    pn->p = p;
    node_init(&pn->node, &p->pipes->sb, &pipe_node_ops, LX_S_IFIFO, p->ino);
    *ret = &pn->node;
    return 0;
}

#define PIPE_COMMON_OPS                                                           \
    .read = pipe_read, .write = pipe_write, .write_all = true, .poll = pipe_poll, \
    .ioctl = pipe_ioctl, .fcntl = pipe_fcntl, .release = pipe_release

const struct file_ops pipe_ops = {
    PIPE_COMMON_OPS, .getattr = pipe_getattr, .setattr = pipe_setattr, .anon_node = pipe_anon_node,
    .name = "pipe",
};

/* FIFOs have a name and a node: their attributes are the node's. */
const struct file_ops fifo_ops = {PIPE_COMMON_OPS};

/* ---- making them ---- */

static void pipefs_release(struct super *sb unused_) {} /* lives as long as the kernel */

/* Of a pipe by its name in /proc; by descriptor statfs(2) knows it itself. */
static int pipefs_statfs(struct super *sb unused_, struct lx_statfs *ret)
{
    *ret = (struct lx_statfs){.type = LX_PIPEFS_MAGIC,
                              .bsize = PIPE_ATOMIC,
                              .frsize = PIPE_ATOMIC,
                              .namelen = 255};
    return 0;
}

static const struct super_ops pipefs_ops = {.statfs = pipefs_statfs, .release = pipefs_release};

int pipes_new(struct pipes **ret)
{
    struct pipes *ps = calloc(1, sizeof(*ps));
    if (!ps)
        return -ENOMEM;
    mutex_init(&ps->lock, RANK_LEAF);
    htab_init(&ps->fifos);
    htab_init(&ps->users);
    super_init(&ps->sb, &pipefs_ops, "pipefs");
    ps->sb.dev = PIPEFS_DEV;
    *ret = ps;
    return 0;
}

int pipe_alloc(struct pipes *ps, const struct cred *cred, struct pipe **ret)
{
    uint32_t capacity;
    struct pipe *p = calloc(1, sizeof(*p));
    if (!p)
        return -ENOMEM;
    int r = pipe_user_begin(ps, cred, &capacity);
    if (r < 0) {
        free(p);
        return r;
    }
    mutex_init(&p->lock, RANK_PIPE);
    waitq_init(&p->wq);
    ref_init(&p->ref);
    p->capacity = capacity;
    p->slots.max = capacity / PIPE_PAGE;
    p->user = cred ? cred->uid : 0;
    p->pipes = ps;
    p->ino = atomic_fetch_add_explicit(&ps->last_ino, 1, memory_order_relaxed) + 1;
    (void) clock_gettime(CLOCK_REALTIME_COARSE, &p->birth);
    *ret = p;
    return 0;
}

void pipe_put(struct pipe *p)
{
    if (p->is_fifo) { /* the table finds it until the last reference is gone: decide under its lock
                       */
        mutex_lock(&p->pipes->lock);
        bool last = ref_put(&p->ref);
        if (last)
            htab_remove(&p->pipes->fifos, &p->link);
        mutex_unlock(&p->pipes->lock);
        if (!last)
            return;
    } else if (!ref_put(&p->ref)) {
        return;
    }
    pipe_user_end(p->pipes, p->user, p->capacity);
    slots_free(&p->slots);
    free(p->data);
    free(p);
}

int pipe_open_end(struct pipe *p, const struct file_ops *ops, uint32_t flags, struct file **ret)
{
    struct pipe_end *e = calloc(1, sizeof(*e));
    if (!e)
        return -ENOMEM;
    file_init(&e->file, ops, flags);
    e->file.wq = &p->wq;
    e->file.anon_ino = p->ino;
    e->p = p;
    ref_get(&p->ref);
    mutex_lock(&p->lock);
    if (can_read(&e->file)) {
        p->readers++;
        p->n_opens_r++;
    }
    /* A FIFO's reader that did not wait for a writer sees no hang-up before the first one has come.
     */
    e->w_seen = p->is_fifo && !p->writers && (flags & LX_O_NONBLOCK) ? p->n_opens_w : 0;
    if (can_write(&e->file)) {
        p->writers++;
        p->n_opens_w++;
    }
    mutex_unlock(&p->lock);
    *ret = &e->file;
    return 0;
}

int pipe_new(struct pipes *ps, const struct cred *cred, uint32_t flags, struct file **ret_reader,
             struct file **ret_writer)
{
    struct pipe *p;
    struct file *rd = NULL, *wr = NULL;
    int r = pipe_alloc(ps, cred, &p);
    if (r < 0)
        return r;
    atomic_init(&p->mode, 0600);
    if (cred) {
        atomic_init(&p->uid, cred->fsuid);
        atomic_init(&p->gid, cred->fsgid);
    }
    r = pipe_open_end(p, &pipe_ops, LX_O_RDONLY | flags, &rd);
    if (r == 0)
        r = pipe_open_end(p, &pipe_ops, LX_O_WRONLY | flags, &wr);
    pipe_put(p);
    if (r < 0) {
        if (rd)
            file_put(rd);
        return r;
    }
    *ret_reader = rd;
    *ret_writer = wr;
    return 0;
}

bool file_is_pipe(const struct file *f)
{
    return f->ops == &pipe_ops || f->ops == &fifo_ops;
}
