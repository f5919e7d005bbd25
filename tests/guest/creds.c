/* SPDX-License-Identifier: Apache-2.0 */
/*
 * User and group ids, capabilities, programs that change them, prctl(2): credentials(7),
 * capabilities(7), execve(2). Most cases need root, as the sandbox's first process has it.
 */
#include "guest.h"
#include <elf.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/securebits.h>
#include <sched.h>
#include <sys/auxv.h>
#include <sys/fsuid.h>
#include <sys/prctl.h>
#include <sys/xattr.h>

#define U 4711
#define V 4712
#define W 4713

static void need_root(void)
{
    if (geteuid() != 0)
        SKIP("needs root");
    /* A user namespace of one user cannot take other ids. */
    pid_t pid = fork();
    int st = 1;
    if (pid == 0)
        _exit(setresuid(U, U, U) == 0 && setresgid(-1, -1, -1) == 0 ? 0 : 1);
    waitpid(pid, &st, 0);
    if (st)
        SKIP("no other users here");
}

static void ids(uid_t *r, uid_t *e, uid_t *s)
{
    CHECK_EQ(syscall(SYS_getresuid, r, e, s), 0);
}

#define CHECK_UIDS(a, b, c)        \
    do {                           \
        uid_t r_, e_, s_;          \
        ids(&r_, &e_, &s_);        \
        CHECK_EQ(r_, (uid_t) (a)); \
        CHECK_EQ(e_, (uid_t) (b)); \
        CHECK_EQ(s_, (uid_t) (c)); \
    } while (0)

/* Past libc, which would change all threads. */
static long raw_setresuid(long r, long e, long s)
{
    return syscall(SYS_setresuid, r, e, s);
}

struct caps {
    uint64_t effective, permitted, inheritable;
};

static struct caps caps(void)
{
    struct __user_cap_header_struct h = {_LINUX_CAPABILITY_VERSION_3, 0};
    struct __user_cap_data_struct d[2];
    CHECK_EQ(syscall(SYS_capget, &h, d), 0);
    return (struct caps){d[0].effective | (uint64_t) d[1].effective << 32,
                         d[0].permitted | (uint64_t) d[1].permitted << 32,
                         d[0].inheritable | (uint64_t) d[1].inheritable << 32};
}

static long set_caps(struct caps c)
{
    struct __user_cap_header_struct h = {_LINUX_CAPABILITY_VERSION_3, 0};
    struct __user_cap_data_struct d[2] = {{(uint32_t) c.effective, (uint32_t) c.permitted,
                                           (uint32_t) c.inheritable},
                                          {(uint32_t) (c.effective >> 32),
                                           (uint32_t) (c.permitted >> 32),
                                           (uint32_t) (c.inheritable >> 32)}};
    return syscall(SYS_capset, &h, d);
}

#define BIT(cap) (1ull << (cap))

/* ---- ids ---- */

CASE(setuid_by_root_sets_all)
{
    need_root();
    CHECK_EQ(syscall(SYS_setuid, U), 0);
    CHECK_UIDS(U, U, U);
    CHECK_ERR(syscall(SYS_setuid, 0), EPERM);
    CHECK_ERR(syscall(SYS_setuid, V), EPERM);
    CHECK_EQ(syscall(SYS_setuid, U), 0);
    CHECK_ERR(syscall(SYS_setuid, -1), EINVAL);
    CHECK_EQ(caps().permitted, 0);
}

CASE(saved_id_leads_back)
{
    need_root();
    CHECK_EQ(raw_setresuid(U, V, W), 0);
    CHECK_UIDS(U, V, W);
    CHECK_EQ(syscall(SYS_setuid, W), 0); /* the saved one: only the effective changes */
    CHECK_UIDS(U, W, W);
    CHECK_EQ(syscall(SYS_setuid, U), 0);
    CHECK_UIDS(U, U, W);
    CHECK_ERR(raw_setresuid(V, -1, -1), EPERM);
    CHECK_EQ(raw_setresuid(-1, W, -1), 0);
    CHECK_UIDS(U, W, W);
}

CASE(setreuid_rules)
{
    need_root();
    CHECK_EQ(raw_setresuid(U, V, W), 0);
    CHECK_ERR(syscall(SYS_setreuid, W, -1), EPERM); /* the saved id does not do for the real */
    CHECK_EQ(syscall(SYS_setreuid, -1, W), 0);
    CHECK_UIDS(U, W, W);
    CHECK_EQ(syscall(SYS_setreuid, W, U), 0); /* swapped: the saved follows the effective */
    CHECK_UIDS(W, U, U);
    CHECK_EQ(syscall(SYS_setreuid, -1, W), 0); /* to the real one: the saved stays */
    CHECK_UIDS(W, W, U);
}

CASE(group_ids)
{
    gid_t r, e, s;
    need_root();
    CHECK_EQ(syscall(SYS_setresgid, U, V, W), 0);
    CHECK_EQ(raw_setresuid(U, U, U), 0);
    CHECK_ERR(syscall(SYS_setgid, 0), EPERM);
    CHECK_EQ(syscall(SYS_setgid, W), 0);
    CHECK_EQ(syscall(SYS_getresgid, &r, &e, &s), 0);
    CHECK(r == U && e == W && s == W);
    CHECK_EQ(syscall(SYS_setregid, -1, U), 0);
    CHECK_ERR(syscall(SYS_setregid, V, -1), EPERM);
    CHECK_ERR(syscall(SYS_setresgid, -1, V, -1), EPERM);
}

CASE(fs_ids_own_new_files)
{
    struct stat st;
    need_root();
    CHECK_EQ(chmod(".", 0777), 0);
    CHECK_EQ(setfsgid(V), 0);
    CHECK_EQ(setfsuid(U), 0);
    CHECK_EQ(setfsuid(-1), U); /* asks */
    CHECK_UIDS(0, 0, 0);
    int fd = (int) CHECK_OK(open("of-u", O_CREAT | O_WRONLY, 0600));
    CHECK_EQ(fstat(fd, &st), 0);
    CHECK(st.st_uid == U && st.st_gid == V);
    CHECK_EQ(raw_setresuid(-1, 0, -1), 0); /* the effective id takes it along */
    CHECK_EQ(setfsuid(-1), 0);
}

CASE(acl_and_the_set_group_bit)
{
    /* An access ACL of owner, group and others alone is a mode: rw-, r-x, ---. */
    static const struct {
        uint32_t version;
        struct {
            uint16_t tag, perm;
            uint32_t id;
        } e[3];
    } acl = {2, {{1, 6, ~0u}, {4, 5, ~0u}, {0x20, 0, ~0u}}};
    struct stat st;

    need_root();
    int fd = CHECK_OK(open("acl", O_RDWR | O_CREAT, 0600));
    CHECK_EQ(fchown(fd, U, W), 0);
    CHECK_EQ(fchmod(fd, 02755), 0);
    if (fsetxattr(fd, "system.posix_acl_access", &acl, sizeof(acl), 0) < 0 && errno == EOPNOTSUPP)
        SKIP("no ACLs here");
    CHECK_EQ(fstat(fd, &st), 0);
    CHECK_EQ(st.st_mode & 07777, 02650u); /* root may: CAP_FSETID */
    CHECK_EQ(raw_setresuid(U, U, U), 0);
    CHECK_EQ(fsetxattr(fd, "system.posix_acl_access", &acl, sizeof(acl), 0), 0);
    CHECK_EQ(fstat(fd, &st), 0);
    CHECK_EQ(st.st_mode & 07777, 0650u); /* its owner is not of that group */
}

CASE(supplementary_groups)
{
    gid_t in[3] = {7, 3, 5}, out[4];
    need_root();
    CHECK_EQ(syscall(SYS_setgroups, 3, in), 0);
    CHECK_EQ(getgroups(0, NULL), 3);
    CHECK_EQ(getgroups(4, out), 3);
    CHECK_ERR(getgroups(2, out), EINVAL);
    CHECK_ERR(getgroups(-1, out), EINVAL);
    CHECK_ERR(syscall(SYS_setgroups, 65537, in), EINVAL);
    CHECK_ERR(syscall(SYS_setgroups, 2, 8), EFAULT);
    CHECK_EQ(raw_setresuid(U, U, U), 0);
    CHECK_ERR(syscall(SYS_setgroups, 0, NULL), EPERM);
    CHECK_EQ(getgroups(4, out), 3); /* they stay */
}

/* ---- capabilities and ids ---- */

CASE(capabilities_go_with_root)
{
    need_root();
    uint64_t all = caps().permitted;
    CHECK(all & BIT(CAP_SETUID));
    CHECK_EQ(raw_setresuid(-1, U, -1), 0); /* effective ones go, permitted stay */
    CHECK_EQ(caps().effective, 0);
    CHECK(caps().permitted == all);
    CHECK_EQ(raw_setresuid(-1, 0, -1), 0);
    CHECK(caps().effective == all);
    CHECK_EQ(raw_setresuid(U, U, U), 0);
    CHECK_EQ(caps().permitted, 0);
}

CASE(keepcaps)
{
    need_root();
    uint64_t all = caps().permitted;
    CHECK_EQ(prctl(PR_GET_KEEPCAPS), 0);
    CHECK_ERR(prctl(PR_SET_KEEPCAPS, 2), EINVAL);
    CHECK_EQ(prctl(PR_SET_KEEPCAPS, 1), 0);
    CHECK_EQ(prctl(PR_GET_KEEPCAPS), 1);
    CHECK_EQ(raw_setresuid(U, U, U), 0);
    CHECK(caps().permitted == all);
    CHECK_EQ(caps().effective, 0);
    CHECK_EQ(set_caps((struct caps){BIT(CAP_SETUID), all, 0}), 0);
    CHECK_EQ(raw_setresuid(V, V, V), 0);
}

CASE(no_setuid_fixup)
{
    need_root();
    uint64_t all = caps().permitted;
    CHECK_EQ(prctl(PR_SET_SECUREBITS, SECBIT_NO_SETUID_FIXUP), 0);
    CHECK_EQ(prctl(PR_GET_SECUREBITS), SECBIT_NO_SETUID_FIXUP);
    CHECK_EQ(raw_setresuid(U, U, U), 0);
    CHECK(caps().permitted == all && caps().effective == all);
}

CASE(locked_securebits)
{
    need_root();
    CHECK_EQ(prctl(PR_SET_SECUREBITS, SECBIT_NOROOT | SECBIT_NOROOT_LOCKED), 0);
    CHECK_ERR(prctl(PR_SET_SECUREBITS, SECBIT_NOROOT_LOCKED), EPERM);
    CHECK_ERR(prctl(PR_SET_SECUREBITS, SECBIT_NOROOT), EPERM);
    CHECK_ERR(prctl(PR_SET_SECUREBITS, 1 << 20), EPERM);
    struct caps c = caps();
    c.effective &= ~BIT(CAP_SETPCAP);
    CHECK_EQ(set_caps(c), 0);
    CHECK_ERR(prctl(PR_SET_SECUREBITS, SECBIT_NOROOT | SECBIT_NOROOT_LOCKED), EPERM);
}

CASE(fs_capabilities_follow_the_fsuid)
{
    need_root();
    CHECK(caps().effective & BIT(CAP_DAC_OVERRIDE));
    setfsuid(U);
    CHECK(!(caps().effective & BIT(CAP_DAC_OVERRIDE)));
    CHECK(!(caps().effective & BIT(CAP_CHOWN)));
    CHECK(caps().effective & BIT(CAP_SETUID));
    setfsuid(0);
    CHECK(caps().effective & BIT(CAP_DAC_OVERRIDE));
}

CASE(capset_rules)
{
    need_root();
    struct caps c = caps(), all = c;
    c.permitted &= ~BIT(CAP_CHOWN);
    CHECK_ERR(set_caps(c), EPERM); /* effective beyond permitted */
    c.effective &= c.permitted;
    CHECK_EQ(set_caps(c), 0);
    CHECK_ERR(set_caps(all), EPERM); /* never back */
    c.inheritable = BIT(CAP_CHOWN);
    CHECK_EQ(set_caps(c), 0); /* within the bounding set, with SETPCAP */
    CHECK_EQ(prctl(PR_CAPBSET_DROP, CAP_KILL), 0);
    c.inheritable = BIT(CAP_KILL);
    CHECK_ERR(set_caps(c), EPERM);
    c.inheritable = 0;
    c.effective &= ~BIT(CAP_SETPCAP);
    CHECK_EQ(set_caps(c), 0);
    c.inheritable = BIT(CAP_CHOWN);
    CHECK_ERR(set_caps(c), EPERM);
    struct __user_cap_header_struct h = {_LINUX_CAPABILITY_VERSION_3, 1};
    struct __user_cap_data_struct d[2] = {{0, 0, 0}, {0, 0, 0}};
    CHECK_ERR(syscall(SYS_capset, &h, d), EPERM); /* another's */
}

CASE(capget_versions)
{
    struct __user_cap_header_struct h = {0x12345678, 0};
    struct __user_cap_data_struct d[2];
    CHECK_ERR(syscall(SYS_capget, &h, d), EINVAL);
    CHECK_EQ(h.version, _LINUX_CAPABILITY_VERSION_3);
    h.version = 0;
    CHECK_EQ(syscall(SYS_capget, &h, NULL), 0); /* only asks for the version */
    CHECK_EQ(h.version, _LINUX_CAPABILITY_VERSION_3);
    h.version = _LINUX_CAPABILITY_VERSION_1;
    d[1].effective = 0x5a5a5a5a;
    CHECK_EQ(syscall(SYS_capget, &h, d), 0);
    CHECK_EQ(d[1].effective, 0x5a5a5a5a); /* one word of each */
    h.pid = -1;
    CHECK_ERR(syscall(SYS_capget, &h, d), EINVAL);
    h.pid = 0x3ffffff0;
    CHECK_ERR(syscall(SYS_capget, &h, d), ESRCH);
    CHECK_ERR(syscall(SYS_capget, 8, d), EFAULT);
    h = (struct __user_cap_header_struct){_LINUX_CAPABILITY_VERSION_3, getppid()};
    CHECK_EQ(syscall(SYS_capget, &h, d), 0);
}

CASE(bounding_set)
{
    need_root();
    CHECK_EQ(prctl(PR_CAPBSET_READ, CAP_CHOWN), 1);
    CHECK_EQ(prctl(PR_CAPBSET_DROP, CAP_CHOWN), 0);
    CHECK_EQ(prctl(PR_CAPBSET_READ, CAP_CHOWN), 0);
    CHECK_ERR(prctl(PR_CAPBSET_READ, 64), EINVAL);
    CHECK_ERR(prctl(PR_CAPBSET_DROP, 64), EINVAL);
    CHECK(caps().permitted & BIT(CAP_CHOWN)); /* what one has stays until exec */
    CHECK_EQ(raw_setresuid(-1, U, -1), 0);
    CHECK_ERR(prctl(PR_CAPBSET_DROP, CAP_KILL), EPERM);
}

CASE(ambient_set)
{
    need_root();
    struct caps c = caps();
    CHECK_ERR(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_CHOWN, 0, 0), EPERM);
    c.inheritable = BIT(CAP_CHOWN) | BIT(CAP_KILL);
    CHECK_EQ(set_caps(c), 0);
    CHECK_EQ(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_CHOWN, 0, 0), 0);
    CHECK_EQ(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, CAP_CHOWN, 0, 0), 1);
    CHECK_EQ(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, CAP_KILL, 0, 0), 0);
    CHECK_ERR(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, 64, 0, 0), EINVAL);
    CHECK_ERR(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_KILL, 1, 0), EINVAL);
    CHECK_ERR(prctl(PR_CAP_AMBIENT, 9, CAP_KILL, 0, 0), EINVAL);
    c.inheritable = BIT(CAP_KILL); /* what is not inheritable is not ambient */
    CHECK_EQ(set_caps(c), 0);
    CHECK_EQ(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, CAP_CHOWN, 0, 0), 0);
    CHECK_EQ(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_KILL, 0, 0), 0);
    CHECK_EQ(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_LOWER, CAP_KILL, 0, 0), 0);
    CHECK_EQ(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, CAP_KILL, 0, 0), 0);
    CHECK_EQ(prctl(PR_SET_SECUREBITS, SECBIT_NO_CAP_AMBIENT_RAISE), 0);
    CHECK_ERR(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_KILL, 0, 0), EPERM);
    CHECK_ERR(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 1, 0, 0), EINVAL);
    CHECK_EQ(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0), 0);
}

/* ---- programs ---- */

/* What an executed program finds about itself, on descriptor 3. */
struct found {
    uid_t r, e, s;
    gid_t rg, eg, sg;
    struct caps caps;
    uint64_t ambient;
    unsigned long secure;
    int dumpable, nnp, pdeath;
};

int guest_mode(const char *mode, int argc, char **argv)
{
    struct found f = {0};
    (void) mode, (void) argc, (void) argv;
    syscall(SYS_getresuid, &f.r, &f.e, &f.s);
    syscall(SYS_getresgid, &f.rg, &f.eg, &f.sg);
    f.caps = caps();
    for (int i = 0; i < 41; i++)
        if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, i, 0, 0) == 1)
            f.ambient |= BIT(i);
    f.secure = getauxval(AT_SECURE);
    f.dumpable = prctl(PR_GET_DUMPABLE);
    f.nnp = prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0);
    prctl(PR_GET_PDEATHSIG, &f.pdeath);
    return write(3, &f, sizeof(f)) == sizeof(f) ? 0 : 1;
}

/* Runs ./prog in a child, after `before` there. */
static int run(void (*before)(void), struct found *ret)
{
    int p[2], st;
    CHECK_EQ(pipe(p), 0);
    pid_t pid = (pid_t) CHECK_OK(fork());
    if (pid == 0) {
        if (dup2(p[1], 3) != 3)
            _exit(100);
        before();
        execl("./prog", "./prog", "--mode", "look", NULL);
        _exit(errno);
    }
    close(p[1]);
    ssize_t n = read(p[0], ret, sizeof(*ret));
    close(p[0]);
    CHECK_EQ(waitpid(pid, &st, 0), pid);
    CHECK(WIFEXITED(st));
    if (WEXITSTATUS(st) == 0)
        CHECK_EQ(n, sizeof(*ret));
    return WEXITSTATUS(st);
}

/* A copy of this program. */
static void copy_program(uid_t uid, gid_t gid, mode_t mode)
{
    char buf[65536];
    ssize_t n;
    int in = (int) CHECK_OK(open(guest_self, O_RDONLY));
    unlink("prog");
    int out = (int) CHECK_OK(open("prog", O_WRONLY | O_CREAT | O_EXCL, 0755));
    while ((n = read(in, buf, sizeof(buf))) > 0)
        CHECK_EQ(write(out, buf, (size_t) n), n);
    CHECK_EQ(fchown(out, uid, gid), 0);
    CHECK_EQ(fchmod(out, mode), 0);
    close(in);
    close(out);
}

static void as_user(void)
{
    CHECK_EQ(syscall(SYS_setgroups, 0, NULL), 0);
    CHECK_EQ(syscall(SYS_setresgid, V, V, V), 0);
    CHECK_EQ(raw_setresuid(U, U, U), 0);
    CHECK_EQ(prctl(PR_SET_DUMPABLE, 1), 0);
    CHECK_EQ(prctl(PR_SET_PDEATHSIG, SIGTERM), 0);
}

static void as_user_without_privileges(void)
{
    as_user();
    CHECK_EQ(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
}

static bool honours_setid(void)
{
    struct found f;
    CHECK_EQ(chmod(".", 0755), 0);
    copy_program(W, W, 04755);
    return run(as_user, &f) == 0 && f.e == W;
}

CASE(plain_program)
{
    struct found f;
    need_root();
    copy_program(0, 0, 0755);
    CHECK_EQ(run(as_user, &f), 0);
    CHECK(f.r == U && f.e == U && f.s == U && f.rg == V && f.eg == V);
    CHECK_EQ(f.caps.permitted | f.caps.effective, 0);
    CHECK_EQ(f.secure, 0);
    CHECK_EQ(f.dumpable, 1);
    CHECK_EQ(f.pdeath, SIGTERM); /* over exec it stays */
}

CASE(set_uid_program)
{
    struct found f;
    need_root();
    if (!honours_setid())
        SKIP("set-uid programs are not honoured here");
    copy_program(W, W, 04755);
    CHECK_EQ(run(as_user, &f), 0);
    CHECK(f.r == U && f.e == W && f.s == W && f.eg == V);
    CHECK_EQ(f.secure, 1);
    CHECK_EQ(f.dumpable, 0);
    CHECK_EQ(f.pdeath, 0);
    CHECK_EQ(f.caps.permitted, 0);
    CHECK_EQ(run(as_user_without_privileges, &f), 0);
    CHECK(f.r == U && f.e == U && f.s == U);
    CHECK_EQ(f.secure, 0);
    CHECK_EQ(f.nnp, 1);
    copy_program(0, 0, 04755); /* and to root */
    CHECK_EQ(run(as_user, &f), 0);
    CHECK(f.r == U && f.e == 0);
    CHECK(f.caps.effective & BIT(CAP_SETUID));
}

CASE(set_gid_program)
{
    struct found f;
    need_root();
    if (!honours_setid())
        SKIP("set-uid programs are not honoured here");
    copy_program(W, W, 02755);
    CHECK_EQ(run(as_user, &f), 0);
    CHECK(f.e == U && f.rg == V && f.eg == W && f.sg == W);
    CHECK_EQ(f.secure, 1);
    copy_program(W, W, 02745); /* without the group's x it means something else */
    CHECK_EQ(run(as_user, &f), 0);
    CHECK_EQ(f.eg, V);
    CHECK_EQ(f.secure, 0);
}

struct vfs_cap {
    uint32_t magic, words[4];
};

static long file_caps(uint64_t permitted, uint64_t inheritable, bool effective)
{
    struct vfs_cap v = {0x02000000u | effective,
                        {(uint32_t) permitted, (uint32_t) inheritable, (uint32_t) (permitted >> 32),
                         (uint32_t) (inheritable >> 32)}};
    return setxattr("prog", "security.capability", &v, sizeof(v), 0);
}

static void as_user_bounded(void)
{
    CHECK_EQ(prctl(PR_CAPBSET_DROP, CAP_CHOWN), 0);
    as_user();
}

static void as_user_with_inheritable(void)
{
    struct caps c = caps();
    c.inheritable = BIT(CAP_KILL);
    CHECK_EQ(set_caps(c), 0);
    CHECK_EQ(prctl(PR_SET_KEEPCAPS, 1), 0);
    as_user();
    CHECK_EQ(set_caps((struct caps){0, 0, BIT(CAP_KILL)}), 0);
}

CASE(file_capabilities)
{
    struct found f;
    need_root();
    if (!honours_setid())
        SKIP("set-uid programs are not honoured here");
    copy_program(0, 0, 0755);
    if (file_caps(BIT(CAP_CHOWN) | BIT(CAP_SYSLOG), 0, true) != 0)
        SKIP("no file capabilities here");
    CHECK_EQ(run(as_user, &f), 0);
    CHECK_EQ(f.caps.permitted, BIT(CAP_CHOWN) | BIT(CAP_SYSLOG));
    CHECK_EQ(f.caps.effective, BIT(CAP_CHOWN) | BIT(CAP_SYSLOG));
    CHECK_EQ(f.caps.inheritable, 0);
    CHECK(f.e == U);
    CHECK_EQ(f.secure, 1);
    CHECK_EQ(run(as_user_without_privileges, &f), 0);
    CHECK_EQ(f.caps.permitted, 0);
    /* What the bounding set lacks is not given; a program that counts on it does not run. */
    CHECK_EQ(run(as_user_bounded, &f), EPERM);
    CHECK_EQ(file_caps(BIT(CAP_CHOWN) | BIT(CAP_SYSLOG), 0, false), 0);
    CHECK_EQ(run(as_user_bounded, &f), 0);
    CHECK_EQ(f.caps.permitted, BIT(CAP_SYSLOG));
    CHECK_EQ(f.caps.effective, 0);
    /* Inheritable on both sides. */
    CHECK_EQ(file_caps(0, BIT(CAP_KILL) | BIT(CAP_CHOWN), true), 0);
    CHECK_EQ(run(as_user_with_inheritable, &f), 0);
    CHECK_EQ(f.caps.permitted, BIT(CAP_KILL));
    CHECK_EQ(f.caps.effective, BIT(CAP_KILL));
}

static void as_user_with_ambient(void)
{
    struct caps c = caps();
    c.inheritable = BIT(CAP_CHOWN);
    CHECK_EQ(set_caps(c), 0);
    CHECK_EQ(prctl(PR_SET_KEEPCAPS, 1), 0);
    as_user();
    CHECK_EQ(set_caps((struct caps){BIT(CAP_CHOWN), BIT(CAP_CHOWN), BIT(CAP_CHOWN)}), 0);
    CHECK_EQ(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_CHOWN, 0, 0), 0);
}

CASE(ambient_capabilities_over_exec)
{
    struct found f;
    need_root();
    bool setid = honours_setid();
    copy_program(0, 0, 0755);
    CHECK_EQ(run(as_user_with_ambient, &f), 0);
    CHECK_EQ(f.ambient, BIT(CAP_CHOWN));
    CHECK_EQ(f.caps.permitted, BIT(CAP_CHOWN));
    CHECK_EQ(f.caps.effective, BIT(CAP_CHOWN));
    CHECK_EQ(f.secure, 0);
    if (setid) {
        copy_program(W, W, 04755); /* not into a privileged program */
        CHECK_EQ(run(as_user_with_ambient, &f), 0);
        CHECK_EQ(f.ambient, 0);
        CHECK_EQ(f.caps.permitted, 0);
    }
}

static void noroot(void)
{
    CHECK_EQ(prctl(PR_SET_SECUREBITS, SECBIT_NOROOT), 0);
}

static void root_bounded(void)
{
    CHECK_EQ(prctl(PR_CAPBSET_DROP, CAP_CHOWN), 0);
    CHECK_EQ(prctl(PR_SET_KEEPCAPS, 1), 0);
}

CASE(root_over_exec)
{
    struct found f;
    need_root();
    copy_program(0, 0, 0755);
    CHECK_EQ(run(root_bounded, &f), 0);
    CHECK(!(f.caps.permitted & BIT(CAP_CHOWN)));
    CHECK(f.caps.effective & BIT(CAP_SETUID));
    CHECK_EQ(run(noroot, &f), 0); /* being root gives nothing */
    CHECK_EQ(f.caps.permitted, 0);
}

/* ---- prctl ---- */

CASE(names)
{
    char name[32] = "";
    CHECK_EQ(prctl(PR_SET_NAME, "a-name-longer-than-fits"), 0);
    CHECK_EQ(prctl(PR_GET_NAME, name), 0);
    CHECK_STR(name, "a-name-longer-t");
    CHECK_ERR(prctl(PR_SET_NAME, 8), EFAULT);
    CHECK_ERR(prctl(PR_GET_NAME, 8), EFAULT);
}

CASE(parent_death_signal)
{
    int sig = 99;
    CHECK_ERR(prctl(PR_SET_PDEATHSIG, 65), EINVAL);
    CHECK_EQ(prctl(PR_SET_PDEATHSIG, SIGUSR1), 0);
    CHECK_EQ(prctl(PR_GET_PDEATHSIG, &sig), 0);
    CHECK_EQ(sig, SIGUSR1);
    pid_t pid = (pid_t) CHECK_OK(fork());
    if (pid == 0) {
        sig = 99;
        prctl(PR_GET_PDEATHSIG, &sig);
        _exit(sig == 0 ? 3 : 4);
    }
    CHECK_EXIT(pid, 3);
    if (geteuid() == 0 && raw_setresuid(-1, U, -1) == 0) {
        prctl(PR_GET_PDEATHSIG, &sig);
        CHECK_EQ(sig, 0); /* goes with a change of ids */
        CHECK_EQ(prctl(PR_GET_DUMPABLE), 0);
    }
}

CASE(dumpable)
{
    CHECK_EQ(prctl(PR_GET_DUMPABLE), 1);
    CHECK_ERR(prctl(PR_SET_DUMPABLE, 2), EINVAL);
    CHECK_EQ(prctl(PR_SET_DUMPABLE, 0), 0);
    CHECK_EQ(prctl(PR_GET_DUMPABLE), 0);
    CHECK_EQ(prctl(PR_SET_DUMPABLE, 1), 0);
}

CASE(no_new_privs)
{
    CHECK_EQ(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0), 0);
    CHECK_ERR(prctl(PR_SET_NO_NEW_PRIVS, 0, 0, 0, 0), EINVAL);
    CHECK_ERR(prctl(PR_SET_NO_NEW_PRIVS, 1, 1, 0, 0), EINVAL);
    CHECK_ERR(prctl(PR_GET_NO_NEW_PRIVS, 1, 0, 0, 0), EINVAL);
    CHECK_EQ(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
    CHECK_EQ(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0), 1);
}

CASE(small_options)
{
    int v = 99;
    CHECK_EQ(prctl(PR_SET_TIMERSLACK, 12345), 0);
    CHECK_EQ(prctl(PR_GET_TIMERSLACK), 12345);
    CHECK_EQ(prctl(PR_SET_TIMERSLACK, 0), 0); /* the default again */
    CHECK_EQ(prctl(PR_GET_TIMERSLACK), 50000);
    CHECK_EQ(prctl(PR_GET_TSC, &v), 0);
    CHECK_EQ(v, PR_TSC_ENABLE);
    CHECK_EQ(prctl(PR_SET_TSC, PR_TSC_ENABLE), 0);
    CHECK_ERR(prctl(PR_SET_TSC, 77), EINVAL);
    CHECK_EQ(prctl(PR_GET_TIMING), PR_TIMING_STATISTICAL);
    CHECK_ERR(prctl(PR_SET_TIMING, 1), EINVAL);
    CHECK_EQ(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
    CHECK_EQ(prctl(PR_GET_CHILD_SUBREAPER, &v), 0);
    CHECK_EQ(v, 1);
    CHECK_EQ(prctl(PR_GET_THP_DISABLE, 0, 0, 0, 0), 0);
    CHECK_ERR(prctl(PR_GET_THP_DISABLE, 1, 0, 0, 0), EINVAL);
    CHECK_EQ(prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0), 0);
    CHECK_EQ(prctl(PR_GET_THP_DISABLE, 0, 0, 0, 0), 1);
    CHECK_EQ(prctl(PR_SET_THP_DISABLE, 0, 0, 0, 0), 0);
    CHECK_EQ(prctl(PR_MCE_KILL_GET, 0, 0, 0, 0), PR_MCE_KILL_DEFAULT);
    CHECK_EQ(prctl(PR_MCE_KILL, PR_MCE_KILL_CLEAR, 0, 0, 0), 0);
    CHECK_EQ(prctl(PR_MCE_KILL, PR_MCE_KILL_SET, PR_MCE_KILL_EARLY, 0, 0), 0);
    CHECK_EQ(prctl(PR_MCE_KILL_GET, 0, 0, 0, 0), PR_MCE_KILL_EARLY);
    CHECK_ERR(prctl(PR_MCE_KILL, 9, 0, 0, 0), EINVAL);
    CHECK_ERR(prctl(9999), EINVAL);
    CHECK_ERR(prctl(PR_GET_UNALIGN, &v), EINVAL);
    CHECK_ERR(prctl(PR_GET_FPEMU, &v), EINVAL);
}

CASE(auxv_by_prctl)
{
    Elf64_auxv_t v[64];
    long n = prctl(0x41555856 /* PR_GET_AUXV */, v, sizeof(v), 0, 0);
    if (n < 0 && errno == EINVAL)
        SKIP("older than 6.4");
    CHECK(n > 0 && n % (long) sizeof(v[0]) == 0);
    bool page = false;
    for (size_t i = 0; i < 64 && v[i].a_type != AT_NULL; i++)
        page = page || (v[i].a_type == AT_PAGESZ && v[i].a_un.a_val == 4096);
    CHECK(page);
    CHECK_ERR(prctl(0x41555856, v, sizeof(v), 1, 0), EINVAL);
}

CASE(mapping_names)
{
    char *m =
        CHECK_MAP(mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    /* EINVAL where the kernel is built without it. */
    int r = prctl(PR_SET_VMA, PR_SET_VMA_ANON_NAME, m, 8192, "a name");
    CHECK(r == 0 || errno == EINVAL);
    CHECK_ERR(prctl(PR_SET_VMA, 99, m, 8192, "a name"), EINVAL);
}

CASE(namespaces_need_privilege)
{
    need_root();
    CHECK_EQ(raw_setresuid(U, U, U), 0);
    static const int kinds[] = {CLONE_NEWNS, CLONE_NEWPID, CLONE_NEWNET, CLONE_NEWIPC,
                                CLONE_NEWUTS};
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
        CHECK_ERR(unshare(kinds[i]), EPERM);
    CHECK_ERR(unshare(1), EINVAL);
    CHECK_EQ(unshare(0), 0);
    CHECK_EQ(unshare(CLONE_FS | CLONE_FILES), 0);
    CHECK_ERR(setns(-1, 0), EBADF);
    int fd = (int) CHECK_OK(open("/dev/null", O_RDONLY));
    CHECK_ERR(setns(fd, 0), EINVAL);
}

GUEST_MAIN
