/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What poll, select and epoll say about descriptors of all kinds in all their states, and what odd
 * arguments give: printed, so that two kernels can be compared line by line.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/select.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/timerfd.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
    ALL = POLLIN | POLLOUT | POLLPRI | POLLRDHUP | POLLRDNORM | POLLWRNORM | POLLRDBAND |
          POLLWRBAND | POLLMSG,
};

static char buf[1 << 20];

static const char *said(long r)
{
    static char text[8][40];
    static int i;
    char *t = text[i++ % 8];
    if (r < 0)
        snprintf(t, 40, "%s", strerrorname_np(errno));
    else
        snprintf(t, 40, "%ld", r);
    return t;
}

static void show(const char *what, int fd)
{
    struct timeval now = {0, 0};
    fd_set in, out, odd;
    struct pollfd p = {fd, (short) ALL, 0}, none = {fd, 0, 0};
    int r = poll(&p, 1, 0), r0 = poll(&none, 1, 0);
    printf("%s: poll %d %x, for nothing %d %x", what, r, p.revents, r0, none.revents);
    FD_ZERO(&in);
    FD_ZERO(&out);
    FD_ZERO(&odd);
    if (fd >= 0 && fd < FD_SETSIZE) {
        FD_SET(fd, &in);
        FD_SET(fd, &out);
        FD_SET(fd, &odd);
        r = select(fd + 1, &in, &out, &odd, &now);
        printf(", select %s %d%d%d", said(r), FD_ISSET(fd, &in), FD_ISSET(fd, &out),
               FD_ISSET(fd, &odd));
    }
    int ep = epoll_create1(0);
    struct epoll_event e = {.events = ALL}, got = {0};
    r = epoll_ctl(ep, EPOLL_CTL_ADD, fd, &e);
    printf(", epoll %s", said(r));
    if (r == 0) {
        r = epoll_wait(ep, &got, 1, 0);
        printf(" %d %x", r, got.events);
    }
    printf("\n");
    close(ep);
}

static void pipes(void)
{
    int p[2];
    (void) !pipe2(p, O_NONBLOCK);
    show("empty pipe r", p[0]);
    show("empty pipe w", p[1]);
    (void) !write(p[1], "x", 1);
    show("pipe with a byte r", p[0]);
    while (write(p[1], buf, 4096) > 0)
        ;
    show("full pipe w", p[1]);
    close(p[0]);
    show("full pipe w, no reader", p[1]);
    close(p[1]);
    (void) !pipe(p);
    (void) !write(p[1], "x", 1);
    close(p[1]);
    show("pipe r with a byte, no writer", p[0]);
    (void) !read(p[0], buf, 1);
    show("pipe r, no writer", p[0]);
    close(p[0]);
    (void) !pipe(p);
    close(p[0]);
    show("pipe w, no reader", p[1]);
    close(p[1]);
    (void) !mkfifo("fifo", 0600);
    int r = open("fifo", O_RDONLY | O_NONBLOCK);
    show("fifo r, never a writer", r);
    int w = open("fifo", O_WRONLY | O_NONBLOCK);
    show("fifo r with writer", r);
    show("fifo w", w);
    close(w);
    show("fifo r, writer gone", r);
    int rw = open("fifo", O_RDWR | O_NONBLOCK);
    show("fifo rw", rw);
    close(r);
    show("fifo rw alone", rw);
    int r2 = open("fifo", O_RDONLY | O_NONBLOCK);
    close(rw);
    show("fifo r, opened beside a writer that is gone", r2);
    close(r2);
}

static void files(void)
{
    int fd = open("file", O_RDWR | O_CREAT, 0600);
    show("file", fd);
    close(fd);
    show("closed", fd);
    show("negative", -1);
    fd = open("file", O_PATH);
    show("place", fd);
    close(fd);
    static const char *const names[] = {".",
                                        "/proc/self/status",
                                        "/proc/self/mountinfo",
                                        "/proc/mounts",
                                        "/proc/sys/kernel/hostname",
                                        "/proc/self/maps",
                                        "/proc/self",
                                        "/dev/null",
                                        "/dev/zero",
                                        "/dev/full",
                                        "/dev/urandom",
                                        "/proc/sys/kernel/random/uuid"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        fd = open(names[i], O_RDONLY);
        show(names[i], fd);
        close(fd);
    }
    fd = memfd_create("m", 0);
    show("memfd", fd);
    close(fd);
}

static void unix_sockets(int type, const char *kind)
{
    char what[100];
    int sv[2];
#define SHOW(text, fd)                                  \
    do {                                                \
        snprintf(what, sizeof(what), "%s " text, kind); \
        show(what, fd);                                 \
    } while (0)
    int fd = socket(AF_UNIX, type, 0);
    SHOW("fresh", fd);
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    snprintf(a.sun_path, sizeof(a.sun_path), "s-%s", kind);
    (void) !bind(fd, (struct sockaddr *) &a, sizeof(a));
    SHOW("bound", fd);
    if (type != SOCK_DGRAM) {
        (void) !listen(fd, 1);
        SHOW("listening", fd);
        int c = socket(AF_UNIX, type, 0);
        (void) !connect(c, (struct sockaddr *) &a, sizeof(a));
        SHOW("listening, somebody waits", fd);
        SHOW("connected, not accepted", c);
        (void) !shutdown(fd, SHUT_RD);
        SHOW("listener shut", fd);
        close(fd);
        SHOW("never accepted", c);
        close(c);
    } else {
        int c = socket(AF_UNIX, type, 0);
        (void) !connect(c, (struct sockaddr *) &a, sizeof(a));
        while (send(c, "x", 1, MSG_DONTWAIT) == 1)
            ;
        SHOW("full queue, sender", c);
        SHOW("full queue, receiver", fd);
        close(fd);
        SHOW("receiver gone", c);
        printf("send to who is gone: %s\n", said(send(c, "x", 1, MSG_NOSIGNAL)));
        SHOW("receiver gone and missed", c);
        close(c);
    }
    for (int how = 0; how < 3; how++) {
        socketpair(AF_UNIX, type, 0, sv);
        (void) !shutdown(sv[0], how);
        printf("shutdown %d\n", how);
        SHOW("who shut", sv[0]);
        SHOW("peer of who shut", sv[1]);
        close(sv[0]);
        SHOW("peer of who shut and left", sv[1]);
        close(sv[1]);
    }
    socketpair(AF_UNIX, type, 0, sv);
    SHOW("pair", sv[0]);
    (void) !write(sv[1], "x", 1);
    SHOW("with a byte", sv[0]);
    while (send(sv[0], buf, 1000, MSG_DONTWAIT) > 0)
        ;
    SHOW("with a full buffer", sv[0]);
    (void) !recv(sv[1], buf, 1000, 0);
    SHOW("with a buffer nearly full", sv[0]);
    close(sv[0]);
    SHOW("with data of who left unread data", sv[1]);
    close(sv[1]);
}

static void tcp(void)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t n = sizeof(a);
    int l = socket(AF_INET, SOCK_STREAM, 0);
    show("tcp fresh", l);
    (void) !bind(l, (struct sockaddr *) &a, sizeof(a));
    show("tcp bound", l);
    (void) !listen(l, 5);
    show("tcp listening", l);
    getsockname(l, (struct sockaddr *) &a, &n);
    int c = socket(AF_INET, SOCK_STREAM, 0);
    printf("connect %s\n", said(connect(c, (struct sockaddr *) &a, sizeof(a))));
    show("tcp listening, somebody waits", l);
    int s = accept(l, NULL, NULL);
    show("tcp connected", c);
    (void) !send(s, "x", 1, MSG_OOB);
    usleep(20000);
    show("tcp urgent", c);
    (void) !shutdown(s, SHUT_WR);
    usleep(20000);
    show("tcp peer shut", c);
    show("tcp who shut", s);
    (void) !shutdown(c, SHUT_WR);
    usleep(20000);
    show("tcp both shut", c);
    close(s);
    close(c);
    close(l);
    c = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    printf("connect %s\n", said(connect(c, (struct sockaddr *) &a, sizeof(a))));
    usleep(20000);
    show("tcp refused", c);
    show("tcp refused, told", c);
    close(c);
    int u = socket(AF_INET, SOCK_DGRAM, 0);
    show("udp", u);
    close(u);
}

static void processes(void)
{
    int p[2];
    (void) !pipe(p);
    pid_t pid = fork();
    if (pid == 0) {
        close(p[1]);
        (void) !read(p[0], buf, 1);
        _exit(3);
    }
    int fd = (int) syscall(SYS_pidfd_open, pid, 0);
    show("pidfd of one that lives", fd);
    close(p[1]);
    siginfo_t si;
    waitid(P_PID, (id_t) pid, &si, WEXITED | WNOWAIT);
    show("pidfd of a zombie", fd);
    waitpid(pid, NULL, 0);
    show("pidfd of one that is gone", fd);
    close(fd);
    close(p[0]);
    fd = (int) syscall(SYS_pidfd_open, getpid(), 0);
    show("pidfd of ourselves", fd);
    close(fd);
}

static void counters(void)
{
    uint64_t n = UINT64_MAX - 1;
    sigset_t set;
    int fd = eventfd(0, EFD_NONBLOCK);
    show("eventfd 0", fd);
    (void) !write(fd, &n, sizeof(n));
    show("eventfd full", fd);
    close(fd);
    fd = eventfd(3, EFD_SEMAPHORE);
    show("eventfd 3", fd);
    close(fd);
    fd = timerfd_create(CLOCK_MONOTONIC, 0);
    show("timerfd not set", fd);
    struct itimerspec s = {.it_value = {0, 1}};
    timerfd_settime(fd, 0, &s, NULL);
    usleep(10000);
    show("timerfd over", fd);
    s.it_value.tv_sec = 1000;
    timerfd_settime(fd, 0, &s, NULL);
    show("timerfd set anew", fd);
    close(fd);
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    sigprocmask(SIG_BLOCK, &set, NULL);
    fd = signalfd(-1, &set, 0);
    show("signalfd", fd);
    raise(SIGUSR1);
    show("signalfd, one waits", fd);
    (void) !read(fd, buf, 128);
    close(fd);
    fd = inotify_init();
    show("inotify", fd);
    (void) !inotify_add_watch(fd, ".", IN_CREATE);
    (void) !close(open("news", O_CREAT | O_RDWR, 0600));
    show("inotify with news", fd);
    close(fd);
    fd = epoll_create1(0);
    show("epoll empty", fd);
    int ev = eventfd(1, 0);
    struct epoll_event e = {.events = EPOLLIN};
    epoll_ctl(fd, EPOLL_CTL_ADD, ev, &e);
    show("epoll with a ready one", fd);
    close(ev);
    show("epoll with one that is closed", fd);
    close(fd);
}

static void terminals(void)
{
    int zero = 0, m = open("/dev/ptmx", O_RDWR | O_NOCTTY), n = -1;
    char name[64];
    if (m < 0 || ioctl(m, TIOCSPTLCK, &zero) < 0 || ioctl(m, TIOCGPTN, &n) < 0) {
        printf("no terminals\n");
        return;
    }
    show("master alone", m);
    snprintf(name, sizeof(name), "/dev/pts/%d", n);
    int s = open(name, O_RDWR | O_NOCTTY);
    show("master", m);
    show("slave", s);
    (void) !write(m, "x", 1);
    show("slave, no line yet", s);
    (void) !write(m, "\n", 1);
    show("slave with a line", s);
    show("master with echo", m);
    close(s);
    show("master, slave gone", m);
    s = open(name, O_RDWR | O_NOCTTY);
    close(m);
    show("slave, master gone", s);
    close(s);
}

/* ---- the calls themselves ---- */

static void nothing(int signo)
{
    (void) signo;
}

static void *nowhere(void)
{
    return mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}

static void interrupted(void)
{
    struct sigaction sa = {.sa_handler = nothing, .sa_flags = SA_RESTART};
    struct itimerval it = {{0, 0}, {0, 20000}};
    struct timeval tv = {5, 0};
    struct timespec ts = {5, 0};
    struct epoll_event e;
    int ep = epoll_create1(0);
    sigaction(SIGALRM, &sa, NULL);
    for (int i = 0; i < 6; i++) {
        long r = 0;
        setitimer(ITIMER_REAL, &it, NULL);
        switch (i) {
        case 0:
            r = poll(NULL, 0, 5000);
            break;
        case 1:
            r = syscall(SYS_ppoll, NULL, 0, &ts, NULL, 8);
            break;
        case 2:
            r = select(0, NULL, NULL, NULL, &tv);
            break;
        case 3:
            ts = (struct timespec){5, 0};
            r = syscall(SYS_pselect6, 0, NULL, NULL, NULL, &ts, NULL);
            break;
        case 4:
            r = epoll_wait(ep, &e, 1, 5000);
            break;
        case 5:
            r = syscall(SYS_epoll_pwait2, ep, &e, 1, &(struct timespec){5, 0}, NULL, 8);
            break;
        }
        printf("interrupted %d: %s\n", i, said(r));
        printf(" left %d %d\n", tv.tv_sec == 4 && tv.tv_usec > 500000,
               ts.tv_sec == 4 && ts.tv_nsec > 500000000);
    }
    close(ep);
}

static void arguments(void)
{
    struct pollfd p[4] = {{-1, POLLIN, 77}, {-5, 0, 77}, {900, POLLIN, 77}, {1, POLLOUT, 77}};
    struct timespec bad = {0, 1000000000}, negative = {-1, 0}, soon = {0, 1000000}, zero = {0, 0};
    struct timeval tbad = {0, 1000001}, tneg = {0, -1};
    void *no = nowhere();
    struct rlimit few = {32, 4096}, old;
    long r = poll(p, 4, 0);
    printf("poll of odd ones: %s %x %x %x %x\n", said(r), p[0].revents, p[1].revents, p[2].revents,
           p[3].revents);
    printf("poll nowhere: %s %s\n", said(poll(no, 1, 0)), said(poll(no, 0, 0)));
    getrlimit(RLIMIT_NOFILE, &old);
    few.rlim_max = old.rlim_max;
    setrlimit(RLIMIT_NOFILE, &few);
    static struct pollfd many[40];
    for (int i = 0; i < 40; i++)
        many[i].fd = -1;
    printf("poll of as many as may be open: %s, one more: %s, nowhere: %s\n",
           said(poll(many, 32, 0)), said(poll(many, 33, 0)), said(poll(no, 33, 0)));
    setrlimit(RLIMIT_NOFILE, &old);
    printf("ppoll: %s %s %s %s %s\n", said(syscall(SYS_ppoll, NULL, 0, &bad, NULL, 8)),
           said(syscall(SYS_ppoll, NULL, 0, &negative, NULL, 8)),
           said(syscall(SYS_ppoll, NULL, 0, no, NULL, 8)),
           said(syscall(SYS_ppoll, NULL, 0, &soon, no, 8)),
           said(syscall(SYS_ppoll, NULL, 0, &soon, no, 4)));
    soon = (struct timespec){0, 1000000};
    r = syscall(SYS_ppoll, NULL, 0, &soon, NULL, 3);
    printf("ppoll over: %s left %ld %ld\n", said(r), (long) soon.tv_sec, soon.tv_nsec);
    fd_set set;
    FD_ZERO(&set);
    printf("select: %s %s %s %s %s\n", said(select(-1, NULL, NULL, NULL, NULL)),
           said(select(0, NULL, NULL, NULL, &tbad)), said(select(0, NULL, NULL, NULL, &tneg)),
           said(select(1, no, NULL, NULL, &(struct timeval){0, 0})),
           said(select(0, no, NULL, NULL, &(struct timeval){0, 0})));
    FD_SET(900, &set);
    printf("select of a closed one: %s\n",
           said(select(1000, &set, NULL, NULL, &(struct timeval){0, 0})));
    printf("select of a closed one beyond what is open: %s\n",
           said(syscall(SYS_select, 100000, buf, NULL, NULL, &(struct timeval){0, 0})));
    memset(buf, 0xff, 100);
    printf("select of many closed ones: %s\n",
           said(syscall(SYS_select, 800, buf, NULL, NULL, &(struct timeval){0, 0})));
    memset(buf, 0, 100);
    buf[99] = 1;
    r = syscall(SYS_select, 790, NULL, buf, NULL, &(struct timeval){0, 0});
    printf("select, a bit beyond n: %s %d\n", said(r), buf[99]);
    memset(buf, 0, 100);
    int high = fcntl(1, F_DUPFD, 3000) < 0 ? -1 : 3000;
    if (high > 0) {
        buf[high / 8] = (char) (1 << high % 8);
        printf("select beyond FD_SETSIZE: %s\n",
               said(syscall(SYS_select, high + 1, NULL, buf, NULL, &(struct timeval){0, 0})));
        close(high);
    }
    printf("pselect: %s %s %s\n", said(syscall(SYS_pselect6, 0, NULL, NULL, NULL, &bad, NULL)),
           said(syscall(SYS_pselect6, 0, NULL, NULL, NULL, &zero, no)),
           said(syscall(SYS_pselect6, -1, NULL, NULL, NULL, &zero, NULL)));
    struct {
        void *set;
        size_t len;
    } mask = {no, 8}, wrong = {buf, 4}, empty = {NULL, 4};
    printf("pselect masks: %s %s %s\n",
           said(syscall(SYS_pselect6, 0, NULL, NULL, NULL, &zero, &mask)),
           said(syscall(SYS_pselect6, 0, NULL, NULL, NULL, &zero, &wrong)),
           said(syscall(SYS_pselect6, 0, NULL, NULL, NULL, &zero, &empty)));
    int ep = epoll_create1(0), file = open("file", O_RDONLY);
    struct epoll_event e;
    printf("epoll_wait: %s %s %s %s %s %s\n", said(epoll_wait(ep, &e, 0, 0)),
           said(epoll_wait(ep, &e, -1, 0)), said(epoll_wait(ep, no, 1, 0)),
           said(epoll_wait(file, &e, 1, 0)), said(epoll_wait(900, &e, 1, 0)),
           said(epoll_wait(ep, (void *) -8l, 1, 0)));
    printf("epoll_pwait2: %s %s %s %s %s\n",
           said(syscall(SYS_epoll_pwait2, ep, &e, 1, &bad, NULL, 8)),
           said(syscall(SYS_epoll_pwait2, ep, &e, 1, &negative, NULL, 8)),
           said(syscall(SYS_epoll_pwait2, ep, &e, 1, no, NULL, 8)),
           said(syscall(SYS_epoll_pwait2, ep, &e, 1, &zero, no, 8)),
           said(syscall(SYS_epoll_pwait2, ep, &e, 1, &zero, buf, 4)));
    printf("epoll_ctl: %s %s %s %s\n", said(epoll_ctl(ep, EPOLL_CTL_ADD, file, &e)),
           said(epoll_ctl(file, EPOLL_CTL_ADD, ep, &e)), said(epoll_ctl(ep, EPOLL_CTL_ADD, ep, &e)),
           said(epoll_ctl(ep, EPOLL_CTL_ADD, 900, no)));
    printf("others: %s %s %s\n", said(syscall(SYS_pidfd_open, -1, 0)),
           said(syscall(SYS_epoll_create, 0)), said(syscall(SYS_epoll_create1, 1)));
    close(ep);
    close(file);
}

int main(void)
{
    char dir[] = "/tmp/readiness-XXXXXX";
    if (!mkdtemp(dir) || chdir(dir) < 0)
        return 2;
    close_range(3, ~0u, 0);
    signal(SIGPIPE, SIG_IGN);
    pipes();
    files();
    unix_sockets(SOCK_STREAM, "stream");
    unix_sockets(SOCK_DGRAM, "dgram");
    unix_sockets(SOCK_SEQPACKET, "seqpacket");
    tcp();
    processes();
    counters();
    terminals();
    interrupted();
    arguments();
    return fflush(stdout) == 0 ? 0 : 1;
}
