/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Changes without end, to be ended at any moment from outside; afterwards nothing may be half done.
 *
 *     storm prepare DIR      files in directories, each with its number and a length all over it
 *     storm run DIR SEED     appends, changes modes, moves files and directories to free names
 *     storm check DIR        each file is there once, and whole
 *     storm race DIR         several processes append to each file at the same time
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define N_DIRS  6
#define N_FILES 48
#define PATH    128

static uint64_t state;
static int seen[N_FILES], wrong;

static uint32_t rnd(uint32_t n)
{
    state = state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t) (state >> 33) % n;
}

static size_t length_of(unsigned i)
{
    return 64 + (size_t) i * 9001;
}

static void fill(char *buf, unsigned i)
{
    for (size_t at = 0; at < length_of(i); at += 8)
        snprintf(buf + at, 9, "%03u-%04zu", i, at / 8 % 10000);
}

static void prepare(void)
{
    static char buf[N_FILES * 9001 + 1000];
    char p[PATH];
    for (unsigned d = 0; d < N_DIRS; d++) {
        snprintf(p, sizeof(p), "d%u", d);
        mkdir(p, 0755);
    }
    for (unsigned i = 0; i < N_FILES; i++) {
        snprintf(p, sizeof(p), "d%u/%u", i % N_DIRS, i);
        fill(buf, i);
        int fd = open(p, O_CREAT | O_WRONLY, 0644);
        if (fd < 0 || write(fd, buf, length_of(i)) != (ssize_t) length_of(i))
            exit(1);
        close(fd);
    }
}

static void run(void)
{
    char p[PATH], q[PATH];
    for (;;) {
        unsigned i = rnd(N_FILES);
        int fd;
        snprintf(p, sizeof(p), "d%u/%u", rnd(N_DIRS), i);
        snprintf(q, sizeof(q), "d%u/%u", rnd(N_DIRS), i);
        switch (rnd(6)) {
        case 0:
            fd = open(p, O_WRONLY | O_APPEND);
            if (fd >= 0 && write(fd, "x", 1) != 1)
                exit(1);
            close(fd);
            break;
        case 1:
            chmod(p, 0600 | rnd(0100));
            break;
        case 5:
            snprintf(p, sizeof(p), "d%u", rnd(N_DIRS));
            snprintf(q, sizeof(q), "d%u", rnd(N_DIRS));
            (void) renameat2(AT_FDCWD, p, AT_FDCWD, q, RENAME_EXCHANGE);
            break;
        default:
            (void) renameat2(AT_FDCWD, p, AT_FDCWD, q, RENAME_NOREPLACE);
            break;
        }
    }
}

#define RACERS 4

static void append_to_all(void)
{
    char p[PATH];
    for (unsigned i = 0; i < N_FILES; i++) {
        snprintf(p, sizeof(p), "d%u/%u", i % N_DIRS, i);
        int fd = open(p, O_WRONLY | O_APPEND);
        if (fd < 0 || write(fd, "x", 1) != 1)
            _exit(1);
        close(fd);
    }
    _exit(0);
}

/* One who reads all the time sees a file grow, never shrink or change. */
static void watch(unsigned i)
{
    char p[PATH], first[64], now[64];
    struct stat st;
    snprintf(p, sizeof(p), "d%u/%u", i % N_DIRS, i);
    int fd = open(p, O_RDONLY);
    off_t size = 0;
    if (fd < 0 || pread(fd, first, sizeof(first), 0) != sizeof(first))
        _exit(1);
    while (size < (off_t) length_of(i) + RACERS) {
        if (fstat(fd, &st) < 0 || st.st_size < size ||
            pread(fd, now, sizeof(now), 0) != sizeof(now) || memcmp(first, now, sizeof(now)) != 0)
            _exit(1);
        size = st.st_size;
    }
    _exit(pread(fd, now, sizeof(now), (off_t) length_of(i)) == RACERS ? 0 : 1);
}

static int race(void)
{
    int st, bad = 0;
    for (int i = 0; i < RACERS + 2; i++)
        if (fork() == 0)
            i < RACERS ? append_to_all() : watch(i == RACERS ? 7 : N_FILES - 1);
    while (wait(&st) > 0)
        bad |= st != 0;
    printf(bad ? "wrong\n" : "all appended\n");
    return bad;
}

static void complain(const char *path, const char *what)
{
    printf("%s: %s\n", path, what);
    wrong = 1;
}

static int check_one(const char *path, const struct stat *st, int kind, struct FTW *at)
{
    static char have[N_FILES * 9001 + 200000], want[N_FILES * 9001 + 1000];
    unsigned i = (unsigned) atoi(path + at->base);
    if (kind != FTW_F || i >= N_FILES)
        return 0;
    int fd = open(path, O_RDONLY);
    ssize_t n = fd < 0 ? -1 : read(fd, have, sizeof(have));
    close(fd);
    fill(want, i);
    if (n != st->st_size || n < (ssize_t) length_of(i) || memcmp(have, want, length_of(i)) != 0)
        complain(path, "not whole");
    for (ssize_t k = (ssize_t) length_of(i); k < n; k++)
        if (have[k] != 'x') {
            complain(path, "more than was appended");
            break;
        }
    if (seen[i]++)
        complain(path, "there twice");
    return 0;
}

int main(int argc, char **argv)
{
    if (argc < 3 || chdir(argv[2]) < 0)
        return 2;
    state = argc > 3 ? strtoull(argv[3], NULL, 10) : 0;
    if (strcmp(argv[1], "prepare") == 0) {
        prepare();
    } else if (strcmp(argv[1], "run") == 0) {
        run();
    } else if (strcmp(argv[1], "race") == 0) {
        return race();
    } else {
        nftw(".", check_one, 16, FTW_PHYS);
        for (unsigned i = 0; i < N_FILES; i++)
            if (!seen[i])
                printf("%u: gone\n", i), wrong = 1;
        printf(wrong ? "wrong\n" : "all whole\n");
    }
    return wrong;
}
