/* SPDX-License-Identifier: Apache-2.0 */
/* fcntl(2) and ioctl(2) of files: flags, hints, leases, what is for other kinds of files. */
#include "guest.h"
#include <linux/fiemap.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#ifndef F_DUPFD_QUERY
#define F_DUPFD_QUERY 1027
#endif
#ifndef F_CREATED_QUERY
#define F_CREATED_QUERY 1028
#endif
#ifndef F_GET_RW_HINT
#define F_GET_RW_HINT 1035
#define F_SET_RW_HINT 1036
#endif

static int fresh(int flags)
{
    return (int) CHECK_OK(open("f", O_CREAT | O_RDWR | flags, 0644));
}

CASE(flags_that_stick)
{
    int fd = fresh(O_TRUNC | O_CLOEXEC | O_NOCTTY | O_EXCL);
    CHECK_EQ(fcntl(fd, F_GETFL), O_RDWR | 0100000);
    CHECK_EQ(fcntl(fd, F_SETFL, O_APPEND | O_NONBLOCK | O_TRUNC | O_WRONLY | O_EXCL), 0);
    CHECK_EQ(fcntl(fd, F_GETFL), O_RDWR | O_APPEND | O_NONBLOCK | 0100000);
    CHECK_EQ(fcntl(fd, F_SETFL, 0), 0);
    CHECK_EQ(fcntl(fd, F_GETFL), O_RDWR | 0100000);
    int s = (int) CHECK_OK(open("f", O_WRONLY | O_SYNC | O_NOFOLLOW));
    CHECK_EQ(fcntl(s, F_GETFL), O_WRONLY | O_SYNC | O_NOFOLLOW | 0100000);
    CHECK_EQ(fcntl(s, F_SETFL, 0), 0);
    CHECK_EQ(fcntl(s, F_GETFL), O_WRONLY | O_SYNC | O_NOFOLLOW | 0100000);
    int d = (int) CHECK_OK(open(".", O_RDONLY | O_DIRECTORY));
    CHECK_EQ(fcntl(d, F_GETFL), O_DIRECTORY | 0100000);
    int p = (int) CHECK_OK(open(".", O_PATH | O_DIRECTORY | O_RDWR | O_APPEND));
    CHECK_EQ(fcntl(p, F_GETFL), O_PATH | O_DIRECTORY);
}

CASE(same_description_or_not)
{
    int fd = fresh(0), dup1 = dup(fd), other = fresh(0);
    CHECK_EQ(fcntl(fd, F_DUPFD_QUERY, dup1), 1);
    CHECK_EQ(fcntl(fd, F_DUPFD_QUERY, fd), 1);
    CHECK_EQ(fcntl(fd, F_DUPFD_QUERY, other), 0);
    CHECK_ERR(fcntl(fd, F_DUPFD_QUERY, 999), EBADF);
    CHECK_ERR(fcntl(999, F_DUPFD_QUERY, fd), EBADF);
    int p = (int) CHECK_OK(open("f", O_PATH)), q = dup(p);
    CHECK_EQ(fcntl(p, F_DUPFD_QUERY, q), 1);
    CHECK_EQ(fcntl(p, F_DUPFD_QUERY, fd), 0);
}

CASE(made_by_this_open)
{
    int fd = (int) CHECK_OK(open("g", O_CREAT | O_RDWR, 0600));
    CHECK_EQ(fcntl(fd, F_CREATED_QUERY), 1);
    int again = (int) CHECK_OK(open("g", O_CREAT | O_RDWR, 0600));
    CHECK_EQ(fcntl(again, F_CREATED_QUERY), 0);
    CHECK_EQ(fcntl(1, F_CREATED_QUERY), 0);
}

CASE(write_hints)
{
    int fd = fresh(0), p[2];
    uint64_t hint = 99;
    CHECK_EQ(fcntl(fd, F_GET_RW_HINT, &hint), 0);
    CHECK_EQ(hint, 0);
    for (uint64_t h = 0; h <= 5; h++) {
        CHECK_EQ(fcntl(fd, F_SET_RW_HINT, &h), 0);
        CHECK_EQ(fcntl(fd, F_GET_RW_HINT, &hint), 0);
        CHECK_EQ(hint, h);
    }
    hint = 6;
    CHECK_ERR(fcntl(fd, F_SET_RW_HINT, &hint), EINVAL);
    CHECK_ERR(fcntl(fd, F_SET_RW_HINT, (void *) 8), EFAULT);
    CHECK_ERR(fcntl(fd, F_GET_RW_HINT, (void *) 8), EFAULT);
    hint = 3;
    CHECK_EQ(fcntl(fd, F_SET_RW_HINT, &hint), 0);
    int other = fresh(0);
    hint = 99;
    CHECK_EQ(fcntl(other, F_GET_RW_HINT, &hint), 0);
    CHECK_EQ(hint, 3);
    CHECK_EQ(pipe(p), 0);
    CHECK_EQ(fcntl(p[0], F_GET_RW_HINT, &hint), 0);
}

CASE(commands_of_others)
{
    int fd = fresh(0), p[2];
    CHECK_EQ(pipe(p), 0);
    CHECK_ERR(fcntl(fd, F_GETPIPE_SZ), EBADF);
    CHECK_ERR(fcntl(fd, F_SETPIPE_SZ, 4096), EBADF);
    CHECK_ERR(fcntl(p[0], F_GET_SEALS), EINVAL);
    CHECK_ERR(fcntl(p[0], F_ADD_SEALS, 1), EPERM);
    CHECK_ERR(fcntl(p[1], F_ADD_SEALS, 1), EINVAL);
    CHECK_ERR(fcntl(fd, 12345), EINVAL);
    CHECK_ERR(fcntl(fd, -1), EINVAL);
    CHECK_ERR(fcntl(999, F_GETFL), EBADF);
    CHECK_ERR(fcntl(fd, F_DUPFD, -1), EINVAL);
    CHECK_ERR(fcntl(fd, F_DUPFD, 1 << 30), EINVAL);
    CHECK_EQ(fcntl(fd, F_GETLEASE), F_UNLCK);
}

CASE(places_know_little)
{
    put_file("f", "x", 0600);
    int p = (int) CHECK_OK(open("f", O_PATH));
    struct flock fl = {.l_type = F_RDLCK};
    uint64_t hint;
    char b;
    CHECK_ERR(fcntl(p, F_SETFL, O_APPEND), EBADF);
    CHECK_ERR(fcntl(p, F_GETLK, &fl), EBADF);
    CHECK_ERR(fcntl(p, F_GETOWN), EBADF);
    CHECK_ERR(fcntl(p, F_GETLEASE), EBADF);
    CHECK_ERR(fcntl(p, F_GET_RW_HINT, &hint), EBADF);
    CHECK_ERR(ioctl(p, FIOCLEX), EBADF);
    CHECK_ERR(read(p, &b, 1), EBADF);
    CHECK_ERR(write(p, &b, 1), EBADF);
    CHECK_ERR(lseek(p, 0, SEEK_SET), EBADF);
    CHECK_ERR(ftruncate(p, 0), EBADF);
    CHECK_ERR(fsync(p), EBADF);
    CHECK_ERR(syncfs(p), EBADF);
    CHECK_ERR(fchmod(p, 0600), EBADF);
    CHECK_ERR(fchown(p, 0, 0), EBADF);
    CHECK_ERR(futimens(p, NULL), EBADF);
    CHECK_ERR(posix_fallocate(p, 0, 1) ? (errno = EBADF, -1) : 0, EBADF);
    CHECK_ERR(fallocate(p, 0, 0, 1), EBADF);
    CHECK_ERR(mmap(NULL, 1, PROT_READ, MAP_PRIVATE, p, 0) == MAP_FAILED ? -1 : 0, EBADF);
    CHECK_EQ(fcntl(p, F_SETFD, FD_CLOEXEC), 0);
    CHECK_EQ(fcntl(p, F_GETFD), FD_CLOEXEC);
    CHECK_OK(fcntl(p, F_DUPFD, 0));
    struct stat st;
    CHECK_EQ(fstat(p, &st), 0);
}

CASE(requests_all_files_know)
{
    int fd = fresh(0), n = 1;
    CHECK_EQ(ioctl(fd, FIOCLEX), 0);
    CHECK_EQ(fcntl(fd, F_GETFD), FD_CLOEXEC);
    CHECK_EQ(ioctl(fd, FIONCLEX), 0);
    CHECK_EQ(fcntl(fd, F_GETFD), 0);
    CHECK_EQ(ioctl(fd, FIONBIO, &n), 0);
    CHECK_EQ(fcntl(fd, F_GETFL) & O_NONBLOCK, O_NONBLOCK);
    n = 0;
    CHECK_EQ(ioctl(fd, FIONBIO, &n), 0);
    CHECK_EQ(fcntl(fd, F_GETFL) & O_NONBLOCK, 0);
    CHECK_ERR(ioctl(fd, FIONBIO, (void *) 8), EFAULT);
    n = 1;
    CHECK_ERR(ioctl(fd, FIOASYNC, &n), ENOTTY);
    n = 0;
    CHECK_EQ(ioctl(fd, FIOASYNC, &n), 0);
    CHECK_EQ(ioctl(fd, FIOQSIZE, &(uint64_t){0}), 0);
    CHECK_EQ(ioctl(fd, FIGETBSZ, &n), 0);
    CHECK_EQ(n, 4096);
    CHECK_ERR(ioctl(fd, FIGETBSZ, (void *) 8), EFAULT);
    CHECK_ERR(ioctl(fd, 0x12345678, &n), ENOTTY);
    CHECK_ERR(ioctl(999, FIGETBSZ, &n), EBADF);
    int d = (int) CHECK_OK(open(".", O_RDONLY));
    CHECK_EQ(ioctl(d, FIGETBSZ, &n), 0);
    CHECK_ERR(ioctl(d, FIONREAD, &n), ENOTTY);
}

CASE(sizes_by_request)
{
    int fd = fresh(0), n = -1;
    uint64_t size = 0;
    CHECK_EQ(ftruncate(fd, 1000), 0);
    CHECK_EQ(ioctl(fd, FIOQSIZE, &size), 0);
    CHECK_EQ(size, 0);
    CHECK_EQ(pwrite(fd, "x", 1, 0), 1);
    CHECK_EQ(ioctl(fd, FIOQSIZE, &size), 0);
    CHECK_EQ(size, 4096);
    CHECK_EQ(lseek(fd, 400, SEEK_SET), 400);
    CHECK_EQ(ioctl(fd, FIONREAD, &n), 0);
    CHECK_EQ(n, 600);
    CHECK_EQ(lseek(fd, 1400, SEEK_SET), 1400);
    CHECK_EQ(ioctl(fd, FIONREAD, &n), 0);
    CHECK_EQ(n, -400);
    CHECK_ERR(ioctl(fd, FIONREAD, (void *) 8), EFAULT);
}

CASE(requests_of_devices)
{
    int fd = fresh(0);
    uint64_t n = 0;
    CHECK_ERR(ioctl(fd, BLKGETSIZE, &n), ENOTTY);
    CHECK_ERR(ioctl(fd, BLKGETSIZE64, &n), ENOTTY);
    CHECK_ERR(ioctl(fd, BLKSSZGET, &n), ENOTTY);
    CHECK_ERR(ioctl(fd, TIOCGWINSZ, &n), ENOTTY);
    CHECK_ERR(ioctl(fd, TCGETS, &n), ENOTTY);
    CHECK_ERR(ioctl(fd, FS_IOC_GETVERSION, &n), ENOTTY);
}

CASE(clones_where_nothing_can_be_shared)
{
    int fd = fresh(0), to = (int) CHECK_OK(open("g", O_CREAT | O_RDWR, 0600)), p[2];
    int rd = (int) CHECK_OK(open("f", O_RDONLY)), wr = (int) CHECK_OK(open("f", O_WRONLY));
    int d = (int) CHECK_OK(open(".", O_RDONLY));
    CHECK_EQ(write(fd, "abc", 3), 3);
    CHECK_EQ(pipe(p), 0);
    CHECK_ERR(ioctl(to, FICLONE, fd), EOPNOTSUPP);
    CHECK_ERR(ioctl(to, FICLONE, 999), EBADF);
    CHECK_ERR(ioctl(rd, FICLONE, fd), EBADF);
    CHECK_ERR(ioctl(to, FICLONE, wr), EBADF);
    CHECK_ERR(ioctl(to, FICLONE, d), EISDIR);
    CHECK_ERR(ioctl(d, FICLONE, fd), EISDIR);
    CHECK_ERR(ioctl(to, FICLONE, p[0]), EXDEV);
    struct file_clone_range r = {.src_fd = fd, .src_length = 3};
    CHECK_ERR(ioctl(to, FICLONERANGE, &r), EOPNOTSUPP);
    CHECK_ERR(ioctl(to, FICLONERANGE, (void *) 8), EFAULT);
}

CASE(attribute_flags)
{
    int fd = fresh(0), flags = -1, p[2];
    CHECK_EQ(pipe(p), 0);
    CHECK_EQ(ioctl(fd, FS_IOC_GETFLAGS, &flags), 0);
    CHECK_EQ(flags & ~0x80000, 0); /* extents */
    flags = FS_NODUMP_FL;
    CHECK_EQ(ioctl(fd, FS_IOC_SETFLAGS, &flags), 0);
    flags = 0;
    CHECK_EQ(ioctl(fd, FS_IOC_GETFLAGS, &flags), 0);
    CHECK_EQ(flags & FS_NODUMP_FL, FS_NODUMP_FL);
    CHECK_ERR(ioctl(fd, FS_IOC_GETFLAGS, (void *) 8), EFAULT);
    CHECK_ERR(ioctl(p[0], FS_IOC_GETFLAGS, &flags), ENOTTY);
}

CASE(maps_of_extents)
{
    int fd = fresh(0);
    struct fiemap m = {.fm_length = ~0ull};
    int block = 0;
    CHECK_ERR(ioctl(fd, FS_IOC_FIEMAP, &m), EOPNOTSUPP);
    errno = 0; /* it takes a capability few have */
    CHECK_EQ(ioctl(fd, FIBMAP, &block), -1);
    CHECK(errno == EINVAL || errno == EPERM);
}

GUEST_MAIN
