/* SPDX-License-Identifier: Apache-2.0 */
/* Mounts of a bundle: see bundle_mounts.h. Source: config.md and config-linux.md of the OCI runtime
 * specification. */
#include "host/bundle_mounts.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "host/idmount.h"
#include "host/specbuild.h"
#include "host/spectree.h"
#include "oci/mounts.h"

/* ---- binds ---- */

/* The flags of the mount that path is on. What the host refuses is refused inside as well; a bind
 * without options has them all. */
static int source_flags(const char *path, bool all, uint32_t *ret)
{
    static const struct {
        unsigned long host;
        uint32_t flag;
        bool always;
    } known[] = {
        {ST_RDONLY, MOUNT_F_RDONLY, true},    {ST_NOEXEC, MOUNT_F_NOEXEC, true},
        {ST_NOSUID, MOUNT_F_NOSUID, false},   {ST_NODEV, MOUNT_F_NODEV, false},
        {ST_NOATIME, MOUNT_F_NOATIME, false}, {ST_NODIRATIME, MOUNT_F_NODIRATIME, false},
        {0x2000, MOUNT_F_NOSYMFOLLOW, false},
    };
    struct statvfs v;
    uint32_t flags = 0;

    if (statvfs(path, &v) < 0)
        return -errno;
    for (size_t i = 0; i < ARRAY_LEN(known); i++)
        if ((v.f_flag & known[i].host) && (all || known[i].always))
            flags |= known[i].flag;
    *ret = flags;
    return 0;
}

/* Those given for the mount, else those of the container. *ret_fd stays -1 when nothing is mapped.
 */
static int open_idmap(const struct bundle *b, size_t index, const struct oci_mount_plan *p,
                      int *ret_fd, struct fail *f)
{
    const struct oci_mount *m = &b->config->mounts[index];
    struct idmap map = b->ids;
    int r = 0;

    if (!p->idmap)
        return 0;
    if (!b->privileged)
        return fail(f, EPERM, "mounts[%zu]: a plain user cannot map the ids of a mount", index);
    if (m->n_uid_mappings) {
        r = bundle_copy_ranges(m->uid_mappings, m->n_uid_mappings, "uidMappings", map.uid,
                               &map.n_uid, f);
        if (r == 0)
            r = bundle_copy_ranges(m->gid_mappings, m->n_gid_mappings, "gidMappings", map.gid,
                                   &map.n_gid, f);
    } else if (!b->config->n_uid_mappings) {
        return fail(f, EINVAL,
                    "mounts[%zu]: \"idmap\" without uidMappings, and the container has none either",
                    index);
    }
    if (r == 0)
        r = idmount_namespace(&map, ret_fd, f);
    return r < 0 ? fail_wrap(f, r, "mounts[%zu]", index) : 0;
}

static int find_source(const struct bundle *b, size_t index, char **ret, struct fail *f)
{
    const char *source = b->config->mounts[index].source;
    _cleanup_free_ char *joined = NULL;

    if (source[0] != '/' && asprintf(&joined, "%s/%s", b->dir, source) < 0)
        return fail(f, ENOMEM, "out of memory");
    *ret = realpath(joined ? joined : source, NULL);
    if (!*ret)
        return fail_errno(f, errno, "mounts[%zu].source: %s", index, joined ? joined : source);
    if (path_is_kernel_window(*ret))
        return fail(f, EPERM,
                    "mounts[%zu].source: %s is a window into the host's kernel and is not shown to "
                    "containers",
                    index, *ret);
    return 0;
}

static int add_bind(const struct bundle *b, struct sandbox_spec *s, size_t index,
                    const struct oci_mount_plan *p, struct fail *f)
{
    const struct oci_mount *m = &b->config->mounts[index];
    _cleanup_free_ char *real = NULL;
    _cleanup_close_ int userns = -1;
    uint32_t inherited = 0;
    int r = find_source(b, index, &real, f);

    if (r == 0) {
        r = source_flags(real, p->inherits, &inherited);
        if (r < 0)
            r = fail_errno(f, -r, "mounts[%zu].source: %s", index, real);
    }
    if (r == 0)
        r = open_idmap(b, index, p, &userns, f);
    if (r < 0)
        return r;
    if (p->slave)
        log_warn("mounts[%zu]: mounts that the host makes below %s later are not seen inside",
                 index, real);
    struct tree_source t = {
        .path = real,
        .dest = m->destination,
        .flags = p->spec.flags | inherited,
        .privileged = b->privileged,
        .recursive = p->recursive,
        .devices = true,
        .own_below = true,
        .below_set = p->below_set,
        .below_clear = p->below_clear,
        .idmap = p->idmap,
        .idmap_below = p->idmap_below,
        .userns_fd = userns,
    };
    r = spec_add_trees(s, &t, f);
    return r < 0 ? fail_wrap(f, r, "mounts[%zu]", index) : 0;
}

/* ---- all mounts ---- */

/* linux.readonlyPaths and maskedPaths: on top of everything else. */
static int cover_paths(struct sandbox_spec *s, enum mount_kind kind, const char *what,
                       char *const *paths, struct fail *f)
{
    for (size_t i = 0; paths && paths[i]; i++) {
        struct mount_spec *m;
        if (paths[i][0] != '/')
            return fail(f, EINVAL, "%s[%zu]: \"%s\" is not an absolute path", what, i, paths[i]);
        if (spec_add_mount(s, kind, paths[i], "tmpfs", MOUNT_F_RDONLY, &m) < 0)
            return fail(f, ENOMEM, "out of memory");
    }
    return 0;
}

static int add_mount(const struct bundle *b, struct sandbox_spec *s, size_t index, struct fail *f)
{
    const struct oci_mount *m = &b->config->mounts[index];
    struct oci_mount_plan p;
    struct mount_spec *added;
    int r = oci_mount_parse(m, index, &p, f);

    if (r < 0)
        return r;
    if (p.spec.kind == MOUNT_TREE) {
        r = add_bind(b, s, index, &p, f);
    } else {
        r = spec_add_mount(s, p.spec.kind, m->destination, m->source ? m->source : m->type,
                           p.spec.flags, &added);
        if (r < 0) {
            r = fail(f, ENOMEM, "out of memory");
        } else {
            added->size = p.spec.size;
            added->mode = p.spec.mode;
            added->ptmx_mode = p.spec.ptmx_mode;
            added->uid = p.spec.uid;
            added->gid = p.spec.gid;
            added->data = take_ptr(&p.spec.data);
        }
    }
    oci_mount_plan_clear(&p);
    return r;
}

int bundle_add_mounts(const struct bundle *b, struct sandbox_spec *s, struct fail *f)
{
    const struct oci_config *c = b->config;
    struct tree_source root = {
        .path = b->rootfs,
        .dest = "/",
        .flags = c->root_readonly ? MOUNT_F_RDONLY : 0,
        .privileged = b->privileged,
        .recursive = true,
        .devices = true,
        .own_below = true,
        .below_set = c->root_readonly ? MOUNT_F_RDONLY : 0,
    };
    int r = spec_add_trees(s, &root, f);

    if (c->root_slave)
        log_warn("linux.rootfsPropagation: mounts that the host makes later are not seen inside");
    for (size_t i = 0; i < c->n_mounts && r == 0; i++)
        r = add_mount(b, s, i, f);
    if (r == 0)
        r = cover_paths(s, MOUNT_READONLY, "linux.readonlyPaths", c->readonly_paths, f);
    if (r == 0)
        r = cover_paths(s, MOUNT_MASK, "linux.maskedPaths", c->masked_paths, f);
    return r;
}

/* ---- linux.devices ---- */

int bundle_add_devices(const struct bundle *b, struct sandbox_spec *s, struct fail *f)
{
    const struct oci_config *c = b->config;

    if (c->n_devices == 0)
        return 0;
    s->devices = calloc(c->n_devices, sizeof(*s->devices));
    if (!s->devices)
        return fail(f, ENOMEM, "out of memory");
    for (size_t i = 0; i < c->n_devices; i++) {
        const struct oci_device *d = &c->devices[i];
        const bool numbered = d->type != S_IFIFO;

        if (numbered && (d->major < 0 || d->minor < 0))
            return fail(f, EINVAL, "linux.devices[%zu].%s: missing", i,
                        d->major < 0 ? "major" : "minor");
        if (numbered && (d->major > 0xfff || d->minor > 0xfffff))
            return fail(f, ERANGE, "linux.devices[%zu]: %lld:%lld is not a device number", i,
                        (long long) d->major, (long long) d->minor);
        s->devices[i] = (struct device_spec){
            .path = strdup(d->path),
            .mode = d->type | (d->has_mode ? d->mode : 0666),
            .major = numbered ? (uint32_t) d->major : 0,
            .minor = numbered ? (uint32_t) d->minor : 0,
            .uid = d->uid,
            .gid = d->gid,
        };
        s->n_devices++;
        if (!s->devices[i].path)
            return fail(f, ENOMEM, "out of memory");
    }
    return 0;
}
