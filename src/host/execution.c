/* SPDX-License-Identifier: Apache-2.0 */
/* Further processes: see execution.h. Sources: signalfd(2), setsid(2), wait(2). */
#include "host/execution.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/wait.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "base/sys.h"
#include "host/terminal.h"
#include "rpc/control.h"

#define CONTROL_TIMEOUT_MS 10000
#define FIRST_PRESERVED    3

/* ---- the request ---- */

static void fill_signals(sigset_t *set, bool detached)
{
    /* Of our own making: our children, our faults, what we write to. */
    static const int ours[] = {SIGCHLD, SIGPIPE, SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGSYS};
    static const int job_control[] = {SIGTSTP, SIGTTIN, SIGTTOU};

    sigfillset(set);
    for (size_t i = 0; i < ARRAY_LEN(ours); i++)
        sigdelset(set, ours[i]);
    for (size_t i = 0; i < ARRAY_LEN(job_control) && !detached; i++)
        sigdelset(set, job_control[i]);
}

int execution_prepare(struct execution *e, bool detached, struct fail *f)
{
    sigset_t set;

    e->detached = detached;
    e->buf = malloc(CONTROL_MAX_FRAME + 1);
    if (!e->buf)
        return fail(f, ENOMEM, "out of memory");
    fill_signals(&set, detached);
    sigprocmask(SIG_BLOCK, &set, NULL);
    e->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    return e->signal_fd < 0 ? fail_errno(f, errno, "making a signal descriptor") : 0;
}

/* A descriptor that we were not given would be one of our own. */
static int add_preserved(struct control_fds *fds, uint32_t n, struct fail *f)
{
    if (n > CONTROL_MAX_PRESERVED)
        return fail(f, E2BIG, "option --preserve-fds: at most %u", CONTROL_MAX_PRESERVED);
    for (int fd = FIRST_PRESERVED; fd < FIRST_PRESERVED + (int) n; fd++) {
        int flags = fcntl(fd, F_GETFD);

        if (flags < 0 || (flags & FD_CLOEXEC))
            return fail(f, EBADF, "option --preserve-fds: descriptor %d is not open", fd);
        fds->fd[fds->n++] = fd;
    }
    return 0;
}

static int send_request(int control, const struct execution_request *q, struct fail *f)
{
    struct control_exec x = {.preserved = q->n_preserved};
    struct control_fds fds = {.n = 1};
    _cleanup_close_ int spec_fd = -1;
    int r = process_spec_encode(q->spec, &spec_fd);

    if (r == -E2BIG)
        return fail(f, E2BIG, "arguments and environment are longer than 4 MiB together");
    if (r < 0)
        return fail_errno(f, -r, "writing the description of the process");
    fds.fd[0] = spec_fd;
    for (int i = 0; i < 3; i++) {
        if (q->stdio[i] < 0)
            continue;
        fds.fd[fds.n++] = q->stdio[i];
        x.stdio |= 1u << i;
    }
    r = add_preserved(&fds, q->n_preserved, f);
    if (r < 0)
        return r;
    r = control_send_fds(control, CONTROL_EXEC, &x, sizeof(x), &fds);
    return r < 0 ? fail_errno(f, -r, "asking the sandbox for a process") : 0;
}

static int read_answer(struct execution *e, struct fail *f)
{
    struct control_started started;
    struct control_frame frame;
    const char *text;
    uint32_t status;
    int r = control_recv(e->control_fd, e->buf, CONTROL_MAX_FRAME + 1, &frame);

    if (r == -EAGAIN)
        return fail(f, ETIMEDOUT, "the sandbox does not answer");
    if (r == -ENOTCONN)
        return fail(f, ESRCH, "container not running: it has ended meanwhile");
    if (r < 0)
        return fail_errno(f, -r, "reading the sandbox's answer");
    if (control_parse_started(&frame, &started) == 0) {
        log_debug("the process inside has the number %d", (int) started.pid);
        return 0;
    }
    if (control_parse_failed(&frame, &status, &text) == 0) {
        f->status = status == EXIT_NOT_FOUND ? EXIT_NOT_FOUND : EXIT_NOT_EXEC;
        return fail(f, ECANCELED, "%s", text);
    }
    if (frame.type == CONTROL_ERROR)
        return fail(f, ECANCELED, "%s", frame.payload);
    return fail(f, EBADMSG, "the sandbox sent an unexpected answer");
}

int execution_start(const struct container *c, const struct execution_request *q,
                    struct execution *e, struct fail *f)
{
    _cleanup_free_ char *path = container_control_path(c);
    int r = path ? control_connect(path, CONTROL_TIMEOUT_MS, &e->control_fd) : -ENOMEM;

    if (r < 0)
        return fail_errno(f, -r, "asking the sandbox of %s", c->id);
    r = send_request(e->control_fd, q, f);
    return r < 0 ? r : read_answer(e, f);
}

/* ---- while it runs ---- */

static int pass_signal(struct execution *e, const struct relay *relay)
{
    struct signalfd_siginfo si;
    struct control_kill k = {0};

    if (read(e->signal_fd, &si, sizeof(si)) != (ssize_t) sizeof(si))
        return 0;
    k.signo = (int32_t) si.ssi_signo;
    if (relay_is_on(relay) && k.signo == SIGWINCH) {
        relay_resize(relay);
        return control_send(e->control_fd, CONTROL_RESIZED, NULL, 0);
    }
    if (!e->detached && k.signo == SIGCONT) {
        relay_continue(relay);
        return 0;
    }
    return control_send(e->control_fd, CONTROL_SIGNAL, &k, sizeof(k));
}

static int exit_status(uint32_t wait_status)
{
    uint32_t signo = wait_status & 0x7f;

    return signo ? 128 + (int) signo : (int) (wait_status >> 8 & 0xff);
}

/* 1: *ret_status is known. 0: something else. */
static int read_news(struct execution *e, int *ret_status)
{
    struct control_frame frame;
    struct control_exited x;
    int r = control_recv(e->control_fd, e->buf, CONTROL_MAX_FRAME + 1, &frame);

    if (r == -EAGAIN)
        return 0;
    if (r == -ENOTCONN) {
        /* The container has ended and taken the process along. */
        *ret_status = 128 + SIGKILL;
        return 1;
    }
    if (r < 0)
        return r;
    if (control_parse_exited(&frame, &x) == 0) {
        *ret_status = exit_status(x.wait_status);
        return 1;
    }
    if (frame.type == CONTROL_ERROR)
        log_debug("passing on a signal: %s", frame.payload);
    return 0;
}

static int wait_end(struct execution *e, struct relay *relay, int *ret_status, struct fail *f)
{
    for (;;) {
        struct pollfd p[2 + RELAY_POLLED] = {{.fd = e->control_fd, .events = POLLIN},
                                             {.fd = e->signal_fd, .events = POLLIN}};
        int r = 0;

        relay_prepare(relay, p + 2);
        if (poll(p, ARRAY_LEN(p), -1) < 0) {
            if (errno == EINTR)
                continue;
            return fail_errno(f, errno, "waiting for the process");
        }
        relay_move(relay, p + 2);
        if (p[0].revents)
            r = read_news(e, ret_status);
        else if (p[1].revents)
            r = pass_signal(e, relay);
        if (r > 0)
            return 0;
        if (r < 0 && r != -EPIPE) /* the end of the connection is read, too */
            return fail_errno(f, -r, "waiting for the process");
    }
}

int execution_wait(struct execution *e, int *ret_status, struct fail *f)
{
    struct relay relay = {.master = -1};
    int r = 0;

    if (e->master >= 0)
        r = relay_begin(&relay, take_fd(&e->master), f);
    if (r == 0)
        r = wait_end(e, &relay, ret_status, f);
    relay_end(&relay);
    return r;
}

/* ---- detached ---- */

/* Nothing of the caller's is kept: it waits for the end of its pipes. */
static int let_go(const struct execution *e)
{
    int nothing = open("/dev/null", O_RDWR | O_CLOEXEC);
    int keep[2] = {e->control_fd, e->signal_fd};

    if (nothing < 0)
        return -errno;
    for (int fd = 0; fd < 3; fd++)
        if (dup2(nothing, fd) < 0)
            return -errno;
    /* First both out of the way of both targets. */
    for (int i = 0; i < 2; i++) {
        keep[i] = fcntl(keep[i], F_DUPFD_CLOEXEC, 16);
        if (keep[i] < 0)
            return -errno;
    }
    for (int i = 0; i < 2; i++)
        if (dup3(keep[i], 3 + i, O_CLOEXEC) < 0)
            return -errno;
    return host_close_range(5, ~0u, 0);
}

noreturn_ static void stand_in(struct execution *e)
{
    struct fail f = {0};
    int status;

    (void) setsid(); /* the caller's terminal is not ours to be interrupted by */
    log_init(-1, LOG_TEXT, LOG_ERROR);
    if (chdir("/") < 0 || let_go(e) < 0)
        _exit(EXIT_OURS);
    e->control_fd = 3;
    e->signal_fd = 4;
    _exit(execution_wait(e, &status, &f) < 0 ? EXIT_OURS : status);
}

int execution_detach(struct execution *e, pid_t *ret_pid, struct fail *f)
{
    pid_t pid = fork();

    if (pid < 0)
        return fail_errno(f, errno, "making a process that waits for the one inside");
    if (pid == 0)
        stand_in(e);
    execution_close(e);
    *ret_pid = pid;
    return 0;
}

void execution_close(struct execution *e)
{
    e->control_fd = close_fd(e->control_fd);
    e->signal_fd = close_fd(e->signal_fd);
    e->master = close_fd(e->master);
    free(e->buf);
    e->buf = NULL;
}
