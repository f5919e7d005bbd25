/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The writable sides of copy-on-write mounts (MOUNT_F_OVERLAY): detached trees beside the ones they
 * change. They are donated (real root), opened by path (a plain user's kept store), or directories
 * of one tmpfs that is made here for all layers that have nothing else.
 */
#pragma once

#include "base/util.h"
#include "rpc/fail.h"
#include "rpc/spec.h"

/* Step 0: clones what must be opened by path. Written into s->mounts[].upper_fd (CLOEXEC). */
int uppers_open(struct sandbox_spec *s, struct fail *f) must_check;
/* Inside the new tmpfs: restricts them, makes the missing ones. work: as in trees_finish(). */
int uppers_finish(struct sandbox_spec *s, const char *work, struct fail *f) must_check;
