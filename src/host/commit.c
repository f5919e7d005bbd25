/* SPDX-License-Identifier: Apache-2.0 */
/* Commit: see commit.h. */
#include "host/commit.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/xattr.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "host/compare.h"
#include "host/diff.h"
#include "host/install.h"
#include "host/path.h"
#include "host/progress.h"
#include "host/prune.h"
#include "host/rmtree.h"
#include "host/upper.h"
#include "host/upper_meta.h"

/* ---- selection ---- */

static bool is_selected(const struct change *c, char *const *paths, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (path_is_below(c->path, paths[i]))
            return true;
        /* A new directory on the way: the host needs it, too. */
        if (path_is_below(paths[i], c->path) && S_ISDIR(c->object.mode) &&
            (c->kind == CHANGE_ADDED || (c->what & CHANGED_TYPE)))
            return true;
    }
    return n == 0;
}

/* A renamed directory goes as a whole: its old name, its new one, what is in it. */
static int check_renamed(const struct changes *c, const struct change *r, struct fail *f)
{
    for (size_t i = 0; i < c->n; i++) {
        const struct change *o = &c->v[i];
        bool part = path_is_below(o->path, r->path) || strcmp(o->path, r->from) == 0;

        if (part && o->layer == r->layer && o->selected != r->selected)
            return fail(f, EINVAL,
                        "%s was renamed from %s: the two, and what is in them, can only be "
                        "committed together",
                        r->path, r->from);
    }
    return 0;
}

int commit_select(struct changes *c, char *const *paths, size_t n, struct fail *f)
{
    for (size_t i = 0; i < n; i++) {
        bool any = false;

        for (size_t k = 0; k < c->n && !any; k++)
            any = c->v[k].kind != CHANGE_SAME && path_is_below(c->v[k].path, paths[i]);
        if (!any)
            return fail(f, ENOENT, "nothing was changed at %s", paths[i]);
    }
    for (size_t i = 0; i < c->n; i++)
        c->v[i].selected = is_selected(&c->v[i], paths, n);
    for (size_t i = 0; i < c->n; i++) {
        int r = c->v[i].from ? check_renamed(c, &c->v[i], f) : 0;

        if (r < 0)
            return r;
    }
    return 0;
}

/* ---- application ---- */

/* A file with several names in the layer, and the one the host has of it. */
struct linked {
    dev_t dev; /* in the store */
    ino_t ino;
    ino_t host_ino;
    const struct change *first;
};

struct renamed {
    size_t layer;
    const char *from, *to; /* below the layer's top */
};

#define MAX_WAITING 256
/* So many are synced one by one: others may have much to write on that file system, too. */
#define FEW 8

struct commit {
    struct kept *k;
    struct changes *changes;
    const volatile sig_atomic_t *stop;
    struct progress progress;
    struct fail *f;
    size_t done;

    size_t layer; /* the one that is open */
    bool open;
    int base_fd; /* host's top of it */
    struct upper_cursor upper;
    struct upper_fd index;
    char *parent; /* path of parent_fd; NULL: none open */
    int parent_fd;
    bool parent_listed; /* parent_fd is no O_PATH one */

    /* Files that wait under their temporary names, all on one file system, which is synced for all
     * of them at once. */
    struct change *waiting[MAX_WAITING];
    size_t n_waiting;
    int sync_fd; /* on it */
    dev_t sync_dev;

    struct linked *linked;
    size_t n_linked;
    struct renamed *renamed;
    size_t n_renamed;
};

static void leave_parent(struct commit *m)
{
    if (m->parent_fd >= 0)
        (void) !fsync(m->parent_fd); /* O_PATH ones cannot be */
    m->parent_fd = close_fd(m->parent_fd);
    free(m->parent);
    m->parent = NULL;
}

static void leave_layer(struct commit *m)
{
    leave_parent(m);
    m->base_fd = close_fd(m->base_fd);
    upper_cursor_done(&m->upper);
    upper_close(&m->index);
    m->open = false;
}

static int enter_layer(struct commit *m, size_t layer)
{
    const struct kept_layer *l = &m->k->meta.layers[layer];
    struct upper_fd root = UPPER_FD_NONE;
    int r;

    if (m->open && m->layer == layer)
        return 0;
    leave_layer(m);
    r = layer_host_open(m->k, layer, &m->base_fd);
    if (r < 0)
        return fail_errno(m->f, -r, "the host's %s%s", m->k->meta.root[1] ? m->k->meta.root : "",
                          l->dest);
    r = kept_open_layer(m->k, l, "root", &root);
    if (r == 0)
        r = upper_cursor_init(&m->upper, &root);
    if (r < 0)
        return fail_errno(m->f, -r, "opening layer %u of %s", l->number, m->k->dir);
    (void) !kept_open_layer(m->k, l, "index", &m->index);
    m->layer = layer;
    m->open = true;
    return 0;
}

/* "/a/b" is "b" in "/a". */
static int split(const char *below, char **ret_dir, const char **ret_name)
{
    const char *slash = strrchr(below, '/');

    *ret_name = slash + 1;
    *ret_dir = slash == below ? strdup("/") : strndup(below, (size_t) (slash - below));
    return *ret_dir ? 0 : -ENOMEM;
}

/* The host's directory in which the change stands. */
static int enter_parent(struct commit *m, const char *dir)
{
    int r;

    if (m->parent && strcmp(m->parent, dir) == 0)
        return 0;
    leave_parent(m);
    r = layer_host_dir(m->base_fd, dir, O_RDONLY, &m->parent_fd);
    m->parent_listed = r == 0;
    if (r == -EACCES)
        r = layer_host_dir(m->base_fd, dir, O_PATH, &m->parent_fd);
    if (r < 0)
        return r;
    m->parent = strdup(dir);
    return m->parent ? 0 : -ENOMEM;
}

/* Always the same for one change of one sandbox, so that what a killed commit left is found. */
static void temp_name(const struct commit *m, const struct change *c, char *buf, size_t cap)
{
    uint64_t h = 0xcbf29ce484222325u ^ m->k->meta.created_ns;

    for (const char *p = c->path; *p; p++)
        h = (h ^ (unsigned char) *p) * 0x100000001b3u;
    snprintf(buf, cap, ".cloister-%016llx", (unsigned long long) h);
}

static int tell(struct commit *m, const struct change *c, int r, const char *what)
{
    if (r == -EINTR)
        return r;
    if (r == -ESTALE)
        return fail(m->f, ESTALE, "%s: %s: it changes while it is committed", c->path, what);
    if (r == -EPERM && (c->object.mode & S_IFMT) != S_IFREG && geteuid() != 0)
        return fail_errno(m->f, -r, "%s: %s (a %s)", c->path, what, file_type_name(c->object.mode));
    return fail_errno(m->f, -r, "%s: %s", c->path, what);
}

/* ---- several names of one file ---- */

static const struct linked *find_linked(const struct commit *m, const struct stat *st)
{
    for (size_t i = 0; i < m->n_linked; i++)
        if (m->linked[i].ino == st->st_ino && m->linked[i].dev == st->st_dev)
            return &m->linked[i];
    return NULL;
}

static int note_linked(struct commit *m, const struct change *c, const struct stat *st,
                       const char *name)
{
    struct linked *v;
    struct stat host;

    if (st->st_nlink < 2 || find_linked(m, st))
        return 0;
    if (fstatat(m->parent_fd, name, &host, AT_SYMLINK_NOFOLLOW) < 0)
        return -errno;
    v = reallocarray(m->linked, m->n_linked + 1, sizeof(*v));
    if (!v)
        return -ENOMEM;
    m->linked = v;
    v[m->n_linked++] =
        (struct linked){.dev = st->st_dev, .ino = st->st_ino, .host_ino = host.st_ino, .first = c};
    return 0;
}

/* The name by which the union finds a copy whatever name its lower file is opened by. */
static void drop_index(struct commit *m, const struct upper_meta *meta, const struct stat *st)
{
    char name[64];
    struct stat other;

    if (m->index.fd < 0 || !meta->has_origin || st->st_nlink < 2)
        return;
    snprintf(name, sizeof(name), "%llu-%llu", (unsigned long long) meta->origin.dev,
             (unsigned long long) meta->origin.ino);
    if (fstatat(m->index.fd, name, &other, AT_SYMLINK_NOFOLLOW) == 0 && other.st_ino == st->st_ino)
        (void) !unlinkat(m->index.fd, name, 0);
}

/* ---- one change ---- */

/* What stands in the store at the change's place. */
struct source {
    int dir; /* borrowed */
    const char *name;
    char *parent;
    struct stat st;
    struct upper_fd file;
    struct upper_meta meta;
};

static void source_done(struct source *s)
{
    upper_close(&s->file);
    upper_meta_clear(&s->meta);
    free(s->parent);
}

static int source_open(struct commit *m, const struct change *c, struct source *s)
{
    struct object now;
    int r = split(change_below(c), &s->parent, &s->name);

    if (r == 0)
        r = upper_cursor_enter(&m->upper, s->parent, &s->dir);
    if (r == 0 && fstatat(s->dir, s->name, &s->st, AT_SYMLINK_NOFOLLOW) < 0)
        r = -errno;
    if (r == 0 && (S_ISREG(s->st.st_mode) || S_ISDIR(s->st.st_mode))) {
        r = upper_open(s->dir, s->name, &s->st, &s->file);
        if (r == 0)
            r = upper_meta_read(s->file.fd, &s->meta);
    }
    if (r == 0)
        r = object_view(&s->st, &s->meta, &now);
    /* What was looked at is what is taken over. */
    if (r == 0 && c->kind != CHANGE_DELETED && c->kind != CHANGE_SAME &&
        (now.mode != c->object.mode || s->meta.whiteout))
        r = -ESTALE;
    return r;
}

static int leave_store(struct commit *m, const struct change *c, const struct source *s)
{
    if (c->top >= 0 || S_ISDIR(s->st.st_mode))
        return 0; /* goes with the directory, later */
    drop_index(m, &s->meta, &s->st);
    return unlinkat(s->dir, s->name, 0) < 0 && errno != ENOENT ? -errno : 0;
}

/* Between the comparison and now the host went on; what came meanwhile is not overwritten. */
static int recheck(const struct commit *m, const struct change *c, const char *name)
{
    struct stat now;

    if (m->n_renamed)
        return 0;
    if (fstatat(m->parent_fd, name, &now, AT_SYMLINK_NOFOLLOW) < 0)
        return errno == ENOENT ? 0 : -errno;
    if (!change_on_host(c))
        return S_ISDIR(now.st_mode) && S_ISDIR(c->object.mode) ? 0 : -ESTALE;
    if (now.st_ino != c->host.st_ino ||
        (!S_ISDIR(now.st_mode) && timespec_ns(&now.st_ctim) != timespec_ns(&c->host.st_ctim)))
        return -ESTALE;
    return 0;
}

/* `temp` has room for the name. */
static struct installation describe(struct commit *m, const struct change *c,
                                    const struct source *s, char *temp, size_t cap)
{
    temp_name(m, c, temp, cap);
    return (struct installation){
        .upper_dir = s->dir,
        .host_dir = m->parent_fd,
        .name = s->name,
        .temp = temp,
        .upper_fd = S_ISREG(c->object.mode) || S_ISDIR(c->object.mode) ? s->file.fd : -1,
        .upper = &s->st,
        .meta = &s->meta,
        .object = &c->object,
        .what = c->kind == CHANGE_CHANGED ? c->what : 0,
        .keep_open = S_ISDIR(c->object.mode),
        .link_dir = -1,
        .progress = &m->progress,
        .stop = m->stop,
    };
}

/* One more name of a file that is on the host already. 1 when there is none yet. */
static int install_name(struct commit *m, const struct change *c, const struct source *s,
                        const char **ret_what)
{
    const struct linked *l = S_ISREG(c->object.mode) ? find_linked(m, &s->st) : NULL;
    _cleanup_close_ int link_dir = -1;
    _cleanup_free_ char *parent = NULL;
    char temp[40];
    struct installation i = describe(m, c, s, temp, sizeof(temp));
    int r;

    if (!l)
        return 1;
    r = split(change_below(l->first), &parent, &i.link_name);
    if (r == 0)
        r = layer_host_dir(m->base_fd, parent, O_PATH, &link_dir);
    if (r < 0)
        return r;
    i.link_dir = link_dir;
    i.link_ino = l->host_ino;
    return install_object(&i, ret_what);
}

/* What the host has there can be replaced by one rename later on. */
static bool may_wait(const struct commit *m, const struct change *c, const struct source *s)
{
    struct stat host;

    if (!S_ISREG(c->object.mode) || s->st.st_nlink > 1 || !m->parent_listed)
        return false;
    return fstatat(m->parent_fd, s->name, &host, AT_SYMLINK_NOFOLLOW) < 0 ||
           (S_ISREG(host.st_mode) && host.st_nlink == 1);
}

static int install(struct commit *m, struct change *c, const struct source *s,
                   const char **ret_what)
{
    char temp[40];
    struct installation i = describe(m, c, s, temp, sizeof(temp));
    int r = install_name(m, c, s, ret_what);

    if (r != 1)
        return r;
    i.defer = may_wait(m, c, s);
    r = install_object(&i, ret_what);
    return r != 0 ? r : note_linked(m, c, &s->st, s->name);
}

static void note_done(struct commit *m, struct change *c)
{
    c->done = true;
    if (c->kind == CHANGE_SAME)
        return;
    m->done++;
    progress_add(&m->progress, 1, 0);
}

/* ---- files that wait ---- */

/* Enters where the change is, on both sides. */
static int enter(struct commit *m, const struct change *c, struct source *s, const char **ret_what)
{
    int r;

    *ret_what = "looking at it in the store";
    r = source_open(m, c, s);
    if (r < 0 || c->kind == CHANGE_SAME)
        return r;
    *ret_what = "entering its directory on the host";
    r = enter_parent(m, s->parent);
    if (r < 0)
        return r;
    *ret_what = "looking at the host's";
    return recheck(m, c, s->name);
}

static int place(struct commit *m, struct change *c)
{
    _cleanup_(source_done) struct source s = {.file = UPPER_FD_NONE};
    const char *what;
    char temp[40];
    int r = enter_layer(m, c->layer);

    if (r < 0)
        return r;
    r = enter(m, c, &s, &what);
    if (r == 0) {
        struct installation i = describe(m, c, &s, temp, sizeof(temp));

        what = "putting it in its place";
        if (m->n_waiting <= FEW && install_sync(m->parent_fd, temp) < 0 && syncfs(m->sync_fd) < 0)
            r = -errno;
        if (r == 0)
            r = install_waiting(&i);
    }
    if (r == 0) {
        what = "removing it from the store";
        r = leave_store(m, c, &s);
    }
    if (r < 0)
        return tell(m, c, r, what);
    note_done(m, c);
    return 0;
}

/* All that wait get their places; after a failure those that have none are removed. */
static int place_waiting(struct commit *m, bool drop)
{
    int r = 0;

    if (!drop && m->n_waiting > FEW && syncfs(m->sync_fd) < 0)
        r = fail_errno(m->f, errno, "writing to disk");
    for (size_t i = 0; i < m->n_waiting; i++) {
        struct change *c = m->waiting[i];
        _cleanup_free_ char *dir = NULL;
        const char *name;
        char temp[40];

        if (r == 0 && !drop) {
            r = place(m, c);
            if (r == 0)
                continue;
        }
        temp_name(m, c, temp, sizeof(temp));
        if (m->open && split(change_below(c), &dir, &name) == 0 && enter_parent(m, dir) == 0)
            (void) !rmtree_at(m->parent_fd, temp, NULL);
    }
    m->n_waiting = 0;
    m->sync_fd = close_fd(m->sync_fd);
    return r;
}

/* Makes room for one in the open parent. */
static int prepare_waiting(struct commit *m, struct change *c, struct source *s)
{
    struct stat st;
    int r;

    if (fstat(m->parent_fd, &st) < 0)
        return -errno;
    if (m->n_waiting == 0 || (m->n_waiting < MAX_WAITING && st.st_dev == m->sync_dev))
        return 0;
    r = place_waiting(m, false);
    if (r < 0)
        return r;
    source_done(s);
    *s = (struct source){.file = UPPER_FD_NONE};
    r = source_open(m, c, s);
    return r == 0 ? enter_parent(m, s->parent) : r;
}

static int wait_for_sync(struct commit *m, struct change *c)
{
    struct stat st;

    if (m->sync_fd < 0) {
        m->sync_fd = fcntl(m->parent_fd, F_DUPFD_CLOEXEC, 3);
        if (m->sync_fd < 0 || fstat(m->sync_fd, &st) < 0)
            return -errno;
        m->sync_dev = st.st_dev;
    }
    m->waiting[m->n_waiting++] = c;
    return 0;
}

static int apply(struct commit *m, struct change *c)
{
    _cleanup_(source_done) struct source s = {.file = UPPER_FD_NONE};
    const char *what;
    int r = enter_layer(m, c->layer);

    if (r < 0)
        return r;
    r = enter(m, c, &s, &what);
    if (r == 0 && c->kind != CHANGE_SAME) {
        r = prepare_waiting(m, c, &s);
        if (r < 0 && *m->f->text)
            return r;
        if (r == 0)
            r = install(m, c, &s, &what);
        if (r == 1)
            r = wait_for_sync(m, c);
        else if (r == 0)
            note_done(m, c);
    } else if (r == 0) {
        note_done(m, c);
    }
    if (r == 0 && c->done) {
        what = "removing it from the store";
        r = leave_store(m, c, &s);
    }
    return r < 0 ? tell(m, c, r, what) : 0;
}

static int apply_deletion(struct commit *m, struct change *c)
{
    _cleanup_(source_done) struct source s = {.file = UPPER_FD_NONE};
    const char *what = "entering its directory on the host", *name;
    char temp[40];
    int r = enter_layer(m, c->layer);

    if (r < 0)
        return r;
    temp_name(m, c, temp, sizeof(temp));
    if (c->implied)
        r = split(change_below(c), &s.parent, &name);
    else
        r = source_open(m, c, &s);
    name = c->implied ? name : s.name;
    if (r == 0)
        r = enter_parent(m, s.parent);
    if (r == 0) {
        what = "looking at the host's";
        r = recheck(m, c, name);
    }
    if (r == 0) {
        what = "removing it";
        r = install_nothing(m->parent_fd, name, temp);
    } else if (r == -ENOENT || r == -ENOTDIR) {
        r = 0; /* gone with its directory */
    }
    if (r == 0 && !c->implied) {
        what = "removing its mark from the store";
        r = leave_store(m, c, &s);
    }
    if (r < 0)
        return tell(m, c, r, what);
    note_done(m, c);
    return 0;
}

/* ---- renamed directories ---- */

/* Where something is by now that was at the path before. */
static int translate(const struct commit *m, size_t layer, const char *below, char **ret)
{
    char *path = strdup(below);

    for (size_t i = 0; i < m->n_renamed && path; i++) {
        const struct renamed *d = &m->renamed[i];
        char *moved;

        if (d->layer != layer || !path_is_below(path, d->from))
            continue;
        if (asprintf(&moved, "%s%s", d->to, path + strlen(d->from)) < 0)
            moved = NULL;
        free(path);
        path = moved;
    }
    *ret = path;
    return path ? 0 : -ENOMEM;
}

static int note_renamed(struct commit *m, const struct change *c)
{
    struct renamed *v = reallocarray(m->renamed, m->n_renamed + 1, sizeof(*v));

    if (!v)
        return -ENOMEM;
    m->renamed = v;
    v[m->n_renamed++] =
        (struct renamed){.layer = c->layer, .from = change_from_below(c), .to = change_below(c)};
    return 0;
}

/* The rename itself. What stands at the new place takes the old one, and goes. */
static int rename_on_host(struct commit *m, const struct change *c, const struct source *s)
{
    _cleanup_free_ char *now = NULL, *from_dir = NULL;
    _cleanup_close_ int from_fd = -1;
    const char *from_name;
    unsigned flags = change_on_host(c) ? RENAME_EXCHANGE : RENAME_NOREPLACE;
    int r = translate(m, c->layer, change_from_below(c), &now);

    if (r == 0 && path_is_below(change_below(c), now))
        r = -EINVAL;
    if (r == 0)
        r = split(now, &from_dir, &from_name);
    if (r == 0)
        r = layer_host_dir(m->base_fd, from_dir, O_PATH, &from_fd);
    if (r < 0)
        return r;
    if (renameat2(from_fd, from_name, m->parent_fd, s->name, flags) < 0)
        return -errno;
    if (flags == RENAME_EXCHANGE)
        r = rmtree_at(from_fd, from_name, NULL);
    if (r == 0)
        r = note_renamed(m, c);
    /* From now on the layer's directory lies over the host's of the same name. */
    if (r == 0 && fremovexattr(s->file.fd, UPPER_XATTR_PREFIX "redirect") < 0 && errno != ENODATA)
        r = -errno;
    return r;
}

static int apply_parents(struct commit *m, const struct change *c)
{
    for (size_t i = 0; i < m->changes->n; i++) {
        struct change *o = &m->changes->v[i];
        int r = 0;

        if (o == c)
            return 0;
        if (o->layer == c->layer && o->kind == CHANGE_ADDED && !o->done && !o->from &&
            S_ISDIR(o->object.mode) && path_is_below(c->path, o->path))
            r = apply(m, o);
        if (r < 0)
            return r;
    }
    return 0;
}

static int apply_rename(struct commit *m, struct change *c)
{
    _cleanup_(source_done) struct source s = {.file = UPPER_FD_NONE};
    int r = apply_parents(m, c);

    if (r == 0)
        r = enter_layer(m, c->layer);
    if (r < 0)
        return r;
    r = source_open(m, c, &s);
    if (r == 0)
        r = enter_parent(m, s.parent);
    if (r == 0)
        r = rename_on_host(m, c, &s);
    leave_parent(m); /* paths mean other directories now */
    if (r == -EEXIST || r == -EINVAL || r == -EXDEV)
        return fail(m->f, -r,
                    "%s: it was renamed from %s in a way that cannot be taken over (%s); rename it "
                    "on the host yourself",
                    c->path, c->from, strerror(-r));
    return r < 0 ? tell(m, c, r, "renaming it on the host") : 0;
}

/* One whose new place is another's old one waits for that. */
static bool must_wait(const struct commit *m, const struct change *c, const bool *renamed)
{
    for (size_t i = 0; i < m->changes->n; i++) {
        const struct change *o = &m->changes->v[i];

        if (o != c && o->from && o->selected && !renamed[i] && o->layer == c->layer &&
            strcmp(o->from, c->path) == 0)
            return true;
    }
    return false;
}

static int apply_renames(struct commit *m)
{
    _cleanup_free_ bool *renamed = calloc(m->changes->n + 1, sizeof(*renamed));
    bool any = true, waits = true;
    int r = renamed ? 0 : fail(m->f, ENOMEM, "out of memory");

    while (r == 0 && any && waits) {
        any = waits = false;
        for (size_t i = 0; i < m->changes->n && r == 0; i++) {
            struct change *c = &m->changes->v[i];

            if (!c->from || !c->selected || renamed[i])
                continue;
            if (must_wait(m, c, renamed)) {
                waits = true;
                continue;
            }
            /* What stood at the new place may have been renamed away. */
            if (m->n_renamed && change_on_host(c) && c->host.st_nlink) {
                for (size_t k = 0; k < m->n_renamed; k++)
                    if (m->renamed[k].layer == c->layer &&
                        strcmp(m->renamed[k].from, change_below(c)) == 0)
                        c->host = (struct stat){0};
            }
            r = apply_rename(m, c);
            renamed[i] = any = true;
        }
    }
    if (r == 0 && waits)
        r = fail(m->f, ELOOP,
                 "directories were renamed in a circle, which cannot be taken over; rename them on "
                 "the host yourself");
    return r;
}

/* ---- all of them ---- */

static int interrupted(struct commit *m)
{
    return *m->stop ? fail(m->f, EINTR, "interrupted") : 0;
}

static int apply_additions(struct commit *m)
{
    int r = 0;

    for (size_t i = 0; i < m->changes->n && r == 0; i++) {
        struct change *c = &m->changes->v[i];

        if (!c->selected || c->done || c->kind == CHANGE_DELETED)
            continue;
        r = interrupted(m);
        if (r == 0)
            r = apply(m, c);
    }
    if (r == 0)
        return place_waiting(m, false);
    (void) !place_waiting(m, true);
    return r;
}

static int apply_deletions(struct commit *m)
{
    int r = 0;

    for (size_t i = m->changes->n; i > 0 && r == 0; i--) {
        struct change *c = &m->changes->v[i - 1];

        if (!c->selected || c->done || c->kind != CHANGE_DELETED)
            continue;
        r = interrupted(m);
        if (r == 0)
            r = apply_deletion(m, c);
    }
    return r;
}

/* Directories get the mode they shall have, and their times, after what is in them. */
static int finish_directory(struct commit *m, const struct change *c)
{
    _cleanup_(source_done) struct source s = {.file = UPPER_FD_NONE};
    _cleanup_close_ int fd = -1;
    int r = enter_layer(m, c->layer);

    if (r < 0)
        return r;
    r = source_open(m, c, &s);
    if (r == 0)
        r = layer_host_dir(m->base_fd, change_below(c), O_RDONLY, &fd);
    if (r == 0) {
        const struct timespec times[2] = {s.st.st_atim, s.st.st_mtim};
        struct stat now;

        if (fstat(fd, &now) == 0 && (now.st_mode & 07777) != (c->object.mode & 07777) &&
            fchmod(fd, c->object.mode & 07777) < 0)
            r = -errno;
        if (r == 0 && c->kind == CHANGE_ADDED)
            (void) !futimens(fd, times);
    }
    return r < 0 ? tell(m, c, r, "finishing it") : 0;
}

static int finish_directories(struct commit *m)
{
    int r = 0;

    for (size_t i = m->changes->n; i > 0 && r == 0; i--) {
        const struct change *c = &m->changes->v[i - 1];

        if (c->selected && c->done && S_ISDIR(c->object.mode) && c->kind != CHANGE_DELETED &&
            c->kind != CHANGE_SAME)
            r = finish_directory(m, c);
    }
    return r;
}

/* Directories that replaced the host's leave the store when all in them has been taken over. */
static int remove_tops(struct commit *m)
{
    for (size_t t = 0; t < m->changes->n_tops; t++) {
        const struct change_top *top = &m->changes->tops[t];
        _cleanup_free_ char *dir = NULL;
        const char *name;
        bool whole = true;
        int fd, r;

        for (size_t i = 0; i < m->changes->n && whole; i++) {
            const struct change *c = &m->changes->v[i];
            bool in = c->top == (long) t ||
                      (c->layer == top->layer && strcmp(change_below(c), top->below) == 0);

            whole = !in || c->done;
        }
        if (!whole)
            continue;
        r = enter_layer(m, top->layer);
        if (r < 0)
            return r;
        r = split(top->below, &dir, &name);
        if (r == 0)
            r = upper_cursor_enter(&m->upper, dir, &fd);
        if (r == 0)
            r = rmtree_at(fd, name, NULL);
        if (r < 0)
            return fail_errno(m->f, -r, "removing %s from the store", top->below);
    }
    return 0;
}

static int prune(struct commit *m)
{
    int r = 0;

    for (size_t i = 0; i < m->k->meta.n_layers && r == 0; i++) {
        _cleanup_(upper_close) struct upper_fd root = UPPER_FD_NONE;
        _cleanup_close_ int base = -1;

        if (kept_open_layer(m->k, &m->k->meta.layers[i], "root", &root) < 0 ||
            layer_host_open(m->k, i, &base) < 0)
            continue;
        r = prune_layer(root.fd, base);
        if (r < 0)
            r = fail_errno(m->f, -r, "tidying layer %u of %s", m->k->meta.layers[i].number,
                           m->k->dir);
    }
    return r;
}

static size_t count_selected(const struct changes *c)
{
    size_t n = 0;

    for (size_t i = 0; i < c->n; i++)
        n += c->v[i].selected && c->v[i].kind != CHANGE_SAME;
    return n;
}

int commit_apply(struct kept *k, struct changes *changes, const volatile sig_atomic_t *stop,
                 size_t *ret_done, struct fail *f)
{
    struct commit m = {
        .k = k,
        .changes = changes,
        .stop = stop,
        .f = f,
        .base_fd = -1,
        .parent_fd = -1,
        .sync_fd = -1,
        .index = UPPER_FD_NONE,
    };
    size_t total = count_selected(changes);
    int r;

    progress_begin(&m.progress, "committed", total);
    r = apply_renames(&m);
    if (r == 0)
        r = apply_additions(&m);
    if (r == 0)
        r = apply_deletions(&m);
    /* Also after a failure: what was made shall not stay half open. */
    if (r == 0) {
        r = finish_directories(&m);
    } else {
        struct fail later = {0};

        m.f = &later;
        (void) !finish_directories(&m);
        m.f = f;
    }
    if (r == 0)
        r = remove_tops(&m);
    leave_layer(&m);
    if (r == 0)
        r = prune(&m);
    progress_end(&m.progress);
    free(m.linked);
    free(m.renamed);
    *ret_done = m.done;
    if (r < 0)
        return fail_wrap(f, r, "%zu of %zu changes are committed, the others still in \"%s\"",
                         m.done, total, k->meta.name);
    return 0;
}
