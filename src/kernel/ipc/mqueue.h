/* SPDX-License-Identifier: Apache-2.0 */
/*
 * POSIX message queues: mq_overview(7). Names are the container's, without the leading slash; what
 * mq_open(3) returns is a descriptor like any other. There is no file system that lists them.
 */
#pragma once

#include <stdint.h>
#include <time.h>

#include "abi/linux/mqueue.h"
#include "abi/linux/time.h"
#include "base/util.h"

struct file;
struct task;

/* Limits of /proc/sys/fs/mqueue. */
#define MQ_QUEUES_MAX      256
#define MQ_MSG_MAX         10
#define MQ_MSGSIZE_MAX     8192
#define MQ_MSG_DEFAULT     10
#define MQ_MSGSIZE_DEFAULT 8192

/* attr: NULL for the default. mode: umask already applied. *ret is a new file. */
int mq_open(struct task *t, const char *name, uint32_t flags, uint32_t mode,
            const struct lx_mq_attr *attr, struct file **ret) must_check;
int mq_unlink(struct task *t, const char *name) must_check;

/* -EBADF for files that are none. deadline: CLOCK_MONOTONIC, NULL for none. */
long mq_send(struct task *t, struct file *f, uint64_t msg, uint64_t len, uint32_t prio,
             const struct timespec *deadline) must_check;
/* The length; the priority goes to prio_at unless it is 0. */
long mq_receive(struct task *t, struct file *f, uint64_t msg, uint64_t len, uint64_t prio_at,
                const struct timespec *deadline) must_check;
/* ev NULL: no longer. -EBUSY, -EINVAL; -ENOSYS: SIGEV_THREAD, which takes a netlink socket. */
int mq_notify(struct task *t, struct file *f, const struct lx_sigevent *ev) must_check;
/* set NULL: only asks. */
int mq_attributes(struct file *f, const struct lx_mq_attr *set, struct lx_mq_attr *ret_old)
    must_check;
