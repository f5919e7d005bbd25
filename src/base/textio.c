/* SPDX-License-Identifier: Apache-2.0 */
#include "base/textio.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"

ssize_t read_full(int fd, void *buf, size_t n)
{
    size_t done = 0;
    while (done < n) {
        ssize_t r = read(fd, (char *) buf + done, n - done);
        if (r < 0 && errno == EINTR)
            continue;
        if (r < 0)
            return -errno;
        if (r == 0)
            break;
        done += (size_t) r;
    }
    return (ssize_t) done;
}

int write_full(int fd, const void *buf, size_t n)
{
    size_t done = 0;
    while (done < n) {
        ssize_t r = write(fd, (const char *) buf + done, n - done);
        if (r < 0 && errno == EINTR)
            continue;
        if (r < 0)
            return -errno;
        if (r == 0)
            return -EIO;
        done += (size_t) r;
    }
    return 0;
}

int read_fd_all(int fd, size_t max, char **ret, size_t *ret_len)
{
    size_t len = 0, cap = MIN(max, (size_t) 4096);
    _cleanup_free_ char *buf = NULL;
    if (max >= SIZE_MAX - 2)
        return -EINVAL;
    for (;;) {
        /* One byte more than max, so that a file that is too long shows. */
        char *bigger = realloc(buf, cap + 2);
        if (!bigger)
            return -ENOMEM;
        buf = bigger;
        ssize_t r = read_full(fd, buf + len, cap + 1 - len);
        if (r < 0)
            return (int) r;
        len += (size_t) r;
        if (len <= cap)
            break;
        if (cap >= max)
            return -EFBIG;
        cap = cap > max / 2 ? max : cap * 2;
    }
    buf[len] = '\0';
    *ret = take_ptr(&buf);
    if (ret_len)
        *ret_len = len;
    return 0;
}

int read_file_at(int dirfd, const char *path, size_t max, char **ret, size_t *ret_len)
{
    _cleanup_close_ int fd = openat(dirfd, path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY);
    if (fd < 0)
        return -errno;
    return read_fd_all(fd, max, ret, ret_len);
}

int write_file_at(int dirfd, const char *path, const char *text)
{
    size_t n = strlen(text);
    _cleanup_close_ int fd = openat(dirfd, path, O_WRONLY | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY);
    if (fd < 0)
        return -errno;
    ssize_t r;
    do
        r = write(fd, text, n);
    while (r < 0 && errno == EINTR);
    if (r < 0)
        return -errno;
    return (size_t) r == n ? 0 : -EIO;
}

int write_file_atf(int dirfd, const char *path, const char *fmt, ...)
{
    char *text = NULL;
    va_list ap;
    va_start(ap, fmt);
    int n = vasprintf(&text, fmt, ap);
    va_end(ap);
    if (n < 0)
        return -ENOMEM;
    int r = write_file_at(dirfd, path, text);
    free(text);
    return r;
}
