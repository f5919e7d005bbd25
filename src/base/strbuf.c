/* SPDX-License-Identifier: Apache-2.0 */
#include "base/strbuf.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"

void sb_init(struct strbuf *sb)
{
    *sb = (struct strbuf){0};
}

void sb_free(struct strbuf *sb)
{
    free(sb->data);
    sb_init(sb);
}

void sb_reset(struct strbuf *sb)
{
    sb->len = 0;
    sb->error = 0;
    if (sb->data)
        sb->data[0] = '\0';
}

/* Room for n more bytes and the NUL. */
static bool reserve(struct strbuf *sb, size_t n)
{
    size_t need;
    if (sb->error)
        return false;
    if (!check_add(sb->len, n, &need) || !check_add(need, (size_t) 1, &need) ||
        need > SIZE_MAX / 2) {
        sb->error = -ENOMEM;
        return false;
    }
    if (need <= sb->cap)
        return true;
    size_t cap = MAX(MAX(need, sb->cap * 2), (size_t) 64);
    char *data = realloc(sb->data, cap);
    if (!data) {
        sb->error = -ENOMEM;
        return false;
    }
    sb->data = data;
    sb->cap = cap;
    return true;
}

void sb_addn(struct strbuf *sb, const void *bytes, size_t n)
{
    if (!reserve(sb, n))
        return;
    if (n)
        memcpy(sb->data + sb->len, bytes, n);
    sb->len += n;
    sb->data[sb->len] = '\0';
}

void sb_add(struct strbuf *sb, const char *text)
{
    sb_addn(sb, text, strlen(text));
}

void sb_addch(struct strbuf *sb, char c)
{
    sb_addn(sb, &c, 1);
}

void sb_addvf(struct strbuf *sb, const char *fmt, va_list ap)
{
    va_list again;
    va_copy(again, ap);
    if (reserve(sb, 0)) {
        size_t room = sb->cap - sb->len;
        int n = vsnprintf(sb->data + sb->len, room, fmt, ap);
        if (n < 0) {
            sb->error = -EINVAL;
            sb->data[sb->len] = '\0';
        } else if ((size_t) n < room) {
            sb->len += (size_t) n;
        } else if (reserve(sb, (size_t) n)) {
            (void) vsnprintf(sb->data + sb->len, (size_t) n + 1, fmt, again);
            sb->len += (size_t) n;
        } else {
            sb->data[sb->len] = '\0';
        }
    }
    va_end(again);
}

void sb_addf(struct strbuf *sb, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    sb_addvf(sb, fmt, ap);
    va_end(ap);
}

/* Well-formed UTF-8 as RFC 3629 has it: no overlong forms, no surrogates, nothing past U+10FFFF. */
size_t utf8_sequence(const char *s, size_t n)
{
    const unsigned char *p = (const unsigned char *) s;
    if (n == 0)
        return 0;
    if (p[0] < 0x80)
        return 1;
    size_t len = p[0] >= 0xc2 && p[0] <= 0xdf   ? 2
                 : p[0] >= 0xe0 && p[0] <= 0xef ? 3
                 : p[0] >= 0xf0 && p[0] <= 0xf4 ? 4
                                                : 0;
    if (len == 0 || len > n)
        return 0;
    for (size_t i = 1; i < len; i++)
        if ((p[i] & 0xc0) != 0x80)
            return 0;
    if ((p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xed && p[1] > 0x9f) ||
        (p[0] == 0xf0 && p[1] < 0x90) || (p[0] == 0xf4 && p[1] > 0x8f))
        return 0;
    return len;
}

static void add_escaped(struct strbuf *sb, unsigned char c)
{
    static const char names[] = "\bb\tt\nn\ff\rr\"\"\\\\";
    for (size_t i = 0; i + 1 < sizeof(names); i += 2) {
        if ((unsigned char) names[i] == c) {
            sb_addch(sb, '\\');
            sb_addch(sb, names[i + 1]);
            return;
        }
    }
    sb_addf(sb, "\\u%04x", c);
}

void sb_add_json_stringn(struct strbuf *sb, const char *text, size_t n)
{
    sb_addch(sb, '"');
    for (size_t i = 0; i < n;) {
        unsigned char c = (unsigned char) text[i];
        size_t len = utf8_sequence(text + i, n - i);
        if (c < 0x20 || c == '"' || c == '\\' || c == 0x7f)
            add_escaped(sb, c);
        else if (len == 0)
            sb_add(sb, "\xef\xbf\xbd");
        else
            sb_addn(sb, text + i, len);
        i += len ? len : 1;
    }
    sb_addch(sb, '"');
}

void sb_add_json_string(struct strbuf *sb, const char *text)
{
    sb_add_json_stringn(sb, text, strlen(text));
}

const char *sb_text(const struct strbuf *sb)
{
    return sb->data ? sb->data : "";
}

int sb_take(struct strbuf *sb, char **ret)
{
    (void) reserve(sb, 0);
    if (sb->error)
        return sb->error;
    sb->data[sb->len] = '\0';
    *ret = sb->data;
    sb_init(sb);
    return 0;
}
