/* SPDX-License-Identifier: Apache-2.0 */
/* state.json, and the state as the OCI specification wants to read it. */
#pragma once

#include <stddef.h>

#include "base/util.h"
#include "host/state.h"
#include "rpc/fail.h"

int state_file_format(const struct container *c, char **ret) must_check;
/* Text with a NUL behind its len bytes. Fills what it says into *c; c->id must be set and agree. */
int state_file_parse(const char *text, size_t len, struct container *c, struct fail *f) must_check;

/* {"ociVersion", "id", "status", "pid", "bundle", "annotations"}: given to hooks and printed by
 * `state`, which adds rootfs, created and owner as runc does. One line, no newline. */
int state_file_format_oci(const struct container *c, bool extended, char **ret) must_check;
