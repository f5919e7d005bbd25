/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Threads that sleep, one in each call that waits, and a thousand timers, watches and members of
 * epoll sets that have nothing to tell. Says "asleep" and stays so until it is killed: the runner
 * looks at how much processor time that costs.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <mqueue.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/msg.h>
#include <sys/resource.h>
#include <sys/select.h>
#include <sys/sem.h>
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

enum { MANY = 1000 };

static _Atomic int about; /* threads that are about to sleep */
static char buf[70000];

static int pipe_end(int i)
{
    int p[2];
    return pipe(p) == 0 ? p[i] : -1;
}

static int pair(int type)
{
    int sv[2];
    return socketpair(AF_UNIX, type, 0, sv) == 0 ? sv[0] : -1;
}

static int tcp(void)
{
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    return listen(fd, 1) == 0 ? fd : -1;
}

static int udp(void)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_DGRAM, 0);
    return bind(fd, (struct sockaddr *) &a, sizeof(a)) == 0 ? fd : -1;
}

static int listener(void)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    return bind(fd, (struct sockaddr *) &a, sizeof(sa_family_t)) == 0 && listen(fd, 1) == 0 ? fd
                                                                                            : -1;
}

static int far_timer(void)
{
    struct itimerspec s = {.it_value = {100000, 0}};
    int fd = timerfd_create(CLOCK_MONOTONIC, 0);
    return timerfd_settime(fd, 0, &s, NULL) == 0 ? fd : -1;
}

static int set_of_many(void)
{
    int ep = epoll_create1(0);
    for (int i = 0; i < MANY; i++) {
        struct epoll_event e = {.events = EPOLLIN | (i % 2 ? EPOLLET : 0u)};
        int fd = i % 3 ? far_timer() : i % 2 ? eventfd(0, 0) : udp();
        if (fd < 0 || epoll_ctl(ep, EPOLL_CTL_ADD, fd, &e) < 0)
            return -1;
    }
    return ep;
}

static int watches(void)
{
    char name[64], dir[] = "/tmp/idle-XXXXXX";
    int in = inotify_init();
    if (!mkdtemp(dir))
        return -1;
    for (int i = 0; i < MANY; i++) {
        snprintf(name, sizeof(name), "%s/%d", dir, i);
        if (mkdir(name, 0700) < 0 || inotify_add_watch(in, name, IN_ALL_EVENTS) < 0)
            return -1;
    }
    return in;
}

static void sleep_in_poll(int fd, int ms)
{
    struct pollfd p = {fd, POLLIN, 0};
    poll(&p, 1, ms);
}

static void sleep_in_select(int fd)
{
    struct timeval tv = {100000, 0};
    fd_set set;
    FD_ZERO(&set);
    if (fd >= FD_SETSIZE)
        abort();
    FD_SET(fd, &set);
    select(fd + 1, &set, NULL, NULL, &tv);
}

static void write_until_full(int fd)
{
    while (write(fd, buf, sizeof(buf)) > 0)
        ;
}

static void sleep_in_epoll(int ep, int ms)
{
    struct epoll_event e[8];
    epoll_wait(ep, e, 8, ms);
}

static void sleep_on_signals(void)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR2);
    sigwaitinfo(&set, NULL);
}

static void sleep_on_child(void)
{
    pid_t pid = fork();
    if (pid == 0) {
        pause();
        _exit(0);
    }
    waitpid(pid, NULL, 0);
}

static void *sleeper(void *arg)
{
    sigset_t set;
    static const struct timespec long_time = {100000, 0};
    uint32_t word = 0;
    struct sembuf down = {0, -1, 0};
    int what = (int) (intptr_t) arg, fd;
    sigemptyset(&set);
    switch (what) {
#define SLEEP(n, prepare, call) \
    case n:                     \
        prepare;                \
        about++;                \
        call;                   \
        break
        SLEEP(14, fd = pipe_end(0), (void) !read(fd, buf, 1));
        SLEEP(1, fd = pipe_end(1), write_until_full(fd));
        SLEEP(2, fd = pair(SOCK_STREAM), (void) !read(fd, buf, 1));
        SLEEP(3, fd = pair(SOCK_STREAM), write_until_full(fd));
        SLEEP(4, fd = pair(SOCK_DGRAM), recv(fd, buf, 1, 0));
        SLEEP(5, fd = listener(), accept(fd, NULL, NULL));
        SLEEP(6, fd = tcp(), accept(fd, NULL, NULL));
        SLEEP(7, fd = udp(), recv(fd, buf, 1, 0));
        SLEEP(8, fd = eventfd(0, 0), (void) !read(fd, buf, 8));
        SLEEP(9, fd = far_timer(), (void) !read(fd, buf, 8));
        SLEEP(10, fd = signalfd(-1, &set, 0),
              (void) !read(fd, buf, sizeof(struct signalfd_siginfo)));
        SLEEP(11, fd = watches(), (void) !read(fd, buf, 4096));
        SLEEP(12, fd = set_of_many(), sleep_in_epoll(fd, -1));
        SLEEP(13, fd = set_of_many(), sleep_in_poll(fd, 100000000));
        SLEEP(0, fd = pipe_end(0), sleep_in_select(fd));
        SLEEP(15, fd = udp(), sleep_in_poll(fd, -1));
        SLEEP(16, fd = epoll_create1(0), sleep_in_epoll(fd, 100000000));
        SLEEP(17, fd = 0, sleep_on_signals());
        SLEEP(18, fd = 0, sleep_on_child());
        SLEEP(19, fd = 0, nanosleep(&long_time, NULL));
        SLEEP(20, fd = 0, syscall(SYS_futex, &word, FUTEX_WAIT, 0, NULL, NULL, 0));
        SLEEP(21, fd = semget(IPC_PRIVATE, 1, 0600), semop(fd, &down, 1));
        SLEEP(22, fd = msgget(IPC_PRIVATE, 0600), msgrcv(fd, buf, 10, 0, 0));
        SLEEP(23, fd = 0, pause());
    default:
        return NULL;
    }
    if (fd < 0)
        perror("idle: no descriptor");
    else
        fprintf(stderr, "idle: sleeper %d woke up: errno %d\n", what, errno);
    exit(1);
}

int main(void)
{
    enum { SLEEPERS = 24 };
    sigset_t set;
    struct rlimit files;
    pthread_t t;
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    sigemptyset(&set);
    sigaddset(&set, SIGUSR2);
    sigprocmask(SIG_BLOCK, &set, NULL);
    for (intptr_t i = 0; i < SLEEPERS; i++) {
        if (pthread_create(&t, NULL, sleeper, (void *) i) != 0)
            return 1;
        while (about <= i)
            usleep(1000);
    }
    usleep(300000);
    puts("asleep");
    fflush(stdout);
    pause();
    return 0;
}
