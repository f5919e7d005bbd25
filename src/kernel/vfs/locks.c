/* SPDX-License-Identifier: Apache-2.0 */
/*
 * File locks. They belong to objects, which hard links share, and not to nodes; one mutex guards
 * them all, because deadlock detection must see who waits for whom across files. Record locks of
 * one owner never overlap and are merged when they meet. An object's number cannot be given to
 * another while it has locks: who holds one has it open.
 *
 * A record lock belongs to a descriptor table and dies when any descriptor of the file is closed
 * there. A lock set while another thread closes the descriptor must not stay behind:
 *
 *     locker                                closer
 *     adds the lock, crowd > 0
 *     is f still in the table? (its lock)   clears the slot (the table's lock)
 *                                           crowd > 0? drops the owner's locks
 *
 * Whichever takes the table's lock second sees what the other one did.
 */
#include "kernel/vfs/locks.h"

#include <errno.h>
#include <stdlib.h>

#include "abi/linux/poll.h"
#include "base/cleanup.h"
#include "base/htab.h"
#include "kernel/task/task.h"
#include "kernel/vfs/attr.h"
#include "kernel/vfs/direct.h"
#include "kernel/vfs/fdtable.h"
#include "kernel/vfs/lock_table.h"
#include "kernel/vfs/mount_table.h"
#include "kernel/vfs/node.h"
#include "kernel/wait/block.h"

#define CHAIN_MAX 64 /* who-waits-for-whom steps before a cycle is no longer looked for */

/* Exactly one of the two is set. */
struct owner {
    const struct fdtable *ft;
    const struct file *file;
};

struct flk {
    struct list link; /* [locks.lock] in site.locks */
    struct owner owner;
    bool whole;         /* flock(2): another kind, that record locks do not meet */
    int type;           /* LX_F_RDLCK, LX_F_WRLCK; LX_F_UNLCK only in requests */
    int64_t start, end; /* inclusive */
    int32_t pid;
};

/* Which object: not dereferenced. */
struct key {
    const void *space; /* a super; of nameless files their operations */
    uint64_t dev, ino;
};

/* An object that has locks. */
struct site {
    struct htab_node link; /* [locks.lock] in locks.sites by key */
    struct key key;
    struct list locks; /* [locks.lock] struct flk */
};

#define CROWDS 64

struct locks {
    struct mutex lock;               /* RANK_NODE */
    struct htab sites;               /* [lock] */
    _Atomic uint32_t crowds[CROWDS]; /* [lock] for writes: locks by their objects' hash */
    struct list blocked;             /* [lock] struct request */
    struct waitq wq;                 /* woken whenever a lock goes */
};

struct request {
    struct list link; /* [locks.lock] in locks.blocked while it waits */
    struct locks *locks;
    struct key key;
    struct flk want;
    struct owner blocker;    /* [locks.lock] */
    struct flk *spare[2];    /* memory for the new lock and for a split */
    struct site *spare_site; /* and for the object's first */
    bool detect;
};

int locks_new(struct locks **ret)
{
    struct locks *l = calloc(1, sizeof(*l));
    if (!l)
        return -ENOMEM;
    mutex_init(&l->lock, RANK_NODE);
    htab_init(&l->sites);
    list_init(&l->blocked);
    waitq_init(&l->wq);
    *ret = l;
    return 0;
}

void locks_free(struct locks *l)
{
    if (l)
        htab_free(&l->sites);
    free(l);
}

/* Both ends of a pipe are one object; what has no number is one of its own. */
static struct key key_of(const struct file *f)
{
    const struct node *n = path_node(&f->path);
    if (n)
        return (struct key){n->sb, n->dev, n->ino};
    return (struct key){f->ops, 0, f->anon_ino ? f->anon_ino : (uint64_t) (uintptr_t) f};
}

static uint64_t key_hash(const struct key *k)
{
    return hash_u64(k->ino ^ hash_u64(k->dev ^ (uint64_t) (uintptr_t) k->space));
}

static _Atomic uint32_t *crowd_of(struct locks *ls, const struct key *k)
{
    return &ls->crowds[key_hash(k) % CROWDS];
}

/* [lock] NULL: no locks there. */
static struct site *site_find(struct locks *ls, const struct key *k)
{
    struct htab_node *n;
    htab_for_each_hash (n, &ls->sites, key_hash(k)) {
        struct site *s = container_of(n, struct site, link);
        if (s->key.space == k->space && s->key.dev == k->dev && s->key.ino == k->ino)
            return s;
    }
    return NULL;
}

/* [lock] An object without locks is forgotten. */
static void site_settle(struct locks *ls, struct site *s)
{
    if (!s || !list_empty(&s->locks))
        return;
    htab_remove(&ls->sites, &s->link);
    free(s);
}

static bool same_owner(const struct owner *a, const struct owner *b)
{
    return a->ft == b->ft && a->file == b->file;
}

/* ---- the locks of one object; locks.lock held ---- */

/* The first one by place: what F_GETLK tells. */
static struct flk *find_conflict(struct site *s, const struct flk *want)
{
    struct flk *l, *first = NULL;
    if (!s)
        return NULL;
    list_for_each_entry (l, &s->locks, link)
        if (l->whole == want->whole && !same_owner(&l->owner, &want->owner) &&
            l->start <= want->end && want->start <= l->end &&
            (l->type == LX_F_WRLCK || want->type == LX_F_WRLCK) &&
            (!first || l->start < first->start))
            first = l;
    return first;
}

static void lock_add(struct locks *ls, struct site *s, struct flk *l)
{
    list_add_tail(&l->link, &s->locks);
    atomic_fetch_add(crowd_of(ls, &s->key), 1);
}

static void lock_del(struct locks *ls, struct site *s, struct flk *l)
{
    list_del(&l->link);
    atomic_fetch_sub(crowd_of(ls, &s->key), 1);
    free(l);
}

static struct flk *take_spare(struct request *q)
{
    return q->spare[0] ? take_ptr(&q->spare[0]) : take_ptr(&q->spare[1]);
}

/* Takes [want.start, want.end] out of the owner's locks: at most one of them is split in two. */
static void cut_out(struct request *q, struct site *s)
{
    struct flk *l, *tmp;
    const struct flk *w = &q->want;
    list_for_each_entry_safe (l, tmp, &s->locks, link) {
        if (l->whole != w->whole || !same_owner(&l->owner, &w->owner) || l->end < w->start ||
            w->end < l->start)
            continue;
        if (l->start < w->start && l->end > w->end) {
            struct flk *right = take_spare(q);
            *right = *l;
            list_init(&right->link);
            right->start = w->end + 1;
            l->end = w->start - 1;
            lock_add(q->locks, s, right);
        } else if (l->start < w->start) {
            l->end = w->start - 1;
        } else if (l->end > w->end) {
            l->start = w->end + 1;
        } else {
            lock_del(q->locks, s, l);
        }
    }
}

/* Swallows the owner's neighbours of the same type. */
static void merge(struct locks *ls, struct site *s, struct flk *fresh)
{
    struct flk *l, *tmp;
    list_for_each_entry_safe (l, tmp, &s->locks, link) {
        if (l == fresh || l->whole || !same_owner(&l->owner, &fresh->owner) ||
            l->type != fresh->type)
            continue;
        if (l->start > 0 && l->start - 1 == fresh->end)
            fresh->end = l->end;
        else if (fresh->start > 0 && fresh->start - 1 == l->end)
            fresh->start = l->start;
        else
            continue;
        lock_del(ls, s, l);
    }
}

static struct site *site_make(struct request *q)
{
    struct site *s = take_ptr(&q->spare_site);
    s->key = q->key;
    list_init(&s->locks);
    htab_insert(&q->locks->sites, &s->link, key_hash(&q->key));
    return s;
}

static void apply(struct request *q, struct site *s)
{
    if (s)
        cut_out(q, s);
    if (q->want.type != LX_F_UNLCK) {
        struct flk *fresh = take_spare(q);
        if (!s)
            s = site_make(q);
        *fresh = q->want;
        list_init(&fresh->link);
        lock_add(q->locks, s, fresh);
        if (!fresh->whole)
            merge(q->locks, s, fresh);
    }
    site_settle(q->locks, s);
}

/* Would waiting for `blocker` close a circle? */
static bool deadlock(const struct request *q, struct owner blocker)
{
    for (int i = 0; i < CHAIN_MAX; i++) {
        const struct request *b, *next = NULL;
        if (same_owner(&blocker, &q->want.owner))
            return true;
        list_for_each_entry (b, &q->locks->blocked, link)
            if (b->detect && same_owner(&b->want.owner, &blocker)) {
                next = b;
                break;
            }
        if (!next)
            return false;
        blocker = next->blocker;
    }
    return false;
}

/* ---- requests ---- */

/* flock(2): another lock of the same opening goes before the new one is asked for. */
static bool convert(struct request *q, struct site *s)
{
    struct flk *l;
    if (!s || !q->want.whole)
        return false;
    list_for_each_entry (l, &s->locks, link)
        if (l->whole && same_owner(&l->owner, &q->want.owner)) {
            if (l->type == q->want.type)
                return false;
            lock_del(q->locks, s, l);
            return true;
        }
    return false;
}

static long try_lock(void *arg)
{
    struct request *q = arg;
    struct locks *ls = q->locks;
    long r = 0;
    mutex_lock(&ls->lock);
    struct site *s = site_find(ls, &q->key);
    bool gone = convert(q, s);
    struct flk *l = q->want.type == LX_F_UNLCK ? NULL : find_conflict(s, &q->want);
    list_del(&q->link);
    if (!l) {
        apply(q, s);
        s = NULL;
    } else if (q->detect && deadlock(q, l->owner)) {
        r = -EDEADLK;
    } else {
        q->blocker = l->owner;
        list_add_tail(&q->link, &ls->blocked);
        r = -EAGAIN;
    }
    site_settle(ls, s);
    mutex_unlock(&ls->lock);
    /* An unlocked or weakened range may be what others wait for. */
    if (gone || (r == 0 && q->want.type != LX_F_WRLCK))
        waitq_wake(&ls->wq, LX_POLLIN);
    return r;
}

static long request_run(struct request *q, struct task *t, bool wait)
{
    long r = -ENOLCK;
    list_init(&q->link);
    q->spare[0] = calloc(1, sizeof(*q->spare[0]));
    q->spare[1] = calloc(1, sizeof(*q->spare[1]));
    q->spare_site = calloc(1, sizeof(*q->spare_site));
    if (!q->spare[0] || !q->spare[1] || !q->spare_site)
        goto out;
    r = wait ? task_wait_for(t, &q->locks->wq, LX_POLLIN, NULL, try_lock, q) : try_lock(q);
    if (r == -EAGAIN && direct_settle_all(t->k)) /* what is closed already is in nobody's way */
        r = try_lock(q);
    mutex_lock(&q->locks->lock);
    list_del(&q->link);
    mutex_unlock(&q->locks->lock);
out:
    free(q->spare[0]);
    free(q->spare[1]);
    free(q->spare_site);
    return r;
}

static void drop_owned(struct locks *ls, const struct key *k, const struct owner *o)
{
    struct flk *l, *tmp;
    bool any = false;
    mutex_lock(&ls->lock);
    struct site *s = site_find(ls, k);
    if (s)
        list_for_each_entry_safe (l, tmp, &s->locks, link)
            if (same_owner(&l->owner, o)) {
                lock_del(ls, s, l);
                any = true;
            }
    site_settle(ls, s);
    mutex_unlock(&ls->lock);
    if (any)
        waitq_wake(&ls->wq, LX_POLLIN);
}

static void drop_for(struct file *f, const struct owner *o)
{
    struct locks *ls = path_node(&f->path) ? f->path.mnt->vfs->locks : atomic_load(&f->locked);
    if (!ls)
        return;
    struct key k = key_of(f);
    if (atomic_load(crowd_of(ls, &k)))
        drop_owned(ls, &k, o);
}

void vfs_locks_closed(struct fdtable *ft, struct file *f)
{
    drop_for(f, &(struct owner){.ft = ft});
}

void vfs_locks_released(struct file *f)
{
    drop_for(f, &(struct owner){.file = f});
}

/* ---- fcntl(2) ---- */

/* Where l_whence counts from. */
static int base_of(struct file *f, int whence, int64_t *ret)
{
    struct attr a;
    int64_t pos;
    int r;
    switch (whence) {
    case LX_SEEK_SET:
        *ret = 0;
        return 0;
    case LX_SEEK_CUR:
        pos = file_seek(f, 0, LX_SEEK_CUR);
        *ret = pos < 0 ? 0 : pos;
        return 0;
    case LX_SEEK_END:
        r = file_getattr(f, &a);
        if (r == 0)
            *ret = (int64_t) a.size;
        return r;
    default:
        return -EINVAL;
    }
}

static int range_of(struct file *f, const struct lx_flock *fl, struct flk *want)
{
    int64_t base = 0, start, end = INT64_MAX;
    int r = base_of(f, fl->whence, &base);
    if (r < 0)
        return r;
    if (__builtin_add_overflow(base, fl->start, &start))
        return -EOVERFLOW;
    if (start < 0)
        return -EINVAL;
    if (fl->len > 0) {
        if (__builtin_add_overflow(start, fl->len - 1, &end))
            return -EOVERFLOW;
    } else if (fl->len < 0) {
        if (start == 0 || __builtin_add_overflow(start, fl->len, &base) || base < 0)
            return -EINVAL;
        end = start - 1;
        start = base;
    }
    want->start = start;
    want->end = end;
    return 0;
}

static int check_type(int type)
{
    return type == LX_F_RDLCK || type == LX_F_WRLCK || type == LX_F_UNLCK ? 0 : -EINVAL;
}

static int check_access(const struct file *f, int type)
{
    uint32_t mode = atomic_load(&f->flags) & LX_O_ACCMODE;
    switch (type) {
    case LX_F_RDLCK:
        return mode == LX_O_WRONLY ? -EBADF : 0;
    case LX_F_WRLCK:
        return mode == LX_O_RDONLY ? -EBADF : 0;
    case LX_F_UNLCK:
        return 0;
    default:
        return -EINVAL;
    }
}

/* The first lock of the owner's own in the range. */
static const struct flk *find_own(const struct site *s, const struct flk *want)
{
    const struct flk *l, *first = NULL;
    if (!s)
        return NULL;
    list_for_each_entry (l, &s->locks, link)
        if (!l->whole && same_owner(&l->owner, &want->owner) && l->start <= want->end &&
            want->start <= l->end && (!first || l->start < first->start))
            first = l;
    return first;
}

/* LX_F_UNLCK, of open file descriptions only: what is locked by this one. */
static long get_lock(struct request *q, struct lx_flock *fl)
{
    MUTEX_GUARD(&q->locks->lock);
    struct site *s = site_find(q->locks, &q->key);
    const struct flk *l =
        q->want.type == LX_F_UNLCK ? find_own(s, &q->want) : find_conflict(s, &q->want);
    if (!l) {
        fl->type = LX_F_UNLCK;
        return 0;
    }
    *fl = (struct lx_flock){.type = (int16_t) l->type,
                            .whence = LX_SEEK_SET,
                            .start = l->start,
                            .len = l->end == INT64_MAX ? 0 : l->end - l->start + 1,
                            .pid = l->owner.ft ? l->pid : -1};
    return 0;
}

static void request_init(struct request *q, struct task *t, struct file *f)
{
    bool named = path_node(&f->path);
    struct locks *ls = named ? f->path.mnt->vfs->locks : t->k->vfs->locks;
    if (!named)
        atomic_store(&f->locked, ls);
    *q = (struct request){.locks = ls, .key = key_of(f)};
    list_init(&q->want.link);
}

long vfs_lock_posix(struct task *t, struct file *f, int cmd, struct lx_flock *fl)
{
    struct request q;
    bool ofd = cmd == LX_F_OFD_GETLK || cmd == LX_F_OFD_SETLK || cmd == LX_F_OFD_SETLKW;
    bool get = cmd == LX_F_GETLK || cmd == LX_F_OFD_GETLK;
    bool wait = cmd == LX_F_SETLKW || cmd == LX_F_OFD_SETLKW;
    int r = get && !(fl->type == LX_F_RDLCK || fl->type == LX_F_WRLCK || ofd) ? -EINVAL : 0;
    request_init(&q, t, f);
    if (r == 0)
        r = range_of(f, fl, &q.want);
    if (r == 0)
        r = get ? check_type(fl->type) : check_access(f, fl->type);
    if (r == 0 && ofd && fl->pid != 0)
        r = -EINVAL;
    if (r < 0)
        return r;
    q.want.type = fl->type;
    q.want.owner = ofd ? (struct owner){.file = f} : (struct owner){.ft = t->files};
    q.want.pid = t->tg->tgid;
    q.detect = !ofd;
    if (get) {
        (void) direct_settle_all(t->k);
        return get_lock(&q, fl);
    }
    long done = request_run(&q, t, wait);
    if (done == 0 && !ofd && fl->type != LX_F_UNLCK && !fdtable_has(t->files, f)) {
        drop_owned(q.locks, &q.key, &q.want.owner);
        done = -EBADF;
    }
    return done;
}

/* ---- flock(2) ---- */

long vfs_lock_flock(struct task *t, struct file *f, int op)
{
    struct request q;
    request_init(&q, t, f);
    switch (op & ~LX_LOCK_NB) {
    case LX_LOCK_SH:
        q.want.type = LX_F_RDLCK;
        break;
    case LX_LOCK_EX:
        q.want.type = LX_F_WRLCK;
        break;
    case LX_LOCK_UN:
        q.want.type = LX_F_UNLCK;
        break;
    default:
        return -EINVAL;
    }
    q.want.whole = true;
    q.want.end = INT64_MAX;
    q.want.owner.file = f;
    return request_run(&q, t, !(op & LX_LOCK_NB));
}
