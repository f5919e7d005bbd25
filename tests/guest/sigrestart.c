/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a handler does to a waiting call: the two lists of signal(7), "Interruption of system
 * calls", each call with and without SA_RESTART, and what a stop does to it.
 */
#include "guest.h"
#include <linux/futex.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/select.h>
#include <sys/signalfd.h>
#include <sys/time.h>
#include <sys/timerfd.h>
#include <sys/uio.h>

static volatile int hits;

static void count(int sig)
{
    (void) sig;
    hits++;
}

static void ticks_in(int ms, int flags)
{
    struct sigaction sa = {.sa_handler = count, .sa_flags = flags};
    struct itimerval v = {.it_value = {.tv_usec = ms * 1000}};
    hits = 0;
    CHECK_EQ(sigaction(SIGALRM, &sa, NULL), 0);
    CHECK_EQ(setitimer(ITIMER_REAL, &v, NULL), 0);
}

/* A child that does something after a while, so that a restarted call ends. */
static pid_t after(int ms, void (*fn)(void))
{
    pid_t pid = (pid_t) CHECK_OK(fork());
    if (pid == 0) {
        struct itimerval none = {0};
        setitimer(ITIMER_REAL, &none, NULL);
        sleep_ms(ms);
        fn();
        _exit(0);
    }
    return pid;
}

static int p[2], file_fd;
static uint32_t *word;
static char buf[70000];

static void feed(void)
{
    if (write(p[1], "x", 1) != 1)
        _exit(1);
}

static void drain(void)
{
    if (read(p[0], buf, sizeof(buf)) <= 0)
        _exit(1);
}

/* The call ends with EINTR without SA_RESTART; with it, it goes on until `release` lets it end. */
static void restartable(const char *what, long (*call)(void), void (*release)(void), long want)
{
    ticks_in(30, 0);
    errno = 0;
    long r = call();
    if (r != -1 || errno != EINTR || hits != 1)
        FAIL("%s without SA_RESTART: %ld errno %d, %d signals", what, r, errno, hits);
    ticks_in(30, SA_RESTART);
    pid_t pid = after(80, release);
    errno = 0;
    r = call();
    if (r != want || hits != 1)
        FAIL("%s with SA_RESTART: %ld errno %d, %d signals", what, r, errno, hits);
    CHECK_EXIT(pid, 0);
}

/* EINTR whatever the flags say. */
static void never_restarted(const char *what, long (*call)(void))
{
    for (int i = 0; i < 2; i++) {
        ticks_in(30, i ? SA_RESTART : 0);
        errno = 0;
        long r = call();
        if (r != -1 || errno != EINTR || hits != 1)
            FAIL("%s, flags %d: %ld errno %d, %d signals", what, i, r, errno, hits);
    }
}

static long call_read(void)
{
    return read(p[0], buf, 1);
}

static long call_readv(void)
{
    struct iovec v = {buf, 1};
    return readv(p[0], &v, 1);
}

CASE(pipe_reads)
{
    CHECK_EQ(pipe(p), 0);
    restartable("read", call_read, feed, 1);
    restartable("readv", call_readv, feed, 1);
}

static long call_write(void)
{
    return write(p[1], buf, 4096);
}

static long call_writev(void)
{
    struct iovec v[2] = {{buf, 2048}, {buf, 2048}};
    return writev(p[1], v, 2);
}

CASE(pipe_writes)
{
    CHECK_EQ(pipe(p), 0);
    CHECK_EQ(fcntl(p[1], F_SETPIPE_SZ, 4096), 4096);
    CHECK_EQ(write(p[1], buf, 4096), 4096);
    restartable("write", call_write, drain, 4096);
    restartable("writev", call_writev, drain, 4096);
}

/* A transfer that has begun tells how far it came, and is no error. */
CASE(partial_write)
{
    CHECK_EQ(pipe(p), 0);
    long cap = CHECK_OK(fcntl(p[1], F_SETPIPE_SZ, 4096));
    for (int i = 0; i < 2; i++) {
        ticks_in(30, i ? SA_RESTART : 0);
        CHECK_EQ(write(p[1], buf, sizeof(buf)), cap);
        CHECK_EQ(hits, 1);
        CHECK_EQ(read(p[0], buf, sizeof(buf)), cap);
    }
}

static long call_wait4(void)
{
    int st;
    pid_t r = waitpid(-1, &st, 0);
    return r > 0 ? 1 : r;
}

static long call_waitid(void)
{
    siginfo_t si;
    return waitid(P_ALL, 0, &si, WEXITED);
}

static pid_t sleeper(int ms)
{
    pid_t pid = (pid_t) CHECK_OK(fork());
    if (pid == 0) {
        sleep_ms(ms);
        _exit(0);
    }
    return pid;
}

CASE(waits)
{
    long (*const calls[])(void) = {call_wait4, call_waitid};
    for (int i = 0; i < 2; i++) {
        pid_t pid = sleeper(150);
        ticks_in(30, 0);
        CHECK_ERR(calls[i](), EINTR);
        ticks_in(30, SA_RESTART);
        CHECK(calls[i]() >= 0);
        CHECK_EQ(hits, 1);
        (void) pid;
    }
}

static long call_flock(void)
{
    return flock(file_fd, LOCK_EX);
}

static struct flock whole(int type)
{
    return (struct flock){.l_type = (short) type, .l_whence = SEEK_SET};
}

static long call_setlkw(void)
{
    struct flock l = whole(F_WRLCK);
    return fcntl(file_fd, F_SETLKW, &l);
}

static long call_ofd_setlkw(void)
{
    struct flock l = whole(F_WRLCK);
    return fcntl(file_fd, F_OFD_SETLKW, &l);
}

/* A holder of the lock that lets it go after ms. */
static pid_t holder(int how, int ms)
{
    int ready[2];
    char c;
    CHECK_EQ(pipe(ready), 0);
    pid_t pid = (pid_t) CHECK_OK(fork());
    if (pid == 0) {
        int fd = open("lock", O_RDWR);
        struct flock l = whole(F_WRLCK);
        int r = how == 0 ? flock(fd, LOCK_EX) : fcntl(fd, how == 1 ? F_SETLK : F_OFD_SETLK, &l);
        if (r || write(ready[1], "x", 1) != 1)
            _exit(1);
        sleep_ms(ms);
        _exit(0);
    }
    CHECK_EQ(read(ready[0], &c, 1), 1);
    close(ready[0]);
    close(ready[1]);
    return pid;
}

CASE(file_locks)
{
    long (*const calls[])(void) = {call_flock, call_setlkw, call_ofd_setlkw};
    put_file("lock", "", 0666);
    for (int i = 0; i < 3; i++) {
        pid_t pid = holder(i, 200);
        file_fd = (int) CHECK_OK(open("lock", O_RDWR));
        ticks_in(30, 0);
        CHECK_ERR(calls[i](), EINTR);
        ticks_in(30, SA_RESTART);
        CHECK_EQ(calls[i](), 0);
        CHECK_EQ(hits, 1);
        CHECK_EXIT(pid, 0);
        close(file_fd);
    }
}

static long call_open(void)
{
    int fd = open("fifo", O_RDONLY);
    if (fd < 0)
        return -1;
    close(fd);
    return 0;
}

static void open_other_end(void)
{
    if (open("fifo", O_WRONLY) < 0)
        _exit(1);
}

CASE(open_of_a_fifo)
{
    CHECK_EQ(mkfifo("fifo", 0666), 0);
    restartable("open", call_open, open_other_end, 0);
}

static long call_futex(void)
{
    return syscall(SYS_futex, word, FUTEX_WAIT, 0, NULL, NULL, 0);
}

static long call_futex_bitset(void)
{
    return syscall(SYS_futex, word, FUTEX_WAIT_BITSET, 0, NULL, NULL, 1);
}

static void wake_word(void)
{
    syscall(SYS_futex, word, FUTEX_WAKE, 1);
}

static long call_futex_timed(void)
{
    struct timespec ts = {3, 0};
    return syscall(SYS_futex, word, FUTEX_WAIT, 0, &ts, NULL, 0);
}

static void *shared(void)
{
    return CHECK_MAP(mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
}

CASE(futexes)
{
    word = shared();
    restartable("futex", call_futex, wake_word, 0);
    restartable("futex bitset", call_futex_bitset, wake_word, 0);
    never_restarted("futex with a timeout", call_futex_timed);
}

static sem_t *sem;

static long call_sem_wait(void)
{
    return sem_wait(sem);
}

static void post(void)
{
    sem_post(sem);
}

CASE(semaphores)
{
    sem = shared();
    CHECK_EQ(sem_init(sem, 1, 0), 0);
    restartable("sem_wait", call_sem_wait, post, 0);
}

static uint64_t eight;

static long call_read_eight(void)
{
    return read(file_fd, &eight, 8);
}

static void post_event(void)
{
    uint64_t one = 1;
    if (write(file_fd, &one, 8) != 8)
        _exit(1);
}

CASE(eventfd_reads)
{
    file_fd = (int) CHECK_OK(eventfd(0, 0));
    restartable("eventfd", call_read_eight, post_event, 8);
}

CASE(timerfd_reads)
{
    struct itimerspec v = {.it_value = {0, 150000000}};
    file_fd = (int) CHECK_OK(timerfd_create(CLOCK_MONOTONIC, 0));
    CHECK_EQ(timerfd_settime(file_fd, 0, &v, NULL), 0);
    ticks_in(30, 0);
    CHECK_ERR(call_read_eight(), EINTR);
    ticks_in(30, SA_RESTART);
    CHECK_EQ(call_read_eight(), 8);
    CHECK_EQ(hits, 1);
}

static long call_nanosleep(void)
{
    struct timespec ts = {3, 0};
    return nanosleep(&ts, NULL);
}

static long call_clock_nanosleep(void)
{
    struct timespec ts = {3, 0};
    int r = clock_nanosleep(CLOCK_MONOTONIC, 0, &ts, NULL);
    errno = r;
    return r ? -1 : 0;
}

static long call_clock_nanosleep_abs(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_REALTIME, &ts);
    ts.tv_sec += 3;
    int r = clock_nanosleep(CLOCK_REALTIME, TIMER_ABSTIME, &ts, NULL);
    errno = r;
    return r ? -1 : 0;
}

static long call_usleep(void)
{
    return usleep(3000000);
}

CASE(sleeps)
{
    never_restarted("nanosleep", call_nanosleep);
    never_restarted("clock_nanosleep", call_clock_nanosleep);
    never_restarted("usleep", call_usleep);
    /* An absolute one would be restarted by the kernel only without a handler. */
    never_restarted("clock_nanosleep to a time", call_clock_nanosleep_abs);
}

static struct pollfd none;

static long call_poll(void)
{
    return poll(&none, 0, 3000);
}

static long call_poll_for_ever(void)
{
    return poll(&none, 0, -1);
}

static long call_ppoll(void)
{
    struct timespec ts = {3, 0};
    return ppoll(&none, 0, &ts, NULL);
}

static long call_select(void)
{
    struct timeval tv = {3, 0};
    return select(0, NULL, NULL, NULL, &tv);
}

static long call_pselect(void)
{
    struct timespec ts = {3, 0};
    sigset_t s;
    sigemptyset(&s);
    return pselect(0, NULL, NULL, NULL, &ts, &s);
}

static long call_epoll_wait(void)
{
    struct epoll_event e;
    return epoll_wait(file_fd, &e, 1, 3000);
}

static long call_epoll_pwait(void)
{
    struct epoll_event e;
    sigset_t s;
    sigemptyset(&s);
    return epoll_pwait(file_fd, &e, 1, -1, &s);
}

CASE(multiplexing)
{
    file_fd = (int) CHECK_OK(epoll_create1(0));
    never_restarted("poll", call_poll);
    never_restarted("poll without end", call_poll_for_ever);
    never_restarted("ppoll", call_ppoll);
    never_restarted("select", call_select);
    never_restarted("pselect", call_pselect);
    never_restarted("epoll_wait", call_epoll_wait);
    never_restarted("epoll_pwait", call_epoll_pwait);
}

static long call_sigtimedwait(void)
{
    struct timespec ts = {3, 0};
    sigset_t s;
    sigemptyset(&s);
    sigaddset(&s, SIGUSR1);
    return sigtimedwait(&s, NULL, &ts);
}

static long call_sigwaitinfo(void)
{
    sigset_t s;
    sigemptyset(&s);
    sigaddset(&s, SIGUSR1);
    return sigwaitinfo(&s, NULL);
}

static long call_sigsuspend(void)
{
    sigset_t s;
    sigemptyset(&s);
    return sigsuspend(&s);
}

static long call_pause(void)
{
    return pause();
}

CASE(waiting_for_signals)
{
    never_restarted("sigtimedwait", call_sigtimedwait);
    never_restarted("sigwaitinfo", call_sigwaitinfo);
    never_restarted("sigsuspend", call_sigsuspend);
    never_restarted("pause", call_pause);
}

CASE(signalfd_reads)
{
    sigset_t s;
    struct signalfd_siginfo si;
    sigemptyset(&s);
    sigaddset(&s, SIGUSR2);
    CHECK_EQ(sigprocmask(SIG_BLOCK, &s, NULL), 0);
    int fd = (int) CHECK_OK(signalfd(-1, &s, 0));
    ticks_in(30, 0);
    CHECK_ERR(read(fd, &si, sizeof(si)), EINTR);
    pid_t me = getpid(), pid = (pid_t) CHECK_OK(fork());
    if (pid == 0) {
        sleep_ms(80);
        kill(me, SIGUSR2);
        _exit(0);
    }
    ticks_in(30, SA_RESTART);
    CHECK_EQ(read(fd, &si, sizeof(si)), sizeof(si));
    CHECK_EQ(hits, 1);
    CHECK_EQ(si.ssi_pid, pid);
    CHECK_EXIT(pid, 0);
}

/* ---- the time that is left ---- */

static long left_ms(struct timespec ts)
{
    return ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

CASE(remaining_time)
{
    struct timespec ts = {1, 0}, rem = {9, 9};
    ticks_in(100, SA_RESTART);
    CHECK_ERR(nanosleep(&ts, &rem), EINTR);
    CHECK(left_ms(rem) > 500 && left_ms(rem) <= 900);
    ticks_in(100, 0);
    rem = (struct timespec){9, 9};
    CHECK_EQ(clock_nanosleep(CLOCK_MONOTONIC, 0, &ts, &rem), EINTR);
    CHECK(left_ms(rem) > 500 && left_ms(rem) <= 900);
    /* With an absolute time nothing is written. */
    struct timespec at;
    clock_gettime(CLOCK_MONOTONIC, &at);
    at.tv_sec += 1;
    rem = (struct timespec){9, 9};
    ticks_in(50, 0);
    CHECK_EQ(clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, &rem), EINTR);
    CHECK(rem.tv_sec == 9 && rem.tv_nsec == 9);
    /* ppoll(2)'s system call counts its timeout down, select(2) too. */
    struct timeval tv = {1, 0};
    ticks_in(100, 0);
    CHECK_ERR(select(0, NULL, NULL, NULL, &tv), EINTR);
    CHECK(tv.tv_sec == 0 && tv.tv_usec > 500000 && tv.tv_usec <= 900000);
    ts = (struct timespec){1, 0};
    ticks_in(100, 0);
    CHECK_ERR(syscall(SYS_ppoll, NULL, 0, &ts, NULL, 8), EINTR);
    CHECK(left_ms(ts) > 500 && left_ms(ts) <= 900);
}

CASE(sleep_errors)
{
    struct timespec bad = {0, 1000000000}, neg = {-1, 0}, zero = {0, 0};
    CHECK_ERR(nanosleep(&bad, NULL), EINVAL);
    CHECK_ERR(nanosleep(&neg, NULL), EINVAL);
    CHECK_ERR(syscall(SYS_nanosleep, 8, NULL), EFAULT);
    CHECK_EQ(nanosleep(&zero, NULL), 0);
    CHECK_EQ(clock_nanosleep(CLOCK_MONOTONIC, 0, &bad, NULL), EINVAL);
    CHECK_EQ(clock_nanosleep(CLOCK_THREAD_CPUTIME_ID, 0, &zero, NULL), EINVAL);
    CHECK_EQ(clock_nanosleep(99, 0, &zero, NULL), EINVAL);
    CHECK_EQ(clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &zero, NULL), 0);
}

/* ---- stopped and continued without any handler ---- */

static void stop_and_continue(const char *what, long (*call)(void), long want, int want_errno,
                              int least_ms)
{
    int st;
    pid_t pid = (pid_t) CHECK_OK(fork());
    if (pid == 0) {
        uint64_t from = now_ns();
        errno = 0;
        long r = call();
        if (r != want || (r < 0 && errno != want_errno)) {
            printf("# %s: %ld errno %d\n", what, r, errno);
            fflush(stdout);
            _exit(1);
        }
        _exit(now_ns() - from >= (uint64_t) least_ms * 1000000 ? 0 : 2);
    }
    sleep_ms(50);
    kill(pid, SIGSTOP);
    CHECK_EQ(waitpid(pid, &st, WUNTRACED), pid);
    CHECK(WIFSTOPPED(st));
    sleep_ms(30);
    kill(pid, SIGCONT);
    CHECK_EXIT(pid, 0);
}

static long short_nanosleep(void)
{
    struct timespec ts = {0, 250000000};
    return nanosleep(&ts, NULL);
}

static long short_poll(void)
{
    return poll(&none, 0, 250);
}

static long short_select(void)
{
    struct timeval tv = {0, 250000};
    return select(0, NULL, NULL, NULL, &tv);
}

static long short_futex(void)
{
    static uint32_t w;
    struct timespec ts = {0, 250000000};
    return syscall(SYS_futex, &w, FUTEX_WAIT_PRIVATE, 0, &ts);
}

static long short_epoll(void)
{
    struct epoll_event e;
    return epoll_wait(file_fd, &e, 1, 250);
}

static long short_sigtimedwait(void)
{
    struct timespec ts = {0, 250000000};
    sigset_t s;
    sigemptyset(&s);
    sigaddset(&s, SIGUSR1);
    return sigtimedwait(&s, NULL, &ts);
}

static long timerfd_read(void)
{
    struct itimerspec v = {.it_value = {0, 200000000}};
    int fd = timerfd_create(CLOCK_MONOTONIC, 0);
    timerfd_settime(fd, 0, &v, NULL);
    return read(fd, &eight, 8);
}

CASE(stops)
{
    file_fd = (int) CHECK_OK(epoll_create1(0));
    stop_and_continue("nanosleep", short_nanosleep, 0, 0, 250);
    stop_and_continue("poll", short_poll, 0, 0, 250);
    stop_and_continue("select", short_select, 0, 0, 250);
    stop_and_continue("futex", short_futex, -1, ETIMEDOUT, 250);
    stop_and_continue("read", timerfd_read, 8, 0, 200);
    /* these two end */
    stop_and_continue("epoll_wait", short_epoll, -1, EINTR, 50);
    stop_and_continue("sigtimedwait", short_sigtimedwait, -1, EINTR, 50);
}

/* ---- a temporary mask ---- */

static volatile int in_handler_blocked;

static void look_at_mask(int sig)
{
    sigset_t s;
    (void) sig;
    sigprocmask(SIG_SETMASK, NULL, &s);
    in_handler_blocked = sigismember(&s, SIGUSR1);
    hits++;
}

CASE(the_mask_of_a_call)
{
    sigset_t usr1, empty, now;
    struct timespec ts = {3, 0};
    struct epoll_event e;
    struct sigaction sa = {.sa_handler = look_at_mask};
    int ep = (int) CHECK_OK(epoll_create1(0));
    sigemptyset(&empty);
    sigemptyset(&usr1);
    sigaddset(&usr1, SIGUSR1);
    CHECK_EQ(sigaction(SIGUSR1, &sa, NULL), 0);
    CHECK_EQ(sigprocmask(SIG_BLOCK, &usr1, NULL), 0);
    for (int i = 0; i < 4; i++) {
        hits = 0;
        in_handler_blocked = 0;
        CHECK_EQ(kill(getpid(), SIGUSR1), 0);
        CHECK_EQ(hits, 0);
        errno = 0;
        long r = i == 0   ? ppoll(NULL, 0, &ts, &empty)
                 : i == 1 ? pselect(0, NULL, NULL, NULL, &ts, &empty)
                 : i == 2 ? epoll_pwait(ep, &e, 1, 3000, &empty)
                          : sigsuspend(&empty);
        CHECK(r == -1 && errno == EINTR);
        CHECK_EQ(hits, 1);
        CHECK(in_handler_blocked); /* by the handler's own mask */
        CHECK_EQ(sigprocmask(SIG_SETMASK, NULL, &now), 0);
        CHECK(sigismember(&now, SIGUSR1)); /* and the old one is back */
    }
    /* Ready at once: no signal is taken on the way. */
    CHECK_EQ(kill(getpid(), SIGUSR1), 0);
    int fds[2];
    CHECK_EQ(pipe(fds), 0);
    CHECK_EQ(write(fds[1], "x", 1), 1);
    struct pollfd pf = {.fd = fds[0], .events = POLLIN};
    hits = 0;
    CHECK_EQ(ppoll(&pf, 1, &ts, &empty), 1);
    CHECK_EQ(hits, 0);
}

GUEST_MAIN
