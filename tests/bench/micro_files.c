/* SPDX-License-Identifier: Apache-2.0 */
/* Operations on files: see micro.h. All of them below one directory of our own, made when needed.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "micro.h"

#define PAGE   4096
#define PIECE  (128u << 10)
#define BIG    (256u << 20)
#define N_MANY 1000

static char top[] = "/tmp/micro-XXXXXX";
static int top_fd = -1, many_fd = -1, small_fd = -1, big_fd = -1;
static char buf[PIECE];

static void make_top(void)
{
    if (top_fd >= 0)
        return;
    need(mkdtemp(top) != NULL, "mkdtemp");
    top_fd = open(top, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    need(top_fd >= 0 && chdir(top) == 0, top);
}

static void make_small(void)
{
    make_top();
    if (small_fd >= 0)
        return;
    small_fd = open("small", O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    need(small_fd >= 0 && write(small_fd, buf, PAGE) == PAGE, "small");
}

static void make_many(void)
{
    char name[32];
    make_top();
    need(mkdir("many", 0755) == 0 || errno == EEXIST, "many");
    many_fd = open("many", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    need(many_fd >= 0, "many");
    for (int i = 0; i < N_MANY; i++) {
        snprintf(name, sizeof(name), "file-%d", i);
        need(mknodat(many_fd, name, S_IFREG | 0644, 0) == 0 || errno == EEXIST, name);
    }
}

static void make_big(void)
{
    make_top();
    if (big_fd >= 0)
        return;
    big_fd = open("big", O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    need(big_fd >= 0, "big");
    for (size_t i = 0; i < BIG; i += PIECE)
        need(write(big_fd, buf, PIECE) == PIECE, "big");
}

static void do_stat(void)
{
    struct stat st;
    need(stat(self, &st) == 0, "stat");
}

static void do_stat_at(void)
{
    struct stat st;
    need(fstatat(top_fd, "small", &st, AT_SYMLINK_NOFOLLOW) == 0, "fstatat");
}

static void do_stat_enoent(void)
{
    struct stat st;
    need(stat("/bin/not-there", &st) < 0 && errno == ENOENT, "stat");
}

static void do_fstat(void)
{
    struct stat st;
    need(fstat(small_fd, &st) == 0, "fstat");
}

static void do_open(void)
{
    int fd = open(self, O_RDONLY);
    need(fd >= 0, "open");
    close(fd);
}

static void do_getdents(void)
{
    DIR *d = fdopendir(openat(top_fd, "many", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    int n = 0;
    need(d != NULL, "opendir");
    while (readdir(d))
        n++;
    closedir(d);
    need(n == N_MANY + 2, "readdir");
}

static void do_create(void)
{
    int fd = open("made", O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
    need(fd >= 0 && close(fd) == 0 && unlink("made") == 0, "create");
}

static void do_mkdir(void)
{
    need(mkdir("dir", 0755) == 0 && rmdir("dir") == 0, "mkdir");
}

/* There and back: half of it is one. */
static void do_rename(void)
{
    static int there;
    need(there ? rename("there", "small") == 0 : rename("small", "there") == 0, "rename");
    there = !there;
}

static void do_lseek(void)
{
    need(lseek(small_fd, 0, SEEK_SET) == 0, "lseek");
}

static void do_pread(void)
{
    need(pread(small_fd, buf, PAGE, 0) == PAGE, "pread");
}

static void do_pwrite(void)
{
    need(pwrite(small_fd, buf, PAGE, 0) == PAGE, "pwrite");
}

static void do_read_big(void)
{
    need(lseek(big_fd, 0, SEEK_SET) == 0, "lseek");
    for (size_t i = 0; i < BIG; i += PIECE)
        need(read(big_fd, buf, PIECE) == PIECE, "read");
}

static void do_write_big(void)
{
    need(lseek(big_fd, 0, SEEK_SET) == 0, "lseek");
    for (size_t i = 0; i < BIG; i += PIECE)
        need(write(big_fd, buf, PIECE) == PIECE, "write");
}

const struct bench file_benches[] = {
    {"stat", do_stat, NULL},
    {"stat_at", do_stat_at, make_small},
    {"stat_enoent", do_stat_enoent, NULL},
    {"fstat", do_fstat, make_small},
    {"open_close", do_open, NULL},
    {"getdents_1000", do_getdents, make_many},
    {"create_unlink", do_create, make_top},
    {"mkdir_rmdir", do_mkdir, make_top},
    {"lseek", do_lseek, make_small},
    {"pread_4k", do_pread, make_small},
    {"pwrite_4k", do_pwrite, make_small},
    {"read_256m", do_read_big, make_big},
    {"write_256m", do_write_big, make_big},
    {"rename", do_rename, make_small}, /* the last: nobody needs the name after it */
};
const size_t n_file_benches = sizeof(file_benches) / sizeof(file_benches[0]);

void files_end(void)
{
    char name[32];
    if (top_fd < 0)
        return;
    if (many_fd >= 0)
        for (int i = 0; i < N_MANY; i++) {
            snprintf(name, sizeof(name), "file-%d", i);
            unlinkat(many_fd, name, 0);
        }
    unlink("small");
    unlink("there");
    unlink("big");
    rmdir("many");
    (void) !chdir("/");
    rmdir(top);
}
