/* SPDX-License-Identifier: Apache-2.0 */
/* Waiting for many files at once: what poll(2) and select(2) share. */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "base/util.h"
#include "kernel/wait/block.h"

struct file;

struct poll_item {
    struct file *f;  /* referenced; NULL: not watched */
    uint32_t events; /* LX_POLL*; ERR and HUP are always reported */
    uint32_t ready;  /* result */
    struct task_waiter tw;
};

enum poll_timeout { POLL_NO_WAIT, POLL_UNTIL, POLL_FOR_EVER };

/*
 * How many of the items are ready; sleeps until one is. deadline: absolute CLOCK_MONOTONIC, for
 * POLL_UNTIL. 0 when it passed, -ERESTARTSYS when interrupted.
 */
long poll_set_wait(struct task *t, struct poll_item *items, size_t n, enum poll_timeout how,
                   const struct timespec *deadline) must_check;
/* Drops the files. */
void poll_set_done(struct poll_item *items, size_t n);

/*
 * A relative timeout as guests give it, made absolute; ret_how says what it amounts to. Negative or
 * malformed parts: -EINVAL.
 */
int poll_deadline(int64_t sec, int64_t nsec, enum poll_timeout *ret_how, struct timespec *ret)
    must_check;
/* What is left until the deadline, not below zero. */
struct timespec poll_time_left(const struct timespec *deadline);
