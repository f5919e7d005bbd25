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

int host_lookup(struct node *dir, const char *name, size_t len, struct node **ret)
{
    char text[NAME_MAX + 1];
    if (dir->type != LX_S_IFDIR)
        return -ENOTDIR;
    if (len > NAME_MAX)
        return -ENAMETOOLONG;
    memcpy(text, name, len);
    text[len] = '\0';
    int r = host_check_name(text);
    if (r < 0)
        return r;
    int fd = openat(host_node(dir)->fd, text, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    return fd < 0 ? -errno : host_node_new(dir->sb, fd, ret);
}

bool host_revalidate(struct node *n, struct node *dir, const char *name)
{
    struct stat st;
    return host_check_name(name) == 0 &&
           fstatat(host_node(dir)->fd, name, &st, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT) == 0 &&
           st.st_dev == host_node(n)->dev && st.st_ino == n->ino &&
           (st.st_mode & LX_S_IFMT) == n->type;
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
    int r = host_check_name(name);
    if (r < 0)
        return r;
    if (make(host_node(dir)->fd, name, a) < 0)
        return -errno;
    return host_lookup(dir, name, strlen(name), ret);
}

int host_link(struct node *dir, const char *name, struct node *target)
{
    char from[PROC_FD_CAP];
    int r = host_check_name(name);
    if (r < 0)
        return r;
    if (linkat(AT_FDCWD, proc_fd_path(host_node(target)->fd, from), host_node(dir)->fd, name,
               AT_SYMLINK_FOLLOW) < 0)
        return -errno;
    return 0;
}

int host_unlink(struct node *dir, const char *name, struct node *target, bool is_rmdir)
{
    int r = host_check_name(name);
    if (r < 0)
        return r;
    return unlinkat(host_node(dir)->fd, name, is_rmdir ? AT_REMOVEDIR : 0) < 0 ? -errno : 0;
}

int host_rename(struct node *od, const char *on, struct node *nd, const char *nn, uint32_t flags)
{
    int r = host_check_name(on);
    if (r == 0)
        r = host_check_name(nn);
    if (r < 0)
        return r;
    return renameat2(host_node(od)->fd, on, host_node(nd)->fd, nn, flags) < 0 ? -errno : 0;
}

ssize_t host_readlink(struct node *n, struct task *t, char *dst, size_t cap)
{
    if (n->type != LX_S_IFLNK)
        return -EINVAL;
    ssize_t got = readlinkat(host_node(n)->fd, "", dst, cap);
    return got < 0 ? -errno : got;
}
