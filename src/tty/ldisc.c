/* SPDX-License-Identifier: Apache-2.0 */
/* The way in: editing, signals and flow control, and what a program reads of it. See ldisc.h. */
#include "tty/ldisc.h"

#include <errno.h>
#include <string.h>

#include "abi/linux/signal.h"

#define MASK     (LDISC_SIZE - 1)
#define DISABLED 0 /* a cc of this value is off; in buf, as the end of a line: end of file */
#define CTRL(c)  ((c) &0x1f)

static const struct lx_termios2 fresh = {
    .iflag = LX_ICRNL | LX_IXON,
    .oflag = LX_OPOST | LX_ONLCR,
    .cflag = LX_B38400 | LX_CS8 | LX_CREAD,
    .lflag =
        LX_ISIG | LX_ICANON | LX_ECHO | LX_ECHOE | LX_ECHOK | LX_ECHOCTL | LX_ECHOKE | LX_IEXTEN,
    .cc = {[LX_VINTR] = CTRL('C'),
           [LX_VQUIT] = CTRL('\\'),
           [LX_VERASE] = 0x7f,
           [LX_VKILL] = CTRL('U'),
           [LX_VEOF] = CTRL('D'),
           [LX_VMIN] = 1,
           [LX_VSTART] = CTRL('Q'),
           [LX_VSTOP] = CTRL('S'),
           [LX_VSUSP] = CTRL('Z'),
           [LX_VREPRINT] = CTRL('R'),
           [LX_VDISCARD] = CTRL('O'),
           [LX_VWERASE] = CTRL('W'),
           [LX_VLNEXT] = CTRL('V')},
    .ispeed = 38400,
    .ospeed = 38400,
};

static bool iflag(const struct ldisc *ld, uint32_t flag)
{
    return (ld->tio.iflag & flag) != 0;
}

static bool lflag(const struct ldisc *ld, uint32_t flag)
{
    return (ld->tio.lflag & flag) != 0;
}

static bool is_cc(const struct ldisc *ld, uint8_t c, int which)
{
    return c != DISABLED && ld->tio.cc[which] == c;
}

/* The same for those that only exist with IEXTEN. */
static bool is_extended(const struct ldisc *ld, uint8_t c, int which)
{
    return lflag(ld, LX_IEXTEN) && is_cc(ld, c, which);
}

static uint8_t at(const struct ldisc *ld, uint32_t pos)
{
    return ld->buf[pos & MASK];
}

static bool ends_line(const struct ldisc *ld, uint32_t pos)
{
    return ld->ends[(pos & MASK) / 32] & 1u << (pos % 32);
}

static void mark_end(struct ldisc *ld, uint32_t pos, bool on)
{
    uint32_t bit = 1u << (pos % 32), *word = &ld->ends[(pos & MASK) / 32];
    *word = on ? *word | bit : *word & ~bit;
}

void ldisc_init(struct ldisc *ld, uint32_t out_limit, uint32_t out_keep)
{
    *ld = (struct ldisc){.tio = fresh, .out_limit = out_limit, .out_keep = out_keep};
}

void ldisc_free(struct ldisc *ld)
{
    byteq_free(&ld->out);
    byteq_free(&ld->held);
}

static void forget_input(struct ldisc *ld)
{
    ld->head = ld->tail = ld->canon = 0;
    ld->lnext = ld->erasing = ld->pushed = false;
    memset(ld->ends, 0, sizeof(ld->ends));
}

void ldisc_reset(struct ldisc *ld)
{
    forget_input(ld);
    byteq_keep(&ld->held, 0);
    ld->tio = fresh;
    ld->column = ld->canon_column = 0;
    ld->stopped = ld->tco_stopped = false;
}

void ldisc_flush_input(struct ldisc *ld)
{
    forget_input(ld);
    ld->todo.packet |= LX_TIOCPKT_FLUSHREAD;
}

bool ldisc_is_canonical(const struct ldisc *ld)
{
    return lflag(ld, LX_ICANON) && !lflag(ld, LX_EXTPROC);
}

/* ---- the buffer ---- */

static void put(struct ldisc *ld, uint8_t c)
{
    if (ld->head - ld->tail == LDISC_SIZE)
        return;
    mark_end(ld, ld->head, false);
    ld->buf[ld->head++ & MASK] = c;
    if (!lflag(ld, LX_ICANON) || lflag(ld, LX_EXTPROC))
        ld->todo.readable = true;
}

/* With PARMRK a real 0377 is told from a mark by being doubled. */
static void put_marked(struct ldisc *ld, uint8_t c)
{
    if (c == 0377 && iflag(ld, LX_PARMRK))
        put(ld, c);
    put(ld, c);
}

static void finish_line(struct ldisc *ld, uint8_t end)
{
    uint32_t pos = ld->head;
    put(ld, end);
    if (ld->head == pos)
        return;
    mark_end(ld, pos, true);
    ld->canon = ld->head;
    ld->todo.readable = true;
}

/* How many bytes may come in now. A line that has no end yet cannot make anybody read, so it goes
 * on, and *ret_over says that its last byte gives way to the next one. */
static size_t room(const struct ldisc *ld, bool *ret_over)
{
    uint32_t space = LDISC_SIZE - (ld->head - ld->tail);
    *ret_over = false;
    if (iflag(ld, LX_PARMRK))
        space = (space + 2) / 3;
    if (space > 1)
        return space - 1;
    *ret_over = lflag(ld, LX_ICANON) && ld->canon == ld->tail;
    return *ret_over ? 1 : 0;
}

/* ---- erasing ---- */

static void finish_erasing(struct ldisc *ld)
{
    if (ld->erasing)
        ldisc_echo_raw(ld, '/');
    ld->erasing = false;
}

static void rub_out(struct ldisc *ld)
{
    ldisc_echo_raw(ld, '\b');
    ldisc_echo_raw(ld, ' ');
    ldisc_echo_raw(ld, '\b');
}

static uint32_t width(const struct ldisc *ld, uint8_t c, uint32_t column)
{
    if (c == '\t')
        return 8 - (column & 7);
    if (ldisc_is_control(c))
        return lflag(ld, LX_ECHOCTL) ? 2 : 0;
    return ldisc_continues(ld, c) ? 0 : 1;
}

/* How wide the tab that has just been taken from the end of the line was. */
static void rub_out_tab(struct ldisc *ld)
{
    uint32_t column = ld->canon_column;
    for (uint32_t pos = ld->canon; pos != ld->head; pos++)
        column += width(ld, at(ld, pos), column);
    for (uint32_t n = 8 - (column & 7); n > 0; n--)
        ldisc_echo_raw(ld, '\b');
}

/* The character c, whose bytes begin at head and end before `end`, has been erased. */
static void echo_erased(struct ldisc *ld, uint8_t c, uint32_t end, bool single)
{
    if (lflag(ld, LX_ECHOPRT)) {
        if (!ld->erasing)
            ldisc_echo_raw(ld, '\\');
        ld->erasing = true;
        ldisc_echo(ld, c);
        for (uint32_t pos = ld->head + 1; pos != end; pos++)
            ldisc_echo_raw(ld, at(ld, pos));
    } else if (single && !lflag(ld, LX_ECHOE)) {
        ldisc_echo(ld, ld->tio.cc[LX_VERASE]);
    } else if (c == '\t') {
        rub_out_tab(ld);
    } else {
        if (ldisc_is_control(c) && lflag(ld, LX_ECHOCTL))
            rub_out(ld);
        if (!ldisc_is_control(c) || lflag(ld, LX_ECHOCTL))
            rub_out(ld);
    }
}

static bool in_word(uint8_t c)
{
    return (c >= '0' && c <= '9') || ldisc_is_upper(c) || ldisc_is_lower(c) || c == '_';
}

/* VKILL without the means to show it: the character itself, and a new line. */
static bool kill_unseen(struct ldisc *ld, uint8_t c)
{
    const uint32_t shown = LX_ECHOK | LX_ECHOKE | LX_ECHOE;
    if (lflag(ld, LX_ECHO) && (ld->tio.lflag & shown) == shown)
        return false;
    ld->head = ld->canon;
    if (!lflag(ld, LX_ECHO))
        return true;
    finish_erasing(ld);
    ldisc_echo(ld, c);
    if (lflag(ld, LX_ECHOK))
        ldisc_echo_raw(ld, '\n');
    return true;
}

static void erase(struct ldisc *ld, uint8_t c)
{
    bool single = is_cc(ld, c, LX_VERASE), word = !single && !is_cc(ld, c, LX_VKILL);
    bool seen_word = false;

    if (ld->head == ld->canon || (!single && !word && kill_unseen(ld, c)))
        return;
    while (ld->head != ld->canon) {
        uint32_t end = ld->head, pos = end;
        uint8_t first;
        do
            first = at(ld, --pos);
        while (ldisc_continues(ld, first) && pos != ld->canon);
        if (ldisc_continues(ld, first))
            break; /* half a character stays */
        if (word && in_word(first))
            seen_word = true;
        else if (word && seen_word)
            break;
        ld->head = pos;
        if (lflag(ld, LX_ECHO))
            echo_erased(ld, first, end, single);
        if (single)
            break;
    }
    if (ld->head == ld->canon && lflag(ld, LX_ECHO))
        finish_erasing(ld);
}

/* ---- one character ---- */

static void echo_input(struct ldisc *ld, uint8_t c)
{
    if (ld->canon == ld->head)
        ld->canon_column = ld->column;
    ldisc_echo(ld, c);
}

static void ordinary(struct ldisc *ld, uint8_t c)
{
    if (lflag(ld, LX_ECHO)) {
        finish_erasing(ld);
        echo_input(ld, c);
    }
    put_marked(ld, c);
}

static void signal_char(struct ldisc *ld, uint8_t c, int signo)
{
    ld->todo.signals |= 1ull << (signo - 1);
    if (!lflag(ld, LX_NOFLSH)) {
        ldisc_flush_output(ld);
        ldisc_flush_input(ld);
    }
    if (iflag(ld, LX_IXON))
        ldisc_start(ld);
    if (lflag(ld, LX_ECHO))
        ldisc_echo(ld, c);
}

static void reprint(struct ldisc *ld, uint8_t c)
{
    finish_erasing(ld);
    ldisc_echo(ld, c);
    ldisc_echo_raw(ld, '\n');
    for (uint32_t pos = ld->canon; pos != ld->head; pos++)
        ldisc_echo(ld, at(ld, pos));
}

static void next_literally(struct ldisc *ld)
{
    ld->lnext = true;
    if (!lflag(ld, LX_ECHO))
        return;
    finish_erasing(ld);
    if (lflag(ld, LX_ECHOCTL)) {
        ldisc_echo_raw(ld, '^');
        ldisc_echo_raw(ld, '\b');
    }
}

/* Characters that edit or end a line; false: it is none. */
static bool canonical(struct ldisc *ld, uint8_t c)
{
    if (is_cc(ld, c, LX_VERASE) || is_cc(ld, c, LX_VKILL) || is_extended(ld, c, LX_VWERASE)) {
        erase(ld, c);
    } else if (is_extended(ld, c, LX_VLNEXT)) {
        next_literally(ld);
    } else if (is_extended(ld, c, LX_VREPRINT) && lflag(ld, LX_ECHO)) {
        reprint(ld, c);
    } else if (c == '\n') {
        if (lflag(ld, LX_ECHO | LX_ECHONL))
            ldisc_echo_raw(ld, '\n');
        finish_line(ld, c);
    } else if (is_cc(ld, c, LX_VEOF)) {
        finish_line(ld, DISABLED);
    } else if (is_cc(ld, c, LX_VEOL) || is_extended(ld, c, LX_VEOL2)) {
        if (lflag(ld, LX_ECHO))
            echo_input(ld, c);
        if (c == 0377 && iflag(ld, LX_PARMRK))
            put(ld, c);
        finish_line(ld, c);
    } else {
        return false;
    }
    return true;
}

/* Flow control and signals; true: the character is used up. */
static bool controls(struct ldisc *ld, uint8_t c)
{
    static const struct {
        int which, signo;
    } keys[] = {{LX_VINTR, LX_SIGINT}, {LX_VQUIT, LX_SIGQUIT}, {LX_VSUSP, LX_SIGTSTP}};

    if (iflag(ld, LX_IXON) && is_cc(ld, c, LX_VSTART)) {
        ldisc_start(ld);
        return true;
    }
    if (iflag(ld, LX_IXON) && is_cc(ld, c, LX_VSTOP)) {
        ldisc_stop(ld);
        return true;
    }
    for (size_t i = 0; lflag(ld, LX_ISIG) && i < ARRAY_LEN(keys); i++) {
        if (is_cc(ld, c, keys[i].which)) {
            signal_char(ld, c, keys[i].signo);
            return true;
        }
    }
    return false;
}

static uint8_t narrow(const struct ldisc *ld, uint8_t c)
{
    if (iflag(ld, LX_ISTRIP))
        c &= 0x7f;
    if (iflag(ld, LX_IUCLC) && lflag(ld, LX_IEXTEN) && ldisc_is_upper(c))
        c = (uint8_t) (c + LDISC_CASE);
    return c;
}

static void receive(struct ldisc *ld, uint8_t c)
{
    c = narrow(ld, c);
    if (lflag(ld, LX_EXTPROC)) {
        put(ld, c);
        return;
    }
    if (ld->lnext) {
        ld->lnext = false;
        ordinary(ld, c);
        return;
    }
    if (controls(ld, c))
        return;
    if (ld->stopped && iflag(ld, LX_IXON) && iflag(ld, LX_IXANY))
        ldisc_start(ld);
    if (c == '\r' && iflag(ld, LX_IGNCR))
        return;
    if (c == '\r' && iflag(ld, LX_ICRNL))
        c = '\n';
    else if (c == '\n' && iflag(ld, LX_INLCR))
        c = '\r';
    if (lflag(ld, LX_ICANON) && canonical(ld, c))
        return;
    if (c == '\n' && lflag(ld, LX_ECHO)) {
        finish_erasing(ld);
        ldisc_echo_raw(ld, c);
        put_marked(ld, c);
        return;
    }
    ordinary(ld, c);
}

size_t ldisc_receive(struct ldisc *ld, const uint8_t *src, size_t n)
{
    size_t i;
    bool over;

    for (i = 0; i < n && room(ld, &over); i++) {
        if (over && ld->head - ld->tail == LDISC_SIZE)
            ld->head--;
        receive(ld, src[i]);
    }
    return i;
}

/* ---- reading ---- */

/* [head >= tail] Copies n bytes from the front; they stay there. */
static void copy(const struct ldisc *ld, uint8_t *dst, size_t n)
{
    size_t from = ld->tail & MASK, first = MIN(n, (size_t) (LDISC_SIZE - from));
    memcpy(dst, ld->buf + from, first);
    memcpy(dst + first, ld->buf, n - first);
}

static ssize_t read_line(struct ldisc *ld, uint8_t *dst, size_t cap)
{
    uint32_t n = 0, have = ld->canon - ld->tail;
    bool found = false;

    if (!have)
        return -EAGAIN;
    while (n < have && !found)
        found = ends_line(ld, ld->tail + n++);
    bool eof = found && !ld->pushed && at(ld, ld->tail + n - 1) == DISABLED;
    size_t data = eof ? n - 1 : n;
    if (data > cap) {
        copy(ld, dst, cap);
        ld->tail += (uint32_t) cap;
        return (ssize_t) cap;
    }
    copy(ld, dst, data);
    if (found) {
        mark_end(ld, ld->tail + n - 1, false);
        ld->pushed = false;
    }
    ld->tail += n;
    return (ssize_t) data;
}

ssize_t ldisc_read(struct ldisc *ld, uint8_t *dst, size_t cap, size_t want, enum ldisc_patience how)
{
    if (ldisc_is_canonical(ld))
        return read_line(ld, dst, cap);
    uint32_t have = ld->head - ld->tail;
    uint8_t vmin = ld->tio.cc[LX_VMIN];
    size_t need = MIN(want, (size_t) MAX(vmin, (uint8_t) 1));
    if (!have) {
        if (vmin == 0 && (ld->tio.cc[LX_VTIME] == 0 || how == LDISC_LATE))
            return 0;
        return -EAGAIN;
    }
    if (have < need && how == LDISC_WAIT)
        return -EAGAIN;
    size_t n = MIN((size_t) have, cap);
    copy(ld, dst, n);
    ld->tail += (uint32_t) n;
    if ((int32_t) (ld->canon - ld->tail) < 0)
        ld->canon = ld->tail;
    return (ssize_t) n;
}

bool ldisc_has_input(const struct ldisc *ld)
{
    return ldisc_is_canonical(ld) ? ld->canon != ld->tail : ld->head != ld->tail;
}

bool ldisc_readable(const struct ldisc *ld)
{
    uint8_t vmin = ld->tio.cc[LX_VMIN];
    if (ldisc_is_canonical(ld))
        return ld->canon != ld->tail;
    return ld->head - ld->tail >= (ld->tio.cc[LX_VTIME] == 0 && vmin ? vmin : 1u);
}

uint32_t ldisc_pending(const struct ldisc *ld)
{
    uint32_t n = 0;
    if (!ldisc_is_canonical(ld))
        return ld->head - ld->tail;
    for (uint32_t pos = ld->tail; pos != ld->canon; pos++)
        n += !(ends_line(ld, pos) && at(ld, pos) == DISABLED);
    return n;
}

/* ---- modes ---- */

/* Between canonical and not: what is there becomes readable at once. */
static void switch_canonical(struct ldisc *ld)
{
    memset(ld->ends, 0, sizeof(ld->ends));
    ld->lnext = ld->erasing = ld->pushed = false;
    ld->canon = ld->tail;
    if (lflag(ld, LX_ICANON) && ld->head != ld->tail) {
        mark_end(ld, ld->head - 1, true);
        ld->canon = ld->head;
        ld->pushed = true;
    }
}

/* Whether the other side may do ^S and ^Q by itself. */
static bool plain_flow(const struct lx_termios2 *tio)
{
    return (tio->iflag & LX_IXON) && tio->cc[LX_VSTOP] == CTRL('S') &&
           tio->cc[LX_VSTART] == CTRL('Q');
}

void ldisc_set_modes(struct ldisc *ld, const struct lx_termios2 *tio)
{
    struct lx_termios2 old = ld->tio;

    ld->tio = *tio;
    if (plain_flow(&old) != plain_flow(tio)) {
        uint32_t now = plain_flow(tio) ? LX_TIOCPKT_DOSTOP : LX_TIOCPKT_NOSTOP;
        ld->todo.packet =
            (ld->todo.packet & ~(uint32_t) (LX_TIOCPKT_DOSTOP | LX_TIOCPKT_NOSTOP)) | now;
    }
    if ((old.lflag | tio->lflag) & LX_EXTPROC)
        ld->todo.packet |= LX_TIOCPKT_IOCTL;
    if ((old.lflag ^ tio->lflag) & (LX_ICANON | LX_EXTPROC))
        switch_canonical(ld);
    if (!iflag(ld, LX_IXON) && (old.iflag & LX_IXON))
        ldisc_start(ld);
    ld->todo.readable = ld->todo.writable = true;
}
