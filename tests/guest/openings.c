/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files that are opened, asked a little and closed, one after another, so many that a kernel might
 * do something special about it; and files that are sent as they are: everything must go on as if
 * it did not.
 */
#include "inet.h"

#include <dirent.h>
#include <pthread.h>
#include <sys/inotify.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/wait.h>

#define MANY 60

static void make_files(int n)
{
    char name[16], text[32];
    for (int i = 0; i < n; i++) {
        (void) snprintf(name, sizeof(name), "f%d", i);
        (void) snprintf(text, sizeof(text), "text of %d", i);
        put_file(name, text, 0640);
    }
}

/* Opens, asks, reads and closes the i-th. */
static void visit(int i)
{
    char name[16], text[32], buf[32] = "";
    struct stat st;
    (void) snprintf(name, sizeof(name), "f%d", i);
    (void) snprintf(text, sizeof(text), "text of %d", i);
    int fd = (int) CHECK_OK(open(name, O_RDONLY | O_CLOEXEC));
    CHECK_EQ(fstat(fd, &st), 0);
    CHECK_EQ(st.st_size, (off_t) strlen(text));
    CHECK_EQ(read(fd, buf, sizeof(buf)), st.st_size);
    CHECK_STR(buf, text);
    CHECK_EQ(close(fd), 0);
    CHECK_ERR(read(fd, buf, 1), EBADF);
    CHECK_ERR(fstat(fd, &st), EBADF);
}

static void visit_all(void)
{
    for (int i = 0; i < MANY; i++)
        visit(i);
}

static void check_same(const struct stat *a, const struct stat *b)
{
    CHECK_EQ(a->st_dev, b->st_dev);
    CHECK_EQ(a->st_ino, b->st_ino);
    CHECK_EQ(a->st_mode, b->st_mode);
    CHECK_EQ(a->st_nlink, b->st_nlink);
    CHECK_EQ(a->st_uid, b->st_uid);
    CHECK_EQ(a->st_gid, b->st_gid);
    CHECK_EQ(a->st_rdev, b->st_rdev);
    CHECK_EQ(a->st_size, b->st_size);
    CHECK_EQ(a->st_blksize, b->st_blksize);
    CHECK_EQ(a->st_blocks, b->st_blocks);
    CHECK_EQ(a->st_mtim.tv_sec, b->st_mtim.tv_sec);
    CHECK_EQ(a->st_mtim.tv_nsec, b->st_mtim.tv_nsec);
    CHECK_EQ(a->st_ctim.tv_sec, b->st_ctim.tv_sec);
    CHECK_EQ(a->st_ctim.tv_nsec, b->st_ctim.tv_nsec);
}

CASE(what_is_said_of_them)
{
    struct stat by_name, by_fd, by_empty_name;
    make_files(MANY);
    visit_all();
    for (int i = 0; i < MANY; i++) {
        char name[16];
        (void) snprintf(name, sizeof(name), "f%d", i);
        if (i % 3 == 0)
            CHECK_EQ(chmod(name, 0600), 0);
        int fd = (int) CHECK_OK(open(name, i % 2 ? O_RDONLY : O_RDWR));
        if (i % 5 == 0)
            CHECK_EQ(truncate(name, 4000 + i), 0);
        if (i % 7 == 0)
            CHECK_EQ(link(name, "another"), 0);
        CHECK_EQ(fstat(fd, &by_fd), 0);
        CHECK_EQ(stat(name, &by_name), 0);
        CHECK_EQ(fstatat(fd, "", &by_empty_name, AT_EMPTY_PATH), 0);
        check_same(&by_fd, &by_name);
        check_same(&by_fd, &by_empty_name);
        CHECK_EQ(by_fd.st_nlink, i % 7 ? 1u : 2u);
        (void) unlink("another");
        CHECK_EQ(unlink(name), 0);
        CHECK_EQ(fstat(fd, &by_fd), 0);
        CHECK_EQ(by_fd.st_nlink, 0u);
        CHECK_ERR(fstatat(fd, "x", &by_fd, 0), ENOTDIR);
        CHECK_ERR(fstatat(fd, "", &by_fd, 0), ENOENT);
        CHECK_ERR(syscall(SYS_fstat, fd, (void *) 1), EFAULT);
        CHECK_ERR(syscall(SYS_newfstatat, fd, "", (void *) 1, AT_EMPTY_PATH), EFAULT);
        CHECK_EQ(close(fd), 0);
    }
}

CASE(what_may_be_done_with_them)
{
    char c = 'x';
    make_files(MANY);
    visit_all();
    for (int i = 0; i < MANY; i++) {
        int r = (int) CHECK_OK(open("f1", O_RDONLY)), w = (int) CHECK_OK(open("f2", O_WRONLY));
        CHECK_EQ(w, r + 1);
        CHECK_ERR(write(r, "x", 1), EBADF);
        CHECK_ERR(read(w, &c, 1), EBADF);
        CHECK_EQ(read(r, &c, 1), 1);
        CHECK_EQ(c, 't');
        CHECK_EQ(pwrite(w, "T", 1, 0), 1);
        CHECK_EQ(close(r), 0);
        CHECK_EQ(dup2(w, r), r); /* the number of the other */
        CHECK_ERR(read(r, &c, 1), EBADF);
        CHECK_EQ(write(r, "T", 1), 1);
        CHECK_EQ(lseek(w, 0, SEEK_CUR), 1);
        CHECK_EQ(close(r), 0);
        CHECK_EQ(close(w), 0);
    }
}

CASE(children_open_their_own)
{
    make_files(MANY);
    visit_all();
    for (int round = 0; round < 8; round++) {
        int fd = (int) CHECK_OK(open("f3", O_RDONLY));
        pid_t pid = fork();
        CHECK(pid >= 0);
        char c = 0;
        visit_all();
        if (pid == 0) {
            CHECK_EQ(pread(fd, &c, 1, 5), 1);
            _exit(c == 'o' ? 7 : 1);
        }
        int st;
        CHECK_EQ(waitpid(pid, &st, 0), pid);
        CHECK_EQ(st, 7 << 8);
        CHECK_EQ(pread(fd, &c, 1, 5), 1);
        CHECK_EQ(c, 'o');
        CHECK_EQ(close(fd), 0);
    }
}

static void *visitor(void *arg)
{
    char text[32], name[16];
    (void) snprintf(name, sizeof(name), "f%d", (int) (intptr_t) arg);
    (void) snprintf(text, sizeof(text), "text of %d", (int) (intptr_t) arg);
    for (int i = 0; i < 400; i++) {
        char buf[32] = "";
        struct stat st;
        int fd = (int) CHECK_OK(open(name, O_RDONLY));
        CHECK_EQ(fstat(fd, &st), 0);
        CHECK_EQ(read(fd, buf, sizeof(buf)), (ssize_t) strlen(text));
        CHECK_STR(buf, text);
        CHECK_EQ(close(fd), 0);
    }
    return NULL;
}

CASE(threads_open_side_by_side)
{
    pthread_t th[4];
    make_files(MANY);
    visit_all();
    for (int i = 0; i < 4; i++)
        CHECK_EQ(pthread_create(&th[i], NULL, visitor, (void *) (intptr_t) (i * 11)), 0);
    for (int i = 0; i < 4; i++)
        CHECK_EQ(pthread_join(th[i], NULL), 0);
}

/* ---- what others see of a close ---- */

/* A child that has opened many, and takes orders over a connection. */
static pid_t open_in_child(int sv[2], void (*close_in_child)(void))
{
    tcp_pair(sv);
    make_files(MANY);
    visit_all();
    pid_t pid = fork();
    CHECK(pid >= 0);
    if (pid != 0)
        return pid;
    char c;
    visit_all();
    while (read(sv[1], &c, 1) == 1) {
        close_in_child();
        CHECK_EQ(write(sv[1], "x", 1), 1);
    }
    _exit(7);
}

static void let_close(const int sv[2])
{
    char c;
    CHECK_EQ(write(sv[0], "x", 1), 1);
    CHECK_EQ(read(sv[0], &c, 1), 1);
}

static void end_child(pid_t pid, int sv[2])
{
    int st;
    CHECK_EQ(close(sv[1]), 0);
    CHECK_EQ(shutdown(sv[0], SHUT_WR), 0);
    CHECK_EQ(waitpid(pid, &st, 0), pid);
    CHECK_EQ(st, 7 << 8);
}

static int open_files(pid_t pid)
{
    char name[40];
    int n = 0;
    (void) snprintf(name, sizeof(name), "/proc/%d/fd", pid);
    DIR *d = opendir(name);
    CHECK(d);
    for (struct dirent *e; (e = readdir(d));)
        n += e->d_name[0] != '.';
    closedir(d);
    return n;
}

static void visit_two(void)
{
    visit(1);
    int fd = (int) CHECK_OK(open("f2", O_RDONLY));
    struct stat st;
    CHECK_EQ(fstat(fd, &st), 0);
    CHECK_EQ(close(fd), 0);
}

CASE(a_closed_number_is_not_listed)
{
    int sv[2];
    pid_t pid = open_in_child(sv, visit_two);
    let_close(sv);
    int n = open_files(pid);
    for (int i = 0; i < 200; i++) {
        let_close(sv);
        CHECK_EQ(open_files(pid), n);
    }
    end_child(pid, sv);
}

/* The lock goes with the first descriptor of the file that is closed. */
static void lock_and_close(void)
{
    int a = (int) CHECK_OK(open("f5", O_RDWR)), b = (int) CHECK_OK(open("f5", O_RDONLY));
    struct flock l = {.l_type = F_WRLCK};
    struct stat st;
    CHECK_EQ(fcntl(a, F_SETLK, &l), 0);
    CHECK_EQ(fstat(b, &st), 0);
    CHECK_EQ(close(b), 0);
    (void) dup2(a, 50); /* stays, without a lock */
}

CASE(a_lock_goes_with_it)
{
    int sv[2];
    pid_t pid = open_in_child(sv, lock_and_close);
    int fd = (int) CHECK_OK(open("f5", O_RDWR));
    for (int i = 0; i < 100; i++) {
        struct flock l = {.l_type = F_WRLCK};
        let_close(sv);
        CHECK_EQ(fcntl(fd, i % 2 ? F_SETLK : F_GETLK, &l), 0);
        CHECK_EQ(l.l_type, i % 2 ? F_WRLCK : F_UNLCK);
        l.l_type = F_UNLCK;
        CHECK_EQ(fcntl(fd, F_SETLK, &l), 0);
    }
    end_child(pid, sv);
}

CASE(a_later_watch_does_not_see_it)
{
    int sv[2];
    pid_t pid = open_in_child(sv, visit_two);
    for (int i = 0; i < 50; i++) {
        char buf[256];
        int in = (int) CHECK_OK(inotify_init1(IN_NONBLOCK));
        let_close(sv);
        CHECK_OK(inotify_add_watch(in, "f2", IN_CLOSE));
        CHECK_ERR(read(in, buf, sizeof(buf)), EAGAIN);
        let_close(sv);
        CHECK(read(in, buf, sizeof(buf)) > 0);
        CHECK_EQ(close(in), 0);
        let_close(sv);
    }
    end_child(pid, sv);
}

/* ---- sendfile(2) ---- */

#define SIZE (3u << 20)

static int big_file(void)
{
    uint8_t page[4096];
    int fd = (int) CHECK_OK(open("big", O_RDWR | O_CREAT | O_TRUNC, 0600));
    for (unsigned i = 0; i < SIZE / sizeof(page); i++) {
        memset(page, (int) (i % 251), sizeof(page));
        CHECK_EQ(write(fd, page, sizeof(page)), (ssize_t) sizeof(page));
    }
    return fd;
}

/* Both so busy that there might be something special about them. */
static void heat_both(int sv[2], int fd)
{
    char c;
    tcp_pair(sv);
    for (int i = 0; i < 200; i++) {
        off_t at = 0;
        CHECK_EQ(sendfile(sv[0], fd, &at, 1), 1);
        CHECK_EQ(at, 1);
        CHECK_EQ(read(sv[1], &c, 1), 1);
        CHECK_EQ(write(sv[1], &c, 1), 1);
        CHECK_EQ(read(sv[0], &c, 1), 1);
        CHECK_EQ(pread(fd, &c, 1, 0), 1);
    }
}

static void *drain(void *arg)
{
    static uint8_t buf[65536];
    uint64_t sum = 0;
    for (ssize_t n; (n = read(*(int *) arg, buf, sizeof(buf))) > 0;)
        for (ssize_t i = 0; i < n; i++)
            sum = sum * 31 + buf[i];
    return (void *) sum;
}

static uint64_t sum_of_file(int fd)
{
    CHECK_EQ(lseek(fd, 0, SEEK_SET), 0);
    return (uint64_t) drain(&fd);
}

CASE(sent_whole)
{
    int sv[2], fd = big_file();
    void *got;
    pthread_t th;
    heat_both(sv, fd);
    uint64_t want = sum_of_file(fd);
    off_t at = 4096;
    CHECK_EQ(lseek(fd, 0, SEEK_SET), 0);
    CHECK_EQ(pthread_create(&th, NULL, drain, &sv[1]), 0);
    CHECK_EQ(sendfile(sv[0], fd, NULL, 4096), 4096);
    CHECK_EQ(lseek(fd, 0, SEEK_CUR), 4096);
    CHECK_EQ(sendfile(sv[0], fd, &at, SIZE), (ssize_t) SIZE - 4096); /* more than there is */
    CHECK_EQ(at, (off_t) SIZE);
    CHECK_EQ(lseek(fd, 0, SEEK_CUR), 4096);
    CHECK_EQ(sendfile(sv[0], fd, &at, 1), 0);
    CHECK_EQ(shutdown(sv[0], SHUT_WR), 0);
    CHECK_EQ(pthread_join(th, &got), 0);
    CHECK_EQ((uint64_t) got, want);
}

CASE(sent_as_far_as_there_is_room)
{
    int sv[2], fd = big_file();
    heat_both(sv, fd);
    CHECK_EQ(fcntl(sv[0], F_SETFL, O_NONBLOCK), 0);
    off_t at = 0, before;
    ssize_t n;
    for (;;) {
        before = at;
        n = sendfile(sv[0], fd, &at, SIZE);
        if (n < 0)
            break;
        CHECK_EQ(at, before + n);
        if (at == (off_t) SIZE)
            at = 0;
    }
    CHECK_EQ(errno, EAGAIN);
    CHECK_EQ(at, before);
}

CASE(sent_wrongly)
{
    int sv[2], fd = big_file();
    heat_both(sv, fd);
    off_t bad = -1;
    int w = (int) CHECK_OK(open("big", O_WRONLY));
    CHECK_ERR(sendfile(sv[0], fd, &bad, 1), EINVAL);
    CHECK_ERR(sendfile(sv[0], fd, (off_t *) 1, 1), EFAULT);
    CHECK_ERR(sendfile(sv[0], w, NULL, 1), EBADF);
    CHECK_ERR(sendfile(sv[0], 99, NULL, 1), EBADF);
    CHECK_ERR(sendfile(sv[0], sv[1], NULL, 1), EINVAL);
    CHECK_EQ(lseek(fd, SIZE, SEEK_SET), (off_t) SIZE);
    CHECK_EQ(sendfile(sv[0], fd, NULL, 1), 0);
    bad = 0;
    CHECK_EQ(sendfile(sv[0], fd, &bad, 0), 0);
}

static volatile int pipes;

static void on_pipe(int signo)
{
    (void) signo;
    pipes++;
}

CASE(sent_to_nobody)
{
    int sv[2], fd = big_file();
    heat_both(sv, fd);
    signal(SIGPIPE, on_pipe);
    CHECK_EQ(shutdown(sv[0], SHUT_WR), 0);
    for (int i = 1; i <= 3; i++) {
        off_t at = 0;
        CHECK_ERR(sendfile(sv[0], fd, &at, 10), EPIPE);
        CHECK_EQ(pipes, i);
        CHECK_EQ(at, 0);
    }
    pid_t pid = fork();
    CHECK(pid >= 0);
    if (pid == 0) {
        signal(SIGPIPE, SIG_DFL);
        off_t at = 0;
        (void) !sendfile(sv[0], fd, &at, 10);
        _exit(1);
    }
    int st;
    CHECK_EQ(waitpid(pid, &st, 0), pid);
    CHECK(WIFSIGNALED(st) && WTERMSIG(st) == SIGPIPE);
}

GUEST_MAIN
