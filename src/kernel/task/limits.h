/* SPDX-License-Identifier: Apache-2.0 */
/* Limits on memory are the host's to enforce: it is the host's memory. setrlimit(2) */
#pragma once

#include "kernel/task/task.h"

/* Tells the host the present limit of one kind; others than those on memory are none of its
 * business. tasks_lock held. */
void tgroup_limit_host(struct tgroup *tg, int resource);
/* All of them, for a fresh image. tasks_lock held. */
void tgroup_limit_image(struct tgroup *tg);
