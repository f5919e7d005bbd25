/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inside a commit (host/commit.h): where it stands in the store and on the host, and the steps its
 * parts share. Not for anyone else.
 */
#pragma once

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/stat.h>

#include "base/util.h"
#include "host/change.h"
#include "host/progress.h"
#include "host/store.h"
#include "host/upper.h"
#include "host/upper_meta.h"
#include "rpc/fail.h"

/* A file with several names in the layer, and the one the host has of it. */
struct linked {
    dev_t dev; /* in the store */
    ino_t ino;
    ino_t host_ino;
    const struct change *first;
};

struct renamed {
    size_t layer;
    const char *from, *to; /* below the layer's top */
};

#define MAX_WAITING 256

struct commit {
    struct kept *k;
    struct changes *changes;
    const volatile sig_atomic_t *stop;
    struct progress progress;
    struct fail *f;
    size_t done;

    size_t layer; /* the one that is open */
    bool open;
    int base_fd; /* host's top of it */
    struct upper_cursor upper;
    struct upper_fd index;
    char *parent; /* path of parent_fd; NULL: none open */
    int parent_fd;
    bool parent_listed; /* parent_fd is no O_PATH one */

    /* Files that wait under their temporary names, all on one file system, which is synced for all
     * of them at once. */
    struct change *waiting[MAX_WAITING];
    size_t n_waiting;
    int sync_fd; /* on it */
    dev_t sync_dev;

    struct linked *linked;
    size_t n_linked;
    struct renamed *renamed;
    size_t n_renamed;
};

/* ---- commit_state.c: getting about ---- */

/* Opens a layer and the host's directory that it lies over; tells why it cannot. */
int commit_enter_layer(struct commit *m, size_t layer) must_check;
void commit_leave_layer(struct commit *m);
/* Opens the host's directory of that path below the layer's top: m->parent_fd. */
int commit_enter_parent(struct commit *m, const char *dir) must_check;
/* Forgets it; what was renamed in it is on disk then. */
void commit_leave_parent(struct commit *m);

/* "/a/b" is "b" in "/a". The name is a part of `below`, the directory is the caller's. */
int commit_split(const char *below, char **ret_dir, const char **ret_name) must_check;
/* Always the same for one change of one sandbox, so that what a killed commit left is found. */
void commit_temp_name(const struct commit *m, const struct change *c, char *buf, size_t cap);
/* Fills in the failure; returns r. */
int commit_tell(struct commit *m, const struct change *c, int r, const char *what);

/* What stands in the store at the change's place. */
struct source {
    int dir; /* borrowed */
    const char *name;
    char *parent;
    struct stat st;
    struct upper_fd file;
    struct upper_meta meta;
};

void source_done(struct source *s);
/* -ESTALE when it is not what was compared. The caller ends with source_done() in any case. */
int source_open(struct commit *m, const struct change *c, struct source *s) must_check;
/* Removes it, unless it goes with a directory later. */
int source_leave_store(struct commit *m, const struct change *c, const struct source *s) must_check;

/* ---- commit_one.c: single changes ---- */

/* A file may wait after this; c->done says whether it has its place. */
int commit_one(struct commit *m, struct change *c) must_check;
int commit_deletion(struct commit *m, struct change *c) must_check;
/* Files that wait get their places, or are dropped. */
int commit_place_waiting(struct commit *m, bool drop) must_check;

/* ---- commit_rename.c ---- */

/* Renames on the host the directories that the sandbox renamed, in an order that works. */
int commit_renames(struct commit *m) must_check;
