/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Nodes (inodes) and the file systems that make them. File systems see nodes and names; dentries
 * and mounts belong to vfs/ alone.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#include "base/htab.h"
#include "base/list.h"
#include "base/mutex.h"
#include "base/ref.h"
#include "base/util.h"
#include "kernel/vfs/file.h"

struct cred;
struct node;
struct super;
struct lx_statfs;

/*
 * struct node.by_name: the node knows which object its name stood for, but does not hold it; so it
 * is of use together with its name only: as what a lookup found, as the target of unlink and
 * rename, and under an open file of its own. The vfs has it held, by `hold`, before it hands it to
 * anybody else.
 */
struct attr {
    uint64_t dev, ino, rdev;        /* device numbers in Linux's 64-bit st_dev encoding */
    uint32_t mode, nlink, uid, gid; /* mode with the type bits; guest ids */
    uint64_t size, blocks;
    uint32_t blksize;
    struct timespec atime, mtime, ctime, btime; /* btime.tv_nsec -1: unknown */
};

enum { /* which members a setattr changes */
       ATTR_MODE = 1u << 0,
       ATTR_UID = 1u << 1,
       ATTR_GID = 1u << 2,
       ATTR_SIZE = 1u << 3,
       ATTR_ATIME = 1u << 4,
       ATTR_MTIME = 1u << 5,
       ATTR_ATIME_NOW = 1u << 6,
       ATTR_MTIME_NOW = 1u << 7,
       ATTR_CHOWN = 1u << 8, /* chown(2) was called, whether or not an id changes */
};

struct create_args {
    uint32_t mode; /* type and permissions, less the umask, acl.h */
    uint64_t rdev;
    const char *target;      /* symlinks */
    const struct cred *cred; /* owner of what is made */
};

struct open_args {
    uint32_t flags; /* LX_O_*; O_CREAT, O_EXCL, O_TRUNC and O_CLOEXEC are dealt with and absent */
    bool truncates; /* what is in it goes at once, by setattr: nothing of it need be fetched */
    struct task *task; /* opener: /proc/self, /dev/tty; NULL at boot */
    const struct cred *cred;
};

/* rename(2): a name becomes another one, or (LX_RENAME_EXCHANGE) two change sides. */
struct name_move {
    struct node *from_dir, *to_dir;
    const char *from, *to;
    struct node *moved, *replaced; /* what the names stand for; replaced NULL: nothing yet */
    uint32_t flags;                /* LX_RENAME_* */
};

/*
 * sb->tree_lock: write-held for changes of names, read-held (or held) for lookup; not held for the
 * others. A NULL member means the errno in the comment.
 */
struct node_ops {
    /* -ENOTDIR. -ENOENT becomes a negative dentry. */
    int (*lookup)(struct node *dir, const char *name, size_t len, struct node **ret);
    /* NULL: lookup. The same, but the node may be by_name. */
    int (*peek)(struct node *dir, const char *name, size_t len, struct node **ret);
    /*
     * File systems with nodes that are by_name: holds n, found as dir/name, or by an open file of
     * it (dir NULL then, and no lock held). -ESTALE: the name stands for something else by now.
     */
    int (*hold)(struct node *n, struct node *dir, const char *name);
    /* NULL: always valid. False: drop the dentry and look up again. Negative entries of shared
     * supers are never kept. */
    bool (*revalidate)(struct node *n, struct node *dir, const char *name);
    /*
     * NULL: each name is revalidated. Does `path`, names of directories with single slashes between
     * them, none of them "." or "..", lead from dir to n, as of now? It may say no.
     */
    bool (*leads_to)(struct node *dir, const char *path, struct node *n);
    /* -EPERM. Files, directories, symlinks, devices. */
    int (*create)(struct node *dir, const char *name, const struct create_args *a,
                  struct node **ret);
    /* NULL: create, then open. Regular files; the node may be by_name. */
    int (*create_open)(struct node *dir, const char *name, const struct create_args *c,
                       const struct open_args *a, struct node **ret, struct file **ret_file);
    /* -EPERM */
    int (*link)(struct node *dir, const char *name, struct node *target);
    int (*unlink)(struct node *dir, const char *name, struct node *target, bool is_rmdir);
    int (*rename)(const struct name_move *m);
    /* NULL: nothing to do. Called with no lock held before n gets another name by link or rename:
     * for what takes long. */
    int (*before_naming)(struct node *n);
    /* -EINVAL. Length, not terminated. */
    ssize_t (*readlink)(struct node *n, struct task *t, char *dst, size_t cap);
    /* Magic links (/proc/PID/exe, fd/N): the object itself instead of a text; new references. NULL:
     * an ordinary link. */
    int (*follow)(struct node *n, struct task *t, struct path *ret);
    /* Required. */
    int (*getattr)(struct node *n, struct attr *ret);
    /*
     * NULL: lookup, then getattr. What the two would say, without a node of it; a symlink is not
     * followed. -ENOENT. Without the lock: what calls meanwhile change may be seen or not. Only for
     * file systems whose nodes have no `permission`.
     */
    int (*getattr_at)(struct node *dir, const char *name, struct attr *ret);
    /* -EPERM */
    int (*setattr)(struct node *n, const struct attr *a, uint32_t mask);
    /* -ENXIO */
    int (*open)(struct node *n, const struct open_args *a, struct file **ret);
    /*
     * NULL: lookup, then open. Regular files and directories, by name and before anybody has asked
     * for permissions: the caller looks at *ret_attr and drops the file if need be. `known`: what
     * the name stood for; it must still (the lock is not held), and *ret is a reference on it.
     * NULL: a new node, which may be by_name; the lock is held. 1: not this way, or an error that
     * the long way will find again. -ENOENT, -EMFILE, -ENFILE, -ENOMEM. Needs getattr_at.
     */
    int (*open_at)(struct node *dir, const char *name, struct node *known,
                   const struct open_args *a, struct attr *ret_attr, struct node **ret,
                   struct file **ret_file);
    /* -EOPNOTSUPP. O_TMPFILE: an unnamed file in dir, opened. */
    int (*tmpfile)(struct node *dir, const struct create_args *c, const struct open_args *a,
                   struct file **ret);
    /* -EOPNOTSUPP. cap 0: the size. */
    ssize_t (*getxattr)(struct node *n, const char *name, void *dst, size_t cap);
    ssize_t (*listxattr)(struct node *n, char *dst, size_t cap);
    int (*setxattr)(struct node *n, const char *name, const void *v, size_t len, int flags);
    int (*removexattr)(struct node *n, const char *name);
    /* True: t may, whatever the mode says. NULL: nobody is known here. */
    bool (*grants)(struct node *n, struct task *t);
    /* NULL: the mode bits decide. */
    int (*permission)(struct node *n, struct task *t, uint32_t may);
    /* Required. Frees the containing object. */
    void (*release)(struct node *n);
};

struct node {
    const struct node_ops *ops; /* immutable */
    struct ref ref;
    struct super *sb;     /* immutable; the node holds a reference */
    uint32_t type;        /* immutable: the S_IFMT bits */
    uint64_t ino;         /* immutable */
    uint64_t dev;         /* immutable: on which device, where a file system spans several */
    _Atomic bool by_name; /* not held: see above. Never becomes true */
    /* vfs/ alone: */
    _Atomic uint32_t search;      /* directories: who may search, as perm.c remembers it */
    _Atomic uint64_t searched_ns; /* supers with trust_ns: when that was */
    _Atomic(char *) link_text;    /* symlinks of exclusive supers: what readlink returned first */
    _Atomic int32_t writers;      /* openings for writing; negative: programs that run it */
    _Atomic uint32_t openings;    /* open files: watch.h */
    /* Guests move its data without the vfs, by a mapping or directly: size, blocks and times are
     * always the file system's to tell. Never cleared. */
    _Atomic bool is_direct;
    _Atomic uint32_t no_acl; /* lists it is known not to have: acl.c */
};

/* dev is left 0. */
void node_init(struct node *n, struct super *sb, const struct node_ops *ops, uint32_t type,
               uint64_t ino);
struct node *node_get(struct node *n);
void node_put(struct node *n);

/*
 * Regular files that are being run are not written, and the other way round: ETXTBSY of open(2),
 * truncate(2) and execve(2). 0 or -ETXTBSY; each success is undone once.
 */
int node_begin_write(struct node *n) must_check;
void node_end_write(struct node *n);
int node_begin_run(struct node *n) must_check;
void node_end_run(struct node *n);

/* See node_ops. No locks held. */
static inline int must_check node_before_naming(struct node *n)
{
    return n->ops->before_naming ? n->ops->before_naming(n) : 0;
}

struct super_ops {
    int (*statfs)(struct super *sb, struct lx_statfs *ret); /* -ENOSYS */
    int (*sync)(
        struct super *sb); /* syncfs(2), no locks held; NULL: there is nothing to write back */
    /* More options for /proc/PID/mounts, each with a comma before it; may be NULL. */
    void (*show_options)(struct super *sb, struct strbuf *out);
    /* mount(2) with MS_REMOUNT: "name=value,..."; -EINVAL. NULL: there are none, all are ignored.
     */
    int (*reconfigure)(struct super *sb, const char *options);
    void (*release)(struct super *sb);
};

/* One mounted file system instance. */
struct super {
    const struct super_ops *ops; /* immutable */
    struct ref ref;
    const char *type_name;  /* immutable: what /proc/mounts shows */
    char *options;          /* immutable: what /proc/mounts shows of its own, or NULL; owned */
    struct mutex tree_lock; /* RANK_VFS_TREE: names below this super */
    struct node *root;      /* immutable after mount */
    uint64_t dev;           /* immutable: st_dev for synthetic file systems */
    bool exclusive;         /* nobody else changes it: dentries are trusted without revalidate */
    /*
     * Others change it, but are seen to have done so this much later at most: a name and who may
     * search a directory are trusted so long, and never longer than until something is heard from
     * outside (kernel_heard()). Attributes and names that are missing are always asked for. 0: all
     * is.
     */
    uint64_t trust_ns;                /* immutable */
    const _Atomic uint64_t *heard_ns; /* immutable: kernel.heard_ns; not NULL with trust_ns */
    bool mediate_writes;   /* what is written must be seen: accounts are kept (direct.h) */
    uint32_t max_dentries; /* how many names are kept; super_init() sets a default */
    /* vfs/ alone: */
    uint64_t hash_seed;           /* immutable */
    struct dentry *top;           /* set before its first mount is seen: the root's; referenced */
    _Atomic uint32_t n_mounts;    /* the last one to go ends it */
    _Atomic bool rdonly;          /* as a whole: whatever the mount says */
    struct htab dentries;         /* [tree_lock] by parent and name */
    struct list lru;              /* [tree_lock] the same, roughly by age */
    _Atomic uint32_t acl_changes; /* acl.c */
    /* watch.c: */
    _Atomic uint32_t n_watched, moves; /* marks below this super; cookies given out */
    struct mutex watch_lock;           /* RANK_NODE */
    struct htab watched;               /* [watch_lock] struct watched by inode number */
};

void super_init(struct super *sb, const struct super_ops *ops, const char *type_name);
/* Is what was asked for at `when` (coarse_now_ns(), before asking) still to be trusted? */
bool super_trusts(const struct super *sb, uint64_t when);
/* CLOCK_MONOTONIC_COARSE: cheap, and some milliseconds late. */
uint64_t coarse_now_ns(void);
struct super *super_get(struct super *sb);
void super_put(struct super *sb);
