/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ownership by scope: a descriptor or an allocation is released where its variable ends, unless it
 * was taken. -1 is "no descriptor"; 0 is a descriptor like any other.
 */
#pragma once

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/util.h"

/* Closes fd if it is >= 0; errno is kept. Always returns -1, so: fd = close_fd(fd). */
static inline int close_fd(int fd)
{
    if (fd >= 0) {
        int saved = errno;
        (void) close(fd);
        errno = saved;
    }
    return -1;
}

static inline void cleanup_closep(int *fd)
{
    *fd = close_fd(*fd);
}

static inline void cleanup_freep(void *p)
{
    free(*(void **) p);
}

#define _cleanup_close_ _cleanup_(cleanup_closep)
#define _cleanup_free_  _cleanup_(cleanup_freep)

/* Hands the descriptor on: the variable no longer owns it. */
static inline int must_check take_fd(int *fd)
{
    int taken = *fd;
    *fd = -1;
    return taken;
}

/* Hands the pointer on, with its type: take_ptr(&p). */
#define take_ptr(pp)                     \
    (__extension__({                     \
        __auto_type take_pp_ = (pp);     \
        __auto_type take_p_ = *take_pp_; \
        *take_pp_ = NULL;                \
        take_p_;                         \
    }))
