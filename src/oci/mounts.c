/* SPDX-License-Identifier: Apache-2.0 */
/* Mount types and options of config.json; sources: config.md of the OCI runtime specification,
 * mount(8). */
#include <errno.h>
#include <string.h>

#include "base/log.h"
#include "base/parse.h"
#include "oci/config.h"

enum {
    OPT_BIND = 1u << 16, /* beyond the MOUNT_F_ bits */
    OPT_RBIND = 1u << 17,
};

struct mount_option {
    const char *name;
    uint32_t set, clear;
};

/* Options without an effect are those that describe what holds anyway: trees are private, times
 * lazy. */
static const struct mount_option options[] = {
    {"async", 0, 0},
    {"atime", 0, MOUNT_F_NOATIME},
    {"bind", OPT_BIND, 0},
    {"defaults", 0, 0},
    {"dev", 0, MOUNT_F_NODEV},
    {"diratime", 0, 0},
    {"exec", 0, MOUNT_F_NOEXEC},
    {"newinstance", 0, 0},
    {"noatime", MOUNT_F_NOATIME, 0},
    {"nodev", MOUNT_F_NODEV, 0},
    {"nodiratime", 0, 0},
    {"noexec", MOUNT_F_NOEXEC, 0},
    {"norelatime", 0, 0},
    {"nostrictatime", 0, 0},
    {"nosuid", MOUNT_F_NOSUID, 0},
    {"private", 0, 0},
    {"rbind", OPT_RBIND, 0},
    {"relatime", 0, 0},
    {"ro", MOUNT_F_RDONLY, 0},
    {"rprivate", 0, 0},
    {"rro", MOUNT_F_RDONLY, 0},
    {"rslave", 0, 0},
    {"rw", 0, MOUNT_F_RDONLY},
    {"slave", 0, 0},
    {"strictatime", 0, 0},
    {"suid", 0, MOUNT_F_NOSUID},
    {"unbindable", 0, 0},
    {"runbindable", 0, 0},
};

static const char *const option_names[] = {
    "async",       "atime",   "bind",  "defaults",    "dev",    "diratime",   "exec",
    "newinstance", "noatime", "nodev", "nodiratime",  "noexec", "norelatime", "nostrictatime",
    "nosuid",      "private", "rbind", "relatime",    "ro",     "rprivate",   "rro",
    "rslave",      "rw",      "slave", "strictatime", "suid",   "unbindable", "runbindable",
    "size",        "mode",    NULL,
};

const char *const *oci_mount_option_names(void)
{
    return option_names;
}

static const struct {
    const char *type;
    enum mount_kind kind;
} types[] = {
    {"proc", MOUNT_PROC},     {"sysfs", MOUNT_SYS},     {"tmpfs", MOUNT_TMPFS},
    {"devpts", MOUNT_DEVPTS}, {"mqueue", MOUNT_MQUEUE},
};

/* The owner of a terminal is who makes it, as Linux has it without uid=. */
static int parse_devpts(const char *o, struct mount_spec *m)
{
    uint64_t gid;
    int r;

    if (strncmp(o, "ptmxmode=", 9) == 0) {
        r = parse_octal(o + 9, &m->ptmx_mode);
        return r == 0 && m->ptmx_mode > 0777 ? -ERANGE : r;
    }
    if (strncmp(o, "gid=", 4) == 0) {
        r = parse_u64(o + 4, &gid);
        if (r == 0 && gid >= UINT32_MAX)
            return -ERANGE;
        if (r == 0)
            m->gid = (uint32_t) gid;
        return r;
    }
    return strncmp(o, "uid=", 4) == 0 ? 0 : -ENOENT;
}

/* Options with a value. */
static int parse_value(const char *o, struct mount_spec *m)
{
    uint64_t size;
    uint32_t mode;
    int r;

    if (strncmp(o, "size=", 5) == 0) {
        r = parse_size(o + 5, &size);
        if (r == 0)
            m->size = size;
        return r;
    }
    if (strncmp(o, "mode=", 5) == 0) {
        r = parse_octal(o + 5, &mode);
        if (r == 0 && mode > 07777)
            return -ERANGE;
        if (r == 0)
            m->mode = mode;
        return r;
    }
    return m->kind == MOUNT_DEVPTS ? parse_devpts(o, m) : -ENOENT;
}

static int parse_option(const char *o, struct mount_spec *m)
{
    for (size_t i = 0; i < ARRAY_LEN(options); i++) {
        if (strcmp(options[i].name, o) == 0) {
            m->flags = (m->flags | options[i].set) & ~options[i].clear;
            return 0;
        }
    }
    return parse_value(o, m);
}

static int choose_kind(const struct oci_mount *m, size_t index, struct mount_spec *s,
                       bool *ret_skip, struct fail *f)
{
    if (s->flags & (OPT_BIND | OPT_RBIND) || (m->type && strcmp(m->type, "bind") == 0)) {
        s->kind = MOUNT_TREE;
        if (!m->source || !*m->source)
            return fail(f, EINVAL, "mounts[%zu].source: missing (a bind mount needs one)", index);
        return 0;
    }
    if (!m->type)
        return fail(f, EINVAL, "mounts[%zu].type: missing", index);
    if (strcmp(m->type, "cgroup") == 0 || strcmp(m->type, "cgroup2") == 0) {
        log_info("mounts[%zu]: a %s mount is left out (cgroups are not shown inside)", index,
                 m->type);
        *ret_skip = true;
        return 0;
    }
    for (size_t i = 0; i < ARRAY_LEN(types); i++) {
        if (strcmp(types[i].type, m->type) == 0) {
            s->kind = types[i].kind;
            /* A tmpfs on /dev is to be filled with the default devices: that is our synthetic /dev.
             */
            if (s->kind == MOUNT_TMPFS && strcmp(m->destination, "/dev") == 0)
                s->kind = MOUNT_DEV;
            return 0;
        }
    }
    return fail(f, ENOTSUP,
                "mounts[%zu].type: \"%s\" is not supported (proc, sysfs, tmpfs, devpts, "
                "mqueue, cgroup and bind are)",
                index, m->type);
}

int oci_mount_parse(const struct oci_mount *m, size_t index, struct mount_spec *ret,
                    bool *ret_recursive, bool *ret_skip, struct fail *f)
{
    struct mount_spec s = {.tree_fd = -1, .upper_fd = -1, .mode = 0755};
    bool skip = false;
    int r;

    if (m->type && strcmp(m->type, "tmpfs") == 0)
        s.mode = 01777;
    if (m->type && strcmp(m->type, "devpts") == 0)
        s = (struct mount_spec){
            .kind = MOUNT_DEVPTS, .tree_fd = -1, .upper_fd = -1, .mode = 0600, .gid = UINT32_MAX};
    for (size_t i = 0; m->options && m->options[i]; i++) {
        r = parse_option(m->options[i], &s);
        if (r == -ENOENT && m->type && strncmp(m->type, "cgroup", 6) == 0)
            continue; /* controller names and the like; the mount is left out anyway */
        if (r == -ENOENT)
            return fail(f, EINVAL, "mounts[%zu].options[%zu]: mount option \"%s\" is not supported",
                        index, i, m->options[i]);
        if (r < 0)
            return fail(f, EINVAL, "mounts[%zu].options[%zu]: \"%s\" has no valid value", index, i,
                        m->options[i]);
    }
    r = choose_kind(m, index, &s, &skip, f);
    if (r < 0)
        return r;
    *ret_recursive = s.flags & OPT_RBIND;
    s.flags &= ~(uint32_t) (OPT_BIND | OPT_RBIND);
    *ret = s;
    *ret_skip = skip;
    return 0;
}
