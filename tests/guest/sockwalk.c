/* SPDX-License-Identifier: Apache-2.0 */
/*
 * usage: sockwalk SEED [CALLS]. Calls on pairs of sockets out of a hat, the same for the same seed,
 * and what each has said. Natively and inside that must be the same text, so nothing is asked that
 * hangs on time, on room or on numbers the kernel chooses. No call waits.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include <linux/sockios.h>

enum kind { TCP, UDP, STREAM, DGRAM, PACKETS, KINDS };
static const char *const names[] = {"tcp", "udp", "stream", "dgram", "packets"};

struct pair {
    enum kind kind;
    int fd[2];
};

static struct pair pairs[KINDS];
static uint64_t state;

static uint32_t rnd(uint32_t n)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return (uint32_t) (state >> 11) % n;
}

static void fail(const char *what)
{
    perror(what);
    exit(2);
}

/* What was sent arrives in the meantime. */
static void settle(void)
{
    struct timespec ts = {0, 2000000};
    nanosleep(&ts, NULL);
}

static void nonblock(int fd)
{
    if (fcntl(fd, F_SETFL, O_NONBLOCK) < 0)
        fail("fcntl");
}

static struct sockaddr_in name_of(int fd)
{
    struct sockaddr_in a;
    socklen_t n = sizeof(a);
    if (getsockname(fd, (struct sockaddr *) &a, &n) < 0)
        fail("getsockname");
    return a;
}

static int bound(int type)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, type, 0);
    if (fd < 0 || bind(fd, (struct sockaddr *) &a, sizeof(a)) < 0)
        fail("bind");
    return fd;
}

static void connect_to(int fd, int to)
{
    struct sockaddr_in a = name_of(to);
    if (connect(fd, (struct sockaddr *) &a, sizeof(a)) < 0)
        fail("connect");
}

static void make_tcp(struct pair *p)
{
    int ls = bound(SOCK_STREAM);
    if (listen(ls, 1) < 0)
        fail("listen");
    p->fd[0] = socket(AF_INET, SOCK_STREAM, 0);
    connect_to(p->fd[0], ls);
    p->fd[1] = accept(ls, NULL, NULL);
    close(ls);
    for (int i = 0; i < 2; i++) /* bytes arrive as they are sent */
        if (setsockopt(p->fd[i], IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int)) < 0)
            fail("setsockopt");
}

static void make(struct pair *p)
{
    static const int types[] = {
        [STREAM] = SOCK_STREAM, [DGRAM] = SOCK_DGRAM, [PACKETS] = SOCK_SEQPACKET};
    switch (p->kind) {
    case TCP:
        make_tcp(p);
        break;
    case UDP:
        p->fd[0] = bound(SOCK_DGRAM);
        p->fd[1] = bound(SOCK_DGRAM);
        connect_to(p->fd[0], p->fd[1]);
        connect_to(p->fd[1], p->fd[0]);
        break;
    default:
        if (socketpair(AF_UNIX, types[p->kind], 0, p->fd) < 0)
            fail("socketpair");
    }
    nonblock(p->fd[0]);
    nonblock(p->fd[1]);
}

static uint32_t hash(const uint8_t *b, ssize_t n)
{
    uint32_t h = 2166136261u;
    for (ssize_t i = 0; i < n; i++)
        h = (h ^ b[i]) * 16777619u;
    return h;
}

static void say(const char *what, ssize_t r)
{
    int e = errno;
    printf(" %s = %zd", what, r);
    if (r < 0)
        printf(" %s", strerrorname_np(e));
}

/* ---- the calls ---- */

static uint8_t buf[4096];

static size_t some(void)
{
    static const size_t odd[] = {0, 1, 2, 63, 64, 65, 1000, 1400, 4000};
    return rnd(3) ? 1 + rnd(200) : odd[rnd(9)];
}

static void do_send(const struct pair *p, int fd)
{
    static const int flags[] = {0, 0, 0, 0, MSG_DONTWAIT, MSG_EOR, MSG_CONFIRM, MSG_DONTROUTE};
    size_t n = some();
    int how = flags[rnd(8)] | MSG_NOSIGNAL;
    if (p->kind == TCP && !rnd(10))
        how |= MSG_OOB;
    for (size_t i = 0; i < n; i++)
        buf[i] = (uint8_t) rnd(256);
    printf("%zu %x", n, (unsigned) how);
    say("send", send(fd, buf, n, how));
}

static void do_receive(const struct pair *p, int fd)
{
    static const int flags[] = {
        0, 0, 0, MSG_PEEK, MSG_WAITALL, MSG_TRUNC, MSG_PEEK | MSG_TRUNC, MSG_DONTWAIT};
    uint8_t control[64];
    struct iovec iov[2] = {{buf, some()}};
    struct msghdr m = {.msg_iov = iov,
                       .msg_iovlen = 2,
                       .msg_control = control,
                       .msg_controllen = 64};
    int how = flags[rnd(8)];
    if (p->kind == TCP && !rnd(10))
        how |= MSG_OOB;
    iov[1] = (struct iovec){buf + iov[0].iov_len, rnd(2) ? rnd(90) : 0};
    memset(buf, 0, sizeof(buf));
    printf("%zu+%zu %x", iov[0].iov_len, iov[1].iov_len, (unsigned) how);
    ssize_t n = recvmsg(fd, &m, how);
    say("receive", n);
    if (n >= 0)
        printf(" flags %x control %zu data %08x", (unsigned) m.msg_flags, (size_t) m.msg_controllen,
               hash(buf, (ssize_t) (iov[0].iov_len + iov[1].iov_len)));
}

static void do_read_write(int fd)
{
    struct iovec iov[3] = {{buf, rnd(30)}, {buf + 100, rnd(30)}, {buf + 200, rnd(30)}};
    memset(buf, rnd(2) ? 'r' : 'w', 300);
    if (rnd(2)) {
        say("writev", writev(fd, iov, 3));
    } else {
        say("readv", readv(fd, iov, 3));
        printf(" data %08x", hash(buf, 300));
    }
}

static void do_poll(int fd)
{
    struct pollfd p = {.fd = fd,
                       .events = POLLIN | POLLOUT | POLLPRI | POLLRDHUP | POLLRDNORM | POLLWRNORM};
    say("poll", poll(&p, 1, 0));
    printf(" %x", (unsigned) p.revents);
}

static void do_ask(const struct pair *p, int fd)
{
    static const int options[] = {SO_ERROR,     SO_TYPE,      SO_ACCEPTCONN, SO_DOMAIN,
                                  SO_KEEPALIVE, SO_OOBINLINE, SO_RCVLOWAT};
    int n = -1;
    socklen_t len = (socklen_t) rnd(6);
    switch (rnd(p->kind == TCP ? 3 : 2)) {
    case 0:
        say("fionread", ioctl(fd, FIONREAD, &n));
        break;
    case 1:
        say("option", getsockopt(fd, SOL_SOCKET, options[rnd(7)], &n, &len));
        printf(" %u", len);
        break;
    default:
        say("mark", ioctl(fd, SIOCATMARK, &n));
    }
    printf(" %d", n);
}

static void do_change(const struct pair *p, int fd)
{
    static const int options[] = {SO_KEEPALIVE, SO_OOBINLINE, SO_RCVLOWAT, SO_BROADCAST, SO_TYPE};
    int v = (int) rnd(3), name = options[rnd(5)];
    if (p->kind != TCP && p->kind != STREAM && name == SO_RCVLOWAT)
        name = SO_REUSEADDR;
    printf("%d %d", name, v);
    say("set", setsockopt(fd, SOL_SOCKET, name, &v, rnd(8) ? sizeof(v) : rnd(4)));
}

static void do_odd(const struct pair *p, int fd)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct sockaddr_storage peer;
    socklen_t n = sizeof(peer);
    int r;
    switch (rnd(6)) {
    case 0:
        say("peer", getpeername(fd, (struct sockaddr *) &peer, &n));
        break;
    case 1:
        say("accept", accept(fd, NULL, NULL));
        break;
    case 2:
        if (p->kind == STREAM || p->kind == PACKETS)
            break; /* a listening pair: which error comes first is another matter */
        say("listen", listen(fd, 1));
        break;
    case 3:
        say("bind", bind(fd, (struct sockaddr *) &a, p->kind == UDP || p->kind == TCP ? 8 : 1));
        break;
    case 4:
        r = connect(fd, (struct sockaddr *) &a, 1);
        say("connect", r);
        break;
    default:
        say("seek", lseek(fd, 1, SEEK_SET));
    }
}

static void do_shut(int fd)
{
    int how = (int) rnd(4);
    printf("%d", how);
    say("shutdown", shutdown(fd, how));
    settle();
}

static void do_close(struct pair *p, int side)
{
    close(p->fd[side]);
    settle();
    p->fd[side] = -1;
    printf("close");
}

static void one_call(struct pair *p)
{
    int side = (int) rnd(2), fd = p->fd[side];
    uint32_t what = rnd(200);
    printf("%c ", "ab"[side]);
    if (fd < 0) { /* closed: the other one lives on for a while */
        if (!rnd(6)) {
            close(p->fd[!side]);
            make(p);
            printf("anew");
        }
        return;
    }
    if (what < 60) {
        do_send(p, fd);
        settle();
    } else if (what < 120) {
        do_receive(p, fd);
    } else if (what < 140) {
        do_read_write(fd);
        settle();
    } else if (what < 160) {
        do_poll(fd);
    } else if (what < 175) {
        do_ask(p, fd);
    } else if (what < 185) {
        do_change(p, fd);
    } else if (what < 193) {
        do_odd(p, fd);
    } else if (what < 197) {
        do_shut(fd);
    } else if (p->fd[!side] >= 0) {
        do_close(p, side);
    }
}

int main(int argc, char **argv)
{
    int calls = argc > 2 ? atoi(argv[2]) : 1000;
    if (argc < 2)
        return 1;
    state = (uint64_t) atoll(argv[1]) * 0x9e3779b97f4a7c15u + 1;
    signal(SIGPIPE, SIG_IGN);
    for (int i = 0; i < KINDS; i++) {
        pairs[i].kind = (enum kind) i;
        make(&pairs[i]);
    }
    for (int i = 0; i < calls; i++) {
        struct pair *p = &pairs[rnd(KINDS)];
        printf("%d %s ", i, names[p->kind]);
        one_call(p);
        printf("\n");
    }
    return 0;
}
