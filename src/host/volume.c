/* SPDX-License-Identifier: Apache-2.0 */
/* Volumes: see volume.h. */
#include "host/volume.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/strbuf.h"
#include "host/path.h"
#include "host/spectree.h"

/* ---- the text ---- */

/* The next part up to a colon or the end, unescaped; *at is behind it, NULL after the last. */
static int next_part(const char **at, char **ret)
{
    _cleanup_sb_ struct strbuf sb = STRBUF_INIT;
    const char *p = *at;

    for (; *p && *p != ':'; p++) {
        if (p[0] == '\\' && (p[1] == ':' || p[1] == '\\'))
            p++;
        sb_addch(&sb, *p);
    }
    *at = *p ? p + 1 : NULL;
    if (sb_error(&sb))
        return sb_error(&sb);
    *ret = strdup(sb_text(&sb));
    return *ret ? 0 : -ENOMEM;
}

struct parts {
    char *part[3];
    size_t n;
};

static void parts_free(struct parts *p)
{
    for (size_t i = 0; i < p->n; i++)
        free(p->part[i]);
}

static int split(const char *text, struct parts *ret, struct fail *f)
{
    for (const char *at = text; at;) {
        if (ret->n == ARRAY_LEN(ret->part))
            return fail(f, EINVAL,
                        "option --volume: expected SRC:DST[:ro], found \"%s\" (a colon in a path "
                        "is written \\:)",
                        text);
        if (next_part(&at, &ret->part[ret->n]) < 0)
            return fail(f, ENOMEM, "out of memory");
        ret->n++;
    }
    if (ret->n < 2 || !*ret->part[0] || !*ret->part[1])
        return fail(f, EINVAL, "option --volume: expected SRC:DST[:ro], found \"%s\"", text);
    return 0;
}

static int check_dest(const char *dest, char **ret, struct fail *f)
{
    int r = path_normalise(dest, ret);

    if (r == -EINVAL)
        return fail(f, EINVAL,
                    "option --volume: the place inside, \"%s\", is not an absolute path without "
                    "\"..\"",
                    dest);
    if (r < 0)
        return fail(f, ENOMEM, "out of memory");
    if (strcmp(*ret, "/") == 0)
        return fail(f, EINVAL, "option --volume: nothing can be mounted over / (see --root)");
    return 0;
}

static int resolve_source(const char *source, char **ret, struct fail *f)
{
    _cleanup_free_ char *real = realpath(source, NULL);
    struct stat st;

    if (!real || stat(real, &st) < 0)
        return fail_errno(f, errno, "option --volume: the source %s", source);
    if (!S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode))
        return fail(f, EINVAL, "option --volume: the source %s is neither a file nor a directory",
                    source);
    if (path_is_kernel_window(real))
        return fail(f, EPERM,
                    "option --volume: the source %s is a window into the host's kernel and is not "
                    "shown to sandboxes",
                    source);
    *ret = take_ptr(&real);
    return 0;
}

int volumes_parse(struct volumes *v, const char *text, struct fail *f)
{
    _cleanup_(parts_free) struct parts p = {0};
    _cleanup_free_ char *source = NULL, *dest = NULL;
    struct volume *items;
    bool readonly = false;
    int r = split(text, &p, f);

    if (r < 0)
        return r;
    if (p.n == 3) {
        readonly = strcmp(p.part[2], "ro") == 0;
        if (!readonly && strcmp(p.part[2], "rw") != 0)
            return fail(f, EINVAL, "option --volume: expected ro or rw, found \"%s\" in \"%s\"",
                        p.part[2], text);
    }
    r = check_dest(p.part[1], &dest, f);
    if (r == 0)
        r = resolve_source(p.part[0], &source, f);
    if (r < 0)
        return r;
    for (size_t i = 0; i < v->n; i++)
        if (strcmp(v->items[i].dest, dest) == 0)
            return fail(f, EEXIST, "option --volume: two are to be mounted onto %s", dest);
    items = reallocarray(v->items, v->n + 1, sizeof(*items));
    if (!items)
        return fail(f, ENOMEM, "out of memory");
    v->items = items;
    items[v->n++] =
        (struct volume){.source = take_ptr(&source), .dest = take_ptr(&dest), .readonly = readonly};
    return 0;
}

void volumes_free(struct volumes *v)
{
    for (size_t i = 0; i < v->n; i++) {
        free(v->items[i].source);
        free(v->items[i].dest);
    }
    free(v->items);
    *v = (struct volumes){0};
}

/* ---- mounts ---- */

static size_t depth(const char *path)
{
    size_t n = 0;

    for (; *path; path++)
        n += *path == '/';
    return n;
}

int volumes_add_mounts(const struct volumes *v, struct sandbox_spec *s, bool privileged,
                       struct fail *f)
{
    size_t done = 0;
    int r;

    /* A place is less deep than what lies below it. */
    for (size_t level = 1; done < v->n; level++) {
        for (size_t i = 0; i < v->n; i++) {
            const struct volume *o = &v->items[i];
            const struct tree_source t = {
                .path = o->source,
                .dest = o->dest,
                .flags = MOUNT_F_NOSUID | (o->readonly ? MOUNT_F_RDONLY : 0u),
                .privileged = privileged,
                .recursive = true,
            };

            if (depth(o->dest) != level)
                continue;
            r = spec_add_trees(s, &t, f);
            if (r < 0)
                return fail_wrap(f, r, "option --volume");
            done++;
        }
    }
    return 0;
}

int volumes_locate(const struct volumes *v, const char *path, char **ret)
{
    const struct volume *deepest = NULL;

    for (size_t i = 0; i < v->n; i++)
        if (path_is_below(path, v->items[i].dest) &&
            (!deepest || strlen(v->items[i].dest) > strlen(deepest->dest)))
            deepest = &v->items[i];
    if (!deepest)
        return -ENOENT;
    return asprintf(ret, "%s%s", deepest->source, path + strlen(deepest->dest)) < 0 ? -ENOMEM : 0;
}
