/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Netlink: questions about interfaces, addresses, routes and sockets of the network namespace, and
 * the refusals of those who may not change it. netlink(7), rtnetlink(7), sock_diag(7).
 */
#include "guest.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/sock_diag.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

static int open_netlink(int protocol)
{
    return (int) CHECK_OK(socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, protocol));
}

struct request {
    struct nlmsghdr h;
    union {
        struct rtgenmsg any;
        struct ifinfomsg link;
        struct inet_diag_req_v2 diag;
    };
};

static void ask(int fd, struct request *r, int type, int flags, size_t body)
{
    r->h.nlmsg_len = (uint32_t) NLMSG_LENGTH(body);
    r->h.nlmsg_type = (uint16_t) type;
    r->h.nlmsg_flags = (uint16_t) (NLM_F_REQUEST | flags);
    r->h.nlmsg_seq = 77;
    CHECK_EQ(send(fd, r, r->h.nlmsg_len, 0), (ssize_t) r->h.nlmsg_len);
}

/* Messages of a dump until its end; how many were of `type`. */
static int count(int fd, int type, bool (*wanted)(const struct nlmsghdr *))
{
    static char buf[32768] __attribute__((aligned(8)));
    int found = 0;
    for (;;) {
        ssize_t n = CHECK_OK(recv(fd, buf, sizeof(buf), 0));
        for (struct nlmsghdr *h = (void *) buf; NLMSG_OK(h, n); h = NLMSG_NEXT(h, n)) {
            CHECK_EQ(h->nlmsg_seq, 77u);
            if (h->nlmsg_type == NLMSG_DONE)
                return found;
            CHECK(h->nlmsg_type != NLMSG_ERROR);
            found += h->nlmsg_type == type && (!wanted || wanted(h));
        }
    }
}

static int error_of(int fd)
{
    char buf[4096] __attribute__((aligned(8)));
    struct nlmsghdr *h = (void *) buf;
    ssize_t n = CHECK_OK(recv(fd, buf, sizeof(buf), 0));
    CHECK(NLMSG_OK(h, n));
    CHECK_EQ(h->nlmsg_type, NLMSG_ERROR);
    CHECK_EQ(h->nlmsg_seq, 77u);
    return ((struct nlmsgerr *) NLMSG_DATA(h))->error;
}

static bool is_loopback(const struct nlmsghdr *h)
{
    const struct ifinfomsg *i = NLMSG_DATA(h);
    return (i->ifi_flags & IFF_LOOPBACK) && (i->ifi_flags & IFF_UP) && i->ifi_index == 1;
}

CASE(links)
{
    struct request r = {.any = {AF_UNSPEC}};
    int fd = open_netlink(NETLINK_ROUTE);
    ask(fd, &r, RTM_GETLINK, NLM_F_DUMP, sizeof(r.any));
    CHECK_EQ(count(fd, RTM_NEWLINK, is_loopback), 1);
    r.link = (struct ifinfomsg){.ifi_index = 1};
    ask(fd, &r, RTM_GETLINK, 0, sizeof(r.link));
    char buf[16384];
    CHECK(recv(fd, buf, sizeof(buf), 0) > 0);
    CHECK_EQ(((struct nlmsghdr *) (void *) buf)->nlmsg_type, RTM_NEWLINK);
    r.link.ifi_index = 4711;
    ask(fd, &r, RTM_GETLINK, 0, sizeof(r.link));
    CHECK_EQ(error_of(fd), -ENODEV);
}

CASE(addresses_and_routes)
{
    struct request r = {.any = {AF_INET}};
    int fd = open_netlink(NETLINK_ROUTE);
    ask(fd, &r, RTM_GETADDR, NLM_F_DUMP, sizeof(r.any));
    CHECK(count(fd, RTM_NEWADDR, NULL) >= 1);
    ask(fd, &r, RTM_GETROUTE, NLM_F_DUMP, sizeof(r.any));
    CHECK(count(fd, RTM_NEWROUTE, NULL) >= 1);
    ask(fd, &r, RTM_GETNEIGH, NLM_F_DUMP, sizeof(r.any));
    CHECK(count(fd, RTM_NEWNEIGH, NULL) >= 0);
    ask(fd, &r, RTM_GETRULE, NLM_F_DUMP, sizeof(r.any));
    CHECK(count(fd, RTM_NEWRULE, NULL) >= 2);
}

CASE(libc_asks)
{
    struct ifaddrs *all, *i;
    bool found = false;
    CHECK_EQ(getifaddrs(&all), 0);
    for (i = all; i; i = i->ifa_next)
        found |= !strcmp(i->ifa_name, "lo") && i->ifa_addr && i->ifa_addr->sa_family == AF_INET &&
                 ((struct sockaddr_in *) (void *) i->ifa_addr)->sin_addr.s_addr ==
                     htonl(INADDR_LOOPBACK);
    freeifaddrs(all);
    CHECK(found);
    CHECK_EQ(if_nametoindex("lo"), 1u);
    struct if_nameindex *names = if_nameindex();
    CHECK(names && !strcmp(names[0].if_name, "lo"));
    if_freenameindex(names);
}

CASE(changes_are_refused)
{
    struct request r = {.link = {.ifi_index = 1, .ifi_change = IFF_UP}};
    pid_t pid = fork();
    CHECK(pid >= 0);
    if (pid == 0) { /* without capabilities over the namespace */
        (void) !setgid(65534);
        (void) !setuid(65534);
        int fd = open_netlink(NETLINK_ROUTE);
        ask(fd, &r, RTM_NEWLINK, NLM_F_ACK, sizeof(r.link));
        CHECK_EQ(error_of(fd), -EPERM);
        ask(fd, &r, RTM_DELLINK, 0, sizeof(r.link));
        CHECK_EQ(error_of(fd), -EPERM);
        ask(fd, &r, RTM_NEWADDR, NLM_F_CREATE, sizeof(r.link));
        CHECK_EQ(error_of(fd), -EPERM);
        ask(fd, &r, RTM_DELROUTE, 0, sizeof(r.link));
        CHECK_EQ(error_of(fd), -EPERM);
        _exit(0);
    }
    CHECK_EXIT(pid, 0);
    struct ifreq q = {.ifr_name = "lo"};
    int s = (int) CHECK_OK(socket(AF_INET, SOCK_DGRAM, 0));
    CHECK_EQ(ioctl(s, SIOCGIFFLAGS, &q), 0);
    CHECK(q.ifr_flags & IFF_UP);
}

CASE(names_and_peeking)
{
    struct sockaddr_nl a = {.nl_family = AF_NETLINK}, b = {0}, from = {0};
    socklen_t n = sizeof(b);
    int fd = open_netlink(NETLINK_ROUTE), other = open_netlink(NETLINK_ROUTE);
    CHECK_EQ(bind(fd, (struct sockaddr *) &a, sizeof(a)), 0);
    CHECK_EQ(getsockname(fd, (struct sockaddr *) &b, &n), 0);
    CHECK_EQ(n, sizeof(b));
    CHECK_EQ(b.nl_family, AF_NETLINK);
    CHECK(b.nl_pid != 0);
    CHECK_ERR(bind(fd, (struct sockaddr *) &a, 4), EINVAL);
    CHECK_ERR(bind(other, (struct sockaddr *) &b, sizeof(b)), EADDRINUSE);

    struct request r = {.any = {AF_UNSPEC}};
    ask(fd, &r, RTM_GETLINK, NLM_F_DUMP, sizeof(r.any));
    char byte;
    struct iovec v = {&byte, 1};
    struct msghdr m = {.msg_name = &from,
                       .msg_namelen = sizeof(from),
                       .msg_iov = &v,
                       .msg_iovlen = 1};
    ssize_t whole = recvmsg(fd, &m, MSG_PEEK | MSG_TRUNC);
    CHECK(whole > 16);
    CHECK_EQ(m.msg_flags & MSG_TRUNC, MSG_TRUNC);
    CHECK_EQ(m.msg_namelen, sizeof(from));
    CHECK_EQ(from.nl_pid, 0u);
    CHECK_EQ(recv(fd, &byte, 1, MSG_PEEK | MSG_TRUNC), whole);
    CHECK(count(fd, RTM_NEWLINK, NULL) >= 1);
    CHECK_ERR(recv(fd, &byte, 1, MSG_DONTWAIT), EAGAIN);

    a.nl_pid = 0x7ffffff0;
    CHECK_ERR(sendto(fd, &r, r.h.nlmsg_len, 0, (struct sockaddr *) &a, sizeof(a)), ECONNREFUSED);
}

CASE(kinds)
{
    int pair[2], type, n;
    socklen_t len = sizeof(type);
    CHECK_ERR(socket(AF_NETLINK, SOCK_STREAM, 0), ESOCKTNOSUPPORT);
    CHECK_ERR(socket(AF_NETLINK, SOCK_RAW, 31), EPROTONOSUPPORT);
    CHECK_ERR(socket(AF_NETLINK, SOCK_RAW, 32), EPROTONOSUPPORT);
    CHECK_ERR(socket(AF_NETLINK, SOCK_RAW, -1), EPROTONOSUPPORT);
    CHECK_ERR(socketpair(AF_NETLINK, SOCK_RAW, 0, pair), EOPNOTSUPP);
    int fd = (int) CHECK_OK(socket(AF_NETLINK, SOCK_DGRAM | SOCK_NONBLOCK, NETLINK_ROUTE));
    CHECK_EQ(getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len), 0);
    CHECK_EQ(type, SOCK_DGRAM);
    CHECK_EQ(getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &n, &len), 0);
    CHECK_EQ(n, AF_NETLINK);
    CHECK_ERR(listen(fd, 1), EOPNOTSUPP);
    CHECK_ERR(accept(fd, NULL, NULL), EOPNOTSUPP);
    CHECK_ERR(recv(fd, &n, 4, 0), EAGAIN);
    int on = 1;
    CHECK_EQ(setsockopt(fd, SOL_NETLINK, NETLINK_EXT_ACK, &on, sizeof(on)), 0);
    CHECK_ERR(setsockopt(fd, SOL_NETLINK, 99, &on, sizeof(on)), ENOPROTOOPT);
    int group = RTNLGRP_LINK;
    CHECK_EQ(setsockopt(fd, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &group, sizeof(group)), 0);
    close((int) CHECK_OK(socket(AF_NETLINK, SOCK_RAW, NETLINK_KOBJECT_UEVENT)));
}

static uint16_t port_of_listener;

static bool is_listener(const struct nlmsghdr *h)
{
    const struct inet_diag_msg *m = NLMSG_DATA(h);
    return m->id.idiag_sport == port_of_listener && m->idiag_state == 10; /* TCP_LISTEN */
}

CASE(sockets_are_shown)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t n = sizeof(a);
    int l = (int) CHECK_OK(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    CHECK_EQ(bind(l, (struct sockaddr *) &a, sizeof(a)), 0);
    CHECK_EQ(listen(l, 5), 0);
    CHECK_EQ(getsockname(l, (struct sockaddr *) &a, &n), 0);
    port_of_listener = a.sin_port;

    struct request r = {
        .diag = {.sdiag_family = AF_INET, .sdiag_protocol = IPPROTO_TCP, .idiag_states = ~0u}};
    int fd = open_netlink(NETLINK_SOCK_DIAG);
    ask(fd, &r, SOCK_DIAG_BY_FAMILY, NLM_F_DUMP, sizeof(r.diag));
    CHECK_EQ(count(fd, SOCK_DIAG_BY_FAMILY, is_listener), 1);

    /* The table of /proc names the descriptor's own inode. */
    static char table[65536];
    char row[32], inode[32];
    struct stat st;
    CHECK(get_file("/proc/net/tcp", table, sizeof(table)) > 0);
    CHECK_EQ(fstat(l, &st), 0);
    snprintf(row, sizeof(row), "0100007F:%04X 00000000:0000 0A", ntohs(a.sin_port));
    snprintf(inode, sizeof(inode), " %lu ", (unsigned long) st.st_ino);
    char *line = strstr(table, row);
    CHECK(line);
    *strchrnul(line, '\n') = 0;
    CHECK(strstr(line, inode));
}

CASE(torn_messages)
{
    struct request r = {.any = {AF_UNSPEC}};
    int fd = open_netlink(NETLINK_ROUTE);
    CHECK_EQ(send(fd, "short", 5, 0), 5);
    r.h = (struct nlmsghdr){.nlmsg_len = 4000,
                            .nlmsg_type = RTM_GETLINK,
                            .nlmsg_flags = NLM_F_REQUEST};
    CHECK_EQ(send(fd, &r, 20, 0), 20);
    r.h.nlmsg_len = 3;
    CHECK_EQ(send(fd, &r, 20, 0), 20);
    char buf[64];
    CHECK_ERR(recv(fd, buf, sizeof(buf), MSG_DONTWAIT), EAGAIN);
    ask(fd, &r, RTM_GETLINK, NLM_F_DUMP, sizeof(r.any));
    CHECK(count(fd, RTM_NEWLINK, NULL) >= 1);
}

/* A socket gets its process's number, the next one another; none is the kernel's. */
CASE(port_numbers)
{
    struct sockaddr_nl a = {.nl_family = AF_NETLINK}, b = a;
    struct request r = {.any.rtgen_family = AF_UNSPEC};
    socklen_t len = sizeof(a);
    int first = open_netlink(NETLINK_ROUTE), second = open_netlink(NETLINK_ROUTE);
    CHECK_OK(getsockname(first, (struct sockaddr *) &a, &len));
    CHECK_EQ(a.nl_pid, 0u);
    CHECK_OK(bind(first, (struct sockaddr *) &a, sizeof(a)));
    CHECK_OK(getsockname(first, (struct sockaddr *) &a, &len));
    CHECK_EQ(a.nl_pid, (uint32_t) getpid());
    ask(second, &r, RTM_GETLINK, NLM_F_DUMP, sizeof(r.any)); /* bound by that */
    CHECK_OK(getsockname(second, (struct sockaddr *) &b, &len));
    CHECK(b.nl_pid != 0 && b.nl_pid != a.nl_pid);
    a.nl_pid++;
    CHECK_ERR(bind(first, (struct sockaddr *) &a, sizeof(a)), EINVAL);
    a.nl_pid = 0;
    CHECK_ERR(bind(first, (struct sockaddr *) &a, sizeof(a)), EINVAL);
}

GUEST_MAIN
