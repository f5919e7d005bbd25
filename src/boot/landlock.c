/* SPDX-License-Identifier: Apache-2.0 */
/* Landlock rules: see landlock.h. */
#include "boot/landlock.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "base/sys.h"

/* Later than Debian 12's header; numbers of the kernel's uapi. */
#define FS_TRUNCATE         (1ull << 14) /* ABI 3 */
#define FS_IOCTL_DEV        (1ull << 15) /* ABI 5 */
#define SCOPE_ABSTRACT_UNIX (1ull << 0)  /* ABI 6 */
#define SCOPE_SIGNAL        (1ull << 1)

struct ruleset_attr {
    uint64_t fs, net, scoped;
};

#define READ_FILE  LANDLOCK_ACCESS_FS_READ_FILE
#define READ_DIR   LANDLOCK_ACCESS_FS_READ_DIR
#define WRITE_FILE (LANDLOCK_ACCESS_FS_WRITE_FILE | FS_TRUNCATE)
/* Names: everything but device nodes, which a user namespace cannot make anyway. */
#define CHANGE_DIR                                                                              \
    (LANDLOCK_ACCESS_FS_REMOVE_DIR | LANDLOCK_ACCESS_FS_REMOVE_FILE |                           \
     LANDLOCK_ACCESS_FS_MAKE_DIR | LANDLOCK_ACCESS_FS_MAKE_REG | LANDLOCK_ACCESS_FS_MAKE_SOCK | \
     LANDLOCK_ACCESS_FS_MAKE_FIFO | LANDLOCK_ACCESS_FS_MAKE_SYM | LANDLOCK_ACCESS_FS_REFER)

static uint64_t known_rights(int abi)
{
    if (abi >= 5)
        return (1ull << 16) - 1;
    if (abi >= 3)
        return (1ull << 15) - 1;
    return abi == 2 ? (1ull << 14) - 1 : (1ull << 13) - 1;
}

static int allow(int ruleset, int fd, uint64_t rights, uint64_t known)
{
    struct landlock_path_beneath_attr a = {.parent_fd = fd, .allowed_access = rights & known};

    if (a.allowed_access == 0)
        return 0;
    return host_landlock_add_rule(ruleset, LANDLOCK_RULE_PATH_BENEATH, &a, 0);
}

static int allow_path(int ruleset, const char *path, uint64_t rights, uint64_t known)
{
    _cleanup_close_ int fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);

    return fd < 0 ? -errno : allow(ruleset, fd, rights, known);
}

static int allow_tree(int ruleset, int fd, bool writable, uint64_t known)
{
    uint64_t rights = READ_FILE | (writable ? WRITE_FILE : 0);
    struct stat st;

    if (fstat(fd, &st) < 0)
        return -errno;
    if (S_ISDIR(st.st_mode))
        rights |= READ_DIR | (writable ? CHANGE_DIR : 0);
    return allow(ruleset, fd, rights, known);
}

static int allow_mount(int ruleset, const struct mount_spec *m, uint64_t known)
{
    int r =
        allow_tree(ruleset, m->tree_fd, !(m->flags & (MOUNT_F_RDONLY | MOUNT_F_OVERLAY)), known);

    return r == 0 && m->upper_fd >= 0 ? allow_tree(ruleset, m->upper_fd, true, known) : r;
}

/* A regular file at stdin, stdout or stderr can be opened again by its guest (/dev/stdout), no
 * wider. */
static int allow_stdio(int ruleset, int fd, uint64_t known)
{
    int flags = fcntl(fd, F_GETFL);
    struct stat st;
    uint64_t rights;

    if (flags < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
        return 0;
    switch (flags & O_ACCMODE) {
    case O_RDONLY:
        rights = READ_FILE;
        break;
    case O_WRONLY:
        rights = WRITE_FILE;
        break;
    default:
        rights = READ_FILE | WRITE_FILE;
        break;
    }
    /* EBADFD: a file of an internal mount (a memfd), which Landlock leaves alone. */
    int r = allow(ruleset, fd, rights, known);
    return r == -EBADFD ? 0 : r;
}

static int fill(int ruleset, const struct sandbox_spec *s, uint64_t known, struct fail *f)
{
    int r = allow_path(ruleset, "/", READ_DIR, known);

    if (r == 0)
        r = allow_path(ruleset, "/proc", READ_FILE | READ_DIR, known);
    if (r < 0)
        return fail_errno(f, -r, "writing Landlock rules for the sandbox's root");
    for (size_t i = 0; i < s->n_mounts; i++) {
        if (s->mounts[i].tree_fd < 0)
            continue;
        r = allow_mount(ruleset, &s->mounts[i], known);
        if (r < 0)
            return fail_errno(f, -r, "writing a Landlock rule for %s", s->mounts[i].dest);
    }
    if (s->machine_fd >= 0) {
        r = allow_tree(ruleset, s->machine_fd, false, known);
        if (r < 0)
            return fail_errno(f, -r, "writing a Landlock rule for the tree of processors");
    }
    if (s->net_fd >= 0) {
        r = allow_tree(ruleset, s->net_fd, false, known);
        if (r < 0)
            return fail_errno(f, -r, "writing a Landlock rule for the settings of the network");
    }
    for (int fd = 0; fd < 3; fd++) {
        r = allow_stdio(ruleset, fd, known);
        if (r < 0)
            return fail_errno(f, -r, "writing a Landlock rule for descriptor %d", fd);
    }
    return 0;
}

int landlock_confine(const struct sandbox_spec *s, int *ret_abi, struct fail *f)
{
    int abi = host_landlock_abi(), r;
    struct ruleset_attr a = {0};
    _cleanup_close_ int ruleset = -1;

    if (abi < 0) {
        log_info("boot: this kernel has no Landlock (%s): going on without",
                 abi == -ENOSYS ? "not built in" : "switched off");
        *ret_abi = 0;
        return 0;
    }
    a.fs = known_rights(abi); /* nothing about TCP: the guest's sockets are in its own namespace */
    if (abi >= 6)
        a.scoped = SCOPE_ABSTRACT_UNIX | SCOPE_SIGNAL;
    ruleset = host_landlock_create_ruleset(&a, abi >= 6 ? 24 : abi >= 4 ? 16 : 8, 0);
    if (ruleset < 0)
        return fail_errno(f, -ruleset, "making the Landlock rules");
    r = fill(ruleset, s, a.fs, f);
    if (r < 0)
        return r;
    r = host_landlock_restrict_self(ruleset, 0);
    if (r < 0)
        return fail_errno(f, -r, "entering the Landlock domain");
    log_debug("boot: Landlock is in force, version %d", abi);
    *ret_abi = abi;
    return 0;
}
