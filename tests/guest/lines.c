/* SPDX-License-Identifier: Apache-2.0 */
/* The line discipline: editing, echoes and translation of termios(3). */
#include "pty.h"

#include <sys/uio.h>

/* ---- lines ---- */

CASE(line_and_echo)
{
    int m, s;
    pair(&m, &s);
    say(m, "hello\n");
    want(m, "hello\r\n");
    want_read(s, 100, "hello\n");
    quiet(s);
}

CASE(no_line_no_read)
{
    int m, s;
    pair(&m, &s);
    say(m, "abc");
    want(m, "abc");
    quiet(s);
    nonblock(s);
    CHECK_ERR(read(s, (char[8]){0}, 8), EAGAIN);
    say(m, "\n");
    want_read(s, 100, "abc\n");
}

CASE(line_in_pieces)
{
    int m, s;
    pair(&m, &s);
    say(m, "abcdef\nxyz\n");
    want_read(s, 4, "abcd");
    want_read(s, 100, "ef\n");
    want_read(s, 100, "xyz\n");
}

CASE(end_of_file)
{
    int m, s;
    char buf[16];
    pair(&m, &s);
    say(m, "\4");
    CHECK(events(s, PATIENCE) & POLLIN);
    CHECK_EQ(read(s, buf, sizeof(buf)), 0);
    quiet(s);
    say(m, "ab\4cd\n");
    want_read(s, 100, "ab");
    want_read(s, 100, "cd\n");
}

CASE(end_of_file_after_an_exact_fit)
{
    int m, s;
    pair(&m, &s);
    say(m, "hello\4next\n");
    want_read(s, 5, "hello");
    want_read(s, 100, "next\n");
}

CASE(other_line_ends)
{
    int m, s;
    pair(&m, &s);
    struct termios t = modes(s);
    t.c_cc[VEOL] = ';';
    t.c_cc[VEOL2] = '!';
    set_modes(s, &t);
    say(m, "a;b!c\n");
    want(m, "a;b!c\r\n");
    want_read(s, 100, "a;");
    want_read(s, 100, "b!");
    want_read(s, 100, "c\n");
    local(s, 0, IEXTEN);
    say(m, "d!e;");
    want_read(s, 100, "d!e;");
}

CASE(longest_line)
{
    static char text[6000], got[6000];
    int m, s;
    pair(&m, &s);
    local(s, 0, ECHO);
    memset(text, 'a', sizeof(text));
    say_n(m, text, 5000);
    say(m, "z\n");
    CHECK(events(s, PATIENCE) & POLLIN);
    CHECK_EQ(read(s, got, sizeof(got)), 4096);
    CHECK_MEM(got, text, 4094);
    CHECK_EQ(got[4095], '\n');
    say(m, "after\n");
    want_read(s, 100, "after\n");
}

CASE(nothing_to_move)
{
    int m, s;
    char c;
    pair(&m, &s);
    CHECK_EQ(read(s, &c, 0), 0);
    CHECK_EQ(write(s, &c, 0), 0);
    CHECK_EQ(write(m, &c, 0), 0);
    CHECK_ERR(lseek(s, 0, SEEK_SET), ESPIPE);
    CHECK_ERR(pread(s, &c, 1, 0), ESPIPE);
}

CASE(vectors)
{
    int m, s;
    char a[3], b[10];
    struct iovec out[2] = {{(char *) "hel", 3}, {(char *) "lo\n", 3}}, in[2] = {{a, 3}, {b, 10}};
    pair(&m, &s);
    local(s, 0, ECHO);
    CHECK_EQ(writev(m, out, 2), 6);
    CHECK(events(s, PATIENCE) & POLLIN);
    CHECK_EQ(readv(s, in, 2), 6);
    CHECK_MEM(a, "hel", 3);
    CHECK_MEM(b, "lo\n", 3);
}

/* ---- editing ---- */

CASE(erase_a_character)
{
    int m, s;
    pair(&m, &s);
    say(m, "\177abc\177d\n");
    want(m, "abc\b \bd\r\n");
    want_read(s, 100, "abd\n");
}

CASE(erase_a_control_character)
{
    int m, s;
    pair(&m, &s);
    say(m, "a\001\177b\n");
    want(m, "a^A\b \b\b \bb\r\n");
    want_read(s, 100, "ab\n");
}

CASE(erase_a_tab)
{
    int m, s;
    pair(&m, &s);
    say(s, "$ ");
    want(m, "$ ");
    say(m, "abc\t\177\n");
    want(m, "abc\t\b\b\b\r\n");
    want_read(s, 100, "abc\n");
    say(m, "\t\t\177x\n");
    want(m, "\t\t\b\b\b\b\b\b\b\bx\r\n");
    want_read(s, 100, "\tx\n");
}

CASE(erase_without_echoe)
{
    int m, s;
    pair(&m, &s);
    local(s, 0, ECHOE);
    say(m, "ab\177\n");
    want(m, "ab^?\r\n");
    want_read(s, 100, "a\n");
}

CASE(erase_a_utf8_character)
{
    int m, s;
    pair(&m, &s);
    input(s, IUTF8, 0);
    say(m, "a\xc3\xa4\177\n");
    want(m, "a\xc3\xa4\b \b\r\n");
    want_read(s, 100, "a\n");
    input(s, 0, IUTF8);
    say(m, "a\xc3\xa4\177\n");
    want(m, "a\xc3\xa4\b \b\r\n");
    want_read(s, 100, "a\xc3\n");
}

CASE(erase_a_word)
{
    int m, s;
    pair(&m, &s);
    say(m, "foo bar_1; \027X\n");
    want(m, "foo bar_1; \b \b\b \b\b \b\b \b\b \b\b \b\b \bX\r\n");
    want_read(s, 100, "foo X\n");
}

CASE(kill_the_line)
{
    int m, s;
    pair(&m, &s);
    say(m, "abc\025de\n");
    want(m, "abc\b \b\b \b\b \bde\r\n");
    want_read(s, 100, "de\n");
    local(s, 0, ECHOKE);
    say(m, "abc\025de\n");
    want(m, "abc^U\r\nde\r\n");
    want_read(s, 100, "de\n");
    local(s, 0, ECHO);
    say(m, "abc\025de\n");
    want_read(s, 100, "de\n");
    quiet(m);
}

CASE(reprint)
{
    int m, s;
    pair(&m, &s);
    say(m, "ab\022c\n");
    want(m, "ab^R\r\nabc\r\n");
    want_read(s, 100, "abc\n");
}

CASE(literal_next)
{
    int m, s;
    pair(&m, &s);
    say(m, "a\026\003\026\177b\n");
    want(m, "a^\b^C^\b^?b\r\n");
    want_read(s, 100, "a\003\177b\n");
    say(m, "\026\n\n");
    want(m, "^\b^J\r\n");
    want_read(s, 100, "\n\n");
}

CASE(extensions_off)
{
    int m, s;
    pair(&m, &s);
    local(s, 0, IEXTEN);
    say(m, "a\026b\027c\n");
    want(m, "a^Vb^Wc\r\n");
    want_read(s, 100, "a\026b\027c\n");
}

CASE(echo_of_control_characters)
{
    int m, s;
    pair(&m, &s);
    say(m, "\001\t\033\n");
    want(m, "^A\t^[\r\n");
    local(s, 0, ECHOCTL);
    say(m, "\001\t\033\n");
    want(m, "\001\t\033\r\n");
}

CASE(echo_of_newlines_alone)
{
    int m, s;
    pair(&m, &s);
    local(s, ECHONL, ECHO);
    say(m, "secret\n");
    want(m, "\r\n");
    quiet(m);
    want_read(s, 100, "secret\n");
}

CASE(echo_on_paper)
{
    int m, s;
    pair(&m, &s);
    local(s, ECHOPRT, 0);
    say(m, "abc\177\177d\n");
    want(m, "abc\\cb/d\r\n");
    want_read(s, 100, "ad\n");
}

/* ---- translation ---- */

CASE(carriage_returns)
{
    int m, s;
    pair(&m, &s);
    local(s, 0, ECHO);
    say(m, "a\r");
    want_read(s, 100, "a\n");
    input(s, 0, ICRNL);
    say(m, "b\rc\n");
    want_read(s, 100, "b\rc\n");
    input(s, IGNCR, 0);
    say(m, "d\re\n");
    want_read(s, 100, "de\n");
    input(s, INLCR, IGNCR);
    say(m, "f\ng\4");
    want_read(s, 100, "f\rg");
}

CASE(narrow_and_lower)
{
    int m, s;
    pair(&m, &s);
    local(s, 0, ECHO);
    input(s, ISTRIP, 0);
    say(m, "\xe1\xe2\n");
    want_read(s, 100, "ab\n");
    input(s, IUCLC, ISTRIP);
    say(m, "ABc\xe1\n");
    want_read(s, 100, "abc\xe1\n");
}

CASE(marked_0377)
{
    int m, s;
    pair(&m, &s);
    local(s, 0, ECHO);
    input(s, PARMRK, 0);
    say(m, "a\377\n");
    want_read(s, 100, "a\377\377\n");
}

CASE(output_newlines)
{
    int m, s;
    pair(&m, &s);
    CHECK_EQ(write(s, "a\nb\n", 4), 4);
    want(m, "a\r\nb\r\n");
    output(s, 0, ONLCR);
    say(s, "a\nb\n");
    want(m, "a\nb\n");
    output(s, ONLCR, OPOST);
    say(s, "a\nb\n");
    want(m, "a\nb\n");
}

CASE(output_returns)
{
    int m, s;
    pair(&m, &s);
    output(s, OCRNL, ONLCR);
    say(s, "a\rb");
    want(m, "a\nb");
    output(s, ONOCR, OCRNL);
    say(s, "\rc\r\rd");
    want(m, "\rc\rd");
}

CASE(output_tabs)
{
    int m, s;
    pair(&m, &s);
    output(s, TAB3, 0);
    say(s, "\ta\tbc\t\n1234567\t8\t");
    want(m, "        a       bc      \r\n1234567 8       ");
}

CASE(output_upper)
{
    int m, s;
    pair(&m, &s);
    output(s, OLCUC, 0);
    say(s, "aBc\xe4\n");
    want(m, "ABC\xc4\r\n");
}

GUEST_MAIN
