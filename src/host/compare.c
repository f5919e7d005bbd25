/* SPDX-License-Identifier: Apache-2.0 */
/* Two objects beside each other: see compare.h. */
#include "host/compare.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/textio.h"
#include "host/upper.h"
#include "host/xattrs.h"

#define CHUNK (256u << 10)

int object_view(const struct stat *st, const struct upper_meta *m, struct object *ret)
{
    struct object o = {
        .mode = st->st_mode,
        .uid = st->st_uid,
        .gid = st->st_gid,
        .size = (uint64_t) st->st_size,
        .rdev = S_ISCHR(st->st_mode) || S_ISBLK(st->st_mode) ? st->st_rdev : 0,
    };
    uint32_t type = m->owner.mode & S_IFMT;

    if ((m->opaque || m->redirect) && !S_ISDIR(st->st_mode))
        return -EBADMSG;
    if (m->whiteout && (!S_ISREG(st->st_mode) || st->st_size != 0))
        return -EBADMSG;
    if (m->has_owner) {
        o.uid = m->owner.uid;
        o.gid = m->owner.gid;
        o.mode = (st->st_mode & S_IFMT) | (m->owner.mode & 07777);
        if (m->owner.is_device) {
            if (!S_ISREG(st->st_mode) || (type != S_IFCHR && type != S_IFBLK))
                return -EBADMSG;
            o.mode = type | (m->owner.mode & 07777);
            o.rdev = (dev_t) m->owner.rdev;
            o.size = 0;
        } else if (type && type != (st->st_mode & S_IFMT)) {
            return -EBADMSG;
        }
    }
    *ret = o;
    return 0;
}

/* A plain user's sandbox knows of one user; what it does not say stays the host's. */
static bool owner_differs(const struct pair *p)
{
    const struct object *o = p->object;
    bool plain = geteuid() != 0;

    if (plain && !p->meta->has_owner)
        return false;
    return (o->uid != p->host->st_uid && !(plain && o->uid == UNMAPPED_ID)) ||
           (o->gid != p->host->st_gid && !(plain && o->gid == UNMAPPED_ID));
}

static int bytes_differ(const struct pair *p, int host_fd, bool *ret)
{
    _cleanup_free_ char *buf = malloc((size_t) 2 * CHUNK);
    ssize_t a, b;

    if (!buf)
        return -ENOMEM;
    if (lseek(p->upper_fd, 0, SEEK_SET) < 0)
        return -errno;
    do {
        a = read_full(p->upper_fd, buf, CHUNK);
        b = read_full(host_fd, buf + CHUNK, CHUNK);
        if (a < 0)
            return (int) a;
        if (a != b || memcmp(buf, buf + CHUNK, (size_t) a) != 0) {
            *ret = true;
            return 0;
        }
        if (p->progress)
            progress_add(p->progress, 0, (uint64_t) a);
    } while (a > 0);
    *ret = false;
    return 0;
}

static int links_differ(const struct pair *p, bool *ret)
{
    char a[PATH_MAX], b[PATH_MAX];
    ssize_t na = readlinkat(p->upper_dir, p->name, a, sizeof(a));
    ssize_t nb = readlinkat(p->host_dir, p->host_name, b, sizeof(b));

    if (na < 0)
        return -errno;
    *ret = na != nb || memcmp(a, b, (size_t) na) != 0;
    return 0;
}

/* Regular files and directories: what needs them open. */
static int compare_open(const struct pair *p, unsigned *what)
{
    bool regular = S_ISREG(p->object->mode), differ = false;
    _cleanup_close_ int fd = openat(p->host_dir, p->host_name,
                                    O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    struct stat now;
    int r = 0;

    if (regular && p->object->size != (uint64_t) p->host->st_size)
        *what |= CHANGED_CONTENT;
    if (fd < 0 || fstat(fd, &now) < 0 || now.st_ino != p->host->st_ino) {
        if (regular)
            *what |= CHANGED_CONTENT;
        return 0;
    }
    if (regular && !(*what & CHANGED_CONTENT)) {
        r = bytes_differ(p, fd, &differ);
        if (differ)
            *what |= CHANGED_CONTENT;
    }
    if (r == 0) {
        differ = false;
        r = xattrs_differ(p->upper_fd, fd, &differ);
        if (differ)
            *what |= CHANGED_XATTR;
    }
    return r;
}

int pair_compare(const struct pair *p, unsigned *ret)
{
    const struct object *o = p->object;
    unsigned what = 0;
    bool differ = false;
    int r = 0;

    if ((o->mode & S_IFMT) != (p->host->st_mode & S_IFMT)) {
        *ret = CHANGED_TYPE;
        return 0;
    }
    if (!S_ISLNK(o->mode) && (o->mode & 07777) != (p->host->st_mode & 07777))
        what |= CHANGED_MODE;
    if (owner_differs(p))
        what |= CHANGED_OWNER;
    if (S_ISREG(o->mode) || S_ISDIR(o->mode)) {
        r = compare_open(p, &what);
    } else if (S_ISLNK(o->mode)) {
        r = links_differ(p, &differ);
        what |= differ ? CHANGED_CONTENT : 0u;
    } else if ((S_ISCHR(o->mode) || S_ISBLK(o->mode)) && o->rdev != p->host->st_rdev) {
        what |= CHANGED_CONTENT;
    }
    if (r == 0)
        *ret = what;
    return r;
}

static bool changed_since(int at, const char *name, uint64_t since_ns, unsigned depth)
{
    _cleanup_close_ int fd = -1;
    struct stat st;
    struct dirent *e;
    bool changed = false;
    DIR *d;

    if (fstatat(at, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return errno != ENOENT;
    if (timespec_ns(&st.st_ctim) > since_ns)
        return true;
    if (!S_ISDIR(st.st_mode))
        return false;
    fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    d = fd >= 0 && depth < UPPER_MAX_DEPTH ? fdopendir(fd) : NULL;
    if (!d)
        return true;
    fd = -1;
    while (!changed && (e = readdir(d)) != NULL)
        if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
            changed = changed_since(dirfd(d), e->d_name, since_ns, depth + 1);
    closedir(d);
    return changed;
}

bool tree_changed_since(int dirfd, const char *name, uint64_t since_ns)
{
    return changed_since(dirfd, name, since_ns, 0);
}
