/* SPDX-License-Identifier: Apache-2.0 */
/* Terminals: the table of them, and what holds both sides together. */
#include "tty/terminal.h"

#include <errno.h>
#include <stdlib.h>

#include "abi/linux/poll.h"
#include "abi/linux/signal.h"
#include "abi/linux/stat.h"
#include "kernel/signal/signal.h"
#include "kernel/task/cred.h"
#include "kernel/time/ktimer.h"
#include "kernel/vfs/special.h"

/* What stands in the way of later ^C is not thrown away by it: the master's own buffer of Linux. */
#define OUT_KEPT 4095u

int terminals_new(struct kernel *k, struct terminals **ret)
{
    struct terminals *all = calloc(1, sizeof(*all));
    if (!all)
        return -ENOMEM;
    all->k = k;
    all->options = (struct devpts_options){.mode = 0600, .uid = UINT32_MAX, .gid = UINT32_MAX};
    mutex_init(&all->lock, RANK_LEAF);
    *ret = all;
    return 0;
}

struct terminals *terminals_of(struct kernel *k)
{
    return k->specials->terminals;
}

/* ---- the table ---- */

/* [all->lock] */
static int grow(struct terminals *all)
{
    uint32_t n = all->n_slots ? all->n_slots * 2 : 16;
    if (all->n_slots >= TERMINALS_MAX)
        return -ENOSPC;
    struct terminal **slots = calloc(n, sizeof(struct terminal *));
    if (!slots)
        return -ENOMEM;
    for (uint32_t i = 0; i < all->n_slots; i++)
        slots[i] = all->slots[i];
    free(all->slots);
    all->slots = slots;
    all->n_slots = n;
    return 0;
}

static int enter(struct terminals *all, struct terminal *t)
{
    uint32_t i = 0;
    MUTEX_GUARD(&all->lock);
    while (i < all->n_slots && all->slots[i])
        i++;
    if (i == all->n_slots) {
        int r = grow(all);
        if (r < 0)
            return r;
    }
    t->index = i;
    t->tty.dev = TTY_DEV(PTS_MAJOR, i & 0xff) | (uint64_t) (i & ~0xffu) << 12;
    all->slots[i] = t;
    return 0;
}

struct terminal *terminal_find(struct terminals *all, uint32_t index)
{
    MUTEX_GUARD(&all->lock);
    struct terminal *t = index < all->n_slots ? all->slots[index] : NULL;
    return t && ref_tryget(&t->tty.ref) ? t : NULL;
}

uint32_t terminal_next(struct terminals *all, uint32_t from)
{
    MUTEX_GUARD(&all->lock);
    for (uint32_t i = from; i < all->n_slots; i++)
        if (all->slots[i] && !atomic_load(&all->slots[i]->master_gone))
            return i;
    return UINT32_MAX;
}

/* ---- life ---- */

static void terminal_release(struct tty *tty)
{
    struct terminal *t = container_of(tty, struct terminal, tty);
    mutex_lock(&t->all->lock);
    t->all->slots[t->index] = NULL;
    mutex_unlock(&t->all->lock);
    if (t->console)
        console_free(t->console);
    ldisc_free(&t->ld);
    byteq_free(&t->in);
    free(t);
}

static void hang_up_tty(struct tty *tty)
{
    terminal_hang_up(container_of(tty, struct terminal, tty));
}

static const struct tty_ops terminal_tty_ops = {
    .hang_up = hang_up_tty,
    .release = terminal_release,
};

int terminal_new(struct terminals *all, const struct cred *owner, struct console *c,
                 struct terminal **ret)
{
    struct terminal *t = calloc(1, sizeof(*t));
    if (!t)
        return -ENOMEM;
    tty_init(&t->tty, &terminal_tty_ops);
    t->all = all;
    t->console = c;
    t->locked = !c; /* until the master's holder says so; its number can be guessed */
    waitq_init(&t->slave_wq);
    waitq_init(&t->master_wq);
    mutex_init(&t->lock, RANK_TTY);
    ldisc_init(&t->ld, c ? CONSOLE_BUFFER : TERMINAL_OUT, c ? 0 : OUT_KEPT);
    t->mode = LX_S_IFCHR | (all->options.mode & 0777);
    t->uid = all->options.uid == UINT32_MAX ? owner->fsuid : all->options.uid;
    t->gid = all->options.gid == UINT32_MAX ? owner->fsgid : all->options.gid;
    (void) clock_gettime(CLOCK_REALTIME_COARSE, &t->ctime);
    t->atime = t->mtime = t->ctime;
    if (c)
        console_attach(c, t);
    int r = enter(all, t);
    if (r < 0) {
        free(t);
        return r;
    }
    *ret = t;
    return 0;
}

void terminal_put(struct terminal *t)
{
    tty_put(t->all->k, &t->tty);
}

/* ---- input ---- */

uint32_t terminal_in_room(const struct terminal *t)
{
    return byteq_room(&t->in, t->console ? CONSOLE_BUFFER : TERMINAL_IN);
}

/* [lock] From `in` to the line discipline, as far as it has room. */
static void move_on(struct terminal *t)
{
    const uint8_t *p;
    size_t n, took = 0, all = 0;
    while ((p = byteq_peek(&t->in, &n)) != NULL) {
        took = ldisc_receive(&t->ld, p, n);
        byteq_drop(&t->in, took);
        all += took;
        if (took < n)
            break;
    }
    if (!all)
        return;
    waitq_wake(&t->master_wq, LX_POLL_WRITABLE);
    if (t->console)
        console_room(t->console);
}

size_t terminal_input(struct terminal *t, const uint8_t *src, size_t n)
{
    uint32_t limit = t->console ? CONSOLE_BUFFER : TERMINAL_IN;
    size_t done = byteq_used(&t->in) ? 0 : ldisc_receive(&t->ld, src, n);
    done += byteq_push(&t->in, src + done, n - done, limit);
    t->last_input = mono_now_ns();
    return done;
}

static uint32_t without(uint32_t set, uint32_t seen, uint32_t if_seen, uint32_t clear)
{
    return seen & if_seen ? set & ~clear : set;
}

/* [lock] What happened, for a master in packet mode. */
static void note_packet(struct terminal *t, uint32_t what)
{
    uint32_t s = t->packet_status;
    if (!what || !t->packet)
        return;
    s = without(s, what, LX_TIOCPKT_STOP, LX_TIOCPKT_START);
    s = without(s, what, LX_TIOCPKT_START, LX_TIOCPKT_STOP);
    s = without(s, what, LX_TIOCPKT_DOSTOP, LX_TIOCPKT_NOSTOP);
    s = without(s, what, LX_TIOCPKT_NOSTOP, LX_TIOCPKT_DOSTOP);
    t->packet_status = s | what;
    waitq_wake(&t->master_wq, LX_POLLPRI | LX_POLL_READABLE);
}

uint64_t terminal_settle(struct terminal *t)
{
    move_on(t);
    struct ldisc_todo todo = t->ld.todo;
    t->ld.todo = (struct ldisc_todo){0};
    note_packet(t, todo.packet);
    if (t->console)
        console_flush(t->console);
    else if (byteq_used(&t->ld.out))
        waitq_wake(&t->master_wq, LX_POLL_READABLE);
    uint32_t events =
        (todo.readable ? LX_POLL_READABLE : 0) | (todo.writable ? LX_POLL_WRITABLE : 0);
    if (events)
        waitq_wake(&t->slave_wq, events);
    return todo.signals;
}

void terminal_signal(struct terminal *t, uint64_t signals)
{
    for (int signo = 1; signals; signo++, signals >>= 1)
        if (signals & 1)
            tty_signal(t->all->k, &t->tty, signo);
}

/* ---- ends ---- */

void terminal_hang_up(struct terminal *t)
{
    mutex_lock(&t->lock);
    t->hangups++;
    ldisc_reset(&t->ld);
    byteq_keep(&t->in, 0);
    t->packet_status = 0;
    t->ld.todo = (struct ldisc_todo){0};
    mutex_unlock(&t->lock);
    tty_hang_up(t->all->k, &t->tty);
    waitq_wake(&t->slave_wq, LX_POLL_READABLE | LX_POLL_WRITABLE | LX_POLLERR | LX_POLLHUP);
}

void terminal_lose_master(struct terminal *t)
{
    atomic_store(&t->master_gone, true);
    terminal_hang_up(t);
}

void terminal_resize(struct terminal *t, const struct lx_winsize *size)
{
    mutex_lock(&t->lock);
    struct lx_winsize *old = &t->size;
    bool same = old->row == size->row && old->col == size->col && old->xpixel == size->xpixel &&
                old->ypixel == size->ypixel;
    t->size = *size;
    mutex_unlock(&t->lock);
    if (!same)
        tty_signal(t->all->k, &t->tty, LX_SIGWINCH);
}
