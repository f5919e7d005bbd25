/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Removing trees that somebody hostile made: any depth with few descriptors, any mode, never
 * through a link, never onto another file system.
 */
#pragma once

#include "base/util.h"
#include "host/progress.h"
#include "rpc/fail.h"

/* Removes `name` of the directory and all below it; one that is not there is none. f may be NULL.
 */
int rmtree_at(int dirfd, const char *name, struct fail *f) must_check;
/* The same, and shows how far it is. */
int rmtree_at_shown(int dirfd, const char *name, struct progress *p, struct fail *f) must_check;
