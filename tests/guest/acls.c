/* SPDX-License-Identifier: Apache-2.0 */
/* Extended attributes: name spaces, limits, errors; access control lists: acl(5). */
#include "guest.h"
#include <grp.h>
#include <linux/capability.h>
#include <sys/xattr.h>

static void become(uid_t uid, gid_t extra)
{
    CHECK_EQ(setgroups(extra ? 1 : 0, &extra), 0);
    CHECK_EQ(setgid(uid), 0);
    CHECK_EQ(setuid(uid), 0);
}

static mode_t mode_of(const char *name)
{
    struct stat st;
    CHECK_EQ(lstat(name, &st), 0);
    return st.st_mode & 07777;
}

/* ---- attributes of users ---- */

CASE(limits)
{
    static char big[65537], name[300] = "user.";
    put_file("f", "", 0600);
    memset(name + 5, 'n', 251);
    CHECK_ERR(setxattr("f", name, "x", 1, 0), ERANGE);
    CHECK_ERR(getxattr("f", name, big, 1), ERANGE);
    name[255] = 0;
    CHECK_EQ(setxattr("f", name, "x", 1, 0), 0);
    CHECK_EQ(getxattr("f", name, big, 1), 1);
    CHECK_ERR(setxattr("f", "user.big", big, 65537, 0), E2BIG);
    CHECK_ERR(setxattr("f", "", "x", 1, 0), ERANGE);
    CHECK_ERR(setxattr("f", "user", "x", 1, 0), EOPNOTSUPP);
    CHECK_ERR(setxattr("f", "other.x", "x", 1, 0), EOPNOTSUPP);
    CHECK_ERR(setxattr("f", "user.", "x", 1, 0), EINVAL);
    CHECK_ERR(setxattr("f", "user.x", "x", 1, 4), EINVAL);
    CHECK_ERR(setxattr("f", "user.x", (void *) 8, 1, 0), EFAULT);
    CHECK_ERR(setxattr("f", (void *) 8, "x", 1, 0), EFAULT);
    CHECK_EQ(setxattr("f", "user.empty", NULL, 0, 0), 0);
    CHECK_EQ(getxattr("f", "user.empty", big, 8), 0);
}

CASE(create_and_replace)
{
    char buf[8];
    put_file("f", "", 0600);
    CHECK_ERR(setxattr("f", "user.a", "1", 1, XATTR_REPLACE), ENODATA);
    CHECK_EQ(setxattr("f", "user.a", "1", 1, XATTR_CREATE), 0);
    CHECK_ERR(setxattr("f", "user.a", "2", 1, XATTR_CREATE), EEXIST);
    CHECK_EQ(setxattr("f", "user.a", "22", 2, XATTR_REPLACE), 0);
    CHECK_EQ(getxattr("f", "user.a", NULL, 0), 2);
    CHECK_ERR(getxattr("f", "user.a", buf, 1), ERANGE);
    CHECK_EQ(getxattr("f", "user.a", buf, 8), 2);
    CHECK_ERR(getxattr("f", "user.b", buf, 8), ENODATA);
    CHECK_ERR(removexattr("f", "user.b"), ENODATA);
    CHECK_EQ(removexattr("f", "user.a"), 0);
    CHECK_ERR(getxattr("f", "user.a", buf, 8), ENODATA);
}

CASE(lists)
{
    char buf[256];
    put_file("f", "", 0600);
    CHECK_EQ(listxattr("f", buf, sizeof(buf)), 0);
    CHECK_EQ(setxattr("f", "user.a", "1", 1, 0), 0);
    CHECK_EQ(setxattr("f", "user.bb", "1", 1, 0), 0);
    CHECK_EQ(listxattr("f", NULL, 0), 15);
    CHECK_EQ(listxattr("f", buf, sizeof(buf)), 15);
    CHECK_ERR(listxattr("f", buf, 14), ERANGE);
    CHECK_ERR(listxattr("missing", buf, 14), ENOENT);
    CHECK_ERR(flistxattr(999, buf, 14), EBADF);
}

CASE(kinds_of_files)
{
    char buf[8];
    put_file("f", "", 0600);
    CHECK_EQ(symlink("f", "ln"), 0);
    CHECK_EQ(mkfifo("p", 0600), 0);
    CHECK_EQ(mkdir("d", 0755), 0);
    CHECK_EQ(setxattr("ln", "user.a", "1", 1, 0), 0);
    CHECK_EQ(getxattr("f", "user.a", buf, 8), 1);
    CHECK_ERR(lsetxattr("ln", "user.a", "1", 1, 0), EPERM);
    CHECK_ERR(lgetxattr("ln", "user.a", buf, 8), ENODATA);
    CHECK_EQ(llistxattr("ln", buf, 8), 0);
    CHECK_ERR(setxattr("p", "user.a", "1", 1, 0), EPERM);
    CHECK_EQ(setxattr("d", "user.a", "1", 1, 0), 0);
    int fd = (int) CHECK_OK(open("f", O_RDONLY)), at = (int) CHECK_OK(open("f", O_PATH));
    CHECK_EQ(fsetxattr(fd, "user.b", "1", 1, 0), 0);
    CHECK_EQ(fgetxattr(fd, "user.b", buf, 8), 1);
    CHECK_ERR(fgetxattr(at, "user.b", buf, 8), EBADF);
    CHECK_ERR(fsetxattr(at, "user.b", "1", 1, 0), EBADF);
}

CASE(rights)
{
    char buf[8];
    CHECK_EQ(chmod(".", 0777), 0);
    put_file("r", "", 0644);
    put_file("w", "", 0622);
    put_file("n", "", 0600);
    CHECK_EQ(setxattr("r", "user.a", "1", 1, 0), 0);
    CHECK_EQ(setxattr("n", "user.a", "1", 1, 0), 0);
    CHECK_EQ(mkdir("sticky", 0777), 0);
    CHECK_EQ(chmod("sticky", 01777), 0);
    become(1000, 0);
    CHECK_EQ(getxattr("r", "user.a", buf, 8), 1);
    CHECK_ERR(setxattr("r", "user.a", "2", 1, 0), EACCES);
    CHECK_EQ(setxattr("w", "user.a", "2", 1, 0), 0);
    CHECK_ERR(getxattr("w", "user.a", buf, 8), EACCES);
    CHECK_ERR(getxattr("n", "user.a", buf, 8), EACCES);
    CHECK_ERR(removexattr("r", "user.a"), EACCES);
    CHECK_ERR(setxattr("w", "trusted.a", "2", 1, 0), EPERM);
    CHECK_ERR(getxattr("r", "trusted.a", buf, 8), ENODATA);
    CHECK_ERR(setxattr("w", "security.a", "2", 1, 0), EPERM);
    CHECK_ERR(setxattr("sticky", "user.a", "2", 1, 0), EPERM);
}

/* ---- file capabilities ---- */

CASE(capabilities_are_checked)
{
    struct vfs_cap_data d = {.magic_etc = VFS_CAP_REVISION_2};
    char buf[32];
    put_file("f", "", 0755);
    CHECK_ERR(setxattr("f", "security.capability", "junk", 4, 0), EINVAL);
    d.data[0].permitted = 1u << CAP_NET_BIND_SERVICE;
    CHECK_EQ(setxattr("f", "security.capability", &d, sizeof(d), 0), 0);
    CHECK_EQ(getxattr("f", "security.capability", buf, sizeof(buf)), sizeof(d));
    CHECK_MEM(buf, &d, sizeof(d));
    CHECK_EQ(chown("f", 1, 1), 0); /* takes them away */
    CHECK_ERR(getxattr("f", "security.capability", buf, sizeof(buf)), ENODATA);
    CHECK_EQ(setxattr("f", "security.capability", &d, sizeof(d), 0), 0);
    int fd = (int) CHECK_OK(open("f", O_WRONLY));
    CHECK_EQ(write(fd, "x", 1), 1); /* and so does this */
    CHECK_ERR(getxattr("f", "security.capability", buf, sizeof(buf)), ENODATA);
}

/* ---- access control lists ---- */

struct acl {
    uint32_t version;
    struct {
        uint16_t tag, perm;
        uint32_t id;
    } e[8];
};
enum { USER_OBJ = 1, USER = 2, GROUP_OBJ = 4, GROUP = 8, MASK = 16, OTHER = 32 };
#define NOBODY 0xffffffffu

static int set_acl(const char *name, const char *which, const struct acl *a, int n)
{
    return setxattr(name, which, a, 4 + 8 * (size_t) n, 0);
}

static const char access_acl[] = "system.posix_acl_access";
static const char default_acl[] = "system.posix_acl_default";

static bool have_acls(void)
{
    const struct acl a = {2, {{USER_OBJ, 6, NOBODY}, {GROUP_OBJ, 4, NOBODY}, {OTHER, 4, NOBODY}}};
    put_file("probe", "", 0644);
    return set_acl("probe", access_acl, &a, 3) == 0;
}

CASE(acl_for_a_user)
{
    const struct acl a = {2,
                          {{USER_OBJ, 6, NOBODY},
                           {USER, 4, 1000},
                           {USER, 6, 1001},
                           {GROUP_OBJ, 0, NOBODY},
                           {MASK, 6, NOBODY},
                           {OTHER, 0, NOBODY}}};
    char buf[64];
    if (!have_acls())
        SKIP("no access control lists here");
    CHECK_EQ(chmod(".", 0777), 0);
    put_file("f", "x", 0600);
    CHECK_EQ(set_acl("f", access_acl, &a, 6), 0);
    CHECK_EQ(mode_of("f"), 0660);
    CHECK_EQ(getxattr("f", access_acl, buf, sizeof(buf)), 4 + 8 * 6);
    CHECK_MEM(buf, &a, 4 + 8 * 6);
    pid_t pid = fork();
    if (pid == 0) {
        become(1000, 0);
        CHECK_OK(open("f", O_RDONLY));
        CHECK_ERR(open("f", O_RDWR), EACCES);
        CHECK_EQ(access("f", R_OK), 0);
        CHECK_ERR(access("f", W_OK), EACCES);
        _exit(0);
    }
    CHECK_EXIT(pid, 0);
    pid = fork();
    if (pid == 0) {
        become(1001, 0);
        CHECK_OK(open("f", O_RDWR));
        _exit(0);
    }
    CHECK_EXIT(pid, 0);
    become(1002, 0);
    CHECK_ERR(open("f", O_RDONLY), EACCES);
}

CASE(acl_mask_and_chmod)
{
    const struct acl a = {2,
                          {{USER_OBJ, 6, NOBODY},
                           {USER, 6, 1000},
                           {GROUP_OBJ, 4, NOBODY},
                           {GROUP, 6, 3000},
                           {MASK, 6, NOBODY},
                           {OTHER, 0, NOBODY}}};
    if (!have_acls())
        SKIP("no access control lists here");
    CHECK_EQ(chmod(".", 0777), 0);
    put_file("f", "x", 0600);
    CHECK_EQ(set_acl("f", access_acl, &a, 6), 0);
    CHECK_EQ(chmod("f", 0640), 0); /* the mask */
    pid_t pid = fork();
    if (pid == 0) {
        become(1000, 0);
        CHECK_OK(open("f", O_RDONLY));
        CHECK_ERR(open("f", O_WRONLY), EACCES);
        _exit(0);
    }
    CHECK_EXIT(pid, 0);
    pid = fork();
    if (pid == 0) {
        become(1002, 3000);
        CHECK_OK(open("f", O_RDONLY));
        CHECK_ERR(open("f", O_WRONLY), EACCES);
        _exit(0);
    }
    CHECK_EXIT(pid, 0);
    CHECK_EQ(chmod("f", 0660), 0);
    become(1002, 3000);
    CHECK_OK(open("f", O_RDWR));
}

CASE(acl_of_directories)
{
    const struct acl a = {2,
                          {{USER_OBJ, 7, NOBODY},
                           {USER, 7, 1000},
                           {GROUP_OBJ, 5, NOBODY},
                           {MASK, 7, NOBODY},
                           {OTHER, 0, NOBODY}}};
    if (!have_acls())
        SKIP("no access control lists here");
    CHECK_EQ(chmod(".", 0755), 0);
    CHECK_EQ(mkdir("d", 0755), 0);
    put_file("d/f", "", 0644);
    CHECK_EQ(set_acl("d", access_acl, &a, 5), 0);
    pid_t pid = fork();
    if (pid == 0) {
        become(1000, 0);
        CHECK_EQ(access("d/f", F_OK), 0);
        CHECK_EQ(mkdir("d/new", 0755), 0);
        CHECK_EQ(unlink("d/f"), 0);
        _exit(0);
    }
    CHECK_EXIT(pid, 0);
    become(1001, 0);
    CHECK_ERR(access("d/new", F_OK), EACCES);
}

CASE(acl_that_is_inherited)
{
    const struct acl a = {2,
                          {{USER_OBJ, 7, NOBODY},
                           {USER, 6, 1000},
                           {GROUP_OBJ, 5, NOBODY},
                           {MASK, 7, NOBODY},
                           {OTHER, 5, NOBODY}}};
    char buf[64];
    if (!have_acls())
        SKIP("no access control lists here");
    CHECK_EQ(chmod(".", 0755), 0);
    CHECK_EQ(mkdir("d", 0755), 0);
    CHECK_EQ(set_acl("d", default_acl, &a, 5), 0);
    umask(077); /* does not count where a list is inherited */
    int fd = (int) CHECK_OK(open("d/f", O_CREAT | O_RDWR, 0666));
    CHECK_EQ(mode_of("d/f"), 0664);
    CHECK_EQ(getxattr("d/f", access_acl, buf, sizeof(buf)), 4 + 8 * 5);
    CHECK_EQ(mkdir("d/sub", 0770), 0);
    CHECK_EQ(mode_of("d/sub"), 0770);
    CHECK_EQ(getxattr("d/sub", default_acl, buf, sizeof(buf)), 4 + 8 * 5);
    CHECK_EQ(mkfifo("d/p", 0666), 0);
    CHECK_EQ(mode_of("d/p"), 0664);
    CHECK_EQ(symlink("x", "d/ln"), 0);
    CHECK_OK(fd);
    become(1000, 0);
    CHECK_OK(open("d/f", O_RDWR));
}

CASE(acl_errors)
{
    struct acl a = {2, {{USER_OBJ, 6, NOBODY}, {GROUP_OBJ, 4, NOBODY}, {OTHER, 4, NOBODY}}};
    char buf[64];
    if (!have_acls())
        SKIP("no access control lists here");
    CHECK_EQ(chmod(".", 0755), 0);
    put_file("f", "", 0600);
    CHECK_ERR(set_acl("f", access_acl, &a, 2), EINVAL);
    a.version = 1;
    CHECK_ERR(set_acl("f", access_acl, &a, 3), EOPNOTSUPP);
    a.version = 2;
    CHECK_ERR(set_acl("f", default_acl, &a, 3), EACCES);
    CHECK_ERR(getxattr("f", access_acl, buf, sizeof(buf)), ENODATA);
    CHECK_EQ(set_acl("f", access_acl, &a, 3), 0); /* says no more than the mode */
    CHECK_EQ(mode_of("f"), 0644);
    CHECK_ERR(getxattr("f", access_acl, buf, sizeof(buf)), ENODATA);
    CHECK_EQ(removexattr("f", access_acl), 0);
    become(1000, 0);
    CHECK_ERR(set_acl("f", access_acl, &a, 3), EPERM);
}

GUEST_MAIN
