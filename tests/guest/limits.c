/* SPDX-License-Identifier: Apache-2.0 */
/* Limits, who may change them, and that they hold: getrlimit(2), prlimit(2), ioprio_set(2). */
#include "guest.h"

#include <dirent.h>
#include <pthread.h>
#include <sys/resource.h>

#define MIB (1ul << 20)

static void set_soft(int what, rlim_t soft)
{
    struct rlimit l;
    CHECK_EQ(getrlimit(what, &l), 0);
    l.rlim_cur = soft;
    CHECK_EQ(setrlimit(what, &l), 0);
}

static void *map(size_t n)
{
    return mmap(NULL, n, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}

CASE(get_and_set)
{
    struct rlimit l, back;
    for (int i = 0; i < RLIM_NLIMITS; i++) {
        CHECK_EQ(getrlimit(i, &l), 0);
        CHECK(l.rlim_cur <= l.rlim_max);
        CHECK_EQ(setrlimit(i, &l), 0);
        CHECK_EQ(getrlimit(i, &back), 0);
        CHECK_EQ(back.rlim_cur, l.rlim_cur);
        CHECK_EQ(back.rlim_max, l.rlim_max);
    }
}

CASE(bad_arguments)
{
    struct rlimit l = {10, 5};
    CHECK_ERR(setrlimit(RLIMIT_CORE, &l), EINVAL);
    CHECK_ERR(getrlimit(RLIM_NLIMITS, &l), EINVAL);
    CHECK_ERR(getrlimit(-1, &l), EINVAL);
    CHECK_ERR(syscall(SYS_getrlimit, RLIMIT_CORE, 8l), EFAULT);
    CHECK_ERR(syscall(SYS_setrlimit, RLIMIT_CORE, 8l), EFAULT);
    CHECK_ERR(prlimit(999999, RLIMIT_CORE, NULL, &l), ESRCH);
    CHECK_ERR(syscall(SYS_prlimit64, 0, RLIMIT_CORE, 8l, NULL), EFAULT);
}

CASE(open_files_cannot_pass_nr_open)
{
    struct rlimit l = {100, 1ul << 40};
    CHECK_ERR(setrlimit(RLIMIT_NOFILE, &l), EPERM);
}

CASE(raising_takes_a_privilege)
{
    if (getuid() != 0)
        SKIP("needs root");
    struct rlimit l = {50, 100};
    CHECK_EQ(setrlimit(RLIMIT_NOFILE, &l), 0);
    CHECK_EQ(setresuid(4321, 4321, 4321), 0);
    l.rlim_max = 101;
    CHECK_ERR(setrlimit(RLIMIT_NOFILE, &l), EPERM);
    l.rlim_max = 90;
    CHECK_EQ(setrlimit(RLIMIT_NOFILE, &l), 0);
    l.rlim_max = 100;
    CHECK_ERR(setrlimit(RLIMIT_NOFILE, &l), EPERM);
}

CASE(of_another_process)
{
    struct rlimit l = {33, 44}, old, now;
    int p[2];
    char c;
    CHECK_EQ(pipe(p), 0);
    pid_t pid = fork();
    if (pid == 0) {
        close(p[1]);
        (void) !read(p[0], &c, 1);
        getrlimit(RLIMIT_NOFILE, &now);
        _exit(now.rlim_cur == 33 && now.rlim_max == 44 ? 0 : 1);
    }
    CHECK_EQ(getrlimit(RLIMIT_NOFILE, &now), 0);
    CHECK_EQ(prlimit(pid, RLIMIT_NOFILE, &l, &old), 0);
    CHECK_EQ(old.rlim_cur, now.rlim_cur);
    CHECK_EQ(prlimit(pid, RLIMIT_NOFILE, NULL, &old), 0);
    CHECK_EQ(old.rlim_cur, 33);
    close(p[1]);
    CHECK_EXIT(pid, 0);
}

CASE(of_strangers)
{
    if (getuid() != 0)
        SKIP("needs root");
    struct rlimit l;
    int p[2];
    CHECK_EQ(pipe(p), 0);
    pid_t pid = fork();
    if (pid == 0) {
        char c;
        close(p[1]);
        (void) !read(p[0], &c, 1);
        _exit(0);
    }
    CHECK_EQ(setresgid(4321, 4321, 4321), 0);
    CHECK_EQ(setresuid(4321, 4321, 4321), 0);
    CHECK_ERR(prlimit(pid, RLIMIT_NOFILE, NULL, &l), EPERM);
    CHECK_EQ(getrlimit(RLIMIT_NOFILE, &l), 0);
    CHECK_ERR(prlimit(pid, RLIMIT_NOFILE, &l, NULL), EPERM);
    close(p[1]);
    CHECK_EXIT(pid, 0);
}

CASE(threads_share_them)
{
    set_soft(RLIMIT_NOFILE, 77);
    pid_t pid = fork();
    if (pid == 0) {
        struct rlimit l;
        getrlimit(RLIMIT_NOFILE, &l);
        _exit(l.rlim_cur == 77 ? 0 : 1);
    }
    CHECK_EXIT(pid, 0);
}

CASE(open_files)
{
    set_soft(RLIMIT_NOFILE, 20);
    int last = -1, fd;
    while ((fd = open("/dev/null", O_RDONLY)) >= 0)
        last = fd;
    CHECK_EQ(errno, EMFILE);
    CHECK_EQ(last, 19);
    CHECK_ERR(dup2(0, 20), EBADF);
    CHECK_ERR(fcntl(0, F_DUPFD, 20), EINVAL);
    CHECK_ERR(fcntl(0, F_DUPFD, 10), EMFILE);
}

CASE(file_size)
{
    signal(SIGXFSZ, SIG_IGN);
    set_soft(RLIMIT_FSIZE, 1000);
    int fd = (int) CHECK_OK(open("f", O_WRONLY | O_CREAT, 0600));
    static char buf[4000];
    CHECK_EQ(write(fd, buf, sizeof(buf)), 1000);
    CHECK_ERR(write(fd, buf, 1), EFBIG);
    CHECK_ERR(ftruncate(fd, 2000), EFBIG);
    pid_t pid = fork();
    if (pid == 0) {
        signal(SIGXFSZ, SIG_DFL);
        (void) !write(fd, buf, 1);
        _exit(0);
    }
    int st;
    CHECK_EQ(waitpid(pid, &st, 0), pid);
    CHECK_EQ(WTERMSIG(st), SIGXFSZ);
}

CASE(address_space)
{
    void *a = CHECK_MAP(map(64 * MIB));
    munmap(a, 64 * MIB);
    set_soft(RLIMIT_AS, 48 * MIB);
    CHECK(map(64 * MIB) == MAP_FAILED);
    CHECK_EQ(errno, ENOMEM);
    CHECK_MAP(map(8 * MIB));
    struct rlimit l;
    CHECK_EQ(getrlimit(RLIMIT_AS, &l), 0);
    CHECK_EQ(l.rlim_cur, 48 * MIB);
    set_soft(RLIMIT_AS, RLIM_INFINITY);
    CHECK_MAP(map(64 * MIB));
}

CASE(data)
{
    set_soft(RLIMIT_DATA, 32 * MIB);
    CHECK(map(64 * MIB) == MAP_FAILED);
    CHECK_EQ(errno, ENOMEM);
    CHECK(sbrk(64 * (long) MIB) == (void *) -1);
    CHECK_EQ(errno, ENOMEM);
    CHECK_MAP(map(4 * MIB));
}

int guest_mode(const char *mode, int argc UNUSED, char **argv UNUSED)
{
    if (strcmp(mode, "as") == 0)
        return map(128 * MIB) == MAP_FAILED && map(8 * MIB) != MAP_FAILED ? 0 : 1;
    if (strcmp(mode, "data") == 0)
        return map(64 * MIB) == MAP_FAILED && map(4 * MIB) != MAP_FAILED ? 0 : 1;
    return 2;
}

static void by_exec(int what, rlim_t soft, const char *mode)
{
    pid_t pid = fork();
    if (pid == 0) {
        set_soft(what, soft);
        execl(guest_self, guest_self, "--mode", mode, (char *) NULL);
        _exit(3);
    }
    CHECK_EXIT(pid, 0);
}

CASE(over_exec)
{
    by_exec(RLIMIT_AS, 64 * MIB, "as");
    by_exec(RLIMIT_DATA, 32 * MIB, "data");
}

CASE(over_fork)
{
    set_soft(RLIMIT_AS, 64 * MIB);
    pid_t pid = fork();
    if (pid == 0)
        _exit(map(128 * MIB) == MAP_FAILED ? 0 : 1);
    CHECK_EXIT(pid, 0);
}

CASE(lowered_and_raised_again)
{
    set_soft(RLIMIT_DATA, 16 * MIB);
    CHECK(map(64 * MIB) == MAP_FAILED);
    set_soft(RLIMIT_DATA, RLIM_INFINITY);
    CHECK_MAP(map(64 * MIB));
}

CASE(by_another_process)
{
    struct rlimit l;
    int p[2];
    CHECK_EQ(pipe(p), 0);
    CHECK_EQ(getrlimit(RLIMIT_DATA, &l), 0);
    pid_t pid = fork();
    if (pid == 0) {
        char c;
        close(p[1]);
        (void) !read(p[0], &c, 1);
        _exit(map(64 * MIB) == MAP_FAILED ? 0 : 1);
    }
    l.rlim_cur = 16 * MIB;
    CHECK_EQ(prlimit(pid, RLIMIT_DATA, &l, NULL), 0);
    close(p[1]);
    CHECK_EXIT(pid, 0);
}

CASE(locked_memory)
{
    if (getuid() != 0)
        SKIP("needs root");
    char *m = CHECK_MAP(map(MIB));
    struct rlimit l = {64 << 10, 64 << 10};
    CHECK_EQ(setrlimit(RLIMIT_MEMLOCK, &l), 0);
    CHECK_EQ(setresuid(4321, 4321, 4321), 0);
    CHECK_ERR(mlock(m, MIB), ENOMEM);
    CHECK_EQ(mlock(m, 32 << 10), 0);
    CHECK_EQ(munlock(m, 32 << 10), 0);
}

CASE(processes)
{
    if (getuid() != 0)
        SKIP("needs root");
    struct rlimit l = {3, 3};
    CHECK_EQ(setrlimit(RLIMIT_NPROC, &l), 0);
    CHECK_EQ(setresuid(7654, 7654, 7654), 0);
    int made = 0, p[2];
    CHECK_EQ(pipe(p), 0);
    for (; made < 10; made++) {
        pid_t pid = fork();
        if (pid < 0)
            break;
        if (pid == 0) {
            char c;
            close(p[1]);
            (void) !read(p[0], &c, 1);
            _exit(0);
        }
    }
    CHECK_EQ(errno, EAGAIN);
    CHECK_EQ(made, 2); /* with us that makes three */
    close(p[1]);
}

CASE(pending_signals)
{
    sigset_t set;
    union sigval v = {.sival_int = 1};
    int sent = 0;
    sigfillset(&set);
    CHECK_EQ(sigprocmask(SIG_BLOCK, &set, NULL), 0);
    set_soft(RLIMIT_SIGPENDING, 10);
    for (; sent < 100; sent++)
        if (sigqueue(getpid(), SIGRTMIN + 1, v) != 0)
            break;
    CHECK_EQ(errno, EAGAIN);
    CHECK(sent <= 10);
    CHECK_EQ(kill(getpid(), SIGUSR1), 0); /* the standard ones always come through */
}

CASE(priority)
{
    if (getuid() != 0)
        SKIP("needs root");
    CHECK_EQ(setresuid(4321, 4321, 4321), 0);
    CHECK_EQ(setpriority(PRIO_PROCESS, 0, 5), 0);
    errno = 0;
    CHECK_EQ(getpriority(PRIO_PROCESS, 0), 5);
    CHECK_ERR(setpriority(PRIO_PROCESS, 0, 4), EACCES);
    CHECK_ERR(nice(-1), EPERM);
    CHECK_EQ(nice(2), 7);
}

CASE(priority_within_the_limit)
{
    if (getuid() != 0)
        SKIP("needs root");
    struct rlimit l = {20, 20}; /* as far as nice 0 */
    if (setrlimit(RLIMIT_NICE, &l) != 0)
        SKIP("may not raise it");
    CHECK_EQ(setresuid(4321, 4321, 4321), 0);
    CHECK_EQ(setpriority(PRIO_PROCESS, 0, 5), 0);
    CHECK_EQ(setpriority(PRIO_PROCESS, 0, 0), 0);
    CHECK_ERR(setpriority(PRIO_PROCESS, 0, -1), EACCES);
}

#define IO_VALUE(class, level) ((class) << 13 | (level))

static long io_set(int which, int who, int value)
{
    return syscall(SYS_ioprio_set, which, who, value);
}

static long io_get(int which, int who)
{
    return syscall(SYS_ioprio_get, which, who);
}

CASE(io_priority)
{
    CHECK_EQ(io_set(1, 0, IO_VALUE(2, 6)), 0);
    CHECK_EQ(io_get(1, 0), IO_VALUE(2, 6));
    CHECK_EQ(io_get(1, getpid()), IO_VALUE(2, 6));
    pid_t pid = fork();
    if (pid == 0)
        _exit(io_get(1, 0) == IO_VALUE(2, 6) ? 0 : 1);
    CHECK_EXIT(pid, 0);
    CHECK_EQ(io_set(1, 0, IO_VALUE(3, 0)), 0);
    CHECK_EQ(io_get(1, 0), IO_VALUE(3, 0));
}

CASE(io_priority_errors)
{
    CHECK_ERR(io_set(1, 0, IO_VALUE(4, 0)), EINVAL);
    CHECK_ERR(io_set(1, 0, IO_VALUE(0, 3)), EINVAL);
    CHECK_ERR(io_set(0, 0, IO_VALUE(2, 3)), EINVAL);
    CHECK_ERR(io_set(4, 0, IO_VALUE(2, 3)), EINVAL);
    CHECK_ERR(io_set(1, 999999, IO_VALUE(2, 3)), ESRCH);
    CHECK_ERR(io_get(1, 999999), ESRCH);
    CHECK_ERR(io_get(4, 0), EINVAL);
}

CASE(io_priority_of_groups)
{
    CHECK_EQ(io_set(2, 0, IO_VALUE(2, 5)), 0); /* our process group */
    CHECK_EQ(io_get(1, 0), IO_VALUE(2, 5));
    CHECK_EQ(io_get(2, getpgrp()), IO_VALUE(2, 5));
}

CASE(io_priority_of_strangers)
{
    if (getuid() != 0)
        SKIP("needs root");
    pid_t parent = getpid(), pid = fork();
    if (pid == 0) {
        CHECK_EQ(setresuid(4321, 4321, 4321), 0);
        CHECK_ERR(io_set(1, parent, IO_VALUE(2, 7)), EPERM);
        CHECK_ERR(io_set(1, 0, IO_VALUE(1, 0)), EPERM);
        _exit(0);
    }
    CHECK_EXIT(pid, 0);
}

GUEST_MAIN
