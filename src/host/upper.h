/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Walking in a layer of a kept sandbox from outside. Names, links and modes in it are the
 * sandbox's: every component is opened by itself, never through a link, and nothing but directories
 * and regular files is opened at all.
 *
 * A plain user owns all of it but may have been locked out by a mode (chmod 000). Such an object is
 * given the missing bits for as long as it is open.
 */
#pragma once

#include <stdbool.h>
#include <sys/stat.h>

#include "base/util.h"

/* Deeper trees are refused with -ELOOP. */
#define UPPER_MAX_DEPTH 400

struct upper_fd {
    int fd; /* -1: none */
    bool restore;
    bool gone;   /* set by who removed it */
    mode_t mode; /* to give back */
};

#define UPPER_FD_NONE \
    {                 \
        .fd = -1      \
    }

/* A regular file or directory for reading; *st is what fstatat() said of it. -ESTALE if it is not
 * that any more. */
int upper_open(int dirfd, const char *name, const struct stat *st, struct upper_fd *ret) must_check;
void upper_close(struct upper_fd *u);

/*
 * The directories from a layer's root to where one works. Moving to the next directory in a sorted
 * walk opens few of them anew.
 */
struct upper_cursor {
    struct upper_fd *stack; /* [0]: the root */
    char *path;             /* of the innermost, "/" at the root */
    size_t depth, cap;
};

/* Takes *root over, also when it fails. */
int upper_cursor_init(struct upper_cursor *c, struct upper_fd *root) must_check;
void upper_cursor_done(struct upper_cursor *c);
/* Opens the directory at the normalised path; *ret_fd is borrowed until the next call. -ENOTDIR,
 * -ENOENT, -ELOOP. */
int upper_cursor_enter(struct upper_cursor *c, const char *path, int *ret_fd) must_check;
