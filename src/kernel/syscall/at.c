/* SPDX-License-Identifier: Apache-2.0 */
/* Directory descriptors and names: openat(2), "Rationale". */
#include "kernel/syscall/at.h"

#include <errno.h>

#include "abi/linux/fcntl.h"
#include "kernel/task/task.h"
#include "kernel/vfs/attr.h"
#include "kernel/vfs/fdtable.h"

/* The name and the directory it starts at; an empty name keeps dirfd's file, too. */
int at_name_get_for(struct task *t, int dirfd, uint64_t name, uint32_t walk_flags,
                    struct at_name *ret)
{
    bool none = !name && (walk_flags & WALK_NULL);
    ssize_t len = none ? 0 : copy_in_str(t, ret->text, uaddr(name), sizeof(ret->text));
    ret->dir = NULL;
    if (none)
        ret->text[0] = 0;
    if (len < 0)
        return (int) len;
    if (len == 0 && !(walk_flags & WALK_EMPTY))
        return -ENOENT;
    bool scoped = walk_flags & (WALK_BENEATH | WALK_IN_ROOT);
    if ((ret->text[0] == '/' && !scoped) || dirfd == LX_AT_FDCWD)
        return 0;
    return fd_lookup_any(t->files, dirfd, &ret->dir);
}

int at_name_get(struct task *t, int dirfd, uint64_t name, struct at_name *ret)
{
    return at_name_get_for(t, dirfd, name, 0, ret);
}

const struct path *at_name_start(const struct at_name *n)
{
    return n->dir ? &n->dir->path : NULL;
}

void at_name_done(struct at_name *n)
{
    if (n->dir)
        file_put(n->dir);
    n->dir = NULL;
}

static void context(struct task *t, const struct cred *cred, struct target *ret)
{
    walkctx_init(&ret->w, t);
    if (cred)
        ret->w.cred = cred;
    ret->file = NULL;
    ret->path = (struct path){0};
    ret->own_path = false;
}

int target_at(struct task *t, const struct cred *cred, int dirfd, uint64_t name,
              uint32_t walk_flags, struct target *ret)
{
    struct at_name n;
    int r = at_name_get_for(t, dirfd, name, walk_flags, &n);
    if (r < 0)
        return r;
    context(t, cred, ret);
    if (!n.text[0] && n.dir) {
        ret->file = n.dir;
        ret->path = n.dir->path;
        return 0;
    }
    r = path_walk(&ret->w, at_name_start(&n), n.text, walk_flags, &ret->path);
    at_name_done(&n);
    if (r < 0)
        walkctx_done(&ret->w);
    else
        ret->own_path = true;
    return r;
}

int target_fd(struct task *t, int fd, bool place_too, struct target *ret)
{
    struct file *f;
    int r = place_too ? fd_lookup_any(t->files, fd, &f) : fd_lookup(t->files, fd, &f);
    if (r < 0)
        return r;
    context(t, NULL, ret);
    ret->file = f;
    ret->path = f->path;
    return 0;
}

void target_done(struct target *g)
{
    if (g->own_path)
        path_put(&g->path);
    if (g->file)
        file_put(g->file);
    walkctx_done(&g->w);
}

int target_getattr(const struct target *g, struct attr *ret)
{
    return g->file ? file_getattr(g->file, ret) : path_getattr(&g->path, ret);
}

int target_stat(struct task *t, int dirfd, uint64_t name, uint32_t walk_flags, struct place *ret)
{
    struct at_name n;
    struct walkctx w;
    int r = at_name_get_for(t, dirfd, name, walk_flags, &n);
    if (r < 0)
        return r;
    if (!n.text[0] && n.dir) {
        r = file_getattr(n.dir, &ret->attr);
        ret->mount_id = path_mount_id(&n.dir->path);
        ret->is_mount_root = path_is_mount_root(&n.dir->path);
    } else {
        walkctx_init(&w, t);
        r = path_stat(&w, at_name_start(&n), n.text, walk_flags, ret);
        walkctx_done(&w);
    }
    at_name_done(&n);
    return r;
}

int target_setattr(const struct target *g, const struct attr *a, uint32_t mask)
{
    bool place = !g->file || (atomic_load(&g->file->flags) & LX_O_PATH);
    return place ? vfs_setattr(&g->w, &g->path, a, mask) : file_setattr(&g->w, g->file, a, mask);
}

uint32_t at_walk_flags(uint32_t at_flags)
{
    uint32_t w = 0;
    if (at_flags & LX_AT_SYMLINK_NOFOLLOW)
        w |= WALK_NOFOLLOW;
    if (at_flags & LX_AT_EMPTY_PATH)
        w |= WALK_EMPTY;
    return w;
}
