/* SPDX-License-Identifier: Apache-2.0 */
/* cloister create and cloister run: a container from a bundle. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "cli/cli.h"
#include "host/lifecycle.h"

struct create_options {
    const char *bundle, *pid_file, *console_socket, *network;
    uint32_t preserve_fds;
    bool detach, keep, strace;
    struct string_list allow_net;
};

#define O(field) offsetof(struct create_options, field)

static const struct option create_option_table[] = {
    {"bundle", 'b', OPTION_STRING, false, "DIR", "the bundle's directory (default: .)", O(bundle)},
    {"pid-file", 0, OPTION_STRING, false, "FILE", "write the sandbox's process id to FILE",
     O(pid_file)},
    {"console-socket", 0, OPTION_STRING, false, "PATH",
     "send the container's terminal over this socket", O(console_socket)},
    {"network", 0, OPTION_STRING, false, "MODE",
     "none, host, sandbox (default: as config.json says), or a namespace's path", O(network)},
    {"allow-net", 0, OPTION_LIST, false, "RULE",
     "let it reach HOST[:PORTS][/tcp|/udp] and nothing else outside; may be repeated",
     O(allow_net)},
    {"no-pivot", 0, OPTION_IGNORED, false, NULL, "accepted for runc's sake, without effect", 0},
    {"no-new-keyring", 0, OPTION_IGNORED, false, NULL, "accepted for runc's sake, without effect",
     0},
    {"preserve-fds", 0, OPTION_NUMBER, false, "N",
     "hand N further descriptors over (only 0 is supported)", O(preserve_fds)},
    {"strace", 0, OPTION_FLAG, false, NULL, "log every system call of the container", O(strace)},
};

static const struct option run_option_table[] = {
    {"bundle", 'b', OPTION_STRING, false, "DIR", "the bundle's directory (default: .)", O(bundle)},
    {"pid-file", 0, OPTION_STRING, false, "FILE", "write the sandbox's process id to FILE",
     O(pid_file)},
    {"detach", 'd', OPTION_FLAG, false, NULL, "return as soon as the program runs", O(detach)},
    {"keep", 0, OPTION_FLAG, false, NULL, "do not delete the container at its end", O(keep)},
    {"console-socket", 0, OPTION_STRING, false, "PATH",
     "send the container's terminal over this socket", O(console_socket)},
    {"network", 0, OPTION_STRING, false, "MODE",
     "none, host, sandbox (default: as config.json says), or a namespace's path", O(network)},
    {"allow-net", 0, OPTION_LIST, false, "RULE",
     "let it reach HOST[:PORTS][/tcp|/udp] and nothing else outside; may be repeated",
     O(allow_net)},
    {"no-subreaper", 0, OPTION_IGNORED, false, NULL, "accepted for runc's sake, without effect", 0},
    {"no-pivot", 0, OPTION_IGNORED, false, NULL, "accepted for runc's sake, without effect", 0},
    {"no-new-keyring", 0, OPTION_IGNORED, false, NULL, "accepted for runc's sake, without effect",
     0},
    {"preserve-fds", 0, OPTION_NUMBER, false, "N",
     "hand N further descriptors over (only 0 is supported)", O(preserve_fds)},
    {"strace", 0, OPTION_FLAG, false, NULL, "log every system call of the container", O(strace)},
};

/* Whatever must be closed at the end, by either command. */
struct made {
    struct state_store store;
    struct container c;
    struct sandbox s;
    struct bundle b;
    struct foreground fg;
};

#define MADE_NONE                                                                      \
    {                                                                                  \
        .store = {.fd = -1}, .c = CONTAINER_NONE, .s = SANDBOX_NONE, .b = BUNDLE_NONE, \
        .fg = FOREGROUND_NONE,                                                         \
    }

static void made_end(struct made *m)
{
    sandbox_forget(&m->s);
    container_close(&m->c);
    bundle_free(&m->b);
    state_store_close(&m->store);
}

static int make(struct cli *cli, const struct create_options *o, const char *id, bool foreground,
                struct made *m, struct fail *f)
{
    struct create_request rq = {
        .id = id,
        .bundle = o->bundle ? o->bundle : ".",
        .pid_file = o->pid_file,
        .console_socket = o->console_socket,
        .sentry = cli->sentry,
        .network = o->network,
        .allow_net = o->allow_net.items,
        .n_allow_net = o->allow_net.n,
        .foreground = foreground,
        .keep = o->keep,
        .strace = o->strace || cli->strace,
        .no_patch = cli->no_patch,
        .mediate_data = cli->mediate_data,
        .log_json = cli->json,
        /* A detached container's stderr is its own; our lines go to a log file or nowhere. */
        .log_fd = cli->log_fd > 2 || foreground || cli->debug || o->strace || cli->strace
                      ? cli->log_fd
                      : -1,
        .log_level = cli->level,
        .signal_mask = &m->fg.saved_mask,
        .fg = foreground ? &m->fg : NULL,
    };
    int r;

    if (rq.strace && rq.log_level < LOG_INFO)
        rq.log_level = LOG_INFO;
    if (o->preserve_fds)
        return fail(f, ENOTSUP, "option --preserve-fds: only 0 is supported yet");
    r = state_store_open(cli->root, true, &m->store, f);
    if (r == 0)
        r = lifecycle_create(&m->store, &rq, &m->c, &m->s, &m->b, f);
    return r;
}

static int run_create(struct cli *cli, const struct command *self, int argc, char **argv)
{
    _cleanup_(made_end) struct made m = MADE_NONE;
    struct create_options o = {0};
    struct fail f = {0};
    int status;

    if (cli_options(cli, self, &o, &argc, argv, 1, 1, 1, &status) != 0)
        return status;
    sigprocmask(SIG_BLOCK, NULL, &m.fg.saved_mask);
    if (make(cli, &o, argv[1], false, &m, &f) < 0) {
        f.status = 0; /* 126 and 127 are for run: create fails with 1, as runc's does */
        return cli_fail(cli, &f, 1);
    }
    return 0;
}

static int run_attached(struct cli *cli, const struct create_options *o, const char *id,
                        struct made *m)
{
    _cleanup_free_ char *control_path = NULL;
    struct fail f = {0}, late = {0};
    int status = EXIT_OURS, r;

    r = foreground_begin(&m->fg, &f);
    if (r == 0)
        r = make(cli, o, id, true, m, &f);
    if (r < 0)
        return cli_fail(cli, &f, EXIT_OURS);
    control_path = container_control_path(&m->c);
    m->fg.control_path = control_path;
    /* Others may look at it and kill it while it runs. */
    m->c.lock_fd = close_fd(m->c.lock_fd);
    r = foreground_wait_exit(&m->fg, &m->s, &status, &f);
    if (r < 0)
        status = cli_fail(cli, &f, EXIT_OURS);
    if (!o->keep && lifecycle_end(&m->store, &m->c, &late) < 0)
        (void) cli_fail(cli, &late, EXIT_OURS);
    foreground_end(&m->fg);
    return status;
}

static int run_detached(struct cli *cli, const struct create_options *o, const char *id,
                        struct made *m)
{
    struct fail f = {0}, ignored = {0};
    int r;

    sigprocmask(SIG_BLOCK, NULL, &m->fg.saved_mask);
    r = make(cli, o, id, false, m, &f);
    if (r < 0)
        return cli_fail(cli, &f, EXIT_OURS);
    r = lifecycle_start(&m->c, &f);
    if (r < 0) {
        if (lifecycle_delete(&m->store, &m->c, true, &ignored) < 0)
            log_warn("%s", ignored.text);
        return cli_fail(cli, &f, EXIT_OURS);
    }
    return 0;
}

static int run_run(struct cli *cli, const struct command *self, int argc, char **argv)
{
    _cleanup_(made_end) struct made m = MADE_NONE;
    struct create_options o = {0};
    int status;

    if (cli_options(cli, self, &o, &argc, argv, 1, 1, EXIT_OURS, &status) != 0)
        return status;
    return o.detach ? run_detached(cli, &o, argv[1], &m) : run_attached(cli, &o, argv[1], &m);
}

const struct command cmd_create = {
    .name = "create",
    .arguments = "CONTAINER",
    .summary = "make a container from a bundle, ready to be started",
    .options = OPTION_TABLE(create_option_table),
    .run = run_create,
};

const struct command cmd_run = {
    .name = "run",
    .arguments = "CONTAINER",
    .summary = "make a container from a bundle, run it, delete it at its end",
    .more = "Exit status: the program's, 128+N if signal N killed it, 125 if cloister failed, 126 "
            "if the\n"
            "program cannot be executed, 127 if it is not there.",
    .options = OPTION_TABLE(run_option_table),
    .run = run_run,
};
