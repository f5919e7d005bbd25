/* SPDX-License-Identifier: Apache-2.0 */
/* Datagrams, packets in sequence, message calls: unix(7), sendmsg(2), recvmmsg(2). */
#include "sockets.h"

/* ---- datagrams ---- */

CASE(dgram_pair)
{
    char b[16];
    int sv[2];
    pair_of(SOCK_DGRAM, sv);
    CHECK_EQ(write(sv[0], "one", 3), 3);
    CHECK_EQ(write(sv[0], "three", 5), 5);
    CHECK_EQ(read(sv[1], b, 16), 3);
    CHECK_EQ(read(sv[1], b, 16), 5);
}

CASE(dgram_is_cut)
{
    char b[16];
    struct iovec iov = {b, 2};
    struct msghdr m = {.msg_iov = &iov, .msg_iovlen = 1};
    int sv[2];
    pair_of(SOCK_DGRAM, sv);
    for (int i = 0; i < 4; i++)
        CHECK_EQ(write(sv[0], "hello", 5), 5);
    CHECK_EQ(recv(sv[1], b, 2, 0), 2);
    CHECK_EQ(recv(sv[1], b, 2, MSG_TRUNC), 5);
    CHECK_EQ(recvmsg(sv[1], &m, MSG_PEEK), 2);
    CHECK_EQ(m.msg_flags, MSG_TRUNC);
    iov.iov_len = 5;
    CHECK_EQ(recvmsg(sv[1], &m, 0), 5);
    CHECK_EQ(m.msg_flags, 0);
    CHECK_EQ(read(sv[1], b, 16), 5);
}

CASE(dgram_empty)
{
    char b[4];
    int sv[2];
    pair_of(SOCK_DGRAM, sv);
    CHECK_EQ(send(sv[0], "", 0, 0), 0);
    CHECK_EQ(events(sv[1]), READABLE | WRITABLE);
    CHECK_EQ(recv(sv[1], b, 4, 0), 0);
    CHECK_EQ(events(sv[1]), WRITABLE);
    CHECK_EQ(write(sv[0], "", 0), 0);
    CHECK_EQ(events(sv[1]), READABLE | WRITABLE);
}

CASE(dgram_to_address)
{
    struct sockaddr_un a;
    socklen_t n = address(&a, "x"), m = sizeof(a);
    char b[8];
    int x = bound(SOCK_DGRAM, "x"), y = bound(SOCK_DGRAM, "y"),
        z = (int) CHECK_OK(socket(AF_UNIX, SOCK_DGRAM, 0));
    CHECK_EQ(sendto(y, "abc", 3, 0, (void *) &a, n), 3);
    CHECK_EQ(recvfrom(x, b, 8, 0, (void *) &a, &m), 3);
    CHECK_EQ(m, 4);
    CHECK_STR(a.sun_path, "y");
    n = address(&a, "x");
    CHECK_EQ(sendto(z, "abc", 3, 0, (void *) &a, n), 3);
    m = sizeof(a);
    CHECK_EQ(recvfrom(x, b, 8, 0, (void *) &a, &m), 3);
    CHECK_EQ(m, 0);
    CHECK_ERR(send(z, "abc", 3, 0), ENOTCONN);
    n = address(&a, "none");
    CHECK_ERR(sendto(z, "abc", 3, 0, (void *) &a, n), ENOENT);
    listener(SOCK_STREAM, "l", 1);
    n = address(&a, "l");
    CHECK_ERR(sendto(z, "abc", 3, 0, (void *) &a, n), EPROTOTYPE);
    close(x);
    n = address(&a, "x");
    CHECK_ERR(sendto(z, "abc", 3, 0, (void *) &a, n), ECONNREFUSED);
}

CASE(dgram_connected)
{
    struct sockaddr_un a = {.sun_family = AF_UNSPEC};
    char b[8];
    int x = bound(SOCK_DGRAM, "x"), y = client(SOCK_DGRAM, "x"), z = client(SOCK_DGRAM, "x");
    CHECK_EQ(send(y, "y", 1, 0), 1);
    CHECK_EQ(recv(x, b, 8, 0), 1);
    bound(SOCK_DGRAM, "other");
    CHECK_EQ(connect_to(x, "other"), 0);
    CHECK_ERR(send(z, "z", 1, 0), EPERM);
    CHECK_ERR(connect_to(z, "x"), EPERM);
    CHECK_EQ(connect(x, (void *) &a, sizeof(a.sun_family)), 0);
    CHECK_EQ(send(z, "z", 1, 0), 1);
    CHECK_ERR(send(x, "x", 1, 0), ENOTCONN);
}

CASE(dgram_peer_closes)
{
    char b[8];
    int sv[2];
    pair_of(SOCK_DGRAM, sv);
    CHECK_EQ(send(sv[0], "a", 1, 0), 1);
    CHECK_EQ(close(sv[0]), 0);
    CHECK_EQ(recv(sv[1], b, 8, 0), 1);
    CHECK_ERR(recv(sv[1], b, 8, MSG_DONTWAIT), EAGAIN);
    CHECK_ERR(send(sv[1], "a", 1, 0), ECONNREFUSED);
    CHECK_ERR(send(sv[1], "a", 1, 0), ENOTCONN);
}

CASE(dgram_too_long)
{
    static char big[1 << 20];
    int sv[2], size;
    pair_of(SOCK_DGRAM, sv);
    CHECK_ERR(send(sv[0], big, sizeof(big), 0), EMSGSIZE);
    size = int_option(sv[0], SO_SNDBUF);
    CHECK_ERR(send(sv[0], big, (size_t) size, 0), EMSGSIZE);
    CHECK_EQ(send(sv[0], big, (size_t) size / 2, 0), size / 2);
}

CASE(dgram_queue)
{
    struct sockaddr_un a;
    socklen_t n = address(&a, "x");
    char b[8];
    int x = bound(SOCK_DGRAM, "x"), y = (int) CHECK_OK(socket(AF_UNIX, SOCK_DGRAM, 0)), sent = 0;
    nonblock(y);
    while (sendto(y, "abc", 3, 0, (void *) &a, n) == 3)
        sent++;
    CHECK_EQ(errno, EAGAIN);
    CHECK(sent > 1);
    CHECK_EQ(recv(x, b, 8, 0), 3);
    CHECK_EQ(sendto(y, "abc", 3, 0, (void *) &a, n), 3);
    CHECK_ERR(sendto(y, "abc", 3, 0, (void *) &a, n), EAGAIN);
}

CASE(dgram_queue_blocks)
{
    char b[8];
    int x = bound(SOCK_DGRAM, "x");
    enum { N = 40 };
    pid_t pid = fork();
    if (pid == 0) {
        int y = client(SOCK_DGRAM, "x");
        for (int i = 0; i < N; i++)
            if (send(y, "abc", 3, 0) != 3)
                _exit(1);
        _exit(0);
    }
    sleep_ms(50);
    CHECK_EQ(waitpid(pid, NULL, WNOHANG), 0);
    for (int i = 0; i < N; i++)
        CHECK_EQ(recv(x, b, 8, 0), 3);
    CHECK_EXIT(pid, 0);
}

CASE(dgram_full_peer_polls)
{
    struct pollfd p;
    char b[8];
    int x = bound(SOCK_DGRAM, "x"), y = client(SOCK_DGRAM, "x");
    nonblock(y);
    while (send(y, "abc", 3, 0) == 3)
        ;
    CHECK_EQ(events(y), 0);
    pid_t pid = fork();
    if (pid == 0) {
        sleep_ms(50);
        _exit(recv(x, b, 8, 0) != 3);
    }
    p = (struct pollfd){.fd = y, .events = POLLOUT};
    CHECK_EQ(poll(&p, 1, 5000), 1);
    CHECK_EQ(p.revents, POLLOUT);
    CHECK_EXIT(pid, 0);
}

CASE(dgram_to_self)
{
    char b[8];
    int x = bound(SOCK_DGRAM, "x");
    CHECK_EQ(connect_to(x, "x"), 0);
    CHECK_EQ(send(x, "me", 2, 0), 2);
    CHECK_EQ(recv(x, b, 8, 0), 2);
}

CASE(dgram_shut)
{
    char b[8];
    int sv[2];
    pair_of(SOCK_DGRAM, sv);
    CHECK_EQ(shutdown(sv[1], SHUT_RD), 0);
    CHECK_ERR(send(sv[0], "x", 1, MSG_NOSIGNAL), EPIPE);
    CHECK_EQ(recv(sv[1], b, 8, 0), 0);
    CHECK_ERR(recv(sv[1], b, 8, MSG_DONTWAIT), EAGAIN);
    CHECK_EQ(shutdown(sv[0], SHUT_WR), 0);
    CHECK_ERR(send(sv[0], "x", 1, MSG_NOSIGNAL), EPIPE);
    CHECK_EQ(send(sv[1], "x", 1, MSG_NOSIGNAL), 1);
}

CASE(dgram_peek_offset)
{
    char b[8];
    int sv[2];
    pair_of(SOCK_DGRAM, sv);
    set_int(sv[1], SO_PEEK_OFF, 0);
    CHECK_EQ(send(sv[0], "abcd", 4, 0), 4);
    CHECK_EQ(send(sv[0], "efgh", 4, 0), 4);
    CHECK_EQ(recv(sv[1], b, 2, MSG_PEEK), 2);
    CHECK_EQ(recv(sv[1], b, 8, MSG_PEEK), 2);
    CHECK_MEM(b, "cd", 2);
    CHECK_EQ(recv(sv[1], b, 8, MSG_PEEK), 4);
    CHECK_MEM(b, "efgh", 4);
    CHECK_EQ(recv(sv[1], b, 8, 0), 4);
    CHECK_EQ(int_option(sv[1], SO_PEEK_OFF), 4);
}

/* ---- packets in sequence ---- */

CASE(seqpacket)
{
    char b[16];
    struct iovec iov = {b, 2};
    struct msghdr m = {.msg_iov = &iov, .msg_iovlen = 1};
    int ls = listener(SOCK_SEQPACKET, "l", 1), c = client(SOCK_SEQPACKET, "l");
    int s = (int) CHECK_OK(accept(ls, NULL, NULL));
    CHECK_EQ(send(c, "one", 3, MSG_EOR), 3);
    CHECK_EQ(send(c, "three", 5, 0), 5);
    CHECK_EQ(recvmsg(s, &m, 0), 2);
    CHECK_EQ(m.msg_flags & MSG_TRUNC, MSG_TRUNC);
    CHECK_EQ(recv(s, b, 16, 0), 5);
    CHECK_EQ(close(c), 0);
    CHECK_EQ(recv(s, b, 16, 0), 0);
    CHECK_EQ(recv(s, b, 16, MSG_DONTWAIT), 0);
    CHECK_ERR(send(s, "x", 1, MSG_NOSIGNAL), EPIPE);
}

CASE(seqpacket_unconnected)
{
    char b;
    int fd = (int) CHECK_OK(socket(AF_UNIX, SOCK_SEQPACKET, 0));
    CHECK_ERR(send(fd, "x", 1, 0), ENOTCONN);
    CHECK_ERR(recv(fd, &b, 1, 0), ENOTCONN);
}

CASE(seqpacket_reset)
{
    char b;
    int sv[2];
    pair_of(SOCK_SEQPACKET, sv);
    CHECK_EQ(send(sv[0], "x", 1, 0), 1);
    CHECK_EQ(close(sv[1]), 0);
    CHECK_ERR(recv(sv[0], &b, 1, 0), ECONNRESET);
    CHECK_EQ(recv(sv[0], &b, 1, 0), 0);
}

CASE(seqpacket_ignores_address)
{
    struct sockaddr_un a;
    socklen_t n = address(&a, "nowhere");
    int sv[2];
    pair_of(SOCK_SEQPACKET, sv);
    CHECK_EQ(sendto(sv[0], "x", 1, 0, (void *) &a, n), 1);
}

/* ---- messages ---- */

CASE(msg_vectors)
{
    char a[2], b[16];
    struct iovec in[2] = {{"ab", 2}, {"cdef", 4}}, out[2] = {{a, 2}, {b, 16}};
    struct msghdr m = {.msg_iov = in, .msg_iovlen = 2};
    int sv[2];
    pair_of(SOCK_DGRAM, sv);
    CHECK_EQ(sendmsg(sv[0], &m, 0), 6);
    m = (struct msghdr){.msg_iov = out, .msg_iovlen = 2};
    CHECK_EQ(recvmsg(sv[1], &m, 0), 6);
    CHECK_MEM(a, "ab", 2);
    CHECK_MEM(b, "cdef", 4);
}

CASE(msg_errors)
{
    struct iovec iov = {"x", 1};
    struct msghdr m = {.msg_iov = &iov, .msg_iovlen = 1025};
    int sv[2];
    pair_of(SOCK_DGRAM, sv);
    CHECK_ERR(sendmsg(sv[0], &m, 0), EMSGSIZE);
    CHECK_ERR(recvmsg(sv[0], &m, 0), EMSGSIZE);
    CHECK_ERR(sendmsg(sv[0], (void *) 8, 0), EFAULT);
    m = (struct msghdr){.msg_iov = (void *) 8, .msg_iovlen = 1};
    CHECK_ERR(sendmsg(sv[0], &m, 0), EFAULT);
    m = (struct msghdr){.msg_iov = &iov, .msg_iovlen = 1, .msg_name = &m, .msg_namelen = -1u};
    CHECK_ERR(sendmsg(sv[0], &m, 0), EINVAL);
    CHECK_ERR(sendto(sv[0], "x", 1, 0, (void *) &m, 129), EINVAL);
}

CASE(many_messages)
{
    char b[4][8];
    struct iovec out[3] = {{"a", 1}, {"bb", 2}, {"ccc", 3}}, in[4];
    struct mmsghdr m[4] = {0};
    int sv[2];
    pair_of(SOCK_DGRAM, sv);
    for (int i = 0; i < 3; i++)
        m[i].msg_hdr = (struct msghdr){.msg_iov = &out[i], .msg_iovlen = 1};
    CHECK_EQ(sendmmsg(sv[0], m, 3, 0), 3);
    CHECK_EQ(m[2].msg_len, 3);
    for (int i = 0; i < 4; i++) {
        in[i] = (struct iovec){b[i], 8};
        m[i] = (struct mmsghdr){.msg_hdr = {.msg_iov = &in[i], .msg_iovlen = 1}};
    }
    CHECK_EQ(recvmmsg(sv[1], m, 4, MSG_WAITFORONE, NULL), 3);
    CHECK_EQ(m[0].msg_len, 1);
    CHECK_EQ(m[2].msg_len, 3);
    CHECK_MEM(b[2], "ccc", 3);
    CHECK_ERR(recvmmsg(sv[1], m, 4, MSG_DONTWAIT, NULL), EAGAIN);
    CHECK_EQ(sendmmsg(sv[0], m, 0, 0), 0);
}

CASE(many_messages_time)
{
    char b[8];
    struct iovec in = {b, 8};
    struct mmsghdr m[2] = {{.msg_hdr = {.msg_iov = &in, .msg_iovlen = 1}},
                           {.msg_hdr = {.msg_iov = &in, .msg_iovlen = 1}}};
    struct timespec ts = {0, 0}, bad = {0, -1};
    int sv[2];
    pair_of(SOCK_DGRAM, sv);
    CHECK_ERR(recvmmsg(sv[1], m, 2, 0, &bad), EINVAL);
    CHECK_EQ(send(sv[0], "a", 1, 0), 1);
    CHECK_EQ(send(sv[0], "a", 1, 0), 1);
    CHECK_EQ(recvmmsg(sv[1], m, 2, 0, &ts), 1);
}

CASE(oob_refused_on_packets)
{
    char b;
    int sv[2];
    pair_of(SOCK_DGRAM, sv);
    CHECK_ERR(send(sv[0], "x", 1, MSG_OOB), EOPNOTSUPP);
    CHECK_ERR(recv(sv[0], &b, 1, MSG_OOB), EOPNOTSUPP);
}

GUEST_MAIN
