/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading JSON into C structs by tables. A table lists the properties of one object; a value of the
 * wrong type or out of range is an error that names its path ("process.args[0]: expected a string,
 * found a number"); properties without an entry are ignored, as the OCI specification demands.
 */
#pragma once

#include <json-c/json.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/strbuf.h"
#include "base/util.h"
#include "rpc/fail.h"

struct json_reader {
    struct strbuf path;  /* of the value being read, "" at the top */
    struct strbuf noted; /* properties that were given and are not honoured, ", " between them */
    struct fail *f;
};

enum json_kind {
    JSON_STRING,  /* char *, owned */
    JSON_STRINGS, /* char **, NULL-terminated, owned */
    JSON_BOOL,    /* bool */
    JSON_U32,     /* uint32_t */
    JSON_U64,     /* uint64_t */
    JSON_I64,     /* int64_t */
    JSON_OBJECT,  /* an object inside the same C struct: `table` reads it into the same target */
    JSON_ARRAY,   /* an array of objects: grows the C array at offset by elements of `size` */
    JSON_NUMBERS, /* an array of uint32_t with a count */
    JSON_KEEP,    /* json_object *, a new reference; must be an object */
    JSON_CUSTOM,  /* read() decides */
    JSON_NOTED, /* not honoured: its path goes into `noted` unless it is empty, false, 0 or null */
};

struct json_table;

struct json_field {
    const char *name;
    enum json_kind kind;
    bool required;
    size_t offset;
    size_t count;                   /* ARRAY, NUMBERS: offset of the size_t that counts */
    size_t size;                    /* ARRAY: bytes of an element */
    const struct json_table *table; /* OBJECT, ARRAY */
    int (*read)(struct json_reader *r, json_object *v, void *target);
};

struct json_table {
    const struct json_field *fields;
    size_t n;
};

#define JSON_TABLE(f)                    \
    {                                    \
        .fields = (f), .n = ARRAY_LEN(f) \
    }

/* Parses a whole document, with a NUL behind its len bytes. `name` is for messages. 0 and a
 * reference in *ret. */
int json_parse(const char *text, size_t len, const char *name, json_object **ret, struct fail *f)
    must_check;

/* Reads object v by the table into target; may leave it half-filled on error, to be freed as usual.
 */
int json_read(struct json_reader *r, json_object *v, const struct json_table *t, void *target)
    must_check;

/* For read() callbacks: an error at the current path. Returns -err. */
int json_fail(struct json_reader *r, int err, const char *fmt, ...) printf_like(3, 4);
/* The error "expected X, found Y" for v. */
int json_fail_type(struct json_reader *r, const char *expected, json_object *v);
/* A string without NUL inside; borrowed. */
int json_get_text(struct json_reader *r, json_object *v, const char **ret) must_check;
