/* SPDX-License-Identifier: Apache-2.0 */
/* Signal-driven I/O: fcntl(2), "Managing signals". */
#include "guest.h"
#include <sys/ioctl.h>

static volatile sig_atomic_t got, got_fd, got_code;

static void on_signal(int sig, siginfo_t *si, void *uc)
{
    (void) uc;
    got = sig;
    got_fd = si->si_fd;
    got_code = si->si_code;
}

static void expect(int sig)
{
    struct sigaction sa = {.sa_sigaction = on_signal, .sa_flags = SA_SIGINFO};
    CHECK_EQ(sigaction(sig, &sa, NULL), 0);
}

static bool came(int sig)
{
    for (int i = 0; i < 1000 && got != sig; i++)
        sleep_ms(10);
    bool r = got == sig;
    got = 0;
    return r;
}

CASE(owners)
{
    int p[2];
    struct f_owner_ex ex = {F_OWNER_TID, gettid()};
    CHECK_EQ(pipe(p), 0);
    CHECK_EQ(fcntl(p[0], F_GETOWN), 0);
    CHECK_EQ(fcntl(p[0], F_SETOWN, getpid()), 0);
    CHECK_EQ(fcntl(p[0], F_GETOWN), getpid());
    CHECK_EQ(fcntl(p[1], F_GETOWN), 0);
    CHECK_EQ(fcntl(p[0], F_SETOWN, -getpgrp()), 0);
    CHECK_EQ(fcntl(p[0], F_GETOWN_EX, &ex), 0);
    CHECK_EQ(ex.type, F_OWNER_PGRP);
    CHECK_EQ(ex.pid, getpgrp());
    ex = (struct f_owner_ex){F_OWNER_TID, gettid()};
    CHECK_EQ(fcntl(p[0], F_SETOWN_EX, &ex), 0);
    CHECK_EQ(fcntl(p[0], F_GETOWN), gettid());
    ex.type = 7;
    CHECK_ERR(fcntl(p[0], F_SETOWN_EX, &ex), EINVAL);
    CHECK_ERR(fcntl(p[0], F_SETOWN_EX, (void *) 8), EFAULT);
    CHECK_ERR(fcntl(p[0], F_SETOWN, 0x3ffffff), ESRCH);
    CHECK_EQ(fcntl(p[0], F_GETSIG), 0);
    CHECK_EQ(fcntl(p[0], F_SETSIG, SIGRTMIN), 0);
    CHECK_EQ(fcntl(p[0], F_GETSIG), SIGRTMIN);
    CHECK_ERR(fcntl(p[0], F_SETSIG, 65), EINVAL);
    CHECK_EQ(fcntl(p[0], F_SETOWN, 0), 0);
    CHECK_EQ(fcntl(p[0], F_GETOWN), 0);
}

CASE(signal_when_readable)
{
    char c;
    int p[2], on = 1;
    CHECK_EQ(pipe(p), 0);
    expect(SIGIO);
    CHECK_EQ(fcntl(p[0], F_SETOWN, getpid()), 0);
    CHECK_EQ(fcntl(p[0], F_SETFL, O_ASYNC | O_NONBLOCK), 0);
    CHECK_EQ(fcntl(p[0], F_GETFL) & (O_ASYNC | O_NONBLOCK), O_ASYNC | O_NONBLOCK);
    CHECK_EQ(write(p[1], "x", 1), 1);
    CHECK(came(SIGIO));
    CHECK_EQ(read(p[0], &c, 1), 1);
    CHECK_EQ(write(p[1], "x", 1), 1);
    CHECK(came(SIGIO));
    CHECK_EQ(fcntl(p[0], F_SETFL, 0), 0);
    CHECK_EQ(read(p[0], &c, 1), 1);
    CHECK_EQ(write(p[1], "x", 1), 1);
    sleep_ms(50);
    CHECK_EQ(got, 0);
    CHECK_EQ(ioctl(p[0], FIOASYNC, &on), 0);
    CHECK_EQ(fcntl(p[0], F_GETFL) & O_ASYNC, O_ASYNC);
    CHECK_EQ(read(p[0], &c, 1), 1);
    CHECK_EQ(write(p[1], "x", 1), 1);
    CHECK(came(SIGIO));
}

CASE(chosen_signal_tells_more)
{
    int p[2];
    CHECK_EQ(pipe(p), 0);
    expect(SIGRTMIN + 1);
    CHECK_EQ(fcntl(p[0], F_SETOWN, getpid()), 0);
    CHECK_EQ(fcntl(p[0], F_SETSIG, SIGRTMIN + 1), 0);
    CHECK_EQ(fcntl(p[0], F_SETFL, O_ASYNC), 0);
    CHECK_EQ(write(p[1], "x", 1), 1);
    CHECK(came(SIGRTMIN + 1));
    CHECK_EQ(got_fd, p[0]);
    CHECK_EQ(got_code, POLL_IN);
}

CASE(nobody_is_told)
{
    int p[2], on = 1, f = (int) CHECK_OK(open("f", O_CREAT | O_RDWR, 0600));
    CHECK_EQ(pipe(p), 0);
    expect(SIGIO);
    CHECK_EQ(fcntl(p[0], F_SETFL, O_ASYNC), 0); /* no owner */
    CHECK_EQ(write(p[1], "x", 1), 1);
    sleep_ms(50);
    CHECK_EQ(got, 0);
    CHECK_EQ(fcntl(f, F_SETOWN, getpid()), 0);
    CHECK_EQ(fcntl(f, F_SETFL, O_ASYNC), 0); /* always ready: ignored */
    CHECK_EQ(fcntl(f, F_GETFL) & O_ASYNC, 0);
    CHECK_ERR(ioctl(f, FIOASYNC, &on), ENOTTY);
}

GUEST_MAIN
