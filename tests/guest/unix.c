/* SPDX-License-Identifier: Apache-2.0 */
/* Unix sockets: socketpair(2), streams, shutdown(2), poll(2). */
#include "sockets.h"

/* ---- making ---- */

CASE(family_unknown)
{
    CHECK_ERR(socket(46, SOCK_STREAM, 0), EAFNOSUPPORT);
    CHECK_ERR(socket(-1, SOCK_STREAM, 0), EAFNOSUPPORT);
    CHECK_ERR(socket(45, SOCK_STREAM, 0), EAFNOSUPPORT);
}

CASE(type_unknown)
{
    CHECK_ERR(socket(AF_UNIX, 11, 0), EINVAL);
    CHECK_ERR(socket(AF_UNIX, SOCK_STREAM | 0x10, 0), EINVAL);
    CHECK_ERR(socket(AF_UNIX, SOCK_RDM, 0), ESOCKTNOSUPPORT);
    CHECK_ERR(socket(AF_UNIX, 0, 0), ESOCKTNOSUPPORT);
}

CASE(protocol_unknown)
{
    CHECK_ERR(socket(AF_UNIX, SOCK_STREAM, 2), EPROTONOSUPPORT);
    CHECK_OK(socket(AF_UNIX, SOCK_STREAM, AF_UNIX));
}

CASE(raw_is_dgram)
{
    int fd = (int) CHECK_OK(socket(AF_UNIX, SOCK_RAW, 0));
    CHECK_EQ(int_option(fd, SO_TYPE), SOCK_DGRAM);
}

CASE(flags_of_socket)
{
    int fd = (int) CHECK_OK(socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    CHECK_EQ(fcntl(fd, F_GETFD), FD_CLOEXEC);
    CHECK_EQ(fcntl(fd, F_GETFL), O_RDWR | O_NONBLOCK);
    int sv[2];
    pair_of(SOCK_DGRAM | SOCK_CLOEXEC, sv);
    CHECK_EQ(fcntl(sv[1], F_GETFD), FD_CLOEXEC);
    CHECK_EQ(fcntl(sv[1], F_GETFL), O_RDWR);
}

CASE(pair_bad_pointer)
{
    int fd = dup(1);
    close(fd);
    CHECK_ERR(socketpair(AF_UNIX, SOCK_STREAM, 0, (int *) 8), EFAULT);
    CHECK_EQ(dup(1), fd);
}

CASE(pair_without_room)
{
    struct rlimit l = {4, 4};
    int sv[2];
    CHECK_EQ(dup2(1, 3), 3);
    CHECK_EQ(setrlimit(RLIMIT_NOFILE, &l), 0);
    CHECK_ERR(socketpair(AF_UNIX, SOCK_STREAM, 0, sv), EMFILE);
    CHECK_EQ(close(3), 0);
    CHECK_ERR(socketpair(AF_UNIX, SOCK_STREAM, 0, sv), EMFILE);
    CHECK_EQ(dup(1), 3);
}

CASE(stat_of_socket)
{
    struct stat st, other;
    int sv[2];
    pair_of(SOCK_STREAM, sv);
    CHECK_EQ(fstat(sv[0], &st), 0);
    CHECK_EQ(fstat(sv[1], &other), 0);
    CHECK_EQ(st.st_mode, S_IFSOCK | 0777);
    CHECK_EQ(st.st_nlink, 1);
    CHECK_EQ(st.st_uid, geteuid());
    CHECK(st.st_ino != other.st_ino);
    CHECK_EQ(st.st_dev, other.st_dev);
}

CASE(link_text)
{
    char path[64], text[64], want[64];
    struct stat st;
    int sv[2];
    pair_of(SOCK_STREAM, sv);
    CHECK_EQ(fstat(sv[0], &st), 0);
    snprintf(path, sizeof(path), "/proc/self/fd/%d", sv[0]);
    ssize_t n = readlink(path, text, sizeof(text) - 1);
    CHECK(n > 0);
    text[n] = 0;
    snprintf(want, sizeof(want), "socket:[%llu]", (unsigned long long) st.st_ino);
    CHECK_STR(text, want);
    CHECK_ERR(open(path, O_RDWR), ENXIO);
}

CASE(no_socket)
{
    char b[4];
    struct sockaddr_un a;
    socklen_t n = address(&a, "x");
    int fd = open("/dev/null", O_RDWR);
    CHECK_ERR(bind(fd, (void *) &a, n), ENOTSOCK);
    CHECK_ERR(connect(fd, (void *) &a, n), ENOTSOCK);
    CHECK_ERR(listen(fd, 1), ENOTSOCK);
    CHECK_ERR(accept(fd, NULL, NULL), ENOTSOCK);
    CHECK_ERR(send(fd, b, 1, 0), ENOTSOCK);
    CHECK_ERR(recv(fd, b, 1, 0), ENOTSOCK);
    CHECK_ERR(shutdown(fd, SHUT_RD), ENOTSOCK);
    CHECK_ERR(getsockname(fd, (void *) &a, &n), ENOTSOCK);
    CHECK_ERR(send(999, b, 1, 0), EBADF);
    CHECK_ERR(accept(999, NULL, NULL), EBADF);
}

CASE(seek_fails)
{
    char b;
    int sv[2];
    pair_of(SOCK_STREAM, sv);
    CHECK_ERR(lseek(sv[0], 0, SEEK_SET), ESPIPE);
    CHECK_ERR(pread(sv[0], &b, 1, 0), ESPIPE);
    CHECK_ERR(pwrite(sv[0], &b, 1, 0), ESPIPE);
    CHECK_ERR(ftruncate(sv[0], 0), EINVAL);
    CHECK_ERR(fsync(sv[0]), EINVAL);
    CHECK_ERR(mmap(NULL, 4096, PROT_READ, MAP_SHARED, sv[0], 0) == MAP_FAILED ? -1 : 0, ENODEV);
}

/* ---- streams ---- */

CASE(stream_both_ways)
{
    char b[16];
    int sv[2];
    pair_of(SOCK_STREAM, sv);
    CHECK_EQ(write(sv[0], "hello", 5), 5);
    CHECK_EQ(write(sv[1], "world!", 6), 6);
    CHECK_EQ(read(sv[1], b, sizeof(b)), 5);
    CHECK_MEM(b, "hello", 5);
    CHECK_EQ(read(sv[0], b, sizeof(b)), 6);
    CHECK_MEM(b, "world!", 6);
}

CASE(stream_joins_writes)
{
    char b[16];
    int sv[2];
    pair_of(SOCK_STREAM, sv);
    CHECK_EQ(write(sv[0], "ab", 2), 2);
    CHECK_EQ(write(sv[0], "cd", 2), 2);
    CHECK_EQ(write(sv[0], "ef", 2), 2);
    CHECK_EQ(read(sv[1], b, 3), 3);
    CHECK_MEM(b, "abc", 3);
    CHECK_EQ(read(sv[1], b, 16), 3);
    CHECK_MEM(b, "def", 3);
}

CASE(stream_zero_bytes)
{
    char b;
    int sv[2];
    pair_of(SOCK_STREAM, sv);
    CHECK_EQ(write(sv[0], "", 0), 0);
    CHECK_EQ(read(sv[1], &b, 0), 0);
    nonblock(sv[1]);
    CHECK_ERR(read(sv[1], &b, 1), EAGAIN);
    CHECK_EQ(send(sv[0], "x", 1, 0), 1);
    CHECK_EQ(recv(sv[1], &b, 0, 0), 0);
    CHECK_EQ(recv(sv[1], &b, 1, 0), 1);
}

CASE(stream_vectors)
{
    char a[3], b[10];
    struct iovec in[2] = {{"abc", 3}, {"defgh", 5}}, out[2] = {{a, 3}, {b, 10}};
    int sv[2];
    pair_of(SOCK_STREAM, sv);
    CHECK_EQ(writev(sv[0], in, 2), 8);
    CHECK_EQ(readv(sv[1], out, 2), 8);
    CHECK_MEM(a, "abc", 3);
    CHECK_MEM(b, "defgh", 5);
}

CASE(stream_eof)
{
    char b[4];
    int sv[2];
    pair_of(SOCK_STREAM, sv);
    CHECK_EQ(write(sv[0], "x", 1), 1);
    CHECK_EQ(close(sv[0]), 0);
    CHECK_EQ(read(sv[1], b, 4), 1);
    CHECK_EQ(read(sv[1], b, 4), 0);
    CHECK_EQ(read(sv[1], b, 4), 0);
}

CASE(stream_unread_is_reset)
{
    char b[4];
    int sv[2];
    pair_of(SOCK_STREAM, sv);
    CHECK_EQ(write(sv[1], "lost", 4), 4);
    CHECK_EQ(write(sv[0], "kept", 4), 4);
    CHECK_EQ(close(sv[0]), 0);
    CHECK_EQ(read(sv[1], b, 4), 4);
    CHECK_ERR(read(sv[1], b, 4), ECONNRESET);
    CHECK_EQ(read(sv[1], b, 4), 0);
}

CASE(reset_is_so_error)
{
    int sv[2];
    pair_of(SOCK_STREAM, sv);
    CHECK_EQ(write(sv[1], "lost", 4), 4);
    CHECK_EQ(close(sv[0]), 0);
    CHECK_EQ(int_option(sv[1], SO_ERROR), ECONNRESET);
    CHECK_EQ(int_option(sv[1], SO_ERROR), 0);
}

CASE(write_to_closed)
{
    int sv[2];
    signal(SIGPIPE, SIG_IGN);
    pair_of(SOCK_STREAM, sv);
    CHECK_EQ(close(sv[0]), 0);
    CHECK_ERR(write(sv[1], "x", 1), EPIPE);
    CHECK_ERR(send(sv[1], "x", 1, MSG_NOSIGNAL), EPIPE);
}

CASE(sigpipe)
{
    int sv[2];
    pair_of(SOCK_STREAM, sv);
    CHECK_EQ(close(sv[0]), 0);
    CHECK_ERR(send(sv[1], "x", 1, MSG_NOSIGNAL), EPIPE);
    pid_t pid = fork();
    if (pid == 0) {
        (void) !write(sv[1], "x", 1);
        _exit(0);
    }
    CHECK_KILLED(pid, SIGPIPE);
}

CASE(sigpipe_not_for_packets)
{
    int sv[2];
    pair_of(SOCK_SEQPACKET, sv);
    CHECK_EQ(close(sv[0]), 0);
    pid_t pid = fork();
    if (pid == 0)
        _exit(write(sv[1], "x", 1) == -1 && errno == EPIPE ? 7 : 1);
    int st;
    CHECK_EQ(waitpid(pid, &st, 0), pid);
    CHECK(st == 7 << 8 || st == SIGPIPE); /* kernels differ */
}

CASE(stream_fills_up)
{
    static char big[1 << 16];
    int sv[2];
    size_t sent = 0, got = 0;
    ssize_t n;
    pair_of(SOCK_STREAM, sv);
    nonblock(sv[0]);
    while ((n = write(sv[0], big, sizeof(big))) > 0)
        sent += (size_t) n;
    CHECK_EQ(errno, EAGAIN);
    CHECK(sent >= 65536);
    CHECK_EQ(events(sv[0]), 0);
    nonblock(sv[1]);
    while ((n = read(sv[1], big, sizeof(big))) > 0)
        got += (size_t) n;
    CHECK_EQ(got, sent);
    CHECK_EQ(events(sv[0]), WRITABLE);
}

static void *drain(void *arg)
{
    static char b[10000];
    size_t *total = arg;
    int fd = (int) *total;
    ssize_t n;
    *total = 0;
    while ((n = read(fd, b, sizeof(b))) > 0)
        *total += (size_t) n;
    return NULL;
}

CASE(stream_blocking_write_is_whole)
{
    enum { SIZE = 3 << 20 };
    char *big = calloc(1, SIZE);
    pthread_t th;
    int sv[2];
    pair_of(SOCK_STREAM, sv);
    size_t total = (size_t) sv[1];
    CHECK_EQ(pthread_create(&th, NULL, drain, &total), 0);
    CHECK_EQ(write(sv[0], big, SIZE), SIZE);
    CHECK_EQ(close(sv[0]), 0);
    CHECK_EQ(pthread_join(th, NULL), 0);
    CHECK_EQ(total, SIZE);
}

CASE(stream_ping_pong_between_processes)
{
    int sv[2], v = 0;
    pair_of(SOCK_STREAM, sv);
    pid_t pid = fork();
    if (pid == 0) {
        close(sv[0]);
        while (read(sv[1], &v, sizeof(v)) == sizeof(v)) {
            v++;
            if (write(sv[1], &v, sizeof(v)) != sizeof(v))
                _exit(1);
        }
        _exit(0);
    }
    close(sv[1]);
    for (int i = 0; i < 200; i++) {
        CHECK_EQ(write(sv[0], &v, sizeof(v)), sizeof(v));
        CHECK_EQ(read(sv[0], &v, sizeof(v)), sizeof(v));
    }
    CHECK_EQ(v, 200);
    close(sv[0]);
    CHECK_EXIT(pid, 0);
}

CASE(peek)
{
    char b[8];
    int sv[2];
    pair_of(SOCK_STREAM, sv);
    CHECK_EQ(write(sv[0], "ab", 2), 2);
    CHECK_EQ(write(sv[0], "cd", 2), 2);
    CHECK_EQ(recv(sv[1], b, 8, MSG_PEEK), 4);
    CHECK_MEM(b, "abcd", 4);
    CHECK_EQ(recv(sv[1], b, 1, MSG_PEEK), 1);
    CHECK_EQ(recv(sv[1], b, 8, 0), 4);
}

CASE(peek_offset)
{
    char b[8];
    int sv[2];
    pair_of(SOCK_STREAM, sv);
    CHECK_EQ(int_option(sv[1], SO_PEEK_OFF), -1);
    set_int(sv[1], SO_PEEK_OFF, 1);
    CHECK_EQ(write(sv[0], "abc", 3), 3);
    CHECK_EQ(write(sv[0], "def", 3), 3);
    CHECK_EQ(recv(sv[1], b, 3, MSG_PEEK), 3);
    CHECK_MEM(b, "bcd", 3);
    CHECK_EQ(int_option(sv[1], SO_PEEK_OFF), 4);
    CHECK_EQ(recv(sv[1], b, 1, 0), 1);
    CHECK_EQ(b[0], 'a');
    CHECK_EQ(int_option(sv[1], SO_PEEK_OFF), 3);
    CHECK_EQ(recv(sv[1], b, 8, MSG_PEEK), 2);
    CHECK_MEM(b, "ef", 2);
}

CASE(wait_for_all)
{
    char b[8];
    int sv[2];
    pair_of(SOCK_STREAM, sv);
    pid_t pid = fork();
    if (pid == 0) {
        (void) !write(sv[0], "abc", 3);
        sleep_ms(50);
        (void) !write(sv[0], "def", 3);
        _exit(0);
    }
    CHECK_EQ(recv(sv[1], b, 6, MSG_WAITALL), 6);
    CHECK_MEM(b, "abcdef", 6);
    CHECK_EXIT(pid, 0);
}

CASE(wait_for_all_until_end)
{
    char b[8];
    int sv[2];
    pair_of(SOCK_STREAM, sv);
    CHECK_EQ(write(sv[0], "abc", 3), 3);
    CHECK_EQ(shutdown(sv[0], SHUT_WR), 0);
    CHECK_EQ(recv(sv[1], b, 8, MSG_WAITALL), 3);
    CHECK_EQ(recv(sv[1], b, 8, MSG_WAITALL), 0);
}

CASE(low_water)
{
    char b[8];
    int sv[2];
    pair_of(SOCK_STREAM, sv);
    set_int(sv[1], SO_RCVLOWAT, 4);
    CHECK_EQ(int_option(sv[1], SO_RCVLOWAT), 4);
    set_timeout(sv[1], SO_RCVTIMEO, 50);
    CHECK_EQ(write(sv[0], "abc", 3), 3);
    uint64_t t0 = now_ns();
    CHECK_EQ(recv(sv[1], b, 8, 0), 3);
    CHECK(now_ns() - t0 >= 40000000);
}

CASE(dont_wait)
{
    char b[8];
    int sv[2];
    pair_of(SOCK_STREAM, sv);
    CHECK_ERR(recv(sv[1], b, 8, MSG_DONTWAIT), EAGAIN);
    CHECK_ERR(recv(sv[1], b, 8, MSG_DONTWAIT | MSG_PEEK), EAGAIN);
    CHECK_EQ(write(sv[0], "abc", 3), 3);
    CHECK_EQ(recv(sv[1], b, 8, MSG_DONTWAIT | MSG_WAITALL), 3);
}

CASE(receive_timeout)
{
    char b[8];
    struct timeval tv;
    socklen_t n = sizeof(tv);
    int sv[2];
    pair_of(SOCK_STREAM, sv);
    set_timeout(sv[1], SO_RCVTIMEO, 60);
    CHECK_EQ(getsockopt(sv[1], SOL_SOCKET, SO_RCVTIMEO, &tv, &n), 0);
    CHECK_EQ(n, sizeof(tv));
    CHECK_EQ(tv.tv_sec, 0);
    CHECK_EQ(tv.tv_usec, 60000);
    uint64_t t0 = now_ns();
    CHECK_ERR(read(sv[1], b, 8), EAGAIN);
    CHECK_ERR(recv(sv[1], b, 8, 0), EAGAIN);
    CHECK(now_ns() - t0 >= 100000000);
}

CASE(send_timeout)
{
    static char big[1 << 20];
    int sv[2];
    pair_of(SOCK_STREAM, sv);
    set_timeout(sv[0], SO_SNDTIMEO, 60);
    ssize_t n = write(sv[0], big, sizeof(big));
    CHECK(n > 0 && n < (ssize_t) sizeof(big));
    CHECK_ERR(write(sv[0], big, sizeof(big)), EAGAIN);
}

CASE(bad_timeouts)
{
    struct timeval tv = {0, 1000000};
    int sv[2];
    pair_of(SOCK_STREAM, sv);
    CHECK_ERR(setsockopt(sv[0], SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv)), EDOM);
    tv = (struct timeval){0, -1};
    CHECK_ERR(setsockopt(sv[0], SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv)), EDOM);
    CHECK_ERR(setsockopt(sv[0], SOL_SOCKET, SO_RCVTIMEO, &tv, 8), EINVAL);
    tv = (struct timeval){-1, 0};
    CHECK_EQ(setsockopt(sv[0], SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv)), 0);
    char b;
    CHECK_ERR(read(sv[0], &b, 1), EAGAIN);
}

CASE(interrupted)
{
    char b;
    int sv[2];
    pair_of(SOCK_STREAM, sv);
    handle(SIGALRM, 0);
    struct itimerval it = {.it_value = {0, 50000}};
    setitimer(ITIMER_REAL, &it, NULL);
    CHECK_ERR(read(sv[1], &b, 1), EINTR);
}

CASE(restarted)
{
    char b;
    int sv[2];
    pair_of(SOCK_STREAM, sv);
    handle(SIGALRM, SA_RESTART);
    struct itimerval it = {.it_value = {0, 30000}};
    setitimer(ITIMER_REAL, &it, NULL);
    pid_t pid = fork();
    if (pid == 0) {
        sleep_ms(100);
        (void) !write(sv[0], "x", 1);
        _exit(0);
    }
    CHECK_EQ(read(sv[1], &b, 1), 1);
    CHECK_EXIT(pid, 0);
}

CASE(timeout_is_not_restarted)
{
    char b;
    int sv[2];
    pair_of(SOCK_STREAM, sv);
    handle(SIGALRM, SA_RESTART);
    set_timeout(sv[1], SO_RCVTIMEO, 5000);
    struct itimerval it = {.it_value = {0, 50000}};
    setitimer(ITIMER_REAL, &it, NULL);
    CHECK_ERR(recv(sv[1], &b, 1, 0), EINTR);
}

CASE(stream_bad_memory)
{
    char b[8];
    int sv[2];
    pair_of(SOCK_STREAM, sv);
    CHECK_ERR(write(sv[0], (void *) 8, 4), EFAULT);
    CHECK_EQ(write(sv[0], "abcd", 4), 4);
    CHECK_ERR(read(sv[1], (void *) 8, 100000), EFAULT);
    CHECK_EQ(read(sv[1], b, 8), 4);
    CHECK_MEM(b, "abcd", 4);
}

CASE(stream_no_address)
{
    struct sockaddr_un a;
    socklen_t n = address(&a, "nowhere");
    int sv[2], fd = (int) CHECK_OK(socket(AF_UNIX, SOCK_STREAM, 0));
    pair_of(SOCK_STREAM, sv);
    CHECK_ERR(sendto(sv[0], "x", 1, 0, (void *) &a, n), EISCONN);
    CHECK_ERR(sendto(fd, "x", 1, 0, (void *) &a, n), EOPNOTSUPP);
    CHECK_ERR(send(fd, "x", 1, 0), ENOTCONN);
    CHECK_ERR(recv(fd, &a, 1, 0), EINVAL);
}

CASE(sender_address)
{
    struct sockaddr_un a;
    socklen_t n = sizeof(a);
    char b;
    int sv[2];
    pair_of(SOCK_STREAM, sv);
    CHECK_EQ(write(sv[0], "x", 1), 1);
    CHECK_EQ(recvfrom(sv[1], &b, 1, 0, (void *) &a, &n), 1);
    CHECK_EQ(n, 0);
    int ls = listener(SOCK_STREAM, "l", 1), c = client(SOCK_STREAM, "l");
    int s = (int) CHECK_OK(accept(ls, NULL, NULL));
    CHECK_EQ(write(s, "x", 1), 1);
    n = sizeof(a);
    CHECK_EQ(recvfrom(c, &b, 1, 0, (void *) &a, &n), 1);
    CHECK_EQ(n, 4);
    CHECK_STR(a.sun_path, "l");
}

/* ---- shutdown ---- */

CASE(shutdown_write)
{
    char b[4];
    int sv[2];
    signal(SIGPIPE, SIG_IGN);
    pair_of(SOCK_STREAM, sv);
    CHECK_EQ(write(sv[0], "x", 1), 1);
    CHECK_EQ(shutdown(sv[0], SHUT_WR), 0);
    CHECK_ERR(write(sv[0], "x", 1), EPIPE);
    CHECK_EQ(read(sv[1], b, 4), 1);
    CHECK_EQ(read(sv[1], b, 4), 0);
    CHECK_EQ(write(sv[1], "y", 1), 1);
    CHECK_EQ(read(sv[0], b, 4), 1);
}

CASE(shutdown_read)
{
    char b[4];
    int sv[2];
    signal(SIGPIPE, SIG_IGN);
    pair_of(SOCK_STREAM, sv);
    CHECK_EQ(write(sv[0], "x", 1), 1);
    CHECK_EQ(shutdown(sv[1], SHUT_RD), 0);
    CHECK_EQ(read(sv[1], b, 4), 1);
    CHECK_EQ(read(sv[1], b, 4), 0);
    CHECK_ERR(write(sv[0], "x", 1), EPIPE);
    CHECK_EQ(write(sv[1], "y", 1), 1);
}

CASE(shutdown_bad_how)
{
    int sv[2];
    pair_of(SOCK_STREAM, sv);
    CHECK_ERR(shutdown(sv[0], 3), EINVAL);
    CHECK_ERR(shutdown(sv[0], -1), EINVAL);
}

CASE(shutdown_wakes_reader)
{
    char b;
    int sv[2];
    pair_of(SOCK_STREAM, sv);
    pid_t pid = fork();
    if (pid == 0) {
        sleep_ms(50);
        _exit(shutdown(sv[1], SHUT_RD) != 0);
    }
    CHECK_EQ(read(sv[1], &b, 1), 0);
    CHECK_EXIT(pid, 0);
}

CASE(shutdown_unconnected)
{
    int fd = (int) CHECK_OK(socket(AF_UNIX, SOCK_STREAM, 0));
    CHECK_EQ(shutdown(fd, SHUT_RDWR), 0);
}

CASE(shutdown_listener)
{
    int ls = listener(SOCK_STREAM, "l", 1), fd = (int) CHECK_OK(socket(AF_UNIX, SOCK_STREAM, 0));
    CHECK_EQ(shutdown(ls, SHUT_RD), 0);
    CHECK_ERR(accept(ls, NULL, NULL), EINVAL);
    CHECK_ERR(connect_to(fd, "l"), ECONNREFUSED);
}

/* ---- poll ---- */

CASE(poll_of_pair)
{
    char b;
    int sv[2];
    pair_of(SOCK_STREAM, sv);
    CHECK_EQ(events(sv[0]), WRITABLE);
    CHECK_EQ(write(sv[1], "x", 1), 1);
    CHECK_EQ(events(sv[0]), WRITABLE | READABLE);
    CHECK_EQ(shutdown(sv[1], SHUT_WR), 0);
    CHECK_EQ(events(sv[0]), WRITABLE | READABLE | POLLRDHUP);
    CHECK_EQ(read(sv[0], &b, 1), 1);
    CHECK_EQ(events(sv[0]), WRITABLE | READABLE | POLLRDHUP);
    CHECK_EQ(close(sv[1]), 0);
    CHECK_EQ(events(sv[0]), WRITABLE | READABLE | POLLRDHUP | POLLHUP);
}

CASE(poll_of_reset)
{
    int sv[2];
    pair_of(SOCK_STREAM, sv);
    CHECK_EQ(write(sv[0], "x", 1), 1);
    CHECK_EQ(close(sv[1]), 0);
    CHECK_EQ(events(sv[0]), WRITABLE | READABLE | POLLRDHUP | POLLHUP | POLLERR);
}

CASE(poll_of_fresh)
{
    int fd = (int) CHECK_OK(socket(AF_UNIX, SOCK_STREAM, 0));
    CHECK_EQ(events(fd), WRITABLE | POLLHUP);
    fd = (int) CHECK_OK(socket(AF_UNIX, SOCK_DGRAM, 0));
    CHECK_EQ(events(fd), WRITABLE);
    fd = (int) CHECK_OK(socket(AF_UNIX, SOCK_SEQPACKET, 0));
    CHECK_EQ(events(fd), WRITABLE | POLLHUP);
}

CASE(poll_of_listener)
{
    int ls = listener(SOCK_STREAM, "l", 1);
    CHECK_EQ(events(ls), 0);
    client(SOCK_STREAM, "l");
    CHECK_EQ(events(ls), READABLE);
    CHECK_OK(accept(ls, NULL, NULL));
    CHECK_EQ(events(ls), 0);
}

CASE(poll_half_shut)
{
    int sv[2];
    pair_of(SOCK_STREAM, sv);
    CHECK_EQ(shutdown(sv[0], SHUT_RD), 0);
    CHECK_EQ(events(sv[0]), WRITABLE | READABLE | POLLRDHUP);
    CHECK_EQ(events(sv[1]), WRITABLE);
    CHECK_EQ(shutdown(sv[0], SHUT_WR), 0);
    CHECK_EQ(events(sv[0]), WRITABLE | READABLE | POLLRDHUP | POLLHUP);
    CHECK_EQ(events(sv[1]), WRITABLE | READABLE | POLLRDHUP | POLLHUP);
}

CASE(poll_wakes)
{
    int sv[2];
    pair_of(SOCK_STREAM, sv);
    pid_t pid = fork();
    if (pid == 0) {
        sleep_ms(50);
        _exit(write(sv[1], "x", 1) != 1);
    }
    struct pollfd p = {.fd = sv[0], .events = POLLIN};
    CHECK_EQ(poll(&p, 1, 5000), 1);
    CHECK_EQ(p.revents, POLLIN);
    CHECK_EXIT(pid, 0);
}

CASE(poll_rdhup_wakes)
{
    int sv[2];
    pair_of(SOCK_STREAM, sv);
    pid_t pid = fork();
    if (pid == 0) {
        sleep_ms(50);
        _exit(shutdown(sv[1], SHUT_WR));
    }
    struct pollfd p = {.fd = sv[0], .events = POLLRDHUP};
    CHECK_EQ(poll(&p, 1, 5000), 1);
    CHECK_EQ(p.revents, POLLRDHUP);
    CHECK_EXIT(pid, 0);
}

CASE(epoll_edges)
{
    struct epoll_event ev = {.events = EPOLLIN | EPOLLET}, out;
    char b[8];
    int sv[2], ep = (int) CHECK_OK(epoll_create1(0));
    pair_of(SOCK_STREAM, sv);
    CHECK_EQ(epoll_ctl(ep, EPOLL_CTL_ADD, sv[0], &ev), 0);
    CHECK_EQ(epoll_wait(ep, &out, 1, 0), 0);
    CHECK_EQ(write(sv[1], "a", 1), 1);
    CHECK_EQ(epoll_wait(ep, &out, 1, 1000), 1);
    CHECK_EQ(epoll_wait(ep, &out, 1, 0), 0);
    CHECK_EQ(write(sv[1], "b", 1), 1);
    CHECK_EQ(epoll_wait(ep, &out, 1, 1000), 1);
    CHECK_EQ(out.events, EPOLLIN);
    CHECK_EQ(read(sv[0], b, 8), 2);
    CHECK_EQ(epoll_wait(ep, &out, 1, 0), 0);
}

/* ---- options ---- */

CASE(options_of_kind)
{
    int fd = (int) CHECK_OK(socket(AF_UNIX, SOCK_SEQPACKET, 0));
    CHECK_EQ(int_option(fd, SO_TYPE), SOCK_SEQPACKET);
    CHECK_EQ(int_option(fd, SO_DOMAIN), AF_UNIX);
    CHECK_EQ(int_option(fd, SO_PROTOCOL), 0);
    CHECK_EQ(int_option(fd, SO_ERROR), 0);
    CHECK_EQ(int_option(fd, SO_ACCEPTCONN), 0);
    int v = 1;
    CHECK_ERR(setsockopt(fd, SOL_SOCKET, SO_TYPE, &v, sizeof(v)), ENOPROTOOPT);
    CHECK_ERR(setsockopt(fd, SOL_SOCKET, SO_ERROR, &v, sizeof(v)), ENOPROTOOPT);
}

CASE(option_errors)
{
    int fd = (int) CHECK_OK(socket(AF_UNIX, SOCK_STREAM, 0)), v = 1;
    socklen_t n = sizeof(v);
    CHECK_ERR(setsockopt(fd, SOL_SOCKET, 9999, &v, sizeof(v)), ENOPROTOOPT);
    CHECK_ERR(getsockopt(fd, SOL_SOCKET, 9999, &v, &n), ENOPROTOOPT);
    CHECK_ERR(setsockopt(fd, 6, 1, &v, sizeof(v)), EOPNOTSUPP);
    CHECK_ERR(getsockopt(fd, 6, 1, &v, &n), EOPNOTSUPP);
    CHECK_ERR(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &v, 3), EINVAL);
    CHECK_ERR(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, (void *) 8, 4), EFAULT);
    n = (socklen_t) -1;
    CHECK_ERR(getsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &v, &n), EINVAL);
    n = 2;
    v = -1;
    CHECK_EQ(getsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &v, &n), 0);
    CHECK_EQ(n, 2);
    CHECK_EQ(v & 0xffff, 0);
}

CASE(switches)
{
    static const int names[] = {SO_REUSEADDR, SO_BROADCAST, SO_KEEPALIVE, SO_OOBINLINE,
                                SO_DONTROUTE, SO_PASSCRED,  SO_TIMESTAMP};
    int fd = (int) CHECK_OK(socket(AF_UNIX, SOCK_STREAM, 0));
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        CHECK_EQ(int_option(fd, names[i]), 0);
        set_int(fd, names[i], 5);
        CHECK_EQ(int_option(fd, names[i]), 1);
        set_int(fd, names[i], 0);
        CHECK_EQ(int_option(fd, names[i]), 0);
    }
}

CASE(buffers)
{
    int fd = (int) CHECK_OK(socket(AF_UNIX, SOCK_STREAM, 0));
    set_int(fd, SO_SNDBUF, 10000);
    CHECK_EQ(int_option(fd, SO_SNDBUF), 20000);
    set_int(fd, SO_RCVBUF, 10000);
    CHECK_EQ(int_option(fd, SO_RCVBUF), 20000);
    set_int(fd, SO_SNDBUF, 1);
    CHECK_EQ(int_option(fd, SO_SNDBUF), 4608);
    set_int(fd, SO_RCVBUF, 0);
    CHECK_EQ(int_option(fd, SO_RCVBUF), 2304);
    set_int(fd, SO_SNDBUF, 1 << 30);
    CHECK(int_option(fd, SO_SNDBUF) < 1 << 30);
}

CASE(small_buffer_limits)
{
    char b[3000] = {0};
    int sv[2], n = 0;
    pair_of(SOCK_DGRAM, sv);
    set_int(sv[0], SO_SNDBUF, 4608);
    nonblock(sv[0]);
    while (send(sv[0], b, sizeof(b), 0) > 0)
        n++;
    CHECK_EQ(errno, EAGAIN);
    CHECK(n >= 1 && n <= 5);
}

CASE(linger)
{
    struct linger l = {1, 5}, got;
    socklen_t n = sizeof(got);
    int fd = (int) CHECK_OK(socket(AF_UNIX, SOCK_STREAM, 0));
    CHECK_EQ(setsockopt(fd, SOL_SOCKET, SO_LINGER, &l, sizeof(l)), 0);
    CHECK_EQ(getsockopt(fd, SOL_SOCKET, SO_LINGER, &got, &n), 0);
    CHECK_EQ(got.l_onoff, 1);
    CHECK_EQ(got.l_linger, 5);
    CHECK_ERR(setsockopt(fd, SOL_SOCKET, SO_LINGER, &l, 4), EINVAL);
}

CASE(bytes_waiting)
{
    int sv[2], n = -1;
    char b[8];
    pair_of(SOCK_STREAM, sv);
    CHECK_EQ(ioctl(sv[1], FIONREAD, &n), 0);
    CHECK_EQ(n, 0);
    CHECK_EQ(write(sv[0], "abc", 3), 3);
    CHECK_EQ(write(sv[0], "de", 2), 2);
    CHECK_EQ(ioctl(sv[1], FIONREAD, &n), 0);
    CHECK_EQ(n, 5);
    CHECK_EQ(ioctl(sv[0], SIOCOUTQ, &n), 0);
    CHECK(n >= 5);
    CHECK_EQ(read(sv[1], b, 4), 4);
    CHECK_EQ(ioctl(sv[1], FIONREAD, &n), 0);
    CHECK_EQ(n, 1);
    CHECK_EQ(read(sv[1], b, 4), 1);
    CHECK_EQ(ioctl(sv[0], SIOCOUTQ, &n), 0);
    CHECK_EQ(n, 0);
    CHECK_ERR(ioctl(sv[0], 0x5413, &n), ENOTTY);
}

CASE(bytes_waiting_dgram)
{
    int sv[2], n = -1, ls = listener(SOCK_STREAM, "l", 1);
    pair_of(SOCK_DGRAM, sv);
    CHECK_EQ(write(sv[0], "abc", 3), 3);
    CHECK_EQ(write(sv[0], "de", 2), 2);
    CHECK_EQ(ioctl(sv[1], FIONREAD, &n), 0);
    CHECK_EQ(n, 3);
    CHECK_ERR(ioctl(ls, FIONREAD, &n), EINVAL);
}

CASE(nonblock_by_ioctl)
{
    int sv[2], on = 1;
    char b;
    pair_of(SOCK_STREAM, sv);
    CHECK_EQ(ioctl(sv[0], FIONBIO, &on), 0);
    CHECK_ERR(read(sv[0], &b, 1), EAGAIN);
}

/* ---- with other calls ---- */

CASE(splice_through)
{
    char b[16];
    int sv[2], p[2];
    pair_of(SOCK_STREAM, sv);
    CHECK_EQ(pipe(p), 0);
    CHECK_EQ(write(p[1], "spliced", 7), 7);
    CHECK_EQ(splice(p[0], NULL, sv[0], NULL, 7, 0), 7);
    CHECK_EQ(splice(sv[1], NULL, p[1], NULL, 100, 0), 7);
    CHECK_EQ(read(p[0], b, 16), 7);
    CHECK_MEM(b, "spliced", 7);
}

CASE(sendfile_to_socket)
{
    char b[16];
    int sv[2];
    pair_of(SOCK_STREAM, sv);
    put_file("f", "file text", 0644);
    int fd = open("f", O_RDONLY);
    CHECK_EQ(sendfile(sv[0], fd, NULL, 100), 9);
    CHECK_EQ(read(sv[1], b, 16), 9);
    CHECK_MEM(b, "file text", 9);
}

CASE(signal_driven)
{
    sigset_t set;
    siginfo_t info;
    int sv[2];
    pair_of(SOCK_STREAM, sv);
    sigemptyset(&set);
    sigaddset(&set, SIGIO);
    sigprocmask(SIG_BLOCK, &set, NULL);
    CHECK_EQ(fcntl(sv[0], F_SETOWN, getpid()), 0);
    CHECK_EQ(fcntl(sv[0], F_SETFL, O_ASYNC), 0);
    CHECK_EQ(write(sv[1], "x", 1), 1);
    CHECK_EQ(sigtimedwait(&set, &info, &(struct timespec){2, 0}), SIGIO);
}

CASE(listed_in_proc)
{
    static char text[1 << 16];
    struct stat st;
    char line[256];
    int fd = listener(SOCK_STREAM, "listed", 1);
    CHECK_EQ(fstat(fd, &st), 0);
    get_file("/proc/net/unix", text, sizeof(text));
    CHECK(strncmp(text, "Num ", 4) == 0);
    snprintf(line, sizeof(line), "00010000 0001 01 %5llu listed\n", (unsigned long long) st.st_ino);
    CHECK(strstr(text, line) != NULL);
}

static void *read_forever(void *arg)
{
    int fd = *(int *) arg;
    char b;
    long n = 0;
    while (read(fd, &b, 1) == 1)
        n++;
    return (void *) n;
}

CASE(readers_share_a_stream)
{
    enum { N = 4, BYTES = 4000 };
    pthread_t th[N];
    int sv[2];
    long total = 0;
    char b[100] = {0};
    pair_of(SOCK_STREAM, sv);
    for (int i = 0; i < N; i++)
        CHECK_EQ(pthread_create(&th[i], NULL, read_forever, &sv[1]), 0);
    for (int i = 0; i < BYTES / 100; i++)
        CHECK_EQ(write(sv[0], b, 100), 100);
    CHECK_EQ(close(sv[0]), 0);
    for (int i = 0; i < N; i++) {
        void *n;
        CHECK_EQ(pthread_join(th[i], &n), 0);
        total += (long) n;
    }
    CHECK_EQ(total, BYTES);
}

CASE(survives_exec)
{
    int sv[2];
    char text[16], b[8];
    pair_of(SOCK_STREAM, sv);
    pid_t pid = fork();
    if (pid == 0) {
        snprintf(text, sizeof(text), "echo hi >&%d", sv[1]);
        execl("/bin/sh", "sh", "-c", text, NULL);
        _exit(127);
    }
    CHECK_EXIT(pid, 0);
    CHECK_EQ(read(sv[0], b, 8), 3);
    CHECK_MEM(b, "hi\n", 3);
}

GUEST_MAIN
