/* SPDX-License-Identifier: Apache-2.0 */
/* What the flags of a mount forbid, each to the errno: mount(2). */
#include "mounting.h"
#include <sys/time.h>
#include <sys/xattr.h>
#include <utime.h>

#ifndef ST_NOSYMFOLLOW
#define ST_NOSYMFOLLOW 0x2000
#endif
#ifndef MS_NOSYMFOLLOW
#define MS_NOSYMFOLLOW 256
#endif

/* m shows a with these flags. */
static void bound(unsigned long flags)
{
    need_admin();
    CHECK_EQ(mkdir("a", 0755), 0);
    CHECK_EQ(mkdir("a/d", 0755), 0);
    CHECK_EQ(mkdir("m", 0755), 0);
    put_file("a/f", "text", 0644);
    put_file("a/script", "#!/bin/true\n", 0755);
    CHECK_EQ(symlink("f", "a/l"), 0);
    CHECK_EQ(mkfifo("a/p", 0644), 0);
    bind_dir("a", "m");
    if (flags)
        CHECK_EQ(mount(NULL, "m", NULL, MS_REMOUNT | MS_BIND | flags, NULL), 0);
}

CASE(rdonly_names)
{
    bound(MS_RDONLY);
    CHECK_ERR(open("m/new", O_CREAT | O_WRONLY, 0644), EROFS);
    CHECK_ERR(mkdir("m/new", 0755), EROFS);
    CHECK_ERR(mkdir("m/d", 0755), EEXIST);
    CHECK_ERR(mknod("m/new", S_IFREG | 0644, 0), EROFS);
    CHECK_ERR(mkfifo("m/new", 0644), EROFS);
    CHECK_ERR(symlink("x", "m/new"), EROFS);
    CHECK_ERR(link("m/f", "m/new"), EROFS);
    CHECK_ERR(unlink("m/f"), EROFS);
    CHECK_ERR(unlink("m/none"), EROFS);
    CHECK_ERR(rmdir("m/none"), EROFS);
    CHECK_ERR(rename("m/none", "m/g"), EROFS);
    CHECK_ERR(rmdir("m/d"), EROFS);
    CHECK_ERR(rename("m/f", "m/g"), EROFS);
    CHECK_ERR(open("m", O_TMPFILE | O_WRONLY, 0600), EROFS);
    /* The other way in is as it was. */
    CHECK_EQ(rename("a/f", "a/g"), 0);
    CHECK_EQ(access("m/g", F_OK), 0);
}

CASE(rdonly_contents)
{
    bound(MS_RDONLY);
    CHECK_ERR(open("m/f", O_WRONLY), EROFS);
    CHECK_ERR(open("m/f", O_RDWR), EROFS);
    CHECK_ERR(open("m/f", O_RDONLY | O_TRUNC), EROFS);
    CHECK_ERR(open("m/f", O_WRONLY | O_CREAT, 0644), EROFS);
    CHECK_EQ(close((int) CHECK_OK(open("m/f", O_RDONLY | O_CREAT, 0644))), 0);
    CHECK_ERR(truncate("m/f", 0), EROFS);
    CHECK_ERR(access("m/f", W_OK), EROFS);
    CHECK_EQ(access("m/f", R_OK), 0);
    CHECK_ERR(access("m", W_OK), EROFS);
    /* A FIFO is no part of the file system's contents. */
    CHECK_EQ(access("m/p", W_OK), 0);
    CHECK_EQ(close((int) CHECK_OK(open("m/p", O_RDWR))), 0);
}

CASE(rdonly_attributes)
{
    struct timespec now[2] = {{0, UTIME_NOW}, {0, UTIME_NOW}};
    bound(MS_RDONLY);
    CHECK_ERR(chmod("m/f", 0600), EROFS);
    CHECK_ERR(chown("m/f", 0, 0), EROFS);
    CHECK_ERR(lchown("m/l", 0, 0), EROFS);
    CHECK_ERR(utimensat(AT_FDCWD, "m/f", now, 0), EROFS);
    CHECK_ERR(utimensat(AT_FDCWD, "m/l", now, AT_SYMLINK_NOFOLLOW), EROFS);
    CHECK_ERR(utime("m/f", NULL), EROFS);
    CHECK_ERR(setxattr("m/f", "user.x", "1", 1, 0), EROFS);
    CHECK_ERR(removexattr("m/f", "user.x"), EROFS);
    int fd = (int) CHECK_OK(open("m/f", O_RDONLY));
    CHECK_ERR(fchmod(fd, 0600), EROFS);
    CHECK_ERR(fchown(fd, 0, 0), EROFS);
    CHECK_ERR(futimens(fd, now), EROFS);
    CHECK_ERR(fsetxattr(fd, "user.x", "1", 1, 0), EROFS);
    CHECK_ERR(fremovexattr(fd, "user.x"), EROFS);
    close(fd);
}

CASE(rdonly_waits_for_writers)
{
    bound(0);
    int fd = (int) CHECK_OK(open("m/f", O_WRONLY));
    CHECK_ERR(mount(NULL, "m", NULL, MS_REMOUNT | MS_BIND | MS_RDONLY, NULL), EBUSY);
    close(fd);
    fd = (int) CHECK_OK(open("m/f", O_RDONLY));
    CHECK_EQ(mount(NULL, "m", NULL, MS_REMOUNT | MS_BIND | MS_RDONLY, NULL), 0);
    close(fd);
    CHECK_EQ(mount(NULL, "m", NULL, MS_REMOUNT | MS_BIND, NULL), 0);
    CHECK_EQ(close((int) CHECK_OK(open("m/f", O_WRONLY))), 0);
}

CASE(a_whole_file_system_is_read_only)
{
    need_admin();
    CHECK_EQ(mkdir("t", 0755), 0);
    CHECK_EQ(mkdir("m", 0755), 0);
    CHECK_EQ(mount("x", "t", "tmpfs", MS_RDONLY, NULL), 0);
    CHECK_ERR(mkdir("t/d", 0755), EROFS);
    /* Also where it is bound, and not marked itself. */
    bind_dir("t", "m");
    CHECK_EQ(mount(NULL, "m", NULL, MS_REMOUNT | MS_BIND, NULL), 0);
    CHECK_ERR(mkdir("m/d", 0755), EROFS);
    CHECK_EQ(mount(NULL, "t", NULL, MS_REMOUNT, NULL), 0);
    CHECK_EQ(mkdir("m/d", 0755), 0);
    int fd = (int) CHECK_OK(open("m/f", O_WRONLY | O_CREAT, 0644));
    CHECK_ERR(mount(NULL, "t", NULL, MS_REMOUNT | MS_RDONLY, NULL), EBUSY);
    close(fd);
    CHECK_EQ(mount(NULL, "t", NULL, MS_REMOUNT | MS_RDONLY, NULL), 0);
    CHECK_ERR(mkdir("m/e", 0755), EROFS);
}

CASE(remount_errors)
{
    bound(0);
    CHECK_ERR(mount(NULL, "m/d", NULL, MS_REMOUNT | MS_BIND | MS_RDONLY, NULL), EINVAL);
    CHECK_ERR(mount(NULL, "m/d", NULL, MS_REMOUNT, NULL), EINVAL);
    CHECK_ERR(mount(NULL, "none", NULL, MS_REMOUNT, NULL), ENOENT);
}

CASE(noexec_of_programs)
{
    bound(MS_NOEXEC);
    CHECK_ERR(execl("m/script", "script", NULL), EACCES);
    CHECK_ERR(access("m/script", X_OK), EACCES);
    CHECK_EQ(access("m/d", X_OK), 0);
    int fd = (int) CHECK_OK(open("m/script", O_RDONLY));
    CHECK_ERR(fexecve(fd, (char *[]){"x", NULL}, (char *[]){NULL}), EACCES);
    CHECK(mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE, fd, 0) == MAP_FAILED);
    CHECK_EQ(errno, EPERM);
    void *p = CHECK_MAP(mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, fd, 0));
    munmap(p, 4096);
    close(fd);
    pid_t child = fork();
    if (child == 0) {
        execl("a/script", "script", NULL);
        _exit(99);
    }
    CHECK_EXIT(child, 0);
}

CASE(nodev)
{
    need_admin();
    put_file("null", "", 0644);
    CHECK_EQ(mount("/dev/null", "null", NULL, MS_BIND, NULL), 0);
    CHECK_EQ(close((int) CHECK_OK(open("null", O_RDWR))), 0);
    CHECK_EQ(mount(NULL, "null", NULL, MS_REMOUNT | MS_BIND | MS_NODEV, NULL), 0);
    CHECK_ERR(open("null", O_RDWR), EACCES);
    CHECK_EQ(close((int) CHECK_OK(open("null", O_PATH))), 0);
    CHECK_EQ(umount("null"), 0);
}

/* Says who it is. */
int guest_mode(const char *mode, int argc UNUSED, char **argv UNUSED)
{
    if (strcmp(mode, "euid") == 0)
        return geteuid() == 0 ? 0 : 7;
    return 99;
}

static void copy_self(const char *to, mode_t mode)
{
    static char buf[1 << 16];
    ssize_t n;
    int in = (int) CHECK_OK(open(guest_self, O_RDONLY)), out;
    out = (int) CHECK_OK(open(to, O_WRONLY | O_CREAT, 0700));
    while ((n = read(in, buf, sizeof(buf))) > 0)
        CHECK_EQ(write(out, buf, (size_t) n), n);
    CHECK_EQ(fchmod(out, mode), 0);
    close(in);
    close(out);
}

static int run_as_nobody(const char *prog)
{
    int st;
    pid_t p = fork();
    if (p == 0) {
        if (setresuid(12345, 12345, 12345) < 0)
            _exit(55);
        execl(prog, prog, "--mode", "euid", NULL);
        _exit(98);
    }
    CHECK_EQ(waitpid(p, &st, 0), p);
    return WEXITSTATUS(st);
}

CASE(nosuid)
{
    need_admin();
    CHECK_EQ(mkdir("t", 0755), 0);
    CHECK_EQ(mount("x", "t", "tmpfs", 0, "mode=755"), 0);
    CHECK_EQ(chmod(".", 0755), 0);
    CHECK_EQ(chmod("..", 0755), 0);
    copy_self("t/prog", 04755);
    int got = run_as_nobody("t/prog");
    if (got == 55)
        SKIP("one id only");
    CHECK_EQ(got, 0);
    CHECK_EQ(mount(NULL, "t", NULL, MS_REMOUNT | MS_BIND | MS_NOSUID, NULL), 0);
    CHECK_EQ(run_as_nobody("t/prog"), 7);
    CHECK_EQ(umount("t"), 0);
}

CASE(nosymfollow)
{
    char text[16];
    struct stat st;
    bound(MS_NOSYMFOLLOW);
    CHECK_ERR(open("m/l", O_RDONLY), ELOOP);
    CHECK_ERR(stat("m/l", &st), ELOOP);
    CHECK_EQ(lstat("m/l", &st), 0);
    CHECK_EQ(readlink("m/l", text, sizeof(text)), 1);
    CHECK_EQ(symlink("d", "a/dl"), 0);
    CHECK_ERR(stat("m/dl/x", &st), ELOOP);
    CHECK_ERR(open("m/l", O_RDONLY | O_NOFOLLOW), ELOOP);
    CHECK_EQ(close((int) CHECK_OK(open("m/l", O_PATH | O_NOFOLLOW))), 0);
    CHECK_EQ(unlink("m/l"), 0);
    CHECK_EQ(stat("a/dl", &st), 0);
}

static void check_flags(const char *at, unsigned long want)
{
    struct statfs s;
    CHECK_EQ(statfs(at, &s), 0);
    CHECK_EQ(s.f_flags & ~(unsigned long) 0x20, want);
}

CASE(flags_are_shown)
{
    char line[4096];
    bound(MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_NOATIME | MS_NODIRATIME);
    check_flags("m", ST_RDONLY | ST_NOSUID | ST_NODEV | ST_NOEXEC | ST_NOATIME | ST_NODIRATIME);
    CHECK(mount_line(here("m"), line, sizeof(line)));
    CHECK(strstr(line, " ro,nosuid,nodev,noexec,noatime,nodiratime "));
    CHECK_EQ(mount(NULL, "m", NULL, MS_REMOUNT | MS_BIND | MS_RELATIME, NULL), 0);
    check_flags("m", ST_RELATIME);
    CHECK(mount_line(here("m"), line, sizeof(line)));
    CHECK(strstr(line, " rw,relatime "));
    CHECK_EQ(mount(NULL, "m", NULL, MS_REMOUNT | MS_BIND | MS_STRICTATIME, NULL), 0);
    check_flags("m", 0);
    CHECK(mount_line(here("m"), line, sizeof(line)));
    CHECK(strstr(line, " rw "));
    CHECK_EQ(mount(NULL, "m", NULL, MS_REMOUNT | MS_BIND | MS_NOSYMFOLLOW, NULL), 0);
    check_flags("m", ST_NOSYMFOLLOW); /* nothing said of times: they stay */
    CHECK(mount_line(here("m"), line, sizeof(line)));
    CHECK(strstr(line, " rw,nosymfollow "));
}

CASE(a_bind_begins_with_the_flags_of_its_source)
{
    bound(MS_NOEXEC | MS_NODEV | MS_NOATIME);
    CHECK_EQ(mkdir("n", 0755), 0);
    CHECK_EQ(mount("m", "n", NULL, MS_BIND | MS_RDONLY, NULL), 0);
    check_flags("n", ST_NOEXEC | ST_NODEV | ST_NOATIME);
    CHECK_EQ(mount("a", "n", NULL, MS_BIND | MS_NOSUID, NULL), 0);
    struct statfs s;
    CHECK_EQ(statfs("n", &s), 0);
    CHECK(!(s.f_flags & ST_NOEXEC));
}

CASE(noatime)
{
    struct timespec old[2] = {{1000, 0}, {2000, 0}};
    struct stat st;
    char c;
    bound(MS_NOATIME);
    CHECK_EQ(utimensat(AT_FDCWD, "a/f", old, 0), 0);
    int fd = (int) CHECK_OK(open("m/f", O_RDONLY));
    CHECK_EQ(read(fd, &c, 1), 1);
    CHECK_EQ(fcntl(fd, F_GETFL) & O_NOATIME, 0);
    close(fd);
    CHECK_EQ(stat("m/f", &st), 0);
    CHECK_EQ(st.st_atime, 1000);
    fd = (int) CHECK_OK(open("a/f", O_RDONLY)); /* relatime: it is older than mtime */
    CHECK_EQ(read(fd, &c, 1), 1);
    close(fd);
    CHECK_EQ(stat("m/f", &st), 0);
    CHECK(st.st_atime > 2000);
}

CASE(no_xdev_of_a_bind)
{
    struct {
        uint64_t flags, mode, resolve;
    } how = {O_RDONLY, 0, 1 /* RESOLVE_NO_XDEV */};
    bound(0);
    CHECK_ERR(syscall(SYS_openat2, AT_FDCWD, "m/f", &how, sizeof(how)), EXDEV);
    CHECK_ERR(syscall(SYS_openat2, AT_FDCWD, "m/../a/f", &how, sizeof(how)), EXDEV);
    int dir = (int) CHECK_OK(open("m", O_PATH));
    CHECK_OK(syscall(SYS_openat2, dir, "d/../f", &how, sizeof(how)));
    CHECK_ERR(syscall(SYS_openat2, dir, "../a/f", &how, sizeof(how)), EXDEV);
    how.resolve = 8; /* RESOLVE_BENEATH: a mount below is beneath */
    CHECK_OK(syscall(SYS_openat2, AT_FDCWD, "m/f", &how, sizeof(how)));
    CHECK_OK(syscall(SYS_openat2, AT_FDCWD, "m/../a/f", &how, sizeof(how)));
    CHECK_ERR(syscall(SYS_openat2, dir, "../m/f", &how, sizeof(how)), EXDEV);
    how.resolve = 16; /* RESOLVE_IN_ROOT */
    CHECK_OK(syscall(SYS_openat2, dir, "../../f", &how, sizeof(how)));
}

GUEST_MAIN
