/* SPDX-License-Identifier: Apache-2.0 */
/* Tidying a layer: see prune.h. */
#include "host/prune.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "host/compare.h"
#include "host/upper.h"
#include "host/upper_meta.h"

static int prune_directory(int fd, int host_fd, unsigned depth, bool *ret_empty);

struct named {
    int dir, host_dir; /* host_dir -1: nothing there */
    const char *name;
    struct stat st, host; /* host.st_nlink 0: none */
    struct upper_fd file;
    struct upper_meta meta;
};

/* The same directory as the host's, as far as it is one itself. */
static bool is_the_hosts(const struct named *n)
{
    struct object o;
    unsigned what;
    const struct pair pair = {
        .upper_dir = n->dir,
        .host_dir = n->host_dir,
        .name = n->name,
        .host_name = n->name,
        .upper_fd = n->file.fd,
        .object = &o,
        .meta = &n->meta,
        .host = &n->host,
    };

    return n->host.st_nlink && S_ISDIR(n->host.st_mode) && object_view(&n->st, &n->meta, &o) == 0 &&
           pair_compare(&pair, &what) == 0 && what == 0;
}

static int prune_child(struct named *n, unsigned depth, bool *ret_gone)
{
    _cleanup_close_ int below = -1;
    bool empty = false;
    int r;

    if (n->meta.whiteout) {
        *ret_gone = n->host.st_nlink == 0 && unlinkat(n->dir, n->name, 0) == 0;
        return 0;
    }
    /* In the others the host's names mean nothing. */
    if (!S_ISDIR(n->st.st_mode) || n->meta.opaque || n->meta.redirect)
        return 0;
    if (S_ISDIR(n->host.st_mode))
        below = openat(n->host_dir, n->name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    r = prune_directory(n->file.fd, below, depth + 1, &empty);
    if (r == 0 && empty && is_the_hosts(n))
        *ret_gone = unlinkat(n->dir, n->name, AT_REMOVEDIR) == 0;
    return r;
}

static int prune_name(int fd, int host_fd, const char *name, unsigned depth, bool *ret_gone)
{
    struct named n = {.dir = fd, .host_dir = host_fd, .name = name, .file = UPPER_FD_NONE};
    int r = 0;

    *ret_gone = false;
    if (fstatat(fd, name, &n.st, AT_SYMLINK_NOFOLLOW) < 0)
        return -errno;
    if (!S_ISDIR(n.st.st_mode) && !(S_ISREG(n.st.st_mode) && n.st.st_size == 0))
        return 0;
    if (host_fd >= 0 && fstatat(host_fd, name, &n.host, AT_SYMLINK_NOFOLLOW) < 0)
        n.host = (struct stat){0};
    r = upper_open(fd, name, &n.st, &n.file);
    if (r == 0)
        r = upper_meta_read(n.file.fd, &n.meta);
    if (r == 0)
        r = prune_child(&n, depth, ret_gone);
    n.file.gone = *ret_gone;
    upper_close(&n.file);
    upper_meta_clear(&n.meta);
    return r;
}

static int prune_directory(int fd, int host_fd, unsigned depth, bool *ret_empty)
{
    int copy, r = 0;
    struct dirent *e;
    bool gone;
    DIR *d;

    if (depth >= UPPER_MAX_DEPTH)
        return -ELOOP;
    copy = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    d = copy >= 0 ? fdopendir(copy) : NULL;
    if (!d) {
        close_fd(copy);
        return -errno;
    }
    *ret_empty = true;
    while (r == 0 && (e = readdir(d)) != NULL) {
        if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
            continue;
        r = prune_name(fd, host_fd, e->d_name, depth, &gone);
        *ret_empty &= r == 0 && gone;
    }
    closedir(d);
    return r;
}

int prune_layer(int root_fd, int base_fd)
{
    bool empty;

    return prune_directory(root_fd, base_fd, 0, &empty);
}
