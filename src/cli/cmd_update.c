/* SPDX-License-Identifier: Apache-2.0 */
/* cloister update: other limits for a running container. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/parse.h"
#include "cli/cli.h"
#include "cli/container.h"
#include "host/limits.h"

struct update_options {
    const char *resources, *memory, *reservation, *swap, *shares, *period, *quota, *pids, *cpus,
        *mems;
};

#define O(field) offsetof(struct update_options, field)

static const struct option update_option_table[] = {
    {"resources", 'r', OPTION_STRING, false, "FILE",
     "resources of the OCI specification as JSON; -: from standard input", O(resources)},
    {"memory", 0, OPTION_STRING, false, "BYTES", "memory, with K, M or G if you like; -1: no limit",
     O(memory)},
    {"memory-reservation", 0, OPTION_STRING, false, "BYTES", "memory that is left to it under want",
     O(reservation)},
    {"memory-swap", 0, OPTION_STRING, false, "BYTES", "memory and swap together", O(swap)},
    {"cpu-share", 0, OPTION_STRING, false, "N", "weight against other groups: 2 to 262144",
     O(shares)},
    {"cpu-period", 0, OPTION_STRING, false, "USEC", "length of a period", O(period)},
    {"cpu-quota", 0, OPTION_STRING, false, "USEC", "processor time in a period; -1: no limit",
     O(quota)},
    {"cpuset-cpus", 0, OPTION_STRING, false, "LIST", "processors it may use", O(cpus)},
    {"cpuset-mems", 0, OPTION_STRING, false, "LIST", "memory nodes it may use", O(mems)},
    {"pids-limit", 0, OPTION_STRING, false, "N", "tasks it may have; -1: no limit", O(pids)},
    {"blkio-weight", 0, OPTION_REFUSED, true, "N", "weight of its disk accesses", 0},
    {"cpu-burst", 0, OPTION_REFUSED, true, "USEC", "time saved from earlier periods", 0},
    {"cpu-rt-period", 0, OPTION_REFUSED, true, "USEC", "period of real-time tasks", 0},
    {"cpu-rt-runtime", 0, OPTION_REFUSED, true, "USEC", "time of real-time tasks", 0},
};

static int take_number(const char *name, const char *text, bool bytes, int64_t *ret, struct fail *f)
{
    uint64_t size;
    int r;

    if (!text)
        return 0;
    r = parse_i64(text, ret);
    if (r < 0 && bytes && parse_size(text, &size) == 0 && size <= INT64_MAX) {
        *ret = (int64_t) size;
        r = 0;
    }
    if (r < 0 || *ret < -1)
        return fail(f, EINVAL, "option --%s: expected a number, found \"%s\"", name, text);
    return 0;
}

static int take_list(const char *text, char **field, struct fail *f)
{
    if (!text)
        return 0;
    free(*field);
    *field = strdup(text);
    return *field ? 0 : fail(f, ENOMEM, "out of memory");
}

/* Options stand above the file. */
static int collect(const struct update_options *o, struct limits *l, struct fail *f)
{
    const struct {
        const char *name, *text;
        bool bytes;
        enum limit which;
    } numbers[] = {
        {"memory", o->memory, true, LIMIT_MEMORY},
        {"memory-reservation", o->reservation, true, LIMIT_MEMORY_RESERVATION},
        {"memory-swap", o->swap, true, LIMIT_MEMORY_SWAP},
        {"cpu-share", o->shares, false, LIMIT_CPU_SHARES},
        {"cpu-period", o->period, false, LIMIT_CPU_PERIOD},
        {"cpu-quota", o->quota, false, LIMIT_CPU_QUOTA},
        {"pids-limit", o->pids, false, LIMIT_PIDS},
    };
    int r = o->resources ? limits_read(o->resources, l, f) : 0;

    for (size_t i = 0; i < ARRAY_LEN(numbers) && r == 0; i++)
        r = take_number(numbers[i].name, numbers[i].text, numbers[i].bytes,
                        &l->value[numbers[i].which], f);
    if (r == 0)
        r = take_list(o->cpus, &l->cpus, f);
    if (r == 0)
        r = take_list(o->mems, &l->mems, f);
    return r;
}

static int run_update(struct cli *cli, const struct command *self, int argc, char **argv)
{
    _cleanup_(opened_close) struct opened c = OPENED_NONE;
    _cleanup_(limits_free) struct limits l;
    struct update_options o = {0};
    struct fail f = {0};
    int status, r;

    limits_init(&l);
    if (cli_options(cli, self, &o, &argc, argv, 1, 1, 1, &status) != 0)
        return status;
    r = collect(&o, &l, &f);
    if (r == 0)
        r = opened_open(cli, argv[1], FOR_CHANGE, &c, &f);
    if (r == 0 && c.c.status == STATUS_STOPPED)
        r = fail(&f, ESRCH, "container not running");
    if (r == 0)
        r = limits_apply(&c.c, &l, &f);
    return r < 0 ? cli_fail(cli, &f, 1) : 0;
}

const struct command cmd_update = {
    .name = "update",
    .arguments = "CONTAINER",
    .summary = "change the limits of a container",
    .options = OPTION_TABLE(update_option_table),
    .run = run_update,
};
