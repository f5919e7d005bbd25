/* SPDX-License-Identifier: Apache-2.0 */
/* Host objects as nodes: one O_PATH descriptor each, for as long as the node is in the cache. */
#include <errno.h>
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
    close_fd(host_node(n)->fd);
    free(host_node(n));
}

int host_node_new(struct super *sb, int fd, struct node **ret)
{
    _cleanup_close_ int own = fd;
    struct stat st;
    if (fstat(own, &st) < 0)
        return -errno;
    struct host_node *hn = calloc(1, sizeof(*hn));
    if (!hn)
        return -ENOMEM;
    node_init(&hn->node, sb, &host_node_ops, st.st_mode & LX_S_IFMT, st.st_ino);
    hn->dev = st.st_dev;
    hn->fd = take_fd(&own);
    *ret = &hn->node;
    return 0;
}

const struct node_ops host_node_ops = {
    .lookup = host_lookup,
    .revalidate = host_revalidate,
    .create = host_create,
    .link = host_link,
    .unlink = host_unlink,
    .rename = host_rename,
    .readlink = host_readlink,
    .getattr = host_getattr,
    .getattr_at = host_getattr_at,
    .setattr = host_setattr,
    .open = host_open,
    .tmpfile = host_tmpfile,
    .getxattr = host_getxattr,
    .listxattr = host_listxattr,
    .setxattr = host_setxattr,
    .removexattr = host_removexattr,
    .release = host_node_release,
};
