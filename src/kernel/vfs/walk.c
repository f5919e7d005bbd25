/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The walk. The hot path is a run of cached components of one super: its tree_lock is taken once
 * for the run, nothing is referenced and nothing allocated before the end of it. The lock is let go
 * for whatever may take long or needs another lock: permissions that must be asked for, symlinks,
 * other supers.
 */
#include "kernel/vfs/walk.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "abi/linux/stat.h"
#include "kernel/vfs/mount_table.h"
#include "kernel/vfs/walk_state.h"
#include "rpc/spec.h"

/* ---- where we are ---- */

static void unlock(struct walk *s)
{
    if (!s->locked)
        return;
    if (s->hold == HOLD_LOCK) {
        dentry_get(s->cur.dentry);
        s->hold = HOLD_OWN;
    }
    mutex_unlock(&s->locked->tree_lock);
    s->locked = NULL;
    if (s->drop) {
        dentry_put(s->drop);
        s->drop = NULL;
    }
    if (!list_empty(&s->dying))
        dentry_reap(&s->dying);
}

static void lock_for(struct walk *s, struct super *sb)
{
    if (s->locked == sb)
        return;
    unlock(s);
    mutex_lock(&sb->tree_lock);
    s->locked = sb;
}

/*
 * Goes to (mnt, d), which `hold` keeps alive; with HOLD_OWN the reference is consumed. mnt is where
 * we are, or stable; no lock is held in the second case.
 */
static void move(struct walk *s, struct mount *mnt, struct dentry *d, enum walk_hold hold)
{
    if (s->hold == HOLD_OWN) {
        if (s->locked)
            s->drop = s->cur.dentry; /* at most one: only unlock() makes owned ones */
        else
            dentry_put(s->cur.dentry);
    }
    if (unlikely(s->own_mnt) && mnt != s->cur.mnt) {
        mount_put(s->cur.mnt);
        s->own_mnt = false;
    }
    s->cur = (struct path){.mnt = mnt, .dentry = d};
    s->hold = hold;
}

/* The same with a reference on mnt, which is consumed. No lock is held. */
static void move_across(struct walk *s, struct mount *mnt, struct dentry *d, enum walk_hold hold)
{
    struct mount *old = s->own_mnt ? s->cur.mnt : NULL;
    s->own_mnt = false;
    move(s, mnt, d, hold);
    s->own_mnt = true;
    mount_put(old);
}

static bool same_path(const struct path *a, const struct path *b)
{
    return a->dentry == b->dentry && a->mnt == b->mnt;
}

/* Up to the top of what is mounted here. The tree_lock keeps it mounted until we have it. */
static int cross_mounts(struct walk *s)
{
    while (unlikely(dentry_has_mounts(s->cur.dentry))) {
        lock_for(s, dentry_super(s->cur.dentry));
        struct mount *m = mount_at(s->cur.mnt, s->cur.dentry);
        if (!m)
            return 0;
        if (s->flags & WALK_NO_XDEV)
            return -EXDEV;
        mount_get(m);
        unlock(s);
        move_across(s, m, m->root, HOLD_STABLE);
    }
    return 0;
}

/* Is s.cur `top` or below it? Its lock is held, and perhaps another one afterwards: ghosts lead
 * from one super to another, but they stay. */
static bool is_below(struct walk *s, const struct dentry *top)
{
    struct dentry *d = s->cur.dentry;
    while (d != top && d->sb) {
        lock_for(s, d->sb);
        d = d->parent;
    }
    return d == top;
}

/*
 * Has a rename moved the directory out of where we were? Then ".." would lead past s.root, which
 * RESOLVE_BENEATH and RESOLVE_IN_ROOT promise not to happen: openat2(2), EAGAIN; or out of what a
 * mount shows of its file system.
 */
static int check_connected(struct walk *s)
{
    const struct dentry *top = s->cur.mnt->root;
    if ((s->flags & (WALK_BENEATH | WALK_IN_ROOT)) && s->cur.mnt == s->root.mnt &&
        !is_below(s, s->root.dentry))
        return -EAGAIN;
    return top->sb && !is_below(s, top) ? -ENOENT : 0;
}

static int go_up(struct walk *s)
{
    for (;;) {
        struct path up;
        if (same_path(&s->cur, &s->root))
            return s->flags & WALK_BENEATH ? -EXDEV : 0;
        if (s->cur.dentry != s->cur.mnt->root)
            break;
        unlock(s);
        if (!mount_up(s->cur.mnt, &up))
            return 0;
        if (s->flags & WALK_NO_XDEV) {
            path_put(&up);
            return -EXDEV;
        }
        move_across(s, up.mnt, up.dentry, HOLD_OWN);
    }
    if (!s->cur.dentry->sb)
        return 0; /* anonymous: nothing above */
    lock_for(s, s->cur.dentry->sb);
    move(s, s->cur.mnt, s->cur.dentry->parent, HOLD_LOCK);
    int r = check_connected(s);
    return r < 0 ? r : cross_mounts(s);
}

/* ---- symlinks ---- */

static void text_done(struct walk_text *t)
{
    node_put(t->held);
    free(t->heap);
    *t = (struct walk_text){0};
}

/* The link's text; for supers nobody else changes it is read once in a node's life. */
static int read_link(struct walk *s, struct node *n, struct walk_text *ret)
{
    char *text = atomic_load_explicit(&n->link_text, memory_order_acquire);
    if (!text) {
        text = malloc(GUEST_PATH_MAX);
        if (!text)
            return -ENOMEM;
        ssize_t r =
            n->ops->readlink ? n->ops->readlink(n, s->w->task, text, GUEST_PATH_MAX - 1) : -EINVAL;
        if (r <= 0 || r >= GUEST_PATH_MAX) {
            free(text);
            return r < 0 ? (int) r : r == 0 ? -ENOENT : -ENAMETOOLONG;
        }
        text[r] = 0;
        char *expected = NULL, *fit = n->sb->exclusive ? realloc(text, (size_t) r + 1) : NULL;
        if (fit)
            text = fit;
        if (!n->sb->exclusive) {
            *ret = (struct walk_text){.rest = text, .heap = text};
            return 0;
        }
        if (!atomic_compare_exchange_strong(&n->link_text, &expected, text)) {
            free(text);
            text = expected;
        }
    }
    *ret = (struct walk_text){.rest = text, .held = node_get(n)};
    return 0;
}

static int follow_magic(struct walk *s, struct node *n)
{
    struct path p;
    if (s->flags & WALK_NO_MAGIC)
        return -ELOOP;
    if (s->flags & (WALK_BENEATH | WALK_IN_ROOT))
        return -EXDEV;
    int r = n->ops->follow(n, s->w->task, &p);
    if (r < 0)
        return r;
    if ((s->flags & WALK_NO_XDEV) && p.mnt != s->cur.mnt) {
        path_put(&p);
        return -EXDEV;
    }
    move_across(s, p.mnt, p.dentry, HOLD_OWN);
    return 0;
}

static int jump_to_root(struct walk *s)
{
    if (s->flags & WALK_BENEATH)
        return -EXDEV;
    if ((s->flags & WALK_NO_XDEV) && s->root.mnt != s->cur.mnt)
        return -EXDEV;
    unlock(s);
    move(s, s->root.mnt, s->root.dentry, HOLD_STABLE);
    return 0;
}

/* s.cur is the symlink, `dir` (consumed) where it was found. Its text is walked next, from there.
 */
static int follow_link(struct walk *s, struct path *dir)
{
    struct node *n = s->cur.dentry->node;
    struct walk_text t;
    if (++s->n_links > WALK_MAX_LINKS || (s->flags & WALK_NO_SYMLINKS) ||
        (path_mount_flags(&s->cur) & MOUNT_F_NOSYMFOLLOW)) {
        path_put(dir);
        return -ELOOP;
    }
    if (n->ops->follow) {
        path_put(dir);
        return follow_magic(s, n);
    }
    int r = read_link(s, n, &t);
    if (r < 0) {
        path_put(dir);
        return r;
    }
    move_across(s, dir->mnt, dir->dentry, HOLD_OWN);
    if (*s->text.rest)
        s->stack[s->depth++] = s->text;
    else
        text_done(&s->text);
    s->text = t;
    if (*t.rest == '/')
        return jump_to_root(s);
    return 0;
}

/* ---- components ---- */

static int may_search(struct walk *s)
{
    struct node *n = s->cur.dentry->node;
    if (n->type != LX_S_IFDIR)
        return -ENOTDIR;
    if (likely(search_is_free(s->w, n)))
        return 0;
    unlock(s);
    return path_permission(s->w, &s->cur, MAY_EXEC);
}

/* The child of s.cur, borrowed under the lock this takes. */
static int find_child(struct walk *s, const char *name, size_t len, struct dentry **ret)
{
    struct dentry *dir = s->cur.dentry;
    struct super *sb = dir->node->sb;
    lock_for(s, sb);
    int r = dcache_lookup(dir, name, len, ret, &s->dying);
    if (likely(r != -EMFILE && r != -ENFILE))
        return r;
    if (s->hold == HOLD_LOCK) { /* not to be dropped itself */
        dentry_get(dir);
        s->hold = HOLD_OWN;
    }
    dcache_shrink(sb, &s->dying);
    unlock(s);
    lock_for(s, sb);
    return dcache_lookup(dir, name, len, ret, &s->dying);
}

/*
 * s.cur is a directory that may be searched; goes to `name` in it. `follow`: also through a
 * symlink. 1: a symlink is being followed.
 */
static int step(struct walk *s, const char *name, size_t len, bool follow)
{
    struct path dir = s->cur;
    struct dentry *d;
    int r = find_child(s, name, len, &d);
    if (r < 0)
        return r;
    bool link = d->node->type == LX_S_IFLNK && follow;
    if (link)
        path_get(&dir); /* still alive by s.hold; a relative link starts there */
    move(s, dir.mnt, d, HOLD_LOCK);
    r = cross_mounts(s);
    if (!link || r < 0) {
        if (link) {
            unlock(s);
            path_put(&dir);
        }
        return r;
    }
    unlock(s);
    s->at_last = false;
    r = follow_link(s, &dir);
    return r < 0 ? r : 1;
}

/* Cuts the next component off the text; false at its end. */
static bool next_component(struct walk *s, const char **ret_name, size_t *ret_len, bool *ret_slash)
{
    const char *p = s->text.rest;
    while (*p == '/')
        p++;
    const char *end = strchrnul(p, '/');
    *ret_name = p;
    *ret_len = (size_t) (end - p);
    *ret_slash = *end == '/';
    while (*end == '/')
        end++;
    s->text.rest = end;
    return *ret_len > 0;
}

static enum last_kind kind_of(const char *name, size_t len)
{
    if (name[0] != '.' || len > 2)
        return LAST_NAME;
    if (len == 1)
        return LAST_DOT;
    return name[1] == '.' ? LAST_DOTDOT : LAST_NAME;
}

/* ---- runs ---- */

#define RUN_BYTES 512

/* May a run of names go through d without asking for it? */
static bool is_plain_dir(struct dentry *d)
{
    return d && d->node && d->node->type == LX_S_IFDIR && !d->ghost && !dentry_has_mounts(d);
}

/*
 * Where each name must be asked for, the directories in front of the last component are asked for
 * in one: a run of cached ones, and then whether the path leads to the last of them. Whatever is
 * unusual ends the run, and goes on name by name.
 */
static void run(struct walk *s)
{
    struct dentry *start = s->cur.dentry, *d = start;
    struct super *sb = start->node->sb;
    const char *rest = s->text.rest;
    char path[RUN_BYTES];
    size_t used = 0, n_names = 0;
    if (likely(sb->exclusive || sb->trust_ns || !start->node->ops->leads_to))
        return;
    lock_for(s, sb);
    for (;;) {
        const char *name = rest + strspn(rest, "/"), *end = strchrnul(name, '/');
        size_t len = (size_t) (end - name);
        end += strspn(end, "/");
        if (!len || !*end || len >= sizeof(path) - used || kind_of(name, len) != LAST_NAME ||
            !search_is_free(s->w, d->node))
            break;
        struct dentry *child = dcache_find(d, name, len);
        if (!is_plain_dir(child))
            break;
        memcpy(path + used, name, len);
        used += len;
        path[used++] = '/';
        d = child;
        rest = end;
        n_names++;
    }
    if (n_names < 2)
        return;
    path[used - 1] = 0;
    if (!start->node->ops->leads_to(start->node, path, d->node) || dcache_hold(d) < 0)
        return;
    move(s, s->cur.mnt, d, HOLD_LOCK);
    s->text.rest = rest;
}

static int set_last(struct walk *s, const char *name, size_t len)
{
    s->last.kind = len ? kind_of(name, len) : LAST_NONE;
    memcpy(s->last.name, name, len);
    s->last.name[len] = 0;
    s->last.len = len;
    s->at_last = true;
    return 0;
}

int walk_parent(struct walk *s)
{
    s->at_last = false;
    for (;;) {
        const char *name;
        size_t len;
        run(s);
        bool slash, some = next_component(s, &name, &len, &slash);
        if (!some && s->depth) { /* a link's text is done */
            text_done(&s->text);
            s->text = s->stack[--s->depth];
            continue;
        }
        bool last = !*s->text.rest && !s->depth;
        if (last && !some) {
            unlock(s);
            s->must_be_dir = true;
            return set_last(s, name, 0);
        }
        if (last && slash)
            s->must_be_dir = true;
        int r = may_search(s);
        bool fits = len < GUEST_NAME_CAP;
        if (r == 0 && !fits && !(last && (s->flags & WALK_LONG_LAST)))
            r = -ENAMETOOLONG;
        if (r == 0 && last) {
            unlock(s);
            r = set_last(s, name, fits ? len : 0);
            if (!fits)
                s->last.kind = LAST_LONG;
            return r;
        }
        enum last_kind kind = kind_of(name, len);
        if (r == 0 && kind == LAST_DOTDOT)
            r = go_up(s);
        else if (r == 0 && kind == LAST_NAME)
            r = step(s, name, len, true);
        if (r < 0) {
            unlock(s);
            return r;
        }
    }
}

int walk_last(struct walk *s)
{
    int r = 0;
    bool follow = s->must_be_dir || !(s->flags & WALK_NOFOLLOW);
    if (s->last.kind == LAST_DOTDOT)
        r = go_up(s);
    else if (s->last.kind == LAST_NAME)
        r = step(s, s->last.name, s->last.len, follow);
    unlock(s);
    /* A magic link has arrived already; a text is walked on. */
    if (r == 1 && !*s->text.rest)
        r = 0;
    return r;
}

int walk_check_end(const struct walk *s)
{
    struct node *n = s->cur.dentry->node;
    if ((s->must_be_dir || (s->flags & WALK_DIRECTORY)) && (!n || n->type != LX_S_IFDIR))
        return -ENOTDIR;
    return 0;
}

int walk_begin(struct walk *s, const struct walkctx *w, const struct path *at, const char *name,
               uint32_t flags)
{
    s->w = w;
    s->flags = flags;
    s->locked = NULL;
    s->drop = NULL;
    s->depth = s->n_links = 0;
    s->must_be_dir = s->at_last = s->own_mnt = false;
    s->text = (struct walk_text){.rest = name};
    list_init(&s->dying);
    s->cur = at ? *at : w->cwd;
    s->hold = HOLD_STABLE;
    s->root = flags & (WALK_BENEATH | WALK_IN_ROOT) ? s->cur : w->root;
    if (!*name)
        return -ENOENT;
    if (*name == '/') {
        if (!(flags & WALK_IN_ROOT)) /* no crossing: it starts there */
            s->cur.mnt = s->root.mnt;
        return jump_to_root(s);
    }
    return s->cur.dentry && s->cur.dentry->node ? 0 : -ENOTDIR;
}

void walk_take(struct walk *s, struct path *ret)
{
    if (s->hold != HOLD_OWN)
        dentry_get(s->cur.dentry);
    if (!s->own_mnt)
        mount_get(s->cur.mnt);
    *ret = s->cur;
    s->hold = HOLD_STABLE; /* by the caller's reference now */
    s->own_mnt = false;
}

void walk_end(struct walk *s)
{
    unlock(s);
    if (s->hold == HOLD_OWN)
        dentry_put(s->cur.dentry);
    s->hold = HOLD_STABLE;
    if (s->own_mnt)
        mount_put(s->cur.mnt);
    s->own_mnt = false;
    while (s->depth)
        text_done(&s->stack[--s->depth]);
    text_done(&s->text);
}

int walk_to_parent(struct walk *s, const struct walkctx *w, const struct path *at, const char *name,
                   uint32_t flags)
{
    int r = walk_begin(s, w, at, name, flags);
    return r < 0 ? r : walk_parent(s);
}

/* ---- the plain walk ---- */

/* A name that is not there, for those who want to make it. */
static int negative(struct walk *s, struct path *ret)
{
    struct dentry *dir = s->cur.dentry;
    struct dentry *d = dentry_new(dir->node->sb, dir, s->last.name, s->last.len, NULL);
    if (!d)
        return -ENOMEM;
    mount_get(s->cur.mnt);
    *ret = (struct path){.mnt = s->cur.mnt, .dentry = d};
    return 0;
}

int path_walk(const struct walkctx *w, const struct path *at, const char *name, uint32_t flags,
              struct path *ret)
{
    struct walk s;
    int r;
    if (!*name && (flags & WALK_EMPTY)) {
        struct path p = at ? *at : w->cwd;
        struct node *n = path_node(&p);
        if ((flags & WALK_DIRECTORY) && (!n || n->type != LX_S_IFDIR))
            return -ENOTDIR;
        path_get(&p);
        *ret = p;
        return 0;
    }
    r = walk_begin(&s, w, at, name, flags);
    while (r == 0) {
        r = walk_parent(&s);
        if (r == 0)
            r = walk_last(&s);
        if (r != 1)
            break;
        r = 0;
    }
    if (r == 0)
        r = walk_check_end(&s);
    if (r == 0)
        walk_take(&s, ret);
    else if (r == -ENOENT && (flags & WALK_CREATE) && s.at_last && s.last.kind == LAST_NAME)
        r = negative(&s, ret);
    walk_end(&s);
    return r;
}
