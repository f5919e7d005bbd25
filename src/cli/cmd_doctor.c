/* SPDX-License-Identifier: Apache-2.0 */
/* cloister doctor: what this host allows, and how to get the rest. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/strbuf.h"
#include "cli/cli.h"
#include "host/probe.h"

struct doctor_options {
    const char *format;
};

static const struct option doctor_option_table[] = {
    {"format", 'f', OPTION_STRING, false, "FORMAT", "table (default) or json",
     offsetof(struct doctor_options, format)},
};

static const char *const verdicts[] = {
    [PROBE_OK] = "ok",
    [PROBE_WEAK] = "weak",
    [PROBE_MISSING] = "missing",
};

static void print_table(const struct probe *v, size_t n, bool ready)
{
    for (size_t i = 0; i < n; i++) {
        printf("%-8s %-16s %s\n", verdicts[v[i].verdict], v[i].name, v[i].detail);
        if (v[i].advice)
            printf("%-25s -> %s\n", "", v[i].advice);
    }
    printf("%s\n",
           ready ? "Containers can run here." : "Containers cannot run here: see what is missing.");
}

static int print_json(const struct probe *v, size_t n, bool ready)
{
    _cleanup_sb_ struct strbuf sb = STRBUF_INIT;

    sb_addf(&sb, "{\n  \"ready\": %s,\n  \"checks\": [\n", ready ? "true" : "false");
    for (size_t i = 0; i < n; i++) {
        sb_addf(&sb, "    {\"name\": \"%s\", \"verdict\": \"%s\", \"detail\": ", v[i].name,
                verdicts[v[i].verdict]);
        sb_add_json_string(&sb, v[i].detail);
        if (v[i].advice) {
            sb_add(&sb, ", \"advice\": ");
            sb_add_json_string(&sb, v[i].advice);
        }
        sb_addf(&sb, "}%s\n", i + 1 < n ? "," : "");
    }
    sb_add(&sb, "  ]\n}\n");
    fputs(sb_text(&sb), stdout);
    return sb_error(&sb);
}

static int run_doctor(struct cli *cli, const struct command *self, int argc, char **argv)
{
    struct doctor_options o = {0};
    struct probe v[PROBE_MAX];
    struct fail f = {0};
    bool ready = true, json;
    int status;
    size_t n;

    if (cli_options(cli, self, &o, &argc, argv, 0, 0, 1, &status) != 0)
        return status;
    json = o.format && strcmp(o.format, "json") == 0;
    if (o.format && !json && strcmp(o.format, "table") != 0) {
        fail(&f, EINVAL, "option --format: expected table or json, found \"%s\"", o.format);
        return cli_fail(cli, &f, 1);
    }
    n = probe_host(cli->sentry, v);
    for (size_t i = 0; i < n; i++)
        ready = ready && v[i].verdict != PROBE_MISSING;
    if (!json)
        print_table(v, n, ready);
    else if (print_json(v, n, ready) < 0) {
        fail(&f, ENOMEM, "out of memory");
        return cli_fail(cli, &f, 1);
    }
    return ready ? 0 : 1;
}

const struct command cmd_doctor = {
    .name = "doctor",
    .arguments = "",
    .summary = "say what this host allows, and how to get the rest",
    .more = "Exit status: 0 when containers can run, 1 when something is missing.",
    .options = OPTION_TABLE(doctor_option_table),
    .run = run_doctor,
};
