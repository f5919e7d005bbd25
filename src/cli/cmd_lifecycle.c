/* SPDX-License-Identifier: Apache-2.0 */
/* cloister start, pause, resume, delete and kill. */
#include <ctype.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/cleanup.h"
#include "base/parse.h"
#include "cli/cli.h"
#include "cli/container.h"
#include "host/lifecycle.h"

/* ---- start ---- */

static int run_start(struct cli *cli, const struct command *self, int argc, char **argv)
{
    _cleanup_(opened_close) struct opened o = OPENED_NONE;
    struct fail f = {0};
    int status, r;

    if (cli_options(cli, self, NULL, &argc, argv, 1, 1, 1, &status) != 0)
        return status;
    r = opened_open(cli, argv[1], FOR_CHANGE, &o, &f);
    if (r == 0)
        r = lifecycle_start(&o.c, &f);
    return r < 0 ? cli_fail(cli, &f, 1) : 0;
}

const struct command cmd_start = {
    .name = "start",
    .arguments = "CONTAINER",
    .summary = "let a created container run its program",
    .run = run_start,
};

/* ---- pause, resume ---- */

static int run_pause(struct cli *cli, const struct command *self, int argc, char **argv)
{
    _cleanup_(opened_close) struct opened o = OPENED_NONE;
    struct fail f = {0};
    int status, r;

    if (cli_options(cli, self, NULL, &argc, argv, 1, 1, 1, &status) != 0)
        return status;
    r = opened_open(cli, argv[1], FOR_CHANGE, &o, &f);
    if (r == 0)
        r = self == &cmd_pause ? lifecycle_pause(&o.c, &f) : lifecycle_resume(&o.c, &f);
    return r < 0 ? cli_fail(cli, &f, 1) : 0;
}

const struct command cmd_pause = {
    .name = "pause",
    .arguments = "CONTAINER",
    .summary = "stop all processes of a container until it is resumed",
    .run = run_pause,
};

const struct command cmd_resume = {
    .name = "resume",
    .arguments = "CONTAINER",
    .summary = "let a paused container go on",
    .run = run_pause,
};

/* ---- delete ---- */

struct delete_options {
    bool force;
};

static const struct option delete_option_table[] = {
    {"force", 'f', OPTION_FLAG, false, NULL,
     "kill it first if it still runs; fine if it does not exist",
     offsetof(struct delete_options, force)},
};

static int run_delete(struct cli *cli, const struct command *self, int argc, char **argv)
{
    _cleanup_(opened_close) struct opened o = OPENED_NONE;
    struct delete_options d = {0};
    struct fail f = {0};
    int status, r;

    if (cli_options(cli, self, &d, &argc, argv, 1, 1, 1, &status) != 0)
        return status;
    r = opened_open(cli, argv[1], FOR_CHANGE, &o, &f);
    if (r == -ENOENT && d.force)
        return 0;
    if (r == -EBADMSG && d.force) {
        log_warn("%s: removing it; a process of it may still run", f.text);
        r = container_discard(&o.store, argv[1], &f);
        return r < 0 ? cli_fail(cli, &f, 1) : 0;
    }
    if (r == 0)
        r = lifecycle_delete(&o.store, &o.c, d.force, &f);
    return r < 0 ? cli_fail(cli, &f, 1) : 0;
}

const struct command cmd_delete = {
    .name = "delete",
    .arguments = "CONTAINER",
    .summary = "remove a container that has ended",
    .options = OPTION_TABLE(delete_option_table),
    .run = run_delete,
};

/* ---- kill ---- */

struct kill_options {
    bool all;
};

static const struct option kill_option_table[] = {
    {"all", 'a', OPTION_FLAG, false, NULL, "send it to every process of the container",
     offsetof(struct kill_options, all)},
};

/* "15", "TERM", "SIGTERM", "RTMIN+3"; any case. */
static int parse_signal(const char *text, int *ret)
{
    uint32_t n;
    bool from_max;

    if (parse_u32(text, &n) == 0) {
        *ret = (int) n;
        return n >= 1 && n <= 64 ? 0 : -ERANGE;
    }
    if (strncasecmp(text, "SIG", 3) == 0)
        text += 3;
    if (strncasecmp(text, "RTMIN", 5) == 0 || strncasecmp(text, "RTMAX", 5) == 0) {
        from_max = toupper((unsigned char) text[4]) == 'X';
        n = 0;
        if (text[5] && (text[5] != (from_max ? '-' : '+') || parse_u32(text + 6, &n) < 0 || n > 30))
            return -EINVAL;
        *ret = from_max ? 64 - (int) n : 34 + (int) n;
        return 0;
    }
    for (int i = 1; i < 32; i++) {
        const char *name = sigabbrev_np(i);
        if (name && strcasecmp(name, text) == 0) {
            *ret = i;
            return 0;
        }
    }
    if (strcasecmp(text, "POLL") == 0 || strcasecmp(text, "IOT") == 0 ||
        strcasecmp(text, "CLD") == 0) {
        *ret = toupper((unsigned char) text[0]) == 'P'   ? SIGIO
               : toupper((unsigned char) text[0]) == 'I' ? SIGABRT
                                                         : SIGCHLD;
        return 0;
    }
    return -EINVAL;
}

static int run_kill(struct cli *cli, const struct command *self, int argc, char **argv)
{
    _cleanup_(opened_close) struct opened o = OPENED_NONE;
    struct kill_options k = {0};
    struct fail f = {0};
    int status, r, signo = SIGTERM;

    if (cli_options(cli, self, &k, &argc, argv, 1, 2, 1, &status) != 0)
        return status;
    if (argc > 2 && parse_signal(argv[2], &signo) < 0) {
        fail(&f, EINVAL, "unknown signal \"%s\"", argv[2]);
        return cli_fail(cli, &f, 1);
    }
    r = opened_open(cli, argv[1], FOR_READ, &o, &f);
    if (r == 0)
        r = lifecycle_kill(&o.c, signo, k.all, &f);
    return r < 0 ? cli_fail(cli, &f, 1) : 0;
}

const struct command cmd_kill = {
    .name = "kill",
    .arguments = "CONTAINER [SIGNAL]",
    .summary = "send a signal (default TERM) to a container's first process",
    .options = OPTION_TABLE(kill_option_table),
    .run = run_kill,
};
