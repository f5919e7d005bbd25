/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hostfs: all real storage. A tree is a detached mount of the host, donated as an O_PATH descriptor
 * of its root. Every name is looked up one component at a time, relative to its parent's
 * descriptor, with O_NOFOLLOW; the tree itself was made NOSYMFOLLOW, NODEV and NOSUID by boot, so
 * that the host refuses what we should never ask.
 *
 * Objects are held by O_PATH descriptors and opened through /proc/self/fd/N with exactly the access
 * the guest asked for. Offsets of open files live in the host's description: it may be shared with
 * programs outside (an inherited stdout).
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/util.h"

struct file;
struct kernel;
struct super;

struct hostfs_config {
    int tree_fd;           /* root of the tree; consumed, also on error */
    const char *type_name; /* what the guest's /proc/mounts shows; lives for ever */
    bool exclusive;        /* nobody outside writes: names are trusted once seen */
    uint32_t trust_ms;     /* else: so long; super.trust_ns */
    bool map_ids;          /* one id is mapped: owners of new files are the host's choice */
};

int hostfs_mount(struct kernel *k, const struct hostfs_config *c, struct super **ret) must_check;

/*
 * An open file over an inherited descriptor (stdio): regular file, terminal, pipe, socket or
 * device. Consumes fd, also on error. Its flags are the description's. The description is shared
 * with others, so O_NONBLOCK is never set on it: waiting is the poller's.
 */
int hostfs_adopt(struct kernel *k, int fd, struct file **ret) must_check;

/* For struct specials: the nameless file system of memfd_create(2), and one file of it. */
int hostfs_memfds(struct kernel *k, struct super **ret) must_check;
int hostfs_memfd_new(struct kernel *k, const char *name, uint32_t flags, struct file **ret)
    must_check;
