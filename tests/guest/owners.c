/* SPDX-License-Identifier: Apache-2.0 */
/* Owners and modes: chmod(2), chown(2), access(2), umask(2), set-id bits and who takes them away.
 */
#include "guest.h"
#include <grp.h>
#include <sys/stat.h>

#ifndef SYS_fchmodat2
#define SYS_fchmodat2 452
#endif

static mode_t mode_of(const char *name)
{
    struct stat st;
    CHECK_EQ(lstat(name, &st), 0);
    return st.st_mode & 07777;
}

static gid_t group_of(const char *name)
{
    struct stat st;
    CHECK_EQ(lstat(name, &st), 0);
    return st.st_gid;
}

static void become(uid_t uid, gid_t extra)
{
    CHECK_EQ(setgroups(extra ? 1 : 0, &extra), 0);
    CHECK_EQ(setgid(uid), 0);
    CHECK_EQ(setuid(uid), 0);
}

CASE(writing_strips_set_id_bits)
{
    CHECK_EQ(chmod(".", 0777), 0);
    put_file("f", "x", 0666);
    CHECK_EQ(chmod("f", 06777), 0);
    become(1000, 0);
    int fd = (int) CHECK_OK(open("f", O_WRONLY));
    CHECK_EQ(mode_of("f"), 06777);
    CHECK_EQ(write(fd, "y", 1), 1);
    CHECK_EQ(mode_of("f"), 0777);
}

CASE(truncating_strips_set_id_bits)
{
    CHECK_EQ(chmod(".", 0777), 0);
    put_file("f", "x", 0666);
    CHECK_EQ(chmod("f", 06777), 0);
    put_file("g", "x", 0666);
    CHECK_EQ(chmod("g", 06777), 0);
    put_file("h", "x", 0666);
    CHECK_EQ(chmod("h", 02767), 0); /* without execution a mark of mandatory locks */
    become(1000, 0);
    CHECK_EQ(truncate("f", 0), 0);
    CHECK_EQ(mode_of("f"), 0777);
    CHECK_OK(open("g", O_WRONLY | O_TRUNC));
    CHECK_EQ(mode_of("g"), 0777);
    CHECK_EQ(truncate("h", 0), 0);
    CHECK_EQ(mode_of("h"), 0767);
}

CASE(changing_owners_strips_set_id_bits)
{
    put_file("f", "", 0755);
    CHECK_EQ(chmod("f", 06755), 0);
    CHECK_EQ(chown("f", 1, 1), 0);
    CHECK_EQ(mode_of("f"), 0755);
    CHECK_EQ(chmod("f", 02745), 0);
    CHECK_EQ(chown("f", 2, 2), 0);
    CHECK_EQ(mode_of("f"), 02745);
    CHECK_EQ(chmod("f", 06755), 0);
    CHECK_EQ(chown("f", -1, -1), 0);
    CHECK_EQ(mode_of("f"), 0755);
    CHECK_EQ(mkdir("d", 0755), 0);
    CHECK_EQ(chmod("d", 06755), 0);
    CHECK_EQ(chown("d", 1, 1), 0);
    CHECK_EQ(mode_of("d"), 06755);
}

CASE(group_bit_needs_membership)
{
    CHECK_EQ(chmod(".", 0777), 0);
    put_file("f", "", 0755);
    CHECK_EQ(chown("f", 1000, 2000), 0);
    put_file("g", "", 0755);
    CHECK_EQ(chown("g", 1000, 3000), 0);
    become(1000, 3000);
    CHECK_EQ(chmod("f", 02755), 0);
    CHECK_EQ(mode_of("f"), 0755);
    CHECK_EQ(chmod("g", 02755), 0);
    CHECK_EQ(mode_of("g"), 02755);
    CHECK_EQ(chmod("f", 04755), 0);
    CHECK_EQ(mode_of("f"), 04755);
}

CASE(who_may_change_modes)
{
    CHECK_EQ(chmod(".", 0777), 0);
    put_file("f", "", 0666);
    put_file("mine", "", 0600);
    CHECK_EQ(chown("mine", 1000, 1000), 0);
    int fd = (int) CHECK_OK(open("f", O_RDWR));
    become(1000, 3000);
    CHECK_ERR(chmod("f", 0600), EPERM);
    CHECK_ERR(fchmod(fd, 0600), EPERM);
    CHECK_ERR(chown("f", 1000, -1), EPERM);
    CHECK_ERR(chown("f", -1, 1000), EPERM);
    CHECK_EQ(chown("f", -1, -1), 0);
    CHECK_ERR(chown("mine", 0, -1), EPERM);
    CHECK_ERR(chown("mine", -1, 4000), EPERM);
    CHECK_EQ(chown("mine", 1000, 3000), 0);
    CHECK_EQ(group_of("mine"), 3000);
    CHECK_EQ(chmod("mine", 01777), 0);
    CHECK_EQ(mode_of("mine"), 01777);
}

CASE(mode_arguments)
{
    put_file("f", "", 0600);
    CHECK_EQ(symlink("f", "ln"), 0);
    CHECK_EQ(chmod("f", 0170644), 0);
    CHECK_EQ(mode_of("f"), 0644);
    CHECK_EQ(chmod("ln", 0611), 0);
    CHECK_EQ(mode_of("f"), 0611);
    CHECK_ERR(syscall(SYS_fchmodat2, AT_FDCWD, "ln", 0600, AT_SYMLINK_NOFOLLOW), EOPNOTSUPP);
    CHECK_EQ(syscall(SYS_fchmodat2, AT_FDCWD, "f", 0600, AT_SYMLINK_NOFOLLOW), 0);
    CHECK_ERR(syscall(SYS_fchmodat2, AT_FDCWD, "f", 0600, 1), EINVAL);
    int fd = (int) CHECK_OK(open("f", O_RDONLY));
    CHECK_EQ(syscall(SYS_fchmodat2, fd, "", 0640, AT_EMPTY_PATH), 0);
    CHECK_EQ(mode_of("f"), 0640);
    int at = (int) CHECK_OK(open("f", O_PATH));
    CHECK_EQ(syscall(SYS_fchmodat2, at, "", 0660, AT_EMPTY_PATH), 0);
    CHECK_EQ(mode_of("f"), 0660);
    CHECK_ERR(chmod("missing", 0600), ENOENT);
    CHECK_ERR(chmod("f/x", 0600), ENOTDIR);
    CHECK_ERR(chmod("", 0600), ENOENT);
    CHECK_ERR(fchmod(999, 0600), EBADF);
    CHECK_ERR(fchownat(AT_FDCWD, "f", 0, 0, 1), EINVAL);
    CHECK_EQ(lchown("ln", 5, 6), 0);
    CHECK_EQ(group_of("ln"), 6);
    CHECK_EQ(group_of("f"), 0);
}

CASE(access_asks_for_the_real_user)
{
    CHECK_EQ(chmod(".", 0755), 0);
    put_file("f", "", 0600);
    put_file("x", "", 0644);
    CHECK_EQ(access("f", R_OK | W_OK), 0);
    CHECK_ERR(access("f", X_OK), EACCES);
    CHECK_ERR(access("f", 8), EINVAL);
    CHECK_ERR(access("missing", F_OK), ENOENT);
    CHECK_EQ(setresuid(1000, 0, 0), 0);
    CHECK_ERR(access("f", R_OK), EACCES);
    CHECK_EQ(access("f", F_OK), 0);
    CHECK_EQ(faccessat(AT_FDCWD, "f", R_OK, AT_EACCESS), 0);
    CHECK_ERR(faccessat(AT_FDCWD, "f", R_OK, 0x1), EINVAL);
    CHECK_EQ(access("x", R_OK), 0);
    CHECK_ERR(access("x", W_OK), EACCES);
    CHECK_EQ(symlink("missing", "lm"), 0);
    CHECK_EQ(syscall(SYS_faccessat2, AT_FDCWD, "lm", F_OK, AT_SYMLINK_NOFOLLOW), 0);
    CHECK_ERR(syscall(SYS_faccessat2, AT_FDCWD, "lm", F_OK, 0), ENOENT);
    CHECK_ERR(access("/proc/version", W_OK), EACCES);
}

CASE(set_group_id_directories)
{
    struct stat st;
    CHECK_EQ(chmod(".", 0777), 0);
    CHECK_EQ(mkdir("d", 0777), 0);
    CHECK_EQ(chown("d", 0, 3000), 0);
    CHECK_EQ(chmod("d", 02777), 0);
    umask(0);
    become(1000, 0);
    CHECK_OK(open("d/f", O_CREAT | O_RDWR, 02775));
    CHECK_EQ(group_of("d/f"), 3000);
    CHECK_EQ(mode_of("d/f"), 0775); /* not a member: no set-group-id program */
    CHECK_EQ(mkdir("d/sub", 0755), 0);
    CHECK_EQ(group_of("d/sub"), 3000);
    CHECK_EQ(mode_of("d/sub"), 02755);
    CHECK_EQ(symlink("x", "d/ln"), 0);
    CHECK_EQ(group_of("d/ln"), 3000);
    CHECK_EQ(mkfifo("d/p", 0600), 0);
    CHECK_EQ(group_of("d/p"), 3000);
    int fd = (int) CHECK_OK(open("d", O_TMPFILE | O_RDWR, 02775));
    CHECK_EQ(fstat(fd, &st), 0);
    CHECK_EQ(st.st_gid, 3000);
    CHECK_EQ(st.st_mode & 07777, 0775);
}

CASE(masks)
{
    umask(077);
    CHECK_EQ(mkdir("d", 0777), 0);
    CHECK_EQ(mode_of("d"), 0700);
    CHECK_EQ(mkdir("s", 07777), 0);
    CHECK_EQ(mode_of("s"), 01700);
    CHECK_EQ(mkfifo("p", 0666), 0);
    CHECK_EQ(mode_of("p"), 0600);
    CHECK_EQ(symlink("x", "ln"), 0);
    CHECK_EQ(mode_of("ln"), 0777);
    CHECK_EQ(mknod("r", S_IFREG | 0666, 0), 0);
    CHECK_EQ(mode_of("r"), 0600);
    CHECK_ERR(mknod("x", S_IFDIR | 0666, 0), EPERM);
    CHECK_ERR(mknod("x", S_IFLNK | 0666, 0), EINVAL);
    CHECK_ERR(mknod("x", 0170000 | 0666, 0), EINVAL);
    CHECK_ERR(mknod("r", S_IFREG | 0666, 0), EEXIST);
}

CASE(permission_bits_are_for_one_class)
{
    CHECK_EQ(chmod(".", 0777), 0);
    put_file("owner", "", 0077);
    CHECK_EQ(chown("owner", 1000, 1000), 0);
    CHECK_EQ(chmod("owner", 0077), 0);
    put_file("group", "", 0707);
    CHECK_EQ(chown("group", 0, 3000), 0);
    CHECK_EQ(chmod("group", 0707), 0);
    become(1000, 3000);
    CHECK_ERR(open("owner", O_RDONLY), EACCES);
    CHECK_ERR(open("group", O_RDONLY), EACCES);
    CHECK_EQ(chmod("owner", 0700), 0);
    CHECK_OK(open("owner", O_RDONLY));
}

/* Whoever the process has become: they are its own. */
CASE(descriptors_through_proc)
{
    char name[64], buf[256];
    int p[2], fd = (int) CHECK_OK(open("f", O_CREAT | O_RDWR, 0666));
    CHECK_EQ(chmod(".", 0755), 0);
    CHECK_EQ(fchmod(fd, 0666), 0);
    CHECK_EQ(pipe(p), 0);
    become(1000, 0);
    snprintf(name, sizeof(name), "/proc/self/fd/%d", fd);
    CHECK_OK(readlink(name, buf, sizeof(buf)));
    CHECK_OK(open(name, O_RDONLY));
    snprintf(name, sizeof(name), "/proc/self/fd/%d", p[0]);
    CHECK_ERR(chown(name, 1000, 1000), EPERM);
    CHECK_ERR(mkdir(name, 0700), EEXIST);
}

CASE(pipes_have_owners)
{
    struct stat st;
    int p[2];
    CHECK_EQ(pipe(p), 0);
    CHECK_EQ(fchmod(p[0], 0640), 0);
    CHECK_EQ(fchown(p[0], 1, 2), 0);
    CHECK_EQ(fstat(p[1], &st), 0);
    CHECK_EQ(st.st_mode, S_IFIFO | 0640);
    CHECK_EQ(st.st_uid, 1);
    CHECK_EQ(st.st_gid, 2);
}

CASE(running_needs_a_bit_even_for_root)
{
    put_file("f", "#!/bin/sh\n", 0644);
    char *argv[] = {"f", NULL};
    CHECK_ERR(execv("f", argv), EACCES);
    CHECK_ERR(execv(".", argv), EACCES);
    CHECK_ERR(execv("missing", argv), ENOENT);
    CHECK_ERR(execv("f/x", argv), ENOTDIR);
}

GUEST_MAIN
