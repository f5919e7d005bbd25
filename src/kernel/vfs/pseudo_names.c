/* SPDX-License-Identifier: Apache-2.0 */
/* Directories of names out of a table: see pseudo_names.h. */
#include "kernel/vfs/pseudo_names.h"

#include <string.h>

const struct pseudo_entry *pseudo_names_lookup(const struct pseudo_names *n, struct pseudo_ctx *c,
                                               const char *name, size_t len)
{
    for (unsigned i = 0; n->names[i]; i++) {
        if (strlen(n->names[i]) != len || memcmp(n->names[i], name, len) != 0)
            continue;
        if (!n->has(c, n->names[i]))
            return NULL;
        c->index = INDEX_WITH_NAME(c->index, i);
        return n->entry;
    }
    return NULL;
}

int pseudo_names_list(const struct pseudo_names *n, const struct pseudo_ctx *c, uint64_t cursor,
                      bool (*emit)(void *arg, const char *name, uint64_t next), void *arg)
{
    size_t count = 0;

    while (n->names[count])
        count++;
    for (uint64_t i = cursor; i < count; i++)
        if (n->has(c, n->names[i]) && !emit(arg, n->names[i], i + 1))
            break;
    return 0;
}

int pseudo_number_behind(const char *prefix, const char *text, size_t len)
{
    size_t n = strlen(prefix);
    int v = 0;

    if (len <= n || len > n + 4 || memcmp(text, prefix, n) != 0 || (text[n] == '0' && len > n + 1))
        return -1;
    for (size_t i = n; i < len; i++) {
        if (text[i] < '0' || text[i] > '9')
            return -1;
        v = v * 10 + (text[i] - '0');
    }
    return v;
}
