/* SPDX-License-Identifier: Apache-2.0 */
/* Where a commit stands: see commit_state.h. */
#include "host/commit_state.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "host/compare.h"
#include "host/diff.h"

void commit_leave_parent(struct commit *m)
{
    if (m->parent_fd >= 0)
        (void) !fsync(m->parent_fd); /* O_PATH ones cannot be */
    m->parent_fd = close_fd(m->parent_fd);
    free(m->parent);
    m->parent = NULL;
}

void commit_leave_layer(struct commit *m)
{
    commit_leave_parent(m);
    m->base_fd = close_fd(m->base_fd);
    upper_cursor_done(&m->upper);
    upper_close(&m->index);
    m->open = false;
}

int commit_enter_layer(struct commit *m, size_t layer)
{
    const struct kept_layer *l = &m->k->meta.layers[layer];
    struct upper_fd root = UPPER_FD_NONE;
    int r;

    if (m->open && m->layer == layer)
        return 0;
    commit_leave_layer(m);
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

int commit_split(const char *below, char **ret_dir, const char **ret_name)
{
    const char *slash = strrchr(below, '/');

    *ret_name = slash + 1;
    *ret_dir = slash == below ? strdup("/") : strndup(below, (size_t) (slash - below));
    return *ret_dir ? 0 : -ENOMEM;
}

int commit_enter_parent(struct commit *m, const char *dir)
{
    int r;

    if (m->parent && strcmp(m->parent, dir) == 0)
        return 0;
    commit_leave_parent(m);
    r = layer_host_dir(m->base_fd, dir, O_RDONLY, &m->parent_fd);
    m->parent_listed = r == 0;
    if (r == -EACCES)
        r = layer_host_dir(m->base_fd, dir, O_PATH, &m->parent_fd);
    if (r < 0)
        return r;
    m->parent = strdup(dir);
    return m->parent ? 0 : -ENOMEM;
}

void commit_temp_name(const struct commit *m, const struct change *c, char *buf, size_t cap)
{
    uint64_t h = 0xcbf29ce484222325u ^ m->k->meta.created_ns;

    for (const char *p = c->path; *p; p++)
        h = (h ^ (unsigned char) *p) * 0x100000001b3u;
    snprintf(buf, cap, ".cloister-%016llx", (unsigned long long) h);
}

int commit_tell(struct commit *m, const struct change *c, int r, const char *what)
{
    if (r == -EINTR)
        return r;
    if (r == -ESTALE)
        return fail(m->f, ESTALE, "%s: %s: it changes while it is committed", c->path, what);
    if (r == -EPERM && (c->object.mode & S_IFMT) != S_IFREG && geteuid() != 0)
        return fail_errno(m->f, -r, "%s: %s (a %s)", c->path, what, file_type_name(c->object.mode));
    return fail_errno(m->f, -r, "%s: %s", c->path, what);
}

/* ---- the store ---- */

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

void source_done(struct source *s)
{
    upper_close(&s->file);
    upper_meta_clear(&s->meta);
    free(s->parent);
}

int source_open(struct commit *m, const struct change *c, struct source *s)
{
    struct object now;
    int r = commit_split(change_below(c), &s->parent, &s->name);

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

int source_leave_store(struct commit *m, const struct change *c, const struct source *s)
{
    if (c->top >= 0 || S_ISDIR(s->st.st_mode))
        return 0; /* goes with the directory, later */
    drop_index(m, &s->meta, &s->st);
    return unlinkat(s->dir, s->name, 0) < 0 && errno != ENOENT ? -errno : 0;
}
