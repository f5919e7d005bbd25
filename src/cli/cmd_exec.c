/* SPDX-License-Identifier: Apache-2.0 */
/* cloister exec: a further process in a running container. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/parse.h"
#include "cli/cli.h"
#include "cli/container.h"
#include "host/execution.h"
#include "host/pidfile.h"
#include "host/specbuild.h"
#include "host/terminal.h"
#include "oci/caps.h"
#include "oci/config.h"

struct exec_options {
    const char *cwd, *user, *process, *pid_file, *console_socket;
    struct string_list env, gids, caps;
    uint32_t preserve_fds;
    bool tty, detach, no_new_privs;
};

#define O(field) offsetof(struct exec_options, field)

static const struct option exec_option_table[] = {
    {"tty", 't', OPTION_FLAG, false, NULL, "give the process a terminal", O(tty)},
    {"detach", 'd', OPTION_FLAG, false, NULL, "return as soon as the process runs", O(detach)},
    {"pid-file", 0, OPTION_STRING, false, "FILE",
     "write the id of the process that stands for it on the host to FILE", O(pid_file)},
    {"process", 'p', OPTION_STRING, false, "FILE", "all about the process, as OCI process JSON",
     O(process)},
    {"user", 'u', OPTION_STRING, false, "UID[:GID]", "run it as this user", O(user)},
    {"additional-gids", 'g', OPTION_LIST, false, "GID", "a further group; may be repeated",
     O(gids)},
    {"cwd", 0, OPTION_STRING, false, "DIR", "working directory inside", O(cwd)},
    {"env", 'e', OPTION_LIST, false, "K=V", "set a variable of its environment; may be repeated",
     O(env)},
    {"cap", 'c', OPTION_LIST, false, "CAP", "a further capability; may be repeated", O(caps)},
    {"no-new-privs", 0, OPTION_FLAG, false, NULL, "it gains no privileges by execve",
     O(no_new_privs)},
    {"preserve-fds", 0, OPTION_NUMBER, false, "N", "hand N further descriptors over",
     O(preserve_fds)},
    {"console-socket", 0, OPTION_STRING, false, "PATH", "send its terminal over this socket",
     O(console_socket)},
    {"apparmor", 0, OPTION_REFUSED, true, "PROFILE", "an AppArmor profile", 0},
    {"process-label", 0, OPTION_REFUSED, true, "LABEL", "a SELinux label", 0},
};

/* "UID" or "UID:GID", in numbers as runc wants them. */
static int set_user(struct process_spec *p, const char *text, struct fail *f)
{
    _cleanup_free_ char *copy = strdup(text);
    char *colon;

    if (!copy)
        return fail(f, ENOMEM, "out of memory");
    colon = strchr(copy, ':');
    if (colon)
        *colon = '\0';
    if (parse_u32(copy, &p->uid) < 0 || (colon && parse_u32(colon + 1, &p->gid) < 0))
        return fail(f, EINVAL, "option --user: expected UID or UID:GID in numbers, found \"%s\"",
                    text);
    return 0;
}

static int add_groups(struct process_spec *p, const struct string_list *l, struct fail *f)
{
    uint32_t *v = reallocarray(p->groups, p->n_groups + l->n + 1, sizeof(*v));

    if (!v)
        return fail(f, ENOMEM, "out of memory");
    p->groups = v;
    for (size_t i = 0; i < l->n; i++) {
        if (parse_u32(l->items[i], &v[p->n_groups]) < 0)
            return fail(f, EINVAL, "option --additional-gids: expected a number, found \"%s\"",
                        l->items[i]);
        p->n_groups++;
    }
    return 0;
}

/* As runc: ambient only where the config has something to inherit. */
static int add_caps(struct process_spec *p, const struct string_list *l, struct fail *f)
{
    for (size_t i = 0; i < l->n; i++) {
        int n = caps_by_name(l->items[i]);
        uint64_t bit;

        if (n < 0)
            return fail(f, EINVAL, "option --cap: unknown capability \"%s\"", l->items[i]);
        bit = UINT64_C(1) << n;
        p->cap_bounding |= bit;
        p->cap_permitted |= bit;
        p->cap_effective |= bit;
        if (p->cap_inheritable) {
            p->cap_inheritable |= bit;
            p->cap_ambient |= bit;
        }
    }
    return 0;
}

static int replace_text(char **field, const char *text, struct fail *f)
{
    char *copy = strdup(text);

    if (!copy)
        return fail(f, ENOMEM, "out of memory");
    free(*field);
    *field = copy;
    return 0;
}

static int replace_argv(struct process_spec *p, char **argv, struct fail *f)
{
    char **copy;

    if (spec_copy_strv(argv, -1, &copy) < 0)
        return fail(f, ENOMEM, "out of memory");
    for (size_t i = 0; p->argv && p->argv[i]; i++)
        free(p->argv[i]);
    free(p->argv);
    p->argv = copy;
    return 0;
}

/* The container's own process, changed by the options. */
static int apply(const struct exec_options *o, char **argv, struct process_spec *p, struct fail *f)
{
    int r = replace_argv(p, argv, f);

    p->terminal = o->tty;
    if (r == 0 && o->cwd && o->cwd[0] != '/')
        r = fail(f, EINVAL, "option --cwd: \"%s\" is not an absolute path", o->cwd);
    if (r == 0 && o->cwd)
        r = replace_text(&p->cwd, o->cwd, f);
    if (r == 0 && o->user)
        r = set_user(p, o->user, f);
    if (r == 0)
        r = add_groups(p, &o->gids, f);
    if (r == 0)
        r = add_caps(p, &o->caps, f);
    for (size_t i = 0; i < o->env.n && r == 0; i++) {
        if (o->env.items[i][0] == '=' || !strchr(o->env.items[i], '='))
            return fail(f, EINVAL, "option --env: expected NAME=VALUE, found \"%s\"",
                        o->env.items[i]);
        if (spec_setenv(&p->envp, o->env.items[i]) < 0)
            r = fail(f, ENOMEM, "out of memory");
    }
    if (o->no_new_privs)
        p->no_new_privs = true;
    return r;
}

static int describe(const struct exec_options *o, const struct container *c, char **argv,
                    struct oci_config **ret, struct fail *f)
{
    struct oci_config *cfg = NULL;
    int r;

    if (o->process)
        r = argv[0] ? fail(f, EINVAL, "a command and --process exclude each other")
                    : oci_process_load(o->process, &cfg, f);
    else
        r = argv[0] ? oci_config_load(c->bundle, &cfg, f)
                    : fail(f, EINVAL, "missing argument: the command to run");
    if (r == 0 && !cfg->has_process)
        r = fail(f, EINVAL, "%s/config.json: process: missing", c->bundle);
    if (r == 0 && !o->process)
        r = apply(o, argv, &cfg->process, f);
    if (r == 0 && o->process && o->tty)
        cfg->process.terminal = true;
    if (r == 0)
        r = terminal_check(cfg->process.terminal, o->detach, o->console_socket, f);
    if (r < 0) {
        oci_config_free(cfg);
        return r;
    }
    if (o->process && *cfg->noted)
        log_warn("%s asks for what is not supported yet and is left out: %s", o->process,
                 cfg->noted);
    *ret = cfg;
    return 0;
}

static int check_status(const struct container *c, struct fail *f)
{
    if (c->status == STATUS_STOPPED)
        return fail(f, ESRCH, "cannot exec in a stopped container: container not running");
    if (c->status == STATUS_PAUSED)
        return fail(f, EAGAIN, "cannot exec in a paused container");
    return 0;
}

/* Its slave stands for all three standard descriptors, and its master goes where it is awaited. */
static int give_terminal(const struct exec_options *o, const struct oci_config *cfg,
                         struct execution_request *q, struct host_pty *pty, struct execution *e,
                         struct fail *f)
{
    int r;

    if (!cfg->process.terminal)
        return 0;
    r = host_pty_open(cfg->console_rows, cfg->console_cols, pty, f);
    if (r == 0 && o->console_socket)
        r = host_pty_send(pty, o->console_socket, f);
    if (r < 0)
        return r;
    if (!o->detach)
        e->master = take_fd(&pty->master);
    for (int i = 0; i < 3; i++)
        q->stdio[i] = pty->slave;
    return 0;
}

/* The container is let go of before its process is waited for: others may change it. */
static int start(const struct cli *cli, const struct exec_options *o, char **argv,
                 struct execution *ret, struct fail *f)
{
    _cleanup_(oci_config_freep) struct oci_config *cfg = NULL;
    _cleanup_(opened_close) struct opened c = OPENED_NONE;
    _cleanup_(host_pty_close) struct host_pty pty = HOST_PTY_NONE;
    struct execution_request q = {.stdio = {0, 1, 2}, .n_preserved = o->preserve_fds};
    int r = opened_open(cli, argv[0], FOR_READ, &c, f);

    if (r == 0)
        r = check_status(&c.c, f);
    if (r == 0)
        r = describe(o, &c.c, argv + 1, &cfg, f);
    if (r == 0)
        r = give_terminal(o, cfg, &q, &pty, ret, f);
    if (r < 0)
        return r;
    q.spec = &cfg->process;
    return execution_start(&c.c, &q, ret, f);
}

static int finish(const struct exec_options *o, struct execution *e, int *ret_status,
                  struct fail *f)
{
    pid_t pid = getpid();
    int r = o->detach ? execution_detach(e, &pid, f) : 0;

    if (r == 0 && o->pid_file) {
        r = pid_file_write(o->pid_file, pid, f);
        if (r < 0 && o->detach)
            (void) kill(pid, SIGKILL); /* and with it the process inside */
    }
    if (r < 0 || o->detach)
        return r;
    return execution_wait(e, ret_status, f);
}

static int run_exec(struct cli *cli, const struct command *self, int argc, char **argv)
{
    struct execution e = EXECUTION_NONE;
    struct exec_options o = {0};
    struct fail f = {0};
    int status = 0, r;

    if (cli_options(cli, self, &o, &argc, argv, 1, -1, EXIT_OURS, &status) != 0)
        return status;
    if (argc > 2 && strcmp(argv[2], "--") == 0) {
        argv[2] = argv[1];
        argv++;
    }
    r = execution_prepare(&e, o.detach, &f);
    if (r == 0)
        r = start(cli, &o, argv + 1, &e, &f);
    if (r == 0)
        r = finish(&o, &e, &status, &f);
    execution_close(&e);
    free(o.env.items);
    free(o.gids.items);
    free(o.caps.items);
    if (r < 0) {
        (void) fail_wrap(&f, r, "exec failed");
        return cli_fail(cli, &f, EXIT_OURS);
    }
    return status;
}

const struct command cmd_exec = {
    .name = "exec",
    .arguments = "CONTAINER COMMAND [ARGS...]",
    .summary = "run a further process in a running container",
    .more =
        "User, environment, directory and the rest are those of the container's own process unless "
        "an\n"
        "option says otherwise. Exit status: the process's, 128+N if signal N killed it, 125 if\n"
        "cloister failed, 126 if the command cannot be executed, 127 if it is not there.",
    .options = {.table = exec_option_table,
                .n = ARRAY_LEN(exec_option_table),
                .stop_at_argument = true},
    .run = run_exec,
};
