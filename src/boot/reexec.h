/* SPDX-License-Identifier: Apache-2.0 */
/* The second beginning: the sandbox process executes itself again, from inside its minimal root. */
#pragma once

#include "base/util.h"
#include "boot/chroot.h"
#include "boot/handoff.h"
#include "boot/inventory.h"
#include "rpc/fail.h"
#include "rpc/spec.h"

/*
 * Writes spec and hand-over into fresh sealed memfds, lets exactly the inventory pass, and executes
 * /sentry (or, where that is refused, a sealed copy in memory) as {"sentry", "run", <number of the
 * hand-over's descriptor>}. Returns only on failure.
 */
int reexec(struct sandbox_spec *s, struct handoff *h, const struct chroot_inputs *in,
           struct fail *f) must_check;

/* The same without the exec, for builds that need their libraries: the number of the hand-over's
 * descriptor. */
int reexec_prepare(struct sandbox_spec *s, const struct handoff *h, int *ret_handoff_fd,
                   struct fail *f) must_check;
