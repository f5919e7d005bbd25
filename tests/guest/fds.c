/* SPDX-License-Identifier: Apache-2.0 */
/* File descriptors: dup(2), fcntl(2), close_range(2), limits, sharing, locks held by them. */
#include "guest.h"
#include <sched.h>
#include <sys/file.h>
#include <sys/resource.h>

static int null_fd(void)
{
    return (int) CHECK_OK(open("/dev/null", O_RDWR));
}

CASE(lowest_number)
{
    int a = null_fd(), b = null_fd(), c = null_fd();
    CHECK(a < b && b < c);
    close(a);
    close(b);
    CHECK_EQ(null_fd(), a);
    CHECK_EQ(null_fd(), b);
    CHECK_EQ(null_fd(), c + 1);
}

CASE(closed)
{
    int fd = null_fd();
    char c;
    CHECK_EQ(close(fd), 0);
    CHECK_ERR(close(fd), EBADF);
    CHECK_ERR(close(-1), EBADF);
    CHECK_ERR(close(0x7fffffff), EBADF);
    CHECK_ERR(read(fd, &c, 1), EBADF);
    CHECK_ERR(write(fd, &c, 1), EBADF);
    CHECK_ERR(lseek(fd, 0, SEEK_SET), EBADF);
    CHECK_ERR(fcntl(fd, F_GETFD), EBADF);
    CHECK_ERR(dup(fd), EBADF);
    CHECK_ERR(fsync(fd), EBADF);
}

CASE(dup_shares_the_offset)
{
    char c;
    put_file("f", "abcdef", 0600);
    int a = (int) CHECK_OK(open("f", O_RDONLY)), b = (int) CHECK_OK(dup(a));
    CHECK_EQ(read(a, &c, 1), 1);
    CHECK_EQ(read(b, &c, 1), 1);
    CHECK_EQ(c, 'b');
    CHECK_EQ(lseek(a, 0, SEEK_CUR), 2);
    int other = (int) CHECK_OK(open("f", O_RDONLY));
    CHECK_EQ(lseek(other, 0, SEEK_CUR), 0);
    close(a);
    CHECK_EQ(read(b, &c, 1), 1);
    CHECK_EQ(c, 'c');
}

CASE(dup2)
{
    int a = null_fd();
    CHECK_EQ(dup2(a, 100), 100);
    CHECK_EQ(dup2(a, a), a);
    CHECK_EQ(dup2(a, 100), 100);
    CHECK_ERR(dup2(999, 100), EBADF);
    CHECK_ERR(dup2(999, 999), EBADF);
    CHECK_ERR(dup2(a, -1), EBADF);
    CHECK_ERR(dup2(a, 0x7ffffff), EBADF);
    CHECK_EQ(fcntl(100, F_GETFD), 0);
}

CASE(dup3)
{
    int a = null_fd();
    CHECK_EQ(dup3(a, 100, O_CLOEXEC), 100);
    CHECK_EQ(fcntl(100, F_GETFD), FD_CLOEXEC);
    CHECK_ERR(dup3(a, a, 0), EINVAL);
    CHECK_ERR(dup3(a, 101, O_APPEND), EINVAL);
}

CASE(fcntl_dup)
{
    int a = null_fd();
    CHECK_EQ(fcntl(a, F_DUPFD, 50), 50);
    CHECK_EQ(fcntl(a, F_DUPFD, 50), 51);
    CHECK_EQ(fcntl(a, F_DUPFD_CLOEXEC, 50), 52);
    CHECK_EQ(fcntl(52, F_GETFD), FD_CLOEXEC);
    CHECK_EQ(fcntl(51, F_GETFD), 0);
    CHECK_ERR(fcntl(a, F_DUPFD, -1), EINVAL);
    CHECK_ERR(fcntl(a, F_DUPFD, 0x7fffffff), EINVAL);
    CHECK_ERR(fcntl(a, 9999), EINVAL);
}

CASE(fcntl_flags)
{
    int a = (int) CHECK_OK(open("f", O_RDWR | O_CREAT | O_APPEND, 0600)),
        b = (int) CHECK_OK(dup(a));
    CHECK_EQ(fcntl(a, F_GETFL) & (O_ACCMODE | O_APPEND | O_NONBLOCK | O_CREAT), O_RDWR | O_APPEND);
    CHECK_EQ(fcntl(a, F_SETFL, O_NONBLOCK | O_WRONLY), 0);
    CHECK_EQ(fcntl(b, F_GETFL) & (O_ACCMODE | O_APPEND | O_NONBLOCK), O_RDWR | O_NONBLOCK);
    CHECK_EQ(fcntl(a, F_SETFD, FD_CLOEXEC), 0);
    CHECK_EQ(fcntl(b, F_GETFD), 0); /* of the descriptor, not of the description */
}

CASE(close_range)
{
    int base = null_fd();
    for (int i = 0; i < 10; i++)
        CHECK_EQ(dup2(base, 200 + i), 200 + i);
    CHECK_EQ(syscall(SYS_close_range, 202, 204, 0), 0);
    CHECK_ERR(fcntl(202, F_GETFD), EBADF);
    CHECK_ERR(fcntl(204, F_GETFD), EBADF);
    CHECK_EQ(fcntl(205, F_GETFD), 0);
    CHECK_EQ(syscall(SYS_close_range, 206, ~0u, 4), 0); /* CLOSE_RANGE_CLOEXEC */
    CHECK_EQ(fcntl(206, F_GETFD), FD_CLOEXEC);
    CHECK_EQ(syscall(SYS_close_range, 200, ~0u, 0), 0);
    CHECK_ERR(fcntl(209, F_GETFD), EBADF);
    CHECK_ERR(syscall(SYS_close_range, 5, 4, 0), EINVAL);
    CHECK_ERR(syscall(SYS_close_range, 5, 6, 64), EINVAL);
}

CASE(limit)
{
    struct rlimit rl = {64, 64};
    int fd, n = 0, p[2];
    CHECK_EQ(setrlimit(RLIMIT_NOFILE, &rl), 0);
    while ((fd = open("/dev/null", O_RDONLY)) >= 0) {
        CHECK(fd < 64);
        n++;
    }
    CHECK_EQ(errno, EMFILE);
    CHECK(n > 32);
    CHECK_ERR(dup(0), EMFILE);
    CHECK_ERR(pipe(p), EMFILE);
    CHECK_ERR(dup2(0, 64), EBADF);
    CHECK_ERR(fcntl(0, F_DUPFD, 64), EINVAL);
    CHECK_EQ(close(63), 0);
    CHECK_ERR(pipe(p), EMFILE); /* one free number is not enough, and none is lost */
    CHECK_EQ(dup(0), 63);
}

CASE(thousands)
{
    struct rlimit rl;
    CHECK_EQ(getrlimit(RLIMIT_NOFILE, &rl), 0);
    int want = rl.rlim_max < 4000 ? (int) rl.rlim_max - 64 : 3900;
    rl.rlim_cur = (rlim_t) want + 64;
    CHECK_EQ(setrlimit(RLIMIT_NOFILE, &rl), 0);
    int first = null_fd(), last = first;
    for (int i = 1; i < want - 64; i++)
        last = (int) CHECK_OK(dup(first));
    CHECK(last >= first + want - 65);
    CHECK_EQ(close(last), 0);
    for (int i = first; i < last; i++)
        close(i);
    CHECK_EQ(null_fd(), first);
}

static int child_fd;
static int in_shared_table(void *arg)
{
    (void) arg;
    child_fd = open("/dev/null", O_RDONLY);
    return child_fd < 0;
}

CASE(shared_table)
{
    char *stack = malloc(65536);
    pid_t pid = (pid_t) CHECK_OK(
        clone(in_shared_table, stack + 65536, CLONE_FILES | CLONE_VM | SIGCHLD, NULL));
    CHECK_EXIT(pid, 0);
    CHECK_EQ(fcntl(child_fd, F_GETFD), 0); /* opened there, seen here */
}

CASE(copied_table)
{
    int fd = null_fd();
    pid_t pid = (pid_t) CHECK_OK(fork());
    if (pid == 0) {
        close(fd);
        _exit(null_fd() != fd);
    }
    CHECK_EXIT(pid, 0);
    CHECK_EQ(fcntl(fd, F_GETFD), 0);
}

CASE(flock_between_openings)
{
    int a = (int) CHECK_OK(open("f", O_RDWR | O_CREAT, 0600)),
        b = (int) CHECK_OK(open("f", O_RDWR));
    CHECK_EQ(flock(a, LOCK_EX), 0);
    CHECK_ERR(flock(b, LOCK_EX | LOCK_NB), EWOULDBLOCK);
    CHECK_ERR(flock(b, LOCK_SH | LOCK_NB), EWOULDBLOCK);
    int c = (int) CHECK_OK(dup(a));
    CHECK_EQ(flock(c, LOCK_SH), 0); /* the same description: converts */
    CHECK_EQ(flock(b, LOCK_SH | LOCK_NB), 0);
    CHECK_EQ(flock(b, LOCK_UN), 0);
    close(a);
    CHECK_ERR(flock(b, LOCK_EX | LOCK_NB), EWOULDBLOCK); /* c still holds it */
    close(c);
    CHECK_EQ(flock(b, LOCK_EX | LOCK_NB), 0);
    CHECK_ERR(flock(b, 77), EINVAL);
}

CASE(flock_waits)
{
    int a = (int) CHECK_OK(open("f", O_RDWR | O_CREAT, 0600));
    CHECK_EQ(flock(a, LOCK_EX), 0);
    uint64_t t = now_ns();
    pid_t pid = (pid_t) CHECK_OK(fork());
    if (pid == 0) {
        close(a);
        int b = open("f", O_RDWR);
        _exit(flock(b, LOCK_EX) != 0 || now_ns() - t < 40000000);
    }
    sleep_ms(50);
    CHECK_EQ(flock(a, LOCK_UN), 0);
    CHECK_EXIT(pid, 0);
}

CASE(posix_locks)
{
    int fd = (int) CHECK_OK(open("f", O_RDWR | O_CREAT, 0600));
    struct flock l = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 10, .l_len = 10};
    CHECK_EQ(fcntl(fd, F_SETLK, &l), 0);
    pid_t parent = getpid(), pid = (pid_t) CHECK_OK(fork());
    if (pid == 0) {
        struct flock m = l;
        CHECK_EQ(fcntl(fd, F_GETLK, &m), 0);
        CHECK_EQ(m.l_type, F_WRLCK);
        CHECK_EQ(m.l_pid, parent);
        CHECK(m.l_start == 10 && m.l_len == 10);
        errno = 0;
        CHECK(fcntl(fd, F_SETLK, &l) == -1 && (errno == EAGAIN || errno == EACCES));
        m = l;
        m.l_start = 20;
        CHECK_EQ(fcntl(fd, F_SETLK, &m), 0);
        m.l_start = 0;
        CHECK_EQ(fcntl(fd, F_SETLK, &m), 0);
        _exit(0);
    }
    CHECK_EXIT(pid, 0);
    l.l_start = 0, l.l_len = 0; /* the child's locks died with it */
    CHECK_EQ(fcntl(fd, F_SETLK, &l), 0);
    close(CHECK_OK(open("f", O_RDONLY))); /* closing any descriptor of the file drops them */
    pid = (pid_t) CHECK_OK(fork());
    if (pid == 0)
        _exit(fcntl(fd, F_SETLK, &l) != 0);
    CHECK_EXIT(pid, 0);
}

CASE(posix_lock_waits)
{
    int fd = (int) CHECK_OK(open("f", O_RDWR | O_CREAT, 0600));
    struct flock l = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    CHECK_EQ(fcntl(fd, F_SETLK, &l), 0);
    uint64_t t = now_ns();
    pid_t pid = (pid_t) CHECK_OK(fork());
    if (pid == 0)
        _exit(fcntl(fd, F_SETLKW, &l) != 0 || now_ns() - t < 40000000);
    sleep_ms(50);
    l.l_type = F_UNLCK;
    CHECK_EQ(fcntl(fd, F_SETLK, &l), 0);
    CHECK_EXIT(pid, 0);
}

CASE(standard_streams_are_open)
{
    for (int i = 0; i < 3; i++)
        CHECK_OK(fcntl(i, F_GETFD));
}

CASE(nothing_foreign_is_open)
{
    /* What the caller did not hand over must not be there: 3 and up start closed. */
    struct stat st;
    int extra = 0;
    for (int i = 3; i < 1024; i++)
        extra += fstat(i, &st) == 0;
    CHECK_EQ(extra, 0);
}

GUEST_MAIN
