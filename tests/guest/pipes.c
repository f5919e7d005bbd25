/* SPDX-License-Identifier: Apache-2.0 */
/* pipe(7) and fifo(7), and poll(2)/select(2) on them. */
#include "guest.h"
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/select.h>
#include <sys/uio.h>

static int p[2];

static void make(int flags)
{
    CHECK_EQ(pipe2(p, flags), 0);
}

CASE(basics)
{
    char buf[16];
    make(0);
    CHECK(p[0] != p[1]);
    CHECK_EQ(write(p[1], "hello", 5), 5);
    CHECK_EQ(read(p[0], buf, 2), 2);
    CHECK_MEM(buf, "he", 2);
    CHECK_EQ(write(p[1], "!", 1), 1);
    CHECK_EQ(read(p[0], buf, sizeof(buf)), 4);
    CHECK_MEM(buf, "llo!", 4);
    CHECK_EQ(fcntl(p[0], F_GETFL) & O_ACCMODE, O_RDONLY);
    CHECK_EQ(fcntl(p[1], F_GETFL) & O_ACCMODE, O_WRONLY);
    CHECK_ERR(read(p[1], buf, 1), EBADF);
    CHECK_ERR(write(p[0], buf, 1), EBADF);
    CHECK_ERR(lseek(p[0], 0, SEEK_CUR), ESPIPE);
    CHECK_ERR(pread(p[0], buf, 1, 0), ESPIPE);
    CHECK_EQ(read(p[0], buf, 0), 0);
}

CASE(flags)
{
    make(O_CLOEXEC | O_NONBLOCK);
    CHECK_EQ(fcntl(p[0], F_GETFD), FD_CLOEXEC);
    CHECK_EQ(fcntl(p[1], F_GETFD), FD_CLOEXEC);
    CHECK(fcntl(p[0], F_GETFL) & O_NONBLOCK);
    CHECK(fcntl(p[1], F_GETFL) & O_NONBLOCK);
    CHECK_ERR(pipe2(p, O_APPEND), EINVAL);
    CHECK_ERR(syscall(SYS_pipe2, 8, 0), EFAULT);
}

CASE(end_of_file)
{
    char c;
    make(0);
    CHECK_EQ(write(p[1], "x", 1), 1);
    close(p[1]);
    CHECK_EQ(read(p[0], &c, 1), 1);
    CHECK_EQ(read(p[0], &c, 1), 0);
    CHECK_EQ(read(p[0], &c, 1), 0);
}

CASE(end_of_file_wakes_a_reader)
{
    char c;
    make(0);
    pid_t pid = (pid_t) CHECK_OK(fork());
    if (pid == 0) {
        sleep_ms(30);
        _exit(0);
    }
    close(p[1]);
    CHECK_EQ(read(p[0], &c, 1), 0);
    CHECK_EXIT(pid, 0);
}

CASE(broken_pipe)
{
    make(0);
    close(p[0]);
    pid_t pid = (pid_t) CHECK_OK(fork());
    if (pid == 0)
        _exit(write(p[1], "x", 1) != 0);
    CHECK_KILLED(pid, SIGPIPE);
    signal(SIGPIPE, SIG_IGN);
    CHECK_ERR(write(p[1], "x", 1), EPIPE);
}

CASE(broken_pipe_wakes_a_writer)
{
    char *big = calloc(1, 1 << 20);
    make(0);
    pid_t pid = (pid_t) CHECK_OK(fork());
    if (pid == 0) {
        close(p[1]);
        sleep_ms(30);
        _exit(0);
    }
    close(p[0]);
    signal(SIGPIPE, SIG_IGN);
    ssize_t n = write(p[1], big, 1 << 20);
    CHECK(n == 65536 || (n == -1 && errno == EPIPE)); /* what fitted before */
    CHECK_ERR(write(p[1], big, 1), EPIPE);
    CHECK_EXIT(pid, 0);
}

CASE(nonblocking)
{
    char buf[65536];
    make(O_NONBLOCK);
    CHECK_ERR(read(p[0], buf, 1), EAGAIN);
    memset(buf, 'a', sizeof(buf));
    CHECK_EQ(write(p[1], buf, sizeof(buf)), 65536);
    CHECK_ERR(write(p[1], buf, 1), EAGAIN);
    CHECK_EQ(read(p[0], buf, 4095), 4095);
    CHECK_ERR(write(p[1], buf, 4096), EAGAIN); /* not a whole page is free: PIPE_BUF is atomic */
    CHECK_EQ(read(p[0], buf, 1), 1);
    CHECK_EQ(write(p[1], buf, 4096), 4096);
}

CASE(partial_nonblocking_write)
{
    char *buf = calloc(1, 100000);
    make(O_NONBLOCK);
    CHECK_EQ(write(p[1], buf, 100000), 65536);
}

CASE(large_transfer)
{
    enum { N = 8 << 20 };
    unsigned char *buf = malloc(N);
    make(0);
    pid_t pid = (pid_t) CHECK_OK(fork());
    if (pid == 0) {
        for (int i = 0; i < N; i++)
            buf[i] = (unsigned char) (i * 7 + (i >> 12));
        _exit(write(p[1], buf, N) != N);
    }
    close(p[1]);
    for (int at = 0; at < N;) {
        ssize_t n = CHECK_OK(read(p[0], buf, 70001));
        CHECK(n > 0);
        for (ssize_t i = 0; i < n; i++, at++)
            if (buf[i] != (unsigned char) (at * 7 + (at >> 12)))
                FAIL("byte %d differs", at);
    }
    CHECK_EXIT(pid, 0);
}

CASE(writes_up_to_pipe_buf_are_atomic)
{
    enum { WRITERS = 4, ROUNDS = 200 };
    static char rec[4096];
    make(0);
    for (int w = 0; w < WRITERS; w++)
        if (CHECK_OK(fork()) == 0) {
            memset(rec, 'a' + w, sizeof(rec));
            for (int i = 0; i < ROUNDS; i++)
                if (write(p[1], rec, sizeof(rec)) != sizeof(rec))
                    _exit(1);
            _exit(0);
        }
    close(p[1]);
    for (int i = 0; i < WRITERS * ROUNDS; i++) {
        for (size_t have = 0; have < sizeof(rec);) {
            ssize_t n = CHECK_OK(read(p[0], rec + have, sizeof(rec) - have));
            CHECK(n > 0);
            have += (size_t) n;
        }
        for (size_t k = 1; k < sizeof(rec); k++)
            if (rec[k] != rec[0])
                FAIL("record %d is mixed", i);
    }
    for (int w = 0; w < WRITERS; w++) {
        int st;
        CHECK_OK(wait(&st));
        CHECK_EQ(st, 0);
    }
}

CASE(vectors)
{
    char a[3], b[5];
    struct iovec out[3] = {{"abc", 3}, {"", 0}, {"defgh", 5}}, in[2] = {{a, 3}, {b, 5}};
    make(0);
    CHECK_EQ(writev(p[1], out, 3), 8);
    CHECK_EQ(readv(p[0], in, 2), 8);
    CHECK_MEM(a, "abc", 3);
    CHECK_MEM(b, "defgh", 5);
    CHECK_ERR(readv(p[0], in, -1), EINVAL);
    CHECK_ERR(readv(p[0], in, 1025), EINVAL);
}

CASE(fionread)
{
    int n = -1;
    make(0);
    CHECK_EQ(ioctl(p[0], FIONREAD, &n), 0);
    CHECK_EQ(n, 0);
    CHECK_EQ(write(p[1], "12345", 5), 5);
    CHECK_EQ(ioctl(p[0], FIONREAD, &n), 0);
    CHECK_EQ(n, 5);
}

CASE(size)
{
    make(O_NONBLOCK);
    CHECK_EQ(fcntl(p[0], F_GETPIPE_SZ), 65536);
    CHECK_EQ(fcntl(p[0], F_SETPIPE_SZ, 4096), 4096);
    CHECK_EQ(fcntl(p[1], F_GETPIPE_SZ), 4096);
    char buf[8192] = {0};
    CHECK_EQ(write(p[1], buf, 8192), 4096);
    CHECK_EQ(fcntl(p[0], F_SETPIPE_SZ, 100000), 131072);
    CHECK_EQ(write(p[1], buf, 8192), 8192);
}

CASE(stat_of_a_pipe)
{
    struct stat a, b;
    make(0);
    CHECK_EQ(fstat(p[0], &a), 0);
    CHECK_EQ(fstat(p[1], &b), 0);
    CHECK(S_ISFIFO(a.st_mode));
    CHECK_EQ(a.st_ino, b.st_ino);
    CHECK_EQ(a.st_uid, getuid());
}

CASE(fifo)
{
    char buf[8];
    struct stat st;
    CHECK_EQ(mkfifo("f", 0600), 0);
    CHECK_EQ(stat("f", &st), 0);
    CHECK(S_ISFIFO(st.st_mode));
    CHECK_ERR(mkfifo("f", 0600), EEXIST);
    CHECK_ERR(open("f", O_WRONLY | O_NONBLOCK), ENXIO);
    pid_t pid = (pid_t) CHECK_OK(fork());
    if (pid == 0) {
        int w = open("f", O_WRONLY); /* waits for the reader */
        _exit(write(w, "hi", 2) != 2);
    }
    sleep_ms(20);
    int r = (int) CHECK_OK(open("f", O_RDONLY));
    CHECK_EQ(read(r, buf, sizeof(buf)), 2);
    CHECK_EQ(read(r, buf, sizeof(buf)), 0);
    CHECK_EXIT(pid, 0);
    CHECK_OK(open("f", O_RDONLY | O_NONBLOCK));
    CHECK_OK(open("f", O_RDWR));
}

CASE(splice_and_tee)
{
    int q[2];
    char buf[16];
    put_file("f", "0123456789", 0600);
    int fd = (int) CHECK_OK(open("f", O_RDONLY));
    off_t off = 2;
    make(0);
    CHECK_EQ(pipe(q), 0);
    CHECK_EQ(splice(fd, &off, p[1], NULL, 5, 0), 5);
    CHECK_EQ(off, 7);
    CHECK_EQ(tee(p[0], q[1], 5, 0), 5);
    CHECK_EQ(read(p[0], buf, 16), 5);
    CHECK_MEM(buf, "23456", 5);
    CHECK_EQ(read(q[0], buf, 16), 5);
    CHECK_MEM(buf, "23456", 5);
}

static int events(int fd, short want, int ms)
{
    struct pollfd pf = {.fd = fd, .events = want};
    int n = poll(&pf, 1, ms);
    CHECK(n >= 0);
    CHECK_EQ(n, pf.revents != 0);
    return pf.revents;
}

CASE(poll_states)
{
    make(O_NONBLOCK);
    CHECK_EQ(events(p[0], POLLIN, 0), 0);
    CHECK_EQ(events(p[1], POLLOUT, 0), POLLOUT);
    CHECK_EQ(write(p[1], "x", 1), 1);
    CHECK_EQ(events(p[0], POLLIN | POLLRDNORM, 0), POLLIN | POLLRDNORM);
    char buf[65536] = {0};
    CHECK_EQ(write(p[1], buf, 65535), 65535);
    CHECK_EQ(events(p[1], POLLOUT, 0), 0);
    close(p[1]);
    CHECK_EQ(events(p[0], POLLIN, 0), POLLIN | POLLHUP);
    while (read(p[0], buf, sizeof(buf)) > 0)
        ;
    CHECK_EQ(events(p[0], POLLIN, 0), POLLHUP);
    make(0);
    close(p[0]);
    CHECK_EQ(events(p[1], POLLOUT, 0), POLLOUT | POLLERR);
    CHECK_EQ(events(9999, POLLIN, 0), POLLNVAL);
}

CASE(poll_waits)
{
    make(0);
    uint64_t t = now_ns();
    CHECK_EQ(events(p[0], POLLIN, 40), 0);
    CHECK(now_ns() - t >= 40000000);
    pid_t pid = (pid_t) CHECK_OK(fork());
    if (pid == 0) {
        sleep_ms(30);
        _exit(write(p[1], "x", 1) != 1);
    }
    CHECK_EQ(events(p[0], POLLIN, -1), POLLIN);
    CHECK_EXIT(pid, 0);
}

CASE(poll_many_and_negative)
{
    struct pollfd pf[3] = {{.fd = -1, .events = POLLIN, .revents = 77}};
    make(0);
    pf[1] = (struct pollfd){.fd = p[0], .events = POLLIN};
    pf[2] = (struct pollfd){.fd = p[1], .events = POLLOUT};
    CHECK_EQ(poll(pf, 3, -1), 1);
    CHECK(pf[0].revents == 0 && pf[1].revents == 0 && pf[2].revents == POLLOUT);
    CHECK_EQ(poll(NULL, 0, 1), 0);
    CHECK_ERR(syscall(SYS_poll, 8, 1, 0), EFAULT);
}

static void nothing(int sig)
{
    (void) sig;
}

CASE(poll_is_interrupted)
{
    struct sigaction sa = {.sa_handler = nothing, .sa_flags = SA_RESTART};
    struct pollfd pf = {.events = POLLIN};
    make(0);
    pf.fd = p[0];
    sigaction(SIGALRM, &sa, NULL);
    pid_t parent = getpid(), pid = (pid_t) CHECK_OK(fork());
    if (pid == 0) {
        sleep_ms(30);
        kill(parent, SIGALRM);
        _exit(0);
    }
    CHECK_ERR(poll(&pf, 1, 10000), EINTR);
    CHECK_EXIT(pid, 0);
}

CASE(ppoll_mask)
{
    struct pollfd pf = {.events = POLLIN};
    struct timespec ts = {0, 20000000}, bad = {0, -1};
    sigset_t s, none;
    make(0);
    pf.fd = p[0];
    CHECK_EQ(ppoll(&pf, 1, &ts, NULL), 0);
    CHECK_ERR(ppoll(&pf, 1, &bad, NULL), EINVAL);
    sigemptyset(&s);
    sigemptyset(&none);
    sigaddset(&s, SIGUSR1);
    sigprocmask(SIG_BLOCK, &s, NULL);
    signal(SIGUSR1, nothing);
    raise(SIGUSR1);
    CHECK_ERR(ppoll(&pf, 1, NULL, &none), EINTR);
    CHECK_EQ(ppoll(&pf, 1, &ts, &none), 0);
}

CASE(select_states)
{
    fd_set r, w;
    struct timeval tv = {0, 0};
    make(0);
    FD_ZERO(&r);
    FD_ZERO(&w);
    FD_SET(p[0], &r);
    FD_SET(p[1], &w);
    CHECK_EQ(select(p[1] + 1, &r, &w, NULL, &tv), 1);
    CHECK(!FD_ISSET(p[0], &r) && FD_ISSET(p[1], &w));
    CHECK_EQ(write(p[1], "x", 1), 1);
    FD_SET(p[0], &r);
    CHECK_EQ(select(p[1] + 1, &r, &w, NULL, NULL), 2);
    FD_ZERO(&r);
    FD_SET(60, &r);
    CHECK_ERR(select(61, &r, NULL, NULL, &tv), EBADF);
    CHECK_ERR(select(-1, NULL, NULL, NULL, &tv), EINVAL);
    uint64_t t = now_ns();
    tv.tv_usec = 30000;
    CHECK_EQ(select(0, NULL, NULL, NULL, &tv), 0);
    CHECK(now_ns() - t >= 30000000);
    CHECK(tv.tv_sec == 0 && tv.tv_usec == 0);
}

CASE(pselect_mask)
{
    sigset_t s, none;
    struct timespec ts = {0, 10000000};
    sigemptyset(&s);
    sigemptyset(&none);
    sigaddset(&s, SIGUSR1);
    sigprocmask(SIG_BLOCK, &s, NULL);
    signal(SIGUSR1, nothing);
    CHECK_EQ(pselect(0, NULL, NULL, NULL, &ts, NULL), 0);
    raise(SIGUSR1);
    CHECK_ERR(pselect(0, NULL, NULL, NULL, NULL, &none), EINTR);
}

CASE(ping_pong)
{
    int q[2];
    char c = 0;
    make(0);
    CHECK_EQ(pipe(q), 0);
    pid_t pid = (pid_t) CHECK_OK(fork());
    if (pid == 0) {
        for (int i = 0; i < 2000; i++)
            if (read(p[0], &c, 1) != 1 || write(q[1], &c, 1) != 1)
                _exit(1);
        _exit(0);
    }
    for (int i = 0; i < 2000; i++) {
        c = (char) i;
        CHECK_EQ(write(p[1], &c, 1), 1);
        CHECK_EQ(read(q[0], &c, 1), 1);
        CHECK_EQ(c, (char) i);
    }
    CHECK_EXIT(pid, 0);
}

GUEST_MAIN
