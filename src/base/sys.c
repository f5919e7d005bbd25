/* SPDX-License-Identifier: Apache-2.0 */
#include "base/sys.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/futex.h>
#include <linux/landlock.h>
#include <linux/mount.h>
#include <linux/openat2.h>
#include <linux/sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static_assert(sizeof(struct mount_attr) >= MOUNT_ATTR_SIZE_VER0,
              "struct mount_attr of linux/mount.h");
static_assert(sizeof(struct open_how) == 24, "struct open_how of linux/openat2.h");
static_assert(sizeof(struct clone_args) >= CLONE_ARGS_SIZE_VER2,
              "struct clone_args of linux/sched.h");
static_assert(sizeof(struct futex_waitv) == 24, "struct futex_waitv of linux/futex.h");
static_assert(sizeof(_Atomic uint32_t) == 4, "a futex word is 32 bits");

static int result(long r)
{
    return r < 0 ? -errno : (int) r;
}

int host_open_tree(int dirfd, const char *path, unsigned flags)
{
    return result(syscall(SYS_open_tree, dirfd, path, flags));
}

int host_move_mount(int from_dirfd, const char *from, int to_dirfd, const char *to, unsigned flags)
{
    return result(syscall(SYS_move_mount, from_dirfd, from, to_dirfd, to, flags));
}

int host_mount_setattr(int dirfd, const char *path, unsigned flags, const struct mount_attr *a,
                       size_t size)
{
    return result(syscall(SYS_mount_setattr, dirfd, path, flags, a, size));
}

int host_fsopen(const char *fs_name, unsigned flags)
{
    return result(syscall(SYS_fsopen, fs_name, flags));
}

int host_fsconfig(int fd, unsigned cmd, const char *key, const void *value, int aux)
{
    return result(syscall(SYS_fsconfig, fd, cmd, key, value, aux));
}

int host_fsmount(int fs_fd, unsigned flags, unsigned attr_flags)
{
    return result(syscall(SYS_fsmount, fs_fd, flags, attr_flags));
}

int host_pivot_root(const char *new_root, const char *put_old)
{
    return result(syscall(SYS_pivot_root, new_root, put_old));
}

int host_openat2(int dirfd, const char *path, const struct open_how *how, size_t size)
{
    return result(syscall(SYS_openat2, dirfd, path, how, size));
}

int host_close_range(unsigned first, unsigned last, unsigned flags)
{
    return result(syscall(SYS_close_range, first, last, flags));
}

int host_execveat(int dirfd, const char *path, char *const argv[], char *const envp[], int flags)
{
    return result(syscall(SYS_execveat, dirfd, path, argv, envp, flags));
}

int host_pidfd_open(pid_t pid, unsigned flags)
{
    return result(syscall(SYS_pidfd_open, pid, flags));
}

int host_pidfd_getfd(int pidfd, int target_fd, unsigned flags)
{
    return result(syscall(SYS_pidfd_getfd, pidfd, target_fd, flags));
}

/* What the procfs at /proc calls the process or thread of pidfd, which is closed. */
static pid_t number_in_proc(int pidfd)
{
    char path[64], text[512], *line;
    ssize_t n = -1;
    int fd;

    if (pidfd < 0)
        return 0;
    (void) snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", pidfd);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd >= 0) {
        n = read(fd, text, sizeof(text) - 1);
        (void) close(fd);
    }
    (void) close(pidfd);
    text[n < 0 ? 0 : n] = '\0';
    /* Counted in the namespace of the procfs that shows it, not in ours; -1 for a process that has
     * ended. */
    line = strstr(text, "\nPid:");
    n = line ? strtol(line + 5, NULL, 10) : 0;
    return n > 0 ? (pid_t) n : 0;
}

pid_t host_proc_pid(pid_t pid)
{
    return number_in_proc(host_pidfd_open(pid, 0));
}

pid_t host_proc_tid(pid_t pid, pid_t tid)
{
    if (host_proc_pid(pid) == pid)
        return tid;
    return number_in_proc(host_pidfd_open(tid, O_EXCL)); /* PIDFD_THREAD, since Linux 6.9 */
}

int host_pidfd_send_signal(int pidfd, int signo)
{
    return result(syscall(SYS_pidfd_send_signal, pidfd, signo, NULL, 0));
}

int host_tgkill(pid_t tgid, pid_t tid, int signo)
{
    return result(syscall(SYS_tgkill, tgid, tid, signo));
}

pid_t host_gettid(void)
{
    return (pid_t) syscall(SYS_gettid);
}

pid_t host_clone3(struct clone_args *a, size_t size)
{
    /* Through syscall(), a child that shares memory would return onto its parent's stack. */
    if (a->stack != 0 || (a->flags & CLONE_VM))
        return -EINVAL;
    return result(syscall(SYS_clone3, a, size));
}

int host_futex_wait(const _Atomic uint32_t *word, uint32_t value, enum futex_scope scope,
                    const struct timespec *deadline)
{
    int op = FUTEX_WAIT_BITSET | (scope == FUTEX_SCOPE_PRIVATE ? FUTEX_PRIVATE_FLAG : 0);
    return result(syscall(SYS_futex, word, op, value, deadline, NULL, FUTEX_BITSET_MATCH_ANY));
}

int host_futex_wake(_Atomic uint32_t *word, int n, enum futex_scope scope)
{
    int op = FUTEX_WAKE | (scope == FUTEX_SCOPE_PRIVATE ? FUTEX_PRIVATE_FLAG : 0);
    return result(syscall(SYS_futex, word, op, n, NULL, NULL, 0));
}

int host_futex_waitv(struct futex_waitv *v, unsigned n, const struct timespec *deadline)
{
    return result(syscall(SYS_futex_waitv, v, n, 0, deadline, CLOCK_MONOTONIC));
}

int host_seccomp(unsigned op, unsigned flags, void *args)
{
    return result(syscall(SYS_seccomp, op, flags, args));
}

int host_landlock_abi(void)
{
    return result(syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION));
}

int host_landlock_create_ruleset(const void *attr, size_t size, unsigned flags)
{
    return result(syscall(SYS_landlock_create_ruleset, attr, size, flags));
}

int host_landlock_add_rule(int ruleset, unsigned type, const void *attr, unsigned flags)
{
    return result(syscall(SYS_landlock_add_rule, ruleset, type, attr, flags));
}

int host_landlock_restrict_self(int ruleset, unsigned flags)
{
    return result(syscall(SYS_landlock_restrict_self, ruleset, flags));
}
