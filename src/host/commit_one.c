/* SPDX-License-Identifier: Apache-2.0 */
/* Single changes on their way to the host: see commit_state.h. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "host/commit_state.h"
#include "host/compare.h"
#include "host/diff.h"
#include "host/install.h"
#include "host/rmtree.h"

/* So many are synced one by one: others may have much to write on that file system, too. */
#define FEW 8

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

/* ---- one change ---- */

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
    commit_temp_name(m, c, temp, cap);
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
    r = commit_split(change_below(l->first), &parent, &i.link_name);
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
    r = commit_enter_parent(m, s->parent);
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
    int r = commit_enter_layer(m, c->layer);

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
        r = source_leave_store(m, c, &s);
    }
    if (r < 0)
        return commit_tell(m, c, r, what);
    note_done(m, c);
    return 0;
}

/* All that wait get their places; after a failure those that have none are removed. */
int commit_place_waiting(struct commit *m, bool drop)
{
    struct fail told;
    int r = 0;

    if (!drop && m->n_waiting > FEW && syncfs(m->sync_fd) < 0)
        r = fail_errno(m->f, errno, "writing to disk");
    told = *m->f; /* what fails from now on in tidying up is not what went wrong */
    for (size_t i = 0; i < m->n_waiting; i++) {
        struct change *c = m->waiting[i];
        _cleanup_free_ char *dir = NULL;
        const char *name;
        char temp[40];

        if (r == 0 && !drop) {
            r = place(m, c);
            if (r == 0)
                continue;
            told = *m->f;
        }
        commit_temp_name(m, c, temp, sizeof(temp));
        if (commit_enter_layer(m, c->layer) == 0 &&
            commit_split(change_below(c), &dir, &name) == 0 && commit_enter_parent(m, dir) == 0)
            (void) !rmtree_at(m->parent_fd, temp, NULL);
    }
    *m->f = told;
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
    r = commit_place_waiting(m, false);
    if (r < 0)
        return r;
    source_done(s);
    *s = (struct source){.file = UPPER_FD_NONE};
    r = source_open(m, c, s);
    return r == 0 ? commit_enter_parent(m, s->parent) : r;
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

int commit_one(struct commit *m, struct change *c)
{
    _cleanup_(source_done) struct source s = {.file = UPPER_FD_NONE};
    const char *what;
    int r = commit_enter_layer(m, c->layer);

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
        r = source_leave_store(m, c, &s);
    }
    return r < 0 ? commit_tell(m, c, r, what) : 0;
}

int commit_deletion(struct commit *m, struct change *c)
{
    _cleanup_(source_done) struct source s = {.file = UPPER_FD_NONE};
    const char *what = "entering its directory on the host", *name;
    char temp[40];
    int r = commit_enter_layer(m, c->layer);

    if (r < 0)
        return r;
    commit_temp_name(m, c, temp, sizeof(temp));
    if (c->implied)
        r = commit_split(change_below(c), &s.parent, &name);
    else
        r = source_open(m, c, &s);
    name = c->implied ? name : s.name;
    if (r == 0)
        r = commit_enter_parent(m, s.parent);
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
        r = source_leave_store(m, c, &s);
    }
    if (r < 0)
        return commit_tell(m, c, r, what);
    note_done(m, c);
    return 0;
}
