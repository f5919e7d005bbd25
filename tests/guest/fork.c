/* SPDX-License-Identifier: Apache-2.0 */
/* fork(2), vfork(2), wait(2), waitid(2), posix_spawn(3): who is whose child and what is told. */
#include "guest.h"
#include <spawn.h>
#include <sys/prctl.h>
#include <sys/resource.h>

int guest_mode(const char *mode, int argc, char **argv)
{
    if (strcmp(mode, "exit") == 0 && argc == 1)
        return atoi(argv[0]);
    return 2;
}

CASE(return_values)
{
    pid_t parent = getpid();
    pid_t pid = (pid_t) CHECK_OK(fork());
    if (pid == 0)
        _exit(getppid() == parent && getpid() != parent && getpid() > 1 ? 0 : 1);
    CHECK(pid > 1 && pid != parent);
    CHECK_EXIT(pid, 0);
}

CASE(memory_is_copied)
{
    static int data = 1;
    int stack = 2, *heap = malloc(sizeof(int));
    *heap = 3;
    pid_t pid = (pid_t) CHECK_OK(fork());
    if (pid == 0) {
        CHECK(data == 1 && stack == 2 && *heap == 3);
        data = stack = *heap = 9;
        _exit(0);
    }
    CHECK_EXIT(pid, 0);
    CHECK(data == 1 && stack == 2 && *heap == 3);
}

CASE(offset_is_shared)
{
    put_file("f", "abcdef", 0600);
    char c;
    int fd = (int) CHECK_OK(open("f", O_RDONLY));
    pid_t pid = (pid_t) CHECK_OK(fork());
    if (pid == 0) {
        CHECK_EQ(read(fd, &c, 1), 1);
        CHECK_EQ(c, 'a');
        _exit(0);
    }
    CHECK_EXIT(pid, 0);
    CHECK_EQ(read(fd, &c, 1), 1);
    CHECK_EQ(c, 'b');
}

CASE(many_in_a_row)
{
    for (int i = 0; i < 200; i++) {
        pid_t pid = (pid_t) CHECK_OK(fork());
        if (pid == 0)
            _exit(i & 0x7f);
        CHECK_EXIT(pid, i & 0x7f);
    }
}

CASE(many_at_once)
{
    enum { N = 50 };
    pid_t pids[N];
    int p[2], seen = 0;
    CHECK_EQ(pipe(p), 0);
    for (int i = 0; i < N; i++) {
        pids[i] = (pid_t) CHECK_OK(fork());
        if (pids[i] == 0) {
            char c;
            close(p[1]);
            _exit(read(p[0], &c, 1) == 0 ? i : 99); /* all of them live until the pipe ends */
        }
        for (int k = 0; k < i; k++)
            CHECK(pids[k] != pids[i]);
    }
    close(p[1]);
    for (int i = 0; i < N; i++) {
        int st;
        pid_t pid = (pid_t) CHECK_OK(wait(&st));
        for (int k = 0; k < N; k++)
            if (pids[k] == pid) {
                CHECK_EQ(st, k << 8);
                seen++;
            }
    }
    CHECK_EQ(seen, N);
    CHECK_ERR(wait(NULL), ECHILD);
}

CASE(nested)
{
    pid_t a = (pid_t) CHECK_OK(fork());
    if (a == 0) {
        pid_t b = fork();
        if (b == 0) {
            pid_t c = fork();
            if (c == 0)
                _exit(3);
            CHECK_EXIT(c, 3);
            _exit(2);
        }
        CHECK_EXIT(b, 2);
        _exit(1);
    }
    CHECK_EXIT(a, 1);
}

CASE(wait_without_children)
{
    int st;
    CHECK_ERR(wait(&st), ECHILD);
    CHECK_ERR(waitpid(-1, &st, WNOHANG), ECHILD);
    CHECK_ERR(waitpid(getpid(), &st, 0), ECHILD);
    CHECK_ERR(waitpid(getppid(), &st, 0), ECHILD);
    CHECK_ERR(waitpid(0x7ffffff0, &st, 0), ECHILD);
}

CASE(wait_bad_options)
{
    siginfo_t si;
    CHECK_ERR(waitpid(-1, NULL, 0x10), EINVAL);
    CHECK_ERR(waitid(P_ALL, 0, &si, 0), EINVAL);
    CHECK_ERR(waitid(99, 0, &si, WEXITED), EINVAL);
}

CASE(wnohang)
{
    int p[2], st = 0x5555;
    char c;
    CHECK_EQ(pipe(p), 0);
    pid_t pid = (pid_t) CHECK_OK(fork());
    if (pid == 0) {
        close(p[1]);
        _exit(read(p[0], &c, 1) != 0);
    }
    CHECK_EQ(waitpid(pid, &st, WNOHANG), 0);
    CHECK_EQ(waitpid(-1, &st, WNOHANG), 0);
    CHECK_EQ(st, 0x5555);
    close(p[1]);
    for (int i = 0; i < 2000; i++) {
        pid_t r = waitpid(pid, &st, WNOHANG);
        if (r == pid)
            break;
        CHECK_EQ(r, 0);
        sleep_ms(1);
    }
    CHECK_EQ(st, 0);
    CHECK_ERR(waitpid(pid, &st, WNOHANG), ECHILD);
}

CASE(waitid_and_wnowait)
{
    siginfo_t si;
    pid_t pid = (pid_t) CHECK_OK(fork());
    if (pid == 0)
        _exit(12);
    for (int i = 0; i < 2; i++) {
        memset(&si, 0, sizeof(si));
        CHECK_EQ(waitid(P_PID, (id_t) pid, &si, WEXITED | WNOWAIT), 0);
        CHECK_EQ(si.si_pid, pid);
        CHECK_EQ(si.si_uid, getuid());
        CHECK_EQ(si.si_signo, SIGCHLD);
        CHECK_EQ(si.si_code, CLD_EXITED);
        CHECK_EQ(si.si_status, 12);
    }
    CHECK_EXIT(pid, 12);
    CHECK_ERR(waitid(P_PID, (id_t) pid, &si, WEXITED), ECHILD);
}

CASE(waitid_killed)
{
    siginfo_t si = {0};
    pid_t pid = (pid_t) CHECK_OK(fork());
    if (pid == 0)
        for (;;)
            pause();
    CHECK_EQ(waitid(P_PID, (id_t) pid, &si, WEXITED | WNOHANG), 0);
    CHECK_EQ(si.si_pid, 0);
    kill(pid, SIGTERM);
    CHECK_EQ(waitid(P_ALL, 0, &si, WEXITED), 0);
    CHECK_EQ(si.si_pid, pid);
    CHECK_EQ(si.si_code, CLD_KILLED);
    CHECK_EQ(si.si_status, SIGTERM);
}

CASE(stop_and_continue)
{
    int st;
    pid_t pid = (pid_t) CHECK_OK(fork());
    if (pid == 0)
        for (;;)
            pause();
    CHECK_EQ(kill(pid, SIGSTOP), 0);
    CHECK_EQ(waitpid(pid, &st, WUNTRACED), pid);
    CHECK(WIFSTOPPED(st) && WSTOPSIG(st) == SIGSTOP);
    CHECK_EQ(waitpid(pid, &st, WUNTRACED | WNOHANG), 0); /* told once */
    CHECK_EQ(kill(pid, SIGCONT), 0);
    CHECK_EQ(waitpid(pid, &st, WCONTINUED), pid);
    CHECK(WIFCONTINUED(st));
    CHECK_EQ(kill(pid, SIGKILL), 0);
    CHECK_KILLED(pid, SIGKILL);
}

CASE(kill_ends_a_stopped_process)
{
    int st;
    pid_t pid = (pid_t) CHECK_OK(fork());
    if (pid == 0) {
        raise(SIGSTOP);
        _exit(0);
    }
    CHECK_EQ(waitpid(pid, &st, WUNTRACED), pid);
    CHECK(WIFSTOPPED(st));
    kill(pid, SIGKILL);
    CHECK_KILLED(pid, SIGKILL);
}

CASE(wait_by_group)
{
    pid_t a = (pid_t) CHECK_OK(fork());
    if (a == 0) {
        setpgid(0, 0);
        _exit(1);
    }
    setpgid(a, a);
    pid_t b = (pid_t) CHECK_OK(fork());
    if (b == 0)
        _exit(2);
    int st;
    CHECK_EQ(waitpid(-a, &st, 0), a);
    CHECK_EQ(st, 1 << 8);
    CHECK_EQ(waitpid(0, &st, 0), b);
    CHECK_EQ(st, 2 << 8);
}

CASE(zombie_keeps_its_number)
{
    siginfo_t si;
    pid_t pid = (pid_t) CHECK_OK(fork());
    if (pid == 0)
        _exit(0);
    CHECK_EQ(waitid(P_PID, (id_t) pid, &si, WEXITED | WNOWAIT), 0);
    CHECK_EQ(kill(pid, 0), 0);
    CHECK_EQ(getpgid(pid), getpgrp());
    CHECK_EXIT(pid, 0);
    CHECK_ERR(kill(pid, 0), ESRCH);
}

CASE(sigchld_ignored_reaps)
{
    signal(SIGCHLD, SIG_IGN);
    pid_t pid = (pid_t) CHECK_OK(fork());
    if (pid == 0)
        _exit(0);
    CHECK_ERR(waitpid(pid, NULL, 0), ECHILD);
}

CASE(orphan_gets_a_new_parent)
{
    int p[2];
    pid_t got = 0;
    CHECK_EQ(pipe(p), 0);
    pid_t pid = (pid_t) CHECK_OK(fork());
    if (pid == 0) {
        pid_t me = getpid();
        if (fork() == 0) {
            for (int i = 0; i < 5000 && getppid() == me; i++)
                sleep_ms(1);
            pid_t now = getppid();
            _exit(write(p[1], &now, sizeof(now)) != sizeof(now));
        }
        _exit(0);
    }
    CHECK_EXIT(pid, 0);
    CHECK_EQ(read(p[0], &got, sizeof(got)), sizeof(got));
    CHECK(got != pid && got >= 1);
    CHECK_ERR(wait(NULL), ECHILD);
}

CASE(subreaper)
{
    int p[2];
    pid_t grandchild;
    CHECK_EQ(prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0), 0);
    CHECK_EQ(pipe(p), 0);
    pid_t pid = (pid_t) CHECK_OK(fork());
    if (pid == 0) {
        pid_t g = fork();
        if (g == 0) {
            sleep_ms(20);
            _exit(44);
        }
        _exit(write(p[1], &g, sizeof(g)) != sizeof(g));
    }
    CHECK_EQ(read(p[0], &grandchild, sizeof(grandchild)), sizeof(grandchild));
    CHECK_EXIT(pid, 0);
    CHECK_EXIT(grandchild, 44);
}

CASE(parent_death_signal)
{
    int p[2];
    char c;
    CHECK_EQ(pipe(p), 0);
    pid_t pid = (pid_t) CHECK_OK(fork());
    if (pid == 0) {
        if (fork() == 0) {
            prctl(PR_SET_PDEATHSIG, SIGKILL);
            CHECK_EQ(write(p[1], "r", 1), 1);
            for (;;)
                pause();
        }
        CHECK_EQ(read(p[0], &c, 1), 1);
        _exit(0);
    }
    close(p[1]);
    CHECK_EXIT(pid, 0);
    CHECK_EQ(read(p[0], &c, 1), 0); /* the grandchild's end of the pipe is gone too */
}

CASE(vfork_shares_memory)
{
    static volatile int seen;
    for (int i = 1; i <= 100; i++) {
        pid_t pid = vfork();
        if (pid == 0) {
            seen = i;
            _exit(i);
        }
        CHECK(pid > 0);
        CHECK_EQ(seen, i);
        CHECK_EXIT(pid, i);
    }
}

CASE(vfork_waits_for_exec)
{
    uint64_t t = now_ns();
    pid_t pid = vfork();
    if (pid == 0) {
        usleep(50000);
        execl(guest_self, guest_self, "--mode", "exit", "6", (char *) NULL);
        _exit(99);
    }
    CHECK(now_ns() - t >= 50000000);
    CHECK_EXIT(pid, 6);
}

CASE(vfork_child_killed)
{
    volatile pid_t child = 0;
    pid_t pid = vfork();
    if (pid == 0) {
        child = getpid();
        kill(child, SIGKILL);
        for (;;)
            pause();
    }
    CHECK_EQ(pid, child);
    CHECK_KILLED(pid, SIGKILL);
}

static volatile sig_atomic_t vfork_hits;
static void vfork_handler(int sig)
{
    (void) sig;
    vfork_hits++;
}

CASE(vfork_then_signals_in_parent)
{
    /* The child's traps must not spoil what the parent saved about its own. */
    stack_t ss = {.ss_sp = malloc(65536), .ss_size = 65536};
    CHECK_EQ(sigaltstack(&ss, NULL), 0);
    struct sigaction sa = {.sa_handler = vfork_handler, .sa_flags = SA_ONSTACK};
    sigaction(SIGUSR1, &sa, NULL);
    for (int i = 0; i < 50; i++) {
        pid_t pid = vfork();
        if (pid == 0) {
            getppid();
            syscall(SYS_kill, syscall(SYS_getppid), SIGUSR1);
            sched_yield();
            _exit(i);
        }
        CHECK_EXIT(pid, i);
    }
    CHECK(vfork_hits > 0);
}

CASE(clone_parent_settid)
{
    int tid = 0, cleared = -1;
    pid_t pid = (pid_t) CHECK_OK(syscall(SYS_clone, 0x00100000 | 0x01000000 | SIGCHLD, 0, &tid,
                                         &cleared, 0)); /* PARENT_SETTID, CHILD_SETTID */
    if (pid == 0)
        _exit(cleared == getpid() ? 0 : 1);
    CHECK_EQ(tid, pid);
    CHECK_EQ(cleared, -1);
    CHECK_EXIT(pid, 0);
}

CASE(clone_without_signal)
{
    int st;
    pid_t pid = (pid_t) CHECK_OK(syscall(SYS_clone, 0, 0, 0, 0, 0));
    if (pid == 0)
        _exit(4);
    CHECK_ERR(waitpid(pid, &st, 0), ECHILD);
    CHECK_EQ(waitpid(pid, &st, 0x80000000), pid); /* __WCLONE */
    CHECK_EQ(st, 4 << 8);
}

CASE(spawn)
{
    char *argv[] = {(char *) guest_self, "--mode", "exit", "19", NULL};
    for (int i = 0; i < 20; i++) {
        pid_t pid = 0;
        CHECK_EQ(posix_spawn(&pid, guest_self, NULL, NULL, argv, environ), 0);
        CHECK_EXIT(pid, 19);
    }
}

CASE(spawn_failure_is_told)
{
    char *argv[] = {"x", NULL};
    pid_t pid = 0;
    CHECK_EQ(posix_spawn(&pid, "/nonexistent/x", NULL, NULL, argv, environ), ENOENT);
    CHECK_EQ(posix_spawn(&pid, "/", NULL, NULL, argv, environ), EACCES);
    CHECK_ERR(wait(NULL), ECHILD);
}

CASE(spawn_file_actions)
{
    char *argv[] = {"sh", "-c", "echo hi; exit 4", NULL}, buf[64];
    posix_spawn_file_actions_t fa;
    pid_t pid = 0;
    CHECK_EQ(posix_spawn_file_actions_init(&fa), 0);
    CHECK_EQ(posix_spawn_file_actions_addopen(&fa, 1, "out", O_WRONLY | O_CREAT, 0600), 0);
    CHECK_EQ(posix_spawn(&pid, "/bin/sh", &fa, NULL, argv, environ), 0);
    CHECK_EXIT(pid, 4);
    get_file("out", buf, sizeof(buf));
    CHECK_STR(buf, "hi\n");
}

CASE(rusage_of_children)
{
    struct rusage ru;
    pid_t pid = (pid_t) CHECK_OK(fork());
    if (pid == 0) {
        for (uint64_t t = now_ns(); now_ns() - t < 60000000;)
            ;
        _exit(0);
    }
    CHECK_EQ(wait4(pid, NULL, 0, &ru), pid);
    CHECK(ru.ru_utime.tv_sec * 1000000 + ru.ru_utime.tv_usec + ru.ru_stime.tv_sec * 1000000 +
              ru.ru_stime.tv_usec >=
          10000);
    CHECK_EQ(getrusage(RUSAGE_CHILDREN, &ru), 0);
    CHECK(ru.ru_utime.tv_sec * 1000000 + ru.ru_utime.tv_usec + ru.ru_stime.tv_sec * 1000000 +
              ru.ru_stime.tv_usec >=
          10000);
}

GUEST_MAIN
