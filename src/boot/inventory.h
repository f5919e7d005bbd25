/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The descriptor inventory: which descriptors the sandbox process may hold, and why. Everything
 * else is closed before confinement, and the posture check compares it with what is really open.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/util.h"
#include "rpc/fail.h"
#include "rpc/spec.h"

#define INVENTORY_MAX 1200

struct inventory {
    struct inventory_item {
        int fd;
        const char *name; /* static text: "stdin", "tree", ... */
    } items[INVENTORY_MAX];
    size_t n;
};

/* stdio, sync, spec and everything that the spec names. Fails on a number given twice, out of range
 * or not open. */
int inventory_from_spec(struct inventory *inv, const struct sandbox_spec *s, struct fail *f)
    must_check;
/* fd < 0 is nothing. -EINVAL for a number that is there already, -E2BIG. */
int inventory_add(struct inventory *inv, int fd, const char *name) must_check;
void inventory_remove(struct inventory *inv, int fd);
/* The name of a descriptor, or NULL when it is not on the list. */
const char *inventory_name(const struct inventory *inv, int fd);
/* Closes every descriptor that is not on the list. */
int inventory_close_others(struct inventory *inv) must_check;
/* Sets or clears close-on-exec on everything listed. */
int inventory_set_cloexec(const struct inventory *inv, bool on) must_check;
