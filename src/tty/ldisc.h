/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The line discipline N_TTY: what happens to bytes between a program and the other side of its
 * terminal. termios(3), "Canonical and noncanonical mode". Plain state and functions: no lock, no
 * sleep, no signal. The owner's lock is held throughout, and what it is to do afterwards is noted
 * in `todo`.
 *
 *     other side --ldisc_receive()--> buf --ldisc_read()--> program
 *                        | echo
 *                        v
 *     other side <------ out <------------ldisc_write()---- program
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "abi/linux/termios.h"
#include "tty/byteq.h"

#define LDISC_SIZE 4096u /* of the input buffer: the longest line, its end included */
#define LDISC_ECHO 4096u /* how far echoes may exceed the limit of `out` */

struct ldisc_todo {
    uint64_t signals; /* bit N-1: signal N to the foreground group */
    uint32_t packet;  /* LX_TIOCPKT_* that happened */
    bool readable;    /* there may be more to read */
    bool writable;    /* there may be room again */
};

struct ldisc {
    struct lx_termios2 tio;
    struct byteq out;   /* to the other side; the owner takes from it */
    uint32_t out_limit; /* immutable: of what programs write */
    uint32_t out_keep;  /* immutable: what a flush leaves, as if the other side had it already */
    struct byteq held;  /* echoes, while output is stopped */
    struct ldisc_todo todo;

    /* Free-running positions, head - tail <= LDISC_SIZE; canon: after the last finished line. */
    uint32_t head, tail, canon;
    uint32_t column, canon_column; /* of the cursor, and where the line being edited began */
    bool stopped;                  /* output, by ^S or TCOOFF */
    bool tco_stopped;              /* by TCOOFF: only TCOON goes on */
    bool lnext;                    /* the next character is taken as it is */
    bool erasing;                  /* ECHOPRT: between \ and / */
    bool pushed; /* the last "line" was finished by a change of mode, not by its end */
    uint8_t buf[LDISC_SIZE];
    uint32_t ends[LDISC_SIZE / 32]; /* which bytes of buf end a line */
};

void ldisc_init(struct ldisc *ld, uint32_t out_limit, uint32_t out_keep);
void ldisc_free(struct ldisc *ld);
/* As it was made: buffers empty, modes those of a new terminal. `todo` and `out` stay. */
void ldisc_reset(struct ldisc *ld);

/* Bytes from the other side; how many were taken: fewer than n when the program must read first. */
size_t ldisc_receive(struct ldisc *ld, const uint8_t *src, size_t n);

enum ldisc_patience {
    LDISC_WAIT, /* -EAGAIN unless VMIN is met */
    LDISC_SOME, /* O_NONBLOCK: what there is; -EAGAIN for nothing */
    LDISC_LATE, /* VTIME has passed or a signal came: what there is, or 0 */
};
/*
 * One read of the program: up to cap bytes (not 0) of the `want` it has asked for. 0: end of file,
 * or VMIN 0. -EAGAIN.
 */
ssize_t ldisc_read(struct ldisc *ld, uint8_t *dst, size_t cap, size_t want, enum ldisc_patience how)
    must_check;
/* What poll(2) calls readable. */
bool ldisc_readable(const struct ldisc *ld);
/* Is anything there at all? */
bool ldisc_has_input(const struct ldisc *ld);
/* FIONREAD */
uint32_t ldisc_pending(const struct ldisc *ld);
/* Canonical reading: a line at a time. */
bool ldisc_is_canonical(const struct ldisc *ld);

/* What the program writes; how many bytes were taken. 0: no room, or output is stopped. */
size_t ldisc_write(struct ldisc *ld, const uint8_t *src, size_t n);
bool ldisc_writable(const struct ldisc *ld);

void ldisc_set_modes(struct ldisc *ld, const struct lx_termios2 *tio);
void ldisc_flush_input(struct ldisc *ld);
void ldisc_flush_output(struct ldisc *ld);
void ldisc_stop(struct ldisc *ld);
void ldisc_start(struct ldisc *ld);
/* One byte past all queues of the program: TCIOFF, TCION. */
void ldisc_send(struct ldisc *ld, uint8_t c);

/* ---- between the two halves, ldisc.c and ldisc_output.c ---- */
void ldisc_echo(struct ldisc *ld, uint8_t c); /* control characters as ^X where ECHOCTL says so */
void ldisc_echo_raw(struct ldisc *ld, uint8_t c); /* as it is, but for OPOST */
void ldisc_echo_resume(struct ldisc *ld);

static inline bool ldisc_is_control(uint8_t c)
{
    return c < 0x20 || c == 0x7f;
}

/* Letters are those of Latin 1, as in Linux. */
#define LDISC_CASE ('a' - 'A')

static inline bool ldisc_is_upper(uint8_t c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 0xc0 && c <= 0xde && c != 0xd7);
}

static inline bool ldisc_is_lower(uint8_t c)
{
    return (c >= 'a' && c <= 'z') || (c >= 0xdf && c != 0xf7);
}

/* A byte that continues a UTF-8 character. */
static inline bool ldisc_continues(const struct ldisc *ld, uint8_t c)
{
    return (ld->tio.iflag & LX_IUTF8) && (c & 0xc0) == 0x80;
}
