/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the sandbox's union file system notes about an object of a layer, in extended attributes
 * `user.cloister.*` of regular files and directories. The sandbox wrote them, so nothing in them is
 * believed: each is bounded and parsed strictly.
 *
 *   whiteout  origin of the lower object that was deleted; the object is an empty file
 *   opaque    "y": a directory whose lower one must not shine through
 *   redirect  path, from the layer's top, of a renamed directory's lower one
 *   origin    the lower object as it was when it was copied up or replaced:
 *             DEV:INO:MODE:SIZE:MTIME.NSEC:CTIME.NSEC, MODE octal with the type
 *   owner     what the guest sees if the host could not be asked for it: UID:GID:MODE[:RDEV]
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

#include "base/util.h"

#define UPPER_XATTR_PREFIX "user.cloister."

struct upper_origin {
    uint64_t dev, ino, size;
    uint32_t mode;
    struct timespec mtime, ctime;
};

struct upper_owner {
    uint32_t uid, gid, mode;
    bool is_device; /* rdev was given */
    uint64_t rdev;
};

struct upper_meta {
    bool whiteout, opaque, has_origin, has_owner;
    struct upper_origin origin;
    struct upper_owner owner;
    char *redirect; /* normalised; or NULL */
};

/* All of the n bytes. -EBADMSG. */
int upper_origin_parse(const char *text, size_t n, struct upper_origin *ret) must_check;
int upper_owner_parse(const char *text, size_t n, struct upper_owner *ret) must_check;
/* Caller frees. */
int upper_redirect_parse(const char *text, size_t n, char **ret) must_check;

/* From a descriptor that can be read. -EBADMSG when one of them is nonsense. */
int upper_meta_read(int fd, struct upper_meta *ret) must_check;
void upper_meta_clear(struct upper_meta *m);

/* Whether a host object is still what the origin says. Of directories identity and mode alone
 * count: their times change with every name in them. */
bool upper_origin_holds(const struct upper_origin *o, const struct stat *st);
