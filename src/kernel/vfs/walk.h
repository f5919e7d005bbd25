/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names to objects: path_resolution(7). Walking never sees struct task: it works on a snapshot of
 * root, working directory and credentials. Symlinks are followed by us, never by the host.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/mutex.h"
#include "base/ref.h"
#include "base/util.h"
#include "kernel/vfs/file.h"
#include "kernel/vfs/node.h"

struct cred;
struct mount_ns;
struct node;
struct task;
struct vfs;

/* Root, working directory and umask of one or more tasks (CLONE_FS). */
struct fsctx {
    struct ref ref;
    struct mutex lock;     /* RANK_FSCTX */
    struct path root, cwd; /* [lock] */
    uint32_t umask;        /* [lock] */
    struct mount_ns *ns;   /* [lock] referenced: mount.h */
};

struct fsctx *fsctx_new(const struct path *root, const struct path *cwd, uint32_t umask);
struct fsctx *fsctx_get(struct fsctx *fs);
struct fsctx *fsctx_copy(struct fsctx *fs);
void fsctx_put(struct fsctx *fs);
void fsctx_set_cwd(struct fsctx *fs, const struct path *p);
void fsctx_set_root(struct fsctx *fs, const struct path *p);
/*
 * Root and working directory, where they are `old`, become `fresh`. How many did: so many
 * references on old are the caller's to drop. Locks that rank before RANK_FSCTX may be held.
 */
size_t fsctx_replace(struct fsctx *fs, const struct path *old, const struct path *fresh);
/* A new reference. */
struct mount_ns *fsctx_ns(struct fsctx *fs);
/* Leaves for a copy of the name space. */
int fsctx_unshare_mounts(struct fsctx *fs) must_check;
/* Stands at the root of another. */
int fsctx_enter_mounts(struct fsctx *fs, struct mount_ns *ns) must_check;
uint32_t fsctx_umask(struct fsctx *fs);
uint32_t fsctx_set_umask(struct fsctx *fs, uint32_t mask); /* returns the old one */

struct walkctx {
    struct path root, cwd;   /* referenced by walkctx_init, dropped by walkctx_done */
    uint32_t umask;          /* of the task: taken from the modes of what is made */
    const struct cred *cred; /* borrowed: the task's own, unless the caller puts another here */
    struct task *task;       /* handed on to magic links and openings; NULL at boot */
};

void walkctx_init(struct walkctx *w, struct task *t);
/* Without a task (boot): root and cwd are the name space's root. cred is borrowed. */
int walkctx_init_root(struct walkctx *w, struct vfs *v, const struct cred *cred) must_check;
void walkctx_done(struct walkctx *w);

enum {
    WALK_NOFOLLOW = 1u << 0,   /* the last component may be a symlink itself */
    WALK_DIRECTORY = 1u << 1,  /* must be a directory */
    WALK_EMPTY = 1u << 2,      /* AT_EMPTY_PATH: "" names `at` */
    WALK_NULL = 1u << 10,      /* and so does no name at all; with WALK_EMPTY */
    WALK_LONG_LAST = 1u << 11, /* walk_parent(): a last name that is too long is LAST_LONG */
    WALK_CREATE = 1u << 3,     /* a missing last component is a negative dentry, not -ENOENT */
    WALK_BENEATH = 1u << 5,
    WALK_IN_ROOT = 1u << 6,
    WALK_NO_XDEV = 1u << 7,
    WALK_NO_MAGIC = 1u << 8,
    WALK_NO_SYMLINKS = 1u << 9,
};

#define GUEST_PATH_MAX 4096
#define GUEST_NAME_MAX 255

void path_get(struct path *p);
void path_put(struct path *p);
struct node *path_node(const struct path *p); /* borrowed; NULL for a negative dentry */

/* `at`: where relative names start, NULL: cwd. *ret holds new references. */
int path_walk(const struct walkctx *w, const struct path *at, const char *name, uint32_t flags,
              struct path *ret) must_check;

/* What stat(2) and statx(2) say of a name. */
struct place {
    struct attr attr;
    int mount_id;
    bool is_mount_root;
};

/* path_walk() and path_getattr() in one, which is cheaper. */
int path_stat(const struct walkctx *w, const struct path *at, const char *name, uint32_t flags,
              struct place *ret) must_check;
/* path_walk() and path_permission(); may 0: is it there? Not for WALK_EMPTY. */
int path_access(const struct walkctx *w, const struct path *at, const char *name, uint32_t flags,
                uint32_t may) must_check;

/* What most calls need: dirfd + guest string + AT_* semantics in one step. */
int path_at(struct task *t, int dirfd, uaddr_t name, uint32_t walk_flags, struct path *ret)
    must_check;

/* Absolute guest path of p as seen from root; "(unreachable)" prefix as getcwd(2) has, or
 * " (deleted)" suffix. Length or -ENAMETOOLONG. */
ssize_t path_text(const struct path *p, const struct path *root, char *dst, size_t cap) must_check;
/* The same without the prefix, as links of /proc show what is not below root. */
ssize_t path_text_far(const struct path *p, const struct path *root, char *dst, size_t cap)
    must_check;

/* open(2). flags: LX_O_*; mode: permissions of a file it makes. May sleep (FIFOs). */
int path_open(const struct walkctx *w, const struct path *at, const char *name, uint32_t flags,
              uint32_t mode, struct file **ret) must_check;
/* The same with WALK_* restrictions of openat2(2). */
int path_open_walk(const struct walkctx *w, const struct path *at, const char *name, uint32_t flags,
                   uint32_t mode, uint32_t walk_flags, struct file **ret) must_check;
/* Opens an already walked path (exec of an O_PATH descriptor, magic links). */
int path_open_at(const struct walkctx *w, const struct path *p, uint32_t flags, struct file **ret)
    must_check;

enum { MAY_EXEC = 1, MAY_WRITE = 2, MAY_READ = 4 };
/* 0 or -EACCES / -EROFS by mount flags, mode, owner and capabilities. */
int path_permission(const struct walkctx *w, const struct path *p, uint32_t may) must_check;
/* node attributes of a path with mount and node considered. */
int path_getattr(const struct path *p, struct attr *ret) must_check;
/* The mount's number in mountinfo (proc(5)), and whether p is its top; 0 and false for nameless
 * files. */
int path_mount_id(const struct path *p);
bool path_is_mount_root(const struct path *p);
uint32_t path_mount_flags(const struct path *p); /* MOUNT_F_* of rpc/spec.h */

/*
 * A path to a node without a name (the pipe behind /proc/PID/fd/0): a dentry of its own on an
 * internal mount, shown as `name`. Consumes the node, also on error.
 */
int path_anon(struct vfs *v, struct node *steal, const char *name, struct path *ret) must_check;
