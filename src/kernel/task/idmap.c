/* SPDX-License-Identifier: Apache-2.0 */
/* Maps of user and group ids: see idmap.h. */
#include "kernel/task/idmap.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_RANGES 340 /* of the kernel's own */

int id_map_parse(const char *text, struct id_map *ret)
{
    struct id_map m = {0};
    size_t lines = 0;

    for (const char *p = text; p && *p; p++)
        lines += *p == '\n';
    if (lines > MAX_RANGES)
        return -EBADMSG;
    m.ranges = calloc(lines + 1, sizeof(*m.ranges));
    if (!m.ranges)
        return -ENOMEM;
    for (const char *p = text; m.n < lines; p = strchr(p, '\n') + 1) {
        struct id_range *r = &m.ranges[m.n++];
        if (sscanf(p, "%u %u %u", &r->inside, &r->outside, &r->count) != 3) {
            free(m.ranges);
            return -EBADMSG;
        }
    }
    *ret = m;
    return 0;
}

bool id_is_mapped(const struct id_map *m, uint32_t id)
{
    if (m->n == 0)
        return true;
    for (size_t i = 0; i < m->n; i++)
        if (id >= m->ranges[i].inside && id - m->ranges[i].inside < m->ranges[i].count)
            return true;
    return false;
}
