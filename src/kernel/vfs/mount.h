/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The mount table of the container: its own name space, and those its tasks make. vfs/ alone
 * touches dentries.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/strbuf.h"
#include "kernel/vfs/walk.h"

struct kernel;
struct mount_ns;
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

/* New references on the root of the container's own name space. */
int vfs_root(struct vfs *v, struct path *ret) must_check;

/* ---- name spaces: a task's is its fsctx's ---- */
/* Borrowed: the container's own, which stays. */
struct mount_ns *vfs_first_ns(struct vfs *v);
/* How often its table has changed; the queue is woken then (POLLERR, POLLPRI). */
uint64_t mount_ns_changes(struct mount_ns *ns);
struct waitq *mount_ns_queue(struct mount_ns *ns);
struct mount_ns *mount_ns_get(struct mount_ns *ns);
/* The last one takes all of its mounts away. No locks held. */
void mount_ns_put(struct mount_ns *ns);
/* A copy with mounts of its own; *root and *cwd go over to it. */
int mount_ns_copy(struct mount_ns *from, struct path *root, struct path *cwd, struct mount_ns **ret)
    must_check;
int mount_ns_root(struct mount_ns *ns, struct path *ret) must_check;
/* What tells one from another: proc(5), /proc/PID/ns/mnt. */
uint64_t mount_ns_ino(const struct mount_ns *ns);

/* The file that stands for one, as /proc/PID/ns/mnt leads to it: new references. */
int mount_ns_path(struct mount_ns *ns, struct path *ret) must_check;
/* Borrowed from an open one of those; NULL: f is something else. */
struct mount_ns *mount_ns_of_file(struct file *f);

/*
 * Changes of one: mount_change.c. Paths are of walks that crossed all mounts. -EINVAL: not in this
 * name space, or no mount's top where one is needed. No locks held.
 */
/* sb is consumed. flags: MOUNT_F_*. -ENOTDIR, -EBUSY (there already), -ENOSPC, -ENOENT. */
int mount_new(struct mount_ns *ns, struct super *sb, uint32_t flags, const char *source,
              const struct path *at) must_check;
int mount_bind(struct mount_ns *ns, const struct path *from, const struct path *at, bool recursive)
    must_check;
/* -ELOOP: into itself. */
int mount_move(struct mount_ns *ns, const struct path *from, const struct path *at) must_check;
/* LX_MNT_*. Consumes *p. -EBUSY, -EAGAIN. */
int mount_umount(struct mount_ns *ns, struct path *p, uint32_t flags) must_check;
/* MOUNT_F_*: first clear, then set. -EPERM: what the container was given stays; -EBUSY: written. */
int mount_set_flags(struct mount_ns *ns, const struct path *at, uint32_t set, uint32_t clear,
                    bool recursive) must_check;
/* The file system itself: read-only or not, and its own options. */
int mount_reconfigure(struct mount_ns *ns, const struct path *at, bool rdonly, const char *options)
    must_check;
/* LX_MS_PRIVATE, SLAVE, UNBINDABLE, and SHARED: -EINVAL. Without peers the first two are the same.
 */
int mount_set_propagation(struct mount_ns *ns, const struct path *at, uint32_t kind, bool recursive)
    must_check;
/* pivot_root(2) as seen by a task with this root. */
int mount_pivot(struct mount_ns *ns, const struct path *fresh, const struct path *put,
                const struct path *root) must_check;

/* Mounts that hang nowhere yet: *ret holds the only references. sb is consumed, but on error. */
int mount_detached(struct vfs *v, struct super *sb, uint32_t flags, const char *source,
                   struct path *ret) must_check;
int mount_clone(struct mount_ns *ns, const struct path *from, bool recursive, struct path *ret)
    must_check;
/* Is it in a name space? */
bool mount_is_attached(const struct path *p);
int mount_hang_detached(struct mount_ns *ns, const struct path *from, const struct path *at)
    must_check;

/* A file system that was never mounted, or is no more. Its cache and root hold references on it:
 * they go first. */
void super_end(struct super *sb);

/* Text of /proc/PID/mounts, mountinfo, mountstats: of a name space, as seen from `root`. */
int vfs_format_mounts(struct mount_ns *ns, const struct path *root, struct strbuf *out) must_check;
int vfs_format_mountinfo(struct mount_ns *ns, const struct path *root, struct strbuf *out)
    must_check;
int vfs_format_mountstats(struct mount_ns *ns, const struct path *root, struct strbuf *out)
    must_check;
