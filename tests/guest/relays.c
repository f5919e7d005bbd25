/* SPDX-License-Identifier: Apache-2.0 */
/* Data between sockets, pipes and files without passing through the program: splice(2), tee(2),
 * vmsplice(2), sendfile(2), copy_file_range(2). */
#include "inet.h"

enum { BIG = 1 << 20 };

static int file_of(size_t n)
{
    char *data = malloc(n);
    int fd = (int) CHECK_OK(open("data", O_RDWR | O_CREAT | O_TRUNC, 0600));
    for (size_t i = 0; i < n; i++)
        data[i] = (char) (i * 7 + i / 251);
    CHECK_EQ(write(fd, data, n), n);
    CHECK_EQ(lseek(fd, 0, SEEK_SET), 0);
    free(data);
    return fd;
}

static void is_as_written(const char *data, size_t n, size_t from)
{
    for (size_t i = 0; i < n; i++)
        if (data[i] != (char) ((from + i) * 7 + (from + i) / 251))
            FAIL("byte %zu is wrong", from + i);
}

static void *drain(void *arg)
{
    static char b[100000];
    int fd = (int) (intptr_t) arg;
    size_t got = 0;
    ssize_t n;
    while ((n = read(fd, b, sizeof(b))) > 0) {
        is_as_written(b, (size_t) n, got);
        got += (size_t) n;
    }
    return (void *) got;
}

static void pairs(int kind, int sv[2])
{
    if (kind == 0)
        tcp_pair(sv);
    else
        pair_of(SOCK_STREAM, sv);
}

CASE(file_to_sockets)
{
    for (int kind = 0; kind < 2; kind++) {
        int sv[2], fd = file_of(BIG);
        pthread_t th;
        void *got;
        off_t at = 0;
        pairs(kind, sv);
        CHECK_EQ(pthread_create(&th, NULL, drain, (void *) (intptr_t) sv[1]), 0);
        while (at < BIG)
            CHECK(sendfile(sv[0], fd, &at, BIG) > 0);
        CHECK_EQ(sendfile(sv[0], fd, &at, BIG), 0);
        CHECK_EQ(lseek(fd, 0, SEEK_CUR), 0);
        CHECK_EQ(close(sv[0]), 0);
        CHECK_EQ(pthread_join(th, &got), 0);
        CHECK_EQ((size_t) got, BIG);
        close(sv[1]);
    }
}

CASE(file_to_full_sockets)
{
    static char b[1 << 16];
    for (int kind = 0; kind < 2; kind++) {
        int sv[2], fd = file_of(BIG);
        size_t sent = 0, got = 0;
        ssize_t n;
        pairs(kind, sv);
        nonblock(sv[0]);
        set_int(sv[0], SO_SNDBUF, 10000);
        while (sent < BIG && (n = sendfile(sv[0], fd, NULL, BIG - sent)) > 0)
            sent += (size_t) n;
        CHECK_EQ(lseek(fd, 0, SEEK_CUR), sent); /* moved by what has gone */
        if (sent < BIG)
            CHECK_EQ(errno, EAGAIN);
        CHECK_EQ(shutdown(sv[0], SHUT_WR), 0);
        while ((n = read(sv[1], b, sizeof(b))) > 0) {
            is_as_written(b, (size_t) n, got);
            got += (size_t) n;
        }
        CHECK_EQ(got, sent);
    }
}

CASE(file_to_the_gone)
{
    int sv[2], fd = file_of(100);
    signal(SIGPIPE, SIG_IGN);
    for (int kind = 0; kind < 2; kind++) {
        pairs(kind, sv);
        CHECK_EQ(shutdown(sv[0], SHUT_WR), 0);
        CHECK_ERR(sendfile(sv[0], fd, NULL, 100), EPIPE);
        CHECK_EQ(lseek(fd, 0, SEEK_CUR), 0);
    }
    signal(SIGPIPE, SIG_DFL);
    pid_t pid = fork();
    if (pid == 0) {
        (void) !sendfile(sv[0], fd, NULL, 100);
        _exit(0);
    }
    CHECK_KILLED(pid, SIGPIPE);
}

CASE(file_to_datagrams)
{
    char b[200];
    int sv[2], fd = file_of(100);
    udp_pair(sv);
    CHECK_EQ(sendfile(sv[0], fd, NULL, 100), 100);
    CHECK_EQ(recv(sv[1], b, 200, 0), 100);
    is_as_written(b, 100, 0);
    pair_of(SOCK_DGRAM, sv);
    CHECK_EQ(lseek(fd, 0, SEEK_SET), 0);
    CHECK_EQ(sendfile(sv[0], fd, NULL, 100), 100);
    CHECK_EQ(recv(sv[1], b, 200, 0), 100);
}

CASE(sendfile_from_a_socket)
{
    int sv[2], p[2];
    tcp_pair(sv);
    CHECK_EQ(pipe(p), 0);
    CHECK_EQ(write(sv[0], "x", 1), 1);
    CHECK_ERR(sendfile(file_of(1), sv[1], NULL, 1), EINVAL);
    CHECK_ERR(sendfile(sv[0], sv[1], NULL, 1), EINVAL);
    CHECK_EQ(sendfile(p[1], sv[1], NULL, 1), 1); /* that is a splice */
    pair_of(SOCK_STREAM, sv);
    CHECK_EQ(write(sv[0], "x", 1), 1);
    CHECK_EQ(sendfile(p[1], sv[1], NULL, 1), 1);
    CHECK_ERR(sendfile(sv[0], 999, NULL, 1), EBADF);
    CHECK_ERR(sendfile(sv[0], file_of(3), (off_t *) 8, 1), EFAULT);
}

CASE(pipe_to_socket)
{
    char b[16];
    for (int kind = 0; kind < 2; kind++) {
        int sv[2], p[2];
        pairs(kind, sv);
        CHECK_EQ(pipe(p), 0);
        CHECK_EQ(write(p[1], "through", 7), 7);
        CHECK_EQ(splice(p[0], NULL, sv[0], NULL, 100, 0), 7);
        CHECK_EQ(recv(sv[1], b, 7, MSG_WAITALL), 7);
        CHECK_MEM(b, "through", 7);
        CHECK_ERR(splice(p[0], NULL, sv[0], NULL, 100, SPLICE_F_NONBLOCK), EAGAIN);
        CHECK_EQ(close(p[1]), 0);
        CHECK_EQ(splice(p[0], NULL, sv[0], NULL, 100, 0), 0);
    }
}

CASE(socket_to_pipe)
{
    char b[16];
    for (int kind = 0; kind < 2; kind++) {
        int sv[2], p[2];
        pairs(kind, sv);
        CHECK_EQ(pipe(p), 0);
        CHECK_EQ(write(sv[0], "through", 7), 7);
        CHECK_EQ(splice(sv[1], NULL, p[1], NULL, 4, 0), 4);
        CHECK_EQ(splice(sv[1], NULL, p[1], NULL, 100, 0), 3);
        CHECK_EQ(read(p[0], b, 16), 7);
        CHECK_MEM(b, "through", 7);
        nonblock(sv[1]); /* SPLICE_F_NONBLOCK is about pipes alone */
        CHECK_ERR(splice(sv[1], NULL, p[1], NULL, 4, 0), EAGAIN);
        CHECK_EQ(shutdown(sv[0], SHUT_WR), 0);
        CHECK(becomes(sv[1], POLLIN));
        CHECK_EQ(splice(sv[1], NULL, p[1], NULL, 4, 0), 0);
    }
}

CASE(datagrams_by_splice)
{
    char b[64];
    int sv[2], p[2];
    udp_pair(sv);
    CHECK_EQ(pipe(p), 0);
    CHECK_EQ(write(p[1], "one", 3), 3);
    CHECK_EQ(splice(p[0], NULL, sv[0], NULL, 64, 0), 3);
    CHECK_EQ(recv(sv[1], b, 64, 0), 3);
    CHECK_EQ(send(sv[0], "two", 3, 0), 3);
    CHECK_EQ(splice(sv[1], NULL, p[1], NULL, 64, 0), 3);
    CHECK_EQ(read(p[0], b, 64), 3);
    CHECK_MEM(b, "two", 3);
}

CASE(nothing_to_take)
{
    int sv[2], p[2], ls = listening();
    tcp_pair(sv);
    CHECK_EQ(pipe(p), 0);
    nonblock(p[1]);
    while (write(p[1], "x", 1) == 1)
        ;
    CHECK_EQ(write(sv[0], "y", 1), 1);
    CHECK(becomes(sv[1], POLLIN));
    CHECK_ERR(splice(sv[1], NULL, p[1], NULL, 1, SPLICE_F_NONBLOCK), EAGAIN);
    CHECK_EQ(events(sv[1]) & POLLIN, POLLIN); /* it was not lost */
    CHECK_ERR(splice(sv[1], (off_t[]){0}, p[1], NULL, 1, 0), EINVAL);
    CHECK_ERR(splice(sv[0], NULL, sv[1], NULL, 1, 0), EINVAL);
    CHECK_EQ(pipe(p), 0);
    CHECK_ERR(splice(ls, NULL, p[1], NULL, 1, 0), ENOTCONN);
}

CASE(pipe_to_the_gone)
{
    int sv[2], p[2];
    signal(SIGPIPE, SIG_IGN);
    for (int kind = 0; kind < 2; kind++) {
        pairs(kind, sv);
        CHECK_EQ(pipe(p), 0);
        CHECK_EQ(write(p[1], "lost", 4), 4);
        CHECK_EQ(shutdown(sv[0], SHUT_WR), 0);
        CHECK_ERR(splice(p[0], NULL, sv[0], NULL, 4, 0), EPIPE);
    }
}

CASE(relay)
{
    for (int kind = 0; kind < 2; kind++) {
        int in[2], out[2], p[2], fd = file_of(BIG);
        pthread_t th;
        void *got;
        ssize_t n, m;
        pairs(kind, in);
        pairs(kind, out);
        CHECK_EQ(pipe(p), 0);
        pid_t pid = fork();
        if (pid == 0) {
            off_t at = 0;
            close(out[0]);
            while (at < BIG)
                CHECK(sendfile(in[0], fd, &at, BIG) > 0);
            _exit(0);
        }
        close(in[0]);
        CHECK_EQ(pthread_create(&th, NULL, drain, (void *) (intptr_t) out[1]), 0);
        while ((n = splice(in[1], NULL, p[1], NULL, 65536, SPLICE_F_MOVE)) > 0)
            while (n > 0) {
                m = splice(p[0], NULL, out[0], NULL, (size_t) n, SPLICE_F_MOVE | SPLICE_F_MORE);
                CHECK(m > 0);
                n -= m;
            }
        CHECK_EQ(n, 0);
        CHECK_EXIT(pid, 0);
        CHECK_EQ(close(out[0]), 0);
        CHECK_EQ(pthread_join(th, &got), 0);
        CHECK_EQ((size_t) got, BIG);
    }
}

CASE(socket_waits)
{
    char b[8];
    for (int kind = 0; kind < 2; kind++) {
        int sv[2], p[2];
        pairs(kind, sv);
        CHECK_EQ(pipe(p), 0);
        pid_t pid = fork();
        if (pid == 0) {
            sleep_ms(50);
            _exit(write(sv[0], "late", 4) != 4);
        }
        CHECK_EQ(splice(sv[1], NULL, p[1], NULL, 64, 0), 4);
        CHECK_EQ(read(p[0], b, 8), 4);
        CHECK_EXIT(pid, 0);
    }
}

CASE(wait_is_interrupted)
{
    struct itimerval it = {.it_value = {0, 50000}};
    int sv[2], p[2];
    tcp_pair(sv);
    CHECK_EQ(pipe(p), 0);
    handle(SIGALRM, 0);
    setitimer(ITIMER_REAL, &it, NULL);
    CHECK_ERR(splice(sv[1], NULL, p[1], NULL, 64, 0), EINTR);
}

CASE(teed)
{
    char b[8];
    int sv[2], p[2], q[2];
    tcp_pair(sv);
    CHECK_EQ(pipe(p), 0);
    CHECK_EQ(pipe(q), 0);
    CHECK_EQ(write(sv[0], "twice", 5), 5);
    CHECK_EQ(splice(sv[1], NULL, p[1], NULL, 64, 0), 5);
    CHECK_EQ(tee(p[0], q[1], 64, 0), 5);
    CHECK_EQ(splice(p[0], NULL, sv[1], NULL, 64, 0), 5);
    CHECK_EQ(read(q[0], b, 8), 5);
    CHECK_EQ(read(sv[0], b, 8), 5);
    CHECK_ERR(tee(sv[0], q[1], 64, 0), EINVAL);
    CHECK_ERR(tee(p[0], sv[0], 64, 0), EINVAL);
    CHECK_ERR(vmsplice(sv[0], &(struct iovec){b, 1}, 1, 0), EBADF);
}

CASE(no_copies_by_range)
{
    int sv[2], fd = file_of(10);
    tcp_pair(sv);
    CHECK_ERR(copy_file_range(fd, NULL, sv[0], NULL, 10, 0), EINVAL);
    CHECK_ERR(copy_file_range(sv[0], NULL, fd, NULL, 10, 0), EINVAL);
    pair_of(SOCK_STREAM, sv);
    CHECK_ERR(copy_file_range(fd, NULL, sv[0], NULL, 10, 0), EINVAL);
    CHECK_ERR(copy_file_range(fd, (off_t[]){0}, sv[0], (off_t[]){0}, 10, 0), EINVAL);
}

CASE(more_in_one_read)
{
    static char b[300000];
    int sv[2], n = 0;
    tcp_pair(sv);
    set_int(sv[1], SO_RCVBUF, 1 << 20);
    nonblock(sv[0]);
    size_t sent = 0;
    for (int i = 0; i < 10 && sent < 200000; i++) {
        ssize_t r = write(sv[0], b, 200000 - sent);
        sent += r > 0 ? (size_t) r : 0;
        sleep_ms(5);
    }
    for (int i = 0; i < 100 && n < (int) sent; i++) {
        sleep_ms(5);
        CHECK_EQ(ioctl(sv[1], FIONREAD, &n), 0);
    }
    CHECK_EQ(read(sv[1], b, sizeof(b)), n); /* all that is there */
}

GUEST_MAIN
