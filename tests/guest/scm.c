/* SPDX-License-Identifier: Apache-2.0 */
/* Descriptors and credentials in messages: SCM_RIGHTS, SCM_CREDENTIALS, SO_PEERCRED; unix(7),
 * cmsg(3). */
#include "guest.h"

#include <poll.h>
#include <pthread.h>
#include <stddef.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/un.h>

#define MAX_FDS 253

union control {
    struct cmsghdr align;
    char bytes[CMSG_SPACE(sizeof(int) * (MAX_FDS + 2)) + 256];
};

static void pair_of(int type, int sv[2])
{
    CHECK_EQ(socketpair(AF_UNIX, type, 0, sv), 0);
}

static void set_int(int fd, int name, int v)
{
    CHECK_EQ(setsockopt(fd, SOL_SOCKET, name, &v, sizeof(v)), 0);
}

static ssize_t send_control(int s, const char *text, size_t len, const void *control, size_t clen)
{
    struct iovec iov = {(void *) (uintptr_t) text, len};
    struct msghdr m = {.msg_iov = &iov,
                       .msg_iovlen = 1,
                       .msg_control = (void *) (uintptr_t) control,
                       .msg_controllen = clen};
    return sendmsg(s, &m, MSG_NOSIGNAL);
}

static ssize_t send_fds(int s, const char *text, const int *fds, int n)
{
    union control c = {0};
    c.align = (struct cmsghdr){.cmsg_len = CMSG_LEN(sizeof(int) * (size_t) n),
                               .cmsg_level = SOL_SOCKET,
                               .cmsg_type = SCM_RIGHTS};
    memcpy(CMSG_DATA(&c.align), fds, sizeof(int) * (size_t) n);
    return send_control(s, text, strlen(text), &c, CMSG_SPACE(sizeof(int) * (size_t) n));
}

struct got {
    char text[64];
    union control control;
    size_t clen;
    int flags;
    int fds[MAX_FDS + 2];
    int n;
    struct ucred cred;
    bool has_cred;
};

static ssize_t receive_with(int s, struct got *g, size_t room, size_t clen, int flags)
{
    struct iovec iov = {g->text, room};
    memset(&g->control, 0, sizeof(g->control));
    struct msghdr m = {.msg_iov = &iov,
                       .msg_iovlen = 1,
                       .msg_control = clen ? &g->control : NULL,
                       .msg_controllen = clen};
    ssize_t n = recvmsg(s, &m, flags);
    if (n < 0)
        return n;
    g->flags = m.msg_flags;
    g->clen = m.msg_controllen;
    g->n = 0;
    g->has_cred = false;
    for (struct cmsghdr *c = CMSG_FIRSTHDR(&m); c; c = CMSG_NXTHDR(&m, c)) {
        CHECK_EQ(c->cmsg_level, SOL_SOCKET);
        if (c->cmsg_type == SCM_RIGHTS) {
            size_t bytes = c->cmsg_len - CMSG_LEN(0);
            memcpy(g->fds, CMSG_DATA(c), bytes);
            g->n = (int) (bytes / sizeof(int));
        } else if (c->cmsg_type == SCM_CREDENTIALS) {
            memcpy(&g->cred, CMSG_DATA(c), sizeof(g->cred));
            g->has_cred = true;
        }
    }
    return n;
}

static ssize_t receive(int s, struct got *g)
{
    return receive_with(s, g, sizeof(g->text), sizeof(g->control), 0);
}

static int lowest_free(void)
{
    int fd = dup(1);
    close(fd);
    return fd;
}

static bool same_file(int a, int b)
{
    struct stat x, y;
    CHECK_EQ(fstat(a, &x), 0);
    CHECK_EQ(fstat(b, &y), 0);
    return x.st_dev == y.st_dev && x.st_ino == y.st_ino;
}

/* Whether the write end of the pipe is gone everywhere, within a short time. */
static bool hung_up(int rd)
{
    struct pollfd p = {.fd = rd, .events = POLLIN};
    return poll(&p, 1, 1000) == 1 && (p.revents & POLLHUP);
}

/* ---- rights ---- */

CASE(pass_one)
{
    struct got g;
    char b[8];
    int sv[2], p[2];
    pair_of(SOCK_STREAM, sv);
    CHECK_EQ(pipe(p), 0);
    CHECK_EQ(send_fds(sv[0], "x", &p[1], 1), 1);
    CHECK_EQ(receive(sv[1], &g), 1);
    CHECK_EQ(g.n, 1);
    CHECK_EQ(g.flags, 0);
    CHECK_EQ(g.clen, CMSG_SPACE(sizeof(int)));
    CHECK(g.fds[0] != p[1]);
    CHECK(same_file(g.fds[0], p[1]));
    CHECK_EQ(fcntl(g.fds[0], F_GETFD), 0);
    CHECK_EQ(write(g.fds[0], "hi", 2), 2);
    CHECK_EQ(read(p[0], b, 8), 2);
}

CASE(pass_close_on_exec)
{
    struct got g;
    int sv[2];
    pair_of(SOCK_STREAM, sv);
    CHECK_EQ(send_fds(sv[0], "x", &sv[0], 1), 1);
    CHECK_EQ(receive_with(sv[1], &g, 8, sizeof(g.control), MSG_CMSG_CLOEXEC), 1);
    CHECK_EQ(g.n, 1);
    CHECK_EQ(g.flags, MSG_CMSG_CLOEXEC);
    CHECK_EQ(fcntl(g.fds[0], F_GETFD), FD_CLOEXEC);
}

CASE(pass_shares_the_description)
{
    struct got g;
    int sv[2];
    pair_of(SOCK_DGRAM, sv);
    put_file("f", "0123456789", 0644);
    int fd = open("f", O_RDWR);
    CHECK_EQ(send_fds(sv[0], "x", &fd, 1), 1);
    CHECK_EQ(receive(sv[1], &g), 1);
    CHECK_EQ(lseek(fd, 5, SEEK_SET), 5);
    CHECK_EQ(lseek(g.fds[0], 0, SEEK_CUR), 5);
    CHECK_EQ(fcntl(fd, F_SETFL, O_APPEND), 0);
    CHECK(fcntl(g.fds[0], F_GETFL) & O_APPEND);
}

CASE(pass_then_close)
{
    struct got g;
    char b[8];
    int sv[2], p[2];
    pair_of(SOCK_STREAM, sv);
    CHECK_EQ(pipe(p), 0);
    CHECK_EQ(send_fds(sv[0], "x", &p[1], 1), 1);
    CHECK_EQ(close(p[1]), 0);
    CHECK_EQ(receive(sv[1], &g), 1);
    CHECK_EQ(write(g.fds[0], "hi", 2), 2);
    CHECK_EQ(read(p[0], b, 8), 2);
    CHECK_EQ(close(g.fds[0]), 0);
    CHECK(hung_up(p[0]));
}

CASE(pass_to_another_process)
{
    struct got g;
    int sv[2], p[2];
    char b[8];
    pair_of(SOCK_STREAM, sv);
    pid_t pid = fork();
    if (pid == 0) {
        close(sv[0]);
        if (receive(sv[1], &g) != 1 || g.n != 1)
            _exit(1);
        _exit(write(g.fds[0], "child", 5) != 5);
    }
    CHECK_EQ(pipe(p), 0);
    CHECK_EQ(send_fds(sv[0], "x", &p[1], 1), 1);
    CHECK_EQ(read(p[0], b, 8), 5);
    CHECK_EXIT(pid, 0);
}

CASE(pass_many)
{
    struct got g;
    int fds[MAX_FDS + 1], sv[2];
    pair_of(SOCK_DGRAM, sv);
    for (int i = 0; i <= MAX_FDS; i++)
        fds[i] = sv[i & 1];
    CHECK_ERR(send_fds(sv[0], "x", fds, MAX_FDS + 1), EINVAL);
    CHECK_EQ(send_fds(sv[0], "x", fds, MAX_FDS), 1);
    CHECK_EQ(receive(sv[1], &g), 1);
    CHECK_EQ(g.n, MAX_FDS);
    CHECK_EQ(g.flags, 0);
    CHECK(same_file(g.fds[0], sv[0]));
    CHECK(same_file(g.fds[251], sv[1]));
}

CASE(pass_in_two_headers)
{
    struct got g;
    union control c = {0};
    int sv[2], fds[2] = {0, 1};
    pair_of(SOCK_DGRAM, sv);
    for (int i = 0; i < 2; i++) {
        struct cmsghdr *h = (void *) (c.bytes + (size_t) i * CMSG_SPACE(sizeof(int)));
        *h = (struct cmsghdr){CMSG_LEN(sizeof(int)), SOL_SOCKET, SCM_RIGHTS};
        memcpy(CMSG_DATA(h), &fds[i], sizeof(int));
    }
    CHECK_EQ(send_control(sv[0], "x", 1, &c, 2 * CMSG_SPACE(sizeof(int))), 1);
    CHECK_EQ(receive(sv[1], &g), 1);
    CHECK_EQ(g.n, 2);
}

CASE(pass_none)
{
    struct got g;
    int sv[2];
    pair_of(SOCK_STREAM, sv);
    CHECK_EQ(send_fds(sv[0], "x", NULL, 0), 1);
    CHECK_EQ(receive(sv[1], &g), 1);
    CHECK_EQ(g.n, 0);
    CHECK_EQ(g.clen, 0);
}

CASE(pass_bad)
{
    int sv[2], fd = 999;
    char b;
    pair_of(SOCK_STREAM, sv);
    CHECK_ERR(send_fds(sv[0], "x", &fd, 1), EBADF);
    fd = -1;
    CHECK_ERR(send_fds(sv[0], "x", &fd, 1), EBADF);
    CHECK_ERR(recv(sv[1], &b, 1, MSG_DONTWAIT), EAGAIN);
}

CASE(pass_a_place)
{
    struct got g;
    struct stat st;
    int sv[2], fd = open(".", O_PATH);
    pair_of(SOCK_STREAM, sv);
    CHECK_EQ(send_fds(sv[0], "x", &fd, 1), 1);
    CHECK_EQ(receive(sv[1], &g), 1);
    CHECK_EQ(fstat(g.fds[0], &st), 0);
    CHECK_ERR(fchmod(g.fds[0], 0700), EBADF);
}

CASE(bad_headers)
{
    union control c = {0};
    int sv[2], fd = 1;
    pair_of(SOCK_STREAM, sv);
    memcpy(CMSG_DATA(&c.align), &fd, sizeof(fd));
    c.align = (struct cmsghdr){15, SOL_SOCKET, SCM_RIGHTS};
    CHECK_ERR(send_control(sv[0], "x", 1, &c, 24), EINVAL);
    c.align.cmsg_len = 25;
    CHECK_ERR(send_control(sv[0], "x", 1, &c, 24), EINVAL);
    c.align.cmsg_len = (size_t) -1;
    CHECK_ERR(send_control(sv[0], "x", 1, &c, 24), EINVAL);
    c.align = (struct cmsghdr){20, SOL_SOCKET, 77};
    CHECK_ERR(send_control(sv[0], "x", 1, &c, 24), EINVAL);
    c.align = (struct cmsghdr){20, 77, SCM_RIGHTS};
    CHECK_EQ(send_control(sv[0], "x", 1, &c, 24), 1);
    CHECK_EQ(send_control(sv[0], "x", 1, &c, 15), 1);
    CHECK_ERR(send_control(sv[0], "x", 1, (void *) 8, 24), EFAULT);
    CHECK_ERR(send_control(sv[0], "x", 1, &c, 1ul << 40), ENOBUFS);
}

CASE(odd_length_is_rounded_down)
{
    struct got g;
    union control c = {0};
    int sv[2], fd = 1;
    pair_of(SOCK_STREAM, sv);
    c.align = (struct cmsghdr){CMSG_LEN(7), SOL_SOCKET, SCM_RIGHTS};
    memcpy(CMSG_DATA(&c.align), &fd, sizeof(fd));
    CHECK_EQ(send_control(sv[0], "x", 1, &c, 24), 1);
    CHECK_EQ(receive(sv[1], &g), 1);
    CHECK_EQ(g.n, 1);
}

CASE(no_room_for_control)
{
    struct got g;
    int sv[2], p[2];
    pair_of(SOCK_STREAM, sv);
    CHECK_EQ(pipe(p), 0);
    CHECK_EQ(send_fds(sv[0], "x", &p[1], 1), 1);
    CHECK_EQ(close(p[1]), 0);
    int low = lowest_free();
    CHECK_EQ(receive_with(sv[1], &g, 8, 0, 0), 1);
    CHECK_EQ(g.flags, MSG_CTRUNC);
    CHECK_EQ(lowest_free(), low);
    CHECK(hung_up(p[0]));
}

CASE(room_for_some)
{
    struct got g;
    int sv[2], p[2], fds[3];
    pair_of(SOCK_STREAM, sv);
    CHECK_EQ(pipe(p), 0);
    fds[0] = fds[1] = p[0];
    fds[2] = p[1];
    CHECK_EQ(send_fds(sv[0], "x", fds, 3), 1);
    CHECK_EQ(close(p[1]), 0);
    CHECK_EQ(receive_with(sv[1], &g, 8, CMSG_LEN(2 * sizeof(int)), 0), 1);
    CHECK_EQ(g.n, 2);
    CHECK_EQ(g.flags, MSG_CTRUNC);
    CHECK_EQ(g.clen, CMSG_LEN(2 * sizeof(int)));
    CHECK(hung_up(p[0]));
}

CASE(room_for_header_only)
{
    struct got g;
    int sv[2], fd = 1;
    pair_of(SOCK_STREAM, sv);
    CHECK_EQ(send_fds(sv[0], "x", &fd, 1), 1);
    CHECK_EQ(receive_with(sv[1], &g, 8, CMSG_LEN(0), 0), 1);
    CHECK_EQ(g.n, 0);
    CHECK_EQ(g.flags, MSG_CTRUNC);
    CHECK_EQ(g.clen, 0);
}

CASE(too_many_open)
{
    struct got g;
    struct rlimit l;
    int sv[2], fds[3] = {0, 1, 1};
    pair_of(SOCK_STREAM, sv);
    CHECK_EQ(send_fds(sv[0], "x", fds, 3), 1);
    CHECK_EQ(getrlimit(RLIMIT_NOFILE, &l), 0);
    l.rlim_cur = (rlim_t) lowest_free() + 2;
    CHECK_EQ(setrlimit(RLIMIT_NOFILE, &l), 0);
    CHECK_EQ(receive(sv[1], &g), 1);
    CHECK_EQ(g.n, 2);
    CHECK_EQ(g.flags, MSG_CTRUNC);
}

CASE(read_drops_them)
{
    int sv[2], p[2];
    char b[8];
    pair_of(SOCK_STREAM, sv);
    CHECK_EQ(pipe(p), 0);
    CHECK_EQ(send_fds(sv[0], "x", &p[1], 1), 1);
    CHECK_EQ(close(p[1]), 0);
    CHECK_EQ(read(sv[1], b, 8), 1);
    CHECK(hung_up(p[0]));
}

CASE(close_drops_them)
{
    int sv[2], p[2];
    pair_of(SOCK_STREAM, sv);
    CHECK_EQ(pipe(p), 0);
    CHECK_EQ(send_fds(sv[0], "x", &p[1], 1), 1);
    CHECK_EQ(close(p[1]), 0);
    CHECK_EQ(close(sv[0]), 0);
    CHECK_EQ(close(sv[1]), 0);
    CHECK(hung_up(p[0]));
}

CASE(stream_stops_after_rights)
{
    struct got g;
    int sv[2], fd = 1;
    pair_of(SOCK_STREAM, sv);
    CHECK_EQ(write(sv[0], "ab", 2), 2);
    CHECK_EQ(send_fds(sv[0], "cd", &fd, 1), 2);
    CHECK_EQ(write(sv[0], "ef", 2), 2);
    CHECK_EQ(receive(sv[1], &g), 4);
    CHECK_MEM(g.text, "abcd", 4);
    CHECK_EQ(g.n, 1);
    CHECK_EQ(receive(sv[1], &g), 2);
    CHECK_EQ(g.n, 0);
}

CASE(stream_rights_with_first_byte)
{
    struct got g;
    int sv[2], fd = 1;
    pair_of(SOCK_STREAM, sv);
    CHECK_EQ(send_fds(sv[0], "abcd", &fd, 1), 4);
    CHECK_EQ(receive_with(sv[1], &g, 1, sizeof(g.control), 0), 1);
    CHECK_EQ(g.n, 1);
    CHECK_EQ(receive(sv[1], &g), 3);
    CHECK_EQ(g.n, 0);
}

CASE(stream_rights_each_their_own)
{
    struct got g;
    int sv[2], fd = 1;
    pair_of(SOCK_STREAM, sv);
    CHECK_EQ(send_fds(sv[0], "a", &fd, 1), 1);
    CHECK_EQ(send_fds(sv[0], "b", &fd, 1), 1);
    CHECK_EQ(receive(sv[1], &g), 1);
    CHECK_EQ(g.n, 1);
    CHECK_EQ(receive(sv[1], &g), 1);
    CHECK_EQ(g.n, 1);
}

CASE(wait_for_all_stops_at_rights)
{
    struct got g;
    int sv[2], fd = 1;
    pair_of(SOCK_STREAM, sv);
    CHECK_EQ(send_fds(sv[0], "ab", &fd, 1), 2);
    CHECK_EQ(write(sv[0], "cd", 2), 2);
    CHECK_EQ(receive_with(sv[1], &g, 4, sizeof(g.control), MSG_WAITALL), 2);
    CHECK_EQ(g.n, 1);
}

CASE(rights_need_a_byte_on_streams)
{
    struct got g;
    int sv[2], fd = 1;
    pair_of(SOCK_STREAM, sv);
    CHECK_EQ(send_fds(sv[0], "", &fd, 1), 0);
    CHECK_ERR(receive_with(sv[1], &g, 4, sizeof(g.control), MSG_DONTWAIT), EAGAIN);
}

CASE(rights_in_an_empty_datagram)
{
    struct got g;
    int sv[2], fd = 1;
    pair_of(SOCK_DGRAM, sv);
    CHECK_EQ(send_fds(sv[0], "", &fd, 1), 0);
    CHECK_EQ(receive(sv[1], &g), 0);
    CHECK_EQ(g.n, 1);
}

CASE(peek_copies)
{
    struct got g;
    int sv[2], p[2];
    pair_of(SOCK_STREAM, sv);
    CHECK_EQ(pipe(p), 0);
    CHECK_EQ(send_fds(sv[0], "x", &p[1], 1), 1);
    CHECK_EQ(close(p[1]), 0);
    CHECK_EQ(receive_with(sv[1], &g, 8, sizeof(g.control), MSG_PEEK), 1);
    CHECK_EQ(g.n, 1);
    CHECK_EQ(close(g.fds[0]), 0);
    CHECK_EQ(receive(sv[1], &g), 1);
    CHECK_EQ(g.n, 1);
    CHECK_EQ(close(g.fds[0]), 0);
    CHECK(hung_up(p[0]));
}

CASE(peek_copies_of_datagram)
{
    struct got g;
    int sv[2], fd = 1;
    pair_of(SOCK_DGRAM, sv);
    CHECK_EQ(send_fds(sv[0], "x", &fd, 1), 1);
    for (int i = 0; i < 3; i++) {
        CHECK_EQ(receive_with(sv[1], &g, 8, sizeof(g.control), MSG_PEEK), 1);
        CHECK_EQ(g.n, 1);
    }
    CHECK_EQ(receive(sv[1], &g), 1);
    CHECK_EQ(g.n, 1);
}

/* ---- rings of sockets ---- */

/* Garbage is looked for when a socket goes: one does. */
static bool collected(int rd)
{
    int t[2];
    pair_of(SOCK_STREAM, t);
    close(t[0]);
    close(t[1]);
    return hung_up(rd);
}

/* A pair whose ends lie in each other's queue, with the write end of a pipe beside them. */
static void make_ring(int type, int n)
{
    int p[2], rd;
    CHECK_EQ(pipe(p), 0);
    rd = p[0];
    for (int i = 0; i < n; i++) {
        int sv[2], fds[3];
        pair_of(type, sv);
        fds[0] = sv[0];
        fds[1] = sv[1];
        fds[2] = p[1];
        CHECK_EQ(send_fds(sv[0], "x", fds, 3), 1);
        CHECK_EQ(send_fds(sv[1], "x", fds, 3), 1);
        CHECK_EQ(close(sv[0]), 0);
        CHECK_EQ(close(sv[1]), 0);
    }
    CHECK_EQ(close(p[1]), 0);
    CHECK(collected(rd));
}

CASE(ring_of_stream)
{
    make_ring(SOCK_STREAM, 1);
}

CASE(ring_of_dgram)
{
    make_ring(SOCK_DGRAM, 1);
}

CASE(ring_of_seqpacket)
{
    make_ring(SOCK_SEQPACKET, 1);
}

CASE(many_rings)
{
    make_ring(SOCK_STREAM, 100);
}

CASE(socket_in_itself)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX, .sun_path = "self"};
    int p[2], fd = (int) CHECK_OK(socket(AF_UNIX, SOCK_DGRAM, 0)), fds[2];
    CHECK_EQ(pipe(p), 0);
    CHECK_EQ(bind(fd, (void *) &a, sizeof(a)), 0);
    CHECK_EQ(connect(fd, (void *) &a, sizeof(a)), 0);
    fds[0] = fd;
    fds[1] = p[1];
    CHECK_EQ(send_fds(fd, "x", fds, 2), 1);
    CHECK_EQ(close(p[1]), 0);
    CHECK_EQ(close(fd), 0);
    CHECK(collected(p[0]));
}

/* Closed while they fly, none is the last of anything: their number alone must have them found. */
CASE(sockets_in_themselves_do_not_pile_up)
{
    int p[2], i;
    CHECK_EQ(pipe(p), 0);
    struct pollfd gone = {.fd = p[0], .events = POLLIN};
    for (i = 0; i < 17000 && poll(&gone, 1, 0) == 0; i++) {
        struct sockaddr_un a = {.sun_family = AF_UNIX};
        socklen_t n = sizeof(a);
        int fd = (int) CHECK_OK(socket(AF_UNIX, SOCK_DGRAM, 0)), fds[2] = {fd, p[1]};
        CHECK_EQ(bind(fd, (void *) &a, sizeof(a.sun_family)), 0);
        CHECK_EQ(getsockname(fd, (void *) &a, &n), 0);
        CHECK_EQ(connect(fd, (void *) &a, n), 0);
        if (send_fds(fd, "x", fds, i ? 1 : 2) != 1)
            SKIP("needs privilege"); /* ETOOMANYREFS */
        CHECK_EQ(close(fd), 0);
        if (i == 0)
            CHECK_EQ(close(p[1]), 0);
    }
    CHECK(i > 1 && hung_up(p[0]));
}

CASE(ring_through_a_listener)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX, .sun_path = "l"};
    int p[2], fds[2], ls = (int) CHECK_OK(socket(AF_UNIX, SOCK_STREAM, 0)),
                      c = (int) CHECK_OK(socket(AF_UNIX, SOCK_STREAM, 0));
    CHECK_EQ(pipe(p), 0);
    CHECK_EQ(bind(ls, (void *) &a, sizeof(a)), 0);
    CHECK_EQ(listen(ls, 5), 0);
    CHECK_EQ(connect(c, (void *) &a, sizeof(a)), 0);
    fds[0] = ls;
    fds[1] = p[1];
    CHECK_EQ(send_fds(c, "x", fds, 2), 1);
    CHECK_EQ(close(ls), 0);
    CHECK_EQ(close(p[1]), 0);
    CHECK_EQ(close(c), 0);
    CHECK(collected(p[0]));
}

CASE(reachable_ring_stays)
{
    struct got g, h;
    int sv[2], a[2], fds[2];
    pair_of(SOCK_STREAM, sv);
    pair_of(SOCK_STREAM, a);
    fds[0] = a[0];
    fds[1] = a[1];
    CHECK_EQ(send_fds(a[0], "inner", fds, 2), 5); /* lies in a[1] */
    CHECK_EQ(send_fds(sv[0], "outer", fds, 2), 5);
    CHECK_EQ(close(a[0]), 0);
    CHECK_EQ(close(a[1]), 0);
    for (int i = 0; i < 10; i++) { /* each close looks for garbage */
        int t[2];
        pair_of(SOCK_STREAM, t);
        close(t[0]);
        close(t[1]);
    }
    CHECK_EQ(receive(sv[1], &g), 5);
    CHECK_EQ(g.n, 2);
    CHECK_EQ(receive(g.fds[1], &h), 5);
    CHECK_EQ(h.n, 2);
    CHECK_MEM(h.text, "inner", 5);
}

CASE(chain_of_sockets)
{
    enum { N = 200 };
    int p[2], last[2], sv[2];
    CHECK_EQ(pipe(p), 0);
    pair_of(SOCK_STREAM, last);
    CHECK_EQ(send_fds(last[0], "x", &p[1], 1), 1);
    CHECK_EQ(close(p[1]), 0);
    CHECK_EQ(close(last[0]), 0);
    for (int i = 0; i < N; i++) { /* each holds the one before */
        pair_of(SOCK_STREAM, sv);
        ssize_t n = send_fds(sv[0], "x", &last[1], 1);
        if (n < 0 && errno == ETOOMANYREFS)
            break;
        CHECK_EQ(n, 1);
        CHECK_EQ(close(last[1]), 0);
        CHECK_EQ(close(sv[0]), 0);
        last[1] = sv[1];
    }
    CHECK_EQ(close(last[1]), 0);
    close(sv[0]);
    close(sv[1]);
    CHECK(hung_up(p[0]));
}

CASE(limit_of_user)
{
    struct rlimit l;
    int sv[2], fds[16] = {0}, n = 0;
    if (geteuid() != 0)
        SKIP("not root");
    CHECK_EQ(setresuid(54321, 54321, 54321), 0);
    CHECK_EQ(getrlimit(RLIMIT_NOFILE, &l), 0);
    l.rlim_cur = 20;
    CHECK_EQ(setrlimit(RLIMIT_NOFILE, &l), 0);
    pair_of(SOCK_DGRAM, sv);
    while (n < 50 && send_fds(sv[0], "x", fds, 16) == 1)
        n++;
    CHECK_EQ(errno, ETOOMANYREFS);
    CHECK(n >= 2 && n <= 3);
    struct got g;
    CHECK_EQ(receive_with(sv[1], &g, 8, 0, 0), 1);
    CHECK_EQ(receive_with(sv[1], &g, 8, 0, 0), 1);
    CHECK_EQ(send_fds(sv[0], "x", fds, 16), 1);
}

static void *storm(void *arg)
{
    struct got g;
    int *sv = arg, fds[2] = {sv[0], sv[1]};
    for (int i = 0; i < 100; i++) {
        if (send_fds(sv[0], "x", fds, 2) != 1)
            return (void *) 1;
        if (receive(sv[1], &g) != 1)
            return (void *) 1;
        for (int k = 0; k < g.n; k++)
            close(g.fds[k]);
    }
    return NULL;
}

CASE(storm_of_threads)
{
    enum { N = 4 };
    pthread_t th[N];
    int sv[N][2];
    for (int i = 0; i < N; i++) {
        pair_of(SOCK_DGRAM, sv[i]);
        CHECK_EQ(pthread_create(&th[i], NULL, storm, sv[i]), 0);
    }
    for (int i = 0; i < N; i++) {
        void *r;
        CHECK_EQ(pthread_join(th[i], &r), 0);
        CHECK(r == NULL);
    }
}

/* ---- credentials ---- */

static ssize_t send_creds(int s, pid_t pid, uid_t uid, gid_t gid)
{
    struct ucred u = {pid, uid, gid};
    union control c = {0};
    c.align = (struct cmsghdr){CMSG_LEN(sizeof(u)), SOL_SOCKET, SCM_CREDENTIALS};
    memcpy(CMSG_DATA(&c.align), &u, sizeof(u));
    return send_control(s, "x", 1, &c, CMSG_SPACE(sizeof(u)));
}

CASE(credentials)
{
    struct got g;
    int sv[2];
    pair_of(SOCK_STREAM, sv);
    set_int(sv[1], SO_PASSCRED, 1);
    CHECK_EQ(write(sv[0], "x", 1), 1);
    CHECK_EQ(receive(sv[1], &g), 1);
    CHECK(g.has_cred);
    CHECK_EQ(g.cred.pid, getpid());
    CHECK_EQ(g.cred.uid, getuid());
    CHECK_EQ(g.cred.gid, getgid());
    CHECK_EQ(g.clen, CMSG_SPACE(sizeof(struct ucred)));
}

CASE(credentials_only_if_asked)
{
    struct got g;
    int sv[2];
    pair_of(SOCK_STREAM, sv);
    CHECK_EQ(send_creds(sv[0], getpid(), getuid(), getgid()), 1);
    CHECK_EQ(receive(sv[1], &g), 1);
    CHECK(!g.has_cred);
    CHECK_EQ(g.clen, 0);
}

CASE(credentials_asked_too_late)
{
    struct got g;
    int sv[2];
    pair_of(SOCK_STREAM, sv);
    CHECK_EQ(write(sv[0], "x", 1), 1);
    set_int(sv[1], SO_PASSCRED, 1);
    CHECK_EQ(receive(sv[1], &g), 1);
    CHECK(g.has_cred);
    CHECK_EQ(g.cred.pid, 0);
    CHECK_EQ(g.cred.uid, 65534);
    CHECK_EQ(g.cred.gid, 65534);
}

CASE(credentials_of_child)
{
    struct got g;
    int sv[2];
    pair_of(SOCK_DGRAM, sv);
    set_int(sv[1], SO_PASSCRED, 1);
    pid_t pid = fork();
    if (pid == 0)
        _exit(write(sv[0], "x", 1) != 1);
    CHECK_EXIT(pid, 0);
    CHECK_EQ(receive(sv[1], &g), 1);
    CHECK_EQ(g.cred.pid, pid);
}

CASE(credentials_without_room)
{
    struct got g;
    int sv[2];
    pair_of(SOCK_STREAM, sv);
    set_int(sv[1], SO_PASSCRED, 1);
    CHECK_EQ(write(sv[0], "x", 1), 1);
    CHECK_EQ(receive_with(sv[1], &g, 8, 0, 0), 1);
    CHECK_EQ(g.flags, MSG_CTRUNC);
    CHECK_EQ(write(sv[0], "x", 1), 1);
    CHECK_EQ(receive_with(sv[1], &g, 8, CMSG_LEN(8), 0), 1);
    CHECK_EQ(g.flags, MSG_CTRUNC);
    CHECK_EQ(g.clen, CMSG_LEN(8));
    CHECK_EQ(g.control.align.cmsg_len, CMSG_LEN(8));
}

CASE(credentials_then_rights)
{
    struct got g;
    int sv[2], fd = 1;
    pair_of(SOCK_STREAM, sv);
    set_int(sv[1], SO_PASSCRED, 1);
    CHECK_EQ(send_fds(sv[0], "x", &fd, 1), 1);
    CHECK_EQ(receive(sv[1], &g), 1);
    CHECK_EQ(g.control.align.cmsg_type, SCM_CREDENTIALS);
    CHECK_EQ(g.n, 1);
    CHECK_EQ(g.clen, CMSG_SPACE(sizeof(struct ucred)) + CMSG_SPACE(sizeof(int)));
}

CASE(writers_are_not_joined)
{
    struct got g;
    int sv[2];
    pair_of(SOCK_STREAM, sv);
    set_int(sv[1], SO_PASSCRED, 1);
    CHECK_EQ(write(sv[0], "a", 1), 1);
    CHECK_EQ(write(sv[0], "b", 1), 1);
    pid_t pid = fork();
    if (pid == 0)
        _exit(write(sv[0], "c", 1) != 1);
    CHECK_EXIT(pid, 0);
    CHECK_EQ(receive(sv[1], &g), 2);
    CHECK_EQ(g.cred.pid, getpid());
    CHECK_EQ(receive(sv[1], &g), 1);
    CHECK_EQ(g.cred.pid, pid);
}

CASE(credentials_forged)
{
    struct got g;
    int sv[2];
    if (geteuid() != 0)
        SKIP("not root");
    pair_of(SOCK_DGRAM, sv);
    set_int(sv[1], SO_PASSCRED, 1);
    CHECK_EQ(send_creds(sv[0], getpid(), 77, 88), 1);
    CHECK_EQ(receive(sv[1], &g), 1);
    CHECK_EQ(g.cred.pid, getpid());
    CHECK_EQ(g.cred.uid, 77);
    CHECK_EQ(g.cred.gid, 88);
    if (send_creds(sv[0], getppid(), 77, 88) == 1) { /* with CAP_SYS_ADMIN */
        CHECK_EQ(receive(sv[1], &g), 1);
        CHECK_EQ(g.cred.pid, getppid());
        CHECK_ERR(send_creds(sv[0], 4000000, 0, 0), ESRCH);
    } else {
        CHECK_EQ(errno, EPERM);
    }
    CHECK_ERR(send_creds(sv[0], getpid(), (uid_t) -1, 0), EINVAL);
}

CASE(credentials_not_forged)
{
    int sv[2];
    if (geteuid() == 0)
        CHECK_EQ(setresuid(1111, 2222, 3333), 0);
    pair_of(SOCK_DGRAM, sv);
    uid_t r, e, s;
    CHECK_EQ(getresuid(&r, &e, &s), 0);
    CHECK_EQ(send_creds(sv[0], getpid(), r, getgid()), 1);
    CHECK_EQ(send_creds(sv[0], getpid(), e, getgid()), 1);
    CHECK_EQ(send_creds(sv[0], getpid(), s, getgid()), 1);
    CHECK_ERR(send_creds(sv[0], getpid(), r + 1, getgid()), EPERM);
    CHECK_ERR(send_creds(sv[0], getpid(), r, getgid() + 1), EPERM);
    CHECK_ERR(send_creds(sv[0], getppid(), r, getgid()), EPERM);
}

CASE(credentials_wrong_size)
{
    union control c = {0};
    int sv[2];
    pair_of(SOCK_DGRAM, sv);
    c.align = (struct cmsghdr){CMSG_LEN(16), SOL_SOCKET, SCM_CREDENTIALS};
    CHECK_ERR(send_control(sv[0], "x", 1, &c, CMSG_SPACE(16)), EINVAL);
    c.align.cmsg_len = CMSG_LEN(8);
    CHECK_ERR(send_control(sv[0], "x", 1, &c, CMSG_SPACE(16)), EINVAL);
}

CASE(passcred_binds)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX, .sun_path = "d"};
    socklen_t n = sizeof(a);
    int x = (int) CHECK_OK(socket(AF_UNIX, SOCK_DGRAM, 0)),
        y = (int) CHECK_OK(socket(AF_UNIX, SOCK_DGRAM, 0));
    CHECK_EQ(bind(x, (void *) &a, sizeof(a)), 0);
    set_int(y, SO_PASSCRED, 1);
    CHECK_EQ(connect(y, (void *) &a, sizeof(a)), 0);
    CHECK_EQ(getsockname(y, (void *) &a, &n), 0);
    CHECK_EQ(n, 8);
}

/* ---- who is there ---- */

static struct ucred peer_of(int fd)
{
    struct ucred u = {-2, 7, 7};
    socklen_t n = sizeof(u);
    CHECK_EQ(getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &u, &n), 0);
    CHECK_EQ(n, sizeof(u));
    return u;
}

CASE(peercred_of_pair)
{
    int sv[2];
    pair_of(SOCK_STREAM, sv);
    struct ucred u = peer_of(sv[0]);
    CHECK_EQ(u.pid, getpid());
    CHECK_EQ(u.uid, geteuid());
    CHECK_EQ(u.gid, getegid());
}

CASE(peercred_of_nobody)
{
    struct ucred u = peer_of((int) CHECK_OK(socket(AF_UNIX, SOCK_STREAM, 0)));
    CHECK_EQ(u.pid, 0);
    CHECK_EQ(u.uid, (uid_t) -1);
    CHECK_EQ(u.gid, (gid_t) -1);
}

CASE(peercred_of_connection)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX, .sun_path = "l"};
    int ls = (int) CHECK_OK(socket(AF_UNIX, SOCK_STREAM, 0));
    CHECK_EQ(bind(ls, (void *) &a, sizeof(a)), 0);
    CHECK_EQ(listen(ls, 1), 0);
    pid_t pid = fork();
    if (pid == 0) {
        int c = socket(AF_UNIX, SOCK_STREAM, 0);
        if (connect(c, (void *) &a, sizeof(a)) != 0)
            _exit(1);
        struct ucred u = peer_of(c);
        _exit(u.pid == getppid() ? 0 : 2);
    }
    int s = (int) CHECK_OK(accept(ls, NULL, NULL));
    CHECK_EQ(peer_of(s).pid, pid);
    CHECK_EXIT(pid, 0);
    CHECK_EQ(peer_of(s).pid, pid);
}

CASE(peergroups)
{
    gid_t want[3] = {5, 6, 7}, got[8];
    socklen_t n = 1;
    int sv[2];
    if (geteuid() != 0)
        SKIP("not root");
    CHECK_EQ(syscall(SYS_setgroups, 3, want), 0);
    pair_of(SOCK_STREAM, sv);
    CHECK_ERR(getsockopt(sv[0], SOL_SOCKET, 59, got, &n), ERANGE);
    CHECK_EQ(n, 12);
    n = sizeof(got);
    CHECK_EQ(getsockopt(sv[0], SOL_SOCKET, 59, got, &n), 0);
    CHECK_EQ(n, 12);
    CHECK_MEM(got, want, 12);
    int fd = (int) CHECK_OK(socket(AF_UNIX, SOCK_STREAM, 0));
    CHECK_ERR(getsockopt(fd, SOL_SOCKET, 59, got, &n), ENODATA);
}

CASE(peer_pidfd)
{
    int sv[2], fd = -1;
    socklen_t n = sizeof(fd);
    pair_of(SOCK_STREAM, sv);
    if (getsockopt(sv[0], SOL_SOCKET, 77, &fd, &n) < 0 && errno == ENOPROTOOPT)
        SKIP("an older kernel");
    CHECK(fd >= 0);
    CHECK_EQ(fcntl(fd, F_GETFD), FD_CLOEXEC);
    CHECK_EQ(syscall(SYS_pidfd_send_signal, fd, 0, NULL, 0), 0);
}

CASE(accepted_inherits_passcred)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX, .sun_path = "l"};
    struct got g;
    int ls = (int) CHECK_OK(socket(AF_UNIX, SOCK_STREAM, 0)),
        c = (int) CHECK_OK(socket(AF_UNIX, SOCK_STREAM, 0));
    set_int(ls, SO_PASSCRED, 1);
    CHECK_EQ(bind(ls, (void *) &a, sizeof(a)), 0);
    CHECK_EQ(listen(ls, 1), 0);
    CHECK_EQ(connect(c, (void *) &a, sizeof(a)), 0);
    CHECK_EQ(write(c, "x", 1), 1); /* before it is accepted */
    int s = (int) CHECK_OK(accept(ls, NULL, NULL));
    CHECK_EQ(receive(s, &g), 1);
    CHECK(g.has_cred);
    CHECK_EQ(g.cred.pid, getpid());
}

GUEST_MAIN
