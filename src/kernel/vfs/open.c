/* SPDX-License-Identifier: Apache-2.0 */
/* open(2): finding, making, checking, and then the file system's own open. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "abi/linux/fcntl.h"
#include "abi/linux/inotify.h"
#include "abi/linux/stat.h"
#include "kernel/task/cred.h"
#include "kernel/vfs/acl.h"
#include "kernel/vfs/attr.h"
#include "kernel/vfs/mount_table.h"
#include "kernel/vfs/node.h"
#include "kernel/vfs/walk_state.h"
#include "kernel/vfs/watch.h"
#include "rpc/spec.h"

#define TMPFILE_BIT (LX_O_TMPFILE & ~(uint32_t) LX_O_DIRECTORY)
/* What a file does not keep of the flags it was opened with. */
#define ONLY_AT_OPEN \
    (LX_O_CREAT | LX_O_EXCL | LX_O_NOCTTY | LX_O_TRUNC | LX_O_CLOEXEC | TMPFILE_BIT)
#define NOT_FOR_DRIVERS ((uint32_t) (LX_O_NOFOLLOW | (ONLY_AT_OPEN & ~LX_O_NOCTTY)))
/* What O_PATH leaves of its fellows. */
#define WITH_PATH (LX_O_PATH | LX_O_DIRECTORY | LX_O_NOFOLLOW | LX_O_CLOEXEC)

/* ---- O_PATH ---- */

static void opath_release(struct file *f)
{
    free(f);
}

/* Nothing but a place: the lookups of descriptors refuse it where a file is needed. */
static const struct file_ops opath_ops = {.release = opath_release};

static int open_place(const struct path *p, uint32_t flags, struct file **ret)
{
    struct file *f = calloc(1, sizeof(*f));
    if (!f)
        return -ENOMEM;
    file_init(f, &opath_ops, flags & ~(uint32_t) LX_O_CLOEXEC);
    file_set_path(f, p);
    *ret = f;
    return 0;
}

/* ---- an object that is there ---- */

static uint32_t wanted(uint32_t flags)
{
    static const uint8_t by_mode[] = {MAY_READ, MAY_WRITE, MAY_READ | MAY_WRITE,
                                      MAY_READ | MAY_WRITE};
    return by_mode[flags & LX_O_ACCMODE] | (flags & LX_O_TRUNC ? (uint32_t) MAY_WRITE : 0);
}

static int check_type(const struct path *p, const struct node *n, uint32_t flags)
{
    if ((flags & LX_O_DIRECTORY) && n->type != LX_S_IFDIR)
        return -ENOTDIR;
    switch (n->type) {
    case LX_S_IFLNK:
        return -ELOOP;
    case LX_S_IFDIR:
        return (wanted(flags) & MAY_WRITE) || (flags & LX_O_CREAT) ? -EISDIR : 0;
    case LX_S_IFCHR:
    case LX_S_IFBLK:
        return path_mount_flags(p) & MOUNT_F_NODEV ? -EACCES : 0;
    default:
        return 0;
    }
}

/* O_NOATIME is the owner's. */
static bool noatime_is_free(const struct walkctx *w, uint32_t flags)
{
    return !(flags & LX_O_NOATIME) || cred_capable(w->cred, LX_CAP_FOWNER);
}

static int check_noatime(const struct walkctx *w, const struct path *p, uint32_t flags)
{
    struct attr a;
    if (noatime_is_free(w, flags))
        return 0;
    int r = path_getattr(p, &a);
    if (r < 0)
        return r;
    return a.uid == w->cred->fsuid ? 0 : -EPERM;
}

/* Through the file where it may write; O_RDONLY|O_TRUNC is allowed, and then it is the node's
 * business. */
static int truncate_opened(struct file *f, struct node *n)
{
    const struct attr a = {.size = 0};
    if (n->type != LX_S_IFREG)
        return 0;
    if (f->ops->setattr && (atomic_load(&f->flags) & LX_O_ACCMODE) != LX_O_RDONLY)
        return f->ops->setattr(f, &a, ATTR_SIZE);
    return n->ops->setattr ? n->ops->setattr(n, &a, ATTR_SIZE) : -EPERM;
}

/* Regular files only: nobody counts who writes to the rest. */
static bool is_writer(const struct node *n, uint32_t flags)
{
    return n->type == LX_S_IFREG && (wanted(flags) & MAY_WRITE);
}

/* Reading a file of a mount with noatime is for its file system as if with O_NOATIME. */
static bool leaves_atime(const struct path *p, uint32_t type)
{
    uint32_t flags = path_mount_flags(p);
    return (flags & MOUNT_F_NOATIME) || ((flags & MOUNT_F_NODIRATIME) && type == LX_S_IFDIR);
}

/* For an object of this type at p, or in the directory p. */
static struct open_args args_for_driver(const struct walkctx *w, const struct path *p,
                                        uint32_t type, uint32_t flags)
{
    uint32_t noatime = leaves_atime(p, type) ? LX_O_NOATIME : 0;
    return (struct open_args){.flags = ((flags | LX_O_LARGEFILE) & ~NOT_FOR_DRIVERS) | noatime,
                              .truncates = flags & LX_O_TRUNC,
                              .task = w->task,
                              .cred = w->cred};
}

/*
 * f (consumed, also on error) is what the file system has opened at p: what is the same for all.
 * `writer`: it has been counted as one.
 */
static int finish(const struct path *p, uint32_t flags, bool writer, struct file *f,
                  struct file **ret)
{
    struct node *n = path_node(p);
    int r = 0;
    if (!f->path.dentry)
        file_set_path(f, p);
    f->is_writer = writer;
    if (writer)
        atomic_fetch_add(&f->path.mnt->writers, 1);
    file_opened(f);
    if (flags & LX_O_TRUNC) {
        r = truncate_opened(f, n);
        if (r == 0 && n->type == LX_S_IFREG)
            vfs_saw_at(p, LX_IN_MODIFY);
    }
    if (r < 0) {
        file_put(f);
        return r;
    }
    atomic_fetch_and(&f->flags, ~(ONLY_AT_OPEN | (~flags & (uint32_t) LX_O_NOATIME)));
    atomic_fetch_or(&f->flags, flags & LX_O_NOFOLLOW);
    *ret = f;
    return 0;
}

/* The file system's open. The permissions have been looked at. */
static int open_node(const struct walkctx *w, const struct path *p, uint32_t flags,
                     struct file **ret)
{
    struct node *n = path_node(p);
    struct open_args a = args_for_driver(w, p, n->type, flags);
    struct file *f;
    if (!n->ops->open)
        return -ENXIO;
    bool writer = is_writer(n, flags);
    int r = writer ? node_begin_write(n) : 0;
    if (r < 0)
        return r;
    r = n->ops->open(n, &a, &f);
    if (r == -EMFILE || r == -ENFILE) { /* cached nodes have some */
        super_shrink(n->sb);
        r = n->ops->open(n, &a, &f);
    }
    if (r < 0) {
        if (writer)
            node_end_write(n);
        return r;
    }
    return finish(p, flags, writer, f, ret);
}

int path_open_at(const struct walkctx *w, const struct path *p, uint32_t flags, struct file **ret)
{
    struct node *n = path_node(p);
    if (!n)
        return -ENOENT;
    if (flags & LX_O_PATH)
        return (flags & LX_O_DIRECTORY) && n->type != LX_S_IFDIR
                   ? -ENOTDIR
                   : open_place(p, flags & WITH_PATH, ret);
    int r = check_type(p, n, flags);
    if (r == 0)
        r = path_permission(w, p, wanted(flags));
    if (r == 0)
        r = check_noatime(w, p, flags);
    return r < 0 ? r : open_node(w, p, flags, ret);
}

/* ---- by name: node_ops.open_at ---- */

/* The child that the name of a walk leads to, as opened. */
struct named {
    struct node *node;    /* referenced */
    struct dentry *known; /* referenced; NULL: it was not in the cache */
    struct file *file;
    struct attr attr;
};

/* [tree_lock] What the cache knows: 0: *ret, borrowed, or NULL; 1: to be walked to; -ENOENT. */
static int cached_child(struct walk *s, struct dentry **ret)
{
    struct super *sb = s->cur.dentry->node->sb;
    struct dentry *d = dcache_find(s->cur.dentry, s->last.name, s->last.len);
    if (d && (d->ghost || dentry_has_mounts(d)))
        return 1;
    if (d && !d->node) {
        if (sb->exclusive)
            return -ENOENT;
        d = NULL;
    }
    if (d && d->node->type != LX_S_IFREG && d->node->type != LX_S_IFDIR)
        return 1;
    *ret = d;
    return 0;
}

/*
 * A file that is not in the cache is opened and put there under the lock, so that no other call
 * gives the name to something else in between.
 */
static int open_child(struct walk *s, const struct open_args *a, struct named *x)
{
    struct dentry *dir = s->cur.dentry, *d;
    struct node *n = dir->node;
    struct list dying = LIST_INIT(dying);
    *x = (struct named){0};
    mutex_lock(&n->sb->tree_lock);
    int r = cached_child(s, &d);
    if (r == 0 && d)
        x->known = dentry_get(d);
    if (r == 0 && !d && atomic_load(&dir->gone))
        r = -ENOENT;
    if (r == 0 && !d) {
        r = n->ops->open_at(n, s->last.name, NULL, a, &x->attr, &x->node, &x->file);
        if (r == 0)
            r = dcache_enter(dir, s->last.name, s->last.len, node_get(x->node), &x->known, &dying);
    }
    mutex_unlock(&n->sb->tree_lock);
    dentry_reap(&dying);
    if (r == 0 && !x->file) {
        r = n->ops->open_at(n, s->last.name, x->known->node, a, &x->attr, &x->node, &x->file);
        r = r == -ENOENT ? 1 : r; /* what the cache knows is no longer so */
    }
    return r;
}

static void named_done(struct named *x)
{
    file_put(x->file);
    dentry_put(x->known);
    node_put(x->node);
}

/* The file is open, but nobody has seen it yet: may it be? */
static int check_named(const struct walk *s, const struct named *x, uint32_t flags)
{
    if (x->node->type == LX_S_IFDIR && ((wanted(flags) & MAY_WRITE) || (flags & LX_O_CREAT)))
        return -EISDIR;
    int r = place_permission(s->w, &s->cur, x->node, &x->attr, wanted(flags));
    if (r == 0 && !noatime_is_free(s->w, flags) && x->attr.uid != s->w->cred->fsuid)
        r = -EPERM;
    if (r == 0 && is_writer(x->node, flags))
        r = node_begin_write(x->node);
    return r;
}

/*
 * The permission is looked at when the file is open: that is no harm, but for writing. Who may not
 * write must not make the host prepare for it (an overlay of the host copies the whole file).
 */
static bool may_try(const struct walk *s, uint32_t flags)
{
    struct node *dir = s->cur.dentry->node;
    struct attr a;
    if (!(wanted(flags) & MAY_WRITE))
        return true;
    if (path_mount_flags(&s->cur) & MOUNT_F_RDONLY)
        return false;
    if (cred_capable(s->w->cred, LX_CAP_DAC_OVERRIDE))
        return true;
    int r = dir->ops->getattr_at(dir, s->last.name, &a);
    return r < 0 || place_permission(s->w, &s->cur, NULL, &a, wanted(flags)) == 0;
}

/*
 * The last component, opened by its name: no lookup, and the file's own descriptor holds the node.
 * 1: it must be walked to.
 */
static int open_by_name(struct walk *s, uint32_t flags, struct file **ret)
{
    struct node *dir = s->cur.dentry->node;
    struct named x;
    if (s->last.kind != LAST_NAME || !dir->ops->open_at || (flags & LX_O_PATH) ||
        (path_mount_flags(&s->cur) & MOUNT_F_NODIRATIME) || /* is it a directory? */
        !may_try(s, flags))
        return 1;
    struct open_args a = args_for_driver(s->w, &s->cur, LX_S_IFREG, flags);
    a.flags |= s->must_be_dir ? LX_O_DIRECTORY : 0;
    int r = open_child(s, &a, &x);
    if (r == -EMFILE || r == -ENFILE) {
        named_done(&x);
        super_shrink(dir->sb);
        r = open_child(s, &a, &x);
    }
    if (r == -ENOENT && dir->sb->exclusive && !(flags & LX_O_CREAT))
        r = 1; /* to be remembered */
    if (r == 0)
        r = check_named(s, &x, flags);
    if (r == 0) {
        const struct path p = {.mnt = s->cur.mnt, .dentry = x.known};
        r = finish(&p, flags, is_writer(x.node, flags), x.file, ret);
        x.file = NULL;
    }
    named_done(&x);
    return r;
}

/* ---- making one ---- */

/* [tree_lock] Is it certain that the last component is there? */
static bool is_taken(struct walk *s)
{
    struct dentry *d = dcache_find(s->cur.dentry, s->last.name, s->last.len);
    return d && (d->ghost || dentry_has_mounts(d) || (d->node && d->node->sb->exclusive));
}

/* [tree_lock] The missing last component, made and opened in one. */
static int create_opened(struct walk *s, uint32_t flags, const struct create_args *c,
                         struct dentry **ret, struct file **ret_file, struct list *dying)
{
    struct dentry *dir = s->cur.dentry;
    struct open_args a = args_for_driver(s->w, &s->cur, LX_S_IFREG, flags);
    struct node *n;
    if (atomic_load(&dir->gone))
        return -ENOENT;
    int r = dir->node->ops->create_open(dir->node, s->last.name, c, &a, &n, ret_file);
    if (r == -EEXIST)
        dcache_forget(dir, s->last.name, s->last.len, dying); /* not what we took it for */
    return r < 0 ? r : dcache_enter(dir, s->last.name, s->last.len, n, ret, dying);
}

/*
 * The missing last component, as a regular file. *ret_file: opened, where the file system does both
 * in one, else NULL. -EEXIST: another one was faster.
 */
static int create_at(struct walk *s, uint32_t flags, uint32_t mode, struct path *ret,
                     struct file **ret_file)
{
    struct dentry *dir = s->cur.dentry, *d;
    struct super *sb = dir->node->sb;
    struct create_args a = {.mode = LX_S_IFREG | (mode & 07777), .cred = s->w->cred};
    struct list dying = LIST_INIT(dying);
    if (s->must_be_dir)
        return -EISDIR;
    int r = path_permission(s->w, &s->cur, MAY_WRITE | MAY_EXEC);
    if (r < 0)
        return r;
    *ret_file = NULL;
    a.mode = acl_creation_mode(s->w, dir->node, a.mode);
    mutex_lock(&sb->tree_lock);
    if (dir->node->ops->create_open) /* the making itself tells */
        r = is_taken(s) ? 0 : -ENOENT;
    else
        r = dcache_peek(dir, s->last.name, s->last.len, &d, &dying);
    if (r == 0)
        r = -EEXIST;
    else if (r == -ENOENT && dir->node->ops->create_open)
        r = create_opened(s, flags, &a, &d, ret_file, &dying);
    else if (r == -ENOENT)
        r = dcache_create(dir, s->last.name, s->last.len, &a, &d, &dying);
    mutex_unlock(&sb->tree_lock);
    dentry_reap(&dying);
    if (r < 0) {
        file_put(*ret_file);
        return r;
    }
    vfs_saw_name(dir->node, s->last.name, s->last.len, LX_IN_CREATE, LX_S_IFREG);
    mount_get(s->cur.mnt);
    *ret = (struct path){.mnt = s->cur.mnt, .dentry = d};
    return 0;
}

/* f (consumed) is what was made. Somebody may run it by now. */
static int open_made(const struct path *made, uint32_t flags, struct file *f, struct file **ret)
{
    bool writer = is_writer(path_node(made), flags);
    int r = writer ? node_begin_write(path_node(made)) : 0;
    if (r == 0)
        return finish(made, flags, writer, f, ret);
    file_put(f);
    return r;
}

static int make_and_open(struct walk *s, uint32_t flags, uint32_t mode, struct file **ret)
{
    struct path made;
    struct file *f;
    flags &= ~(uint32_t) LX_O_TRUNC;
    int r = create_at(s, flags, mode, &made, &f);
    if (r < 0)
        return r;
    r = f ? open_made(&made, flags, f, ret) : open_node(s->w, &made, flags, ret);
    path_put(&made);
    if (r == 0)
        (*ret)->is_creator = true;
    return r;
}

/*
 * The last component before it is walked to. 0, an error, or 1: walk to it. O_EXCL: what is there
 * (EEXIST) matters more than why nothing can be made.
 */
static int open_at_once(struct walk *s, uint32_t flags, uint32_t mode, struct file **ret)
{
    int r;
    if (!(flags & LX_O_EXCL)) {
        r = open_by_name(s, flags, ret);
        return r == -ENOENT ? make_and_open(s, flags, mode, ret) : r;
    }
    if (!s->cur.dentry->node->ops->create_open)
        return 1;
    r = make_and_open(s, flags, mode, ret);
    return r < 0 && r != -EEXIST ? 1 : r;
}

/* One try of open(O_CREAT) once the walk stands at the directory. 1: a symlink leads on. */
static int open_last(struct walk *s, uint32_t flags, uint32_t mode, struct file **ret)
{
    if (s->last.kind != LAST_NAME)
        return flags & LX_O_EXCL ? -EEXIST : -EISDIR;
    if (s->must_be_dir)
        return -EISDIR;
    int r = open_at_once(s, flags, mode, ret);
    if (r <= 0)
        return r;
    r = walk_last(s);
    if (r == 1)
        return 1;
    if (r == 0) {
        if (flags & LX_O_EXCL)
            return -EEXIST;
        return path_open_at(s->w, &s->cur, flags, ret);
    }
    return r == -ENOENT && s->at_last ? make_and_open(s, flags, mode, ret) : r;
}

static int open_create(const struct walkctx *w, const struct path *at, const char *name,
                       uint32_t flags, uint32_t mode, uint32_t walk_flags, struct file **ret)
{
    struct walk s;
    if (flags & (LX_O_EXCL | LX_O_NOFOLLOW))
        walk_flags |= WALK_NOFOLLOW;
    int r = walk_to_parent(&s, w, at, name, walk_flags);
    while (r == 0 && (r = open_last(&s, flags, mode, ret)) == 1)
        r = walk_parent(&s);
    walk_end(&s);
    return r;
}

/* ---- O_TMPFILE ---- */

/* A name that nobody finds, for /proc and for linkat(2). */
static int name_tmpfile(struct file *f, const struct path *dir)
{
    char name[32];
    struct node *n = NULL;
    if (f->ops->anon_node) {
        int r = f->ops->anon_node(f, &n);
        if (r < 0)
            return r;
    }
    int len = snprintf(name, sizeof(name), "#%llu", n ? (unsigned long long) n->ino : 0ull);
    struct dentry *d = dentry_new(dir->dentry->node->sb, dir->dentry, name, (size_t) len, n);
    node_put(n);
    if (!d)
        return -ENOMEM;
    atomic_store(&d->gone, true);
    file_set_path(f, &(struct path){.mnt = dir->mnt, .dentry = d});
    dentry_put(d);
    return 0;
}

static int open_tmpfile(const struct walkctx *w, const struct path *dir, uint32_t flags,
                        uint32_t mode, struct file **ret)
{
    struct node *n = path_node(dir);
    struct create_args c = {.mode = LX_S_IFREG | (mode & 07777), .cred = w->cred};
    struct open_args a = {.flags = (flags | LX_O_LARGEFILE) &
                                   ~(uint32_t) (ONLY_AT_OPEN & ~LX_O_EXCL) &
                                   ~(uint32_t) LX_O_DIRECTORY,
                          .task = w->task,
                          .cred = w->cred};
    struct file *f;
    int r = path_permission(w, dir, MAY_WRITE | MAY_EXEC);
    if (r == 0 && !n->ops->tmpfile)
        r = -EOPNOTSUPP;
    if (r == 0) {
        c.mode = acl_creation_mode(w, n, c.mode);
        r = n->ops->tmpfile(n, &c, &a, &f);
    }
    if (r < 0)
        return r;
    r = f->path.dentry ? 0 : name_tmpfile(f, dir);
    if (r < 0) {
        file_put(f);
        return r;
    }
    file_opened(f);
    *ret = f;
    return 0;
}

/* ---- open ---- */

static int open_existing(const struct walkctx *w, const struct path *at, const char *name,
                         uint32_t flags, uint32_t walk_flags, struct file **ret)
{
    struct walk s;
    int r = walk_begin(&s, w, at, name, walk_flags);
    while (r == 0 && (r = walk_parent(&s)) == 0) {
        r = open_by_name(&s, flags, ret);
        if (r <= 0)
            break;
        r = walk_last(&s);
        if (r == 0) {
            r = walk_check_end(&s);
            if (r == 0)
                r = path_open_at(w, &s.cur, flags, ret);
            break;
        }
        r = r == 1 ? 0 : r;
    }
    walk_end(&s);
    return r;
}

#define CREATE_RACES 8 /* made and removed by others between our looks */

int path_open_walk(const struct walkctx *w, const struct path *at, const char *name, uint32_t flags,
                   uint32_t mode, uint32_t walk_flags, struct file **ret)
{
    struct path p;
    int r;
    if (flags & LX_O_PATH)
        flags &= WITH_PATH;
    if ((flags & TMPFILE_BIT) && (!(flags & LX_O_DIRECTORY) || (flags & LX_O_CREAT) ||
                                  !(wanted(flags & ~(uint32_t) LX_O_TRUNC) & MAY_WRITE)))
        return -EINVAL;
    if (flags & LX_O_CREAT) {
        if (flags & LX_O_DIRECTORY)
            return -EINVAL;
        for (int i = 0; i < CREATE_RACES; i++) {
            r = open_create(w, at, name, flags, mode, walk_flags, ret);
            if (r != -EEXIST || (flags & LX_O_EXCL))
                break;
        }
        return r;
    }
    if (flags & LX_O_NOFOLLOW)
        walk_flags |= WALK_NOFOLLOW;
    if (flags & LX_O_DIRECTORY)
        walk_flags |= WALK_DIRECTORY;
    if (!(flags & (LX_O_PATH | TMPFILE_BIT)))
        return open_existing(w, at, name, flags, walk_flags, ret);
    r = path_walk(w, at, name, walk_flags, &p);
    if (r < 0)
        return r;
    r = flags & TMPFILE_BIT ? open_tmpfile(w, &p, flags, mode, ret)
                            : path_open_at(w, &p, flags, ret);
    path_put(&p);
    return r;
}

int path_open(const struct walkctx *w, const struct path *at, const char *name, uint32_t flags,
              uint32_t mode, struct file **ret)
{
    return path_open_walk(w, at, name, flags, mode, 0, ret);
}
