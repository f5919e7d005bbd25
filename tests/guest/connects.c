/* SPDX-License-Identifier: Apache-2.0 */
/* Connecting, listening and parting: connect(2), listen(2), accept(2), shutdown(2), tcp(7). */
#include "inet.h"

static int tcp(int flags)
{
    return (int) CHECK_OK(socket(AF_INET, SOCK_STREAM | flags, 0));
}

static int closed_port(void)
{
    int fd = bound_inet(SOCK_STREAM), port = port_of(fd);
    CHECK_EQ(close(fd), 0);
    return port;
}

static int to_nobody(int fd)
{
    struct sockaddr a = {.sa_family = AF_UNSPEC};
    return connect(fd, &a, sizeof(a));
}

/* A listener whose queue is full: the next connection waits for ever. */
static int full_listener(int clients[3])
{
    int ls = bound_inet(SOCK_STREAM);
    CHECK_EQ(listen(ls, 0), 0);
    for (int i = 0; i < 3; i++) {
        clients[i] = tcp(SOCK_NONBLOCK);
        if (connect_port(clients[i], port_of(ls)) < 0)
            CHECK_EQ(errno, EINPROGRESS);
        sleep_ms(20);
    }
    return ls;
}

/* ---- connect ---- */

CASE(again_while_it_is_going_on)
{
    int c[3], ls = full_listener(c), fd = tcp(SOCK_NONBLOCK);
    CHECK_ERR(connect_port(fd, port_of(ls)), EINPROGRESS);
    CHECK_ERR(connect_port(fd, port_of(ls)), EALREADY);
    CHECK_EQ(events(fd), 0);
    CHECK_EQ(int_option(fd, SO_ERROR), 0);
    CHECK_EQ(close(fd), 0);
}

CASE(again_when_it_is_done)
{
    int ls = listening(), fd = tcp(SOCK_NONBLOCK);
    if (connect_port(fd, port_of(ls)) < 0)
        CHECK_EQ(errno, EINPROGRESS);
    CHECK(becomes(fd, POLLOUT));
    int r = connect_port(fd, port_of(ls));
    CHECK(r == 0 || errno == EISCONN);
    CHECK_ERR(connect_port(fd, port_of(ls)), EISCONN);
}

CASE(after_a_refusal)
{
    int ls = listening(), fd = tcp(0);
    CHECK_ERR(connect_port(fd, closed_port()), ECONNREFUSED);
    CHECK_EQ(int_option(fd, SO_ERROR), 0);
    CHECK_EQ(connect_port(fd, port_of(ls)), 0);
    CHECK_EQ(write(fd, "x", 1), 1);
}

CASE(interrupted)
{
    int c[3], ls = full_listener(c), fd = tcp(0);
    struct itimerval it = {.it_value = {0, 50000}};
    handle(SIGALRM, 0);
    setitimer(ITIMER_REAL, &it, NULL);
    CHECK_ERR(connect_port(fd, port_of(ls)), EINTR);
    nonblock(fd);
    CHECK_ERR(connect_port(fd, port_of(ls)), EALREADY); /* it goes on */
}

CASE(interrupted_with_a_timeout)
{
    int c[3], ls = full_listener(c), fd = tcp(0);
    struct itimerval it = {.it_value = {0, 50000}};
    set_timeout(fd, SO_SNDTIMEO, 5000);
    handle(SIGALRM, SA_RESTART);
    setitimer(ITIMER_REAL, &it, NULL);
    CHECK_ERR(connect_port(fd, port_of(ls)), EINTR);
}

CASE(timed_out)
{
    int c[3], ls = full_listener(c), fd = tcp(0);
    set_timeout(fd, SO_SNDTIMEO, 60);
    CHECK_ERR(connect_port(fd, port_of(ls)), EINPROGRESS);
    CHECK_ERR(connect_port(fd, port_of(ls)), EALREADY);
}

CASE(given_up)
{
    int c[3], ls = full_listener(c), fd = tcp(SOCK_NONBLOCK), other = listening();
    CHECK_ERR(connect_port(fd, port_of(ls)), EINPROGRESS);
    CHECK_EQ(to_nobody(fd), 0);
    CHECK_EQ(connect_port(fd, port_of(other)) == 0 || errno == EINPROGRESS, true);
    CHECK(becomes(fd, POLLOUT));
}

CASE(parted_by_connect)
{
    char b;
    int sv[2];
    tcp_pair(sv);
    CHECK_EQ(to_nobody(sv[0]), 0);
    CHECK_ERR(write(sv[0], "x", 1), ECONNRESET);
    CHECK_ERR(read(sv[1], &b, 1), ECONNRESET);
    CHECK_ERR(getpeername(sv[0], (void *) (struct sockaddr_in[1]){}, (socklen_t[1]){16}), ENOTCONN);
}

CASE(to_itself)
{
    char b[8];
    int fd = bound_inet(SOCK_STREAM);
    CHECK_EQ(connect_port(fd, port_of(fd)), 0);
    CHECK_EQ(write(fd, "self", 4), 4);
    CHECK_EQ(read(fd, b, 8), 4);
    CHECK_EQ(shutdown(fd, SHUT_WR), 0);
    CHECK_EQ(read(fd, b, 8), 0);
}

CASE(bad_addresses)
{
    struct sockaddr_in a = here(1);
    int fd = tcp(0);
    CHECK_ERR(connect(fd, (void *) &a, 1), EINVAL);
    CHECK_ERR(connect(fd, (void *) &a, 8), EINVAL);
    CHECK_ERR(connect(fd, (void *) &a, 200), EINVAL);
    CHECK_ERR(connect(fd, (void *) 8, sizeof(a)), EFAULT);
    a.sin_family = AF_INET6;
    CHECK_ERR(connect(fd, (void *) &a, sizeof(a)), EAFNOSUPPORT);
    a = here(0);
    CHECK_ERR(connect(fd, (void *) &a, sizeof(a)), ECONNREFUSED);
    a.sin_addr.s_addr = htonl(0x7fffffff);
    a.sin_port = htons(9);
    CHECK(connect(fd, (void *) &a, sizeof(a)) < 0);
    CHECK(errno == EACCES || errno == ENETUNREACH);
}

CASE(to_any_is_here)
{
    struct sockaddr_in a = {.sin_family = AF_INET};
    int ls = listening(), fd = tcp(0);
    a.sin_port = htons((uint16_t) port_of(ls));
    CHECK_EQ(connect(fd, (void *) &a, sizeof(a)), 0);
}

/* ---- listen, accept ---- */

CASE(listens_without_a_name)
{
    int fd = tcp(0);
    CHECK_EQ(listen(fd, 1), 0);
    struct sockaddr_in a;
    socklen_t n = sizeof(a);
    CHECK_EQ(getsockname(fd, (void *) &a, &n), 0);
    CHECK(a.sin_port != 0);
    CHECK_EQ(listen(fd, 5), 0); /* once more */
    CHECK_EQ(listen(fd, -1), 0);
    CHECK_ERR(connect_port(fd, 9), EISCONN);
    CHECK_EQ(events(fd), 0);
}

CASE(listening_while_connected)
{
    int sv[2];
    tcp_pair(sv);
    CHECK_ERR(listen(sv[0], 1), EINVAL);
    CHECK_ERR(accept(sv[0], NULL, NULL), EINVAL);
}

CASE(listener_is_shut)
{
    int ls = listening(), port = port_of(ls);
    CHECK_EQ(shutdown(ls, SHUT_RD), 0);
    CHECK_ERR(accept(ls, NULL, NULL), EINVAL);
    CHECK_ERR(connect_port(tcp(0), port), ECONNREFUSED);
    CHECK_EQ(listen(ls, 1), 0); /* with another port, for it had asked for any */
    CHECK_EQ(connect_port(tcp(0), port_of(ls)), 0);
}

static void *shut_later(void *arg)
{
    sleep_ms(60);
    shutdown((int) (intptr_t) arg, SHUT_RDWR);
    return NULL;
}

CASE(listener_is_shut_while_accepting)
{
    pthread_t th;
    int ls = listening();
    CHECK_EQ(pthread_create(&th, NULL, shut_later, (void *) (intptr_t) ls), 0);
    CHECK_ERR(accept(ls, NULL, NULL), EINVAL);
    CHECK_EQ(pthread_join(th, NULL), 0);
}

CASE(reader_is_shut)
{
    char b;
    pthread_t th;
    int sv[2];
    tcp_pair(sv);
    CHECK_EQ(pthread_create(&th, NULL, shut_later, (void *) (intptr_t) sv[0]), 0);
    CHECK_EQ(read(sv[0], &b, 1), 0);
    CHECK_EQ(pthread_join(th, NULL), 0);
}

CASE(gone_before_it_was_accepted)
{
    struct linger l = {1, 0};
    char b;
    int ls = listening(), c = tcp(0);
    CHECK_EQ(connect_port(c, port_of(ls)), 0);
    CHECK_EQ(setsockopt(c, SOL_SOCKET, SO_LINGER, &l, sizeof(l)), 0);
    CHECK_EQ(close(c), 0);
    sleep_ms(20);
    int s = (int) CHECK_OK(accept(ls, NULL, NULL)); /* Linux gives it all the same */
    CHECK_ERR(read(s, &b, 1), ECONNRESET);
    CHECK_ERR(getpeername(s, (void *) (struct sockaddr_in[1]){}, (socklen_t[1]){16}), ENOTCONN);
}

CASE(accept_corners)
{
    struct sockaddr_in a;
    socklen_t n = 4;
    int ls = listening(), c = tcp(0);
    CHECK_ERR(accept4(ls, NULL, NULL, 0x40), EINVAL);
    CHECK_EQ(connect_port(c, port_of(ls)), 0);
    memset(&a, 0x55, sizeof(a));
    int s = (int) CHECK_OK(accept(ls, (void *) &a, &n));
    CHECK_EQ(n, sizeof(a));
    CHECK_EQ(a.sin_addr.s_addr, 0x55555555);
    CHECK_EQ(fcntl(s, F_GETFL), O_RDWR);
    c = tcp(0);
    CHECK_EQ(connect_port(c, port_of(ls)), 0);
    n = (socklen_t) -1;
    CHECK_ERR(accept(ls, (void *) &a, &n), EINVAL);
}

CASE(flags_are_not_inherited)
{
    int ls = listening(), c = tcp(0);
    nonblock(ls);
    CHECK_EQ(connect_port(c, port_of(ls)), 0);
    CHECK(becomes(ls, POLLIN));
    int s = (int) CHECK_OK(accept(ls, NULL, NULL));
    CHECK_EQ(fcntl(s, F_GETFL), O_RDWR);
}

CASE(queue_of_none_holds_one)
{
    int ls = bound_inet(SOCK_STREAM), c = tcp(0), d = tcp(SOCK_NONBLOCK);
    CHECK_EQ(listen(ls, 0), 0);
    CHECK_EQ(connect_port(c, port_of(ls)), 0);
    CHECK_ERR(connect_port(d, port_of(ls)), EINPROGRESS);
    sleep_ms(50);
    CHECK_EQ(events(d), 0);
    CHECK_OK(accept(ls, NULL, NULL));
    CHECK(becomes(d, POLLOUT)); /* at its next attempt */
}

/* ---- parting ---- */

CASE(states_by_poll)
{
    char b;
    int sv[2];
    tcp_pair(sv);
    CHECK_EQ(events(sv[0]), WRITABLE);
    CHECK_EQ(shutdown(sv[1], SHUT_WR), 0);
    CHECK(becomes(sv[0], POLLRDHUP));
    CHECK_EQ(events(sv[0]), READABLE | WRITABLE | POLLRDHUP);
    CHECK_EQ(read(sv[0], &b, 1), 0);
    CHECK_EQ(shutdown(sv[0], SHUT_WR), 0);
    CHECK(becomes(sv[1], POLLHUP));
    CHECK_EQ(events(sv[0]), READABLE | WRITABLE | POLLRDHUP | POLLHUP);
    CHECK_EQ(events(sv[1]), READABLE | WRITABLE | POLLRDHUP | POLLHUP);
}

CASE(shut_for_reading)
{
    char b[8];
    int sv[2];
    tcp_pair(sv);
    CHECK_EQ(write(sv[0], "abc", 3), 3);
    CHECK(becomes(sv[1], POLLIN));
    CHECK_EQ(shutdown(sv[1], SHUT_RD), 0);
    CHECK_EQ(events(sv[1]), READABLE | WRITABLE | POLLRDHUP);
    CHECK_EQ(read(sv[1], b, 8), 3); /* what has come is there */
    CHECK_EQ(read(sv[1], b, 8), 0);
    CHECK_EQ(write(sv[0], "d", 1), 1); /* nobody tells the peer */
    CHECK_EQ(write(sv[1], "e", 1), 1);
    CHECK_EQ(read(sv[0], b, 8), 1);
}

CASE(unread_data_reset)
{
    char b;
    int sv[2];
    tcp_pair(sv);
    CHECK_EQ(write(sv[0], "abc", 3), 3);
    CHECK(becomes(sv[1], POLLIN));
    CHECK_EQ(close(sv[1]), 0);
    CHECK(becomes(sv[0], POLLHUP));
    CHECK_EQ(events(sv[0]), READABLE | WRITABLE | POLLRDHUP | POLLHUP | POLLERR);
    CHECK_ERR(read(sv[0], &b, 1), ECONNRESET);
    CHECK_EQ(read(sv[0], &b, 1), 0);
    CHECK_ERR(send(sv[0], "x", 1, MSG_NOSIGNAL), EPIPE);
}

CASE(written_to_the_gone)
{
    int sv[2];
    tcp_pair(sv);
    CHECK_EQ(close(sv[1]), 0);
    CHECK(becomes(sv[0], POLLIN));
    CHECK_EQ(send(sv[0], "x", 1, MSG_NOSIGNAL), 1);
    CHECK(becomes(sv[0], POLLHUP));
    CHECK_EQ(int_option(sv[0], SO_ERROR), EPIPE);
    CHECK_ERR(send(sv[0], "x", 1, MSG_NOSIGNAL), EPIPE);
}

CASE(reset_is_so_error)
{
    struct linger l = {1, 0};
    int sv[2];
    tcp_pair(sv);
    CHECK_EQ(setsockopt(sv[1], SOL_SOCKET, SO_LINGER, &l, sizeof(l)), 0);
    CHECK_EQ(close(sv[1]), 0);
    CHECK(becomes(sv[0], POLLERR));
    CHECK_EQ(int_option(sv[0], SO_ERROR), ECONNRESET);
    CHECK_EQ(int_option(sv[0], SO_ERROR), 0);
    CHECK_ERR(send(sv[0], "x", 1, MSG_NOSIGNAL), EPIPE);
}

CASE(shut_twice)
{
    int sv[2];
    tcp_pair(sv);
    CHECK_EQ(shutdown(sv[0], SHUT_WR), 0);
    CHECK_EQ(shutdown(sv[0], SHUT_WR), 0);
    CHECK_EQ(shutdown(sv[0], SHUT_RDWR), 0);
    CHECK_EQ(close(sv[1]), 0);
    sleep_ms(20);
    CHECK_ERR(shutdown(sv[0], SHUT_RDWR), ENOTCONN);
}

/* ---- bind ---- */

CASE(both_families)
{
    struct sockaddr_in6 a = {.sin6_family = AF_INET6}, peer;
    socklen_t n = sizeof(a);
    int ls = socket(AF_INET6, SOCK_STREAM, 0), c = tcp(0), other = tcp(0);
    if (ls < 0)
        SKIP("no IPv6");
    set_option(ls, IPPROTO_IPV6, IPV6_V6ONLY, 0);
    CHECK_EQ(bind(ls, (void *) &a, n), 0);
    CHECK_EQ(listen(ls, 1), 0);
    CHECK_EQ(getsockname(ls, (void *) &a, &n), 0);
    struct sockaddr_in b = here(ntohs(a.sin6_port));
    CHECK_ERR(bind(other, (void *) &b, sizeof(b)), EADDRINUSE);
    CHECK_EQ(connect(c, (void *) &b, sizeof(b)), 0);
    int s = (int) CHECK_OK(accept(ls, (void *) &peer, &n));
    CHECK(IN6_IS_ADDR_V4MAPPED(&peer.sin6_addr));
    CHECK_EQ(write(s, "x", 1), 1);
    CHECK_ERR(setsockopt(ls, IPPROTO_IPV6, IPV6_V6ONLY, &(int){1}, 4), EINVAL);
}

CASE(one_family_only)
{
    struct sockaddr_in6 a = {.sin6_family = AF_INET6};
    socklen_t n = sizeof(a);
    int ls = socket(AF_INET6, SOCK_STREAM, 0), other = tcp(0);
    if (ls < 0)
        SKIP("no IPv6");
    set_option(ls, IPPROTO_IPV6, IPV6_V6ONLY, 1);
    CHECK_EQ(bind(ls, (void *) &a, n), 0);
    CHECK_EQ(listen(ls, 1), 0);
    CHECK_EQ(getsockname(ls, (void *) &a, &n), 0);
    struct sockaddr_in b = here(ntohs(a.sin6_port));
    CHECK_ERR(connect(tcp(0), (void *) &b, sizeof(b)), ECONNREFUSED);
    CHECK_EQ(bind(other, (void *) &b, sizeof(b)), 0);
}

CASE(names_of_bind)
{
    struct sockaddr_in a = {.sin_family = AF_UNSPEC};
    int fd = tcp(0);
    CHECK_EQ(bind(fd, (void *) &a, sizeof(a)), 0); /* AF_UNSPEC with no address is AF_INET */
    fd = tcp(0);
    a = here(0);
    a.sin_family = AF_UNSPEC;
    CHECK_ERR(bind(fd, (void *) &a, sizeof(a)), EAFNOSUPPORT);
    CHECK_ERR(bind(fd, (void *) &a, 200), EINVAL);
    CHECK_ERR(bind(fd, (void *) &a, 0), EINVAL);
}

CASE(port_free_after_close)
{
    int fd = bound_inet(SOCK_DGRAM), port = port_of(fd), other;
    struct sockaddr_in a = here(port);
    other = (int) CHECK_OK(socket(AF_INET, SOCK_DGRAM, 0));
    CHECK_ERR(bind(other, (void *) &a, sizeof(a)), EADDRINUSE);
    CHECK_EQ(close(fd), 0);
    CHECK_EQ(bind(other, (void *) &a, sizeof(a)), 0);
}

GUEST_MAIN
