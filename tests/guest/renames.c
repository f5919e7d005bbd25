/* SPDX-License-Identifier: Apache-2.0 */
/* rename(2), renameat2(2), link(2), unlink(2), rmdir(2): all that may not be. */
#include "guest.h"
#include <dirent.h>
#include <sys/sysmacros.h>

#ifndef RENAME_WHITEOUT
#define RENAME_WHITEOUT 4
#endif

static int rename2(const char *from, const char *to, unsigned flags)
{
    return (int) syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, flags);
}

static ino_t number(const char *name)
{
    struct stat st;
    CHECK_EQ(lstat(name, &st), 0);
    return st.st_ino;
}

static nlink_t links(const char *name)
{
    struct stat st;
    CHECK_EQ(lstat(name, &st), 0);
    return st.st_nlink;
}

static void become(uid_t uid)
{
    CHECK_EQ(setgid(uid), 0);
    CHECK_EQ(setuid(uid), 0);
}

CASE(whiteout)
{
    struct stat st;
    put_file("f", "x", 0600);
    put_file("g", "y", 0600);
    ino_t ino = number("f");
    CHECK_EQ(rename2("f", "g", RENAME_WHITEOUT), 0);
    CHECK_EQ(number("g"), ino);
    CHECK_EQ(lstat("f", &st), 0);
    CHECK_EQ(st.st_mode & S_IFMT, S_IFCHR);
    CHECK_EQ(st.st_rdev, makedev(0, 0));
    CHECK_EQ(rename2("g", "h", RENAME_WHITEOUT | RENAME_NOREPLACE), 0);
    CHECK_EQ(lstat("g", &st), 0);
    CHECK_EQ(st.st_mode & S_IFMT, S_IFCHR);
    CHECK_ERR(rename2("h", "g", RENAME_WHITEOUT | RENAME_NOREPLACE), EEXIST);
    CHECK_ERR(rename2("h", "g", RENAME_WHITEOUT | RENAME_EXCHANGE), EINVAL);
    CHECK_EQ(unlink("f"), 0);
    CHECK_EQ(unlink("g"), 0);
    CHECK_EQ(mkdir("d", 0755), 0);
    CHECK_EQ(rename2("d", "e", RENAME_WHITEOUT), 0);
    CHECK_EQ(lstat("d", &st), 0);
    CHECK_EQ(st.st_mode & S_IFMT, S_IFCHR);
}

CASE(whiteout_takes_no_device_right)
{
    struct stat st;
    CHECK_EQ(mkdir("d", 0777), 0);
    CHECK_EQ(chmod("d", 0777), 0);
    CHECK_EQ(chmod(".", 0755), 0);
    become(1000);
    CHECK_ERR(mknod("d/x", S_IFCHR | 0600, makedev(1, 3)), EPERM);
    put_file("d/f", "x", 0600);
    CHECK_EQ(rename2("d/f", "d/g", RENAME_WHITEOUT), 0);
    CHECK_EQ(lstat("d/f", &st), 0);
    CHECK_EQ(st.st_mode & S_IFMT, S_IFCHR);
}

CASE(flags)
{
    put_file("f", "x", 0600);
    put_file("g", "y", 0600);
    CHECK_ERR(rename2("f", "g", RENAME_NOREPLACE), EEXIST);
    CHECK_ERR(rename2("f", "f", RENAME_NOREPLACE), EEXIST);
    CHECK_ERR(rename2("f", "g", RENAME_NOREPLACE | RENAME_EXCHANGE), EINVAL);
    CHECK_ERR(rename2("f", "g", 0x100), EINVAL);
    CHECK_ERR(rename2("f", "missing", RENAME_EXCHANGE), ENOENT);
    CHECK_EQ(rename2("f", "f", RENAME_EXCHANGE), 0);
    CHECK_EQ(rename2("f", "new", RENAME_NOREPLACE), 0);
    CHECK_ERR(rename2("missing", "x", RENAME_NOREPLACE), ENOENT);
}

CASE(exchange_of_kinds)
{
    put_file("f", "x", 0600);
    CHECK_EQ(mkdir("d", 0755), 0);
    CHECK_EQ(mkdir("d/sub", 0755), 0);
    ino_t f = number("f"), d = number("d");
    CHECK_EQ(rename2("f", "d", RENAME_EXCHANGE), 0);
    CHECK_EQ(number("d"), f);
    CHECK_EQ(number("f"), d);
    CHECK_EQ(access("f/sub", F_OK), 0);
    CHECK_ERR(rename2("f", "f/sub", RENAME_EXCHANGE), EINVAL);
    CHECK_ERR(rename2("f/sub", "f", RENAME_EXCHANGE), EINVAL);
}

CASE(into_itself)
{
    CHECK_EQ(mkdir("d", 0755), 0);
    CHECK_EQ(mkdir("d/e", 0755), 0);
    CHECK_ERR(rename("d", "d/e/x"), EINVAL);
    CHECK_ERR(rename("d", "d/x"), EINVAL);
    CHECK_ERR(rename("d", "d/e"), EINVAL);
    CHECK_ERR(rename("d/e", "d"), ENOTEMPTY);
    CHECK_EQ(rename("d", "d"), 0);
    CHECK_EQ(rename("d/e", "d/e/"), 0);
}

CASE(dots_and_roots)
{
    CHECK_EQ(mkdir("d", 0755), 0);
    CHECK_ERR(rename(".", "x"), EBUSY);
    CHECK_ERR(rename("d/..", "x"), EBUSY);
    CHECK_ERR(rename("d/.", "x"), EBUSY);
    CHECK_ERR(rename("d", "."), EBUSY);
    CHECK_ERR(rename("d", ".."), EBUSY);
    CHECK_ERR(rename("/", "x"), EXDEV);
    CHECK_ERR(rename("d", "/proc/x"), EXDEV);
    CHECK_ERR(rename("", "x"), ENOENT);
    CHECK_ERR(rename("d", ""), ENOENT);
}

CASE(kinds_that_do_not_fit)
{
    put_file("f", "", 0600);
    CHECK_EQ(mkdir("d", 0755), 0);
    CHECK_EQ(mkdir("full", 0755), 0);
    put_file("full/x", "", 0600);
    CHECK_EQ(symlink("f", "ln"), 0);
    CHECK_ERR(rename("f", "d"), EISDIR);
    CHECK_ERR(rename("d", "f"), ENOTDIR);
    CHECK_ERR(rename("d", "full"), ENOTEMPTY);
    CHECK_ERR(rename("d", "ln"), ENOTDIR);
    CHECK_ERR(rename("f/", "x"), ENOTDIR);
    CHECK_ERR(rename("f", "x/"), ENOTDIR);
    CHECK_ERR(rename("ln/", "x"), ENOTDIR);
    CHECK_EQ(rename("d/", "e/"), 0);
    CHECK_EQ(rename("full", "e"), 0);
    CHECK_EQ(access("e/x", F_OK), 0);
    CHECK_EQ(rename("ln", "f"), 0);
    CHECK_EQ(readlink("f", (char[8]){0}, 8), 1);
    CHECK_ERR(rename("f/x", "y"), ELOOP);
    CHECK_ERR(rename("missing", "y"), ENOENT);
    CHECK_ERR(rename("e", "missing/y"), ENOENT);
}

/* Both directories are found before either name is looked up, and the old one before the new. */
CASE(which_error_comes_first)
{
    char name[300];
    memset(name, 'n', sizeof(name));
    name[299] = 0;
    put_file("f", "", 0600);
    CHECK_ERR(renameat(AT_FDCWD, "missing/x", 999, "y"), ENOENT);
    CHECK_ERR(renameat(AT_FDCWD, "missing", 999, "y"), EBADF);
    CHECK_ERR(renameat(AT_FDCWD, "f/x", AT_FDCWD, ""), ENOTDIR);
    CHECK_ERR(rename("missing", name), ENOENT);
    CHECK_ERR(rename("f", name), ENAMETOOLONG);
    CHECK_ERR(rename(name, "missing/x"), ENOENT);
    CHECK_ERR(rename(name, "."), EBUSY);
}

CASE(two_names_of_one_file)
{
    put_file("f", "", 0600);
    CHECK_EQ(link("f", "g"), 0);
    CHECK_EQ(rename("f", "g"), 0); /* nothing happens */
    CHECK_EQ(links("f"), 2);
    CHECK_EQ(links("g"), 2);
}

CASE(link_counts_of_directories)
{
    CHECK_EQ(mkdir("d", 0755), 0);
    CHECK_EQ(mkdir("e", 0755), 0);
    CHECK_EQ(links("d"), 2);
    CHECK_EQ(mkdir("d/sub", 0755), 0);
    CHECK_EQ(links("d"), 3);
    CHECK_EQ(rename("d/sub", "e/sub"), 0);
    CHECK_EQ(links("d"), 2);
    CHECK_EQ(links("e"), 3);
    put_file("d/f", "", 0600);
    CHECK_EQ(links("d"), 2);
    CHECK_EQ(rmdir("e/sub"), 0);
    CHECK_EQ(links("e"), 2);
    int fd = (int) CHECK_OK(open("e", O_RDONLY));
    CHECK_EQ(rmdir("e"), 0);
    struct stat st;
    CHECK_EQ(fstat(fd, &st), 0);
    CHECK_EQ(st.st_nlink, 0);
}

CASE(removing)
{
    put_file("f", "", 0600);
    CHECK_EQ(mkdir("d", 0755), 0);
    CHECK_EQ(mkdir("d/e", 0755), 0);
    CHECK_EQ(symlink("d/e", "ln"), 0);
    CHECK_ERR(rmdir("."), EINVAL);
    CHECK_ERR(rmdir("d/."), EINVAL);
    CHECK_ERR(rmdir(".."), ENOTEMPTY);
    CHECK_ERR(rmdir("d/e/.."), ENOTEMPTY);
    CHECK_ERR(rmdir("/"), EBUSY);
    CHECK_ERR(rmdir("d"), ENOTEMPTY);
    CHECK_ERR(rmdir("f"), ENOTDIR);
    CHECK_ERR(rmdir("ln"), ENOTDIR);
    CHECK_ERR(rmdir("ln/"), ENOTDIR);
    CHECK_ERR(rmdir("missing"), ENOENT);
    CHECK_ERR(rmdir(""), ENOENT);
    CHECK_ERR(unlink("d"), EISDIR);
    CHECK_ERR(unlink("d/"), EISDIR);
    CHECK_ERR(unlink("."), EISDIR);
    CHECK_ERR(unlink("/"), EISDIR);
    CHECK_ERR(unlink("f/"), ENOTDIR);
    CHECK_ERR(unlink("ln/"), ENOTDIR);
    CHECK_ERR(unlink("f/x"), ENOTDIR);
    CHECK_ERR(unlink("missing/"), ENOENT);
    CHECK_EQ(rmdir("d/e//"), 0);
    CHECK_EQ(unlink("ln"), 0);
    CHECK_ERR(unlinkat(AT_FDCWD, "f", 0x1), EINVAL);
    CHECK_ERR(unlinkat(AT_FDCWD, "f", AT_REMOVEDIR), ENOTDIR);
    CHECK_ERR(unlinkat(-1, "f", 0), EBADF);
}

CASE(linking)
{
    put_file("f", "", 0600);
    CHECK_EQ(mkdir("d", 0755), 0);
    CHECK_EQ(symlink("f", "ln"), 0);
    CHECK_EQ(symlink("missing", "lm"), 0);
    CHECK_ERR(link("d", "x"), EPERM);
    CHECK_ERR(link("missing", "x"), ENOENT);
    CHECK_ERR(link("f", "d"), EEXIST);
    CHECK_ERR(link("f", "f"), EEXIST);
    CHECK_ERR(link("f", "lm"), EEXIST);
    CHECK_ERR(link("f", "x/"), ENOENT);
    CHECK_ERR(link("f/", "x"), ENOTDIR);
    CHECK_ERR(link("f", "f/x"), ENOTDIR);
    CHECK_ERR(link("/proc/self/status", "x"), EXDEV);
    CHECK_ERR(link("", "x"), ENOENT);
    CHECK_ERR(link("f", ""), ENOENT);
    CHECK_EQ(link("ln", "hard"), 0);
    CHECK_EQ(number("hard"), number("ln"));
    CHECK_EQ(linkat(AT_FDCWD, "ln", AT_FDCWD, "soft", AT_SYMLINK_FOLLOW), 0);
    CHECK_EQ(number("soft"), number("f"));
    CHECK_ERR(linkat(AT_FDCWD, "f", AT_FDCWD, "y", 0x1), EINVAL);
    CHECK_ERR(linkat(AT_FDCWD, "lm", AT_FDCWD, "y", AT_SYMLINK_FOLLOW), ENOENT);
    CHECK_EQ(link("lm", "y"), 0);
}

CASE(sticky_directories)
{
    CHECK_EQ(chmod(".", 0755), 0);
    CHECK_EQ(mkdir("d", 0777), 0);
    CHECK_EQ(chmod("d", 01777), 0);
    put_file("d/f", "", 0666);
    CHECK_EQ(mkdir("d/sub", 0777), 0);
    put_file("d/mine", "", 0666);
    CHECK_EQ(chown("d/mine", 1000, 1000), 0);
    become(1000);
    CHECK_ERR(unlink("d/f"), EPERM);
    CHECK_ERR(rename("d/f", "d/g"), EPERM);
    CHECK_ERR(rename("d/mine", "d/f"), EPERM);
    CHECK_ERR(rmdir("d/sub"), EPERM);
    CHECK_ERR(rename2("d/mine", "d/f", RENAME_EXCHANGE), EPERM);
    CHECK_EQ(rename("d/mine", "d/other"), 0);
    CHECK_EQ(unlink("d/other"), 0);
}

CASE(directories_without_rights)
{
    CHECK_EQ(chmod(".", 0755), 0);
    CHECK_EQ(mkdir("ro", 0755), 0);
    put_file("ro/f", "", 0666);
    CHECK_EQ(mkdir("nox", 0755), 0);
    put_file("nox/f", "", 0666);
    CHECK_EQ(chmod("nox", 0666), 0);
    CHECK_EQ(mkdir("own", 0755), 0);
    CHECK_EQ(chown("own", 1000, 1000), 0);
    CHECK_EQ(mkdir("own/theirs", 0755), 0);
    become(1000);
    CHECK_ERR(unlink("ro/f"), EACCES);
    CHECK_ERR(rename("ro/f", "ro/g"), EACCES);
    CHECK_ERR(mkdir("ro/d", 0755), EACCES);
    CHECK_ERR(symlink("x", "ro/l"), EACCES);
    CHECK_ERR(link("ro/f", "ro/g"), EACCES);
    CHECK_ERR(open("ro/g", O_CREAT | O_RDWR, 0600), EACCES);
    CHECK_ERR(mkdir("ro/f", 0755), EEXIST);
    CHECK_ERR(unlink("nox/f"), EACCES);
    CHECK_ERR(access("nox/f", F_OK), EACCES);
    CHECK_ERR(unlink("ro/missing"), ENOENT);
    CHECK_EQ(rename("own/theirs", "own/x"), 0);
}

CASE(names_live_on_while_open)
{
    char buf[8];
    put_file("f", "abc", 0600);
    int fd = (int) CHECK_OK(open("f", O_RDWR));
    CHECK_EQ(unlink("f"), 0);
    put_file("f", "new", 0600);
    CHECK_EQ(read(fd, buf, 8), 3);
    CHECK_MEM(buf, "abc", 3);
    CHECK_EQ(ftruncate(fd, 1), 0);
    get_file("f", buf, sizeof(buf));
    CHECK_STR(buf, "new");
    put_file("g", "ggg", 0600);
    int g = (int) CHECK_OK(open("g", O_RDONLY));
    CHECK_EQ(rename("f", "g"), 0);
    CHECK_EQ(pread(g, buf, 8, 0), 3);
    CHECK_MEM(buf, "ggg", 3);
}

CASE(times_of_directories)
{
    struct stat a, b;
    CHECK_EQ(mkdir("d", 0755), 0);
    struct timespec old[2] = {{1000, 0}, {1000, 0}};
    CHECK_EQ(utimensat(AT_FDCWD, "d", old, 0), 0);
    put_file("d/f", "", 0600);
    CHECK_EQ(stat("d", &a), 0);
    CHECK(a.st_mtim.tv_sec > 1000);
    CHECK_EQ(utimensat(AT_FDCWD, "d", old, 0), 0);
    CHECK_EQ(stat("d/f", &a), 0);
    CHECK_EQ(link("d/f", "d/g"), 0);
    CHECK_EQ(stat("d/f", &b), 0);
    CHECK_EQ(b.st_mtim.tv_nsec, a.st_mtim.tv_nsec);
    CHECK_EQ(stat("d", &b), 0);
    CHECK(b.st_mtim.tv_sec > 1000);
    CHECK_EQ(utimensat(AT_FDCWD, "d", old, 0), 0);
    CHECK_EQ(rename("d/g", "d/h"), 0);
    CHECK_EQ(stat("d", &b), 0);
    CHECK(b.st_mtim.tv_sec > 1000);
}

GUEST_MAIN
