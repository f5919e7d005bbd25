/* SPDX-License-Identifier: Apache-2.0 */
/* The line discipline and its queues by themselves: limits, stops and notes for the owner. What
 * programs see of it is tested by tests/guest/lines.c and ptys.c, against Linux. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "abi/linux/signal.h"
#include "tty/byteq.h"
#include "tty/ldisc.h"

#define LIMIT 65536u
#define KEPT  4095u

static struct ldisc *fresh(void)
{
    struct ldisc *ld = malloc(sizeof(*ld));

    assert_non_null(ld);
    ldisc_init(ld, LIMIT, KEPT);
    return ld;
}

static void end(struct ldisc *ld)
{
    ldisc_free(ld);
    free(ld);
}

static void type(struct ldisc *ld, const char *text)
{
    assert_int_equal(ldisc_receive(ld, (const uint8_t *) text, strlen(text)), strlen(text));
}

static void expect_out(struct ldisc *ld, const char *text)
{
    uint8_t buf[256];
    size_t n = byteq_pop(&ld->out, buf, sizeof(buf));

    assert_int_equal(n, strlen(text));
    assert_memory_equal(buf, text, n);
}

static void expect_read(struct ldisc *ld, const char *text)
{
    uint8_t buf[256];
    ssize_t n = ldisc_read(ld, buf, sizeof(buf), sizeof(buf), LDISC_WAIT);

    assert_int_equal(n, strlen(text));
    assert_memory_equal(buf, text, (size_t) n);
}

static struct lx_termios2 with_local(const struct ldisc *ld, uint32_t on, uint32_t off)
{
    struct lx_termios2 m = ld->tio;

    m.lflag = (m.lflag | on) & ~off;
    return m;
}

static void test_queue(void **state)
{
    struct byteq q = {0};
    uint8_t in[1000], out[1000];
    size_t n;

    (void) state;
    for (size_t i = 0; i < sizeof(in); i++)
        in[i] = (uint8_t) i;
    assert_null(byteq_peek(&q, &n));
    assert_int_equal(n, 0);
    assert_int_equal(byteq_push(&q, in, 1000, 300), 300);
    assert_int_equal(byteq_room(&q, 300), 0);
    assert_int_equal(byteq_push(&q, in, 1, 300), 0);
    assert_int_equal(byteq_pop(&q, out, 200), 200);
    assert_memory_equal(out, in, 200);
    /* round the end of the ring, and then a bigger one */
    assert_int_equal(byteq_push(&q, in + 300, 400, 1000), 400);
    assert_int_equal(byteq_push(&q, in + 700, 300, 1000), 300);
    assert_int_equal(byteq_pop(&q, out, 1000), 800);
    assert_memory_equal(out, in + 200, 800);
    assert_int_equal(byteq_push(&q, in, 10, 1000), 10);
    byteq_keep(&q, 4);
    assert_int_equal(byteq_used(&q), 4);
    byteq_free(&q);
}

static void test_line(void **state)
{
    struct ldisc *ld = fresh();

    (void) state;
    type(ld, "ab\177c");
    assert_false(ldisc_readable(ld));
    assert_false(ld->todo.readable);
    type(ld, "\n");
    assert_true(ldisc_readable(ld));
    assert_true(ld->todo.readable);
    expect_out(ld, "ab\b \bc\r\n");
    expect_read(ld, "ac\n");
    end(ld);
}

static void test_signals_are_noted(void **state)
{
    struct ldisc *ld = fresh();

    (void) state;
    type(ld, "gone\003\032\034");
    assert_int_equal(ld->todo.signals,
                     1ull << (LX_SIGINT - 1) | 1ull << (LX_SIGTSTP - 1) | 1ull << (LX_SIGQUIT - 1));
    assert_int_equal(ld->todo.packet & LX_TIOCPKT_FLUSHREAD, LX_TIOCPKT_FLUSHREAD);
    assert_int_equal(ldisc_pending(ld), 0);
    end(ld);
}

static void test_flush_leaves_what_is_as_good_as_read(void **state)
{
    static uint8_t big[LIMIT];
    struct ldisc *ld = fresh();

    (void) state;
    memset(big, 'x', sizeof(big));
    ld->tio.oflag = 0;
    assert_int_equal(ldisc_write(ld, big, sizeof(big)), LIMIT);
    assert_int_equal(ldisc_write(ld, big, 1), 0);
    assert_false(ldisc_writable(ld));
    ldisc_flush_output(ld);
    assert_int_equal(byteq_used(&ld->out), KEPT);
    assert_true(ld->todo.writable);
    end(ld);
}

/* A newline becomes two bytes: it is written whole or not at all. */
static void test_no_half_newline(void **state)
{
    static uint8_t big[LIMIT];
    struct ldisc *ld = fresh();

    (void) state;
    memset(big, 'x', sizeof(big));
    assert_int_equal(ldisc_write(ld, big, LIMIT - 1), LIMIT - 1);
    assert_int_equal(ldisc_write(ld, (const uint8_t *) "\n", 1), 0);
    byteq_drop(&ld->out, 1);
    assert_int_equal(ldisc_write(ld, (const uint8_t *) "\n", 1), 1);
    assert_int_equal(byteq_used(&ld->out), LIMIT);
    end(ld);
}

/* Nobody waits to echo: what has no room is lost, and the input is not. */
static void test_echo_has_an_end(void **state)
{
    struct ldisc *ld = fresh();
    uint8_t buf[LDISC_SIZE];

    (void) state;
    for (int i = 0; i < 40; i++) {
        char line[4002];

        memset(line, 'a', sizeof(line));
        line[4000] = '\n';
        assert_int_equal(ldisc_receive(ld, (const uint8_t *) line, 4001), 4001);
        assert_int_equal(ldisc_read(ld, buf, sizeof(buf), sizeof(buf), LDISC_WAIT), 4001);
    }
    assert_in_range(byteq_used(&ld->out), LIMIT, LIMIT + LDISC_ECHO);
    end(ld);
}

static void test_full_raw_buffer_refuses(void **state)
{
    static uint8_t big[3 * LDISC_SIZE];
    struct ldisc *ld = fresh();
    struct lx_termios2 m = with_local(ld, 0, LX_ICANON | LX_ECHO);
    uint8_t buf[100];

    (void) state;
    ldisc_set_modes(ld, &m);
    memset(big, 'r', sizeof(big));
    assert_int_equal(ldisc_receive(ld, big, sizeof(big)), LDISC_SIZE - 1);
    assert_int_equal(ldisc_receive(ld, big, 1), 0);
    assert_int_equal(ldisc_read(ld, buf, 100, 100, LDISC_WAIT), 100);
    assert_int_equal(ldisc_receive(ld, big, sizeof(big)), 100);
    end(ld);
}

static void test_endless_line_goes_on(void **state)
{
    static uint8_t big[3 * LDISC_SIZE], buf[LDISC_SIZE];
    struct ldisc *ld = fresh();

    (void) state;
    memset(big, 'l', sizeof(big));
    assert_int_equal(ldisc_receive(ld, big, sizeof(big)), sizeof(big));
    type(ld, "\n");
    assert_int_equal(ldisc_read(ld, buf, sizeof(buf), sizeof(buf), LDISC_WAIT), LDISC_SIZE);
    assert_int_equal(buf[LDISC_SIZE - 1], '\n');
    /* A finished line in the way: no more comes in than there is room for. */
    type(ld, "x\n");
    assert_int_equal(ldisc_receive(ld, big, sizeof(big)), LDISC_SIZE - 3);
    end(ld);
}

static void test_stop_holds_echoes(void **state)
{
    struct ldisc *ld = fresh();

    (void) state;
    type(ld, "\023ab");
    assert_int_equal(ld->todo.packet, LX_TIOCPKT_STOP);
    assert_int_equal(ldisc_write(ld, (const uint8_t *) "x", 1), 0);
    expect_out(ld, "");
    type(ld, "\021");
    assert_int_equal(ld->todo.packet, LX_TIOCPKT_START);
    expect_out(ld, "ab");
    end(ld);
}

static void test_patience(void **state)
{
    struct ldisc *ld = fresh();
    struct lx_termios2 m = with_local(ld, 0, LX_ICANON | LX_ECHO);
    uint8_t buf[16];

    (void) state;
    m.cc[LX_VMIN] = 4;
    m.cc[LX_VTIME] = 3;
    ldisc_set_modes(ld, &m);
    assert_int_equal(ldisc_read(ld, buf, 16, 16, LDISC_WAIT), -EAGAIN);
    assert_int_equal(ldisc_read(ld, buf, 16, 16, LDISC_LATE), -EAGAIN);
    type(ld, "abc");
    assert_int_equal(ldisc_read(ld, buf, 16, 16, LDISC_WAIT), -EAGAIN);
    assert_int_equal(ldisc_read(ld, buf, 2, 2, LDISC_WAIT), 2);
    assert_int_equal(ldisc_read(ld, buf, 16, 16, LDISC_LATE), 1);
    m.cc[LX_VMIN] = 0;
    ldisc_set_modes(ld, &m);
    assert_int_equal(ldisc_read(ld, buf, 16, 16, LDISC_SOME), -EAGAIN);
    assert_int_equal(ldisc_read(ld, buf, 16, 16, LDISC_LATE), 0);
    end(ld);
}

static void test_reset(void **state)
{
    struct ldisc *ld = fresh();
    struct lx_termios2 m = with_local(ld, 0, LX_ICANON);

    (void) state;
    ldisc_set_modes(ld, &m);
    type(ld, "abc\023");
    ldisc_reset(ld);
    assert_int_equal(ldisc_pending(ld), 0);
    assert_true(ldisc_is_canonical(ld));
    assert_true(ldisc_writable(ld));
    end(ld);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_queue),
        cmocka_unit_test(test_line),
        cmocka_unit_test(test_signals_are_noted),
        cmocka_unit_test(test_flush_leaves_what_is_as_good_as_read),
        cmocka_unit_test(test_no_half_newline),
        cmocka_unit_test(test_echo_has_an_end),
        cmocka_unit_test(test_full_raw_buffer_refuses),
        cmocka_unit_test(test_endless_line_goes_on),
        cmocka_unit_test(test_stop_holds_echoes),
        cmocka_unit_test(test_patience),
        cmocka_unit_test(test_reset),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
