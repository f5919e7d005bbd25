/* SPDX-License-Identifier: Apache-2.0 */
/* What the tests of unix sockets share. */
#pragma once
#include "guest.h"

#include <poll.h>
#include <pthread.h>
#include <stddef.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/un.h>

#include <linux/sockios.h>

static UNUSED void pair_of(int type, int sv[2])
{
    CHECK_EQ(socketpair(AF_UNIX, type, 0, sv), 0);
}

static UNUSED socklen_t address(struct sockaddr_un *a, const char *path)
{
    *a = (struct sockaddr_un){.sun_family = AF_UNIX};
    strcpy(a->sun_path, path);
    return (socklen_t) (offsetof(struct sockaddr_un, sun_path) + strlen(path) + 1);
}

/* The text after a leading NUL. */
static UNUSED socklen_t abstract(struct sockaddr_un *a, const char *name)
{
    *a = (struct sockaddr_un){.sun_family = AF_UNIX};
    int n = snprintf(a->sun_path + 1, sizeof(a->sun_path) - 1, "%s-%d", name, getpid());
    return (socklen_t) (offsetof(struct sockaddr_un, sun_path) + 1 + (size_t) n);
}

static UNUSED int bound(int type, const char *path)
{
    struct sockaddr_un a;
    socklen_t n = address(&a, path);
    int fd = (int) CHECK_OK(socket(AF_UNIX, type, 0));
    CHECK_EQ(bind(fd, (struct sockaddr *) &a, n), 0);
    return fd;
}

static UNUSED int listener(int type, const char *path, int backlog)
{
    int fd = bound(type, path);
    CHECK_EQ(listen(fd, backlog), 0);
    return fd;
}

static UNUSED int connect_to(int fd, const char *path)
{
    struct sockaddr_un a;
    socklen_t n = address(&a, path);
    return connect(fd, (struct sockaddr *) &a, n);
}

static UNUSED int client(int type, const char *path)
{
    int fd = (int) CHECK_OK(socket(AF_UNIX, type, 0));
    CHECK_EQ(connect_to(fd, path), 0);
    return fd;
}

static UNUSED short events(int fd)
{
    struct pollfd p = {.fd = fd,
                       .events = POLLIN | POLLOUT | POLLPRI | POLLRDHUP | POLLRDNORM | POLLWRNORM};
    CHECK(poll(&p, 1, 0) >= 0);
    return p.revents;
}

static UNUSED int int_option(int fd, int name)
{
    int v = -1;
    socklen_t n = sizeof(v);
    CHECK_EQ(getsockopt(fd, SOL_SOCKET, name, &v, &n), 0);
    CHECK_EQ(n, sizeof(v));
    return v;
}

static UNUSED void set_int(int fd, int name, int v)
{
    CHECK_EQ(setsockopt(fd, SOL_SOCKET, name, &v, sizeof(v)), 0);
}

static UNUSED void set_timeout(int fd, int name, int ms)
{
    struct timeval tv = {ms / 1000, (ms % 1000) * 1000};
    CHECK_EQ(setsockopt(fd, SOL_SOCKET, name, &tv, sizeof(tv)), 0);
}

static UNUSED void nonblock(int fd)
{
    CHECK_EQ(fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK), 0);
}

static UNUSED void no_action(int signo UNUSED) {}

static UNUSED void handle(int signo, int flags)
{
    struct sigaction sa = {.sa_handler = no_action, .sa_flags = flags};
    CHECK_EQ(sigaction(signo, &sa, NULL), 0);
}

#define WRITABLE (POLLOUT | POLLWRNORM)
#define READABLE (POLLIN | POLLRDNORM)
