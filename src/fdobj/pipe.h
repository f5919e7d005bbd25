/* SPDX-License-Identifier: Apache-2.0 */
/* Pipes and FIFOs: pipe(7), fifo(7). */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/util.h"

struct cred;
struct file;
struct kernel;
struct node;
struct open_args;
struct pipes;

#define PIPE_DEFAULT_SIZE 65536u
#define PIPE_MAX_SIZE     1048576u    /* /proc/sys/fs/pipe-max-size */
#define PIPE_FORCED_SIZE  (64u << 20) /* what the privileged get: it is the sentry's memory */
#define PIPE_ATOMIC       4096u       /* PIPE_BUF */
#define PIPE_USER_PAGES   16384u      /* /proc/sys/fs/pipe-user-pages-soft */
#define PIPE_POOR_SIZE    8192u       /* who has more than that gets */

/* What all pipes of a kernel share: the open FIFOs, and numbers. It lives as long as the kernel. */
int pipes_new(struct pipes **ret) must_check;

/* flags: LX_O_NONBLOCK and LX_O_DIRECT; cred: the owner fstat(2) shows. New references. */
int pipe_new(struct pipes *ps, const struct cred *cred, uint32_t flags, struct file **ret_reader,
             struct file **ret_writer) must_check;

/* For struct specials. */
int fifo_open(struct kernel *k, struct node *n, const struct open_args *a, struct file **ret)
    must_check;

/* For splice and tee: whether f is a pipe end. */
bool file_is_pipe(const struct file *f);
/*
 * Copies up to n bytes of `from` into `to`; consume: they are gone there, else they stay (tee(2)).
 * -EAGAIN when either cannot go on, 0 at the end of data, -EPIPE, -EINVAL when they are no two
 * different pipes.
 */
ssize_t pipe_move(struct file *from, struct file *to, size_t n, bool consume) must_check;

/* Data of a pipe, for splice(2): how many of the n bytes were taken, or a negative errno. No lock
 * is held. */
typedef ssize_t pipe_take_fn(void *arg, const uint8_t *data, size_t n);
/*
 * Gives up to n bytes of `from` to `take` and consumes what it took. No other reader gets at the
 * pipe meanwhile, so take must not wait. -EAGAIN when empty, 0 at the end of data, -EINVAL.
 */
ssize_t pipe_drain(struct file *from, size_t n, pipe_take_fn *take, void *arg) must_check;
/* Whether both are ends of the same pipe. */
bool pipes_are_one(const struct file *a, const struct file *b);
