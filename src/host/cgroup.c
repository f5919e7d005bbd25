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

/* Version 1: the hierarchies a container gets a group in. */
static const char *const controllers[] = {"memory", "pids", "cpu", "cpuacct", "cpuset", "freezer"};

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
static int make_path(const char *base, const char *path, const char *const *enable, size_t n_enable)
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
        for (size_t i = 0; i < n_enable; i++) {
            char control[4128];
            snprintf(control, sizeof(control), "%s/cgroup.subtree_control", dir);
            if (write_file_at(AT_FDCWD, control, enable[i]) < 0)
                log_debug("%s: cannot enable %s", control, enable[i]);
        }
        *p = saved;
    }
    return mkdir(dir, 0755) < 0 && errno != EEXIST ? -errno : 0;
}

/* Each by itself: one that is not there must not keep the others away. */
static const char *const handed_down[] = {"+memory", "+pids", "+cpu", "+cpuset"};

/* Version 1: a group without processors and memory nodes takes no process, so a new one begins with
 * its parent's. `dir` lies below `base`. */
static void inherit_cpuset(const char *base, const char *dir)
{
    static const char *const names[] = {"cpuset.cpus", "cpuset.mems"};
    char part[4096], from[4128], to[4128];

    for (const char *p = dir + strlen(base); p; p = strchr(p + 1, '/')) {
        size_t len = strchr(p + 1, '/') ? (size_t) (strchr(p + 1, '/') - dir) : strlen(dir);

        if (len >= sizeof(part))
            return;
        memcpy(part, dir, len);
        part[len] = '\0';
        for (size_t i = 0; i < ARRAY_LEN(names); i++) {
            _cleanup_free_ char *own = NULL, *parents = NULL;

            snprintf(to, sizeof(to), "%s/%s", part, names[i]);
            snprintf(from, sizeof(from), "%.*s/%s", (int) (strrchr(part, '/') - part), part,
                     names[i]);
            if (read_file_at(AT_FDCWD, to, 4096, &own, NULL) < 0 || own[strspn(own, "\n")] ||
                read_file_at(AT_FDCWD, from, 4096, &parents, NULL) < 0)
                continue;
            if (write_file_at(AT_FDCWD, to, parents) < 0)
                log_debug("%s: cannot be set to the parent's", to);
        }
        if (!strchr(p + 1, '/'))
            return;
    }
}

static int make_v1(const char *path, struct fail *f)
{
    for (size_t i = 0; i < ARRAY_LEN(controllers); i++) {
        char base[64], dir[4096];
        int r;

        snprintf(base, sizeof(base), "%s/%s", TOP, controllers[i]);
        if (access(base, F_OK) < 0)
            continue;
        r = make_path(base, path, NULL, 0);
        if (r < 0)
            return fail_errno(f, -r, "making the cgroup %s%s", base, path);
        snprintf(dir, sizeof(dir), "%s%s", base, path);
        if (strcmp(controllers[i], "cpuset") == 0)
            inherit_cpuset(base, dir);
    }
    return 0;
}

int cgroup_make(const char *path, struct fail *f)
{
    int version = cgroup_version(), r;

    if (version == 0)
        return fail(f, ENOENT, "linux.cgroupsPath: no cgroup hierarchy is mounted at %s", TOP);
    if (version == 1)
        return make_v1(path, f);
    r = make_path(TOP, path, handed_down, ARRAY_LEN(handed_down));
    return r < 0 ? fail_errno(f, -r, "making the cgroup %s%s", TOP, path) : 0;
}

static int join_one(const char *base, const char *path, pid_t pid, struct fail *f)
{
    char name[4096];
    int r;

    snprintf(name, sizeof(name), "%s%s/cgroup.procs", base, path);
    r = write_file_atf(AT_FDCWD, name, "%d", (int) pid);
    return r < 0 ? fail_errno(f, -r, "linux.cgroupsPath: writing %s", name) : 0;
}

int cgroup_join(const char *path, pid_t pid, struct fail *f)
{
    int r = 0;

    if (cgroup_version() == 2)
        return join_one(TOP, path, pid, f);
    for (size_t i = 0; i < ARRAY_LEN(controllers) && r == 0; i++) {
        char base[64];

        snprintf(base, sizeof(base), "%s/%s", TOP, controllers[i]);
        if (access(base, F_OK) == 0)
            r = join_one(base, path, pid, f);
    }
    return r;
}

void cgroup_file(const char *path, const char *controller, const char *name, char *buf, size_t cap)
{
    if (cgroup_version() == 2)
        snprintf(buf, cap, TOP "%s/%s", path, name);
    else
        snprintf(buf, cap, TOP "/%s%s/%s", controller, path, name);
}

void cgroup_open_files(const char *path, int fds[static N_GROUP_FILES])
{
    const bool v2 = cgroup_version() == 2;

    for (size_t i = 0; i < N_GROUP_FILES; i++) {
        const struct group_file_name *n = &group_file_names[i];
        const char *name = v2 ? n->v2 : n->v1;
        char file[4096];

        fds[i] = -1;
        if (!name)
            continue;
        cgroup_file(path, n->controller, name, file, sizeof(file));
        fds[i] = open(file, O_RDONLY | O_CLOEXEC);
        if (fds[i] < 0)
            log_debug("%s is not there: the container is not told", file);
    }
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
