/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The work directory of the upper: what is there has no place in the union, so whatever ends us
 * leaves nothing half done where guests would see it. It is emptied at the next mount.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "abi/linux/stat.h"
#include "base/log.h"
#include "base/strbuf.h"
#include "fs/union/listing.h"

void work_name(struct union_super *us, char dst[static TEMP_NAME_CAP])
{
    snprintf(dst, TEMP_NAME_CAP, "%" PRIx64, atomic_fetch_add(&us->last_temp, 1) + 1);
}

int work_create(struct union_super *us, const struct create_args *a,
                char name[static TEMP_NAME_CAP], struct node **ret)
{
    if (!us->work->ops->create)
        return -EPERM;
    work_name(us, name);
    int r = quota_take(us, QUOTA_BLOCK);
    if (r < 0)
        return r;
    r = us->work->ops->create(us->work, name, a, ret);
    if (r == 0)
        facts_forget(us, (*ret)->ino);
    else
        quota_give(us, QUOTA_BLOCK);
    return r;
}

void work_discard(struct union_super *us, const char *name, struct node *n)
{
    facts_forget(us, n->ino);
    work_remove(us, name);
    quota_give(us, QUOTA_BLOCK);
    node_put(n);
}

int work_place(struct union_super *us, const char *name, struct node *n, struct node *dir,
               const char *to, uint32_t flags)
{
    const struct name_move m = {
        .from_dir = us->work, .to_dir = dir, .from = name, .to = to, .moved = n, .flags = flags};
    return us->work->ops->rename(&m);
}

/* ---- removing ---- */

struct names_sink {
    struct dirsink sink; /* first */
    struct strbuf names; /* each with its NUL */
};

static bool take_name(struct dirsink *s, const char *name, size_t len, uint64_t ino unused_,
                      uint32_t type unused_, int64_t next unused_)
{
    struct names_sink *ns = container_of(s, struct names_sink, sink);
    if (strcmp(name, ".") != 0 && strcmp(name, "..") != 0)
        sb_addn(&ns->names, name, len + 1);
    return true;
}

int layer_names(struct node *dir, struct strbuf *ret)
{
    struct names_sink ns = {.sink = {.emit = take_name}, .names = STRBUF_INIT};
    int r = layer_list(dir, &ns.sink);
    if (r == 0)
        r = sb_error(&ns.names);
    *ret = ns.names;
    return r;
}

/* Directories deeper than this below one that is being removed were not made by us: they stay. */
#define MAX_DEPTH 64

static int remove_from(struct union_super *us, struct node *dir, const char *name, int depth);

static int remove_contents(struct union_super *us, struct node *dir, int depth)
{
    _cleanup_sb_ struct strbuf names = STRBUF_INIT;
    int r = layer_names(dir, &names);
    for (size_t at = 0; at < names.len && r == 0; at += strlen(names.data + at) + 1)
        r = remove_from(us, dir, names.data + at, depth);
    return r;
}

static int remove_from(struct union_super *us, struct node *dir, const char *name, int depth)
{
    struct node *n;
    int r = layer_find(dir, name, &n);
    if (r < 0 || !n)
        return r;
    bool is_dir = n->type == LX_S_IFDIR, whiteout = facts_is_whiteout(us, n);
    uint64_t ino = n->ino;
    if (is_dir)
        r = depth ? remove_contents(us, n, depth - 1) : -ELOOP;
    if (r == 0)
        r = dir->ops->unlink(dir, name, n, is_dir);
    node_put(n);
    /* Others are somebody's, or have more names than this one. */
    if (r == 0 && (is_dir || whiteout))
        facts_forget(us, ino);
    if (r == 0 && whiteout)
        quota_give(us, QUOTA_BLOCK);
    return r;
}

void work_remove(struct union_super *us, const char *name)
{
    int r = remove_from(us, us->work, name, MAX_DEPTH);
    if (r < 0)
        log_debug("union: work/%s stays until the next mount: %s", name, strerror(-r));
}

void work_empty(struct union_super *us)
{
    int r = remove_contents(us, us->work, MAX_DEPTH);
    if (r < 0)
        log_info("union: what an earlier session left in work stays: %s", strerror(-r));
}
