/* SPDX-License-Identifier: Apache-2.0 */
/* Times of files: utimensat(2) and its elders, and what moves them. */
#include "guest.h"
#include <sys/time.h>
#include <utime.h>

static struct stat of(const char *name)
{
    struct stat st;
    CHECK_EQ(lstat(name, &st), 0);
    return st;
}

static int set(const char *name, long a, long an, long m, long mn, int flags)
{
    struct timespec ts[2] = {{a, an}, {m, mn}};
    return utimensat(AT_FDCWD, name, ts, flags);
}

static void become(uid_t uid)
{
    CHECK_EQ(setgid(uid), 0);
    CHECK_EQ(setuid(uid), 0);
}

CASE(nanoseconds_and_far_years)
{
    put_file("f", "", 0600);
    CHECK_EQ(set("f", 1, 123456789, 2, 999999999, 0), 0);
    struct stat st = of("f");
    CHECK_EQ(st.st_atim.tv_sec, 1);
    CHECK_EQ(st.st_atim.tv_nsec, 123456789);
    CHECK_EQ(st.st_mtim.tv_nsec, 999999999);
    long far = 4102444800; /* 2100 */
    CHECK_EQ(set("f", far, 5, far + 1, 6, 0), 0);
    st = of("f");
    CHECK_EQ(st.st_atim.tv_sec, far);
    CHECK_EQ(st.st_mtim.tv_sec, far + 1);
    CHECK_EQ(set("f", -1, 5, -1000000, 6, 0), 0);
    st = of("f");
    CHECK_EQ(st.st_atim.tv_sec, -1);
    CHECK_EQ(st.st_mtim.tv_sec, -1000000);
    CHECK(st.st_ctim.tv_sec > 1000000);
}

CASE(now_and_omit)
{
    put_file("f", "", 0600);
    CHECK_EQ(set("f", 1, 0, 2, 0, 0), 0);
    CHECK_EQ(set("f", 77, UTIME_OMIT, 3, 0, 0), 0);
    CHECK_EQ(of("f").st_atim.tv_sec, 1);
    CHECK_EQ(of("f").st_mtim.tv_sec, 3);
    CHECK_EQ(set("f", 77, UTIME_NOW, 77, UTIME_OMIT, 0), 0);
    CHECK(of("f").st_atim.tv_sec > 1000000);
    CHECK_EQ(of("f").st_mtim.tv_sec, 3);
    CHECK_EQ(utimensat(AT_FDCWD, "f", NULL, 0), 0);
    CHECK(of("f").st_mtim.tv_sec > 1000000);
    CHECK_EQ(set("missing", 0, UTIME_OMIT, 0, UTIME_OMIT, 0), 0);
}

CASE(arguments)
{
    put_file("f", "", 0600);
    CHECK_ERR(set("f", 1, -1, 1, 0, 0), EINVAL);
    CHECK_ERR(set("f", 1, 1000000000, 1, 0, 0), EINVAL);
    CHECK_ERR(set("f", 1, 0, 1, 1000000000, 0), EINVAL);
    CHECK_ERR(set("missing", 1, 0, 1, 0, 0), ENOENT);
    CHECK_ERR(set("f/x", 1, 0, 1, 0, 0), ENOTDIR);
    CHECK_ERR(set("f", 1, 0, 1, 0, 0x1), EINVAL);
    CHECK_ERR(utimensat(-1, "f", NULL, 0), EBADF);
    CHECK_ERR(syscall(SYS_utimensat, AT_FDCWD, "f", (void *) 8, 0), EFAULT);
    CHECK_ERR(syscall(SYS_utimensat, AT_FDCWD, NULL, NULL, 0), EFAULT);
    CHECK_ERR(syscall(SYS_utimensat, 999, NULL, NULL, 0), EBADF);
    CHECK_ERR(futimens(999, NULL), EBADF);
    struct timeval tv[2] = {{1, 1000000}, {1, 0}};
    CHECK_ERR(utimes("f", tv), EINVAL);
}

CASE(links_themselves)
{
    put_file("f", "", 0600);
    CHECK_EQ(symlink("f", "ln"), 0);
    CHECK_EQ(symlink("missing", "lm"), 0);
    CHECK_EQ(set("f", 9, 0, 9, 0, 0), 0);
    CHECK_EQ(set("ln", 5, 1, 6, 2, AT_SYMLINK_NOFOLLOW), 0);
    CHECK_EQ(of("ln").st_mtim.tv_sec, 6);
    CHECK_EQ(of("ln").st_mtim.tv_nsec, 2);
    CHECK_EQ(of("f").st_mtim.tv_sec, 9);
    CHECK_EQ(set("ln", 7, 0, 7, 0, 0), 0);
    CHECK_EQ(of("f").st_mtim.tv_sec, 7);
    CHECK_EQ(set("lm", 5, 0, 5, 0, AT_SYMLINK_NOFOLLOW), 0);
    CHECK_ERR(set("lm", 5, 0, 5, 0, 0), ENOENT);
}

CASE(who_may)
{
    CHECK_EQ(chmod(".", 0755), 0);
    put_file("w", "", 0666);
    put_file("r", "", 0644);
    put_file("mine", "", 0600);
    CHECK_EQ(chown("mine", 1000, 1000), 0);
    become(1000);
    CHECK_EQ(utimensat(AT_FDCWD, "w", NULL, 0), 0);
    CHECK_EQ(set("w", 0, UTIME_NOW, 0, UTIME_NOW, 0), 0);
    CHECK_ERR(set("w", 1, 0, 1, 0, 0), EPERM);
    CHECK_ERR(set("w", 0, UTIME_NOW, 0, UTIME_OMIT, 0), EPERM);
    CHECK_ERR(utimensat(AT_FDCWD, "r", NULL, 0), EACCES);
    CHECK_ERR(set("r", 1, 0, 1, 0, 0), EPERM);
    CHECK_EQ(set("r", 0, UTIME_OMIT, 0, UTIME_OMIT, 0), 0);
    CHECK_EQ(set("mine", 1, 0, 1, 0, 0), 0);
    CHECK_EQ(utimensat(AT_FDCWD, "mine", NULL, 0), 0);
}

CASE(elders)
{
    put_file("f", "", 0600);
    struct utimbuf u = {11, 12};
    CHECK_EQ(utime("f", &u), 0);
    CHECK_EQ(of("f").st_atim.tv_sec, 11);
    CHECK_EQ(of("f").st_mtim.tv_sec, 12);
    struct timeval tv[2] = {{21, 3}, {22, 4}};
    CHECK_EQ(syscall(SYS_utimes, "f", tv), 0);
    CHECK_EQ(of("f").st_atim.tv_nsec, 3000);
    CHECK_EQ(of("f").st_mtim.tv_sec, 22);
    CHECK_EQ(syscall(SYS_futimesat, AT_FDCWD, "f", tv), 0);
    CHECK_EQ(utime("f", NULL), 0);
    CHECK(of("f").st_mtim.tv_sec > 1000000);
}

CASE(what_moves_them)
{
    put_file("f", "abc", 0600);
    CHECK_EQ(set("f", 1, 0, 1, 0, 0), 0);
    struct timespec c = of("f").st_ctim;
    sleep_ms(20);
    CHECK_EQ(chmod("f", 0640), 0);
    CHECK_EQ(of("f").st_mtim.tv_sec, 1);
    CHECK(of("f").st_ctim.tv_nsec != c.tv_nsec || of("f").st_ctim.tv_sec != c.tv_sec);
    c = of("f").st_ctim;
    sleep_ms(20);
    CHECK_EQ(link("f", "g"), 0);
    CHECK(of("f").st_ctim.tv_nsec != c.tv_nsec || of("f").st_ctim.tv_sec != c.tv_sec);
    CHECK_EQ(of("f").st_mtim.tv_sec, 1);
    int fd = (int) CHECK_OK(open("f", O_RDWR));
    CHECK_EQ(of("f").st_mtim.tv_sec, 1);
    CHECK_EQ(write(fd, "", 0), 0);
    CHECK_EQ(of("f").st_mtim.tv_sec, 1);
    CHECK_EQ(write(fd, "x", 1), 1);
    CHECK(of("f").st_mtim.tv_sec > 1);
    CHECK_EQ(set("f", 1, 0, 1, 0, 0), 0);
    CHECK_EQ(ftruncate(fd, 3), 0); /* the same size */
    CHECK(of("f").st_mtim.tv_sec > 1);
    CHECK_EQ(set("f", 1, 0, 1, 0, 0), 0);
    CHECK_EQ(close((int) CHECK_OK(open("f", O_RDWR | O_TRUNC))), 0);
    CHECK(of("f").st_mtim.tv_sec > 1);
}

CASE(by_descriptor)
{
    int fd = (int) CHECK_OK(open("f", O_CREAT | O_RDONLY, 0600)), p[2];
    struct timespec ts[2] = {{1, 2}, {3, 4}};
    CHECK_EQ(futimens(fd, ts), 0);
    CHECK_EQ(of("f").st_mtim.tv_nsec, 4);
    CHECK_EQ(utimensat(fd, "", (struct timespec[2]){{5, 0}, {6, 0}}, AT_EMPTY_PATH), 0);
    CHECK_EQ(of("f").st_mtim.tv_sec, 6);
    int at = (int) CHECK_OK(open("f", O_PATH));
    CHECK_ERR(futimens(at, ts), EBADF);
    CHECK_EQ(utimensat(at, "", ts, AT_EMPTY_PATH), 0);
    CHECK_EQ(pipe(p), 0);
    CHECK_EQ(futimens(p[0], ts), 0);
}

GUEST_MAIN
