/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Removing trees: see rmtree.h. A tree may be deeper than there are descriptors, so what lies too
 * deep is first moved up, into the tree's top, and removed from there.
 */
#include "host/rmtree.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"

#define MAX_DEPTH 32

struct removal {
    int top;            /* the tree itself; -1: not opened yet */
    unsigned n_trashed; /* names tried in it so far for what was too deep */
    bool trashed;       /* since it was last gone through */
    dev_t dev;
    struct progress *progress; /* or NULL */
    char failed[256];          /* the first name that could not be removed */
};

static int remove_below(struct removal *m, int fd, unsigned depth);

/* A directory's owner can list it whatever its mode is, after having changed that. */
static int open_directory(int dirfd, const char *name, int *ret)
{
    const int flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW;
    _cleanup_close_ int at = -1;
    char path[40];
    int fd = openat(dirfd, name, flags);

    if (fd < 0 && errno == EACCES) {
        at = openat(dirfd, name, O_PATH | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
        if (at < 0)
            return -errno;
        snprintf(path, sizeof(path), "/proc/self/fd/%d", at);
        if (chmod(path, 0700) < 0)
            return -errno;
        fd = openat(dirfd, name, flags);
    }
    if (fd < 0)
        return -errno;
    /* Its names can be removed, and itself moved, only if it can be written to and searched. */
    (void) !fchmod(fd, 0700);
    *ret = fd;
    return 0;
}

static int trash(struct removal *m, int dirfd, const char *name)
{
    char to[32];

    do {
        snprintf(to, sizeof(to), ".deep-%u", m->n_trashed++);
        if (renameat2(dirfd, name, m->top, to, RENAME_NOREPLACE) == 0) {
            m->trashed = true;
            return 0;
        }
    } while (errno == EEXIST);
    return -errno;
}

static int remove_directory(struct removal *m, int dirfd, const char *name, unsigned depth)
{
    _cleanup_close_ int fd = -1;
    struct stat st;
    int r = open_directory(dirfd, name, &fd);

    if (r < 0)
        return r;
    if (fstat(fd, &st) < 0 || (depth > 0 && st.st_dev != m->dev))
        return -EXDEV;
    if (depth >= MAX_DEPTH)
        return trash(m, dirfd, name);
    if (depth == 0) {
        m->top = fd;
        m->dev = st.st_dev;
    }
    do {
        m->trashed = depth > 0 && m->trashed;
        r = remove_below(m, fd, depth + 1);
    } while (r == 0 && depth == 0 && m->trashed);
    if (r == 0 && unlinkat(dirfd, name, AT_REMOVEDIR) < 0)
        r = -errno;
    return r;
}

static int remove_one(struct removal *m, int dirfd, const char *name, unsigned depth)
{
    struct stat st;
    int r;

    if (unlinkat(dirfd, name, 0) == 0 || errno == ENOENT)
        return 0;
    if (errno != EISDIR && errno != EPERM)
        return -errno;
    r = -errno;
    if (fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return errno == ENOENT ? 0 : -errno;
    if (S_ISDIR(st.st_mode))
        r = remove_directory(m, dirfd, name, depth);
    return r == -ENOENT ? 0 : r; /* somebody helps */
}

/* Goes on after errors, so that little is left; the first counts. */
static int remove_below(struct removal *m, int fd, unsigned depth)
{
    int copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);
    DIR *d = copy >= 0 ? fdopendir(copy) : NULL;
    struct dirent *e;
    int first = 0;

    if (!d) {
        close_fd(copy);
        return -errno;
    }
    rewinddir(d);
    while ((e = readdir(d)) != NULL) {
        int r;

        if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
            continue;
        r = remove_one(m, fd, e->d_name, depth);
        if (m->progress)
            progress_add(m->progress, 1, 0);
        if (r < 0 && first == 0) {
            first = r;
            if (!*m->failed)
                snprintf(m->failed, sizeof(m->failed), "%s", e->d_name);
        }
    }
    closedir(d);
    return first;
}

int rmtree_at(int dirfd, const char *name, struct fail *f)
{
    return rmtree_at_shown(dirfd, name, NULL, f);
}

int rmtree_at_shown(int dirfd, const char *name, struct progress *p, struct fail *f)
{
    struct removal m = {.top = -1, .progress = p};
    int r = remove_one(&m, dirfd, name, 0);

    if (r < 0 && f)
        return fail_errno(f, -r, "removing %s%s%s", name, *m.failed ? ": " : "", m.failed);
    return r;
}
