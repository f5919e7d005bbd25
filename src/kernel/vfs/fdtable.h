/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Descriptor tables. A lookup always returns a new reference, never a borrowed pointer: another
 * thread may close the descriptor while the call runs.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/util.h"

struct file;
struct fdtable;
struct stub_thread;
struct task;

struct fdtable *fdtable_new(void);
struct fdtable *fdtable_get(struct fdtable *ft);
void fdtable_put(struct fdtable *ft, struct task *t); /* last reference closes all; t may be NULL */
struct fdtable *fdtable_copy(struct fdtable *ft);     /* fork; NULL without memory */
void fdtable_close_on_exec(struct fdtable *ft, struct task *t);

/* How many numbers it has room for by now: select(2) sees no others. */
int fdtable_size(struct fdtable *ft);
/* -EBADF. *ret is a new reference. O_PATH files are refused by fd_lookup and accepted by the _any
 * form. */
int fd_lookup(struct fdtable *ft, int fd, struct file **ret) must_check;
int fd_lookup_any(struct fdtable *ft, int fd, struct file **ret) must_check;
/* Lowest free number >= min and < limit; consumes `steal`, also on error. -EMFILE, -ENOMEM. */
int fd_install(struct fdtable *ft, struct file *steal, int min, int limit, bool cloexec) must_check;
/* Puts `steal` at `fd` exactly, closing what was there (dup2). */
int fd_install_at(struct fdtable *ft, struct file *steal, int fd, int limit, bool cloexec,
                  struct task *t) must_check;
int fd_close(struct fdtable *ft, int fd, struct task *t) must_check;
/*
 * The same two for the calls that the stub announces (close(2), dup2(2)): if it says that the
 * number was direct and is no more, then nothing is to be revoked. t is the own task.
 */
int fd_close_announced(struct fdtable *ft, int fd, struct task *t) must_check;
int fd_install_at_announced(struct fdtable *ft, struct file *steal, int fd, int limit, bool cloexec,
                            struct task *t) must_check;
int fd_get_cloexec(struct fdtable *ft, int fd) must_check; /* 0, 1 or -EBADF */
int fd_set_cloexec(struct fdtable *ft, int fd, bool on) must_check;
/* Whether a number below limit is free: open(2) asks before it makes a file. */
bool fd_has_room(struct fdtable *ft, int limit);
/* The flags of the open file description (LX_O_*), or -EBADF. */
int64_t fd_file_flags(struct fdtable *ft, int fd) must_check;
/* Does some descriptor refer to f? */
bool fdtable_has(struct fdtable *ft, const struct file *f);
/*
 * The direct plane (direct.h): notes that fd, which is f, is given to t's stub as of this epoch.
 * False: it is another file by now, it was given already, or nothing of this table may be given.
 */
bool fd_mark_direct(struct fdtable *ft, int fd, const struct file *f, uint32_t epoch);
/* Empties the slots of what st says was closed quietly; the files are the caller's to hand to
 * fdtable_closed(). How many. The stub's word goes with the slots: nobody finds one without the
 * other. */
unsigned fdtable_take_closed(struct fdtable *ft, struct stub_thread *st, struct file *ret[]);
/* A descriptor of ft that referred to f, which is consumed, is closed. No locks held; t may be
 * NULL. */
void fdtable_closed(struct fdtable *ft, struct file *f, struct task *t);
/* Nothing is given from now on: threads of one process, or two processes, do not agree about it. */
void fdtable_bar_direct(struct fdtable *ft);
/* Nothing is given between hold and release: while a copy of the table and one of the stub are
 * made. */
void fdtable_hold_direct(struct fdtable *ft);
void fdtable_release_direct(struct fdtable *ft);

/* Next used number >= from, or -1: for /proc/PID/fd and close_range. */
int fd_next(struct fdtable *ft, int from);

/* With the calling task's RLIMIT_NOFILE. */
int task_fd_install(struct task *t, struct file *steal, bool cloexec) must_check;
