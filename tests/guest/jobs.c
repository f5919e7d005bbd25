/* SPDX-License-Identifier: Apache-2.0 */
/* Sessions, controlling terminals and job control: credentials(7), setsid(2), tcsetpgrp(3),
 * ioctl_tty(2). */
#include "pty.h"

/* The parent holds the master; the session runs in a child whose terminal is the slave. */
static int master;

/* In a fresh session, with the slave as controlling terminal: its descriptor. */
static int enter_session(void)
{
    CHECK_OK(setsid());
    return open_slave(master, O_RDWR | O_CLOEXEC);
}

static void make_master(void)
{
    master = (int) CHECK_OK(open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC));
}

/* Runs body in such a session and expects it to end well. */
#define SESSION(...)                          \
    do {                                      \
        make_master();                        \
        pid_t session_ = fork();              \
        if (session_ == 0) {                  \
            int tty UNUSED = enter_session(); \
            __VA_ARGS__ _exit(0);             \
        }                                     \
        CHECK_EXIT(session_, 0);              \
    } while (0)

/* A child in a group of its own; foreground: made the terminal's. Both sides set the group. */
static pid_t job(int tty, bool foreground)
{
    pid_t pid = (pid_t) CHECK_OK(fork());
    if (pid == 0) {
        setpgid(0, 0);
        if (foreground)
            while (tcgetpgrp(tty) != getpid())
                sleep_ms(1);
        return 0;
    }
    setpgid(pid, pid);
    if (foreground)
        CHECK_EQ(tcsetpgrp(tty, pid), 0);
    return pid;
}

static void stopped_by(pid_t pid, int signo)
{
    int st = 0;
    CHECK_EQ(waitpid(pid, &st, WUNTRACED), pid);
    if (!WIFSTOPPED(st) || WSTOPSIG(st) != signo)
        FAIL("expected a stop by %d, got status 0x%x", signo, (unsigned) st);
}

static void take_foreground(int tty)
{
    sigset_t set, old;
    sigemptyset(&set);
    sigaddset(&set, SIGTTOU);
    sigprocmask(SIG_BLOCK, &set, &old);
    CHECK_EQ(tcsetpgrp(tty, getpgrp()), 0);
    sigprocmask(SIG_SETMASK, &old, NULL);
}

static volatile sig_atomic_t seen[65];

static void note(int signo)
{
    seen[signo]++;
}

static void watch(int signo, int flags)
{
    struct sigaction sa = {.sa_handler = note, .sa_flags = flags};
    CHECK_EQ(sigaction(signo, &sa, NULL), 0);
}

static void until_seen(int signo)
{
    for (int i = 0; i < PATIENCE && !seen[signo]; i++)
        sleep_ms(1);
    CHECK(seen[signo]);
}

/* ---- getting a terminal ---- */

CASE(new_session_has_none)
{
    pid_t pid = fork();
    if (pid == 0) {
        CHECK_OK(setsid());
        CHECK_ERR(open("/dev/tty", O_RDWR), ENXIO);
        _exit(0);
    }
    CHECK_EXIT(pid, 0);
}

CASE(opening_makes_it_ours)
{
    SESSION({
        pid_t p = -1;
        CHECK_EQ(ioctl(tty, TIOCGSID, &p), 0);
        CHECK_EQ(p, getpid());
        CHECK_EQ(tcgetpgrp(tty), getpid());
        int again = (int) CHECK_OK(open("/dev/tty", O_RDWR));
        CHECK_EQ(isatty(again), 1);
        CHECK_EQ(tcgetpgrp(again), getpid());
        say(again, "hi");
    });
    want(master, "hi");
}

CASE(not_with_o_noctty)
{
    make_master();
    pid_t pid = fork();
    if (pid == 0) {
        CHECK_OK(setsid());
        int s = open_slave(master, O_RDWR | O_NOCTTY);
        CHECK_ERR(open("/dev/tty", O_RDWR), ENXIO);
        CHECK_ERR(tcgetpgrp(s), ENOTTY);
        pid_t p;
        CHECK_ERR(ioctl(s, TIOCGSID, &p), ENOTTY);
        CHECK_ERR(ioctl(s, TIOCNOTTY), ENOTTY);
        _exit(0);
    }
    CHECK_EXIT(pid, 0);
}

CASE(not_by_write_only)
{
    make_master();
    pid_t pid = fork();
    if (pid == 0) {
        CHECK_OK(setsid());
        open_slave(master, O_WRONLY);
        CHECK_ERR(open("/dev/tty", O_RDWR), ENXIO);
        _exit(0);
    }
    CHECK_EXIT(pid, 0);
}

CASE(asked_for)
{
    make_master();
    pid_t pid = fork();
    if (pid == 0) {
        CHECK_OK(setsid());
        int s = open_slave(master, O_RDWR | O_NOCTTY);
        CHECK_EQ(ioctl(s, TIOCSCTTY, 0), 0);
        CHECK_EQ(ioctl(s, TIOCSCTTY, 0), 0); /* it is already */
        CHECK_EQ(tcgetpgrp(s), getpid());
        _exit(0);
    }
    CHECK_EXIT(pid, 0);
}

CASE(asked_for_by_others)
{
    SESSION({
        int m2 = (int) CHECK_OK(open("/dev/ptmx", O_RDWR | O_NOCTTY));
        int s2 = open_slave(m2, O_RDWR | O_NOCTTY);
        CHECK_ERR(ioctl(s2, TIOCSCTTY, 0), EPERM); /* a leader with another one */
        pid_t pid = fork();
        if (pid == 0) {
            CHECK_ERR(ioctl(s2, TIOCSCTTY, 0), EPERM); /* no leader */
            _exit(0);
        }
        CHECK_EXIT(pid, 0);
        pid = fork();
        if (pid == 0) {
            CHECK_OK(setsid());
            CHECK_ERR(ioctl(tty, TIOCSCTTY, 0), EPERM); /* another session's */
            _exit(0);
        }
        CHECK_EXIT(pid, 0);
    });
}

CASE(a_second_one_is_not_taken)
{
    SESSION({
        int m2 = (int) CHECK_OK(open("/dev/ptmx", O_RDWR));
        int s2 = open_slave(m2, O_RDWR);
        CHECK_ERR(tcgetpgrp(s2), ENOTTY);
        CHECK_EQ(tcgetpgrp(tty), getpid());
    });
}

CASE(masters_control_nobody)
{
    pid_t pid = fork();
    if (pid == 0) {
        CHECK_OK(setsid());
        int m = (int) CHECK_OK(open("/dev/ptmx", O_RDWR));
        CHECK_ERR(open("/dev/tty", O_RDWR), ENXIO);
        pid_t p = -1;
        CHECK_EQ(ioctl(m, TIOCGPGRP, &p), 0);
        CHECK_EQ(p, 0);
        CHECK_ERR(ioctl(m, TIOCGSID, &p), ENOTTY);
        _exit(0);
    }
    CHECK_EXIT(pid, 0);
}

CASE(inherited)
{
    SESSION({
        pid_t pid = fork();
        if (pid == 0) {
            CHECK_EQ(setpgid(0, 0), 0);
            CHECK_OK(open("/dev/tty", O_RDWR));
            CHECK_EQ(tcgetpgrp(tty), getppid());
            execl("/bin/sh", "sh", "-c", "exec 3<>/dev/tty", NULL);
            _exit(9);
        }
        CHECK_EXIT(pid, 0);
    });
}

CASE(kept_without_a_descriptor)
{
    SESSION({
        CHECK_EQ(close(tty), 0);
        int again = (int) CHECK_OK(open("/dev/tty", O_RDWR));
        CHECK_EQ(tcgetpgrp(again), getpid());
    });
}

CASE(given_up)
{
    SESSION({
        CHECK_EQ(signal(SIGHUP, SIG_IGN), SIG_DFL);
        pid_t pid = job(tty, false);
        if (pid == 0) {
            CHECK_EQ(ioctl(tty, TIOCNOTTY), 0); /* a member's own affair */
            CHECK_ERR(open("/dev/tty", O_RDWR), ENXIO);
            _exit(0);
        }
        CHECK_EXIT(pid, 0);
        CHECK_EQ(tcgetpgrp(tty), getpid());
        CHECK_EQ(ioctl(tty, TIOCNOTTY), 0); /* the leader's: everybody's */
        CHECK_ERR(open("/dev/tty", O_RDWR), ENXIO);
        CHECK_ERR(tcgetpgrp(tty), ENOTTY);
        CHECK_ERR(ioctl(tty, TIOCNOTTY), ENOTTY);
        CHECK_EQ(ioctl(tty, TIOCSCTTY, 0), 0);
    });
}

CASE(given_up_tells_the_foreground)
{
    SESSION({
        watch(SIGCONT, 0);
        pid_t pid = job(tty, true);
        if (pid == 0) {
            pause();
            _exit(0);
        }
        CHECK_EQ(ioctl(tty, TIOCNOTTY), 0);
        CHECK_KILLED(pid, SIGHUP);
        CHECK_EQ(seen[SIGCONT], 0);
    });
}

CASE(shown_in_proc)
{
    SESSION({
        char buf[512];
        int n, nr, tpgid;
        CHECK_EQ(ioctl(master, TIOCGPTN, &n), 0);
        get_file("/proc/self/stat", buf, sizeof(buf));
        CHECK_EQ(sscanf(strrchr(buf, ')') + 4, "%*d %*d %*d %d %d", &nr, &tpgid), 2);
        CHECK_EQ(nr, 136 << 8 | n);
        CHECK_EQ(tpgid, getpid());
        signal(SIGHUP, SIG_IGN);
        CHECK_EQ(ioctl(tty, TIOCNOTTY), 0);
        get_file("/proc/self/stat", buf, sizeof(buf));
        CHECK_EQ(sscanf(strrchr(buf, ')') + 4, "%*d %*d %*d %d %d", &nr, &tpgid), 2);
        CHECK_EQ(nr, 0);
        CHECK_EQ(tpgid, -1);
    });
}

/* ---- the foreground ---- */

CASE(interrupt_reaches_the_foreground)
{
    SESSION({
        watch(SIGINT, 0);
        pid_t fg = job(tty, true);
        if (fg == 0)
            for (;;)
                pause();
        pid_t bg = job(tty, false);
        if (bg == 0)
            for (;;)
                pause();
        say(master, "\003");
        CHECK(seen[SIGINT] == 0);
        kill(fg, SIGKILL);
        kill(bg, SIGKILL);
        CHECK_OK(waitpid(bg, NULL, 0));
    });
    want(master, "^C");
}

CASE(keys_and_their_signals)
{
    static const struct {
        char key;
        int signo;
    } keys[] = {{3, SIGINT}, {034, SIGQUIT}};
    for (int i = 0; i < 2; i++)
        SESSION({
            pid_t pid = job(tty, true);
            if (pid == 0) {
                signal(keys[i].signo, SIG_DFL);
                pause();
                _exit(0);
            }
            say_n(master, &keys[i].key, 1);
            int st = 0;
            CHECK_EQ(waitpid(pid, &st, 0), pid);
            CHECK(WIFSIGNALED(st));
            CHECK_EQ(WTERMSIG(st), keys[i].signo);
        });
}

CASE(suspend_and_continue)
{
    SESSION({
        pid_t pid = job(tty, true);
        if (pid == 0) {
            char c;
            CHECK_EQ(read(tty, &c, 1), 1);
            _exit(c);
        }
        say(master, "\032");
        stopped_by(pid, SIGTSTP);
        take_foreground(tty);
        CHECK_EQ(tcsetpgrp(tty, pid), 0);
        CHECK_EQ(kill(-pid, SIGCONT), 0);
        say(master, "a\n");
        CHECK_EXIT(pid, 'a');
    });
}

CASE(no_signals_without_isig)
{
    SESSION({
        local(tty, 0, ISIG);
        say(master, "\003\032\n");
        want_read(tty, 100, "\003\032\n");
    });
}

CASE(interrupt_flushes)
{
    SESSION({
        watch(SIGINT, SA_RESTART);
        say(master, "gone\n");
        pending(tty, 5);
        say(master, "\003");
        until_seen(SIGINT);
        pending(tty, 0);
        local(tty, NOFLSH, 0);
        say(master, "kept\n\003");
        pending(tty, 5);
    });
}

CASE(signal_by_the_master)
{
    SESSION({
        watch(SIGINT, 0);
        CHECK_ERR(ioctl(master, TIOCSIG, SIGKILL), EINVAL);
        CHECK_EQ(ioctl(master, TIOCSIG, SIGINT), 0);
        until_seen(SIGINT);
    });
}

CASE(window_change_is_told)
{
    SESSION({
        struct winsize w = {30, 90, 0, 0};
        watch(SIGWINCH, 0);
        CHECK_EQ(ioctl(master, TIOCSWINSZ, &w), 0);
        until_seen(SIGWINCH);
        seen[SIGWINCH] = 0;
        CHECK_EQ(ioctl(master, TIOCSWINSZ, &w), 0); /* the same */
        sleep_ms(QUIET);
        CHECK_EQ(seen[SIGWINCH], 0);
        w.ws_col++;
        CHECK_EQ(ioctl(tty, TIOCSWINSZ, &w), 0);
        until_seen(SIGWINCH);
    });
}

CASE(foreground_seen_by_the_master)
{
    SESSION({
        pid_t p = -1;
        CHECK_EQ(ioctl(master, TIOCGPGRP, &p), 0);
        CHECK_EQ(p, getpid());
        CHECK_EQ(ioctl(master, TIOCGSID, &p), 0);
        CHECK_EQ(p, getpid());
        CHECK_EQ(tcgetpgrp(tty), getpid());
    });
}

CASE(foreground_errors)
{
    SESSION({
        pid_t other = fork();
        if (other == 0) {
            CHECK_OK(setsid());
            pause();
        }
        while (getsid(other) != other)
            sleep_ms(1);
        int p = -5;
        CHECK_ERR(ioctl(tty, TIOCSPGRP, &p), EINVAL);
        CHECK_ERR(ioctl(tty, TIOCSPGRP, 8), EFAULT);
        CHECK_ERR(tcsetpgrp(tty, 4000000), ESRCH);
        CHECK_ERR(tcsetpgrp(tty, other), EPERM);
        CHECK_EQ(tcsetpgrp(master, getpgrp()), 0); /* it is our terminal there, too */
        kill(other, SIGKILL);
    });
}

/* ---- the background ---- */

CASE(background_read_stops)
{
    SESSION({
        pid_t pid = job(tty, false);
        if (pid == 0) {
            char c = 1;
            CHECK_EQ(read(tty, &c, 1), 1);
            _exit(c);
        }
        stopped_by(pid, SIGTTIN);
        CHECK_EQ(tcsetpgrp(tty, pid), 0);
        CHECK_EQ(kill(pid, SIGCONT), 0);
        say(master, "z\n");
        CHECK_EXIT(pid, 'z');
    });
}

CASE(background_read_ignored_or_blocked)
{
    SESSION({
        pid_t pid = job(tty, false);
        if (pid == 0) {
            char c;
            sigset_t set;
            signal(SIGTTIN, SIG_IGN);
            CHECK_ERR(read(tty, &c, 1), EIO);
            signal(SIGTTIN, SIG_DFL);
            sigemptyset(&set);
            sigaddset(&set, SIGTTIN);
            sigprocmask(SIG_BLOCK, &set, NULL);
            CHECK_ERR(read(tty, &c, 1), EIO);
            _exit(0);
        }
        CHECK_EXIT(pid, 0);
    });
}

CASE(background_read_handled)
{
    SESSION({
        pid_t pid = job(tty, false);
        if (pid == 0) {
            char c;
            watch(SIGTTIN, 0);
            CHECK_ERR(read(tty, &c, 1), EINTR);
            CHECK_EQ(seen[SIGTTIN], 1);
            _exit(0);
        }
        CHECK_EXIT(pid, 0);
    });
}

CASE(background_read_orphaned)
{
    make_master();
    int result[2];
    CHECK_EQ(pipe(result), 0);
    pid_t session = fork();
    if (session == 0) {
        int tty = enter_session();
        pid_t pid = fork();
        if (pid == 0) {
            setpgid(0, 0);
            if (fork() ==
                0) { /* its parent, in its own group, is all that ties it to the session */
                char c;
                pid_t parent = getppid();
                setpgid(0, 0);
                kill(parent, SIGKILL);
                while (getppid() == parent)
                    sleep_ms(1);
                bool good = read(tty, &c, 1) == -1 && errno == EIO;
                CHECK_EQ(write(result[1], good ? "y" : "n", 1), 1);
                _exit(0);
            }
            pause();
        }
        waitpid(pid, NULL, 0);
        sleep_ms(200);
        _exit(0);
    }
    char c = 0;
    CHECK_EQ(read(result[0], &c, 1), 1);
    CHECK_EQ(c, 'y');
    CHECK_EXIT(session, 0);
}

CASE(background_write_may)
{
    SESSION({
        pid_t pid = job(tty, false);
        if (pid == 0) {
            say(tty, "from behind");
            _exit(0);
        }
        CHECK_EXIT(pid, 0);
        want(master, "from behind");
    });
}

CASE(background_write_stops)
{
    SESSION({
        local(tty, TOSTOP, 0);
        pid_t pid = job(tty, false);
        if (pid == 0) {
            say(tty, "late");
            _exit(0);
        }
        stopped_by(pid, SIGTTOU);
        quiet(master);
        CHECK_EQ(tcsetpgrp(tty, pid), 0);
        CHECK_EQ(kill(pid, SIGCONT), 0);
        CHECK_EXIT(pid, 0);
        want(master, "late");
    });
}

CASE(background_write_ignored)
{
    SESSION({
        local(tty, TOSTOP, 0);
        pid_t pid = job(tty, false);
        if (pid == 0) {
            signal(SIGTTOU, SIG_IGN);
            say(tty, "bold");
            _exit(0);
        }
        CHECK_EXIT(pid, 0);
        want(master, "bold");
    });
}

CASE(background_changes_stop)
{
    for (int what = 0; what < 4; what++)
        SESSION({
            pid_t pid = job(tty, false);
            if (pid == 0) {
                struct termios t = modes(tty); /* asking is free */
                int g = getpgrp();
                if (what == 0)
                    CHECK_EQ(ioctl(tty, TCSETS, &t), 0);
                else if (what == 1)
                    CHECK_EQ(ioctl(tty, TCFLSH, TCIFLUSH), 0);
                else if (what == 2)
                    CHECK_EQ(ioctl(tty, TCSBRK, 1), 0);
                else
                    CHECK_EQ(ioctl(tty, TIOCSPGRP, &g), 0);
                _exit(0);
            }
            stopped_by(pid, SIGTTOU);
            CHECK_EQ(tcsetpgrp(tty, pid), 0);
            CHECK_EQ(kill(pid, SIGCONT), 0);
            CHECK_EXIT(pid, 0);
        });
}

CASE(background_takes_over_with_ttou_blocked)
{
    SESSION({
        pid_t pid = job(tty, false);
        if (pid == 0) {
            take_foreground(tty);
            CHECK_EQ(tcgetpgrp(tty), getpid());
            _exit(0);
        }
        CHECK_EXIT(pid, 0);
    });
}

CASE(background_may_look)
{
    SESSION({
        say(master, "x\n");
        pending(tty, 2);
        pid_t pid = job(tty, false);
        if (pid == 0) {
            struct winsize w;
            CHECK(events(tty, PATIENCE) & POLLIN);
            CHECK_EQ(ioctl(tty, TIOCGWINSZ, &w), 0);
            _exit(0);
        }
        CHECK_EXIT(pid, 0);
    });
}

/* ---- ends ---- */

CASE(hangup_tells_the_leader)
{
    make_master();
    pid_t session = fork();
    if (session == 0) {
        int tty = enter_session();
        char c;
        watch(SIGHUP, 0);
        watch(SIGCONT, 0);
        say(tty, "ready");
        close(master);
        until_seen(SIGHUP);
        until_seen(SIGCONT);
        CHECK_EQ(read(tty, &c, 1), 0);
        CHECK_ERR(write(tty, &c, 1), EIO);
        CHECK_ERR(open("/dev/tty", O_RDWR), ENXIO);
        _exit(0);
    }
    want(master, "ready");
    CHECK_EQ(close(master), 0);
    CHECK_EXIT(session, 0);
}

CASE(hangup_kills_a_leader_and_then_its_job)
{
    make_master();
    int alive[2];
    CHECK_EQ(pipe(alive), 0);
    pid_t session = fork();
    if (session == 0) {
        int tty = enter_session();
        close(master);
        close(alive[0]);
        pid_t pid = job(tty, true);
        if (pid == 0)
            say(tty, "ready");
        for (;;)
            pause();
    }
    close(alive[1]);
    want(master, "ready");
    CHECK_EQ(close(master), 0);
    CHECK_KILLED(session, SIGHUP);
    char c;
    CHECK_EQ(read(alive[0], &c, 1), 0); /* both ends of theirs are gone */
}

CASE(leader_ends_foreground_hangs_up)
{
    make_master();
    int alive[2];
    CHECK_EQ(pipe(alive), 0);
    pid_t session = fork();
    if (session == 0) {
        int tty = enter_session();
        close(alive[0]);
        pid_t pid = job(tty, true);
        if (pid == 0) {
            say(tty, "ready");
            for (;;)
                pause();
        }
        want(master, "ready");
        _exit(5);
    }
    close(alive[1]);
    CHECK_EXIT(session, 5);
    char c;
    CHECK_EQ(read(alive[0], &c, 1), 0);
}

CASE(leader_ends_background_lives)
{
    make_master();
    int report[2];
    CHECK_EQ(pipe(report), 0);
    pid_t session = fork();
    if (session == 0) {
        int tty = enter_session();
        pid_t leader = getpid(), pid = job(tty, false);
        if (pid == 0) {
            watch(SIGHUP, 0);
            while (getppid() == leader)
                sleep_ms(1);
            sleep_ms(20);
            bool good = !seen[SIGHUP] && open("/dev/tty", O_RDWR) == -1 && errno == ENXIO;
            /* Its descriptor works on: nobody hung up. */
            good &= write(tty, "on", 2) == 2;
            CHECK_EQ(write(report[1], good ? "y" : "n", 1), 1);
            _exit(0);
        }
        _exit(5);
    }
    CHECK_EXIT(session, 5);
    char c = 0;
    CHECK_EQ(read(report[0], &c, 1), 1);
    CHECK_EQ(c, 'y');
    want(master, "on");
}

CASE(stopped_job_of_an_ended_leader)
{
    make_master();
    int alive[2];
    CHECK_EQ(pipe(alive), 0);
    pid_t session = fork();
    if (session == 0) {
        int tty = enter_session();
        close(alive[0]);
        pid_t pid = job(tty, false);
        if (pid == 0) {
            raise(SIGSTOP);
            for (;;)
                pause();
        }
        stopped_by(pid, SIGSTOP);
        _exit(0);
    }
    close(alive[1]);
    CHECK_EXIT(session, 0);
    char c;
    CHECK_EQ(read(alive[0], &c, 1), 0); /* SIGHUP has ended it: nobody else could */
}

CASE(terminal_is_free_after_its_session)
{
    make_master();
    for (int i = 0; i < 2; i++) {
        pid_t session = fork();
        if (session == 0) {
            int tty = enter_session();
            CHECK_EQ(tcgetpgrp(tty), getpid());
            _exit(0);
        }
        CHECK_EXIT(session, 0);
    }
}

CASE(suspend_does_nothing_to_orphans)
{
    make_master();
    pid_t session = fork();
    if (session == 0) {
        int tty = enter_session();
        say(master, "\032go\n"); /* the leader's group has no parent in the session */
        want_read(tty, 100, "go\n");
        _exit(0);
    }
    CHECK_EXIT(session, 0);
}

CASE(hanging_up_takes_privilege)
{
    SESSION({
        if (geteuid() == 0)
            CHECK_EQ(setresuid(12345, 12345, 12345), 0);
        CHECK_ERR(vhangup(), EPERM);
        CHECK_ERR(ioctl(tty, TIOCVHANGUP), EPERM);
        if (geteuid() == 0)
            CHECK_EQ(tcgetpgrp(tty), getpid());
    });
}

GUEST_MAIN
