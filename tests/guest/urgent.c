/* SPDX-License-Identifier: Apache-2.0 */
/* Urgent data of TCP, and the signals sockets send: tcp(7) "Sockets API", socket(7) "Signals". */
#include "inet.h"

static volatile sig_atomic_t urgents, ios;
static siginfo_t last;

static void on_urgent(int signo UNUSED)
{
    urgents++;
}

static void on_io(int signo UNUSED, siginfo_t *info, void *context UNUSED)
{
    last = *info;
    ios++;
}

static bool comes(volatile sig_atomic_t *n, int want)
{
    for (int i = 0; i < 300 && *n < want; i++)
        sleep_ms(10);
    return *n == want;
}

static int at_mark(int fd)
{
    int n = -1;
    CHECK_EQ(ioctl(fd, SIOCATMARK, &n), 0);
    return n;
}

CASE(byte_out_of_band)
{
    char b[8];
    int sv[2];
    tcp_pair(sv);
    CHECK_EQ(send(sv[0], "abc", 3, MSG_OOB), 3); /* the last one is it */
    CHECK(becomes(sv[1], POLLPRI));
    CHECK_EQ(events(sv[1]), POLLIN | POLLRDNORM | POLLPRI | WRITABLE);
    CHECK_EQ(recv(sv[1], b, 8, 0), 2);
    CHECK_EQ(at_mark(sv[1]), 1);
    CHECK_EQ(recv(sv[1], b, 8, MSG_OOB), 1);
    CHECK_EQ(b[0], 'c');
    CHECK_ERR(recv(sv[1], b, 8, MSG_OOB), EINVAL);
    CHECK_EQ(events(sv[1]) & POLLPRI, 0);
}

CASE(none_out_of_band)
{
    char b;
    int sv[2];
    tcp_pair(sv);
    CHECK_ERR(recv(sv[1], &b, 1, MSG_OOB), EINVAL);
    CHECK_EQ(send(sv[0], "x", 1, 0), 1);
    CHECK(becomes(sv[1], POLLIN));
    CHECK_ERR(recv(sv[1], &b, 1, MSG_OOB), EINVAL);
    CHECK_EQ(at_mark(sv[1]), 0);
}

CASE(peek_out_of_band)
{
    char b;
    int sv[2];
    tcp_pair(sv);
    CHECK_EQ(send(sv[0], "!", 1, MSG_OOB), 1);
    CHECK(becomes(sv[1], POLLPRI));
    CHECK_EQ(recv(sv[1], &b, 1, MSG_OOB | MSG_PEEK), 1);
    CHECK_EQ(recv(sv[1], &b, 1, MSG_OOB), 1);
    CHECK_EQ(b, '!');
}

CASE(reads_stop_at_the_mark)
{
    char b[16];
    int sv[2];
    tcp_pair(sv);
    CHECK_EQ(send(sv[0], "before", 6, 0), 6);
    CHECK_EQ(send(sv[0], "!", 1, MSG_OOB), 1);
    CHECK_EQ(send(sv[0], "after", 5, 0), 5);
    CHECK(becomes(sv[1], POLLPRI));
    sleep_ms(20);
    CHECK_EQ(at_mark(sv[1]), 0);
    CHECK_EQ(recv(sv[1], b, 16, 0), 6);
    CHECK_EQ(at_mark(sv[1]), 1);
    CHECK_EQ(recv(sv[1], b, 16, 0), 5);
    CHECK_MEM(b, "after", 5);
    CHECK_EQ(at_mark(sv[1]), 0);
}

CASE(waiting_for_all_stops_at_the_mark)
{
    char b[16];
    int sv[2];
    tcp_pair(sv);
    CHECK_EQ(send(sv[0], "before", 6, 0), 6);
    CHECK_EQ(send(sv[0], "!", 1, MSG_OOB), 1);
    CHECK_EQ(send(sv[0], "after it all", 12, 0), 12);
    CHECK(becomes(sv[1], POLLPRI));
    sleep_ms(20);
    CHECK_EQ(recv(sv[1], b, 12, MSG_WAITALL), 6);
    CHECK_EQ(recv(sv[1], b, 12, MSG_WAITALL), 12);
    CHECK_MEM(b, "after it all", 12);
}

CASE(inline_urgent)
{
    char b[16];
    int sv[2];
    tcp_pair(sv);
    set_int(sv[1], SO_OOBINLINE, 1);
    CHECK_EQ(send(sv[0], "ab", 2, 0), 2);
    CHECK_EQ(send(sv[0], "!", 1, MSG_OOB), 1);
    CHECK_EQ(send(sv[0], "cd", 2, 0), 2);
    CHECK(becomes(sv[1], POLLPRI));
    sleep_ms(20);
    CHECK_ERR(recv(sv[1], b, 1, MSG_OOB), EINVAL);
    CHECK_EQ(recv(sv[1], b, 16, 0), 2);
    CHECK_EQ(at_mark(sv[1]), 1);
    CHECK_EQ(recv(sv[1], b, 16, 0), 3);
    CHECK_MEM(b, "!cd", 3);
}

CASE(select_sees_it)
{
    struct timeval tv = {3, 0};
    fd_set set;
    int sv[2];
    tcp_pair(sv);
    CHECK_EQ(send(sv[0], "!", 1, MSG_OOB), 1);
    FD_ZERO(&set);
    FD_SET(sv[1], &set);
    CHECK_EQ(select(sv[1] + 1, NULL, NULL, &set, &tv), 1);
    CHECK(FD_ISSET(sv[1], &set));
}

CASE(epoll_sees_it)
{
    struct epoll_event ev = {.events = EPOLLPRI};
    int sv[2], ep = (int) CHECK_OK(epoll_create1(0));
    tcp_pair(sv);
    CHECK_EQ(epoll_ctl(ep, EPOLL_CTL_ADD, sv[1], &ev), 0);
    CHECK_EQ(send(sv[0], "a", 1, 0), 1);
    CHECK_EQ(epoll_wait(ep, &ev, 1, 50), 0);
    CHECK_EQ(send(sv[0], "!", 1, MSG_OOB), 1);
    CHECK_EQ(epoll_wait(ep, &ev, 1, 3000), 1);
    CHECK_EQ(ev.events, EPOLLPRI);
}

CASE(signal_of_urgent_data)
{
    char b;
    int sv[2];
    tcp_pair(sv);
    signal(SIGURG, on_urgent);
    CHECK_EQ(fcntl(sv[1], F_SETOWN, getpid()), 0);
    CHECK_EQ(fcntl(sv[1], F_GETOWN), getpid());
    CHECK_EQ(send(sv[0], "a", 1, 0), 1);
    sleep_ms(50);
    CHECK_EQ(urgents, 0);
    CHECK_EQ(send(sv[0], "!", 1, MSG_OOB), 1);
    CHECK(comes(&urgents, 1));
    CHECK_EQ(send(sv[0], "b", 1, 0), 1);
    sleep_ms(50);
    CHECK_EQ(urgents, 1);
    CHECK_EQ(recv(sv[1], &b, 1, MSG_OOB), 1);
    CHECK_EQ(send(sv[0], "!", 1, MSG_OOB), 1);
    CHECK(comes(&urgents, 2));
}

CASE(owner_is_told_by_ioctl)
{
    int sv[2], me = getpid(), who = 0;
    tcp_pair(sv);
    signal(SIGURG, on_urgent);
    CHECK_EQ(ioctl(sv[1], FIOSETOWN, &me), 0);
    CHECK_EQ(ioctl(sv[1], FIOGETOWN, &who), 0);
    CHECK_EQ(who, me);
    CHECK_EQ(ioctl(sv[1], SIOCGPGRP, &who), 0);
    CHECK_EQ(who, me);
    me = -getpgrp();
    CHECK_EQ(ioctl(sv[1], SIOCSPGRP, &me), 0);
    CHECK_EQ(fcntl(sv[1], F_GETOWN), me);
    CHECK_EQ(send(sv[0], "!", 1, MSG_OOB), 1);
    CHECK(comes(&urgents, 1));
    CHECK_ERR(ioctl(sv[1], FIOSETOWN, (void *) 8), EFAULT);
}

CASE(urgent_data_came_before)
{
    int sv[2];
    tcp_pair(sv);
    signal(SIGURG, on_urgent);
    CHECK_EQ(send(sv[0], "!", 1, MSG_OOB), 1);
    CHECK(becomes(sv[1], POLLPRI));
    CHECK_EQ(fcntl(sv[1], F_SETOWN, getpid()), 0);
    sleep_ms(50);
    CHECK_EQ(urgents, 0);
}

CASE(chosen_signal_of_urgent_data)
{
    struct sigaction sa = {.sa_sigaction = on_io, .sa_flags = SA_SIGINFO};
    int sv[2];
    tcp_pair(sv);
    signal(SIGURG, on_urgent);
    CHECK_EQ(sigaction(SIGRTMIN, &sa, NULL), 0);
    CHECK_EQ(fcntl(sv[1], F_SETOWN, getpid()), 0);
    CHECK_EQ(fcntl(sv[1], F_SETSIG, SIGRTMIN), 0);
    CHECK_EQ(fcntl(sv[1], F_SETFL, O_ASYNC), 0);
    CHECK_EQ(send(sv[0], "a", 1, 0), 1);
    CHECK(comes(&ios, 1));
    CHECK_EQ(last.si_fd, sv[1]);
    CHECK_EQ(last.si_code, POLL_IN);
}

CASE(signal_when_a_connection_comes)
{
    struct sigaction sa = {.sa_sigaction = on_io, .sa_flags = SA_SIGINFO | SA_RESTART};
    int ls = listening(), c = (int) CHECK_OK(socket(AF_INET, SOCK_STREAM, 0));
    CHECK_EQ(sigaction(SIGIO, &sa, NULL), 0);
    CHECK_EQ(fcntl(ls, F_SETOWN, getpid()), 0);
    CHECK_EQ(fcntl(ls, F_SETFL, O_ASYNC), 0);
    CHECK_EQ(connect_port(c, port_of(ls)), 0);
    for (int i = 0; i < 100 && !ios; i++)
        sleep_ms(10);
    CHECK(ios >= 1);
}

CASE(signal_of_a_datagram)
{
    struct sigaction sa = {.sa_sigaction = on_io, .sa_flags = SA_SIGINFO};
    char b[8];
    int sv[2];
    udp_pair(sv);
    CHECK_EQ(sigaction(SIGRTMIN + 1, &sa, NULL), 0);
    CHECK_EQ(fcntl(sv[1], F_SETOWN, getpid()), 0);
    CHECK_EQ(fcntl(sv[1], F_SETSIG, SIGRTMIN + 1), 0);
    CHECK_EQ(fcntl(sv[1], F_SETFL, O_ASYNC | O_NONBLOCK), 0);
    for (int i = 1; i <= 5; i++) {
        CHECK_EQ(send(sv[0], "x", 1, 0), 1);
        CHECK(comes(&ios, i));
        CHECK_EQ(last.si_code, POLL_IN);
        CHECK_EQ(last.si_fd, sv[1]);
        CHECK_EQ(recv(sv[1], b, 8, 0), 1);
    }
}

CASE(no_urgent_data_over_udp)
{
    char b;
    int sv[2];
    udp_pair(sv);
    CHECK_ERR(send(sv[0], "x", 1, MSG_OOB), EOPNOTSUPP);
    CHECK_ERR(recv(sv[1], &b, 1, MSG_OOB | MSG_DONTWAIT), EAGAIN);
}

GUEST_MAIN
