/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Marks and events: see watch.h. Each watched super has a table of its watched objects.
 *
 * An object goes when its last name is removed and nobody has it open. The remover and the last
 * closer look at both under watch_lock, so one of them sees it:
 *
 *     unlink                                close
 *     removed = true                        openings - 1
 *     openings == 0?                        removed?
 */
#include "kernel/vfs/watch.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "abi/linux/inotify.h"
#include "abi/linux/stat.h"
#include "kernel/vfs/dentry.h"
#include "kernel/vfs/walk.h"

struct watched {
    struct htab_node link; /* [watch_lock] in super.watched by ino */
    uint64_t ino;          /* immutable */
    struct list marks;     /* [watch_lock] never empty but while one is put in or out */
    bool removed;          /* [watch_lock] its last name is gone, somebody has it open */
};

/* ---- marks ---- */

/* [watch_lock] */
static struct watched *find(struct super *sb, uint64_t ino)
{
    struct htab_node *n;
    htab_for_each_hash (n, &sb->watched, hash_u64(ino)) {
        struct watched *w = container_of(n, struct watched, link);
        if (w->ino == ino)
            return w;
    }
    return NULL;
}

int mark_add(struct mark *m, struct node *n, const struct mark_ops *ops, uint32_t mask)
{
    struct super *sb = n->sb;
    struct watched *fresh = calloc(1, sizeof(*fresh)), *w;
    if (!fresh)
        return -ENOMEM;
    fresh->ino = n->ino;
    list_init(&fresh->marks);
    m->sb = sb;
    m->ops = ops;
    m->mask = mask;
    mutex_lock(&sb->watch_lock);
    w = find(sb, n->ino);
    if (!w) {
        w = fresh;
        fresh = NULL;
        htab_insert(&sb->watched, &w->link, hash_u64(n->ino));
    }
    m->at = w;
    list_add_tail(&m->link, &w->marks);
    atomic_fetch_add(&sb->n_watched, 1);
    mutex_unlock(&sb->watch_lock);
    free(fresh);
    return 0;
}

/* [watch_lock] */
static void take_out(struct mark *m)
{
    struct watched *w = m->at;
    list_del(&m->link);
    m->at = NULL;
    atomic_fetch_sub(&m->sb->n_watched, 1);
    if (list_empty(&w->marks)) {
        htab_remove(&m->sb->watched, &w->link);
        free(w);
    }
}

bool mark_remove(struct mark *m)
{
    MUTEX_GUARD(&m->sb->watch_lock);
    if (!m->at)
        return false;
    take_out(m);
    return true;
}

bool node_is_watched(struct node *n)
{
    MUTEX_GUARD(&n->sb->watch_lock);
    return find(n->sb, n->ino) != NULL;
}

bool mark_is_on(struct mark *m, const struct node *n)
{
    MUTEX_GUARD(&m->sb->watch_lock);
    return m->sb == n->sb && m->at && m->at->ino == n->ino;
}

uint32_t mark_change(struct mark *m, uint32_t mask, bool add)
{
    MUTEX_GUARD(&m->sb->watch_lock);
    m->mask = add ? m->mask | mask : mask;
    return m->mask;
}

/* ---- telling ---- */

/* [watch_lock] Marks that want no more of it are collected in `gone`. */
static void tell(struct watched *w, const struct watch_event *e, struct list *gone)
{
    struct list *l, *next;
    bool last = list_empty(&w->marks);
    for (l = w->marks.next; !last; l = next) {
        struct mark *m = list_entry(l, struct mark, link);
        next = l->next;
        last = next == &w->marks; /* then w may go with its last mark */
        if (!(e->mask & m->mask & LX_IN_ALL_EVENTS) ||
            (e->unlinked && (m->mask & LX_IN_EXCL_UNLINK)))
            continue;
        if (!m->ops->event(m, e)) {
            take_out(m);
            list_add_tail(&m->link, gone);
        }
    }
}

static void tell_gone(struct list *gone)
{
    struct list *l;
    while ((l = list_pop(gone))) {
        struct mark *m = list_entry(l, struct mark, link);
        m->ops->gone(m);
    }
}

static void deliver(struct super *sb, uint64_t ino, const struct watch_event *e)
{
    struct list gone = LIST_INIT(gone);
    mutex_lock(&sb->watch_lock);
    struct watched *w = find(sb, ino);
    if (w)
        tell(w, e, &gone);
    mutex_unlock(&sb->watch_lock);
    tell_gone(&gone);
}

static uint32_t dir_bit(uint32_t type)
{
    return type == LX_S_IFDIR ? LX_IN_ISDIR : 0;
}

static void saw_node(struct node *n, uint32_t mask)
{
    deliver(n->sb, n->ino, &(struct watch_event){.mask = mask | dir_bit(n->type)});
}

/* [watch_lock] All marks hear of the end, those that want to or `all`, and go. */
static void end_marks(struct watched *w, uint32_t mask, bool all, struct list *gone)
{
    const struct watch_event end = {.mask = mask}, ignored = {.mask = LX_IN_IGNORED};
    bool last = !w || list_empty(&w->marks);
    while (!last) {
        struct mark *m = list_first_entry(&w->marks, struct mark, link);
        last = m->link.next == &w->marks; /* then w goes with it */
        if (!(all || (m->mask & mask)) || m->ops->event(m, &end))
            (void) m->ops->event(m, &ignored);
        take_out(m);
        list_add_tail(&m->link, gone);
    }
}

/* The object is gone for good: its marks hear that and go, too. */
static void saw_end(struct super *sb, uint64_t ino)
{
    struct list gone = LIST_INIT(gone);
    mutex_lock(&sb->watch_lock);
    end_marks(find(sb, ino), LX_IN_DELETE_SELF, false, &gone);
    mutex_unlock(&sb->watch_lock);
    tell_gone(&gone);
}

void vfs_saw_unmount(struct super *sb)
{
    struct list gone = LIST_INIT(gone);
    struct htab_node *n;
    mutex_lock(&sb->watch_lock);
    while ((n = htab_first(&sb->watched)))
        end_marks(container_of(n, struct watched, link), LX_IN_UNMOUNT, true, &gone);
    mutex_unlock(&sb->watch_lock);
    tell_gone(&gone);
}

void node_closed(struct node *n)
{
    bool ended = false;
    if (atomic_fetch_sub(&n->openings, 1) != 1 || !super_is_watched(n->sb))
        return;
    mutex_lock(&n->sb->watch_lock);
    struct watched *w = find(n->sb, n->ino);
    if (w && w->removed && atomic_load(&n->openings) == 0)
        ended = true;
    mutex_unlock(&n->sb->watch_lock);
    if (ended)
        saw_end(n->sb, n->ino);
}

/* A name of n is gone: was it the last one? */
static void name_gone(struct node *n)
{
    struct attr a;
    bool ended = false;
    if (n->type != LX_S_IFDIR && n->ops->getattr(n, &a) == 0 && a.nlink)
        return;
    mutex_lock(&n->sb->watch_lock);
    struct watched *w = find(n->sb, n->ino);
    if (w) {
        w->removed = true;
        ended = atomic_load(&n->openings) == 0;
    }
    mutex_unlock(&n->sb->watch_lock);
    if (ended)
        saw_end(n->sb, n->ino);
}

/* ---- what happens ---- */

/* The directory that d is in and its name there, as far as it is in one. */
static bool parent_of(struct dentry *d, struct super **ret_sb, uint64_t *ret_ino,
                      char name[static GUEST_NAME_CAP], size_t *ret_len)
{
    bool found = false;
    if (!d->sb)
        return false;
    mutex_lock(&d->sb->tree_lock);
    if (d->parent && d->parent->node && d->len < GUEST_NAME_CAP) {
        *ret_sb = d->parent->node->sb; /* kept by its mount */
        *ret_ino = d->parent->node->ino;
        *ret_len = d->len;
        memcpy(name, d->name, d->len);
        found = true;
    }
    mutex_unlock(&d->sb->tree_lock);
    return found;
}

bool file_is_watched(const struct file *f)
{
    char name[GUEST_NAME_CAP];
    struct node *n = path_node(&f->path);
    struct super *sb;
    uint64_t ino;
    size_t len;
    if (!n || !super_is_watched(n->sb))
        return false;
    if (node_is_watched(n))
        return true;
    if (!parent_of(f->path.dentry, &sb, &ino, name, &len))
        return false;
    MUTEX_GUARD(&sb->watch_lock);
    return find(sb, ino) != NULL;
}

/* Directory first, as Linux does. */
static void saw_through(struct dentry *d, uint32_t mask)
{
    struct node *n = d->node;
    char name[GUEST_NAME_CAP];
    struct watch_event e = {.mask = mask | dir_bit(n->type),
                            .unlinked = atomic_load_explicit(&d->gone, memory_order_relaxed)};
    struct super *sb;
    uint64_t ino;
    if (parent_of(d, &sb, &ino, name, &e.len)) {
        e.name = name;
        deliver(sb, ino, &e);
        e.name = NULL;
        e.len = 0;
    }
    deliver(n->sb, n->ino, &e);
}

void vfs_saw_at(const struct path *p, uint32_t mask)
{
    if (p->dentry && p->dentry->node && super_is_watched(p->dentry->node->sb))
        saw_through(p->dentry, mask);
}

void vfs_saw_change(const struct path *p, uint32_t attr_mask)
{
    const uint32_t atime = ATTR_ATIME | ATTR_ATIME_NOW, mtime = ATTR_MTIME | ATTR_MTIME_NOW;
    uint32_t events = 0;
    if (attr_mask & (ATTR_UID | ATTR_GID | ATTR_MODE))
        events |= LX_IN_ATTRIB;
    if (attr_mask & ATTR_SIZE)
        events |= LX_IN_MODIFY;
    if ((attr_mask & atime) && (attr_mask & mtime))
        events |= LX_IN_ATTRIB;
    else if (attr_mask & (atime | mtime))
        events |= attr_mask & atime ? LX_IN_ACCESS : LX_IN_MODIFY;
    for (uint32_t bit = LX_IN_ACCESS; bit <= LX_IN_ATTRIB; bit <<= 1)
        if (events & bit)
            vfs_saw_at(p, bit);
}

void vfs_saw_file(const struct file *f, uint32_t mask)
{
    vfs_saw_at(&f->path, mask);
}

void vfs_saw_name(struct node *dir, const char *name, size_t len, uint32_t mask, uint32_t type)
{
    if (super_is_watched(dir->sb))
        deliver(dir->sb, dir->ino,
                &(struct watch_event){.mask = mask | dir_bit(type), .name = name, .len = len});
}

void vfs_saw_unlink(struct node *dir, const char *name, size_t len, struct node *n)
{
    if (!super_is_watched(dir->sb))
        return;
    if (n->type != LX_S_IFDIR)
        saw_node(n, LX_IN_ATTRIB);
    name_gone(n);
    vfs_saw_name(dir, name, len, LX_IN_DELETE, n->type);
}

void vfs_saw_link(struct node *dir, const char *name, size_t len, struct node *n)
{
    if (!super_is_watched(dir->sb))
        return;
    saw_node(n, LX_IN_ATTRIB);
    vfs_saw_name(dir, name, len, LX_IN_CREATE, n->type);
}

void vfs_saw_move(const struct watch_move *m)
{
    struct super *sb = m->from_dir->sb;
    if (!super_is_watched(sb))
        return;
    struct watch_event e = {.mask = LX_IN_MOVED_FROM | dir_bit(m->moved->type),
                            .cookie = atomic_fetch_add(&sb->moves, 1) + 1,
                            .name = m->from,
                            .len = m->from_len};
    deliver(sb, m->from_dir->ino, &e);
    e.mask = LX_IN_MOVED_TO | dir_bit(m->moved->type);
    e.name = m->to;
    e.len = m->to_len;
    deliver(sb, m->to_dir->ino, &e);
    if (m->replaced && m->replaced->type != LX_S_IFDIR)
        saw_node(m->replaced, LX_IN_ATTRIB);
    /* Told without LX_IN_ISDIR, of directories too. */
    deliver(sb, m->moved->ino, &(struct watch_event){.mask = LX_IN_MOVE_SELF});
    if (m->replaced)
        name_gone(m->replaced);
}
