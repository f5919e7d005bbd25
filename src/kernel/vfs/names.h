/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Changes of names: mknod(2), symlink(2), link(2), unlink(2), rename(2). All rules that do not
 * depend on the file system are here: search and write permission of the directories, sticky bits,
 * read-only mounts, mount points (EBUSY), last components that cannot be made or removed.
 *
 * `at` is where a relative name starts; NULL: the working directory. Names are guest paths, already
 * copied and shorter than GUEST_PATH_MAX. The umask of modes is the context's.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "kernel/vfs/walk.h"

/* mkdir, mkfifo, mknod: mode has the type bits; without any, a regular file. rdev: 64-bit st_dev
 * encoding. */
int vfs_mknod(const struct walkctx *w, const struct path *at, const char *name, uint32_t mode,
              uint64_t rdev) must_check;
/* The same, and where it now is: a new reference. bind(2). */
int vfs_mknod_path(const struct walkctx *w, const struct path *at, const char *name, uint32_t mode,
                   struct path *ret) must_check;
int vfs_symlink(const struct walkctx *w, const struct path *at, const char *name,
                const char *target) must_check;
/* `old` is an already walked path: linkat(2) decides whether its last symlink was followed. */
int vfs_link(const struct walkctx *w, const struct path *old, const struct path *at,
             const char *name) must_check;
int vfs_unlink(const struct walkctx *w, const struct path *at, const char *name, bool is_rmdir)
    must_check;
/* Whether the last component of a name could be looked up: 0, or the walk's error. */
int vfs_check_parent(const struct walkctx *w, const struct path *at, const char *name) must_check;
/* flags: LX_RENAME_NOREPLACE, LX_RENAME_EXCHANGE, LX_RENAME_WHITEOUT; others -EINVAL. */
int vfs_rename(const struct walkctx *w, const struct path *oat, const char *oname,
               const struct path *nat, const char *nname, uint32_t flags) must_check;
