/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Filling a sandbox_spec: small owning setters over plain malloc'ed memory, so that whatever was
 * added is released by sandbox_spec_free(). Descriptors in the spec are not owned by it: they are
 * closed by spec_close_trees() or with the process.
 */
#pragma once

#include <stdbool.h>

#include "base/util.h"
#include "rpc/fail.h"
#include "rpc/spec.h"

/* An empty spec: no descriptors, umask 022, no capabilities. NULL when out of memory. */
struct sandbox_spec *spec_new(void);

/* Appends a mount; `source` may be NULL. -ENOMEM. The pointer is valid until the next addition. */
int spec_add_mount(struct sandbox_spec *s, enum mount_kind kind, const char *dest,
                   const char *source, uint32_t flags, struct mount_spec **ret) must_check;

/* Copies a NULL-terminated vector; n < 0 counts it. */
int spec_copy_strv(char *const *v, long n, char ***ret) must_check;
/* Adds or replaces K=V in an owned vector. */
int spec_setenv(char ***env, const char *assignment) must_check;
/* The value of `name` in the vector, or NULL. */
const char *spec_getenv(char *const *env, const char *name);

/* The caller's ids and supplementary groups. */
int spec_set_caller_ids(struct sandbox_spec *s) must_check;

/* The signals that the caller ignores, as nohup(1) does: its program would inherit that. */
void spec_set_caller_signals(struct sandbox_spec *s);

/* Closes the trees our process opened for it. Only before sandbox_clone() renumbers them. */
void spec_close_trees(struct sandbox_spec *s);
