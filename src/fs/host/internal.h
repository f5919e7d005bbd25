/* SPDX-License-Identifier: Apache-2.0 */
/* hostfs's own structures; only fs/host includes this. */
#pragma once

#include <stdint.h>
#include <sys/stat.h>

#include "fs/host/hostfs.h"
#include "kernel/kernel.h"
#include "kernel/vfs/node.h"

struct host_super {
    struct super sb;          /* first */
    struct kernel *k;         /* immutable */
    bool map_ids;             /* immutable */
    struct mutex opened_lock; /* RANK_LEAF */
};

struct host_node {
    struct node node;   /* first */
    _Atomic int fd;     /* O_PATH; set once, [opened_lock]; -1: node.by_name */
    struct list opened; /* [opened_lock] host_file.opened: what can give us a descriptor */
};

struct host_file {
    struct file file;       /* first */
    int fd;                 /* immutable */
    struct dir_reader *dir; /* [file.dir_lock] of an opened directory */
    struct host_node *node; /* immutable; referenced; NULL: not in its list */
    struct list opened;     /* [opened_lock] */
};

#define PROC_FD_CAP 32

static inline struct host_super *host_super(struct super *sb)
{
    return (struct host_super *) sb;
}

static inline struct host_node *host_node(struct node *n)
{
    return (struct host_node *) n;
}

static inline struct host_file *host_file(struct file *f)
{
    return (struct host_file *) f;
}

extern const struct node_ops host_node_ops; /* node.c */

/* /proc/self/fd/N: the one way to a file held by an O_PATH descriptor. */
const char *proc_fd_path(int fd, char dst[static PROC_FD_CAP]);

/* A new node for the object at fd (O_PATH, consumed also on error). */
int host_node_new(struct super *sb, int fd, struct node **ret) must_check;
/* One that is by_name: what dir/name stands for, or what was opened and has these attributes. */
int host_peek(struct node *dir, const char *name, size_t len, struct node **ret);
int host_node_opened(struct super *sb, const struct attr *a, struct node **ret) must_check;
int host_hold(struct node *n, struct node *dir, const char *name);
/* n's descriptor, borrowed, if need be by an open file of it. -ESTALE: by name only; -EMFILE... */
int host_node_fd(struct node *n);
/* hf is an open file of n, until it is released. */
void host_file_is_of(struct host_file *hf, struct node *n);
void host_file_leave(struct host_file *hf);

/* names.c */
/* -EINVAL, -ENAMETOOLONG: what would be more than a name in its directory on the host. */
int host_check_name(const char *name) must_check;
int host_lookup(struct node *dir, const char *name, size_t len, struct node **ret);
bool host_revalidate(struct node *n, struct node *dir, const char *name);
bool host_leads_to(struct node *dir, const char *path, struct node *n);
int host_create(struct node *dir, const char *name, const struct create_args *a, struct node **ret);
int host_link(struct node *dir, const char *name, struct node *target);
int host_unlink(struct node *dir, const char *name, struct node *target, bool is_rmdir);
int host_rename(const struct name_move *m);
ssize_t host_readlink(struct node *n, struct task *t, char *dst, size_t cap);

/* attr.c */
int host_fd_getattr(int fd, struct attr *ret) must_check;
int host_getattr_at(struct node *dir, const char *name, struct attr *ret);
/* fd opened for use (not O_PATH): fchmod and friends. */
int host_fd_setattr(int fd, const struct attr *a, uint32_t mask) must_check;
int host_getattr(struct node *n, struct attr *ret);
int host_setattr(struct node *n, const struct attr *a, uint32_t mask);
ssize_t host_getxattr(struct node *n, const char *name, void *dst, size_t cap);
ssize_t host_listxattr(struct node *n, char *dst, size_t cap);
int host_setxattr(struct node *n, const char *name, const void *v, size_t len, int flags);
int host_removexattr(struct node *n, const char *name);

/* file.c */
int host_open_at(struct node *dir, const char *name, struct node *known, const struct open_args *a,
                 struct attr *ret_attr, struct node **ret, struct file **ret_file);
int host_create_open(struct node *dir, const char *name, const struct create_args *c,
                     const struct open_args *a, struct node **ret, struct file **ret_file);
int host_open(struct node *n, const struct open_args *a, struct file **ret);
int host_tmpfile(struct node *dir, const struct create_args *c, const struct open_args *a,
                 struct file **ret);
/* Bytes between a transfer and a host descriptor; pos -1: at the description's offset. flags:
 * RWF_*. */
ssize_t host_fd_read(int fd, struct iobuf *io, int64_t pos, int flags);
ssize_t host_fd_write(int fd, struct iobuf *io, int64_t pos, int flags);
int64_t host_fd_seek(int fd, int64_t off, int whence);
int host_fd_fsync(int fd, bool data_only);
int host_fd_donate(int fd, uint32_t open_flags, int prot, bool shared, int *ret_fd);

/* dir.c */
int host_readdir(struct file *f, struct dirsink *out);
int64_t host_dir_seek(struct file *f, int64_t off, int whence);
void dir_reader_free(struct dir_reader *d);
