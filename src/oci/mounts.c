/* SPDX-License-Identifier: Apache-2.0 */
/* Mount types and options of config.json: see mounts.h. */
#include "oci/mounts.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/parse.h"
#include "base/strbuf.h"

enum effect {
    FLAG,    /* of the mount itself */
    BELOW,   /* of it and all below */
    NOTHING, /* says what holds anyway, or what has no meaning here */
    BIND,
    RBIND,
    SLAVE,
    IDMAP,
    IDMAP_BELOW,
    REFUSED, /* `why` */
};

struct mount_option {
    const char *name;
    enum effect effect;
    uint32_t set, clear; /* FLAG, BELOW */
    const char *why;
};

/*
 * "norelatime" and "nostrictatime" take back what another option said; with nothing said the kernel
 * chooses relatime. Trees are private: that is all of "private" and "unbindable", whose effect is
 * on later mounts of the host's.
 */
static const char to_outside[] = "mounts made inside are never seen outside";
static const struct mount_option options[] = {
    {"async", FLAG, 0, MOUNT_F_SYNC, NULL},
    {"atime", FLAG, 0, MOUNT_F_NOATIME, NULL},
    {"bind", BIND, 0, 0, NULL},
    {"defaults", NOTHING, 0, 0, NULL},
    {"dev", FLAG, 0, MOUNT_F_NODEV, NULL},
    {"diratime", FLAG, 0, MOUNT_F_NODIRATIME, NULL},
    {"dirsync", FLAG, MOUNT_F_DIRSYNC, 0, NULL},
    {"exec", FLAG, 0, MOUNT_F_NOEXEC, NULL},
    {"idmap", IDMAP, 0, 0, NULL},
    {"iversion", NOTHING, 0, 0, NULL},
    {"lazytime", FLAG, MOUNT_F_LAZYTIME, 0, NULL},
    {"loud", NOTHING, 0, 0, NULL},
    {"mand", FLAG, MOUNT_F_MAND, 0, NULL},
    {"noatime", FLAG, MOUNT_F_NOATIME, 0, NULL},
    {"nodev", FLAG, MOUNT_F_NODEV, 0, NULL},
    {"nodiratime", FLAG, MOUNT_F_NODIRATIME, 0, NULL},
    {"noexec", FLAG, MOUNT_F_NOEXEC, 0, NULL},
    {"noiversion", NOTHING, 0, 0, NULL},
    {"nolazytime", FLAG, 0, MOUNT_F_LAZYTIME, NULL},
    {"nomand", FLAG, 0, MOUNT_F_MAND, NULL},
    {"norelatime", NOTHING, 0, 0, NULL},
    {"nostrictatime", FLAG, 0, MOUNT_F_STRICTATIME, NULL},
    {"nosuid", FLAG, MOUNT_F_NOSUID, 0, NULL},
    {"nosymfollow", FLAG, MOUNT_F_NOSYMFOLLOW, 0, NULL},
    {"private", NOTHING, 0, 0, NULL},
    {"ratime", BELOW, 0, MOUNT_F_NOATIME, NULL},
    {"rbind", RBIND, 0, 0, NULL},
    {"rdev", BELOW, 0, MOUNT_F_NODEV, NULL},
    {"rdiratime", BELOW, 0, MOUNT_F_NODIRATIME, NULL},
    {"relatime", NOTHING, 0, 0, NULL},
    {"remount", REFUSED, 0, 0, "a mount is made once, with its own options"},
    {"rexec", BELOW, 0, MOUNT_F_NOEXEC, NULL},
    {"ridmap", IDMAP_BELOW, 0, 0, NULL},
    {"rnoatime", BELOW, MOUNT_F_NOATIME, MOUNT_F_STRICTATIME, NULL},
    {"rnodev", BELOW, MOUNT_F_NODEV, 0, NULL},
    {"rnodiratime", BELOW, MOUNT_F_NODIRATIME, 0, NULL},
    {"rnoexec", BELOW, MOUNT_F_NOEXEC, 0, NULL},
    {"rnorelatime", NOTHING, 0, 0, NULL},
    {"rnostrictatime", BELOW, 0, MOUNT_F_STRICTATIME, NULL},
    {"rnosuid", BELOW, MOUNT_F_NOSUID, 0, NULL},
    {"rnosymfollow", BELOW, MOUNT_F_NOSYMFOLLOW, 0, NULL},
    {"ro", FLAG, MOUNT_F_RDONLY, 0, NULL},
    {"rprivate", NOTHING, 0, 0, NULL},
    {"rrelatime", BELOW, 0, MOUNT_F_NOATIME | MOUNT_F_STRICTATIME, NULL},
    {"rro", BELOW, MOUNT_F_RDONLY, 0, NULL},
    {"rrw", BELOW, 0, MOUNT_F_RDONLY, NULL},
    {"rshared", REFUSED, 0, 0, to_outside},
    {"rslave", SLAVE, 0, 0, NULL},
    {"rstrictatime", BELOW, MOUNT_F_STRICTATIME, MOUNT_F_NOATIME, NULL},
    {"rsuid", BELOW, 0, MOUNT_F_NOSUID, NULL},
    {"rsymfollow", BELOW, 0, MOUNT_F_NOSYMFOLLOW, NULL},
    {"runbindable", NOTHING, 0, 0, NULL},
    {"rw", FLAG, 0, MOUNT_F_RDONLY, NULL},
    {"shared", REFUSED, 0, 0, to_outside},
    {"silent", NOTHING, 0, 0, NULL},
    {"slave", SLAVE, 0, 0, NULL},
    {"strictatime", FLAG, MOUNT_F_STRICTATIME, 0, NULL},
    {"suid", FLAG, 0, MOUNT_F_NOSUID, NULL},
    {"symfollow", FLAG, 0, MOUNT_F_NOSYMFOLLOW, NULL},
    {"sync", FLAG, MOUNT_F_SYNC, 0, NULL},
    {"tmpcopyup", FLAG, MOUNT_F_COPY_UP, 0, NULL},
    {"unbindable", NOTHING, 0, 0, NULL},
};

const char *const *oci_mount_option_names(void)
{
    static const char *names[ARRAY_LEN(options) + 1];
    size_t n = 0;

    for (size_t i = 0; i < ARRAY_LEN(options); i++)
        if (options[i].effect != REFUSED)
            names[n++] = options[i].name;
    return names;
}

static const struct {
    const char *type;
    enum mount_kind kind;
    uint32_t mode; /* without a mode option */
} types[] = {
    {"proc", MOUNT_PROC, 0555},      {"sysfs", MOUNT_SYS, 0555},
    {"tmpfs", MOUNT_TMPFS, 01777},   {"devpts", MOUNT_DEVPTS, 0600},
    {"mqueue", MOUNT_MQUEUE, 01777}, {"cgroup", MOUNT_CGROUP, 0555},
    {"cgroup2", MOUNT_CGROUP, 0555},
};

/* ---- options with a value, by kind of file system ---- */

/* The text behind "name=" in o, or NULL. */
static const char *value_of(const char *o, const char *name)
{
    size_t n = strlen(name);

    return strncmp(o, name, n) == 0 && o[n] == '=' ? o + n + 1 : NULL;
}

static int parse_mode(const char *text, uint32_t max, uint32_t *ret)
{
    uint32_t mode;
    int r = parse_octal(text, &mode);

    if (r == 0 && mode > max)
        return -ERANGE;
    if (r == 0)
        *ret = mode;
    return r;
}

static int parse_id(const char *text, uint32_t *ret)
{
    uint32_t id;
    int r = parse_u32(text, &id);

    if (r == 0 && id == UINT32_MAX)
        return -ERANGE;
    if (r == 0)
        *ret = id;
    return r;
}

static int parse_devpts(const char *o, struct mount_spec *m)
{
    const char *v;

    if (strcmp(o, "newinstance") == 0) /* there is no other kind */
        return 0;
    if ((v = value_of(o, "ptmxmode")))
        return parse_mode(v, 0777, &m->ptmx_mode);
    if ((v = value_of(o, "mode")))
        return parse_mode(v, 0777, &m->mode);
    if ((v = value_of(o, "uid")))
        return parse_id(v, &m->uid);
    if ((v = value_of(o, "gid")))
        return parse_id(v, &m->gid);
    return -ENOENT;
}

/* Processes of others are seen by all: what hides them has no counterpart. */
static int parse_proc(const char *o)
{
    const char *v = value_of(o, "hidepid");

    return v && (strcmp(v, "0") == 0 || strcmp(v, "off") == 0) ? 0 : -ENOENT;
}

/* Those of the host's tmpfs that only it can judge. */
static int add_data(const char *o, struct mount_spec *m)
{
    size_t have = m->data ? strlen(m->data) : 0, n = strlen(o);
    char *data = realloc(m->data, have + n + 2);

    if (!data)
        return -ENOMEM;
    m->data = data;
    if (have)
        data[have++] = ',';
    memcpy(data + have, o, n + 1);
    return 0;
}

static bool is_tmpfs_option(const char *o)
{
    static const char *const valued[] = {"nr_inodes", "nr_blocks", "huge", "mpol"};
    static const char *const plain[] = {"noswap", "inode32", "inode64"};

    if (strchr(o, ','))
        return false;
    for (size_t i = 0; i < ARRAY_LEN(valued); i++)
        if (value_of(o, valued[i]) && *value_of(o, valued[i]))
            return true;
    for (size_t i = 0; i < ARRAY_LEN(plain); i++)
        if (strcmp(o, plain[i]) == 0)
            return true;
    return false;
}

static int parse_tmpfs(const char *o, struct mount_spec *m)
{
    const char *v;
    uint32_t id;
    int r;

    if ((v = value_of(o, "size"))) {
        uint64_t percent;
        char number[8];
        size_t n = strlen(v);

        if (n < 2 || n > sizeof(number) || v[n - 1] != '%')
            return parse_size(v, &m->size);
        memcpy(number, v, n - 1);
        number[n - 1] = '\0';
        r = parse_u64(number, &percent);
        return r < 0 ? r : add_data(o, m);
    }
    if ((v = value_of(o, "mode")))
        return parse_mode(v, 07777, &m->mode);
    if ((v = value_of(o, "uid")) || (v = value_of(o, "gid"))) {
        r = parse_id(v, &id);
        return r < 0 ? r : add_data(o, m);
    }
    return is_tmpfs_option(o) ? add_data(o, m) : -ENOENT;
}

static int parse_value(const char *o, struct mount_spec *m)
{
    switch (m->kind) {
    case MOUNT_TMPFS:
    case MOUNT_DEV:
        return parse_tmpfs(o, m);
    case MOUNT_DEVPTS:
        return parse_devpts(o, m);
    case MOUNT_PROC:
        return parse_proc(o);
    default:
        return -ENOENT;
    }
}

/* ---- one option ---- */

static const struct mount_option *find_option(const char *name)
{
    for (size_t i = 0; i < ARRAY_LEN(options); i++)
        if (strcmp(options[i].name, name) == 0)
            return &options[i];
    return NULL;
}

static bool is_tmpfs_kind(enum mount_kind k)
{
    return k == MOUNT_TMPFS || k == MOUNT_DEV || k == MOUNT_MQUEUE;
}

static int apply(const struct mount_option *o, struct oci_mount_plan *p)
{
    switch (o->effect) {
    case FLAG:
        if ((o->set & MOUNT_F_COPY_UP) && p->spec.kind != MOUNT_TMPFS)
            return -ENOENT;
        p->spec.flags = (p->spec.flags | o->set) & ~o->clear;
        break;
    case BELOW:
        p->below_set = (p->below_set & ~o->clear) | o->set;
        p->below_clear = (p->below_clear & ~o->set) | o->clear;
        break;
    case SLAVE:
        p->slave = true;
        break;
    case IDMAP_BELOW:
        p->idmap_below = true;
        p->idmap = true;
        break;
    case IDMAP:
        p->idmap = true;
        break;
    case BIND:
    case RBIND:
    case NOTHING:
    case REFUSED:
        break;
    }
    return 0;
}

static int parse_options(const struct oci_mount *m, size_t index, struct oci_mount_plan *p,
                         struct fail *f)
{
    const bool cgroup = m->type && strncmp(m->type, "cgroup", 6) == 0;

    for (size_t i = 0; m->options && m->options[i]; i++) {
        const char *text = m->options[i];
        const struct mount_option *o = find_option(text);
        int r;

        if (o && o->effect == REFUSED)
            return fail(f, ENOTSUP, "mounts[%zu].options[%zu]: \"%s\" is not supported: %s", index,
                        i, text, o->why);
        r = o ? apply(o, p) : parse_value(text, &p->spec);
        if (r == -ENOENT && cgroup)
            continue; /* controllers and the like: the one small view has them all */
        if (r == -ENOENT)
            return fail(f, EINVAL,
                        "mounts[%zu].options[%zu]: mount option \"%s\" is not supported%s%s", index,
                        i, text, m->type ? " for type " : "", m->type ? m->type : "");
        if (r == -ENOMEM)
            return fail(f, ENOMEM, "out of memory");
        if (r < 0)
            return fail(f, EINVAL, "mounts[%zu].options[%zu]: \"%s\" has no valid value", index, i,
                        text);
    }
    return 0;
}

/* ---- the whole ---- */

static bool has_option(const struct oci_mount *m, const char *name)
{
    for (size_t i = 0; m->options && m->options[i]; i++)
        if (strcmp(m->options[i], name) == 0)
            return true;
    return false;
}

static int choose_kind(const struct oci_mount *m, size_t index, struct oci_mount_plan *p,
                       struct fail *f)
{
    struct mount_spec *s = &p->spec;

    p->recursive = has_option(m, "rbind");
    if (p->recursive || has_option(m, "bind") || (m->type && strcmp(m->type, "bind") == 0)) {
        s->kind = MOUNT_TREE;
        s->mode = 0755;
        if (!m->source || !*m->source)
            return fail(f, EINVAL, "mounts[%zu].source: missing (a bind mount needs one)", index);
        return 0;
    }
    if (!m->type)
        return fail(f, EINVAL, "mounts[%zu].type: missing", index);
    for (size_t i = 0; i < ARRAY_LEN(types); i++) {
        if (strcmp(types[i].type, m->type) == 0) {
            s->kind = types[i].kind;
            s->mode = types[i].mode;
            if (s->kind == MOUNT_DEVPTS)
                s->uid = s->gid = UINT32_MAX;
            /* A tmpfs on /dev is to be filled with the default devices: our synthetic /dev. */
            if (s->kind == MOUNT_TMPFS && strcmp(m->destination, "/dev") == 0)
                s->kind = MOUNT_DEV;
            return 0;
        }
    }
    return fail(f, ENOTSUP,
                "mounts[%zu].type: \"%s\" is not supported (proc, sysfs, tmpfs, devpts, "
                "mqueue, cgroup, cgroup2 and bind are)",
                index, m->type);
}

/* What several options say together. */
static int settle(const struct oci_mount *m, size_t index, struct oci_mount_plan *p, struct fail *f)
{
    struct mount_spec *s = &p->spec;

    p->idmap |= m->n_uid_mappings || m->n_gid_mappings;
    if (p->idmap && s->kind != MOUNT_TREE)
        return fail(f, ENOTSUP, "mounts[%zu]: only bind mounts can be id-mapped", index);
    if ((m->n_uid_mappings == 0) != (m->n_gid_mappings == 0))
        return fail(f, EINVAL, "mounts[%zu].%s: missing (uidMappings and gidMappings go together)",
                    index, m->n_uid_mappings ? "gidMappings" : "uidMappings");
    if (s->flags & MOUNT_F_STRICTATIME)
        s->flags &= ~(uint32_t) MOUNT_F_NOATIME;
    if (!is_tmpfs_kind(s->kind)) /* options of a file system that is not made here */
        s->flags &= ~(uint32_t) (MOUNT_F_SYNC | MOUNT_F_DIRSYNC | MOUNT_F_MAND | MOUNT_F_LAZYTIME);
    p->inherits = s->kind == MOUNT_TREE && s->flags == 0;
    s->flags = (s->flags & ~p->below_clear) | p->below_set;
    return 0;
}

int oci_mount_parse(const struct oci_mount *m, size_t index, struct oci_mount_plan *ret,
                    struct fail *f)
{
    struct oci_mount_plan p = {.spec = {.tree_fd = -1, .upper_fd = -1}};
    int r = choose_kind(m, index, &p, f);

    if (r == 0)
        r = parse_options(m, index, &p, f);
    if (r == 0)
        r = settle(m, index, &p, f);
    if (r < 0) {
        oci_mount_plan_clear(&p);
        return r;
    }
    *ret = p;
    return 0;
}

void oci_mount_plan_clear(struct oci_mount_plan *p)
{
    free(p->spec.data);
    p->spec.data = NULL;
}
