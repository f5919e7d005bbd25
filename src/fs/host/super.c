/* SPDX-License-Identifier: Apache-2.0 */
/* A donated tree as a file system: see hostfs.h. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "abi/linux/statfs.h"
#include "base/cleanup.h"
#include "fs/host/internal.h"

static int host_statfs(struct super *sb, struct lx_statfs *ret)
{
    struct statfs s;
    if (fstatfs(host_node_fd(sb->root), &s) < 0)
        return -errno;
    *ret = (struct lx_statfs){
        .type = s.f_type,
        .bsize = s.f_bsize,
        .blocks = s.f_blocks,
        .bfree = s.f_bfree,
        .bavail = s.f_bavail,
        .files = s.f_files,
        .ffree = s.f_ffree,
        .namelen = s.f_namelen,
        .frsize = s.f_frsize,
    };
    return 0;
}

/* Through a descriptor of its own: the tree's is for names alone. */
static int host_sync(struct super *sb)
{
    char path[PROC_FD_CAP];
    _cleanup_close_ int fd =
        open(proc_fd_path(host_node_fd(sb->root), path), O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    return syncfs(fd) < 0 ? -errno : 0;
}

static void host_super_release(struct super *sb)
{
    free(host_super(sb));
}

static const struct super_ops super_ops = {.statfs = host_statfs,
                                           .sync = host_sync,
                                           .release = host_super_release};

/* Cached nodes may have a descriptor each: a part of what the process may have, for each tree. */
static uint32_t cache_limit(uint32_t usual)
{
    struct rlimit files;
    if (getrlimit(RLIMIT_NOFILE, &files) < 0)
        return usual;
    return (uint32_t) MIN((rlim_t) usual, MAX(files.rlim_cur / 8, (rlim_t) 64));
}

int hostfs_mount(struct kernel *k, const struct hostfs_config *c, struct super **ret)
{
    _cleanup_close_ int fd = c->tree_fd;
    struct stat st;
    if (fd < 0 || fstat(fd, &st) < 0)
        return -EBADF;
    struct host_super *hs = calloc(1, sizeof(*hs));
    if (!hs)
        return -ENOMEM;
    super_init(&hs->sb, &super_ops, c->type_name);
    hs->k = k;
    hs->map_ids = c->map_ids;
    mutex_init(&hs->opened_lock, RANK_LEAF);
    hs->sb.dev = st.st_dev;
    hs->sb.max_dentries = cache_limit(hs->sb.max_dentries);
    hs->sb.exclusive = c->exclusive;
    hs->sb.trust_ns = (uint64_t) c->trust_ms * 1000000u;
    hs->sb.heard_ns = &k->heard_ns;
    int r = host_node_new(&hs->sb, take_fd(&fd), &hs->sb.root);
    if (r < 0) {
        super_put(&hs->sb);
        return r;
    }
    *ret = &hs->sb;
    return 0;
}
