/* SPDX-License-Identifier: Apache-2.0 */
/* config.json by tables: see config.h. */
#include "oci/config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/sysctl.h"
#include "base/textio.h"
#include "oci/caps.h"
#include "oci/json.h"

#define MAX_CONFIG_BYTES (8u << 20)

const char *const oci_hook_names[HOOK_KINDS] = {
    [HOOK_PRESTART] = "prestart",
    [HOOK_CREATE_RUNTIME] = "createRuntime",
    [HOOK_CREATE_CONTAINER] = "createContainer",
    [HOOK_START_CONTAINER] = "startContainer",
    [HOOK_POSTSTART] = "poststart",
    [HOOK_POSTSTOP] = "poststop",
};

#define C(field) offsetof(struct oci_config, field)

/* ---- process ---- */

static int read_cap_set(struct json_reader *r, json_object *v, uint64_t *ret)
{
    uint64_t set = 0;

    if (!json_object_is_type(v, json_type_array))
        return json_fail_type(r, "an array of strings", v);
    for (size_t i = 0; i < json_object_array_length(v); i++) {
        const char *name;
        int n = json_get_text(r, json_object_array_get_idx(v, i), &name);

        if (n < 0)
            return n;
        n = caps_by_name(name);
        if (n < 0)
            return json_fail(r, EINVAL, "unknown capability \"%s\"", name);
        set |= UINT64_C(1) << n;
    }
    *ret = set;
    return 0;
}

#define CAP_READER(name)                                                            \
    static int read_cap_##name(struct json_reader *r, json_object *v, void *target) \
    {                                                                               \
        struct oci_config *c = target;                                              \
        c->has_capabilities = true;                                                 \
        return read_cap_set(r, v, &c->process.cap_##name);                          \
    }
CAP_READER(bounding)
CAP_READER(effective)
CAP_READER(permitted)
CAP_READER(inheritable)
CAP_READER(ambient)

static const struct json_field cap_fields[] = {
    {.name = "bounding", .kind = JSON_CUSTOM, .read = read_cap_bounding},
    {.name = "effective", .kind = JSON_CUSTOM, .read = read_cap_effective},
    {.name = "permitted", .kind = JSON_CUSTOM, .read = read_cap_permitted},
    {.name = "inheritable", .kind = JSON_CUSTOM, .read = read_cap_inheritable},
    {.name = "ambient", .kind = JSON_CUSTOM, .read = read_cap_ambient},
};
static const struct json_table cap_table = JSON_TABLE(cap_fields);

static const struct {
    const char *name;
    uint32_t number;
} rlimit_names[] = {
    {"RLIMIT_CPU", RLIMIT_CPU},           {"RLIMIT_FSIZE", RLIMIT_FSIZE},
    {"RLIMIT_DATA", RLIMIT_DATA},         {"RLIMIT_STACK", RLIMIT_STACK},
    {"RLIMIT_CORE", RLIMIT_CORE},         {"RLIMIT_RSS", RLIMIT_RSS},
    {"RLIMIT_NPROC", RLIMIT_NPROC},       {"RLIMIT_NOFILE", RLIMIT_NOFILE},
    {"RLIMIT_MEMLOCK", RLIMIT_MEMLOCK},   {"RLIMIT_AS", RLIMIT_AS},
    {"RLIMIT_LOCKS", RLIMIT_LOCKS},       {"RLIMIT_SIGPENDING", RLIMIT_SIGPENDING},
    {"RLIMIT_MSGQUEUE", RLIMIT_MSGQUEUE}, {"RLIMIT_NICE", RLIMIT_NICE},
    {"RLIMIT_RTPRIO", RLIMIT_RTPRIO},     {"RLIMIT_RTTIME", RLIMIT_RTTIME},
};

static int read_rlimit_type(struct json_reader *r, json_object *v, void *target)
{
    struct rlimit_spec *l = target;
    const char *name;
    int e = json_get_text(r, v, &name);

    if (e < 0)
        return e;
    for (size_t i = 0; i < ARRAY_LEN(rlimit_names); i++) {
        if (strcmp(rlimit_names[i].name, name) == 0) {
            l->resource = rlimit_names[i].number;
            return 0;
        }
    }
    return json_fail(r, EINVAL, "unknown resource limit \"%s\"", name);
}

static const struct json_field rlimit_fields[] = {
    {.name = "type", .kind = JSON_CUSTOM, .required = true, .read = read_rlimit_type},
    {.name = "soft",
     .kind = JSON_U64,
     .required = true,
     .offset = offsetof(struct rlimit_spec, soft)},
    {.name = "hard",
     .kind = JSON_U64,
     .required = true,
     .offset = offsetof(struct rlimit_spec, hard)},
};
static const struct json_table rlimit_table = JSON_TABLE(rlimit_fields);

static int read_umask(struct json_reader *r, json_object *v, void *target)
{
    struct oci_config *c = target;

    if (!json_object_is_type(v, json_type_int))
        return json_fail_type(r, "a whole number", v);
    if (json_object_get_int64(v) < 0 || json_object_get_int64(v) > 0777)
        return json_fail(r, ERANGE, "must be between 0 and 511 (octal 0777)");
    c->process.umask = (uint32_t) json_object_get_int64(v);
    c->has_umask = true;
    return 0;
}

static const struct json_field user_fields[] = {
    {.name = "uid", .kind = JSON_U32, .required = true, .offset = C(process.uid)},
    {.name = "gid", .kind = JSON_U32, .required = true, .offset = C(process.gid)},
    {.name = "umask", .kind = JSON_CUSTOM, .read = read_umask},
    {.name = "additionalGids",
     .kind = JSON_NUMBERS,
     .offset = C(process.groups),
     .count = C(process.n_groups)},
};
static const struct json_table user_table = JSON_TABLE(user_fields);

static const struct json_field console_size_fields[] = {
    {.name = "height", .kind = JSON_U32, .required = true, .offset = C(console_rows)},
    {.name = "width", .kind = JSON_U32, .required = true, .offset = C(console_cols)},
};
static const struct json_table console_size_table = JSON_TABLE(console_size_fields);

static const struct json_field process_fields[] = {
    {.name = "terminal", .kind = JSON_BOOL, .offset = C(process.terminal)},
    {.name = "consoleSize", .kind = JSON_OBJECT, .table = &console_size_table},
    {.name = "user", .kind = JSON_OBJECT, .table = &user_table},
    {.name = "args", .kind = JSON_STRINGS, .required = true, .offset = C(process.argv)},
    {.name = "env", .kind = JSON_STRINGS, .offset = C(process.envp)},
    {.name = "cwd", .kind = JSON_STRING, .required = true, .offset = C(process.cwd)},
    {.name = "capabilities", .kind = JSON_OBJECT, .table = &cap_table},
    {.name = "rlimits",
     .kind = JSON_ARRAY,
     .offset = C(process.rlimits),
     .count = C(process.n_rlimits),
     .size = sizeof(struct rlimit_spec),
     .table = &rlimit_table},
    {.name = "noNewPrivileges", .kind = JSON_BOOL, .offset = C(process.no_new_privs)},
    {.name = "apparmorProfile", .kind = JSON_NOTED},
    {.name = "selinuxLabel", .kind = JSON_NOTED},
    {.name = "oomScoreAdj", .kind = JSON_NOTED},
    {.name = "ioPriority", .kind = JSON_NOTED},
    {.name = "scheduler", .kind = JSON_NOTED},
};
static const struct json_table process_table = JSON_TABLE(process_fields);

static int read_process(struct json_reader *r, json_object *v, void *target)
{
    struct oci_config *c = target;
    struct process_spec *p = &c->process;
    int e = json_read(r, v, &process_table, target);

    if (e < 0)
        return e;
    c->has_process = true;
    if (!p->argv[0])
        return json_fail(r, EINVAL, "args must have at least one entry");
    if (p->cwd[0] != '/')
        return json_fail(r, EINVAL, "cwd: \"%s\" is not an absolute path", p->cwd);
    if (c->console_rows > UINT16_MAX || c->console_cols > UINT16_MAX)
        return json_fail(r, ERANGE, "consoleSize: at most 65535");
    for (size_t i = 0; i < p->n_rlimits; i++) {
        if (p->rlimits[i].soft > p->rlimits[i].hard)
            return json_fail(r, EINVAL, "rlimits[%zu]: soft is greater than hard", i);
        for (size_t k = 0; k < i; k++)
            if (p->rlimits[k].resource == p->rlimits[i].resource)
                return json_fail(r, EINVAL, "rlimits[%zu]: the same type as rlimits[%zu]", i, k);
    }
    return 0;
}

/* ---- root, mounts, hooks ---- */

static const struct json_field id_mapping_fields[] = {
    {.name = "containerID",
     .kind = JSON_U32,
     .required = true,
     .offset = offsetof(struct oci_id_mapping, container_id)},
    {.name = "hostID",
     .kind = JSON_U32,
     .required = true,
     .offset = offsetof(struct oci_id_mapping, host_id)},
    {.name = "size",
     .kind = JSON_U32,
     .required = true,
     .offset = offsetof(struct oci_id_mapping, size)},
};
static const struct json_table id_mapping_table = JSON_TABLE(id_mapping_fields);

static const struct json_field root_fields[] = {
    {.name = "path", .kind = JSON_STRING, .required = true, .offset = C(root_path)},
    {.name = "readonly", .kind = JSON_BOOL, .offset = C(root_readonly)},
};
static const struct json_table root_table = JSON_TABLE(root_fields);

static int read_absolute(struct json_reader *r, json_object *v, char **ret)
{
    const char *text;
    int e = json_get_text(r, v, &text);

    if (e < 0)
        return e;
    if (text[0] != '/')
        return json_fail(r, EINVAL, "\"%s\" is not an absolute path", text);
    *ret = strdup(text);
    return *ret ? 0 : json_fail(r, ENOMEM, "out of memory");
}

static int read_destination(struct json_reader *r, json_object *v, void *target)
{
    struct oci_mount *m = target;

    return read_absolute(r, v, &m->destination);
}

static const struct json_field mount_fields[] = {
    {.name = "destination", .kind = JSON_CUSTOM, .required = true, .read = read_destination},
    {.name = "type", .kind = JSON_STRING, .offset = offsetof(struct oci_mount, type)},
    {.name = "source", .kind = JSON_STRING, .offset = offsetof(struct oci_mount, source)},
    {.name = "options", .kind = JSON_STRINGS, .offset = offsetof(struct oci_mount, options)},
    {.name = "uidMappings",
     .kind = JSON_ARRAY,
     .offset = offsetof(struct oci_mount, uid_mappings),
     .count = offsetof(struct oci_mount, n_uid_mappings),
     .size = sizeof(struct oci_id_mapping),
     .table = &id_mapping_table},
    {.name = "gidMappings",
     .kind = JSON_ARRAY,
     .offset = offsetof(struct oci_mount, gid_mappings),
     .count = offsetof(struct oci_mount, n_gid_mappings),
     .size = sizeof(struct oci_id_mapping),
     .table = &id_mapping_table},
};
static const struct json_table mount_table = JSON_TABLE(mount_fields);

static int read_hook_path(struct json_reader *r, json_object *v, void *target)
{
    struct oci_hook *h = target;

    return read_absolute(r, v, &h->path);
}

static int read_hook_timeout(struct json_reader *r, json_object *v, void *target)
{
    struct oci_hook *h = target;

    if (!json_object_is_type(v, json_type_int))
        return json_fail_type(r, "a whole number", v);
    h->timeout = json_object_get_int64(v);
    if (h->timeout <= 0 || h->timeout > 86400)
        return json_fail(r, ERANGE, "must be between 1 and 86400 seconds");
    return 0;
}

static const struct json_field hook_fields[] = {
    {.name = "path", .kind = JSON_CUSTOM, .required = true, .read = read_hook_path},
    {.name = "args", .kind = JSON_STRINGS, .offset = offsetof(struct oci_hook, args)},
    {.name = "env", .kind = JSON_STRINGS, .offset = offsetof(struct oci_hook, env)},
    {.name = "timeout", .kind = JSON_CUSTOM, .read = read_hook_timeout},
};
static const struct json_table hook_table = JSON_TABLE(hook_fields);

#define HOOKS(json_name, which)                                                           \
    {                                                                                     \
        .name = json_name, .kind = JSON_ARRAY, .offset = C(hooks[which].list),            \
        .count = C(hooks[which].n), .size = sizeof(struct oci_hook), .table = &hook_table \
    }

static const struct json_field hooks_fields[] = {
    HOOKS("prestart", HOOK_PRESTART),
    HOOKS("createRuntime", HOOK_CREATE_RUNTIME),
    HOOKS("createContainer", HOOK_CREATE_CONTAINER),
    HOOKS("startContainer", HOOK_START_CONTAINER),
    HOOKS("poststart", HOOK_POSTSTART),
    HOOKS("poststop", HOOK_POSTSTOP),
};
static const struct json_table hooks_table = JSON_TABLE(hooks_fields);

/* ---- linux ---- */

static int read_namespace_type(struct json_reader *r, json_object *v, void *target)
{
    static const char *const known[] = {"pid", "network", "mount",  "ipc",
                                        "uts", "user",    "cgroup", "time"};
    struct oci_namespace *n = target;
    const char *text;
    int e = json_get_text(r, v, &text);

    if (e < 0)
        return e;
    for (size_t i = 0; i < ARRAY_LEN(known); i++) {
        if (strcmp(known[i], text) == 0) {
            n->type = strdup(text);
            return n->type ? 0 : json_fail(r, ENOMEM, "out of memory");
        }
    }
    return json_fail(r, EINVAL, "unknown namespace \"%s\"", text);
}

static const struct json_field namespace_fields[] = {
    {.name = "type", .kind = JSON_CUSTOM, .required = true, .read = read_namespace_type},
    {.name = "path", .kind = JSON_STRING, .offset = offsetof(struct oci_namespace, path)},
};
static const struct json_table namespace_table = JSON_TABLE(namespace_fields);

static int read_resources(struct json_reader *r, json_object *v, void *target)
{
    struct oci_config *c = target;

    return limits_from_json(r, v, &c->resources);
}

static int read_device_path(struct json_reader *r, json_object *v, void *target)
{
    struct oci_device *d = target;

    d->major = d->minor = -1; /* the first of its fields: what is not given stays so */
    return read_absolute(r, v, &d->path);
}

static int read_device_type(struct json_reader *r, json_object *v, void *target)
{
    static const struct {
        const char *name;
        uint32_t type;
    } known[] = {{"c", S_IFCHR}, {"u", S_IFCHR}, {"b", S_IFBLK}, {"p", S_IFIFO}};
    struct oci_device *d = target;
    const char *text;
    int e = json_get_text(r, v, &text);

    if (e < 0)
        return e;
    for (size_t i = 0; i < ARRAY_LEN(known); i++) {
        if (strcmp(known[i].name, text) == 0) {
            d->type = known[i].type;
            return 0;
        }
    }
    return json_fail(r, EINVAL, "unknown type of device \"%s\" (c, u, b and p are known)", text);
}

static int read_file_mode(struct json_reader *r, json_object *v, void *target)
{
    struct oci_device *d = target;

    if (!json_object_is_type(v, json_type_int))
        return json_fail_type(r, "a whole number", v);
    if (json_object_get_int64(v) < 0 || json_object_get_int64(v) > UINT32_MAX)
        return json_fail(r, ERANGE, "is not a file mode");
    d->mode = (uint32_t) json_object_get_int64(v) & 07777;
    d->has_mode = true;
    return 0;
}

/* In this order: the path's reader prepares the rest. */
static const struct json_field device_fields[] = {
    {.name = "path", .kind = JSON_CUSTOM, .required = true, .read = read_device_path},
    {.name = "type", .kind = JSON_CUSTOM, .required = true, .read = read_device_type},
    {.name = "major", .kind = JSON_I64, .offset = offsetof(struct oci_device, major)},
    {.name = "minor", .kind = JSON_I64, .offset = offsetof(struct oci_device, minor)},
    {.name = "fileMode", .kind = JSON_CUSTOM, .read = read_file_mode},
    {.name = "uid", .kind = JSON_U32, .offset = offsetof(struct oci_device, uid)},
    {.name = "gid", .kind = JSON_U32, .offset = offsetof(struct oci_device, gid)},
};
static const struct json_table device_table = JSON_TABLE(device_fields);

/* Of the container's root: mounts made on the host later, and those made inside. */
static int read_root_propagation(struct json_reader *r, json_object *v, void *target)
{
    static const char *const held[] = {"", "private", "rprivate", "unbindable", "runbindable"};
    struct oci_config *c = target;
    const char *text;
    int e = json_get_text(r, v, &text);

    if (e < 0)
        return e;
    for (size_t i = 0; i < ARRAY_LEN(held); i++)
        if (strcmp(held[i], text) == 0)
            return 0;
    c->root_slave = strcmp(text, "slave") == 0 || strcmp(text, "rslave") == 0;
    if (c->root_slave)
        return 0;
    if (strcmp(text, "shared") == 0 || strcmp(text, "rshared") == 0)
        return json_fail(r, ENOTSUP,
                         "\"%s\" is not supported: mounts made inside are never seen outside",
                         text);
    return json_fail(r, EINVAL, "unknown propagation \"%s\"", text);
}

static int add_sysctl(struct json_reader *r, struct oci_config *c, const char *name,
                      const char *value)
{
    char **v = reallocarray(c->sysctls, c->n_sysctls + 2, sizeof(*v));

    if (!v)
        return json_fail(r, ENOMEM, "out of memory");
    c->sysctls = v;
    v[c->n_sysctls] = NULL;
    if (asprintf(&v[c->n_sysctls], "%s=%s", name, value) < 0) {
        v[c->n_sysctls] = NULL;
        return json_fail(r, ENOMEM, "out of memory");
    }
    v[++c->n_sysctls] = NULL;
    return 0;
}

/* Those of a network namespace can be set; the rest is the application kernel's own, or the
 * machine's. */
static int read_sysctls(struct json_reader *r, json_object *v, void *target)
{
    struct oci_config *c = target;

    if (!json_object_is_type(v, json_type_object))
        return json_fail_type(r, "an object", v);
    json_object_object_foreach(v, name, item)
    {
        const char *value;
        int e = json_get_text(r, item, &value);

        if (e < 0)
            return e;
        if (sysctl_is_net(name))
            e = strchr(name, '=') ? json_fail(r, EINVAL, "\"%s\" is not a name", name)
                                  : add_sysctl(r, c, name, value);
        else
            sb_addf(&r->noted, "%slinux.sysctl[\"%s\"]", r->noted.len ? ", " : "", name);
        if (e < 0)
            return e;
    }
    return 0;
}

static const struct json_field linux_fields[] = {
    {.name = "namespaces",
     .kind = JSON_ARRAY,
     .offset = C(namespaces),
     .count = C(n_namespaces),
     .size = sizeof(struct oci_namespace),
     .table = &namespace_table},
    {.name = "uidMappings",
     .kind = JSON_ARRAY,
     .offset = C(uid_mappings),
     .count = C(n_uid_mappings),
     .size = sizeof(struct oci_id_mapping),
     .table = &id_mapping_table},
    {.name = "gidMappings",
     .kind = JSON_ARRAY,
     .offset = C(gid_mappings),
     .count = C(n_gid_mappings),
     .size = sizeof(struct oci_id_mapping),
     .table = &id_mapping_table},
    {.name = "cgroupsPath", .kind = JSON_STRING, .offset = C(cgroups_path)},
    {.name = "resources", .kind = JSON_CUSTOM, .read = read_resources},
    {.name = "maskedPaths", .kind = JSON_STRINGS, .offset = C(masked_paths)},
    {.name = "readonlyPaths", .kind = JSON_STRINGS, .offset = C(readonly_paths)},
    {.name = "devices",
     .kind = JSON_ARRAY,
     .offset = C(devices),
     .count = C(n_devices),
     .size = sizeof(struct oci_device),
     .table = &device_table},
    {.name = "sysctl", .kind = JSON_CUSTOM, .read = read_sysctls},
    {.name = "seccomp", .kind = JSON_NOTED},
    {.name = "rootfsPropagation", .kind = JSON_CUSTOM, .read = read_root_propagation},
    {.name = "mountLabel", .kind = JSON_NOTED},
    {.name = "intelRdt", .kind = JSON_NOTED},
    {.name = "personality", .kind = JSON_NOTED},
    {.name = "timeOffsets", .kind = JSON_NOTED},
};
static const struct json_table linux_table = JSON_TABLE(linux_fields);

static int read_linux(struct json_reader *r, json_object *v, void *target)
{
    struct oci_config *c = target;
    int e = json_read(r, v, &linux_table, target);

    if (e < 0)
        return e;
    c->has_linux = true;
    for (size_t i = 0; i < c->n_namespaces; i++)
        for (size_t k = 0; k < i; k++)
            if (strcmp(c->namespaces[i].type, c->namespaces[k].type) == 0)
                return json_fail(r, EINVAL, "namespaces[%zu]: the same type as namespaces[%zu]", i,
                                 k);
    return 0;
}

static const struct json_field config_fields[] = {
    {.name = "ociVersion", .kind = JSON_STRING, .required = true, .offset = C(version)},
    {.name = "process", .kind = JSON_CUSTOM, .read = read_process},
    {.name = "root", .kind = JSON_OBJECT, .required = true, .table = &root_table},
    {.name = "hostname", .kind = JSON_STRING, .offset = C(hostname)},
    {.name = "domainname", .kind = JSON_STRING, .offset = C(domainname)},
    {.name = "mounts",
     .kind = JSON_ARRAY,
     .offset = C(mounts),
     .count = C(n_mounts),
     .size = sizeof(struct oci_mount),
     .table = &mount_table},
    {.name = "hooks", .kind = JSON_OBJECT, .table = &hooks_table},
    {.name = "annotations", .kind = JSON_KEEP, .offset = C(annotations)},
    {.name = "linux", .kind = JSON_CUSTOM, .read = read_linux},
};
static const struct json_table config_table = JSON_TABLE(config_fields);

/* ---- the whole ---- */

static int check_whole(const struct oci_config *c, struct fail *f)
{
    if (strncmp(c->version, "1.", 2) != 0)
        return fail(f, EINVAL, "ociVersion: \"%s\" is not a version 1 specification", c->version);
    if (c->root_path[0] == '\0')
        return fail(f, EINVAL, "root.path: must not be empty");
    if (c->hostname && strlen(c->hostname) > 64)
        return fail(f, EINVAL, "hostname: longer than 64 bytes");
    if (c->domainname && strlen(c->domainname) > 64)
        return fail(f, EINVAL, "domainname: longer than 64 bytes");
    return 0;
}

static int read_whole(struct json_reader *r, json_object *doc, void *target)
{
    int e = json_read(r, doc, &config_table, target);

    return e < 0 ? e : check_whole(target, r->f);
}

/* `read` fills in the config from the document called `name`. */
static int parse(const char *text, size_t len, const char *name,
                 int (*read)(struct json_reader *r, json_object *doc, void *target),
                 struct oci_config **ret, struct fail *f)
{
    struct json_reader r = {.f = f};
    struct oci_config *c = calloc(1, sizeof(*c));
    json_object *doc = NULL;
    int e;

    if (!c)
        return fail(f, ENOMEM, "out of memory");
    c->process.umask = 022;
    limits_init(&c->resources);
    e = json_parse(text, len, name, &doc, f);
    if (e == 0)
        e = read(&r, doc, c);
    if (e == 0 && !c->process.envp) {
        c->process.envp = calloc(1, sizeof(char *));
        e = c->process.envp ? 0 : fail(f, ENOMEM, "out of memory");
    }
    if (e == 0) {
        c->noted = strdup(sb_text(&r.noted));
        e = c->noted ? 0 : fail(f, ENOMEM, "out of memory");
    }
    json_object_put(doc);
    sb_free(&r.path);
    sb_free(&r.noted);
    if (e < 0) {
        oci_config_free(c);
        return e;
    }
    *ret = c;
    return 0;
}

int oci_config_parse(const char *text, size_t len, struct oci_config **ret, struct fail *f)
{
    return parse(text, len, "config.json", read_whole, ret, f);
}

int oci_process_parse(const char *text, size_t len, struct oci_config **ret, struct fail *f)
{
    return parse(text, len, "the process file", read_process, ret, f);
}

int oci_process_load(const char *path, struct oci_config **ret, struct fail *f)
{
    _cleanup_free_ char *text = NULL;
    size_t len;
    int r = read_file_at(AT_FDCWD, path, MAX_CONFIG_BYTES, &text, &len);

    if (r < 0)
        return fail_errno(f, -r, "reading %s", path);
    r = oci_process_parse(text, len, ret, f);
    return r < 0 ? fail_wrap(f, r, "%s", path) : 0;
}

int oci_config_load(const char *bundle_dir, struct oci_config **ret, struct fail *f)
{
    _cleanup_close_ int dir = open(bundle_dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
    _cleanup_free_ char *text = NULL;
    size_t len;
    int r;

    if (dir < 0)
        return fail_errno(f, errno, "the bundle directory %s", bundle_dir);
    r = read_file_at(dir, "config.json", MAX_CONFIG_BYTES, &text, &len);
    if (r < 0)
        return fail_errno(f, -r, "reading %s/config.json%s", bundle_dir,
                          r == -ENOENT ? " (`cloister spec` writes one)" : "");
    return oci_config_parse(text, len, ret, f);
}

bool oci_config_has_namespace(const struct oci_config *c, const char *type)
{
    for (size_t i = 0; i < c->n_namespaces; i++)
        if (strcmp(c->namespaces[i].type, type) == 0)
            return true;
    return false;
}

static void free_strv(char **v)
{
    for (size_t i = 0; v && v[i]; i++)
        free(v[i]);
    free(v);
}

static void free_hooks(struct oci_hooks *h)
{
    for (size_t i = 0; i < h->n; i++) {
        free(h->list[i].path);
        free_strv(h->list[i].args);
        free_strv(h->list[i].env);
    }
    free(h->list);
}

void oci_config_free(struct oci_config *c)
{
    if (!c)
        return;
    free(c->version);
    free_strv(c->process.argv);
    free_strv(c->process.envp);
    free(c->process.cwd);
    free(c->process.groups);
    free(c->process.rlimits);
    free(c->root_path);
    free(c->hostname);
    free(c->domainname);
    for (size_t i = 0; i < c->n_mounts; i++) {
        free(c->mounts[i].destination);
        free(c->mounts[i].type);
        free(c->mounts[i].source);
        free_strv(c->mounts[i].options);
        free(c->mounts[i].uid_mappings);
        free(c->mounts[i].gid_mappings);
    }
    free(c->mounts);
    for (size_t i = 0; i < c->n_devices; i++)
        free(c->devices[i].path);
    free(c->devices);
    for (size_t i = 0; i < HOOK_KINDS; i++)
        free_hooks(&c->hooks[i]);
    json_object_put(c->annotations);
    for (size_t i = 0; i < c->n_namespaces; i++) {
        free(c->namespaces[i].type);
        free(c->namespaces[i].path);
    }
    free(c->namespaces);
    free(c->uid_mappings);
    free(c->gid_mappings);
    free(c->cgroups_path);
    limits_free(&c->resources);
    free_strv(c->masked_paths);
    free_strv(c->readonly_paths);
    free_strv(c->sysctls);
    free(c->noted);
    free(c);
}

void oci_config_freep(struct oci_config **c)
{
    oci_config_free(*c);
}
