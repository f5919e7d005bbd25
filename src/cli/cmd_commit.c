/* SPDX-License-Identifier: Apache-2.0 */
/* cloister commit and discard: the two ends of what `do --keep` kept. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/strbuf.h"
#include "cli/cli.h"
#include "cli/kept_paths.h"
#include "host/commit.h"
#include "host/diff.h"
#include "host/store.h"

/* Ends a commit between two changes. */
static volatile sig_atomic_t stop;

static void on_signal(int signo)
{
    stop = signo;
}

static void catch_signals(void)
{
    static const int caught[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT};
    struct sigaction old, sa = {.sa_handler = on_signal};

    for (size_t i = 0; i < ARRAY_LEN(caught); i++)
        if (sigaction(caught[i], NULL, &old) == 0 && old.sa_handler != SIG_IGN)
            (void) sigaction(caught[i], &sa, NULL);
}

/* ---- commit ---- */

struct commit_options {
    bool force, allow_privileged;
};

static const struct option commit_option_table[] = {
    {"force", 0, OPTION_FLAG, false, NULL, "overwrite what was changed on the host meanwhile, too",
     offsetof(struct commit_options, force)},
    {"allow-privileged", 0, OPTION_FLAG, false, NULL,
     "also set-id programs, file capabilities and devices",
     offsetof(struct commit_options, allow_privileged)},
};

static void complain(const struct cli *cli, const struct change *c, const char *what)
{
    struct strbuf line = STRBUF_INIT;

    path_print(c->path, &line);
    fprintf(stderr, "cloister: %s: %s: %s\n", cli->command, sb_text(&line), what);
    sb_free(&line);
}

static const char *privilege_of(const struct change *c)
{
    if (S_ISCHR(c->object.mode) || S_ISBLK(c->object.mode))
        return "is a device";
    if (c->object.mode & (S_ISUID | S_ISGID))
        return c->object.mode & S_ISUID ? "is a set-uid program" : "is a set-gid program";
    return "has file capabilities";
}

/* A name of a file with several is given a new file: the others do not follow. */
static void warn_of_links(const struct cli *cli, const struct changes *c)
{
    for (size_t i = 0; i < c->n; i++)
        if (c->v[i].done && c->v[i].kind == CHANGE_CHANGED && S_ISREG(c->v[i].host.st_mode) &&
            c->v[i].host.st_nlink > 1 && (c->v[i].what & CHANGED_CONTENT))
            complain(cli, &c->v[i], "had other names on the host, which keep the old contents");
}

/* Everything that stands against it, before anything is changed. */
static int check(const struct cli *cli, const struct commit_options *o, const struct changes *c,
                 struct fail *f)
{
    size_t conflicts = 0, privileged = 0;

    for (size_t i = 0; i < c->n; i++) {
        const struct change *one = &c->v[i];

        if (!one->selected || one->kind == CHANGE_SAME)
            continue;
        if (one->conflict && !o->force) {
            complain(cli, one, one->conflict);
            conflicts++;
        }
        if (one->privileged && one->kind != CHANGE_DELETED && !o->allow_privileged) {
            complain(cli, one, privilege_of(one));
            privileged++;
        }
    }
    if (conflicts)
        return fail(f, EEXIST, "%zu conflict%s with the host: nothing was committed", conflicts,
                    conflicts == 1 ? "" : "s");
    if (privileged)
        return fail(f, EPERM,
                    "%zu privileged file%s: nothing was committed (look at them, then use "
                    "--allow-privileged)",
                    privileged, privileged == 1 ? "" : "s");
    return 0;
}

static int run_commit(struct cli *cli, const struct command *self, int argc, char **argv)
{
    _cleanup_(kept_close) struct kept k = KEPT_NONE;
    _cleanup_(kept_paths_free) struct kept_paths paths = {0};
    struct changes changes = {0};
    struct commit_options o = {0};
    struct fail f = {0};
    size_t done = 0;
    int status, r;

    if (cli_options(cli, self, &o, &argc, argv, 1, -1, 1, &status) != 0)
        return status;
    r = kept_paths_read(argv + 2, &paths, &f);
    if (r == 0)
        r = kept_open(cli->store, argv[1], &k, &f);
    if (r == 0)
        r = diff_kept(&k, &changes, &f);
    if (r == 0)
        r = commit_select(&changes, paths.v, paths.n, &f);
    if (r == 0)
        r = check(cli, &o, &changes, &f);
    if (r == 0) {
        catch_signals();
        r = commit_apply(&k, &changes, &stop, &done, &f);
        warn_of_links(cli, &changes);
    }
    changes_free(&changes);
    if (r < 0)
        return cli_fail(cli, &f, stop ? 128 + (int) stop : 1);
    printf("%zu change%s committed\n", done, done == 1 ? "" : "s");
    return 0;
}

const struct command cmd_commit = {
    .name = "commit",
    .arguments = "NAME [PATH...]",
    .summary = "take over to the host what a kept sandbox changed",
    .more =
        "All of it, or what is at and below each PATH. Nothing is changed if the host's own files\n"
        "were changed where the sandbox did; what is committed leaves the sandbox.",
    .options = OPTION_TABLE(commit_option_table),
    .run = run_commit,
};

/* ---- discard ---- */

static int discard_one(const struct cli *cli, const char *name, struct fail *f)
{
    struct kept k = KEPT_NONE;
    int r = kept_open(cli->store, name, &k, f);

    return r < 0 ? r : kept_discard(&k, f);
}

static int run_discard(struct cli *cli, const struct command *self, int argc, char **argv)
{
    struct fail f = {0};
    int status, result = 0;

    if (cli_options(cli, self, NULL, &argc, argv, 1, -1, 1, &status) != 0)
        return status;
    for (int i = 1; i < argc; i++)
        if (discard_one(cli, argv[i], &f) < 0)
            result = cli_fail(cli, &f, 1);
    return result;
}

const struct command cmd_discard = {
    .name = "discard",
    .arguments = "NAME...",
    .summary = "drop kept sandboxes and what they changed",
    .run = run_discard,
};
