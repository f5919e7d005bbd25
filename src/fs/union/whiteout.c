/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names that are gone although the lower has them, and directories in which nothing is left.
 *
 * A whiteout is made whole in work and takes its place by one rename: over a file it replaces, or
 * in exchange with a directory, which then waits in work to be removed. So at every moment the name
 * shows either what it was or nothing.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "abi/linux/fcntl.h"
#include "abi/linux/stat.h"
#include "fs/union/listing.h"

int whiteout_put(struct union_super *us, struct union_node *dir, const char *name,
                 struct node *lower, bool is_dir)
{
    const struct create_args a = {.mode = LX_S_IFREG | FACT_WHITEOUT_MODE};
    char temp[TEMP_NAME_CAP];
    struct node *w;
    int r = union_dir_up(dir);
    if (r == 0)
        r = work_create(us, &a, temp, &w);
    if (r < 0)
        return r;
    r = facts_set_whiteout(us, w, lower);
    if (r == 0)
        r = work_place(us, temp, w, union_upper(dir), name, is_dir ? LX_RENAME_EXCHANGE : 0);
    if (r < 0) {
        work_discard(us, temp, w);
        return r;
    }
    if (is_dir)
        work_remove(us, temp);
    node_put(w);
    return 0;
}

/* ---- emptiness ---- */

struct empty_sink {
    struct dirsink sink; /* first */
    struct union_super *us;
    struct union_node *dir;
    struct node *upper; /* whose entries cover those of the lower; NULL while it is listed itself */
    bool found;
    int error;
};

static bool is_dot(const char *name)
{
    return strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
}

/* An entry of the upper is something unless it is a whiteout. */
static bool look_at_upper(struct dirsink *s, const char *name, size_t len unused_, uint64_t ino,
                          uint32_t type unused_, int64_t next unused_)
{
    struct empty_sink *es = container_of(s, struct empty_sink, sink);
    struct node *n = NULL;
    struct facts f;
    if (is_dot(name))
        return true;
    if (facts_of_entry(es->us, ino, &f)) {
        es->found = !f.whiteout;
    } else {
        es->error = layer_find(union_upper(es->dir), name, &n);
        es->found = n && !facts_is_whiteout(es->us, n);
        node_put(n);
    }
    return !es->found && !es->error;
}

/* One of the lower, unless the upper has the name: those have been looked at. */
static bool look_at_lower(struct dirsink *s, const char *name, size_t len unused_,
                          uint64_t ino unused_, uint32_t type unused_, int64_t next unused_)
{
    struct empty_sink *es = container_of(s, struct empty_sink, sink);
    struct node *n = NULL;
    if (is_dot(name))
        return true;
    if (es->upper)
        es->error = layer_find(es->upper, name, &n);
    es->found = !n;
    node_put(n);
    return !es->found && !es->error;
}

static int look_through(struct node *dir, struct empty_sink *es)
{
    int r = layer_list(dir, &es->sink);
    if (r == 0)
        r = es->error;
    return r == 0 && es->found ? -ENOTEMPTY : r;
}

int union_is_empty(struct union_node *dir)
{
    struct node *upper = union_upper(dir);
    struct empty_sink es = {.sink = {.emit = look_at_upper}, .us = super_of(dir), .dir = dir};
    int r = upper ? look_through(upper, &es) : 0;
    if (r < 0 || !dir->lower)
        return r;
    es.sink.emit = look_at_lower;
    es.upper = upper;
    return look_through(dir->lower, &es);
}
