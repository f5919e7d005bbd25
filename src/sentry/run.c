/* SPDX-License-Identifier: Apache-2.0 */
/* The sandbox's second stage: see run.h. */
#include "sentry/run.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "base/sys.h"
#include "boot/boot.h"
#include "rpc/sync.h"
#include "sentry/control_server.h"
#include "sentry/kernel_setup.h"
#include "sentry/process.h"
#include "tty/tty.h"

#define N_STDIO 3

/* Closes a descriptor of the inventory that has done its duty. */
static void retire(struct confinement *c, int fd)
{
    inventory_remove(&c->inventory, fd);
    (void) close_fd(fd);
}

/*
 * Our own numbers 0 to 2 stay taken, by something that can neither be read nor written, so that no
 * later descriptor is mistaken for stderr. With a log, stderr is the log's: what libraries print on
 * it is worth having.
 */
static int park_stdio(struct confinement *c, struct fail *f)
{
    _cleanup_close_ int nothing = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
    int log_fd = c->spec->log_fd;

    if (nothing < 0)
        return fail_errno(f, errno, "opening the sandbox's own root");
    for (int fd = 0; fd < N_STDIO; fd++) {
        bool is_log = fd == 2 && log_fd >= 0;

        inventory_remove(&c->inventory, fd);
        if (fd == log_fd && !is_log)
            is_log = true; /* a log on stdin or stdout stays where it is */
        if (!(is_log && fd == log_fd) && dup3(is_log ? log_fd : nothing, fd, O_CLOEXEC) < 0)
            return fail_errno(f, errno, "parking descriptor %d", fd);
        if (inventory_add(&c->inventory, fd, is_log ? "log" : "parked") < 0)
            return fail(f, E2BIG, "the inventory is full");
    }
    return 0;
}

/* The guest's copies must be the only ones, or closing them inside would not be noticed outside. */
static int make_init(struct confinement *c, struct kernel *k, struct task **ret, struct fail *f)
{
    int fds[N_STDIO];
    struct process_request q = {.spec = &c->spec->process,
                                .fds = fds,
                                .n_fds = N_STDIO,
                                .is_init = true};
    int r;

    for (int fd = 0; fd < N_STDIO; fd++) {
        fds[fd] = fcntl(fd, F_DUPFD_CLOEXEC, N_STDIO);
        if (fds[fd] < 0 && errno != EBADF)
            return fail_errno(f, errno, "copying descriptor %d for the program", fd);
    }
    r = process_make(c, k, &q, ret, f);
    return r < 0 ? r : park_stdio(c, f);
}

/* READY, and for `create` the host side's word that the container is on record. */
static int report_ready(struct confinement *c, struct fail *f)
{
    int r = sync_send(SPEC_FD_SYNC, SYNC_READY, 0, NULL);

    if (r == 0 && !c->spec->start_now)
        r = sync_expect(SPEC_FD_SYNC, SYNC_COMMIT);
    if (r < 0)
        return fail_errno(f, -r, "the host side went away before the container was recorded");
    return 0;
}

static int exit_status(uint32_t wait_status)
{
    uint32_t signo = wait_status & 0x7f;

    return signo ? 128 + (int) signo : (int) (wait_status >> 8 & 0xff);
}

static int wait_end(struct kernel *k)
{
    while (!atomic_load(&k->ended))
        (void) host_futex_wait(&k->ended, 0, FUTEX_SCOPE_PRIVATE, NULL);
    consoles_drain(k);
    return exit_status(atomic_load(&k->exit_status));
}

int sentry_run(int handoff_fd, struct fail *f)
{
    struct confinement *c = calloc(1, sizeof(*c));
    struct control_server *cs = calloc(1, sizeof(*cs));
    struct kernel *k;
    int r;

    if (!c || !cs)
        return fail(f, ENOMEM, "out of memory");
    r = boot_confine(handoff_fd, c, f);
    if (r == 0)
        r = kernel_setup(c, &k, f);
    if (r < 0)
        return r;
    *cs = (struct control_server){.c = c, .k = k, .started = c->spec->start_now};
    r = make_init(c, k, &cs->init, f);
    if (r < 0)
        return r;
    retire(c, SPEC_FD_SPEC);
    (void) tgroup_get(cs->init->tg); /* the control server's, for good */
    r = report_ready(c, f);
    if (r < 0)
        return r;
    r = control_server_start(cs);
    if (r < 0)
        return fail_errno(f, -r, "starting the control thread");
    retire(c, SPEC_FD_SYNC);
    control_server_wait_start(cs);
    r = task_start(cs->init);
    if (r < 0)
        return fail_errno(f, -r, "starting the first process");
    return wait_end(k);
}
