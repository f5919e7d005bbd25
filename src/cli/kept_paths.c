/* SPDX-License-Identifier: Apache-2.0 */
/* PATH arguments: see kept_paths.h. */
#include "cli/kept_paths.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "host/path.h"

static int read_one(const char *arg, char **ret, struct fail *f)
{
    _cleanup_free_ char *here = arg[0] == '/' ? NULL : getcwd(NULL, 0);
    _cleanup_free_ char *joined = NULL;
    int r;

    if (arg[0] != '/' && (!here || asprintf(&joined, "%s/%s", here, arg) < 0))
        return fail_errno(f, errno, "making the path %s absolute", arg);
    r = path_normalise(joined ? joined : arg, ret);
    if (r == -EINVAL)
        return fail(f, EINVAL, "the path %s has a \"..\"", arg);
    return r < 0 ? fail(f, ENOMEM, "out of memory") : 0;
}

int kept_paths_read(char *const *argv, struct kept_paths *ret, struct fail *f)
{
    size_t n = 0;
    int r = 0;

    while (argv[n])
        n++;
    ret->v = calloc(n + 1, sizeof(*ret->v));
    if (!ret->v)
        return fail(f, ENOMEM, "out of memory");
    for (size_t i = 0; i < n && r == 0; i++) {
        r = read_one(argv[i], &ret->v[i], f);
        ret->n += r == 0;
    }
    return r;
}

void kept_paths_free(struct kept_paths *p)
{
    for (size_t i = 0; i < p->n; i++)
        free(p->v[i]);
    free(p->v);
    *p = (struct kept_paths){0};
}
