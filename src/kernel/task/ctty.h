/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Terminals as the process tree sees them: which session a terminal controls and which of its
 * groups is in the foreground. credentials(7), setsid(2), tcsetpgrp(3), ioctl_tty(2). The bytes are
 * the driver's (tty/); its object embeds struct tty first.
 *
 * tgroup.tty holds no reference: tty_session_clear() takes it away from all before the object goes.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/ref.h"
#include "base/util.h"

struct kernel;
struct task;
struct tgroup;

struct tty {
    struct ref ref;
    uint64_t dev;              /* immutable once it is known: st_rdev of its node */
    pid_t sid;                 /* [tasks_lock] the session it controls; 0: none */
    pid_t pgid;                /* [tasks_lock] the foreground group; 0: none */
    const struct tty_ops *ops; /* immutable */
};

/* None is called with a lock held. */
struct tty_ops {
    void (*hang_up)(struct tty *tty); /* vhangup(2): its open files are dead, then tty_hang_up() */
    /* The last reference is gone, and no process has it as its terminal. */
    void (*release)(struct tty *tty);
};

void tty_init(struct tty *tty, const struct tty_ops *ops);
struct tty *tty_get(struct tty *tty);
void tty_put(struct kernel *k, struct tty *tty);

/* The controlling terminal of t's process, a new reference; NULL: it has none. */
struct tty *ctty_get(struct task *t);
/* By open(2): becomes the controlling terminal if t leads a session without one and tty is free. */
void ctty_on_open(struct task *t, struct tty *tty);
/* TIOCSCTTY; steal: its argument was 1. -EPERM. */
int ctty_take(struct task *t, struct tty *tty, bool steal, bool readable) must_check;
/* TIOCNOTTY. -ENOTTY. */
int ctty_give_up(struct task *t, struct tty *tty) must_check;

/*
 * Whether t may do what only the foreground may: 0. For signo SIGTTIN or SIGTTOU: a background
 * group is sent the signal, -ERESTARTSYS; -EIO where that makes no sense (ignored or blocked
 * SIGTTIN, an orphaned group). An ignored SIGTTOU means it may.
 */
int ctty_check(struct task *t, struct tty *tty, int signo) must_check;

/* TIOCGPGRP, TIOCGSID, TIOCSPGRP; master: asked at the other end of a pty, by anybody. */
int ctty_get_pgrp(struct task *t, struct tty *tty, bool master, pid_t *ret) must_check;
int ctty_get_sid(struct task *t, struct tty *tty, bool master, pid_t *ret) must_check;
int ctty_set_pgrp(struct task *t, struct tty *tty, pid_t pgid) must_check;

/* To the foreground group, by the kernel. */
void tty_signal(struct kernel *k, struct tty *tty, int signo);
/* No process has tty as its controlling terminal any more. */
void tty_session_clear(struct kernel *k, struct tty *tty);
/* The other end is gone: SIGHUP and SIGCONT to the session's leader, and nobody has it any more. */
void tty_hang_up(struct kernel *k, struct tty *tty);

/* tasks_lock held: tg, which may lead a session, has ended. */
void ctty_leader_ends(struct tgroup *tg);
