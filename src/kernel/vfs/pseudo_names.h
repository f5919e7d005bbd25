/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Directories that have the host's files of certain names, for as many as there are: one lookup and
 * one list for all. A file's number in its table goes into the upper part of the context's index,
 * above the number of the processor, node or interface it is about.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "kernel/vfs/pseudo.h"

/* index: number of a processor, node or interface, of a cache, of a name. */
#define INDEX_NUMBER(i)            ((i) &0xfffffu)
#define INDEX_CACHE(i)             (((i) >> 20) & 0xfu)
#define INDEX_NAME(i)              ((i) >> 24)
#define INDEX_WITH_NAME(i, name)   (((i) &0xffffffu) | (uint32_t) (name) << 24)
#define INDEX_WITH_CACHE(i, cache) (((i) &0xff0fffffu) | (uint32_t) (cache) << 20)

struct pseudo_names {
    const char *const *names; /* at most 255, NULL-terminated */
    bool (*has)(const struct pseudo_ctx *c, const char *name);
    const struct pseudo_entry *entry; /* what each leads to */
};

const struct pseudo_entry *pseudo_names_lookup(const struct pseudo_names *n, struct pseudo_ctx *c,
                                               const char *name, size_t len);
int pseudo_names_list(const struct pseudo_names *n, const struct pseudo_ctx *c, uint64_t cursor,
                      bool (*emit)(void *arg, const char *name, uint64_t next), void *arg);
/* "cpu12": 12, when text begins with `prefix` and a number without leading zeros; else -1. */
int pseudo_number_behind(const char *prefix, const char *text, size_t len);
