/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Detached mount trees: the only way by which a sandbox reaches files. Real root opens them here,
 * on the host side, and hands the descriptors over; a plain user's are opened by the sandbox
 * itself.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/util.h"
#include "rpc/fail.h"

enum {
    TREE_RDONLY = 1 << 0,
    TREE_RECURSIVE = 1 << 1,       /* with the mounts below */
    TREE_EXECUTABLE_ONLY = 1 << 2, /* the sentry's own binary: nothing but read and execute */
};

/*
 * Clones the tree at `path` into a detached one with NOSYMFOLLOW, NODEV, NOSUID (and RDONLY),
 * private: the kernel itself then refuses to follow a link for the sentry. The descriptor is
 * CLOEXEC.
 */
int tree_open(const char *path, unsigned flags, int *ret_fd, struct fail *f) must_check;

/* Id of the mount that `path` (not followed at its end) lies on; 0 when it cannot be told. */
uint64_t tree_mount_id(const char *path);
