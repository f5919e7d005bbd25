/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Descriptors that are used so often that a kernel might do something special about them:
 * everything must go on as if it did not. One process and its children; threads are in
 * hotfile_threads.c.
 */
#include "guest.h"

#include <dirent.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stddef.h>
#include <sys/inotify.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/uio.h>

#define HOT 120

static int file_with(const char *name, const char *text, int flags)
{
    put_file(name, text, 0644);
    return (int) CHECK_OK(open(name, flags | O_CLOEXEC));
}

static void heat(int fd)
{
    for (int i = 0; i < HOT; i++)
        CHECK_OK(lseek(fd, 0, SEEK_CUR));
}

static void check_at(int fd, off_t at, const char *want)
{
    char buf[64] = "";
    size_t n = strlen(want);
    CHECK_EQ(pread(fd, buf, n, at), (ssize_t) n);
    CHECK_MEM(buf, want, n);
}

CASE(every_call)
{
    int fd = file_with("f", "0123456789", O_RDWR);
    for (int i = 0; i < HOT; i++) {
        char a[4] = "", b[4] = "";
        struct iovec v[2] = {{a, 2}, {b, 3}};
        CHECK_EQ(lseek(fd, 0, SEEK_SET), 0);
        CHECK_EQ(read(fd, a, 3), 3);
        CHECK_MEM(a, "012", 3);
        CHECK_EQ(lseek(fd, 0, SEEK_CUR), 3);
        CHECK_EQ(readv(fd, v, 2), 5);
        CHECK_MEM(b, "567", 3);
        CHECK_EQ(pread(fd, a, 3, 7), 3);
        CHECK_MEM(a, "789", 3);
        CHECK_EQ(preadv(fd, v, 2, 1), 5);
        CHECK_MEM(b, "345", 3);
        CHECK_EQ(lseek(fd, 0, SEEK_CUR), 8); /* the positioned ones leave it alone */
        CHECK_EQ(write(fd, "89", 2), 2);
        CHECK_EQ(pwrite(fd, "0", 1, 0), 1);
        v[0] = (struct iovec){(void *) "1", 1};
        v[1] = (struct iovec){(void *) "23", 2};
        CHECK_EQ(pwritev(fd, v, 2, 1), 3);
        CHECK_EQ(lseek(fd, 4, SEEK_SET), 4);
        CHECK_EQ(writev(fd, v, 2), 3);
        CHECK_EQ(pwrite(fd, "456", 3, 4), 3);
        CHECK_EQ(lseek(fd, 0, SEEK_END), 10);
        CHECK_EQ(read(fd, a, 3), 0);
        CHECK_EQ(pread(fd, a, 0, 3), 0);
        CHECK_EQ(pread(fd, a, 3, 100), 0);
    }
    check_at(fd, 0, "0123456789");
}

CASE(errors)
{
    int rd = file_with("f", "0123456789", O_RDONLY), wr = (int) CHECK_OK(open("f", O_WRONLY));
    char buf[8];
    struct iovec v[2] = {{buf, 4}, {(void *) 1, 4}};
    heat(rd);
    heat(wr);
    for (int i = 0; i < HOT; i++) {
        CHECK_ERR(write(rd, "x", 1), EBADF);
        CHECK_ERR(pwrite(rd, "x", 1, 0), EBADF);
        CHECK_ERR(read(wr, buf, 1), EBADF);
        CHECK_ERR(pread(wr, buf, 1, 0), EBADF);
        CHECK_ERR(pread(rd, (void *) 1, 1, 0), EFAULT);
        CHECK_ERR(pwrite(wr, (void *) 1, 1, 0), EFAULT);
        CHECK_ERR(pread(rd, buf, 1, -1), EINVAL);
        CHECK_ERR(pwrite(wr, buf, 1, -1), EINVAL);
        CHECK_ERR(lseek(rd, -1, SEEK_SET), EINVAL);
        CHECK_ERR(lseek(rd, 0, 99), EINVAL);
        CHECK_ERR(lseek(rd, 100, SEEK_DATA), ENXIO);
        CHECK_EQ(lseek(rd, 0, SEEK_HOLE), 10);
        CHECK_ERR(preadv(rd, v, -1, 0), EINVAL);
        CHECK_ERR(preadv(rd, v, 1025, 0), EINVAL);
        CHECK_EQ(preadv(rd, v, 0, 0), 0);
        CHECK_EQ(preadv(rd, v, 2, 0), 4); /* as far as it goes */
        CHECK_ERR(preadv(rd, (struct iovec *) 1, 1, 0), EFAULT);
    }
    close(rd);
    CHECK_ERR(pread(rd, buf, 1, 0), EBADF);
    CHECK_ERR(lseek(rd, 0, SEEK_CUR), EBADF);
}

CASE(closed_and_opened_again)
{
    for (int i = 0; i < 200; i++) {
        char name[16];
        snprintf(name, sizeof(name), "f%d", i % 7);
        int fd = file_with(name, name, O_RDWR), other;
        CHECK_EQ(fd, 3);
        heat(fd);
        check_at(fd, 0, name);
        switch (i % 4) {
        case 0:
            close(fd);
            break;
        case 1:
            other = file_with("other", "other", O_RDONLY);
            CHECK_EQ(dup2(other, fd), fd);
            check_at(fd, 0, "other");
            close(other);
            close(fd);
            break;
        case 2:
            CHECK_EQ(close_range((unsigned) fd, (unsigned) fd + 5, 0), 0);
            break;
        default:
            other = file_with("other", "other", O_RDONLY);
            heat(other);
            CHECK_EQ(dup3(other, fd, O_CLOEXEC), fd);
            heat(fd);
            check_at(fd, 0, "other");
            check_at(other, 0, "other");
            CHECK_EQ(dup2(fd, fd), fd);
            check_at(fd, 0, "other");
            close(fd);
            check_at(other, 0, "other");
            close(other);
            break;
        }
        CHECK_ERR(lseek(fd, 0, SEEK_CUR), EBADF);
    }
}

CASE(offset_shared_by_duplicates)
{
    int fd = file_with("f", "abcdefghijklmnopqrstuvwxyz", O_RDWR);
    char c;
    heat(fd);
    int d = dup(fd);
    heat(d);
    int e = (int) CHECK_OK(fcntl(fd, F_DUPFD, 100));
    for (int i = 0; i < 26; i++) {
        int which = i % 3 == 0 ? fd : i % 3 == 1 ? d : e;
        CHECK_EQ(read(which, &c, 1), 1);
        CHECK_EQ(c, 'a' + i);
    }
    CHECK_EQ(lseek(e, 5, SEEK_SET), 5);
    CHECK_EQ(lseek(fd, 0, SEEK_CUR), 5);
    close(fd);
    CHECK_EQ(read(d, &c, 1), 1);
    CHECK_EQ(c, 'f');
}

CASE(offset_shared_by_processes)
{
    int fd = file_with("f", "abcdefghijklmnopqrstuvwxyz", O_RDWR);
    char c;
    heat(fd);
    for (int i = 0; i < 26; i++) {
        pid_t pid = (pid_t) CHECK_OK(fork());
        if (pid == 0) {
            CHECK_EQ(read(fd, &c, 1), 1);
            CHECK_EQ(c, 'a' + i);
            if (i & 1)
                close(fd);
            _exit(0);
        }
        CHECK_EXIT(pid, 0);
        CHECK_EQ(lseek(fd, 0, SEEK_CUR), i + 1);
    }
}

CASE(append_from_two_processes)
{
    char record[64];
    struct stat st;
    put_file("log", "", 0644);
    for (int p = 0; p < 2; p++) {
        pid_t pid = (pid_t) CHECK_OK(fork());
        if (pid == 0) {
            int fd = open("log", O_WRONLY | O_APPEND);
            memset(record, 'A' + p, sizeof(record));
            record[63] = '\n';
            for (int i = 0; i < 500; i++)
                CHECK_EQ(write(fd, record, 64), 64);
            _exit(0);
        }
    }
    for (int p = 0; p < 2; p++) {
        int status;
        CHECK_OK(wait(&status));
        CHECK_EQ(status, 0);
    }
    CHECK_EQ(stat("log", &st), 0);
    CHECK_EQ(st.st_size, 64000);
    int fd = open("log", O_RDONLY), n[2] = {0, 0};
    for (int i = 0; i < 1000; i++) {
        CHECK_EQ(read(fd, record, 64), 64);
        CHECK(record[0] == 'A' || record[0] == 'B');
        for (int k = 0; k < 63; k++)
            CHECK_EQ(record[k], record[0]);
        n[record[0] - 'A']++;
    }
    CHECK_EQ(n[0], 500);
    CHECK_EQ(n[1], 500);
}

CASE(append_switched_on_and_off)
{
    int fd = file_with("f", "0123456789", O_RDWR);
    heat(fd);
    for (int i = 0; i < 20; i++) {
        CHECK_EQ(lseek(fd, 0, SEEK_SET), 0);
        CHECK_EQ(fcntl(fd, F_SETFL, O_APPEND), 0);
        CHECK_EQ(write(fd, "+", 1), 1);
        CHECK_EQ(lseek(fd, 0, SEEK_CUR), 11 + i);
        CHECK_EQ(fcntl(fd, F_SETFL, 0), 0);
        CHECK_EQ(lseek(fd, 0, SEEK_SET), 0);
        CHECK_EQ(write(fd, "x", 1), 1);
        CHECK_EQ(lseek(fd, 0, SEEK_CUR), 1);
    }
    check_at(fd, 0, "x123456789+++");
}

static volatile sig_atomic_t xfsz;

static void on_xfsz(int signo UNUSED)
{
    xfsz++;
}

CASE(size_limit_set_while_hot)
{
    char block[100] = "";
    int fd = file_with("f", "", O_RDWR), before = (int) CHECK_OK(open("g", O_RDWR | O_CREAT, 0644));
    heat(fd);
    heat(before);
    CHECK_EQ(write(before, block, 100), 100);
    signal(SIGXFSZ, on_xfsz);
    struct rlimit old, l;
    CHECK_EQ(getrlimit(RLIMIT_FSIZE, &old), 0);
    l = old;
    l.rlim_cur = 250;
    CHECK_EQ(setrlimit(RLIMIT_FSIZE, &l), 0);
    CHECK_EQ(write(fd, block, 100), 100);
    CHECK_EQ(write(fd, block, 100), 100);
    CHECK_EQ(write(fd, block, 100), 50);
    CHECK_EQ(xfsz, 0);
    CHECK_ERR(write(fd, block, 100), EFBIG);
    CHECK_EQ(xfsz, 1);
    CHECK_ERR(pwrite(before, block, 1, 250), EFBIG);
    CHECK_EQ(xfsz, 2);
    for (int i = 0; i < HOT; i++)
        CHECK_ERR(pwrite(before, block, 1, 250), EFBIG);
    CHECK_EQ(setrlimit(RLIMIT_FSIZE, &old), 0);
    heat(before);
    CHECK_EQ(pwrite(before, block, 1, 250), 1);
    CHECK_EQ(setrlimit(RLIMIT_FSIZE, &l), 0);
    CHECK_ERR(pwrite(before, block, 1, 250), EFBIG);
}

CASE(size_limit_set_by_another_process)
{
    int up[2], down[2], fd = file_with("f", "", O_RDWR);
    char c;
    CHECK_EQ(pipe(up), 0);
    CHECK_EQ(pipe(down), 0);
    pid_t pid = (pid_t) CHECK_OK(fork());
    if (pid == 0) {
        signal(SIGXFSZ, SIG_IGN);
        heat(fd);
        CHECK_EQ(pwrite(fd, "x", 1, 1000), 1);
        CHECK_EQ(write(up[1], "r", 1), 1);
        CHECK_EQ(read(down[0], &c, 1), 1);
        CHECK_ERR(pwrite(fd, "x", 1, 1000), EFBIG);
        _exit(0);
    }
    CHECK_EQ(read(up[0], &c, 1), 1);
    struct rlimit l = {500, 500};
    CHECK_EQ(prlimit(pid, RLIMIT_FSIZE, &l, NULL), 0);
    CHECK_EQ(write(down[1], "g", 1), 1);
    CHECK_EXIT(pid, 0);
}

/* The mask of all events that are queued. */
static uint32_t events(int in)
{
    char buf[4096] __attribute__((aligned(8)));
    uint32_t mask = 0;
    ssize_t n = read(in, buf, sizeof(buf));
    for (ssize_t at = 0; at < n;) {
        const struct inotify_event *e = (void *) (buf + at);
        mask |= e->mask;
        at += (ssize_t) (sizeof(*e) + e->len);
    }
    return mask;
}

CASE(watched_while_hot)
{
    char c;
    CHECK_EQ(mkdir("d", 0755), 0);
    int fd = file_with("d/f", "0123456789", O_RDWR), g = file_with("g", "0123456789", O_RDWR);
    int in = (int) CHECK_OK(inotify_init1(IN_NONBLOCK));
    heat(fd);
    heat(g);
    int wd = (int) CHECK_OK(inotify_add_watch(in, "d/f", IN_ALL_EVENTS));
    for (int i = 0; i < HOT; i++) {
        CHECK_EQ(pwrite(fd, "x", 1, 0), 1);
        CHECK_EQ(events(in), IN_MODIFY);
        CHECK_EQ(pread(fd, &c, 1, 0), 1);
        CHECK_EQ(events(in), IN_ACCESS);
    }
    CHECK_EQ(inotify_rm_watch(in, wd), 0);
    (void) events(in);
    heat(fd);
    CHECK_EQ(pwrite(fd, "x", 1, 0), 1);
    CHECK_EQ(events(in), 0);
    CHECK_OK(inotify_add_watch(in, "d", IN_MODIFY));
    for (int i = 0; i < HOT; i++) {
        CHECK_EQ(pwrite(fd, "x", 1, 0), 1);
        CHECK_EQ(events(in), IN_MODIFY);
        CHECK_EQ(pwrite(g, "x", 1, 0), 1);
        CHECK_EQ(events(in), 0);
    }
    CHECK_EQ(rename("g", "d/g"), 0);
    CHECK_EQ(pwrite(g, "x", 1, 0), 1);
    CHECK_EQ(events(in), IN_MODIFY);
    CHECK_EQ(rename("d/f", "f"), 0);
    CHECK_EQ(pwrite(fd, "x", 1, 0), 1);
    CHECK_EQ(events(in), 0);
}

CASE(watched_by_another_process)
{
    int up[2], down[2], fd = file_with("f", "0123456789", O_RDWR);
    char c;
    heat(fd);
    CHECK_EQ(pipe(up), 0);
    CHECK_EQ(pipe(down), 0);
    pid_t pid = (pid_t) CHECK_OK(fork());
    if (pid == 0) {
        int in = inotify_init1(IN_NONBLOCK);
        CHECK_OK(inotify_add_watch(in, "f", IN_MODIFY));
        CHECK_EQ(write(up[1], "r", 1), 1);
        CHECK_EQ(read(down[0], &c, 1), 1);
        CHECK_EQ(events(in), IN_MODIFY);
        _exit(0);
    }
    CHECK_EQ(read(up[0], &c, 1), 1);
    CHECK_EQ(pwrite(fd, "x", 1, 0), 1);
    CHECK_EQ(write(down[1], "g", 1), 1);
    CHECK_EXIT(pid, 0);
}

static unsigned long long io_value(const char *key)
{
    char text[1024];
    unsigned long long v = 0;
    get_file("/proc/self/io", text, sizeof(text));
    char *at = strstr(text, key);
    CHECK(at && sscanf(at + strlen(key), ": %llu", &v) == 1);
    return v;
}

CASE(account_of_what_is_moved)
{
    char buf[1000] = "";
    int fd = file_with("f", "", O_RDWR);
    heat(fd);
    unsigned long long w = io_value("wchar"), sw = io_value("syscw"), r = io_value("rchar"),
                       sr = io_value("syscr");
    for (int i = 0; i < 100; i++) {
        CHECK_EQ(pwrite(fd, buf, 1000, i * 1000), 1000);
        CHECK_EQ(pread(fd, buf, 500, i * 1000), 500);
    }
    CHECK_EQ(io_value("wchar") - w, 100000);
    CHECK_EQ(io_value("syscw") - sw, 100);
    CHECK(io_value("rchar") - r >= 50000 && io_value("rchar") - r < 60000);
    CHECK(io_value("syscr") - sr >= 100 && io_value("syscr") - sr < 120);
}

CASE(many_descriptors)
{
    enum { N = 500 };
    char name[16];
    int fds[N];
    for (int i = 0; i < N; i++) {
        snprintf(name, sizeof(name), "f%03d", i);
        fds[i] = file_with(name, name, O_RDWR);
        heat(fds[i]);
    }
    for (int round = 0; round < 10; round++)
        for (int i = 0; i < N; i++) {
            snprintf(name, sizeof(name), "f%03d", i);
            check_at(fds[i], 0, name);
        }
    for (int i = 0; i < N; i += 2)
        close(fds[i]);
    for (int i = 0; i < N; i += 2) {
        snprintf(name, sizeof(name), "g%03d", i);
        fds[i] = file_with(name, name, O_RDWR);
        heat(fds[i]);
        check_at(fds[i], 0, name);
    }
    for (int i = 1; i < N; i += 2) {
        snprintf(name, sizeof(name), "f%03d", i);
        check_at(fds[i], 0, name);
    }
}

static pid_t clone_with(unsigned long flags)
{
    return (pid_t) syscall(SYS_clone, flags | SIGCHLD, 0, 0, 0, 0);
}

CASE(table_shared_by_processes)
{
    int a = file_with("a", "file a", O_RDWR), up[2], down[2];
    char c;
    heat(a);
    CHECK_EQ(pipe(up), 0);
    CHECK_EQ(pipe(down), 0);
    pid_t pid = clone_with(CLONE_FILES);
    CHECK_OK(pid);
    if (pid == 0) {
        check_at(a, 0, "file a");
        heat(a);
        put_file("b", "file b", 0644);
        close(a);
        if (open("b", O_RDWR) != a)
            _exit(1);
        heat(a);
        CHECK_EQ(write(up[1], "r", 1), 1);
        CHECK_EQ(read(down[0], &c, 1), 1);
        check_at(a, 0, "file c");
        _exit(0);
    }
    CHECK_EQ(read(up[0], &c, 1), 1);
    check_at(a, 0, "file b");
    heat(a);
    put_file("c", "file c", 0644);
    close(a);
    CHECK_EQ(open("c", O_RDWR), a);
    heat(a);
    CHECK_EQ(write(down[1], "g", 1), 1);
    CHECK_EXIT(pid, 0);
    check_at(a, 0, "file c");
}

CASE(vfork_child_has_its_own_table)
{
    int a = file_with("a", "file a", O_RDWR);
    put_file("b", "file b", 0644);
    heat(a);
    for (int i = 0; i < 5; i++) {
        pid_t pid = vfork();
        if (pid == 0) {
            char buf[8];
            for (int k = 0; k < HOT; k++)
                if (pread(a, buf, 6, 0) != 6 || memcmp(buf, "file a", 6) != 0)
                    _exit(1);
            close(a);
            if (open("b", O_RDWR) != a)
                _exit(2);
            for (int k = 0; k < HOT; k++)
                if (pread(a, buf, 6, 0) != 6 || memcmp(buf, "file b", 6) != 0)
                    _exit(3);
            _exit(0);
        }
        CHECK_OK(pid);
        CHECK_EXIT(pid, 0);
        check_at(a, 0, "file a");
        heat(a);
    }
}

static char clone_stack[65536] __attribute__((aligned(16)));
static volatile int clone_fd;

static int on_shared_memory(void *arg UNUSED)
{
    char buf[8];
    int a = clone_fd;
    close(a);
    if (open("b", O_RDWR) != a)
        return 2;
    for (int k = 0; k < HOT; k++)
        if (pread(a, buf, 6, 0) != 6 || memcmp(buf, "file b", 6) != 0)
            return 3;
    pid_t pid = clone_with(0);
    if (pid == 0) {
        for (int k = 0; k < HOT; k++)
            if (pread(a, buf, 6, 0) != 6 || memcmp(buf, "file b", 6) != 0)
                _exit(4);
        _exit(0);
    }
    int st = 0;
    return waitpid(pid, &st, 0) == pid ? WEXITSTATUS(st) : 5;
}

CASE(memory_shared_by_processes)
{
    clone_fd = file_with("a", "file a", O_RDWR);
    put_file("b", "file b", 0644);
    heat(clone_fd);
    pid_t pid =
        clone(on_shared_memory, clone_stack + sizeof(clone_stack), CLONE_VM | SIGCHLD, NULL);
    CHECK_OK(pid);
    for (int i = 0; i < 300; i++)
        check_at(clone_fd, 0, "file a");
    CHECK_EXIT(pid, 0);
    check_at(clone_fd, 0, "file a");
}

int guest_mode(const char *mode, int argc, char **argv)
{
    char buf[8] = "";
    int fd = argc > 0 ? atoi(argv[0]) : -1;
    if (strcmp(mode, "reads-on") == 0) {
        for (int i = 0; i < HOT; i++)
            lseek(fd, 0, SEEK_CUR);
        return read(fd, buf, 4) == 4 && memcmp(buf, "efgh", 4) == 0 ? 0 : 1;
    }
    return 99;
}

CASE(handed_on_over_exec)
{
    char number[16], buf[4];
    put_file("f", "abcdefghijkl", 0644);
    int fd = open("f", O_RDONLY), gone = open("f", O_RDONLY | O_CLOEXEC);
    heat(fd);
    heat(gone);
    CHECK_EQ(read(fd, buf, 4), 4);
    pid_t pid = (pid_t) CHECK_OK(fork());
    if (pid == 0) {
        snprintf(number, sizeof(number), "%d", fd);
        execl(guest_self, guest_self, "--mode", "reads-on", number, NULL);
        _exit(98);
    }
    CHECK_EXIT(pid, 0);
    CHECK_EQ(read(fd, buf, 4), 4);
    CHECK_MEM(buf, "ijkl", 4);
}

CASE(filter_installed_while_hot)
{
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_pwrite64, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOTNAM),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog prog = {sizeof(code) / sizeof(code[0]), code};
    int fd = file_with("f", "0123456789", O_RDWR);
    heat(fd);
    CHECK_EQ(pwrite(fd, "x", 1, 0), 1);
    CHECK_EQ(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
    CHECK_EQ(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &prog), 0);
    for (int i = 0; i < HOT; i++) {
        CHECK_ERR(pwrite(fd, "y", 1, 0), ENOTNAM);
        check_at(fd, 0, "x1");
    }
}

CASE(sealed_while_hot)
{
    int fd = (int) CHECK_OK(memfd_create("m", MFD_ALLOW_SEALING));
    CHECK_EQ(write(fd, "0123456789", 10), 10);
    heat(fd);
    CHECK_EQ(pwrite(fd, "x", 1, 0), 1);
    CHECK_EQ(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE), 0);
    CHECK_ERR(pwrite(fd, "y", 1, 0), EPERM);
    check_at(fd, 0, "x123");
}

CASE(changed_by_others)
{
    int fd = file_with("f", "0123456789", O_RDWR);
    char buf[16];
    heat(fd);
    pid_t pid = (pid_t) CHECK_OK(fork());
    if (pid == 0)
        _exit(truncate("f", 3) != 0);
    CHECK_EXIT(pid, 0);
    CHECK_EQ(pread(fd, buf, 10, 0), 3);
    CHECK_EQ(lseek(fd, 0, SEEK_END), 3);
    CHECK_EQ(ftruncate(fd, 5), 0);
    CHECK_EQ(pread(fd, buf, 10, 0), 5);
    struct stat st;
    CHECK_EQ(pwrite(fd, "x", 1, 99), 1);
    CHECK_EQ(stat("f", &st), 0);
    CHECK_EQ(st.st_size, 100);
    sleep_ms(20);
    CHECK_EQ(pwrite(fd, "x", 1, 99), 1);
    struct timespec before = st.st_mtim;
    CHECK_EQ(stat("f", &st), 0);
    CHECK(st.st_mtim.tv_sec > before.tv_sec || st.st_mtim.tv_nsec > before.tv_nsec);
    CHECK_EQ(unlink("f"), 0);
    CHECK_EQ(pwrite(fd, "gone", 4, 0), 4);
    check_at(fd, 0, "gone");
    CHECK_EQ(fstat(fd, &st), 0);
    CHECK_EQ(st.st_nlink, 0);
}

CASE(sent_to_another_process)
{
    int sp[2], fd = file_with("f", "abcdefgh", O_RDWR);
    char c, ctl[CMSG_SPACE(sizeof(int))] = "";
    struct iovec v = {&c, 1};
    struct msghdr m = {.msg_iov = &v,
                       .msg_iovlen = 1,
                       .msg_control = ctl,
                       .msg_controllen = sizeof(ctl)};
    heat(fd);
    CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, sp), 0);
    pid_t pid = (pid_t) CHECK_OK(fork());
    if (pid == 0) {
        close(fd);
        CHECK_EQ(recvmsg(sp[1], &m, 0), 1);
        int got;
        memcpy(&got, CMSG_DATA(CMSG_FIRSTHDR(&m)), sizeof(got));
        heat(got);
        CHECK_EQ(lseek(got, 3, SEEK_SET), 3);
        CHECK_EQ(read(got, &c, 1), 1);
        CHECK_EQ(c, 'd');
        _exit(0);
    }
    struct cmsghdr *h = CMSG_FIRSTHDR(&m);
    h->cmsg_level = SOL_SOCKET;
    h->cmsg_type = SCM_RIGHTS;
    h->cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(h), &fd, sizeof(fd));
    c = '!';
    CHECK_EQ(sendmsg(sp[0], &m, 0), 1);
    CHECK_EXIT(pid, 0);
    CHECK_EQ(lseek(fd, 0, SEEK_CUR), 4);
}

static volatile sig_atomic_t ticks;

static void on_tick(int signo UNUSED)
{
    ticks++;
}

CASE(signals_in_between)
{
    struct sigaction sa = {.sa_handler = on_tick}; /* without SA_RESTART */
    struct itimerval it = {{0, 500}, {0, 500}};
    static char block[65536];
    int fd = file_with("f", "", O_RDWR);
    CHECK_EQ(sigaction(SIGALRM, &sa, NULL), 0);
    CHECK_EQ(setitimer(ITIMER_REAL, &it, NULL), 0);
    uint64_t until = now_ns() + 300000000u;
    for (int i = 0; now_ns() < until; i++) {
        CHECK_EQ(pwrite(fd, block, sizeof(block), 0), (ssize_t) sizeof(block));
        CHECK_EQ(pread(fd, block, sizeof(block), 0), (ssize_t) sizeof(block));
        CHECK_EQ(lseek(fd, i, SEEK_SET), i);
    }
    CHECK(ticks > 3);
}

CASE(what_is_not_a_file)
{
    int p[2];
    char buf[4];
    CHECK_EQ(pipe(p), 0);
    int zero = open("/dev/zero", O_RDWR), status = open("/proc/self/status", O_RDONLY);
    int dir = open(".", O_RDONLY | O_DIRECTORY);
    for (int i = 0; i < 2 * HOT; i++) {
        CHECK_EQ(write(p[1], "ab", 2), 2);
        CHECK_EQ(read(p[0], buf, 4), 2);
        CHECK_ERR(lseek(p[0], 0, SEEK_CUR), ESPIPE);
        CHECK_ERR(pread(p[0], buf, 1, 0), ESPIPE);
        CHECK_EQ(read(zero, buf, 4), 4);
        CHECK_EQ(buf[3], 0);
        CHECK_EQ(pread(status, buf, 4, 0), 4);
        CHECK_MEM(buf, "Name", 4);
        CHECK_ERR(read(dir, buf, 4), EISDIR);
    }
}

CASE(its_descriptors_are_not_seen)
{
    int n = 0, fd = file_with("f", "x", O_RDWR);
    struct rlimit l;
    heat(fd);
    DIR *d = opendir("/proc/self/fd");
    CHECK(d);
    for (struct dirent *e; (e = readdir(d));)
        n += e->d_name[0] != '.';
    CHECK_EQ(n, fd + 2); /* 0 to fd, and the directory's own */
    CHECK_EQ(getrlimit(RLIMIT_NOFILE, &l), 0);
    CHECK(l.rlim_cur >= 1024);
}

GUEST_MAIN
