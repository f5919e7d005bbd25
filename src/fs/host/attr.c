/* SPDX-License-Identifier: Apache-2.0 */
/* Attributes of host objects. Who may change what was decided by the vfs. */
#include <errno.h>
#include <fcntl.h>
#include <linux/stat.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "abi/linux/stat.h"
#include "fs/host/internal.h"

static struct timespec to_timespec(const struct statx_timestamp *t)
{
    return (struct timespec){.tv_sec = t->tv_sec, .tv_nsec = t->tv_nsec};
}

static int ask(int fd, const char *name, int flags, struct attr *ret)
{
    struct statx s;
    if (statx(fd, name, flags | AT_NO_AUTOMOUNT, STATX_BASIC_STATS | STATX_BTIME, &s) < 0)
        return -errno;
    *ret = (struct attr){
        .dev = lx_makedev(s.stx_dev_major, s.stx_dev_minor),
        .rdev = lx_makedev(s.stx_rdev_major, s.stx_rdev_minor),
        .ino = s.stx_ino,
        .mode = s.stx_mode,
        .nlink = s.stx_nlink,
        .uid = s.stx_uid,
        .gid = s.stx_gid,
        .size = s.stx_size,
        .blocks = s.stx_blocks,
        .blksize = s.stx_blksize,
        .atime = to_timespec(&s.stx_atime),
        .mtime = to_timespec(&s.stx_mtime),
        .ctime = to_timespec(&s.stx_ctime),
        .btime = to_timespec(&s.stx_btime),
    };
    if (!(s.stx_mask & STATX_BTIME))
        ret->btime.tv_nsec = -1;
    return 0;
}

int host_fd_getattr(int fd, struct attr *ret)
{
    return ask(fd, "", AT_EMPTY_PATH, ret);
}

int host_getattr_at(struct node *dir, const char *name, struct attr *ret)
{
    if (dir->type != LX_S_IFDIR)
        return -ENOTDIR;
    int r = host_check_name(name);
    int fd = r < 0 ? r : host_node_fd(dir);
    return fd < 0 ? fd : ask(fd, name, AT_SYMLINK_NOFOLLOW, ret);
}

int host_getattr(struct node *n, struct attr *ret)
{
    int fd = host_node_fd(n);
    return fd < 0 ? fd : host_fd_getattr(fd, ret);
}

static struct timespec new_time(const struct timespec *t, uint32_t mask, uint32_t set, uint32_t now)
{
    if (mask & now)
        return (struct timespec){.tv_nsec = UTIME_NOW};
    return mask & set ? *t : (struct timespec){.tv_nsec = UTIME_OMIT};
}

#define ATTR_TIMES (ATTR_ATIME | ATTR_MTIME | ATTR_ATIME_NOW | ATTR_MTIME_NOW)

static void new_times(const struct attr *a, uint32_t mask, struct timespec ts[2])
{
    ts[0] = new_time(&a->atime, mask, ATTR_ATIME, ATTR_ATIME_NOW);
    ts[1] = new_time(&a->mtime, mask, ATTR_MTIME, ATTR_MTIME_NOW);
}

static int set_owner(int fd, const struct attr *a, uint32_t mask)
{
    uid_t uid = mask & ATTR_UID ? a->uid : (uid_t) -1;
    gid_t gid = mask & ATTR_GID ? a->gid : (gid_t) -1;
    return fchownat(fd, "", uid, gid, AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW);
}

/*
 * The sandbox has no CAP_FSETID, so that writes strip set-id bits; but then the host also strips a
 * set-group-ID bit the vfs has allowed, unless the group is ours: for one call of this thread it
 * is. Returns what leave_group() takes.
 */
static long enter_group(int fd, uint32_t mode)
{
    struct stat st;
    if (!(mode & S_ISGID) || fstat(fd, &st) < 0)
        return -1;
    return syscall(SYS_setfsgid, st.st_gid);
}

static void leave_group(long own)
{
    if (own >= 0)
        (void) syscall(SYS_setfsgid, (gid_t) own);
}

/* path: fd's own, or NULL for a descriptor that can be changed itself. */
static int set_mode(int fd, const char *path, uint32_t mode)
{
    long own = enter_group(fd, mode);
    int r = path ? chmod(path, mode & 07777) : fchmod(fd, mode & 07777);
    r = r < 0 ? -errno : 0;
    leave_group(own);
    return r;
}

/* The owner first: a change of it clears bits that the mode may set again. */
int host_fd_setattr(int fd, const struct attr *a, uint32_t mask)
{
    struct timespec ts[2];
    if ((mask & ATTR_SIZE) && ftruncate(fd, (off_t) a->size) < 0)
        return -errno;
    if ((mask & (ATTR_UID | ATTR_GID | ATTR_CHOWN)) && set_owner(fd, a, mask) < 0)
        return -errno;
    int r = mask & ATTR_MODE ? set_mode(fd, NULL, a->mode) : 0;
    if (r < 0)
        return r;
    new_times(a, mask, ts);
    return (mask & ATTR_TIMES) && futimens(fd, ts) < 0 ? -errno : 0;
}

/* What a symlink has of its own: owner and times. Its descriptor cannot go through /proc: that
 * follows it. */
static int set_link(int fd, const struct attr *a, uint32_t mask)
{
    struct timespec ts[2];
    if (mask & (ATTR_SIZE | ATTR_MODE))
        return -EOPNOTSUPP;
    if ((mask & (ATTR_UID | ATTR_GID | ATTR_CHOWN)) && set_owner(fd, a, mask) < 0)
        return -errno;
    new_times(a, mask, ts);
    return (mask & ATTR_TIMES) && utimensat(fd, "", ts, AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW) < 0
               ? -errno
               : 0;
}

int host_setattr(struct node *n, const struct attr *a, uint32_t mask)
{
    int fd = host_node_fd(n);
    char path[PROC_FD_CAP];
    struct timespec ts[2];
    if (fd < 0)
        return fd;
    if (n->type == LX_S_IFLNK)
        return set_link(fd, a, mask);
    proc_fd_path(fd, path);
    if ((mask & ATTR_SIZE) && truncate(path, (off_t) a->size) < 0)
        return -errno;
    if ((mask & (ATTR_UID | ATTR_GID | ATTR_CHOWN)) && set_owner(fd, a, mask) < 0)
        return -errno;
    int r = mask & ATTR_MODE ? set_mode(fd, path, a->mode) : 0;
    if (r < 0)
        return r;
    new_times(a, mask, ts);
    return (mask & ATTR_TIMES) && utimensat(AT_FDCWD, path, ts, 0) < 0 ? -errno : 0;
}

/* The path by which n's extended attributes are reached. */
static int xattr_path(struct node *n, char dst[static PROC_FD_CAP])
{
    int fd = host_node_fd(n);
    if (fd >= 0)
        proc_fd_path(fd, dst);
    return MIN(fd, 0);
}

/* xattr(7): symlinks have none that a guest may touch. */
ssize_t host_getxattr(struct node *n, const char *name, void *dst, size_t cap)
{
    char path[PROC_FD_CAP];
    if (n->type == LX_S_IFLNK)
        return -ENODATA;
    ssize_t r = xattr_path(n, path);
    if (r < 0)
        return r;
    r = getxattr(path, name, dst, cap);
    return r < 0 ? -errno : r;
}

ssize_t host_listxattr(struct node *n, char *dst, size_t cap)
{
    char path[PROC_FD_CAP];
    if (n->type == LX_S_IFLNK)
        return 0;
    ssize_t r = xattr_path(n, path);
    if (r < 0)
        return r;
    r = listxattr(path, dst, cap);
    return r < 0 ? -errno : r;
}

int host_setxattr(struct node *n, const char *name, const void *v, size_t len, int flags)
{
    char path[PROC_FD_CAP];
    if (n->type == LX_S_IFLNK)
        return -EPERM;
    int r = xattr_path(n, path);
    if (r < 0)
        return r;
    /* An ACL's permissions are a mode: see enter_group(). */
    bool is_mode = strcmp(name, "system.posix_acl_access") == 0;
    long own = is_mode ? enter_group(host_node_fd(n), S_ISGID) : -1;
    r = setxattr(path, name, v, len, flags) < 0 ? -errno : 0;
    leave_group(own);
    return r;
}

int host_removexattr(struct node *n, const char *name)
{
    char path[PROC_FD_CAP];
    if (n->type == LX_S_IFLNK)
        return -ENODATA;
    int r = xattr_path(n, path);
    if (r < 0)
        return r;
    return removexattr(path, name) < 0 ? -errno : 0;
}
