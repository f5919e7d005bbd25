/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The mounts of `do`: a directory of the host (its own root by default) as the container's root,
 * the host's other real file systems below it, and the usual synthetic ones. Nothing of the host's
 * /proc, /sys, /dev or other kernel file systems is inside, and /tmp is the container's own.
 */
#pragma once

#include <stdbool.h>

#include "base/util.h"
#include "host/store.h"
#include "rpc/fail.h"
#include "rpc/spec.h"

struct hostroot {
    const char *root; /* absolute host path */
    bool writable;    /* by the sandbox, and then on the host */
    bool overlay;     /* writes stay the sandbox's own: MOUNT_F_OVERLAY */
    bool privileged;  /* open the trees here; otherwise the sandbox opens them by path */
    const char
        *cwd; /* also shown when it lies below a directory that is covered, such as /tmp; or NULL */
};

/* Gives every copy-on-write mount of the spec its layer of a kept sandbox. */
int hostroot_keep_layers(struct sandbox_spec *s, struct kept *k, bool privileged, struct fail *f)
    must_check;

int hostroot_add_mounts(struct sandbox_spec *s, const struct hostroot *h, struct fail *f)
    must_check;
