/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Volumes of `do`: files and directories of the host that are shown at a place inside and, unless
 * read-only, shared with the host both ways.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/util.h"
#include "rpc/fail.h"
#include "rpc/spec.h"

struct volume {
    char *source; /* absolute on the host, without links */
    char *dest;   /* absolute inside, normalised, never "/" */
    bool readonly;
};

struct volumes {
    struct volume *items;
    size_t n;
};

/*
 * Adds what "SRC:DST[:ro|rw]" describes; a colon or a backslash of a path is written "\:" or "\\".
 * A relative SRC starts at the caller's directory. SRC must be a file or a directory, none of the
 * host kernel's own; DST absolute and without "..", and not given before.
 */
int volumes_parse(struct volumes *v, const char *text, struct fail *f) must_check;

/* Their mounts, a place before what lies below it, in the order given otherwise. */
int volumes_add_mounts(const struct volumes *v, struct sandbox_spec *s, bool privileged,
                       struct fail *f) must_check;

/* The host's path of what is at `path` inside, when a volume is there or above it: caller frees.
 * 0, -ENOENT when none is, -ENOMEM. */
int volumes_locate(const struct volumes *v, const char *path, char **ret) must_check;

void volumes_free(struct volumes *v);
