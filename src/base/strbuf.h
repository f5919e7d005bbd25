/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Growable string. Errors stick: add as much as you like, then ask once. The text is always
 * NUL-terminated; after an error it is what fitted before.
 */
#pragma once

#include <stdarg.h>
#include <stddef.h>

#include "base/util.h"

struct strbuf {
    char *data; /* NULL while empty; sb_text() never is */
    size_t len, cap;
    int error; /* 0 or the first negative errno */
};

#define STRBUF_INIT \
    {               \
        0           \
    }

void sb_init(struct strbuf *sb);
void sb_free(struct strbuf *sb);
/* Empties it and forgets the error; keeps the memory. */
void sb_reset(struct strbuf *sb);
void sb_add(struct strbuf *sb, const char *text);
void sb_addn(struct strbuf *sb, const void *bytes, size_t n);
void sb_addch(struct strbuf *sb, char c);
void sb_addf(struct strbuf *sb, const char *fmt, ...) printf_like(2, 3);
void sb_addvf(struct strbuf *sb, const char *fmt, va_list ap) printf_like(2, 0);
/*
 * A JSON string with its quotes: control characters escaped, bytes that are not UTF-8 replaced by
 * U+FFFD, so that the result is always valid JSON.
 */
void sb_add_json_string(struct strbuf *sb, const char *text);
void sb_add_json_stringn(struct strbuf *sb, const char *text, size_t n);
const char *sb_text(const struct strbuf *sb);

static inline int must_check sb_error(const struct strbuf *sb)
{
    return sb->error;
}

/* Moves the text out (caller frees); the buffer is empty afterwards. 0, or the error and *ret
 * untouched. */
int sb_take(struct strbuf *sb, char **ret) must_check;

#define _cleanup_sb_ _cleanup_(sb_free)

/* Bytes of the UTF-8 sequence at s (n bytes left): 1-4, or 0 when it is not one. */
size_t utf8_sequence(const char *s, size_t n);
