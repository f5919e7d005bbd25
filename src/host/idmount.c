/* SPDX-License-Identifier: Apache-2.0 */
/* Id-mapped mounts: see idmount.h. Sources: mount_setattr(2), user_namespaces(7), clone(2). */
#include "host/idmount.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/mount.h>
#include <linux/sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/sys.h"

#ifndef AT_RECURSIVE
#define AT_RECURSIVE 0x8000
#endif

/* In the child: only there so that the namespace is. Ends when `held` is closed elsewhere. */
noreturn_ static void hold(int held)
{
    char c;

    (void) !read(held, &c, 1);
    _exit(0);
}

/* The map is written and the namespace opened while the child lives. */
static int take_namespace(pid_t pid, const struct idmap *m, int *ret_fd, struct fail *f)
{
    char path[64];
    int fd, r = idmap_write(m, pid, true, f);

    if (r < 0)
        return r;
    snprintf(path, sizeof(path), "/proc/%d/ns/user", (int) pid);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return fail_errno(f, errno, "opening %s", path);
    *ret_fd = fd;
    return 0;
}

int idmount_namespace(const struct idmap *m, int *ret_fd, struct fail *f)
{
    struct clone_args a = {.flags = CLONE_NEWUSER, .exit_signal = SIGCHLD};
    _cleanup_close_ int ours = -1, theirs = -1;
    int pair[2], r;
    pid_t pid;

    if (pipe2(pair, O_CLOEXEC) < 0)
        return fail_errno(f, errno, "making a pipe");
    theirs = pair[0];
    ours = pair[1];
    pid = host_clone3(&a, sizeof(a));
    if (pid < 0)
        return fail_errno(f, -pid, "making a user namespace for id-mapped mounts");
    if (pid == 0) {
        close(ours);
        hold(theirs);
    }
    r = take_namespace(pid, m, ret_fd, f);
    ours = close_fd(ours);
    while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
        ;
    return r;
}

int idmount_apply(int tree_fd, int userns_fd, bool recursive, const char *path, struct fail *f)
{
    struct mount_attr a = {.attr_set = MOUNT_ATTR_IDMAP, .userns_fd = (uint64_t) userns_fd};
    int r = host_mount_setattr(tree_fd, "", AT_EMPTY_PATH | (recursive ? AT_RECURSIVE : 0u), &a,
                               sizeof(a));

    if (r == -EINVAL)
        return fail(f, ENOTSUP,
                    "id-mapping %s: its file system or this kernel does not know id-mapped mounts",
                    path);
    return r < 0 ? fail_errno(f, -r, "id-mapping %s", path) : 0;
}
