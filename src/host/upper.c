/* SPDX-License-Identifier: Apache-2.0 */
/* Walking in a layer: see upper.h. */
#include "host/upper.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "host/path.h"

/*
 * Being interrupted while something is unlocked would leave its mode so: signals wait until all is
 * as it was. Single-threaded, like all of the host side.
 */
static unsigned unlocked;
static sigset_t mask_before;

static void hold_signals(void)
{
    sigset_t all;

    if (unlocked++ > 0)
        return;
    sigfillset(&all);
    (void) sigprocmask(SIG_BLOCK, &all, &mask_before);
}

static void release_signals(void)
{
    if (--unlocked == 0)
        (void) sigprocmask(SIG_SETMASK, &mask_before, NULL);
}

/* Gives its owner the bits to read it, and to write to a directory. */
static int unlock(int dirfd, const char *name, const struct stat *st)
{
    _cleanup_close_ int at = openat(dirfd, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    char path[40];
    struct stat now;

    if (at < 0)
        return -errno;
    if (fstat(at, &now) < 0 || now.st_ino != st->st_ino || now.st_mode != st->st_mode)
        return -ESTALE;
    snprintf(path, sizeof(path), "/proc/self/fd/%d", at);
    return chmod(path, (st->st_mode | (S_ISDIR(st->st_mode) ? 0700 : 0400)) & 07777) < 0 ? -errno
                                                                                         : 0;
}

int upper_open(int dirfd, const char *name, const struct stat *st, struct upper_fd *ret)
{
    const mode_t wanted = S_ISDIR(st->st_mode) ? 0700 : 0400;
    struct upper_fd u = UPPER_FD_NONE;
    struct stat now;
    int r;

    if (!S_ISDIR(st->st_mode) && !S_ISREG(st->st_mode))
        return -EINVAL;
    if (geteuid() != 0 && (st->st_mode & wanted) != wanted) {
        hold_signals();
        r = unlock(dirfd, name, st);
        if (r < 0) {
            release_signals();
            return r;
        }
        u.restore = true;
        u.mode = st->st_mode & 07777;
    }
    u.fd = openat(dirfd, name,
                  O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | O_NOCTTY |
                      (S_ISDIR(st->st_mode) ? O_DIRECTORY : 0));
    if (u.fd < 0) {
        r = -errno;
        upper_close(&u);
        return r;
    }
    if (fstat(u.fd, &now) < 0 || now.st_ino != st->st_ino || now.st_dev != st->st_dev ||
        (now.st_mode & S_IFMT) != (st->st_mode & S_IFMT)) {
        upper_close(&u);
        return -ESTALE;
    }
    *ret = u;
    return 0;
}

void upper_close(struct upper_fd *u)
{
    if (u->restore) {
        if (u->fd >= 0 && !u->gone)
            (void) !fchmod(u->fd, u->mode);
        release_signals();
    }
    u->fd = close_fd(u->fd);
    u->restore = false;
}

/* ---- the cursor ---- */

int upper_cursor_init(struct upper_cursor *c, struct upper_fd *root)
{
    *c = (struct upper_cursor){.cap = 16};
    c->stack = calloc(c->cap, sizeof(*c->stack));
    c->path = strdup("/");
    if (!c->stack || !c->path) {
        free(c->stack);
        free(c->path);
        upper_close(root);
        *c = (struct upper_cursor){0};
        return -ENOMEM;
    }
    c->stack[0] = *root;
    *root = (struct upper_fd) UPPER_FD_NONE;
    c->depth = 1;
    return 0;
}

void upper_cursor_done(struct upper_cursor *c)
{
    while (c->depth > 0)
        upper_close(&c->stack[--c->depth]);
    free(c->stack);
    free(c->path);
    *c = (struct upper_cursor){0};
}

static void leave(struct upper_cursor *c)
{
    char *slash = strrchr(c->path, '/');

    upper_close(&c->stack[--c->depth]);
    slash[slash == c->path] = '\0';
}

static int descend(struct upper_cursor *c, const char *name)
{
    struct upper_fd *v;
    struct stat st;
    char *path;
    int r, fd = c->stack[c->depth - 1].fd;

    if (c->depth >= UPPER_MAX_DEPTH)
        return -ELOOP;
    if (c->depth == c->cap) {
        v = reallocarray(c->stack, c->cap * 2, sizeof(*v));
        if (!v)
            return -ENOMEM;
        c->stack = v;
        c->cap *= 2;
    }
    if (fstatat(fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return -errno;
    if (!S_ISDIR(st.st_mode))
        return -ENOTDIR;
    if (asprintf(&path, "%s/%s", c->depth == 1 ? "" : c->path, name) < 0)
        return -ENOMEM;
    r = upper_open(fd, name, &st, &c->stack[c->depth]);
    if (r < 0) {
        free(path);
        return r;
    }
    c->depth++;
    free(c->path);
    c->path = path;
    return 0;
}

int upper_cursor_enter(struct upper_cursor *c, const char *path, int *ret_fd)
{
    const char *at;
    char name[NAME_MAX + 1];
    int r;

    while (!path_is_below(path, c->path))
        leave(c);
    for (at = path + (c->depth == 1 ? 0 : strlen(c->path)); *at == '/' && at[1];) {
        size_t n = strcspn(++at, "/");

        if (n >= sizeof(name))
            return -ENAMETOOLONG;
        memcpy(name, at, n);
        name[n] = '\0';
        at += n;
        r = descend(c, name);
        if (r < 0)
            return r;
    }
    *ret_fd = c->stack[c->depth - 1].fd;
    return 0;
}
