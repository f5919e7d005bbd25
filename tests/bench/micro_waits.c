/* SPDX-License-Identifier: Apache-2.0 */
/* Two processes that wait for each other: pipes, sockets, epoll. Each has a partner of its own,
 * made when it is first wanted, that ends with this program. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "micro.h"

#define PIECE (64 << 10)

static int in_fd, out_fd, epoll_fd, event_fd;
static char buf[PIECE];

static void bounce(int in, int out)
{
    char c;
    while (read(in, &c, 1) == 1)
        if (write(out, &c, 1) != 1)
            break;
}

static void swallow(int in, int out)
{
    (void) out;
    while (read(in, buf, sizeof(buf)) > 0)
        continue;
}

/* The partner has in and out, we the other ends. */
static void with_partner(int in, int out, void (*what)(int in, int out))
{
    pid_t pid = fork();
    need(pid >= 0, "fork");
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        close(in_fd);
        close(out_fd);
        what(in, out);
        _exit(0);
    }
    close(in);
    close(out);
}

/* The partner of the last one comes to its end. */
static void part(void)
{
    if (in_fd > 0)
        close(in_fd);
    if (out_fd > 0 && out_fd != in_fd)
        close(out_fd);
}

static void make_pipe(void)
{
    int there[2], back[2];
    part();
    need(pipe2(there, O_CLOEXEC) == 0 && pipe2(back, O_CLOEXEC) == 0, "pipe");
    in_fd = back[0];
    out_fd = there[1];
    with_partner(there[0], back[1], bounce);
}

static void make_sink(void)
{
    int there[2];
    part();
    need(pipe2(there, O_CLOEXEC) == 0, "pipe");
    in_fd = -1;
    out_fd = there[1];
    with_partner(there[0], -1, swallow);
}

static void make_unix(void)
{
    int s[2];
    part();
    need(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, s) == 0, "socketpair");
    in_fd = out_fd = s[0];
    with_partner(s[1], s[1], bounce);
}

static void make_tcp(void)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(a);
    int one = 1, l = socket(AF_INET, SOCK_STREAM, 0);
    part();
    need(bind(l, (void *) &a, len) == 0 && listen(l, 1) == 0 &&
             getsockname(l, (void *) &a, &len) == 0,
         "listen");
    in_fd = out_fd = socket(AF_INET, SOCK_STREAM, 0);
    need(connect(in_fd, (void *) &a, len) == 0, "connect");
    int peer = accept(l, NULL, NULL);
    need(peer >= 0, "accept");
    close(l);
    setsockopt(in_fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    setsockopt(peer, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    with_partner(peer, peer, bounce);
}

static void do_bounce(void)
{
    char c = 0;
    need(write(out_fd, &c, 1) == 1 && read(in_fd, &c, 1) == 1, "ping-pong");
}

static void do_piece(void)
{
    need(write(out_fd, buf, PIECE) == PIECE, "write");
}

static void make_epoll(void)
{
    struct epoll_event ev = {.events = EPOLLIN};
    epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    event_fd = eventfd(0, EFD_CLOEXEC);
    need(epoll_fd >= 0 && event_fd >= 0 && epoll_ctl(epoll_fd, EPOLL_CTL_ADD, event_fd, &ev) == 0,
         "epoll");
}

static void do_epoll(void)
{
    struct epoll_event ev;
    uint64_t n = 1;
    need(write(event_fd, &n, 8) == 8 && epoll_wait(epoll_fd, &ev, 1, -1) == 1 &&
             read(event_fd, &n, 8) == 8,
         "epoll");
}

const struct bench wait_benches[] = {
    {"pipe_ping_pong", do_bounce, make_pipe}, {"unix_ping_pong", do_bounce, make_unix},
    {"tcp_ping_pong", do_bounce, make_tcp},   {"pipe_64k", do_piece, make_sink},
    {"epoll_eventfd", do_epoll, make_epoll},
};
const size_t n_wait_benches = sizeof(wait_benches) / sizeof(wait_benches[0]);
