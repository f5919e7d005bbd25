/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Epoll sets that are waited in so often that a kernel might do something special about them:
 * everything must go on as if it did not. Members are streams and what is not: pipes, event
 * counters.
 */
#include "inet.h"

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>

#define HOT 300

struct set {
    int ep, sv[2], efd;
};

static int control(int ep, int op, int fd, uint32_t events, uint64_t data)
{
    struct epoll_event ev = {.events = events, .data.u64 = data};
    return epoll_ctl(ep, op, fd, &ev);
}

/* Events of one call, by their data, as a set of bits. */
static unsigned wait_bits(int ep, int timeout)
{
    struct epoll_event ev[8];
    unsigned bits = 0;
    int n = (int) CHECK_OK(epoll_wait(ep, ev, 8, timeout));
    for (int i = 0; i < n; i++)
        bits |= 1u << ev[i].data.u64;
    return bits;
}

/* The socket sv[0] is member 1. */
static void hot_set(struct set *s)
{
    char c;
    tcp_pair(s->sv);
    s->ep = (int) CHECK_OK(epoll_create1(EPOLL_CLOEXEC));
    CHECK_EQ(control(s->ep, EPOLL_CTL_ADD, s->sv[0], EPOLLIN, 1), 0);
    for (int i = 0; i < HOT; i++) {
        CHECK_EQ(write(s->sv[1], "x", 1), 1);
        CHECK_EQ(wait_bits(s->ep, -1), 2);
        CHECK_EQ(read(s->sv[0], &c, 1), 1);
    }
    CHECK_EQ(wait_bits(s->ep, 0), 0);
}

static void say(struct set *s)
{
    CHECK_EQ(write(s->sv[1], "y", 1), 1);
    CHECK(becomes(s->sv[0], POLLIN));
}

static void hear(struct set *s)
{
    char c;
    CHECK_EQ(read(s->sv[0], &c, 1), 1);
}

CASE(level_edge_oneshot)
{
    struct set s;
    hot_set(&s);
    for (int i = 0; i < HOT; i++) {
        say(&s);
        CHECK_EQ(wait_bits(s.ep, 0), 2);
        CHECK_EQ(wait_bits(s.ep, 0), 2);
        CHECK_EQ(control(s.ep, EPOLL_CTL_MOD, s.sv[0], EPOLLIN | EPOLLET, 2), 0);
        CHECK_EQ(wait_bits(s.ep, 0), 4);
        CHECK_EQ(wait_bits(s.ep, 0), 0);
        CHECK_EQ(control(s.ep, EPOLL_CTL_MOD, s.sv[0], EPOLLIN | EPOLLONESHOT, 3), 0);
        CHECK_EQ(wait_bits(s.ep, 0), 8);
        CHECK_EQ(wait_bits(s.ep, 0), 0);
        CHECK_EQ(control(s.ep, EPOLL_CTL_MOD, s.sv[0], EPOLLIN, 1), 0);
        CHECK_EQ(wait_bits(s.ep, 0), 2);
        hear(&s);
        CHECK_EQ(wait_bits(s.ep, 0), 0);
    }
}

CASE(members_come_and_go)
{
    struct set s;
    hot_set(&s);
    say(&s);
    for (int i = 0; i < HOT; i++) {
        CHECK_ERR(control(s.ep, EPOLL_CTL_ADD, s.sv[0], EPOLLIN, 1), EEXIST);
        CHECK_EQ(control(s.ep, EPOLL_CTL_DEL, s.sv[0], 0, 0), 0);
        CHECK_ERR(control(s.ep, EPOLL_CTL_DEL, s.sv[0], 0, 0), ENOENT);
        CHECK_ERR(control(s.ep, EPOLL_CTL_MOD, s.sv[0], EPOLLIN, 1), ENOENT);
        CHECK_EQ(wait_bits(s.ep, 0), 0);
        CHECK_EQ(control(s.ep, EPOLL_CTL_ADD, s.sv[0], EPOLLIN, 4), 0);
        CHECK_EQ(wait_bits(s.ep, 0), 16);
        CHECK_ERR(control(s.ep, EPOLL_CTL_MOD, s.sv[1], EPOLLIN, 1), ENOENT);
        CHECK_ERR(control(s.ep, 77, s.sv[0], EPOLLIN, 1), EINVAL);
        CHECK_ERR(control(s.ep, EPOLL_CTL_MOD, 999, EPOLLIN, 1), EBADF);
        CHECK_ERR(epoll_ctl(s.ep, EPOLL_CTL_MOD, s.sv[0], NULL), EFAULT);
    }
    hear(&s);
}

/* A member of one set is a member of another, too; a copy of a descriptor is a member of its own.
 */
CASE(two_sets_and_copies)
{
    struct set s, z;
    hot_set(&s);
    hot_set(&z);
    int other = (int) CHECK_OK(dup(s.sv[0]));
    CHECK_EQ(control(z.ep, EPOLL_CTL_ADD, s.sv[0], EPOLLIN, 2), 0);
    CHECK_EQ(control(s.ep, EPOLL_CTL_ADD, other, EPOLLIN, 3), 0);
    CHECK_ERR(control(s.ep, EPOLL_CTL_ADD, other, EPOLLIN, 3), EEXIST);
    say(&s);
    for (int i = 0; i < HOT; i++) {
        CHECK_EQ(wait_bits(s.ep, 0), 2 | 8);
        CHECK_EQ(wait_bits(z.ep, 0), 4);
        CHECK_EQ(control(z.ep, EPOLL_CTL_DEL, s.sv[0], 0, 0), 0);
        CHECK_EQ(control(s.ep, EPOLL_CTL_DEL, s.sv[0], 0, 0), 0);
        CHECK_EQ(wait_bits(s.ep, 0), 8);
        CHECK_EQ(wait_bits(z.ep, 0), 0);
        CHECK_EQ(control(s.ep, EPOLL_CTL_ADD, s.sv[0], EPOLLIN, 1), 0);
        CHECK_EQ(control(z.ep, EPOLL_CTL_ADD, s.sv[0], EPOLLIN, 2), 0);
    }
    CHECK_EQ(close(s.sv[0]), 0); /* the file lives on, and so do its memberships */
    CHECK_EQ(wait_bits(s.ep, 0), 2 | 8);
    CHECK_EQ(close(other), 0);
    CHECK_EQ(wait_bits(s.ep, 0), 0);
    CHECK_EQ(wait_bits(z.ep, 0), 0);
}

CASE(other_members)
{
    struct set s;
    uint64_t n = 1;
    hot_set(&s);
    s.efd = (int) CHECK_OK(eventfd(0, EFD_NONBLOCK));
    CHECK_EQ(control(s.ep, EPOLL_CTL_ADD, s.efd, EPOLLIN, 5), 0);
    for (int i = 0; i < HOT; i++) {
        CHECK_EQ(wait_bits(s.ep, 0), 0);
        CHECK_EQ(write(s.efd, &n, 8), 8);
        CHECK_EQ(wait_bits(s.ep, -1), 32);
        say(&s);
        unsigned seen = 0; /* both have their turn */
        for (int k = 0; k < 4; k++)
            seen |= wait_bits(s.ep, -1);
        CHECK_EQ(seen, 2 | 32);
        CHECK_EQ(read(s.efd, &n, 8), 8);
        CHECK_EQ(n, 1);
        CHECK_EQ(wait_bits(s.ep, 0), 2);
        hear(&s);
    }
    CHECK_EQ(control(s.ep, EPOLL_CTL_MOD, s.efd, EPOLLIN | EPOLLET, 6), 0);
    CHECK_EQ(write(s.efd, &n, 8), 8);
    CHECK_EQ(wait_bits(s.ep, -1), 64);
    CHECK_EQ(wait_bits(s.ep, 0), 0);
    CHECK_EQ(control(s.ep, EPOLL_CTL_DEL, s.efd, 0, 0), 0);
    CHECK_EQ(write(s.efd, &n, 8), 8);
    CHECK_EQ(wait_bits(s.ep, 0), 0);
}

/* One event at a time: nobody starves. */
CASE(turns)
{
    struct set s;
    uint64_t n = 1;
    struct epoll_event ev;
    unsigned count[8] = {0};
    hot_set(&s);
    s.efd = (int) CHECK_OK(eventfd(1, 0));
    CHECK_EQ(control(s.ep, EPOLL_CTL_ADD, s.efd, EPOLLIN, 5), 0);
    CHECK_EQ(control(s.ep, EPOLL_CTL_ADD, s.sv[1], EPOLLOUT, 6), 0);
    say(&s);
    for (int i = 0; i < HOT; i++) {
        CHECK_EQ(epoll_wait(s.ep, &ev, 1, -1), 1);
        count[ev.data.u64]++;
    }
    CHECK(count[1] > HOT / 10 && count[5] > HOT / 10 && count[6] > HOT / 10);
    CHECK_EQ(read(s.efd, &n, 8), 8);
}

static double now(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (double) ts.tv_sec + (double) ts.tv_nsec / 1e9;
}

static volatile sig_atomic_t caught;

static void on_signal(int signo UNUSED)
{
    caught++;
}

CASE(time_and_signals)
{
    struct set s;
    struct epoll_event ev;
    struct sigaction sa = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
    hot_set(&s);
    for (int i = 0; i < 3; i++) {
        double from = now();
        CHECK_EQ(epoll_wait(s.ep, &ev, 1, 30), 0);
        CHECK(now() - from >= 0.029);
    }
    CHECK_EQ(sigaction(SIGUSR1, &sa, NULL), 0);
    for (int i = 0; i < 3; i++) {
        pid_t me = getpid(), pid = (pid_t) CHECK_OK(fork());
        caught = 0;
        if (pid == 0) {
            while (!is_asleep(me, me))
                usleep(1000);
            _exit(kill(me, SIGUSR1) != 0);
        }
        CHECK_ERR(epoll_wait(s.ep, &ev, 1, i ? -1 : 5000), EINTR); /* never restarted */
        CHECK_EQ(caught, 1);
        CHECK_EXIT(pid, 0);
    }
    CHECK_ERR(epoll_wait(s.ep, &ev, 0, 0), EINVAL);
    CHECK_ERR(epoll_wait(s.ep, &ev, -1, 0), EINVAL);
    say(&s);
    CHECK_ERR(epoll_wait(s.ep, (void *) 8, 1, 0), EFAULT);
    CHECK_ERR(read(s.ep, &ev, sizeof(ev)), EINVAL);
    CHECK_EQ(wait_bits(s.ep, 0), 2);
    sigset_t block;
    sigfillset(&block);
    CHECK_EQ(epoll_pwait(s.ep, &ev, 1, -1, &block), 1);
}

/* A set is a file: others wait for it, and it is a member of other sets. */
CASE(the_set_itself_is_ready)
{
    struct set s;
    hot_set(&s);
    int outer = (int) CHECK_OK(epoll_create1(0));
    CHECK_EQ(control(outer, EPOLL_CTL_ADD, s.ep, EPOLLIN, 3), 0);
    for (int i = 0; i < HOT; i++) {
        struct pollfd p = {.fd = s.ep, .events = POLLIN};
        CHECK_EQ(poll(&p, 1, 0), 0);
        CHECK_EQ(wait_bits(outer, 0), 0);
        say(&s);
        CHECK_EQ(poll(&p, 1, -1), 1);
        CHECK_EQ(wait_bits(outer, -1), 8);
        CHECK_EQ(wait_bits(s.ep, 0), 2);
        hear(&s);
    }
    pid_t pid = (pid_t) CHECK_OK(fork());
    if (pid == 0) {
        usleep(20000);
        _exit(write(s.sv[1], "z", 1) != 1);
    }
    CHECK_EQ(wait_bits(outer, -1), 8);
    CHECK_EXIT(pid, 0);
}

CASE(children_and_closing)
{
    struct set s;
    hot_set(&s);
    pid_t pid = (pid_t) CHECK_OK(fork());
    if (pid == 0) {
        for (int i = 0; i < HOT; i++)
            CHECK_EQ(wait_bits(s.ep, -1), 2);
        CHECK_EQ(control(s.ep, EPOLL_CTL_MOD, s.sv[0], EPOLLIN, 3), 0);
        _exit(0);
    }
    say(&s);
    CHECK_EXIT(pid, 0);
    CHECK_EQ(wait_bits(s.ep, -1), 8); /* it is one set */
    CHECK_EQ(close(s.sv[0]), 0);
    CHECK_EQ(wait_bits(s.ep, 0), 0);
    /* The numbers' next files. */
    struct set z;
    hot_set(&z);
    CHECK_EQ(wait_bits(s.ep, 0), 0);
    CHECK_EQ(close(s.ep), 0);
    hot_set(&s);
    say(&z);
    CHECK_EQ(wait_bits(s.ep, 0), 0);
    CHECK_EQ(wait_bits(z.ep, 0), 2);
}

/* A server that listens: new connections, hang-ups, exclusive waiting. */
CASE(a_listener)
{
    int ep = (int) CHECK_OK(epoll_create1(0)), ls = listening(), port = port_of(ls);
    CHECK_EQ(control(ep, EPOLL_CTL_ADD, ls, EPOLLIN | EPOLLEXCLUSIVE, 1), 0);
    for (int i = 0; i < 150; i++) {
        int c = (int) CHECK_OK(socket(AF_INET, SOCK_STREAM, 0));
        CHECK_EQ(connect_port(c, port), 0);
        CHECK_EQ(wait_bits(ep, -1), 2);
        int a = (int) CHECK_OK(accept4(ls, NULL, NULL, SOCK_NONBLOCK));
        CHECK_EQ(control(ep, EPOLL_CTL_ADD, a, EPOLLIN | EPOLLRDHUP, 2), 0);
        CHECK_EQ(wait_bits(ep, 0), 0);
        CHECK_EQ(close(c), 0);
        CHECK_EQ(wait_bits(ep, -1), 4);
        CHECK_EQ(close(a), 0);
        CHECK_EQ(wait_bits(ep, 0), 0);
    }
    CHECK_ERR(control(ep, EPOLL_CTL_MOD, ls, EPOLLIN, 1),
              EINVAL); /* exclusive ones are not changed */
}

GUEST_MAIN
