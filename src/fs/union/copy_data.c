/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The contents of a file from one layer to the other. Holes stay holes. The host shares extents or
 * copies by itself where the two file systems let it; what is left goes through a buffer.
 * Sources: ioctl_ficlone(2), copy_file_range(2), lseek(2).
 */
#include <errno.h>
#include <linux/fs.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/sendfile.h>
#include <unistd.h>

#include "abi/linux/fcntl.h"
#include "base/cleanup.h"
#include "fs/union/internal.h"

#define PIECE ((uint64_t) 16 << 20) /* at a time by the host */

static int open_layer(struct node *n, uint32_t flags, struct file **ret, int *ret_fd)
{
    struct open_args a = {.flags = flags | LX_O_LARGEFILE};
    struct file *f;
    int r = n->ops->open(n, &a, &f);
    if (r < 0)
        return r;
    r = f->ops->host_fd ? f->ops->host_fd(f) : -EOPNOTSUPP;
    if (r < 0) {
        file_put(f);
        return r;
    }
    *ret = f;
    *ret_fd = r;
    return 0;
}

/* Bytes that are there, from..end. copy_file_range(2) does not cross file systems; sendfile(2)
 * does, without a copy through us. */
static int copy_extent(int from, int to, off_t at, off_t end)
{
    bool by_range = true;
    if (lseek(to, at, SEEK_SET) < 0)
        return -errno;
    while (at < end) {
        size_t want = (size_t) MIN((uint64_t) (end - at), PIECE);
        off_t in = at, out = at;
        ssize_t n = by_range ? copy_file_range(from, &in, to, &out, want, 0) : -1;
        if (n <= 0 && by_range) {
            by_range = false;
            if (lseek(to, at, SEEK_SET) < 0)
                return -errno;
            continue;
        }
        if (!by_range)
            n = sendfile(to, from, &in, want);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -errno;
        if (n == 0) /* shorter than it was: somebody outside has cut it */
            return 0;
        at += n;
    }
    return 0;
}

static int copy_extents(int from, int to, off_t len)
{
    off_t at = 0;
    int r = 0;
    while (at < len && r == 0) {
        off_t data = lseek(from, at, SEEK_DATA);
        if (data < 0 && errno == ENXIO)
            break; /* a hole up to the end */
        if (data < 0)
            data = at; /* not told here: all is data */
        off_t hole = data < len ? lseek(from, data, SEEK_HOLE) : len;
        if (hole <= data || hole > len)
            hole = len;
        if (data < len)
            r = copy_extent(from, to, data, hole);
        at = hole;
    }
    return r < 0 ? r : ftruncate(to, len) < 0 ? -errno : 0;
}

int copy_data(struct node *from, struct node *to, uint64_t len)
{
    struct file *in, *out;
    int in_fd, out_fd;
    if (len == 0)
        return 0;
    int r = open_layer(from, LX_O_RDONLY, &in, &in_fd);
    if (r < 0)
        return r;
    r = open_layer(to, LX_O_RDWR, &out, &out_fd);
    if (r == 0) {
        if (ioctl(out_fd, FICLONE, in_fd) == 0)
            r = ftruncate(out_fd, (off_t) len) < 0 ? -errno : 0;
        else
            r = copy_extents(in_fd, out_fd, (off_t) len);
        file_put(out);
    }
    file_put(in);
    return r;
}

/* ---- extended attributes ---- */

/* What belongs to the place and not to the file, and what the host keeps for itself. */
static bool is_copied(const char *name)
{
    return strncmp(name, FACT_PREFIX, strlen(FACT_PREFIX)) != 0 &&
           strncmp(name, "trusted.", 8) != 0 && strcmp(name, "security.selinux") != 0;
}

static int copy_xattr(struct node *from, struct node *to, const char *name)
{
    _cleanup_free_ char *value = NULL;
    ssize_t n = from->ops->getxattr(from, name, NULL, 0);
    if (n > 0) {
        value = malloc((size_t) n);
        n = value ? from->ops->getxattr(from, name, value, (size_t) n) : -ENOMEM;
    }
    if (n < 0)
        return n == -ENOMEM ? -ENOMEM : 0; /* gone, or not for us to read */
    int r = to->ops->setxattr(to, name, value ? value : "", (size_t) n, 0);
    /* Capabilities of files are the host's to give: it does not let us. */
    return r == -EPERM || r == -EOPNOTSUPP || r == -EINVAL ? 0 : r;
}

int copy_xattrs(struct node *from, struct node *to)
{
    _cleanup_free_ char *names = NULL;
    int r = 0;
    if (!from->ops->listxattr || !to->ops->setxattr)
        return 0;
    ssize_t n = from->ops->listxattr(from, NULL, 0);
    if (n <= 0)
        return 0;
    names = malloc((size_t) n + 1);
    if (!names)
        return -ENOMEM;
    n = from->ops->listxattr(from, names, (size_t) n);
    if (n <= 0)
        return 0;
    names[n] = '\0';
    for (const char *at = names; at < names + n && r == 0; at += strlen(at) + 1)
        if (is_copied(at))
            r = copy_xattr(from, to, at);
    return r;
}
