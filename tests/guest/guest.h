/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The frame of every guest test: a plain Linux program made of named cases.
 *
 *   CASE(pipe_eof) { ... CHECK_EQ(read(fd, buf, 1), 0); ... }
 *   GUEST_MAIN
 *
 * Each case runs in a forked child with a scratch directory of its own as working directory, so
 * that a case that fails, crashes or leaves a mess does not hide the next. One line per case goes
 * to standard output: "ok NAME", "ok NAME # skip WHY" or "not ok NAME: FILE:LINE: WHAT". A check
 * that fails in a child of a case prints "# WHAT" and exits with 1; the case has to look at that
 * status (CHECK_EXIT). Nothing here needs more of the kernel than fork, wait, write, mkdir and
 * chdir; --no-fork takes away the first two.
 *
 * usage: PROG [--list] [--no-fork] [--from CASE] [CASE...]
 */
#pragma once
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define UNUSED   __attribute__((unused))
#define NOINLINE __attribute__((noinline))

struct guest_case {
    const char *name;
    void (*run)(void);
    int line; /* the order of the source, whatever the linker does */
};

/* The linker gathers these pointers between __start_guest_cases and __stop_guest_cases. */
#define CASE(id)                                                                                   \
    static void case_##id(void);                                                                   \
    static const struct guest_case entry_##id = {#id, case_##id, __LINE__};                        \
    static const struct guest_case *const ref_##id __attribute__((used, section("guest_cases"))) = \
        &entry_##id;                                                                               \
    static void case_##id(void)

extern const struct guest_case *const __start_guest_cases[];
extern const struct guest_case *const __stop_guest_cases[];

static const char *guest_name = "?"; /* of the running case */
static const char *guest_self;       /* absolute path of this program */
static int guest_argc UNUSED;
static char **guest_argv, **guest_envp UNUSED;
static bool guest_forks = true;
static pid_t guest_pid; /* the process that speaks for the case */
static sigjmp_buf guest_return;

enum { GUEST_EXIT_FAIL = 1, GUEST_EXIT_SKIP = 77 };

static void guest_say(const char *text)
{
    size_t left = strlen(text);
    while (left > 0) {
        ssize_t n = write(1, text, left);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return;
        text += n;
        left -= (size_t) n;
    }
}

static __attribute__((noreturn)) void guest_leave(int code)
{
    if (!guest_forks && getpid() == guest_pid)
        siglongjmp(guest_return, code);
    _exit(code);
}

static __attribute__((noreturn, format(printf, 3, 4))) void guest_fail(const char *file, int line,
                                                                       const char *fmt, ...)
{
    char what[1024], out[1400];
    const char *base = strrchr(file, '/');
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(what, sizeof(what), fmt, ap);
    va_end(ap);
    if (getpid() == guest_pid)
        snprintf(out, sizeof(out), "not ok %s: %s:%d: %s\n", guest_name, base ? base + 1 : file,
                 line, what);
    else
        snprintf(out, sizeof(out), "# %s (in a child): %s:%d: %s\n", guest_name,
                 base ? base + 1 : file, line, what);
    guest_say(out);
    guest_leave(GUEST_EXIT_FAIL);
}

static UNUSED __attribute__((noreturn)) void guest_skip(const char *why)
{
    char out[512];
    snprintf(out, sizeof(out), "ok %s # skip %s\n", guest_name, why);
    guest_say(out);
    guest_leave(GUEST_EXIT_SKIP);
}

#define FAIL(...) guest_fail(__FILE__, __LINE__, __VA_ARGS__)
#define SKIP(why) guest_skip(why)

#define CHECK(cond)                                                                  \
    do {                                                                             \
        if (!(cond))                                                                 \
            FAIL("expected %s (errno %d %s)", #cond, errno, strerrorname_np(errno)); \
    } while (0)

#define CHECK_EQ(expr, want)                                                    \
    do {                                                                        \
        long long got_ = (long long) (expr), want_ = (long long) (want);        \
        if (got_ != want_)                                                      \
            FAIL("%s: expected %lld (0x%llx), got %lld (0x%llx)", #expr, want_, \
                 (unsigned long long) want_, got_, (unsigned long long) got_);  \
    } while (0)

/* The call succeeds (result >= 0); its value. */
#define CHECK_OK(expr)                                                            \
    ({                                                                            \
        long long ok_ = (long long) (expr);                                       \
        if (ok_ < 0)                                                              \
            FAIL("%s: expected success, got %lld errno %d %s", #expr, ok_, errno, \
                 strerrorname_np(errno));                                         \
        ok_;                                                                      \
    })

/* The call fails with -1 and exactly this errno. */
#define CHECK_ERR(expr, want)                                                          \
    do {                                                                               \
        errno = 0;                                                                     \
        long long got_ = (long long) (expr);                                           \
        int err_ = errno;                                                              \
        if (got_ != -1 || err_ != (want))                                              \
            FAIL("%s: expected -1 %s, got %lld errno %d %s", #expr, #want, got_, err_, \
                 strerrorname_np(err_));                                               \
    } while (0)

#define CHECK_STR(expr, want)                                                          \
    do {                                                                               \
        const char *gs_ = (expr), *ws_ = (want);                                       \
        if (!gs_ || strcmp(gs_, ws_) != 0)                                             \
            FAIL("%s: expected \"%s\", got \"%s\"", #expr, ws_, gs_ ? gs_ : "(null)"); \
    } while (0)

#define CHECK_MEM(expr, want, n)                                                  \
    do {                                                                          \
        if (memcmp((expr), (want), (n)) != 0)                                     \
            FAIL("%s: the %zu bytes differ from %s", #expr, (size_t) (n), #want); \
    } while (0)

#define CHECK_MAP(expr)                                                    \
    ({                                                                     \
        void *map_ = (expr);                                               \
        if (map_ == MAP_FAILED)                                            \
            FAIL("%s: errno %d %s", #expr, errno, strerrorname_np(errno)); \
        map_;                                                              \
    })

#define CHECK_STATUS(pid, want)                                                                \
    do {                                                                                       \
        int st_ = -1;                                                                          \
        pid_t p_ = (pid), r_;                                                                  \
        do                                                                                     \
            r_ = waitpid(p_, &st_, 0);                                                         \
        while (r_ < 0 && errno == EINTR);                                                      \
        if (r_ != p_ || st_ != (want))                                                         \
            FAIL("wait for %s: expected status 0x%x, got pid %d (of %d) status 0x%x errno %d", \
                 #pid, (unsigned) (want), r_, p_, (unsigned) st_, errno);                      \
    } while (0)
#define CHECK_EXIT(pid, code)  CHECK_STATUS(pid, (code) << 8)
#define CHECK_KILLED(pid, sig) CHECK_STATUS(pid, (sig))

static UNUSED uint64_t now_ns(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (uint64_t) ts.tv_sec * 1000000000u + (uint64_t) ts.tv_nsec;
}

static UNUSED void sleep_ms(int ms)
{
    struct timespec ts = {ms / 1000, (long) (ms % 1000) * 1000000};
    while (nanosleep(&ts, &ts) < 0 && errno == EINTR)
        ;
}

/* Makes a file of the scratch directory with this text. */
static UNUSED void put_file(const char *name, const char *text, mode_t mode)
{
    int fd = open(name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);
    CHECK(fd >= 0);
    CHECK_EQ(write(fd, text, strlen(text)), strlen(text));
    CHECK_EQ(fchmod(fd, mode), 0);
    CHECK_EQ(close(fd), 0);
}

/* The whole of a small file, NUL-terminated; length returned. */
static UNUSED size_t get_file(const char *name, char *buf, size_t cap)
{
    size_t have = 0;
    int fd = open(name, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        FAIL("open %s: errno %d %s", name, errno, strerrorname_np(errno));
    for (;;) {
        ssize_t n = read(fd, buf + have, cap - 1 - have);
        if (n < 0)
            FAIL("read %s: errno %d %s", name, errno, strerrorname_np(errno));
        if (n == 0)
            break;
        have += (size_t) n;
    }
    buf[have] = 0;
    close(fd);
    return have;
}

/* A program that is started again by its own cases defines this; PROG --mode MODE ARGS. */
int guest_mode(const char *mode, int argc, char **argv) __attribute__((weak));

static int guest_order(const void *a, const void *b)
{
    return (*(const struct guest_case *const *) a)->line -
           (*(const struct guest_case *const *) b)->line;
}

static void guest_enter_scratch(const char *root, const char *name)
{
    if (chdir(root) == 0) {
        mkdir(name, 0777);
        if (chdir(name) == 0)
            return;
    }
    /* Without a place to write, cases about files say so themselves. */
    guest_say("# no scratch directory\n");
}

static bool guest_run_here(const struct guest_case *c)
{
    char out[256];
    guest_pid = getpid();
    switch (sigsetjmp(guest_return, 1)) {
    case 0:
        c->run();
        snprintf(out, sizeof(out), "ok %s\n", c->name);
        guest_say(out);
        return true;
    case GUEST_EXIT_SKIP:
        return true;
    default:
        return false;
    }
}

static bool guest_run_forked(const struct guest_case *c, const char *scratch)
{
    char out[256];
    int st = 0;
    pid_t pid = fork(), r;
    if (pid < 0) {
        snprintf(out, sizeof(out), "not ok %s: fork: errno %d\n", c->name, errno);
        guest_say(out);
        return false;
    }
    if (pid == 0) {
        setpgid(0, 0); /* so that what a case leaves behind can be found and ended */
        guest_pid = getpid();
        guest_enter_scratch(scratch, c->name);
        c->run();
        _exit(0);
    }
    do
        r = waitpid(pid, &st, 0);
    while (r < 0 && errno == EINTR);
    kill(-pid, SIGKILL);
    if (r == pid && WIFEXITED(st) && WEXITSTATUS(st) == GUEST_EXIT_SKIP)
        return true;
    if (r == pid && WIFEXITED(st) && WEXITSTATUS(st) == GUEST_EXIT_FAIL)
        return false;
    if (r == pid && st == 0)
        snprintf(out, sizeof(out), "ok %s\n", c->name);
    else if (r == pid && WIFSIGNALED(st))
        snprintf(out, sizeof(out), "not ok %s: killed by signal %d\n", c->name, WTERMSIG(st));
    else
        snprintf(out, sizeof(out), "not ok %s: wait gave %d, status 0x%x\n", c->name, (int) r,
                 (unsigned) st);
    guest_say(out);
    return r == pid && st == 0;
}

static bool guest_wanted(const char *name, int argc, char **argv, int first)
{
    if (first >= argc)
        return true;
    for (int i = first; i < argc; i++)
        if (strcmp(name, argv[i]) == 0)
            return true;
    return false;
}

static int guest_main(int argc, char **argv, char **envp)
{
    static const struct guest_case *cases[512];
    size_t n = (size_t) (__stop_guest_cases - __start_guest_cases);
    bool list = false, good = true;
    const char *from = NULL;
    char own[] = "/tmp/guest-XXXXXX";
    const char *scratch = own;
    int i = 1;

    guest_argc = argc, guest_argv = argv, guest_envp = envp, guest_self = argv[0];
    guest_pid = getpid();
    if (argc > 2 && strcmp(argv[1], "--mode") == 0 && guest_mode)
        return guest_mode(argv[2], argc - 3, argv + 3);
    for (; i < argc && argv[i][0] == '-'; i++) {
        if (strcmp(argv[i], "--list") == 0)
            list = true;
        else if (strcmp(argv[i], "--no-fork") == 0)
            guest_forks = false;
        else if (strcmp(argv[i], "--from") == 0 && i + 1 < argc)
            from = argv[++i];
        else if (strcmp(argv[i], "--in") == 0 && i + 1 < argc)
            scratch = argv[++i];
    }
    for (size_t k = 0; k < n && k < 512; k++)
        cases[k] = __start_guest_cases[k];
    qsort(cases, n, sizeof(cases[0]), guest_order);
    umask(022);
    if (!list && scratch == own && !mkdtemp(own))
        guest_say("# mkdtemp failed\n");
    for (size_t k = 0; k < n; k++) {
        if (from && strcmp(from, cases[k]->name) == 0)
            from = NULL;
        if (from || !guest_wanted(cases[k]->name, argc, argv, i))
            continue;
        guest_name = cases[k]->name;
        if (list) {
            guest_say(guest_name);
            guest_say("\n");
        } else if (guest_forks) {
            good &= guest_run_forked(cases[k], scratch);
        } else {
            guest_enter_scratch(scratch, guest_name);
            good &= guest_run_here(cases[k]);
        }
    }
    return good ? 0 : 1;
}

/* Whether a thread sleeps, in a call or for a futex. */
static UNUSED bool is_asleep(pid_t pid, pid_t tid)
{
    char name[64], text[512];
    snprintf(name, sizeof(name), "/proc/%d/task/%d/stat", pid, tid);
    int fd = open(name, O_RDONLY);
    if (fd < 0)
        return false;
    ssize_t n = read(fd, text, sizeof(text) - 1);
    close(fd);
    if (n <= 0)
        return false;
    text[n] = 0;
    char *p = strrchr(text, ')');
    return p && p[2] == 'S';
}

#define GUEST_MAIN                               \
    int main(int argc, char **argv, char **envp) \
    {                                            \
        return guest_main(argc, argv, envp);     \
    }
