/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The entries of two directories in one list: those of the upper, without whiteouts, then those of
 * the lower whose names the upper does not have. Names are found through a table of places, open
 * addressing, at most half full.
 */
#include "fs/union/listing.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "abi/linux/dirent.h"
#include "abi/linux/fcntl.h"
#include "base/strbuf.h"

struct item {
    uint64_t ino;
    size_t name; /* where it begins in names */
    uint32_t len;
    uint8_t type;
    bool hidden; /* a whiteout: only its name counts, for the lower */
};

struct listing {
    struct item *items;
    size_t n, cap;
    struct strbuf names; /* each with its NUL */
    uint32_t *places;    /* of the upper's names: index + 1; 0: free */
    size_t n_places;     /* a power of two, or 0 */
};

struct builder {
    struct dirsink sink; /* first */
    struct listing *l;
    struct union_super *us;
    struct union_node *dir;
    bool below; /* the lower is being listed */
    int error;
};

void listing_free(struct listing *l)
{
    if (!l)
        return;
    free(l->items);
    free(l->places);
    sb_free(&l->names);
    free(l);
}

bool entry_shown(struct union_node *dir, const char *name, uint64_t *io_ino, uint32_t type)
{
    struct union_super *us = super_of(dir);
    struct layers l;
    struct facts f;
    if (!facts_of_entry(us, *io_ino, &f) || (us->kept && type == LX_DT_DIR && !f.confirmed)) {
        /* Of another session: what is known must be read. */
        MUTEX_GUARD(&us->sb.tree_lock);
        if (layers_find(us, dir, name, &l) < 0)
            return false;
        f = l.f;
        layers_clear(&l);
    }
    *io_ino = union_ino(&f, *io_ino);
    return !f.whiteout;
}

uint64_t parent_ino(struct union_node *dir)
{
    MUTEX_GUARD(&dir->node.sb->tree_lock);
    return dir->parent ? dir->parent->node.ino : dir->node.ino;
}

static bool is_dot(const char *name, size_t len)
{
    return name[0] == '.' && (len == 1 || (len == 2 && name[1] == '.'));
}

static uint64_t hash(const struct builder *b, const char *name, size_t len)
{
    return hash_bytes(name, len, b->us->sb.hash_seed);
}

/* The place of a name, or the free one where it belongs. */
static size_t place_of(const struct builder *b, const char *name, size_t len)
{
    const struct listing *l = b->l;
    size_t at = hash(b, name, len) & (l->n_places - 1);
    for (; l->places[at]; at = (at + 1) & (l->n_places - 1)) {
        const struct item *i = &l->items[l->places[at] - 1];
        if (i->len == len && memcmp(l->names.data + i->name, name, len) == 0)
            break;
    }
    return at;
}

static int index_names(struct builder *b)
{
    struct listing *l = b->l;
    size_t n = 16;
    while (n < 2 * l->n)
        n *= 2;
    l->places = calloc(n, sizeof(*l->places));
    if (!l->places)
        return -ENOMEM;
    l->n_places = n;
    for (size_t i = 0; i < l->n; i++)
        l->places[place_of(b, l->names.data + l->items[i].name, l->items[i].len)] =
            (uint32_t) i + 1;
    return 0;
}

static int add(struct listing *l, const char *name, size_t len, const struct item *like)
{
    if (l->n == l->cap) {
        size_t cap = l->cap ? 2 * l->cap : 64;
        struct item *items = cap < UINT32_MAX ? reallocarray(l->items, cap, sizeof(*items)) : NULL;
        if (!items)
            return -ENOMEM;
        l->items = items;
        l->cap = cap;
    }
    struct item *i = &l->items[l->n];
    *i = *like;
    i->name = l->names.len;
    i->len = (uint32_t) len;
    sb_addn(&l->names, name, len + 1);
    if (sb_error(&l->names) < 0)
        return sb_error(&l->names);
    l->n++;
    return 0;
}

static bool take(struct dirsink *s, const char *name, size_t len, uint64_t ino, uint32_t type,
                 int64_t next unused_)
{
    struct builder *b = container_of(s, struct builder, sink);
    struct item like = {.ino = ino, .type = (uint8_t) type};
    if (is_dot(name, len))
        return true;
    if (!b->below)
        like.hidden = !entry_shown(b->dir, name, &like.ino, type);
    else if (b->l->places[place_of(b, name, len)])
        return true;
    b->error = add(b->l, name, len, &like);
    return b->error == 0;
}

int layer_list(struct node *dir, struct dirsink *out)
{
    struct open_args a = {.flags = LX_O_RDONLY | LX_O_DIRECTORY};
    struct file *f;
    int r = dir->ops->open(dir, &a, &f);
    if (r < 0)
        return r;
    r = f->ops->readdir(f, out);
    file_put(f);
    return r;
}

static int build(struct builder *b)
{
    const struct item self = {.ino = b->dir->node.ino, .type = LX_DT_DIR};
    const struct item above = {.ino = parent_ino(b->dir), .type = LX_DT_DIR};
    int r = add(b->l, ".", 1, &self);
    if (r == 0)
        r = add(b->l, "..", 2, &above);
    if (r == 0)
        r = layer_list(union_upper(b->dir), &b->sink);
    if (r == 0)
        r = b->error;
    if (r == 0)
        r = index_names(b);
    b->below = true;
    if (r == 0)
        r = layer_list(b->dir->lower, &b->sink);
    return r < 0 ? r : b->error;
}

int listing_new(struct union_node *dir, struct listing **ret)
{
    struct builder b = {.sink = {.emit = take}, .us = super_of(dir), .dir = dir};
    b.l = calloc(1, sizeof(*b.l));
    int r = b.l ? build(&b) : -ENOMEM;
    if (r < 0) {
        listing_free(b.l);
        return r;
    }
    free(b.l->places);
    b.l->places = NULL;
    *ret = b.l;
    return 0;
}

void listing_emit(const struct listing *l, int64_t *pos, struct dirsink *out)
{
    for (size_t i = (size_t) MAX(*pos, (int64_t) 0); i < l->n; i++) {
        const struct item *e = &l->items[i];
        if (!e->hidden &&
            !out->emit(out, l->names.data + e->name, e->len, e->ino, e->type, (int64_t) i + 1))
            return;
        *pos = (int64_t) i + 1;
    }
}
