/* SPDX-License-Identifier: Apache-2.0 */
/* How a process ends and what its parent is told: exit(2), exit_group(2), death by signal. */
#include "guest.h"
#include <pthread.h>

static void *leave_group(void *arg)
{
    _exit((int) (intptr_t) arg);
}

static void *leave_late(void *arg)
{
    sleep_ms(50);
    _exit((int) (intptr_t) arg);
}

CASE(codes)
{
    static const int codes[] = {0, 1, 2, 77, 127, 128, 254, 255};
    for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
        pid_t pid = (pid_t) CHECK_OK(fork());
        if (pid == 0)
            _exit(codes[i]);
        CHECK_EXIT(pid, codes[i]);
    }
}

CASE(codes_are_eight_bits)
{
    static const int codes[][2] = {{256, 0}, {257, 1}, {-1, 255}, {0x12345678, 0x78}};
    for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
        pid_t pid = (pid_t) CHECK_OK(fork());
        if (pid == 0)
            syscall(SYS_exit_group, codes[i][0]);
        CHECK_EXIT(pid, codes[i][1]);
    }
}

CASE(raw_exit_of_the_only_thread)
{
    pid_t pid = (pid_t) CHECK_OK(fork());
    if (pid == 0)
        syscall(SYS_exit, 33);
    CHECK_EXIT(pid, 33);
}

static void say_bye(void)
{
    if (write(1, "# bye\n", 6) != 6)
        _exit(9);
}

CASE(atexit_runs)
{
    int p[2];
    char buf[16];
    CHECK_EQ(pipe(p), 0);
    pid_t pid = (pid_t) CHECK_OK(fork());
    if (pid == 0) {
        dup2(p[1], 1);
        atexit(say_bye);
        exit(5);
    }
    close(p[1]);
    CHECK_EXIT(pid, 5);
    CHECK_EQ(read(p[0], buf, sizeof(buf)), 6);
    CHECK_EQ(read(p[0], buf, sizeof(buf)), 0);
}

CASE(exit_group_from_a_thread)
{
    for (int i = 0; i < 20; i++) {
        pid_t pid = (pid_t) CHECK_OK(fork());
        if (pid == 0) {
            pthread_t th;
            pthread_create(&th, NULL, leave_group, (void *) (intptr_t) (40 + i));
            for (;;)
                pause();
        }
        CHECK_EXIT(pid, 40 + i);
    }
}

CASE(main_thread_leaves_first)
{
    /* The process lives on until its last thread is gone; the group's code counts. */
    pid_t pid = (pid_t) CHECK_OK(fork());
    if (pid == 0) {
        pthread_t th;
        pthread_create(&th, NULL, leave_late, (void *) (intptr_t) 21);
        syscall(SYS_exit, 7);
    }
    int st;
    CHECK_EQ(waitpid(pid, &st, WNOHANG), 0);
    CHECK_EXIT(pid, 21);
}

CASE(death_by_signal)
{
    static const int sigs[] = {SIGHUP,  SIGINT,    SIGKILL, SIGUSR1, SIGUSR2, SIGPIPE, SIGALRM,
                               SIGTERM, SIGVTALRM, SIGPROF, SIGIO,   34,      64};
    for (size_t i = 0; i < sizeof(sigs) / sizeof(sigs[0]); i++) {
        pid_t pid = (pid_t) CHECK_OK(fork());
        if (pid == 0) {
            signal(sigs[i], SIG_DFL); /* whoever runs the tests may ignore it */
            kill(getpid(), sigs[i]);
            _exit(1);
        }
        CHECK_KILLED(pid, sigs[i]);
    }
}

CASE(death_by_core_signal)
{
    static const int sigs[] = {SIGQUIT, SIGILL,  SIGTRAP, SIGABRT, SIGBUS,
                               SIGFPE,  SIGSEGV, SIGXCPU, SIGXFSZ, SIGSYS};
    for (size_t i = 0; i < sizeof(sigs) / sizeof(sigs[0]); i++) {
        pid_t pid = (pid_t) CHECK_OK(fork());
        int st = 0;
        if (pid == 0) {
            signal(sigs[i], SIG_DFL); /* whoever runs the tests may ignore it */
            kill(getpid(), sigs[i]);
            _exit(1);
        }
        CHECK_EQ(waitpid(pid, &st, 0), pid);
        CHECK(WIFSIGNALED(st));
        CHECK_EQ(WTERMSIG(st), sigs[i]); /* whether a core was written is the host's affair */
    }
}

CASE(ignored_by_default)
{
    static const int sigs[] = {SIGCHLD, SIGURG, SIGWINCH, SIGCONT};
    for (size_t i = 0; i < sizeof(sigs) / sizeof(sigs[0]); i++)
        CHECK_EQ(kill(getpid(), sigs[i]), 0);
}

CASE(abort_even_if_ignored)
{
    pid_t pid = (pid_t) CHECK_OK(fork());
    int st = 0;
    if (pid == 0) {
        signal(SIGABRT, SIG_IGN);
        abort();
    }
    CHECK_EQ(waitpid(pid, &st, 0), pid);
    CHECK(WIFSIGNALED(st) && WTERMSIG(st) == SIGABRT);
}

CASE(death_closes_descriptors)
{
    int p[2];
    char c;
    CHECK_EQ(pipe(p), 0);
    pid_t pid = (pid_t) CHECK_OK(fork());
    if (pid == 0)
        for (;;)
            pause();
    close(p[1]);
    CHECK_EQ(kill(pid, SIGKILL), 0);
    CHECK_EQ(read(p[0], &c, 1), 0);
    CHECK_KILLED(pid, SIGKILL);
}

GUEST_MAIN
