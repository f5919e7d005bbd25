/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The mount table of the container. One name space for all tasks. vfs/ alone touches dentries.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/strbuf.h"
#include "kernel/vfs/walk.h"

struct kernel;
struct super;
struct vfs;

int vfs_new(struct vfs **ret) must_check;

/*
 * Mounts sb (consumed) at the absolute guest path `dest`; the first one must be "/". A mount point
 * that does not exist is made (mkdir, as runc does) where the tree is writable, and otherwise
 * exists only in our own name space: readdir of its parent shows it. `source` and the type name are
 * what /proc/mounts shows. flags: MOUNT_F_*.
 */
int vfs_mount(struct vfs *v, struct super *sb, const char *dest, uint32_t flags, const char *source)
    must_check;

/* What stands at an absolute guest path, links followed: new references. */
int vfs_lookup(struct vfs *v, const char *path, struct path *ret) must_check;
/* What stands at `dest`, once more and read-only. -ENOENT. */
int vfs_mount_readonly(struct vfs *v, const char *dest) must_check;

/* sync(2): all that is mounted. Errors have nobody to go to. */
void vfs_sync(struct vfs *v);

/* Only when no task and no file is left. */
void vfs_free(struct vfs *v);

/* New references on the root. */
int vfs_root(struct vfs *v, struct path *ret) must_check;

/* Text of /proc/PID/mounts, mountinfo, mountstats as seen from `root`. */
int vfs_format_mounts(struct vfs *v, const struct path *root, struct strbuf *out) must_check;
int vfs_format_mountinfo(struct vfs *v, const struct path *root, struct strbuf *out) must_check;
int vfs_format_mountstats(struct vfs *v, const struct path *root, struct strbuf *out) must_check;
