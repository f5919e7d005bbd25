/* SPDX-License-Identifier: Apache-2.0 */
/* Terminal modes in the three forms that programs use: termios(3), ioctl_tty(2). */
#include <errno.h>

#include "abi/linux/signal.h"
#include "kernel/task/task.h"
#include "tty/terminal.h"

/* By the number in CBAUD; the second half has CBAUDEX set. */
static const uint32_t speeds[] = {
    0,      50,     75,      110,     134,     150,     200,     300,     600,     1200,    1800,
    2400,   4800,   9600,    19200,   38400,   0,       57600,   115200,  230400,  460800,  500000,
    576000, 921600, 1000000, 1152000, 1500000, 2000000, 2500000, 3000000, 3500000, 4000000,
};

static uint32_t speed_of(uint32_t cbaud, uint32_t given)
{
    if (cbaud == LX_BOTHER)
        return given;
    return speeds[(cbaud & 017) | (cbaud & LX_CBAUDEX ? 020 : 0)];
}

static void set_speeds(struct lx_termios2 *m)
{
    uint32_t in = (m->cflag >> LX_IBSHIFT) & LX_CBAUD;
    m->ospeed = speed_of(m->cflag & LX_CBAUD, m->ospeed);
    m->ispeed = in ? speed_of(in, m->ispeed) : m->ospeed;
}

/* ---- the forms ---- */

static struct lx_termios2 modes_of(struct terminal *t)
{
    MUTEX_GUARD(&t->lock);
    return t->ld.tio;
}

static int put(struct task *task, uaddr_t to, const struct lx_termios2 *m)
{
    struct lx_termios old = {.iflag = m->iflag,
                             .oflag = m->oflag,
                             .cflag = m->cflag,
                             .lflag = m->lflag,
                             .line = m->line};
    for (int i = 0; i < LX_NCCS; i++)
        old.cc[i] = m->cc[i];
    return copy_out(task, to, &old, sizeof(old));
}

static long get(struct terminal *t, struct task *task, uaddr_t to)
{
    struct lx_termios2 m = modes_of(t);
    return put(task, to, &m);
}

static long get2(struct terminal *t, struct task *task, uaddr_t to)
{
    struct lx_termios2 m = modes_of(t);
    return copy_out(task, to, &m, sizeof(m));
}

static long geta(struct terminal *t, struct task *task, uaddr_t to)
{
    struct lx_termios2 m = modes_of(t);
    struct lx_termio a = {.iflag = (uint16_t) m.iflag,
                          .oflag = (uint16_t) m.oflag,
                          .cflag = (uint16_t) m.cflag,
                          .lflag = (uint16_t) m.lflag,
                          .line = m.line};
    for (int i = 0; i < LX_NCC; i++)
        a.cc[i] = m.cc[i];
    return copy_out(task, to, &a, sizeof(a));
}

static int fetch(struct task *task, uaddr_t from, struct lx_termios2 *m)
{
    struct lx_termios old;
    int r = copy_in(task, &old, from, sizeof(old));
    if (r < 0)
        return r;
    m->iflag = old.iflag;
    m->oflag = old.oflag;
    m->cflag = old.cflag;
    m->lflag = old.lflag;
    m->line = old.line;
    for (int i = 0; i < LX_NCCS; i++)
        m->cc[i] = old.cc[i];
    return 0;
}

static int fetch2(struct task *task, uaddr_t from, struct lx_termios2 *m)
{
    return copy_in(task, m, from, sizeof(*m));
}

static uint32_t low(uint32_t old, uint16_t fresh)
{
    return (old & 0xffff0000u) | fresh;
}

static int fetcha(struct task *task, uaddr_t from, struct lx_termios2 *m)
{
    struct lx_termio a;
    int r = copy_in(task, &a, from, sizeof(a));
    if (r < 0)
        return r;
    m->iflag = low(m->iflag, a.iflag);
    m->oflag = low(m->oflag, a.oflag);
    m->cflag = low(m->cflag, a.cflag);
    m->lflag = low(m->lflag, a.lflag);
    for (int i = 0; i < LX_NCC; i++)
        m->cc[i] = a.cc[i];
    return 0;
}

/* ---- setting ---- */

/* What is locked stays as it was: ioctl_tty(2), "Locking the termios structure". */
static void keep_locked(struct lx_termios2 *m, const struct lx_termios2 *was,
                        const struct lx_termios2 *locked)
{
    m->iflag = (m->iflag & ~locked->iflag) | (was->iflag & locked->iflag);
    m->oflag = (m->oflag & ~locked->oflag) | (was->oflag & locked->oflag);
    m->cflag = (m->cflag & ~locked->cflag) | (was->cflag & locked->cflag);
    m->lflag = (m->lflag & ~locked->lflag) | (was->lflag & locked->lflag);
    for (int i = 0; i < LX_NCCS; i++)
        if (locked->cc[i])
            m->cc[i] = was->cc[i];
}

static long get_locked(struct terminal *t, struct task *task, uaddr_t to)
{
    mutex_lock(&t->lock);
    struct lx_termios2 m = t->locked_modes;
    mutex_unlock(&t->lock);
    return put(task, to, &m);
}

static long set_locked(struct terminal *t, struct task *task, uaddr_t from)
{
    struct lx_termios2 m = {0};
    if (!cred_capable(task->cred, LX_CAP_SYS_ADMIN))
        return -EPERM;
    int r = fetch(task, from, &m);
    if (r < 0)
        return r;
    MUTEX_GUARD(&t->lock);
    t->locked_modes = m;
    return 0;
}

static void apply(struct terminal *t, struct lx_termios2 *m, bool flush)
{
    set_speeds(m);
    /* A pty has nothing but eight bits without parity. */
    m->cflag = (m->cflag & ~(uint32_t) (LX_CSIZE | LX_PARENB)) | LX_CS8 | LX_CREAD;
    mutex_lock(&t->lock);
    keep_locked(m, &t->ld.tio, &t->locked_modes);
    if (flush) {
        ldisc_flush_input(&t->ld);
        byteq_keep(&t->in, 0);
    }
    m->line = t->ld.tio.line;
    ldisc_set_modes(&t->ld, m);
    uint64_t signals = terminal_settle(t);
    mutex_unlock(&t->lock);
    terminal_signal(t, signals);
}

static long set(struct terminal_file *tf, struct task *task, uaddr_t from, bool flush,
                int (*fetch_form)(struct task *task, uaddr_t from, struct lx_termios2 *m))
{
    struct terminal *t = tf->t;
    int r = tf->master ? 0 : ctty_check(task, &t->tty, LX_SIGTTOU);
    if (r < 0)
        return r;
    struct lx_termios2 m = modes_of(t);
    r = fetch_form(task, from, &m);
    if (r < 0)
        return r;
    apply(t, &m, flush);
    return 0;
}

/* Output needs no waiting for: what is written has reached the other side. */
long modes_ioctl(struct terminal_file *tf, struct task *task, uint32_t cmd, uint64_t arg)
{
    switch (cmd) {
    case LX_TCGETS:
        return get(tf->t, task, uaddr(arg));
    case LX_TCGETS2:
        return get2(tf->t, task, uaddr(arg));
    case LX_TCGETA:
        return geta(tf->t, task, uaddr(arg));
    case LX_TCSETS:
    case LX_TCSETSW:
    case LX_TCSETSF:
        return set(tf, task, uaddr(arg), cmd == LX_TCSETSF, fetch);
    case LX_TCSETS2:
    case LX_TCSETSW2:
    case LX_TCSETSF2:
        return set(tf, task, uaddr(arg), cmd == LX_TCSETSF2, fetch2);
    case LX_TCSETA:
    case LX_TCSETAW:
    case LX_TCSETAF:
        return set(tf, task, uaddr(arg), cmd == LX_TCSETAF, fetcha);
    case LX_TIOCGLCKTRMIOS:
        return get_locked(tf->t, task, uaddr(arg));
    case LX_TIOCSLCKTRMIOS:
        return set_locked(tf->t, task, uaddr(arg));
    }
    return -ENOIOCTLCMD;
}
