/* SPDX-License-Identifier: Apache-2.0 */
/* The way out: output processing (OPOST) and echoes. */
#include "tty/ldisc.h"

#define CONTROL_BIT 0x40
#define TAB_WIDTH   8u

static bool has(uint32_t flags, uint32_t flag)
{
    return (flags & flag) != 0;
}

static void note_column(struct ldisc *ld, uint8_t c)
{
    if (!ldisc_is_control(c) && !ldisc_continues(ld, c))
        ld->column++;
    else if (c == '\b' && ld->column)
        ld->column--;
}

/*
 * What OPOST makes of c: up to 8 bytes in dst, how many; `ld`'s columns as they are after it. The
 * caller puts them back if the bytes do not fit.
 */
static size_t process(struct ldisc *ld, uint8_t c, uint8_t dst[static TAB_WIDTH])
{
    uint32_t o = ld->tio.oflag;

    switch (c) {
    case '\n':
        if (has(o, LX_ONLRET | LX_ONLCR))
            ld->column = 0;
        ld->canon_column = ld->column;
        if (has(o, LX_ONLCR)) {
            dst[0] = '\r';
            dst[1] = '\n';
            return 2;
        }
        break;
    case '\r':
        if (has(o, LX_ONOCR) && ld->column == 0)
            return 0;
        if (has(o, LX_OCRNL)) {
            c = '\n';
            if (!has(o, LX_ONLRET))
                break;
        }
        ld->canon_column = ld->column = 0;
        break;
    case '\t': {
        uint32_t spaces = TAB_WIDTH - (ld->column & (TAB_WIDTH - 1));

        ld->column += spaces;
        if ((o & LX_TABDLY) != LX_XTABS)
            break;
        for (uint32_t i = 0; i < spaces; i++)
            dst[i] = ' ';
        return spaces;
    }
    default:
        if (has(o, LX_OLCUC) && ldisc_is_lower(c))
            c = (uint8_t) (c - LDISC_CASE);
        note_column(ld, c);
    }
    dst[0] = c;
    return 1;
}

/* All of what c becomes, or nothing. */
static bool put_processed(struct ldisc *ld, uint8_t c, uint32_t limit)
{
    uint32_t column = ld->column, canon_column = ld->canon_column;
    uint8_t bytes[TAB_WIDTH];
    size_t n = process(ld, c, bytes);

    if (byteq_room(&ld->out, limit) >= n && byteq_push(&ld->out, bytes, n, limit) == n)
        return true;
    ld->column = column;
    ld->canon_column = canon_column;
    return false;
}

bool ldisc_writable(const struct ldisc *ld)
{
    return !ld->stopped && byteq_room(&ld->out, ld->out_limit) > 0;
}

size_t ldisc_write(struct ldisc *ld, const uint8_t *src, size_t n)
{
    size_t i = 0;

    if (ld->stopped)
        return 0;
    if (!has(ld->tio.oflag, LX_OPOST))
        return byteq_push(&ld->out, src, n, ld->out_limit);
    while (i < n && put_processed(ld, src[i], ld->out_limit))
        i++;
    return i;
}

/* ---- echoes: what does not fit is lost, as there is nobody who could wait ---- */

void ldisc_echo_raw(struct ldisc *ld, uint8_t c)
{
    uint32_t limit = ld->out_limit + LDISC_ECHO;

    if (ld->stopped)
        (void) byteq_push(&ld->held, &c, 1, LDISC_ECHO);
    else if (has(ld->tio.oflag, LX_OPOST))
        (void) put_processed(ld, c, limit);
    else
        (void) byteq_push(&ld->out, &c, 1, limit);
}

void ldisc_echo(struct ldisc *ld, uint8_t c)
{
    if (has(ld->tio.lflag, LX_ECHOCTL) && ldisc_is_control(c) && c != '\t') {
        ldisc_echo_raw(ld, '^');
        c ^= CONTROL_BIT;
    }
    ldisc_echo_raw(ld, c);
}

void ldisc_echo_resume(struct ldisc *ld)
{
    uint8_t c;

    while (!ld->stopped && byteq_pop(&ld->held, &c, 1))
        ldisc_echo_raw(ld, c);
}

/* ---- flow ---- */

void ldisc_stop(struct ldisc *ld)
{
    if (ld->stopped)
        return;
    ld->stopped = true;
    ld->todo.packet = (ld->todo.packet & ~(uint32_t) LX_TIOCPKT_START) | LX_TIOCPKT_STOP;
}

void ldisc_start(struct ldisc *ld)
{
    if (!ld->stopped || ld->tco_stopped)
        return;
    ld->stopped = false;
    ld->todo.packet = (ld->todo.packet & ~(uint32_t) LX_TIOCPKT_STOP) | LX_TIOCPKT_START;
    ld->todo.writable = true;
    ldisc_echo_resume(ld);
}

void ldisc_send(struct ldisc *ld, uint8_t c)
{
    (void) byteq_push(&ld->out, &c, 1, ld->out_limit + LDISC_ECHO);
}

void ldisc_flush_output(struct ldisc *ld)
{
    byteq_keep(&ld->out, ld->out_keep);
    byteq_keep(&ld->held, 0);
    ld->todo.packet |= LX_TIOCPKT_FLUSHWRITE;
    ld->todo.writable = true;
}
