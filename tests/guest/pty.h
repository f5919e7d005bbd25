/* SPDX-License-Identifier: Apache-2.0 */
/* What the cases about terminals share: a pair, its modes, and reading exactly what is expected. */
#pragma once
#include "guest.h"

#include <asm/termbits.h>
#include <poll.h>
#include <sys/ioctl.h>

#define PATIENCE 10000 /* ms until something expected counts as missing */
#define QUIET    30    /* ms in which nothing may come */

static UNUSED int open_slave(int master, int flags)
{
    char name[32];
    int n, unlock = 0;
    CHECK_EQ(ioctl(master, TIOCSPTLCK, &unlock), 0);
    CHECK_EQ(ioctl(master, TIOCGPTN, &n), 0);
    snprintf(name, sizeof(name), "/dev/pts/%d", n);
    return (int) CHECK_OK(open(name, flags));
}

static UNUSED void pair(int *master, int *slave)
{
    *master = (int) CHECK_OK(open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC));
    *slave = open_slave(*master, O_RDWR | O_NOCTTY | O_CLOEXEC);
}

static UNUSED struct termios modes(int fd)
{
    struct termios t;
    CHECK_EQ(ioctl(fd, TCGETS, &t), 0);
    return t;
}

static UNUSED void set_modes(int fd, const struct termios *t)
{
    CHECK_EQ(ioctl(fd, TCSETS, t), 0);
}

static UNUSED void local(int fd, tcflag_t on, tcflag_t off)
{
    struct termios t = modes(fd);
    t.c_lflag = (t.c_lflag | on) & ~off;
    set_modes(fd, &t);
}

static UNUSED void input(int fd, tcflag_t on, tcflag_t off)
{
    struct termios t = modes(fd);
    t.c_iflag = (t.c_iflag | on) & ~off;
    set_modes(fd, &t);
}

static UNUSED void output(int fd, tcflag_t on, tcflag_t off)
{
    struct termios t = modes(fd);
    t.c_oflag = (t.c_oflag | on) & ~off;
    set_modes(fd, &t);
}

static UNUSED void raw(int fd, int vmin, int vtime)
{
    struct termios t = modes(fd);
    t.c_iflag = t.c_oflag = t.c_lflag = 0;
    t.c_cc[VMIN] = (cc_t) vmin;
    t.c_cc[VTIME] = (cc_t) vtime;
    set_modes(fd, &t);
}

static UNUSED void say_n(int fd, const char *text, size_t n)
{
    CHECK_EQ(write(fd, text, n), n);
}

static UNUSED void say(int fd, const char *text)
{
    say_n(fd, text, strlen(text));
}

static UNUSED int events(int fd, int timeout)
{
    struct pollfd p = {.fd = fd, .events = POLLIN | POLLPRI};
    CHECK_OK(poll(&p, 1, timeout));
    return p.revents;
}

/* The next bytes, in as many reads as it takes, are exactly these. */
static UNUSED void want_n(int fd, const char *text, size_t n)
{
    char buf[9000];
    size_t have = 0;
    while (have < n) {
        CHECK(events(fd, PATIENCE) & POLLIN);
        ssize_t r = read(fd, buf + have, n - have);
        if (r <= 0)
            FAIL("read gave %zd errno %d after %zu of %zu bytes", r, errno, have, n);
        have += (size_t) r;
    }
    for (size_t i = 0; i < n; i++)
        if (buf[i] != text[i])
            FAIL("byte %zu of \"%.*s\" is 0x%02x, expected 0x%02x", i, (int) n, buf,
                 (unsigned char) buf[i], (unsigned char) text[i]);
}

static UNUSED void want(int fd, const char *text)
{
    want_n(fd, text, strlen(text));
}

/* One read gives exactly these bytes. */
static UNUSED void want_read(int fd, size_t cap, const char *text)
{
    char buf[9000];
    CHECK(events(fd, PATIENCE) & POLLIN);
    CHECK_EQ(read(fd, buf, cap), strlen(text));
    CHECK_MEM(buf, text, strlen(text));
}

static UNUSED void quiet(int fd)
{
    CHECK_EQ(events(fd, QUIET) & POLLIN, 0);
}

static UNUSED void nonblock(int fd)
{
    CHECK_EQ(fcntl(fd, F_SETFL, O_RDWR | O_NONBLOCK), 0);
}

/* FIONREAD until it is n: what a master writes takes a moment on its way. */
static UNUSED void pending(int fd, int n)
{
    int got = -1;
    for (int i = 0; i < PATIENCE && got != n; i++) {
        CHECK_EQ(ioctl(fd, FIONREAD, &got), 0);
        if (got != n)
            sleep_ms(1);
    }
    CHECK_EQ(got, n);
}
