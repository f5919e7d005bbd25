/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a kept sandbox changed, as a list: parents before what is in them, names in the order of
 * their bytes. host/diff.h makes it, host/commit.h applies it.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

#include "base/strbuf.h"
#include "base/util.h"

enum change_kind {
    CHANGE_SAME, /* nothing, but the store has something there: never shown */
    CHANGE_ADDED,
    CHANGE_CHANGED,
    CHANGE_DELETED,
};

enum {
    CHANGED_CONTENT = 1 << 0, /* bytes, target of a link, number of a device */
    CHANGED_MODE = 1 << 1,
    CHANGED_OWNER = 1 << 2,
    CHANGED_XATTR = 1 << 3,
    CHANGED_TYPE = 1 << 4,
};

/* An object as the sandbox sees it. */
struct object {
    uint32_t mode; /* with the type */
    uint32_t uid, gid;
    uint64_t size;
    dev_t rdev;
};

struct change {
    char *path;   /* inside */
    size_t below; /* where the path below the layer's top begins in it */
    size_t layer; /* index in meta.layers */
    enum change_kind kind;
    unsigned what;        /* CHANGED_*, for CHANGE_CHANGED */
    struct object object; /* of what was deleted: as it is on the host */
    struct stat host;     /* the host's object when it was compared; st_nlink 0: none */
    char *from;           /* a renamed directory: where it was, as `path`; or NULL */
    const char *conflict; /* why the host's object is not what the sandbox saw; or NULL */
    long top;             /* index of the replaced directory it lies in or is; -1: none */
    bool implied;         /* deleted with the directory that was replaced: not in the store */
    bool privileged;      /* set-id bits, file capabilities, a device */
    bool selected, done;  /* commit's */
};

/* A directory of which the host's own contents do not count: they leave the store at once. */
struct change_top {
    char *below; /* path below the layer's top */
    size_t layer;
};

struct changes {
    struct change *v;
    size_t n, cap;
    struct change_top *tops;
    size_t n_tops;
};

/* Appends a change with a copy of nothing: `path` is taken over, also on failure. */
int changes_add(struct changes *c, const struct change *one) must_check;
int changes_add_top(struct changes *c, size_t layer, const char *below, long *ret) must_check;
void changes_free(struct changes *c);

static inline const char *change_below(const struct change *c)
{
    return c->path[c->below] ? c->path + c->below : "/";
}

static inline const char *change_from_below(const struct change *c)
{
    return c->from + c->below;
}

static inline bool change_on_host(const struct change *c)
{
    return c->host.st_nlink > 0;
}

/* "A /path" with what could disturb a terminal or a reader of lines as \ooo. */
void change_print(const struct change *c, struct strbuf *out);
/* A JSON object. */
void change_print_json(const struct change *c, struct strbuf *out);
void path_print(const char *path, struct strbuf *out);
const char *file_type_name(uint32_t mode);
