/* SPDX-License-Identifier: Apache-2.0 */
/* The foreground life of `do` and `run`: see foreground.h. Sources: signalfd(2), pidfd_open(2),
 * waitid(2). */
#include "host/foreground.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "base/sys.h"
#include "host/terminal.h"
#include "rpc/control.h"

/* Job control of the caller's shell (STOP, TSTP, TTIN, TTOU, CONT) stays with us. */
static const int forwarded[] = {SIGHUP,  SIGINT,  SIGQUIT,  SIGTERM,
                                SIGUSR1, SIGUSR2, SIGWINCH, SIGALRM};

#define CONTROL_TIMEOUT_MS 2000

static bool asks_for_end(int signo)
{
    return signo == SIGHUP || signo == SIGINT || signo == SIGQUIT || signo == SIGTERM;
}

int foreground_begin(struct foreground *fg, struct fail *f)
{
    sigset_t set;

    sigemptyset(&set);
    for (size_t i = 0; i < ARRAY_LEN(forwarded); i++)
        sigaddset(&set, forwarded[i]);
    sigprocmask(SIG_BLOCK, &set, &fg->saved_mask);
    fg->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    if (fg->signal_fd < 0)
        return fail_errno(f, errno, "making a signal descriptor");
    return 0;
}

/* 0 when the sandbox took it. The answer is not awaited on `do`'s socket: init may be long in
 * dying. */
static int request(const struct foreground *fg, enum control_type type, const void *payload,
                   size_t len)
{
    _cleanup_close_ int fd = -1;
    _cleanup_free_ char *text = NULL;
    char drop[512];
    int r;

    if (fg->control_fd >= 0) {
        while (recv(fg->control_fd, drop, sizeof(drop), MSG_DONTWAIT) > 0)
            continue;
        return control_send(fg->control_fd, type, payload, len);
    }
    if (!fg->control_path)
        return -ENOTCONN;
    r = control_connect(fg->control_path, CONTROL_TIMEOUT_MS, &fd);
    if (r < 0)
        return r;
    return control_call(fd, type, payload, len, &text);
}

static int deliver(const struct foreground *fg, int signo)
{
    struct control_kill k = {.signo = signo};

    return request(fg, CONTROL_KILL, &k, sizeof(k));
}

static int read_signal(const struct foreground *fg)
{
    struct signalfd_siginfo si;

    if (read(fg->signal_fd, &si, sizeof(si)) != (ssize_t) sizeof(si))
        return 0;
    return (int) si.ssi_signo;
}

int foreground_wait_ready(struct foreground *fg, struct sandbox *s, struct fail *f)
{
    for (;;) {
        struct pollfd p[2] = {{.fd = s->sync_fd, .events = POLLIN},
                              {.fd = fg->signal_fd, .events = POLLIN}};
        int signo;

        if (poll(p, 2, -1) < 0) {
            if (errno == EINTR)
                continue;
            return fail_errno(f, errno, "waiting for the sandbox");
        }
        if (p[0].revents)
            return sandbox_wait_ready(s, f);
        signo = read_signal(fg);
        if (asks_for_end(signo)) {
            f->status = 128 + signo;
            return fail(f, EINTR, "ended by signal %d (%s) before the program was started", signo,
                        strsignal(signo));
        }
    }
}

static int read_status(struct sandbox *s, int *ret_status, struct fail *f)
{
    siginfo_t si = {0};

    if (waitid(P_PIDFD, (id_t) s->pidfd, &si, WEXITED) < 0)
        return fail_errno(f, errno, "waiting for the sandbox process");
    if (si.si_code == CLD_EXITED) {
        *ret_status = si.si_status;
    } else {
        log_warn("the sandbox process was killed by signal %d (%s)", si.si_status,
                 strsignal(si.si_status));
        *ret_status = 128 + si.si_status;
    }
    return 0;
}

static void pass_on(const struct foreground *fg, const struct sandbox *s, const struct relay *relay,
                    int signo)
{
    int r;

    if (relay_is_on(relay) && signo == SIGWINCH) {
        relay_resize(relay);
        r = request(fg, CONTROL_RESIZED, NULL, 0);
    } else if (signo == SIGCONT) {
        relay_continue(relay);
        return;
    } else {
        r = deliver(fg, signo);
    }
    if (r < 0) {
        log_debug("passing on signal %d: %s", signo, strerror(-r));
        if (asks_for_end(signo))
            (void) !host_pidfd_send_signal(s->pidfd, SIGKILL);
    }
}

static int wait_exit(struct foreground *fg, struct sandbox *s, struct relay *relay, int *ret_status,
                     struct fail *f)
{
    for (;;) {
        struct pollfd p[2 + RELAY_POLLED] = {{.fd = s->pidfd, .events = POLLIN},
                                             {.fd = fg->signal_fd, .events = POLLIN}};
        int signo;

        relay_prepare(relay, p + 2);
        if (poll(p, ARRAY_LEN(p), -1) < 0) {
            if (errno == EINTR)
                continue;
            return fail_errno(f, errno, "waiting for the sandbox");
        }
        if (p[0].revents)
            return read_status(s, ret_status, f);
        relay_move(relay, p + 2);
        signo = read_signal(fg);
        if (signo)
            pass_on(fg, s, relay, signo);
    }
}

/* SIGCONT continues us all the same; then our terminal's modes may have been changed. */
static int watch_continue(struct foreground *fg)
{
    sigset_t set;

    sigemptyset(&set);
    for (size_t i = 0; i < ARRAY_LEN(forwarded); i++)
        sigaddset(&set, forwarded[i]);
    sigaddset(&set, SIGCONT);
    sigprocmask(SIG_BLOCK, &set, NULL);
    return signalfd(fg->signal_fd, &set, 0) < 0 ? -errno : 0;
}

int foreground_wait_exit(struct foreground *fg, struct sandbox *s, int *ret_status, struct fail *f)
{
    struct relay relay = {.master = -1};
    int r = 0;

    if (fg->master >= 0) {
        r = watch_continue(fg);
        r = r < 0 ? fail_errno(f, -r, "watching for signals")
                  : relay_begin(&relay, take_fd(&fg->master), f);
    }
    if (r == 0)
        r = wait_exit(fg, s, &relay, ret_status, f);
    relay_end(&relay);
    return r;
}

void foreground_end(struct foreground *fg)
{
    fg->signal_fd = close_fd(fg->signal_fd);
    fg->master = close_fd(fg->master);
    sigprocmask(SIG_SETMASK, &fg->saved_mask, NULL);
}
