/* SPDX-License-Identifier: Apache-2.0 */
/* eventfd(2), timerfd_create(2), signalfd(2). */
#include "guest.h"

#include <poll.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>

static int ready(int fd, short want, int ms)
{
    struct pollfd pf = {.fd = fd, .events = want};
    CHECK_OK(poll(&pf, 1, ms));
    return pf.revents;
}

static void check_link(int fd, const char *want)
{
    char path[64], text[64] = "";
    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    CHECK_OK(readlink(path, text, sizeof(text) - 1));
    CHECK(strcmp(text, want) == 0);
}

CASE(eventfd_counts)
{
    uint64_t n = 3;
    int fd = (int) CHECK_OK(eventfd(2, EFD_NONBLOCK));
    check_link(fd, "anon_inode:[eventfd]");
    CHECK_EQ(write(fd, &n, 8), 8);
    CHECK_EQ(ready(fd, POLLIN | POLLOUT, 0), POLLIN | POLLOUT);
    CHECK_EQ(read(fd, &n, 8), 8);
    CHECK_EQ(n, 5);
    CHECK_ERR(read(fd, &n, 8), EAGAIN);
    CHECK_EQ(ready(fd, POLLIN | POLLOUT, 0), POLLOUT);
    CHECK_ERR(read(fd, &n, 7), EINVAL);
    CHECK_ERR(write(fd, &n, 7), EINVAL);
    n = UINT64_MAX;
    CHECK_ERR(write(fd, &n, 8), EINVAL);
    n = UINT64_MAX - 1;
    CHECK_EQ(write(fd, &n, 8), 8);
    n = 1;
    CHECK_ERR(write(fd, &n, 8), EAGAIN);
    CHECK_EQ(ready(fd, POLLIN | POLLOUT, 0), POLLIN);
    CHECK_EQ(read(fd, &n, 8), 8);
    CHECK_EQ(n, UINT64_MAX - 1);
    CHECK_ERR(eventfd(0, 2), EINVAL);
    CHECK_ERR(write(fd, (void *) 8, 8), EFAULT);
}

CASE(eventfd_semaphore)
{
    uint64_t n;
    int fd = (int) CHECK_OK(eventfd(2, EFD_NONBLOCK | EFD_SEMAPHORE | EFD_CLOEXEC));
    CHECK_EQ(fcntl(fd, F_GETFD), FD_CLOEXEC);
    CHECK_EQ(fcntl(fd, F_GETFL), O_RDWR | O_NONBLOCK);
    for (int i = 0; i < 2; i++) {
        CHECK_EQ(read(fd, &n, 8), 8);
        CHECK_EQ(n, 1);
    }
    CHECK_ERR(read(fd, &n, 8), EAGAIN);
}

CASE(eventfd_blocks)
{
    uint64_t n = UINT64_MAX - 1;
    int fd = (int) CHECK_OK(eventfd(0, 0));
    pid_t pid = (pid_t) CHECK_OK(fork());
    if (pid == 0) {
        sleep_ms(30);
        CHECK_EQ(write(fd, &n, 8), 8);
        n = 7;
        CHECK_EQ(write(fd, &n, 8), 8); /* waits until the other is read */
        _exit(0);
    }
    CHECK_EQ(read(fd, &n, 8), 8);
    CHECK_EQ(n, UINT64_MAX - 1);
    CHECK_EQ(read(fd, &n, 8), 8);
    CHECK_EQ(n, 7);
    CHECK_EXIT(pid, 0);
}

/* ---- timerfd ---- */

static struct itimerspec spec(long value_ms, long interval_ms)
{
    return (struct itimerspec){{interval_ms / 1000, interval_ms % 1000 * 1000000},
                               {value_ms / 1000, value_ms % 1000 * 1000000}};
}

CASE(timerfd_once)
{
    struct itimerspec s = spec(40, 0), now;
    uint64_t n, start = now_ns();
    int fd = (int) CHECK_OK(timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC));
    check_link(fd, "anon_inode:[timerfd]");
    CHECK_EQ(timerfd_settime(fd, 0, &s, NULL), 0);
    CHECK_EQ(timerfd_gettime(fd, &now), 0);
    CHECK(now.it_value.tv_sec == 0 && now.it_value.tv_nsec > 0 && now.it_value.tv_nsec <= 40000000);
    CHECK_EQ(ready(fd, POLLIN, 0), 0);
    CHECK_EQ(read(fd, &n, 8), 8);
    CHECK_EQ(n, 1);
    CHECK(now_ns() - start >= 40000000);
    CHECK_EQ(timerfd_gettime(fd, &now), 0);
    CHECK(now.it_value.tv_sec == 0 && now.it_value.tv_nsec == 0);
    CHECK_EQ(fcntl(fd, F_SETFL, O_NONBLOCK), 0);
    CHECK_ERR(read(fd, &n, 8), EAGAIN);
    CHECK_ERR(read(fd, &n, 4), EINVAL);
    CHECK_ERR(write(fd, &n, 8), EINVAL);
}

CASE(timerfd_periodic)
{
    struct itimerspec s = spec(10, 10), old;
    uint64_t n, sum = 0, start = now_ns();
    int fd = (int) CHECK_OK(timerfd_create(CLOCK_REALTIME, TFD_NONBLOCK));
    CHECK_EQ(timerfd_settime(fd, 0, &s, NULL), 0);
    for (int i = 0; i < 3; i++) {
        CHECK_EQ(ready(fd, POLLIN, -1), POLLIN);
        CHECK_EQ(read(fd, &n, 8), 8);
        sum += n;
    }
    CHECK(sum >= 3 && sum <= (now_ns() - start) / 10000000);
    sleep_ms(55);
    CHECK_EQ(read(fd, &n, 8), 8);
    CHECK(n >= 4);
    s = spec(0, 0);
    CHECK_EQ(timerfd_settime(fd, 0, &s, &old), 0);
    CHECK(old.it_interval.tv_nsec == 10000000 && old.it_value.tv_nsec <= 10000000);
    CHECK_EQ(ready(fd, POLLIN, 30), 0);
}

CASE(timerfd_absolute)
{
    struct itimerspec s = {0};
    uint64_t n;
    const clockid_t clocks[] = {CLOCK_REALTIME, CLOCK_MONOTONIC, CLOCK_BOOTTIME};
    for (int i = 0; i < 3; i++) {
        int fd = (int) CHECK_OK(timerfd_create(clocks[i], 0));
        struct timespec now, then;
        clock_gettime(clocks[i], &now);
        s.it_value = now;
        s.it_value.tv_nsec += 30000000;
        if (s.it_value.tv_nsec >= 1000000000) {
            s.it_value.tv_nsec -= 1000000000;
            s.it_value.tv_sec++;
        }
        CHECK_EQ(timerfd_settime(fd, TFD_TIMER_ABSTIME, &s, NULL), 0);
        CHECK_EQ(read(fd, &n, 8), 8);
        CHECK_EQ(n, 1);
        clock_gettime(clocks[i], &then);
        CHECK(then.tv_sec > s.it_value.tv_sec ||
              (then.tv_sec == s.it_value.tv_sec && then.tv_nsec >= s.it_value.tv_nsec));
        s.it_value = (struct timespec){1, 0}; /* long ago */
        CHECK_EQ(timerfd_settime(fd, TFD_TIMER_ABSTIME, &s, NULL), 0);
        CHECK_EQ(read(fd, &n, 8), 8);
        close(fd);
    }
}

CASE(timerfd_errors)
{
    struct itimerspec s = spec(1, 0);
    int p[2], fd = (int) CHECK_OK(timerfd_create(CLOCK_MONOTONIC, 0));
    CHECK_EQ(pipe(p), 0);
    CHECK_ERR(timerfd_create(CLOCK_PROCESS_CPUTIME_ID, 0), EINVAL);
    CHECK_ERR(timerfd_create(CLOCK_MONOTONIC, 1), EINVAL);
    CHECK_ERR(timerfd_settime(p[0], 0, &s, NULL), EINVAL);
    CHECK_ERR(timerfd_settime(999, 0, &s, NULL), EBADF);
    CHECK_ERR(timerfd_settime(fd, 8, &s, NULL), EINVAL);
    CHECK_ERR(timerfd_gettime(fd, (void *) 8), EFAULT);
    s.it_value.tv_nsec = 1000000000;
    CHECK_ERR(timerfd_settime(fd, 0, &s, NULL), EINVAL);
}

CASE(timerfd_short_period)
{
    struct itimerspec s = {{0, 1}, {0, 1}};
    uint64_t n;
    int fd = (int) CHECK_OK(timerfd_create(CLOCK_MONOTONIC, 0));
    CHECK_EQ(timerfd_settime(fd, 0, &s, NULL), 0);
    sleep_ms(20);
    CHECK_EQ(read(fd, &n, 8), 8);
    CHECK(n > 1000000);
}

CASE(timerfd_in_epoll)
{
    struct itimerspec s = spec(10, 10);
    struct epoll_event ev = {.events = EPOLLIN | EPOLLET};
    uint64_t n;
    int ep = (int) CHECK_OK(epoll_create1(0)),
        fd = (int) CHECK_OK(timerfd_create(CLOCK_MONOTONIC, 0));
    CHECK_EQ(epoll_ctl(ep, EPOLL_CTL_ADD, fd, &ev), 0);
    CHECK_EQ(timerfd_settime(fd, 0, &s, NULL), 0);
    for (int i = 0; i < 5; i++) {
        CHECK_EQ(epoll_wait(ep, &ev, 1, 1000), 1);
        CHECK_EQ(read(fd, &n, 8), 8);
    }
}

/* ---- signalfd ---- */

static int make_signalfd(int flags, int a, int b)
{
    sigset_t s;
    sigemptyset(&s);
    sigaddset(&s, a);
    sigaddset(&s, b);
    sigprocmask(SIG_BLOCK, &s, NULL);
    return (int) CHECK_OK(signalfd(-1, &s, flags));
}

CASE(signalfd_reads)
{
    struct signalfd_siginfo si[3];
    union sigval v = {.sival_int = 42};
    int fd = make_signalfd(SFD_NONBLOCK, SIGUSR1, SIGRTMIN + 1);
    check_link(fd, "anon_inode:[signalfd]");
    CHECK_ERR(read(fd, si, sizeof(si)), EAGAIN);
    CHECK_EQ(ready(fd, POLLIN, 0), 0);
    CHECK_EQ(kill(getpid(), SIGUSR1), 0);
    CHECK_EQ(sigqueue(getpid(), SIGRTMIN + 1, v), 0);
    CHECK_EQ(ready(fd, POLLIN, 0), POLLIN);
    CHECK_ERR(read(fd, si, 100), EINVAL);
    CHECK_EQ(read(fd, si, sizeof(si)), 2 * (ssize_t) sizeof(si[0]));
    CHECK_EQ(si[0].ssi_signo, SIGUSR1);
    CHECK_EQ(si[0].ssi_code, SI_USER);
    CHECK_EQ(si[0].ssi_pid, getpid());
    CHECK_EQ(si[0].ssi_uid, getuid());
    CHECK_EQ(si[1].ssi_signo, SIGRTMIN + 1);
    CHECK_EQ(si[1].ssi_code, SI_QUEUE);
    CHECK_EQ(si[1].ssi_int, 42);
    CHECK_EQ(ready(fd, POLLIN, 0), 0);
    raise(SIGUSR1); /* to the thread */
    CHECK_EQ(ready(fd, POLLIN, 0), POLLIN);
    CHECK_EQ(read(fd, si, sizeof(si)), (ssize_t) sizeof(si[0]));
}

CASE(signalfd_waits)
{
    struct signalfd_siginfo si;
    int fd = make_signalfd(0, SIGCHLD, SIGUSR1);
    pid_t pid = (pid_t) CHECK_OK(fork());
    if (pid == 0) {
        sleep_ms(30);
        _exit(7);
    }
    CHECK_EQ(read(fd, &si, sizeof(si)), (ssize_t) sizeof(si));
    CHECK_EQ(si.ssi_signo, SIGCHLD);
    CHECK_EQ(si.ssi_code, CLD_EXITED);
    CHECK_EQ(si.ssi_pid, pid);
    CHECK_EQ(si.ssi_status, 7);
    CHECK_EXIT(pid, 7);
    pid = (pid_t) CHECK_OK(fork());
    if (pid == 0) {
        sleep_ms(30);
        _exit(kill(getppid(), SIGUSR1) != 0);
    }
    CHECK_EQ(ready(fd, POLLIN, -1), POLLIN);
    CHECK_EXIT(pid, 0);
}

CASE(signalfd_mask_changes)
{
    struct signalfd_siginfo si;
    sigset_t s;
    int p[2], fd = make_signalfd(SFD_NONBLOCK, SIGUSR1, SIGUSR2);
    raise(SIGUSR2);
    sigemptyset(&s);
    sigaddset(&s, SIGUSR1);
    sigaddset(&s, SIGKILL); /* left out silently */
    CHECK_EQ(signalfd(fd, &s, 0), fd);
    CHECK_ERR(read(fd, &si, sizeof(si)), EAGAIN);
    sigaddset(&s, SIGUSR2);
    CHECK_EQ(signalfd(fd, &s, 0), fd);
    CHECK_EQ(read(fd, &si, sizeof(si)), (ssize_t) sizeof(si));
    CHECK_EQ(pipe(p), 0);
    CHECK_ERR(signalfd(p[0], &s, 0), EINVAL);
    CHECK_ERR(signalfd(999, &s, 0), EBADF);
    CHECK_ERR(signalfd(-1, &s, 1), EINVAL);
    CHECK_ERR(syscall(SYS_signalfd4, -1, &s, 4, 0), EINVAL);
}

CASE(signalfd_gives_each_process_its_own)
{
    struct signalfd_siginfo si;
    int fd = make_signalfd(0, SIGUSR1, SIGUSR2);
    pid_t parent = getpid(), pid = (pid_t) CHECK_OK(fork());
    if (pid == 0) {
        CHECK_EQ(kill(parent, SIGUSR2), 0);
        CHECK_EQ(ready(fd, POLLIN, 30), 0);
        CHECK_EQ(read(fd, &si, sizeof(si)), (ssize_t) sizeof(si)); /* waits for the parent's */
        _exit(si.ssi_signo != SIGUSR1);
    }
    CHECK_EQ(read(fd, &si, sizeof(si)), (ssize_t) sizeof(si));
    CHECK_EQ(si.ssi_signo, SIGUSR2);
    sleep_ms(60);
    CHECK_EQ(kill(pid, SIGUSR1), 0);
    CHECK_EXIT(pid, 0);
}

CASE(signalfd_in_epoll)
{
    struct epoll_event ev = {.events = EPOLLIN};
    struct signalfd_siginfo si;
    int ep = (int) CHECK_OK(epoll_create1(0)), fd = make_signalfd(SFD_NONBLOCK, SIGUSR1, SIGUSR2);
    CHECK_EQ(epoll_ctl(ep, EPOLL_CTL_ADD, fd, &ev), 0);
    pid_t parent = getpid(), pid = (pid_t) CHECK_OK(fork());
    if (pid == 0) {
        sleep_ms(20);
        _exit(kill(parent, SIGUSR1) != 0);
    }
    CHECK_EQ(epoll_wait(ep, &ev, 1, -1), 1);
    CHECK_EQ(read(fd, &si, sizeof(si)), (ssize_t) sizeof(si));
    CHECK_EQ(epoll_wait(ep, &ev, 1, 0), 0);
    CHECK_EXIT(pid, 0);
}

GUEST_MAIN
