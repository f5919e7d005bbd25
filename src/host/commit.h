/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Taking over to the host what a kept sandbox changed. First the caller selects from the list of
 * changes and looks whether something stands against it; then each selected change is applied for
 * itself: renamed directories, then what was added or changed with directories before what is in
 * them, then what was deleted. What is done leaves the store, so a commit that was interrupted or
 * killed goes on with the next one.
 */
#pragma once

#include <signal.h>
#include <stddef.h>

#include "base/util.h"
#include "host/change.h"
#include "host/store.h"
#include "rpc/fail.h"

/*
 * Marks what is at or below one of the n normalised paths inside (0: all), and the new directories
 * above. -ENOENT with a text when a path has no changes, -EINVAL when it takes half of a renamed
 * directory.
 */
int commit_select(struct changes *c, char *const *paths, size_t n, struct fail *f) must_check;

/*
 * Applies the marked ones. *stop becoming non-zero ends it between two changes with -EINTR; f then
 * says how far it came. *ret_done counts the changes that are on the host, also after a failure.
 */
int commit_apply(struct kept *k, struct changes *c, const volatile sig_atomic_t *stop,
                 size_t *ret_done, struct fail *f) must_check;
