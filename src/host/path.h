/* SPDX-License-Identifier: Apache-2.0 */
/* Paths as text: nothing here looks at a file. */
#pragma once

#include <stdbool.h>

#include "base/util.h"

/* Whether path is dir or below it; both normalised. */
bool path_is_below(const char *path, const char *dir);

/* "/a//b/./c/" becomes "/a/b/c". -EINVAL unless it is absolute and without "..". Caller frees. */
int path_normalise(const char *path, char **ret) must_check;

/* What path_normalise() gives back unchanged: absolute, no empty, "." or ".." components, at most
 * PATH_MAX. For paths that somebody else wrote. */
bool path_is_normal(const char *path);

/* dir + below, either of which may be "/". Caller frees; NULL when out of memory. */
char *path_join(const char *dir, const char *below);
