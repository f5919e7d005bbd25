/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Id-mapped mounts: mounts[].uidMappings and gidMappings. The map is a user namespace that nobody
 * lives in. Source: mount_setattr(2), "ID-mapped mounts".
 */
#pragma once

#include <stdbool.h>

#include "base/util.h"
#include "host/idmap.h"
#include "rpc/fail.h"

/* A user namespace with these maps: ids of the file system are `inside`, those the mount shows
 * `outside`. Real root only. The descriptor is CLOEXEC. */
int idmount_namespace(const struct idmap *m, int *ret_fd, struct fail *f) must_check;

/* Maps the detached tree, and all mounts below in it with `recursive`. `path` is for messages. */
int idmount_apply(int tree_fd, int userns_fd, bool recursive, const char *path, struct fail *f)
    must_check;
