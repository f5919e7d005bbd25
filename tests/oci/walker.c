/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs inside, in a directory whose names somebody outside changes all the time (cases_files.py):
 * every name there leads to a file that begins with a letter of its own, or to nothing. Two threads
 * open, ask and list until standard input has a line; from then on nothing changes any more, and
 * all must be as the line says. Prints what is wrong; the last line is "done".
 *
 * usage: walker DIRECTORY
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* What is opened, and what it may begin with. */
static const struct {
    const char *name, *letters;
} names[] = {
    {"a", "a"},     {"b", "b"},    {"p/f", "p"},    {"p/deep/f", "p"}, {"link", "ab"},
    {"s/f", "sp"},  {"evil", "e"}, {"p/../a", "a"}, {"./p/./f", "p"},  {"s/../b", "b"},
    {"evil/f", ""}, {"none", ""},  {"p/none", ""},
};

static atomic_bool quiet;
static atomic_uint wrong, rounds;

static void complain(const char *what, const char *name, int error)
{
    if (atomic_fetch_add(&wrong, 1) < 20)
        printf("%s %s: %s\n", what, name, strerror(error));
}

/* With names that come and go, more than "not there" (yet, or as a directory) is an error. */
static int expected(int error)
{
    return error == ENOENT || error == ENOTDIR;
}

static void try_open(int dir, const char *name, const char *letters, int flags)
{
    char c = 0;
    struct stat st;
    int fd = openat(dir, name, flags | O_CLOEXEC);
    if (fd < 0) {
        if (!expected(errno) && !(errno == ELOOP && (flags & O_NOFOLLOW)))
            complain("open", name, errno);
        return;
    }
    if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
        complain("fstat", name, errno);
    if (pread(fd, &c, 1, 0) != 1 || !strchr(letters, c))
        complain("wrong file", name, 0);
    close(fd);
}

static void try_names(int dir, const char *name, const char *letters)
{
    struct stat st;
    char text[256];
    if (fstatat(dir, name, &st, 0) < 0 ? !expected(errno) : !S_ISREG(st.st_mode) || !*letters)
        complain("stat", name, errno);
    if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0 && !expected(errno))
        complain("lstat", name, errno);
    if (faccessat(dir, name, R_OK, 0) < 0 && !expected(errno))
        complain("access", name, errno);
    if (readlinkat(dir, name, text, sizeof(text)) < 0 && !expected(errno) && errno != EINVAL)
        complain("readlink", name, errno);
}

static void *walk(void *arg)
{
    const char *top = arg;
    int dir = open(top, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    while (!atomic_load(&quiet)) {
        for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
            char path[512];
            snprintf(path, sizeof(path), "%s/%s", top, names[i].name);
            try_open(AT_FDCWD, path, names[i].letters, O_RDONLY);
            try_open(dir, names[i].name, names[i].letters, O_RDONLY | O_NOFOLLOW);
            try_names(AT_FDCWD, path, names[i].letters);
            try_names(dir, names[i].name, names[i].letters);
        }
        DIR *d = fdopendir(openat(dir, "p", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
        while (d && readdir(d))
            ;
        if (d)
            closedir(d);
        atomic_fetch_add(&rounds, 1);
    }
    close(dir);
    return NULL;
}

/* The line: NAME=LETTER, or NAME=- for what is not there; separated by spaces. */
static void compare(const char *top, char *line)
{
    for (char *word = strtok(line, " \n"); word; word = strtok(NULL, " \n")) {
        char path[512], c = '-';
        struct stat st;
        char *equals = strchr(word, '=');
        *equals = 0;
        snprintf(path, sizeof(path), "%s/%s", top, word);
        int there = stat(path, &st) == 0;
        int fd = open(path, O_RDONLY);
        if (fd >= 0 && pread(fd, &c, 1, 0) != 1)
            c = '?';
        close(fd);
        if (c != equals[1] || there != (c != '-')) {
            printf("afterwards %s: %c (%s), not %c\n", word, c, there ? "there" : "not there",
                   equals[1]);
            atomic_fetch_add(&wrong, 1);
        }
    }
}

int main(int argc, char **argv)
{
    pthread_t t[2];
    char line[512];
    if (argc != 2)
        return 2;
    for (int i = 0; i < 2; i++)
        if (pthread_create(&t[i], NULL, walk, argv[1]) != 0)
            return 2;
    char *got = fgets(line, sizeof(line), stdin);
    /* Without a wait: what we have just heard must already be true. */
    if (got)
        compare(argv[1], line);
    atomic_store(&quiet, true);
    for (int i = 0; i < 2; i++)
        pthread_join(t[i], NULL);
    printf("%u rounds, %u wrong\ndone\n", rounds, wrong);
    return wrong != 0;
}
