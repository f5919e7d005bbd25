/* SPDX-License-Identifier: Apache-2.0 */
/* Timers that send signals, and limits on processor time: setitimer(2), alarm(2), timer_create(2),
 * clock_nanosleep(2), getrlimit(2). */
#include "guest.h"
#include <pthread.h>
#include <sys/resource.h>
#include <sys/time.h>

#ifndef sigev_notify_thread_id
#define sigev_notify_thread_id _sigev_un._tid
#endif

static volatile int hits;
static volatile siginfo_t last;
static volatile pid_t on_thread;

static void count(int sig, siginfo_t *si, void *uc)
{
    (void) sig, (void) uc;
    last = *si;
    on_thread = gettid();
    hits++;
}

static void catch (int sig)
{
    struct sigaction sa = {.sa_sigaction = count, .sa_flags = SA_SIGINFO};
    CHECK_EQ(sigaction(sig, &sa, NULL), 0);
}

static void block(int how, int sig)
{
    sigset_t s;
    sigemptyset(&s);
    sigaddset(&s, sig);
    CHECK_EQ(sigprocmask(how, &s, NULL), 0);
}

static void wait_hits(int n, int ms)
{
    for (uint64_t until = now_ns() + (uint64_t) ms * 1000000; hits < n && now_ns() < until;)
        sleep_ms(1);
    CHECK(hits >= n);
}

static uint64_t cpu_ns(clockid_t id)
{
    struct timespec ts;
    CHECK_EQ(clock_gettime(id, &ts), 0);
    return (uint64_t) ts.tv_sec * 1000000000u + (uint64_t) ts.tv_nsec;
}

static void burn(int ms)
{
    uint64_t until = cpu_ns(CLOCK_THREAD_CPUTIME_ID) + (uint64_t) ms * 1000000;
    while (cpu_ns(CLOCK_THREAD_CPUTIME_ID) < until)
        ;
}

/* In user mode, as long as `hits` stays below n, at most ms. */
static void burn_until(int n, int ms)
{
    for (uint64_t until = now_ns() + (uint64_t) ms * 1000000; hits < n && now_ns() < until;)
        for (volatile int i = 0; i < 10000; i++)
            ;
    CHECK_EQ(hits, n);
}

static timer_t make(clockid_t clock, int sig, long value)
{
    struct sigevent ev = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = sig};
    timer_t id;
    ev.sigev_value.sival_ptr = (void *) value;
    CHECK_EQ(timer_create(clock, &ev, &id), 0);
    return id;
}

static struct itimerspec every(long first_ms, long then_ms)
{
    return (struct itimerspec){
        .it_value = {first_ms / 1000, first_ms % 1000 * 1000000},
        .it_interval = {then_ms / 1000, then_ms % 1000 * 1000000},
    };
}

/* ---- interval timers ---- */

CASE(itimer_real_repeats)
{
    struct itimerval v = {{0, 10000}, {0, 20000}}, now;
    catch (SIGALRM);
    uint64_t from = now_ns();
    CHECK_EQ(setitimer(ITIMER_REAL, &v, NULL), 0);
    wait_hits(5, 3000);
    CHECK(now_ns() - from >= 59000000);
    CHECK_EQ(getitimer(ITIMER_REAL, &now), 0);
    CHECK_EQ(now.it_interval.tv_usec, 10000);
    CHECK(now.it_value.tv_sec == 0 && now.it_value.tv_usec > 0 && now.it_value.tv_usec <= 10000);
    struct itimerval off = {0}, old;
    CHECK_EQ(setitimer(ITIMER_REAL, &off, &old), 0);
    CHECK_EQ(old.it_interval.tv_usec, 10000);
    int n = hits;
    sleep_ms(50);
    CHECK_EQ(hits, n);
    CHECK_EQ(getitimer(ITIMER_REAL, &now), 0);
    CHECK(now.it_value.tv_sec == 0 && now.it_value.tv_usec == 0);
}

CASE(itimer_errors)
{
    struct itimerval v = {{0, 0}, {0, 1000000}}, neg = {{0, 0}, {-1, 0}}, ok = {0};
    CHECK_ERR(setitimer(ITIMER_REAL, &v, NULL), EINVAL);
    CHECK_ERR(setitimer(ITIMER_REAL, &neg, NULL), EINVAL);
    CHECK_ERR(syscall(SYS_setitimer, 3, &ok, NULL), EINVAL);
    CHECK_ERR(syscall(SYS_setitimer, 0, 8, NULL), EFAULT);
    CHECK_ERR(syscall(SYS_getitimer, 3, &ok), EINVAL);
    CHECK_ERR(syscall(SYS_getitimer, 0, 8), EFAULT);
}

CASE(itimer_virtual_and_prof)
{
    struct itimerval v = {{0, 0}, {0, 50000}};
    catch (SIGVTALRM);
    catch (SIGPROF);
    CHECK_EQ(setitimer(ITIMER_VIRTUAL, &v, NULL), 0);
    sleep_ms(100);
    CHECK_EQ(hits, 0); /* sleeping costs nothing */
    burn_until(1, 4000);
    CHECK_EQ(last.si_signo, SIGVTALRM);
    CHECK_EQ(setitimer(ITIMER_PROF, &v, NULL), 0);
    burn_until(2, 4000);
    CHECK_EQ(last.si_signo, SIGPROF);
}

CASE(alarms)
{
    catch (SIGALRM);
    CHECK_EQ(alarm(10), 0);
    CHECK_EQ(alarm(20), 10);
    struct itimerval v;
    CHECK_EQ(getitimer(ITIMER_REAL, &v), 0); /* the same timer */
    CHECK(v.it_value.tv_sec >= 19 && v.it_value.tv_sec <= 20);
    CHECK_EQ(alarm(1), 20);
    wait_hits(1, 3000);
    CHECK_EQ(alarm(0), 0);
}

CASE(exec_keeps_fork_drops)
{
    struct itimerval v = {{0, 0}, {5, 0}};
    CHECK_EQ(setitimer(ITIMER_REAL, &v, NULL), 0);
    pid_t pid = (pid_t) CHECK_OK(fork());
    if (pid == 0) {
        getitimer(ITIMER_REAL, &v);
        if (v.it_value.tv_sec || v.it_value.tv_usec)
            _exit(1);
        alarm(5);
        execl(guest_self, guest_self, "--mode", "alarm-left", NULL);
        _exit(2);
    }
    CHECK_EXIT(pid, 15);
}

int guest_mode(const char *mode, int argc, char **argv)
{
    (void) argc, (void) argv;
    return strcmp(mode, "alarm-left") == 0 && alarm(0) >= 4 ? 15 : 16;
}

/* ---- POSIX timers ---- */

CASE(timer_errors)
{
    struct sigevent ev = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = 65};
    struct itimerspec v = every(10, 0), bad = {.it_value = {0, 1000000000}};
    int id = 0;
    CHECK_ERR(syscall(SYS_timer_create, CLOCK_MONOTONIC, &ev, &id), EINVAL);
    ev.sigev_signo = 0;
    CHECK_ERR(syscall(SYS_timer_create, CLOCK_MONOTONIC, &ev, &id), EINVAL);
    ev.sigev_signo = SIGUSR1;
    CHECK_ERR(syscall(SYS_timer_create, 77, &ev, &id), EINVAL);
    CHECK_ERR(syscall(SYS_timer_create, CLOCK_MONOTONIC, 8, &id), EFAULT);
    ev.sigev_notify = 77;
    CHECK_ERR(syscall(SYS_timer_create, CLOCK_MONOTONIC, &ev, &id), EINVAL);
    ev.sigev_notify = SIGEV_THREAD_ID | SIGEV_SIGNAL;
    ev.sigev_notify_thread_id = 0x3ffffff0;
    CHECK_ERR(syscall(SYS_timer_create, CLOCK_MONOTONIC, &ev, &id), EINVAL);
    CHECK_ERR(syscall(SYS_timer_settime, 12345, 0, &v, NULL), EINVAL);
    CHECK_ERR(syscall(SYS_timer_gettime, 12345, &v), EINVAL);
    CHECK_ERR(syscall(SYS_timer_getoverrun, 12345), EINVAL);
    CHECK_ERR(syscall(SYS_timer_delete, 12345), EINVAL);
    timer_t t = make(CLOCK_MONOTONIC, SIGUSR1, 0);
    CHECK_ERR(timer_settime(t, 0, &bad, NULL), EINVAL);
    CHECK_EQ(timer_delete(t), 0);
    CHECK_ERR(syscall(SYS_timer_delete, (int) (long) t), EINVAL);
}

CASE(timer_one_shot_and_repeating)
{
    struct itimerspec v = every(20, 0), now;
    catch (SIGUSR1);
    timer_t t = make(CLOCK_MONOTONIC, SIGUSR1, 99);
    CHECK_EQ(timer_gettime(t, &now), 0);
    CHECK(now.it_value.tv_sec == 0 && now.it_value.tv_nsec == 0);
    CHECK_EQ(timer_settime(t, 0, &v, NULL), 0);
    CHECK_EQ(timer_gettime(t, &now), 0);
    CHECK(now.it_value.tv_nsec > 0 && now.it_value.tv_nsec <= 20000000);
    wait_hits(1, 2000);
    CHECK_EQ((long) last.si_value.sival_ptr, 99);
    CHECK_EQ(timer_gettime(t, &now), 0);
    CHECK(now.it_value.tv_sec == 0 && now.it_value.tv_nsec == 0);
    v = every(10, 10);
    CHECK_EQ(timer_settime(t, 0, &v, NULL), 0);
    wait_hits(5, 2000);
    struct itimerspec off = {0}, old;
    CHECK_EQ(timer_settime(t, 0, &off, &old), 0);
    CHECK_EQ(old.it_interval.tv_nsec, 10000000);
    CHECK_EQ(timer_delete(t), 0);
}

CASE(timer_absolute)
{
    struct timespec now;
    catch (SIGUSR1);
    for (int i = 0; i < 2; i++) {
        clockid_t clock = i ? CLOCK_REALTIME : CLOCK_MONOTONIC;
        timer_t t = make(clock, SIGUSR1, 0);
        CHECK_EQ(clock_gettime(clock, &now), 0);
        struct itimerspec v = {.it_value = now};
        v.it_value.tv_nsec += 30000000;
        if (v.it_value.tv_nsec >= 1000000000)
            v.it_value.tv_sec++, v.it_value.tv_nsec -= 1000000000;
        hits = 0;
        uint64_t from = now_ns();
        CHECK_EQ(timer_settime(t, TIMER_ABSTIME, &v, NULL), 0);
        wait_hits(1, 2000);
        CHECK(now_ns() - from >= 25000000);
        v.it_value = (struct timespec){1, 0}; /* long past: at once */
        CHECK_EQ(timer_settime(t, TIMER_ABSTIME, &v, NULL), 0);
        wait_hits(2, 1000);
        CHECK_EQ(timer_delete(t), 0);
    }
}

CASE(timer_overruns)
{
    struct itimerspec v = every(5, 5);
    siginfo_t si;
    sigset_t s;
    block(SIG_BLOCK, SIGUSR1);
    timer_t t = make(CLOCK_MONOTONIC, SIGUSR1, 0);
    CHECK_EQ(timer_settime(t, 0, &v, NULL), 0);
    sleep_ms(103);
    sigemptyset(&s);
    sigaddset(&s, SIGUSR1);
    CHECK_EQ(sigwaitinfo(&s, &si), SIGUSR1); /* one signal for about twenty expirations */
    CHECK_EQ(si.si_code, SI_TIMER);
    CHECK(si.si_overrun >= 15 && si.si_overrun <= 60);
    int n = timer_getoverrun(t);
    CHECK(n >= si.si_overrun && n <= si.si_overrun + 2);
    CHECK_EQ(timer_delete(t), 0);
}

CASE(deleted_timers_signal_goes_or_stays_harmless)
{
    struct itimerspec v = every(5, 0);
    block(SIG_BLOCK, SIGUSR1);
    timer_t t = make(CLOCK_MONOTONIC, SIGUSR1, 0);
    CHECK_EQ(timer_settime(t, 0, &v, NULL), 0);
    sleep_ms(20);
    CHECK_EQ(timer_delete(t), 0);
    catch (SIGUSR1);
    block(SIG_UNBLOCK, SIGUSR1);
    CHECK(hits <= 1);
}

static void *sits(void *arg)
{
    *(volatile pid_t *) arg = gettid();
    for (int i = 0; i < 3000 && !hits; i++)
        sleep_ms(1);
    return NULL;
}

CASE(timer_to_a_thread)
{
    static volatile pid_t tid;
    struct sigevent ev = {.sigev_notify = SIGEV_THREAD_ID | SIGEV_SIGNAL, .sigev_signo = SIGUSR1};
    struct itimerspec v = every(10, 0);
    pthread_t th;
    timer_t t;
    catch (SIGUSR1);
    CHECK_EQ(pthread_create(&th, NULL, sits, (void *) &tid), 0);
    while (!tid)
        sleep_ms(1);
    ev.sigev_notify_thread_id = tid;
    CHECK_EQ(timer_create(CLOCK_MONOTONIC, &ev, &t), 0);
    CHECK_EQ(timer_settime(t, 0, &v, NULL), 0);
    CHECK_EQ(pthread_join(th, NULL), 0);
    CHECK_EQ(hits, 1);
    CHECK_EQ(on_thread, tid);
}

CASE(timer_without_a_signal)
{
    struct sigevent ev = {.sigev_notify = SIGEV_NONE};
    struct itimerspec v = every(30, 0), now;
    timer_t t;
    CHECK_EQ(timer_create(CLOCK_MONOTONIC, &ev, &t), 0);
    CHECK_EQ(timer_settime(t, 0, &v, NULL), 0);
    CHECK_EQ(timer_gettime(t, &now), 0);
    CHECK(now.it_value.tv_nsec > 0);
    sleep_ms(50);
    CHECK_EQ(timer_gettime(t, &now), 0);
    CHECK(now.it_value.tv_sec == 0 && now.it_value.tv_nsec == 0);
}

CASE(timer_default_event)
{
    timer_t t;
    struct itimerspec v = every(10, 0);
    catch (SIGALRM);
    CHECK_EQ(timer_create(CLOCK_REALTIME, NULL, &t), 0);
    CHECK_EQ(timer_settime(t, 0, &v, NULL), 0);
    wait_hits(1, 2000);
    CHECK_EQ(last.si_signo, SIGALRM);
    CHECK_EQ(last.si_value.sival_int, (int) (long) t); /* its number */
}

static volatile bool other_burns;

static void *burns(void *arg)
{
    (void) arg;
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, NULL);
    while (other_burns)
        ;
    return NULL;
}

/* The process's clock counts all threads, a thread's only its own. */
CASE(timers_on_cpu_clocks)
{
    struct itimerspec v = every(80, 0);
    pthread_t th;
    catch (SIGUSR1);
    catch (SIGUSR2);
    timer_t process = make(CLOCK_PROCESS_CPUTIME_ID, SIGUSR1, 0);
    timer_t thread = make(CLOCK_THREAD_CPUTIME_ID, SIGUSR2, 0);
    other_burns = true;
    CHECK_EQ(timer_settime(process, 0, &v, NULL), 0);
    CHECK_EQ(timer_settime(thread, 0, &v, NULL), 0);
    CHECK_EQ(pthread_create(&th, NULL, burns, NULL), 0);
    wait_hits(1, 10000); /* we sleep, the other one burns */
    CHECK_EQ(last.si_signo, SIGUSR1);
    CHECK_EQ(hits, 1);
    burn_until(2, 10000);
    CHECK_EQ(last.si_signo, SIGUSR2);
    other_burns = false;
    CHECK_EQ(pthread_join(th, NULL), 0);
}

CASE(cpu_clocks_of_others)
{
    clockid_t id;
    pthread_t th;
    other_burns = true;
    CHECK_EQ(pthread_create(&th, NULL, burns, NULL), 0);
    CHECK_EQ(pthread_getcpuclockid(th, &id), 0);
    uint64_t a = cpu_ns(id), mine = cpu_ns(CLOCK_THREAD_CPUTIME_ID);
    sleep_ms(100);
    uint64_t b = cpu_ns(id);
    CHECK(b - a > 10000000);
    CHECK(cpu_ns(CLOCK_THREAD_CPUTIME_ID) - mine < b - a);
    other_burns = false;
    CHECK_EQ(pthread_join(th, NULL), 0);
    CHECK_EQ(clock_getcpuclockid(getpid(), &id), 0);
    CHECK(cpu_ns(id) >= b - a);
    pid_t pid = (pid_t) CHECK_OK(fork());
    if (pid == 0) {
        burn(50);
        pause();
        _exit(0);
    }
    CHECK_EQ(clock_getcpuclockid(pid, &id), 0);
    for (int i = 0; i < 2000 && cpu_ns(id) < 40000000; i++)
        sleep_ms(1);
    CHECK(cpu_ns(id) >= 40000000);
    kill(pid, SIGKILL);
    CHECK_KILLED(pid, SIGKILL);
    struct timespec ts;
    CHECK_ERR(clock_gettime((clockid_t) (~0x3ffff0u << 3 | 2), &ts), EINVAL);
}

CASE(sleep_on_a_cpu_clock)
{
    pthread_t th;
    struct timespec ts = {0, 50000000};
    other_burns = true;
    CHECK_EQ(pthread_create(&th, NULL, burns, NULL), 0);
    uint64_t from = cpu_ns(CLOCK_PROCESS_CPUTIME_ID);
    CHECK_EQ(clock_nanosleep(CLOCK_PROCESS_CPUTIME_ID, 0, &ts, NULL), 0);
    CHECK(cpu_ns(CLOCK_PROCESS_CPUTIME_ID) - from >= 49000000);
    other_burns = false;
    CHECK_EQ(pthread_join(th, NULL), 0);
}

/* ---- limits ---- */

static void cpu_limit(rlim_t soft, rlim_t hard)
{
    struct rlimit r = {soft, hard};
    CHECK_EQ(setrlimit(RLIMIT_CPU, &r), 0);
}

CASE(cpu_limit_soft)
{
    catch (SIGXCPU);
    cpu_limit(1, RLIM_INFINITY);
    uint64_t until = now_ns() + 8000000000u;
    while (!hits && now_ns() < until)
        ;
    CHECK(hits >= 1);
    CHECK(cpu_ns(CLOCK_PROCESS_CPUTIME_ID) >= 600000000); /* sampled in ticks */
    CHECK(cpu_ns(CLOCK_PROCESS_CPUTIME_ID) < 2500000000u);
}

static void spin(void)
{
    for (;;)
        ;
}

CASE(cpu_limit_kills)
{
    pid_t pid = (pid_t) CHECK_OK(fork());
    if (pid == 0) {
        cpu_limit(1, 2);
        spin();
    }
    pid_t other = (pid_t) CHECK_OK(fork());
    if (other == 0) {
        signal(SIGXCPU, SIG_IGN);
        cpu_limit(1, 2);
        pid_t child = fork(); /* has the limit, and a clock of its own */
        if (child == 0)
            spin();
        int st;
        waitpid(child, &st, 0);
        _exit(WIFSIGNALED(st) ? WTERMSIG(st) : 100);
    }
    int st;
    CHECK_EQ(waitpid(pid, &st, 0), pid);
    CHECK(WIFSIGNALED(st) && WTERMSIG(st) == SIGXCPU);
    CHECK_EXIT(other, SIGKILL);
}

CASE(file_size_limit)
{
    struct rlimit r = {1000, 1000};
    char buf[2000] = "";
    int fd = (int) CHECK_OK(open("f", O_CREAT | O_RDWR, 0666));
    catch (SIGXFSZ);
    CHECK_EQ(setrlimit(RLIMIT_FSIZE, &r), 0);
    CHECK_EQ(write(fd, buf, 2000), 1000);
    CHECK_EQ(hits, 0);
    CHECK_ERR(write(fd, buf, 1), EFBIG);
    CHECK_EQ(hits, 1);
    CHECK_ERR(ftruncate(fd, 1001), EFBIG);
    CHECK_EQ(hits, 2);
}

GUEST_MAIN
