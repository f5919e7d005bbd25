/* SPDX-License-Identifier: Apache-2.0 */
/* Directories that the sandbox renamed: see commit_state.h. Each goes by one rename(2) of the
 * host's. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/xattr.h>

#include "base/cleanup.h"
#include "host/commit_state.h"
#include "host/diff.h"
#include "host/path.h"
#include "host/rmtree.h"

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
        r = commit_split(now, &from_dir, &from_name);
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
            r = commit_one(m, o);
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
        r = commit_enter_layer(m, c->layer);
    if (r < 0)
        return r;
    r = source_open(m, c, &s);
    if (r == 0)
        r = commit_enter_parent(m, s.parent);
    if (r == 0)
        r = rename_on_host(m, c, &s);
    commit_leave_parent(m); /* paths mean other directories now */
    if (r == -EEXIST || r == -EINVAL || r == -EXDEV)
        return fail(m->f, -r,
                    "%s: it was renamed from %s in a way that cannot be taken over (%s); rename it "
                    "on the host yourself",
                    c->path, c->from, strerror(-r));
    return r < 0 ? commit_tell(m, c, r, "renaming it on the host") : 0;
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

int commit_renames(struct commit *m)
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
