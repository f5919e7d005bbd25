/* SPDX-License-Identifier: Apache-2.0 */
/* From a bundle to a sandbox: see bundle.h. */
#include "host/bundle.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "host/bundle_mounts.h"
#include "host/limits.h"
#include "host/specbuild.h"
#include "oci/caps.h"

static int find_rootfs(struct bundle *b, struct fail *f)
{
    _cleanup_free_ char *joined = NULL;
    const char *path = b->config->root_path;
    struct stat st;

    if (path[0] != '/') {
        if (asprintf(&joined, "%s/%s", b->dir, path) < 0)
            return fail(f, ENOMEM, "out of memory");
        path = joined;
    }
    b->rootfs = realpath(path, NULL);
    if (!b->rootfs)
        return fail_errno(f, errno, "root.path: the root file system %s", path);
    if (stat(b->rootfs, &st) < 0 || !S_ISDIR(st.st_mode))
        return fail(f, ENOTDIR, "root.path: %s is not a directory", b->rootfs);
    return 0;
}

int bundle_copy_ranges(const struct oci_id_mapping *m, size_t n, const char *what,
                       struct id_range *to, size_t *ret_n, struct fail *f)
{
    if (n > IDMAP_MAX_RANGES)
        return fail(f, E2BIG, "%s: more than %d entries", what, IDMAP_MAX_RANGES);
    for (size_t i = 0; i < n; i++) {
        if (m[i].size == 0)
            return fail(f, EINVAL, "%s[%zu].size: must not be 0", what, i);
        to[i] = (struct id_range){m[i].container_id, m[i].host_id, m[i].size};
    }
    *ret_n = n;
    return 0;
}

static int choose_ids(struct bundle *b, struct fail *f)
{
    const struct oci_config *c = b->config;
    int r;

    if ((c->n_uid_mappings == 0) != (c->n_gid_mappings == 0))
        return fail(f, EINVAL, "linux.%s: missing (uidMappings and gidMappings go together)",
                    c->n_uid_mappings ? "gidMappings" : "uidMappings");
    if (c->n_uid_mappings == 0) {
        if (b->privileged)
            idmap_identity(&b->ids);
        else
            idmap_single(&b->ids, c->process.uid, c->process.gid);
        return 0;
    }
    r = bundle_copy_ranges(c->uid_mappings, c->n_uid_mappings, "linux.uidMappings", b->ids.uid,
                           &b->ids.n_uid, f);
    if (r == 0)
        r = bundle_copy_ranges(c->gid_mappings, c->n_gid_mappings, "linux.gidMappings", b->ids.gid,
                               &b->ids.n_gid, f);
    return r;
}

static int choose_cgroup(struct bundle *b, const char *id, struct fail *f)
{
    const struct oci_config *c = b->config;
    const int64_t pids = c->resources.value[LIMIT_PIDS];
    int r;

    if (!b->privileged) {
        /* The pids limit holds all the same: the application kernel counts its tasks. */
        if (c->resources.value[LIMIT_MEMORY] > 0)
            return fail(f, EPERM,
                        "linux.resources.memory.limit: a plain user cannot set a limit for the "
                        "whole container here (run as root, or leave it out)");
        if (limits_need_cgroup(&c->resources))
            log_warn("linux.resources: a plain user's container has no cgroup: limits other than "
                     "the number of tasks are left out");
        if (c->cgroups_path)
            log_info("linux.cgroupsPath: no cgroup is made for a plain user");
        return 0;
    }
    if (c->cgroups_path && *c->cgroups_path)
        return cgroup_check_path(c->cgroups_path, &b->cgroup, f);
    if (pids > 0 || limits_need_cgroup(&c->resources)) {
        r = asprintf(&b->cgroup, "/cloister/%s", id);
        if (r < 0) {
            b->cgroup = NULL;
            return fail(f, ENOMEM, "out of memory");
        }
    }
    return 0;
}

/* What this runtime cannot do, told by name rather than done halfway. */
static int check_supported(const struct bundle *b, struct fail *f)
{
    const struct oci_config *c = b->config;

    if (!c->has_process)
        return fail(f, EINVAL, "process: missing");
    for (size_t i = 0; i < c->n_namespaces; i++)
        if (c->namespaces[i].path && *c->namespaces[i].path &&
            strcmp(c->namespaces[i].type, "network") != 0)
            return fail(f, ENOTSUP,
                        "linux.namespaces[%zu].path: joining a namespace of type %s is not "
                        "supported (only network is)",
                        i, c->namespaces[i].type);
    if (oci_config_has_namespace(c, "time"))
        return fail(f, ENOTSUP, "linux.namespaces: a time namespace is not supported");
    if (c->hooks[HOOK_START_CONTAINER].n)
        return fail(f, ENOTSUP,
                    "hooks.startContainer: hooks inside the container are not supported yet");
    if (*c->noted)
        log_warn("config.json asks for what is not supported yet and is left out: %s", c->noted);
    return 0;
}

int bundle_load(const char *dir, const char *id, const char *network, struct bundle *ret,
                struct fail *f)
{
    struct bundle b = {.privileged = geteuid() == 0, .network = {.fd = -1}};
    int r;

    b.dir = realpath(dir, NULL);
    if (!b.dir)
        return fail_errno(f, errno, "the bundle directory %s", dir);
    r = oci_config_load(b.dir, &b.config, f);
    if (r == 0)
        r = check_supported(&b, f);
    if (r == 0)
        r = find_rootfs(&b, f);
    if (r == 0)
        r = choose_ids(&b, f);
    if (r == 0)
        r = choose_cgroup(&b, id, f);
    if (r == 0)
        r = network_choose(network, b.config, &b.network, f);
    if (r == 0 && b.network.mode == NETWORK_HOST && b.config->n_sysctls)
        r = fail(f, EPERM,
                 "linux.sysctl: %s: the container has the host's network namespace, whose settings "
                 "are not its own",
                 b.config->sysctls[0]);
    if (r < 0) {
        bundle_free(&b);
        return r;
    }
    *ret = b;
    return 0;
}

void bundle_free(struct bundle *b)
{
    free(b->dir);
    free(b->rootfs);
    free(b->cgroup);
    oci_config_free(b->config);
    close_fd(b->network.fd);
    *b = (struct bundle) BUNDLE_NONE;
}

/* ---- the spec ---- */

/* The process description moves over; a config without capabilities means none, as for runc. */
static void move_process(struct oci_config *c, struct sandbox_spec *s)
{
    s->process = c->process;
    c->process = (struct process_spec){0};
}

int bundle_make_spec(struct bundle *b, const char *id, struct sandbox_spec **ret, struct fail *f)
{
    struct sandbox_spec *s = spec_new();
    struct oci_config *c = b->config;
    int64_t pids;
    int r;

    if (!s)
        return fail(f, ENOMEM, "out of memory");
    r = bundle_add_mounts(b, s, f);
    if (r == 0)
        r = bundle_add_devices(b, s, f);
    if (r < 0) {
        spec_close_trees(s);
        sandbox_spec_free(s);
        return r;
    }
    move_process(c, s);
    s->hostname = take_ptr(&c->hostname);
    s->domainname = take_ptr(&c->domainname);
    s->network = b->network.mode;
    s->sysctls = take_ptr(&c->sysctls);
    s->rootless = !b->privileged;
    pids = c->resources.value[LIMIT_PIDS];
    s->pids_max = pids > 0 && pids < UINT32_MAX ? (uint32_t) pids : 0;
    s->id = strdup(id);
    if (!s->id) {
        spec_close_trees(s);
        sandbox_spec_free(s);
        return fail(f, ENOMEM, "out of memory");
    }
    *ret = s;
    return 0;
}
