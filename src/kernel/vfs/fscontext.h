/* SPDX-License-Identifier: Apache-2.0 */
/* A file system in the making: fsopen(2), fsconfig(2), fsmount(2), fspick(2). */
#pragma once

#include <stdbool.h>
#include <string.h>

#include "abi/linux/fcntl.h"
#include "base/strbuf.h"
#include "kernel/vfs/file.h"

struct super;
struct vfs;

enum fscontext_phase {
    FSCONTEXT_PARAMETERS, /* being told what it is to be */
    FSCONTEXT_CREATED,    /* waits for its mount */
    FSCONTEXT_CHANGE,     /* is mounted, at file.path: being told what is to change */
    FSCONTEXT_FAILED,     /* good for nothing any more; also while it is being made */
};

struct fscontext {
    struct file file;           /* first */
    struct mutex lock;          /* RANK_FILE */
    char *type;                 /* immutable; NULL: of fspick(2) */
    char *source;               /* [lock] set once */
    struct strbuf options;      /* [lock] as mount(2) has them */
    bool rdonly;                /* [lock] */
    struct super *sb;           /* [lock] made, and not mounted yet */
    enum fscontext_phase phase; /* [lock] */
};

/* NULL: f is something else. */
struct fscontext *fscontext_of(struct file *f);
/* type (consumed) of a new one, or the place of a mounted one. */
int fscontext_new(char *type, const struct path *at, struct file **ret) must_check;
/* One parameter; value NULL: a flag. -EBUSY: too late. */
int fscontext_add(struct fscontext *c, const char *key, const char *value) must_check;
/* Begins making or changing it: *ret_options is the caller's to free. -EBUSY: in another phase. */
int fscontext_take(struct fscontext *c, enum fscontext_phase from, char **ret_options) must_check;
void fscontext_created(struct fscontext *c, struct super *sb);
void fscontext_changed(struct fscontext *c);
/* Mounts what was made, nowhere yet. */
int fscontext_mount(struct fscontext *c, struct vfs *v, uint32_t flags, struct path *ret)
    must_check;
