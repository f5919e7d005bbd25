/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which user and group ids there are: the container's user namespace has a map, and what is not in
 * it can neither be taken nor given to a file (EINVAL). Files of others show the overflow id, which
 * is the host's doing. Source: user_namespaces(7).
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/util.h"

struct id_range {
    uint32_t inside, outside, count;
};

/* One map: immutable. Without ranges every id is itself: a plain user's single id is not all that
 * programs are to see, and owners of files are the host's choice then. */
struct id_map {
    struct id_range *ranges;
    size_t n;
};

struct id_maps {
    struct id_map uid, gid;
};

/* From the text of /proc/PID/uid_map; NULL: no ranges. -EBADMSG, -ENOMEM. */
int id_map_parse(const char *text, struct id_map *ret) must_check;
bool id_is_mapped(const struct id_map *m, uint32_t id);
