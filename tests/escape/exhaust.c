/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Too much of everything: sizes that no buffer has, and more descriptors, names and queued things
 * than anybody needs. A guest gets an error; the sentry, which answers, goes on.
 */
#include "attack.h"

#include <sched.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/uio.h>

static const long sizes[] = {
    0x7fffffff, 0x80000000l, 0xffffffffl, 1l << 40, 0x7fffffffffffffff, -1, -4096, 1l << 30,
};
#define SIZES (sizeof(sizes) / sizeof(sizes[0]))

static char *small; /* a page, and nothing behind it */

/* In a process of its own, because some of these may rightly kill it; it must end by itself. */
static void in_a_child(void (*attack)(void))
{
    small =
        CHECK_MAP(mmap(NULL, 3 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    CHECK_EQ(munmap(small, PAGE), 0);
    small += PAGE;
    CHECK_EQ(munmap(small + PAGE, PAGE), 0);
    pid_t pid = fork();
    CHECK(pid >= 0);
    if (pid == 0) {
        attack();
        _exit(0);
    }
    int st = end_within(pid, 20000);
    if (st == -1)
        FAIL("no end within 20 seconds");
    still_sane();
}

static void sized(long nr, int where, long a0, long a1, long a2, long a3)
{
    for (size_t i = 0; i < SIZES; i++) {
        struct call c = {.nr = nr, .a = {a0, a1, a2, a3}};
        c.a[where] = sizes[i];
        raw_guest(&c);
    }
}

static void byte_counts(void)
{
    put_file("f", "some text", 0600);
    int f = open("f", O_RDWR), zero = open("/dev/zero", O_RDWR), d = open(".", O_RDONLY);
    int status = open("/proc/self/status", O_RDONLY), p[2];
    const long s = (long) small;
    CHECK_EQ(pipe2(p, O_NONBLOCK), 0);
    const int fds[] = {f, zero, d, status, p[0], p[1]};
    for (size_t i = 0; i < sizeof(fds) / sizeof(fds[0]); i++) {
        sized(SYS_read, 2, fds[i], s, 0, 0);
        sized(SYS_write, 2, fds[i], s, 0, 0);
        sized(SYS_pread64, 2, fds[i], s, 0, 0);
        sized(SYS_pread64, 3, fds[i], s, 64, 0);
        sized(SYS_pwrite64, 3, fds[i], s, 64, 0);
        sized(SYS_lseek, 1, fds[i], 0, SEEK_SET, 0);
        sized(SYS_lseek, 1, fds[i], 0, SEEK_END, 0);
        sized(SYS_ftruncate, 1, fds[i], 0, 0, 0);
        sized(SYS_readv, 2, fds[i], s, 0, 0);
        sized(SYS_writev, 2, fds[i], s, 0, 0);
        sized(SYS_getdents64, 2, fds[i], s, 0, 0);
        sized(SYS_fcntl, 2, fds[i], F_DUPFD, 0, 0);
        sized(SYS_fcntl, 2, fds[i], F_SETPIPE_SZ, 0, 0);
        sized(SYS_sendfile, 3, p[1], fds[i], 0, 0);
        sized(SYS_fallocate, 3, fds[i], 1 /* KEEP_SIZE */, 0, 0);
        sized(SYS_ioctl, 2, fds[i], 0x541b /* FIONREAD */, 0, 0);
        ftruncate(f, 0);
    }
}

static void counts_of_things(void)
{
    const long s = (long) small;
    int ep = epoll_create1(0);
    sized(SYS_poll, 1, s, 0, 0, 0);
    static struct timespec none;
    for (size_t i = 0; i < SIZES; i++)
        raw_guest(CALL(SYS_select, {sizes[i], s, s, s, (long) &none}));
    sized(SYS_epoll_wait, 2, ep, s, 0, 0);
    sized(SYS_setgroups, 0, 0, s, 0, 0);
    sized(SYS_getgroups, 0, 0, s, 0, 0);
    sized(SYS_sched_setaffinity, 1, 0, 0, s, 0);
    sized(SYS_sched_getaffinity, 1, 0, 0, s, 0);
    sized(SYS_getcwd, 1, s, 0, 0, 0);
    sized(SYS_readlinkat, 3, AT_FDCWD, (long) "/proc/self/exe", s, 0);
    sized(SYS_getrandom, 1, s, 0, 0, 0);
    sized(SYS_rt_sigprocmask, 3, 0, s, 0, 0);
    sized(SYS_rt_sigaction, 3, SIGUSR1, s, 0, 0);
    sized(SYS_rt_sigpending, 1, s, 0, 0, 0);
    sized(SYS_prlimit64, 1, 0, 0, s, s);
    sized(SYS_sysinfo, 0, 0, 0, 0, 0);
    sized(SYS_close, 0, 0, 0, 0, 0);
    sized(SYS_dup2, 1, 1, 0, 0, 0);
    sized(SYS_clone3, 1, s, 0, 0, 0);
    sized(SYS_openat2, 3, AT_FDCWD, (long) ".", s, 0);
    sized(SYS_sethostname, 1, s, 0, 0, 0);
    sized(SYS_set_robust_list, 1, s, 0, 0, 0);
    sized(SYS_fgetxattr, 3, 1, (long) "user.x", s, 0);
    sized(SYS_setxattr, 3, (long) ".", (long) "user.x", s, 0);
    sized(SYS_listxattr, 2, (long) ".", s, 0, 0);
    sized(SYS_mremap, 2, s & ~4095l, 4096, 0, 1);
    sized(SYS_mmap, 1, 0, 0, 1, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE);
    sized(SYS_brk, 0, 0, 0, 0, 0);
    sized(SYS_nanosleep, 0, 0, 0, 0, 0);
    sized(SYS_alarm, 0, 0, 0, 0, 0);
    alarm(0);
    sized(SYS_wait4, 0, 0, 0, 1, 0);
    sized(SYS_futex, 0, 0, 0, 0, 0);
    sized(SYS_memfd_create, 1, (long) "m", 0, 0, 0);
    sized(SYS_close_range, 1, 100, 0, 0, 0);
    sized(SYS_copy_file_range, 4, 0, 0, 1, 0);
    sized(SYS_mincore, 1, s & ~4095l, 0, s, 0);
    sized(SYS_process_vm_readv, 2, getpid(), s, 0, s);
}

CASE(sizes)
{
    need_stub();
    in_a_child(byte_counts);
    in_a_child(counts_of_things);
}

/* The same, with every address near an end of what can be mapped. */
static void addresses_of_everything(void)
{
    static const long ends[] = {1,  4095, 0x7fffffffefff, 0x7fffffffffff,   0x800000000000,
                                -1, -8,   -4096,          (long) STUB_BASE, 1l << 63};
    static const short skip[] = {SYS_exit,
                                 SYS_exit_group,
                                 SYS_rt_sigreturn,
                                 SYS_pause,
                                 SYS_select,
                                 SYS_pselect6,
                                 SYS_fork,
                                 SYS_vfork,
                                 SYS_clone,
                                 SYS_munmap,
                                 SYS_mprotect,
                                 SYS_mremap,
                                 SYS_madvise,
                                 SYS_mmap,
                                 SYS_kill,
                                 SYS_tkill,
                                 SYS_tgkill,
                                 SYS_brk,
                                 SYS_mlock,
                                 SYS_mlock2,
                                 SYS_reboot,
                                 SYS_futex,
                                 SYS_msgrcv, /* queue 0 exists by then and is empty: it waits */
                                 SYS_semop,
                                 SYS_semtimedop,
                                 SYS_nanosleep,
                                 SYS_clock_nanosleep,
                                 SYS_alarm,
                                 SYS_setitimer,
                                 SYS_rt_sigqueueinfo,
                                 SYS_rt_tgsigqueueinfo,
                                 SYS_mlockall,
                                 SYS_arch_prctl,
                                 SYS_setrlimit,
                                 SYS_ppoll,
                                 SYS_poll,
                                 SYS_rt_sigprocmask,
                                 STUB_NR_HELLO,
                                 STUB_NR_DONATE,
                                 335,
                                 336};
    for (long nr = 0; nr < 460; nr++) {
        bool skipped = false;
        for (size_t i = 0; i < sizeof(skip) / sizeof(skip[0]); i++)
            skipped |= skip[i] == nr;
        for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]) && !skipped; i++)
            for (int first = 0; first < 2; first++) {
                struct call c = {.nr = nr,
                                 .a = {ends[i], ends[i], ends[i], ends[i], ends[i], ends[i]}};
                if (first)
                    c.a[0] = 77; /* no descriptor */
                raw_guest(&c);
            }
    }
}

CASE(addresses)
{
    need_stub();
    in_a_child(addresses_of_everything);
}

/* Vectors that are long, that overlap, and whose sum is more than there is. */
static void odd_vectors(void)
{
    static struct iovec v[1025];
    int zero = open("/dev/zero", O_RDWR), f = open("f", O_RDWR | O_CREAT, 0600);
    for (int kind = 0; kind < 4; kind++) {
        for (int i = 0; i < 1025; i++) {
            v[i].iov_base = kind == 1 ? (void *) (uintptr_t) (i * 4096ul) : small;
            v[i].iov_len = kind == 0 ? PAGE : kind == 2 ? (size_t) 1 << 53 : 0x7fffffff;
        }
        for (int n = 1022; n <= 1025; n++) {
            readv(zero, v, n);
            writev(f, v, kind ? 1 : n);
            preadv(f, v, n, 0);
            raw_guest(CALL(SYS_preadv2, {f, (long) v, n, -1, -1, 0x7fffffff}));
            raw_guest(CALL(SYS_vmsplice, {f, (long) v, n, 0}));
        }
        ftruncate(f, 0);
    }
}

CASE(vectors)
{
    need_stub();
    in_a_child(odd_vectors);
}

/* Arguments without end, and a megabyte's worth of them that all lie at one place. */
static void endless_arguments(void)
{
    static char *argv[300000];
    static char text[1 << 17];
    memset(text, 'x', sizeof(text) - 1);
    for (size_t i = 0; i < 299999; i++)
        argv[i] = text;
    char *const none[] = {NULL};
    execve("/bin/true", argv, none);
    CHECK_EQ(errno, E2BIG);
    execve("/bin/true", none, argv);
    CHECK_EQ(errno, E2BIG);
    for (size_t i = 0; i < 299999; i++)
        argv[i] = (char *) "";
    execve("/bin/true", argv, argv);
    CHECK(errno == E2BIG);
    raw_guest(CALL(SYS_execve, {(long) "/bin/true", (long) text, (long) text}));
    raw_guest(CALL(SYS_execve, {(long) "/bin/true", -8, 1}));
}

CASE(arguments_without_end)
{
    need_stub();
    in_a_child(endless_arguments);
}

/* Every process takes all the descriptors it may have, of files that cost the sentry one each. */
CASE(descriptors)
{
    need_stub();
    enum { HOGS = 40 };
    pid_t pid[HOGS];
    int ready[2], go[2]; /* none may take while there are more to be made: fork would be refused */
    char c;
    put_file("f", "x", 0600);
    CHECK_EQ(pipe(ready), 0);
    CHECK_EQ(pipe(go), 0);
    for (int i = 0; i < HOGS; i++) {
        pid[i] = fork();
        CHECK(pid[i] >= 0);
        if (pid[i] == 0) {
            close(go[1]);
            CHECK_EQ(read(go[0], &c, 1), 0);
            struct rlimit r = {1 << 20, 1 << 20};
            setrlimit(RLIMIT_NOFILE, &r);
            int n = 0;
            while (n < 4000 && open("f", O_RDONLY) >= 0)
                n++;
            CHECK_EQ(write(ready[1], "x", 1), 1);
            pause();
            _exit(0);
        }
    }
    close(go[1]);
    for (int i = 0; i < HOGS; i++)
        CHECK_EQ(read(ready[0], &c, 1), 1);
    /* Now the sentry itself may have none left: whatever fails, fails with an error. */
    pid_t p = fork();
    if (p == 0)
        _exit(open("f", O_RDONLY) >= 0 ? 0 : 1);
    if (p > 0)
        CHECK(waitpid(p, NULL, 0) == p);
    for (int i = 0; i < HOGS; i++) {
        CHECK_EQ(kill(pid[i], SIGKILL), 0);
        CHECK_KILLED(pid[i], SIGKILL);
    }
    still_sane();
}

/* More names than the sentry wants to remember. */
CASE(names)
{
    need_stub();
    char name[64];
    struct stat st;
    for (int i = 0; i < 100000; i++) {
        snprintf(name, sizeof(name), "missing-%d", i);
        CHECK_ERR(stat(name, &st), ENOENT);
    }
    for (int i = 0; i < 5000; i++) {
        snprintf(name, sizeof(name), "d%d", i);
        CHECK_EQ(mkdir(name, 0700), 0);
    }
    still_sane();
}

/* Queued signals are limited; a process that fills its queue gets EAGAIN, not the sentry's memory.
 */
CASE(queued_signals)
{
    need_stub();
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGRTMIN);
    CHECK_EQ(sigprocmask(SIG_BLOCK, &set, NULL), 0);
    long n = 0;
    while (n < 2000000 && sigqueue(getpid(), SIGRTMIN, (union sigval){.sival_int = 1}) == 0)
        n++;
    if (n == 2000000)
        FAIL("two million signals are queued");
    CHECK_EQ(errno, EAGAIN);
    still_sane();
}

/* A path of a thousand directories, names at their limit, and rings of links. */
static void long_paths(void)
{
    char name[256], path[8192];
    memset(name, 'n', 255);
    name[255] = 0;
    for (int i = 0; i < 300; i++) {
        if (mkdir(name, 0700) != 0 || chdir(name) != 0)
            _exit(1);
    }
    CHECK(getcwd(path, sizeof(path)) == NULL);
    CHECK_EQ(errno, ERANGE);
    char big[70000];
    if (getcwd(big, sizeof(big)) == NULL)
        CHECK(errno == ENAMETOOLONG || errno == ERANGE);
    memset(path, 'p', 5000);
    path[5000] = 0;
    CHECK_ERR(open(path, O_RDONLY), ENAMETOOLONG);
    memset(path, '/', 4095);
    path[4095] = 0;
    CHECK(open(path, O_RDONLY) >= 0);
    CHECK_EQ(symlink("b", "a"), 0);
    CHECK_EQ(symlink("a", "b"), 0);
    CHECK_ERR(open("a", O_RDONLY), ELOOP);
    for (int i = 0; i < 50; i++) {
        char from[16], to[16];
        snprintf(from, sizeof(from), "l%d", i);
        snprintf(to, sizeof(to), "l%d", i + 1);
        CHECK_EQ(symlink(to, from), 0);
    }
    CHECK_ERR(open("l0", O_RDONLY), ELOOP);
}

CASE(paths)
{
    need_stub();
    in_a_child(long_paths);
}

GUEST_MAIN
