/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Making the minimal root: see chroot.h. Sources: mount_namespaces(7), pivot_root(2), proc(5),
 * mount_setattr(2).
 */
#include "boot/chroot.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "base/sys.h"
#include "boot/trees.h"

#ifndef AT_RECURSIVE
#define AT_RECURSIVE 0x8000
#endif

#define TEMP   "/tmp" /* covered in our own mount namespace only */
#define PROC   TEMP "/proc"
#define SENTRY TEMP "/sentry"
#define WORK   TEMP "/work"

/* ---- step 0 ---- */

/* The path may be stale or replaced: what it names now must be the file that we are. */
static int open_self_tree(const struct stat *self, int *ret_fd)
{
    char path[4096];
    _cleanup_close_ int fd = -1;
    struct stat st;
    ssize_t n = readlink("/proc/self/exe", path, sizeof(path) - 1);

    if (n < 0)
        return -errno;
    path[n] = '\0';
    fd = host_open_tree(AT_FDCWD, path, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
    if (fd < 0)
        return fd;
    if (fstat(fd, &st) < 0)
        return -errno;
    if (st.st_dev != self->st_dev || st.st_ino != self->st_ino)
        return -ESTALE;
    *ret_fd = take_fd(&fd);
    return 0;
}

/* A tree given by the host side must be our own file, too. */
static int check_given_self(int tree, const struct stat *self, struct fail *f)
{
    struct stat st;

    if (fstat(tree, &st) < 0)
        return fail_errno(f, errno, "looking at the sentry's own tree");
    if (st.st_dev != self->st_dev || st.st_ino != self->st_ino)
        return fail(f, ESTALE,
                    "the tree of the sentry's own binary is not the file that was executed");
    return 0;
}

int chroot_open_inputs(struct sandbox_spec *s, struct chroot_inputs *ret, struct fail *f)
{
    struct stat self;
    int r;

    ret->self_file = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
    if (ret->self_file < 0 || fstat(ret->self_file, &self) < 0)
        return fail_errno(f, errno, "opening the sentry's own binary");
    if (s->self_fd >= 0) {
        r = check_given_self(s->self_fd, &self, f);
        if (r < 0)
            return r;
        ret->self_tree = take_fd(&s->self_fd);
        log_debug("boot 0: the sentry's own binary came as descriptor %d", ret->self_tree);
    } else {
        r = open_self_tree(&self, &ret->self_tree);
        if (r < 0)
            log_info("boot 0: the sentry's binary cannot be cloned by its path (%s): it will be "
                     "executed "
                     "from memory",
                     strerror(-r));
        else
            log_debug("boot 0: the sentry's own binary cloned as descriptor %d", ret->self_tree);
    }
    return trees_open(s, f);
}

/* ---- steps ---- */

static int make_slave(struct fail *f)
{
    if (mount(NULL, "/", NULL, MS_SLAVE | MS_REC, NULL) < 0)
        return fail_errno(f, errno, "turning every mount below / into a slave");
    log_debug("boot 1: every mount is a slave now");
    return 0;
}

static int mount_root(struct fail *f)
{
    /* Until step 6 it is writable; room for a few directories is enough. */
    if (mount("cloister-root", TEMP, "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC,
              "size=64k,nr_inodes=32,mode=0755") < 0)
        return fail_errno(f, errno, "mounting a tmpfs (cloister-root) onto " TEMP);
    log_debug("boot 2: tmpfs cloister-root on " TEMP ", nosuid, nodev, noexec");
    return 0;
}

static int make_trees(struct sandbox_spec *s, struct fail *f)
{
    int r;

    if (mkdir(WORK, 0700) < 0)
        return fail_errno(f, errno, "making " WORK);
    r = trees_finish(s, WORK, f);
    if (rmdir(WORK) < 0 && r == 0)
        r = fail_errno(f, errno, "removing " WORK);
    return r;
}

static int mount_proc(enum proc_mode *ret, struct fail *f)
{
    const unsigned long flags = MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC;
    int err;

    if (mkdir(PROC, 0555) < 0)
        return fail_errno(f, errno, "making " PROC);
    if (mount("proc", PROC, "proc", flags, "hidepid=invisible,subset=pid") == 0) {
        log_debug("boot 3: a fresh procfs of our own pid namespace on " PROC ", read-only");
        *ret = PROC_FRESH;
        return 0;
    }
    err = errno;
    if (err != EPERM && err != EACCES)
        return fail_errno(f, err, "mounting a procfs onto " PROC);
    if (mount("/proc", PROC, NULL, MS_BIND | MS_REC, NULL) < 0)
        return fail_errno(f, errno, "binding /proc onto " PROC " (a fresh procfs was refused: %s)",
                          strerror(err));
    log_warn(
        "boot 3: no fresh procfs here (%s, the outer /proc is obstructed): the outer one is bound; "
        "processes outside of the sandbox are visible to the sentry",
        strerror(err));
    *ret = PROC_BOUND;
    return 0;
}

static int put_sentry(const struct chroot_inputs *in, struct fail *f)
{
    int fd, r;

    if (in->self_tree < 0)
        return 0;
    fd = open(SENTRY, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0555);
    if (fd < 0)
        return fail_errno(f, errno, "making " SENTRY);
    close(fd);
    r = host_move_mount(in->self_tree, "", AT_FDCWD, SENTRY, MOVE_MOUNT_F_EMPTY_PATH);
    if (r < 0)
        return fail_errno(f, -r, "mounting the sentry's binary onto " SENTRY);
    log_debug("boot 4: the sentry's own binary on " SENTRY);
    return 0;
}

/* For hosts whose outer filter hides mount_setattr: repeats the flags that a user namespace has
 * locked. */
static int remount_readonly(const char *path)
{
    struct statvfs v;
    unsigned long flags = MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NOSUID | MS_NODEV;

    if (statvfs(path, &v) < 0)
        return -errno;
    flags |= v.f_flag & ST_NOEXEC ? MS_NOEXEC : 0ul;
    flags |= v.f_flag & ST_NOATIME ? MS_NOATIME : 0ul;
    flags |= v.f_flag & ST_NODIRATIME ? MS_NODIRATIME : 0ul;
    flags |= v.f_flag & ST_RELATIME ? MS_RELATIME : 0ul;
    return mount(NULL, path, NULL, flags, NULL) < 0 ? -errno : 0;
}

static int make_readonly(const char *path, uint64_t more, struct fail *f)
{
    struct mount_attr a = {
        .attr_set = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | more,
        .propagation = MS_PRIVATE,
    };
    int r = host_mount_setattr(AT_FDCWD, path, AT_RECURSIVE, &a, sizeof(a));

    if (r == -ENOSYS)
        r = remount_readonly(path);
    if (r < 0)
        return fail_errno(f, -r, "making the mount on %s read-only", path);
    log_debug("boot 5: %s is read-only", path);
    return 0;
}

static int make_all_readonly(const struct chroot_inputs *in, struct fail *f)
{
    /* /proc keeps following links: /proc/self/fd/N is how a descriptor is opened again with fewer
     * rights. */
    int r = make_readonly(PROC, 0, f);

    if (r == 0 && in->self_tree >= 0)
        r = make_readonly(SENTRY, MOUNT_ATTR_NOSYMFOLLOW, f);
    return r;
}

static int enter(struct fail *f)
{
    if (chdir(TEMP) < 0)
        return fail_errno(f, errno, "changing to " TEMP);
    if (chmod(".", 0555) < 0)
        return fail_errno(f, errno, "changing the mode of " TEMP);
    if (mount("cloister-root", ".", NULL, MS_REMOUNT | MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC,
              NULL) < 0)
        return fail_errno(f, errno, "remounting the tmpfs on " TEMP " read-only");
    log_debug("boot 6: in " TEMP ", read-only");
    return 0;
}

/* The new root is stacked over the old one at the same place; then the old one is taken away. */
static int pivot(struct fail *f)
{
    int r = host_pivot_root(".", ".");

    if (r < 0)
        return fail_errno(f, -r, "making " TEMP " the root");
    log_debug("boot 7: " TEMP " is the root");
    if (umount2(".", MNT_DETACH) < 0)
        return fail_errno(f, errno, "detaching the old root");
    if (chdir("/") < 0)
        return fail_errno(f, errno, "changing to the new root");
    log_debug("boot 8: the old root is gone");
    return 0;
}

int chroot_enter(struct sandbox_spec *s, const struct chroot_inputs *in, enum proc_mode *ret,
                 struct fail *f)
{
    enum proc_mode mode = PROC_FRESH;
    int r = make_slave(f);

    if (r == 0)
        r = mount_root(f);
    if (r == 0)
        r = make_trees(s, f);
    if (r == 0)
        r = mount_proc(&mode, f);
    if (r == 0)
        r = put_sentry(in, f);
    if (r == 0)
        r = make_all_readonly(in, f);
    if (r == 0)
        r = enter(f);
    if (r == 0)
        r = pivot(f);
    if (r == 0)
        *ret = mode;
    return r;
}
