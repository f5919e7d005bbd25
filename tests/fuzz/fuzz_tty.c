/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The line discipline between a hostile program and a hostile other side. The input is a list of
 * steps: a byte that says what, a length where one is needed, bytes. After each the promises of
 * ldisc.h must hold.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "tty/ldisc.h"

#define LIMIT 8192u
#define KEPT  100u

static void check(int ok)
{
    if (!ok)
        abort();
}

struct input {
    const uint8_t *data;
    size_t left;
};

static size_t take(struct input *in, void *dst, size_t n)
{
    n = MIN(n, in->left);
    memcpy(dst, in->data, n);
    in->data += n;
    in->left -= n;
    return n;
}

static uint8_t take_byte(struct input *in)
{
    uint8_t b = 0;

    (void) take(in, &b, 1);
    return b;
}

static void promises(const struct ldisc *ld)
{
    check(ld->head - ld->tail <= LDISC_SIZE);
    check(ld->head - ld->canon <= ld->head - ld->tail);
    check(byteq_used(&ld->out) <= LIMIT + LDISC_ECHO);
    check(byteq_used(&ld->held) <= LDISC_ECHO);
    check(ldisc_pending(ld) <= LDISC_SIZE);
}

static void receive(struct ldisc *ld, struct input *in)
{
    uint8_t buf[256];
    size_t n = take(in, buf, take_byte(in));
    size_t many = (size_t) (take_byte(in) % 64) + 1;

    for (size_t i = 0; i < many; i++)
        check(ldisc_receive(ld, buf, n) <= n);
}

static void program_writes(struct ldisc *ld, struct input *in)
{
    uint8_t buf[256];
    size_t n = take(in, buf, take_byte(in));
    uint32_t before = byteq_used(&ld->out);

    check(ldisc_write(ld, buf, n) <= n);
    check(byteq_used(&ld->out) <= MAX(before, LIMIT));
}

static void program_reads(struct ldisc *ld, struct input *in)
{
    uint8_t buf[LDISC_SIZE + 1];
    size_t cap = MIN((size_t) take_byte(in) * 32 + 1, sizeof(buf) - 1);
    enum ldisc_patience how = (enum ldisc_patience)(take_byte(in) % 3);
    bool readable = ldisc_readable(ld);

    buf[cap] = 0xa5;
    ssize_t n = ldisc_read(ld, buf, cap, cap, how);
    check(n <= (ssize_t) cap && buf[cap] == 0xa5);
    if (readable && how != LDISC_WAIT)
        check(n >= 0);
}

static void set_modes(struct ldisc *ld, struct input *in)
{
    struct lx_termios2 m = ld->tio;

    (void) take(in, &m, sizeof(m));
    ldisc_set_modes(ld, &m);
}

static void other_side_reads(struct ldisc *ld, struct input *in)
{
    uint8_t buf[4096];

    (void) byteq_pop(&ld->out, buf, (size_t) take_byte(in) * 16);
}

static void step(struct ldisc *ld, struct input *in)
{
    switch (take_byte(in) % 12) {
    case 0:
    case 1:
        receive(ld, in);
        break;
    case 2:
        program_writes(ld, in);
        break;
    case 3:
    case 4:
        program_reads(ld, in);
        break;
    case 5:
        set_modes(ld, in);
        break;
    case 6:
        other_side_reads(ld, in);
        break;
    case 7:
        ldisc_flush_input(ld);
        break;
    case 8:
        ldisc_flush_output(ld);
        break;
    case 9:
        ldisc_stop(ld);
        break;
    case 10:
        ldisc_start(ld);
        break;
    case 11:
        ldisc_send(ld, take_byte(in));
        break;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct input in = {data, n};
    struct ldisc *ld = malloc(sizeof(*ld));

    if (!ld)
        return 0;
    ldisc_init(ld, LIMIT, KEPT);
    while (in.left) {
        step(ld, &in);
        ld->todo = (struct ldisc_todo){0};
        promises(ld);
    }
    ldisc_free(ld);
    free(ld);
    return 0;
}
