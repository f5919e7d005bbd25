/* SPDX-License-Identifier: Apache-2.0 */
/* What tests of Internet sockets share: ports and pairs over the loopback interface. */
#pragma once
#include "sockets.h"

#include <arpa/inet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <netinet/udp.h>

static UNUSED struct sockaddr_in here(int port)
{
    return (struct sockaddr_in){.sin_family = AF_INET,
                                .sin_port = htons((uint16_t) port),
                                .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
}

static UNUSED int port_of(int fd)
{
    struct sockaddr_in a;
    socklen_t n = sizeof(a);
    CHECK_EQ(getsockname(fd, (void *) &a, &n), 0);
    CHECK_EQ(n, sizeof(a));
    CHECK_EQ(a.sin_family, AF_INET);
    return ntohs(a.sin_port);
}

static UNUSED int bound_inet(int type)
{
    struct sockaddr_in a = here(0);
    int fd = (int) CHECK_OK(socket(AF_INET, type, 0));
    CHECK_EQ(bind(fd, (void *) &a, sizeof(a)), 0);
    return fd;
}

static UNUSED int listening(void)
{
    int fd = bound_inet(SOCK_STREAM);
    CHECK_EQ(listen(fd, 8), 0);
    return fd;
}

static UNUSED int connect_port(int fd, int port)
{
    struct sockaddr_in a = here(port);
    return connect(fd, (void *) &a, sizeof(a));
}

/* A connection over TCP: both ends. */
static UNUSED void tcp_pair(int sv[2])
{
    int ls = listening();
    sv[0] = (int) CHECK_OK(socket(AF_INET, SOCK_STREAM, 0));
    CHECK_EQ(connect_port(sv[0], port_of(ls)), 0);
    sv[1] = (int) CHECK_OK(accept(ls, NULL, NULL));
    CHECK_EQ(close(ls), 0);
}

static UNUSED void udp_pair(int sv[2])
{
    sv[0] = bound_inet(SOCK_DGRAM);
    sv[1] = bound_inet(SOCK_DGRAM);
    CHECK_EQ(connect_port(sv[0], port_of(sv[1])), 0);
    CHECK_EQ(connect_port(sv[1], port_of(sv[0])), 0);
}

static UNUSED int option(int fd, int level, int name)
{
    int v = -1;
    socklen_t n = sizeof(v);
    CHECK_EQ(getsockopt(fd, level, name, &v, &n), 0);
    return v;
}

static UNUSED void set_option(int fd, int level, int name, int v)
{
    CHECK_EQ(setsockopt(fd, level, name, &v, sizeof(v)), 0);
}

static UNUSED bool becomes(int fd, short event)
{
    struct pollfd p = {.fd = fd, .events = event};
    return poll(&p, 1, 3000) == 1 && (p.revents & event);
}
