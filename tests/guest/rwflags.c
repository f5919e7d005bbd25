/* SPDX-License-Identifier: Apache-2.0 */
/* preadv2(2), pwritev2(2): the flags of one transfer; the limits of vectors. */
#include "guest.h"
#include <limits.h>
#include <sys/uio.h>

#ifndef RWF_APPEND
#define RWF_APPEND 0x10
#endif
#ifndef RWF_NOAPPEND
#define RWF_NOAPPEND 0x20
#endif

static int fresh(int flags)
{
    int fd = (int) CHECK_OK(open("f", O_CREAT | O_RDWR | O_TRUNC | flags, 0644));
    CHECK_EQ(write(fd, "0123456789", 10), 10);
    return fd;
}

static ssize_t put(int fd, const char *text, off_t pos, int flags)
{
    struct iovec v = {(char *) (uintptr_t) text, strlen(text)};
    return pwritev2(fd, &v, 1, pos, flags);
}

static ssize_t get(int fd, char *buf, size_t n, off_t pos, int flags)
{
    struct iovec v = {buf, n};
    return preadv2(fd, &v, 1, pos, flags);
}

static void expect(const char *text)
{
    char buf[128];
    get_file("f", buf, sizeof(buf));
    CHECK_STR(buf, text);
}

CASE(append_one_write)
{
    int fd = fresh(0);
    CHECK_EQ(lseek(fd, 2, SEEK_SET), 2);
    CHECK_EQ(put(fd, "AB", 0, RWF_APPEND), 2);
    expect("0123456789AB");
    CHECK_EQ(lseek(fd, 0, SEEK_CUR), 2);
    CHECK_EQ(put(fd, "CD", -1, RWF_APPEND), 2);
    expect("0123456789ABCD");
    CHECK_EQ(lseek(fd, 0, SEEK_CUR), 14);
    CHECK_EQ(put(fd, "x", 0, 0), 1);
    expect("x123456789ABCD");
}

CASE(do_not_append_one_write)
{
    int fd = fresh(O_APPEND);
    CHECK_EQ(put(fd, "AB", 0, 0), 2);
    expect("0123456789AB");
    CHECK_EQ(put(fd, "xy", 1, RWF_NOAPPEND), 2);
    expect("0xy3456789AB");
    CHECK_ERR(put(fd, "xy", 1, RWF_NOAPPEND | RWF_APPEND), EINVAL);
    CHECK_EQ(lseek(fd, 4, SEEK_SET), 4);
    CHECK_EQ(put(fd, "z", -1, RWF_NOAPPEND), 1);
    expect("0xy3z56789AB");
}

CASE(synchronous_one_write)
{
    int fd = fresh(0);
    CHECK_EQ(put(fd, "AB", 0, RWF_DSYNC), 2);
    CHECK_EQ(put(fd, "CD", 2, RWF_SYNC), 2);
    CHECK_EQ(put(fd, "EF", 4, RWF_SYNC | RWF_DSYNC | RWF_HIPRI), 2);
    expect("ABCDEF6789");
    int p[2];
    CHECK_EQ(pipe(p), 0);
    CHECK_EQ(put(p[1], "AB", -1, RWF_DSYNC), 2);
}

CASE(read_without_waiting)
{
    char buf[16];
    int fd = fresh(0), p[2];
    errno = 0; /* tmpfs does not know it, other file systems do */
    ssize_t n = get(fd, buf, 10, 0, RWF_NOWAIT);
    CHECK(n == 10 || (n == -1 && errno == EOPNOTSUPP));
    CHECK_EQ(pipe(p), 0);
    CHECK_ERR(get(p[0], buf, 4, -1, RWF_NOWAIT), EAGAIN);
    CHECK_EQ(write(p[1], "ab", 2), 2);
    CHECK_EQ(get(p[0], buf, 4, -1, RWF_NOWAIT), 2);
}

CASE(write_without_waiting)
{
    int fd = fresh(0);
    errno = 0;
    ssize_t n = put(fd, "AB", 0, RWF_NOWAIT);
    CHECK(n == 2 || (n == -1 && (errno == EAGAIN || errno == EOPNOTSUPP)));
}

CASE(flags_nobody_knows)
{
    char buf[4];
    int fd = fresh(0);
    CHECK_ERR(get(fd, buf, 4, 0, 0x1000), EOPNOTSUPP);
    CHECK_ERR(put(fd, "x", 0, 0x1000), EOPNOTSUPP);
    CHECK_ERR(get(fd, buf, 4, -2, 0), EINVAL);
    CHECK_ERR(put(fd, "x", -2, 0), EINVAL);
    CHECK_EQ(get(fd, buf, 4, 0, RWF_HIPRI), 4);
    CHECK_ERR(get(999, buf, 4, 0, 0), EBADF);
}

CASE(pipes_have_no_positions)
{
    char buf[4];
    int p[2];
    CHECK_EQ(pipe(p), 0);
    CHECK_ERR(get(p[0], buf, 4, 0, 0), ESPIPE);
    CHECK_ERR(put(p[1], "x", 0, 0), ESPIPE);
    CHECK_ERR(pread(p[0], buf, 4, 0), ESPIPE);
    CHECK_ERR(pwrite(p[1], buf, 4, 0), ESPIPE);
    CHECK_ERR(preadv(p[0], &(struct iovec){buf, 4}, 1, 0), ESPIPE);
}

CASE(lengths_of_vectors)
{
    static struct iovec v[IOV_MAX + 1];
    char byte = 'x';
    int fd = fresh(0);
    for (int i = 0; i <= IOV_MAX; i++)
        v[i] = (struct iovec){&byte, 1};
    CHECK_EQ(writev(fd, v, IOV_MAX), IOV_MAX);
    CHECK_ERR(writev(fd, v, IOV_MAX + 1), EINVAL);
    CHECK_ERR(readv(fd, v, IOV_MAX + 1), EINVAL);
    CHECK_ERR(readv(fd, v, -1), EINVAL);
    CHECK_EQ(readv(fd, v, 0), 0);
    CHECK_EQ(writev(fd, NULL, 0), 0);
    CHECK_ERR(readv(fd, (void *) 8, 1), EFAULT);
    v[0].iov_len = (size_t) -1;
    CHECK_ERR(writev(fd, v, 2), EINVAL);
    CHECK_ERR(readv(fd, v, 2), EINVAL);
    CHECK_EQ(lseek(fd, 0, SEEK_SET), 0);
}

CASE(modes_of_opening)
{
    char b = 0;
    put_file("g", "x", 0600);
    int rd = (int) CHECK_OK(open("g", O_RDONLY)), wr = (int) CHECK_OK(open("g", O_WRONLY));
    int d = (int) CHECK_OK(open(".", O_RDONLY));
    CHECK_ERR(write(rd, &b, 1), EBADF);
    CHECK_ERR(read(wr, &b, 1), EBADF);
    CHECK_ERR(pwrite(rd, &b, 1, 0), EBADF);
    CHECK_ERR(pread(wr, &b, 1, 0), EBADF);
    CHECK_ERR(read(d, &b, 1), EISDIR);
    CHECK_ERR(pread(d, &b, 1, 0), EISDIR);
    CHECK_ERR(write(d, &b, 1), EBADF);
    CHECK_ERR(read(d, &b, 0), EISDIR);
    CHECK_EQ(write(wr, NULL, 0), 0);
    CHECK_EQ(read(rd, NULL, 0), 0);
    CHECK_ERR(pread(rd, &b, 1, -1), EINVAL);
    CHECK_ERR(pwrite(wr, &b, 1, -1), EINVAL);
    CHECK_EQ(pread(rd, &b, 1, INT64_MAX - 1), 0);
}

CASE(past_the_largest_offset)
{
    int fd = fresh(0);
    char b[16] = "x";
    errno = 0;
    ssize_t n = pwrite(fd, b, 16, INT64_MAX - 8);
    CHECK(n == -1 && (errno == EFBIG || errno == EINVAL));
    CHECK_ERR(ftruncate(fd, -1), EINVAL);
    CHECK_ERR(truncate("f", -1), EINVAL);
}

GUEST_MAIN
