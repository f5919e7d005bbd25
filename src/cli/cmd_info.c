/* SPDX-License-Identifier: Apache-2.0 */
/* cloister state, list, ps and posture: what can be said of containers. */
#include <errno.h>
#include <json-c/json.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/strbuf.h"
#include "cli/cli.h"
#include "cli/container.h"
#include "host/lifecycle.h"
#include "host/state_file.h"
#include "rpc/control.h"

static void print_pretty(const char *json)
{
    json_object *v = json_tokener_parse(json);

    if (v)
        puts(json_object_to_json_string_ext(v, JSON_C_TO_STRING_PRETTY |
                                                   JSON_C_TO_STRING_NOSLASHESCAPE));
    else
        puts(json);
    json_object_put(v);
}

/* ---- state ---- */

static int run_state(struct cli *cli, const struct command *self, int argc, char **argv)
{
    _cleanup_(opened_close) struct opened o = OPENED_NONE;
    _cleanup_free_ char *text = NULL;
    struct fail f = {0};
    int status, r;

    if (cli_options(cli, self, NULL, &argc, argv, 1, 1, 1, &status) != 0)
        return status;
    r = opened_open(cli, argv[1], FOR_PEEK, &o, &f);
    if (r == 0 && state_file_format_oci(&o.c, true, &text) < 0)
        r = fail(&f, ENOMEM, "out of memory");
    if (r < 0)
        return cli_fail(cli, &f, 1);
    print_pretty(text);
    return 0;
}

const struct command cmd_state = {
    .name = "state",
    .arguments = "CONTAINER",
    .summary = "print a container's state as JSON",
    .run = run_state,
};

/* ---- list ---- */

struct list_options {
    const char *format;
    bool quiet;
};

static const struct option list_option_table[] = {
    {"format", 'f', OPTION_STRING, false, "FORMAT", "table (default) or json",
     offsetof(struct list_options, format)},
    {"quiet", 'q', OPTION_FLAG, false, NULL, "print names only",
     offsetof(struct list_options, quiet)},
};

struct listing {
    struct strbuf json;
    bool quiet, as_json;
    size_t n;
};

static const char *owner_name(uint32_t uid, char *buf, size_t cap)
{
    struct passwd *pw = getpwuid(uid);

    if (pw)
        return pw->pw_name;
    snprintf(buf, cap, "#%u", uid);
    return buf;
}

static int list_one(struct container *c, void *arg)
{
    struct listing *l = arg;
    _cleanup_free_ char *text = NULL;
    char number[16];

    if (l->quiet) {
        puts(c->id);
    } else if (l->as_json) {
        if (state_file_format_oci(c, true, &text) < 0)
            return -ENOMEM;
        sb_addf(&l->json, "%s%s", l->n ? "," : "", text);
    } else {
        printf("%-20s %-8d %-10s %-32s %-31s %s\n", c->id,
               c->status == STATUS_STOPPED ? 0 : (int) c->pid, container_status_name(c->status),
               c->bundle, c->created, owner_name(c->uid, number, sizeof(number)));
    }
    l->n++;
    return 0;
}

static int run_list(struct cli *cli, const struct command *self, int argc, char **argv)
{
    struct list_options o = {0};
    struct listing l = {0};
    struct state_store store = {.fd = -1};
    struct fail f = {0};
    int status, r;

    if (cli_options(cli, self, &o, &argc, argv, 0, 0, 1, &status) != 0)
        return status;
    if (o.format && strcmp(o.format, "json") != 0 && strcmp(o.format, "table") != 0) {
        fail(&f, EINVAL, "option --format: expected table or json, found \"%s\"", o.format);
        return cli_fail(cli, &f, 1);
    }
    l.quiet = o.quiet;
    l.as_json = o.format && strcmp(o.format, "json") == 0;
    if (!l.quiet && !l.as_json)
        printf("%-20s %-8s %-10s %-32s %-31s %s\n", "ID", "PID", "STATUS", "BUNDLE", "CREATED",
               "OWNER");
    r = state_store_open(cli->root, false, &store, &f);
    if (r == 0)
        r = state_store_each(&store, list_one, &l, &f);
    else if (r == -ENOENT)
        r = 0; /* no container was ever made */
    if (r == 0 && l.as_json && !l.quiet) {
        if (l.n)
            printf("[%s]\n", sb_text(&l.json));
        else
            puts("null"); /* as runc does */
    }
    sb_free(&l.json);
    state_store_close(&store);
    return r < 0 ? cli_fail(cli, &f, 1) : 0;
}

const struct command cmd_list = {
    .name = "list",
    .arguments = "",
    .summary = "list the containers of the state directory",
    .options = OPTION_TABLE(list_option_table),
    .run = run_list,
};

/* ---- posture, ps ---- */

static int ask(struct cli *cli, const char *id, enum control_type type, char **ret, struct fail *f)
{
    _cleanup_(opened_close) struct opened o = OPENED_NONE;
    int r = opened_open(cli, id, FOR_READ, &o, f);

    if (r < 0)
        return r;
    if (o.c.status == STATUS_STOPPED)
        return fail(f, ESRCH, "container not running");
    r = lifecycle_call(&o.c, type, NULL, 0, ret, f);
    if (r == 0 && !*ret)
        return fail(f, EBADMSG, "the sandbox of %s gave no answer", id);
    return r;
}

static int run_posture(struct cli *cli, const struct command *self, int argc, char **argv)
{
    _cleanup_free_ char *text = NULL;
    struct fail f = {0};
    int status;

    if (cli_options(cli, self, NULL, &argc, argv, 1, 1, 1, &status) != 0)
        return status;
    if (ask(cli, argv[1], CONTROL_POSTURE, &text, &f) < 0)
        return cli_fail(cli, &f, 1);
    print_pretty(text);
    return 0;
}

const struct command cmd_posture = {
    .name = "posture",
    .arguments = "CONTAINER",
    .summary = "print what a running container is confined to, as its sandbox finds it, as JSON",
    .run = run_posture,
};

struct ps_options {
    const char *format;
};

static const struct option ps_option_table[] = {
    {"format", 'f', OPTION_STRING, false, "FORMAT", "table (default) or json",
     offsetof(struct ps_options, format)},
};

static void print_process(json_object *p)
{
    json_object *v;

    printf("%8d", json_object_object_get_ex(p, "pid", &v) ? json_object_get_int(v) : 0);
    printf(" %8d", json_object_object_get_ex(p, "ppid", &v) ? json_object_get_int(v) : 0);
    printf(" %8d", json_object_object_get_ex(p, "uid", &v) ? json_object_get_int(v) : 0);
    printf(" %s\n", json_object_object_get_ex(p, "cmd", &v) ? json_object_get_string(v) : "");
}

static int run_ps(struct cli *cli, const struct command *self, int argc, char **argv)
{
    _cleanup_free_ char *text = NULL;
    struct ps_options o = {0};
    struct fail f = {0};
    json_object *doc, *list;
    int status;

    if (cli_options(cli, self, &o, &argc, argv, 1, -1, 1, &status) != 0)
        return status;
    if (ask(cli, argv[1], CONTROL_PS, &text, &f) < 0)
        return cli_fail(cli, &f, 1);
    if (o.format && strcmp(o.format, "json") == 0) {
        print_pretty(text);
        return 0;
    }
    doc = json_tokener_parse(text);
    printf("%8s %8s %8s %s\n", "PID", "PPID", "UID", "CMD");
    if (doc && json_object_object_get_ex(doc, "processes", &list) &&
        json_object_is_type(list, json_type_array))
        for (size_t i = 0; i < json_object_array_length(list); i++)
            print_process(json_object_array_get_idx(list, i));
    json_object_put(doc);
    return 0;
}

const struct command cmd_ps = {
    .name = "ps",
    .arguments = "CONTAINER",
    .summary = "list the processes inside a container, by the container's own numbers",
    .options = OPTION_TABLE(ps_option_table),
    .run = run_ps,
};
