/* SPDX-License-Identifier: Apache-2.0 */
/* Options of Internet sockets: socket(7), ip(7), ipv6(7), tcp(7), udp(7), setsockopt(2). */
#include "inet.h"

#include <linux/net_tstamp.h>

#ifndef IP_LOCAL_PORT_RANGE
#define IP_LOCAL_PORT_RANGE 51
#endif
#ifndef IPV6_MULTICAST_ALL
#define IPV6_MULTICAST_ALL 29
#endif

static int tcp(void)
{
    return (int) CHECK_OK(socket(AF_INET, SOCK_STREAM, 0));
}

static int udp(void)
{
    return (int) CHECK_OK(socket(AF_INET, SOCK_DGRAM, 0));
}

static int of_ipv6(int type)
{
    int fd = socket(AF_INET6, type, 0);
    if (fd < 0)
        SKIP("no IPv6");
    return fd;
}

/* Off at first, goes on and off, and says so. */
static void toggles(int fd, int level, int name)
{
    if (option(fd, level, name) != 0)
        FAIL("option %d of level %d is on", name, level);
    int v = 1;
    if (setsockopt(fd, level, name, &v, sizeof(v)) < 0)
        FAIL("option %d of level %d cannot be set: errno %d", name, level, errno);
    CHECK_EQ(option(fd, level, name), 1);
    set_option(fd, level, name, 0);
    CHECK_EQ(option(fd, level, name), 0);
}

/* Takes the value and gives it back. */
static void keeps(int fd, int level, int name, int v)
{
    if (setsockopt(fd, level, name, &v, sizeof(v)) < 0)
        FAIL("option %d of level %d cannot be set: errno %d", name, level, errno);
    int got = option(fd, level, name);
    if (got != v)
        FAIL("option %d of level %d: set to %d, got %d", name, level, v, got);
}

#define EACH(fd, how, level, ...)                                   \
    do {                                                            \
        static const int each_[] = {__VA_ARGS__};                   \
        for (size_t i_ = 0; i_ < sizeof(each_) / sizeof(int); i_++) \
            how(fd, level, each_[i_]);                              \
    } while (0)

/* ---- what there is ---- */

CASE(switches_of_sockets)
{
    EACH(udp(), toggles, SOL_SOCKET, SO_BROADCAST, SO_KEEPALIVE, SO_OOBINLINE, SO_DONTROUTE,
         SO_TIMESTAMP, SO_TIMESTAMPNS, SO_RXQ_OVFL, SO_NO_CHECK, SO_SELECT_ERR_QUEUE);
}

CASE(switches_of_ip)
{
    EACH(udp(), toggles, IPPROTO_IP, IP_PKTINFO, IP_RECVERR, IP_RECVTTL, IP_RECVTOS, IP_RECVOPTS,
         IP_RETOPTS, IP_RECVORIGDSTADDR, IP_FREEBIND, IP_BIND_ADDRESS_NO_PORT);
    CHECK_EQ(option(udp(), IPPROTO_IP, IP_MULTICAST_ALL), 1);
    CHECK_EQ(option(udp(), IPPROTO_IP, IP_MULTICAST_LOOP), 1);
    CHECK_EQ(option(tcp(), IPPROTO_IP, IP_MINTTL), 0);
    keeps(tcp(), IPPROTO_IP, IP_MINTTL, 7);
    keeps(udp(), IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_DO);
}

CASE(switches_of_ipv6)
{
    EACH(of_ipv6(SOCK_DGRAM), toggles, IPPROTO_IPV6, IPV6_RECVPKTINFO, IPV6_RECVHOPLIMIT,
         IPV6_RECVTCLASS, IPV6_RECVERR, IPV6_RECVPATHMTU, IPV6_DONTFRAG, IPV6_RECVRTHDR,
         IPV6_RECVHOPOPTS, IPV6_RECVDSTOPTS, IPV6_FREEBIND, IPV6_RECVORIGDSTADDR, IPV6_V6ONLY);
    keeps(of_ipv6(SOCK_DGRAM), IPPROTO_IPV6, IPV6_UNICAST_HOPS, 9);
    keeps(of_ipv6(SOCK_DGRAM), IPPROTO_IPV6, IPV6_MULTICAST_HOPS, 9);
    keeps(of_ipv6(SOCK_DGRAM), IPPROTO_IPV6, IPV6_TCLASS, 0x20);
    keeps(of_ipv6(SOCK_DGRAM), IPPROTO_IPV6, IPV6_AUTOFLOWLABEL, 1);
    CHECK_EQ(option(of_ipv6(SOCK_DGRAM), IPPROTO_IPV6, IPV6_MULTICAST_ALL), 1);
    CHECK_EQ(option(of_ipv6(SOCK_DGRAM), IPPROTO_IPV6, IPV6_MTU_DISCOVER), IPV6_PMTUDISC_WANT);
}

CASE(switches_of_tcp)
{
    EACH(tcp(), toggles, IPPROTO_TCP, TCP_NODELAY, TCP_CORK, TCP_THIN_LINEAR_TIMEOUTS, TCP_SAVE_SYN,
         TCP_FASTOPEN_CONNECT, TCP_FASTOPEN_NO_COOKIE, TCP_INQ);
    keeps(tcp(), IPPROTO_TCP, TCP_SYNCNT, 3);
    keeps(tcp(), IPPROTO_TCP, TCP_LINGER2, 5);
    keeps(tcp(), IPPROTO_TCP, TCP_DEFER_ACCEPT, 1);
    keeps(tcp(), IPPROTO_TCP, TCP_NOTSENT_LOWAT, 16384);
    keeps(tcp(), IPPROTO_TCP, TCP_USER_TIMEOUT, 5000);
    keeps(listening(), IPPROTO_TCP, TCP_FASTOPEN, 5);
}

CASE(switches_of_udp)
{
    toggles(udp(), IPPROTO_UDP, UDP_CORK);
    keeps(udp(), IPPROTO_UDP, UDP_SEGMENT, 1200);
    CHECK_EQ(option(udp(), IPPROTO_UDP, UDP_SEGMENT), 0);
    set_option(udp(), IPPROTO_UDP, UDP_GRO, 1);
    toggles(of_ipv6(SOCK_DGRAM), IPPROTO_UDP, 101); /* UDP_NO_CHECK6_TX */
}

CASE(switches_of_udp_lite)
{
    struct sockaddr_in a = here(0);
    int fd = socket(AF_INET, SOCK_DGRAM, IPPROTO_UDPLITE);
    if (fd < 0 && errno == EPROTONOSUPPORT)
        SKIP("a kernel without UDP-Lite");
    keeps(fd, IPPROTO_UDPLITE, 10, 8); /* UDPLITE_SEND_CSCOV */
    keeps(fd, IPPROTO_UDPLITE, 11, 20);
    CHECK_EQ(int_option(fd, SO_PROTOCOL), IPPROTO_UDPLITE);
    CHECK_EQ(bind(fd, (void *) &a, sizeof(a)), 0);
}

CASE(values_of_sockets)
{
    int fd = tcp();
    keeps(fd, SOL_SOCKET, SO_PRIORITY, 5);
    keeps(fd, SOL_SOCKET, SO_PEEK_OFF, 3);
    keeps(fd, SOL_SOCKET, SO_MAX_PACING_RATE, 1000000);
    keeps(fd, SOL_SOCKET, SO_TIMESTAMPING, SOF_TIMESTAMPING_SOFTWARE);
    keeps(fd, SOL_SOCKET, SO_INCOMING_CPU, 1);
    CHECK(option(fd, SOL_SOCKET, SO_BPF_EXTENSIONS) > 0);
    CHECK_EQ(option(fd, SOL_SOCKET, SO_INCOMING_NAPI_ID), 0);
    set_option(fd, IPPROTO_IP, IP_TOS, 0x10); /* makes the priority of its own */
    CHECK_EQ(option(fd, SOL_SOCKET, SO_PRIORITY), 6);
}

CASE(kind_of_socket)
{
    socklen_t n = sizeof(struct ucred);
    struct ucred u;
    int fd = of_ipv6(SOCK_DGRAM);
    CHECK_EQ(int_option(fd, SO_TYPE), SOCK_DGRAM);
    CHECK_EQ(int_option(fd, SO_DOMAIN), AF_INET6);
    CHECK_EQ(int_option(fd, SO_PROTOCOL), IPPROTO_UDP);
    CHECK_EQ(int_option(fd, SO_ACCEPTCONN), 0);
    CHECK_EQ(getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &u, &n), 0);
    CHECK_EQ(u.pid, 0);
    CHECK_EQ(u.uid, (uid_t) -1);
    int v = 1;
    CHECK_ERR(setsockopt(fd, SOL_SOCKET, SO_TYPE, &v, sizeof(v)), ENOPROTOOPT);
    CHECK_ERR(setsockopt(fd, SOL_SOCKET, SO_ERROR, &v, sizeof(v)), ENOPROTOOPT);
}

CASE(cookies)
{
    uint64_t a, b;
    socklen_t n = sizeof(a);
    int x = tcp(), y = tcp();
    CHECK_EQ(getsockopt(x, SOL_SOCKET, SO_COOKIE, &a, &n), 0);
    CHECK_EQ(getsockopt(y, SOL_SOCKET, SO_COOKIE, &b, &n), 0);
    CHECK(a != b);
    CHECK_EQ(getsockopt(x, SOL_SOCKET, SO_COOKIE, &b, &n), 0);
    CHECK(a == b);
    n = 4;
    CHECK_ERR(getsockopt(x, SOL_SOCKET, SO_COOKIE, &b, &n), EINVAL);
}

CASE(memory_information)
{
    uint32_t m[16];
    socklen_t n = sizeof(m);
    int fd = tcp();
    CHECK_EQ(getsockopt(fd, SOL_SOCKET, SO_MEMINFO, m, &n), 0);
    CHECK(n >= 32 && m[1] == (uint32_t) int_option(fd, SO_RCVBUF));
}

CASE(peer_name)
{
    struct sockaddr_in a;
    socklen_t n = sizeof(a);
    int sv[2];
    tcp_pair(sv);
    CHECK_EQ(getsockopt(sv[0], SOL_SOCKET, SO_PEERNAME, &a, &n), 0);
    CHECK_EQ(ntohs(a.sin_port), port_of(sv[1]));
    CHECK_ERR(getsockopt(tcp(), SOL_SOCKET, SO_PEERNAME, &a, &n), ENOTCONN);
}

/* ---- devices, ports, addresses ---- */

CASE(bound_to_a_device)
{
    char name[IFNAMSIZ] = "?";
    socklen_t n = sizeof(name);
    int fd = udp();
    CHECK_EQ(getsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, name, &n), 0);
    CHECK_EQ(n, 0);
    CHECK_EQ(setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, "lo", 3), 0);
    n = sizeof(name);
    CHECK_EQ(getsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, name, &n), 0);
    CHECK_STR(name, "lo");
    CHECK_EQ(n, 3);
    CHECK_EQ(option(fd, SOL_SOCKET, 62), (int) if_nametoindex("lo")); /* SO_BINDTOIFINDEX */
    CHECK_ERR(setsockopt(udp(), SOL_SOCKET, SO_BINDTODEVICE, "none", 5), ENODEV);
}

CASE(bound_to_a_device_by_nobody)
{
    int fd = udp();
    if (geteuid() == 0)
        CHECK_EQ(setresuid(1234, 1234, 1234), 0);
    CHECK_EQ(setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, "lo", 3), 0);
    CHECK_ERR(setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, "", 0), EPERM); /* once only */
}

CASE(free_bind)
{
    struct sockaddr_in a = here(0);
    int fd = udp();
    a.sin_addr.s_addr = htonl(0x0a090807);
    CHECK_ERR(bind(fd, (void *) &a, sizeof(a)), EADDRNOTAVAIL);
    set_option(fd, IPPROTO_IP, IP_FREEBIND, 1);
    CHECK_EQ(bind(fd, (void *) &a, sizeof(a)), 0);
}

CASE(port_range)
{
    uint32_t range = 45100u << 16 | 45000u;
    int fd = tcp(), port;
    struct sockaddr_in a = here(0);
    if (setsockopt(fd, IPPROTO_IP, IP_LOCAL_PORT_RANGE, &range, sizeof(range)) < 0)
        SKIP("before Linux 6.3");
    CHECK_EQ(bind(fd, (void *) &a, sizeof(a)), 0);
    port = port_of(fd);
    CHECK(port >= 45000 && port <= 45100);
}

CASE(no_port_at_bind)
{
    struct sockaddr_in a = here(0);
    int ls = listening(), fd = tcp();
    set_option(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1);
    CHECK_EQ(bind(fd, (void *) &a, sizeof(a)), 0);
    CHECK_EQ(port_of(fd), 0);
    CHECK_EQ(connect_port(fd, port_of(ls)), 0);
    CHECK(port_of(fd) != 0);
}

CASE(privileged_options)
{
    int v = 1, fd = tcp();
    if (geteuid() == 0)
        CHECK_EQ(setresuid(1234, 1234, 1234), 0);
    CHECK_ERR(setsockopt(fd, IPPROTO_IP, IP_TRANSPARENT, &v, sizeof(v)), EPERM);
    CHECK_ERR(setsockopt(fd, SOL_SOCKET, SO_MARK, &v, sizeof(v)), EPERM);
    CHECK_ERR(setsockopt(fd, IPPROTO_TCP, TCP_REPAIR, &v, sizeof(v)), EPERM);
    CHECK_ERR(setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &v, sizeof(v)), EPERM);
    v = 7;
    CHECK_ERR(setsockopt(fd, SOL_SOCKET, SO_PRIORITY, &v, sizeof(v)), EPERM);
    CHECK_EQ(option(fd, IPPROTO_TCP, TCP_REPAIR), 0);
    CHECK_EQ(option(fd, SOL_SOCKET, SO_MARK), 0);
}

/* ---- lengths, pointers, levels ---- */

CASE(short_values)
{
    uint8_t b = 9;
    int fd = udp(), v = 1;
    CHECK_EQ(setsockopt(fd, IPPROTO_IP, IP_TTL, &b, 1), 0);
    CHECK_EQ(option(fd, IPPROTO_IP, IP_TTL), 9);
    CHECK_ERR(setsockopt(fd, SOL_SOCKET, SO_BROADCAST, &b, 1), EINVAL);
    CHECK_ERR(setsockopt(fd, IPPROTO_UDP, UDP_CORK, &b, 1), EINVAL);
    CHECK_ERR(setsockopt(fd, IPPROTO_UDP, 77, &b, 1), EINVAL);
    CHECK_ERR(setsockopt(fd, IPPROTO_UDP, 77, &v, 4), ENOPROTOOPT);
    CHECK_ERR(setsockopt(tcp(), IPPROTO_TCP, TCP_NODELAY, &v, 3), EINVAL);
    CHECK_ERR(setsockopt(fd, SOL_SOCKET, SO_LINGER, &v, 4), EINVAL);
    CHECK_ERR(setsockopt(fd, SOL_SOCKET, SO_BROADCAST, &v, (socklen_t) -1), EINVAL);
    CHECK_ERR(setsockopt(fd, IPPROTO_IP, IP_ADD_MEMBERSHIP, &v, 4), EINVAL);
}

CASE(long_values)
{
    int v[64] = {1}, fd = udp();
    CHECK_EQ(setsockopt(fd, SOL_SOCKET, SO_BROADCAST, v, sizeof(v)), 0);
    CHECK_EQ(int_option(fd, SO_BROADCAST), 1);
    v[0] = 33;
    CHECK_EQ(setsockopt(fd, IPPROTO_IP, IP_TTL, v, sizeof(v)), 0);
    CHECK_EQ(option(fd, IPPROTO_IP, IP_TTL), 33);
}

CASE(short_answers)
{
    unsigned char b[8] = {0xaa, 0xaa, 0xaa, 0xaa, 0xaa};
    socklen_t n = 1;
    struct tcp_info i;
    int fd = udp();
    set_option(fd, IPPROTO_IP, IP_TTL, 77);
    CHECK_EQ(getsockopt(fd, IPPROTO_IP, IP_TTL, b, &n), 0);
    CHECK_EQ(n, 1);
    CHECK_EQ(b[0], 77);
    CHECK_EQ(b[1], 0xaa);
    n = 2;
    CHECK_EQ(getsockopt(fd, SOL_SOCKET, SO_TYPE, b, &n), 0);
    CHECK_EQ(n, 2);
    CHECK_EQ(b[2], 0xaa);
    n = 0;
    CHECK_EQ(getsockopt(fd, SOL_SOCKET, SO_TYPE, b, &n), 0);
    CHECK_EQ(n, 0);
    n = 10;
    CHECK_EQ(getsockopt(tcp(), IPPROTO_TCP, TCP_INFO, &i, &n), 0);
    CHECK_EQ(n, 10);
}

CASE(long_answers)
{
    unsigned char b[512];
    socklen_t n = sizeof(b);
    int fd = tcp();
    CHECK_EQ(getsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, b, &n), 0);
    CHECK_EQ(n, 4);
    n = sizeof(b);
    CHECK_EQ(getsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, b, &n), 0);
    CHECK_EQ(n, 16);
    n = sizeof(b);
    CHECK_EQ(getsockopt(fd, SOL_SOCKET, SO_LINGER, b, &n), 0);
    CHECK_EQ(n, 8);
    n = (socklen_t) -1;
    CHECK_ERR(getsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, b, &n), EINVAL);
}

CASE(bad_memory)
{
    int fd = tcp(), v;
    socklen_t n = sizeof(v);
    CHECK_ERR(getsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, (void *) 8, &n), EFAULT);
    CHECK_ERR(getsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &v, (void *) 8), EFAULT);
    CHECK_ERR(setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, (void *) 8, 4), EFAULT);
    CHECK_ERR(setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, (void *) 8, 5), EFAULT);
}

CASE(levels_that_are_others)
{
    int v = 1, u = udp(), t = tcp();
    socklen_t n = sizeof(v);
    CHECK_ERR(setsockopt(u, IPPROTO_TCP, TCP_NODELAY, &v, n), ENOPROTOOPT);
    CHECK_ERR(getsockopt(u, IPPROTO_TCP, TCP_NODELAY, &v, &n), EOPNOTSUPP);
    CHECK_ERR(setsockopt(t, IPPROTO_UDP, UDP_CORK, &v, n), ENOPROTOOPT);
    CHECK_ERR(getsockopt(t, IPPROTO_UDP, UDP_CORK, &v, &n), EOPNOTSUPP);
    CHECK_ERR(setsockopt(t, IPPROTO_IPV6, IPV6_V6ONLY, &v, n), ENOPROTOOPT);
    CHECK_ERR(getsockopt(t, IPPROTO_IPV6, IPV6_V6ONLY, &v, &n), EOPNOTSUPP);
    CHECK_ERR(setsockopt(t, 270, 1, &v, n), ENOPROTOOPT);
    CHECK_ERR(getsockopt(t, 270, 1, &v, &n), EOPNOTSUPP);
    CHECK_ERR(getsockopt(of_ipv6(SOCK_STREAM), 270, 1, &v, &n), ENOPROTOOPT);
}

CASE(ip_options_of_ipv6_sockets)
{
    int fd = of_ipv6(SOCK_STREAM), u = of_ipv6(SOCK_DGRAM);
    keeps(fd, IPPROTO_IP, IP_TTL, 12);
    keeps(fd, IPPROTO_IP, IP_TOS, 0x08);
    toggles(u, IPPROTO_IP, IP_PKTINFO);
    toggles(u, IPPROTO_IP, IP_RECVTTL);
}

CASE(what_there_is_not)
{
    int v = 1, fd = tcp();
    socklen_t n = sizeof(v);
    char name[16];
    CHECK_ERR(setsockopt(fd, IPPROTO_TCP, TCP_ULP, "no-such", 7), ENOENT);
    CHECK_ERR(setsockopt(fd, IPPROTO_TCP, TCP_ULP, "", 0), EINVAL);
    n = sizeof(name);
    CHECK_EQ(getsockopt(fd, IPPROTO_TCP, TCP_ULP, name, &n), 0);
    CHECK_EQ(n, 0);
    CHECK_EQ(setsockopt(fd, SOL_SOCKET, SO_ZEROCOPY, &(int){0}, 4), 0);
    CHECK_EQ(option(fd, SOL_SOCKET, SO_ZEROCOPY), 0);
    CHECK_ERR(setsockopt(fd, SOL_SOCKET, SO_ZEROCOPY, &(int){2}, 4), EINVAL);
    CHECK_ERR(setsockopt(fd, SOL_SOCKET, SO_DETACH_FILTER, &v, sizeof(v)), ENOENT);
    CHECK_ERR(setsockopt(fd, IPPROTO_IP, 9999, &v, sizeof(v)), ENOPROTOOPT);
    n = sizeof(v);
    CHECK_ERR(getsockopt(fd, IPPROTO_IP, 9999, &v, &n), ENOPROTOOPT);
}

/* ---- what options do ---- */

CASE(error_is_told_once)
{
    int x = bound_inet(SOCK_DGRAM), port = port_of(x), fd = udp();
    CHECK_EQ(close(x), 0);
    CHECK_EQ(connect_port(fd, port), 0);
    CHECK_EQ(send(fd, "x", 1, 0), 1);
    CHECK(becomes(fd, POLLERR));
    CHECK_EQ(int_option(fd, SO_ERROR), ECONNREFUSED);
    CHECK_EQ(int_option(fd, SO_ERROR), 0);
    CHECK_EQ(events(fd), POLLOUT | POLLWRNORM);
}

CASE(low_water_of_tcp)
{
    char b[32];
    int sv[2];
    tcp_pair(sv);
    set_int(sv[1], SO_RCVLOWAT, 10);
    CHECK_EQ(int_option(sv[1], SO_RCVLOWAT), 10);
    CHECK_EQ(send(sv[0], "12345", 5, 0), 5);
    sleep_ms(20);
    CHECK_EQ(events(sv[1]) & POLLIN, 0);
    CHECK_EQ(recv(sv[1], b, 32, MSG_DONTWAIT), 5);
    pid_t pid = fork();
    if (pid == 0) {
        (void) !send(sv[0], "1234", 4, 0);
        sleep_ms(50);
        _exit(send(sv[0], "567890", 6, 0) != 6);
    }
    CHECK_EQ(recv(sv[1], b, 32, 0), 10);
    CHECK_EXIT(pid, 0);
}

CASE(accepted_inherit)
{
    struct timeval tv = {0};
    struct linger l = {0};
    socklen_t n = sizeof(tv);
    int ls = listening(), c = tcp();
    set_timeout(ls, SO_RCVTIMEO, 2000);
    set_int(ls, SO_KEEPALIVE, 1);
    set_int(ls, SO_RCVLOWAT, 3);
    set_option(ls, IPPROTO_TCP, TCP_NODELAY, 1);
    set_option(ls, IPPROTO_TCP, TCP_KEEPIDLE, 77);
    set_option(ls, IPPROTO_IP, IP_TTL, 42);
    CHECK_EQ(setsockopt(ls, SOL_SOCKET, SO_LINGER, &(struct linger){1, 3}, sizeof(l)), 0);
    CHECK_EQ(connect_port(c, port_of(ls)), 0);
    int s = (int) CHECK_OK(accept(ls, NULL, NULL));
    CHECK_EQ(getsockopt(s, SOL_SOCKET, SO_RCVTIMEO, &tv, &n), 0);
    CHECK_EQ(tv.tv_sec, 2);
    CHECK_EQ(int_option(s, SO_KEEPALIVE), 1);
    CHECK_EQ(int_option(s, SO_RCVLOWAT), 3);
    CHECK_EQ(option(s, IPPROTO_TCP, TCP_NODELAY), 1);
    CHECK_EQ(option(s, IPPROTO_TCP, TCP_KEEPIDLE), 77);
    CHECK_EQ(option(s, IPPROTO_IP, IP_TTL), 42);
    n = sizeof(l);
    CHECK_EQ(getsockopt(s, SOL_SOCKET, SO_LINGER, &l, &n), 0);
    CHECK_EQ(l.l_onoff, 1);
    CHECK_EQ(l.l_linger, 3);
}

CASE(death_does_not_linger)
{
    static char big[1 << 16];
    int sv[2];
    tcp_pair(sv);
    pid_t pid = fork();
    if (pid == 0) {
        close(sv[1]);
        CHECK_EQ(setsockopt(sv[0], SOL_SOCKET, SO_LINGER, &(struct linger){1, 60}, 8), 0);
        nonblock(sv[0]);
        while (send(sv[0], big, sizeof(big), 0) > 0)
            ;
        _exit(0);
    }
    close(sv[0]);
    uint64_t t0 = now_ns();
    CHECK_EXIT(pid, 0);
    CHECK(now_ns() - t0 < 10000000000u);
}

CASE(peek_offset_of_udp)
{
    char b[8];
    int sv[2];
    udp_pair(sv);
    set_int(sv[1], SO_PEEK_OFF, 1);
    CHECK_EQ(send(sv[0], "abcdef", 6, 0), 6);
    CHECK_EQ(recv(sv[1], b, 2, MSG_PEEK), 2);
    CHECK_MEM(b, "bc", 2);
    CHECK_EQ(recv(sv[1], b, 2, MSG_PEEK), 2);
    CHECK_MEM(b, "de", 2);
    CHECK_EQ(int_option(sv[1], SO_PEEK_OFF), 5);
    CHECK_EQ(recv(sv[1], b, 8, 0), 6);
    CHECK_MEM(b, "abcdef", 6);
}

CASE(saved_syn)
{
    char b[256];
    socklen_t n = sizeof(b);
    int ls = listening(), c = tcp();
    set_option(ls, IPPROTO_TCP, TCP_SAVE_SYN, 1);
    CHECK_EQ(connect_port(c, port_of(ls)), 0);
    int s = (int) CHECK_OK(accept(ls, NULL, NULL));
    CHECK_EQ(getsockopt(s, IPPROTO_TCP, TCP_SAVED_SYN, b, &n), 0);
    CHECK(n >= 40 && b[0] == 0x45);
    n = sizeof(b);
    CHECK_EQ(getsockopt(s, IPPROTO_TCP, TCP_SAVED_SYN, b, &n), 0);
    CHECK_EQ(n, 0); /* told once */
}

CASE(fast_open_of_connect)
{
    char b[8];
    int ls = listening(), c = tcp();
    set_option(c, IPPROTO_TCP, TCP_FASTOPEN_CONNECT, 1);
    CHECK_EQ(connect_port(c, port_of(ls)), 0);
    CHECK_EQ(write(c, "first", 5), 5);
    int s = (int) CHECK_OK(accept(ls, NULL, NULL));
    CHECK_EQ(read(s, b, 8), 5);
    CHECK_MEM(b, "first", 5);
}

CASE(deferred_accept)
{
    char b[8];
    int ls = listening(), c = tcp();
    set_option(ls, IPPROTO_TCP, TCP_DEFER_ACCEPT, 5);
    CHECK_EQ(connect_port(c, port_of(ls)), 0);
    nonblock(ls);
    sleep_ms(20);
    CHECK_ERR(accept(ls, NULL, NULL), EAGAIN);
    CHECK_EQ(write(c, "now", 3), 3);
    CHECK(becomes(ls, POLLIN));
    int s = (int) CHECK_OK(accept(ls, NULL, NULL));
    CHECK_EQ(read(s, b, 8), 3);
}

CASE(bytes_in_queue_by_message)
{
    char b[4], control[64];
    struct iovec iov = {b, 2};
    struct msghdr m = {.msg_iov = &iov,
                       .msg_iovlen = 1,
                       .msg_control = control,
                       .msg_controllen = sizeof(control)};
    int sv[2], left;
    tcp_pair(sv);
    set_option(sv[1], IPPROTO_TCP, TCP_INQ, 1);
    CHECK_EQ(write(sv[0], "abcdef", 6), 6);
    CHECK(becomes(sv[1], POLLIN));
    CHECK_EQ(recvmsg(sv[1], &m, 0), 2);
    struct cmsghdr *c = CMSG_FIRSTHDR(&m);
    CHECK(c && c->cmsg_level == IPPROTO_TCP && c->cmsg_type == TCP_INQ);
    memcpy(&left, CMSG_DATA(c), sizeof(left));
    CHECK_EQ(left, 4);
}

CASE(segments_of_udp)
{
    char b[64], data[50] = {0};
    int sv[2];
    udp_pair(sv);
    set_option(sv[0], IPPROTO_UDP, UDP_SEGMENT, 20);
    CHECK_EQ(send(sv[0], data, 50, 0), 50);
    CHECK_EQ(recv(sv[1], b, 64, 0), 20);
    CHECK_EQ(recv(sv[1], b, 64, 0), 20);
    CHECK_EQ(recv(sv[1], b, 64, 0), 10);
}

CASE(reuse_of_ports)
{
    enum { SOCKETS = 4, CLIENTS = 64 };
    int fds[SOCKETS], got[SOCKETS] = {0}, port = 0, used = 0, one = 1;
    char b;
    for (int i = 0; i < SOCKETS; i++) {
        struct sockaddr_in a = here(port);
        fds[i] = udp();
        if (i == 1)
            CHECK_ERR(bind(fds[i], (void *) &a, sizeof(a)), EADDRINUSE);
        CHECK_EQ(setsockopt(fds[i], SOL_SOCKET, SO_REUSEPORT, &one, sizeof(one)), 0);
        CHECK_EQ(bind(fds[i], (void *) &a, sizeof(a)), 0);
        port = port_of(fds[i]);
        nonblock(fds[i]);
    }
    for (int i = 0; i < CLIENTS; i++) {
        int c = udp();
        CHECK_EQ(connect_port(c, port), 0);
        CHECK_EQ(send(c, "x", 1, 0), 1);
        CHECK_EQ(close(c), 0);
    }
    for (int i = 0; i < SOCKETS; i++) {
        while (recv(fds[i], &b, 1, 0) == 1)
            got[i]++;
        used += got[i] > 0;
    }
    CHECK_EQ(got[0] + got[1] + got[2] + got[3], CLIENTS);
    CHECK(used >= 2);
}

GUEST_MAIN
