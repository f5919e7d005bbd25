/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Busy descriptors of many threads: numbers are closed and opened again while others read, and no
 * read of a descriptor that is open may ever be of another file.
 */
#include "guest.h"

#include <pthread.h>
#include <sched.h>

#define FILES 6

/* File i is full of the letter 'A' + i and has an inode of its own. */
static ino_t inodes[FILES];

static void make_files(void)
{
    char name[8], text[513];
    struct stat st;
    for (int i = 0; i < FILES; i++) {
        snprintf(name, sizeof(name), "f%d", i);
        memset(text, 'A' + i, 512);
        text[512] = 0;
        put_file(name, text, 0644);
        CHECK_EQ(stat(name, &st), 0);
        inodes[i] = st.st_ino;
    }
}

static _Atomic int wrong, stop;
static _Atomic long good;

static int open_file(int i)
{
    char name[8];
    snprintf(name, sizeof(name), "f%d", i);
    return open(name, O_RDWR | O_CLOEXEC);
}

/* Asked for much, though there is little: that alone might make a kernel think a descriptor busy.
 */
static volatile size_t much = 1 << 20;

/* The descriptor is ours and is file i: each byte must be. */
static void reads_only(int fd, int i, int times)
{
    char buf[1024];
    for (int k = 0; k < times; k++) {
        ssize_t n = k & 1 ? pread(fd, buf, much, k) : read(fd, buf, 16);
        if (n < 0 || (n > 0 && (buf[0] != 'A' + i || buf[n - 1] != 'A' + i)))
            wrong++;
        good++;
    }
}

static void *opens_and_closes(void *arg)
{
    unsigned seed = (unsigned) (uintptr_t) arg;
    while (!stop) {
        int i = rand_r(&seed) % FILES, fd = open_file(i);
        if (fd < 0) {
            wrong++;
            break;
        }
        reads_only(fd, i, 3 + rand_r(&seed) % 20);
        if (rand_r(&seed) % 3) {
            close(fd);
            continue;
        }
        /* Another file under the same number, in one step. */
        int j = rand_r(&seed) % FILES, other = open_file(j);
        if (other < 0 || dup2(other, fd) != fd)
            wrong++;
        reads_only(fd, j, 12);
        close(other);
        reads_only(fd, j, 3);
        close(fd);
    }
    return NULL;
}

/* Reads whatever stands at small numbers: any answer is right, but it must not disturb others. */
static void *reads_at_random(void *arg)
{
    unsigned seed = (unsigned) (uintptr_t) arg;
    char buf[1024];
    while (!stop) {
        int fd = 3 + rand_r(&seed) % 12;
        for (int k = 0; k < 8; k++)
            (void) !pread(fd, buf, much, 0);
        if (rand_r(&seed) % 8 == 0)
            sleep_ms(1); /* the others are to get on, also on a busy machine */
    }
    return NULL;
}

static void run_threads(int n, int n_random, int ms, void (*meanwhile)(void))
{
    pthread_t t[16];
    stop = wrong = 0;
    for (int i = 0; i < n + n_random; i++)
        CHECK_EQ(pthread_create(&t[i], NULL, i < n ? opens_and_closes : reads_at_random,
                                (void *) (uintptr_t) (i * 7919 + 1)),
                 0);
    uint64_t until = now_ns() + (uint64_t) ms * 1000000u;
    while (now_ns() < until)
        meanwhile();
    stop = 1;
    for (int i = 0; i < n + n_random; i++)
        pthread_join(t[i], NULL);
    CHECK_EQ(wrong, 0);
    CHECK(good > 100);
}

static void nothing(void)
{
    sleep_ms(10);
}

CASE(numbers_used_again)
{
    make_files();
    run_threads(4, 0, 600, nothing);
}

CASE(numbers_used_again_while_others_read_them)
{
    make_files();
    run_threads(4, 3, 1000, nothing);
}

/* In a child, what a descriptor is and what is read from it must go together. */
static void fork_and_compare(void)
{
    pid_t pid = fork();
    if (pid == 0) {
        for (int round = 0; round < 12; round++)
            for (int fd = 3; fd < 20; fd++) {
                struct stat st;
                char c;
                if (fstat(fd, &st) < 0) {
                    if (pread(fd, &c, 1, 0) != -1 || errno != EBADF)
                        _exit(1);
                    continue;
                }
                if (pread(fd, &c, 1, 0) == 1 && S_ISREG(st.st_mode)) {
                    if (c < 'A' || c >= 'A' + FILES)
                        _exit(2);
                    if (inodes[c - 'A'] != st.st_ino)
                        _exit(3);
                }
            }
        /* Here they are closed and opened without anybody else. */
        for (int k = 0; k < 30; k++) {
            int i = k % FILES, fd = open_file(i);
            wrong = 0;
            reads_only(fd, i, 10);
            if (wrong)
                _exit(4);
            close(fd);
        }
        _exit(0);
    }
    CHECK_OK(pid);
    CHECK_EXIT(pid, 0);
}

CASE(forks_in_between)
{
    make_files();
    run_threads(3, 2, 1500, fork_and_compare);
}

static void spawn_in_between(void)
{
    pid_t pid = vfork();
    if (pid == 0) {
        for (int fd = 3; fd < 16; fd++)
            close(fd);
        _exit(0);
    }
    CHECK_OK(pid);
    CHECK_EXIT(pid, 0);
}

CASE(vforks_in_between)
{
    make_files();
    run_threads(3, 1, 600, spawn_in_between);
}

static void ranges_in_between(void)
{
    /* Of numbers that nobody uses here, and of our own two. */
    int fd = open_file(1);
    int high = (int) CHECK_OK(fcntl(fd, F_DUPFD, 60));
    reads_only(high, 1, 20);
    close(fd);
    CHECK_EQ(close_range(60, 70, 0), 0);
    CHECK_ERR(lseek(high, 0, SEEK_CUR), EBADF);
}

CASE(ranges_in_between_them)
{
    make_files();
    run_threads(3, 1, 500, ranges_in_between);
}

/* One closes what another reads: the reader gets the file's bytes or EBADF, nothing else. */
static _Atomic int shared_fd;

static void *reads_the_shared(void *arg UNUSED)
{
    char buf[1024];
    while (!stop) {
        int fd = shared_fd;
        ssize_t n = pread(fd, buf, much, 0);
        if (n < 0 ? errno != EBADF : n != 512 || buf[0] < 'A' || buf[0] != buf[511])
            wrong++;
        good++;
    }
    return NULL;
}

CASE(closed_under_a_reader)
{
    pthread_t t[3];
    make_files();
    stop = wrong = 0;
    shared_fd = open_file(0);
    for (int i = 0; i < 3; i++)
        CHECK_EQ(pthread_create(&t[i], NULL, reads_the_shared, NULL), 0);
    for (int k = 0; k < 400; k++) {
        if (k % 8 == 0)
            sched_yield();
        close(shared_fd);
        shared_fd = open_file(k % FILES);
    }
    stop = 1;
    for (int i = 0; i < 3; i++)
        pthread_join(t[i], NULL);
    CHECK_EQ(wrong, 0);
}

/* ---- threads with tables of their own ---- */

static _Atomic int step;

static void wait_for(int n)
{
    while (step < n)
        sched_yield();
}

static void *unshares(void *arg)
{
    int fd = (int) (intptr_t) arg;
    char c = 0;
    for (int k = 0; k < 120; k++)
        (void) !pread(fd, &c, 1, 0);
    if (unshare(CLONE_FILES) != 0)
        wrong++;
    for (int k = 0; k < 120; k++)
        (void) !pread(fd, &c, 1, 0);
    close(fd);
    if (open_file(1) != fd)
        wrong++;
    for (int k = 0; k < 120; k++)
        if (pread(fd, &c, 1, 0) != 1 || c != 'B')
            wrong++;
    step = 1;
    wait_for(2);
    for (int k = 0; k < 120; k++)
        if (pread(fd, &c, 1, 0) != 1 || c != 'B')
            wrong++;
    return NULL;
}

CASE(a_thread_with_its_own_table)
{
    pthread_t t;
    char c;
    make_files();
    int fd = open_file(0);
    wrong = step = 0;
    CHECK_EQ(pthread_create(&t, NULL, unshares, (void *) (intptr_t) fd), 0);
    while (step < 1) {
        CHECK_EQ(pread(fd, &c, 1, 0), 1);
        CHECK_EQ(c, 'A');
    }
    for (int k = 0; k < 120; k++) {
        CHECK_EQ(pread(fd, &c, 1, 0), 1);
        CHECK_EQ(c, 'A');
    }
    close(fd);
    CHECK_EQ(open_file(2), fd);
    for (int k = 0; k < 120; k++) {
        CHECK_EQ(pread(fd, &c, 1, 0), 1);
        CHECK_EQ(c, 'C');
    }
    step = 2;
    pthread_join(t, NULL);
    CHECK_EQ(wrong, 0);
}

static void *appends(void *arg)
{
    char record[32];
    memset(record, 'a' + (int) (intptr_t) arg, sizeof(record));
    for (int k = 0; k < 500; k++)
        if (write(shared_fd, record, sizeof(record)) != sizeof(record))
            wrong++;
    return NULL;
}

/* Writes through one description are whole, and none is lost. */
CASE(writes_through_one_description)
{
    pthread_t t[4];
    char record[32];
    int n[4] = {0};
    wrong = 0;
    shared_fd = (int) CHECK_OK(open("log", O_RDWR | O_CREAT | O_TRUNC, 0644));
    for (int i = 0; i < 4; i++)
        CHECK_EQ(pthread_create(&t[i], NULL, appends, (void *) (intptr_t) i), 0);
    for (int i = 0; i < 4; i++)
        pthread_join(t[i], NULL);
    CHECK_EQ(wrong, 0);
    CHECK_EQ(lseek(shared_fd, 0, SEEK_END), 4 * 500 * 32);
    CHECK_EQ(lseek(shared_fd, 0, SEEK_SET), 0);
    for (int k = 0; k < 2000; k++) {
        CHECK_EQ(read(shared_fd, record, sizeof(record)), (ssize_t) sizeof(record));
        for (int b = 1; b < 32; b++)
            CHECK_EQ(record[b], record[0]);
        n[record[0] - 'a']++;
    }
    for (int i = 0; i < 4; i++)
        CHECK_EQ(n[i], 500);
}

GUEST_MAIN
