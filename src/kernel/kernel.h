/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One guest kernel: all that is shared by the tasks of one container. There are no globals; every
 * object is reached from here.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#include "base/htab.h"
#include "base/list.h"
#include "base/mutex.h"
#include "kernel/group/group.h"
#include "kernel/task/idmap.h"

struct platform;
struct task;
struct tgroup;
struct timer_base;
struct poller;
struct egress;
struct futexes;
struct ipc;
struct vfs;
struct host_facts;
struct specials;

#define KERNEL_MAX_SYSCALL 512
#define KERNEL_PID_MAX     32768
#define KERNEL_MAX_TASKS   (KERNEL_PID_MAX / 2) /* without a limit */
/* inotify(7), /proc/sys/fs/inotify: of one queue; of one user */
#define KERNEL_INOTIFY_EVENTS     16384u
#define KERNEL_INOTIFY_INSTANCES  128u
#define KERNEL_INOTIFY_WATCHES    65536u
#define KERNEL_UNIX_DGRAM_BACKLOG 10u /* net.unix.max_dgram_qlen */
#define KERNEL_NAME_MAX           64  /* of the host and domain name: uname(2) */

struct kernel {
    struct platform *platform; /* immutable */
    struct vfs *vfs;           /* immutable; mount table and file system types */
    struct timer_base *timers; /* immutable; kernel/time/ktimer.h */
    struct egress *egress;     /* immutable; NULL: no policy. net/inet/egress.h */
    struct poller *poller;     /* set before the first task runs: kernel/wait/poller.h */
    struct futexes *futexes;   /* immutable; kernel/futex/futex.h */
    struct ipc *ipc;           /* immutable; kernel/ipc/ipc.h */
    _Atomic bool closes_wait;  /* some stub may close descriptors and tell later: vfs/direct.h */
    const struct specials *specials; /* immutable: FIFOs and device nodes, kernel/vfs/special.h */
    const struct host_facts *host; /* immutable: what /proc tells about the machine; may be NULL */

    struct mutex
        tasks_lock;   /* RANK_KERNEL_TASKS: the process tree, groups, sessions, pids, wait states */
    struct htab pids; /* [tasks_lock] struct pid by number: tasks, groups, sessions */
    struct list tasks;       /* [tasks_lock] every live task */
    struct tgroup *init;     /* [tasks_lock] the first thread group; its end is the container's */
    uint32_t last_pid;       /* [tasks_lock] */
    uint32_t most_pids;      /* [tasks_lock] in use at once since the last kernel_trim() */
    uint32_t n_tasks;        /* [tasks_lock] */
    uint32_t max_tasks;      /* [tasks_lock] */
    _Atomic uint32_t paused; /* 1: no guest code may run; task/pause.h */

    uint32_t login_sessions; /* [tasks_lock] given so far: /proc/PID/sessionid */
    char hostname[KERNEL_NAME_MAX + 1], domainname[KERNEL_NAME_MAX + 1]; /* [tasks_lock] */
    struct timespec boot_mono; /* immutable: CLOCK_MONOTONIC at start, for start times */
    struct timespec boot_real;
    struct mutex epoll_nest;   /* RANK_EPOLL_NEST: held while epoll sets become members of others */
    uint64_t epoll_mark;       /* [epoll_nest] number of the last walk over them */
    struct mutex inotify_lock; /* RANK_LEAF */
    struct list inotify_users; /* [inotify_lock] what each user has: fdobj/inotify.c */
    _Atomic uint64_t last_socket; /* inode number of the newest socket */
    _Atomic uint64_t
        heard_ns; /* coarse clock: the last kernel_heard(); UINT64_MAX: kernel_hears() */
    bool strace, mediate_data; /* immutable; mediate_data: no direct plane */
    bool own_network; /* immutable: what is on its loopback interface is in the sandbox, too */
    bool raw_sockets; /* immutable; the host gives us raw and packet sockets */
    /* immutable: only one id is mapped outside, so that owners of files are the host's choice */
    bool one_id;
    struct id_maps ids;                           /* immutable */
    struct group group;                           /* immutable: kernel/group/group.h */
    _Atomic uint32_t exit_status;                 /* wait(2) status of init, valid once `ended` */
    _Atomic uint32_t ended;                       /* futex word: 1 when init is gone */
    _Atomic uint64_t forks;                       /* for /proc/stat */
    _Atomic uint32_t memory_files;                /* memfds that file systems hold: fs/tmp */
    _Atomic uint32_t missing[KERNEL_MAX_SYSCALL]; /* calls answered with ENOSYS, by number */
};

/* Something came in from outside: what was asked of trees that others change is asked anew. Before
 * a guest can act on it. vfs/trust.c */
void kernel_heard(struct kernel *k);
/* From now on that may happen at any time without our seeing it. */
void kernel_hears(struct kernel *k);
