/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The direct plane: data moves between the guest's process and the host without us, through the
 * very description that stands behind the guest's file (file_ops.direct): of regular files, of
 * connected streams, and the events of epoll sets. What the vfs must see of it - marks on a file,
 * limits on its size, tracers, accounts, signals - keeps a file mediated, and whoever brings such a
 * reason later revokes what was given: platform.h.
 */
#pragma once

#include <stdbool.h>

#include "base/util.h"

struct fdtable;
struct file;
struct kernel;
struct stub_thread;
struct super;
struct task;

/* After t has moved data of f, which was its descriptor fd when the call began: gives it to the
 * stub if it asks and nothing speaks against it. Own thread, no locks. */
void direct_consider(struct task *t, int fd, struct file *f);
/* task_fd_install() of what t has just opened: consumes `steal`, and considers it likewise. */
int direct_install(struct task *t, struct file *steal, bool cloexec) must_check;
/*
 * Files that are only read, as data: nothing in the kernel waits for a descriptor of one to be
 * closed but locks, marks, mounts and those who look at the table. A stub that has one may tell of
 * its close later; who would see the difference calls direct_settle_all() first.
 */
bool direct_is_quiet(const struct file *f);
/* What st says was closed quietly is closed in ft, its table. Any thread, no locks. */
void direct_settle(struct fdtable *ft, struct stub_thread *st);
/* That of all tasks. Whether there was something. No locks. */
bool direct_settle_all(struct kernel *k);
/* Whoever has just brought a reason against it, of any kind. */
void direct_revoke_all(struct kernel *k);
/* Files below sb got other names: marks on directories may be about them now. */
void direct_names_changed(struct task *t, const struct super *sb);
/* t will use `own` in place of the table that it has; `own` may be new. */
void direct_part(struct task *t, struct fdtable *own);
