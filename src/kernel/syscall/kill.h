/* SPDX-License-Identifier: Apache-2.0 */
/* What kill(2) and pidfd_send_signal(2) share. */
#pragma once

#include <stdint.h>
#include <sys/types.h>

#include "base/util.h"

struct lx_siginfo;
struct task;
struct tgroup;

/* kill(2)'s own information. */
struct lx_siginfo kill_info(const struct task *t, int signo);
/* The siginfo_t at addr, as t may send it to process `to`: rt_sigqueueinfo(2). -EPERM, -EFAULT. */
int kill_info_from_guest(struct task *t, uint64_t addr, pid_t to, int signo, struct lx_siginfo *ret)
    must_check;
/* To the whole process, if t may; signo 0 only asks. -ESRCH when it has been waited for. */
int kill_tgroup(struct task *t, struct tgroup *tg, const struct lx_siginfo *info, int signo)
    must_check;
