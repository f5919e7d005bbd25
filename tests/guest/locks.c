/* SPDX-License-Identifier: Apache-2.0 */
/* File locks between processes: record locks, open file description locks, flock(2). */
#include "guest.h"
#include <sys/file.h>
#include <sys/time.h>

static struct flock range(short type, off_t start, off_t len)
{
    return (struct flock){.l_type = type, .l_whence = SEEK_SET, .l_start = start, .l_len = len};
}

static int set(int fd, int cmd, short type, off_t start, off_t len)
{
    struct flock fl = range(type, start, len);
    return fcntl(fd, cmd, &fl);
}

static int fresh(void)
{
    return (int) CHECK_OK(open("f", O_CREAT | O_RDWR, 0644));
}

/* What another process is told about [start, start+len): the type that is in the way, or F_UNLCK.
 */
static short seen(off_t start, off_t len, off_t *ret_start, off_t *ret_len)
{
    int p[2];
    struct flock fl = range(F_WRLCK, start, len);
    CHECK_EQ(pipe(p), 0);
    pid_t me = getpid(), pid = fork();
    if (pid == 0) {
        int fd = (int) CHECK_OK(open("f", O_RDWR));
        CHECK_EQ(fcntl(fd, F_GETLK, &fl), 0);
        CHECK_EQ(write(p[1], &fl, sizeof(fl)), sizeof(fl));
        _exit(0);
    }
    CHECK_EQ(read(p[0], &fl, sizeof(fl)), sizeof(fl));
    CHECK_EXIT(pid, 0);
    close(p[0]);
    close(p[1]);
    if (fl.l_type != F_UNLCK) {
        CHECK_EQ(fl.l_pid, me);
        CHECK_EQ(fl.l_whence, SEEK_SET);
        if (ret_start)
            *ret_start = fl.l_start, *ret_len = fl.l_len;
    }
    return fl.l_type;
}

CASE(split_and_merge)
{
    off_t s, n;
    int fd = fresh();
    CHECK_EQ(set(fd, F_SETLK, F_WRLCK, 0, 100), 0);
    CHECK_EQ(seen(50, 1, &s, &n), F_WRLCK);
    CHECK_EQ(s, 0);
    CHECK_EQ(n, 100);
    CHECK_EQ(set(fd, F_SETLK, F_UNLCK, 40, 20), 0);
    CHECK_EQ(seen(40, 20, NULL, NULL), F_UNLCK);
    CHECK_EQ(seen(0, 50, &s, &n), F_WRLCK);
    CHECK_EQ(s, 0);
    CHECK_EQ(n, 40);
    CHECK_EQ(seen(50, 50, &s, &n), F_WRLCK);
    CHECK_EQ(s, 60);
    CHECK_EQ(n, 40);
    CHECK_EQ(set(fd, F_SETLK, F_RDLCK, 20, 60), 0);
    CHECK_EQ(seen(30, 10, &s, &n), F_RDLCK);
    CHECK_EQ(s, 20);
    CHECK_EQ(n, 60);
    CHECK_EQ(set(fd, F_SETLK, F_WRLCK, 0, 0), 0); /* to the end, however far it moves */
    CHECK_EQ(seen(1L << 40, 1, &s, &n), F_WRLCK);
    CHECK_EQ(s, 0);
    CHECK_EQ(n, 0);
    CHECK_EQ(set(fd, F_SETLK, F_UNLCK, 0, 0), 0);
    CHECK_EQ(seen(0, 0, NULL, NULL), F_UNLCK);
}

CASE(odd_ranges)
{
    off_t s, n;
    int fd = fresh();
    struct flock fl = {.l_type = F_WRLCK, .l_whence = SEEK_END, .l_start = -10, .l_len = 5};
    CHECK_EQ(write(fd, "0123456789abcdefghij", 20), 20);
    CHECK_EQ(fcntl(fd, F_SETLK, &fl), 0);
    CHECK_EQ(seen(0, 0, &s, &n), F_WRLCK);
    CHECK_EQ(s, 10);
    CHECK_EQ(n, 5);
    CHECK_EQ(set(fd, F_SETLK, F_UNLCK, 0, 0), 0);
    CHECK_EQ(set(fd, F_SETLK, F_WRLCK, 10, -4), 0); /* the bytes before */
    CHECK_EQ(seen(0, 0, &s, &n), F_WRLCK);
    CHECK_EQ(s, 6);
    CHECK_EQ(n, 4);
    fl.l_whence = SEEK_CUR, fl.l_start = -21;
    CHECK_ERR(fcntl(fd, F_SETLK, &fl), EINVAL);
    fl.l_whence = 9;
    CHECK_ERR(fcntl(fd, F_SETLK, &fl), EINVAL);
    CHECK_ERR(set(fd, F_SETLK, 7, 0, 0), EINVAL);
    CHECK_ERR(set(fd, F_SETLK, F_WRLCK, 5, -6), EINVAL);
    CHECK_ERR(set(fd, F_SETLK, F_WRLCK, 2, 0x7fffffffffffffff), EOVERFLOW);
    int ro = (int) CHECK_OK(open("f", O_RDONLY)), wo = (int) CHECK_OK(open("f", O_WRONLY));
    CHECK_ERR(set(ro, F_SETLK, F_WRLCK, 0, 0), EBADF);
    CHECK_ERR(set(wo, F_SETLK, F_RDLCK, 0, 0), EBADF);
    CHECK_EQ(set(ro, F_SETLK, F_RDLCK, 0, 0), 0);
}

CASE(any_close_drops_all)
{
    int fd = fresh(), other = fresh();
    CHECK_EQ(set(fd, F_SETLK, F_WRLCK, 0, 0), 0);
    CHECK_EQ(seen(0, 0, NULL, NULL), F_WRLCK);
    CHECK_EQ(close(other), 0);
    CHECK_EQ(seen(0, 0, NULL, NULL), F_UNLCK);
}

CASE(not_inherited)
{
    int fd = fresh(), p[2];
    char c;
    CHECK_EQ(pipe(p), 0);
    CHECK_EQ(set(fd, F_SETLK, F_WRLCK, 0, 0), 0);
    pid_t pid = fork();
    if (pid == 0) {
        CHECK_ERR(set(fd, F_SETLK, F_RDLCK, 0, 0), EAGAIN);
        close(fd); /* a child's close does not drop the parent's */
        _exit(0);
    }
    CHECK_EXIT(pid, 0);
    CHECK_EQ(seen(0, 0, NULL, NULL), F_WRLCK);
    pid = fork(); /* what a child holds goes with it */
    if (pid == 0) {
        CHECK_EQ(set(fd, F_SETLKW, F_WRLCK, 0, 0), 0);
        CHECK_EQ(write(p[1], "x", 1), 1);
        pause();
    }
    CHECK_EQ(set(fd, F_SETLK, F_UNLCK, 0, 0), 0);
    CHECK_EQ(read(p[0], &c, 1), 1);
    CHECK_ERR(set(fd, F_SETLK, F_WRLCK, 0, 0), EAGAIN);
    CHECK_EQ(kill(pid, SIGKILL), 0);
    CHECK_EQ(set(fd, F_SETLKW, F_WRLCK, 0, 0), 0);
    CHECK_KILLED(pid, SIGKILL);
}

CASE(readers_share)
{
    int fd = fresh();
    CHECK_EQ(set(fd, F_SETLK, F_RDLCK, 0, 10), 0);
    pid_t pid = fork();
    if (pid == 0) {
        CHECK_EQ(set(fd, F_SETLK, F_RDLCK, 5, 10), 0);
        CHECK_ERR(set(fd, F_SETLK, F_WRLCK, 5, 10), EAGAIN);
        CHECK_EQ(set(fd, F_SETLK, F_WRLCK, 10, 5), 0);
        _exit(0);
    }
    CHECK_EXIT(pid, 0);
}

CASE(deadlock)
{
    int fd = fresh(), p[2];
    char c;
    CHECK_EQ(pipe(p), 0);
    CHECK_EQ(set(fd, F_SETLK, F_WRLCK, 0, 1), 0);
    pid_t pid = fork();
    if (pid == 0) {
        CHECK_EQ(set(fd, F_SETLK, F_WRLCK, 1, 1), 0);
        CHECK_EQ(write(p[1], "x", 1), 1);
        CHECK_EQ(set(fd, F_SETLKW, F_WRLCK, 0, 1), 0);
        _exit(0);
    }
    CHECK_EQ(read(p[0], &c, 1), 1);
    sleep_ms(50);
    CHECK_ERR(set(fd, F_SETLKW, F_WRLCK, 1, 1), EDEADLK);
    CHECK_EQ(set(fd, F_SETLK, F_UNLCK, 0, 1), 0);
    CHECK_EXIT(pid, 0);
}

static void on_alarm(int sig)
{
    (void) sig;
}

CASE(interrupted)
{
    struct sigaction sa = {.sa_handler = on_alarm};
    int fd = fresh(), p[2];
    char c;
    CHECK_EQ(pipe(p), 0);
    pid_t pid = fork();
    if (pid == 0) {
        CHECK_EQ(set(fd, F_SETLK, F_WRLCK, 0, 0), 0);
        CHECK_EQ(flock((int) CHECK_OK(open("f", O_RDWR)), LOCK_EX), 0);
        CHECK_EQ(write(p[1], "x", 1), 1);
        pause();
    }
    CHECK_EQ(read(p[0], &c, 1), 1);
    CHECK_EQ(sigaction(SIGALRM, &sa, NULL), 0);
    struct itimerval it = {.it_value = {0, 50000}};
    CHECK_EQ(syscall(SYS_setitimer, 0, &it, NULL), 0);
    CHECK_ERR(set(fd, F_SETLKW, F_WRLCK, 0, 0), EINTR);
    CHECK_EQ(syscall(SYS_setitimer, 0, &it, NULL), 0);
    CHECK_ERR(flock(fd, LOCK_EX), EINTR);
    CHECK_EQ(kill(pid, SIGKILL), 0);
    CHECK_KILLED(pid, SIGKILL);
}

CASE(of_open_file_descriptions)
{
    struct flock fl = range(F_WRLCK, 0, 0);
    int a = fresh(), b = fresh(), dup_a = (int) CHECK_OK(dup(a));
    CHECK_EQ(set(a, F_OFD_SETLK, F_WRLCK, 0, 10), 0);
    CHECK_EQ(set(dup_a, F_OFD_SETLK, F_RDLCK, 0, 5), 0);
    CHECK_ERR(set(b, F_OFD_SETLK, F_WRLCK, 0, 1), EAGAIN);
    CHECK_ERR(set(b, F_SETLK, F_RDLCK, 5, 1), EAGAIN); /* the other kind is met, too */
    CHECK_EQ(fcntl(b, F_OFD_GETLK, &fl), 0);
    CHECK_EQ(fl.l_type, F_RDLCK);
    CHECK_EQ(fl.l_pid, -1);
    fl = range(F_WRLCK, 0, 0);
    fl.l_pid = 1;
    CHECK_ERR(fcntl(b, F_OFD_SETLK, &fl), EINVAL);
    CHECK_EQ(close(a), 0); /* not the last one of it */
    CHECK_ERR(set(b, F_OFD_SETLK, F_WRLCK, 0, 10), EAGAIN);
    pid_t pid = fork(); /* shared with children */
    if (pid == 0) {
        CHECK_EQ(set(dup_a, F_OFD_SETLK, F_WRLCK, 0, 10), 0);
        _exit(0);
    }
    CHECK_EXIT(pid, 0);
    CHECK_EQ(close(dup_a), 0);
    CHECK_EQ(set(b, F_OFD_SETLK, F_WRLCK, 0, 10), 0);
}

CASE(flock_and_fork)
{
    int fd = fresh(), other = fresh();
    CHECK_EQ(flock(fd, LOCK_EX), 0);
    CHECK_ERR(flock(other, LOCK_SH | LOCK_NB), EWOULDBLOCK);
    pid_t pid = fork();
    if (pid == 0) {
        CHECK_EQ(flock(fd, LOCK_SH), 0); /* the same lock, made weaker */
        _exit(0);
    }
    CHECK_EXIT(pid, 0);
    CHECK_EQ(flock(other, LOCK_SH | LOCK_NB), 0);
    CHECK_ERR(flock(fd, LOCK_EX | LOCK_NB), EWOULDBLOCK);
    CHECK_EQ(flock(other, LOCK_UN), 0);
    CHECK_EQ(set(other, F_SETLK, F_WRLCK, 0, 0), 0); /* kinds that do not meet */
    CHECK_EQ(flock(fd, LOCK_EX | LOCK_NB), 0);
    int ro = (int) CHECK_OK(open("f", O_RDONLY));
    CHECK_ERR(flock(ro, LOCK_EX | LOCK_NB), EWOULDBLOCK);
    CHECK_EQ(flock(fd, LOCK_UN), 0);
    CHECK_EQ(flock(ro, LOCK_EX | LOCK_NB), 0);
}

CASE(many_contenders)
{
    enum { WORKERS = 6, ROUNDS = 100 };
    int fd = fresh(), n = 0;
    CHECK_EQ(pwrite(fd, &n, sizeof(n), 0), sizeof(n));
    for (int i = 0; i < WORKERS; i++)
        if (fork() == 0) {
            for (int k = 0; k < ROUNDS; k++) {
                CHECK_EQ(set(fd, F_SETLKW, F_WRLCK, 0, sizeof(n)), 0);
                CHECK_EQ(pread(fd, &n, sizeof(n), 0), sizeof(n));
                n++;
                CHECK_EQ(pwrite(fd, &n, sizeof(n), 0), sizeof(n));
                CHECK_EQ(set(fd, F_SETLK, F_UNLCK, 0, sizeof(n)), 0);
            }
            _exit(0);
        }
    for (int i = 0; i < WORKERS; i++) {
        int st;
        CHECK(wait(&st) > 0);
        CHECK_EQ(st, 0);
    }
    CHECK_EQ(pread(fd, &n, sizeof(n), 0), sizeof(n));
    CHECK_EQ(n, WORKERS * ROUNDS);
}

/* Hard links are one object, whichever name it was opened by. */
CASE(hard_links_share_their_locks)
{
    int fd = fresh();
    CHECK_EQ(link("f", "g"), 0);
    CHECK_EQ(set(fd, F_SETLK, F_WRLCK, 0, 10), 0);
    pid_t pid = fork();
    if (pid == 0) {
        struct flock fl = range(F_WRLCK, 5, 1);
        int other = (int) CHECK_OK(open("g", O_RDWR));
        CHECK_ERR(set(other, F_SETLK, F_WRLCK, 5, 1), EAGAIN);
        CHECK_EQ(fcntl(other, F_GETLK, &fl), 0);
        CHECK_EQ(fl.l_pid, getppid());
        CHECK_EQ(set(other, F_SETLK, F_WRLCK, 10, 1), 0);
        _exit(0);
    }
    CHECK_EXIT(pid, 0);
    /* Closing the other name drops the locks, too. */
    int again = (int) CHECK_OK(open("g", O_RDONLY));
    CHECK_EQ(seen(0, 1, NULL, NULL), F_WRLCK);
    CHECK_EQ(close(again), 0);
    CHECK_EQ(seen(0, 1, NULL, NULL), F_UNLCK);
}

CASE(hard_links_share_their_flocks)
{
    int fd = fresh();
    CHECK_EQ(link("f", "g"), 0);
    int other = (int) CHECK_OK(open("g", O_RDONLY));
    CHECK_EQ(flock(fd, LOCK_EX), 0);
    CHECK_ERR(flock(other, LOCK_SH | LOCK_NB), EWOULDBLOCK);
    CHECK_EQ(rename("g", "h"), 0);
    CHECK_ERR(flock(other, LOCK_SH | LOCK_NB), EWOULDBLOCK);
    CHECK_EQ(unlink("f"), 0);
    CHECK_ERR(flock(other, LOCK_SH | LOCK_NB), EWOULDBLOCK);
    CHECK_EQ(close(fd), 0);
    CHECK_EQ(flock(other, LOCK_SH | LOCK_NB), 0);
}

/* flock(2): the old lock goes before the new one is asked for. */
CASE(a_failed_conversion_loses_the_lock)
{
    int a = fresh(), b = fresh(), c = fresh();
    CHECK_EQ(flock(a, LOCK_SH), 0);
    CHECK_EQ(flock(b, LOCK_SH), 0);
    CHECK_ERR(flock(a, LOCK_EX | LOCK_NB), EWOULDBLOCK);
    CHECK_EQ(flock(b, LOCK_EX | LOCK_NB), 0);
    CHECK_EQ(flock(b, LOCK_EX | LOCK_NB), 0);
    CHECK_EQ(flock(b, LOCK_SH), 0);
    CHECK_EQ(flock(c, LOCK_SH | LOCK_NB), 0);
}

CASE(arguments)
{
    int fd = fresh(), rd = (int) CHECK_OK(open("f", O_RDONLY)),
        wr = (int) CHECK_OK(open("f", O_WRONLY)), at = (int) CHECK_OK(open("f", O_PATH));
    struct flock fl = range(77, 0, 0);
    CHECK_ERR(fcntl(fd, F_SETLK, &fl), EINVAL);
    CHECK_ERR(fcntl(fd, F_GETLK, &fl), EINVAL);
    fl = range(F_UNLCK, 0, 0);
    CHECK_ERR(fcntl(fd, F_GETLK, &fl), EINVAL);
    fl = range(F_RDLCK, 0, 0);
    fl.l_whence = 9;
    CHECK_ERR(fcntl(fd, F_SETLK, &fl), EINVAL);
    CHECK_ERR(set(rd, F_SETLK, F_WRLCK, 0, 1), EBADF);
    CHECK_ERR(set(wr, F_SETLK, F_RDLCK, 0, 1), EBADF);
    CHECK_EQ(set(rd, F_SETLK, F_RDLCK, 0, 1), 0);
    CHECK_ERR(set(at, F_SETLK, F_RDLCK, 0, 1), EBADF);
    CHECK_ERR(set(fd, F_SETLK, F_RDLCK, -1, 1), EINVAL);
    CHECK_ERR(set(fd, F_SETLK, F_RDLCK, 0, -1), EINVAL);
    CHECK_EQ(set(fd, F_SETLK, F_RDLCK, 1, -1), 0);
    CHECK_ERR(set(fd, F_SETLK, F_RDLCK, INT64_MAX, 2), EOVERFLOW);
    CHECK_EQ(set(fd, F_SETLK, F_RDLCK, INT64_MAX, 1), 0);
    CHECK_ERR(fcntl(fd, F_SETLK, (void *) 8), EFAULT);
    CHECK_ERR(set(999, F_SETLK, F_RDLCK, 0, 1), EBADF);
    CHECK_ERR(flock(fd, 0), EINVAL);
    CHECK_ERR(flock(fd, LOCK_SH | LOCK_EX), EINVAL);
    CHECK_ERR(flock(at, LOCK_SH), EBADF);
    CHECK_ERR(flock(999, LOCK_SH), EBADF);
    CHECK_EQ(flock(rd, LOCK_EX), 0);
}

CASE(an_open_files_own_locks)
{
    int fd = fresh();
    struct flock fl = range(F_UNLCK, 0, 0);
    fl.l_pid = 0;
    CHECK_EQ(set(fd, F_OFD_SETLK, F_WRLCK, 10, 5), 0);
    fl = range(F_WRLCK, 0, 0);
    CHECK_EQ(fcntl(fd, F_OFD_GETLK, &fl), 0); /* its own is in nobody's way */
    CHECK_EQ(fl.l_type, F_UNLCK);
    int other = (int) CHECK_OK(open("f", O_RDWR));
    fl = range(F_RDLCK, 0, 0);
    CHECK_EQ(fcntl(other, F_OFD_GETLK, &fl), 0);
    CHECK_EQ(fl.l_type, F_WRLCK);
    CHECK_EQ(fl.l_pid, -1);
    CHECK_EQ(fl.l_start, 10);
    CHECK_EQ(fl.l_len, 5);
    fl = range(F_WRLCK, 0, 1);
    fl.l_pid = 1;
    CHECK_ERR(fcntl(fd, F_OFD_SETLK, &fl), EINVAL);
}

/* Since Linux 6.5 F_UNLCK asks for the locks of the opening itself. */
CASE(asking_for_ones_own)
{
    int fd = fresh();
    struct flock fl = range(F_UNLCK, 0, 0);
    CHECK_EQ(fcntl(fd, F_OFD_GETLK, &fl), 0);
    CHECK_EQ(fl.l_type, F_UNLCK);
    CHECK_EQ(set(fd, F_OFD_SETLK, F_RDLCK, 10, 5), 0);
    fl = range(F_UNLCK, 0, 0);
    CHECK_EQ(fcntl(fd, F_OFD_GETLK, &fl), 0);
    CHECK_EQ(fl.l_type, F_RDLCK);
    CHECK_EQ(fl.l_start, 10);
    fl = range(F_UNLCK, 0, 0);
    CHECK_EQ(fcntl(fresh(), F_OFD_GETLK, &fl), 0);
    CHECK_EQ(fl.l_type, F_UNLCK);
}

CASE(directories_and_places)
{
    CHECK_EQ(mkdir("d", 0755), 0);
    int d = (int) CHECK_OK(open("d", O_RDONLY)), e = (int) CHECK_OK(open("d", O_RDONLY));
    CHECK_EQ(flock(d, LOCK_EX), 0);
    CHECK_ERR(flock(e, LOCK_SH | LOCK_NB), EWOULDBLOCK);
    CHECK_EQ(set(d, F_SETLK, F_RDLCK, 0, 0), 0);
    CHECK_ERR(set(d, F_SETLK, F_WRLCK, 0, 0), EBADF);
}

CASE(pipes_and_sockets)
{
    int p[2];
    CHECK_EQ(pipe(p), 0);
    CHECK_EQ(flock(p[0], LOCK_EX | LOCK_NB), 0);
    CHECK_ERR(flock(p[1], LOCK_EX | LOCK_NB), EWOULDBLOCK);
    CHECK_EQ(flock(p[0], LOCK_UN), 0);
    CHECK_EQ(flock(p[1], LOCK_EX | LOCK_NB), 0);
    CHECK_EQ(close(p[1]), 0);
    CHECK_EQ(flock(p[0], LOCK_EX | LOCK_NB), 0);
    CHECK_EQ(set(p[0], F_SETLK, F_RDLCK, 0, 1), 0);
}

GUEST_MAIN
