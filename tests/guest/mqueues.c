/* SPDX-License-Identifier: Apache-2.0 */
/* POSIX message queues: mq_overview(7). */
#include "guest.h"
#include <mqueue.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/resource.h>

static char name[64];

static mqd_t fresh(int flags, long maxmsg, long msgsize)
{
    struct mq_attr a = {.mq_maxmsg = maxmsg, .mq_msgsize = msgsize};
    snprintf(name, sizeof(name), "/cloister-test-%d", getpid());
    mqd_t q = mq_open(name, O_CREAT | O_EXCL | flags, 0600, &a);
    if (q < 0)
        FAIL("mq_open: errno %d %s", errno, strerrorname_np(errno));
    return q;
}

static struct timespec in_ms(long ms)
{
    struct timespec ts;
    clock_gettime(CLOCK_REALTIME, &ts);
    ts.tv_nsec += ms * 1000000;
    ts.tv_sec += ts.tv_nsec / 1000000000;
    ts.tv_nsec %= 1000000000;
    return ts;
}

static const char *receive(mqd_t q, unsigned *prio)
{
    static char text[9000];
    memset(text, 0, sizeof(text));
    ssize_t n = mq_receive(q, text, sizeof(text), prio);
    return n < 0 ? strerrorname_np(errno) : text;
}

CASE(open_and_unlink)
{
    mqd_t q = fresh(O_RDWR, 5, 100);
    struct mq_attr a;
    CHECK_ERR(mq_open(name, O_CREAT | O_EXCL | O_RDWR, 0600, NULL), EEXIST);
    mqd_t again = mq_open(name, O_CREAT | O_RDONLY, 0600, NULL);
    CHECK(again >= 0);
    CHECK_EQ(mq_getattr(again, &a), 0);
    CHECK_EQ(a.mq_maxmsg, 5);
    CHECK_EQ(a.mq_msgsize, 100);
    CHECK_EQ(a.mq_curmsgs, 0);
    CHECK_EQ(a.mq_flags, 0);
    CHECK_EQ(fcntl(q, F_GETFD), FD_CLOEXEC);
    CHECK_EQ(mq_unlink(name), 0);
    CHECK_ERR(mq_unlink(name), ENOENT);
    CHECK_ERR(mq_open(name, O_RDWR), ENOENT);
    /* What is open lives on. */
    CHECK_EQ(mq_send(q, "x", 1, 0), 0);
    CHECK_STR(receive(again, NULL), "x");
    CHECK_EQ(mq_close(q), 0);
    CHECK_ERR(mq_close(q), EBADF);
    CHECK_EQ(mq_close(again), 0);
}

CASE(open_errors)
{
    char longname[300];
    struct mq_attr a = {.mq_maxmsg = 0, .mq_msgsize = 10};
    snprintf(name, sizeof(name), "/cloister-err-%d", getpid());
    CHECK_ERR(mq_open("noslash", O_CREAT | O_RDWR, 0600, NULL), EINVAL);
    CHECK_ERR(mq_open("/a/b", O_CREAT | O_RDWR, 0600, NULL), EACCES);
    CHECK_ERR(mq_open("/", O_CREAT | O_RDWR, 0600, NULL), ENOENT);
    memset(longname, 'n', sizeof(longname));
    longname[0] = '/';
    longname[299] = 0;
    CHECK_ERR(mq_open(longname, O_CREAT | O_RDWR, 0600, NULL), ENAMETOOLONG);
    CHECK_ERR(mq_open(name, O_CREAT | O_RDWR, 0600, &a), EINVAL);
    a.mq_maxmsg = -1;
    CHECK_ERR(mq_open(name, O_CREAT | O_RDWR, 0600, &a), EINVAL);
    a.mq_maxmsg = 5;
    a.mq_msgsize = 0;
    CHECK_ERR(mq_open(name, O_CREAT | O_RDWR, 0600, &a), EINVAL);
    a.mq_msgsize = 1 << 25;
    CHECK_ERR(mq_open(name, O_CREAT | O_RDWR, 0600, &a), EINVAL);
    CHECK_ERR(mq_open(name, O_RDWR), ENOENT);
    CHECK_ERR(syscall(SYS_mq_open, (char *) 8, O_RDWR, 0, NULL), EFAULT);
    CHECK_ERR(syscall(SYS_mq_open, "x", O_RDWR | O_CREAT, 0600, (void *) 8), EFAULT);
}

CASE(priorities)
{
    mqd_t q = fresh(O_RDWR, 6, 100);
    unsigned prio;
    CHECK_EQ(mq_send(q, "low", 3, 1), 0);
    CHECK_EQ(mq_send(q, "high", 4, 9), 0);
    CHECK_EQ(mq_send(q, "low2", 4, 1), 0);
    CHECK_EQ(mq_send(q, "high2", 5, 9), 0);
    CHECK_EQ(mq_send(q, "most", 4, 32767), 0);
    CHECK_ERR(mq_send(q, "x", 1, 32768), EINVAL);
    CHECK_STR(receive(q, &prio), "most");
    CHECK_EQ(prio, 32767);
    CHECK_STR(receive(q, &prio), "high");
    CHECK_STR(receive(q, &prio), "high2");
    CHECK_EQ(prio, 9);
    CHECK_STR(receive(q, &prio), "low");
    CHECK_STR(receive(q, &prio), "low2");
    CHECK_EQ(prio, 1);
    mq_unlink(name);
}

CASE(send_and_receive_errors)
{
    mqd_t q = fresh(O_RDWR | O_NONBLOCK, 2, 10), r = mq_open(name, O_RDONLY),
          w = mq_open(name, O_WRONLY);
    char buf[100];
    int fd = open("/dev/null", O_RDWR);
    CHECK_ERR(mq_send(q, "01234567890", 11, 0), EMSGSIZE);
    CHECK_ERR(mq_send(q, (void *) 8, 5, 0), EFAULT);
    CHECK_ERR(mq_send(r, "x", 1, 0), EBADF);
    CHECK_ERR(mq_send(fd, "x", 1, 0), EBADF);
    CHECK_ERR(mq_send(-1, "x", 1, 0), EBADF);
    CHECK_ERR(mq_receive(q, buf, 9, NULL), EMSGSIZE);
    CHECK_ERR(mq_receive(w, buf, 100, NULL), EBADF);
    CHECK_ERR(mq_receive(fd, buf, 100, NULL), EBADF);
    CHECK_ERR(mq_receive(q, buf, 100, NULL), EAGAIN);
    CHECK_EQ(mq_send(q, "", 0, 0), 0);
    CHECK_EQ(mq_send(q, "0123456789", 10, 0), 0);
    CHECK_ERR(mq_send(q, "x", 1, 0), EAGAIN);
    CHECK_EQ(mq_receive(q, buf, 10, NULL), 0);
    CHECK_EQ(mq_receive(q, buf, 100, NULL), 10);
    struct mq_attr a;
    CHECK_ERR(mq_getattr(fd, &a), EBADF);
    mq_unlink(name);
}

CASE(attributes)
{
    mqd_t q = fresh(O_RDWR, 3, 10);
    struct mq_attr a, old;
    CHECK_EQ(mq_send(q, "x", 1, 0), 0);
    a = (struct mq_attr){.mq_flags = O_NONBLOCK, .mq_maxmsg = 99};
    CHECK_EQ(mq_setattr(q, &a, &old), 0);
    CHECK_EQ(old.mq_flags, 0);
    CHECK_EQ(old.mq_curmsgs, 1);
    CHECK_EQ(mq_getattr(q, &a), 0);
    CHECK_EQ(a.mq_flags, O_NONBLOCK);
    CHECK_EQ(a.mq_maxmsg, 3);
    a.mq_flags = O_APPEND;
    CHECK_ERR(mq_setattr(q, &a, NULL), EINVAL);
    a.mq_flags = 0;
    CHECK_EQ(mq_setattr(q, &a, NULL), 0);
    CHECK_EQ(fcntl(q, F_GETFL) & O_NONBLOCK, 0);
    mq_unlink(name);
}

CASE(time_limits)
{
    mqd_t q = fresh(O_RDWR, 1, 10);
    char buf[10];
    struct timespec ts = in_ms(50), bad = {0, 1000000000}, past = {1, 0};
    uint64_t start = now_ns();
    CHECK_ERR(mq_timedreceive(q, buf, 10, NULL, &ts), ETIMEDOUT);
    CHECK(now_ns() - start >= 45000000);
    CHECK_ERR(mq_timedreceive(q, buf, 10, NULL, &past), ETIMEDOUT);
    CHECK_ERR(mq_timedreceive(q, buf, 10, NULL, &bad), EINVAL);
    CHECK_EQ(mq_timedsend(q, "x", 1, 0, &past), 0);
    ts = in_ms(50);
    CHECK_ERR(mq_timedsend(q, "x", 1, 0, &ts), ETIMEDOUT);
    CHECK_ERR(mq_timedsend(q, "x", 1, 0, &bad), EINVAL);
    mq_unlink(name);
}

CASE(between_processes)
{
    mqd_t q = fresh(O_RDWR, 2, 16);
    pid_t pid = fork();
    if (pid == 0) {
        for (int i = 0; i < 200; i++) {
            int v;
            char buf[16];
            CHECK_EQ(mq_receive(q, buf, 16, NULL), 4);
            memcpy(&v, buf, 4);
            CHECK_EQ(v, i);
        }
        _exit(0);
    }
    for (int i = 0; i < 200; i++)
        CHECK_EQ(mq_send(q, (char *) &i, 4, 0), 0);
    CHECK_EXIT(pid, 0);
    mq_unlink(name);
}

static volatile siginfo_t got;
static volatile int n_got;
static void on_signal(int signo, siginfo_t *si, void *ctx)
{
    (void) signo;
    (void) ctx;
    got = *si;
    n_got++;
}

static void catch (int signo, int flags)
{
    struct sigaction sa = {.sa_sigaction = on_signal, .sa_flags = SA_SIGINFO | flags};
    CHECK_EQ(sigaction(signo, &sa, NULL), 0);
}

CASE(signals_interrupt)
{
    mqd_t q = fresh(O_RDWR, 1, 10);
    char buf[10];
    catch (SIGALRM, 0);
    timer_t id;
    struct sigevent ev = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGALRM};
    struct itimerspec its = {{0, 50000000}, {0, 50000000}};
    CHECK_EQ(timer_create(CLOCK_MONOTONIC, &ev, &id), 0);
    CHECK_EQ(timer_settime(id, 0, &its, NULL), 0);
    CHECK_ERR(mq_receive(q, buf, 10, NULL), EINTR);
    catch (SIGALRM, SA_RESTART);
    CHECK_EQ(timer_settime(id, 0, &its, NULL), 0);
    struct timespec ts = in_ms(200);
    CHECK_ERR(mq_timedreceive(q, buf, 10, NULL, &ts), ETIMEDOUT);
    CHECK(n_got >= 2);
    mq_unlink(name);
}

CASE(notification_by_signal)
{
    mqd_t q = fresh(O_RDWR, 5, 10);
    struct sigevent ev = {.sigev_notify = SIGEV_SIGNAL,
                          .sigev_signo = SIGUSR1,
                          .sigev_value.sival_int = 4711};
    catch (SIGUSR1, 0);
    CHECK_EQ(mq_notify(q, &ev), 0);
    CHECK_ERR(mq_notify(q, &ev), EBUSY);
    CHECK_EQ(mq_send(q, "a", 1, 0), 0);
    CHECK_EQ(n_got, 1);
    CHECK_EQ(got.si_code, SI_MESGQ);
    CHECK_EQ(got.si_pid, getpid());
    CHECK_EQ(got.si_uid, getuid());
    CHECK_EQ(got.si_value.sival_int, 4711);
    /* Once only, and only for an empty queue. */
    CHECK_EQ(mq_notify(q, &ev), 0);
    CHECK_EQ(mq_send(q, "b", 1, 0), 0);
    CHECK_EQ(n_got, 1);
    CHECK_STR(receive(q, NULL), "a");
    CHECK_STR(receive(q, NULL), "b");
    CHECK_EQ(mq_notify(q, NULL), 0);
    CHECK_EQ(mq_send(q, "c", 1, 0), 0);
    CHECK_EQ(n_got, 1);
    ev.sigev_signo = 65;
    CHECK_ERR(mq_notify(q, &ev), EINVAL);
    ev.sigev_notify = 99;
    CHECK_ERR(syscall(SYS_mq_notify, q, &ev), EINVAL);
    mq_unlink(name);
}

CASE(notification_belongs_to_a_process)
{
    mqd_t q = fresh(O_RDWR, 5, 10);
    struct sigevent ev = {.sigev_notify = SIGEV_NONE};
    pid_t pid = fork();
    if (pid == 0) {
        CHECK_EQ(mq_notify(q, &ev), 0);
        _exit(0);
    }
    CHECK_EXIT(pid, 0);
    CHECK_EQ(mq_notify(q, &ev), 0); /* its end has freed it */
    pid = fork();
    if (pid == 0) {
        CHECK_ERR(mq_notify(q, &ev), EBUSY);
        CHECK_EQ(mq_notify(q, NULL), 0); /* not ours: nothing happens */
        CHECK_ERR(mq_notify(q, &ev), EBUSY);
        _exit(0);
    }
    CHECK_EXIT(pid, 0);
    mqd_t other = mq_open(name, O_RDWR);
    CHECK_EQ(mq_close(other), 0); /* any descriptor of it will do */
    CHECK_EQ(mq_notify(q, &ev), 0);
    mq_unlink(name);
}

CASE(poll_and_epoll)
{
    mqd_t q = fresh(O_RDWR, 1, 10);
    struct pollfd p = {.fd = q, .events = POLLIN | POLLOUT};
    CHECK_EQ(poll(&p, 1, 0), 1);
    CHECK_EQ(p.revents, POLLOUT);
    CHECK_EQ(mq_send(q, "x", 1, 0), 0);
    CHECK_EQ(poll(&p, 1, 0), 1);
    CHECK_EQ(p.revents, POLLIN);
    CHECK_STR(receive(q, NULL), "x");
    int ep = epoll_create1(0);
    struct epoll_event ev = {.events = EPOLLIN};
    CHECK_EQ(epoll_ctl(ep, EPOLL_CTL_ADD, q, &ev), 0);
    CHECK_EQ(epoll_wait(ep, &ev, 1, 0), 0);
    pid_t pid = fork();
    if (pid == 0) {
        sleep_ms(50);
        _exit(mq_send(q, "y", 1, 0) != 0);
    }
    CHECK_EQ(epoll_wait(ep, &ev, 1, 5000), 1);
    CHECK_EXIT(pid, 0);
    mq_unlink(name);
}

CASE(status_text_and_stat)
{
    mqd_t q = fresh(O_RDWR, 5, 10);
    char text[128] = "";
    struct stat st;
    CHECK_EQ(mq_send(q, "12345", 5, 0), 0);
    CHECK(read(q, text, sizeof(text) - 1) > 0);
    CHECK_STR(text, "QSIZE:5          NOTIFY:0     SIGNO:0     NOTIFY_PID:0     \n");
    CHECK_EQ(read(q, text, sizeof(text)), 0);
    CHECK_EQ(fstat(q, &st), 0);
    CHECK(S_ISREG(st.st_mode));
    CHECK_EQ(st.st_mode & 0777, 0600);
    CHECK_EQ(st.st_uid, geteuid());
    CHECK_ERR(write(q, "x", 1), EINVAL);
    mq_unlink(name);
}

CASE(limit_of_bytes)
{
    struct rlimit rl = {100000, 100000};
    CHECK_EQ(setrlimit(RLIMIT_MSGQUEUE, &rl), 0);
    struct mq_attr a = {.mq_maxmsg = 10, .mq_msgsize = 8192};
    snprintf(name, sizeof(name), "/cloister-lim-%d", getpid());
    mqd_t q = mq_open(name, O_CREAT | O_RDWR, 0600, &a);
    CHECK(q >= 0);
    char second[80];
    snprintf(second, sizeof(second), "%s-2", name);
    CHECK_ERR(mq_open(second, O_CREAT | O_RDWR, 0600, &a), EMFILE);
    mq_unlink(name);
}

CASE(permissions)
{
    mqd_t q = fresh(O_RDWR, 5, 10);
    (void) q;
    pid_t pid = fork();
    if (pid == 0) {
        if (geteuid() || setgid(65534) || setuid(65534))
            _exit(77);
        CHECK_ERR(mq_open(name, O_RDWR), EACCES);
        CHECK_ERR(mq_open(name, O_RDONLY), EACCES);
        CHECK(mq_unlink(name) == -1 && (errno == EPERM || errno == EACCES));
        _exit(0);
    }
    int st;
    CHECK_EQ(waitpid(pid, &st, 0), pid);
    mq_unlink(name);
    if (WIFEXITED(st) && WEXITSTATUS(st) == 77)
        SKIP("not root");
    CHECK_EQ(st, 0);
}

GUEST_MAIN
