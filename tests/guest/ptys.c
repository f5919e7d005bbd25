/* SPDX-License-Identifier: Apache-2.0 */
/* Pseudoterminals: pty(7), ioctl_tty(2); reading, flow control and both ends. Lines: lines.c. */
#include "pty.h"

#include <dirent.h>
#include <sys/sysmacros.h>
#include <sys/time.h>

#ifndef TIOCGPTPEER
#define TIOCGPTPEER _IO('T', 0x41)
#endif

/* ---- names and life ---- */

CASE(numbers_and_nodes)
{
    int m, s, n;
    struct stat st, st2;
    char name[32];
    pair(&m, &s);
    CHECK_EQ(ioctl(m, TIOCGPTN, &n), 0);
    snprintf(name, sizeof(name), "/dev/pts/%d", n);
    CHECK_EQ(fstat(s, &st), 0);
    CHECK(S_ISCHR(st.st_mode));
    CHECK_EQ(major(st.st_rdev), 136);
    CHECK_EQ(minor(st.st_rdev), n);
    CHECK_EQ(stat(name, &st2), 0);
    CHECK_EQ(st2.st_ino, st.st_ino);
    CHECK_EQ(st2.st_dev, st.st_dev);
    CHECK_EQ(fstat(m, &st), 0);
    CHECK_EQ(st.st_rdev, makedev(5, 2));
}

CASE(ttyname_finds_it)
{
    int m, s, n;
    char name[32], buf[64];
    pair(&m, &s);
    CHECK_EQ(ioctl(m, TIOCGPTN, &n), 0);
    snprintf(name, sizeof(name), "/dev/pts/%d", n);
    CHECK_EQ(ttyname_r(s, buf, sizeof(buf)), 0);
    CHECK_STR(buf, name);
    CHECK_EQ(isatty(s), 1);
    CHECK_EQ(isatty(m), 1);
}

CASE(two_pairs_differ)
{
    int m, s, m2, s2, n, n2;
    pair(&m, &s);
    pair(&m2, &s2);
    CHECK_EQ(ioctl(m, TIOCGPTN, &n), 0);
    CHECK_EQ(ioctl(m2, TIOCGPTN, &n2), 0);
    CHECK(n != n2);
    say(m, "one\n");
    say(m2, "two\n");
    want(s, "one\n");
    want(s2, "two\n");
}

CASE(locked_at_first)
{
    int n, lock = -1;
    char name[32];
    int m = (int) CHECK_OK(open("/dev/ptmx", O_RDWR | O_NOCTTY));
    CHECK_EQ(ioctl(m, TIOCGPTN, &n), 0);
    CHECK_EQ(ioctl(m, TIOCGPTLCK, &lock), 0);
    CHECK_EQ(lock, 1);
    snprintf(name, sizeof(name), "/dev/pts/%d", n);
    CHECK_ERR(open(name, O_RDWR | O_NOCTTY), EIO);
    int s = open_slave(m, O_RDWR | O_NOCTTY);
    CHECK_EQ(ioctl(m, TIOCGPTLCK, &lock), 0);
    CHECK_EQ(lock, 0);
    CHECK_EQ(close(s), 0);
    lock = 1;
    CHECK_EQ(ioctl(m, TIOCSPTLCK, &lock), 0);
    CHECK_ERR(open(name, O_RDWR | O_NOCTTY), EIO);
}

CASE(peer_without_a_name)
{
    int unlock = 0;
    int m = (int) CHECK_OK(open("/dev/ptmx", O_RDWR | O_NOCTTY));
    CHECK_EQ(ioctl(m, TIOCSPTLCK, &unlock), 0);
    int s = (int) CHECK_OK(ioctl(m, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC));
    CHECK_EQ(fcntl(s, F_GETFD), FD_CLOEXEC);
    say(m, "x\n");
    want(s, "x\n");
}

CASE(listed_while_it_lives)
{
    int m, s, n;
    char name[32];
    struct dirent *e;
    bool found = false;
    pair(&m, &s);
    CHECK_EQ(ioctl(m, TIOCGPTN, &n), 0);
    snprintf(name, sizeof(name), "%d", n);
    DIR *d = opendir("/dev/pts");
    CHECK(d);
    while ((e = readdir(d)))
        found |= strcmp(e->d_name, name) == 0 && e->d_type == DT_CHR;
    closedir(d);
    CHECK(found);
    snprintf(name, sizeof(name), "/dev/pts/%d", n);
    CHECK_EQ(access(name, F_OK), 0);
    CHECK_EQ(close(m), 0);
    CHECK_ERR(access(name, F_OK), ENOENT);
}

CASE(node_attributes_change)
{
    int m, s;
    struct stat st;
    pair(&m, &s);
    CHECK_EQ(fchmod(s, 0640), 0);
    CHECK_EQ(fstat(s, &st), 0);
    CHECK_EQ(st.st_mode & 07777, 0640);
    CHECK_EQ(st.st_uid, geteuid());
    if (geteuid() == 0 && fchown(s, 12, 34) == 0) {
        CHECK_EQ(fstat(s, &st), 0);
        CHECK_EQ(st.st_uid, 12);
        CHECK_EQ(st.st_gid, 34);
    }
}

CASE(fresh_modes)
{
    int m, s;
    pair(&m, &s);
    struct termios t = modes(s);
    CHECK_EQ(t.c_iflag, ICRNL | IXON);
    CHECK_EQ(t.c_oflag, OPOST | ONLCR);
    CHECK_EQ(t.c_cflag, B38400 | CS8 | CREAD);
    CHECK_EQ(t.c_lflag, ISIG | ICANON | ECHO | ECHOE | ECHOK | ECHOCTL | ECHOKE | IEXTEN);
    CHECK_EQ(t.c_cc[VINTR], 3);
    CHECK_EQ(t.c_cc[VQUIT], 034);
    CHECK_EQ(t.c_cc[VERASE], 0177);
    CHECK_EQ(t.c_cc[VKILL], 025);
    CHECK_EQ(t.c_cc[VEOF], 4);
    CHECK_EQ(t.c_cc[VMIN], 1);
    CHECK_EQ(t.c_cc[VSUSP], 032);
    CHECK_EQ(t.c_cc[VWERASE], 027);
    CHECK_EQ(t.c_cc[VLNEXT], 026);
    CHECK_EQ(t.c_cc[VREPRINT], 022);
    CHECK_EQ(t.c_cc[VEOL], 0);
}

/* ---- flow ---- */

CASE(stop_and_start)
{
    int m, s;
    pair(&m, &s);
    nonblock(s);
    say(m, "\023");
    for (int i = 0; i < 1000 && write(s, "x", 1) == 1; i++) {
        want(m, "x"); /* before the stop got there */
        sleep_ms(1);
    }
    CHECK_ERR(write(s, "x", 1), EAGAIN);
    struct pollfd p = {.fd = s, .events = POLLOUT};
    CHECK_EQ(poll(&p, 1, 0), 0);
    say(m, "\021");
    p.revents = 0;
    CHECK_EQ(poll(&p, 1, PATIENCE), 1);
    say(s, "y");
    want(m, "y");
}

CASE(stopped_echo_comes_later)
{
    int m, s;
    pair(&m, &s);
    say(m, "\023abc");
    quiet(m);
    say(m, "\021");
    want(m, "abc");
}

CASE(any_character_starts)
{
    int m, s;
    pair(&m, &s);
    input(s, IXANY, 0);
    say(m, "\023a");
    want(m, "a");
}

CASE(flow_off_passes_through)
{
    int m, s;
    pair(&m, &s);
    input(s, 0, IXON);
    local(s, 0, ECHO);
    say(m, "\023\021\n");
    want_read(s, 100, "\023\021\n");
}

CASE(leaving_flow_control_starts)
{
    int m, s;
    pair(&m, &s);
    say(m, "\023q");
    quiet(m);
    input(s, 0, IXON);
    want(m, "q");
}

CASE(program_stops_output)
{
    int m, s;
    pair(&m, &s);
    nonblock(s);
    CHECK_EQ(ioctl(s, TCXONC, TCOOFF), 0);
    CHECK_ERR(write(s, "x", 1), EAGAIN);
    say(m, "\021");
    sleep_ms(QUIET);
    CHECK_ERR(write(s, "x", 1), EAGAIN);
    CHECK_EQ(ioctl(s, TCXONC, TCOON), 0);
    say(s, "x");
    want(m, "x");
    CHECK_ERR(ioctl(s, TCXONC, 4), EINVAL);
}

CASE(program_stops_input)
{
    int m, s;
    pair(&m, &s);
    CHECK_EQ(ioctl(s, TCXONC, TCIOFF), 0);
    want(m, "\023");
    CHECK_EQ(ioctl(s, TCXONC, TCION), 0);
    want(m, "\021");
}

/* ---- raw reading ---- */

CASE(raw_is_transparent)
{
    char all[256];
    int m, s;
    for (int i = 0; i < 256; i++)
        all[i] = (char) i;
    pair(&m, &s);
    raw(s, 1, 0);
    say_n(m, all, 256);
    want_n(s, all, 256);
    say_n(s, all, 256);
    want_n(m, all, 256);
    quiet(m);
}

CASE(minimum_nothing)
{
    int m, s;
    char buf[8];
    pair(&m, &s);
    raw(s, 0, 0);
    CHECK_EQ(read(s, buf, 8), 0);
    nonblock(s);
    CHECK_EQ(read(s, buf, 8), 0);
    say(m, "ab");
    want(s, "ab");
}

CASE(minimum_nothing_in_time)
{
    int m, s;
    char buf[8];
    pair(&m, &s);
    raw(s, 0, 2);
    uint64_t start = now_ns();
    CHECK_EQ(read(s, buf, 8), 0);
    CHECK(now_ns() - start > 150000000);
    say(m, "ab");
    CHECK(events(s, PATIENCE) & POLLIN);
    CHECK_OK(read(s, buf, 8));
    nonblock(s);
    pending(s, 0);
    CHECK_ERR(read(s, buf, 8), EAGAIN);
}

CASE(minimum_many)
{
    int m, s, st;
    char buf[16];
    pair(&m, &s);
    raw(s, 5, 0);
    pid_t pid = fork();
    if (pid == 0)
        _exit(read(s, buf, 16) == 6 && memcmp(buf, "abcdef", 6) == 0 ? 0 : 1);
    say(m, "abcd");
    sleep_ms(50);
    CHECK_EQ(waitpid(pid, &st, WNOHANG), 0);
    say(m, "ef");
    CHECK_EXIT(pid, 0);
}

CASE(minimum_many_but_asked_for_less)
{
    int m, s;
    pair(&m, &s);
    raw(s, 5, 0);
    say(m, "abc");
    pending(s, 3);
    char buf[3];
    CHECK_EQ(read(s, buf, 2), 2);
    CHECK_EQ(events(s, QUIET) & POLLIN, 0);
    nonblock(s);
    CHECK_EQ(read(s, buf, 3), 1);
    CHECK_EQ(buf[0], 'c');
}

CASE(minimum_between_bytes)
{
    int m, s;
    char buf[16];
    pair(&m, &s);
    raw(s, 10, 1);
    say(m, "abc");
    pending(s, 3);
    uint64_t start = now_ns();
    CHECK_EQ(read(s, buf, 16), 3);
    CHECK(now_ns() - start > 80000000);
}

CASE(polled_minimum)
{
    int m, s;
    pair(&m, &s);
    raw(s, 3, 0);
    say(m, "ab");
    pending(s, 2);
    quiet(s);
    say(m, "c");
    CHECK(events(s, PATIENCE) & POLLIN);
    want(s, "abc");
}

CASE(nothing_yet)
{
    int m, s;
    char c;
    pair(&m, &s);
    nonblock(m);
    nonblock(s);
    CHECK_ERR(read(m, &c, 1), EAGAIN);
    CHECK_ERR(read(s, &c, 1), EAGAIN);
}

static void on_alarm(int signo UNUSED) {}

CASE(read_is_interrupted)
{
    int m, s;
    char c;
    struct sigaction sa = {.sa_handler = on_alarm};
    struct itimerval soon = {.it_value = {0, 30000}};
    pair(&m, &s);
    CHECK_EQ(sigaction(SIGALRM, &sa, NULL), 0);
    CHECK_EQ(setitimer(ITIMER_REAL, &soon, NULL), 0);
    CHECK_ERR(read(s, &c, 1), EINTR);
}

CASE(read_goes_on_after_a_signal)
{
    int m, s;
    char buf[8];
    struct sigaction sa = {.sa_handler = on_alarm, .sa_flags = SA_RESTART};
    struct itimerval soon = {.it_value = {0, 30000}};
    pair(&m, &s);
    CHECK_EQ(sigaction(SIGALRM, &sa, NULL), 0);
    pid_t pid = fork();
    if (pid == 0) {
        setitimer(ITIMER_REAL, &soon, NULL);
        _exit(read(s, buf, 8) == 3 ? 0 : 1);
    }
    sleep_ms(80);
    say(m, "ab\n");
    CHECK_EXIT(pid, 0);
}

CASE(interrupted_with_some)
{
    int m, s;
    char buf[8];
    struct sigaction sa = {.sa_handler = on_alarm};
    struct itimerval soon = {.it_value = {0, 50000}};
    pair(&m, &s);
    raw(s, 5, 0);
    CHECK_EQ(sigaction(SIGALRM, &sa, NULL), 0);
    say(m, "abc");
    pending(s, 3);
    CHECK_EQ(setitimer(ITIMER_REAL, &soon, NULL), 0);
    CHECK_EQ(read(s, buf, 8), 3);
}

/* ---- changing modes with input there ---- */

CASE(half_a_line_becomes_readable)
{
    int m, s;
    pair(&m, &s);
    say(m, "abc");
    want(m, "abc");
    quiet(s);
    local(s, 0, ICANON);
    want_read(s, 100, "abc");
}

CASE(raw_input_becomes_a_line)
{
    int m, s;
    pair(&m, &s);
    local(s, 0, ICANON | ECHO);
    say(m, "abc");
    pending(s, 3);
    local(s, ICANON, 0);
    say(m, "def\n");
    want_read(s, 100, "abc");
    want_read(s, 100, "def\n");
}

CASE(setting_with_flush)
{
    int m, s;
    pair(&m, &s);
    say(m, "gone\n");
    pending(s, 5);
    struct termios t = modes(s);
    CHECK_EQ(ioctl(s, TCSETSF, &t), 0);
    pending(s, 0);
    say(m, "here\n");
    want_read(s, 100, "here\n");
}

CASE(flush_input)
{
    int m, s;
    pair(&m, &s);
    say(m, "gone\n");
    pending(s, 5);
    CHECK_EQ(ioctl(s, TCFLSH, TCOFLUSH), 0);
    pending(s, 5);
    CHECK_EQ(ioctl(s, TCFLSH, TCIFLUSH), 0);
    pending(s, 0);
    CHECK_ERR(ioctl(s, TCFLSH, 3), EINVAL);
}

CASE(old_and_new_forms)
{
    int m, s;
    struct termios2 t2;
    struct termio ta;
    pair(&m, &s);
    CHECK_EQ(ioctl(s, TCGETS2, &t2), 0);
    CHECK_EQ(t2.c_ospeed, 38400);
    CHECK_EQ(t2.c_ispeed, 38400);
    t2.c_cflag = (t2.c_cflag & ~(tcflag_t) CBAUD) | BOTHER;
    t2.c_ospeed = 12345;
    CHECK_EQ(ioctl(s, TCSETS2, &t2), 0);
    CHECK_EQ(ioctl(s, TCGETS2, &t2), 0);
    CHECK_EQ(t2.c_ospeed, 12345);
    CHECK_EQ(ioctl(s, TCGETA, &ta), 0);
    CHECK_EQ(ta.c_lflag, modes(s).c_lflag & 0xffff);
    CHECK_EQ(ta.c_cc[VINTR], 3);
    ta.c_lflag &= (unsigned short) ~ECHO;
    CHECK_EQ(ioctl(s, TCSETA, &ta), 0);
    CHECK_EQ(modes(s).c_lflag & ECHO, 0);
    CHECK_ERR(ioctl(s, TCGETS, 8), EFAULT);
    CHECK_ERR(ioctl(s, TCSETS, 8), EFAULT);
}

CASE(always_eight_bits)
{
    int m, s;
    pair(&m, &s);
    struct termios t = modes(s);
    t.c_cflag = B9600 | CS5 | PARENB;
    set_modes(s, &t);
    CHECK_EQ(modes(s).c_cflag, B9600 | CS8 | CREAD);
}

CASE(modes_through_the_master)
{
    int m, s;
    pair(&m, &s);
    local(m, 0, ECHO);
    CHECK_EQ(modes(s).c_lflag & ECHO, 0);
    say(m, "x\n");
    want_read(s, 100, "x\n");
    quiet(m);
}

/* ---- counting ---- */

CASE(bytes_pending)
{
    int m, s, n = -1;
    pair(&m, &s);
    say(m, "ab\4cd\nef");
    pending(s, 5);
    pending(m, 8); /* the echo, with CR and without the end of file */
    CHECK_EQ(ioctl(s, TIOCOUTQ, &n), 0);
    CHECK_EQ(n, 0);
    local(s, 0, ICANON);
    CHECK_EQ(ioctl(s, FIONREAD, &n), 0);
    CHECK_EQ(n, 8);
}

/* ---- packet mode ---- */

static void packets(int m)
{
    int on = 1, got = 0;
    CHECK_EQ(ioctl(m, TIOCPKT, &on), 0);
    CHECK_EQ(ioctl(m, TIOCGPKT, &got), 0);
    CHECK_EQ(got, 1);
}

static int packet(int m)
{
    unsigned char c[64];
    CHECK(events(m, PATIENCE) & POLLIN);
    CHECK_EQ(read(m, c, sizeof(c)), 1);
    return c[0];
}

CASE(packet_of_data)
{
    int m, s;
    pair(&m, &s);
    packets(m);
    say(s, "hello");
    CHECK(events(m, PATIENCE) & POLLIN);
    CHECK_EQ(events(m, 0) & POLLPRI, 0);
    char buf[16];
    CHECK_EQ(read(m, buf, 3), 3);
    CHECK_MEM(buf, "\0he", 3);
    CHECK_EQ(read(m, buf, 16), 4);
    CHECK_MEM(buf, "\0llo", 4);
}

CASE(packet_of_flushing)
{
    int m, s;
    pair(&m, &s);
    packets(m);
    CHECK_EQ(ioctl(s, TCFLSH, TCIFLUSH), 0);
    CHECK(events(m, PATIENCE) & POLLPRI);
    CHECK_EQ(packet(m), TIOCPKT_FLUSHREAD);
    CHECK_EQ(ioctl(s, TCFLSH, TCOFLUSH), 0);
    CHECK_EQ(packet(m), TIOCPKT_FLUSHWRITE);
    CHECK_EQ(ioctl(s, TCFLSH, TCIOFLUSH), 0);
    CHECK_EQ(packet(m), TIOCPKT_FLUSHREAD | TIOCPKT_FLUSHWRITE);
}

CASE(packet_of_stopping)
{
    int m, s;
    pair(&m, &s);
    packets(m);
    CHECK_EQ(ioctl(s, TCXONC, TCOOFF), 0);
    CHECK_EQ(packet(m), TIOCPKT_STOP);
    CHECK_EQ(ioctl(s, TCXONC, TCOON), 0);
    CHECK_EQ(packet(m), TIOCPKT_START);
}

CASE(packet_of_flow_control)
{
    int m, s;
    pair(&m, &s);
    packets(m);
    input(s, 0, IXON);
    CHECK_EQ(packet(m), TIOCPKT_NOSTOP);
    input(s, IXON, 0);
    CHECK_EQ(packet(m), TIOCPKT_DOSTOP);
}

CASE(packets_are_the_masters)
{
    int m, s, on = 1;
    pair(&m, &s);
    CHECK_ERR(ioctl(s, TIOCPKT, &on), ENOTTY);
    CHECK_ERR(ioctl(s, TIOCGPTN, &on), ENOTTY);
    CHECK_ERR(ioctl(s, TIOCSPTLCK, &on), ENOTTY);
}

/* ---- both sides ---- */

CASE(window_size)
{
    int m, s;
    struct winsize w = {1, 1, 1, 1};
    pair(&m, &s);
    CHECK_EQ(ioctl(s, TIOCGWINSZ, &w), 0);
    CHECK_EQ(w.ws_row + w.ws_col + w.ws_xpixel + w.ws_ypixel, 0);
    w = (struct winsize){24, 80, 640, 480};
    CHECK_EQ(ioctl(m, TIOCSWINSZ, &w), 0);
    memset(&w, 0, sizeof(w));
    CHECK_EQ(ioctl(s, TIOCGWINSZ, &w), 0);
    CHECK_EQ(w.ws_row, 24);
    CHECK_EQ(w.ws_col, 80);
    CHECK_EQ(w.ws_ypixel, 480);
    w.ws_row = 50;
    CHECK_EQ(ioctl(s, TIOCSWINSZ, &w), 0);
    memset(&w, 0, sizeof(w));
    CHECK_EQ(ioctl(m, TIOCGWINSZ, &w), 0);
    CHECK_EQ(w.ws_row, 50);
}

CASE(exclusive)
{
    int m, s, on = -1;
    pair(&m, &s);
    CHECK_EQ(ioctl(s, TIOCGEXCL, &on), 0);
    CHECK_EQ(on, 0);
    CHECK_EQ(ioctl(s, TIOCEXCL), 0);
    CHECK_EQ(ioctl(s, TIOCGEXCL, &on), 0);
    CHECK_EQ(on, 1);
    CHECK_EQ(fchmod(s, 0666), 0);
    pid_t pid = fork();
    if (pid == 0) {
        int n;
        char name[32];
        CHECK_EQ(ioctl(m, TIOCGPTN, &n), 0);
        if (geteuid() == 0)
            CHECK_EQ(setresuid(12345, 12345, 12345), 0);
        snprintf(name, sizeof(name), "/dev/pts/%d", n);
        CHECK_ERR(open(name, O_RDWR | O_NOCTTY), EBUSY);
        _exit(0);
    }
    if (geteuid() == 0)
        CHECK_EXIT(pid, 0);
    CHECK_EQ(ioctl(s, TIOCNXCL), 0);
    CHECK_EQ(ioctl(s, TIOCGEXCL, &on), 0);
    CHECK_EQ(on, 0);
}

CASE(disciplines)
{
    int m, s, n = 77;
    pair(&m, &s);
    CHECK_EQ(ioctl(s, TIOCGETD, &n), 0);
    CHECK_EQ(n, 0);
    CHECK_EQ(ioctl(s, TIOCSETD, &n), 0);
    n = 99;
    CHECK_ERR(ioctl(s, TIOCSETD, &n), EINVAL);
}

CASE(not_for_ptys)
{
    int m, s, n = 0;
    pair(&m, &s);
    CHECK_ERR(ioctl(s, TIOCMGET, &n), ENOTTY);
    CHECK_ERR(ioctl(s, 0x5499, &n), ENOTTY);
    CHECK_ERR(ioctl(m, 0x5499, &n), ENOTTY);
    CHECK_EQ(ioctl(s, TCSBRK, 0), 0);
    CHECK_EQ(ioctl(s, TCSBRK, 1), 0);
    CHECK_EQ(ioctl(s, TCSBRKP, 0), 0);
}

CASE(device_numbers)
{
    int m, s;
    unsigned n = 0, i;
    pair(&m, &s);
    CHECK_EQ(ioctl(m, TIOCGPTN, &i), 0);
    CHECK_EQ(ioctl(s, TIOCGDEV, &n), 0);
    CHECK_EQ(n, 136u << 8 | i);
}

CASE(faked_input_is_refused)
{
    int m, s;
    pair(&m, &s);
    pid_t pid = fork();
    if (pid == 0) {
        if (geteuid() == 0)
            CHECK_EQ(setresuid(12345, 12345, 12345), 0);
        CHECK_EQ(ioctl(s, TIOCSTI, "x"), -1);
        CHECK(errno == EIO || errno == EPERM);
        _exit(0);
    }
    if (geteuid() == 0)
        CHECK_EXIT(pid, 0);
    quiet(m);
}

/* ---- ends ---- */

CASE(slave_goes)
{
    int m, s;
    char buf[8];
    pair(&m, &s);
    CHECK_EQ(events(m, 0) & POLLHUP, 0);
    say(s, "last");
    CHECK_EQ(close(s), 0);
    CHECK(events(m, PATIENCE) & POLLHUP);
    want(m, "last");
    CHECK_ERR(read(m, buf, 8), EIO);
    say(m, "for the next ");
    s = open_slave(m, O_RDWR | O_NOCTTY);
    CHECK_EQ(events(m, 0) & POLLHUP, 0);
    say(m, "one\n");
    want_read(s, 100, "for the next one\n");
}

CASE(master_before_any_slave)
{
    char c;
    int m = (int) CHECK_OK(open("/dev/ptmx", O_RDWR | O_NOCTTY | O_NONBLOCK));
    CHECK_EQ(events(m, 0), 0);
    CHECK_ERR(read(m, &c, 1), EAGAIN);
    say(m, "early\n");
    want(m, "early\r\n");
    int s = open_slave(m, O_RDWR | O_NOCTTY);
    want_read(s, 100, "early\n");
}

CASE(one_of_two_slaves_goes)
{
    int m, s;
    pair(&m, &s);
    int s2 = open_slave(m, O_RDWR | O_NOCTTY);
    CHECK_EQ(close(s), 0);
    CHECK_EQ(events(m, QUIET) & POLLHUP, 0);
    say(s2, "still");
    want(m, "still");
}

CASE(master_goes)
{
    int m, s, n;
    char buf[8], name[32];
    struct termios t;
    pair(&m, &s);
    CHECK_EQ(ioctl(m, TIOCGPTN, &n), 0);
    say(m, "unread\n");
    pending(s, 7);
    CHECK_EQ(close(m), 0);
    CHECK_EQ(read(s, buf, 8), 0);
    CHECK_ERR(write(s, "x", 1), EIO);
    CHECK_ERR(ioctl(s, TCGETS, &t), EIO);
    CHECK_ERR(ioctl(s, TIOCSPGRP, &n), ENOTTY);
    struct pollfd p = {.fd = s, .events = POLLIN | POLLOUT};
    CHECK_EQ(poll(&p, 1, 0), 1);
    CHECK_EQ(p.revents, POLLIN | POLLOUT | POLLERR | POLLHUP);
    snprintf(name, sizeof(name), "/dev/pts/%d", n);
    CHECK_ERR(open(name, O_RDWR | O_NOCTTY), ENOENT);
    CHECK_EQ(isatty(s), 0);
}

CASE(master_goes_while_one_reads)
{
    int m, s;
    pair(&m, &s);
    pid_t pid = fork();
    if (pid == 0) {
        char c;
        close(m);
        _exit(read(s, &c, 1) == -1 && errno == EIO ? 0 : 1);
    }
    sleep_ms(30);
    CHECK_EQ(close(m), 0);
    CHECK_EXIT(pid, 0);
}

CASE(slave_goes_while_one_reads)
{
    int m, s;
    pair(&m, &s);
    pid_t pid = fork();
    if (pid == 0) {
        char c;
        close(s);
        _exit(read(m, &c, 1) == -1 && errno == EIO ? 0 : 1);
    }
    sleep_ms(30);
    CHECK_EQ(close(s), 0);
    CHECK_EXIT(pid, 0);
}

/* ---- much ---- */

CASE(writer_waits_for_room)
{
    static char big[300000], got[65536];
    int m, s;
    size_t n = 0;
    for (size_t i = 0; i < sizeof(big); i++)
        big[i] = (char) ('a' + i % 26);
    pair(&m, &s);
    raw(s, 1, 0);
    pid_t pid = fork();
    if (pid == 0) {
        close(m);
        _exit(write(s, big, sizeof(big)) == (ssize_t) sizeof(big) ? 0 : 1);
    }
    while (n < sizeof(big)) {
        ssize_t r = read(m, got, sizeof(got));
        CHECK(r > 0 && n + (size_t) r <= sizeof(big));
        CHECK_MEM(got, big + n, (size_t) r);
        n += (size_t) r;
    }
    CHECK_EXIT(pid, 0);
}

CASE(typist_waits_for_room)
{
    static char big[200000], got[65536];
    int m, s;
    size_t n = 0;
    for (size_t i = 0; i < sizeof(big); i++)
        big[i] = (char) ('a' + i % 23);
    pair(&m, &s);
    raw(s, 1, 0);
    pid_t pid = fork();
    if (pid == 0)
        _exit(write(m, big, sizeof(big)) == (ssize_t) sizeof(big) ? 0 : 1);
    while (n < sizeof(big)) {
        ssize_t r = read(s, got, sizeof(got));
        CHECK(r > 0 && n + (size_t) r <= sizeof(big));
        CHECK_MEM(got, big + n, (size_t) r);
        n += (size_t) r;
    }
    CHECK_EXIT(pid, 0);
}

/* What was written moves on by itself for a while: until there is no room for good. */
static ssize_t fill(int fd, const char *big, size_t n)
{
    struct pollfd p = {.fd = fd, .events = POLLOUT};
    ssize_t r, all = 0;
    do {
        while ((r = write(fd, big, n)) > 0)
            all += r;
        CHECK(r < 0 && errno == EAGAIN);
    } while (poll(&p, 1, QUIET) > 0 && all < (ssize_t) n);
    return all;
}

CASE(both_ways_fill_up)
{
    static char big[1 << 20];
    int m, s;
    pair(&m, &s);
    raw(s, 1, 0);
    nonblock(m);
    nonblock(s);
    ssize_t out = fill(s, big, sizeof(big)), in = fill(m, big, sizeof(big));
    CHECK(out >= 4096 && out < (ssize_t) sizeof(big));
    CHECK(in >= 4096 && in < (ssize_t) sizeof(big));
    /* What was read makes room. */
    while (read(m, big, sizeof(big)) > 0)
        sleep_ms(1);
    struct pollfd p = {.fd = s, .events = POLLOUT};
    CHECK_EQ(poll(&p, 1, PATIENCE), 1);
}

CASE(locked_modes)
{
    struct termios lock, zero = {0}, t;
    int m, s;
    pair(&m, &s);
    memset(&lock, 0xff, sizeof(lock));
    CHECK_EQ(ioctl(s, TIOCGLCKTRMIOS, &lock), 0);
    CHECK_EQ(memcmp(&lock, &zero, sizeof(lock)), 0);
    CHECK_ERR(ioctl(s, TIOCGLCKTRMIOS, 8), EFAULT);
    lock.c_lflag = ECHO;
    lock.c_cc[VINTR] = 1;
    if (ioctl(s, TIOCSLCKTRMIOS, &lock) < 0) {
        CHECK_EQ(errno, EPERM); /* without CAP_SYS_ADMIN */
        return;
    }
    t = modes(s);
    t.c_lflag &= ~(unsigned) (ECHO | ICANON);
    t.c_cc[VINTR] = 'i';
    t.c_cc[VQUIT] = 'q';
    set_modes(s, &t);
    t = modes(s);
    CHECK_EQ(t.c_lflag & (unsigned) (ECHO | ICANON), (unsigned) ECHO);
    CHECK_EQ(t.c_cc[VINTR], 3);
    CHECK_EQ(t.c_cc[VQUIT], 'q');
}

CASE(many_ptys)
{
    int m[40], s[40];
    for (int i = 0; i < 40; i++)
        pair(&m[i], &s[i]);
    for (int i = 0; i < 40; i++) {
        char text[16];
        snprintf(text, sizeof(text), "to %d\n", i);
        say(m[i], text);
        want_read(s[i], 100, text);
    }
}

CASE(signal_driven)
{
    int m, s;
    sigset_t set;
    siginfo_t info;
    struct timespec wait = {10, 0};
    sigemptyset(&set);
    sigaddset(&set, SIGIO);
    sigprocmask(SIG_BLOCK, &set, NULL);
    pair(&m, &s);
    CHECK_EQ(fcntl(s, F_SETOWN, getpid()), 0);
    CHECK_EQ(fcntl(s, F_SETFL, O_RDWR | O_ASYNC), 0);
    say(m, "x\n");
    CHECK_EQ(sigtimedwait(&set, &info, &wait), SIGIO);
}

CASE(bad_addresses)
{
    int m, s;
    pair(&m, &s);
    CHECK_ERR(write(s, (void *) 8, 4), EFAULT);
    CHECK_ERR(write(m, (void *) 8, 4), EFAULT);
    say(m, "x\n");
    CHECK(events(s, PATIENCE) & POLLIN);
    CHECK_ERR(read(s, (void *) 8, 4), EFAULT);
    CHECK_ERR(ioctl(s, TIOCGWINSZ, 8), EFAULT);
    CHECK_ERR(ioctl(m, TIOCGPTN, 8), EFAULT);
}

GUEST_MAIN
