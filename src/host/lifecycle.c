/* SPDX-License-Identifier: Apache-2.0 */
/* Steps of a container's life: see lifecycle.h. */
#include "host/lifecycle.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/cleanup.h"
#include "base/textio.h"
#include "host/cgroup.h"
#include "host/egress.h"
#include "host/hooks.h"
#include "host/limits.h"
#include "host/pidfile.h"
#include "host/procstat.h"
#include "host/specbuild.h"
#include "host/terminal.h"
#include "host/tree.h"
#include "rpc/control.h"

#define CONTROL_TIMEOUT_MS 10000
#define MAX_CONFIG_BYTES   (8u << 20)

/* ---- create ---- */

static char *now_text(void)
{
    struct timespec ts;
    struct tm tm;
    char text[64];
    size_t n;

    clock_gettime(CLOCK_REALTIME, &ts);
    gmtime_r(&ts.tv_sec, &tm);
    n = strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &tm);
    snprintf(text + n, sizeof(text) - n, ".%09ldZ", ts.tv_nsec);
    return strdup(text);
}

static int fill_container(const struct create_request *rq, const struct bundle *b,
                          struct container *c, struct fail *f)
{
    const struct oci_config *cfg = b->config;

    c->id = strdup(rq->id);
    c->bundle = strdup(b->dir);
    c->rootfs = strdup(b->rootfs);
    c->version = strdup(cfg->version);
    c->created = now_text();
    c->uid = geteuid();
    c->has_hooks = cfg->hooks[HOOK_POSTSTART].n || cfg->hooks[HOOK_POSTSTOP].n;
    /* Hooks wait for a delete by someone who runs them. */
    if (rq->foreground && !rq->keep && !c->has_hooks &&
        procstat_start_time(getpid(), &c->maker_start) == 0)
        c->maker = getpid();
    if (!c->id || !c->bundle || !c->rootfs || !c->version || !c->created)
        return fail(f, ENOMEM, "out of memory");
    if (b->cgroup && !(c->cgroup = strdup(b->cgroup)))
        return fail(f, ENOMEM, "out of memory");
    if (cfg->annotations) {
        c->annotations =
            strdup(json_object_to_json_string_ext(cfg->annotations, JSON_C_TO_STRING_PLAIN));
        if (!c->annotations)
            return fail(f, ENOMEM, "out of memory");
    }
    return 0;
}

/* Hooks that run later must not depend on what has become of the bundle by then. */
static int keep_config(const struct container *c, struct fail *f)
{
    _cleanup_free_ char *path = NULL, *text = NULL;
    _cleanup_close_ int fd = -1;
    size_t len;
    int r;

    if (!c->has_hooks)
        return 0;
    if (asprintf(&path, "%s/config.json", c->bundle) < 0)
        return fail(f, ENOMEM, "out of memory");
    r = read_file_at(AT_FDCWD, path, MAX_CONFIG_BYTES, &text, &len);
    if (r == 0) {
        fd = openat(c->dir_fd, "config.json", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW,
                    0600);
        r = fd < 0 ? -errno : write_full(fd, text, len);
    }
    return r < 0 ? fail_errno(f, -r, "keeping a copy of %s", path) : 0;
}

static int listen_control(const struct container *c, int *ret_fd, struct fail *f)
{
    _cleanup_free_ char *path = container_control_path(c);
    int r = path ? control_listen(path, ret_fd) : -ENOMEM;

    return r < 0 ? fail_errno(f, -r, "making the control socket in %s", c->dir) : 0;
}

static bool has_early_hooks(const struct oci_config *c)
{
    return c->hooks[HOOK_PRESTART].n || c->hooks[HOOK_CREATE_RUNTIME].n ||
           c->hooks[HOOK_CREATE_CONTAINER].n;
}

/* A hook that sets up the process's network namespace would find the host's: the sandbox's own is
 * made after the hooks. */
static int fill_egress(const struct create_request *rq, const struct bundle *b,
                       struct sandbox_spec *s, struct fail *f)
{
    int r = egress_fill(s, rq->allow_net, rq->n_allow_net, b->config->annotations, f);

    if (r == 0 && spec_has_two_networks(s) && has_early_hooks(b->config))
        return fail(f, ENOTSUP,
                    "an egress policy for a new network namespace and hooks of kind prestart, "
                    "createRuntime or createContainer: not together (give linux.namespaces a path, "
                    "or no network)");
    return r;
}

static int fill_spec(const struct create_request *rq, const struct bundle *b,
                     struct sandbox_spec *s, const char *sentry, struct fail *f)
{
    int r;

    s->start_now = s->die_with_parent = rq->foreground;
    s->log_fd = rq->log_fd;
    s->log_level = rq->log_level;
    s->log_json = rq->log_json;
    s->strace = rq->strace;
    s->no_patch = rq->no_patch;
    s->mediate_data = rq->mediate_data;
    r = fill_egress(rq, b, s, f);
    if (r < 0)
        return r;
    return b->privileged ? tree_open(sentry, TREE_RDONLY, &s->self_fd, f) : 0;
}

/*
 * From clone to READY. The stored state learns the pid here only for hooks that ask for it: if we
 * die, the sandbox ends by itself.
 */
static int bring_up(const struct create_request *rq, const struct bundle *b,
                    struct sandbox_params *p, struct container *c, struct sandbox *s,
                    struct fail *f)
{
    int r = sandbox_clone(p, s, f);

    if (r < 0)
        return r;
    c->pid = s->pid;
    r = procstat_start_time(c->pid, &c->start_time);
    if (r < 0)
        return fail_errno(f, -r, "reading the sandbox's start time");
    if (has_early_hooks(b->config))
        r = container_save(c, false, f);
    if (r == 0 && b->cgroup)
        r = cgroup_join(b->cgroup, s->pid, f);
    if (r == 0)
        r = hooks_run(b->config, HOOK_PRESTART, c, f);
    if (r == 0)
        r = hooks_run(b->config, HOOK_CREATE_RUNTIME, c, f);
    if (r == 0)
        r = hooks_run(b->config, HOOK_CREATE_CONTAINER, c, f);
    if (r == 0)
        r = sandbox_release(s, p, f);
    if (r < 0)
        return r;
    return rq->fg ? foreground_wait_ready(rq->fg, s, f) : sandbox_wait_ready(s, f);
}

/* The master goes where it is awaited; the slave stays with us until the sandbox has it. */
static int make_terminal(const struct create_request *rq, const struct oci_config *cfg,
                         struct host_pty *ret, struct fail *f)
{
    bool wanted = cfg->process.terminal;
    int r = terminal_check(wanted, !rq->foreground, rq->console_socket, f);

    if (r < 0 || !wanted)
        return r;
    r = host_pty_open(cfg->console_rows, cfg->console_cols, ret, f);
    if (r < 0)
        return r;
    if (rq->fg)
        rq->fg->master = take_fd(&ret->master);
    else
        r = host_pty_send(ret, rq->console_socket, f);
    return r;
}

/* Before the sandbox is there, so that it begins with its limits. container_remove() removes it. */
static int make_cgroup(const struct bundle *b, struct sandbox_spec *s, struct fail *f)
{
    int r = cgroup_make(b->cgroup, f);

    if (r == 0)
        r = limits_begin(b->cgroup, &b->config->resources, f);
    if (r < 0)
        return r;
    cgroup_open_files(b->cgroup, s->group_fds);
    s->group_v2 = cgroup_version() == 2;
    return 0;
}

static void close_all(const int *fds, size_t n)
{
    for (size_t i = 0; i < n; i++)
        close_fd(fds[i]);
}

static int make_sandbox(const struct create_request *rq, struct bundle *b, struct container *c,
                        struct sandbox *s, struct fail *f)
{
    struct sandbox_params p = {
        .ids = b->ids,
        .privileged = b->privileged,
        .sibling = !rq->foreground,
        .network_fd = b->network.fd,
        .terminal_fd = -1,
        .signal_mask = rq->signal_mask,
    };
    int group_fds[N_GROUP_FILES];
    _cleanup_free_ char *sentry = NULL;
    _cleanup_close_ int control = -1, log_copy = -1;
    _cleanup_(host_pty_close) struct host_pty pty = HOST_PTY_NONE;
    int r = sandbox_find_sentry(rq->sentry, &sentry, f);

    if (r == 0)
        r = make_terminal(rq, b->config, &pty, f);
    if (r == 0)
        r = listen_control(c, &control, f);
    if (r == 0)
        r = bundle_make_spec(b, c->id, &p.spec, f);
    if (r < 0)
        return r;
    if (b->cgroup)
        r = make_cgroup(b, p.spec, f);
    if (r < 0) {
        sandbox_spec_free(p.spec);
        return r;
    }
    memcpy(group_fds, p.spec->group_fds, sizeof(group_fds)); /* the spec's become the sandbox's */
    p.sentry_path = sentry;
    r = fill_spec(rq, b, p.spec, sentry, f);
    p.spec->control_fd = control;
    p.terminal_fd = pty.slave;
    if (r == 0)
        r = sandbox_keep_log(p.spec, &log_copy, f);
    if (r == 0)
        r = bring_up(rq, b, &p, c, s, f);
    close_all(group_fds, N_GROUP_FILES);
    /* A foreground container dies with us, and so with the machine: nothing to keep for after a
     * crash. */
    c->status = rq->foreground ? STATUS_RUNNING : STATUS_CREATED;
    if (r == 0)
        r = container_save(c, !rq->foreground, f);
    if (r == 0 && rq->pid_file)
        r = pid_file_write(rq->pid_file, c->pid, f);
    if (r == 0 && !rq->foreground)
        r = sandbox_commit(s, f);
    sandbox_spec_free(p.spec);
    return r;
}

int lifecycle_create(struct state_store *store, const struct create_request *rq,
                     struct container *ret, struct sandbox *ret_sandbox, struct bundle *ret_bundle,
                     struct fail *f)
{
    struct container c = CONTAINER_NONE;
    struct sandbox s = SANDBOX_NONE;
    struct bundle b = BUNDLE_NONE;
    struct fail ignored = {0};
    bool published = false;
    int r = container_check_id(rq->id, f);

    if (r == 0)
        r = bundle_load(rq->bundle, rq->id, rq->network, &b, f);
    if (r == 0)
        r = fill_container(rq, &b, &c, f);
    if (r == 0) {
        r = container_create(store, &c, f);
        published = r == 0;
    }
    if (r == 0)
        r = keep_config(&c, f);
    if (r == 0)
        r = make_sandbox(rq, &b, &c, &s, f);
    if (r < 0) {
        sandbox_destroy(&s);
        if (published && container_remove(store, &c, &ignored) < 0)
            log_warn("%s", ignored.text);
        container_close(&c);
        bundle_free(&b);
        return r;
    }
    *ret = c;
    *ret_sandbox = s;
    *ret_bundle = b;
    return 0;
}

/* ---- afterwards ---- */

/* The group's freezer stops the sandbox itself, too. */
static bool is_frozen(const struct container *c)
{
    return c->status == STATUS_PAUSED && c->cgroup && cgroup_can_freeze(c->cgroup);
}

int lifecycle_call(const struct container *c, int type, const void *payload, size_t len,
                   char **ret_text, struct fail *f)
{
    _cleanup_free_ char *path = container_control_path(c), *text = NULL;
    _cleanup_close_ int fd = -1;
    int r;

    if (is_frozen(c))
        return fail(f, EAGAIN, "the container is paused, and its sandbox with it: no answer");
    r = path ? control_connect(path, CONTROL_TIMEOUT_MS, &fd) : -ENOMEM;
    if (r == 0)
        r = control_call(fd, (enum control_type) type, payload, len, &text);
    if (r == -EREMOTEIO)
        return fail(f, EREMOTEIO, "%s", text);
    if (r == -EAGAIN)
        return fail(f, ETIMEDOUT, "the sandbox of %s does not answer", c->id);
    if (r < 0)
        return fail_errno(f, -r, "asking the sandbox of %s", c->id);
    *ret_text = take_ptr(&text);
    return 0;
}

int lifecycle_kill(const struct container *c, int signo, bool all, struct fail *f)
{
    struct control_kill k = {.signo = signo, .all = all};
    _cleanup_free_ char *text = NULL, *path = NULL;
    _cleanup_close_ int fd = -1;
    int r;

    if (c->status == STATUS_STOPPED)
        return fail(f, ESRCH, "container not running");
    /* The sandbox is its container's life: ending it needs no cooperation. Before the start there
     * is no program yet that could handle a signal. */
    if (signo == SIGKILL || (c->status == STATUS_CREATED && (signo == SIGTERM || signo == SIGINT)))
        return container_kill_sandbox(c, f);
    if (!is_frozen(c))
        return lifecycle_call(c, CONTROL_KILL, &k, sizeof(k), &text, f);
    /* It waits in the socket until the container is resumed. */
    path = container_control_path(c);
    r = path ? control_connect(path, CONTROL_TIMEOUT_MS, &fd) : -ENOMEM;
    if (r == 0)
        r = control_send(fd, CONTROL_KILL, &k, sizeof(k));
    return r < 0 ? fail_errno(f, -r, "sending the signal") : 0;
}

int lifecycle_pause(struct container *c, struct fail *f)
{
    _cleanup_free_ char *text = NULL;
    int r;

    if (c->status == STATUS_PAUSED)
        return fail(f, EALREADY, "container is already paused");
    if (c->status != STATUS_RUNNING)
        return fail(f, ESRCH, "container not running");
    r = c->cgroup && cgroup_can_freeze(c->cgroup)
            ? cgroup_freeze(c->cgroup, true, f)
            : lifecycle_call(c, CONTROL_PAUSE, NULL, 0, &text, f);
    if (r < 0)
        return r;
    c->status = STATUS_PAUSED;
    return container_save(c, true, f);
}

int lifecycle_resume(struct container *c, struct fail *f)
{
    _cleanup_free_ char *text = NULL;
    int r;

    if (c->status != STATUS_PAUSED)
        return fail(f, EINVAL, "container not paused");
    r = is_frozen(c) ? cgroup_freeze(c->cgroup, false, f)
                     : lifecycle_call(c, CONTROL_RESUME, NULL, 0, &text, f);
    if (r < 0)
        return r;
    c->status = STATUS_RUNNING;
    return container_save(c, true, f);
}

/* The kept config, for hooks; NULL when there is none. */
static struct oci_config *kept_config(const struct container *c)
{
    _cleanup_free_ char *text = NULL;
    struct oci_config *cfg = NULL;
    struct fail f = {0};
    size_t len;
    int r;

    if (!c->has_hooks)
        return NULL;
    r = read_file_at(c->dir_fd, "config.json", MAX_CONFIG_BYTES, &text, &len);
    if (r == 0)
        r = oci_config_parse(text, len, &cfg, &f);
    if (r < 0)
        log_warn("container %s: its hooks cannot be read: %s", c->id,
                 f.text[0] ? f.text : strerror(-r));
    return cfg;
}

int lifecycle_start(struct container *c, struct fail *f)
{
    _cleanup_free_ char *text = NULL;
    struct oci_config *cfg;
    int r;

    if (c->status == STATUS_STOPPED)
        return fail(f, EINVAL, "cannot start a container that has stopped");
    if (c->status != STATUS_CREATED)
        return fail(f, EINVAL, "cannot start an already running container");
    r = lifecycle_call(c, CONTROL_START, NULL, 0, &text, f);
    if (r < 0)
        return r;
    c->status = STATUS_RUNNING;
    r = container_save(c, true, f);
    if (r < 0)
        return r;
    cfg = kept_config(c);
    if (cfg)
        hooks_run_all(cfg, HOOK_POSTSTART, c);
    oci_config_free(cfg);
    return 0;
}

int lifecycle_delete(struct state_store *store, struct container *c, bool force, struct fail *f)
{
    struct oci_config *cfg;
    int r;

    if ((c->status == STATUS_RUNNING || c->status == STATUS_PAUSED) && !force)
        return fail(f, EBUSY, "cannot delete container %s that is not stopped: %s", c->id,
                    container_status_name(c->status));
    r = container_kill_sandbox(c, f);
    if (r < 0)
        return r;
    c->status = STATUS_STOPPED;
    cfg = kept_config(c);
    r = container_remove(store, c, f);
    if (r == 0 && cfg)
        hooks_run_all(cfg, HOOK_POSTSTOP, c);
    oci_config_free(cfg);
    return r;
}

int lifecycle_end(struct state_store *store, const struct container *c, struct fail *f)
{
    struct container now = CONTAINER_NONE;
    int r = container_open(store, c->id, FOR_CHANGE, &now, f);

    /* Deleted meanwhile, and perhaps made anew. */
    if (r == -ENOENT)
        return 0;
    if (r == 0 && now.pid == c->pid && now.start_time == c->start_time)
        r = lifecycle_delete(store, &now, true, f);
    container_close(&now);
    return r;
}
