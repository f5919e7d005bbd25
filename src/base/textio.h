/* SPDX-License-Identifier: Apache-2.0 */
/* Whole small files and whole transfers, bounded. Negative errno inside. */
#pragma once

#include <stddef.h>
#include <sys/types.h>

#include "base/util.h"

/*
 * The whole file (regular, proc, cgroup), NUL-terminated; the caller frees. At most max bytes: a
 * longer one is -EFBIG. Follows no symlink in the last component. ret_len may be NULL.
 */
int read_file_at(int dirfd, const char *path, size_t max, char **ret, size_t *ret_len) must_check;
/* From an open descriptor's current offset to its end; same rules. */
int read_fd_all(int fd, size_t max, char **ret, size_t *ret_len) must_check;
/* Writes an existing file (proc, cgroup, sysfs) with one write(2). -EIO when the kernel took only a
 * part. */
int write_file_at(int dirfd, const char *path, const char *text) must_check;
int write_file_atf(int dirfd, const char *path, const char *fmt, ...) must_check printf_like(3, 4);

/* Exactly n bytes, across EINTR and short transfers. read_full: bytes read, less than n only at the
 * end. */
ssize_t read_full(int fd, void *buf, size_t n) must_check;
int write_full(int fd, const void *buf, size_t n);
