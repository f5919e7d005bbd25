/* SPDX-License-Identifier: Apache-2.0 */
/* Mounting by descriptors: fsopen(2) and its kin, open_tree(2), move_mount(2), mount_setattr(2). */
#include "mounting.h"

#define SET_FLAG        0
#define SET_STRING      1
#define SET_FD          5
#define CMD_CREATE      6
#define CMD_RECONFIGURE 7
#define TREE_CLONE      1
#define RECURSIVE       0x8000
#define F_EMPTY         4
#define T_EMPTY         0x40

struct attrs {
    uint64_t set, clr, propagation, userns;
};

static int fs_open(const char *type, unsigned flags)
{
    return (int) syscall(SYS_fsopen, type, flags);
}
static int fs_config(int fd, unsigned cmd, const char *key, const void *value, int aux)
{
    return (int) syscall(SYS_fsconfig, fd, cmd, key, value, aux);
}
static int fs_mount(int fd, unsigned flags, unsigned attrs)
{
    return (int) syscall(SYS_fsmount, fd, flags, attrs);
}
static int fs_pick(int fd, const char *path, unsigned flags)
{
    return (int) syscall(SYS_fspick, fd, path, flags);
}
static int tree_open(int fd, const char *path, unsigned flags)
{
    return (int) syscall(SYS_open_tree, fd, path, flags);
}
static int move_to(int from, const char *fpath, int to, const char *tpath, unsigned flags)
{
    return (int) syscall(SYS_move_mount, from, fpath, to, tpath, flags);
}
static int set_attr(int fd, const char *path, unsigned flags, struct attrs *a, size_t n)
{
    return (int) syscall(SYS_mount_setattr, fd, path, flags, a, n);
}

static void tree(void)
{
    need_admin();
    CHECK_EQ(mkdir("a", 0755), 0);
    CHECK_EQ(mkdir("a/b", 0755), 0);
    CHECK_EQ(mkdir("m", 0755), 0);
    CHECK_EQ(mkdir("n", 0755), 0);
    put_file("a/file", "in a", 0644);
    put_file("plain", "plain", 0644);
}

CASE(a_new_tmpfs_step_by_step)
{
    struct statfs s;
    char line[4096];
    tree();
    int fs = (int) CHECK_OK(fs_open("tmpfs", 1));
    CHECK_EQ(fcntl(fs, F_GETFD), FD_CLOEXEC);
    CHECK_EQ(fs_config(fs, SET_STRING, "source", "from-here", 0), 0);
    CHECK_EQ(fs_config(fs, SET_STRING, "size", "64k", 0), 0);
    CHECK_EQ(fs_config(fs, SET_STRING, "mode", "0750", 0), 0);
    CHECK_EQ(fs_config(fs, CMD_CREATE, NULL, NULL, 0), 0);
    CHECK_ERR(fs_config(fs, CMD_CREATE, NULL, NULL, 0), EBUSY);
    int m = (int) CHECK_OK(fs_mount(fs, 0, 0x1 | 0x8)); /* RDONLY, NOEXEC */
    CHECK_ERR(fs_mount(fs, 0, 0), EBUSY);
    close(fs);
    /* It can be used before it is anywhere. */
    CHECK_ERR(mkdirat(m, "d", 0755), EROFS);
    CHECK_EQ(move_to(m, "", AT_FDCWD, "m", F_EMPTY), 0);
    CHECK_EQ(statfs("m", &s), 0);
    CHECK_EQ(s.f_type, 0x01021994);
    CHECK_EQ(s.f_blocks, 16);
    CHECK_EQ(s.f_flags & (ST_RDONLY | ST_NOEXEC | ST_NOSUID), ST_RDONLY | ST_NOEXEC);
    CHECK(mount_line(here("m"), line, sizeof(line)));
    CHECK(strstr(line, " - tmpfs from-here rw,"));
    CHECK_ERR(umount("m"), EBUSY); /* the descriptor */
    close(m);
    CHECK_EQ(umount("m"), 0);
}

CASE(fsopen_errors)
{
    tree();
    CHECK_ERR(fs_open("no-such-type", 0), ENODEV);
    CHECK_ERR(fs_open("tmpfs", 2), EINVAL);
    CHECK_ERR(fs_open((char *) 8, 0), EFAULT);
    CHECK_ERR(fs_open(NULL, 0), EFAULT);
}

CASE(fsconfig_errors)
{
    tree();
    char c;
    int fs = (int) CHECK_OK(fs_open("tmpfs", 0));
    CHECK_ERR(read(fs, &c, 1), ENODATA); /* no complaints yet */
    CHECK_ERR(fs_config(-1, CMD_CREATE, NULL, NULL, 0), EINVAL);
    CHECK_ERR(fs_config(999, CMD_CREATE, NULL, NULL, 0), EBADF);
    CHECK_ERR(fs_config(1, CMD_CREATE, NULL, NULL, 0), EINVAL);
    CHECK_ERR(fs_config(fs, 99, NULL, NULL, 0), EOPNOTSUPP);
    CHECK_ERR(fs_config(fs, SET_FLAG, NULL, NULL, 0), EINVAL);
    CHECK_ERR(fs_config(fs, SET_FLAG, "ro", "x", 0), EINVAL);
    CHECK_ERR(fs_config(fs, SET_STRING, "size", NULL, 0), EINVAL);
    CHECK_ERR(fs_config(fs, SET_STRING, "size", "1", 1), EINVAL);
    CHECK_ERR(fs_config(fs, CMD_CREATE, "x", NULL, 0), EINVAL);
    CHECK_ERR(fs_config(fs, CMD_RECONFIGURE, NULL, NULL, 0), EBUSY);
    CHECK_ERR(fs_config(fs, SET_STRING, (char *) 8, "x", 0), EFAULT);
    CHECK_ERR(fs_mount(fs, 0, 0), EINVAL);
    CHECK_ERR(fs_mount(fs, 2, 0), EINVAL);
    CHECK_ERR(fs_mount(fs, 0, 0x70), EINVAL);
    CHECK_ERR(fs_mount(1, 0, 0), EINVAL);
    CHECK_ERR(fs_mount(999, 0, 0), EBADF);
    CHECK_EQ(fs_config(fs, SET_STRING, "source", "a", 0), 0);
    CHECK_ERR(fs_config(fs, SET_STRING, "source", "b", 0), EINVAL);
    close(fs);
}

CASE(one_that_is_never_mounted)
{
    tree();
    int fs = (int) CHECK_OK(fs_open("tmpfs", 0));
    CHECK_EQ(fs_config(fs, CMD_CREATE, NULL, NULL, 0), 0);
    close(fs);
    fs = (int) CHECK_OK(fs_open("tmpfs", 0));
    CHECK_EQ(fs_config(fs, CMD_CREATE, NULL, NULL, 0), 0);
    int m = (int) CHECK_OK(fs_mount(fs, 1, 0));
    CHECK_EQ(mkdirat(m, "d", 0755), 0);
    close(m);
    close(fs);
}

CASE(fspick_changes_it)
{
    struct statfs s;
    tree();
    CHECK_EQ(mount("x", "m", "tmpfs", 0, "size=64k"), 0);
    CHECK_ERR(fs_pick(AT_FDCWD, "n", 0), EINVAL);
    CHECK_ERR(fs_pick(AT_FDCWD, "m", 0x100), EINVAL);
    CHECK_ERR(fs_pick(AT_FDCWD, "none", 0), ENOENT);
    int fs = (int) CHECK_OK(fs_pick(AT_FDCWD, "m", 1));
    CHECK_ERR(fs_config(fs, CMD_CREATE, NULL, NULL, 0), EBUSY);
    CHECK_EQ(fs_config(fs, SET_STRING, "size", "128k", 0), 0);
    CHECK_EQ(fs_config(fs, SET_FLAG, "ro", NULL, 0), 0);
    CHECK_EQ(fs_config(fs, CMD_RECONFIGURE, NULL, NULL, 0), 0);
    close(fs);
    CHECK_EQ(statfs("m", &s), 0);
    CHECK_EQ(s.f_blocks, 32);
    CHECK_ERR(mkdir("m/d", 0755), EROFS);
    CHECK_EQ(umount("m"), 0);
}

CASE(open_tree_without_clone_is_a_place)
{
    struct stat st;
    tree();
    int fd = (int) CHECK_OK(tree_open(AT_FDCWD, "a", 02000000));
    CHECK_EQ(fcntl(fd, F_GETFD), FD_CLOEXEC);
    CHECK_EQ(fstatat(fd, "file", &st, 0), 0);
    char c;
    CHECK_ERR(read(fd, &c, 1), EBADF);
    CHECK_ERR(tree_open(AT_FDCWD, "a", RECURSIVE), EINVAL);
    CHECK_ERR(tree_open(AT_FDCWD, "a", 0x200), EINVAL);
    CHECK_ERR(tree_open(AT_FDCWD, "none", 0), ENOENT);
    CHECK_ERR(tree_open(AT_FDCWD, "", 0), ENOENT);
    int two = (int) CHECK_OK(tree_open(fd, "", AT_EMPTY_PATH));
    close(two);
    close(fd);
}

CASE(a_cloned_tree_is_attached)
{
    tree();
    put_file("n/mark", "n", 0644);
    bind_dir("n", "a/b");
    int one = (int) CHECK_OK(tree_open(AT_FDCWD, "a", TREE_CLONE));
    CHECK_EQ(faccessat(one, "file", F_OK, 0), 0);
    CHECK_ERR(faccessat(one, "b/mark", F_OK, 0), ENOENT);
    int all = (int) CHECK_OK(tree_open(AT_FDCWD, "a", TREE_CLONE | RECURSIVE));
    CHECK_EQ(faccessat(all, "b/mark", F_OK, 0), 0);
    CHECK_EQ(faccessat(all, "../file", F_OK, 0), 0); /* nothing above it */
    CHECK_EQ(move_to(all, "", AT_FDCWD, "m", F_EMPTY), 0);
    CHECK_EQ(access("m/b/mark", F_OK), 0);
    CHECK_EQ(access("m/../plain", F_OK), 0);
    CHECK_EQ(mounts_below(here("m")), 2);
    /* Attached now: the next one moves it. */
    CHECK_EQ(mkdir("q", 0755), 0);
    CHECK_EQ(move_to(all, "", AT_FDCWD, "q", F_EMPTY), 0);
    CHECK_ERR(access("m/b/mark", F_OK), ENOENT);
    CHECK_EQ(access("q/b/mark", F_OK), 0);
    close(all);
    close(one);
    CHECK_EQ(umount2("q", MNT_DETACH), 0);
    CHECK_EQ(umount("a/b"), 0);
}

CASE(move_mount_by_name)
{
    tree();
    bind_dir("a", "m");
    CHECK_EQ(move_to(AT_FDCWD, "m", AT_FDCWD, "n", 0), 0);
    CHECK_EQ(access("n/file", F_OK), 0);
    CHECK_ERR(move_to(AT_FDCWD, "a", AT_FDCWD, "m", 0), EINVAL);
    CHECK_ERR(move_to(AT_FDCWD, "n", AT_FDCWD, "n/b", 0), ELOOP);
    CHECK_ERR(move_to(AT_FDCWD, "n", AT_FDCWD, "plain", 0), EINVAL);
    CHECK_ERR(move_to(AT_FDCWD, "none", AT_FDCWD, "m", 0), ENOENT);
    CHECK_ERR(move_to(AT_FDCWD, "n", AT_FDCWD, "none", 0), ENOENT);
    CHECK_ERR(move_to(AT_FDCWD, "n", AT_FDCWD, "m", 0x1000), EINVAL);
    int to = (int) CHECK_OK(open("m", O_PATH));
    CHECK_EQ(move_to(AT_FDCWD, "n", to, "", T_EMPTY), 0);
    CHECK_EQ(access("m/file", F_OK), 0);
    close(to);
    CHECK_EQ(umount("m"), 0);
}

CASE(mount_setattr_of_one)
{
    struct attrs a = {.set = 0x1 | 0x8};
    tree();
    bind_dir("a", "m");
    CHECK_EQ(set_attr(AT_FDCWD, "m", 0, &a, sizeof(a)), 0);
    CHECK_ERR(mkdir("m/x", 0755), EROFS);
    a = (struct attrs){.clr = 0x1};
    CHECK_EQ(set_attr(AT_FDCWD, "m", 0, &a, sizeof(a)), 0);
    CHECK_EQ(mkdir("m/x", 0755), 0);
    struct statfs s;
    CHECK_EQ(statfs("m", &s), 0);
    CHECK_EQ(s.f_flags & (ST_RDONLY | ST_NOEXEC), ST_NOEXEC);
    a = (struct attrs){.set = 0x10, .clr = 0x70};
    CHECK_EQ(set_attr(AT_FDCWD, "m", 0, &a, sizeof(a)), 0);
    CHECK_EQ(statfs("m", &s), 0);
    CHECK_EQ(s.f_flags & (ST_NOATIME | ST_RELATIME), ST_NOATIME);
    CHECK_EQ(umount("m"), 0);
}

CASE(mount_setattr_errors)
{
    char big[8192] = {0};
    struct attrs a = {.set = 0x10};
    tree();
    bind_dir("a", "m");
    CHECK_ERR(set_attr(AT_FDCWD, "m", 0, &a, sizeof(a)), EINVAL); /* atime without clearing it */
    a = (struct attrs){.clr = 0x10};
    CHECK_ERR(set_attr(AT_FDCWD, "m", 0, &a, sizeof(a)), EINVAL);
    a = (struct attrs){.set = 0x40000000};
    CHECK_ERR(set_attr(AT_FDCWD, "m", 0, &a, sizeof(a)), EINVAL);
    a = (struct attrs){.propagation = MS_PRIVATE | MS_SLAVE};
    CHECK_ERR(set_attr(AT_FDCWD, "m", 0, &a, sizeof(a)), EINVAL);
    a = (struct attrs){.set = 1};
    CHECK_ERR(set_attr(AT_FDCWD, "m", 0x100000, &a, sizeof(a)), EINVAL);
    CHECK_ERR(set_attr(AT_FDCWD, "m", 0, &a, 16), EINVAL);
    CHECK_ERR(set_attr(AT_FDCWD, "m", 0, &a, 5000), E2BIG);
    CHECK_ERR(set_attr(AT_FDCWD, "n", 0, &a, sizeof(a)), EINVAL); /* no mount */
    CHECK_ERR(set_attr(AT_FDCWD, "none", 0, &a, sizeof(a)), ENOENT);
    CHECK_ERR(set_attr(AT_FDCWD, "m", 0, (struct attrs *) 8, sizeof(a)), EFAULT);
    big[64] = 1;
    memcpy(big, &a, sizeof(a));
    CHECK_ERR(set_attr(AT_FDCWD, "m", 0, (struct attrs *) big, 128), E2BIG);
    big[64] = 0;
    CHECK_EQ(set_attr(AT_FDCWD, "m", 0, (struct attrs *) big, 128), 0);
    CHECK_EQ(umount("m"), 0);
}

CASE(mount_setattr_of_a_tree)
{
    struct attrs a = {.set = 1, .propagation = MS_PRIVATE};
    tree();
    bind_dir("a", "m");
    bind_dir("n", "m/b");
    int fd = (int) CHECK_OK(open("n/busy", O_CREAT | O_WRONLY, 0644));
    int busy = (int) CHECK_OK(open("m/b/busy", O_WRONLY));
    close(fd);
    CHECK_ERR(set_attr(AT_FDCWD, "m", RECURSIVE, &a, sizeof(a)), EBUSY);
    CHECK_EQ(mkdir("m/still", 0755), 0); /* all or nothing */
    close(busy);
    CHECK_EQ(set_attr(AT_FDCWD, "m", RECURSIVE, &a, sizeof(a)), 0);
    CHECK_ERR(mkdir("m/x", 0755), EROFS);
    CHECK_ERR(mkdir("m/b/x", 0755), EROFS);
    CHECK_EQ(umount2("m", MNT_DETACH), 0);
    /* Of one that is not attached. */
    int tree_fd = (int) CHECK_OK(tree_open(AT_FDCWD, "a", TREE_CLONE));
    CHECK_EQ(set_attr(tree_fd, "", AT_EMPTY_PATH, &a, sizeof(a)), 0);
    CHECK_ERR(mkdirat(tree_fd, "x", 0755), EROFS);
    close(tree_fd);
}

CASE(without_privilege)
{
    struct attrs a = {.set = 1};
    tree();
    pid_t p = fork();
    if (p == 0) {
        if (setresuid(12345, 12345, 12345) < 0)
            SKIP("one id only");
        CHECK_ERR(fs_open("tmpfs", 0), EPERM);
        CHECK_ERR(fs_mount(0, 0, 0), EPERM);
        CHECK_ERR(fs_pick(AT_FDCWD, "m", 0), EPERM);
        CHECK_ERR(move_to(AT_FDCWD, "m", AT_FDCWD, "n", 0), EPERM);
        CHECK_ERR(tree_open(AT_FDCWD, "a", TREE_CLONE), EPERM);
        CHECK_ERR(set_attr(AT_FDCWD, "m", 0, &a, sizeof(a)), EPERM);
        CHECK_OK(tree_open(AT_FDCWD, "a", 0));
        _exit(0);
    }
    int st;
    CHECK_EQ(waitpid(p, &st, 0), p);
    CHECK(st == 0 || WEXITSTATUS(st) == GUEST_EXIT_SKIP);
}

GUEST_MAIN
