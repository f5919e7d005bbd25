/* SPDX-License-Identifier: Apache-2.0 */
/* Urgent data on unix streams: MSG_OOB, SO_OOBINLINE, SIOCATMARK; what messages count in buffers.
 */
#include "sockets.h"

static int at_mark(int fd)
{
    int n = -1;
    CHECK_EQ(ioctl(fd, SIOCATMARK, &n), 0);
    return n;
}

static int queued(int fd, unsigned long cmd)
{
    int n = -1;
    CHECK_EQ(ioctl(fd, cmd, &n), 0);
    return n;
}

static void no_urgent(int sv[2])
{
    pair_of(SOCK_STREAM, sv);
    if (send(sv[0], "x", 1, MSG_OOB) < 0 && errno == EOPNOTSUPP)
        SKIP("this kernel is built without");
    close(sv[0]);
    close(sv[1]);
    pair_of(SOCK_STREAM, sv);
    nonblock(sv[0]);
    nonblock(sv[1]);
}

CASE(last_byte_is_urgent)
{
    int sv[2];
    char buf[16] = "";
    no_urgent(sv);
    CHECK_EQ(send(sv[0], "hello!", 6, MSG_OOB), 6);
    CHECK_EQ(events(sv[1]), READABLE | WRITABLE | POLLPRI);
    CHECK_EQ(at_mark(sv[1]), 0);
    CHECK_EQ(recv(sv[1], buf, sizeof(buf), MSG_OOB | MSG_PEEK), 1);
    CHECK_EQ(recv(sv[1], buf, sizeof(buf), MSG_OOB), 1);
    CHECK_EQ(buf[0], '!');
    CHECK_ERR(recv(sv[1], buf, sizeof(buf), MSG_OOB), EINVAL);
    CHECK_EQ(recv(sv[1], buf, sizeof(buf), 0), 5);
    CHECK_MEM(buf, "hello", 5);
    CHECK_ERR(recv(sv[1], buf, sizeof(buf), 0), EAGAIN);
}

CASE(reading_stops_before_the_mark)
{
    int sv[2];
    char buf[16] = "";
    no_urgent(sv);
    CHECK_EQ(send(sv[0], "abc!", 4, MSG_OOB), 4);
    CHECK_EQ(send(sv[0], "def", 3, 0), 3);
    CHECK_EQ(recv(sv[1], buf, sizeof(buf), MSG_WAITALL), 3);
    CHECK_EQ(at_mark(sv[1]), 1);
    CHECK_EQ(recv(sv[1], buf, sizeof(buf), 0), 3); /* the mark is missed */
    CHECK_MEM(buf, "def", 3);
    CHECK_ERR(recv(sv[1], buf, 1, MSG_OOB), EINVAL);
    CHECK_EQ(events(sv[1]), WRITABLE);
}

CASE(the_newest_is_the_urgent_one)
{
    int sv[2];
    char buf[16] = "";
    no_urgent(sv);
    CHECK_EQ(send(sv[0], "a", 1, MSG_OOB), 1);
    CHECK_EQ(send(sv[0], "b", 1, MSG_OOB), 1);
    CHECK_EQ(recv(sv[1], buf, 4, MSG_OOB), 1);
    CHECK_EQ(buf[0], 'b');
    CHECK_EQ(recv(sv[1], buf, 4, 0), 1); /* the older one is data like other */
    CHECK_EQ(buf[0], 'a');
    CHECK_EQ(at_mark(sv[1]), 1); /* the mark stays */
    CHECK_EQ(queued(sv[1], SIOCINQ), 0);
    CHECK_EQ(send(sv[0], "c", 1, 0), 1);
    CHECK_EQ(recv(sv[1], buf, 4, 0), 1);
    CHECK_EQ(at_mark(sv[1]), 0);
}

CASE(in_line)
{
    int sv[2];
    char buf[16] = "";
    no_urgent(sv);
    set_int(sv[1], SO_OOBINLINE, 1);
    CHECK_EQ(send(sv[0], "ab!", 3, MSG_OOB), 3);
    CHECK_ERR(recv(sv[1], buf, 4, MSG_OOB), EINVAL);
    CHECK_EQ(recv(sv[1], buf, 16, 0), 2);
    CHECK_EQ(at_mark(sv[1]), 1);
    CHECK_EQ(recv(sv[1], buf, 16, 0), 1);
    CHECK_EQ(buf[0], '!');
    CHECK_EQ(events(sv[1]), WRITABLE);
}

CASE(a_mark_is_no_unread_data)
{
    int sv[2];
    char buf[4];
    no_urgent(sv);
    CHECK_EQ(send(sv[0], "!", 1, MSG_OOB), 1);
    CHECK_EQ(recv(sv[1], buf, 4, MSG_OOB), 1);
    close(sv[1]);
    CHECK_EQ(recv(sv[0], buf, 4, 0), 0); /* no ECONNRESET */
    CHECK_EQ(int_option(sv[0], SO_ERROR), 0);
}

CASE(urgent_errors)
{
    int sv[2], fd = (int) CHECK_OK(socket(AF_UNIX, SOCK_STREAM, 0));
    char buf[4];
    no_urgent(sv);
    CHECK_ERR(send(sv[0], "", 0, MSG_OOB), EOPNOTSUPP);
    CHECK_ERR(recv(sv[0], buf, 4, MSG_OOB), EINVAL);
    CHECK_ERR(recv(fd, buf, 4, MSG_OOB), EINVAL);
    CHECK_ERR(send(fd, "x", 1, MSG_OOB), ENOTCONN);
}

CASE(urgent_wakes_poll)
{
    int sv[2];
    no_urgent(sv);
    pid_t pid = fork();
    if (pid == 0) {
        sleep_ms(50);
        send(sv[0], "!", 1, MSG_OOB);
        _exit(0);
    }
    struct pollfd p = {sv[1], POLLPRI, 0};
    CHECK_EQ(poll(&p, 1, 10000), 1);
    CHECK_EQ(p.revents, POLLPRI);
    CHECK_EXIT(pid, 0);
}

/* ---- what a message counts ---- */

static int charge(int type, size_t n)
{
    static char data[212992];
    int sv[2];
    pair_of(type, sv);
    CHECK_EQ(send(sv[0], data, n, MSG_DONTWAIT), n);
    int q = queued(sv[0], SIOCOUTQ);
    close(sv[0]);
    close(sv[1]);
    return q;
}

CASE(charges)
{
    static const struct {
        size_t n;
        int stream, packet;
    } of[] = {{1, 768, 768},         {192, 768, 768},         {193, 1280, 1280},
              {1728, 2304, 2304},    {1729, 4352, 4352},      {3776, 4352, 4352},
              {3777, 4864, 8448},    {4096, 4864, 8448},      {8192, 8960, 16640},
              {16065, 17152, 20736}, {36544, 37120, 37120},   {36545, 37888, 41216},
              {65536, 67072, 69888}, {100000, 103168, 102656}};
    for (size_t i = 0; i < sizeof(of) / sizeof(of[0]); i++) {
        CHECK_EQ(charge(SOCK_STREAM, of[i].n), of[i].stream);
        CHECK_EQ(charge(SOCK_DGRAM, of[i].n), of[i].packet);
        CHECK_EQ(charge(SOCK_SEQPACKET, of[i].n), of[i].packet);
    }
}

CASE(how_many_fit)
{
    static char data[4096];
    int sv[2], n = 0;
    pair_of(SOCK_STREAM, sv);
    while (send(sv[0], data, 1, MSG_DONTWAIT) == 1)
        n++;
    CHECK_EQ(n, 278);
    pair_of(SOCK_SEQPACKET, sv);
    for (n = 0; send(sv[0], data, 4096, MSG_DONTWAIT) == 4096; n++)
        ;
    CHECK_EQ(n, 26);
}

CASE(place_of_a_socket)
{
    struct stat a, b;
    int fd = bound(SOCK_STREAM, "here"), other = (int) CHECK_OK(socket(AF_UNIX, SOCK_STREAM, 0));
    int p = ioctl(fd, 0x89e0, 0); /* SIOCUNIXFILE */
    if (p < 0 && errno == EPERM)
        SKIP("needs CAP_NET_ADMIN");
    CHECK(p >= 0);
    CHECK_EQ(fcntl(p, F_GETFL) & O_PATH, O_PATH);
    CHECK_EQ(fcntl(p, F_GETFD), FD_CLOEXEC);
    CHECK_EQ(fstat(p, &a), 0);
    CHECK_EQ(stat("here", &b), 0);
    CHECK_EQ(a.st_ino, b.st_ino);
    CHECK_EQ(a.st_dev, b.st_dev);
    CHECK_ERR(ioctl(other, 0x89e0, 0), ENOENT);
}

GUEST_MAIN
