/* SPDX-License-Identifier: Apache-2.0 */
/* The name of a path, as getcwd(2) and the links of /proc show it. */
#include <errno.h>
#include <string.h>

#include "kernel/vfs/mount_table.h"
#include "kernel/vfs/walk.h"

/* Text is written from the end of the buffer towards its start. */
struct backwards {
    char *dst;
    size_t at; /* where the text starts */
};

static int prepend(struct backwards *b, const char *text, size_t n)
{
    if (n > b->at)
        return -ENAMETOOLONG;
    b->at -= n;
    memcpy(b->dst + b->at, text, n);
    return 0;
}

/*
 * The names from d up to `stop` (or the top of its super, which has no sb). The caller's reference
 * keeps d and so all above it; the tree_lock keeps the places. *d is where it ended.
 */
static int names_up_to(struct backwards *b, struct dentry **d, const struct dentry *stop,
                       const struct dentry *top)
{
    struct super *sb = NULL;
    int r = 0;
    while (r == 0 && *d != stop && *d != top && (*d)->sb) {
        if ((*d)->sb != sb) {
            if (sb)
                mutex_unlock(&sb->tree_lock);
            sb = (*d)->sb;
            mutex_lock(&sb->tree_lock);
        }
        r = prepend(b, (*d)->name, (*d)->len);
        if (r == 0)
            r = prepend(b, "/", 1);
        *d = (*d)->parent;
    }
    if (sb)
        mutex_unlock(&sb->tree_lock);
    return r;
}

/* 0, or 1 when the way up did not meet root. */
static int build(struct backwards *b, const struct path *p, const struct path *root)
{
    struct path own = {0}, up; /* keeps what `p` does not */
    struct mount *mnt = p->mnt;
    struct dentry *d = p->dentry;
    int r;
    for (;;) {
        const struct dentry *stop = mnt == root->mnt ? root->dentry : NULL;
        r = names_up_to(b, &d, stop, mnt->root);
        if (r < 0 || (d == root->dentry && mnt == root->mnt))
            break;
        r = 1;
        if (d != mnt->root || !mount_up(mnt, &up))
            break;
        path_put(&own);
        own = up;
        mnt = up.mnt;
        d = up.dentry;
    }
    path_put(&own);
    return r;
}

/* Where d is in its file system, whatever is mounted. Length or -ENAMETOOLONG. */
ssize_t dentry_text(struct dentry *d, char *dst, size_t cap)
{
    struct backwards b = {.dst = dst, .at = cap};
    int r = prepend(&b, "", 1);
    if (r == 0)
        r = names_up_to(&b, &d, NULL, NULL);
    if (r == 0 && b.dst[b.at] != '/')
        r = prepend(&b, "/", 1);
    if (r < 0)
        return r;
    memmove(dst, dst + b.at, cap - b.at);
    return (ssize_t) (cap - b.at - 1);
}

static ssize_t text_of(const struct path *p, const struct path *root, bool far, char *dst,
                       size_t cap)
{
    struct backwards b = {.dst = dst, .at = cap};
    int r = prepend(&b, "", 1);
    if (!p->mnt || !p->dentry)
        return -ENOENT;
    bool anonymous = !p->dentry->sb && p->mnt == p->mnt->vfs->internal;
    if (r == 0 && atomic_load(&p->dentry->gone))
        r = prepend(&b, " (deleted)", strlen(" (deleted)"));
    if (r == 0 && anonymous)
        r = prepend(&b, p->dentry->name, p->dentry->len);
    if (r < 0)
        return r;
    if (!anonymous) {
        size_t end = b.at;
        r = build(&b, p, root);
        if (r >= 0 && b.at == end && prepend(&b, "/", 1) < 0)
            return -ENAMETOOLONG;
        if (r == 1 && !far)
            r = prepend(&b, "(unreachable)", strlen("(unreachable)"));
        if (r < 0)
            return r;
    }
    memmove(dst, dst + b.at, cap - b.at);
    return (ssize_t) (cap - b.at - 1);
}

ssize_t path_text(const struct path *p, const struct path *root, char *dst, size_t cap)
{
    return text_of(p, root, false, dst, cap);
}

ssize_t path_text_far(const struct path *p, const struct path *root, char *dst, size_t cap)
{
    return text_of(p, root, true, dst, cap);
}
