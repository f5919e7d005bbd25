/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names in the union. A directory without an upper is asked in the lower alone; else the upper has
 * the first word: an object there covers the lower's, a whiteout too, and two directories are one.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "abi/linux/stat.h"
#include "base/strbuf.h"
#include "fs/union/internal.h"

int layer_find(struct node *dir, const char *name, struct node **ret)
{
    *ret = NULL;
    int r = dir->ops->lookup ? dir->ops->lookup(dir, name, strlen(name), ret) : -ENOTDIR;
    return r == -ENOENT ? 0 : r;
}

int lower_find(struct union_node *dir, const char *name, struct node **ret)
{
    *ret = NULL;
    return dir->lower ? layer_find(dir->lower, name, ret) : 0;
}

/* A directory by its path from the lower's top; nothing where it is gone. */
static int walk_lower(struct union_super *us, const char *path, struct node **ret)
{
    struct node *at = node_get(us->lower->root), *next;
    char name[256];
    int r = 0;
    while (at && r == 0) {
        path += strspn(path, "/");
        size_t len = strcspn(path, "/");
        if (len == 0)
            break;
        if (len >= sizeof(name)) {
            r = -ENAMETOOLONG;
            break;
        }
        memcpy(name, path, len);
        name[len] = '\0';
        path += len;
        r = at->type == LX_S_IFDIR ? layer_find(at, name, &next) : -ENOTDIR;
        node_put(at);
        at = r == 0 ? next : NULL;
    }
    if (at && (r < 0 || at->type != LX_S_IFDIR)) {
        node_put(at);
        at = NULL;
    }
    *ret = at;
    return r == -ENOTDIR ? 0 : r;
}

int lower_path(struct union_node *dir, char **ret)
{
    _cleanup_sb_ struct strbuf tail = STRBUF_INIT, whole = STRBUF_INIT;
    struct union_node *at = dir;
    for (; at->parent && !at->redirect; at = at->parent) {
        sb_reset(&whole);
        sb_addf(&whole, "/%s%s", at->name, sb_text(&tail));
        sb_reset(&tail);
        sb_add(&tail, sb_text(&whole));
        if (sb_error(&whole) < 0)
            return sb_error(&whole);
    }
    sb_reset(&whole);
    sb_add(&whole, at->redirect ? at->redirect : "");
    sb_add(&whole, sb_text(&tail));
    int r = sb_error(&tail);
    return r < 0 ? r : sb_take(&whole, ret);
}

/* What the upper has; a whiteout counts as something that is not there. */
static int look_above(struct union_super *us, struct node *upper, const char *name,
                      struct layers *l, bool *ret_covered)
{
    int r = layer_find(upper, name, &l->upper);
    *ret_covered = false;
    if (r < 0 || !l->upper)
        return r;
    if (facts_is_whiteout(us, l->upper)) {
        node_put(l->upper);
        l->upper = NULL;
        *ret_covered = true;
        return 0;
    }
    r = facts_get(us, l->upper, &l->f);
    *ret_covered = l->upper->type != LX_S_IFDIR || l->f.opaque;
    return r;
}

static int look_below(struct union_super *us, struct union_node *dir, const char *name,
                      struct layers *l)
{
    int r =
        l->f.redirect ? walk_lower(us, l->f.redirect, &l->lower) : lower_find(dir, name, &l->lower);
    if (r == 0 && l->upper && l->lower && l->lower->type != LX_S_IFDIR) {
        node_put(l->lower);
        l->lower = NULL;
    }
    /* What cannot be read below does not take away what is above. */
    return l->upper && r != -ENOMEM && r != -EMFILE && r != -ENFILE ? 0 : r;
}

/* A directory of both layers is the lower's, which a later session finds out here; listings must
 * say so, too. */
static int note_identity(struct union_super *us, struct layers *l)
{
    uint64_t dev = l->lower ? l->lower->dev : 0, ino = l->lower ? l->lower->ino : 0;
    if (!us->kept || !l->upper || l->upper->type != LX_S_IFDIR || l->f.confirmed)
        return 0;
    l->f.dev = dev;
    l->f.ino = ino;
    return facts_set_identity(us, l->upper, dev, ino);
}

int layers_find(struct union_super *us, struct union_node *dir, const char *name,
                struct layers *ret)
{
    struct node *upper = union_upper(dir);
    bool covered = false;
    int r = 0;
    *ret = (struct layers){0};
    if (upper)
        r = look_above(us, upper, name, ret, &covered);
    if (r == 0 && !covered)
        r = look_below(us, dir, name, ret);
    if (r == 0)
        r = note_identity(us, ret);
    if (r == 0)
        r = links_find(us, ret);
    if (r == 0 && !ret->upper && !ret->lower)
        r = -ENOENT;
    if (r < 0)
        layers_clear(ret);
    return r;
}

int union_lookup(struct node *n, const char *name, size_t len, struct node **ret)
{
    struct union_node *dir = union_node(n);
    struct union_super *us = super_of(dir);
    struct layers l;
    if (n->type != LX_S_IFDIR)
        return -ENOTDIR;
    int r = layers_find(us, dir, name, &l);
    return r < 0 ? r : union_node_get(us, dir, name, len, &l, ret);
}

/* Nobody but us changes the upper; the lower's names are asked again. */
bool union_revalidate(struct node *n, struct node *dir, const char *name)
{
    struct union_node *un = union_node(n), *parent = union_node(dir);
    struct node *lower = un->lower;
    bool by_name = lower && (!union_upper(un) || n->type == LX_S_IFDIR) && !un->redirect;
    if (!by_name || !parent->lower || !lower->ops->revalidate)
        return true;
    return lower->ops->revalidate(lower, parent->lower, name);
}
