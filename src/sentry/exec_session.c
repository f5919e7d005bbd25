/* SPDX-License-Identifier: Apache-2.0 */
/* EXEC of the control protocol: see exec_session.h. */
#include "sentry/exec_session.h"

#include <errno.h>
#include <string.h>
#include <sys/eventfd.h>

#include "abi/linux/wait.h"
#include "base/cleanup.h"
#include "base/log.h"
#include "kernel/signal/signal.h"
#include "kernel/task/pause.h"
#include "rpc/spec.h"
#include "sentry/control_server.h"
#include "sentry/process.h"
#include "tty/tty.h"

#define N_STDIO 3
#define EXITED  1u /* tgroup.exit_wq: POLLIN */

void exec_session_init(struct exec_session *x)
{
    *x = (struct exec_session){.tg = NULL};
    list_init(&x->waiter.link);
}

/* tg->exit_wq's lock held. */
static bool on_exit_event(struct waiter *w, uint32_t events unused_)
{
    struct exec_session *x = container_of(w, struct exec_session, waiter);

    atomic_store(&x->ended, 1);
    if (eventfd_write(x->news_fd, 1) < 0) {
        /* the counter is full: then there is news enough */
    }
    return true;
}

/* Takes tg over; its end may have come already. */
static void watch(struct exec_session *x, struct control_server *cs, struct tgroup *tg)
{
    bool zombie;

    x->tg = tg;
    x->news_fd = cs->news_fd;
    atomic_store(&x->ended, 0);
    x->waiter.mask = EXITED;
    x->waiter.notify = on_exit_event;
    waitq_add(&tg->exit_wq, &x->waiter);
    mutex_lock(&cs->k->tasks_lock);
    zombie = tg->zombie;
    mutex_unlock(&cs->k->tasks_lock);
    if (zombie)
        atomic_store(&x->ended, 1);
}

/* Distributes the frame's descriptors to the numbers they have in the process. */
static size_t place(const struct control_exec *e, struct control_fds *fds, int *place)
{
    size_t next = 1, n = N_STDIO + e->preserved;

    for (size_t i = 0; i < n; i++)
        place[i] = i >= N_STDIO || (e->stdio & (1u << i)) ? take_fd(&fds->fd[next++]) : -1;
    return n;
}

static int make(struct control_server *cs, const struct control_exec *e, struct control_fds *fds,
                struct task **ret, struct fail *f)
{
    int placed[N_STDIO + CONTROL_MAX_PRESERVED];
    struct process_spec spec;
    struct process_request q = {.spec = &spec, .fds = placed};
    int r = process_spec_read(fds->fd[0], &spec);

    if (r < 0)
        return fail_errno(f, -r, "reading the description of the process");
    q.n_fds = place(e, fds, placed);
    r = process_make(cs->c, cs->k, &q, ret, f);
    process_spec_clear(&spec);
    for (size_t i = 0; i < q.n_fds; i++)
        close_fd(placed[i]);
    return r;
}

/* The task, once started, may be gone at any moment: tg is held. */
static int launch(struct exec_session *x, struct control_server *cs, struct task *t, int fd)
{
    struct tgroup *tg = tgroup_get(t->tg);
    struct control_started started = {.pid = tg->tgid};
    int r;

    watch(x, cs, tg);
    r = task_start(t);
    if (r < 0) {
        task_exit(t, true);
        if (exec_session_news(x, -1) < 0)
            return -EIO;
        return control_send_text(fd, CONTROL_ERROR, "no thread can be had for the process");
    }
    return control_send(fd, CONTROL_STARTED, &started, sizeof(started));
}

int exec_session_begin(struct exec_session *x, struct control_server *cs, int fd,
                       const struct control_frame *frame, struct control_fds *fds)
{
    struct control_exec e;
    struct fail f = {0};
    struct task *t;
    int r = control_parse_exec(frame, fds, &e);

    if (r < 0)
        return r;
    if (x->tg)
        return control_send_text(fd, CONTROL_ERROR, "this connection has a process already");
    if (atomic_load(&cs->k->ended))
        return control_send_text(fd, CONTROL_ERROR, "container not running");
    if (kernel_is_paused(cs->k))
        return control_send_text(fd, CONTROL_ERROR, "cannot exec in a paused container");
    r = make(cs, &e, fds, &t, &f);
    if (r < 0)
        return f.status ? control_send_failed(fd, (uint32_t) f.status, f.text)
                        : control_send_text(fd, CONTROL_ERROR, f.text);
    return launch(x, cs, t, fd);
}

int exec_session_signal(struct exec_session *x, int fd, const struct control_frame *frame)
{
    struct lx_siginfo info = {.code = LX_SI_USER}; /* pid 0: a sender outside */
    struct control_kill k;
    int r = control_parse_kill(frame, &k);

    if (r < 0)
        return r;
    if (!x->tg)
        return control_send_text(fd, CONTROL_ERROR, "process not running");
    info.signo = k.signo;
    if (k.signo == LX_SIGWINCH)
        consoles_resized(x->tg->k); /* the caller passes on that its own terminal was resized */
    if (signal_send_group(x->tg, &info) < 0)
        return control_send_text(fd, CONTROL_ERROR, "too many signals are pending");
    return control_send(fd, CONTROL_OK, NULL, 0);
}

int exec_session_news(struct exec_session *x, int fd)
{
    struct tgroup *tg = x->tg;
    struct control_exited e;

    if (!tg || !atomic_load(&x->ended))
        return 0;
    waitq_del(&tg->exit_wq, &x->waiter);
    x->tg = NULL;
    e.wait_status = tg->exit_status; /* stable: it is a zombie */
    tgroup_release(tg);
    tgroup_put(tg);
    return fd < 0 ? 0 : control_send(fd, CONTROL_EXITED, &e, sizeof(e));
}

void exec_session_abandon(struct exec_session *x)
{
    if (x->tg)
        tgroup_exit(x->tg, LX_W_SIGNALED(LX_SIGKILL));
}
