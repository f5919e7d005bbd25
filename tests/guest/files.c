/* SPDX-License-Identifier: Apache-2.0 */
/* Regular files: open(2) and its errors, reading and writing, attributes, locks left to fds.c. */
#include "guest.h"
#include <sys/sendfile.h>
#include <sys/statfs.h>
#include <sys/sysmacros.h>
#include <sys/uio.h>
#include <sys/xattr.h>

static int fresh(int flags)
{
    return (int) CHECK_OK(open("f", O_CREAT | O_RDWR | flags, 0644));
}

CASE(open_errors)
{
    char name[300];
    put_file("f", "x", 0644);
    CHECK_EQ(mkdir("d", 0755), 0);
    CHECK_EQ(symlink("loop", "loop"), 0);
    CHECK_EQ(symlink("f", "ln"), 0);
    CHECK_EQ(symlink("missing", "dangling"), 0);
    memset(name, 'n', sizeof(name));
    name[256] = 0;
    CHECK_ERR(open("missing", O_RDONLY), ENOENT);
    CHECK_ERR(open("", O_RDONLY), ENOENT);
    CHECK_ERR(open("missing/x", O_RDWR | O_CREAT, 0600), ENOENT);
    CHECK_ERR(open("f/x", O_RDONLY), ENOTDIR);
    CHECK_ERR(open("f/", O_RDONLY), ENOTDIR);
    CHECK_ERR(open("d", O_WRONLY), EISDIR);
    CHECK_ERR(open("d", O_RDWR), EISDIR);
    CHECK_ERR(open("d", O_RDONLY | O_CREAT, 0600), EISDIR);
    CHECK_ERR(open("new/", O_RDWR | O_CREAT, 0600), EISDIR);
    CHECK_ERR(open("f", O_RDWR | O_CREAT | O_EXCL, 0600), EEXIST);
    CHECK_ERR(open("ln", O_RDWR | O_CREAT | O_EXCL, 0600), EEXIST);
    CHECK_ERR(open("dangling", O_RDWR | O_CREAT | O_EXCL, 0600), EEXIST);
    CHECK_ERR(open("dangling", O_RDWR), ENOENT);
    CHECK_ERR(open("ln", O_RDONLY | O_NOFOLLOW), ELOOP);
    CHECK_ERR(open("loop", O_RDONLY), ELOOP);
    CHECK_ERR(open("f", O_RDONLY | O_DIRECTORY), ENOTDIR);
    CHECK_ERR(open(name, O_RDONLY), ENAMETOOLONG);
    name[255] = 0;
    CHECK_ERR(open(name, O_RDONLY), ENOENT);
    CHECK_ERR(open((char *) 1, O_RDONLY), EFAULT);
    CHECK_ERR(openat(999, "f", O_RDONLY), EBADF);
    int fd = (int) CHECK_OK(open("f", O_RDONLY));
    CHECK_ERR(openat(fd, "f", O_RDONLY), ENOTDIR);
}

CASE(path_too_long)
{
    char *path = malloc(5000);
    memset(path, '/', 5000);
    strcpy(path + 4095, "");
    CHECK_OK(open(path, O_RDONLY)); /* 4,095 slashes and the NUL: the longest there is */
    strcpy(path + 4095, "/");
    CHECK_ERR(open(path, O_RDONLY), ENAMETOOLONG);
}

CASE(create_through_a_dangling_link)
{
    struct stat st;
    CHECK_EQ(symlink("target", "dangling"), 0);
    CHECK_OK(open("dangling", O_RDWR | O_CREAT, 0600));
    CHECK_EQ(stat("target", &st), 0);
    CHECK_EQ(st.st_mode, S_IFREG | 0600);
}

CASE(mode_and_umask)
{
    struct stat st;
    CHECK_EQ(umask(027), 022);
    CHECK_OK(open("a", O_RDWR | O_CREAT, 0777));
    CHECK_EQ(stat("a", &st), 0);
    CHECK_EQ(st.st_mode, S_IFREG | 0750);
    CHECK_EQ(umask(0), 027);
    CHECK_OK(open("b", O_RDWR | O_CREAT, 0666));
    CHECK_EQ(stat("b", &st), 0);
    CHECK_EQ(st.st_mode, S_IFREG | 0666);
    int fd = (int) CHECK_OK(open("c", O_RDWR | O_CREAT, 0)); /* usable though nobody may open it */
    CHECK_EQ(write(fd, "x", 1), 1);
}

CASE(access_mode_binds)
{
    char c = 'x';
    put_file("f", "abc", 0644);
    int r = (int) CHECK_OK(open("f", O_RDONLY)), w = (int) CHECK_OK(open("f", O_WRONLY));
    CHECK_ERR(write(r, &c, 1), EBADF);
    CHECK_ERR(read(w, &c, 1), EBADF);
    CHECK_ERR(ftruncate(r, 0), EINVAL);
    CHECK_ERR(pread(w, &c, 1, 0), EBADF);
}

CASE(truncate_on_open)
{
    struct stat st;
    put_file("f", "abc", 0644);
    close(CHECK_OK(open("f", O_WRONLY)));
    CHECK_EQ(stat("f", &st), 0);
    CHECK_EQ(st.st_size, 3);
    close(CHECK_OK(open("f", O_WRONLY | O_TRUNC)));
    CHECK_EQ(stat("f", &st), 0);
    CHECK_EQ(st.st_size, 0);
}

CASE(append)
{
    char buf[16];
    put_file("f", "abc", 0644);
    int a = (int) CHECK_OK(open("f", O_RDWR | O_APPEND)),
        b = (int) CHECK_OK(open("f", O_WRONLY | O_APPEND));
    CHECK_EQ(lseek(a, 0, SEEK_SET), 0);
    CHECK_EQ(write(a, "1", 1), 1);
    CHECK_EQ(lseek(a, 0, SEEK_CUR), 4);
    CHECK_EQ(write(b, "2", 1), 1);
    CHECK_EQ(write(a, "3", 1), 1);
    CHECK_EQ(pwrite(a, "4", 1, 0), 1); /* Linux appends here too */
    get_file("f", buf, sizeof(buf));
    CHECK_STR(buf, "abc1234");
}

CASE(read_and_write)
{
    char buf[64] = {0};
    int fd = fresh(O_TRUNC);
    CHECK_EQ(write(fd, "0123456789", 10), 10);
    CHECK_EQ(read(fd, buf, 10), 0);
    CHECK_EQ(lseek(fd, 3, SEEK_SET), 3);
    CHECK_EQ(read(fd, buf, 4), 4);
    CHECK_MEM(buf, "3456", 4);
    CHECK_EQ(pread(fd, buf, 64, 8), 2);
    CHECK_EQ(pread(fd, buf, 64, 100), 0);
    CHECK_EQ(lseek(fd, 0, SEEK_CUR), 7);
    CHECK_EQ(pwrite(fd, "xy", 2, 1), 2);
    CHECK_EQ(lseek(fd, 0, SEEK_CUR), 7);
    CHECK_EQ(pread(fd, buf, 4, 0), 4);
    CHECK_MEM(buf, "0xy3", 4);
    CHECK_ERR(pread(fd, buf, 1, -1), EINVAL);
    CHECK_ERR(pwrite(fd, buf, 1, -1), EINVAL);
    CHECK_EQ(write(fd, buf, 0), 0);
}

CASE(seek)
{
    int fd = fresh(O_TRUNC);
    CHECK_EQ(write(fd, "0123456789", 10), 10);
    CHECK_EQ(lseek(fd, -3, SEEK_END), 7);
    CHECK_EQ(lseek(fd, 2, SEEK_CUR), 9);
    CHECK_EQ(lseek(fd, 1000, SEEK_SET), 1000);
    CHECK_ERR(lseek(fd, -1, SEEK_SET), EINVAL);
    CHECK_ERR(lseek(fd, 0, 99), EINVAL);
    CHECK_EQ(lseek(fd, 0, SEEK_CUR), 1000);
    CHECK_EQ(write(fd, "x", 1), 1);
    CHECK_EQ(lseek(fd, 0, SEEK_END), 1001);
    char c = 1;
    CHECK_EQ(pread(fd, &c, 1, 500), 1);
    CHECK_EQ(c, 0);
    CHECK_EQ(lseek(fd, 0, SEEK_DATA), 0);
    CHECK(lseek(fd, 0, SEEK_HOLE) > 0);
    CHECK_ERR(lseek(fd, 5000, SEEK_DATA), ENXIO);
}

CASE(sparse)
{
    struct stat st;
    char buf[4096], zero[4096] = {0};
    int fd = fresh(O_TRUNC);
    CHECK_EQ(pwrite(fd, "end", 3, 3ll << 30), 3);
    CHECK_EQ(fstat(fd, &st), 0);
    CHECK_EQ(st.st_size, (3ll << 30) + 3);
    CHECK(st.st_blocks < 1000);
    CHECK_EQ(pread(fd, buf, 4096, 1ll << 30), 4096);
    CHECK_MEM(buf, zero, 4096);
}

CASE(vectors)
{
    char a[4] = {0}, b[8] = {0};
    struct iovec w[3] = {{"abc", 3}, {"", 0}, {"defgh", 5}}, r[2] = {{a, 3}, {b, 8}};
    int fd = fresh(O_TRUNC);
    CHECK_EQ(writev(fd, w, 3), 8);
    CHECK_EQ(lseek(fd, 0, SEEK_SET), 0);
    CHECK_EQ(readv(fd, r, 2), 8);
    CHECK_STR(a, "abc");
    CHECK_MEM(b, "defgh", 5);
    CHECK_EQ(preadv(fd, r, 1, 4), 3);
    CHECK_MEM(a, "efg", 3);
    CHECK_EQ(pwritev(fd, w, 1, 1), 3);
    CHECK_EQ(pread(fd, a, 3, 0), 3);
    CHECK_MEM(a, "aab", 3);
    CHECK_ERR(writev(fd, w, 1025), EINVAL);
    CHECK_EQ(writev(fd, w, 0), 0);
    r[1].iov_len = (size_t) -1;
    CHECK_ERR(readv(fd, r, 2), EINVAL);
}

CASE(big_file)
{
    enum { N = 16 << 20 };
    unsigned char *buf = malloc(N), *back = malloc(N);
    for (int i = 0; i < N; i++)
        buf[i] = (unsigned char) (i * 13 + (i >> 16));
    int fd = fresh(O_TRUNC);
    CHECK_EQ(write(fd, buf, N), N);
    CHECK_EQ(lseek(fd, 0, SEEK_SET), 0);
    for (int at = 0; at < N;) {
        ssize_t n = CHECK_OK(read(fd, back + at, 99999));
        CHECK(n > 0);
        at += (int) n;
    }
    CHECK_MEM(back, buf, N);
    CHECK_EQ(fsync(fd), 0);
    CHECK_EQ(fdatasync(fd), 0);
}

CASE(truncation)
{
    struct stat st;
    char buf[16] = {1};
    int fd = fresh(O_TRUNC);
    CHECK_EQ(write(fd, "0123456789", 10), 10);
    CHECK_EQ(ftruncate(fd, 4), 0);
    CHECK_EQ(ftruncate(fd, 8), 0);
    CHECK_EQ(pread(fd, buf, 16, 0), 8);
    CHECK_MEM(buf, "0123\0\0\0\0", 8);
    CHECK_EQ(truncate("f", 2), 0);
    CHECK_EQ(fstat(fd, &st), 0);
    CHECK_EQ(st.st_size, 2);
    CHECK_ERR(ftruncate(fd, -1), EINVAL);
    CHECK_ERR(truncate("missing", 0), ENOENT);
    CHECK_ERR(truncate(".", 0), EISDIR);
    CHECK_EQ(lseek(fd, 0, SEEK_CUR), 10);
}

CASE(fallocate)
{
    struct stat st;
    char c = 1;
    int fd = fresh(O_TRUNC);
    if (fallocate(fd, 0, 0, 10000) < 0 && errno == EOPNOTSUPP)
        SKIP("the file system cannot");
    CHECK_EQ(fstat(fd, &st), 0);
    CHECK_EQ(st.st_size, 10000);
    CHECK_EQ(fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, 20000), 0);
    CHECK_EQ(fstat(fd, &st), 0);
    CHECK_EQ(st.st_size, 10000);
    CHECK_EQ(pwrite(fd, "xxxxxxxxx", 9, 4096), 9);
    CHECK_EQ(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 4096, 4096), 0);
    CHECK_EQ(pread(fd, &c, 1, 4096), 1);
    CHECK_EQ(c, 0);
    CHECK_ERR(fallocate(fd, 0, -1, 5), EINVAL);
    CHECK_ERR(fallocate(fd, 0, 0, 0), EINVAL);
    CHECK_EQ(posix_fallocate(fd, 0, 30000), 0);
}

CASE(stat_fields)
{
    struct stat a, b;
    put_file("f", "hello", 0640);
    int fd = (int) CHECK_OK(open("f", O_RDONLY));
    CHECK_EQ(stat("f", &a), 0);
    CHECK_EQ(fstat(fd, &b), 0);
    CHECK_MEM(&a, &b, sizeof(a));
    CHECK_EQ(a.st_mode, S_IFREG | 0640);
    CHECK_EQ(a.st_size, 5);
    CHECK_EQ(a.st_nlink, 1);
    CHECK_EQ(a.st_uid, geteuid());
    CHECK(a.st_blksize >= 512 && a.st_ino != 0);
    CHECK(a.st_mtime > 1600000000);
    CHECK_EQ(fstatat(AT_FDCWD, "f", &b, 0), 0);
    CHECK_EQ(b.st_ino, a.st_ino);
    CHECK_EQ(fstatat(fd, "", &b, AT_EMPTY_PATH), 0);
    CHECK_EQ(b.st_ino, a.st_ino);
    CHECK_ERR(fstatat(fd, "", &b, 0), ENOENT);
    CHECK_ERR(fstatat(AT_FDCWD, "f", &b, 0x4000000), EINVAL);
    CHECK_ERR(stat("f", (struct stat *) 1), EFAULT);
    CHECK_ERR(stat("missing", &a), ENOENT);
}

CASE(stat_of_links)
{
    struct stat a, b;
    put_file("f", "hello", 0640);
    CHECK_EQ(symlink("f", "ln"), 0);
    CHECK_EQ(stat("ln", &a), 0);
    CHECK_EQ(lstat("ln", &b), 0);
    CHECK(S_ISREG(a.st_mode) && S_ISLNK(b.st_mode));
    CHECK_EQ(b.st_size, 1);
    CHECK_EQ(fstatat(AT_FDCWD, "ln", &a, AT_SYMLINK_NOFOLLOW), 0);
    CHECK_EQ(a.st_ino, b.st_ino);
}

CASE(statx)
{
    struct statx sx;
    struct stat st;
    put_file("f", "hello", 0604);
    CHECK_EQ(stat("f", &st), 0);
    CHECK_EQ(syscall(SYS_statx, AT_FDCWD, "f", 0, STATX_BASIC_STATS | STATX_BTIME, &sx), 0);
    CHECK_EQ(sx.stx_mask & STATX_BASIC_STATS, STATX_BASIC_STATS);
    CHECK_EQ(sx.stx_mode, S_IFREG | 0604);
    CHECK_EQ(sx.stx_size, 5);
    CHECK_EQ(sx.stx_ino, st.st_ino);
    CHECK_EQ(makedev(sx.stx_dev_major, sx.stx_dev_minor), st.st_dev);
    CHECK_EQ(sx.stx_mtime.tv_sec, st.st_mtim.tv_sec);
    CHECK_ERR(syscall(SYS_statx, AT_FDCWD, "f", 0, 0x80000000, &sx), EINVAL);
    CHECK_ERR(syscall(SYS_statx, AT_FDCWD, "f", 0x10, 0, &sx), EINVAL);
    CHECK_ERR(syscall(SYS_statx, AT_FDCWD, "f", 0, STATX_SIZE, 1), EFAULT);
}

CASE(change_mode)
{
    struct stat st;
    int fd = fresh(0);
    CHECK_EQ(chmod("f", 0123), 0);
    CHECK_EQ(stat("f", &st), 0);
    CHECK_EQ(st.st_mode, S_IFREG | 0123);
    CHECK_EQ(fchmod(fd, 0600), 0);
    CHECK_EQ(fchmodat(AT_FDCWD, "f", 0640, 0), 0);
    CHECK_EQ(fstat(fd, &st), 0);
    CHECK_EQ(st.st_mode, S_IFREG | 0640);
    CHECK_EQ(mkdir("d", 0777), 0);
    CHECK_EQ(chmod("d", 01777), 0);
    CHECK_EQ(stat("d", &st), 0);
    CHECK_EQ(st.st_mode, S_IFDIR | 01777);
    CHECK_ERR(chmod("missing", 0), ENOENT);
}

CASE(change_owner)
{
    struct stat st;
    int fd = fresh(0);
    CHECK_EQ(chown("f", (uid_t) -1, (gid_t) -1), 0);
    CHECK_EQ(fchown(fd, getuid(), getgid()), 0);
    if (geteuid() != 0)
        SKIP("the rest is for the superuser");
    CHECK_EQ(chown("f", 1, 2), 0);
    CHECK_EQ(stat("f", &st), 0);
    CHECK(st.st_uid == 1 && st.st_gid == 2);
    CHECK_EQ(symlink("f", "ln"), 0);
    CHECK_EQ(lchown("ln", 3, 3), 0);
    CHECK_EQ(stat("f", &st), 0);
    CHECK_EQ(st.st_uid, 1);
    CHECK_EQ(lstat("ln", &st), 0);
    CHECK_EQ(st.st_uid, 3);
}

CASE(set_times)
{
    struct stat st;
    struct timespec ts[2] = {{1000000000, 5}, {1100000000, 123456789}};
    int fd = fresh(0);
    CHECK_EQ(utimensat(AT_FDCWD, "f", ts, 0), 0);
    CHECK_EQ(stat("f", &st), 0);
    CHECK(st.st_atim.tv_sec == 1000000000 && st.st_mtim.tv_sec == 1100000000);
    CHECK(st.st_mtim.tv_nsec == 123456789);
    ts[0].tv_nsec = UTIME_OMIT, ts[1].tv_nsec = UTIME_NOW;
    CHECK_EQ(futimens(fd, ts), 0);
    CHECK_EQ(stat("f", &st), 0);
    CHECK(st.st_atim.tv_sec == 1000000000 && st.st_mtim.tv_sec > 1600000000);
    CHECK_EQ(utimensat(AT_FDCWD, "f", NULL, 0), 0);
    ts[0].tv_nsec = 2000000000;
    CHECK_ERR(utimensat(AT_FDCWD, "f", ts, 0), EINVAL);
    CHECK_ERR(utimensat(AT_FDCWD, "missing", NULL, 0), ENOENT);
}

CASE(writing_moves_the_times)
{
    struct stat a, b;
    struct timespec old[2] = {{1000000000, 0}, {1000000000, 0}};
    int fd = fresh(0);
    CHECK_EQ(futimens(fd, old), 0);
    CHECK_EQ(fstat(fd, &a), 0);
    CHECK_EQ(write(fd, "x", 1), 1);
    CHECK_EQ(fstat(fd, &b), 0);
    CHECK(b.st_mtime > 1600000000);
}

CASE(permission_checks)
{
    put_file("f", "x", 0400);
    CHECK_EQ(access("f", F_OK), 0);
    CHECK_EQ(access("f", R_OK), 0);
    CHECK_ERR(access("missing", F_OK), ENOENT);
    CHECK_ERR(access("f/x", F_OK), ENOTDIR);
    CHECK_ERR(access("f", 99), EINVAL);
    CHECK_ERR(access("f", X_OK), EACCES); /* for root too: no x bit at all */
    CHECK_EQ(faccessat(AT_FDCWD, "f", R_OK, AT_EACCESS), 0);
    pid_t pid = (pid_t) CHECK_OK(fork());
    if (pid == 0) {
        if (geteuid() == 0) {
            put_file("/tmp/g", "x", 0600);
            CHECK_EQ(mkdir("/tmp/closed", 0700), 0);
            put_file("/tmp/closed/h", "x", 0666);
            CHECK_EQ(setgid(1234), 0);
            CHECK_EQ(setuid(1234), 0);
            CHECK_ERR(open("/tmp/g", O_RDONLY), EACCES);
            CHECK_ERR(access("/tmp/g", R_OK), EACCES);
            CHECK_ERR(open("/tmp/closed/h", O_RDONLY), EACCES);
            CHECK_ERR(unlink("/tmp/g"), EPERM); /* sticky */
            CHECK_ERR(chmod("/tmp/g", 0777), EPERM);
        } else {
            CHECK_ERR(open("f", O_WRONLY), EACCES);
            CHECK(chown("f", 0, 0) < 0 &&
                  (errno == EPERM || errno == EINVAL)); /* EINVAL: no such id here */
        }
        _exit(0);
    }
    int st;
    CHECK_EQ(waitpid(pid, &st, 0), pid);
    unlink("/tmp/g");
    unlink("/tmp/closed/h");
    rmdir("/tmp/closed");
    CHECK_EQ(st, 0);
}

CASE(opath)
{
    char c;
    struct stat st;
    put_file("f", "x", 0600);
    CHECK_EQ(symlink("f", "ln"), 0);
    int fd = (int) CHECK_OK(open("f", O_PATH));
    CHECK_ERR(read(fd, &c, 1), EBADF);
    CHECK_ERR(fchmod(fd, 0), EBADF);
    CHECK_EQ(fstat(fd, &st), 0);
    CHECK(S_ISREG(st.st_mode));
    fd = (int) CHECK_OK(open("ln", O_PATH | O_NOFOLLOW));
    CHECK_EQ(fstat(fd, &st), 0);
    CHECK(S_ISLNK(st.st_mode));
    fd = (int) CHECK_OK(open(".", O_PATH | O_DIRECTORY));
    CHECK_OK(openat(fd, "f", O_RDONLY));
}

CASE(otmpfile)
{
    struct stat st;
    char path[64];
    int fd = open(".", O_TMPFILE | O_RDWR, 0600);
    if (fd < 0 && errno == EOPNOTSUPP)
        SKIP("the file system cannot");
    CHECK(fd >= 0);
    CHECK_EQ(write(fd, "abc", 3), 3);
    CHECK_EQ(fstat(fd, &st), 0);
    CHECK_EQ(st.st_nlink, 0);
    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    CHECK_EQ(linkat(AT_FDCWD, path, AT_FDCWD, "named", AT_SYMLINK_FOLLOW), 0);
    char buf[8];
    get_file("named", buf, sizeof(buf));
    CHECK_STR(buf, "abc");
}

CASE(unlinked_file_lives_on)
{
    char buf[4];
    struct stat st;
    int fd = fresh(0);
    CHECK_EQ(write(fd, "abc", 3), 3);
    CHECK_EQ(unlink("f"), 0);
    CHECK_ERR(stat("f", &st), ENOENT);
    CHECK_EQ(pread(fd, buf, 3, 0), 3);
    CHECK_EQ(write(fd, "d", 1), 1);
    CHECK_EQ(fstat(fd, &st), 0);
    CHECK(st.st_nlink == 0 && st.st_size == 4);
    int other = fresh(O_EXCL);
    CHECK_EQ(fstat(other, &st), 0);
    CHECK_EQ(st.st_size, 0);
}

CASE(sendfile)
{
    int p[2];
    char buf[16];
    put_file("src", "0123456789", 0600);
    int in = (int) CHECK_OK(open("src", O_RDONLY)), out = fresh(O_TRUNC);
    off_t off = 3;
    CHECK_EQ(sendfile(out, in, &off, 4), 4);
    CHECK_EQ(off, 7);
    CHECK_EQ(lseek(in, 0, SEEK_CUR), 0);
    CHECK_EQ(sendfile(out, in, NULL, 100), 10);
    CHECK_EQ(sendfile(out, in, NULL, 100), 0);
    CHECK_EQ(pread(out, buf, 16, 0), 14);
    CHECK_MEM(buf, "34560123456789", 14);
    CHECK_EQ(pipe(p), 0);
    off = 0;
    CHECK_EQ(sendfile(p[1], in, &off, 5), 5);
    CHECK_EQ(read(p[0], buf, 16), 5);
}

CASE(copy_file_range)
{
    char buf[16];
    put_file("src", "0123456789", 0600);
    int in = (int) CHECK_OK(open("src", O_RDONLY)), out = fresh(O_TRUNC);
    off64_t a = 2, b = 1;
    CHECK_EQ(copy_file_range(in, &a, out, &b, 5, 0), 5);
    CHECK(a == 7 && b == 6);
    CHECK_EQ(pread(out, buf, 16, 0), 6);
    CHECK_MEM(buf, "\00023456", 6);
    CHECK_ERR(copy_file_range(in, NULL, out, NULL, 1, 99), EINVAL);
}

CASE(statfs)
{
    struct statfs a, b;
    CHECK_EQ(statfs(".", &a), 0);
    CHECK(a.f_bsize > 0 && a.f_namelen == 255 && a.f_blocks > 0 && a.f_bfree <= a.f_blocks);
    int fd = fresh(0);
    CHECK_EQ(fstatfs(fd, &b), 0);
    CHECK_EQ(a.f_type, b.f_type);
    CHECK_ERR(statfs("missing", &a), ENOENT);
    CHECK_EQ(statfs("/proc", &a), 0);
    CHECK_EQ(a.f_type, 0x9fa0);
}

CASE(xattrs)
{
    char buf[64];
    int fd = fresh(0);
    if (setxattr("f", "user.a", "one", 3, 0) < 0) {
        CHECK(errno == EOPNOTSUPP || errno == ENOTSUP);
        SKIP("the file system has none");
    }
    CHECK_EQ(fsetxattr(fd, "user.b", "two", 3, XATTR_CREATE), 0);
    CHECK_ERR(fsetxattr(fd, "user.b", "two", 3, XATTR_CREATE), EEXIST);
    CHECK_EQ(getxattr("f", "user.a", buf, sizeof(buf)), 3);
    CHECK_MEM(buf, "one", 3);
    CHECK_EQ(getxattr("f", "user.a", NULL, 0), 3);
    CHECK_ERR(getxattr("f", "user.a", buf, 1), ERANGE);
    CHECK_EQ(listxattr("f", NULL, 0), 14);
    CHECK_EQ(removexattr("f", "user.a"), 0);
    CHECK_ERR(getxattr("f", "user.a", buf, sizeof(buf)), ENODATA);
}

CASE(two_processes_append)
{
    enum { ROUNDS = 500 };
    struct stat st;
    close(fresh(O_TRUNC));
    for (int i = 0; i < 2; i++)
        if (CHECK_OK(fork()) == 0) {
            int fd = open("f", O_WRONLY | O_APPEND);
            for (int k = 0; k < ROUNDS; k++)
                if (write(fd, "0123456789", 10) != 10)
                    _exit(1);
            _exit(0);
        }
    for (int i = 0; i < 2; i++) {
        int s;
        CHECK_OK(wait(&s));
        CHECK_EQ(s, 0);
    }
    CHECK_EQ(stat("f", &st), 0);
    CHECK_EQ(st.st_size, 2 * ROUNDS * 10);
}

GUEST_MAIN
