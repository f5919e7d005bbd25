/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Calls out of a hat on pipes, FIFOs, unix sockets, eventfds and epoll sets, none of which waits,
 * by one thread: what each gave is printed, so that two kernels can be compared line by line.
 *
 * usage: calls pipe|unix|epoll|all FIRST-SEED COUNT [CALLS]
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/sockios.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <unistd.h>

enum {
    FDS = 24,
    FIRST_FD = 3,
    SPARE = 40,
    ROOM = 300000,
    USER = 61235 /* one whose pipes nobody else fills */
};

static uint64_t state;
static uint8_t out[ROOM], in[ROOM];
static unsigned long long seed_now;
static bool sent_urgent;
static uint32_t written; /* each byte sent is another one than its neighbours */

static uint32_t rnd(uint32_t n)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return (uint32_t) (state >> 11) % n;
}

static bool one_in(uint32_t n)
{
    return rnd(n) == 0;
}

#define PICK(...)                                            \
    ({                                                       \
        static const long of_[] = {__VA_ARGS__};             \
        of_[rnd((uint32_t) (sizeof(of_) / sizeof(of_[0])))]; \
    })

static long size(void)
{
    return rnd(4) ? PICK(1, 1, 2, 10, 100, 300, 700, 1000, 2048, 3000)
                  : PICK(0, 1, 4095, 4096, 4097, 5000, 8192, 12000, 32768, 40000, 65535, 65536,
                         70000, 200000, 212992);
}

/* Mostly one that is open. */
static int some_fd(void)
{
    int fd = FIRST_FD + (int) rnd(FDS);
    for (int i = 0; i < 6 && fcntl(fd, F_GETFD) < 0; i++)
        fd = FIRST_FD + (int) rnd(FDS);
    return fd;
}

static bool is_kind(int fd, char kind)
{
    char link[64] = "", path[64];
    struct stat st;
    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    if (readlink(path, link, sizeof(link) - 1) < 0 || fstat(fd, &st) < 0)
        return false;
    switch (kind) {
    case 'p':
        return S_ISFIFO(st.st_mode);
    case 's':
        return S_ISSOCK(st.st_mode);
    case 'g':
        return strstr(link, "signalfd") != NULL;
    default:
        return strstr(link, "eventpoll") != NULL;
    }
}

static int fd_of(char kind)
{
    int fd = some_fd();
    for (int i = 0; i < 12 && !is_kind(fd, kind); i++)
        fd = some_fd();
    return fd;
}

static uint32_t sum(const uint8_t *p, size_t n)
{
    uint32_t h = 2166136261u;
    for (size_t i = 0; i < n; i++)
        h = (h ^ p[i]) * 16777619u;
    return h;
}

static void tell(long r)
{
    if (r < 0)
        printf(" = %s\n", strerrorname_np(errno));
    else
        printf(" = %ld\n", r);
}

static void tell_data(long r)
{
    if (r > 0)
        printf(" = %ld %08x\n", r, sum(in, (size_t) (r > ROOM ? ROOM : r)));
    else
        tell(r);
}

static void fill(long n)
{
    for (long i = 0; i < n && i < ROOM; i++)
        out[i] = (uint8_t) (written++ * 31u >> 3);
}

static void cap(int fd)
{
    if (fd >= FIRST_FD + FDS)
        close(fd);
}

/* ---- calls on any descriptor ---- */

static void do_read(void)
{
    int fd = some_fd();
    long n = size();
    if (is_kind(fd, 'g')) /* tells of process numbers */
        return;
    printf("read(%d, %ld)", fd, n);
    tell_data(read(fd, in, (size_t) n));
}

static void do_write(void)
{
    int fd = some_fd();
    long n = size();
    if (is_kind(fd, 'e'))
        return;
    fill(n);
    if (n == 8) /* an eventfd's count */
        memset(out + 2, 0, 6);
    printf("write(%d, %ld)", fd, n);
    tell(write(fd, out, (size_t) n));
}

static void do_vectors(void)
{
    int fd = some_fd();
    struct iovec v[4];
    long total = 0;
    bool writes = one_in(2);
    for (int i = 0; i < 4; i++) {
        long n = PICK(0, 1, 10, 500, 3000, 4096, 9000);
        v[i] = (struct iovec){(writes ? out : in) + total, (size_t) n};
        total += n;
    }
    printf("%s(%d, %zu+%zu+%zu+%zu)", writes ? "writev" : "readv", fd, v[0].iov_len, v[1].iov_len,
           v[2].iov_len, v[3].iov_len);
    if (writes) {
        fill(total);
        tell(writev(fd, v, 4));
    } else {
        tell_data(readv(fd, v, 4));
    }
}

static void do_close(void)
{
    int fd = some_fd();
    if (one_in(2))
        return;
    printf("close(%d)", fd);
    tell(close(fd));
}

static void do_dup(void)
{
    int fd = some_fd();
    printf("dup(%d)", fd);
    int r = dup(fd);
    tell(r);
    cap(r);
}

static void do_ioctl(void)
{
    int fd = some_fd(), n = -1;
    long cmd = PICK(FIONREAD, FIONREAD, SIOCOUTQ, SIOCATMARK);
    if (cmd == FIONREAD && sent_urgent && is_kind(fd, 's'))
        return; /* Linux 6.18 goes on counting an urgent byte that was missed */
    printf("ioctl(%d, %#lx)", fd, cmd);
    long r = ioctl(fd, (unsigned long) cmd, &n);
    tell(r < 0 ? r : n);
}

static void do_poll(void)
{
    struct pollfd p[FDS];
    long want = PICK(POLLIN | POLLOUT | POLLPRI | POLLRDHUP | POLLRDNORM | POLLWRNORM | POLLRDBAND |
                         POLLWRBAND,
                     POLLIN, POLLOUT, POLLPRI, 0);
    for (int i = 0; i < FDS; i++)
        p[i] = (struct pollfd){FIRST_FD + i, (short) want, 0};
    int r = poll(p, FDS, 0);
    printf("poll(%lx) = %d:", want, r);
    for (int i = 0; i < FDS; i++)
        if (p[i].revents && p[i].revents != POLLNVAL)
            printf(" %d:%x", p[i].fd, p[i].revents);
    printf("\n");
}

static void do_flags(void)
{
    int fd = some_fd();
    long fl = O_NONBLOCK | PICK(0, 0, 0, O_DIRECT, O_APPEND);
    printf("fcntl(%d, F_SETFL, %lo)", fd, fl);
    tell(fcntl(fd, F_SETFL, fl));
}

/* ---- pipes ---- */

static void do_pipe(void)
{
    int p[2] = {-1, -1};
    long fl = O_NONBLOCK | PICK(0, 0, 0, O_DIRECT);
    int r = pipe2(p, (int) fl);
    printf("pipe2(%lo) = %d: %d %d\n", fl, r, p[0], p[1]);
    cap(p[0]);
    cap(p[1]);
}

static void do_fifo(void)
{
    char name[16];
    snprintf(name, sizeof(name), "fifo%u", rnd(3));
    long fl = O_NONBLOCK | PICK(O_RDONLY, O_WRONLY, O_RDWR);
    printf("open(%s, %lo)", name, fl);
    int r = open(name, (int) fl);
    tell(r);
    cap(r);
}

static void do_reopen(void)
{
    char name[64];
    int fd = fd_of('p');
    long fl = O_NONBLOCK | PICK(O_RDONLY, O_WRONLY, O_RDWR);
    snprintf(name, sizeof(name), "/proc/self/fd/%d", fd);
    printf("reopen(%d, %lo)", fd, fl);
    int r = is_kind(fd, 'e') ? -2 : open(name, (int) fl);
    tell(r);
    cap(r);
}

static void do_pipe_size(void)
{
    int fd = fd_of('p');
    if (one_in(3)) {
        printf("getpipe(%d)", fd);
        tell(fcntl(fd, F_GETPIPE_SZ));
        return;
    }
    long n =
        PICK(0, 1, 4096, 5000, 8192, 16384, 65536, 70000, 131072, 1048576, 1048577, 2147483647, -1);
    printf("setpipe(%d, %ld)", fd, n);
    tell(fcntl(fd, F_SETPIPE_SZ, n));
}

static void do_splice(void)
{
    int a = fd_of('p'), b = some_fd();
    long n = size();
    bool swap = one_in(2);
    if (swap) {
        int c = a;
        a = b;
        b = c;
    }
    printf("splice(%d, %d, %ld)", a, b, n);
    tell(splice(a, NULL, b, NULL, (size_t) n, SPLICE_F_NONBLOCK));
}

static void do_tee(void)
{
    int a = fd_of('p'), b = fd_of('p');
    long n = size();
    printf("tee(%d, %d, %ld)", a, b, n);
    tell(tee(a, b, (size_t) n, SPLICE_F_NONBLOCK));
}

static void do_vmsplice(void)
{
    int fd = fd_of('p');
    long n = size();
    struct iovec v = {in, (size_t) n};
    printf("vmsplice(%d, %ld)", fd, n);
    /* out of a pipe, only: pages that are given to one are still ours to write to */
    if ((fcntl(fd, F_GETFL) & O_ACCMODE) != O_RDONLY) {
        printf(" left out\n");
        return;
    }
    tell_data(vmsplice(fd, &v, 1, SPLICE_F_NONBLOCK));
}

/* ---- unix sockets ---- */

static int kind_of_socket(void)
{
    return (int) PICK(SOCK_STREAM, SOCK_STREAM, SOCK_DGRAM, SOCK_SEQPACKET) | SOCK_NONBLOCK;
}

static void do_pair(void)
{
    int sv[2] = {-1, -1}, type = kind_of_socket();
    int r = socketpair(AF_UNIX, type, 0, sv);
    printf("socketpair(%d) = %d: %d %d\n", type & 15, r, sv[0], sv[1]);
    cap(sv[0]);
    cap(sv[1]);
}

static void do_socket(void)
{
    int type = kind_of_socket();
    printf("socket(%d)", type & 15);
    int r = socket(AF_UNIX, type, 0);
    tell(r);
    cap(r);
}

/* A path, or an abstract name that nobody else has. */
static socklen_t name(struct sockaddr_un *a)
{
    uint32_t i = rnd(6);
    *a = (struct sockaddr_un){.sun_family = AF_UNIX};
    if (i < 3)
        return (socklen_t) (offsetof(struct sockaddr_un, sun_path) + 1 +
                            (size_t) snprintf(a->sun_path, 100, "sock%u", i));
    return (socklen_t) (offsetof(struct sockaddr_un, sun_path) + 1 +
                        (size_t) snprintf(a->sun_path + 1, 100, "%u-calls-%08d-%06llu", i, getpid(),
                                          seed_now));
}

static const char *shown(const struct sockaddr_un *a, socklen_t len)
{
    static char text[160];
    if (len <= sizeof(sa_family_t))
        snprintf(text, sizeof(text), "len %u", len);
    else if (a->sun_path[0])
        snprintf(text, sizeof(text), "%u %s", len, a->sun_path);
    else
        snprintf(text, sizeof(text), "%u @%.7s", len, len > 10 ? a->sun_path + 1 : "");
    return text;
}

static void do_bind(void)
{
    struct sockaddr_un a;
    int fd = fd_of('s');
    socklen_t n = name(&a);
    if (one_in(3) && a.sun_path[0]) {
        printf("unlink(%s)", a.sun_path);
        tell(unlink(a.sun_path));
    }
    printf("bind(%d, %s)", fd, shown(&a, n));
    tell(bind(fd, (struct sockaddr *) &a, n));
}

static void do_connect(void)
{
    struct sockaddr_un a;
    int fd = fd_of('s');
    socklen_t n = name(&a);
    if (one_in(8)) {
        a.sun_family = AF_UNSPEC;
        n = sizeof(sa_family_t);
    }
    printf("connect(%d, %s)", fd, shown(&a, n));
    tell(connect(fd, (struct sockaddr *) &a, n));
}

static void do_listen(void)
{
    int fd = fd_of('s');
    long n = PICK(0, 1, 5, -1);
    printf("listen(%d, %ld)", fd, n);
    tell(listen(fd, (int) n));
}

static void do_accept(void)
{
    struct sockaddr_un a = {0};
    socklen_t n = sizeof(a);
    int fd = fd_of('s');
    printf("accept(%d)", fd);
    int r = accept4(fd, (struct sockaddr *) &a, &n, SOCK_NONBLOCK);
    if (r >= 0)
        printf(" %s", shown(&a, n));
    tell(r);
    cap(r);
}

static void do_names(void)
{
    struct sockaddr_un a = {0};
    socklen_t n = sizeof(a);
    int fd = fd_of('s');
    bool peer = one_in(2);
    printf("%s(%d)", peer ? "getpeername" : "getsockname", fd);
    long r = (peer ? getpeername : getsockname)(fd, (struct sockaddr *) &a, &n);
    if (r == 0)
        printf(" %s", shown(&a, n));
    tell(r);
}

static void do_shutdown(void)
{
    int fd = fd_of('s');
    long how = PICK(0, 1, 2, 3);
    if (one_in(2))
        return;
    printf("shutdown(%d, %ld)", fd, how);
    tell(shutdown(fd, (int) how));
}

static long send_flags(void)
{
    bool urgent = one_in(8);
    sent_urgent |= urgent;
    return MSG_NOSIGNAL | MSG_DONTWAIT | (urgent ? MSG_OOB : 0) | (one_in(8) ? MSG_EOR : 0) |
           (one_in(8) ? MSG_MORE : 0);
}

static long recv_flags(void)
{
    return MSG_DONTWAIT | (one_in(5) ? MSG_PEEK : 0) | (one_in(6) ? MSG_OOB : 0) |
           (one_in(6) ? MSG_TRUNC : 0) | (one_in(6) ? MSG_WAITALL : 0) |
           (one_in(8) ? MSG_CMSG_CLOEXEC : 0);
}

static void do_send(void)
{
    struct sockaddr_un a;
    int fd = fd_of('s');
    long n = size(), fl = send_flags();
    fill(n);
    if (one_in(3)) {
        socklen_t len = name(&a);
        printf("sendto(%d, %ld, %lx, %s)", fd, n, fl, shown(&a, len));
        tell(sendto(fd, out, (size_t) n, (int) fl, (struct sockaddr *) &a, len));
    } else {
        printf("send(%d, %ld, %lx)", fd, n, fl);
        tell(send(fd, out, (size_t) n, (int) fl));
    }
}

static void do_recv(void)
{
    struct sockaddr_un a = {0};
    socklen_t len = sizeof(a);
    int fd = fd_of('s');
    long n = size(), fl = recv_flags();
    printf("recvfrom(%d, %ld, %lx)", fd, n, fl);
    long r = recvfrom(fd, in, (size_t) n, (int) fl, (struct sockaddr *) &a, &len);
    if (r >= 0)
        printf(" %s", shown(&a, len));
    long seen = r > n ? n : r;
    if (r > n)
        printf(" of %ld", r);
    tell_data(seen);
}

/* No socket: when one that is only in a queue is found to be garbage is the kernel's own affair. */
static int passable(void)
{
    int fd = one_in(3) ? some_fd() : SPARE;
    return is_kind(fd, 's') ? SPARE : fd;
}

static void do_sendmsg(void)
{
    int fd = fd_of('s');
    long n = size(), fl = send_flags();
    char control[256] = {0};
    struct iovec v = {out, (size_t) n};
    struct msghdr m = {.msg_iov = &v, .msg_iovlen = 1, .msg_control = control};
    struct cmsghdr *c = (struct cmsghdr *) control;
    fill(n);
    if (one_in(4)) {
        struct ucred u = {getpid(), getuid(), getgid()};
        *c = (struct cmsghdr){CMSG_LEN(sizeof(u)), SOL_SOCKET, SCM_CREDENTIALS};
        memcpy(CMSG_DATA(c), &u, sizeof(u));
        m.msg_controllen = CMSG_SPACE(sizeof(u));
        printf("sendcreds(%d, %ld, %lx)", fd, n, fl);
    } else {
        int fds[3], count = 1 + (int) rnd(3);
        for (int i = 0; i < count; i++)
            fds[i] = passable();
        *c = (struct cmsghdr){CMSG_LEN(sizeof(int) * (size_t) count), SOL_SOCKET, SCM_RIGHTS};
        memcpy(CMSG_DATA(c), fds, sizeof(int) * (size_t) count);
        m.msg_controllen = CMSG_SPACE(sizeof(int) * (size_t) count);
        printf("sendrights(%d, %ld, %lx, %d %d)", fd, n, fl, count, fds[0]);
    }
    tell(sendmsg(fd, &m, (int) fl));
}

static void show_control(struct msghdr *m)
{
    for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c; c = CMSG_NXTHDR(m, c)) {
        printf(" cmsg %d:%zu", c->cmsg_type, (size_t) c->cmsg_len);
        if (c->cmsg_type == SCM_CREDENTIALS && c->cmsg_len >= CMSG_LEN(sizeof(struct ucred))) {
            struct ucred u;
            memcpy(&u, CMSG_DATA(c), sizeof(u));
            printf(" %s %u %u", u.pid == getpid() ? "self" : u.pid ? "?" : "0", u.uid, u.gid);
        }
        if (c->cmsg_type != SCM_RIGHTS)
            continue;
        for (size_t i = 0; i < (c->cmsg_len - CMSG_LEN(0)) / sizeof(int); i++) {
            int fd;
            memcpy(&fd, CMSG_DATA(c) + i * sizeof(int), sizeof(int));
            printf(" %d", fd);
            cap(fd);
        }
    }
}

static void do_recvmsg(void)
{
    int fd = fd_of('s');
    long n = size(), fl = recv_flags();
    char control[256] = {0};
    struct iovec v = {in, (size_t) n};
    struct msghdr m = {.msg_iov = &v,
                       .msg_iovlen = 1,
                       .msg_control = control,
                       .msg_controllen = (size_t) PICK(0, 8, 16, 20, 24, 48, 256)};
    printf("recvmsg(%d, %ld, %lx, %zu)", fd, n, fl, m.msg_controllen);
    long r = recvmsg(fd, &m, (int) fl);
    if (r >= 0) {
        printf(" flags %x control %zu", m.msg_flags, m.msg_controllen);
        show_control(&m);
    }
    if (r > n)
        printf(" of %ld", r);
    tell_data(r > n ? n : r);
}

static void do_option(void)
{
    int fd = fd_of('s');
    long opt = PICK(SO_SNDBUF, SO_RCVBUF, SO_PASSCRED, SO_ERROR, SO_ACCEPTCONN, SO_PEEK_OFF,
                    SO_RCVLOWAT, SO_TYPE, SO_OOBINLINE, SO_ERROR, SO_PEEK_OFF);
    if (one_in(2)) {
        int v = -77;
        socklen_t n = sizeof(v);
        printf("getsockopt(%d, %ld)", fd, opt);
        long r = getsockopt(fd, SOL_SOCKET, (int) opt, &v, &n);
        if (r == 0)
            printf(" %d", v);
        tell(r);
        return;
    }
    int v = opt == SO_SNDBUF || opt == SO_RCVBUF ? (int) PICK(0, 1000, 5000, 20000, 100000, 1 << 30)
                                                 : (int) PICK(0, 1, 1, 7, 100, -1);
    printf("setsockopt(%d, %ld, %d)", fd, opt, v);
    tell(setsockopt(fd, SOL_SOCKET, (int) opt, &v, sizeof(v)));
}

/* ---- epoll ---- */

static void do_epoll(void)
{
    printf("epoll_create1()");
    int r = epoll_create1(0);
    tell(r);
    cap(r);
}

static void do_eventfd(void)
{
    long fl = EFD_NONBLOCK | PICK(0, EFD_SEMAPHORE), n = PICK(0, 0, 1, 3);
    printf("eventfd(%ld, %lx)", n, fl);
    int r = eventfd((unsigned) n, (int) fl);
    tell(r);
    cap(r);
}

static void do_count(void)
{
    uint64_t n = (uint64_t) PICK(0, 1, 5, -1, -2, -3);
    int fd = some_fd();
    bool writes = one_in(2);
    printf("%s8(%d, %lld)", writes ? "write" : "read", fd, writes ? (long long) n : 0);
    if (writes) {
        tell(write(fd, &n, sizeof(n)));
        return;
    }
    memset(in, 0, 8);
    tell_data(read(fd, in, 8));
}

static void do_signalfd(void)
{
    sigset_t set;
    sigemptyset(&set);
    for (int i = 0; i < 3; i++)
        if (one_in(2))
            sigaddset(&set, SIGRTMIN + 1 + i);
    printf("signalfd()");
    int r = signalfd(-1, &set, SFD_NONBLOCK);
    tell(r);
    cap(r);
}

static void do_signal(void)
{
    int signo = (int) rnd(3);
    printf("kill(%d)", signo);
    tell(kill(getpid(), SIGRTMIN + 1 + signo));
}

static void do_take_signal(void)
{
    struct signalfd_siginfo si[4];
    int fd = some_fd();
    if (is_kind(fd, 'p') || is_kind(fd, 's'))
        return;
    printf("readsignals(%d)", fd);
    long r = read(fd, si, sizeof(si));
    for (long i = 0; i < r / (long) sizeof(si[0]); i++)
        printf(" %d", (int) si[i].ssi_signo - SIGRTMIN);
    tell(r);
}

static void do_control(void)
{
    int ep = fd_of('e'), fd = some_fd();
    long op = PICK(EPOLL_CTL_ADD, EPOLL_CTL_ADD, EPOLL_CTL_ADD, EPOLL_CTL_MOD, EPOLL_CTL_MOD,
                   EPOLL_CTL_DEL, 9);
    uint32_t ev = (uint32_t) PICK(EPOLLIN, EPOLLOUT, EPOLLIN | EPOLLOUT,
                                  EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLPRI, 0) |
                  (uint32_t) PICK(0, 0, EPOLLET, EPOLLONESHOT, EPOLLET | EPOLLONESHOT,
                                  EPOLLEXCLUSIVE, EPOLLWAKEUP);
    struct epoll_event e = {.events = ev, .data.u32 = (uint32_t) fd << 8 | rnd(256)};
    printf("epoll_ctl(%d, %ld, %d, %x)", ep, op, fd, ev);
    tell(epoll_ctl(ep, (int) op, fd, &e));
}

static void do_wait(void)
{
    struct epoll_event e[16];
    int ep = fd_of('e');
    long max = PICK(1, 2, 3, 16, 16, 16, 0);
    printf("epoll_wait(%d, %ld)", ep, max);
    int r = epoll_wait(ep, e, (int) max, 0);
    for (int i = 0; i < r; i++)
        printf(" %x:%x", (unsigned) e[i].data.u32, e[i].events);
    tell(r);
}

/* ---- the hat ---- */

enum { PIPES = 1, UNIX = 2, EPOLL = 4 };

static const struct {
    void (*call)(void);
    unsigned of, weight;
} calls[] = {
    {do_read, PIPES | UNIX | EPOLL, 8},
    {do_write, PIPES | UNIX | EPOLL, 10},
    {do_vectors, PIPES | UNIX, 4},
    {do_close, PIPES | UNIX | EPOLL, 4},
    {do_dup, PIPES | UNIX | EPOLL, 1},
    {do_ioctl, PIPES | UNIX, 3},
    {do_poll, PIPES | UNIX | EPOLL, 4},
    {do_flags, PIPES | UNIX, 1},
    {do_pipe, PIPES | EPOLL, 2},
    {do_fifo, PIPES | EPOLL, 3},
    {do_reopen, PIPES, 1},
    {do_pipe_size, PIPES, 2},
    {do_splice, PIPES, 4},
    {do_tee, PIPES, 3},
    {do_vmsplice, PIPES, 2},
    {do_pair, UNIX | EPOLL, 2},
    {do_socket, UNIX, 3},
    {do_bind, UNIX, 3},
    {do_connect, UNIX, 4},
    {do_listen, UNIX, 2},
    {do_accept, UNIX, 3},
    {do_names, UNIX, 2},
    {do_shutdown, UNIX | EPOLL, 2},
    {do_send, UNIX, 8},
    {do_recv, UNIX, 10},
    {do_sendmsg, UNIX, 3},
    {do_recvmsg, UNIX, 5},
    {do_option, UNIX, 4},
    {do_epoll, EPOLL, 2},
    {do_eventfd, EPOLL, 2},
    {do_count, EPOLL, 6},
    {do_signalfd, EPOLL, 1},
    {do_signal, EPOLL, 1},
    {do_take_signal, EPOLL, 1},
    {do_control, EPOLL, 14},
    {do_wait, EPOLL, 16},
};

enum { N_CALLS = sizeof(calls) / sizeof(calls[0]) };

static void one_call(unsigned of)
{
    uint32_t total = 0;
    for (int i = 0; i < N_CALLS; i++)
        total += calls[i].of & of ? calls[i].weight : 0;
    uint32_t at = rnd(total);
    for (int i = 0; i < N_CALLS; i++) {
        uint32_t weight = calls[i].of & of ? calls[i].weight : 0;
        if (at < weight) {
            calls[i].call();
            return;
        }
        at -= weight;
    }
}

static void play(unsigned of, uint64_t seed, long n)
{
    struct signalfd_siginfo si[64];
    sigset_t all;
    state = seed * 0x9e3779b97f4a7c15u + 12345;
    written = (uint32_t) seed;
    seed_now = seed;
    sent_urgent = false;
    printf("seed %llu\n", (unsigned long long) seed);
    for (int i = 0; i < 3; i++) {
        char path[16];
        snprintf(path, sizeof(path), "sock%d", i);
        unlink(path);
    }
    int p[2];
    if (pipe2(p, O_NONBLOCK) < 0 || dup2(p[0], SPARE) < 0)
        exit(2);
    close(p[0]);
    close(p[1]);
    while (n-- > 0)
        one_call(of);
    do_poll();
    close_range(FIRST_FD, ~0u, 0);
    sigfillset(&all); /* signals that are left over are the next one's no more */
    int fd = signalfd(-1, &all, SFD_NONBLOCK);
    while (read(fd, si, sizeof(si)) > 0)
        ;
    close(fd);
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        unsigned of;
    } kinds[] = {{"pipe", PIPES}, {"unix", UNIX}, {"epoll", EPOLL}, {"all", PIPES | UNIX | EPOLL}};
    char dir[] = "/tmp/calls-XXXXXX";
    sigset_t set;
    unsigned of = 0;
    for (int i = 0; argc > 3 && i < 4; i++)
        if (strcmp(argv[1], kinds[i].name) == 0)
            of = kinds[i].of;
    if (!of || !mkdtemp(dir) || chdir(dir) < 0)
        return 2;
    close_range(FIRST_FD, ~0u, 0);
    if (geteuid() == 0 &&
        (setgroups(0, NULL) < 0 || setresgid(USER, USER, USER) < 0 || chown(dir, USER, USER) < 0 ||
         setresuid(USER, USER, USER) < 0 || prctl(PR_SET_DUMPABLE, 1) < 0))
        return 2;
    signal(SIGPIPE, SIG_IGN);
    sigemptyset(&set);
    for (int i = 0; i < 3; i++)
        sigaddset(&set, SIGRTMIN + 1 + i);
    sigprocmask(SIG_BLOCK, &set, NULL);
    for (int i = 0; i < 3; i++) {
        char path[16];
        snprintf(path, sizeof(path), "fifo%d", i);
        if (mkfifo(path, 0600) < 0)
            return 2;
    }
    uint64_t first = strtoull(argv[2], NULL, 10), count = strtoull(argv[3], NULL, 10);
    for (uint64_t s = first; s < first + count; s++)
        play(of, s, argc > 4 ? atol(argv[4]) : 300);
    return fflush(stdout) == 0 ? 0 : 1;
}
