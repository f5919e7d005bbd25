/* SPDX-License-Identifier: Apache-2.0 */
/* What a kept sandbox changed, found by comparing its layers with the host. */
#pragma once

#include "base/util.h"
#include "host/change.h"
#include "host/store.h"
#include "rpc/fail.h"

/*
 * Only reads, besides the modes that lock a plain user out of what is its own (host/upper.h). The
 * list is complete or there is none. Free it with changes_free().
 */
int diff_kept(const struct kept *k, struct changes *ret, struct fail *f) must_check;

/* The host's directory that a layer is of, O_PATH: -ENOENT and so on without a text. */
int layer_host_open(const struct kept *k, size_t layer, int *ret_fd) must_check;
/* A directory below it by a normalised path, never through a link. flags: O_PATH or O_RDONLY. */
int layer_host_dir(int base_fd, const char *below, int flags, int *ret_fd) must_check;
