/* SPDX-License-Identifier: Apache-2.0 */
/* execve(2): images, scripts, errors, and what survives the change of program. */
#include "guest.h"
#include <pthread.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/resource.h>

int guest_mode(const char *mode, int argc, char **argv)
{
    int n = argc > 0 ? atoi(argv[0]) : 0;
    sigset_t set;
    struct sigaction sa;
    if (strcmp(mode, "exit") == 0)
        return n;
    if (strcmp(mode, "nap") == 0)
        return usleep(n * 1000);
    if (strcmp(mode, "fd-closed") == 0)
        return !(fcntl(n, F_GETFD) < 0 && errno == EBADF);
    if (strcmp(mode, "fd-open") == 0)
        return fcntl(n, F_GETFD) != 0;
    if (strcmp(mode, "pid") == 0)
        return getpid() != n || gettid() != n;
    if (strcmp(mode, "signals") == 0) {
        if (sigaction(SIGUSR1, NULL, &sa) || sa.sa_handler != SIG_DFL)
            return 1;
        if (sigaction(SIGUSR2, NULL, &sa) || sa.sa_handler != SIG_IGN)
            return 2;
        if (sigprocmask(SIG_BLOCK, NULL, &set) || !sigismember(&set, SIGTERM) ||
            sigismember(&set, SIGINT))
            return 3;
        if (sigpending(&set) || !sigismember(&set, SIGTERM))
            return 4;
        return 0;
    }
    if (strcmp(mode, "altstack") == 0) {
        stack_t ss;
        return sigaltstack(NULL, &ss) || !(ss.ss_flags & SS_DISABLE);
    }
    if (strcmp(mode, "name") == 0) {
        char name[17] = {0};
        return prctl(PR_GET_NAME, name) || strcmp(name, argv[0]) != 0;
    }
    if (strcmp(mode, "rest") == 0) {
        char cwd[4096];
        struct rlimit rl;
        mode_t m = umask(0);
        return !(getcwd(cwd, sizeof(cwd)) && strcmp(cwd, argv[0]) == 0 && m == 051 &&
                 getrlimit(RLIMIT_NOFILE, &rl) == 0 && rl.rlim_cur == 200);
    }
    if (strcmp(mode, "offset") == 0)
        return lseek(n, 0, SEEK_CUR) != 3;
    if (strcmp(mode, "say") == 0) {
        for (int i = 0; i < argc; i++)
            printf("[%s]", argv[i]);
        printf("\n");
        return 0;
    }
    return 2;
}

/* Runs argv with its output in the file "out"; the wait status. */
static int run(const char *path, char **argv)
{
    int st = -1;
    pid_t pid = (pid_t) CHECK_OK(fork());
    if (pid == 0) {
        int fd = open("out", O_WRONLY | O_CREAT | O_TRUNC, 0600);
        dup2(fd, 1);
        execve(path, argv, environ);
        _exit(100 + (errno == ENOENT) + 2 * (errno == EACCES));
    }
    CHECK_EQ(waitpid(pid, &st, 0), pid);
    return st;
}

static void expect_mode(const char *mode, const char *arg, int code)
{
    char *argv[] = {(char *) guest_self, "--mode", (char *) mode, (char *) arg, NULL};
    pid_t pid = (pid_t) CHECK_OK(fork());
    if (pid == 0) {
        execv(guest_self, argv);
        _exit(99);
    }
    CHECK_EXIT(pid, code);
}

CASE(simple)
{
    expect_mode("exit", "23", 23);
}

CASE(chain_of_many)
{
    char script[] = "n=$1; if [ $n -gt 0 ]; then exec /bin/sh \"$0\" $((n - 1)); fi; exit 7";
    char *argv[] = {"sh", "s", "60", NULL};
    put_file("s", script, 0755);
    CHECK_EQ(run("/bin/sh", argv), 7 << 8);
}

CASE(pid_stays)
{
    char num[16];
    pid_t pid = (pid_t) CHECK_OK(fork());
    if (pid == 0) {
        snprintf(num, sizeof(num), "%d", getpid());
        execl(guest_self, guest_self, "--mode", "pid", num, (char *) NULL);
        _exit(99);
    }
    CHECK_EXIT(pid, 0);
}

CASE(errors)
{
    char *argv[] = {"x", NULL};
    put_file("plain", "no program", 0644);
    put_file("garbage", "\x01\x02\x03\x04 this is no program", 0755);
    put_file("empty", "", 0755);
    put_file("badelf",
             "\x7f"
             "ELF and then nothing",
             0755);
    put_file("noint", "#!/nonexistent/shell\n", 0755);
    put_file("dirint", "#!/\n", 0755);
    put_file("bareint", "#!\n", 0755);
    CHECK_EQ(symlink("loop", "loop"), 0);
    CHECK_ERR(execve("/nonexistent", argv, environ), ENOENT);
    CHECK_ERR(execve("", argv, environ), ENOENT);
    CHECK_ERR(execve("plain/x", argv, environ), ENOTDIR);
    CHECK_ERR(execve(".", argv, environ), EACCES);
    CHECK_ERR(execve("plain", argv, environ), EACCES);
    CHECK_ERR(execve("garbage", argv, environ), ENOEXEC);
    CHECK_ERR(execve("empty", argv, environ), ENOEXEC);
    CHECK_ERR(execve("badelf", argv, environ), ENOEXEC);
    CHECK_ERR(execve("noint", argv, environ), ENOENT);
    CHECK_ERR(execve("dirint", argv, environ), EACCES);
    CHECK_ERR(execve("bareint", argv, environ), ENOEXEC);
    CHECK_ERR(execve("loop", argv, environ), ELOOP);
    CHECK_ERR(execve((char *) 1, argv, environ), EFAULT);
    CHECK_ERR(execve("/bin/true", (char **) 1, environ), EFAULT);
    CHECK_ERR(execve("/bin/true", argv, (char **) 8), EFAULT);
}

CASE(argument_string_too_long)
{
    size_t n = 131072; /* MAX_ARG_STRLEN with its NUL */
    char *big = malloc(n + 1);
    char *argv[] = {"true", big, NULL};
    memset(big, 'x', n);
    big[n] = 0;
    CHECK_ERR(execve("/bin/true", argv, environ), E2BIG);
    big[n - 1] = 0;
    CHECK_EQ(run("/bin/true", argv), 0);
}

CASE(arguments_too_many)
{
    /* A quarter of the stack limit, and never more than 6 MiB. */
    static char *argv[20000];
    char *big = malloc(1001);
    memset(big, 'y', 1000);
    big[1000] = 0;
    argv[0] = "true";
    for (int i = 1; i < 10000; i++)
        argv[i] = big;
    CHECK_ERR(execve("/bin/true", argv, environ), E2BIG);
    argv[1500] = NULL;
    CHECK_EQ(run("/bin/true", argv), 0);
}

CASE(many_arguments_arrive)
{
    static char *argv[5004];
    char buf[65536], num[5000][8];
    argv[0] = (char *) guest_self, argv[1] = "--mode", argv[2] = "say";
    for (int i = 0; i < 5000; i++) {
        snprintf(num[i], sizeof(num[i]), "%d", i);
        argv[3 + i] = num[i];
    }
    CHECK_EQ(run(guest_self, argv), 0);
    size_t n = get_file("out", buf, sizeof(buf));
    CHECK(n > 20000 && strncmp(buf, "[0][1][2]", 9) == 0);
    CHECK_STR(buf + n - 7, "[4999]\n");
}

CASE(script)
{
    char *argv[] = {"zero", "one", "two", NULL}, buf[256];
    put_file("s", "#!/bin/sh\necho \"$0|$1|$2|$#\"\nexit 5\n", 0755);
    CHECK_EQ(run("./s", argv), 5 << 8);
    get_file("out", buf, sizeof(buf));
    CHECK_STR(buf, "./s|one|two|2\n");
}

CASE(script_argument_is_one_word)
{
    char *argv[] = {"z", "end", NULL}, buf[512], line[256], want[512];
    int n = snprintf(line, sizeof(line), "#! \t%s  --mode say a b  \nx\n", guest_self);
    CHECK(n < 250);
    /* The kernel passes the rest of the line as one argument: the program has no such mode. */
    put_file("s", line, 0755);
    put_file("one", "#!/bin/echo  a b  c \t\n", 0755);
    CHECK_EQ(run("./one", argv), 0);
    get_file("out", buf, sizeof(buf));
    snprintf(want, sizeof(want), "a b  c ./one end\n");
    CHECK_STR(buf, want);
}

CASE(script_nested)
{
    char *argv[] = {"z", "x", NULL}, buf[512], line[300], cwd[200];
    CHECK(getcwd(cwd, sizeof(cwd)) != NULL);
    put_file("s1", "#!/bin/sh\necho \"$@\"\n", 0755);
    snprintf(line, sizeof(line), "#!%s/s1 in\n", cwd);
    put_file("s2", line, 0755);
    snprintf(line, sizeof(line), "#!%s/s2\n", cwd);
    put_file("s3", line, 0755);
    CHECK_EQ(run("./s3", argv), 0);
    get_file("out", buf, sizeof(buf));
    snprintf(line, sizeof(line), "in %s/s2 ./s3 x\n", cwd);
    CHECK_STR(buf, line);
}

CASE(script_nested_too_deep)
{
    char name[8], line[300], cwd[200];
    char *argv[] = {"z", NULL};
    CHECK(getcwd(cwd, sizeof(cwd)) != NULL);
    put_file("s0", "#!/bin/true\n", 0755);
    for (int i = 1; i < 9; i++) {
        snprintf(name, sizeof(name), "s%d", i);
        snprintf(line, sizeof(line), "#!%s/s%d\n", cwd, i - 1);
        put_file(name, line, 0755);
    }
    CHECK_EQ(run("./s4", argv), 0);
    CHECK_ERR(execve("./s8", argv, environ), ELOOP);
}

CASE(script_line_too_long)
{
    char line[600], *argv[] = {"z", NULL};
    memset(line, 'a', sizeof(line));
    memcpy(line, "#!/", 3);
    line[599] = 0;
    put_file("s", line, 0755);
    CHECK_ERR(execve("./s", argv, environ), ENOEXEC);
}

CASE(descriptors)
{
    char num[16];
    int a = (int) CHECK_OK(open("/dev/null", O_RDONLY | O_CLOEXEC));
    snprintf(num, sizeof(num), "%d", a);
    expect_mode("fd-closed", num, 0);
    CHECK_EQ(fcntl(a, F_SETFD, 0), 0);
    expect_mode("fd-open", num, 0);
    put_file("f", "abcdef", 0600);
    int b = (int) CHECK_OK(open("f", O_RDONLY));
    CHECK_EQ(lseek(b, 3, SEEK_SET), 3);
    snprintf(num, sizeof(num), "%d", b);
    expect_mode("offset", num, 0);
}

static void handler(int sig)
{
    (void) sig;
}

CASE(signals)
{
    pid_t pid = (pid_t) CHECK_OK(fork());
    if (pid == 0) {
        sigset_t set;
        signal(SIGUSR1, handler);
        signal(SIGUSR2, SIG_IGN);
        sigemptyset(&set);
        sigaddset(&set, SIGTERM);
        sigprocmask(SIG_SETMASK, &set, NULL);
        raise(SIGTERM);
        execl(guest_self, guest_self, "--mode", "signals", (char *) NULL);
        _exit(99);
    }
    CHECK_EXIT(pid, 0);
}

CASE(altstack_is_forgotten)
{
    stack_t ss = {.ss_sp = malloc(65536), .ss_size = 65536};
    CHECK_EQ(sigaltstack(&ss, NULL), 0);
    expect_mode("altstack", NULL, 0);
}

CASE(name_follows)
{
    const char *base = strrchr(guest_self, '/') + 1;
    char want[16];
    snprintf(want, sizeof(want), "%s", base);
    prctl(PR_SET_NAME, "other");
    expect_mode("name", want, 0);
}

CASE(the_rest_survives)
{
    char cwd[4096];
    CHECK(getcwd(cwd, sizeof(cwd)) != NULL);
    pid_t pid = (pid_t) CHECK_OK(fork());
    if (pid == 0) {
        struct rlimit rl = {200, 300};
        umask(051);
        setrlimit(RLIMIT_NOFILE, &rl);
        execl(guest_self, guest_self, "--mode", "rest", cwd, (char *) NULL);
        _exit(99);
    }
    CHECK_EXIT(pid, 0);
}

static void *exec_thread(void *arg)
{
    char num[16];
    (void) arg;
    snprintf(num, sizeof(num), "%d", getpid());
    execl(guest_self, guest_self, "--mode", "pid", num, (char *) NULL);
    _exit(99);
}

static void *idle_thread(void *arg)
{
    (void) arg;
    for (;;)
        pause();
    return NULL;
}

CASE(from_a_thread)
{
    for (int i = 0; i < 10; i++) {
        pid_t pid = (pid_t) CHECK_OK(fork());
        if (pid == 0) {
            pthread_t th;
            for (int k = 0; k < 4; k++)
                pthread_create(&th, NULL, idle_thread, NULL);
            pthread_create(&th, NULL, exec_thread, NULL);
            for (;;)
                pause();
        }
        CHECK_EXIT(pid, 0);
    }
}

CASE(failed_exec_harms_nothing)
{
    char *argv[] = {"x", NULL};
    int fd = (int) CHECK_OK(open("/dev/null", O_RDONLY | O_CLOEXEC));
    signal(SIGUSR1, handler);
    CHECK_ERR(execve("/nonexistent", argv, environ), ENOENT);
    CHECK(fcntl(fd, F_GETFD) == FD_CLOEXEC);
    CHECK_EQ(raise(SIGUSR1), 0);
}

CASE(execveat_by_descriptor)
{
    int fd = (int) CHECK_OK(open(guest_self, O_PATH | O_CLOEXEC));
    char *argv[] = {"self", "--mode", "exit", "31", NULL};
    pid_t pid = (pid_t) CHECK_OK(fork());
    if (pid == 0) {
        syscall(SYS_execveat, fd, "", argv, environ, AT_EMPTY_PATH);
        _exit(99);
    }
    CHECK_EXIT(pid, 31);
}

CASE(execveat_by_directory)
{
    int dir = (int) CHECK_OK(open("/bin", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    char *argv[] = {"false", NULL};
    pid_t pid = (pid_t) CHECK_OK(fork());
    if (pid == 0) {
        syscall(SYS_execveat, dir, "false", argv, environ, 0);
        _exit(99);
    }
    CHECK_EXIT(pid, 1);
}

CASE(written_program_runs)
{
    char *argv[] = {"copy", "--mode", "exit", "8", NULL};
    char *copy[] = {"cp", (char *) guest_self, "copy", NULL};
    CHECK_EQ(run("/bin/cp", copy), 0);
    CHECK_EQ(run("./copy", argv), 8 << 8);
    int fd = (int) CHECK_OK(open("copy", O_WRONLY));
    CHECK_ERR(execv("./copy", argv), ETXTBSY);
    close(fd);
    CHECK_EQ(chmod("copy", 0644), 0);
    CHECK_ERR(execv("./copy", argv), EACCES);
}

static int nap(void *arg)
{
    (void) arg;
    execl(guest_self, guest_self, "--mode", "nap", "300", (char *) NULL);
    return 1;
}

/* Processes that share their dispositions, and leave them one after the other. */
CASE(shared_dispositions_left_by_each)
{
    static char stacks[4][1 << 16] __attribute__((aligned(16)));
    CHECK_EQ(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
    pid_t pid = (pid_t) CHECK_OK(fork());
    if (pid == 0) {
        for (int i = 0; i < 3; i++) {
            int ends[2];
            char c;
            CHECK_EQ(pipe2(ends, O_CLOEXEC), 0);
            CHECK(clone(nap, stacks[i + 1], CLONE_VM | CLONE_SIGHAND | SIGCHLD, NULL) > 0);
            close(ends[1]);
            CHECK_EQ(read(ends[0], &c, 1), 0); /* it has a new image */
            close(ends[0]);
        }
        execl(guest_self, guest_self, "--mode", "exit", "0", (char *) NULL);
        _exit(1);
    }
    CHECK_EXIT(pid, 0);
    for (int i = 0; i < 3; i++) {
        int status = -1;
        CHECK(waitpid(-1, &status, 0) > 0);
        CHECK_EQ(status, 0);
    }
}

GUEST_MAIN
