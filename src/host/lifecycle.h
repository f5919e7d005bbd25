/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The steps of a container's life that several commands share. All take the state store's lock of
 * the container where they change it.
 */
#pragma once

#include <stdbool.h>

#include "base/log.h"
#include "base/util.h"
#include "host/bundle.h"
#include "host/foreground.h"
#include "host/sandbox.h"
#include "host/state.h"
#include "rpc/fail.h"

struct create_request {
    const char *id;
    const char *bundle;           /* directory */
    const char *pid_file;         /* or NULL */
    const char *console_socket;   /* where a detached container's terminal goes; or NULL */
    const char *sentry;           /* --sentry or NULL */
    const char *network;          /* --network or NULL */
    const char *const *allow_net; /* --allow-net */
    size_t n_allow_net;
    bool keep;       /* foreground: the container stays when its program has ended */
    bool foreground; /* run without --detach: a plain child that starts at once and dies with us */
    bool strace, no_patch, mediate_data, log_json;
    int log_fd; /* for the sandbox, or -1 */
    enum log_level log_level;
    const sigset_t *signal_mask;
    struct foreground *fg; /* foreground only: to wait for READY with */
};

/*
 * Makes the container up to "created" (foreground: up to its program running). On success *ret is
 * locked for change and *ret_sandbox is live; on failure nothing is left behind.
 */
int lifecycle_create(struct state_store *store, const struct create_request *rq,
                     struct container *ret, struct sandbox *ret_sandbox, struct bundle *ret_bundle,
                     struct fail *f) must_check;

/* created -> running, with poststart hooks. c is locked for change. */
int lifecycle_start(struct container *c, struct fail *f) must_check;

/* Signals a container's init, or all its processes; SIGKILL ends the sandbox. A frozen one gets the
 * signal when it is resumed. */
int lifecycle_kill(const struct container *c, int signo, bool all, struct fail *f) must_check;

/*
 * running -> paused and back: by the freezer of the container's cgroup if it has one, which stops
 * the sandbox as a whole; else by the sandbox itself, which holds its guest processes. c is locked
 * for change.
 */
int lifecycle_pause(struct container *c, struct fail *f) must_check;
int lifecycle_resume(struct container *c, struct fail *f) must_check;

/* Ends the sandbox if `force`, removes cgroup and directory, runs poststop hooks. c is locked for
 * change. */
int lifecycle_delete(struct state_store *store, struct container *c, bool force, struct fail *f)
    must_check;

/* Removes the container of a foreground run, whose sandbox has ended. Fine if someone else did
 * already. */
int lifecycle_end(struct state_store *store, const struct container *c, struct fail *f) must_check;

/* A request to the container's sentry. ret_text: the answer, or NULL; the caller frees. */
int lifecycle_call(const struct container *c, int type, const void *payload, size_t len,
                   char **ret_text, struct fail *f) must_check;
