/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Mounts of config.json in the sandbox's terms. Sources: config.md of the OCI runtime
 * specification, mount(8), tmpfs(5).
 */
#pragma once

#include <stdbool.h>

#include "oci/config.h"

/* What to do for one entry of `mounts`. Release with oci_mount_plan_clear(). */
struct oci_mount_plan {
    struct mount_spec spec; /* kind, flags, size, modes, ids, data; dest and source stay empty */
    /* MOUNT_F_ of this mount and those below it: the recursive attributes ("rro" and its kin), the
     * ones set already being part of spec.flags. */
    uint32_t below_set, below_clear;
    bool inherits;  /* a bind without any flag of its own: as the mount it comes from has them */
    bool recursive; /* rbind */
    bool idmap, idmap_below;
    bool slave; /* mounts made on the host later should be seen */
};

/* `index` is for messages. An option that is not understood is an error with its JSON path. */
int oci_mount_parse(const struct oci_mount *m, size_t index, struct oci_mount_plan *ret,
                    struct fail *f) must_check;
void oci_mount_plan_clear(struct oci_mount_plan *p);

/* Names of all options without a value that are understood, NULL-terminated, for `features`. */
const char *const *oci_mount_option_names(void);
