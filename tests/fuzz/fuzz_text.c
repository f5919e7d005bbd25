/* SPDX-License-Identifier: Apache-2.0 */
/* Base's text handling: numbers, and JSON strings of any bytes. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <json.h>

#include "base/parse.h"
#include "base/strbuf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void numbers(const char *text)
{
    uint64_t u;
    int64_t i;
    uint32_t u32;

    if (parse_u64(text, &u) == 0 && text[0] == '-')
        abort();
    if (parse_i64(text, &i) == 0 && (i < 0) != (text[0] == '-' && i != 0))
        abort();
    (void) !parse_size(text, &u);
    (void) !parse_octal(text, &u32);
    (void) !parse_hex(text, &u);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    _cleanup_sb_ struct strbuf sb = STRBUF_INIT;
    char *text = strndup((const char *) data, size);

    if (!text)
        return 0;
    numbers(text);
    sb_add_json_stringn(&sb, (const char *) data, size);
    if (sb_error(&sb) == 0) {
        struct json_object *o = json_tokener_parse(sb_text(&sb));
        if (!o || !json_object_is_type(o, json_type_string))
            abort();
        json_object_put(o);
    }
    free(text);
    return 0;
}
