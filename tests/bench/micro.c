/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One operation at a time, repeated for a while; prints "NAME NANOSECONDS" for each, the median
 * over batches. Static, so that the same file runs in any root.
 *
 * usage: micro [-t MILLISECONDS] [NAME...]
 *        micro -r ROUNDS COMMAND [ARGUMENT...]    prints the median nanoseconds of a whole command
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "micro.h"

#define PAGE        4096
#define MAX_BATCHES 101

const char *self;
static int zero_fd;
static char *page;
static uint32_t word;

void need(int good, const char *what)
{
    if (good)
        return;
    fprintf(stderr, "micro: %s: %s\n", what, strerror(errno));
    exit(1);
}

static uint64_t now(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (uint64_t) ts.tv_sec * 1000000000u + (uint64_t) ts.tv_nsec;
}

static void do_getpid(void)
{
    syscall(SYS_getpid);
}

static void do_getppid(void)
{
    syscall(SYS_getppid);
}

static void do_clock(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
}

static void do_read(void)
{
    char c;
    need(read(zero_fd, &c, 1) == 1, "read");
}

static void do_mmap(void)
{
    char *p = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    need(p != MAP_FAILED, "mmap");
    p[0] = 1;
    munmap(p, PAGE);
}

static void do_mprotect(void)
{
    static int writable;
    writable = !writable;
    need(mprotect(page, PAGE, writable ? PROT_READ | PROT_WRITE : PROT_READ) == 0, "mprotect");
}

static void do_futex(void)
{
    syscall(SYS_futex, &word, FUTEX_WAKE | FUTEX_PRIVATE_FLAG, 1);
}

static void on_segv(int signo)
{
    (void) signo;
    mprotect(page, PAGE, PROT_READ | PROT_WRITE);
}

static void do_segv(void)
{
    mprotect(page, PAGE, PROT_NONE);
    *(volatile char *) page = 1;
}

static void do_fork(void)
{
    pid_t pid = fork();
    if (pid == 0)
        _exit(0);
    need(pid > 0 && waitpid(pid, NULL, 0) == pid, "fork");
}

static void do_exec(void)
{
    int st;
    pid_t pid = fork();
    if (pid == 0) {
        execl(self, self, "-x", (char *) NULL);
        _exit(127);
    }
    need(pid > 0 && waitpid(pid, &st, 0) == pid && st == 0, "exec");
}

static const struct bench benches[] = {
    {"getpid", do_getpid, NULL},          {"getppid", do_getppid, NULL},
    {"clock_gettime", do_clock, NULL},    {"read_1_byte", do_read, NULL},
    {"mmap_touch_munmap", do_mmap, NULL}, {"mprotect", do_mprotect, NULL},
    {"sigsegv_mprotect", do_segv, NULL},  {"futex_wake", do_futex, NULL},
    {"fork_exit", do_fork, NULL},         {"fork_exec", do_exec, NULL},
};

static int by_value(const void *a, const void *b)
{
    double x = *(const double *) a, y = *(const double *) b;
    return (x > y) - (x < y);
}

static uint64_t batch(const struct bench *b, unsigned n)
{
    uint64_t start = now();
    for (unsigned i = 0; i < n; i++)
        b->run();
    return now() - start;
}

/* Batches of a few milliseconds until the time is over; their median per operation. */
static double measure(const struct bench *b, uint64_t ms)
{
    double each[MAX_BATCHES];
    unsigned n = 1, count = 0;
    while (n < 1u << 24 && batch(b, n) < 2000000)
        n *= 2;
    uint64_t end = now() + ms * 1000000;
    do
        each[count++] = (double) batch(b, n) / n;
    while (count < MAX_BATCHES && (count < 5 || now() < end));
    qsort(each, count, sizeof(each[0]), by_value);
    return each[count / 2];
}

static int wanted(const char *name, char **argv)
{
    if (!*argv)
        return 1;
    for (; *argv; argv++)
        if (strcmp(*argv, name) == 0)
            return 1;
    return 0;
}

static void prepare(void)
{
    struct sigaction sa = {.sa_handler = on_segv};
    sigaction(SIGSEGV, &sa, NULL);
    zero_fd = open("/dev/zero", O_RDONLY | O_CLOEXEC);
    need(zero_fd >= 0, "open");
    page = mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    need(page != MAP_FAILED, "mmap");
}

static void run_all(const struct bench *b, size_t n, uint64_t ms, char **names)
{
    for (size_t i = 0; i < n; i++) {
        if (!wanted(b[i].name, names))
            continue;
        if (b[i].prepare)
            b[i].prepare();
        printf("%s %.1f\n", b[i].name, measure(&b[i], ms));
        fflush(stdout);
    }
}

static int run_rounds(int argc, char **argv)
{
    double each[MAX_BATCHES];
    unsigned n = argc > 1 ? (unsigned) atoi(argv[0]) : 0;
    int st;
    need(n > 0 && n <= MAX_BATCHES, "usage");
    for (unsigned i = 0; i < n; i++) {
        uint64_t start = now();
        pid_t pid = fork();
        if (pid == 0) {
            execvp(argv[1], argv + 1);
            _exit(127);
        }
        if (pid < 0 || waitpid(pid, &st, 0) != pid || st != 0)
            return 1;
        each[i] = (double) (now() - start);
    }
    qsort(each, n, sizeof(each[0]), by_value);
    printf("%.0f\n", each[n / 2]);
    return 0;
}

int main(int argc, char **argv)
{
    uint64_t ms = 200;
    self = argv[0];
    if (argc == 2 && strcmp(argv[1], "-x") == 0)
        return 0;
    if (argc > 2 && strcmp(argv[1], "-r") == 0)
        return run_rounds(argc - 2, argv + 2);
    argv++;
    if (argc > 2 && strcmp(argv[0], "-t") == 0) {
        ms = strtoull(argv[1], NULL, 10);
        argv += 2;
    }
    prepare();
    run_all(benches, sizeof(benches) / sizeof(benches[0]), ms, argv);
    run_all(wait_benches, n_wait_benches, ms, argv);
    run_all(file_benches, n_file_benches, ms, argv);
    files_end();
    return 0;
}
