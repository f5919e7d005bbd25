/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Synthetic file systems: one engine of declarative tables for proc, sys, dev and their like.
 * A tree is a static table of entries; directories whose names are only known at run time (a
 * process, a descriptor) have a lookup and a list callback. File contents are produced whole when
 * an opening is read at offset 0, so that a reader sees one consistent state, and again when it
 * rewinds.
 *
 * No callback is called with a lock held, except lookup and exists: those run below the super's
 * tree_lock. Its rank is RANK_PSEUDO_TREE, above the process tree's, which they ask. They must not
 * drop what may be the last reference of a file or of a path.
 */
#pragma once

#include "base/strbuf.h"
#include "kernel/vfs/node.h"

struct mount_ns;
struct kernel;

/* What a callback knows about where it stands: filled from the directories passed on the way. */
struct pseudo_ctx {
    struct kernel *k;
    struct task *opener; /* borrowed: who opens, reads or follows; NULL for the kernel itself */
    int32_t pid, tid;    /* 0: not below a process directory */
    int32_t fd;          /* -1: not below a descriptor directory */
    uint32_t index;      /* other numbered things, e.g. a cpu */
};

struct pseudo_entry {
    const char *name; /* NULL ends a table; "" for the entries a dynamic lookup returns */
    uint32_t mode;    /* type and permissions */
    int (*show)(const struct pseudo_ctx *c,
                struct strbuf *out); /* files: the whole text. -EINVAL */
    int (*store)(const struct pseudo_ctx *c, const char *text,
                 size_t n); /* one write(2), NUL-terminated; 0 or errno. -EINVAL */
    ssize_t (*link)(const struct pseudo_ctx *c, char *dst,
                    size_t cap); /* symlinks: length, not terminated */
    int (*follow)(const struct pseudo_ctx *c,
                  struct path *ret); /* magic links: new references; may be NULL */
    int (*open)(const struct pseudo_ctx *c, const struct open_args *a,
                struct file **ret); /* devices and special files; NULL: text */
    int (*may_open)(
        const struct pseudo_ctx *c); /* NULL: the mode decides; else 0 or errno, asked too */
    bool (*grants)(const struct pseudo_ctx *c); /* directories: who may whatever their mode says */
    /* Files: what their text is about. One opened before it changed is empty. NULL: never does. */
    uint64_t (*subject)(const struct pseudo_ctx *c);
    /* Files: poll(2) finds them ready, and says so; else they are like files on storage, which no
     * epoll set takes. */
    bool polls;
    /* Files that poll(2) tells of changes of a mount table: which one, a new reference. */
    int (*mounts)(const struct pseudo_ctx *c, struct mount_ns **ret);
    uint64_t rdev;                             /* device nodes: without open, by this number */
    uint32_t uid, gid;                         /* root's unless said */
    const struct pseudo_entry *children;       /* static directories */
    const struct pseudo_dynamic *dynamic;      /* names known at run time; may go with children */
    int (*exists)(const struct pseudo_ctx *c); /* NULL: always; else 0 or -ENOENT */
    int (*alive)(const struct pseudo_ctx *c);  /* directories being listed; NULL: always, else 0 */
    /* Attributes that are not the table's: changes what is filled in by it. May be NULL. */
    void (*attr)(const struct pseudo_ctx *c, struct attr *io);
    int (*setattr)(const struct pseudo_ctx *c, const struct attr *a, uint32_t mask); /* -EPERM */
};

struct pseudo_dynamic {
    /* Fills c (pid, fd...) for name and returns the entry to use, or NULL for -ENOENT. */
    const struct pseudo_entry *(*lookup)(struct pseudo_ctx *c, const char *name, size_t len);
    /*
     * Calls emit for the names from `cursor` on (0: the first), in a stable order, each with the
     * cursor that continues after it; stops when emit returns false.
     */
    int (*list)(const struct pseudo_ctx *c, uint64_t cursor,
                bool (*emit)(void *arg, const char *name, uint64_t next), void *arg);
    /* Not NULL: what all names lead to, with index next - 1; list needs no lookup of each then. */
    const struct pseudo_entry *same;
};

/* A kind of synthetic file system: const. */
struct pseudo_fs {
    const char *type_name;
    int64_t magic; /* f_type of statfs(2) */
    const struct pseudo_entry *root;
    void (*owner)(const struct pseudo_ctx *c, uint32_t *uid, uint32_t *gid); /* NULL: root's */
};

/* A new super. exclusive is false: dynamic entries are revalidated. */
int pseudo_mount(struct kernel *k, const struct pseudo_fs *fs, struct super **ret) must_check;

/*
 * The process whose own directory n is (/proc/PID), 0 for all other nodes of any file system. It
 * may have ended since.
 */
int32_t pseudo_process(const struct node *n);

/* Entries are tables of these. */
#define PSEUDO_FILE(name_, mode_, show_)                           \
    {                                                              \
        .name = name_, .mode = LX_S_IFREG | (mode_), .show = show_ \
    }
#define PSEUDO_SYSCTL(name_, mode_, show_)                                        \
    {                                                                             \
        .name = name_, .mode = LX_S_IFREG | (mode_), .show = show_, .polls = true \
    }
#define PSEUDO_SYSCTL_RW(name_, mode_, show_, store_)                                              \
    {                                                                                              \
        .name = name_, .mode = LX_S_IFREG | (mode_), .show = show_, .store = store_, .polls = true \
    }
#define PSEUDO_RW(name_, mode_, show_, store_)                                      \
    {                                                                               \
        .name = name_, .mode = LX_S_IFREG | (mode_), .show = show_, .store = store_ \
    }
#define PSEUDO_DIR(name_, mode_, children_)                                \
    {                                                                      \
        .name = name_, .mode = LX_S_IFDIR | (mode_), .children = children_ \
    }
#define PSEUDO_LINK(name_, link_)                               \
    {                                                           \
        .name = name_, .mode = LX_S_IFLNK | 0777, .link = link_ \
    }
