/* SPDX-License-Identifier: Apache-2.0 */
/* /dev: the devices every program expects, and nothing of the host's: null(4), random(4), tty(4).
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/util.h"

struct device_spec;
struct file;
struct kernel;
struct open_args;
struct super;

struct dev_options {
    uint32_t mode; /* of the directory */
    const struct device_spec *devices;
    size_t n_devices;
};

/* A new /dev with those of the devices that dev_is_in_tree(). stdin, stdout, stderr and fd are
 * links into /proc/self. */
int dev_mount(struct kernel *k, const struct dev_options *o, struct super **ret) must_check;
/* Whether the device stands in /dev's own tree: below /dev, and not where a mount belongs. */
bool dev_is_in_tree(const struct device_spec *d);
/* Any other: a file system that is this one node, to be mounted at its path. */
int device_mount(struct kernel *k, const struct device_spec *d, struct super **ret) must_check;

/*
 * For struct specials: a device node found in a host tree. null zero full random urandom tty
 * console and ptmx work by their numbers; all others are -ENXIO.
 */
int device_open(struct kernel *k, uint64_t rdev, const struct open_args *a, struct file **ret)
    must_check;
/* Whether device_open() knows the number. */
bool device_is_known(uint64_t rdev);

/* For places that nothing is to be seen of: an empty directory, or the null device. */
int mask_mount(struct kernel *k, bool is_dir, struct super **ret) must_check;
