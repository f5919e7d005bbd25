/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Processes that create, rename, link, stat and remove names in one tree, all at the same time.
 *
 * usage: storm DIRECTORY SECONDS|=ROUNDS
 *
 * Each process remembers what its own names must be and looks; what it does depends on its number
 * and the round alone, so after the same number of rounds every tree is the same. Names that all of
 * them use at once may be won by anybody and are gone at the end of a round. Prints the number of
 * rounds, and exits with 1 when anything was not as remembered.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define PROCESSES 8
#define DIRS      12
#define NAMES     40
#define STEPS     400
#define SHARED    6

enum kind { NOTHING, FILE_, LINK, DIRECTORY };

struct name { /* what this process knows of one of its names; lost at the end of a round */
    enum kind kind;
    int dir, size, links;
};

static int self; /* which process */
static uint32_t seed;

static uint32_t next(void)
{
    seed = seed * 1664525u + 1013904223u;
    return seed >> 8;
}

__attribute__((format(printf, 1, 2), noreturn)) static void wrong(const char *format, ...)
{
    va_list ap;
    int e = errno;
    va_start(ap, format);
    fprintf(stderr, "process %d: ", self);
    vfprintf(stderr, format, ap);
    fprintf(stderr, " (%s)\n", strerror(e));
    va_end(ap);
    exit(1);
}

static const char *place(int dir, int number)
{
    static char text[4][64];
    static int turn;
    char *t = text[turn++ % 4];
    snprintf(t, sizeof(text[0]), "d%d/p%d-%d", dir, self, number);
    return t;
}

static void create(struct name *n, int number)
{
    int dir = (int) (next() % DIRS), size = (int) (next() % 9000);
    static char bytes[9000];
    memset(bytes, 'a' + number % 26, sizeof(bytes));
    int fd =
        open(place(dir, number), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600 | (next() & 077));
    if (fd < 0)
        wrong("create %s", place(dir, number));
    if (write(fd, bytes, (size_t) size) != size || close(fd) < 0)
        wrong("write %s", place(dir, number));
    *n = (struct name){FILE_, dir, size, 1};
}

static void make_other(struct name *n, int number)
{
    int dir = (int) (next() % DIRS);
    *n = (struct name){next() % 2 ? LINK : DIRECTORY, dir, 0, 1};
    if (n->kind == LINK ? symlink("nowhere", place(dir, number)) : mkdir(place(dir, number), 0700))
        wrong("make %s", place(dir, number));
}

static void look(const struct name *n, int number)
{
    struct stat st;
    if (lstat(place(n->dir, number), &st) < 0)
        wrong("stat %s", place(n->dir, number));
    mode_t type = n->kind == FILE_ ? S_IFREG : n->kind == LINK ? S_IFLNK : S_IFDIR;
    if ((st.st_mode & S_IFMT) != type || (n->kind == FILE_ && st.st_size != n->size))
        wrong("%s is not what it was: mode %o, size %ld", place(n->dir, number), st.st_mode,
              (long) st.st_size);
    if (!access(place((n->dir + 1) % DIRS, number), F_OK))
        wrong("%s is there", place((n->dir + 1) % DIRS, number));
}

static void move(struct name *n, int number)
{
    int dir = (int) (next() % DIRS);
    if (rename(place(n->dir, number), place(dir, number)) < 0)
        wrong("rename %s to %s", place(n->dir, number), place(dir, number));
    n->dir = dir;
}

/* A file over another one of this process. */
static void replace(struct name *n, int number, struct name *over, int other)
{
    if (n->kind != FILE_ || over->kind != FILE_ || n == over) {
        look(n, number);
        return;
    }
    if (rename(place(n->dir, number), place(over->dir, other)) < 0)
        wrong("rename %s to %s", place(n->dir, number), place(over->dir, other));
    over->size = n->size;
    n->kind = NOTHING;
}

static void change(struct name *n, int number)
{
    if (n->kind != FILE_)
        return;
    n->size = (int) (next() % 20000);
    if (truncate(place(n->dir, number), n->size) < 0)
        wrong("truncate %s", place(n->dir, number));
}

static void destroy(struct name *n, int number)
{
    const char *path = place(n->dir, number);
    if (n->kind == DIRECTORY ? rmdir(path) : unlink(path))
        wrong("remove %s", path);
    n->kind = NOTHING;
}

/* Names everybody uses: any outcome that Linux allows, and no other. */
static void quarrel(void)
{
    char a[32], b[32];
    snprintf(a, sizeof(a), "d%u/s%u", next() % DIRS, next() % SHARED);
    snprintf(b, sizeof(b), "d%u/s%u", next() % DIRS, next() % SHARED);
    struct stat st;
    int fd, r = 0;
    switch (next() % 5) {
    case 0:
        fd = open(a, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
        r = fd < 0 ? -1 : close(fd);
        break;
    case 1:
        r = rename(a, b);
        break;
    case 2:
        r = link(a, b);
        break;
    case 3:
        r = unlink(a);
        break;
    default:
        r = stat(a, &st);
    }
    if (r < 0 && errno != ENOENT && errno != EEXIST)
        wrong("quarrel about %s and %s", a, b);
}

static void steps(int round)
{
    struct name names[NAMES] = {0};
    seed = (uint32_t) (round * PROCESSES + self) * 2654435761u;
    for (int i = 0; i < STEPS; i++) {
        int number = (int) (next() % NAMES), other = (int) (next() % NAMES);
        struct name *n = &names[number];
        if (i % 8 == 0)
            quarrel();
        if (n->kind == NOTHING) {
            next() % 4 ? create(n, number) : make_other(n, number);
            continue;
        }
        switch (next() % 6) {
        case 0:
            move(n, number);
            break;
        case 1:
            replace(n, number, &names[other], other);
            break;
        case 2:
            change(n, number);
            break;
        case 3:
            destroy(n, number);
            break;
        default:
            look(n, number);
        }
    }
    /* The next round begins with none of these; a few stay, under another name. */
    for (int number = 0; number < NAMES; number++) {
        char kept[64];
        snprintf(kept, sizeof(kept), "kept/p%d-%d", self, number);
        if (names[number].kind == FILE_ && number % 4 == round % 4) {
            if (rename(place(names[number].dir, number), kept) < 0)
                wrong("keep %s", kept);
        } else if (names[number].kind != NOTHING) {
            destroy(&names[number], number);
        }
    }
}

static int one_round(int round)
{
    int failed = 0, status;
    for (self = 0; self < PROCESSES; self++)
        if (fork() == 0) {
            steps(round);
            exit(0);
        }
    while (wait(&status) > 0)
        failed |= status != 0;
    for (int i = 0; i < DIRS * SHARED; i++) {
        char name[32];
        snprintf(name, sizeof(name), "d%d/s%d", i / SHARED, i % SHARED);
        unlink(name);
    }
    return failed;
}

int main(int argc, char **argv)
{
    if (argc != 3 || chdir(argv[1]) < 0)
        return 2;
    const char *limit = argv[2];
    int rounds = *limit == '=' ? atoi(limit + 1) : 0, done = 0, failed = 0;
    time_t end = time(NULL) + (rounds ? 0 : atoi(limit));
    umask(0);
    mkdir("kept", 0755);
    for (int i = 0; i < DIRS; i++) {
        char name[16];
        snprintf(name, sizeof(name), "d%d", i);
        mkdir(name, 0755);
    }
    while (!failed && (rounds ? done < rounds : time(NULL) < end)) {
        failed = one_round(done++);
        if (done == 1 || done % 50 == 0) {
            printf("round %d\n", done);
            fflush(stdout);
        }
    }
    printf("rounds %d\n", done);
    return failed;
}
