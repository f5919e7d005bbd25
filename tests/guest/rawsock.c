/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Raw and packet sockets of those who have CAP_NET_RAW, over the loopback interface: raw(7),
 * icmp(7), packet(7), ipv6(7), filters of socket(7).
 */
#include "guest.h"

#include <arpa/inet.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <netinet/icmp6.h>
#include <netinet/ip.h>
#include <netinet/ip_icmp.h>
#include <netinet/udp.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>

/* linux/icmp.h, which does not go with net/if.h */
#ifndef ICMP_FILTER
#define ICMP_FILTER 1
struct icmp_filter {
    uint32_t data;
};
#endif

#define LOOPBACK htonl(INADDR_LOOPBACK)

static struct sockaddr_in loopback(int port)
{
    return (struct sockaddr_in){.sin_family = AF_INET,
                                .sin_port = htons((uint16_t) port),
                                .sin_addr.s_addr = LOOPBACK};
}

static bool readable(int fd, int ms)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};
    return CHECK_OK(poll(&p, 1, ms)) == 1;
}

static uint16_t sum16(const void *data, size_t n)
{
    const uint8_t *p = data;
    uint32_t sum = 0;
    for (size_t i = 0; i + 1 < n; i += 2)
        sum += (uint32_t) p[i] << 8 | p[i + 1];
    if (n % 2)
        sum += (uint32_t) p[n - 1] << 8;
    while (sum >> 16)
        sum = (sum & 0xffff) + (sum >> 16);
    return htons((uint16_t) ~sum);
}

static void send_echo(int fd, uint16_t id)
{
    struct {
        struct icmphdr h;
        char text[8];
    } q = {.h = {.type = ICMP_ECHO}, .text = "payload"};
    struct sockaddr_in to = loopback(0);
    q.h.un.echo.id = htons(id);
    q.h.checksum = sum16(&q, sizeof(q));
    CHECK_EQ(sendto(fd, &q, sizeof(q), 0, (struct sockaddr *) &to, sizeof(to)),
             (ssize_t) sizeof(q));
}

/* Type of the next ICMP message, whose IP header comes with it. */
static int next_icmp(int fd, uint16_t id)
{
    uint8_t buf[256];
    for (;;) {
        struct sockaddr_in from;
        socklen_t len = sizeof(from);
        CHECK(readable(fd, 5000));
        ssize_t n = CHECK_OK(recvfrom(fd, buf, sizeof(buf), 0, (struct sockaddr *) &from, &len));
        struct iphdr ip;
        struct icmphdr icmp;
        memcpy(&ip, buf, sizeof(ip));
        CHECK_EQ(ip.version, 4);
        CHECK_EQ(ip.protocol, IPPROTO_ICMP);
        CHECK_EQ(ntohs(ip.tot_len), n);
        CHECK_EQ(len, sizeof(from));
        CHECK_EQ(from.sin_addr.s_addr, LOOPBACK);
        memcpy(&icmp, buf + ip.ihl * 4, sizeof(icmp));
        if (ntohs(icmp.un.echo.id) == id)
            return icmp.type;
    }
}

CASE(echo)
{
    int fd = (int) CHECK_OK(socket(AF_INET, SOCK_RAW, IPPROTO_ICMP));
    send_echo(fd, 4711);
    CHECK_EQ(next_icmp(fd, 4711), ICMP_ECHO);
    CHECK_EQ(next_icmp(fd, 4711), ICMP_ECHOREPLY);
}

CASE(icmp_filter)
{
    int fd = (int) CHECK_OK(socket(AF_INET, SOCK_RAW, IPPROTO_ICMP));
    struct icmp_filter want = {.data = ~(1u << ICMP_ECHOREPLY)}, got = {0};
    socklen_t len = sizeof(got);
    CHECK_OK(setsockopt(fd, SOL_RAW, ICMP_FILTER, &want, sizeof(want)));
    CHECK_OK(getsockopt(fd, SOL_RAW, ICMP_FILTER, &got, &len));
    CHECK_EQ(got.data, want.data);
    send_echo(fd, 4712);
    CHECK_EQ(next_icmp(fd, 4712), ICMP_ECHOREPLY);
    CHECK_ERR(setsockopt(fd, SOL_RAW, 99, &want, sizeof(want)), ENOPROTOOPT);
    close(fd);
    fd = (int) CHECK_OK(socket(AF_INET, SOCK_RAW, IPPROTO_UDP));
    CHECK_ERR(setsockopt(fd, SOL_RAW, ICMP_FILTER, &want, sizeof(want)), EOPNOTSUPP);
}

CASE(connected)
{
    int fd = (int) CHECK_OK(socket(AF_INET, SOCK_RAW, IPPROTO_ICMP)), on = 0;
    struct sockaddr_in to = loopback(0), peer;
    socklen_t len = sizeof(peer);
    CHECK_OK(connect(fd, (struct sockaddr *) &to, sizeof(to)));
    CHECK_ERR(getpeername(fd, (struct sockaddr *) &peer, &len), ENOTCONN); /* no port, no peer */
    CHECK_ERR(bind(fd, (struct sockaddr *) &to, sizeof(to)), EINVAL);
    len = sizeof(on);
    CHECK_OK(getsockopt(fd, SOL_SOCKET, SO_TYPE, &on, &len));
    CHECK_EQ(on, SOCK_RAW);
    CHECK_OK(getsockopt(fd, SOL_SOCKET, SO_PROTOCOL, &on, &len));
    CHECK_EQ(on, IPPROTO_ICMP);
    CHECK_ERR(listen(fd, 1), EOPNOTSUPP);
}

static int bound_udp(int *ret_port)
{
    int fd = (int) CHECK_OK(socket(AF_INET, SOCK_DGRAM, 0));
    struct sockaddr_in a = loopback(0);
    socklen_t len = sizeof(a);
    CHECK_OK(bind(fd, (struct sockaddr *) &a, sizeof(a)));
    CHECK_OK(getsockname(fd, (struct sockaddr *) &a, &len));
    *ret_port = ntohs(a.sin_port);
    return fd;
}

/* A datagram with headers of our own making arrives as any other. */
CASE(own_header)
{
    struct {
        struct iphdr ip;
        struct udphdr udp;
        char text[5];
    } __attribute__((packed)) p = {
        .ip = {.version = 4,
               .ihl = 5,
               .ttl = 9,
               .protocol = IPPROTO_UDP,
               .saddr = LOOPBACK,
               .daddr = LOOPBACK},
        .udp = {.source = htons(7777), .len = htons(sizeof(struct udphdr) + 5)},
        .text = "hello",
    };
    int port, udp = bound_udp(&port), on = 0;
    int fd = (int) CHECK_OK(socket(AF_INET, SOCK_RAW, IPPROTO_RAW));
    struct sockaddr_in to = loopback(0), from;
    socklen_t len = sizeof(on);
    char buf[32];
    CHECK_OK(getsockopt(fd, SOL_IP, IP_HDRINCL, &on, &len));
    CHECK_EQ(on, 1);
    p.udp.dest = htons((uint16_t) port);
    p.ip.tot_len = htons(sizeof(p));
    CHECK_EQ(sendto(fd, &p, sizeof(p), 0, (struct sockaddr *) &to, sizeof(to)),
             (ssize_t) sizeof(p));
    CHECK(readable(udp, 5000));
    len = sizeof(from);
    CHECK_EQ(recvfrom(udp, buf, sizeof(buf), 0, (struct sockaddr *) &from, &len), 5);
    CHECK_MEM(buf, "hello", 5);
    CHECK_EQ(ntohs(from.sin_port), 7777);
    close(fd);
    fd = (int) CHECK_OK(socket(AF_INET, SOCK_RAW, IPPROTO_UDP));
    len = sizeof(on);
    CHECK_OK(getsockopt(fd, SOL_IP, IP_HDRINCL, &on, &len));
    CHECK_EQ(on, 0);
    on = 1;
    CHECK_OK(setsockopt(fd, SOL_IP, IP_HDRINCL, &on, sizeof(on)));
}

CASE(kinds)
{
    CHECK_ERR(socket(AF_INET, SOCK_RAW, 0), EPROTONOSUPPORT);
    CHECK_ERR(socket(AF_INET6, SOCK_RAW, 0), EPROTONOSUPPORT);
    CHECK_ERR(socket(AF_INET, SOCK_RAW, 1000), EINVAL);
    CHECK_ERR(socket(AF_INET, SOCK_RAW, -1), EINVAL);
    CHECK_ERR(socket(AF_PACKET, SOCK_STREAM, 0), ESOCKTNOSUPPORT);
    CHECK_ERR(socket(AF_PACKET, SOCK_SEQPACKET, 0), ESOCKTNOSUPPORT);
    CHECK_OK(socket(AF_INET, SOCK_RAW, 253));
}

CASE(echo6)
{
    int fd = socket(AF_INET6, SOCK_RAW, IPPROTO_ICMPV6);
    if (fd < 0 && errno == EAFNOSUPPORT)
        SKIP("no IPv6 here");
    CHECK(fd >= 0);
    struct sockaddr_in6 to = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    struct icmp6_hdr q = {.icmp6_type = ICMP6_ECHO_REQUEST}, a;
    struct icmp6_filter only;
    ICMP6_FILTER_SETBLOCKALL(&only);
    ICMP6_FILTER_SETPASS(ICMP6_ECHO_REPLY, &only);
    CHECK_OK(setsockopt(fd, IPPROTO_ICMPV6, ICMP6_FILTER, &only, sizeof(only)));
    q.icmp6_id = htons(99);
    CHECK_EQ(sendto(fd, &q, sizeof(q), 0, (struct sockaddr *) &to, sizeof(to)),
             (ssize_t) sizeof(q));
    CHECK(readable(fd, 5000));
    CHECK_EQ(recv(fd, &a, sizeof(a), 0), (ssize_t) sizeof(a));
    CHECK_EQ(a.icmp6_type, ICMP6_ECHO_REPLY);
    CHECK_EQ(ntohs(a.icmp6_id), 99);
}

/* The kernel puts the sum where it is told to, and knows it on the way in. */
CASE(checksum6)
{
    int fd = socket(AF_INET6, SOCK_RAW, 253);
    if (fd < 0 && errno == EAFNOSUPPORT)
        SKIP("no IPv6 here");
    CHECK(fd >= 0);
    struct sockaddr_in6 to = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    int at = 2, got = 0;
    socklen_t len = sizeof(got);
    uint8_t p[8] = {1, 2, 0, 0, 5, 6, 7, 8}, back[64];
    CHECK_OK(setsockopt(fd, SOL_IPV6, IPV6_CHECKSUM, &at, sizeof(at)));
    CHECK_OK(getsockopt(fd, SOL_IPV6, IPV6_CHECKSUM, &got, &len));
    CHECK_EQ(got, 2);
    CHECK_EQ(sendto(fd, p, sizeof(p), 0, (struct sockaddr *) &to, sizeof(to)), 8);
    CHECK(readable(fd, 5000));
    CHECK_EQ(recv(fd, back, sizeof(back), 0), 8);
    CHECK(back[2] || back[3]);
    at = 3; /* must be even */
    CHECK_ERR(setsockopt(fd, SOL_IPV6, IPV6_CHECKSUM, &at, sizeof(at)), EINVAL);
}

/* ---- packets ---- */

static int packet_socket(int type, int protocol)
{
    int fd = (int) CHECK_OK(socket(AF_PACKET, type, htons((uint16_t) protocol)));
    struct sockaddr_ll a = {.sll_family = AF_PACKET,
                            .sll_protocol = htons((uint16_t) protocol),
                            .sll_ifindex = (int) if_nametoindex("lo")};
    CHECK_OK(bind(fd, (struct sockaddr *) &a, sizeof(a)));
    return fd;
}

static void send_udp(void)
{
    int port, to = bound_udp(&port);
    struct sockaddr_in a = loopback(port);
    CHECK_EQ(sendto(to, "datagram", 8, 0, (struct sockaddr *) &a, sizeof(a)), 8);
    close(to);
}

CASE(packets_without_header)
{
    int fd = packet_socket(SOCK_DGRAM, ETH_P_IP);
    struct sockaddr_ll from;
    socklen_t len = sizeof(from);
    uint8_t buf[256];
    send_udp();
    CHECK(readable(fd, 5000));
    CHECK_EQ(recvfrom(fd, buf, sizeof(buf), 0, (struct sockaddr *) &from, &len), 20 + 8 + 8);
    CHECK_EQ(buf[0], 0x45);
    CHECK_MEM(buf + 28, "datagram", 8);
    CHECK_EQ(from.sll_family, AF_PACKET);
    CHECK_EQ(ntohs(from.sll_protocol), ETH_P_IP);
    CHECK_EQ(from.sll_ifindex, (int) if_nametoindex("lo"));
    CHECK_EQ(from.sll_hatype, 772); /* ARPHRD_LOOPBACK */
    CHECK_EQ(from.sll_halen, 6);
}

CASE(packets_with_header)
{
    int fd = packet_socket(SOCK_RAW, ETH_P_ALL);
    struct sockaddr_ll a;
    socklen_t len = sizeof(a);
    uint8_t buf[256];
    CHECK_OK(getsockname(fd, (struct sockaddr *) &a, &len));
    CHECK_EQ(a.sll_ifindex, (int) if_nametoindex("lo"));
    send_udp();
    CHECK(readable(fd, 5000));
    CHECK_EQ(recv(fd, buf, sizeof(buf), 0), 14 + 20 + 8 + 8);
    CHECK_EQ(buf[12] << 8 | buf[13], ETH_P_IP);
    CHECK_EQ(recv(fd, buf, 20, MSG_TRUNC), 14 + 20 + 8 + 8);
}

/* A frame of our own comes to who listens for its protocol. */
CASE(sends_frames)
{
    int in = packet_socket(SOCK_DGRAM, 0x88b5), out = packet_socket(SOCK_DGRAM, 0);
    struct sockaddr_ll to = {.sll_family = AF_PACKET,
                             .sll_protocol = htons(0x88b5), /* for experiments */
                             .sll_ifindex = (int) if_nametoindex("lo"),
                             .sll_halen = 6};
    char buf[64];
    CHECK_EQ(sendto(out, "frame", 5, 0, (struct sockaddr *) &to, sizeof(to)), 5);
    CHECK(readable(in, 5000));
    CHECK_EQ(recv(in, buf, sizeof(buf), 0), 5);
    CHECK_MEM(buf, "frame", 5);
    to.sll_ifindex = 9999;
    CHECK_ERR(sendto(out, "frame", 5, 0, (struct sockaddr *) &to, sizeof(to)), ENXIO);
    CHECK_ERR(bind(in, (struct sockaddr *) &to, sizeof(to)), ENODEV);
}

CASE(packet_options)
{
    int fd = packet_socket(SOCK_DGRAM, ETH_P_IP), on = 1, got = 0;
    struct packet_mreq m = {.mr_ifindex = (int) if_nametoindex("lo"), .mr_type = PACKET_MR_PROMISC};
    struct tpacket_stats st;
    char control[256], buf[256];
    struct iovec iov = {buf, sizeof(buf)};
    struct msghdr h = {.msg_iov = &iov,
                       .msg_iovlen = 1,
                       .msg_control = control,
                       .msg_controllen = sizeof(control)};
    socklen_t len = sizeof(got);
    CHECK_OK(setsockopt(fd, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &m, sizeof(m)));
    CHECK_OK(setsockopt(fd, SOL_PACKET, PACKET_DROP_MEMBERSHIP, &m, sizeof(m)));
    CHECK_ERR(setsockopt(fd, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &m, 8), EINVAL);
    CHECK_OK(setsockopt(fd, SOL_PACKET, PACKET_AUXDATA, &on, sizeof(on)));
    CHECK_OK(getsockopt(fd, SOL_PACKET, PACKET_AUXDATA, &got, &len));
    CHECK_EQ(got, 1);
    send_udp();
    CHECK(readable(fd, 5000));
    CHECK_EQ(recvmsg(fd, &h, 0), 20 + 8 + 8);
    struct cmsghdr *c = CMSG_FIRSTHDR(&h);
    CHECK(c && c->cmsg_level == SOL_PACKET && c->cmsg_type == PACKET_AUXDATA);
    len = sizeof(st);
    CHECK_OK(getsockopt(fd, SOL_PACKET, PACKET_STATISTICS, &st, &len));
    CHECK(st.tp_packets >= 1);
    len = sizeof(st);
    CHECK_OK(getsockopt(fd, SOL_PACKET, PACKET_STATISTICS, &st, &len));
    CHECK_EQ(st.tp_packets, 0u);
}

CASE(filters)
{
    struct sock_filter none[] = {BPF_STMT(BPF_RET | BPF_K, 0)};
    struct sock_filter bad[] = {BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 0)}; /* does not return */
    struct sock_fprog p = {.len = 1, .filter = none};
    int fd = packet_socket(SOCK_DGRAM, ETH_P_IP), unused = 0;
    CHECK_OK(setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &p, sizeof(p)));
    send_udp();
    CHECK(!readable(fd, 100));
    CHECK_OK(setsockopt(fd, SOL_SOCKET, SO_DETACH_FILTER, &unused, sizeof(unused)));
    CHECK_ERR(setsockopt(fd, SOL_SOCKET, SO_DETACH_FILTER, &unused, sizeof(unused)), ENOENT);
    send_udp();
    CHECK(readable(fd, 5000));
    p.filter = bad;
    CHECK_ERR(setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &p, sizeof(p)), EINVAL);
    p.filter = (void *) 8;
    CHECK_ERR(setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &p, sizeof(p)), EFAULT);
    p.filter = none;
    p.len = 0;
    CHECK_ERR(setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &p, sizeof(p)), EINVAL);
    CHECK_ERR(setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &p, sizeof(p) - 1), EINVAL);
}

CASE(without_capability)
{
    struct __user_cap_header_struct h = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct d[2];
    CHECK_OK(syscall(SYS_capget, &h, d));
    d[0].effective &= ~(1u << CAP_NET_RAW);
    CHECK_OK(syscall(SYS_capset, &h, d));
    CHECK_ERR(socket(AF_INET, SOCK_RAW, IPPROTO_ICMP), EPERM);
    CHECK_ERR(socket(AF_INET6, SOCK_RAW, IPPROTO_ICMPV6), EPERM);
    CHECK_ERR(socket(AF_PACKET, SOCK_RAW, 0), EPERM);
    CHECK_ERR(socket(AF_PACKET, SOCK_STREAM, 0), EPERM);
    CHECK_ERR(socket(AF_INET, SOCK_RAW, 0), EPROTONOSUPPORT);
}

GUEST_MAIN
