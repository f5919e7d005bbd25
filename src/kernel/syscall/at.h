/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the calls of the *at family have in common: a directory descriptor with a name, and the
 * object both lead to. A guest's name is copied once; the copy is what is walked.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "kernel/vfs/walk.h"

struct attr;
struct cred;
struct file;
struct task;

/* A name that is to be made, removed or opened. */
struct at_name {
    struct file
        *dir; /* referenced; NULL: the name is absolute or starts at the working directory */
    char text[GUEST_PATH_MAX];
};

/* -EFAULT, -ENAMETOOLONG, -ENOENT (empty), -EBADF. To be ended with at_name_done(). */
int at_name_get(struct task *t, int dirfd, uint64_t name, struct at_name *ret) must_check;
/* For a walk with these WALK_* flags: one that may not leave dirfd needs it for absolute names,
 * too. */
int at_name_get_for(struct task *t, int dirfd, uint64_t name, uint32_t walk_flags,
                    struct at_name *ret) must_check;
/* Where the walk starts, for the vfs: NULL is the working directory. */
const struct path *at_name_start(const struct at_name *n);
void at_name_done(struct at_name *n);

/* An object that is there: an open file (then `path` is the file's), or a place. */
struct target {
    struct walkctx w;
    struct file *file; /* referenced; NULL: found by name */
    struct path path;  /* no dentry: an anonymous file */
    bool own_path;     /* path is a reference of its own */
};

/*
 * dirfd and name with WALK_* flags. WALK_EMPTY: "" is the object dirfd refers to, opened with
 * O_PATH or not. cred NULL: the task's own; otherwise borrowed until target_done().
 */
int target_at(struct task *t, const struct cred *cred, int dirfd, uint64_t name,
              uint32_t walk_flags, struct target *ret) must_check;
/* By descriptor; place_too: also one opened with O_PATH. -EBADF. */
int target_fd(struct task *t, int fd, bool place_too, struct target *ret) must_check;
void target_done(struct target *g);

int target_getattr(const struct target *g, struct attr *ret) must_check;
/* stat(2): dirfd and name with WALK_* flags, as target_at() takes them, and what is there. */
int target_stat(struct task *t, int dirfd, uint64_t name, uint32_t walk_flags, struct place *ret)
    must_check;
/* ATTR_*: chmod, chown, utimensat. For a size use vfs_setattr() or file_setattr() themselves. */
int target_setattr(const struct target *g, const struct attr *a, uint32_t mask) must_check;

/* The WALK_* form of the AT_ flags that name lookups share. */
uint32_t at_walk_flags(uint32_t at_flags);
