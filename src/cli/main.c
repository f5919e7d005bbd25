/* SPDX-License-Identifier: Apache-2.0 */
/* The command line: global options, the table of commands, messages. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "cli/cli.h"

#ifndef CLOISTER_VERSION
#define CLOISTER_VERSION "0.1.0"
#endif

static const struct command *const commands[] = {
    &cmd_do,     &cmd_diff,    &cmd_commit, &cmd_discard,  &cmd_kept,   &cmd_run,
    &cmd_create, &cmd_start,   &cmd_exec,   &cmd_events,   &cmd_update, &cmd_pause,
    &cmd_resume, &cmd_state,   &cmd_kill,   &cmd_delete,   &cmd_list,   &cmd_ps,
    &cmd_spec,   &cmd_posture, &cmd_doctor, &cmd_features,
};

#define G(field) offsetof(struct cli, field)

static const struct option global_options[] = {
    {"root", 0, OPTION_STRING, false, "DIR", "directory of container state", G(root)},
    {"log", 0, OPTION_STRING, false, "FILE", "append log lines to FILE instead of stderr", G(log)},
    {"log-format", 0, OPTION_STRING, false, "FORMAT", "text (default) or json", G(log_format)},
    {"debug", 0, OPTION_FLAG, false, NULL, "log what is done, step by step", G(debug)},
    {"strace", 0, OPTION_FLAG, false, NULL, "log every system call of the container", G(strace)},
    {"no-patch", 0, OPTION_FLAG, false, NULL, "leave the program's system calls in its code alone",
     G(no_patch)},
    {"mediate-data", 0, OPTION_FLAG, false, NULL,
     "let the sentry move the data of files, too, instead of the container itself",
     G(mediate_data)},
    {"sentry", 0, OPTION_STRING, false, "PATH", "use this cloister-sentry", G(sentry)},
    {"store", 0, OPTION_STRING, false, "DIR", "directory of kept sandboxes", G(store)},
    {"systemd-cgroup", 0, OPTION_REFUSED, false, NULL, "let systemd make the cgroup", 0},
    {"rootless", 0, OPTION_IGNORED, true, "MODE", "accepted for runc's sake; found out by itself",
     0},
};

static const struct option_set global_set = {.table = global_options,
                                             .n = ARRAY_LEN(global_options),
                                             .stop_at_argument = true};

static void print_help(void)
{
    printf("cloister - run programs nobody trusts\n\n"
           "usage: cloister [global options] COMMAND [options] [arguments]\n\n"
           "commands:\n");
    for (size_t i = 0; i < ARRAY_LEN(commands); i++)
        printf("  %-10s %s\n", commands[i]->name, commands[i]->summary);
    printf("\nglobal options:\n");
    options_print(&global_set, stdout);
    printf("\n`cloister COMMAND --help` tells more about a command.\n");
}

/* runc's and runsc's users read the spec line. */
static void print_version(void)
{
    printf("cloister version %s\nspec: 1.2.0\n", CLOISTER_VERSION);
}

static void print_command_help(const struct command *c)
{
    printf("usage: cloister [global options] %s%s%s%s\n\n%s\n", c->name,
           c->options.n ? " [options]" : "", *c->arguments ? " " : "", c->arguments, c->summary);
    if (c->more)
        printf("\n%s\n", c->more);
    printf("\noptions:\n");
    options_print(&c->options, stdout);
}

int cli_fail(const struct cli *cli, const struct fail *f, int status)
{
    const char *sep = cli->command ? ": " : "", *name = cli->command ? cli->command : "";

    /* Engines read the last error line of the log they asked for. */
    if (cli->log_fd > 2 || cli->json)
        log_error("%s", f->text);
    if (cli->log_fd > 2 || !cli->json)
        fprintf(stderr, "cloister%s%s: %s\n", sep, name, f->text);
    return f->status ? f->status : status;
}

int cli_options(struct cli *cli, const struct command *self, void *target, int *argc, char **argv,
                int min_args, int max_args, int bad_status, int *ret_status)
{
    struct fail f = {0};
    int r = options_parse(&self->options, target, argc, argv, &f);

    if (r == OPTIONS_HELP) {
        print_command_help(self);
        *ret_status = 0;
        return 1;
    }
    if (r == OPTIONS_VERSION) {
        print_version();
        *ret_status = 0;
        return 1;
    }
    if (r == 0 && *argc - 1 < min_args)
        r = fail(&f, EINVAL, "missing argument: %s (see cloister %s --help)", self->arguments,
                 self->name);
    else if (r == 0 && max_args >= 0 && *argc - 1 > max_args)
        r = fail(&f, EINVAL, "unexpected argument \"%s\"", argv[max_args + 1]);
    if (r < 0) {
        *ret_status = cli_fail(cli, &f, bad_status);
        return r;
    }
    return 0;
}

static int open_log(struct cli *cli, struct fail *f)
{
    cli->json = false;
    if (cli->log_format && strcmp(cli->log_format, "json") == 0)
        cli->json = true;
    else if (cli->log_format && strcmp(cli->log_format, "text") != 0)
        return fail(f, EINVAL, "option --log-format: expected text or json, found \"%s\"",
                    cli->log_format);
    if (cli->log && *cli->log) {
        cli->log_fd = open(cli->log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOCTTY, 0644);
        if (cli->log_fd < 0) {
            int err = errno;
            cli->log_fd = 2;
            return fail_errno(f, err, "opening the log file %s", cli->log);
        }
    }
    cli->level = cli->debug ? LOG_DEBUG : LOG_WARN;
    log_init(cli->log_fd, cli->json ? LOG_JSON : LOG_TEXT, cli->level);
    return 0;
}

static const struct command *find_command(const char *name)
{
    for (size_t i = 0; i < ARRAY_LEN(commands); i++)
        if (strcmp(commands[i]->name, name) == 0)
            return commands[i];
    return NULL;
}

/* A descriptor opened as 0, 1 or 2 by accident would be taken for the container's stdio. */
static void reserve_stdio(void)
{
    int fd;

    do {
        fd = open("/dev/null", O_RDWR | O_CLOEXEC);
    } while (fd >= 0 && fd <= 2 && fcntl(fd, F_SETFD, 0) == 0);
    close_fd(fd);
}

int main(int argc, char **argv)
{
    struct cli cli = {.log_fd = 2};
    struct fail f = {0};
    const struct command *c;
    int r;

    reserve_stdio();
    r = options_parse(&global_set, &cli, &argc, argv, &f);
    if (r == OPTIONS_HELP) {
        print_help();
        return 0;
    }
    if (r == OPTIONS_VERSION) {
        print_version();
        return 0;
    }
    if (r == 0)
        r = open_log(&cli, &f);
    if (r < 0)
        return cli_fail(&cli, &f, 1);
    if (argc < 2 || strcmp(argv[1], "help") == 0) {
        if (argc >= 3 && (c = find_command(argv[2])))
            print_command_help(c);
        else
            print_help();
        return argc < 2 ? 1 : 0;
    }
    c = find_command(argv[1]);
    if (!c) {
        fail(&f, EINVAL, "unknown command \"%s\" (cloister --help lists them)", argv[1]);
        return cli_fail(&cli, &f, 1);
    }
    cli.command = c->name;
    return c->run(&cli, c, argc - 1, argv + 1);
}
