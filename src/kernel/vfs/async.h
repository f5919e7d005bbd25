/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Signal-driven I/O: fcntl(2), "Managing signals". An open file with O_ASYNC tells its owner by
 * SIGIO, or the signal it has chosen, when it has become readable or writable. A socket's owner is
 * told of urgent data by SIGURG without it, too.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/util.h"

struct file;
struct task;

/* F_SETOWN, F_GETOWN, their _EX forms, F_SETSIG, F_GETSIG; anything else: -EINVAL. */
long async_fcntl(struct task *t, struct file *f, int cmd, uint64_t arg) must_check;
/* O_ASYNC goes on or off; fd is what the signal will name. -ENOTTY: such files never become ready.
 */
int async_switch(struct task *t, struct file *f, int fd, bool on) must_check;
/* Something was read or written: what comes next is news again. */
void async_again(struct file *f);
/* The last reference to f is gone. */
void async_release(struct file *f);
