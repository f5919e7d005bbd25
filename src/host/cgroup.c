/* SPDX-License-Identifier: Apache-2.0 */
/* Control groups: see cgroup.h. */
#include "host/cgroup.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "base/textio.h"

#define TOP          "/sys/fs/cgroup"
#define OWN_PARENT   "/cloister"
#define REMOVE_TRIES 200  /* times 5 ms */
#define FREEZE_TRIES 2000 /* times 1 ms */

/* Version 1: the hierarchies a container gets a group in. The first two have limits. */
static const char *const controllers[] = {"memory", "pids", "cpu", "cpuacct", "freezer"};

int cgroup_version(void)
{
    if (access(TOP "/cgroup.controllers", F_OK) == 0)
        return 2;
    return access(TOP "/memory", F_OK) == 0 || access(TOP "/pids", F_OK) == 0 ? 1 : 0;
}

int cgroup_check_path(const char *path, char **ret, struct fail *f)
{
    char *clean;

    if (strchr(path, ':'))
        return fail(f, EINVAL,
                    "linux.cgroupsPath: \"%s\" is systemd's form, which is not supported", path);
    for (const char *p = path; (p = strstr(p, "..")); p += 2)
        if ((p == path || p[-1] == '/') && (p[2] == '/' || p[2] == '\0'))
            return fail(f, EINVAL, "linux.cgroupsPath: \"%s\" must not contain \"..\"", path);
    while (*path == '/')
        path++;
    if (*path == '\0')
        return fail(f, EINVAL, "linux.cgroupsPath: must name a group below the top");
    if (asprintf(&clean, "/%s", path) < 0)
        return fail(f, ENOMEM, "out of memory");
    while (clean[strlen(clean) - 1] == '/')
        clean[strlen(clean) - 1] = '\0';
    *ret = clean;
    return 0;
}

/* Makes dir and its parents below base; on the unified hierarchy hands the controllers down. */
static int make_path(const char *base, const char *path, const char *enable)
{
    char dir[4096];
    size_t base_len = strlen(base);
    int n = snprintf(dir, sizeof(dir), "%s%s", base, path);

    if (n < 0 || (size_t) n >= sizeof(dir))
        return -ENAMETOOLONG;
    for (char *p = dir + base_len; p; p = strchr(p + 1, '/')) {
        char saved = *p;

        if (saved == '\0')
            break;
        *p = '\0';
        if (p != dir + base_len && mkdir(dir, 0755) < 0 && errno != EEXIST)
            return -errno;
        if (enable) {
            char control[4128];
            snprintf(control, sizeof(control), "%s/cgroup.subtree_control", dir);
            if (write_file_at(AT_FDCWD, control, enable) < 0)
                log_debug("%s: cannot enable %s", control, enable);
        }
        *p = saved;
    }
    return mkdir(dir, 0755) < 0 && errno != EEXIST ? -errno : 0;
}

static int set_value(const char *base, const char *path, const char *file, int64_t value,
                     const char *what, struct fail *f)
{
    char name[4096];
    int r;

    snprintf(name, sizeof(name), "%s%s/%s", base, path, file);
    r = write_file_atf(AT_FDCWD, name, "%lld", (long long) value);
    if (r < 0)
        return fail_errno(f, -r, "%s: writing %s", what, name);
    return 0;
}

static int make_v2(const char *path, const struct cgroup_limits *l, pid_t pid, struct fail *f)
{
    int r = make_path(TOP, path,
                      l->memory > 0 && l->pids > 0 ? "+memory +pids"
                      : l->memory > 0              ? "+memory"
                      : l->pids > 0                ? "+pids"
                                                   : NULL);

    if (r < 0)
        return fail_errno(f, -r, "making the cgroup %s%s", TOP, path);
    if (l->memory > 0)
        r = set_value(TOP, path, "memory.max", l->memory, "linux.resources.memory.limit", f);
    if (r == 0 && l->pids > 0)
        r = set_value(TOP, path, "pids.max", l->pids, "linux.resources.pids.limit", f);
    if (r == 0)
        r = set_value(TOP, path, "cgroup.procs", pid, "linux.cgroupsPath", f);
    return r;
}

static int make_v1(const char *path, const struct cgroup_limits *l, pid_t pid, struct fail *f)
{
    for (size_t i = 0; i < ARRAY_LEN(controllers); i++) {
        const char *name = controllers[i];
        int64_t limit = i == 0 ? l->memory : i == 1 ? l->pids : 0;
        char base[64];
        int r;

        snprintf(base, sizeof(base), "%s/%s", TOP, name);
        if (access(base, F_OK) < 0) {
            if (limit > 0)
                return fail(f, ENOENT, "linux.resources: the cgroup controller %s is not mounted",
                            name);
            continue;
        }
        r = make_path(base, path, NULL);
        if (r < 0)
            return fail_errno(f, -r, "making the cgroup %s%s", base, path);
        if (limit > 0)
            r = set_value(base, path, i == 0 ? "memory.limit_in_bytes" : "pids.max", limit,
                          i == 0 ? "linux.resources.memory.limit" : "linux.resources.pids.limit",
                          f);
        if (r == 0)
            r = set_value(base, path, "cgroup.procs", pid, "linux.cgroupsPath", f);
        if (r < 0)
            return r;
    }
    return 0;
}

int cgroup_make(const char *path, const struct cgroup_limits *l, pid_t pid, struct fail *f)
{
    int version = cgroup_version(), r;
    struct fail ignored = {0};

    if (version == 0)
        return fail(f, ENOENT, "linux.cgroupsPath: no cgroup hierarchy is mounted at %s", TOP);
    r = version == 2 ? make_v2(path, l, pid, f) : make_v1(path, l, pid, f);
    if (r < 0 && cgroup_remove(path, &ignored) < 0)
        log_debug("%s", ignored.text);
    return r;
}

void cgroup_file(const char *path, const char *controller, const char *name, char *buf, size_t cap)
{
    if (cgroup_version() == 2)
        snprintf(buf, cap, TOP "%s/%s", path, name);
    else
        snprintf(buf, cap, TOP "/%s%s/%s", controller, path, name);
}

/* A sentry thread and a stub thread each, and a few more. */
int64_t cgroup_host_tasks(int64_t guest)
{
    return guest > (INT64_MAX - 64) / 2 ? guest : 2 * guest + 64;
}

static void freezer_file(const char *path, char *buf, size_t cap)
{
    if (cgroup_version() == 2)
        snprintf(buf, cap, TOP "%s/cgroup.freeze", path);
    else
        snprintf(buf, cap, TOP "/freezer%s/freezer.state", path);
}

bool cgroup_can_freeze(const char *path)
{
    char file[4096];

    freezer_file(path, file, sizeof(file));
    return access(file, W_OK) == 0;
}

/* Version 2 tells in another file than it is told in. */
static bool is_frozen(const char *path, const char *file)
{
    _cleanup_free_ char *text = NULL;
    char events[4096];

    if (cgroup_version() != 2)
        return read_file_at(AT_FDCWD, file, 64, &text, NULL) == 0 && strcmp(text, "FROZEN\n") == 0;
    snprintf(events, sizeof(events), TOP "%s/cgroup.events", path);
    return read_file_at(AT_FDCWD, events, 4096, &text, NULL) == 0 && strstr(text, "frozen 1");
}

int cgroup_freeze(const char *path, bool frozen, struct fail *f)
{
    const struct timespec pause = {.tv_nsec = 1000000};
    const bool v2 = cgroup_version() == 2;
    const char *word = v2 ? (frozen ? "1" : "0") : frozen ? "FROZEN" : "THAWED";
    char file[4096];
    int r;

    freezer_file(path, file, sizeof(file));
    for (int i = 0; i < FREEZE_TRIES; i++) {
        /* Again and again: version 1 may miss a process that is just being made. */
        r = write_file_at(AT_FDCWD, file, word);
        if (r < 0)
            return fail_errno(f, -r, "%s the container: writing %s",
                              frozen ? "pausing" : "resuming", file);
        if (is_frozen(path, file) == frozen)
            return 0;
        nanosleep(&pause, NULL);
    }
    if (frozen && write_file_at(AT_FDCWD, file, v2 ? "0" : "THAWED") < 0)
        log_warn("%s: cannot be undone", file);
    return fail(f, ETIMEDOUT, "the cgroup %s cannot be %s", path, frozen ? "frozen" : "thawed");
}

static int remove_one(const char *base, const char *path, struct fail *f)
{
    const struct timespec pause = {.tv_nsec = 5000000};
    char dir[4096];

    snprintf(dir, sizeof(dir), "%s%s", base, path);
    for (int i = 0; rmdir(dir) < 0; i++) {
        if (errno == ENOENT)
            return 0;
        if (errno != EBUSY || i == REMOVE_TRIES)
            return fail_errno(f, errno, "removing the cgroup %s", dir);
        nanosleep(&pause, NULL);
    }
    /* The parent of the groups we named ourselves goes with the last of them. */
    if (strncmp(path, OWN_PARENT "/", strlen(OWN_PARENT) + 1) == 0) {
        snprintf(dir, sizeof(dir), "%s%s", base, OWN_PARENT);
        (void) rmdir(dir);
    }
    return 0;
}

int cgroup_remove(const char *path, struct fail *f)
{
    int r = 0;

    if (cgroup_version() == 2)
        return remove_one(TOP, path, f);
    for (size_t i = 0; i < ARRAY_LEN(controllers); i++) {
        char base[64];
        int e;

        snprintf(base, sizeof(base), "%s/%s", TOP, controllers[i]);
        e = remove_one(base, path, f);
        if (e < 0)
            r = e;
    }
    return r;
}
