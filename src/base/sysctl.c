/* SPDX-License-Identifier: Apache-2.0 */
/* See sysctl.h. */
#include "base/sysctl.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"

#define PREFIX "/proc/sys/"

/* Whichever separator comes first is the one. No part may lead elsewhere. */
static int make_path(const char *name, char *dst, size_t cap)
{
    const size_t n = strlen(name), at = strlen(PREFIX);
    const bool dots = name[strcspn(name, "./")] == '.';

    if (n == 0 || at + n >= cap)
        return -EINVAL;
    memcpy(dst, PREFIX, at);
    for (size_t i = 0; i <= n; i++)
        dst[at + i] = dots && name[i] == '.' ? '/' : dots && name[i] == '/' ? '.' : name[i];
    for (const char *part = dst + at; part;
         part = strchr(part, '/'), part = part ? part + 1 : NULL) {
        const size_t len = strcspn(part, "/");

        if (len == 0 || (len <= 2 && strncmp(part, "..", len) == 0))
            return -EINVAL;
    }
    return 0;
}

bool sysctl_is_net(const char *name)
{
    char path[256];

    return make_path(name, path, sizeof(path)) == 0 &&
           strncmp(path, PREFIX "net/", strlen(PREFIX "net/")) == 0;
}

int sysctl_set(const char *name, const char *value)
{
    char path[256];
    int r = make_path(name, path, sizeof(path));

    if (r < 0)
        return r;
    _cleanup_close_ int fd = open(path, O_WRONLY | O_NOFOLLOW | O_CLOEXEC);
    return fd < 0 || write(fd, value, strlen(value)) < 0 ? -errno : 0;
}

int sysctl_set_all(char *const *assignments, const char **ret_failed)
{
    for (size_t i = 0; assignments && assignments[i]; i++) {
        const char *equals = strchr(assignments[i], '=');
        _cleanup_free_ char *name =
            equals ? strndup(assignments[i], (size_t) (equals - assignments[i])) : NULL;
        int r = name ? sysctl_set(name, equals + 1) : -EINVAL;

        if (r < 0) {
            *ret_failed = assignments[i];
            return r;
        }
    }
    return 0;
}
