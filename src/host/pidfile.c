/* SPDX-License-Identifier: Apache-2.0 */
/* --pid-file: see pidfile.h. */
#include "host/pidfile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>

#include "base/cleanup.h"
#include "base/textio.h"

int pid_file_write(const char *path, pid_t pid, struct fail *f)
{
    _cleanup_free_ char *temporary = NULL;
    _cleanup_close_ int fd = -1;
    char text[16];
    int r, n = snprintf(text, sizeof(text), "%d", (int) pid);

    if (asprintf(&temporary, "%s.%d", path, (int) getpid()) < 0)
        return fail(f, ENOMEM, "out of memory");
    fd = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
    r = fd < 0 ? -errno : write_full(fd, text, (size_t) n);
    if (r == 0 && rename(temporary, path) < 0)
        r = -errno;
    if (r < 0) {
        if (fd >= 0)
            (void) unlink(temporary);
        return fail_errno(f, -r, "writing the pid file %s", path);
    }
    return 0;
}
