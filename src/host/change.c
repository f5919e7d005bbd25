/* SPDX-License-Identifier: Apache-2.0 */
/* The list of changes: see change.h. */
#include "host/change.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static void change_clear(struct change *c)
{
    free(c->path);
    free(c->from);
}

int changes_add(struct changes *c, const struct change *one)
{
    if (c->n == c->cap) {
        size_t cap = c->cap ? c->cap * 2 : 64;
        struct change *v = reallocarray(c->v, cap, sizeof(*v));

        if (!v) {
            struct change lost = *one;

            change_clear(&lost);
            return -ENOMEM;
        }
        c->v = v;
        c->cap = cap;
    }
    c->v[c->n++] = *one;
    return 0;
}

int changes_add_top(struct changes *c, size_t layer, const char *below, long *ret)
{
    struct change_top *v = reallocarray(c->tops, c->n_tops + 1, sizeof(*v));

    if (!v)
        return -ENOMEM;
    c->tops = v;
    v[c->n_tops] = (struct change_top){.below = strdup(below), .layer = layer};
    if (!v[c->n_tops].below)
        return -ENOMEM;
    *ret = (long) c->n_tops++;
    return 0;
}

void changes_free(struct changes *c)
{
    for (size_t i = 0; i < c->n; i++)
        change_clear(&c->v[i]);
    for (size_t i = 0; i < c->n_tops; i++)
        free(c->tops[i].below);
    free(c->v);
    free(c->tops);
    *c = (struct changes){0};
}

/* ---- as text ---- */

const char *file_type_name(uint32_t mode)
{
    switch (mode & S_IFMT) {
    case S_IFREG:
        return "file";
    case S_IFDIR:
        return "directory";
    case S_IFLNK:
        return "symlink";
    case S_IFIFO:
        return "fifo";
    case S_IFSOCK:
        return "socket";
    case S_IFCHR:
        return "character device";
    case S_IFBLK:
        return "block device";
    }
    return "unknown";
}

void path_print(const char *path, struct strbuf *out)
{
    for (const char *p = path; *p; p++) {
        unsigned char c = (unsigned char) *p;
        size_t n = c < 0x80 ? 1 : utf8_sequence(p, strlen(p));

        if (c < 0x20 || c == 0x7f || c == '\\' || n == 0) {
            sb_addf(out, "\\%03o", c);
        } else {
            sb_addn(out, p, n);
            p += n - 1;
        }
    }
}

void change_print(const struct change *c, struct strbuf *out)
{
    static const char letters[] = {' ', 'A', 'C', 'D'};

    sb_addch(out, letters[c->kind]);
    sb_addch(out, ' ');
    path_print(c->path, out);
    if (c->from) {
        sb_add(out, " (from ");
        path_print(c->from, out);
        sb_addch(out, ')');
    }
    if (c->privileged)
        sb_addf(out, " (%s)",
                S_ISCHR(c->object.mode) || S_ISBLK(c->object.mode) ? "device"
                : c->object.mode & S_ISUID                         ? "set-uid"
                : c->object.mode & S_ISGID                         ? "set-gid"
                                                                   : "capabilities");
    sb_addch(out, '\n');
}

static void add_what(struct strbuf *out, unsigned what)
{
    static const char *const names[] = {"content", "mode", "owner", "xattr", "type"};
    const char *sep = "";

    sb_add(out, ",\"changed\":[");
    for (unsigned i = 0; i < ARRAY_LEN(names); i++) {
        if (!(what & (1u << i)))
            continue;
        sb_addf(out, "%s\"%s\"", sep, names[i]);
        sep = ",";
    }
    sb_addch(out, ']');
}

static void add_text(struct strbuf *out, const char *name, const char *text)
{
    sb_addf(out, ",\"%s\":", name);
    sb_add_json_string(out, text);
}

void change_print_json(const struct change *c, struct strbuf *out)
{
    static const char *const kinds[] = {"same", "added", "changed", "deleted"};

    sb_add(out, "{\"path\":");
    sb_add_json_string(out, c->path);
    add_text(out, "kind", kinds[c->kind]);
    add_text(out, "type", file_type_name(c->object.mode));
    sb_addf(out, ",\"size\":%llu,\"mode\":\"%04o\"", (unsigned long long) c->object.size,
            c->object.mode & 07777);
    if (c->kind != CHANGE_DELETED)
        sb_addf(out, ",\"uid\":%u,\"gid\":%u", c->object.uid, c->object.gid);
    if (c->kind == CHANGE_CHANGED)
        add_what(out, c->what);
    if (c->from)
        add_text(out, "from", c->from);
    if (c->privileged)
        sb_add(out, ",\"privileged\":true");
    if (c->conflict)
        add_text(out, "conflict", c->conflict);
    sb_addch(out, '}');
}
