/* SPDX-License-Identifier: Apache-2.0 */
/* cloister events: what a container uses, and what happens to it, as JSON. */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/strbuf.h"
#include "base/sys.h"
#include "cli/cli.h"
#include "cli/container.h"
#include "host/procstat.h"
#include "host/usage.h"

#define DEFAULT_INTERVAL "5s"
#define LOOK_MS          500 /* how soon an oom kill is told */
#define MAX_INTERVAL_MS  (24 * 3600 * 1000)

struct events_options {
    const char *interval;
    bool stats;
};

static const struct option events_option_table[] = {
    {"interval", 0, OPTION_STRING, false, "TIME",
     "between two statistics, as 500ms or 2m (default: 5s)",
     offsetof(struct events_options, interval)},
    {"stats", 0, OPTION_FLAG, false, NULL, "print the statistics once and end",
     offsetof(struct events_options, stats)},
};

/* "5s", "500ms", "1.5m": one number and one unit of Go's durations. */
static int parse_interval(const char *text, int *ret_ms, struct fail *f)
{
    static const struct {
        const char *name;
        double ms;
    } units[] = {{"ms", 1}, {"s", 1000}, {"m", 60000}, {"h", 3600000}};
    char *end;
    double n = strtod(text, &end);

    for (size_t i = 0; i < ARRAY_LEN(units) && end != text && *text >= '0' && *text <= '9'; i++) {
        if (strcmp(end, units[i].name) != 0)
            continue;
        n *= units[i].ms;
        if (!(n >= 1 && n <= MAX_INTERVAL_MS))
            break;
        *ret_ms = (int) n;
        return 0;
    }
    return fail(f, EINVAL, "option --interval: expected a time as 5s or 500ms, found \"%s\"", text);
}

static int print_event(const struct container *c, const char *type, const struct usage *u,
                       struct fail *f)
{
    _cleanup_sb_ struct strbuf sb = STRBUF_INIT;

    sb_add(&sb, "{\"type\":");
    sb_add_json_string(&sb, type);
    sb_add(&sb, ",\"id\":");
    sb_add_json_string(&sb, c->id);
    if (u) {
        sb_add(&sb, ",\"data\":");
        usage_format(u, &sb);
    }
    sb_add(&sb, "}");
    if (sb_error(&sb) < 0)
        return fail(f, ENOMEM, "out of memory");
    puts(sb_text(&sb));
    return fflush(stdout) ? fail_errno(f, errno, "writing") : 0;
}

/* Until the container ends. */
static int follow(const struct container *c, int interval_ms, struct fail *f)
{
    _cleanup_close_ int pidfd = host_pidfd_open(c->pid, 0);
    uint64_t oom_kills = UINT64_MAX;
    int left = 0;

    if (pidfd < 0 || !procstat_is_same(c->pid, c->start_time))
        return 0;
    for (;;) {
        struct pollfd p = {.fd = pidfd, .events = POLLIN};
        struct fail ended = {0};
        struct usage u;
        int r, wait;

        if (usage_read(c, &u, &ended) < 0) {
            if (poll(&p, 1, 0) > 0)
                return 0;
            *f = ended;
            return -EIO;
        }
        r = oom_kills < u.oom_kills ? print_event(c, "oom", NULL, f) : 0;
        oom_kills = u.oom_kills;
        if (r == 0 && left <= 0) {
            r = print_event(c, "stats", &u, f);
            left = interval_ms;
        }
        if (r < 0)
            return r;
        wait = c->cgroup ? MIN(left, LOOK_MS) : left;
        if (poll(&p, 1, wait) > 0)
            return 0;
        left -= wait;
    }
}

static int run_events(struct cli *cli, const struct command *self, int argc, char **argv)
{
    _cleanup_(opened_close) struct opened o = OPENED_NONE;
    struct events_options e = {.interval = DEFAULT_INTERVAL};
    struct fail f = {0};
    struct usage u;
    int status, r, interval_ms = 0;

    if (cli_options(cli, self, &e, &argc, argv, 1, 1, 1, &status) != 0)
        return status;
    r = parse_interval(e.interval, &interval_ms, &f);
    if (r == 0)
        r = opened_open(cli, argv[1], FOR_READ, &o, &f);
    if (r == 0 && o.c.status == STATUS_STOPPED)
        r = fail(&f, ESRCH, "container not running");
    if (r < 0)
        return cli_fail(cli, &f, 1);
    o.c.lock_fd = close_fd(o.c.lock_fd); /* others may change it meanwhile */
    if (e.stats) {
        r = usage_read(&o.c, &u, &f);
        if (r == 0)
            r = print_event(&o.c, "stats", &u, &f);
    } else {
        r = follow(&o.c, interval_ms, &f);
    }
    return r < 0 ? cli_fail(cli, &f, 1) : 0;
}

const struct command cmd_events = {
    .name = "events",
    .arguments = "CONTAINER",
    .summary = "print what a container uses, and when it runs out of memory, as JSON",
    .options = OPTION_TABLE(events_option_table),
    .run = run_events,
};
