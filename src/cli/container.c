/* SPDX-License-Identifier: Apache-2.0 */
/* Opening a container by name: see container.h. */
#include "cli/container.h"

#include <errno.h>

int opened_open(const struct cli *cli, const char *id, enum container_access access,
                struct opened *ret, struct fail *f)
{
    int r = container_check_id(id, f);

    if (r == 0)
        r = state_store_open(cli->root, false, &ret->store, f);
    if (r == -ENOENT)
        return fail(f, ENOENT, "container \"%s\" does not exist: container does not exist", id);
    if (r == 0)
        r = container_open(&ret->store, id, access, &ret->c, f);
    return r;
}

void opened_close(struct opened *o)
{
    container_close(&o->c);
    state_store_close(&o->store);
}
