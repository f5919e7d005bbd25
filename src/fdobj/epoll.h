/* SPDX-License-Identifier: Apache-2.0 */
/* epoll(7): sets of files, and which of them are ready. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/util.h"

struct file;
struct kernel;
struct lx_epoll_event;

/* An empty set. A new reference; f->wq is woken when a member may have become ready. */
int epoll_new(struct kernel *k, struct file **ret) must_check;
bool file_is_epoll(const struct file *f);

/*
 * epoll_ctl(2) on the set `ep`. fd: the number target was found at, part of the member's name. ev
 * is not used by LX_EPOLL_CTL_DEL. -EEXIST, -ENOENT, -EPERM, -EINVAL, -ELOOP, -ENOSPC, -ENOMEM.
 */
int epoll_control(struct file *ep, int op, int fd, struct file *target,
                  const struct lx_epoll_event *ev) must_check;

/* How many members it has at this moment. */
size_t epoll_count(struct file *ep);

/* Up to max members that are ready now; never waits. */
size_t epoll_collect(struct file *ep, struct lx_epoll_event *out, size_t max);
