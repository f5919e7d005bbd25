/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Host objects as nodes. A node holds its object by an O_PATH descriptor for as long as it is in
 * the cache; one that was only seen by name, or opened by name, gets its descriptor when somebody
 * needs it: from an open file of it, or by its name once more. Most never do.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "abi/linux/stat.h"
#include "base/cleanup.h"
#include "fs/host/internal.h"

const char *proc_fd_path(int fd, char dst[static PROC_FD_CAP])
{
    snprintf(dst, PROC_FD_CAP, "/proc/self/fd/%d", fd);
    return dst;
}

static void host_node_release(struct node *n)
{
    close_fd(atomic_load(&host_node(n)->fd));
    free(host_node(n));
}

static struct host_node *node_alloc(struct super *sb, uint32_t mode, uint64_t dev, uint64_t ino)
{
    struct host_node *hn = calloc(1, sizeof(*hn));
    if (!hn)
        return NULL;
    node_init(&hn->node, sb, &host_node_ops, mode & LX_S_IFMT, ino);
    hn->node.dev = dev; /* with ino: which object the name stood for */
    atomic_init(&hn->fd, -1);
    list_init(&hn->opened);
    return hn;
}

int host_node_new(struct super *sb, int fd, struct node **ret)
{
    _cleanup_close_ int own = fd;
    struct stat st;
    if (fstat(own, &st) < 0)
        return -errno;
    struct host_node *hn = node_alloc(sb, st.st_mode, st.st_dev, st.st_ino);
    if (!hn)
        return -ENOMEM;
    atomic_init(&hn->fd, take_fd(&own));
    *ret = &hn->node;
    return 0;
}

int host_node_opened(struct super *sb, const struct attr *a, struct node **ret)
{
    struct host_node *hn = node_alloc(sb, a->mode, a->dev, a->ino);
    if (!hn)
        return -ENOMEM;
    atomic_init(&hn->node.by_name, true);
    *ret = &hn->node;
    return 0;
}

int host_peek(struct node *dir, const char *name, size_t len unused_, struct node **ret)
{
    struct attr a;
    int r = host_getattr_at(dir, name, &a);
    return r < 0 ? r : host_node_opened(dir->sb, &a, ret);
}

/* ---- holding ---- */

/* [opened_lock] */
static void keep_fd(struct host_node *hn, int fd)
{
    atomic_store_explicit(&hn->fd, fd, memory_order_release);
    atomic_store_explicit(&hn->node.by_name, false, memory_order_release);
}

static int hold_by_file(struct host_node *hn)
{
    char path[PROC_FD_CAP];
    MUTEX_GUARD(&host_super(hn->node.sb)->opened_lock);
    int fd = atomic_load(&hn->fd);
    if (fd >= 0)
        return fd;
    if (list_empty(&hn->opened))
        return -ESTALE;
    const struct host_file *hf = list_first_entry(&hn->opened, struct host_file, opened);
    fd = open(proc_fd_path(hf->fd, path), O_PATH | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    keep_fd(hn, fd);
    return fd;
}

int host_node_fd(struct node *n)
{
    int fd = atomic_load_explicit(&host_node(n)->fd, memory_order_acquire);
    return fd >= 0 ? fd : hold_by_file(host_node(n));
}

int host_hold(struct node *n, struct node *dir, const char *name)
{
    struct host_node *hn = host_node(n);
    struct stat st;
    int r = host_node_fd(n);
    if (r >= 0)
        return 0;
    int at = r == -ESTALE && dir ? host_node_fd(dir) : r;
    if (at < 0)
        return at;
    _cleanup_close_ int fd = openat(at, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return errno == ENOENT || errno == ENOTDIR ? -ESTALE : -errno;
    if (fstat(fd, &st) < 0)
        return -errno;
    if (st.st_dev != n->dev || st.st_ino != n->ino || (st.st_mode & LX_S_IFMT) != n->type)
        return -ESTALE;
    MUTEX_GUARD(&host_super(n->sb)->opened_lock);
    if (atomic_load(&hn->fd) < 0)
        keep_fd(hn, take_fd(&fd));
    return 0;
}

void host_file_is_of(struct host_file *hf, struct node *n)
{
    hf->node = host_node(node_get(n));
    MUTEX_GUARD(&host_super(n->sb)->opened_lock);
    list_add_tail(&hf->opened, &hf->node->opened);
}

void host_file_leave(struct host_file *hf)
{
    if (!hf->node)
        return;
    mutex_lock(&host_super(hf->node->node.sb)->opened_lock);
    list_del(&hf->opened);
    mutex_unlock(&host_super(hf->node->node.sb)->opened_lock);
    node_put(&hf->node->node);
}

const struct node_ops host_node_ops = {
    .lookup = host_lookup,
    .peek = host_peek,
    .hold = host_hold,
    .revalidate = host_revalidate,
    .leads_to = host_leads_to,
    .create = host_create,
    .create_open = host_create_open,
    .link = host_link,
    .unlink = host_unlink,
    .rename = host_rename,
    .readlink = host_readlink,
    .getattr = host_getattr,
    .getattr_at = host_getattr_at,
    .setattr = host_setattr,
    .open = host_open,
    .open_at = host_open_at,
    .tmpfile = host_tmpfile,
    .getxattr = host_getxattr,
    .listxattr = host_listxattr,
    .setxattr = host_setxattr,
    .removexattr = host_removexattr,
    .release = host_node_release,
};
