/* SPDX-License-Identifier: Apache-2.0 */
/* Limits of a running container: see limits.h. Sources: cgroup-v2.rst and the cgroup-v1 documents
 * of the kernel; runtime-spec, config-linux.md; the conversion of shares is the one runc documents.
 */
#include "host/limits.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/textio.h"
#include "host/cgroup.h"
#include "host/lifecycle.h"
#include "oci/json.h"
#include "rpc/control.h"

#define MAX_BYTES (1u << 20)

/* Where a limit is written. */
static const struct place {
    const char *option, *property; /* for messages: of `update`, of linux.resources */
    const char *controller, *v1, *v2;
} places[N_LIMITS] = {
    [LIMIT_MEMORY] = {"memory", "memory.limit", "memory", "memory.limit_in_bytes", "memory.max"},
    [LIMIT_MEMORY_RESERVATION] = {"memory-reservation", "memory.reservation", "memory",
                                  "memory.soft_limit_in_bytes", "memory.low"},
    [LIMIT_MEMORY_SWAP] = {"memory-swap", "memory.swap", "memory", "memory.memsw.limit_in_bytes",
                           "memory.swap.max"},
    [LIMIT_CPU_SHARES] = {"cpu-share", "cpu.shares", "cpu", "cpu.shares", "cpu.weight"},
    [LIMIT_CPU_PERIOD] = {"cpu-period", "cpu.period", "cpu", "cpu.cfs_period_us", "cpu.max"},
    [LIMIT_CPU_QUOTA] = {"cpu-quota", "cpu.quota", "cpu", "cpu.cfs_quota_us", "cpu.max"},
    [LIMIT_PIDS] = {"pids-limit", "pids.limit", "pids", "pids.max", "pids.max"},
};
static const struct place cpus_place = {"cpuset-cpus", "cpu.cpus", "cpuset", "cpuset.cpus",
                                        "cpuset.cpus"};
static const struct place mems_place = {"cpuset-mems", "cpu.mems", "cpuset", "cpuset.mems",
                                        "cpuset.mems"};

int limits_read(const char *path, struct limits *l, struct fail *f)
{
    _cleanup_free_ char *text = NULL;
    struct json_reader r = {.f = f};
    json_object *doc = NULL;
    size_t len;
    int e = strcmp(path, "-") == 0 ? read_fd_all(0, MAX_BYTES, &text, &len)
                                   : read_file_at(AT_FDCWD, path, MAX_BYTES, &text, &len);

    if (e < 0)
        return fail_errno(f, -e, "reading %s", path);
    e = json_parse(text, len, path, &doc, f);
    if (e == 0)
        e = limits_from_json(&r, doc, l);
    if (e == 0 && *sb_text(&r.noted))
        e = fail(f, ENOTSUP, "%s: what cannot be changed here: %s", path, sb_text(&r.noted));
    json_object_put(doc);
    sb_free(&r.path);
    sb_free(&r.noted);
    return e;
}

/* ---- writing ---- */

/* The group to write to, and whose words to use. */
struct group {
    const char *path;
    bool config; /* config.json's rather than options' */
};

static const char *prefix(const struct group *g)
{
    return g->config ? "linux.resources." : "option --";
}

static const char *name_of(const struct group *g, const struct place *p)
{
    return g->config ? p->property : p->option;
}

static int put_text(const struct group *g, const struct place *p, const char *text, struct fail *f)
{
    char file[4096];
    int r;

    cgroup_file(g->path, p->controller, cgroup_version() == 2 ? p->v2 : p->v1, file, sizeof(file));
    r = write_file_at(AT_FDCWD, file, text);
    if (r == -ENOENT)
        return fail(f, ENOTSUP, "%s%s: the container's cgroup has no %s", prefix(g), name_of(g, p),
                    file);
    return r < 0 ? fail_errno(f, -r, "%s%s: writing %s to %s", prefix(g), name_of(g, p), text, file)
                 : 0;
}

static int put(const struct group *g, enum limit which, int64_t value, struct fail *f)
{
    char text[32];

    if (value < 0 && cgroup_version() == 2)
        return put_text(g, &places[which], "max", f);
    if (value < 0 && which == LIMIT_PIDS)
        return put_text(g, &places[which], "max", f);
    snprintf(text, sizeof(text), "%lld", (long long) (value < 0 ? -1 : value));
    return put_text(g, &places[which], text, f);
}

/* Version 2 counts swap alone. */
static int put_swap(const struct group *g, const struct limits *l, struct fail *f)
{
    int64_t both = l->value[LIMIT_MEMORY_SWAP], memory = l->value[LIMIT_MEMORY];

    if (both == LIMIT_UNSET)
        return 0;
    if (cgroup_version() != 2 || both < 0)
        return put(g, LIMIT_MEMORY_SWAP, both, f);
    if (memory < 0 || both < memory)
        return fail(f, EINVAL,
                    "%s%s: it counts memory, too: %s must be given with it and not be more",
                    prefix(g), name_of(g, &places[LIMIT_MEMORY_SWAP]),
                    name_of(g, &places[LIMIT_MEMORY]));
    return put(g, LIMIT_MEMORY_SWAP, both - memory, f);
}

/* On version 1 memory may never be more than memory and swap, also for a moment. */
static int put_memory(const struct group *g, const struct limits *l, struct fail *f)
{
    struct fail first = {0};
    int r = 0;

    if (l->value[LIMIT_MEMORY] != LIMIT_UNSET)
        r = put(g, LIMIT_MEMORY, l->value[LIMIT_MEMORY], &first);
    if (r == -EINVAL && l->value[LIMIT_MEMORY_SWAP] != LIMIT_UNSET) {
        r = put_swap(g, l, f);
        return r < 0 ? r : put(g, LIMIT_MEMORY, l->value[LIMIT_MEMORY], f);
    }
    if (r < 0) {
        *f = first;
        return r;
    }
    return put_swap(g, l, f);
}

/* [2, 262144] of version 1 onto [1, 10000]. */
static int put_shares(const struct group *g, int64_t shares, struct fail *f)
{
    if (shares < 2 || shares > 262144)
        return fail(f, ERANGE, "%s%s: must be between 2 and 262144", prefix(g),
                    name_of(g, &places[LIMIT_CPU_SHARES]));
    return put(g, LIMIT_CPU_SHARES,
               cgroup_version() == 2 ? 1 + (shares - 2) * 9999 / 262142 : shares, f);
}

/* Both stand in one file on version 2: what is not given stays. */
static int put_bandwidth(const struct group *g, int64_t quota, int64_t period, struct fail *f)
{
    _cleanup_free_ char *now = NULL;
    char file[4096], text[96], old_quota[32] = "max", old_period[32] = "100000";
    int r = 0;

    if (cgroup_version() != 2) {
        if (period != LIMIT_UNSET)
            r = put(g, LIMIT_CPU_PERIOD, period, f);
        if (r == 0 && quota != LIMIT_UNSET)
            r = put(g, LIMIT_CPU_QUOTA, quota, f);
        return r;
    }
    cgroup_file(g->path, "cpu", "cpu.max", file, sizeof(file));
    if (read_file_at(AT_FDCWD, file, 128, &now, NULL) == 0 &&
        sscanf(now, "%31s %31s", old_quota, old_period) != 2)
        return fail(f, EBADMSG, "%s cannot be understood", file);
    if (quota != LIMIT_UNSET && quota < 0)
        snprintf(old_quota, sizeof(old_quota), "max");
    else if (quota != LIMIT_UNSET)
        snprintf(old_quota, sizeof(old_quota), "%lld", (long long) quota);
    if (period != LIMIT_UNSET)
        snprintf(old_period, sizeof(old_period), "%lld", (long long) period);
    snprintf(text, sizeof(text), "%s %s", old_quota, old_period);
    return put_text(g, &places[quota != LIMIT_UNSET ? LIMIT_CPU_QUOTA : LIMIT_CPU_PERIOD], text, f);
}

/* All but the number of tasks. */
static int put_all(const struct group *g, const struct limits *l, struct fail *f)
{
    int r = 0;

    if (l->value[LIMIT_MEMORY] != LIMIT_UNSET || l->value[LIMIT_MEMORY_SWAP] != LIMIT_UNSET)
        r = put_memory(g, l, f);
    if (r == 0 && l->value[LIMIT_MEMORY_RESERVATION] != LIMIT_UNSET)
        r = put(g, LIMIT_MEMORY_RESERVATION, l->value[LIMIT_MEMORY_RESERVATION], f);
    if (r == 0 && l->value[LIMIT_CPU_SHARES] != LIMIT_UNSET)
        r = put_shares(g, l->value[LIMIT_CPU_SHARES], f);
    if (r == 0 &&
        (l->value[LIMIT_CPU_QUOTA] != LIMIT_UNSET || l->value[LIMIT_CPU_PERIOD] != LIMIT_UNSET))
        r = put_bandwidth(g, l->value[LIMIT_CPU_QUOTA], l->value[LIMIT_CPU_PERIOD], f);
    if (r == 0 && l->mems)
        r = put_text(g, &mems_place, l->mems, f);
    if (r == 0 && l->cpus)
        r = put_text(g, &cpus_place, l->cpus, f);
    return r;
}

/* The host needs tasks of its own for each guest task. */
static int put_host_tasks(const struct group *g, int64_t n, struct fail *f)
{
    return put(g, LIMIT_PIDS, n > 0 ? cgroup_host_tasks(n) : -1, f);
}

int limits_begin(const char *cgroup, const struct limits *l, struct fail *f)
{
    const struct group g = {.path = cgroup, .config = true};
    int r = put_all(&g, l, f);

    if (r == 0 && l->value[LIMIT_PIDS] != LIMIT_UNSET)
        r = put_host_tasks(&g, l->value[LIMIT_PIDS], f);
    return r;
}

/* The application kernel counts guest tasks itself; the group holds against a sentry gone wild. */
static int put_pids(const struct container *c, int64_t n, struct fail *f)
{
    struct control_limits l = {.pids_max = n > 0 && n < UINT32_MAX ? (uint32_t) n : 0};
    _cleanup_free_ char *text = NULL;
    int r = lifecycle_call(c, CONTROL_LIMITS, &l, sizeof(l), &text, f);

    if (r == 0 && c->cgroup)
        r = put_host_tasks(&(struct group){.path = c->cgroup}, n, f);
    return r;
}

bool limits_need_cgroup(const struct limits *l)
{
    for (int i = 0; i < N_LIMITS; i++)
        if (i != LIMIT_PIDS && l->value[i] != LIMIT_UNSET)
            return true;
    return l->cpus || l->mems;
}

int limits_apply(const struct container *c, const struct limits *l, struct fail *f)
{
    const struct group g = {.path = c->cgroup};
    int r = 0;

    if (limits_need_cgroup(l) && !c->cgroup)
        return fail(f, ENOTSUP,
                    "the container has no cgroup whose limits could be changed (as root, a config "
                    "with linux.cgroupsPath makes one)");
    if (c->cgroup)
        r = put_all(&g, l, f);
    if (r == 0 && l->value[LIMIT_PIDS] != LIMIT_UNSET)
        r = put_pids(c, l->value[LIMIT_PIDS], f);
    return r;
}
