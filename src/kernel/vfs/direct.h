/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The direct plane: a regular file's data moves between the guest's process and the host without
 * the vfs, through the very description that the file system has opened (file_ops.direct). What the
 * vfs must see of data - marks on the file, limits on its size, tracers, accounts - keeps a file
 * mediated, and whoever brings such a reason later revokes what was given: platform.h.
 */
#pragma once

#include <stdbool.h>

struct fdtable;
struct file;
struct kernel;
struct super;
struct task;

/* After t has moved data of f, which was its descriptor fd when the call began: gives it to the
 * stub if it asks and nothing speaks against it. Own thread, no locks. */
void direct_consider(struct task *t, int fd, struct file *f);
/* Whoever has just brought a reason against it, of any kind. */
void direct_revoke_all(struct kernel *k);
/* Files below sb got other names: marks on directories may be about them now. */
void direct_names_changed(struct task *t, const struct super *sb);
/* t will use `own` in place of the table that it has; `own` may be new. */
void direct_part(struct task *t, struct fdtable *own);
