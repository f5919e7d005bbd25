/* SPDX-License-Identifier: Apache-2.0 */
/* Files of the host's /sys/devices/system: see machine.h. */
#include "fs/sys/machine.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "kernel/host_facts.h"
#include "kernel/kernel.h"

#define MAX_PATH 128
#define MAX_TEXT (64u << 10)

static int tree(const struct kernel *k)
{
    return k->host ? k->host->machine_fd : -1;
}

int machine_text(const struct kernel *k, struct strbuf *out, const char *fmt, ...)
{
    char path[MAX_PATH], piece[4096];
    va_list ap;

    va_start(ap, fmt);
    int n = vsnprintf(path, sizeof(path), fmt, ap);
    va_end(ap);
    if (tree(k) < 0 || n < 0 || n >= MAX_PATH)
        return -ENOENT;
    _cleanup_close_ int fd = openat(tree(k), path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return -ENOENT;
    for (size_t done = 0; done < MAX_TEXT;) {
        ssize_t got = read(fd, piece, sizeof(piece));
        if (got <= 0)
            return got < 0 && done == 0 ? -ENOENT : 0;
        sb_addn(out, piece, (size_t) got);
        done += (size_t) got;
    }
    return 0;
}

bool machine_has(const struct kernel *k, const char *fmt, ...)
{
    char path[MAX_PATH];
    struct stat st;
    va_list ap;

    va_start(ap, fmt);
    int n = vsnprintf(path, sizeof(path), fmt, ap);
    va_end(ap);
    return tree(k) >= 0 && n > 0 && n < MAX_PATH &&
           fstatat(tree(k), path, &st, AT_SYMLINK_NOFOLLOW) == 0;
}
