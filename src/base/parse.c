/* SPDX-License-Identifier: Apache-2.0 */
#include "base/parse.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

#include "base/checked.h"

static int digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return 99;
}

/* Reads digits up to *ret_end. At least one. */
static int digits(const char *s, unsigned base, uint64_t *ret, const char **ret_end)
{
    uint64_t v = 0;
    const char *p = s;
    for (; (unsigned) digit(*p) < base; p++)
        if (!check_mul(v, (uint64_t) base, &v) || !check_add(v, (uint64_t) digit(*p), &v))
            return -ERANGE;
    if (p == s)
        return -EINVAL;
    *ret = v;
    *ret_end = p;
    return 0;
}

static int whole(const char *s, unsigned base, uint64_t *ret)
{
    const char *end;
    uint64_t v;
    if (!s)
        return -EINVAL;
    int r = digits(s, base, &v, &end);
    if (r < 0)
        return r;
    if (*end)
        return -EINVAL;
    *ret = v;
    return 0;
}

int parse_u64(const char *text, uint64_t *ret)
{
    return whole(text, 10, ret);
}

static int whole32(const char *text, unsigned base, uint32_t *ret)
{
    uint64_t v;
    int r = whole(text, base, &v);
    if (r < 0)
        return r;
    if (v > UINT32_MAX)
        return -ERANGE;
    *ret = (uint32_t) v;
    return 0;
}

int parse_u32(const char *text, uint32_t *ret)
{
    return whole32(text, 10, ret);
}

int parse_octal(const char *text, uint32_t *ret)
{
    return whole32(text, 8, ret);
}

int parse_hex(const char *text, uint64_t *ret)
{
    return whole(text, 16, ret);
}

int parse_i64(const char *text, int64_t *ret)
{
    if (!text)
        return -EINVAL;
    bool negative = *text == '-';
    uint64_t v;
    int r = whole(text + negative, 10, &v);
    if (r < 0)
        return r;
    if (v > (uint64_t) INT64_MAX + negative)
        return -ERANGE;
    *ret = negative ? (int64_t) (0 - v) : (int64_t) v;
    return 0;
}

int parse_i32(const char *text, int32_t *ret)
{
    int64_t v;
    int r = parse_i64(text, &v);
    if (r < 0)
        return r;
    if (v < INT32_MIN || v > INT32_MAX)
        return -ERANGE;
    *ret = (int32_t) v;
    return 0;
}

int parse_size(const char *text, uint64_t *ret)
{
    static const char units[] = "KMGT";
    const char *end;
    uint64_t v, scale = 1;
    if (!text)
        return -EINVAL;
    int r = digits(text, 10, &v, &end);
    if (r < 0)
        return r;
    for (unsigned i = 0; i < sizeof(units) - 1; i++) {
        if ((*end & ~0x20) == units[i]) {
            scale = (uint64_t) 1 << (10 * (i + 1));
            end++;
            break;
        }
    }
    if (*end && strcasecmp(end, "b") != 0 && (scale == 1 || strcasecmp(end, "ib") != 0))
        return -EINVAL;
    if (!check_mul(v, scale, &v))
        return -ERANGE;
    *ret = v;
    return 0;
}

int parse_bool(const char *text, bool *ret)
{
    static const char *const yes[] = {"true", "yes", "on", "1"}, *const no[] = {"false", "no",
                                                                                "off", "0"};
    for (size_t i = 0; text && i < ARRAY_LEN(yes); i++) {
        if (strcmp(text, yes[i]) == 0 || strcmp(text, no[i]) == 0) {
            *ret = strcmp(text, yes[i]) == 0;
            return 0;
        }
    }
    return -EINVAL;
}
