/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The walk behind `cloister diff`: see diff.h. It goes through a layer and, beside it, through the
 * host's directories that shine through: those of the same path, or those that a renamed directory
 * has come from. In a directory that replaced the host's one ("opaque") nothing shines through;
 * what the host has there and the layer has not is deleted.
 */
#include "host/diff.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/sys.h"
#include "host/compare.h"
#include "host/path.h"
#include "host/progress.h"
#include "host/upper_meta.h"
#include "host/xattrs.h"

struct walk {
    const struct kept *k;
    struct changes *out;
    struct progress progress;
    struct fail *f;
    size_t layer;
    size_t below; /* length of the layer's place in a path */
    int root_fd;  /* the layer's own top */
    int base_fd;  /* host's top of the layer, O_PATH; -1: not there */
};

/* A directory of the layer and what shines through. */
struct place {
    int upper_fd;
    int host_fd;      /* O_PATH; -1: nothing */
    const char *path; /* inside; "" for / */
    unsigned depth;
    long top;          /* see struct change */
    uint64_t since_ns; /* top >= 0: when the host's directory was replaced */
};

/* One name in it. */
struct item {
    const char *name;
    char *path;
    struct stat st;
    struct upper_fd file;
    struct upper_meta meta;
    struct object object;
    struct stat host; /* st_nlink 0: none */
    int host_dir;     /* where it is on the host, with this name */
    const char *host_name;
};

static int walk_directory(struct walk *w, const struct place *p);

/* ---- the host's side ---- */

int layer_host_dir(int base_fd, const char *below, int flags, int *ret_fd)
{
    const struct open_how how = {
        .flags = (uint64_t) (flags | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW),
        .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS,
    };
    int fd = host_openat2(base_fd, below[1] ? below + 1 : ".", &how, sizeof(how));

    if (fd < 0)
        return fd;
    *ret_fd = fd;
    return 0;
}

int layer_host_open(const struct kept *k, size_t layer, int *ret_fd)
{
    const struct open_how how = {
        .flags = O_PATH | O_DIRECTORY | O_CLOEXEC,
        .resolve = RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS,
    };
    _cleanup_free_ char *path = path_join(k->meta.root, k->meta.layers[layer].dest);
    int fd = path ? host_openat2(AT_FDCWD, path, &how, sizeof(how)) : -ENOMEM;

    if (fd < 0)
        return fd;
    *ret_fd = fd;
    return 0;
}

/* ---- conflicts ---- */

static uint64_t birth_of(int dirfd, const char *name)
{
    struct statx sx;

    if (statx(dirfd, name, AT_SYMLINK_NOFOLLOW, STATX_BTIME, &sx) < 0 ||
        !(sx.stx_mask & STATX_BTIME) || sx.stx_btime.tv_sec < 0)
        return 0;
    return (uint64_t) sx.stx_btime.tv_sec * 1000000000u + sx.stx_btime.tv_nsec;
}

/* When the sandbox last saw the host's object at this place: at the earliest when it was made, and
 * when it put its own object there. */
static uint64_t seen_at(const struct walk *w, const struct place *p, const struct item *i)
{
    uint64_t birth = p->top >= 0 ? p->since_ns : birth_of(p->upper_fd, i->name);

    return MAX(birth, w->k->meta.created_ns);
}

static const char *find_conflict(const struct walk *w, const struct place *p, const struct item *i,
                                 const struct change *c)
{
    bool origin_counts = i->meta.has_origin && p->top < 0 && !i->meta.redirect;

    if (i->host.st_nlink == 0)
        return origin_counts ? "was removed on the host" : NULL;
    if (i->meta.redirect && c->kind == CHANGE_ADDED)
        return NULL;
    if (origin_counts && !upper_origin_holds(&i->meta.origin, &i->host))
        return "was changed on the host";
    if (!origin_counts && timespec_ns(&i->host.st_ctim) > seen_at(w, p, i))
        return "was made or changed on the host, too";
    if (S_ISDIR(i->host.st_mode) &&
        (c->kind == CHANGE_DELETED || (c->what & CHANGED_TYPE) || i->meta.redirect) &&
        tree_changed_since(i->host_dir, i->host_name,
                           i->meta.whiteout ? timespec_ns(&i->st.st_mtim) : seen_at(w, p, i)))
        return "something in it was changed on the host";
    return NULL;
}

/* Only root can give files away. */
static const char *find_owner_conflict(const struct item *i, const struct change *c)
{
    bool given;

    if (geteuid() == 0 || !i->meta.has_owner ||
        (c->kind == CHANGE_CHANGED && !(c->what & (CHANGED_OWNER | CHANGED_TYPE))))
        return NULL;
    given = (i->object.uid != UNMAPPED_ID && i->object.uid != geteuid()) ||
            (i->object.gid != UNMAPPED_ID && i->object.gid != getegid());
    return given ? "belongs to another user inside, and only root can give it away" : NULL;
}

static bool is_privileged(const struct item *i)
{
    if (S_ISCHR(i->object.mode) || S_ISBLK(i->object.mode))
        return true;
    if (!S_ISREG(i->object.mode))
        return false;
    return (i->object.mode & (S_ISUID | S_ISGID)) || xattrs_capable(i->file.fd);
}

/* ---- one name ---- */

static int add_change(struct walk *w, const struct place *p, struct item *i, struct change *c)
{
    c->layer = w->layer;
    c->below = w->below;
    c->top = p->top;
    c->host = i->host;
    c->path = strdup(i->path);
    if (!c->path) {
        free(c->from);
        return fail(w->f, ENOMEM, "out of memory");
    }
    progress_add(&w->progress, 1, 0);
    return changes_add(w->out, c) < 0 ? fail(w->f, ENOMEM, "out of memory") : 0;
}

static void object_of_host(const struct stat *st, struct object *ret)
{
    *ret = (struct object){.mode = st->st_mode,
                           .uid = st->st_uid,
                           .gid = st->st_gid,
                           .size = (uint64_t) st->st_size};
}

static int visit_whiteout(struct walk *w, const struct place *p, struct item *i)
{
    struct change c = {.kind = CHANGE_DELETED};

    if (i->host.st_nlink == 0)
        c.kind = CHANGE_SAME;
    object_of_host(&i->host, &c.object);
    if (c.kind == CHANGE_DELETED)
        c.conflict = find_conflict(w, p, i, &c);
    return add_change(w, p, i, &c);
}

static int damaged(const struct walk *w, const struct item *i, int r)
{
    if (r == -EBADMSG)
        return fail(w->f, EBADMSG, "%s: its notes in the store are no valid ones", i->path);
    return fail_errno(w->f, -r, "%s: looking at it in the store", i->path);
}

/* Notes of what the layer has at a path below its top. */
static int read_meta_at(const struct walk *w, const char *below, struct upper_meta *ret)
{
    const char *name = strrchr(below, '/') + 1;
    _cleanup_free_ char *dir = strndup(below, MAX((size_t) (name - below - 1), (size_t) 1));
    _cleanup_(upper_close) struct upper_fd file = UPPER_FD_NONE;
    _cleanup_close_ int fd = -1;
    struct stat st;
    int r = dir ? layer_host_dir(w->root_fd, dir, O_PATH, &fd) : -ENOMEM;

    if (r == 0 && fstatat(fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
        r = -errno;
    if (r == 0)
        r = upper_open(fd, name, &st, &file);
    return r < 0 ? r : upper_meta_read(file.fd, ret);
}

/* A commit that was killed may have renamed it on the host already: then it has the identity of
 * what the sandbox remembers as its old name's. */
static bool is_renamed(const struct walk *w, const struct item *i)
{
    struct upper_meta old = {0};
    bool renamed;

    if (!S_ISDIR(i->host.st_mode) || read_meta_at(w, i->meta.redirect, &old) < 0)
        return false;
    renamed =
        old.has_origin && i->host.st_ino == old.origin.ino && i->host.st_dev == old.origin.dev;
    upper_meta_clear(&old);
    return renamed;
}

/* A renamed directory's own host side. *ret_fd stays -1 when it is not there any more. */
static int find_source(struct walk *w, struct item *i, struct change *c, int *ret_fd)
{
    const struct kept_layer *l = &w->k->meta.layers[w->layer];
    int r = w->base_fd < 0 ? -ENOENT : layer_host_dir(w->base_fd, i->meta.redirect, O_PATH, ret_fd);
    struct stat st;

    if (r < 0 && is_renamed(w, i)) {
        free(i->meta.redirect);
        i->meta.redirect = NULL;
        return 0;
    }
    c->from = path_join(l->dest, i->meta.redirect);
    if (!c->from)
        return fail(w->f, ENOMEM, "out of memory");
    if (r < 0 || fstat(*ret_fd, &st) < 0 ||
        (i->meta.has_origin && !upper_origin_holds(&i->meta.origin, &st)))
        c->conflict = "what it was renamed from was changed or removed on the host";
    return 0;
}

/* Fills the change but for its place. *ret_host: the directory that shines through, or -1. */
static int judge(struct walk *w, const struct place *p, struct item *i, struct change *c,
                 int *ret_host)
{
    const struct pair pair = {
        .upper_dir = p->upper_fd,
        .host_dir = i->host_dir,
        .name = i->name,
        .host_name = i->host_name,
        .upper_fd = i->file.fd,
        .object = &i->object,
        .meta = &i->meta,
        .host = &i->host,
        .progress = &w->progress,
    };
    bool both = i->host.st_nlink > 0;
    int r = 0;

    c->object = i->object;
    c->kind = CHANGE_ADDED;
    if (i->meta.redirect) {
        r = find_source(w, i, c, ret_host);
        if (r < 0)
            return r;
    }
    if (i->meta.redirect && both) {
        c->kind = CHANGE_CHANGED;
        c->what = S_ISDIR(i->host.st_mode) ? CHANGED_CONTENT : CHANGED_TYPE;
    } else if (both) {
        r = pair_compare(&pair, &c->what);
        if (r < 0)
            return damaged(w, i, r);
        c->kind = c->what ? CHANGE_CHANGED : CHANGE_SAME;
    }
    if (c->kind == CHANGE_SAME)
        return 0;
    if (!c->conflict)
        c->conflict = find_conflict(w, p, i, c);
    if (!c->conflict)
        c->conflict = find_owner_conflict(i, c);
    c->privileged = is_privileged(i);
    return 0;
}

/* What is below a directory of the layer. `host` is taken over. */
static int visit_below(struct walk *w, const struct place *p, struct item *i, int host)
{
    _cleanup_close_ int fd = host;
    struct place below = {
        .upper_fd = i->file.fd,
        .path = i->path,
        .depth = p->depth + 1,
        .top = p->top,
        .since_ns = p->since_ns,
    };

    if (p->depth + 1 >= UPPER_MAX_DEPTH)
        return fail(w->f, ELOOP, "deeper than %d directories: %s", UPPER_MAX_DEPTH, i->path);
    if (fd < 0 && !i->meta.redirect && S_ISDIR(i->host.st_mode))
        fd = openat(i->host_dir, i->host_name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (i->meta.opaque && p->top < 0) {
        below.since_ns = seen_at(w, p, i);
        if (changes_add_top(w->out, w->layer, i->path[w->below] ? i->path + w->below : "/",
                            &below.top) < 0)
            return fail(w->f, ENOMEM, "out of memory");
    }
    below.host_fd = fd;
    return walk_directory(w, &below);
}

static int visit_object(struct walk *w, const struct place *p, struct item *i)
{
    struct change c = {0};
    int host = -1, r = judge(w, p, i, &c, &host);
    bool is_directory = S_ISDIR(i->st.st_mode);

    /* Directories that are the same are only on the way. */
    if (r == 0 && !(is_directory && c.kind == CHANGE_SAME))
        r = add_change(w, p, i, &c);
    else
        free(c.from);
    if (r == 0 && is_directory)
        return visit_below(w, p, i, host);
    close_fd(host);
    return r;
}

static int look_at_host(const struct walk *w, const struct place *p, struct item *i)
{
    i->host_dir = p->host_fd;
    i->host_name = i->name;
    i->host = (struct stat){0};
    if (p->host_fd < 0 || fstatat(p->host_fd, i->name, &i->host, AT_SYMLINK_NOFOLLOW) == 0)
        return 0;
    i->host = (struct stat){0};
    return errno == ENOENT ? 0 : fail_errno(w->f, errno, "%s: looking at it on the host", i->path);
}

static int visit_item(struct walk *w, const struct place *p, struct item *i)
{
    int r;

    if (fstatat(p->upper_fd, i->name, &i->st, AT_SYMLINK_NOFOLLOW) < 0)
        return damaged(w, i, -errno);
    if (S_ISREG(i->st.st_mode) || S_ISDIR(i->st.st_mode)) {
        r = upper_open(p->upper_fd, i->name, &i->st, &i->file);
        if (r == 0)
            r = upper_meta_read(i->file.fd, &i->meta);
        if (r < 0)
            return damaged(w, i, r);
    }
    r = object_view(&i->st, &i->meta, &i->object);
    if (r < 0)
        return damaged(w, i, r);
    r = look_at_host(w, p, i);
    if (r < 0)
        return r;
    return i->meta.whiteout ? visit_whiteout(w, p, i) : visit_object(w, p, i);
}

static int visit_name(struct walk *w, const struct place *p, const char *name)
{
    struct item i = {.name = name, .file = UPPER_FD_NONE};
    int r;

    if (asprintf(&i.path, "%s/%s", p->path, name) < 0)
        return fail(w->f, ENOMEM, "out of memory");
    r = visit_item(w, p, &i);
    upper_close(&i.file);
    upper_meta_clear(&i.meta);
    free(i.path);
    return r;
}

/* ---- directories ---- */

/* What the host has where the sandbox put a directory of its own. */
static int visit_hidden(struct walk *w, const struct place *p, const char *name)
{
    struct change c = {.kind = CHANGE_DELETED, .implied = true};
    struct item i = {.name = name, .host_name = name, .host_dir = p->host_fd};
    struct stat st;
    int r;

    if (fstatat(p->upper_fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0)
        return 0;
    if (fstatat(p->host_fd, name, &i.host, AT_SYMLINK_NOFOLLOW) < 0)
        return errno == ENOENT ? 0 : fail_errno(w->f, errno, "%s/%s", p->path, name);
    if (asprintf(&i.path, "%s/%s", p->path, name) < 0)
        return fail(w->f, ENOMEM, "out of memory");
    object_of_host(&i.host, &c.object);
    if (tree_changed_since(p->host_fd, name, p->since_ns))
        c.conflict = "was made or changed on the host, too";
    r = add_change(w, p, &i, &c);
    free(i.path);
    return r;
}

static int compare_names(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

static int select_names(const struct dirent *d)
{
    return strcmp(d->d_name, ".") != 0 && strcmp(d->d_name, "..") != 0;
}

static int each_name(struct walk *w, const struct place *p, int fd,
                     int (*fn)(struct walk *w, const struct place *p, const char *name))
{
    struct dirent **names;
    int r = 0, n = scandirat(fd, ".", &names, select_names, compare_names);

    if (n < 0)
        return fail_errno(w->f, errno, "listing %s", *p->path ? p->path : "/");
    for (int i = 0; i < n; i++) {
        if (r == 0)
            r = fn(w, p, names[i]->d_name);
        free(names[i]);
    }
    free(names);
    return r;
}

static int walk_directory(struct walk *w, const struct place *p)
{
    int r = each_name(w, p, p->upper_fd, visit_name);

    if (r == 0 && p->top >= 0 && p->host_fd >= 0)
        r = each_name(w, p, p->host_fd, visit_hidden);
    return r;
}

static int walk_layer(struct walk *w, const struct upper_fd *root)
{
    const char *dest = w->k->meta.layers[w->layer].dest;
    struct place p = {.upper_fd = root->fd, .host_fd = w->base_fd, .top = -1};

    w->root_fd = root->fd;
    p.path = strcmp(dest, "/") == 0 ? "" : dest;
    w->below = strlen(p.path);
    return walk_directory(w, &p);
}

int diff_kept(const struct kept *k, struct changes *ret, struct fail *f)
{
    struct changes found = {0};
    struct walk w = {.k = k, .out = &found, .f = f};
    int r = 0;

    progress_begin(&w.progress, "compared", 0);
    for (w.layer = 0; w.layer < k->meta.n_layers && r == 0; w.layer++) {
        _cleanup_(upper_close) struct upper_fd root = UPPER_FD_NONE;

        r = kept_open_layer(k, &k->meta.layers[w.layer], "root", &root);
        if (r == -ENOENT) {
            r = 0; /* nothing was ever written there */
            continue;
        }
        if (r < 0) {
            r = fail_errno(f, -r, "opening layer %u of %s", k->meta.layers[w.layer].number, k->dir);
            break;
        }
        if (layer_host_open(k, w.layer, &w.base_fd) < 0)
            w.base_fd = -1;
        r = walk_layer(&w, &root);
        w.base_fd = close_fd(w.base_fd);
    }
    progress_end(&w.progress);
    if (r < 0) {
        changes_free(&found);
        return r;
    }
    *ret = found;
    return 0;
}
