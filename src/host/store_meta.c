/* SPDX-License-Identifier: Apache-2.0 */
/* meta.json: see store_meta.h. */
#include "host/store_meta.h"

#include <errno.h>
#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/strbuf.h"
#include "host/path.h"
#include "oci/json.h"

#define META_VERSION 1
#define MAX_NUMBER   1000000

struct stored {
    uint32_t version;
    char *name, *created, *root;
    uint64_t created_ns, size_limit;
    struct kept_layer *layers;
    size_t n_layers;
};

#define S(field) offsetof(struct stored, field)
#define L(field) offsetof(struct kept_layer, field)

static const struct json_field layer_fields[] = {
    {.name = "number", .kind = JSON_U32, .required = true, .offset = L(number)},
    {.name = "dest", .kind = JSON_STRING, .required = true, .offset = L(dest)},
};
static const struct json_table layer_table = JSON_TABLE(layer_fields);

static const struct json_field fields[] = {
    {.name = "version", .kind = JSON_U32, .required = true, .offset = S(version)},
    {.name = "name", .kind = JSON_STRING, .required = true, .offset = S(name)},
    {.name = "created", .kind = JSON_STRING, .required = true, .offset = S(created)},
    {.name = "createdNs", .kind = JSON_U64, .required = true, .offset = S(created_ns)},
    {.name = "root", .kind = JSON_STRING, .required = true, .offset = S(root)},
    {.name = "sizeLimit", .kind = JSON_U64, .offset = S(size_limit)},
    {.name = "layers",
     .kind = JSON_ARRAY,
     .required = true,
     .offset = S(layers),
     .count = S(n_layers),
     .size = sizeof(struct kept_layer),
     .table = &layer_table},
};
static const struct json_table table = JSON_TABLE(fields);

static void add_member(struct strbuf *sb, const char *name, const char *value)
{
    sb_addf(sb, ",\"%s\":", name);
    sb_add_json_string(sb, value);
}

int kept_meta_format(const struct kept_meta *m, char **ret)
{
    _cleanup_sb_ struct strbuf sb = STRBUF_INIT;

    sb_addf(&sb, "{\"version\":%d", META_VERSION);
    add_member(&sb, "name", m->name);
    add_member(&sb, "created", m->created);
    sb_addf(&sb, ",\"createdNs\":%llu", (unsigned long long) m->created_ns);
    add_member(&sb, "root", m->root);
    sb_addf(&sb, ",\"sizeLimit\":%llu,\"layers\":[", (unsigned long long) m->size_limit);
    for (size_t i = 0; i < m->n_layers; i++) {
        sb_addf(&sb, "%s{\"number\":%u", i ? "," : "", m->layers[i].number);
        add_member(&sb, "dest", m->layers[i].dest);
        sb_addch(&sb, '}');
    }
    sb_add(&sb, "]}\n");
    return sb_error(&sb) ? sb_error(&sb) : sb_take(&sb, ret);
}

static void free_layers(struct kept_layer *v, size_t n)
{
    for (size_t i = 0; i < n; i++)
        free(v[i].dest);
    free(v);
}

static int check(const struct stored *s, const char *name, struct fail *f)
{
    if (s->version != META_VERSION)
        return fail(f, EBADMSG, "version: %u is not one this program knows", s->version);
    if (strcmp(s->name, name) != 0)
        return fail(f, EBADMSG, "name: \"%s\" is not this sandbox", s->name);
    if (!path_is_normal(s->root))
        return fail(f, EBADMSG, "root: \"%s\" is no absolute path without \"..\"", s->root);
    if (s->n_layers > KEPT_MAX_LAYERS)
        return fail(f, EBADMSG, "layers: more than %d", KEPT_MAX_LAYERS);
    for (size_t i = 0; i < s->n_layers; i++) {
        if (!path_is_normal(s->layers[i].dest))
            return fail(f, EBADMSG, "layers[%zu].dest: \"%s\" is no absolute path without \"..\"",
                        i, s->layers[i].dest);
        if (s->layers[i].number > MAX_NUMBER)
            return fail(f, EBADMSG, "layers[%zu].number: %u", i, s->layers[i].number);
        for (size_t k = 0; k < i; k++)
            if (s->layers[k].number == s->layers[i].number ||
                strcmp(s->layers[k].dest, s->layers[i].dest) == 0)
                return fail(f, EBADMSG, "layers[%zu]: is there twice", i);
    }
    return 0;
}

int kept_meta_parse(const char *text, size_t len, const char *name, struct kept_meta *ret,
                    struct fail *f)
{
    struct json_reader r = {.f = f};
    struct stored s = {0};
    json_object *doc = NULL;
    int e = json_parse(text, len, "meta.json", &doc, f);

    *ret = (struct kept_meta){0};
    if (e == 0)
        e = json_read(&r, doc, &table, &s);
    if (e == 0)
        e = check(&s, name, f);
    if (e == 0) {
        *ret = (struct kept_meta){
            .name = take_ptr(&s.name),
            .created = take_ptr(&s.created),
            .created_ns = s.created_ns,
            .root = take_ptr(&s.root),
            .size_limit = s.size_limit,
            .layers = s.layers,
            .n_layers = s.n_layers,
        };
        s.layers = NULL;
        s.n_layers = 0;
    }
    json_object_put(doc);
    sb_free(&r.path);
    sb_free(&r.noted);
    free(s.name);
    free(s.created);
    free(s.root);
    free_layers(s.layers, s.n_layers);
    return e;
}

void kept_meta_free(struct kept_meta *m)
{
    free(m->name);
    free(m->created);
    free(m->root);
    free_layers(m->layers, m->n_layers);
    *m = (struct kept_meta){0};
}

int kept_meta_add_layer(struct kept_meta *m, const char *dest, const struct kept_layer **ret)
{
    struct kept_layer *v;
    uint32_t number = 0;

    if (m->n_layers == KEPT_MAX_LAYERS)
        return -E2BIG;
    for (size_t i = 0; i < m->n_layers; i++)
        if (m->layers[i].number >= number)
            number = m->layers[i].number + 1;
    v = reallocarray(m->layers, m->n_layers + 1, sizeof(*v));
    if (!v)
        return -ENOMEM;
    m->layers = v;
    v[m->n_layers] = (struct kept_layer){.number = number, .dest = strdup(dest)};
    if (!v[m->n_layers].dest)
        return -ENOMEM;
    *ret = &v[m->n_layers++];
    return 0;
}
