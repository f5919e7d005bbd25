/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Streams that are used so often that a kernel might do something special about them: everything
 * must go on as if it did not. Epoll sets: hotepolls.c.
 */
#include "inet.h"

#include <pthread.h>
#include <sys/ioctl.h>
#include <sys/sendfile.h>
#include <sys/uio.h>

#define HOT 300

/* Bytes to and fro until both ends have been busy. */
static void heat(const int sv[2])
{
    char c = 'x';
    for (int i = 0; i < HOT; i++) {
        CHECK_EQ(send(sv[i & 1], &c, 1, 0), 1);
        CHECK_EQ(recv(sv[~i & 1], &c, 1, 0), 1);
    }
}

static void hot_pair(int sv[2])
{
    tcp_pair(sv);
    heat(sv);
}

static void set_nonblock(int fd, bool on)
{
    CHECK_EQ(fcntl(fd, F_SETFL, on ? O_NONBLOCK : 0), 0);
}

CASE(every_call)
{
    int sv[2];
    hot_pair(sv);
    for (int i = 0; i < HOT; i++) {
        char a[8] = "", b[8] = "";
        struct iovec out[2] = {{"01", 2}, {"234", 3}}, in[2] = {{a, 3}, {b, 8}};
        struct msghdr mo = {.msg_iov = out, .msg_iovlen = 2}, mi = {.msg_iov = in, .msg_iovlen = 2};
        CHECK_EQ(write(sv[0], "abc", 3), 3);
        CHECK_EQ(recv(sv[1], a, 2, MSG_PEEK), 2);
        CHECK_MEM(a, "ab", 2);
        CHECK_EQ(read(sv[1], a, 8), 3);
        CHECK_EQ(writev(sv[0], out, 2), 5);
        CHECK_EQ(readv(sv[1], in, 2), 5);
        CHECK_MEM(b, "34", 2);
        CHECK_EQ(sendmsg(sv[0], &mo, MSG_NOSIGNAL), 5);
        mi.msg_flags = -1;
        CHECK_EQ(recvmsg(sv[1], &mi, 0), 5);
        CHECK_EQ(mi.msg_flags, 0);
        CHECK_EQ(send(sv[0], "xyz", 3, MSG_MORE), 3);
        CHECK_EQ(write(sv[0], "!", 1), 1);
        CHECK_EQ(recv(sv[1], a, 4, MSG_WAITALL), 4);
        CHECK_MEM(a, "xyz!", 4);
        CHECK_EQ(send(sv[0], "gone", 4, 0), 4);
        CHECK_EQ(recv(sv[1], NULL, 4, MSG_TRUNC), 4);
        CHECK_ERR(recv(sv[1], a, 1, MSG_DONTWAIT), EAGAIN);
        CHECK_EQ(read(sv[1], a, 0), 0);
        CHECK_EQ(write(sv[0], a, 0), 0);
        int n = -1;
        CHECK_EQ(write(sv[0], "12345", 5), 5);
        CHECK(becomes(sv[1], POLLIN));
        CHECK_EQ(ioctl(sv[1], FIONREAD, &n), 0);
        CHECK_EQ(n, 5);
        CHECK_EQ(read(sv[1], a, 5), 5);
        set_option(sv[0], IPPROTO_TCP, TCP_CORK, 1);
        CHECK_EQ(option(sv[0], IPPROTO_TCP, TCP_CORK), 1);
        set_option(sv[0], IPPROTO_TCP, TCP_CORK, 0);
    }
}

CASE(bad_memory)
{
    int sv[2];
    char c, *bad = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    hot_pair(sv);
    for (int i = 0; i < 3; i++) {
        CHECK_ERR(write(sv[0], bad, 1), EFAULT);
        CHECK_ERR(sendmsg(sv[0], (void *) bad, 0), EFAULT);
        CHECK_ERR(recvmsg(sv[0], (void *) bad, MSG_DONTWAIT), EFAULT);
        CHECK_ERR(writev(sv[0], (void *) bad, 1), EFAULT);
        CHECK_ERR(writev(sv[0], (void *) &c, -1), EINVAL);
        CHECK_ERR(writev(sv[0], (void *) &c, 1025), EINVAL);
        CHECK_EQ(write(sv[0], "y", 1), 1);
        CHECK_ERR(read(sv[1], bad, 1), EFAULT);
        CHECK_EQ(read(sv[1], &c, 1), 1);
        CHECK_ERR(lseek(sv[0], 0, SEEK_CUR), ESPIPE);
        CHECK_ERR(pread(sv[0], &c, 1, 0), ESPIPE);
        CHECK_ERR(ioctl(sv[0], FIONREAD, bad), EFAULT);
    }
}

CASE(nonblocking_follows_its_flag)
{
    int sv[2], one = 1;
    char c;
    hot_pair(sv);
    for (int i = 0; i < 3; i++) {
        set_nonblock(sv[0], true);
        CHECK_ERR(read(sv[0], &c, 1), EAGAIN);
        heat(sv);
        CHECK_ERR(read(sv[0], &c, 1), EAGAIN);
        set_nonblock(sv[0], false);
        heat(sv);
        CHECK_EQ(ioctl(sv[0], FIONBIO, &one), 0);
        CHECK_ERR(recv(sv[0], &c, 1, 0), EAGAIN);
        set_nonblock(sv[0], false);
        pid_t pid = (pid_t) CHECK_OK(fork());
        if (pid == 0) {
            usleep(20000);
            _exit(write(sv[1], "z", 1) != 1);
        }
        CHECK_EQ(read(sv[0], &c, 1), 1); /* waits */
        CHECK_EXIT(pid, 0);
    }
}

CASE(timeouts_count)
{
    int sv[2];
    char c;
    struct timeval tv = {0, 30000}, none = {0, 0};
    hot_pair(sv);
    CHECK_EQ(setsockopt(sv[0], SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv)), 0);
    for (int i = 0; i < 3; i++)
        CHECK_ERR(read(sv[0], &c, 1), EAGAIN);
    heat(sv);
    CHECK_ERR(recv(sv[0], &c, 1, 0), EAGAIN);
    CHECK_EQ(setsockopt(sv[0], SOL_SOCKET, SO_RCVTIMEO, &none, sizeof(none)), 0);
    heat(sv);
}

static volatile sig_atomic_t caught;

static void on_signal(int signo UNUSED)
{
    caught++;
}

static void count_signals(int signo, int flags)
{
    struct sigaction sa = {.sa_handler = on_signal, .sa_flags = flags};
    CHECK_EQ(sigaction(signo, &sa, NULL), 0);
    caught = 0;
}

CASE(a_broken_connection_signals)
{
    int sv[2];
    count_signals(SIGPIPE, 0);
    hot_pair(sv);
    CHECK_EQ(shutdown(sv[0], SHUT_WR), 0);
    CHECK_ERR(send(sv[0], "a", 1, MSG_NOSIGNAL), EPIPE);
    CHECK_EQ(caught, 0);
    CHECK_ERR(write(sv[0], "a", 1), EPIPE);
    CHECK_EQ(caught, 1);
    CHECK_ERR(send(sv[0], "a", 1, 0), EPIPE);
    CHECK_EQ(caught, 2);
    char c;
    CHECK_EQ(read(sv[1], &c, 1), 0);
}

CASE(a_reset_is_told_once)
{
    int sv[2];
    char c;
    struct linger l = {1, 0};
    signal(SIGPIPE, SIG_IGN);
    hot_pair(sv);
    CHECK_EQ(setsockopt(sv[1], SOL_SOCKET, SO_LINGER, &l, sizeof(l)), 0);
    CHECK_EQ(close(sv[1]), 0);
    CHECK(becomes(sv[0], POLLERR));
    CHECK_ERR(read(sv[0], &c, 1), ECONNRESET);
    CHECK_EQ(read(sv[0], &c, 1), 0);
    CHECK_ERR(write(sv[0], &c, 1), EPIPE);
}

/* Until it sleeps: it has nothing else to sleep in than the call that is meant. */
static void until_asleep(pid_t pid, pid_t tid)
{
    while (!is_asleep(pid, tid))
        usleep(1000);
}

/* Once this thread sleeps. */
static pid_t signal_later(int signo, int then_write)
{
    pid_t me = getpid(), pid = (pid_t) CHECK_OK(fork());
    if (pid)
        return pid;
    until_asleep(me, me);
    kill(me, signo);
    if (then_write >= 0) {
        usleep(20000);
        if (write(then_write, "w", 1) != 1)
            _exit(1);
    }
    _exit(0);
}

CASE(a_signal_ends_a_wait)
{
    int sv[2];
    char c = 0;
    hot_pair(sv);
    for (int i = 0; i < 3; i++) {
        count_signals(SIGUSR1, 0);
        pid_t pid = signal_later(SIGUSR1, -1);
        CHECK_ERR(read(sv[0], &c, 1), EINTR);
        CHECK_EQ(caught, 1);
        CHECK_EXIT(pid, 0);
        count_signals(SIGUSR1, SA_RESTART);
        pid = signal_later(SIGUSR1, sv[1]);
        CHECK_EQ(read(sv[0], &c, 1), 1);
        CHECK_EQ(c, 'w');
        CHECK_EQ(caught, 1);
        CHECK_EXIT(pid, 0);
    }
}

CASE(a_signal_ends_a_long_write)
{
    int sv[2];
    static char big[32 << 20];
    hot_pair(sv);
    for (int i = 0; i < 2; i++) {
        count_signals(SIGUSR1, i ? SA_RESTART : 0);
        pid_t pid = signal_later(SIGUSR1, -1);
        ssize_t n = write(sv[0], big, sizeof(big)); /* what was written counts */
        CHECK(n > 0 && n < (ssize_t) sizeof(big));
        CHECK_EQ(caught, 1);
        CHECK_EXIT(pid, 0);
        for (ssize_t left = n; left > 0;)
            left -= CHECK_OK(recv(sv[1], big, sizeof(big), 0));
        CHECK_ERR(recv(sv[1], big, 1, MSG_DONTWAIT), EAGAIN);
    }
}

CASE(a_long_write_is_whole)
{
    int sv[2];
    static char big[8 << 20], got[1 << 16];
    hot_pair(sv);
    pid_t pid = (pid_t) CHECK_OK(fork());
    if (pid == 0) {
        size_t at = 0;
        while (at < 3 * sizeof(big)) {
            ssize_t n = read(sv[1], got, sizeof(got));
            for (ssize_t i = 0; i < n; i++)
                if (got[i] != (char) ((at + (size_t) i) % sizeof(big) % 251))
                    _exit(2);
            if (n <= 0)
                _exit(1);
            at += (size_t) n;
        }
        _exit(0);
    }
    for (size_t i = 0; i < sizeof(big); i++)
        big[i] = (char) (i % 251);
    struct iovec v[3] = {{big, 1}, {big + 1, 70000}, {big + 70001, sizeof(big) - 70001}};
    struct msghdr m = {.msg_iov = v, .msg_iovlen = 3};
    CHECK_EQ(write(sv[0], big, sizeof(big)), sizeof(big));
    CHECK_EQ(writev(sv[0], v, 3), sizeof(big));
    CHECK_EQ(sendmsg(sv[0], &m, 0), sizeof(big));
    CHECK_EXIT(pid, 0);
}

/* The number's next file is meant, and the old one's end comes when its last descriptor goes. */
CASE(closing_and_numbers)
{
    int sv[2], p[2];
    char buf[8];
    for (int i = 0; i < 5; i++) {
        hot_pair(sv);
        int other = (int) CHECK_OK(dup(sv[0])), number = sv[0];
        CHECK_EQ(close(sv[0]), 0);
        CHECK_EQ(pipe(p), 0);
        CHECK_EQ(p[0], number);
        CHECK_EQ(write(p[1], "pipe", 4), 4);
        CHECK_EQ(read(number, buf, 8), 4);
        CHECK_MEM(buf, "pipe", 4);
        CHECK_EQ(write(sv[1], "sock", 4), 4);
        CHECK_EQ(read(other, buf, 8), 4);
        CHECK_ERR(recv(sv[1], buf, 1, MSG_DONTWAIT), EAGAIN); /* still open */
        CHECK_EQ(dup2(p[1], other), other);
        CHECK_EQ(read(sv[1], buf, 1), 0);
        CHECK_EQ(close(p[0]) | close(p[1]) | close(other) | close(sv[1]), 0);
    }
}

CASE(copies_of_a_descriptor)
{
    int sv[2];
    char c;
    tcp_pair(sv);
    int other = (int) CHECK_OK(dup(sv[0])), twice[2] = {other, sv[1]};
    for (int i = 0; i < 3; i++) {
        heat(sv);
        heat(twice);
    }
    CHECK_EQ(close(sv[0]), 0);
    heat(twice);
    CHECK_EQ(close(other), 0);
    CHECK_EQ(read(sv[1], &c, 1), 0);
}

CASE(children_share_it)
{
    int sv[2];
    char c;
    hot_pair(sv);
    pid_t pid = (pid_t) CHECK_OK(fork());
    if (pid == 0) {
        close(sv[1]);
        for (int i = 0; i < HOT; i++)
            if (read(sv[0], &c, 1) != 1 || write(sv[0], &c, 1) != 1)
                _exit(1);
        execl(guest_self, guest_self, "--list", NULL); /* its descriptor goes with it */
        _exit(2);
    }
    CHECK_EQ(fcntl(sv[0], F_SETFD, FD_CLOEXEC), 0);
    CHECK_EQ(close(sv[0]), 0);
    for (int i = 0; i < HOT; i++) {
        CHECK_EQ(write(sv[1], "q", 1), 1);
        CHECK_EQ(read(sv[1], &c, 1), 1);
    }
    int st;
    CHECK_EQ(waitpid(pid, &st, 0), pid);
    CHECK_EQ(read(sv[1], &c, 1), 0);
}

static _Atomic pid_t reader;

static void *read_one(void *arg)
{
    char c;
    int fd = *(int *) arg;
    reader = gettid();
    return (void *) (intptr_t) read(fd, &c, 1);
}

CASE(another_thread_closes_it)
{
    int sv[2];
    pthread_t th;
    void *r;
    hot_pair(sv);
    CHECK_EQ(pthread_create(&th, NULL, read_one, &sv[0]), 0);
    while (!reader)
        usleep(1000);
    until_asleep(getpid(), reader);
    CHECK_EQ(close(sv[0]), 0);
    CHECK_EQ(write(sv[1], "t", 1), 1);
    CHECK_EQ(pthread_join(th, &r), 0);
    CHECK_EQ((intptr_t) r, 1);
    CHECK_EQ(write(sv[1], "t", 1), 1);
    char c;
    CHECK(becomes(sv[1], POLLIN)); /* nobody is there any more */
    CHECK_EQ(read(sv[1], &c, 1), 0);
}

CASE(signals_for_input)
{
    int sv[2];
    char c;
    count_signals(SIGIO, SA_RESTART);
    hot_pair(sv);
    CHECK_EQ(fcntl(sv[0], F_SETOWN, getpid()), 0);
    CHECK_EQ(fcntl(sv[0], F_SETFL, O_ASYNC), 0);
    for (int i = 0; i < 100; i++) {
        caught = 0;
        CHECK_EQ(write(sv[1], "s", 1), 1);
        for (int k = 0; k < 2000 && !caught; k++)
            usleep(1000);
        CHECK(caught);
        CHECK_EQ(read(sv[0], &c, 1), 1);
    }
}

CASE(stop_and_continue)
{
    int sv[2], st;
    char c;
    hot_pair(sv);
    pid_t pid = (pid_t) CHECK_OK(fork());
    if (pid == 0)
        _exit(read(sv[0], &c, 1) == 1 && c == 'k' ? 0 : 1);
    until_asleep(pid, pid);
    CHECK_EQ(kill(pid, SIGSTOP), 0);
    CHECK_EQ(waitpid(pid, &st, WUNTRACED), pid);
    CHECK(WIFSTOPPED(st));
    CHECK_EQ(kill(pid, SIGCONT), 0);
    usleep(20000);
    CHECK_EQ(write(sv[1], "k", 1), 1);
    CHECK_EXIT(pid, 0);
    pid = (pid_t) CHECK_OK(fork());
    if (pid == 0)
        _exit(read(sv[0], &c, 1) == 1);
    until_asleep(pid, pid);
    CHECK_EQ(kill(pid, SIGKILL), 0);
    CHECK_EQ(waitpid(pid, &st, 0), pid);
    CHECK(WIFSIGNALED(st) && WTERMSIG(st) == SIGKILL);
}

CASE(a_file_is_sent)
{
    int sv[2];
    static char data[100000], got[100000];
    for (size_t i = 0; i < sizeof(data); i++)
        data[i] = (char) (i % 249);
    int fd = (int) CHECK_OK(open("f", O_RDWR | O_CREAT, 0600));
    CHECK_EQ(write(fd, data, sizeof(data)), sizeof(data));
    hot_pair(sv);
    for (int i = 0; i < 20; i++) {
        off_t at = 1000;
        CHECK_EQ(sendfile(sv[0], fd, &at, 50000), 50000);
        CHECK_EQ(at, 51000);
        CHECK_EQ(recv(sv[1], got, 50000, MSG_WAITALL), 50000);
        CHECK_MEM(got, data + 1000, 50000);
        CHECK_EQ(lseek(fd, 99000, SEEK_SET), 99000);
        CHECK_EQ(sendfile(sv[0], fd, NULL, 50000), 1000);
        CHECK_EQ(lseek(fd, 0, SEEK_CUR), 100000);
        CHECK_EQ(recv(sv[1], got, 1000, MSG_WAITALL), 1000);
        CHECK_MEM(got, data + 99000, 1000);
    }
}

GUEST_MAIN
