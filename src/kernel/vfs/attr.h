/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Attributes of files with the rules of chmod(2), chown(2), utimensat(2), truncate(2), xattr(7).
 * File systems only store; who may do what is decided here.
 */
#pragma once

#include <stdint.h>
#include <sys/types.h>

#include "kernel/vfs/node.h"
#include "kernel/vfs/walk.h"

struct lx_statfs;

/*
 * mask: ATTR_* of node.h. mode: permission bits only matter. A change of owner strips set-user-id
 * and set-group-id bits. ATTR_SIZE needs write permission (truncate(2)). -EPERM, -EACCES, -EROFS,
 * -EISDIR, -EINVAL, -EOPNOTSUPP (mode of a symlink).
 */
int vfs_setattr(const struct walkctx *w, const struct path *p, const struct attr *a, uint32_t mask)
    must_check;
/*
 * The same through an open file: fchmod, fchown, futimens, ftruncate. ATTR_SIZE needs a file opened
 * for writing (-EINVAL) instead of permission. O_PATH files: -EBADF.
 */
int file_setattr(const struct walkctx *w, struct file *f, const struct attr *a, uint32_t mask)
    must_check;
/* fstat(2): of the open file, named or anonymous. */
int file_getattr(struct file *f, struct attr *ret) must_check;

/* cap 0 asks for the size. -ENODATA, -ERANGE, -EOPNOTSUPP, -EPERM. `name` is NUL-terminated, 1-255
 * bytes (-ERANGE). */
ssize_t vfs_getxattr(const struct walkctx *w, const struct path *p, const char *name, void *dst,
                     size_t cap) must_check;
ssize_t vfs_listxattr(const struct walkctx *w, const struct path *p, char *dst, size_t cap)
    must_check;
int vfs_setxattr(const struct walkctx *w, const struct path *p, const char *name, const void *v,
                 size_t len, int flags) must_check;
int vfs_removexattr(const struct walkctx *w, const struct path *p, const char *name) must_check;

/* The file system's numbers, with the mount's flags put in. */
int vfs_statfs(const struct path *p, struct lx_statfs *ret) must_check;
