/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files whose data moves without the sentry: what a process finds among its host descriptors when
 * it jumps into the stub, and what becomes of one that forges the stub's table or its own words
 * about it.
 */
#include "attack.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#define HOT       120
#define HOST_FDS  4096
#define STUB_HEAP (STUB_DATA + sizeof(struct stub_process)) /* the tables */
#define STUB_FULL (STUB_DATA + 0x8000)

static int hot_file(const char *name, const char *text, int flags)
{
    put_file(name, text, 0600);
    int fd = (int) CHECK_OK(open(name, flags | O_CLOEXEC));
    for (int i = 0; i < HOT; i++)
        CHECK_OK(lseek(fd, 0, SEEK_CUR));
    return fd;
}

/* A file: the post has no offset. */
static bool is_open(long host)
{
    long r = raw_stub(CALL(SYS_lseek, {host, 0, SEEK_CUR}));
    return r != -EBADF && r != -ESPIPE;
}

static int count_open(void)
{
    int n = 0;
    for (long host = 0; host < HOST_FDS; host++)
        n += is_open(host);
    return n;
}

/* Rights are those of the guest's openings, and there is nothing else. */
CASE(only_what_was_opened)
{
    char buf[8];
    need_stub();
    hot_file("ro", "only-r", O_RDONLY);
    hot_file("wo", "only-w", O_WRONLY);
    hot_file("rw", "both-x", O_RDWR);
    int seen = 0;
    for (long host = 0; host < HOST_FDS; host++) {
        if (!is_open(host))
            continue;
        long r = raw_stub(CALL(SYS_pread64, {host, (long) buf, 6, 0}));
        long w = raw_stub(CALL(SYS_pwrite64, {host, (long) "W", 1, 5}));
        long map_w = raw_stub(CALL(SYS_mmap, {0, PAGE, PROT_WRITE, MAP_SHARED, host, 0}));
        long map_r = raw_stub(CALL(SYS_mmap, {0, PAGE, PROT_READ, MAP_PRIVATE, host, 0}));
        seen++;
        if (r == -EBADF) {
            CHECK_EQ(w, 1); /* wo */
            CHECK_EQ(map_r, -EACCES);
            CHECK_EQ(map_w, -EACCES);
        } else if (w == -EBADF) {
            CHECK_EQ(r, 6);
            CHECK_MEM(buf, "only-r", 6);
            CHECK_EQ(map_w, -EACCES);
        } else {
            CHECK_EQ(r, 6);
            CHECK_MEM(buf, "both-", 5);
        }
        CHECK(raw_stub(CALL(SYS_read, {host, 1, 1})) < 0); /* EFAULT, or EBADF */
    }
    CHECK(seen <= 3);
    get_file("ro", buf, sizeof(buf));
    CHECK_STR(buf, "only-r");
    still_sane();
}

/* A closed one is closed on the host, too. */
CASE(closed_is_gone)
{
    need_stub();
    int a = hot_file("a", "a", O_RDWR), b = hot_file("b", "b", O_RDWR);
    close(a);
    CHECK(count_open() <= 1);
    CHECK_EQ(dup2(0, b), b);
    CHECK_EQ(count_open(), 0);
}

/* Descriptors that the stub has lost sight of fill its process up to a limit, and nobody else. */
CASE(hoarded)
{
    need_stub();
    pid_t pid = fork();
    CHECK(pid >= 0);
    if (pid == 0) {
        for (int i = 0; i < 3000; i++) {
            int fd = hot_file("f", "f", O_RDWR);
            char c = 0;
            memset((void *) STUB_HEAP, 0, STUB_FULL - STUB_HEAP);
            if (pread(fd, &c, 1, 0) != 1 || c != 'f')
                _exit(1);
            close(fd);
        }
        _exit(count_open() <= (int) STUB_DESCRIPTORS ? 7 : 2);
    }
    int st = end_within(pid, 60000);
    CHECK(st == 7 << 8 || WIFSIGNALED(st) || st == -1);
    still_sane();
}

static void scribble(unsigned seed)
{
    volatile uint32_t *word = (volatile uint32_t *) STUB_HEAP;
    for (size_t i = 0; i < (STUB_FULL - STUB_HEAP) / 4; i++)
        word[i] = (uint32_t) rand_r(&seed) & (rand_r(&seed) % 2 ? 0xffffffffu : 7u);
}

/* Random tables: the process reads the wrong things, hangs or dies, all by itself. */
CASE(forged_tables)
{
    char text[16];
    need_stub();
    put_file("victim", "untouched", 0600);
    for (unsigned round = 0; round < 30; round++) {
        pid_t pid = fork();
        CHECK(pid >= 0);
        if (pid == 0) {
            char buf[64];
            int fd = hot_file("own", "own", O_RDWR);
            scribble(round);
            for (int i = 0; i < 100; i++) {
                (void) !pwrite(i % 30, "attack", 6, 0);
                (void) !read(i % 30, buf, sizeof(buf));
                lseek(fd, 0, SEEK_SET);
            }
            close(fd);
            fork();
            _exit(0);
        }
        (void) end_within(pid, 500);
    }
    get_file("victim", text, sizeof(text));
    CHECK_STR(text, "untouched");
    still_sane();
}

/* Both ends of a connection over TCP, so busy that the stub has them, and a set with one of them.
 */
static int hot_streams(int sv[2])
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t n = sizeof(a);
    int ls = (int) CHECK_OK(socket(AF_INET, SOCK_STREAM, 0)), ep = (int) CHECK_OK(epoll_create1(0));
    struct epoll_event ev = {.events = EPOLLIN};
    char c = 0;
    CHECK_EQ(bind(ls, (void *) &a, n) | listen(ls, 1) | getsockname(ls, (void *) &a, &n), 0);
    sv[0] = (int) CHECK_OK(socket(AF_INET, SOCK_STREAM, 0));
    CHECK_EQ(connect(sv[0], (void *) &a, n), 0);
    sv[1] = (int) CHECK_OK(accept(ls, NULL, NULL));
    close(ls);
    CHECK_EQ(epoll_ctl(ep, EPOLL_CTL_ADD, sv[0], &ev), 0);
    for (int i = 0; i < 600; i++) {
        CHECK_EQ(send(sv[i & 1], &c, 1, 0), 1);
        CHECK_OK(epoll_wait(ep, &ev, 1, 0));
        CHECK_EQ(recv(sv[~i & 1], &c, 1, 0), 1);
    }
    return ep;
}

/* What a stub may do to its streams is to move data; the rest is the guest's own call, which knows
 * no such number. */
CASE(streams_only_stream)
{
    int sv[2], streams = 0;
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(9)};
    struct msghdr m = {.msg_name = &a, .msg_namelen = sizeof(a)};
    char buf[64];
    long one = 1, len = sizeof(buf);
    need_stub();
    hot_streams(sv);
    for (long h = 2048; h < HOST_FDS; h++) {
        if (raw_stub(CALL(SYS_recvfrom, {h, (long) buf, 1, MSG_DONTWAIT})) != -EAGAIN)
            continue;
        streams++;
        CHECK_EQ(raw_stub(CALL(SYS_connect, {h, (long) &a, sizeof(a)})), -EBADF);
        CHECK_EQ(raw_stub(CALL(SYS_bind, {h, (long) &a, sizeof(a)})), -EBADF);
        CHECK_EQ(raw_stub(CALL(SYS_listen, {h, 1})), -EBADF);
        CHECK_EQ(raw_stub(CALL(SYS_shutdown, {h, 1})), -EBADF);
        CHECK_EQ(raw_stub(CALL(SYS_getpeername, {h, (long) buf, (long) &len})), -EBADF);
        CHECK_EQ(raw_stub(CALL(SYS_sendto, {h, (long) buf, 1, 0, (long) &a, sizeof(a)})), -EBADF);
        CHECK_EQ(raw_stub(CALL(SYS_sendmsg, {h, (long) &m, MSG_FASTOPEN})), -EBADF);
        CHECK_EQ(raw_stub(CALL(SYS_sendmsg, {h, (long) &m, MSG_OOB})), -EBADF);
        CHECK_EQ(raw_stub(CALL(SYS_setsockopt, {h, SOL_SOCKET, SO_KEEPALIVE, (long) &one, 4})),
                 -EBADF);
        CHECK_EQ(raw_stub(CALL(SYS_setsockopt, {h, IPPROTO_TCP, TCP_ULP, (long) "tls", 3})),
                 -EBADF);
        CHECK_EQ(raw_stub(
                     CALL(SYS_getsockopt, {h, IPPROTO_TCP, TCP_INFO, (long) buf, (long) &len})),
                 -EBADF);
        CHECK_EQ(raw_stub(CALL(SYS_ioctl, {h, SIOCGIFCONF, (long) buf})), -EBADF);
        CHECK_EQ(raw_stub(CALL(SYS_fcntl, {h, F_SETFL, 0})), -EBADF);
        CHECK_EQ(raw_stub(CALL(SYS_dup, {h})), -EBADF);
        CHECK_EQ(raw_stub(CALL(SYS_sendmsg, {h, (long) &m, 0})), 0); /* the address means nothing */
    }
    CHECK(streams >= 2);
    still_sane();
}

/* A set that its guest fills with whatever its stub has: only its own process is the worse for it.
 */
CASE(forged_members)
{
    int sv[2];
    char c = 0;
    need_stub();
    for (unsigned round = 0; round < 5; round++) {
        pid_t pid = fork();
        CHECK(pid >= 0);
        if (pid == 0) {
            int ep = hot_streams(sv);
            unsigned seed = round;
            struct epoll_event ev = {.events = EPOLLIN | EPOLLOUT};
            for (int i = 0; i < 20000; i++) {
                long set = rand_r(&seed) % 8,
                     member = rand_r(&seed) % 2 ? 2048 + rand_r(&seed) % 8 : set;
                ev.data.u64 = (uint64_t) rand_r(&seed) << 32 | (unsigned) rand_r(&seed);
                raw_stub(CALL(SYS_epoll_ctl, {set, 1 + rand_r(&seed) % 3, member, (long) &ev}));
                epoll_ctl(ep, 1 + (int) (rand_r(&seed) % 3), sv[rand_r(&seed) % 2], &ev);
                epoll_wait(ep, &ev, 1, 0);
                if (i % 64 == 0)
                    (void) !write(sv[1], &c, 1);
            }
            _exit(0);
        }
        (void) end_within(pid, 20000);
    }
    still_sane();
}

static void *lies(void *arg)
{
    struct channel *ch = arg;
    for (uint64_t i = 0;; i++) {
        ch->direct = i % 3 == 0   ? DIRECT_WANT
                     : i % 3 == 1 ? DIRECT_DROPPED | (i & 7)
                                  : i * 0x9e3779b97f4a7c15u;
        ch->direct_epoch = (uint32_t) (i >> 4);
        ch->closed = i % 5 == 0 ? CLOSED_MAY : i * 0x9e3779b97f4a7c15u;
        ch->gifts = i % 7;
    }
    return NULL;
}

/* Words about what it wants and has dropped, changed at any time by another thread. */
CASE(forged_words)
{
    need_stub();
    put_file("victim", "untouched", 0600);
    pid_t pid = fork();
    CHECK(pid >= 0);
    if (pid == 0) {
        pthread_t t;
        char buf[8];
        pthread_create(&t, NULL, lies, own_channel());
        for (int i = 0; i < 2000; i++) {
            int fd = open(i % 2 ? "own" : "other", O_RDWR | O_CREAT, 0600);
            (void) !pwrite(fd, "attack", 6, 0);
            (void) !pread(fd, buf, 6, 0);
            (void) !dup2(fd, 20 + i % 5);
            close(fd);
            fd = open("own", O_RDONLY);
            (void) !pread(fd, buf, 6, 0);
            close(fd);
        }
        _exit(0);
    }
    (void) end_within(pid, 20000);
    char text[16];
    get_file("victim", text, sizeof(text));
    CHECK_STR(text, "untouched");
    still_sane();
}

static void visit(const char *name)
{
    char c;
    struct stat st;
    int fd = (int) CHECK_OK(open(name, O_RDONLY | O_CLOEXEC));
    CHECK_EQ(fstat(fd, &st), 0);
    CHECK_EQ(pread(fd, &c, 1, 0), 1);
    close(fd);
}

/* So often that each is given as it is opened. */
static void visit_often(void)
{
    for (int i = 0; i < 40; i++)
        visit("visited");
}

static struct msghdr *one_byte(int *fd_space, size_t n)
{
    static char byte;
    static struct iovec iov = {&byte, 1};
    static struct msghdr h;
    h = (struct msghdr){.msg_iov = &iov,
                        .msg_iovlen = 1,
                        .msg_control = fd_space,
                        .msg_controllen = n};
    return &h;
}

/* The socket by which descriptors come takes nothing: neither bytes nor descriptors wait in it for
 * a sentry that will never look. */
CASE(nothing_goes_into_the_post)
{
    int seen = 0;
    need_stub();
    put_file("visited", "x", 0600);
    visit_often();
    for (long host = 0; host < HOST_FDS; host++) {
        long r = raw_stub(
            CALL(SYS_sendmsg, {host, (long) one_byte(NULL, 0), MSG_DONTWAIT | MSG_NOSIGNAL}));
        seen += r == -EPIPE;
        CHECK(r == -EPIPE || r == -EBADF || r == -ENOTSOCK);
        r = raw_stub(CALL(SYS_write, {host, (long) "x", 1}));
        CHECK(r < 0);
    }
    CHECK_EQ(seen, 1);
    still_sane();
}

/* A child keeps its parent's post, because the stub has lost sight of it: what the parent opens
 * later does not come to it. */
CASE(the_post_of_a_parent)
{
    need_stub();
    put_file("visited", "x", 0600);
    visit_often();
    memset((void *) STUB_HEAP, 0, STUB_FULL - STUB_HEAP);
    pid_t pid = fork();
    CHECK(pid >= 0);
    if (pid == 0) {
        int space[16];
        for (int round = 0; round < 3000; round++)
            for (long host = 0; host < 64; host++)
                if (raw_stub(CALL(SYS_recvmsg,
                                  {host, (long) one_byte(space, sizeof(space)), MSG_DONTWAIT})) > 0)
                    _exit(1);
        _exit(7);
    }
    int st = -1;
    while (waitpid(pid, &st, WNOHANG) == 0)
        visit_often();
    CHECK_EQ(st, 7 << 8);
    still_sane();
}

GUEST_MAIN
