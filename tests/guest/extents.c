/* SPDX-License-Identifier: Apache-2.0 */
/* What of a file takes room: fallocate(2), lseek(2) to data and holes, truncation, copies. */
#include "guest.h"
#include <limits.h>
#include <linux/falloc.h>
#include <sys/resource.h>
#include <sys/sendfile.h>
#include <sys/socket.h>

#define PAGE 4096

static int fresh(void)
{
    return (int) CHECK_OK(open("f", O_CREAT | O_RDWR | O_TRUNC, 0644));
}

static struct stat now(int fd)
{
    struct stat st;
    CHECK_EQ(fstat(fd, &st), 0);
    return st;
}

CASE(allocation_grows_or_not)
{
    int fd = fresh();
    CHECK_EQ(fallocate(fd, 0, 0, 10000), 0);
    CHECK_EQ(now(fd).st_size, 10000);
    CHECK(now(fd).st_blocks >= 20);
    CHECK_EQ(fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, 100000), 0);
    CHECK_EQ(now(fd).st_size, 10000);
    CHECK_EQ(fallocate(fd, 0, 0, 5000), 0);
    CHECK_EQ(now(fd).st_size, 10000);
    CHECK_EQ(ftruncate(fd, 0), 0);
    CHECK_EQ(now(fd).st_blocks, 0);
}

CASE(punching)
{
    char buf[3 * PAGE];
    int fd = fresh();
    memset(buf, 'x', sizeof(buf));
    CHECK_EQ(write(fd, buf, sizeof(buf)), sizeof(buf));
    CHECK_EQ(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, PAGE, PAGE), 0);
    CHECK_EQ(now(fd).st_size, 3 * PAGE);
    CHECK_EQ(now(fd).st_blocks, 16);
    CHECK_EQ(pread(fd, buf, sizeof(buf), 0), sizeof(buf));
    CHECK_EQ(buf[PAGE - 1], 'x');
    CHECK_EQ(buf[PAGE], 0);
    CHECK_EQ(buf[2 * PAGE - 1], 0);
    CHECK_EQ(buf[2 * PAGE], 'x');
    CHECK_EQ(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 10 * PAGE, PAGE), 0);
    CHECK_EQ(now(fd).st_size, 3 * PAGE);
    CHECK_ERR(fallocate(fd, FALLOC_FL_PUNCH_HOLE, 0, PAGE), EOPNOTSUPP);
}

CASE(ranges_of_other_kinds)
{
    int fd = fresh();
    CHECK_EQ(ftruncate(fd, 4 * PAGE), 0);
    /* tmpfs has none of them. */
    CHECK_ERR(fallocate(fd, FALLOC_FL_COLLAPSE_RANGE, 0, PAGE), EOPNOTSUPP);
    CHECK_ERR(fallocate(fd, FALLOC_FL_INSERT_RANGE, 0, PAGE), EOPNOTSUPP);
    CHECK_ERR(fallocate(fd, FALLOC_FL_ZERO_RANGE, 0, PAGE), EOPNOTSUPP);
    CHECK_ERR(fallocate(fd, FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE, 0, PAGE), EOPNOTSUPP);
    CHECK_ERR(fallocate(fd, FALLOC_FL_COLLAPSE_RANGE | FALLOC_FL_KEEP_SIZE, 0, PAGE), EOPNOTSUPP);
    CHECK_ERR(fallocate(fd, 0x80, 0, PAGE), EOPNOTSUPP);
    CHECK_ERR(fallocate(fd, 0x40, 0, PAGE), EOPNOTSUPP);
}

CASE(allocation_errors)
{
    int fd = fresh(), rd = (int) CHECK_OK(open("f", O_RDONLY)), p[2], s[2];
    int d = (int) CHECK_OK(open(".", O_RDONLY));
    CHECK_EQ(pipe(p), 0);
    CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, s), 0);
    CHECK_ERR(fallocate(fd, 0, -1, 1), EINVAL);
    CHECK_ERR(fallocate(fd, 0, 0, 0), EINVAL);
    CHECK_ERR(fallocate(fd, 0, 0, -1), EINVAL);
    CHECK_ERR(fallocate(fd, 0, INT64_MAX, 1), EFBIG);
    CHECK_ERR(fallocate(rd, 0, 0, 1), EBADF);
    CHECK_ERR(fallocate(d, 0, 0, 1), EBADF);
    CHECK_ERR(fallocate(p[1], 0, 0, 1), ESPIPE);
    CHECK_ERR(fallocate(p[0], 0, 0, 1), EBADF);
    CHECK_ERR(fallocate(s[0], 0, 0, 1), ENODEV);
    CHECK_ERR(fallocate(999, 0, 0, 1), EBADF);
    int null = (int) CHECK_OK(open("/dev/null", O_WRONLY));
    CHECK_ERR(fallocate(null, 0, 0, 1), ENODEV);
}

CASE(data_and_holes)
{
    int fd = fresh();
    CHECK_EQ(ftruncate(fd, 10 * PAGE), 0);
    CHECK_EQ(pwrite(fd, "x", 1, 2 * PAGE), 1);
    CHECK_EQ(pwrite(fd, "x", 1, 5 * PAGE), 1);
    CHECK_EQ(lseek(fd, 0, SEEK_DATA), 2 * PAGE);
    CHECK_EQ(lseek(fd, 0, SEEK_CUR), 2 * PAGE);
    CHECK_EQ(lseek(fd, 2 * PAGE + 100, SEEK_DATA), 2 * PAGE + 100);
    CHECK_EQ(lseek(fd, 2 * PAGE, SEEK_HOLE), 3 * PAGE);
    CHECK_EQ(lseek(fd, 0, SEEK_HOLE), 0);
    CHECK_EQ(lseek(fd, 3 * PAGE, SEEK_DATA), 5 * PAGE);
    CHECK_EQ(lseek(fd, 5 * PAGE, SEEK_HOLE), 6 * PAGE);
    CHECK_ERR(lseek(fd, 6 * PAGE, SEEK_DATA), ENXIO);
    CHECK_ERR(lseek(fd, 10 * PAGE, SEEK_DATA), ENXIO);
    CHECK_ERR(lseek(fd, 10 * PAGE, SEEK_HOLE), ENXIO);
    CHECK_EQ(lseek(fd, 9 * PAGE, SEEK_HOLE), 9 * PAGE);
    CHECK_ERR(lseek(fd, -1, SEEK_DATA), ENXIO);
}

CASE(seeking)
{
    int fd = fresh(), p[2], d = (int) CHECK_OK(open(".", O_RDONLY));
    CHECK_EQ(pipe(p), 0);
    CHECK_EQ(write(fd, "0123456789", 10), 10);
    CHECK_EQ(lseek(fd, -3, SEEK_END), 7);
    CHECK_EQ(lseek(fd, -7, SEEK_CUR), 0);
    CHECK_ERR(lseek(fd, -1, SEEK_CUR), EINVAL);
    CHECK_ERR(lseek(fd, -1, SEEK_SET), EINVAL);
    CHECK_ERR(lseek(fd, -11, SEEK_END), EINVAL);
    CHECK_ERR(lseek(fd, 0, 5), EINVAL);
    CHECK_ERR(lseek(fd, 0, -1), EINVAL);
    CHECK_EQ(lseek(fd, 0, SEEK_CUR), 0);
    CHECK_EQ(lseek(fd, 1 << 20, SEEK_SET), 1 << 20);
    CHECK_EQ(read(fd, (char[4]){0}, 4), 0);
    CHECK_ERR(lseek(p[0], 0, SEEK_CUR), ESPIPE);
    CHECK_ERR(lseek(999, 0, SEEK_CUR), EBADF);
    CHECK_EQ(lseek(fd, INT64_MAX, SEEK_SET), INT64_MAX);
    CHECK_ERR(lseek(fd, 1, SEEK_CUR), EINVAL);
    CHECK_EQ(lseek(d, 0, SEEK_SET), 0);
    CHECK_ERR(lseek(d, -1, SEEK_SET), EINVAL);
}

CASE(truncation)
{
    char buf[8];
    int fd = fresh(), rd = (int) CHECK_OK(open("f", O_RDONLY)), p[2];
    CHECK_EQ(write(fd, "abcdef", 6), 6);
    CHECK_EQ(ftruncate(fd, 3), 0);
    CHECK_EQ(ftruncate(fd, 6), 0);
    CHECK_EQ(pread(fd, buf, 8, 0), 6);
    CHECK_MEM(buf, "abc\0\0", 6);
    CHECK_EQ(lseek(fd, 0, SEEK_CUR), 6);
    CHECK_ERR(ftruncate(rd, 0), EINVAL);
    CHECK_ERR(ftruncate(999, 0), EBADF);
    CHECK_EQ(pipe(p), 0);
    CHECK_ERR(ftruncate(p[1], 0), EINVAL);
    CHECK_ERR(truncate(".", 0), EISDIR);
    CHECK_ERR(truncate("missing", 0), ENOENT);
    CHECK_ERR(truncate("f/x", 0), ENOTDIR);
    CHECK_ERR(truncate("/dev/null", 0), EINVAL);
    CHECK_EQ(mkfifo("p", 0600), 0);
    CHECK_ERR(truncate("p", 0), EINVAL);
    CHECK_EQ(symlink("f", "ln"), 0);
    CHECK_EQ(truncate("ln", 1), 0);
    CHECK_EQ(now(fd).st_size, 1);
}

CASE(truncation_by_others)
{
    put_file("f", "abc", 0644);
    put_file("w", "abc", 0666);
    CHECK_EQ(chmod(".", 0755), 0);
    CHECK_EQ(setuid(1000), 0);
    CHECK_ERR(truncate("f", 0), EACCES);
    CHECK_EQ(truncate("w", 0), 0);
}

/* ---- copies ---- */

static ssize_t copy(int in, off_t *from, int out, off_t *to, size_t n, unsigned flags)
{
    return syscall(SYS_copy_file_range, in, from, out, to, n, flags);
}

CASE(copy_errors)
{
    int fd = fresh(), g = (int) CHECK_OK(open("g", O_CREAT | O_RDWR, 0600)), p[2];
    int rd = (int) CHECK_OK(open("g", O_RDONLY)), wr = (int) CHECK_OK(open("f", O_WRONLY));
    int ap = (int) CHECK_OK(open("g", O_WRONLY | O_APPEND)),
        d = (int) CHECK_OK(open(".", O_RDONLY));
    off_t a = 0, b = 0, neg = -1, max = INT64_MAX;
    CHECK_EQ(pipe(p), 0);
    CHECK_EQ(write(fd, "0123456789", 10), 10);
    CHECK_ERR(copy(fd, &a, g, &b, 10, 1), EINVAL);
    CHECK_ERR(copy(fd, &a, rd, &b, 10, 0), EBADF);
    CHECK_ERR(copy(wr, &a, g, &b, 10, 0), EBADF);
    CHECK_ERR(copy(fd, &a, ap, &b, 10, 0), EBADF);
    CHECK_ERR(copy(d, &a, g, &b, 10, 0), EISDIR);
    CHECK_ERR(copy(fd, &a, d, &b, 10, 0), EISDIR);
    CHECK_ERR(copy(p[0], NULL, g, &b, 10, 0), EINVAL);
    CHECK_ERR(copy(fd, &a, p[1], NULL, 10, 0), EINVAL);
    CHECK_ERR(copy(999, &a, g, &b, 10, 0), EBADF);
    CHECK_ERR(copy(fd, &a, 999, &b, 10, 0), EBADF);
    CHECK_ERR(copy(fd, &neg, g, &b, 10, 0), EOVERFLOW);
    CHECK_EQ(copy(fd, &max, g, &b, 10, 0), 0);
    CHECK_ERR(copy(fd, &a, g, &max, 10, 0), EFBIG);
    CHECK_ERR(copy(fd, (off_t *) 8, g, &b, 10, 0), EFAULT);
    CHECK_ERR(copy(fd, &a, fd, &(off_t){5}, 10, 0), EINVAL);
    CHECK_EQ(copy(fd, &(off_t){0}, fd, &(off_t){20}, 10, 0), 10);
    CHECK_EQ(copy(fd, &(off_t){1000}, g, &b, 10, 0), 0);
    CHECK_EQ(copy(fd, &a, g, &b, 0, 0), 0);
    CHECK_EQ(a, 0);
}

CASE(copies_move_what_was_asked)
{
    char buf[16];
    int fd = fresh(), g = (int) CHECK_OK(open("g", O_CREAT | O_RDWR, 0600));
    off_t a = 2;
    CHECK_EQ(write(fd, "0123456789", 10), 10);
    CHECK_EQ(lseek(fd, 1, SEEK_SET), 1);
    CHECK_EQ(copy(fd, &a, g, NULL, 4, 0), 4);
    CHECK_EQ(a, 6);
    CHECK_EQ(lseek(fd, 0, SEEK_CUR), 1);
    CHECK_EQ(lseek(g, 0, SEEK_CUR), 4);
    CHECK_EQ(copy(fd, NULL, g, NULL, 100, 0), 9);
    CHECK_EQ(lseek(fd, 0, SEEK_CUR), 10);
    CHECK_EQ(pread(g, buf, 16, 0), 13);
    CHECK_MEM(buf, "2345123456789", 13);
}

CASE(sendfile_errors)
{
    int fd = fresh(), g = (int) CHECK_OK(open("g", O_CREAT | O_RDWR, 0600)), p[2];
    int rd = (int) CHECK_OK(open("g", O_RDONLY)), wr = (int) CHECK_OK(open("f", O_WRONLY));
    int ap = (int) CHECK_OK(open("g", O_WRONLY | O_APPEND)),
        d = (int) CHECK_OK(open(".", O_RDONLY));
    off_t off = 0;
    CHECK_EQ(pipe(p), 0);
    CHECK_EQ(write(fd, "0123456789", 10), 10);
    CHECK_ERR(sendfile(rd, fd, &off, 4), EBADF);
    CHECK_ERR(sendfile(g, wr, &off, 4), EBADF);
    CHECK_ERR(sendfile(ap, fd, &off, 4), EINVAL);
    CHECK_ERR(sendfile(999, fd, &off, 4), EBADF);
    CHECK_ERR(sendfile(g, 999, &off, 4), EBADF);
    CHECK_ERR(sendfile(g, d, &off, 4), EINVAL);
    CHECK_ERR(sendfile(d, fd, &off, 4), EBADF);
    CHECK_ERR(sendfile(g, p[0], &off, 4), ESPIPE);
    CHECK_ERR(sendfile(g, p[0], NULL, 0), EINVAL);
    off = -1;
    CHECK_ERR(sendfile(g, fd, &off, 4), EINVAL);
    CHECK_ERR(sendfile(g, fd, (off_t *) 8, 4), EFAULT);
    off = 8;
    CHECK_EQ(sendfile(g, fd, &off, 40), 2);
    CHECK_EQ(off, 10);
    CHECK_EQ(sendfile(g, fd, &off, 40), 0);
    CHECK_EQ(sendfile(p[1], fd, &(off_t){0}, 10), 10);
}

GUEST_MAIN
