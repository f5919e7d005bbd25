/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A file stays the one that was opened, whatever becomes of its name: proc(5), /proc/PID/fd;
 * open(2), O_PATH; unlink(2); rename(2).
 */
#include "guest.h"
#include <pthread.h>

static const char *proc_fd(int fd)
{
    static char path[64];
    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    return path;
}

static int make(const char *name, const char *text)
{
    put_file(name, text, 0644);
    return (int) CHECK_OK(open(name, O_RDWR | O_CLOEXEC));
}

static void holds(int fd, const char *text)
{
    char buf[32] = {0};
    CHECK(fd >= 0);
    CHECK_EQ(pread(fd, buf, sizeof(buf) - 1, 0), (ssize_t) strlen(text));
    CHECK(strcmp(buf, text) == 0);
}

static ino_t ino_of(int fd)
{
    struct stat st;
    CHECK_EQ(fstat(fd, &st), 0);
    return st.st_ino;
}

CASE(renamed_while_open)
{
    int fd = make("a", "one");
    CHECK_EQ(rename("a", "b"), 0);
    put_file("a", "two", 0644);
    int again = (int) CHECK_OK(open(proc_fd(fd), O_RDONLY));
    CHECK_EQ(ino_of(again), ino_of(fd));
    holds(again, "one");
    close(again);
    CHECK_EQ(chmod(proc_fd(fd), 0600), 0);
    struct stat st;
    CHECK_EQ(stat("b", &st), 0);
    CHECK_EQ(st.st_mode, S_IFREG | 0600);
    CHECK_EQ(stat("a", &st), 0);
    CHECK_EQ(st.st_mode, S_IFREG | 0644);
}

CASE(unlinked_while_open)
{
    int fd = make("a", "one");
    CHECK_EQ(unlink("a"), 0);
    put_file("a", "two", 0644);
    int again = (int) CHECK_OK(open(proc_fd(fd), O_RDWR));
    holds(again, "one");
    struct stat st;
    CHECK_EQ(fstat(again, &st), 0);
    CHECK_EQ(st.st_nlink, 0);
    CHECK_EQ(stat(proc_fd(fd), &st), 0);
    CHECK_EQ(st.st_nlink, 0);
    CHECK_EQ(st.st_ino, ino_of(fd));
    CHECK_EQ(truncate(proc_fd(fd), 1), 0);
    holds(fd, "o");
    holds((int) CHECK_OK(open("a", O_RDONLY)), "two");
}

/* What was reached through a descriptor outlives it. */
CASE(place_outlives_file)
{
    int fd = make("a", "one");
    ino_t ino = ino_of(fd);
    int place = (int) CHECK_OK(open(proc_fd(fd), O_PATH));
    CHECK_EQ(unlink("a"), 0);
    close(fd);
    CHECK_EQ(ino_of(place), ino);
    int again = (int) CHECK_OK(open(proc_fd(place), O_RDONLY));
    holds(again, "one");
}

CASE(place_outlives_created_file)
{
    int fd = (int) CHECK_OK(open("a", O_RDWR | O_CREAT | O_EXCL, 0644));
    CHECK_EQ(write(fd, "one", 3), 3);
    int place = (int) CHECK_OK(open(proc_fd(fd), O_PATH));
    CHECK_EQ(rename("a", "b"), 0);
    close(fd);
    CHECK_EQ(unlink("b"), 0);
    holds((int) CHECK_OK(open(proc_fd(place), O_RDONLY)), "one");
}

CASE(many_openings_of_one)
{
    int fd[8];
    put_file("a", "one", 0644);
    for (int i = 0; i < 8; i++)
        fd[i] = (int) CHECK_OK(open("a", i % 2 ? O_RDONLY : O_RDWR));
    CHECK_EQ(rename("a", "b"), 0);
    for (int i = 0; i < 7; i++) {
        close(fd[i]);
        holds((int) CHECK_OK(open(proc_fd(fd[7]), O_RDONLY)), "one");
        holds((int) CHECK_OK(open("b", O_RDONLY)), "one");
    }
    CHECK_ERR(open("a", O_RDONLY), ENOENT);
}

CASE(replaced_by_rename)
{
    int fd = make("a", "one");
    put_file("b", "two", 0644);
    ino_t b = ino_of((int) CHECK_OK(open("b", O_RDONLY)));
    CHECK_EQ(rename("b", "a"), 0);
    int again = (int) CHECK_OK(open("a", O_RDONLY));
    holds(again, "two");
    CHECK_EQ(ino_of(again), b);
    holds(fd, "one");
    CHECK_ERR(open("b", O_RDONLY), ENOENT);
    CHECK_EQ(renameat2(AT_FDCWD, "a", AT_FDCWD, "b", RENAME_NOREPLACE), 0);
    holds((int) CHECK_OK(open("b", O_RDONLY)), "two");
}

CASE(exchanged_names)
{
    int a = make("a", "one"), b = make("b", "two");
    CHECK_EQ(renameat2(AT_FDCWD, "a", AT_FDCWD, "b", RENAME_EXCHANGE), 0);
    int now_a = (int) CHECK_OK(open("a", O_RDONLY)), now_b = (int) CHECK_OK(open("b", O_RDONLY));
    CHECK_EQ(ino_of(now_a), ino_of(b));
    CHECK_EQ(ino_of(now_b), ino_of(a));
    holds((int) CHECK_OK(open(proc_fd(a), O_RDONLY)), "one");
}

CASE(directory_renamed_while_open)
{
    CHECK_EQ(mkdir("d", 0755), 0);
    put_file("d/f", "one", 0644);
    int fd = (int) CHECK_OK(open("d", O_RDONLY | O_DIRECTORY));
    CHECK_EQ(rename("d", "e"), 0);
    CHECK_EQ(mkdir("d", 0755), 0);
    put_file("d/f", "two", 0644);
    holds((int) CHECK_OK(openat(fd, "f", O_RDONLY)), "one");
    int made = (int) CHECK_OK(openat(fd, "g", O_CREAT | O_WRONLY, 0644));
    struct stat st;
    CHECK_EQ(stat("e/g", &st), 0);
    CHECK_EQ(st.st_ino, ino_of(made));
    CHECK_ERR(stat("d/g", &st), ENOENT);
    CHECK_EQ(unlinkat(fd, "f", 0), 0);
    CHECK_ERR(stat("e/f", &st), ENOENT);
    CHECK_EQ(stat("d/f", &st), 0);
}

CASE(directory_outlives_descriptor)
{
    CHECK_EQ(mkdir("d", 0755), 0);
    put_file("d/f", "one", 0644);
    int fd = (int) CHECK_OK(open("d", O_RDONLY | O_DIRECTORY));
    CHECK_EQ(fchdir(fd), 0);
    close(fd);
    CHECK_EQ(rename("../d", "../e"), 0);
    holds((int) CHECK_OK(open("f", O_RDONLY)), "one");
    CHECK_EQ(unlink("f"), 0);
    CHECK_EQ(rmdir("../e"), 0);
    CHECK_ERR(open("f", O_RDONLY | O_CREAT, 0644), ENOENT);
}

CASE(links_to_what_is_open)
{
    int fd = make("a", "one");
    CHECK_EQ(rename("a", "b"), 0);
    CHECK_EQ(linkat(AT_FDCWD, proc_fd(fd), AT_FDCWD, "c", AT_SYMLINK_FOLLOW), 0);
    holds((int) CHECK_OK(open("c", O_RDONLY)), "one");
    struct stat st;
    CHECK_EQ(fstat(fd, &st), 0);
    CHECK_EQ(st.st_nlink, 2);
}

CASE(what_cannot_be_opened_that_way)
{
    CHECK_EQ(mkdir("d", 0755), 0);
    put_file("f", "x", 0644);
    CHECK_EQ(symlink("f", "l"), 0);
    CHECK_EQ(symlink("none", "dangling"), 0);
    CHECK_EQ(symlink("loop", "loop"), 0);
    CHECK_ERR(open("d", O_RDWR), EISDIR);
    CHECK_ERR(open("d", O_RDONLY | O_CREAT, 0644), EISDIR);
    CHECK_ERR(open("d", O_RDONLY | O_TRUNC), EISDIR);
    CHECK_ERR(open("f", O_RDONLY | O_DIRECTORY), ENOTDIR);
    CHECK_ERR(open("f/", O_RDONLY), ENOTDIR);
    CHECK_ERR(open("f/x", O_RDONLY), ENOTDIR);
    CHECK_ERR(open("l", O_RDONLY | O_NOFOLLOW), ELOOP);
    CHECK_ERR(open("loop", O_RDONLY), ELOOP);
    CHECK_ERR(open("dangling", O_RDONLY), ENOENT);
    CHECK_ERR(open("dangling", O_WRONLY | O_CREAT | O_EXCL, 0644), EEXIST);
    CHECK_ERR(open("none/f", O_RDONLY), ENOENT);
    CHECK_ERR(open("", O_RDONLY), ENOENT);
    CHECK_OK(open("l", O_RDONLY));
    CHECK_OK(open("d/", O_RDONLY));
    CHECK_OK(open("dangling", O_WRONLY | O_CREAT, 0644));
    struct stat st;
    CHECK_EQ(stat("none", &st), 0);
}

static void *churn(void *arg)
{
    char name[16];
    for (int i = 0; i < 2000; i++) {
        snprintf(name, sizeof(name), "t%d", *(int *) arg);
        int fd = open(name, O_RDWR | O_CREAT | O_TRUNC, 0644);
        if (fd < 0 || write(fd, name, 2) != 2 || rename(name, "shared") < 0)
            return arg;
        char buf[4] = {0};
        if (pread(fd, buf, 3, 0) != 2 || memcmp(buf, name, 2) != 0)
            return arg;
        close(fd);
        fd = open("shared", O_RDONLY);
        if (fd < 0 && errno != ENOENT)
            return arg;
        /* A whole file, whichever it is. */
        if (fd >= 0 && (pread(fd, buf, 3, 0) != 2 || buf[0] != 't'))
            return arg;
        close(fd);
        if (i % 3 == 0 && unlink("shared") < 0 && errno != ENOENT)
            return arg;
    }
    return NULL;
}

CASE(names_that_change_hands)
{
    pthread_t t[4];
    int n[4];
    void *bad;
    for (int i = 0; i < 4; i++) {
        n[i] = i;
        CHECK_EQ(pthread_create(&t[i], NULL, churn, &n[i]), 0);
    }
    for (int i = 0; i < 4; i++) {
        CHECK_EQ(pthread_join(t[i], &bad), 0);
        CHECK(bad == NULL);
    }
}

GUEST_MAIN
