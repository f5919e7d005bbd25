/* SPDX-License-Identifier: Apache-2.0 */
/* Answers to the requests of the control protocol: see control_server.h. */
#include "sentry/control_server.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "base/strbuf.h"
#include "base/sys.h"
#include "boot/posture.h"
#include "kernel/kernel.h"
#include "kernel/signal/signal.h"
#include "kernel/task/pause.h"
#include "kernel/task/snapshot.h"
#include "rpc/control.h"
#include "sentry/exec_session.h"
#include "tty/tty.h"

#define MAX_CMDLINE 1024
/* After SIGKILL for init: how long its threads may take to leave before the sandbox ends without
 * them. */
#define KILL_SECONDS 2

static int send_ok(int fd)
{
    return control_send(fd, CONTROL_OK, NULL, 0);
}

static int send_error(int fd, const char *text)
{
    return control_send_text(fd, CONTROL_ERROR, text);
}

/* ---- START, STATE ---- */

static int on_start(struct control_server *cs, int fd)
{
    uint32_t created = 0;

    if (!atomic_compare_exchange_strong(&cs->started, &created, 1))
        return send_error(fd, "the container runs already");
    host_futex_wake(&cs->started, INT_MAX, FUTEX_SCOPE_PRIVATE);
    return send_ok(fd);
}

static int on_state(struct control_server *cs, int fd)
{
    const char *status = atomic_load(&cs->k->ended)  ? "stopped"
                         : kernel_is_paused(cs->k)   ? "paused"
                         : atomic_load(&cs->started) ? "running"
                                                     : "created";
    uint32_t n, max;
    char text[128];

    mutex_lock(&cs->k->tasks_lock);
    n = cs->k->n_tasks;
    max = cs->k->max_tasks;
    mutex_unlock(&cs->k->tasks_lock);
    snprintf(text, sizeof(text), "{\"status\":\"%s\",\"tasks\":%u,\"maxTasks\":%u}", status, n,
             max);
    return control_send_text(fd, CONTROL_TEXT, text);
}

/* ---- KILL ---- */

/* A container that was never started has no program that could handle a signal. */
static int kill_created(int fd, int signo)
{
    int r = send_ok(fd);

    if (SIGBIT(signo) & (SIGSET_IGNORED | SIGSET_STOP))
        return r;
    _exit(128 + signo);
}

static int send_to(struct tgroup *tg, int signo)
{
    struct lx_siginfo info = {.signo = signo, .code = LX_SI_USER}; /* pid 0: a sender outside */

    return signal_send_group(tg, &info);
}

static void send_to_all(struct kernel *k, int signo)
{
    for (pid_t pid = task_next_pid(k, 1); pid > 0; pid = task_next_pid(k, pid + 1)) {
        struct tgroup *tg = tgroup_find_get(k, pid);

        if (!tg)
            continue;
        (void) send_to(tg, signo);
        tgroup_put(tg);
    }
}

/* SIGKILL for init means that the container ends, even if one of our threads cannot be had. */
static void enforce_end(struct kernel *k)
{
    struct timespec until;

    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += KILL_SECONDS;
    while (!atomic_load(&k->ended))
        if (host_futex_wait(&k->ended, 0, FUTEX_SCOPE_PRIVATE, &until) == -ETIMEDOUT)
            _exit(128 + LX_SIGKILL);
}

static int on_kill(struct control_server *cs, int fd, const struct control_frame *frame)
{
    struct control_kill k;
    int r = control_parse_kill(frame, &k);

    if (r < 0)
        return r;
    if (!atomic_load(&cs->started))
        return kill_created(fd, k.signo);
    /* First the answer: with the signal the whole sandbox may be gone before it could be given. */
    r = send_ok(fd);
    if (k.all)
        send_to_all(cs->k, k.signo);
    else
        (void) send_to(cs->init->tg, k.signo);
    if (k.signo == LX_SIGKILL)
        enforce_end(cs->k);
    return r;
}

/* ---- PAUSE, RESUME ---- */

/* What is so already is no error: a command that died between asking and recording is repeated. */
static int on_pause(struct control_server *cs, int fd)
{
    int r = kernel_pause(cs->k);

    return r < 0 && r != -EALREADY ? send_error(fd, "a process of the container does not stop")
                                   : send_ok(fd);
}

static int on_resume(struct control_server *cs, int fd)
{
    if (kernel_resume(cs->k) < 0) {
        /* it runs, which is what was asked for */
    }
    return send_ok(fd);
}

/* ---- LIMITS ---- */

static int on_limits(struct control_server *cs, int fd, const struct control_frame *frame)
{
    struct control_limits l;
    int r = control_parse_limits(frame, &l);

    if (r < 0)
        return r;
    kernel_limit_tasks(cs->k, l.pids_max);
    return send_ok(fd);
}

/* ---- PS ---- */

static void add_command(struct kernel *k, const struct task_snapshot *s, struct strbuf *out)
{
    char line[MAX_CMDLINE], comm[sizeof(s->comm) + 3];
    uint64_t want = s->arg_end - s->arg_start;
    ssize_t n = 0;

    if (s->arg_start && s->arg_end > s->arg_start)
        n = task_snapshot_read(k, s->pid, line, s->arg_start,
                               want < sizeof(line) ? want : sizeof(line));
    while (n > 0 && line[n - 1] == '\0')
        n--;
    for (ssize_t i = 0; i < n; i++)
        if (line[i] == '\0')
            line[i] = ' ';
    if (n > 0) {
        sb_add_json_stringn(out, line, (size_t) n);
        return;
    }
    snprintf(comm, sizeof(comm), "[%.*s]", (int) sizeof(s->comm), s->comm);
    sb_add_json_string(out, comm);
}

static int on_ps(struct control_server *cs, int fd)
{
    _cleanup_sb_ struct strbuf out = STRBUF_INIT;
    unsigned n = 0;

    sb_add(&out, "{\"processes\":[");
    for (pid_t pid = task_next_pid(cs->k, 1); pid > 0; pid = task_next_pid(cs->k, pid + 1)) {
        struct task_snapshot s;

        if (task_snapshot(cs->k, pid, &s) < 0)
            continue;
        if (out.len > CONTROL_MAX_PAYLOAD - 8 * MAX_CMDLINE) {
            log_warn("ps: too many processes for one answer, the list ends at %d", (int) pid);
            break;
        }
        sb_addf(&out, "%s{\"pid\":%d,\"ppid\":%d,\"uid\":%u,\"cmd\":", n++ ? "," : "", (int) s.pid,
                (int) s.ppid, s.uid);
        add_command(cs->k, &s, &out);
        sb_add(&out, "}");
    }
    sb_add(&out, "]}");
    return sb_error(&out) < 0 ? send_error(fd, "out of memory")
                              : control_send_text(fd, CONTROL_TEXT, sb_text(&out));
}

/* ---- POSTURE ---- */

static int on_posture(struct control_server *cs, int fd)
{
    _cleanup_sb_ struct strbuf out = STRBUF_INIT;
    int r = posture_format(cs->c, &out);

    if (r == 0)
        r = control_send_text(fd, CONTROL_TEXT, sb_text(&out));
    return r == -EMSGSIZE || r == -ENOMEM ? send_error(fd, "the posture is too long") : r;
}

/* ---- all of them ---- */

int control_answer(struct control_server *cs, int fd, const struct control_frame *frame,
                   struct control_fds *fds, struct exec_session *x)
{
    if (fds->n && frame->type != CONTROL_EXEC)
        return -EBADMSG;
    kernel_heard(cs->k);
    switch (frame->type) {
    case CONTROL_START:
        return on_start(cs, fd);
    case CONTROL_KILL:
        return on_kill(cs, fd, frame);
    case CONTROL_STATE:
        return on_state(cs, fd);
    case CONTROL_PS:
        return on_ps(cs, fd);
    case CONTROL_POSTURE:
        return on_posture(cs, fd);
    case CONTROL_PAUSE:
        return frame->len ? -EBADMSG : on_pause(cs, fd);
    case CONTROL_RESUME:
        return frame->len ? -EBADMSG : on_resume(cs, fd);
    case CONTROL_RESIZED:
        consoles_resized(cs->k);
        return send_ok(fd);
    case CONTROL_LIMITS:
        return on_limits(cs, fd, frame);
    case CONTROL_EXEC:
        return exec_session_begin(x, cs, fd, frame, fds);
    case CONTROL_SIGNAL:
        return exec_session_signal(x, fd, frame);
    default:
        return -EBADMSG;
    }
}

void control_server_wait_start(struct control_server *cs)
{
    while (!atomic_load(&cs->started))
        (void) host_futex_wait(&cs->started, 0, FUTEX_SCOPE_PRIVATE, NULL);
}
