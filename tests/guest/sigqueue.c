/* SPDX-License-Identifier: Apache-2.0 */
/* Where signals come from and what waits of them: siginfo of each source, queues and their limits,
 * all 64 numbers. signal(7), sigaction(2), rt_sigqueueinfo(2), prlimit(2). */
#include "guest.h"
#include <pthread.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <ucontext.h>

static volatile int hits;
static volatile siginfo_t infos[128];

static void keep(int sig, siginfo_t *si, void *uc)
{
    (void) sig, (void) uc;
    if (hits < 128)
        infos[hits] = *si;
    hits++;
}

static void catch (int sig, int flags)
{
    struct sigaction sa = {.sa_sigaction = keep, .sa_flags = flags | SA_SIGINFO};
    CHECK_EQ(sigaction(sig, &sa, NULL), 0);
}

static void mask_all(int how)
{
    sigset_t s;
    sigfillset(&s);
    CHECK_EQ(sigprocmask(how, &s, NULL), 0);
}

static void block(int sig)
{
    sigset_t s;
    sigemptyset(&s);
    sigaddset(&s, sig);
    CHECK_EQ(sigprocmask(SIG_BLOCK, &s, NULL), 0);
}

/* The kernel's own view: libc hides 32 and 33. */
static long raw_mask(int how, uint64_t set)
{
    return syscall(SYS_rt_sigprocmask, how, &set, NULL, 8);
}

static void to_self(int sig, int code, long value)
{
    siginfo_t si = {.si_signo = sig, .si_code = code};
    si.si_pid = getpid();
    si.si_uid = getuid();
    si.si_value.sival_ptr = (void *) value;
    CHECK_EQ(syscall(SYS_rt_sigqueueinfo, getpid(), sig, &si), 0);
}

static uint64_t pending(void)
{
    uint64_t s = 0;
    CHECK_EQ(syscall(SYS_rt_sigpending, &s, 8), 0);
    return s;
}

CASE(all_numbers_can_be_held)
{
    uint64_t all = ~0ull & ~(1ull << (SIGKILL - 1)) & ~(1ull << (SIGSTOP - 1));
    CHECK_EQ(raw_mask(SIG_SETMASK, ~0ull), 0);
    uint64_t now;
    CHECK_EQ(syscall(SYS_rt_sigprocmask, 0, NULL, &now, 8), 0);
    CHECK(now == all); /* those two cannot be */
    for (int sig = 1; sig <= 64; sig++)
        if (sig != SIGKILL && sig != SIGSTOP && sig != SIGCONT)
            CHECK_EQ(syscall(SYS_tgkill, getpid(), gettid(), sig), 0);
    /* A stop signal takes a SIGCONT away and the other way round, so it was left out. */
    CHECK(pending() == (all & ~(1ull << (SIGCONT - 1))));
}

CASE(all_numbers_can_be_caught)
{
    mask_all(SIG_BLOCK);
    for (int sig = 1; sig <= 64; sig++) {
        if (sig == SIGKILL || sig == SIGSTOP || sig == 32 || sig == 33)
            continue;
        catch (sig, 0);
        CHECK_EQ(kill(getpid(), sig), 0);
    }
    mask_all(SIG_UNBLOCK);
    /* SIGTSTP, SIGTTIN, SIGTTOU came after SIGCONT and cancelled it. */
    CHECK_EQ(hits, 64 - 4 - 1);
    for (int i = 0; i < hits; i++) {
        CHECK_EQ(infos[i].si_code, SI_USER);
        CHECK_EQ(infos[i].si_pid, getpid());
        CHECK_EQ(infos[i].si_uid, getuid());
    }
}

CASE(stop_and_cont_cancel_each_other)
{
    mask_all(SIG_BLOCK);
    kill(getpid(), SIGTSTP);
    kill(getpid(), SIGTTIN);
    CHECK(pending() & 1ull << (SIGTSTP - 1));
    kill(getpid(), SIGCONT);
    CHECK(!(pending() & (1ull << (SIGTSTP - 1) | 1ull << (SIGTTIN - 1))));
    CHECK(pending() & 1ull << (SIGCONT - 1));
    kill(getpid(), SIGTTOU);
    CHECK(!(pending() & 1ull << (SIGCONT - 1)));
}

/* Each thread's own come before the process's; low numbers before high ones. */
CASE(order_of_delivery)
{
    const int sigs[] = {SIGRTMIN + 5, SIGRTMIN + 1, SIGUSR2, SIGUSR1};
    mask_all(SIG_BLOCK);
    for (int i = 0; i < 4; i++) {
        struct sigaction sa = {.sa_sigaction = keep, .sa_flags = SA_SIGINFO};
        sigfillset(&sa.sa_mask);
        CHECK_EQ(sigaction(sigs[i], &sa, NULL), 0);
        CHECK_EQ(kill(getpid(), sigs[i]), 0);
        CHECK_EQ(syscall(SYS_tgkill, getpid(), gettid(), sigs[i]), 0);
    }
    sigset_t want;
    siginfo_t si;
    sigfillset(&want);
    const struct {
        int sig, code;
    } order[] = {
        {SIGUSR1, SI_TKILL},      {SIGUSR2, SI_TKILL},     {SIGRTMIN + 1, SI_TKILL},
        {SIGRTMIN + 5, SI_TKILL}, {SIGUSR1, SI_USER},      {SIGUSR2, SI_USER},
        {SIGRTMIN + 1, SI_USER},  {SIGRTMIN + 5, SI_USER},
    };
    for (int i = 0; i < 8; i++) {
        /* libc's own shows kill(2) in place of tkill(2) */
        CHECK_EQ(syscall(SYS_rt_sigtimedwait, &want, &si, NULL, 8), order[i].sig);
        CHECK_EQ(si.si_code, order[i].code);
    }
}

/* The hardware's signals go first whoever sends them. */
CASE(synchronous_ones_first)
{
    sigset_t want;
    mask_all(SIG_BLOCK);
    kill(getpid(), SIGHUP);
    kill(getpid(), SIGSEGV);
    kill(getpid(), SIGFPE);
    sigfillset(&want);
    CHECK_EQ(sigwaitinfo(&want, NULL), SIGFPE);
    CHECK_EQ(sigwaitinfo(&want, NULL), SIGSEGV);
    CHECK_EQ(sigwaitinfo(&want, NULL), SIGHUP);
}

CASE(real_time_ones_queue_with_their_values)
{
    int sig = SIGRTMIN + 3;
    siginfo_t si;
    sigset_t s;
    block(sig);
    for (long i = 0; i < 100; i++)
        CHECK_EQ(sigqueue(getpid(), sig, (union sigval){.sival_ptr = (void *) (i << 33 | i)}), 0);
    sigemptyset(&s);
    sigaddset(&s, sig);
    for (long i = 0; i < 100; i++) {
        CHECK_EQ(sigwaitinfo(&s, &si), sig);
        CHECK((long) si.si_value.sival_ptr == (i << 33 | i));
        CHECK_EQ(si.si_code, SI_QUEUE);
        CHECK_EQ(si.si_errno, 0);
        CHECK_EQ(si.si_pid, getpid());
        CHECK_EQ(si.si_uid, getuid());
    }
    struct timespec zero = {0, 0};
    CHECK_ERR(sigtimedwait(&s, NULL, &zero), EAGAIN);
}

CASE(standard_ones_keep_the_first)
{
    siginfo_t si;
    sigset_t s;
    block(SIGUSR1);
    for (int i = 1; i <= 3; i++)
        CHECK_EQ(sigqueue(getpid(), SIGUSR1, (union sigval){.sival_int = i}), 0);
    sigemptyset(&s);
    sigaddset(&s, SIGUSR1);
    CHECK_EQ(sigwaitinfo(&s, &si), SIGUSR1);
    CHECK_EQ(si.si_value.sival_int, 1);
    struct timespec zero = {0, 0};
    CHECK_ERR(sigtimedwait(&s, NULL, &zero), EAGAIN);
}

CASE(queue_limit)
{
    struct rlimit r = {20, 20};
    int sig = SIGRTMIN + 1, n = 0;
    block(sig);
    block(SIGUSR1);
    block(SIGRTMIN + 2);
    if (getuid() == 0) /* nobody else's signals count */
        CHECK_EQ(setresuid(54321, 54321, 54321), 0);
    CHECK_EQ(setrlimit(RLIMIT_SIGPENDING, &r), 0);
    while (n < 100 && sigqueue(getpid(), sig, (union sigval){.sival_int = n}) == 0)
        n++;
    CHECK_EQ(errno, EAGAIN);
    CHECK_EQ(n, 20);
    CHECK_ERR(sigqueue(getpid(), SIGRTMIN + 2, (union sigval){.sival_int = 0}), EAGAIN);
    /* kill(2) is not refused, and standard signals are always noted. */
    CHECK_EQ(kill(getpid(), SIGRTMIN + 2), 0);
    CHECK_EQ(kill(getpid(), SIGUSR1), 0);
    CHECK(pending() & 1ull << (SIGUSR1 - 1));
    CHECK(pending() & 1ull << (SIGRTMIN + 2 - 1));
    sigset_t s;
    siginfo_t si;
    sigemptyset(&s);
    sigaddset(&s, sig);
    CHECK_EQ(sigwaitinfo(&s, &si), sig);
    CHECK_EQ(si.si_value.sival_int, 0);
    CHECK_ERR(sigqueue(getpid(), sig, (union sigval){.sival_int = 99}),
              EAGAIN); /* SIGUSR1 counts */
    CHECK_EQ(sigwaitinfo(&s, &si), sig);
    CHECK_EQ(sigqueue(getpid(), sig, (union sigval){.sival_int = 100}), 0);
    CHECK_ERR(sigqueue(getpid(), sig, (union sigval){.sival_int = 101}), EAGAIN);
    sigemptyset(&s);
    sigaddset(&s, SIGRTMIN + 2);
    CHECK_EQ(sigwaitinfo(&s, &si), SIGRTMIN + 2);
    CHECK_EQ(si.si_code, SI_USER);
}

/* ---- whose name may be taken ---- */

static void *queue_from_a_thread(void *arg)
{
    siginfo_t si = {.si_signo = SIGUSR1, .si_code = 0};
    (void) arg;
    /* Forging the kernel's codes is allowed towards oneself alone: the thread, not the process. */
    CHECK_ERR(syscall(SYS_rt_sigqueueinfo, getpid(), SIGUSR1, &si), EPERM);
    CHECK_ERR(syscall(SYS_rt_tgsigqueueinfo, getpid(), getpid(), SIGUSR1, &si), EPERM);
    CHECK_EQ(syscall(SYS_rt_tgsigqueueinfo, getpid(), gettid(), SIGUSR1, &si), 0);
    return NULL;
}

CASE(forged_codes)
{
    static const int codes[] = {0, 1, SI_KERNEL, SI_TKILL};
    pthread_t th;
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        pause();
        _exit(0);
    }
    catch (SIGUSR1, 0);
    for (size_t i = 0; i < 4; i++) {
        siginfo_t si = {.si_signo = SIGUSR1, .si_code = codes[i]};
        CHECK_ERR(syscall(SYS_rt_sigqueueinfo, child, SIGUSR1, &si), EPERM);
        hits = 0;
        to_self(SIGUSR1, codes[i], 5);
        CHECK_EQ(hits, 1);
        CHECK_EQ(infos[0].si_code, codes[i]);
    }
    to_self(SIGUSR1, SI_MESGQ, 77);
    CHECK_EQ(infos[1].si_code, SI_MESGQ);
    CHECK_EQ((long) infos[1].si_value.sival_ptr, 77);
    CHECK_EQ(pthread_create(&th, NULL, queue_from_a_thread, NULL), 0);
    CHECK_EQ(pthread_join(th, NULL), 0);
    kill(child, SIGKILL);
    CHECK_KILLED(child, SIGKILL);
}

CASE(queueinfo_errors)
{
    siginfo_t si = {.si_code = SI_QUEUE};
    CHECK_ERR(syscall(SYS_rt_sigqueueinfo, getpid(), SIGUSR1, 8), EFAULT);
    CHECK_ERR(syscall(SYS_rt_sigqueueinfo, getpid(), 65, &si), EINVAL);
    CHECK_ERR(syscall(SYS_rt_sigqueueinfo, getpid(), -1, &si), EINVAL);
    CHECK_ERR(syscall(SYS_rt_sigqueueinfo, 0x3ffffff0, SIGUSR1, &si), ESRCH);
    CHECK_ERR(syscall(SYS_rt_tgsigqueueinfo, 0, 1, SIGUSR1, &si), EINVAL);
    CHECK_ERR(syscall(SYS_rt_tgsigqueueinfo, getpid(), -1, SIGUSR1, &si), EINVAL);
    CHECK_ERR(syscall(SYS_rt_tgsigqueueinfo, getppid(), gettid(), SIGUSR1, &si), ESRCH);
    CHECK_EQ(syscall(SYS_rt_sigqueueinfo, getpid(), 0, &si), 0);
}

CASE(kill_everybody_but_init_and_oneself)
{
    if (getuid() != 0)
        SKIP("needs a user of its own");
    pid_t other = (pid_t) CHECK_OK(fork());
    if (other == 0) {
        pause();
        _exit(0);
    }
    CHECK_EQ(setresuid(54322, 54322, 54322), 0);
    pid_t pid = (pid_t) CHECK_OK(fork());
    if (pid == 0) {
        pause();
        _exit(0);
    }
    CHECK_EQ(kill(-1, SIGTERM), 0);
    CHECK_KILLED(pid, SIGTERM);
    CHECK_EQ(kill(-1, 0), 0); /* there are others, none of which it may signal: no error */
}

/* ---- the sources ---- */

static pid_t child_that(void (*fn)(void))
{
    pid_t pid = (pid_t) CHECK_OK(fork());
    if (pid == 0) {
        fn();
        _exit(3);
    }
    return pid;
}

static void burn_a_little(void)
{
    for (uint64_t until = now_ns() + 60000000; now_ns() < until;)
        ;
}

static void burn_and_die(void)
{
    burn_a_little();
    raise(SIGTERM);
}

static void burn_and_stop(void)
{
    burn_a_little();
    raise(SIGSTOP);
    burn_a_little(); /* two SIGCHLD at once are one */
}

static void wait_hits(int n)
{
    for (int i = 0; i < 3000 && hits < n; i++)
        sleep_ms(1);
    CHECK_EQ(hits, n);
}

CASE(sigchld_tells_everything)
{
    catch (SIGCHLD, 0);
    if (getuid() == 0)
        CHECK_EQ(setresuid(0, 0, 0), 0);
    pid_t pid = child_that(burn_a_little);
    wait_hits(1);
    CHECK_EQ(infos[0].si_signo, SIGCHLD);
    CHECK_EQ(infos[0].si_code, CLD_EXITED);
    CHECK_EQ(infos[0].si_pid, pid);
    CHECK_EQ(infos[0].si_uid, getuid());
    CHECK_EQ(infos[0].si_status, 3);
    CHECK(infos[0].si_utime + infos[0].si_stime >= 2); /* clock ticks */
    CHECK(infos[0].si_utime + infos[0].si_stime < 500);
    CHECK_EXIT(pid, 3);

    pid = child_that(burn_and_die);
    wait_hits(2);
    CHECK_EQ(infos[1].si_code, CLD_KILLED);
    CHECK_EQ(infos[1].si_status, SIGTERM);
    CHECK_KILLED(pid, SIGTERM);

    pid = child_that(burn_and_stop);
    wait_hits(3);
    CHECK_EQ(infos[2].si_code, CLD_STOPPED);
    CHECK_EQ(infos[2].si_status, SIGSTOP);
    CHECK_EQ(infos[2].si_pid, pid);
    CHECK_EQ(infos[2].si_uid, getuid());
    CHECK(infos[2].si_utime + infos[2].si_stime >= 2);
    kill(pid, SIGCONT);
    wait_hits(4);
    CHECK_EQ(infos[3].si_code, CLD_CONTINUED);
    CHECK_EQ(infos[3].si_status, SIGCONT);
    wait_hits(5);
    CHECK_EQ(infos[4].si_code, CLD_EXITED);
    CHECK_EXIT(pid, 3);
}

CASE(sigchld_has_the_childs_user)
{
    if (getuid() != 0)
        SKIP("needs root");
    catch (SIGCHLD, 0);
    pid_t pid = (pid_t) CHECK_OK(fork());
    if (pid == 0) {
        CHECK_EQ(setresuid(4711, 4712, 4713), 0);
        _exit(1);
    }
    wait_hits(1);
    CHECK_EQ(infos[0].si_uid, 4711); /* the real one */
    CHECK_EXIT(pid, 1);
}

CASE(nocldwait_leaves_no_zombie_but_a_signal)
{
    catch (SIGCHLD, SA_NOCLDWAIT);
    pid_t pid = (pid_t) CHECK_OK(fork());
    if (pid == 0)
        _exit(1);
    wait_hits(1);
    CHECK_ERR(waitpid(pid, NULL, 0), ECHILD);
}

CASE(core_bit_is_honest)
{
    struct rlimit none = {0, 0};
    int st;
    CHECK_EQ(setrlimit(RLIMIT_CORE, &none), 0);
    pid_t pid = (pid_t) CHECK_OK(fork());
    if (pid == 0) {
        signal(SIGQUIT, SIG_DFL); /* a job in the background begins with it ignored */
        raise(SIGQUIT);
        _exit(0);
    }
    CHECK_EQ(waitpid(pid, &st, 0), pid);
    CHECK(WIFSIGNALED(st) && WTERMSIG(st) == SIGQUIT && !WCOREDUMP(st));
}

CASE(alarm_is_the_kernels)
{
    catch (SIGALRM, 0);
    struct itimerval v = {.it_value = {.tv_usec = 10000}};
    CHECK_EQ(setitimer(ITIMER_REAL, &v, NULL), 0);
    wait_hits(1);
    CHECK_EQ(infos[0].si_code, SI_KERNEL);
}

CASE(timer_tells_its_value)
{
    struct sigevent ev = {.sigev_notify = SIGEV_SIGNAL,
                          .sigev_signo = SIGRTMIN + 4,
                          .sigev_value = {.sival_ptr = (void *) 0x123456789abc}};
    struct itimerspec v = {.it_value = {0, 10000000}};
    timer_t id;
    catch (SIGRTMIN + 4, 0);
    CHECK_EQ(timer_create(CLOCK_MONOTONIC, &ev, &id), 0);
    CHECK_EQ(timer_settime(id, 0, &v, NULL), 0);
    wait_hits(1);
    CHECK_EQ(infos[0].si_code, SI_TIMER);
    CHECK((uint64_t) infos[0].si_value.sival_ptr == 0x123456789abc);
    CHECK_EQ(infos[0].si_overrun, 0);
    CHECK_EQ(infos[0].si_timerid, (int) (long) id);
}

CASE(pipe_signal_is_the_threads_own)
{
    int p[2];
    CHECK_EQ(pipe(p), 0);
    close(p[0]);
    catch (SIGPIPE, 0);
    CHECK_ERR(write(p[1], "x", 1), EPIPE);
    CHECK_EQ(hits, 1);
    CHECK_EQ(infos[0].si_code, SI_USER);
    CHECK_EQ(infos[0].si_pid, getpid());
}

/* ---- waiting for them ---- */

CASE(sigtimedwait_corners)
{
    sigset_t s;
    siginfo_t si;
    struct timespec bad = {0, 1000000000}, neg = {-1, 0}, soon = {0, 30000000};
    sigemptyset(&s);
    sigaddset(&s, SIGUSR1);
    block(SIGUSR1);
    CHECK_ERR(sigtimedwait(&s, NULL, &bad), EINVAL);
    CHECK_ERR(sigtimedwait(&s, NULL, &neg), EINVAL);
    CHECK_ERR(syscall(SYS_rt_sigtimedwait, &s, NULL, NULL, 7), EINVAL);
    CHECK_ERR(syscall(SYS_rt_sigtimedwait, 8, NULL, NULL, 8), EFAULT);
    uint64_t from = now_ns();
    CHECK_ERR(sigtimedwait(&s, NULL, &soon), EAGAIN);
    CHECK(now_ns() - from >= 30000000);
    kill(getpid(), SIGUSR1);
    CHECK_ERR(syscall(SYS_rt_sigtimedwait, &s, 8, NULL, 8), EFAULT); /* and it is gone */
    CHECK(!(pending() & 1ull << (SIGUSR1 - 1)));
    kill(getpid(), SIGUSR1);
    CHECK_EQ(sigwaitinfo(&s, &si), SIGUSR1);
    /* SIGKILL and SIGSTOP in the set mean nothing. */
    sigfillset(&s);
    kill(getpid(), SIGUSR1);
    CHECK_EQ(sigwaitinfo(&s, &si), SIGUSR1);
}

/* An ignored signal that is blocked waits all the same, and sigwait takes it. */
CASE(ignored_but_awaited)
{
    sigset_t s;
    signal(SIGUSR1, SIG_IGN);
    block(SIGUSR1);
    block(SIGCHLD);
    kill(getpid(), SIGUSR1);
    kill(getpid(), SIGCHLD);
    sigemptyset(&s);
    sigaddset(&s, SIGUSR1);
    sigaddset(&s, SIGCHLD);
    CHECK_EQ(sigwaitinfo(&s, NULL), SIGUSR1);
    CHECK_EQ(sigwaitinfo(&s, NULL), SIGCHLD);
}

static void *waits_for_usr1(void *arg)
{
    sigset_t s;
    sigemptyset(&s);
    sigaddset(&s, SIGUSR1);
    *(volatile int *) arg = sigwaitinfo(&s, NULL);
    return NULL;
}

CASE(a_thread_waits_for_the_process)
{
    static volatile int got;
    pthread_t th;
    block(SIGUSR1);
    CHECK_EQ(pthread_create(&th, NULL, waits_for_usr1, (void *) &got), 0);
    sleep_ms(20);
    CHECK_EQ(kill(getpid(), SIGUSR1), 0);
    CHECK_EQ(pthread_join(th, NULL), 0);
    CHECK_EQ(got, SIGUSR1);
}

/* ---- flags ---- */

#ifndef SA_UNSUPPORTED
#define SA_UNSUPPORTED 0x400
#endif

CASE(unknown_flags_are_cleared)
{
    struct {
        void *handler;
        uint64_t flags;
        void *restorer;
        uint64_t mask;
    } sa = {keep, SA_UNSUPPORTED | 0x800 /* EXPOSE_TAGBITS */ | SA_RESTART | 0x2000000u, keep,
            ~0ull},
      old;
    CHECK_EQ(syscall(SYS_rt_sigaction, SIGUSR1, &sa, NULL, 8), 0);
    CHECK_EQ(syscall(SYS_rt_sigaction, SIGUSR1, NULL, &old, 8), 0);
    CHECK_EQ(old.flags & (SA_UNSUPPORTED | 0x800 | SA_RESTART), 0x800 | SA_RESTART);
    CHECK(old.mask == (~0ull & ~(1ull << (SIGKILL - 1)) & ~(1ull << (SIGSTOP - 1))));
}

GUEST_MAIN
