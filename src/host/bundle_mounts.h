/* SPDX-License-Identifier: Apache-2.0 */
/* The root, the mounts and the devices of a bundle's config.json, as parts of a spec. */
#pragma once

#include "base/util.h"
#include "host/bundle.h"
#include "rpc/fail.h"
#include "rpc/spec.h"

/* root, mounts in their order, linux.readonlyPaths and maskedPaths on top of them. */
int bundle_add_mounts(const struct bundle *b, struct sandbox_spec *s, struct fail *f) must_check;
/* linux.devices */
int bundle_add_devices(const struct bundle *b, struct sandbox_spec *s, struct fail *f) must_check;
