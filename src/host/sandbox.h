/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The sandbox process as the host side sees it: made by one clone into fresh namespaces, held until
 * its id maps (and cgroup) are in place, then told to go on and become cloister-sentry.
 *
 *   sandbox_clone()       the process exists, in its namespaces, and waits on the sync socket
 *   sandbox_release()     id maps written, GO sent: it executes the sentry
 *   sandbox_wait_ready()  READY, or the sandbox's own error line
 *   sandbox_commit()      only for create: from here on it outlives us
 *
 * Whatever fails or dies in between, the sandbox process ends: it sees the end of the sync socket.
 */
#pragma once

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/util.h"
#include "host/idmap.h"
#include "rpc/fail.h"
#include "rpc/spec.h"

struct sandbox_params {
    /* Descriptors in it are ours on entry; sandbox_clone() replaces them by the inherited numbers.
     */
    struct sandbox_spec *spec;
    struct idmap ids;
    bool privileged; /* we may write any id map: real root */
    bool sibling;    /* create: the sandbox becomes a child of our own parent */
    int network_fd;  /* NETWORK_JOINED: the namespace; ours to keep */
    int terminal_fd; /* becomes descriptors 0, 1 and 2 of the sandbox; -1: they are inherited */
    const char *sentry_path;     /* cloister-sentry */
    const sigset_t *signal_mask; /* the mask the sandbox starts with */
};

struct sandbox {
    pid_t pid; /* as our pid namespace counts */
    int pidfd;
    int sync_fd; /* our end; -1 once done */
};

#define SANDBOX_NONE                          \
    {                                         \
        .pid = -1, .pidfd = -1, .sync_fd = -1 \
    }

/* Finds cloister-sentry: `override`, else beside our own executable, else in the libexec directory.
 */
int sandbox_find_sentry(const char *override, char **ret, struct fail *f) must_check;

/*
 * A log on descriptor 2 would be the guest's terminal if it gets one: *ret_copy is then a copy of
 * ours for it, to be closed after sandbox_clone().
 */
int sandbox_keep_log(struct sandbox_spec *s, int *ret_copy, struct fail *f) must_check;
int sandbox_clone(struct sandbox_params *p, struct sandbox *ret, struct fail *f) must_check;
int sandbox_release(struct sandbox *s, const struct sandbox_params *p, struct fail *f) must_check;
int sandbox_wait_ready(struct sandbox *s, struct fail *f) must_check;
int sandbox_commit(struct sandbox *s, struct fail *f) must_check;

/* Kills it if it still runs (and reaps it when it is our child), closes our descriptors. Any state.
 */
void sandbox_destroy(struct sandbox *s);
/* Closes our descriptors and leaves it running. */
void sandbox_forget(struct sandbox *s);
