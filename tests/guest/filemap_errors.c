/* SPDX-License-Identifier: Apache-2.0 */
/* What mmap(2) and mprotect(2) of files refuse, and with which error. */
#include "guest.h"

#include <sys/eventfd.h>
#include <sys/mount.h>
#include <sys/socket.h>

#define PAGE 4096ul

static int file_of(size_t n, int flags)
{
    int fd = (int) CHECK_OK(open("f", O_RDWR | O_CREAT | O_CLOEXEC, 0755));
    CHECK_EQ(ftruncate(fd, (off_t) n), 0);
    close(fd);
    return (int) CHECK_OK(open("f", flags | O_CLOEXEC));
}

#define CHECK_NO_MAP(want, ...)                                                               \
    do {                                                                                      \
        errno = 0;                                                                            \
        void *m_ = mmap(__VA_ARGS__);                                                         \
        if (m_ != MAP_FAILED || errno != (want))                                              \
            FAIL("mmap(%s): expected %s, got %p errno %d %s", #__VA_ARGS__, #want, m_, errno, \
                 strerrorname_np(errno));                                                     \
    } while (0)

CASE(read_only_opening)
{
    int fd = file_of(PAGE, O_RDONLY);
    CHECK_NO_MAP(EACCES, NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    CHECK_NO_MAP(EACCES, NULL, PAGE, PROT_WRITE, MAP_SHARED, fd, 0);
    char *s = CHECK_MAP(mmap(NULL, PAGE, PROT_READ, MAP_SHARED, fd, 0));
    CHECK_ERR(mprotect(s, PAGE, PROT_READ | PROT_WRITE), EACCES);
    CHECK_ERR(mprotect(s, PAGE, PROT_WRITE), EACCES);
    CHECK_EQ(mprotect(s, PAGE, PROT_READ | PROT_EXEC), 0);
    CHECK_EQ(mprotect(s, PAGE, PROT_NONE), 0);
    s = CHECK_MAP(mmap(NULL, PAGE, PROT_NONE, MAP_SHARED, fd, 0));
    CHECK_ERR(mprotect(s, PAGE, PROT_WRITE), EACCES);
    char *p = CHECK_MAP(mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, fd, 0));
    CHECK_EQ(mprotect(p, PAGE, PROT_READ | PROT_WRITE), 0);
    p[0] = 'x';
}

CASE(write_only_opening)
{
    int fd = file_of(PAGE, O_WRONLY);
    CHECK_NO_MAP(EACCES, NULL, PAGE, PROT_READ, MAP_SHARED, fd, 0);
    CHECK_NO_MAP(EACCES, NULL, PAGE, PROT_READ, MAP_PRIVATE, fd, 0);
    CHECK_NO_MAP(EACCES, NULL, PAGE, PROT_WRITE, MAP_SHARED, fd, 0);
    CHECK_NO_MAP(EACCES, NULL, PAGE, PROT_NONE, MAP_PRIVATE, fd, 0);
}

CASE(writable_opening_may_be_made_writable)
{
    int fd = file_of(PAGE, O_RDWR);
    char *s = CHECK_MAP(mmap(NULL, PAGE, PROT_READ, MAP_SHARED, fd, 0)), c;
    CHECK_EQ(mprotect(s, PAGE, PROT_READ | PROT_WRITE), 0);
    s[0] = 'w';
    CHECK_EQ(pread(fd, &c, 1, 0), 1);
    CHECK_EQ(c, 'w');
}

CASE(path_descriptor)
{
    int fd = file_of(PAGE, O_RDWR);
    close(fd);
    fd = (int) CHECK_OK(open("f", O_PATH));
    CHECK_NO_MAP(EBADF, NULL, PAGE, PROT_READ, MAP_SHARED, fd, 0);
    CHECK_NO_MAP(EBADF, NULL, PAGE, PROT_READ, MAP_PRIVATE, 999, 0);
    CHECK_NO_MAP(EBADF, NULL, PAGE, PROT_READ, MAP_PRIVATE, -1, 0);
}

CASE(what_has_no_pages)
{
    int p[2], s[2];
    int dir = (int) CHECK_OK(open(".", O_RDONLY | O_DIRECTORY));
    CHECK_NO_MAP(ENODEV, NULL, PAGE, PROT_READ, MAP_SHARED, dir, 0);
    CHECK_NO_MAP(ENODEV, NULL, PAGE, PROT_READ, MAP_PRIVATE, dir, 0);
    CHECK_EQ(pipe(p), 0);
    CHECK_NO_MAP(ENODEV, NULL, PAGE, PROT_READ, MAP_SHARED, p[0], 0);
    CHECK_NO_MAP(EACCES, NULL, PAGE, PROT_READ, MAP_SHARED, p[1], 0);
    CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, s), 0);
    CHECK_NO_MAP(ENODEV, NULL, PAGE, PROT_READ, MAP_SHARED, s[0], 0);
    int ev = (int) CHECK_OK(eventfd(0, 0));
    CHECK_NO_MAP(ENODEV, NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, ev, 0);
    int null = (int) CHECK_OK(open("/dev/null", O_RDWR));
    CHECK_NO_MAP(ENODEV, NULL, PAGE, PROT_READ, MAP_PRIVATE, null, 0);
    CHECK_EQ(mkfifo("fifo", 0600), 0);
    int fifo = (int) CHECK_OK(open("fifo", O_RDWR));
    CHECK_NO_MAP(ENODEV, NULL, PAGE, PROT_READ, MAP_PRIVATE, fifo, 0);
}

CASE(arguments)
{
    int fd = file_of(2 * PAGE, O_RDWR);
    CHECK_NO_MAP(EINVAL, NULL, PAGE, PROT_READ, MAP_SHARED, fd, 1);
    CHECK_NO_MAP(EINVAL, NULL, PAGE, PROT_READ, MAP_SHARED, fd, 512);
    CHECK_NO_MAP(EINVAL, NULL, 0, PROT_READ, MAP_SHARED, fd, 0);
    CHECK_NO_MAP(EINVAL, NULL, PAGE, PROT_READ, 0, fd, 0);
    CHECK_NO_MAP(EINVAL, (void *) 0x10001, PAGE, PROT_READ, MAP_SHARED | MAP_FIXED, fd, 0);
    CHECK_NO_MAP(ENOMEM, NULL, SIZE_MAX, PROT_READ, MAP_SHARED, fd, 0);
    CHECK_NO_MAP(ENOMEM, NULL, 1ul << 48, PROT_READ, MAP_SHARED, fd, 0);
    CHECK_NO_MAP(EOVERFLOW, NULL, PAGE, PROT_READ, MAP_SHARED, fd, (off_t) -PAGE);
    CHECK_NO_MAP(EOVERFLOW, NULL, 2 * PAGE, PROT_READ, MAP_PRIVATE, fd, INT64_MAX & -PAGE);
    /* A bad descriptor is found before most else. */
    CHECK_NO_MAP(EBADF, NULL, PAGE, PROT_READ, 0, 999, 0);
    CHECK_NO_MAP(EBADF, NULL, 0, PROT_READ, MAP_SHARED, 999, 0);
    CHECK_NO_MAP(EBADF, NULL, SIZE_MAX, PROT_READ, MAP_SHARED, 999, 0);
    CHECK_NO_MAP(EINVAL, NULL, PAGE, PROT_READ, MAP_SHARED, 999, 1);
    CHECK_NO_MAP(EOPNOTSUPP, NULL, PAGE, PROT_READ, MAP_SHARED_VALIDATE | 0x1000000, fd, 0);
    char *v = CHECK_MAP(mmap(NULL, PAGE, PROT_READ, MAP_SHARED_VALIDATE, fd, 0));
    CHECK_EQ(v[0], 0);
    /* Sizes are rounded up; an offset beyond the file's end is none of mmap's business. */
    char *m = CHECK_MAP(mmap(NULL, 1, PROT_READ, MAP_SHARED, fd, 0));
    CHECK_EQ(m[PAGE - 1], 0);
    CHECK_MAP(mmap(NULL, PAGE, PROT_READ, MAP_SHARED, fd, 1l << 40));
    CHECK_MAP(mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE | MAP_DENYWRITE | MAP_EXECUTABLE, fd, 0));
}

CASE(no_exec_mount)
{
    int fd;
    CHECK_EQ(mkdir("m", 0755), 0);
    if (mount("none", "m", "tmpfs", MS_NOEXEC, NULL) < 0)
        SKIP("no mounts here");
    fd = (int) CHECK_OK(open("m/f", O_RDWR | O_CREAT, 0755));
    CHECK_EQ(ftruncate(fd, PAGE), 0);
    CHECK_NO_MAP(EPERM, NULL, PAGE, PROT_READ | PROT_EXEC, MAP_PRIVATE, fd, 0);
    CHECK_NO_MAP(EPERM, NULL, PAGE, PROT_READ | PROT_EXEC, MAP_SHARED, fd, 0);
    CHECK_MAP(mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, fd, 0));
    umount2("m", MNT_DETACH);
}

/* A mount that is made noexec by whoever made the machine. */
CASE(no_exec_proc)
{
    int fd = (int) CHECK_OK(open("/proc/self/exe", O_RDONLY));
    CHECK_MAP(mmap(NULL, PAGE, PROT_READ | PROT_EXEC, MAP_PRIVATE, fd, 0));
    fd = (int) CHECK_OK(open("/proc/self/status", O_RDONLY));
    CHECK_NO_MAP(ENODEV, NULL, PAGE, PROT_READ, MAP_PRIVATE, fd, 0);
}

CASE(remap_refuses)
{
    int fd = file_of(2 * PAGE, O_RDWR);
    char *p = CHECK_MAP(mmap(NULL, 2 * PAGE, PROT_READ, MAP_PRIVATE, fd, 0));
    CHECK(mremap(p + 1, PAGE, PAGE, 0) == MAP_FAILED && errno == EINVAL);
    CHECK(mremap(p, PAGE, 0, 0) == MAP_FAILED && errno == EINVAL);
    CHECK(mremap(p, PAGE, PAGE, MREMAP_FIXED, p) == MAP_FAILED && errno == EINVAL);
    CHECK_EQ(munmap(p + PAGE, PAGE), 0);
    CHECK(mremap(p, 2 * PAGE, 4 * PAGE, MREMAP_MAYMOVE) == MAP_FAILED && errno == EFAULT);
    CHECK(mremap(p + PAGE, PAGE, 2 * PAGE, MREMAP_MAYMOVE) == MAP_FAILED && errno == EFAULT);
}

CASE(running_program_is_not_written)
{
    int fd = (int) CHECK_OK(open("/proc/self/exe", O_RDONLY));
    CHECK_NO_MAP(EACCES, NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    char *s = CHECK_MAP(mmap(NULL, PAGE, PROT_READ, MAP_SHARED, fd, 0));
    CHECK_ERR(mprotect(s, PAGE, PROT_READ | PROT_WRITE), EACCES);
}

GUEST_MAIN
