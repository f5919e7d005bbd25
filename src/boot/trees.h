/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The mount trees of the container: detached, the only way to a file. Real root's come in from the
 * host side; a plain user's are opened here, in our own mount namespace, in two steps, because the
 * paths must be opened before the temporary directory is covered and the covering of the host's
 * kernel file systems needs a place to do it:
 *
 *   trees_open()    step 0: clones what must be opened by path
 *   trees_finish()  inside the new tmpfs: covers proc, sys, dev and their like in recursive clones,
 *                   restricts every tree, makes the tmpfs mounts
 */
#pragma once

#include "base/util.h"
#include "rpc/fail.h"
#include "rpc/spec.h"

/* Where the trees stand is written into s->mounts[].tree_fd (CLOEXEC). */
int trees_open(struct sandbox_spec *s, struct fail *f) must_check;
/* work: an empty, writable directory below which mounts may be made for a moment; left empty. */
int trees_finish(struct sandbox_spec *s, const char *work, struct fail *f) must_check;

/* A tmpfs of our own with m's size, mode and data, not attached anywhere. attributes:
 * MOUNT_ATTR_*. */
int trees_make_tmpfs(const struct mount_spec *m, uint32_t attributes, int *ret_fd, struct fail *f)
    must_check;
