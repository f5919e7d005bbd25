/* SPDX-License-Identifier: Apache-2.0 */
/* /dev: the devices every program expects, and nothing of the host's: null(4), random(4), tty(4).
 */
#pragma once

#include <stdint.h>

#include "base/util.h"

struct file;
struct kernel;
struct open_args;
struct super;

/* A new /dev. stdin, stdout, stderr and fd are links into /proc/self. */
int dev_mount(struct kernel *k, struct super **ret) must_check;

/*
 * For struct specials: a device node found in a host tree. null zero full random urandom tty
 * console and ptmx work by their numbers; all others are -ENXIO.
 */
int device_open(struct kernel *k, uint64_t rdev, const struct open_args *a, struct file **ret)
    must_check;
/* For places that nothing is to be seen of: an empty directory, or the null device. */
int mask_mount(struct kernel *k, bool is_dir, struct super **ret) must_check;
