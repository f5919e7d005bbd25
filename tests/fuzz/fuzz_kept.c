/* SPDX-License-Identifier: Apache-2.0 */
/* What describes a kept sandbox: the notes that the sandbox left in its layers, and meta.json. The
 * first byte says which. What is accepted means the same when it is written and read again. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "host/path.h"
#include "host/store_meta.h"
#include "host/upper_meta.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void meta(const char *text, size_t n)
{
    struct kept_meta m, again;
    struct fail f = {0};
    char *copy = strndup(text, n), *out;

    if (copy && kept_meta_parse(copy, strlen(copy), "n", &m, &f) == 0) {
        if (kept_meta_format(&m, &out) < 0)
            abort();
        if (kept_meta_parse(out, strlen(out), "n", &again, &f) < 0 || again.n_layers != m.n_layers)
            abort();
        kept_meta_free(&again);
        kept_meta_free(&m);
        free(out);
    }
    free(copy);
}

static void notes(const char *text, size_t n)
{
    struct upper_origin origin;
    struct upper_owner owner;
    char *path;

    if (upper_origin_parse(text, n, &origin) == 0 &&
        (origin.mtime.tv_nsec < 0 || origin.mtime.tv_nsec > 999999999 ||
         origin.ctime.tv_nsec > 999999999 || origin.size > INT64_MAX))
        abort();
    if (upper_owner_parse(text, n, &owner) == 0 && !owner.is_device && owner.rdev != 0)
        abort();
    if (upper_redirect_parse(text, n, &path) == 0) {
        if (!path_is_normal(path) || path_is_below(path, "/..") || strlen(path) != n)
            abort();
        free(path);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    if (data[0] == 'm')
        meta((const char *) data + 1, size - 1);
    else
        notes((const char *) data + 1, size - 1);
    return 0;
}
