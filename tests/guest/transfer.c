/* SPDX-License-Identifier: Apache-2.0 */
/* The corners of moving data: positions, vectors, limits, files copied in the kernel. */
#include "guest.h"
#include <limits.h>
#include <sys/resource.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/uio.h>

static int fresh(int flags)
{
    return (int) CHECK_OK(open("f", O_CREAT | O_RDWR | flags, 0644));
}

/* A page that may be used, followed by one that may not. */
static char *last_page(void)
{
    char *p =
        CHECK_MAP(mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    CHECK_EQ(mprotect(p + 4096, 4096, PROT_NONE), 0);
    return p;
}

CASE(nothing_to_move)
{
    int fd = fresh(0), dir = (int) CHECK_OK(open(".", O_RDONLY)),
        ro = (int) CHECK_OK(open("f", O_RDONLY));
    CHECK_EQ(write(fd, "x", 0), 0);
    CHECK_EQ(read(fd, NULL, 0), 0);
    CHECK_ERR(read(dir, NULL, 0), EISDIR);
    CHECK_ERR(write(ro, NULL, 0), EBADF);
    CHECK_EQ(pread(fd, NULL, 0, 100), 0);
    CHECK_EQ(lseek(fd, 0, SEEK_CUR), 0);
    CHECK_EQ(readv(fd, NULL, 0), 0);
    CHECK_EQ(writev(fd, NULL, 0), 0);
}

CASE(bad_memory)
{
    char *p = last_page();
    int fd = fresh(0), pipes[2];
    CHECK_ERR(write(fd, p + 4096, 1), EFAULT);
    CHECK_ERR(write(fd, (void *) 1, 1), EFAULT);
    CHECK_ERR(write(fd, (void *) -4096L, 1), EFAULT);
    CHECK_EQ(lseek(fd, 0, SEEK_CUR), 0);
    CHECK_EQ(write(fd, "abc", 3), 3);
    CHECK_ERR(pread(fd, p + 4096, 1, 0), EFAULT);
    CHECK_ERR(pread(fd, (void *) -4096L, 1, 0), EFAULT);
    CHECK_EQ(pipe(pipes), 0);
    CHECK_ERR(write(pipes[1], p + 4096, 1), EFAULT);
    CHECK_EQ(write(pipes[1], "abc", 3), 3);
    CHECK_ERR(read(pipes[0], p + 4096, 1), EFAULT);
    memset(p, 'q', 4096); /* what can be read is written */
    ssize_t n = pwrite(fd, p, 8192, 0);
    CHECK(n == 4096 || (n < 0 && errno == EFAULT));
    CHECK_ERR(write(fd, p, SIZE_MAX / 2), EFAULT);
    CHECK_ERR(read(fd, p, (size_t) -1), EFAULT);
}

CASE(across_the_end_of_memory)
{
    char *p = last_page();
    int fd = fresh(0);
    CHECK_EQ(write(fd, "0123456789", 10), 10);
    CHECK_EQ(pread(fd, p + 4090, 6, 0), 6); /* ends where memory ends */
    CHECK_MEM(p + 4090, "012345", 6);
    CHECK_EQ(pwrite(fd, p + 4090, 6, 10), 6);
    CHECK_EQ(pread(fd, p, 100, 0), 16);
    CHECK_MEM(p, "0123456789012345", 16);
}

CASE(positions)
{
    char buf[8] = {0};
    int fd = fresh(0), pipes[2];
    CHECK_EQ(write(fd, "abcdef", 6), 6);
    CHECK_EQ(pread(fd, buf, 3, 2), 3);
    CHECK_MEM(buf, "cde", 3);
    CHECK_EQ(lseek(fd, 0, SEEK_CUR), 6);
    CHECK_EQ(pwrite(fd, "Z", 1, 0), 1);
    CHECK_EQ(pread(fd, buf, 8, 6), 0);
    CHECK_EQ(pread(fd, buf, 8, 1000), 0);
    CHECK_ERR(pread(fd, buf, 1, -1), EINVAL);
    CHECK_ERR(pwrite(fd, buf, 1, LONG_MIN), EINVAL);
    CHECK_ERR(pread(999, buf, 1, 0), EBADF);
    CHECK_EQ(pipe(pipes), 0);
    CHECK_ERR(pread(pipes[0], buf, 1, 0), ESPIPE);
    CHECK_ERR(pwrite(pipes[1], buf, 1, 0), ESPIPE);
    CHECK_ERR(lseek(pipes[0], 0, SEEK_CUR), ESPIPE);
}

CASE(pwrite_with_append)
{
    char buf[8];
    int fd = fresh(O_APPEND);
    CHECK_EQ(write(fd, "abc", 3), 3);
    CHECK_EQ(pwrite(fd, "d", 1, 0), 1); /* open(2), BUGS: appended all the same */
    CHECK_EQ(pread(fd, buf, 8, 0), 4);
    CHECK_MEM(buf, "abcd", 4);
    CHECK_EQ(lseek(fd, 0, SEEK_SET), 0);
    CHECK_EQ(read(fd, buf, 2), 2);
    CHECK_EQ(write(fd, "e", 1), 1);
    CHECK_EQ(lseek(fd, 0, SEEK_CUR), 5);
}

CASE(seeks)
{
    int fd = fresh(0), dir = (int) CHECK_OK(open(".", O_RDONLY));
    CHECK_EQ(write(fd, "0123456789", 10), 10);
    CHECK_EQ(lseek(fd, 4, SEEK_SET), 4);
    CHECK_EQ(lseek(fd, -2, SEEK_CUR), 2);
    CHECK_EQ(lseek(fd, -1, SEEK_END), 9);
    CHECK_EQ(lseek(fd, 100, SEEK_END), 110);
    CHECK_ERR(lseek(fd, -1, SEEK_SET), EINVAL);
    CHECK_ERR(lseek(fd, -11, SEEK_END), EINVAL);
    CHECK_ERR(lseek(fd, 0, 5), EINVAL);
    CHECK_ERR(lseek(fd, 0, -1), EINVAL);
    CHECK_EQ(lseek(fd, 0, SEEK_CUR), 110);
    CHECK_EQ(lseek(fd, 3, SEEK_DATA), 3);
    CHECK_EQ(lseek(fd, 3, SEEK_HOLE), 10);
    CHECK_ERR(lseek(fd, 10, SEEK_DATA), ENXIO);
    CHECK_ERR(lseek(fd, 10, SEEK_HOLE), ENXIO);
    CHECK_ERR(lseek(fd, LONG_MAX, SEEK_CUR), EINVAL);
    CHECK_EQ(lseek(dir, 0, SEEK_SET), 0);
    CHECK_ERR(lseek(999, 0, SEEK_SET), EBADF);
}

CASE(vectors_of_all_kinds)
{
    char a[4] = {0}, b[4] = {0}, *p = last_page();
    struct iovec none[2] = {{NULL, 0}, {NULL, 0}}, two[3] = {{a, 2}, {NULL, 0}, {b, 3}};
    struct iovec bad[2] = {{a, 2}, {(void *) -4096L, 2}}, neg[2] = {{a, 1}, {b, (size_t) -1}};
    struct iovec hole[2] = {{a, 2}, {p + 4096, 2}}, many[1025];
    int fd = fresh(0);
    CHECK_EQ(write(fd, "abcdef", 6), 6);
    CHECK_EQ(lseek(fd, 0, SEEK_SET), 0);
    CHECK_EQ(readv(fd, none, 2), 0);
    CHECK_EQ(readv(fd, two, 3), 5);
    CHECK_MEM(a, "ab", 3);
    CHECK_MEM(b, "cde", 4);
    CHECK_EQ(lseek(fd, 0, SEEK_CUR), 5);
    CHECK_ERR(readv(fd, neg, 2), EINVAL);
    CHECK_ERR(readv(fd, bad, 2), EFAULT);
    CHECK_ERR(readv(fd, (struct iovec *) 8, 2), EFAULT);
    CHECK_ERR(readv(fd, two, -1), EINVAL);
    for (int i = 0; i < 1025; i++)
        many[i] = (struct iovec){a, i < 1024 ? 1 : 0};
    CHECK_ERR(writev(fd, many, 1025), EINVAL);
    CHECK_EQ(writev(fd, many, 1024), 1024);
    CHECK_EQ(lseek(fd, 0, SEEK_END), 1029);
    ssize_t n = preadv(fd, hole, 2, 0); /* short, or not at all */
    CHECK(n == 2 || (n < 0 && errno == EFAULT));
}

CASE(vectors_at_positions)
{
    char a[4] = {0}, b[4] = {0};
    struct iovec v[2] = {{a, 2}, {b, 2}};
    int fd = fresh(0), pipes[2];
    CHECK_EQ(write(fd, "abcdef", 6), 6);
    CHECK_EQ(preadv(fd, v, 2, 1), 4);
    CHECK_STR(a, "bc");
    CHECK_STR(b, "de");
    CHECK_EQ(pwritev(fd, v, 2, 10), 4);
    CHECK_EQ(lseek(fd, 0, SEEK_CUR), 6);
    CHECK_EQ(lseek(fd, 0, SEEK_END), 14);
    CHECK_ERR(preadv(fd, v, 2, -1), EINVAL);
    CHECK_EQ(lseek(fd, 3, SEEK_SET), 3);
    CHECK_EQ(preadv2(fd, v, 2, -1, 0), 4); /* -1: the file's own offset */
    CHECK_STR(a, "de");
    CHECK_EQ(lseek(fd, 0, SEEK_CUR), 7);
    CHECK_ERR(preadv2(fd, v, 2, -2, 0), EINVAL);
    CHECK_ERR(preadv2(fd, v, 2, 0, 0x40000000), EOPNOTSUPP);
    CHECK_EQ(pwritev2(fd, v, 2, 0, RWF_DSYNC), 4);
    CHECK_EQ(pwritev2(fd, v, 2, 0, RWF_SYNC), 4);
    CHECK_EQ(pipe(pipes), 0);
    CHECK_ERR(preadv(pipes[0], v, 2, 0), ESPIPE);
    CHECK_EQ(pwritev2(pipes[1], v, 2, -1, 0), 4);
    CHECK_EQ(preadv2(pipes[0], v, 2, -1, 0), 4);
    CHECK_ERR(preadv2(pipes[0], v, 2, -1, RWF_NOWAIT), EAGAIN);
}

CASE(atomic_positions)
{
    /* Two threads of one offset: what each read is in no other's (each byte is read once). */
    enum { N = 20000 };
    int fd = fresh(0), got[2];
    char *zeros = calloc(1, N);
    CHECK_EQ(write(fd, zeros, N), N);
    CHECK_EQ(lseek(fd, 0, SEEK_SET), 0);
    CHECK_EQ(pipe(got), 0);
    for (int i = 0; i < 2; i++) {
        if (fork() == 0) {
            int mine = 0;
            char c;
            while (read(fd, &c, 1) == 1)
                mine++;
            CHECK_EQ(write(got[1], &mine, sizeof(mine)), sizeof(mine));
            _exit(0);
        }
    }
    int a, b;
    CHECK_EQ(read(got[0], &a, sizeof(a)), sizeof(a));
    CHECK_EQ(read(got[0], &b, sizeof(b)), sizeof(b));
    CHECK_EQ(a + b, N);
}

CASE(file_size_limit)
{
    struct rlimit rl = {10, 10};
    int fd = fresh(0);
    signal(SIGXFSZ, SIG_IGN);
    CHECK_EQ(setrlimit(RLIMIT_FSIZE, &rl), 0);
    CHECK_EQ(write(fd, "0123456789ab", 12), 10); /* as much as may be */
    CHECK_ERR(write(fd, "x", 1), EFBIG);
    CHECK_ERR(pwrite(fd, "x", 1, 10), EFBIG);
    CHECK_EQ(pwrite(fd, "x", 1, 9), 1);
    CHECK_ERR(ftruncate(fd, 11), EFBIG);
    CHECK_EQ(ftruncate(fd, 10), 0);
    CHECK_ERR(truncate("f", 11), EFBIG);
    CHECK_EQ(truncate("f", 3), 0);
    CHECK_ERR(fallocate(fd, 0, 0, 100), EFBIG);
    pid_t pid = fork();
    if (pid == 0) {
        signal(SIGXFSZ, SIG_DFL);
        (void) !pwrite(fd, "x", 1, 100);
        _exit(0);
    }
    CHECK_EQ(waitpid(pid, &(int){0}, 0), pid);
}

CASE(file_size_signal)
{
    struct rlimit rl = {10, 10};
    pid_t pid = fork();
    if (pid == 0) {
        int fd = fresh(0);
        signal(SIGXFSZ, SIG_DFL);
        struct rlimit none = {0, 0};
        setrlimit(RLIMIT_CORE, &none);
        CHECK_EQ(setrlimit(RLIMIT_FSIZE, &rl), 0);
        (void) !pwrite(fd, "x", 1, 100);
        _exit(0);
    }
    int st;
    CHECK_EQ(waitpid(pid, &st, 0), pid);
    CHECK(WIFSIGNALED(st));
    CHECK_EQ(WTERMSIG(st), SIGXFSZ);
}

CASE(sync_calls)
{
    int fd = fresh(0), dir = (int) CHECK_OK(open(".", O_RDONLY)), pipes[2],
        path = (int) CHECK_OK(open(".", O_PATH));
    CHECK_EQ(pipe(pipes), 0);
    CHECK_EQ(write(fd, "x", 1), 1);
    CHECK_EQ(fsync(fd), 0);
    CHECK_EQ(fdatasync(fd), 0);
    CHECK_EQ(fsync(dir), 0);
    CHECK_EQ(syncfs(fd), 0);
    CHECK_ERR(fsync(pipes[0]), EINVAL);
    CHECK_ERR(fsync(path), EBADF);
    CHECK_ERR(fsync(999), EBADF);
    CHECK_ERR(syncfs(999), EBADF);
    CHECK_EQ(sync_file_range(fd, 0, 0, SYNC_FILE_RANGE_WRITE), 0);
    CHECK_ERR(sync_file_range(fd, -1, 0, 0), EINVAL);
    CHECK_ERR(sync_file_range(fd, 0, 0, 64), EINVAL);
    CHECK_ERR(sync_file_range(pipes[0], 0, 0, 0), ESPIPE);
}

CASE(advice)
{
    int fd = fresh(0), pipes[2], wr = (int) CHECK_OK(open("f", O_WRONLY));
    CHECK_EQ(pipe(pipes), 0);
    CHECK_EQ(posix_fadvise(fd, 0, 0, POSIX_FADV_SEQUENTIAL), 0);
    CHECK_EQ(posix_fadvise(fd, 0, 100, POSIX_FADV_DONTNEED), 0);
    CHECK_EQ(posix_fadvise(fd, 0, 0, 77), EINVAL);
    CHECK_EQ(posix_fadvise(fd, 0, -1, POSIX_FADV_NORMAL), EINVAL);
    CHECK_EQ(posix_fadvise(pipes[0], 0, 0, POSIX_FADV_NORMAL), ESPIPE);
    CHECK_EQ(posix_fadvise(999, 0, 0, POSIX_FADV_NORMAL), EBADF);
    CHECK_EQ(readahead(fd, 0, 4096), 0);
    CHECK_ERR(readahead(wr, 0, 4096), EBADF);
    CHECK_ERR(readahead(pipes[0], 0, 4096), EINVAL);
}

CASE(fallocate_modes)
{
    int fd = fresh(0), ro = (int) CHECK_OK(open("f", O_RDONLY)), pipes[2],
        dir = (int) CHECK_OK(open(".", O_RDONLY));
    struct stat st;
    char buf[8];
    CHECK_EQ(pipe(pipes), 0);
    CHECK_EQ(fallocate(fd, 0, 0, 8192), 0);
    CHECK_EQ(fstat(fd, &st), 0);
    CHECK_EQ(st.st_size, 8192);
    CHECK_EQ(fallocate(fd, FALLOC_FL_KEEP_SIZE, 8192, 8192), 0);
    CHECK_EQ(fstat(fd, &st), 0);
    CHECK_EQ(st.st_size, 8192);
    CHECK_EQ(pwrite(fd, "abcdefgh", 8, 0), 8);
    CHECK_EQ(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 2, 3), 0);
    CHECK_EQ(pread(fd, buf, 8, 0), 8);
    CHECK_MEM(buf, "ab\0\0\0fgh", 8);
    CHECK_ERR(fallocate(fd, FALLOC_FL_PUNCH_HOLE, 0, 1), EOPNOTSUPP);
    CHECK_ERR(fallocate(fd, 0, -1, 1), EINVAL);
    CHECK_ERR(fallocate(fd, 0, 0, 0), EINVAL);
    CHECK_ERR(fallocate(fd, 0x1000, 0, 1), EOPNOTSUPP);
    CHECK_ERR(fallocate(fd, 0, LONG_MAX, 1), EFBIG);
    CHECK_ERR(fallocate(ro, 0, 0, 1), EBADF);
    CHECK_ERR(fallocate(dir, 0, 0, 1), EBADF);
    CHECK_ERR(fallocate(pipes[1], 0, 0, 1), ESPIPE);
    CHECK_ERR(fallocate(999, 0, 0, 1), EBADF);
}

/* ---- copies in the kernel ---- */

static int with_text(const char *name, const char *text)
{
    put_file(name, text, 0644);
    return (int) CHECK_OK(open(name, O_RDWR));
}

CASE(sendfile_corners)
{
    char buf[16] = {0};
    int in = with_text("in", "0123456789"), out = with_text("out", ""), pipes[2];
    int dir = (int) CHECK_OK(open(".", O_RDONLY)),
        app = (int) CHECK_OK(open("out", O_WRONLY | O_APPEND));
    off_t at = 4;
    CHECK_EQ(pipe(pipes), 0);
    CHECK_EQ(sendfile(out, in, NULL, 3), 3);
    CHECK_EQ(lseek(in, 0, SEEK_CUR), 3);
    CHECK_EQ(sendfile(out, in, &at, 100), 6);
    CHECK_EQ(at, 10);
    CHECK_EQ(lseek(in, 0, SEEK_CUR), 3);
    CHECK_EQ(sendfile(out, in, &at, 100), 0);
    CHECK_EQ(pread(out, buf, 16, 0), 9);
    CHECK_MEM(buf, "012456789", 9);
    CHECK_EQ(sendfile(pipes[1], in, NULL, 4), 4);
    CHECK_EQ(read(pipes[0], buf, 16), 4);
    CHECK_MEM(buf, "3456", 4);
    at = -1;
    CHECK_ERR(sendfile(out, in, &at, 1), EINVAL);
    CHECK_ERR(sendfile(out, in, (off_t *) 8, 1), EFAULT);
    CHECK_ERR(sendfile(app, in, NULL, 1), EINVAL);
    CHECK_ERR(sendfile(999, in, NULL, 1), EBADF);
    CHECK_ERR(sendfile(out, 999, NULL, 1), EBADF);
    CHECK_ERR(sendfile(out, dir, NULL, 1), EINVAL);
    CHECK_EQ(sendfile(out, in, NULL, 0), 0);
}

CASE(sendfile_to_a_full_pipe)
{
    int in = fresh(0), pipes[2];
    char *big = malloc(300000);
    memset(big, 'x', 300000);
    CHECK_EQ(write(in, big, 300000), 300000);
    CHECK_EQ(lseek(in, 0, SEEK_SET), 0);
    CHECK_EQ(pipe2(pipes, O_NONBLOCK), 0);
    ssize_t n = sendfile(pipes[1], in, NULL, 300000);
    CHECK(n > 0 && n <= 65536);
    CHECK_EQ(lseek(in, 0, SEEK_CUR), n); /* what did not go is still to be sent */
    CHECK_ERR(sendfile(pipes[1], in, NULL, 300000), EAGAIN);
    CHECK_EQ(lseek(in, 0, SEEK_CUR), n);
}

CASE(copy_file_range_corners)
{
    char buf[32] = {0};
    int in = with_text("in", "0123456789"), out = with_text("out", "abcdefghij");
    int ro = (int) CHECK_OK(open("out", O_RDONLY)), wo = (int) CHECK_OK(open("in", O_WRONLY)),
        pipes[2];
    int app = (int) CHECK_OK(open("out", O_WRONLY | O_APPEND)),
        dir = (int) CHECK_OK(open(".", O_RDONLY));
    off_t from = 2, to = 8;
    CHECK_EQ(pipe(pipes), 0);
    CHECK_EQ(copy_file_range(in, &from, out, &to, 4, 0), 4);
    CHECK_EQ(from, 6);
    CHECK_EQ(to, 12);
    CHECK_EQ(lseek(in, 0, SEEK_CUR), 0);
    CHECK_EQ(pread(out, buf, 32, 0), 12);
    CHECK_MEM(buf, "abcdefgh2345", 12);
    CHECK_EQ(copy_file_range(in, NULL, out, NULL, 100, 0), 10);
    CHECK_EQ(lseek(in, 0, SEEK_CUR), 10);
    CHECK_EQ(lseek(out, 0, SEEK_CUR), 10);
    CHECK_EQ(copy_file_range(in, NULL, out, NULL, 100, 0), 0);
    from = 100;
    CHECK_EQ(copy_file_range(in, &from, out, NULL, 1, 0), 0);
    CHECK_ERR(copy_file_range(in, NULL, out, NULL, 1, 1), EINVAL);
    CHECK_ERR(copy_file_range(in, NULL, ro, NULL, 1, 0), EBADF);
    CHECK_ERR(copy_file_range(wo, NULL, out, NULL, 1, 0), EBADF);
    CHECK_ERR(copy_file_range(in, NULL, app, NULL, 1, 0), EBADF);
    CHECK_ERR(copy_file_range(999, NULL, out, NULL, 1, 0), EBADF);
    CHECK_ERR(copy_file_range(dir, NULL, out, NULL, 1, 0), EISDIR);
    CHECK_ERR(copy_file_range(pipes[0], NULL, out, NULL, 1, 0), EINVAL);
    from = 0, to = 5;
    CHECK_ERR(copy_file_range(in, &from, in, &to, 6, 0), EINVAL); /* they overlap */
    CHECK_EQ(copy_file_range(in, &from, in, &to, 5, 0), 5);
    CHECK_EQ(pread(in, buf, 32, 0), 10);
    CHECK_MEM(buf, "0123401234", 10);
    from = -1;
    CHECK(copy_file_range(in, &from, out, NULL, 1, 0) < 0);
    CHECK_ERR(copy_file_range(in, (off_t *) 8, out, NULL, 1, 0), EFAULT);
}

CASE(splice_corners)
{
    char buf[32] = {0};
    int in = with_text("in", "0123456789"), out = with_text("out", ""), a[2], b[2], app;
    off_t at = 3;
    CHECK_EQ(pipe(a), 0);
    CHECK_EQ(pipe(b), 0);
    app = (int) CHECK_OK(open("out", O_WRONLY | O_APPEND));
    CHECK_EQ(splice(in, &at, a[1], NULL, 4, 0), 4);
    CHECK_EQ(at, 7);
    CHECK_EQ(lseek(in, 0, SEEK_CUR), 0);
    CHECK_EQ(splice(in, NULL, a[1], NULL, 2, 0), 2);
    CHECK_EQ(lseek(in, 0, SEEK_CUR), 2);
    CHECK_EQ(splice(a[0], NULL, b[1], NULL, 5, 0), 5);
    CHECK_EQ(read(b[0], buf, 32), 5);
    CHECK_MEM(buf, "34560", 5);
    at = 1;
    CHECK_EQ(splice(a[0], NULL, out, &at, 100, 0), 1);
    CHECK_EQ(at, 2);
    CHECK_EQ(pread(out, buf, 32, 0), 2);
    CHECK_MEM(buf, "\0001", 2);
    CHECK_ERR(splice(a[0], NULL, out, NULL, 1, SPLICE_F_NONBLOCK), EAGAIN);
    CHECK_ERR(splice(in, NULL, out, NULL, 1, 0), EINVAL);
    CHECK_ERR(splice(a[0], &at, out, NULL, 1, 0), ESPIPE);
    CHECK_ERR(splice(a[0], NULL, a[1], NULL, 1, 0), EINVAL);
    CHECK_ERR(splice(a[0], NULL, app, NULL, 1, 0), EINVAL);
    CHECK_ERR(splice(a[1], NULL, out, NULL, 1, 0), EBADF);
    CHECK_ERR(splice(999, NULL, out, NULL, 1, 0), EBADF);
    CHECK_ERR(splice(in, NULL, a[1], NULL, 1, 0x100), EINVAL);
    CHECK_EQ(splice(in, NULL, a[1], NULL, 0, 0), 0);
    CHECK_EQ(lseek(in, 0, SEEK_END), 10);
    CHECK_EQ(splice(in, NULL, a[1], NULL, 1, 0), 0); /* end of file */
    close(b[0]);
    signal(SIGPIPE, SIG_IGN);
    CHECK_ERR(splice(in, (off_t[]){0}, b[1], NULL, 1, 0), EPIPE);
    close(a[1]);
    CHECK_EQ(splice(a[0], NULL, out, NULL, 1, 0), 0); /* end of data */
}

CASE(splice_waits)
{
    char buf[8];
    int a[2], b[2];
    CHECK_EQ(pipe(a), 0);
    CHECK_EQ(pipe(b), 0);
    pid_t pid = fork();
    if (pid == 0) {
        sleep_ms(50);
        CHECK_EQ(write(a[1], "late", 4), 4);
        _exit(0);
    }
    CHECK_EQ(splice(a[0], NULL, b[1], NULL, 100, 0), 4);
    CHECK_EQ(read(b[0], buf, 8), 4);
    CHECK_MEM(buf, "late", 4);
    CHECK_EXIT(pid, 0);
}

CASE(splice_much)
{
    enum { N = 1 << 20 };
    int in = fresh(0), p[2], out = (int) CHECK_OK(open("g", O_RDWR | O_CREAT, 0600));
    uint32_t *words = malloc(N), *back = malloc(N);
    for (uint32_t i = 0; i < N / 4; i++)
        words[i] = i * 2654435761u;
    CHECK_EQ(write(in, words, N), N);
    CHECK_EQ(lseek(in, 0, SEEK_SET), 0);
    CHECK_EQ(pipe(p), 0);
    pid_t pid = fork();
    if (pid == 0) {
        close(p[0]);
        ssize_t n;
        while ((n = splice(in, NULL, p[1], NULL, 100000, 0)) > 0)
            ;
        _exit(n == 0 ? 0 : 1);
    }
    close(p[1]);
    size_t got = 0;
    ssize_t n;
    while ((n = splice(p[0], NULL, out, NULL, 70001, 0)) > 0)
        got += (size_t) n;
    CHECK_EQ(n, 0);
    CHECK_EQ(got, N);
    CHECK_EXIT(pid, 0);
    CHECK_EQ(pread(out, back, N, 0), N);
    CHECK_MEM(back, words, N);
}

CASE(vmsplice_copies)
{
    char a[] = "abc", b[] = "def", buf[8] = {0};
    struct iovec v[2] = {{a, 3}, {b, 3}}, back = {buf, 6};
    int p[2];
    CHECK_EQ(pipe(p), 0);
    CHECK_EQ(vmsplice(p[1], v, 2, 0), 6);
    CHECK_EQ(vmsplice(p[0], &back, 1, 0), 6);
    CHECK_STR(buf, "abcdef");
    CHECK_ERR(vmsplice(fresh(0), v, 2, 0), EBADF);
    CHECK_ERR(vmsplice(p[1], v, 2, 0x1000), EINVAL);
}

GUEST_MAIN
