/* SPDX-License-Identifier: Apache-2.0 */
/*
 * File locks among guests: fcntl(2) record locks (owned by a descriptor table, i.e. a process),
 * open file description locks and flock(2). They are advisory and live in the sentry: what happens
 * outside the container is not seen.
 */
#pragma once

#include "abi/linux/fcntl.h"
#include "base/util.h"

struct fdtable;
struct file;
struct task;

/*
 * cmd: LX_F_GETLK, SETLK, SETLKW and their OFD forms. *fl is a private copy, written back by GETLK
 * only. Sleeps without locks. 0, -EAGAIN, -EDEADLK, -EINVAL, -EBADF, -EOVERFLOW, -ERESTARTSYS,
 * -ENOLCK.
 */
long vfs_lock_posix(struct task *t, struct file *f, int cmd, struct lx_flock *fl) must_check;
/* op: LX_LOCK_SH, EX, UN, with LX_LOCK_NB. -EWOULDBLOCK, -EINVAL, -ERESTARTSYS. */
long vfs_lock_flock(struct task *t, struct file *f, int op) must_check;

/* A descriptor of ft that referred to f was closed: its record locks on that file are gone. */
void vfs_locks_closed(struct fdtable *ft, struct file *f);
/* The open file description goes away. */
void vfs_locks_released(struct file *f);
