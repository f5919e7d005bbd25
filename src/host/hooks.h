/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Hooks of the OCI specification: programs of the host, run on the host side with the container's
 * state on their standard input. startContainer would have to run inside and is refused at create.
 */
#pragma once

#include "base/util.h"
#include "host/state.h"
#include "oci/config.h"
#include "rpc/fail.h"

/* Runs the hooks of one kind in order. The first that fails or exceeds its timeout ends it. */
int hooks_run(const struct oci_config *c, enum oci_hook_kind kind, const struct container *ct,
              struct fail *f) must_check;
/* For poststart and poststop, where the specification wants failures logged and the rest run. */
void hooks_run_all(const struct oci_config *c, enum oci_hook_kind kind, const struct container *ct);
