/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Putting one object of a kept sandbox in its place on the host: built under a temporary name
 * beside, then renamed, so that at every moment the old or the new one is there, whole. Nothing is
 * reached through a link; the descriptors of both directories come from the caller.
 */
#pragma once

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

#include "base/util.h"
#include "host/change.h"
#include "host/progress.h"
#include "host/upper_meta.h"

struct installation {
    int upper_dir, host_dir;
    const char *name; /* in both */
    const char *temp; /* name beside: what stands there is a leftover of ours */
    int upper_fd;     /* regular files and directories: open; else -1 */
    const struct stat *upper;
    const struct upper_meta *meta;
    const struct object *object;
    unsigned what;  /* CHANGED_* where the host has such an object already */
    bool defer;     /* a file may wait, whole but for the disk, under its temporary name */
    bool keep_open; /* a directory whose contents follow: its owner may write to it for now */
    int link_dir;   /* a file to link instead of copying, with its name; or -1 */
    const char *link_name;
    uint64_t link_ino;
    struct progress *progress;
    const volatile sig_atomic_t *stop; /* non-zero: give up with -EINTR */
};

/*
 * 0; 1 when it waits (defer): install_sync() or syncfs(2), then install_waiting() follow. Negative
 * errno; *ret_what is then what could not be done ("writing to it").
 */
int install_object(const struct installation *i, const char **ret_what) must_check;
/* Has what waits written to disk. Fails where its mode locks a plain user out. */
int install_sync(int host_dir, const char *temp) must_check;
int install_waiting(const struct installation *i) must_check;

/* Removes what the host has at the name; a directory vanishes at once, by a rename to temp. */
int install_nothing(int host_dir, const char *name, const char *temp) must_check;

/* Owner, mode, attributes of a directory that is there. */
int install_attributes(const struct installation *i, int fd) must_check;
