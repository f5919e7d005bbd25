/* SPDX-License-Identifier: Apache-2.0 */
/* EPOLLEXCLUSIVE, epoll_ctl(2): an event of a descriptor that is in many sets is for one of them.
 */
#include "guest.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#define N 4

struct sleeper {
    pthread_t thread;
    int set;
    _Atomic pid_t tid; /* once it is about to sleep */
};

static struct sleeper sleepers[N];
static int shared;
static bool accepts;
static _Atomic int told;

static void *sleep_once(void *arg)
{
    struct sleeper *s = arg;
    struct epoll_event ev;
    s->tid = (pid_t) syscall(SYS_gettid);
    while (epoll_wait(s->set, &ev, 1, -1) < 1)
        ;
    if (accepts && accept(shared, NULL, NULL) < 0)
        return (void *) 1;
    told++;
    return NULL;
}

static void wait_until_asleep(const struct sleeper *s)
{
    char path[64], text[256];
    for (;;) {
        snprintf(path, sizeof(path), "/proc/self/task/%d/stat", s->tid);
        int fd = s->tid ? open(path, O_RDONLY) : -1;
        ssize_t n = fd < 0 ? 0 : read(fd, text, sizeof(text) - 1);
        close(fd);
        text[n < 0 ? 0 : n] = '\0';
        const char *state = strrchr(text, ')');
        if (state && state[2] == 'S')
            return;
        sleep_ms(1);
    }
}

static void start(int fd, uint32_t events)
{
    struct epoll_event ev = {.events = events};
    shared = fd;
    for (int i = 0; i < N; i++) {
        struct sleeper *s = &sleepers[i];
        s->tid = 0;
        s->set = (int) CHECK_OK(epoll_create1(EPOLL_CLOEXEC));
        CHECK_EQ(epoll_ctl(s->set, EPOLL_CTL_ADD, fd, &ev), 0);
        CHECK_EQ(pthread_create(&s->thread, NULL, sleep_once, s), 0);
        wait_until_asleep(s);
    }
    told = 0;
}

static void wait_for(int n)
{
    while (told < n)
        sleep_ms(1);
    sleep_ms(20); /* for those that should go on sleeping */
    CHECK_EQ(told, n);
}

static void end(void)
{
    for (int i = 0; i < N; i++) {
        void *r;
        CHECK_EQ(pthread_join(sleepers[i].thread, &r), 0);
        CHECK(r == NULL);
        close(sleepers[i].set);
    }
}

/* ---- what events come from ---- */

static int pair[2];
static struct sockaddr_in address;

static void write_byte(void)
{
    CHECK_EQ(write(pair[1], "x", 1), 1);
}

static void count_one(void)
{
    uint64_t one = 1;
    CHECK_EQ(write(pair[0], &one, sizeof(one)), (ssize_t) sizeof(one));
}

static void connect_one(void)
{
    int c = (int) CHECK_OK(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    CHECK_EQ(connect(c, (void *) &address, sizeof(address)), 0);
}

static int listener(void)
{
    socklen_t n = sizeof(address);
    int ls = (int) CHECK_OK(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    address =
        (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    CHECK_EQ(bind(ls, (void *) &address, n) | listen(ls, 16), 0);
    CHECK_EQ(getsockname(ls, (void *) &address, &n), 0);
    return ls;
}

/* Each event wakes one more; who is not asleep is passed over. */
static void one_at_a_time(int fd, uint32_t how, void (*happen)(void))
{
    start(fd, EPOLLIN | EPOLLEXCLUSIVE | how);
    for (int i = 1; i <= N; i++) {
        happen();
        wait_for(i);
    }
    end();
}

CASE(of_a_pipe)
{
    for (int i = 0; i < 2; i++) {
        CHECK_EQ(pipe(pair), 0);
        one_at_a_time(pair[0], i ? EPOLLET : 0, write_byte);
    }
}

CASE(of_an_eventfd)
{
    pair[0] = (int) CHECK_OK(eventfd(0, 0));
    one_at_a_time(pair[0], 0, count_one);
}

CASE(of_a_unix_socket)
{
    CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    one_at_a_time(pair[0], 0, write_byte);
}

CASE(of_a_listener)
{
    for (int i = 0; i < 2; i++)
        one_at_a_time(listener(), i ? EPOLLET : 0, connect_one);
}

CASE(connections_that_come_together)
{
    for (int round = 0; round < 20; round++) {
        accepts = true;
        int ls = listener();
        start(ls, EPOLLIN | EPOLLEXCLUSIVE);
        for (int i = 0; i < N; i++)
            connect_one();
        wait_for(N);
        end();
        close(ls);
    }
}

CASE(a_level_stays)
{
    struct epoll_event ev;
    CHECK_EQ(pipe(pair), 0);
    start(pair[0], EPOLLIN | EPOLLEXCLUSIVE);
    write_byte();
    wait_for(1);
    int ready = 0; /* who was told, and does nothing, is told again; the others were not told */
    for (int i = 0; i < N; i++)
        ready += (int) CHECK_OK(epoll_wait(sleepers[i].set, &ev, 1, 0));
    CHECK(ready >= 1);
    for (int i = 2; i <= N; i++) {
        write_byte();
        wait_for(i);
    }
    end();
}

CASE(a_hang_up_is_for_all)
{
    CHECK_EQ(pipe(pair), 0);
    start(pair[0], EPOLLIN | EPOLLEXCLUSIVE);
    close(pair[1]);
    wait_for(N);
    end();
}

CASE(others_are_told_beside)
{
    struct epoll_event ev = {.events = EPOLLIN};
    int plain = (int) CHECK_OK(epoll_create1(EPOLL_CLOEXEC));
    CHECK_EQ(pipe(pair), 0);
    CHECK_EQ(epoll_ctl(plain, EPOLL_CTL_ADD, pair[0], &ev), 0);
    start(pair[0], EPOLLIN | EPOLLEXCLUSIVE);
    for (int i = 1; i <= N; i++) {
        write_byte();
        wait_for(i);
        CHECK_EQ(epoll_wait(plain, &ev, 1, 0), 1);
    }
    end();
}

GUEST_MAIN
