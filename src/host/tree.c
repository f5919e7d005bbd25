/* SPDX-License-Identifier: Apache-2.0 */
/* Detached mount trees: see tree.h. Source: open_tree(2), mount_setattr(2) and the kernel's
 * mount.h. */
#include "host/tree.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/mount.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/sys.h"

#ifndef AT_RECURSIVE
#define AT_RECURSIVE 0x8000
#endif

static int set_attributes(int fd, uint64_t set, bool recursive)
{
    struct mount_attr a = {.attr_set = set, .propagation = 1 << 18 /* MS_PRIVATE */};

    return host_mount_setattr(fd, "", AT_EMPTY_PATH | (recursive ? AT_RECURSIVE : 0u), &a,
                              sizeof(a));
}

int tree_open(const char *path, unsigned flags, int *ret_fd, struct fail *f)
{
    bool recursive = flags & TREE_RECURSIVE;
    uint64_t set = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOSYMFOLLOW;
    _cleanup_close_ int fd = -1;
    int r;

    if (flags & (TREE_RDONLY | TREE_EXECUTABLE_ONLY))
        set |= MOUNT_ATTR_RDONLY;
    fd = host_open_tree(AT_FDCWD, path,
                        OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | (recursive ? AT_RECURSIVE : 0u));
    if (fd < 0)
        return fail_errno(f, -fd, "cloning the mount tree at %s", path);
    r = set_attributes(fd, set, recursive);
    if (r < 0)
        return fail_errno(f, -r, "restricting the mount tree of %s (Linux 5.14 or newer is needed)",
                          path);
    *ret_fd = take_fd(&fd);
    return 0;
}

uint64_t tree_mount_id(const char *path)
{
    struct statx sx;

    if (statx(AT_FDCWD, path, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT, STATX_MNT_ID, &sx) < 0 ||
        !(sx.stx_mask & STATX_MNT_ID))
        return 0;
    return sx.stx_mnt_id;
}
