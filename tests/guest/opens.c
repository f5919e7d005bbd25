/* SPDX-License-Identifier: Apache-2.0 */
/* open(2) in its corners: unnamed files, places, types, flags of the host's, names that are odd. */
#include "guest.h"
#include <limits.h>
#include <sys/socket.h>
#include <sys/un.h>

static const char *link_of(int fd)
{
    static char name[64];
    snprintf(name, sizeof(name), "/proc/self/fd/%d", fd);
    return name;
}

/* As a user without capabilities. */
static void become(uid_t uid)
{
    CHECK_EQ(setgid(uid), 0);
    CHECK_EQ(setuid(uid), 0);
}

/* ---- O_TMPFILE ---- */

CASE(unnamed_file_gets_a_name_by_proc)
{
    struct stat st;
    char buf[8];
    int fd = (int) CHECK_OK(open(".", O_TMPFILE | O_RDWR, 0640));
    CHECK_EQ(write(fd, "abc", 3), 3);
    CHECK_EQ(fstat(fd, &st), 0);
    CHECK_EQ(st.st_nlink, 0);
    CHECK_EQ(st.st_mode, S_IFREG | 0640);
    CHECK_EQ(linkat(AT_FDCWD, link_of(fd), AT_FDCWD, "named", AT_SYMLINK_FOLLOW), 0);
    CHECK_EQ(fstat(fd, &st), 0);
    CHECK_EQ(st.st_nlink, 1);
    get_file("named", buf, sizeof(buf));
    CHECK_STR(buf, "abc");
    CHECK_EQ(write(fd, "d", 1), 1);
    get_file("named", buf, sizeof(buf));
    CHECK_STR(buf, "abcd");
    CHECK_ERR(linkat(AT_FDCWD, link_of(fd), AT_FDCWD, "named", AT_SYMLINK_FOLLOW), EEXIST);
}

CASE(unnamed_file_gets_a_name_by_descriptor)
{
    struct stat st;
    int fd = (int) CHECK_OK(open(".", O_TMPFILE | O_RDWR, 0600));
    if (linkat(fd, "", AT_FDCWD, "named", AT_EMPTY_PATH) < 0) {
        CHECK_EQ(errno, ENOENT);
        SKIP("takes CAP_DAC_READ_SEARCH");
    }
    CHECK_EQ(stat("named", &st), 0);
    CHECK_EQ(st.st_nlink, 1);
}

CASE(unnamed_file_that_never_gets_one)
{
    int fd = (int) CHECK_OK(open(".", O_TMPFILE | O_RDWR | O_EXCL, 0600));
    CHECK_ERR(linkat(AT_FDCWD, link_of(fd), AT_FDCWD, "named", AT_SYMLINK_FOLLOW), ENOENT);
    CHECK_ERR(access("named", F_OK), ENOENT);
}

CASE(unnamed_file_errors)
{
    put_file("f", "", 0600);
    CHECK_ERR(open(".", O_TMPFILE | O_RDONLY, 0600), EINVAL);
    CHECK_ERR(open("f", O_TMPFILE | O_RDWR, 0600), ENOTDIR);
    CHECK_ERR(open("missing", O_TMPFILE | O_RDWR, 0600), ENOENT);
    CHECK_ERR(open(".", (O_TMPFILE & ~O_DIRECTORY) | O_RDWR, 0600), EINVAL);
    CHECK_ERR(open(".", O_TMPFILE | O_CREAT | O_RDWR, 0600), EINVAL);
    CHECK_ERR(open("/proc", O_TMPFILE | O_RDWR, 0600), EOPNOTSUPP);
    CHECK_EQ(mkdir("d", 0555), 0);
    become(1000);
    CHECK_ERR(open("d", O_TMPFILE | O_RDWR, 0600), EACCES);
}

CASE(removed_file_gets_no_name_again)
{
    put_file("f", "", 0600);
    int fd = (int) CHECK_OK(open("f", O_RDWR));
    CHECK_EQ(unlink("f"), 0);
    CHECK_ERR(linkat(AT_FDCWD, link_of(fd), AT_FDCWD, "g", AT_SYMLINK_FOLLOW), ENOENT);
    CHECK_ERR(linkat(fd, "", AT_FDCWD, "g", AT_EMPTY_PATH), ENOENT);
}

/* ---- O_PATH ---- */

CASE(place_of_a_link)
{
    char buf[16] = {0};
    struct stat st;
    CHECK_EQ(symlink("target", "ln"), 0);
    int p = (int) CHECK_OK(open("ln", O_PATH | O_NOFOLLOW));
    CHECK_EQ(fstat(p, &st), 0);
    CHECK_EQ(st.st_mode & S_IFMT, S_IFLNK);
    CHECK_EQ(readlinkat(p, "", buf, sizeof(buf)), 6);
    CHECK_STR(buf, "target");
    CHECK_ERR(open("ln", O_PATH), ENOENT);
    CHECK_EQ(fchownat(p, "", 1, 2, AT_EMPTY_PATH), 0);
    CHECK_EQ(lstat("ln", &st), 0);
    CHECK_EQ(st.st_uid, 1);
    CHECK_EQ(st.st_gid, 2);
    CHECK_ERR(open("ln", O_PATH | O_NOFOLLOW | O_DIRECTORY), ENOTDIR);
    CHECK_ERR(open("ln", O_RDONLY | O_NOFOLLOW | O_DIRECTORY), ENOTDIR);
}

CASE(place_needs_no_permission_of_its_own)
{
    struct stat st;
    put_file("f", "x", 0000);
    CHECK_EQ(chmod(".", 0755), 0);
    become(1000);
    CHECK_ERR(open("f", O_RDONLY), EACCES);
    int p = (int) CHECK_OK(open("f", O_PATH));
    CHECK_EQ(fstat(p, &st), 0);
    CHECK_ERR(open(link_of(p), O_RDONLY), EACCES);
}

CASE(place_is_opened_again_through_proc)
{
    char b;
    put_file("f", "x", 0600);
    int p = (int) CHECK_OK(open("f", O_PATH));
    int fd = (int) CHECK_OK(open(link_of(p), O_RDWR));
    CHECK_EQ(read(fd, &b, 1), 1);
    CHECK_EQ(unlink("f"), 0);
    fd = (int) CHECK_OK(open(link_of(p), O_RDONLY));
    CHECK_EQ(read(fd, &b, 1), 1);
    CHECK_EQ(chmod(link_of(p), 0640), 0);
    struct stat st;
    CHECK_EQ(fstat(p, &st), 0);
    CHECK_EQ(st.st_mode & 07777, 0640);
}

CASE(place_of_a_directory_serves_as_one)
{
    CHECK_EQ(mkdir("d", 0755), 0);
    int p = (int) CHECK_OK(open("d", O_PATH | O_DIRECTORY));
    char buf[64];
    CHECK_EQ(mkdirat(p, "e", 0755), 0);
    CHECK_OK(openat(p, "f", O_CREAT | O_RDWR, 0600));
    CHECK_EQ(faccessat(p, "e", F_OK, 0), 0);
    CHECK_ERR(syscall(SYS_getdents64, p, buf, sizeof(buf)), EBADF);
    CHECK_EQ(fchdir(p), 0);
    CHECK_EQ(access("e", F_OK), 0);
    CHECK_ERR(openat(p, "f", O_PATH | O_DIRECTORY), ENOTDIR);
}

CASE(place_of_special_files)
{
    CHECK_EQ(mkfifo("p", 0600), 0);
    CHECK_OK(open("p", O_PATH)); /* and does not wait for a writer */
    int s = socket(AF_UNIX, SOCK_STREAM, 0);
    struct sockaddr_un a = {.sun_family = AF_UNIX, .sun_path = "s"};
    CHECK_EQ(bind(s, (void *) &a, sizeof(a)), 0);
    CHECK_ERR(open("s", O_RDONLY), ENXIO);
    CHECK_ERR(open("s", O_RDWR), ENXIO);
    CHECK_OK(open("s", O_PATH));
    CHECK_ERR(open("p", O_WRONLY | O_NONBLOCK), ENXIO);
    CHECK_OK(open("p", O_RDONLY | O_NONBLOCK));
}

/* ---- flags ---- */

CASE(directories)
{
    CHECK_EQ(mkdir("d", 0755), 0);
    put_file("f", "", 0600);
    CHECK_ERR(open("d", O_RDONLY | O_CREAT | O_DIRECTORY, 0600), EINVAL);
    CHECK_ERR(open("new", O_RDONLY | O_CREAT | O_DIRECTORY, 0600), EINVAL);
    CHECK_ERR(access("new", F_OK), ENOENT);
    CHECK_ERR(open("d", O_RDONLY | O_TRUNC), EISDIR);
    CHECK_ERR(open("d", O_RDONLY | O_CREAT | O_EXCL, 0600), EEXIST);
    CHECK_ERR(creat("d", 0600), EISDIR);
    CHECK_ERR(open("f", O_DIRECTORY), ENOTDIR);
    CHECK_ERR(open("f/", O_RDONLY), ENOTDIR);
    CHECK_ERR(open("f/.", O_RDONLY), ENOTDIR);
    CHECK_ERR(open("f/..", O_RDONLY), ENOTDIR);
    CHECK_ERR(open("f/", O_CREAT | O_RDWR, 0600), EISDIR);
    CHECK_ERR(open("new/", O_CREAT | O_RDWR, 0600), EISDIR);
    CHECK_ERR(open("d/", O_CREAT | O_RDWR, 0600), EISDIR);
    CHECK_ERR(open(".", O_CREAT | O_RDWR, 0600), EISDIR);
    CHECK_ERR(open("d/..", O_CREAT | O_RDWR, 0600), EISDIR);
    CHECK_ERR(open("/", O_CREAT | O_RDWR, 0600), EISDIR);
    CHECK_ERR(open("d/.", O_CREAT | O_EXCL | O_RDWR, 0600), EEXIST);
    CHECK_OK(open("d//", O_RDONLY));
    CHECK_OK(open("d/./", O_RDONLY | O_DIRECTORY));
}

CASE(trailing_slashes_and_links)
{
    CHECK_EQ(mkdir("d", 0755), 0);
    put_file("f", "", 0600);
    CHECK_EQ(symlink("d", "ld"), 0);
    CHECK_EQ(symlink("f", "lf"), 0);
    CHECK_EQ(symlink("d/", "lds"), 0);
    CHECK_EQ(symlink("f/", "lfs"), 0);
    CHECK_EQ(symlink("missing", "lm"), 0);
    CHECK_OK(open("ld/", O_RDONLY));
    CHECK_OK(open("ld/", O_RDONLY | O_NOFOLLOW));
    CHECK_ERR(open("ld", O_RDONLY | O_NOFOLLOW), ELOOP);
    CHECK_ERR(open("lf/", O_RDONLY), ENOTDIR);
    CHECK_OK(open("lds", O_RDONLY));
    CHECK_ERR(open("lfs", O_RDONLY), ENOTDIR);
    CHECK_ERR(open("lm/", O_RDONLY), ENOENT);
    CHECK_ERR(open("lm/", O_CREAT | O_RDWR, 0600), EISDIR);
    CHECK_ERR(open("lfs", O_CREAT | O_RDWR, 0600), EISDIR);
    CHECK_ERR(open("lm", O_CREAT | O_RDWR | O_NOFOLLOW, 0600), ELOOP);
    CHECK_ERR(open("lf", O_CREAT | O_RDWR | O_NOFOLLOW, 0600), ELOOP);
    CHECK_OK(open("lm", O_CREAT | O_RDWR, 0600));
    CHECK_EQ(access("missing", F_OK), 0);
}

CASE(direct)
{
    static char raw[8192] __attribute__((aligned(4096)));
    int fd = open("f", O_CREAT | O_RDWR | O_DIRECT, 0600);
    if (fd < 0) {
        CHECK_EQ(errno, EINVAL);
        SKIP("no O_DIRECT here");
    }
    CHECK_EQ(fcntl(fd, F_GETFL) & O_DIRECT, O_DIRECT);
    CHECK_EQ(pwrite(fd, raw, 4096, 0), 4096);
    CHECK_EQ(pread(fd, raw, 4096, 0), 4096);
    CHECK_EQ(fcntl(fd, F_SETFL, 0), 0);
    CHECK_EQ(fcntl(fd, F_GETFL) & O_DIRECT, 0);
    CHECK_EQ(pwrite(fd, raw + 1, 11, 5), 11);
}

CASE(access_times_of_others)
{
    put_file("f", "x", 0666);
    CHECK_EQ(chmod(".", 0755), 0);
    int root = (int) CHECK_OK(open("f", O_RDONLY | O_NOATIME));
    CHECK_EQ(fcntl(root, F_GETFL) & O_NOATIME, O_NOATIME);
    become(1000);
    CHECK_ERR(open("f", O_RDONLY | O_NOATIME), EPERM);
    int fd = (int) CHECK_OK(open("f", O_RDONLY));
    CHECK_ERR(fcntl(fd, F_SETFL, O_NOATIME), EPERM);
}

CASE(truncation_needs_to_write)
{
    put_file("f", "abc", 0444);
    CHECK_EQ(chmod(".", 0755), 0);
    int fd = (int) CHECK_OK(open("f", O_RDONLY | O_TRUNC));
    struct stat st;
    CHECK_EQ(fstat(fd, &st), 0);
    CHECK_EQ(st.st_size, 0);
    become(1000);
    CHECK_ERR(open("f", O_RDONLY | O_TRUNC), EACCES);
    CHECK_ERR(open("f", O_WRONLY), EACCES);
}

CASE(access_mode_three)
{
    char b;
    put_file("f", "x", 0600);
    int fd = (int) CHECK_OK(open("f", O_ACCMODE));
    CHECK_ERR(read(fd, &b, 1), EBADF);
    CHECK_ERR(write(fd, &b, 1), EBADF);
    struct stat st;
    CHECK_EQ(fstat(fd, &st), 0);
}

CASE(names)
{
    char name[300], path[PATH_MAX + 2];
    memset(name, 'n', sizeof(name));
    name[256] = 0;
    CHECK_ERR(open(name, O_CREAT | O_RDWR, 0600), ENAMETOOLONG);
    CHECK_ERR(open(name, O_PATH), ENAMETOOLONG);
    CHECK_ERR(mkdir(name, 0700), ENAMETOOLONG);
    CHECK_ERR(unlink(name), ENAMETOOLONG);
    CHECK_ERR(rename(name, "x"), ENAMETOOLONG);
    CHECK_ERR(symlink("x", name), ENAMETOOLONG);
    snprintf(path, sizeof(path), "missing/%s", name);
    CHECK_ERR(open(path, O_RDONLY), ENOENT);
    put_file("f", "", 0600);
    snprintf(path, sizeof(path), "f/%s", name);
    CHECK_ERR(open(path, O_RDONLY), ENOTDIR);
    name[255] = 0;
    CHECK_OK(open(name, O_CREAT | O_RDWR, 0600));
    memset(path, '/', sizeof(path));
    path[PATH_MAX] = 0;
    CHECK_ERR(open(path, O_RDONLY), ENAMETOOLONG);
    CHECK_ERR(symlink(path, "long"), ENAMETOOLONG);
    path[PATH_MAX - 1] = 0;
    CHECK_OK(open(path, O_RDONLY));
    CHECK_ERR(open("", O_CREAT | O_RDWR, 0600), ENOENT);
    CHECK_ERR(open("", O_PATH), ENOENT);
    CHECK_ERR(symlink("", "empty"), ENOENT);
    CHECK_OK(open("\xff\xfe\n\t", O_CREAT | O_RDWR, 0600));
}

CASE(texts_that_run)
{
    char self[4096], buf[1];
    ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
    CHECK(n > 0);
    self[n] = 0;
    CHECK_EQ(read((int) CHECK_OK(open(self, O_RDONLY)), buf, 1), 1);
}

CASE(large_files_are_always_allowed)
{
    int fd = (int) CHECK_OK(open("f", O_CREAT | O_RDWR, 0600));
    CHECK_EQ(ftruncate(fd, 1ll << 40), 0);
    int again = (int) CHECK_OK(syscall(SYS_openat, AT_FDCWD, "f", O_RDONLY, 0));
    CHECK_EQ(lseek(again, 0, SEEK_END), 1ll << 40);
}

CASE(modes_of_new_files)
{
    struct stat st;
    umask(0);
    CHECK_OK(open("a", O_CREAT | O_RDWR, 07777));
    CHECK_EQ(stat("a", &st), 0);
    CHECK_EQ(st.st_mode & 07777, 07777);
    CHECK_OK(open("b", O_CREAT | O_RDWR, 0177777));
    CHECK_EQ(stat("b", &st), 0);
    CHECK_EQ(st.st_mode, S_IFREG | 07777);
    umask(0777);
    int fd = (int) CHECK_OK(open("c", O_CREAT | O_RDWR, 0666));
    CHECK_EQ(fstat(fd, &st), 0);
    CHECK_EQ(st.st_mode & 07777, 0);
    CHECK_EQ(umask(01777777), 0777);
    CHECK_EQ(umask(0), 0777);
}

CASE(descriptors_that_lead_nowhere)
{
    put_file("f", "", 0600);
    int fd = (int) CHECK_OK(open("f", O_RDONLY));
    CHECK_ERR(openat(fd, "x", O_RDONLY), ENOTDIR);
    CHECK_ERR(openat(fd, "x", O_CREAT | O_RDWR, 0600), ENOTDIR);
    CHECK_ERR(openat(-1, "f", O_RDONLY), EBADF);
    CHECK_ERR(openat(-1, "", O_RDONLY), ENOENT);
    CHECK_ERR(openat(fd, "", O_RDONLY), ENOENT);
    CHECK_OK(openat(-1, "/", O_RDONLY));
    int p[2];
    CHECK_EQ(pipe(p), 0);
    CHECK_ERR(openat(p[0], "x", O_RDONLY), ENOTDIR);
    CHECK_ERR(mkdirat(p[0], "x", 0700), ENOTDIR);
}

GUEST_MAIN
