/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The limits of a container: the resources of the OCI specification that a cgroup has a file for.
 * What cannot be honoured is an error that names it, never dropped.
 */
#pragma once

#include <stdbool.h>

#include "base/util.h"
#include "host/state.h"
#include "oci/resources.h"
#include "rpc/fail.h"

/* Reads LinuxResources as JSON; path "-" is standard input. */
int limits_read(const char *path, struct limits *l, struct fail *f) must_check;
/* Whether anything is set besides the number of tasks, which the sandbox counts itself. */
bool limits_need_cgroup(const struct limits *l);
/* Those of config.json, into a new group. */
int limits_begin(const char *cgroup, const struct limits *l, struct fail *f) must_check;
/* Of a running container; c is locked for change, and not stopped. */
int limits_apply(const struct container *c, const struct limits *l, struct fail *f) must_check;
