/* SPDX-License-Identifier: Apache-2.0 */
/* Errors as the man pages list them, call by call; and the calls that answer them rarely. */
#include "guest.h"
#include <grp.h>
#include <limits.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/statfs.h>
#include <sys/sysmacros.h>
#include <sys/time.h>
#include <sys/xattr.h>
#include <utime.h>

/* f, d/, loop (of links), ln -> f, and a name too long. */
static char long_name[300], long_path[5000];

static void scene(void)
{
    put_file("f", "x", 0644);
    CHECK_EQ(mkdir("d", 0755), 0);
    CHECK_EQ(symlink("loop", "loop"), 0);
    CHECK_EQ(symlink("f", "ln"), 0);
    memset(long_name, 'n', 256);
    memset(long_path, '/', 4096);
}

/* What every call that takes the name of something existing says. */
#define NAME_ERRORS(call)              \
    do {                               \
        const char *name;              \
        name = "";                     \
        CHECK_ERR(call, ENOENT);       \
        name = "missing";              \
        CHECK_ERR(call, ENOENT);       \
        name = "missing/x";            \
        CHECK_ERR(call, ENOENT);       \
        name = "f/x";                  \
        CHECK_ERR(call, ENOTDIR);      \
        name = "f/";                   \
        CHECK_ERR(call, ENOTDIR);      \
        name = "f/.";                  \
        CHECK_ERR(call, ENOTDIR);      \
        name = "loop/x";               \
        CHECK_ERR(call, ELOOP);        \
        name = long_name;              \
        CHECK_ERR(call, ENAMETOOLONG); \
        name = long_path;              \
        CHECK_ERR(call, ENAMETOOLONG); \
        name = (const char *) 1;       \
        CHECK_ERR(call, EFAULT);       \
        name = (const char *) -4096L;  \
        CHECK_ERR(call, EFAULT);       \
    } while (0)

CASE(names_of_what_is_there)
{
    struct stat st;
    struct statx stx;
    struct statfs sfs;
    struct utimbuf ut = {0, 0};
    struct timeval tv[2] = {{0, 0}, {0, 0}};
    char buf[16];
    scene();
    NAME_ERRORS(open(name, O_RDONLY));
    NAME_ERRORS(syscall(SYS_stat, name, &st));
    NAME_ERRORS(syscall(SYS_lstat, name, &st));
    NAME_ERRORS(syscall(SYS_newfstatat, AT_FDCWD, name, &st, 0));
    NAME_ERRORS(syscall(SYS_statx, AT_FDCWD, name, 0, STATX_BASIC_STATS, &stx));
    NAME_ERRORS(syscall(SYS_access, name, F_OK));
    NAME_ERRORS(syscall(SYS_faccessat, AT_FDCWD, name, R_OK));
    NAME_ERRORS(syscall(SYS_chdir, name));
    NAME_ERRORS(syscall(SYS_chmod, name, 0600));
    NAME_ERRORS(syscall(SYS_chown, name, -1, -1));
    NAME_ERRORS(syscall(SYS_lchown, name, -1, -1));
    NAME_ERRORS(syscall(SYS_truncate, name, 0L));
    NAME_ERRORS(syscall(SYS_readlink, name, buf, sizeof(buf)));
    NAME_ERRORS(syscall(SYS_statfs, name, &sfs));
    NAME_ERRORS(syscall(SYS_utime, name, &ut));
    NAME_ERRORS(syscall(SYS_utimes, name, tv));
    NAME_ERRORS(syscall(SYS_utimensat, AT_FDCWD, name, NULL, 0));
    NAME_ERRORS(syscall(SYS_getxattr, name, "user.x", buf, sizeof(buf)));
    NAME_ERRORS(syscall(SYS_setxattr, name, "user.x", "v", 1L, 0));
    NAME_ERRORS(syscall(SYS_listxattr, name, buf, sizeof(buf)));
    NAME_ERRORS(syscall(SYS_removexattr, name, "user.x"));
    NAME_ERRORS(syscall(SYS_link, name, "new"));
    NAME_ERRORS(syscall(SYS_rename, name, "new"));
    NAME_ERRORS(syscall(SYS_unlink, name));
    NAME_ERRORS(syscall(SYS_execve, name, (char *[]){"x", NULL}, NULL));
}

/* And every call that makes a name. */
#define NEW_NAME_ERRORS(call)          \
    do {                               \
        const char *name;              \
        name = "";                     \
        CHECK_ERR(call, ENOENT);       \
        name = "missing/x";            \
        CHECK_ERR(call, ENOENT);       \
        name = "f/x";                  \
        CHECK_ERR(call, ENOTDIR);      \
        name = "loop/x";               \
        CHECK_ERR(call, ELOOP);        \
        name = long_name;              \
        CHECK_ERR(call, ENAMETOOLONG); \
        name = long_path;              \
        CHECK_ERR(call, ENAMETOOLONG); \
        name = (const char *) 1;       \
        CHECK_ERR(call, EFAULT);       \
        name = "f";                    \
        CHECK_ERR(call, EEXIST);       \
        name = "d";                    \
        CHECK_ERR(call, EEXIST);       \
        name = "ln";                   \
        CHECK_ERR(call, EEXIST);       \
        name = "loop";                 \
        CHECK_ERR(call, EEXIST);       \
        name = ".";                    \
        CHECK_ERR(call, EEXIST);       \
        name = "/";                    \
        CHECK_ERR(call, EEXIST);       \
    } while (0)

CASE(names_to_be_made)
{
    scene();
    put_file("old", "", 0600);
    NEW_NAME_ERRORS(syscall(SYS_mkdir, name, 0700));
    NEW_NAME_ERRORS(syscall(SYS_mkdirat, AT_FDCWD, name, 0700));
    NEW_NAME_ERRORS(syscall(SYS_mknod, name, S_IFIFO | 0600, 0L));
    NEW_NAME_ERRORS(syscall(SYS_mknodat, AT_FDCWD, name, S_IFREG | 0600, 0L));
    NEW_NAME_ERRORS(syscall(SYS_symlink, "x", name));
    NEW_NAME_ERRORS(syscall(SYS_link, "old", name));
    CHECK_ERR(mknod("new/", S_IFREG | 0600, 0), ENOENT);
    CHECK_ERR(symlink("x", "new/"), ENOENT);
    CHECK_ERR(link("old", "new/"), ENOENT);
    CHECK_EQ(mkdir("new/", 0700), 0);
    CHECK_EQ(rmdir("new/"), 0);
    CHECK_ERR(symlink("", "new"), ENOENT);
    CHECK_ERR(symlink(long_path, "new"), ENAMETOOLONG);
    CHECK_ERR(mknod("new", S_IFDIR | 0700, 0), EPERM);
    CHECK_ERR(mknod("new", S_IFLNK | 0700, 0), EINVAL);
    CHECK_ERR(mknod("new", 0170000 | 0700, 0), EINVAL);
    CHECK_EQ(mknod("plain", 0600, 0), 0);
    CHECK_EQ(mknod("socket", S_IFSOCK | 0600, 0), 0);
    CHECK_ERR(open("socket", O_RDONLY), ENXIO);
    CHECK_ERR(link("d", "dd"), EPERM);
    CHECK_ERR(linkat(AT_FDCWD, "old", AT_FDCWD, "new", 0x4000), EINVAL);
    CHECK_ERR(unlinkat(AT_FDCWD, "f", 1), EINVAL);
}

CASE(removing)
{
    scene();
    put_file("d/x", "", 0600);
    CHECK_ERR(unlink("d"), EISDIR);
    CHECK_ERR(unlink("d/"), EISDIR);
    CHECK_ERR(unlink("ln/"), ENOTDIR);
    CHECK_ERR(unlink("/"), EISDIR);
    CHECK_ERR(rmdir("f"), ENOTDIR);
    CHECK_ERR(rmdir("ln"), ENOTDIR);
    CHECK_ERR(rmdir("d"), ENOTEMPTY);
    CHECK_ERR(rmdir("d/."), EINVAL);
    CHECK_ERR(rmdir("d/.."), ENOTEMPTY);
    CHECK_ERR(rmdir("/"), EBUSY);
    CHECK_EQ(unlinkat(AT_FDCWD, "d/x", 0), 0);
    CHECK_EQ(unlinkat(AT_FDCWD, "d", AT_REMOVEDIR), 0);
}

CASE(descriptors)
{
    struct stat st;
    struct statfs sfs;
    char buf[8];
    scene();
    int f = (int) CHECK_OK(open("f", O_RDONLY));
    CHECK_ERR(read(-1, buf, 1), EBADF);
    CHECK_ERR(close(-1), EBADF);
    CHECK_ERR(close(INT_MAX), EBADF);
    CHECK_ERR(dup(-1), EBADF);
    CHECK_ERR(fstat(-1, &st), EBADF);
    CHECK_ERR(fchmod(-1, 0), EBADF);
    CHECK_ERR(fchown(-1, 0, 0), EBADF);
    CHECK_ERR(ftruncate(-1, 0), EBADF);
    CHECK_ERR(fchdir(-1), EBADF);
    CHECK_ERR(fstatfs(-1, &sfs), EBADF);
    CHECK_ERR(flock(-1, LOCK_SH), EBADF);
    CHECK_ERR(fcntl(-1, F_GETFD), EBADF);
    CHECK_ERR(fgetxattr(-1, "user.x", buf, 1), EBADF);
    CHECK_ERR(openat(-1, "f", O_RDONLY), EBADF);
    CHECK_OK(openat(-1, "/", O_RDONLY)); /* not looked at */
    CHECK_ERR(mkdirat(f, "x", 0700), ENOTDIR);
    CHECK_ERR(unlinkat(f, "x", 0), ENOTDIR);
    CHECK_ERR(renameat(f, "x", AT_FDCWD, "y"), ENOTDIR);
    CHECK_ERR(renameat(AT_FDCWD, "f", f, "y"), ENOTDIR);
    CHECK_ERR(symlinkat("x", f, "y"), ENOTDIR);
    CHECK_ERR(fstatat(f, "x", &st, 0), ENOTDIR);
    CHECK_ERR(fchdir(f), ENOTDIR);
    CHECK_ERR(ftruncate(f, 0), EINVAL); /* not open for writing */
    CHECK_ERR(write(f, "x", 1), EBADF);
    CHECK_ERR(flock(f, 77), EINVAL);
    CHECK_ERR(fcntl(f, 9999), EINVAL);
    CHECK_ERR(fcntl(f, F_DUPFD, -1), EINVAL);
    CHECK_ERR(fcntl(f, F_GETPIPE_SZ), EBADF);
    CHECK_EQ(fcntl(f, F_GETLEASE), F_UNLCK);
    CHECK_ERR(dup2(f, -1), EBADF);
    CHECK_ERR(dup2(-1, -1), EBADF);
    CHECK_ERR(dup3(f, f, 0), EINVAL);
    CHECK_ERR(dup3(f, 50, O_APPEND), EINVAL);
    CHECK_ERR(close_range(5, 4, 0), EINVAL);
    CHECK_ERR(close_range(5, 6, 64), EINVAL);
    CHECK_EQ(close_range(5000, UINT_MAX, 0), 0);
}

CASE(nameless_objects)
{
    struct stat st;
    struct statfs sfs;
    int p[2];
    CHECK_EQ(pipe(p), 0);
    CHECK_EQ(fstatfs(p[0], &sfs), 0);
    CHECK_EQ(sfs.f_type, 0x50495045);
    CHECK_EQ(fstatat(p[0], "", &st, AT_EMPTY_PATH), 0);
    CHECK_EQ(st.st_mode & S_IFMT, S_IFIFO);
    CHECK_ERR(fstatat(p[0], "", &st, 0), ENOENT);
    CHECK_ERR(fstatat(p[0], "x", &st, 0), ENOTDIR);
    CHECK_ERR(openat(p[0], "x", O_RDONLY), ENOTDIR);
    CHECK_ERR(fchdir(p[0]), ENOTDIR);
    CHECK_ERR(ftruncate(p[1], 0), EINVAL);
    CHECK_ERR(mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, p[0], 0) == MAP_FAILED ? -1 : 0, ENODEV);
    CHECK_ERR(syscall(SYS_getdents64, p[0], &st, sizeof(st)), ENOTDIR);
}

CASE(results_nowhere)
{
    scene();
    struct iovec;
    CHECK_ERR(syscall(SYS_stat, "f", (void *) 8), EFAULT);
    CHECK_ERR(syscall(SYS_fstat, 0, (void *) 8), EFAULT);
    CHECK_ERR(syscall(SYS_statx, AT_FDCWD, "f", 0, 0x7ff, (void *) 8), EFAULT);
    CHECK_ERR(syscall(SYS_statfs, "f", (void *) 8), EFAULT);
    CHECK_ERR(syscall(SYS_getcwd, (void *) 8, 4096L), EFAULT);
    CHECK_ERR(syscall(SYS_readlink, "ln", (void *) 8, 100L), EFAULT);
    CHECK_ERR(syscall(SYS_pipe, (void *) 8), EFAULT);
    CHECK_ERR(fcntl(0, F_GETLK, (void *) 8), EFAULT);
    int d = (int) CHECK_OK(open(".", O_RDONLY));
    CHECK_ERR(syscall(SYS_getdents64, d, (void *) 8, 4096L), EFAULT);
}

CASE(flags_of_the_at_calls)
{
    struct stat st;
    struct statx stx;
    scene();
    CHECK_ERR(fstatat(AT_FDCWD, "f", &st, 0x8000000), EINVAL);
    CHECK_ERR(statx(AT_FDCWD, "f", 0x8000000, STATX_SIZE, &stx), EINVAL);
    CHECK_ERR(statx(AT_FDCWD, "f", AT_STATX_FORCE_SYNC | AT_STATX_DONT_SYNC, STATX_SIZE, &stx),
              EINVAL);
    CHECK_ERR(statx(AT_FDCWD, "f", 0, 0x80000000u, &stx), EINVAL);
    CHECK_EQ(statx(AT_FDCWD, "f", AT_STATX_DONT_SYNC, 0, &stx), 0);
    CHECK_ERR(syscall(SYS_faccessat2, AT_FDCWD, "f", 8, 0), EINVAL);
    CHECK_ERR(syscall(SYS_faccessat2, AT_FDCWD, "f", 0, 0x4000), EINVAL);
    CHECK_EQ(syscall(SYS_faccessat2, AT_FDCWD, "loop", F_OK, AT_SYMLINK_NOFOLLOW), 0);
    CHECK_ERR(syscall(SYS_access, "f", 8), EINVAL);
    CHECK_ERR(fchownat(AT_FDCWD, "f", -1, -1, 0x4000), EINVAL);
    CHECK_ERR(utimensat(AT_FDCWD, "f", NULL, 0x4000), EINVAL);
    CHECK_ERR(renameat2(AT_FDCWD, "f", AT_FDCWD, "g", 64), EINVAL);
    CHECK_ERR(renameat2(AT_FDCWD, "f", AT_FDCWD, "g", RENAME_EXCHANGE | RENAME_NOREPLACE), EINVAL);
    CHECK_ERR(renameat2(AT_FDCWD, "f", AT_FDCWD, "missing", RENAME_EXCHANGE), ENOENT);
    long r = syscall(452, AT_FDCWD, "ln", 0600, AT_SYMLINK_NOFOLLOW); /* fchmodat2 */
    CHECK(r < 0 && (errno == EOPNOTSUPP || errno == ENOSYS));
}

CASE(statx_fields)
{
    struct statx a;
    struct stat b;
    put_file("f", "hello", 0640);
    CHECK_EQ(symlink("f", "ln"), 0);
    CHECK_EQ(statx(AT_FDCWD, "f", 0, STATX_BASIC_STATS | STATX_BTIME, &a), 0);
    CHECK_EQ(stat("f", &b), 0);
    CHECK_EQ(a.stx_mask & STATX_BASIC_STATS, STATX_BASIC_STATS);
    CHECK_EQ(a.stx_ino, b.st_ino);
    CHECK_EQ(a.stx_size, 5);
    CHECK_EQ(a.stx_mode, b.st_mode);
    CHECK_EQ(a.stx_nlink, 1);
    CHECK_EQ(a.stx_uid, b.st_uid);
    CHECK_EQ(a.stx_blksize, b.st_blksize);
    CHECK_EQ(a.stx_blocks, b.st_blocks);
    CHECK_EQ(a.stx_mtime.tv_sec, b.st_mtim.tv_sec);
    CHECK_EQ(a.stx_mtime.tv_nsec, b.st_mtim.tv_nsec);
    CHECK_EQ(makedev(a.stx_dev_major, a.stx_dev_minor), b.st_dev);
    CHECK_EQ(statx(AT_FDCWD, "ln", AT_SYMLINK_NOFOLLOW, STATX_TYPE, &a), 0);
    CHECK_EQ(a.stx_mode & S_IFMT, S_IFLNK);
    CHECK_EQ(a.stx_size, 1);
    CHECK_EQ(statx(0, "", AT_EMPTY_PATH, STATX_TYPE, &a), 0);
    CHECK_EQ(fstat(0, &b), 0);
    CHECK_EQ(a.stx_mode, b.st_mode);
    CHECK_EQ(stat("/dev/null", &b), 0);
    CHECK_EQ(statx(AT_FDCWD, "/dev/null", 0, STATX_TYPE, &a), 0);
    CHECK_EQ(a.stx_rdev_major, 1);
    CHECK_EQ(a.stx_rdev_minor, 3);
    CHECK_EQ(b.st_rdev, makedev(1, 3));
    CHECK_EQ(statx(AT_FDCWD, "/", 0, 0x1000, &a), 0);
    CHECK_EQ(a.stx_mask & 0x1000, 0x1000);                               /* STATX_MNT_ID */
    CHECK_EQ(a.stx_attributes & a.stx_attributes_mask & 0x2000, 0x2000); /* the top of a mount */
    uint64_t root_mount = a.stx_mnt_id;
    CHECK_EQ(statx(AT_FDCWD, "/proc", 0, 0x1000, &a), 0);
    CHECK(a.stx_mnt_id != root_mount);
    CHECK_EQ(statx(AT_FDCWD, "/proc/self", AT_SYMLINK_NOFOLLOW, 0, &a), 0);
    CHECK_EQ(a.stx_attributes & 0x2000, 0);
}

CASE(times)
{
    struct stat st;
    struct timespec ts[2] = {{100, 1}, {200, 2}};
    put_file("f", "x", 0600);
    int fd = (int) CHECK_OK(open("f", O_RDONLY));
    CHECK_EQ(utimensat(AT_FDCWD, "f", ts, 0), 0);
    CHECK_EQ(stat("f", &st), 0);
    CHECK_EQ(st.st_atim.tv_sec, 100);
    CHECK_EQ(st.st_mtim.tv_nsec, 2);
    ts[0].tv_nsec = UTIME_OMIT, ts[1].tv_sec = 300;
    CHECK_EQ(futimens(fd, ts), 0);
    CHECK_EQ(fstat(fd, &st), 0);
    CHECK_EQ(st.st_atim.tv_sec, 100);
    CHECK_EQ(st.st_mtim.tv_sec, 300);
    ts[1].tv_nsec = UTIME_OMIT;
    CHECK_EQ(utimensat(AT_FDCWD, "missing", ts, 0), 0); /* nothing to do */
    ts[1].tv_nsec = 1000000000;
    CHECK_ERR(futimens(fd, ts), EINVAL);
    CHECK_EQ(utime("f", &(struct utimbuf){7, 8}), 0);
    CHECK_EQ(stat("f", &st), 0);
    CHECK_EQ(st.st_atime, 7);
    CHECK_EQ(st.st_mtime, 8);
    struct timeval tv[2] = {{9, 500000}, {10, 999999}};
    CHECK_EQ(utimes("f", tv), 0);
    CHECK_EQ(stat("f", &st), 0);
    CHECK_EQ(st.st_atim.tv_nsec, 500000000);
    tv[0].tv_usec = 1000000;
    CHECK_ERR(syscall(SYS_utimes, "f", tv), EINVAL);
    CHECK_EQ(syscall(SYS_utimes, "f", NULL), 0);
    CHECK_EQ(stat("f", &st), 0);
    CHECK(st.st_mtime > 1000000000);
}

CASE(xattr_errors)
{
    char buf[64];
    put_file("f", "x", 0600);
    if (setxattr("f", "user.a", "1", 1, 0) < 0 && errno == EOPNOTSUPP)
        SKIP("not on this file system");
    CHECK_ERR(setxattr("f", "user.a", "1", 1, XATTR_CREATE), EEXIST);
    CHECK_ERR(setxattr("f", "user.b", "1", 1, XATTR_REPLACE), ENODATA);
    CHECK_ERR(setxattr("f", "user.b", "1", 1, 8), EINVAL);
    CHECK_ERR(setxattr("f", "", "1", 1, 0), ERANGE);
    CHECK_ERR(setxattr("f", "nonsense", "1", 1, 0), EOPNOTSUPP);
    CHECK_ERR(setxattr("f", "user.b", "1", 65537, 0), E2BIG);
    CHECK_ERR(getxattr("f", "user.none", buf, sizeof(buf)), ENODATA);
    CHECK_EQ(setxattr("f", "user.long", "12345", 5, 0), 0);
    CHECK_ERR(getxattr("f", "user.long", buf, 4), ERANGE);
    CHECK_EQ(getxattr("f", "user.long", NULL, 0), 5);
    CHECK_EQ(getxattr("f", "user.long", buf, 64), 5);
    CHECK_MEM(buf, "12345", 5);
    CHECK_ERR(getxattr("f", "user.long", (void *) 8, 64), EFAULT);
    CHECK_ERR(removexattr("f", "user.none"), ENODATA);
    CHECK_EQ(removexattr("f", "user.long"), 0);
    CHECK_EQ(symlink("f", "ln"), 0);
    CHECK_ERR(lsetxattr("ln", "user.a", "1", 1, 0), EPERM);
    ssize_t n = listxattr("f", buf, sizeof(buf));
    CHECK(n >= 7 && memmem(buf, (size_t) n, "user.a", 7));
    CHECK_ERR(listxattr("f", buf, 1), ERANGE);
}

/* ---- as another user ---- */

static void become(uid_t uid)
{
    CHECK_EQ(setgroups(0, NULL), 0);
    CHECK_EQ(setresgid(uid, uid, uid), 0);
    CHECK_EQ(setresuid(uid, uid, uid), 0);
}

CASE(permissions_of_others)
{
    struct stat st;
    if (geteuid() != 0)
        SKIP("needs the superuser");
    CHECK_EQ(chmod(".", 0755), 0);
    CHECK_EQ(chmod("..", 0755), 0);
    put_file("mine", "x", 0644);
    put_file("hidden", "x", 0600);
    put_file("theirs", "x", 0600);
    CHECK_EQ(chown("theirs", 1000, 1000), 0);
    CHECK_EQ(mkdir("closed", 0700), 0);
    CHECK_EQ(mkdir("open", 0777), 0);
    CHECK_EQ(chmod("open", 0777), 0);
    CHECK_EQ(mkdir("sticky", 0777), 0);
    CHECK_EQ(chmod("sticky", 01777), 0);
    put_file("sticky/f", "x", 0666);
    pid_t pid = fork();
    if (pid == 0) {
        become(1000);
        CHECK_ERR(open("hidden", O_RDONLY), EACCES);
        CHECK_ERR(open("mine", O_WRONLY), EACCES);
        CHECK_OK(open("mine", O_RDONLY));
        CHECK_ERR(open("mine", O_RDONLY | O_NOATIME), EPERM);
        CHECK_OK(open("theirs", O_RDWR | O_NOATIME));
        CHECK_ERR(open("new", O_CREAT | O_RDWR, 0600), EACCES);
        CHECK_ERR(chdir("closed"), EACCES);
        CHECK_ERR(stat("closed/x", &st), EACCES);
        CHECK_ERR(access("hidden", R_OK), EACCES);
        CHECK_EQ(access("mine", R_OK), 0);
        CHECK_ERR(access("mine", W_OK), EACCES);
        CHECK_ERR(chmod("mine", 0777), EPERM);
        CHECK_ERR(chown("theirs", 0, -1), EPERM);
        CHECK_ERR(chown("theirs", -1, 0), EPERM);
        CHECK_EQ(chown("theirs", 1000, 1000), 0);
        CHECK_EQ(chmod("theirs", 0640), 0);
        CHECK_ERR(truncate("mine", 0), EACCES);
        CHECK_ERR(utimensat(AT_FDCWD, "mine", NULL, 0), EACCES);
        CHECK_ERR(utimensat(AT_FDCWD, "mine", (struct timespec[]){{1, 0}, {1, 0}}, 0), EPERM);
        CHECK_ERR(unlink("mine"), EACCES);
        CHECK_ERR(unlink("sticky/f"), EPERM);
        CHECK_ERR(rename("sticky/f", "sticky/g"), EPERM);
        CHECK_ERR(mkdir("closed/x", 0700), EACCES);
        CHECK_EQ(mkdir("open/x", 0700), 0);
        CHECK_EQ(stat("open/x", &st), 0);
        CHECK_EQ(st.st_uid, 1000);
        CHECK_EQ(st.st_gid, 1000);
        CHECK_ERR(mknod("open/dev", S_IFCHR | 0600, makedev(1, 3)), EPERM);
        CHECK_ERR(chroot("open"), EPERM);
        CHECK_ERR(mount("x", "open", "tmpfs", 0, NULL), EPERM);
        CHECK_ERR(umount2("/proc", 0), EPERM);
        CHECK_ERR(syscall(SYS_pivot_root, "open", "open"), EPERM);
        _exit(0);
    }
    CHECK_EXIT(pid, 0);
}

CASE(access_is_for_the_real_user)
{
    if (geteuid() != 0)
        SKIP("needs the superuser");
    CHECK_EQ(chmod(".", 0755), 0);
    CHECK_EQ(chmod("..", 0755), 0);
    put_file("hidden", "x", 0600);
    put_file("program", "x", 0644);
    CHECK_ERR(access("program", X_OK), EACCES); /* nobody's execute bit: not even root's */
    pid_t pid = fork();
    if (pid == 0) {
        CHECK_EQ(setresuid(1000, 0, 0), 0);
        CHECK_OK(open("hidden", O_RDONLY));
        CHECK_ERR(syscall(SYS_access, "hidden", R_OK), EACCES);
        CHECK_EQ(syscall(SYS_faccessat2, AT_FDCWD, "hidden", R_OK, AT_EACCESS), 0);
        _exit(0);
    }
    CHECK_EXIT(pid, 0);
}

CASE(set_id_bits)
{
    struct stat st;
    if (geteuid() != 0)
        SKIP("needs the superuser");
    CHECK_EQ(chmod(".", 0755), 0);
    CHECK_EQ(chmod("..", 0755), 0);
    put_file("f", "x", 06755);
    CHECK_EQ(stat("f", &st), 0);
    CHECK_EQ(st.st_mode & 07777, 06755);
    CHECK_EQ(chown("f", 1000, 1000), 0);
    CHECK_EQ(stat("f", &st), 0);
    CHECK_EQ(st.st_mode & 07777, 0755);
    CHECK_EQ(chmod("f", 04777), 0);
    pid_t pid = fork();
    if (pid == 0) {
        become(1001);
        int fd = (int) CHECK_OK(open("f", O_WRONLY));
        CHECK_EQ(write(fd, "y", 1), 1);
        _exit(0);
    }
    CHECK_EXIT(pid, 0);
    CHECK_EQ(stat("f", &st), 0);
    CHECK_EQ(st.st_mode & 07777, 0777);
}

CASE(bytes_left)
{
    int fd, n = -1;
    put_file("f", "0123456789", 0600);
    fd = (int) CHECK_OK(open("f", O_RDONLY));
    CHECK_EQ(lseek(fd, 4, SEEK_SET), 4);
    CHECK_EQ(ioctl(fd, FIONREAD, &n), 0);
    CHECK_EQ(n, 6);
    CHECK_ERR(ioctl(fd, FIONREAD, (void *) 8), EFAULT);
    CHECK_ERR(ioctl(fd, TIOCGPGRP, &n), ENOTTY);
    CHECK_ERR(ioctl(fd, 0x12345678, &n), ENOTTY);
    CHECK_ERR(ioctl(-1, FIONREAD, &n), EBADF);
}

CASE(running_programs)
{
    CHECK_EQ(system("cp /bin/sleep prog"), 0);
    pid_t pid = fork();
    if (pid == 0) {
        do /* the parent may just be trying, too */
            execl("./prog", "sleep", "100", NULL);
        while (errno == ETXTBSY);
        _exit(1);
    }
    int fd = -1;
    for (int i = 0; i < 200 && (fd = open("prog", O_WRONLY)) >= 0; i++) {
        close(fd);
        sleep_ms(10);
    }
    CHECK_ERR(open("prog", O_RDWR), ETXTBSY);
    CHECK_ERR(open("prog", O_RDONLY | O_TRUNC), ETXTBSY);
    CHECK_ERR(truncate("prog", 0), ETXTBSY);
    CHECK_OK(open("prog", O_RDONLY));
    CHECK_EQ(chmod("prog", 0700), 0);
    CHECK_EQ(rename("prog", "prog2"), 0);
    CHECK_ERR(open("prog2", O_WRONLY), ETXTBSY);
    CHECK_EQ(unlink("prog2"), 0);
    put_file("prog2", "new", 0700); /* another file of that name */
    CHECK_EQ(kill(pid, SIGKILL), 0);
    CHECK_KILLED(pid, SIGKILL);
}

CASE(too_many_files)
{
    struct rlimit rl = {20, 20};
    int fds[32], n = 0;
    put_file("f", "x", 0600);
    CHECK_EQ(setrlimit(RLIMIT_NOFILE, &rl), 0);
    while (n < 32 && (fds[n] = open("f", O_RDONLY)) >= 0)
        CHECK(fds[n++] < 20);
    CHECK_EQ(errno, EMFILE);
    CHECK_ERR(open("not-made", O_CREAT | O_RDWR, 0600), EMFILE);
    CHECK_ERR(access("not-made", F_OK), ENOENT);
    CHECK_ERR(dup(0), EMFILE);
    CHECK_ERR(pipe((int[2]){0}), EMFILE);
    CHECK_ERR(fcntl(0, F_DUPFD, 20), EINVAL);
    CHECK_ERR(fcntl(0, F_DUPFD, 19), EMFILE);
    CHECK_ERR(dup2(0, 20), EBADF);
    CHECK_EQ(dup2(0, 19), 19);
    CHECK_EQ(close(fds[0]), 0);
    CHECK_EQ(dup(0), fds[0]);
}

GUEST_MAIN
