/* SPDX-License-Identifier: Apache-2.0 */
/* epoll(7). */
#include "guest.h"

#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

static int ep;

static int make(void)
{
    ep = (int) CHECK_OK(epoll_create1(EPOLL_CLOEXEC));
    return ep;
}

static void add(int set, int fd, uint32_t events, uint64_t data)
{
    struct epoll_event ev = {.events = events, .data.u64 = data};
    CHECK_EQ(epoll_ctl(set, EPOLL_CTL_ADD, fd, &ev), 0);
}

static int modify(int fd, uint32_t events, uint64_t data)
{
    struct epoll_event ev = {.events = events, .data.u64 = data};
    return epoll_ctl(ep, EPOLL_CTL_MOD, fd, &ev);
}

/* The events of the only ready member, 0: none. */
static uint32_t one(int set, int ms, uint64_t data)
{
    struct epoll_event ev[4];
    int n = (int) CHECK_OK(epoll_wait(set, ev, 4, ms));
    CHECK(n <= 1);
    if (n)
        CHECK_EQ(ev[0].data.u64, data);
    return n ? ev[0].events : 0;
}

CASE(create_flags)
{
    CHECK_ERR(epoll_create1(1), EINVAL);
    CHECK_ERR(epoll_create(0), EINVAL);
    int fd = (int) CHECK_OK(epoll_create(1));
    CHECK_EQ(fcntl(fd, F_GETFD), 0);
    CHECK_EQ(fcntl(make(), F_GETFD), FD_CLOEXEC);
    char text[64] = "", path[64];
    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    CHECK_OK(readlink(path, text, sizeof(text) - 1));
    CHECK(strcmp(text, "anon_inode:[eventpoll]") == 0);
    CHECK_ERR(read(fd, text, 1), EINVAL);
    CHECK_EQ(lseek(fd, 0, SEEK_SET), 0);
}

CASE(control_errors)
{
    struct epoll_event ev = {.events = EPOLLIN};
    int p[2], file = (int) CHECK_OK(open("f", O_CREAT | O_RDWR, 0600));
    make();
    CHECK_EQ(pipe(p), 0);
    CHECK_ERR(epoll_ctl(ep, EPOLL_CTL_ADD, file, &ev), EPERM);
    CHECK_ERR(epoll_ctl(ep, EPOLL_CTL_ADD, 999, &ev), EBADF);
    CHECK_ERR(epoll_ctl(999, EPOLL_CTL_ADD, p[0], &ev), EBADF);
    CHECK_ERR(epoll_ctl(p[1], EPOLL_CTL_ADD, p[0], &ev), EINVAL);
    CHECK_ERR(epoll_ctl(ep, EPOLL_CTL_ADD, ep, &ev), EINVAL);
    CHECK_ERR(epoll_ctl(ep, 7, p[0], &ev), EINVAL);
    CHECK_ERR(epoll_ctl(ep, EPOLL_CTL_ADD, p[0], NULL), EFAULT);
    CHECK_ERR(epoll_ctl(ep, EPOLL_CTL_MOD, p[0], &ev), ENOENT);
    CHECK_ERR(epoll_ctl(ep, EPOLL_CTL_DEL, p[0], NULL), ENOENT);
    add(ep, p[0], EPOLLIN, 1);
    CHECK_ERR(epoll_ctl(ep, EPOLL_CTL_ADD, p[0], &ev), EEXIST);
    CHECK_EQ(epoll_ctl(ep, EPOLL_CTL_DEL, p[0], NULL), 0);
    CHECK_ERR(epoll_ctl(ep, EPOLL_CTL_DEL, p[0], NULL), ENOENT);
}

CASE(wait_errors)
{
    struct epoll_event ev[2];
    int p[2];
    make();
    CHECK_EQ(pipe(p), 0);
    CHECK_ERR(epoll_wait(ep, ev, 0, 0), EINVAL);
    CHECK_ERR(epoll_wait(ep, ev, -1, 0), EINVAL);
    CHECK_ERR(epoll_wait(p[0], ev, 1, 0), EINVAL);
    CHECK_ERR(epoll_wait(999, ev, 1, 0), EBADF);
    add(ep, p[1], EPOLLOUT, 1);
    CHECK_ERR(epoll_wait(ep, (void *) 8, 1, 0), EFAULT);
}

CASE(level)
{
    int p[2];
    char c;
    make();
    CHECK_EQ(pipe(p), 0);
    add(ep, p[0], EPOLLIN, 77);
    CHECK_EQ(one(ep, 0, 0), 0);
    CHECK_EQ(write(p[1], "ab", 2), 2);
    for (int i = 0; i < 3; i++)
        CHECK_EQ(one(ep, -1, 77), EPOLLIN);
    CHECK_EQ(read(p[0], &c, 1), 1);
    CHECK_EQ(one(ep, -1, 77), EPOLLIN);
    CHECK_EQ(read(p[0], &c, 1), 1);
    CHECK_EQ(one(ep, 0, 0), 0);
    close(p[1]);
    CHECK_EQ(one(ep, -1, 77), EPOLLHUP);
}

CASE(fdinfo_lists_members)
{
    char path[64], text[4096] = "", want[64];
    int p[2];
    make();
    CHECK_EQ(pipe(p), 0);
    add(ep, p[0], EPOLLIN | EPOLLET, 0x1234);
    snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", ep);
    int fd = (int) CHECK_OK(open(path, O_RDONLY));
    CHECK_OK(read(fd, text, sizeof(text) - 1));
    snprintf(want, sizeof(want), "tfd: %8d events: 80000019 data: %16x ", p[0], 0x1234);
    CHECK(strstr(text, want) != NULL);
}

CASE(edge)
{
    int p[2];
    make();
    CHECK_EQ(pipe(p), 0);
    add(ep, p[0], EPOLLIN | EPOLLET, 5);
    CHECK_EQ(write(p[1], "ab", 2), 2);
    CHECK_EQ(one(ep, -1, 5), EPOLLIN);
    CHECK_EQ(one(ep, 0, 0), 0);
    CHECK_EQ(write(p[1], "c", 1), 1);
    CHECK_EQ(one(ep, -1, 5), EPOLLIN);
    CHECK_EQ(one(ep, 20, 0), 0);
    CHECK_EQ(modify(p[0], EPOLLIN | EPOLLET, 6), 0); /* asks anew */
    CHECK_EQ(one(ep, 0, 6), EPOLLIN);
    CHECK_EQ(one(ep, 0, 0), 0);
}

CASE(edge_ready_when_added)
{
    int p[2];
    make();
    CHECK_EQ(pipe(p), 0);
    add(ep, p[1], EPOLLOUT | EPOLLIN | EPOLLET, 9);
    CHECK_EQ(one(ep, 0, 9), EPOLLOUT);
    CHECK_EQ(one(ep, 0, 0), 0);
}

/* What is ready when it is added is told once, however it comes to be known. */
CASE(edge_told_once)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t n = sizeof(a);
    int ls = (int) CHECK_OK(socket(AF_INET, SOCK_STREAM, 0));
    CHECK_EQ(bind(ls, (void *) &a, n) | listen(ls, 1) | getsockname(ls, (void *) &a, &n), 0);
    for (int i = 0; i < 100; i++) {
        int c = (int) CHECK_OK(socket(AF_INET, SOCK_STREAM, 0));
        CHECK_EQ(connect(c, (void *) &a, n), 0);
        int s = (int) CHECK_OK(accept(ls, NULL, NULL)), first = make(), second = make();
        add(first, s, EPOLLIN | EPOLLOUT | EPOLLET, 1);
        CHECK_EQ(one(first, 0, 1), EPOLLOUT);
        CHECK_EQ(one(first, 1, 1), 0);
        add(second, s, EPOLLIN | EPOLLOUT | EPOLLET, 2);
        CHECK_EQ(one(second, 0, 2), EPOLLOUT);
        CHECK_EQ(one(first, 1, 1), 0);
        CHECK_EQ(write(c, "x", 1), 1);
        CHECK_EQ(one(first, 1000, 1), EPOLLIN | EPOLLOUT);
        CHECK_EQ(one(second, 1000, 2), EPOLLIN | EPOLLOUT);
        close(first);
        close(second);
        close(s);
        close(c);
    }
}

CASE(one_shot)
{
    int p[2];
    make();
    CHECK_EQ(pipe(p), 0);
    add(ep, p[0], EPOLLIN | EPOLLONESHOT, 5);
    CHECK_EQ(write(p[1], "a", 1), 1);
    CHECK_EQ(one(ep, -1, 5), EPOLLIN);
    CHECK_EQ(write(p[1], "a", 1), 1);
    CHECK_EQ(one(ep, 0, 0), 0);
    close(p[1]);
    CHECK_EQ(one(ep, 0, 0), 0);
    CHECK_EQ(modify(p[0], EPOLLIN | EPOLLONESHOT, 6), 0);
    CHECK_EQ(one(ep, 0, 6), EPOLLIN | EPOLLHUP);
    CHECK_EQ(one(ep, 0, 0), 0);
}

CASE(modified)
{
    int p[2];
    make();
    CHECK_EQ(pipe(p), 0);
    add(ep, p[1], 0, 1);
    CHECK_EQ(one(ep, 0, 0), 0);
    CHECK_EQ(modify(p[1], EPOLLOUT, 2), 0);
    CHECK_EQ(one(ep, 0, 2), EPOLLOUT);
    CHECK_EQ(modify(p[1], EPOLLIN, 3), 0);
    CHECK_EQ(one(ep, 0, 0), 0);
    close(p[0]);
    CHECK_EQ(one(ep, -1, 3), EPOLLERR);
}

CASE(exclusive)
{
    struct epoll_event ev = {.events = EPOLLIN | EPOLLEXCLUSIVE};
    int p[2], other = make();
    make();
    CHECK_EQ(pipe(p), 0);
    add(ep, p[0], EPOLLIN | EPOLLEXCLUSIVE, 4);
    CHECK_ERR(modify(p[0], EPOLLIN, 4), EINVAL);
    ev.events = EPOLLIN | EPOLLEXCLUSIVE | EPOLLONESHOT;
    CHECK_ERR(epoll_ctl(ep, EPOLL_CTL_ADD, p[1], &ev), EINVAL);
    ev.events = EPOLLIN | EPOLLEXCLUSIVE;
    CHECK_ERR(epoll_ctl(ep, EPOLL_CTL_ADD, other, &ev), EINVAL);
    CHECK_EQ(write(p[1], "a", 1), 1);
    CHECK_EQ(one(ep, -1, 4), EPOLLIN);
}

CASE(closed_files_leave)
{
    int p[2];
    make();
    CHECK_EQ(pipe(p), 0);
    add(ep, p[0], EPOLLIN, 1);
    CHECK_EQ(write(p[1], "a", 1), 1);
    int copy = (int) CHECK_OK(dup(p[0]));
    close(p[0]);
    CHECK_EQ(one(ep, 0, 1), EPOLLIN); /* the description lives on */
    close(copy);
    CHECK_EQ(one(ep, 0, 0), 0);
    CHECK_EQ(pipe(p), 0); /* the same numbers again */
    add(ep, p[0], EPOLLIN, 2);
    CHECK_EQ(one(ep, 0, 0), 0);
}

CASE(the_set_goes_first)
{
    int p[2];
    for (int i = 0; i < 100; i++) {
        make();
        CHECK_EQ(pipe(p), 0);
        add(ep, p[0], EPOLLIN, 1);
        add(ep, p[1], EPOLLOUT | EPOLLET, 2);
        if (i & 1)
            close(ep);
        CHECK_EQ(write(p[1], "a", 1), 1);
        close(p[0]);
        close(p[1]);
        if (!(i & 1))
            close(ep);
    }
}

CASE(two_numbers_of_one_file)
{
    struct epoll_event ev[4];
    int p[2];
    make();
    CHECK_EQ(pipe(p), 0);
    int copy = (int) CHECK_OK(dup(p[0]));
    add(ep, p[0], EPOLLIN, 1);
    add(ep, copy, EPOLLIN, 2);
    CHECK_EQ(write(p[1], "a", 1), 1);
    CHECK_EQ(epoll_wait(ep, ev, 4, -1), 2);
    CHECK_EQ(ev[0].data.u64 + ev[1].data.u64, 3);
}

CASE(takes_turns)
{
    struct epoll_event ev[1];
    int p[3][2], seen = 0;
    make();
    for (int i = 0; i < 3; i++) {
        CHECK_EQ(pipe(p[i]), 0);
        add(ep, p[i][1], EPOLLOUT, (uint64_t) i);
    }
    for (int i = 0; i < 3; i++) {
        CHECK_EQ(epoll_wait(ep, ev, 1, -1), 1);
        seen |= 1 << ev[0].data.u64;
    }
    CHECK_EQ(seen, 7);
}

CASE(many)
{
    enum { N = 400 };
    static struct epoll_event ev[2 * N];
    static bool seen[N];
    make();
    for (int i = 0; i < N; i++)
        add(ep, (int) CHECK_OK(eventfd(i % 4 != 0, 0)), EPOLLIN, (uint64_t) i);
    CHECK_EQ(epoll_wait(ep, ev, 2 * N, 0), N * 3 / 4);
    for (int i = 0; i < N * 3 / 4; i++) {
        CHECK(ev[i].data.u64 % 4 != 0 && !seen[ev[i].data.u64]);
        seen[ev[i].data.u64] = true;
    }
}

CASE(timeout)
{
    make();
    uint64_t t = now_ns();
    CHECK_EQ(one(ep, 40, 0), 0);
    CHECK(now_ns() - t >= 40000000);
    struct timespec ts = {0, 30000000}, bad = {0, -1};
    struct epoll_event ev;
    t = now_ns();
    CHECK_EQ(syscall(SYS_epoll_pwait2, ep, &ev, 1, &ts, NULL, 0), 0);
    CHECK(now_ns() - t >= 30000000);
    CHECK_ERR(syscall(SYS_epoll_pwait2, ep, &ev, 1, &bad, NULL, 0), EINVAL);
}

static void nothing(int sig)
{
    (void) sig;
}

CASE(interrupted_never_restarted)
{
    struct sigaction sa = {.sa_handler = nothing, .sa_flags = SA_RESTART};
    struct epoll_event ev;
    make();
    sigaction(SIGALRM, &sa, NULL);
    pid_t parent = getpid(), pid = (pid_t) CHECK_OK(fork());
    if (pid == 0) {
        sleep_ms(30);
        kill(parent, SIGALRM);
        _exit(0);
    }
    CHECK_ERR(epoll_wait(ep, &ev, 1, 10000), EINTR);
    CHECK_EXIT(pid, 0);
}

CASE(pwait_mask)
{
    struct epoll_event ev;
    sigset_t s, none;
    make();
    sigemptyset(&s);
    sigemptyset(&none);
    sigaddset(&s, SIGUSR1);
    sigprocmask(SIG_BLOCK, &s, NULL);
    signal(SIGUSR1, nothing);
    CHECK_EQ(epoll_pwait(ep, &ev, 1, 5, NULL), 0);
    raise(SIGUSR1);
    CHECK_ERR(epoll_pwait(ep, &ev, 1, -1, &none), EINTR);
    CHECK_EQ(epoll_pwait(ep, &ev, 1, 5, &none), 0);
    sigprocmask(SIG_BLOCK, NULL, &none);
    CHECK(sigismember(&none, SIGUSR1));
}

CASE(wakes_from_a_child)
{
    int p[2];
    make();
    CHECK_EQ(pipe(p), 0);
    add(ep, p[0], EPOLLIN, 3);
    pid_t pid = (pid_t) CHECK_OK(fork());
    if (pid == 0) {
        sleep_ms(30);
        _exit(write(p[1], "x", 1) != 1);
    }
    CHECK_EQ(one(ep, -1, 3), EPOLLIN);
    CHECK_EXIT(pid, 0);
}

CASE(nested)
{
    struct pollfd pf = {.events = POLLIN};
    int p[2], inner = make(), outer = make();
    char c;
    CHECK_EQ(pipe(p), 0);
    add(inner, p[0], EPOLLIN, 1);
    add(outer, inner, EPOLLIN, 2);
    pf.fd = outer;
    CHECK_EQ(poll(&pf, 1, 0), 0);
    CHECK_EQ(one(outer, 0, 0), 0);
    CHECK_EQ(write(p[1], "a", 1), 1);
    CHECK_EQ(poll(&pf, 1, -1), 1);
    CHECK_EQ(pf.revents, POLLIN);
    CHECK_EQ(one(outer, -1, 2), EPOLLIN);
    CHECK_EQ(one(inner, -1, 1), EPOLLIN);
    CHECK_EQ(read(p[0], &c, 1), 1);
    CHECK_EQ(one(outer, 0, 0), 0);
    pid_t pid = (pid_t) CHECK_OK(fork());
    if (pid == 0) {
        sleep_ms(20);
        _exit(write(p[1], "x", 1) != 1);
    }
    CHECK_EQ(one(outer, -1, 2), EPOLLIN);
    CHECK_EXIT(pid, 0);
    close(inner);
    CHECK_EQ(one(outer, 0, 0), 0);
}

CASE(nesting_has_an_end)
{
    struct epoll_event ev = {.events = EPOLLIN};
    int e[8];
    for (int i = 0; i < 8; i++)
        e[i] = make();
    add(e[0], e[1], EPOLLIN, 0);
    add(e[1], e[2], EPOLLIN, 0);
    CHECK_ERR(epoll_ctl(e[2], EPOLL_CTL_ADD, e[0], &ev), ELOOP);
    CHECK_ERR(epoll_ctl(e[1], EPOLL_CTL_ADD, e[0], &ev), ELOOP);
    add(e[2], e[3], EPOLLIN, 0);
    add(e[3], e[4], EPOLLIN, 0);
    CHECK_ERR(epoll_ctl(e[4], EPOLL_CTL_ADD, e[5], &ev), ELOOP);
    CHECK_ERR(epoll_ctl(e[5], EPOLL_CTL_ADD, e[0], &ev), ELOOP);
    CHECK_EQ(epoll_ctl(e[2], EPOLL_CTL_DEL, e[3], NULL), 0);
    add(e[4], e[5], EPOLLIN, 0);
    CHECK_ERR(epoll_ctl(e[5], EPOLL_CTL_ADD, e[0], &ev), ELOOP);
    add(e[5], e[1], EPOLLIN, 0);
}

/* ---- threads ---- */

static int counter_fd;
static _Atomic int told;

static void *waiter(void *arg)
{
    struct epoll_event ev;
    uint64_t n;
    (void) arg;
    while (epoll_wait(ep, &ev, 1, -1) == 1) {
        if (ev.data.u64 == 99)
            return NULL;
        if (read(counter_fd, &n, 8) == 8)
            told++;
    }
    return (void *) 1;
}

CASE(threads_on_one_set)
{
    enum { N = 4, ROUNDS = 500 };
    pthread_t th[N];
    uint64_t n = 1;
    void *r;
    make();
    counter_fd = (int) CHECK_OK(eventfd(0, EFD_NONBLOCK | EFD_SEMAPHORE));
    int stop = (int) CHECK_OK(eventfd(0, EFD_NONBLOCK));
    add(ep, counter_fd, EPOLLIN, 1);
    add(ep, stop, EPOLLIN, 99);
    for (int i = 0; i < N; i++)
        CHECK_EQ(pthread_create(&th[i], NULL, waiter, NULL), 0);
    for (int i = 0; i < ROUNDS; i++)
        CHECK_EQ(write(counter_fd, &n, 8), 8);
    while (told < ROUNDS)
        sleep_ms(1);
    CHECK_EQ(write(stop, &n, 8), 8);
    for (int i = 0; i < N; i++) {
        CHECK_EQ(pthread_join(th[i], &r), 0);
        CHECK(r == NULL);
    }
    CHECK_EQ(told, ROUNDS);
}

static void *opener(void *arg)
{
    (void) arg;
    for (int i = 0; i < 500; i++) {
        struct epoll_event ev = {.events = EPOLLIN | EPOLLOUT};
        int fd = eventfd(1, EFD_NONBLOCK);
        if (fd < 0 || epoll_ctl(ep, EPOLL_CTL_ADD, fd, &ev) < 0)
            return (void *) 1;
        if (i & 1)
            epoll_ctl(ep, EPOLL_CTL_DEL, fd, NULL);
        close(fd);
    }
    return NULL;
}

CASE(all_that_are_ready_at_once)
{
    enum { MANY = 900 };
    static struct epoll_event out[4 * MANY];
    int ep = (int) CHECK_OK(epoll_create1(EPOLL_CLOEXEC)), first = -1;
    struct epoll_event ev = {.events = EPOLLIN};

    for (int i = 0; i < MANY; i++) {
        int fd = eventfd(1, EFD_CLOEXEC);
        CHECK(fd >= 0);
        first = first < 0 ? fd : first;
        CHECK_EQ(epoll_ctl(ep, EPOLL_CTL_ADD, fd, &ev), 0);
    }
    CHECK_EQ(epoll_wait(ep, out, 4 * MANY, 0), MANY);
    CHECK_EQ(epoll_wait(ep, out, MANY - 1, 0), MANY - 1);
    CHECK_EQ(close(first), 0);
    CHECK_EQ(epoll_wait(ep, out, 4 * MANY, -1), MANY - 1);
}

CASE(members_come_and_go)
{
    struct epoll_event ev[8];
    pthread_t th[3];
    void *r;
    make();
    for (int i = 0; i < 3; i++)
        CHECK_EQ(pthread_create(&th[i], NULL, opener, NULL), 0);
    for (int i = 0; i < 1000; i++)
        CHECK_OK(epoll_wait(ep, ev, 8, 0));
    for (int i = 0; i < 3; i++) {
        CHECK_EQ(pthread_join(th[i], &r), 0);
        CHECK(r == NULL);
    }
    CHECK_EQ(epoll_wait(ep, ev, 8, 0), 0);
}

CASE(edge_for_one_of_many)
{
    int p[2], ready = 0;
    make();
    CHECK_EQ(pipe(p), 0);
    add(ep, p[0], EPOLLIN | EPOLLET, 1);
    pid_t pid[3];
    int result[2];
    CHECK_EQ(pipe(result), 0);
    for (int i = 0; i < 3; i++) {
        pid[i] = (pid_t) CHECK_OK(fork());
        if (pid[i] == 0) {
            struct epoll_event ev;
            int n = epoll_wait(ep, &ev, 1, 300);
            _exit(write(result[1], n == 1 ? "1" : "0", 1) != 1);
        }
    }
    sleep_ms(50);
    CHECK_EQ(write(p[1], "x", 1), 1);
    for (int i = 0; i < 3; i++) {
        char c;
        CHECK_EQ(read(result[0], &c, 1), 1);
        ready += c - '0';
        CHECK_EXIT(pid[i], 0);
    }
    CHECK_EQ(ready, 1);
}

GUEST_MAIN
