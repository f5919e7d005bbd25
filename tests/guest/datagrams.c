/* SPDX-License-Identifier: Apache-2.0 */
/* Errors, groups, control messages and sizes of datagrams: udp(7), ip(7), ipv6(7), recvmsg(2). */
#include "inet.h"

#include <linux/errqueue.h>
#include <linux/net_tstamp.h>

static int udp(void)
{
    return (int) CHECK_OK(socket(AF_INET, SOCK_DGRAM, 0));
}

static int closed_port(void)
{
    int fd = bound_inet(SOCK_DGRAM), port = port_of(fd);
    CHECK_EQ(close(fd), 0);
    return port;
}

struct in {
    char data[64];
    _Alignas(8) char control[512];
    struct iovec iov;
    struct sockaddr_storage from;
    struct msghdr m;
};

static void room(struct in *i)
{
    memset(i, 0, sizeof(*i));
    i->iov = (struct iovec){i->data, sizeof(i->data)};
    i->m = (struct msghdr){.msg_name = &i->from,
                           .msg_namelen = sizeof(i->from),
                           .msg_iov = &i->iov,
                           .msg_iovlen = 1,
                           .msg_control = i->control,
                           .msg_controllen = sizeof(i->control)};
}

static void *find(struct in *i, int level, int type)
{
    for (struct cmsghdr *c = CMSG_FIRSTHDR(&i->m); c; c = CMSG_NXTHDR(&i->m, c))
        if (c->cmsg_level == level && c->cmsg_type == type)
            return CMSG_DATA(c);
    FAIL("no control message %d of level %d", type, level);
}

/* ---- errors ---- */

CASE(error_queue_tells_all)
{
    struct in i;
    int port = closed_port(), fd = udp();
    struct sockaddr_in a = here(port);
    room(&i);
    set_option(fd, IPPROTO_IP, IP_RECVERR, 1);
    CHECK_EQ(sendto(fd, "lost", 4, 0, (void *) &a, sizeof(a)), 4);
    CHECK(becomes(fd, POLLERR));
    CHECK_EQ(events(fd), POLLERR | WRITABLE);
    CHECK_EQ(recvmsg(fd, &i.m, MSG_ERRQUEUE), 4);
    CHECK_MEM(i.data, "lost", 4);
    CHECK_EQ(i.m.msg_flags, MSG_ERRQUEUE);
    CHECK_EQ(i.m.msg_namelen, sizeof(a));
    CHECK_EQ(((struct sockaddr_in *) &i.from)->sin_port, htons((uint16_t) port));
    struct sock_extended_err *e = find(&i, IPPROTO_IP, IP_RECVERR);
    CHECK_EQ(e->ee_errno, ECONNREFUSED);
    CHECK_EQ(e->ee_origin, SO_EE_ORIGIN_ICMP);
    CHECK_EQ(e->ee_type, 3);
    CHECK_EQ(e->ee_code, 3);
    struct sockaddr_in *by = (void *) SO_EE_OFFENDER(e);
    CHECK_EQ(by->sin_family, AF_INET);
    CHECK_EQ(by->sin_addr.s_addr, htonl(INADDR_LOOPBACK));
    CHECK_ERR(recvmsg(fd, &i.m, MSG_ERRQUEUE), EAGAIN);
}

CASE(error_queue_with_no_room)
{
    struct in i;
    int fd = udp();
    struct sockaddr_in a = here(closed_port());
    room(&i);
    set_option(fd, IPPROTO_IP, IP_RECVERR, 1);
    CHECK_EQ(sendto(fd, "lost", 4, 0, (void *) &a, sizeof(a)), 4);
    CHECK(becomes(fd, POLLERR));
    i.iov.iov_len = 2;
    i.m.msg_controllen = 20;
    CHECK_EQ(recvmsg(fd, &i.m, MSG_ERRQUEUE), 2);
    CHECK_EQ(i.m.msg_flags, MSG_ERRQUEUE | MSG_TRUNC | MSG_CTRUNC);
}

CASE(error_of_an_unconnected_socket)
{
    char b;
    int fd = udp();
    struct sockaddr_in a = here(closed_port());
    CHECK_EQ(sendto(fd, "x", 1, 0, (void *) &a, sizeof(a)), 1);
    sleep_ms(20);
    CHECK_EQ(events(fd), WRITABLE); /* nobody is told */
    set_option(fd, IPPROTO_IP, IP_RECVERR, 1);
    CHECK_EQ(sendto(fd, "x", 1, 0, (void *) &a, sizeof(a)), 1);
    CHECK(becomes(fd, POLLERR));
    CHECK_ERR(recv(fd, &b, 1, 0), ECONNREFUSED);
    CHECK_EQ(int_option(fd, SO_ERROR), 0);
    CHECK_EQ(events(fd), POLLERR | WRITABLE); /* it is still in the queue */
}

CASE(waiting_receiver_gets_the_error)
{
    char b;
    int fd = udp(), port = closed_port();
    CHECK_EQ(connect_port(fd, port), 0);
    pid_t pid = fork();
    if (pid == 0) {
        sleep_ms(50);
        _exit(send(fd, "x", 1, 0) != 1);
    }
    CHECK_ERR(recv(fd, &b, 1, 0), ECONNREFUSED);
    CHECK_EXIT(pid, 0);
}

CASE(error_goes_to_the_next_sender)
{
    int fd = udp();
    CHECK_EQ(connect_port(fd, closed_port()), 0);
    CHECK_EQ(send(fd, "x", 1, 0), 1);
    CHECK(becomes(fd, POLLERR));
    CHECK_ERR(send(fd, "x", 1, 0), ECONNREFUSED);
    CHECK_EQ(send(fd, "x", 1, 0), 1);
}

CASE(errors_of_ipv6)
{
    struct in i;
    struct sockaddr_in6 a = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    socklen_t n = sizeof(a);
    int x = socket(AF_INET6, SOCK_DGRAM, 0), fd = socket(AF_INET6, SOCK_DGRAM, 0);
    if (x < 0 || bind(x, (void *) &a, n) < 0)
        SKIP("no IPv6");
    CHECK_EQ(getsockname(x, (void *) &a, &n), 0);
    CHECK_EQ(close(x), 0);
    room(&i);
    set_option(fd, IPPROTO_IPV6, IPV6_RECVERR, 1);
    CHECK_EQ(sendto(fd, "lost", 4, 0, (void *) &a, n), 4);
    CHECK(becomes(fd, POLLERR));
    CHECK_EQ(recvmsg(fd, &i.m, MSG_ERRQUEUE), 4);
    struct sock_extended_err *e = find(&i, IPPROTO_IPV6, IPV6_RECVERR);
    CHECK_EQ(e->ee_errno, ECONNREFUSED);
    CHECK_EQ(e->ee_origin, SO_EE_ORIGIN_ICMP6);
    CHECK_EQ(e->ee_type, 1);
    CHECK_EQ(e->ee_code, 4);
    CHECK_EQ(((struct sockaddr_in6 *) SO_EE_OFFENDER(e))->sin6_family, AF_INET6);
}

CASE(too_long_for_the_path)
{
    static char big[65600];
    struct in i;
    int sv[2];
    udp_pair(sv);
    room(&i);
    set_option(sv[0], IPPROTO_IP, IP_RECVERR, 1);
    set_option(sv[0], IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_DO);
    CHECK(option(sv[0], IPPROTO_IP, IP_MTU) >= 65535);
    CHECK_EQ(send(sv[0], big, 60000, 0), 60000);
    CHECK_ERR(send(sv[0], big, 65508, 0), EMSGSIZE);
}

/* ---- what comes beside the data ---- */

CASE(times_to_live)
{
    struct in i;
    int sv[2], v;
    udp_pair(sv);
    set_option(sv[1], IPPROTO_IP, IP_RECVTTL, 1);
    set_option(sv[1], IPPROTO_IP, IP_RECVTOS, 1);
    set_option(sv[0], IPPROTO_IP, IP_TTL, 33);
    set_option(sv[0], IPPROTO_IP, IP_TOS, 0x10);
    CHECK_EQ(send(sv[0], "x", 1, 0), 1);
    room(&i);
    CHECK_EQ(recvmsg(sv[1], &i.m, 0), 1);
    memcpy(&v, find(&i, IPPROTO_IP, IP_TTL), sizeof(v));
    CHECK_EQ(v, 33);
    CHECK_EQ(*(uint8_t *) find(&i, IPPROTO_IP, IP_TOS), 0x10);
}

static void send_with(int fd, int level, int type, const void *data, size_t n, ssize_t want)
{
    _Alignas(8) char control[256] = {0};
    struct iovec iov = {"x", 1};
    struct msghdr m = {.msg_iov = &iov,
                       .msg_iovlen = 1,
                       .msg_control = control,
                       .msg_controllen = CMSG_SPACE(n)};
    struct cmsghdr *c = CMSG_FIRSTHDR(&m);
    *c = (struct cmsghdr){CMSG_LEN(n), level, type};
    memcpy(CMSG_DATA(c), data, n);
    errno = 0;
    CHECK_EQ(sendmsg(fd, &m, 0) == 1 ? 1 : -errno, want);
}

CASE(times_to_live_of_one_message)
{
    struct in i;
    int sv[2], v = 44;
    udp_pair(sv);
    set_option(sv[1], IPPROTO_IP, IP_RECVTTL, 1);
    send_with(sv[0], IPPROTO_IP, IP_TTL, &v, sizeof(v), 1);
    room(&i);
    CHECK_EQ(recvmsg(sv[1], &i.m, 0), 1);
    memcpy(&v, find(&i, IPPROTO_IP, IP_TTL), sizeof(v));
    CHECK_EQ(v, 44);
}

CASE(control_messages_to_send)
{
    int sv[2], v = 0;
    udp_pair(sv);
    send_with(sv[0], IPPROTO_IP, IP_TTL, &v, sizeof(v), -EINVAL);
    send_with(sv[0], IPPROTO_IP, 99, &v, sizeof(v), -EINVAL);
    send_with(sv[0], SOL_SOCKET, 99, &v, sizeof(v), -EINVAL);
    send_with(sv[0], IPPROTO_UDP, 99, &v, sizeof(v), -EINVAL);
    send_with(sv[0], IPPROTO_TCP, TCP_NODELAY, &v, sizeof(v), 1);
    send_with(sv[0], 9999, 1, &v, sizeof(v), 1);
    struct in_pktinfo from = {.ipi_spec_dst.s_addr = htonl(INADDR_LOOPBACK + 1)};
    send_with(sv[0], IPPROTO_IP, IP_PKTINFO, &from, sizeof(from), 1);
}

CASE(sender_of_one_message)
{
    struct in_pktinfo from = {.ipi_spec_dst.s_addr = htonl(INADDR_LOOPBACK + 1)};
    struct in i;
    struct sockaddr_in a;
    int x = bound_inet(SOCK_DGRAM), y = udp();
    CHECK_EQ(connect_port(y, port_of(x)), 0);
    send_with(y, IPPROTO_IP, IP_PKTINFO, &from, sizeof(from), 1);
    room(&i);
    CHECK_EQ(recvmsg(x, &i.m, 0), 1);
    memcpy(&a, &i.from, sizeof(a));
    CHECK_EQ(a.sin_addr.s_addr, htonl(INADDR_LOOPBACK + 1));
}

CASE(times_of_arrival)
{
    struct in i;
    struct timespec ts, now;
    struct timeval tv;
    int sv[2];
    udp_pair(sv);
    CHECK_ERR(ioctl(sv[1], SIOCGSTAMP, &tv), ENOENT);
    set_int(sv[1], SO_TIMESTAMPNS, 1);
    CHECK_EQ(send(sv[0], "x", 1, 0), 1);
    room(&i);
    CHECK_EQ(recvmsg(sv[1], &i.m, 0), 1);
    memcpy(&ts, find(&i, SOL_SOCKET, SO_TIMESTAMPNS), sizeof(ts));
    clock_gettime(CLOCK_REALTIME, &now);
    CHECK(now.tv_sec - ts.tv_sec >= 0 && now.tv_sec - ts.tv_sec < 5);
    set_int(sv[1], SO_TIMESTAMPNS, 0);
    CHECK_EQ(send(sv[0], "x", 1, 0), 1);
    CHECK_EQ(recv(sv[1], i.data, 1, 0), 1);
    CHECK_EQ(ioctl(sv[1], SIOCGSTAMP, &tv), 0);
    CHECK(now.tv_sec - tv.tv_sec < 5);
    CHECK_ERR(ioctl(sv[1], SIOCGSTAMP, (void *) 8), EFAULT);
}

CASE(times_of_departure)
{
    struct in i;
    int sv[2];
    udp_pair(sv);
    set_int(sv[0], SO_TIMESTAMPING,
            SOF_TIMESTAMPING_TX_SOFTWARE | SOF_TIMESTAMPING_SOFTWARE | SOF_TIMESTAMPING_OPT_ID);
    CHECK_EQ(send(sv[0], "x", 1, 0), 1);
    CHECK(becomes(sv[0], POLLERR));
    room(&i);
    CHECK(recvmsg(sv[0], &i.m, MSG_ERRQUEUE) >= 0);
    find(&i, SOL_SOCKET, SO_TIMESTAMPING);
    struct sock_extended_err *e = find(&i, IPPROTO_IP, IP_RECVERR);
    CHECK_EQ(e->ee_errno, ENOMSG);
    CHECK_EQ(e->ee_origin, SO_EE_ORIGIN_TIMESTAMPING);
    CHECK_EQ(e->ee_data, 0);
}

CASE(control_is_cut)
{
    struct in i;
    int sv[2];
    udp_pair(sv);
    set_option(sv[1], IPPROTO_IP, IP_PKTINFO, 1);
    CHECK_EQ(send(sv[0], "x", 1, 0), 1);
    room(&i);
    i.m.msg_controllen = 20;
    CHECK_EQ(recvmsg(sv[1], &i.m, 0), 1);
    CHECK_EQ(i.m.msg_flags, MSG_CTRUNC);
    CHECK_EQ(i.m.msg_controllen, 20);
    CHECK_EQ(send(sv[0], "x", 1, 0), 1);
    room(&i);
    i.m.msg_control = NULL;
    i.m.msg_controllen = 0;
    CHECK_EQ(recvmsg(sv[1], &i.m, 0), 1);
    CHECK_EQ(i.m.msg_flags, MSG_CTRUNC);
}

CASE(path_of_ipv6)
{
    struct sockaddr_in6 a = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    socklen_t n = sizeof(a);
    struct in i;
    struct in6_pktinfo info;
    int x = socket(AF_INET6, SOCK_DGRAM, 0), y = socket(AF_INET6, SOCK_DGRAM, 0), v;
    if (x < 0 || bind(x, (void *) &a, n) < 0)
        SKIP("no IPv6");
    CHECK_EQ(getsockname(x, (void *) &a, &n), 0);
    set_option(x, IPPROTO_IPV6, IPV6_RECVPKTINFO, 1);
    set_option(x, IPPROTO_IPV6, IPV6_RECVHOPLIMIT, 1);
    set_option(x, IPPROTO_IPV6, IPV6_RECVTCLASS, 1);
    CHECK_EQ(connect(y, (void *) &a, n), 0);
    v = 12;
    send_with(y, IPPROTO_IPV6, IPV6_HOPLIMIT, &v, sizeof(v), 1);
    room(&i);
    CHECK_EQ(recvmsg(x, &i.m, 0), 1);
    memcpy(&info, find(&i, IPPROTO_IPV6, IPV6_PKTINFO), sizeof(info));
    CHECK(IN6_IS_ADDR_LOOPBACK(&info.ipi6_addr));
    memcpy(&v, find(&i, IPPROTO_IPV6, IPV6_HOPLIMIT), sizeof(v));
    CHECK_EQ(v, 12);
    find(&i, IPPROTO_IPV6, IPV6_TCLASS);
    struct ipv6_mtuinfo {
        struct sockaddr_in6 a;
        uint32_t mtu;
    } mtu;
    n = sizeof(mtu);
    CHECK_EQ(getsockopt(y, IPPROTO_IPV6, IPV6_PATHMTU, &mtu, &n), 0);
    CHECK_EQ(mtu.mtu, 65536);
}

/* ---- groups ---- */

#define GROUP 0xefc80001u /* 239.200.0.1 */

static int member(int *port)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons((uint16_t) *port)};
    struct ip_mreqn join = {.imr_multiaddr.s_addr = htonl(GROUP),
                            .imr_address.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = udp();
    set_int(fd, SO_REUSEADDR, 1);
    CHECK_EQ(bind(fd, (void *) &a, sizeof(a)), 0);
    CHECK_EQ(setsockopt(fd, IPPROTO_IP, IP_ADD_MEMBERSHIP, &join, sizeof(join)), 0);
    *port = port_of(fd);
    return fd;
}

static int speaker(int port)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons((uint16_t) port)};
    struct in_addr out = {htonl(INADDR_LOOPBACK)};
    int fd = udp();
    a.sin_addr.s_addr = htonl(GROUP);
    CHECK_EQ(setsockopt(fd, IPPROTO_IP, IP_MULTICAST_IF, &out, sizeof(out)), 0);
    CHECK_EQ(connect(fd, (void *) &a, sizeof(a)), 0);
    return fd;
}

CASE(group_of_two_processes)
{
    char b[8];
    int port = 0, x = member(&port), y = member(&port), s = speaker(port);
    set_timeout(x, SO_RCVTIMEO, 3000);
    set_timeout(y, SO_RCVTIMEO, 3000);
    pid_t pid = fork();
    if (pid == 0)
        _exit(recv(x, b, 8, 0) != 5);
    CHECK_EQ(send(s, "hello", 5, 0), 5);
    CHECK_EQ(recv(y, b, 8, 0), 5);
    CHECK_EXIT(pid, 0);
}

CASE(group_is_left)
{
    struct ip_mreqn leave = {.imr_multiaddr.s_addr = htonl(GROUP),
                             .imr_address.s_addr = htonl(INADDR_LOOPBACK)};
    char b[8];
    int port = 0, x = member(&port), s = speaker(port);
    CHECK_ERR(setsockopt(x, IPPROTO_IP, IP_ADD_MEMBERSHIP, &leave, sizeof(leave)), EADDRINUSE);
    CHECK_EQ(send(s, "a", 1, 0), 1);
    CHECK(becomes(x, POLLIN));
    CHECK_EQ(recv(x, b, 8, 0), 1);
    CHECK_EQ(setsockopt(x, IPPROTO_IP, IP_DROP_MEMBERSHIP, &leave, sizeof(leave)), 0);
    CHECK_ERR(setsockopt(x, IPPROTO_IP, IP_DROP_MEMBERSHIP, &leave, sizeof(leave)), EADDRNOTAVAIL);
    CHECK_EQ(send(s, "a", 1, 0), 1);
    sleep_ms(50);
    CHECK_ERR(recv(x, b, 8, MSG_DONTWAIT), EAGAIN);
}

CASE(group_without_loop)
{
    char b[8];
    int port = 0, x = member(&port), s = speaker(port);
    set_option(s, IPPROTO_IP, IP_MULTICAST_LOOP, 0);
    CHECK_EQ(send(s, "a", 1, 0), 1);
    set_option(s, IPPROTO_IP, IP_MULTICAST_LOOP, 1);
    CHECK_EQ(send(s, "bc", 2, 0), 2);
    CHECK(becomes(x, POLLIN));
    ssize_t first = recv(x, b, 8, 0); /* the loopback interface loops by itself */
    CHECK(first == 1 || first == 2);
}

CASE(group_of_a_source)
{
    struct ip_mreq_source from = {.imr_multiaddr.s_addr = htonl(GROUP + 1),
                                  .imr_interface.s_addr = htonl(INADDR_LOOPBACK),
                                  .imr_sourceaddr.s_addr = htonl(INADDR_LOOPBACK + 8)};
    struct group_req any = {.gr_interface = if_nametoindex("lo")};
    int fd = udp();
    CHECK_EQ(setsockopt(fd, IPPROTO_IP, IP_ADD_SOURCE_MEMBERSHIP, &from, sizeof(from)), 0);
    CHECK_ERR(setsockopt(fd, IPPROTO_IP, IP_ADD_SOURCE_MEMBERSHIP, &from, sizeof(from)),
              EADDRNOTAVAIL);
    CHECK_EQ(setsockopt(fd, IPPROTO_IP, IP_DROP_SOURCE_MEMBERSHIP, &from, sizeof(from)), 0);
    struct sockaddr_in *g = (void *) &any.gr_group;
    *g = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(GROUP)};
    CHECK_EQ(setsockopt(fd, IPPROTO_IP, MCAST_JOIN_GROUP, &any, sizeof(any)), 0);
    CHECK_EQ(setsockopt(fd, IPPROTO_IP, MCAST_LEAVE_GROUP, &any, sizeof(any)), 0);
    CHECK_ERR(setsockopt(fd, IPPROTO_IP, MCAST_LEAVE_GROUP, &any, 8), EINVAL);
}

CASE(sources_of_a_group)
{
    struct ip_mreq_source from = {.imr_multiaddr.s_addr = htonl(GROUP + 2),
                                  .imr_interface.s_addr = htonl(INADDR_LOOPBACK)};
    struct {
        struct in_addr group, interface;
        uint32_t mode, n;
        struct in_addr sources[8];
    } f = {.group = from.imr_multiaddr, .interface = from.imr_interface, .n = 8};
    socklen_t len = sizeof(f);
    int fd = udp();
    for (uint32_t i = 1; i <= 3; i++) {
        from.imr_sourceaddr.s_addr = htonl(INADDR_LOOPBACK + i);
        CHECK_EQ(setsockopt(fd, IPPROTO_IP, IP_ADD_SOURCE_MEMBERSHIP, &from, sizeof(from)), 0);
    }
    CHECK_EQ(getsockopt(fd, IPPROTO_IP, IP_MSFILTER, &f, &len), 0);
    CHECK_EQ(f.mode, MCAST_INCLUDE);
    CHECK_EQ(f.n, 3);
    CHECK_EQ(len, 16 + 3 * 4);
    f.n = 1;
    CHECK_EQ(setsockopt(fd, IPPROTO_IP, IP_MSFILTER, &f, 20), 0);
    f.n = 8;
    len = sizeof(f);
    CHECK_EQ(getsockopt(fd, IPPROTO_IP, IP_MSFILTER, &f, &len), 0);
    CHECK_EQ(f.n, 1);
}

CASE(group_of_ipv6)
{
    struct ipv6_mreq join = {.ipv6mr_interface = if_nametoindex("lo")};
    int fd = socket(AF_INET6, SOCK_DGRAM, 0);
    if (fd < 0)
        SKIP("no IPv6");
    CHECK_EQ(inet_pton(AF_INET6, "ff02::4242", &join.ipv6mr_multiaddr), 1);
    CHECK_EQ(setsockopt(fd, IPPROTO_IPV6, IPV6_ADD_MEMBERSHIP, &join, sizeof(join)), 0);
    CHECK_ERR(setsockopt(fd, IPPROTO_IPV6, IPV6_ADD_MEMBERSHIP, &join, sizeof(join)), EADDRINUSE);
    CHECK_EQ(setsockopt(fd, IPPROTO_IPV6, IPV6_DROP_MEMBERSHIP, &join, sizeof(join)), 0);
    CHECK_EQ(setsockopt(fd, IPPROTO_IPV6, IPV6_MULTICAST_IF, &join.ipv6mr_interface, 4), 0);
    CHECK_EQ(option(fd, IPPROTO_IPV6, IPV6_MULTICAST_IF), (int) join.ipv6mr_interface);
}

CASE(broadcast)
{
    struct sockaddr_in a = {.sin_family = AF_INET}, to;
    char b[4];
    int x = udp(), y = udp();
    CHECK_EQ(bind(x, (void *) &a, sizeof(a)), 0);
    to = here(port_of(x));
    to.sin_addr.s_addr = htonl(0x7fffffff);
    set_int(y, SO_BROADCAST, 1);
    CHECK_EQ(sendto(y, "all", 3, 0, (void *) &to, sizeof(to)), 3);
    CHECK(becomes(x, POLLIN));
    CHECK_EQ(recv(x, b, 4, 0), 3);
}

/* ---- sizes and flags ---- */

CASE(vectors_too_many)
{
    struct iovec iov[1025];
    struct msghdr m = {.msg_iov = iov, .msg_iovlen = 1025};
    char b[1025];
    int sv[2];
    udp_pair(sv);
    for (int i = 0; i < 1025; i++)
        iov[i] = (struct iovec){&b[i], 1};
    memset(b, 'x', sizeof(b));
    CHECK_ERR(sendmsg(sv[0], &m, 0), EMSGSIZE);
    CHECK_ERR(recvmsg(sv[1], &m, MSG_DONTWAIT), EMSGSIZE);
    CHECK_ERR(writev(sv[0], iov, 1025), EINVAL);
    m.msg_iovlen = 1024;
    CHECK_EQ(sendmsg(sv[0], &m, 0), 1024);
    CHECK_EQ(recvmsg(sv[1], &m, 0), 1024);
}

CASE(peek_and_size)
{
    char b[8];
    int sv[2], n;
    udp_pair(sv);
    CHECK_EQ(send(sv[0], "hello", 5, 0), 5);
    CHECK_EQ(send(sv[0], "you", 3, 0), 3);
    CHECK(becomes(sv[1], POLLIN));
    CHECK_EQ(ioctl(sv[1], FIONREAD, &n), 0);
    CHECK_EQ(n, 5);
    CHECK_EQ(recv(sv[1], b, 2, MSG_PEEK | MSG_TRUNC), 5);
    CHECK_EQ(recv(sv[1], NULL, 0, MSG_PEEK | MSG_TRUNC), 5);
    CHECK_EQ(recv(sv[1], b, 8, MSG_WAITALL), 5);
    CHECK_EQ(recv(sv[1], NULL, 0, 0), 0);
    CHECK_ERR(recv(sv[1], b, 8, MSG_DONTWAIT), EAGAIN);
    CHECK_EQ(ioctl(sv[1], SIOCOUTQ, &n), 0);
    CHECK_EQ(n, 0);
}

CASE(empty_ones)
{
    char b[4];
    struct sockaddr_in a;
    socklen_t n = sizeof(a);
    int sv[2], v = 7;
    udp_pair(sv);
    CHECK_EQ(write(sv[0], "", 0), 0);
    CHECK_EQ(send(sv[0], NULL, 0, 0), 0);
    CHECK(becomes(sv[1], POLLIN));
    CHECK_EQ(ioctl(sv[1], FIONREAD, &v), 0);
    CHECK_EQ(v, 0);
    CHECK_EQ(recvfrom(sv[1], b, 4, 0, (void *) &a, &n), 0);
    CHECK_EQ(n, sizeof(a));
    CHECK_EQ(read(sv[1], b, 0), 0); /* takes nothing */
    CHECK(becomes(sv[1], POLLIN));
    CHECK_EQ(read(sv[1], b, 4), 0);
    CHECK_ERR(recv(sv[1], b, 4, MSG_DONTWAIT), EAGAIN);
}

CASE(corked)
{
    char b[16];
    int sv[2];
    udp_pair(sv);
    CHECK_EQ(send(sv[0], "ab", 2, MSG_MORE), 2);
    CHECK_EQ(send(sv[0], "cd", 2, MSG_MORE), 2);
    sleep_ms(20);
    CHECK_ERR(recv(sv[1], b, 16, MSG_DONTWAIT), EAGAIN);
    CHECK_EQ(send(sv[0], "e", 1, 0), 1);
    CHECK_EQ(recv(sv[1], b, 16, 0), 5);
    CHECK_MEM(b, "abcde", 5);
}

CASE(shut_datagrams)
{
    char b;
    int sv[2];
    udp_pair(sv);
    CHECK_EQ(shutdown(sv[1], SHUT_RD), 0);
    CHECK_EQ(events(sv[1]), READABLE | WRITABLE | POLLRDHUP);
    CHECK_EQ(recv(sv[1], &b, 1, 0), 0);
    CHECK_EQ(shutdown(sv[0], SHUT_WR), 0);
    CHECK_ERR(send(sv[0], "x", 1, MSG_NOSIGNAL), EPIPE);
    int fd = udp();
    CHECK_ERR(shutdown(fd, SHUT_RD), ENOTCONN);
    CHECK_EQ(recv(fd, &b, 1, 0), 0); /* it is, all the same */
}

static void many(struct mmsghdr *m, struct iovec *iov, char (*b)[8], int n)
{
    for (int i = 0; i < n; i++) {
        iov[i] = (struct iovec){b[i], 8};
        m[i] = (struct mmsghdr){.msg_hdr = {.msg_iov = &iov[i], .msg_iovlen = 1}};
    }
}

CASE(many_with_a_timeout)
{
    char b[4][8];
    struct iovec iov[4];
    struct mmsghdr m[4];
    struct timespec ts = {5, 0}, bad = {0, 1000000000};
    int sv[2];
    udp_pair(sv);
    many(m, iov, b, 4);
    CHECK_ERR(recvmmsg(sv[1], m, 4, MSG_DONTWAIT, NULL), EAGAIN);
    CHECK_ERR(recvmmsg(sv[1], m, 4, 0, &bad), EINVAL);
    for (int i = 0; i < 2; i++)
        CHECK_EQ(send(sv[0], "abc", 3, 0), 3);
    CHECK_EQ(recvmmsg(sv[1], m, 2, 0, &ts), 2);
    CHECK(ts.tv_sec == 4 || ts.tv_sec == 5);
    ts = (struct timespec){0, 0};
    CHECK_EQ(send(sv[0], "abc", 3, 0), 3);
    CHECK_EQ(recvmmsg(sv[1], m, 4, 0, &ts), 1); /* looked at after the first */
}

CASE(many_stop_at_an_error)
{
    struct iovec iov = {"x", 1};
    struct mmsghdr m[3] = {{.msg_hdr = {.msg_iov = &iov, .msg_iovlen = 1}},
                           {.msg_hdr = {.msg_iov = (void *) 8, .msg_iovlen = 1}},
                           {.msg_hdr = {.msg_iov = &iov, .msg_iovlen = 1}}};
    int sv[2];
    udp_pair(sv);
    CHECK_EQ(sendmmsg(sv[0], m, 3, 0), 1);
    CHECK_EQ(m[0].msg_len, 1);
    CHECK_ERR(sendmmsg(sv[0], m + 1, 2, 0), EFAULT);
    CHECK_EQ(sendmmsg(sv[0], m, 0, 0), 0);
}

GUEST_MAIN
