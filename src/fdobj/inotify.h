/* SPDX-License-Identifier: Apache-2.0 */
/* Inotify instances: inotify(7). */
#pragma once

#include <stdint.h>

#include "base/util.h"

struct file;
struct kernel;
struct path;

/* flags: LX_IN_NONBLOCK. -EMFILE: the user has too many. */
int inotify_new(struct kernel *k, uint32_t uid, uint32_t flags, struct file **ret) must_check;
/* -EINVAL: f is something else. Watch number, -EEXIST, -ENOSPC, -ENOMEM. mask has been checked. */
int inotify_watch(struct file *f, const struct path *p, uint32_t mask) must_check;
/* -EINVAL: f is something else, or has no such watch. */
int inotify_unwatch(struct file *f, int wd) must_check;
bool file_is_inotify(const struct file *f);
