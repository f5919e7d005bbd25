/* SPDX-License-Identifier: Apache-2.0 */
/* getdents64(2) and what libraries make of it: positions that stay, buffers, removed directories.
 */
#include "guest.h"
#include <dirent.h>

struct entry {
    uint64_t ino;
    int64_t off;
    uint16_t len;
    uint8_t type;
    char name[];
};

static ssize_t list(int fd, void *buf, size_t n)
{
    return syscall(SYS_getdents64, fd, buf, n);
}

static void fill(const char *dir, int n)
{
    char name[64];
    CHECK_EQ(mkdir(dir, 0755), 0);
    for (int i = 0; i < n; i++) {
        snprintf(name, sizeof(name), "%s/file-%04d", dir, i);
        put_file(name, "", 0600);
    }
}

CASE(small_buffers)
{
    char buf[64];
    fill("d", 3);
    int fd = (int) CHECK_OK(open("d", O_RDONLY | O_DIRECTORY)), n = 0;
    CHECK_ERR(list(fd, buf, 0), EINVAL);
    CHECK_ERR(list(fd, buf, 10), EINVAL);
    CHECK_ERR(list(fd, buf, 23), EINVAL);
    for (ssize_t r; (r = CHECK_OK(list(fd, buf, 32))) > 0; n++) {
        const struct entry *e = (const void *) buf;
        CHECK_EQ(e->len, r); /* one at a time */
    }
    CHECK_EQ(n, 5);
    CHECK_EQ(list(fd, buf, 32), 0);
    CHECK_EQ(list(fd, buf, 0), 0);
}

CASE(errors)
{
    char buf[1024];
    int fd = (int) CHECK_OK(open("f", O_CREAT | O_RDWR, 0600)), p[2];
    CHECK_EQ(pipe(p), 0);
    CHECK_ERR(list(fd, buf, sizeof(buf)), ENOTDIR);
    CHECK_ERR(list(p[0], buf, sizeof(buf)), ENOTDIR);
    CHECK_ERR(list(999, buf, sizeof(buf)), EBADF);
}

CASE(removed_directory)
{
    char buf[1024];
    CHECK_EQ(mkdir("d", 0755), 0);
    int fd = (int) CHECK_OK(open("d", O_RDONLY | O_DIRECTORY));
    CHECK_OK(list(fd, buf, sizeof(buf)));
    CHECK_EQ(rmdir("d"), 0);
    CHECK_ERR(list(fd, buf, sizeof(buf)), ENOENT);
    CHECK_EQ(lseek(fd, 0, SEEK_SET), 0);
    CHECK_ERR(list(fd, buf, sizeof(buf)), ENOENT);
    CHECK_ERR(openat(fd, "x", O_CREAT | O_RDWR, 0600), ENOENT);
}

CASE(positions_are_kept)
{
    fill("d", 200);
    DIR *d = opendir("d");
    CHECK(d != NULL);
    char names[3][256];
    long at[3];
    for (int i = 0; i < 150; i++) {
        struct dirent *e = readdir(d);
        CHECK(e != NULL);
        if (i % 50 == 49) {
            at[i / 50] = telldir(d);
            e = readdir(d);
            snprintf(names[i / 50], 256, "%s", e->d_name);
            seekdir(d, at[i / 50]);
        }
    }
    for (int i = 2; i >= 0; i--) {
        seekdir(d, at[i]);
        CHECK_EQ(telldir(d), at[i]);
        CHECK_STR(readdir(d)->d_name, names[i]);
    }
    /* Another opening knows them, too. */
    DIR *o = opendir("d");
    seekdir(o, at[1]);
    CHECK_STR(readdir(o)->d_name, names[1]);
    rewinddir(d);
    int n = 0;
    while (readdir(d))
        n++;
    CHECK_EQ(n, 202);
}

CASE(changes_while_listing)
{
    char name[64];
    bool seen[300] = {false};
    fill("d", 200);
    DIR *d = opendir("d");
    struct dirent *e;
    int k = 200, n = 0;
    while ((e = readdir(d))) {
        int i;
        if (sscanf(e->d_name, "file-%d", &i) != 1)
            continue;
        CHECK(i < 300);
        CHECK(!seen[i]);
        seen[i] = true;
        n++;
        if (i < 200 && k < 260) { /* one goes, one comes */
            CHECK_EQ(unlinkat(dirfd(d), e->d_name, 0), 0);
            snprintf(name, sizeof(name), "d/file-%04d", k++);
            put_file(name, "", 0600);
        }
    }
    for (int i = 0; i < 200; i++)
        CHECK(seen[i]);
}

CASE(remove_all_while_listing)
{
    fill("d", 500);
    DIR *d = opendir("d");
    struct dirent *e;
    while ((e = readdir(d)))
        if (e->d_name[0] != '.')
            CHECK_EQ(unlinkat(dirfd(d), e->d_name, 0), 0);
    closedir(d);
    CHECK_EQ(rmdir("d"), 0);
}

CASE(shared_position)
{
    char buf[64];
    fill("d", 3);
    int fd = (int) CHECK_OK(open("d", O_RDONLY | O_DIRECTORY)), other = dup(fd);
    CHECK_OK(list(fd, buf, 32));
    CHECK_OK(list(other, buf, 32));
    off_t at = lseek(fd, 0, SEEK_CUR);
    CHECK_EQ(lseek(other, 0, SEEK_CUR), at);
    pid_t pid = fork();
    if (pid == 0) {
        CHECK_OK(list(fd, buf, 32));
        _exit(0);
    }
    CHECK_EXIT(pid, 0);
    CHECK(lseek(fd, 0, SEEK_CUR) != at);
}

CASE(kinds_of_entries)
{
    int kinds = 0;
    CHECK_EQ(mkdir("d", 0755), 0);
    put_file("d/reg", "", 0600);
    CHECK_EQ(mkdir("d/dir", 0755), 0);
    CHECK_EQ(symlink("x", "d/lnk"), 0);
    CHECK_EQ(mkfifo("d/fifo", 0600), 0);
    DIR *d = opendir("d");
    for (struct dirent *e; (e = readdir(d));) {
        struct stat st;
        CHECK_EQ(fstatat(dirfd(d), e->d_name, &st, AT_SYMLINK_NOFOLLOW), 0);
        if (strcmp(e->d_name, "..") != 0)
            CHECK_EQ(e->d_ino, st.st_ino);
        CHECK_EQ(e->d_type, (st.st_mode & S_IFMT) >> 12);
        kinds++;
    }
    CHECK_EQ(kinds, 6);
}

CASE(old_form)
{
    char buf[1024];
    fill("d", 2);
    int fd = (int) CHECK_OK(open("d", O_RDONLY | O_DIRECTORY));
    ssize_t n = CHECK_OK(syscall(SYS_getdents, fd, buf, sizeof(buf)));
    int seen = 0;
    for (ssize_t at = 0; at < n;) {
        uint16_t len;
        memcpy(&len, buf + at + 16, 2);
        uint8_t type = (uint8_t) buf[at + len - 1];
        CHECK(type == DT_DIR || type == DT_REG);
        seen++;
        at += len;
    }
    CHECK_EQ(seen, 4);
}

GUEST_MAIN
