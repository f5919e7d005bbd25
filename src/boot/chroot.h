/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The minimal root: a tmpfs of our own with /proc and /sentry in it, all read-only, and nothing of
 * the host's tree behind it. Made by the sandbox process itself, alone in its mount namespace; the
 * steps are those of "Confinement" in docs/ARCHITECTURE.md.
 */
#pragma once

#include "base/util.h"
#include "boot/handoff.h"
#include "rpc/fail.h"
#include "rpc/spec.h"

/* What must be open before the temporary directory is covered (step 0). */
struct chroot_inputs {
    int self_tree; /* detached tree of our own executable file, or -1: it cannot be put at /sentry
                    */
    int self_file; /* the same file, open for reading */
};

#define CHROOT_INPUTS_NONE               \
    {                                    \
        .self_tree = -1, .self_file = -1 \
    }

/* Step 0: our own binary and, without a tree of its own, what the spec names by path. */
int chroot_open_inputs(struct sandbox_spec *s, struct chroot_inputs *ret, struct fail *f)
    must_check;
/*
 * Steps 1 to 8. On success the root is the new one, the working directory is "/", and the trees of
 * the spec are finished (boot/trees.h). ret: how /proc was made.
 */
int chroot_enter(struct sandbox_spec *s, const struct chroot_inputs *in, enum proc_mode *ret,
                 struct fail *f) must_check;
