/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The lock order, outermost first: a thread may take a lock only while all it holds are above it in
 * this list. Two of one rank need mutex_lock_nested() and a rule of their own. docs/locking.md says
 * more; builds with -Ddebug_locks=true abort on an inversion.
 */
#pragma once

enum lock_rank {
    RANK_NONE = 0,     /* never checked: tests */
    RANK_CONTROL,      /* control server: sessions, life cycle state */
    RANK_READDIR,      /* one open directory being listed */
    RANK_EPOLL_NEST,   /* which epoll sets are members of which */
    RANK_MOUNTS,       /* the mount table */
    RANK_PSEUDO_TREE,  /* tree_lock of proc and its like: lookups ask the process tree */
    RANK_KERNEL_TASKS, /* process tree, pids, groups, sessions, wait states */
    RANK_COPY_UP,      /* one object being copied to where it can be changed */
    RANK_VFS_TREE,     /* a super's tree_lock: dentries of one file system */
    RANK_RENAME,       /* renames of one file system, one at a time */
    RANK_INOTIFY,      /* the watches of one inotify instance */
    RANK_NODE,         /* one node's attributes, locks and cached contents */
    RANK_FDTABLE,      /* one descriptor table */
    RANK_FSCTX,        /* root, cwd, umask */
    RANK_SIGHAND,      /* dispositions, masks, pending signals of a process */
    RANK_UNIX_GC,      /* which unix sockets are in each other's queues */
    RANK_PIPE,         /* a pipe's or socket buffer's contents */
    RANK_TTY,          /* line discipline and pty buffers */
    RANK_CLOCK_SETS,   /* who begins to look for clocks being set */
    RANK_FILE,         /* one open file's offset and readdir state */
    RANK_EPOLL,        /* one change of an epoll set at a time */
    RANK_IPC,          /* System V IPC: tables and objects */
    RANK_FILE_WATCH,   /* who wants to know when a file goes */
    RANK_WAITQ,        /* wait queues: notify callbacks run below this */
    RANK_TIMERS,       /* a process's interval and POSIX timers */
    RANK_PLATFORM,     /* the platform's tables of stubs and threads */
    RANK_STUB,         /* one stub thread's state */
    RANK_LEAF,         /* anything that calls nothing while it is held */
    RANK_LOG,          /* the log line */
    RANK_COUNT,
};
