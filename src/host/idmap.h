/* SPDX-License-Identifier: Apache-2.0 */
/*
 * User and group id maps of the sandbox's user namespace; source: user_namespaces(7).
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/util.h"
#include "rpc/fail.h"

struct id_range {
    uint32_t inside, outside, count;
};

#define IDMAP_MAX_RANGES 64

struct idmap {
    struct id_range uid[IDMAP_MAX_RANGES], gid[IDMAP_MAX_RANGES];
    size_t n_uid, n_gid;
};

/* Real root: every id is itself. */
void idmap_identity(struct idmap *m);
/* A plain user: the caller's own ids, seen inside as these. */
void idmap_single(struct idmap *m, uint32_t inside_uid, uint32_t inside_gid);

/*
 * Writes the maps of a fresh user namespace. Without privilege only one range of the caller's own
 * id can be written by the kernel's rules, and setgroups is denied first; several ranges then go
 * through newuidmap and newgidmap, which know /etc/subuid.
 */
int idmap_write(const struct idmap *m, pid_t pid, bool privileged, struct fail *f) must_check;
