/* SPDX-License-Identifier: Apache-2.0 */
/* Paths as text: see path.h. */
#include "host/path.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/strbuf.h"

bool path_is_below(const char *path, const char *dir)
{
    size_t n = strlen(dir);

    if (strcmp(dir, "/") == 0)
        return true;
    return strncmp(path, dir, n) == 0 && (path[n] == '/' || path[n] == '\0');
}

int path_normalise(const char *path, char **ret)
{
    _cleanup_sb_ struct strbuf sb = STRBUF_INIT;

    if (path[0] != '/')
        return -EINVAL;
    for (const char *p = path; *p;) {
        size_t n;

        p += strspn(p, "/");
        n = strcspn(p, "/");
        if (n == 2 && strncmp(p, "..", 2) == 0)
            return -EINVAL;
        if (n > 0 && !(n == 1 && *p == '.')) {
            sb_addch(&sb, '/');
            sb_addn(&sb, p, n);
        }
        p += n;
    }
    if (sb.len == 0)
        sb_addch(&sb, '/');
    return sb_take(&sb, ret);
}

bool path_is_normal(const char *path)
{
    _cleanup_free_ char *same = NULL;

    return strnlen(path, PATH_MAX) < PATH_MAX && path_normalise(path, &same) == 0 &&
           strcmp(path, same) == 0;
}

char *path_join(const char *dir, const char *below)
{
    char *path;

    if (strcmp(dir, "/") == 0)
        return strdup(below);
    if (strcmp(below, "/") == 0)
        return strdup(dir);
    return asprintf(&path, "%s%s", dir, below) < 0 ? NULL : path;
}
