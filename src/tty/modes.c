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

static long get(struct terminal *t, struct task *task, uaddr_t to)
{
    struct lx_termios2 m = modes_of(t);
    struct lx_termios old = {
        .iflag = m.iflag, .oflag = m.oflag, .cflag = m.cflag, .lflag = m.lflag, .line = m.line};
    for (int i = 0; i < LX_NCCS; i++)
        old.cc[i] = m.cc[i];
    return copy_out(task, to, &old, sizeof(old));
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

static void apply(struct terminal *t, struct lx_termios2 *m, bool flush)
{
    set_speeds(m);
    /* A pty has nothing but eight bits without parity. */
    m->cflag = (m->cflag & ~(uint32_t) (LX_CSIZE | LX_PARENB)) | LX_CS8 | LX_CREAD;
    mutex_lock(&t->lock);
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
    }
    return -ENOIOCTLCMD;
}
