/* SPDX-License-Identifier: Apache-2.0 */
/* openat2(2): strictness, and walks that may not leave. O_PATH and O_TMPFILE to the end. */
#include "guest.h"
#include <linux/openat2.h>
#include <sys/statfs.h>
#include <sys/xattr.h>

static long openat2(int dir, const char *name, const struct open_how *how, size_t size)
{
    return syscall(SYS_openat2, dir, name, how, size);
}

static long resolve(int dir, const char *name, uint64_t flags, uint64_t resolve_flags)
{
    struct open_how how = {.flags = flags, .resolve = resolve_flags};
    return openat2(dir, name, &how, sizeof(how));
}

CASE(strict_arguments)
{
    struct {
        struct open_how how;
        char more[64];
    } big = {.how = {.flags = O_RDONLY}};
    put_file("f", "x", 0644);
    CHECK_OK(openat2(AT_FDCWD, "f", &big.how, sizeof(big.how)));
    CHECK_OK(openat2(AT_FDCWD, "f", &big.how, sizeof(big)));
    big.more[63] = 1;
    CHECK_ERR(openat2(AT_FDCWD, "f", &big.how, sizeof(big)), E2BIG);
    CHECK_ERR(openat2(AT_FDCWD, "f", &big.how, sizeof(big.how) - 1), EINVAL);
    CHECK_ERR(openat2(AT_FDCWD, "f", &big.how, 0), EINVAL);
    CHECK_ERR(openat2(AT_FDCWD, "f", (void *) 8, sizeof(big.how)), EFAULT);
    CHECK_ERR(openat2(AT_FDCWD, "f", &big.how, 1 << 20), E2BIG);
    CHECK_ERR(openat2(AT_FDCWD, "f", &(struct open_how){.flags = 1ull << 40}, 24), EINVAL);
    CHECK_ERR(openat2(AT_FDCWD, "f", &(struct open_how){.flags = O_RDONLY, .mode = 0600}, 24),
              EINVAL);
    CHECK_ERR(openat2(AT_FDCWD, "g", &(struct open_how){.flags = O_CREAT | O_RDWR, .mode = 0100600},
                      24),
              EINVAL);
    CHECK_ERR(openat2(AT_FDCWD, "f", &(struct open_how){.flags = O_PATH | O_RDWR}, 24), EINVAL);
    CHECK_ERR(resolve(AT_FDCWD, "f", O_RDONLY, 1 << 20), EINVAL);
    CHECK_ERR(resolve(AT_FDCWD, "f", O_RDONLY, RESOLVE_BENEATH | RESOLVE_IN_ROOT), EINVAL);
    CHECK_ERR(resolve(999, "f", O_RDONLY, 0), EBADF);
    CHECK_ERR(resolve(AT_FDCWD, "", O_RDONLY, 0), ENOENT);
    CHECK_OK(openat2(AT_FDCWD, "g",
                     &(struct open_how){.flags = O_CREAT | O_RDWR | O_CLOEXEC, .mode = 0600}, 24));
}

static void make_tree(void)
{
    CHECK_EQ(mkdir("d", 0755), 0);
    CHECK_EQ(mkdir("d/e", 0755), 0);
    put_file("d/f", "f", 0644);
    put_file("out", "o", 0644);
    CHECK_EQ(symlink("f", "d/near"), 0);
    CHECK_EQ(symlink("../out", "d/up"), 0);
    CHECK_EQ(symlink("/etc/passwd", "d/absolute"), 0);
    CHECK_EQ(symlink("/f", "d/rooted"), 0);
    CHECK_EQ(symlink("e/../f", "d/round"), 0);
}

CASE(beneath)
{
    make_tree();
    int d = (int) CHECK_OK(open("d", O_PATH | O_DIRECTORY));
    CHECK_OK(resolve(d, "f", O_RDONLY, RESOLVE_BENEATH));
    CHECK_OK(resolve(d, "near", O_RDONLY, RESOLVE_BENEATH));
    CHECK_OK(resolve(d, "round", O_RDONLY, RESOLVE_BENEATH));
    CHECK_OK(resolve(d, "e/../f", O_RDONLY, RESOLVE_BENEATH));
    CHECK_ERR(resolve(d, "up", O_RDONLY, RESOLVE_BENEATH), EXDEV);
    CHECK_ERR(resolve(d, "..", O_RDONLY, RESOLVE_BENEATH), EXDEV);
    CHECK_ERR(resolve(d, "e/../../out", O_RDONLY, RESOLVE_BENEATH), EXDEV);
    CHECK_ERR(resolve(d, "absolute", O_RDONLY, RESOLVE_BENEATH), EXDEV);
    CHECK_ERR(resolve(d, "/etc", O_RDONLY, RESOLVE_BENEATH), EXDEV);
    CHECK_ERR(resolve(d, "missing", O_RDONLY, RESOLVE_BENEATH), ENOENT);
    CHECK_OK(openat2(
        d, "made",
        &(struct open_how){.flags = O_CREAT | O_RDWR, .mode = 0600, .resolve = RESOLVE_BENEATH},
        24));
}

CASE(in_root)
{
    struct stat a, b;
    make_tree();
    int d = (int) CHECK_OK(open("d", O_PATH | O_DIRECTORY)), fd;
    CHECK_OK(resolve(d, "/f", O_RDONLY, RESOLVE_IN_ROOT));
    CHECK_OK(resolve(d, "rooted", O_RDONLY, RESOLVE_IN_ROOT));
    CHECK_OK(resolve(d, "../../../f", O_RDONLY, RESOLVE_IN_ROOT));
    CHECK_ERR(resolve(d, "absolute", O_RDONLY, RESOLVE_IN_ROOT), ENOENT);
    CHECK_ERR(resolve(d, "up", O_RDONLY, RESOLVE_IN_ROOT), ENOENT);
    fd = (int) CHECK_OK(resolve(d, "..", O_PATH, RESOLVE_IN_ROOT));
    CHECK_EQ(fstat(fd, &a), 0);
    CHECK_EQ(fstat(d, &b), 0);
    CHECK_EQ(a.st_ino, b.st_ino);
}

CASE(no_symlinks)
{
    make_tree();
    CHECK_OK(resolve(AT_FDCWD, "d/f", O_RDONLY, RESOLVE_NO_SYMLINKS));
    CHECK_ERR(resolve(AT_FDCWD, "d/near", O_RDONLY, RESOLVE_NO_SYMLINKS), ELOOP);
    CHECK_EQ(symlink("d", "dl"), 0);
    CHECK_ERR(resolve(AT_FDCWD, "dl/f", O_RDONLY, RESOLVE_NO_SYMLINKS), ELOOP);
    CHECK_OK(resolve(AT_FDCWD, "d/near", O_PATH | O_NOFOLLOW, RESOLVE_NO_SYMLINKS));
    CHECK_ERR(resolve(AT_FDCWD, "/proc/self/exe", O_RDONLY, RESOLVE_NO_MAGICLINKS), ELOOP);
    CHECK_ERR(resolve(AT_FDCWD, "/proc/version", O_RDONLY, RESOLVE_BENEATH), EXDEV);
}

CASE(no_crossing)
{
    int root = (int) CHECK_OK(open("/", O_PATH));
    CHECK_ERR(resolve(root, "proc/version", O_RDONLY, RESOLVE_NO_XDEV), EXDEV);
    CHECK_OK(resolve(root, "etc", O_RDONLY, RESOLVE_NO_XDEV));
}

/* ---- O_PATH ---- */

CASE(places)
{
    char buf[64];
    struct stat st;
    struct statfs sfs;
    CHECK_EQ(mkdir("d", 0755), 0);
    put_file("d/f", "abc", 0644);
    put_file("secret", "x", 0);
    CHECK_EQ(symlink("d/f", "ln"), 0);
    CHECK_EQ(mkfifo("fifo", 0600), 0);
    int d = (int) CHECK_OK(open("d", O_PATH)),
        f = (int) CHECK_OK(open("d/f", O_PATH | O_RDWR | O_TRUNC));
    int ln = (int) CHECK_OK(open("ln", O_PATH | O_NOFOLLOW));
    CHECK_OK(open("secret", O_PATH));
    CHECK_OK(open("fifo", O_PATH)); /* does not wait for a writer */
    CHECK_EQ(fstat(f, &st), 0);
    CHECK_EQ(st.st_size, 3); /* not truncated */
    CHECK_EQ(fstatfs(f, &sfs), 0);
    CHECK_EQ(fcntl(f, F_GETFL) & O_PATH, O_PATH);
    CHECK_EQ(fcntl(f, F_GETFL) & O_ACCMODE, 0);
    CHECK_OK(dup(f));
    CHECK_OK(fcntl(f, F_DUPFD, 0));
    CHECK_EQ(fcntl(f, F_SETFD, FD_CLOEXEC), 0);
    CHECK_EQ(fcntl(f, F_GETFD), FD_CLOEXEC);
    CHECK_OK(openat(d, "f", O_RDONLY));
    CHECK_EQ(fchdir(d), 0);
    CHECK_EQ(readlinkat(ln, "", buf, sizeof(buf)), 3);
    CHECK_MEM(buf, "d/f", 3);
    CHECK_ERR(readlinkat(f, "", buf, sizeof(buf)), ENOENT);
    CHECK_EQ(fstat(ln, &st), 0);
    CHECK_EQ(st.st_mode & S_IFMT, S_IFLNK);
    CHECK_EQ(fchownat(f, "", getuid(), getgid(), AT_EMPTY_PATH), 0);
    CHECK_ERR(read(f, buf, 1), EBADF);
    CHECK_ERR(write(f, buf, 1), EBADF);
    CHECK_ERR(lseek(f, 0, SEEK_SET), EBADF);
    CHECK_ERR(fchmod(f, 0600), EBADF);
    CHECK_ERR(fchown(f, -1, -1), EBADF);
    CHECK_ERR(ftruncate(f, 0), EBADF);
    CHECK_ERR(futimens(f, NULL), EBADF);
    CHECK_ERR(fcntl(f, F_SETFL, 0), EBADF);
    CHECK_ERR(fcntl(f, F_SETLK, &(struct flock){.l_type = F_RDLCK}), EBADF);
    CHECK_ERR(fgetxattr(f, "user.x", buf, 1), EBADF);
    CHECK_ERR(mmap(NULL, 1, PROT_READ, MAP_PRIVATE, f, 0) == MAP_FAILED ? -1 : 0, EBADF);
    CHECK_ERR(syscall(SYS_getdents64, d, buf, sizeof(buf)), EBADF);
    CHECK_ERR(open("f", O_PATH | O_DIRECTORY), ENOTDIR);
    CHECK_ERR(openat(f, "x", O_RDONLY), ENOTDIR);
}

/* ---- O_TMPFILE ---- */

CASE(unnamed_files)
{
    char buf[8];
    struct stat st;
    int fd = open(".", O_TMPFILE | O_RDWR, 0640);
    if (fd < 0 && errno == EOPNOTSUPP)
        SKIP("not on this file system");
    CHECK_OK(fd);
    CHECK_EQ(write(fd, "abc", 3), 3);
    CHECK_EQ(pread(fd, buf, 8, 0), 3);
    CHECK_EQ(fstat(fd, &st), 0);
    CHECK_EQ(st.st_nlink, 0);
    CHECK_EQ(st.st_mode, S_IFREG | 0640);
    CHECK_EQ(fchmod(fd, 0600), 0);
    CHECK_EQ(ftruncate(fd, 1), 0);
    CHECK_EQ(fstat(fd, &st), 0);
    CHECK_EQ(st.st_size, 1);
    CHECK_ERR(open(".", O_TMPFILE | O_RDONLY, 0600), EINVAL);
    CHECK_ERR(open("missing", O_TMPFILE | O_RDWR, 0600), ENOENT);
    put_file("f", "x", 0600);
    CHECK_ERR(open("f", O_TMPFILE | O_RDWR, 0600), ENOTDIR);
    /* Needs CAP_DAC_READ_SEARCH, which a superuser in a container may lack. */
    if (linkat(fd, "", AT_FDCWD, "named", AT_EMPTY_PATH) == 0) {
        CHECK_EQ(stat("named", &st), 0);
        CHECK_EQ(st.st_nlink, 1);
        int excl = (int) CHECK_OK(open(".", O_TMPFILE | O_RDWR | O_EXCL, 0600));
        CHECK_ERR(linkat(excl, "", AT_FDCWD, "never", AT_EMPTY_PATH), ENOENT);
    } else {
        CHECK_EQ(errno, ENOENT);
    }
}

GUEST_MAIN
