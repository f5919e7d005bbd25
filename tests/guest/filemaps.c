/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Mappings of files: what is seen of them by reads, writes, other processes and other mappings, and
 * how they end. mmap(2), mremap(2), msync(2), truncate(2), memfd_create(2). Their errors are in
 * filemap_errors.c.
 */
#include "guest.h"

#include <sys/uio.h>

#define PAGE 4096

/* A new file of n pages, page i full of 'a' + i. */
static int lettered(const char *name, int n)
{
    char page[PAGE];
    int fd = (int) CHECK_OK(open(name, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0644));
    for (int i = 0; i < n; i++) {
        memset(page, 'a' + i, sizeof(page));
        CHECK_EQ(write(fd, page, sizeof(page)), PAGE);
    }
    return fd;
}

static char *map_shared(int fd, size_t n)
{
    return CHECK_MAP(mmap(NULL, n, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0));
}

static char *map_private(int fd, size_t n)
{
    return CHECK_MAP(mmap(NULL, n, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0));
}

static sigjmp_buf after_fault;
static siginfo_t fault_info;

static void on_fault(int signo, siginfo_t *info, void *uc UNUSED)
{
    fault_info = *info;
    siglongjmp(after_fault, signo);
}

/* The signal that touching *p brings, 0 for none. */
static NOINLINE int touch(volatile char *p, bool write)
{
    struct sigaction sa = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO};
    int signo;
    sigaction(SIGBUS, &sa, NULL);
    sigaction(SIGSEGV, &sa, NULL);
    signo = sigsetjmp(after_fault, 1);
    if (signo == 0) {
        if (write)
            *p = 'W';
        else
            (void) *p;
    }
    signal(SIGBUS, SIG_DFL);
    signal(SIGSEGV, SIG_DFL);
    return signo;
}

#define CHECK_BUS(p, write)                                 \
    do {                                                    \
        volatile char *at_ = (p);                           \
        CHECK_EQ(touch(at_, write), SIGBUS);                \
        CHECK_EQ(fault_info.si_code, BUS_ADRERR);           \
        CHECK((char *) fault_info.si_addr == (char *) at_); \
    } while (0)

CASE(shared_is_the_file)
{
    char c;
    int fd = lettered("f", 3);
    char *m = map_shared(fd, 3 * PAGE);
    CHECK_EQ(m[0], 'a');
    CHECK_EQ(m[2 * PAGE + 5], 'c');
    m[PAGE] = 'X';
    CHECK_EQ(pread(fd, &c, 1, PAGE), 1);
    CHECK_EQ(c, 'X');
    CHECK_EQ(pwrite(fd, "Y", 1, 2 * PAGE), 1);
    CHECK_EQ(m[2 * PAGE], 'Y');
    int again = (int) CHECK_OK(open("f", O_RDWR | O_APPEND));
    char *other = map_shared(again, 3 * PAGE);
    other[7] = 'Z';
    CHECK_EQ(m[7], 'Z');
    CHECK_EQ(lseek(fd, 0, SEEK_SET), 0);
    struct iovec v = {&c, 1};
    CHECK_EQ(preadv(again, &v, 1, 7), 1);
    CHECK_EQ(c, 'Z');
}

CASE(private_is_a_copy)
{
    char c;
    int fd = lettered("f", 2);
    char *m = map_private(fd, 2 * PAGE);
    m[0] = 'P';
    CHECK_EQ(pread(fd, &c, 1, 0), 1);
    CHECK_EQ(c, 'a');
    /* The page that was written is its own for good, the other is still the file's. */
    CHECK_EQ(pwrite(fd, "QQ", 2, 0), 2);
    CHECK_EQ(m[0], 'P');
    CHECK_EQ(m[1], 'a');
    CHECK_EQ(pwrite(fd, "R", 1, PAGE), 1);
    CHECK_EQ(m[PAGE], 'R');
}

CASE(private_of_what_may_only_be_read)
{
    int fd = lettered("f", 1);
    close(fd);
    fd = (int) CHECK_OK(open("f", O_RDONLY));
    char *m = map_private(fd, PAGE);
    m[10] = '!';
    CHECK_EQ(m[10], '!');
    char c;
    CHECK_EQ(pread(fd, &c, 1, 10), 1);
    CHECK_EQ(c, 'a');
}

CASE(shared_between_processes)
{
    int fd = lettered("f", 1);
    _Atomic int *word = (_Atomic int *) map_shared(fd, PAGE);
    *word = 0;
    pid_t pid = (pid_t) CHECK_OK(fork());
    if (pid == 0) {
        int own = open("f", O_RDWR);
        _Atomic int *mine = (_Atomic int *) map_shared(own, PAGE);
        for (int i = 0; i < 1000; i++)
            (*mine)++;
        _exit(*mine < 1000);
    }
    for (int i = 0; i < 1000; i++)
        (*word)++;
    CHECK_EXIT(pid, 0);
    CHECK_EQ(*word, 2000);
    int now = 0;
    CHECK_EQ(pread(fd, &now, 4, 0), 4);
    CHECK_EQ(now, 2000);
}

CASE(fork_shared_and_private)
{
    int fd = lettered("f", 1);
    char *s = map_shared(fd, PAGE), *p = map_private(fd, PAGE);
    p[1] = 'p';
    pid_t pid = (pid_t) CHECK_OK(fork());
    if (pid == 0) {
        CHECK_EQ(p[1], 'p');
        s[100] = 'S';
        p[100] = 'P';
        CHECK_EQ(s[100], 'S');
        _exit(0);
    }
    CHECK_EXIT(pid, 0);
    CHECK_EQ(s[100], 'S');
    CHECK_EQ(p[100], 'a'); /* its page was written before the fork: a copy of its own */
}

CASE(stays_after_close_and_unlink)
{
    int fd = lettered("f", 2);
    char *m = map_shared(fd, 2 * PAGE);
    close(fd);
    m[3] = '3';
    fd = (int) CHECK_OK(open("f", O_RDONLY));
    char c;
    CHECK_EQ(pread(fd, &c, 1, 3), 1);
    CHECK_EQ(c, '3');
    CHECK_EQ(unlink("f"), 0);
    m[PAGE] = 'U';
    CHECK_EQ(pread(fd, &c, 1, PAGE), 1);
    CHECK_EQ(c, 'U');
    put_file("f", "another", 0644);
    CHECK_EQ(m[0], 'a');
    CHECK_EQ(munmap(m, 2 * PAGE), 0);
}

CASE(bus_error_past_the_end)
{
    int fd = (int) CHECK_OK(open("f", O_RDWR | O_CREAT, 0644));
    CHECK_EQ(write(fd, "hello", 5), 5);
    char *m = map_shared(fd, 3 * PAGE), *p = map_private(fd, 3 * PAGE);
    CHECK_EQ(m[5], 0); /* the rest of the last page is there, and zero */
    CHECK_EQ(m[PAGE - 1], 0);
    CHECK_BUS(m + PAGE, false);
    CHECK_BUS(m + 2 * PAGE + 17, false);
    CHECK_BUS(m + PAGE + 100, true);
    CHECK_BUS(p + PAGE, false);
    CHECK_BUS(p + PAGE + 3, true);
    /* What is written beyond the end in its last page does not get into the file. */
    m[100] = 'x';
    struct stat st;
    CHECK_EQ(fstat(fd, &st), 0);
    CHECK_EQ(st.st_size, 5);
    /* The file grows under the mapping. */
    CHECK_EQ(ftruncate(fd, 2 * PAGE), 0);
    CHECK_EQ(touch(m + PAGE, true), 0);
    CHECK_BUS(m + 2 * PAGE, true);
    char buf[4];
    CHECK_EQ(pread(fd, buf, 1, PAGE), 1);
    CHECK_EQ(buf[0], 'W');
}

CASE(bus_error_of_an_empty_file)
{
    int fd = (int) CHECK_OK(open("f", O_RDWR | O_CREAT, 0644));
    char *m = map_shared(fd, PAGE);
    CHECK_BUS(m, false);
    CHECK_EQ(write(fd, "z", 1), 1);
    CHECK_EQ(m[0], 'z');
}

CASE(truncation_under_a_mapping)
{
    int fd = lettered("f", 3);
    char *s = map_shared(fd, 3 * PAGE), *p = map_private(fd, 3 * PAGE);
    CHECK_EQ(s[2 * PAGE], 'c');
    p[2 * PAGE] = 'P';
    CHECK_EQ(ftruncate(fd, PAGE + 10), 0);
    CHECK_EQ(s[PAGE + 9], 'b');
    CHECK_EQ(s[PAGE + 10], 0); /* the cut page is zeroed behind the end */
    CHECK_BUS(s + 2 * PAGE, false);
    CHECK_BUS(p + 2 * PAGE, false); /* even the page that was our own */
    CHECK_EQ(truncate("f", 3 * PAGE), 0);
    CHECK_EQ(s[2 * PAGE], 0);
    CHECK_EQ(p[2 * PAGE], 0);
    CHECK_EQ(s[PAGE + 20], 0);
}

CASE(truncation_by_another_process)
{
    int fd = lettered("f", 2);
    char *s = map_shared(fd, 2 * PAGE);
    CHECK_EQ(s[PAGE], 'b');
    pid_t pid = (pid_t) CHECK_OK(fork());
    if (pid == 0)
        _exit(truncate("f", 0) != 0);
    CHECK_EXIT(pid, 0);
    CHECK_BUS(s, false);
    CHECK_BUS(s + PAGE, true);
}

CASE(calls_on_memory_past_the_end)
{
    int fd = (int) CHECK_OK(open("f", O_RDWR | O_CREAT, 0644)), p[2];
    char *m = map_shared(fd, 2 * PAGE);
    CHECK_EQ(write(fd, "x", 1), 1);
    CHECK_EQ(pipe(p), 0);
    CHECK_ERR(write(p[1], m + PAGE, 10), EFAULT);
    CHECK_EQ(write(p[1], "0123456789", 10), 10);
    CHECK_ERR(read(p[0], m + PAGE, 10), EFAULT);
    CHECK_ERR(pwrite(fd, m + PAGE, 1, 0), EFAULT);
    CHECK_ERR(stat(m + PAGE, &(struct stat){0}), EFAULT);
}

CASE(a_file_read_into_its_own_mapping)
{
    int fd = lettered("f", 2);
    char *m = map_shared(fd, 2 * PAGE);
    CHECK_EQ(pread(fd, m + PAGE, 100, 0), 100);
    CHECK_EQ(m[PAGE + 99], 'a');
    CHECK_EQ(m[PAGE + 100], 'b');
    CHECK_EQ(pwrite(fd, m + PAGE + 50, 100, 0), 100);
    CHECK_EQ(m[49], 'a');
    CHECK_EQ(m[50], 'b');
}

CASE(fixed_over_a_mapping)
{
    int fd = lettered("f", 4);
    char *m = map_shared(fd, 4 * PAGE);
    char *r = mmap(m + PAGE, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd, 3 * PAGE);
    CHECK(r == m + PAGE);
    CHECK_EQ(m[PAGE], 'd');
    CHECK_EQ(m[0], 'a');
    CHECK_EQ(m[2 * PAGE], 'c');
    m[PAGE + 1] = '!';
    CHECK_EQ(m[3 * PAGE + 1], '!');
    r = mmap(m, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    CHECK(r == m);
    CHECK_EQ(m[0], 0);
    r = mmap(m, PAGE, PROT_READ, MAP_PRIVATE | MAP_FIXED_NOREPLACE, fd, 0);
    CHECK(r == MAP_FAILED && errno == EEXIST);
}

CASE(partial_unmap)
{
    int fd = lettered("f", 5);
    char *m = map_shared(fd, 5 * PAGE);
    CHECK_EQ(munmap(m + PAGE, 2 * PAGE), 0);
    CHECK_EQ(touch(m + PAGE, false), SIGSEGV);
    CHECK_EQ(fault_info.si_code, SEGV_MAPERR);
    CHECK_EQ(m[0], 'a');
    CHECK_EQ(m[3 * PAGE], 'd');
    m[4 * PAGE] = 'E';
    char c;
    CHECK_EQ(pread(fd, &c, 1, 4 * PAGE), 1);
    CHECK_EQ(c, 'E');
    CHECK_EQ(munmap(m, 5 * PAGE), 0); /* holes are no error */
}

CASE(moved_and_resized)
{
    int fd = lettered("f", 4);
    char *m = map_shared(fd, 2 * PAGE);
    m[0] = 'M';
    char *n = mremap(m, 2 * PAGE, 4 * PAGE, MREMAP_MAYMOVE);
    CHECK(n != MAP_FAILED);
    CHECK_EQ(n[0], 'M');
    CHECK_EQ(n[3 * PAGE], 'd');
    CHECK(mremap(n, 4 * PAGE, PAGE, 0) == n);
    CHECK_EQ(touch(n + PAGE, false), SIGSEGV);
    CHECK_EQ(n[0], 'M');
    /* Size 0 duplicates a shared mapping. */
    char *d = mremap(n, 0, PAGE, MREMAP_MAYMOVE);
    CHECK(d != MAP_FAILED && d != n);
    d[1] = 'D';
    CHECK_EQ(n[1], 'D');
    char *at = CHECK_MAP(mmap(NULL, PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    CHECK(mremap(n, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, at) == at);
    CHECK_EQ(at[1], 'D');
    CHECK_EQ(touch(n, false), SIGSEGV);
    /* Beyond the file's end the mapping may grow, and is a bus error there. */
    n = mremap(at, PAGE, 6 * PAGE, MREMAP_MAYMOVE);
    CHECK(n != MAP_FAILED);
    CHECK_EQ(n[3 * PAGE], 'd');
    CHECK_BUS(n + 4 * PAGE, false);
    char *p = map_private(fd, PAGE);
    CHECK_EQ(munmap(p, PAGE), 0);
}

CASE(populated)
{
    unsigned char in[4];
    int fd = lettered("f", 4);
    char *m = CHECK_MAP(mmap(NULL, 4 * PAGE, PROT_READ, MAP_SHARED | MAP_POPULATE, fd, 0));
    CHECK_EQ(mincore(m, 4 * PAGE, in), 0);
    for (int i = 0; i < 4; i++)
        CHECK_EQ(in[i] & 1, 1);
    char *p =
        CHECK_MAP(mmap(NULL, 6 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_POPULATE, fd, 0));
    CHECK_EQ(p[3 * PAGE], 'd');
    CHECK_BUS(p + 5 * PAGE, false); /* populating past the end is no error */
}

CASE(advice_about_file_pages)
{
    int fd = lettered("f", 4);
    char *s = map_shared(fd, 4 * PAGE), *p = map_private(fd, 4 * PAGE);
    s[0] = 'S';
    p[0] = 'P';
    CHECK_EQ(madvise(s, 4 * PAGE, MADV_DONTNEED), 0);
    CHECK_EQ(s[0], 'S'); /* the file keeps it */
    CHECK_EQ(madvise(p, 4 * PAGE, MADV_DONTNEED), 0);
    CHECK_EQ(p[0], 'S'); /* the private copy is given up */
    CHECK_EQ(madvise(s, 4 * PAGE, MADV_SEQUENTIAL), 0);
    CHECK_EQ(madvise(s, 4 * PAGE, MADV_RANDOM), 0);
    CHECK_EQ(madvise(s, 4 * PAGE, MADV_NORMAL), 0);
    CHECK_EQ(madvise(s, 4 * PAGE, MADV_WILLNEED), 0);
    CHECK_EQ(madvise(s, 4 * PAGE, MADV_COLD), 0);
    CHECK_ERR(madvise(s, 4 * PAGE, MADV_FREE), EINVAL); /* private anonymous memory alone */
    CHECK_ERR(madvise(s + 1, PAGE, MADV_NORMAL), EINVAL);
    CHECK_ERR(madvise(s, PAGE, 12345), EINVAL);
    CHECK_EQ(madvise(s, 4 * PAGE, MADV_DONTFORK), 0);
    pid_t pid = (pid_t) CHECK_OK(fork());
    if (pid == 0)
        _exit(touch(s, false) != SIGSEGV);
    CHECK_EXIT(pid, 0);
}

CASE(a_hole_punched_by_advice)
{
    int fd = lettered("f", 4);
    char *s = map_shared(fd, 4 * PAGE), c;
    if (madvise(s + PAGE, PAGE, MADV_REMOVE) < 0) {
        if (errno == EOPNOTSUPP)
            SKIP("this file system has no holes");
        FAIL("MADV_REMOVE: errno %d", errno);
    }
    CHECK_EQ(lseek(fd, 0, SEEK_HOLE), PAGE);
    CHECK_EQ(s[PAGE], 0);
    CHECK_EQ(s[0], 'a');
    CHECK_EQ(pread(fd, &c, 1, PAGE + 5), 1);
    CHECK_EQ(c, 0);
    close(fd);
    fd = (int) CHECK_OK(open("f", O_RDONLY));
    char *r = CHECK_MAP(mmap(NULL, PAGE, PROT_READ, MAP_SHARED, fd, 0));
    CHECK_ERR(madvise(r, PAGE, MADV_REMOVE), EACCES);
    char *p = map_private(fd, PAGE);
    CHECK_ERR(madvise(p, PAGE, MADV_REMOVE), EACCES);
    char *a =
        CHECK_MAP(mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    CHECK_ERR(madvise(a, PAGE, MADV_REMOVE), EINVAL);
}

CASE(locked_pages_of_files)
{
    unsigned char in[2];
    int fd = lettered("f", 2);
    char *s = map_shared(fd, 2 * PAGE);
    CHECK_EQ(mlock(s, 2 * PAGE), 0);
    CHECK_EQ(mincore(s, 2 * PAGE, in), 0);
    CHECK(in[0] & in[1] & 1);
    CHECK_EQ(munlock(s, 2 * PAGE), 0);
    /* What cannot be brought in cannot be locked. */
    CHECK_EQ(ftruncate(fd, PAGE), 0);
    CHECK_ERR(mlock(s, 2 * PAGE), ENOMEM);
    CHECK_EQ(munlock(s, 2 * PAGE), 0);
}

CASE(synced)
{
    int fd = lettered("f", 3);
    char *s = map_shared(fd, 3 * PAGE), *p = map_private(fd, PAGE);
    s[0] = 'S';
    CHECK_EQ(msync(s, 3 * PAGE, MS_SYNC), 0);
    CHECK_EQ(msync(s, 3 * PAGE, MS_ASYNC), 0);
    CHECK_EQ(msync(s, 3 * PAGE, MS_SYNC | MS_INVALIDATE), 0);
    CHECK_EQ(msync(s, 10, MS_SYNC), 0); /* rounded up */
    CHECK_EQ(msync(s, 3 * PAGE, 0), 0);
    CHECK_EQ(msync(p, PAGE, MS_SYNC), 0);
    CHECK_EQ(msync(s, 0, MS_SYNC), 0);
    CHECK_ERR(msync(s, PAGE, MS_SYNC | MS_ASYNC), EINVAL);
    CHECK_ERR(msync(s, PAGE, 8), EINVAL);
    CHECK_ERR(msync(s + 1, PAGE, MS_SYNC), EINVAL);
    CHECK_EQ(munmap(s + PAGE, PAGE), 0);
    CHECK_ERR(msync(s, 3 * PAGE, MS_SYNC), ENOMEM);
    CHECK_ERR(msync(s + PAGE, PAGE, MS_ASYNC), ENOMEM);
    CHECK_EQ(mlock(s, PAGE), 0);
    CHECK_ERR(msync(s, PAGE, MS_INVALIDATE), EBUSY);
    CHECK_EQ(munlock(s, PAGE), 0);
}

CASE(times_after_a_shared_write)
{
    struct stat before, after;
    int fd = lettered("f", 1);
    const struct timespec old[2] = {{1000, 0}, {1000, 0}};
    CHECK_EQ(futimens(fd, old), 0);
    CHECK_EQ(fstat(fd, &before), 0);
    CHECK_EQ(before.st_mtim.tv_sec, 1000);
    char *s = map_shared(fd, PAGE);
    sleep_ms(20);
    s[0] = 'S';
    CHECK_EQ(msync(s, PAGE, MS_SYNC), 0);
    CHECK_EQ(fstat(fd, &after), 0);
    CHECK(after.st_mtim.tv_sec > 1000);
    CHECK(after.st_ctim.tv_sec > before.st_ctim.tv_sec ||
          after.st_ctim.tv_nsec > before.st_ctim.tv_nsec);
    CHECK_EQ(stat("f", &before), 0); /* by name as well */
    CHECK_EQ(before.st_mtim.tv_sec, after.st_mtim.tv_sec);
    CHECK_EQ(before.st_mtim.tv_nsec, after.st_mtim.tv_nsec);
}

CASE(holes_that_are_written)
{
    int fd = (int) CHECK_OK(open("f", O_RDWR | O_CREAT, 0644));
    struct stat st;
    CHECK_EQ(ftruncate(fd, 1 << 20), 0);
    CHECK_EQ(lseek(fd, 0, SEEK_HOLE), 0);
    CHECK_ERR(lseek(fd, 0, SEEK_DATA), ENXIO);
    char *s = map_shared(fd, 1 << 20);
    CHECK_EQ(s[512 << 10], 0); /* reading makes none */
    s[256 << 10] = 'D';
    CHECK_EQ(msync(s, 1 << 20, MS_SYNC), 0);
    off_t data = lseek(fd, 0, SEEK_DATA);
    CHECK(data > 0 && data <= 256 << 10);
    CHECK(lseek(fd, 256 << 10, SEEK_HOLE) > 256 << 10);
    CHECK_EQ(fstat(fd, &st), 0);
    CHECK(st.st_blocks > 0 && st.st_blocks < 1024);
    CHECK_EQ(stat("f", &st), 0);
    CHECK(st.st_blocks > 0);
}

CASE(executable_file)
{
    static const unsigned char code[] = {0xb8, 0x2a, 0, 0, 0, 0xc3}; /* mov $42,%eax; ret */
    int fd = (int) CHECK_OK(open("code", O_RDWR | O_CREAT, 0755));
    CHECK_EQ(write(fd, code, sizeof(code)), (ssize_t) sizeof(code));
    int (*fn)(void) = CHECK_MAP(mmap(NULL, PAGE, PROT_READ | PROT_EXEC, MAP_PRIVATE, fd, 0));
    CHECK_EQ(fn(), 42);
    char *s = map_shared(fd, PAGE);
    int (*shared)(void) = CHECK_MAP(mmap(NULL, PAGE, PROT_READ | PROT_EXEC, MAP_SHARED, fd, 0));
    CHECK_EQ(shared(), 42);
    s[1] = 43;
    CHECK_EQ(shared(), 43);
    CHECK_EQ(fn(), 43);
    CHECK_EQ(mprotect(s, PAGE, PROT_READ | PROT_EXEC), 0);
    CHECK_EQ(touch((char *) fn, true), SIGSEGV);
    CHECK_EQ(fault_info.si_code, SEGV_ACCERR);
}

/* Columns of the line of /proc/self/maps that begins with this address. */
static bool maps_line(const void *at, char perm[8], unsigned long *off, unsigned long *ino,
                      char name[256])
{
    static char text[1 << 16];
    char want[32];
    get_file("/proc/self/maps", text, sizeof(text));
    snprintf(want, sizeof(want), "%lx-", (unsigned long) at);
    for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n")) {
        if (strncmp(line, want, strlen(want)) != 0)
            continue;
        name[0] = 0;
        return sscanf(line, "%*s %7s %lx %*s %lu %255[^\n]", perm, off, ino, name) >= 3;
    }
    return false;
}

CASE(text_of_maps)
{
    char perm[8], name[256], cwd[200], want[256];
    unsigned long off, ino;
    struct stat st;
    int fd = lettered("f", 3);
    CHECK_EQ(fstat(fd, &st), 0);
    CHECK(getcwd(cwd, sizeof(cwd)));
    snprintf(want, sizeof(want), "%s/f", cwd);
    char *s = CHECK_MAP(mmap(NULL, PAGE, PROT_READ, MAP_SHARED, fd, 2 * PAGE));
    CHECK(maps_line(s, perm, &off, &ino, name));
    CHECK_STR(perm, "r--s");
    CHECK_EQ(off, 2 * PAGE);
    CHECK_EQ(ino, st.st_ino);
    CHECK_STR(name, want);
    char *p = CHECK_MAP(mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0));
    CHECK(maps_line(p, perm, &off, &ino, name));
    CHECK_STR(perm, "rw-p");
    CHECK_EQ(off, 0);
    CHECK_EQ(unlink("f"), 0);
    CHECK(maps_line(p, perm, &off, &ino, name));
    strcat(want, " (deleted)");
    CHECK_STR(name, want);
    int mem = (int) CHECK_OK(memfd_create("mem", 0));
    CHECK_EQ(ftruncate(mem, PAGE), 0);
    char *m = map_shared(mem, PAGE);
    CHECK(maps_line(m, perm, &off, &ino, name));
    CHECK_STR(perm, "rw-s");
    CHECK_STR(name, "/memfd:mem (deleted)");
}

CASE(text_of_smaps)
{
    static char text[1 << 18];
    char want[32];
    int fd = lettered("f", 2);
    char *s = map_shared(fd, 2 * PAGE);
    s[0] = 'S';
    (void) *(volatile char *) (s + PAGE);
    get_file("/proc/self/smaps", text, sizeof(text));
    snprintf(want, sizeof(want), "%lx-", (unsigned long) s);
    char *at = strstr(text, want);
    CHECK(at);
    unsigned size = 0, rss = 0;
    CHECK(sscanf(strstr(at, "Size:"), "Size: %u kB", &size) == 1);
    CHECK(sscanf(strstr(at, "Rss:"), "Rss: %u kB", &rss) == 1);
    CHECK_EQ(size, 8);
    CHECK_EQ(rss, 8);
    char *flags = strstr(at, "VmFlags:");
    CHECK(flags);
    flags[60] = 0;
    CHECK(strstr(flags, " rd wr sh mr mw me ms"));
}

CASE(memfd_future_write)
{
    int fd = (int) CHECK_OK(memfd_create("sealed", MFD_ALLOW_SEALING));
    CHECK_EQ(ftruncate(fd, PAGE), 0);
    char *old = map_shared(fd, PAGE);
    CHECK_EQ(fcntl(fd, F_ADD_SEALS, F_SEAL_FUTURE_WRITE), 0);
    old[0] = 'o'; /* what is there may go on */
    CHECK_ERR(pwrite(fd, "x", 1, 0), EPERM);
    CHECK(mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0) == MAP_FAILED &&
          errno == EPERM);
    char *r = CHECK_MAP(mmap(NULL, PAGE, PROT_READ, MAP_SHARED, fd, 0));
    CHECK_EQ(r[0], 'o');
    CHECK_ERR(mprotect(r, PAGE, PROT_READ | PROT_WRITE), EACCES);
    char *p = map_private(fd, PAGE);
    p[0] = 'p';
    CHECK_EQ(r[0], 'o');
    CHECK_ERR(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE), EBUSY);
    CHECK_EQ(munmap(old, PAGE), 0);
    CHECK_EQ(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE), 0);
}

CASE(memfd_truncated_under_a_mapping)
{
    int fd = (int) CHECK_OK(memfd_create("cut", MFD_ALLOW_SEALING));
    CHECK_EQ(ftruncate(fd, 2 * PAGE), 0);
    char *s = map_shared(fd, 2 * PAGE);
    s[PAGE] = 'x';
    CHECK_EQ(ftruncate(fd, PAGE), 0);
    CHECK_BUS(s + PAGE, false);
    CHECK_EQ(fcntl(fd, F_ADD_SEALS, F_SEAL_GROW), 0);
    CHECK_ERR(ftruncate(fd, 2 * PAGE), EPERM);
    CHECK_BUS(s + PAGE, true);
}

CASE(sealed_memfd_read_only_mapping_stays_so)
{
    int fd = (int) CHECK_OK(memfd_create("sealed", MFD_ALLOW_SEALING));
    CHECK_EQ(ftruncate(fd, PAGE), 0);
    CHECK_EQ(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE), 0);
    char *r = CHECK_MAP(mmap(NULL, PAGE, PROT_READ, MAP_SHARED, fd, 0));
    CHECK_ERR(mprotect(r, PAGE, PROT_READ | PROT_WRITE), EACCES);
}

CASE(thousand_mappings_of_a_file)
{
    int fd = lettered("f", 4);
    char *at[1000];
    for (int i = 0; i < 1000; i++) {
        at[i] = CHECK_MAP(
            mmap(NULL, PAGE, PROT_READ, i & 1 ? MAP_SHARED : MAP_PRIVATE, fd, (i & 3) * PAGE));
        CHECK_EQ(at[i][9], 'a' + (i & 3));
    }
    for (int i = 0; i < 1000; i++)
        CHECK_EQ(munmap(at[i], PAGE), 0);
}

CASE(mapped_in_one_process_written_in_another)
{
    int fd = lettered("f", 1), up[2], down[2];
    char c;
    CHECK_EQ(pipe(up), 0);
    CHECK_EQ(pipe(down), 0);
    pid_t pid = (pid_t) CHECK_OK(fork());
    if (pid == 0) {
        int own = open("f", O_RDONLY);
        volatile char *m = CHECK_MAP(mmap(NULL, PAGE, PROT_READ, MAP_SHARED, own, 0));
        (void) *m;
        CHECK_EQ(write(up[1], "r", 1), 1);
        CHECK_EQ(read(down[0], &c, 1), 1);
        _exit(m[33] == '#' ? 0 : 1);
    }
    CHECK_EQ(read(up[0], &c, 1), 1);
    for (int i = 0; i < 50; i++)
        CHECK_EQ(pwrite(fd, i == 49 ? "#" : ".", 1, 33), 1);
    CHECK_EQ(write(down[1], "g", 1), 1);
    CHECK_EXIT(pid, 0);
}

GUEST_MAIN
