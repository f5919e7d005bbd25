/* SPDX-License-Identifier: Apache-2.0 */
/* /proc/PID/fd and fdinfo. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "abi/linux/fcntl.h"
#include "fs/proc/internal.h"
#include "kernel/vfs/attr.h"
#include "kernel/vfs/fdtable.h"
#include "kernel/vfs/walk.h"

static int find_file(const struct pseudo_ctx *c, int fd, struct file **ret)
{
    struct fdtable *ft;
    int r = task_snapshot_files(c->k, c->tid, &ft);
    if (r < 0)
        return r;
    r = fd_lookup_any(ft, fd, ret);
    fdtable_put(ft, NULL);
    return r < 0 ? -ENOENT : 0;
}

static int list(const struct pseudo_ctx *c, uint64_t cursor,
                bool (*emit)(void *arg, const char *name, uint64_t next), void *arg)
{
    struct fdtable *ft;
    char name[16];
    if (task_snapshot_files(c->k, c->tid, &ft) < 0)
        return 0;
    for (int fd = (int) cursor; (fd = fd_next(ft, fd)) >= 0; fd++) {
        (void) snprintf(name, sizeof(name), "%d", fd);
        if (!emit(arg, name, (uint64_t) fd + 1))
            break;
    }
    fdtable_put(ft, NULL);
    return 0;
}

/* ---- fd ---- */

/* "pipe:[17]", "anon_inode:[eventfd]", or what the object says of itself. */
static ssize_t anon_text(struct file *f, char *dst, size_t cap)
{
    if (f->ops->link_text)
        return f->ops->link_text(f, dst, cap);
    const char *name = f->ops->name ? f->ops->name : "anon_inode";
    int n = strchr(name, ':')
                ? snprintf(dst, cap, "%s", name)
                : snprintf(dst, cap, "%s:[%llu]", name, (unsigned long long) f->anon_ino);
    return MIN((ssize_t) n, (ssize_t) cap - 1);
}

static ssize_t named_text(const struct pseudo_ctx *c, struct file *f, char *dst, size_t cap)
{
    char text[GUEST_PATH_MAX];
    struct fsctx *fs;
    int r = task_snapshot_fs(c->k, c->opener ? c->opener->tid : c->tid, &fs);
    if (r < 0)
        return r;
    mutex_lock(&fs->lock);
    struct path root = fs->root;
    path_get(&root);
    mutex_unlock(&fs->lock);
    fsctx_put(fs);
    ssize_t n = path_text_far(&f->path, &root, text, sizeof(text));
    path_put(&root);
    if (n < 0)
        return n;
    n = MIN(n, (ssize_t) cap);
    memcpy(dst, text, (size_t) n);
    return n;
}

static ssize_t fd_link(const struct pseudo_ctx *c, char *dst, size_t cap)
{
    struct file *f;
    if (c->opener && !task_may_inspect(c->opener, c->tid))
        return -EACCES;
    int r = find_file(c, c->fd, &f);
    if (r < 0)
        return r;
    ssize_t n = f->path.dentry ? named_text(c, f, dst, cap) : anon_text(f, dst, cap);
    file_put(f);
    return n;
}

static int fd_follow(const struct pseudo_ctx *c, struct path *ret)
{
    char name[GUEST_PATH_MAX];
    struct file *f;
    struct node *n;
    if (c->opener && !task_may_inspect(c->opener, c->tid))
        return -EACCES;
    int r = find_file(c, c->fd, &f);
    if (r < 0)
        return r;
    if (f->path.dentry) {
        *ret = f->path;
        path_get(ret);
    } else if (!f->ops->anon_node) {
        r = -ENXIO;
    } else if ((r = f->ops->anon_node(f, &n)) == 0) {
        ssize_t len = anon_text(f, name, sizeof(name) - 1);
        name[MAX(len, (ssize_t) 0)] = '\0';
        r = path_anon(c->k->vfs, n, name, ret);
    }
    file_put(f);
    return r;
}

/* The owner's bits tell how it was opened: proc_pid_fd(5). */
#define FD_ENTRY(mode_)                                                                \
    {                                                                                  \
        .name = "", .mode = LX_S_IFLNK | (mode_), .link = fd_link, .follow = fd_follow \
    }

static const struct pseudo_entry fd_entries[] = {
    [LX_O_RDONLY] = FD_ENTRY(0500),
    [LX_O_WRONLY] = FD_ENTRY(0300),
    [LX_O_RDWR] = FD_ENTRY(0700),
    [LX_O_ACCMODE] = FD_ENTRY(0), /* open for ioctl(2) alone, or a place */
};

/* Which of them: by the flags, without the file, whose last reference must not be dropped here. */
static const struct pseudo_entry *fd_entry_of(const struct pseudo_ctx *c, int fd)
{
    struct fdtable *ft;
    if (task_snapshot_files(c->k, c->tid, &ft) < 0)
        return NULL;
    int64_t flags = fd_file_flags(ft, fd);
    fdtable_put(ft, NULL);
    if (flags < 0)
        return NULL;
    return &fd_entries[flags & LX_O_PATH ? LX_O_ACCMODE : (uint32_t) flags & LX_O_ACCMODE];
}

static const struct pseudo_entry *fd_lookup_name(struct pseudo_ctx *c, const char *name, size_t len)
{
    int fd = proc_number(name, len);
    const struct pseudo_entry *e = fd < 0 ? NULL : fd_entry_of(c, fd);
    if (e)
        c->fd = fd;
    return e;
}

const struct pseudo_dynamic proc_fd_dynamic = {.lookup = fd_lookup_name, .list = list};

/* ---- fdinfo ---- */

#define ANON_MOUNT 15 /* of files without a name: in nobody's mountinfo */

static int show_fdinfo(const struct pseudo_ctx *c, struct strbuf *out)
{
    struct fdtable *ft;
    struct file *f;
    int r = task_snapshot_files(c->k, c->tid, &ft);
    if (r < 0)
        return r;
    r = fd_lookup_any(ft, c->fd, &f);
    int cloexec = fd_get_cloexec(ft, c->fd);
    fdtable_put(ft, NULL);
    if (r < 0)
        return -ENOENT;
    int64_t pos = file_seek(f, 0, 1);
    uint32_t flags = atomic_load(&f->flags) | (cloexec > 0 ? 02000000u : 0);
    struct attr a = {.ino = f->anon_ino};
    if (file_getattr(f, &a) < 0)
        a.ino = f->anon_ino;
    sb_addf(out, "pos:\t%lld\nflags:\t0%o\nmnt_id:\t%d\nino:\t%llu\n",
            (long long) MAX(pos, (int64_t) 0), flags,
            f->path.dentry ? path_mount_id(&f->path) : ANON_MOUNT, (unsigned long long) a.ino);
    if (f->ops->fdinfo)
        r = f->ops->fdinfo(f, out);
    file_put(f);
    return r;
}

static int may_open_fdinfo(const struct pseudo_ctx *c)
{
    return !c->opener || task_may_inspect(c->opener, c->tid) ? 0 : -EACCES;
}

static const struct pseudo_entry fdinfo_entry = {
    .name = "",
    .mode = LX_S_IFREG | 0444,
    .show = show_fdinfo,
    .may_open = may_open_fdinfo,
};

static const struct pseudo_entry *fdinfo_lookup(struct pseudo_ctx *c, const char *name, size_t len)
{
    return fd_lookup_name(c, name, len) ? &fdinfo_entry : NULL;
}

const struct pseudo_dynamic proc_fdinfo_dynamic = {.lookup = fdinfo_lookup, .list = list};
