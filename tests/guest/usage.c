/* SPDX-License-Identifier: Apache-2.0 */
/* What processes used, and that the figures add up: getrusage(2), times(2), wait4(2),
 * clock_getcpuclockid(3). */
#include "guest.h"

#include <pthread.h>
#include <sys/resource.h>
#include <sys/times.h>

static double seconds(struct timeval tv)
{
    return (double) tv.tv_sec + (double) tv.tv_usec / 1e6;
}

static double spent(int who)
{
    struct rusage u;
    CHECK_EQ(getrusage(who, &u), 0);
    return seconds(u.ru_utime) + seconds(u.ru_stime);
}

static double clock_seconds(clockid_t id)
{
    struct timespec ts;
    CHECK_EQ(clock_gettime(id, &ts), 0);
    return (double) ts.tv_sec + (double) ts.tv_nsec / 1e9;
}

/* Processor time, not time on the wall: the machine may be busy. */
static void burn_ms(int ms)
{
    struct timespec ts;
    volatile unsigned n = 0;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
    int64_t end = ts.tv_sec * 1000000000ll + ts.tv_nsec + ms * 1000000ll;
    do {
        for (int i = 0; i < 10000; i++)
            n++;
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
    } while (ts.tv_sec * 1000000000ll + ts.tv_nsec < end);
}

CASE(self_time_grows)
{
    double before = spent(RUSAGE_SELF);
    burn_ms(100);
    double used = spent(RUSAGE_SELF) - before;
    CHECK(used > 0.095 && used < 0.5);
}

CASE(burning_is_user_time)
{
    struct rusage u;
    burn_ms(200);
    CHECK_EQ(getrusage(RUSAGE_SELF, &u), 0);
    CHECK(seconds(u.ru_utime) > seconds(u.ru_stime));
}

CASE(times_never_shrink)
{
    double last_u = 0, last_s = 0;
    for (int i = 0; i < 200; i++) {
        struct rusage u;
        CHECK_EQ(getrusage(RUSAGE_SELF, &u), 0);
        CHECK(seconds(u.ru_utime) >= last_u && seconds(u.ru_stime) >= last_s);
        last_u = seconds(u.ru_utime);
        last_s = seconds(u.ru_stime);
        burn_ms(1);
    }
}

CASE(system_time_of_calls)
{
    struct rusage a, b;
    char buf[4096];
    int fd = (int) CHECK_OK(open("/dev/zero", O_RDONLY));
    CHECK_EQ(getrusage(RUSAGE_SELF, &a), 0);
    for (uint64_t end = now_ns() + 300000000; now_ns() < end;)
        CHECK_EQ(read(fd, buf, sizeof(buf)), sizeof(buf));
    CHECK_EQ(getrusage(RUSAGE_SELF, &b), 0);
    CHECK(seconds(b.ru_stime) > seconds(a.ru_stime));
}

static void *burner(void *arg)
{
    struct rusage u;
    burn_ms(100);
    CHECK_EQ(getrusage(RUSAGE_THREAD, &u), 0);
    *(double *) arg = seconds(u.ru_utime) + seconds(u.ru_stime);
    return NULL;
}

CASE(threads_have_their_own)
{
    pthread_t t;
    double other = 0, before = spent(RUSAGE_THREAD);
    CHECK_EQ(pthread_create(&t, NULL, burner, &other), 0);
    CHECK_EQ(pthread_join(t, NULL), 0);
    CHECK(other > 0.09);
    CHECK(spent(RUSAGE_THREAD) - before < 0.05);
    CHECK(spent(RUSAGE_SELF) >= other);
}

CASE(thread_of_new_process_begins_at_nothing)
{
    burn_ms(100);
    pid_t pid = fork();
    if (pid == 0)
        _exit(spent(RUSAGE_SELF) < 0.05 && spent(RUSAGE_CHILDREN) == 0 ? 0 : 1);
    CHECK_EXIT(pid, 0);
}

CASE(children_count_once_waited_for)
{
    int p[2];
    char c;
    CHECK_EQ(pipe(p), 0);
    pid_t pid = fork();
    if (pid == 0) {
        burn_ms(100);
        (void) !write(p[1], "x", 1);
        _exit(0);
    }
    CHECK_EQ(read(p[0], &c, 1), 1);
    siginfo_t info;
    CHECK_EQ(waitid(P_PID, (id_t) pid, &info, WEXITED | WNOWAIT), 0);
    CHECK(spent(RUSAGE_CHILDREN) == 0);
    CHECK_EXIT(pid, 0);
    CHECK(spent(RUSAGE_CHILDREN) > 0.09);
}

CASE(children_of_children)
{
    pid_t pid = fork();
    if (pid == 0) {
        pid_t grand = fork();
        if (grand == 0) {
            burn_ms(100);
            _exit(0);
        }
        waitpid(grand, NULL, 0);
        _exit(0);
    }
    CHECK_EXIT(pid, 0);
    CHECK(spent(RUSAGE_CHILDREN) > 0.09);
}

CASE(children_nobody_waits_for_do_not_count)
{
    signal(SIGCHLD, SIG_IGN);
    pid_t pid = fork();
    if (pid == 0) {
        burn_ms(100);
        _exit(0);
    }
    CHECK_ERR(waitpid(pid, NULL, 0), ECHILD);
    CHECK(spent(RUSAGE_CHILDREN) < 0.05);
}

CASE(wait4_tells_usage)
{
    struct rusage u;
    int st;
    pid_t pid = fork();
    if (pid == 0) {
        size_t n = 32u << 20;
        char *m = mmap(NULL, n, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        memset(m, 1, n);
        munmap(m, n); /* the largest size counts, not the last */
        burn_ms(50);
        _exit(3);
    }
    CHECK_EQ(wait4(pid, &st, 0, &u), pid);
    CHECK_EQ(st, 3 << 8);
    CHECK(seconds(u.ru_utime) + seconds(u.ru_stime) > 0.045);
    CHECK(u.ru_maxrss >= 32 << 10);
    CHECK(u.ru_minflt > 0);
    CHECK_EQ(getrusage(RUSAGE_CHILDREN, &u), 0);
    CHECK(u.ru_maxrss >= 32 << 10);
}

CASE(usage_of_the_killed)
{
    struct rusage u;
    int st, p[2];
    char c;
    CHECK_EQ(pipe(p), 0);
    pid_t pid = fork();
    if (pid == 0) {
        burn_ms(100);
        (void) !write(p[1], "x", 1);
        for (;;)
            pause();
    }
    CHECK_EQ(read(p[0], &c, 1), 1);
    CHECK_EQ(kill(pid, SIGKILL), 0);
    CHECK_EQ(wait4(pid, &st, 0, &u), pid);
    CHECK(WIFSIGNALED(st));
    CHECK(seconds(u.ru_utime) + seconds(u.ru_stime) > 0.09);
}

CASE(usage_over_exec)
{
    struct rusage u;
    int st;
    pid_t pid = fork();
    if (pid == 0) {
        burn_ms(100);
        execl(guest_self, guest_self, "--mode", "nothing", (char *) NULL);
        _exit(1);
    }
    CHECK_EQ(wait4(pid, &st, 0, &u), pid);
    CHECK_EQ(st, 0);
    CHECK(seconds(u.ru_utime) + seconds(u.ru_stime) > 0.09);
}

int guest_mode(const char *mode, int argc UNUSED, char **argv UNUSED)
{
    return strcmp(mode, "nothing") == 0 ? 0 : 1;
}

CASE(usage_of_ended_threads_stays)
{
    pthread_t t;
    double other = 0;
    CHECK_EQ(pthread_create(&t, NULL, burner, &other), 0);
    CHECK_EQ(pthread_join(t, NULL), 0);
    sleep_ms(20);
    CHECK(spent(RUSAGE_SELF) > 0.09);
}

CASE(faults_are_counted)
{
    struct rusage a, b;
    char *m = CHECK_MAP(
        mmap(NULL, 500 << 12, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    madvise(m, 500 << 12, MADV_NOHUGEPAGE);
    CHECK_EQ(getrusage(RUSAGE_SELF, &a), 0);
    for (int i = 0; i < 500; i++)
        m[i << 12] = 1;
    CHECK_EQ(getrusage(RUSAGE_SELF, &b), 0);
    CHECK(b.ru_minflt - a.ru_minflt >= 500);
    CHECK(b.ru_minflt - a.ru_minflt < 1000);
    CHECK(b.ru_maxrss > 0);
}

CASE(sleeping_is_a_voluntary_switch)
{
    struct rusage a, b;
    CHECK_EQ(getrusage(RUSAGE_SELF, &a), 0);
    for (int i = 0; i < 30; i++)
        sleep_ms(1);
    CHECK_EQ(getrusage(RUSAGE_SELF, &b), 0);
    CHECK(b.ru_nvcsw - a.ru_nvcsw >= 30);
}

CASE(bad_arguments)
{
    struct rusage u;
    CHECK_ERR(getrusage(2, &u), EINVAL);
    CHECK_ERR(getrusage(-3, &u), EINVAL);
    CHECK_ERR(syscall(SYS_getrusage, RUSAGE_SELF, (void *) 8), EFAULT);
    CHECK_ERR(syscall(SYS_times, (void *) 8), EFAULT);
}

CASE(times_agrees)
{
    struct tms a, b;
    clock_t t0 = times(&a);
    CHECK(t0 > 0);
    burn_ms(200);
    clock_t t1 = times(&b);
    long hz = sysconf(_SC_CLK_TCK);
    CHECK((b.tms_utime + b.tms_stime) - (a.tms_utime + a.tms_stime) >= hz * 18 / 100);
    CHECK(t1 - t0 >= hz * 18 / 100);
    CHECK_EQ(b.tms_cutime + b.tms_cstime, 0);
    CHECK(times(NULL) >= t1);
}

CASE(clock_of_a_child)
{
    clockid_t id;
    int p[2];
    char c;
    CHECK_EQ(pipe(p), 0);
    pid_t pid = fork();
    if (pid == 0) {
        burn_ms(100);
        (void) !write(p[1], "x", 1);
        for (;;)
            pause();
    }
    CHECK_EQ(read(p[0], &c, 1), 1);
    CHECK_EQ(clock_getcpuclockid(pid, &id), 0);
    double used = clock_seconds(id);
    CHECK(used > 0.09 && used < 1.0);
    kill(pid, SIGKILL);
    CHECK_KILLED(pid, SIGKILL);
    struct timespec ts;
    CHECK_ERR(clock_gettime(id, &ts), EINVAL);
    CHECK_EQ(clock_getcpuclockid(pid, &id), ESRCH);
}

struct held {
    pthread_barrier_t burnt, end;
};

static void *burn_and_hold(void *arg)
{
    struct held *h = arg;
    burn_ms(100);
    pthread_barrier_wait(&h->burnt);
    pthread_barrier_wait(&h->end);
    return NULL;
}

CASE(clock_of_a_thread)
{
    struct held h;
    pthread_t t;
    clockid_t id, own;
    CHECK_EQ(pthread_barrier_init(&h.burnt, NULL, 2), 0);
    CHECK_EQ(pthread_barrier_init(&h.end, NULL, 2), 0);
    CHECK_EQ(pthread_create(&t, NULL, burn_and_hold, &h), 0);
    pthread_barrier_wait(&h.burnt);
    CHECK_EQ(pthread_getcpuclockid(t, &id), 0);
    CHECK_EQ(pthread_getcpuclockid(pthread_self(), &own), 0);
    CHECK(clock_seconds(id) > 0.09);
    CHECK(clock_seconds(own) < 0.05);
    pthread_barrier_wait(&h.end);
    CHECK_EQ(pthread_join(t, NULL), 0);
}

CASE(clocks_that_are_not)
{
    struct timespec ts;
    /* A thread's clock is its own process's alone; number 3 names no clock. */
    CHECK_ERR(clock_gettime((clockid_t) (~(unsigned) getppid() << 3 | 6), &ts), EINVAL);
    CHECK_ERR(clock_gettime((clockid_t) (~(unsigned) getpid() << 3 | 3), &ts), EINVAL);
    CHECK_ERR(clock_gettime((clockid_t) (~0x3ffffffu << 3 | 2), &ts), EINVAL);
}

CASE(stat_agrees_with_rusage)
{
    static char text[4096];
    unsigned long ut, st;
    burn_ms(300);
    get_file("/proc/self/stat", text, sizeof(text));
    CHECK_EQ(sscanf(strrchr(text, ')') + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu",
                    &ut, &st),
             2);
    double by_stat = (double) (ut + st) / (double) sysconf(_SC_CLK_TCK);
    double by_usage = spent(RUSAGE_SELF);
    CHECK(by_stat > 0.25 && by_stat <= by_usage + 0.011);
    CHECK(by_usage - by_stat < 0.1);
}

GUEST_MAIN
