/* SPDX-License-Identifier: Apache-2.0 */
/* What the objects without any place in a file system have in common: anon_inode of Linux. */
#pragma once

#include "kernel/vfs/node.h"

/* For file_ops.getattr: one shared inode without a type. */
int anon_getattr(struct file *f, struct attr *ret);
/* For file_ops.seek: accepted, and without effect. */
int64_t anon_seek(struct file *f, int64_t off, int whence);
