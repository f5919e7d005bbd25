/* SPDX-License-Identifier: Apache-2.0 */
/* Root, working directory and umask: what CLONE_FS shares. */
#include <stdlib.h>

#include "kernel/vfs/walk.h"

struct fsctx *fsctx_new(const struct path *root, const struct path *cwd, uint32_t umask)
{
    struct fsctx *fs = calloc(1, sizeof(*fs));
    if (!fs)
        return NULL;
    ref_init(&fs->ref);
    mutex_init(&fs->lock, RANK_FSCTX);
    fs->root = *root;
    fs->cwd = *cwd;
    path_get(&fs->root);
    path_get(&fs->cwd);
    fs->umask = umask;
    return fs;
}

struct fsctx *fsctx_get(struct fsctx *fs)
{
    ref_get(&fs->ref);
    return fs;
}

struct fsctx *fsctx_copy(struct fsctx *fs)
{
    MUTEX_GUARD(&fs->lock);
    return fsctx_new(&fs->root, &fs->cwd, fs->umask);
}

void fsctx_put(struct fsctx *fs)
{
    if (!fs || !ref_put(&fs->ref))
        return;
    path_put(&fs->root);
    path_put(&fs->cwd);
    free(fs);
}

/* The old path is dropped after the lock: that may release a node. */
static void replace(struct fsctx *fs, struct path *where, const struct path *p)
{
    struct path fresh = *p, old;
    path_get(&fresh);
    mutex_lock(&fs->lock);
    old = *where;
    *where = fresh;
    mutex_unlock(&fs->lock);
    path_put(&old);
}

void fsctx_set_cwd(struct fsctx *fs, const struct path *p)
{
    replace(fs, &fs->cwd, p);
}

void fsctx_set_root(struct fsctx *fs, const struct path *p)
{
    replace(fs, &fs->root, p);
}

uint32_t fsctx_umask(struct fsctx *fs)
{
    MUTEX_GUARD(&fs->lock);
    return fs->umask;
}

uint32_t fsctx_set_umask(struct fsctx *fs, uint32_t mask)
{
    MUTEX_GUARD(&fs->lock);
    uint32_t old = fs->umask;
    fs->umask = mask & 0777;
    return old;
}
