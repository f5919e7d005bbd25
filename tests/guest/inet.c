/* SPDX-License-Identifier: Apache-2.0 */
/* Internet sockets over the loopback interface: names, TCP, interfaces, IPv6: ip(7), tcp(7),
 * ipv6(7), icmp(7). */
#include "inet.h"

/* ---- making ---- */

CASE(kinds)
{
    int fd = (int) CHECK_OK(socket(AF_INET, SOCK_STREAM, 0));
    CHECK_EQ(int_option(fd, SO_TYPE), SOCK_STREAM);
    CHECK_EQ(int_option(fd, SO_DOMAIN), AF_INET);
    CHECK_EQ(int_option(fd, SO_PROTOCOL), IPPROTO_TCP);
    fd = (int) CHECK_OK(socket(AF_INET, SOCK_DGRAM, 0));
    CHECK_EQ(int_option(fd, SO_TYPE), SOCK_DGRAM);
    CHECK_EQ(int_option(fd, SO_PROTOCOL), IPPROTO_UDP);
    CHECK_OK(socket(AF_INET, SOCK_STREAM, IPPROTO_TCP));
    CHECK_OK(socket(AF_INET, SOCK_DGRAM, IPPROTO_UDP));
}

CASE(kinds_unknown)
{
    CHECK_ERR(socket(AF_INET, SOCK_STREAM, IPPROTO_UDP), EPROTONOSUPPORT);
    CHECK_ERR(socket(AF_INET, SOCK_DGRAM, IPPROTO_TCP), EPROTONOSUPPORT);
    CHECK_ERR(socket(AF_INET, SOCK_SEQPACKET, 0), ESOCKTNOSUPPORT);
    CHECK_ERR(socket(AF_INET, 11, 0), EINVAL);
}

CASE(no_pairs)
{
    int sv[2];
    CHECK_ERR(socketpair(AF_INET, SOCK_STREAM, 0, sv), EOPNOTSUPP);
}

CASE(flags)
{
    int fd = (int) CHECK_OK(socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    CHECK_EQ(fcntl(fd, F_GETFD), FD_CLOEXEC);
    CHECK_EQ(fcntl(fd, F_GETFL), O_RDWR | O_NONBLOCK);
    fd = (int) CHECK_OK(socket(AF_INET, SOCK_STREAM, 0));
    CHECK_EQ(fcntl(fd, F_GETFL), O_RDWR);
}

CASE(stat)
{
    struct stat st;
    int fd = (int) CHECK_OK(socket(AF_INET, SOCK_STREAM, 0));
    CHECK_EQ(fstat(fd, &st), 0);
    CHECK_EQ(st.st_mode, S_IFSOCK | 0777);
    CHECK_ERR(lseek(fd, 0, SEEK_SET), ESPIPE);
}

/* ---- names ---- */

CASE(bind_any_port)
{
    int fd = bound_inet(SOCK_STREAM), other = bound_inet(SOCK_STREAM);
    CHECK(port_of(fd) != 0);
    CHECK(port_of(fd) != port_of(other));
}

CASE(bind_errors)
{
    struct sockaddr_in a = here(0);
    int fd = (int) CHECK_OK(socket(AF_INET, SOCK_STREAM, 0)), other = listening();
    CHECK_ERR(bind(fd, (void *) &a, 8), EINVAL);
    CHECK_ERR(bind(fd, (void *) 8, sizeof(a)), EFAULT);
    a.sin_family = AF_UNIX;
    CHECK_ERR(bind(fd, (void *) &a, sizeof(a)), EAFNOSUPPORT);
    a = here(port_of(other));
    CHECK_ERR(bind(fd, (void *) &a, sizeof(a)), EADDRINUSE);
    a = here(0);
    a.sin_addr.s_addr = htonl(0x08080808);
    CHECK_ERR(bind(fd, (void *) &a, sizeof(a)), EADDRNOTAVAIL);
    a = here(0);
    CHECK_EQ(bind(fd, (void *) &a, sizeof(a)), 0);
    CHECK_ERR(bind(fd, (void *) &a, sizeof(a)), EINVAL);
}

CASE(low_port_of_root)
{
    struct sockaddr_in a = here(77);
    int fd = (int) CHECK_OK(socket(AF_INET, SOCK_STREAM, 0));
    if (geteuid() != 0)
        SKIP("not root");
    CHECK_EQ(bind(fd, (void *) &a, sizeof(a)), 0);
    CHECK_EQ(port_of(fd), 77);
}

CASE(low_port_of_others)
{
    struct sockaddr_in a = here(78);
    if (geteuid() == 0)
        CHECK_EQ(setresuid(1234, 1234, 1234), 0);
    int fd = (int) CHECK_OK(socket(AF_INET, SOCK_STREAM, 0));
    CHECK_ERR(bind(fd, (void *) &a, sizeof(a)), EACCES);
}

CASE(names_fresh)
{
    struct sockaddr_in a;
    socklen_t n = sizeof(a);
    int fd = (int) CHECK_OK(socket(AF_INET, SOCK_STREAM, 0));
    CHECK_EQ(port_of(fd), 0);
    CHECK_ERR(getpeername(fd, (void *) &a, &n), ENOTCONN);
}

CASE(names_of_connection)
{
    struct sockaddr_in a;
    socklen_t n = sizeof(a);
    int ls = listening(), c = (int) CHECK_OK(socket(AF_INET, SOCK_STREAM, 0));
    CHECK_EQ(connect_port(c, port_of(ls)), 0);
    int s = (int) CHECK_OK(accept(ls, (void *) &a, &n));
    CHECK_EQ(n, sizeof(a));
    CHECK_EQ(ntohs(a.sin_port), port_of(c));
    CHECK_EQ(a.sin_addr.s_addr, htonl(INADDR_LOOPBACK));
    CHECK_EQ(getpeername(c, (void *) &a, &n), 0);
    CHECK_EQ(ntohs(a.sin_port), port_of(ls));
    CHECK_EQ(port_of(s), port_of(ls));
}

/* ---- TCP ---- */

CASE(tcp_both_ways)
{
    char b[16];
    int sv[2];
    tcp_pair(sv);
    CHECK_EQ(write(sv[0], "hello", 5), 5);
    CHECK_EQ(read(sv[1], b, 16), 5);
    CHECK_MEM(b, "hello", 5);
    CHECK_EQ(send(sv[1], "back", 4, 0), 4);
    CHECK_EQ(recv(sv[0], b, 16, 0), 4);
}

CASE(tcp_eof)
{
    char b[4];
    int sv[2];
    tcp_pair(sv);
    CHECK_EQ(write(sv[0], "x", 1), 1);
    CHECK_EQ(close(sv[0]), 0);
    CHECK_EQ(read(sv[1], b, 4), 1);
    CHECK_EQ(read(sv[1], b, 4), 0);
}

CASE(tcp_reset)
{
    struct linger l = {1, 0};
    char b[4];
    int sv[2];
    tcp_pair(sv);
    CHECK_EQ(setsockopt(sv[0], SOL_SOCKET, SO_LINGER, &l, sizeof(l)), 0);
    CHECK_EQ(close(sv[0]), 0);
    CHECK(becomes(sv[1], POLLHUP));
    CHECK_ERR(read(sv[1], b, 4), ECONNRESET);
    CHECK_EQ(read(sv[1], b, 4), 0);
}

CASE(tcp_sigpipe)
{
    int sv[2];
    tcp_pair(sv);
    CHECK_EQ(shutdown(sv[0], SHUT_WR), 0);
    CHECK_ERR(send(sv[0], "x", 1, MSG_NOSIGNAL), EPIPE);
    pid_t pid = fork();
    if (pid == 0) {
        (void) !write(sv[0], "x", 1);
        _exit(0);
    }
    CHECK_KILLED(pid, SIGPIPE);
}

CASE(tcp_half_shut)
{
    char b[4];
    int sv[2];
    tcp_pair(sv);
    CHECK_EQ(shutdown(sv[0], SHUT_WR), 0);
    CHECK_EQ(read(sv[1], b, 4), 0);
    CHECK_EQ(write(sv[1], "y", 1), 1);
    CHECK_EQ(read(sv[0], b, 4), 1);
}

CASE(tcp_shut_errors)
{
    int fd = (int) CHECK_OK(socket(AF_INET, SOCK_STREAM, 0));
    CHECK_ERR(shutdown(fd, SHUT_RD), ENOTCONN);
    CHECK_ERR(shutdown(fd, 3), EINVAL);
}

CASE(tcp_unconnected)
{
    char b;
    int fd = (int) CHECK_OK(socket(AF_INET, SOCK_STREAM, 0));
    CHECK_ERR(recv(fd, &b, 1, 0), ENOTCONN);
    CHECK_ERR(send(fd, "x", 1, MSG_NOSIGNAL), EPIPE);
    CHECK_ERR(accept(fd, NULL, NULL), EINVAL);
    CHECK_EQ(events(fd), POLLOUT | POLLWRNORM | POLLHUP);
}

CASE(tcp_refused)
{
    int ls = listening(), port = port_of(ls), fd = (int) CHECK_OK(socket(AF_INET, SOCK_STREAM, 0));
    CHECK_EQ(close(ls), 0);
    CHECK_ERR(connect_port(fd, port), ECONNREFUSED);
}

CASE(tcp_connected_twice)
{
    int ls = listening(), fd = (int) CHECK_OK(socket(AF_INET, SOCK_STREAM, 0));
    CHECK_EQ(connect_port(fd, port_of(ls)), 0);
    CHECK_ERR(connect_port(fd, port_of(ls)), EISCONN);
}

CASE(tcp_connect_nonblocking)
{
    int ls = listening(), fd = (int) CHECK_OK(socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0));
    if (connect_port(fd, port_of(ls)) < 0)
        CHECK_EQ(errno, EINPROGRESS);
    CHECK(becomes(fd, POLLOUT));
    CHECK_EQ(int_option(fd, SO_ERROR), 0);
}

CASE(tcp_refused_nonblocking)
{
    int ls = listening(), port = port_of(ls),
        fd = (int) CHECK_OK(socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0));
    CHECK_EQ(close(ls), 0);
    if (connect_port(fd, port) < 0 && errno == EINPROGRESS) {
        CHECK(becomes(fd, POLLOUT));
        CHECK_EQ(int_option(fd, SO_ERROR), ECONNREFUSED);
        CHECK_EQ(int_option(fd, SO_ERROR), 0);
    } else {
        CHECK_EQ(errno, ECONNREFUSED);
    }
}

CASE(tcp_accept_flags)
{
    int ls = listening(), fd = (int) CHECK_OK(socket(AF_INET, SOCK_STREAM, 0));
    nonblock(ls);
    CHECK_ERR(accept(ls, NULL, NULL), EAGAIN);
    CHECK_EQ(connect_port(fd, port_of(ls)), 0);
    CHECK(becomes(ls, POLLIN));
    int s = (int) CHECK_OK(accept4(ls, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK));
    CHECK_EQ(fcntl(s, F_GETFD), FD_CLOEXEC);
    CHECK_EQ(fcntl(s, F_GETFL), O_RDWR | O_NONBLOCK);
    CHECK_EQ(int_option(ls, SO_ACCEPTCONN), 1);
    CHECK_EQ(int_option(s, SO_ACCEPTCONN), 0);
}

CASE(tcp_accept_blocks)
{
    int ls = listening(), port = port_of(ls);
    pid_t pid = fork();
    if (pid == 0) {
        sleep_ms(50);
        int fd = socket(AF_INET, SOCK_STREAM, 0);
        _exit(connect_port(fd, port) != 0);
    }
    CHECK_OK(accept(ls, NULL, NULL));
    CHECK_EXIT(pid, 0);
}

CASE(tcp_accept_times_out)
{
    int ls = listening();
    set_timeout(ls, SO_RCVTIMEO, 50);
    CHECK_ERR(accept(ls, NULL, NULL), EAGAIN);
}

CASE(tcp_receive_blocks)
{
    char b[8];
    int sv[2];
    tcp_pair(sv);
    pid_t pid = fork();
    if (pid == 0) {
        sleep_ms(50);
        _exit(write(sv[0], "late", 4) != 4);
    }
    CHECK_EQ(read(sv[1], b, 8), 4);
    CHECK_EXIT(pid, 0);
}

CASE(tcp_receive_times_out)
{
    char b;
    struct timeval tv;
    socklen_t n = sizeof(tv);
    int sv[2];
    tcp_pair(sv);
    set_timeout(sv[1], SO_RCVTIMEO, 60);
    CHECK_EQ(getsockopt(sv[1], SOL_SOCKET, SO_RCVTIMEO, &tv, &n), 0);
    CHECK_EQ(tv.tv_usec, 60000);
    uint64_t t0 = now_ns();
    CHECK_ERR(recv(sv[1], &b, 1, 0), EAGAIN);
    CHECK(now_ns() - t0 >= 50000000);
}

CASE(tcp_dont_wait)
{
    char b;
    int sv[2];
    tcp_pair(sv);
    CHECK_ERR(recv(sv[1], &b, 1, MSG_DONTWAIT), EAGAIN);
    nonblock(sv[1]);
    CHECK_ERR(read(sv[1], &b, 1), EAGAIN);
}

CASE(tcp_interrupted)
{
    char b;
    int sv[2];
    tcp_pair(sv);
    handle(SIGALRM, 0);
    struct itimerval it = {.it_value = {0, 50000}};
    setitimer(ITIMER_REAL, &it, NULL);
    CHECK_ERR(read(sv[1], &b, 1), EINTR);
}

CASE(tcp_peek)
{
    char b[8];
    int sv[2];
    tcp_pair(sv);
    CHECK_EQ(write(sv[0], "abc", 3), 3);
    CHECK(becomes(sv[1], POLLIN));
    CHECK_EQ(recv(sv[1], b, 8, MSG_PEEK), 3);
    CHECK_EQ(recv(sv[1], b, 8, 0), 3);
    CHECK_MEM(b, "abc", 3);
}

CASE(tcp_wait_for_all)
{
    char b[8];
    int sv[2];
    tcp_pair(sv);
    pid_t pid = fork();
    if (pid == 0) {
        (void) !write(sv[0], "abc", 3);
        sleep_ms(50);
        _exit(write(sv[0], "def", 3) != 3);
    }
    CHECK_EQ(recv(sv[1], b, 6, MSG_WAITALL), 6);
    CHECK_MEM(b, "abcdef", 6);
    CHECK_EXIT(pid, 0);
}

CASE(tcp_thrown_away)
{
    char b[8] = "........";
    int sv[2];
    tcp_pair(sv);
    CHECK_EQ(write(sv[0], "abcd", 4), 4);
    CHECK(becomes(sv[1], POLLIN));
    CHECK_EQ(recv(sv[1], b, 2, MSG_TRUNC), 2);
    CHECK_MEM(b, "....", 4);
    CHECK_EQ(recv(sv[1], b, 8, 0), 2);
    CHECK_MEM(b, "cd", 2);
}

static void *drain_all(void *arg)
{
    static char b[50000];
    size_t *total = arg;
    int fd = (int) *total;
    ssize_t n;
    *total = 0;
    while ((n = read(fd, b, sizeof(b))) > 0)
        *total += (size_t) n;
    return NULL;
}

CASE(tcp_big_write)
{
    enum { SIZE = 8 << 20 };
    char *big = calloc(1, SIZE);
    pthread_t th;
    int sv[2];
    tcp_pair(sv);
    size_t total = (size_t) sv[1];
    CHECK_EQ(pthread_create(&th, NULL, drain_all, &total), 0);
    CHECK_EQ(write(sv[0], big, SIZE), SIZE);
    CHECK_EQ(close(sv[0]), 0);
    CHECK_EQ(pthread_join(th, NULL), 0);
    CHECK_EQ(total, SIZE);
}

CASE(tcp_fills_up)
{
    static char big[1 << 18];
    int sv[2];
    size_t sent = 0, got = 0;
    ssize_t n;
    tcp_pair(sv);
    nonblock(sv[0]);
    while ((n = write(sv[0], big, sizeof(big))) > 0)
        sent += (size_t) n;
    CHECK_EQ(errno, EAGAIN);
    CHECK_EQ(shutdown(sv[0], SHUT_WR), 0);
    while ((n = read(sv[1], big, sizeof(big))) > 0)
        got += (size_t) n;
    CHECK_EQ(got, sent);
}

CASE(tcp_vectors)
{
    char a[3], b[10];
    struct iovec in[2] = {{"abc", 3}, {"defgh", 5}}, out[2] = {{a, 3}, {b, 10}};
    int sv[2];
    tcp_pair(sv);
    CHECK_EQ(writev(sv[0], in, 2), 8);
    CHECK(becomes(sv[1], POLLIN));
    CHECK_EQ(readv(sv[1], out, 2), 8);
    CHECK_MEM(a, "abc", 3);
    CHECK_MEM(b, "defgh", 5);
}

CASE(tcp_sendfile)
{
    char b[16];
    int sv[2];
    tcp_pair(sv);
    put_file("f", "file text", 0644);
    int fd = open("f", O_RDONLY);
    CHECK_EQ(sendfile(sv[0], fd, NULL, 100), 9);
    CHECK_EQ(read(sv[1], b, 16), 9);
    CHECK_MEM(b, "file text", 9);
}

CASE(tcp_splice)
{
    char b[16];
    int sv[2], p[2];
    tcp_pair(sv);
    CHECK_EQ(pipe(p), 0);
    CHECK_EQ(write(p[1], "spliced", 7), 7);
    CHECK_EQ(splice(p[0], NULL, sv[0], NULL, 7, 0), 7);
    CHECK_EQ(splice(sv[1], NULL, p[1], NULL, 100, 0), 7);
    CHECK_EQ(read(p[0], b, 16), 7);
}

CASE(tcp_urgent)
{
    char b[8];
    int sv[2], at = -1;
    tcp_pair(sv);
    CHECK_EQ(send(sv[0], "ab", 2, MSG_OOB), 2);
    CHECK(becomes(sv[1], POLLPRI));
    CHECK_EQ(recv(sv[1], b, 8, MSG_OOB), 1);
    CHECK_EQ(b[0], 'b');
    CHECK_EQ(recv(sv[1], b, 8, 0), 1);
    CHECK_EQ(ioctl(sv[1], SIOCATMARK, &at), 0);
    CHECK_EQ(at, 1);
}

CASE(tcp_poll)
{
    int sv[2];
    tcp_pair(sv);
    CHECK_EQ(events(sv[0]), POLLOUT | POLLWRNORM);
    CHECK_EQ(write(sv[1], "x", 1), 1);
    CHECK(becomes(sv[0], POLLIN));
    CHECK_EQ(events(sv[0]), POLLIN | POLLRDNORM | POLLOUT | POLLWRNORM);
    CHECK_EQ(shutdown(sv[1], SHUT_WR), 0);
    CHECK(becomes(sv[0], POLLRDHUP));
}

CASE(tcp_poll_wakes)
{
    int sv[2];
    tcp_pair(sv);
    pid_t pid = fork();
    if (pid == 0) {
        sleep_ms(50);
        _exit(write(sv[1], "x", 1) != 1);
    }
    CHECK(becomes(sv[0], POLLIN));
    CHECK_EXIT(pid, 0);
}

CASE(tcp_epoll)
{
    struct epoll_event ev = {.events = EPOLLIN}, out;
    char b;
    int sv[2], ep = (int) CHECK_OK(epoll_create1(0));
    tcp_pair(sv);
    CHECK_EQ(epoll_ctl(ep, EPOLL_CTL_ADD, sv[0], &ev), 0);
    for (int i = 0; i < 20; i++) {
        CHECK_EQ(epoll_wait(ep, &out, 1, 0), 0);
        CHECK_EQ(write(sv[1], "x", 1), 1);
        CHECK_EQ(epoll_wait(ep, &out, 1, 2000), 1);
        CHECK_EQ(read(sv[0], &b, 1), 1);
    }
}

CASE(tcp_epoll_edges)
{
    struct epoll_event ev = {.events = EPOLLIN | EPOLLET}, out;
    char b[8];
    int sv[2], ep = (int) CHECK_OK(epoll_create1(0));
    tcp_pair(sv);
    CHECK_EQ(epoll_ctl(ep, EPOLL_CTL_ADD, sv[0], &ev), 0);
    CHECK_EQ(write(sv[1], "x", 1), 1);
    CHECK_EQ(epoll_wait(ep, &out, 1, 2000), 1);
    CHECK_EQ(epoll_wait(ep, &out, 1, 30), 0);
    CHECK_EQ(write(sv[1], "y", 1), 1);
    CHECK_EQ(epoll_wait(ep, &out, 1, 2000), 1);
    CHECK_EQ(read(sv[0], b, 8), 2);
}

CASE(tcp_bytes_waiting)
{
    int sv[2], n = -1;
    tcp_pair(sv);
    CHECK_EQ(write(sv[0], "abc", 3), 3);
    CHECK(becomes(sv[1], POLLIN));
    CHECK_EQ(ioctl(sv[1], FIONREAD, &n), 0);
    CHECK_EQ(n, 3);
    CHECK_EQ(ioctl(sv[0], SIOCOUTQ, &n), 0);
    CHECK_ERR(ioctl(sv[0], 0x5413, &n), ENOTTY);
}

CASE(tcp_bad_memory)
{
    int sv[2];
    tcp_pair(sv);
    CHECK_ERR(write(sv[0], (void *) 8, 4), EFAULT);
}

CASE(tcp_signal_driven)
{
    sigset_t set;
    siginfo_t info;
    int sv[2];
    tcp_pair(sv);
    sigemptyset(&set);
    sigaddset(&set, SIGIO);
    sigprocmask(SIG_BLOCK, &set, NULL);
    CHECK_EQ(fcntl(sv[0], F_SETOWN, getpid()), 0);
    if (fcntl(sv[0], F_SETFL, O_ASYNC) < 0)
        FAIL("O_ASYNC: errno %d", errno);
    CHECK_EQ(shutdown(sv[1], SHUT_WR), 0);
    CHECK_EQ(sigtimedwait(&set, &info, &(struct timespec){2, 0}), SIGIO);
}

/* ---- options of TCP ---- */

CASE(tcp_switches)
{
    static const int names[] = {TCP_NODELAY, TCP_CORK};
    int fd = (int) CHECK_OK(socket(AF_INET, SOCK_STREAM, 0));
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        CHECK_EQ(option(fd, IPPROTO_TCP, names[i]), 0);
        set_option(fd, IPPROTO_TCP, names[i], 1);
        CHECK_EQ(option(fd, IPPROTO_TCP, names[i]), 1);
    }
}

CASE(tcp_keepalive)
{
    int fd = (int) CHECK_OK(socket(AF_INET, SOCK_STREAM, 0));
    set_int(fd, SO_KEEPALIVE, 1);
    CHECK_EQ(int_option(fd, SO_KEEPALIVE), 1);
    set_option(fd, IPPROTO_TCP, TCP_KEEPIDLE, 30);
    CHECK_EQ(option(fd, IPPROTO_TCP, TCP_KEEPIDLE), 30);
    set_option(fd, IPPROTO_TCP, TCP_KEEPINTVL, 3);
    CHECK_EQ(option(fd, IPPROTO_TCP, TCP_KEEPINTVL), 3);
    set_option(fd, IPPROTO_TCP, TCP_KEEPCNT, 3);
    CHECK_EQ(option(fd, IPPROTO_TCP, TCP_KEEPCNT), 3);
    set_option(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, 1000);
    CHECK_EQ(option(fd, IPPROTO_TCP, TCP_USER_TIMEOUT), 1000);
}

CASE(tcp_info)
{
    struct tcp_info i = {0};
    socklen_t n = sizeof(i);
    int sv[2];
    tcp_pair(sv);
    CHECK_EQ(getsockopt(sv[0], IPPROTO_TCP, TCP_INFO, &i, &n), 0);
    CHECK_EQ(i.tcpi_state, TCP_ESTABLISHED);
    CHECK(n >= 104);
}

CASE(tcp_congestion)
{
    char name[16] = {0};
    socklen_t n = sizeof(name);
    int fd = (int) CHECK_OK(socket(AF_INET, SOCK_STREAM, 0));
    CHECK_EQ(getsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, name, &n), 0);
    CHECK(name[0] >= 'a' && name[0] <= 'z');
    CHECK_ERR(setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, "no-such", 7), ENOENT);
}

CASE(tcp_options_unknown)
{
    int fd = (int) CHECK_OK(socket(AF_INET, SOCK_STREAM, 0)), v = 1;
    socklen_t n = sizeof(v);
    CHECK_ERR(setsockopt(fd, IPPROTO_TCP, 9999, &v, sizeof(v)), ENOPROTOOPT);
    CHECK_ERR(getsockopt(fd, IPPROTO_TCP, 9999, &v, &n), ENOPROTOOPT);
    CHECK_ERR(setsockopt(fd, SOL_SOCKET, 9999, &v, sizeof(v)), ENOPROTOOPT);
    CHECK_ERR(setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &v, 2), EINVAL);
    CHECK_ERR(setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, (void *) 8, 4), EFAULT);
}

CASE(reuse_address)
{
    int ls = listening(), port = port_of(ls), sv = (int) CHECK_OK(socket(AF_INET, SOCK_STREAM, 0));
    struct sockaddr_in a = here(port);
    CHECK_EQ(int_option(sv, SO_REUSEADDR), 0);
    set_int(sv, SO_REUSEADDR, 1);
    CHECK_EQ(int_option(sv, SO_REUSEADDR), 1);
    CHECK_ERR(bind(sv, (void *) &a, sizeof(a)), EADDRINUSE);
    CHECK_EQ(close(ls), 0);
    CHECK_EQ(bind(sv, (void *) &a, sizeof(a)), 0);
}

CASE(buffers_inet)
{
    int fd = (int) CHECK_OK(socket(AF_INET, SOCK_STREAM, 0));
    set_int(fd, SO_SNDBUF, 20000);
    CHECK_EQ(int_option(fd, SO_SNDBUF), 40000);
    set_int(fd, SO_RCVBUF, 20000);
    CHECK_EQ(int_option(fd, SO_RCVBUF), 40000);
}

/* ---- interfaces ---- */

CASE(loopback_is_up)
{
    struct ifreq q = {.ifr_name = "lo"};
    int fd = (int) CHECK_OK(socket(AF_INET, SOCK_DGRAM, 0));
    CHECK_EQ(ioctl(fd, SIOCGIFFLAGS, &q), 0);
    CHECK_EQ(q.ifr_flags & (IFF_UP | IFF_LOOPBACK), IFF_UP | IFF_LOOPBACK);
    CHECK_EQ(ioctl(fd, SIOCGIFADDR, &q), 0);
    CHECK_EQ(((struct sockaddr_in *) &q.ifr_addr)->sin_addr.s_addr, htonl(INADDR_LOOPBACK));
    CHECK_EQ(ioctl(fd, SIOCGIFMTU, &q), 0);
    CHECK(q.ifr_mtu >= 1500);
    CHECK_EQ(ioctl(fd, SIOCGIFINDEX, &q), 0);
    CHECK_EQ(if_nametoindex("lo"), q.ifr_ifindex);
    strcpy(q.ifr_name, "none");
    CHECK_ERR(ioctl(fd, SIOCGIFFLAGS, &q), ENODEV);
}

/* ---- IPv6 ---- */

static struct sockaddr_in6 here6(int port)
{
    return (struct sockaddr_in6){.sin6_family = AF_INET6,
                                 .sin6_port = htons((uint16_t) port),
                                 .sin6_addr = IN6ADDR_LOOPBACK_INIT};
}

static int socket6(int type)
{
    struct sockaddr_in6 a = here6(0);
    int fd = socket(AF_INET6, type, 0);
    if (fd < 0 && errno == EAFNOSUPPORT)
        SKIP("no IPv6");
    if (bind(fd, (void *) &a, sizeof(a)) < 0 && errno == EADDRNOTAVAIL)
        SKIP("no IPv6 address");
    return fd;
}

CASE(tcp_over_ipv6)
{
    struct sockaddr_in6 a;
    socklen_t n = sizeof(a);
    char b[8];
    int ls = socket6(SOCK_STREAM), c = (int) CHECK_OK(socket(AF_INET6, SOCK_STREAM, 0));
    CHECK_EQ(listen(ls, 1), 0);
    CHECK_EQ(getsockname(ls, (void *) &a, &n), 0);
    CHECK_EQ(n, sizeof(a));
    CHECK_EQ(connect(c, (void *) &a, n), 0);
    int s = (int) CHECK_OK(accept(ls, NULL, NULL));
    CHECK_EQ(write(s, "six", 3), 3);
    CHECK_EQ(read(c, b, 8), 3);
}

CASE(udp_over_ipv6)
{
    struct sockaddr_in6 a;
    socklen_t n = sizeof(a);
    char b[8];
    int x = socket6(SOCK_DGRAM), y = socket6(SOCK_DGRAM);
    CHECK_EQ(getsockname(x, (void *) &a, &n), 0);
    CHECK_EQ(sendto(y, "six", 3, 0, (void *) &a, n), 3);
    CHECK_EQ(recvfrom(x, b, 8, 0, (void *) &a, &n), 3);
    CHECK_EQ(a.sin6_family, AF_INET6);
}

CASE(ipv6_only)
{
    int fd = socket(AF_INET6, SOCK_STREAM, 0);
    if (fd < 0)
        SKIP("no IPv6");
    set_option(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1);
    CHECK_EQ(option(fd, IPPROTO_IPV6, IPV6_V6ONLY), 1);
    set_option(fd, IPPROTO_IPV6, IPV6_V6ONLY, 0);
    CHECK_EQ(option(fd, IPPROTO_IPV6, IPV6_V6ONLY), 0);
}

CASE(rights_over_unix)
{
    char b[8], control[CMSG_SPACE(sizeof(int))] = {0};
    struct iovec iov = {b, 1};
    struct msghdr m = {.msg_iov = &iov,
                       .msg_iovlen = 1,
                       .msg_control = control,
                       .msg_controllen = sizeof(control)};
    int sv[2], u[2], fd;
    tcp_pair(sv);
    pair_of(SOCK_STREAM, u);
    struct cmsghdr *c = CMSG_FIRSTHDR(&m);
    *c = (struct cmsghdr){CMSG_LEN(sizeof(int)), SOL_SOCKET, SCM_RIGHTS};
    memcpy(CMSG_DATA(c), &sv[0], sizeof(int));
    CHECK_EQ(sendmsg(u[0], &m, 0), 1);
    CHECK_EQ(close(sv[0]), 0);
    CHECK_EQ(recvmsg(u[1], &m, 0), 1);
    memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&m)), sizeof(int));
    CHECK_EQ(write(fd, "hi", 2), 2);
    CHECK_EQ(read(sv[1], b, 8), 2);
}

GUEST_MAIN
