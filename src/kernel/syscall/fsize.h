/* SPDX-License-Identifier: Apache-2.0 */
/* RLIMIT_FSIZE (getrlimit(2)): how far a process may make files grow. */
#pragma once

#include <stdint.h>

#include "base/util.h"

struct file;
struct iobuf;
struct task;

/* A file is about to reach `size`: 0, or -EFBIG with SIGXFSZ sent. */
int fsize_allows(struct task *t, uint64_t size) must_check;
/* A write at pos (-1: the file's own offset): shortens it to what is allowed. 0, or as above. */
int fsize_clamp(struct task *t, struct file *f, int64_t pos, struct iobuf *io) must_check;
