/* SPDX-License-Identifier: Apache-2.0 */
/* The terminal object; only tty/ includes this. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#include "base/mutex.h"
#include "kernel/kernel.h"
#include "kernel/task/ctty.h"
#include "kernel/vfs/node.h"
#include "kernel/wait/waitq.h"
#include "tty/ldisc.h"
#include "tty/tty.h"

#define TTY_DEV(major, minor) (((uint64_t) (major) << 8) | (minor))
#define TTYAUX_MAJOR          5
#define PTS_MAJOR             136
#define TERMINALS_MAX         4096 /* as Linux: kernel.pty.max */
#define TERMINAL_IN           (64u << 10)
#define TERMINAL_OUT          (64u << 10)
#define CONSOLE_BUFFER        4096u

struct console;

struct terminals {
    struct kernel *k;              /* immutable */
    struct devpts_options options; /* set by the first mount, before a task runs */
    struct mutex lock;             /* RANK_LEAF */
    struct terminal **slots;       /* [lock] by number, borrowed; NULL: free */
    uint32_t n_slots;              /* [lock] */
    struct terminal *console;      /* [lock] referenced; the container's, or NULL */
};

/*
 * One terminal with both its sides. The slave is what programs use; the other side is a master of
 * the guest's, or a console.
 */
struct terminal {
    struct tty tty;          /* first */
    struct terminals *all;   /* immutable */
    uint32_t index;          /* immutable: N of /dev/pts/N */
    struct console *console; /* immutable once it is in the table; NULL: a pty */
    struct waitq slave_wq, master_wq;

    struct mutex lock;               /* RANK_TTY */
    struct ldisc ld;                 /* [lock] */
    struct lx_termios2 locked_modes; /* [lock] bits, and characters not 0: not to be changed */
    struct byteq in;   /* [lock] from the other side, before the line discipline has room */
    uint32_t n_slaves; /* [lock] open files */
    bool slave_gone;   /* [lock] n_slaves fell to 0: the master reads no more than what is left */
    _Atomic bool master_gone;            /* nothing opens it any more, it has no name */
    bool locked;                         /* [lock] TIOCSPTLCK */
    bool exclusive;                      /* [lock] TIOCEXCL */
    bool packet;                         /* [lock] TIOCPKT */
    uint32_t packet_status;              /* [lock] LX_TIOCPKT_* not yet read */
    uint32_t hangups;                    /* [lock] files opened before the last one are dead */
    struct lx_winsize size;              /* [lock] */
    uint64_t last_input;                 /* [lock] CLOCK_MONOTONIC in ns: VTIME */
    uint32_t mode, uid, gid;             /* [lock] of the node */
    struct timespec atime, mtime, ctime; /* [lock] */
};

struct terminal_file {
    struct file file;   /* first */
    struct terminal *t; /* referenced */
    uint32_t hangups;   /* immutable: terminal.hangups when it was opened */
    bool master;        /* immutable */
};

static inline struct terminal_file *terminal_file(struct file *f)
{
    return container_of(f, struct terminal_file, file);
}

/* ---- terminal.c ---- */
/* A new one with a number of its own, one reference. c NULL: a pty. -ENOSPC, -ENOMEM. */
int terminal_new(struct terminals *all, const struct cred *owner, struct console *c,
                 struct terminal **ret) must_check;
static inline struct terminal *terminal_get(struct terminal *t)
{
    return (struct terminal *) tty_get(&t->tty);
}
void terminal_put(struct terminal *t);
/* By number; a new reference, or NULL. */
struct terminal *terminal_find(struct terminals *all, uint32_t index);
/* The first number >= from that has a name, or UINT32_MAX. */
uint32_t terminal_next(struct terminals *all, uint32_t from);
struct terminals *terminals_of(struct kernel *k);

/* [lock] Bytes of the other side: how many were taken. Then terminal_settle(). */
size_t terminal_input(struct terminal *t, const uint8_t *src, size_t n);
uint32_t terminal_in_room(const struct terminal *t);
/* [lock] After anything that touched the line discipline: moves input on, wakes, passes output to a
 * console. Returns the signals to send once the lock is dropped. */
uint64_t terminal_settle(struct terminal *t) must_check;
/* No lock held. */
void terminal_signal(struct terminal *t, uint64_t signals);
/* All files of the slave are dead, its session is told: vhangup(2). */
void terminal_hang_up(struct terminal *t);
/* The other side is gone for good. */
void terminal_lose_master(struct terminal *t);
/* A window size for both sides; the foreground is told if it changed. */
void terminal_resize(struct terminal *t, const struct lx_winsize *size);

/* ---- slave.c, master.c ---- */
int slave_open(struct terminal *t, const struct open_args *a, struct file **ret) must_check;
int master_open(struct kernel *k, const struct open_args *a, struct file **ret) must_check;
bool slave_is_dead(struct terminal_file *tf); /* [lock] */
int terminal_getattr(struct file *f, struct attr *ret);

/* ---- ioctl.c, modes.c ---- */
long terminal_ioctl(struct file *f, struct task *task, uint32_t cmd, uint64_t arg);
/* Requests about modes; -ENOIOCTLCMD: not one of them. */
long modes_ioctl(struct terminal_file *tf, struct task *task, uint32_t cmd, uint64_t arg);
#define ENOIOCTLCMD 515

/* ---- console.c ---- */
/* Before t can be found: c is its other side. */
void console_attach(struct console *c, struct terminal *t);
/* [t->lock] Hands output to the host. */
void console_flush(struct console *c);
/* [t->lock] Wakes its thread: nobody uses the terminal any more. */
void console_poke(struct console *c);
/* [t->lock] There is room for input again. */
void console_room(struct console *c);
void console_free(struct console *c);
/* Whether the host's window has changed: no lock held. */
void console_check_size(struct console *c);
/* The guest has set the size: the host's window follows. */
void console_set_size(struct console *c, const struct lx_winsize *size);
