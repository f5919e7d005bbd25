/* SPDX-License-Identifier: Apache-2.0 */
/* UDP over the loopback interface: udp(7), ip(7). */
#include "inet.h"

CASE(udp_pair_talks)
{
    char b[16];
    int sv[2];
    udp_pair(sv);
    CHECK_EQ(write(sv[0], "one", 3), 3);
    CHECK_EQ(write(sv[0], "three", 5), 5);
    CHECK_EQ(read(sv[1], b, 16), 3);
    CHECK_EQ(read(sv[1], b, 16), 5);
}

CASE(udp_addresses)
{
    struct sockaddr_in a, from;
    socklen_t n = sizeof(from);
    char b[8];
    int x = bound_inet(SOCK_DGRAM), y = (int) CHECK_OK(socket(AF_INET, SOCK_DGRAM, 0));
    a = here(port_of(x));
    CHECK_ERR(send(y, "x", 1, 0), EDESTADDRREQ);
    CHECK_EQ(sendto(y, "abc", 3, 0, (void *) &a, sizeof(a)), 3);
    CHECK_EQ(recvfrom(x, b, 8, 0, (void *) &from, &n), 3);
    CHECK_EQ(n, sizeof(from));
    CHECK_EQ(ntohs(from.sin_port), port_of(y));
    CHECK_EQ(sendto(x, "back", 4, 0, (void *) &from, n), 4);
    CHECK_EQ(recv(y, b, 8, 0), 4);
}

CASE(udp_is_cut)
{
    char b[16];
    struct iovec iov = {b, 2};
    struct msghdr m = {.msg_iov = &iov, .msg_iovlen = 1};
    int sv[2];
    udp_pair(sv);
    for (int i = 0; i < 3; i++)
        CHECK_EQ(write(sv[0], "hello", 5), 5);
    CHECK_EQ(recv(sv[1], b, 2, 0), 2);
    CHECK_EQ(recv(sv[1], b, 2, MSG_TRUNC), 5);
    CHECK_EQ(recvmsg(sv[1], &m, 0), 2);
    CHECK_EQ(m.msg_flags, MSG_TRUNC);
}

CASE(udp_empty)
{
    char b[4];
    int sv[2];
    udp_pair(sv);
    CHECK_EQ(send(sv[0], "", 0, 0), 0);
    CHECK(becomes(sv[1], POLLIN));
    CHECK_EQ(recv(sv[1], b, 4, 0), 0);
    CHECK_ERR(recv(sv[1], b, 4, MSG_DONTWAIT), EAGAIN);
}

CASE(udp_too_long)
{
    static char big[70000];
    int sv[2];
    udp_pair(sv);
    CHECK_ERR(send(sv[0], big, 65508, 0), EMSGSIZE);
    CHECK_ERR(send(sv[0], big, sizeof(big), 0), EMSGSIZE);
    CHECK_EQ(send(sv[0], big, 65507, 0), 65507);
    CHECK_EQ(recv(sv[1], big, sizeof(big), 0), 65507);
}

CASE(udp_refused)
{
    char b;
    int x = bound_inet(SOCK_DGRAM), port = port_of(x),
        fd = (int) CHECK_OK(socket(AF_INET, SOCK_DGRAM, 0));
    CHECK_EQ(close(x), 0);
    CHECK_EQ(connect_port(fd, port), 0);
    CHECK_EQ(send(fd, "x", 1, 0), 1);
    CHECK_ERR(recv(fd, &b, 1, 0), ECONNREFUSED);
}

CASE(udp_error_queue)
{
    char b[8], control[256];
    struct iovec iov = {b, 8};
    struct msghdr m = {.msg_iov = &iov,
                       .msg_iovlen = 1,
                       .msg_control = control,
                       .msg_controllen = sizeof(control)};
    int x = bound_inet(SOCK_DGRAM), port = port_of(x),
        fd = (int) CHECK_OK(socket(AF_INET, SOCK_DGRAM, 0));
    CHECK_ERR(recvmsg(fd, &m, MSG_ERRQUEUE), EAGAIN);
    CHECK_EQ(close(x), 0);
    set_option(fd, IPPROTO_IP, IP_RECVERR, 1);
    CHECK_EQ(connect_port(fd, port), 0);
    CHECK_EQ(send(fd, "x", 1, 0), 1);
    CHECK(becomes(fd, POLLERR));
    m.msg_controllen = sizeof(control);
    CHECK_EQ(recvmsg(fd, &m, MSG_ERRQUEUE), 1);
    CHECK(m.msg_flags & MSG_ERRQUEUE);
    struct cmsghdr *c = CMSG_FIRSTHDR(&m);
    CHECK(c != NULL);
    CHECK_EQ(c->cmsg_level, IPPROTO_IP);
    CHECK_EQ(c->cmsg_type, IP_RECVERR);
}

CASE(udp_packet_info)
{
    char b[8], control[256];
    struct iovec iov = {b, 8};
    struct msghdr m = {.msg_iov = &iov,
                       .msg_iovlen = 1,
                       .msg_control = control,
                       .msg_controllen = sizeof(control)};
    struct in_pktinfo info;
    int sv[2];
    udp_pair(sv);
    set_option(sv[1], IPPROTO_IP, IP_PKTINFO, 1);
    CHECK_EQ(send(sv[0], "x", 1, 0), 1);
    CHECK_EQ(recvmsg(sv[1], &m, 0), 1);
    struct cmsghdr *c = CMSG_FIRSTHDR(&m);
    CHECK(c != NULL);
    CHECK_EQ(c->cmsg_type, IP_PKTINFO);
    memcpy(&info, CMSG_DATA(c), sizeof(info));
    CHECK_EQ(info.ipi_addr.s_addr, htonl(INADDR_LOOPBACK));
    CHECK_EQ(m.msg_controllen, CMSG_SPACE(sizeof(info)));
}

CASE(udp_rights_mean_nothing)
{
    union {
        struct cmsghdr h;
        char bytes[CMSG_SPACE(sizeof(int))];
    } c = {.h = {CMSG_LEN(sizeof(int)), SOL_SOCKET, SCM_RIGHTS}};
    struct iovec iov = {"x", 1};
    struct msghdr m = {.msg_iov = &iov,
                       .msg_iovlen = 1,
                       .msg_control = &c,
                       .msg_controllen = sizeof(c)};
    int sv[2];
    udp_pair(sv);
    CHECK_EQ(sendmsg(sv[0], &m, 0), 1);
}

CASE(udp_many)
{
    char b[4][8];
    struct iovec out[3] = {{"a", 1}, {"bb", 2}, {"ccc", 3}}, in[4];
    struct mmsghdr m[4] = {0};
    int sv[2];
    udp_pair(sv);
    for (int i = 0; i < 3; i++)
        m[i].msg_hdr = (struct msghdr){.msg_iov = &out[i], .msg_iovlen = 1};
    CHECK_EQ(sendmmsg(sv[0], m, 3, 0), 3);
    for (int i = 0; i < 4; i++) {
        in[i] = (struct iovec){b[i], 8};
        m[i] = (struct mmsghdr){.msg_hdr = {.msg_iov = &in[i], .msg_iovlen = 1}};
    }
    CHECK_EQ(recvmmsg(sv[1], m, 4, MSG_WAITFORONE, NULL), 3);
    CHECK_EQ(m[2].msg_len, 3);
}

CASE(udp_disconnect)
{
    struct sockaddr_in a = {.sin_family = AF_UNSPEC};
    socklen_t n = sizeof(a);
    int sv[2];
    udp_pair(sv);
    CHECK_EQ(connect(sv[0], (void *) &a, sizeof(a)), 0);
    CHECK_ERR(getpeername(sv[0], (void *) &a, &n), ENOTCONN);
    CHECK_ERR(send(sv[0], "x", 1, 0), EDESTADDRREQ);
}

CASE(udp_listens_not)
{
    int fd = bound_inet(SOCK_DGRAM);
    CHECK_ERR(listen(fd, 1), EOPNOTSUPP);
    CHECK_ERR(accept(fd, NULL, NULL), EOPNOTSUPP);
}

CASE(udp_broadcast_wants_permission)
{
    struct sockaddr_in a = here(9);
    int fd = (int) CHECK_OK(socket(AF_INET, SOCK_DGRAM, 0));
    a.sin_addr.s_addr = htonl(0x7fffffff); /* loopback's broadcast address */
    CHECK_ERR(sendto(fd, "x", 1, 0, (void *) &a, sizeof(a)), EACCES);
    set_int(fd, SO_BROADCAST, 1);
    CHECK_EQ(int_option(fd, SO_BROADCAST), 1);
}

CASE(ip_options)
{
    int fd = (int) CHECK_OK(socket(AF_INET, SOCK_DGRAM, 0));
    set_option(fd, IPPROTO_IP, IP_TTL, 7);
    CHECK_EQ(option(fd, IPPROTO_IP, IP_TTL), 7);
    set_option(fd, IPPROTO_IP, IP_TOS, 0x10);
    CHECK_EQ(option(fd, IPPROTO_IP, IP_TOS), 0x10);
    set_option(fd, IPPROTO_IP, IP_MULTICAST_TTL, 3);
    CHECK_EQ(option(fd, IPPROTO_IP, IP_MULTICAST_TTL), 3);
    int v = 300;
    CHECK_ERR(setsockopt(fd, IPPROTO_IP, IP_TTL, &v, sizeof(v)), EINVAL);
    CHECK_ERR(setsockopt(fd, IPPROTO_IP, 9999, &v, sizeof(v)), ENOPROTOOPT);
}

GUEST_MAIN
