/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Numbers in use: a number may name a thread, a process, a process group and a session at once, and
 * stays taken while it names any of them.
 */
#pragma once

#include <sys/types.h>

#include "base/htab.h"
#include "base/list.h"
#include "kernel/task/task.h"

struct pid_entry {
    struct htab_node node; /* [tasks_lock] in kernel.pids */
    pid_t nr;
    struct task *task;  /* [tasks_lock] borrowed; the thread of this number (a dead leader until it
                           is reaped) */
    struct tgroup *tg;  /* [tasks_lock] borrowed; the process */
    struct list pgrp;   /* [tasks_lock] tgroup.pgrp_link: members of this process group */
    unsigned n_session; /* [tasks_lock] members of this session */
};

/* All with tasks_lock held. */
struct pid_entry *pid_find(struct kernel *k, pid_t nr);
/* Takes a fresh number: -EAGAIN, -ENOMEM. */
int pid_alloc(struct kernel *k, struct pid_entry **ret) must_check;
/* Frees the entry if it names nothing any more. */
void pid_check(struct kernel *k, struct pid_entry *e);
/* Moves tg to a group and session, whose entries exist. */
void tgroup_join(struct tgroup *tg, pid_t pgid, pid_t sid);
/* Whether no member of the group has a parent in another group of the same session. `but` is left
 * out. */
bool pgrp_is_orphaned(struct kernel *k, pid_t pgid, const struct tgroup *but);
bool pgrp_has_stopped(struct kernel *k, pid_t pgid);

/* Gives free memory back to the host when few numbers are left of many. No locks held. */
void kernel_trim(struct kernel *k);
