/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From a bundle to a sandbox: the config's values become a sandbox_spec, id maps and a cgroup, or
 * an error that names the property that this host or this runtime cannot honour.
 */
#pragma once

#include "base/util.h"
#include "host/cgroup.h"
#include "host/idmap.h"
#include "host/network.h"
#include "oci/config.h"
#include "rpc/fail.h"
#include "rpc/spec.h"

struct bundle {
    char *dir;    /* absolute */
    char *rootfs; /* absolute, without links */
    char *cgroup; /* below the hierarchies, or NULL: none wanted or (rootless, without limits) none
                     possible */
    struct oci_config *config;
    struct idmap ids;
    struct network_choice network;
    bool privileged;
};

#define BUNDLE_NONE            \
    {                          \
        .network = {.fd = -1 } \
    }

/* Reads and checks; nothing is opened for the sandbox yet but the namespace it joins. network:
 * what --network says, or NULL. */
int bundle_load(const char *dir, const char *id, const char *network, struct bundle *ret,
                struct fail *f) must_check;
void bundle_free(struct bundle *b);

/* Ranges of the config as those of a map. `what` is the property, for messages. */
int bundle_copy_ranges(const struct oci_id_mapping *m, size_t n, const char *what,
                       struct id_range *to, size_t *ret_n, struct fail *f) must_check;

/* The spec with its trees opened; takes the process description out of the config. */
int bundle_make_spec(struct bundle *b, const char *id, struct sandbox_spec **ret, struct fail *f)
    must_check;
