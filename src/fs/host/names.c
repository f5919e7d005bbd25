/* SPDX-License-Identifier: Apache-2.0 */
/* Names in host directories. Only single components come here; "." and ".." are the walk's own. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "abi/linux/stat.h"
#include "base/cleanup.h"
#include "base/sys.h"
#include "fs/host/internal.h"

/* The walk guarantees this; a mistake there must not become a path on the host. */
int host_check_name(const char *name)
{
    if (!name[0] || strchr(name, '/') || strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
        return -EINVAL;
    return strlen(name) > NAME_MAX ? -ENAMETOOLONG : 0;
}

/* The directory's descriptor, for a name that may be used with it. */
static int name_in(struct node *dir, const char *name)
{
    int r = host_check_name(name);
    return r < 0 ? r : host_node_fd(dir);
}

/*
 * A guest has taken names of dir away. Another tree, whose names are trusted for a while, may show
 * the same directory; if it is this one, the cache knows.
 */
static void taken_away(const struct node *dir)
{
    if (!dir->sb->exclusive && !dir->sb->trust_ns)
        kernel_heard(host_super(dir->sb)->k);
}

int host_lookup(struct node *dir, const char *name, size_t len, struct node **ret)
{
    char text[NAME_MAX + 1];
    if (dir->type != LX_S_IFDIR)
        return -ENOTDIR;
    if (len > NAME_MAX)
        return -ENAMETOOLONG;
    memcpy(text, name, len);
    text[len] = '\0';
    int at = name_in(dir, text);
    if (at < 0)
        return at;
    int fd = openat(at, text, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    return fd < 0 ? -errno : host_node_new(dir->sb, fd, ret);
}

/* Is n what the host finds there? A link on the way is none of ours, wherever it leads. */
static bool finds(int at, const char *path, const struct node *n)
{
    struct stat st;
    return at >= 0 && fstatat(at, path, &st, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT) == 0 &&
           st.st_dev == n->dev && st.st_ino == n->ino && (st.st_mode & LX_S_IFMT) == n->type;
}

bool host_revalidate(struct node *n, struct node *dir, const char *name)
{
    return finds(name_in(dir, name), name, n);
}

/* The tree is mounted so that the host follows no link in it; and what it finds is n, or not. */
bool host_leads_to(struct node *dir, const char *path, struct node *n)
{
    return path[0] != '/' && finds(host_node_fd(dir), path, n);
}

static int make(int dirfd, const char *name, const struct create_args *a)
{
    mode_t mode = a->mode & 07777;
    switch (a->mode & LX_S_IFMT) {
    case LX_S_IFDIR:
        return mkdirat(dirfd, name, mode);
    case LX_S_IFLNK:
        return symlinkat(a->target, dirfd, name);
    case LX_S_IFREG:
    case LX_S_IFIFO:
    case LX_S_IFSOCK:
        return mknodat(dirfd, name, a->mode, 0);
    default: /* devices: as in any user namespace, mknod(2) */
        errno = EPERM;
        return -1;
    }
}

int host_create(struct node *dir, const char *name, const struct create_args *a, struct node **ret)
{
    int at = name_in(dir, name);
    if (at < 0)
        return at;
    if (make(at, name, a) < 0)
        return -errno;
    return host_lookup(dir, name, strlen(name), ret);
}

int host_link(struct node *dir, const char *name, struct node *target)
{
    char from[PROC_FD_CAP];
    int at = name_in(dir, name), fd = host_node_fd(target);
    if (at < 0 || fd < 0)
        return MIN(at, fd);
    if (linkat(AT_FDCWD, proc_fd_path(fd, from), at, name, AT_SYMLINK_FOLLOW) < 0)
        return -errno;
    return 0;
}

int host_unlink(struct node *dir, const char *name, struct node *target, bool is_rmdir)
{
    int at = name_in(dir, name);
    if (at < 0)
        return at;
    if (unlinkat(at, name, is_rmdir ? AT_REMOVEDIR : 0) < 0)
        return -errno;
    taken_away(dir);
    return 0;
}

int host_rename(const struct name_move *m)
{
    int from = name_in(m->from_dir, m->from), to = name_in(m->to_dir, m->to);
    if (from < 0 || to < 0)
        return from < 0 ? from : to;
    if (renameat2(from, m->from, to, m->to, m->flags) < 0)
        return -errno;
    taken_away(m->from_dir);
    return 0;
}

ssize_t host_readlink(struct node *n, struct task *t, char *dst, size_t cap)
{
    if (n->type != LX_S_IFLNK)
        return -EINVAL;
    int fd = host_node_fd(n);
    if (fd < 0)
        return fd;
    ssize_t got = readlinkat(fd, "", dst, cap);
    return got < 0 ? -errno : got;
}
