/* SPDX-License-Identifier: Apache-2.0 */
/* tmpfs's own structures; only fs/tmp includes this. */
#pragma once

#include "base/htab.h"
#include "base/list.h"
#include "fs/tmp/tmp.h"
#include "kernel/kernel.h"
#include "kernel/vfs/node.h"

#define TMP_PAGE 4096u

struct tmp_super {
    struct super sb;               /* first */
    struct kernel *k;              /* immutable */
    bool ram;                      /* immutable: ramfs */
    uint32_t mode, uid, gid;       /* immutable: of the root, as given */
    struct mutex lock;             /* RANK_LEAF */
    uint64_t max_pages, max_nodes; /* [lock] 0: no limit */
    uint64_t pages, nodes;         /* [lock] in use, or promised to a write that is on */
    uint64_t last_ino;             /* [lock] */
};

struct tmp_entry {
    struct htab_node link; /* [tree_lock] in dir.names */
    struct list order;     /* [tree_lock] in dir.entries, by position */
    struct node *node;     /* referenced */
    int64_t pos;           /* immutable: where readdir finds it */
    size_t len;
    char name[];
};

struct tmp_node {
    struct node node;     /* first */
    struct mutex lock;    /* RANK_NODE */
    struct attr attr;     /* [lock]; of files without what their contents tell */
    struct node *content; /* [lock] a memfd; while it is in use nobody changes this; NULL: data */
    char *data;           /* [lock] */
    size_t data_len;      /* [lock] */
    uint32_t users;       /* [lock] openings and the like */
    bool keep;            /* [lock] the memfd stays when nobody uses it */
    struct timespec memfd_ctime; /* [lock] what was no change of the file */
    uint64_t pages;              /* [super.lock] how many of them are counted */
    char *target;                /* immutable: symlinks */
    struct htab names;           /* [tree_lock] of directories: struct tmp_entry */
    struct list entries;         /* [tree_lock] the same */
    int64_t last_pos;            /* [tree_lock] */
    uint32_t subdirs;            /* [tree_lock] */
    _Atomic uint64_t up;         /* number of the directory above */
};

static inline struct tmp_super *tmp_super(struct super *sb)
{
    return (struct tmp_super *) sb;
}

static inline struct tmp_node *tmp_node(struct node *n)
{
    return (struct tmp_node *) n;
}

/* node.c: -ENOSPC, -ENOMEM. links: how many names it is to have. */
int tmp_node_new(struct tmp_super *ts, const struct create_args *a, uint32_t links,
                 struct node **ret) must_check;
/* The names, or what is in it, have changed. */
void tmp_touch(struct node *n, bool contents);
void tmp_links(struct node *n, int by);
int tmp_getattr(struct node *n, struct attr *ret);
/* [tn.lock] Size and times as the memfd has them. */
int tmp_add_content(struct tmp_node *tn, struct node *memfd, struct attr *io) must_check;

/* content.c: regular files. Each success of the first is undone by the second. -ENOSPC. */
int tmp_content_use(struct tmp_node *tn) must_check;
void tmp_content_done(struct tmp_node *tn);
void tmp_content_keep(struct tmp_node *tn);
void tmp_content_end(struct tmp_node *tn);

/* dir.c */
int tmp_lookup(struct node *dir, const char *name, size_t len, struct node **ret);
int tmp_create(struct node *dir, const char *name, const struct create_args *a, struct node **ret);
int tmp_link(struct node *dir, const char *name, struct node *target);
int tmp_unlink(struct node *dir, const char *name, struct node *target, bool is_rmdir);
int tmp_rename(const struct name_move *m);
int tmp_readdir(struct file *f, struct dirsink *out);
/* Frees the names of a directory that nobody can reach, and what is below it. */
void tmp_dir_end(struct tmp_node *tn);

/* file.c */
int tmp_open(struct node *n, const struct open_args *a, struct file **ret);
int tmp_tmpfile(struct node *dir, const struct create_args *c, const struct open_args *a,
                struct file **ret);
/* Counts the pages its contents, which are in use, have by now; `promised` were counted before. */
void tmp_recount(struct tmp_node *tn, uint64_t promised);
