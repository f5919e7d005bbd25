/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Directories and files of the host as mounts of a spec. As real root each mount of the host is
 * cloned by itself, never recursively: no kernel file system (proc, sysfs, devtmpfs ...) comes
 * along with `recursive`, and nothing has to be covered. A plain user's mounts are locked together;
 * the sandbox clones them at one go (MOUNT_F_RECURSIVE) and covers what must not be seen.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/util.h"
#include "rpc/fail.h"
#include "rpc/spec.h"

struct tree_source {
    const char *path; /* absolute on the host, without links */
    const char *dest; /* absolute inside */
    uint32_t flags;   /* MOUNT_F_ */
    bool privileged;  /* real root: opened here */
    bool recursive;   /* with the mounts below */
    const char *const
        *covered; /* recursive: places below `path` ("/proc") left out, NULL-terminated; or NULL */
    bool devices; /* device nodes may be opened where `flags` says so: else NODEV is added */
    bool own_below; /* privileged: mounts below keep the flags that the host gave them, changed by
                       below_set and below_clear; else `flags` hold for them, too */
    uint32_t below_set, below_clear;
    bool idmap, idmap_below; /* privileged: `path`, and the mounts below, by userns_fd */
    int userns_fd;           /* host/idmount.h */
};

int spec_add_trees(struct sandbox_spec *s, const struct tree_source *t, struct fail *f) must_check;
/* Just the one mount, whatever `recursive` says to the privileged. */
int spec_add_tree(struct sandbox_spec *s, const struct tree_source *t, struct fail *f) must_check;

/* Whether it lies in the host's own proc, sysfs or devpts: that would show the host's processes,
 * and links of proc lead out of every tree. */
bool path_is_kernel_window(const char *path);
