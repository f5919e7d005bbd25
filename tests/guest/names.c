/* SPDX-License-Identifier: Apache-2.0 */
/* The name space: directories, links, renames, path resolution, working directory. */
#include "guest.h"
#include <dirent.h>
#include <sys/mount.h>

static ino_t ino(const char *path)
{
    struct stat st;
    CHECK_EQ(lstat(path, &st), 0);
    return st.st_ino;
}

static nlink_t links(const char *path)
{
    struct stat st;
    CHECK_EQ(lstat(path, &st), 0);
    return st.st_nlink;
}

CASE(make_and_remove)
{
    struct stat st;
    CHECK_EQ(mkdir("d", 0751), 0);
    CHECK_EQ(stat("d", &st), 0);
    CHECK_EQ(st.st_mode, S_IFDIR | 0751);
    CHECK_ERR(mkdir("d", 0700), EEXIST);
    CHECK_ERR(mkdir("missing/d", 0700), ENOENT);
    CHECK_EQ(mkdir("d/e/", 0700), 0);
    CHECK_ERR(rmdir("d"), ENOTEMPTY);
    CHECK_EQ(rmdir("d/e"), 0);
    CHECK_ERR(rmdir("d/."), EINVAL);
    CHECK_ERR(rmdir("d/.."), ENOTEMPTY);
    CHECK_EQ(rmdir("d"), 0);
    CHECK_ERR(rmdir("d"), ENOENT);
    put_file("f", "x", 0600);
    CHECK_ERR(mkdir("f", 0700), EEXIST);
    CHECK_ERR(mkdir("f/d", 0700), ENOTDIR);
    CHECK_ERR(rmdir("f"), ENOTDIR);
    CHECK_ERR(mkdir("/", 0700), EEXIST);
    CHECK(rmdir("/proc") < 0);
}

CASE(removed_directory_is_dead)
{
    CHECK_EQ(mkdir("d", 0700), 0);
    int fd = (int) CHECK_OK(open("d", O_RDONLY | O_DIRECTORY));
    CHECK_EQ(rmdir("d"), 0);
    CHECK_ERR(openat(fd, "x", O_CREAT | O_RDWR, 0600), ENOENT);
    CHECK_ERR(mkdirat(fd, "x", 0700), ENOENT);
}

CASE(unlinking)
{
    put_file("f", "x", 0600);
    CHECK_EQ(mkdir("d", 0700), 0);
    CHECK_ERR(unlink("d"), EISDIR);
    CHECK_ERR(unlink("missing"), ENOENT);
    CHECK_ERR(unlink("f/"), ENOTDIR);
    CHECK_EQ(unlink("f"), 0);
    CHECK_ERR(unlinkat(AT_FDCWD, "d", 0), EISDIR);
    CHECK_EQ(unlinkat(AT_FDCWD, "d", AT_REMOVEDIR), 0);
    CHECK_ERR(unlinkat(AT_FDCWD, "d", 0x999), EINVAL);
}

CASE(hard_links)
{
    put_file("a", "x", 0600);
    CHECK_EQ(mkdir("d", 0700), 0);
    CHECK_EQ(link("a", "b"), 0);
    CHECK_EQ(links("a"), 2);
    CHECK_EQ(ino("a"), ino("b"));
    CHECK_ERR(link("a", "b"), EEXIST);
    CHECK_ERR(link("missing", "c"), ENOENT);
    CHECK_ERR(link("d", "e"), EPERM);
    CHECK_EQ(symlink("a", "ln"), 0);
    CHECK_EQ(link("ln", "ln2"), 0); /* the link itself */
    CHECK_EQ(ino("ln"), ino("ln2"));
    CHECK_EQ(linkat(AT_FDCWD, "ln", AT_FDCWD, "c", AT_SYMLINK_FOLLOW), 0);
    CHECK_EQ(ino("c"), ino("a"));
    CHECK_EQ(unlink("a"), 0);
    CHECK_EQ(links("b"), 2);
    CHECK(link("b", "/dev/x") < 0 && (errno == EXDEV || errno == EROFS));
}

CASE(symbolic_links)
{
    char buf[64];
    CHECK_EQ(symlink("some/where", "ln"), 0);
    memset(buf, '#', sizeof(buf));
    CHECK_EQ(readlink("ln", buf, sizeof(buf)), 10);
    CHECK_MEM(buf, "some/where#", 11); /* no NUL */
    CHECK_EQ(readlink("ln", buf, 4), 4);
    CHECK_ERR(readlink("ln", buf, 0), EINVAL);
    CHECK_ERR(readlink(".", buf, 10), EINVAL);
    CHECK_ERR(readlink("missing", buf, 10), ENOENT);
    CHECK_ERR(symlink("", "x"), ENOENT);
    CHECK_ERR(symlink("x", "ln"), EEXIST);
    char longer[4200];
    memset(longer, 'a', sizeof(longer));
    longer[4199] = 0;
    CHECK_ERR(symlink(longer, "x"), ENAMETOOLONG);
    int fd = (int) CHECK_OK(open("ln", O_PATH | O_NOFOLLOW));
    CHECK_EQ(readlinkat(fd, "", buf, sizeof(buf)), 10);
}

CASE(link_chains)
{
    char a[8], b[8];
    put_file("l0", "x", 0600);
    for (int i = 1; i <= 41; i++) {
        snprintf(a, sizeof(a), "l%d", i - 1);
        snprintf(b, sizeof(b), "l%d", i);
        CHECK_EQ(symlink(a, b), 0);
    }
    CHECK_OK(open("l40", O_RDONLY));
    CHECK_ERR(open("l41", O_RDONLY), ELOOP);
}

CASE(links_in_the_middle)
{
    char cwd[4096], path[4200], buf[8];
    CHECK_EQ(mkdir("d", 0700), 0);
    CHECK_EQ(mkdir("d/e", 0700), 0);
    put_file("d/e/f", "deep", 0600);
    CHECK_EQ(symlink("d/e", "rel"), 0);
    CHECK_EQ(symlink("../..", "d/e/up"), 0);
    CHECK(getcwd(cwd, sizeof(cwd)) != NULL);
    snprintf(path, sizeof(path), "%s/d", cwd);
    CHECK_EQ(symlink(path, "abs"), 0);
    get_file("rel/f", buf, 8);
    CHECK_STR(buf, "deep");
    get_file("abs/e/f", buf, 8);
    CHECK_STR(buf, "deep");
    get_file("rel/up/d/e/../e/./f", buf, 8);
    CHECK_STR(buf, "deep");
    CHECK_EQ(ino("rel/.."), ino("d")); /* the parent of where the link leads */
    get_file("rel//up///rel/f", buf, 8);
    CHECK_STR(buf, "deep");
    CHECK_EQ(ino("/../../.."), ino("/"));
}

CASE(renames)
{
    char buf[8];
    put_file("a", "a", 0600);
    put_file("b", "b", 0600);
    CHECK_EQ(mkdir("d", 0700), 0);
    CHECK_EQ(mkdir("e", 0700), 0);
    ino_t ia = ino("a");
    CHECK_EQ(rename("a", "c"), 0);
    CHECK_EQ(ino("c"), ia);
    CHECK_ERR(access("a", F_OK), ENOENT);
    CHECK_EQ(rename("c", "b"), 0); /* over a file */
    get_file("b", buf, 8);
    CHECK_STR(buf, "a");
    CHECK_ERR(rename("missing", "x"), ENOENT);
    CHECK_ERR(rename("b", "d"), EISDIR);
    CHECK_ERR(rename("d", "b"), ENOTDIR);
    CHECK_ERR(rename("d", "d/x"), EINVAL);
    CHECK_EQ(rename("d", "e"), 0); /* over an empty directory */
    put_file("e/f", "x", 0600);
    CHECK_EQ(mkdir("d", 0700), 0);
    CHECK_ERR(rename("d", "e"), ENOTEMPTY);
    CHECK_EQ(rename("e/f", "d/g"), 0);
    CHECK_EQ(link("d/g", "d/h"), 0);
    CHECK_EQ(rename("d/g", "d/h"), 0); /* the same file: nothing happens */
    CHECK_EQ(access("d/g", F_OK), 0);
    CHECK_ERR(rename("b", "/proc/x"), EXDEV);
    CHECK_ERR(rename("b", "b/"), ENOTDIR);
    CHECK_ERR(rename(".", "x"), EBUSY);
}

CASE(rename_flags)
{
    put_file("a", "a", 0600);
    put_file("b", "b", 0600);
    ino_t a = ino("a"), b = ino("b");
    CHECK_ERR(renameat2(AT_FDCWD, "a", AT_FDCWD, "b", RENAME_NOREPLACE), EEXIST);
    CHECK_EQ(renameat2(AT_FDCWD, "a", AT_FDCWD, "b", RENAME_EXCHANGE), 0);
    CHECK(ino("a") == b && ino("b") == a);
    CHECK_ERR(renameat2(AT_FDCWD, "a", AT_FDCWD, "c", RENAME_EXCHANGE), ENOENT);
    CHECK_EQ(renameat2(AT_FDCWD, "a", AT_FDCWD, "c", RENAME_NOREPLACE), 0);
    CHECK_ERR(renameat2(AT_FDCWD, "b", AT_FDCWD, "c", 99), EINVAL);
}

CASE(rename_an_open_directory)
{
    char cwd[4096];
    CHECK_EQ(mkdir("d", 0700), 0);
    int fd = (int) CHECK_OK(open("d", O_RDONLY | O_DIRECTORY));
    CHECK_EQ(chdir("d"), 0);
    CHECK_EQ(rename("../d", "../e"), 0);
    put_file("f", "x", 0600);
    CHECK(getcwd(cwd, sizeof(cwd)) && strcmp(cwd + strlen(cwd) - 2, "/e") == 0);
    CHECK_EQ(access("../e/f", F_OK), 0);
    CHECK_OK(openat(fd, "f", O_RDONLY));
}

CASE(directory_link_counts)
{
    CHECK_EQ(mkdir("d", 0700), 0);
    CHECK_EQ(links("d"), 2);
    CHECK_EQ(mkdir("d/a", 0700), 0);
    CHECK_EQ(mkdir("d/b", 0700), 0);
    CHECK_EQ(links("d"), 4);
    CHECK_EQ(rename("d/a", "a"), 0);
    CHECK_EQ(links("d"), 3);
}

CASE(list_two_thousand)
{
    enum { N = 2000 };
    static bool seen[N];
    char name[16];
    int dots = 0, n = 0;
    struct dirent *de;
    CHECK_EQ(mkdir("d", 0700), 0);
    CHECK_EQ(chdir("d"), 0);
    for (int i = 0; i < N; i++) {
        snprintf(name, sizeof(name), "f%d", i);
        close(CHECK_OK(open(name, O_CREAT | O_WRONLY, 0600)));
    }
    DIR *dir = opendir(".");
    CHECK(dir != NULL);
    for (int pass = 0; pass < 2; pass++) {
        memset(seen, 0, sizeof(seen));
        dots = n = 0;
        while ((errno = 0, de = readdir(dir))) {
            if (de->d_name[0] == '.') {
                dots++;
                CHECK_EQ(de->d_type, DT_DIR);
                continue;
            }
            int i = atoi(de->d_name + 1);
            CHECK(i >= 0 && i < N && !seen[i]);
            CHECK_EQ(de->d_type, DT_REG);
            seen[i] = true;
            n++;
        }
        CHECK_EQ(errno, 0);
        CHECK_EQ(dots, 2);
        CHECK_EQ(n, N);
        rewinddir(dir);
    }
    CHECK_EQ(ino("f7"), ({
                 ino_t r = 0;
                 rewinddir(dir);
                 while ((de = readdir(dir)))
                     if (strcmp(de->d_name, "f7") == 0)
                         r = de->d_ino;
                 r;
             }));
}

CASE(list_from_a_position)
{
    char name[16];
    struct dirent *de;
    CHECK_EQ(mkdir("d", 0700), 0);
    CHECK_EQ(chdir("d"), 0);
    for (int i = 0; i < 300; i++) {
        snprintf(name, sizeof(name), "f%d", i);
        put_file(name, "", 0600);
    }
    DIR *dir = opendir(".");
    for (int i = 0; i < 100; i++)
        CHECK(readdir(dir) != NULL);
    long at = telldir(dir);
    de = readdir(dir);
    char want[256];
    strcpy(want, de->d_name);
    for (int i = 0; i < 50; i++)
        CHECK(readdir(dir) != NULL);
    seekdir(dir, at);
    de = readdir(dir);
    CHECK_STR(de ? de->d_name : NULL, want);
}

CASE(list_while_removing)
{
    char name[16];
    struct dirent *de;
    CHECK_EQ(mkdir("d", 0700), 0);
    for (int i = 0; i < 500; i++) {
        snprintf(name, sizeof(name), "d/f%d", i);
        put_file(name, "", 0600);
    }
    DIR *dir = opendir("d");
    while ((de = readdir(dir)))
        if (de->d_name[0] != '.')
            CHECK_EQ(unlinkat(dirfd(dir), de->d_name, 0), 0);
    CHECK_EQ(rmdir("d"), 0);
}

CASE(list_errors)
{
    char buf[256];
    put_file("f", "x", 0600);
    int fd = (int) CHECK_OK(open("f", O_RDONLY));
    CHECK_ERR(syscall(SYS_getdents64, fd, buf, sizeof(buf)), ENOTDIR);
    fd = (int) CHECK_OK(open(".", O_RDONLY));
    CHECK_ERR(syscall(SYS_getdents64, fd, buf, 4), EINVAL);
    CHECK_ERR(syscall(SYS_getdents64, fd, 8, 4096), EFAULT);
    CHECK_ERR(read(fd, buf, 10), EISDIR);
    CHECK_ERR(pread(fd, buf, 10, 0), EISDIR);
}

CASE(working_directory)
{
    char a[4096], b[4096];
    CHECK(getcwd(a, sizeof(a)) != NULL);
    CHECK_EQ(mkdir("d", 0700), 0);
    int fd = (int) CHECK_OK(open(".", O_RDONLY | O_DIRECTORY));
    CHECK_EQ(chdir("d"), 0);
    strcat(a, "/d");
    CHECK(getcwd(b, sizeof(b)) != NULL);
    CHECK_STR(b, a);
    CHECK_EQ(fchdir(fd), 0);
    CHECK_EQ(access("d", F_OK), 0);
    put_file("f", "x", 0600);
    CHECK_ERR(chdir("f"), ENOTDIR);
    CHECK_ERR(chdir("missing"), ENOENT);
    CHECK_ERR(chdir(""), ENOENT);
    CHECK_ERR(fchdir(open("f", O_RDONLY)), ENOTDIR);
    CHECK_ERR(syscall(SYS_getcwd, b, 2), ERANGE);
    CHECK_ERR(syscall(SYS_getcwd, 8, 4096), EFAULT);
    CHECK_EQ(chdir("/"), 0);
    CHECK_EQ(syscall(SYS_getcwd, b, sizeof(b)), 2);
    CHECK_STR(b, "/");
}

CASE(removed_working_directory)
{
    char buf[4096];
    CHECK_EQ(mkdir("d", 0700), 0);
    CHECK_EQ(chdir("d"), 0);
    CHECK_EQ(rmdir("../d"), 0);
    CHECK_ERR(syscall(SYS_getcwd, buf, sizeof(buf)), ENOENT);
    CHECK_ERR(open("x", O_CREAT | O_RDWR, 0600), ENOENT);
    CHECK_EQ(chdir(".."), 0);
}

CASE(relative_to_a_descriptor)
{
    struct stat st;
    CHECK_EQ(mkdir("d", 0700), 0);
    int fd = (int) CHECK_OK(open("d", O_RDONLY | O_DIRECTORY));
    close(CHECK_OK(openat(fd, "f", O_CREAT | O_WRONLY, 0600)));
    CHECK_EQ(mkdirat(fd, "sub", 0700), 0);
    CHECK_EQ(symlinkat("f", fd, "ln"), 0);
    CHECK_EQ(fstatat(fd, "ln", &st, 0), 0);
    CHECK(S_ISREG(st.st_mode));
    CHECK_EQ(renameat(fd, "f", AT_FDCWD, "moved"), 0);
    CHECK_EQ(access("moved", F_OK), 0);
    CHECK_EQ(mknodat(fd, "pipe", S_IFIFO | 0600, 0), 0);
    CHECK_EQ(openat(fd, "/", O_RDONLY) >= 0, 1); /* an absolute path ignores the descriptor */
    CHECK_ERR(mkdirat(9999, "x", 0700), EBADF);
}

CASE(deep_directories)
{
    char cwd[8192];
    for (int i = 0; i < 200; i++) {
        CHECK_EQ(mkdir("0123456789", 0700), 0);
        CHECK_EQ(chdir("0123456789"), 0);
    }
    CHECK(getcwd(cwd, sizeof(cwd)) != NULL);
    CHECK(strlen(cwd) > 2200);
    CHECK_OK(open(cwd, O_RDONLY));
    for (int i = 0; i < 200; i++) {
        CHECK_EQ(chdir(".."), 0);
        CHECK_EQ(rmdir("0123456789"), 0);
    }
}

CASE(odd_names)
{
    static const char *const names[] = {"a b", "\n", "\xff\xfe", "...", "-",
                                        "*",   "\\", "a\tb",     "é"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        put_file(names[i], "x", 0600);
        CHECK_EQ(access(names[i], F_OK), 0);
    }
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        CHECK_EQ(unlink(names[i]), 0);
}

CASE(sticky_and_setgid_directories)
{
    struct stat st;
    if (geteuid() != 0)
        SKIP("needs the superuser");
    CHECK_EQ(mkdir("d", 0777), 0);
    CHECK_EQ(chown("d", 0, 4321), 0);
    CHECK_EQ(chmod("d", 02777), 0);
    put_file("d/f", "x", 0600);
    CHECK_EQ(stat("d/f", &st), 0);
    CHECK_EQ(st.st_gid, 4321);
    CHECK_EQ(mkdir("d/e", 0700), 0);
    CHECK_EQ(stat("d/e", &st), 0);
    CHECK_EQ(st.st_mode, S_IFDIR | 02700);
}

CASE(read_only_system_tree)
{
    /* Natively nothing says that the root is read-only; a synthetic tree refuses everywhere. */
    CHECK(open("/proc/newfile", O_CREAT | O_RDWR, 0600) < 0);
    CHECK(mkdir("/proc/newdir", 0700) < 0);
    CHECK(unlink("/proc/version") < 0);
}

GUEST_MAIN
