/* SPDX-License-Identifier: Apache-2.0 */
/* cloister diff and kept: what sandboxes of `do --keep` changed, and which there are. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/strbuf.h"
#include "cli/cli.h"
#include "cli/kept_paths.h"
#include "host/diff.h"
#include "host/path.h"
#include "host/store.h"

/* ---- diff ---- */

struct diff_options {
    bool json;
};

static const struct option diff_option_table[] = {
    {"json", 0, OPTION_FLAG, false, NULL, "an array of objects with type, size, mode and more",
     offsetof(struct diff_options, json)},
};

static bool is_wanted(const struct change *c, const struct kept_paths *paths)
{
    if (c->kind == CHANGE_SAME)
        return false;
    for (size_t i = 0; i < paths->n; i++)
        if (path_is_below(c->path, paths->v[i]))
            return true;
    return paths->n == 0;
}

static void print_changes(const struct changes *c, const struct kept_paths *paths, bool json)
{
    struct strbuf line = STRBUF_INIT;
    const char *sep = "[";

    for (size_t i = 0; i < c->n; i++) {
        if (!is_wanted(&c->v[i], paths))
            continue;
        sb_reset(&line);
        if (json)
            change_print_json(&c->v[i], &line);
        else
            change_print(&c->v[i], &line);
        printf("%s%s", json ? sep : "", sb_text(&line));
        sep = ",\n ";
    }
    if (json)
        printf("%s]\n", *sep == '[' ? "[" : "");
    sb_free(&line);
}

static int run_diff(struct cli *cli, const struct command *self, int argc, char **argv)
{
    _cleanup_(kept_close) struct kept k = KEPT_NONE;
    _cleanup_(kept_paths_free) struct kept_paths paths = {0};
    struct changes changes = {0};
    struct diff_options o = {0};
    struct fail f = {0};
    int status, r;

    if (cli_options(cli, self, &o, &argc, argv, 1, -1, 1, &status) != 0)
        return status;
    r = kept_paths_read(argv + 2, &paths, &f);
    if (r == 0)
        r = kept_open(cli->store, argv[1], &k, &f);
    if (r == 0)
        r = diff_kept(&k, &changes, &f);
    if (r < 0)
        return cli_fail(cli, &f, 1);
    print_changes(&changes, &paths, o.json);
    changes_free(&changes);
    if (fflush(stdout) != 0 || ferror(stdout)) {
        fail(&f, EIO, "writing the list failed");
        return cli_fail(cli, &f, 1);
    }
    return 0;
}

const struct command cmd_diff = {
    .name = "diff",
    .arguments = "NAME [PATH...]",
    .summary = "list what a kept sandbox changed",
    .more = "One line a change: A added, C changed, D deleted.",
    .options = OPTION_TABLE(diff_option_table),
    .run = run_diff,
};

/* ---- kept ---- */

struct kept_options {
    const char *format;
    bool quiet;
};

static const struct option kept_option_table[] = {
    {"format", 'f', OPTION_STRING, false, "FORMAT", "table (default) or json",
     offsetof(struct kept_options, format)},
    {"quiet", 'q', OPTION_FLAG, false, NULL, "print names only",
     offsetof(struct kept_options, quiet)},
};

struct listing {
    struct strbuf json;
    bool quiet, as_json;
    size_t n;
};

static void add_json(struct strbuf *sb, const struct kept_info *i)
{
    sb_add(sb, "{\"name\":");
    sb_add_json_string(sb, i->name);
    if (i->meta) {
        sb_add(sb, ",\"created\":");
        sb_add_json_string(sb, i->meta->created);
        sb_add(sb, ",\"root\":");
        sb_add_json_string(sb, i->meta->root);
        sb_addf(sb, ",\"sizeLimit\":%llu", (unsigned long long) i->meta->size_limit);
    }
    sb_addf(sb, ",\"busy\":%s,\"damaged\":%s}", i->busy ? "true" : "false",
            i->meta ? "false" : "true");
}

static int list_one(const struct kept_info *i, void *arg)
{
    struct listing *l = arg;

    if (l->quiet) {
        puts(i->name);
    } else if (l->as_json) {
        sb_add(&l->json, l->n ? ",\n " : "");
        add_json(&l->json, i);
    } else {
        printf("%-20s %-20s %-8s %s\n", i->name, i->meta ? i->meta->created : "-",
               !i->meta  ? "damaged"
               : i->busy ? "busy"
                         : "idle",
               i->meta ? i->meta->root : "-");
    }
    l->n++;
    return sb_error(&l->json);
}

static int run_kept(struct cli *cli, const struct command *self, int argc, char **argv)
{
    struct kept_options o = {0};
    struct listing l = {0};
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
        printf("%-20s %-20s %-8s %s\n", "NAME", "CREATED", "STATUS", "ROOT");
    r = kept_each(cli->store, list_one, &l, &f);
    if (r == 0 && l.as_json && !l.quiet)
        printf("[%s]\n", sb_text(&l.json));
    sb_free(&l.json);
    return r < 0 ? cli_fail(cli, &f, 1) : 0;
}

const struct command cmd_kept = {
    .name = "kept",
    .arguments = "",
    .summary = "list the kept sandboxes",
    .options = OPTION_TABLE(kept_option_table),
    .run = run_kept,
};
