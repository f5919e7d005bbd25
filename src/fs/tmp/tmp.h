/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tmpfs(5) for mounts that guests make: names and attributes are the sentry's own memory, contents
 * memfds of the host, so that they are read, written and mapped like other host files. What
 * containers are given at their start is real tmpfs instead: fs/host.
 */
#pragma once

#include "base/util.h"

struct kernel;
struct super;

/* options: size, nr_blocks, nr_inodes, mode, uid, gid. -EINVAL for what it does not know. */
int tmpfs_mount(struct kernel *k, const char *options, struct super **ret) must_check;
/* The same without limits, and with all options but `mode` ignored. */
int ramfs_mount(struct kernel *k, const char *options, struct super **ret) must_check;
