/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Calls on files with arguments out of a hat, good and bad ones, from several threads at once, on
 * few names and few descriptors. Nothing is expected of a single call; afterwards everything still
 * works.
 *
 * Natively this runs on a real machine: the processes are shut in by chroot(2) first, with no
 * descriptor from outside, and then give up all rights. Where that cannot be done nothing is run.
 */
#include "guest.h"
#include <grp.h>
#include <linux/openat2.h>
#include <pthread.h>
#include <sys/resource.h>
#include <sys/statfs.h>
#include <sys/uio.h>

#ifndef SYS_fchmodat2
#define SYS_fchmodat2 452
#endif

static __thread uint64_t state;

static uint32_t rnd(uint32_t n)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return (uint32_t) (state >> 11) % n;
}

static const char *const names[] = {
    "a",      "b",         "c",  "d",      "d/a",  "d/b",     "d/e",  "d/e/a", "l",
    "d/l",    ".",         "..", "d/..",   "a/",   "d/",      "fifo", "",      "/a",
    "d/../a", "missing/x", "//", "./d//a", "/d/e", "../../b", "l/a",
};

/* A buffer: good, across the end of memory, read-only, or none at all. */
static char *edge;

/* No file is bigger than FILE_MAX, and no pipe than a MiB: a read of any size stays within the
 * room. */
enum { GOOD = 8192, FILE_MAX = 64 << 10, ROOM = 2 << 20 };
static __thread char *room;

static long memory(void)
{
    switch (rnd(12)) {
    case 0:
        return (long) (edge + 4096 - rnd(32));
    case 1:
        return (long) names; /* not writable */
    case 2:
        return 0;
    case 3:
        return (long) (0xffff800000000000ul | rnd(1u << 30));
    case 4:
        return (long) rnd(4096);
    default:
        return (long) (room + rnd(64));
    }
}

static long name(void)
{
    return rnd(20) ? (long) names[rnd(sizeof(names) / sizeof(names[0]))] : memory();
}

static long fd(void)
{
    static const int odd[] = {-1, AT_FDCWD, 1000000, INT32_MIN, INT32_MAX};
    return rnd(10) ? (long) (3 + rnd(20)) : odd[rnd(5)];
}

static long number(void)
{
    static const long odd[] = {0,        -1,        1,         4096,       1L << 31,
                               1L << 32, INT64_MAX, INT64_MIN, 0x7ffff000, 65536};
    return rnd(3) ? (long) rnd(10000) : odd[rnd(10)];
}

static long size(void)
{
    return rnd(8) ? (long) rnd(GOOD - 64) : number();
}

static long flags(void)
{
    return rnd(4) ? (long) (rnd(2) << rnd(20)) : (long) rnd(1u << 30);
}

static long open_flags(void)
{
    return (rnd(3) | (rnd(2) ? O_CREAT : 0) | (rnd(6) ? 0 : (long) O_TRUNC) |
            (rnd(6) ? 0 : (long) O_APPEND) | (rnd(8) ? 0 : (long) O_DIRECTORY) |
            (rnd(8) ? 0 : (long) O_PATH) | (rnd(12) ? 0 : (long) O_TMPFILE) |
            (rnd(8) ? 0 : (long) O_NOFOLLOW) | (rnd(8) ? 0 : (long) O_EXCL) | O_NONBLOCK);
}

/* A vector in `room`, of good and bad pieces. */
static long vector(void)
{
    struct iovec *v = (struct iovec *) (((uintptr_t) room + 4096) & ~15ul);
    for (int i = 0; i < 8; i++)
        v[i] = (struct iovec){(void *) memory(), rnd(6) ? rnd(300) : (size_t) number()};
    return rnd(16) ? (long) v : memory();
}

/* How an argument is made: n a name, f a descriptor, m memory, s a size, # a number, x flags, o
 * open(2)'s, v a vector. */
static const struct {
    long nr;
    const char *args;
} calls[] = {
    {SYS_open, "no#"},        {SYS_openat, "fno#"},
    {SYS_creat, "n#"},        {SYS_openat2, "fnms"},
    {SYS_close, "f"},         {SYS_read, "fms"},
    {SYS_write, "fms"},       {SYS_pread64, "fms#"},
    {SYS_pwrite64, "fms#"},   {SYS_readv, "fv8"},
    {SYS_writev, "fv8"},      {SYS_preadv, "fv8#"},
    {SYS_pwritev, "fv8#"},    {SYS_preadv2, "fv8##x"},
    {SYS_pwritev2, "fv8##x"}, {SYS_lseek, "f#8"},
    {SYS_stat, "nm"},         {SYS_lstat, "nm"},
    {SYS_fstat, "fm"},        {SYS_newfstatat, "fnmx"},
    {SYS_statx, "fnxxm"},     {SYS_access, "n8"},
    {SYS_faccessat2, "fn8x"}, {SYS_getdents64, "fms"},
    {SYS_getdents, "fms"},    {SYS_getcwd, "ms"},
    {SYS_mkdir, "n#"},        {SYS_mkdirat, "fn#"},
    {SYS_mknodat, "fn##"},    {SYS_rmdir, "n"},
    {SYS_unlink, "n"},        {SYS_unlinkat, "fnx"},
    {SYS_rename, "nn"},       {SYS_renameat2, "fnfn8"},
    {SYS_link, "nn"},         {SYS_linkat, "fnfnx"},
    {SYS_symlink, "nn"},      {SYS_symlinkat, "nfn"},
    {SYS_readlink, "nms"},    {SYS_readlinkat, "fnms"},
    {SYS_chmod, "n#"},        {SYS_fchmod, "f#"},
    {SYS_fchmodat, "fn#"},    {SYS_fchmodat2, "fn#x"},
    {SYS_chown, "n##"},       {SYS_fchown, "f##"},
    {SYS_fchownat, "fn##x"},  {SYS_utimensat, "fnmx"},
    {SYS_utimes, "nm"},       {SYS_utime, "nm"},
    {SYS_truncate, "ns"},     {SYS_ftruncate, "fs"},
    {SYS_fallocate, "fxss"},  {SYS_statfs, "nm"},
    {SYS_fstatfs, "fm"},      {SYS_fsync, "f"},
    {SYS_fdatasync, "f"},     {SYS_fadvise64, "f###"},
    {SYS_readahead, "f##"},   {SYS_sync_file_range, "f##x"},
    {SYS_sendfile, "ffms"},   {SYS_copy_file_range, "fmfmsx"},
    {SYS_splice, "fmfmsx"},   {SYS_tee, "ffsx"},
    {SYS_vmsplice, "fv8x"},   {SYS_dup, "f"},
    {SYS_dup2, "ff"},         {SYS_dup3, "ffx"},
    {SYS_fcntl, "f8m"},       {SYS_fcntl, "fxm"},
    {SYS_flock, "f4"},        {SYS_setxattr, "nnmsx"},
    {SYS_getxattr, "nnms"},   {SYS_listxattr, "nms"},
    {SYS_fgetxattr, "fnms"},  {SYS_removexattr, "nn"},
    {SYS_pipe2, "mx"},        {SYS_umask, "#"},
    {SYS_ioctl, "fxm"},       {SYS_close_range, "11"},
    {SYS_chdir, "n"},         {SYS_fchdir, "f"},
    {SYS_mmap, "ms8xf#"},
};

static long argument(char kind)
{
    switch (kind) {
    case 'n':
        return name();
    case 'f':
        return fd();
    case 'm':
        return memory();
    case 's':
        return size();
    case '#':
        return number();
    case 'x':
        return flags();
    case 'o':
        return open_flags();
    case 'v':
        return vector();
    case '8':
        return (long) rnd(9);
    case '4': /* flock: never waiting */
        return (long) (rnd(16) | 4);
    default:
        return (long) (3 + rnd(20));
    }
}

static bool bad_idea(long nr, const long a[6])
{
    switch (nr) {
    case SYS_fcntl: /* locks that wait, signals to anybody */
        return a[1] == F_SETLKW || a[1] == F_OFD_SETLKW || a[1] == F_SETOWN ||
               a[1] == F_SETOWN_EX || a[1] == F_NOTIFY;
    case SYS_mmap: /* anywhere but over ourselves */
        return (a[3] & (MAP_FIXED | MAP_LOCKED | MAP_POPULATE)) != 0;
    case SYS_fallocate:
    case SYS_ftruncate:
    case SYS_truncate:
        return a[1] > FILE_MAX || a[2] > FILE_MAX || a[3] > FILE_MAX;
    default:
        return false;
    }
}

static void one_call(void)
{
    long a[6] = {0};
    uint32_t i = rnd(sizeof(calls) / sizeof(calls[0]));
    for (int k = 0; calls[i].args[k]; k++)
        a[k] = argument(calls[i].args[k]);
    if (bad_idea(calls[i].nr, a))
        return;
    long r = syscall(calls[i].nr, a[0], a[1], a[2], a[3], a[4], a[5]);
    if (calls[i].nr == SYS_mmap && r != -1)
        munmap((void *) r, (size_t) a[1]);
}

static uint64_t end_ns;

static void *worker(void *seed)
{
    room = CHECK_MAP(mmap(NULL, ROOM, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    state = (uint64_t) (uintptr_t) seed * 0x9e3779b97f4a7c15u + 1;
    for (long n = 0; n < 40000 && now_ns() < end_ns; n++)
        one_call();
    return NULL;
}

static void on_signal(int sig)
{
    (void) sig;
}

static void limit(void)
{
    struct sigaction sa = {.sa_handler = on_signal};
    struct rlimit files = {64, 64}, bytes = {FILE_MAX, FILE_MAX};
    CHECK_EQ(sigaction(SIGUSR1, &sa, NULL), 0);
    signal(SIGXFSZ, SIG_IGN);
    signal(SIGPIPE, SIG_IGN);
    signal(SIGIO, SIG_IGN);
    CHECK_EQ(setrlimit(RLIMIT_NOFILE, &files), 0);
    CHECK_EQ(setrlimit(RLIMIT_FSIZE, &bytes), 0);
}

/* A thread that waits for something is interrupted, again and again. */
static void join_awake(pthread_t t)
{
    while (pthread_tryjoin_np(t, NULL) != 0) {
        sleep_ms(5);
        pthread_kill(t, SIGUSR1);
    }
}

enum { NOBODY = 65534 };

/* The rights go last: there is no way back, whatever the calls do. Checked, not hoped for. */
static void shut_in(void)
{
    struct stat here, top;
    CHECK_EQ(close_range(3, ~0u, 0), 0);
    CHECK_EQ(chroot("box"), 0);
    CHECK_EQ(chdir("/"), 0);
    CHECK_EQ(setgroups(0, NULL), 0);
    CHECK_EQ(setresgid(NOBODY, NOBODY, NOBODY), 0);
    CHECK_EQ(setresuid(NOBODY, NOBODY, NOBODY), 0);
    CHECK_ERR(setuid(0), EPERM);
    CHECK_EQ(chroot("/"), -1);
    CHECK_EQ(stat("/", &here), 0);
    CHECK_EQ(stat("/../..", &top), 0);
    CHECK_EQ(here.st_ino, top.st_ino);
    CHECK_EQ(here.st_uid, NOBODY);
    CHECK_EQ(access("/etc", F_OK), -1);
}

static int wait_all(int n)
{
    int worst = 0;
    while (n-- > 0) {
        int st;
        pid_t r;
        while ((r = wait(&st)) < 0 && errno == EINTR)
            ;
        worst = r < 0 || st ? st | 1 : worst;
    }
    return worst;
}

static void work(uintptr_t process)
{
    enum { THREADS = 2 };
    pthread_t t[THREADS];
    for (uintptr_t k = 0; k < THREADS; k++)
        CHECK_EQ(pthread_create(&t[k], NULL, worker, (void *) (process * 10 + k + 1)), 0);
    for (int k = 0; k < THREADS; k++)
        join_awake(t[k]);
}

CASE(file_calls)
{
    enum { PROCESSES = 3 };
    char buf[32];
    if (geteuid() != 0)
        SKIP("needs the superuser, to be shut in");
    end_ns = now_ns() + 3000000000u;
    char *p =
        CHECK_MAP(mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    CHECK_EQ(mprotect(p + 4096, 4096, PROT_NONE), 0);
    edge = p;
    CHECK_EQ(mkdir("box", 0755), 0);
    CHECK_EQ(chown("box", NOBODY, NOBODY), 0);
    pid_t pid = fork();
    if (pid == 0) {
        shut_in();
        limit();
        for (uintptr_t i = 0; i < PROCESSES; i++)
            if (fork() == 0) {
                work(i);
                _exit(0);
            }
        _exit(wait_all(PROCESSES));
    }
    CHECK_EXIT(pid, 0);
    put_file("after", "all is well", 0644);
    CHECK_EQ(get_file("after", buf, sizeof(buf)), 11);
    CHECK_STR(buf, "all is well");
    CHECK_EQ(system("chmod -R u+rwx box 2> /dev/null; rm -rf box"), 0);
}

GUEST_MAIN
