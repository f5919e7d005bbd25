/* SPDX-License-Identifier: Apache-2.0 */
/* Root, working directory and umask: what CLONE_FS shares. */
#include <stdlib.h>

#include "kernel/vfs/mount_table.h"
#include "kernel/vfs/walk.h"

static struct fsctx *make(const struct path *root, const struct path *cwd, uint32_t umask,
                          struct mount_ns *ns)
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
    fs->ns = mount_ns_get(ns);
    return fs;
}

struct fsctx *fsctx_new(const struct path *root, const struct path *cwd, uint32_t umask)
{
    return make(root, cwd, umask, root->mnt->vfs->first);
}

struct fsctx *fsctx_get(struct fsctx *fs)
{
    ref_get(&fs->ref);
    return fs;
}

struct fsctx *fsctx_copy(struct fsctx *fs)
{
    MUTEX_GUARD(&fs->lock);
    return make(&fs->root, &fs->cwd, fs->umask, fs->ns);
}

void fsctx_put(struct fsctx *fs)
{
    if (!fs || !ref_put(&fs->ref))
        return;
    path_put(&fs->root);
    path_put(&fs->cwd);
    mount_ns_put(fs->ns);
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

size_t fsctx_replace(struct fsctx *fs, const struct path *old, const struct path *fresh)
{
    struct path *const both[] = {&fs->root, &fs->cwd};
    size_t n = 0;
    MUTEX_GUARD(&fs->lock);
    for (size_t i = 0; i < ARRAY_LEN(both); i++) {
        if (both[i]->mnt != old->mnt || both[i]->dentry != old->dentry)
            continue;
        *both[i] = *fresh;
        path_get(both[i]);
        n++;
    }
    return n;
}

struct mount_ns *fsctx_ns(struct fsctx *fs)
{
    MUTEX_GUARD(&fs->lock);
    return mount_ns_get(fs->ns);
}

/* Takes over the references of the three; the old ones are dropped after the lock. */
static void enter(struct fsctx *fs, struct mount_ns *ns, const struct path *root,
                  const struct path *cwd)
{
    mutex_lock(&fs->lock);
    struct path old_root = fs->root, old_cwd = fs->cwd;
    struct mount_ns *old = fs->ns;
    fs->root = *root;
    fs->cwd = *cwd;
    fs->ns = ns;
    mutex_unlock(&fs->lock);
    path_put(&old_root);
    path_put(&old_cwd);
    mount_ns_put(old);
}

int fsctx_unshare_mounts(struct fsctx *fs)
{
    struct mount_ns *fresh;
    mutex_lock(&fs->lock);
    struct mount_ns *ns = mount_ns_get(fs->ns);
    struct path root = fs->root, cwd = fs->cwd;
    path_get(&root);
    path_get(&cwd);
    mutex_unlock(&fs->lock);
    int r = mount_ns_copy(ns, &root, &cwd, &fresh);
    if (r == 0) {
        enter(fs, fresh, &root, &cwd);
    } else {
        path_put(&root);
        path_put(&cwd);
    }
    mount_ns_put(ns);
    return r;
}

int fsctx_enter_mounts(struct fsctx *fs, struct mount_ns *ns)
{
    struct path root, cwd;
    int r = mount_ns_root(ns, &root);
    if (r < 0)
        return r;
    cwd = root;
    path_get(&cwd);
    enter(fs, mount_ns_get(ns), &root, &cwd);
    return 0;
}
