/* SPDX-License-Identifier: Apache-2.0 */
/* mmap(2) and its family: anonymous and file memory, sharing, protection, growth. */
#include "guest.h"
#include <sys/resource.h>

enum { PG = 4096 };
#define RW   (PROT_READ | PROT_WRITE)
#define ANON (MAP_PRIVATE | MAP_ANONYMOUS)

static bool readable(const volatile void *p)
{
    int q[2];
    bool ok;
    CHECK_EQ(pipe(q), 0);
    ok = write(q[1], (const void *) p, 1) == 1;
    close(q[0]);
    close(q[1]);
    return ok;
}

CASE(anonymous)
{
    char *p = CHECK_MAP(mmap(NULL, 10 * PG, RW, ANON, -1, 0));
    for (int i = 0; i < 10 * PG; i++)
        CHECK_EQ(p[i], 0);
    memset(p, 'x', 10 * PG);
    CHECK_EQ(munmap(p, 10 * PG), 0);
    CHECK(!readable(p));
}

CASE(errors)
{
    char *p = CHECK_MAP(mmap(NULL, PG, RW, ANON, -1, 0));
    CHECK_ERR((long) mmap(NULL, 0, RW, ANON, -1, 0), EINVAL);
    CHECK_ERR((long) mmap(NULL, PG, RW, MAP_ANONYMOUS, -1, 0), EINVAL);
    CHECK_ERR((long) mmap(NULL, PG, RW, MAP_PRIVATE, -1, 0), EBADF);
    CHECK_ERR((long) mmap(NULL, PG, RW, MAP_PRIVATE, 0, 1), EINVAL);
    CHECK_ERR((long) mmap(p + 1, PG, RW, ANON | MAP_FIXED, -1, 0), EINVAL);
    CHECK_ERR((long) mmap(p, PG, RW, ANON | MAP_FIXED_NOREPLACE, -1, 0), EEXIST);
    CHECK_ERR((long) mmap(NULL, 1ul << 48, RW, ANON | MAP_NORESERVE, -1, 0), ENOMEM);
    CHECK_ERR((long) mmap((void *) (1ul << 47), PG, RW, ANON | MAP_FIXED, -1, 0), ENOMEM);
    CHECK_ERR(munmap(p + 1, PG), EINVAL);
    CHECK_ERR(munmap(p, 0), EINVAL);
    CHECK_ERR(mprotect(p + 1, PG, RW), EINVAL);
    CHECK_EQ(munmap(p, PG), 0);
    CHECK_EQ(munmap(p, PG), 0); /* nothing there is no error */
    CHECK_ERR(mprotect(p, PG, RW), ENOMEM);
}

CASE(partial_unmap)
{
    char *p = CHECK_MAP(mmap(NULL, 5 * PG, RW, ANON, -1, 0));
    memset(p, 'x', 5 * PG);
    CHECK_EQ(munmap(p + 2 * PG, PG), 0);
    CHECK(readable(p + PG) && !readable(p + 2 * PG) && readable(p + 3 * PG));
    CHECK_EQ(p[3 * PG], 'x');
    CHECK(mmap(p + 2 * PG, PG, RW, ANON | MAP_FIXED, -1, 0) == p + 2 * PG);
    CHECK_EQ(p[2 * PG], 0);
}

CASE(fixed_replaces)
{
    char *p = CHECK_MAP(mmap(NULL, 3 * PG, RW, ANON, -1, 0));
    memset(p, 'x', 3 * PG);
    CHECK(mmap(p + PG, PG, PROT_READ, ANON | MAP_FIXED, -1, 0) == p + PG);
    CHECK(p[0] == 'x' && p[PG] == 0 && p[2 * PG] == 'x');
}

CASE(hint_is_used_when_free)
{
    char *p = CHECK_MAP(mmap(NULL, 16 * PG, RW, ANON, -1, 0));
    CHECK_EQ(munmap(p, 16 * PG), 0);
    CHECK(mmap(p + 4 * PG, PG, RW, ANON, -1, 0) == p + 4 * PG);
    CHECK(CHECK_MAP(mmap(p + 4 * PG, PG, RW, ANON, -1, 0)) != p + 4 * PG);
}

CASE(low_addresses)
{
    char *p = CHECK_MAP(mmap((void *) 0x20000000, PG, RW, ANON | MAP_FIXED_NOREPLACE, -1, 0));
    CHECK((uintptr_t) p == 0x20000000);
    p = CHECK_MAP(mmap(NULL, PG, RW, ANON | MAP_32BIT, -1, 0));
    CHECK((uintptr_t) p < 0x80000000);
    CHECK_EQ(p[0], 0);
}

CASE(protection)
{
    char *p = CHECK_MAP(mmap(NULL, 4 * PG, PROT_NONE, ANON, -1, 0));
    int fd = (int) CHECK_OK(open("/dev/zero", O_RDONLY));
    CHECK(!readable(p));
    CHECK_EQ(mprotect(p + PG, PG, PROT_READ), 0);
    CHECK(readable(p + PG) && !readable(p + 2 * PG));
    CHECK_ERR(read(fd, p + PG, 1), EFAULT);
    CHECK_EQ(mprotect(p, 4 * PG, RW), 0);
    CHECK_EQ(read(fd, p, 4 * PG), 4 * PG);
}

CASE(executable)
{
    unsigned char *p = CHECK_MAP(mmap(NULL, PG, RW, ANON, -1, 0));
    memcpy(p, "\xb8\x2a\x00\x00\x00\xc3", 6); /* mov $42, %eax; ret */
    CHECK_EQ(mprotect(p, PG, PROT_READ | PROT_EXEC), 0);
    CHECK_EQ(((int (*)(void))(uintptr_t) p)(), 42);
    p = CHECK_MAP(mmap(NULL, PG, RW | PROT_EXEC, ANON, -1, 0));
    memcpy(p, "\xb8\x2b\x00\x00\x00\xc3", 6);
    CHECK_EQ(((int (*)(void))(uintptr_t) p)(), 43);
}

CASE(program_break)
{
    char *a = (char *) syscall(SYS_brk, 0);
    CHECK(a == sbrk(0));
    CHECK_EQ(syscall(SYS_brk, a + 100000), (long) (a + 100000));
    memset(a, 'x', 100000);
    CHECK_EQ(syscall(SYS_brk, a + 10), (long) (a + 10));
    CHECK_EQ(syscall(SYS_brk, a + 100000), (long) (a + 100000));
    CHECK_EQ(a[99999], 0);                              /* fresh pages */
    CHECK_EQ(syscall(SYS_brk, 1), (long) (a + 100000)); /* a refused wish tells the present value */
    CHECK_EQ(syscall(SYS_brk, a), (long) a);
    CHECK(sbrk(1 << 20) != (void *) -1);
}

CASE(break_over_fork)
{
    char *a = sbrk(PG);
    a[0] = 'p';
    pid_t pid = (pid_t) CHECK_OK(fork());
    if (pid == 0) {
        CHECK_EQ(a[0], 'p');
        CHECK(sbrk(0) == a + PG);
        CHECK(sbrk(PG) == a + PG);
        a[PG] = 'c';
        _exit(0);
    }
    CHECK_EXIT(pid, 0);
    CHECK(sbrk(0) == a + PG);
}

CASE(remap)
{
    char *p = CHECK_MAP(mmap(NULL, 4 * PG, RW, ANON, -1, 0)), *q;
    memset(p, 'x', 4 * PG);
    CHECK(mremap(p, 4 * PG, 2 * PG, 0) == p);
    CHECK(!readable(p + 3 * PG));
    q = CHECK_MAP(mremap(p, 2 * PG, 2000 * PG, MREMAP_MAYMOVE));
    CHECK(q[0] == 'x' && q[2 * PG - 1] == 'x' && q[2 * PG] == 0);
    char *place = CHECK_MAP(mmap(NULL, 2 * PG, PROT_NONE, ANON, -1, 0));
    CHECK(mremap(q, 2 * PG, 2 * PG, MREMAP_MAYMOVE | MREMAP_FIXED, place) == place);
    CHECK_EQ(place[5], 'x');
    CHECK(!readable(q));
    CHECK_ERR((long) mremap(place + 1, PG, PG, 0), EINVAL);
    CHECK_ERR((long) mremap(place, PG, 0, 0), EINVAL);
}

CASE(file_private)
{
    char buf[16];
    put_file("f", "hello", 0600);
    int fd = (int) CHECK_OK(open("f", O_RDONLY));
    char *p = CHECK_MAP(mmap(NULL, PG, RW, MAP_PRIVATE, fd, 0));
    close(fd);
    CHECK_STR(p, "hello");
    p[0] = 'J';
    get_file("f", buf, sizeof(buf));
    CHECK_STR(buf, "hello");
    pid_t pid = (pid_t) CHECK_OK(fork());
    if (pid == 0) {
        CHECK_STR(p, "Jello");
        p[1] = 'u';
        _exit(0);
    }
    CHECK_EXIT(pid, 0);
    CHECK_STR(p, "Jello");
}

CASE(file_shared)
{
    char buf[16];
    put_file("f", "hello", 0600);
    int fd = (int) CHECK_OK(open("f", O_RDWR));
    char *p = CHECK_MAP(mmap(NULL, PG, RW, MAP_SHARED, fd, 0));
    char *q = CHECK_MAP(mmap(NULL, PG, PROT_READ, MAP_SHARED, fd, 0));
    p[0] = 'J';
    CHECK_STR(q, "Jello");
    get_file("f", buf, sizeof(buf));
    CHECK_STR(buf, "Jello");
    CHECK_EQ(pwrite(fd, "W", 1, 0), 1);
    CHECK_STR(p, "Wello");
    CHECK_EQ(msync(p, PG, MS_SYNC), 0);
    pid_t pid = (pid_t) CHECK_OK(fork());
    if (pid == 0) {
        p[1] = 'u';
        _exit(0);
    }
    CHECK_EXIT(pid, 0);
    CHECK_STR(p, "Wullo");
}

CASE(file_rights)
{
    put_file("f", "hello", 0600);
    int r = (int) CHECK_OK(open("f", O_RDONLY)), w = (int) CHECK_OK(open("f", O_WRONLY));
    CHECK_ERR((long) mmap(NULL, PG, RW, MAP_SHARED, r, 0), EACCES);
    CHECK_ERR((long) mmap(NULL, PG, PROT_READ, MAP_PRIVATE, w, 0), EACCES);
    CHECK_ERR((long) mmap(NULL, PG, PROT_WRITE, MAP_SHARED, w, 0), EACCES);
    char *p = CHECK_MAP(mmap(NULL, PG, PROT_READ, MAP_SHARED, r, 0));
    CHECK_ERR(mprotect(p, PG, RW), EACCES);
    p = CHECK_MAP(mmap(NULL, PG, PROT_READ, MAP_PRIVATE, r, 0));
    CHECK_EQ(mprotect(p, PG, RW), 0);
    int dir = (int) CHECK_OK(open(".", O_RDONLY)), q[2];
    CHECK_ERR((long) mmap(NULL, PG, PROT_READ, MAP_PRIVATE, dir, 0), ENODEV);
    CHECK_EQ(pipe(q), 0);
    CHECK_ERR((long) mmap(NULL, PG, PROT_READ, MAP_PRIVATE, q[0], 0), ENODEV);
}

CASE(file_offsets)
{
    char buf[PG];
    int fd = (int) CHECK_OK(open("f", O_RDWR | O_CREAT, 0600));
    for (int i = 0; i < 20; i++) {
        memset(buf, 'a' + i, PG);
        CHECK_EQ(write(fd, buf, PG), PG);
    }
    for (int i = 19; i >= 0; i--) {
        char *p = CHECK_MAP(mmap(NULL, PG, PROT_READ, MAP_SHARED, fd, (off_t) i * PG));
        CHECK(p[0] == 'a' + i && p[PG - 1] == 'a' + i);
    }
}

CASE(file_survives_unlink_and_replace)
{
    put_file("f", "old", 0600);
    int fd = (int) CHECK_OK(open("f", O_RDONLY));
    char *p = CHECK_MAP(mmap(NULL, PG, PROT_READ, MAP_PRIVATE, fd, 0));
    close(fd);
    CHECK_EQ(unlink("f"), 0);
    put_file("f", "new", 0600);
    CHECK_STR(p, "old");
}

CASE(dev_zero_mapping)
{
    int fd = (int) CHECK_OK(open("/dev/zero", O_RDWR));
    char *p = CHECK_MAP(mmap(NULL, PG, RW, MAP_PRIVATE, fd, 0));
    CHECK_EQ(p[17], 0);
    p[17] = 1;
    char *q = CHECK_MAP(mmap(NULL, PG, RW, MAP_PRIVATE, fd, 0));
    CHECK_EQ(q[17], 0);
}

CASE(shared_anonymous_over_fork)
{
    volatile int *p = CHECK_MAP(mmap(NULL, PG, RW, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
    pid_t pid = (pid_t) CHECK_OK(fork());
    if (pid == 0) {
        p[0] = 77;
        _exit(0);
    }
    CHECK_EXIT(pid, 0);
    CHECK_EQ(p[0], 77);
}

CASE(copy_on_write_over_fork)
{
    enum { N = 500 };
    char *p = CHECK_MAP(mmap(NULL, N * PG, RW, ANON, -1, 0));
    for (int i = 0; i < N; i++)
        p[i * PG] = (char) i;
    pid_t pid = (pid_t) CHECK_OK(fork());
    if (pid == 0) {
        for (int i = 0; i < N; i++) {
            CHECK_EQ(p[i * PG], (char) i);
            p[i * PG] = (char) ~i;
        }
        for (int i = 0; i < N; i++)
            CHECK_EQ(p[i * PG], (char) ~i);
        _exit(0);
    }
    for (int i = 0; i < N; i += 2)
        p[i * PG] = 99;
    CHECK_EXIT(pid, 0);
    for (int i = 0; i < N; i++)
        CHECK_EQ(p[i * PG], i % 2 ? (char) i : 99);
}

CASE(advice)
{
    char *p = CHECK_MAP(mmap(NULL, 4 * PG, RW, ANON, -1, 0));
    memset(p, 'x', 4 * PG);
    CHECK_EQ(madvise(p + PG, PG, MADV_DONTNEED), 0);
    CHECK(p[0] == 'x' && p[PG] == 0 && p[2 * PG] == 'x');
    CHECK_EQ(madvise(p, 4 * PG, MADV_WILLNEED), 0);
    CHECK_EQ(madvise(p, 4 * PG, MADV_SEQUENTIAL), 0);
    CHECK_ERR(madvise(p, PG, 9999), EINVAL);
    CHECK_ERR(madvise(p + 1, PG, MADV_DONTNEED), EINVAL);
    CHECK_EQ(madvise(p, PG, MADV_DONTFORK), 0);
    CHECK_EQ(madvise(p + PG, PG, MADV_WIPEONFORK), 0);
    p[PG] = 'y';
    pid_t pid = (pid_t) CHECK_OK(fork());
    if (pid == 0)
        _exit(!(!readable(p) && p[PG] == 0 && p[2 * PG] == 'x'));
    CHECK_EXIT(pid, 0);
}

CASE(residency)
{
    unsigned char vec[4];
    char *p = CHECK_MAP(mmap(NULL, 4 * PG, RW, ANON, -1, 0));
    CHECK_EQ(madvise(p, 4 * PG, MADV_NOHUGEPAGE), 0);
    p[PG] = 1;
    CHECK_EQ(mincore(p, 4 * PG, vec), 0);
    CHECK((vec[1] & 1) && !(vec[3] & 1));
    CHECK_ERR(mincore(p + 1, PG, vec), EINVAL);
    CHECK_EQ(munmap(p, 4 * PG), 0);
    CHECK_ERR(mincore(p, PG, vec), ENOMEM);
}

CASE(big_sparse)
{
    size_t n = 64ul << 30;
    char *p = CHECK_MAP(mmap(NULL, n, RW, ANON | MAP_NORESERVE, -1, 0));
    for (size_t at = 0; at < n; at += n / 64)
        p[at] = 1;
    p[n - 1] = 2;
    CHECK_EQ(p[n - 1], 2);
    CHECK_EQ(munmap(p, n), 0);
}

static int NOINLINE deep(int n)
{
    volatile char pad[1024];
    pad[0] = (char) n;
    return n == 0 ? 0 : deep(n - 1) + (pad[0] != (char) n);
}

CASE(stack_grows)
{
    CHECK_EQ(deep(6000), 0); /* 6 MB and more of the usual 8 */
}

CASE(stack_of_a_child_grows)
{
    pid_t pid = (pid_t) CHECK_OK(fork());
    if (pid == 0)
        _exit(deep(6000));
    CHECK_EXIT(pid, 0);
}

CASE(grows_down)
{
    char *p = CHECK_MAP(mmap(NULL, 512 * PG, PROT_NONE, ANON, -1, 0));
    CHECK_EQ(munmap(p, 512 * PG), 0);
    char *top = CHECK_MAP(mmap(p + 510 * PG, 2 * PG, RW, ANON | MAP_GROWSDOWN | MAP_FIXED, -1, 0));
    top[-1] = 1;
    top[-PG - 1] = 2;
    CHECK_EQ(top[-1], 1);
}

CASE(many_mappings)
{
    enum { N = 3000 };
    static char *at[N];
    for (int i = 0; i < N; i++) {
        at[i] = CHECK_MAP(mmap(NULL, PG, i % 2 ? RW : PROT_READ, ANON, -1, 0));
        if (i % 2)
            at[i][0] = (char) i;
    }
    for (int i = 0; i < N; i++)
        CHECK_EQ(at[i][0], i % 2 ? (char) i : 0);
    for (int i = 0; i < N; i++)
        CHECK_EQ(munmap(at[i], PG), 0);
}

CASE(locking)
{
    char *p = CHECK_MAP(mmap(NULL, PG, RW, ANON, -1, 0));
    CHECK_EQ(mlock(p, PG), 0);
    CHECK_EQ(munlock(p, PG), 0);
    CHECK_EQ(munmap(p, PG), 0);
    CHECK_ERR(mlock(p, PG), ENOMEM);
}

CASE(random_operations)
{
    /* The same walk over mmap, munmap, mprotect and fork, with a model of what must be seen. */
    enum { N = 64 };
    static char model[N];
    char *p = CHECK_MAP(mmap(NULL, N * PG, RW, ANON, -1, 0));
    unsigned int seed = 12345;
    for (int i = 0; i < 4000; i++) {
        seed = seed * 1103515245 + 12345;
        int at = (int) (seed >> 16) % N, len = 1 + (int) (seed >> 8) % 4;
        if (at + len > N)
            len = N - at;
        switch ((seed >> 24) % 4) {
        case 0:
            CHECK(mmap(p + at * PG, (size_t) len * PG, RW, ANON | MAP_FIXED, -1, 0) == p + at * PG);
            memset(model + at, 0, (size_t) len);
            break;
        case 1:
            for (int k = 0; k < len; k++)
                p[(at + k) * PG] = model[at + k] = (char) i;
            break;
        case 2:
            CHECK_EQ(mprotect(p + at * PG, (size_t) len * PG, PROT_READ), 0);
            CHECK_EQ(p[at * PG], model[at]);
            CHECK_EQ(mprotect(p + at * PG, (size_t) len * PG, RW), 0);
            break;
        case 3:
            CHECK_EQ(madvise(p + at * PG, (size_t) len * PG, MADV_DONTNEED), 0);
            memset(model + at, 0, (size_t) len);
            break;
        }
    }
    for (int i = 0; i < N; i++)
        CHECK_EQ(p[i * PG], model[i]);
}

GUEST_MAIN
