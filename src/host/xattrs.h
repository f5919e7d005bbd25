/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Extended attributes that a file carries from a kept sandbox to the host and back: `user.*` but
 * our own, access lists and file capabilities. Labels of the host's security modules stay the
 * host's.
 */
#pragma once

#include <stdbool.h>

#include "base/util.h"

/* Whether the two differ in them. Descriptors that can be read. */
int xattrs_differ(int a, int b, bool *ret) must_check;
/* Makes those of `to` the same as those of `from`; capabilities only if asked for. */
int xattrs_copy(int from, int to, bool capabilities) must_check;
/* Whether it carries file capabilities. */
bool xattrs_capable(int fd);
