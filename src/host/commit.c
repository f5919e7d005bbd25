/* SPDX-License-Identifier: Apache-2.0 */
/* Commit: see commit.h. */
#include "host/commit.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "host/commit_state.h"
#include "host/diff.h"
#include "host/path.h"
#include "host/prune.h"
#include "host/rmtree.h"

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
            r = commit_one(m, c);
    }
    if (r == 0)
        return commit_place_waiting(m, false);
    (void) !commit_place_waiting(m, true);
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
            r = commit_deletion(m, c);
    }
    return r;
}

/* Directories get the mode they shall have, and their times, after what is in them. */
static int finish_directory(struct commit *m, const struct change *c)
{
    _cleanup_(source_done) struct source s = {.file = UPPER_FD_NONE};
    _cleanup_close_ int fd = -1;
    int r = commit_enter_layer(m, c->layer);

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
    return r < 0 ? commit_tell(m, c, r, "finishing it") : 0;
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
        r = commit_enter_layer(m, top->layer);
        if (r < 0)
            return r;
        r = commit_split(top->below, &dir, &name);
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
    r = commit_renames(&m);
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
    commit_leave_layer(&m);
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
