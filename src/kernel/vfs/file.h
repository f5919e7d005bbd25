/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Open file descriptions (open(2)): what descriptors point to. The generic object is embedded first
 * in the driver's own object: no union, no void pointer.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/list.h"
#include "base/mutex.h"
#include "base/ref.h"
#include "kernel/mem/uaccess.h"
#include "kernel/wait/waitq.h"
#include "platform/platform.h"

struct async;
struct task;
struct attr;
struct file;
struct locks;
struct node;
struct socket_ops;
struct strbuf;

struct path {
    struct mount *mnt;
    struct dentry *dentry;
};

/* Receives directory entries. emit() returns false when the buffer is full: stop and keep the
 * position. */
struct dirsink {
    bool (*emit)(struct dirsink *s, const char *name, size_t len, uint64_t ino, uint32_t type,
                 int64_t next_pos);
};

/*
 * A NULL member means the errno in its comment. None of them is called with a lock held, and none
 * ever waits for an event: -EAGAIN, whatever O_NONBLOCK says, and the generic loop sleeps on wq.
 */
struct file_ops {
    /* -EINVAL. pos -1: at the file's own offset, moving it. O_APPEND is the driver's. */
    ssize_t (*read)(struct file *f, struct iobuf *io, int64_t pos);
    ssize_t (*write)(struct file *f, struct iobuf *io, int64_t pos);
    /*
     * Until when (CLOCK_MONOTONIC in ns) a read waits that began at `since`; 0: for ever, as NULL.
     * Asked again before each sleep. When it has passed, or a signal comes, read is called once
     * more with io->late.
     */
    uint64_t (*read_until)(struct file *f, uint64_t since);
    /* -ESPIPE */
    int64_t (*seek)(struct file *f, int64_t off, int whence);
    /* NULL: always IN|OUT. Level state now, no side effects. */
    uint32_t (*poll)(struct file *f);
    /* Host descriptors: ask the poller to wake wq, once; with LX_EPOLLET at each edge from now on.
     * NULL: wq is enough. */
    int (*poll_arm)(struct file *f, uint32_t mask);
    /* -ENOTDIR. Uses and moves f->pos; dir_lock is held. */
    int (*readdir)(struct file *f, struct dirsink *out);
    /* -ENOTTY */
    long (*ioctl)(struct file *f, struct task *t, uint32_t cmd, uint64_t arg);
    /* -ENODEV. Host descriptor for a mapping; the caller closes it. */
    int (*donate)(struct file *f, int prot, bool shared, int *ret_fd);
    /* -EINVAL */
    int (*fsync)(struct file *f, bool data_only);
    /* NULL: the node's. fstat, fchmod, ftruncate... */
    int (*getattr)(struct file *f, struct attr *ret);
    int (*setattr)(struct file *f, const struct attr *a, uint32_t mask);
    /* -EOPNOTSUPP */
    int (*fallocate)(struct file *f, int mode, int64_t off, int64_t len);
    /* -EINVAL. F_GETPIPE_SZ, F_SETPIPE_SZ, F_ADD_SEALS, F_GET_SEALS. */
    long (*fcntl)(struct file *f, struct task *t, int cmd, uint64_t arg);
    /* -ENXIO. Files without a name: a new node for the object, for path_anon() and O_TMPFILE. */
    int (*anon_node)(struct file *f, struct node **ret);
    /* What /proc/PID/fd/N of an anonymous file reads; NULL: from `name`. */
    ssize_t (*link_text)(struct file *f, char *dst, size_t cap);
    /* More lines of /proc/PID/fdinfo/N; may be NULL. */
    int (*fdinfo)(struct file *f, struct strbuf *out);
    /* -EINVAL. Borrowed host descriptor of a regular host file, valid while f is. */
    int (*host_fd)(struct file *f);
    /* -1. Borrowed host descriptor that is ready exactly when f is; the same while f is. */
    int (*poll_fd)(struct file *f);
    /*
     * -1: what f does goes through these operations alone. Borrowed host descriptor that may be
     * given to the guest's process, opened with the access mode and flags of f and nothing more, on
     * which the calls of its kind (platform.h) do what f's do and never wait: direct.h. Whatever
     * would have to be said of it otherwise later revokes what was given.
     */
    int (*direct)(struct file *f, enum direct_kind *ret_kind);
    /*
     * NULL. Moves up to n bytes of a regular file of the host (host_fd) from pos on into f, without
     * a copy and without waiting: how many, or a negative errno: `write` knows better.
     */
    ssize_t (*send_file)(struct file *f, int from, int64_t pos, size_t n);
    /* -ENOTTY. FS_IOC_GETFLAGS and FS_IOC_SETFLAGS; who may was looked at. */
    int (*attr_flags)(struct file *f, bool set, uint32_t *flags);
    /* -EOPNOTSUPP. Shares what `from`, a file with a host_fd, holds; len 0: to its end. */
    int (*clone_range)(struct file *f, int from, uint64_t off, uint64_t len, uint64_t to);
    /* F_SETFL; may be NULL. */
    void (*flags_changed)(struct file *f, uint32_t old_flags);
    /* Each close(2) of a descriptor; may be NULL. */
    void (*close)(struct file *f, struct task *t);
    /* Required. The last reference is gone, no locks are held; frees the containing object. */
    void (*release)(struct file *f);
    /* Sockets: a whole read(2) or write(2) in place of the generic loop, with the timeouts and the
     * rules for SIGPIPE that only they have. NULL: the generic one. t NULL: it must not wait. */
    ssize_t (*transfer)(struct task *t, struct file *f, struct iobuf *io, bool write);
    /* net/socket.h; NULL: -ENOTSOCK. */
    const struct socket_ops *socket;
    /* Streams (pipes, ttys): a blocking write(2) goes on after a short one. */
    bool write_all;
    /* Anonymous files: what /proc/PID/fd shows: "pipe" as pipe:[ino], with a colon as it is. NULL
     * for named files. */
    const char *name;
};

/* Somebody who must know when a file goes, without holding a reference: epoll items. */
struct file_watch {
    struct list link; /* [file.watch_lock] */
    /* The last reference is gone; the driver's object still stands. No lock held. May free w. */
    void (*gone)(struct file_watch *w);
};

struct file {
    const struct file_ops *ops; /* immutable */
    struct ref ref;             /* fd slots, in-flight calls, SCM_RIGHTS */
    struct path path;           /* immutable; the dentry is referenced; NULLs for anonymous files */
    _Atomic uint32_t flags;     /* LX_O_*; access mode bits immutable */
    struct waitq *wq;           /* immutable; in the driver's object; NULL: never blocks */
    struct mutex dir_lock;      /* RANK_READDIR: one readdir at a time */
    struct mutex pos_lock;      /* RANK_FILE: synthetic files' offset */
    int64_t pos; /* [pos_lock; directories: dir_lock] for drivers that keep an offset here */
    struct mutex watch_lock;       /* RANK_FILE_WATCH */
    struct list watches;           /* [watch_lock] struct file_watch */
    bool is_writer;                /* immutable once open: counts in node.writers */
    bool is_opened;                /* immutable once open: counts in node.openings */
    bool is_creator;               /* immutable once open: this open(2) made the file */
    _Atomic(struct async *) async; /* set once; signal-driven I/O, async.h; NULL: never asked for */
    _Atomic(struct locks *) locked; /* of nameless files: where they have had locks */
    uint64_t anon_ino;              /* shown for anonymous files */
};

void file_init(struct file *f, const struct file_ops *ops, uint32_t flags); /* one reference */
/* Names the file: takes new references on mnt and dentry. */
void file_set_path(struct file *f, const struct path *p);
/* The vfs has opened a named file: from here on its closing is seen, too. */
void file_opened(struct file *f);
struct file *file_get(struct file *f);
void file_put(struct file *f); /* may call release: no locks held */
/* The caller holds a reference of f. */
void file_watch_add(struct file *f, struct file_watch *w);
void file_watch_del(struct file *f, struct file_watch *w);

/* Generic transfers: access mode, blocking with signals, O_NONBLOCK. What read(2), write(2) and
 * friends call. A write that fails with -EPIPE sends SIGPIPE to t. */
ssize_t file_read(struct task *t, struct file *f, struct iobuf *io, int64_t pos) must_check;
ssize_t file_write(struct task *t, struct file *f, struct iobuf *io, int64_t pos) must_check;
uint32_t file_poll(struct file *f);
/*
 * getdents(2): the driver's entries and then the mount points that exist in our own name space
 * only. `out` receives nothing at the end of the directory; emit must not touch guest memory.
 * -ENOTDIR.
 */
int file_readdir(struct file *f, struct dirsink *out) must_check;
/* lseek(2), with the driver's rules. -ESPIPE */
int64_t file_seek(struct file *f, int64_t off, int whence) must_check;
/* A `seek` for drivers that keep their offset in f->pos and know no end: -EINVAL from there, and
 * for what would be negative. */
int64_t file_seek_pos(struct file *f, int64_t off, int whence);
