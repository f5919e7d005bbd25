/* SPDX-License-Identifier: Apache-2.0 */
/* state.json: see state_file.h. */
#include "host/state_file.h"

#include <errno.h>
#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/strbuf.h"
#include "oci/json.h"

struct stored {
    struct container *c;
    char *id, *status;
    uint32_t pid;
    uint64_t start_time;
    char *bundle, *rootfs, *created, *cgroup, *version;
    json_object *annotations;
    uint32_t uid;
    bool has_hooks;
    uint32_t maker;
    uint64_t maker_start;
};

#define S(field) offsetof(struct stored, field)

static const struct json_field fields[] = {
    {.name = "id", .kind = JSON_STRING, .required = true, .offset = S(id)},
    {.name = "status", .kind = JSON_STRING, .required = true, .offset = S(status)},
    {.name = "pid", .kind = JSON_U32, .required = true, .offset = S(pid)},
    {.name = "startTime", .kind = JSON_U64, .required = true, .offset = S(start_time)},
    {.name = "ociVersion", .kind = JSON_STRING, .required = true, .offset = S(version)},
    {.name = "bundle", .kind = JSON_STRING, .required = true, .offset = S(bundle)},
    {.name = "rootfs", .kind = JSON_STRING, .required = true, .offset = S(rootfs)},
    {.name = "created", .kind = JSON_STRING, .required = true, .offset = S(created)},
    {.name = "cgroup", .kind = JSON_STRING, .offset = S(cgroup)},
    {.name = "uid", .kind = JSON_U32, .required = true, .offset = S(uid)},
    {.name = "hasHooks", .kind = JSON_BOOL, .offset = S(has_hooks)},
    {.name = "maker", .kind = JSON_U32, .offset = S(maker)},
    {.name = "makerStart", .kind = JSON_U64, .offset = S(maker_start)},
    {.name = "annotations", .kind = JSON_KEEP, .offset = S(annotations)},
};
static const struct json_table table = JSON_TABLE(fields);

static void add_member(struct strbuf *sb, const char *name, const char *value)
{
    if (!value)
        return;
    sb_addf(sb, ",\"%s\":", name);
    sb_add_json_string(sb, value);
}

int state_file_format(const struct container *c, char **ret)
{
    _cleanup_sb_ struct strbuf sb = STRBUF_INIT;

    sb_addf(&sb, "{\"pid\":%d,\"startTime\":%llu,\"uid\":%u,\"hasHooks\":%s", (int) c->pid,
            (unsigned long long) c->start_time, c->uid, c->has_hooks ? "true" : "false");
    if (c->maker > 0)
        sb_addf(&sb, ",\"maker\":%d,\"makerStart\":%llu", (int) c->maker,
                (unsigned long long) c->maker_start);
    add_member(&sb, "id", c->id);
    add_member(&sb, "status", container_status_name(c->status));
    add_member(&sb, "ociVersion", c->version);
    add_member(&sb, "bundle", c->bundle);
    add_member(&sb, "rootfs", c->rootfs);
    add_member(&sb, "created", c->created);
    add_member(&sb, "cgroup", c->cgroup);
    if (c->annotations)
        sb_addf(&sb, ",\"annotations\":%s", c->annotations);
    sb_add(&sb, "}\n");
    return sb_error(&sb) ? sb_error(&sb) : sb_take(&sb, ret);
}

static int parse_status(const char *name, enum container_status *ret)
{
    for (int i = STATUS_CREATING; i <= STATUS_STOPPED; i++) {
        if (strcmp(container_status_name((enum container_status) i), name) == 0) {
            *ret = (enum container_status) i;
            return 0;
        }
    }
    return -EINVAL;
}

static int take_over(struct stored *s, struct container *c, struct fail *f)
{
    if (strcmp(s->id, c->id) != 0)
        return fail(f, EBADMSG, "id: \"%s\" is not this container", s->id);
    if (parse_status(s->status, &c->status) < 0)
        return fail(f, EBADMSG, "status: unknown \"%s\"", s->status);
    if (s->annotations) {
        c->annotations =
            strdup(json_object_to_json_string_ext(s->annotations, JSON_C_TO_STRING_PLAIN));
        if (!c->annotations)
            return fail(f, ENOMEM, "out of memory");
    }
    c->pid = (pid_t) s->pid;
    c->start_time = s->start_time;
    c->uid = s->uid;
    c->has_hooks = s->has_hooks;
    c->maker = (pid_t) s->maker;
    c->maker_start = s->maker_start;
    c->bundle = take_ptr(&s->bundle);
    c->rootfs = take_ptr(&s->rootfs);
    c->created = take_ptr(&s->created);
    c->cgroup = take_ptr(&s->cgroup);
    c->version = take_ptr(&s->version);
    return 0;
}

int state_file_parse(const char *text, size_t len, struct container *c, struct fail *f)
{
    struct json_reader r = {.f = f};
    struct stored s = {0};
    json_object *doc = NULL;
    int e = json_parse(text, len, "state.json", &doc, f);

    if (e == 0)
        e = json_read(&r, doc, &table, &s);
    if (e == 0)
        e = take_over(&s, c, f);
    json_object_put(doc);
    json_object_put(s.annotations);
    sb_free(&r.path);
    sb_free(&r.noted);
    free(s.id);
    free(s.status);
    free(s.bundle);
    free(s.rootfs);
    free(s.created);
    free(s.cgroup);
    free(s.version);
    return e;
}

int state_file_format_oci(const struct container *c, bool extended, char **ret)
{
    _cleanup_sb_ struct strbuf sb = STRBUF_INIT;
    bool gone = c->status == STATUS_STOPPED;

    sb_add(&sb, "{\"ociVersion\":");
    sb_add_json_string(&sb, c->version);
    add_member(&sb, "id", c->id);
    sb_addf(&sb, ",\"pid\":%d", gone ? 0 : (int) c->pid);
    add_member(&sb, "status", container_status_name(c->status));
    add_member(&sb, "bundle", c->bundle);
    if (extended) {
        add_member(&sb, "rootfs", c->rootfs);
        add_member(&sb, "created", c->created);
        sb_addf(&sb, ",\"owner\":\"%s\"", c->uid == 0 ? "root" : "");
    }
    if (c->annotations)
        sb_addf(&sb, ",\"annotations\":%s", c->annotations);
    sb_add(&sb, "}");
    return sb_error(&sb) ? sb_error(&sb) : sb_take(&sb, ret);
}
