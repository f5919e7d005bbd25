/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What processes and threads have used: getrusage(2). Time the host counted for the stub is split
 * as the host does; time of the sentry threads that served it is system time. Faults and sizes are
 * the host's figures of the stub. tasks_lock is held for all functions here.
 */
#pragma once

#include "kernel/task/task.h"

/* The whole process so far, ended threads and left images included. */
void tgroup_usage(struct tgroup *tg, struct usage *ret);
/* One living thread: it counts from its own beginning or its last exec. */
void task_usage(struct task *t, struct usage *ret);
/* What t has moved so far, the direct plane's part with it. */
void task_io(const struct task *t, struct io_count *to);
/* t leaves its stub: what that has moved by itself is t's own from now on. */
void task_collect_io(struct task *t);
void io_count_add(struct io_count *to, const struct io_count *n);
/* t leaves its host process, by exec or as the last one at its end: adds what that has used. */
void usage_collect(struct task *t);
