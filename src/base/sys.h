/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Host system calls that glibc 2.36 has no wrapper for, or one with errno. All return a negative
 * errno. Structs and flags come from <linux/...> at the caller: including <linux/mount.h> here
 * would clash with <sys/mount.h>. The prefix is host_: sys_ belongs to the guest's calls.
 */
#pragma once

#include <stdatomic.h>
#include <stdint.h>
#include <sys/types.h>
#include <time.h>

#include "base/util.h"

struct clone_args;
struct futex_waitv;
struct mount_attr;
struct open_how;

/* Mounts: open_tree(2), move_mount(2), mount_setattr(2), fsopen(2), fsconfig(2), fsmount(2),
 * pivot_root(2). */
int host_open_tree(int dirfd, const char *path, unsigned flags) must_check;
int host_move_mount(int from_dirfd, const char *from, int to_dirfd, const char *to, unsigned flags)
    must_check;
int host_mount_setattr(int dirfd, const char *path, unsigned flags, const struct mount_attr *a,
                       size_t size) must_check;
int host_fsopen(const char *fs_name, unsigned flags) must_check;
int host_fsconfig(int fd, unsigned cmd, const char *key, const void *value, int aux) must_check;
int host_fsmount(int fs_fd, unsigned flags, unsigned attr_flags) must_check;
int host_pivot_root(const char *new_root, const char *put_old) must_check;

/* Files. */
int host_openat2(int dirfd, const char *path, const struct open_how *how, size_t size) must_check;
int host_close_range(unsigned first, unsigned last, unsigned flags) must_check;
int host_execveat(int dirfd, const char *path, char *const argv[], char *const envp[], int flags);

/* Processes. */
int host_pidfd_open(pid_t pid, unsigned flags) must_check;
int host_pidfd_getfd(int pidfd, int target_fd, unsigned flags) must_check;
/*
 * The number under which our /proc shows a process of our own pid namespace: the same, unless /proc
 * is an outer namespace's. 0 when the process is gone.
 */
pid_t host_proc_pid(pid_t pid);
/* The same for a thread of pid; 0 also where it cannot be told. */
pid_t host_proc_tid(pid_t pid, pid_t tid);
int host_pidfd_send_signal(int pidfd, int signo) must_check;
int host_tgkill(pid_t tgid, pid_t tid, int signo);
pid_t host_gettid(void);
/*
 * clone3(2) like fork: a.stack must be 0 and CLONE_VM unset. The child has one thread and must keep
 * to async-signal-safe calls if the parent had more.
 */
pid_t host_clone3(struct clone_args *a, size_t size) must_check;

/* Futexes. deadline: absolute CLOCK_MONOTONIC, NULL: none. */
enum futex_scope { FUTEX_SCOPE_PRIVATE, FUTEX_SCOPE_SHARED };
/* 0 woken (perhaps spuriously), -EAGAIN value differs, -ETIMEDOUT, -EINTR. */
int host_futex_wait(const _Atomic uint32_t *word, uint32_t value, enum futex_scope scope,
                    const struct timespec *deadline);
/* Number of threads woken. */
int host_futex_wake(_Atomic uint32_t *word, int n, enum futex_scope scope);
/* Index of the word that woke us. -ENOSYS before Linux 5.16. */
int host_futex_waitv(struct futex_waitv *v, unsigned n, const struct timespec *deadline) must_check;

/* Confinement. */
int host_seccomp(unsigned op, unsigned flags, void *args) must_check;
int host_landlock_abi(void) must_check; /* version >= 1, -ENOSYS or -EOPNOTSUPP */
int host_landlock_create_ruleset(const void *attr, size_t size, unsigned flags) must_check;
int host_landlock_add_rule(int ruleset, unsigned type, const void *attr, unsigned flags) must_check;
int host_landlock_restrict_self(int ruleset, unsigned flags) must_check;
