/* SPDX-License-Identifier: Apache-2.0 */
/* Requests to terminals: ioctl_tty(2). What is not here is -ENOTTY, as a pty of Linux says. */
#include <errno.h>
#include <stdio.h>

#include "abi/linux/fcntl.h"
#include "abi/linux/ioctl.h"
#include "abi/linux/signal.h"
#include "kernel/task/task.h"
#include "kernel/vfs/fdtable.h"
#include "kernel/vfs/walk.h"
#include "tty/terminal.h"

static long put_int(struct task *task, uint64_t arg, int32_t v)
{
    return copy_out(task, uaddr(arg), &v, sizeof(v));
}

/* Ends a change of the line discipline: t->lock is dropped. */
static void done(struct terminal *t)
{
    uint64_t signals = terminal_settle(t);
    mutex_unlock(&t->lock);
    terminal_signal(t, signals);
}

static int check_background(struct terminal_file *tf, struct task *task)
{
    return tf->master ? 0 : ctty_check(task, &tf->t->tty, LX_SIGTTOU);
}

/* ---- sessions ---- */

static long set_pgrp(struct terminal_file *tf, struct task *task, uint64_t arg)
{
    int32_t pgid;
    int r = ctty_check(task, &tf->t->tty, LX_SIGTTOU); /* at the master, too */
    if (r < 0)
        return r == -EIO ? -ENOTTY : r;
    r = copy_in(task, &pgid, uaddr(arg), sizeof(pgid));
    return r < 0 ? r : ctty_set_pgrp(task, &tf->t->tty, pgid);
}

static long session_ioctl(struct terminal_file *tf, struct task *task, uint32_t cmd, uint64_t arg)
{
    bool readable = (atomic_load(&tf->file.flags) & LX_O_ACCMODE) != LX_O_WRONLY;
    struct tty *tty = &tf->t->tty;
    pid_t pid = 0;
    int r;
    switch (cmd) {
    case LX_TIOCSCTTY: /* a master controls nothing */
        return tf->master ? -EPERM : ctty_take(task, tty, arg == 1, readable);
    case LX_TIOCNOTTY:
        return tf->master ? -ENOTTY : ctty_give_up(task, tty);
    case LX_TIOCGPGRP:
        r = ctty_get_pgrp(task, tty, tf->master, &pid);
        return r < 0 ? r : put_int(task, arg, pid);
    case LX_TIOCGSID:
        r = ctty_get_sid(task, tty, tf->master, &pid);
        return r < 0 ? r : put_int(task, arg, pid);
    case LX_TIOCSPGRP:
        return set_pgrp(tf, task, arg);
    case LX_TIOCVHANGUP:
        if (!cred_capable(task->cred, LX_CAP_SYS_ADMIN))
            return -EPERM;
        terminal_hang_up(tf->t);
        return 0;
    }
    return -ENOIOCTLCMD;
}

/* ---- queues ---- */

static void flush_slave_input(struct terminal *t)
{
    ldisc_flush_input(&t->ld);
    byteq_keep(&t->in, 0);
}

/* What is input for one side is output of the other. */
static long flush(struct terminal_file *tf, struct task *task, uint64_t which)
{
    struct terminal *t = tf->t;
    int r = check_background(tf, task);
    if (r < 0)
        return r;
    if (which > LX_TCIOFLUSH)
        return -EINVAL;
    bool in = which != LX_TCOFLUSH, out = which != LX_TCIFLUSH;
    mutex_lock(&t->lock);
    if (tf->master && in)
        byteq_keep(&t->ld.out, 0);
    if (tf->master && out)
        byteq_keep(&t->in, 0);
    if (!tf->master && in)
        flush_slave_input(t);
    if (!tf->master && out)
        ldisc_flush_output(&t->ld);
    done(t);
    return 0;
}

static long flow(struct terminal_file *tf, struct task *task, uint64_t what)
{
    struct terminal *t = tf->t;
    int r = check_background(tf, task);
    if (r < 0)
        return r;
    if (what > LX_TCION)
        return -EINVAL;
    if (tf->master)
        return 0; /* nothing that a master writes is ever held back */
    mutex_lock(&t->lock);
    uint8_t stop = t->ld.tio.cc[LX_VSTOP], start = t->ld.tio.cc[LX_VSTART];
    if (what == LX_TCOOFF) {
        ldisc_stop(&t->ld);
        t->ld.tco_stopped = true;
    } else if (what == LX_TCOON && t->ld.tco_stopped) {
        t->ld.tco_stopped = false;
        ldisc_start(&t->ld);
    } else if (what == LX_TCIOFF && stop) {
        ldisc_send(&t->ld, stop);
    } else if (what == LX_TCION && start) {
        ldisc_send(&t->ld, start);
    }
    done(t);
    return 0;
}

/* A character as if it had been typed: refused like dev.tty.legacy_tiocsti=0 of Linux does. */
static long fake_input(struct terminal_file *tf, struct task *task, uint64_t arg)
{
    struct terminal *t = tf->t;
    uint8_t c;
    if (!cred_capable(task->cred, LX_CAP_SYS_ADMIN))
        return -EIO;
    int r = copy_in(task, &c, uaddr(arg), 1);
    if (r < 0)
        return r;
    mutex_lock(&t->lock);
    if (tf->master)
        (void) byteq_push(&t->ld.out, &c, 1, TERMINAL_OUT);
    else
        (void) terminal_input(t, &c, 1);
    done(t);
    return 0;
}

static int32_t count_pending(struct terminal_file *tf)
{
    struct terminal *t = tf->t;
    MUTEX_GUARD(&t->lock);
    return (int32_t) (tf->master ? byteq_used(&t->ld.out) : ldisc_pending(&t->ld));
}

/* Breaks reach nobody, but they are for the foreground alone all the same. */
static long send_break(struct terminal_file *tf, struct task *task)
{
    return check_background(tf, task);
}

static long queue_ioctl(struct terminal_file *tf, struct task *task, uint32_t cmd, uint64_t arg)
{
    switch (cmd) {
    case LX_TCFLSH:
        return flush(tf, task, arg);
    case LX_TCXONC:
        return flow(tf, task, arg);
    case LX_TIOCSTI:
        return fake_input(tf, task, arg);
    case LX_FIONREAD:
        return put_int(task, arg, count_pending(tf));
    case LX_TIOCOUTQ: /* a pty's output is with its reader at once */
        return put_int(task, arg, 0);
    case LX_TCSBRK:
    case LX_TCSBRKP:
    case LX_TIOCSBRK:
    case LX_TIOCCBRK:
        return send_break(tf, task);
    }
    return -ENOIOCTLCMD;
}

/* ---- the terminal as a whole ---- */

static long get_size(struct terminal *t, struct task *task, uint64_t arg)
{
    if (t->console)
        console_check_size(t->console);
    mutex_lock(&t->lock);
    struct lx_winsize size = t->size;
    mutex_unlock(&t->lock);
    return copy_out(task, uaddr(arg), &size, sizeof(size));
}

static long set_size(struct terminal *t, struct task *task, uint64_t arg)
{
    struct lx_winsize size;
    int r = copy_in(task, &size, uaddr(arg), sizeof(size));
    if (r < 0)
        return r;
    if (t->console)
        console_set_size(t->console, &size);
    terminal_resize(t, &size);
    return 0;
}

static long set_exclusive(struct terminal *t, bool on)
{
    MUTEX_GUARD(&t->lock);
    t->exclusive = on;
    return 0;
}

static bool is_exclusive(struct terminal *t)
{
    MUTEX_GUARD(&t->lock);
    return t->exclusive;
}

/* N_TTY is the only discipline there is. */
static long set_discipline(struct terminal_file *tf, struct task *task, uint64_t arg)
{
    int32_t which;
    int r = check_background(tf, task);
    if (r == 0)
        r = copy_in(task, &which, uaddr(arg), sizeof(which));
    return r < 0 ? r : which == 0 ? 0 : -EINVAL;
}

static long whole_ioctl(struct terminal_file *tf, struct task *task, uint32_t cmd, uint64_t arg)
{
    struct terminal *t = tf->t;
    switch (cmd) {
    case LX_TIOCGWINSZ:
        return get_size(t, task, arg);
    case LX_TIOCSWINSZ:
        return set_size(t, task, arg);
    case LX_TIOCEXCL:
    case LX_TIOCNXCL:
        return set_exclusive(t, cmd == LX_TIOCEXCL);
    case LX_TIOCGEXCL:
        return put_int(task, arg, is_exclusive(t));
    case LX_TIOCGETD:
        return put_int(task, arg, 0);
    case LX_TIOCSETD:
        return set_discipline(tf, task, arg);
    case LX_TIOCGDEV:
        return put_int(task, arg, (int32_t) (tf->master ? TTY_DEV(TTYAUX_MAJOR, 2) : t->tty.dev));
    }
    return -ENOIOCTLCMD;
}

/* ---- masters only ---- */

static long set_packet(struct terminal *t, struct task *task, uint64_t arg)
{
    int32_t on;
    int r = copy_in(task, &on, uaddr(arg), sizeof(on));
    if (r < 0)
        return r;
    MUTEX_GUARD(&t->lock);
    if (on && !t->packet)
        t->packet_status = 0;
    t->packet = on;
    return 0;
}

static long set_lock(struct terminal *t, struct task *task, uint64_t arg)
{
    int32_t on;
    int r = copy_in(task, &on, uaddr(arg), sizeof(on));
    if (r < 0)
        return r;
    MUTEX_GUARD(&t->lock);
    t->locked = on;
    return 0;
}

static bool read_flag(struct terminal *t, const bool *flag)
{
    MUTEX_GUARD(&t->lock);
    return *flag;
}

static long send_signal(struct terminal *t, uint64_t signo)
{
    if (signo != LX_SIGINT && signo != LX_SIGQUIT && signo != LX_SIGTSTP)
        return -EINVAL;
    tty_signal(t->all->k, &t->tty, (int) signo);
    return 0;
}

/* The slave of a master, whatever names lead to it: TIOCGPTPEER. */
static long open_peer(struct terminal *t, struct task *task, uint64_t flags)
{
    char name[32];
    struct walkctx w;
    struct path p;
    struct file *f;
    int r = walkctx_init_root(&w, task->k->vfs, task->cred);
    if (r < 0)
        return r;
    w.task = task;
    (void) snprintf(name, sizeof(name), "/dev/pts/%u", t->index);
    r = path_walk(&w, NULL, name, 0, &p);
    if (r == 0) {
        r = path_open_at(&w, &p, (uint32_t) flags, &f);
        path_put(&p);
    }
    walkctx_done(&w);
    return r < 0 ? r : task_fd_install(task, f, flags & LX_O_CLOEXEC);
}

static long master_ioctl(struct terminal_file *tf, struct task *task, uint32_t cmd, uint64_t arg)
{
    struct terminal *t = tf->t;
    switch (cmd) {
    case LX_TIOCGPTN:
        return put_int(task, arg, (int32_t) t->index);
    case LX_TIOCSPTLCK:
        return set_lock(t, task, arg);
    case LX_TIOCGPTLCK:
        return put_int(task, arg, read_flag(t, &t->locked));
    case LX_TIOCPKT:
        return set_packet(t, task, arg);
    case LX_TIOCGPKT:
        return put_int(task, arg, read_flag(t, &t->packet));
    case LX_TIOCSIG:
        return send_signal(t, arg);
    case LX_TIOCGPTPEER:
        return open_peer(t, task, arg);
    }
    return -ENOIOCTLCMD;
}

static bool is_dead(struct terminal_file *tf)
{
    MUTEX_GUARD(&tf->t->lock);
    return !tf->master && slave_is_dead(tf);
}

long terminal_ioctl(struct file *f, struct task *task, uint32_t cmd, uint64_t arg)
{
    static long (*const kinds[])(struct terminal_file * tf, struct task * task, uint32_t cmd,
                                 uint64_t arg) = {modes_ioctl, session_ioctl, queue_ioctl,
                                                  whole_ioctl};
    struct terminal_file *tf = terminal_file(f);
    long r = -ENOIOCTLCMD;
    if (is_dead(tf))
        return cmd == LX_TIOCSPGRP ? -ENOTTY : -EIO;
    for (size_t i = 0; r == -ENOIOCTLCMD && i < ARRAY_LEN(kinds); i++)
        r = kinds[i](tf, task, cmd, arg);
    if (r == -ENOIOCTLCMD && tf->master)
        r = master_ioctl(tf, task, cmd, arg);
    return r == -ENOIOCTLCMD ? -ENOTTY : r;
}
