/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Terminals on the host's side: a fresh pty whose slave becomes descriptors 0, 1 and 2 of a process
 * inside (the sandbox's own line discipline sits on it), and whose master goes to an engine over
 * its console socket, or is joined to our own terminal by a relay.
 */
#pragma once

#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <termios.h>

#include "base/util.h"
#include "rpc/fail.h"

struct host_pty {
    int master, slave; /* CLOEXEC; -1: none */
};

#define HOST_PTY_NONE             \
    {                             \
        .master = -1, .slave = -1 \
    }

/* rows or cols 0: as the kernel makes it. */
int host_pty_open(uint32_t rows, uint32_t cols, struct host_pty *ret, struct fail *f) must_check;
void host_pty_close(struct host_pty *p);
/* Sends the master over a stream socket that listens at `path`, the slave's name as data. */
int host_pty_send(const struct host_pty *p, const char *path, struct fail *f) must_check;

/* Whether terminal, detach and console socket go together: the errors that engines know. */
int terminal_check(bool terminal, bool detached, const char *console_socket, struct fail *f)
    must_check;
/* Whether descriptors 0, 1 and 2 are terminals, and 0 is ours to read from now. */
bool terminal_is_ours(void);

/*
 * Joins descriptors 0 and 1 of ours with a pty's master. If 0 is a terminal it is raw until
 * relay_end(). The relay never waits by itself: its owner's poll(2) does. SIGPIPE is ignored
 * meanwhile, and ends us with the terminal's modes given back where it would have.
 */
struct relay {
    int master; /* -1: no relay */
    bool raw, input_over, output_over;
    sighandler_t sigpipe;        /* what the caller had */
    struct termios saved, modes; /* of descriptor 0 */
    size_t n_in, n_out;          /* bytes in in[], out[] */
    size_t n_taken;              /* bytes of output so far */
    char in[1024], out[4096];
};

#define RELAY_POLLED 3

/* Consumes master, also on error. */
int relay_begin(struct relay *r, int master, struct fail *f) must_check;
static inline bool relay_is_on(const struct relay *r)
{
    return r->master >= 0;
}
/* Fills in what to poll for; entries with fd -1 are to be ignored. */
void relay_prepare(const struct relay *r, struct pollfd p[RELAY_POLLED]);
/* Moves what poll(2) has found. */
void relay_move(struct relay *r, const struct pollfd p[RELAY_POLLED]);
/* The size of our terminal becomes the other's. */
void relay_resize(const struct relay *r);
/* After we were stopped others may have set our terminal's modes. */
void relay_continue(const struct relay *r);
/* The process has ended: shows what it has still written, gives the terminal its modes back,
 * closes.
 */
void relay_end(struct relay *r);
