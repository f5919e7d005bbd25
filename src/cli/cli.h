/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What every command sees: the global options, how to complain, and the table of commands. A
 * command is one file, cmd_NAME.c, that defines one `const struct command`.
 */
#pragma once

#include <stdbool.h>

#include "base/log.h"
#include "base/util.h"
#include "cli/options.h"
#include "rpc/fail.h"

struct cli {
    const char *root;       /* --root: state directory; NULL: the default */
    const char *log;        /* --log: file; NULL: stderr */
    const char *log_format; /* --log-format; NULL: text */
    const char *sentry;     /* --sentry: path of cloister-sentry */
    const char *store;      /* --store: directory of kept sandboxes; NULL: the default */
    bool debug, strace, no_patch, mediate_data;

    const char *command; /* its name, for messages */
    int log_fd;          /* file of --log, or 2 */
    enum log_level level;
    bool json;
};

struct command {
    const char *name;
    const char *arguments; /* "CONTAINER", shown in the usage line */
    const char *summary;   /* one line */
    const char *more;      /* further help text or NULL */
    struct option_set options;
    /* argv[0] is the command's name. Returns the exit status. */
    int (*run)(struct cli *cli, const struct command *self, int argc, char **argv);
};

extern const struct command cmd_do, cmd_run, cmd_create, cmd_start, cmd_exec, cmd_events,
    cmd_update, cmd_pause, cmd_resume, cmd_state, cmd_kill, cmd_delete, cmd_list, cmd_ps, cmd_spec,
    cmd_posture, cmd_doctor, cmd_features, cmd_diff, cmd_commit, cmd_discard, cmd_kept;

/* Says "cloister: COMMAND: text" on stderr (and in the log file, in its format); returns the status
 * to exit with. */
int cli_fail(const struct cli *cli, const struct fail *f, int status);

/*
 * Parses the command's options into `target` and checks the number of arguments (max < 0: any).
 * 0: go on; otherwise *ret_status is the exit status (help printed, or an error told).
 */
int cli_options(struct cli *cli, const struct command *self, void *target, int *argc, char **argv,
                int min_args, int max_args, int bad_status, int *ret_status) must_check;

#define OPTION_TABLE(t)                 \
    {                                   \
        .table = (t), .n = ARRAY_LEN(t) \
    }
