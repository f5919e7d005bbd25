/* SPDX-License-Identifier: Apache-2.0 */
/* What the commands on containers share. */
#pragma once

#include "cli/cli.h"
#include "host/state.h"

/* A store and one container of it, opened and locked. */
struct opened {
    struct state_store store;
    struct container c;
};

#define OPENED_NONE                              \
    {                                            \
        .store = {.fd = -1}, .c = CONTAINER_NONE \
    }

int opened_open(const struct cli *cli, const char *id, enum container_access access,
                struct opened *ret, struct fail *f) must_check;
void opened_close(struct opened *o);
