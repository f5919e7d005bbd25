/* SPDX-License-Identifier: Apache-2.0 */
/* One object's way to the host: see install.h. */
#include "host/install.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/textio.h"
#include "host/compare.h"
#include "host/rmtree.h"
#include "host/xattrs.h"

#define CHUNK (1u << 20)

/* ---- attributes ---- */

/* Who it shall belong to: for a plain user only what the sandbox said, and else as it was. -1: as
 * it is. */
static void choose_owner(const struct installation *i, const struct stat *host, uid_t *uid,
                         gid_t *gid)
{
    *uid = i->object->uid;
    *gid = i->object->gid;
    if (geteuid() == 0)
        return;
    if (!i->meta->has_owner || *uid == UNMAPPED_ID || *uid != geteuid())
        *uid = (uid_t) -1;
    if (!i->meta->has_owner || *gid == UNMAPPED_ID)
        *gid = host->st_nlink ? host->st_gid : (gid_t) -1;
}

static struct stat host_stat(const struct installation *i)
{
    struct stat st;

    return fstatat(i->host_dir, i->name, &st, AT_SYMLINK_NOFOLLOW) < 0 ? (struct stat){0} : st;
}

static int set_owner(const struct installation *i, int fd)
{
    struct stat now, host = host_stat(i);
    uid_t uid;
    gid_t gid;

    choose_owner(i, &host, &uid, &gid);
    if (fstat(fd, &now) < 0)
        return -errno;
    if (uid == now.st_uid)
        uid = (uid_t) -1;
    if (gid == now.st_gid)
        gid = (gid_t) -1;
    if (uid == (uid_t) -1 && gid == (gid_t) -1)
        return 0;
    return fchownat(fd, "", uid, gid, AT_EMPTY_PATH) < 0 ? -errno : 0;
}

static mode_t wanted_mode(const struct installation *i)
{
    return (i->object->mode & 07777) | (i->keep_open && geteuid() != 0 ? 0700 : 0);
}

int install_attributes(const struct installation *i, int fd)
{
    int r = set_owner(i, fd);

    if (r == 0 && fchmod(fd, wanted_mode(i)) < 0)
        r = -errno;
    if (r == 0 && i->upper_fd >= 0)
        r = xattrs_copy(i->upper_fd, fd, true);
    return r;
}

/* The same for what cannot be opened: by a descriptor of its place alone, so that nobody who may
 * rename in the directory can have another file's owner changed. */
static int set_node_attributes(const struct installation *i)
{
    _cleanup_close_ int fd = openat(i->host_dir, i->temp, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    char path[40];
    struct stat st;
    int r;

    if (fd < 0 || fstat(fd, &st) < 0)
        return -errno;
    if ((st.st_mode & S_IFMT) != (i->object->mode & S_IFMT) || st.st_nlink != 1 ||
        st.st_uid != geteuid())
        return -ESTALE;
    r = set_owner(i, fd);
    if (r < 0 || S_ISLNK(st.st_mode))
        return r;
    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    return chmod(path, wanted_mode(i)) < 0 ? -errno : 0;
}

/* ---- contents ---- */

/* By read and write: across file systems, and where the kernel has no better way. */
static int copy_plain(int from, int to, off_t off, off_t n)
{
    _cleanup_free_ char *buf = malloc(CHUNK);

    if (!buf)
        return -ENOMEM;
    while (n > 0) {
        ssize_t got = pread(from, buf, (size_t) MIN(n, (off_t) CHUNK), off);

        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return -errno;
        if (got == 0)
            return 0;
        for (ssize_t done = 0; done < got;) {
            ssize_t put = pwrite(to, buf + done, (size_t) (got - done), off + done);

            if (put < 0 && errno != EINTR)
                return -errno;
            done += MAX(put, (ssize_t) 0);
        }
        off += got;
        n -= got;
    }
    return 0;
}

static int copy_range(int from, int to, off_t off, off_t n)
{
    while (n > 0) {
        off_t in = off, out = off;
        ssize_t got = copy_file_range(from, &in, to, &out, (size_t) n, 0);

        if (got <= 0)
            return copy_plain(from, to, off, n);
        off += got;
        n -= got;
    }
    return 0;
}

/* Holes stay holes. */
static int copy_contents(const struct installation *i, int to)
{
    off_t size = i->upper->st_size, at = 0;
    int r;

    if (ftruncate(to, size) < 0)
        return -errno;
    while (at < size) {
        off_t data = lseek(i->upper_fd, at, SEEK_DATA), hole;

        if (data < 0 && errno == ENXIO)
            return 0;
        if (data < 0)
            data = at;
        hole = lseek(i->upper_fd, data, SEEK_HOLE);
        if (hole < 0 || hole > size)
            hole = size;
        for (at = data; at < hole;) {
            off_t n = MIN(hole - at, (off_t) 8 * CHUNK);

            if (*i->stop)
                return -EINTR;
            r = copy_range(i->upper_fd, to, at, n);
            if (r < 0)
                return r;
            progress_add(i->progress, 0, (uint64_t) n);
            at += n;
        }
    }
    return 0;
}

static int make_file(const struct installation *i, const char **ret_what)
{
    const struct timespec times[2] = {i->upper->st_atim, i->upper->st_mtim};
    _cleanup_close_ int fd =
        openat(i->host_dir, i->temp, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    int r;

    *ret_what = "making it";
    if (fd < 0)
        return -errno;
    *ret_what = "writing its contents";
    r = copy_contents(i, fd);
    if (r < 0)
        return r;
    *ret_what = "setting its owner, mode and attributes";
    r = install_attributes(i, fd);
    if (r == 0 && futimens(fd, times) < 0)
        r = -errno;
    if (r == 0 && !i->defer && fsync(fd) < 0)
        r = -errno;
    return r;
}

static int make_directory(const struct installation *i)
{
    _cleanup_close_ int fd = -1;

    if (mkdirat(i->host_dir, i->temp, 0700) < 0)
        return -errno;
    fd = openat(i->host_dir, i->temp, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    return fd < 0 ? -errno : install_attributes(i, fd);
}

static int make_link(const struct installation *i)
{
    char target[PATH_MAX];
    ssize_t n = readlinkat(i->upper_dir, i->name, target, sizeof(target));

    if (n < 0)
        return -errno;
    if (n == sizeof(target))
        return -ENAMETOOLONG;
    target[n] = '\0';
    return symlinkat(target, i->host_dir, i->temp) < 0 ? -errno : set_node_attributes(i);
}

static int make_node(const struct installation *i)
{
    return mknodat(i->host_dir, i->temp, (i->object->mode & S_IFMT) | 0600, i->object->rdev) < 0
               ? -errno
               : set_node_attributes(i);
}

/* One more name of a file that was installed before. */
static int make_name(const struct installation *i)
{
    struct stat st;

    if (linkat(i->link_dir, i->link_name, i->host_dir, i->temp, 0) < 0 ||
        fstatat(i->host_dir, i->temp, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return -errno;
    return st.st_ino == i->link_ino ? 0 : -ESTALE;
}

static int make_object(const struct installation *i, const char **ret_what)
{
    *ret_what = "making it";
    if (S_ISREG(i->object->mode)) {
        if (i->link_dir >= 0 && make_name(i) == 0)
            return 0;
        if (i->link_dir >= 0)
            (void) !rmtree_at(i->host_dir, i->temp, NULL);
        return make_file(i, ret_what);
    }
    if (S_ISDIR(i->object->mode))
        return make_directory(i);
    return S_ISLNK(i->object->mode) ? make_link(i) : make_node(i);
}

/* ---- its place ---- */

/* What one rename cannot replace is exchanged, and then removed. */
static int put_in_place(const struct installation *i, const struct stat *host)
{
    int r;

    if (host->st_nlink == 0) {
        r = renameat2(i->host_dir, i->temp, i->host_dir, i->name, RENAME_NOREPLACE);
        if (r < 0 && errno == EINVAL)
            r = renameat(i->host_dir, i->temp, i->host_dir, i->name);
        return r < 0 ? -errno : 0;
    }
    if (!S_ISDIR(host->st_mode) && !S_ISDIR(i->object->mode))
        return renameat(i->host_dir, i->temp, i->host_dir, i->name) < 0 ? -errno : 0;
    if (renameat2(i->host_dir, i->temp, i->host_dir, i->name, RENAME_EXCHANGE) < 0)
        return -errno;
    return rmtree_at(i->host_dir, i->temp, NULL);
}

/* One attribute of a file that is the same otherwise: the host's keeps its identity. */
static int change_in_place(const struct installation *i)
{
    _cleanup_close_ int fd =
        openat(i->host_dir, i->name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    struct stat st;

    if (fd < 0 || fstat(fd, &st) < 0)
        return -errno;
    if (!S_ISREG(st.st_mode))
        return -ESTALE;
    if (i->what == CHANGED_OWNER) {
        int r = set_owner(i, fd); /* which may clear set-id bits */

        if (r < 0)
            return r;
    }
    return fchmod(fd, i->object->mode & 07777) < 0 ? -errno : 0;
}

static int install_directory(const struct installation *i)
{
    _cleanup_close_ int fd =
        openat(i->host_dir, i->name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

    return fd < 0 ? -errno : install_attributes(i, fd);
}

int install_sync(int host_dir, const char *temp)
{
    _cleanup_close_ int fd =
        openat(host_dir, temp, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

    return fd < 0 || fsync(fd) < 0 ? -errno : 0;
}

int install_waiting(const struct installation *i)
{
    struct stat host = host_stat(i);

    return put_in_place(i, &host);
}

int install_object(const struct installation *i, const char **ret_what)
{
    struct stat host = host_stat(i);
    int r;

    *ret_what = "setting its owner, mode and attributes";
    if (S_ISDIR(i->object->mode) && S_ISDIR(host.st_mode))
        return install_directory(i);
    if (S_ISREG(i->object->mode) && S_ISREG(host.st_mode) &&
        (i->what == CHANGED_MODE || i->what == CHANGED_OWNER) && change_in_place(i) == 0)
        return 0;
    *ret_what = "removing what an earlier commit left beside it";
    r = rmtree_at(i->host_dir, i->temp, NULL);
    if (r == 0)
        r = make_object(i, ret_what);
    if (r == 0 && i->defer)
        return 1;
    if (r == 0) {
        *ret_what = "putting it in its place";
        r = put_in_place(i, &host);
    }
    if (r < 0)
        (void) !rmtree_at(i->host_dir, i->temp, NULL);
    return r;
}

int install_nothing(int host_dir, const char *name, const char *temp)
{
    int r = rmtree_at(host_dir, temp, NULL);

    if (r < 0)
        return r;
    if (unlinkat(host_dir, name, 0) == 0 || errno == ENOENT)
        return 0;
    if (errno != EISDIR && errno != EPERM)
        return -errno;
    if (renameat2(host_dir, name, host_dir, temp, RENAME_NOREPLACE) < 0)
        return -errno;
    return rmtree_at(host_dir, temp, NULL);
}
