/* SPDX-License-Identifier: Apache-2.0 */
/* meta.json of a kept sandbox: what it is, as text and as values. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/util.h"
#include "rpc/fail.h"

/* More layers than mounts are shown (host/spectree.c) is no store of ours. */
#define KEPT_MAX_LAYERS 1024

struct kept_layer {
    uint32_t number;
    char *dest; /* absolute inside; on the host at the root joined with it */
};

struct kept_meta {
    char *name;
    char *created;       /* RFC 3339, for people */
    uint64_t created_ns; /* since the epoch */
    char *root;          /* absolute host path */
    uint64_t size_limit; /* bytes; 0: none */
    struct kept_layer *layers;
    size_t n_layers;
};

int kept_meta_format(const struct kept_meta *m, char **ret) must_check;
/* Text with a NUL behind its len bytes; the name must be `name`. The caller frees with
 * kept_meta_free(), also after an error. */
int kept_meta_parse(const char *text, size_t len, const char *name, struct kept_meta *ret,
                    struct fail *f) must_check;
void kept_meta_free(struct kept_meta *m);

/* Appends a layer, with the next free number. */
int kept_meta_add_layer(struct kept_meta *m, const char *dest, const struct kept_layer **ret)
    must_check;
