/* SPDX-License-Identifier: Apache-2.0 */
/* How pipes fill: pages, packets, and what a user's pipes may hold: pipe(7). */
#include "guest.h"
#include <grp.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/resource.h>

static char bytes[1 << 17];

static void make(int p[2], int flags)
{
    CHECK_EQ(pipe2(p, O_NONBLOCK | flags), 0);
}

static int waiting(int fd)
{
    int n = -1;
    CHECK_EQ(ioctl(fd, FIONREAD, &n), 0);
    return n;
}

static long fill(int fd, size_t piece)
{
    long n = 0;
    while (write(fd, bytes, piece) == (ssize_t) piece)
        n++;
    CHECK_EQ(errno, EAGAIN);
    return n;
}

CASE(small_writes_share_a_page)
{
    int p[2];
    make(p, 0);
    CHECK_EQ(fill(p[1], 1), 65536);
    CHECK_EQ(waiting(p[0]), 65536);
}

CASE(writes_that_do_not_fit_take_another_page)
{
    int p[2];
    make(p, 0);
    CHECK_EQ(fill(p[1], 3000), 16);
    CHECK_EQ(write(p[1], bytes, 1000), 1000); /* the last page has room for that */
    CHECK_ERR(write(p[1], bytes, 1000), EAGAIN);
    CHECK_EQ(write(p[1], bytes, 96), 96);
    CHECK_EQ(waiting(p[0]), 16 * 3000 + 1096);
}

CASE(room_that_was_read_from_a_page_is_not_used_again)
{
    int p[2];
    make(p, 0);
    CHECK_EQ(write(p[1], bytes, 65536), 65536);
    CHECK_EQ(read(p[0], bytes, 4095), 4095);
    CHECK_ERR(write(p[1], bytes, 1), EAGAIN);
    struct pollfd w = {p[1], POLLOUT, 0};
    CHECK_EQ(poll(&w, 1, 0), 0);
    CHECK_EQ(read(p[0], bytes, 1), 1);
    CHECK_EQ(poll(&w, 1, 0), 1);
    CHECK_EQ(write(p[1], bytes, 5000), 4096);
}

CASE(big_write_into_a_pipe_that_is_partly_full)
{
    int p[2];
    make(p, 0);
    CHECK_EQ(write(p[1], bytes, 10), 10);
    CHECK_EQ(write(p[1], bytes, 73722), 15 * 4096); /* its odd 4090 do not fit behind 10 */
}

/* The page that a write goes on in may be read away while it is at work. */
CASE(small_writes_beside_a_reader)
{
    static char got[sizeof(bytes)];
    for (size_t i = 0; i < sizeof(bytes); i++)
        bytes[i] = (char) (i * 7919 >> 8);
    for (int round = 0; round < 40; round++) {
        const size_t piece = round % 2 ? 512 : 5000, total = sizeof(bytes);
        int p[2];
        CHECK_EQ(pipe2(p, 0), 0);
        pid_t pid = (pid_t) CHECK_OK(fork());
        if (pid == 0) {
            close(p[0]);
            for (size_t at = 0; at < total; at += piece) {
                size_t n = total - at < piece ? total - at : piece;
                if (write(p[1], bytes + at, n) != (ssize_t) n)
                    _exit(1);
            }
            _exit(0);
        }
        close(p[1]);
        size_t n = 0;
        for (ssize_t r; (r = read(p[0], got + n, total - n)) > 0;)
            n += (size_t) r;
        close(p[0]);
        CHECK_EXIT(pid, 0);
        CHECK_EQ(n, total);
        CHECK_EQ(memcmp(got, bytes, total), 0);
    }
}

CASE(packets_end_a_read)
{
    int p[2];
    make(p, O_DIRECT);
    CHECK_EQ(write(p[1], "abc", 3), 3);
    CHECK_EQ(write(p[1], "defg", 4), 4);
    CHECK_EQ(read(p[0], bytes, 2), 2); /* the rest of the packet goes */
    CHECK_EQ(read(p[0], bytes, 100), 4);
    CHECK_MEM(bytes, "defg", 4);
    CHECK_EQ(write(p[1], bytes, 5000), 5000);
    CHECK_EQ(read(p[0], bytes, 10000), 4096);
    CHECK_EQ(read(p[0], bytes, 10000), 904);
    CHECK_EQ(fill(p[1], 1), 16);
}

CASE(packets_after_bytes)
{
    int p[2];
    make(p, 0);
    CHECK_EQ(write(p[1], "abc", 3), 3);
    CHECK_EQ(fcntl(p[1], F_SETFL, O_NONBLOCK | O_DIRECT), 0);
    char big[4095];
    memset(big, 'x', sizeof(big));
    CHECK_EQ(write(p[1], big, sizeof(big)), sizeof(big));
    CHECK_EQ(write(p[1], "next", 4), 4);
    CHECK_EQ(read(p[0], bytes, 10000), 3 + 4095);
    CHECK_EQ(read(p[0], bytes, 10000), 4);
}

CASE(sizes)
{
    int p[2];
    make(p, 0);
    CHECK_EQ(fcntl(p[0], F_GETPIPE_SZ), 65536);
    CHECK_EQ(fcntl(p[0], F_SETPIPE_SZ, 1), 4096);
    CHECK_EQ(fcntl(p[1], F_SETPIPE_SZ, 4097), 8192);
    CHECK_EQ(fill(p[1], 4096), 2);
    CHECK_EQ(read(p[0], bytes, 1), 1);
    CHECK_ERR(fcntl(p[0], F_SETPIPE_SZ, 4096), EBUSY); /* pages count, not bytes */
    CHECK_EQ(fcntl(p[0], F_SETPIPE_SZ, 1 << 20), 1 << 20);
    CHECK_ERR(fcntl(p[0], F_SETPIPE_SZ, -1), EINVAL);
    CHECK_EQ(waiting(p[0]), 8191);
    int fd = open("/dev/null", O_RDONLY);
    CHECK_ERR(fcntl(fd, F_GETPIPE_SZ), EBADF);
    CHECK_ERR(fcntl(fd, F_SETPIPE_SZ, 4096), EBADF);
}

static void become_nobody(void)
{
    if (geteuid() != 0)
        return;
    CHECK_EQ(setgroups(0, NULL), 0);
    CHECK_EQ(setresgid(61234, 61234, 61234), 0);
    CHECK_EQ(setresuid(61234, 61234, 61234), 0); /* a user without any pipes */
}

CASE(limit_of_one_pipe)
{
    int p[2];
    char text[32];
    get_file("/proc/sys/fs/pipe-max-size", text, sizeof(text));
    CHECK_EQ(atol(text), 1 << 20);
    become_nobody();
    make(p, 0);
    CHECK_ERR(fcntl(p[0], F_SETPIPE_SZ, (1 << 20) + 1), EPERM);
    CHECK_EQ(fcntl(p[0], F_GETPIPE_SZ), 65536);
}

CASE(limit_of_a_user)
{
    struct rlimit files = {5000, 5000};
    int p[2], n = 0;
    char text[32];
    get_file("/proc/sys/fs/pipe-user-pages-soft", text, sizeof(text));
    CHECK_EQ(atol(text), 16384);
    get_file("/proc/sys/fs/pipe-user-pages-hard", text, sizeof(text));
    CHECK_EQ(atol(text), 0);
    if (geteuid() != 0)
        SKIP("needs a user of its own");
    CHECK_EQ(setrlimit(RLIMIT_NOFILE, &files), 0);
    become_nobody();
    for (; n < 1100; n++) {
        make(p, 0);
        if (fcntl(p[0], F_GETPIPE_SZ) != 65536)
            break;
    }
    CHECK_EQ(n, 1024);
    CHECK_EQ(fcntl(p[0], F_GETPIPE_SZ), 8192);
    CHECK_ERR(fcntl(p[0], F_SETPIPE_SZ, 65536), EPERM);
    CHECK_EQ(fcntl(p[0], F_SETPIPE_SZ, 4096), 4096);
    CHECK_EQ(close_range(3, ~0u, 0), 0);
    make(p, 0);
    CHECK_EQ(fcntl(p[0], F_GETPIPE_SZ), 65536);
}

CASE(splice_moves_whole_pages)
{
    int a[2], b[2];
    make(a, 0);
    make(b, 0);
    for (int i = 0; i < 3; i++) /* three pages of 3000 */
        CHECK_EQ(write(a[1], bytes, 3000), 3000);
    CHECK_EQ(fcntl(b[0], F_SETPIPE_SZ, 8192), 8192);
    CHECK_EQ(splice(a[0], NULL, b[1], NULL, 9000, SPLICE_F_NONBLOCK), 6000);
    CHECK_ERR(splice(a[0], NULL, b[1], NULL, 9000, SPLICE_F_NONBLOCK), EAGAIN);
    CHECK_EQ(write(b[1], bytes, 1000), 1000); /* behind a page that came whole */
    CHECK_EQ(read(b[0], bytes, 10000), 7000);
    CHECK_EQ(splice(a[0], NULL, b[1], NULL, 2000, SPLICE_F_NONBLOCK), 2000);
    CHECK_EQ(write(b[1], bytes, 1000), 1000); /* not behind a part of one */
    CHECK_ERR(write(b[1], bytes, 4000), EAGAIN);
}

CASE(splice_ends)
{
    int a[2], b[2];
    make(a, 0);
    make(b, 0);
    signal(SIGPIPE, SIG_IGN);
    CHECK_ERR(splice(a[0], NULL, a[1], NULL, 1, 0), EINVAL);
    CHECK_ERR(tee(a[0], a[1], 1, 0), EINVAL);
    CHECK_EQ(fill(b[1], 4096), 16);
    close(a[1]);
    CHECK_ERR(splice(a[0], NULL, b[1], NULL, 1, SPLICE_F_NONBLOCK), EAGAIN); /* room comes first */
    CHECK_EQ(read(b[0], bytes, 4096), 4096);
    CHECK_EQ(splice(a[0], NULL, b[1], NULL, 1, SPLICE_F_NONBLOCK), 0);
    close(b[0]);
    CHECK_ERR(splice(a[0], NULL, b[1], NULL, 1, SPLICE_F_NONBLOCK), EPIPE);
}

CASE(memory_that_is_not_there)
{
    int p[2];
    char *m =
        CHECK_MAP(mmap(NULL, 3 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    CHECK_EQ(mprotect(m + 2 * 4096, 4096, PROT_NONE), 0);
    make(p, 0);
    CHECK_ERR(write(p[1], m + 2 * 4096 - 100, 200), EFAULT);
    CHECK_EQ(waiting(p[0]), 0);
    CHECK_EQ(write(p[1], m + 100, 12000), 4096); /* whole pages */
    CHECK_EQ(write(p[1], bytes, 4096), 4096);
    CHECK_EQ(read(p[0], m + 4096, 6000), 4096);
    CHECK_ERR(read(p[0], m + 2 * 4096 - 100, 200), EFAULT);
    CHECK_EQ(waiting(p[0]), 4096); /* nothing is lost */
}

GUEST_MAIN
