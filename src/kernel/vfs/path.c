/* SPDX-License-Identifier: Apache-2.0 */
/* Paths as values, and the way from a call's arguments to one. */
#include <errno.h>
#include <stdlib.h>

#include "abi/linux/fcntl.h"
#include "kernel/task/task.h"
#include "kernel/vfs/fdtable.h"
#include "kernel/vfs/mount_table.h"
#include "kernel/vfs/walk.h"
#include "rpc/spec.h"

void path_get(struct path *p)
{
    if (p->dentry)
        dentry_get(p->dentry);
    mount_get(p->mnt);
}

void path_put(struct path *p)
{
    dentry_put(p->dentry);
    mount_put(p->mnt);
    *p = (struct path){0};
}

struct node *path_node(const struct path *p)
{
    return p->dentry ? p->dentry->node : NULL;
}

uint32_t path_mount_flags(const struct path *p)
{
    const struct mount *m = p->mnt;
    if (!m)
        return 0;
    return atomic_load_explicit(&m->flags, memory_order_relaxed) |
           (atomic_load_explicit(&m->sb->rdonly, memory_order_relaxed) ? MOUNT_F_RDONLY : 0u);
}

int path_mount_id(const struct path *p)
{
    return p->mnt ? p->mnt->id : 0;
}

bool path_is_mount_root(const struct path *p)
{
    return p->mnt && p->dentry == p->mnt->root;
}

void walkctx_init(struct walkctx *w, struct task *t)
{
    mutex_lock(&t->fs->lock);
    w->root = t->fs->root;
    w->cwd = t->fs->cwd;
    w->umask = t->fs->umask;
    path_get(&w->root);
    path_get(&w->cwd);
    mutex_unlock(&t->fs->lock);
    w->cred = t->cred;
    w->task = t;
}

int walkctx_init_root(struct walkctx *w, struct vfs *v, const struct cred *cred)
{
    int r = vfs_root(v, &w->root);
    if (r < 0)
        return r;
    w->cwd = w->root;
    w->umask = 0;
    path_get(&w->cwd);
    w->cred = cred;
    w->task = NULL;
    return 0;
}

void walkctx_done(struct walkctx *w)
{
    path_put(&w->root);
    path_put(&w->cwd);
}

/* dirfd's path, referenced through the file. */
static int start_of(struct task *t, int dirfd, struct file **ret)
{
    *ret = NULL;
    return dirfd == LX_AT_FDCWD ? 0 : fd_lookup_any(t->files, dirfd, ret);
}

int path_at(struct task *t, int dirfd, uaddr_t name, uint32_t walk_flags, struct path *ret)
{
    char text[GUEST_PATH_MAX];
    struct file *dir = NULL;
    struct walkctx w;
    ssize_t len = copy_in_str(t, text, name, sizeof(text));
    if (len < 0)
        return (int) len;
    if (len == 0 && !(walk_flags & WALK_EMPTY))
        return -ENOENT;
    if (text[0] != '/') {
        int r = start_of(t, dirfd, &dir);
        if (r < 0)
            return r;
    }
    walkctx_init(&w, t);
    int r = path_walk(&w, dir ? &dir->path : NULL, text, walk_flags, ret);
    walkctx_done(&w);
    if (dir)
        file_put(dir);
    return r;
}
