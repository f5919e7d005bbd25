/* SPDX-License-Identifier: Apache-2.0 */
/* Reading JSON by tables: see json.h. */
#include "oci/json.h"

#include <errno.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"

#define MAX_DEPTH 64

static const char *type_name(json_object *v)
{
    switch (json_object_get_type(v)) {
    case json_type_null:
        return "null";
    case json_type_boolean:
        return "a boolean";
    case json_type_double:
    case json_type_int:
        return "a number";
    case json_type_object:
        return "an object";
    case json_type_array:
        return "an array";
    case json_type_string:
        return "a string";
    }
    return "something else";
}

int json_parse(const char *text, size_t len, const char *name, json_object **ret, struct fail *f)
{
    json_tokener *tok = json_tokener_new_ex(MAX_DEPTH);
    json_object *v;
    enum json_tokener_error e;

    if (!tok)
        return fail(f, ENOMEM, "out of memory");
    json_tokener_set_flags(tok, JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8);
    /* With its NUL, so that a document that ends with a number is known to have ended. */
    v = len < INT32_MAX ? json_tokener_parse_ex(tok, text, (int) len + 1) : NULL;
    e = json_tokener_get_error(tok);
    if (e != json_tokener_success || !v) {
        size_t line = 1, end = json_tokener_get_parse_end(tok);
        for (size_t i = 0; i < end && i < len; i++)
            line += text[i] == '\n';
        json_object_put(v);
        json_tokener_free(tok);
        return fail(f, EINVAL, "%s: line %zu: invalid JSON: %s", name, line,
                    e == json_tokener_continue  ? "the text ends too early"
                    : e == json_tokener_success ? "nothing there"
                                                : json_tokener_error_desc(e));
    }
    json_tokener_free(tok);
    *ret = v;
    return 0;
}

int json_fail(struct json_reader *r, int err, const char *fmt, ...)
{
    char text[512];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    return fail(r->f, err, "%s: %s", r->path.len ? sb_text(&r->path) : "the document", text);
}

int json_fail_type(struct json_reader *r, const char *expected, json_object *v)
{
    return json_fail(r, EINVAL, "expected %s, found %s", expected, type_name(v));
}

/* Path bookkeeping: enter returns the length to go back to. */
static size_t enter(struct json_reader *r, const char *name)
{
    size_t old = r->path.len;

    sb_addf(&r->path, "%s%s", old ? "." : "", name);
    return old;
}

static size_t enter_index(struct json_reader *r, size_t i)
{
    size_t old = r->path.len;

    sb_addf(&r->path, "[%zu]", i);
    return old;
}

static void leave(struct json_reader *r, size_t old)
{
    r->path.len = old;
    if (r->path.data)
        r->path.data[old] = '\0';
}

int json_get_text(struct json_reader *r, json_object *v, const char **ret)
{
    if (!json_object_is_type(v, json_type_string))
        return json_fail_type(r, "a string", v);
    *ret = json_object_get_string(v);
    if (strlen(*ret) != (size_t) json_object_get_string_len(v))
        return json_fail(r, EINVAL, "the string has a NUL byte inside");
    return 0;
}

static int read_string(struct json_reader *r, json_object *v, char **field)
{
    const char *text;
    int e = json_get_text(r, v, &text);

    if (e < 0)
        return e;
    free(*field);
    *field = strdup(text);
    return *field ? 0 : json_fail(r, ENOMEM, "out of memory");
}

static int read_strings(struct json_reader *r, json_object *v, char ***field)
{
    size_t n;
    char **list;

    if (!json_object_is_type(v, json_type_array))
        return json_fail_type(r, "an array of strings", v);
    if (*field)
        return 0;
    n = json_object_array_length(v);
    list = calloc(n + 1, sizeof(*list));
    if (!list)
        return json_fail(r, ENOMEM, "out of memory");
    *field = list;
    for (size_t i = 0; i < n; i++) {
        size_t old = enter_index(r, i);
        int e = read_string(r, json_object_array_get_idx(v, i), &list[i]);
        if (e < 0)
            return e;
        leave(r, old);
    }
    return 0;
}

static int read_u64(struct json_reader *r, json_object *v, uint64_t max, uint64_t *ret)
{
    if (!json_object_is_type(v, json_type_int))
        return json_fail_type(r, "a whole number", v);
    if (json_object_get_int64(v) < 0)
        return json_fail(r, ERANGE, "must not be negative");
    *ret = json_object_get_uint64(v);
    if (*ret > max)
        return json_fail(r, ERANGE, "must not be greater than %llu", (unsigned long long) max);
    return 0;
}

static int read_numbers(struct json_reader *r, json_object *v, uint32_t **field, size_t *count)
{
    size_t n;

    if (!json_object_is_type(v, json_type_array))
        return json_fail_type(r, "an array of numbers", v);
    n = json_object_array_length(v);
    free(*field);
    *field = calloc(n + 1, sizeof(**field));
    if (!*field)
        return json_fail(r, ENOMEM, "out of memory");
    for (size_t i = 0; i < n; i++) {
        size_t old = enter_index(r, i);
        uint64_t value;
        int e = read_u64(r, json_object_array_get_idx(v, i), UINT32_MAX, &value);
        if (e < 0)
            return e;
        (*field)[i] = (uint32_t) value;
        leave(r, old);
    }
    *count = n;
    return 0;
}

static int read_array(struct json_reader *r, json_object *v, const struct json_field *d,
                      char *target)
{
    void **array = (void **) (void *) (target + d->offset);
    size_t *count = (size_t *) (void *) (target + d->count);
    size_t n;

    if (!json_object_is_type(v, json_type_array))
        return json_fail_type(r, "an array", v);
    if (*array)
        return 0;
    n = json_object_array_length(v);
    *array = calloc(n + 1, d->size);
    if (!*array)
        return json_fail(r, ENOMEM, "out of memory");
    for (size_t i = 0; i < n; i++) {
        size_t old = enter_index(r, i);
        int e;

        *count = i + 1; /* counted first: a half-read element is freed with the others */
        e = json_read(r, json_object_array_get_idx(v, i), d->table, (char *) *array + i * d->size);
        if (e < 0)
            return e;
        leave(r, old);
    }
    return 0;
}

static bool is_empty(json_object *v)
{
    switch (json_object_get_type(v)) {
    case json_type_null:
        return true;
    case json_type_boolean:
        return !json_object_get_boolean(v);
    case json_type_int:
        return json_object_get_int64(v) == 0;
    case json_type_object:
        return json_object_object_length(v) == 0;
    case json_type_array:
        return json_object_array_length(v) == 0;
    case json_type_string:
        return json_object_get_string_len(v) == 0;
    case json_type_double:
        return false;
    }
    return false;
}

static int read_field(struct json_reader *r, json_object *v, const struct json_field *d,
                      char *target)
{
    void *field = target + d->offset;
    uint64_t number;
    int e;

    switch (d->kind) {
    case JSON_STRING:
        return read_string(r, v, field);
    case JSON_STRINGS:
        return read_strings(r, v, field);
    case JSON_BOOL:
        if (!json_object_is_type(v, json_type_boolean))
            return json_fail_type(r, "a boolean", v);
        *(bool *) field = json_object_get_boolean(v);
        return 0;
    case JSON_U32:
        e = read_u64(r, v, UINT32_MAX, &number);
        if (e == 0)
            *(uint32_t *) field = (uint32_t) number;
        return e;
    case JSON_U64:
        return read_u64(r, v, UINT64_MAX, field);
    case JSON_I64:
        if (!json_object_is_type(v, json_type_int))
            return json_fail_type(r, "a whole number", v);
        *(int64_t *) field = json_object_get_int64(v);
        return 0;
    case JSON_OBJECT:
        return json_read(r, v, d->table, target);
    case JSON_ARRAY:
        return read_array(r, v, d, target);
    case JSON_NUMBERS:
        return read_numbers(r, v, field, (size_t *) (void *) (target + d->count));
    case JSON_KEEP:
        if (!json_object_is_type(v, json_type_object))
            return json_fail_type(r, "an object", v);
        if (!*(json_object **) field)
            *(json_object **) field = json_object_get(v);
        return 0;
    case JSON_CUSTOM:
        return d->read(r, v, target);
    case JSON_NOTED:
        if (!is_empty(v))
            sb_addf(&r->noted, "%s%s", r->noted.len ? ", " : "", sb_text(&r->path));
        return 0;
    }
    return 0;
}

int json_read(struct json_reader *r, json_object *v, const struct json_table *t, void *target)
{
    if (!json_object_is_type(v, json_type_object))
        return json_fail_type(r, "an object", v);
    for (size_t i = 0; i < t->n; i++) {
        const struct json_field *d = &t->fields[i];
        json_object *value;
        size_t old = enter(r, d->name);
        int e = 0;

        /* null is what Go's encoders write for "not there". */
        if (json_object_object_get_ex(v, d->name, &value) && value)
            e = read_field(r, value, d, target);
        else if (d->required)
            e = json_fail(r, EINVAL, "missing");
        if (e < 0)
            return e;
        leave(r, old);
    }
    return 0;
}
